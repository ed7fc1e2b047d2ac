/*
 * What the control sockets of our daemons share (docs/wire-protocols.md): a request is a verb, an
 * id and keys; a table of the daemon's says what to do; answers are JSON objects, one in a line.
 * Whoever could open the socket is an operator.
 */
#ifndef FANTAIL_CONTROL_CALL_H
#define FANTAIL_CONTROL_CALL_H

#include <json-glib/json-glib.h>

#include "line-server.h"

/* One request as it came; borrowed during the call. */
struct control_call {
	struct line_peer *peer;
	const char *id;
	const struct tabline_field *fields;
	gsize count;
};

struct control_verb {
	const char *name;
	gboolean needs_user, needs_device;
	/* `data`: the line server's. FALSE closes the connection. Who answers later holds the
	 * peer and keeps the id. */
	gboolean (*run)(gpointer data, const struct control_call *call);
};

/* The line server's handler: finds the verb and runs it, or answers why not. */
gboolean control_call_run(const struct control_verb *verbs, gsize verbs_len, struct line_peer *peer,
			  const struct tabline_field *fields, gsize count, gpointer data);
/* NULL: it has no such key. */
const char *control_call_get(const struct control_call *call, const char *key);
/* The request makes no sense. Always FALSE: what comes after it is not read. */
gboolean control_call_bad(const struct control_call *call, const char *text);

/* `OK` or `ITEM` with a JSON object, which is freed. What does not fit in a line is left out,
 * and an OK says so. Returns the bytes written. */
gsize control_answer(struct line_peer *peer, const char *word, const char *id, char *json);
/* OK with nothing to say. */
void control_answer_empty(struct line_peer *peer, const char *id);

/* Members with values; NULL texts are null, times of 0 are null. All text becomes UTF-8. */
void control_json_text(JsonBuilder *builder, const char *name, const char *value);
void control_json_int(JsonBuilder *builder, const char *name, gint64 value);
void control_json_bool(JsonBuilder *builder, const char *name, gboolean value);
void control_json_time(JsonBuilder *builder, const char *name, gint64 seconds);
/* A new builder within an object; its end, as one line. New string. */
JsonBuilder *control_json_begin(void);
char *control_json_end(JsonBuilder *builder);
/* One line of the builder's value, and unreferences the builder. New string. */
char *control_json_finish(JsonBuilder *builder);

#endif
