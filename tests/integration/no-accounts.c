/* Preloaded into the hub: the account database is away while the file that NO_ACCOUNTS
 * names exists. */
#include <dlfcn.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

typedef int get_account(uid_t, struct passwd *, char *, size_t, struct passwd **);

__attribute__((visibility("default"))) int getpwuid_r(uid_t uid, struct passwd *entry, char *buffer,
						      size_t size, struct passwd **found_r)
{
	const char *path = getenv("NO_ACCOUNTS");
	get_account *real = (get_account *)dlsym(RTLD_NEXT, "getpwuid_r");

	if (path != NULL && access(path, F_OK) == 0) {
		*found_r = NULL;
		return EIO;
	}
	return real(uid, entry, buffer, size, found_r);
}
