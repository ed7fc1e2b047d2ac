/*
 * One user's SQLite file: opening, schema, and statements that are prepared once. Shared by the
 * pim/store-*.c files; theirs alone.
 */
#ifndef FANTAIL_PIM_SQL_H
#define FANTAIL_PIM_SQL_H

#include <sqlite3.h>

#include "store.h"

struct sql {
	sqlite3 *db;
	char *path;
	GHashTable *statements; /* SQL, by its address -> sqlite3_stmt */
};

/* NULL on error. `create` FALSE and there is no file: NULL without *error. */
struct sql *sql_open(const char *path, gboolean create, GError **error);
void sql_close(struct sql *sql);

/* Reset, without bindings. `text` is a string literal: its address is the key. One that does not
 * compile is a bug and aborts. */
sqlite3_stmt *sql_prepare(struct sql *sql, const char *text);
/* Steps one that returns no row, and resets it. */
gboolean sql_run(struct sql *sql, sqlite3_stmt *statement, GError **error);
/* 1: a row is there, and is until the statement is reset or prepared again. 0: none. -1:
 * failed. Reset unless 1. */
int sql_fetch(struct sql *sql, sqlite3_stmt *statement, GError **error);
/* "BEGIN IMMEDIATE" and the like. */
gboolean sql_exec(struct sql *sql, const char *text, GError **error);

/* NULL is NULL. What is bound has to live until the statement was run. */
void sql_bind_text(sqlite3_stmt *statement, int index, const char *text);
void sql_bind_blob(sqlite3_stmt *statement, int index, const void *data, gsize len);

#endif
