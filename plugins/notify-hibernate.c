#include "notify-hibernate.h"
#include "base64.h"
#include "fdpass.h"
#include "ioloop.h"
#include "istream.h"
#include "net.h"
#include "ostream.h"
#include "str.h"
#include "strescape.h"
#include "write-full.h"
#include "dovecot-compat.h"

#include "limits.h"
#include "monotonic.h"
#include "notify-idle.h"
#include "notify-selected.h"
#include "notify-state.h"
#include "trouble.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define HANDSHAKE "VERSION\timap-hibernate\t1\t0\n"
/* imap-hibernate insists on a tag; without IDLE nobody ever sees this one. */
#define NO_TAG "*"

/* For wake-ups that were on their way when the hub took the rules, and what they bring. */
#define SETTLE_MSECS 100

struct notify_hibernate {
	struct notify_session *session;
	struct timeout *to_sleep;
	bool drowsy;
	bool made_up; /* Dovecot's made up IDLE is to come */
};

static struct trouble trouble_socket;

static void sleep_timeout(struct notify_hibernate *hibernate);

static unsigned int idle_msecs(const struct notify_session *session)
{
	return session->client->set->imap_hibernate_timeout * 1000;
}

/* --- imap-hibernate's socket ------------------------------------------------- */

static void add_string(string_t *line, const char *key, const char *value)
{
	if (value == NULL)
		return;
	str_printfa(line, "\t%s=", key);
	str_append_tabescaped(line, value);
}

static void add_number(string_t *line, const char *key, unsigned long long value)
{
	str_printfa(line, "\t%s=%llu", key, value);
}

static void add_address(string_t *line, const char *ip_key, const struct ip_addr *ip,
			const char *port_key, in_port_t port)
{
	if (ip != NULL)
		add_string(line, ip_key, net_ip2addr(ip));
	if (port != 0)
		add_number(line, port_key, port);
}

static void add_userdb_fields(string_t *line, const char *const *fields)
{
	string_t *joined;

	if (fields == NULL)
		return;
	joined = t_str_new(256);
	for (; *fields != NULL; fields++) {
		str_append_tabescaped(joined, *fields);
		if (fields[1] != NULL)
			str_append_c(joined, '\t');
	}
	add_string(line, "userdb_fields", str_c(joined));
}

/* So that imap can tell later that it was given the right descriptor. */
static void add_peer(string_t *line, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return;
	add_number(line, "peer_dev_major", major(st.st_dev));
	add_number(line, "peer_dev_minor", minor(st.st_dev));
	add_number(line, "peer_ino", st.st_ino);
}

/* What imap-hibernate has to know, in the words of Dovecot's own imap. */
static string_t *request(const struct notify_session *session, const buffer_t *state)
{
	struct client *client = session->client;
	const struct mail_user *user = client->user;
	const struct client_command_context *idle = notify_idle_command(session);
	string_t *line = t_str_new(1024 + state->used * 4 / 3);

	str_append_tabescaped(line, user->username);
	str_append_c(line, '\t');
	str_append_tabescaped(line, fantail_user_log_prefix(user));
	add_number(line, "idle_notify_interval", client->set->imap_idle_notify_interval);
	add_peer(line, client->fd_in);
	add_string(line, "session", user->session_id);
	if (user->session_create_time != 0)
		add_number(line, "session_created", (unsigned long long)user->session_create_time);
	add_address(line, "lip", user->conn.local_ip, "lport", user->conn.local_port);
	add_address(line, "rip", user->conn.remote_ip, "rport", user->conn.remote_port);
	add_userdb_fields(line, client->userdb_fields);
	if (user->uid != (uid_t)-1)
		add_number(line, "uid", user->uid);
	if (user->gid != (gid_t)-1)
		add_number(line, "gid", user->gid);
	if (client->mailbox != NULL)
		add_string(line, "mailbox", mailbox_get_vname(client->mailbox));
	add_string(line, "tag", idle == NULL ? NO_TAG : idle->tag);
	add_string(line, "stats", client_stats(client));
	if (idle != NULL)
		str_append(line, "\tidle-cmd");
	str_append(line, "\tnotify_fd");
	fantail_client_hibernate_fields(client, line);
	str_append(line, "\tstate=");
	base64_encode(state->data, state->used, line);
	str_append_c(line, '\n');
	return line;
}

/* One line; "+" is yes. Returns what was said instead, or NULL. */
static const char *read_answer(int fd, bool handshake)
{
	char answer[1024];
	ssize_t len = read(fd, answer, sizeof(answer) - 1);

	if (len < 0)
		return t_strdup_printf("read() failed: %m");
	if (len == 0)
		return "closed the connection";
	answer[len] = '\0';
	if (handshake ? strncmp(answer, "VERSION\timap-hibernate\t1\t", 25) == 0 : answer[0] == '+')
		return NULL;
	return t_strdup_printf("says: %s", t_strcut(answer, '\n'));
}

/* The first octet takes the descriptor with it. */
static const char *send_with_fd(int fd, int passed, const char *data, size_t len)
{
	if (fd_send(fd, passed, data, 1) < 0 || write_full(fd, data + 1, len - 1) < 0)
		return t_strdup_printf("send() failed: %m");
	return read_answer(fd, FALSE);
}

static const char *hand_over(int fd, string_t *line, int client_fd, int hub_fd)
{
	const char *error;

	if (write_full(fd, HANDSHAKE, strlen(HANDSHAKE)) < 0)
		return t_strdup_printf("write() failed: %m");
	error = read_answer(fd, TRUE);
	if (error == NULL)
		error = send_with_fd(fd, client_fd, str_c(line), str_len(line));
	if (error == NULL)
		error = send_with_fd(fd, hub_fd, "\n", 1);
	return error;
}

/* -1: *error_r. As long as the connection is open imap-hibernate leaves the client alone, so
 * that it is not in two processes at once. */
static int socket_hand_over(const struct notify_session *session, const buffer_t *state, int hub_fd,
			    const char **error_r)
{
	struct timeval most = {.tv_sec = LIMIT_HIBERNATE_SECS};
	const char *path =
		t_strconcat(session->client->user->set->base_dir, "/imap-hibernate", NULL);
	int fd = net_connect_unix(path);

	if (fd == -1) {
		*error_r = t_strdup_printf("connect(%s) failed: %m", path);
		return -1;
	}
	net_set_nonblock(fd, FALSE);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most)) < 0)
		*error_r = t_strdup_printf("setsockopt() failed: %m");
	else
		*error_r = hand_over(fd, request(session, state), session->client->fd_in, hub_fd);
	if (*error_r != NULL)
		i_close_fd(&fd);
	return fd;
}

/* --- falling asleep ---------------------------------------------------------- */

static void plan_sleep(struct notify_hibernate *hibernate, unsigned int msecs)
{
	timeout_remove(&hibernate->to_sleep);
	hibernate->to_sleep = timeout_add(msecs, sleep_timeout, hibernate);
}

static void stay_awake(struct notify_hibernate *hibernate, unsigned int msecs)
{
	plan_sleep(hibernate, msecs);
	if (!hibernate->drowsy)
		return;
	hibernate->drowsy = FALSE;
	notify_session_watch(hibernate->session);
}

static bool is_waiting(const struct notify_session *session)
{
	const struct client *client = session->client;
	const struct client_command_context *idle = notify_idle_command(session);

	return (client->input_lock == NULL || client->input_lock == idle) && client->io != NULL &&
	       i_stream_get_data_size(client->input) == 0 &&
	       o_stream_get_buffer_used_size(client->output) == 0 &&
	       notify_session_may_write(session) && notify_idle_at_rest(session);
}

static bool may_sleep(const struct notify_session *session)
{
	return session->active && session->watch != NULL && session->hub != NULL &&
	       session->client->fd_in == session->client->fd_out && is_waiting(session) &&
	       notify_session_at_rest(session) && notify_selected_may_sleep(session);
}

/* The client, the session and `hibernate` are gone after this. */
static void end_process(struct client *client, int fd)
{
	struct event_passthrough *e =
		event_create_passthrough(client->event)->set_name("imap_client_hibernated");

	if (client->mailbox != NULL)
		e->add_str("mailbox", mailbox_get_vname(client->mailbox));
	e_debug(e->event(), "fantail: asleep, with NOTIFY");
	/* It did not log out. */
	client->disconnected = TRUE;
	client->hibernated = TRUE;
	client_destroy(client, NULL);
	i_close_fd(&fd);
}

static void report(const struct notify_session *session, const char *error)
{
	unsigned int times;

	if (trouble_note(&trouble_socket, monotonic_us(), &times))
		e_error(session->event, "imap-hibernate: %s (%u time(s)); the session stays awake",
			error, times);
}

/* FALSE: the session is still here. */
static bool try_sleep(struct notify_session *session, const buffer_t *state)
{
	const char *error;
	int fd, hub_fd = hub_link_sleep(&session->hub);

	if (hub_fd == -1)
		return FALSE;
	fd = socket_hand_over(session, state, hub_fd, &error);
	i_close_fd(&hub_fd);
	if (fd == -1) {
		report(session, error);
		return FALSE;
	}
	end_process(session->client, fd);
	return TRUE;
}

static void sleep_now(struct notify_hibernate *hibernate)
{
	struct notify_session *session = hibernate->session;
	struct client *client = session->client;
	buffer_t *state = buffer_create_dynamic(default_pool, 1024);
	const char *error;
	bool asleep = FALSE;
	int ret = client->v.state_export(client, TRUE, state, &error);

	if (ret < 0)
		report(session, error);
	else if (ret == 0)
		e_debug(session->event, "stays awake: %s", error);
	else
		asleep = try_sleep(session, state);
	buffer_free(&state);
	if (!asleep)
		stay_awake(hibernate, I_MAX(idle_msecs(session), LIMIT_HIBERNATE_RETRY_MSECS));
}

/* First the hub is told what is to wake us; when it knows that and nothing happens, we go. */
static void sleep_timeout(struct notify_hibernate *hibernate)
{
	struct notify_session *session = hibernate->session;
	bool was_drowsy = hibernate->drowsy;

	timeout_remove(&hibernate->to_sleep);
	if (may_sleep(session) && !hibernate->drowsy) {
		hibernate->drowsy = TRUE;
		T_BEGIN
		{
			notify_session_watch(session);
		}
		T_END;
	}
	if (!hibernate->drowsy || !may_sleep(session)) {
		stay_awake(hibernate, idle_msecs(session));
	} else if (hub_link_connected(session->hub)) {
		T_BEGIN
		{
			sleep_now(hibernate);
		}
		T_END;
	} else if (!was_drowsy && hub_link_pending(session->hub)) {
		plan_sleep(hibernate, idle_msecs(session));
	} else {
		stay_awake(hibernate, idle_msecs(session));
	}
}

void notify_hibernate_ready(struct notify_session *session)
{
	if (notify_hibernate_drowsy(session))
		plan_sleep(session->hibernate, SETTLE_MSECS);
}

/* --- the outside ------------------------------------------------------------- */

static struct notify_hibernate *get(struct notify_session *session)
{
	if (session->hibernate == NULL) {
		session->hibernate = p_new(session->client->pool, struct notify_hibernate, 1);
		session->hibernate->session = session;
	}
	return session->hibernate;
}

void notify_hibernate_postpone(struct notify_session *session)
{
	if (session->active && !session->client->disconnected && idle_msecs(session) > 0)
		stay_awake(get(session), idle_msecs(session));
}

bool notify_hibernate_drowsy(const struct notify_session *session)
{
	return session->hibernate != NULL && session->hibernate->drowsy;
}

bool notify_hibernate_is_made_up(struct notify_session *session)
{
	struct notify_hibernate *hibernate = session->hibernate;

	if (hibernate == NULL || !hibernate->made_up)
		return FALSE;
	hibernate->made_up = FALSE;
	session->client->state_import_idle_continue = FALSE;
	return TRUE;
}

void notify_hibernate_expect_made_up(struct notify_session *session)
{
	/* Dovecot believes that everybody sleeps in IDLE, and would now say how that one
	 * ended. Let it go on instead. */
	session->client->state_import_idle_continue = TRUE;
	get(session)->made_up = TRUE;
}

void notify_hibernate_deinit(struct notify_session *session)
{
	if (session->hibernate != NULL)
		timeout_remove(&session->hibernate->to_sleep);
	session->hibernate = NULL;
}
