/*
 * WBXML 1.1 to 1.3 (WAP-192), both directions: SyncML and DevInf here, EMN, SI and SL for
 * operators' gateways. What a token means is the caller's: this file knows pages and
 * numbers, no names.
 *
 * Pure: no I/O, no globals; the reader allocates nothing and borrows from the document.
 */
#ifndef FANTAIL_WBXML_H
#define FANTAIL_WBXML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- reading ------------------------------------------------------------ */

enum wbxml_result {
	WBXML_OK = 0,
	WBXML_TRUNCATED,     /* ends within a token, or with elements open */
	WBXML_BAD_HEADER,    /* version, public id or string table */
	WBXML_BAD_NUMBER,    /* an mb_u_int32 of more than 32 bits */
	WBXML_BAD_REFERENCE, /* outside the string table */
	WBXML_BAD_CHARACTER, /* an ENTITY that is no Unicode scalar value */
	WBXML_BAD_TOKEN,     /* extension tokens, END without an element, a second root */
	WBXML_TOO_DEEP,      /* LIMIT_MARKUP_DEPTH */
	WBXML_TOO_MANY,      /* elements, LIMIT_MARKUP_ELEMENTS */
	WBXML_TOO_LONG,      /* strings by reference, LIMIT_MARKUP_REFERRED */
	WBXML_STOPPED,       /* a handler returned false */
};

struct wbxml_header {
	uint8_t version;         /* 0x01 = 1.1 ... 0x03 = 1.3 */
	uint32_t public_id;      /* 0: public_text says it */
	const char *public_text; /* not NUL-terminated; NULL unless public_id is 0 */
	size_t public_text_len;  /* without the NUL that some count in */
	uint32_t charset;        /* MIBenum; 0 = not said */
};

/* What the document says, in its order. All borrowed strings live as long as the
 * document. False stops the reader. Text of one element comes in as many pieces as the
 * document has: strings in the header's charset, or else octets (OPAQUE) and UTF-8 (ENTITY).
 * Attributes and processing instructions are read over. */
struct wbxml_handler {
	bool (*start)(const struct wbxml_header *header, void *data);
	bool (*open)(unsigned int page, unsigned int tag, void *data);
	/* LITERAL: a name that the tables do not have; not NUL-terminated. */
	bool (*open_literal)(const char *name, size_t len, void *data);
	bool (*text)(const char *text, size_t len, bool in_charset, void *data);
	bool (*close)(void *data);
};

/* Octets after the root element are ignored (devices pad). `offset_r`, which may be NULL, is
 * where it went wrong. */
enum wbxml_result wbxml_read(const void *document, size_t len, const struct wbxml_handler *handler,
			     void *data, size_t *offset_r);

const char *wbxml_strerror(enum wbxml_result result);

/* --- writing ------------------------------------------------------------ */

/* A document under way. Once memory ran out `failed` stays true. No string table is ever
 * written. */
struct wbxml_writer {
	unsigned char *data;
	size_t len, alloc;
	unsigned int page; /* the one in force; tags on another switch first */
	bool failed;
};

/* Charset UTF-8, version 1.2. */
void wbxml_writer_init(struct wbxml_writer *writer, uint32_t public_id);
/* `version` as in struct wbxml_header. */
void wbxml_writer_init_version(struct wbxml_writer *writer, uint8_t version, uint32_t public_id);
void wbxml_writer_free(struct wbxml_writer *writer);

/* `content` false: an empty element, which has no close. */
void wbxml_write_open(struct wbxml_writer *writer, unsigned int page, unsigned int tag,
		      bool content);
void wbxml_write_close(struct wbxml_writer *writer);
/* The same with attributes, which end before any content: each is the token of its start, then
 * strings, octets or tokens of values. There is one page of attributes, 0. */
void wbxml_write_open_attributes(struct wbxml_writer *writer, unsigned int page, unsigned int tag,
				 bool content);
void wbxml_write_attribute(struct wbxml_writer *writer, unsigned int token);
void wbxml_write_end_attributes(struct wbxml_writer *writer);
/* `text` has no NUL. */
void wbxml_write_string(struct wbxml_writer *writer, const char *text);
/* Anything. */
void wbxml_write_opaque(struct wbxml_writer *writer, const void *data, size_t len);

/* Where the document is now, to return to when what was written since is too much. */
struct wbxml_mark {
	size_t len;
	unsigned int page;
};
struct wbxml_mark wbxml_writer_mark(const struct wbxml_writer *writer);
void wbxml_writer_rewind(struct wbxml_writer *writer, struct wbxml_mark mark);

#endif
