/*
 * One message: parsed, its user and session found, run and answered in one transaction. A message
 * that comes again is answered from the store.
 */
#include "service.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "limits.h"
#include "session.h"
#include "tally.h"

struct sml_exchange {
	const struct sml_service *service;
	const struct sml_request *request;
	enum sml_encoding encoding;
	struct sml_message *message; /* NULL: http_status says why not */
	guint http_status;
	struct auth_claim *claim;
	char *user; /* whose data it is about; NULL = not known */
	char *error;
	guint8 hash[32];
	GBytes *answer;
	gboolean authenticated, login_failed, finished;
	struct sml_tally tally;
};

/* --- content types ---------------------------------------------------------------------- */

static const char *const types[] = {
	[SML_XML] = "application/vnd.syncml+xml",
	[SML_WBXML] = "application/vnd.syncml+wbxml",
};

static gboolean find_encoding(const char *type, enum sml_encoding *encoding_r)
{
	gsize len = type == NULL ? 0 : strcspn(type, "; \t");

	for (enum sml_encoding encoding = SML_XML; encoding <= SML_WBXML; encoding++) {
		if (strlen(types[encoding]) == len &&
		    g_ascii_strncasecmp(types[encoding], type, len) == 0) {
			*encoding_r = encoding;
			return TRUE;
		}
	}
	return FALSE;
}

/* --- the request --------------------------------------------------------------------------- */

/* By OpenSSL, which has instructions for it: of all that is done with a long message this would
 * else be a fifth. */
static void hash_request(struct sml_exchange *exchange)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const char *mac = exchange->request->mac == NULL ? "" : exchange->request->mac;
	gsize size;
	const void *data = g_bytes_get_data(exchange->request->body, &size);

	/* Who shows no MAC, or another, has not sent the same. */
	if (context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1 ||
	    EVP_DigestUpdate(context, data, size) != 1 ||
	    EVP_DigestUpdate(context, mac, strlen(mac)) != 1 ||
	    EVP_DigestFinal_ex(context, exchange->hash, NULL) != 1)
		g_error("no SHA-256");
	EVP_MD_CTX_free(context);
}

static void read_message(struct sml_exchange *exchange)
{
	g_autoptr(GError) error = NULL;
	gsize len;
	const void *data = g_bytes_get_data(exchange->request->body, &len);

	if (!find_encoding(exchange->request->content_type, &exchange->encoding)) {
		exchange->http_status = 415;
		exchange->error = g_strdup("the content type is not SyncML's");
		return;
	}
	exchange->message = sml_message_read(exchange->encoding, data, len, &error);
	if (exchange->message == NULL) {
		exchange->http_status = 400;
		exchange->error = g_strdup(error->message);
	}
}

/* The Cred of the header, or of the first command that has one. */
static const struct sml_cred *find_cred(const struct sml_message *message)
{
	if (message->cred != NULL)
		return message->cred;
	for (guint i = 0; i < message->commands->len; i++) {
		const struct sml_command *command = message->commands->pdata[i];

		if (command->cred != NULL)
			return command->cred;
	}
	return NULL;
}

struct sml_exchange *sml_exchange_new(const struct sml_service *service,
				      const struct sml_request *request)
{
	struct sml_exchange *exchange = g_new0(struct sml_exchange, 1);
	g_autoptr(GError) error = NULL;

	exchange->service = service;
	exchange->request = request;
	exchange->http_status = 200;
	read_message(exchange);
	if (exchange->message == NULL)
		return exchange;
	hash_request(exchange);
	exchange->claim = auth_claim_new(exchange->message, find_cred(exchange->message),
					 request->mac, &error);
	if (error != NULL)
		exchange->error = g_strdup(error->message);
	return exchange;
}

void sml_exchange_free(struct sml_exchange *exchange)
{
	if (exchange == NULL)
		return;
	sml_message_free(exchange->message);
	auth_claim_free(exchange->claim);
	g_free(exchange->user);
	g_free(exchange->error);
	g_clear_pointer(&exchange->answer, g_bytes_unref);
	g_free(exchange);
}

const char *sml_exchange_device(const struct sml_exchange *exchange)
{
	return exchange->message == NULL ? NULL : exchange->message->source;
}

const char *sml_exchange_session(const struct sml_exchange *exchange)
{
	return exchange->message == NULL ? NULL : exchange->message->session_id;
}

const struct auth_claim *sml_exchange_claim(const struct sml_exchange *exchange)
{
	return exchange->claim;
}

/* --- the address of a session ---------------------------------------------------------------- */

/* The user's name in it says where to look; the key, which nobody can guess, that one may. */
#define KEY_LEN 32

static char *new_key(void)
{
	guint8 random[KEY_LEN / 2];
	GString *key = g_string_new(NULL);

	if (RAND_bytes(random, sizeof(random)) != 1)
		g_error("no random numbers");
	for (guint i = 0; i < sizeof(random); i++)
		g_string_append_printf(key, "%02x", random[i]);
	return g_string_free(key, FALSE);
}

static char *resp_uri_of(const struct sml_request *request, const char *user, const char *key)
{
	g_autofree char *escaped = g_uri_escape_string(user, NULL, FALSE);

	return g_strdup_printf("%s?s=%s.%s", request->public_url, key, escaped);
}

/* "key.user"; the user is "" in the address of a stranger. */
static gboolean split_session_key(const char *text, char **key_r, char **user_r)
{
	const char *dot = text == NULL ? NULL : strchr(text, '.');

	if (dot == NULL || dot - text != KEY_LEN || strlen(dot + 1) > LIMIT_USER)
		return FALSE;
	*key_r = g_strndup(text, KEY_LEN);
	*user_r = g_strdup(dot + 1);
	return TRUE;
}

/* --- running -------------------------------------------------------------- */

struct run {
	struct sml_exchange *exchange;
	struct pim_txn *txn; /* NULL: nobody's */
	struct device *device;
	struct session *session;
	struct pim_session row;
	char *key;
	gboolean by_key;          /* it was posted to the session's own address */
	char *asked_key;          /* of the address it was posted to, whosever; NULL = none */
	struct sml_message *held; /* that is done with it; NULL = none */
	gboolean had_nonce;
};

static void run_clear(struct run *run)
{
	session_free(run->session);
	sml_message_free(run->held);
	device_free(run->device);
	pim_txn_abort(run->txn);
	g_free(run->key);
	g_free(run->asked_key);
}

static struct session *fresh_session(const struct sml_exchange *exchange)
{
	const struct sml_message *message = exchange->message;
	struct session *session = session_new();

	session->version = message->version;
	session->encoding = exchange->encoding;
	session->client = g_strdup(message->source);
	session->server = g_strdup(message->target);
	/* What was answered before nobody remembers; numbers go on all the same. */
	session->msg_id = message->msg_id - 1;
	return session;
}

static void take_sizes(struct session *session, const struct sml_message *message)
{
	if (message->meta.max_msg_size > 0)
		session->max_msg_size = message->meta.max_msg_size;
	if (message->meta.max_obj_size > 0)
		session->max_obj_size = message->meta.max_obj_size;
}

static void prepare(struct run *run)
{
	struct session *session = run->session;
	const struct sml_exchange *exchange = run->exchange;
	const struct sml_message *message = exchange->message;

	session->service = exchange->service;
	session->txn = run->txn;
	session->device = run->device;
	session->id = run->row.id;
	session->now = exchange->request->now;
	session->message = message;
	session->encoding = exchange->encoding;
	/* Messages that were answered without the session's knowledge have used numbers, too. */
	session->msg_id = MAX(session->msg_id, message->msg_id - 1);
	take_sizes(session, message);
}

/* --- messages that are held ----------------------------------------------------------------- */

/* Is there anything in it beside answers to us? */
static gboolean has_commands(const struct sml_message *message)
{
	for (guint i = 0; i < message->commands->len; i++) {
		const struct sml_command *command = message->commands->pdata[i];

		if (command->kind != SML_CMD_STATUS)
			return TRUE;
	}
	return FALSE;
}

static gboolean has_alert(const struct sml_message *message, guint code)
{
	for (guint i = 0; i < message->commands->len; i++) {
		const struct sml_command *command = message->commands->pdata[i];

		if (command->kind == SML_CMD_ALERT && command->code == code)
			return TRUE;
	}
	return FALSE;
}

/* What it says of itself, if only before anybody believes it. */
static const struct devinf *devinf_of(const struct run *run)
{
	const GPtrArray *commands = run->exchange->message->commands;

	for (guint i = 0; i < commands->len; i++) {
		const struct sml_command *command = commands->pdata[i];

		if (command->kind == SML_CMD_PUT && command->items->len > 0 &&
		    ((struct sml_item *)command->items->pdata[0])->devinf != NULL)
			return ((struct sml_item *)command->items->pdata[0])->devinf;
	}
	return run->device == NULL ? NULL : run->device->said;
}

static gboolean repeats_nothing(const struct run *run)
{
	const struct sml_exchange *exchange = run->exchange;
	struct device_rules rules;
	gboolean result;

	rules_find(exchange->service->rules, devinf_of(run), exchange->message->source,
		   exchange->request->user_agent, &rules);
	result = rules.hold_commands;
	device_rules_clear(&rules);
	return result;
}

/* Its credentials were not right: what it has said is kept under the key of its answer's address.
 * Without anything to say, what it has said before is. FALSE: there is nothing. */
static gboolean hold_unproved(const struct run *run, const char *key)
{
	const struct sml_exchange *exchange = run->exchange;
	struct held *held = exchange->service->held;
	gint64 now = exchange->request->now;
	enum sml_encoding encoding = exchange->encoding;
	enum held_why why = HELD_UNPROVED;
	g_autoptr(GBytes) before = NULL;

	if (held == NULL)
		return FALSE;
	if (has_commands(exchange->message))
		return repeats_nothing(run) &&
		       held_put(held, key, why, encoding, exchange->request->body, now);
	if (run->asked_key != NULL)
		before = held_find(held, run->asked_key, now, &why, &encoding);
	return before != NULL && why == HELD_UNPROVED &&
	       held_put(held, key, why, encoding, before, now);
}

/* The message that is to be done before this one; NULL = none. */
static struct sml_message *find_held(const struct run *run)
{
	const struct sml_exchange *exchange = run->exchange;
	const struct sml_message *message = exchange->message;
	struct held *held = exchange->service->held;
	g_autoptr(sml_message_t) found = NULL;
	g_autoptr(GBytes) body = NULL;
	enum sml_encoding encoding;
	enum held_why why;

	if (held == NULL || run->asked_key == NULL)
		return NULL;
	body = held_find(held, run->asked_key, exchange->request->now, &why, &encoding);
	if (body == NULL || (why == HELD_BUSY ? !has_alert(message, 221) : has_commands(message)))
		return NULL;
	found = sml_message_read(encoding, g_bytes_get_data(body, NULL), g_bytes_get_size(body),
				 NULL);
	if (found == NULL || strcmp(found->source, message->source) != 0 ||
	    strcmp(found->session_id, message->session_id) != 0 ||
	    found->msg_id >= message->msg_id ||
	    (why == HELD_BUSY && found->msg_id <= run->row.last_msg))
		return NULL;
	return g_steal_pointer(&found);
}

static gboolean run_held(struct run *run, GError **error)
{
	struct session *session = run->session;
	gboolean ok;

	run->held = find_held(run);
	if (run->held == NULL)
		return TRUE;
	take_sizes(session, run->held);
	session->message = run->held;
	ok = session_run(session, error);
	session->message = run->exchange->message;
	take_sizes(session, session->message);
	return ok;
}

/* --- one message ------------------------------------------------------------------------------ */

/* Without a user nothing is looked up and nothing kept: a challenge is all there is. */
static void hold_for_stranger(struct run *run)
{
	g_free(run->key);
	run->key = run->asked_key != NULL ? g_strdup(run->asked_key) : new_key();
	if (hold_unproved(run, run->key))
		run->session->resp_uri = resp_uri_of(run->exchange->request, "", run->key);
}

static void answer_stranger(struct run *run, enum sml_verdict verdict)
{
	struct sml_exchange *exchange = run->exchange;

	run->session = fresh_session(exchange);
	prepare(run);
	if (session_authenticate(run->session, exchange->claim, verdict, exchange->request->body))
		g_error("nobody was authenticated");
	hold_for_stranger(run);
	exchange->login_failed = run->session->login_failed;
	if (!session_answer(run->session, &exchange->answer, NULL))
		g_error("no answer to a stranger");
}

/* What the version says that we do not speak. */
static gboolean check_version(struct run *run)
{
	const struct sml_message *message = run->exchange->message;
	static const char *const protocols[] = {"SyncML/1.0", "SyncML/1.1", "SyncML/1.2"};
	gboolean known = message->ver_proto == NULL;

	for (guint i = 0; i < G_N_ELEMENTS(protocols); i++)
		known = known || strcmp(message->ver_proto, protocols[i]) == 0;
	if (message->version_known && known)
		return TRUE;
	session_refuse_version(run->session, message->version_known ? 513 : 505);
	return FALSE;
}

enum found {
	FOUND_NEW,   /* to be run */
	FOUND_AGAIN, /* answered before */
	FOUND_WRONG, /* a message that cannot be */
	FOUND_ERROR,
};

static gboolean is_last_again(const struct run *run)
{
	const struct sml_exchange *exchange = run->exchange;
	const struct pim_session *row = &run->row;

	return exchange->message->msg_id == row->last_msg && row->answer != NULL &&
	       memcmp(row->last_hash, exchange->hash, sizeof(exchange->hash)) == 0;
}

/* SyncML Sync Protocol 1.1 section 2.9 and what phones do: the same message again is the same
 * answer again. */
static enum found check_number(struct run *run)
{
	const struct pim_session *row = &run->row;
	guint32 msg_id = run->exchange->message->msg_id;

	if (msg_id > row->last_msg)
		return FOUND_NEW;
	if (is_last_again(run))
		return FOUND_AGAIN;
	if (msg_id == row->last_msg && run->device->rules.reuse_msg_id)
		return FOUND_NEW;
	return FOUND_WRONG;
}

static enum found find_session(struct run *run, GError **error)
{
	const struct sml_exchange *exchange = run->exchange;
	const struct sml_message *message = exchange->message;
	enum found result;
	gboolean found;

	if (!pim_txn_session(run->txn, run->device->peer, message->session_id, &found, &run->row,
			     error))
		return FOUND_ERROR;
	found = found && run->row.expires > exchange->request->now &&
		(!run->by_key || g_strcmp0(run->row.key, run->key) == 0);
	/* Another beginning under the number of a session: of a phone that counts badly, or died
	 * before it had counted. */
	if (found && !run->by_key && message->msg_id == 1 && !is_last_again(run))
		found = FALSE;
	if (!found) {
		memset(&run->row, 0, sizeof(run->row));
		run->session = fresh_session(exchange);
		return FOUND_NEW;
	}
	result = check_number(run);
	if (result == FOUND_AGAIN)
		return result;
	run->session = session_load(run->row.state, run->row.state_len);
	if (run->session == NULL)
		run->session = fresh_session(exchange);
	/* Who knows the key has shown a password; who does not has to do it now. */
	run->session->authenticated = run->session->authenticated && run->by_key;
	return result;
}

static gboolean save_session(struct run *run, GError **error)
{
	struct sml_exchange *exchange = run->exchange;
	g_autoptr(GBytes) state = session_save(run->session, error);
	struct pim_session *row = &run->row;

	if (state == NULL)
		return FALSE;
	row->key = run->key;
	row->peer = run->device->peer;
	row->session = exchange->message->session_id;
	row->expires = exchange->request->now + exchange->service->settings->session_secs;
	row->last_msg = exchange->message->msg_id;
	memcpy(row->last_hash, exchange->hash, sizeof(row->last_hash));
	row->answer = g_bytes_get_data(exchange->answer, &row->answer_len);
	row->state = g_bytes_get_data(state, &row->state_len);
	return pim_txn_put_session(run->txn, row, error) &&
	       device_save(run->txn, run->device, exchange->request->now, error);
}

/* A session's number is needed before it is saved: maps name it. */
static gboolean make_row(struct run *run, const char *user, GError **error)
{
	if (run->row.id != 0) {
		g_free(run->key);
		run->key = g_strdup(run->row.key);
		return TRUE;
	}
	g_free(run->key);
	run->key = new_key();
	run->row.key = run->key;
	run->row.peer = run->device->peer;
	run->row.session = run->exchange->message->session_id;
	run->session->resp_uri = resp_uri_of(run->exchange->request, user, run->key);
	return pim_txn_put_session(run->txn, &run->row, error);
}

/* A status would end the session, and phones tell their users that the password is wrong. To
 * this they say the same again, or that the server is busy. */
static void say_later(struct sml_exchange *exchange)
{
	exchange->http_status = 503;
	exchange->error = g_strdup("passwords cannot be checked now");
}

/* The key of a session is for who has shown a password, or knows it. What is held for who has not
 * has a key of its own. */
static gboolean answer_unproved(struct run *run, const char *user, gboolean readable,
				GError **error)
{
	struct session *session = run->session;
	g_autofree char *key = new_key();

	g_clear_pointer(&session->resp_uri, g_free);
	if (readable && hold_unproved(run, key))
		session->resp_uri = resp_uri_of(run->exchange->request, user, key);
	return session_answer(session, &run->exchange->answer, error);
}

static gboolean refuse_number(struct run *run, GError **error)
{
	g_ptr_array_set_size(run->session->statuses, 0);
	session_refuse(run->session, 400);
	run->session->authenticated = FALSE;
	if (!run->by_key)
		g_clear_pointer(&run->session->resp_uri, g_free);
	return session_answer(run->session, &run->exchange->answer, error);
}

/* Of who has shown nothing nothing is kept, and no session of the device's is touched: but for
 * the first nonce that the device was challenged with. */
static gboolean leave_stranger(struct run *run, GError **error)
{
	struct sml_exchange *exchange = run->exchange;
	const struct device *device = run->device;

	exchange->login_failed = run->session->login_failed;
	if (!pim_txn_roll_back(run->txn, error))
		return FALSE;
	if (device->secret == NULL || device->nonce == NULL || run->had_nonce)
		return TRUE;
	return device_save_nonce(run->txn, exchange->service->rules, run->device,
				 exchange->request->now, error) &&
	       pim_txn_commit(g_steal_pointer(&run->txn), error);
}

static gboolean run_message(struct run *run, const char *user, enum sml_verdict verdict,
			    gboolean wrong_number, GError **error)
{
	struct sml_exchange *exchange = run->exchange;
	struct session *session = run->session;
	g_autoptr(tally_mark_t) before = tally_mark_new(session);
	gboolean begun = run->row.id == 0, readable;
	struct sml_tally tally;

	if (!pim_txn_savepoint(run->txn, error) || !make_row(run, user, error))
		return FALSE;
	prepare(run);
	session->version = exchange->message->version;
	/* The session is what it was: its last message may come again. */
	if (wrong_number)
		return refuse_number(run, error);
	if (verdict == SML_VERDICT_TEMPORARY && !session->authenticated) {
		say_later(exchange);
		return TRUE;
	}
	readable = check_version(run);
	if (readable &&
	    session_authenticate(session, exchange->claim, verdict, exchange->request->body) &&
	    !(run_held(run, error) && session_run(session, error)))
		return FALSE;
	if (!session->authenticated)
		return answer_unproved(run, user, readable, error) && leave_stranger(run, error);
	if (!session_answer(session, &exchange->answer, error))
		return FALSE;
	device_set_spoken(run->device, session->version, session->encoding);
	/* The address that it was given, not that of a session. */
	if (run->held != NULL)
		device_set_server(run->device, run->held->target);
	else if (exchange->request->session_key == NULL)
		device_set_server(run->device, exchange->message->target);
	if (!pim_txn_release(run->txn, error) || !save_session(run, error))
		return FALSE;
	tally_session(before, session, &tally);
	tally.begun = begun && session->authenticated;
	if (!pim_txn_commit(g_steal_pointer(&run->txn), error))
		return FALSE;
	exchange->authenticated = TRUE;
	exchange->finished = session->phase == SESSION_DONE;
	exchange->tally = tally;
	if (session->authenticated && run->asked_key != NULL && exchange->service->held != NULL)
		held_drop(exchange->service->held, run->asked_key);
	return TRUE;
}

static gboolean reject(struct run *run, GError **error)
{
	struct sml_exchange *exchange = run->exchange;

	exchange->error = g_strdup("a rule rejects this device");
	run->session = fresh_session(exchange);
	prepare(run);
	session_refuse(run->session, run->device->rules.reject);
	return session_answer(run->session, &exchange->answer, error);
}

static gboolean run_for_user(struct run *run, const char *user, enum sml_verdict verdict,
			     GError **error)
{
	struct sml_exchange *exchange = run->exchange;
	enum found found;

	run->device = device_load(run->txn, exchange->service->rules, exchange->message->source,
				  exchange->request->user_agent, exchange->request->now, error);
	if (run->device == NULL)
		return FALSE;
	run->had_nonce = run->device->nonce != NULL;
	pim_txn_set_author(run->txn, run->device->peer);
	if (run->device->rules.reject != 0)
		return reject(run, error);
	found = find_session(run, error);
	if (found == FOUND_ERROR)
		return FALSE;
	if (found == FOUND_AGAIN) {
		exchange->answer = g_bytes_new(run->row.answer, run->row.answer_len);
		return TRUE;
	}
	return run_message(run, user, verdict, found == FOUND_WRONG, error);
}

/* Whose data is it about, as far as that can be known before anything is proved? */
static char *find_user(struct run *run, enum sml_verdict verdict, const char *user)
{
	const struct sml_exchange *exchange = run->exchange;
	const struct auth_claim *claim = exchange->claim;
	gboolean proved = claim != NULL && claim->scheme == AUTH_BASIC && verdict == SML_VERDICT_OK;
	g_autofree char *of_key = NULL;

	/* Anybody can write a name into an address: it is where to look for the session with that
	 * key, and nothing to a password of somebody else's. */
	if (split_session_key(exchange->request->session_key, &run->asked_key, &of_key) &&
	    *of_key != '\0' && (!proved || strcmp(of_key, user) == 0)) {
		run->by_key = TRUE;
		run->key = g_strdup(run->asked_key);
		return g_steal_pointer(&of_key);
	}
	/* Nor is what is held under it that user's. */
	if (of_key != NULL && *of_key != '\0')
		g_clear_pointer(&run->asked_key, g_free);
	if (claim == NULL || claim->scheme == AUTH_UNKNOWN)
		return NULL;
	if (claim->scheme == AUTH_BASIC)
		return proved ? g_strdup(user) : NULL;
	return g_strdup(claim->user);
}

static gboolean run_exchange(struct run *run, enum sml_verdict verdict, const char *user,
			     GError **error)
{
	struct sml_exchange *exchange = run->exchange;

	exchange->user = find_user(run, verdict, user);
	if (exchange->user != NULL) {
		run->txn = pim_txn_begin(exchange->service->store, exchange->user,
					 verdict == SML_VERDICT_OK, error);
		if (run->txn == NULL && *error != NULL)
			return FALSE;
	}
	if (run->txn != NULL)
		return run_for_user(run, exchange->user, verdict, error);
	if (verdict == SML_VERDICT_TEMPORARY)
		say_later(exchange);
	else
		answer_stranger(run, verdict == SML_VERDICT_OK ? SML_VERDICT_WRONG : verdict);
	return TRUE;
}

static void fill_answer(const struct sml_exchange *exchange, struct sml_answer *answer_r)
{
	memset(answer_r, 0, sizeof(*answer_r));
	answer_r->http_status = exchange->http_status;
	answer_r->content_type = types[exchange->encoding];
	answer_r->body = exchange->answer;
	answer_r->user = exchange->user;
	answer_r->device = sml_exchange_device(exchange);
	answer_r->error = exchange->error;
	answer_r->authenticated = exchange->authenticated;
	answer_r->login_failed = exchange->login_failed;
	answer_r->finished = exchange->finished;
	answer_r->encoding = exchange->encoding;
	answer_r->digest = exchange->claim != NULL && (exchange->claim->scheme == AUTH_MD5 ||
						       exchange->claim->scheme == AUTH_MAC);
	answer_r->tally = exchange->tally;
	answer_r->store_error = -1;
}

/* Asked again for what it was not done for, it is busy again, and what was to be done stays. */
static gboolean hold_busy(const struct sml_exchange *exchange, const char *key, gboolean *again_r)
{
	struct held *held = exchange->service->held;
	gint64 now = exchange->request->now;
	enum sml_encoding encoding;
	enum held_why why;
	g_autoptr(GBytes) before = NULL;

	if (held == NULL)
		return FALSE;
	before = held_find(held, key, now, &why, &encoding);
	/* What would be lost is what this one is about. */
	if (before != NULL && why == HELD_UNPROVED)
		return FALSE;
	*again_r = before != NULL && why == HELD_BUSY && has_alert(exchange->message, 221);
	return *again_r ||
	       held_put(held, key, HELD_BUSY, exchange->encoding, exchange->request->body, now);
}

static void answer_busy(struct sml_exchange *exchange, const char *key, const char *user)
{
	struct run run = {.exchange = exchange};
	gboolean again = FALSE;

	exchange->error = g_strdup("busy");
	if (!hold_busy(exchange, key, &again)) {
		exchange->http_status = 503;
		return;
	}
	run.session = fresh_session(exchange);
	prepare(&run);
	run.session->busy = TRUE;
	run.session->resp_uri = resp_uri_of(exchange->request, user, key);
	if (again)
		session_refuse(run.session, 101);
	else
		session_header_status(run.session, 101);
	if (!session_answer(run.session, &exchange->answer, NULL))
		g_error("no answer to one that is not asked for anything");
	run_clear(&run);
}

void sml_exchange_busy(struct sml_exchange *exchange, struct sml_answer *answer_r)
{
	g_autofree char *key = NULL, *user = NULL;

	if (exchange->message == NULL)
		; /* http_status says why */
	else if (!split_session_key(exchange->request->session_key, &key, &user))
		exchange->http_status = 503;
	else
		answer_busy(exchange, key, user);
	fill_answer(exchange, answer_r);
}

void sml_exchange_run(struct sml_exchange *exchange, enum sml_verdict verdict, const char *user,
		      struct sml_answer *answer_r)
{
	struct run run = {.exchange = exchange};
	g_autoptr(GError) error = NULL;
	int store_error = -1;

	/* What cannot be read is wrong, not missing. */
	if (exchange->claim == NULL && exchange->error != NULL)
		verdict = SML_VERDICT_WRONG;

	if (exchange->message != NULL && !run_exchange(&run, verdict, user, &error)) {
		/* Nothing was done: the phone sends it again. */
		g_clear_pointer(&exchange->answer, g_bytes_unref);
		exchange->http_status = 503;
		g_free(exchange->error);
		exchange->error = g_strdup(error->message);
		if (error->domain == PIM_STORE_ERROR)
			store_error = error->code;
	}
	run_clear(&run);
	fill_answer(exchange, answer_r);
	answer_r->store_error = store_error;
}
