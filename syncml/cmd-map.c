/* Map: the phone's ids of what we have added (SyncML Sync Protocol 1.1 section 2.3). */
#include "session.h"

/* Without an Alert for it in this session: the map of a session that was cut off. */
static struct sync *sync_of(struct session *session, const struct sml_command *command)
{
	return session_find_sync(session, command->target, command->source);
}

static gboolean map_all(struct session *session, struct sync *sync,
			const struct sml_command *command, guint *status_r, GError **error)
{
	*status_r = 200;
	for (guint i = 0; i < command->map_items->len; i++) {
		const struct sml_map_item *map = command->map_items->pdata[i];
		guint status = 400;

		if (map->target != NULL && map->source != NULL && *map->source != '\0' &&
		    !engine_mapped(session, sync, map->target, map->source, &status, error))
			return FALSE;
		/* One that is not known is no reason to fail the others. */
		if (status != 200)
			*status_r = status;
	}
	return TRUE;
}

/* Once; without an Alert for it so far, not yet. */
static gboolean run(struct session *session, const struct sml_command *command, GError **error)
{
	struct sync *sync = sync_of(session, command);
	guint status;

	if (sync == NULL || g_hash_table_contains(session->mapped, command))
		return TRUE;
	if (!map_all(session, sync, command, &status, error))
		return FALSE;
	g_hash_table_insert(session->mapped, (gpointer)command, GUINT_TO_POINTER(status));
	return TRUE;
}

gboolean cmd_map_early(struct session *session, GError **error)
{
	const GPtrArray *commands = session->message->commands;

	for (guint i = 0; i < commands->len; i++) {
		const struct sml_command *command = commands->pdata[i];

		if (command->kind == SML_CMD_MAP && !run(session, command, error))
			return FALSE;
	}
	return TRUE;
}

gboolean cmd_map(struct session *session, const struct sml_command *command, GError **error)
{
	struct status *status;
	guint code;

	if (!run(session, command, error))
		return FALSE;
	code = GPOINTER_TO_UINT(g_hash_table_lookup(session->mapped, command));
	status = session_status(session, command, code == 0 ? 404 : code);
	if (status != NULL) {
		status->target_ref = g_strdup(command->target);
		status->source_ref = g_strdup(command->source);
	}
	return TRUE;
}
