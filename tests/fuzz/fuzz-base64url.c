/* Decoding and encoding are each other's inverse; a subscription's keys (p256dh,
 * a line feed, auth) are refused or encrypt. */
#include "base64url.h"
#include "webpush-crypto.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(const char *text)
{
	gsize len, chars = strlen(text);
	guint8 *octets = base64url_decode(text, &len);
	char *again;

	if (octets == NULL)
		return;
	again = base64url_encode(octets, len);
	while (chars > 0 && text[chars - 1] == '=')
		chars--;
	assert(strlen(again) == chars && strncmp(again, text, chars) == 0);
	g_free(again);
	g_free(octets);
}

static void check_keys(const char *p256dh, const char *auth)
{
	static struct webpush_crypto *crypto;
	guint8 point[65], secret[16];
	GBytes *body;

	if (crypto == NULL)
		crypto = webpush_crypto_new(NULL);
	if (!webpush_parse_keys(p256dh, auth, point, secret, NULL))
		return;
	body = webpush_encrypt(crypto, point, secret, p256dh, strlen(p256dh), 1, NULL);
	assert(body != NULL);
	g_bytes_unref(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = g_strndup((const char *)data, size), *auth = strchr(text, '\n');

	check_round_trip(text);
	if (auth != NULL) {
		*auth++ = '\0';
		check_keys(text, auth);
	}
	g_free(text);
	return 0;
}
