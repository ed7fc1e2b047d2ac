/*
 * A user's contacts, calendar or notes from a file and to one: what operators move accounts with.
 */
#ifndef FANTAIL_PIM_TRANSFER_H
#define FANTAIL_PIM_TRANSFER_H

#include "store.h"

/* --- reading --------------------------------------------------------------------- */

struct pim_imported {
	guint added, replaced, unchanged, failed;
};

struct pim_import {
	struct pim_store *store;
	const char *user;
	const char *zone; /* of times that name none; NULL = UTC */
	gint64 now;
	/* After some items each: octets of the file that are done. May be NULL. */
	void (*progress)(gsize done, gsize total, gpointer data);
	/* What was left out, and why; the import goes on. `offset` is where it begins. */
	void (*failed)(gsize offset, const char *why, gpointer data);
	gpointer data;
};

/* Any number of vCards, calendars and notes, one after the other, in any of the dialects. Of a
 * calendar, components with the same UID are one item. An item that is there already, by its
 * contents, is left as it is; one with the same UID is replaced. On an error what was read
 * before it may be in the store: the same file again adds the rest. */
gboolean pim_import_text(const struct pim_import *import, const char *text, gsize len,
			 struct pim_imported *imported_r, GError **error);

/* --- writing ------------------------------------------------------------------------ */

/* All of one collection, in vCard 3.0, iCalendar 2.0 or vNote 1.1. `write` takes a piece of it;
 * FALSE with *error stops. count_r: items. */
typedef gboolean pim_export_write(const char *text, gsize len, gpointer data, GError **error);
gboolean pim_export_text(struct pim_store *store, const char *user, enum pim_collection collection,
			 pim_export_write *write, gpointer data, guint *count_r, GError **error);

#endif
