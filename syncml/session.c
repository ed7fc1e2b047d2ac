/* A message: its commands in their order, then what the packages are at. */
#include "session.h"

#include <string.h>

#include "answer.h"
#include "database-uri.h"

struct sync *session_find_sync(const struct session *session, const char *server_uri,
			       const char *client_uri)
{
	const char *path = session->service->settings->service_path;

	for (guint i = 0; i < session->syncs->len; i++) {
		struct sync *sync = session->syncs->pdata[i];

		/* Some phones leave one of the two out. */
		if (server_uri != NULL
			    ? database_uri_equal(sync->server_uri, server_uri, path)
			    : client_uri != NULL && strcmp(sync->client_uri, client_uri) == 0)
			return sync;
	}
	return NULL;
}

/* In this session the phone wants these properties and no others. */
static void limit_fields(const struct session *session, const struct sync *sync)
{
	g_autoptr(GPtrArray) fields = NULL;

	if (sync->fields == NULL)
		return;
	fields = devinf_parse_properties(sync->fields, strlen(sync->fields), NULL);
	if (fields != NULL)
		content_set_fields(sync->content, session->device, fields, sync->components);
}

const struct content *sync_content(const struct session *session, struct sync *sync)
{
	if (sync->content == NULL) {
		sync->content = g_new(struct content, 1);
		content_init(sync->content, session->device, sync->client_uri, sync->collection,
			     sync->components, session->service->settings->zone);
		sync->content->style.now = session->now;
		limit_fields(session, sync);
	}
	return sync->content;
}

gboolean sync_sends(const struct sync *sync)
{
	return sync->failed == 0 &&
	       (sync->mode == SYNC_TWO_WAY || sync->mode == SYNC_SLOW ||
		sync->mode == SYNC_FROM_SERVER || sync->mode == SYNC_REFRESH_FROM_SERVER);
}

gboolean sync_receives(const struct sync *sync)
{
	return sync->mode != SYNC_FROM_SERVER && sync->mode != SYNC_REFRESH_FROM_SERVER;
}

/* --- statuses -------------------------------------------------------------------------- */

struct status *session_status(struct session *session, const struct sml_command *command,
			      guint code)
{
	struct status *status;

	session->refused += code >= 300;
	if (command->no_resp || session->message->no_resp)
		return NULL;
	status = g_new0(struct status, 1);
	status->msg = session->message->msg_id;
	status->cmd = command->cmd_id;
	status->name = g_strdup(sml_command_name(command->kind));
	status->code = code;
	g_ptr_array_add(session->statuses, status);
	return status;
}

struct status *session_item_status(struct session *session, const struct sml_command *command,
				   const struct sml_item *item, guint code)
{
	struct status *status = session_status(session, command, code);

	if (status != NULL) {
		status->target_ref = g_strdup(item->target);
		status->source_ref = g_strdup(item->source);
	}
	return status;
}

void session_status_items(struct session *session, const struct sml_command *command, guint code)
{
	if (command->items->len == 0 ||
	    (session->device != NULL && session->device->rules.one_status_per_command)) {
		session_status(session, command, code);
		return;
	}
	for (guint i = 0; i < command->items->len; i++)
		session_item_status(session, command, command->items->pdata[i], code);
}

/* --- commands ----------------------------------------------------------------------------- */

/* Search, Exec: a status is all they get (section 16 of what we implement: 501). */
static gboolean cmd_unsupported(struct session *session, const struct sml_command *command,
				GError **error)
{
	(void)error;
	session_status(session, command, command->correlator == NULL ? 501 : 406);
	return TRUE;
}

/* Outside of a Sync nothing can be changed. */
static gboolean cmd_outside(struct session *session, const struct sml_command *command,
			    GError **error)
{
	(void)error;
	session_status_items(session, command, 405);
	return TRUE;
}

static gboolean cmd_container(struct session *session, const struct sml_command *command,
			      GError **error)
{
	return cmd_change(session, NULL, command, NULL, error);
}

typedef gboolean cmd_function(struct session *session, const struct sml_command *command,
			      GError **error);
static cmd_function *const functions[] = {
	[SML_CMD_ADD] = cmd_outside,
	[SML_CMD_ALERT] = cmd_alert,
	[SML_CMD_ATOMIC] = cmd_container,
	[SML_CMD_COPY] = cmd_outside,
	[SML_CMD_DELETE] = cmd_outside,
	[SML_CMD_EXEC] = cmd_unsupported,
	[SML_CMD_GET] = cmd_get,
	[SML_CMD_MAP] = cmd_map,
	[SML_CMD_MOVE] = cmd_outside,
	[SML_CMD_PUT] = cmd_put,
	[SML_CMD_REPLACE] = cmd_outside,
	[SML_CMD_RESULTS] = cmd_results,
	[SML_CMD_SEARCH] = cmd_unsupported,
	[SML_CMD_SEQUENCE] = cmd_container,
	[SML_CMD_STATUS] = cmd_status,
	[SML_CMD_SYNC] = cmd_sync,
};

gboolean session_command(struct session *session, const struct sml_command *command, GError **error)
{
	return functions[command->kind](session, command, error);
}

static gboolean run_commands(struct session *session, GError **error)
{
	const GPtrArray *commands = session->message->commands;

	for (guint i = 0; i < commands->len; i++) {
		if (!session_command(session, commands->pdata[i], error))
			return FALSE;
	}
	return TRUE;
}

/* --- packages ------------------------------------------------------------------------------- */

static gboolean any_seen(const struct session *session)
{
	for (guint i = 0; i < session->syncs->len; i++) {
		if (((struct sync *)session->syncs->pdata[i])->seen)
			return TRUE;
	}
	return FALSE;
}

/* Our changes go out as they are now: what happens meanwhile goes the next time. */
static gboolean begin_server(struct session *session, GError **error)
{
	for (guint i = 0; i < session->syncs->len; i++) {
		struct sync *sync = session->syncs->pdata[i];
		struct pim_heads heads;

		if (!session_drop_cut(session, sync, error) ||
		    !engine_client_done(session, sync, error) ||
		    !pim_txn_heads(session->txn, sync->collection, &heads, error))
			return FALSE;
		sync->snapshot = heads.head;
		sync->sent = !sync_sends(sync);
	}
	session->phase = SESSION_SERVER;
	session->final_sent = FALSE;
	return TRUE;
}

static gboolean commit_all(struct session *session, GError **error)
{
	for (guint i = 0; i < session->syncs->len; i++) {
		struct sync *sync = session->syncs->pdata[i];

		if (sync->failed == 0 && sync->seen && !engine_commit(session, sync, error))
			return FALSE;
	}
	session->phase = SESSION_DONE;
	return TRUE;
}

/* A phone that was to go on with a package and says nothing of it, three times in a row, has
 * said all (some do not send the empty Sync of a resumed one). */
#define IDLE_ROUNDS 3

static gboolean is_idle(const struct session *session)
{
	const GPtrArray *commands = session->message->commands;

	for (guint i = 0; i < commands->len; i++) {
		const struct sml_command *command = commands->pdata[i];

		if (command->kind != SML_CMD_STATUS &&
		    !(command->kind == SML_CMD_ALERT && command->code == 222))
			return FALSE;
	}
	return TRUE;
}

static gboolean package_ends(struct session *session)
{
	if (session->message->final) {
		session->idle_rounds = 0;
		return TRUE;
	}
	session->idle_rounds = is_idle(session) ? session->idle_rounds + 1 : 0;
	return session->phase == SESSION_CLIENT && session->idle_rounds >= IDLE_ROUNDS &&
	       session->final_sent;
}

static gboolean advance(struct session *session, GError **error)
{
	if (session->suspended) {
		session->phase = SESSION_DONE;
		return TRUE;
	}
	if (!package_ends(session))
		return TRUE;
	switch (session->phase) {
	case SESSION_INIT:
		session->get_devinf = session->device->said == NULL;
		/* Without initialisation #1 is #3, too. */
		if (any_seen(session))
			return begin_server(session, error);
		session->phase = SESSION_CLIENT;
		session->final_sent = FALSE;
		return TRUE;
	case SESSION_CLIENT:
		/* A message with which the phone asks for the rest of #2. */
		return !session->final_sent || begin_server(session, error);
	case SESSION_SERVER:
		return TRUE;
	case SESSION_MAP:
		return commit_all(session, error);
	case SESSION_DONE:
		return TRUE;
	}
	return TRUE;
}

gboolean session_run(struct session *session, GError **error)
{
	if (session->authenticated)
		cmd_put_early(session);
	return run_commands(session, error) && advance(session, error);
}

/* --- the answer ------------------------------------------------------------------------------ */

static gboolean add_alert(struct answer *answer, struct sync *sync)
{
	struct sml_command *alert = sml_command_new(answer->message, SML_CMD_ALERT);
	struct sml_item *item = sml_item_new(answer->message, alert);

	alert->code = sync->mode;
	item->target = sync->client_uri;
	item->source = sync->server_uri;
	item->meta.anchor_last = sync->server_last;
	item->meta.anchor_next = sync->server_next;
	if (answer->session->version != SML_1_0)
		item->meta.max_obj_size = answer->session->service->settings->max_obj_size;
	return answer_add(answer, alert, FALSE);
}

static void add_alerts(struct answer *answer)
{
	GPtrArray *syncs = answer->session->syncs;

	for (guint i = 0; i < syncs->len && !answer->full; i++) {
		struct sync *sync = syncs->pdata[i];

		if (!sync->alerted && sync->failed == 0)
			sync->alerted = add_alert(answer, sync);
	}
}

static gboolean all_alerted(const struct session *session)
{
	for (guint i = 0; i < session->syncs->len; i++) {
		const struct sync *sync = session->syncs->pdata[i];

		if (!sync->alerted && sync->failed == 0)
			return FALSE;
	}
	return TRUE;
}

static gboolean add_changes(struct answer *answer, GError **error)
{
	GPtrArray *syncs = answer->session->syncs;

	for (guint i = 0; i < syncs->len && !answer->full; i++) {
		struct sync *sync = syncs->pdata[i];

		if (sync->sent || !sync_sends(sync))
			continue;
		if (!engine_send(answer->session, sync, answer, &sync->sent, error))
			return FALSE;
		if (!sync->sent)
			break;
	}
	return TRUE;
}

static gboolean all_sent(const struct session *session)
{
	for (guint i = 0; i < session->syncs->len; i++) {
		const struct sync *sync = session->syncs->pdata[i];

		if (!sync->sent && sync_sends(sync))
			return FALSE;
	}
	return TRUE;
}

static gboolean sent_nothing(const struct session *session)
{
	for (guint i = 0; i < session->syncs->len; i++) {
		const struct sync *sync = session->syncs->pdata[i];

		if (sync->out_added + sync->out_replaced + sync->out_deleted > 0)
			return FALSE;
	}
	return TRUE;
}

gboolean session_is_over(const struct session *session)
{
	return session->phase == SESSION_DONE ||
	       (session->phase == SESSION_MAP && sent_nothing(session));
}

/* After the last of #4. Where nothing was sent there is nothing that the phone could yet
 * refuse, and some phones do not say anything any more. */
static gboolean end_server(struct session *session, GError **error)
{
	session->final_sent = TRUE;
	session->phase = SESSION_MAP;
	if (!sent_nothing(session))
		return TRUE;
	for (guint i = 0; i < session->syncs->len; i++) {
		struct sync *sync = session->syncs->pdata[i];

		if (sync->failed == 0 && sync->seen && !engine_commit(session, sync, error))
			return FALSE;
	}
	return TRUE;
}

/* Of an object whose end did not come. */
static struct sml_command *no_end(struct answer *answer, const struct cut_object *object)
{
	struct sml_command *alert = sml_command_new(answer->message, SML_CMD_ALERT);
	struct sml_item *item = sml_item_new(answer->message, alert);

	alert->code = 223;
	item->source = object->luid;
	item->target = object->sync->server_uri;
	return alert;
}

static void reserve_cut(struct answer *answer)
{
	GPtrArray *cut = answer->session->cut;

	for (guint i = 0; i < cut->len; i++)
		answer_reserve(answer, no_end(answer, cut->pdata[i]));
}

static void add_cut(struct answer *answer)
{
	GPtrArray *cut = answer->session->cut;

	answer->reserved = 0;
	for (guint i = 0; i < cut->len; i++)
		answer_add(answer, no_end(answer, cut->pdata[i]), TRUE);
}

static gboolean add_package(struct answer *answer, gboolean *final_r, GError **error)
{
	struct session *session = answer->session;

	*final_r = FALSE;
	add_cut(answer);
	answer_devinf(answer);
	add_alerts(answer);
	switch (session->phase) {
	case SESSION_INIT:
		return TRUE;
	case SESSION_CLIENT:
		if (!session->final_sent && !answer->full && session->statuses->len == 0 &&
		    all_alerted(session) && !session->results_wanted)
			*final_r = session->final_sent = TRUE;
		return TRUE;
	case SESSION_SERVER:
		if (!answer->full && !add_changes(answer, error))
			return FALSE;
		if (!answer->full && session->statuses->len == 0 && all_sent(session)) {
			*final_r = TRUE;
			return end_server(session, error);
		}
		return TRUE;
	case SESSION_MAP:
	case SESSION_DONE:
		*final_r = session->statuses->len == 0;
		return TRUE;
	}
	return TRUE;
}

gboolean session_answer(struct session *session, GBytes **body_r, GError **error)
{
	struct answer answer;
	gboolean final = FALSE, ok = TRUE;

	answer_begin(&answer, session);
	reserve_cut(&answer);
	answer_statuses(&answer);
	if (session->authenticated && !session->suspended)
		ok = add_package(&answer, &final, error);
	if (session->busy) {
		*body_r = answer_end(&answer, FALSE);
		return TRUE;
	}
	if (session->suspended || !session->authenticated)
		final = TRUE;
	if (ok && !final && !session->message->final && answer.commands == 0)
		answer_ask(&answer);
	*body_r = answer_end(&answer, final);
	if (!ok)
		g_clear_pointer(body_r, g_bytes_unref);
	return ok;
}
