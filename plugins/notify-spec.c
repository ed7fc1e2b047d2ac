#include "notify-spec.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct event_row {
	const char *name;
	notify_events bit;
} event_rows[] = {
	{"MessageNew", NOTIFY_MESSAGE_NEW},
	{"MessageExpunge", NOTIFY_MESSAGE_EXPUNGE},
	{"FlagChange", NOTIFY_FLAG_CHANGE},
	{"AnnotationChange", NOTIFY_ANNOTATION_CHANGE},
	{"MailboxName", NOTIFY_MAILBOX_NAME},
	{"SubscriptionChange", NOTIFY_SUBSCRIPTION_CHANGE},
	{"MailboxMetadataChange", NOTIFY_MAILBOX_METADATA_CHANGE},
	{"ServerMetadataChange", NOTIFY_SERVER_METADATA_CHANGE},
};
#define EVENT_COUNT (sizeof(event_rows) / sizeof(event_rows[0]))

/* `selected` is NONE in the rows of other mailboxes. */
static const struct filter_row {
	const char *name;
	enum notify_selected_mode selected;
	enum notify_filter filter;
} filter_rows[] = {
	{"selected", NOTIFY_SELECTED_IMMEDIATE, 0},
	{"selected-delayed", NOTIFY_SELECTED_DELAYED, 0},
	{"inboxes", NOTIFY_SELECTED_NONE, NOTIFY_FILTER_INBOXES},
	{"personal", NOTIFY_SELECTED_NONE, NOTIFY_FILTER_PERSONAL},
	{"subscribed", NOTIFY_SELECTED_NONE, NOTIFY_FILTER_SUBSCRIBED},
	{"subtree", NOTIFY_SELECTED_NONE, NOTIFY_FILTER_SUBTREE},
	{"mailboxes", NOTIFY_SELECTED_NONE, NOTIFY_FILTER_MAILBOXES},
};
#define FILTER_ROW_COUNT (sizeof(filter_rows) / sizeof(filter_rows[0]))

/* The command is read twice by the same code: first to find faults and to count, then,
 * with the arrays at hand, to fill them. So nothing has to be undone half-way. */
struct parser {
	const struct notify_token *tokens;
	size_t count, next;
	notify_events supported;
	struct notify_spec *spec; /* arrays are NULL in the first round */
	bool selected_seen, bad_event;
	const char *error;
};

static bool fail(struct parser *p, const char *text)
{
	p->error = text;
	return false;
}

/* --- tokens --------------------------------------------------------------- */

static bool next_is(const struct parser *p, enum notify_token_type type)
{
	return p->next < p->count && p->tokens[p->next].type == type;
}

static bool take(struct parser *p, enum notify_token_type type)
{
	if (!next_is(p, type))
		return false;
	p->next++;
	return true;
}

static bool take_word(struct parser *p, const char *word)
{
	if (!next_is(p, NOTIFY_TOKEN_ATOM) || strcasecmp(p->tokens[p->next].text, word) != 0)
		return false;
	p->next++;
	return true;
}

/* NIL is an atom like any other where the grammar has an astring (RFC 3501). */
static bool take_astring(struct parser *p, const char **text_r)
{
	if (!next_is(p, NOTIFY_TOKEN_ATOM) && !next_is(p, NOTIFY_TOKEN_STRING) &&
	    !next_is(p, NOTIFY_TOKEN_NIL))
		return false;
	*text_r = p->tokens[p->next++].text;
	return true;
}

/* Parsers are more generous than RFC 3501's "atom"; what is none is no event either. */
static bool is_atom(const char *text)
{
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text <= ' ' || *text >= 0x7f || strchr("(){%*\"\\]", *text) != NULL)
			return false;
	}
	return true;
}

/* --- events --------------------------------------------------------------- */

/* What may stand between brackets after MessageNew: FETCH items, and the header names
 * of BODY[HEADER.FIELDS (...)] in brackets of their own. */
static bool parse_fetch(struct parser *p)
{
	size_t first = p->next;
	bool inner = false;

	for (; p->next < p->count; p->next++) {
		switch (p->tokens[p->next].type) {
		case NOTIFY_TOKEN_ATOM:
			break;
		case NOTIFY_TOKEN_STRING:
		case NOTIFY_TOKEN_NIL:
			if (!inner)
				return fail(p, "FETCH items are atoms.");
			break;
		case NOTIFY_TOKEN_OPEN:
			if (inner || p->next == first)
				return fail(p, "FETCH items are nested too deeply.");
			inner = true;
			break;
		case NOTIFY_TOKEN_CLOSE:
			if (inner) {
				inner = false;
				break;
			}
			if (p->next == first)
				return fail(p, "The list of FETCH items is empty.");
			if (p->spec->fetch_count > 0)
				return fail(p, "FETCH items are given twice.");
			p->spec->fetch_first = first;
			p->spec->fetch_count = p->next++ - first;
			return true;
		}
	}
	return fail(p, "The list of FETCH items is not closed.");
}

static bool parse_event(struct parser *p, bool selected, notify_events *events)
{
	const struct event_row *row = event_rows;
	const char *name;

	if (!next_is(p, NOTIFY_TOKEN_ATOM) || !is_atom(p->tokens[p->next].text))
		return fail(p, "Events are given by their names.");
	name = p->tokens[p->next++].text;
	while (row < event_rows + EVENT_COUNT && strcasecmp(name, row->name) != 0)
		row++;

	notify_events bit = row < event_rows + EVENT_COUNT ? row->bit : 0;
	if ((bit & p->supported) == 0)
		p->bad_event = true;
	if (selected && (bit & ~NOTIFY_EVENTS_MESSAGE) != 0)
		return fail(p, "The selected mailbox has message events only.");
	*events |= bit;
	if (!take(p, NOTIFY_TOKEN_OPEN))
		return true;
	if (bit != NOTIFY_MESSAGE_NEW)
		return fail(p, "FETCH items go with MessageNew only.");
	if (!selected)
		return fail(p, "FETCH items go with the selected mailbox only.");
	return parse_fetch(p);
}

/* RFC 5465 section 5. */
static bool check_pairs(struct parser *p, notify_events events)
{
	const notify_events both = NOTIFY_MESSAGE_NEW | NOTIFY_MESSAGE_EXPUNGE;

	if ((events & both) == both)
		return true;
	if ((events & (NOTIFY_FLAG_CHANGE | NOTIFY_ANNOTATION_CHANGE)) != 0)
		return fail(p, "FlagChange and AnnotationChange need MessageNew and "
			       "MessageExpunge with them.");
	if ((events & both) != 0)
		return fail(p, "MessageNew and MessageExpunge need each other.");
	return true;
}

static bool parse_events(struct parser *p, bool selected, notify_events *events_r)
{
	*events_r = 0;
	if (take_word(p, "NONE"))
		return true;
	if (!take(p, NOTIFY_TOKEN_OPEN))
		return fail(p, "A group needs NONE or a list of events.");
	if (next_is(p, NOTIFY_TOKEN_CLOSE))
		return fail(p, "The list of events is empty.");
	while (!take(p, NOTIFY_TOKEN_CLOSE)) {
		if (!parse_event(p, selected, events_r))
			return false;
	}
	return check_pairs(p, *events_r);
}

/* --- groups --------------------------------------------------------------- */

static void add_name(struct notify_spec *spec, const char *name)
{
	if (spec->names != NULL)
		spec->names[spec->name_count] = name;
	spec->name_count++;
}

static void add_group(struct notify_spec *spec, const struct notify_group *group)
{
	if (spec->groups != NULL)
		spec->groups[spec->group_count] = *group;
	spec->group_count++;
}

static bool parse_names(struct parser *p)
{
	const char *name;

	if (take_astring(p, &name)) {
		add_name(p->spec, name);
		return true;
	}
	if (!take(p, NOTIFY_TOKEN_OPEN) || !take_astring(p, &name))
		return fail(p, "A mailbox name or a list of them is missing.");
	do
		add_name(p->spec, name);
	while (take_astring(p, &name));
	if (!take(p, NOTIFY_TOKEN_CLOSE))
		return fail(p, "A list of mailboxes has names only.");
	return true;
}

static bool parse_selected(struct parser *p, enum notify_selected_mode selected)
{
	struct notify_spec *spec = p->spec;

	if (p->selected_seen)
		return fail(p, "There can be one group for the selected mailbox only.");
	p->selected_seen = true;
	if (!parse_events(p, true, &spec->selected_events))
		return false;
	/* A list of unknown events ends as an error, so 0 is NONE. */
	spec->selected = spec->selected_events == 0 ? NOTIFY_SELECTED_NONE : selected;
	return true;
}

static bool parse_other(struct parser *p, enum notify_filter filter)
{
	struct notify_group group = {.filter = filter, .first_name = p->spec->name_count};

	if ((filter == NOTIFY_FILTER_SUBTREE || filter == NOTIFY_FILTER_MAILBOXES) &&
	    !parse_names(p))
		return false;
	group.name_count = p->spec->name_count - group.first_name;
	if (!parse_events(p, false, &group.events))
		return false;
	add_group(p->spec, &group);
	return true;
}

static bool parse_group(struct parser *p)
{
	const struct filter_row *row = filter_rows;

	if (!take(p, NOTIFY_TOKEN_OPEN))
		return fail(p, "NOTIFY SET takes groups in parentheses.");
	while (row < filter_rows + FILTER_ROW_COUNT && !take_word(p, row->name))
		row++;
	if (row == filter_rows + FILTER_ROW_COUNT)
		return fail(p, "A group begins with selected, selected-delayed, inboxes, personal, "
			       "subscribed, subtree or mailboxes.");
	if (row->selected != NOTIFY_SELECTED_NONE ? !parse_selected(p, row->selected)
						  : !parse_other(p, row->filter))
		return false;
	if (!take(p, NOTIFY_TOKEN_CLOSE))
		return fail(p, "A group ends after its events.");
	return true;
}

static bool parse_command(struct parser *p)
{
	if (take_word(p, "NONE")) {
		p->spec->none = true;
		return p->next == p->count || fail(p, "NOTIFY NONE takes nothing more.");
	}
	if (!take_word(p, "SET"))
		return fail(p, "NOTIFY takes SET or NONE.");
	p->spec->status = take_word(p, "STATUS");
	if (p->next == p->count)
		return fail(p, "NOTIFY SET needs a group.");
	while (p->next < p->count) {
		if (!parse_group(p))
			return false;
	}
	return true;
}

/* --- the index ------------------------------------------------------------ */

/*
 * The names of all groups, each once. Whether "inbox/x" is a child of INBOX depends on
 * the separator and so on the mailbox that is asked for. The order therefore takes any
 * "inbox" at the beginning for "INBOX", and lets case decide among equals only: all
 * spellings of INBOX/x are neighbours, and yet each can be found alone.
 */
struct notify_index_entry {
	const char *name;
	size_t len;
	notify_events exact; /* for a mailbox of that name */
	notify_events below; /* for all below it */
};

static const char inbox[] = "INBOX";
#define INBOX_LEN (sizeof(inbox) - 1)

static bool begins_with_inbox(const char *name, size_t len)
{
	return len >= INBOX_LEN && strncasecmp(name, inbox, INBOX_LEN) == 0;
}

static int compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int diff = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return diff != 0 ? diff : (a_len > b_len) - (a_len < b_len);
}

static int compare_folded(const char *a, size_t a_len, const char *b, size_t b_len)
{
	bool a_inbox = begins_with_inbox(a, a_len), b_inbox = begins_with_inbox(b, b_len);

	if (a_inbox && b_inbox)
		return compare_bytes(a + INBOX_LEN, a_len - INBOX_LEN, b + INBOX_LEN,
				     b_len - INBOX_LEN);
	/* If one is, these letters alone tell it from the other. */
	if (a_inbox)
		return compare_bytes(inbox, INBOX_LEN, b, b_len);
	if (b_inbox)
		return compare_bytes(a, a_len, inbox, INBOX_LEN);
	return compare_bytes(a, a_len, b, b_len);
}

static int compare_names(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int diff = compare_folded(a, a_len, b, b_len);

	return diff != 0 ? diff : compare_bytes(a, a_len, b, b_len);
}

static int compare_entries(const void *a, const void *b)
{
	const struct notify_index_entry *x = a, *y = b;

	return compare_names(x->name, x->len, y->name, y->len);
}

/* Sorted entries of the same name become one. */
static size_t merge_entries(struct notify_index_entry *entries, size_t count)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		if (used > 0 && compare_entries(&entries[used - 1], &entries[i]) == 0) {
			entries[used - 1].exact |= entries[i].exact;
			entries[used - 1].below |= entries[i].below;
		} else {
			entries[used++] = entries[i];
		}
	}
	return used;
}

void notify_spec_reindex(struct notify_spec *spec)
{
	size_t count = 0;

	for (size_t i = 0; i < spec->group_count; i++) {
		const struct notify_group *group = &spec->groups[i];
		bool subtree = group->filter == NOTIFY_FILTER_SUBTREE;

		spec->by_filter[group->filter] |= group->events;
		for (size_t n = 0; n < group->name_count; n++) {
			const char *name = spec->names[group->first_name + n];

			spec->index[count++] = (struct notify_index_entry){
				.name = name,
				.len = strlen(name),
				.exact = group->events,
				.below = subtree ? group->events : 0,
			};
		}
	}
	if (count > 1)
		qsort(spec->index, count, sizeof(*spec->index), compare_entries);
	spec->index_count = merge_entries(spec->index, count);
}

/* --- parsing -------------------------------------------------------------- */

static bool allocate(struct notify_spec *spec)
{
	if (spec->group_count > 0)
		spec->groups = calloc(spec->group_count, sizeof(*spec->groups));
	if (spec->name_count > 0) {
		spec->names = calloc(spec->name_count, sizeof(*spec->names));
		spec->index = calloc(spec->name_count, sizeof(*spec->index));
	}
	return (spec->group_count == 0 || spec->groups != NULL) &&
	       (spec->name_count == 0 || (spec->names != NULL && spec->index != NULL));
}

static enum notify_result check(struct parser *p, size_t max_names)
{
	if (!parse_command(p))
		return NOTIFY_SYNTAX;
	if (p->bad_event) {
		p->error = "Event is not supported.";
		return NOTIFY_BAD_EVENT;
	}
	if (p->spec->name_count > max_names) {
		p->error = "Too many mailbox names.";
		return NOTIFY_OVERFLOW;
	}
	return NOTIFY_OK;
}

enum notify_result notify_spec_parse(const struct notify_token *tokens, size_t count,
				     notify_events supported, size_t max_names,
				     struct notify_spec *spec_r, const char **error_r)
{
	struct notify_spec counted = {0}, spec = {0};
	struct parser counter = {
		.tokens = tokens, .count = count, .supported = supported, .spec = &counted};
	struct parser filler = {
		.tokens = tokens, .count = count, .supported = supported, .spec = &spec};
	enum notify_result result = check(&counter, max_names);

	if (result != NOTIFY_OK) {
		*error_r = counter.error;
		return result;
	}
	if (!allocate(&counted)) {
		notify_spec_free(&counted);
		*error_r = "Out of memory.";
		return NOTIFY_NO_MEMORY;
	}
	spec.groups = counted.groups;
	spec.names = counted.names;
	spec.index = counted.index;
	(void)parse_command(&filler);
	notify_spec_reindex(&spec);
	*spec_r = spec;
	return NOTIFY_OK;
}

void notify_spec_free(struct notify_spec *spec)
{
	free(spec->groups);
	free(spec->names);
	free(spec->index);
	memset(spec, 0, sizeof(*spec));
}

void notify_events_format(notify_events events, char out[NOTIFY_EVENTS_SIZE])
{
	size_t len = 0;

	for (size_t i = 0; i < EVENT_COUNT; i++) {
		size_t add = strlen(event_rows[i].name);

		if ((events & event_rows[i].bit) == 0)
			continue;
		if (len > 0)
			out[len++] = ' ';
		memcpy(out + len, event_rows[i].name, add);
		len += add;
	}
	out[len] = '\0';
}

/* --- matching ------------------------------------------------------------- */

/* A name that a mailbox has, or one above it. */
struct key {
	const char *text;
	size_t len;
	bool any_case; /* in the part "INBOX" */
};

static int compare_key(const struct key *key, const struct notify_index_entry *entry)
{
	if (key->any_case)
		return compare_folded(key->text, key->len, entry->name, entry->len);
	return compare_names(key->text, key->len, entry->name, entry->len);
}

static size_t lower_bound(const struct notify_spec *spec, const struct key *key)
{
	size_t low = 0, high = spec->index_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_key(key, &spec->index[middle]) > 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What groups say that name the first `len` octets of the mailbox's name. */
static notify_events find(const struct notify_spec *spec, const struct notify_box *box, size_t len,
			  bool below)
{
	struct key key = {.text = box->name, .len = len};
	notify_events events = 0;

	/* Where there is no separator, a longer name cannot have it in this place. */
	key.any_case = begins_with_inbox(box->name, len) &&
		       (len == INBOX_LEN || box->name[INBOX_LEN] == box->separator);
	for (size_t at = lower_bound(spec, &key);
	     at < spec->index_count && compare_key(&key, &spec->index[at]) == 0; at++)
		events |= below ? spec->index[at].below : spec->index[at].exact;
	return events;
}

notify_events notify_spec_match(const struct notify_spec *spec, const struct notify_box *box)
{
	notify_events events = 0;
	size_t len;

	if (box->personal)
		events |= spec->by_filter[NOTIFY_FILTER_PERSONAL];
	if (box->personal && box->inbox)
		events |= spec->by_filter[NOTIFY_FILTER_INBOXES];
	if (box->subscribed)
		events |= spec->by_filter[NOTIFY_FILTER_SUBSCRIBED];
	if (spec->index_count == 0)
		return events;

	len = strlen(box->name);
	events |= find(spec, box, len, false);
	if (spec->by_filter[NOTIFY_FILTER_SUBTREE] == 0)
		return events;
	while (len-- > 1) {
		if (box->name[len] == box->separator)
			events |= find(spec, box, len, true);
	}
	return events;
}

notify_events notify_spec_events(const struct notify_spec *spec)
{
	notify_events events = 0;

	for (int filter = 0; filter < NOTIFY_FILTER_COUNT; filter++)
		events |= spec->by_filter[filter];
	return events;
}
