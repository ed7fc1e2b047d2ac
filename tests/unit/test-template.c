#include "limits.h"
#include "template.h"

#include <string.h>

#include <json-glib/json-glib.h>

#define JSON "application/json"
#define TEXT "text/plain"
#define GOOD -1

static const struct check_row {
	const char *name, *text, *content_type;
	int error;
	const char *says;
} check_rows[] = {
	{"empty", "", JSON, GOOD, NULL},
	{"no variables", "{\"a\":1}", JSON, GOOD, NULL},
	{"every name",
	 "%{json:user}%{json:mailbox}%{event}%{events}%{count}%{uids}%{uidvalidity}"
	 "%{modseq}%{time}%{json:webhook}%{json:from}%{json:from-name}"
	 "%{json:from-address}%{json:subject}%{json:date}%{json:message-id}"
	 "%{json:preview}",
	 JSON, GOOD, NULL},
	{"url", "{\"click\":\"https://mail.example/?m=%{url:mailbox}\"}", JSON, GOOD, NULL},
	{"plain in text", "%{subject}", TEXT, GOOD, NULL},
	{"lone per cent", "100 % %", JSON, GOOD, NULL},
	{"per cent at the end", "%", JSON, GOOD, NULL},
	{"braces alone", "{}{{}}", JSON, GOOD, NULL},
	{"escaped mark", "%%{no variable}", JSON, GOOD, NULL},
	{"unknown name", "%{sujbect}", TEXT, TEMPLATE_ERROR_NAME, "'sujbect'; there are user, "},
	{"name in capitals", "%{Subject}", TEXT, TEMPLATE_ERROR_NAME, "'Subject'"},
	{"empty name", "%{}", TEXT, TEMPLATE_ERROR_NAME, "''"},
	{"blank in a name", "%{ subject}", TEXT, TEMPLATE_ERROR_NAME, "' subject'"},
	{"empty name after a modifier", "%{json:}", TEXT, TEMPLATE_ERROR_NAME, "''"},
	{"unknown modifier", "%{html:subject}", TEXT, TEMPLATE_ERROR_SYNTAX, "'html:'"},
	{"two modifiers", "%{json:url:subject}", TEXT, TEMPLATE_ERROR_NAME, "'url:subject'"},
	{"not closed", "a %{subject", TEXT, TEMPLATE_ERROR_SYNTAX, "'%{subject' lacks"},
	{"not closed at the end", "%{", TEXT, TEMPLATE_ERROR_SYNTAX, "'%{' lacks"},
	{"plain text in JSON", "{\"s\":\"%{subject}\"}", JSON, TEMPLATE_ERROR_UNSAFE,
	 "%{json:subject}"},
	{"plain text in JSON of a kind", "%{user}", "Application/Cloudevents+JSON; charset=utf-8",
	 TEMPLATE_ERROR_UNSAFE, "%{json:user}"},
	{"JSON in a parameter is not JSON", "%{user}", "text/plain; x=a/json", GOOD, NULL},
	{"plain number in JSON", "{\"n\":%{count}}", JSON, GOOD, NULL},
	{"not UTF-8", "\xff", TEXT, TEMPLATE_ERROR_SYNTAX, "UTF-8"},
};

static void test_check(gconstpointer data)
{
	const struct check_row *row = data;
	g_autoptr(GError) error = NULL;
	gboolean ok = template_check(row->text, row->content_type, &error);

	if (row->error == GOOD) {
		g_assert_no_error(error);
		g_assert_true(ok);
		return;
	}
	g_assert_false(ok);
	g_assert_error(error, TEMPLATE_ERROR, row->error);
	g_test_message("%s", error->message);
	g_assert_nonnull(strstr(error->message, row->says));
}

#define NASTY "\"},\\ \n\t\033[0m \xff %{user} <\xc3\xa9> &?=/#%"

static const struct expand_row {
	const char *name, *text, *value; /* of subject */
	const char *result;
} expand_rows[] = {
	{"nothing", "", "x", ""},
	{"literal", "a b", "x", "a b"},
	{"plain", "<%{subject}>", "x y", "<x y>"},
	{"twice", "%{subject}%{subject}", "xy", "xyxy"},
	{"NULL is empty", "<%{subject}>", NULL, "<>"},
	{"empty is empty", "<%{json:subject}>", "", "<>"},
	{"escaped mark", "%%{subject} %{subject}", "x", "%{subject} x"},
	{"per cents", "100% %5 %", "x", "100% %5 %"},
	{"plain strips control characters only", "%{subject}", NASTY,
	 "\"},\\    [0m \xef\xbf\xbd %{user} <\xc3\xa9> &?=/#%"},
	{"json", "%{json:subject}", NASTY,
	 "\\\"},\\\\    [0m \xef\xbf\xbd %{user} <\xc3\xa9> &?=/#%"},
	{"url", "%{url:subject}", NASTY,
	 "%22%7D%2C%5C%20%20%20%20%5B0m%20%EF%BF%BD%20%25%7Buser%7D%20%3C%C3%A9%3E%20%26%3F%3D%2F"
	 "%23%25"},
	{"separators of lines are control characters", "%{subject}",
	 "a\xe2\x80\xa8"
	 "b\xc2\x85"
	 "c",
	 "a b c"},
};

static void test_expand(gconstpointer data)
{
	const struct expand_row *row = data;
	const char *values[TEMPLATE_NAME_COUNT] = {
		[TEMPLATE_SUBJECT] = row->value, [TEMPLATE_USER] = "not me"};
	g_autoptr(GError) error = NULL;
	g_autofree char *result = template_expand(row->text, values, &error);

	g_assert_no_error(error);
	g_assert_cmpstr(result, ==, row->result);
}

static void test_every_name(void)
{
	static const char *const names[TEMPLATE_NAME_COUNT] = {
		"user",         "mailbox", "event", "events",     "count",  "uids",
		"uidvalidity",  "modseq",  "time",  "webhook",    "from",   "from-name",
		"from-address", "subject", "date",  "message-id", "preview"};
	const char *values[TEMPLATE_NAME_COUNT];

	for (guint i = 0; i < TEMPLATE_NAME_COUNT; i++)
		values[i] = names[i];
	for (guint i = 0; i < TEMPLATE_NAME_COUNT; i++) {
		g_autofree char *text = g_strdup_printf("%%{%s}", names[i]);
		g_autofree char *result = template_expand(text, values, NULL);

		g_assert_cmpstr(result, ==, names[i]);
	}
}

/* Whatever octets come, what json: makes of them is one string of one object. */
static void test_json_holds(void)
{
	for (guint i = 0; i < 5000; i++) {
		const char *values[TEMPLATE_NAME_COUNT] = {NULL};
		g_autoptr(JsonParser) parser = json_parser_new();
		g_autoptr(GError) error = NULL;
		g_autofree char *result = NULL;
		char octets[17];
		guint len = (guint)g_test_rand_int_range(0, 16);

		for (guint k = 0; k < len; k++)
			octets[k] = (char)g_test_rand_int_range(1, 255);
		octets[len] = '\0';
		values[TEMPLATE_SUBJECT] = octets;
		result = template_expand("{\"s\":\"%{json:subject}\"}", values, &error);
		g_assert_no_error(error);
		json_parser_load_from_data(parser, result, -1, &error);
		g_assert_no_error(error);
		g_assert_cmpuint(
			json_object_get_size(json_node_get_object(json_parser_get_root(parser))),
			==, 1);
	}
}

static void test_ceilings(void)
{
	g_autofree char *most = g_strnfill(LIMIT_TEMPLATE, 'x');
	g_autofree char *more = g_strnfill(LIMIT_TEMPLATE + 1, 'x');
	g_autofree char *full = g_strnfill(LIMIT_WEBHOOK_BODY, 'x');
	const char *values[TEMPLATE_NAME_COUNT] = {[TEMPLATE_SUBJECT] = full};
	g_autofree char *result = NULL;
	g_autoptr(GError) error = NULL;

	g_assert_true(template_check(most, TEXT, NULL));
	g_assert_false(template_check(more, TEXT, &error));
	g_assert_error(error, TEMPLATE_ERROR, TEMPLATE_ERROR_SIZE);
	g_clear_error(&error);
	result = template_expand("%{subject}", values, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(strlen(result), ==, LIMIT_WEBHOOK_BODY);
	g_assert_null(template_expand("%{subject}y", values, &error));
	g_assert_error(error, TEMPLATE_ERROR, TEMPLATE_ERROR_SIZE);
	g_clear_error(&error);
	g_assert_null(template_expand("y%{subject}", values, &error));
	g_assert_error(error, TEMPLATE_ERROR, TEMPLATE_ERROR_SIZE);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(check_rows); i++) {
		g_autofree char *path = g_strdup_printf("/template/check/%s", check_rows[i].name);

		g_test_add_data_func(path, &check_rows[i], test_check);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(expand_rows); i++) {
		g_autofree char *path = g_strdup_printf("/template/expand/%s", expand_rows[i].name);

		g_test_add_data_func(path, &expand_rows[i], test_expand);
	}
	g_test_add_func("/template/every name", test_every_name);
	g_test_add_func("/template/json holds", test_json_holds);
	g_test_add_func("/template/ceilings", test_ceilings);
	return g_test_run();
}
