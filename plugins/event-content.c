#include "lib.h"
#include "str.h"
#include "unichar.h"
#include "message-address.h"
#include "message-header-decode.h"
#include "mail-storage.h"

#include "event-content.h"
#include "limits.h"

#include <stdlib.h>
#include <time.h>

/* Keyword names in one event, bytes. Dovecot allows 50 bytes a keyword. */
#define KEYWORDS_BYTES 4096

/* One line of clean text: runs of blanks and control characters become one
 * blank, octets that are not UTF-8 become U+FFFD. NULL if nothing is left. */
static const char *clean(pool_t pool, const char *text, size_t max)
{
	size_t size = strlen(text);
	buffer_t *valid = t_buffer_create(128);
	string_t *out = t_str_new(128);
	bool blank = FALSE;

	if (!uni_utf8_get_valid_data((const unsigned char *)text, size, valid)) {
		text = str_c(valid);
		size = strlen(text);
	}
	for (size_t i = 0; i < size;) {
		unsigned char c = (unsigned char)text[i];
		size_t bytes = uni_utf8_char_bytes(c);

		if (c <= ' ' || c == 0x7f) {
			blank = str_len(out) > 0;
			i++;
			continue;
		}
		if (str_len(out) + (blank ? 1 : 0) + bytes > max)
			break;
		if (blank)
			str_append_c(out, ' ');
		blank = FALSE;
		str_append_data(out, text + i, bytes);
		i += bytes;
	}
	return str_len(out) == 0 ? NULL : p_strdup(pool, str_c(out));
}

static const char *header_text(struct mail *mail, pool_t pool, const char *name)
{
	const char *value;

	/* The _utf8 variant decodes RFC 2047 words of whatever charset iconv knows. */
	if (mail_get_first_header_utf8(mail, name, &value) <= 0)
		return NULL;
	return clean(pool, value, LIMIT_HEADER_TEXT);
}

static const char *header_raw(struct mail *mail, pool_t pool, const char *name)
{
	const char *value;

	if (mail_get_first_header(mail, name, &value) <= 0)
		return NULL;
	return clean(pool, value, LIMIT_HEADER_TEXT);
}

/* From is parsed before it is decoded: an encoded word may hold a comma. */
static void read_from(struct mail *mail, pool_t pool, struct event_content *content)
{
	const struct message_address *address;
	const char *value;

	if (mail_get_first_header(mail, "From", &value) <= 0)
		return;
	address = message_address_parse(pool_datastack_create(), (const unsigned char *)value,
					strlen(value), 1, 0);
	if (address == NULL)
		return;
	if (address->name != NULL) {
		string_t *name = t_str_new(128);

		message_header_decode_utf8((const unsigned char *)address->name,
					   strlen(address->name), name, NULL);
		content->from_name = clean(pool, str_c(name), LIMIT_HEADER_TEXT);
	}
	/* Without a domain it is a group, or nothing to reply to. */
	if (address->mailbox != NULL && *address->mailbox != '\0' && address->domain != NULL &&
	    *address->domain != '\0') {
		const char *text = t_strdup_printf("%s@%s", address->mailbox, address->domain);

		/* Half an address is a wrong one. */
		if (strlen(text) <= LIMIT_HEADER_TEXT)
			content->from_address = clean(pool, text, LIMIT_HEADER_TEXT);
	}
}

static const char *read_date(struct mail *mail, pool_t pool)
{
	const struct tm *tm;
	time_t timestamp, local;
	int zone;

	if (mail_get_date(mail, &timestamp, &zone) < 0 || timestamp <= 0)
		return NULL;
	/* RFC 3339 has no offset of a day and more; a broken header does. */
	if (zone <= -24 * 60 || zone >= 24 * 60)
		zone = 0;
	local = timestamp + (time_t)zone * 60;
	tm = gmtime(&local);
	if (tm == NULL || tm->tm_year < 0 || tm->tm_year > 9999 - 1900)
		return NULL;
	if (zone == 0)
		return p_strdup_printf(pool, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm->tm_year + 1900,
				       tm->tm_mon + 1, tm->tm_mday, tm->tm_hour, tm->tm_min,
				       tm->tm_sec);
	return p_strdup_printf(pool, "%04d-%02d-%02dT%02d:%02d:%02d%c%02d:%02d", tm->tm_year + 1900,
			       tm->tm_mon + 1, tm->tm_mday, tm->tm_hour, tm->tm_min, tm->tm_sec,
			       zone < 0 ? '-' : '+', abs(zone) / 60, abs(zone) % 60);
}

static const char *read_keywords(struct mail *mail, pool_t pool)
{
	const char *const *keywords = mail_get_keywords(mail);
	string_t *str = t_str_new(64);

	for (; *keywords != NULL; keywords++) {
		if (str_len(str) + 1 + strlen(*keywords) > KEYWORDS_BYTES)
			break;
		if (str_len(str) > 0)
			str_append_c(str, ' ');
		str_append(str, *keywords);
	}
	return str_len(str) == 0 ? NULL : p_strdup(pool, str_c(str));
}

static const char *read_preview(struct mail *mail, pool_t pool)
{
	const char *value;

	/* The first octet tells the algorithm, text follows. */
	if (mail_get_special(mail, MAIL_FETCH_BODY_SNIPPET, &value) < 0 || *value == '\0')
		return NULL;
	return clean(pool, value + 1, LIMIT_PREVIEW);
}

void event_content_read(struct mail *mail, pool_t pool, struct event_content *content_r)
{
	struct mail_storage *storage = mailbox_get_storage(mail->box);

	i_zero(content_r);
	mail_storage_last_error_push(storage);
	T_BEGIN
	{
		read_from(mail, pool, content_r);
		content_r->subject = header_text(mail, pool, "Subject");
		content_r->date = read_date(mail, pool);
		content_r->message_id = header_raw(mail, pool, "Message-ID");
		content_r->keywords = read_keywords(mail, pool);
		content_r->preview = read_preview(mail, pool);
	}
	T_END;
	mail_storage_last_error_pop(storage);
}

void event_content_apply(const struct event_content *content, struct push_event *event)
{
	event->from_name = content->from_name;
	event->from_address = content->from_address;
	event->subject = content->subject;
	event->date = content->date;
	event->message_id = content->message_id;
	event->keywords = content->keywords;
	event->preview = content->preview;
}
