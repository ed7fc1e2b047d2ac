/* With libdovecot and its test library, so not TAP: Dovecot's headers and GLib's
 * do not meet in one file. */
#include "lib.h"
#include "array.h"
#include "ioloop.h"
#include "str.h"
#include "test-common.h"

#include "hub-link.h"
#include "limits.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HELLO "VERSION\tfantail-hub\t1\t0"
#define ALICE "WATCH\tuser=alice\tsession=s1"
/* A condition that never comes true ends the test after so long. */
#define PATIENCE_MSECS 60000

static char folder[] = "/tmp/hub-link-XXXXXX";
static char *path;
static struct ioloop *loop;

/* --- a scripted hub ---------------------------------------------------------- */

static struct {
	int listener, fd;
	struct io *io_listen, *io;
	ARRAY(char *) heard; /* lines without LF */
	const char *greeting;
	bool echo; /* READY */
	bool deaf; /* reads nothing */
	unsigned int connections;
	bool closed;
} hub;

static void hub_say(const char *line)
{
	test_assert(send(hub.fd, line, strlen(line), MSG_NOSIGNAL) == (ssize_t)strlen(line));
}

static void hub_hang_up(void)
{
	io_remove(&hub.io);
	i_close_fd(&hub.fd);
}

static void hub_read(void *context ATTR_UNUSED)
{
	static char packet[LIMIT_LINE + 1];
	ssize_t len = recv(hub.fd, packet, sizeof(packet), 0);
	char *line;

	if (len <= 0) {
		hub.closed = TRUE;
		hub_hang_up();
		return;
	}
	test_assert(len <= LIMIT_LINE && packet[len - 1] == '\n');
	line = i_strndup(packet, (size_t)len - 1);
	array_push_back(&hub.heard, &line);
	if (hub.echo && strcmp(line, "READY") == 0)
		hub_say("READY\n");
}

static void hub_accept(void *context ATTR_UNUSED)
{
	hub.fd = accept4(hub.listener, NULL, NULL, SOCK_CLOEXEC);
	hub.connections++;
	hub_say(hub.greeting);
	if (!hub.deaf)
		hub.io = io_add(hub.fd, IO_READ, hub_read, (void *)NULL);
}

static void hub_start(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strcpy(address.sun_path, path);
	hub.listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	test_assert(bind(hub.listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
		    listen(hub.listener, 5) == 0);
	hub.io_listen = io_add(hub.listener, IO_READ, hub_accept, (void *)NULL);
}

static void hub_stop(void)
{
	io_remove(&hub.io_listen);
	i_close_fd(&hub.listener);
	i_unlink_if_exists(path);
	if (hub.fd != -1)
		hub_hang_up();
}

/* Forgets what was heard; the expected lines, blank between them in the message only. */
static void expect_heard(const char *const *lines)
{
	unsigned int i;

	for (i = 0; i < array_count(&hub.heard) && lines[i] != NULL; i++)
		test_assert_strcmp_idx(array_idx_elem(&hub.heard, i), lines[i], i);
	test_assert(lines[i] == NULL && i == array_count(&hub.heard));
	while (array_count(&hub.heard) > 0) {
		char *line = array_idx_elem(&hub.heard, 0);

		i_free(line);
		array_pop_front(&hub.heard);
	}
}
#define EXPECT_HEARD(...) expect_heard((const char *const[]){__VA_ARGS__, NULL})

/* --- the link's owner -------------------------------------------------------- */

static struct {
	struct event *event;
	struct hub_link *link;
	unsigned int looks, losses;
	string_t *woken;
	bool unwatch; /* when woken */
} owner;

static void woken(const struct wake *wake, void *context)
{
	test_assert(context == &owner);
	str_printfa(owner.woken, "%s/%s ", wake->owner, wake->mailbox);
	if (owner.unwatch)
		hub_link_watch(owner.link, NULL, 0);
}

static void look(bool missed ATTR_UNUSED, void *context)
{
	test_assert(context == &owner);
	owner.looks++;
}

static void lost(void *context)
{
	test_assert(context == &owner);
	owner.losses++;
}

static const struct hub_link_callbacks callbacks = {
	.woken = woken,
	.look = look,
	.lost = lost,
};

static const struct hub_rule own = {.owner = "alice", .kinds = WAKE_KINDS_MESSAGE};
#define OWN "RULE\tkinds=MessageNew MessageExpunge FlagChange\towner=alice"

static void begin(const char *name)
{
	test_begin(name);
	i_zero(&hub);
	hub.fd = hub.listener = -1;
	hub.greeting = HELLO "\n";
	hub.echo = TRUE;
	i_array_init(&hub.heard, 16);
	i_zero(&owner);
	owner.woken = str_new(default_pool, 64);
	owner.event = event_create(NULL);
	owner.link = hub_link_new(owner.event, path, "alice", "s1", &callbacks, &owner);
}

static void end(void)
{
	hub_link_free(&owner.link);
	hub_link_free(&owner.link);
	expect_heard((const char *const[]){NULL});
	if (hub.listener != -1)
		hub_stop();
	array_free(&hub.heard);
	event_unref(&owner.event);
	str_free(&owner.woken);
	test_end();
}

static void tick(bool *late)
{
	*late = TRUE;
}

/* Runs both sides until `done` says so. */
static void run(bool (*done)(unsigned int), unsigned int argument)
{
	bool late = FALSE;
	struct timeout *to = timeout_add(PATIENCE_MSECS, tick, &late);

	io_loop_set_running(loop);
	while (!done(argument) && !late)
		io_loop_handler_run(loop);
	test_assert(!late);
	timeout_remove(&to);
}

static bool looked(unsigned int count)
{
	return owner.looks >= count;
}

static bool connected(unsigned int count)
{
	return hub.connections >= count;
}

static bool heard(unsigned int count)
{
	return array_count(&hub.heard) >= count;
}

static bool was_woken(unsigned int bytes)
{
	return str_len(owner.woken) >= bytes;
}

static bool hub_closed(unsigned int unused ATTR_UNUSED)
{
	return hub.closed;
}

/* --- tests ------------------------------------------------------------------- */

static void test_says_and_looks(void)
{
	begin("hub link: says its rules, looks when they are in force");
	hub.echo = FALSE;
	hub_start();
	test_assert(!hub_link_connected(owner.link));
	hub_link_watch(owner.link, &own, 1);
	run(heard, 4);
	EXPECT_HEARD(HELLO, ALICE, OWN, "READY");
	test_assert(owner.looks == 0 && !hub_link_connected(owner.link));
	hub_say("READY\n");
	run(looked, 1);
	test_assert(hub_link_connected(owner.link) && hub_link_complete(owner.link));
	end();
}

static void test_hears(void)
{
	begin("hub link: hears WAKE and LOST, skips what it does not know");
	hub_start();
	hub_link_watch(owner.link, &own, 1);
	run(looked, 1);
	EXPECT_HEARD(HELLO, ALICE, OWN, "READY");
	hub_say("WAKE\tkinds=MessageNew\tuser=bob\towner=alice\tmailbox=a\n");
	hub_say("HUM\t1\n");
	hub_say("WAKE\tkinds=Unknown\tuser=bob\towner=alice\tmailbox=b\n");
	hub_say("READY\n");
	hub_say("WAKE\tkinds=FlagChange\tuser=bob\towner=alice\tmailbox=c\n");
	run(was_woken, strlen("alice/a alice/c "));
	test_assert_strcmp(str_c(owner.woken), "alice/a alice/c ");
	test_assert(owner.looks == 1);
	hub_say("LOST\n");
	run(looked, 2);
	end();
}

static void test_skipped(void)
{
	begin("hub link: knows that the hub does not tell of everything");
	hub.echo = FALSE;
	hub_start();
	hub_link_watch(owner.link, &own, 1);
	run(heard, 4);
	EXPECT_HEARD(HELLO, ALICE, OWN, "READY");
	hub_say("READY\tskipped=1\n");
	run(looked, 1);
	test_assert(hub_link_connected(owner.link) && !hub_link_pending(owner.link));
	test_assert(!hub_link_complete(owner.link));
	/* It would sleep through the rest. */
	test_assert(hub_link_sleep(&owner.link) == -1 && owner.link != NULL);
	/* The next rules may be all right. */
	hub.echo = TRUE;
	hub_link_watch(owner.link, &(struct hub_rule){.owner = "a", .kinds = 1}, 1);
	run(looked, 2);
	EXPECT_HEARD(ALICE, "RULE\tkinds=MessageNew\towner=a", "READY");
	test_assert(hub_link_complete(owner.link));
	end();
}

/* libdovecot's, seen from here: what the link makes of chance. */
static uint32_t draw_limit, draw;

uint32_t i_rand_limit(uint32_t upper_bound)
{
	draw_limit = upper_bound;
	return I_MIN(draw, upper_bound - 1);
}

/* A restarted hub has all sessions come back: they spread over ten seconds. */
static void test_spreads(void)
{
	begin("hub link: spreads what comes back to a restarted hub");
	draw_limit = draw = 0;
	hub_start();
	hub_link_watch(owner.link, &own, 1);
	run(looked, 1);
	test_assert(draw_limit == 0); /* the first one is not kept waiting */
	hub_stop();
	hub_start();
	run(looked, 2);
	test_assert(draw_limit == 9001); /* 1000 to 10000 ms; we drew the least */
	EXPECT_HEARD(HELLO, ALICE, OWN, "READY", HELLO, ALICE, OWN, "READY");
	end();
}

static void test_rules(void)
{
	static const char *const names[] = {"INBOX", "a\tb"};
	static const char *const ids[] = {"00112233445566778899aabbccddeeff"};
	const struct hub_rule all[] = {
		{.owner = "", .kinds = WAKE_KIND_BIT(WAKE_ACL)},
		{.owner = "bob",
		 .kinds = WAKE_KIND_BIT(WAKE_ACL),
		 .mailboxes = names,
		 .mailbox_count = 2,
		 .mailbox_ids = ids,
		 .mailbox_id_count = 1},
		{.kinds = WAKE_KIND_BIT(WAKE_ACL), .mailbox_ids = ids, .mailbox_id_count = 1},
		{.owner = "bob",
		 .kinds = WAKE_KIND_BIT(WAKE_ACL),
		 .mailbox_ids = ids,
		 .mailbox_id_count = 1},
		{.owner = "bob",
		 .kinds = WAKE_KIND_BIT(WAKE_ACL),
		 .subtrees = names,
		 .subtree_count = 2},
	};

	begin("hub link: forms of rules");
	hub_start();
	hub_link_watch(owner.link, all, N_ELEMENTS(all));
	run(looked, 1);
	EXPECT_HEARD(HELLO, ALICE, "RULE\tkinds=ACL\towner=",
		     "RULE\tkinds=ACL\towner=bob\tmailbox=INBOX\tmailbox=a\001tb",
		     "RULE\tkinds=ACL\tmailboxid=00112233445566778899aabbccddeeff",
		     "RULE\tkinds=ACL\tmailboxid=00112233445566778899aabbccddeeff",
		     /* Its owner would make it one about all of bob's. */
		     "RULE\tkinds=ACL\tmailboxid=00112233445566778899aabbccddeeff",
		     "RULE\tkinds=ACL\towner=bob\tsubtree=INBOX\tsubtree=a\001tb", "READY");
	end();
}

static void test_change_of_rules(void)
{
	static const struct hub_rule other = {.owner = "alice",
					      .kinds = WAKE_KIND_BIT(WAKE_MESSAGE_NEW)};

	begin("hub link: the same rules are said once, others at once");
	hub_start();
	hub_link_watch(owner.link, &own, 1);
	hub_link_watch(owner.link, &own, 1);
	run(looked, 1);
	hub_link_watch(owner.link, &own, 1);
	hub_link_watch(owner.link, &other, 1);
	test_assert(!hub_link_connected(owner.link));
	/* The first READY of these two does not count. */
	hub_link_watch(owner.link, &own, 1);
	run(looked, 2);
	EXPECT_HEARD(HELLO, ALICE, OWN, "READY", ALICE, "RULE\tkinds=MessageNew\towner=alice",
		     "READY", ALICE, OWN, "READY");
	test_assert(owner.looks == 2 && hub.connections == 1);
	end();
}

static void test_no_rules(void)
{
	begin("hub link: no rules, no connection");
	hub_start();
	hub_link_watch(owner.link, NULL, 0);
	hub_link_watch(owner.link, &own, 1);
	run(looked, 1);
	hub_link_watch(owner.link, NULL, 0);
	run(hub_closed, 0);
	hub_link_watch(owner.link, &own, 1);
	run(looked, 2);
	EXPECT_HEARD(HELLO, ALICE, OWN, "READY", HELLO, ALICE, OWN, "READY");
	test_assert(hub.connections == 2 && owner.losses == 0);

	/* From a callback, too; what else has come is not heard. */
	owner.unwatch = TRUE;
	hub.closed = FALSE;
	hub_say("WAKE\tkinds=MessageNew\tuser=bob\towner=alice\tmailbox=a\n");
	hub_say("WAKE\tkinds=MessageNew\tuser=bob\towner=alice\tmailbox=b\n");
	run(hub_closed, 0);
	test_assert_strcmp(str_c(owner.woken), "alice/a ");
	end();
}

static void test_comes_back(void)
{
	begin("hub link: comes back by itself");
	hub_link_watch(owner.link, &own, 1); /* nobody is there yet */
	hub_start();
	run(looked, 1);
	test_assert(hub.connections == 1);
	/* Not yet: one that was not there cannot get lost. */
	test_assert(owner.losses == 0);
	EXPECT_HEARD(HELLO, ALICE, OWN, "READY");
	hub_stop();
	hub_start();
	run(looked, 2);
	test_assert(hub.connections == 2 && owner.losses == 1);
	EXPECT_HEARD(HELLO, ALICE, OWN, "READY");
	end();
}

static void test_not_our_hub(void)
{
	static const char *const greetings[] = {
		"VERSION\tfantail-hub\t2\t0\n",
		"VERSION\tfantail\t1\t0\n",
		"VERSION\n",
		"READY\n",
		"\001\n",
		"no line",
	};

	begin("hub link: leaves who does not speak its language, and says so once");
	hub.echo = FALSE;
	test_expect_error_string("does not speak version 1");
	for (unsigned int i = 0; i < N_ELEMENTS(greetings); i++) {
		hub.closed = FALSE;
		hub.greeting = greetings[i];
		hub_start();
		hub_link_watch(owner.link, &own, 1);
		run(hub_closed, 0);
		hub_stop();
		test_assert_idx(owner.looks == 0, i);
		hub_link_free(&owner.link);
		owner.link = hub_link_new(owner.event, path, "alice", "s1", &callbacks, &owner);
		EXPECT_HEARD(HELLO, ALICE, OWN, "READY");
	}
	test_expect_no_more_errors();
	end();
}

#define MANY 2000
static void test_many_mailboxes(void)
{
	static char names[MANY][200];
	static const char *pointers[MANY];
	struct hub_rule rule = own;
	struct tabline_field fields[LIMIT_LINE_FIELDS];
	unsigned int named = 0;
	size_t count;

	begin("hub link: many names, and a hub that is slow to read");
	for (unsigned int i = 0; i < MANY; i++) {
		memset(names[i], 'x', sizeof(names[i]));
		i_snprintf(names[i] + 190, 10, "%u", i);
		pointers[i] = names[i];
	}
	rule.mailboxes = pointers;
	rule.mailbox_count = MANY;
	hub.deaf = TRUE;
	hub_start();
	hub_link_watch(owner.link, &rule, 1);
	run(connected, 1);
	hub.io = io_add(hub.fd, IO_READ, hub_read, (void *)NULL);
	run(looked, 1);
	test_assert(hub.connections == 1);
	for (unsigned int i = 2; i + 1 < array_count(&hub.heard); i++) {
		char *line = array_idx_elem(&hub.heard, i);

		test_assert_idx(tabline_split(line, strlen(line), fields, N_ELEMENTS(fields),
					      &count) == TABLINE_OK,
				i);
		test_assert_idx(tabline_get(fields, count, "owner") != NULL, i);
		for (size_t field = 3; field < count && named < MANY; field++)
			test_assert_strcmp(fields[field].value, names[named++]);
	}
	test_assert(named == MANY);
	while (array_count(&hub.heard) > 0) {
		char *line = array_idx_elem(&hub.heard, 0);

		i_free(line);
		array_pop_front(&hub.heard);
	}
	end();
}

static void test_sleep(void)
{
	static const char wake[] = "WAKE\tkinds=MessageNew\tuser=bob\towner=alice\tmailbox=a\n";
	char packet[128];
	int fd;

	begin("hub link: gives up its connection for sleep");
	test_assert(hub_link_sleep(&owner.link) == -1 && owner.link != NULL);
	hub_start();
	hub_link_watch(owner.link, &own, 1);
	test_assert(hub_link_sleep(&owner.link) == -1 && owner.link != NULL);
	run(looked, 1);
	fd = hub_link_sleep(&owner.link);
	test_assert(fd != -1 && owner.link == NULL);
	run(heard, 5);
	EXPECT_HEARD(HELLO, ALICE, OWN, "READY", "SLEEP");
	test_assert(recv(fd, packet, sizeof(packet), MSG_DONTWAIT) == -1 && errno == EAGAIN);
	hub_say(wake);
	test_assert(recv(fd, packet, sizeof(packet), MSG_DONTWAIT) == (ssize_t)strlen(wake));
	i_close_fd(&fd);
	run(hub_closed, 0);
	end();
}

int main(void)
{
	static void (*const tests[])(void) = {
		test_says_and_looks, test_hears,           test_skipped,  test_spreads,
		test_rules,          test_change_of_rules, test_no_rules, test_comes_back,
		test_not_our_hub,    test_many_mailboxes,  test_sleep,    NULL,
	};
	int status;

	lib_init();
	if (mkdtemp(folder) == NULL)
		return 1;
	path = i_strconcat(folder, "/hub.sock", NULL);
	loop = io_loop_create();
	status = test_run(tests);
	io_loop_destroy(&loop);
	i_free(path);
	(void)rmdir(folder);
	return status;
}
