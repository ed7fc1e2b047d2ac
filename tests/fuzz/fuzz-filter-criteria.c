/* Any text is refused with a reason, or is such that who parses it by calling itself for each
 * list, NOT and OR does not call itself too often. */
#include "filter-criteria.h"
#include "limits.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How deep Dovecot's parser would be at the end of `text`, at the most: character by character,
 * as it reads. */
static void check_depth(const char *text)
{
	size_t lists = 0, nesting = 0, start = 0;
	char word[4] = "";

	for (size_t i = 0;; i++) {
		char c = text[i];

		if (c == '\0' || strchr(" ()\"", c) != NULL) {
			if (strcasecmp(word, "NOT") == 0 || strcasecmp(word, "OR") == 0)
				assert(++nesting <= LIMIT_FILTER_OPERATORS);
			memset(word, 0, sizeof(word));
			start = i + 1;
		} else if (i - start < sizeof(word) - 1) {
			word[i - start] = c;
		} else {
			word[0] = '-'; /* a longer one */
		}
		if (c == '\0')
			break;
		if (c == '(')
			assert(++lists <= LIMIT_FILTER_LISTS);
		if (c == ')')
			assert(lists-- > 0);
		if (c == '"') {
			for (i++; text[i] != '"'; i++) {
				assert(text[i] != '\0');
				if (text[i] == '\\')
					assert(text[++i] != '\0');
			}
			start = i + 1;
		}
	}
	assert(lists == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	const char *error;

	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	error = filter_criteria_check(text);
	if (error == NULL) {
		assert(strlen(text) <= LIMIT_FILTER_CRITERIA);
		assert(strpbrk(text, "\r\n") == NULL);
		check_depth(text);
	} else {
		assert(*error != '\0');
	}
	free(text);
	return 0;
}
