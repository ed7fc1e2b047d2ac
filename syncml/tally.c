#include "tally.h"

#include <string.h>

#include "session.h"

struct counts {
	char *name, *anchor; /* together they are of one sync of one session */
	guint in[SML_KINDS], out[SML_KINDS];
	guint conflicts, failed;
};

struct tally_mark {
	gboolean authenticated, over;
	GArray *syncs; /* struct counts */
};

static void counts_clear(gpointer data)
{
	struct counts *counts = data;

	g_free(counts->name);
	g_free(counts->anchor);
}

static struct counts counts_of(const struct sync *sync)
{
	return (struct counts){
		.in = {sync->in_added, sync->in_replaced, sync->in_deleted},
		.out = {sync->out_added, sync->out_replaced, sync->out_deleted},
		.conflicts = sync->conflicts,
		.failed = sync->failed,
	};
}

struct tally_mark *tally_mark_new(const struct session *session)
{
	struct tally_mark *mark = g_new0(struct tally_mark, 1);

	mark->authenticated = session->authenticated;
	mark->over = session_is_over(session);
	mark->syncs = g_array_new(FALSE, FALSE, sizeof(struct counts));
	g_array_set_clear_func(mark->syncs, counts_clear);
	g_array_set_size(mark->syncs, session->syncs->len);
	for (guint i = 0; i < session->syncs->len; i++) {
		const struct sync *sync = session->syncs->pdata[i];
		struct counts *counts = &g_array_index(mark->syncs, struct counts, i);

		*counts = counts_of(sync);
		counts->name = g_strdup(sync->name);
		counts->anchor = g_strdup(sync->server_next);
	}
	return mark;
}

void tally_mark_free(struct tally_mark *mark)
{
	if (mark == NULL)
		return;
	g_array_unref(mark->syncs);
	g_free(mark);
}

/* All zero if it is a new one. */
static struct counts counts_before(const struct tally_mark *mark, const struct sync *sync)
{
	for (guint i = 0; i < mark->syncs->len; i++) {
		const struct counts *counts = &g_array_index(mark->syncs, struct counts, i);

		if (strcmp(counts->name, sync->name) == 0 &&
		    g_strcmp0(counts->anchor, sync->server_next) == 0)
			return *counts;
	}
	return (struct counts){.failed = 0};
}

static enum sml_end end_of(const struct session *session)
{
	if (session->suspended)
		return SML_END_SUSPENDED;
	for (guint i = 0; i < session->syncs->len; i++) {
		if (((const struct sync *)session->syncs->pdata[i])->failed != 0)
			return SML_END_FAILED;
	}
	return SML_END_OK;
}

void tally_session(const struct tally_mark *before, const struct session *session,
		   struct sml_tally *tally_r)
{
	memset(tally_r, 0, sizeof(*tally_r));
	tally_r->logged_in = session->authenticated && !before->authenticated;
	if (session_is_over(session) && !before->over)
		tally_r->end = end_of(session);
	for (guint i = 0; i < session->syncs->len; i++) {
		const struct sync *sync = session->syncs->pdata[i];
		struct counts was = counts_before(before, sync), is = counts_of(sync);

		for (guint kind = 0; kind < SML_KINDS; kind++) {
			tally_r->in[sync->collection][kind] += is.in[kind] - was.in[kind];
			tally_r->out[sync->collection][kind] += is.out[kind] - was.out[kind];
		}
		tally_r->conflicts += is.conflicts - was.conflicts;
		tally_r->guarded += is.failed == SYNC_GUARDED && was.failed != SYNC_GUARDED;
	}
}
