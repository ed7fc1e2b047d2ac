/* Alert: which databases, what kind of sync, anchors (SyncML Sync Protocol 1.1 sections 2.2, 5, 6;
 * OMA DS 1.2 for 224 and 225). */
#include <string.h>

#include "database-uri.h"
#include "limits.h"
#include "session.h"

enum {
	ALERT_DISPLAY = 100,
	ALERT_TWO_WAY_BY_SERVER = 206,
	ALERT_REFRESH_FROM_SERVER_BY_SERVER = 210,
	ALERT_RESULT = 221,
	ALERT_NEXT_MESSAGE = 222,
	ALERT_NO_END_OF_DATA = 223,
	ALERT_SUSPEND = 224,
	ALERT_RESUME = 225,
};

/* --- resuming -------------------------------------------------------------------------- */

/* After a sync that has ended for us the phone may still want to go on with it: what is left of
 * it is what changed since. */
static enum sync_mode mode_after_end(enum sync_mode mode)
{
	switch (mode) {
	case SYNC_TWO_WAY:
	case SYNC_SLOW:
		return SYNC_TWO_WAY;
	case SYNC_FROM_CLIENT:
	case SYNC_REFRESH_FROM_CLIENT:
		return SYNC_FROM_CLIENT;
	case SYNC_FROM_SERVER:
	case SYNC_REFRESH_FROM_SERVER:
		return SYNC_FROM_SERVER;
	}
	return SYNC_TWO_WAY;
}

/* Is there a sync to go on with, and what kind is it? */
static gboolean resumable(const struct session *session, const struct sync_mark *mark,
			  enum sync_mode *mode_r)
{
	if (mark->phase == SYNC_NEVER ||
	    mark->since + session->service->settings->resume_secs < session->now)
		return FALSE;
	*mode_r = mark->phase == SYNC_ENDED ? mode_after_end(mark->mode) : mark->mode;
	return TRUE;
}

/* --- the kind of sync ------------------------------------------------------------------------ */

/* What the client asks for; those by a server are what it was asked to ask for. 0 = none. */
static enum sync_mode mode_of(guint code)
{
	static const enum sync_mode by_server[] = {
		SYNC_TWO_WAY,     SYNC_FROM_CLIENT,         SYNC_REFRESH_FROM_CLIENT,
		SYNC_FROM_SERVER, SYNC_REFRESH_FROM_SERVER,
	};

	if (code >= SYNC_TWO_WAY && code <= SYNC_REFRESH_FROM_SERVER)
		return (enum sync_mode)code;
	if (code >= ALERT_TWO_WAY_BY_SERVER && code <= ALERT_REFRESH_FROM_SERVER_BY_SERVER)
		return by_server[code - ALERT_TWO_WAY_BY_SERVER];
	return 0;
}

static gboolean is_anchor(const char *text)
{
	return text != NULL && *text != '\0' && strcmp(text, "0") != 0 &&
	       strlen(text) <= LIMIT_ANCHOR;
}

/* Does it go on where the last sync, or the one before, has ended? */
static gboolean anchor_matches(const struct session *session, struct pim_target *target,
			       const char *last)
{
	if (session->device->rules.lenient_anchor && target->client_anchor != NULL)
		return TRUE;
	if (!is_anchor(last) || target->client_anchor == NULL)
		return FALSE;
	if (strcmp(last, target->client_anchor) == 0)
		return TRUE;
	/* It died after we had ended, and before it knew. */
	if (session->service->settings->one_generation ||
	    g_strcmp0(last, target->former_client_anchor) != 0)
		return FALSE;
	target->client_anchor = target->former_client_anchor;
	target->server_anchor = target->former_server_anchor;
	target->cursor = target->former_cursor;
	return TRUE;
}

/* Have tombstones gone that it would need? */
static gboolean cursor_is_old(struct session *session, const struct pim_target *target,
			      gboolean *old_r, GError **error)
{
	struct pim_heads heads;

	if (!pim_txn_heads(session->txn, target->collection, &heads, error))
		return FALSE;
	*old_r = target->cursor < heads.oldest;
	return TRUE;
}

/* An id may change though the item does not. */
static gboolean depends_on_luids(const struct sync *sync)
{
	return sync->filter != NULL && strstr(sync->filter, "LUID") != NULL;
}

/* The mode in force, and the status of the Alert. */
static gboolean decide(struct session *session, struct sync *sync, struct pim_target *target,
		       guint code, const char *last, guint *status_r, GError **error)
{
	struct sync_mark mark;
	g_autofree char *filter = NULL;
	enum sync_mode saved;
	gboolean old, incremental, matches;

	*status_r = 200;
	sync_mark_read(target, &mark);
	/* What was out of a filter then has to go now, and the other way round. A range of days is
	 * another one each day. */
	filter = sync_filter_id(sync);
	sync->look_at_all = strcmp(filter, mark.filter) != 0 || depends_on_luids(sync);
	if (code == ALERT_RESUME && resumable(session, &mark, &saved)) {
		sync->mode = saved;
		sync->resumed = TRUE;
		sync->keeps = mark.keeps && mark.phase != SYNC_ENDED;
		return TRUE;
	}
	sync->mode = code == ALERT_RESUME ? SYNC_TWO_WAY : mode_of(code);
	incremental = sync->mode == SYNC_TWO_WAY || sync->mode == SYNC_FROM_CLIENT ||
		      sync->mode == SYNC_FROM_SERVER;
	matches = incremental && anchor_matches(session, target, last);
	/* After that: of two generations of anchors the older one has the older cursor. */
	if (!cursor_is_old(session, target, &old, error))
		return FALSE;
	if (incremental && (old || !matches)) {
		*status_r = 508;
		/* Who wants nothing from us is sent nothing: it says all that it has, as in a
		 * refresh. */
		sync->keeps = sync->mode == SYNC_FROM_CLIENT;
		sync->mode = sync->keeps ? SYNC_REFRESH_FROM_CLIENT : SYNC_SLOW;
		sync->forced = TRUE;
	} else if (code == ALERT_RESUME) {
		*status_r = 508;
	}
	return TRUE;
}

static void set_anchors(const struct session *session, struct sync *sync,
			const struct pim_target *target, const char *next)
{
	guint64 former = 0;

	if (target->server_anchor != NULL)
		g_ascii_string_to_unsigned(target->server_anchor, 10, 0, G_MAXUINT64, &former,
					   NULL);
	sync->client_next = g_strdup(next);
	sync->server_last = g_strdup(target->server_anchor);
	/* A number that grows, also when the clock goes back. */
	sync->server_next =
		g_strdup_printf("%" G_GUINT64_FORMAT, MAX((guint64)session->now, former + 1));
}

/* --- filters --------------------------------------------------------------------------------- */

#define DAY 86400

static void set_range(const struct session *session, struct sync *sync,
		      const struct database_uri *uri)
{
	gint64 today = session->now - session->now % DAY;

	if (uri->days_past != G_MININT)
		sync->since = today - (gint64)uri->days_past * DAY;
	if (uri->days_future != G_MININT)
		sync->before = today + (gint64)(uri->days_future + 1) * DAY;
}

/* 200, or what is wrong with it. */
static guint set_filter(struct sync *sync, const struct sml_filter *filter, const char *of_uri)
{
	g_autoptr(filter_t) parsed = NULL;
	const char *query = of_uri;

	if (filter != NULL && filter->filter_type != NULL) {
		sync->filter_inclusive = strcmp(filter->filter_type, "INCLUSIVE") == 0;
		if (!sync->filter_inclusive && strcmp(filter->filter_type, "EXCLUSIVE") != 0)
			return 406;
	}
	if (filter != NULL && filter->fields != NULL && filter->fields->len > 0 &&
	    strlen(filter->field_text) <= LIMIT_FILTER_QUERY)
		sync->fields = g_strdup(filter->field_text);
	if (filter != NULL && filter->record != NULL) {
		if (filter->record_type != NULL &&
		    g_ascii_strcasecmp(filter->record_type, "syncml:filtertype-cgi") != 0)
			return 421;
		query = filter->record;
	}
	if (query == NULL || *query == '\0')
		return 200;
	parsed = filter_parse(query, NULL);
	if (parsed == NULL)
		return 422;
	/* As it came: escapes make the canonical form longer than one may be. */
	sync->filter = g_strdup(query);
	return 200;
}

/* --- one database --------------------------------------------------------- */

static void drop_sync(struct session *session, const char *name)
{
	for (guint i = 0; i < session->syncs->len; i++) {
		if (strcmp(((struct sync *)session->syncs->pdata[i])->name, name) == 0) {
			g_ptr_array_remove_index(session->syncs, i);
			return;
		}
	}
}

static struct sync *add_sync(struct session *session, const struct database_uri *uri,
			     const char *server_uri, const struct sml_item *item)
{
	struct sync *sync = sync_new();

	drop_sync(session, uri->name);
	sync->name = g_strdup(uri->name);
	sync->client_uri = g_strdup(item->source == NULL ? server_uri : item->source);
	sync->server_uri = g_strdup(server_uri);
	sync->collection = uri->collection;
	sync->components = uri->components;
	if (item->meta.max_obj_size > 0)
		sync->max_obj_size = item->meta.max_obj_size;
	set_range(session, sync, uri);
	g_ptr_array_add(session->syncs, sync);
	return sync;
}

static gboolean alert_database(struct session *session, const struct sml_command *command,
			       const struct sml_item *item, const char *server_uri,
			       const struct database_uri *uri, GError **error)
{
	struct pim_target target;
	struct status *status;
	struct sync *sync;
	guint code, filter_code;

	if (!pim_txn_target(session->txn, session->device->peer, uri->name, uri->collection,
			    uri->components, &target, error))
		return FALSE;
	sync = add_sync(session, uri, server_uri, item);
	sync->target = target.id;
	device_set_uri(session->device, uri->name, server_uri);
	filter_code = set_filter(sync, item->filter, uri->filter);
	if (!decide(session, sync, &target, command->code, item->meta.anchor_last, &code, error))
		return FALSE;
	set_anchors(session, sync, &target, item->meta.anchor_next);
	if (!sync_mark_set(session, sync, SYNC_BEGUN, &target, error))
		return FALSE;
	/* Pieces of a session that was cut off are of no use unless it goes on. */
	if (!sync->resumed && !pim_txn_drop_chunk(session->txn, sync->target, error))
		return FALSE;
	if (!sync->resumed && sync->mode != SYNC_TWO_WAY && sync->mode != SYNC_FROM_CLIENT &&
	    sync->mode != SYNC_FROM_SERVER && !engine_forget(session, sync, error))
		return FALSE;
	if (filter_code != 200)
		sync->failed = code = filter_code;
	status = session_item_status(session, command, item, code);
	if (status != NULL)
		status->anchor = g_strdup(item->meta.anchor_next);
	return TRUE;
}

static gboolean alert_item(struct session *session, const struct sml_command *command,
			   const struct sml_item *item, GError **error)
{
	/* One phone leaves the Target out. */
	const char *server_uri = item->target != NULL ? item->target : item->source;
	struct database_uri uri;
	gboolean ok = TRUE;

	if (server_uri == NULL) {
		session_item_status(session, command, item, 400);
		return TRUE;
	}
	database_uri_parse(server_uri, session->service->settings->service_path, &uri);
	if (session->device->rules.merge_tasks_into_calendar)
		database_uri_with_tasks(&uri);
	if (!uri.known)
		session_item_status(session, command, item, 404);
	else if (command->code == ALERT_RESUME && session->version != SML_1_2)
		session_item_status(session, command, item, 406);
	else
		ok = alert_database(session, command, item, server_uri, &uri, error);
	database_uri_clear(&uri);
	return ok;
}

static gboolean alert_sync(struct session *session, const struct sml_command *command,
			   GError **error)
{
	/* The phone begins anew in the same session. */
	if (session->phase == SESSION_DONE || session->phase == SESSION_MAP) {
		g_ptr_array_set_size(session->syncs, 0);
		session->phase = SESSION_INIT;
		session->final_sent = FALSE;
	}
	if (session->phase != SESSION_INIT || command->items->len == 0) {
		session_status_items(session, command, session->phase != SESSION_INIT ? 403 : 400);
		return TRUE;
	}
	for (guint i = 0; i < command->items->len; i++) {
		if (!alert_item(session, command, command->items->pdata[i], error))
			return FALSE;
	}
	return TRUE;
}

gboolean cmd_alert(struct session *session, const struct sml_command *command, GError **error)
{
	if (mode_of(command->code) != 0 || command->code == ALERT_RESUME)
		return alert_sync(session, command, error);
	switch (command->code) {
	case ALERT_DISPLAY:
	case ALERT_RESULT:
	case ALERT_NEXT_MESSAGE:
	case ALERT_NO_END_OF_DATA:
		session_status(session, command, 200);
		return TRUE;
	case ALERT_SUSPEND:
		session->suspended = TRUE;
		session_status(session, command, 200);
		return TRUE;
	default:
		session_status(session, command, command->code == 0 ? 400 : 406);
		return TRUE;
	}
}
