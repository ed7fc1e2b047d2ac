#include "http-reply.h"

#include "limits.h"

/* RFC 9113 6.5.2: what an entry of a header list counts beyond its octets. */
#define HEADER_OVERHEAD 32

static void header_free(gpointer data)
{
	struct http_header *header = data;

	g_free(header->name);
	g_free(header->value);
	g_free(header);
}

void http_reply_init(struct http_reply_builder *builder, gboolean http2)
{
	*builder = (struct http_reply_builder){
		.reply = {.headers = g_ptr_array_new_with_free_func(header_free), .http2 = http2},
	};
}

void http_reply_clear(struct http_reply_builder *builder)
{
	g_clear_pointer(&builder->reply.headers, g_ptr_array_unref);
	g_clear_pointer(&builder->reply.body, g_bytes_unref);
	g_clear_pointer(&builder->body, g_byte_array_unref);
}

gboolean http_reply_add_header(struct http_reply_builder *builder, const char *name, gsize name_len,
			       const char *value, gsize value_len)
{
	gsize size = name_len + value_len + HEADER_OVERHEAD;

	if (size > LIMIT_RESPONSE_HEADERS - builder->header_bytes)
		return FALSE;
	builder->header_bytes += size;
	struct http_header *header = g_new(struct http_header, 1);
	header->name = g_ascii_strdown(name, (gssize)name_len);
	header->value = g_strndup(value, value_len);
	g_ptr_array_add(builder->reply.headers, header);
	return TRUE;
}

void http_reply_restart(struct http_reply_builder *builder)
{
	builder->reply.status = 0;
	builder->header_bytes = 0;
	g_ptr_array_set_size(builder->reply.headers, 0);
}

gboolean http_reply_add_body(struct http_reply_builder *builder, const void *data, gsize len)
{
	if (builder->body == NULL)
		builder->body = g_byte_array_new();
	gsize room = LIMIT_RESPONSE_BODY - builder->body->len;
	g_byte_array_append(builder->body, data, (guint)MIN(len, room));
	return len <= room;
}

const struct http_reply *http_reply_finish(struct http_reply_builder *builder)
{
	if (builder->reply.body == NULL) {
		builder->reply.body =
			builder->body != NULL
				? g_byte_array_free_to_bytes(g_steal_pointer(&builder->body))
				: g_bytes_new_static("", 0);
	}
	return &builder->reply;
}
