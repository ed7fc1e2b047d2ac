#include "deliver-script.h"

#include "limits.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define URL_START "URL \""

enum phase {
	PHASE_IDLE,
	PHASE_MAIL, /* a sender, and no recipient yet */
	PHASE_RCPT,
	PHASE_TEXT,
	PHASE_QUIT,
};

struct deliver_script {
	const struct deliver_receiver *receiver;
	void *context;
	char line[LIMIT_DELIVER_LINE + 1];
	size_t used;
	bool after_cr;
	bool utf8; /* of this message: SMTPUTF8 */
	enum phase phase;
	unsigned int number; /* of the line */
	unsigned int commands, messages, recipients, urls;
	bool failed;
	enum webpush_error error;
	const char *text;
};

/* --- failing --------------------------------------------------------------- */

static bool fail(struct deliver_script *script, enum webpush_error error, const char *text)
{
	script->failed = true;
	script->error = error;
	script->text = text;
	return false;
}

static bool syntax(struct deliver_script *script, const char *text)
{
	return fail(script, WEBPUSH_SYNTAX, text);
}

/* The receiver's verdict. */
static bool received(struct deliver_script *script, bool ok)
{
	return ok || fail(script, WEBPUSH_OK, NULL);
}

/* --- addresses and parameters ----------------------------------------------- */

static bool is_alnum(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_ascii(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text >= 0x80)
			return false;
	}
	return true;
}

/* The length of what stands between < and >, both of which are there. False: none. */
static bool path_length(const char *path, size_t *len_r)
{
	const char *p = path;

	while (*p != '>') {
		if (*p == '"') {
			for (p++; *p != '"'; p++) {
				if (*p == '\\')
					p++;
				if (*p == '\0')
					return false;
			}
			p++;
			continue;
		}
		if (*p == '\0' || strchr(" <()\\,;", *p) != NULL)
			return false;
		p++;
	}
	*len_r = (size_t)(p - path);
	return true;
}

static const char *const mail_params[] = {"SIZE", "BODY",        "SMTPUTF8", "RET",       "ENVID",
					  "BY",   "MT-PRIORITY", "HOLDFOR",  "HOLDUNTIL", NULL};
static const char *const rcpt_params[] = {"NOTIFY", "ORCPT", NULL};
static const char *const bodies[] = {"BODY=7BIT", "BODY=8BITMIME", NULL};

static bool is_among(const char *const *names, const char *text, size_t len)
{
	for (; *names != NULL; names++) {
		if (strlen(*names) == len && strncasecmp(*names, text, len) == 0)
			return true;
	}
	return false;
}

/* The length of one `keyword[=value]`, 0 if it is none. */
static size_t param_length(const char *text, size_t *keyword_r)
{
	size_t len = 0;

	while (is_alnum(text[len]) || (text[len] == '-' && len > 0))
		len++;
	*keyword_r = len;
	if (len > 0 && text[len] == '=') {
		size_t start = ++len;

		while (text[len] > ' ' && text[len] < 0x7f && text[len] != '=')
			len++;
		if (len == start)
			return 0;
	}
	return text[len] == '\0' || text[len] == ' ' ? len : 0;
}

/* Adds the parameters that may be to `out`, which is as long as what `text` is a part of. */
static bool read_params(struct deliver_script *script, enum deliver_verb verb, const char *text,
			char *out)
{
	bool mail = verb == DELIVER_MAIL;

	out += strlen(out);
	while (*text != '\0') {
		size_t keyword, len;

		if (*text != ' ')
			return syntax(script, "Invalid address.");
		while (*text == ' ')
			text++;
		if (*text == '\0')
			break;
		len = param_length(text, &keyword);
		if (len == 0)
			return syntax(script, "Invalid parameter.");
		/* AUTH is among those that are not: it is believed of servers. */
		if (!is_among(mail ? mail_params : rcpt_params, text, keyword) ||
		    (keyword == 4 && strncasecmp(text, "BODY", 4) == 0 &&
		     !is_among(bodies, text, len)))
			return fail(script, WEBPUSH_CANNOT,
				    "This parameter may not be in a "
				    "script.");
		if (strncasecmp(text, "SMTPUTF8", len) == 0)
			script->utf8 = true;
		if (strncasecmp(text, "SIZE", keyword) != 0) {
			*out++ = ' ';
			memcpy(out, text, len);
			out += len;
			*out = '\0';
		}
		text += len;
	}
	return true;
}

/* MAIL and RCPT: `text` follows the verb. */
static bool read_path(struct deliver_script *script, enum deliver_verb verb, const char *text)
{
	const char *from = verb == DELIVER_MAIL ? "FROM:" : "TO:";
	char line[LIMIT_DELIVER_COMMAND + 1], address[LIMIT_DELIVER_COMMAND + 1];
	size_t len;

	if (strncasecmp(text, from, strlen(from)) != 0)
		return syntax(script, verb == DELIVER_MAIL ? "MAIL has to go on with FROM:."
							   : "RCPT has to go on with TO:.");
	text += strlen(from);
	while (*text == ' ')
		text++;
	if (*text != '<' || !path_length(text + 1, &len))
		return syntax(script, "Invalid address.");
	memcpy(address, text + 1, len);
	address[len] = '\0';
	/* Routes would let the mail go elsewhere; RFC 5321 has them ignored. */
	if (address[0] == '@' || (len == 0 && verb == DELIVER_RCPT))
		return syntax(script, "Invalid address.");

	/* No longer than what was read: a blank that is added was one there, too. */
	strcpy(line, verb == DELIVER_MAIL ? "MAIL " : "RCPT ");
	strcat(line, from);
	strcat(line, "<");
	strcat(line, address);
	strcat(line, ">");
	if (verb == DELIVER_MAIL)
		script->utf8 = false;
	if (!read_params(script, verb, text + 1 + len + 1, line))
		return false;
	if (!is_ascii(address) && !script->utf8)
		return syntax(script, "An address that is not ASCII needs SMTPUTF8.");
	return received(script, script->receiver->command(script->context, verb, line, address));
}

/* --- commands --------------------------------------------------------------- */

enum argument {
	ARGUMENT_NONE,
	ARGUMENT_MAY,
	ARGUMENT_MUST,
	ARGUMENT_PATH,
};

static const struct verb_row {
	const char *name;
	enum deliver_verb verb;
	enum argument argument;
} verbs[] = {
	{"EHLO", DELIVER_EHLO, ARGUMENT_MUST}, {"HELO", DELIVER_HELO, ARGUMENT_MUST},
	{"MAIL", DELIVER_MAIL, ARGUMENT_PATH}, {"RCPT", DELIVER_RCPT, ARGUMENT_PATH},
	{"DATA", DELIVER_DATA, ARGUMENT_NONE}, {"RSET", DELIVER_RSET, ARGUMENT_NONE},
	{"NOOP", DELIVER_NOOP, ARGUMENT_MAY},  {"QUIT", DELIVER_QUIT, ARGUMENT_NONE},
	{"VRFY", DELIVER_VRFY, ARGUMENT_MUST}, {"EXPN", DELIVER_EXPN, ARGUMENT_MUST},
	{"HELP", DELIVER_HELP, ARGUMENT_MAY},
};

static const struct verb_row *find_verb(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strlen(verbs[i].name) == len && strncasecmp(verbs[i].name, text, len) == 0)
			return &verbs[i];
	}
	return NULL;
}

/* Whether the command may come now, and what comes of that. */
static bool step(struct deliver_script *script, enum deliver_verb verb)
{
	switch (verb) {
	case DELIVER_EHLO:
	case DELIVER_HELO:
		if (script->phase != PHASE_IDLE)
			return syntax(script, "This may not come within a message.");
		break;
	case DELIVER_MAIL:
		if (script->phase != PHASE_IDLE)
			return syntax(script, "There is a sender already.");
		script->phase = PHASE_MAIL;
		break;
	case DELIVER_RCPT:
		if (script->phase == PHASE_IDLE)
			return syntax(script, "There is no sender yet.");
		if (script->recipients++ == LIMIT_DELIVER_RECIPIENTS)
			return fail(script, WEBPUSH_LIMIT, "Too many recipients.");
		script->phase = PHASE_RCPT;
		break;
	case DELIVER_DATA:
		if (script->phase != PHASE_RCPT)
			return syntax(script, "There is no recipient yet.");
		if (script->messages++ == LIMIT_DELIVER_MESSAGES)
			return fail(script, WEBPUSH_LIMIT, "Too many messages.");
		script->phase = PHASE_TEXT;
		break;
	case DELIVER_RSET:
		script->phase = PHASE_IDLE;
		break;
	case DELIVER_QUIT:
		script->phase = PHASE_QUIT;
		break;
	case DELIVER_NOOP:
	case DELIVER_VRFY:
	case DELIVER_EXPN:
	case DELIVER_HELP:
		break;
	}
	return true;
}

static bool read_command(struct deliver_script *script)
{
	char *line = script->line, *argument;
	const struct verb_row *row;
	size_t len;

	while (script->used > 0 && line[script->used - 1] == ' ')
		line[--script->used] = '\0';
	if (script->phase == PHASE_QUIT)
		return syntax(script, "Nothing may come after QUIT.");
	if (script->used > LIMIT_DELIVER_COMMAND)
		return fail(script, WEBPUSH_LIMIT, "This command is too long.");
	for (size_t i = 0; i < script->used; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			return syntax(script, "There is a control character in this command.");
	}
	if (script->commands++ == LIMIT_DELIVER_COMMANDS)
		return fail(script, WEBPUSH_LIMIT, "Too many commands.");
	len = strcspn(line, " ");
	row = find_verb(line, len);
	if (row == NULL)
		return fail(script, WEBPUSH_CANNOT, "This command may not be in a script.");
	argument = line + len + strspn(line + len, " ");
	if (row->argument == ARGUMENT_NONE && *argument != '\0')
		return syntax(script, "This command has no argument.");
	if ((row->argument == ARGUMENT_MUST || row->argument == ARGUMENT_PATH) && *argument == '\0')
		return syntax(script, "This command needs an argument.");
	if (row->argument != ARGUMENT_PATH && !is_ascii(line))
		return syntax(script, "This command is not ASCII.");
	if (!step(script, row->verb))
		return false;
	if (row->argument == ARGUMENT_PATH)
		return read_path(script, row->verb, argument);
	return received(script, script->receiver->command(script->context, row->verb, line, NULL));
}

/* --- messages --------------------------------------------------------------- */

/* In a line that stands for content: its URL, else NULL. */
static char *find_url(struct deliver_script *script)
{
	const size_t start = strlen(URL_START);
	char *line = script->line;

	if (script->used < start + 2 || strncmp(line, URL_START, start) != 0 ||
	    line[script->used - 1] != '"')
		return NULL;
	for (size_t i = start; i < script->used - 1; i++) {
		/* Nothing that is no part of a URL (RFC 3986) can be meant. */
		if (line[i] <= ' ' || line[i] >= 0x7f || strchr("\"\\<>^`{|}", line[i]) != NULL)
			return NULL;
	}
	line[script->used - 1] = '\0';
	return line + start;
}

static bool read_text(struct deliver_script *script)
{
	const struct deliver_receiver *receiver = script->receiver;
	const char *line = script->line, *url;
	size_t used = script->used;

	if (used == 1 && line[0] == '.') {
		script->phase = PHASE_IDLE;
		return received(script, receiver->end(script->context));
	}
	url = find_url(script);
	if (url != NULL) {
		if (script->urls++ == LIMIT_DELIVER_URLS)
			return fail(script, WEBPUSH_LIMIT, "Too many URLs.");
		return received(script, receiver->url(script->context, url) &&
						receiver->text(script->context, "\r\n", 2));
	}
	if (line[0] == '.') {
		line++;
		used--;
	}
	return received(script, (used == 0 || receiver->text(script->context, line, used)) &&
					receiver->text(script->context, "\r\n", 2));
}

/* --- lines ------------------------------------------------------------------ */

static bool read_line(struct deliver_script *script)
{
	bool ok;

	script->line[script->used] = '\0';
	ok = script->phase == PHASE_TEXT ? read_text(script) : read_command(script);
	script->used = 0;
	if (ok)
		script->number++;
	return ok;
}

struct deliver_script *deliver_script_new(const struct deliver_receiver *receiver, void *context)
{
	struct deliver_script *script = calloc(1, sizeof(*script));

	if (script == NULL)
		return NULL;
	script->receiver = receiver;
	script->context = context;
	script->number = 1;
	return script;
}

void deliver_script_free(struct deliver_script *script)
{
	free(script);
}

bool deliver_script_feed(struct deliver_script *script, const void *data, size_t size)
{
	const char *p = data, *end = p + size;

	for (; p < end && !script->failed; p++) {
		if (script->after_cr != (*p == '\n')) {
			syntax(script, script->after_cr ? "There is a CR without LF."
							: "There is an LF without CR.");
		} else if (*p == '\n') {
			script->after_cr = false;
			read_line(script);
		} else if (*p == '\r') {
			script->after_cr = true;
		} else if (*p == '\0') {
			syntax(script, "There is a NUL.");
		} else if (script->used == LIMIT_DELIVER_LINE) {
			fail(script, WEBPUSH_LIMIT, "This line is too long.");
		} else {
			script->line[script->used++] = *p;
		}
	}
	return !script->failed;
}

bool deliver_script_finish(struct deliver_script *script)
{
	if (script->failed)
		return false;
	if (script->used > 0 || script->after_cr)
		return syntax(script, "The last line has no CRLF.");
	if (script->phase == PHASE_TEXT)
		return syntax(script, "The message has no end.");
	if (script->commands == 0)
		return syntax(script, "The script is empty.");
	return true;
}

enum webpush_error deliver_script_error(const struct deliver_script *script, const char **text_r,
					unsigned int *line_r)
{
	*text_r = script->text;
	*line_r = script->number;
	return script->error;
}

/* --- what is included ------------------------------------------------------- */

static bool starts_with(const char *text, const char *start)
{
	return strncasecmp(text, start, strlen(start)) == 0;
}

void deliver_url_spell(const char *url, char *out)
{
	static const char whole[] = ";SECTION=BODY";
	const char *p = url;

	while (*p != '\0') {
		bool own = starts_with(p, ";SECTION=") || starts_with(p, ";PARTIAL=");

		if (own && starts_with(p, whole) && strchr("/;", p[strlen(whole)]) != NULL) {
			/* With the slash, if it is there. */
			if (p > url && p[-1] == '/')
				out--;
			p += strlen(whole);
			continue;
		}
		if (own && p > url && p[-1] != '/')
			*out++ = '/';
		*out++ = *p++;
	}
	*out = '\0';
}

size_t deliver_newlines_convert(struct deliver_newlines *newlines, const void *data, size_t size,
				char *out)
{
	const char *p = data, *end = p + size;
	char *start = out;

	for (; p < end; p++) {
		if (*p != '\r' && *p != '\n') {
			*out++ = *p;
		} else if (*p == '\r' || !newlines->after_cr) {
			*out++ = '\r';
			*out++ = '\n';
		}
		newlines->after_cr = *p == '\r';
	}
	return (size_t)(out - start);
}

/* --- senders ---------------------------------------------------------------- */

bool deliver_sender_allowed(const char *rule, const char *address)
{
	if (strcasecmp(rule, "any") == 0)
		return true;
	if (*address == '\0')
		address = "<>";
	while (*rule != '\0') {
		size_t len = strcspn(rule, " \t,");

		if (len == strlen(address) && strncasecmp(rule, address, len) == 0)
			return true;
		rule += len;
		rule += strspn(rule, " \t,");
	}
	return false;
}
