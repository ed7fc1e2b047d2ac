/*
 * The queue's contract (queue.h) in memory, for tests of those who use it. What
 * is done is reported from the main loop, as the real one does, or at once.
 */
#ifndef FANTAIL_FAKE_QUEUE_H
#define FANTAIL_FAKE_QUEUE_H

#include <string.h>

#include "queue.h"
#include "store.h"

struct fake_queue {
	struct queue base;
	GPtrArray *rows; /* struct notification * */
	GHashTable *batches;
	gint64 last_id;
	gboolean at_once;    /* reports before the call returns */
	gboolean busy;       /* put() is refused */
	int put_error;       /* enum store_error that put() ends in; -1 = none */
	gboolean disk_fails; /* outcomes cannot be written down */
	guint puts, finished, rescheduled, dropped, devices_dropped, failed;
};

struct fake_done {
	queue_done done;
	gpointer data;
	GError *error;
};

static gboolean fake_queue_report(gpointer data)
{
	struct fake_done *report = data;

	if (report->done != NULL)
		report->done(report->error, report->data);
	g_clear_error(&report->error);
	g_free(report);
	return G_SOURCE_REMOVE;
}

/* Takes the error. */
static void fake_queue_done(struct fake_queue *fake, queue_done done, gpointer data, GError *error)
{
	struct fake_done *report = g_new0(struct fake_done, 1);

	report->done = done;
	report->data = data;
	report->error = error;
	if (fake->at_once)
		fake_queue_report(report);
	else
		g_idle_add_full(G_PRIORITY_DEFAULT, fake_queue_report, report, NULL);
}

static struct notification *fake_queue_find(struct fake_queue *fake, gint64 id, guint *at_r)
{
	for (guint i = 0; i < fake->rows->len; i++) {
		struct notification *row = g_ptr_array_index(fake->rows, i);

		if (row->id == id) {
			*at_r = i;
			return row;
		}
	}
	return NULL;
}

static gint64 fake_queue_add(struct fake_queue *fake, const struct notification *notification)
{
	struct notification *copy;

	for (guint i = 0; i < fake->rows->len; i++) {
		struct notification *row = g_ptr_array_index(fake->rows, i);

		if (row->device == notification->device &&
		    strcmp(row->user, notification->user) == 0 &&
		    strcmp(row->key, notification->key) == 0) {
			notification_merge(row, notification);
			return row->id;
		}
	}
	copy = notification_copy(notification);
	copy->id = ++fake->last_id;
	g_ptr_array_add(fake->rows, copy);
	return copy->id;
}

static gboolean fake_queue_put(struct queue *queue, const char *batch, GPtrArray *notifications,
			       queue_done done, gpointer data, GError **error)
{
	struct fake_queue *fake = (struct fake_queue *)queue;

	if (fake->busy) {
		g_set_error(error, STORE_ERROR, STORE_ERROR_BUSY, "too much waits");
		return FALSE;
	}
	fake->puts++;
	if (fake->put_error >= 0) {
		fake_queue_done(fake, done, data,
				g_error_new(STORE_ERROR, fake->put_error, "as the test says"));
		return TRUE;
	}
	if (batch == NULL || g_hash_table_add(fake->batches, g_strdup(batch))) {
		for (guint i = 0; i < notifications->len; i++)
			fake_queue_add(fake, g_ptr_array_index(notifications, i));
	}
	fake_queue_done(fake, done, data, NULL);
	return TRUE;
}

static gboolean fake_queue_is_busy(GHashTable *busy, gint64 id)
{
	return busy != NULL && g_hash_table_contains(busy, &id);
}

static void fake_queue_free_row(gpointer row)
{
	notification_free(row);
}

static GPtrArray *fake_queue_claim(struct queue *queue, const char *lane, gint64 now_us,
				   guint limit, GHashTable *busy)
{
	struct fake_queue *fake = (struct fake_queue *)queue;
	GPtrArray *rows = g_ptr_array_new_with_free_func(fake_queue_free_row);

	for (int arrivals = 1; arrivals >= 0; arrivals--) {
		for (guint i = 0; i < fake->rows->len && rows->len < limit; i++) {
			struct notification *row = g_ptr_array_index(fake->rows, i);

			if (strcmp(row->lane, lane) == 0 && row->due_us <= now_us &&
			    notification_is_arrival(row) == arrivals &&
			    !fake_queue_is_busy(busy, row->id))
				g_ptr_array_add(rows, notification_copy(row));
		}
	}
	return rows;
}

static gint64 fake_queue_next_due(struct queue *queue, const char *lane, GHashTable *busy)
{
	struct fake_queue *fake = (struct fake_queue *)queue;
	gint64 due_us = 0;

	for (guint i = 0; i < fake->rows->len; i++) {
		struct notification *row = g_ptr_array_index(fake->rows, i);

		if (strcmp(row->lane, lane) == 0 && !fake_queue_is_busy(busy, row->id) &&
		    (due_us == 0 || row->due_us < due_us))
			due_us = row->due_us;
	}
	return due_us;
}

static void fake_queue_free_lane(gpointer data)
{
	struct queue_lane *lane = data;

	g_free(lane->lane);
	g_free(lane);
}

static GPtrArray *fake_queue_lanes(struct queue *queue)
{
	struct fake_queue *fake = (struct fake_queue *)queue;
	GPtrArray *lanes = g_ptr_array_new_with_free_func(fake_queue_free_lane);
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < fake->rows->len; i++) {
		struct notification *row = g_ptr_array_index(fake->rows, i);
		struct queue_lane *lane = g_hash_table_lookup(seen, row->lane);

		if (lane == NULL) {
			lane = g_new0(struct queue_lane, 1);
			lane->lane = g_strdup(row->lane);
			lane->due_us = row->due_us;
			g_ptr_array_add(lanes, lane);
			g_hash_table_insert(seen, lane->lane, lane);
		}
		lane->pending++;
		lane->due_us = MIN(lane->due_us, row->due_us);
	}
	return lanes;
}

/* Outcomes end in an error while the disk fails. TRUE: this one did. */
static gboolean fake_queue_disk_failed(struct fake_queue *fake, queue_done done, gpointer data)
{
	if (!fake->disk_fails)
		return FALSE;
	fake->failed++;
	fake_queue_done(fake, done, data,
			g_error_new(STORE_ERROR, STORE_ERROR_FULL, "no space left"));
	return TRUE;
}

static void fake_queue_finish(struct queue *queue, gint64 id, guint32 revision, queue_done done,
			      gpointer data)
{
	struct fake_queue *fake = (struct fake_queue *)queue;
	struct notification *row;
	guint at;

	if (fake_queue_disk_failed(fake, done, data))
		return;
	fake->finished++;
	row = fake_queue_find(fake, id, &at);
	if (row != NULL && row->revision == revision) {
		g_ptr_array_remove_index(fake->rows, at);
	} else if (row != NULL) {
		row->due_us = MIN(row->due_us, g_get_real_time());
		row->attempts = 0;
	}
	fake_queue_done(fake, done, data, NULL);
}

static void fake_queue_reschedule(struct queue *queue, gint64 id, guint32 revision, gint64 due_us,
				  guint attempts, queue_done done, gpointer data)
{
	struct fake_queue *fake = (struct fake_queue *)queue;
	struct notification *row;
	guint at;

	if (fake_queue_disk_failed(fake, done, data))
		return;
	fake->rescheduled++;
	row = fake_queue_find(fake, id, &at);
	if (row != NULL) {
		gboolean same = row->revision == revision;

		row->due_us = same ? due_us : MIN(row->due_us, due_us);
		row->attempts = same ? attempts : 0;
	}
	fake_queue_done(fake, done, data, NULL);
}

static void fake_queue_drop(struct queue *queue, gint64 id, queue_done done, gpointer data)
{
	struct fake_queue *fake = (struct fake_queue *)queue;
	guint at;

	if (fake_queue_disk_failed(fake, done, data))
		return;
	fake->dropped++;
	if (fake_queue_find(fake, id, &at) != NULL)
		g_ptr_array_remove_index(fake->rows, at);
	fake_queue_done(fake, done, data, NULL);
}

static void fake_queue_drop_device(struct queue *queue, gint64 device, queue_done done,
				   gpointer data)
{
	struct fake_queue *fake = (struct fake_queue *)queue;

	if (fake_queue_disk_failed(fake, done, data))
		return;
	fake->devices_dropped++;
	for (guint i = fake->rows->len; i > 0; i--) {
		struct notification *row = g_ptr_array_index(fake->rows, i - 1);

		if (row->device == device)
			g_ptr_array_remove_index(fake->rows, i - 1);
	}
	fake_queue_done(fake, done, data, NULL);
}

static const struct queue_backend fake_queue_backend = {
	.name = "fake",
	.put = fake_queue_put,
	.claim = fake_queue_claim,
	.next_due = fake_queue_next_due,
	.lanes = fake_queue_lanes,
	.finish = fake_queue_finish,
	.reschedule = fake_queue_reschedule,
	.drop = fake_queue_drop,
	.drop_device = fake_queue_drop_device,
};

static void fake_queue_init(struct fake_queue *fake)
{
	memset(fake, 0, sizeof(*fake));
	fake->base.backend = &fake_queue_backend;
	fake->rows = g_ptr_array_new_with_free_func(fake_queue_free_row);
	fake->batches = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	fake->put_error = -1;
}

static void fake_queue_clear(struct fake_queue *fake)
{
	g_ptr_array_unref(fake->rows);
	g_hash_table_unref(fake->batches);
}

#endif
