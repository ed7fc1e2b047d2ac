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
	return kinds;
}

/* What names have for one rule: the mailboxes for which the same kinds matter. */
struct exact_rule {
	wake_kinds kinds;
	ARRAY_TYPE(const_string) names, ids;
};

struct exact_rules {
	ARRAY(struct exact_rule) rules;
	size_t count, bytes; /* of names and ids */
};

static void exact_add(struct exact_rules *exact, wake_kinds kinds, const char *name, bool is_id)
{
	struct exact_rule *rule;

	if (kinds == 0)
		return;
	exact->count++;
	exact->bytes += strlen(name);
	for (unsigned int i = 0; i < array_count(&exact->rules); i++) {
		rule = array_idx_modifiable(&exact->rules, i);
		if (rule->kinds == kinds) {
			array_push_back(is_id ? &rule->ids : &rule->names, &name);
			return;
		}
	}
	rule = array_append_space(&exact->rules);
	rule->kinds = kinds;
	t_array_init(&rule->names, 16);
	t_array_init(&rule->ids, 16);
	array_push_back(is_id ? &rule->ids : &rule->names, &name);
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
		case NOTIFY_FILTER_SUBTREE:
			events |= spec->groups[i].events;
			break;
		case NOTIFY_FILTER_SUBSCRIBED:
			/* Which they are is not known of what is not subscribed yet. */
			events |= spec->groups[i].events & NOTIFY_SUBSCRIPTION_CHANGE;
			break;
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

/* Whether they exist or not: what has the name tomorrow was asked for. */
static void exact_add_groups(const struct notify_session *session, struct exact_rules *exact,
			     notify_events wide)
{
	const struct notify_spec *spec = &session->spec;

	for (size_t i = 0; i < spec->group_count; i++) {
		const struct notify_group *group = &spec->groups[i];

		if (group->filter != NOTIFY_FILTER_MAILBOXES)
			continue;
		for (size_t j = 0; j < group->name_count; j++) {
			const char *name = spec->names[group->first_name + j];
			struct mail_namespace *ns = notify_session_namespace(session, name);

			if (ns->type == MAIL_NAMESPACE_TYPE_PRIVATE)
				exact_add(exact, exact_kinds(group->events & ~wide),
					  canonical_name(name, mail_namespace_get_sep(ns)), FALSE);
		}
	}
}

static void exact_add_watched(const struct notify_spec *spec, const struct notify_table *table,
			      struct exact_rules *exact, notify_events wide)
{
	notify_events subscribed = spec->by_filter[NOTIFY_FILTER_SUBSCRIBED];
	struct watched *box;

	notify_table_foreach (table, box) {
		if (has_id(box))
			exact_add(exact, exact_kinds(box->events),
				  guid_128_to_string(box->more->id), TRUE);
		else if (box->subscribed)
			exact_add(exact, exact_kinds(subscribed & ~wide), box->vname, FALSE);
	}
}

static void exact_add_owners(const struct notify_session *session,
			     ARRAY_TYPE(notify_hub_rules) *rules)
{
	const struct mail_user *user = session->client->user;
	wake_kinds own = exact_kinds(wide_events(&session->spec, TRUE));
	wake_kinds others = exact_kinds(wide_events(&session->spec, FALSE));

	if (own != 0)
		add_owner_rule(rules, user->username, own);
	for (struct mail_namespace *ns = user->namespaces; others != 0 && ns != NULL;
	     ns = ns->next) {
		if (ns->type == MAIL_NAMESPACE_TYPE_PUBLIC)
			add_owner_rule(rules, "", others);
		else if (ns->type == MAIL_NAMESPACE_TYPE_SHARED && ns->owner != NULL)
			add_owner_rule(rules, ns->owner->username, others);
	}
}

bool notify_rules_exact(const struct notify_session *session, const struct notify_table *table,
			ARRAY_TYPE(notify_hub_rules) *rules)
{
	struct exact_rules exact = {.count = 0};
	notify_events wide = wide_events(&session->spec, TRUE);
	const struct exact_rule *from;
	struct hub_rule *rule;

	t_array_init(&exact.rules, 8);
	exact_add_groups(session, &exact, wide);
	exact_add_watched(&session->spec, table, &exact, wide);
	/* Half of it each, since the hub counts GUIDs, and the selected mailbox, too. */
	if (exact.count >= LIMIT_HUB_NAMES || exact.bytes >= LIMIT_HUB_NAME_BYTES / 2)
		return FALSE;
	exact_add_owners(session, rules);
	array_foreach (&exact.rules, from) {
		if (!array_is_empty(&from->names)) {
			rule = array_append_space(rules);
			rule->owner = session->client->user->username;
			rule->kinds = from->kinds;
			rule->mailboxes = array_front(&from->names);
			rule->mailbox_count = array_count(&from->names);
		}
		if (!array_is_empty(&from->ids)) {
			rule = array_append_space(rules);
			rule->kinds = from->kinds;
			rule->mailbox_ids = array_front(&from->ids);
			rule->mailbox_id_count = array_count(&from->ids);
		}
	}
	return TRUE;
}
