/*
 * Content lines to the tree. The dialects are told apart before the lines are read, since it is
 * the dialect that says where a line ends: 2.1 and 1.0 fold at white space that stays, break
 * quoted-printable with '=', and end base64 with an empty line.
 *
 * What is written and read again has to be the same. So nothing is kept in the tree that has not
 * been made such that each dialect can say it, before it is understood: names, groups and
 * parameters have their controls, quotes and blanks around taken out, charsets and encodings are
 * no parameters, and a value is decoded before anybody asks what it is.
 */
#include <string.h>

#include "limits.h"
#include "vobject.h"

struct parser {
	const char *text, *end, *pos;
	const char *lf; /* the first when it was last looked for, or the end; NULL = not yet */
	const struct vobject_style *style;
	enum vdialect dialect;
	guint line, properties, values;
	GString *logical; /* the line under way, unfolded */
	GString *word;    /* of its head */
	GError **error;
};

enum encoding {
	ENCODING_NONE,
	ENCODING_QUOTED_PRINTABLE,
	ENCODING_BASE64,
};

/* What stands before the value. */
struct head {
	struct vproperty *property; /* NULL: it is none */
	enum encoding encoding;
	char *charset;
	gsize value; /* where it begins in the logical line; 0: there is none */
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

/* The value of a line that begins with `name` and ':', up to its end; blanks and controls do not
 * count. */
static char *simple_value(const char *line, const char *end, const char *name)
{
	gsize len = strlen(name);
	g_autofree char *value = NULL;
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
	value = g_utf8_make_valid(line, (gssize)strnlen(line, (gsize)(stop - line)));
	vobject_clean(value);
	return g_strdup(g_strstrip(value));
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

/* Where the physical line at pos ends. Whichever end of lines the text has, each octet is looked
 * at but twice. */
static const char *line_end(struct parser *parser)
{
	const char *cr;

	if (parser->lf == NULL || parser->lf < parser->pos) {
		parser->lf = memchr(parser->pos, '\n', (gsize)(parser->end - parser->pos));
		if (parser->lf == NULL)
			parser->lf = parser->end;
	}
	cr = memchr(parser->pos, '\r', (gsize)(parser->lf - parser->pos));
	return cr == NULL ? parser->lf : cr;
}

/* Appends the physical line at pos, without its end, and goes past it. */
static void take_line(struct parser *parser)
{
	const char *start = parser->pos, *stop = line_end(parser);

	g_string_append_len(parser->logical, start, stop - start);
	parser->pos = next_line(stop, parser->end);
	parser->line++;
}

static gboolean at_blank(const struct parser *parser)
{
	return parser->pos < parser->end && (*parser->pos == ' ' || *parser->pos == '\t');
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
		const char *start = parser->pos, *stop = line_end(parser);

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

static void take_folded_lines(struct parser *parser)
{
	gboolean old = vdialect_is_old(parser->dialect);

	while (at_blank(parser)) {
		/* 2.1 breaks where white space was, which stays. */
		if (!old)
			parser->pos++;
		take_line(parser);
	}
}

/* --- values --------------------------------------------------------------- */

/* In place. */
static void decode_quoted_printable(char *text)
{
	char *to = strchr(text, '=');

	if (to == NULL)
		return;
	for (const char *from = to; *from != '\0'; from++) {
		if (*from == '=' && g_ascii_isxdigit(from[1]) && g_ascii_isxdigit(from[2])) {
			*to++ = (char)(g_ascii_xdigit_value(from[1]) << 4 |
				       g_ascii_xdigit_value(from[2]));
			from += 2;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
}

/* What phones write in. Whoever sends a message may name any, and iconv has hundreds, with files
 * to look for and states to be in; some hide what is written (UTF-7). */
static gboolean is_of_phones(const char *charset)
{
	/* A number may follow those that end with '-' or "125". */
	static const char *const names[] = {
		"US-ASCII", "ASCII",  "ISO-8859-", "ISO8859-",  "ISO_8859-", "WINDOWS-125",
		"CP125",    "KOI8-R", "KOI8-U",    "SHIFT_JIS", "SHIFT-JIS", "SJIS",
		"EUC-JP",   "EUC-KR", "EUC-CN",    "EUC-TW",    "GB2312",    "GBK",
		"GB18030",  "BIG5",   "TIS-620",
	};

	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		gsize len = strlen(names[i]);
		gsize digits = g_str_has_suffix(names[i], "-")     ? 2
			       : g_str_has_suffix(names[i], "125") ? 1
								   : 0;

		if (g_ascii_strncasecmp(names[i], charset, len) == 0 &&
		    strlen(charset + len) <= digits &&
		    strspn(charset + len, "0123456789") == strlen(charset + len))
			return TRUE;
	}
	return FALSE;
}

static char *convert(const char *text, const char *charset)
{
	return g_convert_with_fallback(text, -1, "UTF-8", charset, "?", NULL, NULL, NULL);
}

/* From what was said, else UTF-8, else what the device uses. NULL: it is UTF-8 as it is. */
static char *to_utf8(const struct parser *parser, const char *text, const char *charset)
{
	const char *fallback = parser->style == NULL ? NULL : parser->style->fallback_charset;
	g_autofree char *converted = NULL;

	if (charset != NULL && is_of_phones(charset))
		converted = convert(text, charset);
	if (converted == NULL) {
		if (g_utf8_validate(text, -1, NULL))
			return NULL;
		converted = convert(text, fallback == NULL ? "windows-1252" : fallback);
	}
	/* Not each that converts minds what Unicode has no characters for. */
	if (converted != NULL && g_utf8_validate(converted, -1, NULL))
		return g_steal_pointer(&converted);
	return g_utf8_make_valid(converted == NULL ? text : converted, -1);
}

/* The character that is escaped at `from`, or more; what is read of it goes to `from`. In 3.0 and
 * later. */
static char *unescape(const char **from, char *to)
{
	char c = *++*from;

	if (c == 'n' || c == 'N') {
		*to++ = '\n';
	} else if (c == ';' || c == ',' || c == '\\' || c == ':') {
		*to++ = c;
	} else {
		*to++ = '\\';
		if (c == '\0')
			--*from;
		else
			*to++ = c;
	}
	return to;
}

/* Reads the text in place. In 2.1 and 1.0 only what separates is escaped, and no backslash is. */
static void add_values(struct parser *parser, struct vproperty *property, enum vshape shape,
		       char *text)
{
	gboolean old = vdialect_is_old(parser->dialect);
	gboolean split_components = shape == VSHAPE_STRUCTURED;
	gboolean split_values = shape == VSHAPE_LIST || (shape == VSHAPE_STRUCTURED && !old);
	char *value = text, *to = text;
	guint component = 0;

	if (shape == VSHAPE_TEXT && (old || strchr(text, '\\') == NULL)) {
		vproperty_add_value(property, 0, text);
		return;
	}
	for (const char *pos = text; *pos != '\0' && parser->values <= LIMIT_VOBJECT_VALUES;
	     pos++) {
		gboolean is_component = split_components && *pos == ';';

		if (*pos == '\\' && !old) {
			to = unescape(&pos, to);
		} else if (*pos == '\\' && (pos[1] == ';' || pos[1] == ',')) {
			*to++ = *++pos;
		} else if (is_component || (split_values && (*pos == ',' || (shape == VSHAPE_LIST &&
									     *pos == ';')))) {
			*to = '\0';
			vproperty_add_value(property, component, value);
			parser->values++;
			component += is_component;
			value = to = (char *)pos + 1;
		} else {
			*to++ = *pos;
		}
	}
	*to = '\0';
	vproperty_add_value(property, component, value);
}

/* data:image/jpeg;base64,... as 4.0 has it. */
static const char *data_uri(struct vproperty *property, const char *text)
{
	const char *comma;

	if (g_ascii_strncasecmp(text, "data:", 5) != 0)
		return NULL;
	comma = strstr(text, ";base64,");
	if (comma == NULL)
		return NULL;
	vproperty_add_media_type(property, text + 5);
	return comma + strlen(";base64,");
}

static void add_binary(struct vproperty *property, const char *base64)
{
	gsize len;
	guchar *octets = g_base64_decode(base64, &len);

	property->binary = g_bytes_new_take(octets, len);
	/* Its writer says what it is. */
	vproperty_remove_params(property, "VALUE");
}

/* Reads the text in place. */
static void set_value(struct parser *parser, const struct head *head, char *text)
{
	struct vproperty *property = head->property;
	enum vshape shape = vshape_of(property->name);
	g_autofree char *utf8 = NULL;
	/* A text would have its separators escaped. */
	gboolean may_be_uri =
		shape == VSHAPE_BINARY || (shape == VSHAPE_TEXT && parser->dialect == VCARD_4_0);
	const char *inside;

	if (head->encoding == ENCODING_QUOTED_PRINTABLE)
		decode_quoted_printable(text);
	if (head->encoding == ENCODING_BASE64 && (shape == VSHAPE_BINARY || shape == VSHAPE_TEXT)) {
		add_binary(property, text);
		return;
	}
	/* A NUL that was quoted ends it. */
	utf8 = to_utf8(parser, text, head->charset);
	if (utf8 != NULL)
		text = utf8;
	vobject_clean(text);
	inside = may_be_uri ? data_uri(property, text) : NULL;
	/* Some are written as they are, and a line's end would end them. */
	if (inside != NULL)
		add_binary(property, inside);
	else if (shape == VSHAPE_RAW || shape == VSHAPE_BINARY)
		vproperty_add_value(property, 0, g_strdelimit(text, "\n", ' '));
	else
		add_values(parser, property, shape, text);
}

/* --- names and parameters ------------------------------------------------- */

/* Also bare words of 2.1, where a type that is called as one would be read as that. */
static gboolean is_encoding(const char *word, enum encoding *encoding_r)
{
	static const struct {
		const char *word;
		enum encoding encoding;
	} words[] = {
		{"QUOTED-PRINTABLE", ENCODING_QUOTED_PRINTABLE},
		{"BASE64", ENCODING_BASE64},
		{"B", ENCODING_BASE64},
		{"8BIT", ENCODING_NONE},
		{"7BIT", ENCODING_NONE},
	};

	for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
		if (g_ascii_strcasecmp(words[i].word, word) == 0) {
			*encoding_r = words[i].encoding;
			return TRUE;
		}
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

/* Of names, and '.' between them. */
static gboolean is_group(const char *text, gsize len)
{
	for (gsize i = 0; i < len; i++) {
		if (!g_ascii_isalnum(text[i]) && text[i] != '-' && text[i] != '_' && text[i] != '.')
			return FALSE;
	}
	return len > 0;
}

/* The text is changed. */
static void add_types(struct vproperty *property, char *text)
{
	enum encoding encoding;

	while (text != NULL && property->params->len < LIMIT_VOBJECT_PARAMS) {
		char *comma = strchr(text, ',');

		if (comma != NULL)
			*comma++ = '\0';
		if (*g_strstrip(text) != '\0' && !is_encoding(text, &encoding))
			vproperty_add_param(property, "TYPE", text);
		text = comma;
	}
}

/* The first that says something. */
static void add_encoding(struct head *head, const char *word)
{
	enum encoding encoding;

	if (head->encoding == ENCODING_NONE && is_encoding(word, &encoding))
		head->encoding = encoding;
}

/* One parameter; "TYPE=a,b" is two. The text is changed. */
static void add_param(struct head *head, char *text)
{
	char *value = strchr(text, '=');
	enum encoding encoding;

	if (value == NULL) {
		if (is_encoding(text, &encoding))
			add_encoding(head, text);
		else
			add_types(head->property, text);
		return;
	}
	*value++ = '\0';
	g_strchomp(text);
	g_strchug(value);
	if (g_ascii_strcasecmp(text, "TYPE") == 0)
		add_types(head->property, value);
	else if (g_ascii_strcasecmp(text, "ENCODING") == 0)
		add_encoding(head, value);
	else if (g_ascii_strcasecmp(text, "CHARSET") == 0) {
		if (head->charset == NULL)
			head->charset = g_strdup(value);
	} else if (is_name(text))
		vproperty_add_param(head->property, text, value);
}

/* Up to the end of a name or parameter: ';' or ':' outside quotes. Quotes and controls are taken
 * out, and what remains is UTF-8. */
static const char *take_word(const char *pos, GString *word)
{
	gboolean quoted = FALSE, ascii = TRUE;

	g_string_truncate(word, 0);
	for (; *pos != '\0'; pos++) {
		if (*pos == '"')
			quoted = !quoted;
		else if (!quoted && (*pos == ';' || *pos == ':'))
			break;
		else if ((guchar)*pos >= 0x20 || *pos == '\t')
			g_string_append_c(word, *pos);
		ascii = ascii && (guchar)*pos < 0x80;
	}
	if (!ascii && !g_utf8_validate_len(word->str, word->len, NULL)) {
		g_autofree char *valid = g_utf8_make_valid(word->str, (gssize)word->len);

		g_string_assign(word, valid);
	}
	return pos;
}

static void read_params(struct head *head, const char **pos, GString *word)
{
	while (**pos == ';') {
		*pos = take_word(*pos + 1, word);
		/* The length is nobody's from here on. */
		if (*g_strstrip(word->str) != '\0')
			add_param(head, word->str);
	}
}

/* Of the logical line so far. */
static void read_head(struct parser *parser, struct head *head_r)
{
	GString *word = parser->word;
	const char *line = parser->logical->str, *pos = take_word(line, word), *dot, *name;
	gboolean is_property;

	memset(head_r, 0, sizeof(*head_r));
	g_strchomp(word->str);
	dot = strrchr(word->str, '.');
	name = dot == NULL ? word->str : dot + 1;
	is_property = *pos != '\0' && is_name(name);
	/* Of what is no property, too, it is the parameters that say where it ends. */
	if (is_property || *pos == ';') {
		head_r->property = vproperty_new(is_property ? name : "");
		if (dot != NULL && is_group(word->str, (gsize)(dot - word->str)))
			head_r->property->group = g_strndup(word->str, (gsize)(dot - word->str));
		read_params(head_r, &pos, word);
	}
	if (*pos == ':')
		head_r->value = (gsize)(pos - line) + 1;
	if (*pos != ':' || !is_property)
		g_clear_pointer(&head_r->property, vproperty_free);
}

static void head_clear(struct head *head)
{
	vproperty_free(head->property);
	g_free(head->charset);
}

/* The next logical line. FALSE: the end. */
static gboolean take_logical_line(struct parser *parser, struct head *head_r)
{
	g_string_truncate(parser->logical, 0);
	if (parser->pos >= parser->end)
		return FALSE;
	take_line(parser);
	if (!vdialect_is_old(parser->dialect)) {
		take_folded_lines(parser);
		read_head(parser, head_r);
		return TRUE;
	}
	/* Here the head says where the line ends. */
	read_head(parser, head_r);
	if (head_r->value == 0 && at_blank(parser)) {
		head_clear(head_r);
		take_folded_lines(parser);
		read_head(parser, head_r);
	}
	if (head_r->encoding == ENCODING_QUOTED_PRINTABLE)
		take_soft_lines(parser);
	else if (head_r->encoding == ENCODING_BASE64)
		take_base64_lines(parser);
	else
		take_folded_lines(parser);
	return TRUE;
}

/* --- objects -------------------------------------------------------------- */

static struct vobject *parse_object(struct parser *parser, const char *name, guint depth);

/* Takes the property of the head. */
static gboolean add_property(struct parser *parser, struct vobject *object, struct head *head)
{
	if (head->property == NULL || strcmp(head->property->name, "VERSION") == 0)
		return TRUE;
	set_value(parser, head, parser->logical->str + head->value);
	if (++parser->properties > LIMIT_VOBJECT_PROPERTIES ||
	    parser->values > LIMIT_VOBJECT_VALUES)
		return fail(parser, VOBJECT_ERROR_LIMIT, "too many properties or values");
	g_ptr_array_add(object->properties, g_steal_pointer(&head->property));
	return TRUE;
}

static gboolean add_line(struct parser *parser, struct vobject *object, struct head *head,
			 guint depth, gboolean *ended_r)
{
	const char *line = parser->logical->str, *end = line + parser->logical->len;
	g_autofree char *begin = simple_value(line, end, "BEGIN");
	g_autofree char *stop = simple_value(line, end, "END");
	struct vobject *child;

	if (begin != NULL) {
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
	return add_property(parser, object, head);
}

/* After its BEGIN. */
static struct vobject *parse_object(struct parser *parser, const char *name, guint depth)
{
	g_autoptr(vobject_t) object = vobject_new(name);
	gboolean ended = FALSE;

	while (!ended) {
		struct head head;
		gboolean added;

		if (!take_logical_line(parser, &head)) {
			fail(parser, VOBJECT_ERROR_SYNTAX, "it ends without an END");
			return NULL;
		}
		added = add_line(parser, object, &head, depth, &ended);
		head_clear(&head);
		if (!added)
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
		.word = g_string_new(NULL),
		.error = error,
	};
	struct vobject *object = parse_first(&parser);

	g_string_free(parser.logical, TRUE);
	g_string_free(parser.word, TRUE);
	if (object == NULL)
		return NULL;
	if (dialect_r != NULL)
		*dialect_r = parser.dialect;
	skip_space(&parser);
	if (rest_r != NULL)
		*rest_r = (gsize)(parser.pos - text);
	return object;
}
