#include "webpush-keys.h"

#include <string.h>

#define POINT_UNCOMPRESSED 0x04

static const char url_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char pem_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* DER of SubjectPublicKeyInfo for id-ecPublicKey over prime256v1, up to the point. */
static const unsigned char spki_prefix[] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
	0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
};
#define SPKI_OCTETS (sizeof(spki_prefix) + WEBPUSH_P256DH_OCTETS)
#define PEM_LINE 64

static int sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-' || c == '+')
		return 62;
	if (c == '_' || c == '/')
		return 63;
	return -1;
}

bool webpush_base64_decode(const char *text, unsigned char *out, size_t octets)
{
	size_t digits = (octets * 8 + 5) / 6, padding = (4 - digits % 4) % 4, len = 0;
	unsigned bits = 0, have = 0;

	for (size_t i = 0; i < digits; i++) {
		int value = sextet(text[i]); /* -1 for NUL, too */

		if (value < 0)
			return false;
		bits = (bits << 6 | (unsigned)value) & 0xffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[len++] = (unsigned char)(bits >> have);
		}
	}
	if ((bits & ((1u << have) - 1)) != 0)
		return false;
	if (text[digits] == '\0')
		return true;
	for (size_t i = 0; i < padding; i++) {
		if (text[digits + i] != '=')
			return false;
	}
	return text[digits + padding] == '\0';
}

/* Without padding; returns the number of characters. */
static size_t encode(const unsigned char *data, size_t octets, const char *alphabet, char *out)
{
	size_t len = 0;
	unsigned bits = 0, have = 0;

	for (size_t i = 0; i < octets; i++) {
		bits = (bits << 8 | data[i]) & 0xffff;
		have += 8;
		while (have >= 6) {
			have -= 6;
			out[len++] = alphabet[(bits >> have) & 63];
		}
	}
	if (have > 0)
		out[len++] = alphabet[(bits << (6 - have)) & 63];
	return len;
}

bool webpush_p256dh_parse(const char *text, char out[WEBPUSH_P256DH_SIZE])
{
	unsigned char point[WEBPUSH_P256DH_OCTETS];

	if (!webpush_base64_decode(text, point, sizeof(point)) || point[0] != POINT_UNCOMPRESSED)
		return false;
	out[encode(point, sizeof(point), url_alphabet, out)] = '\0';
	return true;
}

bool webpush_auth_parse(const char *text, char out[WEBPUSH_AUTH_SIZE])
{
	unsigned char secret[WEBPUSH_AUTH_OCTETS];

	if (!webpush_base64_decode(text, secret, sizeof(secret)))
		return false;
	out[encode(secret, sizeof(secret), url_alphabet, out)] = '\0';
	return true;
}

bool webpush_vapid_pem(const char *key, char out[WEBPUSH_PEM_SIZE])
{
	static const char begin[] = "-----BEGIN PUBLIC KEY-----\n";
	static const char end[] = "-----END PUBLIC KEY-----";
	unsigned char der[SPKI_OCTETS];
	char base64[(SPKI_OCTETS + 2) / 3 * 4];
	size_t len, pos = 0;

	memcpy(der, spki_prefix, sizeof(spki_prefix));
	if (!webpush_base64_decode(key, der + sizeof(spki_prefix), WEBPUSH_P256DH_OCTETS) ||
	    der[sizeof(spki_prefix)] != POINT_UNCOMPRESSED)
		return false;
	len = encode(der, sizeof(der), pem_alphabet, base64);
	while (len < sizeof(base64))
		base64[len++] = '=';

	memcpy(out, begin, sizeof(begin) - 1);
	pos += sizeof(begin) - 1;
	for (size_t i = 0; i < len; i += PEM_LINE) {
		size_t line = len - i < PEM_LINE ? len - i : PEM_LINE;

		memcpy(out + pos, base64 + i, line);
		pos += line;
		out[pos++] = '\n';
	}
	memcpy(out + pos, end, sizeof(end));
	return true;
}
