/*
 * Tab-escaped lines: the framing of every socket and spool file of the suite,
 * as in Dovecot's auth, dict and stats traffic.
 *
 * A line is fields separated by TAB and ended by LF. A field is a bare word or
 * key=value. Inside a field, octets that would be misread are written as \001
 * and a letter: NUL 0, \001 1, TAB t, CR r, LF n. docs/wire-protocols.md has
 * the grammar.
 *
 * Pure: no I/O, no globals. Strings are octets; nobody here assumes UTF-8.
 */
#ifndef FANTAIL_TABLINE_H
#define FANTAIL_TABLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- writing ------------------------------------------------------------ */

/* A growing buffer with a ceiling. Once an append did not fit (or memory ran
 * out), `failed` stays true and the buffer keeps what it had before that line. */
struct tabline_buf {
	char *data;
	size_t len;
	size_t alloc;
	size_t max;        /* the most bytes `data` may hold */
	size_t line_start; /* where the unfinished line begins; == len if none */
	bool failed;
};

void tabline_buf_init(struct tabline_buf *buf, size_t max);
/* Frees the memory; the buffer can be initialised again. NULL data is fine. */
void tabline_buf_free(struct tabline_buf *buf);
/* Empties the buffer, keeps its memory, forgets `failed`. */
void tabline_buf_clear(struct tabline_buf *buf);

/* Appends one field to the line under way. NULL values write nothing. */
void tabline_word(struct tabline_buf *buf, const char *word);
void tabline_field(struct tabline_buf *buf, const char *key, const char *value);
void tabline_field_n(struct tabline_buf *buf, const char *key, const void *value, size_t len);
void tabline_field_u64(struct tabline_buf *buf, const char *key, uint64_t value);

/* Ends the line with LF. False, and the line is taken out again, if any append
 * failed since the last line or the line is longer than LIMIT_LINE. */
bool tabline_end(struct tabline_buf *buf);

/* --- reading ------------------------------------------------------------ */

struct tabline_field {
	const char *key;   /* NULL for a bare word */
	const char *value; /* never NULL; NUL-terminated, unescaped */
};

enum tabline_result {
	TABLINE_OK = 0,
	TABLINE_BAD_ESCAPE,     /* \001 followed by something else, or by nothing */
	TABLINE_NUL,            /* a NUL octet, raw or escaped: no field may have one */
	TABLINE_TOO_MANY_FIELDS /* more than `max` */
};

/* Splits and unescapes one line (without its LF) in place; `line` must have
 * room for a NUL at line[len]. Fields borrow from `line`. `count_r` is set on
 * success only. */
enum tabline_result tabline_split(char *line, size_t len, struct tabline_field *fields, size_t max,
				  size_t *count_r);

/* First field with that key, or NULL. */
const char *tabline_get(const struct tabline_field *fields, size_t count, const char *key);

/* Decimal digits only, no sign, no blank, fits. Leaves *value_r alone on failure. */
bool tabline_parse_u64(const char *text, uint64_t *value_r);
bool tabline_parse_u32(const char *text, uint32_t *value_r);

const char *tabline_strerror(enum tabline_result result);

#endif
