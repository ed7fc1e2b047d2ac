/*
 * The addresses of databases: what phones write in Target/LocURI, and the options that some
 * append. Pure.
 *
 *	contacts   ./contacts   card?/dr(-30,60)   http://host/sync/calendar?past=30&folder=Work
 */
#ifndef FANTAIL_SYNCML_DATABASE_URI_H
#define FANTAIL_SYNCML_DATABASE_URI_H

#include <glib.h>

#include "item.h"

struct database_uri {
	char *name; /* without scheme, host, service path, "./" and options; lower case */
	/* Which of ours it means; a database is a view of a collection. */
	enum pim_collection collection;
	pim_components components;
	gboolean known;

	/* Options; G_MININT = not said. Days around today. */
	int days_past, days_future;
	char *filter;       /* fi() or tf(): grammar of filter.h; NULL = none */
	char *folder;       /* NULL = none */
	guint64 size_limit; /* 0 = none */
	gboolean no_attachments, ignore_completed;
	char *ignored; /* options that we do not know, for one line in the log; NULL */
};

/* `service_path`: the path under which we are reached ("/sync"), or NULL. */
void database_uri_parse(const char *uri, const char *service_path, struct database_uri *uri_r);
void database_uri_clear(struct database_uri *uri);
/* Of a device that has its tasks among its events, whatever it calls that: one of events alone is
 * one of both. */
void database_uri_with_tasks(struct database_uri *uri);
/* Do they name the same database? */
gboolean database_uri_equal(const char *a, const char *b, const char *service_path);

#endif
