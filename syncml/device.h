/*
 * One phone of one user: what it said of itself, its nonces, and the rules for its kind. Kept in
 * the store with the peer.
 */
#ifndef FANTAIL_SYNCML_DEVICE_H
#define FANTAIL_SYNCML_DEVICE_H

#include "rules.h"
#include "store.h"

struct device {
	gint64 peer;
	char *id;              /* SyncHdr's Source */
	struct devinf *said;   /* its device information; NULL = not known */
	struct devinf *devinf; /* what is believed: that, or what a rule has instead */
	char *user_agent;      /* as it came last; NULL = never */
	char *sent_devinf;     /* of which version of ours the phone knows; NULL = none */
	char *nonce;           /* for its next digest; NULL = none was given */
	char *former_nonce;
	char *secret_user, *secret; /* of its sync password; NULL = none */
	char *server;               /* our address as it is set in the device; NULL = not known */
	GHashTable *uris;           /* of our databases, where the device calls them otherwise */
	/* The same for what we send to it: of which server's name, and B64(MD5(name ":" password)).
	 */
	char *notify_server, *notify_secret;
	enum sml_version version; /* as it spoke last */
	enum sml_encoding encoding;
	struct device_rules rules;
	gboolean changed; /* to be saved */
};
typedef struct device device_t;

struct device *device_load(struct pim_txn *txn, const struct rules *rules, const char *id,
			   const char *user_agent, gint64 now, GError **error);
gboolean device_save(struct pim_txn *txn, struct device *device, gint64 now, GError **error);
void device_free(struct device *device);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(device_t, device_free)

/* It said what it is: from now on its rules are those of that. */
void device_set_devinf(struct device *device, const struct rules *rules, struct devinf *devinf);
void device_set_nonce(struct device *device, const char *nonce);
/* Only the nonce that it was challenged with: who has shown nothing changes nothing else. */
gboolean device_save_nonce(struct pim_txn *txn, const struct rules *rules, struct device *device,
			   gint64 now, GError **error);
void device_set_spoken(struct device *device, enum sml_version version, enum sml_encoding encoding);
void device_set_server(struct device *device, const char *address);
/* How the device calls one of our databases; `name` if it has never said. */
void device_set_uri(struct device *device, const char *name, const char *uri);
const char *device_uri(const struct device *device, const char *name);
/* A sync password: what digests need of it, both ways. It is kept nowhere. NULL: it has none any
 * more. The device need not have been here before. */
gboolean device_set_password(struct pim_txn *txn, const struct rules *rules, const char *user,
			     const char *id, const char *server_id, const char *password,
			     gint64 now, GError **error);
void device_set_sent_devinf(struct device *device, const char *version);

/* How items of one of its databases are written and read. */
struct content {
	enum pim_format format; /* what we send */
	struct pim_style style;
	struct pim_capability *capability; /* NULL = all */
	guint64 max_guid_size;             /* 0 = no limit */
	gboolean large_objects;
};
/* `uri`: as the phone calls its database. */
void content_init(struct content *content_r, const struct device *device, const char *uri,
		  enum pim_collection collection, pim_components components, const char *zone);
/* `fields`, struct devinf_property *, are all of an item that the device wants. */
void content_set_fields(struct content *content, const struct device *device,
			const GPtrArray *fields, pim_components components);
void content_clear(struct content *content);

#endif
