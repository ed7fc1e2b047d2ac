/*
 * REGISTER on the mail socket: devices that hand out a token of their vendor's, Apple Mail's
 * (XAPPLEPUSHSERVICE) and Delta Chat's (an entry of METADATA). They register anew with each
 * login, which keeps them.
 */
#include "intake-private.h"
#include "limits.h"

#include <string.h>

/* The token's first digits tell the devices of one account apart. */
#define SHOWN_TOKEN 16

static gboolean is_word(const char *text, gsize max)
{
	if (text == NULL || *text == '\0' || strlen(text) > max)
		return FALSE;
	for (; *text != '\0'; text++) {
		if (!g_ascii_isgraph(*text))
			return FALSE;
	}
	return TRUE;
}

static gboolean is_hex(const char *text)
{
	return text != NULL && strlen(text) >= SHOWN_TOKEN && strlen(text) <= LIMIT_APPLE_TOKEN &&
	       strlen(text) % 2 == 0 && strspn(text, "0123456789abcdefABCDEF") == strlen(text);
}

/* NULL: every mailbox, which a session of Apple Mail never asks for. */
static char **mailboxes_of(const struct request *request, const char **error_r)
{
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
	gsize bytes = 0;
	guint count = 0;

	for (gsize i = 0; i < request->count; i++) {
		const char *name = request->fields[i].value;

		if (g_strcmp0(request->fields[i].key, "mailbox") != 0)
			continue;
		bytes += strlen(name);
		if (*name == '\0' || strlen(name) > LIMIT_MAILBOX ||
		    !g_utf8_validate(name, -1, NULL))
			*error_r = "a mailbox name is empty, too long or not UTF-8";
		else if (++count > LIMIT_FILTER_MAILBOXES || bytes > LIMIT_FILTER_BYTES)
			*error_r = "too many mailboxes in one registration";
		if (*error_r != NULL)
			return NULL;
		g_strv_builder_add(builder, name);
	}
	return count > 0 ? g_strv_builder_end(builder) : NULL;
}

static const char *fill_apple(const struct request *request, struct device *device)
{
	const char *account = request_get(request, "account"),
		   *token = request_get(request, "token"),
		   *subtopic = request_get(request, "subtopic");
	g_autofree char *digits = NULL;
	const char *text = NULL;

	if (!is_word(account, LIMIT_APPLE_ACCOUNT) || strchr(account, ':') != NULL)
		return "the account id is missing, too long or has blanks";
	if (!is_hex(token))
		return "the device token is not hexadecimal digits, or too short or too long";
	if (subtopic != NULL && !is_word(subtopic, LIMIT_APPLE_TOPIC))
		return "the subtopic is too long or has blanks";
	digits = g_ascii_strdown(token, -1);
	device->device = g_strdup_printf("apple:%s:%.*s", account, SHOWN_TOKEN, digits);
	device->gateway = g_strdup("apns");
	device->dialect = DIALECT_APPLE;
	device->endpoint = g_steal_pointer(&digits);
	device->client = g_strdup(account);
	device->label = g_strdup(subtopic);
	device->mailboxes = mailboxes_of(request, &text);
	if (device->mailboxes == NULL && text == NULL)
		text = "there is no mailbox";
	return text;
}

static const char *fill_delta(const struct request *request, struct device *device)
{
	const char *token = request_get(request, "token");
	g_autofree char *hash = NULL;

	if (!is_word(token, LIMIT_DELTA_TOKEN))
		return "the device token is empty, too long or has blanks";
	hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, token, -1);
	device->device = g_strdup_printf("delta:%.*s", SHOWN_TOKEN, hash);
	device->gateway = g_strdup("deltapush");
	device->dialect = DIALECT_DELTAPUSH;
	device->endpoint = g_strdup(token);
	/* The service is told of nothing else. */
	device->events = PUSH_EVENT_KINDS_ARRIVAL;
	return NULL;
}

static void registered(const struct device *device, const GError *error, gpointer data)
{
	struct change *change = data;
	struct intake *intake = change->intake;
	gint64 now = g_get_real_time() / G_USEC_PER_SEC;

	if (error != NULL || intake->closed) {
		intake_change_end(change, error);
		return;
	}
	intake->registry->backend->present(intake->registry, device, now);
	intake_ok(change->peer, change->id, "topic",
		  device->dialect == DIALECT_APPLE ? intake->context->config->apple_topic : NULL,
		  NULL, NULL);
	intake_change_free(change);
}

void intake_register(const struct request *request)
{
	struct intake *intake = request->intake;
	const char *dialect = request_get(request, "dialect"), *text;
	g_autoptr(device_t) device = g_new0(struct device, 1);
	gint64 now = g_get_real_time() / G_USEC_PER_SEC;

	device->user = g_strdup(request->user);
	device->events = PUSH_EVENT_KINDS_MAIL;
	device->seen = now;
	if (g_strcmp0(dialect, "apple") == 0) {
		if (intake->context->config->apple_topic == NULL) {
			request_no(request, "unavailable",
				   "this server has no certificate of Apple's");
			return;
		}
		text = fill_apple(request, device);
	} else if (g_strcmp0(dialect, "deltapush") == 0) {
		text = fill_delta(request, device);
	} else {
		text = "dialect is neither apple nor deltapush";
	}
	if (text != NULL) {
		request_no(request, "refused", text);
		return;
	}
	intake->registry->backend->enrol(intake->registry, device, now, registered,
					 intake_change_new(request));
}
