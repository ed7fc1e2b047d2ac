#include "registry-sqlite-private.h"
#include "limits.h"

#include <openssl/crypto.h>
#include <string.h>

struct change_job *registry_sqlite_job_new(struct registry *registry, const struct device *wanted,
					   gint64 now, registry_done done, gpointer data)
{
	struct change_job *job = g_new0(struct change_job, 1);

	job->registry = registry_sqlite_hold(registry);
	job->wanted = device_copy(wanted);
	job->now = now;
	job->devices_per_user = job->registry->limits.devices_per_user;
	job->done = done;
	job->data = data;
	return job;
}

static void job_free(struct change_job *job)
{
	registry_sqlite_release(job->registry);
	device_free(job->wanted);
	g_free(job->token);
	g_free(job->name);
	g_free(job->value);
	device_free(job->result);
	g_clear_error(&job->verdict);
	g_free(job);
}

static void forget_result(struct change_job *job)
{
	g_clear_pointer(&job->result, device_free);
	g_clear_error(&job->verdict);
}

static gboolean went_well(const struct change_job *job, const GError *error)
{
	return error == NULL && job->verdict == NULL;
}

void registry_sqlite_job_done(const GError *error, gpointer data)
{
	struct change_job *job = data;

	job->registry->stats_valid = FALSE;
	if (error == NULL)
		error = job->verdict;
	if (error == NULL)
		registry_sqlite_apply_mark(job->registry, job->result);
	if (job->done != NULL)
		job->done(error == NULL ? job->result : NULL, error, job->data);
	job_free(job);
}

static gboolean refuse_work(struct store *store, gpointer data, GError **error)
{
	return TRUE;
}

void registry_sqlite_job_start(struct change_job *job, store_work work, store_done done)
{
	if (store_write(job->registry->store, work, done, job, &job->verdict))
		return;
	/* Too much waits. The caller hears of it as of everything else: later. */
	store_settle(job->registry->store, refuse_work, done, job);
}

/* The row of job->wanted into job->result: 1, 0 = no such device, -1 = failed. */
int registry_sqlite_job_fetch(struct store *store, struct change_job *job, GError **error)
{
	sqlite3_stmt *stmt = store_prepare(store, "SELECT " REGISTRY_COLUMNS
						  " FROM device WHERE user = ?1 AND device = ?2");
	int row;

	forget_result(job);
	registry_sqlite_bind_text(stmt, 1, job->wanted->user);
	registry_sqlite_bind_text(stmt, 2, job->wanted->device);
	row = store_fetch(store, stmt, error);
	if (row > 0)
		job->result = registry_sqlite_row(stmt);
	sqlite3_reset(stmt);
	return row;
}

static gboolean not_found(GError **error)
{
	g_set_error(error, STORE_ERROR, STORE_ERROR_NOT_FOUND, "no such device");
	return FALSE;
}

/* Runs `sql` with the id of job->result as ?1 and `value` as ?2 if it has one. */
static gboolean run_on_result(struct store *store, struct change_job *job, const char *sql,
			      gint64 value, GError **error)
{
	sqlite3_stmt *stmt = store_prepare(store, sql);

	sqlite3_bind_int64(stmt, 1, job->result->id);
	if (sqlite3_bind_parameter_count(stmt) > 1)
		sqlite3_bind_int64(stmt, 2, value);
	return store_step(store, stmt, error);
}

/* --- subscribe --------------------------------------------------------------- */

static gboolean same_names(char **a, char **b)
{
	gboolean no_a = a == NULL || *a == NULL, no_b = b == NULL || *b == NULL;

	if (no_a || no_b)
		return no_a == no_b;
	return g_strv_equal((const char *const *)a, (const char *const *)b);
}

/* In everything that the client says, and the key it was told to use. */
static gboolean same_registration(const struct device *a, const struct device *b)
{
	return g_strcmp0(a->gateway, b->gateway) == 0 && a->dialect == b->dialect &&
	       g_strcmp0(a->endpoint, b->endpoint) == 0 &&
	       memcmp(a->p256dh, b->p256dh, sizeof(a->p256dh)) == 0 &&
	       memcmp(a->auth, b->auth, sizeof(a->auth)) == 0 &&
	       g_strcmp0(a->vapid_key, b->vapid_key) == 0 && a->events == b->events &&
	       same_names(a->mailboxes, b->mailboxes) && !a->content == !b->content &&
	       a->msgtype == b->msgtype && g_strcmp0(a->client, b->client) == 0 &&
	       g_strcmp0(a->label, b->label) == 0;
}

/* Those of this user that were never confirmed make room; so do the oldest dead
 * ones, of which as many are kept as there may be living ones. */
static gboolean discard_old(struct store *store, const struct change_job *job, GError **error)
{
	sqlite3_stmt *stmt =
		store_prepare(store, "DELETE FROM device WHERE user = ?1 AND "
				     "+state = 0 AND confirm_by < ?2 AND device <> ?3");

	registry_sqlite_bind_text(stmt, 1, job->wanted->user);
	sqlite3_bind_int64(stmt, 2, job->now);
	registry_sqlite_bind_text(stmt, 3, job->wanted->device);
	if (!store_step(store, stmt, error))
		return FALSE;
	stmt = store_prepare(store, "DELETE FROM device WHERE id IN (SELECT id FROM device WHERE "
				    "user = ?1 AND +state = 2 AND device <> ?3 "
				    "ORDER BY dead_at DESC, id DESC LIMIT -1 OFFSET ?2)");
	registry_sqlite_bind_text(stmt, 1, job->wanted->user);
	sqlite3_bind_int64(stmt, 2, job->devices_per_user);
	registry_sqlite_bind_text(stmt, 3, job->wanted->device);
	return store_step(store, stmt, error);
}

static gboolean check_limit(struct store *store, const struct change_job *job, GError **error)
{
	sqlite3_stmt *stmt = store_prepare(store, "SELECT count(*) FROM device WHERE user = ?1 AND "
						  "+state <> 2 AND device <> ?2");
	gint64 others;

	registry_sqlite_bind_text(stmt, 1, job->wanted->user);
	registry_sqlite_bind_text(stmt, 2, job->wanted->device);
	if (store_fetch(store, stmt, error) < 0)
		return FALSE;
	others = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	if (others < job->devices_per_user)
		return TRUE;
	g_set_error(error, STORE_ERROR, STORE_ERROR_LIMIT,
		    "at most %u devices a user; remove one that is no longer used",
		    job->devices_per_user);
	return FALSE;
}

/* Names, each with its NUL; NULL if there is none. */
static GByteArray *pack_names(char **names)
{
	GByteArray *packed;

	if (names == NULL || *names == NULL)
		return NULL;
	packed = g_byte_array_new();
	for (; *names != NULL; names++)
		g_byte_array_append(packed, (const guint8 *)*names, (guint)strlen(*names) + 1);
	return packed;
}

static gboolean write_device(struct store *store, const struct device *device, gint64 now,
			     GError **error)
{
	g_autoptr(GByteArray) mailboxes = pack_names(device->mailboxes);
	sqlite3_stmt *stmt = store_prepare(
		store,
		"INSERT INTO device (user, device, gateway, dialect, state, endpoint, p256dh, "
		"auth, vapid_key, events, mailboxes, content, msgtype, client, label, token, "
		"confirm_by, created, changed, token_tries, confirmed, last_ok, dead_at, seen) "
		"VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, "
		"?17, ?18, ?18, 0, 0, 0, 0, ?19) "
		"ON CONFLICT (user, device) DO UPDATE SET gateway = ?3, dialect = ?4, state = ?5, "
		"endpoint = ?6, p256dh = ?7, auth = ?8, vapid_key = ?9, events = ?10, "
		"mailboxes = ?11, content = ?12, msgtype = ?13, client = ?14, label = ?15, "
		"token = ?16, confirm_by = ?17, changed = ?18, token_tries = 0, confirmed = 0, "
		"dead_at = 0, last_outcome = NULL, seen = max(seen, ?19)");

	registry_sqlite_bind_text(stmt, 1, device->user);
	registry_sqlite_bind_text(stmt, 2, device->device);
	registry_sqlite_bind_text(stmt, 3, device->gateway);
	sqlite3_bind_int(stmt, 4, (int)device->dialect);
	sqlite3_bind_int(stmt, 5, (int)device->state);
	registry_sqlite_bind_text(stmt, 6, device->endpoint);
	sqlite3_bind_blob(stmt, 7, device->p256dh, sizeof(device->p256dh), SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 8, device->auth, sizeof(device->auth), SQLITE_STATIC);
	registry_sqlite_bind_text(stmt, 9, device->vapid_key);
	sqlite3_bind_int64(stmt, 10, device->events);
	if (mailboxes != NULL)
		sqlite3_bind_blob(stmt, 11, mailboxes->data, (int)mailboxes->len, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 12, !!device->content);
	sqlite3_bind_int(stmt, 13, (int)device->msgtype);
	registry_sqlite_bind_text(stmt, 14, device->client);
	registry_sqlite_bind_text(stmt, 15, device->label);
	registry_sqlite_bind_text(stmt, 16, device->token);
	sqlite3_bind_int64(stmt, 17, device->confirm_by);
	sqlite3_bind_int64(stmt, 18, now);
	sqlite3_bind_int64(stmt, 19, device->seen);
	return store_step(store, stmt, error);
}

gboolean registry_sqlite_job_write(struct store *store, struct change_job *job, GError **error)
{
	gboolean more = job->result == NULL || job->result->state == DEVICE_DEAD;

	return discard_old(store, job, error) && (!more || check_limit(store, job, error)) &&
	       write_device(store, job->wanted, job->now, error) &&
	       registry_sqlite_job_fetch(store, job, error) > 0;
}

gboolean registry_sqlite_job_check_face(struct change_job *job, GError **error)
{
	if (job->result != NULL && job->result->state == DEVICE_LOCKED) {
		g_set_error(error, STORE_ERROR, STORE_ERROR_REFUSED, "the device is locked");
		return FALSE;
	}
	if (job->result == NULL ||
	    device_face(job->result->dialect) == device_face(job->wanted->dialect))
		return TRUE;
	g_set_error(error, STORE_ERROR, STORE_ERROR_REFUSED,
		    "a device of another kind has the name '%s'; choose another",
		    job->wanted->device);
	return FALSE;
}

static gboolean subscribe_work(struct store *store, gpointer data, GError **error)
{
	struct change_job *job = data;
	int row = registry_sqlite_job_fetch(store, job, error);

	if (row < 0 || !registry_sqlite_job_check_face(job, error))
		return FALSE;
	if (row > 0 && same_registration(job->result, job->wanted)) {
		if (job->result->state == DEVICE_ACTIVE)
			return TRUE;
		if (job->result->state == DEVICE_INACTIVE && job->result->confirm_by >= job->now) {
			job->result->confirm_by = job->wanted->confirm_by;
			return run_on_result(store, job,
					     "UPDATE device SET confirm_by = ?2 WHERE id = ?1",
					     job->wanted->confirm_by, error);
		}
	}
	return registry_sqlite_job_write(store, job, error);
}

static void subscribe_done(const GError *error, gpointer data)
{
	struct change_job *job = data;

	/* What was said of the former registration. */
	if (went_well(job, error) && job->result->state == DEVICE_INACTIVE)
		registry_sqlite_forget_mark(job->registry, job->result->id);
	registry_sqlite_job_done(error, job);
}

void registry_sqlite_subscribe(struct registry *registry, const struct device *device, gint64 now,
			       registry_done done, gpointer data)
{
	struct change_job *job = registry_sqlite_job_new(registry, device, now, done, data);

	job->wanted->state = DEVICE_INACTIVE;
	if (job->wanted->confirm_by == 0)
		job->wanted->confirm_by = now + job->registry->limits.confirm_secs;
	registry_sqlite_job_start(job, subscribe_work, subscribe_done);
}

/* --- enrol --------------------------------------------------------------------- */

static gboolean enrol_work(struct store *store, gpointer data, GError **error)
{
	struct change_job *job = data;
	int row = registry_sqlite_job_fetch(store, job, error);

	if (row < 0 || !registry_sqlite_job_check_face(job, error))
		return FALSE;
	if (row > 0 && job->result->state == DEVICE_ACTIVE &&
	    same_registration(job->result, job->wanted))
		return TRUE;
	return registry_sqlite_job_write(store, job, error);
}

static void enrol_done(const GError *error, gpointer data)
{
	struct change_job *job = data;

	if (went_well(job, error))
		registry_sqlite_forget_mark(job->registry, job->result->id);
	registry_sqlite_job_done(error, job);
}

void registry_sqlite_enrol(struct registry *registry, const struct device *device, gint64 now,
			   registry_done done, gpointer data)
{
	struct change_job *job = registry_sqlite_job_new(registry, device, now, done, data);

	job->wanted->state = DEVICE_ACTIVE;
	registry_sqlite_job_start(job, enrol_work, enrol_done);
}

/* --- confirm ------------------------------------------------------------------- */

/* In constant time but for the length, which is no secret. */
static gboolean same_token(const char *stored, const char *echoed)
{
	gsize len;

	if (stored == NULL || echoed == NULL || *stored == '\0')
		return FALSE;
	len = strlen(stored);
	return strlen(echoed) == len && CRYPTO_memcmp(stored, echoed, len) == 0;
}

/* The token of any state: a repeated confirmation is told from a wrong one by it. */
static gboolean token_is_right(struct store *store, const struct change_job *job, gboolean *right_r,
			       GError **error)
{
	sqlite3_stmt *stmt = store_prepare(store, "SELECT token FROM device WHERE id = ?1");
	int row;

	sqlite3_bind_int64(stmt, 1, job->result->id);
	row = store_fetch(store, stmt, error);
	if (row > 0)
		*right_r = same_token((const char *)sqlite3_column_text(stmt, 0), job->token);
	sqlite3_reset(stmt);
	return row > 0;
}

static gboolean count_wrong(struct store *store, struct change_job *job, GError **error)
{
	guint tries = job->result->token_tries + 1;

	if (tries >= LIMIT_CONFIRM_TRIES)
		return run_on_result(store, job, "DELETE FROM device WHERE id = ?1", 0, error);
	return run_on_result(store, job, "UPDATE device SET token_tries = ?2 WHERE id = ?1", tries,
			     error);
}

static gboolean confirm_work(struct store *store, gpointer data, GError **error)
{
	struct change_job *job = data;
	int row = registry_sqlite_job_fetch(store, job, error);
	gboolean right = FALSE;

	if (row <= 0)
		return row == 0 ? not_found(error) : FALSE;
	if (!token_is_right(store, job, &right, error))
		return FALSE;
	if (job->result->state == DEVICE_ACTIVE && right)
		return TRUE;
	if (job->result->state == DEVICE_INACTIVE && job->now <= job->result->confirm_by) {
		if (right)
			return run_on_result(store, job,
					     "UPDATE device SET state = 1, confirmed = ?2, "
					     "token_tries = 0 WHERE id = ?1",
					     job->now, error) &&
			       registry_sqlite_job_fetch(store, job, error) > 0;
		if (!count_wrong(store, job, error))
			return FALSE;
	}
	g_set_error(&job->verdict, STORE_ERROR, STORE_ERROR_TOKEN,
		    right ? "the token came too late; register again"
			  : "this is not the token that was sent to the device");
	return TRUE;
}

void registry_sqlite_confirm(struct registry *registry, const char *user, const char *device,
			     const char *token, gint64 now, registry_done done, gpointer data)
{
	const struct device like = {.user = (char *)user, .device = (char *)device};
	struct change_job *job = registry_sqlite_job_new(registry, &like, now, done, data);

	job->token = g_strdup(token);
	registry_sqlite_job_start(job, confirm_work, registry_sqlite_job_done);
}

/* --- remove ---------------------------------------------------------------------- */

static gboolean remove_work(struct store *store, gpointer data, GError **error)
{
	struct change_job *job = data;
	int row = registry_sqlite_job_fetch(store, job, error);

	if (row <= 0)
		return row == 0 ? not_found(error) : FALSE;
	if (strcmp(job->result->user, REGISTRY_WEBHOOK_USER) == 0)
		return not_found(error); /* the config's; its id has to stay */
	return run_on_result(store, job, "DELETE FROM device WHERE id = ?1", 0, error);
}

static void remove_done(const GError *error, gpointer data)
{
	struct change_job *job = data;

	if (went_well(job, error))
		registry_sqlite_forget_mark(job->registry, job->result->id);
	registry_sqlite_job_done(error, job);
}

/* Settles: makes room. */
void registry_sqlite_remove(struct registry *registry, const char *user, const char *device,
			    registry_done done, gpointer data)
{
	const struct device like = {.user = (char *)user, .device = (char *)device};
	struct change_job *job = registry_sqlite_job_new(registry, &like, 0, done, data);

	store_settle(job->registry->store, remove_work, remove_done, job);
}

/* --- webhooks ---------------------------------------------------------------------- */

static gboolean webhook_work(struct store *store, gpointer data, GError **error)
{
	struct change_job *job = data;
	int row = registry_sqlite_job_fetch(store, job, error);

	if (row != 0)
		return row > 0;
	return write_device(store, job->wanted, job->now, error) &&
	       registry_sqlite_job_fetch(store, job, error) > 0;
}

static void webhook_done(const GError *error, gpointer data)
{
	struct change_job *job = data;

	if (went_well(job, error))
		registry_sqlite_remember_webhook(job->registry, job->result->device,
						 job->result->id);
	registry_sqlite_job_done(error, job);
}

void registry_sqlite_ensure_webhook(struct registry *registry, const char *name, gint64 now,
				    registry_done done, gpointer data)
{
	const struct device like = {
		.user = (char *)REGISTRY_WEBHOOK_USER,
		.device = (char *)name,
		.gateway = (char *)"webhook",
		.endpoint = (char *)name,
		.state = DEVICE_ACTIVE,
		.events = PUSH_EVENT_KINDS_MAIL,
	};

	registry_sqlite_job_start(registry_sqlite_job_new(registry, &like, now, done, data),
				  webhook_work, webhook_done);
}
