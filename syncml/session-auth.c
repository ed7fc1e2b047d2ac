/* Is the client who it says? (SyncML Sync Protocol 1.1 section 3; what we accept of lost nonces is
 * in docs/syncml.md.) */
#include <string.h>

#include "session.h"

/* Whose message of a higher number is wrong is not challenged any more. Numbers count what has
 * failed: of a session that nobody has logged in to nothing is kept. */
#define FAILURES 3

static const struct sml_settings *settings_of(const struct session *session)
{
	return session->service->settings;
}

/* The strongest that we and the device can: digests take a secret of the device's own. */
static enum auth_scheme offered(const struct session *session)
{
	const struct sml_settings *settings = settings_of(session);
	gboolean secret = session->device != NULL && session->device->secret != NULL;

	if (secret && settings->auth_md5)
		return AUTH_MD5;
	if (secret && settings->auth_mac)
		return AUTH_MAC;
	if (settings->auth_basic)
		return AUTH_BASIC;
	/* Whoever it is, and whether there is such a device: all hear the same. */
	return settings->auth_md5 ? AUTH_MD5 : AUTH_MAC;
}

const struct sml_meta *session_challenge(struct session *session, struct sml_message *message)
{
	enum auth_scheme scheme = offered(session);
	struct device *device = session->device;
	g_autofree char *nonce = NULL;

	if (scheme == AUTH_BASIC)
		return auth_challenge(message, scheme, NULL);
	if (device == NULL || device->secret == NULL || device->nonce == NULL)
		nonce = auth_nonce_new();
	/* One that no secret goes with is kept by nobody. */
	if (device == NULL || device->secret == NULL)
		return auth_challenge(message, scheme, nonce);
	if (nonce != NULL)
		device_set_nonce(device, nonce);
	return auth_challenge(message, scheme, device->nonce);
}

static void header_status(struct session *session, guint code, gboolean challenge)
{
	const struct sml_message *message = session->message;
	struct status *status;

	if (message->no_resp)
		return;
	status = g_new0(struct status, 1);
	status->msg = message->msg_id;
	status->name = g_strdup("SyncHdr");
	status->code = code;
	status->target_ref = g_strdup(message->target);
	status->source_ref = g_strdup(message->source);
	status->challenge = challenge;
	g_ptr_array_insert(session->statuses, 0, status);
}

/* All that was asked for is answered, with the same. */
static void refuse_commands(struct session *session, guint code)
{
	const GPtrArray *commands = session->message->commands;

	for (guint i = 0; i < commands->len; i++) {
		const struct sml_command *command = commands->pdata[i];

		if (command->kind != SML_CMD_STATUS)
			session_status(session, command, code);
	}
}

static gboolean refuse(struct session *session, guint code)
{
	gboolean again = code == 407 || session->message->msg_id <= FAILURES;

	refuse_commands(session, code);
	session->login_failed = code == 401;
	header_status(session, code, again && code != 403);
	return FALSE;
}

void session_refuse(struct session *session, guint code)
{
	refuse_commands(session, code);
	header_status(session, code, FALSE);
}

void session_refuse_version(struct session *session, guint code)
{
	struct status *status;

	session_refuse(session, code);
	status = session->statuses->len == 0 ? NULL : session->statuses->pdata[0];
	if (status != NULL)
		status->data =
			g_strdup(code == 505 ? "1.0,1.1,1.2" : "SyncML/1.0,SyncML/1.1,SyncML/1.2");
}

void session_header_status(struct session *session, guint code)
{
	header_status(session, code, FALSE);
}

static gboolean check_digest(struct session *session, const struct auth_claim *claim, GBytes *body)
{
	struct device *device = session->device;
	const char *secret = device == NULL ? NULL : device->secret;

	if (secret == NULL)
		return FALSE;
	if (device->nonce != NULL &&
	    auth_check(claim, secret, device->nonce, strlen(device->nonce), body))
		return TRUE;
	/* Devices lose nonces; who accepts the former or none gives up some of what they are
	 * for, so it is the administrator's choice. */
	if (!device->rules.legacy_nonce)
		return FALSE;
	return auth_check(claim, secret, "", 0, body) ||
	       (device->former_nonce != NULL && auth_check(claim, secret, device->former_nonce,
							   strlen(device->former_nonce), body));
}

/* 212, or why not. */
static guint judge(struct session *session, const struct auth_claim *claim,
		   enum sml_verdict verdict, GBytes *body)
{
	const struct sml_settings *settings = settings_of(session);

	if (claim == NULL)
		return verdict == SML_VERDICT_WRONG ? 401 : 407;
	if (claim->scheme == AUTH_UNKNOWN)
		return 406;
	if (claim->scheme == AUTH_BASIC) {
		if (!settings->auth_basic)
			return 401;
		switch (verdict) {
		case SML_VERDICT_OK:
			return 212;
		case SML_VERDICT_FORBIDDEN:
			return 403;
		case SML_VERDICT_NONE:
		case SML_VERDICT_TEMPORARY: /* was answered before it came here */
		case SML_VERDICT_WRONG:
			return 401;
		}
	}
	if (claim->scheme == AUTH_MD5 ? !settings->auth_md5 : !settings->auth_mac)
		return 401;
	return check_digest(session, claim, body) ? 212 : 401;
}

gboolean session_authenticate(struct session *session, const struct auth_claim *claim,
			      enum sml_verdict verdict, GBytes *body)
{
	gboolean digest = claim != NULL && claim->scheme != AUTH_BASIC;
	guint code;

	if (session->authenticated) {
		header_status(session, 200, FALSE);
		return TRUE;
	}
	code = judge(session, claim, verdict, body);
	/* The nonce stays: nobody has used it, and who knows no secret cannot make the device lose
	 * it. */
	if (code != 212)
		return refuse(session, code);
	if (digest) {
		g_autofree char *nonce = auth_nonce_new();

		device_set_nonce(session->device, nonce);
	}
	session->authenticated = TRUE;
	header_status(session, 212, digest);
	return TRUE;
}
