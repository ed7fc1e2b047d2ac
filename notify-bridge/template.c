#include "template.h"

#include "limits.h"
#include "utf8-text.h"

#include <string.h>

G_DEFINE_QUARK(fantail_template_error, template_error)

enum modifier {
	MODIFIER_PLAIN,
	MODIFIER_JSON,
	MODIFIER_URL,
};

/* `text`: holds what strangers or users chose, as opposed to numbers and words
 * of ours. */
static const struct {
	const char *name;
	gboolean text;
} names[TEMPLATE_NAME_COUNT] = {
	[TEMPLATE_USER] = {"user", TRUE},
	[TEMPLATE_MAILBOX] = {"mailbox", TRUE},
	[TEMPLATE_EVENT] = {"event", FALSE},
	[TEMPLATE_EVENTS] = {"events", FALSE},
	[TEMPLATE_COUNT] = {"count", FALSE},
	[TEMPLATE_UIDS] = {"uids", FALSE},
	[TEMPLATE_UIDVALIDITY] = {"uidvalidity", FALSE},
	[TEMPLATE_MODSEQ] = {"modseq", FALSE},
	[TEMPLATE_TIME] = {"time", FALSE},
	[TEMPLATE_WEBHOOK] = {"webhook", TRUE},
	[TEMPLATE_FROM] = {"from", TRUE},
	[TEMPLATE_FROM_NAME] = {"from-name", TRUE},
	[TEMPLATE_FROM_ADDRESS] = {"from-address", TRUE},
	[TEMPLATE_SUBJECT] = {"subject", TRUE},
	[TEMPLATE_DATE] = {"date", TRUE},
	[TEMPLATE_MESSAGE_ID] = {"message-id", TRUE},
	[TEMPLATE_PREVIEW] = {"preview", TRUE},
	[TEMPLATE_DEVICE] = {"device", TRUE},
	[TEMPLATE_DATABASES] = {"databases", TRUE},
	[TEMPLATE_PACKAGE_TYPE] = {"package-type", FALSE},
	[TEMPLATE_PACKAGE] = {"package", FALSE},
};

static const struct {
	const char *name;
	enum modifier modifier;
} modifiers[] = {
	{"json", MODIFIER_JSON},
	{"url", MODIFIER_URL},
};

struct variable {
	enum template_name name;
	enum modifier modifier;
};

static gboolean unknown_name(const char *name, GError **error)
{
	g_autoptr(GString) list = g_string_new(NULL);
	g_autofree char *shown = utf8_text_cut(name, 40, "…");

	for (guint i = 0; i < TEMPLATE_NAME_COUNT; i++)
		g_string_append_printf(list, "%s%s", i == 0 ? "" : ", ", names[i].name);
	g_set_error(error, TEMPLATE_ERROR, TEMPLATE_ERROR_NAME,
		    "there is no variable '%s'; there are %s", shown, list->str);
	return FALSE;
}

/* "name" or "modifier:name" */
static gboolean parse_variable(const char *text, gsize len, struct variable *variable_r,
			       GError **error)
{
	g_autofree char *word = g_strndup(text, len);
	char *colon = strchr(word, ':');
	const char *name = word;
	struct variable variable = {.modifier = MODIFIER_PLAIN};

	if (colon != NULL) {
		guint i = 0;

		*colon = '\0';
		name = colon + 1;
		while (i < G_N_ELEMENTS(modifiers) && strcmp(modifiers[i].name, word) != 0)
			i++;
		if (i == G_N_ELEMENTS(modifiers)) {
			g_autofree char *shown = utf8_text_cut(word, 40, "…");

			g_set_error(error, TEMPLATE_ERROR, TEMPLATE_ERROR_SYNTAX,
				    "there is no modifier '%s:'; there are json: and url:", shown);
			return FALSE;
		}
		variable.modifier = modifiers[i].modifier;
	}
	for (guint i = 0; i < TEMPLATE_NAME_COUNT; i++) {
		if (strcmp(names[i].name, name) == 0) {
			variable.name = (enum template_name)i;
			*variable_r = variable;
			return TRUE;
		}
	}
	return unknown_name(name, error);
}

/* Calls `literal` and `each` in the order of the text. */
struct visitor {
	gboolean (*literal)(gpointer data, const char *text, gsize len, GError **error);
	gboolean (*variable)(gpointer data, const struct variable *variable, GError **error);
	gpointer data;
};

static gboolean walk(const char *text, const struct visitor *visitor, GError **error)
{
	while (*text != '\0') {
		const char *mark = strstr(text, "%{"), *close;
		struct variable variable;

		if (mark == NULL)
			return visitor->literal(visitor->data, text, strlen(text), error);
		if (mark > text && mark[-1] == '%') { /* "%%{" */
			if (!visitor->literal(visitor->data, text, (gsize)(mark - 1 - text),
					      error) ||
			    !visitor->literal(visitor->data, "%{", 2, error))
				return FALSE;
			text = mark + 2;
			continue;
		}
		close = strchr(mark, '}');
		if (close == NULL) {
			g_autofree char *shown = utf8_text_cut(mark, 20, "…");

			g_set_error(error, TEMPLATE_ERROR, TEMPLATE_ERROR_SYNTAX,
				    "'%s' lacks its '}'; to write the two characters %%{, write "
				    "%%%%{",
				    shown);
			return FALSE;
		}
		if (!visitor->literal(visitor->data, text, (gsize)(mark - text), error) ||
		    !parse_variable(mark + 2, (gsize)(close - mark - 2), &variable, error) ||
		    !visitor->variable(visitor->data, &variable, error))
			return FALSE;
		text = close + 1;
	}
	return TRUE;
}

static gboolean check_literal(gpointer data, const char *text, gsize len, GError **error)
{
	return TRUE;
}

static gboolean check_variable(gpointer data, const struct variable *variable, GError **error)
{
	const gboolean *json = data;

	if (!*json || !names[variable->name].text || variable->modifier != MODIFIER_PLAIN)
		return TRUE;
	g_set_error(error, TEMPLATE_ERROR, TEMPLATE_ERROR_UNSAFE,
		    "%%{%s} would let a sender write into the JSON; use \"%%{json:%s}\"",
		    names[variable->name].name, names[variable->name].name);
	return FALSE;
}

/* "application/json", "application/problem+json; charset=utf-8" */
static gboolean is_json(const char *content_type)
{
	g_autofree char *type = g_ascii_strdown(content_type, -1);

	type[strcspn(type, "; \t")] = '\0';
	return g_str_has_suffix(type, "/json") || g_str_has_suffix(type, "+json");
}

gboolean template_check(const char *text, const char *content_type, GError **error)
{
	gboolean json = is_json(content_type);
	struct visitor visitor = {check_literal, check_variable, &json};

	if (strlen(text) > LIMIT_TEMPLATE) {
		g_set_error(error, TEMPLATE_ERROR, TEMPLATE_ERROR_SIZE,
			    "the template has more than %d bytes", LIMIT_TEMPLATE);
		return FALSE;
	}
	if (!g_utf8_validate(text, -1, NULL)) {
		g_set_error_literal(error, TEMPLATE_ERROR, TEMPLATE_ERROR_SYNTAX,
				    "the template is not UTF-8");
		return FALSE;
	}
	return walk(text, &visitor, error);
}

struct expansion {
	GString *out;
	const char *const *values;
};

static gboolean append(GString *out, const char *text, gsize len, GError **error)
{
	if (len > LIMIT_WEBHOOK_BODY - out->len) {
		g_set_error(error, TEMPLATE_ERROR, TEMPLATE_ERROR_SIZE,
			    "the template makes a body of more than %d bytes", LIMIT_WEBHOOK_BODY);
		return FALSE;
	}
	g_string_append_len(out, text, (gssize)len);
	return TRUE;
}

static gboolean expand_literal(gpointer data, const char *text, gsize len, GError **error)
{
	struct expansion *expansion = data;

	return append(expansion->out, text, len, error);
}

/* Control characters are gone by then. */
static char *json_escape(const char *text)
{
	GString *out = g_string_sized_new(strlen(text) + 16);

	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			g_string_append_c(out, '\\');
		g_string_append_c(out, *text);
	}
	return g_string_free(out, FALSE);
}

static gboolean expand_variable(gpointer data, const struct variable *variable, GError **error)
{
	struct expansion *expansion = data;
	g_autofree char *clean = utf8_text_clean(expansion->values[variable->name]);
	g_autofree char *escaped = NULL;
	const char *text = clean;

	if (clean == NULL)
		return TRUE;
	if (variable->modifier == MODIFIER_JSON)
		text = escaped = json_escape(clean);
	else if (variable->modifier == MODIFIER_URL)
		text = escaped = g_uri_escape_string(clean, NULL, FALSE);
	return append(expansion->out, text, strlen(text), error);
}

char *template_expand(const char *text, const char *const values[TEMPLATE_NAME_COUNT],
		      GError **error)
{
	struct expansion expansion = {g_string_new(NULL), values};
	struct visitor visitor = {expand_literal, expand_variable, &expansion};
	gboolean ok = walk(text, &visitor, error);

	return g_string_free(expansion.out, !ok);
}
