/* Events between phones that know exceptions of recurring ones (iCalendar) and those that do not
 * (vCalendar 1.0), which have each as an event of its own. */
#include <string.h>

#include "sim-phone.h"
#include "sync-world.h"

/* A series of four Mondays at nine; the second, and the third if asked for, is an exception. */
#define WEEKLY(summary, more)                                                                 \
	"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:w\r\nSUMMARY:" summary         \
	"\r\nDTSTART:20100104T090000Z\r\nDTEND:20100104T100000Z\r\nRRULE:FREQ=WEEKLY;COUNT=4" \
	"\r\nEND:VEVENT\r\n" more "END:VCALENDAR\r\n"
#define EXCEPTION(day, summary, start)                                               \
	"BEGIN:VEVENT\r\nUID:w\r\nRECURRENCE-ID:" day "T090000Z\r\nSUMMARY:" summary \
	"\r\nDTSTART:" start "Z\r\nEND:VEVENT\r\n"
#define SECOND EXCEPTION("20100111", "Later", "20100112T110000")
#define SECOND_MOVED EXCEPTION("20100111", "Much later", "20100113T110000")
#define THIRD EXCEPTION("20100118", "Third", "20100118T120000")

#define OLD_EVENT(lines)                                                            \
	"BEGIN:VCALENDAR\r\nVERSION:1.0\r\nBEGIN:VEVENT\r\n" lines "END:VEVENT\r\n" \
	"END:VCALENDAR\r\n"
/* As the old phone writes them: it ends rules by date. */
#define OLD_MASTER(summary, exdates)                                                          \
	OLD_EVENT("SUMMARY:" summary "\r\nDTSTART:20100104T090000Z\r\nDTEND:20100104T100000Z" \
		  "\r\nRRULE:W1 MO 20100125T100000Z\r\n" exdates)
#define OLD_SINGLE(summary, start) \
	OLD_EVENT("SUMMARY:" summary "\r\nDTSTART:" start "Z\r\nDTEND:" start "Z\r\n")

struct scene {
	struct sync_world world;
	struct sim_phone old; /* vCalendar 1.0 */
	gint64 item;          /* the series */
};

static void scene_init(struct scene *scene)
{
	memset(scene, 0, sizeof(*scene));
	sync_world_init(&scene->world);
	sim_phone_init(&scene->old, &scene->world.service, "pat", "old");
	g_free(scene->old.database);
	scene->old.database = g_strdup("calendar");
	scene->old.type = "text/x-vcalendar";
	scene->old.version = "1.0";
}

static void scene_clear(struct scene *scene)
{
	sim_phone_clear(&scene->old);
	sync_world_clear(&scene->world);
}

/* --- in words -------------------------------------------------------------------------- */

/* "Summary@20100104T090000Z", "-20100111T090000Z" for each EXDATE after it. */
static char *word_of(const struct pim_item *item)
{
	g_auto(GStrv) summary = pim_item_values(item, "SUMMARY");
	g_auto(GStrv) start = pim_item_values(item, "DTSTART");
	g_auto(GStrv) exdates = pim_item_values(item, "EXDATE");
	g_autofree char *excepted = g_strjoinv("-", exdates);

	return g_strdup_printf("%s@%s%s%s", summary[0], start[0], exdates[0] == NULL ? "" : "-",
			       excepted);
}

static gboolean add_words(const struct pim_row *row, gpointer words)
{
	g_autoptr(pim_item_t) item = NULL;
	g_auto(GStrv) parts = NULL;

	if (row->deleted)
		return TRUE;
	item = pim_item_load(row->component, row->content, row->content_len, NULL);
	g_assert_nonnull(item);
	parts = pim_item_parts(item);
	for (guint i = 0; i == 0 || parts[i - 1] != NULL; i++) {
		g_autoptr(pim_item_t) part = pim_item_part(item, i == 0 ? "" : parts[i - 1]);

		g_ptr_array_add(words, word_of(part));
	}
	return TRUE;
}

/* The same, as the phone should have it. */
static char *server_has(const struct scene *scene)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
	struct pim_txn *txn = pim_txn_begin(scene->world.store, "pat", TRUE, NULL);

	g_assert_true(pim_txn_changes(txn, PIM_CALENDAR, ~0u, 0, G_MAXINT64, G_MAXINT, add_words,
				      words, NULL));
	pim_txn_abort(txn);
	return sync_joined(words);
}

static guint64 server_count(const struct scene *scene)
{
	struct pim_txn *txn = pim_txn_begin(scene->world.store, "pat", TRUE, NULL);
	guint64 count;

	g_assert_true(pim_txn_count(txn, PIM_CALENDAR, ~0u, &count, NULL));
	pim_txn_abort(txn);
	return count;
}

static const char *luid_of(const struct sim_phone *phone, const char *summary)
{
	g_autofree char *line = g_strdup_printf("SUMMARY:%s\r\n", summary);
	GHashTableIter iter;
	gpointer luid, text;

	g_hash_table_iter_init(&iter, phone->items);
	while (g_hash_table_iter_next(&iter, &luid, &text)) {
		if (strstr(text, line) != NULL)
			return luid;
	}
	g_error("the phone has no '%s'", summary);
}

/* --- what happens ------------------------------------------------------------------------ */

/* Somebody else: NULL deletes the series. */
static void server_puts(struct scene *scene, const char *text)
{
	struct pim_txn *txn = pim_txn_begin(scene->world.store, "pat", TRUE, NULL);
	g_autoptr(pim_item_t) item = NULL;
	guint64 revision;

	if (text == NULL) {
		g_assert_true(pim_txn_delete(txn, scene->item, "test", 1000, &revision, NULL));
	} else {
		item = pim_item_parse(PIM_ICALENDAR_2_0, text, strlen(text), NULL, NULL);
		g_assert_nonnull(item);
		g_assert_true(scene->item == 0 ? pim_txn_add(txn, item, "test", 1000, &scene->item,
							     &revision, NULL)
					       : pim_txn_replace(txn, scene->item, item, "test",
								 1000, &revision, NULL));
	}
	g_assert_true(pim_txn_commit(txn, NULL));
}

static void phone_changes(struct sim_phone *phone, const char *summary, const char *text)
{
	sim_phone_replace(phone, luid_of(phone, summary), text);
}

static void phone_deletes(struct sim_phone *phone, const char *summary)
{
	sim_phone_delete(phone, luid_of(phone, summary));
}

/* After a sync in which the phone is told so much, both have that, and another moves nothing. */
static void assert_synced(struct scene *scene, guint code, guint told, const char *expected)
{
	g_autofree char *phone = NULL, *server = NULL;

	g_assert_true(sim_phone_sync(&scene->old, code));
	g_assert_cmpuint(scene->old.received, ==, told);
	phone = sim_phone_words(&scene->old, word_of);
	server = server_has(scene);
	g_assert_cmpstr(phone, ==, expected);
	g_assert_cmpstr(server, ==, expected);
	g_assert_true(sim_phone_sync(&scene->old, 200));
	g_assert_cmpuint(scene->old.mode, ==, 200);
	g_assert_cmpuint(scene->old.received, ==, 0);
	sync_world_assert_sound(&scene->world);
}

#define BOTH "Later@20100112T110000Z Weekly@20100104T090000Z-20100111T090000Z"

static void scene_begin(struct scene *scene)
{
	scene_init(scene);
	server_puts(scene, WEEKLY("Weekly", SECOND));
	assert_synced(scene, 201, 2, BOTH);
}

/* --- rows ------------------------------------------------------------------------------------ */

static void test_from_server(void)
{
	struct scene scene;

	scene_begin(&scene);
	/* Only what was changed is told. */
	server_puts(&scene, WEEKLY("Weekly", SECOND_MOVED));
	assert_synced(&scene, 200, 1,
		      "Much later@20100113T110000Z Weekly@20100104T090000Z-20100111T090000Z");
	server_puts(&scene, WEEKLY("Every week", SECOND_MOVED));
	assert_synced(&scene, 200, 1,
		      "Every week@20100104T090000Z-20100111T090000Z Much later@20100113T110000Z");
	server_puts(&scene, WEEKLY("Every week", SECOND_MOVED THIRD));
	assert_synced(&scene, 200, 2,
		      "Every week@20100104T090000Z-20100111T090000Z-20100118T090000Z "
		      "Much later@20100113T110000Z Third@20100118T120000Z");
	server_puts(&scene, WEEKLY("Every week", THIRD));
	assert_synced(&scene, 200, 2,
		      "Every week@20100104T090000Z-20100118T090000Z Third@20100118T120000Z");
	server_puts(&scene, NULL);
	assert_synced(&scene, 200, 2, "");
	scene_clear(&scene);
}

static void test_from_phone(void)
{
	struct scene scene;

	scene_begin(&scene);
	phone_changes(&scene.old, "Later", OLD_SINGLE("Much later", "20100113T110000"));
	assert_synced(&scene, 200, 0,
		      "Much later@20100113T110000Z Weekly@20100104T090000Z-20100111T090000Z");
	g_assert_cmpuint(server_count(&scene), ==, 1);
	phone_changes(&scene.old, "Weekly",
		      OLD_MASTER("Every week", "EXDATE:20100111T090000Z\r\n"));
	assert_synced(&scene, 200, 0,
		      "Every week@20100104T090000Z-20100111T090000Z Much later@20100113T110000Z");
	phone_deletes(&scene.old, "Much later");
	assert_synced(&scene, 200, 0, "Every week@20100104T090000Z-20100111T090000Z");
	g_assert_cmpuint(server_count(&scene), ==, 1);
	scene_clear(&scene);
}

/* What it shows as an event of its own stays when the series goes. */
static void test_phone_deletes_series(void)
{
	struct scene scene;

	scene_begin(&scene);
	phone_deletes(&scene.old, "Weekly");
	assert_synced(&scene, 200, 0, "Later@20100112T110000Z");
	g_assert_cmpuint(server_count(&scene), ==, 1);
	phone_deletes(&scene.old, "Later");
	assert_synced(&scene, 200, 0, "");
	scene_clear(&scene);
}

static void test_phone_deletes_both(void)
{
	struct scene scene;

	scene_begin(&scene);
	phone_deletes(&scene.old, "Weekly");
	phone_deletes(&scene.old, "Later");
	assert_synced(&scene, 200, 0, "");
	g_assert_cmpuint(server_count(&scene), ==, 0);
	scene_clear(&scene);
}

/* Whoever works on it meanwhile. */
static void test_phone_keeps_exception(void)
{
	struct scene scene;

	scene_begin(&scene);
	phone_deletes(&scene.old, "Weekly");
	phone_changes(&scene.old, "Later", OLD_SINGLE("Much later", "20100113T110000"));
	assert_synced(&scene, 200, 0, "Much later@20100113T110000Z");
	scene_clear(&scene);

	scene_begin(&scene);
	phone_deletes(&scene.old, "Weekly");
	server_puts(&scene, WEEKLY("Weekly", SECOND_MOVED));
	assert_synced(&scene, 200, 1, "Much later@20100113T110000Z");
	scene_clear(&scene);
}

/* The phone moves the series, and the day that it leaves out with it, or not: the exception stays
 * what it was, and the day of which it is one. */
static void test_phone_moves_series(void)
{
	static const struct {
		const char *name, *exdates, *expected;
		guint told;
	} rows[] = {
		{"with the day", "EXDATE:20100111T100000Z\r\n",
		 "Later@20100112T110000Z Weekly@20100104T100000Z-20100111T090000Z-20100111T100000Z",
		 1},
		{"without the day", "EXDATE:20100111T090000Z\r\n",
		 "Later@20100112T110000Z Weekly@20100104T100000Z-20100111T090000Z", 0},
		{"without any day", "",
		 "Later@20100112T110000Z Weekly@20100104T100000Z-20100111T090000Z", 1},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *moved =
			g_strdup_printf(OLD_EVENT("SUMMARY:Weekly\r\nDTSTART:20100104T100000Z\r\n"
						  "DTEND:20100104T110000Z\r\n"
						  "RRULE:W1 MO 20100125T110000Z\r\n%s"),
					rows[i].exdates);
		struct scene scene;

		g_test_message("%s", rows[i].name);
		scene_begin(&scene);
		phone_changes(&scene.old, "Weekly", moved);
		assert_synced(&scene, 200, rows[i].told, rows[i].expected);
		g_assert_cmpuint(server_count(&scene), ==, 1);
		scene_clear(&scene);
	}
}

/* It was deleted with us: it is back, in its series. */
static void test_exception_revived(void)
{
	struct scene scene;

	scene_begin(&scene);
	server_puts(&scene, WEEKLY("Weekly", ""));
	phone_changes(&scene.old, "Later", OLD_SINGLE("Much later", "20100113T110000"));
	assert_synced(&scene, 200, 0,
		      "Much later@20100113T110000Z Weekly@20100104T090000Z-20100111T090000Z");
	g_assert_cmpuint(server_count(&scene), ==, 1);
	scene_clear(&scene);
}

/* What becomes a series itself is no exception any more. */
static void test_exception_recurs(void)
{
	struct scene scene;

	scene_begin(&scene);
	phone_changes(&scene.old, "Later",
		      OLD_EVENT("SUMMARY:Later\r\nDTSTART:20100112T110000Z\r\n"
				"DTEND:20100112T110000Z\r\nRRULE:W1 TU #0\r\n"));
	assert_synced(&scene, 200, 0, BOTH);
	g_assert_cmpuint(server_count(&scene), ==, 2);
	scene_clear(&scene);
}

/* Two parts, changed on two sides, are no conflict. */
static void test_both_change(void)
{
	struct scene scene;

	scene_begin(&scene);
	scene.world.settings.conflict = SML_CONFLICT_DUPLICATE;
	server_puts(&scene, WEEKLY("Every week", SECOND));
	phone_changes(&scene.old, "Later", OLD_SINGLE("Much later", "20100113T110000"));
	assert_synced(&scene, 200, 1,
		      "Every week@20100104T090000Z-20100111T090000Z Much later@20100113T110000Z");
	server_puts(&scene, WEEKLY("Every Monday", SECOND_MOVED));
	phone_deletes(&scene.old, "Much later");
	assert_synced(&scene, 200, 1, "Every Monday@20100104T090000Z-20100111T090000Z");
	scene_clear(&scene);
}

/* Nobody knows which is which: they are found by what they are. */
static void test_slow(void)
{
	static const guint modes[] = {201, 203};

	for (guint i = 0; i < G_N_ELEMENTS(modes); i++) {
		struct scene scene;

		scene_begin(&scene);
		g_clear_pointer(&scene.old.last, g_free);
		assert_synced(&scene, modes[i], 0, BOTH);
		g_assert_cmpuint(server_count(&scene), ==, 1);
		scene_clear(&scene);
	}
}

/* A refresh from the client without one of them. */
static void test_refresh(void)
{
	static const struct {
		const char *deleted, *expected;
	} rows[] = {
		{"Later", "Weekly@20100104T090000Z-20100111T090000Z"},
		{"Weekly", "Later@20100112T110000Z"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct scene scene;

		scene_begin(&scene);
		phone_deletes(&scene.old, rows[i].deleted);
		assert_synced(&scene, 203, 0, rows[i].expected);
		g_assert_cmpuint(server_count(&scene), ==, 1);
		scene_clear(&scene);
	}
}

/* The same from a device that has an exception which was deleted with us. */
static void test_refresh_revives(void)
{
	struct scene scene;

	scene_begin(&scene);
	server_puts(&scene, WEEKLY("Weekly", ""));
	assert_synced(&scene, 203, 0, BOTH);
	g_assert_cmpuint(server_count(&scene), ==, 1);
	scene_clear(&scene);
}

/* In messages of the smallest size each part takes one of its own. */
static void test_small_messages(void)
{
	struct scene scene;

	scene_init(&scene);
	scene.old.max_msg_size = 2300;
	server_puts(&scene, WEEKLY("Weekly", SECOND THIRD));
	assert_synced(&scene, 201, 3,
		      "Later@20100112T110000Z Third@20100118T120000Z "
		      "Weekly@20100104T090000Z-20100111T090000Z-20100118T090000Z");
	scene_clear(&scene);
}

/* It dies after each message, and nothing is there twice. */
static void test_deaths(void)
{
	for (int at = 0; at < 4; at++) {
		struct scene scene;

		scene_init(&scene);
		server_puts(&scene, WEEKLY("Weekly", SECOND));
		scene.old.die = at;
		if (!sim_phone_sync(&scene.old, 201))
			g_assert_true(sim_phone_sync(&scene.old, 200));
		scene.old.die = -1;
		server_puts(&scene, WEEKLY("Weekly", SECOND_MOVED));
		assert_synced(
			&scene, 200, 1,
			"Much later@20100113T110000Z Weekly@20100104T090000Z-20100111T090000Z");
		scene_clear(&scene);
	}
}

/* iCalendar, and no RECURRENCE-ID: as if it were the old one. */
static void test_without_recurrence_id(void)
{
	static const char single[] =
		"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nSUMMARY:Much later\r\n"
		"DTSTART:20100113T110000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
	struct scene scene;

	scene_init(&scene);
	scene.old.type = "text/calendar";
	scene.old.version = "2.0";
	scene.old.holds = "BEGIN=VEVENT SUMMARY DTSTART DTEND RRULE EXDATE";
	server_puts(&scene, WEEKLY("Weekly", SECOND));
	assert_synced(&scene, 201, 2, BOTH);
	phone_changes(&scene.old, "Later", single);
	assert_synced(&scene, 200, 0,
		      "Much later@20100113T110000Z Weekly@20100104T090000Z-20100111T090000Z");
	g_assert_cmpuint(server_count(&scene), ==, 1);
	scene_clear(&scene);
}

/* A calendar that has no tasks is not sent any. */
static void test_events_only(void)
{
	static const char task[] =
		"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTODO\r\nSUMMARY:Task\r\n"
		"END:VTODO\r\nEND:VCALENDAR\r\n";
	static const struct {
		const char *holds;
		guint told;
	} rows[] = {
		{"BEGIN=VEVENT SUMMARY DTSTART DTEND", 0},
		{"BEGIN=VTODO SUMMARY DTSTART DTEND", 1},
		{NULL, 1},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct scene scene;

		scene_init(&scene);
		scene.old.holds = rows[i].holds;
		server_puts(&scene, task);
		g_assert_true(sim_phone_sync(&scene.old, 201));
		g_assert_cmpuint(scene.old.received, ==, rows[i].told);
		scene_clear(&scene);
	}
}

/* --- rules that the old format cannot say --------------------------------------------------- */

/* What the phone says of when and how often does not come true; all else does. */
static void test_lossy(void)
{
	/* It is September 2001. */
	static const struct {
		const char *name, *rule, *shown; /* where the phone sees it */
	} rows[] = {
		{"dates", "RDATE:20011005T090000Z,20011123T090000Z", "20011005T090000Z"},
		{"dates of a rule", "RDATE:20010109T090000Z,20010110T090000Z", "20010108T090000Z"},
		{"two rules", "RRULE:FREQ=MONTHLY;BYMONTHDAY=5\r\nRRULE:FREQ=MONTHLY;BYMONTHDAY=21",
		 "20010921T090000Z"},
		{"a rule less another",
		 "RRULE:FREQ=MONTHLY;BYMONTHDAY=5,21\r\nEXRULE:FREQ=MONTHLY;BYMONTHDAY=5", NULL},
		{"hours", "RRULE:FREQ=DAILY;BYHOUR=9,11", "20010108T090000Z"},
		{"the first of some", "RRULE:FREQ=MONTHLY;BYDAY=MO,FR;BYSETPOS=1",
		 "20011001T090000Z"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = g_strdup_printf(
			"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:l\r\nSUMMARY:Lossy"
			"\r\nDTSTART:20010108T090000Z\r\nDTEND:20010108T100000Z\r\n%s\r\n"
			"END:VEVENT\r\nEND:VCALENDAR\r\n",
			rows[i].rule);
		g_autofree char *was = NULL, *is = NULL, *after = NULL, *shown = NULL;
		struct scene scene;

		g_test_message("%s", rows[i].name);
		scene_init(&scene);
		server_puts(&scene, text);
		g_assert_true(sim_phone_sync(&scene.old, 201));
		was = server_has(&scene);
		shown = g_strdup(g_hash_table_lookup(scene.old.items, "1"));
		if (rows[i].shown != NULL) {
			g_autofree char *start = g_strdup_printf("DTSTART:%s", rows[i].shown);

			g_assert_nonnull(strstr(shown, start));
		}
		/* The phone moves it, and gives it another name. */
		sim_phone_replace(&scene.old, "1", OLD_SINGLE("Lossless", "20011020T190000"));
		g_assert_true(sim_phone_sync(&scene.old, 200));
		is = server_has(&scene);
		g_assert_true(g_str_has_prefix(is, "Lossless@"));
		g_assert_cmpstr(is + strlen("Lossless"), ==, was + strlen("Lossy"));
		/* It hears what holds. */
		g_assert_cmpuint(scene.old.received, ==, 1);
		after = g_strdup(g_hash_table_lookup(scene.old.items, "1"));
		g_assert_nonnull(strstr(after, "SUMMARY:Lossless"));
		*strstr(strstr(shown, "DTSTART"), "\r") = '\0';
		g_assert_nonnull(strstr(after, strstr(shown, "DTSTART")));
		/* Half a year later nobody knows which is which. */
		scene.old.now += 180 * 86400;
		g_clear_pointer(&scene.old.last, g_free);
		g_assert_true(sim_phone_sync(&scene.old, 201));
		g_assert_cmpuint(server_count(&scene), ==, 1);
		g_assert_cmpuint(g_hash_table_size(scene.old.items), ==, 1);
		g_assert_true(sim_phone_sync(&scene.old, 200));
		g_assert_cmpuint(scene.old.received, ==, 0);
		sync_world_assert_sound(&scene.world);
		scene_clear(&scene);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/syncml-calendar/from-server", test_from_server);
	g_test_add_func("/syncml-calendar/from-phone", test_from_phone);
	g_test_add_func("/syncml-calendar/phone-deletes-series", test_phone_deletes_series);
	g_test_add_func("/syncml-calendar/phone-deletes-both", test_phone_deletes_both);
	g_test_add_func("/syncml-calendar/phone-keeps-exception", test_phone_keeps_exception);
	g_test_add_func("/syncml-calendar/phone-moves-series", test_phone_moves_series);
	g_test_add_func("/syncml-calendar/exception-revived", test_exception_revived);
	g_test_add_func("/syncml-calendar/exception-recurs", test_exception_recurs);
	g_test_add_func("/syncml-calendar/both-change", test_both_change);
	g_test_add_func("/syncml-calendar/slow", test_slow);
	g_test_add_func("/syncml-calendar/refresh", test_refresh);
	g_test_add_func("/syncml-calendar/refresh-revives", test_refresh_revives);
	g_test_add_func("/syncml-calendar/small-messages", test_small_messages);
	g_test_add_func("/syncml-calendar/deaths", test_deaths);
	g_test_add_func("/syncml-calendar/without-recurrence-id", test_without_recurrence_id);
	g_test_add_func("/syncml-calendar/events-only", test_events_only);
	g_test_add_func("/syncml-calendar/lossy", test_lossy);
	return g_test_run();
}
