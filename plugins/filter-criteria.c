#include "filter-criteria.h"
#include "limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Behind the closing quote, or NULL if there is none. */
static const char *skip_quoted(const char *p)
{
	for (p++; *p != '"'; p++) {
		if (*p == '\\')
			p++;
		if (*p == '\0')
			return NULL;
	}
	return p + 1;
}

const char *filter_criteria_check(const char *criteria)
{
	size_t depth = 0, keys = 0;

	if (strlen(criteria) > LIMIT_FILTER_CRITERIA)
		return "Longer than a filter may be";
	if (strpbrk(criteria, "\r\n") != NULL)
		return "Of more than one line";
	for (const char *p = criteria; *p != '\0';) {
		size_t len = strcspn(p, " ()\"");

		if (len == 0 && *p == '"') {
			p = skip_quoted(p);
			if (p == NULL)
				return "A quote is not closed";
		} else if (len == 0) {
			if (*p == '(' && ++depth > LIMIT_FILTER_LISTS)
				return "Lists in too many lists";
			if (*p == ')' && depth-- == 0)
				return "A parenthesis too many";
			p++;
		} else {
			/* Each may hold all that follow. Arguments that read so count too. */
			bool nests = (len == 3 && strncasecmp(p, "NOT", 3) == 0) ||
				     (len == 2 && strncasecmp(p, "OR", 2) == 0);

			if (nests && ++keys > LIMIT_FILTER_OPERATORS)
				return "Too many NOT and OR";
			p += len;
		}
	}
	return depth == 0 ? NULL : "A parenthesis is not closed";
}
