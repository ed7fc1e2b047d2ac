/* Parsing takes any row of tokens; what it accepts is within every ceiling and makes one
 * line that the bridge's reader splits. */
#include "arg-tokens.h"
#include "limits.h"
#include "webpush-args.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct webpush_subscription *sub)
{
	struct tabline_field fields[LIMIT_LINE_FIELDS];
	struct tabline_buf buf;
	const char *error = NULL;
	size_t count;

	assert(strlen(sub->device) <= LIMIT_DEVICE_ID && strlen(sub->endpoint) <= LIMIT_ENDPOINT);
	assert(strlen(sub->p256dh) == WEBPUSH_P256DH_SIZE - 1);
	assert(strlen(sub->auth) == WEBPUSH_AUTH_SIZE - 1);
	if (webpush_check_mailboxes(sub, &error) != WEBPUSH_OK) {
		assert(error != NULL);
		return;
	}
	tabline_buf_init(&buf, LIMIT_BATCH_BYTES);
	tabline_word(&buf, "SUBSCRIBE");
	tabline_word(&buf, "1");
	tabline_field(&buf, "user", "alice");
	webpush_subscription_encode(&buf, sub, "gougeon");
	assert(tabline_end(&buf));
	assert(tabline_split(buf.data, buf.len - 1, fields, LIMIT_LINE_FIELDS, &count) ==
	       TABLINE_OK);
	assert(strcmp(tabline_get(fields, count, "endpoint"), sub->endpoint) == 0);
	tabline_buf_free(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arg_token tokens[WEBPUSH_MAX_TOKENS] = {{0}};
	struct webpush_subscription sub;
	const char *error = NULL;
	char *text = malloc(size + 1);
	size_t count;
	bool remove;

	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	count = tokenise(text, tokens, WEBPUSH_MAX_TOKENS);
	if (webpush_args_parse(tokens, count, &sub, &remove, &error) != WEBPUSH_OK)
		assert(error != NULL);
	else if (!remove)
		check(&sub);
	free(text);
	return 0;
}
