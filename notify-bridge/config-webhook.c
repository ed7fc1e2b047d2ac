#include "config-webhook.h"
#include "config-value.h"
#include "http-client.h"
#include "limits.h"

#include <string.h>

#define HEADER_PREFIX "header."
/* A secret file holds one line of some ninety octets. */
#define SECRET_FILE_MAX 4096

const char *const config_webhook_key_names[] = {
	"content",         "content-type", "events", "mailboxes",   "old-secret",
	"old-secret-file", "pimap",        "secret", "secret-file", "template",
	"template-file",   "url",          "users",  NULL,
};

static void header_free(gpointer data)
{
	struct http_header *header = data;

	g_free(header->name);
	g_free(header->value);
	g_free(header);
}

struct config_webhook *config_webhook_new(const char *name)
{
	struct config_webhook *webhook = g_new0(struct config_webhook, 1);

	webhook->name = g_strdup(name);
	webhook->events = PUSH_EVENT_KINDS_ARRIVAL;
	webhook->content_type = g_strdup("application/json");
	webhook->headers = g_ptr_array_new_with_free_func(header_free);
	return webhook;
}

void config_webhook_free(struct config_webhook *webhook)
{
	if (webhook == NULL)
		return;
	g_free(webhook->name);
	g_free(webhook->url);
	g_clear_pointer(&webhook->secret, g_bytes_unref);
	g_clear_pointer(&webhook->old_secret, g_bytes_unref);
	g_strfreev(webhook->users);
	g_strfreev(webhook->mailboxes);
	g_free(webhook->content_type);
	g_free(webhook->template);
	g_ptr_array_unref(webhook->headers);
	g_free(webhook);
}

static gboolean set_secret(GBytes **place, const char *key, const char *value, GError **error)
{
	g_autofree char *text = NULL;
	GBytes *secret;

	/* Whichever line came second would win; neither is what was meant. */
	if (*place != NULL)
		return config_value_fail(error, "is given twice, in a file and here; remove one");
	if (g_str_has_suffix(key, "-file")) {
		text = config_value_file(value, SECRET_FILE_MAX, TRUE, error);
		if (text == NULL)
			return FALSE;
		g_strstrip(text);
	} else {
		text = g_strdup(value);
	}
	if (!config_value_secret(text, &secret, error))
		return FALSE;
	*place = secret;
	return TRUE;
}

/* Whether a template is well formed depends on content-type, too: the caller looks
 * at it when all is read. */
static gboolean set_template(struct config_webhook *webhook, const char *key, const char *value,
			     GError **error)
{
	if (webhook->template != NULL)
		return config_value_fail(error, "is given twice, in a file and here; remove one");
	if (strcmp(key, "template-file") == 0) {
		webhook->template = config_value_file(value, LIMIT_TEMPLATE, FALSE, error);
		return webhook->template != NULL;
	}
	if (strlen(value) > LIMIT_TEMPLATE)
		return config_value_fail(error, "is longer than %d bytes; shorten it",
					 LIMIT_TEMPLATE);
	webhook->template = g_strdup(value);
	return TRUE;
}

static gboolean set_url(struct config_webhook *webhook, const char *value, GError **error)
{
	return config_value_url(value, "header.Authorization = Basic ...", &webhook->url, error);
}

static gboolean set_mailboxes(struct config_webhook *webhook, const char *value, GError **error)
{
	g_auto(GStrv) names = config_value_list(value);

	if (names == NULL)
		return config_value_fail(error,
					 "empty; name mailboxes, or remove the line for all");
	if (g_strv_length(names) > LIMIT_FILTER_MAILBOXES)
		return config_value_fail(error, "more than %d names; use a prefix and '*'",
					 LIMIT_FILTER_MAILBOXES);
	for (char **name = names; *name != NULL; name++) {
		const char *star = strchr(*name, '*');

		if (star != NULL && star[1] != '\0')
			return config_value_fail(
				error, "'%s' has a '*' within; it can only end a name", *name);
	}
	g_strfreev(webhook->mailboxes);
	webhook->mailboxes = g_steal_pointer(&names);
	return TRUE;
}

static gboolean set_users(struct config_webhook *webhook, const char *value, GError **error)
{
	char **users = config_value_list(value);

	if (users == NULL)
		return config_value_fail(error, "empty; name users, or remove the line for all");
	g_strfreev(webhook->users);
	webhook->users = users;
	return TRUE;
}

static gboolean is_printable(const char *text)
{
	for (; *text != '\0'; text++) {
		if (!g_ascii_isprint(*text))
			return FALSE;
	}
	return TRUE;
}

static gboolean set_content_type(struct config_webhook *webhook, const char *value, GError **error)
{
	const char *slash = strchr(value, '/');

	if (slash == NULL || slash == value || slash[1] == '\0' || !is_printable(value))
		return config_value_fail(error, "'%s' is not a media type; write as text/plain",
					 value);
	g_free(webhook->content_type);
	webhook->content_type = g_strdup(value);
	return TRUE;
}

static gboolean set_header(struct config_webhook *webhook, const char *name, const char *value,
			   GError **error)
{
	/* What the bridge and its HTTP client write, and what would change how a
	 * request is framed. */
	static const char *const own[] = {
		"connection",
		"content-encoding",
		"content-length",
		"content-type",
		"expect",
		"host",
		"te",
		"trailer",
		"transfer-encoding",
		"upgrade",
		"webhook-id",
		"webhook-signature",
		"webhook-timestamp",
		"user-agent",
		NULL,
	};
	g_autofree char *lower = g_ascii_strdown(name, -1);
	struct http_header *header;

	if (*name == '\0')
		return config_value_fail(error, "has no name; write header.NAME = value");
	if (g_strv_contains(own, lower))
		return config_value_fail(
			error, "is written by the bridge%s; remove the line",
			strcmp(lower, "content-type") == 0 ? ", see the key content-type" : "");
	if (*value == '\0' || !is_printable(value))
		return config_value_fail(error, "is empty or not ASCII; write printable ASCII");
	for (guint i = 0; i < webhook->headers->len; i++) {
		header = g_ptr_array_index(webhook->headers, i);
		if (strcmp(header->name, lower) == 0)
			return config_value_fail(error,
						 "is here twice; case does not count, remove one");
	}
	header = g_new0(struct http_header, 1);
	header->name = g_steal_pointer(&lower);
	header->value = g_strdup(value);
	g_ptr_array_add(webhook->headers, header);
	return TRUE;
}

gboolean config_webhook_has_key(const char *key)
{
	return g_str_has_prefix(key, HEADER_PREFIX) ||
	       g_strv_contains(config_webhook_key_names, key);
}

gboolean config_webhook_is_secret(const char *key)
{
	static const char *const telling[] = {"auth", "key", "secret", "token", "cookie", NULL};
	g_autofree char *lower = g_ascii_strdown(key, -1);

	if (g_str_has_prefix(lower, HEADER_PREFIX)) {
		for (const char *const *word = telling; *word != NULL; word++) {
			if (strstr(lower + strlen(HEADER_PREFIX), *word) != NULL)
				return TRUE;
		}
		return FALSE;
	}
	return g_str_has_suffix(key, "secret");
}

gboolean config_webhook_set(struct config_webhook *webhook, const char *key, const char *value,
			    GError **error)
{
	if (g_str_has_prefix(key, HEADER_PREFIX))
		return set_header(webhook, key + strlen(HEADER_PREFIX), value, error);
	if (*value == '\0')
		return config_value_fail(
			error, "has no value; write one, or remove the line for the default");
	if (strcmp(key, "url") == 0)
		return set_url(webhook, value, error);
	if (g_str_has_prefix(key, "secret"))
		return set_secret(&webhook->secret, key, value, error);
	if (g_str_has_prefix(key, "old-secret"))
		return set_secret(&webhook->old_secret, key, value, error);
	if (g_str_has_prefix(key, "template"))
		return set_template(webhook, key, value, error);
	if (strcmp(key, "users") == 0)
		return set_users(webhook, value, error);
	if (strcmp(key, "mailboxes") == 0)
		return set_mailboxes(webhook, value, error);
	if (strcmp(key, "events") == 0)
		return config_value_events(value, &webhook->events, error);
	if (strcmp(key, "content") == 0)
		return config_value_bool(value, &webhook->content, error);
	if (strcmp(key, "pimap") == 0)
		return config_value_bool(value, &webhook->pimap, error);
	g_assert(strcmp(key, "content-type") == 0);
	return set_content_type(webhook, value, error);
}

const char *config_webhook_missing(const struct config_webhook *webhook)
{
	if (webhook->url == NULL)
		return "url";
	if (webhook->old_secret != NULL && webhook->secret == NULL)
		return "secret";
	return NULL;
}
