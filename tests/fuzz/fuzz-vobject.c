/* What was read and is written in a dialect reads as what is written so again. */
#include "vobject.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct vobject *object, enum vdialect dialect)
{
	g_autoptr(GString) first = vobject_write(object, dialect, NULL), second = NULL;
	g_autoptr(vobject_t) again = vobject_parse(first->str, first->len, NULL, NULL, NULL, NULL);

	assert(again != NULL);
	second = vobject_write(again, dialect, NULL);
	if (!g_string_equal(first, second)) {
		fprintf(stderr, "%s\n--- is then\n%s", first->str, second->str);
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum vdialect dialect;
	gsize rest;
	g_autoptr(vobject_t) object =
		vobject_parse((const char *)data, size, NULL, &dialect, &rest, NULL);

	if (object == NULL)
		return 0;
	assert(rest <= size);
	check(object, dialect);
	/* In one of another that has objects of that name. */
	if (dialect <= VCARD_4_0)
		check(object, (dialect + 1 + size % 2) % 3);
	else if (dialect != VNOTE_1_1)
		check(object, dialect == VCALENDAR_1_0 ? ICALENDAR_2_0 : VCALENDAR_1_0);
	return 0;
}
