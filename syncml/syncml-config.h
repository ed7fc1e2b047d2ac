/*
 * fantail-syncml's key file as one immutable struct. fantail-syncml.conf(5) documents each
 * key; data/syncml.conf shows them all.
 *
 * Every error names file, line, key and remedy.
 */
#ifndef FANTAIL_SYNCML_CONFIG_H
#define FANTAIL_SYNCML_CONFIG_H

#include <sys/types.h>

#include "alert-plan.h"
#include "config-file.h"
#include "http-peer.h"
#include "keep.h"
#include "service.h"

struct syncml_config {
	gatomicrefcount refs;

	/* [syncml] */
	char *listen;       /* "127.0.0.1:8088", "unix:/path" */
	mode_t socket_mode; /* of a Unix socket */
	char *state_dir;
	char *control_socket; /* NULL = none */
	mode_t control_mode;
	char *path;       /* of the URL: "/sync" */
	char *public_url; /* without the path; NULL = as the request has it */
	struct trusted_proxies *proxies;
	gboolean plain_passwords; /* over what is neither TLS nor loopback */
	char **rules;             /* paths; NULL = none */
	char *server_id;
	char *zone; /* NULL = UTC */
	guint workers;
	char *log_level;
	char *metrics; /* "127.0.0.1:9111", "[::1]:9111", "unix:/path"; NULL = off */

	/* [login] */
	char *auth_socket;   /* NULL = not with Dovecot */
	char *password_file; /* NULL = none */
	char *service;
	gboolean basic, md5, mac;

	/* [limits] */
	guint64 message_size, object_size;
	gint64 session_secs, resume_secs, request_secs;
	guint sessions_per_user, sessions_per_address;
	guint logins_per_user, logins_per_address; /* a minute */

	/* [sync] */
	enum sml_conflict conflict;
	guint guard_percent, guard_items;
	gboolean former_anchor;

	/* [keep] */
	struct pim_keep keep;

	/* [alerts] */
	char *bridge_socket; /* NULL = none: no device is alerted */
	struct alert_schedule alerts;

	/* The same as the service wants it; its strings are those above. */
	struct sml_settings settings;
};
typedef struct syncml_config syncml_config_t;

struct syncml_config *syncml_config_load(const char *path, GError **error);
/* For tests and fuzzing: the same from memory; `path` is for messages. */
struct syncml_config *syncml_config_parse(const char *text, gsize len, const char *path,
					  GError **error);
/* config_table_keep(), after a reload. */
char **syncml_config_keep(const struct syncml_config *was, struct syncml_config *is);
struct syncml_config *syncml_config_ref(const struct syncml_config *config);
/* NULL is fine. */
void syncml_config_unref(struct syncml_config *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(syncml_config_t, syncml_config_unref)

/* All keys of a section. NULL-terminated, new. */
char **syncml_config_names(const char *section);

#endif
