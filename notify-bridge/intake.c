#include "intake-private.h"
#include "limits.h"
#include "peer-rule.h"
#include "router.h"
#include "store.h"
#include "webhook-device.h"

#include <string.h>

/* Warnings about peers: so many a minute. */
#define WARNINGS_RATE 6
#define WARNINGS_BURST 10

/* What a connection is in the middle of. */
struct session {
	struct batch *batch; /* its EVENT lines are being read */
	char *id;
};

/* A batch that waits for the disk. */
struct waiting {
	struct intake *intake; /* the batch refers to it */
	struct line_peer *peer;
	char *id;
};

/* --- common -------------------------------------------------------------- */

struct intake *intake_ref(struct intake *intake)
{
	intake->refs++;
	return intake;
}

void intake_unref(struct intake *intake)
{
	if (--intake->refs > 0)
		return;
	gateway_context_unref(intake->context);
	g_ptr_array_unref(intake->hooks);
	pace_free(&intake->registrations);
	pace_free(&intake->changes);
	presence_free(&intake->presence);
	g_free(intake);
}

struct intake *intake_begin(struct intake *intake)
{
	intake->pending++;
	return intake_ref(intake);
}

void intake_end(struct intake *intake)
{
	intake->pending--;
	intake_unref(intake);
}

gboolean intake_may_warn(struct intake *intake)
{
	return bucket_take(&intake->warnings, WARNINGS_RATE, WARNINGS_BURST, g_get_real_time()) ==
	       0;
}

const char *intake_store_code(const GError *error)
{
	if (g_error_matches(error, STORE_ERROR, STORE_ERROR_BUSY))
		return "busy";
	if (g_error_matches(error, STORE_ERROR, STORE_ERROR_LIMIT))
		return "limit";
	if (g_error_matches(error, STORE_ERROR, STORE_ERROR_NOT_FOUND))
		return "notfound";
	if (g_error_matches(error, STORE_ERROR, STORE_ERROR_REFUSED))
		return "refused";
	if (g_error_matches(error, STORE_ERROR, STORE_ERROR_TOKEN))
		return "token";
	/* Also what else SQLite says: to a client that is a disk that failed. */
	return "full";
}

void intake_ok(struct line_peer *peer, const char *id, const char *key, const char *value,
	       const char *key2, const char *value2)
{
	struct tabline_buf buf;

	tabline_buf_init(&buf, LIMIT_LINE);
	tabline_word(&buf, "OK");
	tabline_word(&buf, id);
	tabline_field(&buf, key, value);
	tabline_field(&buf, key2, value2);
	if (tabline_end(&buf))
		line_peer_write(peer, &buf);
	tabline_buf_free(&buf);
}

/* --- batches ------------------------------------------------------------- */

static void batch_answer(const char *code, const char *text, guint queued, gpointer data)
{
	struct waiting *waiting = data;

	if (code != NULL) {
		if (strcmp(code, "denied") == 0 && intake_may_warn(waiting->intake))
			g_warning("refused events: %s", text);
		line_peer_no(waiting->peer, waiting->id, code, text);
	} else {
		char digits[16];

		g_snprintf(digits, sizeof(digits), "%u", queued);
		intake_ok(waiting->peer, waiting->id, "queued", digits, NULL, NULL);
	}
	line_peer_unref(waiting->peer);
	g_free(waiting->id);
	g_free(waiting);
}

static void session_drop_batch(struct session *session)
{
	batch_free(session->batch);
	session->batch = NULL;
	g_clear_pointer(&session->id, g_free);
}

static gboolean bad(struct intake *intake, struct line_peer *peer, const char *id, const char *text)
{
	if (intake_may_warn(intake))
		g_warning("uid %u sent a malformed request on the mail socket: %s",
			  (guint)line_peer_uid(peer), text);
	line_peer_no(peer, id, "bad", text);
	return FALSE;
}

static gboolean handle_event(struct intake *intake, struct line_peer *peer, struct session *session,
			     const struct tabline_field *fields, gsize count)
{
	const char *error = NULL;
	struct waiting *waiting;
	struct batch *batch;

	if (!batch_add(session->batch, fields, count, &error)) {
		bad(intake, peer, session->id, error);
		metrics_batch(intake->metrics, "socket", "bad");
		session_drop_batch(session);
		return FALSE;
	}
	if (batch_missing(session->batch) > 0)
		return TRUE;
	waiting = g_new0(struct waiting, 1);
	waiting->intake = intake;
	waiting->peer = line_peer_ref(peer);
	waiting->id = g_steal_pointer(&session->id);
	batch = g_steal_pointer(&session->batch);
	batch_put(batch, batch_answer, waiting);
	return TRUE;
}

static gboolean begin_batch(struct intake *intake, struct line_peer *peer, struct session *session,
			    const char *id, const struct tabline_field *fields, gsize count)
{
	const char *error = NULL;

	session->batch = batch_new(intake, fields, count, line_peer_uid(peer), "socket", &error);
	if (session->batch == NULL) {
		metrics_batch(intake->metrics, "socket", "bad");
		return bad(intake, peer, id, error);
	}
	session->id = g_strdup(id);
	return TRUE;
}

struct spooled {
	intake_batch_done done;
	gpointer data;
};

static void spooled_answer(const char *code, const char *text, guint queued, gpointer data)
{
	struct spooled *spooled = data;
	enum intake_verdict verdict = INTAKE_OK;

	if (code != NULL)
		verdict = strcmp(code, "denied") == 0 ? INTAKE_DENIED : INTAKE_LATER;
	spooled->done(verdict, text, queued, spooled->data);
	g_free(spooled);
}

/* The batch of those lines, complete; NULL if they are not one. */
static struct batch *parse_batch(struct intake *intake, char *lines, gsize len, uid_t peer,
				 const char *source, const char **error_r)
{
	struct tabline_field fields[LIMIT_LINE_FIELDS];
	struct batch *batch = NULL;
	char *end = lines + len;

	while (lines < end) {
		char *lf = memchr(lines, '\n', (gsize)(end - lines));
		gsize line_len = (gsize)((lf != NULL ? lf : end) - lines);
		size_t count;
		enum tabline_result result;

		if (lf == NULL || line_len >= LIMIT_LINE) {
			*error_r = "a line has no end or is too long";
			break;
		}
		result = tabline_split(lines, line_len, fields, LIMIT_LINE_FIELDS, &count);
		if (result != TABLINE_OK) {
			*error_r = tabline_strerror(result);
			break;
		}
		if (batch == NULL) {
			if (fields[0].key != NULL || strcmp(fields[0].value, "BATCH") != 0) {
				*error_r = "does not begin with BATCH";
				break;
			}
			batch = batch_new(intake, fields, count, peer, source, error_r);
			if (batch == NULL)
				break;
		} else if (batch_missing(batch) == 0) {
			*error_r = "more events than BATCH said";
			break;
		} else if (!batch_add(batch, fields, count, error_r)) {
			break;
		}
		lines = lf + 1;
	}
	if (lines == end && batch != NULL && batch_missing(batch) == 0)
		return batch;
	if (lines == end)
		*error_r = "fewer events than BATCH said";
	batch_free(batch);
	return NULL;
}

void intake_batch(struct intake *intake, char *lines, gsize len, uid_t peer, const char *source,
		  intake_batch_done done, gpointer data)
{
	const char *error = NULL;
	struct batch *batch = parse_batch(intake, lines, len, peer, source, &error);
	struct spooled *spooled;

	if (batch == NULL) {
		metrics_batch(intake->metrics, source, "bad");
		done(INTAKE_BAD, error, 0, data);
		return;
	}
	spooled = g_new0(struct spooled, 1);
	spooled->done = done;
	spooled->data = data;
	batch_put(batch, spooled_answer, spooled);
}

/* --- other verbs --------------------------------------------------------- */

/* Of the user's devices only those that watch this mailbox and whose gateway is there. What
 * Push-IMAP's leave over, by their filters, is for the router to say. */
static void look_closer(const struct request *request, gboolean *any, gboolean *content)
{
	struct intake *intake = request->intake;
	const char *mailbox = request_get(request, "mailbox");
	g_autoptr(GPtrArray) devices = NULL;

	if (!*any || mailbox == NULL)
		return;
	*any = *content = FALSE;
	devices = intake->registry->backend->active(intake->registry, request->user);
	for (guint i = 0; devices != NULL && i < devices->len; i++) {
		const struct device *device = g_ptr_array_index(devices, i);
		const struct gateway *gateway = gateway_find(device->gateway);
		g_autofree char *lane = NULL;

		if (!router_watches(device, mailbox))
			continue;
		if (gateway != NULL)
			lane = gateway->lane(intake->context, device);
		if (lane == NULL && device_face(device->dialect) != FACE_PIMAP)
			continue;
		*any = TRUE;
		*content = *content || device_looks_at_content(device);
	}
}

static void handle_want(const struct request *request)
{
	struct intake *intake = request->intake;
	gboolean any = FALSE, content = FALSE;

	intake->registry->backend->want(intake->registry, request->user, &any, &content);
	look_closer(request, &any, &content);
	for (guint i = 0; i < intake->hooks->len && !content; i++) {
		const struct webhook_device *hook = g_ptr_array_index(intake->hooks, i);

		if ((hook->device->events & PUSH_EVENT_KINDS_MAIL) != 0 &&
		    webhook_device_concerns(hook, request->user)) {
			any = TRUE;
			content = hook->device->content;
		}
	}
	if (any)
		intake_wanted_filters(request);
	intake_ok(request->peer, request->id, "want",
		  content ? "content"
		  : any   ? "hint"
			  : "none",
		  NULL, NULL);
}

static const struct {
	const char *name;
	void (*handle)(const struct request *request);
} verbs[] = {
	{"WANT", handle_want},
	{"VAPID", intake_vapid},
	{"SUBSCRIBE", intake_subscribe},
	{"CONFIRM", intake_confirm},
	{"UNSUBSCRIBE", intake_unsubscribe},
	{"LIST", intake_list},
	{"PROFILE", intake_profile},
	{"PREFER", intake_prefer},
	{"PRESENT", intake_present},
	{"ATTACH", intake_attach},
	{"FILTERSET", intake_filterset},
	{"FILTERLIST", intake_filterlist},
	{"FILTERDROP", intake_filterdrop},
	{"REGISTER", intake_register},
};

static gboolean handle_request(struct request *request, const char *verb)
{
	struct intake *intake = request->intake;
	uid_t uid = line_peer_uid(request->peer);

	request->user = tabline_get(request->fields, request->count, "user");
	if (request->user == NULL || *request->user == '\0' || strlen(request->user) > LIMIT_USER)
		return bad(intake, request->peer, request->id, "user is missing or too long");
	for (guint i = 0; i < G_N_ELEMENTS(verbs); i++) {
		if (strcmp(verb, verbs[i].name) != 0)
			continue;
		switch (peer_may_speak_for(intake->context->config->mail_uids, uid,
					   request->user)) {
		case PEER_MAY:
			verbs[i].handle(request);
			break;
		case PEER_UNKNOWN:
			line_peer_no(request->peer, request->id, "busy", PEER_UNKNOWN_TEXT);
			break;
		case PEER_MAY_NOT:
			if (intake_may_warn(intake))
				g_warning("uid %u asked %s for user %s, whom it may not speak for",
					  (guint)uid, verb, request->user);
			line_peer_no(request->peer, request->id, "denied",
				     "this process may not speak for this user");
			break;
		}
		return TRUE;
	}
	return bad(intake, request->peer, request->id, "unknown verb");
}

static gboolean handle_line(struct line_peer *peer, const struct tabline_field *fields, gsize count,
			    gpointer data)
{
	struct intake *intake = data;
	struct session *session = line_peer_data(peer);
	struct request request = {.intake = intake, .peer = peer, .fields = fields, .count = count};
	guint64 id;

	if (session == NULL) {
		session = g_new0(struct session, 1);
		line_peer_set_data(peer, session);
	}
	if (session->batch != NULL) {
		/* Only its events may follow: batch_add refuses everything else. */
		return handle_event(intake, peer, session, fields, count);
	}
	if (count < 2 || fields[0].key != NULL || fields[1].key != NULL ||
	    !tabline_parse_u64(fields[1].value, &id))
		return bad(intake, peer, "0", "expected a verb and a number");
	request.id = fields[1].value;
	if (strcmp(fields[0].value, "BATCH") == 0)
		return begin_batch(intake, peer, session, request.id, fields, count);
	return handle_request(&request, fields[0].value);
}

static void peer_closed(struct line_peer *peer, gpointer data)
{
	struct session *session = line_peer_data(peer);

	if (session == NULL)
		return;
	line_peer_set_data(peer, NULL);
	session_drop_batch(session);
	g_free(session);
}

static gboolean peer_shared(uid_t uid, gpointer data)
{
	const struct intake *intake = data;

	return !peer_speaks_for_all(intake->context->config->mail_uids, uid);
}

static const struct line_server_handler handler = {
	.line = handle_line,
	.closed = peer_closed,
	.shared = peer_shared,
};

/* --- life ---------------------------------------------------------------- */

struct intake *intake_new(struct queue *queue, struct registry *registry,
			  struct dispatcher *dispatcher, struct gateway_context *context,
			  struct metrics *metrics)
{
	struct intake *intake = g_new0(struct intake, 1);

	intake->refs = 1;
	intake->queue = queue;
	intake->registry = registry;
	intake->dispatcher = dispatcher;
	intake->metrics = metrics;
	intake->context = gateway_context_ref(context);
	intake->hooks = webhook_devices_new(context, intake->registry);
	intake->registrations = pace_new(LIMIT_REGISTRATION_PACES);
	intake->changes = pace_new(LIMIT_REGISTRATION_PACES);
	intake->presence = presence_new();
	return intake;
}

gboolean intake_listen(struct intake *intake, int fd, GError **error)
{
	const struct config *config = intake->context->config;
	struct line_server_settings settings = {
		.path = config->socket,
		.mode = config->socket_mode,
		.fd = fd,
		.max_connections = LIMIT_INTAKE_CONNECTIONS,
		.max_per_uid = LIMIT_INTAKE_CONNECTIONS_PER_UID,
		.idle_secs = LIMIT_INTAKE_IDLE_SECS,
	};

	intake->server = line_server_new(&settings, &handler, intake, error);
	return intake->server != NULL;
}

void intake_set_context(struct intake *intake, struct gateway_context *context)
{
	gateway_context_ref(context);
	gateway_context_unref(intake->context);
	intake->context = context;
	g_ptr_array_unref(intake->hooks);
	intake->hooks = webhook_devices_new(context, intake->registry);
}

guint intake_connections(const struct intake *intake)
{
	return intake->server != NULL ? line_server_connections(intake->server) : 0;
}

guint intake_pending(const struct intake *intake)
{
	return intake->pending;
}

void intake_stop(struct intake *intake)
{
	if (intake->server != NULL)
		line_server_stop_accepting(intake->server);
}

void intake_free(struct intake **intake_p)
{
	struct intake *intake = *intake_p;

	if (intake == NULL)
		return;
	*intake_p = NULL;
	intake->closed = TRUE;
	line_server_free(&intake->server);
	intake_unref(intake);
}
