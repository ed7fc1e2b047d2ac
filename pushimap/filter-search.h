/*
 * RFC 5466: the search key FILTER, by name one of the user's filters. A filter that there is
 * not is answered NO [UNDEFINED-FILTER name]. The session waits for the bridge while the
 * command's arguments are read, LIMIT_REGISTRAR_MSECS at most.
 */
#ifndef FILTER_SEARCH_H
#define FILTER_SEARCH_H

struct client;

/* Once for a process: SEARCH knows the key. */
void filter_search_init(void);
void filter_search_deinit(void);

/* For each session that may use it. */
void filter_search_client_created(struct client *client);

#endif
