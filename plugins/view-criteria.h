/*
 * The search program of a view, by Dovecot's own search (search-criteria.h). Keys are allowed
 * whose answer for a message never changes while it is in its mailbox, so that who is in a
 * view is asked once for each message and UIDs that come are higher than all before; and
 * those that count days back from now, since by these messages only leave.
 */
#ifndef FANTAIL_VIEW_CRITERIA_H
#define FANTAIL_VIEW_CRITERIA_H

#include <stdbool.h>

struct mail_search_args;

/* One line in UTF-8. `leaving_r`: messages leave it as time goes by. 0 and args to be freed with
 * mail_search_args_unref(), which hold today only if it is so; or -1 and a sentence for the
 * client. */
int view_criteria_parse(const char *criteria, struct mail_search_args **args_r, bool *leaving_r,
			const char **error_r);

void view_criteria_deinit(void);

#endif
