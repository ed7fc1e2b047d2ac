/* With libdovecot and its test library, so not TAP: Dovecot's headers and GLib's
 * do not meet in one file. */
#include "lib.h"
#include "str.h"
#include "test-common.h"

#include "event-sink.h"
#include "fantail-settings.h"
#include "limits.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Nobody listens: every batch goes to the spool, where it can be looked at. */
static char folder[] = "/tmp/event-sink-XXXXXX";
static const struct fantail_settings settings = {
	.socket_path = "/nonexistent/bridge.sock",
	.spool_path = folder,
	.deadline_msecs = LIMIT_HANDOVER_MSECS,
};

struct spooled {
	unsigned int files, events, largest_count;
	size_t largest_bytes;
	uint64_t sequences; /* sum of them */
};

static void read_batch(const char *path, const char *name, struct spooled *spooled)
{
	static char data[2 * LIMIT_BATCH_BYTES];
	struct tabline_field fields[LIMIT_LINE_FIELDS];
	FILE *file = fopen(path, "re");
	size_t size = fread(data, 1, sizeof(data), file), count;
	unsigned int events = 0;
	uint32_t announced = 0;
	bool ended = FALSE;

	fclose(file);
	for (char *line = data, *lf;
	     (lf = memchr(line, '\n', (size_t)(data + size - line))) != NULL; line = lf + 1) {
		size_t len = (size_t)(lf - line);
		struct push_event event;

		test_assert(!ended && len < LIMIT_LINE);
		if (line == data) {
			test_assert(tabline_split(line, len, fields, N_ELEMENTS(fields), &count) ==
				    TABLINE_OK);
			test_assert_strcmp(fields[0].value, "BATCH");
			test_assert_strcmp(tabline_get(fields, count, "batch"), name);
			test_assert_strcmp(tabline_get(fields, count, "user"), "alice");
			test_assert(
				tabline_parse_u32(tabline_get(fields, count, "count"), &announced));
		} else if (strncmp(line, "END\n", 4) == 0) {
			ended = TRUE;
		} else {
			test_assert(push_event_decode(line, len, &event) == PUSH_EVENT_OK);
			spooled->sequences += event.sequence;
			events++;
		}
	}
	test_assert(ended && events == announced && strlen(name) == LIMIT_BATCH_ID);
	spooled->files++;
	spooled->events += events;
	spooled->largest_count = I_MAX(spooled->largest_count, events);
	spooled->largest_bytes = I_MAX(spooled->largest_bytes, size);
}

/* Reads all batches and removes them. */
static struct spooled read_spool(void)
{
	struct spooled spooled = {.files = 0};
	DIR *dir = opendir(folder);
	const struct dirent *entry;

	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		T_BEGIN
		{
			const char *path = t_strdup_printf("%s/%s", folder, entry->d_name);

			read_batch(path, entry->d_name, &spooled);
			i_unlink(path);
		}
		T_END;
	}
	closedir(dir);
	return spooled;
}

static struct push_event some_event(uint64_t sequence, const char *subject)
{
	return (struct push_event){
		.kind = PUSH_EVENT_MESSAGE_NEW,
		.time_us = 1,
		.sequence = sequence,
		.user = "alice",
		.mailbox = "INBOX",
		.subject = subject,
	};
}

static void count_filter(const char *name, const char *criteria, const char *charset, void *context)
{
	test_assert(name == NULL && criteria == NULL && charset == NULL);
	++*(unsigned int *)context;
}

static void test_nothing(void)
{
	struct event *event = event_create(NULL);
	struct event_sink *sink = event_sink_new(event, "alice", &settings);

	unsigned int filters = 0;

	test_begin("event sink: nothing added, nothing sent");
	event_sink_spend(sink, 1);
	test_assert(event_sink_time_left(sink) == 0);
	test_assert(event_sink_ask(sink, "INBOX", count_filter, &filters) == EVENT_WANT_HINT);
	/* That nobody said which there are is said. */
	test_assert(filters == 1);
	event_sink_spend(sink, UINT64_MAX);
	test_assert(event_sink_time_left(sink) == 0);
	event_sink_finish(&sink);
	test_assert(sink == NULL);
	event_sink_finish(&sink);
	test_assert(read_spool().files == 0);
	event_unref(&event);
	test_end();
}

static void test_counts(void)
{
	static const struct {
		unsigned int events, files;
	} rows[] = {
		{1, 1},
		{LIMIT_BATCH_EVENTS - 1, 1},
		{LIMIT_BATCH_EVENTS, 1},
		{LIMIT_BATCH_EVENTS + 1, 2},
		{3 * LIMIT_BATCH_EVENTS, 3},
	};
	struct event *event = event_create(NULL);

	test_begin("event sink: number of events in a batch");
	for (unsigned int row = 0; row < N_ELEMENTS(rows); row++) {
		struct event_sink *sink = event_sink_new(event, "alice", &settings);
		uint64_t n = rows[row].events;

		for (uint64_t i = 1; i <= n; i++) {
			struct push_event one = some_event(i, NULL);

			event_sink_add(sink, &one);
		}
		event_sink_finish(&sink);
		struct spooled spooled = read_spool();
		test_assert_idx(spooled.files == rows[row].files, row);
		test_assert_idx(spooled.events == n, row);
		test_assert_idx(spooled.sequences == n * (n + 1) / 2, row);
		test_assert_idx(spooled.largest_count <= LIMIT_BATCH_EVENTS, row);
	}
	event_unref(&event);
	test_end();
}

static void test_bytes(void)
{
	enum {
		EVENTS = 600,
		BYTES = 4000
	};
	struct event *event = event_create(NULL);
	struct event_sink *sink = event_sink_new(event, "alice", &settings);
	char subject[BYTES + 1];

	test_begin("event sink: bytes of a batch");
	/* Flags may be long; a subject this long would be refused by readers. */
	memset(subject, 'x', BYTES);
	subject[BYTES] = '\0';
	for (uint64_t i = 1; i <= EVENTS; i++) {
		struct push_event one = some_event(i, NULL);

		one.flags = subject;
		event_sink_add(sink, &one);
	}
	event_sink_finish(&sink);
	struct spooled spooled = read_spool();
	test_assert(spooled.files == 3);
	test_assert(spooled.events == EVENTS);
	test_assert(spooled.largest_bytes <= LIMIT_BATCH_BYTES);
	test_assert(spooled.largest_bytes > LIMIT_BATCH_BYTES - 10 * BYTES);
	event_unref(&event);
	test_end();
}

static void test_event_too_long(void)
{
	struct event *event = event_create(NULL);
	struct event_sink *sink = event_sink_new(event, "alice", &settings);
	char *flags = malloc(LIMIT_LINE + 1);

	test_begin("event sink: an event too long for a line costs no other");
	memset(flags, 'x', LIMIT_LINE);
	flags[LIMIT_LINE] = '\0';
	test_expect_error_string("Lost 1 batch");
	for (uint64_t i = 1; i <= 5; i++) {
		struct push_event one = some_event(i, NULL);

		if (i == 2)
			one.flags = flags;
		event_sink_add(sink, &one);
	}
	event_sink_finish(&sink);
	test_expect_no_more_errors();
	struct spooled spooled = read_spool();
	test_assert(spooled.events == 4);
	test_assert(spooled.sequences == 1 + 3 + 4 + 5);
	free(flags);
	event_unref(&event);
	test_end();
}

int main(void)
{
	static void (*const tests[])(void) = {
		test_nothing, test_counts, test_bytes, test_event_too_long, NULL,
	};
	int status;

	if (mkdtemp(folder) == NULL)
		return 1;
	status = test_run(tests);
	(void)rmdir(folder);
	return status;
}
