#include "alert-send.h"

#include <string.h>

#include <openssl/rand.h>

#include "bridge-client.h"
#include "device.h"
#include "limits.h"
#include "push-event.h"
#include "san.h"

/* The bridge commits to its disk before it answers. */
#define BRIDGE_MSECS 5000
/* After the bridge was away. */
#define RETRY_SECS 30
/* A device that is in a session is looked at again. */
#define BUSY_SECS 15

/* One device that is due, or was asked for. */
struct due {
	struct alert_told *told; /* in send->told */
	gint64 peer;
	char *id;
	GArray *alerts; /* struct pim_alert */
	GArray *syncs;  /* struct san_sync; their names are in `names` */
	GPtrArray *names;
	guint16 session;
	GBytes *package; /* NULL: it is not alerted */
	const char *type;
};

static void due_free(gpointer data)
{
	struct due *due = data;

	g_free(due->id);
	g_array_unref(due->alerts);
	g_array_unref(due->syncs);
	g_ptr_array_unref(due->names);
	g_clear_pointer(&due->package, g_bytes_unref);
	g_free(due);
}

void alert_told_free(gpointer data)
{
	struct alert_told *told = data;

	g_free(told->device);
	g_free(told->databases);
	g_free(told->why);
	g_free(told);
}

static struct due *due_new(gint64 peer, const char *id)
{
	struct due *due = g_new0(struct due, 1);

	due->peer = peer;
	due->id = g_strdup(id);
	due->alerts = g_array_new(FALSE, FALSE, sizeof(struct pim_alert));
	due->syncs = g_array_new(FALSE, FALSE, sizeof(struct san_sync));
	due->names = g_ptr_array_new_with_free_func(g_free);
	return due;
}

static void come_again(struct alert_send *send, gint64 when)
{
	if (send->next == 0 || when < send->next)
		send->next = when;
}

/* --- what is noted --------------------------------------------------------------------- */

static gboolean add_peer(const struct pim_peer *peer, gpointer data)
{
	g_ptr_array_add(data, due_new(peer->id, peer->device));
	return TRUE;
}

static gboolean add_alert(const struct pim_alert *alert, gpointer data)
{
	const GPtrArray *devices = data;

	for (guint i = 0; i < devices->len; i++) {
		struct due *due = devices->pdata[i];

		if (due->peer == alert->peer)
			g_array_append_val(due->alerts, *alert);
	}
	return TRUE;
}

/* All devices of the user, with what is noted of each. NULL: an error. */
static GPtrArray *devices_of(struct pim_txn *txn, GError **error)
{
	g_autoptr(GPtrArray) devices = g_ptr_array_new_with_free_func(due_free);

	if (!pim_txn_peers(txn, add_peer, devices, error) ||
	    !pim_txn_alerts(txn, add_alert, devices, error))
		return NULL;
	return g_steal_pointer(&devices);
}

/* Notes that are of no use any more go, also from the array. */
static gboolean drop_answered(struct pim_txn *txn, struct due *due, gboolean all, GError **error)
{
	for (guint i = 0; i < due->alerts->len;) {
		const struct pim_alert *alert = &g_array_index(due->alerts, struct pim_alert, i);

		if (!all && !alert->answered) {
			i++;
			continue;
		}
		if (!pim_txn_drop_alert(txn, alert, error))
			return FALSE;
		g_array_remove_index(due->alerts, i);
	}
	return TRUE;
}

/* --- packages ----------------------------------------------------------------------------- */

struct adding {
	struct due *due;
	const struct device *device;
	gboolean all;
	GString *databases;
	guint said; /* collections */
};

static gboolean is_noted(const struct due *due, enum pim_collection collection)
{
	for (guint i = 0; i < due->alerts->len; i++) {
		if (g_array_index(due->alerts, struct pim_alert, i).collection == collection)
			return TRUE;
	}
	return FALSE;
}

static gboolean add_database(const struct pim_target *target, gpointer data)
{
	struct adding *adding = data;
	struct due *due = adding->due;
	struct san_sync sync = {.code = 206};

	/* Of one that it never came to the end of nobody knows whether it is one of its. */
	if (target->last_sync == 0 || (!adding->all && !is_noted(due, target->collection)) ||
	    due->syncs->len == SAN_SYNCS_MAX)
		return TRUE;
	g_ptr_array_add(due->names, g_strdup(device_uri(adding->device, target->name)));
	sync.uri = due->names->pdata[due->names->len - 1];
	g_array_append_val(due->syncs, sync);
	/* What is in it, not what the device calls it: several may be of one collection. */
	if (!(adding->said & (1u << target->collection)))
		g_string_append_printf(adding->databases, "%s%s", adding->said != 0 ? " " : "",
				       pim_collection_name(target->collection));
	adding->said |= 1u << target->collection;
	return TRUE;
}

static guint16 new_session(void)
{
	guint16 session = 0;

	/* 0 would be none. */
	while (session == 0) {
		if (RAND_bytes((guint8 *)&session, sizeof(session)) != 1)
			g_error("no random numbers");
	}
	return session;
}

static void make_package(const struct sml_service *service, struct due *due,
			 const struct device *device)
{
	const char *server_id = service->settings->server_id;
	const struct san san = {
		.version = SML_1_2,
		.ui_mode = SAN_UI_BACKGROUND,
		.by_server = TRUE,
		.session = due->session,
		.server_id = server_id,
		.syncs = (const struct san_sync *)(const void *)due->syncs->data,
		.syncs_len = due->syncs->len,
		/* Of another name it would be another's. */
		.secret = g_strcmp0(device->notify_server, server_id) == 0 ? device->notify_secret
									   : NULL,
		.device = due->id,
		.server = device->server != NULL ? device->server : server_id,
	};

	if (device->version == SML_1_2) {
		due->package = san_notification(&san);
		due->type = PUSH_EVENT_PACKAGE_SAN;
	} else {
		due->package = san_message(&san, device->version, device->encoding);
		due->type = device->encoding == SML_WBXML ? PUSH_EVENT_PACKAGE_WBXML
							  : PUSH_EVENT_PACKAGE_XML;
	}
}

static void is_not_told(struct due *due, const char *why)
{
	g_free(due->told->why);
	due->told->why = g_strdup(why);
}

static gboolean save_alerts(struct pim_txn *txn, const struct due *due, GError **error)
{
	for (guint i = 0; i < due->alerts->len; i++) {
		if (!pim_txn_set_alert(txn, &g_array_index(due->alerts, struct pim_alert, i),
				       error))
			return FALSE;
	}
	return TRUE;
}

/* Before it is sent: after a crash it is sent with the same one. */
static gboolean set_session(struct pim_txn *txn, const struct alert_send *send, struct due *due,
			    GError **error)
{
	struct pim_alert *alerts = (struct pim_alert *)(void *)due->alerts->data;

	due->session = send->force ? 0 : alert_plan_session(alerts, due->alerts->len);
	if (due->session != 0)
		return TRUE;
	due->session = new_session();
	for (guint i = 0; i < due->alerts->len && !send->force; i++) {
		if (alerts[i].tries == 0)
			alerts[i].session = due->session;
	}
	return send->force || save_alerts(txn, due, error);
}

/* Nothing is written but the session id, and what is of no use any more. */
static gboolean prepare(const struct sml_service *service, struct pim_txn *txn,
			struct alert_send *send, struct due *due, GError **error)
{
	g_autoptr(device_t) device =
		device_load(txn, service->rules, due->id, NULL, send->now, error);
	struct adding adding = {.due = due, .device = device, .all = send->force};
	g_autoptr(GString) databases = g_string_new(NULL);

	if (device == NULL)
		return FALSE;
	due->told = g_new0(struct alert_told, 1);
	due->told->device = g_strdup(due->id);
	g_ptr_array_add(send->told, due->told);
	if (device->rules.no_alerts) {
		is_not_told(due, "a rule says that it takes no alerts");
		return drop_answered(txn, due, TRUE, error);
	}
	adding.databases = databases;
	if (!pim_txn_targets(txn, due->peer, add_database, &adding, error))
		return FALSE;
	due->told->databases = g_strdup(databases->str);
	if (due->syncs->len == 0) {
		is_not_told(due, "it has never synchronised anything to the end");
		return drop_answered(txn, due, TRUE, error);
	}
	if (!set_session(txn, send, due, error))
		return FALSE;
	make_package(service, due, device);
	if (due->package != NULL)
		return TRUE;
	is_not_told(due, "a name is too long for a notification");
	return drop_answered(txn, due, TRUE, error);
}

/* Is it to be alerted now? */
static gboolean is_due(struct alert_send *send, const struct due *due)
{
	gint64 when;

	if (send->force)
		return send->device == NULL || strcmp(send->device, due->id) == 0;
	if (due->alerts->len == 0)
		return FALSE;
	when = alert_plan_due(send->schedule,
			      (const struct pim_alert *)(const void *)due->alerts->data,
			      due->alerts->len);
	if (when <= send->now)
		return TRUE;
	come_again(send, when);
	return FALSE;
}

static gboolean is_busy(struct alert_send *send, const struct due *due)
{
	return send->busy != NULL && g_strv_contains(send->busy, due->id);
}

static gboolean prepare_all(const struct sml_service *service, struct pim_txn *txn,
			    struct alert_send *send, GPtrArray *devices, GError **error)
{
	for (guint i = 0; i < devices->len; i++) {
		struct due *due = devices->pdata[i];

		if (!drop_answered(txn, due, FALSE, error))
			return FALSE;
		if (!is_due(send, due))
			continue;
		/* It hears of changes by itself, those of other sessions a little later. */
		if (is_busy(send, due) && !send->force) {
			come_again(send, send->now + BUSY_SECS);
			continue;
		}
		if (!prepare(service, txn, send, due, error))
			return FALSE;
		if (is_busy(send, due) && due->package != NULL) {
			g_clear_pointer(&due->package, g_bytes_unref);
			is_not_told(due, "it is synchronising right now");
		}
	}
	return TRUE;
}

/* --- the bridge ----------------------------------------------------------------------------- */

static char *new_batch_id(void)
{
	guint8 random[LIMIT_BATCH_ID / 2];
	GString *id = g_string_new(NULL);

	if (RAND_bytes(random, sizeof(random)) != 1)
		g_error("no random numbers");
	for (guint i = 0; i < sizeof(random); i++)
		g_string_append_printf(id, "%02x", random[i]);
	return g_string_free(id, FALSE);
}

static gboolean write_batch(const struct alert_send *send, const struct due *due, guint64 id,
			    struct tabline_buf *lines)
{
	static gint sequence;
	gsize len;
	const void *data = g_bytes_get_data(due->package, &len);
	g_autofree char *package = g_base64_encode(data, len), *batch = new_batch_id();
	g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, id);
	const struct push_event event = {
		.kind = PUSH_EVENT_DATA_CHANGE,
		.time_us = (guint64)g_get_real_time(),
		.sequence = (guint64)g_atomic_int_add(&sequence, 1) + 1,
		.user = send->user,
		.device = due->id,
		.databases = due->told->databases,
		.package = package,
		.package_type = due->type,
	};

	tabline_word(lines, "BATCH");
	tabline_word(lines, number);
	tabline_field(lines, "batch", batch);
	tabline_field(lines, "user", send->user);
	tabline_field_u64(lines, "count", 1);
	return tabline_end(lines) && push_event_encode(lines, &event);
}

/* FALSE: the bridge is not there, or not well; there is no point in asking it again now. */
static gboolean hand_over(struct bridge_client *client, struct alert_send *send, struct due *due)
{
	struct bridge_answer answer = {.code = NULL};
	struct tabline_buf lines;
	guint64 id = bridge_client_next_id(client);
	enum bridge_result result = BRIDGE_NO;

	tabline_buf_init(&lines, 2 * LIMIT_LINE);
	if (write_batch(send, due, id, &lines)) {
		const struct iovec request = {.iov_base = lines.data, .iov_len = lines.len};

		result = bridge_client_exchange(client, id, &request, 1, &answer);
	} else {
		answer.code = "bad";
		answer.text = "its name or the package is too long for the bridge";
	}
	if (result == BRIDGE_OK) {
		due->told->sent = TRUE;
		due->told->registered =
			g_strcmp0(tabline_get(answer.fields, answer.count, "queued"), "0") != 0;
	} else {
		is_not_told(due, result == BRIDGE_NO && answer.text != NULL
					 ? answer.text
					 : bridge_client_error(client));
	}
	tabline_buf_free(&lines);
	/* What it does not understand it never will. */
	if (result == BRIDGE_NO && strcmp(answer.code, "bad") == 0)
		return TRUE;
	if (result != BRIDGE_OK && send->trouble == NULL)
		send->trouble = g_strdup_printf("%s: %s", send->socket, due->told->why);
	return result == BRIDGE_OK;
}

static void hand_over_all(struct alert_send *send, GPtrArray *devices)
{
	struct bridge_client *client = bridge_client_new(send->socket, BRIDGE_MSECS);
	gboolean well = client != NULL;

	for (guint i = 0; i < devices->len; i++) {
		struct due *due = devices->pdata[i];

		if (due->package == NULL)
			continue;
		if (well)
			well = hand_over(client, send, due);
		else
			is_not_told(due, "the bridge does not take alerts now");
	}
	bridge_client_free(&client);
}

/* --- what became of it -------------------------------------------------------------------- */

static gboolean note(struct pim_txn *txn, struct alert_send *send, struct due *due, GError **error)
{
	struct pim_alert *alerts = (struct pim_alert *)(void *)due->alerts->data;
	guint len = due->alerts->len;
	gboolean refused = !due->told->sent && send->trouble == NULL;

	if (len == 0 || send->force)
		return TRUE;
	if (!due->told->sent && !refused) {
		for (guint i = 0; i < len; i++)
			alerts[i].due = send->now + RETRY_SECS;
	} else if (refused ||
		   !alert_plan_sent(send->schedule, alerts, len, due->session, send->now)) {
		return drop_answered(txn, due, TRUE, error);
	}
	come_again(send, alert_plan_due(send->schedule, alerts, len));
	return save_alerts(txn, due, error);
}

static gboolean note_all(const struct sml_service *service, struct alert_send *send,
			 GPtrArray *devices, GError **error)
{
	g_autoptr(pim_txn_t) txn = pim_txn_begin(service->store, send->user, FALSE, error);

	if (txn == NULL)
		return *error == NULL;
	for (guint i = 0; i < devices->len; i++) {
		struct due *due = devices->pdata[i];

		if (due->package != NULL && !note(txn, send, due, error))
			return FALSE;
	}
	return pim_txn_settle_alerts(txn, error) && pim_txn_commit(g_steal_pointer(&txn), error);
}

/* ------------------------------------------------------------------------------------------- */

static GPtrArray *look(const struct sml_service *service, struct alert_send *send, GError **error)
{
	g_autoptr(pim_txn_t) txn = pim_txn_begin(service->store, send->user, FALSE, error);
	g_autoptr(GPtrArray) devices = NULL;

	if (txn == NULL)
		return NULL;
	devices = devices_of(txn, error);
	if (devices == NULL || !prepare_all(service, txn, send, devices, error) ||
	    !pim_txn_commit(g_steal_pointer(&txn), error))
		return NULL;
	return g_steal_pointer(&devices);
}

void alert_send_run(const struct sml_service *service, struct alert_send *send)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) devices = NULL;

	send->next = 0;
	send->trouble = NULL;
	send->told = g_ptr_array_new_with_free_func(alert_told_free);
	devices = look(service, send, &error);
	/* The bridge is asked while nobody waits for the user's file. */
	if (devices != NULL) {
		hand_over_all(send, devices);
		note_all(service, send, devices, &error);
	}
	if (error == NULL)
		return;
	g_free(send->trouble);
	send->trouble = g_strdup(error->message);
	come_again(send, send->now + RETRY_SECS);
}
