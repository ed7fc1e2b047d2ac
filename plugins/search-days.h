/*
 * The search key DAYSBEFORETODAY of Push-IMAP, for SEARCH and for notification filters.
 *
 * DAYSBEFORETODAY 0 is mail that arrived (INTERNALDATE) today, 1 yesterday or today. Days
 * begin at midnight where the server is, as they do for SINCE.
 */
#ifndef FANTAIL_SEARCH_DAYS_H
#define FANTAIL_SEARCH_DAYS_H

/* If no other module of ours has done it. It stays, since Dovecot takes no key back. */
void search_days_register(void);

#endif
