#include "notify-spec.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TOKENS 128
#define MAX_NAMES 5
#define PAIR (NOTIFY_MESSAGE_NEW | NOTIFY_MESSAGE_EXPUNGE)
/* All that is not about annotations. */
#define SUPPORTED                                                                       \
	(PAIR | NOTIFY_FLAG_CHANGE | NOTIFY_MAILBOX_NAME | NOTIFY_SUBSCRIPTION_CHANGE | \
	 NOTIFY_MAILBOX_METADATA_CHANGE | NOTIFY_SERVER_METADATA_CHANGE)
/* What every group of message events needs. */
#define NE "( MessageNew MessageExpunge )"

/* --- the linker puts these between the parser and the C library ------------ */

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void __real_free(void *ptr);
void __wrap_free(void *ptr);
int __real_memcmp(const void *a, const void *b, size_t len);
int __wrap_memcmp(const void *a, const void *b, size_t len);

static int callocs_left = G_MAXINT; /* then they fail */
static int blocks;                  /* held now */
static unsigned compared;

void *__wrap_calloc(size_t count, size_t size)
{
	if (callocs_left == 0)
		return NULL;
	callocs_left--;
	blocks++;
	return __real_calloc(count, size);
}

void __wrap_free(void *ptr)
{
	blocks -= ptr != NULL;
	__real_free(ptr);
}

int __wrap_memcmp(const void *a, const void *b, size_t len)
{
	compared++;
	return __real_memcmp(a, b, len);
}

/* --- parsing --------------------------------------------------------------- */

/* A command line in the simplest form: blanks between tokens, "x" quoted. */
static size_t tokenise(char **words, struct notify_token *tokens)
{
	size_t count = 0;

	for (; *words != NULL; words++) {
		char *word = *words;
		struct notify_token *token = &tokens[count++];

		g_assert_cmpuint(count, <=, MAX_TOKENS);
		token->text = word;
		if (strcmp(word, "(") == 0) {
			token->type = NOTIFY_TOKEN_OPEN;
		} else if (strcmp(word, ")") == 0) {
			token->type = NOTIFY_TOKEN_CLOSE;
		} else if (g_ascii_strcasecmp(word, "NIL") == 0) {
			token->type = NOTIFY_TOKEN_NIL;
		} else if (word[0] == '"') {
			word[strlen(word) - 1] = '\0';
			token->type = NOTIFY_TOKEN_STRING;
			token->text = word + 1;
		} else {
			token->type = NOTIFY_TOKEN_ATOM;
		}
	}
	return count;
}

struct parsed {
	char **words;
	struct notify_token tokens[MAX_TOKENS];
	struct notify_spec spec;
	const char *error;
};

static enum notify_result parse(const char *line, notify_events supported, struct parsed *parsed)
{
	size_t count;

	memset(parsed, 0, sizeof(*parsed));
	memset(&parsed->spec, 0xa5, sizeof(parsed->spec));
	parsed->words = *line == '\0' ? g_new0(char *, 1) : g_strsplit(line, " ", -1);
	count = tokenise(parsed->words, parsed->tokens);
	return notify_spec_parse(parsed->tokens, count, supported, MAX_NAMES, &parsed->spec,
				 &parsed->error);
}

static void parsed_free(struct parsed *parsed)
{
	notify_spec_free(&parsed->spec);
	g_strfreev(parsed->words);
}

static void describe_events(GString *out, notify_events events)
{
	char text[NOTIFY_EVENTS_SIZE];

	notify_events_format(events, text);
	g_string_append_printf(out, "[%s]", text);
}

static char *describe(const struct parsed *parsed)
{
	static const char *const filters[] = {"inboxes", "personal", "subscribed", "subtree",
					      "mailboxes"};
	static const char *const selected[] = {"none", "selected", "delayed"};
	const struct notify_spec *spec = &parsed->spec;
	GString *out = g_string_new(spec->none ? "NONE" : "SET");

	if (spec->status)
		g_string_append(out, " STATUS");
	if (spec->selected != NOTIFY_SELECTED_NONE) {
		g_string_append_printf(out, " %s", selected[spec->selected]);
		describe_events(out, spec->selected_events);
	} else {
		g_assert_cmpint(spec->selected_events, ==, 0);
	}
	for (size_t i = 0; i < spec->fetch_count; i++)
		g_string_append_printf(out, "%c%s", i == 0 ? '{' : ' ',
				       parsed->tokens[spec->fetch_first + i].text);
	if (spec->fetch_count > 0)
		g_string_append_c(out, '}');
	for (size_t i = 0; i < spec->group_count; i++) {
		const struct notify_group *group = &spec->groups[i];

		g_string_append_printf(out, " %s", filters[group->filter]);
		for (size_t n = 0; n < group->name_count; n++)
			g_string_append_printf(out, "%c%s", n == 0 ? ':' : ',',
					       spec->names[group->first_name + n]);
		describe_events(out, group->events);
	}
	return g_string_free(out, FALSE);
}

#define D_NE "[MessageNew MessageExpunge]"
/* What was understood. */
static const struct good_row {
	const char *name;
	const char *line;
	const char *spec;
} good_rows[] = {
	{"NONE", "NONE", "NONE"},
	{"NONE without regard to case", "none", "NONE"},
	{"one group", "SET ( personal " NE " )", "SET personal" D_NE},
	{"STATUS", "SET STATUS ( personal " NE " )", "SET STATUS personal" D_NE},
	{"all in lower case",
	 "set status ( selected-delayed ( messagenew ( uid ) messageexpunge ) )",
	 "SET STATUS delayed" D_NE "{uid}"},
	{"all in upper case", "SET STATUS ( SUBTREE a ( MAILBOXNAME ) ) ( INBOXES NONE )",
	 "SET STATUS subtree:a[MailboxName] inboxes[]"},
	{"selected", "SET ( selected " NE " )", "SET selected" D_NE},
	{"selected-delayed", "SET ( selected-delayed " NE " )", "SET delayed" D_NE},
	{"selected NONE", "SET ( selected NONE )", "SET"},
	{"selected-delayed NONE", "SET ( selected-delayed none )", "SET"},
	{"STATUS and selected NONE", "SET STATUS ( selected NONE )", "SET STATUS"},
	{"inboxes", "SET ( inboxes " NE " )", "SET inboxes" D_NE},
	{"subscribed", "SET ( subscribed " NE " )", "SET subscribed" D_NE},
	{"subtree", "SET ( subtree Lists " NE " )", "SET subtree:Lists" D_NE},
	{"subtree of several", "SET ( subtree ( a \"b\" ) NONE )", "SET subtree:a,b[]"},
	{"mailboxes", "SET ( mailboxes a " NE " )", "SET mailboxes:a" D_NE},
	{"mailboxes, several", "SET ( mailboxes ( b a ) " NE " )", "SET mailboxes:b,a" D_NE},
	{"a list of one mailbox", "SET ( mailboxes ( a ) NONE )", "SET mailboxes:a[]"},
	{"every event",
	 "SET ( personal ( ServerMetadataChange MailboxMetadataChange SubscriptionChange "
	 "MailboxName FlagChange MessageExpunge MessageNew ) )",
	 "SET personal[MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange "
	 "MailboxMetadataChange ServerMetadataChange]"},
	{"mailbox events alone", "SET ( personal ( MailboxName SubscriptionChange ) )",
	 "SET personal[MailboxName SubscriptionChange]"},
	{"server event alone", "SET ( personal ( ServerMetadataChange ) )",
	 "SET personal[ServerMetadataChange]"},
	{"an event twice", "SET ( personal ( MailboxName mailboxname ) )",
	 "SET personal[MailboxName]"},
	{"expunge first", "SET ( personal ( MessageExpunge MessageNew ) )", "SET personal" D_NE},
	{"flags with their company", "SET ( selected ( FlagChange MessageExpunge MessageNew ) )",
	 "SET selected[MessageNew MessageExpunge FlagChange]"},
	{"groups keep their order, the selected one anywhere",
	 "SET ( subtree x NONE ) ( mailboxes ( y z ) NONE ) ( selected " NE " ) ( personal NONE )",
	 "SET selected" D_NE " subtree:x[] mailboxes:y,z[] personal[]"},
	{"a filter twice", "SET ( personal NONE ) ( personal " NE " )",
	 "SET personal[] personal" D_NE},
	{"FETCH items", "SET ( selected ( MessageNew ( UID FLAGS ) MessageExpunge ) )",
	 "SET selected" D_NE "{UID FLAGS}"},
	{"FETCH items at the end", "SET ( selected ( MessageExpunge MessageNew ( UID ) ) )",
	 "SET selected" D_NE "{UID}"},
	{"FETCH items with header names",
	 "SET ( selected ( MessageNew ( UID BODY.PEEK[HEADER.FIELDS ( FROM \"To\" NIL ) ] ) "
	 "MessageExpunge FlagChange ) )",
	 "SET selected[MessageNew MessageExpunge FlagChange]"
	 "{UID BODY.PEEK[HEADER.FIELDS ( FROM To NIL ) ]}"},
	{"two such FETCH items",
	 "SET ( selected ( MessageNew ( BODY[HEADER.FIELDS ( A ) ] BODY[HEADER.FIELDS ( B ) ] ) "
	 "MessageExpunge ) )",
	 "SET selected" D_NE "{BODY[HEADER.FIELDS ( A ) ] BODY[HEADER.FIELDS ( B ) ]}"},
	{"a FETCH item that marks as read",
	 "SET ( selected ( MessageExpunge MessageNew ( BODY[] ) ) )",
	 "SET selected" D_NE "{BODY[]}"},
	{"a mailbox called selected", "SET ( mailboxes selected " NE " )",
	 "SET mailboxes:selected" D_NE},
	{"a mailbox called NONE", "SET ( mailboxes NONE NONE )", "SET mailboxes:NONE[]"},
	{"a mailbox called like an event", "SET ( mailboxes ( MessageNew ) NONE )",
	 "SET mailboxes:MessageNew[]"},
	{"a mailbox called NIL", "SET ( mailboxes NIL NONE )", "SET mailboxes:NIL[]"},
	{"NIL among mailboxes", "SET ( subtree ( a nil \"NIL\" ) NONE )",
	 "SET subtree:a,nil,NIL[]"},
	{"a mailbox without a name", "SET ( mailboxes \"\" NONE )", "SET mailboxes:[]"},
	{"names at the limit", "SET ( subtree ( 1 2 3 ) NONE ) ( mailboxes ( 4 5 ) NONE )",
	 "SET subtree:1,2,3[] mailboxes:4,5[]"},
};

static void test_good(gconstpointer data)
{
	const struct good_row *row = data;
	struct parsed parsed;
	g_autofree char *text = NULL;

	g_assert_cmpint(parse(row->line, SUPPORTED, &parsed), ==, NOTIFY_OK);
	g_assert_null(parsed.error);
	text = describe(&parsed);
	g_assert_cmpstr(text, ==, row->spec);
	parsed_free(&parsed);
	g_assert_cmpint(blocks, ==, 0);
}

#define SELECTED(events) "SET ( selected ( " events " ) )"
#define PERSONAL(events) "SET ( personal ( " events " ) )"
#define E_VERB "NOTIFY takes SET or NONE."
#define E_GROUP "NOTIFY SET takes groups in parentheses."
#define E_FILTER                                                                          \
	"A group begins with selected, selected-delayed, inboxes, personal, subscribed, " \
	"subtree or mailboxes."
#define E_EVENTS "A group needs NONE or a list of events."
#define E_EMPTY "The list of events is empty."
#define E_EVENT "Events are given by their names."
#define E_END "A group ends after its events."
#define E_NAME "A mailbox name or a list of them is missing."
#define E_NAMES "A list of mailboxes has names only."
#define E_ONE "There can be one group for the selected mailbox only."
#define E_SELECTED "The selected mailbox has message events only."
#define E_PAIR "MessageNew and MessageExpunge need each other."
#define E_FLAGS "FlagChange and AnnotationChange need MessageNew and MessageExpunge with them."
#define E_FETCH_EVENT "FETCH items go with MessageNew only."
#define E_FETCH_FILTER "FETCH items go with the selected mailbox only."
#define E_FETCH_EMPTY "The list of FETCH items is empty."
#define E_FETCH_ATOM "FETCH items are atoms."
#define E_FETCH_DEEP "FETCH items are nested too deeply."
#define E_FETCH_OPEN "The list of FETCH items is not closed."

/* BAD, and why. */
static const struct bad_row {
	const char *name;
	const char *line;
	const char *error;
} bad_rows[] = {
	{"nothing", "", E_VERB},
	{"another word", "STATUS ( personal NONE )", E_VERB},
	{"a group at once", "( personal NONE )", E_VERB},
	{"SET quoted", "\"SET\" ( personal NONE )", E_VERB},
	{"NONE quoted", "\"NONE\"", E_VERB},
	{"NIL", "NIL", E_VERB},
	{"NONE and a word", "NONE x", "NOTIFY NONE takes nothing more."},
	{"NONE and a group", "NONE ( personal NONE )", "NOTIFY NONE takes nothing more."},
	{"SET alone", "SET", "NOTIFY SET needs a group."},
	{"SET STATUS alone", "SET STATUS", "NOTIFY SET needs a group."},
	{"STATUS twice", "SET STATUS STATUS ( personal NONE )", E_GROUP},
	{"STATUS quoted", "SET \"STATUS\" ( personal NONE )", E_GROUP},
	{"STATUS at the end", "SET ( personal NONE ) STATUS", E_GROUP},
	{"SET NONE", "SET NONE", E_GROUP},
	{"SET NIL", "SET NIL", E_GROUP},
	{"a group without brackets", "SET personal NONE", E_GROUP},
	{"a string for a group", "SET \"personal\"", E_GROUP},
	{"a word between groups", "SET ( personal NONE ) x ( inboxes NONE )", E_GROUP},
	{"one bracket too many", "SET ( personal NONE ) )", E_GROUP},
	{"groups in a list", "SET ( ( personal NONE ) )", E_FILTER},
	{"empty group", "SET ( )", E_FILTER},
	{"a good group and an empty one", "SET ( personal NONE ) ( )", E_FILTER},
	{"unknown filter", "SET ( everything NONE )", E_FILTER},
	{"a filter's beginning", "SET ( select NONE )", E_FILTER},
	{"a filter and more", "SET ( selected-delay NONE )", E_FILTER},
	{"filter quoted", "SET ( \"personal\" NONE )", E_FILTER},
	{"filter NIL", "SET ( NIL NONE )", E_FILTER},
	{"group is not closed", "SET ( personal NONE", E_END},
	{"group ends at once", "SET (", E_FILTER},
	{"no events", "SET ( personal )", E_EVENTS},
	{"no events, selected", "SET ( selected )", E_EVENTS},
	{"an event without brackets", "SET ( personal MailboxName )", E_EVENTS},
	{"an event without brackets, selected", "SET ( selected MessageNew MessageExpunge )",
	 E_EVENTS},
	{"items without the events' brackets", "SET ( selected MessageNew ( UID ) MessageExpunge )",
	 E_EVENTS},
	{"events NIL", "SET ( personal NIL )", E_EVENTS},
	{"events quoted", "SET ( personal \"NONE\" )", E_EVENTS},
	{"no events, empty list", "SET ( personal ( ) )", E_EMPTY},
	{"no events, empty list, selected", "SET ( selected ( ) )", E_EMPTY},
	{"events are not closed", "SET ( personal ( MailboxName", E_EVENT},
	{"event quoted", PERSONAL("\"MailboxName\""), E_EVENT},
	{"event NIL", PERSONAL("NIL"), E_EVENT},
	{"event NIL after others", PERSONAL("MailboxName NIL"), E_EVENT},
	{"events in a deeper list", PERSONAL("( MailboxName )"), E_EVENT},
	{"event is no atom", PERSONAL("Mailbox]Name"), E_EVENT},
	{"event with 8 bits", PERSONAL("Mailb\xc3\xb6xName"), E_EVENT},
	{"event with a wildcard", PERSONAL("Message*"), E_EVENT},
	{"two lists of events", "SET ( personal ( MailboxName ) ( SubscriptionChange ) )", E_END},
	{"NONE and a list", "SET ( personal NONE ( MailboxName ) )", E_END},
	{"a list and NONE", "SET ( personal ( MailboxName ) NONE )", E_END},
	{"a list and a string", "SET ( selected NONE \"\" )", E_END},
	{"a name after personal", "SET ( personal a NONE )", E_EVENTS},
	{"a list of names after personal", "SET ( personal ( a ) ( MailboxName ) )", E_END},
	{"a name after selected", "SET ( selected INBOX NONE )", E_EVENTS},

	{"mailboxes without names", "SET ( mailboxes )", E_NAME},
	{"subtree without names", "SET ( subtree )", E_NAME},
	{"mailboxes with events for names", "SET ( mailboxes NONE )", E_EVENTS},
	{"mailboxes, empty list", "SET ( mailboxes ( ) NONE )", E_NAME},
	{"mailboxes, deeper list", "SET ( mailboxes ( ( a ) ) NONE )", E_NAME},
	{"mailboxes, deeper list later", "SET ( mailboxes ( a ( b ) ) NONE )", E_NAMES},
	{"mailboxes, list not closed", "SET ( mailboxes ( a b", E_NAMES},
	{"two names without a list", "SET ( mailboxes a b NONE )", E_EVENTS},
	{"two lists of names", "SET ( subtree ( a ) ( b ) NONE )", E_END},

	{"selected twice", "SET ( selected NONE ) ( selected NONE )", E_ONE},
	{"selected-delayed twice", "SET ( selected-delayed " NE " ) ( selected-delayed " NE " )",
	 E_ONE},
	{"selected and selected-delayed", "SET ( selected " NE " ) ( selected-delayed " NE " )",
	 E_ONE},
	{"both, another between",
	 "SET ( selected-delayed NONE ) ( personal NONE ) ( selected NONE )", E_ONE},
	{"MailboxName, selected", SELECTED("MailboxName"), E_SELECTED},
	{"SubscriptionChange, selected", SELECTED("MessageNew MessageExpunge SubscriptionChange"),
	 E_SELECTED},
	{"MailboxMetadataChange, selected", SELECTED("MailboxMetadataChange"), E_SELECTED},
	{"ServerMetadataChange, selected", SELECTED("ServerMetadataChange"), E_SELECTED},
	{"MailboxName, selected-delayed", "SET ( selected-delayed ( MailboxName ) )", E_SELECTED},

	{"MessageNew alone", PERSONAL("MessageNew"), E_PAIR},
	{"MessageNew alone, selected", SELECTED("MessageNew"), E_PAIR},
	{"MessageNew with items alone", SELECTED("MessageNew ( UID )"), E_PAIR},
	{"MessageNew alone, delayed", "SET ( selected-delayed ( MessageNew ) )", E_PAIR},
	{"MessageNew alone, inboxes", "SET ( inboxes ( MessageNew ) )", E_PAIR},
	{"MessageNew alone, subscribed", "SET ( subscribed ( MessageNew ) )", E_PAIR},
	{"MessageNew alone, subtree", "SET ( subtree a ( MessageNew ) )", E_PAIR},
	{"MessageNew alone, mailboxes", "SET ( mailboxes a ( MessageNew ) )", E_PAIR},
	{"MessageExpunge alone", PERSONAL("MessageExpunge"), E_PAIR},
	{"MessageExpunge alone, selected", SELECTED("MessageExpunge"), E_PAIR},
	{"the pair in two groups", "SET ( personal ( MessageNew ) ) ( inboxes ( MessageExpunge ) )",
	 E_PAIR},
	{"the second group lacks one", "SET ( personal " NE " ) ( inboxes ( MessageNew ) )",
	 E_PAIR},
	{"MessageNew with a mailbox event", PERSONAL("MessageNew MailboxName"), E_PAIR},
	{"FlagChange alone", PERSONAL("FlagChange"), E_FLAGS},
	{"FlagChange alone, selected", SELECTED("FlagChange"), E_FLAGS},
	{"FlagChange and MessageNew", SELECTED("MessageNew FlagChange"), E_FLAGS},
	{"FlagChange and MessageExpunge", PERSONAL("FlagChange MessageExpunge"), E_FLAGS},
	{"AnnotationChange alone", PERSONAL("AnnotationChange"), E_FLAGS},
	{"AnnotationChange and MessageNew", SELECTED("AnnotationChange MessageNew"), E_FLAGS},

	{"items in another group", PERSONAL("MessageNew ( UID ) MessageExpunge"), E_FETCH_FILTER},
	{"items in mailboxes", "SET ( mailboxes a ( MessageNew ( UID ) MessageExpunge ) )",
	 E_FETCH_FILTER},
	{"items after MessageExpunge", SELECTED("MessageNew MessageExpunge ( UID )"),
	 E_FETCH_EVENT},
	{"items after FlagChange", SELECTED("MessageNew MessageExpunge FlagChange ( UID )"),
	 E_FETCH_EVENT},
	{"items after an unknown event", SELECTED("Sunrise ( UID )"), E_FETCH_EVENT},
	{"items after a mailbox event", PERSONAL("MailboxName ( UID )"), E_FETCH_EVENT},
	{"no items", SELECTED("MessageNew ( ) MessageExpunge"), E_FETCH_EMPTY},
	{"two lists of items", SELECTED("MessageNew ( UID ) ( FLAGS ) MessageExpunge"), E_EVENT},
	{"items given twice", SELECTED("MessageNew ( UID ) MessageNew ( FLAGS ) MessageExpunge"),
	 "FETCH items are given twice."},
	{"items in a deeper list", SELECTED("MessageNew ( ( UID ) ) MessageExpunge"), E_FETCH_DEEP},
	{"header names too deep", SELECTED("MessageNew ( BODY[HEADER.FIELDS ( ( A ) ) ] )"),
	 E_FETCH_DEEP},
	{"item quoted", SELECTED("MessageNew ( \"UID\" ) MessageExpunge"), E_FETCH_ATOM},
	{"item NIL", SELECTED("MessageNew ( UID NIL ) MessageExpunge"), E_FETCH_ATOM},
	{"items not closed", "SET ( selected ( MessageNew ( UID", E_FETCH_OPEN},
	{"header names not closed", "SET ( selected ( MessageNew ( BODY[HEADER.FIELDS ( A )",
	 E_FETCH_OPEN},
	{"the items' bracket ends the events", "SET ( selected ( MessageNew ( UID ) )", E_PAIR},

	{"syntax before an unsupported event", "SET ( personal ( Sunrise ) ) ( inboxes )",
	 E_EVENTS},
	{"pairs before an unsupported event", PERSONAL("MessageNew Sunrise"), E_PAIR},
	{"syntax before too many names", "SET ( mailboxes ( 1 2 3 4 5 6 ) ( ) )", E_EMPTY},
};

static void test_bad(gconstpointer data)
{
	const struct bad_row *row = data;
	struct parsed parsed;
	struct notify_spec untouched;

	memset(&untouched, 0xa5, sizeof(untouched));
	g_assert_cmpint(parse(row->line, SUPPORTED, &parsed), ==, NOTIFY_SYNTAX);
	g_assert_cmpstr(parsed.error, ==, row->error);
	g_assert_cmpmem(&parsed.spec, sizeof(parsed.spec), &untouched, sizeof(untouched));
	g_assert_cmpint(blocks, ==, 0);
	g_strfreev(parsed.words);
}

/* NO, and which. */
static const struct refused_row {
	const char *name;
	const char *line;
	notify_events supported;
	enum notify_result result;
} refused_rows[] = {
	{"unknown event", PERSONAL("Sunrise"), SUPPORTED, NOTIFY_BAD_EVENT},
	{"unknown event, selected", SELECTED("Sunrise"), SUPPORTED, NOTIFY_BAD_EVENT},
	{"unknown event among others", PERSONAL("MessageNew Sunrise MessageExpunge"), SUPPORTED,
	 NOTIFY_BAD_EVENT},
	{"unknown event in the first of two groups", PERSONAL("Sunrise") " ( inboxes NONE )",
	 SUPPORTED, NOTIFY_BAD_EVENT},
	{"an event's beginning", PERSONAL("MailboxNam"), SUPPORTED, NOTIFY_BAD_EVENT},
	{"RFC 5423's names are others", PERSONAL("MailboxCreate"), SUPPORTED, NOTIFY_BAD_EVENT},
	{"NONE in a list", PERSONAL("NONE"), SUPPORTED, NOTIFY_BAD_EVENT},
	{"odd letters that an atom may have", PERSONAL("x-[&+!~'"), SUPPORTED, NOTIFY_BAD_EVENT},
	{"annotations with their company", SELECTED("MessageNew MessageExpunge AnnotationChange"),
	 SUPPORTED, NOTIFY_BAD_EVENT},
	{"annotations, where they are supported",
	 SELECTED("MessageNew MessageExpunge AnnotationChange"),
	 SUPPORTED | NOTIFY_ANNOTATION_CHANGE, NOTIFY_OK},
	{"metadata without METADATA", PERSONAL("MailboxMetadataChange"), PAIR, NOTIFY_BAD_EVENT},
	{"one name too many", "SET ( mailboxes ( 1 2 3 4 5 6 ) NONE )", SUPPORTED, NOTIFY_OVERFLOW},
	{"one name too many in all groups",
	 "SET ( subtree ( 1 2 3 ) NONE ) ( mailboxes ( 4 5 6 ) NONE )", SUPPORTED, NOTIFY_OVERFLOW},
	{"the same name counts again", "SET ( mailboxes ( 1 1 1 1 1 1 ) NONE )", SUPPORTED,
	 NOTIFY_OVERFLOW},
	{"an unsupported event before too many names",
	 "SET ( mailboxes ( 1 2 3 4 5 6 ) ( Sunrise ) )", SUPPORTED, NOTIFY_BAD_EVENT},
};

static void test_refused(gconstpointer data)
{
	const struct refused_row *row = data;
	struct parsed parsed;

	g_assert_cmpint(parse(row->line, row->supported, &parsed), ==, row->result);
	if (row->result == NOTIFY_OK) {
		parsed_free(&parsed);
	} else {
		g_assert_cmpstr(parsed.error, ==,
				row->result == NOTIFY_OVERFLOW ? "Too many mailbox names."
							       : "Event is not supported.");
		g_strfreev(parsed.words);
	}
	g_assert_cmpint(blocks, ==, 0);
}

static void test_no_memory(void)
{
	static const char line[] = "SET ( personal " NE " ) ( subtree ( a b ) NONE )";
	struct parsed parsed;
	int fails = 0;

	for (;; fails++) {
		enum notify_result result;

		callocs_left = fails;
		result = parse(line, SUPPORTED, &parsed);
		callocs_left = G_MAXINT;
		if (result == NOTIFY_OK)
			break;
		g_assert_cmpint(result, ==, NOTIFY_NO_MEMORY);
		g_assert_cmpstr(parsed.error, ==, "Out of memory.");
		g_assert_cmpint(blocks, ==, 0);
		g_strfreev(parsed.words);
	}
	g_assert_cmpint(fails, >, 0);
	parsed_free(&parsed);
}

static void test_free(void)
{
	static const struct notify_spec empty;
	struct parsed parsed;
	struct notify_spec spec = {0};

	notify_spec_free(&spec);
	g_assert_cmpint(parse("SET ( mailboxes a NONE )", SUPPORTED, &parsed), ==, NOTIFY_OK);
	parsed_free(&parsed);
	g_assert_cmpmem(&parsed.spec, sizeof(parsed.spec), &empty, sizeof(empty));
}

static void test_format(void)
{
	char out[NOTIFY_EVENTS_SIZE];

	notify_events_format(0, out);
	g_assert_cmpstr(out, ==, "");
	notify_events_format(NOTIFY_MAILBOX_NAME, out);
	g_assert_cmpstr(out, ==, "MailboxName");
	notify_events_format(SUPPORTED | NOTIFY_ANNOTATION_CHANGE, out);
	g_assert_cmpstr(out, ==,
			"MessageNew MessageExpunge FlagChange AnnotationChange MailboxName "
			"SubscriptionChange MailboxMetadataChange ServerMetadataChange");
}

/* --- matching -------------------------------------------------------------- */

/* In these rows a group is told by its event: M MailboxName, S SubscriptionChange,
 * X ServerMetadataChange, P the pair. */
#define M "( MailboxName )"
#define S "( SubscriptionChange )"
#define X "( ServerMetadataChange )"
#define BOX(mailbox, sep, ...)                                   \
	{                                                        \
		.name = mailbox, .separator = sep, ##__VA_ARGS__ \
	}
static const struct match_row {
	const char *name;
	const char *line;
	struct notify_box box;
	const char *events;
} match_rows[] = {
	{"NONE", "NONE", BOX("a", '/', .personal = true, .inbox = true, .subscribed = true), ""},
	{"selected is no filter for names", "SET ( selected " NE " )",
	 BOX("INBOX", '/', .personal = true, .inbox = true, .subscribed = true), ""},

	{"personal", "SET ( personal " M " )", BOX("a", '/', .personal = true), "MailboxName"},
	{"personal, not so", "SET ( personal " M " )",
	 BOX("a", '/', .inbox = true, .subscribed = true), ""},
	{"inboxes", "SET ( inboxes " M " )", BOX("a", '/', .personal = true, .inbox = true),
	 "MailboxName"},
	{"inboxes, nothing delivered", "SET ( inboxes " M " )", BOX("a", '/', .personal = true),
	 ""},
	{"inboxes, another's", "SET ( inboxes " M " )", BOX("a", '/', .inbox = true), ""},
	{"subscribed", "SET ( subscribed " M " )", BOX("a", '/', .subscribed = true),
	 "MailboxName"},
	{"subscribed, not so", "SET ( subscribed " M " )",
	 BOX("a", '/', .personal = true, .inbox = true), ""},

	{"mailboxes", "SET ( mailboxes a " M " )", BOX("a", '/'), "MailboxName"},
	{"mailboxes, the middle one", "SET ( mailboxes ( c a b ) " M " )", BOX("b", '/'),
	 "MailboxName"},
	{"mailboxes, another", "SET ( mailboxes ( c a b ) " M " )", BOX("d", '/'), ""},
	{"mailboxes, a child", "SET ( mailboxes a " M " )", BOX("a/b", '/'), ""},
	{"mailboxes, a parent", "SET ( mailboxes a/b " M " )", BOX("a", '/'), ""},
	{"mailboxes, a longer name", "SET ( mailboxes a " M " )", BOX("ab", '/'), ""},
	{"mailboxes, a shorter name", "SET ( mailboxes ab " M " )", BOX("a", '/'), ""},
	{"mailboxes, another case", "SET ( mailboxes a " M " )", BOX("A", '/'), ""},
	{"mailboxes, called NIL", "SET ( mailboxes NIL " M " )", BOX("NIL", '/'), "MailboxName"},
	{"mailboxes, called selected", "SET ( mailboxes selected " M " )", BOX("selected", '/'),
	 "MailboxName"},
	{"a star is a letter", "SET ( mailboxes \"a*\" " M " )", BOX("ab", '/'), ""},
	{"a star matches itself", "SET ( mailboxes \"a*\" " M " )", BOX("a*", '/'), "MailboxName"},
	{"a percent sign is a letter", "SET ( subtree \"%\" " M " )", BOX("a", '/'), ""},
	{"no name", "SET ( subtree \"\" " M " )", BOX("a", '/'), ""},
	{"no name, no part before the separator", "SET ( subtree \"\" " M " )", BOX("/a", '/'), ""},

	{"subtree, itself", "SET ( subtree a " M " )", BOX("a", '/'), "MailboxName"},
	{"subtree, a child", "SET ( subtree a " M " )", BOX("a/b", '/'), "MailboxName"},
	{"subtree, a grandchild", "SET ( subtree a " M " )", BOX("a/b/c", '/'), "MailboxName"},
	{"subtree in the middle", "SET ( subtree a/b " M " )", BOX("a/b/c", '/'), "MailboxName"},
	{"subtree, the parent", "SET ( subtree a/b " M " )", BOX("a", '/'), ""},
	{"subtree, a sibling", "SET ( subtree a/b " M " )", BOX("a/c", '/'), ""},
	{"subtree, a name that goes on", "SET ( subtree a " M " )", BOX("ab/c", '/'), ""},
	{"subtree, another separator", "SET ( subtree a " M " )", BOX("a.b", '/'), ""},
	{"subtree, a dot", "SET ( subtree a " M " )", BOX("a.b", '.'), "MailboxName"},
	{"subtree, no separator", "SET ( subtree a " M " )", BOX("a/b", '\0'), ""},
	{"subtree, no separator, itself", "SET ( subtree a " M " )", BOX("a", '\0'), "MailboxName"},
	{"subtrees in another's", "SET ( subtree a " M " ) ( subtree a/b " S " )",
	 BOX("a/b/c", '/'), "MailboxName SubscriptionChange"},
	{"subtree and a mailbox of its name", "SET ( subtree a " M " ) ( mailboxes a " S " )",
	 BOX("a/b", '/'), "MailboxName"},
	{"a mailbox and the subtree of its name", "SET ( mailboxes a " M " ) ( subtree a " S " )",
	 BOX("a/b", '/'), "SubscriptionChange"},
	{"a subtree given twice", "SET ( subtree a " M " ) ( subtree ( b a ) " S " )",
	 BOX("a/b", '/'), "MailboxName SubscriptionChange"},
	{"subtree and a mailbox, itself", "SET ( subtree a " M " ) ( mailboxes a " S " )",
	 BOX("a", '/'), "MailboxName SubscriptionChange"},

	{"union",
	 "SET ( personal " M " ) ( mailboxes a " NE " ) ( subscribed NONE ) ( inboxes " X " )",
	 BOX("a", '/', .personal = true, .subscribed = true),
	 "MessageNew MessageExpunge MailboxName"},
	{"union of a filter given twice", "SET ( personal " M " ) ( personal " S " )",
	 BOX("a", '/', .personal = true), "MailboxName SubscriptionChange"},
	{"union of a name given twice", "SET ( mailboxes a " M " ) ( mailboxes ( b a ) " S " )",
	 BOX("a", '/'), "MailboxName SubscriptionChange"},
	{"NONE takes nothing away", "SET ( personal " M " ) ( mailboxes a NONE )",
	 BOX("a", '/', .personal = true), "MailboxName"},
	{"NONE alone", "SET ( mailboxes a NONE )", BOX("a", '/'), ""},

	{"INBOX", "SET ( mailboxes inbox " M " )", BOX("INBOX", '/'), "MailboxName"},
	{"INBOX, the other way", "SET ( mailboxes INBOX " M " )", BOX("InBox", '/'), "MailboxName"},
	{"INBOX without a separator", "SET ( mailboxes Inbox " M " )", BOX("INBOX", '\0'),
	 "MailboxName"},
	{"INBOX's child", "SET ( mailboxes inbox/a " M " )", BOX("INBOX/a", '/'), "MailboxName"},
	{"INBOX's child, its own part has case", "SET ( mailboxes INBOX/a " M " )",
	 BOX("INBOX/A", '/'), ""},
	{"not INBOX's child by another separator", "SET ( mailboxes inbox/a " M " )",
	 BOX("INBOX/a", '.'), ""},
	{"not INBOX's child without one", "SET ( mailboxes inbox/a " M " )", BOX("INBOX/a", '\0'),
	 ""},
	{"the same name by another separator", "SET ( mailboxes INBOX/a " M " )",
	 BOX("INBOX/a", '.'), "MailboxName"},
	{"a name that goes on after INBOX", "SET ( mailboxes inboxes " M " )", BOX("INBOXes", '/'),
	 ""},
	{"that name itself", "SET ( mailboxes ( INBOXes inboxes InboxES ) " M " )",
	 BOX("inboxes", '/'), "MailboxName"},
	{"INBOX not at the beginning", "SET ( mailboxes a/inbox " M " )", BOX("a/INBOX", '/'), ""},
	{"INBOX in two spellings", "SET ( mailboxes inbox " M " ) ( mailboxes Inbox " S " )",
	 BOX("INBOX", '/'), "MailboxName SubscriptionChange"},
	{"INBOX's child in two spellings",
	 "SET ( mailboxes inbox/a " M " ) ( mailboxes ( Inbox/a Inbox/b ) " S " )",
	 BOX("INBOX/a", '/'), "MailboxName SubscriptionChange"},
	{"INBOX's child in one of two",
	 "SET ( mailboxes inbox.a " M " ) ( mailboxes Inbox.a " S " )", BOX("inbox.a", '/'),
	 "MailboxName"},
	{"below INBOX", "SET ( subtree inbox " M " )", BOX("INBOX/a/b", '/'), "MailboxName"},
	{"below INBOX's child", "SET ( subtree inbox/a " M " )", BOX("INBOX/a/b", '/'),
	 "MailboxName"},
	{"below INBOX, another separator", "SET ( subtree inbox " M " )", BOX("INBOX.a", '/'), ""},
	{"below what only begins so", "SET ( subtree inboxes " M " )", BOX("INBOXes/a", '/'), ""},
	{"neighbours of INBOX in order", "SET ( mailboxes ( INBO INBOW inbox INBOY a ) " M " )",
	 BOX("INBOX", '/'), "MailboxName"},
	{"a name with 8 bits", "SET ( mailboxes ( z \xc3\xb6 a ) " M " )", BOX("\xc3\xb6", '/'),
	 "MailboxName"},
};

static void test_match(gconstpointer data)
{
	const struct match_row *row = data;
	struct parsed parsed;
	char events[NOTIFY_EVENTS_SIZE];

	g_assert_cmpint(parse(row->line, SUPPORTED, &parsed), ==, NOTIFY_OK);
	notify_events_format(notify_spec_match(&parsed.spec, &row->box), events);
	g_assert_cmpstr(events, ==, row->events);
	parsed_free(&parsed);
}

static void test_events(void)
{
	struct parsed parsed;

	g_assert_cmpint(parse("SET ( selected ( MessageNew MessageExpunge FlagChange ) ) "
			      "( mailboxes a " M " ) ( personal " X " )",
			      SUPPORTED, &parsed),
			==, NOTIFY_OK);
	g_assert_cmphex(notify_spec_events(&parsed.spec), ==,
			NOTIFY_MAILBOX_NAME | NOTIFY_SERVER_METADATA_CHANGE);
	parsed_free(&parsed);
	g_assert_cmpint(parse("NONE", SUPPORTED, &parsed), ==, NOTIFY_OK);
	g_assert_cmphex(notify_spec_events(&parsed.spec), ==, 0);
	parsed_free(&parsed);
}

/* Modified UTF-7 becomes UTF-8 after parsing; the order of names changes by that. */
static void test_reindex(void)
{
	static const struct notify_box decoded = {.name = "\xc3\xb6/a", .separator = '/'};
	static const struct notify_box b = {.name = "b", .separator = '/'};
	struct parsed parsed;

	g_assert_cmpint(parse("SET ( subtree ( b &APY- a ) " M " ) ( mailboxes b " S " )",
			      SUPPORTED, &parsed),
			==, NOTIFY_OK);
	g_assert_cmphex(notify_spec_match(&parsed.spec, &decoded), ==, 0);
	parsed.spec.names[1] = "\xc3\xb6";
	for (int i = 0; i < 2; i++) {
		notify_spec_reindex(&parsed.spec);
		g_assert_cmphex(notify_spec_match(&parsed.spec, &decoded), ==, NOTIFY_MAILBOX_NAME);
		g_assert_cmphex(notify_spec_match(&parsed.spec, &b), ==,
				NOTIFY_MAILBOX_NAME | NOTIFY_SUBSCRIPTION_CHANGE);
	}
	parsed_free(&parsed);
}

/* --- many names ------------------------------------------------------------ */

#define MANY 4096
#define MANY_LOG2 12

static void add(GArray *tokens, enum notify_token_type type, const char *text)
{
	struct notify_token token = {.type = type, .text = text};

	g_array_append_val(tokens, token);
}

/* One group of MANY names, or MANY groups of one. */
static void add_many(GArray *tokens, char **names, bool groups)
{
	add(tokens, NOTIFY_TOKEN_ATOM, "SET");
	for (size_t i = 0; i < MANY; i++) {
		if (i == 0 || groups) {
			add(tokens, NOTIFY_TOKEN_OPEN, NULL);
			add(tokens, NOTIFY_TOKEN_ATOM, "subtree");
			add(tokens, NOTIFY_TOKEN_OPEN, NULL);
		}
		add(tokens, NOTIFY_TOKEN_ATOM, names[i]);
		if (i == MANY - 1 || groups) {
			add(tokens, NOTIFY_TOKEN_CLOSE, NULL);
			add(tokens, NOTIFY_TOKEN_OPEN, NULL);
			add(tokens, NOTIFY_TOKEN_ATOM, "MailboxName");
			add(tokens, NOTIFY_TOKEN_CLOSE, NULL);
			add(tokens, NOTIFY_TOKEN_CLOSE, NULL);
		}
	}
}

static const struct many_row {
	const char *name;
	const char *format; /* of names, by their number */
	bool groups;
} many_rows[] = {
	{"names in one group", "n%u", false},
	{"groups of one name", "n%u", true},
	{"one name again and again", "n", false},
	{"names below INBOX", "inBox/n%u", false},
	{"names that only begin like INBOX", "inBoxes%u", true},
};

static void test_many(gconstpointer data)
{
	const struct many_row *row = data;
	g_autoptr(GArray) tokens = g_array_new(FALSE, FALSE, sizeof(struct notify_token));
	g_auto(GStrv) names = g_new0(char *, MANY + 1);
	struct notify_spec spec;
	const char *error;

	for (unsigned i = 0; i < MANY; i++) {
		/* Not in order. */
		g_autofree char *number = g_strdup_printf("%u", i * 2654435761u % 1000003);
		g_auto(GStrv) parts = g_strsplit(row->format, "%u", 2);

		names[i] = g_strjoinv(number, parts);
	}
	add_many(tokens, names, row->groups);
	g_assert_cmpint(notify_spec_parse((const struct notify_token *)(void *)tokens->data,
					  tokens->len, SUPPORTED, MANY, &spec, &error),
			==, NOTIFY_OK);
	for (unsigned i = 0; i < MANY; i++) {
		g_autofree char *deep = g_strconcat(names[i], "/x/y", NULL);
		const struct notify_box self = {.name = names[i], .separator = '/'};
		const struct notify_box below = {.name = deep, .separator = '/'};
		const struct notify_box missing = {.name = deep, .separator = '.'};

		/* One search for each level (names have up to four), each with a few
		 * steps more than the logarithm and two comparisons at a step. */
		compared = 0;
		g_assert_cmphex(notify_spec_match(&spec, &self), ==, NOTIFY_MAILBOX_NAME);
		g_assert_cmpuint(compared, <=, 2 * 2 * (MANY_LOG2 + 3));
		compared = 0;
		g_assert_cmphex(notify_spec_match(&spec, &below), ==, NOTIFY_MAILBOX_NAME);
		g_assert_cmpuint(compared, <=, 4 * 2 * (MANY_LOG2 + 3));
		g_assert_cmphex(notify_spec_match(&spec, &missing), ==, 0);
	}
	/* The count is not of nothing. */
	g_assert_cmpuint(compared, >, 0);
	notify_spec_free(&spec);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD_ROWS(rows, prefix, test)                                               \
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {                          \
		g_autofree char *path = g_strconcat(prefix, (rows)[i].name, NULL); \
                                                                                   \
		g_test_add_data_func(path, &(rows)[i], test);                      \
	}
	ADD_ROWS(good_rows, "/notify-spec/good/", test_good)
	ADD_ROWS(bad_rows, "/notify-spec/bad/", test_bad)
	ADD_ROWS(refused_rows, "/notify-spec/refused/", test_refused)
	ADD_ROWS(match_rows, "/notify-spec/match/", test_match)
	ADD_ROWS(many_rows, "/notify-spec/many/", test_many)
	g_test_add_func("/notify-spec/no-memory", test_no_memory);
	g_test_add_func("/notify-spec/free", test_free);
	g_test_add_func("/notify-spec/format", test_format);
	g_test_add_func("/notify-spec/events", test_events);
	g_test_add_func("/notify-spec/reindex", test_reindex);
	return g_test_run();
}
