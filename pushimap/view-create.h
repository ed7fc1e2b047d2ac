/*
 * Makes a view (plugins/view-storage.h) for a command whose arguments have been read.
 */
#ifndef VIEW_CREATE_H
#define VIEW_CREATE_H

#include "arg-token.h"

struct client_command_context;
struct view_args;

/* There are views for this user. */
bool view_create_enabled(struct client_command_context *cmd);

/* Answers the command. `tokens` are those of `args`; they are changed. */
void view_create(struct client_command_context *cmd, const struct view_args *args,
		 struct arg_token *tokens, const char *ok);

#endif
