/* What a hostile document says is written again and read again: it says the same. */
#include "wbxml.h"

#include <assert.h>
#include <stdint.h>

#include <glib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct copy {
	GString *events;
	struct wbxml_writer *writer; /* NULL: the second time */
	gboolean in_text;            /* pieces are one text */
};

static bool on_start(const struct wbxml_header *header, void *data)
{
	(void)data;
	assert(header->public_id != 0 || header->public_text != NULL);
	return true;
}

static bool on_open(unsigned int page, unsigned int tag, void *data)
{
	struct copy *copy = data;

	copy->in_text = FALSE;
	g_string_append_printf(copy->events, "<%u.%u", page, tag);
	if (copy->writer != NULL)
		wbxml_write_open(copy->writer, page, tag, true);
	return true;
}

/* The writer knows none: the document ends here. */
static bool on_literal(const char *name, size_t len, void *data)
{
	(void)name;
	(void)len;
	(void)data;
	return false;
}

static bool on_text(const char *text, size_t len, bool in_charset, void *data)
{
	struct copy *copy = data;

	(void)in_charset;
	if (len == 0)
		return true;
	if (!copy->in_text)
		g_string_append_c(copy->events, ':');
	copy->in_text = TRUE;
	g_string_append_len(copy->events, text, (gssize)len);
	if (copy->writer != NULL)
		wbxml_write_opaque(copy->writer, text, len);
	return true;
}

static bool on_close(void *data)
{
	struct copy *copy = data;

	copy->in_text = FALSE;
	g_string_append_c(copy->events, '>');
	if (copy->writer != NULL)
		wbxml_write_close(copy->writer);
	return true;
}

static const struct wbxml_handler handler = {on_start, on_open, on_literal, on_text, on_close};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wbxml_writer writer;
	struct copy first = {g_string_new(NULL), &writer, FALSE};
	struct copy again = {g_string_new(NULL), NULL, FALSE};
	size_t offset = 0;

	wbxml_writer_init(&writer, 0x1201);
	if (wbxml_read(data, size, &handler, &first, &offset) == WBXML_OK) {
		assert(!writer.failed);
		assert(wbxml_read(writer.data, writer.len, &handler, &again, NULL) == WBXML_OK);
		assert(g_string_equal(first.events, again.events));
	} else {
		assert(offset <= size);
	}
	wbxml_writer_free(&writer);
	g_string_free(first.events, TRUE);
	g_string_free(again.events, TRUE);
	return 0;
}
