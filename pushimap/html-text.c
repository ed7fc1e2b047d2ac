#include "html-text.h"
#include "limits.h"

#include <libxml/HTMLparser.h>
#include <libxml/parserInternals.h>
#include <stdio.h>
#include <strings.h>

/* --- elements --------------------------------------------------------------- */

enum kind {
	KIND_INLINE,
	KIND_BLOCK,     /* on lines of its own */
	KIND_PARAGRAPH, /* and with an empty line before and after */
	KIND_BREAK,
	KIND_RULE,
	KIND_LIST,
	KIND_NUMBERED,
	KIND_ITEM,
	KIND_ROW,
	KIND_CELL,
	KIND_PRE,
	KIND_QUOTE,
	KIND_LINK,
	KIND_IMAGE,
	KIND_SILENT, /* nobody reads what is in it */
};

static const struct element {
	const char *name;
	enum kind kind;
} elements[] = {
	{"a", KIND_LINK},        {"address", KIND_BLOCK},    {"article", KIND_BLOCK},
	{"aside", KIND_BLOCK},   {"blockquote", KIND_QUOTE}, {"br", KIND_BREAK},
	{"center", KIND_BLOCK},  {"dd", KIND_BLOCK},         {"div", KIND_BLOCK},
	{"dl", KIND_PARAGRAPH},  {"dt", KIND_BLOCK},         {"fieldset", KIND_BLOCK},
	{"footer", KIND_BLOCK},  {"form", KIND_BLOCK},       {"h1", KIND_PARAGRAPH},
	{"h2", KIND_PARAGRAPH},  {"h3", KIND_PARAGRAPH},     {"h4", KIND_PARAGRAPH},
	{"h5", KIND_PARAGRAPH},  {"h6", KIND_PARAGRAPH},     {"header", KIND_BLOCK},
	{"hr", KIND_RULE},       {"img", KIND_IMAGE},        {"li", KIND_ITEM},
	{"main", KIND_BLOCK},    {"nav", KIND_BLOCK},        {"ol", KIND_NUMBERED},
	{"p", KIND_PARAGRAPH},   {"pre", KIND_PRE},          {"script", KIND_SILENT},
	{"section", KIND_BLOCK}, {"style", KIND_SILENT},     {"table", KIND_BLOCK},
	{"td", KIND_CELL},       {"template", KIND_SILENT},  {"th", KIND_CELL},
	{"title", KIND_SILENT},  {"tr", KIND_ROW},           {"ul", KIND_LIST},
};

static enum kind kind_of(const xmlChar *name)
{
	for (size_t i = 0; i < sizeof(elements) / sizeof(*elements); i++) {
		if (strcasecmp((const char *)name, elements[i].name) == 0)
			return elements[i].kind;
	}
	return KIND_INLINE;
}

static const char *attribute(const xmlChar **attributes, const char *name)
{
	for (; attributes != NULL && attributes[0] != NULL; attributes += 2) {
		if (strcasecmp((const char *)attributes[0], name) == 0)
			return (const char *)attributes[1];
	}
	return NULL;
}

/* --- the page --------------------------------------------------------------- */

struct list {
	bool numbered;
	unsigned int number;
};

struct page {
	struct convert_buf *out;
	xmlParserCtxtPtr parser;
	unsigned int depth, silent, pre, quote;
	struct list lists[LIMIT_CONVERT_HTML_DEPTH];
	size_t list_depth;
	/* What has to come before the next character. */
	unsigned int newlines;
	bool space, cell;
	const char *marker; /* of a list's item */
	char marker_text[16];
	bool line_started, anything;
	/* The link that is open. */
	char href[LIMIT_CONVERT_LINK + 1];
	size_t link_start;
	bool incomplete;
};

static void give_up(struct page *page)
{
	page->incomplete = true;
	xmlStopParser(page->parser);
}

static void want_newlines(struct page *page, unsigned int count)
{
	if (page->newlines < count)
		page->newlines = count;
	page->space = page->cell = false;
}

/* A quarter of the line is room enough for indentation. */
#define INDENT_MAX 10

static void begin_line(struct page *page)
{
	for (unsigned int i = 0; i < page->quote && i < INDENT_MAX; i++)
		convert_buf_add_str(page->out, "> ");
	if (page->marker != NULL) {
		for (size_t i = 1; i < page->list_depth && i < INDENT_MAX; i++)
			convert_buf_add_str(page->out, "  ");
		convert_buf_add_str(page->out, page->marker);
		page->marker = NULL;
	}
	page->line_started = true;
}

/* What was put off: newlines, a blank. */
static void before_text(struct page *page)
{
	if (page->anything) {
		for (; page->newlines > 0; page->newlines--) {
			convert_buf_add_str(page->out, "\r\n");
			page->line_started = false;
		}
	}
	page->newlines = 0;
	if (!page->line_started)
		begin_line(page);
	else if (page->cell)
		convert_buf_add_str(page->out, " | ");
	else if (page->space)
		convert_buf_add_str(page->out, " ");
	page->space = page->cell = false;
	page->anything = true;
}

static void add_folded(struct page *page, const char *text, size_t len)
{
	while (len > 0) {
		size_t blanks = 0, word = 0;

		while (blanks < len && strchr(" \t\r\n\f", text[blanks]) != NULL)
			blanks++;
		if (blanks > 0 && page->line_started && page->newlines == 0)
			page->space = true;
		text += blanks;
		len -= blanks;
		while (word < len &&
		       (text[word] == '\0' || strchr(" \t\r\n\f", text[word]) == NULL))
			word++;
		if (word > 0) {
			before_text(page);
			convert_buf_add(page->out, text, word);
		}
		text += word;
		len -= word;
	}
}

static void add_kept(struct page *page, const char *text, size_t len)
{
	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t line = end == NULL ? len : (size_t)(end - text);

		if (line > 0 && !(line == 1 && *text == '\r')) {
			before_text(page);
			convert_buf_add(page->out, text, text[line - 1] == '\r' ? line - 1 : line);
		}
		if (end == NULL)
			return;
		page->newlines++;
		text = end + 1;
		len -= line + 1;
	}
}

static void add_text(struct page *page, const char *text, size_t len)
{
	if (page->silent > 0)
		return;
	if (page->pre > 0)
		add_kept(page, text, len);
	else
		add_folded(page, text, len);
	if (page->out->full)
		give_up(page);
}

/* Nobody can follow the others: they are about the page itself, or programs. */
static bool is_for_people(const char *url)
{
	return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0 ||
	       strncasecmp(url, "mailto:", 7) == 0 || strncasecmp(url, "tel:", 4) == 0;
}

static void end_link(struct page *page)
{
	size_t shown = page->out->len - page->link_start;
	const char *plain = page->href, *text;
	size_t len;

	if (*page->href == '\0')
		return;
	text = shown == 0 ? "" : page->out->data + page->link_start;
	/* What was put off before it belongs to the line, not to the link. */
	while (shown > 0 && strchr(" \r\n|>", *text) != NULL) {
		text++;
		shown--;
	}
	if (strncasecmp(plain, "mailto:", 7) == 0)
		plain += 7;
	len = strlen(plain);
	if (shown > 0 && !(shown == len && memcmp(text, plain, len) == 0)) {
		convert_buf_add_str(page->out, " <");
		convert_buf_add_str(page->out, page->href);
		convert_buf_add_str(page->out, ">");
	}
	*page->href = '\0';
}

static void begin_link(struct page *page, const char *href)
{
	size_t len = href == NULL ? 0 : strlen(href);

	end_link(page);
	if (len == 0 || len > LIMIT_CONVERT_LINK || !is_for_people(href) ||
	    strpbrk(href, " \t\r\n<>") != NULL)
		return;
	memcpy(page->href, href, len + 1);
	page->link_start = page->out->len;
}

static void begin_item(struct page *page)
{
	struct list *list = page->list_depth == 0 ? NULL : &page->lists[page->list_depth - 1];

	want_newlines(page, 1);
	page->marker = "* ";
	if (list != NULL && list->numbered) {
		(void)snprintf(page->marker_text, sizeof(page->marker_text), "%u. ",
			       ++list->number);
		page->marker = page->marker_text;
	}
}

static void begin_list(struct page *page, bool numbered)
{
	want_newlines(page, page->list_depth == 0 ? 2 : 1);
	if (page->list_depth == LIMIT_CONVERT_HTML_DEPTH)
		return; /* not before `depth` is */
	page->lists[page->list_depth++] = (struct list){.numbered = numbered};
}

static void start_element(void *context, const xmlChar *name, const xmlChar **attributes)
{
	struct page *page = context;
	enum kind kind = kind_of(name);

	if (++page->depth > LIMIT_CONVERT_HTML_DEPTH) {
		give_up(page);
		return;
	}
	if (kind == KIND_SILENT)
		page->silent++;
	if (page->silent > 0)
		return;
	switch (kind) {
	case KIND_INLINE:
	case KIND_SILENT:
		break;
	case KIND_BLOCK:
	case KIND_ROW:
		want_newlines(page, 1);
		break;
	case KIND_PARAGRAPH:
		want_newlines(page, 2);
		break;
	case KIND_BREAK:
		page->newlines++;
		page->space = false;
		break;
	case KIND_RULE:
		want_newlines(page, 1);
		before_text(page);
		convert_buf_add_str(page->out, "----");
		want_newlines(page, 1);
		break;
	case KIND_LIST:
	case KIND_NUMBERED:
		begin_list(page, kind == KIND_NUMBERED);
		break;
	case KIND_ITEM:
		begin_item(page);
		break;
	case KIND_CELL:
		page->cell = page->line_started && page->newlines == 0;
		break;
	case KIND_PRE:
		want_newlines(page, 2);
		page->pre++;
		break;
	case KIND_QUOTE:
		want_newlines(page, 2);
		page->quote++;
		break;
	case KIND_LINK:
		begin_link(page, attribute(attributes, "href"));
		break;
	case KIND_IMAGE: {
		const char *alt = attribute(attributes, "alt");

		if (alt != NULL && alt[strspn(alt, " \t\r\n\f")] != '\0') {
			add_folded(page, "[", 1);
			add_folded(page, alt, strlen(alt));
			page->space = false;
			convert_buf_add_str(page->out, "]");
		}
		break;
	}
	}
}

static void end_element(void *context, const xmlChar *name)
{
	struct page *page = context;
	enum kind kind = kind_of(name);

	if (page->depth > 0)
		page->depth--;
	if (kind == KIND_SILENT && page->silent > 0)
		page->silent--;
	if (page->silent > 0)
		return;
	switch (kind) {
	case KIND_BLOCK:
	case KIND_ROW:
		want_newlines(page, 1);
		break;
	case KIND_ITEM:
		page->marker = NULL;
		want_newlines(page, 1);
		break;
	case KIND_PARAGRAPH:
		want_newlines(page, 2);
		break;
	case KIND_LIST:
	case KIND_NUMBERED:
		if (page->list_depth > 0)
			page->list_depth--;
		want_newlines(page, page->list_depth == 0 ? 2 : 1);
		break;
	case KIND_PRE:
		if (page->pre > 0)
			page->pre--;
		want_newlines(page, 2);
		break;
	case KIND_QUOTE:
		if (page->quote > 0)
			page->quote--;
		want_newlines(page, 2);
		break;
	case KIND_LINK:
		end_link(page);
		break;
	default:
		break;
	}
}

static void characters(void *context, const xmlChar *text, int len)
{
	add_text(context, (const char *)text, (size_t)len);
}

/* Its own functions would write to stderr. */
static void quiet(void *context, const char *format, ...)
{
	(void)context;
	(void)format;
}

/* Text outside a body would be given a paragraph of its own. */
#define START "<html><body>"

static char *with_start(const char *html, size_t *len)
{
	static const char mark[] = "\xef\xbb\xbf";
	char *page;

	if (*len >= 3 && memcmp(html, mark, 3) == 0) {
		html += 3;
		*len -= 3;
	}
	page = malloc(strlen(START) + *len);
	if (page == NULL)
		return NULL;
	memcpy(page, START, strlen(START));
	memcpy(page + strlen(START), html, *len);
	*len += strlen(START);
	return page;
}

bool html_to_text(const char *html, size_t len, struct convert_buf *out)
{
	htmlParserCtxtPtr parser;
	struct page *page;
	bool complete;
	char *text;

	if (len == 0)
		return true;
	if (len > LIMIT_CONVERT_OUTPUT)
		return false;
	text = with_start(html, &len);
	page = calloc(1, sizeof(*page));
	parser = htmlNewParserCtxt();
	if (text == NULL || page == NULL || parser == NULL) {
		free(text);
		free(page);
		if (parser != NULL)
			htmlFreeParserCtxt(parser);
		return false;
	}
	page->out = out;
	page->parser = parser;
	*parser->sax = (xmlSAXHandler){
		.startElement = start_element,
		.endElement = end_element,
		.characters = characters,
		.cdataBlock = characters,
		.ignorableWhitespace = characters,
		.warning = quiet,
		.error = quiet,
		.fatalError = quiet,
	};
	parser->userData = page;
	/* Without startDocument there is no tree, and nothing that entities would be kept in. */
	(void)htmlCtxtReadMemory(parser, text, (int)len, NULL, "UTF-8",
				 HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
					 HTML_PARSE_NONET | HTML_PARSE_IGNORE_ENC);
	end_link(page);
	if (page->anything)
		convert_buf_add_str(out, "\r\n");
	complete = !page->incomplete && !out->full;
	htmlFreeParserCtxt(parser);
	free(page);
	free(text);
	return complete;
}
