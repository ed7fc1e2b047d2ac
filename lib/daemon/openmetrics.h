/*
 * Counters and histograms, and their OpenMetrics 1.0 text. What a daemon counts, and by which
 * names, is its own affair. Main thread only.
 */
#ifndef FANTAIL_OPENMETRICS_H
#define FANTAIL_OPENMETRICS_H

#include <glib.h>

/* --- counting ----------------------------------------------------------------- */

/* One counter of a family, told apart by up to two labels. */
struct openmetrics_series {
	char *labels[2]; /* the second may be NULL */
	guint64 value;
};
/* An array of these, or of histograms. */
GArray *openmetrics_family_new(void);
GArray *openmetrics_histograms_new(void);
/* Past a number of series that no table of a daemon's has, one for others. */
void openmetrics_count(GArray *family, const char *first, const char *second, guint64 more);
/* Labels are names of a table. */
void openmetrics_observe(GArray *histograms, const char *label, gint64 us);

/* --- writing ------------------------------------------------------------------ */

/* What comes before the samples of a family; `unit` NULL = none. */
void openmetrics_head(GString *text, const char *name, const char *type, const char *unit,
		      const char *help);
/* `name` without "_total"; `second`: as in openmetrics_count(). */
void openmetrics_family(GString *text, const char *name, const char *help, const char *first,
			const char *second, const GArray *family);
/* Of seconds: `name` ends in "_seconds". */
void openmetrics_histograms(GString *text, const char *name, const char *help, const char *label,
			    const GArray *histograms);
/* One counter without labels. */
void openmetrics_counter(GString *text, const char *name, const char *unit, const char *help,
			 guint64 value);
void openmetrics_gauge(GString *text, const char *name, const char *unit, const char *help,
		       double value);
/* When the process was started, which version it is, and the end. `info`: "fantail_build";
 * `what`: "bridge". */
void openmetrics_end(GString *text, gint64 started_us, const char *what, const char *info);

#endif
