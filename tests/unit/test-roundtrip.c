/*
 * Whatever people have in their items, and whatever a device can hold of it: what it was sent and
 * sends back unchanged is no change, and taking all of it over loses nothing. For each family
 * of data/device-rules.conf, each format, with and without poor capabilities; items are made at
 * random from values that hurt.
 *
 * FANTAIL_ROUNDTRIP_ITEMS: for each of these; 24 if it is not set. A failure names its seed.
 */
#include <stdlib.h>
#include <string.h>

#include "rules.h"
#include "vobject.h"

#define NOW 1300000000 /* 2011-03-13 */

static const char *const odd[] = {
	"plain",
	"",
	",",
	";",
	"a, b; c: d",
	"back\\slash",
	"escaped\\, already\\; twice\\n",
	"\\\\",
	"ends with\\",
	"two\nlines",
	"three\n\nlines\n",
	" blanks around ",
	"a\ttab",
	"\"quoted\" 'single'",
	"=3D=0D=0A",
	"soft=\nbreak",
	"Zo\303\253 M\303\274nchen \303\237",
	"\346\227\245\346\234\254\350\252\236",
	"\360\237\230\200 \360\237\207\251\360\237\207\252",
	"e\314\201",
	"BEGIN:VCARD",
	"0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789",
	"l\303\244ngerl\303\244ngerl\303\244ngerl\303\244ngerl\303\244ngerl\303\244ngerl\303\244nge"
	"r"
	"l\303\244ngerl\303\244ngerl\303\244ngerl\303\244nger",
	"nospacenospacenospacenospacenospacenospacenospacenospacenospacenospacenospacenospace",
	"&lt;html&gt; <b>]]>",
	"+49 (89) 123-456 p99",
	"%20?&",
	".",
	"..",
};

/* --- families ------------------------------------------------------------------------------- */

struct family {
	char *name;
	struct pim_style style;
};

static GArray *families;
static struct rules *all_rules; /* whose lists they have */

/* What a glob stands for: the first of a list, stars gone. */
static char *example(GKeyFile *file, const char *section, const char *key)
{
	g_auto(GStrv) globs = g_key_file_get_string_list(file, section, key, NULL, NULL);
	GString *text = g_string_new(NULL);

	for (const char *c = globs == NULL ? "" : globs[0]; *c != '\0'; c++) {
		if (*c != '*')
			g_string_append_c(text, *c == '?' ? '0' : *c);
	}
	return g_string_free(text, FALSE);
}

static void add_family(GKeyFile *file, const char *section)
{
	g_autoptr(devinf_t) devinf = devinf_new(SML_1_2);
	g_autofree char *device_id = example(file, section, "device-id");
	g_autofree char *user_agent = example(file, section, "user-agent");
	struct device_rules found;
	struct family family = {.name = g_strdup(section)};

	devinf->man = example(file, section, "manufacturer");
	devinf->mod = example(file, section, "model");
	rules_find(all_rules, devinf, device_id, user_agent, &found);
	g_assert_nonnull(strstr(found.names, section));
	family.style = found.style;
	family.style.zone = "Europe/Berlin";
	family.style.now = NOW;
	g_array_append_val(families, family);
	device_rules_clear(&found);
}

static void load_families(void)
{
	g_autofree char *path =
		g_build_filename(g_getenv("G_TEST_SRCDIR"), "data", "device-rules.conf", NULL);
	struct family none = {"no family", {.zone = "Europe/Berlin", .now = NOW}};
	struct family other_zone = {
		"no family, elsewhere",
		{.zone = "America/New_York", .times = PIM_TIMES_LOCAL, .now = NOW}};
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) sections = NULL;

	all_rules = rules_load(NULL, &error);
	g_assert_no_error(error);
	g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, &error);
	g_assert_no_error(error);
	families = g_array_new(FALSE, FALSE, sizeof(struct family));
	g_array_append_val(families, none);
	g_array_append_val(families, other_zone);
	sections = g_key_file_get_groups(file, NULL);
	for (guint i = 0; sections[i] != NULL; i++)
		add_family(file, sections[i]);
}

/* --- capabilities --------------------------------------------------------------------------- */

static struct pim_property_limit poor[] = {
	{.name = (char *)"N", .max_size = G_MAXUINT64},
	{.name = (char *)"TEL", .max_size = 12, .max_occur = 2},
	{.name = (char *)"EMAIL", .max_size = 20, .no_truncate = TRUE, .max_occur = 1},
	{.name = (char *)"ADR", .max_size = 15, .max_occur = 1},
	{.name = (char *)"NOTE", .max_size = 10},
	{.name = (char *)"PHOTO", .max_size = 100},
	{.name = (char *)"SUMMARY", .max_size = 15},
	{.name = (char *)"DTSTART", .max_size = G_MAXUINT64},
	{.name = (char *)"DTEND", .max_size = G_MAXUINT64},
	{.name = (char *)"DUE", .max_size = G_MAXUINT64},
	{.name = (char *)"RRULE", .max_size = G_MAXUINT64},
	{.name = (char *)"EXDATE", .max_size = G_MAXUINT64},
	{.name = (char *)"AALARM", .max_size = G_MAXUINT64},
	{.name = (char *)"LOCATION", .max_size = 5, .no_truncate = TRUE},
	{.name = (char *)"BODY", .max_size = 20},
};

static struct pim_capability *poor_capability(void)
{
	struct pim_capability *capability = g_new0(struct pim_capability, 1);

	capability->components = ~0u;
	capability->properties = g_hash_table_new(g_str_hash, g_str_equal);
	for (guint i = 0; i < G_N_ELEMENTS(poor); i++)
		g_hash_table_insert(capability->properties, poor[i].name, &poor[i]);
	return capability;
}

/* --- items ---------------------------------------------------------------- */

static guint upto(GRand *random, guint count)
{
	return (guint)g_rand_int_range(random, 0, (gint32)count);
}

#define ANY(random, list) ((list)[upto(random, G_N_ELEMENTS(list))])

static struct vproperty *add_odd(GRand *random, struct vobject *object, const char *name)
{
	return vobject_add(object, name, ANY(random, odd));
}

static void add_structured(GRand *random, struct vobject *object, const char *name, guint count)
{
	struct vproperty *property = add_odd(random, object, name);

	for (guint i = 1; i < count; i++)
		vproperty_add_value(property, i, upto(random, 3) == 0 ? "" : ANY(random, odd));
}

static void add_types(GRand *random, struct vproperty *property)
{
	static const char *const types[] = {"HOME", "WORK",  "CELL", "FAX",
					    "PREF", "PAGER", "VOICE"};
	guint count = upto(random, 4);

	while (count-- > 0) {
		const char *type = ANY(random, types);

		if (!vproperty_has_type(property, type))
			vproperty_add_param(property, "TYPE", type);
	}
}

static void add_photo(GRand *random, struct vobject *card)
{
	struct vproperty *photo = vproperty_new("PHOTO");
	guint8 octets[300];
	guint len = 1 + upto(random, sizeof(octets));

	for (guint i = 0; i < len; i++)
		octets[i] = (guint8)g_rand_int(random);
	photo->binary = g_bytes_new(octets, len);
	vproperty_add_param(photo, "TYPE", "JPEG");
	g_ptr_array_add(card->properties, photo);
}

static struct vobject *make_contact(GRand *random)
{
	static const char *const texts[] = {"TITLE", "NOTE", "URL", "NICKNAME", "ROLE", "X-ODD"};
	static const char *const many[] = {"TEL", "EMAIL"};
	struct vobject *card = vobject_new("VCARD");
	guint count;

	add_structured(random, card, "N", 1 + upto(random, 5));
	if (upto(random, 2) == 0)
		add_odd(random, card, "FN");
	for (guint i = 0; i < G_N_ELEMENTS(many); i++) {
		for (count = upto(random, 6); count > 0; count--)
			add_types(random, add_odd(random, card, many[i]));
	}
	for (count = upto(random, 3); count > 0; count--) {
		add_structured(random, card, "ADR", 7);
		add_types(random, card->properties->pdata[card->properties->len - 1]);
	}
	if (upto(random, 2) == 0)
		add_structured(random, card, "ORG", 1 + upto(random, 3));
	for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
		if (upto(random, 2) == 0)
			add_odd(random, card, texts[i]);
	}
	if (upto(random, 2) == 0)
		vobject_add(card, "BDAY", upto(random, 2) == 0 ? "19700131" : "1955-12-01");
	if (upto(random, 3) == 0)
		add_photo(random, card);
	if (upto(random, 3) == 0) {
		struct vproperty *categories = add_odd(random, card, "CATEGORIES");

		vproperty_add_value(categories, 0, ANY(random, odd));
	}
	return card;
}

static void add_alarm(GRand *random, struct vobject *event)
{
	static const char *const triggers[] = {"-PT15M", "PT0S", "-P1D", "-PT1H30M", "PT5M"};
	struct vobject *alarm = vobject_new("VALARM");

	vobject_add(alarm, "ACTION", upto(random, 2) == 0 ? "DISPLAY" : "AUDIO");
	vobject_add(alarm, "TRIGGER", ANY(random, triggers));
	if (upto(random, 2) == 0)
		add_odd(random, alarm, "DESCRIPTION");
	g_ptr_array_add(event->children, alarm);
}

static void add_texts(GRand *random, struct vobject *event)
{
	static const char *const texts[] = {"DESCRIPTION", "LOCATION", "X-ODD", "URL"};

	add_odd(random, event, "SUMMARY");
	for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
		if (upto(random, 2) == 0)
			add_odd(random, event, texts[i]);
	}
	if (upto(random, 3) == 0) {
		struct vproperty *categories = add_odd(random, event, "CATEGORIES");

		vproperty_add_value(categories, 0, ANY(random, odd));
	}
	if (upto(random, 3) == 0)
		vobject_add(event, "CLASS", upto(random, 2) == 0 ? "PRIVATE" : "CONFIDENTIAL");
	if (upto(random, 3) == 0) {
		g_autofree char *number = g_strdup_printf("%u", upto(random, 10));

		vobject_add(event, "PRIORITY", number);
	}
}

static void set_times(GRand *random, struct vobject *event)
{
	static const char *const starts[] = {"20100104T090000", "20100328T023000",
					     "20101031T013000", "20100701T000000",
					     "19790601T120000", "20120229T235900"};
	static const char *const days[] = {"20100104", "20100328", "19790601", "20120229"};
	struct vproperty *start;

	switch (upto(random, 4)) {
	case 0:
		start = vobject_add(event, "DTSTART", ANY(random, days));
		vproperty_add_param(start, "VALUE", "DATE");
		if (upto(random, 2) == 0)
			vobject_add(event, "DURATION", "P3D");
		return;
	case 1:
		start = vobject_add(event, "DTSTART", ANY(random, starts));
		vproperty_add_param(start, "TZID", "America/New_York");
		break;
	case 2:
		start = vobject_add(event, "DTSTART", ANY(random, starts));
		vproperty_add_param(start, "TZID", "Europe/Berlin");
		break;
	default: {
		g_autofree char *utc = g_strconcat(ANY(random, starts), "Z", NULL);

		vobject_add(event, "DTSTART", utc);
	}
	}
	if (upto(random, 3) > 0)
		vobject_add(event, "DURATION", upto(random, 2) == 0 ? "PT1H" : "P1DT2H");
}

static struct vobject *make_event(GRand *random)
{
	static const char *const rules[] = {
		"FREQ=DAILY",
		"FREQ=DAILY;INTERVAL=2;COUNT=10",
		"FREQ=WEEKLY;BYDAY=MO,WE",
		"FREQ=WEEKLY;UNTIL=20121231T230000Z",
		"FREQ=MONTHLY;BYDAY=-1FR;COUNT=5",
		"FREQ=MONTHLY;BYMONTHDAY=-1",
		"FREQ=MONTHLY;BYMONTHDAY=1,15",
		"FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=1",
		"FREQ=YEARLY",
		"FREQ=YEARLY;BYMONTH=5;BYDAY=2SU",
		"FREQ=YEARLY;BYYEARDAY=100;COUNT=3",
		"FREQ=DAILY;BYHOUR=8,9",
	};
	struct vobject *calendar = vobject_new("VCALENDAR"), *event = vobject_new("VEVENT");
	guint alarms;

	g_ptr_array_add(calendar->children, event);
	set_times(random, event);
	add_texts(random, event);
	if (upto(random, 2) == 0)
		vobject_add(event, "RRULE", ANY(random, rules));
	if (upto(random, 3) == 0)
		vobject_add(event, "TRANSP", "TRANSPARENT");
	for (alarms = upto(random, 3); alarms > 0; alarms--)
		add_alarm(random, event);
	return calendar;
}

static struct vobject *make_task(GRand *random)
{
	static const char *const dues[] = {"20100104T090000Z", "20100701T220000Z",
					   "20121231T120000Z"};
	static const char *const statuses[] = {"NEEDS-ACTION", "IN-PROCESS", "COMPLETED"};
	struct vobject *calendar = vobject_new("VCALENDAR"), *task = vobject_new("VTODO");

	g_ptr_array_add(calendar->children, task);
	add_texts(random, task);
	if (upto(random, 2) == 0)
		vobject_add(task, "DUE", ANY(random, dues));
	if (upto(random, 2) == 0)
		vobject_add(task, "STATUS", ANY(random, statuses));
	if (upto(random, 3) == 0)
		vobject_add(task, "PERCENT-COMPLETE", "50");
	return calendar;
}

static struct vobject *make_note(GRand *random)
{
	struct vobject *note = vobject_new("VNOTE");

	add_odd(random, note, "BODY");
	if (upto(random, 2) == 0)
		add_odd(random, note, "CATEGORIES");
	return note;
}

/* --- what has to hold ------------------------------------------------------------------------- */

struct kind {
	const char *name;
	struct vobject *(*make)(GRand *random);
	enum vdialect dialect; /* of the normal form */
	enum pim_format parsed, formats[3];
	guint count;
	enum pim_component component;
};
static const struct kind kinds[] = {
	{"contact",
	 make_contact,
	 VCARD_4_0,
	 PIM_VCARD_4_0,
	 {PIM_VCARD_2_1, PIM_VCARD_3_0, PIM_VCARD_4_0},
	 3,
	 PIM_CONTACT},
	{"event",
	 make_event,
	 ICALENDAR_2_0,
	 PIM_ICALENDAR_2_0,
	 {PIM_VCALENDAR_1_0, PIM_ICALENDAR_2_0},
	 2,
	 PIM_EVENT},
	{"task",
	 make_task,
	 ICALENDAR_2_0,
	 PIM_ICALENDAR_2_0,
	 {PIM_VCALENDAR_1_0, PIM_ICALENDAR_2_0},
	 2,
	 PIM_TASK},
	{"note", make_note, VNOTE_1_1, PIM_VNOTE_1_1, {PIM_PLAIN_TEXT, PIM_VNOTE_1_1}, 2, PIM_NOTE},
};

struct trial {
	const struct kind *kind;
	const struct family *family;
	enum pim_format format;
	const struct pim_capability *capability;
	guint32 seed;
	const struct pim_item *ours;
	const char *sent;
};

static char *stored_text(const struct pim_item *item)
{
	g_autoptr(GBytes) stored = pim_item_stored(item);
	gsize len;
	const char *text = g_bytes_get_data(stored, &len);

	return g_strndup(text, len);
}

static guint failures;

static void assert_same(const struct trial *trial, const char *what, const struct pim_item *a,
			const struct pim_item *b)
{
	g_autofree char *x = NULL, *y = NULL, *ours = NULL;
	struct pim_groups left, right;
	pim_group_mask differ;

	pim_item_groups(a, &left);
	pim_item_groups(b, &right);
	differ = pim_groups_differ(&left, &right);
	if (differ == 0)
		return;
	g_test_fail();
	if (failures++ >= 10)
		return;
	x = stored_text(a);
	y = stored_text(b);
	ours = stored_text(trial->ours);
	g_printerr("%s: %s of seed %u, %s, %s %s%s: ", what, trial->kind->name, trial->seed,
		   trial->family->name, pim_format_type(trial->format),
		   pim_format_version(trial->format), trial->capability == NULL ? "" : ", poor");
	for (guint i = 0; i < PIM_GROUPS; i++) {
		if ((differ & 1u << i) != 0)
			g_printerr("%s ", pim_group_name(trial->kind->component, i));
	}
	g_printerr("\n--- ours\n%s--- sent\n%s\n--- one\n%s--- other\n%s\n", ours, trial->sent, x,
		   y);
}

static void run_trial(struct trial *trial)
{
	const struct pim_style *style = &trial->family->style;
	g_autoptr(GRand) random = g_rand_new_with_seed(trial->seed);
	g_autoptr(vobject_t) made = trial->kind->make(random);
	GString *text = vobject_write(made, trial->kind->dialect, NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(pim_item_t) ours =
		pim_item_parse(trial->kind->parsed, text->str, text->len, NULL, &error);
	g_autoptr(pim_item_t) projected = NULL, twice = NULL, back = NULL, all = NULL, none = NULL;
	struct pim_groups had, has;
	GString *sent;

	g_assert_no_error(error);
	g_string_free(text, TRUE);
	trial->ours = ours;
	sent = pim_item_write(ours, trial->format, style, trial->capability);
	trial->sent = sent->str;
	projected = pim_item_project(ours, trial->format, style, trial->capability);
	back = pim_item_parse(trial->format, sent->str, sent->len, style, &error);
	if (error != NULL)
		g_error("%s: what was sent cannot be read: %s\n%s", trial->family->name,
			error->message, sent->str);
	/* It comes back as we expect it, so it is no change. */
	assert_same(trial, "echo", projected, back);
	pim_item_groups(projected, &had);
	pim_item_groups(back, &has);
	none = pim_item_merge(ours, back, pim_groups_differ(&had, &has), trial->format, style,
			      trial->capability);
	assert_same(trial, "not changed", ours, none);
	/* Nor is anything lost if all of it is taken over; but for a rule that cannot be said. */
	if (!pim_item_is_lossy(ours, trial->format)) {
		all = pim_item_merge(ours, back, ~0u, trial->format, style, trial->capability);
		assert_same(trial, "taken over", ours, all);
		twice = pim_item_project(all, trial->format, style, trial->capability);
		assert_same(trial, "second round", projected, twice);
	}
	/* A good device has all of it. */
	if (trial->family == &g_array_index(families, struct family, 0) &&
	    trial->capability == NULL && trial->format == trial->kind->parsed)
		assert_same(trial, "all of it", ours, back);
	g_string_free(sent, TRUE);
}

static void test_kind(gconstpointer data)
{
	const char *wanted = g_getenv("FANTAIL_ROUNDTRIP_ITEMS");
	guint items = wanted == NULL ? 24 : (guint)strtoul(wanted, NULL, 10);
	struct pim_capability *capability = poor_capability();
	struct trial trial = {.kind = data};
	guint32 seed = 0;

	for (guint i = 0; i < families->len; i++) {
		trial.family = &g_array_index(families, struct family, i);
		for (guint j = 0; j < trial.kind->count; j++) {
			trial.format = trial.kind->formats[j];
			for (guint k = 0; k < items; k++) {
				trial.capability = k % 2 == 0 ? NULL : capability;
				trial.seed = seed++;
				run_trial(&trial);
			}
		}
	}
	g_hash_table_unref(capability->properties);
	g_free(capability);
}

/* Of no grammar, but the store's has one. */
static void test_plain_text(void)
{
	static const char *const texts[] = {"a\r\nb\rc\n", "a\001\tb", "\344", "\201\377"};

	for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(pim_item_t) note =
			pim_item_parse(PIM_PLAIN_TEXT, texts[i], strlen(texts[i]), NULL, NULL);
		g_autoptr(GBytes) stored = pim_item_stored(note);
		gsize len;
		const char *text = g_bytes_get_data(stored, &len);
		g_autoptr(pim_item_t) loaded = pim_item_load(PIM_NOTE, text, len, NULL);
		guint8 had[16], has[16];

		g_test_message("%s", text);
		pim_item_hash(note, had);
		pim_item_hash(loaded, has);
		g_assert_cmpmem(had, sizeof(had), has, sizeof(has));
	}
}

int main(int argc, char **argv)
{
	int result;

	g_test_init(&argc, &argv, NULL);
	load_families();
	for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
		g_autofree char *name = g_strdup_printf("/roundtrip/%s", kinds[i].name);

		g_test_add_data_func(name, &kinds[i], test_kind);
	}
	g_test_add_func("/roundtrip/plain-text", test_plain_text);
	result = g_test_run();
	rules_unref(all_rules);
	return result;
}
