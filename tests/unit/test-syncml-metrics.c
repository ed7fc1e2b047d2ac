#include "openmetrics-check.h"
#include "syncml-metrics.h"

static void collect(struct syncml_gauges *gauges, gpointer data)
{
	*gauges = (struct syncml_gauges){
		.messages = 3, .connections = 5, .too_large = 7, .too_slow = 8};
}

static void fill(struct syncml_metrics *metrics)
{
	g_autoptr(GBytes) body = g_bytes_new_static("12345", 5);
	const struct sml_answer first = {
		.body = body,
		.encoding = SML_WBXML,
		.tally = {.begun = TRUE,
			  .logged_in = TRUE,
			  .in = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}},
			  .out = {{10, 20, 30}, {40, 50, 60}, {70, 80, 90}},
			  .conflicts = 2,
			  .guarded = 1},
		.store_error = -1,
	};
	const struct sml_answer last = {
		.body = body, .tally = {.end = SML_END_OK, .in = {{1}}}, .store_error = -1};
	const struct sml_answer suspended = {.tally = {.end = SML_END_SUSPENDED},
					     .store_error = -1};
	const struct sml_answer failed = {.tally = {.end = SML_END_FAILED}, .store_error = -1};
	const struct sml_answer digest = {
		.digest = TRUE, .tally = {.logged_in = TRUE}, .store_error = -1};
	const struct sml_answer wrong = {.digest = TRUE, .login_failed = TRUE, .store_error = -1};
	const struct sml_answer busy = {.store_error = PIM_STORE_ERROR_BUSY};
	const struct sml_answer full = {.store_error = PIM_STORE_ERROR_FULL};
	const struct pim_swept swept = {.versions = 4, .deletions = 3, .devices = 2, .sessions = 1};

	syncml_metrics_message(metrics, 200, 100, 900, &first);
	syncml_metrics_message(metrics, 200, 50, 30000, &last);
	syncml_metrics_message(metrics, 200, 0, 0, &suspended);
	syncml_metrics_message(metrics, 200, 0, 0, &failed);
	syncml_metrics_message(metrics, 200, 0, 0, &digest);
	syncml_metrics_message(metrics, 200, 0, 0, &wrong);
	syncml_metrics_message(metrics, 503, 0, 0, &busy);
	syncml_metrics_message(metrics, 503, 0, 0, &full);
	syncml_metrics_message(metrics, 503, 1000, 99, NULL);
	syncml_metrics_login(metrics, SML_VERDICT_OK);
	syncml_metrics_login(metrics, SML_VERDICT_WRONG);
	syncml_metrics_login(metrics, SML_VERDICT_WRONG);
	syncml_metrics_login(metrics, SML_VERDICT_TEMPORARY);
	for (guint i = 0; i < SYNCML_REFUSALS; i++) {
		for (guint j = 0; j <= i; j++)
			syncml_metrics_refused(metrics, i);
	}
	syncml_metrics_swept(metrics, &swept);
	syncml_metrics_swept(metrics, NULL);
}

static void test_golden(void)
{
	struct syncml_metrics *metrics = syncml_metrics_new();

	fill(metrics);
	syncml_metrics_set_collect(metrics, collect, NULL);
	g_autoptr(GString) text = syncml_metrics_text(metrics);
	check_golden(text, "syncml-metrics.golden");
	syncml_metrics_free(&metrics);
	g_assert_null(metrics);
	syncml_metrics_free(&metrics);
}

static void test_empty(void)
{
	struct syncml_metrics *metrics = syncml_metrics_new();
	g_autoptr(GString) text = syncml_metrics_text(metrics);

	g_assert_cmpuint(check_openmetrics(text->str, text->len), >, 20);
	g_assert_null(strstr(text->str, "pending"));
	syncml_metrics_free(&metrics);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/syncml-metrics/golden", test_golden);
	g_test_add_func("/syncml-metrics/empty", test_empty);
	return g_test_run();
}
