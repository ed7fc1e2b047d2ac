#include "config-keys.h"
#include "config-value.h"
#include "limits.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

/* One row a key: how its value is read and where it goes. */
struct key_row {
	const char *section;
	const char *key;
	gboolean (*set)(struct config *config, const struct key_row *row, const char *value,
			GError **error);
	gsize offset; /* of the member */
	guint64 min, max;
};

static void *member(struct config *config, const struct key_row *row)
{
	return (char *)config + row->offset;
}

static void take_string(struct config *config, const struct key_row *row, char *value)
{
	char **place = member(config, row);

	g_free(*place);
	*place = value;
}

static gboolean set_bool(struct config *config, const struct key_row *row, const char *value,
			 GError **error)
{
	return config_value_bool(value, member(config, row), error);
}

static gboolean set_uint(struct config *config, const struct key_row *row, const char *value,
			 GError **error)
{
	guint64 number;

	if (!config_value_uint(value, row->min, row->max, &number, error))
		return FALSE;
	*(guint *)member(config, row) = (guint)number;
	return TRUE;
}

static gboolean set_uint64(struct config *config, const struct key_row *row, const char *value,
			   GError **error)
{
	return config_value_uint(value, row->min, row->max, member(config, row), error);
}

static gboolean set_duration_us(struct config *config, const struct key_row *row, const char *value,
				GError **error)
{
	return config_value_duration(value, (gint64)row->min, (gint64)row->max, member(config, row),
				     error);
}

/* Whole seconds, since min and max are and milliseconds are below min. */
static gboolean duration_secs(const struct key_row *row, const char *value, gint64 *secs_r,
			      GError **error)
{
	gint64 us;

	if (!config_value_duration(value, (gint64)row->min, (gint64)row->max, &us, error))
		return FALSE;
	if (us % G_USEC_PER_SEC != 0) {
		g_set_error(error, CONFIG_VALUE_ERROR, CONFIG_VALUE_ERROR_BAD,
			    "%s is no whole number of seconds; write one", value);
		return FALSE;
	}
	*secs_r = us / G_USEC_PER_SEC;
	return TRUE;
}

static gboolean set_secs(struct config *config, const struct key_row *row, const char *value,
			 GError **error)
{
	gint64 secs;

	if (!duration_secs(row, value, &secs, error))
		return FALSE;
	*(guint *)member(config, row) = (guint)secs;
	return TRUE;
}

static gboolean set_secs64(struct config *config, const struct key_row *row, const char *value,
			   GError **error)
{
	return duration_secs(row, value, member(config, row), error);
}

static gboolean set_size(struct config *config, const struct key_row *row, const char *value,
			 GError **error)
{
	guint64 bytes;

	if (!config_value_size(value, 0, row->max, &bytes, error))
		return FALSE;
	if (bytes != 0 && bytes < row->min) {
		g_set_error(error, CONFIG_VALUE_ERROR, CONFIG_VALUE_ERROR_BAD,
			    "%s is too small for a database; write 0 for no bound, or at least "
			    "%" G_GUINT64_FORMAT "M",
			    value, row->min >> 20);
		return FALSE;
	}
	*(guint64 *)member(config, row) = bytes;
	return TRUE;
}

static gboolean set_mode(struct config *config, const struct key_row *row, const char *value,
			 GError **error)
{
	return config_value_mode(value, member(config, row), error);
}

static gboolean set_path(struct config *config, const struct key_row *row, const char *value,
			 GError **error)
{
	char *path;

	if (!config_value_path(value, &path, error))
		return FALSE;
	take_string(config, row, path);
	return TRUE;
}

static gboolean set_socket(struct config *config, const struct key_row *row, const char *value,
			   GError **error)
{
	char *path;

	if (!config_value_socket_path(value, &path, error))
		return FALSE;
	take_string(config, row, path);
	return TRUE;
}

static gboolean set_uids(struct config *config, const struct key_row *row, const char *value,
			 GError **error)
{
	return config_value_uids(value, *(GArray **)member(config, row), error);
}

static gboolean set_metrics(struct config *config, const struct key_row *row, const char *value,
			    GError **error)
{
	char *address = NULL;

	if (strcmp(value, "none") != 0 && !config_value_local_address(value, &address, error))
		return FALSE;
	take_string(config, row, address);
	return TRUE;
}

static gboolean set_log_level(struct config *config, const struct key_row *row, const char *value,
			      GError **error)
{
	static const char *const levels[] = {"error", "warning", "info", "debug", NULL};

	if (!g_strv_contains(levels, value)) {
		g_set_error(error, CONFIG_VALUE_ERROR, CONFIG_VALUE_ERROR_BAD,
			    "no level '%s'; write error, warning, info or debug", value);
		return FALSE;
	}
	take_string(config, row, g_strdup(value));
	return TRUE;
}

static gboolean set_list(struct config *config, const struct key_row *row, const char *value,
			 GError **error)
{
	char ***place = member(config, row);

	g_strfreev(*place);
	*place = config_value_list(value);
	return TRUE;
}

static gboolean set_contact(struct config *config, const struct key_row *row, const char *value,
			    GError **error)
{
	gboolean mail = g_str_has_prefix(value, "mailto:") && strchr(value, '@') != NULL;
	gboolean page = g_str_has_prefix(value, "https://") && value[strlen("https://")] != '\0';

	if (strcmp(value, "none") == 0) {
		take_string(config, row, NULL);
		return TRUE;
	}
	if ((!mail && !page) || strpbrk(value, " \t\"<>\\") != NULL) {
		g_set_error(error, CONFIG_VALUE_ERROR, CONFIG_VALUE_ERROR_BAD,
			    "'%s' is no contact; write mailto:ADDRESS or https://PAGE", value);
		return FALSE;
	}
	take_string(config, row, g_strdup(value));
	return TRUE;
}

static gboolean set_padding(struct config *config, const struct key_row *row, const char *value,
			    GError **error)
{
	gboolean padding;

	if (!config_value_bool(value, &padding, error))
		return FALSE;
	*(gsize *)member(config, row) = padding ? 1 : 0;
	return TRUE;
}

/* When the first certificate of a PEM file ends; FALSE if there is none in it. */
static gboolean earliest_expiry(const char *path, gint64 *expiry_r)
{
	BIO *bio = BIO_new_file(path, "r");
	gint64 earliest = 0;
	X509 *certificate;

	if (bio == NULL)
		return FALSE;
	while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		struct tm tm;

		if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) == 1) {
			gint64 ends = (gint64)timegm(&tm);

			if (earliest == 0 || ends < earliest)
				earliest = ends;
		}
		X509_free(certificate);
	}
	BIO_free(bio);
	if (earliest == 0)
		return FALSE;
	*expiry_r = earliest;
	return TRUE;
}

static gboolean set_ca_file(struct config *config, const struct key_row *row, const char *value,
			    GError **error)
{
	g_autofree char *path = NULL;
	struct stat st;
	gint64 expiry;

	if (strcmp(value, "none") == 0) {
		config->ca_expiry = 0;
		take_string(config, row, NULL);
		return TRUE;
	}
	if (!config_value_path(value, &path, error))
		return FALSE;
	if (stat(path, &st) != 0 || g_access(path, R_OK) != 0) {
		g_set_error(error, CONFIG_VALUE_ERROR, CONFIG_VALUE_ERROR_BAD,
			    "cannot read '%s' (%s); correct the path or its permissions", path,
			    g_strerror(errno));
		return FALSE;
	}
	/* Not a pipe: opening one would wait for its other end. */
	if (!S_ISREG(st.st_mode) || !earliest_expiry(path, &expiry)) {
		g_set_error(error, CONFIG_VALUE_ERROR, CONFIG_VALUE_ERROR_BAD,
			    "no certificate in '%s'; give a file of PEM certificates", path);
		return FALSE;
	}
	config->ca_expiry = expiry;
	take_string(config, row, g_steal_pointer(&path));
	return TRUE;
}

#define MSEC G_GUINT64_CONSTANT(1000)
#define SEC (1000 * MSEC)
#define DAY (86400 * SEC)
#define AT(name) G_STRUCT_OFFSET(struct config, name)

static const struct key_row key_rows[] = {
	{"bridge", "state-dir", set_path, AT(state_dir), 0, 0},
	{"bridge", "socket", set_socket, AT(socket), 0, 0},
	{"bridge", "socket-mode", set_mode, AT(socket_mode), 0, 0},
	{"bridge", "control-socket", set_socket, AT(control_socket), 0, 0},
	{"bridge", "control-mode", set_mode, AT(control_mode), 0, 0},
	{"bridge", "spool-dir", set_path, AT(spool_dir), 0, 0},
	{"bridge", "mail-uids", set_uids, AT(mail_uids), 0, 0},
	{"bridge", "metrics", set_metrics, AT(metrics), 0, 0},
	{"bridge", "log-level", set_log_level, AT(log_level), 0, 0},

	{"hub", "socket", set_socket, AT(hub_socket), 0, 0},
	{"hub", "socket-mode", set_mode, AT(hub_socket_mode), 0, 0},
	{"hub", "connections", set_uint, AT(hub_connections), 16, LIMIT_HUB_CONNECTIONS_MAX},
	{"hub", "connections-per-uid", set_uint, AT(hub_connections_per_uid), 1,
	 LIMIT_HUB_CONNECTIONS_MAX},

	{"queue", "max-pending", set_uint64, AT(max_pending), 100, 1000 * 1000 * 1000},
	/* Below a megabyte SQLite has hardly room for its tables. */
	{"queue", "max-bytes", set_size, AT(max_bytes), 1 << 20, G_GUINT64_CONSTANT(1) << 44},
	{"queue", "arrival-delay", set_duration_us, AT(arrival_delay_us), 0, 3600 * SEC},
	{"queue", "state-delay", set_duration_us, AT(state_delay_us), 0, 3600 * SEC},
	{"queue", "arrival-ttl", set_duration_us, AT(arrival_ttl_us), 10 * SEC, 28 * DAY},
	{"queue", "state-ttl", set_duration_us, AT(state_ttl_us), 10 * SEC, 28 * DAY},

	{"devices", "per-user", set_uint, AT(devices_per_user), 1, LIMIT_DEVICES_PER_USER_MAX},
	{"devices", "confirm-time", set_secs, AT(confirm_secs), 10 * SEC, DAY},
	{"devices", "rate-per-minute", set_uint, AT(rate_per_minute), 1, 1000 * 1000},
	{"devices", "rate-burst", set_uint, AT(rate_burst), 1, 1000 * 1000},
	{"devices", "keep-dead", set_secs64, AT(dead_keep_secs), 0, 366 * DAY},

	{"http", "ca-file", set_ca_file, AT(ca_file), 0, 0},
	{"http", "timeout", set_secs, AT(timeout_secs), SEC, LIMIT_REQUEST_SECS *SEC},
	{"http", "parallel-per-origin", set_uint, AT(parallel_per_origin), 1,
	 LIMIT_ORIGIN_PARALLEL},
	{"http", "parallel", set_uint, AT(parallel), 1, LIMIT_PARALLEL},
	{"http", "allowed-endpoints", set_list, AT(allowed_endpoints), 0, 0},

	{"webpush", "enabled", set_bool, AT(webpush_enabled), 0, 0},
	{"webpush", "vapid-key-file", set_path, AT(vapid_key_file), 0, 0},
	{"webpush", "contact", set_contact, AT(contact), 0, 0},
	{"webpush", "padding", set_padding, AT(pad_to), 0, 0},
};

static const struct key_row *find_row(const char *section, const char *key)
{
	for (gsize i = 0; i < G_N_ELEMENTS(key_rows); i++) {
		if (strcmp(key_rows[i].section, section) == 0 && strcmp(key_rows[i].key, key) == 0)
			return &key_rows[i];
	}
	return NULL;
}

char **config_key_names(const char *section)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

	for (gsize i = 0; i < G_N_ELEMENTS(key_rows); i++) {
		if (strcmp(key_rows[i].section, section) == 0)
			g_ptr_array_add(names, g_strdup(key_rows[i].key));
	}
	g_ptr_array_add(names, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

gboolean config_key_known(const char *section, const char *key)
{
	return find_row(section, key) != NULL;
}

gboolean config_key_set(struct config *config, const char *section, const char *key,
			const char *value, GError **error)
{
	const struct key_row *row = find_row(section, key);

	if (*value == '\0' && row->set != set_list && row->set != set_uids) {
		g_set_error_literal(error, CONFIG_VALUE_ERROR, CONFIG_VALUE_ERROR_BAD,
				    "has no value; write one, or remove the line for the default");
		return FALSE;
	}
	return row->set(config, row, value, error);
}
