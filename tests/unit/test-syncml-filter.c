#include "database-uri.h"
#include "filter.h"
#include "limits.h"

#include <string.h>

/* --- filters ---------------------------------------------------------------------- */

/* FN "Pat Smith", TEL 1 and 2, no NICKNAME, LUID 17; takes place at 1000. */
static const char *const *values(const char *property, gpointer data)
{
	static const char *const fn[] = {"Pat Smith", NULL}, *const tel[] = {"1", "2", NULL},
				 *const luid[] = {"17", NULL}, *const empty[] = {"", NULL};

	(void)data;
	if (g_ascii_strcasecmp(property, "FN") == 0)
		return fn;
	if (g_ascii_strcasecmp(property, "TEL") == 0)
		return tel;
	if (strcmp(property, "LUID") == 0)
		return luid;
	return g_ascii_strcasecmp(property, "NOTE") == 0 ? empty : NULL;
}

static gboolean overlaps(gint64 since, gint64 before, gpointer data)
{
	(void)data;
	return 1000 >= since && 1000 < before;
}

static void test_match(void)
{
	static const struct filter_subject subject = {.values = values, .overlaps = overlaps};
	static const struct {
		const char *query;
		gboolean match;
	} rows[] = {
		{"FN&EQ;Pat Smith", TRUE},
		{"FN&EQ;Pat%20Smith", TRUE},
		{"FN&EQ;pat smith", FALSE},
		{"FN&iEQ;pat smith", TRUE},
		{"FN&CON;Smi", TRUE},
		{"FN&CON;smi", FALSE},
		{"FN&iCON;smi", TRUE},
		{"FN&NCON;Smi", FALSE},
		{"FN&NCON;Jones", TRUE},
		{"FN&NE;Jones", TRUE},
		{"fn&CON;Smi", TRUE},
		{"TEL&EQ;2", TRUE},
		{"TEL&EQ;3", FALSE},
		{"TEL&NE;2", FALSE},
		{"TEL&GT;1", TRUE},
		{"TEL&GT;2", FALSE},
		{"TEL&GE;2", TRUE},
		{"TEL&LT;1", FALSE},
		{"TEL&LE;1", TRUE},
		{"TEL&LT;10", TRUE},
		{"NICKNAME&EQ;&NULL;", TRUE},
		{"NICKNAME&NE;&NULL;", FALSE},
		{"NICKNAME&EQ;x", FALSE},
		{"NICKNAME&NE;x", TRUE},
		{"NOTE&EQ;&NULL;", TRUE},
		{"FN&NE;&NULL;", TRUE},
		{"FN&EQ;", FALSE},
		{"&LUID;&EQ;17", TRUE},
		{"FN&CON;Pat&AND;TEL&EQ;1", TRUE},
		{"FN&CON;Pat&TEL&EQ;3", FALSE},
		{"FN&CON;Jo|TEL&EQ;1", TRUE},
		{"FN&CON;Jo&OR;TEL&EQ;1", TRUE},
		{"FN&CON;Jo &amp; TEL&EQ;1", FALSE},
		/* From left to right. */
		{"FN&CON;Pat|FN&CON;x&AND;TEL&EQ;3", FALSE},
		{"FN&CON;Pat|(FN&CON;x&AND;TEL&EQ;3)", TRUE},
		{"SINCE&EQ;19700101T001000Z", TRUE},
		{"SINCE&EQ;19700101T002000Z", FALSE},
		{"BEFORE&EQ;19700101T002000Z", TRUE},
		{"BEFORE&EQ;19700101T001000Z", FALSE},
		{"SINCE&EQ;19700101", TRUE},
		{"SINCE&EQ;yesterday", TRUE},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(filter_t) filter = filter_parse(rows[i].query, &error);
		g_autoptr(filter_t) again = NULL;
		g_autofree char *text = NULL, *same = NULL;

		g_test_message("%s", rows[i].query);
		g_assert_no_error(error);
		g_assert_cmpint(filter_match(filter, &subject), ==, rows[i].match);
		text = filter_text(filter);
		again = filter_parse(text, &error);
		g_assert_no_error(error);
		g_assert_cmpint(filter_match(again, &subject), ==, rows[i].match);
		same = filter_text(again);
		g_assert_cmpstr(same, ==, text);
	}
}

static char *nested(guint depth)
{
	g_autofree char *open = g_strnfill(depth, '('), *close = g_strnfill(depth, ')');

	return g_strconcat(open, "FN&EQ;x", close, NULL);
}

static void test_wrong(void)
{
	g_autofree char *deep = nested(LIMIT_FILTER_DEPTH + 1);
	g_autofree char *just = nested(LIMIT_FILTER_DEPTH);
	g_autofree char *filling = g_strnfill(LIMIT_FILTER_QUERY, 'x');
	g_autofree char *longer = g_strconcat("FN&EQ;", filling, NULL);
	g_autoptr(filter_t) fits = filter_parse(just, NULL);
	const struct {
		const char *query;
		int code;
	} rows[] = {
		{"", FILTER_ERROR_SYNTAX},
		{"FN", FILTER_ERROR_SYNTAX},
		{"FN&EQ", FILTER_ERROR_SYNTAX},
		{"FN&LIKE;x", FILTER_ERROR_SYNTAX},
		{"&EQ;x", FILTER_ERROR_SYNTAX},
		{"(FN&EQ;x", FILTER_ERROR_SYNTAX},
		{"FN&EQ;x)", FILTER_ERROR_SYNTAX},
		{"FN&EQ;x&AND;", FILTER_ERROR_SYNTAX},
		{"FN&EQ;x||FN&EQ;y", FILTER_ERROR_SYNTAX},
		{"()", FILTER_ERROR_SYNTAX},
		{"FN&EQ;%zz", FILTER_ERROR_SYNTAX},
		{"FN&EQ;%00", FILTER_ERROR_SYNTAX},
		{"FN&EQ;%ff", FILTER_ERROR_SYNTAX},
		{deep, FILTER_ERROR_LIMIT},
		{longer, FILTER_ERROR_LIMIT},
	};

	g_assert_nonnull(fits);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;

		g_test_message("%.40s", rows[i].query);
		g_assert_null(filter_parse(rows[i].query, &error));
		g_assert_error(error, FILTER_ERROR, rows[i].code);
	}
}

/* --- addresses ---------------------------------------------------------------------- */

#define UNSAID G_MININT

static void test_uri(void)
{
	static const struct {
		const char *uri, *name;
		gboolean known;
		int past, future;
		const char *filter, *folder, *ignored;
	} rows[] = {
		{"contacts", "contacts", TRUE, UNSAID, UNSAID, NULL, NULL, NULL},
		{"./contacts", "contacts", TRUE, UNSAID, UNSAID, NULL, NULL, NULL},
		{"/contacts/", "contacts", TRUE, UNSAID, UNSAID, NULL, NULL, NULL},
		{"./Card", "card", TRUE, UNSAID, UNSAID, NULL, NULL, NULL},
		{"http://host:8080/sync/card", "card", TRUE, UNSAID, UNSAID, NULL, NULL, NULL},
		{"https://host/sync/./card", "card", TRUE, UNSAID, UNSAID, NULL, NULL, NULL},
		{"http://host/card", "card", TRUE, UNSAID, UNSAID, NULL, NULL, NULL},
		{"/syncml", "syncml", FALSE, UNSAID, UNSAID, NULL, NULL, NULL},
		{"calendar?/dr(-30,60)", "calendar", TRUE, 30, 60, NULL, NULL, NULL},
		{"calendar?/dr(-30,60)/na/li(100)", "calendar", TRUE, 30, 60, NULL, NULL, NULL},
		{"calendar?/dr(x)", "calendar", TRUE, UNSAID, UNSAID, NULL, NULL, "dr(x)"},
		{"card?/fi((FN&EQ;x))", "card", TRUE, UNSAID, UNSAID, "(FN&EQ;x)", NULL, NULL},
		{"card?/fi(FN&EQ;x", "card", TRUE, UNSAID, UNSAID, NULL, NULL, "fi(FN&EQ;x"},
		{"card?/o(a)/zz", "card", TRUE, UNSAID, UNSAID, NULL, NULL, "o(a) zz"},
		{"card?/)", "card", TRUE, UNSAID, UNSAID, NULL, NULL, ")"},
		{"calendar?past=30&future=365&folder=My%20Work", "calendar", TRUE, 30, 365, NULL,
		 "My Work", NULL},
		{"tasks?options=ignorecompleted", "tasks", TRUE, UNSAID, UNSAID, NULL, NULL, NULL},
		{"tasks?x=1&&past=x", "tasks", TRUE, UNSAID, UNSAID, NULL, NULL, "x=1 past=x"},
		{"c:\\Documents\\agenda", "c:\\documents\\agenda", FALSE, UNSAID, UNSAID, NULL,
		 NULL, NULL},
		{"", "", FALSE, UNSAID, UNSAID, NULL, NULL, NULL},
		{"?", "", FALSE, UNSAID, UNSAID, NULL, NULL, NULL},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct database_uri uri;

		g_test_message("%s", rows[i].uri);
		database_uri_parse(rows[i].uri, "/sync", &uri);
		g_assert_cmpstr(uri.name, ==, rows[i].name);
		g_assert_cmpint(uri.known, ==, rows[i].known);
		g_assert_cmpint(uri.days_past, ==, rows[i].past);
		g_assert_cmpint(uri.days_future, ==, rows[i].future);
		g_assert_cmpstr(uri.filter, ==, rows[i].filter);
		g_assert_cmpstr(uri.folder, ==, rows[i].folder);
		g_assert_cmpstr(uri.ignored, ==, rows[i].ignored);
		database_uri_clear(&uri);
	}
	g_assert_true(database_uri_equal("./Contacts", "http://h/sync/contacts?x", "/sync"));
	g_assert_false(database_uri_equal("contacts", "card", "/sync"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/syncml-filter/match", test_match);
	g_test_add_func("/syncml-filter/wrong", test_wrong);
	g_test_add_func("/syncml-filter/uri", test_uri);
	return g_test_run();
}
