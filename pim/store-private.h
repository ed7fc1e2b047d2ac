/* What the store-*.c files share. Theirs alone. */
#ifndef FANTAIL_PIM_STORE_PRIVATE_H
#define FANTAIL_PIM_STORE_PRIVATE_H

#include "sql.h"

struct pim_user; /* store.c: one user's file, and who has it */

struct pim_txn {
	struct pim_store *store;
	struct pim_user *user;
	struct sql *sql;
	guint savepoints;
	GString *scratch; /* a chunk's pieces, put together */
};

#endif
