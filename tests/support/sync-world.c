#include "sync-world.h"

#include <string.h>

#include "scratch.h"

/* --- life ------------------------------------------------------------------------------- */

void sync_world_init(struct sync_world *world)
{
	g_autoptr(GError) error = NULL;

	world->dir = scratch_new();
	world->store = pim_store_open(world->dir, &error);
	g_assert_no_error(error);
	world->rules = rules_load(NULL, &error);
	g_assert_no_error(error);
	world->settings = (struct sml_settings){
		.server_id = "test",
		.service_path = "/sync",
		.max_msg_size = 150000,
		.max_obj_size = 4000000,
		.auth_basic = TRUE,
		.auth_md5 = TRUE,
		.auth_mac = TRUE,
		.session_secs = 1800,
		.resume_secs = 86400 * 14,
	};
	world->held = held_new();
	world->service =
		(struct sml_service){world->store, world->rules, &world->settings, world->held};
}

void sync_world_clear(struct sync_world *world)
{
	pim_store_close(&world->store);
	rules_unref(world->rules);
	held_free(&world->held);
	scratch_remove(world->dir);
}

/* --- messages ----------------------------------------------------------------------------- */

static struct sml_request request_of(GBytes *body, enum sml_encoding encoding, const char *url,
				     const char *mac, gint64 now)
{
	const char *key = url == NULL ? NULL : strstr(url, "?s=");

	return (struct sml_request){
		.body = body,
		.content_type = encoding == SML_XML ? "application/vnd.syncml+xml"
						    : "application/vnd.syncml+wbxml",
		.mac = mac,
		.session_key = key == NULL ? NULL : key + strlen("?s="),
		.public_url = WORLD_URL,
		.now = now,
	};
}

GBytes *sync_post_busy(const struct sml_service *service, GBytes *body, enum sml_encoding encoding,
		       const char *url, gint64 now, guint *http_r)
{
	const struct sml_request request = request_of(body, encoding, url, NULL, now);
	g_autoptr(sml_exchange_t) exchange = sml_exchange_new(service, &request);
	struct sml_answer answer;

	sml_exchange_busy(exchange, &answer);
	*http_r = answer.http_status;
	return answer.body == NULL ? NULL : g_bytes_ref(answer.body);
}

static enum sml_verdict verdict_of(const char *password)
{
	if (strcmp(password, WORLD_PASSWORD) == 0)
		return SML_VERDICT_OK;
	return strcmp(password, WORLD_LATER) == 0 ? SML_VERDICT_TEMPORARY : SML_VERDICT_WRONG;
}

GBytes *sync_post(const struct sml_service *service, GBytes *body, enum sml_encoding encoding,
		  const char *url, const char *mac, gint64 now, guint *http_r)
{
	const struct sml_request request = request_of(body, encoding, url, mac, now);
	g_autoptr(sml_exchange_t) exchange = sml_exchange_new(service, &request);
	const struct auth_claim *claim = sml_exchange_claim(exchange);
	enum sml_verdict verdict = SML_VERDICT_NONE;
	struct sml_answer answer;

	if (claim != NULL && claim->scheme == AUTH_BASIC)
		verdict = verdict_of(claim->password);
	sml_exchange_run(exchange, verdict, WORLD_USER, &answer);
	*http_r = answer.http_status;
	if (answer.http_status != 200 && answer.http_status != 503 && g_test_initialized())
		g_test_message("HTTP %u: %s", answer.http_status, answer.error);
	return answer.body == NULL ? NULL : g_bytes_ref(answer.body);
}

/* --- what is there --------------------------------------------------------------------------- */

char *sync_contact_word(const struct pim_item *item)
{
	g_auto(GStrv) names = pim_item_values(item, "N");
	g_auto(GStrv) numbers = pim_item_values(item, "TEL");
	g_auto(GStrv) parts = g_strsplit(names[0] == NULL ? "" : names[0], ";", 2);

	return g_strdup_printf("%s=%s", parts[0] == NULL ? "" : parts[0],
			       numbers[0] == NULL ? "" : numbers[0]);
}

static gboolean collect(const struct pim_row *row, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(pim_item_t) item = NULL;

	if (row->deleted)
		return TRUE;
	item = pim_item_load(row->component, row->content, row->content_len, &error);
	g_assert_no_error(error);
	g_ptr_array_add(data, sync_contact_word(item));
	return TRUE;
}

static int by_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *sync_joined(GPtrArray *words)
{
	g_ptr_array_sort(words, by_text);
	g_ptr_array_add(words, NULL);
	return g_strjoinv(" ", (char **)words->pdata);
}

char *sync_world_contacts(const struct sync_world *world)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;
	struct pim_txn *txn = pim_txn_begin(world->store, WORLD_USER, TRUE, &error);

	g_assert_no_error(error);
	g_assert_true(pim_txn_changes(txn, PIM_CONTACTS, ~0u, 0, G_MAXINT64, G_MAXINT, collect,
				      words, &error));
	pim_txn_abort(txn);
	return sync_joined(words);
}

static void note_problem(const char *problem, gpointer data)
{
	(void)data;
	g_test_message("problem: %s", problem);
}

void sync_world_assert_sound(const struct sync_world *world)
{
	g_autoptr(GError) error = NULL;
	struct pim_txn *txn = pim_txn_begin(world->store, WORLD_USER, TRUE, &error);

	g_assert_no_error(error);
	g_assert_cmpint(pim_txn_check(txn, note_problem, NULL, &error), ==, 0);
	pim_txn_abort(txn);
}
