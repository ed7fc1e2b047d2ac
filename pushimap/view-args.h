/*
 * Arguments by which a view is made: CREATE's parameter XPSEARCH (draft-maes-lemonade-p-imap-12,
 * 5.3.12; LPSEARCH in its text, VFOLDER in draft-ietf-lemonade-vfolder-01) and the command XPSEARCH
 * of older drafts. Pure.
 */
#ifndef VIEW_ARGS_H
#define VIEW_ARGS_H

#include "arg-token.h"
#include "webpush-args.h"

/* Names as the client spelt them. */
struct view_args {
	const char *name;
	const char *backing;           /* NULL: the selected mailbox */
	const char *charset;           /* NULL = not said */
	size_t program, program_count; /* which tokens */
};

/* XPSEARCH and its other names: the first in the list after the name if CREATE makes a view. */
bool view_create_is_word(const char *text);

/* name "(" word "(" backing [CHARSET charset] program ")" ")" */
enum webpush_error view_create_parse(const struct arg_token *tokens, size_t count,
				     struct view_args *args_r, const char **error_r);

/* name [CHARSET charset] program */
enum webpush_error view_xpsearch_parse(const struct arg_token *tokens, size_t count,
				       struct view_args *args_r, const char **error_r);

/* VFOLDER's draft writes `CREATE name (VFOLDER(INBOX ...))`, which no parser of IMAP's arguments
 * takes. `line` is what follows CREATE; if it is of that form, the word's last letter becomes the
 * blank that is missing (the word is known without it, too). A name that is a literal hides it. */
void view_create_split(unsigned char *line, size_t len);

#endif
