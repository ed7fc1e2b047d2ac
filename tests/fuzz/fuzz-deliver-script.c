/* A script cut into pieces is the same as in one; nothing comes out of it that a server could take
 * for the end of a message, or for a second command in a line. */
#include "limits.h"
#include "deliver-script.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct seen {
	uint64_t hash;
	size_t commands;
	bool message, cr;
};

static void mix(struct seen *seen, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		seen->hash = (seen->hash ^ (unsigned char)text[i]) * 1099511628211u;
}

static bool on_command(void *context, enum deliver_verb verb, const char *line, const char *address)
{
	struct seen *seen = context;

	assert(!seen->message);
	assert(strlen(line) <= LIMIT_DELIVER_COMMAND && strpbrk(line, "\r\n") == NULL);
	assert((address != NULL) == (verb == DELIVER_MAIL || verb == DELIVER_RCPT));
	assert(address == NULL || strstr(line, address) != NULL);
	assert(++seen->commands <= LIMIT_DELIVER_COMMANDS);
	seen->message = verb == DELIVER_DATA;
	mix(seen, line, strlen(line) + 1);
	return true;
}

static bool on_text(void *context, const char *text, size_t size)
{
	struct seen *seen = context;

	assert(seen->message && size > 0);
	for (size_t i = 0; i < size; i++) {
		assert(text[i] != '\0' && seen->cr == (text[i] == '\n'));
		seen->cr = text[i] == '\r';
	}
	mix(seen, text, size);
	return true;
}

static bool on_url(void *context, const char *url)
{
	char *spelt = malloc(2 * strlen(url) + 1);

	assert(spelt != NULL && *url != '\0' && strpbrk(url, "\r\n \"") == NULL);
	deliver_url_spell(url, spelt);
	mix(context, spelt, strlen(spelt) + 1);
	free(spelt);
	return true;
}

static bool on_end(void *context)
{
	struct seen *seen = context;

	assert(seen->message && !seen->cr);
	seen->message = false;
	return true;
}

static const struct deliver_receiver receiver = {on_command, on_text, on_url, on_end};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char any[] = "any";
	struct seen seen[2] = {{.hash = 1}, {.hash = 1}};
	struct deliver_newlines newlines = {.after_cr = false};
	char *out = malloc(2 * size + 1);
	bool ok[2];

	for (size_t i = 0; i < 2; i++) {
		struct deliver_script *script = deliver_script_new(&receiver, &seen[i]);
		size_t piece = i == 0 || size == 0 ? size : 1 + data[0] % 5;

		assert(script != NULL);
		for (size_t at = 0; at < size; at += piece)
			(void)deliver_script_feed(script, data + at,
						  size - at < piece ? size - at : piece);
		ok[i] = deliver_script_finish(script);
		deliver_script_free(script);
	}
	assert(ok[0] == ok[1] && seen[0].hash == seen[1].hash);
	assert(!ok[0] || !seen[0].message);
	assert(deliver_sender_allowed(any, "a@b"));

	assert(out != NULL);
	size = deliver_newlines_convert(&newlines, data, size, out);
	for (size_t i = 0; i < size; i++) {
		assert(out[i] != '\r' || (i + 1 < size && out[i + 1] == '\n'));
		assert(out[i] != '\n' || (i > 0 && out[i - 1] == '\r'));
	}
	free(out);
	return 0;
}
