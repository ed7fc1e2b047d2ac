#include "daemon-main.h"
#include "log-writer.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sysexits.h>

static int check(const struct daemon_program *program, const char *config_path)
{
	g_autoptr(GError) error = NULL;

	if (!program->check(config_path, &error)) {
		fprintf(stderr, "%s\n", error->message);
		return EX_CONFIG;
	}
	printf("%s: no errors\n", config_path);
	return EX_OK;
}

int daemon_main(int argc, char **argv, const struct daemon_program *program)
{
	g_autofree char *config_path = NULL;
	g_autofree char *config_help = g_strdup_printf("Read PATH instead of %s", program->config);
	gboolean only_check = FALSE, version = FALSE;
	g_autoptr(GError) error = NULL;
	const GOptionEntry entries[] = {
		{"config", 'c', 0, G_OPTION_ARG_FILENAME, &config_path, config_help, "PATH"},
		{"check", 0, 0, G_OPTION_ARG_NONE, &only_check,
		 "Say whether the configuration is good, and exit", NULL},
		{"version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version, and exit", NULL},
		G_OPTION_ENTRY_NULL,
	};
	g_autoptr(GOptionContext) options = g_option_context_new(program->summary);

	g_option_context_add_main_entries(options, entries, NULL);
	if (!g_option_context_parse(options, &argc, &argv, &error) || argc > 1) {
		fprintf(stderr, "%s: %s\n", program->name,
			error != NULL ? error->message : "takes no arguments but options");
		return EX_USAGE;
	}
	if (version) {
		printf("%s %s\n", program->name, FANTAIL_VERSION);
		return EX_OK;
	}
	if (config_path == NULL)
		config_path = g_strdup(program->config);
	/* Keys and mail content pass through here: files are for this user alone, unless
	 * the code says otherwise. */
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	if (only_check)
		return check(program, config_path);
	log_writer_install(program->name);
	return program->run(config_path);
}
