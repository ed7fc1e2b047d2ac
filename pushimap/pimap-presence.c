#include "imap-common.h"
#include "imap-client.h"
#include "ioloop.h"
#include "dovecot-compat.h"

#include "bridge-client.h"
#include "limits.h"
#include "pimap-presence.h"
#include "pushimap-plugin.h"
#include "registrar.h"

struct pimap_presence {
	struct client *client;
	const char *device;
	pimap_presence_known *known; /* NULL once it was told */
	void *context;

	struct registrar *request; /* one at a time */
	bool listens, said;        /* what is so, and what the bridge was told last */
	struct timeout *to_again;
};

static const char *socket_path(const struct pimap_presence *presence)
{
	return pushimap_user_get(presence->client->user)->socket_path;
}

/* The fields of PRESENT, up to the end of the line. False: they do not fit it. */
static bool add_fields(const struct pimap_presence *presence, struct tabline_buf *request)
{
	const char *session = presence->client->user->session_id;

	tabline_field(request, "device", presence->device);
	tabline_field(request, "session", session != NULL ? session : "none");
	tabline_field(request, "listening", presence->listens ? "yes" : "no");
	return tabline_end(request);
}

static void say(struct pimap_presence *presence);

static void say_again(struct pimap_presence *presence)
{
	timeout_remove(&presence->to_again);
	say(presence);
}

static void plan(struct pimap_presence *presence)
{
	timeout_remove(&presence->to_again);
	if (presence->listens)
		presence->to_again =
			timeout_add(LIMIT_PRESENCE_SAY_SECS * 1000, say_again, presence);
}

static void answered(const struct registrar_answer *answer, void *context)
{
	struct pimap_presence *presence = context;
	pimap_presence_known *known = presence->known;

	/* A bridge that is away wakes nobody. It is asked again with the next change, or in a
	 * minute. */
	presence->request = NULL;
	presence->known = NULL;
	if (presence->listens != presence->said)
		say(presence);
	if (known != NULL && answer->result == REGISTRAR_OK)
		known(answer->fields, answer->count, presence->context);
}

static void say(struct pimap_presence *presence)
{
	struct tabline_buf request;

	plan(presence);
	if (presence->request != NULL)
		return;
	presence->said = presence->listens;
	registrar_begin(&request, "PRESENT", presence->client->user->username);
	if (!add_fields(presence, &request)) {
		tabline_buf_free(&request);
		return;
	}
	presence->request =
		registrar_start(socket_path(presence), &request, NULL, answered, presence);
}

struct pimap_presence *pimap_presence_new(struct client *client, const char *device,
					  pimap_presence_known *known, void *context)
{
	struct pimap_presence *presence = p_new(client->pool, struct pimap_presence, 1);

	presence->client = client;
	presence->device = device;
	presence->known = known;
	presence->context = context;
	say(presence);
	return presence;
}

void pimap_presence_set(struct pimap_presence *presence, bool listens)
{
	if (presence->listens == listens)
		return;
	presence->listens = listens;
	say(presence);
}

/* There is no ioloop any more that would wait for an answer. */
static void say_now(struct pimap_presence *presence)
{
	struct bridge_client *bridge =
		bridge_client_new(socket_path(presence), LIMIT_HANDOVER_MSECS);
	struct bridge_answer answer;
	struct tabline_buf request;
	struct iovec piece;
	uint64_t id;

	if (bridge == NULL)
		return;
	tabline_buf_init(&request, LIMIT_LINE);
	id = bridge_client_next_id(bridge);
	tabline_word(&request, "PRESENT");
	tabline_word(&request, dec2str(id));
	tabline_field(&request, "user", presence->client->user->username);
	if (add_fields(presence, &request)) {
		piece.iov_base = request.data;
		piece.iov_len = request.len;
		(void)bridge_client_exchange(bridge, id, &piece, 1, &answer);
	}
	tabline_buf_free(&request);
	bridge_client_free(&bridge);
}

void pimap_presence_end(struct pimap_presence **presence_p)
{
	struct pimap_presence *presence = *presence_p;

	if (presence == NULL)
		return;
	*presence_p = NULL;
	registrar_abort(&presence->request);
	timeout_remove(&presence->to_again);
	presence->listens = FALSE;
	if (presence->said)
		say_now(presence);
}
