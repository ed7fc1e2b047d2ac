#include "hub-watch.h"
#include "limits.h"

#include <string.h>

/* Something that is watched: an owner's mailboxes, one of them, one with all below it, or
 * a GUID. Many sessions share it. */
struct topic {
	struct entry *first;
	char name[];
};

/* One watcher's interest in a topic. */
struct entry {
	struct entry *previous, *next; /* of the same topic */
	struct topic *topic;
	struct hub_watcher *watcher;
	wake_kinds kinds;
};

struct hub_table {
	/* name -> struct topic, which owns its name. No hash table: the names are chosen by
	 * whoever connects. */
	GTree *topics;
	guint64 round;
};

struct hub_watcher {
	struct hub_table *table;
	GTree *entries; /* struct topic -> struct entry */
	void *data;
	guint64 round; /* of the last wake-up it was told of */
	wake_kinds kinds;
	guint rules;
	guint names;
	gsize name_bytes;
	char *session; /* into `text`, or NULL */
	char text[];   /* user, NUL, session */
};

static gint compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(a, b);
}

struct hub_table *hub_table_new(void)
{
	struct hub_table *table = g_new0(struct hub_table, 1);

	table->topics = g_tree_new(compare_names);
	return table;
}

void hub_table_free(struct hub_table *table)
{
	if (table == NULL)
		return;
	g_tree_unref(table->topics);
	g_free(table);
}

guint hub_table_size(const struct hub_table *table)
{
	return (guint)g_tree_nnodes(table->topics);
}

/* --- names of topics -------------------------------------------------------- */

/* The owner's length keeps "a", "b/c" and "a/b", "c" apart whatever octets they hold. */
static void owner_topic(GString *name, const char *owner)
{
	g_string_printf(name, "o%zu:%s", strlen(owner), owner);
}

static void mailbox_topic(GString *name, const char *owner, const char *mailbox)
{
	g_string_printf(name, "m%zu:%s%s", strlen(owner), owner, mailbox);
}

static void subtree_topic(GString *name, const char *owner, const char *mailbox)
{
	g_string_printf(name, "s%zu:%s%s", strlen(owner), owner, mailbox);
}

static void guid_topic(GString *name, const char *guid)
{
	g_string_printf(name, "g%s", guid);
}

/* --- rules ------------------------------------------------------------------ */

static struct topic *find_topic(struct hub_table *table, const GString *name)
{
	struct topic *topic = g_tree_lookup(table->topics, name->str);

	if (topic == NULL) {
		topic = g_malloc(sizeof(*topic) + name->len + 1);
		topic->first = NULL;
		memcpy(topic->name, name->str, name->len + 1);
		g_tree_insert(table->topics, topic->name, topic);
	}
	return topic;
}

static gint compare_topics(gconstpointer a, gconstpointer b, gpointer context)
{
	return (a > b) - (a < b);
}

static void add_entry(struct hub_watcher *watcher, const GString *name, wake_kinds kinds)
{
	struct topic *topic = find_topic(watcher->table, name);
	struct entry *entry = g_tree_lookup(watcher->entries, topic);

	if (entry != NULL) {
		entry->kinds |= kinds;
		return;
	}
	entry = g_new0(struct entry, 1);
	entry->topic = topic;
	entry->watcher = watcher;
	entry->kinds = kinds;
	entry->next = topic->first;
	if (topic->first != NULL)
		topic->first->previous = entry;
	topic->first = entry;
	g_tree_insert(watcher->entries, topic, entry);
}

/* Its watcher's tree calls it. */
static void remove_entry(gpointer data)
{
	struct entry *entry = data;
	struct topic *topic = entry->topic;

	if (entry->next != NULL)
		entry->next->previous = entry->previous;
	if (entry->previous != NULL)
		entry->previous->next = entry->next;
	else
		topic->first = entry->next;
	if (topic->first == NULL) {
		g_tree_remove(entry->watcher->table->topics, topic->name);
		g_free(topic);
	}
	g_free(entry);
}

struct hub_watcher *hub_watcher_new(struct hub_table *table, const char *user, const char *session,
				    void *data)
{
	gsize user_size = strlen(user) + 1;
	gsize session_size = session != NULL ? strlen(session) + 1 : 0;
	struct hub_watcher *watcher = g_malloc0(sizeof(*watcher) + user_size + session_size);

	watcher->table = table;
	watcher->entries = g_tree_new_full(compare_topics, NULL, NULL, remove_entry);
	watcher->data = data;
	memcpy(watcher->text, user, user_size);
	if (session != NULL) {
		watcher->session = watcher->text + user_size;
		memcpy(watcher->session, session, session_size);
	}
	return watcher;
}

void hub_watcher_free(struct hub_watcher *watcher)
{
	if (watcher == NULL)
		return;
	g_tree_unref(watcher->entries);
	g_free(watcher);
}

const char *hub_watcher_user(const struct hub_watcher *watcher)
{
	return watcher->text;
}

const char *hub_watcher_session(const struct hub_watcher *watcher)
{
	return watcher->session;
}

wake_kinds hub_watcher_kinds(const struct hub_watcher *watcher)
{
	return watcher->kinds;
}

gsize hub_watcher_size(const struct hub_watcher *watcher)
{
	return watcher->name_bytes + ((gsize)watcher->names + watcher->rules) * LIMIT_HUB_NAME_COST;
}

static gboolean has_key(const struct tabline_field *field, const char *key)
{
	return field->key != NULL && strcmp(field->key, key) == 0;
}

const char *hub_rule_owner(const struct tabline_field *fields, size_t count)
{
	return tabline_get(fields, count, "owner");
}

static gboolean is_name(const struct tabline_field *field)
{
	return has_key(field, "mailbox") || has_key(field, "subtree");
}

/* What a rule would add. FALSE if one of its names is overlong or
 * a GUID is none. */
static gboolean count_names(const struct tabline_field *fields, size_t count, guint *mailboxes_r,
			    guint *guids_r, gsize *bytes_r)
{
	guint mailboxes = 0, guids = 0;
	gsize bytes = 0;

	for (size_t i = 1; i < count; i++) {
		gsize len = strlen(fields[i].value);

		if (is_name(&fields[i])) {
			if (len > LIMIT_MAILBOX)
				return FALSE;
			mailboxes++;
		} else if (has_key(&fields[i], "mailboxid")) {
			if (!wake_is_mailbox_id(fields[i].value))
				return FALSE;
			guids++;
		} else {
			continue;
		}
		bytes += len;
	}
	*mailboxes_r = mailboxes;
	*guids_r = guids;
	*bytes_r = bytes;
	return TRUE;
}

enum hub_rule_result hub_watcher_add(struct hub_watcher *watcher,
				     const struct tabline_field *fields, size_t count)
{
	const char *owner = hub_rule_owner(fields, count);
	const char *kinds_text = tabline_get(fields, count, "kinds");
	wake_kinds kinds = kinds_text != NULL ? wake_kinds_parse(kinds_text) : 0;
	g_autoptr(GString) name = NULL;
	guint mailboxes, guids;
	gsize bytes;

	if (kinds == 0 || (owner != NULL && strlen(owner) > LIMIT_USER) ||
	    !count_names(fields, count, &mailboxes, &guids, &bytes) ||
	    (owner == NULL && (mailboxes > 0 || guids == 0)))
		return HUB_RULE_BAD;
	if (watcher->rules == LIMIT_HUB_RULES ||
	    mailboxes + guids > LIMIT_HUB_NAMES - watcher->names ||
	    bytes > LIMIT_HUB_NAME_BYTES - watcher->name_bytes)
		return HUB_RULE_FULL;
	watcher->rules++;
	watcher->kinds |= kinds;
	watcher->names += mailboxes + guids;
	watcher->name_bytes += bytes;

	name = g_string_new(NULL);
	if (mailboxes + guids == 0) {
		owner_topic(name, owner);
		add_entry(watcher, name, kinds);
	}
	for (size_t i = 1; i < count; i++) {
		if (has_key(&fields[i], "mailbox"))
			mailbox_topic(name, owner, fields[i].value);
		else if (has_key(&fields[i], "subtree"))
			subtree_topic(name, owner, fields[i].value);
		else if (has_key(&fields[i], "mailboxid"))
			guid_topic(name, fields[i].value);
		else
			continue;
		add_entry(watcher, name, kinds);
	}
	return HUB_RULE_OK;
}

/* --- wake-ups --------------------------------------------------------------- */

/* Its own changes a session knows; and what is for one user concerns no other. */
static gboolean concerns(const struct hub_watcher *watcher, const struct wake *wake)
{
	if (wake->session != NULL && watcher->session != NULL &&
	    strcmp(wake->session, watcher->session) == 0)
		return FALSE;
	return wake->only == NULL || strcmp(wake->only, watcher->text) == 0;
}

struct telling {
	struct hub_table *table;
	const struct wake *wake;
	hub_table_callback *callback;
	void *context;
	guint visited;
};

static void tell_topic(struct telling *telling, const GString *name)
{
	struct topic *topic = g_tree_lookup(telling->table->topics, name->str);

	for (struct entry *entry = topic != NULL ? topic->first : NULL; entry != NULL;
	     entry = entry->next) {
		struct hub_watcher *watcher = entry->watcher;

		telling->visited++;
		if ((entry->kinds & telling->wake->kinds) == 0 ||
		    watcher->round == telling->table->round || !concerns(watcher, telling->wake))
			continue;
		watcher->round = telling->table->round;
		telling->callback(watcher->data, telling->context);
	}
}

static void tell_mailbox(struct telling *telling, GString *name, const char *mailbox)
{
	const struct wake *wake = telling->wake;
	gsize first, len;

	mailbox_topic(name, wake->owner, mailbox);
	tell_topic(telling, name);
	subtree_topic(name, wake->owner, mailbox);
	tell_topic(telling, name);
	if (wake->separator == NULL || *wake->separator == '\0')
		return;
	/* Those above it, which have a name each. */
	first = name->len - strlen(mailbox) + 1;
	for (len = name->len; len-- > first;) {
		if (name->str[len] != *wake->separator)
			continue;
		g_string_truncate(name, len);
		telling->visited++;
		tell_topic(telling, name);
	}
}

guint hub_table_each(struct hub_table *table, const struct wake *wake, hub_table_callback *callback,
		     void *context)
{
	struct telling telling = {table, wake, callback, context, 0};
	g_autoptr(GString) name = g_string_new(NULL);

	table->round++;
	owner_topic(name, wake->owner);
	tell_topic(&telling, name);
	tell_mailbox(&telling, name, wake->mailbox);
	if (wake->old_mailbox != NULL)
		tell_mailbox(&telling, name, wake->old_mailbox);
	if (wake->mailbox_id != NULL) {
		guid_topic(name, wake->mailbox_id);
		tell_topic(&telling, name);
	}
	return telling.visited;
}
