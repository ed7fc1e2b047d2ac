/* Requests and replies as plain data: what http-client.h says of them apart from
 * the network, so that the gateways can be tested without one. */
#include "http-client.h"
#include "limits.h"

#include <string.h>

#include <libsoup/soup.h>

G_DEFINE_QUARK(fantail_http_error, http_error)

static void header_free(gpointer data)
{
	struct http_header *header = data;

	g_free(header->name);
	g_free(header->value);
	g_free(header);
}

struct http_request *http_request_new(const char *url, GBytes *body)
{
	struct http_request *request = g_new0(struct http_request, 1);

	request->url = g_strdup(url);
	request->headers = g_ptr_array_new_with_free_func(header_free);
	request->body = g_bytes_ref(body);
	return request;
}

void http_request_add_header(struct http_request *request, const char *name, const char *value)
{
	struct http_header *header = g_new(struct http_header, 1);

	header->name = g_ascii_strdown(name, -1);
	header->value = g_strdup(value);
	g_ptr_array_add(request->headers, header);
}

void http_request_free(struct http_request *request)
{
	while (request != NULL) {
		struct http_request *next = request->next;

		g_free(request->url);
		g_ptr_array_unref(request->headers);
		g_bytes_unref(request->body);
		g_free(request);
		request = next;
	}
}

const char *http_reply_header(const struct http_reply *reply, const char *name)
{
	for (guint i = 0; reply->headers != NULL && i < reply->headers->len; i++) {
		const struct http_header *header = g_ptr_array_index(reply->headers, i);

		if (strcmp(header->name, name) == 0)
			return header->value;
	}
	return NULL;
}

gint64 http_retry_after_us(const char *value, gint64 now_us)
{
	const gint64 most_us = (gint64)LIMIT_RETRY_AFTER_SECS * G_USEC_PER_SEC;
	g_autofree char *text = NULL;
	g_autoptr(GDateTime) date = NULL;
	gint64 wait_us;

	if (value == NULL)
		return -1;
	text = g_strstrip(g_strdup(value));
	if (text[0] != '\0' && text[strspn(text, "0123456789")] == '\0') {
		/* Saturates at G_MAXUINT64, which is over the cap all the same. */
		guint64 secs = g_ascii_strtoull(text, NULL, 10);

		return secs > LIMIT_RETRY_AFTER_SECS ? most_us : (gint64)secs * G_USEC_PER_SEC;
	}
	/* Takes the three forms of RFC 9110 5.6.7 and no number of any kind. */
	date = soup_date_time_new_from_http_string(text);
	if (date == NULL)
		return -1;
	wait_us = g_date_time_to_unix(date) * G_USEC_PER_SEC - now_us;
	return CLAMP(wait_us, 0, most_us);
}
