#include "limits.h"
#include "router.h"
#include "wake-state.h"

#include <string.h>

#define KIND(kind) PUSH_EVENT_KIND_BIT(PUSH_EVENT_##kind)
#define NOW G_GINT64_CONSTANT(1700000000000000)

static const struct router_settings settings = {
	.arrival_delay_us = 1000,
	.state_delay_us = 30000000,
	.apple_delay_us = 7000000,
	.arrival_ttl_us = 86400000000,
	.state_ttl_us = 3600000000,
};

/* --- whose ------------------------------------------------------------------- */

static const struct {
	const char *user, *owner, *target;
} target_rows[] = {
	{"alice", NULL, "alice"},
	{"alice", "alice", "alice"},
	{"alice", "bob", "bob"},
	{"alice", "", NULL},
};

static void test_target(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(target_rows); i++) {
		struct push_event event = {.user = target_rows[i].user,
					   .owner = target_rows[i].owner};

		g_assert_cmpstr(router_target(&event), ==, target_rows[i].target);
	}
}

/* --- filters ------------------------------------------------------------------ */

static const struct filter_row {
	const char *name;
	/* device */
	push_event_kinds events;
	const char *mailboxes; /* blank between; NULL = all */
	enum device_msgtype msgtype;
	/* event */
	enum push_event_kind kind;
	const char *mailbox, *old_mailbox;
	const char *from, *keywords;
	gboolean wanted;
} filter_rows[] = {
#define NEW KIND(MESSAGE_NEW), NULL, MSGTYPE_ALL
#define ALL PUSH_EVENT_KINDS_ALL
	{"kind wanted", NEW, PUSH_EVENT_MESSAGE_NEW, "INBOX", NULL, NULL, NULL, TRUE},
	{"kind not wanted", NEW, PUSH_EVENT_MESSAGE_READ, "INBOX", NULL, NULL, NULL, FALSE},
	{"no kinds", 0, NULL, MSGTYPE_ALL, PUSH_EVENT_MESSAGE_NEW, "INBOX", NULL, NULL, NULL,
	 FALSE},
#define BOX(pattern, mailbox, wanted)                                                          \
	{                                                                                      \
		"'" pattern "' and " mailbox, ALL, pattern, MSGTYPE_ALL, PUSH_EVENT_FLAGS_SET, \
			mailbox, NULL, NULL, NULL, wanted                                      \
	}
	BOX("Work", "Work", TRUE),
	BOX("Work", "work", FALSE),
	BOX("Work", "Work2", FALSE),
	BOX("Work2", "Work", FALSE),
	BOX("Work", "Work/x", FALSE),
	BOX("Work*", "Work", TRUE),
	BOX("Work*", "Workshop", TRUE),
	BOX("Work/*", "Work/a/b", TRUE),
	BOX("Work/*", "Work", FALSE),
	BOX("Work/*", "Other/Work/", FALSE),
	BOX("*", "anything", TRUE),
	BOX("a*b", "axb", FALSE),
	BOX("a*b", "a*b", TRUE),
	BOX("INBOX", "INBOX", TRUE),
	BOX("inbox", "INBOX", TRUE),
	BOX("INBOX", "Inbox", TRUE),
	BOX("INBOX", "INBOX2", FALSE),
	BOX("INBOX", "INBOX/sub", FALSE),
	BOX("inbox/*", "INBOX/sub", TRUE),
	BOX("inbox*", "INBOX", TRUE),
	BOX("inbox.sub", "INBOX.sub", TRUE),
	BOX("inbox.sub", "INBOX.Sub", FALSE),
	BOX("INBOX*", "INBOXES", TRUE),
	BOX("INB", "INBOX", FALSE),
	BOX("One Two Three", "Two", TRUE),
	BOX("One Two Three", "Four", FALSE),
	{"rename to a wanted name", ALL, "Work", MSGTYPE_ALL, PUSH_EVENT_MAILBOX_RENAME, "Work",
	 "Old", NULL, NULL, TRUE},
	{"rename from a wanted name", ALL, "Work", MSGTYPE_ALL, PUSH_EVENT_MAILBOX_RENAME, "Gone",
	 "Work", NULL, NULL, TRUE},
	{"rename of others", ALL, "Work", MSGTYPE_ALL, PUSH_EVENT_MAILBOX_RENAME, "A", "B", NULL,
	 NULL, FALSE},
	{"rename without a former name", ALL, "Work", MSGTYPE_ALL, PUSH_EVENT_MAILBOX_RENAME, "A",
	 NULL, NULL, NULL, FALSE},
	{"former name counts for a rename only", ALL, "Work", MSGTYPE_ALL,
	 PUSH_EVENT_MAILBOX_CREATE, "A", "Work", NULL, NULL, FALSE},
#define TYPE(name, type, keywords, wanted)                                                     \
	{                                                                                      \
		name, ALL, NULL, type, PUSH_EVENT_MESSAGE_NEW, "INBOX", NULL, "a@b", keywords, \
			wanted                                                                 \
	}
	TYPE("chat wants chat", MSGTYPE_CHAT, "$Chat", TRUE),
	TYPE("chat in any case, among others", MSGTYPE_CHAT, "$Junk $CHAT x", TRUE),
	TYPE("chat does not want mail", MSGTYPE_CHAT, NULL, FALSE),
	TYPE("chat is no part of a word", MSGTYPE_CHAT, "$Chatty x$Chat", FALSE),
	TYPE("mail wants mail", MSGTYPE_MAIL, "$Junk", TRUE),
	TYPE("mail without keywords", MSGTYPE_MAIL, NULL, TRUE),
	TYPE("mail does not want chat", MSGTYPE_MAIL, "$Chat", FALSE),
	TYPE("all wants chat", MSGTYPE_ALL, "$Chat", TRUE),
	TYPE("all wants mail", MSGTYPE_ALL, NULL, TRUE),
	{"chat, a hint that cannot tell", ALL, NULL, MSGTYPE_CHAT, PUSH_EVENT_MESSAGE_NEW, "INBOX",
	 NULL, NULL, NULL, TRUE},
	{"mail, a hint that cannot tell", ALL, NULL, MSGTYPE_MAIL, PUSH_EVENT_MESSAGE_NEW, "INBOX",
	 NULL, NULL, NULL, TRUE},
	{"chat, a change of state", ALL, NULL, MSGTYPE_CHAT, PUSH_EVENT_MESSAGE_READ, "INBOX", NULL,
	 NULL, NULL, TRUE},
};

static void test_filter(gconstpointer data)
{
	const struct filter_row *row = data;
	g_auto(GStrv) mailboxes =
		row->mailboxes != NULL ? g_strsplit(row->mailboxes, " ", -1) : NULL;
	struct device device = {
		.id = 1, .events = row->events, .mailboxes = mailboxes, .msgtype = row->msgtype};
	struct push_event event = {.kind = row->kind,
				   .time_us = NOW,
				   .user = "alice",
				   .mailbox = row->mailbox,
				   .old_mailbox = row->old_mailbox,
				   .from_address = row->from,
				   .keywords = row->keywords};
	g_autoptr(router_out_t) out = router_out_new();

	g_assert_cmpint(router_wants(&device, &event), ==, row->wanted);
	router_route(&settings, &device, "lane", "alice", &event, NOW, out);
	g_assert_cmpuint(out->list->len, ==, row->wanted);
}

/* --- a guest's name and the owner's --------------------------------------------- */

static const struct {
	const char *name;
	const char *user, *owner;
	const char *mailbox, *old_mailbox, *owner_mailbox, *old_owner_mailbox;
	const char *filter;
	gboolean wanted;
	const char *told, *told_old; /* in the push */
} owner_rows[] = {
	{"owner's name", "ann", "bob", "shared/bob/Project", NULL, "Project", NULL, "Project", TRUE,
	 "Project", NULL},
	{"not the guest's", "ann", "bob", "shared/bob/Project", NULL, "Project", NULL, "shared/*",
	 FALSE, NULL, NULL},
	{"rename", "ann", "bob", "shared/bob/B", "shared/bob/A", "B", "A", "A", TRUE, "B", "A"},
	{"rename from where the owner has no name", "ann", "bob", "shared/bob/B", "A", "B", NULL,
	 "A", FALSE, NULL, NULL},
	{"the same, another filter", "ann", "bob", "shared/bob/B", "A", "B", NULL, "B", TRUE, "B",
	 NULL},
	{"from a plugin that does not tell", "ann", "bob", "shared/bob/B", "shared/bob/A", NULL,
	 NULL, "shared/*", TRUE, "shared/bob/B", "shared/bob/A"},
	{"one's own", "bob", NULL, "B", "A", "X", "Y", "B", TRUE, "B", "A"},
	{"one's own, said so", "bob", "bob", "B", "A", "X", "Y", "A", TRUE, "B", "A"},
	{"public", "bob", "", "Public/B", "Public/A", "X", "Y", "Public/B", TRUE, "Public/B",
	 "Public/A"},
};

static void test_owner_name(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(owner_rows); i++) {
		g_auto(GStrv) mailboxes = g_strsplit(owner_rows[i].filter, " ", -1);
		struct device device = {.id = 1, .events = ALL, .mailboxes = mailboxes};
		struct push_event back,
			event = {
				.kind = PUSH_EVENT_MAILBOX_RENAME,
				.time_us = NOW,
				.user = owner_rows[i].user,
				.owner = owner_rows[i].owner,
				.mailbox = owner_rows[i].mailbox,
				.old_mailbox = owner_rows[i].old_mailbox,
				.owner_mailbox = owner_rows[i].owner_mailbox,
				.old_owner_mailbox = owner_rows[i].old_owner_mailbox,
			};
		g_autoptr(router_out_t) out = router_out_new();
		const struct notification *notification;
		g_autofree char *line = NULL, *key = NULL;

		g_test_message("%s", owner_rows[i].name);
		g_assert_cmpint(router_wants(&device, &event), ==, owner_rows[i].wanted);
		router_route(&settings, &device, "lane", "bob", &event, NOW, out);
		g_assert_cmpuint(out->list->len, ==, owner_rows[i].wanted);
		if (!owner_rows[i].wanted)
			continue;
		notification = g_ptr_array_index(out->list, 0);
		key = g_strconcat("state:", owner_rows[i].told, NULL);
		g_assert_cmpstr(notification->key, ==, key);
		line = g_strdup(notification->event);
		g_assert_cmpint(push_event_decode(line, strlen(line), &back), ==, PUSH_EVENT_OK);
		g_assert_cmpstr(back.mailbox, ==, owner_rows[i].told);
		g_assert_cmpstr(back.old_mailbox, ==, owner_rows[i].told_old);
		g_assert_null(back.owner_mailbox);
		g_assert_null(back.old_owner_mailbox);
	}
}

/* --- notifications --------------------------------------------------------------- */

static void test_fields(void)
{
	struct device device = {.id = 9, .events = ALL};
	struct push_event event = {.kind = PUSH_EVENT_MESSAGE_NEW,
				   .time_us = NOW - 5000,
				   .user = "alice",
				   .mailbox = "INBOX",
				   .messages = 3};
	g_autoptr(router_out_t) out = router_out_new();
	const struct notification *notification;

	router_route(&settings, &device, "webpush https://a:443", "bob", &event, NOW, out);
	notification = g_ptr_array_index(out->list, 0);
	g_assert_cmpint(notification->id, ==, 0);
	g_assert_cmpint(notification->device, ==, 9);
	g_assert_cmpstr(notification->user, ==, "bob");
	g_assert_cmpstr(notification->key, ==, "mail:INBOX");
	g_assert_cmpstr(notification->lane, ==, "webpush https://a:443");
	g_assert_cmpuint(notification->kinds, ==, KIND(MESSAGE_NEW));
	g_assert_cmpuint(notification->messages, ==, 3);
	g_assert_cmpint(notification->first_us, ==, NOW - 5000);
	g_assert_cmpint(notification->due_us, ==, NOW + settings.arrival_delay_us);
	g_assert_cmpint(notification->expires_us, ==, NOW - 5000 + settings.arrival_ttl_us);
	g_assert_cmpuint(notification->attempts, ==, 0);

	/* A state is another notification, later and for a shorter time. */
	event.kind = PUSH_EVENT_MESSAGE_READ;
	router_route(&settings, &device, "l", "bob", &event, NOW, out);
	g_assert_cmpuint(out->list->len, ==, 2);
	notification = g_ptr_array_index(out->list, 1);
	g_assert_cmpstr(notification->key, ==, "state:INBOX");
	g_assert_cmpint(notification->due_us, ==, NOW + settings.state_delay_us);
	g_assert_cmpint(notification->expires_us, ==, NOW - 5000 + settings.state_ttl_us);

	/* A rename is a state of the new name. */
	event.kind = PUSH_EVENT_MAILBOX_RENAME;
	event.mailbox = "New";
	event.old_mailbox = "Old";
	router_route(&settings, &device, "l", "bob", &event, NOW, out);
	notification = g_ptr_array_index(out->list, 2);
	g_assert_cmpstr(notification->key, ==, "state:New");
}

/* --- DataChange ----------------------------------------------------------------- */

static const struct {
	const char *name, *device, *gateway;
	push_event_kinds events;
	const char *mailboxes; /* NULL = all */
	gboolean wanted;
} data_change_rows[] = {
	{"its device", "IMEI:1", "webpush", KIND(DATA_CHANGE), NULL, TRUE},
	{"no filter of mailboxes applies", "IMEI:1", "webpush", ALL, "Work", TRUE},
	{"another device", "IMEI:10", "webpush", ALL, NULL, FALSE},
	{"in another case", "imei:1", "webpush", ALL, NULL, FALSE},
	{"one that did not ask", "IMEI:1", "webpush", PUSH_EVENT_KINDS_MAIL, NULL, FALSE},
	{"webhook", "hook", "webhook", KIND(DATA_CHANGE), NULL, TRUE},
	{"webhook of mailboxes", "hook", "webhook", KIND(DATA_CHANGE), "Work", TRUE},
	{"webhook that did not ask", "hook", "webhook", PUSH_EVENT_KINDS_MAIL, NULL, FALSE},
};

static void test_data_change(void)
{
	struct push_event event = {.kind = PUSH_EVENT_DATA_CHANGE,
				   .time_us = NOW - 5000,
				   .user = "alice",
				   .device = "IMEI:1",
				   .databases = "contacts",
				   .package = "AAAA",
				   .package_type = PUSH_EVENT_PACKAGE_SAN};

	for (gsize i = 0; i < G_N_ELEMENTS(data_change_rows); i++) {
		g_auto(GStrv) mailboxes = g_strsplit(
			data_change_rows[i].mailboxes != NULL ? data_change_rows[i].mailboxes : "",
			" ", -1);
		struct device device = {.id = 9,
					.device = (char *)data_change_rows[i].device,
					.gateway = (char *)data_change_rows[i].gateway,
					.events = data_change_rows[i].events,
					.mailboxes = mailboxes};
		g_autoptr(router_out_t) out = router_out_new();
		const struct notification *notification;

		g_test_message("%s", data_change_rows[i].name);
		event.package = "AAAA";
		event.databases = "contacts";
		g_assert_cmpint(router_wants(&device, &event), ==, data_change_rows[i].wanted);
		router_route(&settings, &device, "lane", "alice", &event, NOW, out);
		g_assert_cmpuint(out->list->len, ==, data_change_rows[i].wanted);
		if (!data_change_rows[i].wanted)
			continue;
		notification = g_ptr_array_index(out->list, 0);
		g_assert_cmpstr(notification->key, ==, "sync:IMEI:1");
		g_assert_false(notification_is_arrival(notification));
		g_assert_cmpint(notification->due_us, ==, NOW + settings.state_delay_us);
		g_assert_cmpint(notification->expires_us, ==,
				NOW - 5000 + LIMIT_SYNC_ALERT_SECS * (gint64)G_USEC_PER_SEC);
		/* The newest takes the place of what waits. */
		event.package = "BBBB";
		event.databases = "contacts calendar";
		router_route(&settings, &device, "lane", "alice", &event, NOW, out);
		g_assert_cmpuint(out->list->len, ==, 1);
		g_assert_nonnull(strstr(notification->event, "\tpackage=BBBB"));
		g_assert_nonnull(strstr(notification->event, "\tdatabases=contacts calendar"));
	}
}

/* However long an operator has changes of state wait and live. */
static void test_data_change_times(void)
{
	static const struct {
		gint64 delay_secs, ttl_secs, due_secs, expires_secs;
	} rows[] = {
		{30, 3600, 30, 3600},
		{30, 86400, 30, 3600},
		{30, 600, 30, 600},
		{3600, 86400, 1800, 3600},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct router_settings late = {.state_delay_us =
						       rows[i].delay_secs * G_USEC_PER_SEC,
					       .state_ttl_us = rows[i].ttl_secs * G_USEC_PER_SEC};
		struct device device = {.id = 9,
					.device = (char *)"d",
					.gateway = (char *)"webpush",
					.events = KIND(DATA_CHANGE)};
		struct push_event event = {.kind = PUSH_EVENT_DATA_CHANGE,
					   .time_us = NOW,
					   .user = "alice",
					   .device = "d",
					   .databases = "contacts",
					   .package = "AAAA",
					   .package_type = PUSH_EVENT_PACKAGE_SAN};
		g_autoptr(router_out_t) out = router_out_new();
		const struct notification *notification;

		router_route(&late, &device, "lane", "alice", &event, NOW, out);
		notification = g_ptr_array_index(out->list, 0);
		g_assert_cmpint(notification->due_us, ==, NOW + rows[i].due_secs * G_USEC_PER_SEC);
		g_assert_cmpint(notification->expires_us, ==,
				NOW + rows[i].expires_secs * G_USEC_PER_SEC);
	}
}

static void test_fold(void)
{
	struct device device = {.id = 9, .events = ALL}, other = {.id = 10, .events = ALL};
	struct push_event event = {.kind = PUSH_EVENT_MESSAGE_NEW,
				   .time_us = NOW - 9,
				   .user = "alice",
				   .mailbox = "INBOX",
				   .uidvalidity = 1,
				   .uids = "1",
				   .messages = 1};
	g_autoptr(router_out_t) out = router_out_new();
	const struct notification *notification;

	router_route(&settings, &device, "l", "alice", &event, NOW, out);
	event.uids = "2";
	event.time_us = NOW - 5;
	router_route(&settings, &device, "l", "alice", &event, NOW, out);
	g_assert_cmpuint(out->list->len, ==, 1);
	notification = g_ptr_array_index(out->list, 0);
	g_assert_cmpuint(notification->messages, ==, 2);
	g_assert_cmpint(notification->first_us, ==, NOW - 9);
	g_assert_nonnull(strstr(notification->event, "\tuids=1:2"));

	/* Another device, mailbox, or user (webhooks) is another notification. */
	router_route(&settings, &other, "l", "alice", &event, NOW, out);
	router_route(&settings, &device, "l", "bob", &event, NOW, out);
	event.mailbox = "Other";
	router_route(&settings, &device, "l", "alice", &event, NOW, out);
	g_assert_cmpuint(out->list->len, ==, 4);
}

/* As many as there can be, and each finds its own. */
static void test_fold_many(void)
{
	struct device devices[3] = {{.id = 1, .events = ALL},
				    {.id = 2, .events = ALL},
				    {.id = G_GINT64_CONSTANT(1) << 32, .events = ALL}};
	g_autoptr(router_out_t) out = router_out_new();

	for (guint i = 0; i < 2 * LIMIT_BATCH_EVENTS; i++) {
		g_autofree char *mailbox = g_strdup_printf("M%u", i % LIMIT_BATCH_EVENTS);
		struct push_event event = {.kind = PUSH_EVENT_MESSAGE_NEW,
					   .time_us = NOW,
					   .user = "alice",
					   .mailbox = mailbox,
					   .messages = 1};

		for (gsize j = 0; j < G_N_ELEMENTS(devices); j++)
			router_route(&settings, &devices[j], "l", "alice", &event, NOW, out);
	}
	g_assert_cmpuint(out->list->len, ==, LIMIT_BATCH_EVENTS * G_N_ELEMENTS(devices));
	for (guint i = 0; i < out->list->len; i++) {
		const struct notification *notification = g_ptr_array_index(out->list, i);
		g_autofree char *key =
			g_strdup_printf("mail:M%u", i / (guint)G_N_ELEMENTS(devices));

		g_assert_cmpstr(notification->key, ==, key);
		g_assert_cmpint(notification->device, ==, devices[i % 3].id);
		g_assert_cmpuint(notification->messages, ==, 2);
	}
}

static void test_content(void)
{
	static const char *const words[] = {"from-name",  "from-address", "subject", "date",
					    "message-id", "keywords",     "preview"};
	struct push_event event = {.kind = PUSH_EVENT_MESSAGE_NEW,
				   .time_us = NOW,
				   .user = "alice",
				   .mailbox = "INBOX",
				   .uids = "1",
				   .session = "s",
				   .from_name = "A",
				   .from_address = "a@b",
				   .subject = "x",
				   .date = "d",
				   .message_id = "m",
				   .keywords = "k",
				   .preview = "p"};

	for (gboolean content = FALSE; content <= TRUE; content++) {
		struct device device = {.id = 9, .events = ALL, .content = content};
		g_autoptr(router_out_t) out = router_out_new();
		const struct notification *notification;

		router_route(&settings, &device, "l", "alice", &event, NOW, out);
		notification = g_ptr_array_index(out->list, 0);
		for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
			g_autofree char *field = g_strdup_printf("\t%s=", words[i]);

			g_test_message("%s, content %d", words[i], content);
			g_assert_cmpint(strstr(notification->event, field) != NULL, ==, content);
		}
		g_assert_nonnull(strstr(notification->event, "\tuids=1"));
		g_assert_true(g_str_has_prefix(notification->event, "EVENT\tname=MessageNew\t"));
		g_assert_null(strchr(notification->event, '\n'));
	}
	/* The event itself is as it was. */
	g_assert_cmpstr(event.subject, ==, "x");
}

/* A peer's clock in the future, and one that overflows. */
static void test_clock(void)
{
	static const guint64 times[] = {NOW + 1, NOW + 86400000000, G_MAXINT64, G_MAXUINT64};

	for (gsize i = 0; i < G_N_ELEMENTS(times); i++) {
		struct device device = {.id = 9, .events = ALL};
		struct push_event event = {.kind = PUSH_EVENT_MESSAGE_NEW,
					   .time_us = times[i],
					   .user = "alice",
					   .mailbox = "INBOX"};
		g_autoptr(router_out_t) out = router_out_new();
		const struct notification *notification;

		router_route(&settings, &device, "l", "alice", &event, NOW, out);
		notification = g_ptr_array_index(out->list, 0);
		g_assert_cmpint(notification->first_us, ==, NOW);
		g_assert_cmpint(notification->expires_us, ==, NOW + settings.arrival_ttl_us);
	}
}

/* An event that fits into a line only without its lists is told all the same. */
static void test_too_long(void)
{
	g_autofree char *flags = g_strnfill(LIMIT_LINE - 100, 'f');
	g_autofree char *mailbox = g_strnfill(LIMIT_MAILBOX, '\t');
	g_autofree char *user = g_strnfill(LIMIT_USER, '\t');
	struct device device = {.id = 9, .events = ALL, .content = TRUE};
	struct push_event event = {.kind = PUSH_EVENT_MAILBOX_RENAME,
				   .time_us = NOW,
				   .user = user,
				   .owner = user,
				   .mailbox = mailbox,
				   .old_mailbox = mailbox,
				   .flags = flags};
	g_autoptr(router_out_t) out = router_out_new();
	const struct notification *notification;
	g_autofree char *line = NULL;
	struct push_event back;

	router_route(&settings, &device, "l", user, &event, NOW, out);
	g_assert_cmpuint(out->list->len, ==, 1);
	notification = g_ptr_array_index(out->list, 0);
	line = g_strdup(notification->event);
	g_assert_cmpint(push_event_decode(line, strlen(line), &back), ==, PUSH_EVENT_OK);
	g_assert_cmpstr(back.mailbox, ==, mailbox);
	g_assert_null(back.flags);
}

/* --- Push-IMAP -------------------------------------------------------------------- */

#define HOUR 3600
#define NOW_SECS (NOW / G_USEC_PER_SEC)

static const struct wake_row {
	const char *name;
	const char *attached, *filters;
	gboolean listening;
	guint wakes;
	gint64 ago; /* s since the last one */
	gboolean wakes_up;
} wake_rows[] = {
	{"no filter", NULL, "JOHN", FALSE, 0, 0, FALSE},
	{"no filter, not judged", NULL, NULL, FALSE, 0, 0, FALSE},
	{"matched", "JOHN", "JOHN", FALSE, 0, 0, TRUE},
	{"matched among others, in any case", "john", "x JOHN y", FALSE, 0, 0, TRUE},
	{"matched others", "JOHN", "JOHNNY x", FALSE, 0, 0, FALSE},
	{"matched none", "JOHN", "", FALSE, 0, 0, FALSE},
	{"not judged", "JOHN", NULL, FALSE, 0, 0, TRUE},
	{"all", "ALL", "", FALSE, 0, 0, TRUE},
	{"all, in small letters", "all", "JOHN", FALSE, 0, 0, TRUE},
	{"listens", "ALL", NULL, TRUE, 0, 0, FALSE},
	{"one outstanding", "ALL", NULL, FALSE, 1, HOUR - 1, FALSE},
	{"an hour ago", "ALL", NULL, FALSE, 1, HOUR, TRUE},
	{"two outstanding", "ALL", NULL, FALSE, 2, 4 * HOUR - 1, FALSE},
	{"four hours ago", "ALL", NULL, FALSE, 2, 4 * HOUR, TRUE},
	{"three outstanding", "ALL", NULL, FALSE, 3, 24 * HOUR - 1, FALSE},
	{"a day ago", "ALL", NULL, FALSE, 3, 24 * HOUR, TRUE},
	{"many, a day ago", "ALL", NULL, FALSE, 4000000000U, 24 * HOUR, TRUE},
	{"many, less", "ALL", NULL, FALSE, 4000000000U, 24 * HOUR - 1, FALSE},
	{"a clock that was set back", "ALL", NULL, FALSE, 1, -HOUR, FALSE},
};

/* One with a message in it is not held, until there are too many. */
static void test_wake_extended(void)
{
	static const struct {
		guint wakes;
		gint64 ago;
		gboolean wakes_up;
	} rows[] = {
		{0, 0, TRUE},
		{LIMIT_EXTENDED_UNANSWERED - 1, 0, TRUE},
		{LIMIT_EXTENDED_UNANSWERED, HOUR - 1, FALSE},
		{LIMIT_EXTENDED_UNANSWERED, HOUR, TRUE},
		{LIMIT_EXTENDED_UNANSWERED + 1, 4 * HOUR - 1, FALSE},
	};
	struct router_standing standing = {.filter = "ALL"};
	struct push_event event = {.kind = PUSH_EVENT_MESSAGE_NEW, .mailbox = "INBOX"};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct device device = {.dialect = DIALECT_EXTENDED,
					.wakes = rows[i].wakes,
					.last_ok = NOW_SECS - rows[i].ago};

		g_test_message("%u", rows[i].wakes);
		g_assert_cmpint(router_wakes(&device, &standing, &event, NOW), ==,
				rows[i].wakes_up);
	}
}

static void test_wakes(gconstpointer data)
{
	const struct wake_row *row = data;
	struct device device = {
		.dialect = DIALECT_EMN, .wakes = row->wakes, .last_ok = NOW_SECS - row->ago};
	struct router_standing standing = {.filter = row->attached, .listening = row->listening};
	struct push_event event = {
		.kind = PUSH_EVENT_MESSAGE_NEW, .mailbox = "INBOX", .filters = row->filters};

	g_assert_cmpint(router_wakes(&device, &standing, &event, NOW), ==, row->wakes_up);
}

/* However long: never more than the back-off itself. */
static void test_wake_clock(void)
{
	g_assert_cmpint(wake_state_hold_secs(1, NOW_SECS + 1000000, NOW_SECS), ==, HOUR);
	g_assert_cmpint(wake_state_hold_secs(0, NOW_SECS, NOW_SECS), ==, 0);
}

/* Whatever happened, and where: one wake-up, which keeps what matched to itself. */
static void test_wake_fold(void)
{
	struct device device = {.id = 9, .events = ALL, .dialect = DIALECT_EMN};
	struct push_event event = {.kind = PUSH_EVENT_MESSAGE_READ,
				   .time_us = NOW,
				   .user = "alice",
				   .mailbox = "Work",
				   .filters = "JOHN"};
	g_autoptr(router_out_t) out = router_out_new();
	const struct notification *notification;

	router_route(&settings, &device, "l", "alice", &event, NOW, out);
	event.kind = PUSH_EVENT_MESSAGE_NEW;
	event.mailbox = "INBOX";
	router_route(&settings, &device, "l", "alice", &event, NOW, out);
	g_assert_cmpuint(out->list->len, ==, 1);
	notification = g_ptr_array_index(out->list, 0);
	g_assert_cmpstr(notification->key, ==, "wake");
	g_assert_cmpint(notification->due_us, ==, NOW + settings.arrival_delay_us);
	g_assert_null(strstr(notification->event, "JOHN"));
}

/* --- Apple Mail, Delta Chat --------------------------------------------------------- */

#define INBOX_AND_NOTES ((char *[]){(char *)"INBOX", (char *)"Notes", NULL})

static const struct token_row {
	const char *name;
	enum device_dialect dialect;
	enum push_event_kind kind;
	const char *mailbox, *from;
	gboolean hidden, webhook;
	gboolean wanted;
	gint64 delay_us, ttl_us;
} token_rows[] = {
#define AT_ONCE 1000, 86400000000
#define LATER 7000000, 3600000000
#define NEVER FALSE, 0, 0
	{"Apple, new mail", DIALECT_APPLE, PUSH_EVENT_MESSAGE_NEW, "INBOX", NULL, FALSE, FALSE,
	 TRUE, AT_ONCE},
	{"Apple, new mail elsewhere", DIALECT_APPLE, PUSH_EVENT_MESSAGE_NEW, "Notes", NULL, FALSE,
	 FALSE, TRUE, AT_ONCE},
	{"Apple, not registered", DIALECT_APPLE, PUSH_EVENT_MESSAGE_NEW, "Work", NULL, FALSE, FALSE,
	 NEVER},
	{"Apple, another event", DIALECT_APPLE, PUSH_EVENT_FLAGS_SET, "Notes", NULL, FALSE, FALSE,
	 TRUE, LATER},
	{"Apple, appended", DIALECT_APPLE, PUSH_EVENT_MESSAGE_APPEND, "INBOX", NULL, FALSE, FALSE,
	 TRUE, LATER},
	{"Apple, one's own mail", DIALECT_APPLE, PUSH_EVENT_MESSAGE_NEW, "INBOX",
	 "alice@example.org", FALSE, FALSE, TRUE, AT_ONCE},
	{"Apple, may not read it", DIALECT_APPLE, PUSH_EVENT_MESSAGE_NEW, "INBOX", NULL, TRUE,
	 FALSE, NEVER},
	{"a subscription, may not read it", DIALECT_GOUGEON, PUSH_EVENT_MESSAGE_NEW, "INBOX", NULL,
	 TRUE, FALSE, NEVER},
	{"a webhook may", DIALECT_GOUGEON, PUSH_EVENT_MESSAGE_NEW, "INBOX", NULL, TRUE, TRUE, TRUE,
	 AT_ONCE},
	{"Delta", DIALECT_DELTAPUSH, PUSH_EVENT_MESSAGE_NEW, "INBOX", "bob@example.org", FALSE,
	 FALSE, TRUE, 1000, 5 * 3600000000},
	{"Delta, cannot tell whose mail", DIALECT_DELTAPUSH, PUSH_EVENT_MESSAGE_NEW, "INBOX", NULL,
	 FALSE, FALSE, TRUE, 1000, 5 * 3600000000},
	{"Delta, one's own mail", DIALECT_DELTAPUSH, PUSH_EVENT_MESSAGE_NEW, "INBOX",
	 "Alice@Example.org", FALSE, FALSE, NEVER},
};

static void test_tokens(gconstpointer data)
{
	const struct token_row *row = data;
	struct device device = {.id = 9,
				.user = (char *)"alice@example.org",
				.gateway = (char *)(row->webhook ? "webhook" : "apns"),
				.events = PUSH_EVENT_KINDS_MAIL,
				.dialect = row->dialect,
				.mailboxes = INBOX_AND_NOTES};
	struct push_event event = {.kind = row->kind,
				   .time_us = NOW,
				   .user = "alice@example.org",
				   .mailbox = row->mailbox,
				   .from_address = row->from,
				   .hidden = row->hidden};
	g_autoptr(router_out_t) out = router_out_new();
	const struct notification *notification;

	g_assert_cmpint(router_wants(&device, &event), ==, row->wanted);
	router_route(&settings, &device, "l", device.user, &event, NOW, out);
	g_assert_cmpuint(out->list->len, ==, row->wanted);
	if (!row->wanted)
		return;
	notification = g_ptr_array_index(out->list, 0);
	g_assert_cmpint(notification->due_us, ==, NOW + row->delay_us);
	g_assert_cmpint(notification->expires_us, ==, NOW + row->ttl_us);
	/* Seen, and not kept. */
	g_assert_null(strstr(notification->event, "from-address"));
}

/* One for the device, whatever happened and where; new mail takes along what waits. */
static void test_apple_fold(void)
{
	struct device device = {.id = 9, .events = ALL, .dialect = DIALECT_APPLE}, other = device;
	struct push_event event = {.kind = PUSH_EVENT_FLAGS_SET,
				   .time_us = NOW,
				   .user = "alice",
				   .mailbox = "Notes",
				   .messages = 1};
	g_autoptr(router_out_t) out = router_out_new();
	const struct notification *notification;

	other.id = 10;
	router_route(&settings, &device, "l", "alice", &event, NOW, out);
	notification = g_ptr_array_index(out->list, 0);
	g_assert_cmpstr(notification->key, ==, "wake");
	event.mailbox = "INBOX";
	event.kind = PUSH_EVENT_MESSAGE_EXPUNGE;
	router_route(&settings, &device, "l", "alice", &event, NOW + 10, out);
	g_assert_cmpuint(out->list->len, ==, 1);
	/* The first of them says when. */
	g_assert_cmpint(notification->due_us, ==, NOW + settings.apple_delay_us);
	event.kind = PUSH_EVENT_MESSAGE_NEW;
	router_route(&settings, &device, "l", "alice", &event, NOW + 20, out);
	router_route(&settings, &other, "l", "alice", &event, NOW + 20, out);
	g_assert_cmpuint(out->list->len, ==, 2);
	g_assert_cmpint(notification->due_us, ==, NOW + 20 + settings.arrival_delay_us);
	g_assert_cmpuint(notification->kinds, ==,
			 KIND(FLAGS_SET) | KIND(MESSAGE_EXPUNGE) | KIND(MESSAGE_NEW));
	g_assert_cmpuint(notification->messages, ==, 3);
}

static const struct {
	push_event_kinds events;
	char **mailboxes;
	const char *mailbox;
	gboolean watches;
} watch_rows[] = {
	{KIND(MESSAGE_NEW), NULL, "x", TRUE},
	{KIND(FLAGS_SET), INBOX_AND_NOTES, "Notes", TRUE},
	{KIND(FLAGS_SET), INBOX_AND_NOTES, "inbox", TRUE},
	{KIND(FLAGS_SET), INBOX_AND_NOTES, "x", FALSE},
	{KIND(MAILBOX_CREATE) | KIND(DATA_CHANGE), NULL, "x", FALSE},
	{0, NULL, "x", FALSE},
};

static void test_watches(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(watch_rows); i++) {
		struct device device = {.events = watch_rows[i].events,
					.mailboxes = watch_rows[i].mailboxes};

		g_assert_cmpint(router_watches(&device, watch_rows[i].mailbox), ==,
				watch_rows[i].watches);
	}
}

static void test_mailbox(void)
{
	struct push_event event = {
		.user = "alice", .owner = "bob", .mailbox = "Shared/bob", .owner_mailbox = "INBOX"};

	g_assert_cmpstr(router_mailbox(&event), ==, "INBOX");
	event.owner = NULL;
	g_assert_cmpstr(router_mailbox(&event), ==, "Shared/bob");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/router/target", test_target);
	for (gsize i = 0; i < G_N_ELEMENTS(filter_rows); i++) {
		/* A path's slashes make suites; the names have some. */
		g_autofree char *name = g_strdelimit(g_strdup(filter_rows[i].name), "/", '|');
		g_autofree char *path = g_strdup_printf("/router/filter/%s", name);

		g_test_add_data_func(path, &filter_rows[i], test_filter);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(wake_rows); i++) {
		g_autofree char *path = g_strdup_printf("/router/wakes/%s", wake_rows[i].name);

		g_test_add_data_func(path, &wake_rows[i], test_wakes);
	}
	g_test_add_func("/router/wake-clock", test_wake_clock);
	g_test_add_func("/router/wake-extended", test_wake_extended);
	g_test_add_func("/router/wake-fold", test_wake_fold);
	for (gsize i = 0; i < G_N_ELEMENTS(token_rows); i++) {
		g_autofree char *path = g_strdup_printf("/router/tokens/%s", token_rows[i].name);
		g_test_add_data_func(path, &token_rows[i], test_tokens);
	}
	g_test_add_func("/router/apple-fold", test_apple_fold);
	g_test_add_func("/router/watches", test_watches);
	g_test_add_func("/router/mailbox", test_mailbox);
	g_test_add_func("/router/owner-name", test_owner_name);
	g_test_add_func("/router/fields", test_fields);
	g_test_add_func("/router/data-change", test_data_change);
	g_test_add_func("/router/data-change-times", test_data_change_times);
	g_test_add_func("/router/fold", test_fold);
	g_test_add_func("/router/fold-many", test_fold_many);
	g_test_add_func("/router/content", test_content);
	g_test_add_func("/router/clock", test_clock);
	g_test_add_func("/router/too-long", test_too_long);
	return g_test_run();
}
