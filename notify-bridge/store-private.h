/*
 * What store.c (the main thread's side) and store-writer.c (the writer thread)
 * share. Theirs alone.
 */
#ifndef FANTAIL_STORE_PRIVATE_H
#define FANTAIL_STORE_PRIVATE_H

#include "store-file.h"
#include "store.h"

/* SQLite's default, which nobody here changes. */
#define STORE_PAGE_BYTES 4096

struct store_job {
	store_work work;
	store_done done;
	gpointer data;
	GError *error;
	gboolean settle;
};

struct store {
	struct store_file file;
	GMainContext *context;
	GThread *thread;
	guint waiting; /* jobs that were not reported yet; atomic */

	GMutex mutex; /* guards what follows up to the next blank line */
	GCond wakeup;
	GQueue jobs;
	guint urgent;           /* of them: those of store_write, whose callers wait */
	GPtrArray *finished;    /* struct store_job *, to be reported */
	GSource *report_source; /* that will do so; NULL = none */
	gboolean closing;

	/* Main thread */
	GHashTable *read_statements; /* sql, by address -> sqlite3_stmt */

	/* Writer thread */
	GHashTable *write_statements;
	/* SQL that sets max_page_count for either kind of job; NULL = no bound */
	char *write_limit, *settle_limit;
	const char *limit; /* the one in force */
	guint log_pages;
	gboolean housekeeping; /* something was written since it was last done */
	gint64 reserve_tried_us;
};

/* The thread's function; ends once `closing` is set and all jobs are done. */
gpointer store_writer_main(gpointer store);
/* Before the thread starts. */
void store_writer_init(struct store *store, guint64 max_bytes);

/* store.c: takes jobs that are finished, so that they are reported soon. Empties
 * `jobs`. */
void store_hand_over(struct store *store, GPtrArray *jobs);

#endif
