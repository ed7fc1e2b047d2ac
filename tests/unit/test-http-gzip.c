#include "http-gzip.h"

#include <string.h>

#include "limits.h"

/* Of `len` octets: all the same, or none like the other. */
static GBytes *body_of(gsize len, gboolean packs)
{
	g_autofree guint8 *octets = g_malloc(MAX(len, 1));
	GRand *rand = g_rand_new_with_seed(1);

	for (gsize i = 0; i < len; i++)
		octets[i] = packs ? 'a' : (guint8)g_rand_int(rand);
	g_rand_free(rand);
	return g_bytes_new(octets, len);
}

/* As a client packs, whatever it is worth. */
static GBytes *packed(GBytes *body)
{
	g_autoptr(GZlibCompressor) compressor =
		g_zlib_compressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP, 9);
	g_autoptr(GInputStream) stream = g_memory_input_stream_new_from_bytes(body);
	g_autoptr(GInputStream) converting =
		g_converter_input_stream_new(stream, G_CONVERTER(compressor));
	g_autoptr(GByteArray) out = g_byte_array_new();
	guint8 buffer[4096];
	gssize got;

	while ((got = g_input_stream_read(converting, buffer, sizeof(buffer), NULL, NULL)) > 0)
		g_byte_array_append(out, buffer, (guint)got);
	g_assert_cmpint(got, ==, 0);
	return g_byte_array_free_to_bytes(g_steal_pointer(&out));
}

static void test_unpack(void)
{
	static const struct {
		const char *name;
		gsize len;
		gboolean packs;
		gboolean refused;
	} rows[] = {
		{"nothing", 0, TRUE, FALSE},
		{"one octet", 1, TRUE, FALSE},
		{"small, and as empty as it likes", 64 * 1024, TRUE, FALSE},
		{"small, and one more", 64 * 1024 + 1, TRUE, TRUE},
		{"large, and full", LIMIT_SYNCML_BODY, FALSE, FALSE},
		{"larger than a body may be", LIMIT_SYNCML_BODY + 1, FALSE, TRUE},
		{"a bomb", 100 * 1024 * 1024, TRUE, TRUE},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GBytes) body = body_of(rows[i].len, rows[i].packs);
		g_autoptr(GBytes) gzip = packed(body);
		g_autoptr(GError) error = NULL;
		g_autoptr(GBytes) unpacked = gzip_unpack(gzip, &error);

		g_test_message("%s: %zu packed", rows[i].name, g_bytes_get_size(gzip));
		if (rows[i].refused) {
			g_assert_null(unpacked);
			g_assert_error(error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
		} else {
			g_assert_no_error(error);
			g_assert_true(unpacked != NULL && g_bytes_equal(unpacked, body));
		}
	}
}

/* LIMIT_SYNCML_GZIP_RATIO is what text that people write packs to at most. */
static void test_ratio(void)
{
	gsize len = 100 * 1024;
	g_autoptr(GBytes) noise = body_of(len, FALSE);
	gsize zeros = (LIMIT_SYNCML_GZIP_RATIO - 2) * len;
	g_autofree guint8 *octets = g_malloc0(len + 2 * zeros);
	g_autoptr(GBytes) few = NULL, many = NULL, packed_few = NULL, packed_many = NULL;
	g_autoptr(GBytes) unpacked = NULL;
	g_autoptr(GError) error = NULL;

	memcpy(octets, g_bytes_get_data(noise, NULL), len);
	few = g_bytes_new(octets, len + zeros);
	many = g_bytes_new(octets, len + 2 * zeros);
	packed_few = packed(few);
	packed_many = packed(many);
	unpacked = gzip_unpack(packed_few, &error);
	g_assert_no_error(error);
	g_assert_true(unpacked != NULL && g_bytes_equal(unpacked, few));
	g_assert_null(gzip_unpack(packed_many, &error));
	g_assert_error(error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
}

static void test_damaged(void)
{
	g_autoptr(GBytes) body = body_of(5000, FALSE);
	g_autoptr(GBytes) gzip = packed(body);
	g_autoptr(GBytes) text = g_bytes_new_static("<SyncML/>", 9);
	g_autoptr(GError) no_gzip = NULL;
	gsize len = g_bytes_get_size(gzip);

	g_assert_null(gzip_unpack(text, &no_gzip));
	g_assert_error(no_gzip, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
	for (gsize cut = 0; cut < len; cut += 97) {
		g_autoptr(GBytes) part = g_bytes_new_from_bytes(gzip, 0, cut);
		g_autoptr(GError) error = NULL;

		g_assert_null(gzip_unpack(part, &error));
		g_assert_nonnull(error);
		g_assert_false(g_error_matches(error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE));
	}
}

static void test_pack(void)
{
	static const struct {
		const char *name;
		gsize len;
		gboolean packs, worth;
	} rows[] = {
		{"a packet either way", 1199, TRUE, FALSE},
		{"more than a packet", 1200, TRUE, TRUE},
		{"what does not get smaller", 100000, FALSE, FALSE},
		{"a large answer", LIMIT_SYNCML_BODY, TRUE, TRUE},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GBytes) body = body_of(rows[i].len, rows[i].packs);
		g_autoptr(GBytes) gzip = gzip_pack(body);

		g_test_message("%s", rows[i].name);
		g_assert_true((gzip != NULL) == rows[i].worth);
		if (gzip != NULL)
			g_assert_cmpuint(g_bytes_get_size(gzip), <, rows[i].len);
	}
}

/* What we pack is what it was. */
static void test_both_ways(void)
{
	GString *text = g_string_new(NULL);
	g_autoptr(GBytes) body = NULL, gzip = NULL, unpacked = NULL;

	for (guint i = 0; i < 5000; i++)
		g_string_append_printf(text, "<CmdID>%u</CmdID>", i);
	body = g_string_free_to_bytes(text);
	gzip = gzip_pack(body);
	g_assert_nonnull(gzip);
	unpacked = gzip_unpack(gzip, NULL);
	g_assert_true(unpacked != NULL && g_bytes_equal(unpacked, body));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_set_nonfatal_assertions();
	g_test_add_func("/http-gzip/unpack", test_unpack);
	g_test_add_func("/http-gzip/ratio", test_ratio);
	g_test_add_func("/http-gzip/damaged", test_damaged);
	g_test_add_func("/http-gzip/pack", test_pack);
	g_test_add_func("/http-gzip/both-ways", test_both_ways);
	return g_test_run();
}
