/*
 * The mail socket's own language: lines as a peer may send them, through the line
 * server, every verb, the router and registry and queue in memory. After each run
 * nothing is pending and the bridge still answers the next peer.
 */
#include "../unit/fake-queue.h"
#include "../unit/fake-registry.h"
#include "bridge-config.h"
#include "gateway-context.h"
#include "intake.h"
#include "scripted-resolver.h"
#include "vapid.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib/gstdio.h>

#define HELLO "VERSION\tfantail\t1\t0\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fake_queue queue;
static struct fake_registry registry;
static struct gateway_context *context;
static struct intake *intake;
static struct metrics *metrics;
static char *path;

void dispatcher_wake(struct dispatcher *dispatcher, const char *lane, gint64 due_us)
{
	assert(lane != NULL && due_us > 0);
}

static GLogWriterOutput keep_quiet(GLogLevelFlags level, const GLogField *fields, gsize count,
				   gpointer data)
{
	return G_LOG_WRITER_HANDLED;
}

static char *dir;

static void clean_up(void)
{
	g_autofree char *key = g_build_filename(dir, "vapid.pem", NULL);

	intake_free(&intake);
	g_unlink(key);
	g_rmdir(dir);
}

static void set_up(void)
{
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;

	g_log_set_writer_func(keep_quiet, NULL, NULL);
	dir = g_dir_make_tmp("fuzz-intake-XXXXXX", NULL);
	path = g_build_filename(dir, "s", NULL);
	text = g_strdup_printf("[bridge]\nstate-dir = %s\nsocket = %s\nmail-uids = %u\n"
			       "[http]\nallowed-endpoints = http://127.0.0.1:8080\n"
			       "[webpush]\nvapid-key-file = %s/vapid.pem\n",
			       dir, path, (guint)getuid(), dir);
	/* Names that the fuzzer makes up are nobody's business but ours. */
	GResolver *resolver = scripted_resolver_new("93.184.216.34//10.0.0.1/2606:2800::1");
	g_resolver_set_default(resolver);
	g_object_unref(resolver);
	fake_queue_init(&queue);
	fake_registry_init(&registry);
	queue.at_once = registry.at_once = TRUE;
	struct config *config = config_parse(text, strlen(text), "fuzz", &error);
	assert(config != NULL);
	context = gateway_context_new(config, NULL, &error);
	assert(context != NULL);
	config_unref(config);
	metrics = metrics_new();
	intake = intake_new(&queue.base, &registry.base, NULL, context, metrics);
	gboolean listens = intake_listen(intake, -1, &error);
	assert(listens);
	atexit(clean_up);
}

static int dial(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
	int result = connect(fd, (struct sockaddr *)&address, sizeof(address));
	assert(result == 0);
	return fd;
}

static void say(int fd, const void *data, size_t size)
{
	/* A peer that was closed for what it said before is no error. */
	if (send(fd, data, size, MSG_NOSIGNAL) < 0)
		return;
	while (g_main_context_iteration(NULL, FALSE))
		;
}

static void spooled(enum intake_verdict verdict, const char *text, guint queued, gpointer data)
{
	assert((verdict == INTAKE_OK) == (text == NULL));
	++*(guint *)data;
}

static void as_spool_file(const uint8_t *data, size_t size)
{
	char *lines = malloc(size + 1);
	guint calls = 0;

	memcpy(lines, data, size);
	lines[size] = '\0';
	intake_batch(intake, lines, size, 65534, "spool", spooled, &calls);
	assert(calls == 1);
	free(lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char answer[256] = "";
	int fd;

	if (intake == NULL)
		set_up();
	fd = dial();
	say(fd, HELLO, strlen(HELLO));
	say(fd, data, size);
	close(fd);
	as_spool_file(data, size);

	/* The next peer. A name look-up of the first may still be under way. */
	fd = dial();
	say(fd, HELLO "WANT\t1\tuser=x\n", strlen(HELLO "WANT\t1\tuser=x\n"));
	ssize_t got = recv(fd, answer, sizeof(answer) - 1, 0);
	assert(got > 0 && strstr(answer, "OK\t1\twant=") != NULL);
	close(fd);
	while (intake_pending(intake) > 0)
		g_main_context_iteration(NULL, TRUE);
	/* What was registered and queued stays within one run. */
	g_ptr_array_set_size(queue.rows, 0);
	g_ptr_array_set_size(registry.devices, 0);
	g_hash_table_remove_all(queue.batches);
	return 0;
}
