#include "arg-tokens.h"
#include "convert-args.h"

#include <inttypes.h>

/* "+" or "-" of BODY or BINARY, SIZE, PEEK and STRICT, section, type, parameters, partial; NULL: an
 * error. `list` is what the outer one has. */
static const struct row {
	const char *name, *list, *rest, *expected;
} rows[] = {
	{"BODY[1.XCONVERT", "text/plain", "]", "---- 1 text/plain"},
	{"BODY[1.2.33.XCONVERT", "\"Text/PLAIN\"", "]", "---- 1.2.33 text/plain"},
	{"BODY.PEEK[1.XCONVERT", "text/plain", "]", "--+- 1 text/plain"},
	{"BINARY[1.XCONVERT.STRICT", "image/jpeg", "]", "+--+ 1 image/jpeg"},
	{"BINARY.PEEK[1.XCONVERT", "image/jpeg", "]", "+-+- 1 image/jpeg"},
	{"BINARY.SIZE[1.XCONVERT", "image/jpeg", "]", "+++- 1 image/jpeg"},
	{"BODY[1.XCONVERT", "text/plain ( )", "]", "---- 1 text/plain"},
	{"BODY[1.XCONVERT", "text/plain ( \"CharSet\" \"UTF-8\" )", "]",
	 "---- 1 text/plain charset=UTF-8"},
	{"BODY[1.XCONVERT", "image/gif ( width 64 height 48 )", "]",
	 "---- 1 image/gif width=64 height=48"},
	{"BODY[1.XCONVERT", "image/gif ( a \"\" )", "]", "---- 1 image/gif a="},
	{"BODY[1.XCONVERT", "a/b", "]<0>", "---- 1 a/b <0>"},
	{"BODY[1.XCONVERT", "a/b", "]<7.100>", "---- 1 a/b <7.100>"},
	{"BODY[1.XCONVERT", "application/vnd.x-y+z", "]", "---- 1 application/vnd.x-y+z"},

	{"BODY[XCONVERT", "a/b", "]", NULL},
	{"BODY[.XCONVERT", "a/b", "]", NULL},
	{"BODY[0.XCONVERT", "a/b", "]", NULL},
	{"BODY[1..XCONVERT", "a/b", "]", NULL},
	{"BODY[1.0.XCONVERT", "a/b", "]", NULL},
	{"BODY[1.MIME.XCONVERT", "a/b", "]", NULL},
	{"BODY[1.XCONVERT.", "a/b", "]", NULL},
	{"BODY[1.XCONVERT.LAX", "a/b", "]", NULL},
	{"BODY[1.XCONVERT.STRICT.STRICT", "a/b", "]", NULL},
	{"BODY.SIZE[1.XCONVERT", "a/b", "]", NULL},
	{"BODY.PEEK.PEEK[1.XCONVERT", "a/b", "]", NULL},
	{"BODYX[1.XCONVERT", "a/b", "]", NULL},
	{"XZIP[1.XCONVERT", "a/b", "]", NULL},
	{"BODY[1.XCONVERT]", "", "]", NULL},
	{"BODY[1.XCONVERT", "", "]", NULL},
	{"BODY[1.XCONVERT", "NIL", "]", NULL},
	{"BODY[1.XCONVERT", "( a/b )", "]", NULL},
	{"BODY[1.XCONVERT", "plain", "]", NULL},
	{"BODY[1.XCONVERT", "a/", "]", NULL},
	{"BODY[1.XCONVERT", "/b", "]", NULL},
	{"BODY[1.XCONVERT", "a/b/c", "]", NULL},
	{"BODY[1.XCONVERT", "a/*", "]", NULL},
	{"BODY[1.XCONVERT", "a/\xc3\xa4", "]", NULL},
	{"BODY[1.XCONVERT", "../b", "]", "---- 1 ../b"},
	{"BODY[1.XCONVERT", "a/b width", "]", NULL},
	{"BODY[1.XCONVERT", "a/b ( width )", "]", NULL},
	{"BODY[1.XCONVERT", "a/b ( width 1", "]", NULL},
	{"BODY[1.XCONVERT", "a/b ( width 1 ) c", "]", NULL},
	{"BODY[1.XCONVERT", "a/b ( width ( 1 ) )", "]", NULL},
	{"BODY[1.XCONVERT", "a/b ( width NIL )", "]", NULL},
	{"BODY[1.XCONVERT", "a/b ( width 1 WIDTH 2 )", "]", NULL},
	{"BODY[1.XCONVERT", "a/b ( \"\" 1 )", "]", NULL},
	{"BODY[1.XCONVERT", "a/b ( a=b 1 )", "]", NULL},
	{"BODY[1.XCONVERT", "a/b ( a \x01 )", "]", NULL},
	{"BODY[1.XCONVERT", "a/b ( 1 1 2 2 3 3 4 4 5 5 6 6 7 7 8 8 9 9 )", "]", NULL},
	{"BODY[1.XCONVERT", "a/b", "", NULL},
	{"BODY[1.XCONVERT", "a/b", "]x", NULL},
	{"BODY[1.XCONVERT", "a/b", "]<", NULL},
	{"BODY[1.XCONVERT", "a/b", "]<>", NULL},
	{"BODY[1.XCONVERT", "a/b", "]<1.>", NULL},
	{"BODY[1.XCONVERT", "a/b", "]<1.0>", NULL},
	{"BODY[1.XCONVERT", "a/b", "]<-1>", NULL},
	{"BODY[1.XCONVERT", "a/b", "]<1.2>x", NULL},
	{"BODY[1.XCONVERT", "a/b", "]<9999999999999999999>", NULL},
	{"BINARY.SIZE[1.XCONVERT", "a/b", "]<0.1>", NULL},
};

static const struct match_row {
	const char *name;
	bool is;
} match_rows[] = {
	{"BODY[1.XCONVERT", true},
	{"BODY[XCONVERT", true},
	{"BODY.PEEK[1.XCONVERT", true},
	{"BINARY.SIZE[1.XCONVERT.STRICT", true},
	{"BODY[1.XCONVERT]", true},
	{"BODY[1.MIME.XCONVERT.X", true},
	{"BODY", false},
	{"BODY[", false},
	{"BODY[]", false},
	{"BODY[HEADER.FIELDS", false},
	{"BODY[1.XCONVERTED]", false},
	{"BODY[1.MIME]", false},
	{"BODYSTRUCTURE", false},
	{"BINARY[1]", false},
	{"XCONVERT", false},
	{"BODY[TEXT]<0.XCONVERT>", false},
};

static char *show(const struct convert_request *request)
{
	GString *text = g_string_new(NULL);

	g_string_printf(text, "%c%c%c%c %s %s", request->binary ? '+' : '-',
			request->size ? '+' : '-', request->peek ? '+' : '-',
			request->strict ? '+' : '-', request->section, request->type);
	for (size_t i = 0; i < request->param_count; i++)
		g_string_append_printf(text, " %s=%s", request->params[i].name,
				       request->params[i].value);
	if (request->partial && request->length == UINT64_MAX)
		g_string_append_printf(text, " <%" PRIu64 ">", request->offset);
	else if (request->partial)
		g_string_append_printf(text, " <%" PRIu64 ".%" PRIu64 ">", request->offset,
				       request->length);
	return g_string_free(text, FALSE);
}

static void test_parse(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct row *row = &rows[i];
		g_auto(GStrv) words = g_strsplit(row->list, " ", -1);
		struct arg_token tokens[32];
		struct convert_request request;
		g_autofree char *got = NULL;
		const char *error = convert_args_parse(
			row->name, tokens, tokenise(words, tokens, G_N_ELEMENTS(tokens)), row->rest,
			&request);

		if (error == NULL)
			got = show(&request);
		if (g_strcmp0(got, row->expected) != 0)
			g_error("%s (%s) %s: \"%s\" (%s), not \"%s\"", row->name, row->list,
				row->rest, got, error, row->expected);
	}
}

static void test_ceilings(void)
{
	for (int over = 0; over <= 1; over++) {
		g_autofree char *digits = g_strnfill(LIMIT_CONVERT_SECTION + (gsize)over, '1');
		g_autofree char *word = g_strnfill(LIMIT_CONVERT_WORD + (gsize)over, 'x');
		g_autofree char *name = g_strdup_printf("BODY[%s.XCONVERT", digits);
		g_autofree char *type = g_strdup_printf("a/%s", word + 2);
		struct arg_token long_type[] = {{ARG_TOKEN_STRING, type}};
		struct arg_token plain[] = {{ARG_TOKEN_STRING, "a/b"}};
		struct arg_token value[] = {{ARG_TOKEN_STRING, "a/b"},
					    {ARG_TOKEN_OPEN, NULL},
					    {ARG_TOKEN_STRING, word},
					    {ARG_TOKEN_STRING, word},
					    {ARG_TOKEN_CLOSE, NULL}};
		struct convert_request request;

		g_assert_cmpint(convert_args_parse(name, plain, 1, "]", &request) == NULL, ==,
				!over);
		g_assert_cmpint(
			convert_args_parse("BODY[1.XCONVERT", long_type, 1, "]", &request) == NULL,
			==, !over);
		g_assert_cmpint(convert_args_parse("BODY[1.XCONVERT", value, 5, "]", &request) ==
					NULL,
				==, !over);
	}
}

static void test_match(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(match_rows); i++) {
		if (convert_args_match(match_rows[i].name) != match_rows[i].is)
			g_error("%s", match_rows[i].name);
	}
}

int main(int argc, char *argv[])
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/convert-args/parse", test_parse);
	g_test_add_func("/convert-args/ceilings", test_ceilings);
	g_test_add_func("/convert-args/match", test_match);
	return g_test_run();
}
