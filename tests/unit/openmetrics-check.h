/* A strict reader of OpenMetrics 1.0 text, for the unit tests of what writes it. */
#ifndef FANTAIL_TESTS_OPENMETRICS_CHECK_H
#define FANTAIL_TESTS_OPENMETRICS_CHECK_H

#include <math.h>
#include <string.h>

#include <glib.h>

struct family {
	char *name, *type, *unit;
	gboolean help;
	guint samples;
};

static inline void family_clear(struct family *family)
{
	g_free(family->name);
	g_free(family->type);
	g_free(family->unit);
}

static inline gsize name_span(const char *text)
{
	return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:");
}

/* The labels from '{' to after '}'; `le_r` is set to the value of "le", if any. */
static inline const char *check_labels(const char *p, double *le_r)
{
	g_assert_cmpint(*p, ==, '{');
	do {
		const char *name = ++p;

		p += name_span(p);
		g_assert_cmpint(p - name, >, 0);
		gboolean is_le = p - name == 2 && strncmp(name, "le", 2) == 0;
		g_assert_true(g_str_has_prefix(p, "=\""));
		p += 2;
		if (is_le) {
			if (g_str_has_prefix(p, "+Inf")) {
				*le_r = INFINITY;
			} else {
				char *end;

				*le_r = g_ascii_strtod(p, &end);
				g_assert_nonnull(memchr(p, '.', (gsize)(end - p)));
			}
		}
		for (; *p != '"'; p++) {
			g_assert_cmpint(*p, !=, '\0');
			if (*p == '\\') {
				p++;
				g_assert_nonnull(strchr("\\\"n", *p));
			}
		}
		p++;
	} while (*p == ',');
	g_assert_cmpint(*p, ==, '}');
	return p + 1;
}

/* Only what the spec allows: descriptors before samples, families in one piece and
 * once, suffixes by type, counters finite and not below zero, buckets cumulative and
 * ending in +Inf, "# EOF" last. */
static inline guint check_openmetrics(const char *text, gsize len)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct family family = {NULL};
	double last_le = -1, last_bucket = -1;
	guint samples = 0;

	g_assert_true(g_utf8_validate(text, (gssize)len, NULL));
	g_assert_true(g_str_has_suffix(text, "\n# EOF\n"));
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	guint count = g_strv_length(lines);
	g_assert_cmpstr(lines[count - 1], ==, "");
	g_assert_cmpstr(lines[count - 2], ==, "# EOF");
	for (guint i = 0; i < count - 2; i++) {
		const char *line = lines[i];

		g_assert_cmpint(*line, !=, '\0');
		if (*line == '#') {
			g_auto(GStrv) words = g_strsplit(line, " ", 4);

			g_assert_cmpuint(g_strv_length(words), ==, 4);
			g_assert_cmpuint(name_span(words[2]), ==, strlen(words[2]));
			if (strcmp(words[1], "TYPE") == 0) {
				family_clear(&family);
				family = (struct family){.name = g_strdup(words[2]),
							 .type = g_strdup(words[3])};
				g_assert_true(g_hash_table_add(seen, g_strdup(words[2])));
				last_le = last_bucket = -1;
				continue;
			}
			g_assert_cmpstr(words[2], ==, family.name);
			g_assert_cmpuint(family.samples, ==, 0);
			if (strcmp(words[1], "UNIT") == 0) {
				g_autofree char *suffix = g_strconcat("_", words[3], NULL);

				g_assert_null(family.unit);
				g_assert_true(g_str_has_suffix(family.name, suffix));
				family.unit = g_strdup(words[3]);
			} else {
				g_assert_cmpstr(words[1], ==, "HELP");
				g_assert_false(family.help);
				family.help = TRUE;
			}
			continue;
		}

		gsize span = name_span(line);
		g_autofree char *name = g_strndup(line, span);
		const char *p = line + span;
		double le = -1;
		g_assert_true(g_str_has_prefix(name, family.name));
		const char *suffix = name + strlen(family.name);
		if (*p == '{')
			p = check_labels(p, &le);
		g_assert_cmpint(*p, ==, ' ');
		char *end;
		double value = g_ascii_strtod(p + 1, &end);
		g_assert_true(end > p + 1 && *end == '\0');
		if (strcmp(family.type, "counter") == 0) {
			g_assert_cmpstr(suffix, ==, "_total");
			g_assert_true(value >= 0 && isfinite(value));
		} else if (strcmp(family.type, "info") == 0) {
			g_assert_cmpstr(suffix, ==, "_info");
			g_assert_true(value == 1);
		} else if (strcmp(family.type, "histogram") == 0) {
			if (strcmp(suffix, "_bucket") == 0) {
				if (isinf(last_le))
					last_le = last_bucket = -1;
				g_assert_true(le > last_le && value >= last_bucket);
				last_le = le;
				last_bucket = value;
			} else if (strcmp(suffix, "_count") == 0) {
				g_assert_true(isinf(last_le));
				g_assert_true(value == last_bucket);
			} else {
				g_assert_cmpstr(suffix, ==, "_sum");
				g_assert_true(value >= 0);
			}
		} else {
			g_assert_cmpstr(family.type, ==, "gauge");
			g_assert_cmpstr(suffix, ==, "");
		}
		g_assert_true(family.help);
		family.samples++;
		samples++;
	}
	family_clear(&family);
	return samples;
}

/* Is it well-formed, and that file of tests/unit but for what differs from run to run and from
 * version to version? */
static inline void check_golden(const GString *text, const char *file)
{
	g_autofree char *path = g_test_build_filename(G_TEST_DIST, "tests", "unit", file, NULL);
	g_autoptr(GRegex) start = g_regex_new("(process_start_time_seconds) \\d+\\.\\d+$",
					      G_REGEX_MULTILINE, 0, NULL);
	g_autofree char *steady = g_regex_replace(start, text->str, -1, 0, "\\1 START", 0, NULL);
	g_autoptr(GString) result = g_string_new(steady);
	g_autofree char *golden = NULL;

	check_openmetrics(text->str, text->len);
	g_string_replace(result, "\"" FANTAIL_VERSION "\"", "\"VERSION\"", 1);
	if (!g_file_get_contents(path, &golden, NULL, NULL) || strcmp(golden, result->str) != 0)
		g_test_message("new text:\n%s", result->str);
	g_assert_cmpstr(result->str, ==, golden);
}

#endif
