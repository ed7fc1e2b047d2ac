/*
 * Arguments of the P-IMAP commands, checked: XPROVISION, XSETPIMAPPREF, XGETPIMAPPREFS and
 * XFILTER, and the same under the names that Lemonade's drafts gave them. Every octet is
 * hostile.
 *
 * Criteria of filters are only put into their one spelling here; what they mean is for
 * Dovecot's search to judge. docs/push-imap.md has the grammar. Pure.
 */
#ifndef PIMAP_ARGS_H
#define PIMAP_ARGS_H

#include "arg-token.h"
#include "pimap-device.h"
#include "limits.h"
#include "webpush-args.h"

#include <stddef.h>

/* --- the names of one draft ---------------------------------------------- */

/* Answers come in the words of the command. */
struct pimap_family {
	const char *provision;
	const char *capability; /* as XPROVISION prints it */
	const char *set;
	const char *get;
	const char *filter;
	const char *prefix; /* of preferences */
	const char *attach; /* the preference that attaches filters */
};

/* The one that the command belongs to, in any case; NULL if none. */
const struct pimap_family *pimap_family_find(const char *command);

/* --- preferences --------------------------------------------------------- */

enum pimap_pref {
	PIMAP_OUTBAND_ADDRESS,
	PIMAP_OUTBAND_CHANNEL,
	PIMAP_INBAND_NEW_FORMAT,
	PIMAP_INBAND_PUSH,
	PIMAP_OUTBAND_FORMAT,
	PIMAP_EVENT_FILTER,
	PIMAP_XFILTER,
	PIMAP_PREF_COUNT,
};

struct pimap_pref_info {
	const char *name;     /* without the prefix; NULL: the family's `attach` */
	const char *field;    /* of the bridge's answer */
	const char *fallback; /* if it says nothing */
	const char *values;   /* with blanks between them; NULL: not fixed */
};

const struct pimap_pref_info *pimap_pref_info(enum pimap_pref pref);

/* Names of all families, and spellings that the drafts' misprints led to. */
bool pimap_pref_parse(const char *name, enum pimap_pref *pref_r);

/* Where a filter is for. */
struct pimap_attach {
	const char *mailbox; /* as the client spelt it; NULL = ALL */
	char type;           /* V, N or B */
};

struct pimap_set {
	enum pimap_pref pref;
	struct pimap_attach attach;             /* XFILTER */
	char value[LIMIT_PIMAP_NEW_FORMAT + 1]; /* in one spelling; XFILTER: the filter's name */
};

/* name value. INBAND_NEW_FORMAT's value is a macro's name, or NONE, or a list in brackets,
 * of which nobody has said yet that FETCH knows it. */
enum webpush_error pimap_set_parse(const struct arg_token *tokens, size_t count,
				   struct pimap_set *set_r, const char **error_r);

/* "(" name *(SP name) ")", or one name; each once, in the order in which they came. */
enum webpush_error pimap_get_parse(const struct arg_token *tokens, size_t count,
				   enum pimap_pref prefs_r[PIMAP_PREF_COUNT], size_t *count_r,
				   const char **error_r);

/* --- XPROVISION ---------------------------------------------------------- */

/* [device [notification-id]]; NULL for what is not there. */
enum webpush_error pimap_provision_parse(const struct arg_token *tokens, size_t count,
					 const char **device_r, const char **notification_r,
					 const char **error_r);

/* --- XFILTER ------------------------------------------------------------- */

enum pimap_filter_verb {
	PIMAP_FILTER_GET,
	PIMAP_FILTER_SET,
	PIMAP_FILTER_DELETE,
	PIMAP_FILTER_DIRECT_GET, /* mailbox, type */
	PIMAP_FILTER_DIRECT_SET, /* mailbox, type, criteria */
};

struct pimap_filter {
	enum pimap_filter_verb verb;
	char name[LIMIT_FILTER_NAME + 1]; /* upper case */
	const char *charset;              /* NULL = not said */
	const char *description;
	bool want_description, want_criteria; /* GET */
	struct pimap_attach attach;           /* DIRECT_*: mailbox and type */
	size_t criteria, criteria_count;      /* *SET: which tokens */
};

enum webpush_error pimap_filter_parse(const struct arg_token *tokens, size_t count,
				      struct pimap_filter *filter_r, const char **error_r);

/* A name as filters have them: atom characters without "/", upper case (names of metadata
 * entries are the same filters, and have no case). */
enum webpush_error pimap_filter_name(const char *text, char name_r[LIMIT_FILTER_NAME + 1],
				     const char **error_r);

/* ALL and NONE are there, and cannot be changed. */
bool pimap_filter_is_predefined(const char *name);

/* --- one spelling -------------------------------------------------------- */

/* Tokens as one line: strings are quoted, whatever they were. */
enum webpush_error pimap_tokens_format(const struct arg_token *tokens, size_t count, char *out,
				       size_t size, const char **error_r);

/* The string of that line which begins at *text, a quote: unescaped into `out`, which has
 * room for strlen(*text), and *text is behind it. False: no end. */
bool pimap_unquote(const char **text, char *out);

#endif
