#include "san.h"

#include <string.h>

#include "message.h"

#define DIGEST_LEN 16

/* --- OMA DS 1.2 ---------------------------------------------------------------------------- */

/* Fields of bits, the most significant first. */
struct bits {
	GByteArray *bytes;
	guint used; /* of the last octet */
};

static void put(struct bits *bits, guint64 value, guint width)
{
	while (width-- > 0) {
		guint8 bit = (guint8)((value >> width) & 1), zero = 0;

		if (bits->used % 8 == 0)
			g_byte_array_append(bits->bytes, &zero, 1);
		bits->bytes->data[bits->bytes->len - 1] |= (guint8)(bit << (7 - bits->used % 8));
		bits->used++;
	}
}

static void put_name(struct bits *bits, const char *name)
{
	put(bits, strlen(name), 8);
	g_byte_array_append(bits->bytes, (const guint8 *)name, (guint)strlen(name));
}

static void put_header(struct bits *bits, const struct san *san)
{
	put(bits, san->version == SML_1_2 ? 12 : 11, 10);
	put(bits, san->ui_mode, 2);
	put(bits, san->by_server, 1);
	put(bits, 0, 27);
	put(bits, san->session, 16);
	put_name(bits, san->server_id);
}

static void put_syncs(struct bits *bits, const struct san *san)
{
	put(bits, san->syncs_len, 4);
	put(bits, 0, 4);
	for (guint i = 0; i < san->syncs_len; i++) {
		put(bits, san->syncs[i].code - 200, 4);
		put(bits, 0, 4);
		put(bits, san->syncs[i].content_type, 24);
		put_name(bits, san->syncs[i].uri);
	}
}

static void md5(const void *data, gsize len, guint8 digest_r[DIGEST_LEN])
{
	GChecksum *checksum = g_checksum_new(G_CHECKSUM_MD5);
	gsize digest_len = DIGEST_LEN;

	g_checksum_update(checksum, data, (gssize)len);
	g_checksum_get_digest(checksum, digest_r, &digest_len);
	g_checksum_free(checksum);
}

/* MD5(secret ":" nonce ":" B64(MD5(all but the digest))) */
static void sign(const struct san *san, GByteArray *package)
{
	g_autofree char *of_rest = NULL, *text = NULL;
	guint8 digest[DIGEST_LEN];

	md5(package->data + DIGEST_LEN, package->len - DIGEST_LEN, digest);
	of_rest = g_base64_encode(digest, DIGEST_LEN);
	text = g_strdup_printf("%s:%s:%s", san->secret, san->nonce != NULL ? san->nonce : "",
			       of_rest);
	md5(text, strlen(text), package->data);
}

static gboolean can_be_said(const struct san *san)
{
	if (san->syncs_len > SAN_SYNCS_MAX || strlen(san->server_id) > SAN_NAME_MAX)
		return FALSE;
	for (guint i = 0; i < san->syncs_len; i++) {
		if (strlen(san->syncs[i].uri) > SAN_NAME_MAX)
			return FALSE;
	}
	return TRUE;
}

GBytes *san_notification(const struct san *san)
{
	static const guint8 zeros[DIGEST_LEN];
	struct bits bits = {.bytes = NULL};

	if (!can_be_said(san))
		return NULL;
	bits.bytes = g_byte_array_new();
	g_byte_array_append(bits.bytes, zeros, sizeof(zeros));
	put_header(&bits, san);
	put_syncs(&bits, san);
	if (san->secret != NULL)
		sign(san, bits.bytes);
	return g_byte_array_free_to_bytes(bits.bytes);
}

/* --- 1.0, 1.1 --------------------------------------------------------------------------------- */

GBytes *san_message(const struct san *san, enum sml_version version, enum sml_encoding encoding)
{
	const struct markup_style style = {.encoding = encoding, .version = version};
	g_autoptr(markup_writer_t) writer = markup_writer_new(&style);
	g_autoptr(sml_message_t) message = sml_message_new();
	g_autofree char *session = g_strdup_printf("%u", san->session);

	message->version = version;
	message->session_id = session;
	message->msg_id = 1;
	message->target = san->device;
	message->source = san->server;
	sml_write_begin(writer, message);
	for (guint i = 0; i < san->syncs_len; i++) {
		struct sml_command *alert = sml_command_new(message, SML_CMD_ALERT);
		struct sml_item *item = sml_item_new(message, alert);

		alert->cmd_id = i + 1;
		alert->code = san->syncs[i].code;
		item->source = san->syncs[i].uri;
		sml_write_command(writer, alert);
	}
	return sml_write_end(writer, TRUE);
}
