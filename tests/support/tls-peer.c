#include "tls-peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib/gstdio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

struct tls_peer {
	struct tls_peer_options options;
	char *ca_path;
	SSL_CTX *context;
	int fd;
	int filler[4]; /* what fills a silent peer's queue */
	guint16 port;
	GThread *thread;
	GMutex lock;
	GPtrArray *connections; /* struct connection, all there ever were */
	gint accepted, handshakes;
};

struct connection {
	struct tls_peer *peer;
	int fd;
	GThread *thread;
};

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		       const unsigned char *in, unsigned int in_len, void *data)
{
	const char *want = ((struct tls_peer *)data)->options.alpn;

	for (unsigned int i = 0; want != NULL && i < in_len; i += in[i] + 1U) {
		if (in[i] == strlen(want) && memcmp(in + i + 1, want, in[i]) == 0) {
			*out = in + i + 1;
			*out_len = in[i];
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_NOACK;
}

static void use_new_certificate(struct tls_peer *peer)
{
	g_autofree char *names = g_strdup_printf("DNS:%s", peer->options.name);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	GError *error = NULL;

	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	X509_set_pubkey(certificate, key);
	X509_NAME *subject = X509_get_subject_name(certificate);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"test peer",
				   -1, -1, 0);
	X509_set_issuer_name(certificate, subject);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
	extension = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
	g_assert_cmpint(X509_sign(certificate, key, EVP_sha256()), >, 0);
	g_assert_cmpint(SSL_CTX_use_certificate(peer->context, certificate), ==, 1);
	g_assert_cmpint(SSL_CTX_use_PrivateKey(peer->context, key), ==, 1);

	int fd = g_file_open_tmp("fantail-peer-XXXXXX", &peer->ca_path, &error);
	g_assert_no_error(error);
	FILE *file = fdopen(fd, "w");
	g_assert_cmpint(PEM_write_X509(file, certificate), ==, 1);
	fclose(file);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static gpointer connection_run(gpointer data)
{
	struct connection *connection = data;
	struct tls_peer *peer = connection->peer;
	SSL *ssl = SSL_new(peer->context);
	int on = 1;

	/* As servers do; else window updates wait for the client's late ACKs. */
	setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	SSL_set_fd(ssl, connection->fd);
	if (SSL_accept(ssl) == 1) {
		char octet;

		g_atomic_int_inc(&peer->handshakes);
		if (peer->options.serve != NULL)
			peer->options.serve(ssl, peer->options.data);
		else
			SSL_read(ssl, &octet, 1);
		SSL_shutdown(ssl);
	}
	SSL_free(ssl);
	shutdown(connection->fd, SHUT_RDWR);
	return NULL;
}

static gpointer accept_run(gpointer data)
{
	struct tls_peer *peer = data;
	int fd;

	while ((fd = accept(peer->fd, NULL, NULL)) >= 0) {
		struct connection *connection = g_new0(struct connection, 1);

		g_atomic_int_inc(&peer->accepted);
		connection->peer = peer;
		connection->fd = fd;
		g_mutex_lock(&peer->lock);
		g_ptr_array_add(peer->connections, connection);
		connection->thread = g_thread_new("peer", connection_run, connection);
		g_mutex_unlock(&peer->lock);
	}
	return NULL;
}

static void fill_queue(struct tls_peer *peer, const struct sockaddr_in *address)
{
	for (gsize i = 0; i < G_N_ELEMENTS(peer->filler); i++) {
		peer->filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)!connect(peer->filler[i], (const struct sockaddr *)address, sizeof(*address));
	}
	/* The kernel answers on loopback at once, for as many as it takes. */
	g_usleep(50000);
}

struct tls_peer *tls_peer_new(const struct tls_peer_options *options)
{
	struct tls_peer *peer = g_new0(struct tls_peer, 1);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(options->port)};
	socklen_t len = sizeof(address);
	int on = 1;

	peer->options = *options;
	g_mutex_init(&peer->lock);
	peer->connections = g_ptr_array_new_with_free_func(g_free);
	memset(peer->filler, -1, sizeof(peer->filler));
	peer->context = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_alpn_select_cb(peer->context, choose_alpn, peer);
	if (options->max_version != 0) {
		SSL_CTX_set_security_level(peer->context, 0);
		SSL_CTX_set_min_proto_version(peer->context, 0);
		SSL_CTX_set_max_proto_version(peer->context, options->max_version);
	}
	use_new_certificate(peer);

	peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(peer->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	g_assert_cmpint(inet_pton(AF_INET, options->address, &address.sin_addr), ==, 1);
	g_assert_cmpint(bind(peer->fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
	g_assert_cmpint(listen(peer->fd, options->silent ? 0 : 64), ==, 0);
	getsockname(peer->fd, (struct sockaddr *)&address, &len);
	peer->port = ntohs(address.sin_port);
	if (options->silent)
		fill_queue(peer, &address);
	else
		peer->thread = g_thread_new("peer-accept", accept_run, peer);
	return peer;
}

void tls_peer_free(struct tls_peer *peer)
{
	if (peer == NULL)
		return;
	shutdown(peer->fd, SHUT_RDWR);
	if (peer->thread != NULL)
		g_thread_join(peer->thread);
	for (guint i = 0; i < peer->connections->len; i++) {
		struct connection *connection = peer->connections->pdata[i];

		shutdown(connection->fd, SHUT_RDWR);
		g_thread_join(connection->thread);
		close(connection->fd);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(peer->filler); i++) {
		if (peer->filler[i] >= 0)
			close(peer->filler[i]);
	}
	close(peer->fd);
	g_ptr_array_unref(peer->connections);
	g_mutex_clear(&peer->lock);
	SSL_CTX_free(peer->context);
	g_unlink(peer->ca_path);
	g_free(peer->ca_path);
	g_free(peer);
}

guint16 tls_peer_port(const struct tls_peer *peer)
{
	return peer->port;
}

const char *tls_peer_ca(const struct tls_peer *peer)
{
	return peer->ca_path;
}

guint tls_peer_accepted(struct tls_peer *peer)
{
	return (guint)g_atomic_int_get(&peer->accepted);
}

guint tls_peer_handshakes(struct tls_peer *peer)
{
	return (guint)g_atomic_int_get(&peer->handshakes);
}
