#include "gateway.h"

#include "gateway-doubles.h"
#include "limits.h"
#include "template.h"
#include "webhook.h"

#include <string.h>

#include <json-glib/json-glib.h>

#define NOW_SECS 1614265330
#define NOW_US ((gint64)NOW_SECS * G_USEC_PER_SEC)
#define K(name) PUSH_EVENT_KIND_BIT(PUSH_EVENT_##name)

#define DATA_CHANGE                                                                              \
	"EVENT\tname=DataChange\ttime=1\tuser=alice\tdevice=IMEI:1\tdatabases=contacts calendar" \
	"\tpackage=AwoAAA==\tpackage-type=application/vnd.syncml.ds.notification"
#define ARRIVAL                                                                              \
	"EVENT\tname=MessageNew\ttime=1\tuser=alice\tmailbox=INBOX"                          \
	"\tmailboxid=0123456789abcdef0123456789abcdef\tuids=12:13\tuidvalidity=1\tmodseq=99" \
	"\tfrom-name=Zo\xc3\xab\tfrom-address=zoe@example.org\tsubject=\"Hi\"\t"             \
	"date=2026-11-22T02:30:00Z\tmessage-id=<a@b>\tpreview=See you"

/* Standard Webhooks' own example. */
#define VECTOR_SECRET "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define VECTOR_ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define VECTOR_BODY "{\"test\": 2432232314}"
#define VECTOR_SIGNATURE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

static GBytes *secret_bytes(const char *base64)
{
	gsize len;
	guchar *data = g_base64_decode(base64, &len);

	return g_bytes_new_take(data, len);
}

static void test_signature(void)
{
	g_autoptr(GBytes) secret = secret_bytes(VECTOR_SECRET), old = g_bytes_new_static("old", 3);
	g_autoptr(GBytes) body = g_bytes_new_static(VECTOR_BODY, strlen(VECTOR_BODY));
	g_autoptr(GBytes) empty = g_bytes_new_static("", 0);
	struct config_webhook hook = {.name = (char *)"x", .secret = secret};
	g_autofree char *plain = NULL, *both = NULL, *of_empty = NULL, *swapped = NULL;

	plain = webhook_signature(&hook, VECTOR_ID, NOW_SECS, body);
	g_assert_cmpstr(plain, ==, VECTOR_SIGNATURE);
	of_empty = webhook_signature(&hook, VECTOR_ID, NOW_SECS, empty);
	g_assert_cmpstr(of_empty, !=, VECTOR_SIGNATURE);
	hook.old_secret = old;
	both = webhook_signature(&hook, VECTOR_ID, NOW_SECS, body);
	g_assert_true(g_str_has_prefix(both, VECTOR_SIGNATURE " v1,"));
	g_assert_cmpuint(strlen(both), ==, 2 * strlen(VECTOR_SIGNATURE) + 1);
	g_assert_false(g_str_has_suffix(both, VECTOR_SIGNATURE));
	hook.secret = old;
	hook.old_secret = secret;
	swapped = webhook_signature(&hook, VECTOR_ID, NOW_SECS, body);
	g_assert_true(g_str_has_suffix(swapped, " " VECTOR_SIGNATURE));
	hook.secret = NULL;
	g_assert_null(webhook_signature(&hook, VECTOR_ID, NOW_SECS, body));
}

static struct notification make_notification(const char *event, push_event_kinds kinds)
{
	return (struct notification){
		.id = 7,
		.revision = 1,
		.user = (char *)"alice",
		.key = (char *)"mail:INBOX",
		.kinds = kinds,
		.messages = 2,
		.first_us = 1792636200123456,
		.event = (char *)event,
	};
}

static const struct body_row {
	const char *name, *template, *event;
	push_event_kinds kinds;
	gboolean content, minimal;
	const char *body;
} body_rows[] = {
	{"new mail", NULL, ARRIVAL, K(MESSAGE_NEW), FALSE, FALSE,
	 "{\"type\":\"mail.new\",\"time\":\"2026-10-22T02:30:00Z\",\"webhook\":\"hook\","
	 "\"user\":\"alice\",\"data\":{\"events\":[\"MessageNew\"],\"mailbox\":\"INBOX\","
	 "\"mailbox-id\":\"0123456789abcdef0123456789abcdef\",\"uidvalidity\":1,"
	 "\"uids\":\"12:13\",\"count\":2,\"modseq\":99}}"},
	{"content", NULL, ARRIVAL, K(MESSAGE_NEW), TRUE, FALSE,
	 "{\"type\":\"mail.new\",\"time\":\"2026-10-22T02:30:00Z\",\"webhook\":\"hook\","
	 "\"user\":\"alice\",\"data\":{\"events\":[\"MessageNew\"],\"mailbox\":\"INBOX\","
	 "\"mailbox-id\":\"0123456789abcdef0123456789abcdef\",\"uidvalidity\":1,"
	 "\"uids\":\"12:13\",\"count\":2,\"modseq\":99,\"message\":{\"from-name\":\"Zo\xc3\xab\","
	 "\"from-address\":\"zoe@example.org\",\"subject\":\"\\\"Hi\\\"\","
	 "\"date\":\"2026-11-22T02:30:00Z\",\"message-id\":\"<a@b>\",\"preview\":\"See you\"}}}"},
	{"minimal", NULL, ARRIVAL, K(MESSAGE_NEW), TRUE, TRUE,
	 "{\"type\":\"mail.new\",\"time\":\"2026-10-22T02:30:00Z\",\"webhook\":\"hook\","
	 "\"user\":\"alice\",\"data\":{\"events\":[\"MessageNew\"],\"mailbox\":\"INBOX\","
	 "\"mailbox-id\":\"0123456789abcdef0123456789abcdef\",\"uidvalidity\":1,\"count\":2,"
	 "\"modseq\":99}}"},
	{"change of state", NULL, "EVENT\tname=MessageRead\ttime=1\tuser=a\tmailbox=M\tuids=3",
	 K(MESSAGE_READ) | K(FLAGS_SET), TRUE, FALSE,
	 "{\"type\":\"mail.changed\",\"time\":\"2026-10-22T02:30:00Z\",\"webhook\":\"hook\","
	 "\"user\":\"alice\",\"data\":{\"events\":[\"FlagsSet\",\"MessageRead\"],"
	 "\"mailbox\":\"M\",\"uids\":\"3\",\"count\":2}}"},
	{"mailbox", NULL,
	 "EVENT\tname=MailboxRename\ttime=1\tuser=a\tmailbox=B\xff\toldmailbox=\"A\"",
	 K(MAILBOX_RENAME), TRUE, FALSE,
	 "{\"type\":\"mailbox.changed\",\"time\":\"2026-10-22T02:30:00Z\",\"webhook\":\"hook\","
	 "\"user\":\"alice\",\"data\":{\"events\":[\"MailboxRename\"],"
	 "\"mailbox\":\"B\xef\xbf\xbd\",\"old-mailbox\":\"\\\"A\\\"\",\"count\":2}}"},
	{"data change", NULL, DATA_CHANGE, K(DATA_CHANGE), FALSE, FALSE,
	 "{\"type\":\"data.changed\",\"time\":\"2026-10-22T02:30:00Z\",\"webhook\":\"hook\","
	 "\"user\":\"alice\",\"data\":{\"events\":[\"DataChange\"],\"count\":2,\"device\":\"IMEI:"
	 "1\","
	 "\"databases\":\"contacts calendar\","
	 "\"package-type\":\"application/vnd.syncml.ds.notification\",\"package\":\"AwoAAA==\"}}"},
	{"template of a data change", "%{event} %{device} %{databases} %{package-type} %{package}",
	 DATA_CHANGE, K(DATA_CHANGE), FALSE, FALSE,
	 "data.changed IMEI:1 contacts calendar application/vnd.syncml.ds.notification AwoAAA=="},
	{"event that cannot be read", NULL, "EVENT\tname=Nonsense", K(MESSAGE_NEW), TRUE, FALSE,
	 "{\"type\":\"mail.new\",\"time\":\"2026-10-22T02:30:00Z\",\"webhook\":\"hook\","
	 "\"user\":\"alice\",\"data\":{\"events\":[\"MessageNew\"],\"count\":2}}"},
	{"template",
	 "%{user}|%{mailbox}|%{event}|%{events}|%{count}|%{uids}|%{uidvalidity}|%{modseq}|%{time}|"
	 "%{webhook}|%{from}|%{from-name}|%{from-address}|%{json:subject}|%{date}|%{message-id}|"
	 "%{preview}",
	 ARRIVAL, K(MESSAGE_NEW), TRUE, FALSE,
	 "alice|INBOX|mail.new|MessageNew|2|12:13|1|99|2026-10-22T02:30:00Z|hook|Zo\xc3\xab|"
	 "Zo\xc3\xab|zoe@example.org|\\\"Hi\\\"|2026-11-22T02:30:00Z|<a@b>|See you"},
	{"template without content", "%{user} <%{from}%{subject}%{preview}>", ARRIVAL,
	 K(MESSAGE_NEW), FALSE, FALSE, "alice <>"},
	{"template, minimal", "%{user} <%{from}%{subject}%{uids}>", ARRIVAL, K(MESSAGE_NEW), TRUE,
	 TRUE, "alice <>"},
	{"template, sender without a name", "%{from}",
	 "EVENT\tname=MessageNew\ttime=1\tuser=a\tmailbox=M\tfrom-name=\tfrom-address=z@x",
	 K(MESSAGE_NEW), TRUE, FALSE, "z@x"},
	{"template, several events", "%{events}",
	 "EVENT\tname=MessageTrash\ttime=1\tuser=a\tmailbox=M", K(MESSAGE_READ) | K(MESSAGE_TRASH),
	 TRUE, FALSE, "MessageRead MessageTrash"},
};

static void test_body(gconstpointer data)
{
	const struct body_row *row = data;
	struct config_webhook hook = {
		.name = (char *)"hook", .template = (char *)row->template, .content = row->content};
	struct notification notification = make_notification(row->event, row->kinds);
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) body = webhook_body(&hook, &notification, row->minimal, &error);
	g_autofree char *text = NULL;

	g_assert_no_error(error);
	text = g_strndup(g_bytes_get_data(body, NULL), g_bytes_get_size(body));
	g_assert_cmpstr(text, ==, row->body);
	if (row->template == NULL) {
		g_autoptr(JsonParser) parser = json_parser_new();

		g_assert_true(json_parser_load_from_data(parser, text, -1, NULL));
	}
}

static void test_body_too_large(void)
{
	g_autoptr(GString) event =
		g_string_new("EVENT\tname=MessageNew\ttime=1\tuser=a\tmailbox=M\tuids=1");
	struct config_webhook hook = {.name = (char *)"hook",
				      .template = (char *)"%{uids}%{uids}%{uids}%{uids}%{uids}"};
	struct notification notification;
	g_autoptr(GError) error = NULL;

	while (event->len < 16000)
		g_string_append(event, ",1");
	notification = make_notification(event->str, K(MESSAGE_NEW));
	g_assert_null(webhook_body(&hook, &notification, FALSE, &error));
	g_assert_error(error, TEMPLATE_ERROR, TEMPLATE_ERROR_SIZE);
}

/* The examples of docs/webhooks.md: what ntfy and Gotify take, whatever the mail. */
static void test_documented(void)
{
	static const struct {
		const char *template, *number;
	} examples[] = {
		{"{\"topic\":\"alice-mail\",\"title\":\"%{json:from}\",\"message\":\"%{json:"
		 "mailbox} "
		 "(%{count}): %{json:subject}\",\"tags\":[\"email\"]}",
		 NULL},
		{"{\"title\":\"%{json:from}\",\"message\":\"%{json:mailbox} (%{count}): "
		 "%{json:subject}\",\"priority\":5}",
		 "priority"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(examples); i++) {
		struct config_webhook hook = {.name = (char *)"hook",
					      .template = (char *)examples[i].template,
					      .content = TRUE};
		struct notification notification = make_notification(ARRIVAL, K(MESSAGE_NEW));
		g_autoptr(GBytes) body = NULL;
		g_autoptr(JsonParser) parser = json_parser_new();
		g_autoptr(GError) error = NULL;
		JsonObject *object;

		template_check(hook.template, "application/json", &error);
		g_assert_no_error(error);
		body = webhook_body(&hook, &notification, FALSE, &error);
		g_assert_no_error(error);
		json_parser_load_from_data(parser, g_bytes_get_data(body, NULL),
					   (gssize)g_bytes_get_size(body), &error);
		g_assert_no_error(error);
		object = json_node_get_object(json_parser_get_root(parser));
		g_assert_cmpstr(json_object_get_string_member(object, "title"), ==, "Zo\xc3\xab");
		g_assert_cmpstr(json_object_get_string_member(object, "message"), ==,
				"INBOX (2): \"Hi\"");
		if (examples[i].number != NULL)
			g_assert_cmpint(json_object_get_int_member(object, examples[i].number), ==,
					5);
	}
}

static void test_id(void)
{
	struct config_webhook hook = {.name = (char *)"hook"}, other = {.name = (char *)"other"};
	struct notification first = make_notification(ARRIVAL, K(MESSAGE_NEW)), changed = first;
	g_autofree char *id = webhook_id(&hook, &first), *again = NULL, *merged = NULL;
	g_autofree char *another = NULL, *to_other = NULL;

	g_assert_true(g_str_has_prefix(id, "msg_"));
	g_assert_cmpuint(strlen(id), ==, 36);
	/* the full stop separates it from the timestamp in what is signed */
	g_assert_null(strchr(id, '.'));
	/* What a retry changes must not show. */
	changed.attempts = 3;
	changed.due_us = 99;
	again = webhook_id(&hook, &changed);
	g_assert_cmpstr(again, ==, id);
	changed.revision++;
	merged = webhook_id(&hook, &changed);
	g_assert_cmpstr(merged, !=, id);
	changed = first;
	changed.id++;
	another = webhook_id(&hook, &changed);
	g_assert_cmpstr(another, !=, id);
	to_other = webhook_id(&other, &first);
	g_assert_cmpstr(to_other, !=, id);
}

/* --- the gateway ---------------------------------------------------------------- */

static const char *header(const struct http_request *request, const char *name)
{
	const char *value = NULL;

	for (guint i = 0; i < request->headers->len; i++) {
		const struct http_header *h = g_ptr_array_index(request->headers, i);

		if (strcmp(h->name, name) == 0) {
			g_assert_null(value);
			value = h->value;
		}
	}
	return value;
}

static void test_prepare(void)
{
	g_autoptr(GBytes) secret = secret_bytes(VECTOR_SECRET);
	struct http_header fixed = {(char *)"authorization", (char *)"Bearer tk_x"};
	struct config_webhook hook = {.name = (char *)"ntfy",
				      .url = (char *)"https://ntfy.example/",
				      .secret = secret,
				      .content_type = (char *)"text/plain",
				      .template = (char *)"for %{user}",
				      .headers = g_ptr_array_new()};
	struct config_webhook lost = {.name = (char *)"lost",
				      .url = (char *)"https://inner.refused/"};
	struct config config = {.webhooks = g_ptr_array_new()};
	struct gateway_context context = {.config = &config};
	struct device device = {.user = (char *)"alice", .endpoint = (char *)"ntfy"};
	struct notification notification = make_notification(ARRIVAL, K(MESSAGE_NEW));
	g_autoptr(GError) error = NULL;
	g_autofree char *lane = NULL, *signature = NULL;
	struct http_request *request;

	g_ptr_array_add(hook.headers, &fixed);
	g_ptr_array_add(config.webhooks, &hook);
	g_ptr_array_add(config.webhooks, &lost);
	lane = gateway_webhook.lane(&context, &device);
	g_assert_cmpstr(lane, ==, "webhook https://ntfy.example:443");
	request = gateway_webhook.prepare(&context, &device, &notification, FALSE, NOW_US, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(request->url, ==, "https://ntfy.example/");
	g_assert_cmpstr(header(request, "content-type"), ==, "text/plain");
	g_assert_cmpstr(header(request, "authorization"), ==, "Bearer tk_x");
	g_assert_cmpstr(header(request, "webhook-timestamp"), ==, "1614265330");
	g_assert_cmpmem(g_bytes_get_data(request->body, NULL), g_bytes_get_size(request->body),
			"for alice", 9);
	signature =
		webhook_signature(&hook, header(request, "webhook-id"), NOW_SECS, request->body);
	g_assert_cmpstr(header(request, "webhook-signature"), ==, signature);
	http_request_free(request);

	hook.secret = NULL;
	hook.content_type = NULL;
	request = gateway_webhook.prepare(&context, &device, &notification, FALSE, NOW_US, &error);
	g_assert_null(header(request, "webhook-signature"));
	g_assert_cmpstr(header(request, "content-type"), ==, "application/json");
	http_request_free(request);

	device.endpoint = (char *)"lost";
	g_assert_null(gateway_webhook.lane(&context, &device));
	g_assert_null(
		gateway_webhook.prepare(&context, &device, &notification, FALSE, NOW_US, &error));
	g_assert_error(error, URL_GUARD_ERROR, URL_GUARD_ERROR_HOST);
	g_clear_error(&error);

	device.endpoint = (char *)"removed";
	g_assert_null(gateway_webhook.lane(&context, &device));
	g_assert_null(
		gateway_webhook.prepare(&context, &device, &notification, FALSE, NOW_US, &error));
	g_assert_error(error, CONFIG_ERROR, CONFIG_ERROR_VALUE);
	g_assert_nonnull(strstr(error->message, "[webhook removed]"));
	g_ptr_array_unref(hook.headers);
	g_ptr_array_unref(config.webhooks);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/webhook/signature", test_signature);
	g_test_add_func("/webhook/body too large", test_body_too_large);
	g_test_add_func("/webhook/documented templates", test_documented);
	g_test_add_func("/webhook/id", test_id);
	g_test_add_func("/webhook/prepare", test_prepare);
	for (gsize i = 0; i < G_N_ELEMENTS(body_rows); i++) {
		g_autofree char *path = g_strdup_printf("/webhook/body/%s", body_rows[i].name);

		g_test_add_data_func(path, &body_rows[i], test_body);
	}
	return g_test_run();
}
