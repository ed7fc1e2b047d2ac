#include "log-writer.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static gint most = G_LOG_LEVEL_INFO; /* atomic; higher bits are less important */
static gboolean journal;
static const char *program;

static const char *level_name(GLogLevelFlags level)
{
	if ((level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL)) != 0)
		return "error: ";
	if ((level & G_LOG_LEVEL_WARNING) != 0)
		return "warning: ";
	if ((level & G_LOG_LEVEL_DEBUG) != 0)
		return "debug: ";
	return "";
}

/* NULL = it has none. */
static const char *find(const GLogField *fields, gsize count, const char *key)
{
	for (gsize i = 0; i < count; i++) {
		if (strcmp(fields[i].key, key) == 0)
			return fields[i].value;
	}
	return NULL;
}

/* One line whatever the text: names of users and mailboxes are strangers'. */
static char *printable(const char *text)
{
	char *copy = g_utf8_make_valid(text, -1);

	for (char *p = copy; *p != '\0'; p++) {
		if ((guchar)*p < ' ' || *p == 0x7f)
			*p = ' ';
	}
	return copy;
}

static GLogWriterOutput write_log(GLogLevelFlags level, const GLogField *fields, gsize count,
				  gpointer data)
{
	g_autofree char *message = NULL;
	const char *text;

	if ((gint)(level & G_LOG_LEVEL_MASK) > g_atomic_int_get(&most))
		return G_LOG_WRITER_HANDLED;
	/* Libraries think aloud; ours has no domain. */
	if ((level & (G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG)) != 0 &&
	    find(fields, count, "GLIB_DOMAIN") != NULL)
		return G_LOG_WRITER_HANDLED;
	if (journal && g_log_writer_journald(level, fields, count, NULL) == G_LOG_WRITER_HANDLED)
		return G_LOG_WRITER_HANDLED;
	text = find(fields, count, "MESSAGE");
	message = printable(text != NULL ? text : "");
	fprintf(stderr, "%s: %s%s\n", program, level_name(level), message);
	return G_LOG_WRITER_HANDLED;
}

void log_writer_install(const char *name)
{
	program = name;
	journal = g_log_writer_is_journald(STDERR_FILENO);
	g_log_set_writer_func(write_log, NULL, NULL);
}

void log_writer_set_level(const char *name)
{
	gint level = G_LOG_LEVEL_INFO;

	if (strcmp(name, "error") == 0)
		level = G_LOG_LEVEL_CRITICAL;
	else if (strcmp(name, "warning") == 0)
		level = G_LOG_LEVEL_WARNING;
	else if (strcmp(name, "debug") == 0)
		level = G_LOG_LEVEL_DEBUG;
	g_atomic_int_set(&most, level);
}
