/* A decoded wake-up encodes, and decodes to the same wake-up again; what is in it is text
 * that a session can work with. */
#include "limits.h"
#include "wake.h"

#include <assert.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool decode(char *line, size_t len, struct wake *wake_r)
{
	struct tabline_field fields[LIMIT_LINE_FIELDS];
	size_t count;

	return tabline_split(line, len, fields, LIMIT_LINE_FIELDS, &count) == TABLINE_OK &&
	       wake_decode(fields, count, wake_r);
}

static void same(const char *a, const char *b)
{
	assert((a == NULL) == (b == NULL));
	assert(a == NULL || strcmp(a, b) == 0);
}

/* Well-formed by mbrtowc(), which knows nothing of our own decoder; no controls. */
static void is_text(const char *text)
{
	static locale_t utf8;
	mbstate_t state = {0};
	wchar_t c;
	size_t len;

	if (text == NULL)
		return;
	if (utf8 == NULL) {
		utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
		assert(utf8 != NULL);
		uselocale(utf8);
	}
	for (; *text != '\0'; text += len) {
		assert((unsigned char)*text >= 0x20 && *text != 0x7f);
		len = mbrtowc(&c, text, strlen(text), &state);
		assert(len != (size_t)-1 && len != (size_t)-2);
	}
}

static void is_sound(const struct wake *wake)
{
	is_text(wake->user);
	is_text(wake->owner);
	is_text(wake->mailbox);
	is_text(wake->old_mailbox);
	is_text(wake->separator);
	is_text(wake->session);
	is_text(wake->only);
	for (size_t i = 0; i < wake->entry_count; i++)
		is_text(wake->entries[i]);
	assert(wake->mailbox_id == NULL ||
	       (strlen(wake->mailbox_id) == 32 &&
		strspn(wake->mailbox_id, "0123456789abcdefABCDEF") == 32));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wake wake, again;
	char *line = malloc(size + 1);

	memcpy(line, data, size);
	line[size] = '\0';
	if (decode(line, size, &wake)) {
		struct tabline_buf buf;

		is_sound(&wake);
		tabline_buf_init(&buf, LIMIT_LINE);
		assert(wake_encode(&buf, &wake));
		buf.data[buf.len - 1] = '\0';
		assert(decode(buf.data, buf.len - 1, &again));
		assert(wake.kinds == again.kinds && wake.entry_count == again.entry_count);
		same(wake.user, again.user);
		same(wake.owner, again.owner);
		same(wake.mailbox, again.mailbox);
		same(wake.old_mailbox, again.old_mailbox);
		same(wake.separator, again.separator);
		same(wake.mailbox_id, again.mailbox_id);
		same(wake.session, again.session);
		same(wake.only, again.only);
		for (size_t i = 0; i < wake.entry_count; i++)
			same(wake.entries[i], again.entries[i]);
		tabline_buf_free(&buf);
	}
	free(line);
	return 0;
}
