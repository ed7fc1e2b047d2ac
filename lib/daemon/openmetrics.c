#include "openmetrics.h"

#include <math.h>
#include <string.h>

/* Distinct label values that one family keeps; what is over is counted as "other".
 * The callers have a dozen; this is for the day one of them passes on a text that
 * a stranger chose. */
#define SERIES_MAX 64

/* Seconds. From a hint that finds its connection open to one that waited for a
 * phone company's bad evening. */
static const double bucket_bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
				       1,     2.5,    5,     10,   30,    60,   300, 900,  3600};
#define BUCKETS (G_N_ELEMENTS(bucket_bounds) + 1)

struct histogram {
	char *label;
	guint64 buckets[BUCKETS]; /* not cumulated; the last is +Inf */
	double sum;
};

static void series_clear(gpointer data)
{
	struct openmetrics_series *series = data;

	g_free(series->labels[0]);
	g_free(series->labels[1]);
}

static void histogram_clear(gpointer data)
{
	struct histogram *histogram = data;

	g_free(histogram->label);
}

static GArray *array_new(gsize size, GDestroyNotify clear)
{
	GArray *array = g_array_new(FALSE, TRUE, (guint)size);

	g_array_set_clear_func(array, clear);
	return array;
}

GArray *openmetrics_family_new(void)
{
	return array_new(sizeof(struct openmetrics_series), series_clear);
}

GArray *openmetrics_histograms_new(void)
{
	return array_new(sizeof(struct histogram), histogram_clear);
}

static struct openmetrics_series *find_series(GArray *family, const char *first, const char *second)
{
	for (guint i = 0; i < family->len; i++) {
		struct openmetrics_series *series =
			&g_array_index(family, struct openmetrics_series, i);

		if (strcmp(series->labels[0], first) == 0 &&
		    g_strcmp0(series->labels[1], second) == 0)
			return series;
	}
	return NULL;
}

void openmetrics_count(GArray *family, const char *first, const char *second, guint64 more)
{
	struct openmetrics_series *series = find_series(family, first, second);

	if (series == NULL && family->len >= SERIES_MAX) {
		first = "other";
		second = second != NULL ? "other" : NULL;
		series = find_series(family, first, second);
	}
	if (series == NULL) {
		struct openmetrics_series added = {{g_strdup(first), g_strdup(second)}, 0};

		g_array_append_val(family, added);
		series = &g_array_index(family, struct openmetrics_series, family->len - 1);
	}
	series->value += more;
}

static struct histogram *find_histogram(GArray *family, const char *label)
{
	for (guint i = 0; i < family->len; i++) {
		struct histogram *histogram = &g_array_index(family, struct histogram, i);

		if (strcmp(histogram->label, label) == 0)
			return histogram;
	}
	g_array_set_size(family, family->len + 1);
	struct histogram *added = &g_array_index(family, struct histogram, family->len - 1);
	added->label = g_strdup(label);
	return added;
}

void openmetrics_observe(GArray *family, const char *label, gint64 us)
{
	struct histogram *histogram = find_histogram(family, label);
	double seconds = (double)us / G_USEC_PER_SEC;
	guint bucket = 0;

	while (bucket < G_N_ELEMENTS(bucket_bounds) && seconds > bucket_bounds[bucket])
		bucket++;
	histogram->buckets[bucket]++;
	histogram->sum += seconds;
}

/* --- text -------------------------------------------------------------------- */

void openmetrics_head(GString *text, const char *name, const char *type, const char *unit,
		      const char *help)
{
	g_string_append_printf(text, "# TYPE %s %s\n", name, type);
	if (unit != NULL)
		g_string_append_printf(text, "# UNIT %s %s\n", name, unit);
	g_string_append_printf(text, "# HELP %s %s\n", name, help);
}

/* Of numbers with the same value the spec wants one spelling: "1.0", "0.005". */
static void write_number(GString *text, double number)
{
	char digits[G_ASCII_DTOSTR_BUF_SIZE];

	if (isinf(number)) {
		g_string_append(text, "+Inf");
		return;
	}
	g_ascii_formatd(digits, sizeof(digits), "%.15g", number);
	g_string_append(text, digits);
	if (strpbrk(digits, ".e") == NULL)
		g_string_append(text, ".0");
}

/* Escapes a label's value: backslash, quote, line feed. */
static void write_label(GString *text, const char *name, const char *value)
{
	g_autofree char *valid = g_utf8_make_valid(value, -1);

	g_string_append_printf(text, "%s=\"", name);
	for (const char *p = valid; *p != '\0'; p++) {
		if (*p == '\\' || *p == '"')
			g_string_append_c(text, '\\');
		if (*p == '\n')
			g_string_append(text, "\\n");
		else
			g_string_append_c(text, *p);
	}
	g_string_append_c(text, '"');
}

void openmetrics_family(GString *text, const char *name, const char *help, const char *first,
			const char *second, const GArray *family)
{
	openmetrics_head(text, name, "counter", NULL, help);
	for (guint i = 0; i < family->len; i++) {
		const struct openmetrics_series *series =
			&g_array_index(family, struct openmetrics_series, i);

		g_string_append_printf(text, "%s_total{", name);
		write_label(text, first, series->labels[0]);
		if (second != NULL) {
			g_string_append_c(text, ',');
			write_label(text, second, series->labels[1]);
		}
		g_string_append_printf(text, "} %" G_GUINT64_FORMAT "\n", series->value);
	}
}

void openmetrics_histograms(GString *text, const char *name, const char *help, const char *label,
			    const GArray *family)
{
	openmetrics_head(text, name, "histogram", "seconds", help);
	for (guint i = 0; i < family->len; i++) {
		const struct histogram *histogram = &g_array_index(family, struct histogram, i);
		guint64 below = 0;

		for (guint bucket = 0; bucket < BUCKETS; bucket++) {
			below += histogram->buckets[bucket];
			g_string_append_printf(text, "%s_bucket{", name);
			write_label(text, label, histogram->label);
			g_string_append(text, ",le=\"");
			write_number(text, bucket < G_N_ELEMENTS(bucket_bounds)
						   ? bucket_bounds[bucket]
						   : INFINITY);
			g_string_append_printf(text, "\"} %" G_GUINT64_FORMAT "\n", below);
		}
		g_string_append_printf(text, "%s_sum{", name);
		write_label(text, label, histogram->label);
		g_string_append(text, "} ");
		write_number(text, histogram->sum);
		g_string_append_printf(text, "\n%s_count{", name);
		write_label(text, label, histogram->label);
		g_string_append_printf(text, "} %" G_GUINT64_FORMAT "\n", below);
	}
}

void openmetrics_gauge(GString *text, const char *name, const char *unit, const char *help,
		       double value)
{
	openmetrics_head(text, name, "gauge", unit, help);
	g_string_append_printf(text, "%s ", name);
	write_number(text, value);
	g_string_append_c(text, '\n');
}

void openmetrics_counter(GString *text, const char *name, const char *unit, const char *help,
			 guint64 value)
{
	openmetrics_head(text, name, "counter", unit, help);
	g_string_append_printf(text, "%s_total %" G_GUINT64_FORMAT "\n", name, value);
}

void openmetrics_end(GString *text, gint64 started_us, const char *what, const char *info)
{
	g_autofree char *help = g_strdup_printf("When the %s was started.", what);

	openmetrics_gauge(text, "process_start_time_seconds", "seconds", help,
			  (double)started_us / G_USEC_PER_SEC);
	openmetrics_head(text, info, "info", NULL, "The version that runs.");
	g_string_append_printf(text, "%s_info{version=\"" FANTAIL_VERSION "\"} 1\n", info);
	g_string_append(text, "# EOF\n");
}
