/*
 * Contacts. The normal form is a vCard 4.0 in names and values, but for types, which are those
 * that devices know: upper case, PREF among them, sorted; what says nothing (VOICE beside
 * another, INTERNET) left out.
 */
#include <string.h>

#include "item-private.h"

enum {
	GROUP_NAME,
	GROUP_PHONE,
	GROUP_EMAIL,
	GROUP_ADDRESS,
	GROUP_ORGANIZATION,
	GROUP_URL,
	GROUP_DATES,
	GROUP_NOTE,
	GROUP_PHOTO,
	GROUP_CATEGORIES,
	GROUP_CHAT,
	GROUP_OTHER,
};
static const char *const group_names[] = {
	"name", "phones", "e-mail",     "addresses", "organization", "web pages", "dates",
	"note", "photo",  "categories", "chat",      "other",        NULL,
};

static guint group_of(const char *component, const char *property)
{
	static const struct pim_property_group groups[] = {
		{"N", GROUP_NAME},
		{"FN", GROUP_NAME},
		{"NICKNAME", GROUP_NAME},
		{"TEL", GROUP_PHONE},
		{"EMAIL", GROUP_EMAIL},
		{"ADR", GROUP_ADDRESS},
		{"LABEL", GROUP_ADDRESS},
		{"GEO", GROUP_ADDRESS},
		{"ORG", GROUP_ORGANIZATION},
		{"TITLE", GROUP_ORGANIZATION},
		{"ROLE", GROUP_ORGANIZATION},
		{"URL", GROUP_URL},
		{"BDAY", GROUP_DATES},
		{"ANNIVERSARY", GROUP_DATES},
		{"NOTE", GROUP_NOTE},
		{"PHOTO", GROUP_PHOTO},
		{"CATEGORIES", GROUP_CATEGORIES},
		{"IMPP", GROUP_CHAT},
		{"UID", PIM_GROUP_IGNORED},
		{"REV", PIM_GROUP_IGNORED},
		{"PRODID", PIM_GROUP_IGNORED},
		{"CLIENTPIDMAP", PIM_GROUP_IGNORED},
		{"PROFILE", PIM_GROUP_IGNORED},
		{"NAME", PIM_GROUP_IGNORED},
		{"SOURCE", PIM_GROUP_IGNORED},
	};

	(void)component;
	return pim_find_group(groups, G_N_ELEMENTS(groups), property, GROUP_OTHER);
}

/* --- to the normal form ---------------------------------------------------------------- */

/* What devices call it. */
static const struct {
	const char *theirs, *ours;
} names[] = {
	{"X-NICKNAME", "NICKNAME"},       {"X-EPOCSECONDNAME", "NICKNAME"},
	{"X-MOT-NICKNAME", "NICKNAME"},   {"X-EVOLUTION-ANNIVERSARY", "ANNIVERSARY"},
	{"X-ANNIVERSARY", "ANNIVERSARY"}, {"X-MOT-CAT", "CATEGORIES"},
};

static void rename_property(struct vproperty *property)
{
	/* Ours are texts. */
	if (property->binary != NULL)
		return;
	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		if (strcmp(names[i].theirs, property->name) == 0) {
			g_free(property->name);
			property->name = g_strdup(names[i].ours);
			return;
		}
	}
}

static int compare_types(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Says nothing, given the others and what it is a type of. */
static gboolean is_idle_type(const struct vproperty *property, const char *type, guint count)
{
	if (strcmp(property->name, "EMAIL") == 0)
		return strcmp(type, "INTERNET") == 0;
	if (strcmp(property->name, "TEL") == 0)
		return strcmp(type, "VOICE") == 0 && count > 1;
	if (strcmp(property->name, "ADR") == 0)
		return strcmp(type, "INTL") == 0 || strcmp(type, "POSTAL") == 0 ||
		       strcmp(type, "PARCEL") == 0;
	return FALSE;
}

/* PREF=1 of 4.0 is a type of the others'. */
static void collect_types(const struct vproperty *property, GPtrArray *types)
{
	for (guint i = 0; i < property->params->len; i++) {
		const struct vparam *param = property->params->pdata[i];
		g_autofree char *type = NULL;

		if (strcmp(param->name, "PREF") == 0)
			type = g_strdup("PREF");
		else if (strcmp(param->name, "TYPE") == 0)
			type = g_ascii_strup(param->value, -1);
		/* UIQ counts what it has several of: X-SYNCMLREF1. */
		if (type != NULL && *type != '\0' && !g_str_has_prefix(type, "X-SYNCMLREF") &&
		    !g_ptr_array_find_with_equal_func(types, type, g_str_equal, NULL))
			g_ptr_array_add(types, g_steal_pointer(&type));
	}
	g_ptr_array_sort(types, compare_types);
}

/* Where a device means one that it does not say. */
static void add_usual_type(const struct vproperty *property, gboolean placed,
			   const struct pim_style *style, GPtrArray *types)
{
	if (style->address_is_home && !placed && strcmp(property->name, "ADR") == 0)
		g_ptr_array_add(types, g_strdup("HOME"));
	else if (style->phone_is_voice && types->len == 0 && strcmp(property->name, "TEL") == 0)
		g_ptr_array_add(types, g_strdup("VOICE"));
	else
		return;
	g_ptr_array_sort(types, compare_types);
}

static void normalize_types(struct vproperty *property, enum vdialect dialect,
			    const struct pim_style *style)
{
	g_autoptr(GPtrArray) types = g_ptr_array_new_with_free_func(g_free);
	gboolean fax, placed = FALSE;

	collect_types(property, types);
	vproperty_remove_params(property, "TYPE");
	vproperty_remove_params(property, "PREF");
	vproperty_remove_params(property, "X-SYNCMLREF");
	fax = strcmp(property->name, "TEL") == 0 &&
	      g_ptr_array_find_with_equal_func(types, "FAX", g_str_equal, NULL);
	for (guint i = 0; i < types->len; i++) {
		const char *type = types->pdata[i];

		placed = placed || strcmp(type, "HOME") == 0 || strcmp(type, "WORK") == 0 ||
			 strcmp(type, "CELL") == 0;
	}
	/* On old phones a fax without a place is one at home for some, at work for others. */
	if (fax && !placed && style != NULL && vdialect_is_old(dialect)) {
		g_ptr_array_add(types, g_strdup(style->fax_is_work ? "WORK" : "HOME"));
		g_ptr_array_sort(types, compare_types);
	}
	if (style != NULL)
		add_usual_type(property, placed, style, types);
	for (guint i = 0; i < types->len; i++) {
		if (!is_idle_type(property, types->pdata[i], types->len))
			vproperty_add_param(property, "TYPE", types->pdata[i]);
	}
}

/* 19700131 and 1970-01-31T00:00:00Z are 1970-01-31. */
/* "1970-01-31", whatever follows. */
static gboolean is_extended_date(const char *text)
{
	static const char pattern[] = "dddd-dd-dd";

	for (guint i = 0; pattern[i] != '\0'; i++) {
		if (pattern[i] == 'd' ? !g_ascii_isdigit(text[i]) : text[i] != pattern[i])
			return FALSE;
	}
	return TRUE;
}

static void normalize_date(struct vproperty *property)
{
	const char *text = vproperty_value(property, 0);
	g_autofree char *date = NULL;

	if (strlen(text) >= 8 && strspn(text, "0123456789") >= 8)
		date = g_strdup_printf("%.4s-%.2s-%.2s", text, text + 4, text + 6);
	else if (is_extended_date(text))
		date = g_strndup(text, 10);
	if (date == NULL)
		return;
	g_ptr_array_set_size(property->components, 0);
	vproperty_add_value(property, 0, date);
	vproperty_remove_params(property, "VALUE");
}

/* Empty components at the end are as good as none. */
static void trim_components(struct vproperty *property)
{
	while (property->components->len > 1 &&
	       *vproperty_value(property, property->components->len - 1) == '\0' &&
	       ((GPtrArray *)property->components->pdata[property->components->len - 1])->len == 1)
		g_ptr_array_remove_index(property->components, property->components->len - 1);
}

/* Of an address: the street stands where others have what is beside it. */
static void swap_street(struct vproperty *property, const struct pim_style *style)
{
	gpointer second;

	if (style == NULL || !style->street_second || strcmp(property->name, "ADR") != 0)
		return;
	while (property->components->len < 3)
		vproperty_add_value(property, property->components->len, "");
	second = property->components->pdata[1];
	property->components->pdata[1] = property->components->pdata[2];
	property->components->pdata[2] = second;
}

static void normalize_property(struct vproperty *property, enum vdialect dialect,
			       const struct pim_style *style)
{
	rename_property(property);
	g_clear_pointer(&property->group, g_free);
	normalize_types(property, dialect, style);
	if (strcmp(property->name, "BDAY") == 0 || strcmp(property->name, "ANNIVERSARY") == 0)
		normalize_date(property);
	swap_street(property, style);
	if (vshape_of(property->name) == VSHAPE_STRUCTURED)
		trim_components(property);
}

/* "Given Middle Family", as devices make it of N. */
static char *formatted_name(const struct vproperty *n)
{
	static const guint order[] = {3, 1, 2, 0, 4};
	GString *name = g_string_new(NULL);

	for (guint i = 0; i < G_N_ELEMENTS(order); i++) {
		const char *part = vproperty_value(n, order[i]);

		if (*part != '\0')
			g_string_append_printf(name, "%s%s", name->len > 0 ? " " : "", part);
	}
	return g_string_free(name, FALSE);
}

/* FN is what 3.0 must have and 2.1 often has not; one that says no more than N is left out. */
static void normalize_name(struct vobject *card)
{
	const struct vproperty *n = vobject_find(card, "N"), *fn = vobject_find(card, "FN");
	g_autofree char *made = n == NULL ? NULL : formatted_name(n);

	if (n != NULL && fn != NULL && *made != '\0' && strcmp(made, vproperty_value(fn, 0)) == 0)
		vobject_remove(card, "FN");
	/* One that is all there is. */
	if (n != NULL && *made == '\0')
		vobject_remove(card, "N");
}

/* The group of "item1.X-ABLabel" is of use to who wrote it only. */
static gboolean is_label(const struct vproperty *property)
{
	return strcmp(property->name, "X-ABLABEL") == 0;
}

static struct vobject *normalize(struct vobject *parsed, enum vdialect dialect,
				 const struct pim_style *style, enum pim_component *component_r,
				 GError **error)
{
	(void)error;
	if (style != NULL)
		contact_slots_read(parsed, style);
	for (guint i = parsed->properties->len; i > 0; i--) {
		struct vproperty *property = parsed->properties->pdata[i - 1];

		if (vproperty_is_empty(property) || is_label(property))
			g_ptr_array_remove_index(parsed->properties, i - 1);
		else
			normalize_property(property, dialect, style);
	}
	normalize_name(parsed);
	*component_r = PIM_CONTACT;
	return parsed;
}

/* --- from it ------------------------------------------------------------------------------- */

static void make_names(struct vobject *card, enum vdialect dialect)
{
	const struct vproperty *n = vobject_find(card, "N");
	g_autofree char *made = NULL;
	struct vproperty *added;

	/* Each dialect but 4.0 needs N; 3.0 and 4.0 need FN. */
	if (n == NULL) {
		const struct vproperty *fn = vobject_find(card, "FN");

		made = g_strdup(fn == NULL ? "" : vproperty_value(fn, 0));
		if (dialect == VCARD_4_0)
			return;
		added = vproperty_new("N");
		for (guint i = 0; i < 5; i++)
			vproperty_add_value(added, i, "");
		g_ptr_array_insert(card->properties, 0, added);
		return;
	}
	if (vobject_find(card, "FN") != NULL)
		return;
	made = formatted_name(n);
	added = vproperty_new("FN");
	vproperty_add_value(added, 0, made);
	g_ptr_array_insert(card->properties, 1, added);
}

/* All five and seven components are there. */
static void pad(struct vproperty *property)
{
	guint wanted = strcmp(property->name, "N") == 0     ? 5
		       : strcmp(property->name, "ADR") == 0 ? 7
							    : 0;

	while (property->components->len < wanted)
		vproperty_add_value(property, property->components->len, "");
}

static void basic_date(struct vproperty *property)
{
	const char *text = vproperty_value(property, 0);
	g_autofree char *date = NULL;

	if (!is_extended_date(text) || text[10] != '\0')
		return;
	date = g_strdup_printf("%.4s%.2s%.2s", text, text + 5, text + 8);
	g_ptr_array_set_size(property->components, 0);
	vproperty_add_value(property, 0, date);
}

static void keep_digits(struct vproperty *property)
{
	GString *digits = g_string_new(NULL);
	g_autofree char *kept = NULL;

	for (const char *c = vproperty_value(property, 0); *c != '\0'; c++) {
		if (g_ascii_isdigit(*c) || strchr("+*#pPwW", *c) != NULL)
			g_string_append_c(digits, *c);
	}
	kept = g_string_free(digits, FALSE);
	g_ptr_array_set_size(property->components, 0);
	vproperty_add_value(property, 0, kept);
}

/* The order of N and FN at the beginning is one that phones rely on. */
static void put_first(struct vobject *card, const char *name)
{
	for (guint i = 0; i < card->properties->len; i++) {
		struct vproperty *property = card->properties->pdata[i];

		if (strcmp(property->name, name) == 0) {
			g_ptr_array_steal_index(card->properties, i);
			g_ptr_array_insert(card->properties, 0, property);
			return;
		}
	}
}

static void denormalize_property(struct vproperty *property, enum vdialect dialect,
				 const struct pim_style *style)
{
	gboolean is_date = strcmp(property->name, "BDAY") == 0;

	pad(property);
	swap_street(property, style);
	if (style != NULL && style->digits_only && strcmp(property->name, "TEL") == 0)
		keep_digits(property);
	if (is_date && (dialect == VCARD_4_0 || (style != NULL && style->basic_dates)))
		basic_date(property);
	if (dialect == VCARD_4_0 && vproperty_has_type(property, "PREF")) {
		for (guint i = property->params->len; i > 0; i--) {
			const struct vparam *param = property->params->pdata[i - 1];

			if (strcmp(param->name, "TYPE") == 0 && strcmp(param->value, "PREF") == 0)
				g_ptr_array_remove_index(property->params, i - 1);
		}
		vproperty_add_param(property, "PREF", "1");
	}
	if (strcmp(property->name, "EMAIL") == 0 && dialect != VCARD_4_0 &&
	    (dialect == VCARD_2_1 || (style != NULL && style->email_internet)) &&
	    !vproperty_has_type(property, "INTERNET"))
		vproperty_add_param(property, "TYPE", "INTERNET");
	if (dialect == VCARD_2_1 && strcmp(property->name, "NICKNAME") == 0) {
		g_free(property->name);
		property->name = g_strdup("X-NICKNAME");
	}
}

static struct vobject *denormalize(const struct vobject *normal, enum vdialect dialect,
				   const struct pim_style *style)
{
	struct vobject *card = vobject_copy(normal);

	if (style != NULL)
		contact_slots_write(card, style);
	/* Theirs is not ours. */
	vobject_remove(card, "UID");
	vobject_remove(card, "REV");
	vobject_remove(card, "PRODID");
	for (guint i = 0; i < card->properties->len; i++)
		denormalize_property(card->properties->pdata[i], dialect, style);
	put_first(card, "FN");
	put_first(card, "N");
	make_names(card, dialect);
	return card;
}

static const char *device_name(const struct vproperty *property)
{
	return strcmp(property->name, "NICKNAME") == 0 ? "X-NICKNAME" : property->name;
}

/* --- who it is ------------------------------------------------------------ */

/* The last digits, so that "+49 89 123" and "089123" agree. */
#define DIGITS 7

static char *digits_of(const char *number)
{
	GString *digits = g_string_new(NULL);

	for (; *number != '\0'; number++) {
		if (g_ascii_isdigit(*number))
			g_string_append_c(digits, *number);
	}
	if (digits->len > DIGITS)
		g_string_erase(digits, 0, (gssize)(digits->len - DIGITS));
	return g_string_free(digits, FALSE);
}

static void add_key(GArray *keys_r, guint64 key)
{
	g_array_append_val(keys_r, key);
}

/* The family and given name, or what stands for them. */
static char *name_of(const struct vobject *card)
{
	const struct vproperty *n = vobject_find(card, "N"), *fn = vobject_find(card, "FN");
	g_autofree char *family = NULL, *given = NULL;

	if (n == NULL)
		return pim_fold(fn == NULL ? "" : vproperty_value(fn, 0));
	family = pim_fold(vproperty_value(n, 0));
	given = pim_fold(vproperty_value(n, 1));
	return *family == '\0' && *given == '\0' ? g_strdup("")
						 : g_strdup_printf("%s,%s", family, given);
}

/* The same name and a number or an address in common; without either, the same name and the
 * same employer; without a name, any of the three. */
static void keys(const struct vobject *card, GArray *keys_r)
{
	g_autofree char *name = name_of(card);
	const struct vproperty *org = vobject_find(card, "ORG");
	g_autofree char *employer = pim_fold(org == NULL ? "" : vproperty_value(org, 0));
	gboolean reachable = FALSE;

	for (guint i = 0; i < card->properties->len; i++) {
		const struct vproperty *property = card->properties->pdata[i];
		g_autofree char *value = NULL;

		if (strcmp(property->name, "TEL") == 0)
			value = digits_of(vproperty_value(property, 0));
		else if (strcmp(property->name, "EMAIL") == 0)
			value = g_utf8_casefold(vproperty_value(property, 0), -1);
		if (value == NULL || *value == '\0')
			continue;
		reachable = TRUE;
		add_key(keys_r, pim_key("contact", name, value, NULL));
	}
	if (!reachable && (*name != '\0' || *employer != '\0'))
		add_key(keys_r, pim_key("contact-at", name, employer, NULL));
}

static char *title(const struct vobject *card)
{
	static const char *const fallbacks[] = {"FN", "ORG", "EMAIL", "TEL"};
	const struct vproperty *n = vobject_find(card, "N");

	for (guint i = 0; i < G_N_ELEMENTS(fallbacks); i++) {
		const struct vproperty *property = vobject_find(card, fallbacks[i]);

		if (property != NULL)
			return g_strdup(vproperty_value(property, 0));
		if (i == 0 && n != NULL)
			return formatted_name(n);
	}
	return g_strdup("(no name)");
}

const struct pim_kind pim_contact_kind = {
	.normalize = normalize,
	.denormalize = denormalize,
	.group_of = group_of,
	.group_names = group_names,
	.device_name = device_name,
	.places = contact_places,
	.fit = contact_fit,
	.keys = keys,
	.title = title,
	.stored = VCARD_4_0,
};
