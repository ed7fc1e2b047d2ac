#include "bridge-config.h"
#include "config-keys.h"
#include "config-webhook.h"
#include "keyfile.h"
#include "limits.h"
#include "pimap-profile.h"
#include "template.h"
#include "url-guard.h"

#include <string.h>

/* --- sections ------------------------------------------------------------- */

static gboolean is_webhook(const struct keyfile_section *section)
{
	return strcmp(section->name, "webhook") == 0 || g_str_has_prefix(section->name, "webhook ");
}

static const char *webhook_name(const struct keyfile_section *section)
{
	const char *name = section->name + strlen("webhook");

	return name + strspn(name, " ");
}

/* Only once all is read: what is safe depends on content-type. */
static gboolean check_template(const struct config_webhook *webhook,
			       const struct keyfile_section *section, const char *path,
			       GError **error)
{
	const struct keyfile_entry *entry = keyfile_section_find(section, "template");
	g_autoptr(GError) reason = NULL;

	if (webhook->template == NULL ||
	    template_check(webhook->template, webhook->content_type, &reason))
		return TRUE;
	if (entry == NULL)
		entry = keyfile_section_find(section, "template-file");
	struct config_place place = {path, section->name, entry->key, entry->line};
	/* It may quote the template, which may have more lines than one. */
	g_strdelimit(reason->message, "\r\n\t", ' ');
	return config_fail(error, &place, CONFIG_ERROR_VALUE,
			   "%s; see fantail-bridge.conf(5), TEMPLATES", reason->message);
}

static gboolean read_webhook(struct config *config, const struct keyfile_section *section,
			     const char *path, gboolean readable_by_all, GError **error)
{
	struct config_place place = {path, section->name, NULL, section->line};
	const char *name = webhook_name(section);
	g_autoptr(config_webhook_t) webhook = NULL;

	if (*name == '\0') {
		return config_fail(error, &place, CONFIG_ERROR_KEY,
				   "a webhook needs a name; write [webhook NAME]");
	}
	if (strlen(name) > LIMIT_DEVICE_ID || strchr(name, ' ') != NULL) {
		return config_fail(error, &place, CONFIG_ERROR_KEY,
				   "bad name; use up to %d letters, digits, '-', '_' and '.'",
				   LIMIT_DEVICE_ID);
	}
	if (config_find_webhook(config, name) != NULL)
		return config_fail(error, &place, CONFIG_ERROR_KEY,
				   "two webhooks of that name; rename one");
	if (config->webhooks->len == LIMIT_WEBHOOKS) {
		return config_fail(
			error, &place, CONFIG_ERROR_KEY,
			"more than %d webhooks; put a relay of your own behind one of them",
			LIMIT_WEBHOOKS);
	}

	webhook = config_webhook_new(name);
	for (guint i = 0; i < section->entries->len; i++) {
		const struct keyfile_entry *entry = g_ptr_array_index(section->entries, i);
		g_autoptr(GError) reason = NULL;

		place.key = entry->key;
		place.line = entry->line;
		if (!config_webhook_has_key(entry->key))
			return config_table_unknown_key(&config_keys, error, &place,
							config_webhook_key_names);
		if (readable_by_all && config_webhook_is_secret(entry->key)) {
			return config_fail(
				error, &place, CONFIG_ERROR_VALUE,
				"is secret, and everybody can read this file; chmod o-r %s%s", path,
				g_str_has_suffix(entry->key, "secret") ? ", or use its -file key"
								       : "");
		}
		if (!config_webhook_set(webhook, entry->key, entry->value, &reason))
			return config_fail(error, &place, CONFIG_ERROR_VALUE, "%s",
					   reason->message);
	}

	const char *missing = config_webhook_missing(webhook);
	if (missing != NULL) {
		place.key = missing;
		place.line = section->line;
		return config_fail(error, &place, CONFIG_ERROR_VALUE,
				   "is missing; every webhook needs it");
	}
	if (!check_template(webhook, section, path, error))
		return FALSE;
	g_ptr_array_add(config->webhooks, g_steal_pointer(&webhook));
	return TRUE;
}

/* --- what only two keys together can get wrong ----------------------------- */

static gboolean check_url(const struct url_guard *guard, const char *url,
			  const struct config_place *place, GError **error)
{
	g_autoptr(GError) reason = NULL;
	struct url_parts parts;

	if (!url_guard_parse(guard, url, &parts, &reason))
		return config_fail(
			error, place, CONFIG_ERROR_VALUE,
			"%s; if it is meant, name its origin in [http] allowed-endpoints",
			reason->message);
	url_parts_clear(&parts);
	return TRUE;
}

static struct config_place webhook_place(const struct config_webhook *webhook,
					 const struct keyfile *keyfile, const char *path)
{
	for (guint i = 0; i < keyfile->sections->len; i++) {
		const struct keyfile_section *section = g_ptr_array_index(keyfile->sections, i);

		if (is_webhook(section) && strcmp(webhook_name(section), webhook->name) == 0)
			return config_place_of(keyfile, path, section->name, "url");
	}
	return (struct config_place){path, "webhook", "url", 1};
}

/* May the bridge call the hosts of webhooks, of the SMS gateway and of Delta Chat's service? The
 * guard is the operator's, too, so that a slip of the pen does not open the inner network. */
static gboolean check_urls(const struct config *config, const struct keyfile *keyfile,
			   const char *path, GError **error)
{
	g_autoptr(GError) reason = NULL;
	struct config_place place;
	gboolean ok = TRUE;
	struct url_guard *guard =
		url_guard_new((const char *const *)config->allowed_endpoints, &reason);

	if (guard == NULL) {
		place = config_place_of(keyfile, path, "http", "allowed-endpoints");
		return config_fail(error, &place, CONFIG_ERROR_VALUE,
				   "%s; write an origin, a host name or an address range",
				   reason->message);
	}
	for (guint i = 0; ok && i < config->webhooks->len; i++) {
		const struct config_webhook *webhook = g_ptr_array_index(config->webhooks, i);

		place = webhook_place(webhook, keyfile, path);
		ok = check_url(guard, webhook->url, &place, error);
	}
	if (ok && config->sms_url != NULL) {
		place = config_place_of(keyfile, path, "sms", "url");
		ok = check_url(guard, config->sms_url, &place, error);
	}
	if (ok && config->deltapush_url != NULL) {
		place = config_place_of(keyfile, path, "deltapush", "url");
		ok = check_url(guard, config->deltapush_url, &place, error);
	}
	url_guard_unref(guard);
	return ok;
}

static gboolean check_together(const struct config *config, const struct keyfile *keyfile,
			       const char *path, GError **error)
{
	struct config_place place;

	if (strcmp(config->socket, config->control_socket) == 0) {
		place = config_place_of(keyfile, path, "bridge", "control-socket");
		return config_fail(error, &place, CONFIG_ERROR_VALUE,
				   "is the same as socket; give each its own path");
	}
	if (strcmp(config->hub_socket, config->socket) == 0 ||
	    strcmp(config->hub_socket, config->control_socket) == 0) {
		place = config_place_of(keyfile, path, "hub", "socket");
		return config_fail(error, &place, CONFIG_ERROR_VALUE,
				   "is another socket's path; give it its own");
	}
	if (config->metrics != NULL && g_str_has_prefix(config->metrics, "unix:")) {
		const char *metrics = config->metrics + strlen("unix:");

		place = config_place_of(keyfile, path, "bridge", "metrics");
		if (strcmp(metrics, config->socket) == 0 ||
		    strcmp(metrics, config->hub_socket) == 0 ||
		    strcmp(metrics, config->control_socket) == 0)
			return config_fail(error, &place, CONFIG_ERROR_VALUE,
					   "is another socket's path; give it its own");
	}
	if (config->arrival_delay_us >= config->arrival_ttl_us) {
		place = config_place_of(keyfile, path, "queue", "arrival-delay");
		return config_fail(error, &place, CONFIG_ERROR_VALUE,
				   "is not below arrival-ttl, so nothing would be sent; lower it");
	}
	if (config->state_delay_us >= config->state_ttl_us) {
		place = config_place_of(keyfile, path, "queue", "state-delay");
		return config_fail(error, &place, CONFIG_ERROR_VALUE,
				   "is not below state-ttl, so nothing would be sent; lower it");
	}
	if (config->apple_delay_us >= config->state_ttl_us) {
		place = config_place_of(keyfile, path, "apple", "delay");
		return config_fail(error, &place, CONFIG_ERROR_VALUE,
				   "is not below state-ttl, so nothing would be sent; lower it");
	}
	if (config->parallel_per_origin > config->parallel) {
		place = config_place_of(keyfile, path, "http", "parallel-per-origin");
		return config_fail(error, &place, CONFIG_ERROR_VALUE,
				   "is above parallel (%u); lower it", config->parallel);
	}
	if (config->sms_url != NULL &&
	    (config->sms_username == NULL || config->sms_password == NULL)) {
		place = config_place_of(keyfile, path, "sms", "url");
		return config_fail(error, &place, CONFIG_ERROR_VALUE,
				   "needs username and password-file beside it; write these, too");
	}
	for (char **name = config->pimap_channels; name != NULL && *name != NULL; name++) {
		const char *lack = pimap_channel_lacks(config, *name);

		if (lack == NULL)
			continue;
		place = config_place_of(keyfile, path, "pimap", "channels");
		return config_fail(error, &place, CONFIG_ERROR_VALUE, "%s", lack);
	}
	return check_urls(config, keyfile, path, error);
}

/* --- the whole ------------------------------------------------------------ */

struct config *config_defaults(void)
{
	struct config *config = g_new0(struct config, 1);

	g_atomic_ref_count_init(&config->refs);
	config->state_dir = g_strdup("/var/lib/fantail");
	config->socket = g_strdup("/run/fantail/bridge.sock");
	config->socket_mode = 0666;
	config->control_socket = g_strdup("/run/fantail/control.sock");
	config->control_mode = 0660;
	config->spool_dir = g_strdup("/var/spool/fantail");
	config->mail_uids = g_array_new(FALSE, FALSE, sizeof(uid_t));
	config->log_level = g_strdup("info");

	config->hub_socket = g_strdup("/run/fantail/hub.sock");
	config->hub_socket_mode = 0666;
	config->hub_connections = LIMIT_HUB_CONNECTIONS;
	config->hub_connections_per_uid = LIMIT_HUB_CONNECTIONS_PER_UID;

	config->max_pending = 1000 * 1000;
	config->max_bytes = G_GUINT64_CONSTANT(2) << 30;
	config->arrival_delay_us = 0;
	config->state_delay_us = 30 * (gint64)G_USEC_PER_SEC;
	config->arrival_ttl_us = 86400 * (gint64)G_USEC_PER_SEC;
	config->state_ttl_us = 3600 * (gint64)G_USEC_PER_SEC;

	config->devices_per_user = LIMIT_DEVICES_PER_USER;
	config->confirm_secs = LIMIT_CONFIRM_SECS;
	config->rate_per_minute = 60;
	config->rate_burst = 60;
	config->dead_keep_secs = 7 * 86400;

	config->timeout_secs = LIMIT_REQUEST_SECS;
	config->parallel_per_origin = LIMIT_ORIGIN_PARALLEL;
	config->parallel = LIMIT_PARALLEL;

	config->webpush_enabled = TRUE;
	config->vapid_key_file = g_strdup("/var/lib/fantail/vapid.pem");
	config->pad_to = 1;

	config->apple_delay_us = 30 * (gint64)G_USEC_PER_SEC;

	config->webhooks = g_ptr_array_new_with_free_func((GDestroyNotify)config_webhook_free);
	return config;
}

static struct config *parse(const char *text, gsize len, const char *path, gboolean readable_by_all,
			    GError **error)
{
	g_autoptr(keyfile_t) keyfile = config_keyfile(text, len, path, error);

	if (keyfile == NULL)
		return NULL;

	g_autoptr(config_t) config = config_defaults();
	config->path = g_strdup(path);
	for (guint i = 0; i < keyfile->sections->len; i++) {
		const struct keyfile_section *section = g_ptr_array_index(keyfile->sections, i);
		gboolean ok;

		if (is_webhook(section)) {
			ok = read_webhook(config, section, path, readable_by_all, error);
		} else if (strcmp(section->name, "webhook NAME") != 0 &&
			   g_strv_contains(config_keys.sections, section->name)) {
			ok = config_table_read(&config_keys, config, section, path, error);
		} else {
			ok = config_table_unknown_section(&config_keys, error, section, path);
		}
		if (!ok)
			return NULL;
	}

	/* The key file moves along with the state folder unless it was named. */
	const struct keyfile_section *webpush = keyfile_find(keyfile, "webpush");
	if (webpush == NULL || keyfile_section_find(webpush, "vapid-key-file") == NULL) {
		g_free(config->vapid_key_file);
		config->vapid_key_file = g_build_filename(config->state_dir, "vapid.pem", NULL);
	}
	if (!check_together(config, keyfile, path, error))
		return NULL;
	return g_steal_pointer(&config);
}

struct config *config_parse(const char *text, gsize len, const char *path, GError **error)
{
	return parse(text, len, path, FALSE, error);
}

struct config *config_load(const char *path, GError **error)
{
	gboolean readable_by_all;
	gsize len;
	g_autofree char *text = config_file_read(path, &len, &readable_by_all, error);

	return text != NULL ? parse(text, len, path, readable_by_all, error) : NULL;
}

struct config *config_ref(const struct config *config)
{
	struct config *shared = (struct config *)config;

	g_atomic_ref_count_inc(&shared->refs);
	return shared;
}

void config_unref(struct config *config)
{
	if (config == NULL || !g_atomic_ref_count_dec(&config->refs))
		return;
	g_free(config->path);
	g_free(config->state_dir);
	g_free(config->socket);
	g_free(config->control_socket);
	g_free(config->spool_dir);
	g_free(config->hub_socket);
	g_array_unref(config->mail_uids);
	g_free(config->metrics);
	g_free(config->log_level);
	g_free(config->ca_file);
	g_strfreev(config->allowed_endpoints);
	g_free(config->vapid_key_file);
	g_free(config->contact);
	g_free(config->sms_url);
	g_free(config->sms_username);
	g_free(config->sms_password);
	g_free(config->sms_sender);
	g_free(config->sms_cdma_smsc);
	g_strfreev(config->pimap_channels);
	g_free(config->pimap_notify_address);
	g_free(config->apple_topic);
	g_free(config->deltapush_url);
	g_ptr_array_unref(config->webhooks);
	g_free(config);
}

const struct config_webhook *config_find_webhook(const struct config *config, const char *name)
{
	for (guint i = 0; i < config->webhooks->len; i++) {
		const struct config_webhook *webhook = g_ptr_array_index(config->webhooks, i);

		if (strcmp(webhook->name, name) == 0)
			return webhook;
	}
	return NULL;
}
