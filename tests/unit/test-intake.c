/* Every verb of the mail socket and every answer it can give; registry and queue in memory. */
#include "bridge-config.h"
#include "fake-queue.h"
#include "fake-registry.h"
#include "gateway-context.h"
#include "intake.h"
#include "limits.h"
#include "line-client.h"
#include "scripted-resolver.h"
#include "vapid.h"
#include "webhook-device.h"

#include <pwd.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <glib/gstdio.h>

#define P256DH \
	"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
#define AUTH "BTBZMqHH6r4Tts7J_aSIgg"
#define BATCH_ID "0123456789abcdef0123456789abcdef"
#define STRANGER 65534

/* The dispatcher is somebody else's test: here it only hears of lanes. */
static GPtrArray *woken;

void dispatcher_wake(struct dispatcher *dispatcher, const char *lane, gint64 due_us)
{
	g_ptr_array_add(woken, g_strdup(lane));
}

/* The password database, which is away at times. */
static gboolean no_accounts;

int getpwuid_r(uid_t uid, struct passwd *entry, char *buffer, size_t size, struct passwd **found_r)
{
	const struct passwd *found = no_accounts ? NULL : getpwuid(uid);

	*found_r = NULL;
	if (found != NULL) {
		*entry = *found;
		*found_r = entry;
	}
	return no_accounts ? EIO : 0;
}

struct fixture {
	char *dir, *socket;
	struct fake_queue queue;
	struct fake_registry registry;
	struct metrics *metrics;
	struct gateway_context *context;
	struct intake *intake;
	int fd;
};

static void hooks_ready(const GError *error, gpointer data)
{
	g_assert_no_error(error);
	*(gboolean *)data = TRUE;
}

/* `more` is appended to the config. */
static struct gateway_context *make_context(struct fixture *fixture, const char *more)
{
	g_autofree char *text =
		g_strdup_printf("[bridge]\nstate-dir = %s\nsocket = %s\nmail-uids = %u\n"
				"[http]\nallowed-endpoints = http://127.0.0.1:8080\n"
				"[webpush]\nvapid-key-file = %s/vapid.pem\n%s",
				fixture->dir, fixture->socket, (guint)getuid(), fixture->dir, more);
	g_autoptr(GError) error = NULL;
	g_autoptr(config_t) config = config_parse(text, strlen(text), "test", &error);
	gboolean ready = FALSE;

	g_assert_no_error(error);
	webhook_devices_ensure(config, &fixture->registry.base, hooks_ready, &ready);
	while (!ready)
		g_main_context_iteration(NULL, TRUE);
	struct gateway_context *context = gateway_context_new(config, NULL, &error);
	g_assert_no_error(error);
	return context;
}

static void set_up(struct fixture *fixture, const char *more)
{
	g_autoptr(GError) error = NULL;

	memset(fixture, 0, sizeof(*fixture));
	fixture->dir = g_dir_make_tmp("intake-XXXXXX", NULL);
	g_chmod(fixture->dir, 0755);
	fixture->socket = g_build_filename(fixture->dir, "bridge.sock", NULL);
	fake_queue_init(&fixture->queue);
	fake_registry_init(&fixture->registry);
	fixture->metrics = metrics_new();
	fixture->context = make_context(fixture, more);
	fixture->intake = intake_new(&fixture->queue.base, &fixture->registry.base, NULL,
				     fixture->context, fixture->metrics);
	woken = g_ptr_array_new_with_free_func(g_free);
	g_assert_true(intake_listen(fixture->intake, -1, &error));
	g_assert_no_error(error);
	fixture->fd = dial(fixture->socket);
	say(fixture->fd, HELLO);
	expect(fixture->fd, HELLO);
}

static void tear_down(struct fixture *fixture)
{
	g_autofree char *key = g_build_filename(fixture->dir, "vapid.pem", NULL);

	close(fixture->fd);
	intake_free(&fixture->intake);
	g_assert_null(fixture->intake);
	spin(5);
	metrics_free(&fixture->metrics);
	gateway_context_unref(fixture->context);
	gateway_context_flush();
	fake_queue_clear(&fixture->queue);
	fake_registry_clear(&fixture->registry);
	g_ptr_array_unref(woken);
	g_unlink(key);
	g_assert_cmpint(g_rmdir(fixture->dir), ==, 0);
	g_free(fixture->dir);
	g_free(fixture->socket);
}

static struct device *add_device(struct fixture *fixture, const char *user, const char *name,
				 gboolean content)
{
	struct device like = {
		.user = (char *)user,
		.device = (char *)name,
		.gateway = (char *)"webpush",
		.endpoint = (char *)"https://push.example.org/x",
		.state = DEVICE_ACTIVE,
		.events = PUSH_EVENT_KINDS_ALL,
		.content = content,
	};

	return fake_registry_add(&fixture->registry, &like);
}

/* Asks one thing; the answer's last line. */
static char *ask(struct fixture *fixture, const char *request)
{
	gboolean closed;

	say(fixture->fd, request);
	g_autofree char *text = hear(fixture->fd, "\n", &closed);
	while (!closed && !g_str_has_prefix(text, "OK") && !g_str_has_prefix(text, "NO") &&
	       strstr(text, "\nOK") == NULL && strstr(text, "\nNO") == NULL) {
		g_autofree char *more = hear(fixture->fd, "\n", &closed);
		char *both = g_strconcat(text, more, NULL);

		g_free(text);
		text = both;
	}
	return g_steal_pointer(&text);
}

static void ask_expect(struct fixture *fixture, const char *request, const char *expected)
{
	g_autofree char *answer = ask(fixture, request);

	g_assert_cmpstr(answer, ==, expected);
}

static gboolean metrics_say(struct fixture *fixture, const char *sample)
{
	GString *text = metrics_text(fixture->metrics);
	gboolean found = strstr(text->str, sample) != NULL;

	if (!found)
		g_test_message("%s", text->str);
	g_string_free(text, TRUE);
	return found;
}

/* --- WANT ------------------------------------------------------------------ */

static void test_want(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	ask_expect(&fixture, "WANT\t1\tuser=alice\n", "OK\t1\twant=none\n");
	add_device(&fixture, "alice", "d1", FALSE);
	ask_expect(&fixture, "WANT\t2\tuser=alice\n", "OK\t2\twant=hint\n");
	ask_expect(&fixture, "WANT\t3\tuser=bob\n", "OK\t3\twant=none\n");
	add_device(&fixture, "alice", "d2", TRUE);
	ask_expect(&fixture, "WANT\t4\tuser=alice\n", "OK\t4\twant=content\n");
	tear_down(&fixture);
}

/* With a mailbox the answer is about that one, and about what can be sent at all. */
static void test_want_mailbox(void)
{
	struct fixture fixture;
	struct device *device;

	set_up(&fixture, "[deltapush]\nurl = http://127.0.0.1:8080/notify\n");
	device = add_device(&fixture, "alice", "d1", TRUE);
	device->mailboxes = g_strsplit("Work Notes", " ", -1);
	ask_expect(&fixture, "WANT\t1\tuser=alice\tmailbox=INBOX\n", "OK\t1\twant=none\n");
	ask_expect(&fixture, "WANT\t2\tuser=alice\tmailbox=Notes\n", "OK\t2\twant=content\n");
	device = add_device(&fixture, "bob", "apple:a:b", FALSE);
	device->dialect = DIALECT_APPLE;
	g_free(device->gateway);
	device->gateway = g_strdup("apns");
	/* The configuration has no topic. */
	ask_expect(&fixture, "WANT\t3\tuser=bob\tmailbox=INBOX\n", "OK\t3\twant=none\n");
	device = add_device(&fixture, "carol", "delta:a", FALSE);
	device->dialect = DIALECT_DELTAPUSH;
	g_free(device->gateway);
	device->gateway = g_strdup("deltapush");
	ask_expect(&fixture, "WANT\t4\tuser=carol\tmailbox=INBOX\n", "OK\t4\twant=content\n");
	device = add_device(&fixture, "dave", "P1", FALSE);
	device->dialect = DIALECT_EMN;
	g_free(device->gateway);
	device->gateway = g_strdup("none");
	ask_expect(&fixture, "WANT\t5\tuser=dave\tmailbox=INBOX\n", "OK\t5\twant=hint\n");
	tear_down(&fixture);
}

static void test_want_webhooks(void)
{
	struct fixture fixture;

	set_up(&fixture, "[webhook a]\nurl = http://127.0.0.1:8080/\nusers = *@a.example\n"
			 "[webhook b]\nurl = http://127.0.0.1:8080/\nusers = b?b;carol\n"
			 "content = yes\n");
	ask_expect(&fixture, "WANT\t1\tuser=x@a.example\n", "OK\t1\twant=hint\n");
	ask_expect(&fixture, "WANT\t2\tuser=bob\n", "OK\t2\twant=content\n");
	ask_expect(&fixture, "WANT\t3\tuser=carol\n", "OK\t3\twant=content\n");
	ask_expect(&fixture, "WANT\t4\tuser=alice\n", "OK\t4\twant=none\n");
	tear_down(&fixture);
}

/* --- requests that are none ------------------------------------------------ */

static void test_malformed(void)
{
	static const struct {
		const char *name, *request, *answer;
	} rows[] = {
		{"no id", "WANT\n", "NO\t0\tcode=bad\ttext=expected a verb and a number\n"},
		{"no number", "WANT\tx\tuser=a\n",
		 "NO\t0\tcode=bad\ttext=expected a verb and a number\n"},
		{"a key for a verb", "v=WANT\t1\tuser=a\n",
		 "NO\t0\tcode=bad\ttext=expected a verb and a number\n"},
		{"unknown verb", "FROB\t1\tuser=a\n", "NO\t1\tcode=bad\ttext=unknown verb\n"},
		{"no user", "WANT\t1\n", "NO\t1\tcode=bad\ttext=user is missing or too long\n"},
		{"empty user", "LIST\t1\tuser=\n",
		 "NO\t1\tcode=bad\ttext=user is missing or too long\n"},
		{"EVENT outside a batch", "EVENT\t1\tuser=a\n",
		 "NO\t1\tcode=bad\ttext=unknown verb\n"},
		{"batch id", "BATCH\t1\tbatch=1\tuser=a\tcount=1\n",
		 "NO\t1\tcode=bad\ttext=batch is not 32 hexadecimal digits\n"},
		{"batch id with a path",
		 "BATCH\t1\tbatch=../../../../../../../../etc/passw\tuser=a\tcount=1\n",
		 "NO\t1\tcode=bad\ttext=batch is not 32 hexadecimal digits\n"},
		{"batch of nobody", "BATCH\t1\tbatch=" BATCH_ID "\tcount=1\n",
		 "NO\t1\tcode=bad\ttext=user is missing or too long\n"},
		{"batch of none", "BATCH\t1\tbatch=" BATCH_ID "\tuser=a\tcount=0\n",
		 "NO\t1\tcode=bad\ttext=count is not a number from 1 to 1024\n"},
		{"batch of too many", "BATCH\t1\tbatch=" BATCH_ID "\tuser=a\tcount=1025\n",
		 "NO\t1\tcode=bad\ttext=count is not a number from 1 to 1024\n"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct fixture fixture;

		g_test_message("%s", rows[i].name);
		set_up(&fixture, "");
		g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "uid * malformed request *");
		say(fixture.fd, rows[i].request);
		expect_closed(fixture.fd, rows[i].answer);
		g_test_assert_expected_messages();
		tear_down(&fixture);
	}
}

static void test_denied(void)
{
	static const char *const requests[] = {
		"WANT\t1\tuser=alice\n",
		"VAPID\t1\tuser=alice\n",
		"SUBSCRIBE\t1\tuser=alice\tdevice=d\n",
		"CONFIRM\t1\tuser=alice\tdevice=d\ttoken=t\n",
		"UNSUBSCRIBE\t1\tuser=alice\tdevice=d\n",
		"LIST\t1\tuser=alice\n",
	};
	struct fixture fixture;

	if (getuid() != 0) {
		g_test_skip("needs root, to connect as somebody else");
		return;
	}
	set_up(&fixture, "");
	add_device(&fixture, "alice", "d1", FALSE);
	g_assert_cmpint(seteuid(STRANGER), ==, 0);
	int fd = dial(fixture.socket);
	g_assert_cmpint(seteuid(0), ==, 0);
	say(fd, HELLO);
	expect(fd, HELLO);
	for (gsize i = 0; i < G_N_ELEMENTS(requests); i++) {
		g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "uid 65534 asked *alice*");
		say(fd, requests[i]);
		expect(fd, "NO\t1\tcode=denied\ttext=this process may not speak for this user\n");
	}
	/* The answer to a batch comes after its events; the connection goes on. */
	g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "refused events: *");
	say(fd, "BATCH\t2\tbatch=" BATCH_ID "\tuser=alice\tcount=1\n");
	say(fd, "EVENT\tname=MessageNew\ttime=1\tuser=alice\tmailbox=INBOX\n");
	expect(fd, "NO\t2\tcode=denied\ttext=uid 65534 may not speak for user alice; see "
		   "mail-uids= in the bridge's configuration\n");
	g_test_assert_expected_messages();
	g_assert_cmpuint(fixture.queue.puts, ==, 0);
	close(fd);
	tear_down(&fixture);
}

/* One account's processes have their share of the connections; the mail system's have all. */
static void test_share(void)
{
	static int fds[LIMIT_INTAKE_CONNECTIONS_PER_UID];
	struct rlimit limit;
	struct fixture fixture;

	g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
	if (getuid() != 0 || limit.rlim_max < 3 * G_N_ELEMENTS(fds)) {
		g_test_skip("needs root, to connect as somebody else, and descriptors");
		return;
	}
	limit.rlim_cur = 3 * G_N_ELEMENTS(fds);
	g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
	set_up(&fixture, "");
	g_assert_cmpint(seteuid(STRANGER), ==, 0);
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
		fds[i] = dial(fixture.socket);
		g_main_context_iteration(NULL, FALSE);
	}
	spin(10);
	g_assert_cmpuint(intake_connections(fixture.intake), ==, G_N_ELEMENTS(fds) + 1);
	int more = dial(fixture.socket);
	g_assert_cmpint(seteuid(0), ==, 0);
	expect_closed(more, "NO\t0\tcode=busy\ttext=too many connections\n");
	close(more);
	more = dial(fixture.socket);
	say(more, HELLO);
	expect(more, HELLO);
	close(more);
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
		close(fds[i]);
	tear_down(&fixture);
}

/* --- BATCH ----------------------------------------------------------------- */

static void say_event(struct fixture *fixture, const char *user, const char *mailbox,
		      const char *more)
{
	g_autofree char *line =
		g_strdup_printf("EVENT\tname=MessageNew\ttime=1700000000000000\tuser=%s\tmailbox=%"
				"s\tmessages=1%s\n",
				user, mailbox, more);

	say(fixture->fd, line);
}

static void test_batch(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	gint64 device = add_device(&fixture, "alice", "d1", FALSE)->id;
	add_device(&fixture, "bob", "d2", FALSE);
	say(fixture.fd, "BATCH\t2\tbatch=" BATCH_ID "\tuser=alice\tcount=3\n");
	say_event(&fixture, "alice", "INBOX", "");
	say_event(&fixture, "alice", "Lists", "");
	say_event(&fixture, "alice", "INBOX", "");
	expect(fixture.fd, "OK\t2\tqueued=2\n");
	g_assert_cmpuint(fixture.queue.rows->len, ==, 2);
	const struct notification *row = g_ptr_array_index(fixture.queue.rows, 0);
	g_assert_cmpint(row->device, ==, device);
	g_assert_cmpstr(row->user, ==, "alice");
	g_assert_cmpstr(row->lane, ==, "webpush https://push.example.org:443");
	g_assert_cmpuint(row->messages, ==, 2);
	g_assert_cmpuint(woken->len, ==, 2);
	g_assert_cmpstr(woken->pdata[0], ==, row->lane);
	g_assert_true(metrics_say(&fixture, "kind=\"MessageNew\",source=\"socket\"} 3"));

	/* The same batch again: answered, and nothing more. */
	say(fixture.fd, "BATCH\t3\tbatch=" BATCH_ID "\tuser=alice\tcount=1\n");
	say_event(&fixture, "alice", "Third", "");
	expect(fixture.fd, "OK\t3\tqueued=1\n");
	g_assert_cmpuint(fixture.queue.rows->len, ==, 2);
	/* Another user's batch of that id is another batch. */
	say(fixture.fd, "BATCH\t4\tbatch=" BATCH_ID "\tuser=bob\tcount=1\n");
	say_event(&fixture, "bob", "INBOX", "");
	expect(fixture.fd, "OK\t4\tqueued=1\n");
	g_assert_cmpuint(fixture.queue.rows->len, ==, 3);
	tear_down(&fixture);
}

static void test_batch_of_no_concern(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	fixture.queue.busy = TRUE; /* would be noticed */
	say(fixture.fd, "BATCH\t2\tbatch=" BATCH_ID "\tuser=alice\tcount=1\n");
	say_event(&fixture, "alice", "INBOX", "");
	expect(fixture.fd, "OK\t2\tqueued=0\n");
	g_assert_cmpuint(fixture.queue.puts, ==, 0);
	tear_down(&fixture);
}

static void test_batch_largest(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	add_device(&fixture, "alice", "d1", FALSE);
	say(fixture.fd, "BATCH\t2\tbatch=" BATCH_ID "\tuser=alice\tcount=1024\n");
	for (guint i = 0; i < LIMIT_BATCH_EVENTS; i++) {
		char mailbox[16];

		g_snprintf(mailbox, sizeof(mailbox), "M%u", i);
		say_event(&fixture, "alice", mailbox, "");
	}
	expect(fixture.fd, "OK\t2\tqueued=1024\n");
	tear_down(&fixture);
}

static void test_batch_too_large(void)
{
	g_autofree char *flags = g_strnfill(60000, 'f');
	g_autofree char *more = g_strconcat("\tflags=", flags, NULL);
	struct fixture fixture;

	set_up(&fixture, "");
	g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "*malformed request*");
	say(fixture.fd, "BATCH\t2\tbatch=" BATCH_ID "\tuser=alice\tcount=100\n");
	for (guint i = 0; i < LIMIT_BATCH_BYTES / 60000 + 1; i++)
		say_event(&fixture, "alice", "INBOX", more);
	expect_closed(fixture.fd, "NO\t2\tcode=bad\ttext=batch is larger than 1 MiB\n");
	g_test_assert_expected_messages();
	tear_down(&fixture);
}

struct spooled {
	guint calls;
	enum intake_verdict verdict;
	char *text;
	guint queued;
};

static void spooled_done(enum intake_verdict verdict, const char *text, guint queued, gpointer data)
{
	struct spooled *spooled = data;

	spooled->calls++;
	spooled->verdict = verdict;
	spooled->text = g_strdup(text);
	spooled->queued = queued;
}

#define LINE_BATCH "BATCH\t1\tbatch=" BATCH_ID "\tuser=alice\tcount=1\n"
#define LINE_EVENT "EVENT\tname=MessageNew\ttime=1\tuser=alice\tmailbox=INBOX\n"

/* What unfinished batches lead to is bounded over all of them, and given back. */
static void test_batches_bytes(void)
{
	enum {
		EVENTS = 200
	};
	g_autofree char *fill = g_strnfill(LIMIT_MAILBOX - 10, 'm');
	g_autofree char *answer = NULL;
	struct fixture fixture;
	int others[4];

	set_up(&fixture, "");
	for (guint i = 0; i < LIMIT_DEVICES_PER_USER; i++) {
		g_autofree char *name = g_strdup_printf("d%u", i);

		add_device(&fixture, "alice", name, FALSE);
	}
	/* Each but for its last event; together far too much. */
	for (gsize i = 0; i <= G_N_ELEMENTS(others); i++) {
		if (i > 0) {
			others[i - 1] = fixture.fd;
			fixture.fd = dial(fixture.socket);
			say(fixture.fd, HELLO);
			expect(fixture.fd, HELLO);
		}
		g_autofree char *begin = g_strdup_printf("BATCH\t2\tbatch=%032" G_GSIZE_MODIFIER
							 "x\tuser=alice\tcount=%u\n",
							 i, EVENTS);
		say(fixture.fd, begin);
		for (guint j = 1; j < EVENTS; j++) {
			g_autofree char *mailbox = g_strdup_printf("%s%u", fill, j);

			say_event(&fixture, "alice", mailbox, "");
		}
		spin(5);
	}
	say_event(&fixture, "alice", "last", "");
	expect(fixture.fd, "NO\t2\tcode=busy\ttext=too many events are being taken\n");
	g_assert_cmpuint(fixture.queue.puts, ==, 0);
	g_autofree char *lines = g_strdup(LINE_BATCH LINE_EVENT);
	struct spooled spooled = {0};
	for (gsize i = 0; i < G_N_ELEMENTS(others); i++)
		close(others[i]);
	spin(20);
	/* The connection goes on, and there is room again. */
	intake_batch(fixture.intake, lines, strlen(lines), 0, "spool", spooled_done, &spooled);
	spin(10);
	g_assert_cmpint(spooled.verdict, ==, INTAKE_OK);
	g_free(spooled.text);
	answer = ask(&fixture, "WANT\t3\tuser=alice\n");
	g_assert_cmpstr(answer, ==, "OK\t3\twant=hint\n");
	tear_down(&fixture);
}

static void test_batch_bad_event(void)
{
	static const struct {
		const char *name, *event, *text;
	} rows[] = {
		{"another verb", "WANT\t3\tuser=alice\n", "not an EVENT line"},
		{"unknown event", "EVENT\tname=MessageOld\ttime=1\tuser=alice\tmailbox=x\n",
		 "unknown event name"},
		{"another user", "EVENT\tname=MessageNew\ttime=1\tuser=bob\tmailbox=x\n",
		 "an event has another user than its batch"},
		{"no mailbox", "EVENT\tname=MessageNew\ttime=1\tuser=alice\n",
		 "name, time, user or mailbox is missing"},
		{"UIDs", "EVENT\tname=MessageNew\ttime=1\tuser=alice\tmailbox=x\tuids=*\n",
		 "uids is not a sequence-set"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *answer =
			g_strdup_printf("NO\t2\tcode=bad\ttext=%s\n", rows[i].text);
		struct fixture fixture;

		g_test_message("%s", rows[i].name);
		set_up(&fixture, "");
		add_device(&fixture, "alice", "d1", FALSE);
		g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "*malformed request*");
		say(fixture.fd, "BATCH\t2\tbatch=" BATCH_ID "\tuser=alice\tcount=3\n");
		say_event(&fixture, "alice", "INBOX", "");
		say(fixture.fd, rows[i].event);
		expect_closed(fixture.fd, answer);
		g_test_assert_expected_messages();
		/* The good event before it did not count either. */
		g_assert_cmpuint(fixture.queue.puts, ==, 0);
		g_assert_cmpuint(intake_pending(fixture.intake), ==, 0);
		tear_down(&fixture);
	}
}

static void test_batch_cut_off(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	add_device(&fixture, "alice", "d1", FALSE);
	say(fixture.fd, "BATCH\t2\tbatch=" BATCH_ID "\tuser=alice\tcount=2\n");
	say_event(&fixture, "alice", "INBOX", "");
	spin(20);
	/* Shutdown waits for answers, not for questions. */
	g_assert_cmpuint(intake_pending(fixture.intake), ==, 0);
	close(fixture.fd);
	spin(20);
	g_assert_cmpuint(fixture.queue.puts, ==, 0);
	g_assert_cmpuint(intake_connections(fixture.intake), ==, 0);
	g_assert_cmpuint(intake_pending(fixture.intake), ==, 0);
	fixture.fd = dial(fixture.socket);
	tear_down(&fixture);
}

static void test_batch_store_errors(void)
{
	static const struct {
		const char *name;
		gboolean busy;
		int error;
		const char *answer;
	} rows[] = {
		{"busy", TRUE, -1, "NO\t2\tcode=busy\ttext=too much waits\n"},
		{"full", FALSE, STORE_ERROR_FULL, "NO\t2\tcode=full\ttext=as the test says\n"},
		{"corrupt", FALSE, STORE_ERROR_CORRUPT,
		 "NO\t2\tcode=full\ttext=as the test says\n"},
		{"failed", FALSE, STORE_ERROR_FAILED, "NO\t2\tcode=full\ttext=as the test says\n"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct fixture fixture;

		g_test_message("%s", rows[i].name);
		set_up(&fixture, "");
		add_device(&fixture, "alice", "d1", FALSE);
		fixture.queue.busy = rows[i].busy;
		fixture.queue.put_error = rows[i].error;
		say(fixture.fd, "BATCH\t2\tbatch=" BATCH_ID "\tuser=alice\tcount=1\n");
		say_event(&fixture, "alice", "INBOX", "");
		expect(fixture.fd, rows[i].answer);
		g_assert_cmpuint(woken->len, ==, 0);
		g_assert_cmpuint(intake_pending(fixture.intake), ==, 0);
		tear_down(&fixture);
	}
}

static void test_batch_webhooks(void)
{
	struct fixture fixture;

	set_up(&fixture, "[webhook a]\nurl = http://127.0.0.1:8080/a\nusers = *@a.example\n"
			 "[webhook b]\nurl = http://127.0.0.1:8080/b\nmailboxes = Lists*\n");
	say(fixture.fd, "BATCH\t2\tbatch=" BATCH_ID "\tuser=u@a.example\tcount=2\n");
	say_event(&fixture, "u@a.example", "INBOX", "");
	say_event(&fixture, "u@a.example", "Lists/x", "");
	expect(fixture.fd, "OK\t2\tqueued=3\n");
	const struct notification *row = g_ptr_array_index(fixture.queue.rows, 0);
	g_assert_cmpstr(row->user, ==, "u@a.example");
	g_assert_cmpint(row->device, ==, fake_registry_webhook_id(&fixture.registry.base, "a"));
	tear_down(&fixture);
}

static void test_batch_owner(void)
{
	struct fixture fixture;
	gint64 bobs;

	set_up(&fixture, "[webhook all]\nurl = http://127.0.0.1:8080/a\n");
	add_device(&fixture, "alice", "d1", FALSE);
	bobs = add_device(&fixture, "bob", "d2", FALSE)->id;
	/* This process may speak for all: bob's device hears of bob's mailbox. */
	say(fixture.fd, "BATCH\t2\tbatch=" BATCH_ID "\tuser=alice\tcount=1\n");
	say_event(&fixture, "alice", "Shared/bob", "\towner=bob");
	expect(fixture.fd, "OK\t2\tqueued=2\n");
	const struct notification *row = g_ptr_array_index(fixture.queue.rows, 0);
	g_assert_cmpint(row->device, ==, bobs);
	g_assert_cmpstr(row->user, ==, "bob");
	/* A public mailbox is nobody's; the webhook hears of who did it. */
	say(fixture.fd, "BATCH\t3\tbatch=11111111111111111111111111111111\tuser=alice\tcount=1\n");
	say_event(&fixture, "alice", "Public/news", "\towner=");
	expect(fixture.fd, "OK\t3\tqueued=1\n");
	row = g_ptr_array_index(fixture.queue.rows, fixture.queue.rows->len - 1);
	g_assert_cmpstr(row->user, ==, "alice");
	tear_down(&fixture);
}

/* --- batches from the spool ------------------------------------------------ */

static void test_spooled(void)
{
	static const struct {
		const char *name, *lines;
		uid_t peer;
		gboolean busy;
		int error;
		enum intake_verdict verdict;
		const char *text;
	} rows[] = {
		{"good", LINE_BATCH LINE_EVENT, 0, FALSE, -1, INTAKE_OK, NULL},
		{"empty", "", 0, FALSE, -1, INTAKE_BAD, "fewer events than BATCH said"},
		{"no BATCH", LINE_EVENT, 0, FALSE, -1, INTAKE_BAD, "does not begin with BATCH"},
		{"no EVENT", LINE_BATCH, 0, FALSE, -1, INTAKE_BAD, "fewer events than BATCH said"},
		{"one too many", LINE_BATCH LINE_EVENT LINE_EVENT, 0, FALSE, -1, INTAKE_BAD,
		 "more events than BATCH said"},
		{"no last LF", LINE_BATCH "EVENT\tname=MessageNew\ttime=1\tuser=alice\tmailbox=x",
		 0, FALSE, -1, INTAKE_BAD, "a line has no end or is too long"},
		{"binary", "BATCH\t1\tbatch=\001x\n", 0, FALSE, -1, INTAKE_BAD, "bad escape"},
		{"a stranger's", LINE_BATCH LINE_EVENT, STRANGER, FALSE, -1, INTAKE_DENIED,
		 "uid 65534 may not speak for user alice; see mail-uids= in the bridge's "
		 "configuration"},
		{"busy", LINE_BATCH LINE_EVENT, 0, TRUE, -1, INTAKE_LATER, "too much waits"},
		{"full", LINE_BATCH LINE_EVENT, 0, FALSE, STORE_ERROR_FULL, INTAKE_LATER,
		 "as the test says"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *lines = g_strdup(rows[i].lines);
		struct spooled spooled = {0};
		struct fixture fixture;

		g_test_message("%s", rows[i].name);
		set_up(&fixture, "");
		add_device(&fixture, "alice", "d1", FALSE);
		fixture.queue.busy = rows[i].busy;
		fixture.queue.put_error = rows[i].error;
		intake_batch(fixture.intake, lines, strlen(lines), rows[i].peer, "spool",
			     spooled_done, &spooled);
		spin(10);
		g_assert_cmpuint(spooled.calls, ==, 1);
		g_assert_cmpint(spooled.verdict, ==, rows[i].verdict);
		g_assert_cmpstr(spooled.text, ==, rows[i].text);
		g_assert_cmpuint(spooled.queued, ==, rows[i].verdict == INTAKE_OK);
		g_assert_cmpuint(intake_pending(fixture.intake), ==, 0);
		g_free(spooled.text);
		tear_down(&fixture);
	}
}

/* Who cannot be looked up is told to come again, and loses nothing. */
static void test_accounts_away(void)
{
	g_autofree char *lines = g_strdup(LINE_BATCH LINE_EVENT);
	struct spooled spooled = {0};
	struct fixture fixture;

	set_up(&fixture, "");
	add_device(&fixture, "alice", "d1", FALSE);
	no_accounts = TRUE;
	/* A uid that was not looked up before is not remembered either. */
	intake_batch(fixture.intake, lines, strlen(lines), 3777777777, "spool", spooled_done,
		     &spooled);
	spin(10);
	no_accounts = FALSE;
	g_assert_cmpint(spooled.verdict, ==, INTAKE_LATER);
	g_assert_cmpstr(spooled.text, ==,
			"the account of this process cannot be looked up at the moment");
	g_assert_cmpuint(fixture.queue.puts, ==, 0);
	g_free(spooled.text);
	tear_down(&fixture);
}

static void test_accounts_away_on_socket(void)
{
	const uid_t peer = 3777777778;
	struct fixture fixture;

	if (getuid() != 0) {
		g_test_skip("needs root, to connect as somebody else");
		return;
	}
	set_up(&fixture, "");
	g_assert_cmpint(seteuid(peer), ==, 0);
	int fd = dial(fixture.socket);
	g_assert_cmpint(seteuid(0), ==, 0);
	say(fd, HELLO);
	expect(fd, HELLO);
	no_accounts = TRUE;
	say(fd, "WANT\t1\tuser=alice\n");
	expect(fd, "NO\t1\tcode=busy\ttext=the account of this process cannot be looked up at "
		   "the moment\n");
	say(fd, LINE_BATCH LINE_EVENT);
	expect(fd, "NO\t1\tcode=busy\ttext=the account of this process cannot be looked up at "
		   "the moment\n");
	no_accounts = FALSE;
	close(fd);
	tear_down(&fixture);
}

/* A system user's process says that it changed alice's mailbox. */
static void test_spooled_owner_denied(void)
{
	g_autofree char *lines =
		g_strdup("BATCH\t1\tbatch=" BATCH_ID "\tuser=nobody\tcount=1\n"
			 "EVENT\tname=MessageNew\ttime=1\tuser=nobody\towner=alice\tmailbox=x\n");
	struct spooled spooled = {0};
	struct fixture fixture;

	if (g_file_test("/etc/debian_version", G_FILE_TEST_EXISTS) == FALSE) {
		g_test_skip("needs uid 65534 to be called nobody");
		return;
	}
	set_up(&fixture, "[webhook all]\nurl = http://127.0.0.1:8080/a\n");
	add_device(&fixture, "alice", "d1", FALSE);
	intake_batch(fixture.intake, lines, strlen(lines), STRANGER, "spool", spooled_done,
		     &spooled);
	spin(10);
	g_assert_cmpint(spooled.verdict, ==, INTAKE_OK);
	g_assert_cmpuint(spooled.queued, ==, 0);
	g_assert_cmpuint(fixture.queue.rows->len, ==, 0);
	g_assert_true(metrics_say(&fixture, "reason=\"owner-denied\"} 1"));
	tear_down(&fixture);
}

/* --- registration ---------------------------------------------------------- */

#define SUBSCRIBE_TO(endpoint)                                           \
	"SUBSCRIBE\t4\tuser=alice\tdevice=d1\tgateway=webpush\tdialect=" \
	"gougeon\tendpoint=" endpoint "\tp256dh=" P256DH "\tauth=" AUTH
#define SUBSCRIBE SUBSCRIBE_TO("http://127.0.0.1:8080/push?x")

static char *inactive(struct fixture *fixture)
{
	return g_strdup_printf("OK\t4\tstate=inactive\tkey=%s\n",
			       vapid_public_key(fixture->context->vapid));
}

static void test_vapid(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	g_autofree char *expected =
		g_strdup_printf("OK\t3\tkey=%s\n", vapid_public_key(fixture.context->vapid));
	ask_expect(&fixture, "VAPID\t3\tuser=alice\n", expected);
	tear_down(&fixture);
}

static void test_subscribe_and_confirm(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	g_autofree char *expected = inactive(&fixture);
	ask_expect(&fixture,
		   SUBSCRIBE "\tevents=MessageNew FlagsSet\tmailbox=INBOX\tmailbox=Lists/*"
			     "\tcontent=yes\tmsgtype=chat\tclient=Mail\tlabel=My phone\n",
		   expected);
	const struct device *device = fake_registry_at(&fixture.registry, "alice", "d1");
	g_assert_nonnull(device);
	g_assert_cmpint(device->state, ==, DEVICE_INACTIVE);
	g_assert_cmpint(device->dialect, ==, DIALECT_GOUGEON);
	g_assert_cmpint(device->msgtype, ==, MSGTYPE_CHAT);
	g_assert_cmpuint(device->events, ==,
			 PUSH_EVENT_KIND_BIT(PUSH_EVENT_MESSAGE_NEW) |
				 PUSH_EVENT_KIND_BIT(PUSH_EVENT_FLAGS_SET));
	g_assert_cmpuint(g_strv_length(device->mailboxes), ==, 2);
	g_assert_cmpstr(device->mailboxes[1], ==, "Lists/*");
	g_assert_true(device->content);
	g_assert_cmpuint(strlen(device->token), ==, LIMIT_CONFIRM_TOKEN * 4 / 3);
	g_assert_cmpint(device->confirm_by - device->created, ==, 300);

	/* The token went out as a push, due at once and of no use later. */
	g_assert_cmpuint(fixture.queue.rows->len, ==, 1);
	const struct notification *row = g_ptr_array_index(fixture.queue.rows, 0);
	g_autofree char *event = g_strconcat("CONFIRM\ttoken=", device->token, NULL);
	g_assert_cmpstr(row->event, ==, event);
	g_assert_true(notification_is_arrival(row));
	g_assert_cmpint(row->device, ==, device->id);
	g_assert_cmpint(row->expires_us, ==, device->confirm_by * G_USEC_PER_SEC);
	g_assert_cmpstr(row->lane, ==, "webpush http://127.0.0.1:8080");
	g_assert_cmpuint(woken->len, ==, 1);

	ask_expect(&fixture, "CONFIRM\t5\tuser=alice\tdevice=d1\ttoken=no\n",
		   "NO\t5\tcode=token\ttext=as the test says\n");
	ask_expect(&fixture, "CONFIRM\t5\tuser=alice\tdevice=d2\ttoken=no\n",
		   "NO\t5\tcode=notfound\ttext=as the test says\n");
	ask_expect(&fixture, "CONFIRM\t5\tuser=alice\tdevice=d1\n",
		   "NO\t5\tcode=token\ttext=the confirmation token is missing\n");
	g_autofree char *confirm =
		g_strdup_printf("CONFIRM\t5\tuser=alice\tdevice=d1\ttoken=%s\n", device->token);
	ask_expect(&fixture, confirm, "OK\t5\tstate=active\n");
	tear_down(&fixture);
}

static void test_subscribe_again(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	g_autofree char *first = ask(&fixture, SUBSCRIBE "\n");
	g_assert_true(g_str_has_prefix(first, "OK\t4\tstate=inactive"));
	struct device *device = fake_registry_at(&fixture.registry, "alice", "d1");
	device->state = DEVICE_ACTIVE;
	g_autofree char *key = g_strdup(vapid_public_key(fixture.context->vapid));
	g_autofree char *active = g_strdup_printf("OK\t4\tstate=active\tkey=%s\n", key);
	g_autofree char *not_active = inactive(&fixture);

	/* As phones do at each connect, more often than one may register. */
	for (guint i = 0; i < 3 * LIMIT_REGISTRATIONS_PER_HOUR; i++)
		ask_expect(&fixture, SUBSCRIBE "\n", active);
	g_assert_cmpuint(fixture.registry.subscribes, ==, 1);
	g_assert_cmpuint(fixture.queue.puts, ==, 1);

	/* Any change takes a new confirmation. */
	static const char *const changes[] = {"\tevents=FlagsSet", "\tcontent=yes",
					      "\tmsgtype=mail",    "\tmailbox=INBOX",
					      "\tlabel=another",   "\tclient=another"};
	for (gsize i = 0; i < G_N_ELEMENTS(changes); i++) {
		g_autofree char *request = g_strconcat(SUBSCRIBE, changes[i], "\n", NULL);

		g_test_message("%s", changes[i]);
		ask_expect(&fixture, request, not_active);
		g_assert_cmpuint(fixture.registry.subscribes, ==, i + 2);
		fake_registry_at(&fixture.registry, "alice", "d1")->state = DEVICE_ACTIVE;
	}
	/* Also of the key it was made under. */
	device = fake_registry_at(&fixture.registry, "alice", "d1");
	g_free(device->vapid_key);
	device->vapid_key = g_strdup("a former one");
	ask_expect(&fixture, SUBSCRIBE "\tclient=another\n", not_active);
	tear_down(&fixture);
}

static void test_subscribe_refused(void)
{
	g_autofree char *endpoint = g_strnfill(LIMIT_ENDPOINT, 'x');
	g_autofree char *long_endpoint = g_strconcat("https://push.example.org/", endpoint, NULL);
	g_autofree char *label = g_strnfill(LIMIT_DEVICE_LABEL + 1, 'x');
	g_autoptr(GString) mailboxes = g_string_new(NULL);
	for (guint i = 0; i <= LIMIT_FILTER_MAILBOXES; i++)
		g_string_append(mailboxes, "\tmailbox=x");
	const struct {
		const char *name, *key, *value, *code, *text;
	} rows[] = {
		{"gateway", "gateway", "webhook", "unavailable", "no such push gateway"},
		{"no gateway", "gateway", NULL, "unavailable", "no such push gateway"},
		{"device", "device", "a b", "refused", "subscription's name"},
		{"no device", "device", NULL, "refused", "subscription's name"},
		{"dialect", "dialect", "latin", "refused", "dialect"},
		{"no dialect", "dialect", NULL, "refused", "dialect"},
		{"p256dh", "p256dh", "AAAA", "refused", ""},
		{"no p256dh", "p256dh", NULL, "refused", "keys"},
		{"auth", "auth", "AAAA", "refused", ""},
		{"no auth", "auth", NULL, "refused", "keys"},
		{"events", "events", "MessageNew MessageOld", "refused", "RFC 5423"},
		{"no events", "events", " ", "refused", "RFC 5423"},
		{"content", "content", "maybe", "refused", "content"},
		{"msgtype", "msgtype", "spam", "refused", "msgtype"},
		{"mailbox", "mailbox", "", "refused", "mailbox name"},
		{"mailbox, not UTF-8", "mailbox", "\xff", "refused", "mailbox name"},
		{"mailboxes", NULL, mailboxes->str, "refused", "too many mailboxes"},
		{"label", "label", label, "refused", "label"},
		{"label, not UTF-8", "label", "\xc3", "refused", "label"},
		{"endpoint, none", "endpoint", NULL, "refused", "endpoint"},
		{"endpoint, long", "endpoint", long_endpoint, "refused", "1,000 octets"},
		{"endpoint, http", "endpoint", "http://push.example.org/", "refused",
		 "allowed-endpoints="},
		{"endpoint, port", "endpoint", "https://push.example.org:8443/", "refused",
		 "allowed-endpoints="},
		{"endpoint, local", "endpoint", "https://localhost/", "refused",
		 "allowed-endpoints="},
		{"endpoint, address", "endpoint", "https://10.0.0.1/", "refused",
		 "allowed-endpoints="},
		{"endpoint, not one", "endpoint", "push.example.org", "refused", ""},
	};
	static const char *const keys[] = {"device",   "gateway", "dialect",
					   "endpoint", "p256dh",  "auth"};
	static const char *const values[] = {"d1",   "webpush", "coi", "http://127.0.0.1:8080/",
					     P256DH, AUTH};
	struct fixture fixture;

	set_up(&fixture, "");
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GString) request = g_string_new("SUBSCRIBE\t4\tuser=alice");
		gboolean replaced = FALSE;

		for (gsize k = 0; k < G_N_ELEMENTS(keys); k++) {
			gboolean this_one = g_strcmp0(rows[i].key, keys[k]) == 0;
			const char *value = this_one ? rows[i].value : values[k];

			replaced |= this_one;
			if (value != NULL)
				g_string_append_printf(request, "\t%s=%s", keys[k], value);
		}
		if (rows[i].key == NULL)
			g_string_append(request, rows[i].value);
		else if (!replaced)
			g_string_append_printf(request, "\t%s=%s", rows[i].key, rows[i].value);
		g_string_append_c(request, '\n');

		g_test_message("%s", rows[i].name);
		g_autofree char *answer = ask(&fixture, request->str);
		g_autofree char *prefix = g_strdup_printf("NO\t4\tcode=%s\ttext=", rows[i].code);
		g_test_message("%s", answer);
		g_assert_true(g_str_has_prefix(answer, prefix));
		g_assert_nonnull(strstr(answer, rows[i].text));
	}
	g_assert_cmpuint(fixture.registry.subscribes, ==, 0);
	g_assert_cmpuint(fixture.queue.puts, ==, 0);
	tear_down(&fixture);
}

/* The name is looked up before anything is stored. */
static void test_subscribe_names(void)
{
	static const struct {
		const char *name, *answers, *prefix, *text;
	} rows[] = {
		{"public", "93.184.216.34", "OK\t4\tstate=inactive\t", ""},
		{"partly public", "10.0.0.1 93.184.216.34", "OK\t4\tstate=inactive\t", ""},
		{"private", "10.0.0.1", "NO\t4\tcode=refused\t", "allowed-endpoints="},
		{"loopback", "127.0.0.1 ::1", "NO\t4\tcode=refused\t", "allowed-endpoints="},
		{"no such name", "", "NO\t4\tcode=refused\t", ""},
	};
	GResolver *former = g_resolver_get_default();

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		GResolver *resolver = scripted_resolver_new(rows[i].answers);
		struct fixture fixture;

		g_test_message("%s", rows[i].name);
		g_resolver_set_default(resolver);
		set_up(&fixture, "");
		g_autofree char *answer =
			ask(&fixture, SUBSCRIBE_TO("https://push.example.org/x") "\n");
		g_test_message("%s", answer);
		g_assert_true(g_str_has_prefix(answer, rows[i].prefix));
		g_assert_nonnull(strstr(answer, rows[i].text));
		g_assert_cmpuint(scripted_resolver_count(resolver), >=, 1);
		g_assert_cmpuint(fixture.registry.subscribes, ==, *rows[i].prefix == 'O');
		g_assert_cmpuint(intake_pending(fixture.intake), ==, 0);
		tear_down(&fixture);
		g_object_unref(resolver);
	}
	g_resolver_set_default(former);
	g_object_unref(former);
}

static void test_subscribe_pace(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	g_autofree char *expected = inactive(&fixture);
	for (guint i = 0; i < LIMIT_REGISTRATIONS_PER_HOUR; i++)
		ask_expect(&fixture, SUBSCRIBE "\n", expected);
	g_autofree char *answer = ask(&fixture, SUBSCRIBE "\n");
	g_assert_true(g_str_has_prefix(answer, "NO\t4\tcode=limit\ttext=too many registrations"));
	/* That was alice's pace, nobody else's. */
	g_autofree char *other =
		ask(&fixture, "SUBSCRIBE\t4\tuser=bob\tdevice=d1\tgateway=webpush\t"
			      "dialect=coi\tendpoint=http://127.0.0.1:8080/\tp256dh=" P256DH
			      "\tauth=" AUTH "\n");
	g_assert_true(g_str_has_prefix(other, "OK\t4\tstate=inactive"));
	tear_down(&fixture);
}

static void test_subscribe_store_errors(void)
{
	static const struct {
		const char *name;
		int registry_error, queue_error;
		gboolean queue_busy;
		const char *prefix;
	} rows[] = {
		{"too many devices", STORE_ERROR_LIMIT, -1, FALSE, "NO\t4\tcode=limit\t"},
		{"registry full", STORE_ERROR_FULL, -1, FALSE, "NO\t4\tcode=full\t"},
		{"registry busy", STORE_ERROR_BUSY, -1, FALSE, "NO\t4\tcode=busy\t"},
		{"queue full", -1, STORE_ERROR_FULL, FALSE, "NO\t4\tcode=full\t"},
		{"queue busy", -1, -1, TRUE, "NO\t4\tcode=busy\t"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct fixture fixture;

		g_test_message("%s", rows[i].name);
		set_up(&fixture, "");
		fixture.registry.error = rows[i].registry_error;
		fixture.queue.put_error = rows[i].queue_error;
		fixture.queue.busy = rows[i].queue_busy;
		g_autofree char *answer = ask(&fixture, SUBSCRIBE "\n");
		g_assert_true(g_str_has_prefix(answer, rows[i].prefix));
		g_assert_cmpuint(intake_pending(fixture.intake), ==, 0);
		tear_down(&fixture);
	}
}

static void test_unsubscribe(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	add_device(&fixture, "alice", "d1", FALSE);
	ask_expect(&fixture, "UNSUBSCRIBE\t6\tuser=alice\tdevice=d1\n", "OK\t6\n");
	g_assert_cmpuint(fixture.registry.devices->len, ==, 0);
	g_assert_cmpuint(fixture.queue.devices_dropped, ==, 1);
	/* Of what is not there it is as good as done. */
	ask_expect(&fixture, "UNSUBSCRIBE\t7\tuser=alice\tdevice=d1\n", "OK\t7\n");
	ask_expect(&fixture, "UNSUBSCRIBE\t8\tuser=alice\n", "OK\t8\n");
	g_assert_cmpuint(fixture.queue.devices_dropped, ==, 1);
	add_device(&fixture, "alice", "d1", FALSE);
	fixture.registry.error = STORE_ERROR_FULL;
	ask_expect(&fixture, "UNSUBSCRIBE\t9\tuser=alice\tdevice=d1\n",
		   "NO\t9\tcode=full\ttext=as the test says\n");
	g_assert_cmpuint(fixture.queue.devices_dropped, ==, 1);
	tear_down(&fixture);
}

static void test_list(void)
{
	struct fixture fixture;
	struct device *device;

	set_up(&fixture, "");
	ask_expect(&fixture, "LIST\t7\tuser=alice\n", "OK\t7\n");
	device = add_device(&fixture, "alice", "d1", TRUE);
	device->events = PUSH_EVENT_KIND_BIT(PUSH_EVENT_MESSAGE_NEW) |
			 PUSH_EVENT_KIND_BIT(PUSH_EVENT_FLAGS_SET);
	device->mailboxes = g_strsplit("INBOX Lists/*", " ", 0);
	device->dialect = DIALECT_COI;
	device->created = 1700000000;
	device->label = g_strdup("a\tb");
	add_device(&fixture, "alice", "gone", FALSE)->state = DEVICE_DEAD;
	add_device(&fixture, "bob", "d1", FALSE);
	g_autofree char *p256dh = g_strnfill(87, 'A');
	g_autofree char *expected = g_strdup_printf(
		"ITEM\t7\tdevice=d1\tstate=active\tdialect=coi\tendpoint=https://push.example.org/x"
		"\tp256dh=%s\tauth=AAAAAAAAAAAAAAAAAAAAAA\tevents=FlagsSet MessageNew"
		"\tmailbox=INBOX\tmailbox=Lists/*\tcontent=yes\tmsgtype=all\tlabel=a\001tb"
		"\tcreated=1700000000\nOK\t7\n",
		p256dh);
	ask_expect(&fixture, "LIST\t7\tuser=alice\tgateway=webpush\n", expected);
	ask_expect(&fixture, "LIST\t8\tuser=alice\tgateway=other\n", "OK\t8\n");
	tear_down(&fixture);
}

static void test_webpush_disabled(void)
{
	static const char off[] =
		"NO\t1\tcode=unavailable\ttext=push registration is switched off on this server\n";
	struct fixture fixture;

	set_up(&fixture, "enabled = no\n");
	ask_expect(&fixture, "VAPID\t1\tuser=alice\n", off);
	ask_expect(&fixture, "SUBSCRIBE\t1\tuser=alice\tdevice=d\n", off);
	ask_expect(&fixture, "CONFIRM\t1\tuser=alice\tdevice=d\ttoken=x\n", off);
	/* What is there can still be seen and taken away. */
	add_device(&fixture, "alice", "d1", FALSE);
	g_autofree char *list = ask(&fixture, "LIST\t2\tuser=alice\n");
	g_assert_true(g_str_has_prefix(list, "ITEM\t2\tdevice=d1"));
	ask_expect(&fixture, "UNSUBSCRIBE\t3\tuser=alice\tdevice=d1\n", "OK\t3\n");
	tear_down(&fixture);
}

/* --- life ------------------------------------------------------------------ */

static void test_new_context(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	ask_expect(&fixture, "WANT\t1\tuser=alice\n", "OK\t1\twant=none\n");
	struct gateway_context *context =
		make_context(&fixture, "[webhook a]\nurl = http://127.0.0.1:8080/\n");
	intake_set_context(fixture.intake, context);
	gateway_context_unref(context);
	ask_expect(&fixture, "WANT\t1\tuser=alice\n", "OK\t1\twant=hint\n");
	tear_down(&fixture);
}

/* Answers and databases outlive the intake. */
static void test_freed_while_pending(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	add_device(&fixture, "alice", "d1", FALSE);
	say(fixture.fd, "BATCH\t2\tbatch=" BATCH_ID "\tuser=alice\tcount=1\n");
	say_event(&fixture, "alice", "INBOX", "");
	say(fixture.fd, SUBSCRIBE "\n");
	say(fixture.fd, "UNSUBSCRIBE\t6\tuser=alice\tdevice=d1\n");
	while (fixture.queue.puts == 0)
		g_main_context_iteration(NULL, TRUE);
	intake_free(&fixture.intake);
	spin(50);
	g_assert_cmpuint(woken->len, ==, 0);
	tear_down(&fixture);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/intake/want", test_want);
	g_test_add_func("/intake/want/mailbox", test_want_mailbox);
	g_test_add_func("/intake/want/webhooks", test_want_webhooks);
	g_test_add_func("/intake/malformed", test_malformed);
	g_test_add_func("/intake/denied", test_denied);
	g_test_add_func("/intake/share", test_share);
	g_test_add_func("/intake/batch", test_batch);
	g_test_add_func("/intake/batch/of-no-concern", test_batch_of_no_concern);
	g_test_add_func("/intake/batch/largest", test_batch_largest);
	g_test_add_func("/intake/batch/too-large", test_batch_too_large);
	g_test_add_func("/intake/batch/bytes", test_batches_bytes);
	g_test_add_func("/intake/batch/bad-event", test_batch_bad_event);
	g_test_add_func("/intake/batch/cut-off", test_batch_cut_off);
	g_test_add_func("/intake/batch/store-errors", test_batch_store_errors);
	g_test_add_func("/intake/batch/webhooks", test_batch_webhooks);
	g_test_add_func("/intake/batch/owner", test_batch_owner);
	g_test_add_func("/intake/spooled", test_spooled);
	g_test_add_func("/intake/spooled/owner-denied", test_spooled_owner_denied);
	g_test_add_func("/intake/accounts-away", test_accounts_away);
	g_test_add_func("/intake/accounts-away-on-socket", test_accounts_away_on_socket);
	g_test_add_func("/intake/vapid", test_vapid);
	g_test_add_func("/intake/subscribe", test_subscribe_and_confirm);
	g_test_add_func("/intake/subscribe/again", test_subscribe_again);
	g_test_add_func("/intake/subscribe/refused", test_subscribe_refused);
	g_test_add_func("/intake/subscribe/names", test_subscribe_names);
	g_test_add_func("/intake/subscribe/pace", test_subscribe_pace);
	g_test_add_func("/intake/subscribe/store-errors", test_subscribe_store_errors);
	g_test_add_func("/intake/unsubscribe", test_unsubscribe);
	g_test_add_func("/intake/list", test_list);
	g_test_add_func("/intake/webpush-disabled", test_webpush_disabled);
	g_test_add_func("/intake/new-context", test_new_context);
	g_test_add_func("/intake/freed-while-pending", test_freed_while_pending);
	return g_test_run();
}
