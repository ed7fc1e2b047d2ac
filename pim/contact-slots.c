/*
 * Devices that have so many places for numbers and addresses, each for one value of one kind: what
 * goes where, and what stays here. What is written is of the place's types, and read as such; the
 * types that we have are not lost by it, as an unchanged value is one that was not sent back
 * (pim_item_merge).
 */
#include <string.h>

#include "item-private.h"

#define MORE "*"    /* after the places: as many as there are */
#define UNPLACED -2 /* not yet; PIM_NO_PLACE is for good */

static const char *const names[] = {"TEL", "EMAIL", "ADR"};

static char **slots_of(const struct pim_style *style, const char *name)
{
	return strcmp(name, "TEL") == 0     ? style->phone_slots
	       : strcmp(name, "EMAIL") == 0 ? style->email_slots
	       : strcmp(name, "ADR") == 0   ? style->address_slots
					    : NULL;
}

static guint slot_count(char **slots)
{
	guint count = slots == NULL ? 0 : g_strv_length(slots);

	return count > 0 && strcmp(slots[count - 1], MORE) == 0 ? count - 1 : count;
}

/* --- types -------------------------------------------------------------------------------- */

/* Says nothing of where it belongs. */
static gboolean is_idle(const char *type)
{
	static const char *const idle[] = {"PREF",   "VOICE",  "INTERNET", "INTL",
					   "POSTAL", "PARCEL", "-",        NULL};

	return g_strv_contains(idle, type);
}

/* A place for these is of no use to others, nor the other way round. */
static gboolean is_machine(const char *type)
{
	static const char *const machines[] = {"FAX", "PAGER", "MODEM", "BBS", NULL};

	return g_strv_contains(machines, type);
}

/* The types of a place one after the other; there may be many values to be placed. */
#define TYPE_SIZE 32

static gboolean next_type(const char **slot, char type_r[TYPE_SIZE])
{
	gsize len = strcspn(*slot, "+");

	if (**slot == '\0')
		return FALSE;
	g_strlcpy(type_r, *slot, MIN(len + 1, TYPE_SIZE));
	*slot += len + ((*slot)[len] == '+' ? 1 : 0);
	return TRUE;
}

static gboolean slot_has(const char *slot, const char *wanted)
{
	char type[TYPE_SIZE];

	while (next_type(&slot, type)) {
		if (strcmp(type, wanted) == 0)
			return TRUE;
	}
	return FALSE;
}

/* How a value's types and those of a place go together. */
enum fit {
	FIT_NOT,
	FIT_GENERAL, /* a place for whatever it is */
	FIT_LESS,    /* it says less of it, but nothing wrong */
	FIT_EXACTLY,
};

static enum fit fit_of(const struct vproperty *property, const char *slot, guint *common_r)
{
	guint wanted = 0, has = 0, common = 0;
	const char *rest = slot;
	char type[TYPE_SIZE];

	while (next_type(&rest, type)) {
		wanted += !is_idle(type);
		common += !is_idle(type) && vproperty_has_type(property, type);
	}
	for (guint i = 0; i < property->params->len; i++) {
		const struct vparam *param = property->params->pdata[i];

		if (strcmp(param->name, "TYPE") != 0 || is_idle(param->value))
			continue;
		has++;
		if (is_machine(param->value) && !slot_has(slot, param->value))
			return FIT_NOT;
	}
	*common_r = common;
	return common < wanted ? FIT_NOT
	       : has == common ? FIT_EXACTLY
	       : common > 0    ? FIT_LESS
			       : FIT_GENERAL;
}

static gboolean is_for_a_machine(const struct vproperty *property)
{
	for (guint i = 0; i < property->params->len; i++) {
		const struct vparam *param = property->params->pdata[i];

		if (strcmp(param->name, "TYPE") == 0 && is_machine(param->value))
			return TRUE;
	}
	return FALSE;
}

static void set_types(struct vproperty *property, const char *slot)
{
	char type[TYPE_SIZE];

	vproperty_remove_params(property, "TYPE");
	while (next_type(&slot, type)) {
		if (strcmp(type, "-") != 0)
			vproperty_add_param(property, "TYPE", type);
	}
}

/* Which of them is preferred is not for such a device to say. */
static gboolean ignores_preference(const struct vproperty *property, const struct pim_style *style)
{
	return slots_of(style, property->name) != NULL ||
	       (style->preferred_twice && strcmp(property->name, "TEL") == 0);
}

static void remove_preference(struct vproperty *property)
{
	vproperty_remove_params(property, "PREF");
	for (guint i = property->params->len; i > 0; i--) {
		const struct vparam *param = property->params->pdata[i - 1];

		if (strcmp(param->name, "TYPE") == 0 &&
		    g_ascii_strcasecmp(param->value, "PREF") == 0)
			g_ptr_array_remove_index(property->params, i - 1);
	}
}

/* --- which goes where ---------------------------------------------------------------------- */

static char *digits_of(const struct vproperty *property)
{
	GString *digits = g_string_new(NULL);

	for (const char *c = vproperty_value(property, 0); *c != '\0'; c++) {
		if (g_ascii_isdigit(*c) || strchr("+*#pPwW", *c) != NULL)
			g_string_append_c(digits, *c);
	}
	return g_string_free(digits, FALSE);
}

static gboolean is_preferred(const struct vproperty *property)
{
	return strcmp(property->name, "TEL") == 0 &&
	       (vproperty_has_type(property, "PREF") || vproperty_param(property, "PREF") != NULL);
}

/* The numbers that are not the preferred one. */
static GHashTable *other_numbers(const struct vobject *card)
{
	GHashTable *numbers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i < card->properties->len; i++) {
		const struct vproperty *property = card->properties->pdata[i];

		if (strcmp(property->name, "TEL") == 0 && !is_preferred(property))
			g_hash_table_add(numbers, digits_of(property));
	}
	return numbers;
}

static gboolean is_again(const struct vproperty *property, GHashTable *numbers)
{
	g_autofree char *digits = is_preferred(property) ? digits_of(property) : NULL;

	return digits != NULL && *digits != '\0' && g_hash_table_contains(numbers, digits);
}

/* It would come back as something else. */
static gboolean is_spoiled(const struct vproperty *property, const struct pim_style *style)
{
	guint common;

	if (strcmp(property->name, "TEL") != 0)
		return FALSE;
	if (style->digits_only) {
		g_autofree char *digits = digits_of(property);

		if (*digits == '\0')
			return TRUE;
	}
	for (char **slot = style->spoiled_phones; slot != NULL && *slot != NULL; slot++) {
		if (fit_of(property, *slot, &common) == FIT_EXACTLY)
			return TRUE;
	}
	return FALSE;
}

/* The first place of that fit, or the one that says most; -1: none. */
static gint find_slot(const struct vproperty *property, char **slots, guint count,
		      const gboolean *taken, enum fit wanted)
{
	guint best = 0;
	gint found = -1;

	for (guint i = 0; i < count; i++) {
		guint common;

		if (taken[i] || fit_of(property, slots[i], &common) != wanted ||
		    (found >= 0 && common <= best))
			continue;
		found = (gint)i;
		best = common;
	}
	return found;
}

static void place_all(const struct vobject *card, const char *name, char **slots, gint *places)
{
	static const enum fit fits[] = {FIT_EXACTLY, FIT_LESS, FIT_GENERAL};
	guint count = slot_count(slots);
	gboolean more = slots[count] != NULL;
	g_autofree gboolean *taken = g_new0(gboolean, count + 1);

	for (guint fit = 0; fit < G_N_ELEMENTS(fits); fit++) {
		for (guint i = 0; i < card->properties->len; i++) {
			const struct vproperty *property = card->properties->pdata[i];
			gint slot;

			if (places[i] != UNPLACED || strcmp(property->name, name) != 0)
				continue;
			slot = find_slot(property, slots, count, taken, fits[fit]);
			/* Where there is but one place it is for what there is. */
			if (slot < 0 && fits[fit] == FIT_GENERAL && count == 1 && !more &&
			    !taken[0] && !is_for_a_machine(property))
				slot = 0;
			if (slot < 0)
				continue;
			places[i] = slot;
			taken[slot] = TRUE;
		}
	}
	for (guint i = 0; i < card->properties->len; i++) {
		if (places[i] == UNPLACED &&
		    strcmp(((struct vproperty *)card->properties->pdata[i])->name, name) == 0)
			places[i] = more ? (gint)count : PIM_NO_PLACE;
	}
}

gint *contact_places(const struct vobject *card, const struct pim_style *style)
{
	gint *places = g_new0(gint, card->properties->len + 1);
	g_autoptr(GHashTable) numbers = style->preferred_twice ? other_numbers(card) : NULL;

	for (guint i = 0; i < card->properties->len; i++) {
		const struct vproperty *property = card->properties->pdata[i];

		if (is_spoiled(property, style) || (numbers != NULL && is_again(property, numbers)))
			places[i] = PIM_NO_PLACE;
		else if (slots_of(style, property->name) != NULL)
			places[i] = UNPLACED;
	}
	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		char **slots = slots_of(style, names[i]);

		if (slots != NULL)
			place_all(card, names[i], slots, places);
	}
	return places;
}

void contact_fit(struct vproperty *property, gint place, const struct pim_style *style)
{
	char **slots = slots_of(style, property->name);

	if (slots != NULL && place < (gint)slot_count(slots))
		set_types(property, slots[place]);
	if (style->name_parts > 0 && strcmp(property->name, "N") == 0 &&
	    property->components->len > style->name_parts)
		g_ptr_array_set_size(property->components, (gint)style->name_parts);
}

/* --- writing --------------------------------------------------------------------------------- */

/* Before the next one of that name, or after the last. */
static void insert_empty(struct vobject *card, guint at, const char *name, const char *slot)
{
	struct vproperty *empty = vproperty_new(name);

	vproperty_add_value(empty, 0, "");
	set_types(empty, slot);
	g_ptr_array_insert(card->properties, (gint)at, empty);
}

static gboolean find_next(const struct vobject *card, const char *name, guint from, guint *at_r)
{
	for (guint i = from; i < card->properties->len; i++) {
		if (strcmp(((struct vproperty *)card->properties->pdata[i])->name, name) == 0) {
			*at_r = i;
			return TRUE;
		}
	}
	return FALSE;
}

/* Values are in the order of their places. `all`: after the last, too. */
static void add_empty(struct vobject *card, const char *name, char **slots, gboolean all)
{
	guint at = 0, next = 0, common;
	gboolean found = find_next(card, name, 0, &next);

	at = found ? next : card->properties->len;
	for (guint i = 0; i < slot_count(slots) && (found || all); i++, at++) {
		if (!found ||
		    fit_of(card->properties->pdata[next], slots[i], &common) != FIT_EXACTLY) {
			insert_empty(card, found ? next : at, name, slots[i]);
			next++;
			continue;
		}
		at = next;
		found = find_next(card, name, next + 1, &next);
	}
}

void contact_slots_write(struct vobject *card, const struct pim_style *style)
{
	if (style->empty_addresses && style->address_slots != NULL)
		add_empty(card, "ADR", style->address_slots, TRUE);
	if (style->emails_by_position && style->email_slots != NULL)
		add_empty(card, "EMAIL", style->email_slots, FALSE);
	for (guint i = 0; i < card->properties->len; i++) {
		struct vproperty *property = card->properties->pdata[i];

		if (ignores_preference(property, style))
			remove_preference(property);
		if (style->emails_by_position && strcmp(property->name, "EMAIL") == 0)
			vproperty_remove_params(property, "TYPE");
	}
}

/* --- reading --------------------------------------------------------------------------------- */

static gboolean says_where(const struct vproperty *property)
{
	for (guint i = 0; i < property->params->len; i++) {
		const struct vparam *param = property->params->pdata[i];
		g_autofree char *type = g_ascii_strup(param->value, -1);

		if (strcmp(param->name, "TYPE") == 0 && !is_idle(type))
			return TRUE;
	}
	return FALSE;
}

void contact_slots_read(struct vobject *card, const struct pim_style *style)
{
	g_autoptr(GHashTable) numbers = style->preferred_twice ? other_numbers(card) : NULL;
	guint emails = 0, slots = slot_count(style->email_slots);

	for (guint i = 0; i < card->properties->len; i++) {
		struct vproperty *property = card->properties->pdata[i];

		if (numbers != NULL && is_again(property, numbers)) {
			g_ptr_array_remove_index(card->properties, i--);
			continue;
		}
		if (ignores_preference(property, style))
			remove_preference(property);
		if (!style->emails_by_position || strcmp(property->name, "EMAIL") != 0)
			continue;
		if (emails < slots && !says_where(property))
			set_types(property, style->email_slots[emails]);
		emails++;
	}
}
