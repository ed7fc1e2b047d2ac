#include "device.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "auth.h"

/* Device information, and the rest by names; what is NULL is not there. */
#define STATE_TYPE "(aysa{ss})"
#define STATE_VERSION "2"
#define URI_PREFIX "uri "
/* Of version 1: all strings in their order, "" = NULL. */
#define STATE_TYPE_1 "(aysssss)"

static const struct {
	const char *name;
	gsize offset;
} strings[] = {
	{"user-agent", offsetof(struct device, user_agent)},
	{"sent-devinf", offsetof(struct device, sent_devinf)},
	{"nonce", offsetof(struct device, nonce)},
	{"former-nonce", offsetof(struct device, former_nonce)},
	{"server", offsetof(struct device, server)},
	{"notify-server", offsetof(struct device, notify_server)},
	{"notify-secret", offsetof(struct device, notify_secret)},
};

static char **string_at(struct device *device, guint index)
{
	return (char **)((char *)device + strings[index].offset);
}

static void read_devinf(struct device *device, GVariant *document)
{
	gsize len;
	const void *data = g_variant_get_fixed_array(document, &len, 1);

	if (len > 0)
		device->said = devinf_parse(data, len, NULL);
}

/* NULL: of another version, or damaged. */
static GVariant *state_as(const char *type, const char *version, const void *state, gsize len)
{
	g_autoptr(GBytes) bytes = g_bytes_new(state, len);
	g_autoptr(GVariant) variant =
		g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE(type), bytes, FALSE));
	const char *said;

	if (!g_variant_is_normal_form(variant))
		return NULL;
	g_variant_get_child(variant, 1, "&s", &said);
	return strcmp(said, version) == 0 ? g_steal_pointer(&variant) : NULL;
}

static void read_state_1(struct device *device, const void *state, gsize len)
{
	g_autoptr(GVariant) variant = state_as(STATE_TYPE_1, "1", state, len);
	g_autoptr(GVariant) document = NULL;

	if (variant == NULL)
		return;
	document = g_variant_get_child_value(variant, 0);
	read_devinf(device, document);
	for (guint i = 0; i < 4; i++) {
		const char *value;

		g_variant_get_child(variant, 2 + i, "&s", &value);
		*string_at(device, i) = *value == '\0' ? NULL : g_strdup(value);
	}
}

static void read_uris(struct device *device, GVariant *rest)
{
	GVariantIter iter;
	const char *name, *value;

	g_variant_iter_init(&iter, rest);
	while (g_variant_iter_next(&iter, "{&s&s}", &name, &value)) {
		if (g_str_has_prefix(name, URI_PREFIX))
			device_set_uri(device, name + strlen(URI_PREFIX), value);
	}
	device->changed = FALSE;
}

/* One that cannot be read is a device that is not known yet. */
static void read_state(struct device *device, const void *state, gsize len)
{
	g_autoptr(GVariant) variant = state_as(STATE_TYPE, STATE_VERSION, state, len);
	g_autoptr(GVariant) document = NULL, rest = NULL;
	const char *number;

	if (variant == NULL) {
		read_state_1(device, state, len);
		return;
	}
	document = g_variant_get_child_value(variant, 0);
	rest = g_variant_get_child_value(variant, 2);
	read_devinf(device, document);
	for (guint i = 0; i < G_N_ELEMENTS(strings); i++)
		g_variant_lookup(rest, strings[i].name, "s", string_at(device, i));
	read_uris(device, rest);
	if (g_variant_lookup(rest, "version", "&s", &number))
		device->version = (enum sml_version)CLAMP(atoi(number), SML_1_0, SML_1_2);
	if (g_variant_lookup(rest, "encoding", "&s", &number))
		device->encoding = atoi(number) == SML_WBXML ? SML_WBXML : SML_XML;
}

static GVariant *write_rest(struct device *device)
{
	GVariantBuilder builder;
	GHashTableIter iter;
	gpointer name, uri;
	char number[16];

	g_variant_builder_init(&builder, G_VARIANT_TYPE("a{ss}"));
	for (guint i = 0; i < G_N_ELEMENTS(strings); i++) {
		const char *value = *string_at(device, i);

		if (value != NULL)
			g_variant_builder_add(&builder, "{ss}", strings[i].name, value);
	}
	g_hash_table_iter_init(&iter, device->uris);
	while (g_hash_table_iter_next(&iter, &name, &uri)) {
		g_autofree char *key = g_strconcat(URI_PREFIX, name, NULL);

		g_variant_builder_add(&builder, "{ss}", key, (const char *)uri);
	}
	g_snprintf(number, sizeof(number), "%d", (int)device->version);
	g_variant_builder_add(&builder, "{ss}", "version", number);
	g_snprintf(number, sizeof(number), "%d", (int)device->encoding);
	g_variant_builder_add(&builder, "{ss}", "encoding", number);
	return g_variant_builder_end(&builder);
}

static void find_rules(struct device *device, const struct rules *rules)
{
	struct devinf *instead;

	device_rules_clear(&device->rules);
	rules_find(rules, device->said, device->id, device->user_agent, &device->rules);
	instead = device->rules.device_information;
	devinf_unref(device->devinf);
	device->devinf = instead != NULL        ? devinf_ref(instead)
			 : device->said != NULL ? devinf_ref(device->said)
						: NULL;
}

struct device *device_load(struct pim_txn *txn, const struct rules *rules, const char *id,
			   const char *user_agent, gint64 now, GError **error)
{
	struct device *device;
	struct pim_peer peer;

	if (!pim_txn_peer(txn, id, now, &peer, error))
		return NULL;
	device = g_new0(struct device, 1);
	device->peer = peer.id;
	device->id = g_strdup(id);
	device->secret_user = g_strdup(peer.secret_user);
	device->secret = g_strdup(peer.secret);
	device->version = SML_1_2;
	device->uris = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	if (peer.state_len > 0)
		read_state(device, peer.state, peer.state_len);
	if (user_agent != NULL && g_strcmp0(user_agent, device->user_agent) != 0) {
		g_free(device->user_agent);
		device->user_agent = g_utf8_make_valid(user_agent, -1);
		device->changed = TRUE;
	}
	find_rules(device, rules);
	return device;
}

gboolean device_save(struct pim_txn *txn, struct device *device, gint64 now, GError **error)
{
	g_autoptr(GBytes) document = device->said == NULL
					     ? g_bytes_new(NULL, 0)
					     : devinf_document(device->said, SML_WBXML);
	GVariant *array = g_variant_new_from_bytes(G_VARIANT_TYPE_BYTESTRING, document, TRUE);
	g_autoptr(GVariant) state = g_variant_ref_sink(
		g_variant_new("(@ays@a{ss})", array, STATE_VERSION, write_rest(device)));

	device->changed = FALSE;
	return pim_txn_set_peer(txn, device->peer, now, g_variant_get_data(state),
				g_variant_get_size(state), error);
}

gboolean device_save_nonce(struct pim_txn *txn, const struct rules *rules, struct device *device,
			   gint64 now, GError **error)
{
	g_autoptr(device_t) stored = device_load(txn, rules, device->id, NULL, now, error);

	if (stored == NULL)
		return FALSE;
	device_set_nonce(stored, device->nonce);
	return device_save(txn, stored, now, error);
}

void device_free(struct device *device)
{
	if (device == NULL)
		return;
	g_free(device->id);
	devinf_unref(device->said);
	devinf_unref(device->devinf);
	g_free(device->user_agent);
	g_free(device->sent_devinf);
	g_free(device->nonce);
	g_free(device->former_nonce);
	g_free(device->server);
	g_hash_table_unref(device->uris);
	g_free(device->notify_server);
	g_free(device->notify_secret);
	g_free(device->secret_user);
	g_free(device->secret);
	device_rules_clear(&device->rules);
	g_free(device);
}

void device_set_devinf(struct device *device, const struct rules *rules, struct devinf *devinf)
{
	devinf_ref(devinf);
	devinf_unref(device->said);
	device->said = devinf;
	device->changed = TRUE;
	find_rules(device, rules);
}

void device_set_nonce(struct device *device, const char *nonce)
{
	g_free(device->former_nonce);
	device->former_nonce = device->nonce;
	device->nonce = g_strdup(nonce);
	device->changed = TRUE;
}

void device_set_spoken(struct device *device, enum sml_version version, enum sml_encoding encoding)
{
	device->changed =
		device->changed || device->version != version || device->encoding != encoding;
	device->version = version;
	device->encoding = encoding;
}

void device_set_server(struct device *device, const char *address)
{
	if (g_strcmp0(device->server, address) == 0)
		return;
	g_free(device->server);
	device->server = g_strdup(address);
	device->changed = TRUE;
}

void device_set_uri(struct device *device, const char *name, const char *uri)
{
	if (strcmp(device_uri(device, name), uri) == 0)
		return;
	g_hash_table_replace(device->uris, g_strdup(name), g_strdup(uri));
	device->changed = TRUE;
}

const char *device_uri(const struct device *device, const char *name)
{
	const char *uri = g_hash_table_lookup(device->uris, name);

	return uri != NULL ? uri : name;
}

gboolean device_set_password(struct pim_txn *txn, const struct rules *rules, const char *user,
			     const char *id, const char *server_id, const char *password,
			     gint64 now, GError **error)
{
	g_autoptr(device_t) device = device_load(txn, rules, id, NULL, now, error);
	g_autofree char *secret = NULL;

	if (device == NULL)
		return FALSE;
	/* Nonces that go with another secret are of no use. */
	g_clear_pointer(&device->nonce, g_free);
	g_clear_pointer(&device->former_nonce, g_free);
	g_clear_pointer(&device->notify_server, g_free);
	g_clear_pointer(&device->notify_secret, g_free);
	if (password != NULL) {
		secret = auth_secret(user, password);
		device->notify_server = g_strdup(server_id);
		device->notify_secret = auth_secret(server_id, password);
	}
	return pim_txn_set_secret(txn, device->peer, password == NULL ? NULL : user, secret,
				  error) &&
	       device_save(txn, device, now, error);
}

void device_set_sent_devinf(struct device *device, const char *version)
{
	g_free(device->sent_devinf);
	device->sent_devinf = g_strdup(version);
	device->changed = TRUE;
}

/* --- contents ------------------------------------------------------------------------- */

static enum pim_format usual_format(enum pim_collection collection)
{
	switch (collection) {
	case PIM_CONTACTS:
		return PIM_VCARD_2_1;
	case PIM_CALENDAR:
		return PIM_VCALENDAR_1_0;
	case PIM_NOTES:
		return PIM_PLAIN_TEXT;
	}
	g_assert_not_reached();
}

static gboolean is_of(enum pim_format format, enum pim_collection collection)
{
	switch (format) {
	case PIM_VCARD_2_1:
	case PIM_VCARD_3_0:
	case PIM_VCARD_4_0:
		return collection == PIM_CONTACTS;
	case PIM_VCALENDAR_1_0:
	case PIM_ICALENDAR_2_0:
		return collection == PIM_CALENDAR;
	case PIM_PLAIN_TEXT:
	case PIM_VNOTE_1_1:
		return collection == PIM_NOTES;
	}
	return FALSE;
}

/* The first that the phone receives and we know: its own preference first. */
static enum pim_format format_of(const struct devinf_store *store, enum pim_collection collection)
{
	enum pim_format format;

	for (guint i = 0; store != NULL && i < store->rx->len; i++) {
		const struct devinf_type *type = store->rx->pdata[i];

		if (type->type != NULL && pim_format_find(type->type, type->version, &format) &&
		    is_of(format, collection))
			return format;
	}
	return usual_format(collection);
}

static void limit_free(gpointer data)
{
	struct pim_property_limit *limit = data;

	g_free(limit->name);
	g_free(limit);
}

static void add_limit(GHashTable *properties, const struct devinf_property *property,
		      const struct device_rules *rules)
{
	struct pim_property_limit *limit;

	if (property->name == NULL || *property->name == '\0')
		return;
	limit = g_new0(struct pim_property_limit, 1);
	limit->name = g_ascii_strup(property->name, -1);
	limit->max_size =
		property->has_max_size && (rules->limited_lengths || !rules->ignore_max_size)
			? property->max_size
			: G_MAXUINT64;
	limit->no_truncate = property->no_truncate;
	limit->max_occur = (guint)MIN(property->max_occur, G_MAXUINT);
	g_hash_table_replace(properties, limit->name, limit);
}

/* VEVENT and VTODO, as BEGIN's values say. */
static pim_components components_of(const struct devinf_capability *capability,
				    pim_components components)
{
	const struct devinf_property *begin = devinf_find_property(capability, "BEGIN");
	pim_components said = 0;

	for (guint i = 0; begin != NULL && i < begin->values->len; i++) {
		if (g_ascii_strcasecmp(begin->values->pdata[i], "VEVENT") == 0)
			said |= PIM_COMPONENT_BIT(PIM_EVENT);
		else if (g_ascii_strcasecmp(begin->values->pdata[i], "VTODO") == 0)
			said |= PIM_COMPONENT_BIT(PIM_TASK);
	}
	return said == 0 ? components : components & said;
}

static struct pim_capability *capability_new(pim_components components)
{
	struct pim_capability *capability = g_new0(struct pim_capability, 1);

	capability->components = components;
	capability->properties = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, limit_free);
	return capability;
}

static struct pim_capability *capability_of(const struct device *device,
					    const struct devinf_store *store,
					    enum pim_format format, pim_components components)
{
	const struct devinf_capability *said =
		store == NULL || device->rules.ignore_capabilities
			? NULL
			: devinf_find_capability(store, pim_format_type(format),
						 pim_format_version(format));
	struct pim_capability *capability;

	if (said == NULL || said->properties->len == 0)
		return NULL;
	capability = capability_new(components_of(said, components));
	for (guint i = 0; i < said->properties->len; i++)
		add_limit(capability->properties, said->properties->pdata[i], &device->rules);
	return capability;
}

void content_init(struct content *content_r, const struct device *device, const char *uri,
		  enum pim_collection collection, pim_components components, const char *zone)
{
	const struct devinf_store *store =
		device->devinf == NULL ? NULL : devinf_find_store(device->devinf, uri);

	memset(content_r, 0, sizeof(*content_r));
	content_r->style = device->rules.style;
	content_r->style.zone = zone;
	/* Without UTC in DevInf it is local time (OMA DevInf 1.2, UTC); of a phone that said
	 * nothing at all the rules decide. */
	if (device->devinf != NULL && !device->devinf->utc)
		content_r->style.times = PIM_TIMES_LOCAL;
	content_r->format = format_of(store, collection);
	content_r->capability = capability_of(device, store, content_r->format, components);
	content_r->max_guid_size = store == NULL ? 0 : store->max_guid_size;
	content_r->large_objects =
		device->devinf != NULL && device->devinf->large_objects && !device->rules.no_size;
}

static void capability_free(struct pim_capability *capability)
{
	if (capability == NULL)
		return;
	g_hash_table_unref(capability->properties);
	g_free(capability);
}

void content_set_fields(struct content *content, const struct device *device,
			const GPtrArray *fields, pim_components components)
{
	struct pim_capability *capability = capability_new(
		content->capability == NULL ? components : content->capability->components);

	for (guint i = 0; i < fields->len; i++)
		add_limit(capability->properties, fields->pdata[i], &device->rules);
	capability_free(content->capability);
	content->capability = capability;
}

void content_clear(struct content *content)
{
	capability_free(content->capability);
	memset(content, 0, sizeof(*content));
}
