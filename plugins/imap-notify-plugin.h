/*
 * Dovecot loads this module into imap as "fantail_notify": NOTIFY (RFC 5465) for users
 * whose mail_plugins has it, with "notify fantail_event" wherever mail changes. Other
 * users in the same process keep Dovecot's own.
 */
#ifndef FANTAIL_NOTIFY_PLUGIN_H
#define FANTAIL_NOTIFY_PLUGIN_H

struct module;

#define FANTAIL_EXPORT __attribute__((visibility("default")))

/* Names follow from the file's, lib30_fantail_notify_plugin.so. */
extern FANTAIL_EXPORT const char *fantail_notify_plugin_version;
extern FANTAIL_EXPORT const char *fantail_notify_plugin_dependencies[];
extern FANTAIL_EXPORT const char fantail_notify_plugin_binary_dependency[];

FANTAIL_EXPORT void fantail_notify_plugin_init(struct module *module);
FANTAIL_EXPORT void fantail_notify_plugin_deinit(void);

#endif
