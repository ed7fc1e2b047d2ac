#include "dovecot-auth-line.h"

#include <string.h>

#include "limits.h"
#include "tabline.h"

static gboolean bad(GError **error, const char *what)
{
	g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s", what);
	return FALSE;
}

static gboolean has_word(const struct tabline_field *fields, gsize count, const char *word)
{
	for (gsize i = 2; i < count; i++) {
		if (fields[i].key == NULL && strcmp(fields[i].value, word) == 0)
			return TRUE;
	}
	return FALSE;
}

/* Without a code it is the name or the password, and nobody says which. The words are those of
 * 2.2 and older. */
static enum dovecot_auth_result why_not(const struct tabline_field *fields, gsize count)
{
	static const struct {
		const char *code, *word;
		enum dovecot_auth_result result;
	} rows[] = {
		{"temp_fail", "temp", DOVECOT_AUTH_TEMPORARY},
		{"authz_fail", "authz", DOVECOT_AUTH_FORBIDDEN},
		{"user_disabled", "user_disabled", DOVECOT_AUTH_FORBIDDEN},
		{"pass_expired", "pass_expired", DOVECOT_AUTH_FORBIDDEN},
	};
	const char *code = tabline_get(fields, count, "code");

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		if (g_strcmp0(code, rows[i].code) == 0 || has_word(fields, count, rows[i].word))
			return rows[i].result;
	}
	return DOVECOT_AUTH_WRONG;
}

static gboolean parse_answer(const struct tabline_field *fields, gsize count,
			     struct dovecot_auth_line *line, GError **error)
{
	const char *user = tabline_get(fields, count, "user");

	if (count < 2 || fields[1].key != NULL || !tabline_parse_u32(fields[1].value, &line->id))
		return bad(error, "an answer without a number");
	line->kind = DOVECOT_AUTH_LINE_ANSWER;
	if (strcmp(fields[0].value, "FAIL") == 0) {
		line->result = why_not(fields, count);
	} else if (strcmp(fields[0].value, "OK") == 0 && user != NULL && *user != '\0' &&
		   strlen(user) <= LIMIT_USER) {
		line->result = DOVECOT_AUTH_OK;
		line->user = user;
	} else {
		/* CONT: all was said already. OK without a name is of no use. */
		line->result = DOVECOT_AUTH_TEMPORARY;
	}
	return TRUE;
}

gboolean dovecot_auth_line_parse(char *text, gsize len, struct dovecot_auth_line *line_r,
				 GError **error)
{
	struct tabline_field fields[LIMIT_LINE_FIELDS];
	struct dovecot_auth_line line = {.kind = DOVECOT_AUTH_LINE_OTHER};
	enum tabline_result result;
	const char *verb;
	gsize count;

	result = tabline_split(text, len, fields, G_N_ELEMENTS(fields), &count);
	if (result != TABLINE_OK)
		return bad(error, tabline_strerror(result));
	verb = count > 0 && fields[0].key == NULL ? fields[0].value : "";
	if (strcmp(verb, "VERSION") == 0) {
		if (count < 2 || strcmp(fields[1].value, "1") != 0)
			return bad(error, "it speaks another version of the protocol");
		line.kind = DOVECOT_AUTH_LINE_VERSION;
	} else if (strcmp(verb, "MECH") == 0) {
		if (count >= 2 && g_ascii_strcasecmp(fields[1].value, "PLAIN") == 0)
			line.kind = DOVECOT_AUTH_LINE_PLAIN;
	} else if (strcmp(verb, "DONE") == 0) {
		line.kind = DOVECOT_AUTH_LINE_DONE;
	} else if (strcmp(verb, "OK") == 0 || strcmp(verb, "FAIL") == 0 ||
		   strcmp(verb, "CONT") == 0) {
		if (!parse_answer(fields, count, &line, error))
			return FALSE;
	}
	*line_r = line;
	return TRUE;
}

/* RFC 4616: authzid NUL authcid NUL password. */
static char *plain_response(const char *user, const char *password)
{
	gsize user_len = strlen(user), password_len = strlen(password);
	gsize len = 1 + user_len + 1 + password_len;
	guchar *message = g_malloc(len);
	char *coded;

	message[0] = '\0';
	memcpy(message + 1, user, user_len);
	message[1 + user_len] = '\0';
	memcpy(message + 2 + user_len, password, password_len);
	coded = g_base64_encode(message, len);
	explicit_bzero(message, len);
	g_free(message);
	return coded;
}

gboolean dovecot_auth_line_write(struct tabline_buf *buf, guint32 id, const char *service,
				 const struct dovecot_auth_request *request)
{
	char *response = plain_response(request->user, request->password);
	char number[16];
	gboolean ok;

	g_snprintf(number, sizeof(number), "%u", id);
	tabline_word(buf, "AUTH");
	tabline_word(buf, number);
	tabline_word(buf, "PLAIN");
	tabline_field(buf, "service", service);
	if (request->secured)
		tabline_word(buf, "secured");
	tabline_field(buf, "session", request->session);
	tabline_field(buf, "rip", request->remote_address);
	tabline_field(buf, "lip", request->local_address);
	/* Whatever follows would end the connection. */
	tabline_field(buf, "resp", response);
	ok = tabline_end(buf);
	explicit_bzero(response, strlen(response));
	g_free(response);
	return ok;
}
