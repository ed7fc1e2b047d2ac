#include "pimap-args.h"
#include "args-fail.h"
#include "clean-text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows[0]))

struct parser {
	const struct arg_token *start, *next, *end;
};

/* --- tables --------------------------------------------------------------- */

static const struct pimap_family families[] = {
	{"XPROVISION", "XPIMAPPREF", "XSETPIMAPPREF", "XGETPIMAPPREFS", "XFILTER", "PIMAP_",
	 "PIMAP_XFILTER"},
	/* The draft's list of capabilities has the command without its S. */
	{"XPROVISION", "XPIMAPPREF", "XSETPIMAPPREF", "XGETPIMAPPREF", "XFILTER", "PIMAP_",
	 "PIMAP_XFILTER"},
	/* draft-ietf-lemonade-notifications-00 */
	{"LPROVISION", "LPREF", "LSETPREF", "LGETPREFS", "LFILTER", "L_", "L_FILTER"},
	/* draft-ietf-lemonade-server-to-client-notifications-00 */
	{"LEMONADEPROVISION", "LEMONADEPREF", "LEMONADESETPREF", "LEMONADEGETPREFS",
	 "LEMONADEFILTER", "PIMAP_", "PIMAP_XFILTER"},
};

static const struct pimap_pref_info prefs[PIMAP_PREF_COUNT] = {
	[PIMAP_OUTBAND_ADDRESS] = {"OUTBAND_ADDRESS", "address", "", NULL},
	[PIMAP_OUTBAND_CHANNEL] = {"OUTBAND_CHANNEL", "channel", "NONE", NULL},
	[PIMAP_INBAND_NEW_FORMAT] = {"INBAND_NEW_FORMAT", "inband-new-format", "NONE", NULL},
	[PIMAP_INBAND_PUSH] = {"INBAND_PUSH", "inband-push", "OFF", "ON OFF"},
	[PIMAP_OUTBAND_FORMAT] = {"OUTBAND_FORMAT", "format", "EMN", "EMN EXTENDED"},
	[PIMAP_EVENT_FILTER] = {"EVENT_FILTER", "event-filter", "ALL", "ALL NEW NONE"},
	[PIMAP_XFILTER] = {NULL, NULL, NULL, NULL},
};

static const struct alias {
	const char *name;
	enum pimap_pref pref;
} aliases[] = {
	{"PIMAP_IN-BAND_NEW_FORMAT", PIMAP_INBAND_NEW_FORMAT},
	{"PIMAP_XFILTER", PIMAP_XFILTER},
	{"XFILTER", PIMAP_XFILTER},
	{"L_FILTER", PIMAP_XFILTER},
};

const struct pimap_family *pimap_family_find(const char *command)
{
	for (size_t i = 0; i < COUNT(families); i++) {
		const struct pimap_family *family = &families[i];

		if (strcasecmp(command, family->provision) == 0 ||
		    strcasecmp(command, family->set) == 0 ||
		    strcasecmp(command, family->get) == 0 ||
		    strcasecmp(command, family->filter) == 0)
			return family;
	}
	return NULL;
}

const struct pimap_pref_info *pimap_pref_info(enum pimap_pref pref)
{
	return &prefs[pref];
}

bool pimap_pref_parse(const char *name, enum pimap_pref *pref_r)
{
	static const char *const prefixes[] = {"PIMAP_", "L_"};

	for (size_t i = 0; i < COUNT(aliases); i++) {
		if (strcasecmp(name, aliases[i].name) == 0) {
			*pref_r = aliases[i].pref;
			return true;
		}
	}
	for (size_t i = 0; i < COUNT(prefixes); i++) {
		size_t len = strlen(prefixes[i]);

		if (strncasecmp(name, prefixes[i], len) != 0)
			continue;
		for (int pref = 0; pref < PIMAP_PREF_COUNT; pref++) {
			if (prefs[pref].name != NULL &&
			    strcasecmp(name + len, prefs[pref].name) == 0) {
				*pref_r = (enum pimap_pref)pref;
				return true;
			}
		}
	}
	return false;
}

/* --- one spelling --------------------------------------------------------- */

struct line {
	char *data;
	size_t len, size;
};

static bool line_add(struct line *line, char c)
{
	if (line->len + 1 >= line->size)
		return false;
	line->data[line->len++] = c;
	return true;
}

static bool line_add_token(struct line *line, const struct arg_token *token)
{
	bool ok = true;

	switch (token->type) {
	case ARG_TOKEN_OPEN:
		return line_add(line, '(');
	case ARG_TOKEN_CLOSE:
		return line_add(line, ')');
	case ARG_TOKEN_NIL:
		return line_add(line, 'N') && line_add(line, 'I') && line_add(line, 'L');
	case ARG_TOKEN_ATOM:
		for (const char *p = token->text; ok && *p != '\0'; p++)
			ok = line_add(line, *p);
		return ok;
	case ARG_TOKEN_STRING:
		break;
	}
	ok = line_add(line, '"');
	for (const char *p = token->text; ok && *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			ok = line_add(line, '\\');
		ok = ok && line_add(line, *p);
	}
	return ok && line_add(line, '"');
}

/* BODY[HEADER.FIELDS (FROM)] is an atom, a list and an atom. */
static bool ends_section(const struct arg_token *token)
{
	return token->type == ARG_TOKEN_ATOM && token->text[0] == ']';
}

enum webpush_error pimap_tokens_format(const struct arg_token *tokens, size_t count, char *out,
				       size_t size, const char **error_r)
{
	struct line line = {.data = out, .size = size};

	for (size_t i = 0; i < count; i++) {
		const struct arg_token *token = &tokens[i];
		bool blank = i > 0 && tokens[i - 1].type != ARG_TOKEN_OPEN &&
			     token->type != ARG_TOKEN_CLOSE &&
			     !(ends_section(token) && tokens[i - 1].type == ARG_TOKEN_CLOSE);

		/* A quoted string has no spelling for these. */
		if (token->type == ARG_TOKEN_STRING && strpbrk(token->text, "\r\n") != NULL)
			FAIL(WEBPUSH_CANNOT, "Strings cannot have more than one line here.");
		if ((blank && !line_add(&line, ' ')) || !line_add_token(&line, token))
			FAIL(WEBPUSH_LIMIT, "Arguments are too long.");
	}
	out[line.len] = '\0';
	return WEBPUSH_OK;
}

bool pimap_unquote(const char **text, char *out)
{
	const char *p = *text + 1;

	for (; *p != '"'; p++) {
		if (*p == '\\')
			p++;
		if (*p == '\0')
			return false;
		*out++ = *p;
	}
	*out = '\0';
	*text = p + 1;
	return true;
}

/* --- pieces --------------------------------------------------------------- */

/* The next token's text if it is an astring. NIL is one where no NIL can be. */
static bool take_astring(struct parser *p, const char **text_r)
{
	if (p->next == p->end)
		return false;
	if (p->next->type == ARG_TOKEN_NIL) {
		*text_r = "NIL";
		p->next++;
		return true;
	}
	if (!arg_token_is_astring(p->next))
		return false;
	*text_r = p->next++->text;
	return true;
}

static bool take(struct parser *p, enum arg_token_type type)
{
	return arg_token_take(&p->next, p->end, type);
}

static bool take_word(struct parser *p, const char *word)
{
	if (p->next == p->end || p->next->type != ARG_TOKEN_ATOM ||
	    strcasecmp(p->next->text, word) != 0)
		return false;
	p->next++;
	return true;
}

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = words; *p != '\0'; p += *p == ' ') {
		size_t this = strcspn(p, " ");

		if (this == len && strncmp(p, word, len) == 0)
			return true;
		p += this;
	}
	return false;
}

enum webpush_error pimap_filter_name(const char *text, char name_r[LIMIT_FILTER_NAME + 1],
				     const char **error_r)
{
	size_t len = strlen(text);

	if (len == 0)
		FAIL(WEBPUSH_SYNTAX, "Filter name is empty.");
	if (len > LIMIT_FILTER_NAME)
		FAIL(WEBPUSH_LIMIT, "Filter name is too long.");
	for (const char *p = text; *p != '\0'; p++) {
		/* RFC 3501 section 9, ATOM-CHAR, and RFC 5466 section 3. */
		if (*p <= ' ' || *p >= 0x7f || strchr("(){%*\"\\]/", *p) != NULL)
			FAIL(WEBPUSH_CANNOT, "Filter name has characters other than those of "
					     "atoms, or a slash.");
	}
	for (size_t i = 0; i <= len; i++)
		name_r[i] = text[i] >= 'a' && text[i] <= 'z' ? text[i] - 'a' + 'A' : text[i];
	return WEBPUSH_OK;
}

bool pimap_filter_is_predefined(const char *name)
{
	return strcasecmp(name, "ALL") == 0 || strcasecmp(name, "NONE") == 0;
}

/* mailbox type; ALL is every mailbox. */
static enum webpush_error parse_place(struct parser *p, struct pimap_attach *attach,
				      const char **error_r)
{
	static const char types[] = "VNBP";
	const char *type;

	if (!take_word(p, "ALL") && !take_astring(p, &attach->mailbox))
		FAIL(WEBPUSH_SYNTAX, "Mailbox name missing.");
	if (attach->mailbox != NULL && *attach->mailbox == '\0')
		FAIL(WEBPUSH_SYNTAX, "Mailbox name is empty.");
	if (!take_astring(p, &type) || strlen(type) != 1 ||
	    strchr(types, toupper((unsigned char)*type)) == NULL)
		FAIL(WEBPUSH_SYNTAX, "Filter type is none of V, N and B.");
	attach->type = toupper((unsigned char)*type);
	/* "Priority" in the examples of older drafts. */
	if (attach->type == 'P')
		attach->type = 'N';
	return WEBPUSH_OK;
}

/* --- preferences ---------------------------------------------------------- */

static enum webpush_error parse_attach(struct parser *p, struct pimap_attach *attach,
				       char name[LIMIT_FILTER_NAME + 1], const char **error_r)
{
	const char *text;
	enum webpush_error error;

	if (!take(p, ARG_TOKEN_OPEN))
		FAIL(WEBPUSH_SYNTAX, "A list of mailbox, type and filter name needed.");
	error = parse_place(p, attach, error_r);
	if (error != WEBPUSH_OK)
		return error;
	if (!take_astring(p, &text) || !take(p, ARG_TOKEN_CLOSE))
		FAIL(WEBPUSH_SYNTAX, "A list of mailbox, type and filter name needed.");
	return pimap_filter_name(text, name, error_r);
}

/* NONE, a macro's name, attributes in a list or without one. */
static enum webpush_error parse_format(struct parser *p, char value[LIMIT_PIMAP_NEW_FORMAT + 1],
				       const char **error_r)
{
	static const char words[] = "NONE ALL FAST FULL";
	const struct arg_token *token = p->next;
	size_t count = p->end - p->next;
	enum webpush_error error;

	if (count == 0)
		FAIL(WEBPUSH_SYNTAX, "Value missing.");
	if (count == 1 && token->type == ARG_TOKEN_ATOM && strlen(token->text) <= 4) {
		for (size_t i = 0; i <= strlen(token->text); i++)
			value[i] = toupper((unsigned char)token->text[i]);
		p->next++;
		if (has_word(words, value))
			return WEBPUSH_OK;
		p->next--;
	}
	p->next = p->end;
	if (token->type == ARG_TOKEN_OPEN)
		return pimap_tokens_format(token, count, value, LIMIT_PIMAP_NEW_FORMAT + 1,
					   error_r);
	if (token->type != ARG_TOKEN_ATOM)
		FAIL(WEBPUSH_SYNTAX, "Value is no FETCH attribute.");
	value[0] = '(';
	error = pimap_tokens_format(token, count, value + 1, LIMIT_PIMAP_NEW_FORMAT - 1, error_r);
	if (error == WEBPUSH_OK)
		strcat(value, ")");
	return error;
}

static enum webpush_error parse_value(struct parser *p, enum pimap_pref pref,
				      char value[LIMIT_PIMAP_NEW_FORMAT + 1], const char **error_r)
{
	bool nil = p->next < p->end && p->next->type == ARG_TOKEN_NIL;
	const char *text;

	if (!take_astring(p, &text))
		FAIL(WEBPUSH_SYNTAX, "Value missing.");
	if (pref == PIMAP_OUTBAND_ADDRESS && nil)
		text = "";
	if (strlen(text) > LIMIT_PIMAP_NEW_FORMAT)
		FAIL(WEBPUSH_LIMIT, "Value is too long.");
	if (!text_is_clean(text))
		FAIL(WEBPUSH_CANNOT, "Value is not plain UTF-8 text.");
	strcpy(value, text);
	if (pref == PIMAP_OUTBAND_ADDRESS)
		return WEBPUSH_OK;
	for (char *c = value; *c != '\0'; c++)
		*c = toupper((unsigned char)*c);
	if (*value == '\0' || strchr(value, ' ') != NULL ||
	    (prefs[pref].values != NULL && !has_word(prefs[pref].values, value)))
		FAIL(WEBPUSH_CANNOT, "Value is not supported.");
	return WEBPUSH_OK;
}

enum webpush_error pimap_set_parse(const struct arg_token *tokens, size_t count,
				   struct pimap_set *set_r, const char **error_r)
{
	struct parser p = {.next = tokens, .end = tokens + count};
	struct pimap_set set = {0};
	enum webpush_error error;
	const char *name;

	if (!take_astring(&p, &name))
		FAIL(WEBPUSH_SYNTAX, "Preference's name missing.");
	if (!pimap_pref_parse(name, &set.pref))
		FAIL(WEBPUSH_SYNTAX, "Unknown preference.");
	switch (set.pref) {
	case PIMAP_XFILTER:
		error = parse_attach(&p, &set.attach, set.value, error_r);
		break;
	case PIMAP_INBAND_NEW_FORMAT:
		error = parse_format(&p, set.value, error_r);
		break;
	default:
		error = parse_value(&p, set.pref, set.value, error_r);
		break;
	}
	if (error != WEBPUSH_OK)
		return error;
	if (p.next != p.end)
		FAIL(WEBPUSH_SYNTAX, "Too many arguments.");
	*set_r = set;
	return WEBPUSH_OK;
}

enum webpush_error pimap_get_parse(const struct arg_token *tokens, size_t count,
				   enum pimap_pref prefs_r[PIMAP_PREF_COUNT], size_t *count_r,
				   const char **error_r)
{
	struct parser p = {.next = tokens, .end = tokens + count};
	enum pimap_pref wanted[PIMAP_PREF_COUNT];
	bool list = take(&p, ARG_TOKEN_OPEN);
	unsigned int seen = 0;
	size_t found = 0;
	const char *name;

	while ((list || found == 0) && take_astring(&p, &name)) {
		enum pimap_pref pref;

		if (!pimap_pref_parse(name, &pref))
			FAIL(WEBPUSH_SYNTAX, "Unknown preference.");
		if ((seen & 1u << pref) == 0)
			wanted[found++] = pref;
		seen |= 1u << pref;
	}
	if (found == 0 || (list && !take(&p, ARG_TOKEN_CLOSE)))
		FAIL(WEBPUSH_SYNTAX, "A list of preferences' names needed.");
	if (p.next != p.end)
		FAIL(WEBPUSH_SYNTAX, "Too many arguments.");
	memcpy(prefs_r, wanted, found * sizeof(wanted[0]));
	*count_r = found;
	return WEBPUSH_OK;
}

/* --- XPROVISION ----------------------------------------------------------- */

enum webpush_error pimap_provision_parse(const struct arg_token *tokens, size_t count,
					 const char **device_r, const char **notification_r,
					 const char **error_r)
{
	struct parser p = {.next = tokens, .end = tokens + count};
	const char *device = NULL, *notification = NULL;

	if (take_astring(&p, &device)) {
		if (!pimap_device_valid(device))
			FAIL(WEBPUSH_CANNOT, "Device id is not valid.");
		/* No draft says what it is. */
		if (take_astring(&p, &notification) && strlen(notification) > LIMIT_NOTIFICATION_ID)
			FAIL(WEBPUSH_CANNOT, "Notification id is too long.");
	}
	if (p.next != p.end)
		FAIL(WEBPUSH_SYNTAX,
		     arg_token_is_astring(p.next) ? "Too many arguments." : "Invalid arguments.");
	*device_r = device;
	*notification_r = notification;
	return WEBPUSH_OK;
}

/* --- XFILTER -------------------------------------------------------------- */

/* [CHARSET charset] */
static enum webpush_error parse_charset(struct parser *p, struct pimap_filter *filter,
					const char **error_r)
{
	if (!take_word(p, "CHARSET"))
		return WEBPUSH_OK;
	if (!take_astring(p, &filter->charset))
		FAIL(WEBPUSH_SYNTAX, "Charset missing.");
	return WEBPUSH_OK;
}

static enum webpush_error parse_name(struct parser *p, struct pimap_filter *filter,
				     const char **error_r)
{
	enum webpush_error error;
	const char *name;

	if (!take_astring(p, &name))
		FAIL(WEBPUSH_SYNTAX, "Filter name missing.");
	error = pimap_filter_name(name, filter->name, error_r);
	if (error == WEBPUSH_OK && filter->verb != PIMAP_FILTER_GET &&
	    pimap_filter_is_predefined(filter->name))
		FAIL(WEBPUSH_CANNOT, "This filter cannot be changed.");
	return error;
}

static enum webpush_error parse_get(struct parser *p, struct pimap_filter *filter,
				    const char **error_r)
{
	if (!take(p, ARG_TOKEN_OPEN))
		FAIL(WEBPUSH_SYNTAX, "A list of DESC and CRITERIA needed.");
	while (p->next < p->end && p->next->type == ARG_TOKEN_ATOM) {
		if (take_word(p, "DESC"))
			filter->want_description = true;
		else if (take_word(p, "CRITERIA"))
			filter->want_criteria = true;
		else
			FAIL(WEBPUSH_SYNTAX, "Unknown item.");
	}
	if (!take(p, ARG_TOKEN_CLOSE))
		FAIL(WEBPUSH_SYNTAX, "A list of DESC and CRITERIA needed.");
	return WEBPUSH_OK;
}

static enum webpush_error parse_set(struct parser *p, struct pimap_filter *filter,
				    const char **error_r)
{
	const struct arg_token *start;
	size_t depth = 1;

	if (!take_astring(p, &filter->description))
		FAIL(WEBPUSH_SYNTAX, "Description missing.");
	if (strlen(filter->description) > LIMIT_FILTER_DESCRIPTION)
		FAIL(WEBPUSH_LIMIT, "Description is too long.");
	if (!text_is_clean(filter->description))
		FAIL(WEBPUSH_CANNOT, "Description is not plain UTF-8 text.");
	if (!take(p, ARG_TOKEN_OPEN))
		FAIL(WEBPUSH_SYNTAX, "Criteria in a list needed.");
	for (start = p->next; depth > 0; p->next++) {
		if (p->next == p->end)
			FAIL(WEBPUSH_SYNTAX, "Criteria in a list needed.");
		if (p->next->type == ARG_TOKEN_OPEN)
			depth++;
		else if (p->next->type == ARG_TOKEN_CLOSE)
			depth--;
	}
	filter->criteria = start - p->start;
	filter->criteria_count = p->next - 1 - start;
	if (filter->criteria_count == 0)
		FAIL(WEBPUSH_SYNTAX, "Criteria missing.");
	return WEBPUSH_OK;
}

static enum webpush_error parse_direct(struct parser *p, struct pimap_filter *filter,
				       const char **error_r)
{
	enum webpush_error error = parse_place(p, &filter->attach, error_r);

	if (error != WEBPUSH_OK)
		return error;
	if (p->end - p->next == 1 && take_word(p, "GET")) {
		filter->verb = PIMAP_FILTER_DIRECT_GET;
		if (filter->attach.type == 'B')
			FAIL(WEBPUSH_SYNTAX, "Filter type is neither V nor N.");
		return WEBPUSH_OK;
	}
	error = parse_charset(p, filter, error_r);
	if (error != WEBPUSH_OK)
		return error;
	filter->criteria = p->next - p->start;
	filter->criteria_count = p->end - p->next;
	p->next = p->end;
	if (filter->criteria_count == 0)
		FAIL(WEBPUSH_SYNTAX, "Criteria missing.");
	return WEBPUSH_OK;
}

enum webpush_error pimap_filter_parse(const struct arg_token *tokens, size_t count,
				      struct pimap_filter *filter_r, const char **error_r)
{
	struct parser p = {.start = tokens, .next = tokens, .end = tokens + count};
	struct pimap_filter filter = {.verb = PIMAP_FILTER_DIRECT_SET};
	enum webpush_error error;

	if (take_word(&p, "GET"))
		filter.verb = PIMAP_FILTER_GET;
	else if (take_word(&p, "SET"))
		filter.verb = PIMAP_FILTER_SET;
	else if (take_word(&p, "DELETE"))
		filter.verb = PIMAP_FILTER_DELETE;

	if (filter.verb == PIMAP_FILTER_DIRECT_SET) {
		error = parse_direct(&p, &filter, error_r);
	} else {
		error = filter.verb == PIMAP_FILTER_DELETE ? WEBPUSH_OK
							   : parse_charset(&p, &filter, error_r);
		if (error == WEBPUSH_OK)
			error = parse_name(&p, &filter, error_r);
		if (error == WEBPUSH_OK && filter.verb == PIMAP_FILTER_GET)
			error = parse_get(&p, &filter, error_r);
		else if (error == WEBPUSH_OK && filter.verb == PIMAP_FILTER_SET)
			error = parse_set(&p, &filter, error_r);
	}
	if (error != WEBPUSH_OK)
		return error;
	if (p.next != p.end)
		FAIL(WEBPUSH_SYNTAX, "Too many arguments.");
	*filter_r = filter;
	return WEBPUSH_OK;
}
