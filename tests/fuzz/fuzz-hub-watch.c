/* Sessions come, say rules and go, and wake-ups pass: nobody is told twice, nobody who is
 * gone, and nothing is left in the end. Lines as the hub reads them. */
#include "hub-watch.h"
#include "limits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SESSIONS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct session {
	struct hub_watcher *watcher;
	unsigned told;
};

static void count(void *data, void *context)
{
	struct session *session = data;

	(void)context;
	assert(session->watcher != NULL);
	session->told++;
	assert(session->told == 1);
}

static void one_line(struct hub_table *table, struct session *sessions, char *line, size_t len)
{
	struct tabline_field fields[LIMIT_LINE_FIELDS];
	struct session *session = &sessions[len % SESSIONS];
	struct wake wake;
	size_t fields_count;

	if (tabline_split(line, len, fields, LIMIT_LINE_FIELDS, &fields_count) != TABLINE_OK)
		return;
	if (strcmp(fields[0].value, "WATCH") == 0) {
		hub_watcher_free(session->watcher);
		session->watcher = hub_watcher_new(table, "u", len % 2 == 0 ? "s" : NULL, session);
	} else if (strcmp(fields[0].value, "RULE") == 0 && session->watcher != NULL) {
		(void)hub_watcher_add(session->watcher, fields, fields_count);
	} else if (strcmp(fields[0].value, "SLEEP") == 0) {
		hub_watcher_free(session->watcher);
		session->watcher = NULL;
	} else if (wake_decode(fields, fields_count, &wake)) {
		for (size_t i = 0; i < SESSIONS; i++)
			sessions[i].told = 0;
		hub_table_each(table, &wake, count, NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hub_table *table = hub_table_new();
	struct session sessions[SESSIONS] = {{NULL, 0}};
	char *text = malloc(size + 1);
	char *start = text, *end;

	memcpy(text, data, size);
	text[size] = '\0';
	while ((end = memchr(start, '\n', (size_t)(text + size - start))) != NULL) {
		*end = '\0';
		one_line(table, sessions, start, (size_t)(end - start));
		start = end + 1;
	}
	for (size_t i = 0; i < SESSIONS; i++)
		hub_watcher_free(sessions[i].watcher);
	assert(hub_table_size(table) == 0);
	hub_table_free(table);
	free(text);
	return 0;
}
