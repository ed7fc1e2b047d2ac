/* Parsing takes any row of tokens. What it accepts points to where it says, comes out the
 * same when it is written down and read again, and matches as a plain look at each group
 * and name does. */
#include "notify-spec.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_TOKENS 1024
#define MAX_NAMES 64
#define SUPPORTED ((notify_events)0xff & ~(notify_events)NOTIFY_ANNOTATION_CHANGE)
/* Nothing written is longer than what it came from, but for brackets around one name and
 * a group for the selected mailbox. */
#define MAX_WRITTEN (MAX_TOKENS * 2)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Tokens are separated by blanks; their first octet may be their type. */
static size_t tokenise(char *text, struct notify_token *tokens)
{
	size_t count = 0;

	for (char *next = text; next != NULL && count < MAX_TOKENS; count++) {
		struct notify_token *token = &tokens[count];

		token->text = strsep(&next, " ");
		if (*token->text == '(') {
			token->type = NOTIFY_TOKEN_OPEN;
			token->text = NULL;
		} else if (*token->text == ')') {
			token->type = NOTIFY_TOKEN_CLOSE;
			token->text = NULL;
		} else if (*token->text == '"') {
			token->type = NOTIFY_TOKEN_STRING;
			token->text++;
		} else if (strcasecmp(token->text, "NIL") == 0) {
			token->type = NOTIFY_TOKEN_NIL;
		} else {
			token->type = NOTIFY_TOKEN_ATOM;
		}
	}
	return count;
}

/* --- it says what it is ---------------------------------------------------- */

static void check_pairs(notify_events events)
{
	const notify_events both = NOTIFY_MESSAGE_NEW | NOTIFY_MESSAGE_EXPUNGE;

	assert((events & ~SUPPORTED) == 0);
	assert((events & both) == 0 || (events & both) == both);
	assert((events & NOTIFY_FLAG_CHANGE) == 0 || (events & both) == both);
}

static void check_fetch(const struct notify_spec *spec, const struct notify_token *tokens,
			size_t count)
{
	size_t first = spec->fetch_first, end = first + spec->fetch_count;
	int depth = 0;

	if (spec->fetch_count == 0) {
		assert(first == 0);
		return;
	}
	assert(spec->selected != NOTIFY_SELECTED_NONE);
	assert(first > 0 && end < count && tokens[first].type == NOTIFY_TOKEN_ATOM);
	assert(tokens[first - 1].type == NOTIFY_TOKEN_OPEN);
	assert(tokens[end].type == NOTIFY_TOKEN_CLOSE);
	for (size_t i = first; i < end; i++) {
		depth += (tokens[i].type == NOTIFY_TOKEN_OPEN) -
			 (tokens[i].type == NOTIFY_TOKEN_CLOSE);
		assert(depth == 0 || depth == 1);
	}
	assert(depth == 0);
}

static void check(const struct notify_spec *spec, const struct notify_token *tokens, size_t count)
{
	notify_events all = 0;
	size_t names = 0;

	if (spec->none)
		assert(!spec->status && spec->selected == NOTIFY_SELECTED_NONE &&
		       spec->group_count == 0 && spec->name_count == 0);
	assert((spec->selected == NOTIFY_SELECTED_NONE) == (spec->selected_events == 0));
	assert((spec->selected_events & ~(notify_events)NOTIFY_EVENTS_MESSAGE) == 0);
	check_pairs(spec->selected_events);
	check_fetch(spec, tokens, count);
	for (size_t i = 0; i < spec->group_count; i++) {
		const struct notify_group *group = &spec->groups[i];
		bool named = group->filter == NOTIFY_FILTER_SUBTREE ||
			     group->filter == NOTIFY_FILTER_MAILBOXES;

		check_pairs(group->events);
		assert(group->first_name == names && named == (group->name_count > 0));
		names += group->name_count;
		all |= group->events;
	}
	assert(names == spec->name_count && names <= MAX_NAMES);
	assert(notify_spec_events(spec) == all);
}

/* --- it can be written down ------------------------------------------------ */

struct writer {
	struct notify_token tokens[MAX_WRITTEN];
	size_t count;
	char events[MAX_TOKENS][NOTIFY_EVENTS_SIZE];
	size_t event_lists;
};

static void put(struct writer *w, enum notify_token_type type, const char *text)
{
	assert(w->count < MAX_WRITTEN);
	w->tokens[w->count++] = (struct notify_token){.type = type, .text = text};
}

static void put_events(struct writer *w, notify_events events, const struct notify_token *fetch,
		       size_t fetch_count)
{
	char *next = w->events[w->event_lists++];

	if (events == 0) {
		put(w, NOTIFY_TOKEN_ATOM, "NONE");
		return;
	}
	notify_events_format(events, next);
	put(w, NOTIFY_TOKEN_OPEN, NULL);
	while (next != NULL) {
		const char *name = strsep(&next, " ");

		put(w, NOTIFY_TOKEN_ATOM, name);
		if (strcmp(name, "MessageNew") != 0 || fetch_count == 0)
			continue;
		put(w, NOTIFY_TOKEN_OPEN, NULL);
		for (size_t i = 0; i < fetch_count; i++)
			put(w, fetch[i].type, fetch[i].text);
		put(w, NOTIFY_TOKEN_CLOSE, NULL);
	}
	put(w, NOTIFY_TOKEN_CLOSE, NULL);
}

static void put_group(struct writer *w, const struct notify_spec *spec,
		      const struct notify_group *group)
{
	static const char *const filters[] = {"inboxes", "personal", "subscribed", "subtree",
					      "mailboxes"};

	put(w, NOTIFY_TOKEN_OPEN, NULL);
	put(w, NOTIFY_TOKEN_ATOM, filters[group->filter]);
	if (group->name_count > 0) {
		put(w, NOTIFY_TOKEN_OPEN, NULL);
		for (size_t i = 0; i < group->name_count; i++)
			put(w, NOTIFY_TOKEN_STRING, spec->names[group->first_name + i]);
		put(w, NOTIFY_TOKEN_CLOSE, NULL);
	}
	put_events(w, group->events, NULL, 0);
	put(w, NOTIFY_TOKEN_CLOSE, NULL);
}

static void write_spec(struct writer *w, const struct notify_spec *spec,
		       const struct notify_token *tokens)
{
	w->count = w->event_lists = 0;
	if (spec->none) {
		put(w, NOTIFY_TOKEN_ATOM, "NONE");
		return;
	}
	put(w, NOTIFY_TOKEN_ATOM, "SET");
	if (spec->status)
		put(w, NOTIFY_TOKEN_ATOM, "STATUS");
	put(w, NOTIFY_TOKEN_OPEN, NULL);
	put(w, NOTIFY_TOKEN_ATOM,
	    spec->selected == NOTIFY_SELECTED_DELAYED ? "selected-delayed" : "selected");
	put_events(w, spec->selected_events, tokens + spec->fetch_first, spec->fetch_count);
	put(w, NOTIFY_TOKEN_CLOSE, NULL);
	for (size_t i = 0; i < spec->group_count; i++)
		put_group(w, spec, &spec->groups[i]);
}

static void check_same(const struct notify_spec *a, const struct notify_token *a_tokens,
		       const struct notify_spec *b, const struct notify_token *b_tokens)
{
	assert(a->none == b->none && a->status == b->status && a->selected == b->selected);
	assert(a->selected_events == b->selected_events && a->fetch_count == b->fetch_count);
	for (size_t i = 0; i < a->fetch_count; i++) {
		const struct notify_token *x = &a_tokens[a->fetch_first + i];
		const struct notify_token *y = &b_tokens[b->fetch_first + i];

		assert(x->type == y->type && x->text == y->text);
	}
	assert(a->group_count == b->group_count && a->name_count == b->name_count);
	for (size_t i = 0; i < a->group_count; i++)
		assert(a->groups[i].filter == b->groups[i].filter &&
		       a->groups[i].events == b->groups[i].events &&
		       a->groups[i].name_count == b->groups[i].name_count);
	for (size_t i = 0; i < a->name_count; i++)
		assert(a->names[i] == b->names[i]);
}

static void check_round_trip(const struct notify_spec *spec, const struct notify_token *tokens)
{
	static struct writer w;
	struct notify_spec again;
	const char *error;

	write_spec(&w, spec, tokens);
	assert(notify_spec_parse(w.tokens, w.count, SUPPORTED, MAX_NAMES, &again, &error) ==
	       NOTIFY_OK);
	check_same(spec, tokens, &again, w.tokens);
	notify_spec_free(&again);
}

/* --- it matches ------------------------------------------------------------ */

static bool is_inbox_part(const char *name, char separator)
{
	return strncasecmp(name, "INBOX", 5) == 0 && (name[5] == '\0' || name[5] == separator);
}

/* `name` is the first `len` octets of the mailbox's. */
static bool same_name(const char *name, const struct notify_box *box, size_t len)
{
	if (strlen(name) != len)
		return false;
	if (len >= 5 && is_inbox_part(name, box->separator) &&
	    strncasecmp(box->name, "INBOX", 5) == 0)
		return memcmp(name + 5, box->name + 5, len - 5) == 0;
	return memcmp(name, box->name, len) == 0;
}

static bool name_matches(const char *name, const struct notify_box *box, bool subtree)
{
	size_t len = strlen(name), box_len = strlen(box->name);

	if (same_name(name, box, box_len))
		return true;
	return subtree && len > 0 && len < box_len && box->separator != '\0' &&
	       box->name[len] == box->separator && same_name(name, box, len);
}

static bool group_matches(const struct notify_spec *spec, const struct notify_group *group,
			  const struct notify_box *box)
{
	switch (group->filter) {
	case NOTIFY_FILTER_INBOXES:
		return box->personal && box->inbox;
	case NOTIFY_FILTER_PERSONAL:
		return box->personal;
	case NOTIFY_FILTER_SUBSCRIBED:
		return box->subscribed;
	case NOTIFY_FILTER_SUBTREE:
	case NOTIFY_FILTER_MAILBOXES:
		break;
	}
	for (size_t i = 0; i < group->name_count; i++) {
		if (name_matches(spec->names[group->first_name + i], box,
				 group->filter == NOTIFY_FILTER_SUBTREE))
			return true;
	}
	return false;
}

static void check_match(const struct notify_spec *spec, const char *name, size_t number)
{
	static const char separators[] = {'/', '.', '\0', 'x'};
	struct notify_box box = {
		.name = name,
		.separator = separators[number % sizeof(separators)],
		.personal = number % 3 == 0,
		.inbox = number % 5 == 0,
		.subscribed = number % 7 == 0,
	};
	notify_events expected = 0;

	for (size_t i = 0; i < spec->group_count; i++) {
		if (group_matches(spec, &spec->groups[i], &box))
			expected |= spec->groups[i].events;
	}
	assert(notify_spec_match(spec, &box) == expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct notify_token tokens[MAX_TOKENS];
	struct notify_spec spec;
	const char *error = NULL;
	char *text = malloc(size + 1);
	size_t count;

	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	count = tokenise(text, tokens);
	if (notify_spec_parse(tokens, count, SUPPORTED, MAX_NAMES, &spec, &error) != NOTIFY_OK) {
		assert(error != NULL);
	} else {
		check(&spec, tokens, count);
		check_round_trip(&spec, tokens);
		/* Any word may be a mailbox's name; those of the spec among them. */
		for (size_t i = 0; i < count; i++) {
			if (tokens[i].text == NULL)
				continue;
			for (size_t number = 0; number < 4; number++)
				check_match(&spec, tokens[i].text, i + number);
		}
		notify_spec_free(&spec);
	}
	free(text);
	return 0;
}
