/*
 * Writes to the store that fail: while armed, a message fails at its first write when it is sent
 * first, at its second when it comes again, and so on until it goes through. Linked with
 * --wrap for sql_run, sql_exec and sml_exchange_run (store_faults_dep).
 */
#ifndef FANTAIL_TEST_STORE_FAULTS_H
#define FANTAIL_TEST_STORE_FAULTS_H

#include <glib.h>

/* A message that fails is answered with 503, or the test fails. */
void store_faults_arm(gboolean on);
/* Since they were armed. */
guint store_faults_count(void);

#endif
