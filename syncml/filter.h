/*
 * Record filters: syncml:filtertype-cgi 1.0, also used in the options of database
 * addresses. Pure.
 *
 *	FN&iCON;smith&AND;(SINCE&EQ;20260101T000000Z&OR;&LUID;&EQ;17)
 */
#ifndef FANTAIL_SYNCML_FILTER_H
#define FANTAIL_SYNCML_FILTER_H

#include <glib.h>

struct filter;
typedef struct filter filter_t;

#define FILTER_ERROR (filter_error_quark())
GQuark filter_error_quark(void);
enum filter_error {
	FILTER_ERROR_SYNTAX, /* status 422 */
	FILTER_ERROR_LIMIT,  /* too long, too deep: 422 as well */
};

struct filter *filter_parse(const char *query, GError **error);
void filter_free(struct filter *filter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(filter_t, filter_free)
/* In a canonical form: for hashing and logs. New. */
char *filter_text(const struct filter *filter);

/* Does the item match? `values` gives the values of a property (NULL-terminated, borrowed
 * until the next call; NULL or empty = it has none); also asked for "LUID". `overlaps` is asked
 * for SINCE and BEFORE: does any occurrence lie at or after `since`, before `before`
 * (unix seconds; G_MININT64 and G_MAXINT64 = open)? Where time means nothing it says TRUE. */
struct filter_subject {
	const char *const *(*values)(const char *property, gpointer data);
	gboolean (*overlaps)(gint64 since, gint64 before, gpointer data);
	gpointer data;
};
gboolean filter_match(const struct filter *filter, const struct filter_subject *subject);

#endif
