/* With libdovecot and its test library, as test-hub-link.c. */
#include "lib.h"
#include "imap-util.h"
#include "test-common.h"

#include "imap-line.h"

static void test_parse(void)
{
	static const struct {
		const char *text, *args; /* as they are written again; NULL: refused */
	} rows[] = {
		{"", ""},
		{"FROM boss", "FROM boss"},
		{"FROM \"the boss\" NIL", "FROM \"the boss\" NIL"},
		{"(BODY.PEEK[] FLAGS)", "(BODY.PEEK[] FLAGS)"},
		{"OR (SEEN) (OR ALL (NOT NEW))", "OR (SEEN) (OR ALL (NOT NEW))"},
		{"{4}\r\nboss ALL", "\"boss\" ALL"},
		{"(SEEN", NULL},
		{"SEEN)", NULL},
		{"SUBJECT \"no end", NULL},
		{"SUBJECT {9}\r\nno end", NULL},
		{"SEEN\r\nANSWERED", NULL},
		{"SEEN\nANSWERED", NULL},
	};

	test_begin("imap line");
	for (unsigned int i = 0; i < N_ELEMENTS(rows); i++) {
		char *text = i_strdup(rows[i].text);
		const struct imap_arg *args = NULL;
		struct imap_line *line = imap_line_parse(text, &args);

		i_free(text);
		test_assert_idx((line != NULL) == (rows[i].args != NULL), i);
		test_assert_idx((args != NULL) == (rows[i].args != NULL), i);
		if (line != NULL && rows[i].args != NULL)
			test_assert_strcmp_idx(imap_args_to_str(args), rows[i].args, i);
		imap_line_free(&line);
		test_assert_idx(line == NULL, i);
	}
	test_end();
}

int main(void)
{
	static void (*const tests[])(void) = {
		test_parse,
		NULL,
	};

	return test_run(tests);
}
