#include "registry-sqlite-private.h"

#include <string.h>

struct sqlite_registry *registry_sqlite(struct registry *registry)
{
	return (struct sqlite_registry *)(void *)registry;
}

struct sqlite_registry *registry_sqlite_hold(struct registry *registry)
{
	registry_sqlite(registry)->refs++;
	return registry_sqlite(registry);
}

void registry_sqlite_release(struct sqlite_registry *registry)
{
	if (--registry->refs > 0)
		return;
	g_hash_table_unref(registry->webhooks);
	g_hash_table_unref(registry->marks);
	g_hash_table_unref(registry->writing);
	g_free(registry);
}

/* --- rows ------------------------------------------------------------------ */

void registry_sqlite_bind_text(sqlite3_stmt *stmt, int parameter, const char *text)
{
	sqlite3_bind_text(stmt, parameter, text, -1, SQLITE_STATIC);
}

static char *column_text(sqlite3_stmt *stmt, int column)
{
	return g_strdup((const char *)sqlite3_column_text(stmt, column));
}

static void column_octets(sqlite3_stmt *stmt, int column, guint8 *octets_r, gsize len)
{
	if ((gsize)sqlite3_column_bytes(stmt, column) == len)
		memcpy(octets_r, sqlite3_column_blob(stmt, column), len);
}

/* Names, each with its NUL. */
static char **column_names(sqlite3_stmt *stmt, int column)
{
	const char *names = sqlite3_column_blob(stmt, column);
	const char *end;
	GPtrArray *list;

	if (names == NULL)
		return NULL;
	end = names + sqlite3_column_bytes(stmt, column);
	if (end[-1] != '\0')
		return NULL;
	list = g_ptr_array_new();
	for (; names < end; names += strlen(names) + 1)
		g_ptr_array_add(list, g_strdup(names));
	g_ptr_array_add(list, NULL);
	return (char **)g_ptr_array_free(list, FALSE);
}

struct device *registry_sqlite_row(sqlite3_stmt *stmt)
{
	struct device *device = g_new0(struct device, 1);

	device->id = sqlite3_column_int64(stmt, 0);
	device->user = column_text(stmt, 1);
	device->device = column_text(stmt, 2);
	device->gateway = column_text(stmt, 3);
	device->dialect = (enum device_dialect)sqlite3_column_int(stmt, 4);
	device->state = (enum device_state)sqlite3_column_int(stmt, 5);
	device->endpoint = column_text(stmt, 6);
	column_octets(stmt, 7, device->p256dh, sizeof(device->p256dh));
	column_octets(stmt, 8, device->auth, sizeof(device->auth));
	device->vapid_key = column_text(stmt, 9);
	device->events = (push_event_kinds)sqlite3_column_int64(stmt, 10);
	device->mailboxes = column_names(stmt, 11);
	device->content = sqlite3_column_int(stmt, 12);
	device->msgtype = (enum device_msgtype)sqlite3_column_int(stmt, 13);
	device->client = column_text(stmt, 14);
	device->label = column_text(stmt, 15);
	if (device->state == DEVICE_INACTIVE)
		device->token = column_text(stmt, 16);
	device->token_tries = (guint)sqlite3_column_int(stmt, 17);
	device->created = sqlite3_column_int64(stmt, 18);
	device->confirm_by = sqlite3_column_int64(stmt, 19);
	device->confirmed = sqlite3_column_int64(stmt, 20);
	device->last_ok = sqlite3_column_int64(stmt, 21);
	device->dead_at = sqlite3_column_int64(stmt, 22);
	device->last_outcome = column_text(stmt, 23);
	device->seen = sqlite3_column_int64(stmt, 24);
	device->wakes = (guint)sqlite3_column_int64(stmt, 25);
	return device;
}

static void free_device(gpointer device)
{
	device_free(device);
}

static GPtrArray *read_all(struct sqlite_registry *registry, sqlite3_stmt *stmt)
{
	GPtrArray *devices = g_ptr_array_new_with_free_func(free_device);

	while (store_read(registry->store, stmt)) {
		struct device *device = registry_sqlite_row(stmt);

		registry_sqlite_apply_mark(registry, device);
		g_ptr_array_add(devices, device);
	}
	return devices;
}

static struct device *read_one(struct sqlite_registry *registry, sqlite3_stmt *stmt)
{
	struct device *device = NULL;

	if (store_read(registry->store, stmt)) {
		device = registry_sqlite_row(stmt);
		registry_sqlite_apply_mark(registry, device);
	}
	sqlite3_reset(stmt);
	return device;
}

/* --- look-ups --------------------------------------------------------------- */

static gboolean is_user(const char *user)
{
	return strcmp(user, REGISTRY_WEBHOOK_USER) != 0;
}

static GPtrArray *active(struct registry *base, const char *user)
{
	struct sqlite_registry *registry = registry_sqlite(base);
	g_autoptr(GPtrArray) devices = NULL;
	sqlite3_stmt *stmt;

	if (!is_user(user))
		return NULL;
	stmt = store_prepare(registry->store, "SELECT " REGISTRY_COLUMNS " FROM device "
					      "WHERE user = ?1 AND +state = 1");
	registry_sqlite_bind_text(stmt, 1, user);
	devices = read_all(registry, stmt);
	return devices->len > 0 ? g_steal_pointer(&devices) : NULL;
}

static void want(struct registry *base, const char *user, gboolean *any_r, gboolean *content_r)
{
	struct sqlite_registry *registry = registry_sqlite(base);
	sqlite3_stmt *stmt;

	*any_r = *content_r = FALSE;
	if (!is_user(user))
		return;
	stmt = store_prepare(registry->store,
			     "SELECT count(*), max(content OR msgtype <> 0 OR dialect = ?3) FROM "
			     "device WHERE user = ?1 AND +state = 1 AND events & ?2");
	registry_sqlite_bind_text(stmt, 1, user);
	sqlite3_bind_int64(stmt, 2, PUSH_EVENT_KINDS_MAIL);
	/* Whose mail it is has to be seen, though not told. */
	sqlite3_bind_int(stmt, 3, DIALECT_DELTAPUSH);
	if (store_read(registry->store, stmt)) {
		*any_r = sqlite3_column_int(stmt, 0) > 0;
		*content_r = sqlite3_column_int(stmt, 1) > 0;
	}
	sqlite3_reset(stmt);
}

static GPtrArray *list(struct registry *base, const char *user, gint64 after, guint limit)
{
	struct sqlite_registry *registry = registry_sqlite(base);
	sqlite3_stmt *stmt;

	if (user != NULL)
		stmt = store_prepare(registry->store,
				     "SELECT " REGISTRY_COLUMNS " FROM device WHERE user = ?3 "
				     "AND user <> '' AND id > ?1 ORDER BY +id LIMIT ?2");
	else
		stmt = store_prepare(registry->store, "SELECT " REGISTRY_COLUMNS " FROM device "
						      "WHERE id > ?1 ORDER BY id LIMIT ?2");
	sqlite3_bind_int64(stmt, 1, after);
	sqlite3_bind_int64(stmt, 2, limit > 0 ? (gint64)limit : -1);
	if (user != NULL)
		registry_sqlite_bind_text(stmt, 3, user);
	return read_all(registry, stmt);
}

static struct device *get(struct registry *base, gint64 id)
{
	struct sqlite_registry *registry = registry_sqlite(base);
	sqlite3_stmt *stmt = store_prepare(registry->store,
					   "SELECT " REGISTRY_COLUMNS " FROM device WHERE id = ?1");

	sqlite3_bind_int64(stmt, 1, id);
	return read_one(registry, stmt);
}

static struct device *find(struct registry *base, const char *user, const char *device)
{
	struct sqlite_registry *registry = registry_sqlite(base);
	sqlite3_stmt *stmt =
		store_prepare(registry->store, "SELECT " REGISTRY_COLUMNS
					       " FROM device WHERE user = ?1 AND device = ?2");

	registry_sqlite_bind_text(stmt, 1, user);
	registry_sqlite_bind_text(stmt, 2, device);
	return read_one(registry, stmt);
}

static gint64 webhook_id(struct registry *base, const char *name)
{
	const gint64 *id = g_hash_table_lookup(registry_sqlite(base)->webhooks, name);

	return id != NULL ? *id : 0;
}

static void stats(struct registry *base, struct registry_stats *stats_r)
{
	struct sqlite_registry *registry = registry_sqlite(base);
	sqlite3_stmt *stmt;

	/* Some milliseconds with 100,000 devices, so only after a change. */
	if (!registry->stats_valid) {
		stmt = store_prepare(registry->store,
				     "SELECT (SELECT count(*) FROM device), "
				     "(SELECT count(*) FROM device WHERE state = 0), "
				     "(SELECT count(*) FROM device WHERE state = 2), "
				     "(SELECT count(*) FROM device WHERE state = 3), "
				     "(SELECT count(*) FROM device WHERE user = '')");
		if (store_read(registry->store, stmt)) {
			guint64 rest = (guint64)sqlite3_column_int64(stmt, 0);

			registry->stats.inactive = (guint64)sqlite3_column_int64(stmt, 1);
			registry->stats.dead = (guint64)sqlite3_column_int64(stmt, 2);
			registry->stats.locked = (guint64)sqlite3_column_int64(stmt, 3);
			rest -= (guint64)sqlite3_column_int64(stmt, 4);
			registry->stats.active = rest - registry->stats.inactive -
						 registry->stats.dead - registry->stats.locked;
		}
		sqlite3_reset(stmt);
		registry->stats_valid = TRUE;
	}
	*stats_r = registry->stats;
}

static void set_limits(struct registry *registry, const struct registry_limits *limits)
{
	registry_sqlite(registry)->limits = *limits;
}

/* --- opening ----------------------------------------------------------------- */

void registry_sqlite_remember_webhook(struct sqlite_registry *registry, const char *name, gint64 id)
{
	g_hash_table_insert(registry->webhooks, g_strdup(name), g_memdup2(&id, sizeof(id)));
}

static void load_webhooks(struct sqlite_registry *registry)
{
	sqlite3_stmt *stmt =
		store_prepare(registry->store, "SELECT device, id FROM device WHERE user = ''");

	while (store_read(registry->store, stmt))
		registry_sqlite_remember_webhook(registry,
						 (const char *)sqlite3_column_text(stmt, 0),
						 sqlite3_column_int64(stmt, 1));
}

static void close_registry(struct registry **registry_p)
{
	struct registry *registry = g_steal_pointer(registry_p);

	if (registry == NULL)
		return;
	registry_sqlite_write_marks(registry_sqlite(registry));
	registry_sqlite_release(registry_sqlite(registry));
}

static const struct registry_backend backend = {
	.name = "sqlite",
	.active = active,
	.want = want,
	.list = list,
	.get = get,
	.find = find,
	.subscribe = registry_sqlite_subscribe,
	.enrol = registry_sqlite_enrol,
	.confirm = registry_sqlite_confirm,
	.remove = registry_sqlite_remove,
	.ensure_webhook = registry_sqlite_ensure_webhook,
	.webhook_id = webhook_id,
	.mark_ok = registry_sqlite_mark_ok,
	.mark_failed = registry_sqlite_mark_failed,
	.mark_dead = registry_sqlite_mark_dead,
	.present = registry_sqlite_present,
	.prefer = registry_sqlite_prefer,
	.profile = registry_sqlite_profile,
	.attach = registry_sqlite_attach,
	.attached = registry_sqlite_attached,
	.attachments = registry_sqlite_attachments,
	.set_filter = registry_sqlite_set_filter,
	.drop_filter = registry_sqlite_drop_filter,
	.filters = registry_sqlite_filters,
	.wanted_filters = registry_sqlite_wanted_filters,
	.provision = registry_sqlite_provision,
	.new_key = registry_sqlite_new_key,
	.number = registry_sqlite_number,
	.key = registry_sqlite_key,
	.lock = registry_sqlite_lock,
	.maintain = registry_sqlite_maintain,
	.stats = stats,
	.set_limits = set_limits,
	.close = close_registry,
};

struct registry *registry_sqlite_open(struct store *store, const struct registry_limits *limits,
				      GError **error)
{
	struct sqlite_registry *registry = g_new0(struct sqlite_registry, 1);

	registry->base.backend = &backend;
	registry->store = store;
	registry->limits = *limits;
	registry->webhooks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	registry->marks = registry_sqlite_new_marks();
	registry->writing = g_hash_table_new(g_int64_hash, g_int64_equal);
	registry->refs = 1;
	load_webhooks(registry);
	return &registry->base;
}
