/* What the store-*.c files share. Theirs alone. */
#ifndef FANTAIL_PIM_STORE_PRIVATE_H
#define FANTAIL_PIM_STORE_PRIVATE_H

#include "sql.h"
#include "store.h"

struct pim_user; /* store.c: one user's file, and who has it */

struct pim_txn {
	struct pim_store *store;
	struct pim_user *user;
	struct sql *sql;
	guint savepoints;
	/* For who is to be told of it (store-alerts.c) */
	gint64 author;          /* a peer; 0 = none */
	pim_components changed; /* of items, in this transaction */
	gint64 changed_at;
	gboolean noted;
	GString *scratch; /* a chunk's pieces, put together */
};

const char *pim_txn_user(const struct pim_txn *txn);
const char *pim_txn_dir(const struct pim_txn *txn);
/* Before a commit. */
gboolean pim_alerts_note(struct pim_txn *txn, GError **error);

/* Of a row of `alert`: the device has synced since. It may have databases that it has given up
 * long ago. */
#define PIM_ALERT_ANSWERED                                                        \
	"coalesce((SELECT max(cursor) FROM target WHERE target.peer = alert.peer" \
	" AND target.collection = alert.collection), 0) >= alert.revision"

#endif
