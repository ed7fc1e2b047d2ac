/*
 * What fantail-syncml counts, as OpenMetrics text over HTTP on a loopback port or a Unix socket:
 * fantail-syncml.conf(5), METRICS. Nobody is named in it. Main thread only.
 */
#ifndef FANTAIL_SYNCML_METRICS_H
#define FANTAIL_SYNCML_METRICS_H

#include "service.h"

struct syncml_metrics;

struct syncml_metrics *syncml_metrics_new(void);
/* NULL is fine; clears the pointer. */
void syncml_metrics_free(struct syncml_metrics **metrics);

/* Why something was turned away that may have been well meant. */
enum syncml_refusal {
	SYNCML_REFUSED_MESSAGES, /* LIMIT_SYNCML_PENDING, or the daemon ends */
	SYNCML_REFUSED_LOGINS,   /* logins-per-... */
	SYNCML_REFUSED_SESSIONS, /* sessions-per-... */
	SYNCML_REFUSED_PLAIN,    /* a password without TLS */
};
#define SYNCML_REFUSALS 4

/* A message was answered; `answer` is NULL if it was turned away. */
void syncml_metrics_message(struct syncml_metrics *metrics, guint http_status, gsize bytes_in,
			    gint64 us, const struct sml_answer *answer);
void syncml_metrics_login(struct syncml_metrics *metrics, enum sml_verdict verdict);
void syncml_metrics_refused(struct syncml_metrics *metrics, enum syncml_refusal why);
/* `swept` NULL: it failed. */
void syncml_metrics_swept(struct syncml_metrics *metrics, const struct pim_swept *swept);

/* What is asked for when somebody scrapes. */
struct syncml_gauges {
	guint messages, connections;
	guint64 too_large, too_slow; /* requests that were refused by now */
};
typedef void syncml_metrics_collect(struct syncml_gauges *gauges_r, gpointer data);
void syncml_metrics_set_collect(struct syncml_metrics *metrics, syncml_metrics_collect *collect,
				gpointer data);

/* The exposition, ends with "# EOF\n". */
GString *syncml_metrics_text(const struct syncml_metrics *metrics);
/* Serves /metrics there from now on (syncml-config.h, metrics); NULL: nowhere. */
gboolean syncml_metrics_listen(struct syncml_metrics *metrics, const char *address, GError **error);

#endif
