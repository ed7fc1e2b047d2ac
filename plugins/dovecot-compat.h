/*
 * Every difference between Dovecot 2.3 and 2.4 that our modules meet, under
 * names of our own, and nothing else. No other file tests the version.
 *
 * Include it after lib.h. What is not here is the same in both series.
 */
#ifndef FANTAIL_DOVECOT_COMPAT_H
#define FANTAIL_DOVECOT_COMPAT_H

#include "mail-user.h"
#include "notify-plugin.h"

#if DOVECOT_PREREQ(2, 4, 0)
#include "settings.h"
#define FANTAIL_DOVECOT_24 1
#else
#define FANTAIL_DOVECOT_24 0
#endif

/* --- notify ---------------------------------------------------------------- */

static inline void fantail_notify_unregister(struct notify_context **context)
{
#if FANTAIL_DOVECOT_24
	notify_unregister(context);
#else
	notify_unregister(*context);
	*context = NULL;
#endif
}

/* --- users ----------------------------------------------------------------- */

/* imap, lmtp, pop3, ...: 2.4 tells the protocol from the service, which an
 * administrator may name freely. */
static inline const char *fantail_user_protocol(const struct mail_user *user)
{
#if FANTAIL_DOVECOT_24
	return user->protocol;
#else
	return user->service;
#endif
}

/* --- settings -------------------------------------------------------------- */

/* The settings as the administrator wrote them; NULL or empty if not at all. */
struct fantail_settings_text {
	pool_t pool; /* 2.4: owns the strings */
	const char *socket;
	const char *hub;
	const char *spool;
	const char *deadline;
	const char *filter_budget;
	const char *notify_window;
	const char *notify_poll;
	const char *notify_mailboxes;
	const char *webpush_dialect;
	const char *apple;
	const char *pimap_session_expire;
	const char *pimap;
	const char *deltapush;
	const char *submission_host;
	const char *submission_ssl;
	const char *submission_ssl_verify;
	const char *submission_user;
	const char *submission_master_user;
	const char *submission_password;
	const char *submission_trusted;
	const char *submission_sender;
	const char *submission_timeout;
	const char *converters;
	const char *views;
};

/* 2.3: plugin { } and userdb fields, which nobody declares. 2.4: declared in
 * settings-info.c, for us and, through the settings module, for the config
 * process. Strings live as long as the user. -1: nothing could be read. */
#if FANTAIL_DOVECOT_24
extern const struct setting_parser_info fantail_setting_parser_info;

static inline int fantail_settings_read(struct mail_user *user,
					struct fantail_settings_text *text_r, const char **error_r)
{
	const struct fantail_settings_text *set;

	if (settings_get(user->event, &fantail_setting_parser_info, 0, &set, error_r) < 0)
		return -1;
	text_r->pool = NULL;
	text_r->socket = p_strdup(user->pool, set->socket);
	text_r->hub = p_strdup(user->pool, set->hub);
	text_r->spool = p_strdup(user->pool, set->spool);
	text_r->deadline = p_strdup(user->pool, set->deadline);
	text_r->filter_budget = p_strdup(user->pool, set->filter_budget);
	text_r->notify_window = p_strdup(user->pool, set->notify_window);
	text_r->notify_poll = p_strdup(user->pool, set->notify_poll);
	text_r->notify_mailboxes = p_strdup(user->pool, set->notify_mailboxes);
	text_r->webpush_dialect = p_strdup(user->pool, set->webpush_dialect);
	text_r->apple = p_strdup(user->pool, set->apple);
	text_r->pimap_session_expire = p_strdup(user->pool, set->pimap_session_expire);
	text_r->pimap = p_strdup(user->pool, set->pimap);
	text_r->converters = p_strdup(user->pool, set->converters);
	text_r->deltapush = p_strdup(user->pool, set->deltapush);
	text_r->submission_host = p_strdup(user->pool, set->submission_host);
	text_r->submission_ssl = p_strdup(user->pool, set->submission_ssl);
	text_r->submission_ssl_verify = p_strdup(user->pool, set->submission_ssl_verify);
	text_r->submission_user = p_strdup(user->pool, set->submission_user);
	text_r->submission_master_user = p_strdup(user->pool, set->submission_master_user);
	text_r->submission_password = p_strdup(user->pool, set->submission_password);
	text_r->submission_trusted = p_strdup(user->pool, set->submission_trusted);
	text_r->submission_sender = p_strdup(user->pool, set->submission_sender);
	text_r->submission_timeout = p_strdup(user->pool, set->submission_timeout);
	text_r->views = p_strdup(user->pool, set->views);
	settings_free(set);
	return 0;
}
#else
static inline int fantail_settings_read(struct mail_user *user,
					struct fantail_settings_text *text_r,
					const char **error_r ATTR_UNUSED)
{
	text_r->pool = NULL;
	text_r->socket = mail_user_plugin_getenv(user, "fantail_socket");
	text_r->hub = mail_user_plugin_getenv(user, "fantail_hub");
	text_r->spool = mail_user_plugin_getenv(user, "fantail_spool");
	text_r->deadline = mail_user_plugin_getenv(user, "fantail_deadline");
	text_r->filter_budget = mail_user_plugin_getenv(user, "fantail_filter_budget");
	text_r->notify_window = mail_user_plugin_getenv(user, "fantail_notify_window");
	text_r->notify_poll = mail_user_plugin_getenv(user, "fantail_notify_poll");
	text_r->notify_mailboxes = mail_user_plugin_getenv(user, "fantail_notify_mailboxes");
	text_r->webpush_dialect = mail_user_plugin_getenv(user, "fantail_webpush_dialect");
	text_r->apple = mail_user_plugin_getenv(user, "fantail_apple");
	text_r->pimap_session_expire =
		mail_user_plugin_getenv(user, "fantail_pimap_session_expire");
	text_r->pimap = mail_user_plugin_getenv(user, "fantail_pimap");
	text_r->converters = mail_user_plugin_getenv(user, "fantail_converters");
	text_r->deltapush = mail_user_plugin_getenv(user, "fantail_deltapush");
	text_r->submission_host = mail_user_plugin_getenv(user, "fantail_submission_host");
	text_r->submission_ssl = mail_user_plugin_getenv(user, "fantail_submission_ssl");
	text_r->submission_ssl_verify =
		mail_user_plugin_getenv(user, "fantail_submission_ssl_verify");
	text_r->submission_user = mail_user_plugin_getenv(user, "fantail_submission_user");
	text_r->submission_master_user =
		mail_user_plugin_getenv(user, "fantail_submission_master_user");
	text_r->submission_password = mail_user_plugin_getenv(user, "fantail_submission_password");
	text_r->submission_trusted = mail_user_plugin_getenv(user, "fantail_submission_trusted");
	text_r->submission_sender = mail_user_plugin_getenv(user, "fantail_submission_sender");
	text_r->submission_timeout = mail_user_plugin_getenv(user, "fantail_submission_timeout");
	text_r->views = mail_user_plugin_getenv(user, "fantail_views");
	return 0;
}
#endif

/* --- mail storage ------------------------------------------------------------ */

/* What mail_vfuncs.get_binary_stream() says of the stream: as parameters, and passed on. */
#if FANTAIL_DOVECOT_24
#define FANTAIL_BINARY_RESULTS struct mail_binary_properties *bprops_r
#define FANTAIL_BINARY_PASS bprops_r
#else
#define FANTAIL_BINARY_RESULTS uoff_t *size_r, unsigned int *lines_r, bool *binary_r
#define FANTAIL_BINARY_PASS size_r, lines_r, binary_r
#endif

/* mailbox_list_vfuncs.get_storage: the same for both. 2.4 lets it choose another mailbox. */
#if FANTAIL_DOVECOT_24
#define FANTAIL_GET_STORAGE_PARAMS                       \
	struct mailbox_list **list, const char **vnamep, \
		enum mailbox_list_get_storage_flags flags, struct mail_storage **storage_r
#define FANTAIL_GET_STORAGE_PASS list, vnamep, flags, storage_r
#define FANTAIL_GET_STORAGE_VNAME (*vnamep)
#else
#define FANTAIL_GET_STORAGE_PARAMS \
	struct mailbox_list **list, const char *vname, struct mail_storage **storage_r
#define FANTAIL_GET_STORAGE_PASS list, vname, storage_r
#define FANTAIL_GET_STORAGE_VNAME vname
#endif

/* For those who include mail-storage-private.h first. */
#ifdef MAIL_STORAGE_PRIVATE_H

#include "mailbox-list-private.h"

/* What mail_storage_create() makes of a class, which gets there by settings alone, for one more
 * storage of a namespace that has its own. */
static inline void fantail_storage_begin(struct mail_storage *storage, struct mail_namespace *ns)
{
#if FANTAIL_DOVECOT_24
	storage->set = ns->list->mail_set;
	pool_ref(storage->set->pool);
	storage->last_internal_error_mail_uid = UINT32_MAX;
#else
	storage->lost_mailbox_prefix = MAIL_STORAGE_LOST_MAILBOX_PREFIX;
	storage->set = ns->mail_set;
#endif
}

#endif

/* --- parsing --------------------------------------------------------------- */

/* Debian's 2.3.19 has 2.4.2's limit on lists, so meson.build finds out. */
#ifdef FANTAIL_IMAP_PARSER_PARAMS
#define fantail_imap_parser_create(input, output, max) imap_parser_create(input, output, max, NULL)
#else
#define fantail_imap_parser_create(input, output, max) imap_parser_create(input, output, max)
#endif

/* --- rights ---------------------------------------------------------------- */

/* For those who include acl-plugin.h and acl-api-private.h first. */
#ifdef ACL_PLUGIN_H

/* acl_ignore_namespace, acl_ignore: the plugin is there and lets everything pass. */
static inline bool fantail_acl_ignored(const struct acl_mailbox_list *list)
{
#if FANTAIL_DOVECOT_24
	return list->rights.backend->set->acl_ignore;
#else
	return list->ignore_acls;
#endif
}

#endif

/* --- smtp ------------------------------------------------------------------ */

/* For those who include smtp-client.h and iostream-ssl.h first. */
#ifdef SMTP_CLIENT_H

/* 2.3 does not know it, 2.4 only if it was built so: then it is one like others. */
#if FANTAIL_DOVECOT_24
#define FANTAIL_SMTP_CAPABILITY_SMTPUTF8 SMTP_CAPABILITY_SMTPUTF8
#else
#define FANTAIL_SMTP_CAPABILITY_SMTPUTF8 SMTP_CAPABILITY_NONE
#endif

/* ssl_client_* of the configuration, which 2.4 looks up by the connection's event. `ssl` has to
 * be there until the connection is made. */
static inline void fantail_smtp_client_set_ssl(struct smtp_client_settings *set,
					       struct ssl_iostream_settings *ssl,
					       struct mail_user *user, bool verify)
{
#if FANTAIL_DOVECOT_24
	(void)ssl;
	(void)user;
	set->ssl_allow_invalid_cert = !verify;
#else
	mail_user_init_ssl_client_settings(user, ssl);
	ssl->verify_remote_cert = verify;
	ssl->verbose_invalid_cert = verify;
	ssl->allow_invalid_cert = !verify;
	set->ssl = ssl;
#endif
}

#endif

/* --- imap ------------------------------------------------------------------ */

/* For modules that load into imap only: they include imap-client.h first. */
#ifdef IMAP_CLIENT_H

#include "imap-quote.h"
#include "imap-utf7.h"
#include "istream.h"
#include "ostream.h"
#include "str.h"
#include "unichar.h"

/* A command that the client did not give; 2.4 keeps these out of its statistics. */
static inline void fantail_command_set_internal(struct client_command_context *cmd)
{
#if FANTAIL_DOVECOT_24
	cmd->internal = TRUE;
#else
	(void)cmd;
#endif
}

/* 2.4.3 added flags, which meson.build finds out: a backport may bring them earlier. */
#ifdef FANTAIL_IMAP_QUOTE_FLAGS
#define fantail_imap_append_astring(dest, src) imap_append_astring(dest, src, 0)
#define fantail_imap_append_string(dest, src) imap_append_string(dest, src, 0)
#else
#define fantail_imap_append_astring(dest, src) imap_append_astring(dest, src)
#define fantail_imap_append_string(dest, src) imap_append_string(dest, src)
#endif

/* Does the client itself, and not a proxy before us, end the encryption? */
static inline bool fantail_client_has_tls(const struct client *client)
{
#if FANTAIL_DOVECOT_24
	return client->user->conn.end_client_tls_secured;
#else
	return client->user->conn.ssl_secured;
#endif
}

/* Of imap-hibernate's log lines about the user, before the variables are put in. */
static inline const char *fantail_user_log_prefix(const struct mail_user *user)
{
#if FANTAIL_DOVECOT_24
	return user->set->unexpanded_mail_log_prefix;
#else
	return user->set->mail_log_prefix;
#endif
}

/* What 2.4's imap-hibernate wants to know besides. 2.3 has all counters in its "stats". */
static inline void fantail_client_hibernate_fields(struct client *client, string_t *line)
{
#if FANTAIL_DOVECOT_24
	const struct imap_logout_stats *stats = &client->logout_stats;

	if (client->multiplex_output != NULL)
		str_append(line, "\tmultiplex_ostream");
	str_printfa(line, "\tfetch_hdr_count=%u\tfetch_hdr_bytes=%" PRIu64, stats->fetch_hdr_count,
		    stats->fetch_hdr_bytes);
	str_printfa(line, "\tfetch_body_count=%u\tfetch_body_bytes=%" PRIu64,
		    stats->fetch_body_count, stats->fetch_body_bytes);
	str_printfa(line, "\tdeleted_count=%u\texpunged_count=%u\ttrashed_count=%u",
		    stats->deleted_count, stats->expunged_count, stats->trashed_count);
	str_printfa(line, "\tautoexpunged_count=%u\tappend_count=%u", stats->autoexpunged_count,
		    stats->append_count);
	str_printfa(line, "\tinput_bytes_extra=%" PRIuUOFF_T "\toutput_bytes_extra=%" PRIuUOFF_T,
		    i_stream_get_absolute_offset(client->input) + stats->input_bytes_extra,
		    client->output->offset + stats->output_bytes_extra);
#else
	(void)client;
	(void)line;
#endif
}

/* Mailbox names between the session's encoding and UTF-8: modified UTF-7, but for
 * 2.4's UTF8=ACCEPT. -1: not valid. */
static inline int fantail_client_mailbox_to_utf8(struct client *client, const char *name,
						 string_t *dest)
{
#if FANTAIL_DOVECOT_24
	if (client_has_enabled(client, imap_feature_utf8accept)) {
		str_append(dest, name);
		return uni_utf8_str_is_valid(name) ? 0 : -1;
	}
#endif
	return imap_utf7_to_utf8(name, dest);
}

static inline int fantail_client_mailbox_from_utf8(struct client *client, const char *name,
						   string_t *dest)
{
#if FANTAIL_DOVECOT_24
	if (client_has_enabled(client, imap_feature_utf8accept)) {
		str_append(dest, name);
		return uni_utf8_str_is_valid(name) ? 0 : -1;
	}
#endif
	return imap_utf8_to_utf7(name, dest);
}

#endif

#endif
