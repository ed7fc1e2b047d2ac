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
	g_autofree char *path =
		g_test_build_filename(G_TEST_DIST, "tests", "unit", "syncml-metrics.golden", NULL);
	g_autofree char *golden = NULL;
	struct syncml_metrics *metrics = syncml_metrics_new();

	fill(metrics);
	syncml_metrics_set_collect(metrics, collect, NULL);
	g_autoptr(GString) text = syncml_metrics_text(metrics);
	check_openmetrics(text->str, text->len);

	g_autoptr(GRegex) start = g_regex_new("(process_start_time_seconds) \\d+\\.\\d+$",
					      G_REGEX_MULTILINE, 0, NULL);
	g_autofree char *steady = g_regex_replace(start, text->str, -1, 0, "\\1 START", 0, NULL);
	g_autoptr(GString) result = g_string_new(steady);
	g_string_replace(result, "\"" FANTAIL_VERSION "\"", "\"VERSION\"", 1);
	if (!g_file_get_contents(path, &golden, NULL, NULL) || strcmp(golden, result->str) != 0)
		g_test_message("new text:\n%s", result->str);
	g_assert_cmpstr(result->str, ==, golden);
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
