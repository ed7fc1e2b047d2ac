#include "transcript-text.h"

#include <string.h>

#include "limits.h"

#define BLANK '*'
#define BLANKED "(blanked)"
#define KEY_LEN 32
/* Octets of a line of the dump. */
#define DUMP 16

/* --- text that a terminal may be shown --------------------------------------------------- */

static void add_char(GString *text, gunichar c, gboolean lines)
{
	if (c == '&')
		g_string_append(text, "&amp;");
	else if (c == '<')
		g_string_append(text, "&lt;");
	else if (c == '\t' || (c == '\n' && lines) || g_unichar_isprint(c))
		g_string_append_unichar(text, c);
	else if (c != '\r' || !lines)
		g_string_append_printf(text, "&#x%x;", c);
}

/* Octets that are no UTF-8 are said as numbers, as are control characters. */
static void add_text(GString *text, const char *octets, gsize len, gboolean lines)
{
	const char *end = octets + len;

	while (octets < end) {
		gunichar c = g_utf8_get_char_validated(octets, end - octets);

		if (c == (gunichar)-1 || c == (gunichar)-2 || c == 0) {
			g_string_append_printf(text, "[%02x]", *(const guchar *)octets++);
			continue;
		}
		add_char(text, c, lines);
		octets = g_utf8_next_char(octets);
	}
}

/* --- what is nobody's business ------------------------------------------------------------ */

/* "s=" and the key of a session, wherever it stands. */
static void blank_keys(char *octets, gsize len)
{
	for (gsize i = 0; i + 2 + KEY_LEN <= len; i++) {
		gsize digits = 0;

		if (octets[i] != 's' || octets[i + 1] != '=')
			continue;
		while (digits < KEY_LEN && g_ascii_isxdigit(octets[i + 2 + digits]))
			digits++;
		if (digits == KEY_LEN)
			memset(octets + i + 2, BLANK, KEY_LEN);
	}
}

/* FALSE: it is not there as it is. */
static gboolean blank(char *octets, gsize len, const GString *secret)
{
	gboolean found = FALSE;
	char *at = octets;

	while ((at = memmem(at, len - (gsize)(at - octets), secret->str, secret->len)) != NULL) {
		memset(at, BLANK, secret->len);
		at += secret->len;
		found = TRUE;
	}
	return found;
}

/* --- the document ---------------------------------------------------------------------------- */

struct page {
	GString *text;
	guint depth, open; /* elements that are open: with those around the document, in it */
	gboolean inner;    /* device information inside the document */
	gboolean opened;   /* an element, and nothing in it yet */
	guint cred;        /* depth of the Cred that we are in; 0 = none */
	enum sml_element elements[LIMIT_MARKUP_DEPTH]; /* that are open */
	GString *value;     /* of the innermost element, as far as it came */
	GPtrArray *secrets; /* GString *: values to be blanked in the octets */
	gboolean failed;
};

static void indent(const struct page *page)
{
	g_string_append_c(page->text, '\n');
	for (guint i = 0; i < page->depth; i++)
		g_string_append(page->text, "  ");
}

/* White space between elements says nothing. */
static gboolean is_blank(const GString *value)
{
	return strspn(value->str, " \t\r\n") == value->len;
}

static void show(struct page *page, enum sml_language language, const void *body, gsize len,
		 gboolean inner);

/* All of a Cred but what its Meta says. */
static gboolean is_secret(const struct page *page)
{
	enum sml_element innermost = page->open == 0 ? SML_NONE : page->elements[page->open - 1];

	return page->cred > 0 && innermost != MET_TYPE && innermost != MET_FORMAT;
}

/* What has come of the innermost element's text. */
static void flush(struct page *page)
{
	GString *value = page->value;
	gsize before;

	if (is_blank(value)) {
		g_string_truncate(value, 0);
		return;
	}
	if (is_secret(page)) {
		g_ptr_array_add(page->secrets, g_string_new_len(value->str, (gssize)value->len));
		g_string_append(page->text, BLANKED);
	} else if (!page->inner && markup_guess(value->str, value->len) == SML_WBXML) {
		g_autofree char *document = g_memdup2(value->str, value->len);

		show(page, SML_LANGUAGE_DEVINF, document, value->len, TRUE);
	} else {
		before = page->text->len;
		blank_keys(value->str, value->len);
		add_text(page->text, value->str, value->len, TRUE);
		/* A card has lines: they stand at the margin. */
		if (strchr(page->text->str + before, '\n') != NULL)
			g_string_insert_c(page->text, (gssize)before, '\n');
	}
	g_string_truncate(value, 0);
}

static gboolean on_open(enum sml_element element, gpointer data, GError **error)
{
	struct page *page = data;

	flush(page);
	indent(page);
	g_string_append_printf(page->text, "<%s>", sml_element_name(element));
	page->depth++;
	page->elements[page->open++] = element;
	if (element == SML_CRED && page->cred == 0)
		page->cred = page->depth;
	page->opened = TRUE;
	return TRUE;
}

static gboolean on_text(const char *text, gsize len, gpointer data, GError **error)
{
	struct page *page = data;

	g_string_append_len(page->value, text, (gssize)len);
	return TRUE;
}

static gboolean on_close(enum sml_element element, gpointer data, GError **error)
{
	struct page *page = data;
	gsize before = page->text->len;

	flush(page);
	if (page->cred == page->depth)
		page->cred = 0;
	page->depth--;
	page->open--;
	if (!page->opened || memchr(page->text->str + before, '\n', page->text->len - before))
		indent(page);
	g_string_append_printf(page->text, "</%s>", sml_element_name(element));
	page->opened = FALSE;
	return TRUE;
}

static void show(struct page *page, enum sml_language language, const void *body, gsize len,
		 gboolean inner)
{
	static const struct markup_handler handler = {
		.open = on_open, .text = on_text, .close = on_close};
	struct page below = {
		.text = page->text,
		.depth = page->depth,
		.inner = inner,
		.value = g_string_new(NULL),
		.secrets = page->secrets,
	};
	g_autoptr(GError) error = NULL;

	if (!markup_read(inner ? SML_WBXML : markup_guess(body, len), language, body, len, &handler,
			 &below, &error)) {
		g_string_append(page->text, "\n(not read on: ");
		add_text(page->text, error->message, strlen(error->message), FALSE);
		g_string_append_c(page->text, ')');
		page->failed = TRUE;
	}
	g_string_free(below.value, TRUE);
}

/* --- the octets ----------------------------------------------------------- */

static void dump(GString *text, const guint8 *octets, gsize len)
{
	for (gsize at = 0; at < len; at += DUMP) {
		gsize count = MIN(DUMP, len - at);

		g_string_append_printf(text, "%06zx ", at);
		for (gsize i = 0; i < DUMP; i++) {
			if (i < count)
				g_string_append_printf(text, " %02x", octets[at + i]);
			else
				g_string_append(text, "   ");
		}
		g_string_append(text, "  ");
		for (gsize i = 0; i < count; i++) {
			guint8 c = octets[at + i];

			g_string_append_c(text, c >= 0x20 && c < 0x7f ? (char)c : '.');
		}
		g_string_append_c(text, '\n');
	}
}

static void add_octets(GString *text, const void *body, gsize len, const GPtrArray *secrets)
{
	g_autoptr(GByteArray) octets = g_byte_array_new();

	g_byte_array_append(octets, body, (guint)len);
	blank_keys((char *)octets->data, octets->len);
	for (guint i = 0; i < secrets->len; i++) {
		/* In pieces, or as references: it cannot be found, so nothing is shown. */
		if (!blank((char *)octets->data, octets->len, secrets->pdata[i])) {
			g_string_append(text, "(withheld: there are credentials in it)\n");
			return;
		}
	}
	dump(text, octets->data, octets->len);
}

static void secret_free(gpointer data)
{
	g_string_free(data, TRUE);
}

void transcript_text_add(GString *text, const char *title, const void *body, gsize len)
{
	g_autoptr(GPtrArray) secrets = g_ptr_array_new_with_free_func(secret_free);
	g_autoptr(GString) document = g_string_new(NULL);
	g_autofree char *line = g_strdup(title);
	struct page page = {.text = document, .secrets = secrets};

	blank_keys(line, strlen(line));
	g_string_append(text, "\n=== ");
	add_text(text, line, strlen(line), FALSE);
	g_string_append_c(text, '\n');
	show(&page, SML_LANGUAGE_SYNCML, body, len, FALSE);
	if (page.failed)
		g_string_append(text, "(withheld: nobody can tell where credentials are in it)\n");
	else
		add_octets(text, body, len, secrets);
	/* Said again somewhere else, where it is shown as any text is: half a character is not
	 * blanked in others. */
	for (guint i = 0; i < secrets->len; i++) {
		const GString *secret = secrets->pdata[i];
		g_autoptr(GString) shown = g_string_new(NULL);

		add_text(shown, secret->str, secret->len, TRUE);
		blank(document->str, document->len, shown);
	}
	g_string_append(text, document->str);
	g_string_append_c(text, '\n');
}
