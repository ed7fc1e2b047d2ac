/*
 * The file that makes a mailbox a view: which mailbox is behind it, and which messages of
 * that it shows. It lies in the mailbox's folder and is never changed. Pure; libc only.
 *
 *   "fantail-view 1" LF "guid" SP 32 hexadecimal digits LF
 *   "backing" SP name LF "criteria" SP search program LF
 */
#ifndef FANTAIL_VIEW_FILE_H
#define FANTAIL_VIEW_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "limits.h"

#define VIEW_FILE_NAME "fantail-view"
#define VIEW_GUID_DIGITS 32
/* The most a file may have: both values and the words around them. */
#define VIEW_FILE_MAX (LIMIT_MAILBOX + LIMIT_FILTER_CRITERIA + 128)

struct view_file {
	const char *guid;     /* of the view, lower case */
	const char *backing;  /* UTF-8, as its owner sees it */
	const char *criteria; /* one line in UTF-8 */
};

/* Returns the length, or 0 if a value has no place in a file. */
size_t view_file_format(const struct view_file *file, char out[VIEW_FILE_MAX]);

/* `text` is cut into pieces, which `file_r` borrows, and ends in NUL. */
bool view_file_parse(char *text, struct view_file *file_r);

#endif
