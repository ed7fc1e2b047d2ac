/*
 * Dovecot loads this module as "fantail_event": it turns what the notify plugin
 * reports into one batch of events per committed transaction.
 *
 * mail_plugins needs "notify fantail_event" wherever mail changes: imap, lmtp,
 * lda, pop3, doveadm.
 */
#ifndef FANTAIL_EVENT_PLUGIN_H
#define FANTAIL_EVENT_PLUGIN_H

struct module;

#define FANTAIL_EXPORT __attribute__((visibility("default")))

/* Names follow from the file's, lib20_fantail_event_plugin.so. */
extern FANTAIL_EXPORT const char *fantail_event_plugin_version;
extern FANTAIL_EXPORT const char *fantail_event_plugin_dependencies[];

FANTAIL_EXPORT void fantail_event_plugin_init(struct module *module);
FANTAIL_EXPORT void fantail_event_plugin_deinit(void);

#endif
