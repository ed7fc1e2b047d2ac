#include "tls-connect.h"

#include "http-client.h"
#include "limits.h"
#include "url-guard.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <glib-unix.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

/* How long one address is waited for before the next starts beside it. */
#define NEXT_ADDRESS_SECS 2

/* One address: first connecting, then (ssl set) in the handshake. */
struct attempt {
	struct tls_connect *connect;
	GSocket *socket;
	SSL *ssl;
	guint watch;
	GIOCondition condition; /* of `watch` */
};

struct tls_connect {
	SSL_CTX *context;
	struct url_guard *guard;
	struct url_parts parts;
	tls_connected connected;
	gpointer data;

	GCancellable *cancellable; /* of the look-up */
	GQueue addresses;          /* GInetAddress *, not yet tried */
	GPtrArray *attempts;       /* struct attempt * */
	guint timer;
	GError *error; /* the failure that says most */
};

/* --- OpenSSL ------------------------------------------------------------- */

static char *openssl_error(void)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(code);

	ERR_clear_error();
	return g_strdup(reason != NULL ? reason : "unknown error");
}

SSL_CTX *tls_context_new(const char *ca_file, GError **error)
{
	static const unsigned char alpn[] = "\x02h2\x08http/1.1";
	SSL_CTX *context;

	ERR_clear_error();
	context = SSL_CTX_new(TLS_client_method());
	if (context == NULL || !SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) ||
	    !SSL_CTX_set_default_verify_paths(context) ||
	    SSL_CTX_set_alpn_protos(context, alpn, sizeof(alpn) - 1) != 0)
		goto failed;
	if (ca_file != NULL && !SSL_CTX_load_verify_file(context, ca_file))
		goto failed;
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	/* RFC 9113 9.2.1 forbids renegotiation and compression. HTTP/2 frames
	 * say where they end, so a peer that just hangs up truncates nothing.
	 * The modes are for writes from a growing buffer and for the memory of
	 * idle connections. */
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					     SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					  SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	return context;
failed : {
	g_autofree char *reason = openssl_error();

	g_set_error(error, HTTP_ERROR, HTTP_ERROR_TLS, "cannot set up TLS%s%s: %s",
		    ca_file != NULL ? " with " : "", ca_file != NULL ? ca_file : "", reason);
	SSL_CTX_free(context);
	return NULL;
}
}

static SSL *ssl_new(struct tls_connect *connect, GSocket *socket)
{
	SSL *ssl = SSL_new(connect->context);

	if (ssl == NULL)
		return NULL;
	X509_VERIFY_PARAM *verify = SSL_get0_param(ssl);
	gboolean literal = g_hostname_is_ip_address(connect->parts.host);
	X509_VERIFY_PARAM_set_hostflags(verify, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	/* SNI carries names only (RFC 6066 3). */
	gboolean named = literal ? X509_VERIFY_PARAM_set1_ip_asc(verify, connect->parts.host)
				 : X509_VERIFY_PARAM_set1_host(verify, connect->parts.host, 0) &&
					   SSL_set_tlsext_host_name(ssl, connect->parts.host);
	if (!named || !SSL_set_fd(ssl, g_socket_get_fd(socket))) {
		SSL_free(ssl);
		return NULL;
	}
	SSL_set_connect_state(ssl);
	return ssl;
}

/* --- ends ---------------------------------------------------------------- */

static void attempt_free(gpointer data)
{
	struct attempt *attempt = data;

	g_clear_handle_id(&attempt->watch, g_source_remove);
	SSL_free(attempt->ssl);
	g_clear_object(&attempt->socket);
	g_free(attempt);
}

static void connect_free(struct tls_connect *connect)
{
	g_clear_handle_id(&connect->timer, g_source_remove);
	g_clear_pointer(&connect->attempts, g_ptr_array_unref);
	g_queue_clear_full(&connect->addresses, g_object_unref);
	g_clear_object(&connect->cancellable);
	g_clear_error(&connect->error);
	url_guard_unref(connect->guard);
	url_parts_clear(&connect->parts);
	SSL_CTX_free(connect->context);
	g_free(connect);
}

void tls_connect_cancel(struct tls_connect **connect_p)
{
	struct tls_connect *connect = *connect_p;

	*connect_p = NULL;
	if (connect == NULL)
		return;
	if (connect->cancellable != NULL) {
		/* The look-up calls back in any case, and frees. */
		connect->connected = NULL;
		g_cancellable_cancel(connect->cancellable);
		return;
	}
	connect_free(connect);
}

static void connect_failed(struct tls_connect *connect)
{
	connect->connected(NULL, NULL, connect->error, connect->data);
	connect_free(connect);
}

/* The last one, but a handshake that failed says more than an address that did
 * not answer. */
static void note_error(struct tls_connect *connect, enum http_error code, const char *text)
{
	if (code != HTTP_ERROR_TLS && g_error_matches(connect->error, HTTP_ERROR, HTTP_ERROR_TLS))
		return;
	g_clear_error(&connect->error);
	connect->error = g_error_new(HTTP_ERROR, (gint)code, "%s: %s", connect->parts.origin, text);
}

/* --- attempts ------------------------------------------------------------ */

static void next_address(struct tls_connect *connect);
static gboolean attempt_ready(int fd, GIOCondition condition, gpointer data);

static void attempt_failed(struct attempt *attempt, enum http_error code, const char *text)
{
	struct tls_connect *connect = attempt->connect;

	note_error(connect, code, text);
	g_ptr_array_remove_fast(connect->attempts, attempt);
	next_address(connect);
}

static void attempt_won(struct attempt *attempt)
{
	struct tls_connect *connect = attempt->connect;
	SSL *ssl = g_steal_pointer(&attempt->ssl);
	GSocket *socket = g_steal_pointer(&attempt->socket);

	connect->connected(ssl, socket, NULL, connect->data);
	connect_free(connect);
}

static void attempt_wait(struct attempt *attempt, GIOCondition condition)
{
	if (attempt->watch != 0 && attempt->condition == condition)
		return;
	g_clear_handle_id(&attempt->watch, g_source_remove);
	attempt->condition = condition;
	attempt->watch =
		g_unix_fd_add(g_socket_get_fd(attempt->socket), condition, attempt_ready, attempt);
}

static void attempt_handshake(struct attempt *attempt)
{
	g_autofree char *text = NULL;

	ERR_clear_error();
	errno = 0;
	int result = SSL_do_handshake(attempt->ssl);
	if (result == 1) {
		attempt_won(attempt);
		return;
	}
	int saved_errno = errno;
	switch (SSL_get_error(attempt->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		attempt_wait(attempt, G_IO_IN);
		return;
	case SSL_ERROR_WANT_WRITE:
		attempt_wait(attempt, G_IO_OUT);
		return;
	case SSL_ERROR_ZERO_RETURN:
	case SSL_ERROR_SYSCALL:
		text = g_strdup_printf("connection lost in the TLS handshake: %s",
				       saved_errno != 0 ? g_strerror(saved_errno) : "closed");
		attempt_failed(attempt, HTTP_ERROR_CONNECT, text);
		return;
	default:
		break;
	}
	long verified = SSL_get_verify_result(attempt->ssl);
	if (verified != X509_V_OK) {
		ERR_clear_error();
		text = g_strdup_printf("certificate refused: %s",
				       X509_verify_cert_error_string(verified));
	} else {
		g_autofree char *reason = openssl_error();

		text = g_strdup_printf("TLS handshake failed: %s", reason);
	}
	attempt_failed(attempt, HTTP_ERROR_TLS, text);
}

static gboolean attempt_ready(int fd, GIOCondition condition, gpointer data)
{
	struct attempt *attempt = data;
	g_autoptr(GError) error = NULL;

	if (attempt->ssl == NULL) {
		if (!g_socket_check_connect_result(attempt->socket, &error)) {
			attempt->watch = 0;
			attempt_failed(attempt, HTTP_ERROR_CONNECT, error->message);
			return G_SOURCE_REMOVE;
		}
		attempt->ssl = ssl_new(attempt->connect, attempt->socket);
		if (attempt->ssl == NULL) {
			g_autofree char *reason = openssl_error();

			attempt->watch = 0;
			attempt_failed(attempt, HTTP_ERROR_TLS, reason);
			return G_SOURCE_REMOVE;
		}
	}
	/* This source may be gone after the next line, which GLib allows: a
	 * removed source stays removed whatever its callback returns. */
	attempt_handshake(attempt);
	return G_SOURCE_CONTINUE;
}

/* FALSE: this address is of no use. */
static gboolean attempt_start(struct tls_connect *connect, GInetAddress *address)
{
	g_autoptr(GSocketAddress) to = g_inet_socket_address_new(address, connect->parts.port);
	g_autoptr(GError) error = NULL;
	g_autoptr(GSocket) socket =
		g_socket_new(g_inet_address_get_family(address), G_SOCKET_TYPE_STREAM,
			     G_SOCKET_PROTOCOL_TCP, &error);

	if (socket != NULL) {
		g_socket_set_blocking(socket, FALSE);
		/* Requests are written whole; waiting for more gains nothing. */
		g_socket_set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
	}
	if (socket == NULL || (!g_socket_connect(socket, to, NULL, &error) &&
			       !g_error_matches(error, G_IO_ERROR, G_IO_ERROR_PENDING))) {
		note_error(connect, HTTP_ERROR_CONNECT, error->message);
		return FALSE;
	}
	struct attempt *attempt = g_new0(struct attempt, 1);
	attempt->connect = connect;
	attempt->socket = g_steal_pointer(&socket);
	g_ptr_array_add(connect->attempts, attempt);
	attempt_wait(attempt, G_IO_OUT);
	return TRUE;
}

static gboolean next_address_due(gpointer data)
{
	struct tls_connect *connect = data;

	connect->timer = 0;
	next_address(connect);
	return G_SOURCE_REMOVE;
}

/* May end and free `connect`. */
static void next_address(struct tls_connect *connect)
{
	g_clear_handle_id(&connect->timer, g_source_remove);
	while (!g_queue_is_empty(&connect->addresses)) {
		g_autoptr(GInetAddress) address = g_queue_pop_head(&connect->addresses);

		if (attempt_start(connect, address))
			break;
	}
	if (connect->attempts->len == 0)
		connect_failed(connect);
	else if (!g_queue_is_empty(&connect->addresses))
		connect->timer =
			g_timeout_add_seconds(NEXT_ADDRESS_SECS, next_address_due, connect);
}

/* --- look-up ------------------------------------------------------------- */

/* The resolver's order within a family, the families in turn, the first of the
 * list first. */
static void queue_addresses(struct tls_connect *connect, GList *found)
{
	GSocketFamily family = g_inet_address_get_family(found->data);

	while (found != NULL && connect->addresses.length < LIMIT_CONNECT_ADDRESSES) {
		GList *pick = found;

		while (pick != NULL && g_inet_address_get_family(pick->data) != family)
			pick = pick->next;
		if (pick == NULL)
			pick = found;
		g_queue_push_tail(&connect->addresses, pick->data);
		family = g_inet_address_get_family(pick->data) == G_SOCKET_FAMILY_IPV4
				 ? G_SOCKET_FAMILY_IPV6
				 : G_SOCKET_FAMILY_IPV4;
		found = g_list_delete_link(found, pick);
	}
	g_resolver_free_addresses(found);
}

static void resolved(GObject *source, GAsyncResult *result, gpointer data)
{
	struct tls_connect *connect = data;
	g_autoptr(GError) error = NULL;
	GList *found = url_guard_resolve_finish(result, &error);

	g_clear_object(&connect->cancellable);
	if (connect->connected == NULL) {
		if (found != NULL)
			g_resolver_free_addresses(found);
		connect_free(connect);
		return;
	}
	if (found == NULL) {
		gboolean refused = g_error_matches(error, URL_GUARD_ERROR, URL_GUARD_ERROR_ADDRESS);

		note_error(connect, refused ? HTTP_ERROR_REFUSED : HTTP_ERROR_RESOLVE,
			   error->message);
		connect_failed(connect);
		return;
	}
	queue_addresses(connect, found);
	next_address(connect);
}

struct tls_connect *tls_connect_start(SSL_CTX *context, struct url_guard *guard,
				      const struct url_parts *parts, tls_connected connected,
				      gpointer data)
{
	struct tls_connect *connect = g_new0(struct tls_connect, 1);

	SSL_CTX_up_ref(context);
	connect->context = context;
	connect->guard = url_guard_ref(guard);
	url_parts_copy(&connect->parts, parts);
	connect->connected = connected;
	connect->data = data;
	connect->cancellable = g_cancellable_new();
	g_queue_init(&connect->addresses);
	connect->attempts = g_ptr_array_new_with_free_func(attempt_free);
	url_guard_resolve_async(guard, parts, NULL, connect->cancellable, resolved, connect);
	return connect;
}
