/* What Dovecot's auth process says, line by line (auth-client protocol, version 1). Pure. */
#ifndef FANTAIL_PIM_DOVECOT_AUTH_LINE_H
#define FANTAIL_PIM_DOVECOT_AUTH_LINE_H

#include "dovecot-auth.h"

enum dovecot_auth_line_kind {
	DOVECOT_AUTH_LINE_OTHER,   /* means nothing to us */
	DOVECOT_AUTH_LINE_VERSION, /* one that we speak */
	DOVECOT_AUTH_LINE_PLAIN,   /* the mechanism PLAIN is there */
	DOVECOT_AUTH_LINE_DONE,    /* its greeting is complete */
	DOVECOT_AUTH_LINE_ANSWER,
};
struct dovecot_auth_line {
	enum dovecot_auth_line_kind kind;
	/* Of an answer. */
	guint32 id;
	enum dovecot_auth_result result;
	const char *user; /* the canonical name, with OK; points into the line */
};
/* One line without its LF, with room for a NUL after it; it is changed. FALSE: not the
 * protocol that we speak, and the error says why. */
gboolean dovecot_auth_line_parse(char *text, gsize len, struct dovecot_auth_line *line_r,
				 GError **error);

/* The request's line, LF included; NULL: it is longer than the auth process reads. To be wiped. */
struct tabline_buf;
gboolean dovecot_auth_line_write(struct tabline_buf *buf, guint32 id, const char *service,
				 const struct dovecot_auth_request *request);

#endif
