/*
 * What the messages of tests/support/bombs.c cost: processor time and memory of each, the least of
 * some throws, each at a server of its own: what else goes on on the machine only adds to it.
 *
 *   bench-bombs [--quick] [NAME]: those whose name begins so
 *
 * Each may take 50 ms: what is refused as a whole, and what is read to its end and answered
 * command by command, or taken, though that is up to 2 MB.
 */
#include <stdio.h>
#include <string.h>

#include "bombs.h"

#define MOST_MS 50.0
#define EXTRA_MIB 16.0

struct worst {
	double value;
	const char *name;
};

static void keep_worst(struct worst *worst, double value, const char *name)
{
	if (value >= worst->value)
		*worst = (struct worst){value, name};
}

/* With a status of HTTP: nothing of it was executed. */
static gboolean is_refused(const struct bomb *bomb)
{
	return g_ascii_isdigit(*bomb->hears);
}

static void measure(const struct bomb *bomb, guint rounds, struct worst *ms, struct worst *mib)
{
	double least = G_MAXDOUBLE;
	gsize extra = 0;

	for (guint i = 0; i < rounds; i++) {
		struct bomb_site site;
		struct bomb_result result;

		bomb_site_init(&site);
		bomb_throw(&site, bomb, &result);
		least = MIN(least, result.cpu_ms);
		extra = MAX(extra, result.extra_kb);
		bomb_result_clear(&result);
		bomb_site_clear(&site);
	}
	g_print("%-40s %8.1f ms %8.1f MiB  %s\n", bomb->name, least, (double)extra / 1024,
		bomb->hears);
	keep_worst(ms, least, bomb->name);
	keep_worst(mib, (double)extra / 1024, bomb->name);
}

static gboolean say_goal(const char *name, const struct worst *worst, double most, const char *unit)
{
	gboolean met = worst->value <= most;

	g_print("goal\tsyncml-bombs-%s\t%.3g %s (%s)\t<= %g %s\t%s\n", name, worst->value, unit,
		worst->name, most, unit, met ? "met" : "missed");
	return met;
}

int main(int argc, char **argv)
{
	gboolean quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
	const char *wanted = argc > 1 + quick ? argv[1 + quick] : "";
	struct worst refused = {0, ""}, read = {0, ""}, memory = {0, ""};
	guint measured = 0;
	gboolean met;

	for (guint i = 0; i < bombs_count; i++) {
		if (!g_str_has_prefix(bombs[i].name, wanted))
			continue;
		measure(&bombs[i], quick ? 2 : 5, is_refused(&bombs[i]) ? &refused : &read,
			&memory);
		measured++;
	}
	if (measured == 0) {
		fprintf(stderr, "bench-bombs: no bomb's name begins with %s\n", wanted);
		return 2;
	}
	met = say_goal("refused-cpu", &refused, MOST_MS, "ms");
	met = say_goal("read-cpu", &read, MOST_MS, "ms") && met;
	met = say_goal("memory", &memory, EXTRA_MIB, "MiB") && met;
	return met ? 0 : 1;
}
