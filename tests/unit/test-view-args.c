#include "arg-tokens.h"
#include "view-args.h"

#define MAX_TOKENS 32

static const struct {
	const char *line;
	const char *name, *backing, *charset; /* name NULL: refused */
	size_t program, count;
} create_rows[] =
	{
		{"v ( XPSEARCH ( INBOX ALL ) )", "v", "INBOX", NULL, 5, 1},
		{"\"v\" ( lpsearch ( \"INBOX\" FROM \"x\" ) )", "v", "INBOX", NULL, 5, 2},
		{"v ( VFOLDER ( a NOT ( OR ALL ( ALL ) ) ) )", "v", "a", NULL, 5, 8},
		{"v ( VFOLDE ( a ALL ) )", "v", "a", NULL, 5, 1},
		{"v ( XPSEARCH ( a CHARSET UTF-8 ALL ) )", "v", "a", "UTF-8", 7, 1},
		{"v ( XPSEARCH ( a charset \"UTF-8\" ALL ) )", "v", "a", "UTF-8", 7, 1},
		{"v ( XPSEARCH ( CHARSET ALL ) )", "v", "CHARSET", NULL, 5, 1},
		{"v ( XPSEARCH ( a \"CHARSET\" ALL ) )", "v", "a", NULL, 5, 2},
		{"", NULL, NULL, NULL, 0, 0},
		{"v", NULL, NULL, NULL, 0, 0},
		{"v ( )", NULL, NULL, NULL, 0, 0},
		{"v ( XPSEARCH )", NULL, NULL, NULL, 0, 0},
		{"v ( XPSEARCH a ALL )", NULL, NULL, NULL, 0, 0},
		{"v ( XPSEARCH ( ) )", NULL, NULL, NULL, 0, 0},
		{"v ( XPSEARCH ( a ) )", NULL, NULL, NULL, 0, 0},
		{"v ( XPSEARCH ( NIL ALL ) )", NULL, NULL, NULL, 0, 0},
		{"v ( XPSEARCH ( ( a ) ALL ) )", NULL, NULL, NULL, 0, 0},
		{"v ( XPSEARCH ( a CHARSET ) )", NULL, NULL, NULL, 0, 0},
		{"v ( XPSEARCH ( a CHARSET UTF-8 ) )", NULL, NULL, NULL, 0, 0},
		{"v ( XPSEARCH ( a ALL ) USE )", NULL, NULL, NULL, 0, 0},
		{"v ( XPSEARCH ( a ALL ) ( b ) )", NULL, NULL, NULL, 0, 0},
		{"v ( XPSEARCH ( a ALL ) ) x", NULL, NULL, NULL, 0, 0},
		{"v ( USE ( a ALL ) )", NULL, NULL, NULL, 0, 0},
		{"( v ) ( XPSEARCH ( a ALL ) )", NULL, NULL, NULL, 0, 0},
},
  xpsearch_rows[] = {
	  {"v ALL", "v", NULL, NULL, 1, 1},
	  {"v CHARSET UTF-8 FROM \"x\"", "v", NULL, "UTF-8", 3, 2},
	  {"v ( ALL )", "v", NULL, NULL, 1, 3},
	  {"", NULL, NULL, NULL, 0, 0},
	  {"v", NULL, NULL, NULL, 0, 0},
	  {"NIL ALL", NULL, NULL, NULL, 0, 0},
	  {"v CHARSET", NULL, NULL, NULL, 0, 0},
	  {"v CHARSET UTF-8", NULL, NULL, NULL, 0, 0},
};

static void check(const char *line, bool create, const char *name, const char *backing,
		  const char *charset, size_t program, size_t program_count)
{
	g_auto(GStrv) words = g_strsplit(line, " ", -1);
	struct arg_token tokens[MAX_TOKENS];
	size_t count = tokenise(words, tokens, MAX_TOKENS);
	struct view_args args = {.name = NULL};
	const char *error = NULL;
	enum webpush_error result = create ? view_create_parse(tokens, count, &args, &error)
					   : view_xpsearch_parse(tokens, count, &args, &error);

	g_test_message("%s", line);
	g_assert_cmpint(result, ==, name != NULL ? WEBPUSH_OK : WEBPUSH_SYNTAX);
	g_assert_cmpint(error == NULL, ==, name != NULL);
	g_assert_cmpstr(args.name, ==, name);
	g_assert_cmpstr(args.backing, ==, backing);
	g_assert_cmpstr(args.charset, ==, charset);
	g_assert_cmpuint(args.program, ==, program);
	g_assert_cmpuint(args.program_count, ==, program_count);
}

static void test_create(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(create_rows); i++)
		check(create_rows[i].line, true, create_rows[i].name, create_rows[i].backing,
		      create_rows[i].charset, create_rows[i].program, create_rows[i].count);
}

static void test_xpsearch(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(xpsearch_rows); i++)
		check(xpsearch_rows[i].line, false, xpsearch_rows[i].name, xpsearch_rows[i].backing,
		      xpsearch_rows[i].charset, xpsearch_rows[i].program, xpsearch_rows[i].count);
}

static const struct {
	const char *line, *split; /* NULL: as it was */
} split_rows[] = {
	{"v (VFOLDER(INBOX ALL))\r", "v (VFOLDE (INBOX ALL))\r"},
	{" v (vfolder(INBOX ALL))", " v (vfolde (INBOX ALL))"},
	{"\"a b\" (XPSEARCH(INBOX ALL))", "\"a b\" (XPSEARC (INBOX ALL))"},
	{"\"a\\\" (VFOLDER(\" (LPSEARCH(a ALL))", "\"a\\\" (VFOLDER(\" (LPSEARC (a ALL))"},
	{"v (VFOLDER (INBOX ALL))", NULL},
	{"v(VFOLDER(INBOX ALL))", NULL},
	{"v  (VFOLDER(INBOX ALL))", NULL},
	{"v (VFOLDERS(INBOX ALL))", NULL},
	{"v (USE(\\Sent))", NULL},
	{"\"v (VFOLDER(INBOX ALL))", NULL},
	{"{3+}\r\nv (VFOLDER(INBOX ALL))", NULL},
	{"v (VFOLDER", NULL},
	{"v (", NULL},
	{"v", NULL},
	{"\"v\\", NULL},
	{"", NULL},
};

static void test_split(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(split_rows); i++) {
		g_autofree char *line = g_strdup(split_rows[i].line);

		view_create_split((unsigned char *)line, strlen(line));
		g_assert_cmpstr(line, ==,
				split_rows[i].split == NULL ? split_rows[i].line
							    : split_rows[i].split);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/view-args/create", test_create);
	g_test_add_func("/view-args/xpsearch", test_xpsearch);
	g_test_add_func("/view-args/split", test_split);
	return g_test_run();
}
