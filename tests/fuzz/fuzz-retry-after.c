/* A gateway's answer: status (two octets), header lines up to an empty one, body.
 * Whatever comes, there is one outcome with a printable line and a bounded pause. */
#include "gateway.h"

#include "../unit/gateway-doubles.h"
#include "limits.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW_US ((gint64)1760000000 * G_USEC_PER_SEC)

/* "name: value" lines, as an HTTP parser would have taken them apart. */
static GPtrArray *take_headers(char **text)
{
	struct http_request *request = http_request_new("", g_bytes_new_static("", 0));
	GPtrArray *headers;
	char *line, *colon;

	while ((line = strsep(text, "\n")) != NULL && line[0] != '\0') {
		if ((colon = strchr(line, ':')) != NULL) {
			*colon = '\0';
			http_request_add_header(request, line, colon + 1);
		} else {
			http_request_add_header(request, "retry-after", line);
		}
	}
	headers = g_ptr_array_ref(request->headers);
	g_bytes_unref(request->body);
	http_request_free(request);
	return headers;
}

static void check(const struct outcome *outcome)
{
	const gint64 most = (gint64)LIMIT_RETRY_AFTER_SECS * G_USEC_PER_SEC;

	assert((guint)outcome->kind < OUTCOME_COUNT);
	assert(outcome->retry_after_us >= -1 && outcome->retry_after_us <= most);
	assert(outcome->detail != NULL && g_utf8_validate(outcome->detail, -1, NULL));
	assert(strlen(outcome->detail) < 512);
	for (const char *p = outcome->detail; *p != '\0'; p++)
		assert((guchar)*p >= ' ');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct gateway *const all[] = {&gateway_webpush, &gateway_webhook};
	struct device device = {.created = 1};
	struct http_reply reply = {0};
	char *copy, *rest;

	if (size < 2)
		return 0;
	reply.status = ((guint)data[0] << 8 | data[1]) % 1000;
	rest = copy = g_strndup((const char *)data + 2, size - 2);
	reply.headers = take_headers(&rest);
	if (rest != NULL)
		reply.body = g_bytes_new(rest, strlen(rest));
	for (guint i = 0; i < G_N_ELEMENTS(all); i++) {
		struct outcome outcome;

		all[i]->classify(&device, &reply, NULL, NOW_US, &outcome);
		check(&outcome);
		outcome_clear(&outcome);
	}
	g_ptr_array_unref(reply.headers);
	g_bytes_unref(reply.body);
	g_free(copy);
	return 0;
}
