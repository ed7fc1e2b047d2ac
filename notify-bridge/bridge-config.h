/*
 * The bridge's key file as one immutable struct. fantail-bridge.conf(5)
 * documents each key; data/bridge.conf shows them all.
 *
 * Every error names file, line, key and remedy. Unknown sections and keys are
 * errors: a misspelt setting must not be silently ignored.
 */
#ifndef FANTAIL_BRIDGE_CONFIG_H
#define FANTAIL_BRIDGE_CONFIG_H

#include <sys/types.h>

#include <glib.h>

#include "config-file.h"
#include "push-event.h"

/* [webhook NAME] */
struct config_webhook {
	char *name;
	char *url;
	GBytes *secret;     /* HMAC key; NULL = not signed */
	GBytes *old_secret; /* second signature during rotation, or NULL */
	char **users;       /* globs (* and ?); NULL = everybody */
	char **mailboxes;   /* as struct device; NULL = all */
	push_event_kinds events;
	gboolean content;
	char *content_type; /* default application/json */
	char *template;     /* NULL = the standard JSON body */
	gboolean pimap;     /* takes wake-ups of Push-IMAP's channel HTTP, and nothing else */
	GPtrArray *headers; /* struct http_header *: further ones, fixed */
};

struct config {
	gatomicrefcount refs;
	char *path; /* the file it came from; NULL = defaults only */

	/* [bridge] */
	char *state_dir;      /* /var/lib/fantail */
	char *socket;         /* /run/fantail/bridge.sock */
	mode_t socket_mode;   /* 0666: peers are judged by their uid */
	char *control_socket; /* /run/fantail/control.sock */
	mode_t control_mode;  /* 0660 */
	char *spool_dir;      /* /var/spool/fantail */
	GArray *mail_uids;    /* uid_t: may speak for every user (names or numbers) */
	char *metrics;        /* "127.0.0.1:9110", "[::1]:9110", "unix:/path"; NULL = off */
	char *log_level;      /* "error", "warning", "info", "debug" */

	/* [hub] */
	char *hub_socket;              /* /run/fantail/hub.sock */
	mode_t hub_socket_mode;        /* 0666, likewise */
	guint hub_connections;         /* in all */
	guint hub_connections_per_uid; /* of a uid that speaks for one account alone */

	/* [queue] */
	guint64 max_pending; /* rows */
	guint64 max_bytes;   /* database file; 0 = no bound */
	gint64 arrival_delay_us, state_delay_us;
	gint64 arrival_ttl_us, state_ttl_us;

	/* [devices] */
	guint devices_per_user;
	guint confirm_secs;
	guint rate_per_minute; /* pushes per device */
	guint rate_burst;
	gint64 dead_keep_secs;

	/* [http] */
	char *ca_file;    /* certificates trusted besides the system's; NULL = none */
	gint64 ca_expiry; /* when the first of them ends, unix seconds; 0 = none */
	guint timeout_secs;
	guint parallel_per_origin;
	guint parallel;
	char **allowed_endpoints; /* url-guard.h */

	/* [webpush] */
	gboolean webpush_enabled;
	char *vapid_key_file; /* default <state-dir>/vapid.pem */
	char *contact;        /* mailto: or https:, for VAPID's sub */
	gsize pad_to;         /* padding=: no is 0, yes is 1, the next class (webpush-crypto.h) */

	/* [sms]: Kannel's sendsms */
	char *sms_url; /* NULL = off; then the others are of no use, else the first two are set */
	char *sms_username, *sms_password;
	char *sms_sender;    /* NULL = Kannel's own */
	char *sms_cdma_smsc; /* the one that takes WDP; NULL = none does */

	char **pimap_channels;      /* NULL = none */
	gboolean pimap_extended;    /* format EXTENDED; AES-128-GCM is the one profile there is */
	char *pimap_notify_address; /* for clients to know; NULL = not said */
	guint pimap_notify_port;    /* 0 = not said */
	char *apple_topic;          /* NULL = no registrations */
	gint64 apple_delay_us;      /* of what is no new mail */
	char *deltapush_url;        /* NULL = tokens are kept, and nobody is told */

	GPtrArray *webhooks; /* struct config_webhook * */
};

/* "<file>:<line>: [section] key: what is wrong; what to do". */
struct config *config_load(const char *path, GError **error);
/* For tests and fuzzing: the same from memory; `path` is for messages. */
struct config *config_parse(const char *text, gsize len, const char *path, GError **error);
/* What an empty file means. */
struct config *config_defaults(void);
struct config *config_ref(const struct config *config);
/* NULL is fine. */
void config_unref(struct config *config);
typedef struct config config_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(config_t, config_unref)

/* NULL if there is none. */
const struct config_webhook *config_find_webhook(const struct config *config, const char *name);

#endif
