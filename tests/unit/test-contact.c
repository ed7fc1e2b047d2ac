/* Contacts: what the dialects of vCard say, and what devices make of it. */
#include <string.h>

#include "item.h"

static const struct pim_style good;
static const struct pim_style work_fax = {.fax_is_work = TRUE};
static const struct pim_style internet = {.email_internet = TRUE};
static const struct pim_style basic = {.basic_dates = TRUE};
static const struct pim_style ansi = {
	.charset = "windows-1252", .fallback_charset = "windows-1252", .no_fold = TRUE};
static const struct pim_style motorola = {.street_second = TRUE, .digits_only = TRUE};
static const struct pim_style latin = {.fallback_charset = "ISO-8859-1"};

/* Lines between BEGIN and END, separated by '|'. */
static char *card(enum pim_format format, const char *lines)
{
	g_auto(GStrv) split = g_strsplit(lines, "|", -1);
	g_autofree char *body = g_strjoinv("\r\n", split);

	return g_strdup_printf("BEGIN:VCARD\r\nVERSION:%s\r\n%s\r\nEND:VCARD\r\n",
			       pim_format_version(format), body);
}

static struct pim_item *parse(enum pim_format format, const struct pim_style *style,
			      const char *lines)
{
	g_autofree char *text = card(format, lines);
	g_autoptr(GError) error = NULL;
	struct pim_item *item = pim_item_parse(format, text, strlen(text), style, &error);

	g_assert_no_error(error);
	return item;
}

/* The lines of a text, less BEGIN, VERSION and END. */
static char *lines_of(const char *text, gsize len)
{
	g_autofree char *copy = g_strndup(text, len);
	g_auto(GStrv) lines = g_strsplit(copy, "\r\n", -1);
	GString *joined = g_string_new(NULL);

	for (guint i = 2; lines[i] != NULL && strcmp(lines[i], "END:VCARD") != 0; i++)
		g_string_append_printf(joined, "%s%s", joined->len > 0 ? "|" : "", lines[i]);
	return g_string_free(joined, FALSE);
}

static char *stored(const struct pim_item *item)
{
	g_autoptr(GBytes) bytes = pim_item_stored(item);
	gsize len;
	const char *text = g_bytes_get_data(bytes, &len);

	return lines_of(text, len);
}

static char *written(const struct pim_item *item, enum pim_format format,
		     const struct pim_style *style)
{
	GString *text = pim_item_write(item, format, style, NULL);
	char *lines = lines_of(text->str, text->len);

	g_string_free(text, TRUE);
	return lines;
}

/* --- in ------------------------------------------------------------------------------- */

static void test_read(void)
{
	static const struct {
		const char *name;
		enum pim_format format;
		const struct pim_style *style;
		const char *device, *normal;
	} rows[] = {
		{"2.1: bare types", PIM_VCARD_2_1, &good, "N:A;B|TEL;HOME;VOICE:1",
		 "N:A;B|TEL;TYPE=HOME:1"},
		{"3.0: types in one list", PIM_VCARD_3_0, &good, "N:A;B|TEL;TYPE=home,voice:1",
		 "N:A;B|TEL;TYPE=HOME:1"},
		{"3.0: types one by one", PIM_VCARD_3_0, &good, "N:A;B|TEL;TYPE=WORK;TYPE=pref:1",
		 "N:A;B|TEL;TYPE=PREF;TYPE=WORK:1"},
		{"4.0: preferred", PIM_VCARD_4_0, &good, "N:A;B|TEL;TYPE=work;PREF=1:1",
		 "N:A;B|TEL;TYPE=PREF;TYPE=WORK:1"},
		{"CELL;VOICE is CELL", PIM_VCARD_2_1, &good, "N:A;B|TEL;CELL;VOICE:1",
		 "N:A;B|TEL;TYPE=CELL:1"},
		{"VOICE alone", PIM_VCARD_2_1, &good, "N:A;B|TEL;VOICE:1",
		 "N:A;B|TEL;TYPE=VOICE:1"},
		{"a fax at home", PIM_VCARD_2_1, &good, "N:A;B|TEL;FAX:1",
		 "N:A;B|TEL;TYPE=FAX;TYPE=HOME:1"},
		{"a fax at work", PIM_VCARD_2_1, &work_fax, "N:A;B|TEL;FAX:1",
		 "N:A;B|TEL;TYPE=FAX;TYPE=WORK:1"},
		{"a fax that is not said to be anywhere", PIM_VCARD_3_0, &good,
		 "N:A;B|TEL;TYPE=FAX:1", "N:A;B|TEL;TYPE=FAX:1"},
		{"INTERNET says nothing", PIM_VCARD_2_1, &good, "N:A;B|EMAIL;INTERNET;HOME:a@b",
		 "N:A;B|EMAIL;TYPE=HOME:a@b"},
		{"nor do POSTAL, PARCEL, INTL", PIM_VCARD_2_1, &good,
		 "N:A;B|ADR;WORK;POSTAL;PARCEL;INTL:;;Street;Town",
		 "N:A;B|ADR;TYPE=WORK:;;Street;Town"},
		{"empty components at the end", PIM_VCARD_3_0, &good, "N:A;B;;;|ADR:;;S;T;;;",
		 "N:A;B|ADR:;;S;T"},
		{"one component", PIM_VCARD_2_1, &ansi, "N:Ann", "N:Ann"},
		{"FN that is N", PIM_VCARD_3_0, &good, "N:A;B|FN:B A", "N:A;B"},
		{"FN that is not", PIM_VCARD_3_0, &good, "N:A;B|FN:Bee", "N:A;B|FN:Bee"},
		{"FN alone", PIM_VCARD_3_0, &good, "N:;;;;|FN:Bee", "FN:Bee"},
		{"empty properties", PIM_VCARD_2_1, &good, "N:A;B|TEL;HOME:|EMAIL:|NOTE:", "N:A;B"},
		{"BDAY, basic", PIM_VCARD_2_1, &good, "N:A;B|BDAY:19700131",
		 "N:A;B|BDAY:1970-01-31"},
		{"BDAY with a time", PIM_VCARD_3_0, &good, "N:A;B|BDAY:1970-01-31T00:00:00Z",
		 "N:A;B|BDAY:1970-01-31"},
		{"BDAY as a date", PIM_VCARD_3_0, &good, "N:A;B|BDAY;VALUE=DATE:1970-01-31",
		 "N:A;B|BDAY:1970-01-31"},
		{"BDAY without a year", PIM_VCARD_4_0, &good, "N:A;B|BDAY:--0131",
		 "N:A;B|BDAY:--0131"},
		{"nicknames", PIM_VCARD_2_1, &good, "N:A;B|X-NICKNAME:Bee", "N:A;B|NICKNAME:Bee"},
		{"of Symbian", PIM_VCARD_2_1, &good, "N:A;B|X-EPOCSECONDNAME:Bee",
		 "N:A;B|NICKNAME:Bee"},
		{"of Motorola", PIM_VCARD_2_1, &good, "N:A;B|X-MOT-NICKNAME:Bee|X-MOT-CAT:3",
		 "N:A;B|NICKNAME:Bee|CATEGORIES:3"},
		{"anniversaries", PIM_VCARD_3_0, &good, "N:A;B|X-EVOLUTION-ANNIVERSARY:2001-05-06",
		 "N:A;B|ANNIVERSARY:2001-05-06"},
		{"groups", PIM_VCARD_3_0, &good, "N:A;B|item1.TEL:1|item1.X-ABLabel:x",
		 "N:A;B|TEL:1"},
		{"what nobody knows", PIM_VCARD_3_0, &good, "N:A;B|X-THING;P=q:v",
		 "N:A;B|X-THING;P=q:v"},
		{"quoted-printable", PIM_VCARD_2_1, &good,
		 "N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;A", "N:M\303\274ller;A"},
		{"8 bits with a charset", PIM_VCARD_2_1, &good, "N;CHARSET=ISO-8859-1:M\374ller;A",
		 "N:M\303\274ller;A"},
		{"8 bits without one", PIM_VCARD_2_1, &latin, "N:M\374ller;A", "N:M\303\274ller;A"},
		{"text of 3.0", PIM_VCARD_3_0, &good, "N:A\\;a;B|NOTE:a\\, b\\nc",
		 "N:A\\;a;B|NOTE:a\\, b\\nc"},
		{"lines of 2.1", PIM_VCARD_2_1, &good,
		 "N:A;B|NOTE;ENCODING=QUOTED-PRINTABLE:a, b=0D=0Ac", "N:A;B|NOTE:a\\, b\\nc"},
		{"a street that stands second", PIM_VCARD_2_1, &motorola,
		 "N:A;B|ADR:;Street;Extra;T", "N:A;B|ADR:;Extra;Street;T"},
		{"UID is the store's, REV nobody's", PIM_VCARD_3_0, &good, "N:A;B|TEL:1",
		 "N:A;B|TEL:1"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(pim_item_t) item = parse(rows[i].format, rows[i].style, rows[i].device);
		g_autofree char *normal = stored(item);
		/* As the store says 4.0: all components, PREF, and FN, which it has to have. */
		g_autoptr(pim_item_t) expected = parse(PIM_VCARD_4_0, NULL, rows[i].normal);
		struct pim_groups a, b;

		g_test_message("%s: %s", rows[i].name, normal);
		pim_item_groups(item, &a);
		pim_item_groups(expected, &b);
		g_assert_cmpuint(pim_groups_differ(&a, &b), ==, 0);
	}
}

/* --- out ------------------------------------------------------------------------------ */

static void test_write(void)
{
	static const struct {
		const char *name;
		enum pim_format format;
		const struct pim_style *style;
		const char *normal, *device;
	} rows[] = {
		{"2.1 has FN and all components of N", PIM_VCARD_2_1, &good, "N:A;B",
		 "N:A;B;;;|FN:B A"},
		{"3.0 too", PIM_VCARD_3_0, &good, "N:A;B;C;Dr.;Jr.",
		 "N:A;B;C;Dr.;Jr.|FN:Dr. B C A Jr."},
		{"N and FN are first", PIM_VCARD_3_0, &good, "TEL:1|FN:Bee|N:A;B",
		 "N:A;B;;;|FN:Bee|TEL:1"},
		{"N is there", PIM_VCARD_2_1, &good, "FN:Bee", "N:;;;;|FN:Bee"},
		{"4.0 needs none", PIM_VCARD_4_0, &good, "FN:Bee", "FN:Bee"},
		{"types of 2.1", PIM_VCARD_2_1, &good, "N:A;B|TEL;TYPE=FAX;TYPE=HOME:1",
		 "N:A;B;;;|FN:B A|TEL;FAX;HOME:1"},
		{"preferred in 4.0", PIM_VCARD_4_0, &good, "N:A;B|TEL;TYPE=PREF;TYPE=WORK:1",
		 "N:A;B;;;|FN:B A|TEL;TYPE=WORK;PREF=1:1"},
		{"INTERNET in 2.1", PIM_VCARD_2_1, &good, "N:A;B|EMAIL:a@b",
		 "N:A;B;;;|FN:B A|EMAIL;INTERNET:a@b"},
		{"not in 3.0", PIM_VCARD_3_0, &good, "N:A;B|EMAIL:a@b",
		 "N:A;B;;;|FN:B A|EMAIL:a@b"},
		{"but where it is needed", PIM_VCARD_3_0, &internet, "N:A;B|EMAIL:a@b",
		 "N:A;B;;;|FN:B A|EMAIL;TYPE=INTERNET:a@b"},
		{"all of ADR", PIM_VCARD_3_0, &good, "N:A;B|ADR;TYPE=HOME:;;S;T",
		 "N:A;B;;;|FN:B A|ADR;TYPE=HOME:;;S;T;;;"},
		{"BDAY", PIM_VCARD_3_0, &good, "N:A;B|BDAY:19700131",
		 "N:A;B;;;|FN:B A|BDAY:1970-01-31"},
		{"basic BDAY", PIM_VCARD_3_0, &basic, "N:A;B|BDAY:19700131",
		 "N:A;B;;;|FN:B A|BDAY:19700131"},
		{"and of 4.0", PIM_VCARD_4_0, &good, "N:A;B|BDAY:1970-01-31",
		 "N:A;B;;;|FN:B A|BDAY:19700131"},
		{"nicknames of 2.1", PIM_VCARD_2_1, &good, "N:A;B|NICKNAME:Bee",
		 "N:A;B;;;|FN:B A|X-NICKNAME:Bee"},
		{"of 3.0", PIM_VCARD_3_0, &good, "N:A;B|NICKNAME:Bee",
		 "N:A;B;;;|FN:B A|NICKNAME:Bee"},
		{"a street that stands second", PIM_VCARD_2_1, &motorola, "N:A;B|ADR:;E;S;T",
		 "N:A;B;;;|FN:B A|ADR:;S;E;T;;;"},
		{"digits", PIM_VCARD_2_1, &motorola, "N:A;B|TEL:+49 (89) 12-3 p4#",
		 "N:A;B;;;|FN:B A|TEL:+4989123p4#"},
		{"no UID, no REV", PIM_VCARD_3_0, &good, "N:A;B|UID:1|REV:2", "N:A;B;;;|FN:B A"},
		{"quoted-printable where it is needed", PIM_VCARD_2_1, &good, "N:\303\204;B|NOTE:a",
		 "N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=C3=84;B;;;|"
		 "FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:B =C3=84|NOTE:a"},
		{"escapes of 2.1", PIM_VCARD_2_1, &good, "N:A\\;a;B\\,b|FN:x|NOTE:a\\, b\\; c",
		 "N:A\\;a;B,b;;;|FN:x|NOTE:a, b; c"},
		{"escapes of 3.0", PIM_VCARD_3_0, &good, "N:A\\;a;B\\,b|FN:x|NOTE:a\\, b\\nc",
		 "N:A\\;a;B\\,b;;;|FN:x|NOTE:a\\, b\\nc"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(pim_item_t) item = parse(PIM_VCARD_4_0, NULL, rows[i].normal);
		g_autofree char *device = written(item, rows[i].format, rows[i].style);

		g_test_message("%s", rows[i].name);
		g_assert_cmpstr(device, ==, rows[i].device);
	}
}

/* A photo, in each dialect; 2.1 ends it with an empty line. */
static void test_photo(void)
{
	static const struct {
		enum pim_format format;
		const char *device;
	} rows[] = {
		{PIM_VCARD_2_1, "PHOTO;JPEG;ENCODING=BASE64:|"},
		{PIM_VCARD_3_0, "PHOTO;TYPE=JPEG;ENCODING=b:YWJj"},
		{PIM_VCARD_4_0, ":data:image/jpeg;base64,YWJj"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(pim_item_t) item =
			parse(PIM_VCARD_3_0, NULL, "N:A;B|PHOTO;ENCODING=b;TYPE=JPEG:YWJj");
		g_autofree char *device = written(item, rows[i].format, &good);
		g_autoptr(pim_item_t) back = parse(rows[i].format, &good, device);
		guint8 had[16], has[16];

		g_test_message("%s", device);
		g_assert_nonnull(strstr(device, rows[i].device));
		pim_item_hash(item, had);
		pim_item_hash(back, has);
		g_assert_cmpmem(had, sizeof(had), has, sizeof(has));
	}
}

/* It is of the type that it came with. */
static void test_photo_types(void)
{
	static const struct {
		const char *photo, *stored, *sent;
	} rows[] = {
		{"PHOTO:data:image/png;base64,YWJj", ":data:image/png;base64,YWJj",
		 "PHOTO;TYPE=PNG;ENCODING=b:YWJj"},
		{"PHOTO:data:IMAGE/GIF;base64,YWJj", ":data:image/gif;base64,YWJj",
		 "PHOTO;TYPE=GIF;ENCODING=b:YWJj"},
		{"PHOTO;TYPE=home:data:image/webp;base64,YWJj", ":data:image/webp;base64,YWJj",
		 "PHOTO;TYPE=HOME;TYPE=WEBP;ENCODING=b:YWJj"},
		{"PHOTO:data:image/jpeg;base64,YWJj", "PHOTO:data:image/jpeg;base64,YWJj",
		 "PHOTO;ENCODING=b:YWJj"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *lines = g_strconcat("N:A;B|", rows[i].photo, NULL);
		g_autoptr(pim_item_t) item = parse(PIM_VCARD_4_0, &good, lines);
		g_autofree char *kept = stored(item);
		g_autofree char *sent = written(item, PIM_VCARD_3_0, &good);

		g_test_message("%s: %s, %s", rows[i].photo, kept, sent);
		g_assert_nonnull(strstr(kept, rows[i].stored));
		g_assert_nonnull(strstr(sent, rows[i].sent));
	}
}

/* What the store keeps is read as it was, whatever a device made of it. */
static void test_stored(void)
{
	static const struct {
		const char *name, *device;
		enum pim_format format;
	} rows[] = {
		{"a nickname that is none", "N:A;B|X-NICKNAME;ENCODING=BASE64:YWJj|",
		 PIM_VCARD_2_1},
		{"a type with an equals sign", "N:A;B|TEL;TYPE=x=y:1", PIM_VCARD_2_1},
		{"as many types as there can be, and no place",
		 "N:A;B|TEL;FAX;T01;T02;T03;T04;T05;T06;T07;T08;T09;T10;T11;T12;T13;T14;T15;T16;"
		 "T17;T18;T19;T20;T21;T22;T23;T24;T25;T26;T27;T28;T29;T30;T31;T32;T33;T34;T35;T36;"
		 "T37;T38;T39;T40;T41;T42;T43;T44;T45;T46;T47;T48;T49;T50;T51;T52;T53;T54;T55;T56;"
		 "T57;T58;T59;T60;T61;T62;T63:1",
		 PIM_VCARD_2_1},
		{"a data URI that is quoted", "N:A;B|PHOTO;QUOTED-PRINTABLE:=64ata:a/b;base64,YWJj",
		 PIM_VCARD_2_1},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(pim_item_t) item = parse(rows[i].format, &good, rows[i].device);
		g_autoptr(GBytes) bytes = pim_item_stored(item);
		gsize len;
		const char *text = g_bytes_get_data(bytes, &len);
		g_autoptr(pim_item_t) loaded = pim_item_load(PIM_CONTACT, text, len, NULL);
		guint8 had[16], has[16];

		g_test_message("%s: %.*s", rows[i].name, (int)len, text);
		pim_item_hash(item, had);
		pim_item_hash(loaded, has);
		g_assert_cmpmem(had, sizeof(had), has, sizeof(has));
	}
}

/* --- a poor device ---------------------------------------------------------------------- */

/* It holds two numbers of eight digits, an address for mail of ten characters or none, and
 * five characters of a note. What it changes is changed; what it never had stays. */
static void test_merge(void)
{
	static struct pim_property_limit limits[] = {
		{.name = (char *)"N", .max_size = G_MAXUINT64},
		{.name = (char *)"TEL", .max_size = 8, .max_occur = 2},
		{.name = (char *)"EMAIL", .max_size = 10, .no_truncate = TRUE},
		{.name = (char *)"NOTE", .max_size = 5},
	};
	static const struct {
		const char *name, *ours, *theirs, *merged;
	} rows[] = {
		{"one of two of three", "N:A|TEL:1|TEL:2|TEL:3", "N:A|TEL:1|TEL:4",
		 "N:A|TEL:1|TEL:4|TEL:3"},
		{"one that is gone", "N:A|TEL:1|TEL:2|TEL:3", "N:A|TEL:1", "N:A|TEL:1|TEL:3"},
		{"one more", "N:A|TEL:1", "N:A|TEL:1|TEL:2", "N:A|TEL:1|TEL:2"},
		{"cut, and not changed", "N:A|TEL:1234567890", "N:A|TEL:12345678|NOTE:x",
		 "N:A|TEL:1234567890|NOTE:x"},
		{"cut, and changed", "N:A|TEL:1234567890", "N:A|TEL:12345679", "N:A|TEL:12345679"},
		{"the same number twice", "N:A|TEL:1|TEL:1", "N:A|TEL:1|TEL:1", "N:A|TEL:1|TEL:1"},
		{"too long for it", "N:A|EMAIL:ann@example.org", "N:A|EMAIL:a@b",
		 "N:A|EMAIL:ann@example.org|EMAIL:a@b"},
		{"a note that is cut", "N:A|NOTE:123456789", "N:A|NOTE:12345",
		 "N:A|NOTE:123456789"},
		{"another note", "N:A|NOTE:123456789", "N:A|NOTE:other", "N:A|NOTE:other"},
		{"no note", "N:A|NOTE:123456789", "N:A", "N:A"},
		{"what it knows nothing of", "N:A|URL:x|FN:Bee|ORG:C", "N:B",
		 "N:B|URL:x|FN:Bee|ORG:C"},
		{"a name that was made for it", "N:A;B\\\\", "N:A;B|FN:B\\\\ A", "N:A;B\\\\"},
	};
	g_autoptr(GHashTable) properties = g_hash_table_new(g_str_hash, g_str_equal);
	struct pim_capability poor = {properties, PIM_COMPONENT_BIT(PIM_CONTACT)};

	for (guint i = 0; i < G_N_ELEMENTS(limits); i++)
		g_hash_table_insert(properties, limits[i].name, &limits[i]);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(pim_item_t) ours = parse(PIM_VCARD_4_0, NULL, rows[i].ours);
		g_autoptr(pim_item_t) theirs = parse(PIM_VCARD_4_0, NULL, rows[i].theirs);
		g_autoptr(pim_item_t) expected = parse(PIM_VCARD_4_0, NULL, rows[i].merged);
		g_autoptr(pim_item_t) merged =
			pim_item_merge(ours, theirs, ~0u, PIM_VCARD_2_1, &good, &poor);
		g_autofree char *text = stored(merged);
		struct pim_groups a, b;

		g_test_message("%s: %s", rows[i].name, text);
		pim_item_groups(merged, &a);
		pim_item_groups(expected, &b);
		g_assert_cmpuint(pim_groups_differ(&a, &b), ==, 0);
	}
}

/* --- who it is ---------------------------------------------------------------------------- */

static void test_keys(void)
{
	static const struct {
		const char *a, *b;
		gboolean alike;
	} rows[] = {
		{"N:A;B|TEL:+49 89 1234567", "N:a;b|TEL:0891234567|EMAIL:x@y", TRUE},
		{"N:A;B|EMAIL:X@Y", "N:A;B|EMAIL:x@y|TEL:1", TRUE},
		{"N:A;B|TEL:1", "N:A;C|TEL:1", FALSE},
		{"N:A;B|TEL:1", "N:A;B|TEL:2", FALSE},
		{"N:A;B", "N:A;B", TRUE},
		{"N:A;B|ORG:C", "N:A;B|ORG:D", FALSE},
		{"FN:Bee|TEL:1", "FN:bee|TEL:1", TRUE},
		{"ORG:C", "ORG:C", TRUE},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(pim_item_t) a = parse(PIM_VCARD_4_0, NULL, rows[i].a);
		g_autoptr(pim_item_t) b = parse(PIM_VCARD_4_0, NULL, rows[i].b);
		g_autoptr(GArray) x = g_array_new(FALSE, FALSE, sizeof(guint64));
		g_autoptr(GArray) y = g_array_new(FALSE, FALSE, sizeof(guint64));
		gboolean alike = FALSE;

		pim_item_keys(a, x);
		pim_item_keys(b, y);
		for (guint j = 0; j < x->len; j++) {
			for (guint k = 0; k < y->len; k++)
				alike = alike || g_array_index(x, guint64, j) ==
							 g_array_index(y, guint64, k);
		}
		g_test_message("%s, %s", rows[i].a, rows[i].b);
		g_assert_cmpint(alike, ==, rows[i].alike);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_set_nonfatal_assertions();
	g_test_add_func("/contact/read", test_read);
	g_test_add_func("/contact/write", test_write);
	g_test_add_func("/contact/photo", test_photo);
	g_test_add_func("/contact/photo-types", test_photo_types);
	g_test_add_func("/contact/stored", test_stored);
	g_test_add_func("/contact/merge", test_merge);
	g_test_add_func("/contact/keys", test_keys);
	return g_test_run();
}
