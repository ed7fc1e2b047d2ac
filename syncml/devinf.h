/*
 * DevInf (OMA Device Information 1.0 to 1.2): what a phone can and cannot hold. 1.0 and 1.1
 * have one flat list of capabilities for the whole device, 1.2 one for each data store; here
 * both are the same tree. Pure.
 */
#ifndef FANTAIL_SYNCML_DEVINF_H
#define FANTAIL_SYNCML_DEVINF_H

#include "markup.h"

struct devinf_type {
	char *type;    /* CTType */
	char *version; /* VerCT */
};

struct devinf_param {
	char *name;
	GPtrArray *values; /* char *; ValEnum, may be empty */
};

struct devinf_property {
	char *name;
	char *data_type;   /* NULL = not said */
	guint64 max_occur; /* 0 = not said */
	guint64 max_size;
	gboolean has_max_size; /* 0 is a size, too: an empty value */
	gboolean no_truncate;
	GPtrArray *values; /* char *; ValEnum */
	GPtrArray *params; /* struct devinf_param * */
};

struct devinf_capability {
	struct devinf_type type;
	gboolean field_level;
	GPtrArray *properties; /* struct devinf_property * */
};

struct devinf_store {
	char *source_ref, *display_name;
	guint64 max_guid_size;   /* 0 = not said */
	GPtrArray *rx, *tx;      /* struct devinf_type *; the preferred one first */
	GPtrArray *capabilities; /* struct devinf_capability *; those of 1.0 and 1.1 are the
				    device's, shared by all stores */
	guint64 max_mem, max_id; /* 0 = not said */
	gboolean shared_mem, hierarchical;
	guint sync_types;                               /* bit n: SyncType n */
	GPtrArray *filter_rx;                           /* struct devinf_type * */
	GPtrArray *filter_keywords, *filter_properties; /* char * */
};

struct devinf {
	gatomicrefcount refs;
	enum sml_version version;
	char *man, *mod, *oem, *fw_version, *sw_version, *hw_version, *dev_id, *dev_type;
	gboolean utc, large_objects, number_of_changes;
	GPtrArray *stores;      /* struct devinf_store * */
	GHashTable *extensions; /* XNam -> GPtrArray of XVal */
};
typedef struct devinf devinf_t;

struct devinf *devinf_new(enum sml_version version);
struct devinf *devinf_ref(struct devinf *devinf);
void devinf_unref(struct devinf *devinf);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(devinf_t, devinf_unref)

/* The pieces; strings are copied, NULL is fine. Arrays free what is put into them. */
struct devinf_store *devinf_store_new(const char *source_ref);
struct devinf_capability *devinf_capability_new(const char *type, const char *version);
struct devinf_property *devinf_property_new(const char *name);
struct devinf_param *devinf_param_new(const char *name);
struct devinf_type *devinf_type_new(const char *type, const char *version);
GPtrArray *devinf_capabilities_new(void);
GPtrArray *devinf_properties_new(void);

/* A document of its own: XML or WBXML, which its first octets tell. */
struct devinf *devinf_parse(const void *document, gsize len, GError **error);
/* The Property elements of a field filter: a document without a root. GPtrArray of struct
 * devinf_property *, which frees them. */
GPtrArray *devinf_parse_properties(const char *text, gsize len, GError **error);
/* As children of a SyncML document: give it what markup_read says between the open and the
 * close of DEV_DEVINF, both included. */
struct devinf_reader;
struct devinf_reader *devinf_reader_new(void);
gboolean devinf_reader_open(struct devinf_reader *reader, enum sml_element element, GError **error);
gboolean devinf_reader_text(struct devinf_reader *reader, const char *text, gsize len,
			    GError **error);
gboolean devinf_reader_close(struct devinf_reader *reader, enum sml_element element,
			     GError **error);
/* The result once DEV_DEVINF was closed (else NULL); frees the reader. */
struct devinf *devinf_reader_finish(struct devinf_reader *reader);

/* A nested document for WBXML, or children for XML: into an open Data element. */
void devinf_write(struct markup_writer *writer, const struct devinf *devinf);
/* As a document of its own. */
GBytes *devinf_document(const struct devinf *devinf, enum sml_encoding encoding);

/* The store that a LocURI names; options and service path are ignored (database-uri.h).
 * NULL = none. */
const struct devinf_store *devinf_find_store(const struct devinf *devinf, const char *uri);
/* What the store holds of that content type; NULL = it does not say. */
const struct devinf_capability *devinf_find_capability(const struct devinf_store *store,
						       const char *type, const char *version);
const struct devinf_property *devinf_find_property(const struct devinf_capability *capability,
						   const char *name);

#endif
