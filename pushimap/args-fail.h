/* For parsers that return enum webpush_error and have an `error_r`, nobody else. */
#ifndef ARGS_FAIL_H
#define ARGS_FAIL_H

/* Returns from the caller with an error. */
#define FAIL(code, text)           \
	do {                       \
		*error_r = (text); \
		return (code);     \
	} while (0)

#endif
