/*
 * What an administrator may set for our modules inside Dovecot. 2.3 reads it
 * from plugin { }, 2.4 from the top level or any filter; both from the userdb.
 */
#ifndef FANTAIL_SETTINGS_H
#define FANTAIL_SETTINGS_H

struct mail_user;

#define FANTAIL_SOCKET_DEFAULT "/run/fantail/bridge.sock"
#define FANTAIL_HUB_DEFAULT "/run/fantail/hub.sock"
#define FANTAIL_SPOOL_DEFAULT "/var/spool/fantail"
/* LIMIT_HANDOVER_MSECS as 2.4's doveconf shows it. */
#define FANTAIL_DEADLINE_DEFAULT "50"
/* Likewise LIMIT_FILTER_BUDGET_MSECS. */
#define FANTAIL_FILTER_BUDGET_DEFAULT "20"
/* Likewise the LIMIT_NOTIFY_* of the same names. */
#define FANTAIL_NOTIFY_WINDOW_DEFAULT "20"
#define FANTAIL_NOTIFY_POLL_DEFAULT "30"
#define FANTAIL_NOTIFY_MAILBOXES_DEFAULT "10000"
#define FANTAIL_WEBPUSH_DIALECT_DEFAULT "gougeon"
#define FANTAIL_APPLE_DEFAULT "no"
/* LIMIT_PIMAP_EXPIRE_DAYS likewise. */
#define FANTAIL_PIMAP_SESSION_EXPIRE_DEFAULT "7"
#define FANTAIL_PIMAP_DEFAULT "yes"
#define FANTAIL_DELTAPUSH_DEFAULT "no"
#define FANTAIL_SUBMISSION_SSL_DEFAULT "starttls"
#define FANTAIL_SUBMISSION_SSL_VERIFY_DEFAULT "yes"
#define FANTAIL_SUBMISSION_TRUSTED_DEFAULT "no"
#define FANTAIL_SUBMISSION_SENDER_DEFAULT "any"
/* LIMIT_DELIVER_REPLY_SECS likewise. */
#define FANTAIL_SUBMISSION_TIMEOUT_DEFAULT "300"

enum fantail_ssl {
	FANTAIL_SSL_STARTTLS,
	FANTAIL_SSL_SMTPS,
	FANTAIL_SSL_NO,
};

/* The SMTP server that mail of users is handed to: fantail_submission_*. Texts are never NULL. */
struct fantail_submission {
	const char *host;          /* with port, for pushimap/ to judge; empty: there is none */
	enum fantail_ssl ssl;      /* unencrypted only if somebody says so */
	bool ssl_verify;           /* its certificate has to be right */
	const char *user;          /* log in as; with a master user: for; empty: the user's name */
	const char *master_user;   /* whose password it is; empty: that of `user` */
	const char *password;      /* empty: nobody logs in */
	bool trusted;              /* it takes XCLIENT from us */
	const char *sender;        /* which addresses (deliver-script.h) */
	unsigned int timeout_secs; /* for each of its replies */
};
#define FANTAIL_CONVERTERS_DEFAULT "/etc/fantail/converters.conf"
#define FANTAIL_VIEWS_DEFAULT "yes"

struct fantail_settings {
	const char *socket_path;     /* fantail_socket: the bridge's mail socket */
	const char *hub_path;        /* fantail_hub: the hub's socket */
	const char *spool_path;      /* fantail_spool: where batches wait that it did not take */
	unsigned int deadline_msecs; /* fantail_deadline: the most one transaction waits for it */
	unsigned int filter_budget_msecs;  /* fantail_filter_budget: the most of that for filters */
	unsigned int notify_window_msecs;  /* fantail_notify_window: from one burst of
					    * notifications to the next */
	unsigned int notify_poll_secs;     /* fantail_notify_poll: how often a session looks for
					    * what nobody told it; fantail(7) says at what */
	unsigned int notify_max_mailboxes; /* fantail_notify_mailboxes: watched by one session */
	const char *converters;            /* fantail_converters: the table of XCONVERT's */
	/* For pushimap/ to judge; or NULL. */
	const char *webpush_dialect;    /* fantail_webpush_dialect */
	unsigned int pimap_expire_days; /* fantail_pimap_session_expire: since it was last used */
	bool pimap;                     /* fantail_pimap: there are P-IMAP commands */
	bool apple;                     /* fantail_apple: there is XAPPLEPUSHSERVICE */
	bool views;                     /* fantail_views: there are views */
	bool deltapush;                 /* fantail_deltapush: there is XDELTAPUSH */
	struct fantail_submission submission;
};

/* Always gives usable settings, allocated from the user's pool: one that is
 * wrong is replaced by its default and said so in one error line, which names
 * setting, value and remedy; once per process, not once per user. */
const struct fantail_settings *fantail_settings_get(struct mail_user *user);

#endif
