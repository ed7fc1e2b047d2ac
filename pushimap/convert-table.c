#include "convert-table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct convert_table {
	char *text; /* which rows point into */
	size_t count;
	struct convert_row rows[LIMIT_CONVERT_ROWS];
	struct words {
		const char *params[LIMIT_CONVERT_PARAMS];
		const char *argv[LIMIT_CONVERT_COMMAND + 1];
	} words[LIMIT_CONVERT_ROWS];
};

/* --- one line --------------------------------------------------------------- */

static bool is_param_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= 32 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789") == len;
}

static const char *parse_params(char *text, struct words *words, struct convert_row *row)
{
	row->params = words->params;
	if (strcmp(text, "-") == 0)
		return NULL;
	for (char *name; (name = strsep(&text, ",")) != NULL;) {
		if (!is_param_name(name))
			return "a parameter's name has small letters and digits only; write "
			       "\"width,height\" or \"-\"";
		if (row->param_count == LIMIT_CONVERT_PARAMS)
			return "too many parameters; leave some out";
		words->params[row->param_count++] = name;
	}
	return NULL;
}

static const char *parse_command(char *text, struct words *words, struct convert_row *row)
{
	size_t count = 0;

	row->argv = words->argv;
	for (char *word; (word = strsep(&text, " \t")) != NULL;) {
		if (*word == '\0')
			continue;
		if (count == LIMIT_CONVERT_COMMAND)
			return "too many arguments; write a script that adds them";
		words->argv[count++] = word;
	}
	if (count == 0)
		return "no command; write from, to, parameters, command";
	if (*words->argv[0] != '/')
		return "the command has no absolute path; let it start with /";
	return NULL;
}

static char *next_word(char **text)
{
	char *word;

	do
		word = strsep(text, " \t");
	while (word != NULL && *word == '\0');
	return word;
}

static const char *parse_type(char *text)
{
	char type[LIMIT_CONVERT_WORD + 1];

	if (!convert_type_parse(text, type))
		return "not a type; write one like image/png";
	strcpy(text, type);
	return NULL;
}

static const char *parse_line(struct convert_table *table, char *line)
{
	char *froms = next_word(&line), *to = next_word(&line), *params = next_word(&line);
	size_t first = table->count;
	struct convert_row row = {.to = to};
	const char *error;

	if (params == NULL || line == NULL)
		return "not all is there; write from, to, parameters, command";
	if (first == LIMIT_CONVERT_ROWS)
		return "too many converters; leave some out";
	error = parse_type(to);
	if (error == NULL)
		error = parse_params(params, &table->words[first], &row);
	if (error == NULL)
		error = parse_command(line, &table->words[first], &row);
	for (char *from; error == NULL && (from = strsep(&froms, ",")) != NULL;) {
		error = parse_type(from);
		if (error == NULL && table->count == LIMIT_CONVERT_ROWS)
			error = "too many converters; leave some out";
		if (error == NULL) {
			row.from = from;
			table->rows[table->count++] = row;
		}
	}
	return error;
}

/* --- the file --------------------------------------------------------------- */

static char *format_error(const char *name, unsigned int line, const char *text)
{
	char *error = NULL;

	if (asprintf(&error, "%s line %u: %s", name, line, text) < 0)
		abort();
	return error;
}

struct convert_table *convert_table_parse(const char *name, const char *text, char **error_r)
{
	struct convert_table *table = calloc(1, sizeof(*table));
	unsigned int number = 0;
	char *rest;

	if (table == NULL || (table->text = strdup(text)) == NULL)
		abort();
	rest = table->text;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		const char *error = NULL;

		number++;
		line[strcspn(line, "\r")] = '\0';
		line += strspn(line, " \t");
		if (*line != '\0' && *line != '#')
			error = parse_line(table, line);
		if (error != NULL) {
			*error_r = format_error(name, number, error);
			convert_table_free(&table);
			return NULL;
		}
	}
	return table;
}

void convert_table_free(struct convert_table **_table)
{
	struct convert_table *table = *_table;

	*_table = NULL;
	if (table == NULL)
		return;
	free(table->text);
	free(table);
}

static const struct convert_row *find(const struct convert_table *table, const char *from,
				      const char *to, size_t to_len)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct convert_row *row = &table->rows[i];

		if (strcmp(row->from, from) == 0 && strncmp(row->to, to, to_len) == 0)
			return row;
	}
	return NULL;
}

const struct convert_row *convert_table_find(const struct convert_table *table, const char *from,
					     const char *to)
{
	return find(table, from, to, strlen(to) + 1);
}

const struct convert_row *convert_table_nearest(const struct convert_table *table, const char *from,
						const char *to)
{
	return find(table, from, to, strcspn(to, "/") + 1);
}

bool convert_row_takes(const struct convert_row *row, const char *name)
{
	for (size_t i = 0; i < row->param_count; i++) {
		if (strcmp(row->params[i], name) == 0)
			return true;
	}
	return false;
}

bool convert_number_valid(const char *value)
{
	size_t len = strlen(value);

	return len > 0 && len <= LIMIT_CONVERT_DIGITS && *value != '0' &&
	       strspn(value, "0123456789") == len;
}
