#include "wbxml.h"
#include "limits.h"

#include <stdlib.h>
#include <string.h>

/* Global tokens (WAP-192 section 7.1). */
enum {
	SWITCH_PAGE = 0x00,
	END = 0x01,
	ENTITY = 0x02,
	STR_I = 0x03,
	LITERAL = 0x04,
	EXT_I_0 = 0x40,
	EXT_I_2 = 0x42,
	PI = 0x43,
	EXT_T_0 = 0x80,
	EXT_T_2 = 0x82,
	STR_T = 0x83,
	EXT_0 = 0xC0,
	EXT_2 = 0xC2,
	OPAQUE = 0xC3,
};
#define HAS_ATTRIBUTES 0x80
#define HAS_CONTENT 0x40
#define TAG_BITS 0x3F

#define VERSION_1_2 0x02
#define CHARSET_UTF_8 0x6A

struct reader {
	const unsigned char *start, *pos, *end;
	const unsigned char *strings; /* the string table */
	size_t strings_len;
	const struct wbxml_handler *handler;
	void *data;
	unsigned int page, attribute_page;
	unsigned int depth, elements;
	size_t referred; /* octets that references stand for, so far */
};

/* --- reading: pieces ------------------------------------------------------ */

static enum wbxml_result read_byte(struct reader *reader, unsigned int *byte_r)
{
	if (reader->pos == reader->end)
		return WBXML_TRUNCATED;
	*byte_r = *reader->pos++;
	return WBXML_OK;
}

/* mb_u_int32 (section 5.1): 7 bits in each byte, the high bit says that there are more. */
static enum wbxml_result read_number(struct reader *reader, uint32_t *number_r)
{
	uint32_t number = 0;

	for (unsigned int i = 0; i < 5; i++) {
		if (reader->pos == reader->end)
			return WBXML_TRUNCATED;
		if (number > UINT32_MAX >> 7)
			return WBXML_BAD_NUMBER;
		number = number << 7 | (*reader->pos & 0x7F);
		if ((*reader->pos++ & 0x80) == 0) {
			*number_r = number;
			return WBXML_OK;
		}
	}
	return WBXML_BAD_NUMBER;
}

static enum wbxml_result read_inline(struct reader *reader, const char **text_r, size_t *len_r)
{
	const unsigned char *nul = memchr(reader->pos, '\0', (size_t)(reader->end - reader->pos));

	if (nul == NULL)
		return WBXML_TRUNCATED;
	*text_r = (const char *)reader->pos;
	*len_r = (size_t)(nul - reader->pos);
	reader->pos = nul + 1;
	return WBXML_OK;
}

/* Up to its NUL, or the end of the table: the last one may go without. */
static enum wbxml_result table_string(struct reader *reader, uint32_t index, const char **text_r,
				      size_t *len_r)
{
	const unsigned char *nul;

	if (index >= reader->strings_len)
		return WBXML_BAD_REFERENCE;
	*text_r = (const char *)reader->strings + index;
	*len_r = reader->strings_len - index;
	nul = memchr(*text_r, '\0', *len_r);
	if (nul != NULL)
		*len_r = (size_t)(nul - (const unsigned char *)*text_r);
	reader->referred += *len_r;
	return reader->referred > LIMIT_MARKUP_REFERRED ? WBXML_TOO_LONG : WBXML_OK;
}

static enum wbxml_result read_table_string(struct reader *reader, const char **text_r,
					   size_t *len_r)
{
	uint32_t index;
	enum wbxml_result result = read_number(reader, &index);

	return result == WBXML_OK ? table_string(reader, index, text_r, len_r) : result;
}

static enum wbxml_result read_opaque(struct reader *reader, const char **text_r, size_t *len_r)
{
	uint32_t len;
	enum wbxml_result result = read_number(reader, &len);

	if (result != WBXML_OK)
		return result;
	if (len > (size_t)(reader->end - reader->pos))
		return WBXML_TRUNCATED;
	*text_r = (const char *)reader->pos;
	*len_r = len;
	reader->pos += len;
	return WBXML_OK;
}

/* One character as UTF-8, which has 4 octets at most. */
static enum wbxml_result read_entity(struct reader *reader, char utf8_r[4], size_t *len_r)
{
	uint32_t c;
	enum wbxml_result result = read_number(reader, &c);

	if (result != WBXML_OK)
		return result;
	if (c == 0 || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
		return WBXML_BAD_CHARACTER;
	if (c < 0x80) {
		utf8_r[0] = (char)c;
		*len_r = 1;
		return WBXML_OK;
	}
	*len_r = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = *len_r - 1; i > 0; i--, c >>= 6)
		utf8_r[i] = (char)(0x80 | (c & 0x3F));
	utf8_r[0] = (char)((0xF00 >> *len_r & 0xF0) | c);
	return WBXML_OK;
}

/* --- reading: attributes, which nobody here wants ------------------------- */

/* One token of a list of attributes or of a processing instruction, which has the same form;
 * WBXML_STOPPED is the END of it. */
static enum wbxml_result skip_attribute(struct reader *reader)
{
	const char *text;
	char utf8[4];
	size_t len;
	uint32_t number;
	unsigned int token;
	enum wbxml_result result = read_byte(reader, &token);

	if (result != WBXML_OK)
		return result;
	switch (token) {
	case END:
		return WBXML_STOPPED;
	case SWITCH_PAGE:
		return read_byte(reader, &reader->attribute_page);
	case ENTITY:
		return read_entity(reader, utf8, &len);
	case STR_I:
		return read_inline(reader, &text, &len);
	case STR_T:
		return read_table_string(reader, &text, &len);
	case OPAQUE:
		return read_opaque(reader, &text, &len);
	case LITERAL:
		/* Some phones name one in a string table that they do not have. */
		return read_number(reader, &number);
	default:
		/* Without a content or attribute bit: the start or the value of one. */
		if ((token & TAG_BITS) >= 0x05)
			return WBXML_OK;
		return WBXML_BAD_TOKEN;
	}
}

static enum wbxml_result skip_attributes(struct reader *reader)
{
	enum wbxml_result result;

	do
		result = skip_attribute(reader);
	while (result == WBXML_OK);
	return result == WBXML_STOPPED ? WBXML_OK : result;
}

/* --- reading: elements ----------------------------------------------------- */

static enum wbxml_result read_element(struct reader *reader, unsigned int token)
{
	enum wbxml_result result = WBXML_OK;
	const char *name = NULL;
	size_t len = 0;
	bool going;

	if (++reader->elements > LIMIT_MARKUP_ELEMENTS)
		return WBXML_TOO_MANY;
	if ((token & TAG_BITS) == LITERAL)
		result = read_table_string(reader, &name, &len);
	if (result != WBXML_OK)
		return result;
	if ((token & HAS_ATTRIBUTES) != 0)
		result = skip_attributes(reader);
	if (result != WBXML_OK)
		return result;
	going = name != NULL ? reader->handler->open_literal(name, len, reader->data)
			     : reader->handler->open(reader->page, token & TAG_BITS, reader->data);
	if (!going)
		return WBXML_STOPPED;
	if ((token & HAS_CONTENT) == 0)
		return reader->handler->close(reader->data) ? WBXML_OK : WBXML_STOPPED;
	if (++reader->depth > LIMIT_MARKUP_DEPTH)
		return WBXML_TOO_DEEP;
	return WBXML_OK;
}

static enum wbxml_result read_end(struct reader *reader)
{
	if (reader->depth == 0)
		return WBXML_BAD_TOKEN;
	reader->depth--;
	return reader->handler->close(reader->data) ? WBXML_OK : WBXML_STOPPED;
}

static enum wbxml_result read_text(struct reader *reader, unsigned int token)
{
	enum wbxml_result result;
	const char *text;
	char utf8[4];
	size_t len;

	if (token == ENTITY) {
		result = read_entity(reader, utf8, &len);
		text = utf8;
	} else if (token == STR_I) {
		result = read_inline(reader, &text, &len);
	} else if (token == STR_T) {
		result = read_table_string(reader, &text, &len);
	} else {
		result = read_opaque(reader, &text, &len);
	}
	if (result != WBXML_OK)
		return result;
	if (reader->depth == 0)
		return WBXML_BAD_TOKEN;
	return reader->handler->text(text, len, token == STR_I || token == STR_T, reader->data)
		       ? WBXML_OK
		       : WBXML_STOPPED;
}

static enum wbxml_result read_token(struct reader *reader)
{
	unsigned int token;
	enum wbxml_result result = read_byte(reader, &token);

	if (result != WBXML_OK)
		return result;
	switch (token) {
	case SWITCH_PAGE:
		return read_byte(reader, &reader->page);
	case END:
		return read_end(reader);
	case ENTITY:
	case STR_I:
	case STR_T:
	case OPAQUE:
		return read_text(reader, token);
	case PI:
		return skip_attributes(reader);
	case EXT_I_0 ... EXT_I_2:
	case EXT_T_0 ... EXT_T_2:
	case EXT_0 ... EXT_2:
		return WBXML_BAD_TOKEN;
	default:
		return read_element(reader, token);
	}
}

/* The root, and the processing instructions before it. */
static enum wbxml_result read_body(struct reader *reader)
{
	enum wbxml_result result;

	do
		result = read_token(reader);
	while (result == WBXML_OK && (reader->elements == 0 || reader->depth > 0));
	return result;
}

/* --- reading: the header --------------------------------------------------- */

static enum wbxml_result read_header(struct reader *reader, struct wbxml_header *header)
{
	uint32_t index = 0, strings_len;
	enum wbxml_result result;
	unsigned int version;

	result = read_byte(reader, &version);
	if (result != WBXML_OK)
		return result;
	if (version < 0x01 || version > 0x03)
		return WBXML_BAD_HEADER;
	header->version = (uint8_t)version;
	result = read_number(reader, &header->public_id);
	if (result == WBXML_OK && header->public_id == 0)
		result = read_number(reader, &index);
	if (result == WBXML_OK)
		result = read_number(reader, &header->charset);
	if (result == WBXML_OK)
		result = read_number(reader, &strings_len);
	if (result != WBXML_OK)
		return result;
	if (strings_len > (size_t)(reader->end - reader->pos))
		return WBXML_TRUNCATED;
	reader->strings = reader->pos;
	reader->strings_len = strings_len;
	reader->pos += strings_len;
	if (header->public_id == 0)
		result =
			table_string(reader, index, &header->public_text, &header->public_text_len);
	return result == WBXML_BAD_REFERENCE ? WBXML_BAD_HEADER : result;
}

enum wbxml_result wbxml_read(const void *document, size_t len, const struct wbxml_handler *handler,
			     void *data, size_t *offset_r)
{
	const unsigned char *start = document;
	struct wbxml_header header = {.public_text = NULL};
	struct reader reader = {
		.start = start,
		.pos = start,
		.end = start + len,
		.handler = handler,
		.data = data,
	};
	enum wbxml_result result = read_header(&reader, &header);

	if (result == WBXML_OK && !handler->start(&header, data))
		result = WBXML_STOPPED;
	if (result == WBXML_OK)
		result = read_body(&reader);
	if (result != WBXML_OK && offset_r != NULL)
		*offset_r = (size_t)(reader.pos - reader.start);
	return result;
}

const char *wbxml_strerror(enum wbxml_result result)
{
	switch (result) {
	case WBXML_OK:
		return "no error";
	case WBXML_TRUNCATED:
		return "ends too early";
	case WBXML_BAD_HEADER:
		return "no WBXML header";
	case WBXML_BAD_NUMBER:
		return "a number of more than 32 bits";
	case WBXML_BAD_REFERENCE:
		return "a string outside the string table";
	case WBXML_BAD_CHARACTER:
		return "a character that does not exist";
	case WBXML_BAD_TOKEN:
		return "a token that may not be there";
	case WBXML_TOO_DEEP:
		return "too deep";
	case WBXML_TOO_MANY:
		return "too many elements";
	case WBXML_TOO_LONG:
		return "too much text by reference";
	case WBXML_STOPPED:
		return "refused";
	}
	return "unknown error";
}

/* --- writing ---------------------------------------------------------------- */

/* More than this, and something has gone wrong: no message is as large. */
#define WRITER_MAX (64 * 1024 * 1024)

static bool reserve(struct wbxml_writer *writer, size_t len)
{
	size_t alloc = writer->alloc == 0 ? 1024 : writer->alloc;
	unsigned char *data;

	if (writer->failed)
		return false;
	if (len <= writer->alloc - writer->len)
		return true;
	while (alloc <= WRITER_MAX && alloc - writer->len < len)
		alloc *= 2;
	data = alloc > WRITER_MAX ? NULL : realloc(writer->data, alloc);
	if (data == NULL) {
		writer->failed = true;
		return false;
	}
	writer->data = data;
	writer->alloc = alloc;
	return true;
}

static void write_bytes(struct wbxml_writer *writer, const void *bytes, size_t len)
{
	if (len > 0 && reserve(writer, len)) {
		memcpy(writer->data + writer->len, bytes, len);
		writer->len += len;
	}
}

static void write_byte(struct wbxml_writer *writer, unsigned int byte)
{
	unsigned char c = (unsigned char)byte;

	write_bytes(writer, &c, 1);
}

static void write_number(struct wbxml_writer *writer, uint32_t number)
{
	unsigned char bytes[5];
	unsigned int i = sizeof(bytes) - 1;

	bytes[i] = number & 0x7F;
	while ((number >>= 7) > 0)
		bytes[--i] = (unsigned char)(0x80 | (number & 0x7F));
	write_bytes(writer, bytes + i, sizeof(bytes) - i);
}

void wbxml_writer_init_version(struct wbxml_writer *writer, uint8_t version, uint32_t public_id)
{
	memset(writer, 0, sizeof(*writer));
	write_byte(writer, version);
	write_number(writer, public_id);
	write_number(writer, CHARSET_UTF_8);
	write_number(writer, 0);
}

void wbxml_writer_init(struct wbxml_writer *writer, uint32_t public_id)
{
	wbxml_writer_init_version(writer, VERSION_1_2, public_id);
}

void wbxml_writer_free(struct wbxml_writer *writer)
{
	free(writer->data);
	memset(writer, 0, sizeof(*writer));
}

static void write_tag(struct wbxml_writer *writer, unsigned int page, unsigned int token)
{
	if (page != writer->page) {
		write_byte(writer, SWITCH_PAGE);
		write_byte(writer, page);
		writer->page = page;
	}
	write_byte(writer, token);
}

void wbxml_write_open(struct wbxml_writer *writer, unsigned int page, unsigned int tag,
		      bool content)
{
	write_tag(writer, page, tag | (content ? HAS_CONTENT : 0));
}

void wbxml_write_open_attributes(struct wbxml_writer *writer, unsigned int page, unsigned int tag,
				 bool content)
{
	write_tag(writer, page, tag | (content ? HAS_CONTENT : 0) | HAS_ATTRIBUTES);
}

void wbxml_write_attribute(struct wbxml_writer *writer, unsigned int token)
{
	write_byte(writer, token);
}

void wbxml_write_end_attributes(struct wbxml_writer *writer)
{
	write_byte(writer, END);
}

void wbxml_write_close(struct wbxml_writer *writer)
{
	write_byte(writer, END);
}

void wbxml_write_string(struct wbxml_writer *writer, const char *text)
{
	write_byte(writer, STR_I);
	write_bytes(writer, text, strlen(text) + 1);
}

void wbxml_write_opaque(struct wbxml_writer *writer, const void *data, size_t len)
{
	if (len > UINT32_MAX) {
		writer->failed = true;
		return;
	}
	write_byte(writer, OPAQUE);
	write_number(writer, (uint32_t)len);
	write_bytes(writer, data, len);
}

struct wbxml_mark wbxml_writer_mark(const struct wbxml_writer *writer)
{
	return (struct wbxml_mark){.len = writer->len, .page = writer->page};
}

void wbxml_writer_rewind(struct wbxml_writer *writer, struct wbxml_mark mark)
{
	writer->len = mark.len;
	writer->page = mark.page;
}
