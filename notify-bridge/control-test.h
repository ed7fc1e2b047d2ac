/*
 * One `fantailctl test`: a push to each of some devices, outside the queue, and
 * their outcomes reported as they come, the rest given up after a time.
 */
#ifndef FANTAIL_CONTROL_TEST_H
#define FANTAIL_CONTROL_TEST_H

#include "dispatcher.h"

struct control_test;

/* `one`: for each device once, `outcome` NULL if none came in time. `all`: once,
 * last; the test is freed after it. Neither is called from within control_test_new;
 * both on the main loop. */
struct control_test_handler {
	void (*one)(const struct device *device, const struct outcome *outcome, gint64 took_us,
		    gpointer data);
	void (*all)(gpointer data);
};

/* `devices`: struct device *, at least one; copied. The push says that `user` has
 * mail in INBOX; to a device that asked for content also who and what. */
struct control_test *control_test_new(struct dispatcher *dispatcher, const char *user,
				      const GPtrArray *devices, guint timeout_secs,
				      const struct control_test_handler *handler, gpointer data);
/* Nothing is called any more. NULL is fine; clears the pointer. */
void control_test_cancel(struct control_test **test);

#endif
