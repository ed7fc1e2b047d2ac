#include "ctl-table.h"

#include <string.h>

#define GAP 2
#define ELLIPSIS "…"

struct ctl_table {
	const struct ctl_column *columns;
	guint columns_len;
	GPtrArray *cells; /* char *, row by row */
};

char *ctl_printable(const char *text)
{
	GString *out = g_string_sized_new(strlen(text));

	while (*text != '\0') {
		gunichar c = g_utf8_get_char_validated(text, -1);

		if (c == (gunichar)-1 || c == (gunichar)-2) {
			g_string_append_c(out, '?');
			text++;
			continue;
		}
		/* Format characters turn lines around, and worse. */
		if (g_unichar_isprint(c) && g_unichar_type(c) != G_UNICODE_FORMAT)
			g_string_append_unichar(out, c);
		else
			g_string_append_c(out, '?');
		text = g_utf8_next_char(text);
	}
	return g_string_free(out, FALSE);
}

static guint char_width(gunichar c)
{
	if (g_unichar_iszerowidth(c))
		return 0;
	return g_unichar_iswide(c) ? 2 : 1;
}

static guint text_width(const char *text)
{
	guint width = 0;

	for (; *text != '\0'; text = g_utf8_next_char(text))
		width += char_width(g_utf8_get_char(text));
	return width;
}

struct ctl_table *ctl_table_new(const struct ctl_column *columns)
{
	struct ctl_table *table = g_new0(struct ctl_table, 1);

	table->columns = columns;
	while (columns[table->columns_len].title != NULL)
		table->columns_len++;
	table->cells = g_ptr_array_new_with_free_func(g_free);
	return table;
}

void ctl_table_add(struct ctl_table *table, const char *text)
{
	g_ptr_array_add(table->cells, ctl_printable(text != NULL && *text != '\0' ? text : "-"));
}

void ctl_table_add_take(struct ctl_table *table, char *text)
{
	ctl_table_add(table, text);
	g_free(text);
}

/* Cuts the widest column that may be cut, until the line fits or none is left. */
static void fit(const struct ctl_table *table, guint *widths, guint width)
{
	guint total = GAP * (table->columns_len - 1);

	for (guint i = 0; i < table->columns_len; i++)
		total += widths[i];
	while (total > width) {
		guint widest = table->columns_len;

		for (guint i = 0; i < table->columns_len; i++) {
			guint least = table->columns[i].least;

			if (least > 0 && widths[i] > least &&
			    (widest == table->columns_len || widths[i] > widths[widest]))
				widest = i;
		}
		if (widest == table->columns_len)
			return;
		widths[widest]--;
		total--;
	}
}

static void pad(GString *out, guint count)
{
	while (count-- > 0)
		g_string_append_c(out, ' ');
}

/* One cell in exactly `width` columns; the last of a line gets no blanks behind. */
static void print_cell(GString *out, const char *text, guint width, gboolean right, gboolean last)
{
	guint have = text_width(text);

	if (have <= width) {
		if (right)
			pad(out, width - have);
		g_string_append(out, text);
		if (!right && !last)
			pad(out, width - have);
		return;
	}

	guint used = 0;
	for (; *text != '\0'; text = g_utf8_next_char(text)) {
		gunichar c = g_utf8_get_char(text);

		if (used + char_width(c) > width - 1)
			break;
		used += char_width(c);
		g_string_append_unichar(out, c);
	}
	g_string_append(out, ELLIPSIS);
	if (!last)
		pad(out, width - 1 - used);
}

void ctl_table_print(struct ctl_table *table, GString *out, guint width, gboolean bold)
{
	g_autofree guint *widths = g_new0(guint, table->columns_len);

	g_assert(table->cells->len % table->columns_len == 0);
	for (guint i = 0; i < table->columns_len; i++)
		widths[i] = text_width(table->columns[i].title);
	for (guint i = 0; i < table->cells->len; i++) {
		guint column = i % table->columns_len;

		widths[column] =
			MAX(widths[column], text_width(g_ptr_array_index(table->cells, i)));
	}
	if (width > 0)
		fit(table, widths, width);

	if (bold)
		g_string_append(out, "\033[1m");
	for (guint i = 0; i < table->columns_len; i++) {
		if (i > 0)
			pad(out, GAP);
		print_cell(out, table->columns[i].title, widths[i], table->columns[i].right,
			   i + 1 == table->columns_len);
	}
	g_string_append(out, bold ? "\033[0m\n" : "\n");
	for (guint i = 0; i < table->cells->len; i++) {
		guint column = i % table->columns_len;

		if (column > 0)
			pad(out, GAP);
		print_cell(out, g_ptr_array_index(table->cells, i), widths[column],
			   table->columns[column].right, column + 1 == table->columns_len);
		if (column + 1 == table->columns_len)
			g_string_append_c(out, '\n');
	}
	g_ptr_array_unref(table->cells);
	g_free(table);
}
