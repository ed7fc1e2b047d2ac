#include "limits.h"
#include "registry.h"
#include "store-fixture.h"

#define KIND(kind) PUSH_EVENT_KIND_BIT(PUSH_EVENT_##kind)
#define NOW G_GINT64_CONSTANT(1700000000)
#define ENDPOINT "https://push.example/x"
#define BY (NOW + LIMIT_CONFIRM_SECS)
/* 24 characters, as LIMIT_CONFIRM_TOKEN octets make. */
#define TOKEN "AAAAAAAAAAAAAAAAAAAAAAAA"
#define TOKEN_2 "BBBBBBBBBBBBBBBBBBBBBBBB"

struct bench {
	struct fixture fixture;
	struct registry *registry;
	struct answer answer;
	struct device *result; /* of the last change */
};

static void set_up(struct bench *bench, guint devices_per_user)
{
	const struct registry_limits limits = {.devices_per_user = devices_per_user,
					       .confirm_secs = 77};
	g_autoptr(GError) error = NULL;

	fixture_open(&bench->fixture, 0);
	bench->registry = registry_sqlite_open(bench->fixture.store, &limits, &error);
	g_assert_no_error(error);
}

static void shut_down(struct bench *bench)
{
	bench->registry->backend->close(&bench->registry);
	g_assert_null(bench->registry);
	store_close(&bench->fixture.store);
}

static void tear_down(struct bench *bench)
{
	shut_down(bench);
	fixture_check_integrity(&bench->fixture);
	fixture_clear(&bench->fixture);
	g_clear_pointer(&bench->result, device_free);
}

/* --- shorthands --------------------------------------------------------------- */

static void changed(const struct device *device, const GError *error, gpointer data)
{
	struct bench *bench = data;

	g_assert_cmpint(device == NULL, ==, error != NULL);
	g_clear_pointer(&bench->result, device_free);
	bench->result = device != NULL ? device_copy(device) : NULL;
	answer_done(error, &bench->answer);
}

/* `code` -1 = fine. */
static void expect(struct bench *bench, int code)
{
	if (code < 0)
		answer_expect_ok(&bench->answer);
	else
		answer_expect_error(&bench->answer, code);
}

static struct device make(const char *user, const char *device)
{
	static char *mailboxes[] = {(char *)"INBOX", (char *)"Work*", (char *)"tab\tand\nmore",
				    NULL};
	struct device like = {
		.user = (char *)user,
		.device = (char *)device,
		.gateway = (char *)"webpush",
		.dialect = DIALECT_COI,
		.endpoint = (char *)ENDPOINT,
		.vapid_key = (char *)"key-1",
		.events = KIND(MESSAGE_NEW) | KIND(FLAGS_SET),
		.mailboxes = mailboxes,
		.content = TRUE,
		.msgtype = MSGTYPE_CHAT,
		.client = (char *)"Client",
		.label = (char *)"Phone",
		.token = (char *)TOKEN,
		.confirm_by = BY,
	};

	for (guint i = 0; i < sizeof(like.p256dh); i++)
		like.p256dh[i] = (guint8)(i * 3);
	for (guint i = 0; i < sizeof(like.auth); i++)
		like.auth[i] = (guint8)(255 - i);
	return like;
}

static void subscribe(struct bench *bench, const struct device *device, gint64 now, int code)
{
	bench->registry->backend->subscribe(bench->registry, device, now, changed, bench);
	expect(bench, code);
}

static void confirm(struct bench *bench, const char *device, const char *token, gint64 now,
		    int code)
{
	bench->registry->backend->confirm(bench->registry, "alice", device, token, now, changed,
					  bench);
	expect(bench, code);
}

/* An active device of alice's. */
static gint64 add_active(struct bench *bench, const char *name)
{
	struct device device = make("alice", name);

	subscribe(bench, &device, NOW, -1);
	confirm(bench, name, TOKEN, NOW, -1);
	g_assert_cmpint(bench->result->state, ==, DEVICE_ACTIVE);
	return bench->result->id;
}

static struct device *find(struct bench *bench, const char *device)
{
	return bench->registry->backend->find(bench->registry, "alice", device);
}

/* State by name; "none" if it is not there. */
static const char *state_of(struct bench *bench, const char *device)
{
	g_autoptr(device_t) found = find(bench, device);

	return found != NULL ? device_state_name(found->state) : "none";
}

static void settle_down(struct bench *bench)
{
	while (store_pending(bench->fixture.store) > 0)
		g_main_context_iteration(NULL, TRUE);
}

static guint count_active(struct bench *bench)
{
	g_autoptr(GPtrArray) devices = bench->registry->backend->active(bench->registry, "alice");

	if (devices == NULL)
		return 0;
	g_assert_cmpuint(devices->len, >, 0);
	return devices->len;
}

static void expect_locked(struct bench *bench, guint active, guint locked)
{
	struct registry_stats stats;

	bench->registry->backend->stats(bench->registry, &stats);
	g_assert_cmpuint(stats.active, ==, active);
	g_assert_cmpuint(stats.locked, ==, locked);
}

static void expect_stats(struct bench *bench, guint active, guint inactive, guint dead)
{
	struct registry_stats stats;

	bench->registry->backend->stats(bench->registry, &stats);
	g_assert_cmpuint(stats.active, ==, active);
	g_assert_cmpuint(stats.inactive, ==, inactive);
	g_assert_cmpuint(stats.dead, ==, dead);
}

/* --- subscribe ------------------------------------------------------------------ */

static void expect_same(const struct device *a, const struct device *b)
{
	g_assert_cmpstr(a->user, ==, b->user);
	g_assert_cmpstr(a->device, ==, b->device);
	g_assert_cmpstr(a->gateway, ==, b->gateway);
	g_assert_cmpint(a->dialect, ==, b->dialect);
	g_assert_cmpstr(a->endpoint, ==, b->endpoint);
	g_assert_cmpmem(a->p256dh, sizeof(a->p256dh), b->p256dh, sizeof(b->p256dh));
	g_assert_cmpmem(a->auth, sizeof(a->auth), b->auth, sizeof(b->auth));
	g_assert_cmpstr(a->vapid_key, ==, b->vapid_key);
	g_assert_cmpuint(a->events, ==, b->events);
	g_assert_cmpint(a->mailboxes == NULL, ==, b->mailboxes == NULL);
	if (a->mailboxes != NULL)
		g_assert_true(g_strv_equal((const char *const *)a->mailboxes,
					   (const char *const *)b->mailboxes));
	g_assert_cmpint(a->content, ==, b->content);
	g_assert_cmpint(a->msgtype, ==, b->msgtype);
	g_assert_cmpstr(a->client, ==, b->client);
	g_assert_cmpstr(a->label, ==, b->label);
	g_assert_cmpstr(a->token, ==, b->token);
	g_assert_cmpint(a->confirm_by, ==, b->confirm_by);
}

static void test_round_trip(void)
{
	struct bench bench = {0};
	struct device full = make("al\xffice", "dev-1"), bare = make("alice", "dev-2");
	g_autoptr(device_t) found = NULL, got = NULL;

	bare.mailboxes = NULL;
	bare.client = bare.label = NULL;
	bare.content = FALSE;
	bare.confirm_by = 0;
	full.state = DEVICE_ACTIVE; /* what a caller says of it does not count */
	set_up(&bench, 20);
	subscribe(&bench, &full, NOW, -1);
	expect_same(bench.result, &full);
	g_assert_cmpint(bench.result->state, ==, DEVICE_INACTIVE);
	g_assert_cmpint(bench.result->created, ==, NOW);
	subscribe(&bench, &bare, NOW, -1);
	shut_down(&bench);
	set_up(&bench, 20);
	found = bench.registry->backend->find(bench.registry, "al\xffice", "dev-1");
	expect_same(found, &full);
	g_assert_cmpint(found->state, ==, DEVICE_INACTIVE);
	got = bench.registry->backend->get(bench.registry, bench.result->id);
	bare.confirm_by = NOW + 77;
	expect_same(got, &bare);
	g_assert_null(bench.registry->backend->get(bench.registry, 424242));
	g_assert_null(bench.registry->backend->find(bench.registry, "alice", "dev-1"));
	tear_down(&bench);
}

static char *other_mailboxes[] = {(char *)"INBOX", NULL};
static char *no_mailboxes[] = {NULL};

/* One change each to an active device: does it stay active? */
#define CHANGE(name, statement)                 \
	static void name(struct device *device) \
	{                                       \
		statement;                      \
	}
CHANGE(change_nothing, (void)device)
CHANGE(change_token, device->token = (char *)TOKEN_2)
CHANGE(change_gateway, device->gateway = (char *)"other")
CHANGE(change_dialect, device->dialect = DIALECT_GOUGEON)
CHANGE(change_endpoint, device->endpoint = (char *)"https://push.example/y")
CHANGE(change_p256dh, device->p256dh[64] ^= 1)
CHANGE(change_auth, device->auth[15] ^= 1)
CHANGE(change_vapid, device->vapid_key = (char *)"key-2")
CHANGE(change_events, device->events ^= KIND(MESSAGE_READ))
CHANGE(change_mailboxes, device->mailboxes = other_mailboxes)
CHANGE(change_to_all, device->mailboxes = NULL)
CHANGE(change_to_empty, device->mailboxes = no_mailboxes)
CHANGE(change_content, device->content = FALSE)
CHANGE(change_content_alike, device->content = 2)
CHANGE(change_msgtype, device->msgtype = MSGTYPE_ALL)
CHANGE(change_client, device->client = NULL)
CHANGE(change_label, device->label = (char *)"Tablet")

static const struct change_row {
	const char *name;
	void (*change)(struct device *device);
	gboolean stays;
} change_rows[] = {
	{"nothing", change_nothing, TRUE},
	{"the token that was made for it", change_token, TRUE},
	{"content, alike", change_content_alike, TRUE},
	{"gateway", change_gateway, FALSE},
	{"dialect", change_dialect, FALSE},
	{"endpoint", change_endpoint, FALSE},
	{"p256dh", change_p256dh, FALSE},
	{"auth", change_auth, FALSE},
	{"vapid key", change_vapid, FALSE},
	{"events", change_events, FALSE},
	{"mailboxes", change_mailboxes, FALSE},
	{"all mailboxes", change_to_all, FALSE},
	{"all mailboxes, said with none", change_to_empty, FALSE},
	{"content", change_content, FALSE},
	{"msgtype", change_msgtype, FALSE},
	{"client", change_client, FALSE},
	{"label", change_label, FALSE},
};

static void test_change(gconstpointer data)
{
	const struct change_row *row = data;
	struct bench bench = {0};
	struct device device = make("alice", "dev-1");
	gint64 id;

	set_up(&bench, 20);
	id = add_active(&bench, "dev-1");
	device.confirm_by = BY + 500;
	row->change(&device);
	subscribe(&bench, &device, NOW + 500, -1);
	g_assert_cmpint(bench.result->id, ==, id);
	g_assert_cmpint(bench.result->created, ==, NOW);
	g_assert_cmpstr(state_of(&bench, "dev-1"), ==, row->stays ? "active" : "inactive");
	g_assert_cmpuint(count_active(&bench), ==, row->stays);
	if (row->stays) {
		g_assert_null(bench.result->token);
		g_assert_cmpint(bench.result->confirmed, ==, NOW);
	} else {
		g_assert_cmpstr(bench.result->token, ==, device.token);
		g_assert_cmpint(bench.result->confirm_by, ==, BY + 500);
		g_assert_cmpint(bench.result->confirmed, ==, 0);
		/* The new one needs the new token. */
		confirm(&bench, "dev-1", device.token, NOW + 501, -1);
		g_assert_cmpstr(state_of(&bench, "dev-1"), ==, "active");
	}
	tear_down(&bench);
}

/* Asked for again while the confirmation is under way. */
static void test_subscribe_again(void)
{
	struct bench bench = {0};
	struct device device = make("alice", "dev-1");

	set_up(&bench, 20);
	subscribe(&bench, &device, NOW, -1);
	confirm(&bench, "dev-1", "wrong", NOW, STORE_ERROR_TOKEN);
	device.token = (char *)TOKEN_2;
	device.confirm_by = BY + 100;
	subscribe(&bench, &device, NOW + 100, -1);
	g_assert_cmpstr(bench.result->token, ==, TOKEN);
	g_assert_cmpint(bench.result->confirm_by, ==, BY + 100);
	g_assert_cmpuint(bench.result->token_tries, ==, 1);
	/* Too late: the old token is worth nothing, so here is the new one. */
	device.confirm_by = BY + 900;
	subscribe(&bench, &device, BY + 101, -1);
	g_assert_cmpstr(bench.result->token, ==, TOKEN_2);
	g_assert_cmpuint(bench.result->token_tries, ==, 0);
	confirm(&bench, "dev-1", TOKEN, BY + 102, STORE_ERROR_TOKEN);
	confirm(&bench, "dev-1", TOKEN_2, BY + 102, -1);
	tear_down(&bench);
}

static void test_limit(void)
{
	struct bench bench = {0};
	const struct registry_limits more = {.devices_per_user = 4};
	struct device four = make("alice", "dev-4"), three = make("alice", "dev-3"),
		      bobs = make("bob", "dev-1");
	gint64 id;

	set_up(&bench, 3);
	id = add_active(&bench, "dev-1");
	add_active(&bench, "dev-2");
	subscribe(&bench, &three, NOW, -1);
	subscribe(&bench, &four, NOW, STORE_ERROR_LIMIT);
	g_assert_cmpstr(state_of(&bench, "dev-4"), ==, "none");
	/* Changes of what is there, and other users, are not concerned. */
	three.label = (char *)"new";
	subscribe(&bench, &three, NOW, -1);
	subscribe(&bench, &bobs, NOW, -1);
	/* A dead one makes room, and does not come back past the limit. */
	bench.registry->backend->mark_dead(bench.registry, id, ENDPOINT, NOW, NOW, "gone", NULL,
					   NULL);
	subscribe(&bench, &four, NOW, -1);
	{
		struct device one = make("alice", "dev-1");

		subscribe(&bench, &one, NOW, STORE_ERROR_LIMIT);
		g_assert_cmpstr(state_of(&bench, "dev-1"), ==, "dead");
		bench.registry->backend->set_limits(bench.registry, &more);
		subscribe(&bench, &one, NOW, -1);
		g_assert_cmpstr(state_of(&bench, "dev-1"), ==, "inactive");
		g_assert_cmpint(bench.result->id, ==, id);
		g_assert_cmpint(bench.result->dead_at, ==, 0);
	}
	tear_down(&bench);
}

/* Registrations that were never confirmed, and dead ones, pile up to a point. */
static void test_limit_of_the_rest(void)
{
	struct bench bench = {0};
	g_autoptr(GPtrArray) devices = NULL;
	guint dead = 0;

	set_up(&bench, 3);
	for (guint i = 0; i < 12; i++) {
		g_autofree char *name = g_strdup_printf("dead-%02u", i);
		gint64 id = add_active(&bench, name);

		bench.registry->backend->mark_dead(bench.registry, id, ENDPOINT, NOW + i, NOW + i,
						   "gone", NULL, NULL);
	}
	for (guint i = 0; i < 12; i++) {
		g_autofree char *name = g_strdup_printf("late-%02u", i);
		struct device device = make("alice", name);

		device.confirm_by = NOW + i * 1000 + 300;
		subscribe(&bench, &device, NOW + i * 1000, -1);
	}
	devices = bench.registry->backend->list(bench.registry, "alice", 0, 0);
	for (guint i = 0; i < devices->len; i++) {
		const struct device *device = g_ptr_array_index(devices, i);

		dead += device->state == DEVICE_DEAD;
		g_assert_true(device->state == DEVICE_DEAD ||
			      strcmp(device->device, "late-11") == 0);
	}
	g_assert_cmpuint(dead, ==, 3);
	g_assert_cmpuint(devices->len, ==, 4);
	g_assert_cmpstr(state_of(&bench, "dead-11"), ==, "dead");
	g_assert_cmpstr(state_of(&bench, "dead-08"), ==, "none");
	tear_down(&bench);
}

static gboolean wait_for_gate(struct store *store, gpointer data, GError **error)
{
	GMutex *gate = data;

	g_mutex_lock(gate);
	g_mutex_unlock(gate);
	return TRUE;
}

/* Too much waits for the disk: told so, and not before the call is over. */
static void test_busy(void)
{
	struct bench bench = {0};
	struct device device = make("alice", "dev-1");
	GMutex gate;

	g_mutex_init(&gate);
	set_up(&bench, 20);
	g_mutex_lock(&gate);
	while (store_write(bench.fixture.store, wait_for_gate, NULL, &gate, NULL))
		;
	bench.registry->backend->subscribe(bench.registry, &device, NOW, changed, &bench);
	g_assert_false(bench.answer.done);
	g_mutex_unlock(&gate);
	expect(&bench, STORE_ERROR_BUSY);
	g_assert_cmpstr(state_of(&bench, "dev-1"), ==, "none");
	subscribe(&bench, &device, NOW, -1);
	tear_down(&bench);
	g_mutex_clear(&gate);
}

/* --- confirm ------------------------------------------------------------------------ */

static const struct confirm_row {
	const char *name;
	const char *device, *token;
	gint64 now;
	int code; /* -1 = fine */
	const char *state;
} confirm_rows[] = {
	{"right", "dev-1", TOKEN, NOW + 1, -1, "active"},
	{"in the last second", "dev-1", TOKEN, BY, -1, "active"},
	{"too late", "dev-1", TOKEN, BY + 1, STORE_ERROR_TOKEN, "inactive"},
	{"wrong", "dev-1", TOKEN_2, NOW, STORE_ERROR_TOKEN, "inactive"},
	{"wrong in the last octet", "dev-1", "AAAAAAAAAAAAAAAAAAAAAAAB", NOW, STORE_ERROR_TOKEN,
	 "inactive"},
	{"too short", "dev-1", "AAAAAAAAAAAAAAAAAAAAAAA", NOW, STORE_ERROR_TOKEN, "inactive"},
	{"too long", "dev-1", TOKEN "A", NOW, STORE_ERROR_TOKEN, "inactive"},
	{"empty", "dev-1", "", NOW, STORE_ERROR_TOKEN, "inactive"},
	{"none", "dev-1", NULL, NOW, STORE_ERROR_TOKEN, "inactive"},
	{"another device", "dev-2", TOKEN, NOW, STORE_ERROR_NOT_FOUND, "inactive"},
};

static void test_confirm(gconstpointer data)
{
	const struct confirm_row *row = data;
	struct bench bench = {0};
	struct device device = make("alice", "dev-1");

	set_up(&bench, 20);
	subscribe(&bench, &device, NOW, -1);
	confirm(&bench, row->device, row->token, row->now, row->code);
	g_assert_cmpstr(state_of(&bench, "dev-1"), ==, row->state);
	if (row->code < 0) {
		g_assert_cmpint(bench.result->confirmed, ==, row->now);
		g_assert_null(bench.result->token);
	}
	/* Somebody else's word does not count. */
	bench.registry->backend->confirm(bench.registry, "bob", "dev-1", TOKEN, NOW, changed,
					 &bench);
	expect(&bench, STORE_ERROR_NOT_FOUND);
	tear_down(&bench);
}

/* A registration without a token cannot be confirmed with an empty one. */
static void test_confirm_without_token(void)
{
	struct bench bench = {0};
	struct device none = make("alice", "dev-1"), empty = make("alice", "dev-2");

	none.token = NULL;
	empty.token = (char *)"";
	set_up(&bench, 20);
	subscribe(&bench, &none, NOW, -1);
	subscribe(&bench, &empty, NOW, -1);
	confirm(&bench, "dev-1", "", NOW, STORE_ERROR_TOKEN);
	confirm(&bench, "dev-1", NULL, NOW, STORE_ERROR_TOKEN);
	confirm(&bench, "dev-2", "", NOW, STORE_ERROR_TOKEN);
	tear_down(&bench);
}

static void test_confirm_again(void)
{
	struct bench bench = {0};

	set_up(&bench, 20);
	add_active(&bench, "dev-1");
	/* Right again, also much later. */
	confirm(&bench, "dev-1", TOKEN, BY + 1000, -1);
	g_assert_cmpint(bench.result->confirmed, ==, NOW);
	/* Wrong, however often: it stays active. */
	for (guint i = 0; i < 2 * LIMIT_CONFIRM_TRIES; i++)
		confirm(&bench, "dev-1", TOKEN_2, NOW, STORE_ERROR_TOKEN);
	g_assert_cmpstr(state_of(&bench, "dev-1"), ==, "active");
	tear_down(&bench);
}

static void test_confirm_tries(void)
{
	struct bench bench = {0};
	struct device device = make("alice", "dev-1");

	set_up(&bench, 20);
	subscribe(&bench, &device, NOW, -1);
	for (guint i = 1; i < LIMIT_CONFIRM_TRIES; i++) {
		g_autoptr(device_t) found = NULL;

		confirm(&bench, "dev-1", TOKEN_2, NOW, STORE_ERROR_TOKEN);
		found = find(&bench, "dev-1");
		g_assert_cmpuint(found->token_tries, ==, i);
	}
	/* One too many: gone. */
	confirm(&bench, "dev-1", TOKEN_2, NOW, STORE_ERROR_TOKEN);
	g_assert_cmpstr(state_of(&bench, "dev-1"), ==, "none");
	confirm(&bench, "dev-1", TOKEN, NOW, STORE_ERROR_NOT_FOUND);
	/* As many wrong ones but one, then the right one. */
	subscribe(&bench, &device, NOW, -1);
	for (guint i = 1; i < LIMIT_CONFIRM_TRIES; i++)
		confirm(&bench, "dev-1", TOKEN_2, NOW, STORE_ERROR_TOKEN);
	confirm(&bench, "dev-1", TOKEN, NOW, -1);
	tear_down(&bench);
}

/* --- remove, look-ups ------------------------------------------------------------------ */

/* What an operator registers is active at once, also where a user's attempt waits, and as
 * often as it is said; but has its place among the others. */
static void test_enrol(void)
{
	struct bench bench = {0};
	struct device device = make("alice", "IMEI:1"), other = make("alice", "IMEI:2");
	const struct registry_backend *backend;
	gint64 id;

	set_up(&bench, 1);
	backend = bench.registry->backend;
	device.gateway = (char *)"sms";
	device.endpoint = (char *)"sms:+491701234567";
	device.token = NULL;
	device.confirm_by = 0;
	backend->enrol(bench.registry, &device, NOW, changed, &bench);
	expect(&bench, -1);
	id = bench.result->id;
	g_assert_cmpint(bench.result->state, ==, DEVICE_ACTIVE);
	g_assert_cmpstr(bench.result->endpoint, ==, "sms:+491701234567");
	g_assert_cmpint(bench.result->created, ==, NOW);
	g_assert_cmpstr(state_of(&bench, "IMEI:1"), ==, "active");
	backend->maintain(bench.registry, NOW + 86400, 0);
	g_assert_cmpstr(state_of(&bench, "IMEI:1"), ==, "active");

	backend->enrol(bench.registry, &device, NOW + 5, changed, &bench);
	expect(&bench, -1);
	g_assert_cmpint(bench.result->id, ==, id);
	g_assert_cmpint(bench.result->created, ==, NOW);
	device.endpoint = (char *)"sms:+491707654321";
	backend->enrol(bench.registry, &device, NOW + 5, changed, &bench);
	expect(&bench, -1);
	g_assert_cmpint(bench.result->id, ==, id);
	g_assert_cmpint(bench.result->state, ==, DEVICE_ACTIVE);
	g_assert_cmpstr(bench.result->endpoint, ==, "sms:+491707654321");

	backend->enrol(bench.registry, &other, NOW, changed, &bench);
	expect(&bench, STORE_ERROR_LIMIT);
	backend->remove(bench.registry, "alice", "IMEI:1", changed, &bench);
	expect(&bench, -1);
	other.confirm_by = NOW + 60;
	subscribe(&bench, &other, NOW, -1);
	g_assert_cmpstr(state_of(&bench, "IMEI:2"), ==, "inactive");
	backend->enrol(bench.registry, &other, NOW, changed, &bench);
	expect(&bench, -1);
	g_assert_cmpstr(state_of(&bench, "IMEI:2"), ==, "active");
	tear_down(&bench);
}

static void test_remove(void)
{
	struct bench bench = {0};
	gint64 id;

	set_up(&bench, 20);
	id = add_active(&bench, "dev-1");
	bench.registry->backend->remove(bench.registry, "bob", "dev-1", changed, &bench);
	expect(&bench, STORE_ERROR_NOT_FOUND);
	bench.registry->backend->remove(bench.registry, "alice", "dev-1", changed, &bench);
	expect(&bench, -1);
	/* As it was: the queue is to be told its id. */
	g_assert_cmpint(bench.result->id, ==, id);
	g_assert_cmpstr(state_of(&bench, "dev-1"), ==, "none");
	bench.registry->backend->remove(bench.registry, "alice", "dev-1", changed, &bench);
	expect(&bench, STORE_ERROR_NOT_FOUND);
	/* An id does not come back: rows of the queue may name it. */
	g_assert_cmpint(add_active(&bench, "dev-1"), >, id);
	tear_down(&bench);
}

static const struct want_row {
	const char *name;
	gboolean active, content;
	enum device_msgtype msgtype;
	gboolean any, wants_content;
} want_rows[] = {
	{"inactive", FALSE, TRUE, MSGTYPE_ALL, FALSE, FALSE},
	{"hint", TRUE, FALSE, MSGTYPE_ALL, TRUE, FALSE},
	{"content", TRUE, TRUE, MSGTYPE_ALL, TRUE, TRUE},
	{"chat needs keywords", TRUE, FALSE, MSGTYPE_CHAT, TRUE, TRUE},
	{"mail needs keywords", TRUE, FALSE, MSGTYPE_MAIL, TRUE, TRUE},
};

static void expect_want(struct bench *bench, const char *user, gboolean any, gboolean content)
{
	gboolean any_seen = 2, content_seen = 2;

	bench->registry->backend->want(bench->registry, user, &any_seen, &content_seen);
	g_assert_cmpint(any_seen, ==, any);
	g_assert_cmpint(content_seen, ==, content);
}

static void test_want(gconstpointer data)
{
	const struct want_row *row = data;
	struct bench bench = {0};
	struct device device = make("alice", "dev-1"), second = make("alice", "dev-2");

	set_up(&bench, 20);
	expect_want(&bench, "alice", FALSE, FALSE);
	second.content = FALSE;
	second.msgtype = MSGTYPE_ALL;
	subscribe(&bench, &second, NOW, -1);
	if (row->active)
		confirm(&bench, "dev-2", TOKEN, NOW, -1);
	device.content = row->content;
	device.msgtype = row->msgtype;
	subscribe(&bench, &device, NOW, -1);
	if (row->active)
		confirm(&bench, "dev-1", TOKEN, NOW, -1);
	expect_want(&bench, "alice", row->any, row->wants_content);
	expect_want(&bench, "bob", FALSE, FALSE);
	expect_want(&bench, "", FALSE, FALSE);
	tear_down(&bench);
}

/* Only the mail system asks, and only about mail. */
static void test_want_data_change(void)
{
	struct bench bench = {0};
	struct device device = make("alice", "dev-1");

	set_up(&bench, 20);
	device.events = KIND(DATA_CHANGE);
	device.content = TRUE;
	subscribe(&bench, &device, NOW, -1);
	confirm(&bench, "dev-1", TOKEN, NOW, -1);
	expect_want(&bench, "alice", FALSE, FALSE);
	device.events |= KIND(MESSAGE_NEW);
	subscribe(&bench, &device, NOW, -1);
	confirm(&bench, "dev-1", TOKEN, NOW, -1);
	expect_want(&bench, "alice", TRUE, TRUE);
	tear_down(&bench);
}

static void test_active_and_list(void)
{
	struct bench bench = {0};
	struct device bobs = make("bob", "dev-1"), waits = make("alice", "dev-9");
	const struct registry_backend *backend;
	g_autoptr(GPtrArray) page = NULL, next = NULL, alices = NULL, none = NULL, rest = NULL;
	gint64 id;

	set_up(&bench, 20);
	backend = bench.registry->backend;
	g_assert_null(backend->active(bench.registry, "alice"));
	add_active(&bench, "dev-1");
	add_active(&bench, "dev-2");
	id = add_active(&bench, "dev-3");
	subscribe(&bench, &waits, NOW, -1);
	subscribe(&bench, &bobs, NOW, -1);
	g_assert_cmpuint(count_active(&bench), ==, 3);
	g_assert_null(backend->active(bench.registry, "bob"));
	g_assert_null(backend->active(bench.registry, "Alice"));
	backend->mark_dead(bench.registry, id, ENDPOINT, NOW, NOW, "gone", NULL, NULL);
	settle_down(&bench);
	g_assert_cmpuint(count_active(&bench), ==, 2);

	alices = backend->list(bench.registry, "alice", 0, 0);
	g_assert_cmpuint(alices->len, ==, 4);
	none = backend->list(bench.registry, "nobody", 0, 0);
	g_assert_cmpuint(none->len, ==, 0);
	page = backend->list(bench.registry, NULL, 0, 3);
	g_assert_cmpuint(page->len, ==, 3);
	id = ((const struct device *)g_ptr_array_index(page, 2))->id;
	next = backend->list(bench.registry, NULL, id, 3);
	g_assert_cmpuint(next->len, ==, 2);
	g_assert_cmpint(((const struct device *)g_ptr_array_index(next, 0))->id, >, id);
	rest = backend->list(bench.registry, "alice", id, 5);
	g_assert_cmpuint(rest->len, ==, 1);
	expect_stats(&bench, 2, 2, 1);
	tear_down(&bench);
}

/* --- webhooks -------------------------------------------------------------------------- */

static void test_webhooks(void)
{
	struct bench bench = {0};
	const struct registry_backend *backend;
	g_autoptr(device_t) hook = NULL;
	g_autoptr(GPtrArray) all = NULL, empty = NULL;
	gint64 id;

	set_up(&bench, 20);
	backend = bench.registry->backend;
	g_assert_cmpint(backend->webhook_id(bench.registry, "ntfy"), ==, 0);
	backend->ensure_webhook(bench.registry, "ntfy", NOW, changed, &bench);
	expect(&bench, -1);
	id = bench.result->id;
	g_assert_cmpint(id, >, 0);
	g_assert_cmpint(backend->webhook_id(bench.registry, "ntfy"), ==, id);
	backend->ensure_webhook(bench.registry, "other", NOW, changed, &bench);
	expect(&bench, -1);
	g_assert_cmpint(bench.result->id, !=, id);
	add_active(&bench, "dev-1");

	/* The same for ever. */
	shut_down(&bench);
	set_up(&bench, 20);
	g_assert_cmpint(backend->webhook_id(bench.registry, "ntfy"), ==, id);
	backend->ensure_webhook(bench.registry, "ntfy", NOW + 1, changed, &bench);
	expect(&bench, -1);
	g_assert_cmpint(bench.result->id, ==, id);

	hook = backend->get(bench.registry, id);
	g_assert_cmpstr(hook->gateway, ==, "webhook");
	g_assert_cmpstr(hook->endpoint, ==, "ntfy");
	g_assert_cmpstr(hook->user, ==, "");
	g_assert_cmpint(hook->state, ==, DEVICE_ACTIVE);
	/* Nobody's device, and not counted as one. */
	g_assert_null(backend->active(bench.registry, ""));
	empty = backend->list(bench.registry, "", 0, 0);
	g_assert_cmpuint(empty->len, ==, 0);
	all = backend->list(bench.registry, NULL, 0, 0);
	g_assert_cmpuint(all->len, ==, 3);
	expect_stats(&bench, 1, 0, 0);
	/* No gateway's verdict and no client ends it. */
	backend->mark_dead(bench.registry, id, "ntfy", NOW + 9, NOW + 9, "gone", NULL, NULL);
	backend->maintain(bench.registry, NOW + 1000000000, 0);
	backend->remove(bench.registry, "", "ntfy", changed, &bench);
	expect(&bench, STORE_ERROR_NOT_FOUND);
	g_clear_pointer(&hook, device_free);
	hook = backend->get(bench.registry, id);
	g_assert_cmpint(hook->state, ==, DEVICE_ACTIVE);
	tear_down(&bench);
}

/* --- verdicts and age --------------------------------------------------------------------- */

static const struct dead_row {
	const char *name;
	gint64 confirmed, dead_at;
	gboolean dies;
} dead_rows[] = {
	{"confirmed before", NOW, NOW + 1, TRUE},
	{"in the same second", NOW, NOW, TRUE},
	{"confirmed after", NOW + 10, NOW + 9, FALSE},
	{"time not given", NOW, 0, TRUE},
};

static void dead_told(gboolean died, const GError *error, gpointer data)
{
	g_assert_no_error(error);
	*(gboolean *)data = died;
}

static void test_dead(gconstpointer data)
{
	const struct dead_row *row = data;
	struct bench bench = {0};
	struct device device = make("alice", "dev-1");
	g_autoptr(device_t) found = NULL;
	gboolean died = -1;

	set_up(&bench, 20);
	subscribe(&bench, &device, NOW - 50, -1);
	confirm(&bench, "dev-1", TOKEN, row->confirmed, -1);
	bench.registry->backend->mark_ok(bench.registry, bench.result->id, NOW + 1, "fine");
	bench.registry->backend->mark_dead(bench.registry, bench.result->id, ENDPOINT, row->dead_at,
					   NOW + 20, "410 Gone", dead_told, &died);
	settle_down(&bench);
	g_assert_cmpint(died, ==, row->dies);
	found = find(&bench, "dev-1");
	g_assert_cmpint(found->state, ==, row->dies ? DEVICE_DEAD : DEVICE_ACTIVE);
	if (row->dies) {
		g_assert_cmpint(found->dead_at, ==, NOW + 20);
		g_assert_cmpstr(found->last_outcome, ==, "410 Gone");
		confirm(&bench, "dev-1", TOKEN, NOW + 30, STORE_ERROR_TOKEN);
	}
	tear_down(&bench);
}

/* The answer of the old address comes when the client has given a new one. */
static void test_dead_after_change(void)
{
	struct bench bench = {0};
	struct device device = make("alice", "dev-1");
	gboolean died = -1;
	gint64 id;

	set_up(&bench, 20);
	id = add_active(&bench, "dev-1");
	device.endpoint = (char *)"https://push.example/new";
	subscribe(&bench, &device, NOW + 10, -1);
	/* Sent before the change, or in the same second. */
	for (gint64 at = NOW + 9; at <= NOW + 10; at++) {
		bench.registry->backend->mark_dead(bench.registry, id, ENDPOINT, at, NOW + 11,
						   "410", dead_told, &died);
		settle_down(&bench);
		g_assert_false(died);
		g_assert_cmpstr(state_of(&bench, "dev-1"), ==, "inactive");
	}
	/* An unconfirmed one may die, too. */
	bench.registry->backend->mark_dead(bench.registry, id, device.endpoint, NOW + 12, NOW + 12,
					   "410", NULL, NULL);
	settle_down(&bench);
	g_assert_cmpstr(state_of(&bench, "dev-1"), ==, "dead");
	expect_stats(&bench, 0, 0, 1);
	tear_down(&bench);
}

static void expect_outcome(struct bench *bench, gint64 id, gint64 last_ok, const char *outcome)
{
	g_autoptr(device_t) got = bench->registry->backend->get(bench->registry, id);
	g_autoptr(device_t) found = find(bench, got->device);
	g_autoptr(GPtrArray) all = bench->registry->backend->list(bench->registry, NULL, id - 1, 1);
	const struct device *rows[] = {got, found, g_ptr_array_index(all, 0)};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_assert_cmpint(rows[i]->last_ok, ==, last_ok);
		g_assert_cmpstr(rows[i]->last_outcome, ==, outcome);
	}
}

static void test_marks(void)
{
	struct bench bench = {0};
	const struct registry_backend *backend;
	gint64 id, other;
	guint64 bytes;

	set_up(&bench, 20);
	backend = bench.registry->backend;
	id = add_active(&bench, "dev-1");
	other = add_active(&bench, "dev-2");
	/* Seen at once, and no job for it. */
	backend->maintain(bench.registry, NOW, 1000);
	settle_down(&bench);
	bytes = store_bytes(bench.fixture.store);
	for (guint i = 0; i < 1000; i++)
		backend->mark_ok(bench.registry, id, NOW + i, "accepted (201)");
	backend->mark_failed(bench.registry, other, "timed out");
	g_assert_cmpuint(store_pending(bench.fixture.store), ==, 0);
	g_assert_cmpuint(store_bytes(bench.fixture.store), ==, bytes);
	expect_outcome(&bench, id, NOW + 999, "accepted (201)");
	expect_outcome(&bench, other, 0, "timed out");
	/* A failure keeps the time of the last success. */
	backend->mark_failed(bench.registry, id, "503");
	expect_outcome(&bench, id, NOW + 999, "503");
	/* Not every maintain() writes; this one does. */
	backend->maintain(bench.registry, NOW + 300, 1000);
	settle_down(&bench);
	expect_outcome(&bench, id, NOW + 999, "503");
	backend->mark_ok(bench.registry, other, NOW + 2000, "accepted (201)");
	/* And closing. */
	shut_down(&bench);
	set_up(&bench, 20);
	expect_outcome(&bench, id, NOW + 999, "503");
	expect_outcome(&bench, other, NOW + 2000, "accepted (201)");
	tear_down(&bench);
}

/* More of them than go into one job, written by maintain and on closing. */
static void test_marks_of_many(gconstpointer data)
{
	gboolean close = GPOINTER_TO_INT(data);
	struct bench bench = {0};
	gint64 first = 0;

	set_up(&bench, 1000);
	for (guint i = 0; i < 600; i++) {
		g_autofree char *name = g_strdup_printf("dev-%u", i);
		struct device device = make("alice", name);

		subscribe(&bench, &device, NOW, -1);
		if (i == 0)
			first = bench.result->id;
		bench.registry->backend->mark_ok(bench.registry, bench.result->id, NOW + i, "ok");
	}
	if (!close) {
		bench.registry->backend->maintain(bench.registry, NOW, 1000);
		settle_down(&bench);
	}
	shut_down(&bench);
	set_up(&bench, 1000);
	for (guint i = 0; i < 600; i++)
		expect_outcome(&bench, first + i, NOW + i, "ok");
	tear_down(&bench);
}

static void test_maintain(void)
{
	struct bench bench = {0};
	struct device late = make("alice", "late"), waits = make("alice", "waits");
	const struct registry_backend *backend;
	gint64 old, young;

	late.confirm_by = NOW + 99;
	waits.confirm_by = NOW + 100;
	set_up(&bench, 20);
	backend = bench.registry->backend;
	add_active(&bench, "active");
	old = add_active(&bench, "old");
	young = add_active(&bench, "young");
	subscribe(&bench, &late, NOW, -1);
	subscribe(&bench, &waits, NOW, -1);
	backend->mark_dead(bench.registry, old, ENDPOINT, NOW + 1, NOW + 1, "gone", NULL, NULL);
	backend->mark_dead(bench.registry, young, ENDPOINT, NOW + 2, NOW + 2, "gone", NULL, NULL);
	settle_down(&bench);
	expect_stats(&bench, 1, 2, 2);
	backend->maintain(bench.registry, NOW + 100, 98);
	settle_down(&bench);
	g_assert_cmpstr(state_of(&bench, "active"), ==, "active");
	g_assert_cmpstr(state_of(&bench, "late"), ==, "none");
	g_assert_cmpstr(state_of(&bench, "waits"), ==, "inactive");
	g_assert_cmpstr(state_of(&bench, "old"), ==, "none");
	g_assert_cmpstr(state_of(&bench, "young"), ==, "dead");
	expect_stats(&bench, 1, 1, 1);
	tear_down(&bench);
}

/* --- devices that are woken --------------------------------------------------------- */

static void prefer(struct bench *bench, const char *device, gint64 now, int code)
{
	bench->registry->backend->prefer(bench->registry, "alice", device, PIMAP_PREF_EVENT_FILTER,
					 "NEW", now, changed, bench);
	expect(bench, code);
}

static void expect_wakes(struct bench *bench, const char *device, guint wakes, gint64 seen)
{
	g_autoptr(device_t) found = find(bench, device);

	g_assert_cmpuint(found->wakes, ==, wakes);
	g_assert_cmpint(found->seen, ==, seen);
}

static void test_wakes(void)
{
	struct bench bench = {0};
	const struct registry_backend *backend;
	g_autoptr(device_t) device = NULL;

	set_up(&bench, 20);
	backend = bench.registry->backend;
	prefer(&bench, "P1", NOW, -1);
	expect_wakes(&bench, "P1", 0, NOW);
	backend->mark_ok(bench.registry, bench.result->id, NOW + 1, "accepted (202)");
	backend->mark_failed(bench.registry, bench.result->id, "503");
	backend->mark_ok(bench.registry, bench.result->id, NOW + 2, "accepted (202)");
	expect_wakes(&bench, "P1", 2, NOW);
	shut_down(&bench);
	set_up(&bench, 20);
	backend = bench.registry->backend;
	expect_wakes(&bench, "P1", 2, NOW);
	backend->mark_ok(bench.registry, bench.result->id, NOW + 3, "accepted (202)");
	expect_wakes(&bench, "P1", 3, NOW);
	/* It is there: at once, on disk soon, and what is woken later counts anew. */
	device = find(&bench, "P1");
	backend->present(bench.registry, device, NOW + 10);
	expect_wakes(&bench, "P1", 0, NOW + 10);
	backend->mark_ok(bench.registry, device->id, NOW + 11, NULL);
	expect_wakes(&bench, "P1", 1, NOW + 10);
	settle_down(&bench);
	expect_wakes(&bench, "P1", 1, NOW + 10);
	shut_down(&bench);
	set_up(&bench, 20);
	expect_wakes(&bench, "P1", 1, NOW + 10);
	g_clear_pointer(&device, device_free);
	device = find(&bench, "P1");
	g_assert_cmpint(device->last_ok, ==, NOW + 11);
	g_assert_cmpstr(device->last_outcome, ==, "accepted (202)");
	tear_down(&bench);
}

/* While they are on their way to the disk, marks count as before and as after. */
static void test_wakes_while_written(void)
{
	static const struct {
		guint stored, waiting; /* accepted before */
		gboolean came;         /* it was there between these */
		guint written;
	} rows[] = {{0, 1, FALSE, 1}, {1, 1, FALSE, 2}, {2, 0, TRUE, 0}, {2, 1, TRUE, 1}};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct registry_backend *backend;
		g_autoptr(device_t) device = NULL;
		struct bench bench = {0};
		GMutex gate;

		g_test_message("row %zu", i);
		g_mutex_init(&gate);
		set_up(&bench, 20);
		backend = bench.registry->backend;
		prefer(&bench, "P1", NOW, -1);
		for (guint n = 0; n < rows[i].stored; n++)
			backend->mark_ok(bench.registry, bench.result->id, NOW, "accepted (202)");
		backend->maintain(bench.registry, NOW, 1000);
		settle_down(&bench);
		device = find(&bench, "P1");
		g_assert_cmpuint(device->wakes, ==, rows[i].stored);
		g_mutex_lock(&gate);
		g_assert_true(store_write(bench.fixture.store, wait_for_gate, NULL, &gate, NULL));
		if (rows[i].came)
			backend->present(bench.registry, device, NOW + 5);
		for (guint n = 0; n < rows[i].waiting; n++)
			backend->mark_ok(bench.registry, device->id, NOW + 9, "accepted (202)");
		backend->maintain(bench.registry, NOW + 300, 1000);
		device_free(g_steal_pointer(&device));
		device = find(&bench, "P1");
		g_assert_cmpint(device->wakes > 0, ==, rows[i].written > 0);
		g_assert_cmpuint(device->wakes, <=, rows[i].written);
		g_assert_cmpint(device->last_ok, ==, rows[i].waiting > 0 ? NOW + 9 : NOW);
		g_assert_cmpint(device->seen, ==, rows[i].came ? NOW + 5 : NOW);
		g_mutex_unlock(&gate);
		settle_down(&bench);
		expect_wakes(&bench, "P1", rows[i].written, rows[i].came ? NOW + 5 : NOW);
		tear_down(&bench);
		g_mutex_clear(&gate);
	}
}

/* Those that do not come back are forgotten; subscriptions last. */
static void test_unseen(void)
{
	struct bench bench = {0};

	set_up(&bench, 20);
	add_active(&bench, "subscription");
	prefer(&bench, "gone", NOW, -1);
	prefer(&bench, "there", NOW + 1, -1);
	prefer(&bench, "subscription", NOW, STORE_ERROR_REFUSED);
	bench.registry->backend->maintain(bench.registry, NOW + LIMIT_DEVICE_UNSEEN_SECS + 1, 10);
	settle_down(&bench);
	g_assert_cmpstr(state_of(&bench, "subscription"), ==, "active");
	g_assert_cmpstr(state_of(&bench, "gone"), ==, "none");
	g_assert_cmpstr(state_of(&bench, "there"), ==, "active");
	tear_down(&bench);
}

/* Each dialect has its own patience. */
static void test_unseen_tokens(void)
{
	static const struct {
		const char *name;
		enum device_dialect dialect;
		gint64 secs;
	} rows[] = {
		{"apple:a:0123", DIALECT_APPLE, LIMIT_APPLE_UNSEEN_SECS},
		{"delta:0123", DIALECT_DELTAPUSH, LIMIT_DELTA_UNSEEN_SECS},
	};
	struct bench bench = {0};

	set_up(&bench, 20);
	add_active(&bench, "subscription");
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct device like = {.user = (char *)"alice",
				      .device = (char *)rows[i].name,
				      .gateway = (char *)"g",
				      .endpoint = (char *)"token",
				      .dialect = rows[i].dialect,
				      .events = PUSH_EVENT_KINDS_ARRIVAL,
				      .seen = NOW};
		g_autoptr(device_t) device = NULL;

		bench.registry->backend->enrol(bench.registry, &like, NOW, changed, &bench);
		expect(&bench, -1);
		device = find(&bench, rows[i].name);
		g_assert_cmpint(device_expires(device), ==, NOW + rows[i].secs);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		bench.registry->backend->maintain(bench.registry, NOW + rows[i].secs, 10);
		settle_down(&bench);
		g_assert_cmpstr(state_of(&bench, rows[i].name), ==, "active");
		bench.registry->backend->maintain(bench.registry, NOW + rows[i].secs + 1, 10);
		settle_down(&bench);
		g_assert_cmpstr(state_of(&bench, rows[i].name), ==, "none");
	}
	g_assert_cmpstr(state_of(&bench, "subscription"), ==, "active");
	tear_down(&bench);
}

/* --- device.h -------------------------------------------------------------------------------- */

static void test_names(void)
{
	enum device_state state;
	enum device_dialect dialect;
	enum device_msgtype msgtype = MSGTYPE_CHAT;

	for (state = DEVICE_INACTIVE; state <= DEVICE_DEAD; state++) {
		enum device_state back;

		g_assert_true(device_state_parse(device_state_name(state), &back));
		g_assert_cmpint(back, ==, state);
	}
	for (dialect = DIALECT_GOUGEON; dialect <= DIALECT_DELTAPUSH; dialect++) {
		enum device_dialect back;

		g_assert_true(device_dialect_parse(device_dialect_name(dialect), &back));
		g_assert_cmpint(back, ==, dialect);
	}
	g_assert_cmpstr(device_msgtype_name(MSGTYPE_ALL), ==, "all");
	g_assert_true(device_msgtype_parse("mail", &msgtype));
	g_assert_cmpint(msgtype, ==, MSGTYPE_MAIL);
	/* With case (COI 3), and nothing is set by what is unknown. */
	g_assert_false(device_msgtype_parse("Chat", &msgtype));
	g_assert_false(device_msgtype_parse("", &msgtype));
	g_assert_false(device_msgtype_parse(NULL, &msgtype));
	g_assert_cmpint(msgtype, ==, MSGTYPE_MAIL);
	g_assert_null(device_state_name(99));
	device_free(NULL);
}

#define ADD_ROWS(prefix, rows, test)                                                              \
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {                                          \
		g_autofree char *path = g_strdup_printf("/registry/" prefix "/%s", rows[i].name); \
		g_test_add_data_func(path, &rows[i], test);                                       \
	}

/* --- keys, numbers, locks ---------------------------------------------------------- */

static const guint8 key_1[16] = "first key 16 oct", key_2[16] = "second key 16 oc",
		    key_3[16] = "third key 16 oct";

static void provision(struct bench *bench, const char *device, const guint8 *fresh, int code)
{
	bench->registry->backend->provision(bench->registry, "alice", device, "id", fresh, NOW,
					    changed, bench);
	expect(bench, code);
}

static void new_key(struct bench *bench, const char *device, int code)
{
	bench->registry->backend->new_key(bench->registry, "alice", device, key_2, changed, bench);
	expect(bench, code);
}

static void number(struct bench *bench, const char *device, int code)
{
	const struct device like = {.user = (char *)"alice", .device = (char *)device};

	bench->registry->backend->number(bench->registry, &like, changed, bench);
	expect(bench, code);
}

static void lock(struct bench *bench, const char *device, gboolean locked, int code)
{
	bench->registry->backend->lock(bench->registry, "alice", device, locked, changed, bench);
	expect(bench, code);
}

#define EXPECT_KEY(bench, expected) \
	g_assert_cmpmem((bench).result->key, sizeof((bench).result->key), expected, 16)

static void test_keys(void)
{
	struct device subscription = make("alice", "subscription");
	const struct registry_limits limits = {.devices_per_user = 3, .confirm_secs = 77};
	struct registry_key key;
	struct bench bench = {0};

	set_up(&bench, 3);
	subscribe(&bench, &subscription, NOW, -1);
	provision(&bench, "subscription", key_1, STORE_ERROR_REFUSED);
	new_key(&bench, "P1", STORE_ERROR_NOT_FOUND);
	new_key(&bench, "subscription", STORE_ERROR_NOT_FOUND);
	/* Told what there is, but no key: it has none. */
	provision(&bench, "P1", NULL, -1);
	new_key(&bench, "P1", STORE_ERROR_REFUSED);
	number(&bench, "P1", STORE_ERROR_NOT_FOUND);
	provision(&bench, "P1", key_1, -1);
	EXPECT_KEY(bench, key_1);
	provision(&bench, "P1", key_3, -1);
	EXPECT_KEY(bench, key_1);
	number(&bench, "P1", -1);
	g_assert_cmpuint(bench.result->sequence, ==, 1);
	EXPECT_KEY(bench, key_1);
	/* The old one until the new one is fetched. */
	new_key(&bench, "P1", -1);
	number(&bench, "P1", -1);
	g_assert_cmpuint(bench.result->sequence, ==, 2);
	EXPECT_KEY(bench, key_1);
	provision(&bench, "P1", NULL, -1);
	number(&bench, "P1", -1);
	EXPECT_KEY(bench, key_1);
	bench.registry->backend->key(bench.registry, bench.result->id, &key);
	g_assert_true(key.fetched && key.waits && key.sequence == 3);
	provision(&bench, "P1", key_3, -1);
	EXPECT_KEY(bench, key_2);
	number(&bench, "P1", -1);
	EXPECT_KEY(bench, key_2);
	bench.registry->backend->key(bench.registry, bench.result->id, &key);
	g_assert_true(key.fetched && !key.waits);
	/* Another device's are its own; numbers go on after a restart. */
	provision(&bench, "P2", key_3, -1);
	number(&bench, "P2", -1);
	g_assert_cmpuint(bench.result->sequence, ==, 1);
	shut_down(&bench);
	fixture_open(&bench.fixture, 0);
	bench.registry = registry_sqlite_open(bench.fixture.store, &limits, NULL);
	number(&bench, "P1", -1);
	g_assert_cmpuint(bench.result->sequence, ==, 5);
	EXPECT_KEY(bench, key_2);
	tear_down(&bench);
}

static void test_lock(void)
{
	struct device subscription = make("alice", "subscription");
	struct bench bench = {0};

	set_up(&bench, 3);
	subscribe(&bench, &subscription, NOW, -1);
	lock(&bench, "subscription", TRUE, STORE_ERROR_REFUSED);
	lock(&bench, "P1", TRUE, STORE_ERROR_NOT_FOUND);
	prefer(&bench, "P1", NOW, -1);
	provision(&bench, "P1", key_1, -1);
	/* Not locked: nothing to take back. */
	lock(&bench, "P1", FALSE, -1);
	g_assert_cmpint(bench.result->state, ==, DEVICE_ACTIVE);
	expect_locked(&bench, 1, 0);
	lock(&bench, "P1", TRUE, -1);
	g_assert_cmpint(bench.result->state, ==, DEVICE_LOCKED);
	expect_locked(&bench, 0, 1);
	g_assert_null(bench.registry->backend->active(bench.registry, "alice"));
	prefer(&bench, "P1", NOW, STORE_ERROR_REFUSED);
	provision(&bench, "P1", key_1, STORE_ERROR_REFUSED);
	new_key(&bench, "P1", STORE_ERROR_REFUSED);
	subscription.device = (char *)"P1";
	subscribe(&bench, &subscription, NOW, STORE_ERROR_REFUSED);
	/* It is told so, and not forgotten. */
	number(&bench, "P1", -1);
	bench.registry->backend->maintain(bench.registry, NOW + 2 * LIMIT_DEVICE_UNSEEN_SECS, 0);
	lock(&bench, "P1", FALSE, -1);
	g_assert_cmpint(bench.result->state, ==, DEVICE_ACTIVE);
	expect_locked(&bench, 1, 0);
	prefer(&bench, "P1", NOW, -1);
	tear_down(&bench);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/registry/round-trip", test_round_trip);
	ADD_ROWS("change", change_rows, test_change)
	g_test_add_func("/registry/subscribe-again", test_subscribe_again);
	g_test_add_func("/registry/limit", test_limit);
	g_test_add_func("/registry/limit-of-the-rest", test_limit_of_the_rest);
	g_test_add_func("/registry/busy", test_busy);
	ADD_ROWS("confirm", confirm_rows, test_confirm)
	g_test_add_func("/registry/confirm-without-token", test_confirm_without_token);
	g_test_add_func("/registry/confirm-again", test_confirm_again);
	g_test_add_func("/registry/confirm-tries", test_confirm_tries);
	g_test_add_func("/registry/enrol", test_enrol);
	g_test_add_func("/registry/remove", test_remove);
	ADD_ROWS("want", want_rows, test_want)
	g_test_add_func("/registry/want-data-change", test_want_data_change);
	g_test_add_func("/registry/active-and-list", test_active_and_list);
	g_test_add_func("/registry/webhooks", test_webhooks);
	ADD_ROWS("dead", dead_rows, test_dead)
	g_test_add_func("/registry/dead-after-change", test_dead_after_change);
	g_test_add_func("/registry/marks", test_marks);
	g_test_add_data_func("/registry/marks-of-many/maintain", GINT_TO_POINTER(FALSE),
			     test_marks_of_many);
	g_test_add_data_func("/registry/marks-of-many/close", GINT_TO_POINTER(TRUE),
			     test_marks_of_many);
	g_test_add_func("/registry/maintain", test_maintain);
	g_test_add_func("/registry/wakes", test_wakes);
	g_test_add_func("/registry/unseen", test_unseen);
	g_test_add_func("/registry/unseen-tokens", test_unseen_tokens);
	g_test_add_func("/registry/names", test_names);
	g_test_add_func("/registry/keys", test_keys);
	g_test_add_func("/registry/lock", test_lock);
	g_test_add_func("/registry/wakes-while-written", test_wakes_while_written);
	return g_test_run();
}
