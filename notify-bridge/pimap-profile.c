#include "pimap-profile.h"
#include "limits.h"

#include <string.h>

static const struct {
	const char *name, *key, *value;
} prefs[PIMAP_PREF_COUNT] = {
	[PIMAP_PREF_ADDRESS] = {"PIMAP_OUTBAND_ADDRESS", "address", ""},
	[PIMAP_PREF_CHANNEL] = {"PIMAP_OUTBAND_CHANNEL", "channel", "NONE"},
	[PIMAP_PREF_FORMAT] = {"PIMAP_OUTBAND_FORMAT", "format", "EMN"},
	[PIMAP_PREF_EVENT_FILTER] = {"PIMAP_EVENT_FILTER", "event-filter", "ALL"},
	[PIMAP_PREF_INBAND_PUSH] = {"PIMAP_INBAND_PUSH", "inband-push", "OFF"},
	[PIMAP_PREF_INBAND_NEW_FORMAT] = {"PIMAP_INBAND_NEW_FORMAT", "inband-new-format", "NONE"},
};

/* A raw message for the port that the draft suggests (B.3), instead of WAP push. */
#define PORT_143 ";port=143"
/* The same where there is no user data header. */
#define WDP_143 ";wdp=143"

enum address_kind {
	ADDRESS_NUMBER,
	ADDRESS_SUBSCRIPTION, /* of Web Push, of the same user */
	ADDRESS_WEB,          /* a URL, or the name of an operator's webhook */
};

static const struct channel {
	const char *name, *gateway, *suffix;
	enum address_kind kind;
} channels[] = {
	{"WAP_PUSH", "sms", "", ADDRESS_NUMBER},
	{"SMS", "sms", "", ADDRESS_NUMBER},
	{"GSMSMS", "sms", PORT_143, ADDRESS_NUMBER},
	{"WAPWDP", "sms", WDP_143, ADDRESS_NUMBER},
	{"WEBPUSH", "webpush", "", ADDRESS_SUBSCRIPTION},
	{"HTTP", "http", "", ADDRESS_WEB},
};

void pimap_profile_free(struct pimap_profile *profile)
{
	if (profile == NULL)
		return;
	for (guint i = 0; i < PIMAP_PREF_COUNT; i++)
		g_free(profile->values[i]);
	g_free(profile);
}

gboolean pimap_pref_parse(const char *name, enum pimap_pref *pref_r)
{
	for (guint i = 0; name != NULL && i < PIMAP_PREF_COUNT; i++) {
		if (g_ascii_strcasecmp(name, prefs[i].name) == 0) {
			*pref_r = (enum pimap_pref)i;
			return TRUE;
		}
	}
	return FALSE;
}

const char *pimap_pref_name(enum pimap_pref pref)
{
	return prefs[pref].name;
}

const char *pimap_pref_key(enum pimap_pref pref)
{
	return prefs[pref].key;
}

const char *pimap_profile_get(const struct pimap_profile *profile, enum pimap_pref pref)
{
	const char *value = profile != NULL ? profile->values[pref] : NULL;

	return value != NULL ? value : prefs[pref].value;
}

/* --- what is possible --------------------------------------------------------- */

static gboolean is_listed(const struct config *config, const char *channel)
{
	return config->pimap_channels != NULL &&
	       g_strv_contains((const char *const *)config->pimap_channels, channel);
}

static const struct channel *find_channel(const char *name)
{
	for (guint i = 0; i < G_N_ELEMENTS(channels); i++) {
		if (strcmp(name, channels[i].name) == 0)
			return &channels[i];
	}
	return NULL;
}

gboolean pimap_channel_known(const char *name)
{
	return find_channel(name) != NULL;
}

const char *pimap_channel_lacks(const struct config *config, const char *name)
{
	const struct channel *channel = find_channel(name);

	if (channel == NULL)
		return "is no channel";
	if (channel->kind == ADDRESS_NUMBER && config->sms_url == NULL)
		return "needs an SMS gateway; write section [sms], too";
	if (strcmp(channel->suffix, WDP_143) == 0 && config->sms_cdma_smsc == NULL)
		return "WAPWDP needs a network of CDMA; write cdma-smsc in section [sms], too";
	if (channel->kind == ADDRESS_SUBSCRIPTION && !config->webpush_enabled)
		return "WEBPUSH needs Web Push; switch it on in section [webpush]";
	return NULL;
}

char *pimap_channels(const struct config *config)
{
	GString *list = g_string_new(NULL);

	for (guint i = 0; i < G_N_ELEMENTS(channels); i++) {
		if (is_listed(config, channels[i].name) &&
		    pimap_channel_lacks(config, channels[i].name) == NULL)
			g_string_append_printf(list, "%s ", channels[i].name);
	}
	g_string_append(list, "NONE");
	return g_string_free(list, FALSE);
}

const char *pimap_formats(const struct config *config)
{
	return config->pimap_extended ? "EMN EXTENDED" : "EMN";
}

gboolean pimap_device_allowed(const struct config *config, const struct device *device)
{
	return device->label != NULL && is_listed(config, device->label) &&
	       (device->dialect != DIALECT_EXTENDED || config->pimap_extended);
}

gboolean pimap_device_id_valid(const char *id)
{
	return id != NULL && *id != '\0' && strlen(id) <= LIMIT_DEVICE_ID &&
	       strspn(id, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-_.") == strlen(id);
}

/* --- values --------------------------------------------------------------------- */

/* As people and phones write a number: 13335559999, +1 (333) 555-9999. With the code of
 * the country, which E.164 has in at most 15 digits. */
static char *number_of(const char *address)
{
	GString *number = g_string_new("+");
	gsize digits;

	if (*address == '+')
		address++;
	for (; *address != '\0'; address++) {
		if (g_ascii_isdigit(*address))
			g_string_append_c(number, *address);
		else if (strchr(" -.()/", *address) == NULL)
			break;
	}
	digits = number->len - 1;
	if (*address == '\0' && digits >= 7 && digits <= 15 && number->str[1] != '0')
		return g_string_free(number, FALSE);
	g_string_free(number, TRUE);
	return NULL;
}

static gboolean is_word_of(const char *list, const char *value, char **canonical_r)
{
	g_auto(GStrv) words = g_strsplit(list, " ", -1);

	for (char **word = words; *word != NULL; word++) {
		if (g_ascii_strcasecmp(*word, value) == 0) {
			*canonical_r = g_strdup(*word);
			return TRUE;
		}
	}
	return FALSE;
}

static gboolean is_plain_text(const char *value, gsize max)
{
	if (strlen(value) > max || !g_utf8_validate(value, -1, NULL))
		return FALSE;
	for (; *value != '\0'; value++) {
		if ((guchar)*value < ' ' || *value == 0x7f)
			return FALSE;
	}
	return TRUE;
}

gboolean pimap_is_url(const char *endpoint)
{
	return g_ascii_strncasecmp(endpoint, "https://", strlen("https://")) == 0;
}

static gboolean takes_pimap(const struct config *config, const char *name)
{
	const struct config_webhook *hook = config_find_webhook(config, name);

	return hook != NULL && hook->pimap;
}

const char *pimap_address_check(const struct config *config, const char *name, const char *address)
{
	const struct channel *channel = find_channel(name);
	g_autofree char *number = number_of(address);

	if (channel == NULL || *address == '\0')
		return NULL;
	switch (channel->kind) {
	case ADDRESS_NUMBER:
		if (number != NULL)
			return NULL;
		return "the channel takes telephone numbers, with the code of the country";
	case ADDRESS_SUBSCRIPTION:
		if (device_id_valid(address))
			return NULL;
		return "the channel takes the name of a Web Push subscription of yours";
	case ADDRESS_WEB:
		if (pimap_is_url(address) || takes_pimap(config, address))
			return NULL;
		return "the channel takes an https URL, or a name that the operator gave out";
	}
	return NULL;
}

/* Either can be set first: without an address, or without a channel, the other one is free. */
static const char *check_pair(const struct config *config, const char *channel, const char *address)
{
	if (!is_plain_text(address, LIMIT_PIMAP_ADDRESS))
		return "the address is too long or has control characters";
	return pimap_address_check(config, channel, address);
}

const char *pimap_pref_check(const struct config *config, const struct pimap_profile *profile,
			     enum pimap_pref pref, const char *value, char **canonical_r)
{
	g_autofree char *list = NULL;
	const char *text;

	*canonical_r = NULL;
	switch (pref) {
	case PIMAP_PREF_ADDRESS:
		text = check_pair(config, pimap_profile_get(profile, PIMAP_PREF_CHANNEL), value);
		break;
	case PIMAP_PREF_CHANNEL:
		list = pimap_channels(config);
		if (!is_word_of(list, value, canonical_r))
			return "this server has no such channel; XPROVISION tells which it has";
		if (check_pair(config, *canonical_r,
			       pimap_profile_get(profile, PIMAP_PREF_ADDRESS)) == NULL)
			return NULL;
		g_clear_pointer(canonical_r, g_free);
		return "the address is none of that channel's; set the channel to NONE, then the "
		       "address, then the channel";
	case PIMAP_PREF_FORMAT:
		if (is_word_of(pimap_formats(config), value, canonical_r))
			return NULL;
		return "this server has no such format; XPROVISION tells which it has";
	case PIMAP_PREF_EVENT_FILTER:
		if (is_word_of("ALL NEW NONE", value, canonical_r))
			return NULL;
		return "the event filter is one of ALL, NEW and NONE";
	case PIMAP_PREF_INBAND_PUSH:
		if (is_word_of("ON OFF", value, canonical_r))
			return NULL;
		return "in-band push is ON or OFF";
	case PIMAP_PREF_INBAND_NEW_FORMAT:
		text = is_plain_text(value, LIMIT_PIMAP_NEW_FORMAT)
			       ? NULL
			       : "the FETCH items are too long or have control characters";
		break;
	default:
		text = "there is no such preference";
		break;
	}
	if (text == NULL)
		*canonical_r = g_strdup(value);
	return text;
}

/* --- what it makes of a device ---------------------------------------------------- */

/* NULL: there is no way to it. */
static char *endpoint_of(const struct channel *channel, const char *address)
{
	g_autofree char *number = NULL;

	if (channel == NULL || *address == '\0')
		return NULL;
	if (channel->kind != ADDRESS_NUMBER)
		return g_strdup(address);
	number = number_of(address);
	return number != NULL ? g_strconcat("sms:", number, channel->suffix, NULL) : NULL;
}

static push_event_kinds kinds_of(const char *event_filter)
{
	if (strcmp(event_filter, "NEW") == 0)
		return PUSH_EVENT_KIND_BIT(PUSH_EVENT_MESSAGE_NEW);
	return strcmp(event_filter, "ALL") == 0 ? PUSH_EVENT_KINDS_MAIL : 0;
}

void pimap_profile_apply(const struct pimap_profile *profile, struct device *device)
{
	const char *name = pimap_profile_get(profile, PIMAP_PREF_CHANNEL);
	const struct channel *channel = find_channel(name);
	char *endpoint = endpoint_of(channel, pimap_profile_get(profile, PIMAP_PREF_ADDRESS));

	g_free(device->gateway);
	g_free(device->endpoint);
	g_free(device->label);
	device->label = g_strdup(name);
	device->dialect = strcmp(pimap_profile_get(profile, PIMAP_PREF_FORMAT), "EXTENDED") == 0
				  ? DIALECT_EXTENDED
				  : DIALECT_EMN;
	/* It is encrypted. */
	device->content = device->dialect == DIALECT_EXTENDED;
	device->gateway = g_strdup(endpoint != NULL ? channel->gateway : "none");
	device->events = endpoint != NULL
				 ? kinds_of(pimap_profile_get(profile, PIMAP_PREF_EVENT_FILTER))
				 : 0;
	device->endpoint = endpoint != NULL ? endpoint : g_strdup("");
}
