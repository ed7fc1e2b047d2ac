/*
 * Devices of Push-IMAP on the mail socket: PROFILE, PREFER, PRESENT, ATTACH. What the
 * person at the other end may have got wrong is answered `refused`, with words for them.
 */
#include "extended.h"
#include "intake-private.h"
#include "limits.h"
#include "pimap-profile.h"
#include "pimap-reach.h"
#include "store.h"
#include "url-guard.h"

#include <string.h>
#include <sys/random.h>

/* The user's device of that name; NULL if it is not there or one of another face. */
static struct device *find_device(const struct request *request)
{
	struct registry *registry = request->intake->registry;
	const char *name = request_get(request, "device");
	g_autoptr(device_t) device = NULL;

	if (pimap_device_id_valid(name))
		device = registry->backend->find(registry, request->user, name);
	if (device == NULL || device_face(device->dialect) != FACE_PIMAP)
		return NULL;
	return g_steal_pointer(&device);
}

static gboolean is_locked(const struct request *request)
{
	g_autoptr(device_t) device = find_device(request);

	return device != NULL && device->state == DEVICE_LOCKED;
}

static gboolean check_name(const struct request *request)
{
	if (pimap_device_id_valid(request_get(request, "device")))
		return TRUE;
	request_no(request, "refused",
		   "a device has 1 to 64 letters, digits, hyphens, underscores and dots");
	return FALSE;
}

/* --- PROFILE -------------------------------------------------------------- */

static void say_attachment(const struct request *request,
			   const struct registry_attachment *attachment)
{
	const char *mailbox = *attachment->mailbox != '\0' ? attachment->mailbox : NULL;
	struct tabline_buf buf;

	tabline_buf_init(&buf, LIMIT_LINE);
	tabline_word(&buf, "ITEM");
	tabline_word(&buf, request->id);
	tabline_field(&buf, "attach", "yes");
	tabline_field(&buf, "filter", attachment->filter);
	tabline_field(&buf, "mailbox", mailbox);
	if (tabline_end(&buf))
		line_peer_write(request->peer, &buf);
	tabline_buf_free(&buf);
}

/* `key`: the device's, to be handed to it; NULL = none is. */
static void say_profile(const struct request *request, const guint8 *key)
{
	const struct config *config = request->intake->context->config;
	struct registry *registry = request->intake->registry;
	g_autofree char *channels = pimap_channels(config);
	g_autofree char *text = key != NULL ? g_base64_encode(key, EXTENDED_KEY) : NULL;
	g_autoptr(device_t) device = find_device(request);
	g_autoptr(pimap_profile_t) profile = NULL;
	struct tabline_buf buf;

	if (device != NULL) {
		g_autoptr(GPtrArray) list = registry->backend->attachments(registry, device->id);

		profile = registry->backend->profile(registry, device->id);
		for (guint i = 0; i < list->len; i++)
			say_attachment(request, g_ptr_array_index(list, i));
	}
	tabline_buf_init(&buf, LIMIT_LINE);
	tabline_word(&buf, "OK");
	tabline_word(&buf, request->id);
	tabline_field(&buf, "known", device != NULL ? "yes" : "no");
	for (guint i = 0; i < PIMAP_PREF_COUNT; i++)
		tabline_field(&buf, pimap_pref_key((enum pimap_pref)i),
			      pimap_profile_get(profile, (enum pimap_pref)i));
	tabline_field(&buf, "channels", channels);
	tabline_field(&buf, "formats", pimap_formats(config));
	tabline_field(&buf, "notify-address", config->pimap_notify_address);
	if (config->pimap_notify_port != 0)
		tabline_field_u64(&buf, "notify-port", config->pimap_notify_port);
	tabline_field(&buf, "enc-key", text);
	if (tabline_end(&buf))
		line_peer_write(request->peer, &buf);
	tabline_buf_free(&buf);
}

/* A request that waits for the disk. */
struct provision {
	struct change *change;
	char *user, *device;
	gboolean key;
};

static void provision_free(struct provision *provision)
{
	g_free(provision->user);
	g_free(provision->device);
	g_free(provision);
}

/* For want of room the device is told what there is all the same, but for the key. */
static gboolean is_room(const GError *error)
{
	return g_error_matches(error, STORE_ERROR, STORE_ERROR_LIMIT) ||
	       g_error_matches(error, STORE_ERROR, STORE_ERROR_REFUSED);
}

static void provisioned(const struct device *device, const GError *error, gpointer data)
{
	struct provision *provision = data;
	struct change *change = provision->change;
	const struct tabline_field fields[] = {{"device", provision->device}};
	const struct request request = {.intake = change->intake,
					.peer = change->peer,
					.id = change->id,
					.user = provision->user,
					.fields = fields,
					.count = G_N_ELEMENTS(fields)};

	if (error != NULL && !is_room(error)) {
		intake_change_end(change, error);
	} else {
		if (!change->intake->closed)
			say_profile(&request, error == NULL && provision->key ? device->key : NULL);
		intake_change_free(change);
	}
	provision_free(provision);
}

void intake_profile(const struct request *request)
{
	struct registry *registry = request->intake->registry;
	const char *device = request_get(request, "device"),
		   *id = request_get(request, "notification-id");
	gboolean key = request->intake->context->config->pimap_extended &&
		       g_strcmp0(request_get(request, "key"), "yes") == 0;
	struct provision *provision;
	guint8 fresh[EXTENDED_KEY];

	if (is_locked(request)) {
		request_no(request, "refused", "the device is locked");
		return;
	}
	if (!pimap_device_id_valid(device) || (!key && id == NULL)) {
		say_profile(request, NULL);
		return;
	}
	if (id != NULL && (strlen(id) > LIMIT_NOTIFICATION_ID || !g_utf8_validate(id, -1, NULL))) {
		request_no(request, "refused", "the notification id is too long or not UTF-8");
		return;
	}
	if (!request_may_change(request))
		return;
	if (getrandom(fresh, sizeof(fresh), 0) != (ssize_t)sizeof(fresh)) {
		request_no(request, "unavailable", "no random numbers");
		return;
	}
	provision = g_new0(struct provision, 1);
	provision->change = intake_change_new(request);
	provision->user = g_strdup(request->user);
	provision->device = g_strdup(device);
	provision->key = key;
	registry->backend->provision(registry, request->user, device, id, key ? fresh : NULL,
				     g_get_real_time() / G_USEC_PER_SEC, provisioned, provision);
}

/* --- PREFER, ATTACH --------------------------------------------------------- */

static void changed(const struct device *device, const GError *error, gpointer data)
{
	intake_change_end(data, error);
}

/* What the device's channel and address will be: can that be reached from here? Either way the
 * text has to be kept until it was said. */
static char *check_reach(const struct request *request, const struct pimap_profile *profile,
			 enum pimap_pref pref, const char *value)
{
	struct intake *intake = request->intake;
	const char *channel = pref == PIMAP_PREF_CHANNEL
				      ? value
				      : pimap_profile_get(profile, PIMAP_PREF_CHANNEL),
		   *address = pref == PIMAP_PREF_ADDRESS
				      ? value
				      : pimap_profile_get(profile, PIMAP_PREF_ADDRESS);
	g_autoptr(GError) error = NULL;
	struct url_parts parts;

	if ((pref != PIMAP_PREF_CHANNEL && pref != PIMAP_PREF_ADDRESS) || *address == '\0')
		return NULL;
	if (strcmp(channel, "WEBPUSH") == 0)
		return g_strdup(pimap_reach_check(intake->registry, request->user, address));
	if (strcmp(channel, "HTTP") != 0 || !pimap_is_url(address))
		return NULL;
	if (!url_guard_parse(intake->context->url_guard, address, &parts, &error))
		return g_strdup(error->message);
	url_parts_clear(&parts);
	return NULL;
}

static gboolean has_key(struct registry *registry, const struct device *device)
{
	struct registry_key key = {.fetched = FALSE};

	if (device != NULL)
		registry->backend->key(registry, device->id, &key);
	return key.fetched;
}

void intake_prefer(const struct request *request)
{
	struct registry *registry = request->intake->registry;
	const char *value = request_get(request, "value"), *text;
	g_autoptr(device_t) device = find_device(request);
	g_autoptr(pimap_profile_t) profile = NULL;
	g_autofree char *canonical = NULL, *unreachable = NULL;
	enum pimap_pref pref;

	if (!check_name(request))
		return;
	if (!pimap_pref_parse(request_get(request, "name"), &pref) || value == NULL) {
		request_no(request, "refused", "there is no such preference, or it has no value");
		return;
	}
	if (device != NULL)
		profile = registry->backend->profile(registry, device->id);
	text = pimap_pref_check(request->intake->context->config, profile, pref, value, &canonical);
	if (text == NULL && pref == PIMAP_PREF_FORMAT && strcmp(canonical, "EXTENDED") == 0 &&
	    !has_key(registry, device))
		text = "the device has no key yet; XPROVISION, over TLS, hands it one";
	if (text == NULL)
		text = unreachable = check_reach(request, profile, pref, canonical);
	if (text != NULL) {
		request_no(request, "refused", text);
		return;
	}
	if (!request_may_change(request))
		return;
	registry->backend->prefer(registry, request->user, request_get(request, "device"), pref,
				  canonical, g_get_real_time() / G_USEC_PER_SEC, changed,
				  intake_change_new(request));
}

static gboolean mailbox_valid(const char *mailbox)
{
	return *mailbox != '\0' && strlen(mailbox) <= LIMIT_MAILBOX &&
	       g_utf8_validate(mailbox, -1, NULL);
}

void intake_attach(const struct request *request)
{
	struct registry *registry = request->intake->registry;
	const char *filter = request_get(request, "filter"),
		   *mailbox = request_get(request, "mailbox");

	if (!check_name(request))
		return;
	if (mailbox != NULL && !mailbox_valid(mailbox)) {
		request_no(request, "refused", "the mailbox name is empty, too long or not UTF-8");
		return;
	}
	if (filter == NULL || strlen(filter) > LIMIT_FILTER_NAME) {
		request_no(request, "notfound", "no such filter");
		return;
	}
	if (!request_may_change(request))
		return;
	registry->backend->attach(registry, request->user, request_get(request, "device"),
				  mailbox != NULL ? mailbox : "", filter,
				  g_get_real_time() / G_USEC_PER_SEC, changed,
				  intake_change_new(request));
}

/* --- PRESENT ---------------------------------------------------------------- */

void intake_present(const struct request *request)
{
	struct intake *intake = request->intake;
	const char *session = request_get(request, "session");
	gboolean listening = g_strcmp0(request_get(request, "listening"), "yes") == 0;
	g_autoptr(device_t) device = find_device(request);
	g_autoptr(pimap_profile_t) profile = NULL;
	gint64 now_us = g_get_real_time();

	/* Who has set nothing is not pushed to either. */
	if (device != NULL)
		profile = intake->registry->backend->profile(intake->registry, device->id);
	if (device != NULL && session != NULL && strlen(session) <= LIMIT_SESSION_ID) {
		/* A wake-up that waits to be sent is of no use any more. There is none while it
		 * listens. In the format EXTENDED it may be an operator's command. */
		if (device->dialect == DIALECT_EMN &&
		    !presence_listens(intake->presence, device->id, now_us))
			intake->queue->backend->drop_device(intake->queue, device->id, NULL, NULL);
		presence_say(intake->presence, device->id, session, listening, now_us);
		intake->registry->backend->present(intake->registry, device,
						   now_us / G_USEC_PER_SEC);
	}
	intake_ok(request->peer, request->id, pimap_pref_key(PIMAP_PREF_INBAND_PUSH),
		  pimap_profile_get(profile, PIMAP_PREF_INBAND_PUSH),
		  pimap_pref_key(PIMAP_PREF_INBAND_NEW_FORMAT),
		  pimap_profile_get(profile, PIMAP_PREF_INBAND_NEW_FORMAT));
}
