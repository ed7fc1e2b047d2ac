#include "rules.h"

#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "config-table.h"

static char *write_file(const char *text)
{
	g_autoptr(GError) error = NULL;
	char *path = NULL;
	int fd = g_file_open_tmp("fantail-rules-XXXXXX", &path, &error);

	g_assert_no_error(error);
	close(fd);
	g_file_set_contents(path, text, -1, &error);
	g_assert_no_error(error);
	return path;
}

/* The built-in ones, then `text`. */
static struct rules *load(const char *text, char **path_r, GError **error)
{
	g_autofree char *path = write_file(text);
	const char *const paths[] = {path, NULL};
	struct rules *rules = rules_load(paths, error);

	g_unlink(path);
	if (path_r != NULL)
		*path_r = g_steal_pointer(&path);
	return rules;
}

static struct devinf *device(const char *man, const char *mod, const char *software)
{
	struct devinf *devinf = devinf_new(SML_1_1);

	devinf->man = g_strdup(man);
	devinf->mod = g_strdup(mod);
	devinf->sw_version = g_strdup(software);
	return devinf;
}

static void test_families(void)
{
	static const struct {
		const char *man, *mod, *device_id, *user_agent, *names;
	} rows[] = {
		{"Nokia", "6230i", "IMEI:1", NULL, "Nokia, Nokia S40"},
		{"NOKIA", "6230I", "IMEI:1", NULL, "Nokia, Nokia S40"},
		{"Nokia", "N95", "IMEI:1", NULL, "Nokia, Nokia S60 3rd edition and later"},
		{"Nokia", "7610", "IMEI:1", NULL, "Nokia, Nokia S60 before 3rd edition"},
		{"Nokia", "9300", "IMEI:1", NULL, "Nokia, Nokia communicators"},
		{"SonyEricsson", "T610", "IMEI:1", NULL,
		 "Sony Ericsson, Sony Ericsson of the first years, Sony Ericsson with a wrong "
		 "summer "
		 "time"},
		{"Nokia", "E51", "IMEI:1", NULL,
		 "Nokia, Nokia S60 3rd edition and later, Nokia E series"},
		{"SonyEricsson", "W910i", "IMEI:1", NULL,
		 "Sony Ericsson, Sony Ericsson with a wrong summer time, Sony Ericsson W910"},
		{"SonyEricsson", "M600i", "IMEI:1", NULL, "Sony Ericsson, UIQ"},
		{"Ericsson", "T68i", "IMEI:1", NULL, "Ericsson"},
		{"Siemens", "S55", "IMEI:1", NULL, "Siemens"},
		{"Patrick Ohly", "SyncEvolution", "sc-pim-1", NULL, "SyncEvolution"},
		{"Other", "X", "fbb-123", NULL, "Funambol and SyncJe on BlackBerry"},
		{"Other", "X", "IMEI:1", "X Synthesis/3 Palm OS", "Palm with Synthesis"},
		{"Other", "X", "IMEI:1", NULL, ""},
		{NULL, NULL, NULL, NULL, ""},
	};
	g_autoptr(GError) error = NULL;
	g_autoptr(rules_t) rules = rules_load(NULL, &error);

	g_assert_no_error(error);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(devinf_t) devinf =
			rows[i].man == NULL ? NULL : device(rows[i].man, rows[i].mod, NULL);
		struct device_rules found;

		rules_find(rules, devinf, rows[i].device_id, rows[i].user_agent, &found);
		g_assert_cmpstr(found.names, ==, rows[i].names);
		device_rules_clear(&found);
	}
}

/* Later ones over earlier, key by key; a key that is not said stays. */
static void test_order(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(rules_t) rules = load("[all]\n"
					"fallback-charset = ISO-8859-2\n"
					"[mine]\n"
					"manufacturer = nokia\n"
					"software = V 05.*\n"
					"local-time = no\n"
					"reject = 503\n"
					"all-day = 2359\n",
					NULL, &error);
	g_autoptr(devinf_t) devinf = device("Nokia", "6230", "v 05.24");
	g_autoptr(devinf_t) other = device("Nokia", "6230", "V 06.00");
	struct device_rules found;

	g_assert_no_error(error);
	rules_find(rules, devinf, "x", NULL, &found);
	g_assert_cmpstr(found.names, ==, "Nokia, Nokia S40, all, mine");
	g_assert_cmpint(found.style.times, ==, PIM_TIMES_UTC);
	g_assert_cmpint(found.style.all_day, ==, PIM_ALL_DAY_2359);
	g_assert_cmpint(found.style.min_time, ==, 315532800);
	g_assert_cmpstr(found.style.fallback_charset, ==, "ISO-8859-2");
	g_assert_true(found.limited_lengths);
	g_assert_true(found.ignore_max_size); /* which sizes that hold override */
	g_assert_cmpuint(found.reject, ==, 503);
	g_assert_cmpuint(found.msg_size_percent, ==, 70);
	device_rules_clear(&found);

	rules_find(rules, other, "x", NULL, &found);
	g_assert_cmpstr(found.names, ==, "Nokia, Nokia S40, all");
	g_assert_cmpint(found.style.times, ==, PIM_TIMES_LOCAL);
	g_assert_cmpuint(found.reject, ==, 0);
	device_rules_clear(&found);
}

/* --- what comes of them -------------------------------------------------------------------- */

#define CARD(lines) "BEGIN:VCARD\r\nVERSION:2.1\r\nN:A;B\r\n" lines "END:VCARD\r\n"
#define OURS(lines) "BEGIN:VCARD\r\nVERSION:4.0\r\nN:A;B\r\n" lines "END:VCARD\r\n"
#define ENTRY(version, lines)                                                               \
	"BEGIN:VCALENDAR\r\nVERSION:" version "\r\nBEGIN:VEVENT\r\n" lines "END:VEVENT\r\n" \
	"END:VCALENDAR\r\n"
#define TIMES "DTSTART:20100104T090000Z\r\nDTEND:20100104T100000Z\r\n"
#define DAY "DTSTART;VALUE=DATE:20100104\r\n"

/* `ours` is sent to the device; what it has then, less `changed`, is what it `says`, and `all` is
 * what we have after that. Lines with '|' between: those of the item that count, in their order. */
struct effect {
	const char *name, *man, *mod, *ours, *has, *says, *all;
	const char *holds; /* its capabilities, with blanks between; NULL = it says none */
};

static const struct effect effects[] = {
	{.name = "at most one number of each kind",
	 .man = "Nokia",
	 .mod = "6230i",
	 .ours = OURS("TEL;TYPE=cell,work:1\r\nTEL;TYPE=cell:2\r\nTEL;TYPE=home:3\r\n"
		      "TEL;TYPE=home:4\r\nTEL;TYPE=home:5\r\n"),
	 .has = "TEL;CELL:2|TEL;HOME:3|TEL;WORK:1|TEL;VOICE:4",
	 .says = CARD("TEL;CELL:22\r\nTEL;HOME:3\r\nTEL;WORK:1\r\nTEL;VOICE:4\r\n"),
	 .all = "TEL;TYPE=CELL;TYPE=WORK:1|TEL;TYPE=CELL:22|TEL;TYPE=HOME:3|TEL;TYPE=HOME:4|"
		"TEL;TYPE=HOME:5"},
	{.name = "faxes in their order",
	 .man = "Nokia",
	 .mod = "6230i",
	 .ours = OURS("TEL;TYPE=fax:1\r\nTEL;TYPE=work,fax:2\r\nTEL;TYPE=home,fax:3\r\n"
		      "TEL;TYPE=fax:4\r\n"),
	 .has = "TEL;HOME;FAX:3|TEL;WORK;FAX:2|TEL;FAX:1",
	 .says = CARD("TEL;FAX;HOME:3\r\nTEL;FAX;WORK:2\r\nTEL;FAX:11\r\n"),
	 .all = "TEL;TYPE=FAX:11|TEL;TYPE=FAX;TYPE=WORK:2|TEL;TYPE=FAX;TYPE=HOME:3|"
		"TEL;TYPE=FAX:4"},
	{.name = "a car is where a voice is",
	 .man = "Nokia",
	 .mod = "N95",
	 .ours = OURS("TEL;TYPE=car:1\r\n"),
	 .has = "TEL;CAR:1",
	 .says = CARD("TEL;VOICE;CAR:1\r\n"),
	 .all = "TEL;TYPE=CAR:1"},
	{.name = "an address is at home",
	 .man = "Nokia",
	 .mod = "N95",
	 .ours = OURS("ADR;TYPE=home:;;S\r\nADR;TYPE=work:;;W\r\n"),
	 .has = "ADR;HOME:;;S;;;;|ADR;WORK:;;W;;;;",
	 .says = CARD("ADR:;;S;;;;\r\nADR;WORK:;;W;;;;\r\n"),
	 .all = "ADR;TYPE=HOME:;;S|ADR;TYPE=WORK:;;W"},
	{.name = "three addresses, and three of e-mail in their order",
	 .man = "Nokia",
	 .mod = "6230i",
	 .ours = OURS("ADR;TYPE=work:;;1\r\nADR;TYPE=work:;;2\r\nADR;TYPE=home:;;3\r\n"
		      "ADR;TYPE=home:;;4\r\nEMAIL;TYPE=work:w\r\nEMAIL;TYPE=home:h\r\n"
		      "EMAIL:g\r\n"),
	 .has = "ADR;HOME:;;3;;;;|ADR;WORK:;;1;;;;|ADR:;;2;;;;|EMAIL;INTERNET:g|"
		"EMAIL;HOME;INTERNET:h|EMAIL;WORK;INTERNET:w",
	 .says = CARD("ADR;HOME:;;3;;;;\r\nADR;WORK:;;11;;;;\r\nADR:;;2;;;;\r\n"
		      "EMAIL;INTERNET:g\r\nEMAIL;HOME;INTERNET:h\r\n"),
	 .all = "ADR;TYPE=WORK:;;11|ADR;TYPE=WORK:;;2|ADR;TYPE=HOME:;;3|ADR;TYPE=HOME:;;4|"
		"EMAIL;TYPE=HOME:h|EMAIL:g"},
	{.name = "a name has two parts",
	 .man = "Nokia",
	 .mod = "6230i",
	 .ours = "BEGIN:VCARD\r\nVERSION:4.0\r\nN:A;B;M;Dr.;jun.\r\nEND:VCARD\r\n",
	 .has = "N:A;B;;;",
	 .says = "BEGIN:VCARD\r\nVERSION:2.1\r\nN:A;C\r\nEND:VCARD\r\n",
	 .all = "N:A;C;M;Dr.;jun."},
	{.name = "a nickname as Symbian calls it",
	 .man = "Nokia",
	 .mod = "N95",
	 .ours = OURS("NICKNAME:Al\r\n"),
	 .has = "X-EPOCSECONDNAME:Al",
	 .says = CARD("X-EPOCSECONDNAME:Bo\r\n"),
	 .all = "NICKNAME:Bo"},
	{.name = "categories as E series have them",
	 .man = "Nokia",
	 .mod = "E51",
	 .ours = OURS("CATEGORIES:Work,Golf\r\n"),
	 .has = "CATEGORIES:X-Work;X-Golf",
	 .says = CARD("CATEGORIES:X-Golf\r\n"),
	 .all = "CATEGORIES:Golf"},
	{.name = "places without an address",
	 .man = "Nokia",
	 .mod = "9300",
	 .ours = OURS("ADR;TYPE=work:;;1\r\nADR;TYPE=work:;;2\r\n"),
	 .has = "ADR;HOME:;;;;;;|ADR;WORK:;;1;;;;|ADR;WORK:;;2;;;;",
	 .says = CARD("ADR;HOME:;;;;;;\r\nADR;WORK:;;1;;;;\r\nADR;WORK:;;22;;;;\r\n"),
	 .all = "ADR;TYPE=WORK:;;1|ADR;TYPE=WORK:;;22"},
	{.name = "the preferred number is there again",
	 .man = "Nokia",
	 .mod = "9300",
	 .ours = OURS("TEL;TYPE=cell:+1 2\r\nTEL;PREF=1;TYPE=home:3\r\n"),
	 .has = "TEL;CELL:+1 2|TEL;HOME:3|ADR;HOME:;;;;;;|ADR;WORK:;;;;;;",
	 .says = CARD("TEL;PREF;VOICE:+12\r\nTEL;CELL:+1 2\r\nTEL;HOME:3\r\n"),
	 .all = "TEL;TYPE=CELL:+1 2|TEL;TYPE=HOME;TYPE=PREF:3"},
	{.name = "a picture without its type",
	 .man = "Nokia",
	 .mod = "7610",
	 .ours = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:A;B\r\nPHOTO;ENCODING=b;TYPE=PNG:AAEC\r\n"
		 "END:VCARD\r\n",
	 .has = "PHOTO;ENCODING=BASE64:",
	 .says = CARD("PHOTO;ENCODING=BASE64:\r\n AAEC\r\n\r\n"),
	 .all = "PHOTO;TYPE=PNG:data:image/png;base64,AAEC"},
	{.name = "a day is a memo",
	 .man = "Nokia",
	 .mod = "6230i",
	 .ours = ENTRY("2.0", DAY "SUMMARY:x\r\nCATEGORIES:Golf\r\n"),
	 .has = "SUMMARY:x|CATEGORIES:Golf;SPECIAL OCCASION",
	 .says = ENTRY("1.0", "DTSTART:20100104T000000\r\nDTEND:20100105T000000\r\nSUMMARY:x\r\n"
			      "CATEGORIES:SPECIAL OCCASION\r\n"),
	 .all = "SUMMARY:x"},
	{.name = "an event is none",
	 .man = "Nokia",
	 .mod = "6230i",
	 .ours = ENTRY("2.0", TIMES "SUMMARY:x\r\n"),
	 .has = "SUMMARY:x",
	 .says = ENTRY("1.0", TIMES "SUMMARY:x\r\nCATEGORIES:MEETING\r\n"),
	 .all = "SUMMARY:x|CATEGORIES:MEETING"},
	{.name = "a number without types, and categories that are none",
	 .man = "SonyEricsson",
	 .mod = "K750i",
	 .ours = OURS("TEL;TYPE=voice:1\r\nCATEGORIES:Golf\r\n"),
	 .has = "TEL;VOICE:1",
	 .says = CARD("TEL:1\r\nCATEGORIES:odd\r\n"),
	 .all = "TEL;TYPE=VOICE:1|CATEGORIES:Golf"},
	{.name = "a fax that would become a mobile",
	 .man = "SonyEricsson",
	 .mod = "W910i",
	 .ours = OURS("TEL;TYPE=work,fax:1\r\nTEL;TYPE=cell:2\r\n"),
	 .has = "TEL;CELL:2",
	 .says = CARD("TEL;CELL:22\r\n"),
	 .all = "TEL;TYPE=FAX;TYPE=WORK:1|TEL;TYPE=CELL:22"},
	{.name = "a field of the calendar that has nothing",
	 .man = "SonyEricsson",
	 .mod = "K750i",
	 .ours = ENTRY("2.0", TIMES "SUMMARY:x\r\nLOCATION:y\r\n"),
	 .has = "SUMMARY:x|LOCATION:y|DESCRIPTION:-",
	 .says = ENTRY("1.0", TIMES "SUMMARY:x\r\nLOCATION:-\r\nDESCRIPTION:-\r\n"),
	 .all = "SUMMARY:x"},
	{.name = "empty fields are of the event, and texts",
	 .man = "Nokia",
	 .mod = "9300",
	 .holds = "BEGIN SUMMARY LOCATION DTSTART DTEND RRULE",
	 .ours = ENTRY("2.0", TIMES "SUMMARY:x\r\nDESCRIPTION:y\r\n"),
	 .has = "SUMMARY:x|LOCATION:",
	 .says = ENTRY("1.0", TIMES "SUMMARY:x\r\nLOCATION:z\r\n"),
	 .all = "SUMMARY:x|DESCRIPTION:y|LOCATION:z"},
	{.name = "a nickname, by the name that the device has for it",
	 .man = "Nokia",
	 .mod = "N95",
	 .holds = "N X-EPOCSECONDNAME",
	 .ours = OURS("NICKNAME:Al\r\nNOTE:n\r\n"),
	 .has = "X-EPOCSECONDNAME:Al",
	 .says = CARD("X-EPOCSECONDNAME:Bo\r\n"),
	 .all = "NICKNAME:Bo|NOTE:n"},
	{.name = "a nickname, where the device has the name that others have",
	 .man = "Nokia",
	 .mod = "N95",
	 .holds = "N X-NICKNAME",
	 .ours = OURS("NICKNAME:Al\r\n"),
	 .has = "X-NICKNAME:Al",
	 .says = CARD("X-NICKNAME:Bo\r\n"),
	 .all = "NICKNAME:Bo"},
	{.name = "UIQ counts what it has several of",
	 .man = "SonyEricsson",
	 .mod = "P910i",
	 .ours = OURS("TEL;TYPE=home:1\r\nTEL;TYPE=home:2\r\nCATEGORIES:Golf\r\n"),
	 .has = "TEL;HOME:1|TEL;HOME:2|CATEGORIES:Golf",
	 .says = CARD("TEL;HOME;X-SYNCMLREF1:1\r\nTEL;HOME;X-SYNCMLREF2:22\r\n"
		      "CATEGORIES:Golf\r\n"),
	 .all = "TEL;TYPE=HOME:1|TEL;TYPE=HOME:22|CATEGORIES:Golf"},
	{.name = "an e-mail address that is none",
	 .man = "Motorola",
	 .mod = "V3",
	 .ours = OURS("TEL:12\r\nTEL:office\r\nNICKNAME:Al\r\nCATEGORIES:Golf\r\n"),
	 .has = "TEL:12|X-MOT-NICKNAME:Al|X-MOT-CAT:Golf|EMAIL;INTERNET:-",
	 .says = CARD("TEL:13\r\nX-MOT-NICKNAME:Al\r\nX-MOT-CAT:Golf\r\nEMAIL;INTERNET:-\r\n"),
	 .all = "TEL:13|TEL:office|NICKNAME:Al|CATEGORIES:Golf"},
	{.name = "one address, and a fax at work",
	 .man = "Siemens",
	 .mod = "S65",
	 .ours = OURS("ADR;TYPE=home:;;1\r\nADR;TYPE=home:;;2\r\nTEL;TYPE=work,fax:3\r\n"),
	 .has = "ADR;WORK:;;1;;;;|TEL;FAX;WORK:3",
	 .says = CARD("ADR;WORK:;;11;;;;\r\nTEL;FAX:3\r\n"),
	 .all = "ADR;TYPE=HOME:;;11|ADR;TYPE=HOME:;;2|TEL;TYPE=FAX;TYPE=WORK:3"},
	{.name = "a description that is the title again, and no priority",
	 .man = "Siemens",
	 .mod = "S65",
	 .ours = ENTRY("2.0", TIMES "SUMMARY:x\r\nPRIORITY:1\r\n"),
	 .has = "SUMMARY:x|DESCRIPTION:x",
	 .says = ENTRY("1.0", TIMES "SUMMARY:y\r\nDESCRIPTION:y\r\nPRIORITY:3\r\n"),
	 .all = "SUMMARY:y|PRIORITY:1"},
	{.name = "a title that comes as a description",
	 .man = "Siemens",
	 .mod = "S65",
	 .ours = ENTRY("2.0", TIMES "SUMMARY:x\r\nLOCATION:z\r\n"),
	 .has = "SUMMARY:x|LOCATION:z|DESCRIPTION:x",
	 .says = ENTRY("1.0", TIMES "DESCRIPTION:y\r\nLOCATION:z\r\n"),
	 .all = "SUMMARY:y|LOCATION:z"},
	{.name = "what an e-mail address is for is where it stands",
	 .man = "Panasonic",
	 .mod = "X70",
	 .ours = OURS("EMAIL;TYPE=work:w\r\nEMAIL:more\r\n"),
	 .has = "EMAIL;INTERNET:|EMAIL;INTERNET:w",
	 .says = CARD("EMAIL;INTERNET:h\r\nEMAIL;INTERNET:ww\r\n"),
	 .all = "EMAIL;TYPE=WORK:ww|EMAIL:more|EMAIL;TYPE=HOME:h"},
};

static gboolean counts(const char *line)
{
	static const char *const not [] = {"BEGIN:", "END:", "VERSION:", "UID:",     "FN:",
					   "PRODID", "DT",   " ",        "N:A;B;;;", "N:A;B|"};

	for (guint i = 0; i < G_N_ELEMENTS(not ); i++) {
		if (g_str_has_prefix(line, not [i]))
			return FALSE;
	}
	return *line != '\0' && strcmp(line, "N:A;B") != 0;
}

/* The lines that count, with '|' between. */
static char *lines_of(const char *text, const char *wanted)
{
	g_auto(GStrv) lines = g_strsplit(text, "\r\n", -1);
	GString *joined = g_string_new(NULL);

	for (guint i = 0; lines[i] != NULL; i++) {
		if (counts(lines[i]) ||
		    (g_str_has_prefix(lines[i], "N:") && g_str_has_prefix(wanted, "N:")))
			g_string_append_printf(joined, "%s%s", joined->len > 0 ? "|" : "",
					       lines[i]);
	}
	return g_string_free(joined, FALSE);
}

/* NULL for what says nothing. */
static struct pim_capability *capability_of(const char *holds)
{
	struct pim_capability *capability;
	g_auto(GStrv) names = NULL;

	if (holds == NULL)
		return NULL;
	capability = g_new0(struct pim_capability, 1);
	capability->components = ~0u;
	capability->properties = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
	names = g_strsplit(holds, " ", -1);
	for (guint i = 0; names[i] != NULL; i++) {
		struct pim_property_limit *limit = g_new0(struct pim_property_limit, 1);

		limit->name = (char *)g_intern_string(names[i]);
		limit->max_size = G_MAXUINT64;
		g_hash_table_insert(capability->properties, limit->name, limit);
	}
	return capability;
}

static void capability_free(struct pim_capability *capability)
{
	if (capability != NULL)
		g_hash_table_unref(capability->properties);
	g_free(capability);
}

static void test_effect(gconstpointer data)
{
	const struct effect *row = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(rules_t) rules = rules_load(NULL, &error);
	g_autoptr(devinf_t) devinf = device(row->man, row->mod, NULL);
	g_autoptr(pim_item_t) ours = NULL, projected = NULL, theirs = NULL, merged = NULL;
	g_autofree char *has = NULL, *all = NULL, *text = NULL;
	g_autoptr(GBytes) stored = NULL;
	gboolean is_card = g_str_has_prefix(row->ours, "BEGIN:VCARD");
	enum pim_format format = is_card ? PIM_VCARD_2_1 : PIM_VCALENDAR_1_0;
	struct pim_capability *capability = capability_of(row->holds);
	struct pim_groups had, said;
	struct device_rules found;
	GString *sent;
	gsize len;

	g_assert_no_error(error);
	rules_find(rules, devinf, "x", NULL, &found);
	ours = pim_item_parse(is_card ? PIM_VCARD_4_0 : PIM_ICALENDAR_2_0, row->ours,
			      strlen(row->ours), NULL, &error);
	g_assert_no_error(error);
	sent = pim_item_write(ours, format, &found.style, capability);
	has = lines_of(sent->str, row->has);
	g_assert_cmpstr(has, ==, row->has);

	theirs = pim_item_parse(format, row->says, strlen(row->says), &found.style, &error);
	g_assert_no_error(error);
	projected = pim_item_project(ours, format, &found.style, capability);
	pim_item_groups(projected, &had);
	pim_item_groups(theirs, &said);
	merged = pim_item_merge(ours, theirs, pim_groups_differ(&had, &said), format, &found.style,
				capability);
	stored = pim_item_stored(merged);
	text = g_strndup(g_bytes_get_data(stored, &len), g_bytes_get_size(stored));
	all = lines_of(text, row->all);
	g_assert_cmpstr(all, ==, row->all);
	g_string_free(sent, TRUE);
	capability_free(capability);
	device_rules_clear(&found);
}

static guint sections_read;

gboolean __real_config_table_read(const struct config_table *table, void *config,
				  const struct keyfile_section *section, const char *path,
				  GError **error);
gboolean __wrap_config_table_read(const struct config_table *table, void *config,
				  const struct keyfile_section *section, const char *path,
				  GError **error);

gboolean __wrap_config_table_read(const struct config_table *table, void *config,
				  const struct keyfile_section *section, const char *path,
				  GError **error)
{
	sections_read++;
	return __real_config_table_read(table, config, section, path, error);
}

/* What messages ask for was read before, and the file may be gone by then. */
static void test_once(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(devinf_t) devinf = device("Nokia", "6230", NULL);
	g_autoptr(rules_t) rules = NULL;
	struct device_rules found;

	sections_read = 0;
	rules = load("[mine]\nmodel = 6230\nmsg-size-percent = 50\n", NULL, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(sections_read, >, 1);
	sections_read = 0;
	for (guint i = 0; i < 3; i++) {
		rules_find(rules, devinf, "x", NULL, &found);
		g_assert_cmpuint(found.msg_size_percent, ==, 50);
		device_rules_clear(&found);
	}
	g_assert_cmpuint(sections_read, ==, 0);
}

static void test_errors(void)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{"[a]\nlocal-tine = yes\n", "2: [a] local-tine: no such key; did you mean "
					    "'local-time'?"},
		{"[a]\ncdata = on\n",
		 "2: [a] cdata: 'on' is neither yes nor no; write one of these"},
		{"[a]\nmin-date = soon\n",
		 "2: [a] min-date: 'soon' is no date; write as 1980-01-01"},
		{"[a]\ncharset = klingon\n", "2: [a] charset: no charset 'klingon'; write a name "
					     "that iconv --list has"},
		{"[a]\nall-day = yes\n", "2: [a] all-day: no form 'yes'; write next-midnight, "
					 "2359, 2400, date or 8-to-18"},
		{"[a]\nalarms = loud\n",
		 "2: [a] alarms: no alarms 'loud'; write both, aalarm or dalarm"},
		{"[a]\nreject = 200\n", "2: [a] reject: 200 is out of range; write 400 to 599"},
		{"[a]\nphone-slots = HOME;*;WORK\n",
		 "2: [a] phone-slots: no place '*'; write types with '+' between, or -, or * for "
		 "more at the end"},
		{"[a]\nphone-slots = WORK+\n",
		 "2: [a] phone-slots: no place 'WORK+'; write types with '+' between, or -, or * "
		 "for more at the end"},
		{"[a]\nempty-values = EMAIL\n",
		 "2: [a] empty-values: 'EMAIL' is not a property and what is for it; write as "
		 "EMAIL=-"},
		{"[a]\nname-parts = 6\n", "2: [a] name-parts: 6 is out of range; write 1 to 5"},
		{"[a]\ndevice-information = /nowhere\n",
		 "2: [a] device-information: cannot read '/nowhere' (No such file or directory); "
		 "correct the path or its permissions"},
		{"cdata = yes\n", "1: cdata: comes before any section; put its [section] above it"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *path = NULL;
		g_autoptr(rules_t) rules = load(rows[i].text, &path, &error);
		g_autofree char *message = g_strdup_printf("%s:%s", path, rows[i].message);

		g_assert_null(rules);
		g_assert_nonnull(error);
		g_assert_cmpstr(error->message, ==, message);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/syncml-rules/families", test_families);
	g_test_add_func("/syncml-rules/order", test_order);
	for (guint i = 0; i < G_N_ELEMENTS(effects); i++) {
		g_autofree char *name = g_strdelimit(
			g_strdup_printf("/syncml-rules/%s", effects[i].name), " ,", '-');

		g_test_add_data_func(name, &effects[i], test_effect);
	}
	g_test_add_func("/syncml-rules/once", test_once);
	g_test_add_func("/syncml-rules/errors", test_errors);
	return g_test_run();
}
