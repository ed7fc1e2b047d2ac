/*
 * From a script as it comes in to what can be said to a server: all messages in one temporary file,
 * with stored content where URLs were. Nothing is sent before all of it is here, so that a script
 * with a mistake, or a URL that cannot be read, does nothing at all.
 */
#ifndef DELIVER_CONTENT_H
#define DELIVER_CONTENT_H

#include "deliver-run.h"

struct client;
struct client_command_context;
struct deliver_content;

struct deliver_content *deliver_content_new(struct client *client);
/* Clears the pointer, also of NULL. */
void deliver_content_free(struct deliver_content **content);

/* The script's next octets. After a failure they are ignored. */
void deliver_content_feed(struct deliver_content *content, const void *data, size_t size);
/* The script is complete. NULL: it is no good, and the command is answered. The batch lives as long
 * as the content. */
const struct deliver_batch *deliver_content_finish(struct deliver_content *content,
						   struct client_command_context *cmd);

#endif
