/* A subscription's JSON text: no octets beyond it are read or written, what is accepted is
 * within every ceiling, and its listing is accepted again. */
#include "coi-subscription.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct webpush_subscription *sub)
{
	struct coi_listing listing = {
		.client = sub->client,
		.label = sub->label,
		.msgtype = sub->msgtype,
		.endpoint = sub->endpoint,
		.p256dh = sub->p256dh,
		.auth = sub->auth,
	};
	struct webpush_subscription again;
	const char *error;
	size_t len;
	char *json, *arena;

	assert(strlen(sub->endpoint) <= LIMIT_COI_ENDPOINT);
	assert(sub->client == NULL || strlen(sub->client) <= LIMIT_DEVICE_LABEL);
	len = coi_listing_format(&listing, NULL, 0);
	json = malloc(len + 1);
	arena = malloc(len + 1);
	assert(coi_listing_format(&listing, json, len + 1) == len && strlen(json) == len);
	assert(coi_subscription_parse(json, len, arena, &again, &error) == WEBPUSH_OK);
	assert(strcmp(again.endpoint, sub->endpoint) == 0);
	assert((sub->client == NULL) == (again.client == NULL));
	assert(sub->client == NULL || strcmp(again.client, sub->client) == 0);
	free(json);
	free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct webpush_subscription sub;
	const char *error = NULL;
	/* Exactly what the contract asks for, so that one octet more is seen. */
	char *json = malloc(size), *arena = malloc(size + 1);

	if (size > 0)
		memcpy(json, data, size);
	if (coi_subscription_parse(json, size, arena, &sub, &error) == WEBPUSH_OK)
		check(&sub);
	else
		assert(error != NULL);
	free(json);
	free(arena);
	return 0;
}
