/*
 * A document as a sequence of elements and text, whether it is XML or WBXML. What is
 * read and written above this line does not know which.
 *
 * The readers are for hostile input: no DTD is processed, no entity defined, nothing
 * fetched; depth, elements and sizes end at limits.h. Elements that are not known are left out
 * with all that is in them. Text is UTF-8 without NUL, but for octets that WBXML carries as
 * opaque.
 */
#ifndef FANTAIL_SYNCML_MARKUP_H
#define FANTAIL_SYNCML_MARKUP_H

#include "element.h"

enum sml_encoding {
	SML_XML,
	SML_WBXML,
};

#define MARKUP_ERROR (markup_error_quark())
GQuark markup_error_quark(void);
enum markup_error {
	MARKUP_ERROR_SYNTAX,   /* not well formed */
	MARKUP_ERROR_LIMIT,    /* too deep, too many, too long */
	MARKUP_ERROR_LANGUAGE, /* another language: not SyncML or DevInf */
};

/* --- reading ------------------------------------------------------------ */

struct markup_handler {
	/* FALSE, with *error set: stop. */
	gboolean (*open)(enum sml_element element, gpointer data, GError **error);
	/* In as many pieces as it comes; not NUL-terminated. White space between elements comes,
	 * too. */
	gboolean (*text)(const char *text, gsize len, gpointer data, GError **error);
	gboolean (*close)(enum sml_element element, gpointer data, GError **error);
};

/* `language` is what the root has to be of. DevInf inside a SyncML document comes with
 * its own elements: in XML as children, in WBXML as text (a nested document) that is handed
 * to markup_read again. In XML, an element is known by its name alone (phones get
 * namespaces wrong). */
gboolean markup_read(enum sml_encoding encoding, enum sml_language language, const void *document,
		     gsize len, const struct markup_handler *handler, gpointer data,
		     GError **error);

/* What a body is, whatever its Content-Type says: 0x01-0x03 at the beginning is WBXML. */
enum sml_encoding markup_guess(const void *document, gsize len);

/* --- writing ------------------------------------------------------------ */

struct markup_writer;
typedef struct markup_writer markup_writer_t;

enum sml_version {
	SML_1_0,
	SML_1_1,
	SML_1_2,
};

struct markup_style {
	enum sml_encoding encoding;
	enum sml_version version; /* namespaces and public ids */
	enum sml_language language;
	gboolean cdata; /* item data as CDATA where it can be; some XML clients want it */
};

struct markup_writer *markup_writer_new(const struct markup_style *style);
void markup_writer_free(struct markup_writer *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(markup_writer_t, markup_writer_free)
enum sml_encoding markup_writer_encoding(const struct markup_writer *writer);

void markup_open(struct markup_writer *writer, enum sml_element element);
void markup_close(struct markup_writer *writer);
/* Short values of headers and metadata. */
void markup_text(struct markup_writer *writer, const char *text);
/* Octets of an item: opaque in WBXML; in XML CR is written so that it survives. In XML it
 * has to be text. */
void markup_data(struct markup_writer *writer, const void *data, gsize len);
/* <element>text</element>; nothing at all if `text` is NULL. */
void markup_leaf(struct markup_writer *writer, enum sml_element element, const char *text);
void markup_leaf_uint(struct markup_writer *writer, enum sml_element element, guint64 value);
/* <element/> */
void markup_empty(struct markup_writer *writer, enum sml_element element);

/* Bytes if the document were finished now: what was written, and the ends of all elements
 * that are open. */
gsize markup_writer_size(const struct markup_writer *writer);
/* Octets that markup_data() would add for these, its element not counted. */
gsize markup_data_size(struct markup_writer *writer, const void *data, gsize len);

/* The place to return to if what comes next turns out too much. An element that was open
 * then has to be open still. */
struct markup_mark {
	gsize len;
	guint depth;
	guint page;
};
struct markup_mark markup_writer_mark(const struct markup_writer *writer);
void markup_writer_rewind(struct markup_writer *writer, struct markup_mark mark);

/* Closes what is open; the writer is empty then. */
GBytes *markup_writer_finish(struct markup_writer *writer);

#endif
