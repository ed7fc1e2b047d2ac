#include "notify-rules.h"
#include "array.h"
#include "mail-namespace.h"

#include "limits.h"
#include "notify-table.h"

static void add_owner_rule(ARRAY_TYPE(notify_hub_rules) *rules, const char *owner, wake_kinds kinds)
{
	struct hub_rule *rule;

	for (unsigned int i = 0; i < array_count(rules); i++) {
		rule = array_idx_modifiable(rules, i);
		if (rule->owner != NULL && strcmp(rule->owner, owner) == 0)
			return;
	}
	rule = array_append_space(rules);
	rule->owner = owner;
	rule->kinds = kinds;
}

static bool has_id(const struct watched *box)
{
	return box->more != NULL && !guid_128_is_empty(box->more->id);
}

static void add_id_rule(const struct notify_table *table, ARRAY_TYPE(notify_hub_rules) *rules,
			wake_kinds kinds)
{
	ARRAY_TYPE(const_string) ids;
	struct hub_rule *rule;
	struct watched *box;
	const char *id;

	t_array_init(&ids, 16);
	notify_table_foreach (table, box) {
		if (!has_id(box))
			continue;
		id = guid_128_to_string(box->more->id);
		array_push_back(&ids, &id);
	}
	if (array_is_empty(&ids))
		return;
	rule = array_append_space(rules);
	rule->kinds = kinds;
	rule->mailbox_ids = array_front(&ids);
	rule->mailbox_id_count = array_count(&ids);
}

void notify_rules_all(const struct notify_session *session, const struct notify_table *table,
		      wake_kinds kinds, ARRAY_TYPE(notify_hub_rules) *rules)
{
	const struct mail_user *user = session->client->user;

	add_owner_rule(rules, user->username, kinds);
	for (struct mail_namespace *ns = user->namespaces; ns != NULL; ns = ns->next) {
		if (ns->type == MAIL_NAMESPACE_TYPE_PUBLIC)
			add_owner_rule(rules, "", kinds);
		else if (ns->type == MAIL_NAMESPACE_TYPE_SHARED && ns->owner != NULL)
			add_owner_rule(rules, ns->owner->username, kinds);
	}
	add_id_rule(table, rules, kinds);
}

/* --- rules while asleep ------------------------------------------------------ */

static wake_kinds exact_kinds(notify_events events)
{
	wake_kinds kinds = 0;

	if ((events & NOTIFY_MESSAGE_NEW) != 0)
		kinds |= WAKE_KIND_BIT(WAKE_MESSAGE_NEW);
	if ((events & NOTIFY_MESSAGE_EXPUNGE) != 0)
		kinds |= WAKE_KIND_BIT(WAKE_MESSAGE_EXPUNGE);
	if ((events & NOTIFY_FLAG_CHANGE) != 0)
		kinds |= WAKE_KIND_BIT(WAKE_FLAG_CHANGE);
	if ((events & NOTIFY_MAILBOX_NAME) != 0)
		kinds |= WAKE_KIND_BIT(WAKE_MAILBOX_CREATE) | WAKE_KIND_BIT(WAKE_MAILBOX_DELETE) |
			 WAKE_KIND_BIT(WAKE_MAILBOX_RENAME) | WAKE_KIND_BIT(WAKE_ACL);
	if ((events & NOTIFY_SUBSCRIPTION_CHANGE) != 0)
		kinds |= WAKE_KIND_BIT(WAKE_SUBSCRIPTION);
	if ((events & NOTIFY_MAILBOX_METADATA_CHANGE) != 0)
		kinds |= WAKE_KIND_BIT(WAKE_MAILBOX_METADATA);
	return kinds;
}

/* How a rule names what it is about. */
enum exact_form {
	EXACT_OWNER, /* all of the owner's */
	EXACT_NAME,
	EXACT_SUBTREE,
	EXACT_ID, /* without an owner */
};

/* One rule: what is named in the same way and for which the same kinds matter. */
struct exact_rule {
	enum exact_form form;
	const char *owner;
	wake_kinds kinds;
	ARRAY_TYPE(const_string) items;
};

struct exact_rules {
	ARRAY(struct exact_rule) rules;
	size_t count, bytes; /* of items */
	notify_events wide;  /* of all that are the user's own */
};

static struct exact_rule *exact_rule(struct exact_rules *exact, enum exact_form form,
				     const char *owner, wake_kinds kinds)
{
	struct exact_rule *rule;

	array_foreach_modifiable (&exact->rules, rule) {
		if (rule->form == form && rule->kinds == kinds &&
		    null_strcmp(rule->owner, owner) == 0)
			return rule;
	}
	rule = array_append_space(&exact->rules);
	rule->form = form;
	rule->owner = owner;
	rule->kinds = kinds;
	t_array_init(&rule->items, 16);
	return rule;
}

static void exact_add(struct exact_rules *exact, enum exact_form form, const char *owner,
		      wake_kinds kinds, const char *item)
{
	if (kinds == 0)
		return;
	exact->count++;
	exact->bytes += strlen(item);
	array_push_back(&exact_rule(exact, form, owner, kinds)->items, &item);
}

static void exact_add_owner(struct exact_rules *exact, const char *owner, wake_kinds kinds)
{
	if (kinds != 0)
		(void)exact_rule(exact, EXACT_OWNER, owner, kinds);
}

/* The events of groups that no list of names stands for: what is created tomorrow is a
 * member of them. */
static notify_events wide_events(const struct notify_spec *spec, bool personal)
{
	notify_events events = 0;

	for (size_t i = 0; i < spec->group_count; i++) {
		switch (spec->groups[i].filter) {
		case NOTIFY_FILTER_INBOXES:
		case NOTIFY_FILTER_PERSONAL:
			if (personal)
				events |= spec->groups[i].events;
			break;
		case NOTIFY_FILTER_SUBSCRIBED:
			/* Which they are is not known of what is not subscribed yet. */
			events |= spec->groups[i].events & NOTIFY_SUBSCRIPTION_CHANGE;
			break;
		case NOTIFY_FILTER_SUBTREE:
		case NOTIFY_FILTER_MAILBOXES:
			break;
		}
	}
	return events;
}

static const char *canonical_name(const char *name, char separator)
{
	if (strncasecmp(name, "INBOX", 5) == 0 && (name[5] == '\0' || name[5] == separator))
		return t_strconcat("INBOX", name + 5, NULL);
	return name;
}

/* NULL: the hub cannot pass on by name what happens there. */
static const char *owner_of(const struct mail_namespace *ns)
{
	if (ns->type == MAIL_NAMESPACE_TYPE_PUBLIC)
		return "";
	return ns->owner == NULL ? NULL : ns->owner->username;
}

/* What the rules about all of the user's own do not say. */
static wake_kinds kinds_there(const struct exact_rules *exact, const struct mail_namespace *ns,
			      notify_events events)
{
	return exact_kinds(ns->type == MAIL_NAMESPACE_TYPE_PRIVATE ? events & ~exact->wide
								   : events);
}

/* In this namespace, as its owner names it. */
static void exact_add_subtree(struct exact_rules *exact, struct mail_namespace *ns,
			      notify_events events, const char *name)
{
	const char *owner = owner_of(ns);
	wake_kinds kinds = kinds_there(exact, ns, events);

	if (owner == NULL)
		return;
	if (ns->type != MAIL_NAMESPACE_TYPE_SHARED)
		exact_add(exact, EXACT_SUBTREE, owner, kinds, name);
	else if (strlen(name) > ns->prefix_len)
		exact_add(exact, EXACT_SUBTREE, owner, kinds, name + ns->prefix_len);
	else
		exact_add_owner(exact, owner, kinds);
}

static bool is_below(const char *name, const char *parent, char separator)
{
	size_t len = strlen(parent);

	return strncmp(name, parent, len) == 0 && name[len] == separator;
}

/* Other namespaces may begin below the name. */
static void exact_add_subtrees(const struct notify_session *session, struct exact_rules *exact,
			       notify_events events, const char *name)
{
	struct mail_namespace *own = notify_session_namespace(session, name);

	exact_add_subtree(exact, own, events, name);
	for (struct mail_namespace *ns = session->client->user->namespaces; ns != NULL;
	     ns = ns->next) {
		if (ns != own && is_below(ns->prefix, name, mail_namespace_get_sep(ns)))
			exact_add_subtree(exact, ns, events, name);
	}
}

/* A mailbox may get its name by the rename of one above it. */
static void exact_add_above(struct exact_rules *exact, struct mail_namespace *ns, const char *name)
{
	const char separator = mail_namespace_get_sep(ns);
	const char *end = name;

	while ((end = strchr(end + 1, separator)) != NULL)
		exact_add(exact, EXACT_NAME, owner_of(ns), WAKE_KIND_BIT(WAKE_MAILBOX_RENAME),
			  t_strdup_until(name, end));
}

/* Whether it exists or not: what has the name tomorrow was asked for. */
static void exact_add_name(const struct notify_session *session, struct exact_rules *exact,
			   const struct notify_group *group, const char *name)
{
	struct mail_namespace *ns = notify_session_namespace(session, name);
	bool personal = ns->type == MAIL_NAMESPACE_TYPE_PRIVATE;

	if (personal)
		name = canonical_name(name, mail_namespace_get_sep(ns));
	if (group->filter == NOTIFY_FILTER_SUBTREE)
		exact_add_subtrees(session, exact, group->events, name);
	else if (personal)
		exact_add(exact, EXACT_NAME, owner_of(ns), kinds_there(exact, ns, group->events),
			  name);
	if (personal && *name != '\0' && (group->events & ~exact->wide & NOTIFY_MAILBOX_NAME) != 0)
		exact_add_above(exact, ns, name);
}

static void exact_add_groups(const struct notify_session *session, struct exact_rules *exact)
{
	const struct notify_spec *spec = &session->spec;

	for (size_t i = 0; i < spec->group_count; i++) {
		const struct notify_group *group = &spec->groups[i];

		for (size_t j = 0; j < group->name_count; j++)
			exact_add_name(session, exact, group, spec->names[group->first_name + j]);
	}
}

/* Those of others are known by GUID. */
static void exact_add_watched(const struct notify_session *session,
			      const struct notify_table *table, struct exact_rules *exact)
{
	notify_events subscribed = session->spec.by_filter[NOTIFY_FILTER_SUBSCRIBED];
	const char *user = session->client->user->username;
	struct watched *box;

	notify_table_foreach (table, box) {
		if (has_id(box))
			exact_add(exact, EXACT_ID, NULL, exact_kinds(box->events),
				  guid_128_to_string(box->more->id));
		else if (box->subscribed)
			exact_add(exact, EXACT_NAME, user, exact_kinds(subscribed & ~exact->wide),
				  box->vname);
	}
}

static void exact_add_owners(const struct notify_session *session, struct exact_rules *exact)
{
	const struct mail_user *user = session->client->user;
	wake_kinds others = exact_kinds(wide_events(&session->spec, FALSE));

	exact_add_owner(exact, user->username, exact_kinds(exact->wide));
	for (struct mail_namespace *ns = user->namespaces; ns != NULL; ns = ns->next) {
		if (ns->type != MAIL_NAMESPACE_TYPE_PRIVATE && owner_of(ns) != NULL)
			exact_add_owner(exact, owner_of(ns), others);
	}
}

/* Of no mailbox (RFC 5465 section 5.7). */
static void exact_add_server(const struct notify_session *session, struct exact_rules *exact)
{
	if ((notify_spec_events(&session->spec) & NOTIFY_SERVER_METADATA_CHANGE) != 0)
		exact_add(exact, EXACT_NAME, session->client->user->username,
			  WAKE_KIND_BIT(WAKE_SERVER_METADATA), "");
}

static void add_exact_rule(const struct exact_rule *from, ARRAY_TYPE(notify_hub_rules) *rules)
{
	struct hub_rule *rule = array_append_space(rules);
	unsigned int count = array_count(&from->items);
	const char *const *items = count == 0 ? NULL : array_front(&from->items);

	rule->owner = from->owner;
	rule->kinds = from->kinds;
	switch (from->form) {
	case EXACT_OWNER:
		break;
	case EXACT_NAME:
		rule->mailboxes = items;
		rule->mailbox_count = count;
		break;
	case EXACT_SUBTREE:
		rule->subtrees = items;
		rule->subtree_count = count;
		break;
	case EXACT_ID:
		rule->mailbox_ids = items;
		rule->mailbox_id_count = count;
		break;
	}
}

bool notify_rules_exact(const struct notify_session *session, const struct notify_table *table,
			ARRAY_TYPE(notify_hub_rules) *rules)
{
	struct exact_rules exact = {.wide = wide_events(&session->spec, TRUE)};
	const struct exact_rule *from;

	t_array_init(&exact.rules, 8);
	exact_add_owners(session, &exact);
	exact_add_server(session, &exact);
	exact_add_groups(session, &exact);
	exact_add_watched(session, table, &exact);
	/* Half of it each, since the hub counts GUIDs, and the selected mailbox, too. */
	if (exact.count >= LIMIT_HUB_NAMES || exact.bytes >= LIMIT_HUB_NAME_BYTES / 2)
		return FALSE;
	array_foreach (&exact.rules, from)
		add_exact_rule(from, rules);
	return TRUE;
}
