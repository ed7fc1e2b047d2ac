/* Named filters on the mail socket: FILTERSET, FILTERLIST, FILTERDROP, and WANT's share. */
#include "intake-private.h"
#include "limits.h"

#include <string.h>

/* An atom (RFC 3501), which a name in METADATA (RFC 5466) can be as well: no "/". */
static gboolean name_valid(const char *name)
{
	if (name == NULL || *name == '\0' || strlen(name) > LIMIT_FILTER_NAME)
		return FALSE;
	for (; *name != '\0'; name++) {
		if (!g_ascii_isgraph(*name) || strchr("(){%*\"\\]/", *name) != NULL)
			return FALSE;
	}
	return TRUE;
}

static gboolean is_predefined(const char *name)
{
	return g_ascii_strcasecmp(name, "ALL") == 0 || g_ascii_strcasecmp(name, "NONE") == 0;
}

/* One line, of any charset. */
static gboolean is_line(const char *text, gsize max)
{
	return strlen(text) <= max && strpbrk(text, "\r\n") == NULL;
}

static void stored(const GError *error, gpointer data)
{
	intake_change_end(data, error);
}

void intake_filterset(const struct request *request)
{
	struct registry *registry = request->intake->registry;
	const struct registry_filter filter = {
		.name = (char *)request_get(request, "name"),
		.criteria = (char *)request_get(request, "criteria"),
		.charset = (char *)request_get(request, "charset"),
		.description = (char *)request_get(request, "description"),
	};
	const char *text = NULL;

	if (!name_valid(filter.name))
		text = "a filter's name is an atom of 1 to 64 characters without a slash";
	else if (is_predefined(filter.name))
		text = "the filters ALL and NONE cannot be changed";
	else if (filter.criteria == NULL || *filter.criteria == '\0' ||
		 !is_line(filter.criteria, LIMIT_FILTER_CRITERIA))
		text = "the criteria are missing, longer than 8,192 octets or not on one line";
	else if (filter.charset != NULL && !is_line(filter.charset, LIMIT_FILTER_CHARSET))
		text = "the name of the charset is too long";
	else if (filter.description != NULL &&
		 !is_line(filter.description, LIMIT_FILTER_DESCRIPTION))
		text = "the description is longer than 512 octets or not on one line";
	if (text != NULL) {
		request_no(request, "refused", text);
		return;
	}
	if (!request_may_change(request))
		return;
	registry->backend->set_filter(registry, request->user, &filter, stored,
				      intake_change_new(request));
}

void intake_filterdrop(const struct request *request)
{
	struct registry *registry = request->intake->registry;
	const char *name = request_get(request, "name");

	if (!name_valid(name)) {
		request_no(request, "notfound", "no such filter");
		return;
	}
	if (!request_may_change(request))
		return;
	registry->backend->drop_filter(registry, request->user, name, stored,
				       intake_change_new(request));
}

static void say_filters(const struct request *request, GPtrArray *filters, const char *key,
			gboolean described)
{
	for (guint i = 0; i < filters->len; i++) {
		const struct registry_filter *filter = g_ptr_array_index(filters, i);
		struct tabline_buf buf;

		tabline_buf_init(&buf, LIMIT_LINE);
		tabline_word(&buf, "ITEM");
		tabline_word(&buf, request->id);
		tabline_field(&buf, key, filter->name);
		tabline_field(&buf, "criteria", filter->criteria);
		tabline_field(&buf, "charset", filter->charset);
		if (described)
			tabline_field(&buf, "description", filter->description);
		if (tabline_end(&buf))
			line_peer_write(request->peer, &buf);
		tabline_buf_free(&buf);
	}
}

void intake_filterlist(const struct request *request)
{
	struct registry *registry = request->intake->registry;
	g_autoptr(GPtrArray) filters =
		registry->backend->filters(registry, request->user, request_get(request, "name"));

	say_filters(request, filters, "name", TRUE);
	intake_ok(request->peer, request->id, NULL, NULL, NULL, NULL);
}

void intake_wanted_filters(const struct request *request)
{
	struct registry *registry = request->intake->registry;
	const char *mailbox = request_get(request, "mailbox");
	g_autoptr(GPtrArray) filters = NULL;

	if (mailbox == NULL)
		return;
	filters = registry->backend->wanted_filters(registry, request->user, mailbox);
	say_filters(request, filters, "filter", FALSE);
}
