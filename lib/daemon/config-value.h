/*
 * What the values of a key file may look like: durations, sizes, lists and so on,
 * one function each. Pure, but for the look-up of user names and files that values name.
 *
 * Errors are CONFIG_VALUE_ERROR, say what is wrong and what to write instead, and
 * leave it to the caller to say where. Outputs are set on success only.
 */
#ifndef FANTAIL_CONFIG_VALUE_H
#define FANTAIL_CONFIG_VALUE_H

#include <sys/types.h>

#include <glib.h>

#include "push-event.h"

#define CONFIG_VALUE_ERROR (config_value_error_quark())
GQuark config_value_error_quark(void);
enum config_value_error {
	CONFIG_VALUE_ERROR_BAD,
};

/* yes, no, true, false. */
gboolean config_value_bool(const char *text, gboolean *value_r, GError **error);
/* Decimal digits, within min..max. */
gboolean config_value_uint(const char *text, guint64 min, guint64 max, guint64 *value_r,
			   GError **error);
/* Number and unit: 500ms, 30s, 5min, 1h, 1d; "0" needs none. Microseconds. */
gboolean config_value_duration(const char *text, gint64 min_us, gint64 max_us, gint64 *us_r,
			       GError **error);
/* As it would be written: "90s", "1d". New string. */
char *config_value_duration_text(gint64 us);
/* Bytes, or a number with K, M, G or T (powers of 1,024). */
gboolean config_value_size(const char *text, guint64 min, guint64 max, guint64 *bytes_r,
			   GError **error);
/* Octal, within 0000..0777. */
gboolean config_value_mode(const char *text, mode_t *mode_r, GError **error);
/* Absolute, without "." and ".." */
gboolean config_value_path(const char *text, char **path_r, GError **error);
/* Such a path that fits into a socket address. */
gboolean config_value_socket_path(const char *text, char **path_r, GError **error);
/* Items between ';', blanks around them do not count, empty ones neither; "\;" is a
 * ';' in an item. NULL-terminated, NULL for an empty list. Never fails. */
char **config_value_list(const char *text);
/* The same list of user names and numbers; adds to `uids` (uid_t). */
gboolean config_value_uids(const char *text, GArray *uids, GError **error);
/* Names of events, or "all". */
gboolean config_value_events(const char *text, push_event_kinds *events_r, GError **error);
/* A loopback address and port, or unix: and a path. */
gboolean config_value_local_address(const char *text, char **address_r, GError **error);
/* http or https; replaces *url_r. `instead`: what a user name in it should be. */
gboolean config_value_url(const char *text, const char *instead, char **url_r, GError **error);
/* The text in a file of at most `max` octets, whose path `text` is; UTF-8. `secret`:
 * refuses one that everybody can read. New string, NULL with error. */
char *config_value_file(const char *text, gsize max, gboolean secret, GError **error);
/* "whsec_" and the base64 of 24 to 64 octets (Standard Webhooks 1.0). The error
 * does not repeat the text. */
gboolean config_value_secret(const char *text, GBytes **secret_r, GError **error);

/* Sets CONFIG_VALUE_ERROR_BAD with that text; always FALSE, for `return`. */
gboolean config_value_fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
