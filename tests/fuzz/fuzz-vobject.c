/* What was read is written in its dialect; that, read and written, is itself. */
#include "vobject.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static GString *again(const GString *text, enum vdialect dialect)
{
	g_autoptr(vobject_t) object = vobject_parse(text->str, text->len, NULL, NULL, NULL, NULL);

	assert(object != NULL);
	return vobject_write(object, dialect, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum vdialect dialect;
	gsize rest;
	g_autoptr(vobject_t) object =
		vobject_parse((const char *)data, size, NULL, &dialect, &rest, NULL);
	GString *first, *second, *third;

	if (object == NULL)
		return 0;
	assert(rest <= size);
	first = vobject_write(object, dialect, NULL);
	second = again(first, dialect);
	third = again(second, dialect);
	assert(g_string_equal(second, third));
	g_string_free(first, TRUE);
	g_string_free(second, TRUE);
	g_string_free(third, TRUE);
	return 0;
}
