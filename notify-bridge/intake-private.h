/* What the files of the intake share; nobody else includes it. */
#ifndef FANTAIL_INTAKE_PRIVATE_H
#define FANTAIL_INTAKE_PRIVATE_H

#include "bucket.h"
#include "gateway-context.h"
#include "intake.h"
#include "intake-batch.h"
#include "line-server.h"
#include "pace.h"
#include "presence.h"

struct intake {
	guint refs; /* one is main's; the others are batches and operations under way */
	gboolean closed;
	struct queue *queue;
	struct registry *registry;
	struct dispatcher *dispatcher;
	struct gateway_context *context;
	struct metrics *metrics;
	struct line_server *server;
	GPtrArray *hooks; /* struct webhook_device * of the context */
	struct pace *registrations;
	struct pace *changes; /* of Push-IMAP */
	struct presence *presence;
	struct bucket warnings; /* peers could fill the log */
	gsize bytes;            /* that batches hold; LIMIT_INTAKE_BYTES */
	guint pending;
	guint lookups; /* of these: name look-ups */
};

/* One request of a peer. Borrowed, for the call only. */
struct request {
	struct intake *intake;
	struct line_peer *peer;
	const char *id;
	const char *user;
	const struct tabline_field *fields;
	gsize count;
};

struct intake *intake_ref(struct intake *intake);
void intake_unref(struct intake *intake);
/* An operation begins that ends in a callback and an answer, which shutdown waits for;
 * it holds the intake meanwhile. */
struct intake *intake_begin(struct intake *intake);
void intake_end(struct intake *intake);

/* To a peer of which nobody can tell at the moment for whom it may speak. */
#define PEER_UNKNOWN_TEXT "the account of this process cannot be looked up at the moment"

/* May a warning about a peer be logged? */
gboolean intake_may_warn(struct intake *intake);

/* NULL = it has no such key. Borrowed. */
const char *request_get(const struct request *request, const char *key);
void request_no(const struct request *request, const char *code, const char *text);
/* FALSE: Web Push is switched off, and that was the answer. */
gboolean request_webpush_ready(const struct request *request);

/* FALSE: the user has changed too much of Push-IMAP's lately, and that was the answer. */
gboolean request_may_change(const struct request *request);

/* A change of the registry that waits for the disk. */
struct change {
	struct intake *intake;
	struct line_peer *peer;
	char *id;
	gint64 device; /* whose notifications go with it; 0 = none */
};
struct change *intake_change_new(const struct request *request);
void intake_change_free(struct change *change);
/* Answers OK, or NO with what the store said; and frees it. */
void intake_change_end(struct change *change, const GError *error);

/* Push-IMAP (intake-pimap.c, intake-filter.c), and tokens (intake-token.c). */
void intake_profile(const struct request *request);
void intake_prefer(const struct request *request);
void intake_present(const struct request *request);
void intake_attach(const struct request *request);
void intake_filterset(const struct request *request);
void intake_filterlist(const struct request *request);
void intake_filterdrop(const struct request *request);
void intake_register(const struct request *request);
/* The ITEMs of WANT. */
void intake_wanted_filters(const struct request *request);

/* The verbs of registration (intake-register.c, intake-subscribe.c). Each answers, now
 * or later. */
void intake_vapid(const struct request *request);
void intake_subscribe(const struct request *request);
void intake_confirm(const struct request *request);
void intake_unsubscribe(const struct request *request);
void intake_list(const struct request *request);

/* The code and text of NO for what the store said (docs/wire-protocols.md). */
const char *intake_store_code(const GError *error);

/* The OK of that request, with up to two fields; NULL values write none. */
void intake_ok(struct line_peer *peer, const char *id, const char *key, const char *value,
	       const char *key2, const char *value2);

#endif
