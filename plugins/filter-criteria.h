/*
 * Whether the criteria of a notification filter are such that Dovecot's search may be let
 * loose on them: its parser and its search call themselves for each list, NOT and OR. Pure.
 */
#ifndef FANTAIL_FILTER_CRITERIA_H
#define FANTAIL_FILTER_CRITERIA_H

/* NULL if they are, else why not, for people. */
const char *filter_criteria_check(const char *criteria);

#endif
