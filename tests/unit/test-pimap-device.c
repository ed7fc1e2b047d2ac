#include "pimap-device.h"

#include <glib.h>

#define EIGHT "abcDEF-9"
#define SIXTY_FOUR EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT

static const struct {
	const char *login;
	const char *device; /* NULL: a regular session */
} rows[] = {
	{"joe#P6505551234", "P6505551234"},
	{"joe#P6505551234@foo.com", "P6505551234"},
	{"joe#a-b_c.d@foo.com", "a-b_c.d"},
	{"joe#" SIXTY_FOUR "@foo.com", SIXTY_FOUR},
	{"joe#" SIXTY_FOUR, SIXTY_FOUR},
	{"j.o+e#P@foo@bar", "P"},
	/* no device, or none that may be */
	{"", NULL},
	{"joe", NULL},
	{"joe@foo.com", NULL},
	{"joe#", NULL},
	{"joe#@foo.com", NULL},
	{"#P42@foo.com", NULL},
	{"joe##P42", NULL},
	{"joe#P42#P43", NULL},
	{"joe#P 42", NULL},
	{"joe#P/42", NULL},
	{"joe#..", NULL},
	{"joe#.P42", NULL},
	{"joe#P\xc3\xa9", NULL},
	{"joe#P42*admin", NULL},
	{"joe#" SIXTY_FOUR "x@foo.com", NULL},
	/* The device stands before the domain: here the domain would be taken from it. */
	{"joe@foo.com#P42", NULL},
};

static void test_logins(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		char device[PIMAP_DEVICE_SIZE];
		bool found = pimap_device_from_login(rows[i].login, device);

		g_test_message("%s", rows[i].login);
		g_assert_cmpstr(found ? device : NULL, ==, rows[i].device);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/pimap-device/logins", test_logins);
	return g_test_run();
}
