/*
 * What one transaction did to messages, folded into few events: a STORE that
 * flags 1,000 messages is one FlagsSet with a UID set.
 *
 * Which change is which event is decided here (docs/wire-protocols.md, EVENT):
 * \Seen set is MessageRead, \Deleted set is MessageTrash, anything else that
 * was set is FlagsSet, anything that was cleared FlagsClear. A flag that is set
 * and cleared again for a message within the transaction is no event.
 *
 * Per flag one UID set, and flags with equal sets share an event: the number of
 * events is bounded by the number of different flags, not of messages.
 * Knows lib/ only.
 */
#ifndef FANTAIL_EVENT_FOLD_H
#define FANTAIL_EVENT_FOLD_H

#include "push-event.h"

/* Room for the UIDs and the flag names of one event, in bytes; what is over
 * goes into a further event. Together with two mailbox names, two user names
 * and the content of a message, all escaped, they fit a line (LIMIT_LINE). */
#define EVENT_FOLD_UIDS_BYTES 16384
#define EVENT_FOLD_FLAGS_BYTES 8192

struct event_fold;

/* NULL: out of memory. */
struct event_fold *event_fold_new(void);
void event_fold_free(struct event_fold **fold);

/* `kind` is MessageNew or MessageAppend, the same for all of a fold. Counts
 * messages whose UIDs are not known (yet). */
void event_fold_saved(struct event_fold *fold, enum push_event_kind kind);
/* UIDs of the messages that were counted, once they are known. */
void event_fold_saved_uids(struct event_fold *fold, uint32_t first, uint32_t last);
void event_fold_expunged(struct event_fold *fold, uint32_t uid);
/* `name` is an IMAP flag or keyword; case as it was first seen. */
void event_fold_flag(struct event_fold *fold, uint32_t uid, const char *name, bool set);

bool event_fold_empty(const struct event_fold *fold);
/* True once memory ran out: what it holds is not all that happened. */
bool event_fold_failed(const struct event_fold *fold);

/* Calls `emit` for each event: saves, flags set in the order in which they were
 * first seen, flags cleared, expunges. Of `event` kind, uids, messages and flags
 * are filled in, borrowed for the call; the rest is zero and for the callee to
 * complete. */
typedef void event_fold_emit(struct push_event *event, void *context);
void event_fold_each(struct event_fold *fold, event_fold_emit *emit, void *context);

#endif
