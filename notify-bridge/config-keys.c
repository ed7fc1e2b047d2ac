#include "config-keys.h"
#include "config-value.h"
#include "limits.h"
#include "pimap-profile.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

static gboolean set_size(void *place, const struct config_key *key, const char *value,
			 GError **error)
{
	guint64 bytes;

	if (!config_value_size(value, 0, key->max, &bytes, error))
		return FALSE;
	if (bytes != 0 && bytes < key->min) {
		g_set_error(error, CONFIG_VALUE_ERROR, CONFIG_VALUE_ERROR_BAD,
			    "%s is too small for a database; write 0 for no bound, or at least "
			    "%" G_GUINT64_FORMAT "M",
			    value, key->min >> 20);
		return FALSE;
	}
	*(guint64 *)place = bytes;
	return TRUE;
}

static gboolean set_contact(void *place, const struct config_key *key, const char *value,
			    GError **error)
{
	gboolean mail = g_str_has_prefix(value, "mailto:") && strchr(value, '@') != NULL;
	gboolean page = g_str_has_prefix(value, "https://") && value[strlen("https://")] != '\0';

	if (strcmp(value, "none") == 0) {
		config_key_take(place, NULL);
		return TRUE;
	}
	if ((!mail && !page) || strpbrk(value, " \t\"<>\\") != NULL) {
		g_set_error(error, CONFIG_VALUE_ERROR, CONFIG_VALUE_ERROR_BAD,
			    "'%s' is no contact; write mailto:ADDRESS or https://PAGE", value);
		return FALSE;
	}
	config_key_take(place, g_strdup(value));
	return TRUE;
}

static gboolean set_padding(void *place, const struct config_key *key, const char *value,
			    GError **error)
{
	gboolean padding;

	if (!config_value_bool(value, &padding, error))
		return FALSE;
	*(gsize *)place = padding ? 1 : 0;
	return TRUE;
}

/* --- [sms] ------------------------------------------------------------------ */

/* What goes into a header as it is. */
static gboolean is_header_text(const char *text)
{
	for (; *text != '\0'; text++) {
		if (!g_ascii_isgraph(*text))
			return FALSE;
	}
	return TRUE;
}

static gboolean set_sms_url(void *place, const struct config_key *key, const char *value,
			    GError **error)
{
	if (strcmp(value, "none") == 0) {
		config_key_take(place, NULL);
		return TRUE;
	}
	return config_value_url(value, "username and password-file", place, error);
}

static gboolean set_sms_username(void *place, const struct config_key *key, const char *value,
				 GError **error)
{
	if (strlen(value) > key->max || !is_header_text(value))
		return config_value_fail(
			error,
			"is not up to %u ASCII characters without blanks; give the "
			"user of Kannel's group sendsms-user",
			(guint)key->max);
	config_key_take(place, strcmp(value, "none") == 0 ? NULL : g_strdup(value));
	return TRUE;
}

static gboolean set_sms_password_file(void *place, const struct config_key *key, const char *value,
				      GError **error)
{
	g_autofree char *text = NULL;

	if (strcmp(value, "none") == 0) {
		config_key_take(place, NULL);
		return TRUE;
	}
	text = config_value_file(value, key->max, TRUE, error);
	if (text == NULL)
		return FALSE;
	g_strstrip(text);
	if (*text == '\0' || !is_header_text(text))
		return config_value_fail(
			error,
			"'%s' holds no password of ASCII characters without blanks; "
			"put it on one line",
			value);
	config_key_take(place, g_steal_pointer(&text));
	return TRUE;
}

static gboolean set_sms_sender(void *place, const struct config_key *key, const char *value,
			       GError **error)
{
	const char *number = value + (*value == '+');
	gsize digits = strspn(number, "0123456789"), len = strlen(number);
	gboolean name = number == value && len <= 11;

	for (const char *p = value; name && *p != '\0'; p++)
		name = g_ascii_isalnum(*p);
	if (!name && (digits == 0 || digits != len || len > 15))
		return config_value_fail(
			error,
			"'%s' is no sender; write a number of up to 15 digits, or a "
			"name of up to 11 letters and digits",
			value);
	config_key_take(place, strcmp(value, "none") == 0 ? NULL : g_strdup(value));
	return TRUE;
}

static gboolean set_sms_cdma_smsc(void *place, const struct config_key *key, const char *value,
				  GError **error)
{
	if (strlen(value) > key->max || !is_header_text(value))
		return config_value_fail(error,
					 "is not up to %u ASCII characters without blanks; give "
					 "the smsc-id of one of Kannel's groups smsc",
					 (guint)key->max);
	config_key_take(place, strcmp(value, "none") == 0 ? NULL : g_strdup(value));
	return TRUE;
}

/* --- [http] ----------------------------------------------------------------- */

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

static gboolean set_ca_file(void *place, const struct config_key *key, const char *value,
			    GError **error)
{
	struct config *config = (struct config *)((char *)place - key->offset);
	g_autofree char *path = NULL;
	struct stat st;
	gint64 expiry;

	if (strcmp(value, "none") == 0) {
		config->ca_expiry = 0;
		config_key_take(place, NULL);
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
	config_key_take(place, g_steal_pointer(&path));
	return TRUE;
}

/* --- [pimap], [apple], [deltapush] -------------------------------------------- */

static gboolean set_pimap_channels(void *place, const struct config_key *key, const char *value,
				   GError **error)
{
	g_auto(GStrv) words = NULL;

	if (strcmp(value, "none") != 0 && !config_key_list(&words, key, value, error))
		return FALSE;
	for (char **word = words; word != NULL && *word != NULL; word++) {
		if (!pimap_channel_known(*word))
			return config_value_fail(
				error,
				"'%s' is no channel; write some of WAP_PUSH, SMS, GSMSMS, "
				"WAPWDP, WEBPUSH and HTTP, or none",
				*word);
	}
	g_strfreev(*(char ***)place);
	*(char ***)place = g_steal_pointer(&words);
	return TRUE;
}

static gboolean set_pimap_extended(void *place, const struct config_key *key, const char *value,
				   GError **error)
{
	gboolean on = strcmp(value, "aes-128-gcm") == 0;

	if (!on && strcmp(value, "none") != 0)
		return config_value_fail(error, "'%s' is no cipher; write aes-128-gcm or none",
					 value);
	*(gboolean *)place = on;
	return TRUE;
}

static gboolean set_pimap_address(void *place, const struct config_key *key, const char *value,
				  GError **error)
{
	if (strlen(value) > key->max || !is_header_text(value))
		return config_value_fail(error,
					 "is not up to %u ASCII characters without blanks; write "
					 "the address that notifications come from",
					 (guint)key->max);
	config_key_take(place, strcmp(value, "none") == 0 ? NULL : g_strdup(value));
	return TRUE;
}

static gboolean set_apple_topic(void *place, const struct config_key *key, const char *value,
				GError **error)
{
	if (strcmp(value, "none") == 0) {
		config_key_take(place, NULL);
		return TRUE;
	}
	if (!g_str_has_prefix(value, "com.apple.mail.XServer.") ||
	    strlen(value) > LIMIT_APPLE_TOPIC || !is_header_text(value) ||
	    strpbrk(value, "\"\\") != NULL)
		return config_value_fail(error,
					 "'%s' is no topic of Apple's certificates for mail; it "
					 "begins with com.apple.mail.XServer.",
					 value);
	config_key_take(place, g_strdup(value));
	return TRUE;
}

static gboolean set_deltapush_url(void *place, const struct config_key *key, const char *value,
				  GError **error)
{
	if (strcmp(value, "none") == 0) {
		config_key_take(place, NULL);
		return TRUE;
	}
	return config_value_url(value, "the address of a service that needs none", place, error);
}

static const char *const section_names[] = {
	"bridge", "hub",   "queue",     "devices", "http",         "webpush", "sms",
	"pimap",  "apple", "deltapush", "webhook", "webhook NAME", NULL};

#define MSEC G_GUINT64_CONSTANT(1000)
#define SEC (1000 * MSEC)
#define DAY (86400 * SEC)
#define AT(name) G_STRUCT_OFFSET(struct config, name)

static const struct config_key keys[] = {
	{"bridge", "state-dir", config_key_path, AT(state_dir), 0, 0},
	{"bridge", "socket", config_key_socket, AT(socket), 0, 0},
	{"bridge", "socket-mode", config_key_mode, AT(socket_mode), 0, 0},
	{"bridge", "control-socket", config_key_socket, AT(control_socket), 0, 0},
	{"bridge", "control-mode", config_key_mode, AT(control_mode), 0, 0},
	{"bridge", "spool-dir", config_key_path, AT(spool_dir), 0, 0},
	{"bridge", "mail-uids", config_key_uids, AT(mail_uids), 0, 0},
	{"bridge", "metrics", config_key_address, AT(metrics), 0, 0},
	{"bridge", "log-level", config_key_log_level, AT(log_level), 0, 0},

	{"hub", "socket", config_key_socket, AT(hub_socket), 0, 0},
	{"hub", "socket-mode", config_key_mode, AT(hub_socket_mode), 0, 0},
	{"hub", "connections", config_key_uint, AT(hub_connections), 16, LIMIT_HUB_CONNECTIONS_MAX},
	{"hub", "connections-per-uid", config_key_uint, AT(hub_connections_per_uid), 1,
	 LIMIT_HUB_CONNECTIONS_MAX},

	{"queue", "max-pending", config_key_uint64, AT(max_pending), 100, 1000 * 1000 * 1000},
	/* Below a megabyte SQLite has hardly room for its tables. */
	{"queue", "max-bytes", set_size, AT(max_bytes), 1 << 20, G_GUINT64_CONSTANT(1) << 44},
	{"queue", "arrival-delay", config_key_duration_us, AT(arrival_delay_us), 0, 3600 * SEC},
	{"queue", "state-delay", config_key_duration_us, AT(state_delay_us), 0, 3600 * SEC},
	{"queue", "arrival-ttl", config_key_duration_us, AT(arrival_ttl_us), 10 * SEC, 28 * DAY},
	{"queue", "state-ttl", config_key_duration_us, AT(state_ttl_us), 10 * SEC, 28 * DAY},

	{"devices", "per-user", config_key_uint, AT(devices_per_user), 1,
	 LIMIT_DEVICES_PER_USER_MAX},
	{"devices", "confirm-time", config_key_secs, AT(confirm_secs), 10 * SEC, DAY},
	{"devices", "rate-per-minute", config_key_uint, AT(rate_per_minute), 1, 1000 * 1000},
	{"devices", "rate-burst", config_key_uint, AT(rate_burst), 1, 1000 * 1000},
	{"devices", "keep-dead", config_key_secs64, AT(dead_keep_secs), 0, 366 * DAY},

	{"http", "ca-file", set_ca_file, AT(ca_file), 0, 0},
	{"http", "timeout", config_key_secs, AT(timeout_secs), SEC, LIMIT_REQUEST_SECS *SEC},
	{"http", "parallel-per-origin", config_key_uint, AT(parallel_per_origin), 1,
	 LIMIT_ORIGIN_PARALLEL},
	{"http", "parallel", config_key_uint, AT(parallel), 1, LIMIT_PARALLEL},
	{"http", "allowed-endpoints", config_key_list, AT(allowed_endpoints), 0, 0},

	{"webpush", "enabled", config_key_bool, AT(webpush_enabled), 0, 0},
	{"webpush", "vapid-key-file", config_key_path, AT(vapid_key_file), 0, 0},
	{"webpush", "contact", set_contact, AT(contact), 0, 0},
	{"webpush", "padding", set_padding, AT(pad_to), 0, 0},

	{"sms", "url", set_sms_url, AT(sms_url), 0, 0},
	{"sms", "username", set_sms_username, AT(sms_username), 0, 128},
	{"sms", "password-file", set_sms_password_file, AT(sms_password), 0, 256},
	{"sms", "sender", set_sms_sender, AT(sms_sender), 0, 0},
	{"sms", "cdma-smsc", set_sms_cdma_smsc, AT(sms_cdma_smsc), 0, 64},

	{"pimap", "channels", set_pimap_channels, AT(pimap_channels), 0, 0},
	{"pimap", "extended", set_pimap_extended, AT(pimap_extended), 0, 0},
	{"pimap", "notification-address", set_pimap_address, AT(pimap_notify_address), 0, 255},
	{"pimap", "notification-port", config_key_uint, AT(pimap_notify_port), 0, 65535},

	{"apple", "topic", set_apple_topic, AT(apple_topic), 0, 0},
	{"apple", "delay", config_key_duration_us, AT(apple_delay_us), 0, 3600 * SEC},

	{"deltapush", "url", set_deltapush_url, AT(deltapush_url), 0, 0},
};

const struct config_table config_keys = {
	.keys = keys,
	.count = G_N_ELEMENTS(keys),
	.sections = section_names,
	.manual = "fantail-bridge.conf(5)",
};
