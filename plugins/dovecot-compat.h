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
	const char *spool;
	const char *deadline;
	const char *webpush_dialect;
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
	text_r->spool = p_strdup(user->pool, set->spool);
	text_r->deadline = p_strdup(user->pool, set->deadline);
	text_r->webpush_dialect = p_strdup(user->pool, set->webpush_dialect);
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
	text_r->spool = mail_user_plugin_getenv(user, "fantail_spool");
	text_r->deadline = mail_user_plugin_getenv(user, "fantail_deadline");
	text_r->webpush_dialect = mail_user_plugin_getenv(user, "fantail_webpush_dialect");
	return 0;
}
#endif

/* --- imap ------------------------------------------------------------------ */

/* For modules that load into imap only: they include imap-client.h first. */
#ifdef IMAP_CLIENT_H

#include "imap-quote.h"
#include "imap-utf7.h"
#include "str.h"
#include "unichar.h"

/* 2.4.3 added flags, which meson.build finds out: a backport may bring them earlier. */
#ifdef FANTAIL_IMAP_QUOTE_FLAGS
#define fantail_imap_append_astring(dest, src) imap_append_astring(dest, src, 0)
#define fantail_imap_append_string(dest, src) imap_append_string(dest, src, 0)
#else
#define fantail_imap_append_astring(dest, src) imap_append_astring(dest, src)
#define fantail_imap_append_string(dest, src) imap_append_string(dest, src)
#endif

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
