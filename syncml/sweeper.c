#include "sweeper.h"

#include "sweep-plan.h"

/* Whatever the plan says: other work of the main loop and of the disk comes between. */
#define PAUSE_US (10 * G_TIME_SPAN_MILLISECOND)

struct sweeper {
	struct sweeper_settings settings;
	struct sweep_plan plan;
	char **users; /* of the part; NULL: to be listed */
	guint timer;
	GTask *task; /* under way */
	GCancellable *cancellable;
};

/* What the thread does, and what came of it. */
struct step {
	struct pim_store *store;
	struct pim_keep keep;
	guint part;
	char *user;   /* NULL: list the part's */
	char **users; /* of the part */
	gint64 now;
	struct pim_swept swept;
	GError *error;
};

static void step_free(gpointer data)
{
	struct step *step = data;

	g_clear_error(&step->error);
	g_strfreev(step->users);
	g_free(step->user);
	g_free(step);
}

static gint64 now_us(void)
{
	return g_get_real_time();
}

static void plan_next(struct sweeper *sweeper);

static void work(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	struct step *step = data;

	if (step->user == NULL)
		step->users = pim_store_users_of(step->store, step->part);
	else
		pim_sweep_user(step->store, step->user, &step->keep, step->now, cancellable,
			       &step->swept, &step->error);
	g_task_return_boolean(task, TRUE);
}

static void on_worked(GObject *source, GAsyncResult *result, gpointer data)
{
	struct sweeper *sweeper = data;
	struct step *step = g_task_get_task_data(G_TASK(result));
	gboolean part_over;

	sweeper->task = NULL;
	if (g_cancellable_is_cancelled(sweeper->cancellable))
		return;
	if (step->user == NULL) {
		sweeper->users = g_steal_pointer(&step->users);
		part_over =
			sweep_plan_listed(&sweeper->plan, g_strv_length(sweeper->users), now_us());
	} else {
		sweeper->settings.swept(step->user, &step->swept, step->error,
					sweeper->settings.data);
		part_over = sweep_plan_done(&sweeper->plan, now_us());
	}
	if (part_over)
		g_clear_pointer(&sweeper->users, g_strfreev);
	plan_next(sweeper);
}

static gboolean on_time(gpointer data)
{
	struct sweeper *sweeper = data;
	struct step *step = g_new0(struct step, 1);

	sweeper->timer = 0;
	step->store = sweeper->settings.store;
	step->keep = sweeper->settings.keep;
	step->now = now_us() / G_USEC_PER_SEC;
	step->part = sweeper->plan.part;
	if (sweeper->users != NULL)
		step->user = g_strdup(sweeper->users[sweeper->plan.done]);
	sweeper->task = g_task_new(NULL, sweeper->cancellable, on_worked, sweeper);
	g_task_set_task_data(sweeper->task, step, step_free);
	g_task_run_in_thread(sweeper->task, work);
	g_object_unref(sweeper->task); /* it has itself until on_worked() */
	return G_SOURCE_REMOVE;
}

static void plan_next(struct sweeper *sweeper)
{
	gint64 wait = MAX(sweep_plan_wait(&sweeper->plan, now_us()), PAUSE_US);

	sweeper->timer = g_timeout_add((guint)(wait / 1000), on_time, sweeper);
}

static gboolean on_first(gpointer data)
{
	struct sweeper *sweeper = data;

	sweep_plan_init(&sweeper->plan, sweeper->settings.period_us, now_us());
	plan_next(sweeper);
	return G_SOURCE_REMOVE;
}

struct sweeper *sweeper_new(const struct sweeper_settings *settings)
{
	struct sweeper *sweeper = g_new0(struct sweeper, 1);

	sweeper->settings = *settings;
	sweeper->cancellable = g_cancellable_new();
	sweeper->timer = g_timeout_add((guint)(settings->first_us / 1000), on_first, sweeper);
	return sweeper;
}

void sweeper_set_keep(struct sweeper *sweeper, const struct pim_keep *keep)
{
	sweeper->settings.keep = *keep;
}

void sweeper_free(struct sweeper **sweeper)
{
	struct sweeper *self = *sweeper;

	if (self == NULL)
		return;
	*sweeper = NULL;
	g_cancellable_cancel(self->cancellable);
	while (self->task != NULL)
		g_main_context_iteration(NULL, TRUE);
	if (self->timer != 0)
		g_source_remove(self->timer);
	g_object_unref(self->cancellable);
	g_strfreev(self->users);
	g_free(self);
}
