/*
 * A phone in memory that speaks SyncML to a service: contacts by LUID, anchors, maps that are
 * kept until they are sent, answers that get lost. What the specification asks of a client, in
 * the plainest way; nothing of it is shared with the server but the reader and the writer of
 * messages.
 */
#ifndef FANTAIL_TEST_SIM_PHONE_H
#define FANTAIL_TEST_SIM_PHONE_H

#include "service.h"
#include "sync-world.h"

struct sim_phone {
	const struct sml_service *service;
	char *device, *user, *database;
	const char *type, *version; /* of what it sends and takes: text/vcard 3.0 at first */
	enum sml_encoding encoding;
	/* What its CTCap lists, with blanks between: properties, and BEGIN=VEVENT; NULL = none. */
	const char *holds;
	guint max_msg_size;  /* it announces, and keeps to itself; 0 = none */
	guint max_guid_size; /* 0 = none */
	gboolean large;      /* it can take objects in pieces */
	gint64 now;
	GHashTable *items;   /* LUID -> text */
	GHashTable *changed; /* LUID -> "Add", "Replace", "Delete": since the last sync */
	GHashTable *tried;   /* LUIDs of new ones that were sent: the server may know them */
	GHashTable *maps;    /* temporary GUID -> LUID: not sent yet */
	char *last, *next;   /* its anchors; last NULL = none */
	guint next_luid, session;

	/* The n-th answer from now (0 = the next) is lost, and the message is sent again;
	 * -1 = none. After the n-th answer the phone's battery is empty; -1 = never. */
	int lose, die;
	/* Each answer, if the test wants to see it. */
	void (*heard)(struct sim_phone *phone, GBytes *answer, const struct sml_message *message);
	gpointer heard_data;
	/* What happened in the last sync. */
	guint messages, received, mode, status;
	gboolean died;
};

void sim_phone_init(struct sim_phone *phone, const struct sml_service *service, const char *user,
		    const char *device);
void sim_phone_clear(struct sim_phone *phone);
/* The user of the phone does something. */
const char *sim_phone_add(struct sim_phone *phone, const char *text);
void sim_phone_replace(struct sim_phone *phone, const char *luid, const char *text);
void sim_phone_delete(struct sim_phone *phone, const char *luid);
/* What it has: a word for each item, sorted. New. */
char *sim_phone_words(const struct sim_phone *phone, sync_word_of *word_of);
/* As sync_world_contacts() says what the server has. New. */
char *sim_phone_contacts(const struct sim_phone *phone);
/* A whole session; `code` 200 .. 205, 225. FALSE: it died. */
gboolean sim_phone_sync(struct sim_phone *phone, guint code);

#endif
