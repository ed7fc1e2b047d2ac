/*
 * Turning the main loop in a test: for a while, and until something has happened.
 * Written for machines that are busy elsewhere: nothing here takes it that a time that
 * has passed was ours.
 */
#ifndef FANTAIL_TESTS_SPIN_H
#define FANTAIL_TESTS_SPIN_H

#include <glib.h>

/* What is to happen has this long; what must not happen before 30 s fits behind it. */
#define PATIENCE_US (20 * (gint64)G_USEC_PER_SEC)

/* For `msecs`, and on for as long as there is something to do. */
G_GNUC_UNUSED static void spin(guint msecs)
{
	gint64 until_us = g_get_monotonic_time() + (gint64)msecs * 1000;
	gboolean did;

	do {
		did = g_main_context_iteration(NULL, FALSE);
		if (!did)
			g_usleep(500);
	} while (g_get_monotonic_time() < until_us + (did ? PATIENCE_US : 0));
}

/* Until the condition holds. That it does at last is for the caller to assert. */
#define spin_until(condition)                                            \
	do {                                                             \
		gint64 end_us_ = g_get_monotonic_time() + PATIENCE_US;   \
                                                                         \
		while (!(condition) && g_get_monotonic_time() < end_us_) \
			spin(1);                                         \
	} while (0)

#endif
