#include "http-gzip.h"

#include "limits.h"

/* What is small may be as empty as it likes: the header of a message that says nothing packs
 * better than LIMIT_SYNCML_GZIP_RATIO. */
#define SMALL (64 * 1024)
/* Less is one packet either way. */
#define WORTH_IT 1200

static GBytes *convert(GConverter *converter, GBytes *input, gsize most, GError **error)
{
	g_autoptr(GByteArray) output = g_byte_array_new();
	GConverterResult result = G_CONVERTER_CONVERTED;
	gsize len, at = 0;
	const guint8 *data = g_bytes_get_data(input, &len);
	guint8 buffer[16384];

	while (result != G_CONVERTER_FINISHED) {
		gsize got = 0, made = 0;

		result = g_converter_convert(converter, data + at, len - at, buffer, sizeof(buffer),
					     G_CONVERTER_INPUT_AT_END, &got, &made, error);
		if (result == G_CONVERTER_ERROR)
			return NULL;
		at += got;
		if (made > most - output->len) {
			g_set_error(error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
				    "more than %zu bytes when it is unpacked", most);
			return NULL;
		}
		g_byte_array_append(output, buffer, (guint)made);
	}
	return g_byte_array_free_to_bytes(g_steal_pointer(&output));
}

GBytes *gzip_unpack(GBytes *packed, GError **error)
{
	g_autoptr(GConverter) converter =
		G_CONVERTER(g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP));
	gsize most = MAX(SMALL, g_bytes_get_size(packed) * LIMIT_SYNCML_GZIP_RATIO);

	return convert(converter, packed, MIN(most, LIMIT_SYNCML_BODY), error);
}

GBytes *gzip_pack(GBytes *body)
{
	g_autoptr(GConverter) converter =
		G_CONVERTER(g_zlib_compressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP, 6));
	gsize len = g_bytes_get_size(body);

	return len < WORTH_IT ? NULL : convert(converter, body, len - 1, NULL);
}
