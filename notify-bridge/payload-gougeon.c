/*
 * draft-gougeon-imap-webpush: lines like IMAP's untagged responses, the mailbox's
 * name where the star would be. Whoever puts the star back can give each line
 * (but those with SYNC) to the parser that reads an IMAP connection.
 *
 * An arrival is EXISTS and FETCH as the draft says. For the rest message numbers
 * are not known, and mean something within a session only: VANISHED (RFC 7162)
 * and STATUS, which speak of UIDs, stand where the draft's examples have
 * EXPUNGE, and UIDFETCH (RFC 9586) for FETCH where the number is not known.
 */
#include "limits.h"
#include "payload-private.h"
#include "utf8-text.h"

#include <string.h>

/* Bytes each of an envelope's strings may have: all that the event carries, and
 * what fits for certain, whatever has to be quoted. */
#define STRING_WHOLE LIMIT_HEADER_TEXT
#define STRING_SHORT 200

#define KIND(name) PUSH_EVENT_KIND_BIT(PUSH_EVENT_##name)
#define KINDS_ADDED (KIND(MESSAGE_NEW) | KIND(MESSAGE_APPEND))
#define KINDS_GONE KIND(MESSAGE_EXPUNGE)
#define KINDS_FLAGS (KIND(MESSAGE_READ) | KIND(MESSAGE_TRASH) | KIND(FLAGS_SET) | KIND(FLAGS_CLEAR))
#define KINDS_LIST (KIND(MAILBOX_CREATE) | KIND(MAILBOX_DELETE) | KIND(MAILBOX_RENAME))
#define KINDS_LSUB (KIND(MAILBOX_SUBSCRIBE) | KIND(MAILBOX_UNSUBSCRIBE))

/* A quoted string of IMAP4rev2: UTF-8 without CR, LF and NUL. */
static void append_quoted(GString *out, const char *clean)
{
	g_string_append_c(out, '"');
	for (const char *p = clean; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			g_string_append_c(out, '\\');
		g_string_append_c(out, *p);
	}
	g_string_append_c(out, '"');
}

/* Octets that cannot be said in UTF-8 become U+FFFD: such a name is nobody's, so
 * the client looks around. */
static void append_mailbox(GString *out, const char *name)
{
	g_autofree char *clean = utf8_text_clean(name);
	const char *p = clean;

	/* Letters, digits and what no grammar of IMAP's has a use for. */
	while (g_ascii_isalnum(*p) || (*p != '\0' && strchr("-_./+=:#&'~@,!$", *p) != NULL))
		p++;
	/* NIL as an atom is the absence of a string; "^" begins another kind of line. */
	if (*p == '\0' && p != clean && g_ascii_strcasecmp(clean, "NIL") != 0)
		g_string_append(out, clean);
	else
		append_quoted(out, clean);
}

static void append_nstring(GString *out, const char *text, gsize max)
{
	g_autofree char *cut = utf8_text_cut(text, max, "…");

	if (cut == NULL)
		g_string_append(out, "NIL");
	else
		append_quoted(out, cut);
}

/* RFC 3339 to RFC 5322, as ENVELOPE has it. */
static void append_date(GString *out, const char *date)
{
	static const char days[][4] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	g_autoptr(GDateTime) time = date == NULL ? NULL : g_date_time_new_from_iso8601(date, NULL);
	int minutes;

	if (time == NULL) {
		g_string_append(out, "NIL");
		return;
	}
	minutes = (int)(g_date_time_get_utc_offset(time) / G_TIME_SPAN_MINUTE);
	g_string_append_printf(out, "\"%s, %02d %s %04d %02d:%02d:%02d %c%02d%02d\"",
			       days[g_date_time_get_day_of_week(time) - 1],
			       g_date_time_get_day_of_month(time),
			       months[g_date_time_get_month(time) - 1], g_date_time_get_year(time),
			       g_date_time_get_hour(time), g_date_time_get_minute(time),
			       g_date_time_get_second(time), minutes < 0 ? '-' : '+',
			       ABS(minutes) / 60, ABS(minutes) % 60);
}

/* One address in a list: ((name NIL local-part domain)) */
static void append_from(GString *out, const struct push_event *event, gsize max)
{
	g_autofree char *local = NULL;
	const char *at;

	if (event->from_address == NULL || event->from_address[0] == '\0') {
		g_string_append(out, "NIL");
		return;
	}
	at = strrchr(event->from_address, '@');
	local = at == NULL ? g_strdup(event->from_address)
			   : g_strndup(event->from_address, (gsize)(at - event->from_address));
	g_string_append(out, "((");
	append_nstring(out, event->from_name, max);
	g_string_append(out, " NIL ");
	append_nstring(out, local, max);
	g_string_append_c(out, ' ');
	append_nstring(out, at == NULL ? "" : at + 1, max);
	g_string_append(out, "))");
}

/* "INBOX 7 FETCH (UID 12", of the newest message. */
static void append_fetch_begin(GString *out, const struct payload_facts *facts)
{
	append_mailbox(out, facts->event.mailbox);
	if (facts->event.exists != 0)
		g_string_append_printf(out, " %u FETCH (UID %u", facts->event.exists,
				       facts->highest_uid);
	else
		g_string_append_printf(out, " %u UIDFETCH (UID %u", facts->highest_uid,
				       facts->highest_uid);
}

static void append_exists(GString *out, const struct payload_facts *facts)
{
	if (facts->event.exists == 0)
		return;
	append_mailbox(out, facts->event.mailbox);
	g_string_append_printf(out, " %u EXISTS\r\n", facts->event.exists);
}

/* What the event does not tell is NIL: sender, reply-to, to, cc, bcc, in-reply-to. */
static void append_fetch(GString *out, const struct payload_facts *facts, gsize max,
			 gboolean preview)
{
	const struct push_event *event = &facts->event;

	append_fetch_begin(out, facts);
	g_string_append(out, " ENVELOPE (");
	append_date(out, event->date);
	g_string_append_c(out, ' ');
	append_nstring(out, event->subject, max);
	g_string_append_c(out, ' ');
	append_from(out, event, max);
	g_string_append(out, " NIL NIL NIL NIL NIL NIL ");
	append_nstring(out, event->message_id, max);
	g_string_append_c(out, ')');
	if (preview && event->preview != NULL) {
		g_string_append(out, " PREVIEW ");
		append_nstring(out, event->preview, LIMIT_PREVIEW);
	}
	g_string_append(out, ")\r\n");
}

static void append_status(GString *out, const struct payload_facts *facts)
{
	const struct push_event *event = &facts->event;
	g_autoptr(GString) items = g_string_new(NULL);

	if ((facts->kinds & KINDS_ADDED) != 0 && facts->highest_uid != 0 &&
	    facts->highest_uid != G_MAXUINT32)
		g_string_append_printf(items, " UIDNEXT %u", facts->highest_uid + 1);
	if (event->uidvalidity != 0)
		g_string_append_printf(items, " UIDVALIDITY %u", event->uidvalidity);
	if (event->modseq != 0)
		g_string_append_printf(items, " HIGHESTMODSEQ %" G_GUINT64_FORMAT,
				       (guint64)event->modseq);
	if (items->len == 0)
		return;
	append_mailbox(out, event->mailbox);
	g_string_append(out, " STATUS ");
	append_mailbox(out, event->mailbox);
	g_string_append_printf(out, " (%s)\r\n", items->str + 1);
}

static void append_sync(GString *out, const char *mailbox, const char *what)
{
	append_mailbox(out, mailbox);
	g_string_append_printf(out, " SYNC%s%s\r\n", what[0] != '\0' ? " " : "", what);
}

static gboolean fits(const GString *out)
{
	return out->len <= LIMIT_PUSH_PLAINTEXT;
}

/* The best line that there is room for; with content only if it may be told. */
static void append_newest(GString *out, const struct payload_facts *facts, gboolean content)
{
	static const struct {
		gsize max;
		gboolean preview;
	} forms[] = {{STRING_WHOLE, TRUE},
		     {STRING_WHOLE, FALSE},
		     {STRING_SHORT, TRUE},
		     {STRING_SHORT, FALSE}};
	gsize before = out->len;

	for (guint i = 0; content && i < G_N_ELEMENTS(forms); i++) {
		append_fetch(out, facts, forms[i].max, forms[i].preview);
		if (fits(out))
			return;
		g_string_truncate(out, before);
	}
	/* An EXISTS is never without its FETCH. */
	if (facts->event.exists != 0) {
		append_fetch_begin(out, facts);
		g_string_append(out, ")\r\n");
	}
}

/* Which messages changed, as far as all events that were folded together say the
 * same; else only that some did. */
static void append_changes(GString *out, const struct payload_facts *facts)
{
	const push_event_kinds messages = facts->kinds & PUSH_EVENT_KINDS_MESSAGE;
	const char *mailbox = facts->event.mailbox, *uids = facts->event.uids;
	gsize before = out->len;

	if (messages == KINDS_GONE && uids != NULL) {
		append_mailbox(out, mailbox);
		g_string_append_printf(out, " VANISHED %s\r\n", uids);
	} else if ((messages & KINDS_GONE) != 0 ||
		   ((messages & KINDS_ADDED) != 0 && facts->highest_uid == 0)) {
		append_sync(out, mailbox, "");
	} else if ((messages & KINDS_FLAGS) != 0) {
		g_autofree char *what = NULL;

		if (uids == NULL || (messages & ~KINDS_FLAGS) != 0)
			what = g_strdup("FETCH");
		else if (messages == KIND(MESSAGE_READ))
			what = g_strdup_printf("FETCH %s +FLAGS (\\Seen)", uids);
		else if (messages == KIND(MESSAGE_TRASH))
			what = g_strdup_printf("FETCH %s +FLAGS (\\Deleted)", uids);
		else
			what = g_strdup_printf("FETCH %s", uids);
		append_sync(out, mailbox, what);
	}
	if (!fits(out)) {
		g_string_truncate(out, before);
		append_sync(out, mailbox, "");
	}
}

static void append_folders(GString *out, const struct payload_facts *facts)
{
	const struct push_event *event = &facts->event;

	if ((facts->kinds & KINDS_LIST) != 0) {
		if (event->old_mailbox != NULL)
			append_sync(out, event->old_mailbox, "LIST");
		append_sync(out, event->mailbox, "LIST");
	}
	if ((facts->kinds & KINDS_LSUB) != 0)
		append_sync(out, event->mailbox, "LSUB");
}

static void append_confirmation(GString *out, const struct device *device, const char *token)
{
	g_string_append(out, "^ ACKWEBPUSH ");
	append_mailbox(out, device->device); /* an astring too */
	g_string_append_c(out, ' ');
	append_mailbox(out, token);
	g_string_append(out, "\r\n");
}

/* ^ DATACHANGE (contacts calendar) application/vnd.syncml.ds.notification AwoAAA== */
static void append_data_change(GString *out, const struct push_event *event, gboolean package)
{
	g_auto(GStrv) names = g_strsplit(event->databases, " ", -1);

	g_string_append(out, "^ DATACHANGE (");
	for (char **name = names; *name != NULL; name++) {
		if (name != names)
			g_string_append_c(out, ' ');
		append_mailbox(out, *name); /* an astring */
	}
	g_string_append_c(out, ')');
	if (package)
		g_string_append_printf(out, " %s %s", event->package_type, event->package);
	g_string_append(out, "\r\n");
}

static void append_sync_alert(GString *out, const struct payload_facts *facts, gboolean minimal)
{
	append_data_change(out, &facts->event, !minimal);
	if (fits(out))
		return;
	g_string_truncate(out, 0);
	append_data_change(out, &facts->event, FALSE);
}

GString *payload_gougeon(const struct device *device, const struct payload_facts *facts,
			 gboolean content, gboolean minimal)
{
	GString *out = g_string_new(NULL);

	if (facts->token != NULL) {
		append_confirmation(out, device, facts->token);
	} else if (facts->data_change) {
		append_sync_alert(out, facts, minimal);
	} else if (facts->has_event) {
		append_status(out, facts);
		if ((facts->kinds & KINDS_ADDED) != 0 && facts->highest_uid != 0 && fits(out)) {
			append_exists(out, facts);
			append_newest(out, facts, content && facts->arrival);
		}
		if (!minimal && fits(out))
			append_changes(out, facts);
		append_folders(out, facts);
		if (out->len == 0)
			append_sync(out, facts->event.mailbox, "");
		if (!fits(out)) {
			g_string_truncate(out, 0);
			append_sync(out, facts->event.mailbox, "");
		}
	}
	/* Nothing to say, or no room to say it even in one line. */
	if (out->len == 0 || !fits(out))
		g_string_assign(out, "^ SYNC\r\n");
	return out;
}
