/*
 * What the commands of the WEBPUSH family have in common: who may use them, how they wait
 * for the bridge without holding up the session, how its answer becomes IMAP's.
 */
#ifndef PUSHIMAP_CMD_H
#define PUSHIMAP_CMD_H

#include "registrar.h"
#include "webpush-args.h"

#include "mail-error.h"

struct client_command_context;

/* Adds the untagged lines of an OK, or of an ITEM before it, each with its CRLF. False:
 * the answer lacks what it must have. `context` is what pushimap_cmd_start() was given. */
typedef bool pushimap_cmd_reply_t(const struct tabline_field *fields, size_t count,
				  string_t *untagged, void *context);

/* False if the command does not exist for this user; then it is answered already, as
 * Dovecot answers to commands it does not know. */
bool pushimap_cmd_allowed(struct client_command_context *cmd);

/* The P-IMAP session's device. NULL if it is a regular one, or the command does not exist for
 * this user: then it is answered already. Call it when the arguments have been read. */
const char *pushimap_cmd_device(struct client_command_context *cmd);

/* Reads exactly `count` astrings. False: not all is here yet, or it is answered with BAD;
 * the caller returns *ret_r. */
bool pushimap_cmd_read_astrings(struct client_command_context *cmd, unsigned int count,
				const char *strings_r[], bool *ret_r);

/* Ends a command whose arguments may not be. */
void pushimap_cmd_fail(struct client_command_context *cmd, enum webpush_error error,
		       const char *text);

/* Ends the request's line, hands it to the bridge and returns what the command's function
 * has to return. `item` and `reply` may be NULL; `context` lives as long as cmd->pool. */
bool pushimap_cmd_start(struct client_command_context *cmd, struct tabline_buf *request,
			pushimap_cmd_reply_t *item, pushimap_cmd_reply_t *reply, void *context);

/* For `reply`: the command is not answered yet, this request is sent before. The same rules
 * and the same context. Returns what `reply` has to return. */
bool pushimap_cmd_again(struct client_command_context *cmd, struct tabline_buf *request,
			pushimap_cmd_reply_t *item, pushimap_cmd_reply_t *reply);
/* For `reply`: how the command ends, if not with OK. */
void pushimap_cmd_finish(struct client_command_context *cmd, const char *tagline);

/* Ends a command from the ioloop, with untagged lines before its tagged one. False: another
 * command is inside a literal; try again after PUSHIMAP_CMD_RETRY_MSECS. The client may be gone
 * after it. */
#define PUSHIMAP_CMD_RETRY_MSECS 20
bool pushimap_cmd_end(struct client_command_context *cmd, const string_t *untagged,
		      const char *tagline);

/* --- the bridge's refusals, also for the other dialect --------------------- */

struct pushimap_refusal {
	const char *resp_code; /* RFC 5530 */
	enum mail_error error; /* the same in Dovecot's words */
	const char *text;      /* for the client; plain ASCII */
};

/* For every answer but OK. Logs what the operator has to know, once a
 * minute for each kind. */
void pushimap_refusal_get(const struct registrar_answer *answer, struct event *event,
			  const char *what, struct pushimap_refusal *refusal_r);

/* --- untagged lines -------------------------------------------------------- */

/* `* VAPID "key"` from the field `key`. False if there is no proper one. */
bool pushimap_append_vapid(string_t *dest, const struct tabline_field *fields, size_t count);
/* `* WEBPUSH id ACTIVE` or INACTIVE from the field `state`. False if there is none. */
bool pushimap_append_webpush(string_t *dest, const char *device, const struct tabline_field *fields,
			     size_t count);

/* --- the commands, one file each ------------------------------------------- */

bool cmd_ackwebpush(struct client_command_context *cmd);
bool cmd_getvapid(struct client_command_context *cmd);
bool cmd_lwebpush(struct client_command_context *cmd);
bool cmd_webpush(struct client_command_context *cmd);
bool cmd_xapplepushservice(struct client_command_context *cmd);
bool cmd_xdeliver(struct client_command_context *cmd);
bool cmd_xfilter(struct client_command_context *cmd);
bool cmd_xgetpimapprefs(struct client_command_context *cmd);
bool cmd_xprovision(struct client_command_context *cmd);
bool cmd_xpsearch(struct client_command_context *cmd);
bool cmd_xsetpimappref(struct client_command_context *cmd);
bool cmd_xzip(struct client_command_context *cmd);

#endif
