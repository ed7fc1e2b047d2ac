#include "gateway-context.h"
#include "url-guard.h"
#include "vapid-file.h"
#include "vapid.h"

/* HTTP clients nobody refers to any more, until the main loop comes round. */
static GQueue retired = G_QUEUE_INIT;
static guint retired_source;

void gateway_context_flush(void)
{
	struct http_client *http;

	while ((http = g_queue_pop_head(&retired)) != NULL)
		http_client_free(&http);
	g_clear_handle_id(&retired_source, g_source_remove);
}

static gboolean flush_retired(gpointer data)
{
	retired_source = 0;
	gateway_context_flush();
	return G_SOURCE_REMOVE;
}

struct gateway_context *gateway_context_ref(struct gateway_context *context)
{
	g_atomic_ref_count_inc(&context->refs);
	return context;
}

void gateway_context_unref(struct gateway_context *context)
{
	if (context == NULL || !g_atomic_ref_count_dec(&context->refs))
		return;
	if (context->http != NULL) {
		g_queue_push_tail(&retired, context->http);
		if (retired_source == 0)
			retired_source =
				g_idle_add_full(G_PRIORITY_DEFAULT, flush_retired, NULL, NULL);
	}
	if (context->vapid != NULL)
		vapid_unref(context->vapid);
	if (context->url_guard != NULL)
		url_guard_unref(context->url_guard);
	config_unref((struct config *)context->config);
	g_free(context);
}

/* What to do about a VAPID key that is not there. */
enum missing_key {
	MISSING_KEY_MAKE,
	MISSING_KEY_SKIP,
	MISSING_KEY_FAIL,
};

/* FALSE with error. *vapid_r stays NULL if there is no key, and that is fine. */
static gboolean open_vapid(const struct config *config, enum missing_key missing,
			   struct vapid **vapid_r, GError **error)
{
	const char *path = config->vapid_key_file;
	gboolean exists = vapid_file_exists(path);

	if (!exists && missing == MISSING_KEY_SKIP)
		return TRUE;
	if (!exists && missing == MISSING_KEY_FAIL) {
		g_set_error(error, VAPID_ERROR, VAPID_ERROR_FILE,
			    "'%s' is gone, and with a new key every device would have to register "
			    "again; put it back, or restart the bridge to make one",
			    path);
		return FALSE;
	}
	*vapid_r = vapid_open(path, config->contact, error);
	/* Not seen by whoever lost the old one, this would be a riddle for days. */
	if (*vapid_r != NULL && !exists)
		g_message("made a new VAPID key, '%s': back it up", path);
	return *vapid_r != NULL;
}

static struct gateway_context *build(const struct config *config, enum missing_key missing,
				     GError **error)
{
	g_autoptr(gateway_context_t) context = g_new0(struct gateway_context, 1);
	g_autoptr(GError) guard_error = NULL;
	struct http_client_settings settings = {
		.ca_file = config->ca_file,
		.timeout_secs = config->timeout_secs,
		.parallel_per_origin = config->parallel_per_origin,
		.parallel = config->parallel,
	};

	g_atomic_ref_count_init(&context->refs);
	context->config = config_ref(config);
	context->url_guard =
		url_guard_new((const char *const *)config->allowed_endpoints, &guard_error);
	if (context->url_guard == NULL) {
		g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_VALUE,
			    "%s: [http] allowed-endpoints: %s", config->path, guard_error->message);
		return NULL;
	}
	if (config->webpush_enabled && !open_vapid(config, missing, &context->vapid, error)) {
		g_prefix_error(error, "[webpush] vapid-key-file: ");
		return NULL;
	}
	context->http = http_client_new(context->url_guard, &settings, error);
	if (context->http == NULL) {
		g_prefix_error(error, "[http]: ");
		return NULL;
	}
	return g_steal_pointer(&context);
}

struct gateway_context *gateway_context_new(const struct config *config,
					    const struct gateway_context *former, GError **error)
{
	gboolean had_key = former != NULL && former->vapid != NULL;

	return build(config, had_key ? MISSING_KEY_FAIL : MISSING_KEY_MAKE, error);
}

gboolean gateway_context_check(const struct config *config, GError **error)
{
	g_autoptr(gateway_context_t) context = build(config, MISSING_KEY_SKIP, error);

	return context != NULL;
}
