/*
 * Web Push registration over IMAP, module fantail_imap: the capability WEBPUSH, and behind
 * it one of two dialects, which a setting chooses since both claim that token.
 */
#ifndef PUSHIMAP_PLUGIN_H
#define PUSHIMAP_PLUGIN_H

struct deliver_server;
struct mail_user;
struct module;

enum pushimap_dialect {
	PUSHIMAP_DIALECT_OFF, /* the setting has no such value */
	PUSHIMAP_DIALECT_GOUGEON,
	PUSHIMAP_DIALECT_COI,
};

struct pushimap_user {
	enum pushimap_dialect dialect;
	bool pimap; /* there are P-IMAP commands */
	bool views; /* ... and views */
	const char *socket_path;
	bool apple;                              /* XAPPLEPUSHSERVICE */
	bool deltapush;                          /* XDELTAPUSH */
	const struct deliver_server *submission; /* XDELIVER; or NULL */
	const char *device;       /* of a P-IMAP session (pimap-device.h); NULL in a regular one */
	unsigned int expire_days; /* of such a session */
	const char *converters;   /* the table of XCONVERT's commands */
};

/* NULL if the plugin is not loaded for this user: one process serves many. */
const struct pushimap_user *pushimap_user_get(struct mail_user *user);

void fantail_imap_plugin_init(struct module *module);
void fantail_imap_plugin_deinit(void);

#endif
