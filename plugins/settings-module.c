/*
 * Dovecot 2.4 only: libfantail_settings.so, which the config process loads so
 * that it knows our settings. No code, and nothing that could fail.
 */
#include "lib.h"
#include "settings-parser.h"
#include "dovecot-compat.h"

#define EXPORT __attribute__((visibility("default")))

extern EXPORT const char *fantail_settings_version;
extern EXPORT const struct setting_parser_info *fantail_settings_set_infos[];

const char *fantail_settings_version = DOVECOT_ABI_VERSION;
const struct setting_parser_info *fantail_settings_set_infos[] = {
	&fantail_setting_parser_info,
	NULL,
};
