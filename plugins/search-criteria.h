/*
 * Criteria of a filter, by Dovecot's own search: what a client may write after SEARCH, with
 * the key of search-days.h, which has to be registered. Who sets a filter and who judges by
 * it read the same.
 */
#ifndef SEARCH_CRITERIA_H
#define SEARCH_CRITERIA_H

struct mail_search_args;
struct mail_search_register;

/* Parses one line without literals. `charset` NULL is UTF-8. What comes of DAYSBEFORETODAY
 * holds today only. 0 and args to be freed with mail_search_args_unref(), or -1 and a
 * sentence for the client; "$" is refused, since it is of a session. */
int search_criteria_parse(const char *criteria, const char *charset,
			  struct mail_search_args **args_r, const char **error_r);

/* The same with other keys. */
int search_criteria_parse_keys(struct mail_search_register *keys, const char *criteria,
			       const char *charset, struct mail_search_args **args_r,
			       const char **error_r);

/* The names of all keys, sorted. */
const char *const *search_criteria_keys(void);

void search_criteria_deinit(void);

#endif
