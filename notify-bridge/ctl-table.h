/*
 * Text tables for a terminal: columns as wide as their cells, cut down to the
 * screen where they must be. Pure.
 *
 * Cells come from strangers (labels of devices, answers of push services), so
 * nothing in them reaches the terminal as a control: every octet that is no
 * printable UTF-8 is shown as '?'.
 */
#ifndef FANTAIL_CTL_TABLE_H
#define FANTAIL_CTL_TABLE_H

#include <glib.h>

struct ctl_table;

struct ctl_column {
	const char *title;
	gboolean right; /* numbers */
	guint least;    /* how far it may be cut, in columns; 0 = not at all */
};

/* `columns` ends with a NULL title and outlives the table. */
struct ctl_table *ctl_table_new(const struct ctl_column *columns);
/* Takes the next cell of the row under way; NULL shows "-". Rows end by themselves. */
void ctl_table_add(struct ctl_table *table, const char *text);
void ctl_table_add_take(struct ctl_table *table, char *text);
/* At most `width` columns a line if the cells can be cut so far, 0 = no bound.
 * `bold` puts the titles in bold. Frees the table. */
void ctl_table_print(struct ctl_table *table, GString *out, guint width, gboolean bold);

/* The text with '?' for what is not printable. New string. */
char *ctl_printable(const char *text);

#endif
