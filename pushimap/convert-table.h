/*
 * The operator's table of converters (docs/push-imap.md): rows of
 *
 *	from[,from...] to parameters command [argument...]
 *
 * `parameters` are names with commas between, or "-". A parameter's value reaches the command as
 * a number in its environment, and nothing else does that a client chose. Pure.
 */
#ifndef CONVERT_TABLE_H
#define CONVERT_TABLE_H

#include "convert-args.h"
#include "limits.h"

#include <stddef.h>

struct convert_table;

struct convert_row {
	const char *from, *to; /* lower case */
	const char *const *params;
	size_t param_count;
	const char *const *argv; /* NULL-terminated */
};

/* Of a file's text; `name` is for errors. NULL: *error_r is one line, malloc()'s, with file, line
 * and remedy. */
struct convert_table *convert_table_parse(const char *name, const char *text, char **error_r);
void convert_table_free(struct convert_table **table);

/* The first row from one type to another. NULL if there is none. */
const struct convert_row *convert_table_find(const struct convert_table *table, const char *from,
					     const char *to);
/* Likewise to any of the kind that `to` is: image/jpeg for image/tiff. */
const struct convert_row *convert_table_nearest(const struct convert_table *table, const char *from,
						const char *to);

/* Whether it is a parameter of the row's, and a number that the command may see. */
bool convert_row_takes(const struct convert_row *row, const char *name);
bool convert_number_valid(const char *value);

#endif
