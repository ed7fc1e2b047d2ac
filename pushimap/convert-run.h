/*
 * A converter's process: octets in by its standard input, out by its standard output. No shell,
 * no descriptor of ours, no word of a client's but checked numbers in its environment; its time,
 * memory and output have ceilings (limits.h), it cannot write files, and it ends with us.
 */
#ifndef CONVERT_RUN_H
#define CONVERT_RUN_H

#include "convert-buf.h"

struct convert_run;
struct istream;

/* Once, later: `error` is NULL if all of the output is there, "" if the client went. It may free
 * the run. */
typedef void convert_run_done_t(const char *error, void *context);

/* `fd_client`: when its other end goes, so does the process. NULL: *error_r. */
struct convert_run *convert_run_start(const char *const *argv, const char *const *env,
				      struct istream *input, int fd_client,
				      convert_run_done_t *done, void *context,
				      const char **error_r);

/* What it said, which becomes the caller's; after it is done. */
struct convert_buf convert_run_take(struct convert_run *run);

/* Kills it if it is still there. */
void convert_run_free(struct convert_run **run);

#endif
