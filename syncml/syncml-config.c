#include "syncml-config.h"

#include <string.h>

#include "config-table.h"
#include "config-value.h"
#include "limits.h"

/* --- values ----------------------------------------------------------------------------- */

static gboolean set_url_path(void *place, const struct config_key *key, const char *value,
			     GError **error)
{
	if (*value != '/' || strpbrk(value, " ?#\"<>\\") != NULL || strlen(value) > LIMIT_LOC_URI)
		return config_value_fail(error, "'%s' is no path of a URL; write as /sync", value);
	config_key_take(place, g_strdup(value));
	return TRUE;
}

static gboolean set_public_url(void *place, const struct config_key *key, const char *value,
			       GError **error)
{
	g_autoptr(GUri) uri = g_uri_parse(value, G_URI_FLAGS_NONE, NULL);
	const char *scheme = uri != NULL ? g_uri_get_scheme(uri) : "";

	if (strcmp(value, "none") == 0) {
		config_key_take(place, NULL);
		return TRUE;
	}
	if ((strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0) ||
	    g_uri_get_host(uri) == NULL || *g_uri_get_host(uri) == '\0' ||
	    strlen(g_uri_get_path(uri)) > 0 || g_uri_get_query(uri) != NULL ||
	    g_uri_get_fragment(uri) != NULL || g_uri_get_userinfo(uri) != NULL) {
		return config_value_fail(
			error, "'%s' is no origin; write as https://sync.example.org", value);
	}
	config_key_take(place, g_strdup(value));
	return TRUE;
}

static char **list_or_none(const char *value)
{
	return strcmp(value, "none") == 0 ? NULL : config_value_list(value);
}

static gboolean set_proxies(void *place, const struct config_key *key, const char *value,
			    GError **error)
{
	struct trusted_proxies **proxies = place;
	g_auto(GStrv) items = list_or_none(value);
	struct trusted_proxies *parsed = trusted_proxies_new((const char *const *)items, error);

	if (parsed == NULL)
		return FALSE;
	trusted_proxies_free(*proxies);
	*proxies = parsed;
	return TRUE;
}

static gboolean set_rules(void *place, const struct config_key *key, const char *value,
			  GError **error)
{
	char ***list = place;
	g_auto(GStrv) items = list_or_none(value);

	for (char **item = items; item != NULL && *item != NULL; item++) {
		g_autofree char *path = NULL;

		if (!config_value_path(*item, &path, error))
			return FALSE;
	}
	g_strfreev(*list);
	*list = g_steal_pointer(&items);
	return TRUE;
}

static gboolean set_zone(void *place, const struct config_key *key, const char *value,
			 GError **error)
{
	g_autoptr(GTimeZone) zone = g_time_zone_new_identifier(value);

	if (zone == NULL)
		return config_value_fail(error, "no time zone '%s'; write as Europe/Berlin", value);
	config_key_take(place, g_strdup(value));
	return TRUE;
}

/* A word of a protocol's line or a key in a database. */
static gboolean set_word(void *place, const struct config_key *key, const char *value,
			 GError **error)
{
	if (strlen(value) > 64)
		return config_value_fail(error, "longer than 64 bytes; shorten it");
	for (const char *p = value; *p != '\0'; p++) {
		if (!g_ascii_isalnum(*p) && strchr("-_.", *p) == NULL)
			return config_value_fail(
				error, "'%s' has other than letters, digits, '-', '_' and '.'",
				value);
	}
	config_key_take(place, g_strdup(value));
	return TRUE;
}

/* A path, or "none". */
static gboolean set_file(void *place, const struct config_key *key, const char *value,
			 GError **error)
{
	if (strcmp(value, "none") != 0)
		return config_key_path(place, key, value, error);
	config_key_take(place, NULL);
	return TRUE;
}

static gboolean set_socket(void *place, const struct config_key *key, const char *value,
			   GError **error)
{
	if (strcmp(value, "none") != 0)
		return config_key_socket(place, key, value, error);
	config_key_take(place, NULL);
	return TRUE;
}

static gboolean set_size(void *place, const struct config_key *key, const char *value,
			 GError **error)
{
	return config_value_size(value, key->min, key->max, place, error);
}

static gboolean set_conflict(void *place, const struct config_key *key, const char *value,
			     GError **error)
{
	static const char *const words[] = {
		[SML_CONFLICT_SERVER] = "server",
		[SML_CONFLICT_CLIENT] = "client",
		[SML_CONFLICT_DUPLICATE] = "duplicate",
	};

	for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
		if (strcmp(words[i], value) == 0) {
			*(enum sml_conflict *)place = (enum sml_conflict)i;
			return TRUE;
		}
	}
	return config_value_fail(error, "nobody called '%s'; write server, client or duplicate",
				 value);
}

static gboolean set_repeats(void *place, const struct config_key *key, const char *value,
			    GError **error)
{
	struct alert_schedule *schedule = place;
	g_auto(GStrv) items = list_or_none(value);
	struct alert_schedule read = *schedule;

	read.repeats_len = 0;
	for (char **item = items; item != NULL && *item != NULL; item++) {
		gint64 us;

		if (read.repeats_len == ALERT_REPEATS_MAX)
			return config_value_fail(error, "more than %d; leave some out",
						 ALERT_REPEATS_MAX);
		if (!config_value_duration(*item, (gint64)key->min, (gint64)key->max, &us, error))
			return FALSE;
		read.repeats[read.repeats_len++] = us / G_USEC_PER_SEC;
	}
	*schedule = read;
	return TRUE;
}

#define SEC G_GUINT64_CONSTANT(1000000)
#define DAY (86400 * SEC)
#define AT(name) G_STRUCT_OFFSET(struct syncml_config, name)

static const struct config_key keys[] = {
	{"syncml", "listen", config_key_address, AT(listen), 0, 0},
	{"syncml", "socket-mode", config_key_mode, AT(socket_mode), 0, 0},
	{"syncml", "state-dir", config_key_path, AT(state_dir), 0, 0},
	{"syncml", "control-socket", set_socket, AT(control_socket), 0, 0},
	{"syncml", "control-mode", config_key_mode, AT(control_mode), 0, 0},
	{"syncml", "path", set_url_path, AT(path), 0, 0},
	{"syncml", "public-url", set_public_url, AT(public_url), 0, 0},
	{"syncml", "trusted-proxies", set_proxies, AT(proxies), 0, 0},
	{"syncml", "plain-passwords", config_key_bool, AT(plain_passwords), 0, 0},
	{"syncml", "rules", set_rules, AT(rules), 0, 0},
	{"syncml", "server-id", set_word, AT(server_id), 0, 0},
	{"syncml", "zone", set_zone, AT(zone), 0, 0},
	{"syncml", "workers", config_key_uint, AT(workers), 1, 64},
	{"syncml", "log-level", config_key_log_level, AT(log_level), 0, 0},
	{"syncml", "metrics", config_key_address, AT(metrics), 0, 0},

	{"login", "auth-socket", set_socket, AT(auth_socket), 0, 0},
	{"login", "password-file", set_file, AT(password_file), 0, 0},
	{"login", "service", set_word, AT(service), 0, 0},
	{"login", "basic", config_key_bool, AT(basic), 0, 0},
	{"login", "md5", config_key_bool, AT(md5), 0, 0},
	{"login", "mac", config_key_bool, AT(mac), 0, 0},

	{"limits", "message-size", set_size, AT(message_size), 3000, LIMIT_SYNCML_BODY / 2},
	{"limits", "object-size", set_size, AT(object_size), 3000, LIMIT_SYNCML_OBJECT},
	{"limits", "session-time", config_key_secs64, AT(session_secs), 60 * SEC, DAY},
	{"limits", "resume-time", config_key_secs64, AT(resume_secs), 60 * SEC, 30 * DAY},
	{"limits", "request-time", config_key_secs64, AT(request_secs), SEC, 3600 * SEC},
	{"limits", "sessions-per-user", config_key_uint, AT(sessions_per_user), 1, 1000},
	{"limits", "sessions-per-address", config_key_uint, AT(sessions_per_address), 1, 100000},
	{"limits", "logins-per-user", config_key_uint, AT(logins_per_user), 1, 100000},
	{"limits", "logins-per-address", config_key_uint, AT(logins_per_address), 1, 100000},

	{"sync", "conflict", set_conflict, AT(conflict), 0, 0},
	{"sync", "guard-percent", config_key_uint, AT(guard_percent), 0, 100},
	{"sync", "guard-items", config_key_uint, AT(guard_items), 0, 1000000},
	{"sync", "former-anchor", config_key_bool, AT(former_anchor), 0, 0},

	PIM_KEEP_KEYS(AT(keep)),

	{"alerts", "bridge-socket", set_socket, AT(bridge_socket), 0, 0},
	{"alerts", "delay", config_key_secs64, AT(alerts.delay), 1 * SEC, 3600 * SEC},
	{"alerts", "repeats", set_repeats, AT(alerts), 1 * SEC, 7 * DAY},
};

static const char *const sections[] = {"syncml",         "login",  "limits", "sync",
				       PIM_KEEP_SECTION, "alerts", NULL};

static const struct config_table table = {
	.keys = keys,
	.count = G_N_ELEMENTS(keys),
	.sections = sections,
	.manual = "fantail-syncml.conf(5)",
};

char **syncml_config_names(const char *section)
{
	return config_table_names(&table, section);
}

/* --- what only two keys together can get wrong --------------------------------------------- */

static gboolean check_together(const struct syncml_config *config, const struct keyfile *file,
			       const char *path, GError **error)
{
	struct config_place place;

	if (config->auth_socket == NULL && config->password_file == NULL) {
		place = config_place_of(file, path, "login", "auth-socket");
		return config_fail(error, &place, CONFIG_ERROR_VALUE,
				   "is none, and so is password-file; nobody could log in");
	}
	if (config->listen == NULL) {
		place = config_place_of(file, path, "syncml", "listen");
		return config_fail(error, &place, CONFIG_ERROR_VALUE,
				   "is none; write 127.0.0.1:PORT, [::1]:PORT or unix:/PATH");
	}
	if (config->metrics != NULL && strcmp(config->metrics, config->listen) == 0) {
		place = config_place_of(file, path, "syncml", "metrics");
		return config_fail(
			error, &place, CONFIG_ERROR_VALUE,
			"is where phones are listened to; give it an address of its own");
	}
	if (!config->basic && !config->md5 && !config->mac) {
		place = config_place_of(file, path, "login", "basic");
		return config_fail(error, &place, CONFIG_ERROR_VALUE,
				   "is no, and so are md5 and mac; allow one of them");
	}
	return TRUE;
}

/* --- the whole ------------------------------------------------------------------------ */

static struct syncml_config *defaults(void)
{
	struct syncml_config *config = g_new0(struct syncml_config, 1);

	g_atomic_ref_count_init(&config->refs);
	config->listen = g_strdup("unix:/run/fantail-syncml/http.sock");
	config->socket_mode = 0660;
	config->state_dir = g_strdup("/var/lib/fantail-syncml");
	config->control_socket = g_strdup("/run/fantail-syncml/control.sock");
	/* Not the group's, which is the proxy's too. */
	config->control_mode = 0600;
	config->path = g_strdup("/sync");
	config->proxies = trusted_proxies_new(NULL, NULL);
	config->server_id = g_strdup("fantail");
	config->workers = 4;
	config->log_level = g_strdup("info");

	config->auth_socket = g_strdup("/run/dovecot/fantail-auth");
	config->service = g_strdup("syncml");
	config->basic = TRUE;
	config->md5 = config->mac = TRUE;

	config->message_size = 150000;
	config->object_size = LIMIT_SYNCML_OBJECT;
	config->session_secs = LIMIT_SYNCML_SESSION_SECS;
	config->resume_secs = 7 * 86400;
	config->request_secs = LIMIT_SYNCML_REQUEST_SECS;
	config->sessions_per_user = LIMIT_SYNCML_SESSIONS_PER_USER;
	config->sessions_per_address = LIMIT_SYNCML_SESSIONS_PER_ADDRESS;
	config->logins_per_user = LIMIT_SYNCML_LOGINS_PER_USER;
	config->logins_per_address = LIMIT_SYNCML_LOGINS_PER_ADDRESS;

	config->conflict = SML_CONFLICT_SERVER;
	config->guard_percent = 50;
	config->guard_items = 10;
	config->former_anchor = TRUE;

	config->keep = (struct pim_keep)PIM_KEEP_DEFAULTS;

	config->alerts = (struct alert_schedule){
		.delay = 5,
		.repeats = {60, 300, 1800},
		.repeats_len = 3,
	};
	return config;
}

static void settle(struct syncml_config *config)
{
	config->settings = (struct sml_settings){
		.server_id = config->server_id,
		.service_path = config->path,
		.max_msg_size = config->message_size,
		.max_obj_size = config->object_size,
		.zone = config->zone,
		.auth_basic = config->basic,
		.auth_md5 = config->md5,
		.auth_mac = config->mac,
		.session_secs = config->session_secs,
		.resume_secs = config->resume_secs,
		.one_generation = !config->former_anchor,
		.guard_percent = config->guard_percent,
		.guard_items = config->guard_items,
		.conflict = config->conflict,
	};
}

struct syncml_config *syncml_config_parse(const char *text, gsize len, const char *path,
					  GError **error)
{
	g_autoptr(keyfile_t) file = config_keyfile(text, len, path, error);
	g_autoptr(syncml_config_t) config = NULL;

	if (file == NULL)
		return NULL;
	config = defaults();
	for (guint i = 0; i < file->sections->len; i++) {
		const struct keyfile_section *section = file->sections->pdata[i];

		if (!g_strv_contains(sections, section->name)) {
			config_table_unknown_section(&table, error, section, path);
			return NULL;
		}
		if (!config_table_read(&table, config, section, path, error))
			return NULL;
	}
	if (!check_together(config, file, path, error))
		return NULL;
	settle(config);
	return g_steal_pointer(&config);
}

struct syncml_config *syncml_config_load(const char *path, GError **error)
{
	gboolean readable_by_all;
	gsize len;
	g_autofree char *text = config_file_read(path, &len, &readable_by_all, error);

	return text != NULL ? syncml_config_parse(text, len, path, error) : NULL;
}

char **syncml_config_keep(const struct syncml_config *was, struct syncml_config *is)
{
	static const struct config_fixed fixed[] = {
		{"syncml", "listen", 0},
		{"syncml", "socket-mode", sizeof(mode_t)},
		{"syncml", "state-dir", 0},
		{"syncml", "control-socket", 0},
		{"syncml", "control-mode", sizeof(mode_t)},
		{NULL, NULL, 0},
	};

	return config_table_keep(&table, fixed, was, is);
}

struct syncml_config *syncml_config_ref(const struct syncml_config *config)
{
	struct syncml_config *shared = (struct syncml_config *)config;

	g_atomic_ref_count_inc(&shared->refs);
	return shared;
}

void syncml_config_unref(struct syncml_config *config)
{
	if (config == NULL || !g_atomic_ref_count_dec(&config->refs))
		return;
	g_free(config->listen);
	g_free(config->state_dir);
	g_free(config->control_socket);
	g_free(config->path);
	g_free(config->public_url);
	trusted_proxies_free(config->proxies);
	g_strfreev(config->rules);
	g_free(config->server_id);
	g_free(config->bridge_socket);
	g_free(config->zone);
	g_free(config->log_level);
	g_free(config->metrics);
	g_free(config->auth_socket);
	g_free(config->password_file);
	g_free(config->service);
	g_free(config);
}
