/* Parsing takes any row of tokens; what it accepts is within every ceiling and makes one
 * line that the bridge's reader splits. */
#include "arg-tokens.h"
#include "apple-args.h"
#include "limits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct apple_registration *reg)
{
	struct tabline_field fields[LIMIT_LINE_FIELDS];
	struct tabline_buf buf;
	size_t count, plain = 0;

	assert(reg->version == 1 || reg->version == 2);
	assert(strlen(reg->account) <= LIMIT_APPLE_ACCOUNT);
	assert(strlen(reg->token) >= LIMIT_APPLE_TOKEN_MIN);
	assert(strspn(reg->token, "0123456789abcdef") == strlen(reg->token));
	for (size_t i = 0; i < reg->mailbox_count; i++) {
		if (apple_mailbox_is_plain(reg->mailboxes[i]))
			reg->mailboxes[plain++] = reg->mailboxes[i];
	}
	reg->mailbox_count = plain;
	tabline_buf_init(&buf, LIMIT_LINE);
	tabline_word(&buf, "REGISTER");
	tabline_word(&buf, "1");
	tabline_field(&buf, "user", "alice");
	apple_registration_encode(&buf, reg);
	assert(tabline_end(&buf));
	assert(tabline_split(buf.data, buf.len - 1, fields, LIMIT_LINE_FIELDS, &count) ==
	       TABLINE_OK);
	assert(count == 7 + plain);
	assert(strcmp(tabline_get(fields, count, "account"), reg->account) == 0);
	tabline_buf_free(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arg_token tokens[WEBPUSH_MAX_TOKENS] = {{0}};
	struct apple_registration reg;
	const char *error = NULL;
	char *text = malloc(size + 1);
	size_t count;

	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	count = tokenise(text, tokens, WEBPUSH_MAX_TOKENS);
	if (apple_args_parse(tokens, count, &reg, &error) != WEBPUSH_OK)
		assert(error != NULL);
	else
		check(&reg);
	(void)apple_topic_is_valid(text);
	free(text);
	return 0;
}
