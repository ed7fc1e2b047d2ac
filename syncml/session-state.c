/* A session to the store and back: lines of lib/tabline, one for the session, one for each
 * database and each status that waits. What a struct has to keep is a row of its table. */
#include <stddef.h>
#include <string.h>

#include "session.h"
#include "tabline.h"

#define STATE_VERSION 2
/* Some 20,000 statuses with addresses: those of several messages that are as large as they may
 * be. */
#define STATE_MAX (4 * 1024 * 1024)

enum type {
	NUMBER_32, /* guint, gboolean, enums */
	NUMBER_64, /* signed ones as they are in memory */
	STRING,    /* NULL is not written */
};

struct field {
	const char *name;
	enum type type;
	gsize offset;
};

#define FIELD(type, struct_, member)                            \
	{                                                       \
#member, type, offsetof(struct struct_, member) \
	}

static const struct field session_fields[] = {
	FIELD(NUMBER_32, session, phase),
	FIELD(NUMBER_32, session, version),
	FIELD(NUMBER_32, session, encoding),
	FIELD(STRING, session, client),
	FIELD(STRING, session, server),
	FIELD(STRING, session, resp_uri),
	FIELD(NUMBER_32, session, msg_id),
	FIELD(NUMBER_32, session, authenticated),
	FIELD(NUMBER_64, session, max_msg_size),
	FIELD(NUMBER_64, session, max_obj_size),
	FIELD(NUMBER_32, session, results_wanted),
	FIELD(NUMBER_32, session, results_msg),
	FIELD(NUMBER_32, session, results_cmd),
	FIELD(STRING, session, results_source),
	FIELD(NUMBER_32, session, get_devinf),
	FIELD(NUMBER_32, session, final_sent),
	FIELD(NUMBER_32, session, idle_rounds),
};

static const struct field sync_fields[] = {
	FIELD(NUMBER_64, sync, target),       FIELD(STRING, sync, name),
	FIELD(STRING, sync, client_uri),      FIELD(STRING, sync, server_uri),
	FIELD(NUMBER_32, sync, collection),   FIELD(NUMBER_32, sync, components),
	FIELD(NUMBER_32, sync, mode),         FIELD(NUMBER_32, sync, resumed),
	FIELD(NUMBER_32, sync, failed),       FIELD(STRING, sync, client_next),
	FIELD(STRING, sync, server_last),     FIELD(STRING, sync, server_next),
	FIELD(NUMBER_64, sync, max_obj_size), FIELD(NUMBER_64, sync, free_id),
	FIELD(STRING, sync, filter),          FIELD(NUMBER_32, sync, filter_inclusive),
	FIELD(NUMBER_64, sync, since),        FIELD(NUMBER_64, sync, before),
	FIELD(NUMBER_32, sync, alerted),      FIELD(NUMBER_32, sync, seen),
	FIELD(NUMBER_32, sync, opened),       FIELD(NUMBER_32, sync, sent),
	FIELD(NUMBER_64, sync, snapshot),     FIELD(NUMBER_64, sync, position),
	FIELD(NUMBER_64, sync, map_position), FIELD(NUMBER_64, sync, chunk_map),
	FIELD(NUMBER_64, sync, chunk_offset), FIELD(NUMBER_32, sync, in_added),
	FIELD(NUMBER_32, sync, in_replaced),  FIELD(NUMBER_32, sync, in_deleted),
	FIELD(NUMBER_32, sync, out_added),    FIELD(NUMBER_32, sync, out_replaced),
	FIELD(NUMBER_32, sync, out_deleted),  FIELD(NUMBER_32, sync, conflicts),
	FIELD(NUMBER_64, sync, had),          FIELD(NUMBER_32, sync, look_at_all),
	FIELD(NUMBER_32, sync, keeps),        FIELD(NUMBER_32, sync, waited),
	FIELD(NUMBER_32, sync, adds),         FIELD(STRING, sync, fields),
};

static const struct field status_fields[] = {
	FIELD(NUMBER_32, status, msg),       FIELD(NUMBER_32, status, cmd),
	FIELD(STRING, status, name),         FIELD(NUMBER_32, status, code),
	FIELD(STRING, status, target_ref),   FIELD(STRING, status, source_ref),
	FIELD(STRING, status, anchor),       FIELD(STRING, status, data),
	FIELD(NUMBER_32, status, challenge),
};

/* --- the mark of a target ---------------------------------------------------------------- */

char *sync_filter_id(const struct sync *sync)
{
	g_autofree char *text = NULL;

	if (sync->filter == NULL && sync->since == G_MININT64 && sync->before == G_MAXINT64)
		return g_strdup("-");
	text = g_strdup_printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %d %s", sync->since,
			       sync->before, sync->filter_inclusive,
			       sync->filter == NULL ? "" : sync->filter);
	return g_compute_checksum_for_string(G_CHECKSUM_MD5, text, -1);
}

static gboolean read_number(const char *text, guint64 min, guint64 max, guint64 *number_r)
{
	return g_ascii_string_to_unsigned(text, 10, min, max, number_r, NULL);
}

void sync_mark_read(const struct pim_target *target, struct sync_mark *mark_r)
{
	g_autofree char *state =
		g_strndup(target->state_len == 0 ? "" : target->state, target->state_len);
	g_auto(GStrv) words = g_strsplit(state, " ", -1);
	guint64 phase, mode, since, keeps;

	memset(mark_r, 0, sizeof(*mark_r));
	if (g_strv_length(words) != 5 || !read_number(words[0], SYNC_BEGUN, SYNC_ENDED, &phase) ||
	    !read_number(words[1], SYNC_TWO_WAY, SYNC_REFRESH_FROM_SERVER, &mode) ||
	    !read_number(words[2], 0, G_MAXINT64, &since) ||
	    !read_number(words[3], FALSE, TRUE, &keeps) ||
	    strlen(words[4]) >= sizeof(mark_r->filter))
		return;
	*mark_r = (struct sync_mark){
		.phase = (enum sync_phase)phase,
		.mode = (enum sync_mode)mode,
		.since = (gint64)since,
		.keeps = (gboolean)keeps,
	};
	g_strlcpy(mark_r->filter, words[4], sizeof(mark_r->filter));
}

gboolean sync_mark_set(struct session *session, const struct sync *sync, enum sync_phase phase,
		       struct pim_target *target, GError **error)
{
	/* Until it has ended, some of what the former filter says may not have gone or come. */
	g_autofree char *filter =
		phase == SYNC_BEGUN && sync->look_at_all ? g_strdup("?") : sync_filter_id(sync);
	g_autofree char *state =
		g_strdup_printf("%u %u %" G_GINT64_FORMAT " %d %s", (guint)phase, (guint)sync->mode,
				session->now, sync->keeps, filter);

	target->state = state;
	target->state_len = strlen(state);
	return pim_txn_set_target(session->txn, target, error);
}

/* --- life ------------------------------------------------------------------------------ */

static void cut_free(gpointer data)
{
	struct cut_object *cut = data;

	g_free(cut->luid);
	g_free(cut);
}

struct session *session_new(void)
{
	struct session *session = g_new0(struct session, 1);

	session->syncs = g_ptr_array_new_with_free_func((GDestroyNotify)sync_free);
	session->statuses = g_ptr_array_new_with_free_func((GDestroyNotify)status_free);
	session->cut = g_ptr_array_new_with_free_func(cut_free);
	session->mapped = g_hash_table_new(NULL, NULL);
	return session;
}

static void free_strings(gpointer object, const struct field *fields, guint count)
{
	for (guint i = 0; i < count; i++) {
		if (fields[i].type == STRING)
			g_free(G_STRUCT_MEMBER(char *, object, fields[i].offset));
	}
}

void session_free(struct session *session)
{
	if (session == NULL)
		return;
	free_strings(session, session_fields, G_N_ELEMENTS(session_fields));
	g_ptr_array_unref(session->syncs);
	g_ptr_array_unref(session->statuses);
	g_ptr_array_unref(session->cut);
	g_hash_table_unref(session->mapped);
	g_free(session);
}

struct sync *sync_new(void)
{
	struct sync *sync = g_new0(struct sync, 1);

	sync->max_obj_size = sync->free_id = G_MAXUINT64;
	sync->since = G_MININT64;
	sync->before = G_MAXINT64;
	return sync;
}

void sync_free(struct sync *sync)
{
	free_strings(sync, sync_fields, G_N_ELEMENTS(sync_fields));
	if (sync->content != NULL)
		content_clear(sync->content);
	g_free(sync->content);
	filter_free(sync->parsed);
	g_free(sync);
}

void status_free(struct status *status)
{
	free_strings(status, status_fields, G_N_ELEMENTS(status_fields));
	g_free(status);
}

/* --- saving ------------------------------------------------------------------------------ */

static gboolean save(struct tabline_buf *lines, const char *word, gconstpointer object,
		     const struct field *fields, guint count)
{
	tabline_word(lines, word);
	for (guint i = 0; i < count; i++) {
		const void *member = G_STRUCT_MEMBER_P(object, fields[i].offset);

		if (fields[i].type == STRING)
			tabline_field(lines, fields[i].name, *(const char *const *)member);
		else if (fields[i].type == NUMBER_64)
			tabline_field_u64(lines, fields[i].name, *(const guint64 *)member);
		else
			tabline_field_u64(lines, fields[i].name, *(const guint32 *)member);
	}
	return tabline_end(lines);
}

static gboolean save_all(struct tabline_buf *lines, const struct session *session)
{
	tabline_word(lines, "VERSION");
	tabline_field_u64(lines, "state", STATE_VERSION);
	if (!tabline_end(lines) ||
	    !save(lines, "SESSION", session, session_fields, G_N_ELEMENTS(session_fields)))
		return FALSE;
	for (guint i = 0; i < session->syncs->len; i++) {
		if (!save(lines, "SYNC", session->syncs->pdata[i], sync_fields,
			  G_N_ELEMENTS(sync_fields)))
			return FALSE;
	}
	for (guint i = 0; i < session->statuses->len; i++) {
		if (!save(lines, "STATUS", session->statuses->pdata[i], status_fields,
			  G_N_ELEMENTS(status_fields)))
			return FALSE;
	}
	return TRUE;
}

GBytes *session_save(const struct session *session, GError **error)
{
	struct tabline_buf lines;
	GBytes *state = NULL;

	tabline_buf_init(&lines, STATE_MAX);
	if (save_all(&lines, session))
		state = g_bytes_new(lines.data, lines.len);
	else
		g_set_error(error, MESSAGE_ERROR, MESSAGE_ERROR_LIMIT,
			    "%u statuses wait for a phone that does not ask for them",
			    session->statuses->len);
	tabline_buf_free(&lines);
	return state;
}

/* --- loading ------------------------------------------------------------------------------ */

static gboolean load(gpointer object, const struct field *fields, guint count,
		     const struct tabline_field *words, gsize word_count)
{
	for (guint i = 0; i < count; i++) {
		const char *value = tabline_get(words, word_count, fields[i].name);
		void *member = G_STRUCT_MEMBER_P(object, fields[i].offset);
		guint64 number = 0;

		if (fields[i].type == STRING) {
			*(char **)member = g_strdup(value);
			continue;
		}
		if (value == NULL || !tabline_parse_u64(value, &number))
			return FALSE;
		if (fields[i].type == NUMBER_64)
			*(guint64 *)member = number;
		else
			*(guint32 *)member = (guint32)number;
	}
	return TRUE;
}

static gboolean load_line(struct session *session, const struct tabline_field *words, gsize count)
{
	const char *word = words[0].value;

	if (strcmp(word, "SESSION") == 0)
		return load(session, session_fields, G_N_ELEMENTS(session_fields), words, count);
	if (strcmp(word, "SYNC") == 0) {
		struct sync *sync = sync_new();

		g_ptr_array_add(session->syncs, sync);
		return load(sync, sync_fields, G_N_ELEMENTS(sync_fields), words, count);
	}
	if (strcmp(word, "STATUS") == 0) {
		struct status *status = g_new0(struct status, 1);

		g_ptr_array_add(session->statuses, status);
		return load(status, status_fields, G_N_ELEMENTS(status_fields), words, count);
	}
	return strcmp(word, "VERSION") == 0 &&
	       g_strcmp0(tabline_get(words, count, "state"), G_STRINGIFY(STATE_VERSION)) == 0;
}

struct session *session_load(const void *state, gsize len)
{
	g_autoptr(session_t) session = session_new();
	g_autofree char *text = g_strndup(state, len);
	char *line = text;

	while (*line != '\0') {
		struct tabline_field words[64];
		gsize line_len = strcspn(line, "\n"), count;
		char *next = line + line_len + (line[line_len] == '\n');

		line[line_len] = '\0';
		if (tabline_split(line, line_len, words, G_N_ELEMENTS(words), &count) !=
			    TABLINE_OK ||
		    count == 0 || !load_line(session, words, count))
			return NULL;
		line = next;
	}
	return session->client == NULL ? NULL : g_steal_pointer(&session);
}
