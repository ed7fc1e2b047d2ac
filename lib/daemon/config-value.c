#include "config-value.h"
#include "keyfile.h"
#include "limits.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <gio/gio.h>

G_DEFINE_QUARK(fantail_config_value_error, config_value_error)

#define SECRET_PREFIX "whsec_"
/* Standard Webhooks 1.0, "Signature scheme": 192 to 512 bits. */
#define SECRET_MIN 24
#define SECRET_MAX 64

gboolean config_value_fail(GError **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error_literal(error, CONFIG_VALUE_ERROR, CONFIG_VALUE_ERROR_BAD, text);
	return FALSE;
}

gboolean config_value_bool(const char *text, gboolean *value_r, GError **error)
{
	if (strcmp(text, "yes") == 0 || strcmp(text, "true") == 0)
		*value_r = TRUE;
	else if (strcmp(text, "no") == 0 || strcmp(text, "false") == 0)
		*value_r = FALSE;
	else
		return config_value_fail(error, "'%s' is neither yes nor no; write one of these",
					 text);
	return TRUE;
}

/* Leading digits; *rest_r is what follows. */
static gboolean parse_digits(const char *text, guint64 *value_r, const char **rest_r)
{
	char *rest;

	if (!g_ascii_isdigit(*text))
		return FALSE;
	errno = 0;
	*value_r = g_ascii_strtoull(text, &rest, 10);
	*rest_r = rest;
	return errno == 0;
}

gboolean config_value_uint(const char *text, guint64 min, guint64 max, guint64 *value_r,
			   GError **error)
{
	const char *rest;
	guint64 value;

	if (!parse_digits(text, &value, &rest) || *rest != '\0')
		return config_value_fail(error, "'%s' is not a number; write digits only", text);
	if (value < min || value > max) {
		return config_value_fail(error,
					 "%" G_GUINT64_FORMAT
					 " is out of range; write %" G_GUINT64_FORMAT
					 " to %" G_GUINT64_FORMAT,
					 value, min, max);
	}
	*value_r = value;
	return TRUE;
}

static const struct duration_unit {
	const char *name;
	gint64 us;
} duration_units[] = {
	{"d", 86400 * (gint64)G_USEC_PER_SEC}, {"h", 3600 * (gint64)G_USEC_PER_SEC},
	{"min", 60 * G_USEC_PER_SEC},          {"s", G_USEC_PER_SEC},
	{"ms", G_USEC_PER_SEC / 1000},
};

char *config_value_duration_text(gint64 us)
{
	for (gsize i = 0; i < G_N_ELEMENTS(duration_units); i++) {
		const struct duration_unit *unit = &duration_units[i];

		if (us >= unit->us && us % unit->us == 0)
			return g_strdup_printf("%" G_GINT64_FORMAT "%s", us / unit->us, unit->name);
	}
	return us == 0 ? g_strdup("0") : g_strdup_printf("%" G_GINT64_FORMAT "us", us);
}

gboolean config_value_duration(const char *text, gint64 min_us, gint64 max_us, gint64 *us_r,
			       GError **error)
{
	const struct duration_unit *unit = NULL;
	const char *rest;
	guint64 value;

	if (!parse_digits(text, &value, &rest))
		return config_value_fail(
			error, "'%s' is not a duration; write as 500ms, 30s, 5min, 1h or 1d", text);
	while (*rest == ' ')
		rest++;
	for (gsize i = 0; i < G_N_ELEMENTS(duration_units); i++) {
		if (strcmp(rest, duration_units[i].name) == 0)
			unit = &duration_units[i];
	}
	if (unit == NULL && (*rest != '\0' || value != 0)) {
		return config_value_fail(error,
					 "'%s' has %s unit; write as 500ms, 30s, 5min, 1h or 1d",
					 text, *rest == '\0' ? "no" : "an unknown");
	}

	gint64 factor = unit != NULL ? unit->us : 1;
	if (value > (guint64)(G_MAXINT64 / factor) || (gint64)value * factor < min_us ||
	    (gint64)value * factor > max_us) {
		g_autofree char *min_text = config_value_duration_text(min_us);
		g_autofree char *max_text = config_value_duration_text(max_us);

		return config_value_fail(error, "%s is out of range; write %s to %s", text,
					 min_text, max_text);
	}
	*us_r = (gint64)value * factor;
	return TRUE;
}

gboolean config_value_size(const char *text, guint64 min, guint64 max, guint64 *bytes_r,
			   GError **error)
{
	static const char letters[] = "KMGT";
	const char *rest, *letter;
	guint64 value;
	guint shift = 0;

	if (!parse_digits(text, &value, &rest))
		return config_value_fail(error, "'%s' is not a size; write as 64M or 2G", text);
	if (*rest != '\0') {
		letter = strchr(letters, g_ascii_toupper(*rest));
		if (letter == NULL || rest[1] != '\0')
			return config_value_fail(
				error, "'%s' has an unknown unit; use K, M, G or T", text);
		shift = 10 * (guint)(letter - letters + 1);
	}
	if (value > (G_MAXUINT64 >> shift) || value << shift < min || value << shift > max) {
		return config_value_fail(error,
					 "%s is out of range; write %" G_GUINT64_FORMAT
					 " to %" G_GUINT64_FORMAT " bytes",
					 text, min, max);
	}
	*bytes_r = value << shift;
	return TRUE;
}

gboolean config_value_mode(const char *text, mode_t *mode_r, GError **error)
{
	mode_t mode = 0;

	for (const char *p = text; *p != '\0'; p++) {
		if (*p < '0' || *p > '7' || p - text >= 4)
			return config_value_fail(
				error, "'%s' is not a file mode; write octal as 0660", text);
		mode = mode * 8 + (mode_t)(*p - '0');
	}
	if (*text == '\0' || mode > 0777)
		return config_value_fail(error, "'%s' is not a file mode; write 0000 to 0777",
					 text);
	*mode_r = mode;
	return TRUE;
}

gboolean config_value_path(const char *text, char **path_r, GError **error)
{
	if (*text == '\0')
		return config_value_fail(error, "empty; write a path or remove the line");
	if (*text != '/')
		return config_value_fail(
			error, "'%s' is not absolute; write the whole path from '/'", text);
	g_auto(GStrv) parts = g_strsplit(text, "/", -1);
	for (char **part = parts; *part != NULL; part++) {
		if (strcmp(*part, ".") == 0 || strcmp(*part, "..") == 0)
			return config_value_fail(error,
						 "'%s' has a '%s' in it; write the path without",
						 text, *part);
	}
	*path_r = g_strdup(text);
	return TRUE;
}

gboolean config_value_socket_path(const char *text, char **path_r, GError **error)
{
	gsize max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	if (strlen(text) > max) {
		return config_value_fail(
			error, "%zu bytes are too long for a socket; choose a path of at most %zu",
			strlen(text), max);
	}
	return config_value_path(text, path_r, error);
}

char **config_value_list(const char *text)
{
	g_autoptr(GPtrArray) items = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GString) item = g_string_new(NULL);

	for (;; text++) {
		if (*text == '\\' && text[1] == ';') {
			g_string_append_c(item, ';');
			text++;
			continue;
		}
		if (*text != ';' && *text != '\0') {
			g_string_append_c(item, *text);
			continue;
		}
		g_autofree char *copy = g_strstrip(g_strdup(item->str));
		if (*copy != '\0')
			g_ptr_array_add(items, g_steal_pointer(&copy));
		g_string_truncate(item, 0);
		if (*text == '\0')
			break;
	}
	if (items->len == 0)
		return NULL;
	g_ptr_array_add(items, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&items), FALSE);
}

/* People write lists as they do elsewhere; the names in ours have neither. */
static const char *list_hint(const char *item)
{
	return strpbrk(item, ", ") != NULL ? " (between names of a list goes ';')" : "";
}

gboolean config_value_uids(const char *text, GArray *uids, GError **error)
{
	g_auto(GStrv) items = config_value_list(text);

	for (char **item = items; item != NULL && *item != NULL; item++) {
		const char *rest;
		guint64 number;
		uid_t uid;

		if (parse_digits(*item, &number, &rest) && *rest == '\0') {
			/* (uid_t)-1 is what chown() and others read as "no user". */
			if (number >= G_MAXUINT32)
				return config_value_fail(
					error, "%s is no uid; write a smaller number", *item);
			uid = (uid_t)number;
		} else {
			errno = 0;
			const struct passwd *account = getpwnam(*item);
			if (account == NULL) {
				return config_value_fail(
					error,
					"no such user '%s' here%s%s; create it, or correct the "
					"name",
					*item, list_hint(*item),
					errno != 0 && errno != ENOENT ? " (look-up failed)" : "");
			}
			uid = account->pw_uid;
		}
		g_array_append_val(uids, uid);
	}
	return TRUE;
}

gboolean config_value_events(const char *text, push_event_kinds *events_r, GError **error)
{
	const char *names[PUSH_EVENT_KIND_COUNT + 2] = {NULL};
	g_auto(GStrv) items = config_value_list(text);
	push_event_kinds events = 0;

	for (int kind = 0; kind < PUSH_EVENT_KIND_COUNT; kind++)
		names[kind] = push_event_kind_name((enum push_event_kind)kind);
	names[PUSH_EVENT_KIND_COUNT] = "all";
	if (items == NULL)
		return config_value_fail(error, "empty; name events, or remove the line");
	for (char **item = items; *item != NULL; item++) {
		enum push_event_kind kind;

		if (strcmp(*item, "all") == 0) {
			events |= PUSH_EVENT_KINDS_MAIL;
		} else if (push_event_kind_parse(*item, &kind)) {
			events |= PUSH_EVENT_KIND_BIT(kind);
		} else {
			const char *near = keyfile_suggest(*item, names);

			if (near != NULL)
				return config_value_fail(error, "no event '%s'; did you mean %s?",
							 *item, near);
			return config_value_fail(
				error, "no event '%s'%s; the names are in fantail-bridge.conf(5)",
				*item, list_hint(*item));
		}
	}
	*events_r = events;
	return TRUE;
}

gboolean config_value_local_address(const char *text, char **address_r, GError **error)
{
	static const char remedy[] = "write 127.0.0.1:PORT, [::1]:PORT or unix:/PATH";
	const char *colon, *rest;
	guint64 port;

	if (g_str_has_prefix(text, "unix:")) {
		g_autofree char *path = NULL;

		if (!config_value_socket_path(text + strlen("unix:"), &path, error))
			return FALSE;
		*address_r = g_strdup(text);
		return TRUE;
	}
	colon = strrchr(text, ':');
	if (colon == NULL)
		return config_value_fail(error, "'%s' is not an address with a port; %s", text,
					 remedy);
	if (!parse_digits(colon + 1, &port, &rest) || *rest != '\0' || port < 1 ||
	    port > G_MAXUINT16)
		return config_value_fail(error, "'%s' is no port; write 1 to 65535", colon + 1);

	g_autofree char *host = g_strndup(text, (gsize)(colon - text));
	gsize len = strlen(host);
	gboolean bracketed = len > 2 && host[0] == '[' && host[len - 1] == ']';
	if (bracketed) {
		memmove(host, host + 1, len - 2);
		host[len - 2] = '\0';
	}
	g_autoptr(GInetAddress) address = g_inet_address_new_from_string(host);
	if (address == NULL ||
	    bracketed != (g_inet_address_get_family(address) == G_SOCKET_FAMILY_IPV6))
		return config_value_fail(error, "'%s' is not an IP address; %s", text, remedy);
	if (!g_inet_address_get_is_loopback(address)) {
		return config_value_fail(
			error,
			"'%s' is not a loopback address, and this page has no password; %s, and "
			"a proxy in front for others",
			text, remedy);
	}
	*address_r = g_strdup(text);
	return TRUE;
}

gboolean config_value_url(const char *text, const char *instead, char **url_r, GError **error)
{
	g_autoptr(GUri) uri = NULL;

	if (strlen(text) > LIMIT_ENDPOINT)
		return config_value_fail(error, "is longer than %d bytes; shorten it",
					 LIMIT_ENDPOINT);
	uri = g_uri_parse(text, G_URI_FLAGS_ENCODED, NULL);
	if (uri == NULL || g_uri_get_host(uri) == NULL || *g_uri_get_host(uri) == '\0' ||
	    (g_strcmp0(g_uri_get_scheme(uri), "https") != 0 &&
	     g_strcmp0(g_uri_get_scheme(uri), "http") != 0))
		return config_value_fail(error,
					 "is not an http or https URL; write as https://host/path");
	if (g_uri_get_userinfo(uri) != NULL)
		return config_value_fail(error, "holds a user name; write %s instead", instead);
	if (g_uri_get_fragment(uri) != NULL)
		return config_value_fail(error, "has a '#', which is never sent; remove that part");
	g_free(*url_r);
	*url_r = g_strdup(text);
	return TRUE;
}

char *config_value_file(const char *value, gsize max, gboolean secret, GError **error)
{
	g_autofree char *path = NULL, *text = NULL;
	struct stat st;
	gsize len = 0;

	if (!config_value_path(value, &path, error))
		return NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		config_value_fail(error,
				  "cannot read '%s' (%s); correct the path or its permissions",
				  path, fd < 0 ? g_strerror(errno) : "not a regular file");
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	if (secret && (st.st_mode & S_IROTH) != 0) {
		close(fd);
		config_value_fail(error, "'%s' is secret, and everybody can read it; chmod o-r it",
				  path);
		return NULL;
	}
	text = g_malloc(max + 2);
	for (;;) {
		ssize_t got = read(fd, text + len, max + 1 - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		len += (gsize)got;
	}
	close(fd);
	text[len] = '\0';
	if (len > max) {
		config_value_fail(error, "'%s' is larger than %zu bytes; shorten it", path, max);
		return NULL;
	}
	if (strlen(text) != len || !g_utf8_validate(text, -1, NULL)) {
		config_value_fail(error, "'%s' is not UTF-8 text; correct the path or the file",
				  path);
		return NULL;
	}
	return g_steal_pointer(&text);
}

gboolean config_value_secret(const char *text, GBytes **secret_r, GError **error)
{
	static const char remedy[] = "make one with: echo whsec_$(openssl rand -base64 32)";
	const char *coded = text + strlen(SECRET_PREFIX);
	gsize len, coded_len;

	if (!g_str_has_prefix(text, SECRET_PREFIX))
		return config_value_fail(error, "does not begin with " SECRET_PREFIX "; %s",
					 remedy);
	/* g_base64_decode() skips what it does not know, so look first. */
	coded_len = strlen(coded);
	gsize digits =
		strspn(coded, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
	if (coded_len % 4 != 0 || digits + strspn(coded + digits, "=") != coded_len ||
	    coded_len - digits > 2)
		return config_value_fail(error, "is not base64 after " SECRET_PREFIX "; %s",
					 remedy);
	g_autofree guchar *key = g_base64_decode(coded, &len);
	if (len < SECRET_MIN || len > SECRET_MAX) {
		return config_value_fail(error, "holds %zu octets, not %d to %d; %s", len,
					 SECRET_MIN, SECRET_MAX, remedy);
	}
	*secret_r = g_bytes_new_take(g_steal_pointer(&key), len);
	return TRUE;
}
