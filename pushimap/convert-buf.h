/*
 * Octets that grow up to a ceiling, for converters that know neither Dovecot nor GLib. Pure.
 */
#ifndef CONVERT_BUF_H
#define CONVERT_BUF_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct convert_buf {
	char *data; /* malloc()'s, or NULL */
	size_t len, size;
	size_t max; /* set by the owner */
	bool full;  /* something did not fit and is not there */
};

static inline void convert_buf_add(struct convert_buf *buf, const void *data, size_t len)
{
	if (buf->full || len > buf->max - buf->len) {
		buf->full = true;
		return;
	}
	if (len == 0)
		return;
	if (buf->len + len > buf->size) {
		size_t size = (buf->len + len) * 2;
		char *grown;

		if (size < 4096)
			size = 4096;
		grown = realloc(buf->data, size);
		if (grown == NULL) {
			buf->full = true;
			return;
		}
		buf->data = grown;
		buf->size = size;
	}
	memcpy(buf->data + buf->len, data, len);
	buf->len += len;
}

static inline void convert_buf_add_str(struct convert_buf *buf, const char *text)
{
	convert_buf_add(buf, text, strlen(text));
}

static inline void convert_buf_free(struct convert_buf *buf)
{
	free(buf->data);
	*buf = (struct convert_buf){.max = buf->max};
}

#endif
