/* Status: what the phone says of our commands. */
#include <string.h>

#include "session.h"

/* The phone refuses our Alert with 508, or one make of them with 509: it wants a slow sync, and
 * goes on as if we had said so. */
static gboolean alert_refused(struct session *session, const struct sml_command *command,
			      GError **error)
{
	const char *ref = command->source_refs == NULL ? NULL : command->source_refs->pdata[0];
	struct sync *sync = session_find_sync(session, ref, NULL);

	if (sync == NULL && session->syncs->len == 1)
		sync = session->syncs->pdata[0];
	if (sync == NULL || sync->mode == SYNC_SLOW || sync->seen)
		return TRUE;
	sync->mode = SYNC_SLOW;
	sync->resumed = sync->keeps = FALSE;
	return engine_forget(session, sync, error);
}

/* It did not take our Sync as a whole. */
static void sync_refused(struct session *session, const struct sml_command *command)
{
	const char *ref = command->source_refs == NULL ? NULL : command->source_refs->pdata[0];
	struct sync *sync = session_find_sync(session, ref, NULL);

	if (sync == NULL && session->syncs->len == 1)
		sync = session->syncs->pdata[0];
	if (sync != NULL)
		sync->failed = command->code;
}

gboolean cmd_status(struct session *session, const struct sml_command *command, GError **error)
{
	const char *name = command->cmd == NULL ? "" : command->cmd;

	if (strcmp(name, "Alert") == 0 && (command->code == 508 || command->code == 509))
		return alert_refused(session, command, error);
	if (strcmp(name, "Sync") == 0 && command->code >= 300) {
		sync_refused(session, command);
		return TRUE;
	}
	if (strcmp(name, "Add") == 0 || strcmp(name, "Replace") == 0 || strcmp(name, "Delete") == 0)
		return engine_answered(session, command->msg_ref, command->cmd_ref, command->code,
				       error);
	return TRUE;
}
