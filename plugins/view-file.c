#include "view-file.h"

#include <stdio.h>
#include <string.h>

#define FIRST_LINE "fantail-view 1"

static bool is_guid(const char *text)
{
	return strlen(text) == VIEW_GUID_DIGITS &&
	       strspn(text, "0123456789abcdef") == VIEW_GUID_DIGITS;
}

static bool is_value(const char *text, size_t max)
{
	return *text != '\0' && strlen(text) <= max && strpbrk(text, "\r\n") == NULL;
}

static bool is_valid(const struct view_file *file)
{
	return is_guid(file->guid) && is_value(file->backing, LIMIT_MAILBOX) &&
	       is_value(file->criteria, LIMIT_FILTER_CRITERIA);
}

size_t view_file_format(const struct view_file *file, char out[VIEW_FILE_MAX])
{
	int len;

	if (!is_valid(file))
		return 0;
	len = snprintf(out, VIEW_FILE_MAX, FIRST_LINE "\nguid %s\nbacking %s\ncriteria %s\n",
		       file->guid, file->backing, file->criteria);
	return len < 0 || len >= VIEW_FILE_MAX ? 0 : (size_t)len;
}

/* Cuts off the next line, which begins with `word` and a blank; NULL: it does not. */
static char *next_value(char **text, const char *word)
{
	char *line = *text, *end = strchr(line, '\n');
	size_t len = strlen(word);

	if (end == NULL || strncmp(line, word, len) != 0 || line[len] != ' ')
		return NULL;
	*end = '\0';
	*text = end + 1;
	return line + len + 1;
}

bool view_file_parse(char *text, struct view_file *file_r)
{
	const char *version = next_value(&text, "fantail-view");
	struct view_file file = {.guid = NULL};

	if (version == NULL || strcmp(version, "1") != 0)
		return false;
	file.guid = next_value(&text, "guid");
	if (file.guid != NULL)
		file.backing = next_value(&text, "backing");
	if (file.backing != NULL)
		file.criteria = next_value(&text, "criteria");
	if (file.criteria == NULL || *text != '\0' || !is_valid(&file))
		return false;
	*file_r = file;
	return true;
}
