#include "pimap-state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "fantail-pimap"
#define VERSION "1"
#define MAX_FIELDS 16
#define HEX "0123456789abcdef"
#define U64_HEX 16

uint64_t pimap_uids_add(uint64_t uids, uint32_t uid)
{
	for (unsigned i = 0; i < 4; i++, uid >>= 8)
		uids = (uids ^ (uid & 0xff)) * UINT64_C(0x100000001b3);
	return uids;
}

/* --- the session ------------------------------------------------------------- */

void pimap_session_free(struct pimap_session *session)
{
	free(session->folders);
	memset(session, 0, sizeof(*session));
}

struct pimap_folder *pimap_session_find(struct pimap_session *session, const unsigned char *guid)
{
	for (size_t i = session->count; i > 0; i--) {
		if (memcmp(session->folders[i - 1].guid, guid, PIMAP_GUID_SIZE) == 0)
			return &session->folders[i - 1];
	}
	return NULL;
}

static void take_out(struct pimap_session *session, size_t i)
{
	session->count--;
	memmove(&session->folders[i], &session->folders[i + 1],
		(session->count - i) * sizeof(*session->folders));
}

static void move_to_end(struct pimap_session *session, size_t i)
{
	struct pimap_folder folder = session->folders[i];

	if (i < session->count - session->changed)
		session->changed++;
	take_out(session, i);
	session->folders[session->count++] = folder;
}

void pimap_session_mark(struct pimap_session *session, const unsigned char *guid, bool unsure)
{
	struct pimap_folder *folder = pimap_session_find(session, guid);

	if (folder == NULL)
		return;
	folder->unsure = unsure;
	move_to_end(session, (size_t)(folder - session->folders));
}

static void drop_at(struct pimap_session *session, size_t i)
{
	if (i >= session->count - session->changed)
		session->changed--;
	take_out(session, i);
	session->whole = true;
}

void pimap_session_drop(struct pimap_session *session, const unsigned char *guid)
{
	const struct pimap_folder *folder = pimap_session_find(session, guid);

	if (folder != NULL)
		drop_at(session, (size_t)(folder - session->folders));
}

void pimap_session_select(struct pimap_session *session, const char *mailbox)
{
	if (strcmp(session->selected, mailbox) == 0)
		return;
	strcpy(session->selected, mailbox);
	session->reselected = true;
}

static bool add(struct pimap_session *session, const struct pimap_folder *folder)
{
	if (session->count >= LIMIT_PIMAP_FOLDERS)
		drop_at(session, 0);
	if (session->count == session->alloc) {
		size_t alloc = session->alloc == 0 ? 16 : session->alloc * 2;
		struct pimap_folder *folders = realloc(session->folders, alloc * sizeof(*folders));

		if (folders == NULL)
			return false;
		session->folders = folders;
		session->alloc = alloc;
	}
	session->folders[session->count++] = *folder;
	session->changed++;
	return true;
}

bool pimap_session_put(struct pimap_session *session, const struct pimap_folder *folder)
{
	struct pimap_folder *there = pimap_session_find(session, folder->guid);
	struct pimap_folder copy = *folder; /* which may be one of them */

	if (there == NULL)
		return add(session, &copy);
	*there = copy;
	move_to_end(session, (size_t)(there - session->folders));
	return true;
}

/* --- the file ------------------------------------------------------------------ */

static void field_hex(struct tabline_buf *buf, const char *key, uint64_t value)
{
	char text[U64_HEX + 1];

	snprintf(text, sizeof(text), "%016" PRIx64, value);
	tabline_field(buf, key, text);
}

static void field_guid(struct tabline_buf *buf, const unsigned char *guid)
{
	char text[2 * PIMAP_GUID_SIZE + 1];

	for (size_t i = 0; i < PIMAP_GUID_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", guid[i]);
	tabline_field(buf, "guid", text);
}

static bool encode_part(const struct pimap_session *session, bool whole, struct tabline_buf *buf)
{
	bool ok;

	tabline_word(buf, "session");
	field_hex(buf, "id", session->id);
	field_hex(buf, "owner", session->owner);
	tabline_field_u64(buf, "created", session->created);
	tabline_field_u64(buf, "used", session->used);
	ok = tabline_end(buf);
	if (whole && (session->push || *session->format != '\0')) {
		tabline_word(buf, "inband");
		tabline_field(buf, "push", session->push ? "ON" : "OFF");
		tabline_field(buf, "format", session->format);
		ok = ok && tabline_end(buf);
	}
	if (*session->selected != '\0') {
		tabline_word(buf, "selected");
		tabline_field(buf, "mailbox", session->selected);
		ok = ok && tabline_end(buf);
	}
	for (size_t i = whole ? 0 : session->count - session->changed; ok && i < session->count;
	     i++) {
		const struct pimap_folder *folder = &session->folders[i];

		tabline_word(buf, "folder");
		field_guid(buf, folder->guid);
		tabline_field_u64(buf, "index", folder->index);
		tabline_field_u64(buf, "uidvalidity", folder->uidvalidity);
		tabline_field_u64(buf, "uidnext", folder->uidnext);
		tabline_field_u64(buf, "messages", folder->messages);
		tabline_field_u64(buf, "modseq", folder->modseq);
		field_hex(buf, "uids", folder->uids);
		tabline_field_u64(buf, "unsure", folder->unsure);
		ok = tabline_end(buf);
	}
	tabline_word(buf, "end");
	return ok && tabline_end(buf);
}

bool pimap_session_encode(const struct pimap_session *session, struct tabline_buf *buf)
{
	tabline_word(buf, MAGIC);
	tabline_word(buf, VERSION);
	return tabline_end(buf) && encode_part(session, true, buf);
}

bool pimap_session_encode_changes(const struct pimap_session *session, struct tabline_buf *buf)
{
	return encode_part(session, false, buf);
}

bool pimap_session_has_news(const struct pimap_session *session)
{
	return session->changed > 0 || session->reselected || session->whole;
}

void pimap_session_written(struct pimap_session *session)
{
	session->changed = 0;
	session->reselected = session->whole = false;
}

/* A line that is being read: how many fields there are of it, and the next one's value. */
struct line {
	struct tabline_field fields[MAX_FIELDS];
	size_t count;
};

static bool get_u64(const struct line *line, const char *key, uint64_t *value_r)
{
	const char *text = tabline_get(line->fields, line->count, key);

	return text != NULL && tabline_parse_u64(text, value_r);
}

static bool get_u32(const struct line *line, const char *key, uint32_t *value_r)
{
	const char *text = tabline_get(line->fields, line->count, key);

	return text != NULL && tabline_parse_u32(text, value_r);
}

static bool get_hex(const struct line *line, const char *key, uint64_t *value_r)
{
	const char *text = tabline_get(line->fields, line->count, key);

	if (text == NULL || strlen(text) != U64_HEX || strspn(text, HEX) != U64_HEX)
		return false;
	*value_r = strtoull(text, NULL, 16);
	return true;
}

static bool get_guid(const struct line *line, unsigned char *guid_r)
{
	const char *text = tabline_get(line->fields, line->count, "guid");

	if (text == NULL || strlen(text) != 2 * PIMAP_GUID_SIZE ||
	    strspn(text, HEX) != 2 * PIMAP_GUID_SIZE)
		return false;
	for (size_t i = 0; i < PIMAP_GUID_SIZE; i++)
		guid_r[i] = (unsigned char)((strchr(HEX, text[2 * i]) - HEX) * 16 +
					    (strchr(HEX, text[2 * i + 1]) - HEX));
	return true;
}

/* Cuts the next line off the text. False: there is none, or it is no good. */
static bool next_line(char **text, char *end, struct line *line_r)
{
	char *line = *text, *lf = memchr(line, '\n', (size_t)(end - line));

	if (lf == NULL)
		return false;
	*text = lf + 1;
	return tabline_split(line, (size_t)(lf - line), line_r->fields, MAX_FIELDS,
			     &line_r->count) == TABLINE_OK &&
	       line_r->count > 0;
}

static bool is(const struct line *line, size_t i, const char *word)
{
	return i < line->count && line->fields[i].key == NULL &&
	       strcmp(line->fields[i].value, word) == 0;
}

static bool read_inband(const struct line *line, struct pimap_session *session)
{
	const char *push = tabline_get(line->fields, line->count, "push");
	const char *format = tabline_get(line->fields, line->count, "format");

	if (push == NULL || (strcmp(push, "ON") != 0 && strcmp(push, "OFF") != 0) ||
	    format == NULL || strlen(format) > LIMIT_PIMAP_NEW_FORMAT || session->count > 0 ||
	    session->push || *session->format != '\0')
		return false;
	session->push = strcmp(push, "ON") == 0;
	strcpy(session->format, format);
	return session->push || *format != '\0';
}

static bool read_selected(const struct line *line, struct pimap_session *session)
{
	const char *mailbox = tabline_get(line->fields, line->count, "mailbox");

	if (mailbox == NULL || *mailbox == '\0' || strlen(mailbox) > LIMIT_MAILBOX ||
	    session->changed > 0 || *session->selected != '\0')
		return false;
	strcpy(session->selected, mailbox);
	return true;
}

static bool read_folder(const struct line *line, struct pimap_session *session)
{
	struct pimap_folder folder = {.index = 0};
	const struct pimap_folder *there;
	uint32_t unsure;

	if (!is(line, 0, "folder") || !get_guid(line, folder.guid) ||
	    !get_u32(line, "index", &folder.index) ||
	    !get_u32(line, "uidvalidity", &folder.uidvalidity) ||
	    !get_u32(line, "uidnext", &folder.uidnext) ||
	    !get_u32(line, "messages", &folder.messages) ||
	    !get_u64(line, "modseq", &folder.modseq) || !get_hex(line, "uids", &folder.uids) ||
	    !get_u32(line, "unsure", &unsure) || unsure > 1 ||
	    (folder.messages > 0 && folder.messages >= folder.uidnext))
		return false;
	there = pimap_session_find(session, folder.guid);
	/* Those of this part count as changed: none is there twice. */
	if (there == NULL ? session->count == LIMIT_PIMAP_FOLDERS
			  : there >= session->folders + session->count - session->changed)
		return false;
	folder.unsure = unsure == 1;
	return pimap_session_put(session, &folder);
}

/* From the line behind `session` on. */
static bool read_part(char **text, char *end, struct pimap_session *session)
{
	struct line line;

	session->changed = 0;
	*session->selected = '\0';
	while (next_line(text, end, &line)) {
		if (is(&line, 0, "end"))
			return true;
		if (is(&line, 0, "inband")     ? !read_inband(&line, session)
		    : is(&line, 0, "selected") ? !read_selected(&line, session)
					       : !read_folder(&line, session))
			return false;
	}
	return false;
}

static bool read_session(const struct line *line, struct pimap_session *session)
{
	return is(line, 0, "session") && get_hex(line, "id", &session->id) &&
	       get_hex(line, "owner", &session->owner) &&
	       get_u64(line, "created", &session->created) && get_u64(line, "used", &session->used);
}

static bool decode(char *text, char *end, struct pimap_session *session)
{
	uint64_t id = 0, owner = 0;
	struct line line;

	if (!next_line(&text, end, &line) || !is(&line, 0, MAGIC) || !is(&line, 1, VERSION))
		return false;
	for (bool first = true; first || text != end; first = false) {
		if (!next_line(&text, end, &line) || !read_session(&line, session) ||
		    (!first && (session->id != id || session->owner != owner)) ||
		    !read_part(&text, end, session))
			return false;
		id = session->id;
		owner = session->owner;
	}
	pimap_session_written(session);
	return true;
}

bool pimap_session_decode(char *text, size_t len, struct pimap_session *session_r)
{
	memset(session_r, 0, sizeof(*session_r));
	if (decode(text, text + len, session_r))
		return true;
	pimap_session_free(session_r);
	return false;
}

/* --- the proof ------------------------------------------------------------------- */

enum pimap_resume pimap_resume_prove(const struct pimap_folder *known, const struct pimap_now *now,
				     uint32_t *seqs_r, size_t *count_r)
{
	uint64_t uids = PIMAP_UIDS_NONE;
	uint32_t seq = 0;
	size_t i = 0, j = 0;

	*count_r = 0;
	if (known->uidvalidity != now->uidvalidity || known->index != now->index)
		return PIMAP_RESUME_OTHER;
	if (now->uidnext < known->uidnext || now->modseq < known->modseq)
		return PIMAP_RESUME_BACK;
	if (!now->permanent || !now->logged)
		return PIMAP_RESUME_NO_LOG;
	/* What the device had, as far as its number of messages: those there are and those that
	 * went, in one row. */
	for (;;) {
		uint32_t uid = i < now->count ? now->uids[i] : UINT32_MAX;
		bool gone = j < now->expunged_count && now->expunged[j] < uid;

		if (gone)
			uid = now->expunged[j];
		if (uid >= known->uidnext)
			break;
		if (seq == known->messages)
			return PIMAP_RESUME_DIFFERS;
		seq++;
		if (gone)
			seqs_r[(*count_r)++] = seq;
		uids = pimap_uids_add(uids, uid);
		if (gone)
			j++;
		else
			i++;
	}
	if (seq != known->messages || uids != known->uids)
		return PIMAP_RESUME_DIFFERS;
	/* Also one that came and went since: it may have been told of its coming, not of that. */
	if (known->unsure && (*count_r > 0 || j < now->expunged_count))
		return PIMAP_RESUME_UNSURE;
	return PIMAP_RESUME_PROVEN;
}

const char *pimap_resume_reason(enum pimap_resume resume)
{
	switch (resume) {
	case PIMAP_RESUME_PROVEN:
		break;
	case PIMAP_RESUME_OTHER:
		return "another UIDVALIDITY or index";
	case PIMAP_RESUME_BACK:
		return "modification sequence or UIDNEXT went back";
	case PIMAP_RESUME_NO_LOG:
		return "no log of what was expunged";
	case PIMAP_RESUME_DIFFERS:
		return "messages are not those that the device knows";
	case PIMAP_RESUME_UNSURE:
		return "expunges that the device may have seen or not";
	}
	return "proven";
}
