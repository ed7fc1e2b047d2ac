/*
 * Dovecot 2.4 only: our settings as its parser wants them declared. Compiled
 * into the plugin, which reads them, and into the settings module, by which the
 * config process knows them.
 *
 * All are texts, also the number: a value the parser refuses would stop Dovecot
 * from starting, while fantail-settings.c says what is wrong and goes on.
 */
#include "lib.h"
#include "settings-parser.h"
#include "dovecot-compat.h"

#include "fantail-settings.h"

static const struct setting_define defines[] = {
	SETTING_DEFINE_STRUCT_STR("fantail_socket", socket, struct fantail_settings_text),
	SETTING_DEFINE_STRUCT_STR("fantail_hub", hub, struct fantail_settings_text),
	SETTING_DEFINE_STRUCT_STR("fantail_spool", spool, struct fantail_settings_text),
	SETTING_DEFINE_STRUCT_STR("fantail_deadline", deadline, struct fantail_settings_text),
	SETTING_DEFINE_STRUCT_STR("fantail_filter_budget", filter_budget,
				  struct fantail_settings_text),
	SETTING_DEFINE_STRUCT_STR("fantail_notify_window", notify_window,
				  struct fantail_settings_text),
	SETTING_DEFINE_STRUCT_STR("fantail_notify_poll", notify_poll, struct fantail_settings_text),
	SETTING_DEFINE_STRUCT_STR("fantail_notify_mailboxes", notify_mailboxes,
				  struct fantail_settings_text),
	SETTING_DEFINE_STRUCT_STR("fantail_webpush_dialect", webpush_dialect,
				  struct fantail_settings_text),
	SETTING_DEFINE_STRUCT_STR("fantail_apple", apple, struct fantail_settings_text),
	SETTING_DEFINE_STRUCT_STR("fantail_pimap_session_expire", pimap_session_expire,
				  struct fantail_settings_text),
	SETTING_DEFINE_STRUCT_STR("fantail_pimap", pimap, struct fantail_settings_text),
	SETTING_DEFINE_STRUCT_STR("fantail_converters", converters, struct fantail_settings_text),
	SETTING_DEFINE_STRUCT_STR("fantail_deltapush", deltapush, struct fantail_settings_text),
	SETTING_DEFINE_STRUCT_STR("fantail_submission_host", submission_host,
				  struct fantail_settings_text),
	SETTING_DEFINE_STRUCT_STR("fantail_submission_ssl", submission_ssl,
				  struct fantail_settings_text),
	SETTING_DEFINE_STRUCT_STR("fantail_submission_ssl_verify", submission_ssl_verify,
				  struct fantail_settings_text),
	SETTING_DEFINE_STRUCT_STR("fantail_submission_user", submission_user,
				  struct fantail_settings_text),
	SETTING_DEFINE_STRUCT_STR("fantail_submission_master_user", submission_master_user,
				  struct fantail_settings_text),
	SETTING_DEFINE_STRUCT_STR("fantail_submission_password", submission_password,
				  struct fantail_settings_text),
	SETTING_DEFINE_STRUCT_STR("fantail_submission_trusted", submission_trusted,
				  struct fantail_settings_text),
	SETTING_DEFINE_STRUCT_STR("fantail_submission_sender", submission_sender,
				  struct fantail_settings_text),
	SETTING_DEFINE_STRUCT_STR("fantail_submission_timeout", submission_timeout,
				  struct fantail_settings_text),
	SETTING_DEFINE_STRUCT_STR("fantail_views", views, struct fantail_settings_text),
	SETTING_DEFINE_LIST_END,
};

static const struct fantail_settings_text defaults = {
	.socket = FANTAIL_SOCKET_DEFAULT,
	.hub = FANTAIL_HUB_DEFAULT,
	.spool = FANTAIL_SPOOL_DEFAULT,
	.deadline = FANTAIL_DEADLINE_DEFAULT,
	.filter_budget = FANTAIL_FILTER_BUDGET_DEFAULT,
	.notify_window = FANTAIL_NOTIFY_WINDOW_DEFAULT,
	.notify_poll = FANTAIL_NOTIFY_POLL_DEFAULT,
	.notify_mailboxes = FANTAIL_NOTIFY_MAILBOXES_DEFAULT,
	.webpush_dialect = FANTAIL_WEBPUSH_DIALECT_DEFAULT,
	.apple = FANTAIL_APPLE_DEFAULT,
	.pimap_session_expire = FANTAIL_PIMAP_SESSION_EXPIRE_DEFAULT,
	.pimap = FANTAIL_PIMAP_DEFAULT,
	.converters = FANTAIL_CONVERTERS_DEFAULT,
	.deltapush = FANTAIL_DELTAPUSH_DEFAULT,
	.submission_host = "",
	.submission_ssl = FANTAIL_SUBMISSION_SSL_DEFAULT,
	.submission_ssl_verify = FANTAIL_SUBMISSION_SSL_VERIFY_DEFAULT,
	.submission_user = "",
	.submission_master_user = "",
	.submission_password = "",
	.submission_trusted = FANTAIL_SUBMISSION_TRUSTED_DEFAULT,
	.submission_sender = FANTAIL_SUBMISSION_SENDER_DEFAULT,
	.submission_timeout = FANTAIL_SUBMISSION_TIMEOUT_DEFAULT,
	.views = FANTAIL_VIEWS_DEFAULT,
};

const struct setting_parser_info fantail_setting_parser_info = {
	.name = "fantail",
	.defines = defines,
	.defaults = &defaults,
	.struct_size = sizeof(struct fantail_settings_text),
	.pool_offset1 = 1 + offsetof(struct fantail_settings_text, pool),
};
