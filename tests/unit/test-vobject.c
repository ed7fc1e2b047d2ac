/* Texts and what is read from them, one property a line:
 *	VCARD
 *	item1.TEL;TYPE=CELL|value,value;value
 *	 VALARM of a child is indented by one */
#include "limits.h"
#include "vobject.h"

#include <string.h>

static void dump_property(GString *text, const struct vproperty *property)
{
	if (property->group != NULL)
		g_string_append_printf(text, "%s.", property->group);
	g_string_append(text, property->name);
	for (guint i = 0; i < property->params->len; i++) {
		const struct vparam *param = property->params->pdata[i];

		g_string_append_printf(text, ";%s=%s", param->name, param->value);
	}
	g_string_append_c(text, '|');
	if (property->binary != NULL)
		g_string_append_printf(text, "<%.*s>", (int)g_bytes_get_size(property->binary),
				       (const char *)g_bytes_get_data(property->binary, NULL));
	for (guint i = 0; property->binary == NULL && i < property->components->len; i++) {
		const GPtrArray *values = property->components->pdata[i];

		if (i > 0)
			g_string_append_c(text, ';');
		for (guint j = 0; j < values->len; j++)
			g_string_append_printf(text, "%s%s", j > 0 ? "," : "",
					       (const char *)values->pdata[j]);
	}
	g_string_append_c(text, '\n');
}

static void dump(GString *text, const struct vobject *object, guint depth)
{
	g_string_append_printf(text, "%*s%s\n", (int)depth, "", object->name);
	for (guint i = 0; i < object->properties->len; i++) {
		g_string_append_printf(text, "%*s", (int)depth, "");
		dump_property(text, object->properties->pdata[i]);
	}
	for (guint i = 0; i < object->children->len; i++)
		dump(text, object->children->pdata[i], depth + 1);
}

static char *dumped(const struct vobject *object)
{
	GString *text = g_string_new(NULL);

	dump(text, object, 0);
	return g_string_free(text, FALSE);
}

#define V21(lines) "BEGIN:VCARD\r\nVERSION:2.1\r\n" lines "END:VCARD\r\n"
#define V30(lines) "BEGIN:VCARD\r\nVERSION:3.0\r\n" lines "END:VCARD\r\n"
#define V40(lines) "BEGIN:VCARD\r\nVERSION:4.0\r\n" lines "END:VCARD\r\n"
#define CAL(lines) "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" lines "END:VCALENDAR\r\n"

static const struct {
	const char *name, *text, *read; /* NULL: an error */
} rows[] = {
	{"2.1 bare types", V21("TEL;HOME;FAX:1\r\n"), "VCARD\nTEL;TYPE=HOME;TYPE=FAX|1\n"},
	{"3.0 types", V30("TEL;TYPE=HOME,FAX:1\r\n"), "VCARD\nTEL;TYPE=HOME;TYPE=FAX|1\n"},
	{"components and lists", V30("N:A,B;C;;;\r\nORG:X;Y\r\n"), "VCARD\nN|A,B;C;;;\nORG|X;Y\n"},
	{"escapes of 3.0", V30("NOTE:a\\, b\\; c\\\\ d\\ne\r\n"), "VCARD\nNOTE|a, b; c\\ d\ne\n"},
	{"escapes of 2.1", V21("N:a\\;b;c\r\nNOTE:d\\, e\\nf\r\n"),
	 "VCARD\nN|a;b;c\nNOTE|d\\, e\\nf\n"},
	{"a value that is an encoding's, of another parameter",
	 V21("N;X=QUOTED-PRINTABLE:a=\r\nTEL:1\r\n"), "VCARD\nN;X=QUOTED-PRINTABLE|a=\nTEL|1\n"},
	{"backslashes of 2.1", V21("N:a\\\\b\\\\;c\\;d;e\\\\,f\\\r\n"),
	 "VCARD\nN|a\\\\b\\;c;d;e\\,f\\\n"},
	{"groups", V30("item1.TEL:1\r\n"), "VCARD\nitem1.TEL|1\n"},
	{"folding of 3.0", V30("NOTE:ab\r\n c\r\n\td\r\n"), "VCARD\nNOTE|abcd\n"},
	{"folding of 2.1", V21("NOTE:ab\r\n c\r\n"), "VCARD\nNOTE|ab c\n"},
	{"types that are called as encodings", V21("TEL;HOME,BASE64,b:1\r\nTEL:2\r\n"),
	 "VCARD\nTEL;TYPE=HOME|1\nTEL|2\n"},
	{"quoted-printable", V21("NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:a=C3=A4=0D=0Ab\r\n"),
	 "VCARD\nNOTE|a\303\244\nb\n"},
	{"quoted-printable, soft breaks", V21("NOTE;QUOTED-PRINTABLE:a=\r\nb=\r\nc\r\nTEL:1\r\n"),
	 "VCARD\nNOTE|abc\nTEL|1\n"},
	{"quoted-printable that is cut", V21("NOTE;QUOTED-PRINTABLE:a=4\r\nTEL:1=\r\n"),
	 "VCARD\nNOTE|a=4\nTEL|1=\n"},
	{"quoted-printable at the end of all",
	 "BEGIN:VCARD\r\nVERSION:2.1\r\nNOTE;QUOTED-PRINTABLE:a=", NULL},
	{"a line's end where none can be", V21("GEO;QUOTED-PRINTABLE:a=0D=0AEND:VCARD\r\n"),
	 "VCARD\nGEO|a END:VCARD\n"},
	{"a charset", V21("N;CHARSET=ISO-8859-1:\xe4;\xf6\r\n"), "VCARD\nN|\xc3\xa4;\xc3\xb6\n"},
	{"no charset and no UTF-8", V21("N:\xe4\r\n"), "VCARD\nN|\xc3\xa4\n"},
	{"a charset that nobody knows", V21("N;CHARSET=X-NONE:\xc3\xa4\r\n"),
	 "VCARD\nN|\303\244\n"},
	{"base64 of 2.1 to the empty line",
	 V21("PHOTO;JPEG;ENCODING=BASE64:\r\n YWJj\r\n ZGVm\r\n\r\nTEL:1\r\n"),
	 "VCARD\nPHOTO;TYPE=JPEG|<abcdef>\nTEL|1\n"},
	{"base64 of 2.1 that is not folded", V21("PHOTO;ENCODING=BASE64:YWJj\r\nZGVm\r\nTEL:1\r\n"),
	 "VCARD\nPHOTO|<abcdef>\nTEL|1\n"},
	{"base64 of 3.0", V30("PHOTO;ENCODING=b;TYPE=JPEG:YWJj\r\n ZGVm\r\nTEL:1\r\n"),
	 "VCARD\nPHOTO;TYPE=JPEG|<abcdef>\nTEL|1\n"},
	{"base64 that is none", V30("PHOTO;ENCODING=b:%%%\r\nTEL:1\r\n"),
	 "VCARD\nPHOTO|<>\nTEL|1\n"},
	{"a data URI of 4.0", V40("PHOTO:data:image/jpeg;base64,YWJj\r\n"), "VCARD\nPHOTO|<abc>\n"},
	{"a colon in quotes", V30("X-A;P=\"a:b;c\":v\r\n"), "VCARD\nX-A;P=a:b;c|v\n"},
	{"components",
	 CAL("BEGIN:VEVENT\r\nSUMMARY:x\r\nBEGIN:VALARM\r\nACTION:y\r\nEND:VALARM\r\nEND:"
	     "VEVENT\r\n"),
	 "VCALENDAR\n VEVENT\n SUMMARY|x\n  VALARM\n  ACTION|y\n"},
	{"LF alone", "BEGIN:VCARD\nVERSION:2.1\nTEL:1\nEND:VCARD\n", "VCARD\nTEL|1\n"},
	{"CR alone", "BEGIN:VCARD\rVERSION:2.1\rTEL:1\rEND:VCARD\r", "VCARD\nTEL|1\n"},
	{"empty lines, LF", "BEGIN:VCARD\n\nVERSION:2.1\n\n\nTEL:1\n\nEND:VCARD\n",
	 "VCARD\nTEL|1\n"},
	{"empty lines, CR LF", V21("\r\n\r\nTEL:1\r\n\r\n"), "VCARD\nTEL|1\n"},
	{"empty lines, mixed", V21("\n\r\n\r\r\nTEL:1\n\n\r\n"), "VCARD\nTEL|1\n"},
	{"a byte order mark, and blanks around", "\xEF\xBB\xBF \r\n" V21("TEL:1\r\n") "  \r\n\r\n",
	 "VCARD\nTEL|1\n"},
	{"a line without a colon", V21("TEL\r\nTEL:1\r\n"), "VCARD\nTEL|1\n"},
	{"nothing", "", NULL},
	{"no END", "BEGIN:VCARD\r\nVERSION:2.1\r\n", NULL},
	{"END of something else", "BEGIN:VCARD\r\nVERSION:2.1\r\nEND:VEVENT\r\n", NULL},
	{"no version", "BEGIN:VCARD\r\nTEL:1\r\nEND:VCARD\r\n", "VCARD\nTEL|1\n"},
	{"something else", "<html>", NULL},
	{"groups that are none", V30("it em.TEL:1\r\n\"a;b\".TEL:2\r\na.b.TEL:3\r\n.TEL:4\r\n"),
	 "VCARD\nTEL|1\nTEL|2\na.b.TEL|3\nTEL|4\n"},
	{"a group after an empty line", V21("X:1\r\n\r\n item1.TEL:1\r\n"), "VCARD\nX|1\nTEL|1\n"},
	{"a type with an equals sign", V21("TEL;TYPE=a=b,c:1\r\n"),
	 "VCARD\nTEL;TYPE=a=b;TYPE=c|1\n"},
	{"blanks around what a parameter says",
	 V21("PHOTO; ENCODING = BASE64 :\r\nYWJj\r\n\r\nTEL;X = a :1\r\n"),
	 "VCARD\nPHOTO|<abc>\nTEL;X=a|1\n"},
	{"an encoding after a colon in quotes",
	 V40("NOTE;X=\"a:b\";ENCODING=QUOTED-PRINTABLE:=41\r\n"), "VCARD\nNOTE;X=a:b|A\n"},
	{"a data URI that is quoted", V40("PHOTO;QUOTED-PRINTABLE:=64ata:a/b;base64,YWJj\r\n"),
	 "VCARD\nPHOTO|<abc>\n"},
	{"controls", V21("TEL\001;HO\001ME;X=\001a:1\001\r\nTEL;B\001:YWJj\r\n"),
	 "VCARD\nTEL;TYPE=HOME;X=a|1\nTEL|<abc>\n"},
	{"controls in a component's name", CAL("BEGIN:\001X-A\r\nEND:X-A\001\r\n"),
	 "VCALENDAR\n X-A\n"},
	{"charsets of phones",
	 V21("NOTE;CHARSET=Shift_JIS:\x82\xa0\r\nNOTE;CHARSET=gb2312:\xb0\xa1\r\n"
	     "NOTE;CHARSET=WINDOWS-1251:\xe0\r\nNOTE;CHARSET=koi8-r:\xc1\r\n"
	     "NOTE;CHARSET=EUC-KR:\xb0\xa1\r\nNOTE;CHARSET=Big5:\xa4\x40\r\n"
	     "NOTE;CHARSET=ISO-8859-15:\xa4\r\nNOTE;CHARSET=US-ASCII:a\r\n"),
	 "VCARD\nNOTE|\343\201\202\nNOTE|\345\225\212\nNOTE|\320\260\nNOTE|\320\260\n"
	 "NOTE|\352\260\200\nNOTE|\344\270\200\nNOTE|\342\202\254\nNOTE|a\n"},
	{"a charset that hides what it says", V21("NOTE;CHARSET=UTF-7:+ADw-\r\n"),
	 "VCARD\nNOTE|+ADw-\n"},
	{"a charset and what iconv makes of it",
	 V21("NOTE;CHARSET=ISO-8859-1//IGNORE:\xc3\xa4\r\n"), "VCARD\nNOTE|\303\244\n"},
	{"a charset of no phone",
	 V21("NOTE;CHARSET=UCS-4;ENCODING=QUOTED-PRINTABLE:=61=61=61=61\r\n"),
	 "VCARD\nNOTE|aaaa\n"},
};

static void test_rows(gconstpointer data)
{
	guint i = GPOINTER_TO_UINT(data);
	g_autoptr(GError) error = NULL;
	gsize rest = 0, len = strlen(rows[i].text);
	enum vdialect dialect;
	g_autoptr(vobject_t) object =
		vobject_parse(rows[i].text, len, NULL, &dialect, &rest, &error);
	g_autofree char *read = NULL;

	if (rows[i].read == NULL) {
		g_assert_error(error, VOBJECT_ERROR, VOBJECT_ERROR_SYNTAX);
		g_assert_null(object);
		return;
	}
	g_assert_no_error(error);
	read = dumped(object);
	g_assert_cmpstr(read, ==, rows[i].read);
	g_assert_cmpuint(rest, ==, len);
}

/* What was read is written in each dialect of its kind, and read again. */
static void test_again(gconstpointer data)
{
	guint i = GPOINTER_TO_UINT(data);
	enum vdialect dialect;
	g_autoptr(vobject_t) object =
		vobject_parse(rows[i].text, strlen(rows[i].text), NULL, &dialect, NULL, NULL);
	g_autoptr(vobject_t) again = NULL;
	g_autofree char *before = NULL, *after = NULL;
	GString *text;

	if (object == NULL)
		return;
	text = vobject_write(object, dialect, NULL);
	again = vobject_parse(text->str, text->len, NULL, NULL, NULL, NULL);
	g_assert_nonnull(again);
	before = dumped(object);
	after = dumped(again);
	g_test_message("%s", text->str);
	g_assert_cmpstr(after, ==, before);
	g_string_free(text, TRUE);
}

/* A tree that no reader makes. */
static void test_unsayable(void)
{
	static const enum vdialect dialects[] = {VCARD_2_1, VCARD_3_0, VCARD_4_0};

	for (guint i = 0; i < G_N_ELEMENTS(dialects); i++) {
		g_autoptr(vobject_t) object = vobject_new("VCARD"), again = NULL;
		struct vproperty *property = vobject_add(object, "TEL", "1");
		g_autoptr(GString) text = NULL;
		g_autofree char *read = NULL;

		vproperty_add_param(property, "X-A", "\nb ");
		vproperty_add_param(property, "X-B", "\t\001");
		text = vobject_write(object, dialects[i], NULL);
		again = vobject_parse(text->str, text->len, NULL, NULL, NULL, NULL);
		read = dumped(again);
		g_assert_cmpstr(read, ==, "VCARD\nTEL;X-A=b;X-B=|1\n");
	}
}

static char *repeated(const char *before, const char *what, guint times, const char *after)
{
	GString *text = g_string_new(before);

	for (guint i = 0; i < times; i++)
		g_string_append(text, what);
	return g_string_free(g_string_append(text, after), FALSE);
}

static void assert_limit(const char *what, guint limit)
{
	g_autofree char *fits = repeated("BEGIN:VCARD\nVERSION:3.0\n", what, limit, "END:VCARD\n");
	g_autofree char *more =
		repeated("BEGIN:VCARD\nVERSION:3.0\n", what, limit + 1, "END:VCARD\n");
	g_autoptr(GError) error = NULL;
	g_autoptr(vobject_t) object = vobject_parse(fits, strlen(fits), NULL, NULL, NULL, &error);

	g_assert_no_error(error);
	g_assert_null(vobject_parse(more, strlen(more), NULL, NULL, NULL, &error));
	g_assert_error(error, VOBJECT_ERROR, VOBJECT_ERROR_LIMIT);
}

static void test_limits(void)
{
	assert_limit("TEL:1\n", LIMIT_VOBJECT_PROPERTIES);
	assert_limit("CATEGORIES:a,b,c,d,e,f,g,h,i,j,k\n", LIMIT_VOBJECT_VALUES / 10);
	assert_limit("BEGIN:X\nEND:X\n", LIMIT_VOBJECT_CHILDREN);
}

/* Those that are too many are left out, but for how the value is written. */
static void test_many_params(void)
{
	static const struct {
		const char *before, *what;
	} many[] = {
		{"BEGIN:VCARD\nVERSION:2.1\nTEL", ";X=1"},
		{"BEGIN:VCARD\nVERSION:2.1\nTEL", ";a"},
		{"BEGIN:VCARD\nVERSION:2.1\nTEL;TYPE=b", ",a"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(many); i++) {
		g_autofree char *text = repeated(many[i].before, many[i].what, 100,
						 ";QUOTED-PRINTABLE;CHARSET=ISO-8859-1"
						 ":=E4\nEND:VCARD\n");
		enum vdialect dialect;
		g_autoptr(vobject_t) object =
			vobject_parse(text, strlen(text), NULL, &dialect, NULL, NULL);
		const struct vproperty *property = vobject_find(object, "TEL");
		g_autoptr(GString) written = vobject_write(object, dialect, NULL);
		g_autoptr(vobject_t) again =
			vobject_parse(written->str, written->len, NULL, NULL, NULL, NULL);
		g_autofree char *before = dumped(object), *after = dumped(again);

		g_assert_cmpuint(property->params->len, ==, LIMIT_VOBJECT_PARAMS);
		g_assert_cmpstr(vproperty_value(property, 0), ==, "\303\244");
		g_assert_cmpstr(after, ==, before);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_set_nonfatal_assertions();
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *read = g_strdup_printf("/vobject/read/%s", rows[i].name);
		g_autofree char *again = g_strdup_printf("/vobject/again/%s", rows[i].name);

		g_test_add_data_func(read, GUINT_TO_POINTER(i), test_rows);
		g_test_add_data_func(again, GUINT_TO_POINTER(i), test_again);
	}
	g_test_add_func("/vobject/unsayable", test_unsayable);
	g_test_add_func("/vobject/many-params", test_many_params);
	g_test_add_func("/vobject/limits", test_limits);
	return g_test_run();
}
