/*
 * Our half of webpush-decrypt.mjs: encrypts what it is given for one receiver.
 *
 *   webpush-encrypt P256DH AUTH
 *
 * stdin, a line a message: "<pad_to> <base64url plaintext>"; stdout, a line each:
 * base64url of the push's body, or "error: <why>".
 */
#include "base64url.h"
#include "webpush-crypto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *encrypt_line(struct webpush_crypto *crypto, const guint8 p256dh[65],
			  const guint8 auth[16], const char *line)
{
	const char *blank = strchr(line, ' ');
	g_autofree guint8 *plaintext = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) body = NULL;
	gsize len = 0;

	if (blank == NULL || (plaintext = base64url_decode(blank + 1, &len)) == NULL)
		return g_strdup("error: malformed line");
	body = webpush_encrypt(crypto, p256dh, auth, plaintext, len, strtoul(line, NULL, 10),
			       &error);
	if (body == NULL)
		return g_strconcat("error: ", error->message, NULL);
	return base64url_encode(g_bytes_get_data(body, NULL), g_bytes_get_size(body));
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	struct webpush_crypto *crypto = webpush_crypto_new(&error);
	guint8 p256dh[65], auth[16];
	char *line = NULL;
	size_t alloc = 0;
	ssize_t len;

	if (argc != 3 || crypto == NULL ||
	    !webpush_parse_keys(argv[1], argv[2], p256dh, auth, &error)) {
		fprintf(stderr, "webpush-encrypt: %s\n",
			error != NULL ? error->message : "usage: webpush-encrypt P256DH AUTH");
		webpush_crypto_free(crypto);
		return 2;
	}
	while ((len = getline(&line, &alloc, stdin)) != -1) {
		g_autofree char *result = NULL;

		line[strcspn(line, "\n")] = '\0';
		result = encrypt_line(crypto, p256dh, auth, line);
		puts(result);
	}
	free(line);
	webpush_crypto_free(crypto);
	return 0;
}
