/*
 * Our message, as large as the phone can take. What does not fit stays for the next one.
 */
#ifndef FANTAIL_SYNCML_ANSWER_H
#define FANTAIL_SYNCML_ANSWER_H

#include "session.h"

struct answer {
	struct session *session;
	struct markup_writer *writer;
	struct sml_message *message; /* owns what is written; its header */
	gsize limit;
	guint32 cmd_id; /* of the last command */
	guint commands; /* besides statuses */
	gboolean full;
	gsize base;      /* with the header and its status */
	gsize reserved;  /* for what has to be said yet */
	gsize ask_size;  /* of answer_ask() */
	gsize open_size; /* of the container that is open */
};

/* With the header, which takes the session's next MsgID. */
void answer_begin(struct answer *answer, struct session *session);
/* Would it fit? Or, `alone`, in a message with nothing else than the phone's next one calls
 * for? */
gboolean answer_fits(struct answer *answer, struct sml_command *command, gboolean alone);
/* For what is added later, whatever comes before: an Alert of ours. */
void answer_reserve(struct answer *answer, struct sml_command *command);
/* FALSE: it did not fit, and was taken back; the answer is full then. One that does not fit an
 * otherwise empty message is written all the same if `must`. */
gboolean answer_add(struct answer *answer, struct sml_command *command, gboolean must);
/* A container for what follows, until answer_close(). */
gboolean answer_open(struct answer *answer, struct sml_command *command);
void answer_close(struct answer *answer);
/* Asks for the rest of the phone's package: Alert 222. There is always room for it, and for
 * Final. */
void answer_ask(struct answer *answer);
/* All statuses that wait, as far as they fit. The first of a session's queue is that of the
 * client's header. */
void answer_statuses(struct answer *answer);
/* Results for the phone's Get, our Put when ours has changed, our Get if the phone's is not
 * known (cmd-devinf.c). */
void answer_devinf(struct answer *answer);
GBytes *answer_end(struct answer *answer, gboolean final);

#endif
