#include "event-fold.h"
#include "uid-set.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct flag_uids {
	char *name;
	struct uid_set set, cleared; /* which messages; no UID is in both */
	bool emitted;
};

struct event_fold {
	enum push_event_kind saved_kind;
	uint32_t saved_count;
	struct uid_set saved, expunged;
	struct flag_uids *flags;
	size_t flag_count, flag_alloc;
	bool failed;
};

struct event_fold *event_fold_new(void)
{
	return calloc(1, sizeof(struct event_fold));
}

void event_fold_free(struct event_fold **_fold)
{
	struct event_fold *fold = *_fold;

	*_fold = NULL;
	if (fold == NULL)
		return;
	for (size_t i = 0; i < fold->flag_count; i++) {
		free(fold->flags[i].name);
		uid_set_free(&fold->flags[i].set);
		uid_set_free(&fold->flags[i].cleared);
	}
	free(fold->flags);
	uid_set_free(&fold->saved);
	uid_set_free(&fold->expunged);
	free(fold);
}

void event_fold_saved(struct event_fold *fold, enum push_event_kind kind)
{
	fold->saved_kind = kind;
	if (fold->saved_count < UINT32_MAX)
		fold->saved_count++;
}

void event_fold_saved_uids(struct event_fold *fold, uint32_t first, uint32_t last)
{
	if (!uid_set_add(&fold->saved, first, last))
		fold->failed = true;
}

void event_fold_expunged(struct event_fold *fold, uint32_t uid)
{
	if (!uid_set_add(&fold->expunged, uid, uid))
		fold->failed = true;
}

static struct flag_uids *flag_get(struct event_fold *fold, const char *name)
{
	for (size_t i = 0; i < fold->flag_count; i++) {
		if (strcasecmp(fold->flags[i].name, name) == 0)
			return &fold->flags[i];
	}
	if (fold->flag_count == fold->flag_alloc) {
		size_t alloc = fold->flag_alloc == 0 ? 4 : fold->flag_alloc * 2;
		struct flag_uids *flags = reallocarray(fold->flags, alloc, sizeof(*flags));

		if (flags == NULL)
			return NULL;
		fold->flags = flags;
		fold->flag_alloc = alloc;
	}

	struct flag_uids *flag = &fold->flags[fold->flag_count];
	memset(flag, 0, sizeof(*flag));
	flag->name = strdup(name);
	if (flag->name == NULL)
		return NULL;
	fold->flag_count++;
	return flag;
}

void event_fold_flag(struct event_fold *fold, uint32_t uid, const char *name, bool set)
{
	struct flag_uids *flag = flag_get(fold, name);
	bool ok;

	if (flag == NULL) {
		fold->failed = true;
		return;
	}
	/* Undoing a change of this transaction leaves nothing to tell. */
	struct uid_set *same = set ? &flag->set : &flag->cleared;
	struct uid_set *opposite = set ? &flag->cleared : &flag->set;
	if (uid_set_contains(opposite, uid))
		ok = uid_set_remove(opposite, uid);
	else
		ok = uid_set_add(same, uid, uid);
	if (!ok)
		fold->failed = true;
}

bool event_fold_empty(const struct event_fold *fold)
{
	if (fold->saved_count > 0 || fold->expunged.count > 0)
		return false;
	for (size_t i = 0; i < fold->flag_count; i++) {
		if (fold->flags[i].set.count > 0 || fold->flags[i].cleared.count > 0)
			return false;
	}
	return true;
}

bool event_fold_failed(const struct event_fold *fold)
{
	return fold->failed;
}

/* As many events as the UIDs need. */
static void emit_uids(enum push_event_kind kind, const char *flags, const struct uid_set *uids,
		      event_fold_emit *emit, void *context)
{
	char text[EVENT_FOLD_UIDS_BYTES];

	for (size_t at = 0; at < uids->count;) {
		struct push_event event = {.kind = kind, .flags = flags, .uids = text};

		at = uid_set_format(uids, at, text, sizeof(text), &event.messages);
		emit(&event, context);
	}
}

static void emit_saved(struct event_fold *fold, event_fold_emit *emit, void *context)
{
	/* Mail is sometimes stored before it gets a UID; a UID for some of the
	 * messages only would say less than the number of all. */
	if (fold->saved_count == 0)
		return;
	if (uid_set_messages(&fold->saved) == fold->saved_count) {
		emit_uids(fold->saved_kind, NULL, &fold->saved, emit, context);
	} else {
		struct push_event event = {
			.kind = fold->saved_kind,
			.messages = fold->saved_count,
		};
		emit(&event, context);
	}
}

static const struct uid_set *side(const struct flag_uids *flag, bool set)
{
	return set ? &flag->set : &flag->cleared;
}

static enum push_event_kind flag_kind(const char *name, bool set)
{
	if (!set)
		return PUSH_EVENT_FLAGS_CLEAR;
	if (strcasecmp(name, "\\Seen") == 0)
		return PUSH_EVENT_MESSAGE_READ;
	if (strcasecmp(name, "\\Deleted") == 0)
		return PUSH_EVENT_MESSAGE_TRASH;
	return PUSH_EVENT_FLAGS_SET;
}

/* Starts with flag `first` and adds the names of further ones that concern the
 * same messages, as far as they fit. */
static void emit_flags(struct event_fold *fold, size_t first, bool set, event_fold_emit *emit,
		       void *context)
{
	enum push_event_kind kind = flag_kind(fold->flags[first].name, set);
	const struct uid_set *uids = side(&fold->flags[first], set);
	char names[EVENT_FOLD_FLAGS_BYTES];
	size_t used = 0;

	if (kind == PUSH_EVENT_MESSAGE_READ || kind == PUSH_EVENT_MESSAGE_TRASH) {
		emit_uids(kind, NULL, uids, emit, context);
		return;
	}
	for (size_t i = first; i < fold->flag_count; i++) {
		struct flag_uids *flag = &fold->flags[i];
		size_t len = strlen(flag->name);

		if (flag->emitted || flag_kind(flag->name, set) != kind ||
		    !uid_set_equal(uids, side(flag, set)))
			continue;
		if (used + (used > 0) + len + 1 > sizeof(names)) {
			/* Alone it would not fit either: nothing could name it. */
			if (len + 1 > sizeof(names)) {
				flag->emitted = true;
				fold->failed = true;
			}
			continue;
		}
		if (used > 0)
			names[used++] = ' ';
		memcpy(names + used, flag->name, len + 1);
		used += len;
		flag->emitted = true;
	}
	if (used > 0)
		emit_uids(kind, names, uids, emit, context);
}

static void emit_side(struct event_fold *fold, bool set, event_fold_emit *emit, void *context)
{
	for (size_t i = 0; i < fold->flag_count; i++)
		fold->flags[i].emitted = side(&fold->flags[i], set)->count == 0;
	for (size_t i = 0; i < fold->flag_count; i++) {
		if (!fold->flags[i].emitted)
			emit_flags(fold, i, set, emit, context);
	}
}

void event_fold_each(struct event_fold *fold, event_fold_emit *emit, void *context)
{
	emit_saved(fold, emit, context);
	emit_side(fold, true, emit, context);
	emit_side(fold, false, emit, context);
	emit_uids(PUSH_EVENT_MESSAGE_EXPUNGE, NULL, &fold->expunged, emit, context);
}
