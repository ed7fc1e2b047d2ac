/* What was read, written in a dialect and read again is, after that, always the same. */
#include "item-private.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct pim_style styles[] = {
	{.zone = "Europe/Berlin"},
	{.zone = "America/New_York",
	 .times = PIM_TIMES_LOCAL,
	 .alarms_utc = TRUE,
	 .all_day = PIM_ALL_DAY_2359,
	 .epoc_entry_type = TRUE,
	 .min_time = 315532800},
	{.times = PIM_TIMES_LOCAL,
	 .all_day = PIM_ALL_DAY_2400,
	 .times_as_local = TRUE,
	 .rule_ends_by_count = TRUE},
	{.zone = "Asia/Kolkata", .all_day = PIM_ALL_DAY_DATE, .now = 1300000000},
	{.zone = "Europe/Berlin", .times = PIM_TIMES_LOCAL, .all_day = PIM_ALL_DAY_8_TO_18},
};

static struct vobject *again(const struct vobject *normal, enum vdialect dialect,
			     const struct pim_style *style)
{
	g_autoptr(vobject_t) there = pim_calendar_kind.denormalize(normal, dialect, style);
	g_autoptr(GString) text = vobject_write(there, dialect, NULL);
	struct vobject *parsed = vobject_parse(text->str, text->len, NULL, NULL, NULL, NULL);
	enum pim_component component;

	/* What is over a limit only when it is written is refused when it comes back. */
	return parsed == NULL
		       ? NULL
		       : pim_calendar_kind.normalize(parsed, dialect, style, &component, NULL);
}

static void check(const struct vobject *normal, enum vdialect dialect,
		  const struct pim_style *style)
{
	g_autoptr(vobject_t) first = again(normal, dialect, style), second = NULL;
	g_autoptr(GString) a = NULL, b = NULL;

	if (first == NULL)
		return;
	second = again(first, dialect, style);
	assert(second != NULL);
	vobject_remove(first, "PRODID");
	a = vobject_write(first, ICALENDAR_2_0, NULL);
	b = vobject_write(second, ICALENDAR_2_0, NULL);
	if (strcmp(a->str, b->str) != 0) {
		fprintf(stderr, "%s\n--- is then\n%s", a->str, b->str);
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct pim_style *style;
	enum pim_component component;
	enum vdialect dialect;
	struct vobject *parsed;
	g_autoptr(vobject_t) normal = NULL;
	g_autoptr(GArray) keys = g_array_new(FALSE, FALSE, sizeof(guint64));
	g_auto(GStrv) parts = NULL;
	g_autofree char *title = NULL;

	if (size == 0)
		return 0;
	style = &styles[data[0] % G_N_ELEMENTS(styles)];
	parsed = vobject_parse((const char *)data + 1, size - 1, NULL, &dialect, NULL, NULL);
	if (parsed == NULL)
		return 0;
	normal = pim_calendar_kind.normalize(parsed, dialect, style, &component, NULL);
	if (normal == NULL)
		return 0;
	/* One of them a run: what follows a rule takes its time. */
	check(normal, data[0] / G_N_ELEMENTS(styles) % 2 == 0 ? VCALENDAR_1_0 : ICALENDAR_2_0,
	      style);
	title = pim_calendar_kind.title(normal);
	pim_calendar_kind.keys(normal, keys);
	pim_calendar_kind.overlaps(normal, 1262304000, 1293840000);
	pim_calendar_kind.is_lossy(normal, VCALENDAR_1_0);
	parts = pim_calendar_kind.parts(normal);
	for (guint i = 0; parts[i] != NULL; i++) {
		g_autoptr(vobject_t) part = pim_calendar_kind.part(normal, parts[i]);
		g_autoptr(vobject_t) written = pim_calendar_kind.denormalize(part, dialect, style);
		g_autoptr(vobject_t) without = pim_calendar_kind.with_part(normal, parts[i], NULL);
		g_autoptr(vobject_t) with = pim_calendar_kind.with_part(normal, parts[i], normal);
	}
	return 0;
}
