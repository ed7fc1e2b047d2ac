#include "gateway.h"

#include "utf8-text.h"

#include <string.h>

#include <libsoup/soup.h>

/* Bytes of an answer's body that are shown to people. */
#define SHOWN_BODY 160
/* Longer runs of letters, digits, "-" and "_" are taken for endpoints' and tokens'
 * parts and shortened; without digits they may be a reason code, as in
 * "BadAuthorizationHeader". */
#define SHOWN_RUN 19
#define SHOWN_LETTERS 28
#define SHOWN_OF_LONG_RUN 8
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

const struct gateway *const gateways[] = {
	&gateway_webpush,  &gateway_webhook, &gateway_sms, &gateway_http,
	&gateway_chatmail, &gateway_apple,   NULL,
};

const struct gateway *gateway_find(const char *name)
{
	for (guint i = 0; gateways[i] != NULL; i++) {
		if (strcmp(gateways[i]->name, name) == 0)
			return gateways[i];
	}
	return NULL;
}

const struct gateway *gateway_find_scheme(const char *endpoint)
{
	for (guint i = 0; gateways[i] != NULL; i++) {
		if (gateways[i]->scheme != NULL && g_str_has_prefix(endpoint, gateways[i]->scheme))
			return gateways[i];
	}
	return NULL;
}

static const char *const outcome_names[OUTCOME_COUNT] = {
	[OUTCOME_ACCEPTED] = "accepted",         [OUTCOME_RETRY] = "retry",
	[OUTCOME_THROTTLE] = "throttle",         [OUTCOME_GATEWAY_DOWN] = "gateway-down",
	[OUTCOME_CONFIG_ERROR] = "config-error", [OUTCOME_REJECT_MESSAGE] = "reject-message",
	[OUTCOME_DEVICE_GONE] = "device-gone",
};

const char *outcome_name(enum outcome_kind kind)
{
	g_return_val_if_fail(kind < OUTCOME_COUNT, "unknown");
	return outcome_names[kind];
}

void outcome_clear(struct outcome *outcome)
{
	g_clear_pointer(&outcome->detail, g_free);
}

/* A push service may repeat the endpoint or the token in its answer. */
static char *hide_identifiers(const char *text)
{
	GString *out = g_string_new(NULL);

	while (*text != '\0') {
		gsize letters = strspn(text, LETTERS), run = strspn(text, LETTERS "0123456789-_");
		gsize most = letters == run ? SHOWN_LETTERS : SHOWN_RUN;

		if (run == 0) {
			g_string_append_c(out, *text++);
		} else if (run <= most) {
			g_string_append_len(out, text, (gssize)run);
		} else {
			g_string_append_len(out, text, SHOWN_OF_LONG_RUN);
			g_string_append(out, "…");
		}
		text += run;
	}
	return g_string_free(out, FALSE);
}

/* The beginning of a body, or NULL if there is none that people could read. */
static char *show_body(GBytes *body)
{
	gsize len = 0;
	const char *data = body == NULL ? NULL : g_bytes_get_data(body, &len);
	g_autofree char *text = NULL, *clean = NULL, *hidden = NULL;

	if (data == NULL || len == 0 || memchr(data, '\0', len) != NULL)
		return NULL;
	text = g_strndup(data, MIN(len, 4 * SHOWN_BODY));
	clean = g_strstrip(utf8_text_clean(text));
	if (clean[0] == '\0')
		return NULL;
	hidden = hide_identifiers(clean);
	return utf8_text_cut(hidden, SHOWN_BODY, "…");
}

static char *describe_reply(const struct http_reply *reply)
{
	const char *phrase = soup_status_get_phrase(reply->status);
	g_autofree char *body = show_body(reply->body);

	if (reply->status / 100 == 2)
		return g_strdup_printf("%u %s", reply->status, phrase);
	return g_strdup_printf("%u %s%s%s", reply->status, phrase, body != NULL ? ": " : "",
			       body != NULL ? body : "");
}

static enum outcome_kind classify_status(guint status)
{
	switch (status) {
	case 401:
	case 403:
		return OUTCOME_CONFIG_ERROR;
	case 404:
	case 410:
		return OUTCOME_DEVICE_GONE;
	case 408:
	case 421:
	case 425:
		return OUTCOME_RETRY;
	case 429:
		return OUTCOME_THROTTLE;
	case 502:
	case 503:
	case 504:
		return OUTCOME_GATEWAY_DOWN;
	}
	switch (status / 100) {
	case 2:
		return OUTCOME_ACCEPTED;
	case 3:
		return OUTCOME_CONFIG_ERROR;
	case 4:
		return OUTCOME_REJECT_MESSAGE;
	case 5:
		return OUTCOME_RETRY;
	default:
		return OUTCOME_GATEWAY_DOWN;
	}
}

static enum outcome_kind classify_error(const GError *error)
{
	if (error->domain != HTTP_ERROR)
		return OUTCOME_GATEWAY_DOWN;
	switch ((enum http_error)error->code) {
	case HTTP_ERROR_REFUSED:
		return OUTCOME_CONFIG_ERROR;
	case HTTP_ERROR_LOST:
	case HTTP_ERROR_NOT_SENT:
	case HTTP_ERROR_CANCELLED:
		return OUTCOME_RETRY;
	case HTTP_ERROR_RESOLVE:
	case HTTP_ERROR_CONNECT:
	case HTTP_ERROR_TLS:
	case HTTP_ERROR_TIMEOUT:
	case HTTP_ERROR_PROTOCOL:
		return OUTCOME_GATEWAY_DOWN;
	}
	return OUTCOME_GATEWAY_DOWN;
}

static gboolean waits(enum outcome_kind kind)
{
	return kind == OUTCOME_RETRY || kind == OUTCOME_THROTTLE || kind == OUTCOME_GATEWAY_DOWN;
}

void gateway_classify_http(const struct http_reply *reply, const GError *error, gint64 now_us,
			   struct outcome *outcome_r)
{
	struct outcome outcome = {.retry_after_us = -1};

	if (reply == NULL) {
		const char *text = error != NULL ? error->message : "no answer";

		outcome.kind = error != NULL ? classify_error(error) : OUTCOME_GATEWAY_DOWN;
		outcome.detail = utf8_text_cut(text, SHOWN_BODY, "…");
	} else {
		outcome.kind = classify_status(reply->status);
		outcome.status = reply->status;
		if (waits(outcome.kind)) {
			outcome.retry_after_us = http_retry_after_us(
				http_reply_header(reply, "retry-after"), now_us);
		}
		outcome.detail = describe_reply(reply);
	}
	*outcome_r = outcome;
}
