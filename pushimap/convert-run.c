#include "lib.h"
#include "ioloop.h"
#include "istream.h"

#include "convert-run.h"
#include "limits.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* From the end of a process's output to its own. */
#define REAP_MSECS 5
/* While a command waits nobody reads from the client, so its end is looked for. */
#define LOOK_MSECS 250

struct convert_run {
	pid_t pid;
	int fd_in, fd_out; /* as the process sees them */
	struct io *io_in, *io_out;
	struct timeout *to_end, *to_reap, *to_look;
	int fd_client;
	struct istream *input;
	struct convert_buf output;
	convert_run_done_t *done;
	void *context;
};

/* --- the process ------------------------------------------------------------ */

static void set_limit(int what, rlim_t limit)
{
	struct rlimit rlimit = {limit, limit};

	(void)setrlimit((__rlimit_resource_t)what, &rlimit);
}

/* After fork(): nothing but system calls. */
static void ATTR_NORETURN run_child(const char *const *argv, const char *const *env, int fd_in,
				    int fd_out, int fd_null)
{
	sigset_t none;

	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL);
	/* Writing a file fails, and does not end it. */
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* All three are above 2, so none is overwritten before it is copied. */
	if (dup2(fd_in, 0) < 0 || dup2(fd_out, 1) < 0 || dup2(fd_null, 2) < 0 ||
	    close_range(3, ~0U, 0) < 0 || chdir("/") < 0)
		_exit(126);
	set_limit(RLIMIT_CPU, LIMIT_CONVERT_SECS);
	set_limit(RLIMIT_AS, LIMIT_CONVERT_MEMORY);
	set_limit(RLIMIT_FSIZE, 0);
	set_limit(RLIMIT_CORE, 0);
	set_limit(RLIMIT_NOFILE, 64);
	(void)execve(argv[0], (char *const *)argv, (char *const *)env);
	_exit(127);
}

/* Above 2, since Dovecot may have closed these. */
static int above_std(int fd)
{
	int high;

	if (fd > 2 || fd < 0)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	(void)close(fd);
	return high;
}

static void close_all(int fds[5])
{
	for (unsigned int i = 0; i < 5; i++) {
		if (fds[i] >= 0)
			(void)close(fds[i]);
	}
}

/* {in's reading end, in's writing end, out's likewise, /dev/null} */
static bool open_all(int fds[5])
{
	for (unsigned int i = 0; i < 5; i++)
		fds[i] = -1;
	if (pipe2(&fds[0], O_CLOEXEC) < 0 || pipe2(&fds[2], O_CLOEXEC) < 0)
		return FALSE;
	fds[4] = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (unsigned int i = 0; i < 5; i++) {
		fds[i] = above_std(fds[i]);
		if (fds[i] < 0)
			return FALSE;
	}
	return fcntl(fds[1], F_SETFL, O_NONBLOCK) == 0 && fcntl(fds[2], F_SETFL, O_NONBLOCK) == 0;
}

/* --- the loop --------------------------------------------------------------- */

static void close_input(struct convert_run *run)
{
	io_remove(&run->io_in);
	i_close_fd(&run->fd_in);
}

static void finish(struct convert_run *run, const char *error)
{
	io_remove(&run->io_out);
	timeout_remove(&run->to_end);
	timeout_remove(&run->to_reap);
	timeout_remove(&run->to_look);
	close_input(run);
	run->done(error, run->context);
}

static void write_some(struct convert_run *run)
{
	const unsigned char *data;
	size_t size;
	ssize_t ret;
	int more = i_stream_read_more(run->input, &data, &size);

	if (more < 0) {
		/* What is cut off is the converter's to notice, but for an error of our own. */
		if (run->input->stream_errno != 0) {
			finish(run,
			       t_strdup_printf("read(%s) failed: %s", i_stream_get_name(run->input),
					       i_stream_get_error(run->input)));
			return;
		}
		close_input(run);
		return;
	}
	if (run->input->v_offset + size > LIMIT_CONVERT_INPUT) {
		finish(run, "the part is too large");
		return;
	}
	ret = write(run->fd_in, data, size);
	if (ret > 0)
		i_stream_skip(run->input, (size_t)ret);
	else if (ret < 0 && errno != EAGAIN && errno != EINTR)
		close_input(run); /* it has what it wants */
}

static void reap(struct convert_run *run)
{
	int status;
	pid_t pid = waitpid(run->pid, &status, WNOHANG);

	timeout_remove(&run->to_reap);
	if (pid == 0) {
		run->to_reap = timeout_add_short(REAP_MSECS, reap, run);
		return;
	}
	/* Its children, if it left any, hold nothing of ours. */
	(void)kill(-run->pid, SIGKILL);
	run->pid = -1;
	if (pid < 0)
		finish(run, t_strdup_printf("waitpid() failed: %m"));
	else if (WIFSIGNALED(status))
		finish(run, t_strdup_printf("ended by signal %d", WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0)
		finish(run, t_strdup_printf("ended with status %d", WEXITSTATUS(status)));
	else if (run->output.len == 0)
		finish(run, "wrote nothing");
	else
		finish(run, NULL);
}

static void read_some(struct convert_run *run)
{
	char piece[16384];
	ssize_t ret = read(run->fd_out, piece, sizeof(piece));

	if (ret < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (ret > 0) {
		convert_buf_add(&run->output, piece, (size_t)ret);
		if (run->output.full)
			finish(run, "wrote too much");
		return;
	}
	io_remove(&run->io_out);
	reap(run);
}

static void look(struct convert_run *run)
{
	struct pollfd poll_fd = {.fd = run->fd_client, .events = POLLRDHUP};

	if (poll(&poll_fd, 1, 0) > 0)
		finish(run, "");
}

static void give_up(struct convert_run *run)
{
	finish(run, t_strdup_printf("took longer than %d s", LIMIT_CONVERT_SECS));
}

/* --- outside ---------------------------------------------------------------- */

struct convert_run *convert_run_start(const char *const *argv, const char *const *env,
				      struct istream *input, int fd_client,
				      convert_run_done_t *done, void *context, const char **error_r)
{
	struct convert_run *run;
	int fds[5];
	pid_t pid;

	if (access(argv[0], X_OK) < 0) {
		*error_r = t_strdup_printf("access(%s) failed: %m", argv[0]);
		return NULL;
	}
	if (!open_all(fds)) {
		*error_r = t_strdup_printf("pipe() failed: %m");
		close_all(fds);
		return NULL;
	}
	pid = fork();
	if (pid == 0)
		run_child(argv, env, fds[0], fds[3], fds[4]);
	if (pid < 0) {
		*error_r = t_strdup_printf("fork() failed: %m");
		close_all(fds);
		return NULL;
	}
	/* Both do it, since either may be first. */
	(void)setpgid(pid, pid);
	run = i_new(struct convert_run, 1);
	run->pid = pid;
	run->fd_in = fds[1];
	run->fd_out = fds[2];
	fds[1] = fds[2] = -1;
	close_all(fds);
	run->input = input;
	i_stream_ref(input);
	run->output.max = LIMIT_CONVERT_OUTPUT;
	run->done = done;
	run->context = context;
	run->io_in = io_add(run->fd_in, IO_WRITE, write_some, run);
	run->io_out = io_add(run->fd_out, IO_READ, read_some, run);
	run->fd_client = fd_client;
	run->to_look = timeout_add_short(LOOK_MSECS, look, run);
	run->to_end = timeout_add(LIMIT_CONVERT_SECS * 1000, give_up, run);
	return run;
}

struct convert_buf convert_run_take(struct convert_run *run)
{
	struct convert_buf output = run->output;

	run->output = (struct convert_buf){.max = output.max};
	return output;
}

void convert_run_free(struct convert_run **_run)
{
	struct convert_run *run = *_run;

	*_run = NULL;
	if (run == NULL)
		return;
	io_remove(&run->io_out);
	timeout_remove(&run->to_end);
	timeout_remove(&run->to_reap);
	timeout_remove(&run->to_look);
	close_input(run);
	i_close_fd(&run->fd_out);
	if (run->pid > 0) {
		(void)kill(-run->pid, SIGKILL);
		(void)kill(run->pid, SIGKILL);
		while (waitpid(run->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	i_stream_unref(&run->input);
	convert_buf_free(&run->output);
	i_free(run);
}
