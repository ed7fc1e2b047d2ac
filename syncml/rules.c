/*
 * Key files of rules. Each section is read once, when the files are: what is left to do for a
 * message is to find those that match, and to lay the keys that they have over each other.
 */
#include "rules.h"

#include <string.h>

#include "config-file.h"
#include "config-table.h"
#include "config-value.h"
#include "limits.h"

/* data/device-rules.conf; an empty string before it for who reads this without the build. */
static const char built_in[] = ""
#include "device-rules.inc"
	;

/* At least as many as there are rows in the table. */
#define MAX_KEYS 96

/* What a section says: whom it is about, and what holds for them. */
struct section {
	char *name;
	char **manufacturer, **model, **software, **user_agent, **device_id; /* globs */
	struct device_rules rules;
	gboolean said[MAX_KEYS]; /* of the table's rows */
};

struct rules {
	gatomicrefcount refs;
	GPtrArray *sections; /* struct section *, in the order in which they were read */
};

/* --- values ----------------------------------------------------------------------------- */

static gboolean set_times(void *place, const struct config_key *key, const char *value,
			  GError **error)
{
	gboolean local;

	if (!config_value_bool(value, &local, error))
		return FALSE;
	*(enum pim_times *)place = local ? PIM_TIMES_LOCAL : PIM_TIMES_UTC;
	return TRUE;
}

static gboolean set_all_day(void *place, const struct config_key *key, const char *value,
			    GError **error)
{
	static const char *const words[] = {
		[PIM_ALL_DAY_NEXT_MIDNIGHT] = "next-midnight",
		[PIM_ALL_DAY_2359] = "2359",
		[PIM_ALL_DAY_2400] = "2400",
		[PIM_ALL_DAY_DATE] = "date",
		[PIM_ALL_DAY_8_TO_18] = "8-to-18",
	};

	for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
		if (strcmp(words[i], value) == 0) {
			*(enum pim_all_day *)place = (enum pim_all_day)i;
			return TRUE;
		}
	}
	return config_value_fail(
		error, "no form '%s'; write next-midnight, 2359, 2400, date or 8-to-18", value);
}

static gboolean set_alarms(void *place, const struct config_key *key, const char *value,
			   GError **error)
{
	static const char *const words[] = {
		[PIM_ALARMS_BOTH] = "both",
		[PIM_ALARMS_AUDIO] = "aalarm",
		[PIM_ALARMS_DISPLAY] = "dalarm",
	};

	for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
		if (strcmp(words[i], value) == 0) {
			*(enum pim_alarms *)place = (enum pim_alarms)i;
			return TRUE;
		}
	}
	return config_value_fail(error, "no alarms '%s'; write both, aalarm or dalarm", value);
}

static gboolean set_date(void *place, const struct config_key *key, const char *value,
			 GError **error)
{
	g_autofree char *text = g_strconcat(value, "T00:00:00Z", NULL);
	g_autoptr(GDateTime) date = NULL;

	if (strlen(value) == strlen("1980-01-01"))
		date = g_date_time_new_from_iso8601(text, NULL);
	if (date == NULL)
		return config_value_fail(error, "'%s' is no date; write as 1980-01-01", value);
	*(gint64 *)place = g_date_time_to_unix(date);
	return TRUE;
}

static gboolean set_charset(void *place, const struct config_key *key, const char *value,
			    GError **error)
{
	g_autofree char *known = g_strconcat("fantail-charset ", value, NULL);
	GIConv conv;

	/* iconv looks for a file each time. */
	if (g_quark_try_string(known) == 0) {
		conv = g_iconv_open("UTF-8", value);
		if (conv == (GIConv)-1)
			return config_value_fail(
				error, "no charset '%s'; write a name that iconv --list has",
				value);
		g_iconv_close(conv);
		g_quark_from_string(known);
	}
	/* A device's rules outlive the file they are from; there are few charsets. */
	*(const char **)place = g_intern_string(value);
	return TRUE;
}

static gboolean set_text(void *place, const struct config_key *key, const char *value,
			 GError **error)
{
	*(const char **)place = g_intern_string(value);
	return TRUE;
}

/* A family within another may have none of what that has. */
static char **list_of(const char *value)
{
	return strcmp(value, "none") == 0 ? NULL : config_value_list(value);
}

static gboolean set_list(void *place, const struct config_key *key, const char *value,
			 GError **error)
{
	*(char ***)place = list_of(value);
	return TRUE;
}

/* "WORK+FAX", "-", and "*" at the end. */
static gboolean is_slot(const char *text, gboolean is_last)
{
	return *text != '\0' && *text != '+' && text[strlen(text) - 1] != '+' &&
	       strstr(text, "++") == NULL &&
	       (strcmp(text, "*") == 0
			? is_last
			: text[strspn(text, G_CSET_A_2_Z G_CSET_DIGITS "+-")] == '\0');
}

static gboolean set_slots(void *place, const struct config_key *key, const char *value,
			  GError **error)
{
	g_auto(GStrv) slots = list_of(value);

	for (guint i = 0; slots != NULL && slots[i] != NULL; i++) {
		if (!is_slot(slots[i], slots[i + 1] == NULL && i > 0))
			return config_value_fail(error,
						 "no place '%s'; write types with '+' between, or "
						 "-, or * for more at the end",
						 slots[i]);
	}
	*(char ***)place = g_steal_pointer(&slots);
	return TRUE;
}

static gboolean set_pairs(void *place, const struct config_key *key, const char *value,
			  GError **error)
{
	g_auto(GStrv) pairs = list_of(value);

	for (guint i = 0; pairs != NULL && pairs[i] != NULL; i++) {
		gsize len = strspn(pairs[i], G_CSET_A_2_Z G_CSET_DIGITS "-");

		if (len == 0 || pairs[i][len] != '=' || pairs[i][len + 1] == '\0')
			return config_value_fail(
				error,
				"'%s' is not a property and what is for it; write as EMAIL=-",
				pairs[i]);
	}
	*(char ***)place = g_steal_pointer(&pairs);
	return TRUE;
}

static gboolean set_devinf(void *place, const struct config_key *key, const char *value,
			   GError **error)
{
	struct devinf **devinf = place;
	g_autoptr(GError) reason = NULL;
	g_autofree char *text = config_value_file(value, LIMIT_SYNCML_BODY, FALSE, error);

	if (text == NULL)
		return FALSE;
	*devinf = devinf_parse(text, strlen(text), &reason);
	if (*devinf == NULL)
		return config_value_fail(error,
					 "'%s' is no device information (%s); write its XML, from "
					 "<DevInf> on",
					 value, reason->message);
	return TRUE;
}

#define AT(name) G_STRUCT_OFFSET(struct section, name)
#define STYLE(name) G_STRUCT_OFFSET(struct section, rules.style.name)
#define RULE(name) G_STRUCT_OFFSET(struct section, rules.name)

static const struct config_key keys[] = {
	{NULL, "manufacturer", config_key_list, AT(manufacturer), 0, 0},
	{NULL, "model", config_key_list, AT(model), 0, 0},
	{NULL, "software", config_key_list, AT(software), 0, 0},
	{NULL, "user-agent", config_key_list, AT(user_agent), 0, 0},
	{NULL, "device-id", config_key_list, AT(device_id), 0, 0},

	{NULL, "local-time", set_times, STYLE(times), 0, 0},
	{NULL, "times-as-utc", config_key_bool, STYLE(times_as_utc), 0, 0},
	{NULL, "times-as-local", config_key_bool, STYLE(times_as_local), 0, 0},
	{NULL, "alarms-utc", config_key_bool, STYLE(alarms_utc), 0, 0},
	{NULL, "min-date", set_date, STYLE(min_time), 0, 0},
	{NULL, "all-day", set_all_day, STYLE(all_day), 0, 0},
	{NULL, "alarms", set_alarms, STYLE(alarms), 0, 0},
	{NULL, "zone-in-event", config_key_bool, STYLE(zone_in_event), 0, 0},
	{NULL, "epoc-entry-type", config_key_bool, STYLE(epoc_entry_type), 0, 0},
	{NULL, "rule-ends-by-count", config_key_bool, STYLE(rule_ends_by_count), 0, 0},
	{NULL, "email-internet", config_key_bool, STYLE(email_internet), 0, 0},
	{NULL, "basic-dates", config_key_bool, STYLE(basic_dates), 0, 0},
	{NULL, "send-empty", config_key_bool, STYLE(send_empty), 0, 0},
	{NULL, "fax-is-work", config_key_bool, STYLE(fax_is_work), 0, 0},
	{NULL, "street-second", config_key_bool, STYLE(street_second), 0, 0},
	{NULL, "digits-only", config_key_bool, STYLE(digits_only), 0, 0},
	{NULL, "charset", set_charset, STYLE(charset), 0, 0},
	{NULL, "fallback-charset", set_charset, STYLE(fallback_charset), 0, 0},
	{NULL, "no-fold", config_key_bool, STYLE(no_fold), 0, 0},
	{NULL, "quote-8bit", config_key_bool, STYLE(quote_8bit), 0, 0},

	{NULL, "phone-slots", set_slots, STYLE(phone_slots), 0, 0},
	{NULL, "email-slots", set_slots, STYLE(email_slots), 0, 0},
	{NULL, "address-slots", set_slots, STYLE(address_slots), 0, 0},
	{NULL, "spoiled-phones", set_slots, STYLE(spoiled_phones), 0, 0},
	{NULL, "emails-by-position", config_key_bool, STYLE(emails_by_position), 0, 0},
	{NULL, "empty-addresses", config_key_bool, STYLE(empty_addresses), 0, 0},
	{NULL, "preferred-twice", config_key_bool, STYLE(preferred_twice), 0, 0},
	{NULL, "phone-is-voice", config_key_bool, STYLE(phone_is_voice), 0, 0},
	{NULL, "address-is-home", config_key_bool, STYLE(address_is_home), 0, 0},
	{NULL, "name-parts", config_key_uint, STYLE(name_parts), 1, 5},
	{NULL, "photo-without-type", config_key_bool, STYLE(photo_without_type), 0, 0},
	{NULL, "category-prefix", set_text, STYLE(category_prefix), 0, 0},
	{NULL, "memo-category", set_text, STYLE(memo_category), 0, 0},
	{NULL, "description-needed", config_key_bool, STYLE(description_needed), 0, 0},
	{NULL, "names", set_pairs, STYLE(names), 0, 0},
	{NULL, "empty-values", set_pairs, STYLE(empty_values), 0, 0},
	{NULL, "without", set_list, STYLE(without), 0, 0},

	{NULL, "cdata", config_key_bool, RULE(cdata), 0, 0},
	{NULL, "limited-lengths", config_key_bool, RULE(limited_lengths), 0, 0},
	{NULL, "ignore-max-size", config_key_bool, RULE(ignore_max_size), 0, 0},
	{NULL, "ignore-capabilities", config_key_bool, RULE(ignore_capabilities), 0, 0},
	{NULL, "one-status-per-command", config_key_bool, RULE(one_status_per_command), 0, 0},
	{NULL, "no-replace-in-slow-sync", config_key_bool, RULE(no_replace_in_slow_sync), 0, 0},
	{NULL, "database-as-alerted", config_key_bool, RULE(database_as_alerted), 0, 0},
	{NULL, "merge-tasks-into-calendar", config_key_bool, RULE(merge_tasks_into_calendar), 0, 0},
	{NULL, "lenient-anchor", config_key_bool, RULE(lenient_anchor), 0, 0},
	{NULL, "lenient-delete", config_key_bool, RULE(lenient_delete), 0, 0},
	{NULL, "legacy-nonce", config_key_bool, RULE(legacy_nonce), 0, 0},
	{NULL, "no-alerts", config_key_bool, RULE(no_alerts), 0, 0},
	{NULL, "reuse-msg-id", config_key_bool, RULE(reuse_msg_id), 0, 0},
	{NULL, "no-item-in-status", config_key_bool, RULE(no_item_in_status), 0, 0},
	{NULL, "no-size", config_key_bool, RULE(no_size), 0, 0},
	{NULL, "soft-delete", config_key_bool, RULE(soft_delete), 0, 0},
	{NULL, "hold-commands", config_key_bool, RULE(hold_commands), 0, 0},
	{NULL, "device-information", set_devinf, RULE(device_information), 0, 0},
	{NULL, "msg-size-percent", config_key_uint, RULE(msg_size_percent), 10, 100},
	{NULL, "reject", config_key_uint, RULE(reject), 400, 599},
};

static const char *const no_sections[] = {NULL};
static const struct config_table table = {
	.keys = keys,
	.count = G_N_ELEMENTS(keys),
	.sections = no_sections,
	.manual = "fantail-syncml.conf(5)",
};

G_STATIC_ASSERT(G_N_ELEMENTS(keys) <= MAX_KEYS);

static gboolean is_list(const struct config_key *key)
{
	return key->set == config_key_list || key->set == set_list || key->set == set_slots ||
	       key->set == set_pairs;
}

/* Of the member that a row sets. */
static gsize size_of(const struct config_key *key)
{
	if (is_list(key) || key->set == set_charset || key->set == set_text ||
	    key->set == set_devinf)
		return sizeof(gpointer);
	if (key->set == set_date)
		return sizeof(gint64);
	return sizeof(guint); /* gboolean and the enums likewise */
}
G_STATIC_ASSERT(sizeof(gboolean) == sizeof(guint) && sizeof(enum pim_times) == sizeof(guint));

static void section_free(gpointer data)
{
	struct section *section = data;

	g_free(section->name);
	/* Lists, of globs and of rules. */
	for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
		if (is_list(&keys[i]))
			g_strfreev(*(char ***)((char *)section + keys[i].offset));
	}
	devinf_unref(section->rules.device_information);
	g_free(section);
}

/* --- files ------------------------------------------------------------------------------ */

/* Phones of one family write their names now in capitals and now not. */
static void fold(char **globs)
{
	for (; globs != NULL && *globs != NULL; globs++) {
		char *glob = *globs;

		*globs = g_ascii_strdown(glob, -1);
		g_free(glob);
	}
}

static gboolean add_section(struct rules *rules, const struct keyfile_section *from,
			    const char *path, GError **error)
{
	struct section *section = g_new0(struct section, 1);

	section->name = g_strdup(from->name);
	g_ptr_array_add(rules->sections, section);
	if (!config_table_read(&table, section, from, path, error))
		return FALSE;
	for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
		section->said[i] = keyfile_section_find(from, keys[i].name) != NULL;
	fold(section->manufacturer);
	fold(section->model);
	fold(section->software);
	fold(section->user_agent);
	fold(section->device_id);
	return TRUE;
}

static gboolean add_file(struct rules *rules, const char *text, gsize len, const char *path,
			 GError **error)
{
	g_autoptr(keyfile_t) file = config_keyfile(text, len, path, error);

	if (file == NULL)
		return FALSE;
	for (guint i = 0; i < file->sections->len; i++) {
		if (!add_section(rules, file->sections->pdata[i], path, error))
			return FALSE;
	}
	return TRUE;
}

struct rules *rules_load(const char *const *paths, GError **error)
{
	g_autoptr(rules_t) rules = g_new0(struct rules, 1);

	g_atomic_ref_count_init(&rules->refs);
	rules->sections = g_ptr_array_new_with_free_func(section_free);
	if (!add_file(rules, built_in, strlen(built_in), "device-rules.conf", error))
		return NULL;
	for (; paths != NULL && *paths != NULL; paths++) {
		gboolean readable_by_all;
		gsize len;
		g_autofree char *text = config_file_read(*paths, &len, &readable_by_all, error);

		if (text == NULL || !add_file(rules, text, len, *paths, error))
			return NULL;
	}
	return g_steal_pointer(&rules);
}

struct rules *rules_ref(const struct rules *rules)
{
	struct rules *shared = (struct rules *)rules;

	g_atomic_ref_count_inc(&shared->refs);
	return shared;
}

void rules_unref(struct rules *rules)
{
	if (rules == NULL || !g_atomic_ref_count_dec(&rules->refs))
		return;
	g_ptr_array_unref(rules->sections);
	g_free(rules);
}

/* --- matching --------------------------------------------------------------------------- */

static gboolean matches(char **globs, const char *text)
{
	g_autofree char *folded = NULL;

	if (globs == NULL)
		return TRUE;
	if (text == NULL)
		return FALSE;
	folded = g_ascii_strdown(text, -1);
	for (; *globs != NULL; globs++) {
		if (g_pattern_match_simple(*globs, folded))
			return TRUE;
	}
	return FALSE;
}

struct subject {
	const struct devinf *devinf;
	const char *device_id, *user_agent;
};

static gboolean applies(const struct section *section, const struct subject *subject)
{
	const struct devinf *devinf = subject->devinf;

	return matches(section->manufacturer, devinf != NULL ? devinf->man : NULL) &&
	       matches(section->model, devinf != NULL ? devinf->mod : NULL) &&
	       (matches(section->software, devinf != NULL ? devinf->sw_version : NULL) ||
		matches(section->software, devinf != NULL ? devinf->fw_version : NULL)) &&
	       matches(section->user_agent, subject->user_agent) &&
	       matches(section->device_id, subject->device_id);
}

void rules_find(const struct rules *rules, const struct devinf *devinf, const char *device_id,
		const char *user_agent, struct device_rules *rules_r)
{
	const struct subject subject = {devinf, device_id, user_agent};
	g_autoptr(GString) names = g_string_new(NULL);
	struct section all = {0};

	for (guint i = 0; i < rules->sections->len; i++) {
		const struct section *section = rules->sections->pdata[i];

		if (!applies(section, &subject))
			continue;
		for (guint j = 0; j < G_N_ELEMENTS(keys); j++) {
			if (section->said[j])
				memcpy((char *)&all + keys[j].offset,
				       (const char *)section + keys[j].offset, size_of(&keys[j]));
		}
		g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "", section->name);
	}
	all.rules.names = g_string_free(g_steal_pointer(&names), FALSE);
	*rules_r = all.rules;
}

void device_rules_clear(struct device_rules *rules)
{
	g_free(rules->names);
	memset(rules, 0, sizeof(*rules));
}
