/*
 * What the P-IMAP commands have in common: in which sessions they work, how their arguments
 * are read, how criteria and mailboxes go to the bridge and come back.
 */
#ifndef PIMAP_CMD_H
#define PIMAP_CMD_H

#include "pimap-args.h"
#include "pushimap-cmd.h"

struct client;
struct imap_arg;

/* A command's arguments as tokens. False: not all is here yet, or the command is answered,
 * since it does not exist for this user or the arguments are none; the caller returns *ret_r. */
bool pimap_cmd_read(struct client_command_context *cmd, struct arg_token **tokens_r,
		    size_t *count_r, bool *ret_r);

/* The names in which the command is answered. */
const struct pimap_family *pimap_cmd_family(struct client_command_context *cmd);

/* False if the filter is not one that tells what is pushed; then it is answered. */
bool pimap_cmd_check_type(struct client_command_context *cmd, char type);

/* A mailbox's name as events have it; NULL, all of them, stays NULL. False: it is none, and
 * the command is answered. */
bool pimap_cmd_mailbox(struct client_command_context *cmd, const char *name,
		       const char **mailbox_r);

/* Ends a command that needs nobody's answer. */
void pimap_cmd_ok(struct client_command_context *cmd);

/* Adds a mailbox's name, or ALL if it is NULL, as the client spells it. */
void pimap_append_mailbox(string_t *dest, struct client *client, const char *mailbox);

/* Arguments as tokens: as many and as deep as criteria may be. */
enum webpush_error pimap_criteria_read(pool_t pool, const struct imap_arg *args,
				       struct arg_token **tokens_r, size_t *count_r,
				       const char **error_r);

/* Tokens, which are changed, as the bridge keeps criteria: one line in UTF-8 that Dovecot's
 * search takes. */
enum webpush_error pimap_criteria_format(pool_t pool, struct arg_token *tokens, size_t count,
					 const char *charset, const char **criteria_r,
					 const char **error_r);

/* The same for clients: a string that is not ASCII becomes a literal. False: it is none of
 * ours. */
bool pimap_append_criteria(string_t *dest, const char *criteria);

/* The fields `criteria` and, unless it is ASCII, `charset`. */
void pimap_add_criteria(struct tabline_buf *request, const char *criteria);

bool pimap_is_ascii(const char *text);

/* One preference, its name and value, from the answer to PROFILE. */
void pimap_append_pref(string_t *dest, const struct pimap_family *family, enum pimap_pref pref,
		       const struct tabline_field *fields, size_t count);

#endif
