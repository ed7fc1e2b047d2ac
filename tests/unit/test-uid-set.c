#include "push-event.h"
#include "uid-set.h"

#include <glib.h>
#include <string.h>

static char *text_of(const struct uid_set *set)
{
	char text[4096];
	uint32_t messages;

	g_assert_cmpuint(uid_set_format(set, 0, text, sizeof(text), &messages), ==, set->count);
	g_assert_cmpuint(messages, ==, uid_set_messages(set));
	return g_strdup(text);
}

/* "+5:7 -6" applied to the empty set. */
static void apply(struct uid_set *set, const char *steps)
{
	g_auto(GStrv) words = g_strsplit(steps, " ", -1);

	for (guint i = 0; words[i] != NULL; i++) {
		char *end;
		uint32_t first = (uint32_t)g_ascii_strtoull(words[i] + 1, &end, 10);
		uint32_t last = *end == ':' ? (uint32_t)g_ascii_strtoull(end + 1, NULL, 10) : first;

		if (words[i][0] == '+')
			g_assert_true(uid_set_add(set, first, last));
		else
			g_assert_true(uid_set_remove(set, first));
	}
}

static void test_steps(void)
{
	static const struct {
		const char *steps, *text;
		uint32_t messages;
	} rows[] = {
		{"+1", "1", 1},
		{"+1 +2 +3", "1:3", 3},
		{"+3 +2 +1", "1:3", 3},
		{"+1 +3", "1,3", 2},
		{"+1 +3 +2", "1:3", 3},
		{"+5 +5", "5", 1},
		{"+1:10 +5", "1:10", 10},
		{"+5 +1:10", "1:10", 10},
		{"+1 +3 +5 +7 +2:6", "1:7", 7},
		{"+1 +3 +5 +7 +3:5", "1,3:5,7", 5},
		{"+10:20 +1:5", "1:5,10:20", 16},
		{"+10:20 +1:9", "1:20", 20},
		{"+10:20 +21:30", "10:30", 21},
		{"+10:20 +22:30", "10:20,22:30", 20},
		{"+4294967295", "4294967295", 1},
		{"+4294967294 +4294967295", "4294967294:4294967295", 2},
		{"+4294967295 +1", "1,4294967295", 2},
		{"+1:4294967295", "1:4294967295", 4294967295},
		{"+0", "", 0},
		{"+7:3", "", 0},
		{"+1:3 -2", "1,3", 2},
		{"+1:3 -1", "2:3", 2},
		{"+1:3 -3", "1:2", 2},
		{"+1 -1", "", 0},
		{"+1 +3 -1", "3", 1},
		{"+1 +3 -2", "1,3", 2},
		{"-1", "", 0},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct uid_set set = {.count = 0};
		g_autofree char *text = NULL;

		g_test_message("%s", rows[i].steps);
		apply(&set, rows[i].steps);
		text = text_of(&set);
		g_assert_cmpstr(text, ==, rows[i].text);
		g_assert_cmpuint(uid_set_messages(&set), ==, rows[i].messages);
		uid_set_free(&set);
		g_assert_cmpuint(set.count, ==, 0);
	}
}

/* Against a plain array of bits: any order gives the same set. */
static void test_random(void)
{
	enum {
		UIDS = 200
	};
	struct uid_set set = {.count = 0}, rebuilt = {.count = 0};
	bool bits[UIDS + 2] = {false};

	for (guint step = 0; step < 20000; step++) {
		uint32_t uid = (uint32_t)g_test_rand_int_range(1, UIDS + 1);

		if (g_test_rand_bit()) {
			uint32_t last = uid + (uint32_t)g_test_rand_int_range(0, 5);

			if (last > UIDS)
				last = UIDS;
			g_assert_true(uid_set_add(&set, uid, last));
			for (uint32_t i = uid; i <= last; i++)
				bits[i] = true;
		} else {
			g_assert_true(uid_set_remove(&set, uid));
			bits[uid] = false;
		}
	}
	for (uint32_t uid = 1; uid <= UIDS; uid++) {
		g_assert_cmpint(uid_set_contains(&set, uid), ==, bits[uid]);
		if (bits[uid])
			g_assert_true(uid_set_add(&rebuilt, uid, uid));
	}
	g_assert_true(uid_set_equal(&set, &rebuilt));
	g_assert_true(uid_set_add(&rebuilt, UIDS + 9, UIDS + 9));
	g_assert_false(uid_set_equal(&set, &rebuilt));
	uid_set_free(&set);
	uid_set_free(&rebuilt);
}

/* Text in pieces says the same as text in one, and no piece is over its size. */
static void test_pieces(void)
{
	struct uid_set set = {.count = 0};
	g_autofree char *whole = NULL;

	for (uint32_t uid = 4294960000; uid < 4294960100; uid += 3)
		g_assert_true(uid_set_add(&set, uid, uid + uid % 2));
	whole = text_of(&set);
	for (size_t size = UID_SET_RANGE_TEXT; size < 120; size++) {
		g_autoptr(GString) joined = g_string_new(NULL);
		uint32_t messages = 0;

		for (size_t at = 0; at < set.count;) {
			g_autofree char *piece = g_malloc(size);
			uint32_t in_piece;
			size_t next = uid_set_format(&set, at, piece, size, &in_piece);

			g_assert_cmpuint(next, >, at);
			at = next;
			messages += in_piece;
			g_string_append_printf(joined, "%s%s", joined->len > 0 ? "," : "", piece);
		}
		g_assert_cmpstr(joined->str, ==, whole);
		g_assert_cmpuint(messages, ==, uid_set_messages(&set));
	}
	uid_set_free(&set);
}

static const struct {
	const char *a, *b, *joined;
} uid_rows[] = {
	{"1", "1", "1"},
	{"1", "2", "1:2"},
	{"2", "1", "1:2"},
	{"1", "3", "1,3"},
	{"1:3", "2:5", "1:5"},
	{"1:10", "4", "1:10"},
	{"8,1:3", "4,7", "1:4,7:8"},
	{"5:3", "1", "1,3:5"},
	{"1,3,5", "2,4,6", "1:6"},
	{"4294967295", "4294967294", "4294967294:4294967295"},
	{"1:4294967295", "7", "1:4294967295"},
	{"9,8,7", "7:9", "7:9"},
};

static void test_join(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(uid_rows); i++) {
		g_autofree char *joined = uid_set_join(uid_rows[i].a, uid_rows[i].b, 100);
		size_t len = strlen(uid_rows[i].joined);
		/* Neither may be longer than what comes of them. */
		size_t most = MAX(len, MAX(strlen(uid_rows[i].a), strlen(uid_rows[i].b)));
		g_autofree char *fits = uid_set_join(uid_rows[i].a, uid_rows[i].b, most);

		g_test_message("%s + %s", uid_rows[i].a, uid_rows[i].b);
		g_assert_cmpstr(joined, ==, uid_rows[i].joined);
		g_assert_true(push_event_uids_valid(joined));
		g_assert_cmpstr(fits, ==, uid_rows[i].joined);
		g_assert_null(uid_set_join(uid_rows[i].a, uid_rows[i].b, len - 1));
		g_assert_null(
			uid_set_join(uid_rows[i].a, uid_rows[i].b, strlen(uid_rows[i].a) - 1));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/uid-set/steps", test_steps);
	g_test_add_func("/uid-set/random", test_random);
	g_test_add_func("/uid-set/pieces", test_pieces);
	g_test_add_func("/uid-set/join", test_join);
	return g_test_run();
}
