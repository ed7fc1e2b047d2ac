#include "pimap-args.h"
#include "arg-tokens.h"

#include <glib.h>
#include <string.h>

/* As there is, with _ for a blank and ^ for a line break in strings. */
static size_t tokenise_lines(char **words, struct arg_token *tokens, size_t max)
{
	for (char **word = words; *word != NULL; word++) {
		if (**word == '"')
			g_strdelimit(g_strdelimit(*word, "_", ' '), "^", '\n');
	}
	return tokenise(words, tokens, max);
}

typedef enum webpush_error parse_t(const struct arg_token *tokens, size_t count, GString *result,
				   const char **error_r);

static void show_place(GString *result, const struct pimap_attach *attach)
{
	g_string_append_printf(result, "%s %c", attach->mailbox == NULL ? "*" : attach->mailbox,
			       attach->type);
}

static enum webpush_error parse_set(const struct arg_token *tokens, size_t count, GString *result,
				    const char **error_r)
{
	struct pimap_set set;
	enum webpush_error error = pimap_set_parse(tokens, count, &set, error_r);

	if (error != WEBPUSH_OK)
		return error;
	if (set.pref == PIMAP_XFILTER) {
		show_place(result, &set.attach);
		g_string_append_c(result, ' ');
	} else {
		g_string_append_printf(result, "%s=", pimap_pref_info(set.pref)->name);
	}
	g_string_append(result, set.value);
	return WEBPUSH_OK;
}

static enum webpush_error parse_get(const struct arg_token *tokens, size_t count, GString *result,
				    const char **error_r)
{
	enum pimap_pref prefs[PIMAP_PREF_COUNT];
	size_t found;
	enum webpush_error error = pimap_get_parse(tokens, count, prefs, &found, error_r);

	if (error != WEBPUSH_OK)
		return error;
	for (size_t i = 0; i < found; i++)
		g_string_append_printf(result, "%s%d", i == 0 ? "" : " ", prefs[i]);
	return WEBPUSH_OK;
}

static enum webpush_error parse_provision(const struct arg_token *tokens, size_t count,
					  GString *result, const char **error_r)
{
	const char *device, *notification;
	enum webpush_error error =
		pimap_provision_parse(tokens, count, &device, &notification, error_r);

	if (error == WEBPUSH_OK) {
		g_string_append(result, device == NULL ? "-" : device);
		if (notification != NULL)
			g_string_append_printf(result, " %s", notification);
	}
	return error;
}

static enum webpush_error parse_filter(const struct arg_token *tokens, size_t count,
				       GString *result, const char **error_r)
{
	static const char *const verbs[] = {"get", "set", "delete", "direct-get", "direct-set"};
	char criteria[LIMIT_FILTER_CRITERIA + 1];
	struct pimap_filter filter;
	enum webpush_error error = pimap_filter_parse(tokens, count, &filter, error_r);

	if (error != WEBPUSH_OK)
		return error;
	g_string_append_printf(result, "%s %s", verbs[filter.verb], filter.name);
	if (filter.charset != NULL)
		g_string_append_printf(result, " charset=%s", filter.charset);
	if (filter.description != NULL)
		g_string_append_printf(result, " desc=%s", filter.description);
	if (filter.want_description)
		g_string_append(result, " desc");
	if (filter.want_criteria)
		g_string_append(result, " criteria");
	if (filter.verb >= PIMAP_FILTER_DIRECT_GET)
		show_place(result, &filter.attach);
	if (filter.criteria_count == 0)
		return WEBPUSH_OK;
	error = pimap_tokens_format(tokens + filter.criteria, filter.criteria_count, criteria,
				    sizeof(criteria), error_r);
	g_string_append_printf(result, " <%s>", criteria);
	return error;
}

/* `line`, and what is made of it; NULL: an error. */
static const struct row {
	const char *name;
	parse_t *parse;
	const char *line;
	enum webpush_error error;
	const char *result;
} rows[] = {
	{"set/address", parse_set, "PIMAP_OUTBAND_ADDRESS 13335559999", WEBPUSH_OK,
	 "OUTBAND_ADDRESS=13335559999"},
	{"set/address quoted", parse_set, "PIMAP_OUTBAND_ADDRESS \"joe_Q@foo.com\"", WEBPUSH_OK,
	 "OUTBAND_ADDRESS=joe Q@foo.com"},
	{"set/no address", parse_set, "PIMAP_OUTBAND_ADDRESS NIL", WEBPUSH_OK, "OUTBAND_ADDRESS="},
	{"set/address with line break", parse_set, "PIMAP_OUTBAND_ADDRESS \"a^b\"", WEBPUSH_CANNOT,
	 NULL},
	{"set/address not UTF-8", parse_set, "PIMAP_OUTBAND_ADDRESS \"\xff\"", WEBPUSH_CANNOT,
	 NULL},
	{"set/channel", parse_set, "PIMAP_OUTBAND_CHANNEL sms", WEBPUSH_OK, "OUTBAND_CHANNEL=SMS"},
	{"set/channel empty", parse_set, "PIMAP_OUTBAND_CHANNEL \"\"", WEBPUSH_CANNOT, NULL},
	{"set/channel of two words", parse_set, "PIMAP_OUTBAND_CHANNEL \"SMS_MMS\"", WEBPUSH_CANNOT,
	 NULL},
	{"set/channel list", parse_set, "PIMAP_OUTBAND_CHANNEL ( SMS )", WEBPUSH_SYNTAX, NULL},
	{"set/Lemonade's name", parse_set, "L_OUTBAND_CHANNEL SMS", WEBPUSH_OK,
	 "OUTBAND_CHANNEL=SMS"},
	{"set/format", parse_set, "PIMAP_OUTBAND_FORMAT EXTENDED", WEBPUSH_OK,
	 "OUTBAND_FORMAT=EXTENDED"},
	{"set/format unknown", parse_set, "PIMAP_OUTBAND_FORMAT MORSE", WEBPUSH_CANNOT, NULL},
	{"set/format prefix", parse_set, "PIMAP_OUTBAND_FORMAT EM", WEBPUSH_CANNOT, NULL},
	{"set/event filter", parse_set, "PIMAP_EVENT_FILTER new", WEBPUSH_OK, "EVENT_FILTER=NEW"},
	{"set/push", parse_set, "PIMAP_INBAND_PUSH \"on\"", WEBPUSH_OK, "INBAND_PUSH=ON"},
	{"set/push maybe", parse_set, "PIMAP_INBAND_PUSH MAYBE", WEBPUSH_CANNOT, NULL},
	{"set/no new format", parse_set, "PIMAP_INBAND_NEW_FORMAT none", WEBPUSH_OK,
	 "INBAND_NEW_FORMAT=NONE"},
	{"set/new format macro", parse_set, "PIMAP_INBAND_NEW_FORMAT fast", WEBPUSH_OK,
	 "INBAND_NEW_FORMAT=FAST"},
	{"set/new format attribute", parse_set, "PIMAP_INBAND_NEW_FORMAT UID", WEBPUSH_OK,
	 "INBAND_NEW_FORMAT=(UID)"},
	{"set/new format list", parse_set, "PIMAP_INBAND_NEW_FORMAT ( UID FLAGS )", WEBPUSH_OK,
	 "INBAND_NEW_FORMAT=(UID FLAGS)"},
	{"set/new format section", parse_set,
	 "PIMAP_IN-BAND_NEW_FORMAT ( UID BODY.PEEK[HEADER.FIELDS ( FROM \"to\" ) ] FLAGS )",
	 WEBPUSH_OK, "INBAND_NEW_FORMAT=(UID BODY.PEEK[HEADER.FIELDS (FROM \"to\")] FLAGS)"},
	{"set/new format section alone", parse_set,
	 "PIMAP_INBAND_NEW_FORMAT BODY.PEEK[HEADER.FIELDS ( FROM ) ]<0.9>", WEBPUSH_OK,
	 "INBAND_NEW_FORMAT=(BODY.PEEK[HEADER.FIELDS (FROM)]<0.9>)"},
	{"set/new format string", parse_set, "PIMAP_INBAND_NEW_FORMAT \"UID\"", WEBPUSH_SYNTAX,
	 NULL},
	{"set/new format missing", parse_set, "PIMAP_INBAND_NEW_FORMAT", WEBPUSH_SYNTAX, NULL},
	{"set/filter", parse_set, "PIMAP_XFILTER ( INBOX N Boss )", WEBPUSH_OK, "INBOX N BOSS"},
	{"set/filter everywhere", parse_set, "XFILTER ( all v ALL )", WEBPUSH_OK, "* V ALL"},
	{"set/filter of mailbox ALL", parse_set, "L_FILTER ( \"ALL\" B x )", WEBPUSH_OK, "ALL B X"},
	{"set/filter with P", parse_set, "PIMAP_XFILTER ( INBOX P x )", WEBPUSH_OK, "INBOX N X"},
	{"set/filter of other type", parse_set, "PIMAP_XFILTER ( INBOX X x )", WEBPUSH_SYNTAX,
	 NULL},
	{"set/filter of long type", parse_set, "PIMAP_XFILTER ( INBOX NV x )", WEBPUSH_SYNTAX,
	 NULL},
	{"set/filter of empty type", parse_set, "PIMAP_XFILTER ( INBOX \"\" x )", WEBPUSH_SYNTAX,
	 NULL},
	{"set/filter without a list", parse_set, "PIMAP_XFILTER INBOX N x", WEBPUSH_SYNTAX, NULL},
	{"set/filter without a name", parse_set, "PIMAP_XFILTER ( INBOX N )", WEBPUSH_SYNTAX, NULL},
	{"set/filter twice", parse_set, "PIMAP_XFILTER ( INBOX N x x )", WEBPUSH_SYNTAX, NULL},
	{"set/filter in no mailbox", parse_set, "PIMAP_XFILTER ( \"\" N x )", WEBPUSH_SYNTAX, NULL},
	{"set/unknown", parse_set, "PIMAP_COLOUR RED", WEBPUSH_SYNTAX, NULL},
	{"set/no prefix", parse_set, "OUTBAND_CHANNEL SMS", WEBPUSH_SYNTAX, NULL},
	{"set/prefix alone", parse_set, "PIMAP_ SMS", WEBPUSH_SYNTAX, NULL},
	{"set/nothing", parse_set, "", WEBPUSH_SYNTAX, NULL},
	{"set/no value", parse_set, "PIMAP_OUTBAND_CHANNEL", WEBPUSH_SYNTAX, NULL},
	{"set/two values", parse_set, "PIMAP_OUTBAND_CHANNEL SMS MMS", WEBPUSH_SYNTAX, NULL},
	{"set/name is a list", parse_set, "( PIMAP_OUTBAND_CHANNEL ) SMS", WEBPUSH_SYNTAX, NULL},

	{"get/one", parse_get, "( PIMAP_OUTBAND_CHANNEL )", WEBPUSH_OK, "1"},
	{"get/all", parse_get,
	 "( PIMAP_XFILTER L_EVENT_FILTER pimap_outband_format PIMAP_INBAND_PUSH "
	 "PIMAP_INBAND_NEW_FORMAT PIMAP_OUTBAND_CHANNEL PIMAP_OUTBAND_ADDRESS )",
	 WEBPUSH_OK, "6 5 4 3 2 1 0"},
	{"get/twice", parse_get, "( PIMAP_XFILTER XFILTER PIMAP_XFILTER )", WEBPUSH_OK, "6"},
	{"get/no list", parse_get, "PIMAP_XFILTER", WEBPUSH_OK, "6"},
	{"get/no list, two", parse_get, "PIMAP_XFILTER PIMAP_INBAND_PUSH", WEBPUSH_SYNTAX, NULL},
	{"get/nothing", parse_get, "", WEBPUSH_SYNTAX, NULL},
	{"get/empty list", parse_get, "( )", WEBPUSH_SYNTAX, NULL},
	{"get/list in list", parse_get, "( ( PIMAP_XFILTER ) )", WEBPUSH_SYNTAX, NULL},
	{"get/unknown", parse_get, "( PIMAP_COLOUR )", WEBPUSH_SYNTAX, NULL},
	{"get/more", parse_get, "( PIMAP_XFILTER ) x", WEBPUSH_SYNTAX, NULL},

	{"provision/bare", parse_provision, "", WEBPUSH_OK, "-"},
	{"provision/device", parse_provision, "P42", WEBPUSH_OK, "P42"},
	{"provision/notification id", parse_provision, "\"P42\" whatever", WEBPUSH_OK,
	 "P42 whatever"},
	{"provision/three", parse_provision, "P42 x y", WEBPUSH_SYNTAX, NULL},
	{"provision/list", parse_provision, "( P42 )", WEBPUSH_SYNTAX, NULL},
	{"provision/empty", parse_provision, "\"\"", WEBPUSH_CANNOT, NULL},
	{"provision/other characters", parse_provision, "P42/x", WEBPUSH_CANNOT, NULL},

	{"filter/get", parse_filter, "GET Profile1 ( DESC CRITERIA )", WEBPUSH_OK,
	 "get PROFILE1 desc criteria"},
	{"filter/get either", parse_filter, "get ALL ( criteria )", WEBPUSH_OK, "get ALL criteria"},
	{"filter/get nothing of it", parse_filter, "GET x ( )", WEBPUSH_OK, "get X"},
	{"filter/get with charset", parse_filter, "GET CHARSET UTF-8 x ( DESC )", WEBPUSH_OK,
	 "get X charset=UTF-8 desc"},
	{"filter/get of one named charset", parse_filter, "GET \"CHARSET\" ( DESC )", WEBPUSH_OK,
	 "get CHARSET desc"},
	{"filter/get without a list", parse_filter, "GET x DESC", WEBPUSH_SYNTAX, NULL},
	{"filter/get other", parse_filter, "GET x ( COLOUR )", WEBPUSH_SYNTAX, NULL},
	{"filter/get more", parse_filter, "GET x ( DESC ) y", WEBPUSH_SYNTAX, NULL},
	{"filter/get of a list", parse_filter, "GET ( x ) ( DESC )", WEBPUSH_SYNTAX, NULL},
	{"filter/set", parse_filter,
	 "SET FROM_JOHN \"MAIL_FROM_JOHN\" ( SINCE 1-Jun-2003 FROM \"John\" )", WEBPUSH_OK,
	 "set FROM_JOHN desc=MAIL FROM JOHN <SINCE 1-Jun-2003 FROM \"John\">"},
	{"filter/set deeper", parse_filter, "SET x \"\" ( OR ( FROM a ) NOT ( ( ALL ) NIL ) )",
	 WEBPUSH_OK, "set X desc= <OR (FROM a) NOT ((ALL) NIL)>"},
	{"filter/set escapes", parse_filter, "SET x y ( FROM \"a\"b\\c\" )", WEBPUSH_OK,
	 "set X desc=y <FROM \"a\\\"b\\\\c\">"},
	{"filter/set with charset", parse_filter, "SET charset iso-8859-1 x y ( ALL )", WEBPUSH_OK,
	 "set X charset=iso-8859-1 desc=y <ALL>"},
	{"filter/set without criteria", parse_filter, "SET x y", WEBPUSH_SYNTAX, NULL},
	{"filter/set no criteria", parse_filter, "SET x y ( )", WEBPUSH_SYNTAX, NULL},
	{"filter/set without a list", parse_filter, "SET x y ALL", WEBPUSH_SYNTAX, NULL},
	{"filter/set without description", parse_filter, "SET x ( ALL )", WEBPUSH_SYNTAX, NULL},
	{"filter/set two lists", parse_filter, "SET x y ( ALL ) ( ALL )", WEBPUSH_SYNTAX, NULL},
	{"filter/set line break", parse_filter, "SET x y ( FROM \"a^b\" )", WEBPUSH_CANNOT, NULL},
	{"filter/set line break in description", parse_filter, "SET x \"a^b\" ( ALL )",
	 WEBPUSH_CANNOT, NULL},
	{"filter/set predefined", parse_filter, "SET none y ( ALL )", WEBPUSH_CANNOT, NULL},
	{"filter/set with slash", parse_filter, "SET a/b y ( ALL )", WEBPUSH_CANNOT, NULL},
	{"filter/set with blank", parse_filter, "SET \"a_b\" y ( ALL )", WEBPUSH_CANNOT, NULL},
	{"filter/set with 8 bits", parse_filter, "SET \"\xc3\xbc\" y ( ALL )", WEBPUSH_CANNOT,
	 NULL},
	{"filter/set with no name", parse_filter, "SET \"\" y ( ALL )", WEBPUSH_SYNTAX, NULL},
	{"filter/delete", parse_filter, "DELETE x", WEBPUSH_OK, "delete X"},
	{"filter/delete predefined", parse_filter, "DELETE ALL", WEBPUSH_CANNOT, NULL},
	{"filter/delete two", parse_filter, "DELETE x y", WEBPUSH_SYNTAX, NULL},
	{"filter/direct", parse_filter, "INBOX P SINCE 1-Jun-2003 FROM \"John\"", WEBPUSH_OK,
	 "direct-set INBOX N <SINCE 1-Jun-2003 FROM \"John\">"},
	{"filter/direct everywhere", parse_filter, "ALL P NOT ALL", WEBPUSH_OK,
	 "direct-set * N <NOT ALL>"},
	{"filter/direct charset", parse_filter, "INBOX N CHARSET UTF-8 ALL", WEBPUSH_OK,
	 "direct-set  charset=UTF-8INBOX N <ALL>"},
	{"filter/direct get", parse_filter, "ALL V GET", WEBPUSH_OK, "direct-get * V"},
	{"filter/direct get of both", parse_filter, "ALL B GET", WEBPUSH_SYNTAX, NULL},
	{"filter/direct mailbox GET", parse_filter, "\"GET\" N ALL", WEBPUSH_OK,
	 "direct-set GET N <ALL>"},
	{"filter/direct without criteria", parse_filter, "INBOX N", WEBPUSH_SYNTAX, NULL},
	{"filter/direct without type", parse_filter, "INBOX", WEBPUSH_SYNTAX, NULL},
	{"filter/direct list", parse_filter, "( INBOX ) N ALL", WEBPUSH_SYNTAX, NULL},
	{"filter/nothing", parse_filter, "", WEBPUSH_SYNTAX, NULL},
};

static void test_row(const void *data)
{
	const struct row *row = data;
	g_autofree char *line = g_strdup(row->line);
	g_auto(GStrv) words = g_strsplit(line, " ", -1);
	g_autoptr(GString) result = g_string_new(NULL);
	struct arg_token tokens[64] = {0};
	const char *error = NULL;
	size_t count = tokenise_lines(words, tokens, G_N_ELEMENTS(tokens));

	g_assert_cmpint(row->parse(tokens, count, result, &error), ==, row->error);
	if (row->error == WEBPUSH_OK)
		g_assert_cmpstr(strchr(result->str, ' ') == result->str ? result->str + 1
									: result->str,
				==, row->result);
	else
		g_assert_nonnull(error);
}

/* The most that is let through, and one more. */
static void test_ceilings(void)
{
	g_autofree char *name = g_strnfill(LIMIT_FILTER_NAME + 1, 'a');
	g_autofree char *value = g_strnfill(LIMIT_PIMAP_NEW_FORMAT + 1, 'a');
	g_autofree char *description = g_strnfill(LIMIT_FILTER_DESCRIPTION + 1, 'a');
	char upper[LIMIT_FILTER_NAME + 1], out[16];
	struct arg_token set[] = {{ARG_TOKEN_ATOM, "PIMAP_OUTBAND_ADDRESS"},
				  {ARG_TOKEN_STRING, value}};
	struct arg_token format[] = {{ARG_TOKEN_ATOM, "PIMAP_INBAND_NEW_FORMAT"},
				     {ARG_TOKEN_ATOM, value}};
	struct arg_token filter[] = {{ARG_TOKEN_ATOM, "SET"},         {ARG_TOKEN_ATOM, "x"},
				     {ARG_TOKEN_STRING, description}, {ARG_TOKEN_OPEN, NULL},
				     {ARG_TOKEN_ATOM, "ALL"},         {ARG_TOKEN_CLOSE, NULL}};
	struct pimap_filter filter_out;
	struct pimap_set set_out;
	const char *error;

	g_assert_cmpint(pimap_filter_name(name, upper, &error), ==, WEBPUSH_LIMIT);
	g_assert_cmpint(pimap_filter_name(name + 1, upper, &error), ==, WEBPUSH_OK);
	g_assert_cmpint(pimap_set_parse(set, 2, &set_out, &error), ==, WEBPUSH_LIMIT);
	set[1].text++;
	g_assert_cmpint(pimap_set_parse(set, 2, &set_out, &error), ==, WEBPUSH_OK);
	g_assert_cmpuint(strlen(set_out.value), ==, LIMIT_PIMAP_NEW_FORMAT);
	/* The brackets around it count. */
	format[1].text += 2;
	g_assert_cmpint(pimap_set_parse(format, 2, &set_out, &error), ==, WEBPUSH_LIMIT);
	format[1].text++;
	g_assert_cmpint(pimap_set_parse(format, 2, &set_out, &error), ==, WEBPUSH_OK);
	g_assert_cmpuint(strlen(set_out.value), ==, LIMIT_PIMAP_NEW_FORMAT);
	g_assert_cmpint(pimap_filter_parse(filter, 6, &filter_out, &error), ==, WEBPUSH_LIMIT);
	filter[2].text++;
	g_assert_cmpint(pimap_filter_parse(filter, 6, &filter_out, &error), ==, WEBPUSH_OK);
	g_assert_cmpint(pimap_tokens_format(filter + 3, 3, out, 5, &error), ==, WEBPUSH_LIMIT);
	g_assert_cmpint(pimap_tokens_format(filter + 3, 3, out, 6, &error), ==, WEBPUSH_OK);
	g_assert_cmpstr(out, ==, "(ALL)");
}

static void test_families(void)
{
	enum pimap_pref pref;

	g_assert_null(pimap_family_find("XPIMAPPREF"));
	g_assert_cmpstr(pimap_family_find("xprovision")->get, ==, "XGETPIMAPPREFS");
	g_assert_cmpstr(pimap_family_find("XGETPIMAPPREF")->get, ==, "XGETPIMAPPREF");
	g_assert_cmpstr(pimap_family_find("LGETPREFS")->prefix, ==, "L_");
	g_assert_cmpstr(pimap_family_find("LEMONADEFILTER")->set, ==, "LEMONADESETPREF");
	for (int i = 0; i < PIMAP_PREF_COUNT; i++) {
		const struct pimap_pref_info *info = pimap_pref_info((enum pimap_pref)i);
		g_autofree char *name =
			g_strconcat("PIMAP_", info->name == NULL ? "XFILTER" : info->name, NULL);

		g_assert_true(pimap_pref_parse(name, &pref));
		g_assert_cmpint(pref, ==, i);
	}
}

static void test_unquote(void)
{
	static const struct {
		const char *text, *value; /* NULL: it has no end */
		size_t length;
	} strings[] = {
		{"\"\"", "", 2},  {"\"a b\" c", "a b", 5}, {"\"\\\"\\\\\"", "\"\\", 6},
		{"\"a", NULL, 0}, {"\"a\\\"", NULL, 0},    {"\"a\\", NULL, 0},
		{"\"", NULL, 0},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(strings); i++) {
		const char *text = strings[i].text;
		char out[16];

		g_assert_cmpint(pimap_unquote(&text, out), ==, strings[i].value != NULL);
		if (strings[i].value == NULL)
			continue;
		g_assert_cmpstr(out, ==, strings[i].value);
		g_assert_cmpuint(text - strings[i].text, ==, strings[i].length);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *path = g_strdup_printf("/pimap-args/%s", rows[i].name);
		g_test_add_data_func(path, &rows[i], test_row);
	}
	g_test_add_func("/pimap-args/ceilings", test_ceilings);
	g_test_add_func("/pimap-args/families", test_families);
	g_test_add_func("/pimap-args/unquote", test_unquote);
	return g_test_run();
}
