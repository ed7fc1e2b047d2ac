/*
 * What the session's user may do with a mailbox (RFC 4314), asked of Dovecot's acl plugin.
 * Where that is not loaded, or does not look after the namespace, everything is allowed.
 *
 * The plugin believes for up to half a minute what it has read of a mailbox's rights
 * (acl_cache_ttl, cache_secs=), and of the list of those that others may see. RFC 5465
 * section 5.9 is not served by that: whoever is told of a change asks `anew`. That makes
 * the plugin forget that one mailbox and read its file again, so that the client's next
 * SELECT agrees with what was said. No other way was found that is open to a plugin: what
 * the backend knows is private to it, and one of our own would not help the client.
 */
#ifndef FANTAIL_NOTIFY_ACL_H
#define FANTAIL_NOTIFY_ACL_H

struct mail_namespace;

/* RFC 5465 section 5 wants both rights for each event. */
enum notify_access {
	NOTIFY_ACCESS_NONE, /* also if it cannot be found out, which Dovecot logs */
	NOTIFY_ACCESS_LIST, /* l, not r */
	NOTIFY_ACCESS_READ, /* l and r */
};

/* FALSE: NOTIFY_ACCESS_READ for everything in it. */
bool notify_acl_active(struct mail_namespace *ns);

/* The same, but where others decide what this user may do. What owners take away from
 * themselves LIST and Dovecot's cache know early enough, and asking anew for a thousand
 * mailboxes is dear. */
bool notify_acl_guards(struct mail_namespace *ns);

/* Whether the mailbox exists is another question. Without `anew` it costs no more than a
 * stat() each time the plugin's patience ends, and opens nothing that LIST has not. */
enum notify_access notify_acl_access(struct mail_namespace *ns, const char *vname, bool anew);

#endif
