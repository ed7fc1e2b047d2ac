/*
 * One batch as one file in the spool folder, on disk when the call returns
 * (docs/wire-protocols.md, "Spool files"). libc only.
 */
#ifndef FANTAIL_SPOOL_FILE_H
#define FANTAIL_SPOOL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

/* Writes `pieces` to <directory>/<batch>: under a hidden name first, synced,
 * renamed, and the folder synced. False: nothing is left behind, and *error_r
 * names the call and the reason (borrowed until the next call). */
bool spool_file_write(const char *directory, const char *batch, const struct iovec *pieces,
		      size_t count, const char **error_r);

#endif
