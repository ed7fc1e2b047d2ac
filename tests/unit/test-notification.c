#include "limits.h"
#include "notification.h"

#include <string.h>

/* --- merging --------------------------------------------------------------- */

#define EVENT(name, rest) "EVENT\tname=" name "\ttime=5\tseq=1\tuser=alice" rest "\tmailbox=INBOX"
#define KIND(kind) PUSH_EVENT_KIND_BIT(PUSH_EVENT_##kind)

/* What becomes of the UIDs: `uids` NULL = left out. */
static const struct uid_merge_row {
	const char *name;
	const char *older;
	guint32 older_messages;
	const char *newer;
	guint32 newer_messages;
	guint32 uidvalidity;
	const char *uids;
} uid_merge_rows[] = {
	{"same uidvalidity", EVENT("MessageNew", "\tuidvalidity=7\tmessages=2\tuids=1:2"), 2,
	 EVENT("MessageNew", "\tuidvalidity=7\tmessages=1\tuids=3"), 1, 7, "1:3"},
	{"mailbox was made anew", EVENT("MessageNew", "\tuidvalidity=7\tmessages=2\tuids=1:2"), 2,
	 EVENT("MessageNew", "\tuidvalidity=8\tmessages=1\tuids=3"), 1, 8, "3"},
	{"made anew, unknown before", EVENT("MessageNew", "\tuidvalidity=7\tmessages=2"), 2,
	 EVENT("MessageNew", "\tuidvalidity=8\tmessages=1\tuids=3"), 1, 8, "3"},
	{"older does not say which", EVENT("MessageNew", "\tuidvalidity=7\tmessages=2"), 2,
	 EVENT("MessageNew", "\tuidvalidity=7\tmessages=1\tuids=3"), 1, 7, NULL},
	{"newer does not say which", EVENT("MessageNew", "\tuidvalidity=7\tmessages=1\tuids=3"), 1,
	 EVENT("MessageNew", "\tuidvalidity=7\tmessages=2"), 2, 7, NULL},
	{"older has no messages", EVENT("MailboxCreate", ""), 0,
	 EVENT("FlagsSet", "\tuidvalidity=7\tmessages=1\tuids=3"), 1, 7, "3"},
	{"newer has no messages", EVENT("FlagsSet", "\tuidvalidity=7\tmessages=1\tuids=3"), 1,
	 EVENT("MailboxSubscribe", ""), 0, 7, "3"},
	{"neither has", EVENT("MailboxCreate", ""), 0, EVENT("MailboxSubscribe", ""), 0, 0, NULL},
	{"left out once, a mailbox event, then known again", EVENT("MailboxSubscribe", ""), 9,
	 EVENT("FlagsSet", "\tuidvalidity=7\tmessages=1\tuids=3"), 1, 7, NULL},
	{"older uidvalidity is not known, newer has no messages",
	 EVENT("FlagsSet", "\tmessages=1\tuids=2"), 1, EVENT("MailboxSubscribe", "\tuidvalidity=7"),
	 0, 7, "2"},
	{"one uidvalidity is not known", EVENT("FlagsSet", "\tmessages=1\tuids=2"), 1,
	 EVENT("FlagsSet", "\tuidvalidity=7\tmessages=1\tuids=3"), 1, 7, NULL},
};

static struct notification notification_like(const char *event, push_event_kinds kinds,
					     guint32 messages)
{
	return (struct notification){
		.device = 4,
		.user = (char *)"alice",
		.key = (char *)"state:INBOX",
		.lane = (char *)"webpush https://a:443",
		.kinds = kinds,
		.messages = messages,
		.event = (char *)event,
	};
}

static void test_uid_merge(gconstpointer data)
{
	const struct uid_merge_row *row = data;
	struct notification older_values =
		notification_like(row->older, KIND(FLAGS_SET), row->older_messages);
	struct notification newer =
		notification_like(row->newer, KIND(FLAGS_SET), row->newer_messages);
	g_autoptr(notification_t) older = notification_copy(&older_values);
	g_autofree char *line = NULL;
	struct push_event event;

	notification_merge(older, &newer);
	line = g_strdup(older->event);
	g_assert_cmpint(push_event_decode(line, strlen(line), &event), ==, PUSH_EVENT_OK);
	g_assert_cmpstr(event.uids, ==, row->uids);
	g_assert_cmpuint(event.uidvalidity, ==, row->uidvalidity);
}

static void test_merge_fields(void)
{
	struct notification older_values =
		notification_like(EVENT("FlagsSet", "\tmessages=2\tuids=1:2"), KIND(FLAGS_SET), 2);
	struct notification newer = notification_like(
		EVENT("MessageNew", "\tmessages=3\tuids=9:11\tsubject=hi\tfuture=x"),
		KIND(MESSAGE_NEW), 3);
	g_autoptr(notification_t) older = NULL;

	older_values.id = 77;
	older_values.revision = 5;
	older_values.first_us = 1000;
	older_values.due_us = 3000;
	older_values.expires_us = 9000;
	older_values.attempts = 2;
	newer.id = 0;
	newer.first_us = 2000;
	newer.due_us = 2500;
	newer.expires_us = 8000;
	newer.lane = (char *)"webpush https://b:443";
	older = notification_copy(&older_values);
	g_assert_false(notification_is_arrival(older));
	notification_merge(older, &newer);

	g_assert_cmpint(older->id, ==, 77);
	g_assert_cmpuint(older->revision, ==, 6);
	g_assert_cmpint(older->device, ==, 4);
	g_assert_cmpstr(older->user, ==, "alice");
	g_assert_cmpstr(older->key, ==, "state:INBOX");
	g_assert_cmpstr(older->lane, ==, "webpush https://b:443");
	g_assert_cmpuint(older->kinds, ==, KIND(FLAGS_SET) | KIND(MESSAGE_NEW));
	g_assert_cmpuint(older->messages, ==, 5);
	g_assert_cmpint(older->first_us, ==, 1000);
	g_assert_cmpint(older->due_us, ==, 2500);
	g_assert_cmpint(older->expires_us, ==, 9000);
	g_assert_cmpuint(older->attempts, ==, 2);
	g_assert_nonnull(strstr(older->event, "\tsubject=hi"));
	g_assert_nonnull(strstr(older->event, "\tuids=1:2,9:11"));
	g_assert_null(strchr(older->event, '\n'));
	g_assert_true(notification_is_arrival(older));

	/* The other way round: the later expiry, the earlier due. */
	newer.due_us = 99999;
	newer.expires_us = 99999;
	newer.messages = G_MAXUINT32 - 1;
	notification_merge(older, &newer);
	g_assert_cmpint(older->due_us, ==, 2500);
	g_assert_cmpint(older->expires_us, ==, 99999);
	g_assert_cmpuint(older->messages, ==, G_MAXUINT32);
}

/* Every second UID, so that nothing folds. */
static char *holes(guint first, gsize bytes)
{
	GString *set = g_string_new(NULL);

	for (guint uid = first; set->len + 11 < bytes; uid += 2)
		g_string_append_printf(set, "%s%u", set->len > 0 ? "," : "", uid);
	return g_string_free(set, FALSE);
}

static void test_merge_ceiling(void)
{
	g_autofree char *few = holes(100001, LIMIT_LINE / 8);
	g_autofree char *more = holes(500001, LIMIT_LINE / 8);
	g_autofree char *one_line =
		g_strdup_printf(EVENT("FlagsSet", "\tmessages=9\tuids=%s"), few);
	g_autofree char *two_line =
		g_strdup_printf(EVENT("FlagsSet", "\tmessages=9\tuids=%s"), more);
	struct notification one = notification_like(one_line, KIND(FLAGS_SET), 9);
	struct notification two = notification_like(two_line, KIND(FLAGS_SET), 9);
	struct notification three =
		notification_like(EVENT("FlagsSet", "\tmessages=1\tuids=1"), KIND(FLAGS_SET), 1);
	struct notification many = notification_like(
		EVENT("FlagsSet", "\tmessages=1\tuids=900001,900003,900005,900007"),
		KIND(FLAGS_SET), 1);
	g_autoptr(notification_t) older = notification_copy(&one);

	notification_merge(older, &two);
	g_assert_nonnull(strstr(older->event, "\tuids=100001,"));
	g_assert_cmpuint(strlen(older->event), >, LIMIT_LINE / 5);
	/* Over the ceiling: left out, and it stays so although the next one is small. */
	notification_merge(older, &many);
	g_assert_null(strstr(older->event, "\tuids="));
	notification_merge(older, &three);
	g_assert_null(strstr(older->event, "\tuids="));
	g_assert_cmpuint(older->messages, ==, 20);
}

static void test_confirmation(void)
{
	struct notification first = notification_like("CONFIRM\ttoken=a", 0, 0);
	struct notification second = notification_like("CONFIRM\ttoken=b", 0, 0);
	g_autoptr(notification_t) older = notification_copy(&first);

	g_assert_true(notification_is_arrival(older));
	notification_merge(older, &second);
	g_assert_cmpstr(older->event, ==, "CONFIRM\ttoken=b");
	g_assert_true(notification_is_arrival(older));
}

static void test_free(void)
{
	struct notification empty = {.id = 3};
	g_autoptr(notification_t) copy = notification_copy(&empty);

	g_assert_cmpint(copy->id, ==, 3);
	g_assert_false(notification_is_arrival(copy));
	notification_free(NULL);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(uid_merge_rows); i++) {
		g_autofree char *path =
			g_strdup_printf("/notification/uids/%s", uid_merge_rows[i].name);
		g_test_add_data_func(path, &uid_merge_rows[i], test_uid_merge);
	}
	g_test_add_func("/notification/merge", test_merge_fields);
	g_test_add_func("/notification/merge-ceiling", test_merge_ceiling);
	g_test_add_func("/notification/confirmation", test_confirmation);
	g_test_add_func("/notification/free", test_free);
	return g_test_run();
}
