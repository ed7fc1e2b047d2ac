#include "server.h"

#include <string.h>

#include <gio/gio.h>
#include <openssl/crypto.h>

#include "daemon-loop.h"
#include "http-gzip.h"
#include "http.h"
#include "limits.h"
#include "log-writer.h"
#include "login.h"
#include "pace.h"
#include "session-table.h"
#include "sweeper.h"
#include "syncml-metrics.h"
#include "transcript-text.h"
#include "transcript.h"

/* How often is looked for transcripts that are old. */
#define PRUNE_SECS 3600

/* What a reload replaces. Messages under way keep theirs. */
struct generation {
	gatomicrefcount refs;
	struct syncml_config *config;
	struct rules *rules;
	struct sml_service service;
};

struct server {
	char *config_path;
	struct generation *generation;
	struct pim_store *store;
	struct held *held;
	struct http_server *http;
	struct login *login;
	struct pace *user_pace, *address_pace, *digest_pace;
	struct session_table *sessions;
	struct sweeper *sweeper;
	guint prune; /* timer */
	struct syncml_metrics *metrics;
	GThreadPool *workers;
	GHashTable *jobs;  /* key -> struct job * */
	gint64 started;    /* unix seconds */
	gint64 started_us; /* monotonic */
	guint tasks;       /* of server_run() under way */
	gint notes;        /* on their way from workers to the main loop */
	pim_store_alerted *noted;
	gpointer noted_data;
	gboolean stopping;
};

/* One message. Workers and the main loop have it in turn. */
struct job {
	struct server *server;
	struct generation *generation;
	char *key; /* of its content */
	struct http_exchange *http;
	const struct http_request *http_request;
	GPtrArray *twins; /* struct http_exchange *: the same message again */
	struct sml_request request;
	struct sml_exchange *exchange; /* NULL = it is to be read */
	enum sml_verdict verdict;
	char *user;        /* the canonical name, with OK */
	struct pace *pace; /* by which its login is counted, as that; NULL = it has none */
	char *paced;
	gboolean digest; /* the store knows whether it is right */
	struct sml_answer answer;
	gboolean ran; /* not turned away before that */
	gboolean gzip;
	GBytes *packed;
	gint64 started_us;
	GError *transcript_error; /* NULL: it was written, or is not wanted */
};

/* --- generations ------------------------------------------------------------------------ */

static struct generation *generation_ref(struct generation *generation)
{
	g_atomic_ref_count_inc(&generation->refs);
	return generation;
}

static void generation_unref(struct generation *generation)
{
	if (generation == NULL || !g_atomic_ref_count_dec(&generation->refs))
		return;
	rules_unref(generation->rules);
	syncml_config_unref(generation->config);
	g_free(generation);
}
typedef struct generation generation_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(generation_t, generation_unref)

static struct generation *generation_load(const char *config_path, struct pim_store *store,
					  GError **error)
{
	g_autoptr(generation_t) generation = g_new0(struct generation, 1);

	g_atomic_ref_count_init(&generation->refs);
	generation->config = syncml_config_load(config_path, error);
	if (generation->config == NULL)
		return NULL;
	generation->rules = rules_load((const char *const *)generation->config->rules, error);
	if (generation->rules == NULL)
		return NULL;
	generation->service = (struct sml_service){
		.store = store,
		.rules = generation->rules,
		.settings = &generation->config->settings,
	};
	return g_steal_pointer(&generation);
}

/* --- answers ------------------------------------------------------------------------------ */

static void log_answer(const struct http_request *request, const struct sml_answer *answer,
		       guint status, gint64 us)
{
	g_info("user %s, device %s, from %s: %u, %zu bytes, answered with %zu in %" G_GINT64_FORMAT
	       " ms%s%s",
	       answer->user != NULL ? answer->user : "-",
	       answer->device != NULL ? answer->device : "-",
	       request->peer.address != NULL ? request->peer.address : "-", status,
	       g_bytes_get_size(request->body),
	       answer->body != NULL ? g_bytes_get_size(answer->body) : 0, us / 1000,
	       answer->error != NULL ? ": " : "", answer->error != NULL ? answer->error : "");
}

static void answer(struct job *job, guint status)
{
	const struct sml_answer *sml = &job->answer;
	GBytes *body = status == 200 ? sml->body : NULL;
	gint64 us = g_get_monotonic_time() - job->started_us;

	g_hash_table_remove(job->server->jobs, job->key);
	log_answer(job->http_request, sml, status, us);
	syncml_metrics_message(job->server->metrics, status,
			       g_bytes_get_size(job->http_request->body), us,
			       job->ran ? sml : NULL);
	for (guint i = 0; i < job->twins->len; i++)
		http_answer(job->twins->pdata[i], status, sml->content_type, body,
			    http_takes_gzip(job->twins->pdata[i]) ? job->packed : NULL);
	http_answer(job->http, status, sml->content_type, body, job->packed);

	g_clear_pointer(&job->packed, g_bytes_unref);
	g_clear_error(&job->transcript_error);
	sml_exchange_free(job->exchange);
	g_ptr_array_unref(job->twins);
	generation_unref(job->generation);
	g_free(job->user);
	g_free(job->paced);
	g_free(job->key);
	g_free(job);
}

/* --- the way of a message -------------------------------------------------------------------- */

static gboolean on_read(gpointer data);
static gboolean on_run(gpointer data);

/* --- transcripts --- */

static char *clock_text(void)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();

	return g_date_time_format(now, "%Y-%m-%d %H:%M:%S.%f UTC");
}

static void add_to_transcript(const struct job *job, GString *text)
{
	const struct sml_answer *answer = &job->answer;
	const struct sml_request *request = &job->request;
	const char *address = job->http_request->peer.address;
	g_autofree char *now = clock_text();
	g_autofree char *in = g_strdup_printf(
		"%s, %zu bytes from the phone at %s: %s%s%s, %s", now,
		g_bytes_get_size(request->body), address != NULL ? address : "a socket",
		request->public_url, request->session_key != NULL ? "?s=" : "",
		request->session_key != NULL ? request->session_key : "",
		request->user_agent != NULL ? request->user_agent : "no User-Agent");
	g_autofree char *out = g_strdup_printf(
		"%s, %zu bytes for it, status %u%s%s", now,
		answer->body == NULL ? 0 : g_bytes_get_size(answer->body), answer->http_status,
		answer->error != NULL ? ": " : "", answer->error != NULL ? answer->error : "");

	transcript_text_add(text, in, g_bytes_get_data(request->body, NULL),
			    g_bytes_get_size(request->body));
	if (answer->body != NULL)
		transcript_text_add(text, out, g_bytes_get_data(answer->body, NULL),
				    g_bytes_get_size(answer->body));
	else
		g_string_append_printf(text, "\n=== %s\n", out);
}

/* If an operator wants one of this phone. Who could not log in is known by the name it gave. */
static void keep_transcript(struct job *job)
{
	const char *dir = job->generation->config->state_dir;
	const struct sml_answer *answer = &job->answer;
	const struct auth_claim *claim = sml_exchange_claim(job->exchange);
	const char *user = answer->user != NULL ? answer->user : claim != NULL ? claim->user : NULL;
	g_autoptr(GString) text = NULL;
	guint64 room;
	int fd;

	if (user == NULL || answer->device == NULL)
		return;
	fd = transcript_open(dir, user, answer->device, job->request.now, &room);
	if (fd < 0)
		return;
	text = g_string_new(NULL);
	add_to_transcript(job, text);
	transcript_write(fd, room, text->str, text->len, &job->transcript_error);
}

/* A worker: blocks on the disk. */
static void work_on(struct job *job)
{
	if (job->exchange == NULL) {
		job->exchange = sml_exchange_new(&job->generation->service, &job->request);
		g_idle_add_full(G_PRIORITY_DEFAULT, on_read, job, NULL);
		return;
	}
	sml_exchange_run(job->exchange, job->verdict, job->user, &job->answer);
	keep_transcript(job);
	if (job->gzip && job->answer.body != NULL)
		job->packed = gzip_pack(job->answer.body);
	g_idle_add_full(G_PRIORITY_DEFAULT, on_run, job, NULL);
}

static void work(gpointer data, gpointer user_data)
{
	work_on(data);
	/* OpenSSL keeps something for each thread, and GLib keeps idle ones to the end. */
	OPENSSL_thread_stop();
}

/* It is guessing that is slowed down: only what was wrong counts. */
static void give_back(struct job *job)
{
	const char *address = job->http_request->peer.address;

	if (address != NULL)
		pace_give_back(job->server->address_pace, address);
	pace_give_back(job->pace, job->paced);
}

static gboolean on_run(gpointer data)
{
	struct job *job = data;
	const struct sml_answer *sml = &job->answer;

	job->ran = TRUE;
	if (job->transcript_error != NULL)
		g_warning("%s; the message was answered all the same",
			  job->transcript_error->message);
	if (job->digest && !sml->login_failed)
		give_back(job);
	if (sml->authenticated)
		session_table_note(job->server->sessions, sml->user, sml->device,
				   job->http_request->peer.address, sml->finished,
				   job->request.now);
	answer(job, sml->http_status);
	return G_SOURCE_REMOVE;
}

static struct session_limits session_limits_of(const struct syncml_config *config)
{
	return (struct session_limits){
		.per_user = config->sessions_per_user,
		.per_address = config->sessions_per_address,
		.secs = config->session_secs,
	};
}

static void run(struct job *job)
{
	const struct session_limits limits = session_limits_of(job->generation->config);

	/* A session that is under way has its own address; who logs in begins one, whatever the
	 * address says. */
	if ((job->request.session_key == NULL || job->user != NULL) &&
	    !session_table_admits(job->server->sessions, &limits, job->user,
				  sml_exchange_device(job->exchange),
				  job->http_request->peer.address, job->request.now)) {
		job->answer.user = job->user;
		job->answer.device = sml_exchange_device(job->exchange);
		job->answer.error = "too many sessions of that user or from there";
		syncml_metrics_refused(job->server->metrics, SYNCML_REFUSED_SESSIONS);
		answer(job, 503);
		return;
	}
	g_thread_pool_push(job->server->workers, job, NULL);
}

static void on_verified(enum dovecot_auth_result result, const char *user, gpointer data)
{
	static const enum sml_verdict verdicts[] = {
		[DOVECOT_AUTH_OK] = SML_VERDICT_OK,
		[DOVECOT_AUTH_WRONG] = SML_VERDICT_WRONG,
		[DOVECOT_AUTH_FORBIDDEN] = SML_VERDICT_FORBIDDEN,
		[DOVECOT_AUTH_TEMPORARY] = SML_VERDICT_TEMPORARY,
	};
	struct job *job = data;

	if (result == DOVECOT_AUTH_OK || result == DOVECOT_AUTH_TEMPORARY)
		give_back(job);
	job->verdict = verdicts[result];
	syncml_metrics_login(job->server->metrics, job->verdict);
	job->user = g_strdup(user);
	run(job);
}

static gboolean at_pace(struct job *job, struct pace *pace, const char *who)
{
	const struct syncml_config *config = job->generation->config;
	const char *address = job->http_request->peer.address;
	gint64 now_us = g_get_monotonic_time();

	job->pace = pace;
	job->paced = g_strdup(who);
	return (address == NULL ||
		pace_take(job->server->address_pace, address, config->logins_per_address,
			  config->logins_per_address, now_us) == 0) &&
	       pace_take(pace, who, config->logins_per_user, config->logins_per_user, now_us) == 0;
}

static void refuse_pace(struct job *job)
{
	job->answer.device = sml_exchange_device(job->exchange);
	job->answer.error = "too many passwords tried";
	syncml_metrics_refused(job->server->metrics, SYNCML_REFUSED_LOGINS);
	answer(job, 503);
}

/* Who knows a user's name and a device's must not keep that user's other devices out: so a
 * digest is counted by user and device. */
static void try_digest(struct job *job, const struct auth_claim *claim)
{
	const char *device = sml_exchange_device(job->exchange);
	g_autofree char *who = g_strconcat(claim->user, "\n", device, NULL);

	job->digest = TRUE;
	if (at_pace(job, job->server->digest_pace, who))
		run(job);
	else
		refuse_pace(job);
}

/* In Dovecot's log, to be found in ours by: a device, and its session's number. */
static char *session_text(const struct job *job)
{
	g_autofree char *text = g_strdup_printf("%.40s#%.20s", sml_exchange_device(job->exchange),
						sml_exchange_session(job->exchange));

	for (char *p = text; *p != '\0'; p++) {
		if (!g_ascii_isgraph(*p) || *p == '<' || *p == '>')
			*p = '_';
	}
	return g_steal_pointer(&text);
}

static void verify(struct job *job, const struct auth_claim *claim)
{
	const struct http_peer *peer = &job->http_request->peer;
	g_autofree char *session = session_text(job);
	const struct dovecot_auth_request request = {
		.user = claim->user,
		.password = claim->password,
		.remote_address = peer->address,
		.local_address = job->http_request->local_address,
		.secured = peer->tls || peer->local,
		.session = session,
	};

	if (!request.secured && !job->generation->config->plain_passwords) {
		g_warning("%s sent a password without TLS, which is refused; see plain-passwords "
			  "and trusted-proxies in fantail-syncml.conf(5)",
			  peer->address != NULL ? peer->address : "a phone");
		syncml_metrics_refused(job->server->metrics, SYNCML_REFUSED_PLAIN);
		job->verdict = SML_VERDICT_FORBIDDEN;
		run(job);
	} else if (!at_pace(job, job->server->user_pace, claim->user)) {
		refuse_pace(job);
	} else {
		login_verify(job->server->login, &request, on_verified, job);
	}
}

static gboolean on_read(gpointer data)
{
	struct job *job = data;
	const struct auth_claim *claim = sml_exchange_claim(job->exchange);

	/* Who could be asked is gone by now. */
	if (claim != NULL && job->server->stopping)
		answer(job, 503);
	else if (claim != NULL && claim->scheme == AUTH_BASIC)
		verify(job, claim);
	else if (claim != NULL && claim->user != NULL)
		try_digest(job, claim);
	else
		run(job);
	return G_SOURCE_REMOVE;
}

/* The same octets to the same session are the same message. */
static char *key_of(const struct http_request *request)
{
	g_autofree char *hash = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, request->body);

	return g_strconcat(hash, " ", request->session_key != NULL ? request->session_key : "", " ",
			   request->mac, NULL);
}

static struct sml_request request_of(const struct http_request *request)
{
	return (struct sml_request){
		.body = request->body,
		.content_type = request->content_type,
		.mac = request->mac,
		.user_agent = request->user_agent,
		.session_key = request->session_key,
		.public_url = request->public_url,
		.now = g_get_real_time() / G_USEC_PER_SEC,
	};
}

/* One too many. Who has begun is told in SyncML that it goes on later, if that costs little. */
static void answer_busy(struct server *server, struct http_exchange *http,
			const struct http_request *http_request)
{
	const struct sml_request request = request_of(http_request);
	gsize size = g_bytes_get_size(http_request->body);
	g_autoptr(sml_exchange_t) exchange = NULL;
	struct sml_answer answer = {.http_status = 503};

	if (http_request->session_key != NULL && !server->stopping &&
	    size <= LIMIT_SYNCML_HELD_BYTES) {
		exchange = sml_exchange_new(&server->generation->service, &request);
		sml_exchange_busy(exchange, &answer);
	}
	if (answer.error == NULL)
		answer.error = server->stopping ? "the daemon ends" : "too many messages at once";
	log_answer(http_request, &answer, answer.http_status, 0);
	syncml_metrics_refused(server->metrics, SYNCML_REFUSED_MESSAGES);
	syncml_metrics_message(server->metrics, answer.http_status, size, 0, NULL);
	http_answer(http, answer.http_status, answer.content_type,
		    answer.http_status == 200 ? answer.body : NULL, NULL);
}

static void on_request(struct http_exchange *http, const struct http_request *request,
		       gpointer data)
{
	struct server *server = data;
	g_autofree char *key = key_of(request);
	struct job *job = g_hash_table_lookup(server->jobs, key);

	if (job != NULL && job->twins->len < LIMIT_SYNCML_TWINS) {
		g_ptr_array_add(job->twins, http);
		return;
	}
	if (job != NULL || server->stopping ||
	    g_hash_table_size(server->jobs) >= LIMIT_SYNCML_PENDING) {
		answer_busy(server, http, request);
		return;
	}
	job = g_new0(struct job, 1);
	job->server = server;
	job->generation = generation_ref(server->generation);
	job->key = g_steal_pointer(&key);
	job->http = http;
	job->http_request = request;
	job->twins = g_ptr_array_new();
	job->gzip = http_takes_gzip(http);
	job->started_us = g_get_monotonic_time();
	job->request = request_of(request);
	g_hash_table_insert(server->jobs, job->key, job);
	g_thread_pool_push(server->workers, job, NULL);
}

/* --- sweeping ------------------------------------------------------------------------------- */

static void on_swept(const char *user, const struct pim_swept *swept, const GError *error,
		     gpointer data)
{
	struct server *server = data;

	syncml_metrics_swept(server->metrics, error == NULL ? swept : NULL);
	if (error != NULL)
		g_warning("cannot sweep what is old of user %s: %s; again tomorrow", user,
			  error->message);
	else if (swept->sessions + swept->versions + swept->deletions + swept->devices > 0)
		g_info("user %s: %u old versions, %u deletions, %u devices and %u sessions swept",
		       user, swept->versions, swept->deletions, swept->devices, swept->sessions);
}

static struct sweeper *start_sweeper(struct server *server)
{
	const struct sweeper_settings settings = {
		.store = server->store,
		.keep = server->generation->config->keep,
		.first_us = LIMIT_SYNCML_SWEEP_FIRST_SECS * G_TIME_SPAN_SECOND,
		.period_us = LIMIT_SYNCML_SWEEP_SECS * G_TIME_SPAN_SECOND,
		.swept = on_swept,
		.data = server,
	};

	return sweeper_new(&settings);
}

/* Transcripts that nobody needs any more. */
static gboolean on_prune(gpointer data)
{
	const struct server *server = data;

	transcript_prune(server->generation->config->state_dir, g_get_real_time() / G_USEC_PER_SEC);
	return G_SOURCE_CONTINUE;
}

/* --- metrics ---------------------------------------------------------------------------------- */

static void collect(struct syncml_gauges *gauges, gpointer data)
{
	const struct server *server = data;
	struct http_counts counts;

	http_server_counts(server->http, &counts);
	*gauges = (struct syncml_gauges){
		.messages = g_hash_table_size(server->jobs),
		.connections = counts.connections,
		.too_large = counts.large,
		.too_slow = counts.slow,
	};
}

static gboolean listen_for_metrics(struct server *server, const struct syncml_config *config,
				   GError **error)
{
	syncml_metrics_set_collect(server->metrics, collect, server);
	return syncml_metrics_listen(server->metrics, config->metrics, error);
}

/* --- other work --------------------------------------------------------------------------- */

struct task {
	struct server *server;
	struct generation *generation;
	server_work *work;
	server_done *done;
	gpointer data;
};

/* What OpenSSL keeps for a thread: as in work(). */
static void task_run(GTask *gtask, gpointer source, gpointer data, GCancellable *cancellable)
{
	struct task *task = data;

	task->work(&task->generation->service, task->data);
	g_task_return_boolean(gtask, TRUE);
	OPENSSL_thread_stop();
}

static void task_done(GObject *source, GAsyncResult *result, gpointer data)
{
	struct task *task = data;

	task->done(task->data);
	task->server->tasks--;
	generation_unref(task->generation);
	g_free(task);
}

/* GLib's threads and not ours: what a phone waits for does not wait for an operator. */
void server_run(struct server *server, server_work *function, server_done *done, gpointer data)
{
	struct task *task = g_new0(struct task, 1);
	g_autoptr(GTask) gtask = g_task_new(NULL, NULL, task_done, task);

	task->server = server;
	task->generation = generation_ref(server->generation);
	task->work = function;
	task->done = done;
	task->data = data;
	server->tasks++;
	g_task_set_task_data(gtask, task, NULL);
	g_task_run_in_thread(gtask, task_run);
}

/* --- alerts ------------------------------------------------------------------------------- */

struct noted {
	struct server *server;
	char *user;
};

static gboolean on_noted(gpointer data)
{
	struct noted *noted = data;
	struct server *server = noted->server;

	if (server->noted != NULL)
		server->noted(noted->user, server->noted_data);
	g_atomic_int_add(&server->notes, -1);
	g_free(noted->user);
	g_free(noted);
	return G_SOURCE_REMOVE;
}

/* Any thread. */
static void note(const char *user, gpointer data)
{
	struct noted *noted = g_new(struct noted, 1);

	noted->server = data;
	noted->user = g_strdup(user);
	g_atomic_int_inc(&noted->server->notes);
	g_idle_add_full(G_PRIORITY_DEFAULT, on_noted, noted, NULL);
	/* cppcheck-suppress memleak ; on_noted() has it */
}

void server_watch_alerts(struct server *server, pim_store_alerted *noted, gpointer data)
{
	server->noted = noted;
	server->noted_data = data;
}

char **server_devices_in_session(const struct server *server, const char *user, gint64 secs)
{
	return session_table_devices(server->sessions, user,
				     g_get_real_time() / G_USEC_PER_SEC - secs);
}

/* --- the server --------------------------------------------------------------------------- */

gboolean server_check(const char *config_path, GError **error)
{
	g_autoptr(generation_t) generation = generation_load(config_path, NULL, error);
	struct login *login = generation == NULL ? NULL : login_new(generation->config, error);
	gboolean good = login != NULL;

	login_free(&login);
	return good;
}

struct server *server_start(const char *config_path, int fd, GError **error)
{
	struct server *server = g_new0(struct server, 1);
	const struct syncml_config *config;

	server->config_path = g_strdup(config_path);
	server->started = g_get_real_time() / G_USEC_PER_SEC;
	server->started_us = g_get_monotonic_time();
	server->jobs = g_hash_table_new(g_str_hash, g_str_equal);
	server->user_pace = pace_new(LIMIT_SYNCML_PACES);
	server->address_pace = pace_new(LIMIT_SYNCML_PACES);
	server->digest_pace = pace_new(LIMIT_SYNCML_PACES);
	server->sessions = session_table_new(LIMIT_SYNCML_SESSIONS);
	server->metrics = syncml_metrics_new();
	server->generation = generation_load(config_path, NULL, error);
	if (server->generation == NULL)
		goto failed;
	config = server->generation->config;
	log_writer_set_level(config->log_level);
	server->login = login_new(config, error);
	if (server->login == NULL)
		goto failed;
	server->store = pim_store_open(config->state_dir, error);
	if (server->store == NULL)
		goto failed;
	server->generation->service.store = server->store;
	server->generation->service.held = server->held = held_new();
	pim_store_watch_alerts(server->store, note, server);
	if (!pim_alerts_enable(config->state_dir, config->bridge_socket != NULL, error))
		goto failed;
	server->workers = g_thread_pool_new(work, NULL, (gint)config->workers, FALSE, error);
	if (server->workers == NULL)
		goto failed;
	server->http = http_server_new(config, fd, on_request, server, error);
	if (server->http == NULL || !listen_for_metrics(server, config, error))
		goto failed;
	server->sweeper = start_sweeper(server);
	server->prune = g_timeout_add_seconds(PRUNE_SECS, on_prune, server);
	return server;
failed:
	server_stop(&server);
	return NULL;
}

gboolean server_reload(struct server *server, GError **error)
{
	g_autoptr(generation_t) generation =
		generation_load(server->config_path, server->store, error);
	g_auto(GStrv) kept = NULL;
	struct login *login;

	if (generation == NULL)
		return FALSE;
	kept = syncml_config_keep(server->generation->config, generation->config);
	login = login_new(generation->config, error);
	if (login == NULL || !listen_for_metrics(server, generation->config, error)) {
		login_free(&login);
		return FALSE;
	}
	if (!pim_alerts_enable(generation->config->state_dir,
			       generation->config->bridge_socket != NULL, error)) {
		login_free(&login);
		return FALSE;
	}
	/* Who waits for the old one is asked to come again. */
	login_free(&server->login);
	server->login = login;
	g_thread_pool_set_max_threads(server->workers, (gint)generation->config->workers, NULL);
	http_server_set_config(server->http, generation->config);
	sweeper_set_keep(server->sweeper, &generation->config->keep);
	log_writer_set_level(generation->config->log_level);
	generation->service.held = server->held;
	generation_unref(server->generation);
	server->generation = g_steal_pointer(&generation);
	daemon_log_restart((const char *const *)kept);
	g_message("configuration %s is in force", server->config_path);
	return TRUE;
}

const struct syncml_config *server_config(const struct server *server)
{
	return server->generation->config;
}

void server_get_status(const struct server *server, struct server_status *status_r)
{
	const struct session_limits limits = session_limits_of(server->generation->config);

	status_r->config_path = server->config_path;
	status_r->started = server->started;
	status_r->uptime_secs = (g_get_monotonic_time() - server->started_us) / G_USEC_PER_SEC;
	status_r->sessions = session_table_count(
		server->sessions, &limits, g_get_real_time() / G_USEC_PER_SEC, &status_r->users);
	status_r->messages = g_hash_table_size(server->jobs);
}

void server_stop(struct server **server)
{
	struct server *self = *server;

	if (self == NULL)
		return;
	*server = NULL;
	self->stopping = TRUE;
	if (self->http != NULL)
		http_server_stop_accepting(self->http);
	login_free(&self->login);
	sweeper_free(&self->sweeper);
	if (self->prune != 0)
		g_source_remove(self->prune);
	while (g_hash_table_size(self->jobs) > 0 || self->tasks > 0 ||
	       g_atomic_int_get(&self->notes) > 0)
		g_main_context_iteration(NULL, TRUE);
	if (self->workers != NULL)
		g_thread_pool_free(self->workers, FALSE, TRUE);
	syncml_metrics_free(&self->metrics);
	http_server_free(&self->http);
	pim_store_close(&self->store);
	held_free(&self->held);
	generation_unref(self->generation);
	session_table_free(&self->sessions);
	pace_free(&self->user_pace);
	pace_free(&self->address_pace);
	pace_free(&self->digest_pace);
	g_hash_table_unref(self->jobs);
	g_free(self->config_path);
	g_free(self);
}
