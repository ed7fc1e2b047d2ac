/*
 * One session of one phone: packages, what is alerted, what has yet to be said. It has no I/O but
 * the transaction that it is given, and keeps nothing in memory between messages: it is
 * loaded from the store, and saved with the effects of the message and the answer.
 *
 *   service.c        parses, finds user and session, resends, commits
 *   session-state.c  to the store and back
 *   session.c	      a message: header, commands, packages
 *   session-auth.c   credentials and challenges
 *   cmd-alert.c ...  one file for each command of the client
 *   engine-in.c      a change of the client's
 *   engine-out.c     changes for the client
 *   answer.c	      what is said, within the phone's MaxMsgSize
 */
#ifndef FANTAIL_SYNCML_SESSION_H
#define FANTAIL_SYNCML_SESSION_H

#include "device.h"
#include "filter.h"
#include "message.h"
#include "service.h"

/* Package numbers are those of the specification (SyncML Sync Protocol 1.1 section 2). */
enum session_phase {
	SESSION_INIT,   /* #1 comes, #2 answers */
	SESSION_CLIENT, /* #3 comes */
	SESSION_SERVER, /* #4 goes */
	SESSION_MAP,    /* #5 comes, #6 answers */
	SESSION_DONE,
};

/* Sync types of the client's alert, with the server's of package #0 taken for these. */
enum sync_mode {
	SYNC_TWO_WAY = 200,
	SYNC_SLOW = 201,
	SYNC_FROM_CLIENT = 202,
	SYNC_REFRESH_FROM_CLIENT = 203,
	SYNC_FROM_SERVER = 204,
	SYNC_REFRESH_FROM_SERVER = 205,
};

/* What ends a sync whose deletions are not believed. */
#define SYNC_GUARDED 512

/* One database in a session. */
struct sync {
	gint64 target;
	char *name;       /* ours: "contacts" */
	char *client_uri; /* as the phone spells them */
	char *server_uri;
	enum pim_collection collection;
	pim_components components;
	enum sync_mode mode;
	gboolean resumed;
	guint failed;                    /* the status that ended it; 0 = none did */
	char *client_next;               /* its anchor */
	char *server_last, *server_next; /* ours */
	guint64 max_obj_size, free_id;   /* G_MAXUINT64 = not said */
	char *filter;                    /* record filter; NULL = none */
	gboolean filter_inclusive;
	char *fields;         /* field filter, as text; NULL = none */
	gint64 since, before; /* of days around today; G_MININT64, G_MAXINT64 = open */
	gboolean look_at_all; /* not only at what has changed: another filter was in force */
	gboolean keeps;       /* a refresh that deletes nothing: nobody has asked for it */

	gboolean alerted;    /* we have sent our Alert */
	gboolean seen;       /* it has sent a Sync */
	gboolean opened;     /* we have sent a Sync */
	gboolean sent;       /* and the last of our changes */
	guint64 snapshot;    /* the revision up to which our changes go in this session */
	guint64 position;    /* those up to this were looked at */
	gint64 map_position; /* likewise for what was pending */
	/* The object that goes out in pieces: 0 = none. */
	gint64 chunk_map;
	guint64 chunk_offset;
	gboolean adds;   /* where the phone has little room: only these are left to send */
	gboolean waited; /* for a message with more room */
	/* For people, and for the guard. */
	guint in_added, in_replaced, in_deleted, out_added, out_replaced, out_deleted, conflicts;
	guint64 had; /* items when it began; 0 = not counted */

	/* While a message is worked on */
	struct content *content; /* NULL: not asked for yet; sync_content() */
	struct filter *parsed;   /* `filter`, once it was needed; NULL likewise */
	gboolean forced;         /* slow though the phone asked for less, in this message */
};

/* An object of which the phone did not send the end. */
struct cut_object {
	const struct sync *sync;
	char *luid;
};

/* What is still to be said of one command of the client's. */
struct status {
	guint32 msg, cmd;
	char *name; /* "Alert" */
	guint code;
	char *target_ref, *source_ref; /* NULL = none */
	char *anchor;                  /* Next, in the Data of an Alert's */
	gboolean challenge;            /* with the session's Chal */
	char *data;                    /* supported versions; NULL = none */
};

struct session {
	/* Saved */
	enum session_phase phase;
	enum sml_version version;
	enum sml_encoding encoding;
	char *client, *server; /* SyncHdr's Source and Target */
	char *resp_uri;
	guint32 msg_id; /* of our last message */
	gboolean authenticated;
	guint64 max_msg_size, max_obj_size; /* the phone's; 0 = not said */
	GPtrArray *syncs;                   /* struct sync * */
	GPtrArray *statuses;                /* struct status *, in the order of the commands */
	gboolean results_wanted;            /* Get DevInf */
	guint32 results_msg, results_cmd;
	char *results_source; /* the address it was asked by */
	gboolean get_devinf;  /* we have to ask for the phone's */
	gboolean final_sent;  /* of the package that goes */
	guint idle_rounds;    /* Alert 222 in a row without progress */

	/* While a message is worked on */
	const struct sml_service *service;
	struct pim_txn *txn;
	struct device *device;
	gint64 id, now;
	const struct sml_message *message;
	gboolean suspended;
	gboolean login_failed; /* credentials were wrong */
	gboolean busy;         /* nothing was done, and 101 is all there is to say */
	guint refused;         /* commands and items of it that failed, said or not */
	GPtrArray *cut;        /* struct cut_object * */
	GHashTable *mapped;    /* Maps that were worked on -> their status */
	guint pieces;          /* of objects, in it */
	guint devinfs;         /* likewise */
};
typedef struct session session_t;

struct session *session_new(void);
void session_free(struct session *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(session_t, session_free)
/* session-state.c. NULL: of another version, or damaged. */
struct session *session_load(const void *state, gsize len);
/* NULL: more is still to be said than can be kept. */
GBytes *session_save(const struct session *session, GError **error);

/* What a target remembers of its last sync, beside anchors (session-state.c). */
struct sync_mark {
	enum sync_phase {
		SYNC_NEVER,
		SYNC_BEGUN,
		SYNC_ENDED, /* for us */
	} phase;
	enum sync_mode mode;
	gint64 since;
	gboolean keeps;
	char filter[33]; /* of sync_filter_id(); "?" = what the device has follows from none */
};
void sync_mark_read(const struct pim_target *target, struct sync_mark *mark_r);
/* Saves the target. */
gboolean sync_mark_set(struct session *session, const struct sync *sync, enum sync_phase phase,
		       struct pim_target *target, GError **error);
/* The same for the same filter and range of days; "-" = none. New. */
char *sync_filter_id(const struct sync *sync);

struct sync *sync_new(void);
void sync_free(struct sync *sync);
const struct content *sync_content(const struct session *session, struct sync *sync);
/* By either side's address; NULL = not alerted. */
struct sync *session_find_sync(const struct session *session, const char *server_uri,
			       const char *client_uri);

/* --- credentials (session-auth.c) ------------------------------------------------------- */

/* Is the client who it says? Sets session->authenticated and queues the header's status. FALSE:
 * no command is executed. `verdict` is of the password in `claim`. */
gboolean session_authenticate(struct session *session, const struct auth_claim *claim,
			      enum sml_verdict verdict, GBytes *body);
/* The header alone. */
void session_header_status(struct session *session, guint code);
/* The header and all commands get that status. */
void session_refuse(struct session *session, guint code);
/* 505 or 513, with what we speak. */
void session_refuse_version(struct session *session, guint code);
/* What a challenge asks for; lives as `message`. */
const struct sml_meta *session_challenge(struct session *session, struct sml_message *message);

/* --- commands: FALSE with *error: the transaction cannot go on ------------------------- */

/* The header was looked at. Commands in their order; what is said of each is queued. */
gboolean session_run(struct session *session, GError **error);
/* One command, whatever it is. */
gboolean session_command(struct session *session, const struct sml_command *command,
			 GError **error);
/* All that there was to do is done; the phone may say so yet, or not. */
gboolean session_is_over(const struct session *session);
/* Our message. */
gboolean session_answer(struct session *session, GBytes **body_r, GError **error);

/* Queues a status; NULL: the command or the message wants none. The strings are copied. */
struct status *session_status(struct session *session, const struct sml_command *command,
			      guint code);
struct status *session_item_status(struct session *session, const struct sml_command *command,
				   const struct sml_item *item, guint code);
/* The same status for each item, or for the command if it has one or none. */
void session_status_items(struct session *session, const struct sml_command *command, guint code);
void status_free(struct status *status);

gboolean cmd_alert(struct session *session, const struct sml_command *command, GError **error);
gboolean cmd_sync(struct session *session, const struct sml_command *command, GError **error);
gboolean cmd_map(struct session *session, const struct sml_command *command, GError **error);
/* All Maps of the message that were not worked on yet, before its first Sync: they name what that
 * speaks of, and may stand anywhere. */
gboolean cmd_map_early(struct session *session, GError **error);
gboolean cmd_put(struct session *session, const struct sml_command *command, GError **error);
/* Rules are about an Alert, too, that stands before what they follow from. */
void cmd_put_early(struct session *session);
gboolean cmd_get(struct session *session, const struct sml_command *command, GError **error);
gboolean cmd_results(struct session *session, const struct sml_command *command, GError **error);
gboolean cmd_status(struct session *session, const struct sml_command *command, GError **error);
/* Commands inside a Sync; `sync` NULL: outside. */
gboolean cmd_change(struct session *session, struct sync *sync, const struct sml_command *command,
		    const struct sml_meta *around, GError **error);

/* Something else comes, or nothing any more, while an object is in pieces: 223. */
gboolean session_drop_cut(struct session *session, struct sync *sync, GError **error);

/* --- engine -------------------------------------------------------------------------------- */

/* What the client believes to be in it cannot be relied on: all maps go, and the anchors with
 * them, so that an interrupted slow sync is not taken for a finished one. */
gboolean engine_forget(struct session *session, struct sync *sync, GError **error);
/* A client's Add or Replace, whole. `status_r` is what it is told. */
gboolean engine_put(struct session *session, struct sync *sync, const char *luid,
		    const struct pim_item *item, guint *status_r, GError **error);
/* Another one with what the one has. */
gboolean engine_copy(struct session *session, struct sync *sync, const char *from, const char *to,
		     guint *status_r, GError **error);
gboolean engine_delete(struct session *session, struct sync *sync, const char *luid, gboolean soft,
		       guint *status_r, GError **error);
/* The client has sent all of its changes: refresh-from-client drops the rest. */
gboolean engine_client_done(struct session *session, struct sync *sync, GError **error);
/* The client answered one of our changes, or mapped our temporary id. */
gboolean engine_answered(struct session *session, guint32 msg, guint32 cmd, guint code,
			 GError **error);
gboolean engine_mapped(struct session *session, struct sync *sync, const char *tmpid,
		       const char *luid, guint *status_r, GError **error);
/* The device has it no more: it gets it again, however long ago it changed. */
gboolean engine_send_as_new(struct session *session, struct pim_map *map, GError **error);
/* The sync is at its end: anchors and cursor are those of this session now. */
gboolean engine_commit(struct session *session, struct sync *sync, GError **error);

struct answer;
/* As many of our changes as fit. done_r: there are no more. */
gboolean engine_send(struct session *session, struct sync *sync, struct answer *answer,
		     gboolean *done_r, GError **error);
/* How many there will be. */
gboolean engine_count(struct session *session, struct sync *sync, guint64 *count_r, GError **error);
/* Does this kind of sync bring changes to the client, or from it? */
gboolean sync_sends(const struct sync *sync);
gboolean sync_receives(const struct sync *sync);

#endif
