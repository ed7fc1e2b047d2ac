#include "html-text.h"
#include "limits.h"

#include <glib.h>

static const struct row {
	const char *name, *html, *text;
} rows[] = {
	{"nothing", "", ""},
	{"blanks", " \r\n\t ", ""},
	{"words", "At noon,   by\nthe <b>bridge</b>.", "At noon, by the bridge.\r\n"},
	{"no blank in a word", "br<b>id</b>ge", "bridge\r\n"},
	{"a blank inside an element", "by<b> the</b> bridge", "by the bridge\r\n"},
	{"paragraphs", "<p>one</p>\n\n<p>two<p>three", "one\r\n\r\ntwo\r\n\r\nthree\r\n"},
	{"lines", "one<br>two<br/>three<div>four</div>five",
	 "one\r\ntwo\r\nthree\r\nfour\r\nfive\r\n"},
	{"an empty line", "one<br><br>two", "one\r\n\r\ntwo\r\n"},
	{"a heading", "<h1>Title</h1>text", "Title\r\n\r\ntext\r\n"},
	{"a rule", "one<hr>two", "one\r\n----\r\ntwo\r\n"},
	{"a list", "<ul><li>one<li>two</ul>three", "* one\r\n* two\r\n\r\nthree\r\n"},
	{"a numbered list", "<ol><li>one</li><li>two</li></ol>", "1. one\r\n2. two\r\n"},
	{"a list in a list", "<ul><li>one<ol><li>a<li>b</ol><li>two</ul>",
	 "* one\r\n  1. a\r\n  2. b\r\n* two\r\n"},
	{"a paragraph in an item", "<ul><li><p>one</p></li><li><p>two</p></li></ul>",
	 "* one\r\n\r\n* two\r\n"},
	{"a table", "<table><tr><th>a</th><th>b</th></tr>\n<tr><td>1</td>\n<td>2</td></tr></table>",
	 "a | b\r\n1 | 2\r\n"},
	{"empty cells", "<table><tr><td></td><td>1<td><td></td><td>2</tr></table>", "1 | 2\r\n"},
	{"a link", "see <a href=\"https://example.org/x\">this</a>.",
	 "see this <https://example.org/x>.\r\n"},
	{"a link that says where", "<a href='https://example.org'>https://example.org</a>",
	 "https://example.org\r\n"},
	{"an address", "<a href='mailto:a@example.org'>a@example.org</a>", "a@example.org\r\n"},
	{"a link that is none", "<a href='javascript:alert(1)'>this</a> <a name=x>that</a>",
	 "this that\r\n"},
	{"a link without text", "<a href='https://example.org/'></a>x", "x\r\n"},
	{"a link with blanks", "<a href='https://example.org/ x'>a</a>", "a\r\n"},
	{"a picture", "<img src='cid:1' alt='our  bridge'><img src=x>", "[our bridge]\r\n"},
	{"what nobody reads",
	 "<title>t</title><style>p{}</style><script>x('<p>')</script><template>u</template>text",
	 "text\r\n"},
	{"a comment", "a<!-- b -->c", "ac\r\n"},
	{"as it was typed", "<pre>a  b\n  c\n\nd</pre>e", "a  b\r\n  c\r\n\r\nd\r\n\r\ne\r\n"},
	{"a quotation", "x<blockquote>a<br>b</blockquote>y", "x\r\n\r\n> a\r\n> b\r\n\r\ny\r\n"},
	{"entities", "&lt;&amp;&auml;&#8364;&#x41;",
	 "<&\xc3\xa4\xe2\x82\xac"
	 "A\r\n"},
	{"an entity of one's own", "<!DOCTYPE x [<!ENTITY a 'aaaa'>]>&a;b", "]>&a;b\r\n"},
	{"another charset than it says", "<meta charset=iso-8859-1>\xc3\xb6", "\xc3\xb6\r\n"},
	{"broken", "<p <b>x</i></b></p></div", "x\r\n"},
	{"less than", "1 < 2 <", "1 < 2 <\r\n"},
};

static void test_rows(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct convert_buf out = {.max = 4096};
		g_autofree char *got = NULL;

		g_assert_true(html_to_text(rows[i].html, strlen(rows[i].html), &out));
		got = g_strndup(out.data == NULL ? "" : out.data, out.len);
		if (strcmp(got, rows[i].text) != 0) {
			g_autofree char *shown = g_strescape(got, NULL);
			g_autofree char *wanted = g_strescape(rows[i].text, NULL);

			g_error("%s: \"%s\", not \"%s\"", rows[i].name, shown, wanted);
		}
		convert_buf_free(&out);
	}
}

static char *repeat(const char *text, size_t count)
{
	GString *all = g_string_new("start ");

	while (count-- > 0)
		g_string_append(all, text);
	return g_string_free(all, FALSE);
}

static void test_hostile(void)
{
	static const char *const bombs[] = {
		"<b>",       "<div>",      "<ul><li>",    "<table><tr><td>", "<blockquote>",
		"</b>",      "<!--",       "<a href=",    "&amp;",           "&x",
		"<![CDATA[", "<!DOCTYPE ", "<p a='",      "<script>",        "<select><option>",
		"\xff",      "<br>",       "<img alt=x>",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(bombs); i++) {
		g_autofree char *html = repeat(bombs[i], 100000);
		struct convert_buf out = {.max = 1 << 20};

		(void)html_to_text(html, strlen(html), &out);
		g_assert_cmpuint(out.len, <=, out.max);
		/* What is before the bomb is read. */
		if (strcmp(bombs[i], "<div>") == 0)
			g_assert_true(g_str_has_prefix(out.data, "start"));
		convert_buf_free(&out);
	}
}

static void test_depth(void)
{
	for (int over = 0; over <= 1; over++) {
		/* html and body are there, whoever says them. */
		g_autofree char *deep = repeat("<b>", LIMIT_CONVERT_HTML_DEPTH - 2 + (gsize)over);
		g_autofree char *html = g_strconcat(deep, "end", NULL);
		struct convert_buf out = {.max = 4096};

		g_assert_cmpint(html_to_text(html, strlen(html), &out), ==, !over);
		g_assert_true(g_str_has_prefix(out.data, over ? "start" : "start end"));
		convert_buf_free(&out);
	}
}

static void test_full(void)
{
	struct convert_buf out = {.max = 64};
	g_autofree char *html = repeat("word ", 100);

	g_assert_false(html_to_text(html, strlen(html), &out));
	g_assert_cmpuint(out.len, <=, 64);
	convert_buf_free(&out);
}

int main(int argc, char *argv[])
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/html-text/rows", test_rows);
	g_test_add_func("/html-text/hostile", test_hostile);
	g_test_add_func("/html-text/depth", test_depth);
	g_test_add_func("/html-text/full", test_full);
	return g_test_run();
}
