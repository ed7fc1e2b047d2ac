/* A folder of a test's own, and what is in it: gone when the test is over. */
#ifndef FANTAIL_TESTS_SCRATCH_H
#define FANTAIL_TESTS_SCRATCH_H

#include <glib.h>

/* Makes one in the folder for temporary files. New. */
char *scratch_new(void);
/* With all that is in it; links are not followed. Frees the path. */
void scratch_remove(char *path);

#endif
