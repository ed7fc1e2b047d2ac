#include "control-call.h"

#include <string.h>

#include "limits.h"

/* --- requests ----------------------------------------------------------------- */

const char *control_call_get(const struct control_call *call, const char *key)
{
	return tabline_get(call->fields, call->count, key);
}

gboolean control_call_bad(const struct control_call *call, const char *text)
{
	line_peer_no(call->peer, call->id, "bad", text);
	return FALSE;
}

gboolean control_call_run(const struct control_verb *verbs, gsize verbs_len, struct line_peer *peer,
			  const struct tabline_field *fields, gsize count, gpointer data)
{
	struct control_call call = {peer, "0", fields, count};
	guint64 id;

	if (count < 2 || fields[0].key != NULL || fields[1].key != NULL ||
	    !tabline_parse_u64(fields[1].value, &id))
		return control_call_bad(&call, "a request is VERB, id, key=value...");
	call.id = fields[1].value;
	for (gsize i = 0; i < verbs_len; i++) {
		const struct control_verb *verb = &verbs[i];

		if (strcmp(fields[0].value, verb->name) != 0)
			continue;
		if (verb->needs_user && control_call_get(&call, "user") == NULL)
			return control_call_bad(&call, "user= is missing");
		if (verb->needs_device && control_call_get(&call, "device") == NULL)
			return control_call_bad(&call, "device= is missing");
		return verb->run(data, &call);
	}
	return control_call_bad(&call, "no such verb");
}

/* --- answers -------------------------------------------------------------------- */

gsize control_answer(struct line_peer *peer, const char *word, const char *id, char *json)
{
	g_autofree char *text = json;
	struct tabline_buf buf;
	gsize len = 0;

	tabline_buf_init(&buf, LIMIT_LINE);
	tabline_word(&buf, word);
	tabline_word(&buf, id);
	tabline_field(&buf, "json", text);
	if (tabline_end(&buf)) {
		line_peer_write(peer, &buf);
		len = buf.len;
	} else if (strcmp(word, "OK") == 0) {
		line_peer_no(peer, id, "limit", "the answer is too long for one line");
	}
	tabline_buf_free(&buf);
	return len;
}

void control_answer_empty(struct line_peer *peer, const char *id)
{
	control_answer(peer, "OK", id, g_strdup("{}"));
}

/* --- JSON ------------------------------------------------------------------------- */

void control_json_text(JsonBuilder *builder, const char *name, const char *value)
{
	json_builder_set_member_name(builder, name);
	if (value == NULL) {
		json_builder_add_null_value(builder);
		return;
	}
	g_autofree char *valid = g_utf8_make_valid(value, -1);
	/* json-glib writes this one as it is, which is no JSON. */
	g_strdelimit(valid, "\x1f", '?');
	json_builder_add_string_value(builder, valid);
}

void control_json_int(JsonBuilder *builder, const char *name, gint64 value)
{
	json_builder_set_member_name(builder, name);
	json_builder_add_int_value(builder, value);
}

void control_json_bool(JsonBuilder *builder, const char *name, gboolean value)
{
	json_builder_set_member_name(builder, name);
	json_builder_add_boolean_value(builder, value);
}

void control_json_time(JsonBuilder *builder, const char *name, gint64 seconds)
{
	json_builder_set_member_name(builder, name);
	if (seconds > 0)
		json_builder_add_int_value(builder, seconds);
	else
		json_builder_add_null_value(builder);
}

JsonBuilder *control_json_begin(void)
{
	JsonBuilder *builder = json_builder_new();

	json_builder_begin_object(builder);
	return builder;
}

char *control_json_end(JsonBuilder *builder)
{
	json_builder_end_object(builder);
	return control_json_finish(builder);
}

char *control_json_finish(JsonBuilder *builder)
{
	g_autoptr(JsonNode) root = json_builder_get_root(builder);

	g_object_unref(builder);
	return json_to_string(root, FALSE);
}
