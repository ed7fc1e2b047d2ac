/*
 * Says a script (deliver-script.h) to the submission server, command by command, from the ioloop,
 * and notes what it answers.
 *
 * No half message is ever accepted: what ends the run within a message closes the connection, and
 * the dot that would complete it is not sent.
 */
#ifndef DELIVER_RUN_H
#define DELIVER_RUN_H

#include "deliver-script.h"

struct deliver_server;
struct event;
struct istream;
struct mail_user;

/* One command. */
struct deliver_step {
	enum deliver_verb verb;
	const char *line;    /* as in struct deliver_receiver */
	const char *address; /* of MAIL and RCPT; else NULL */
	/* MAIL and DATA: where the message is in the batch's text, with CRLF and without dots. 0 of
	 * MAIL: no message came of it. */
	uoff_t offset, size;
};

struct deliver_batch {
	const struct deliver_step *steps;
	unsigned int count;
	struct istream *text; /* can be sought in */
};

struct deliver_result {
	/* False: the server could not be reached or refused us, and nothing else is known; it is
	 * logged. */
	bool connected;
	/* True: it went away, or took too long, before the last command. */
	bool lost;
	unsigned int messages; /* that there were */
	unsigned int accepted; /* of these, each for a recipient at least */
	string_t *dialogue;    /* the replies */
	/* Of the server, as strings for the client: without a batch. */
	const char *const *capabilities;
};

typedef void deliver_run_callback_t(const struct deliver_result *result, void *context);

struct deliver_run;

/* `batch`, which has to be there until the callback, may be NULL: then only the server's
 * capabilities are asked for. The callback comes once, from the ioloop, after which the run is
 * gone. */
struct deliver_run *deliver_run_start(const struct deliver_server *server, struct mail_user *user,
				      struct event *event, const struct deliver_batch *batch,
				      deliver_run_callback_t *callback, void *context);
/* There is no callback then. NULL is nothing. */
void deliver_run_abort(struct deliver_run **run);

#endif
