#include "event-fold.h"
#include "limits.h"

#include <glib.h>
#include <string.h>

static void print_event(struct push_event *event, void *context)
{
	GString *out = context;

	g_assert_true(event->uids == NULL || push_event_uids_valid(event->uids));
	g_string_append_printf(out, "%s%s", out->len > 0 ? "; " : "",
			       push_event_kind_name(event->kind));
	if (event->flags != NULL)
		g_string_append_printf(out, "(%s)", event->flags);
	g_string_append_printf(out, " %s n=%u", event->uids != NULL ? event->uids : "-",
			       event->messages);
}

/* One step of a row: "s" a save, "U4:5" the UIDs of saves, "x4" an expunge,
 * "4+\Seen" and "4-\Seen" a flag. */
static void step(struct event_fold *fold, const char *word)
{
	char *end;
	uint32_t uid;

	switch (word[0]) {
	case 's':
		event_fold_saved(fold, PUSH_EVENT_MESSAGE_NEW);
		return;
	case 'U':
		uid = (uint32_t)g_ascii_strtoull(word + 1, &end, 10);
		event_fold_saved_uids(fold, uid,
				      *end == ':' ? (uint32_t)g_ascii_strtoull(end + 1, NULL, 10)
						  : uid);
		return;
	case 'x':
		event_fold_expunged(fold, (uint32_t)g_ascii_strtoull(word + 1, NULL, 10));
		return;
	default:
		uid = (uint32_t)g_ascii_strtoull(word, &end, 10);
		event_fold_flag(fold, uid, end + 1, *end == '+');
	}
}

static void test_rows(void)
{
	static const struct {
		const char *name, *steps, *events;
	} rows[] = {
		{"one save", "s U7", "MessageNew 7 n=1"},
		{"saves", "s s s U7:9", "MessageNew 7:9 n=3"},
		{"UIDs not assigned", "s s", "MessageNew - n=2"},
		{"some UIDs not assigned", "s s U7", "MessageNew - n=2"},
		{"read", "4+\\Seen", "MessageRead 4 n=1"},
		{"trash", "4+\\Deleted", "MessageTrash 4 n=1"},
		{"case of flags", "4+\\SEEN 5+\\seen", "MessageRead 4:5 n=2"},
		{"other flag", "4+\\Flagged", "FlagsSet(\\Flagged) 4 n=1"},
		{"keyword", "4+$Junk", "FlagsSet($Junk) 4 n=1"},
		{"unread is a flag cleared", "4-\\Seen", "FlagsClear(\\Seen) 4 n=1"},
		{"undeleted is a flag cleared", "4-\\Deleted", "FlagsClear(\\Deleted) 4 n=1"},
		{"many messages, one event", "1+\\Flagged 2+\\Flagged 3+\\Flagged 9+\\Flagged",
		 "FlagsSet(\\Flagged) 1:3,9 n=4"},
		{"flags of the same messages share", "1+\\Flagged 1+$A 2+\\Flagged 2+$A",
		 "FlagsSet(\\Flagged $A) 1:2 n=2"},
		{"flags of other messages do not", "1+\\Flagged 2+$A 2+\\Flagged",
		 "FlagsSet(\\Flagged) 1:2 n=2; FlagsSet($A) 2 n=1"},
		{"read and flagged are two", "1+\\Seen 1+\\Flagged",
		 "MessageRead 1 n=1; FlagsSet(\\Flagged) 1 n=1"},
		{"cleared ones share, whatever they are", "1-\\Seen 1-\\Deleted 1-$A",
		 "FlagsClear(\\Seen \\Deleted $A) 1 n=1"},
		{"set here, cleared there", "1+$A 2-$A",
		 "FlagsSet($A) 1 n=1; FlagsClear($A) 2 n=1"},
		{"set and cleared again is nothing", "1+$A 1-$A", ""},
		{"cleared and set again is nothing", "1-\\Seen 1+\\Seen", ""},
		{"undone for one of two", "1+$A 2+$A 1-$A", "FlagsSet($A) 2 n=1"},
		{"set, cleared, set", "1+$A 1-$A 1+$A", "FlagsSet($A) 1 n=1"},
		{"expunge", "x3 x1 x2", "MessageExpunge 1:3 n=3"},
		{"order", "x9 1-\\Draft 1+\\Seen s U10",
		 "MessageNew 10 n=1; MessageRead 1 n=1; FlagsClear(\\Draft) 1 n=1; "
		 "MessageExpunge 9 n=1"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct event_fold *fold = event_fold_new();
		g_auto(GStrv) words = g_strsplit(rows[i].steps, " ", -1);
		g_autoptr(GString) out = g_string_new(NULL);

		g_test_message("%s", rows[i].name);
		g_assert_true(event_fold_empty(fold));
		for (guint j = 0; words[j] != NULL; j++)
			step(fold, words[j]);
		g_assert_cmpint(event_fold_empty(fold), ==, *rows[i].events == '\0');
		event_fold_each(fold, print_event, out);
		g_assert_cmpstr(out->str, ==, rows[i].events);
		g_assert_false(event_fold_failed(fold));
		event_fold_free(&fold);
		g_assert_null(fold);
	}
}

struct totals {
	guint events, messages;
	gsize flags_bytes;
	guint flag_names;
};

/* Completes the event as the plugin may at worst, and sees that its line fits. */
static void count_worst(struct push_event *event, void *context)
{
	static const char tab[] = "\t";
	struct totals *totals = context;
	struct tabline_buf line;
	g_autofree char *user = g_strnfill(LIMIT_USER, *tab);
	g_autofree char *mailbox = g_strnfill(LIMIT_MAILBOX, *tab);
	g_autofree char *header = g_strnfill(LIMIT_HEADER_TEXT, 'h');
	g_autofree char *keywords = g_strnfill(4096, 'k');
	g_autofree char *preview = g_strnfill(LIMIT_PREVIEW, 'p');
	g_autofree char *session = g_strnfill(256, *tab);

	event->time_us = event->sequence = event->modseq = UINT64_MAX;
	event->uidvalidity = UINT32_MAX;
	event->user = event->owner = user;
	event->mailbox = event->owner_mailbox = mailbox;
	event->mailbox_id = "0123456789abcdef0123456789abcdef";
	event->session = session;
	event->service = "lmtp";
	event->from_name = event->from_address = event->subject = event->message_id = header;
	event->keywords = keywords;
	event->preview = preview;
	tabline_buf_init(&line, LIMIT_BATCH_BYTES);
	g_assert_true(push_event_encode(&line, event));
	tabline_buf_free(&line);

	totals->events++;
	totals->messages += event->messages;
	if (event->flags != NULL) {
		g_auto(GStrv) names = g_strsplit(event->flags, " ", -1);

		totals->flag_names += g_strv_length(names);
		totals->flags_bytes = MAX(totals->flags_bytes, strlen(event->flags));
	}
}

/* Sets with holes cannot be written short: they are split, nothing is lost. */
static void test_long_uid_sets(void)
{
	struct event_fold *fold = event_fold_new();
	struct totals totals = {.events = 0};
	enum {
		MESSAGES = 20000
	};

	for (uint32_t i = 0; i < MESSAGES; i++)
		event_fold_flag(fold, 4200000000 + i * 2, "\\Flagged", true);
	event_fold_each(fold, count_worst, &totals);
	g_assert_cmpuint(totals.messages, ==, MESSAGES);
	g_assert_cmpuint(totals.events, ==, 1 + MESSAGES * 11 / EVENT_FOLD_UIDS_BYTES);
	event_fold_free(&fold);
}

/* As many keywords as do not fit one event. */
static void test_many_flags(void)
{
	struct event_fold *fold = event_fold_new();
	struct totals totals = {.events = 0};
	enum {
		FLAGS = 1000
	};

	for (guint i = 0; i < FLAGS; i++) {
		g_autofree char *name = g_strdup_printf("%050u", i);

		event_fold_flag(fold, 1, name, true);
	}
	event_fold_each(fold, count_worst, &totals);
	g_assert_cmpuint(totals.flag_names, ==, FLAGS);
	g_assert_cmpuint(totals.events, ==, 1 + FLAGS * 51 / EVENT_FOLD_FLAGS_BYTES);
	g_assert_cmpuint(totals.flags_bytes, <, EVENT_FOLD_FLAGS_BYTES);
	g_assert_false(event_fold_failed(fold));
	event_fold_free(&fold);
}

/* One that can be named in no event is not passed over in silence. */
static void test_flag_too_long(void)
{
	static const struct {
		gsize len;
		bool fits;
	} rows[] = {{EVENT_FOLD_FLAGS_BYTES - 1, true}, {EVENT_FOLD_FLAGS_BYTES, false}};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct event_fold *fold = event_fold_new();
		struct totals totals = {.events = 0};
		g_autofree char *name = g_strnfill(rows[i].len, 'x');

		event_fold_flag(fold, 1, "short", true);
		event_fold_flag(fold, 1, name, true);
		event_fold_each(fold, count_worst, &totals);
		g_assert_cmpint(event_fold_failed(fold), ==, !rows[i].fits);
		g_assert_cmpuint(totals.flag_names, ==, rows[i].fits ? 2 : 1);
		event_fold_free(&fold);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/event-fold/rows", test_rows);
	g_test_add_func("/event-fold/long-uid-sets", test_long_uid_sets);
	g_test_add_func("/event-fold/many-flags", test_many_flags);
	g_test_add_func("/event-fold/flag-too-long", test_flag_too_long);
	return g_test_run();
}
