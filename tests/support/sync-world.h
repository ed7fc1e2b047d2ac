/*
 * A SyncML service over a store in a scratch folder, and what tests ask of it: the messages of one
 * user ("pat", whose password is "secret"), and contacts as words: "Family=number".
 */
#ifndef FANTAIL_TEST_SYNC_WORLD_H
#define FANTAIL_TEST_SYNC_WORLD_H

#include "service.h"

#define WORLD_USER "pat"
#define WORLD_PASSWORD "secret"
#define WORLD_LATER "later" /* nobody can tell whether that is right */
#define WORLD_URL "http://server/sync"

struct sync_world {
	char *dir;
	struct pim_store *store;
	struct rules *rules;
	struct held *held;
	struct sml_settings settings; /* of a server that offers all; a test may change it */
	struct sml_service service;
};

void sync_world_init(struct sync_world *world);
void sync_world_clear(struct sync_world *world);

/* One message to the address it was told (NULL = the first). Without HTTP. NULL body: *http_r
 * says why. */
GBytes *sync_post(const struct sml_service *service, GBytes *body, enum sml_encoding encoding,
		  const char *url, const char *mac, gint64 now, guint *http_r);

/* The same to a server that cannot keep up. */
GBytes *sync_post_busy(const struct sml_service *service, GBytes *body, enum sml_encoding encoding,
		       const char *url, gint64 now, guint *http_r);

/* "Family=number", sorted. New. */
char *sync_world_contacts(const struct sync_world *world);
/* What a test calls an item. New. */
typedef char *sync_word_of(const struct pim_item *item);
/* "Family=number" of one. New. */
char *sync_contact_word(const struct pim_item *item);
/* `words`, sorted and joined. They are freed with the array. New. */
char *sync_joined(GPtrArray *words);
/* Nothing in the store that cannot be. */
void sync_world_assert_sound(const struct sync_world *world);

#endif
