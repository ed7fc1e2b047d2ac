/*
 * A message in, a message out: what stands between a transport (http.c, tests, one day OBEX)
 * and sessions. Each message is one transaction of the store that has its effects, the state of
 * the session and the answer, so that a message that comes twice is executed once.
 *
 *	exchange = sml_exchange_new(...)      parses; any thread
 *	claim = sml_exchange_claim(exchange)  a password to be checked? ask whoever knows
 *	sml_exchange_run(exchange, ...)	      executes; any thread; blocks on the disk
 */
#ifndef FANTAIL_SYNCML_SERVICE_H
#define FANTAIL_SYNCML_SERVICE_H

#include "auth.h"
#include "held.h"
#include "rules.h"
#include "store.h"

struct sml_settings {
	const char *server_id;    /* DevID of our DevInf, and in notifications */
	const char *service_path; /* "/sync" */
	guint64 max_msg_size, max_obj_size;
	const char *zone;                        /* of users; NULL = UTC */
	gboolean auth_basic, auth_md5, auth_mac; /* which are offered */
	gint64 session_secs, resume_secs;
	guint guard_percent, guard_items; /* the mass-deletion guard */
	gboolean one_generation;          /* a phone's anchor before its last is none */
	enum sml_conflict {               /* which side wins where a merge cannot tell */
		SML_CONFLICT_SERVER,
		SML_CONFLICT_CLIENT,
		SML_CONFLICT_DUPLICATE,
	} conflict;
};

struct sml_service {
	struct pim_store *store;
	const struct rules *rules;
	const struct sml_settings *settings;
	struct held *held; /* NULL = nothing is held */
};

struct sml_request {
	GBytes *body;
	const char *content_type;
	const char *mac;         /* x-syncml-hmac; NULL = none */
	const char *user_agent;  /* NULL = none */
	const char *session_key; /* of the address it was posted to; NULL = none */
	const char *public_url;  /* the address that the phone reaches, without a session's key */
	gint64 now;              /* unix seconds */
};

struct sml_exchange;
typedef struct sml_exchange sml_exchange_t;

/* The strings of `request` have to live as long. Never NULL. */
struct sml_exchange *sml_exchange_new(const struct sml_service *service,
				      const struct sml_request *request);
void sml_exchange_free(struct sml_exchange *exchange);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sml_exchange_t, sml_exchange_free)

/* As the message names its device; NULL = it is no message. */
const char *sml_exchange_device(const struct sml_exchange *exchange);
/* The number of its session, as the device counts; NULL likewise. */
const char *sml_exchange_session(const struct sml_exchange *exchange);
/* What it says of who it is; NULL = nothing. Of auth-basic somebody has to be asked whether the
 * password is right; digests are checked with what the store has. */
const struct auth_claim *sml_exchange_claim(const struct sml_exchange *exchange);

enum sml_verdict {
	SML_VERDICT_NONE, /* nothing was asked */
	SML_VERDICT_OK,
	SML_VERDICT_WRONG,
	SML_VERDICT_FORBIDDEN,
	SML_VERDICT_TEMPORARY,
};

/* Changes of an item. */
enum sml_kind {
	SML_ADDED,
	SML_REPLACED,
	SML_DELETED,
};
#define SML_KINDS 3

/* What a message has done, once it is on disk. */
struct sml_tally {
	gboolean begun;     /* a session */
	gboolean logged_in; /* by whatever means, in this message */
	enum sml_end {
		SML_END_NONE, /* it goes on, or was at its end before */
		SML_END_OK,
		SML_END_FAILED, /* one of its databases at least */
		SML_END_SUSPENDED,
	} end;
	guint in[PIM_COLLECTIONS][SML_KINDS], out[PIM_COLLECTIONS][SML_KINDS];
	guint conflicts;
	guint guarded; /* databases for which the mass-deletion guard stood up */
};

struct sml_answer {
	guint http_status; /* 200, 400, 404, 413, 415, 503 */
	const char *content_type;
	GBytes *body; /* NULL unless 200 */
	/* For the log and the metrics. */
	const char *user, *device, *error; /* NULL = not known, none */
	gboolean authenticated;            /* the device has shown who it is */
	gboolean login_failed;             /* its credentials were wrong */
	gboolean finished;                 /* the session is over */
	enum sml_encoding encoding;
	gboolean digest; /* it had a digest to log in with */
	struct sml_tally tally;
	int store_error; /* enum pim_store_error; -1 = none */
};
/* `user`: the canonical name, with OK. What it points to lives as long as the exchange. */
void sml_exchange_run(struct sml_exchange *exchange, enum sml_verdict verdict, const char *user,
		      struct sml_answer *answer_r);

/* Instead of running it, since we cannot keep up: 101, and the message is held until the phone asks
 * for what came of it (Alert 221). 503 for who has no session yet. Any thread; no disk. */
void sml_exchange_busy(struct sml_exchange *exchange, struct sml_answer *answer_r);

#endif
