/*
 * Content lines to the tree. The dialects are told apart before the lines are read, since it is
 * the dialect that says where a line ends: 2.1 and 1.0 fold at white space that stays, break
 * quoted-printable with '=', and end base64 with an empty line.
 */
#include <string.h>

#include "limits.h"
#include "vobject.h"

struct parser {
	const char *text, *end, *pos;
	const struct vobject_style *style;
	enum vdialect dialect;
	guint line, properties, values;
	GString *logical; /* the line under way, unfolded */
	GError **error;
};

/* --- the dialect ------------------------------------------------------------------------- */

static const struct {
	const char *begin, *version;
	enum vdialect dialect;
} dialects[] = {
	{"VCARD", "2.1", VCARD_2_1},
	{"VCARD", "3.0", VCARD_3_0},
	{"VCARD", "4.0", VCARD_4_0},
	{"VCALENDAR", "1.0", VCALENDAR_1_0},
	{"VCALENDAR", "2.0", ICALENDAR_2_0},
	{"VNOTE", "1.1", VNOTE_1_1},
	/* Where the version is not one of these. */
	{"VCARD", NULL, VCARD_2_1},
	{"VCALENDAR", NULL, VCALENDAR_1_0},
	{"VNOTE", NULL, VNOTE_1_1},
};

/* The value of a line that begins with `name` and ':', up to its end; blanks do not count. */
static char *simple_value(const char *line, const char *end, const char *name)
{
	gsize len = strlen(name);
	const char *stop;

	if ((gsize)(end - line) <= len || g_ascii_strncasecmp(line, name, len) != 0)
		return NULL;
	line += len;
	while (line < end && *line == ' ')
		line++;
	if (line == end || *line != ':')
		return NULL;
	for (stop = ++line; stop < end && *stop != '\r' && *stop != '\n'; stop++)
		;
	return g_strstrip(g_strndup(line, (gsize)(stop - line)));
}

static const char *next_line(const char *pos, const char *end)
{
	while (pos < end && *pos != '\r' && *pos != '\n')
		pos++;
	if (pos < end && *pos++ == '\r' && pos < end && *pos == '\n')
		pos++;
	return pos;
}

static gboolean find_dialect(struct parser *parser, const char *begin)
{
	g_autofree char *version = NULL;
	const char *pos = parser->pos;

	/* VERSION is the first property by 3.0 and 4.0, and near the top elsewhere. */
	for (guint i = 0; pos < parser->end && version == NULL && i < 64; i++) {
		version = simple_value(pos, parser->end, "VERSION");
		pos = next_line(pos, parser->end);
	}
	for (guint i = 0; i < G_N_ELEMENTS(dialects); i++) {
		if (g_ascii_strcasecmp(dialects[i].begin, begin) == 0 &&
		    (dialects[i].version == NULL || g_strcmp0(dialects[i].version, version) == 0)) {
			parser->dialect = dialects[i].dialect;
			return TRUE;
		}
	}
	return FALSE;
}

/* --- logical lines ------------------------------------------------------------------------- */

static gboolean fail(struct parser *parser, enum vobject_error code, const char *what)
{
	g_set_error(parser->error, VOBJECT_ERROR, code, "line %u: %s", parser->line, what);
	return FALSE;
}

/* Appends the physical line at pos, without its end, and goes past it. */
static void take_line(struct parser *parser)
{
	const char *start = parser->pos, *stop = start;

	while (stop < parser->end && *stop != '\r' && *stop != '\n')
		stop++;
	g_string_append_len(parser->logical, start, stop - start);
	parser->pos = next_line(start, parser->end);
	parser->line++;
}

static gboolean at_blank(const struct parser *parser)
{
	return parser->pos < parser->end && (*parser->pos == ' ' || *parser->pos == '\t');
}

/* Is a parameter of the line so far that (before the first ':' outside quotes)? */
static gboolean has_encoding(const struct parser *parser, const char *encoding)
{
	const char *line = parser->logical->str, *colon = strchr(line, ':');
	g_autofree char *head = NULL;
	g_auto(GStrv) words = NULL;

	if (colon == NULL)
		return FALSE;
	head = g_ascii_strup(line, colon - line);
	words = g_strsplit(head, ";", -1);
	/* The first is the property's name. */
	for (guint i = 1; words[0] != NULL && words[i] != NULL; i++) {
		char *value = strchr(words[i], '=');

		/* By itself, or of ENCODING: others may have that value. */
		if (value != NULL)
			*value++ = '\0';
		if (value != NULL && strcmp(g_strstrip(words[i]), "ENCODING") != 0)
			continue;
		if (strcmp(g_strstrip(value == NULL ? words[i] : value), encoding) == 0)
			return TRUE;
	}
	return FALSE;
}

/* Quoted-printable goes on after '=' at the end. */
static void take_soft_lines(struct parser *parser)
{
	GString *line = parser->logical;

	while (parser->pos < parser->end && line->len > 0 && line->str[line->len - 1] == '=') {
		g_string_truncate(line, line->len - 1);
		take_line(parser);
	}
}

/* Some devices forget to fold base64: up to the empty line, or what looks like a property. */
static void take_base64_lines(struct parser *parser)
{
	while (parser->pos < parser->end) {
		const char *start = parser->pos, *stop = start;

		while (stop < parser->end && *stop != '\r' && *stop != '\n')
			stop++;
		if (stop == start) {
			parser->pos = next_line(start, parser->end);
			parser->line++;
			return;
		}
		if (!at_blank(parser) && memchr(start, ':', (gsize)(stop - start)) != NULL)
			return;
		take_line(parser);
	}
}

/* FALSE: the end. */
static gboolean take_logical_line(struct parser *parser)
{
	gboolean old = vdialect_is_old(parser->dialect);

	g_string_truncate(parser->logical, 0);
	if (parser->pos >= parser->end)
		return FALSE;
	take_line(parser);
	if (old && has_encoding(parser, "QUOTED-PRINTABLE")) {
		take_soft_lines(parser);
		return TRUE;
	}
	if (old && has_encoding(parser, "BASE64")) {
		take_base64_lines(parser);
		return TRUE;
	}
	while (at_blank(parser)) {
		/* 2.1 breaks where white space was, which stays. */
		if (!old)
			parser->pos++;
		take_line(parser);
	}
	return TRUE;
}

/* --- values ------------------------------------------------------------------------------------
 */

static void decode_quoted_printable(GString *text)
{
	gsize to = 0;

	for (gsize from = 0; from < text->len; from++) {
		if (text->str[from] == '=' && from + 2 < text->len &&
		    g_ascii_isxdigit(text->str[from + 1]) &&
		    g_ascii_isxdigit(text->str[from + 2])) {
			text->str[to++] = (char)(g_ascii_xdigit_value(text->str[from + 1]) << 4 |
						 g_ascii_xdigit_value(text->str[from + 2]));
			from += 2;
		} else {
			text->str[to++] = text->str[from];
		}
	}
	g_string_truncate(text, to);
}

/* UTF-8 without controls but TAB and LF; CR LF and CR are LF. */
static char *clean(const char *text)
{
	GString *result = g_string_sized_new(strlen(text));

	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '\r') {
			if (c[1] != '\n')
				g_string_append_c(result, '\n');
		} else if ((guchar)*c >= 0x20 || *c == '\t' || *c == '\n') {
			g_string_append_c(result, *c);
		}
	}
	return g_string_free(result, FALSE);
}

static char *convert(const char *text, const char *charset)
{
	return g_convert_with_fallback(text, -1, "UTF-8", charset, "?", NULL, NULL, NULL);
}

/* From what was said, else UTF-8, else what the device uses. */
static char *to_utf8(const struct parser *parser, const char *text, const char *charset)
{
	const char *fallback = parser->style == NULL ? NULL : parser->style->fallback_charset;
	g_autofree char *converted = NULL;

	if (charset != NULL && g_ascii_strcasecmp(charset, "UTF-8") != 0)
		converted = convert(text, charset);
	if (converted == NULL && !g_utf8_validate(text, -1, NULL))
		converted = convert(text, fallback == NULL ? "windows-1252" : fallback);
	if (converted == NULL)
		converted = g_utf8_make_valid(text, -1);
	return clean(converted);
}

/* In 2.1 and 1.0 only what separates is escaped, and no backslash is. */
static void append_old(GString *value, const char **pos)
{
	char next = (*pos)[1];

	if (next == ';' || next == ',')
		++*pos;
	g_string_append_c(value, **pos);
}

/* One value: `\n`, `\,` and `\;` in 3.0 and later. */
static void append_unescaped(GString *value, const char **pos)
{
	char c = *++*pos;

	if (c == 'n' || c == 'N') {
		g_string_append_c(value, '\n');
	} else if (c == ';' || c == ',' || c == '\\' || c == ':') {
		g_string_append_c(value, c);
	} else {
		g_string_append_c(value, '\\');
		if (c == '\0') {
			--*pos;
			return;
		}
		g_string_append_c(value, c);
	}
}

static void add_values(struct parser *parser, struct vproperty *property, const char *text)
{
	enum vshape shape = vshape_of(property->name);
	gboolean old = vdialect_is_old(parser->dialect);
	gboolean split_components = shape == VSHAPE_STRUCTURED;
	gboolean split_values = shape == VSHAPE_LIST || (shape == VSHAPE_STRUCTURED && !old);
	g_autoptr(GString) value = g_string_new(NULL);
	guint component = 0;

	for (const char *pos = text; *pos != '\0' && parser->values <= LIMIT_VOBJECT_VALUES;
	     pos++) {
		if (*pos == '\\' && !old) {
			append_unescaped(value, &pos);
		} else if (*pos == '\\' && shape != VSHAPE_TEXT) {
			append_old(value, &pos);
		} else if (split_components && *pos == ';') {
			vproperty_add_value(property, component++, value->str);
			parser->values++;
			g_string_truncate(value, 0);
		} else if (split_values && (*pos == ',' || (shape == VSHAPE_LIST && *pos == ';'))) {
			vproperty_add_value(property, component, value->str);
			parser->values++;
			g_string_truncate(value, 0);
		} else {
			g_string_append_c(value, *pos);
		}
	}
	vproperty_add_value(property, component, value->str);
}

/* data:image/jpeg;base64,... as 4.0 has it. */
static const char *data_uri(const char *text)
{
	const char *comma;

	if (g_ascii_strncasecmp(text, "data:", 5) != 0)
		return NULL;
	comma = strstr(text, ";base64,");
	return comma == NULL ? NULL : comma + strlen(";base64,");
}

static void add_binary(struct vproperty *property, const char *base64)
{
	gsize len;
	guchar *octets = g_base64_decode(base64, &len);

	property->binary = g_bytes_new_take(octets, len);
	/* Its writer says what it is. */
	vproperty_remove_params(property, "VALUE");
}

static void set_value(struct parser *parser, struct vproperty *property, const char *raw)
{
	const char *charset = vproperty_param(property, "CHARSET");
	const char *encoding = vproperty_param(property, "ENCODING");
	enum vshape shape = vshape_of(property->name);
	g_autoptr(GString) text = g_string_new(raw);
	g_autofree char *utf8 = NULL;
	/* A text would have its separators escaped. */
	gboolean may_be_uri =
		shape == VSHAPE_BINARY || (shape == VSHAPE_TEXT && parser->dialect == VCARD_4_0);
	g_autofree char *cleaned = may_be_uri ? clean(raw) : NULL;
	const char *inside = may_be_uri ? data_uri(cleaned) : NULL;
	gboolean base64 = encoding != NULL && (g_ascii_strcasecmp(encoding, "BASE64") == 0 ||
					       g_ascii_strcasecmp(encoding, "B") == 0);

	if (encoding != NULL && g_ascii_strcasecmp(encoding, "QUOTED-PRINTABLE") == 0)
		decode_quoted_printable(text);
	if (inside != NULL) {
		add_binary(property, inside);
	} else if (base64 && (shape == VSHAPE_BINARY || shape == VSHAPE_TEXT)) {
		add_binary(property, text->str);
	} else {
		/* A NUL that was quoted ends it. */
		utf8 = to_utf8(parser, text->str, charset);
		/* These are written as they are, and a line's end would end them. */
		if (shape == VSHAPE_RAW || shape == VSHAPE_BINARY)
			vproperty_add_value(property, 0, g_strdelimit(utf8, "\n", ' '));
		else
			add_values(parser, property, utf8);
	}
	vproperty_remove_params(property, "CHARSET");
	vproperty_remove_params(property, "ENCODING");
}

/* --- names and parameters ------------------------------------------------------------------------
 */

/* Bare words of 2.1 that are no types. */
static gboolean is_encoding(const char *word)
{
	static const char *const words[] = {"QUOTED-PRINTABLE", "BASE64", "8BIT", "7BIT", "B"};

	for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
		if (g_ascii_strcasecmp(words[i], word) == 0)
			return TRUE;
	}
	return FALSE;
}

/* A name that its writers give back as they were given it: letters, digits, '-', '_'. BEGIN and
 * END have no parameters, and would be read as what they are not. */
static gboolean is_name(const char *text)
{
	if (*text == '\0' || g_ascii_strcasecmp(text, "BEGIN") == 0 ||
	    g_ascii_strcasecmp(text, "END") == 0)
		return FALSE;
	for (; *text != '\0'; text++) {
		if (!g_ascii_isalnum(*text) && *text != '-' && *text != '_')
			return FALSE;
	}
	return TRUE;
}

static void add_types(struct vproperty *property, const char *text)
{
	g_auto(GStrv) types = g_strsplit(text, ",", LIMIT_VOBJECT_PARAMS);

	/* In 2.1 one that is called as an encoding would be read as that. */
	for (guint i = 0; types[i] != NULL; i++) {
		if (*g_strstrip(types[i]) != '\0' && !is_encoding(types[i]))
			vproperty_add_param(property, "TYPE", types[i]);
	}
}

/* One parameter; "TYPE=a,b" is two. */
static void add_param(struct vproperty *property, const char *text)
{
	const char *equals = strchr(text, '=');
	g_autofree char *name = NULL;

	if (equals == NULL) {
		if (is_encoding(text))
			vproperty_add_param(property, "ENCODING", text);
		else
			add_types(property, text);
		return;
	}
	name = g_ascii_strup(text, equals - text);
	g_strstrip(name);
	if (strcmp(name, "TYPE") == 0)
		add_types(property, equals + 1);
	else if (is_name(name))
		vproperty_add_param(property, name, equals + 1);
}

/* The end of a name or parameter: ';' or ':' outside quotes. Quotes are taken out. */
static const char *take_word(const char *pos, GString *word)
{
	gboolean quoted = FALSE;

	g_string_truncate(word, 0);
	for (; *pos != '\0'; pos++) {
		if (*pos == '"')
			quoted = !quoted;
		else if (!quoted && (*pos == ';' || *pos == ':'))
			break;
		else
			g_string_append_c(word, *pos);
	}
	return pos;
}

/* NULL: not a property; the line is left out. */
static struct vproperty *parse_line(struct parser *parser)
{
	g_autoptr(GString) word = g_string_new(NULL);
	const char *pos = take_word(parser->logical->str, word), *dot;
	struct vproperty *property;

	g_strchomp(word->str);
	dot = strrchr(word->str, '.');
	if (*pos == '\0' || !is_name(dot == NULL ? word->str : dot + 1))
		return NULL;
	property = vproperty_new(dot == NULL ? word->str : dot + 1);
	if (dot != NULL && dot > word->str)
		property->group = g_utf8_make_valid(word->str, dot - word->str);
	while (*pos == ';') {
		g_autofree char *param = NULL;

		pos = take_word(pos + 1, word);
		param = g_strstrip(g_utf8_make_valid(word->str, (gssize)word->len));
		if (*param != '\0' && property->params->len < LIMIT_VOBJECT_PARAMS)
			add_param(property, param);
	}
	if (*pos != ':') {
		vproperty_free(property);
		return NULL;
	}
	set_value(parser, property, pos + 1);
	return property;
}

/* --- objects
 * ----------------------------------------------------------------------------------------- */

static struct vobject *parse_object(struct parser *parser, const char *name, guint depth);

static gboolean add_line(struct parser *parser, struct vobject *object, guint depth,
			 gboolean *ended_r)
{
	const char *line = parser->logical->str, *end = line + parser->logical->len;
	g_autofree char *begin = simple_value(line, end, "BEGIN");
	g_autofree char *stop = simple_value(line, end, "END");
	struct vproperty *property;

	if (begin != NULL) {
		struct vobject *child;

		if (depth >= LIMIT_VOBJECT_DEPTH || object->children->len >= LIMIT_VOBJECT_CHILDREN)
			return fail(parser, VOBJECT_ERROR_LIMIT, "too many components");
		child = parse_object(parser, begin, depth + 1);
		if (child == NULL)
			return FALSE;
		g_ptr_array_add(object->children, child);
		return TRUE;
	}
	if (stop != NULL) {
		if (g_ascii_strcasecmp(stop, object->name) != 0)
			return fail(parser, VOBJECT_ERROR_SYNTAX, "END of something else");
		*ended_r = TRUE;
		return TRUE;
	}
	property = parse_line(parser);
	if (property == NULL || strcmp(property->name, "VERSION") == 0) {
		vproperty_free(property);
		return TRUE;
	}
	if (++parser->properties > LIMIT_VOBJECT_PROPERTIES ||
	    parser->values > LIMIT_VOBJECT_VALUES) {
		vproperty_free(property);
		return fail(parser, VOBJECT_ERROR_LIMIT, "too many properties or values");
	}
	g_ptr_array_add(object->properties, property);
	return TRUE;
}

/* After its BEGIN. */
static struct vobject *parse_object(struct parser *parser, const char *name, guint depth)
{
	g_autoptr(vobject_t) object = vobject_new(name);
	gboolean ended = FALSE;

	while (!ended) {
		if (!take_logical_line(parser)) {
			fail(parser, VOBJECT_ERROR_SYNTAX, "it ends without an END");
			return NULL;
		}
		if (!add_line(parser, object, depth, &ended))
			return NULL;
	}
	return g_steal_pointer(&object);
}

static void skip_space(struct parser *parser)
{
	static const char bom[] = "\xEF\xBB\xBF";

	if (parser->end - parser->pos >= 3 && memcmp(parser->pos, bom, 3) == 0)
		parser->pos += 3;
	while (parser->pos < parser->end && (g_ascii_isspace(*parser->pos) || *parser->pos == '\0'))
		parser->pos++;
}

static struct vobject *parse_first(struct parser *parser)
{
	g_autofree char *begin = NULL;

	skip_space(parser);
	begin = simple_value(parser->pos, parser->end, "BEGIN");
	if (begin == NULL || !find_dialect(parser, begin)) {
		fail(parser, VOBJECT_ERROR_SYNTAX, "no BEGIN of a vCard, calendar or note");
		return NULL;
	}
	parser->pos = next_line(parser->pos, parser->end);
	parser->line++;
	return parse_object(parser, begin, 1);
}

struct vobject *vobject_parse(const char *text, gsize len, const struct vobject_style *style,
			      enum vdialect *dialect_r, gsize *rest_r, GError **error)
{
	struct parser parser = {
		.text = text,
		.pos = text,
		.end = text + len,
		.style = style,
		.line = 1,
		.logical = g_string_new(NULL),
		.error = error,
	};
	struct vobject *object = parse_first(&parser);

	g_string_free(parser.logical, TRUE);
	if (object == NULL)
		return NULL;
	if (dialect_r != NULL)
		*dialect_r = parser.dialect;
	skip_space(&parser);
	if (rest_r != NULL)
		*rest_r = (gsize)(parser.pos - text);
	return object;
}
