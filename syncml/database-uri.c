#include "database-uri.h"

#include <string.h>

/* Names that phones and their manuals use. */
static const struct {
	const char *name;
	enum pim_collection collection;
	pim_components components;
} databases[] = {
#define CONTACTS PIM_CONTACTS, PIM_COMPONENT_BIT(PIM_CONTACT)
#define EVENTS PIM_CALENDAR, PIM_COMPONENT_BIT(PIM_EVENT)
#define TASKS PIM_CALENDAR, PIM_COMPONENT_BIT(PIM_TASK)
#define BOTH PIM_CALENDAR, PIM_COMPONENT_BIT(PIM_EVENT) | PIM_COMPONENT_BIT(PIM_TASK)
#define NOTES PIM_NOTES, PIM_COMPONENT_BIT(PIM_NOTE)
	{"contacts", CONTACTS}, {"card", CONTACTS}, {"contact", CONTACTS},     {"con", CONTACTS},
	{"scard", CONTACTS},    {"pab", CONTACTS},  {"addressbook", CONTACTS}, {"event", EVENTS},
	{"events", EVENTS},     {"cal", EVENTS},    {"scal", EVENTS},          {"vcal", EVENTS},
	{"calendar", BOTH},     {"caltask", BOTH},  {"calendar+todo", BOTH},   {"tasks", TASKS},
	{"task", TASKS},        {"todo", TASKS},    {"stask", TASKS},          {"notes", NOTES},
	{"note", NOTES},        {"memo", NOTES},    {"snote", NOTES},
};

/* --- the name ------------------------------------------------------------------ */

/* Past scheme, host and the path of the service. */
static const char *skip_address(const char *uri, const char *service_path)
{
	const char *rest = strstr(uri, "://");
	gsize len = service_path == NULL ? 0 : strlen(service_path);

	if (rest != NULL && rest < uri + 6) {
		rest += strlen("://");
		uri = rest + strcspn(rest, "/?");
	}
	if (len > 0 && g_ascii_strncasecmp(uri, service_path, len) == 0 &&
	    (uri[len] == '/' || uri[len] == '\0' || service_path[len - 1] == '/'))
		uri += len;
	return uri;
}

/* Where the options begin, or the end. */
static char *name_of(const char *uri, const char *service_path, const char **options_r)
{
	gsize len;

	uri = skip_address(uri, service_path);
	while (*uri == '/' || (uri[0] == '.' && uri[1] == '/'))
		uri += *uri == '/' ? 1 : 2;
	len = strcspn(uri, "?");
	*options_r = uri[len] == '?' ? uri + len + 1 : uri + len;
	while (len > 0 && uri[len - 1] == '/')
		len--;
	return g_ascii_strdown(uri, (gssize)len);
}

gboolean database_uri_equal(const char *a, const char *b, const char *service_path)
{
	const char *options;
	g_autofree char *one = name_of(a, service_path, &options);
	g_autofree char *other = name_of(b, service_path, &options);

	return strcmp(one, other) == 0;
}

/* --- options --------------------------------------------------------------------- */

static void ignore(struct database_uri *uri, const char *option, gsize len)
{
	g_autofree char *before = uri->ignored;

	uri->ignored = g_strdup_printf("%s%s%.*s", before == NULL ? "" : before,
				       before == NULL ? "" : " ", (int)len, option);
}

static gboolean days_of(const char *text, int *days_r)
{
	gint64 days;

	if (!g_ascii_string_to_signed(text, 10, -36500, 36500, &days, NULL))
		return FALSE;
	*days_r = (int)days;
	return TRUE;
}

/* dr(-30,60): from so many days ago, to so many ahead. */
static gboolean set_range(struct database_uri *uri, const char *value)
{
	g_auto(GStrv) days = g_strsplit(value, ",", 3);
	int from, to;

	if (g_strv_length(days) != 2 || !days_of(g_strstrip(days[0]), &from) ||
	    !days_of(g_strstrip(days[1]), &to))
		return FALSE;
	uri->days_past = -from;
	uri->days_future = to;
	return TRUE;
}

static gboolean set_filter(struct database_uri *uri, const char *value)
{
	g_free(uri->filter);
	uri->filter = g_uri_unescape_string(value, NULL);
	return uri->filter != NULL;
}

static gboolean set_limit(struct database_uri *uri, const char *value)
{
	return g_ascii_string_to_unsigned(value, 10, 0, G_MAXUINT32, &uri->size_limit, NULL);
}

static gboolean set_no_attachments(struct database_uri *uri, const char *value)
{
	(void)value;
	uri->no_attachments = TRUE;
	return TRUE;
}

static gboolean set_past(struct database_uri *uri, const char *value)
{
	return days_of(value, &uri->days_past);
}

static gboolean set_future(struct database_uri *uri, const char *value)
{
	return days_of(value, &uri->days_future);
}

static gboolean set_folder(struct database_uri *uri, const char *value)
{
	g_free(uri->folder);
	uri->folder = g_uri_unescape_string(value, NULL);
	return uri->folder != NULL;
}

static gboolean set_options(struct database_uri *uri, const char *value)
{
	uri->ignore_completed = g_ascii_strcasecmp(value, "ignorecompleted") == 0;
	return uri->ignore_completed;
}

struct option {
	const char *name;
	gboolean (*set)(struct database_uri *uri, const char *value);
};

/* /dr(-30,60)/na */
static const struct option slash_options[] = {
	{"dr", set_range}, {"fi", set_filter},         {"tf", set_filter},
	{"li", set_limit}, {"na", set_no_attachments},
};
/* past=30&folder=Work */
static const struct option named_options[] = {
	{"past", set_past},
	{"future", set_future},
	{"folder", set_folder},
	{"options", set_options},
};

static gboolean set_option(struct database_uri *uri, const struct option *options, guint count,
			   const char *name, gsize name_len, const char *value, gsize value_len)
{
	g_autofree char *copy = g_strndup(value, value_len);

	for (guint i = 0; i < count; i++) {
		if (strlen(options[i].name) == name_len &&
		    g_ascii_strncasecmp(options[i].name, name, name_len) == 0)
			return options[i].set(uri, copy);
	}
	return FALSE;
}

/* The ')' that closes the value, which may have some itself; NULL = none. */
static const char *closing(const char *value)
{
	guint depth = 1;

	for (; *value != '\0'; value++) {
		depth += *value == '(';
		depth -= *value == ')';
		if (depth == 0)
			return value;
	}
	return NULL;
}

static void read_slash_options(struct database_uri *uri, const char *text)
{
	while (*text != '\0') {
		const char *name = text, *value = "", *end;
		gsize len = strcspn(text, "(/,"), value_len = 0;

		end = text + len;
		if (*end == '(') {
			value = end + 1;
			end = closing(value);
			if (end == NULL) {
				ignore(uri, text, strlen(text));
				return;
			}
			value_len = (gsize)(end - value);
			end++;
		}
		if (len > 0 && !set_option(uri, slash_options, G_N_ELEMENTS(slash_options), name,
					   len, value, value_len))
			ignore(uri, name, (gsize)(end - name));
		while (*end == '/' || *end == ',')
			end++;
		/* Something that is no list of options at all. */
		if (end == text) {
			ignore(uri, text, strlen(text));
			return;
		}
		text = end;
	}
}

static void read_named_options(struct database_uri *uri, const char *text)
{
	while (*text != '\0') {
		gsize len = strcspn(text, "&"), name_len = strcspn(text, "=&");
		const char *value = text[name_len] == '=' ? text + name_len + 1 : text + name_len;

		if (len > 0 && !set_option(uri, named_options, G_N_ELEMENTS(named_options), text,
					   name_len, value, len - (gsize)(value - text)))
			ignore(uri, text, len);
		text += len;
		if (*text == '&')
			text++;
	}
}

void database_uri_parse(const char *text, const char *service_path, struct database_uri *uri_r)
{
	const char *options;

	memset(uri_r, 0, sizeof(*uri_r));
	uri_r->days_past = uri_r->days_future = G_MININT;
	uri_r->name = name_of(text, service_path, &options);
	for (guint i = 0; i < G_N_ELEMENTS(databases); i++) {
		if (strcmp(uri_r->name, databases[i].name) == 0) {
			uri_r->collection = databases[i].collection;
			uri_r->components = databases[i].components;
			uri_r->known = TRUE;
		}
	}
	if (*options == '/')
		read_slash_options(uri_r, options + 1);
	else
		read_named_options(uri_r, options);
}

void database_uri_with_tasks(struct database_uri *uri)
{
	if (!uri->known || uri->components != PIM_COMPONENT_BIT(PIM_EVENT))
		return;
	/* What is known of the one has nothing of tasks: it is another database. */
	g_free(uri->name);
	uri->name = g_strdup("calendar");
	uri->components |= PIM_COMPONENT_BIT(PIM_TASK);
}

void database_uri_clear(struct database_uri *uri)
{
	g_free(uri->name);
	g_free(uri->filter);
	g_free(uri->folder);
	g_free(uri->ignored);
	memset(uri, 0, sizeof(*uri));
}
