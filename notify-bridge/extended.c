#include "extended.h"
#include "limits.h"
#include "utf8-text.h"

#include <gio/gio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#define MAC 16

/* What parts fields from each other, and itself. */
static void append_quoted(GString *out, const char *text, gsize max)
{
	g_autofree char *clean = utf8_text_cut(text, max, "…");

	for (const char *p = clean; p != NULL && *p != '\0'; p++) {
		if (*p == ',' || *p == ' ' || *p == '%')
			g_string_append_printf(out, "%%%02X", (guint)*p);
		else
			g_string_append_c(out, *p);
	}
}

/* yyyy-mm-dd,hh:mm:ssZ */
static void append_date(GString *out, const char *date)
{
	g_autoptr(GDateTime) local = date == NULL ? NULL : g_date_time_new_from_iso8601(date, NULL);
	g_autoptr(GDateTime) utc = local == NULL ? NULL : g_date_time_to_utc(local);
	g_autofree char *text = utc == NULL ? NULL : g_date_time_format(utc, "%Y-%m-%d,%H:%M:%SZ");

	g_string_append(out, text != NULL ? text : ",");
}

char *extended_text(const struct extended *extended)
{
	GString *out = g_string_new(NULL);

	g_string_append_printf(out, "%" G_GUINT64_FORMAT " ", extended->sequence);
	append_quoted(out, extended->account, G_MAXSIZE);
	g_string_append_printf(out, " %s", extended->event);
	if (extended->uid != 0) {
		g_string_append_printf(out, " %u,", extended->uid);
		append_quoted(out, extended->sender, LIMIT_EXTENDED_TEXT);
		g_string_append_c(out, ',');
		append_date(out, extended->date);
		g_string_append_c(out, ',');
		append_quoted(out, extended->subject, LIMIT_EXTENDED_TEXT);
	}
	return g_string_free(out, FALSE);
}

static gboolean encrypt(EVP_CIPHER_CTX *ctx, const guint8 *key, const guint8 *iv, const char *text,
			gsize text_len, guint8 *out)
{
	int len;

	return EVP_EncryptInit_ex2(ctx, EVP_aes_128_gcm(), key, iv, NULL) == 1 &&
	       EVP_EncryptUpdate(ctx, NULL, &len, (const guint8 *)EXTENDED_TAG,
				 (int)strlen(EXTENDED_TAG)) == 1 &&
	       EVP_EncryptUpdate(ctx, out, &len, (const guint8 *)text, (int)text_len) == 1 &&
	       EVP_EncryptFinal_ex(ctx, out + len, &len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, MAC, out + text_len) == 1;
}

char *extended_seal(const guint8 key[EXTENDED_KEY], const guint8 iv[EXTENDED_IV], const char *text,
		    GError **error)
{
	gsize text_len = strlen(text), len = EXTENDED_IV + text_len + MAC;
	g_autofree guint8 *sealed = g_malloc(len);
	g_autofree char *base64 = NULL;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	gboolean ok;

	memcpy(sealed, iv, EXTENDED_IV);
	ok = ctx != NULL && encrypt(ctx, key, iv, text, text_len, sealed + EXTENDED_IV);
	EVP_CIPHER_CTX_free(ctx);
	if (!ok) {
		ERR_clear_error();
		g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_FAILED,
				    "OpenSSL cannot encrypt the notification");
		return NULL;
	}
	base64 = g_base64_encode(sealed, len);
	return g_strconcat(EXTENDED_TAG " ", base64, NULL);
}
