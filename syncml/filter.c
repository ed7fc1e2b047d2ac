#include "filter.h"
#include "limits.h"

#include <string.h>

enum operation {
	OP_EQ,
	OP_NE,
	OP_GT,
	OP_GE,
	OP_LT,
	OP_LE,
	OP_CON,
	OP_NCON,
};
static const char *const operations[] = {
	[OP_EQ] = "EQ", [OP_NE] = "NE", [OP_GT] = "GT",   [OP_GE] = "GE",
	[OP_LT] = "LT", [OP_LE] = "LE", [OP_CON] = "CON", [OP_NCON] = "NCON",
};

enum kind {
	FILTER_TEST,
	FILTER_AND,
	FILTER_OR,
};

struct filter {
	enum kind kind;
	struct filter *left, *right; /* AND, OR */
	/* Test */
	char *name;
	enum operation operation;
	gboolean fold; /* whatever the case */
	char *value;   /* NULL: &NULL; */
};

struct parser {
	const char *pos;
	guint depth;
	GError **error;
};

GQuark filter_error_quark(void)
{
	return g_quark_from_static_string("fantail-syncml-filter-error");
}

void filter_free(struct filter *filter)
{
	if (filter == NULL)
		return;
	filter_free(filter->left);
	filter_free(filter->right);
	g_free(filter->name);
	g_free(filter->value);
	g_free(filter);
}

/* --- reading --------------------------------------------------------------------- */

static struct filter *wrong(struct parser *parser, const char *what)
{
	if (*parser->error == NULL)
		g_set_error(parser->error, FILTER_ERROR, FILTER_ERROR_SYNTAX, "%s at '%.20s'", what,
			    parser->pos);
	return NULL;
}

static gboolean accept(struct parser *parser, const char *text)
{
	gsize len = strlen(text);

	if (g_ascii_strncasecmp(parser->pos, text, len) != 0)
		return FALSE;
	parser->pos += len;
	return TRUE;
}

static void skip_blanks(struct parser *parser)
{
	while (*parser->pos == ' ')
		parser->pos++;
}

/* A property or keyword: letters, digits, '.', '_', '-', '[' and ']'; or &LUID; */
static char *read_name(struct parser *parser)
{
	const char *start = parser->pos;

	if (accept(parser, "&LUID;"))
		return g_strdup("LUID");
	while (g_ascii_isalnum(*parser->pos) ||
	       (*parser->pos != '\0' && strchr("._-[]", *parser->pos) != NULL))
		parser->pos++;
	return parser->pos == start ? NULL : g_strndup(start, (gsize)(parser->pos - start));
}

/* "&iCON;": the longer ones first where one begins with another. */
static gboolean read_operation(struct parser *parser, struct filter *test)
{
	const char *start = parser->pos;

	if (!accept(parser, "&"))
		return FALSE;
	test->fold = accept(parser, "i");
	for (guint i = 0; i < G_N_ELEMENTS(operations); i++) {
		g_autofree char *word = g_strconcat(operations[i], ";", NULL);

		if (accept(parser, word)) {
			test->operation = i;
			return TRUE;
		}
	}
	parser->pos = start;
	return FALSE;
}

static gboolean read_value(struct parser *parser, struct filter *test)
{
	gsize len;

	if (accept(parser, "&NULL;"))
		return TRUE;
	len = strcspn(parser->pos, "&|)");
	test->value = g_uri_unescape_segment(parser->pos, parser->pos + len, NULL);
	if (test->value == NULL || !g_utf8_validate(test->value, -1, NULL))
		return FALSE;
	parser->pos += len;
	return TRUE;
}

static struct filter *read_test(struct parser *parser)
{
	g_autoptr(filter_t) test = g_new0(struct filter, 1);

	test->kind = FILTER_TEST;
	test->name = read_name(parser);
	if (test->name == NULL)
		return wrong(parser, "no property");
	if (!read_operation(parser, test))
		return wrong(parser, "no comparison");
	if (!read_value(parser, test))
		return wrong(parser, "no value");
	return g_steal_pointer(&test);
}

static struct filter *read_query(struct parser *parser);

static struct filter *read_term(struct parser *parser)
{
	g_autoptr(filter_t) inner = NULL;

	skip_blanks(parser);
	if (!accept(parser, "("))
		return read_test(parser);
	if (++parser->depth > LIMIT_FILTER_DEPTH) {
		g_set_error(parser->error, FILTER_ERROR, FILTER_ERROR_LIMIT,
			    "more than %d parentheses in each other", LIMIT_FILTER_DEPTH);
		return NULL;
	}
	inner = read_query(parser);
	if (inner == NULL)
		return NULL;
	if (!accept(parser, ")"))
		return wrong(parser, "no ')'");
	parser->depth--;
	return g_steal_pointer(&inner);
}

static gboolean accept_logic(struct parser *parser, enum kind *kind_r)
{
	skip_blanks(parser);
	if (accept(parser, "&AND;") || accept(parser, "&amp;")) {
		*kind_r = FILTER_AND;
		return TRUE;
	}
	if (accept(parser, "&OR;") || accept(parser, "|")) {
		*kind_r = FILTER_OR;
		return TRUE;
	}
	if (accept(parser, "&")) {
		*kind_r = FILTER_AND;
		return TRUE;
	}
	return FALSE;
}

/* From left to right, without precedence: that is what the grammar says. */
static struct filter *read_query(struct parser *parser)
{
	g_autoptr(filter_t) left = read_term(parser);
	enum kind kind;

	while (left != NULL && accept_logic(parser, &kind)) {
		struct filter *right = read_term(parser), *both;

		if (right == NULL)
			return NULL;
		both = g_new0(struct filter, 1);
		both->kind = kind;
		both->left = g_steal_pointer(&left);
		both->right = right;
		left = both;
	}
	return g_steal_pointer(&left);
}

struct filter *filter_parse(const char *query, GError **error)
{
	g_autoptr(GError) failure = NULL;
	struct parser parser = {.pos = query, .error = &failure};
	g_autoptr(filter_t) filter = NULL;

	if (strlen(query) > LIMIT_FILTER_QUERY) {
		g_set_error(error, FILTER_ERROR, FILTER_ERROR_LIMIT, "more than %d octets",
			    LIMIT_FILTER_QUERY);
		return NULL;
	}
	filter = read_query(&parser);
	if (filter != NULL && *parser.pos != '\0')
		wrong(&parser, "something else");
	if (failure != NULL) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return NULL;
	}
	return g_steal_pointer(&filter);
}

/* --- writing ----------------------------------------------------------------------- */

static void append(GString *text, const struct filter *filter)
{
	g_autofree char *value = NULL;

	if (filter->kind != FILTER_TEST) {
		gboolean group =
			filter->right->kind == FILTER_AND || filter->right->kind == FILTER_OR;

		/* Terms are taken from the left: a long chain is not a deep one. */
		append(text, filter->left);
		g_string_append(text, filter->kind == FILTER_AND ? "&AND;" : "&OR;");
		if (group)
			g_string_append_c(text, '(');
		append(text, filter->right);
		if (group)
			g_string_append_c(text, ')');
		return;
	}
	value = filter->value == NULL ? g_strdup("&NULL;")
				      : g_uri_escape_string(filter->value, NULL, FALSE);
	if (strcmp(filter->name, "LUID") == 0)
		g_string_append(text, "&LUID;");
	else
		g_string_append(text, filter->name);
	g_string_append_printf(text, "&%s%s;%s", filter->fold ? "i" : "",
			       operations[filter->operation], value);
}

char *filter_text(const struct filter *filter)
{
	GString *text = g_string_new(NULL);

	append(text, filter);
	return g_string_free(text, FALSE);
}

/* --- matching ------------------------------------------------------------------------ */

static gboolean is_time(const struct filter *test)
{
	return g_ascii_strcasecmp(test->name, "SINCE") == 0 ||
	       g_ascii_strcasecmp(test->name, "BEFORE") == 0;
}

/* 20260101T000000Z or 20260101; local times are taken as UTC. */
static gboolean time_of(const char *text, gint64 *time_r)
{
	g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
	g_autoptr(GDateTime) time = NULL;
	g_autofree char *midnight = NULL;

	if (strlen(text) == strlen("20260101"))
		text = midnight = g_strconcat(text, "T000000Z", NULL);
	time = g_date_time_new_from_iso8601(text, utc);
	if (time == NULL)
		return FALSE;
	*time_r = g_date_time_to_unix(time);
	return TRUE;
}

static gboolean match_time(const struct filter *test, const struct filter_subject *subject)
{
	gint64 time;

	/* What cannot be read hides nothing. */
	if (test->value == NULL || !time_of(test->value, &time))
		return TRUE;
	if (g_ascii_strcasecmp(test->name, "SINCE") == 0)
		return subject->overlaps(time, G_MAXINT64, subject->data);
	return subject->overlaps(G_MININT64, time, subject->data);
}

/* As numbers where both are. */
static int compare(const char *a, const char *b)
{
	guint64 x, y;

	if (g_ascii_string_to_unsigned(a, 10, 0, G_MAXUINT64, &x, NULL) &&
	    g_ascii_string_to_unsigned(b, 10, 0, G_MAXUINT64, &y, NULL))
		return x < y ? -1 : x > y;
	return strcmp(a, b);
}

static gboolean match_value(const struct filter *test, const char *value, const char *wanted)
{
	switch (test->operation) {
	case OP_EQ:
	case OP_NE:
		return strcmp(value, wanted) == 0;
	case OP_CON:
	case OP_NCON:
		return strstr(value, wanted) != NULL;
	case OP_GT:
		return compare(value, wanted) > 0;
	case OP_GE:
		return compare(value, wanted) >= 0;
	case OP_LT:
		return compare(value, wanted) < 0;
	case OP_LE:
		return compare(value, wanted) <= 0;
	}
	return FALSE;
}

/* Is there a value that does? */
static gboolean match_any(const struct filter *test, const char *const *values)
{
	g_autofree char *wanted =
		test->fold ? g_utf8_casefold(test->value, -1) : g_strdup(test->value);

	for (guint i = 0; values[i] != NULL; i++) {
		g_autofree char *value =
			test->fold ? g_utf8_casefold(values[i], -1) : g_strdup(values[i]);

		if (match_value(test, value, wanted))
			return TRUE;
	}
	return FALSE;
}

static gboolean is_empty(const char *const *values)
{
	for (guint i = 0; values != NULL && values[i] != NULL; i++) {
		if (*values[i] != '\0')
			return FALSE;
	}
	return TRUE;
}

static gboolean match_test(const struct filter *test, const struct filter_subject *subject)
{
	const char *const *values;
	gboolean negative = test->operation == OP_NE || test->operation == OP_NCON;

	if (is_time(test))
		return match_time(test, subject);
	values = subject->values(test->name, subject->data);
	if (test->value == NULL || *test->value == '\0')
		return is_empty(values) != negative;
	return (values != NULL && match_any(test, values)) != negative;
}

gboolean filter_match(const struct filter *filter, const struct filter_subject *subject)
{
	switch (filter->kind) {
	case FILTER_TEST:
		return match_test(filter, subject);
	case FILTER_AND:
		return filter_match(filter->left, subject) && filter_match(filter->right, subject);
	case FILTER_OR:
		return filter_match(filter->left, subject) || filter_match(filter->right, subject);
	}
	return FALSE;
}
