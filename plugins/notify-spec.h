/*
 * What a client asks for with NOTIFY (RFC 5465 section 8), parsed and matched.
 *
 * Works on a flat row of tokens, so that it knows neither Dovecot nor its parser and
 * can be fuzzed alone. Pure.
 */
#ifndef FANTAIL_NOTIFY_SPEC_H
#define FANTAIL_NOTIFY_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 5465 section 5, in the order in which BADEVENT lists them. */
enum notify_event {
	NOTIFY_MESSAGE_NEW = 1 << 0,
	NOTIFY_MESSAGE_EXPUNGE = 1 << 1,
	NOTIFY_FLAG_CHANGE = 1 << 2,
	NOTIFY_ANNOTATION_CHANGE = 1 << 3, /* parsed, never supported: no ANNOTATE here */
	NOTIFY_MAILBOX_NAME = 1 << 4,
	NOTIFY_SUBSCRIPTION_CHANGE = 1 << 5,
	NOTIFY_MAILBOX_METADATA_CHANGE = 1 << 6,
	NOTIFY_SERVER_METADATA_CHANGE = 1 << 7,
};
typedef uint32_t notify_events;
#define NOTIFY_EVENTS_MESSAGE                                               \
	(NOTIFY_MESSAGE_NEW | NOTIFY_MESSAGE_EXPUNGE | NOTIFY_FLAG_CHANGE | \
	 NOTIFY_ANNOTATION_CHANGE)

enum notify_token_type {
	NOTIFY_TOKEN_ATOM,
	NOTIFY_TOKEN_STRING, /* quoted or literal */
	NOTIFY_TOKEN_NIL,
	NOTIFY_TOKEN_OPEN,
	NOTIFY_TOKEN_CLOSE,
};
struct notify_token {
	enum notify_token_type type;
	const char *text; /* ATOM, STRING; NIL as the client wrote it. Never NULL there */
};

enum notify_filter {
	NOTIFY_FILTER_INBOXES,
	NOTIFY_FILTER_PERSONAL,
	NOTIFY_FILTER_SUBSCRIBED,
	NOTIFY_FILTER_SUBTREE,
	NOTIFY_FILTER_MAILBOXES,
};
#define NOTIFY_FILTER_COUNT 5

/* A group of other mailboxes than the selected one. */
struct notify_group {
	enum notify_filter filter;
	notify_events events; /* 0 = NONE */
	/* SUBTREE, MAILBOXES: into notify_spec.names */
	size_t first_name, name_count;
};

enum notify_selected_mode {
	NOTIFY_SELECTED_NONE, /* no such group, or NONE: RFC 5465 section 3.1 */
	NOTIFY_SELECTED_IMMEDIATE,
	NOTIFY_SELECTED_DELAYED,
};

struct notify_spec {
	bool none;   /* NOTIFY NONE; all else is empty */
	bool status; /* STATUS indicator */
	enum notify_selected_mode selected;
	notify_events selected_events;
	/* MessageNew's fetch-att: tokens [fetch_first, fetch_first + fetch_count), its
	 * parentheses not included; 0, 0 = none. */
	size_t fetch_first, fetch_count;
	struct notify_group *groups; /* in the order of the command */
	size_t group_count;
	const char **names; /* borrowed from the tokens, in the client's encoding */
	size_t name_count;

	/* What notify_spec_match() goes by; see notify_spec_reindex(). */
	notify_events by_filter[NOTIFY_FILTER_COUNT];
	struct notify_index_entry *index;
	size_t index_count;
};

enum notify_result {
	NOTIFY_OK = 0,
	NOTIFY_SYNTAX,    /* BAD */
	NOTIFY_BAD_EVENT, /* NO [BADEVENT (...)], RFC 5465 section 3.1 */
	NOTIFY_OVERFLOW,  /* NO [NOTIFICATIONOVERFLOW]: over max_names */
	NOTIFY_NO_MEMORY,
};

/* The arguments of NOTIFY. `supported`: what is not in it is NOTIFY_BAD_EVENT. A syntax
 * error comes before a bad event, and that before an overflow, wherever they stand.
 * `max_names` is for all groups together. Fills *spec_r on NOTIFY_OK only (to be freed);
 * else *error_r is a sentence for the client that holds nothing the client sent. What the
 * list after MessageNew says is left to the FETCH parser, but for its brackets. */
enum notify_result notify_spec_parse(const struct notify_token *tokens, size_t count,
				     notify_events supported, size_t max_names,
				     struct notify_spec *spec_r, const char **error_r);
/* `spec` may be all zero, and is so afterwards. */
void notify_spec_free(struct notify_spec *spec);

/* To be called by who has put other text into spec->names (decoded names, for one), of
 * the same number. Parsing has done it already. */
void notify_spec_reindex(struct notify_spec *spec);

/* "MessageNew MessageExpunge ...", in RFC 5465's order; `out` holds NOTIFY_EVENTS_SIZE. */
#define NOTIFY_EVENTS_SIZE 160
void notify_events_format(notify_events events, char out[NOTIFY_EVENTS_SIZE]);

/* A mailbox as groups see it. */
struct notify_box {
	const char *name; /* in the encoding of spec->names */
	char separator;   /* of its namespace; '\0' = none */
	bool personal;    /* in a personal namespace, RFC 2342 */
	bool inbox;       /* a delivery agent may deliver into it */
	bool subscribed;
};
/* The union of all matching groups (RFC 5465 section 6); the selected group is none of
 * them. INBOX and its children compare without case in the part "INBOX". The work grows
 * with the depth of the mailbox and the logarithm of the number of names. */
notify_events notify_spec_match(const struct notify_spec *spec, const struct notify_box *box);

/* Union of the events of spec->groups. */
notify_events notify_spec_events(const struct notify_spec *spec);

#endif
