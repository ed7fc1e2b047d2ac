/*
 * A cursor over one JSON text (RFC 8259) from a client: strict, bounded, no tree.
 *
 * Dovecot has a JSON parser, but not the same one in 2.3 and 2.4, and the libraries of
 * the distributions export json_* names into a process that has its own. What COI needs
 * is one object of strings; this is that much and fuzzed.
 *
 * Refuses what is not JSON, and also: a NUL in a string, UTF-8 that is not well-formed,
 * half a surrogate pair, nesting past LIMIT_JSON_DEPTH. After the first fault every
 * function answers false; json_reader_end() tells. Pure.
 */
#ifndef JSON_READER_H
#define JSON_READER_H

#include <stdbool.h>
#include <stddef.h>

struct json_reader {
	const char *next, *end;
	char *arena; /* where decoded strings go */
	unsigned depth;
	bool at_start; /* no member of the innermost object was read yet */
	bool failed;
};

/* `arena` needs len + 1 octets: decoding never makes a string longer. */
void json_reader_init(struct json_reader *reader, const char *text, size_t len, char *arena);

/* First character of the value that comes next ('{', '[', '"', 't', '-', ...), NUL if
 * there is none. */
char json_reader_peek(struct json_reader *reader);

/* Enters an object; then each json_reader_member() stands before a member's value with
 * its name in *name_r, until false: the object was left, or a fault. */
bool json_reader_object(struct json_reader *reader);
bool json_reader_member(struct json_reader *reader, const char **name_r);

/* Decodes a string; it lives in the arena. */
bool json_reader_string(struct json_reader *reader, const char **text_r);

/* Passes over any value, checking it all the same. */
bool json_reader_skip(struct json_reader *reader);

/* True if the whole text was read without a fault. */
bool json_reader_end(struct json_reader *reader);

#endif
