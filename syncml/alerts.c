#include "alerts.h"

#include <string.h>

#include "limits.h"

/* At a time: a bridge that hangs keeps each for some seconds. */
#define RUNS_MAX 2
/* A device that was heard of since is in a session. One that went away in the middle of a session
 * is no longer after this. */
#define BUSY_SECS 60

struct entry {
	gint64 due;
	gboolean running;
	gboolean changed; /* meanwhile */
};

struct alerts {
	struct server *server;
	GHashTable *users; /* name -> struct entry * */
	guint running;     /* of them */
	guint timer;
	gint64 timer_due;
	gboolean incomplete; /* there are more than fit, in the store */
	gboolean stopped;
	gboolean trouble; /* was said */
};

struct run {
	struct alerts *alerts;
	struct alert_send send;
	struct alert_schedule schedule;
	char *user, *device, *socket;
	char **busy;
	alerts_done *done; /* NULL: it was due */
	gpointer data;
};

static void tick(struct alerts *alerts);

static gint64 now_secs(void)
{
	return g_get_real_time() / G_USEC_PER_SEC;
}

/* --- runs ---------------------------------------------------------------------------------- */

static struct run *run_new(struct alerts *alerts, const char *user, const char *device)
{
	const struct syncml_config *config = server_config(alerts->server);
	struct run *run = g_new0(struct run, 1);

	run->alerts = alerts;
	run->schedule = config->alerts;
	run->user = g_strdup(user);
	run->device = g_strdup(device);
	run->socket = g_strdup(config->bridge_socket);
	run->busy = server_devices_in_session(alerts->server, user, BUSY_SECS);
	run->send = (struct alert_send){
		.user = run->user,
		.schedule = &run->schedule,
		.socket = run->socket,
		.busy = (const char *const *)run->busy,
		.now = now_secs(),
		.device = run->device,
	};
	return run;
}

static void run_free(struct run *run)
{
	g_clear_pointer(&run->send.told, g_ptr_array_unref);
	g_free(run->send.trouble);
	g_free(run->user);
	g_free(run->device);
	g_free(run->socket);
	g_strfreev(run->busy);
	g_free(run);
}

static void work(const struct sml_service *service, gpointer data)
{
	alert_send_run(service, &((struct run *)data)->send);
}

/* --- those that are due ----------------------------------------------------------------------- */

static void say(struct alerts *alerts, const struct alert_send *send)
{
	for (guint i = 0; i < send->told->len; i++) {
		const struct alert_told *told = send->told->pdata[i];

		if (told->sent)
			g_info("user %s, device %s: alerted of %s", send->user, told->device,
			       told->databases);
	}
	if (send->told->len == 0 && send->trouble == NULL)
		return;
	if (send->trouble != NULL && !alerts->trouble)
		g_warning("cannot alert devices: %s; trying again", send->trouble);
	else if (send->trouble == NULL && alerts->trouble)
		g_message("devices are alerted again");
	alerts->trouble = send->trouble != NULL;
}

static void on_sent(gpointer data)
{
	struct run *run = data;
	struct alerts *alerts = run->alerts;
	struct entry *entry = g_hash_table_lookup(alerts->users, run->user);

	alerts->running--;
	say(alerts, &run->send);
	entry->running = FALSE;
	if (entry->changed && (run->send.next == 0 || run->send.next > entry->due))
		run->send.next = entry->due;
	entry->changed = FALSE;
	if (run->send.next == 0)
		g_hash_table_remove(alerts->users, run->user);
	else
		entry->due = MAX(run->send.next, now_secs());
	run_free(run);
	tick(alerts);
}

static void begin(struct alerts *alerts, const char *user, struct entry *entry)
{
	entry->running = TRUE;
	alerts->running++;
	server_run(alerts->server, work, on_sent, run_new(alerts, user, NULL));
}

static gboolean on_timer(gpointer data)
{
	struct alerts *alerts = data;

	alerts->timer = 0;
	tick(alerts);
	return G_SOURCE_REMOVE;
}

static void wake_at(struct alerts *alerts, gint64 due)
{
	gint64 secs = CLAMP(due - now_secs(), 0, 3600);

	if (alerts->stopped || (alerts->timer != 0 && alerts->timer_due <= due))
		return;
	g_clear_handle_id(&alerts->timer, g_source_remove);
	alerts->timer_due = due;
	alerts->timer = g_timeout_add_seconds((guint)secs, on_timer, alerts);
}

/* It is looked at so many seconds from now. */
static void add(struct alerts *alerts, const char *user, gint64 secs)
{
	struct entry *entry = g_hash_table_lookup(alerts->users, user);
	gint64 due = now_secs() + secs;

	if (entry == NULL && g_hash_table_size(alerts->users) >= LIMIT_SYNCML_ALERT_USERS) {
		alerts->incomplete = TRUE;
		return;
	}
	if (entry == NULL) {
		entry = g_new0(struct entry, 1);
		entry->due = due;
		g_hash_table_insert(alerts->users, g_strdup(user), entry);
	} else if (entry->running) {
		entry->changed = TRUE;
		entry->due = due;
	} else {
		entry->due = MIN(entry->due, due);
	}
	wake_at(alerts, entry->due);
}

static void add_noted(struct alerts *alerts)
{
	g_auto(GStrv) users = pim_alerts_users(server_config(alerts->server)->state_dir);

	alerts->incomplete = FALSE;
	for (char **user = users; *user != NULL; user++)
		add(alerts, *user, 0);
}

/* Begins what is due, and sets the timer to what is due next. */
static void tick(struct alerts *alerts)
{
	gint64 now = now_secs(), next = G_MAXINT64;
	GHashTableIter iter;
	gpointer name, value;

	g_clear_handle_id(&alerts->timer, g_source_remove);
	if (alerts->stopped || server_config(alerts->server)->bridge_socket == NULL)
		return;
	g_hash_table_iter_init(&iter, alerts->users);
	while (g_hash_table_iter_next(&iter, &name, &value)) {
		struct entry *entry = value;

		if (entry->running)
			continue;
		if (entry->due > now)
			next = MIN(next, entry->due);
		else if (alerts->running < RUNS_MAX)
			begin(alerts, name, entry);
	}
	/* The end of one that runs is a tick, too. */
	if (next != G_MAXINT64)
		wake_at(alerts, next);
	if (alerts->incomplete && g_hash_table_size(alerts->users) < LIMIT_SYNCML_ALERT_USERS / 2)
		add_noted(alerts);
}

void alerts_look(struct alerts *alerts, const char *user)
{
	const struct syncml_config *config = server_config(alerts->server);

	if (!alerts->stopped && config->bridge_socket != NULL)
		add(alerts, user, config->alerts.delay);
}

/* --- at once -------------------------------------------------------------------------------- */

static void on_sent_now(gpointer data)
{
	struct run *run = data;

	run->done(&run->send, run->data);
	run_free(run);
}

gboolean alerts_send_now(struct alerts *alerts, const char *user, const char *device,
			 alerts_done *done, gpointer data)
{
	struct run *run;

	if (server_config(alerts->server)->bridge_socket == NULL)
		return FALSE;
	run = run_new(alerts, user, device);
	run->send.force = TRUE;
	run->done = done;
	run->data = data;
	server_run(alerts->server, work, on_sent_now, run);
	return TRUE;
}

/* ------------------------------------------------------------------------------------------- */

static void on_noted(const char *user, gpointer data)
{
	alerts_look(data, user);
}

struct alerts *alerts_new(struct server *server)
{
	struct alerts *alerts = g_new0(struct alerts, 1);

	alerts->server = server;
	alerts->users = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	server_watch_alerts(server, on_noted, alerts);
	add_noted(alerts);
	return alerts;
}

void alerts_stop(struct alerts *alerts)
{
	alerts->stopped = TRUE;
	g_clear_handle_id(&alerts->timer, g_source_remove);
}

void alerts_free(struct alerts **alerts)
{
	struct alerts *self = *alerts;

	if (self == NULL)
		return;
	*alerts = NULL;
	g_hash_table_unref(self->users);
	g_free(self);
}
