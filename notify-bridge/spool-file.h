/* One file of the spool folder: opened without trusting whoever put it there. */
#ifndef FANTAIL_SPOOL_FILE_H
#define FANTAIL_SPOOL_FILE_H

#include <glib.h>
#include <sys/types.h>

enum spool_file_result {
	SPOOL_FILE_OK,
	SPOOL_FILE_GONE,       /* it is not there any more */
	SPOOL_FILE_UNREADABLE, /* passing, or the operator's to mend; *reason_r */
	SPOOL_FILE_BAD,        /* will never be a batch; *reason_r */
};

/* Reads `name` in the folder `dir`. *lines_r: BATCH and EVENT lines, without END,
 * NUL-terminated; *owner_r: the file's. *reason_r: one line for people, static or
 * g_intern_string's. Outputs are set as said and on SPOOL_FILE_OK. */
enum spool_file_result spool_file_read(int dir, const char *name, char **lines_r, gsize *len_r,
				       uid_t *owner_r, const char **reason_r);

#endif
