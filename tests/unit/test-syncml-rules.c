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
	g_test_add_func("/syncml-rules/once", test_once);
	g_test_add_func("/syncml-rules/errors", test_errors);
	return g_test_run();
}
