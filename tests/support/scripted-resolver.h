/*
 * A resolver that says what a test tells it to, a new answer for each look-up:
 * the DNS as an attacker runs it.
 */
#ifndef FANTAIL_TESTS_SCRIPTED_RESOLVER_H
#define FANTAIL_TESTS_SCRIPTED_RESOLVER_H

#include <gio/gio.h>

/* `script`: answers with '/' between, each of them addresses with a blank
 * between or "" for "no such name"; the last one stays. Every name gets them. */
GResolver *scripted_resolver_new(const char *script);
/* How many look-ups there were. */
guint scripted_resolver_count(GResolver *resolver);

#endif
