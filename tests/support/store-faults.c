#include "store-faults.h"

#include <string.h>

#include "service.h"
#include "sql.h"

static gboolean armed;
static guint step;      /* the write of the message that fails; 1 = the first */
static guint countdown; /* to it; 0 = it has been */
static guint faults;

gboolean __real_sql_run(struct sql *sql, sqlite3_stmt *statement, GError **error);
gboolean __wrap_sql_run(struct sql *sql, sqlite3_stmt *statement, GError **error);
gboolean __real_sql_exec(struct sql *sql, const char *text, GError **error);
gboolean __wrap_sql_exec(struct sql *sql, const char *text, GError **error);
void __real_sml_exchange_run(struct sml_exchange *exchange, enum sml_verdict verdict,
			     const char *user, struct sml_answer *answer_r);
void __wrap_sml_exchange_run(struct sml_exchange *exchange, enum sml_verdict verdict,
			     const char *user, struct sml_answer *answer_r);

void store_faults_arm(gboolean on)
{
	armed = on;
	if (on)
		faults = step = 0;
}

guint store_faults_count(void)
{
	return faults;
}

static gboolean is_time(GError **error)
{
	if (countdown == 0 || --countdown > 0)
		return FALSE;
	faults++;
	g_set_error(error, PIM_STORE_ERROR, PIM_STORE_ERROR_FULL,
		    "the disk is full, says the test");
	return TRUE;
}

gboolean __wrap_sql_run(struct sql *sql, sqlite3_stmt *statement, GError **error)
{
	if (!is_time(error))
		return __real_sql_run(sql, statement, error);
	sqlite3_reset(statement);
	return FALSE;
}

/* What begins, and COMMIT. */
gboolean __wrap_sql_exec(struct sql *sql, const char *text, GError **error)
{
	if (strcmp(text, "ROLLBACK") != 0 && is_time(error))
		return FALSE;
	return __real_sql_exec(sql, text, error);
}

void __wrap_sml_exchange_run(struct sml_exchange *exchange, enum sml_verdict verdict,
			     const char *user, struct sml_answer *answer_r)
{
	guint before = faults;

	countdown = armed ? ++step : 0;
	__real_sml_exchange_run(exchange, verdict, user, answer_r);
	if (faults > before)
		g_assert_cmpuint(answer_r->http_status, ==, 503);
	else
		step = 0;
	countdown = 0;
}
