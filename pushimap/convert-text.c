#include "convert-text.h"
#include "limits.h"

#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <strings.h>

/* RFC 2045: a line of text, a line of what is encoded. */
#define LINE_MAX_OCTETS 998
#define ENCODED_LINE 76

#define REPLACEMENT "\xef\xbf\xbd"

/* --- charsets --------------------------------------------------------------- */

/* iconv has words of its own after a slash. */
static bool is_charset_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= LIMIT_CONVERT_CHARSET &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			    "._:+-") == len;
}

static iconv_t charset_open(const char *to, const char *from)
{
	if (!is_charset_name(to) || !is_charset_name(from))
		return (iconv_t)-1;
	return iconv_open(to, from);
}

bool convert_charset_known(const char *charset)
{
	iconv_t cd = charset_open(charset, "UTF-8");

	if (cd == (iconv_t)-1)
		return false;
	(void)iconv_close(cd);
	return true;
}

static void flush(iconv_t cd, char **in, size_t *left, struct convert_buf *out, int *errno_r)
{
	char piece[4096], *to = piece;
	size_t room = sizeof(piece);

	*errno_r = 0;
	if (iconv(cd, in, left, &to, &room) == (size_t)-1)
		*errno_r = errno;
	convert_buf_add(out, piece, (size_t)(to - piece));
}

static size_t utf8_char_len(const char *text, size_t len)
{
	size_t n = 1;

	while (n < len && ((unsigned char)text[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* `from_utf8`: what cannot be said becomes "?"; else what is not valid becomes U+FFFD. */
static void recode(iconv_t cd, bool from_utf8, const char *data, size_t len,
		   struct convert_buf *out, bool *lost_r)
{
	char *in = (char *)data;
	size_t left = len;
	int error;

	while (left > 0 && !out->full) {
		flush(cd, &in, &left, out, &error);
		if (error == 0 || error == E2BIG)
			continue;
		*lost_r = true;
		if (left == 0)
			break;
		if (from_utf8) {
			char mark[] = "?", *p = mark;
			size_t one = 1, skipped = utf8_char_len(in, left);

			in += skipped;
			left -= skipped;
			while (one > 0) {
				flush(cd, &p, &one, out, &error);
				if (error != 0)
					break; /* a charset without a question mark */
			}
		} else {
			convert_buf_add_str(out, REPLACEMENT);
			in++;
			left--;
		}
	}
	flush(cd, NULL, NULL, out, &error);
}

bool convert_text_recode(const char *from, const char *to, const char *data, size_t len,
			 struct convert_buf *out, bool *lost_r)
{
	struct convert_buf utf8 = {.max = LIMIT_CONVERT_OUTPUT};
	iconv_t cd = charset_open(to, "UTF-8");
	iconv_t to_utf8;

	if (cd == (iconv_t)-1)
		return false;
	to_utf8 = charset_open("UTF-8", from);
	if (to_utf8 == (iconv_t)-1)
		to_utf8 = charset_open("UTF-8", "UTF-8");
	*lost_r = false;
	recode(to_utf8, false, data, len, &utf8, lost_r);
	(void)iconv_close(to_utf8);
	recode(cd, true, utf8.data, utf8.len, out, lost_r);
	(void)iconv_close(cd);
	if (utf8.full || out->full)
		*lost_r = true;
	convert_buf_free(&utf8);
	return true;
}

/* --- transfer encodings ----------------------------------------------------- */

static const char *const encoding_names[] = {
	[CONVERT_7BIT] = "7bit",     [CONVERT_8BIT] = "8bit",
	[CONVERT_BINARY] = "binary", [CONVERT_QUOTED_PRINTABLE] = "quoted-printable",
	[CONVERT_BASE64] = "base64",
};

bool convert_encoding_parse(const char *name, enum convert_encoding *encoding_r)
{
	for (size_t i = 0; i < sizeof(encoding_names) / sizeof(*encoding_names); i++) {
		if (strcasecmp(name, encoding_names[i]) == 0) {
			*encoding_r = (enum convert_encoding)i;
			return true;
		}
	}
	return false;
}

const char *convert_encoding_name(enum convert_encoding encoding)
{
	return encoding_names[encoding];
}

bool convert_encoding_fits(enum convert_encoding encoding, const char *data, size_t len)
{
	size_t line = 0;

	if (encoding != CONVERT_7BIT && encoding != CONVERT_8BIT)
		return true;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)data[i];

		if (c == '\0' || (c >= 0x80 && encoding == CONVERT_7BIT))
			return false;
		if (c == '\r' && i + 1 < len && data[i + 1] == '\n') {
			i++;
			line = 0;
		} else if (c == '\r' || c == '\n' || ++line > LINE_MAX_OCTETS) {
			return false;
		}
	}
	return true;
}

enum convert_encoding convert_encoding_choose(const char *data, size_t len)
{
	if (convert_encoding_fits(CONVERT_7BIT, data, len))
		return CONVERT_7BIT;
	if (convert_encoding_fits(CONVERT_8BIT, data, len))
		return CONVERT_8BIT;
	return len > 0 && memchr(data, '\0', len) != NULL ? CONVERT_BASE64
							  : CONVERT_QUOTED_PRINTABLE;
}

static void encode_base64(const unsigned char *data, size_t len, struct convert_buf *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t column = 0;

	for (size_t i = 0; i < len; i += 3) {
		size_t here = len - i < 3 ? len - i : 3;
		uint32_t bits = (uint32_t)data[i] << 16;
		char four[4];

		if (here > 1)
			bits |= (uint32_t)data[i + 1] << 8;
		if (here > 2)
			bits |= data[i + 2];
		for (size_t k = 0; k < 4; k++)
			four[k] = k <= here ? digits[bits >> (18 - 6 * k) & 63] : '=';
		convert_buf_add(out, four, 4);
		column += 4;
		if (column == ENCODED_LINE) {
			convert_buf_add_str(out, "\r\n");
			column = 0;
		}
	}
	if (column > 0)
		convert_buf_add_str(out, "\r\n");
}

static void encode_quoted(const unsigned char *data, size_t len, struct convert_buf *out)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t column = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = data[i];
		char code[3] = {'=', digits[c >> 4], digits[c & 15]};
		bool crlf = c == '\r' && i + 1 < len && data[i + 1] == '\n';
		bool last = i + 1 == len || data[i + 1] == '\r';
		bool plain = c > ' ' && c < 0x7f && c != '=';

		if (crlf) {
			convert_buf_add_str(out, "\r\n");
			column = 0;
			i++;
			continue;
		}
		if ((c == ' ' || c == '\t') && !last)
			plain = true;
		if (column + (plain ? 1 : 3) > ENCODED_LINE - 1) {
			convert_buf_add_str(out, "=\r\n");
			column = 0;
		}
		if (plain)
			code[0] = (char)c;
		convert_buf_add(out, code, plain ? 1 : 3);
		column += plain ? 1 : 3;
	}
}

void convert_encode(enum convert_encoding encoding, const char *data, size_t len,
		    struct convert_buf *out)
{
	if (encoding == CONVERT_BASE64)
		encode_base64((const unsigned char *)data, len, out);
	else if (encoding == CONVERT_QUOTED_PRINTABLE)
		encode_quoted((const unsigned char *)data, len, out);
	else
		convert_buf_add(out, data, len);
}
