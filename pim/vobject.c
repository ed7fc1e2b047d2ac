/* The tree, and what is the same in all dialects. Reading and writing have files of their own. */
#include "limits.h"
#include "vobject.h"

#include <string.h>

GQuark vobject_error_quark(void)
{
	return g_quark_from_static_string("fantail-vobject-error");
}

static void param_free(gpointer data)
{
	struct vparam *param = data;

	g_free(param->name);
	g_free(param->value);
	g_free(param);
}

static void free_property(gpointer property)
{
	vproperty_free(property);
}

static void free_object(gpointer object)
{
	vobject_free(object);
}

struct vobject *vobject_new(const char *name)
{
	struct vobject *object = g_new0(struct vobject, 1);

	object->name = g_ascii_strup(name, -1);
	object->properties = g_ptr_array_new_with_free_func(free_property);
	object->children = g_ptr_array_new_with_free_func(free_object);
	return object;
}

void vobject_free(struct vobject *object)
{
	if (object == NULL)
		return;
	g_free(object->name);
	g_ptr_array_unref(object->properties);
	g_ptr_array_unref(object->children);
	g_free(object);
}

struct vobject *vobject_copy(const struct vobject *object)
{
	struct vobject *copy = vobject_new(object->name);

	for (guint i = 0; i < object->properties->len; i++)
		g_ptr_array_add(copy->properties, vproperty_copy(object->properties->pdata[i]));
	for (guint i = 0; i < object->children->len; i++)
		g_ptr_array_add(copy->children, vobject_copy(object->children->pdata[i]));
	return copy;
}

struct vproperty *vproperty_new(const char *name)
{
	struct vproperty *property = g_new0(struct vproperty, 1);

	property->name = g_ascii_strup(name, -1);
	property->params = g_ptr_array_new_with_free_func(param_free);
	property->components = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
	return property;
}

void vproperty_free(struct vproperty *property)
{
	if (property == NULL)
		return;
	g_free(property->group);
	g_free(property->name);
	g_ptr_array_unref(property->params);
	g_ptr_array_unref(property->components);
	g_clear_pointer(&property->binary, g_bytes_unref);
	g_free(property);
}

struct vproperty *vproperty_copy(const struct vproperty *property)
{
	struct vproperty *copy = vproperty_new(property->name);

	copy->group = g_strdup(property->group);
	for (guint i = 0; i < property->params->len; i++) {
		const struct vparam *param = property->params->pdata[i];

		vproperty_add_param(copy, param->name, param->value);
	}
	for (guint i = 0; i < property->components->len; i++) {
		const GPtrArray *values = property->components->pdata[i];

		for (guint j = 0; j < values->len; j++)
			vproperty_add_value(copy, i, values->pdata[j]);
	}
	if (property->binary != NULL)
		copy->binary = g_bytes_ref(property->binary);
	return copy;
}

void vproperty_add_value(struct vproperty *property, guint component, const char *value)
{
	while (property->components->len <= component)
		g_ptr_array_add(property->components, g_ptr_array_new_with_free_func(g_free));
	g_ptr_array_add(property->components->pdata[component], g_strdup(value));
}

void vproperty_add_param(struct vproperty *property, const char *name, const char *value)
{
	struct vparam *param;

	/* More would not be read again. */
	if (property->params->len >= LIMIT_VOBJECT_PARAMS)
		return;
	param = g_new(struct vparam, 1);
	param->name = g_ascii_strup(name, -1);
	param->value = g_strdup(value);
	g_ptr_array_add(property->params, param);
}

void vproperty_remove_params(struct vproperty *property, const char *name)
{
	for (guint i = property->params->len; i > 0; i--) {
		if (strcmp(((struct vparam *)property->params->pdata[i - 1])->name, name) == 0)
			g_ptr_array_remove_index(property->params, i - 1);
	}
}

struct vproperty *vobject_find(const struct vobject *object, const char *name)
{
	for (guint i = 0; i < object->properties->len; i++) {
		struct vproperty *property = object->properties->pdata[i];

		if (strcmp(property->name, name) == 0)
			return property;
	}
	return NULL;
}

struct vproperty *vobject_add(struct vobject *object, const char *name, const char *value)
{
	struct vproperty *property = vproperty_new(name);

	vproperty_add_value(property, 0, value);
	g_ptr_array_add(object->properties, property);
	return property;
}

void vobject_remove(struct vobject *object, const char *name)
{
	for (guint i = object->properties->len; i > 0; i--) {
		const struct vproperty *property = object->properties->pdata[i - 1];

		if (strcmp(property->name, name) == 0)
			g_ptr_array_remove_index(object->properties, i - 1);
	}
}

const char *vproperty_value(const struct vproperty *property, guint component)
{
	const GPtrArray *values;

	if (component >= property->components->len)
		return "";
	values = property->components->pdata[component];
	return values->len == 0 ? "" : values->pdata[0];
}

gboolean vproperty_is_empty(const struct vproperty *property)
{
	if (property->binary != NULL)
		return g_bytes_get_size(property->binary) == 0;
	for (guint i = 0; i < property->components->len; i++) {
		const GPtrArray *values = property->components->pdata[i];

		for (guint j = 0; j < values->len; j++) {
			if (*(const char *)values->pdata[j] != '\0')
				return FALSE;
		}
	}
	return TRUE;
}

const char *vproperty_param(const struct vproperty *property, const char *name)
{
	for (guint i = 0; i < property->params->len; i++) {
		const struct vparam *param = property->params->pdata[i];

		if (strcmp(param->name, name) == 0)
			return param->value;
	}
	return NULL;
}

gboolean vproperty_has_type(const struct vproperty *property, const char *type)
{
	for (guint i = 0; i < property->params->len; i++) {
		const struct vparam *param = property->params->pdata[i];

		if (strcmp(param->name, "TYPE") == 0 && g_ascii_strcasecmp(param->value, type) == 0)
			return TRUE;
	}
	return FALSE;
}

/* What data: URIs say of themselves, and TYPE in the dialects that have none. */
static const struct {
	const char *media, *type;
} media_types[] = {
	{"image/png", "PNG"},   {"image/gif", "GIF"},   {"image/bmp", "BMP"},
	{"image/tiff", "TIFF"}, {"image/webp", "WEBP"},
};

const char *vproperty_media_type(const struct vproperty *property)
{
	for (guint i = 0; i < G_N_ELEMENTS(media_types); i++) {
		if (vproperty_has_type(property, media_types[i].type))
			return media_types[i].media;
	}
	return "image/jpeg";
}

void vproperty_add_media_type(struct vproperty *property, const char *media)
{
	for (guint i = 0; i < G_N_ELEMENTS(media_types); i++) {
		gsize len = strlen(media_types[i].media);

		if (g_ascii_strncasecmp(media, media_types[i].media, len) == 0 &&
		    media[len] == ';' && !vproperty_has_type(property, media_types[i].type))
			vproperty_add_param(property, "TYPE", media_types[i].type);
	}
}

void vobject_clean(char *text)
{
	char *to = text;

	/* Most texts have nothing that has to go. */
	while ((guchar)*to >= 0x20 || *to == '\t' || *to == '\n')
		to++;
	for (const char *from = to; *from != '\0'; from++) {
		if (*from == '\r') {
			if (from[1] != '\n')
				*to++ = '\n';
		} else if ((guchar)*from >= 0x20 || *from == '\t' || *from == '\n') {
			*to++ = *from;
		}
	}
	*to = '\0';
}

/* --- dialects ------------------------------------------------------------------------------ */

/* How values of a property are made up; the same in all dialects that have it. */
static const struct {
	const char *name;
	enum vshape shape;
} shapes[] = {
	{"N", VSHAPE_STRUCTURED},     {"ADR", VSHAPE_STRUCTURED},
	{"ORG", VSHAPE_STRUCTURED},   {"GENDER", VSHAPE_STRUCTURED},
	{"CATEGORIES", VSHAPE_LIST},  {"NICKNAME", VSHAPE_LIST},
	{"RESOURCES", VSHAPE_LIST},   {"EXDATE", VSHAPE_LIST},
	{"RDATE", VSHAPE_LIST},       {"PHOTO", VSHAPE_BINARY},
	{"LOGO", VSHAPE_BINARY},      {"SOUND", VSHAPE_BINARY},
	{"KEY", VSHAPE_BINARY},       {"RRULE", VSHAPE_RAW},
	{"EXRULE", VSHAPE_RAW},       {"GEO", VSHAPE_RAW},
	{"AALARM", VSHAPE_RAW},       {"DALARM", VSHAPE_RAW},
	{"MALARM", VSHAPE_RAW},       {"PALARM", VSHAPE_RAW},
	{"DAYLIGHT", VSHAPE_RAW},     {"REQUEST-STATUS", VSHAPE_RAW},
	{"TRIGGER", VSHAPE_RAW},      {"DURATION", VSHAPE_RAW},
	{"CLIENTPIDMAP", VSHAPE_RAW},
};

enum vshape vshape_of(const char *name)
{
	for (guint i = 0; i < G_N_ELEMENTS(shapes); i++) {
		if (strcmp(shapes[i].name, name) == 0)
			return shapes[i].shape;
	}
	return VSHAPE_TEXT;
}

gboolean vdialect_is_old(enum vdialect dialect)
{
	return dialect == VCARD_2_1 || dialect == VCALENDAR_1_0 || dialect == VNOTE_1_1;
}
