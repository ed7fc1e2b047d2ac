/*
 * How fast Web Push messages are encrypted, against the scalar multiplication on
 * P-256 that no sender can do without: raw ECDH operations in this process, timed
 * as `openssl speed ecdhp256` times them.
 *
 *   bench-webpush [--quick] [OPENSSL_SPEED_OPS]
 *
 * Time that a thread was ready to run while others had the processor does not
 * count, so that a busy machine tells nearly the same as an idle one. Time spent
 * waiting for a lock does, since that is what threads must not do.
 *
 * --quick measures one second each instead of three. OPENSSL_SPEED_OPS: the
 * operations/s that `openssl speed -seconds 3 ecdhp256` printed, to show that the
 * raw figure here is the same thing.
 */
#include "webpush-crypto.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/evp.h>

/* A usual push: an envelope with a preview, in the second size class. */
#define PLAINTEXT_LEN 400
/* Short rounds, each measuring all in turn; medians count. What a neighbour takes
 * from one round's caches and clock, it takes from all that is compared in it. */
#define ROUNDS 25

static const guint8 plaintext[PLAINTEXT_LEN] = "INBOX STATUS INBOX (UIDNEXT 4393 UIDVALIDITY 17)";
static guint8 ua_public[65], auth[16] = "0123456789abcde";
static EVP_PKEY *ua_key, *as_key;

static G_NORETURN void fail(const char *what)
{
	g_printerr("bench-webpush: %s\n", what);
	exit(1);
}

static void make_keys(void)
{
	size_t len;

	ua_key = EVP_EC_gen("P-256");
	as_key = EVP_EC_gen("P-256");
	if (ua_key == NULL || as_key == NULL ||
	    EVP_PKEY_get_octet_string_param(ua_key, "pub", ua_public, sizeof(ua_public), &len) != 1)
		fail("cannot make keys");
}

/* Microseconds the calling thread has waited for a processor so far; 0 where the
 * kernel does not say. */
static gint64 run_delay(void)
{
	g_autofree char *text = NULL;
	char *end;

	if (!g_file_get_contents("/proc/thread-self/schedstat", &text, NULL, NULL))
		return 0;
	g_ascii_strtoull(text, &end, 10);
	return (gint64)(g_ascii_strtoull(end, NULL, 10) / 1000);
}

/* When a measurement began, on both clocks. */
struct since {
	gint64 wall, delay;
};

static struct since since_now(void)
{
	return (struct since){g_get_monotonic_time(), run_delay()};
}

/* Operations a second. */
static double rate(guint64 count, struct since start)
{
	gint64 wall = g_get_monotonic_time() - start.wall, delay = run_delay() - start.delay;

	return (double)count * G_USEC_PER_SEC / (double)(wall - delay);
}

static double raw_ecdh(gint64 usecs)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(as_key, NULL);
	guint8 secret[32];
	struct since start = since_now();
	guint64 count = 0;

	if (ctx == NULL || EVP_PKEY_derive_init(ctx) != 1 ||
	    EVP_PKEY_derive_set_peer(ctx, ua_key) != 1)
		fail("cannot set up ECDH");
	do {
		for (guint i = 0; i < 64; i++, count++) {
			size_t len = sizeof(secret);

			if (EVP_PKEY_derive(ctx, secret, &len) != 1)
				fail("ECDH failed");
		}
	} while (g_get_monotonic_time() - start.wall < usecs);
	EVP_PKEY_CTX_free(ctx);
	return rate(count, start);
}

struct run {
	gint64 start, usecs;
	double rate;
};

static gpointer encrypt_thread(gpointer data)
{
	struct run *run = data;
	struct webpush_crypto *crypto = webpush_crypto_new(NULL);
	struct since start;
	guint64 count = 0;

	if (crypto == NULL)
		fail("cannot set up encryption");
	while (g_get_monotonic_time() < run->start)
		;
	start = since_now();
	do {
		for (guint i = 0; i < 64; i++, count++) {
			GBytes *body = webpush_encrypt(crypto, ua_public, auth, plaintext,
						       sizeof(plaintext), 1, NULL);

			if (body == NULL)
				fail("encryption failed");
			g_bytes_unref(body);
		}
	} while (g_get_monotonic_time() - start.wall < run->usecs);
	run->rate = rate(count, start);
	webpush_crypto_free(crypto);
	return NULL;
}

static double encryptions(guint threads, gint64 usecs)
{
	struct run runs[2];
	GThread *others[2];
	double sum = 0;
	/* All begin together, once each has its contexts. */
	gint64 start = g_get_monotonic_time() + 20000;

	for (guint i = 0; i < threads; i++) {
		runs[i] = (struct run){.start = start, .usecs = usecs};
		others[i] = g_thread_new("encrypt", encrypt_thread, &runs[i]);
	}
	for (guint i = 0; i < threads; i++) {
		g_thread_join(others[i]);
		sum += runs[i].rate;
	}
	return sum;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double values[ROUNDS])
{
	qsort(values, ROUNDS, sizeof(values[0]), compare);
	return values[ROUNDS / 2];
}

int main(int argc, char **argv)
{
	gint64 usecs = 3 * G_USEC_PER_SEC / ROUNDS;
	double raw[ROUNDS], one[ROUNDS], two[ROUNDS], share[ROUNDS], scale[ROUNDS];
	double speed = 0, of_raw, times;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--quick") == 0)
			usecs = G_USEC_PER_SEC / ROUNDS;
		else if ((speed = g_ascii_strtod(argv[i], NULL)) <= 0)
			fail("usage: bench-webpush [--quick] [OPENSSL_SPEED_OPS]");
	}
	make_keys();
	for (guint i = 0; i < ROUNDS; i++) {
		raw[i] = raw_ecdh(usecs);
		one[i] = encryptions(1, usecs);
		two[i] = encryptions(2, usecs);
		share[i] = one[i] / raw[i];
		scale[i] = two[i] / one[i];
	}
	of_raw = 100 * median(share);
	times = median(scale);
	g_print("raw ECDH P-256, one thread\t%.0f/s\n", median(raw));
	if (speed > 0)
		g_print("openssl speed ecdhp256\t%.0f/s (raw ECDH here is %.0f %% of it)\n", speed,
			100 * median(raw) / speed);
	g_print("encryptions of %d octets, one thread\t%.0f/s\n", PLAINTEXT_LEN, median(one));
	g_print("encryptions of %d octets, two threads\t%.0f/s\n", PLAINTEXT_LEN, median(two));
	g_print("goal\twebpush-encryptions-of-raw-ecdh\t%.0f %%\t>= 70 %%\t%s\n", of_raw,
		of_raw >= 70 ? "met" : "missed");
	g_print("goal\twebpush-two-threads\t%.2f x\t>= 1.80 x\t%s\n", times,
		times >= 1.80 ? "met" : "missed");
	EVP_PKEY_free(ua_key);
	EVP_PKEY_free(as_key);
	return 0;
}
