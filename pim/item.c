/* Items as such: their life, hashes, groups, what a device can hold of them, merging. What is
 * different for contacts, calendars and notes is behind struct pim_kind. */
#include "item-private.h"
#include "limits.h"

#include <stdlib.h>
#include <string.h>

struct pim_item {
	gatomicrefcount refs;
	enum pim_component component;
	const struct pim_kind *kind;
	struct vobject *normal;
};

GQuark pim_item_error_quark(void)
{
	return g_quark_from_static_string("fantail-pim-item-error");
}

static const struct pim_kind *kind_of(enum pim_component component)
{
	switch (component) {
	case PIM_CONTACT:
		return &pim_contact_kind;
	case PIM_EVENT:
	case PIM_TASK:
		return &pim_calendar_kind;
	case PIM_NOTE:
		return &pim_note_kind;
	}
	g_assert_not_reached();
}

static struct pim_item *item_new(enum pim_component component, struct vobject *normal)
{
	struct pim_item *item = g_new0(struct pim_item, 1);

	g_atomic_ref_count_init(&item->refs);
	item->component = component;
	item->kind = kind_of(component);
	item->normal = normal;
	return item;
}

struct pim_item *pim_item_ref(const struct pim_item *item)
{
	struct pim_item *mine = (struct pim_item *)item;

	g_atomic_ref_count_inc(&mine->refs);
	return mine;
}

void pim_item_unref(struct pim_item *item)
{
	if (item == NULL || !g_atomic_ref_count_dec(&item->refs))
		return;
	vobject_free(item->normal);
	g_free(item);
}

/* --- text ------------------------------------------------------------------------------ */

static const struct {
	const char *root;
	const struct pim_kind *kind;
} roots[] = {
	{"VCARD", &pim_contact_kind},
	{"VCALENDAR", &pim_calendar_kind},
	{"VNOTE", &pim_note_kind},
};

static struct vobject_style line_style(const struct pim_style *style)
{
	struct vobject_style lines = {.charset = NULL};

	if (style != NULL) {
		lines.charset = style->charset;
		lines.fallback_charset = style->fallback_charset;
		lines.no_fold = style->no_fold;
		lines.quote_8bit = style->quote_8bit;
	}
	return lines;
}

static struct pim_item *fail(GError **error, enum pim_item_error code, const char *text)
{
	g_set_error_literal(error, PIM_ITEM_ERROR, code, text);
	return NULL;
}

/* Plain text has no BEGIN: a note of its own form. */
static struct vobject *plain_note(const char *text, gsize len, const struct pim_style *style)
{
	struct vobject *note = vobject_new("VNOTE");
	g_autofree char *whole = g_strndup(text, len);
	g_autofree char *utf8 = NULL;

	if (g_utf8_validate(whole, -1, NULL))
		utf8 = g_steal_pointer(&whole);
	else
		utf8 = g_convert_with_fallback(whole, -1, "UTF-8",
					       style == NULL || style->fallback_charset == NULL
						       ? "windows-1252"
						       : style->fallback_charset,
					       "?", NULL, NULL, NULL);
	if (utf8 == NULL || !g_utf8_validate(utf8, -1, NULL)) {
		g_free(utf8);
		utf8 = g_utf8_make_valid(whole, -1);
	}
	vobject_clean(utf8);
	vobject_add(note, "BODY", utf8);
	return note;
}

static struct pim_item *normalized(struct vobject *parsed, enum vdialect dialect,
				   const struct pim_style *style, GError **error)
{
	enum pim_component component;
	struct vobject *normal;

	for (guint i = 0; i < G_N_ELEMENTS(roots); i++) {
		if (strcmp(roots[i].root, parsed->name) != 0)
			continue;
		pim_style_read(style, parsed);
		normal = roots[i].kind->normalize(parsed, dialect, style, &component, error);
		if (normal == NULL)
			return NULL;
		pim_style_from(style, normal);
		return item_new(component, normal);
	}
	vobject_free(parsed);
	return fail(error, PIM_ITEM_ERROR_COMPONENT, "not a contact, calendar or note");
}

struct pim_item *pim_item_parse(enum pim_format format, const char *text, gsize len,
				const struct pim_style *style, GError **error)
{
	struct vobject_style lines = line_style(style);
	g_autoptr(GError) failure = NULL;
	enum vdialect dialect;
	struct vobject *parsed;

	if (format == PIM_PLAIN_TEXT)
		return normalized(plain_note(text, len, style), VNOTE_1_1, style, error);
	parsed = vobject_parse(text, len, &lines, &dialect, NULL, &failure);
	if (parsed == NULL)
		return fail(error,
			    g_error_matches(failure, VOBJECT_ERROR, VOBJECT_ERROR_LIMIT)
				    ? PIM_ITEM_ERROR_LIMIT
				    : PIM_ITEM_ERROR_SYNTAX,
			    failure->message);
	return normalized(parsed, dialect, style, error);
}

static enum vdialect dialect_of(enum pim_format format)
{
	switch (format) {
	case PIM_VCARD_2_1:
		return VCARD_2_1;
	case PIM_VCARD_3_0:
		return VCARD_3_0;
	case PIM_VCARD_4_0:
		return VCARD_4_0;
	case PIM_VCALENDAR_1_0:
		return VCALENDAR_1_0;
	case PIM_ICALENDAR_2_0:
		return ICALENDAR_2_0;
	case PIM_PLAIN_TEXT:
	case PIM_VNOTE_1_1:
		return VNOTE_1_1;
	}
	g_assert_not_reached();
}

GBytes *pim_item_stored(const struct pim_item *item)
{
	return g_string_free_to_bytes(vobject_write(item->normal, item->kind->stored, NULL));
}

struct pim_item *pim_item_load(enum pim_component component, const void *stored, gsize len,
			       GError **error)
{
	g_autoptr(GError) failure = NULL;
	struct vobject *normal =
		vobject_parse(stored == NULL ? "" : stored, len, NULL, NULL, NULL, &failure);

	if (normal == NULL)
		return fail(error, PIM_ITEM_ERROR_SYNTAX, failure->message);
	return item_new(component, normal);
}

enum pim_component pim_item_component(const struct pim_item *item)
{
	return item->component;
}

const char *pim_item_uid(const struct pim_item *item)
{
	return item->kind->uid == NULL ? NULL : item->kind->uid(item->normal);
}

char *pim_item_title(const struct pim_item *item)
{
	return item->kind->title(item->normal);
}

gboolean pim_item_overlaps(const struct pim_item *item, gint64 since, gint64 before)
{
	return item->kind->overlaps == NULL || item->kind->overlaps(item->normal, since, before);
}

guint pim_find_group(const struct pim_property_group *groups, guint count, const char *property,
		     guint other)
{
	for (guint i = 0; i < count; i++) {
		if (strcmp(groups[i].name, property) == 0)
			return groups[i].group;
	}
	return other;
}

/* --- exceptions --------------------------------------------------------------------------- */

gboolean pim_exceptions_apart(enum pim_format format, const struct pim_capability *capability)
{
	return format == PIM_VCALENDAR_1_0 ||
	       (format == PIM_ICALENDAR_2_0 && capability != NULL &&
		!g_hash_table_contains(capability->properties, "RECURRENCE-ID"));
}

char **pim_item_parts(const struct pim_item *item)
{
	return item->kind->parts == NULL ? g_new0(char *, 1) : item->kind->parts(item->normal);
}

struct pim_item *pim_item_part(const struct pim_item *item, const char *part)
{
	struct vobject *normal;

	if (item->kind->part == NULL)
		return *part == '\0' ? pim_item_ref(item) : NULL;
	normal = item->kind->part(item->normal, part);
	return normal == NULL ? NULL : item_new(item->component, normal);
}

struct pim_item *pim_item_with_part(const struct pim_item *item, const char *part,
				    const struct pim_item *changed)
{
	if (item->kind->with_part == NULL)
		return pim_item_ref(changed == NULL ? item : changed);
	return item_new(item->component,
			item->kind->with_part(item->normal, part,
					      changed == NULL ? NULL : changed->normal));
}

static void part_free(gpointer data)
{
	struct pim_part *part = data;

	g_free(part->name);
	pim_item_unref(part->item);
	g_free(part);
}

/* Takes both. */
static void add_part(GPtrArray *parts, char *name, struct pim_item *item)
{
	struct pim_part *part = g_new(struct pim_part, 1);

	*part = (struct pim_part){name, item};
	g_ptr_array_add(parts, part);
}

GPtrArray *pim_item_split(const struct pim_item *item)
{
	GPtrArray *parts = g_ptr_array_new_with_free_func(part_free);
	g_autoptr(GPtrArray) objects = g_ptr_array_new();
	g_autofree char **names = NULL;

	if (item->kind->split == NULL) {
		add_part(parts, g_strdup(""), pim_item_ref(item));
		return parts;
	}
	names = item->kind->split(item->normal, objects);
	for (guint i = 0; i < objects->len; i++)
		add_part(parts, names[i], item_new(item->component, objects->pdata[i]));
	return parts;
}

struct pim_item *pim_item_without_parts(const struct pim_item *item, const char *const *parts)
{
	g_autofree const struct vobject **none = NULL;

	if (item->kind->with_parts == NULL)
		return pim_item_ref(item);
	none = g_new0(const struct vobject *, g_strv_length((char **)parts) + 1);
	return item_new(item->component, item->kind->with_parts(item->normal, parts, none));
}

gboolean pim_item_recurs(const struct pim_item *item)
{
	return item->kind->recurs != NULL && item->kind->recurs(item->normal);
}

gboolean pim_item_occurs(const struct pim_item *series, const struct pim_item *item)
{
	return series->kind->occurs != NULL && series->kind == item->kind &&
	       series->kind->occurs(series->normal, item->normal);
}

gboolean pim_item_is_lossy(const struct pim_item *item, enum pim_format format)
{
	return item->kind->is_lossy != NULL &&
	       item->kind->is_lossy(item->normal, dialect_of(format));
}

/* --- values and hashes ------------------------------------------------------------------------ */

typedef void property_function(const struct vobject *object, const struct vproperty *property,
			       gpointer data);

static void for_each(const struct vobject *object, property_function *function, gpointer data)
{
	for (guint i = 0; i < object->properties->len; i++)
		function(object, object->properties->pdata[i], data);
	for (guint i = 0; i < object->children->len; i++)
		for_each(object->children->pdata[i], function, data);
}

static int compare_params(gconstpointer a, gconstpointer b)
{
	const struct vparam *x = *(const struct vparam *const *)a;
	const struct vparam *y = *(const struct vparam *const *)b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : g_ascii_strcasecmp(x->value, y->value);
}

/* Borrowed, in a new array. */
static GPtrArray *sorted_params(const struct vproperty *property)
{
	GPtrArray *params = g_ptr_array_copy(property->params, NULL, NULL);

	g_ptr_array_set_free_func(params, NULL);
	g_ptr_array_sort(params, compare_params);
	return params;
}

/* The same for equal properties, in whatever order their parameters are. */
static guint64 property_hash(const struct vobject *object, const struct vproperty *property)
{
	GChecksum *checksum = g_checksum_new(G_CHECKSUM_SHA1);
	g_autoptr(GPtrArray) params = sorted_params(property);
	guint8 digest[20];
	gsize len = sizeof(digest);
	guint64 hash;

	g_checksum_update(checksum, (const guchar *)object->name, (gssize)strlen(object->name) + 1);
	g_checksum_update(checksum, (const guchar *)property->name,
			  (gssize)strlen(property->name) + 1);
	for (guint i = 0; i < params->len; i++) {
		const struct vparam *param = params->pdata[i];
		g_autofree char *value = g_ascii_strdown(param->value, -1);

		g_checksum_update(checksum, (const guchar *)param->name, -1);
		g_checksum_update(checksum, (const guchar *)"=", 1);
		g_checksum_update(checksum, (const guchar *)value, (gssize)strlen(value) + 1);
	}
	for (guint i = 0; i < property->components->len; i++) {
		const GPtrArray *values = property->components->pdata[i];

		g_checksum_update(checksum, (const guchar *)"\1", 1);
		for (guint j = 0; j < values->len; j++)
			g_checksum_update(checksum, values->pdata[j],
					  (gssize)strlen(values->pdata[j]) + 1);
	}
	if (property->binary != NULL)
		g_checksum_update(checksum, g_bytes_get_data(property->binary, NULL),
				  (gssize)g_bytes_get_size(property->binary));
	g_checksum_get_digest(checksum, digest, &len);
	g_checksum_free(checksum);
	memcpy(&hash, digest, sizeof(hash));
	return hash == 0 ? 1 : hash;
}

struct grouping {
	const struct pim_kind *kind;
	struct pim_groups *groups;
};

/* A sum does not depend on the order, and two that are equal do not take each other away. */
static void add_to_group(const struct vobject *object, const struct vproperty *property,
			 gpointer data)
{
	struct grouping *grouping = data;
	guint group = grouping->kind->group_of(object->name, property->name);

	if (group == PIM_GROUP_IGNORED || vproperty_is_empty(property))
		return;
	grouping->groups->hash[group] += property_hash(object, property);
}

void pim_item_groups(const struct pim_item *item, struct pim_groups *groups_r)
{
	struct grouping grouping = {.kind = item->kind, .groups = groups_r};

	memset(groups_r, 0, sizeof(*groups_r));
	for_each(item->normal, add_to_group, &grouping);
}

void pim_item_hash(const struct pim_item *item, guint8 hash_r[16])
{
	struct pim_groups groups;
	GChecksum *checksum = g_checksum_new(G_CHECKSUM_MD5);
	gsize len = 16;

	pim_item_groups(item, &groups);
	g_checksum_update(checksum, (const guchar *)&groups, sizeof(groups));
	g_checksum_update(checksum, (const guchar *)&item->component, sizeof(item->component));
	g_checksum_get_digest(checksum, hash_r, &len);
	g_checksum_free(checksum);
}

void pim_item_keys(const struct pim_item *item, GArray *keys)
{
	item->kind->keys(item->normal, keys);
	if (keys->len > LIMIT_ITEM_KEYS)
		g_array_set_size(keys, LIMIT_ITEM_KEYS);
}

guint64 pim_item_series_key(const struct pim_item *item)
{
	return item->kind->series_key == NULL ? 0 : item->kind->series_key(item->normal);
}

pim_group_mask pim_schedule_groups(enum pim_component component)
{
	return kind_of(component)->schedule;
}

pim_group_mask pim_groups_differ(const struct pim_groups *a, const struct pim_groups *b)
{
	pim_group_mask mask = 0;

	for (guint i = 0; i < PIM_GROUPS; i++) {
		if (a->hash[i] != b->hash[i])
			mask |= 1u << i;
	}
	return mask;
}

const char *pim_group_name(enum pim_component component, guint group)
{
	const char *const *names = kind_of(component)->group_names;

	for (guint i = 0; names[i] != NULL; i++) {
		if (i == group)
			return names[i];
	}
	return NULL;
}

char *pim_fold(const char *text)
{
	g_autofree char *normalized_text = g_utf8_normalize(text, -1, G_NORMALIZE_NFKD);
	GString *folded = g_string_new(NULL);

	for (const char *c = normalized_text; c != NULL && *c != '\0'; c = g_utf8_next_char(c)) {
		gunichar character = g_utf8_get_char(c);

		if (g_unichar_isalnum(character))
			g_string_append_unichar(folded, g_unichar_tolower(character));
	}
	return g_string_free(folded, FALSE);
}

guint64 pim_key(const char *part, ...)
{
	GChecksum *checksum = g_checksum_new(G_CHECKSUM_SHA1);
	guint8 digest[20];
	gsize len = sizeof(digest);
	guint64 key;
	va_list parts;

	va_start(parts, part);
	for (; part != NULL; part = va_arg(parts, const char *))
		g_checksum_update(checksum, (const guchar *)part, (gssize)strlen(part) + 1);
	va_end(parts);
	g_checksum_get_digest(checksum, digest, &len);
	g_checksum_free(checksum);
	memcpy(&key, digest, sizeof(key));
	return key == 0 ? 1 : key;
}

struct values {
	const char *name;
	GPtrArray *found;
	const struct pim_kind *kind;
};

static void add_value(const struct vobject *object, const struct vproperty *property, gpointer data)
{
	struct values *values = data;

	(void)object;
	if (g_ascii_strcasecmp(property->name, values->name) != 0 &&
	    g_ascii_strcasecmp(values->kind->device_name(property), values->name) != 0)
		return;
	for (guint i = 0; i < property->components->len; i++) {
		const GPtrArray *list = property->components->pdata[i];

		for (guint j = 0; j < list->len; j++)
			g_ptr_array_add(values->found, g_strdup(list->pdata[j]));
	}
}

char **pim_item_values(const struct pim_item *item, const char *property)
{
	struct values values = {property, g_ptr_array_new(), item->kind};

	for_each(item->normal, add_value, &values);
	g_ptr_array_add(values.found, NULL);
	return (char **)g_ptr_array_free(values.found, FALSE);
}

/* --- what a device can hold ----------------------------------------------- */

/* NULL: it cannot. */
static const struct pim_property_limit *limit_of(const struct pim_capability *capability,
						 const struct pim_kind *kind,
						 const struct pim_style *style,
						 const struct vproperty *property,
						 gboolean *holds_r)
{
	const char *theirs = pim_style_name(style, property->name);
	const struct pim_property_limit *limit = NULL;

	if (theirs != NULL)
		limit = g_hash_table_lookup(capability->properties, theirs);
	if (limit == NULL)
		limit = g_hash_table_lookup(capability->properties, kind->device_name(property));
	if (limit == NULL)
		limit = g_hash_table_lookup(capability->properties, property->name);
	*holds_r = limit != NULL || (g_str_has_prefix(property->name, "X-") &&
				     g_hash_table_contains(capability->properties, "X-*"));
	return limit;
}

static void cut(char *text, guint64 max)
{
	if ((guint64)g_utf8_strlen(text, -1) > max)
		*g_utf8_offset_to_pointer(text, (glong)max) = '\0';
}

/* FALSE: it is to be left out. */
static gboolean shorten(struct vproperty *property, const struct pim_property_limit *limit)
{
	if (limit == NULL || limit->max_size == G_MAXUINT64)
		return TRUE;
	if (property->binary != NULL)
		return g_bytes_get_size(property->binary) <= limit->max_size;
	for (guint i = 0; i < property->components->len; i++) {
		const GPtrArray *values = property->components->pdata[i];

		for (guint j = 0; j < values->len; j++) {
			if ((guint64)g_utf8_strlen(values->pdata[j], -1) <= limit->max_size)
				continue;
			if (limit->no_truncate)
				return FALSE;
			cut(values->pdata[j], limit->max_size);
		}
	}
	return TRUE;
}

/* Of which it holds anything. */
static pim_group_mask held_groups(const struct pim_kind *kind,
				  const struct pim_capability *capability)
{
	pim_group_mask mask = 0;
	GHashTableIter iter;
	gpointer name;

	g_hash_table_iter_init(&iter, capability->properties);
	while (g_hash_table_iter_next(&iter, &name, NULL)) {
		guint group = kind->group_of("", name);

		if (group != PIM_GROUP_IGNORED)
			mask |= 1u << group;
	}
	return mask;
}

/* The properties of the object that the device holds, as it does: cut to its sizes, and of the
 * types of their places. */
typedef struct held {
	GPtrArray *properties; /* as many as the object has; NULL: it does not */
	gint *places;          /* of each; NULL = all the same */
} held_t;

static void held_clear(struct held *held)
{
	g_ptr_array_unref(held->properties);
	g_free(held->places);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(held_t, held_clear)

/* What the rules for the device leave of it. */
static gboolean has_place(const struct held *held, const struct pim_style *style,
			  const struct vproperty *property, guint at)
{
	return !pim_style_lacks(style, property) &&
	       (held->places == NULL || held->places[at] != PIM_NO_PLACE);
}

/* `capability` NULL: all. */
static void held_properties(const struct vobject *object, const struct pim_kind *kind,
			    const struct pim_style *style, const struct pim_capability *capability,
			    struct held *held_r)
{
	g_autoptr(GHashTable) counts = g_hash_table_new(g_str_hash, g_str_equal);

	held_r->properties = g_ptr_array_new_with_free_func((GDestroyNotify)vproperty_free);
	held_r->places = style == NULL || kind->places == NULL ? NULL : kind->places(object, style);
	for (guint i = 0; i < object->properties->len; i++) {
		struct vproperty *property = vproperty_copy(object->properties->pdata[i]);
		const struct pim_property_limit *limit = NULL;
		gboolean held = TRUE;
		guint count = 0;

		if (capability != NULL)
			limit = limit_of(capability, kind, style, property, &held);
		held = held && has_place(held_r, style, property, i);
		if (held && limit != NULL)
			count = GPOINTER_TO_UINT(g_hash_table_lookup(counts, limit->name)) + 1;
		/* What is in no group is not for devices to judge. */
		if (kind->group_of(object->name, property->name) == PIM_GROUP_IGNORED ||
		    (held && shorten(property, limit) &&
		     (limit == NULL || limit->max_occur == 0 || count <= limit->max_occur))) {
			if (limit != NULL)
				g_hash_table_insert(counts, limit->name, GUINT_TO_POINTER(count));
			if (held_r->places != NULL)
				kind->fit(property, held_r->places[i], style);
		} else {
			g_clear_pointer(&property, vproperty_free);
		}
		g_ptr_array_add(held_r->properties, property);
	}
}

/* Is the one before the other on the device? They are of the same name. */
static gboolean is_before(const struct held *held, guint a, guint b)
{
	if (held->places == NULL || held->places[a] == held->places[b])
		return a < b;
	return held->places[a] < held->places[b];
}

static int compare_places(gconstpointer a, gconstpointer b, gpointer data)
{
	guint x = *(const guint *)a, y = *(const guint *)b;

	return x == y ? 0 : is_before(data, x, y) ? -1 : 1;
}

static void put_in_order(struct held *held, const GArray *at)
{
	g_autoptr(GArray) ordered = g_array_copy((GArray *)at);
	g_autofree gpointer *properties = g_new(gpointer, at->len);

	g_array_sort_with_data(ordered, compare_places, held);
	for (guint i = 0; i < at->len; i++)
		properties[i] = held->properties->pdata[g_array_index(ordered, guint, i)];
	for (guint i = 0; i < at->len; i++)
		held->properties->pdata[g_array_index(at, guint, i)] = properties[i];
}

/* Those of each name in the order of their places. */
static void put_in_places(struct held *held)
{
	g_autoptr(GHashTable) by_name =
		g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_array_unref);
	GHashTableIter iter;
	gpointer found;

	for (guint i = 0; held->places != NULL && i < held->properties->len; i++) {
		const struct vproperty *property = held->properties->pdata[i];
		GArray *at;

		if (property == NULL)
			continue;
		at = g_hash_table_lookup(by_name, property->name);
		if (at == NULL) {
			at = g_array_new(FALSE, FALSE, sizeof(guint));
			g_hash_table_insert(by_name, property->name, at);
		}
		g_array_append_val(at, i);
	}
	g_hash_table_iter_init(&iter, by_name);
	while (g_hash_table_iter_next(&iter, NULL, &found))
		put_in_order(held, found);
}

/* As `object`, with what the device holds of it; `groups` are those of which it holds anything. */
static void limit_object(struct vobject *object, const struct pim_kind *kind,
			 const struct pim_style *style, const struct pim_capability *capability,
			 pim_group_mask groups)
{
	g_auto(held_t) held;

	held_properties(object, kind, style, capability, &held);
	put_in_places(&held);
	g_ptr_array_set_size(object->properties, 0);
	for (guint i = 0; i < held.properties->len; i++) {
		if (held.properties->pdata[i] != NULL)
			g_ptr_array_add(object->properties,
					g_steal_pointer(&held.properties->pdata[i]));
	}
	for (guint i = object->children->len; i > 0; i--) {
		struct vobject *child = object->children->pdata[i - 1];
		guint group = kind->group_of(child->name, "");

		/* Alarms have names of their own in the device's dialect: it holds them or not. */
		if (group == PIM_GROUP_IGNORED)
			limit_object(child, kind, style, capability, groups);
		else if ((groups & 1u << group) == 0)
			g_ptr_array_remove_index(object->children, i - 1);
	}
}

/* What content lines of the dialect cannot say is gone then. Takes the object. */
static struct vobject *through_lines(struct vobject *object, enum pim_format format,
				     const struct pim_style *style)
{
	struct vobject_style lines = line_style(style);
	struct vobject *read;
	GString *text;

	if (format == PIM_PLAIN_TEXT) {
		for (guint i = object->properties->len; i > 0; i--) {
			const struct vproperty *property = object->properties->pdata[i - 1];

			if (strcmp(property->name, "BODY") != 0)
				g_ptr_array_remove_index(object->properties, i - 1);
		}
		return object;
	}
	text = vobject_write(object, dialect_of(format), &lines);
	read = vobject_parse(text->str, text->len, &lines, NULL, NULL, NULL);
	g_string_free(text, TRUE);
	if (read == NULL)
		return object;
	vobject_free(object);
	return read;
}

/* What is written for it. New. */
static struct vobject *for_device(const struct pim_item *item, enum pim_format format,
				  const struct pim_style *style,
				  const struct pim_capability *capability)
{
	g_autoptr(vobject_t) limited = vobject_copy(item->normal);
	struct vobject *object;

	if (capability != NULL || style != NULL)
		limit_object(limited, item->kind, style, capability,
			     capability == NULL ? ~0u : held_groups(item->kind, capability));
	pim_style_to(style, limited, capability);
	object = item->kind->denormalize(limited, dialect_of(format), style);
	pim_style_write(style, object, dialect_of(format), capability);
	return object;
}

static struct pim_item *project(const struct pim_item *item, enum pim_format format,
				const struct pim_style *style,
				const struct pim_capability *capability)
{
	struct vobject *there, *back;
	enum pim_component component;

	/* There and back again: what the dialect cannot say is gone then, too. */
	there = through_lines(for_device(item, format, style, capability), format, style);
	pim_style_read(style, there);
	back = item->kind->normalize(there, dialect_of(format), style, &component, NULL);
	if (back == NULL)
		return pim_item_ref(item);
	pim_style_from(style, back);
	return item_new(item->component, back);
}

struct pim_item *pim_item_project(const struct pim_item *item, enum pim_format format,
				  const struct pim_style *style,
				  const struct pim_capability *capability)
{
	g_autoptr(GPtrArray) parts = NULL, projected = NULL, names = NULL, objects = NULL;
	const struct pim_item *master;

	if (!pim_exceptions_apart(format, capability))
		return project(item, format, style, capability);
	parts = pim_item_split(item);
	if (parts->len == 1)
		return project(item, format, style, capability);
	projected = g_ptr_array_new_with_free_func((GDestroyNotify)pim_item_unref);
	names = g_ptr_array_new();
	objects = g_ptr_array_new();
	for (guint i = 0; i < parts->len; i++) {
		const struct pim_part *part = parts->pdata[i];
		struct pim_item *there = project(part->item, format, style, capability);

		g_ptr_array_add(projected, there);
		if (i > 0) {
			g_ptr_array_add(names, part->name);
			g_ptr_array_add(objects, there->normal);
		}
	}
	g_ptr_array_add(names, NULL);
	master = projected->pdata[0];
	return item_new(master->component,
			item->kind->with_parts(
				master->normal, (const char *const *)names->pdata,
				(const struct vobject *const *)(const void *)objects->pdata));
}

/* What devices of the old dialects do not know, unless they say so: they give ids of their
 * own. */
static void drop_uid(struct vobject *object, enum vdialect dialect,
		     const struct pim_capability *capability)
{
	if (!vdialect_is_old(dialect) ||
	    (capability != NULL && g_hash_table_contains(capability->properties, "UID")))
		return;
	vobject_remove(object, "UID");
	for (guint i = 0; i < object->children->len; i++)
		drop_uid(object->children->pdata[i], dialect, capability);
}

GString *pim_item_write(const struct pim_item *item, enum pim_format format,
			const struct pim_style *style, const struct pim_capability *capability)
{
	struct vobject_style lines = line_style(style);
	g_autoptr(vobject_t) object = for_device(item, format, style, capability);

	drop_uid(object, dialect_of(format), capability);
	if (format == PIM_PLAIN_TEXT) {
		const struct vproperty *body = vobject_find(object, "BODY");

		return g_string_new(body == NULL ? "" : vproperty_value(body, 0));
	}
	return vobject_write(object, dialect_of(format), &lines);
}

/* --- merging -------------------------------------------------------------- */

static gboolean in_groups(const struct pim_kind *kind, const struct vobject *object,
			  const struct vproperty *property, pim_group_mask groups)
{
	guint group = kind->group_of(object->name, property->name);

	return group != PIM_GROUP_IGNORED && (groups & 1u << group) != 0;
}

/* How much of two properties is to be the same. */
enum alike {
	ALIKE_IN_NAME,
	ALIKE_IN_PARAMS, /* in name, too */
	ALIKE_IN_ALL,
};
#define ALIKE_COUNT 3

/* A property, read once for all that it is compared to: one object may have thousands of a name. */
struct known {
	const struct vproperty *property;
	GPtrArray *params; /* in order */
	guint64 hash;
};

/* The properties of an object, to be found by what they are like. */
typedef struct finder {
	struct known *known; /* in the object's order */
	guint count;
	guint *order[ALIKE_COUNT]; /* what is alike is side by side, in the object's order */
	guint *next[ALIKE_COUNT];  /* where the first is: the first that may be free */
} finder_t;

static int compare_known(const struct known *a, const struct known *b, enum alike alike)
{
	int order = strcmp(a->property->name, b->property->name);

	if (order != 0 || alike == ALIKE_IN_NAME)
		return order;
	for (guint i = 0; order == 0 && i < MIN(a->params->len, b->params->len); i++)
		order = compare_params(&a->params->pdata[i], &b->params->pdata[i]);
	if (order == 0)
		order = (a->params->len > b->params->len) - (a->params->len < b->params->len);
	if (order == 0 && alike == ALIKE_IN_ALL)
		order = (a->hash > b->hash) - (a->hash < b->hash);
	return order;
}

struct ordering {
	const struct known *known;
	enum alike alike;
};

static int compare_at(gconstpointer a, gconstpointer b, gpointer data)
{
	const struct ordering *ordering = data;
	guint x = *(const guint *)a, y = *(const guint *)b;
	int order = compare_known(&ordering->known[x], &ordering->known[y], ordering->alike);

	return order != 0 ? order : (x > y) - (x < y);
}

static void finder_init(struct finder *finder, const struct vobject *object)
{
	struct ordering ordering;

	finder->count = object->properties->len;
	finder->known = g_new(struct known, finder->count + 1);
	for (guint i = 0; i < finder->count; i++) {
		const struct vproperty *property = object->properties->pdata[i];

		finder->known[i].property = property;
		finder->known[i].params = sorted_params(property);
		finder->known[i].hash = property_hash(object, property);
	}
	ordering.known = finder->known;
	for (enum alike alike = 0; alike < ALIKE_COUNT; alike++) {
		ordering.alike = alike;
		finder->next[alike] = g_new0(guint, finder->count + 1);
		finder->order[alike] = g_new(guint, finder->count + 1);
		for (guint i = 0; i < finder->count; i++)
			finder->order[alike][i] = i;
		qsort_r(finder->order[alike], finder->count, sizeof(guint), compare_at, &ordering);
	}
}

static void finder_clear(struct finder *finder)
{
	for (enum alike alike = 0; alike < ALIKE_COUNT; alike++) {
		g_free(finder->order[alike]);
		g_free(finder->next[alike]);
	}
	for (guint i = 0; i < finder->count; i++)
		g_ptr_array_unref(finder->known[i].params);
	g_free(finder->known);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(finder_t, finder_clear)

/* The n-th there in the order of what is alike; NULL: past its end, or it is not like that. */
static const struct known *alike_at(const struct finder *finder, guint at,
				    const struct known *wanted, enum alike alike)
{
	const struct known *known;

	if (at >= finder->count)
		return NULL;
	known = &finder->known[finder->order[alike][at]];
	return compare_known(known, wanted, alike) == 0 ? known : NULL;
}

/* Where in that order those begin that are like it, or would. */
static guint first_alike(const struct finder *finder, const struct known *wanted, enum alike alike)
{
	guint from = 0, to = finder->count;

	while (from < to) {
		guint middle = from + (to - from) / 2;

		if (compare_known(&finder->known[finder->order[alike][middle]], wanted, alike) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* The first in the object's order that is like it and nobody's yet: where it is. What is taken
 * stays so. */
static gboolean find_free(struct finder *finder, const struct known *wanted, enum alike alike,
			  const gboolean *taken, guint *at_r)
{
	guint first = first_alike(finder, wanted, alike);
	guint at = MAX(first, finder->next[alike][first]);

	while (alike_at(finder, at, wanted, alike) != NULL && taken[finder->order[alike][at]])
		at++;
	finder->next[alike][first] = at;
	if (alike_at(finder, at, wanted, alike) == NULL)
		return FALSE;
	*at_r = finder->order[alike][at];
	return TRUE;
}

struct holding {
	const struct vobject *ours;
	const struct held *held;
};

static const char *name_at(const struct vobject *object, guint at)
{
	return ((const struct vproperty *)object->properties->pdata[at])->name;
}

static int compare_held(gconstpointer a, gconstpointer b, gpointer data)
{
	const struct holding *holding = data;
	guint x = *(const guint *)a, y = *(const guint *)b;
	int order = strcmp(name_at(holding->ours, x), name_at(holding->ours, y));

	return order != 0 ? order : x == y ? 0 : is_before(holding->held, x, y) ? -1 : 1;
}

/* What the device holds of ours, those of a name side by side in its order. */
static GArray *held_in_order(const struct vobject *ours, const struct held *held)
{
	struct holding holding = {ours, held};
	GArray *order = g_array_new(FALSE, FALSE, sizeof(guint));

	for (guint i = 0; i < held->properties->len; i++) {
		if (held->properties->pdata[i] != NULL)
			g_array_append_val(order, i);
	}
	g_array_sort_with_data(order, compare_held, &holding);
	return order;
}

/* What each of ours is on the device, which is at the same place among those of its name; NULL: it
 * has nothing of it. */
static void find_sent(const struct vobject *ours, const GArray *order,
		      const struct finder *projected, const struct known **sent)
{
	guint nth = 0, first = 0;

	for (guint i = 0; i < order->len; i++) {
		guint at = g_array_index(order, guint, i);
		struct known wanted = {.property = ours->properties->pdata[at]};
		const struct known *known;

		if (i > 0 && strcmp(name_at(ours, g_array_index(order, guint, i - 1)),
				    wanted.property->name) == 0) {
			nth++;
		} else {
			nth = 0;
			first = first_alike(projected, &wanted, ALIKE_IN_NAME);
		}
		known = alike_at(projected, first + nth, &wanted, ALIKE_IN_NAME);
		if (known != NULL && !vproperty_is_empty(known->property))
			sent[at] = known;
	}
}

static gboolean holds_name(const struct vobject *ours, const GArray *order, const char *name)
{
	guint from = 0, to = order->len;

	while (from < to) {
		guint middle = from + (to - from) / 2;
		int difference = strcmp(name_at(ours, g_array_index(order, guint, middle)), name);

		if (difference == 0)
			return TRUE;
		if (difference < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return FALSE;
}

/* Does the device have one like it that is none of ours? FN is made of N, say. */
static gboolean is_made_up(const struct known *known, const struct vobject *ours,
			   const GArray *order, const struct finder *projected)
{
	const struct known *made;

	if (holds_name(ours, order, known->property->name))
		return FALSE;
	made = alike_at(projected, first_alike(projected, known, ALIKE_IN_NAME), known,
			ALIKE_IN_NAME);
	return made != NULL && compare_known(made, known, ALIKE_IN_ALL) == 0;
}

static gboolean may_be_many(const char *name)
{
	static const char *const names[] = {"TEL",     "EMAIL",  "ADR",     "LABEL",
					    "URL",     "IMPP",   "RELATED", "ATTENDEE",
					    "CONTACT", "ATTACH", "COMMENT", NULL};

	return g_strv_contains(names, name) || g_str_has_prefix(name, "X-");
}

static gboolean same_values(const GPtrArray *a, const GPtrArray *b)
{
	if (a->len != b->len)
		return FALSE;
	for (guint i = 0; i < a->len; i++) {
		if (strcmp(a->pdata[i], b->pdata[i]) != 0)
			return FALSE;
	}
	return TRUE;
}

/* The next of that name; of the same types if there is one, which is in the same place. */
static gboolean find_instead(struct finder *theirs, const struct vproperty *ours,
			     const struct known *sent, const gboolean *taken, guint *at_r)
{
	struct known named = {.property = ours};

	return (sent != NULL && find_free(theirs, sent, ALIKE_IN_PARAMS, taken, at_r)) ||
	       find_free(theirs, &named, ALIKE_IN_NAME, taken, at_r);
}

/* The parts of a name that are as they were sent, or were not, are as we have them. */
static void keep_parts(struct vproperty *theirs, const struct vproperty *ours,
		       const struct vproperty *sent)
{
	for (guint i = 0; i < ours->components->len; i++) {
		const GPtrArray *part = ours->components->pdata[i];
		gboolean was_sent = i < sent->components->len;

		if (was_sent ? i >= theirs->components->len ||
				       !same_values(sent->components->pdata[i],
						    theirs->components->pdata[i])
			     : i < theirs->components->len)
			continue;
		while (theirs->components->len <= i)
			vproperty_add_value(theirs, theirs->components->len, "");
		g_ptr_array_set_size(theirs->components->pdata[i], 0);
		for (guint j = 0; j < part->len; j++)
			vproperty_add_value(theirs, i, part->pdata[j]);
	}
}

/* Theirs in the place of ours: with our types if it still has those that it was sent with, which
 * may be fewer. New. */
static struct vproperty *taken_over(const struct known *theirs, const struct vproperty *ours,
				    const struct known *sent)
{
	struct vproperty *copy = vproperty_copy(theirs->property);

	if (sent == NULL || copy->binary != NULL || strcmp(copy->name, ours->name) != 0)
		return copy;
	if (may_be_many(ours->name) && compare_known(theirs, sent, ALIKE_IN_PARAMS) == 0) {
		g_ptr_array_set_size(copy->params, 0);
		for (guint i = 0; i < ours->params->len; i++) {
			const struct vparam *param = ours->params->pdata[i];

			vproperty_add_param(copy, param->name, param->value);
		}
	}
	if (strcmp(ours->name, "N") == 0)
		keep_parts(copy, ours, sent->property);
	return copy;
}

/* In the groups: what they sent, but as we have it where it is what they were sent of that; and
 * what they never had of ours. In our order, since it decides what a device gets that does not
 * hold all: a value that is new takes the place of one that has gone. */
static void merge_properties(struct vobject *merged, const struct vobject *ours,
			     const struct vobject *theirs, const struct vobject *projected,
			     const struct pim_kind *kind, pim_group_mask groups,
			     const struct pim_style *style, const struct pim_capability *capability)
{
	g_auto(held_t) held;
	g_auto(finder_t) there, on_device;
	g_autoptr(GArray) order = NULL;
	g_autofree const struct known **sent =
		g_new0(const struct known *, ours->properties->len + 1);
	g_autofree gboolean *gone = g_new0(gboolean, ours->properties->len + 1);
	g_autofree gboolean *taken = g_new0(gboolean, theirs->properties->len + 1);
	guint at;

	held_properties(ours, kind, style, capability, &held);
	finder_init(&there, theirs);
	finder_init(&on_device, projected);
	order = held_in_order(ours, &held);
	find_sent(ours, order, &on_device, sent);
	for (guint i = 0; i < theirs->properties->len; i++)
		taken[i] = vproperty_is_empty(there.known[i].property) ||
			   is_made_up(&there.known[i], ours, order, &on_device);
	for (guint i = 0; i < ours->properties->len; i++) {
		const struct vproperty *property = ours->properties->pdata[i];
		struct known named = {.property = property};
		gboolean stays = !in_groups(kind, ours, property, groups);

		/* One that it never had is not what it put in its place. */
		if (!stays && sent[i] == NULL)
			stays = may_be_many(property->name) ||
				!find_free(&there, &named, ALIKE_IN_NAME, taken, &at);
		if (!stays && sent[i] != NULL) {
			stays = find_free(&there, sent[i], ALIKE_IN_ALL, taken, &at);
			if (stays)
				taken[at] = TRUE;
		}
		gone[i] = !stays;
	}
	for (guint i = 0; i < ours->properties->len; i++) {
		const struct vproperty *property = ours->properties->pdata[i];

		if (gone[i] && find_instead(&there, property, sent[i], taken, &at)) {
			taken[at] = TRUE;
			g_ptr_array_add(merged->properties,
					taken_over(&there.known[at], property, sent[i]));
		} else if (!gone[i]) {
			g_ptr_array_add(merged->properties, vproperty_copy(property));
		}
	}
	for (guint i = 0; i < theirs->properties->len; i++) {
		const struct vproperty *property = theirs->properties->pdata[i];

		if (!taken[i] && in_groups(kind, theirs, property, groups))
			g_ptr_array_add(merged->properties, vproperty_copy(property));
	}
}

static int compare_hashes(gconstpointer a, gconstpointer b)
{
	guint64 x = *(const guint64 *)a, y = *(const guint64 *)b;

	return (x > y) - (x < y);
}

/* Of each child that is of a group: the hashes of its properties, in order. */
static GPtrArray *hashes_of(const GPtrArray *children, const struct pim_kind *kind)
{
	GPtrArray *hashes = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);

	for (guint i = 0; i < children->len; i++) {
		const struct vobject *child = children->pdata[i];
		GArray *of_child = g_array_new(FALSE, FALSE, sizeof(guint64));
		gboolean grouped = kind->group_of(child->name, "") != PIM_GROUP_IGNORED;

		for (guint j = 0; grouped && j < child->properties->len; j++) {
			guint64 hash = property_hash(child, child->properties->pdata[j]);

			g_array_append_val(of_child, hash);
		}
		g_array_sort(of_child, compare_hashes);
		g_ptr_array_add(hashes, of_child);
	}
	return hashes;
}

static guint run_of(const GArray *hashes, guint from)
{
	guint to = from;

	while (to < hashes->len &&
	       g_array_index(hashes, guint64, to) == g_array_index(hashes, guint64, from))
		to++;
	return to - from;
}

/* Pairs of properties that are the same. */
static guint likeness(const GArray *a, const GArray *b)
{
	guint count = 0, i = 0, j = 0;

	while (i < a->len && j < b->len) {
		guint64 x = g_array_index(a, guint64, i), y = g_array_index(b, guint64, j);
		guint runs[2] = {x <= y ? run_of(a, i) : 0, y <= x ? run_of(b, j) : 0};

		count += runs[0] * runs[1];
		i += runs[0];
		j += runs[1];
	}
	return count;
}

/* Of `children`, the one of that name that is most like it and not taken yet. Hashes are those of
 * the children, and of what is wanted. */
static gboolean find_like(const GPtrArray *children, const GPtrArray *hashes,
			  const struct vobject *wanted, const GArray *wanted_hashes,
			  const gboolean *taken, gboolean exactly, guint *at_r)
{
	guint best = 0;

	for (guint i = 0; i < children->len; i++) {
		const struct vobject *child = children->pdata[i];
		guint count;

		if (taken[i] || strcmp(child->name, wanted->name) != 0)
			continue;
		count = likeness(hashes->pdata[i], wanted_hashes);
		if ((exactly && (count < child->properties->len ||
				 child->properties->len != wanted->properties->len)) ||
		    count + 1 <= best)
			continue;
		best = count + 1;
		*at_r = i;
	}
	return best > 0;
}

/* Components that are of a group as a whole (alarms, of which it may have but one): likewise. */
static void merge_group(struct vobject *merged, const struct vobject *ours,
			const struct vobject *theirs, const struct vobject *projected,
			const struct pim_kind *kind, pim_group_mask groups)
{
	g_autofree const struct vobject **sent =
		g_new0(const struct vobject *, ours->children->len + 1);
	g_autofree const GArray **sent_hashes = g_new0(const GArray *, ours->children->len + 1);
	g_autofree gboolean *was_sent = g_new0(gboolean, ours->children->len + 1);
	g_autofree gboolean *taken = g_new0(gboolean, theirs->children->len + 1);
	g_autoptr(GPtrArray) our_hashes = hashes_of(ours->children, kind);
	g_autoptr(GPtrArray) their_hashes = hashes_of(theirs->children, kind);
	g_autoptr(GPtrArray) held_hashes = hashes_of(projected->children, kind);
	guint at;

	for (guint i = 0; i < projected->children->len; i++) {
		const struct vobject *child = projected->children->pdata[i];

		if (kind->group_of(child->name, "") == PIM_GROUP_IGNORED ||
		    !find_like(ours->children, our_hashes, child, held_hashes->pdata[i], was_sent,
			       FALSE, &at))
			continue;
		sent[at] = child;
		sent_hashes[at] = held_hashes->pdata[i];
		was_sent[at] = TRUE;
	}
	for (guint i = 0; i < ours->children->len; i++) {
		const struct vobject *child = ours->children->pdata[i];
		guint group = kind->group_of(child->name, "");
		gboolean stays = FALSE;

		if (group == PIM_GROUP_IGNORED)
			continue;
		stays = (groups & 1u << group) == 0 || sent[i] == NULL;
		if (!stays && find_like(theirs->children, their_hashes, sent[i], sent_hashes[i],
					taken, TRUE, &at))
			stays = taken[at] = TRUE;
		if (stays)
			g_ptr_array_add(merged->children, vobject_copy(child));
	}
	for (guint i = 0; i < theirs->children->len; i++) {
		const struct vobject *child = theirs->children->pdata[i];
		guint group = kind->group_of(child->name, "");

		if (!taken[i] && group != PIM_GROUP_IGNORED && (groups & 1u << group) != 0)
			g_ptr_array_add(merged->children, vobject_copy(child));
	}
}

/* Which child of an object is which: the master, or that exception. */
struct children {
	char **parts;        /* of each child; NULL: all are "" */
	GHashTable *by_part; /* name of the component and of the part -> the first such child */
};

static const char *part_at(const struct children *children, guint at)
{
	return children->parts == NULL ? "" : children->parts[at];
}

static char *child_key(const struct children *children, const struct vobject *child, guint at)
{
	return g_strconcat(child->name, " ", part_at(children, at), NULL);
}

static void children_init(struct children *children, const struct pim_kind *kind,
			  const struct vobject *object)
{
	children->parts = kind->part_names == NULL ? NULL : kind->part_names(object);
	children->by_part = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (guint i = object->children->len; i > 0; i--) {
		struct vobject *child = object->children->pdata[i - 1];

		g_hash_table_insert(children->by_part, child_key(children, child, i - 1), child);
	}
}

static void children_clear(struct children *children)
{
	g_strfreev(children->parts);
	g_hash_table_unref(children->by_part);
}
typedef struct children children_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(children_t, children_clear)

/* The child of `other` that is what that one is in its object. NULL: there is none. */
static const struct vobject *counterpart(const struct children *children,
					 const struct vobject *child, guint at,
					 const struct children *other)
{
	g_autofree char *key = child_key(children, child, at);

	return g_hash_table_lookup(other->by_part, key);
}

/* Which exceptions there are is a matter of their group. */
static gboolean decides_on(const struct pim_kind *kind, const struct children *children,
			   const struct vobject *child, guint at, pim_group_mask groups)
{
	return *part_at(children, at) != '\0' &&
	       (groups & 1u << kind->group_of(child->name, "RECURRENCE-ID")) != 0;
}

/* Components inside (alarms, the event in its calendar): each kind of them is of one group, or
 * is merged itself. */
static void merge_object(struct vobject *merged, const struct vobject *ours,
			 const struct vobject *theirs, const struct vobject *projected,
			 const struct pim_kind *kind, pim_group_mask groups,
			 const struct pim_style *style, const struct pim_capability *capability)
{
	g_auto(children_t) our_children, their_children, held_children;

	children_init(&our_children, kind, ours);
	children_init(&their_children, kind, theirs);
	children_init(&held_children, kind, projected);
	merge_properties(merged, ours, theirs, projected, kind, groups, style, capability);
	for (guint i = 0; i < ours->children->len; i++) {
		const struct vobject *child = ours->children->pdata[i], *other, *held;
		struct vobject *copy;

		if (kind->group_of(child->name, "") != PIM_GROUP_IGNORED)
			continue;
		other = counterpart(&our_children, child, i, &their_children);
		if (other == NULL) {
			if (!decides_on(kind, &our_children, child, i, groups))
				g_ptr_array_add(merged->children, vobject_copy(child));
			continue;
		}
		held = counterpart(&our_children, child, i, &held_children);
		copy = vobject_new(child->name);
		g_ptr_array_add(merged->children, copy);
		merge_object(copy, child, other, held == NULL ? child : held, kind, groups, style,
			     capability);
	}
	for (guint i = 0; i < theirs->children->len; i++) {
		const struct vobject *child = theirs->children->pdata[i];

		if (kind->group_of(child->name, "") == PIM_GROUP_IGNORED &&
		    counterpart(&their_children, child, i, &our_children) == NULL &&
		    decides_on(kind, &their_children, child, i, groups))
			g_ptr_array_add(merged->children, vobject_copy(child));
	}
	merge_group(merged, ours, theirs, projected, kind, groups);
}

struct pim_item *pim_item_merge(const struct pim_item *ours, const struct pim_item *theirs,
				pim_group_mask groups, enum pim_format format,
				const struct pim_style *style,
				const struct pim_capability *capability)
{
	g_autoptr(pim_item_t) projected = NULL;
	struct vobject *merged;

	if (groups == 0 || ours->component != theirs->component)
		return pim_item_ref(groups == 0 ? ours : theirs);
	projected = pim_item_project(ours, format, style, capability);
	merged = vobject_new(ours->normal->name);
	merge_object(merged, ours->normal, theirs->normal, projected->normal, ours->kind, groups,
		     style, capability);
	return item_new(theirs->component, merged);
}
