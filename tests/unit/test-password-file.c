#include "password-file.h"

#include "config-file.h"

/* password */
#define SHA512                                                    \
	"$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/" \
	"jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/"

static void test_passwords(void)
{
	static const char text[] = "# who may\n\n"
				   "alice:{PLAIN}se:cret\n"
				   "bob:{plain}secret:1000:1000::/home/bob\r\n"
				   "carol:{SHA512-CRYPT}" SHA512 "\n"
				   "dave:" SHA512 "\n"
				   "erin:{PLAIN}\n";
	static const struct {
		const char *user, *password;
		gboolean right;
	} rows[] = {
		{"alice", "se", TRUE},
		{"alice", "se:cret", FALSE},
		{"bob", "secret", TRUE},
		{"bob", "secre", FALSE},
		{"bob", "secrets", FALSE},
		{"carol", "password", TRUE},
		{"carol", "Password", FALSE},
		{"carol", SHA512, FALSE},
		{"dave", "password", TRUE},
		{"mallory", "password", FALSE},
		{"", "", FALSE},
		{"erin", "", TRUE},
		{"Alice", "se", FALSE},
	};
	g_autoptr(GError) error = NULL;
	g_autoptr(password_file_t) file = password_file_parse(text, "f", &error);

	g_assert_no_error(error);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_test_message("%s %s", rows[i].user, rows[i].password);
		g_assert_cmpint(password_file_check(file, rows[i].user, rows[i].password), ==,
				rows[i].right);
	}
}

static void test_errors(void)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{"alice\n", "f:1: not a name and a password; write name:{PLAIN}word"},
		{":{PLAIN}x\n", "f:1: not a name and a password; write name:{PLAIN}word"},
		{"\nalice:{MD4}x\n",
		 "f:2: unknown scheme; make one with doveadm pw -s SHA512-CRYPT"},
		{"alice:secret!\n", "f:1: not what crypt(3) makes; make one with doveadm pw -s "
				    "SHA512-CRYPT, or write {PLAIN} before it"},
		{"a:{PLAIN}x\na:{PLAIN}y\n", "f:2: that name is here a second time; remove one"},
		{"\xff:{PLAIN}x\n", "f:1: a bad name; write UTF-8, not that much of it"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_null(password_file_parse(rows[i].text, "f", &error));
		g_assert_error(error, CONFIG_ERROR, CONFIG_ERROR_VALUE);
		g_assert_cmpstr(error->message, ==, rows[i].message);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/password-file/passwords", test_passwords);
	g_test_add_func("/password-file/errors", test_errors);
	return g_test_run();
}
