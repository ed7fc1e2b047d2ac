#include "device.h"
#include "limits.h"

#include <string.h>

struct device *device_copy(const struct device *device)
{
	struct device *copy = g_memdup2(device, sizeof(*device));

	copy->user = g_strdup(device->user);
	copy->device = g_strdup(device->device);
	copy->gateway = g_strdup(device->gateway);
	copy->endpoint = g_strdup(device->endpoint);
	copy->vapid_key = g_strdup(device->vapid_key);
	copy->mailboxes = g_strdupv(device->mailboxes);
	copy->client = g_strdup(device->client);
	copy->label = g_strdup(device->label);
	copy->token = g_strdup(device->token);
	copy->last_outcome = g_strdup(device->last_outcome);
	return copy;
}

void device_free(struct device *device)
{
	if (device == NULL)
		return;
	g_free(device->user);
	g_free(device->device);
	g_free(device->gateway);
	g_free(device->endpoint);
	g_free(device->vapid_key);
	g_strfreev(device->mailboxes);
	g_free(device->client);
	g_free(device->label);
	g_free(device->token);
	g_free(device->last_outcome);
	g_free(device);
}

gboolean device_id_valid(const char *id)
{
	if (id == NULL || *id == '\0' || strlen(id) > LIMIT_DEVICE_ID)
		return FALSE;
	for (; *id != '\0'; id++) {
		if (*id <= ' ' || *id > '~')
			return FALSE;
	}
	return TRUE;
}

enum device_face device_face(enum device_dialect dialect)
{
	switch (dialect) {
	case DIALECT_GOUGEON:
	case DIALECT_COI:
		break;
	case DIALECT_EMN:
	case DIALECT_EXTENDED:
		return FACE_PIMAP;
	case DIALECT_APPLE:
		return FACE_APPLE;
	case DIALECT_DELTAPUSH:
		return FACE_DELTAPUSH;
	}
	return FACE_WEBPUSH;
}

const char *device_kind(const struct device *device)
{
	switch (device_face(device->dialect)) {
	case FACE_WEBPUSH:
		break;
	case FACE_PIMAP:
		return "pimap";
	case FACE_APPLE:
		return "apple";
	case FACE_DELTAPUSH:
		return "deltapush";
	}
	return device->gateway;
}

gint64 device_unseen_secs(enum device_dialect dialect)
{
	switch (device_face(dialect)) {
	case FACE_WEBPUSH:
		break;
	case FACE_PIMAP:
		return LIMIT_DEVICE_UNSEEN_SECS;
	case FACE_APPLE:
		return LIMIT_APPLE_UNSEEN_SECS;
	case FACE_DELTAPUSH:
		return LIMIT_DELTA_UNSEEN_SECS;
	}
	return 0;
}

gint64 device_expires(const struct device *device)
{
	gint64 unseen_secs = device_unseen_secs(device->dialect);

	if (device->state == DEVICE_INACTIVE)
		return device->confirm_by;
	if (device->state == DEVICE_ACTIVE && unseen_secs > 0)
		return device->seen + unseen_secs;
	return 0;
}

gboolean device_looks_at_content(const struct device *device)
{
	return device->content || device->msgtype != MSGTYPE_ALL ||
	       device->dialect == DIALECT_DELTAPUSH;
}

gboolean device_is_webhook(const struct device *device)
{
	return strcmp(device->gateway, "webhook") == 0;
}

static const char *const state_names[] = {
	[DEVICE_INACTIVE] = "inactive",
	[DEVICE_ACTIVE] = "active",
	[DEVICE_DEAD] = "dead",
	[DEVICE_LOCKED] = "locked",
};

static const char *const dialect_names[] = {
	[DIALECT_GOUGEON] = "gougeon", [DIALECT_COI] = "coi",
	[DIALECT_EMN] = "emn",         [DIALECT_EXTENDED] = "extended",
	[DIALECT_APPLE] = "apple",     [DIALECT_DELTAPUSH] = "deltapush",
};

static const char *const msgtype_names[] = {
	[MSGTYPE_ALL] = "all",
	[MSGTYPE_CHAT] = "chat",
	[MSGTYPE_MAIL] = "mail",
};

static const char *name_of(const char *const *names, guint count, guint value)
{
	return value < count ? names[value] : NULL;
}

/* COI compares its values with case; so do we with all of them. */
static gboolean parse(const char *const *names, guint count, const char *name, guint *value_r)
{
	for (guint value = 0; value < count; value++) {
		if (g_strcmp0(name, names[value]) == 0) {
			*value_r = value;
			return TRUE;
		}
	}
	return FALSE;
}

const char *device_state_name(enum device_state state)
{
	return name_of(state_names, G_N_ELEMENTS(state_names), (guint)state);
}

const char *device_dialect_name(enum device_dialect dialect)
{
	return name_of(dialect_names, G_N_ELEMENTS(dialect_names), (guint)dialect);
}

const char *device_msgtype_name(enum device_msgtype msgtype)
{
	return name_of(msgtype_names, G_N_ELEMENTS(msgtype_names), (guint)msgtype);
}

gboolean device_state_parse(const char *name, enum device_state *state_r)
{
	guint value;

	if (!parse(state_names, G_N_ELEMENTS(state_names), name, &value))
		return FALSE;
	*state_r = (enum device_state)value;
	return TRUE;
}

gboolean device_dialect_parse(const char *name, enum device_dialect *dialect_r)
{
	guint value;

	if (!parse(dialect_names, G_N_ELEMENTS(dialect_names), name, &value))
		return FALSE;
	*dialect_r = (enum device_dialect)value;
	return TRUE;
}

gboolean device_msgtype_parse(const char *name, enum device_msgtype *msgtype_r)
{
	guint value;

	if (!parse(msgtype_names, G_N_ELEMENTS(msgtype_names), name, &value))
		return FALSE;
	*msgtype_r = (enum device_msgtype)value;
	return TRUE;
}
