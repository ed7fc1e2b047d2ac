/* Put, Get and Results of device information, in both directions (SyncML Sync Protocol 1.1
 * section 2.4, OMA Device Information 1.2). */
#include <string.h>

#include "answer.h"
#include "database-uri.h"
#include "limits.h"

/* "./devinf12", however it is spelled. */
static gboolean is_devinf(const char *uri)
{
	if (uri == NULL)
		return FALSE;
	if (g_str_has_prefix(uri, "./"))
		uri += 2;
	return g_ascii_strncasecmp(uri, "devinf1", strlen("devinf1")) == 0;
}

static const char *devinf_uri(const struct session *session)
{
	static const char *const uris[] = {"./devinf10", "./devinf11", "./devinf12"};

	return uris[session->version];
}

/* --- the phone's --------------------------------------------------------------------------- */

/* 200 if it was device information. */
static guint take_devinf(struct session *session, const struct sml_item *item)
{
	if (!is_devinf(item->source) && item->devinf == NULL)
		return 404;
	if (item->devinf == NULL)
		return 400;
	if (++session->devinfs > LIMIT_SYNCML_DEVINFS)
		return 413;
	device_set_devinf(session->device, session->service->rules, item->devinf);
	session->get_devinf = FALSE;
	return 200;
}

void cmd_put_early(struct session *session)
{
	const GPtrArray *commands = session->message->commands;

	for (guint i = 0; i < commands->len; i++) {
		const struct sml_command *command = commands->pdata[i];
		const struct sml_item *item =
			command->kind == SML_CMD_PUT && command->items->len > 0
				? command->items->pdata[0]
				: NULL;

		if (item != NULL && item->devinf != NULL) {
			device_set_devinf(session->device, session->service->rules, item->devinf);
			return;
		}
	}
}

gboolean cmd_put(struct session *session, const struct sml_command *command, GError **error)
{
	(void)error;
	if (command->items->len == 0)
		session_status(session, command, 400);
	for (guint i = 0; i < command->items->len; i++) {
		const struct sml_item *item = command->items->pdata[i];

		session_item_status(session, command, item, take_devinf(session, item));
	}
	return TRUE;
}

gboolean cmd_results(struct session *session, const struct sml_command *command, GError **error)
{
	return cmd_put(session, command, error);
}

gboolean cmd_get(struct session *session, const struct sml_command *command, GError **error)
{
	(void)error;
	if (command->items->len == 0)
		session_status(session, command, 400);
	for (guint i = 0; i < command->items->len; i++) {
		const struct sml_item *item = command->items->pdata[i];
		gboolean known = is_devinf(item->target);

		session_item_status(session, command, item, known ? 200 : 404);
		if (!known)
			continue;
		session->results_wanted = TRUE;
		session->results_msg = session->message->msg_id;
		session->results_cmd = command->cmd_id;
		g_free(session->results_source);
		session->results_source = g_strdup(item->target);
	}
	return TRUE;
}

/* --- ours ------------------------------------------------------------------------------------- */

static const struct database {
	const char *name, *display_name;
	enum pim_format formats[4]; /* preferred first */
	guint count;
	const char *const *properties;
} databases[] = {
	{"contacts",
	 "Contacts",
	 {PIM_VCARD_2_1, PIM_VCARD_3_0},
	 2,
	 (const char *const[]){"BEGIN", "VERSION", "END", "N", "FN", "NICKNAME", "TEL", "EMAIL",
			       "ADR", "ORG", "TITLE", "ROLE", "URL", "BDAY", "NOTE", "CATEGORIES",
			       "PHOTO", "X-*", NULL}},
	{"calendar",
	 "Calendar and tasks",
	 {PIM_VCALENDAR_1_0, PIM_ICALENDAR_2_0},
	 2,
	 (const char *const[]){"BEGIN",    "VERSION", "END",        "SUMMARY",  "DESCRIPTION",
			       "LOCATION", "DTSTART", "DTEND",      "DUE",      "COMPLETED",
			       "RRULE",    "EXDATE",  "AALARM",     "DALARM",   "PRIORITY",
			       "STATUS",   "CLASS",   "CATEGORIES", "ATTENDEE", "X-*",
			       NULL}},
	{"notes", "Notes", {PIM_PLAIN_TEXT, PIM_VNOTE_1_1}, 2, (const char *const[]){NULL}},
};

static void add_capability(struct devinf_store *store, const struct database *database,
			   enum pim_format format)
{
	struct devinf_capability *capability =
		devinf_capability_new(pim_format_type(format), pim_format_version(format));

	for (guint i = 0; database->properties[i] != NULL; i++) {
		struct devinf_property *property = devinf_property_new(database->properties[i]);

		if (strcmp(property->name, "VERSION") == 0)
			g_ptr_array_add(property->values, g_strdup(pim_format_version(format)));
		if (strcmp(property->name, "BEGIN") == 0 && format == database->formats[0] &&
		    strcmp(database->name, "calendar") == 0) {
			g_ptr_array_add(property->values, g_strdup("VEVENT"));
			g_ptr_array_add(property->values, g_strdup("VTODO"));
		}
		g_ptr_array_add(capability->properties, property);
	}
	g_ptr_array_add(store->capabilities, capability);
}

static void add_filters(struct devinf_store *store)
{
	g_ptr_array_add(store->filter_rx, devinf_type_new("syncml:filtertype-cgi", "1.0"));
	g_ptr_array_add(store->filter_keywords, g_strdup("SINCE"));
	g_ptr_array_add(store->filter_keywords, g_strdup("BEFORE"));
}

/* Named as the phone calls it; what it prefers to receive first. */
static struct devinf_store *store_of(const struct database *database, const char *source_ref,
				     enum sml_version version, gboolean small)
{
	struct devinf_store *store = devinf_store_new(source_ref);

	store->display_name = g_strdup(database->display_name);
	for (guint i = 0; i < database->count; i++) {
		const char *type = pim_format_type(database->formats[i]);
		const char *type_version = pim_format_version(database->formats[i]);

		g_ptr_array_add(store->rx, devinf_type_new(type, type_version));
		g_ptr_array_add(store->tx, devinf_type_new(type, type_version));
		if (!small)
			add_capability(store, database, database->formats[i]);
	}
	/* 1 to 7: all but being alerted, which is 7. */
	store->sync_types = 0x7e;
	if (version == SML_1_2)
		add_filters(store);
	return store;
}

/* The collection's database among what was alerted; NULL = it was not. */
static const struct sync *alerted(const struct session *session, guint database)
{
	for (guint i = 0; i < session->syncs->len; i++) {
		const struct sync *sync = session->syncs->pdata[i];

		if (sync->collection == (enum pim_collection)database)
			return sync;
	}
	return NULL;
}

/* `small`: without what the stores hold, for a phone that takes only small messages. Some
 * phones do not survive stores that they do not know: those get what they have named. */
static struct devinf *own_devinf(const struct session *session, gboolean small)
{
	struct devinf *devinf = devinf_new(session->version);
	gboolean named = session->device->rules.database_as_alerted;

	devinf->man = g_strdup("Fantail");
	devinf->mod = g_strdup("fantail-syncml");
	devinf->fw_version = g_strdup(FANTAIL_VERSION);
	devinf->sw_version = g_strdup(FANTAIL_VERSION);
	devinf->hw_version = g_strdup("-");
	devinf->dev_id = g_strdup(session->service->settings->server_id);
	devinf->dev_type = g_strdup("server");
	devinf->utc = devinf->large_objects = devinf->number_of_changes = TRUE;
	for (guint i = 0; i < G_N_ELEMENTS(databases); i++) {
		const struct sync *sync = alerted(session, i);

		if (sync != NULL)
			g_ptr_array_add(devinf->stores, store_of(&databases[i], sync->server_uri,
								 session->version, small));
		else if (!named)
			g_ptr_array_add(devinf->stores, store_of(&databases[i], databases[i].name,
								 session->version, small));
	}
	return devinf;
}

static const char *devinf_type(const struct session *session)
{
	return session->encoding == SML_WBXML ? "application/vnd.syncml-devinf+wbxml"
					      : "application/vnd.syncml-devinf+xml";
}

static gboolean add_results(struct answer *answer, gboolean small)
{
	const struct session *session = answer->session;
	struct sml_command *results = sml_command_new(answer->message, SML_CMD_RESULTS);
	struct sml_item *item = sml_item_new(answer->message, results);

	results->msg_ref = session->results_msg;
	results->cmd_ref = session->results_cmd;
	results->meta.type = devinf_type(session);
	item->source = session->results_source;
	item->devinf = own_devinf(session, small);
	return answer_add(answer, results, FALSE);
}

static gboolean add_get(struct answer *answer)
{
	const struct session *session = answer->session;
	struct sml_command *get = sml_command_new(answer->message, SML_CMD_GET);
	struct sml_item *item = sml_item_new(answer->message, get);

	get->meta.type = devinf_type(session);
	item->target = devinf_uri(session);
	return answer_add(answer, get, FALSE);
}

void answer_devinf(struct answer *answer)
{
	struct session *session = answer->session;

	if (session->results_wanted) {
		/* Too large for it even alone: the rest of a DevInf is of use, too. */
		if (add_results(answer, FALSE)) {
			session->results_wanted = FALSE;
		} else if (answer->commands == 0) {
			answer->full = FALSE;
			add_results(answer, TRUE);
			session->results_wanted = FALSE;
		}
	}
	if (session->get_devinf && !answer->full && add_get(answer))
		session->get_devinf = FALSE;
}
