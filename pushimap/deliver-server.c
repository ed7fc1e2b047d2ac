#include "lib.h"
#include "array.h"
#include "hostpid.h"
#include "iostream-ssl.h"
#include "mail-storage-settings.h"
#include "mail-user.h"
#include "net.h"
#include "smtp-client.h"
#include "smtp-client-connection.h"
#include "str-sanitize.h"
#include "dovecot-compat.h"

#include "deliver-server.h"
#include "fantail-settings.h"
#include "limits.h"

#define SUBMISSION_PORT 587
#define SMTPS_PORT 465
#define CONNECT_MSECS (30 * 1000)

struct deliver_server {
	const struct fantail_submission *set;
	const char *host;
	in_port_t port;
};

static bool host_reported;

const struct deliver_server *deliver_server_get(struct mail_user *user,
						const struct fantail_submission *set)
{
	const in_port_t standard = set->ssl == FANTAIL_SSL_SMTPS ? SMTPS_PORT : SUBMISSION_PORT;
	struct deliver_server *server;
	const char *host;
	in_port_t port;

	if (*set->host == '\0')
		return NULL;
	if (net_str2hostport(set->host, standard, &host, &port) < 0 || *host == '\0') {
		if (!host_reported)
			e_error(user->event,
				"fantail: fantail_submission_host = %s is no host and port; not "
				"offering XDELIVER (set it like smtp.example.com:587 or remove it)",
				str_sanitize(set->host, 128));
		host_reported = TRUE;
		return NULL;
	}
	server = p_new(user->pool, struct deliver_server, 1);
	server->set = set;
	server->host = p_strdup(user->pool, host);
	server->port = port;
	return server;
}

const struct fantail_submission *deliver_server_settings(const struct deliver_server *server)
{
	return server->set;
}

/* --- connecting ------------------------------------------------------------- */

/* Not among those that lib-smtp knows. */
static const char *const extra_capabilities[] = {
	"DELIVERBY", "EXPN", "FUTURERELEASE", "HELP", "MT-PRIORITY", "SMTPUTF8", NULL};

static enum smtp_client_connection_ssl_mode ssl_mode(enum fantail_ssl ssl)
{
	switch (ssl) {
	case FANTAIL_SSL_STARTTLS:
		return SMTP_CLIENT_SSL_MODE_STARTTLS;
	case FANTAIL_SSL_SMTPS:
		return SMTP_CLIENT_SSL_MODE_IMMEDIATE;
	case FANTAIL_SSL_NO:
		return SMTP_CLIENT_SSL_MODE_NONE;
	}
	i_unreached();
}

struct smtp_client_connection *deliver_server_connection(const struct deliver_server *server,
							 struct mail_user *user,
							 struct event *event,
							 struct smtp_client **client_r)
{
	const struct fantail_submission *set = server->set;
	struct ssl_iostream_settings ssl;
	struct smtp_client_settings smtp;

	i_zero(&smtp);
	i_zero(&ssl);
	smtp.my_hostname = my_hostdomain();
	smtp.extra_capabilities = extra_capabilities;
	/* A process must not wait for a name server. */
	if (*user->set->base_dir != '\0')
		smtp.dns_client_socket_path = t_strconcat(user->set->base_dir, "/dns-client", NULL);
	fantail_smtp_client_set_ssl(&smtp, &ssl, user, set->ssl_verify);
	if (*set->password != '\0') {
		smtp.username = *set->user != '\0' ? set->user : user->username;
		smtp.master_user = *set->master_user != '\0' ? set->master_user : NULL;
		smtp.password = set->password;
	}
	if (set->trusted) {
		smtp.peer_trusted = TRUE;
		if (user->conn.remote_ip != NULL) {
			smtp.proxy_data.source_ip = *user->conn.remote_ip;
			smtp.proxy_data.source_port = user->conn.remote_port;
		}
		smtp.proxy_data.login = user->username;
	}
	smtp.connect_timeout_msecs = I_MIN(CONNECT_MSECS, set->timeout_secs * 1000);
	smtp.command_timeout_msecs = set->timeout_secs * 1000;
	smtp.max_reply_size = LIMIT_DELIVER_REPLY;
	smtp.event_parent = event;
	*client_r = smtp_client_init(&smtp);
	return smtp_client_connection_create(*client_r, SMTP_PROTOCOL_SMTP, server->host,
					     server->port, ssl_mode(set->ssl), &smtp);
}

/* --- capabilities ----------------------------------------------------------- */

/* Not those of connections (AUTH, STARTTLS, PIPELINING, XCLIENT), nor those that stand for other
 * ways to send a message (BURL, CHUNKING, BINARYMIME). */
static const struct {
	enum smtp_capability capability;
	const char *name;
} standard[] = {
	{SMTP_CAPABILITY_8BITMIME, "8BITMIME"},
	{SMTP_CAPABILITY_DSN, "DSN"},
	{SMTP_CAPABILITY_ENHANCEDSTATUSCODES, "ENHANCEDSTATUSCODES"},
	{FANTAIL_SMTP_CAPABILITY_SMTPUTF8, "SMTPUTF8"},
	{SMTP_CAPABILITY_VRFY, "VRFY"},
};

/* Their parameters are numbers and words; what else would not be a string for IMAP. */
static bool is_plain(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text < ' ' || *text >= 0x7f || *text == '"' || *text == '\\')
			return FALSE;
	}
	return TRUE;
}

const char *const *deliver_server_capabilities(struct smtp_client_connection *conn)
{
	enum smtp_capability caps = smtp_client_connection_get_capabilities(conn);
	ARRAY_TYPE(const_string) names;
	const char *name;

	t_array_init(&names, 16);
	for (unsigned int i = 0; i < N_ELEMENTS(standard); i++) {
		if ((caps & standard[i].capability) != 0)
			array_push_back(&names, &standard[i].name);
	}
	if ((caps & SMTP_CAPABILITY_SIZE) != 0) {
		uoff_t size = smtp_client_connection_get_size_capability(conn);

		name = size == 0 ? "SIZE" : t_strdup_printf("SIZE %" PRIuUOFF_T, size);
		array_push_back(&names, &name);
	}
	for (unsigned int i = 0; extra_capabilities[i] != NULL; i++) {
		const struct smtp_capability_extra *extra =
			smtp_client_connection_get_extra_capability(conn, extra_capabilities[i]);

		if (extra == NULL)
			continue;
		name = extra_capabilities[i];
		if (extra->params != NULL && *extra->params != NULL)
			name = t_strconcat(name, " ", t_strarray_join(extra->params, " "), NULL);
		if (is_plain(name))
			array_push_back(&names, &name);
	}
	array_append_zero(&names);
	return array_front(&names);
}
