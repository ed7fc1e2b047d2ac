#include "pimap-state.h"

#include <glib.h>
#include <string.h>

/* --- the file ------------------------------------------------------------------ */

#define ID "id=0123456789abcdef\towner=00000000000000ff"
#define SESSION "session\t" ID "\tcreated=1700000000\tused=1700000001\n"
#define HEAD "fantail-pimap\t1\n" SESSION
#define GUID "guid=00112233445566778899aabbccddeeff"
#define REST "\tindex=7\tuidvalidity=3\tuidnext=10\tmessages=9\tmodseq=18446744073709551615"
#define TAIL "\tuids=cbf29ce484222325\tunsure=1\n"
#define FOLDER "folder\t" GUID REST TAIL

static const struct {
	const char *name, *text;
	gboolean good;
} files[] = {
	{"no folder", HEAD "end\n", TRUE},
	{"a folder", HEAD FOLDER "end\n", TRUE},
	{"in-band push", HEAD "inband\tpush=ON\tformat=\n" FOLDER "end\n", TRUE},
	{"a new message's format", HEAD "inband\tpush=OFF\tformat=(UID FLAGS)\nend\n", TRUE},
	{"a mailbox that is selected",
	 HEAD "inband\tpush=ON\tformat=\nselected\tmailbox=a b\n" FOLDER "end\n", TRUE},
	{"preferences twice",
	 HEAD "inband\tpush=ON\tformat=\ninband\tpush=OFF\tformat=(UID)\nend\n", FALSE},
	{"two of them", HEAD "selected\tmailbox=a\nselected\tmailbox=b\nend\n", FALSE},
	{"one without a name", HEAD "selected\tmailbox=\nend\n", FALSE},
	{"one behind a folder", HEAD FOLDER "selected\tmailbox=a\nend\n", FALSE},
	{"neither", HEAD "inband\tpush=OFF\tformat=\nend\n", FALSE},
	{"neither on nor off", HEAD "inband\tpush=on\tformat=\nend\n", FALSE},
	{"no format", HEAD "inband\tpush=ON\nend\n", FALSE},
	{"preferences behind a folder", HEAD FOLDER "inband\tpush=ON\tformat=\nend\n", FALSE},
	{"empty", "", FALSE},
	{"another version", "fantail-pimap\t2\nsession\t" ID "\tcreated=1\tused=1\nend\n", FALSE},
	{"no session", "fantail-pimap\t1\nend\n", FALSE},
	{"no id", "fantail-pimap\t1\nsession\towner=00000000000000ff\tcreated=1\tused=1\nend\n",
	 FALSE},
	{"cut before its end", HEAD FOLDER, FALSE},
	{"cut in its end", HEAD FOLDER "end", FALSE},
	{"something behind it", HEAD "end\nend\n", FALSE},
	{"another kind of line", HEAD "mailbox\t" GUID REST TAIL "end\n", FALSE},
	{"a folder twice", HEAD FOLDER FOLDER "end\n", FALSE},
	{"a folder twice in an addition", HEAD "end\n" SESSION FOLDER FOLDER "end\n", FALSE},
	{"an addition that was cut", HEAD FOLDER "end\n" SESSION FOLDER, FALSE},
	{"an addition without its session", HEAD FOLDER "end\n" FOLDER "end\n", FALSE},
	{"an addition with preferences",
	 HEAD FOLDER "end\n" SESSION "inband\tpush=ON\tformat=\nend\n", FALSE},
	{"an addition with two that are selected",
	 HEAD FOLDER "end\n" SESSION "selected\tmailbox=a\nselected\tmailbox=b\nend\n", FALSE},
	{"an addition with one behind a folder",
	 HEAD "end\n" SESSION FOLDER "selected\tmailbox=a\nend\n", FALSE},
	{"an addition that was cut behind what is selected",
	 HEAD FOLDER "end\n" SESSION "selected\tmailbox=a\n", FALSE},
	{"an addition of another session",
	 HEAD FOLDER
	 "end\nsession\tid=0123456789abcdee\towner=00000000000000ff\tcreated=1\tused=1\n"
	 "end\n",
	 FALSE},
	{"an addition of another connection",
	 HEAD FOLDER
	 "end\nsession\tid=0123456789abcdef\towner=00000000000000fe\tcreated=1\tused=1\n"
	 "end\n",
	 FALSE},
	{"a short guid", HEAD "folder\tguid=0011" REST TAIL "end\n", FALSE},
	{"large letters", HEAD "folder\tguid=00112233445566778899AABBCCDDEEFF" REST TAIL "end\n",
	 FALSE},
	{"a number too large",
	 HEAD "folder\t" GUID "\tindex=4294967296\tuidvalidity=3\tuidnext=10"
	      "\tmessages=9\tmodseq=1" TAIL "end\n",
	 FALSE},
	{"more messages than UIDs",
	 HEAD "folder\t" GUID "\tindex=7\tuidvalidity=3\tuidnext=9"
	      "\tmessages=9\tmodseq=1" TAIL "end\n",
	 FALSE},
	{"neither sure nor unsure",
	 HEAD "folder\t" GUID REST "\tuids=cbf29ce484222325\tunsure=2\nend\n", FALSE},
};

static void test_files(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *text = g_strdup(files[i].text);
		struct pimap_session session;
		bool good = pimap_session_decode(text, strlen(text), &session);

		g_test_message("%s", files[i].name);
		g_assert_cmpint(good, ==, files[i].good);
		if (good) {
			struct tabline_buf buf;

			tabline_buf_init(&buf, LIMIT_PIMAP_SESSION_FILE);
			g_assert_true(pimap_session_encode(&session, &buf));
			g_assert_cmpmem(buf.data, buf.len, files[i].text, strlen(files[i].text));
			tabline_buf_free(&buf);
		}
		pimap_session_free(&session);
	}
}

/* The last part's word counts, also if it has none. */
static const struct {
	const char *name, *text, *selected;
	gsize folders;
} selections[] = {
	{"one", HEAD "selected\tmailbox=a\n" FOLDER "end\n", "a", 1},
	{"none, then one", HEAD FOLDER "end\n" SESSION "selected\tmailbox=b\nend\n", "b", 1},
	{"another one, no folder",
	 HEAD "selected\tmailbox=a\n" FOLDER "end\n" SESSION "selected\tmailbox=b\nend\n", "b", 1},
	{"another one, and a folder",
	 HEAD "selected\tmailbox=a\nend\n" SESSION "selected\tmailbox=b\n" FOLDER "end\n", "b", 1},
	{"the same again", HEAD "selected\tmailbox=a\nend\n" SESSION "selected\tmailbox=a\nend\n",
	 "a", 0},
	{"none any more", HEAD "selected\tmailbox=a\n" FOLDER "end\n" SESSION "end\n", "", 1},
	{"none, and one again",
	 HEAD "selected\tmailbox=a\nend\n" SESSION "end\n" SESSION "selected\tmailbox=b\nend\n",
	 "b", 0},
};

static void test_selections(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(selections); i++) {
		g_autofree char *text = g_strdup(selections[i].text);
		struct pimap_session session;

		g_test_message("%s", selections[i].name);
		g_assert_true(pimap_session_decode(text, strlen(text), &session));
		g_assert_cmpstr(session.selected, ==, selections[i].selected);
		g_assert_cmpuint(session.count, ==, selections[i].folders);
		g_assert_false(pimap_session_has_news(&session));
		pimap_session_free(&session);
	}
}

/* Wherever a process ends, the file it leaves is one that was whole, or none. */
static void test_cut_anywhere(void)
{
	static const char whole[] = HEAD "selected\tmailbox=a\n" FOLDER "end\n";
	static const char added[] = SESSION "selected\tmailbox=b\n" FOLDER "end\n";

	for (gsize len = 0; len <= strlen(whole) + strlen(added); len++) {
		g_autofree char *text = g_strconcat(whole, added, NULL);
		struct pimap_session session;
		bool good = pimap_session_decode(text, len, &session);

		g_test_message("%zu octets", len);
		g_assert_cmpint(good, ==,
				len == strlen(whole) || len == strlen(whole) + strlen(added));
		if (good)
			g_assert_cmpstr(session.selected, ==, len == strlen(whole) ? "a" : "b");
		pimap_session_free(&session);
	}
}

static void set_guid(struct pimap_folder *folder, uint32_t n)
{
	memcpy(folder->guid, &n, sizeof(n));
}

/* The longest unused goes, and as many as there may be fit the file. */
static void test_many_folders(void)
{
	struct pimap_session session = {.id = 1}, again;
	struct pimap_folder folder = {.index = UINT32_MAX};
	struct tabline_buf buf;

	folder.uidvalidity = folder.uidnext = UINT32_MAX;
	folder.messages = UINT32_MAX - 1;
	folder.modseq = UINT64_MAX;
	for (uint32_t n = 0; n < LIMIT_PIMAP_FOLDERS; n++) {
		set_guid(&folder, n);
		g_assert_true(pimap_session_put(&session, &folder));
	}
	set_guid(&folder, 0);
	g_assert_true(pimap_session_put(&session, pimap_session_find(&session, folder.guid)));
	set_guid(&folder, LIMIT_PIMAP_FOLDERS);
	g_assert_true(pimap_session_put(&session, &folder));
	g_assert_cmpuint(session.count, ==, LIMIT_PIMAP_FOLDERS);
	for (uint32_t n = 0; n <= LIMIT_PIMAP_FOLDERS; n++) {
		set_guid(&folder, n);
		g_assert_cmpint(pimap_session_find(&session, folder.guid) != NULL, ==, n != 1);
	}
	tabline_buf_init(&buf, LIMIT_PIMAP_SESSION_FILE - 1);
	g_assert_true(pimap_session_encode(&session, &buf));
	g_autofree char *text = g_strndup(buf.data, buf.len);
	g_assert_true(pimap_session_decode(text, buf.len, &again));
	g_assert_cmpuint(again.count, ==, session.count);
	g_assert_cmpmem(again.folders, again.count * sizeof(folder), session.folders,
			session.count * sizeof(folder));
	pimap_session_drop(&again, folder.guid);
	g_assert_cmpuint(again.count, ==, LIMIT_PIMAP_FOLDERS - 1);
	pimap_session_drop(&again, folder.guid);
	g_assert_cmpuint(again.count, ==, LIMIT_PIMAP_FOLDERS - 1);
	tabline_buf_free(&buf);
	pimap_session_free(&again);
	pimap_session_free(&session);
}

static void expect_changes(struct pimap_session *session, const char *wanted)
{
	struct tabline_buf buf;
	g_autoptr(GString) guids = g_string_new(NULL);
	g_autofree char *text = NULL;

	tabline_buf_init(&buf, LIMIT_PIMAP_SESSION_FILE);
	g_assert_true(pimap_session_encode_changes(session, &buf));
	text = g_strndup(buf.data, buf.len);
	for (const char *at = text; (at = strstr(at, "guid=")) != NULL; at += 7)
		g_string_append_c(guids, at[6]);
	g_assert_cmpstr(guids->str, ==, wanted);
	tabline_buf_free(&buf);
}

/* Whatever is done to a session: the file and what is added to it are read as it is. */
static void test_additions(void)
{
	g_autoptr(GString) file = g_string_new(NULL);
	struct pimap_session session = {.id = 1, .owner = 2};
	g_autoptr(GRand) random = g_rand_new_with_seed(7);
	static const char *const names[] = {"", "a", "b"};

	for (guint step = 0; step < 2000; step++) {
		struct pimap_folder folder = {.uidnext = step + 1};
		struct tabline_buf buf;
		struct pimap_session again;
		g_autofree char *text = NULL;

		set_guid(&folder, g_rand_int_range(random, 0, 12));
		switch (g_rand_int_range(random, 0, 14)) {
		case 0:
			pimap_session_drop(&session, folder.guid);
			break;
		case 12:
		case 13:
			pimap_session_select(&session, names[g_rand_int_range(random, 0, 3)]);
			break;
		case 1:
		case 2:
		case 3:
			pimap_session_mark(&session, folder.guid, step % 2 == 0);
			break;
		default:
			g_assert_true(pimap_session_put(&session, &folder));
			break;
		}
		if (step % 3 != 0)
			continue;
		session.used = step;
		tabline_buf_init(&buf, LIMIT_PIMAP_SESSION_FILE);
		if (session.whole || file->len == 0) {
			g_assert_true(pimap_session_encode(&session, &buf));
			g_string_truncate(file, 0);
		} else {
			g_assert_true(pimap_session_encode_changes(&session, &buf));
		}
		g_string_append_len(file, buf.data, (gssize)buf.len);
		tabline_buf_free(&buf);
		pimap_session_written(&session);
		text = g_strndup(file->str, file->len);
		g_assert_true(pimap_session_decode(text, file->len, &again));
		g_assert_cmpuint(again.used, ==, step);
		g_assert_cmpstr(again.selected, ==, session.selected);
		g_assert_cmpmem(again.folders, again.count * sizeof(*again.folders),
				session.folders, session.count * sizeof(*session.folders));
		g_assert_cmpuint(again.changed, ==, 0);
		pimap_session_free(&again);
	}
	pimap_session_free(&session);
}

static void test_changes(void)
{
	struct pimap_session session = {.id = 1};
	struct pimap_folder folder = {.uidnext = 1};

	for (uint32_t n = 1; n <= 4; n++) {
		set_guid(&folder, n);
		g_assert_true(pimap_session_put(&session, &folder));
	}
	expect_changes(&session, "1234");
	pimap_session_written(&session);
	expect_changes(&session, "");
	set_guid(&folder, 2);
	g_assert_true(pimap_session_put(&session, &folder));
	set_guid(&folder, 1);
	pimap_session_mark(&session, folder.guid, true);
	pimap_session_mark(&session, folder.guid, true);
	expect_changes(&session, "21");
	set_guid(&folder, 9);
	pimap_session_mark(&session, folder.guid, true);
	pimap_session_drop(&session, folder.guid);
	g_assert_false(session.whole);
	set_guid(&folder, 2);
	pimap_session_drop(&session, folder.guid);
	g_assert_true(session.whole);
	expect_changes(&session, "1");
	/* What is selected is news by itself, and once. */
	pimap_session_written(&session);
	g_assert_false(pimap_session_has_news(&session));
	pimap_session_select(&session, "a");
	g_assert_true(pimap_session_has_news(&session));
	expect_changes(&session, "");
	pimap_session_written(&session);
	pimap_session_select(&session, "a");
	g_assert_false(pimap_session_has_news(&session));
	pimap_session_free(&session);
}

/* --- the proof ------------------------------------------------------------------- */

static gsize numbers(const char *text, uint32_t *numbers_r)
{
	gsize count = 0;

	for (char *end; *text != '\0'; text = end)
		numbers_r[count++] = (uint32_t)g_ascii_strtoull(text, &end, 10);
	return count;
}

/* Known are UIDVALIDITY 3, index 7 and modseq 50; UIDs in ascending order, with blanks. */
static const struct {
	const char *name;
	const char *had;
	uint32_t had_uidnext;
	const char *have, *expunged;
	enum pimap_resume resume;
	const char *seqs;
	bool unsure;
	int uidnext, modseq, uidvalidity, index; /* steps from what they were */
	bool not_permanent, not_logged;
} proofs[] = {
	{"nothing happened", "1 2 5", 6, "1 2 5", "", PIMAP_RESUME_PROVEN, .seqs = ""},
	{"nothing in it", "", 1, "", "", PIMAP_RESUME_PROVEN, .seqs = ""},
	{"new ones", "1 2", 3, "1 2 3 4", "", PIMAP_RESUME_PROVEN, .seqs = "", .uidnext = 2},
	{"first ones", "", 1, "1 2", "", PIMAP_RESUME_PROVEN, .seqs = "", .uidnext = 2},
	{"the first went", "1 2 5", 6, "2 5", "1", PIMAP_RESUME_PROVEN, .seqs = "1"},
	{"the last went", "1 2 5", 6, "1 2", "5", PIMAP_RESUME_PROVEN, .seqs = "3"},
	{"all went", "1 2 5", 6, "", "1 2 5", PIMAP_RESUME_PROVEN, .seqs = "1 2 3"},
	{"went and new", "1 2 5", 6, "2 6", "1 5", PIMAP_RESUME_PROVEN, .seqs = "1 3",
	 .uidnext = 1},
	{"new that went again", "1 2", 3, "1", "2 3 4", PIMAP_RESUME_PROVEN, .seqs = "2",
	 .uidnext = 2},
	/* It was sent, but how far did it come? */
	{"unsure, nothing went", "1 2 5", 6, "1 2 5 6", "", PIMAP_RESUME_PROVEN, .seqs = "",
	 .unsure = true, .uidnext = 1},
	{"unsure, one went", "1 2 5", 6, "1 5", "2", PIMAP_RESUME_UNSURE, .unsure = true},
	{"unsure, a new one went", "1 2 5", 6, "1 2 5", "6", PIMAP_RESUME_UNSURE, .unsure = true,
	 .uidnext = 1},
	/* not the same, or not the same any more */
	{"another UIDVALIDITY", "1", 2, "1", "", PIMAP_RESUME_OTHER, .uidvalidity = 1},
	{"another index", "1", 2, "1", "", PIMAP_RESUME_OTHER, .index = 1},
	{"UIDNEXT went back", "1", 2, "1", "", PIMAP_RESUME_BACK, .uidnext = -1},
	{"modseq went back", "1", 2, "1", "", PIMAP_RESUME_BACK, .modseq = -1},
	{"modseqs are lost", "1", 2, "1", "", PIMAP_RESUME_NO_LOG, .not_permanent = true},
	{"no log", "1", 2, "1", "", PIMAP_RESUME_NO_LOG, .not_logged = true},
	/* a log that does not reach back, or says too much */
	{"one went unlogged", "1 2 5", 6, "1 5", "", PIMAP_RESUME_DIFFERS, .seqs = NULL},
	{"it went before", "1 5", 6, "1 5", "2", PIMAP_RESUME_DIFFERS, .seqs = NULL},
	{"one before, one unlogged", "1 5", 6, "1", "2", PIMAP_RESUME_DIFFERS, .seqs = NULL},
	{"other messages", "1 5", 6, "1 4", "", PIMAP_RESUME_DIFFERS, .seqs = NULL},
	{"more messages", "1 5", 6, "1 4 5", "", PIMAP_RESUME_DIFFERS, .seqs = NULL},
	{"fewer, others", "", 6, "1", "", PIMAP_RESUME_DIFFERS, .seqs = NULL},
};

static void test_proofs(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(proofs); i++) {
		uint32_t had[16], have[16], expunged[16], seqs[16], want[16];
		struct pimap_folder known = {.index = 7, .uidvalidity = 3, .modseq = 50};
		struct pimap_now now = {.permanent = !proofs[i].not_permanent,
					.logged = !proofs[i].not_logged};
		gsize count, want_count;

		known.uidnext = proofs[i].had_uidnext;
		known.messages = (uint32_t)numbers(proofs[i].had, had);
		known.uids = PIMAP_UIDS_NONE;
		for (uint32_t n = 0; n < known.messages; n++)
			known.uids = pimap_uids_add(known.uids, had[n]);
		known.unsure = proofs[i].unsure;
		now.index = 7 + (uint32_t)proofs[i].index;
		now.uidvalidity = 3 + (uint32_t)proofs[i].uidvalidity;
		now.uidnext = known.uidnext + (uint32_t)proofs[i].uidnext;
		now.modseq = 50 + (uint64_t)proofs[i].modseq;
		now.uids = have;
		now.count = numbers(proofs[i].have, have);
		now.expunged = expunged;
		now.expunged_count = numbers(proofs[i].expunged, expunged);
		g_test_message("%s", proofs[i].name);
		g_assert_cmpint(pimap_resume_prove(&known, &now, seqs, &count), ==,
				proofs[i].resume);
		g_assert_nonnull(pimap_resume_reason(proofs[i].resume));
		if (proofs[i].resume != PIMAP_RESUME_PROVEN)
			continue;
		want_count = numbers(proofs[i].seqs, want);
		g_assert_cmpmem(seqs, count * sizeof(*seqs), want, want_count * sizeof(*want));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/pimap-state/files", test_files);
	g_test_add_func("/pimap-state/selections", test_selections);
	g_test_add_func("/pimap-state/cut-anywhere", test_cut_anywhere);
	g_test_add_func("/pimap-state/many-folders", test_many_folders);
	g_test_add_func("/pimap-state/changes", test_changes);
	g_test_add_func("/pimap-state/additions", test_additions);
	g_test_add_func("/pimap-state/proofs", test_proofs);
	return g_test_run();
}
