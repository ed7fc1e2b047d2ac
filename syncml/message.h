/*
 * A SyncML message (OMA SyncML Representation Protocol 1.0 to 1.2) as a header and a list of
 * commands, and back. XML and WBXML meet in markup.h, below. Pure: no I/O, no clock.
 *
 * Strings and structs live as long as the message (message->chunk and message->owned); of a
 * message that is being made they may be the caller's own as long as it is.
 */
#ifndef FANTAIL_SYNCML_MESSAGE_H
#define FANTAIL_SYNCML_MESSAGE_H

#include "devinf.h"
#include "markup.h"

/* MetInf. NULL and 0: not said. */
struct sml_meta {
	const char *type;
	const char *format;
	const char *anchor_last, *anchor_next;
	const char *next_nonce; /* base64, as it came */
	const char *mark;
	const char *version;
	guint64 max_msg_size, max_obj_size;
	guint64 free_mem, free_id;
	gboolean has_free; /* Mem was said: 0 is no room */
	guint64 size;
	gboolean has_size; /* some phones say 0 */
	gboolean field_level;
};

struct sml_cred {
	const char *type;   /* "syncml:auth-basic" if it was not said */
	const char *format; /* NULL, "b64" ... */
	const char *data;
	gsize data_len; /* raw digests have NULs */
};

/* Filter in a Target, 1.2. */
struct sml_filter {
	const char *type;        /* content type of the items */
	const char *record_type; /* "syncml:filtertype-cgi" */
	const char *record;      /* the query; NULL = none */
	GPtrArray *fields;       /* struct devinf_property *; NULL = no Field */
	const char *field_text;  /* the same as it came */
	const char *filter_type; /* NULL, "EXCLUSIVE", "INCLUSIVE" or what came */
};

struct sml_item {
	const char *target, *target_name; /* LocURI, LocName */
	const char *source, *source_name;
	const char *source_parent, *target_parent;
	const struct sml_filter *filter; /* of Target */
	struct sml_meta meta;
	GBytes *data; /* as carried: Format b64 is not decoded; NULL = none */
	const char *data_anchor_last, *data_anchor_next; /* Anchor in Data */
	struct devinf *devinf;                           /* DevInf in Data, whichever way it came */
	gboolean more_data;
};

struct sml_map_item {
	const char *target; /* our temporary GUID */
	const char *source; /* LUID */
};

enum sml_command_kind { /* their names are elements, too */
	SML_CMD_ADD,
	SML_CMD_ALERT,
	SML_CMD_ATOMIC,
	SML_CMD_COPY,
	SML_CMD_DELETE,
	SML_CMD_EXEC,
	SML_CMD_GET,
	SML_CMD_MAP,
	SML_CMD_MOVE,
	SML_CMD_PUT,
	SML_CMD_REPLACE,
	SML_CMD_RESULTS,
	SML_CMD_SEARCH,
	SML_CMD_SEQUENCE,
	SML_CMD_STATUS,
	SML_CMD_SYNC,
};

struct sml_command {
	enum sml_command_kind kind;
	guint32 cmd_id; /* 0: it was missing or no number */
	gboolean no_resp;
	const struct sml_cred *cred; /* NULL = none */
	struct sml_meta meta;
	GPtrArray *items; /* struct sml_item *; never NULL */

	/* Sync, Map, Search */
	const char *target, *source;
	const struct sml_filter *filter;
	gint64 number_of_changes; /* -1 = not said */
	GPtrArray *children;      /* struct sml_command *: Sync, Atomic, Sequence; else NULL */
	GPtrArray *map_items;     /* struct sml_map_item *: Map; else NULL */

	gboolean archive, soft_delete; /* Delete */
	const char *correlator;        /* Alert, Exec */

	/* Alert: its code. Status: its code. 0 = missing, or no number. */
	guint32 code;

	/* Status, Results */
	guint32 msg_ref, cmd_ref;
	const char *cmd;        /* Status: the name of what it answers */
	GPtrArray *target_refs; /* const char *; NULL = none */
	GPtrArray *source_refs;
	const struct sml_meta *chal; /* NULL = none */
};

struct sml_message {
	enum sml_version version;
	const char *ver_dtd, *ver_proto; /* as they came; ver_proto may be NULL */
	gboolean version_known;          /* FALSE: `version` is the nearest we speak */
	const char *session_id;
	guint32 msg_id;
	const char *target, *target_name, *source, *source_name;
	const char *resp_uri;
	gboolean no_resp;
	const struct sml_cred *cred;
	struct sml_meta meta;
	GPtrArray *commands; /* struct sml_command * */
	gboolean final;

	GStringChunk *chunk;
	GArray *owned; /* what is freed with it */
	gsize parts;   /* octets that commands, items and the like take; LIMIT_MESSAGE_PARTS */
};
typedef struct sml_message sml_message_t;

/* An empty one to be filled. */
struct sml_message *sml_message_new(void);
void sml_message_free(struct sml_message *message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sml_message_t, sml_message_free)

/* Into message->owned. */
struct sml_command *sml_command_new(struct sml_message *message, enum sml_command_kind kind);
struct sml_item *sml_item_new(struct sml_message *message, struct sml_command *command);
/* Frees it with the message; returns it. */
gpointer sml_message_own(struct sml_message *message, gpointer object, GDestroyNotify destroy);
const char *sml_message_string(struct sml_message *message, const char *text, gssize len);
/* Something of that size is the message's now. */
void sml_message_count(struct sml_message *message, gsize size);

/* "Add" ... */
const char *sml_command_name(enum sml_command_kind kind);

/* Errors are MARKUP_ERROR, or MESSAGE_ERROR when it is well formed but has no header to
 * answer to. What is wrong with a single command is left to whoever answers the command:
 * a number that is none is 0, a text that is missing is NULL. */
#define MESSAGE_ERROR (message_error_quark())
GQuark message_error_quark(void);
enum message_error {
	MESSAGE_ERROR_HEADER, /* no SyncHdr, SessionID, MsgID or Source */
	MESSAGE_ERROR_LIMIT,  /* a value longer, or more of them, than limits.h allows */
};
struct sml_message *sml_message_read(enum sml_encoding encoding, const void *body, gsize len,
				     GError **error);

/* The parts of writing, so that whoever builds an answer can see after each command how
 * large it has become (markup_writer_size) and take it back. In the order of the DTD. */
void sml_write_begin(struct markup_writer *writer, const struct sml_message *header);
void sml_write_command(struct markup_writer *writer, const struct sml_command *command);
/* For what is added to piece by piece: Sync, Atomic, Sequence with no children yet. Ended by
 * markup_close. */
void sml_write_open_command(struct markup_writer *writer, const struct sml_command *command);
/* SyncBody's and the document's end. */
GBytes *sml_write_end(struct markup_writer *writer, gboolean final);

#endif
