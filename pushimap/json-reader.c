#include "json-reader.h"
#include "clean-text.h"
#include "limits.h"

#include <stdint.h>
#include <string.h>

void json_reader_init(struct json_reader *reader, const char *text, size_t len, char *arena)
{
	memset(reader, 0, sizeof(*reader));
	reader->next = text;
	reader->end = text + len;
	reader->arena = arena;
}

static bool fail(struct json_reader *reader)
{
	reader->failed = true;
	return false;
}

static void skip_blanks(struct json_reader *reader)
{
	while (reader->next < reader->end && strchr(" \t\r\n", *reader->next) != NULL &&
	       *reader->next != '\0')
		reader->next++;
}

static bool take(struct json_reader *reader, char c)
{
	if (reader->next == reader->end || *reader->next != c)
		return false;
	reader->next++;
	return true;
}

char json_reader_peek(struct json_reader *reader)
{
	if (reader->failed)
		return '\0';
	skip_blanks(reader);
	return reader->next < reader->end ? *reader->next : '\0';
}

/* --- strings -------------------------------------------------------------- */

static bool take_hex4(struct json_reader *reader, uint32_t *value_r)
{
	uint32_t value = 0;

	if (reader->end - reader->next < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		char c = *reader->next++;

		value <<= 4;
		if (c >= '0' && c <= '9')
			value |= (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value |= (uint32_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			value |= (uint32_t)(c - 'A' + 10);
		else
			return false;
	}
	*value_r = value;
	return true;
}

static void put_utf8(struct json_reader *reader, uint32_t c)
{
	unsigned char *out = (unsigned char *)reader->arena;

	if (c < 0x80) {
		*out++ = (unsigned char)c;
	} else if (c < 0x800) {
		*out++ = (unsigned char)(0xc0 | c >> 6);
		*out++ = (unsigned char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*out++ = (unsigned char)(0xe0 | c >> 12);
		*out++ = (unsigned char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (unsigned char)(0x80 | (c & 0x3f));
	} else {
		*out++ = (unsigned char)(0xf0 | c >> 18);
		*out++ = (unsigned char)(0x80 | (c >> 12 & 0x3f));
		*out++ = (unsigned char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (unsigned char)(0x80 | (c & 0x3f));
	}
	reader->arena = (char *)out;
}

static bool take_escape(struct json_reader *reader)
{
	static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	uint32_t c, low;
	const char *letter;

	if (reader->next == reader->end)
		return false;
	if (*reader->next != 'u') {
		letter = *reader->next == '\0' ? NULL : strchr(letters, *reader->next);
		if (letter == NULL)
			return false;
		reader->next++;
		*reader->arena++ = meanings[letter - letters];
		return true;
	}
	reader->next++;
	if (!take_hex4(reader, &c) || c == 0 || (c >= 0xdc00 && c <= 0xdfff))
		return false;
	if (c >= 0xd800 && c <= 0xdbff) {
		if (!take(reader, '\\') || !take(reader, 'u') || !take_hex4(reader, &low) ||
		    low < 0xdc00 || low > 0xdfff)
			return false;
		c = 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff));
	}
	put_utf8(reader, c);
	return true;
}

bool json_reader_string(struct json_reader *reader, const char **text_r)
{
	char *text = reader->arena;

	if (json_reader_peek(reader) != '"')
		return fail(reader);
	reader->next++;
	for (;;) {
		size_t len;

		if (take(reader, '"'))
			break;
		if (take(reader, '\\')) {
			if (!take_escape(reader))
				return fail(reader);
			continue;
		}
		if (reader->next == reader->end || (unsigned char)*reader->next < 0x20)
			return fail(reader);
		len = utf8_sequence(reader->next, (size_t)(reader->end - reader->next));
		if (len == 0)
			return fail(reader);
		memcpy(reader->arena, reader->next, len);
		reader->arena += len;
		reader->next += len;
	}
	*reader->arena++ = '\0';
	*text_r = text;
	return true;
}

/* --- everything else ------------------------------------------------------ */

bool json_reader_object(struct json_reader *reader)
{
	if (json_reader_peek(reader) != '{' || reader->depth == LIMIT_JSON_DEPTH)
		return fail(reader);
	reader->next++;
	reader->depth++;
	reader->at_start = true;
	return true;
}

bool json_reader_member(struct json_reader *reader, const char **name_r)
{
	bool first = reader->at_start;

	reader->at_start = false;
	if (reader->failed)
		return false;
	if (json_reader_peek(reader) == '}') {
		reader->next++;
		reader->depth--;
		return false;
	}
	if (!first && !take(reader, ','))
		return fail(reader);
	if (!json_reader_string(reader, name_r))
		return false;
	if (json_reader_peek(reader) != ':')
		return fail(reader);
	reader->next++;
	return true;
}

static size_t take_digits(struct json_reader *reader)
{
	const char *start = reader->next;

	while (reader->next < reader->end && *reader->next >= '0' && *reader->next <= '9')
		reader->next++;
	return (size_t)(reader->next - start);
}

static bool skip_number(struct json_reader *reader)
{
	(void)take(reader, '-');
	if (!take(reader, '0') && take_digits(reader) == 0)
		return fail(reader);
	if (take(reader, '.') && take_digits(reader) == 0)
		return fail(reader);
	if (take(reader, 'e') || take(reader, 'E')) {
		if (!take(reader, '+'))
			(void)take(reader, '-');
		if (take_digits(reader) == 0)
			return fail(reader);
	}
	return true;
}

static bool skip_word(struct json_reader *reader, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(reader->end - reader->next) < len || memcmp(reader->next, word, len) != 0)
		return fail(reader);
	reader->next += len;
	return true;
}

static bool skip_array(struct json_reader *reader)
{
	if (reader->depth == LIMIT_JSON_DEPTH)
		return fail(reader);
	reader->depth++;
	reader->next++;
	if (json_reader_peek(reader) != ']') {
		do {
			if (!json_reader_skip(reader))
				return false;
			(void)json_reader_peek(reader);
		} while (take(reader, ','));
	}
	if (!take(reader, ']'))
		return fail(reader);
	reader->depth--;
	return true;
}

bool json_reader_skip(struct json_reader *reader)
{
	const char *text;

	switch (json_reader_peek(reader)) {
	case '{':
		if (!json_reader_object(reader))
			return false;
		while (json_reader_member(reader, &text)) {
			if (!json_reader_skip(reader))
				return false;
		}
		return !reader->failed;
	case '[':
		return skip_array(reader);
	case '"':
		return json_reader_string(reader, &text);
	case 't':
		return skip_word(reader, "true");
	case 'f':
		return skip_word(reader, "false");
	case 'n':
		return skip_word(reader, "null");
	default:
		return skip_number(reader);
	}
}

bool json_reader_end(struct json_reader *reader)
{
	return json_reader_peek(reader) == '\0' && !reader->failed && reader->next == reader->end &&
	       reader->depth == 0;
}
