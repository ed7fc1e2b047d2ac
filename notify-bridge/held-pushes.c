#include "held-pushes.h"
#include "limits.h"

#include <string.h>

/* Of one device, oldest first. */
struct held_row {
	gint64 device;
	GQueue pushes; /* struct held_push * */
	GList link;    /* in held_pushes->order */
};

struct held_pushes {
	GHashTable *rows; /* device -> struct held_row *, owned */
	GQueue order;     /* of the rows: who had a push last is last */
};

static void push_free(gpointer data)
{
	struct held_push *push = data;

	g_free(push->user);
	g_free(push->device_name);
	g_free(push->gateway);
	g_free(push->mailbox);
	http_request_free(push->request);
	g_free(push);
}

static void row_free(gpointer data)
{
	struct held_row *row = data;

	g_queue_clear_full(&row->pushes, push_free);
	g_free(row);
}

struct held_pushes *held_pushes_new(void)
{
	struct held_pushes *held = g_new0(struct held_pushes, 1);

	held->rows = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, row_free);
	g_queue_init(&held->order);
	return held;
}

void held_pushes_free(struct held_pushes **held_p)
{
	struct held_pushes *held = g_steal_pointer(held_p);

	if (held == NULL)
		return;
	g_hash_table_unref(held->rows);
	g_free(held);
}

static void row_remove(struct held_pushes *held, struct held_row *row)
{
	g_queue_unlink(&held->order, &row->link);
	g_hash_table_remove(held->rows, &row->device);
}

/* Rows in front had their last push before those behind. */
static void forget_old(struct held_pushes *held, gint64 now_us)
{
	gint64 oldest_us = now_us - LIMIT_HELD_SECS * (gint64)G_USEC_PER_SEC;

	for (GList *next, *link = held->order.head; link != NULL; link = next) {
		struct held_row *row = link->data;
		struct held_push *push;

		next = link->next;
		while ((push = g_queue_peek_head(&row->pushes)) != NULL &&
		       push->time_us < oldest_us)
			push_free(g_queue_pop_head(&row->pushes));
		if (row->pushes.length == 0)
			row_remove(held, row);
	}
}

static struct held_row *row_of(struct held_pushes *held, gint64 device)
{
	struct held_row *row = g_hash_table_lookup(held->rows, &device);

	if (row != NULL) {
		g_queue_unlink(&held->order, &row->link);
	} else {
		row = g_new0(struct held_row, 1);
		row->device = device;
		row->link.data = row;
		g_queue_init(&row->pushes);
		g_hash_table_insert(held->rows, &row->device, row);
	}
	g_queue_push_tail_link(&held->order, &row->link);
	return row;
}

/* New string, NULL if the notification is of no mailbox. */
static char *mailbox_of(const struct notification *notification)
{
	g_autofree char *line = g_strdup(notification->event);
	struct push_event event;

	if (line == NULL || push_event_decode(line, strlen(line), &event) != PUSH_EVENT_OK)
		return NULL;
	return g_strdup(event.mailbox);
}

void held_pushes_add(struct held_pushes *held, const struct device *device,
		     const struct notification *notification, struct http_request *request,
		     gint64 now_us)
{
	struct held_push *push = g_new0(struct held_push, 1);
	struct held_row *row = row_of(held, device->id);

	push->time_us = now_us;
	push->device = device->id;
	push->user = g_strdup(device->user);
	push->device_name = g_strdup(device->device);
	push->gateway = g_strdup(device->gateway);
	push->request = request;
	push->kinds = notification->kinds;
	push->messages = notification->messages;
	push->first_us = notification->first_us;
	push->mailbox = mailbox_of(notification);
	g_queue_push_tail(&row->pushes, push);
	if (row->pushes.length > LIMIT_HELD_PER_DEVICE)
		push_free(g_queue_pop_head(&row->pushes));
	if (held->order.length > LIMIT_HELD_DEVICES)
		row_remove(held, held->order.head->data);
}

static gint newest_first(gconstpointer a, gconstpointer b)
{
	const struct held_push *const *one = a, *const *other = b;

	return ((*one)->time_us < (*other)->time_us) - ((*one)->time_us > (*other)->time_us);
}

GPtrArray *held_pushes_list(struct held_pushes *held, const char *user, gint64 now_us)
{
	GPtrArray *list = g_ptr_array_new();

	forget_old(held, now_us);
	for (GList *link = held->order.head; link != NULL; link = link->next) {
		struct held_row *row = link->data;

		for (GList *l = row->pushes.head; l != NULL; l = l->next) {
			struct held_push *push = l->data;

			if (user == NULL || strcmp(push->user, user) == 0)
				g_ptr_array_add(list, push);
		}
	}
	g_ptr_array_sort(list, newest_first);
	return list;
}
