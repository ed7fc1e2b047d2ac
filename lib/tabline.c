#include "tabline.h"
#include "limits.h"

#include <stdlib.h>
#include <string.h>

#define ESCAPE '\001'

void tabline_buf_init(struct tabline_buf *buf, size_t max)
{
	memset(buf, 0, sizeof(*buf));
	buf->max = max;
}

void tabline_buf_free(struct tabline_buf *buf)
{
	free(buf->data);
	tabline_buf_init(buf, buf->max);
}

void tabline_buf_clear(struct tabline_buf *buf)
{
	buf->len = buf->line_start = 0;
	buf->failed = false;
}

static bool reserve(struct tabline_buf *buf, size_t add)
{
	if (buf->failed || add > buf->max - buf->len) {
		buf->failed = true;
		return false;
	}
	if (buf->len + add <= buf->alloc)
		return true;

	size_t want = buf->alloc == 0 ? 512 : buf->alloc * 2;
	if (want < buf->len + add)
		want = buf->len + add;
	if (want > buf->max)
		want = buf->max;
	char *data = realloc(buf->data, want);
	if (data == NULL) {
		buf->failed = true;
		return false;
	}
	buf->data = data;
	buf->alloc = want;
	return true;
}

static void put_char(struct tabline_buf *buf, char c)
{
	if (reserve(buf, 1))
		buf->data[buf->len++] = c;
}

static char escape_letter(char c)
{
	switch (c) {
	case '\0':
		return '0';
	case ESCAPE:
		return '1';
	case '\t':
		return 't';
	case '\r':
		return 'r';
	case '\n':
		return 'n';
	default:
		return 0;
	}
}

static void put(struct tabline_buf *buf, const char *text, size_t len)
{
	if (len > 0 && reserve(buf, len)) {
		memcpy(buf->data + buf->len, text, len);
		buf->len += len;
	}
}

static void put_escaped(struct tabline_buf *buf, const char *text, size_t len)
{
	size_t from = 0;

	for (size_t i = 0; i < len; i++) {
		char letter = escape_letter(text[i]);

		if (letter != 0) {
			put(buf, text + from, i - from);
			put_char(buf, ESCAPE);
			put_char(buf, letter);
			from = i + 1;
		}
	}
	put(buf, text + from, len - from);
}

static void separate(struct tabline_buf *buf)
{
	if (buf->len > buf->line_start)
		put_char(buf, '\t');
}

void tabline_word(struct tabline_buf *buf, const char *word)
{
	if (word == NULL)
		return;
	separate(buf);
	put_escaped(buf, word, strlen(word));
}

void tabline_field_n(struct tabline_buf *buf, const char *key, const void *value, size_t len)
{
	if (value == NULL)
		return;
	separate(buf);
	put_escaped(buf, key, strlen(key));
	put_char(buf, '=');
	put_escaped(buf, value, len);
}

void tabline_field(struct tabline_buf *buf, const char *key, const char *value)
{
	if (value != NULL)
		tabline_field_n(buf, key, value, strlen(value));
}

void tabline_field_u64(struct tabline_buf *buf, const char *key, uint64_t value)
{
	char digits[20], *end = digits + sizeof(digits), *first = end;

	do {
		*--first = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	tabline_field_n(buf, key, first, (size_t)(end - first));
}

bool tabline_end(struct tabline_buf *buf)
{
	put_char(buf, '\n');
	if (buf->failed || buf->len - buf->line_start > LIMIT_LINE) {
		buf->len = buf->line_start;
		buf->failed = false;
		return false;
	}
	buf->line_start = buf->len;
	return true;
}

/* Unescapes text[0..len) in place and ends it with NUL. */
static enum tabline_result unescape(char *text, size_t len)
{
	size_t out = 0;

	for (size_t in = 0; in < len; in++) {
		char c = text[in];

		if (c == '\0')
			return TABLINE_NUL;
		if (c == ESCAPE) {
			if (++in == len)
				return TABLINE_BAD_ESCAPE;
			switch (text[in]) {
			case '0':
				return TABLINE_NUL;
			case '1':
				c = ESCAPE;
				break;
			case 't':
				c = '\t';
				break;
			case 'r':
				c = '\r';
				break;
			case 'n':
				c = '\n';
				break;
			default:
				return TABLINE_BAD_ESCAPE;
			}
		}
		text[out++] = c;
	}
	text[out] = '\0';
	return TABLINE_OK;
}

enum tabline_result tabline_split(char *line, size_t len, struct tabline_field *fields, size_t max,
				  size_t *count_r)
{
	char *end = line + len;
	char *start = line;
	size_t count = 0;

	for (;;) {
		char *tab = memchr(start, '\t', (size_t)(end - start));
		char *stop = tab != NULL ? tab : end;
		/* The first '=' ends the key, so keys cannot contain one; values can. */
		char *equals = memchr(start, '=', (size_t)(stop - start));
		enum tabline_result result;

		if (count == max)
			return TABLINE_TOO_MANY_FIELDS;
		if (equals != NULL) {
			result = unescape(start, (size_t)(equals - start));
			if (result != TABLINE_OK)
				return result;
			fields[count].key = start;
			start = equals + 1;
		} else {
			fields[count].key = NULL;
		}
		result = unescape(start, (size_t)(stop - start));
		if (result != TABLINE_OK)
			return result;
		fields[count++].value = start;
		if (tab == NULL)
			break;
		start = tab + 1;
	}
	*count_r = count;
	return TABLINE_OK;
}

const char *tabline_get(const struct tabline_field *fields, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++) {
		if (fields[i].key != NULL && strcmp(fields[i].key, key) == 0)
			return fields[i].value;
	}
	return NULL;
}

bool tabline_parse_u64(const char *text, uint64_t *value_r)
{
	uint64_t value = 0;

	if (text == NULL || *text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		unsigned digit = (unsigned)(*text - '0');
		if (value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*value_r = value;
	return true;
}

bool tabline_parse_u32(const char *text, uint32_t *value_r)
{
	uint64_t value;

	if (!tabline_parse_u64(text, &value) || value > UINT32_MAX)
		return false;
	*value_r = (uint32_t)value;
	return true;
}

const char *tabline_strerror(enum tabline_result result)
{
	switch (result) {
	case TABLINE_OK:
		return "no error";
	case TABLINE_BAD_ESCAPE:
		return "bad escape";
	case TABLINE_NUL:
		return "NUL octet in a field";
	case TABLINE_TOO_MANY_FIELDS:
		return "too many fields";
	}
	return "unknown error";
}
