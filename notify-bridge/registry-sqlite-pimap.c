/* Devices of Push-IMAP: preferences, and the filters attached to mailboxes. */
#include "registry-sqlite-private.h"
#include "limits.h"

#include <string.h>

void registry_attachment_free(struct registry_attachment *attachment)
{
	g_free(attachment->mailbox);
	g_free(attachment->filter);
	g_free(attachment);
}

static void free_attachment(gpointer data)
{
	registry_attachment_free(data);
}

/* INBOX is one name in any case (RFC 3501 5.1). */
static const char *mailbox_key(const char *mailbox)
{
	return g_ascii_strcasecmp(mailbox, "INBOX") == 0 ? "INBOX" : mailbox;
}

/* --- look-ups --------------------------------------------------------------- */

#define SELECT_PREFERENCES "SELECT name, value FROM preference WHERE device = ?1"

static void take_preference(sqlite3_stmt *stmt, struct pimap_profile *profile)
{
	enum pimap_pref pref;

	if (!pimap_pref_parse((const char *)sqlite3_column_text(stmt, 0), &pref))
		return;
	g_free(profile->values[pref]);
	profile->values[pref] = g_strdup((const char *)sqlite3_column_text(stmt, 1));
}

struct pimap_profile *registry_sqlite_profile(struct registry *base, gint64 id)
{
	struct sqlite_registry *registry = registry_sqlite(base);
	struct pimap_profile *profile = g_new0(struct pimap_profile, 1);
	sqlite3_stmt *stmt = store_prepare(registry->store, SELECT_PREFERENCES);

	sqlite3_bind_int64(stmt, 1, id);
	while (store_read(registry->store, stmt))
		take_preference(stmt, profile);
	return profile;
}

#define NONE "NONE" /* no message matches it */

char *registry_sqlite_attached(struct registry *base, gint64 id, const char *mailbox)
{
	struct sqlite_registry *registry = registry_sqlite(base);
	sqlite3_stmt *stmt = store_prepare(registry->store,
					   "SELECT filter FROM attachment WHERE device = ?1 AND "
					   "mailbox IN (?2, '') ORDER BY mailbox DESC LIMIT 1");
	char *filter = NULL;

	sqlite3_bind_int64(stmt, 1, id);
	registry_sqlite_bind_text(stmt, 2, mailbox_key(mailbox));
	if (store_read(registry->store, stmt))
		filter = g_strdup((const char *)sqlite3_column_text(stmt, 0));
	sqlite3_reset(stmt);
	if (g_strcmp0(filter, NONE) == 0)
		g_clear_pointer(&filter, g_free);
	return filter;
}

GPtrArray *registry_sqlite_attachments(struct registry *base, gint64 id)
{
	struct sqlite_registry *registry = registry_sqlite(base);
	GPtrArray *list = g_ptr_array_new_with_free_func(free_attachment);
	sqlite3_stmt *stmt =
		store_prepare(registry->store, "SELECT mailbox, filter FROM attachment WHERE "
					       "device = ?1 ORDER BY mailbox");

	sqlite3_bind_int64(stmt, 1, id);
	while (store_read(registry->store, stmt)) {
		struct registry_attachment *attachment = g_new0(struct registry_attachment, 1);

		attachment->mailbox = g_strdup((const char *)sqlite3_column_text(stmt, 0));
		attachment->filter = g_strdup((const char *)sqlite3_column_text(stmt, 1));
		g_ptr_array_add(list, attachment);
	}
	return list;
}

/* --- changes ------------------------------------------------------------------ */

gboolean registry_sqlite_job_make_device(struct store *store, struct change_job *job,
					 const struct pimap_profile *profile, GError **error)
{
	pimap_profile_apply(profile, job->wanted);
	job->wanted->seen = job->now;
	return registry_sqlite_job_write(store, job, error);
}

static gboolean read_profile(struct store *store, gint64 id, struct pimap_profile *profile,
			     GError **error)
{
	sqlite3_stmt *stmt = store_prepare(store, SELECT_PREFERENCES);
	int row;

	sqlite3_bind_int64(stmt, 1, id);
	while ((row = store_fetch(store, stmt, error)) > 0)
		take_preference(stmt, profile);
	return row == 0;
}

static gboolean prefer_work(struct store *store, gpointer data, GError **error)
{
	struct change_job *job = data;
	g_autoptr(pimap_profile_t) profile = g_new0(struct pimap_profile, 1);
	int row = registry_sqlite_job_fetch(store, job, error);
	enum pimap_pref pref;
	sqlite3_stmt *stmt;

	if (row < 0 || !registry_sqlite_job_check_face(job, error))
		return FALSE;
	if (row > 0 && !read_profile(store, job->result->id, profile, error))
		return FALSE;
	if (pimap_pref_parse(job->name, &pref)) {
		g_free(profile->values[pref]);
		profile->values[pref] = g_strdup(job->value);
	}
	if (!registry_sqlite_job_make_device(store, job, profile, error))
		return FALSE;
	stmt = store_prepare(store, "INSERT INTO preference VALUES (?1, ?2, ?3) "
				    "ON CONFLICT (device, name) DO UPDATE SET value = ?3");
	sqlite3_bind_int64(stmt, 1, job->result->id);
	registry_sqlite_bind_text(stmt, 2, job->name);
	registry_sqlite_bind_text(stmt, 3, job->value);
	return store_step(store, stmt, error);
}

struct change_job *registry_sqlite_pimap_job(struct registry *registry, const char *user,
					     const char *device, gint64 now, registry_done done,
					     gpointer data)
{
	const struct device like = {.user = (char *)user,
				    .device = (char *)device,
				    .dialect = DIALECT_EMN,
				    .state = DEVICE_ACTIVE};

	return registry_sqlite_job_new(registry, &like, now, done, data);
}

void registry_sqlite_prefer(struct registry *registry, const char *user, const char *device,
			    enum pimap_pref pref, const char *value, gint64 now, registry_done done,
			    gpointer data)
{
	struct change_job *job = registry_sqlite_pimap_job(registry, user, device, now, done, data);

	job->name = g_strdup(pimap_pref_name(pref));
	job->value = g_strdup(value);
	registry_sqlite_job_start(job, prefer_work, registry_sqlite_job_done);
}

static gboolean filter_known(struct store *store, const struct change_job *job, GError **error)
{
	sqlite3_stmt *stmt;
	int row;

	if (g_ascii_strcasecmp(job->value, "ALL") == 0 || strcmp(job->value, NONE) == 0)
		return TRUE;
	stmt = store_prepare(store, "SELECT 1 FROM filter WHERE user = ?1 AND name = ?2");
	registry_sqlite_bind_text(stmt, 1, job->wanted->user);
	registry_sqlite_bind_text(stmt, 2, job->value);
	row = store_fetch(store, stmt, error);
	sqlite3_reset(stmt);
	if (row == 0)
		g_set_error_literal(error, STORE_ERROR, STORE_ERROR_NOT_FOUND, "no such filter");
	return row > 0;
}

static gboolean attachments_within(struct store *store, const struct change_job *job,
				   GError **error)
{
	sqlite3_stmt *stmt = store_prepare(
		store, "SELECT count(*) FROM attachment WHERE device = ?1 AND mailbox <> ?2");
	gint64 others;

	sqlite3_bind_int64(stmt, 1, job->result->id);
	registry_sqlite_bind_text(stmt, 2, job->name);
	if (store_fetch(store, stmt, error) < 0)
		return FALSE;
	others = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	if (others < LIMIT_ATTACHMENTS_PER_DEVICE)
		return TRUE;
	g_set_error(error, STORE_ERROR, STORE_ERROR_LIMIT,
		    "at most %d folders of a device with a filter of their own",
		    LIMIT_ATTACHMENTS_PER_DEVICE);
	return FALSE;
}

static gboolean attach_work(struct store *store, gpointer data, GError **error)
{
	struct change_job *job = data;
	/* For one mailbox it has to be said, or what is attached to all would count. */
	gboolean detach = strcmp(job->value, NONE) == 0 && *job->name == '\0';
	int row = registry_sqlite_job_fetch(store, job, error);
	sqlite3_stmt *stmt;

	if (row < 0 || !registry_sqlite_job_check_face(job, error) ||
	    (row == 0 && !registry_sqlite_job_make_device(store, job, NULL, error)))
		return FALSE;
	if (detach)
		stmt = store_prepare(store, "DELETE FROM attachment WHERE device = ?1 AND "
					    "mailbox = ?2");
	else if (filter_known(store, job, error) && attachments_within(store, job, error))
		stmt = store_prepare(store,
				     "INSERT INTO attachment VALUES (?1, ?2, ?3) "
				     "ON CONFLICT (device, mailbox) DO UPDATE SET filter = ?3");
	else
		return FALSE;
	sqlite3_bind_int64(stmt, 1, job->result->id);
	registry_sqlite_bind_text(stmt, 2, job->name);
	if (!detach)
		registry_sqlite_bind_text(stmt, 3, job->value);
	return store_step(store, stmt, error);
}

void registry_sqlite_attach(struct registry *registry, const char *user, const char *device,
			    const char *mailbox, const char *filter, gint64 now, registry_done done,
			    gpointer data)
{
	struct change_job *job = registry_sqlite_pimap_job(registry, user, device, now, done, data);

	job->name = g_strdup(mailbox_key(mailbox));
	job->value = g_strdup(g_ascii_strcasecmp(filter, NONE) == 0 ? NONE : filter);
	registry_sqlite_job_start(job, attach_work, registry_sqlite_job_done);
}
