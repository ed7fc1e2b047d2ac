/* A filter in its canonical form is the same filter. */
#include "filter.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const *values(const char *property, gpointer data)
{
	static const char *const some[] = {"20261122T120000Z", "Ann", NULL};

	(void)data;
	return *property == 'X' ? NULL : some;
}

static gboolean overlaps(gint64 since, gint64 before, gpointer data)
{
	(void)data;
	return since < before;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct filter_subject subject = {values, overlaps, NULL};
	g_autofree char *query = g_strndup((const char *)data, size), *first = NULL, *second = NULL;
	g_autoptr(filter_t) filter = filter_parse(query, NULL), again = NULL;
	g_autoptr(GError) error = NULL;

	if (filter == NULL)
		return 0;
	first = filter_text(filter);
	again = filter_parse(first, &error);
	/* "|" is "&OR;" then. */
	if (again == NULL) {
		assert(g_error_matches(error, FILTER_ERROR, FILTER_ERROR_LIMIT));
		return 0;
	}
	second = filter_text(again);
	assert(g_str_equal(first, second));
	assert(filter_match(filter, &subject) == filter_match(again, &subject));
	return 0;
}
