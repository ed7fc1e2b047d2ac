/* What merging costs, and what it finds among many that are alike. What it does to contacts and to
 * events is in test-contact.c and test-calendar.c. */
#include "item.h"

#include <string.h>

/* Checksums and comparisons of strings: a pair of properties takes one or the other. */
static guint64 work;

GChecksum *__real_g_checksum_new(GChecksumType type);
GChecksum *__wrap_g_checksum_new(GChecksumType type);
GChecksum *__wrap_g_checksum_new(GChecksumType type)
{
	work += 10;
	return __real_g_checksum_new(type);
}

int __real_strcmp(const char *a, const char *b);
int __wrap_strcmp(const char *a, const char *b);
int __wrap_strcmp(const char *a, const char *b)
{
	work++;
	return __real_strcmp(a, b);
}

#define CARD "BEGIN:VCARD\r\nVERSION:4.0\r\nN:A;B\r\nFN:B A\r\n"
#define EVENT                                                                            \
	"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nDTSTART:20100101T080000Z\r\n" \
	"SUMMARY:Many\r\n"
#define NOTE "BEGIN:VNOTE\r\nVERSION:1.1\r\nBODY:Many\r\n"
#define ALARM "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT5M\r\n"

/* before, unit so many times, after; ^ of the unit is its number. */
static struct pim_item *new_item(enum pim_format format, const char *before, const char *unit,
				 const char *after, guint first, guint count)
{
	g_autoptr(GString) text = g_string_new(before);
	g_autoptr(GError) error = NULL;
	struct pim_item *item;

	for (guint i = 0; i < count; i++) {
		GString *line = g_string_new(unit);
		g_autofree char *number = g_strdup_printf("%u", first + i);

		g_string_replace(line, "^", number, 0);
		g_string_append(text, line->str);
		g_string_free(line, TRUE);
	}
	g_string_append(text, after);
	item = pim_item_parse(format, text->str, text->len, NULL, &error);
	g_assert_no_error(error);
	return item;
}

/* Twice as many are about twice the work, not four times. */
static void test_merge_work(void)
{
	static const struct {
		const char *name;
		enum pim_format format;
		const char *before, *ours, *theirs, *after;
	} rows[] = {
		{"numbers", PIM_VCARD_4_0, CARD, "TEL:1^\r\n", "TEL:2^\r\n", "END:VCARD\r\n"},
		{"numbers that stay", PIM_VCARD_4_0, CARD, "TEL:1^\r\n", "TEL:1^\r\n",
		 "END:VCARD\r\n"},
		{"numbers of other types", PIM_VCARD_4_0, CARD, "TEL;TYPE=HOME:1^\r\n",
		 "TEL;TYPE=WORK:2^\r\n", "END:VCARD\r\n"},
		{"the same number", PIM_VCARD_4_0, CARD, "TEL:1\r\n", "TEL:1\r\n", "END:VCARD\r\n"},
		{"names of their own", PIM_VCARD_4_0, CARD, "X-A^:1\r\n", "X-B^:1\r\n",
		 "END:VCARD\r\n"},
		{"guests", PIM_ICALENDAR_2_0, EVENT, "ATTENDEE:mailto:a^@example.org\r\n",
		 "ATTENDEE:mailto:b^@example.org\r\n", "END:VEVENT\r\nEND:VCALENDAR\r\n"},
		{"an alarm of many", PIM_ICALENDAR_2_0, EVENT ALARM, "X-A;X-B=^:1\r\n",
		 "X-A;X-B=^:2\r\n", "END:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"},
		{"notes", PIM_VNOTE_1_1, NOTE, "X-A:1^\r\n", "X-A:2^\r\n", "END:VNOTE\r\n"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		guint64 counts[2];

		for (guint n = 0; n < 2; n++) {
			guint many = 500u << n;
			g_autoptr(pim_item_t) ours = new_item(rows[i].format, rows[i].before,
							      rows[i].ours, rows[i].after, 0, many);
			g_autoptr(pim_item_t) theirs =
				new_item(rows[i].format, rows[i].before, rows[i].theirs,
					 rows[i].after, 0, many);
			g_autoptr(pim_item_t) merged = NULL;

			work = 0;
			merged = pim_item_merge(ours, theirs, ~0u, rows[i].format, NULL, NULL);
			counts[n] = work;
		}
		g_test_message("%s: %" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT, rows[i].name,
			       counts[0], counts[1]);
		g_assert_cmpuint(counts[0], >, 100);
		g_assert_cmpuint(counts[1] * 10, <, counts[0] * 25);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_set_nonfatal_assertions();
	g_test_add_func("/item/merge-work", test_merge_work);
	return g_test_run();
}
