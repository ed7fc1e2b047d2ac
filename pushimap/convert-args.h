/*
 * The FETCH items of XCONVERT (draft-maes-lemonade-p-imap-12, 5.3.8):
 *
 *	("BODY" [".PEEK"] / "BINARY" [".PEEK" / ".SIZE"]) "[" part ".XCONVERT" [".STRICT"] SP
 *	"(" "type/subtype" ["(" "name" SP "value" ... ")"] ")]" ["<" offset "." length ">"]
 *
 * Every octet is hostile. Pure.
 */
#ifndef CONVERT_ARGS_H
#define CONVERT_ARGS_H

#include "arg-token.h"
#include "limits.h"

#include <stdint.h>

struct convert_param {
	char name[LIMIT_CONVERT_WORD + 1]; /* lower case */
	const char *value;                 /* borrowed; visible ASCII */
};

struct convert_request {
	bool binary, size, peek, strict;
	bool partial;
	uint64_t offset, length; /* length: UINT64_MAX = all */
	char section[LIMIT_CONVERT_SECTION + 1];
	char type[LIMIT_CONVERT_WORD + 1]; /* lower case, "image/jpeg" */
	struct convert_param params[LIMIT_CONVERT_PARAMS];
	size_t param_count;
};

/* Whether an item's name, up to its first blank, is one of these. It is in upper case, as
 * Dovecot hands it out. Whatever has XCONVERT as a word in its brackets is. */
bool convert_args_match(const char *name);

/* `tokens`: what is in the outer list. `rest`: what came behind it, from "]" on. NULL, or what
 * is wrong. */
const char *convert_args_parse(const char *name, const struct arg_token *tokens, size_t count,
			       const char *rest, struct convert_request *request_r);

/* A type of one of the two halves' characters (RFC 6838 4.2), lower case, into
 * type_r[LIMIT_CONVERT_WORD + 1]. */
bool convert_type_parse(const char *text, char *type_r);

/* The value of a parameter; NULL: not there. */
const char *convert_request_get(const struct convert_request *request, const char *name);

#endif
