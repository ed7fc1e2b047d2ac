#include "login.h"

#include <string.h>

#include "password-file.h"

struct login {
	struct dovecot_auth *dovecot; /* NULL = the file */
	struct password_file *file;
};

struct login *login_new(const struct syncml_config *config, GError **error)
{
	struct login *login = g_new0(struct login, 1);

	if (config->password_file == NULL) {
		login->dovecot = dovecot_auth_new(config->auth_socket, config->service);
		return login;
	}
	login->file = password_file_load(config->password_file, error);
	if (login->file == NULL)
		login_free(&login);
	return login;
}

void login_free(struct login **login)
{
	struct login *self = *login;

	if (self == NULL)
		return;
	*login = NULL;
	dovecot_auth_free(&self->dovecot);
	password_file_unref(self->file);
	g_free(self);
}

/* --- with the file ---------------------------------------------------------------------- */

struct check {
	struct password_file *file;
	char *user, *password;
	dovecot_auth_done *done;
	gpointer data;
};

static void check_free(gpointer data)
{
	struct check *check = data;

	password_file_unref(check->file);
	explicit_bzero(check->password, strlen(check->password));
	g_free(check->password);
	g_free(check->user);
	g_free(check);
}

/* In a thread: hashing passwords is slow on purpose. */
static void run_check(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	const struct check *check = data;

	g_task_return_boolean(task, password_file_check(check->file, check->user, check->password));
}

static void on_checked(GObject *source, GAsyncResult *result, gpointer data)
{
	const struct check *check = g_task_get_task_data(G_TASK(result));
	gboolean ok = g_task_propagate_boolean(G_TASK(result), NULL);

	check->done(ok ? DOVECOT_AUTH_OK : DOVECOT_AUTH_WRONG, ok ? check->user : NULL,
		    check->data);
}

void login_verify(struct login *login, const struct dovecot_auth_request *request,
		  dovecot_auth_done *done, gpointer data)
{
	struct check *check;

	if (login->dovecot != NULL) {
		dovecot_auth_verify(login->dovecot, request, done, data);
		return;
	}
	check = g_new0(struct check, 1);
	check->file = password_file_ref(login->file);
	check->user = g_strdup(request->user);
	check->password = g_strdup(request->password);
	check->done = done;
	check->data = data;
	g_autoptr(GTask) task = g_task_new(NULL, NULL, on_checked, NULL);
	g_task_set_task_data(task, check, check_free);
	g_task_run_in_thread(task, run_check);
}
