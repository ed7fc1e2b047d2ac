#include "imap-common.h"
#include "array.h"
#include "imap-arg.h"
#include "imap-bodystructure.h"
#include "imap-client.h"
#include "imap-commands.h"
#include "imap-fetch.h"
#include "imap-msgpart.h"
#include "imap-quote.h"
#include "imap-resp-code.h"
#include "ioloop.h"
#include "istream.h"
#include "mail-storage-private.h"
#include "message-part.h"
#include "message-part-data.h"
#include "ostream.h"
#include "str.h"
#include "str-sanitize.h"
#include "dovecot-compat.h"

#include "arg-row.h"
#include "convert-args.h"
#include "convert-run.h"
#include "convert-table.h"
#include "convert-text.h"
#include "fetch-literal.h"
#include "fetch-xconvert.h"
#include "html-text.h"
#include "monotonic.h"
#include "pushimap-plugin.h"
#include "trouble.h"

#include <fcntl.h>
#include <unistd.h>

#define XCONVERT_CLIENT(client) MODULE_CONTEXT(client, xconvert_module)
#define XCONVERT_COMMAND(cmd) MODULE_CONTEXT(cmd, xconvert_module)

#define CHARSET "utf-8"
/* The list in the brackets has one in it. */
#define MAX_DEPTH 1
#define MAX_TOKENS (2 * LIMIT_CONVERT_PARAMS + 4)

/* What a command's tagged answer has to say; the higher is said. */
enum level {
	LEVEL_NOTHING,
	LEVEL_OVERRIDE, /* something else than was asked for */
	LEVEL_LOSS,     /* characters */
	LEVEL_NO,
	LEVEL_BAD,
};

/* A part in another form, before its transfer encoding. */
struct converted {
	char *key; /* which part of which message, and what was asked for */
	struct convert_buf data;
	char type[LIMIT_CONVERT_WORD + 1];
	char charset[LIMIT_CONVERT_CHARSET + 1]; /* "": none */
	bool overridden, lost;
};

struct xconvert_client {
	union imap_module_context module_ctx;
	void (*next_send_tagline)(struct client_command_context *cmd, const char *data);
	void (*next_destroy)(struct client *client, const char *reason);
	struct convert_table *table; /* once somebody needed it */
	struct converted *last;      /* for who reads it in pieces */
	struct timeout *to_forget;
};

struct xconvert_command {
	union imap_module_context module_ctx;
	enum level level;
	const char *tagline;
	bool waiting; /* for a converter */
};

struct xconvert_item {
	struct convert_request request;
	struct imap_msgpart *info, *part;
	const char *name; /* as in the response */
	const char *log_name;
	/* While a converter runs. */
	struct convert_run *run;
	struct client_command_context *cmd;
	const struct convert_row *row;
	struct converted *result;
	const char *error;
	bool done;
};

static MODULE_CONTEXT_DEFINE_INIT(xconvert_module, &imap_module_register);
static struct client_command_context *current;
static const char *refused; /* the tagged answer to the item that `current` has */
static struct trouble trouble_converter;

/* Core's. */
static bool (*next_body)(struct imap_fetch_init_context *ctx);
static bool (*next_binary)(struct imap_fetch_init_context *ctx);

/* --- what was converted last ------------------------------------------------- */

static void converted_free(struct converted **_converted)
{
	struct converted *converted = *_converted;

	*_converted = NULL;
	if (converted == NULL)
		return;
	convert_buf_free(&converted->data);
	i_free(converted->key);
	i_free(converted);
}

static void forget(struct xconvert_client *xclient)
{
	timeout_remove(&xclient->to_forget);
	converted_free(&xclient->last);
}

static void keep(struct xconvert_client *xclient, struct converted *converted)
{
	forget(xclient);
	xclient->last = converted;
	xclient->to_forget = timeout_add(LIMIT_CONVERT_KEEP_SECS * 1000, forget, xclient);
}

static const char *make_key(struct mail *mail, const struct convert_request *request)
{
	struct mailbox_status status;
	string_t *key = t_str_new(256);

	mailbox_get_open_status(mail->box, STATUS_UIDVALIDITY, &status);
	str_printfa(key, "%u %u %s %s %d", status.uidvalidity, mail->uid, request->section,
		    request->type, request->strict ? 1 : 0);
	for (size_t i = 0; i < request->param_count; i++)
		str_printfa(key, "\n%s\n%s", request->params[i].name, request->params[i].value);
	str_printfa(key, "\n%s", mailbox_get_vname(mail->box));
	return str_c(key);
}

static struct converted *converted_new(struct mail *mail, const struct convert_request *request)
{
	struct converted *converted = i_new(struct converted, 1);

	converted->key = i_strdup(make_key(mail, request));
	converted->data.max = LIMIT_CONVERT_OUTPUT;
	return converted;
}

/* --- the tagged answer ------------------------------------------------------- */

/* NOTIFY and in-band push fetch, too, also while some command runs; theirs is another pool. */
static bool is_of_command(const struct imap_fetch_context *ctx)
{
	return current != NULL && ctx->ctx_pool == current->pool;
}

static void note(const struct imap_fetch_context *ctx, enum level level, const char *tagline)
{
	struct xconvert_command *xcommand;

	if (!is_of_command(ctx))
		return;
	xcommand = XCONVERT_COMMAND(current);
	if (xcommand == NULL) {
		xcommand = p_new(current->pool, struct xconvert_command, 1);
		MODULE_CONTEXT_SET(current, xconvert_module, xcommand);
	}
	if (level > xcommand->level) {
		xcommand->level = level;
		xcommand->tagline = p_strdup(current->pool, tagline);
	}
}

/* There is no such part in that form. Returns what a handler returns. */
static int refuse(struct imap_fetch_context *ctx, const struct xconvert_item *item,
		  enum level level, const char *tagline)
{
	note(ctx, level, tagline);
	return fetch_item_send(ctx,
			       t_strconcat(item->name, item->request.size ? " 0" : " NIL", NULL));
}

static int refuse_param(struct imap_fetch_context *ctx, const struct xconvert_item *item,
			const char *from, const char *param)
{
	return refuse(ctx, item, LEVEL_NO,
		      t_strdup_printf("NO [BADPARAMETERS \"%s\" \"%s\" (\"%s\")] The parameter or "
				      "its value is not supported.",
				      str_sanitize(from, LIMIT_CONVERT_WORD), item->request.type,
				      param));
}

static int refuse_type(struct imap_fetch_context *ctx, const struct xconvert_item *item)
{
	return refuse(ctx, item, LEVEL_NO,
		      "NO [" IMAP_RESP_CODE_CANNOT "] There is no such conversion.");
}

/* --- answering --------------------------------------------------------------- */

static bool is_text(const char *type)
{
	return strncmp(type, "text/", 5) == 0;
}

static size_t count_lines(const struct convert_buf *buf)
{
	size_t lines = 0;

	for (size_t i = 0; i < buf->len; i++)
		lines += buf->data[i] == '\n' ? 1 : 0;
	return lines;
}

/* 1: *encoding_r; 0: what was asked for cannot be, *encoding_r is instead. */
static int choose_encoding(const struct convert_request *request, const struct converted *converted,
			   enum convert_encoding *encoding_r)
{
	const char *name = convert_request_get(request, "encoding");
	const char *data = converted->data.data;
	size_t len = converted->data.len;
	bool text = is_text(converted->type);

	*encoding_r = text ? convert_encoding_choose(data, len) : CONVERT_BASE64;
	if (request->binary) {
		if (!text || !convert_encoding_fits(CONVERT_8BIT, data, len))
			*encoding_r = CONVERT_BINARY;
		return 1;
	}
	if (name == NULL)
		return 1;
	if (!convert_encoding_parse(name, encoding_r) || *encoding_r == CONVERT_BINARY ||
	    !convert_encoding_fits(*encoding_r, data, len)) {
		*encoding_r = text ? convert_encoding_choose(data, len) : CONVERT_BASE64;
		return 0;
	}
	return 1;
}

static void append_structure(string_t *dest, const struct converted *converted,
			     enum convert_encoding encoding, const struct convert_buf *data)
{
	const char *slash = strchr(converted->type, '/');

	str_append_c(dest, '(');
	imap_append_quoted(dest, t_strdup_until(converted->type, slash));
	str_append_c(dest, ' ');
	imap_append_quoted(dest, slash + 1);
	if (*converted->charset != '\0') {
		str_append(dest, " (\"charset\" ");
		imap_append_quoted(dest, converted->charset);
		str_append_c(dest, ')');
	} else {
		str_append(dest, " NIL");
	}
	str_printfa(dest, " NIL NIL \"%s\" %zu", convert_encoding_name(encoding), data->len);
	if (is_text(converted->type))
		str_printfa(dest, " %zu", count_lines(data));
	str_append(dest, " NIL NIL NIL NIL)");
}

static int answer_data(struct imap_fetch_context *ctx, const struct xconvert_item *item,
		       const struct converted *converted, enum convert_encoding encoding,
		       const struct convert_buf *data)
{
	const struct convert_request *request = &item->request;
	string_t *head = t_str_new(256);
	size_t offset, len;

	str_printfa(head, "BODYPARTSTRUCTURE[%s] ", request->section);
	append_structure(head, converted, encoding, data);
	str_printfa(head, " %s ", item->name);
	if (request->size) {
		str_printfa(head, "%zu", data->len);
		return fetch_item_send(ctx, str_c(head));
	}
	offset = I_MIN(request->offset, data->len);
	len = I_MIN(request->length, data->len - offset);
	if (request->binary && len > 0 && memchr(data->data + offset, '\0', len) != NULL)
		str_append_c(head, '~');
	str_printfa(head, "{%zu}", len);
	return fetch_literal_send(
		ctx, str_c(head),
		i_stream_create_copy_from_data(data->data == NULL ? "" : data->data + offset, len),
		len, item->log_name);
}

static int answer(struct imap_fetch_context *ctx, const struct xconvert_item *item,
		  const struct converted *converted)
{
	struct convert_buf encoded = {.max = LIMIT_CONVERT_OUTPUT * 4};
	enum convert_encoding encoding;
	bool overridden = converted->overridden;
	int ret;

	if (choose_encoding(&item->request, converted, &encoding) == 0) {
		if (item->request.strict)
			return refuse_param(ctx, item, converted->type, "encoding");
		overridden = TRUE;
	}
	if (overridden)
		note(ctx, LEVEL_OVERRIDE, "OK [SERVEROVERRIDE] Not all is what was asked for.");
	if (converted->lost)
		note(ctx, LEVEL_LOSS, "OK [INFORMATIONLOSS] Not everything could be converted.");
	if (item->request.binary)
		return answer_data(ctx, item, converted, encoding, &converted->data);
	convert_encode(encoding, converted->data.data, converted->data.len, &encoded);
	ret = answer_data(ctx, item, converted, encoding, &encoded);
	convert_buf_free(&encoded);
	return ret;
}

/* --- the part ---------------------------------------------------------------- */

/* 1: *type_r and *charset_r; 0: there is no such part, or it has parts; -1: as handlers. */
static int part_info(struct mail *mail, const struct xconvert_item *item, const char **type_r,
		     const char **charset_r)
{
	struct message_part *part = NULL;
	const struct message_part_data *data;
	const char *structure, *error;
	pool_t pool;
	int ret = imap_msgpart_bodypartstructure(mail, item->info, &structure);

	if (ret <= 0)
		return ret;
	pool = pool_alloconly_create("XCONVERT part", 1024);
	if (imap_bodystructure_parse_full(structure, pool, &part, &error) < 0 ||
	    part->data == NULL || (part->flags & MESSAGE_PART_FLAG_MULTIPART) != 0) {
		pool_unref(&pool);
		return 0;
	}
	data = part->data;
	*type_r = t_str_lcase(
		t_strdup_printf("%s/%s", data->content_type == NULL ? "text" : data->content_type,
				data->content_subtype == NULL ? "plain" : data->content_subtype));
	*charset_r = CHARSET;
	for (unsigned int i = 0; i < data->content_type_params_count; i++) {
		if (strcasecmp(data->content_type_params[i].name, "charset") == 0)
			*charset_r = t_strdup(data->content_type_params[i].value);
	}
	pool_unref(&pool);
	return 1;
}

/* 0: answered; then *ret_r is what the handler returns. */
static int part_open(struct imap_fetch_context *ctx, struct mail *mail,
		     const struct xconvert_item *item, struct istream **input_r, int *ret_r)
{
	struct imap_msgpart_open_result result;
	enum mail_error error;

	if (imap_msgpart_open(mail, item->part, &result) == 0) {
		*input_r = result.input;
		return 1;
	}
	(void)mailbox_get_last_error(mail->box, &error);
	*ret_r = -1;
	if (error == MAIL_ERROR_CONVERSION)
		*ret_r = refuse(ctx, item, LEVEL_NO,
				"NO [" IMAP_RESP_CODE_UNKNOWN_CTE "] Unknown transfer encoding.");
	else if (error == MAIL_ERROR_INVALIDDATA)
		*ret_r = refuse(ctx, item, LEVEL_NO,
				"NO [" IMAP_RESP_CODE_PARSE "] The part is not valid.");
	return 0;
}

/* --- text -------------------------------------------------------------------- */

/* False if the stream failed. */
static bool read_text(struct istream *input, struct convert_buf *text)
{
	const unsigned char *data;
	size_t size;

	while (text->len < text->max && i_stream_read_more(input, &data, &size) > 0) {
		size = I_MIN(size, text->max - text->len);
		convert_buf_add(text, data, size);
		i_stream_skip(input, size);
	}
	if (text->len == text->max && i_stream_read_more(input, &data, &size) > 0)
		text->full = true;
	return input->stream_errno == 0;
}

/* Lines end as IMAP's do. */
static void add_lines(struct convert_buf *out, const struct convert_buf *text)
{
	size_t start = 0;

	for (size_t i = 0; i < text->len; i++) {
		if (text->data[i] != '\n' || (i > 0 && text->data[i - 1] == '\r'))
			continue;
		convert_buf_add(out, text->data + start, i - start);
		convert_buf_add_str(out, "\r");
		start = i;
	}
	if (start < text->len)
		convert_buf_add(out, text->data + start, text->len - start);
	if (text->full)
		out->full = true;
}

static void convert_text(struct converted *converted, const struct convert_buf *text,
			 const char *from, const char *charset)
{
	struct convert_buf utf8 = {.max = LIMIT_CONVERT_OUTPUT}, plain = utf8;
	bool lost_before = false, lost_after = false;

	(void)convert_text_recode(charset, CHARSET, text->data, text->len, &utf8, &lost_before);
	if (strcmp(from, "text/html") == 0 && strcmp(converted->type, "text/html") != 0)
		lost_before = !html_to_text(utf8.data, utf8.len, &plain) || lost_before;
	else
		add_lines(&plain, &utf8);
	(void)convert_text_recode(CHARSET, converted->charset, plain.data, plain.len,
				  &converted->data, &lost_after);
	converted->lost = text->full || lost_before || lost_after || plain.full;
	convert_buf_free(&utf8);
	convert_buf_free(&plain);
}

static int fetch_text(struct imap_fetch_context *ctx, struct mail *mail, struct xconvert_item *item,
		      const char *from, const char *charset, bool overridden)
{
	struct xconvert_client *xclient = XCONVERT_CLIENT(ctx->client);
	const struct convert_request *request = &item->request;
	struct convert_buf text = {.max = LIMIT_CONVERT_TEXT};
	const char *to = convert_request_get(request, "charset");
	struct converted *converted;
	struct istream *input;
	bool good;
	int ret;

	for (size_t i = 0; i < request->param_count; i++) {
		const char *name = request->params[i].name;

		if (strcmp(name, "charset") == 0 || strcmp(name, "encoding") == 0)
			continue;
		if (request->strict)
			return refuse_param(ctx, item, from, name);
		overridden = TRUE;
	}
	if (to != NULL && !convert_charset_known(to)) {
		if (request->strict)
			return refuse_param(ctx, item, from, "charset");
		to = NULL;
		overridden = TRUE;
	}
	if (part_open(ctx, mail, item, &input, &ret) == 0)
		return ret;
	good = read_text(input, &text);
	i_stream_unref(&input);
	if (!good) {
		convert_buf_free(&text);
		return refuse(ctx, item, LEVEL_NO,
			      "NO [" IMAP_RESP_CODE_PARSE "] The part is not valid.");
	}
	converted = converted_new(mail, request);
	converted->overridden = overridden;
	(void)i_strocpy(converted->charset, to == NULL ? CHARSET : to, sizeof(converted->charset));
	/* Another kind of text is not made here, but read. */
	(void)i_strocpy(converted->type, strcmp(request->type, from) == 0 ? from : "text/plain",
			sizeof(converted->type));
	convert_text(converted, &text, from, charset);
	convert_buf_free(&text);
	keep(xclient, converted);
	return answer(ctx, item, converted);
}

/* --- other converters -------------------------------------------------------- */

static const char *read_table(const char *path)
{
	char *text = t_malloc_no0(LIMIT_CONVERT_TABLE + 1);
	size_t len = 0;
	ssize_t ret;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	while ((ret = read(fd, text + len, LIMIT_CONVERT_TABLE + 1 - len)) > 0)
		len += (size_t)ret;
	(void)close(fd);
	if (ret < 0)
		return NULL;
	if (len > LIMIT_CONVERT_TABLE) {
		errno = EFBIG;
		return NULL;
	}
	text[len] = '\0';
	return text;
}

/* Without a file that can be read there is none. */
static const struct convert_table *get_table(struct client *client)
{
	struct xconvert_client *xclient = XCONVERT_CLIENT(client);
	const char *path = pushimap_user_get(client->user)->converters, *text;
	char *error = NULL;

	if (xclient->table != NULL)
		return xclient->table;
	text = read_table(path);
	if (text == NULL && errno != ENOENT)
		e_error(client->event, "fantail: cannot read %s: %m (set fantail_converters)",
			path);
	if (text != NULL) {
		xclient->table = convert_table_parse(path, text, &error);
		if (xclient->table == NULL)
			e_error(client->event, "fantail: %s; not using that file", error);
		free(error);
		error = NULL;
	}
	if (xclient->table == NULL)
		xclient->table = convert_table_parse(path, "", &error);
	return xclient->table;
}

/* A client may ask as often as it likes: one line a minute. */
static void report(struct event *event, const struct convert_row *row, const char *error)
{
	unsigned int count;

	if (trouble_note(&trouble_converter, monotonic_us(), &count))
		e_error(event, "fantail: converter %s (%s to %s): %s", row->argv[0], row->from,
			row->to, error);
}

static void converter_done(const char *error, void *context)
{
	struct xconvert_item *item = context;
	struct xconvert_command *xcommand = XCONVERT_COMMAND(item->cmd);

	item->done = TRUE;
	item->error = p_strdup(item->cmd->pool, error);
	xcommand->waiting = FALSE;
	item->cmd->state = CLIENT_COMMAND_STATE_WAIT_OUTPUT;
	o_stream_set_flush_pending(item->cmd->client->output, TRUE);
}

static void stop(struct xconvert_item *item)
{
	convert_run_free(&item->run);
	converted_free(&item->result);
	item->done = FALSE;
}

static int converter_continue(struct imap_fetch_context *ctx)
{
	const struct imap_fetch_context_handler *handler =
		array_idx(&ctx->handlers, ctx->state.cur_handler);
	struct xconvert_item *item = handler->context;
	struct converted *converted;

	if (ctx->client->output->closed) {
		stop(item);
		return -1;
	}
	if (!item->done && !item->cmd->cancel)
		return 0;
	if (!item->done || item->error != NULL) {
		if (item->done && *item->error != '\0')
			report(ctx->client->event, item->row, item->error);
		stop(item);
		return refuse(ctx, item, LEVEL_BAD, "BAD The converter failed.");
	}
	converted = item->result;
	item->result = NULL;
	converted->data = convert_run_take(item->run);
	stop(item);
	keep(XCONVERT_CLIENT(ctx->client), converted);
	return answer(ctx, item, converted);
}

/* What the command may know: no octet of it is a client's but checked digits. */
static const char *const *make_env(const struct convert_row *row,
				   const struct convert_request *request)
{
	ARRAY_TYPE(const_string) env;
	const char *text;

	t_array_init(&env, 16);
	text = "PATH=/usr/bin:/bin";
	array_push_back(&env, &text);
	text = "LC_ALL=C.UTF-8";
	array_push_back(&env, &text);
	text = t_strconcat("CONVERT_FROM=", row->from, NULL);
	array_push_back(&env, &text);
	text = t_strconcat("CONVERT_TO=", row->to, NULL);
	array_push_back(&env, &text);
	for (size_t i = 0; i < request->param_count; i++) {
		const struct convert_param *param = &request->params[i];

		if (!convert_row_takes(row, param->name) || !convert_number_valid(param->value))
			continue;
		text = t_strdup_printf("CONVERT_%s=%s", t_str_ucase(param->name), param->value);
		array_push_back(&env, &text);
	}
	array_append_zero(&env);
	return array_front(&env);
}

static int fetch_converter(struct imap_fetch_context *ctx, struct mail *mail,
			   struct xconvert_item *item, const struct convert_row *row)
{
	const struct convert_request *request = &item->request;
	bool overridden = strcmp(row->to, request->type) != 0;
	struct xconvert_command *xcommand;
	struct istream *input;
	const char *error;
	int ret;

	if (!is_of_command(ctx))
		return refuse(ctx, item, LEVEL_NO, ""); /* nobody would wait */
	for (size_t i = 0; i < request->param_count; i++) {
		const struct convert_param *param = &request->params[i];

		if (strcmp(param->name, "encoding") == 0 ||
		    (convert_row_takes(row, param->name) && convert_number_valid(param->value)))
			continue;
		if (request->strict)
			return refuse_param(ctx, item, row->from, param->name);
		overridden = TRUE;
	}
	if (part_open(ctx, mail, item, &input, &ret) == 0)
		return ret;
	item->cmd = current;
	item->row = row;
	item->error = NULL;
	item->done = FALSE;
	item->run = convert_run_start(row->argv, make_env(row, request), input, ctx->client->fd_in,
				      converter_done, item, &error);
	i_stream_unref(&input);
	if (item->run == NULL) {
		report(ctx->client->event, row, error);
		return refuse(ctx, item, LEVEL_BAD, "BAD The converter cannot be started.");
	}
	item->result = converted_new(mail, request);
	(void)i_strocpy(item->result->type, row->to, sizeof(item->result->type));
	item->result->overridden = overridden;
	note(ctx, LEVEL_NOTHING, NULL);
	xcommand = XCONVERT_COMMAND(current);
	xcommand->waiting = TRUE;
	ctx->state.cont_handler = converter_continue;
	return 0;
}

/* --- which one --------------------------------------------------------------- */

static int fetch_xconvert(struct imap_fetch_context *ctx, struct mail *mail,
			  struct xconvert_item *item)
{
	const struct convert_request *request = &item->request;
	const struct convert_table *table;
	const struct convert_row *row;
	const char *from, *charset;
	struct xconvert_client *xclient;
	int ret;

	if (mail == NULL) {
		stop(item);
		imap_msgpart_free(&item->info);
		imap_msgpart_free(&item->part);
		return 1;
	}
	xclient = XCONVERT_CLIENT(ctx->client);
	if (xclient->last != NULL && strcmp(xclient->last->key, make_key(mail, request)) == 0)
		return answer(ctx, item, xclient->last);
	ret = part_info(mail, item, &from, &charset);
	if (ret < 0)
		return -1;
	if (ret == 0)
		return refuse(ctx, item, LEVEL_NO,
			      "NO [" IMAP_RESP_CODE_CANNOT "] There is no such part, or it is a "
			      "multipart.");
	/* The operator's come first. */
	table = get_table(ctx->client);
	row = convert_table_find(table, from, request->type);
	if (row != NULL)
		return fetch_converter(ctx, mail, item, row);
	if (is_text(from) &&
	    (strcmp(request->type, "text/plain") == 0 || strcmp(request->type, from) == 0))
		return fetch_text(ctx, mail, item, from, charset, FALSE);
	if (request->strict)
		return refuse_type(ctx, item);
	/* What comes nearest to it. */
	if (is_text(from))
		return fetch_text(ctx, mail, item, from, charset, TRUE);
	row = convert_table_nearest(table, from, request->type);
	return row == NULL ? refuse_type(ctx, item) : fetch_converter(ctx, mail, item, row);
}

/* --- the request ------------------------------------------------------------- */

static const char *response_name(pool_t pool, const struct convert_request *request)
{
	string_t *name = str_new(pool, 128);

	str_printfa(name, "%s%s[%s.XCONVERT%s (", request->binary ? "BINARY" : "BODY",
		    request->size ? ".SIZE" : "", request->section,
		    request->strict ? ".STRICT" : "");
	imap_append_quoted(name, request->type);
	for (size_t i = 0; i < request->param_count; i++) {
		str_append(name, i == 0 ? " (" : " ");
		imap_append_quoted(name, request->params[i].name);
		str_append_c(name, ' ');
		imap_append_quoted(name, request->params[i].value);
	}
	str_append(name, request->param_count > 0 ? "))]" : ")]");
	if (request->partial)
		str_printfa(name, "<%" PRIu64 ">", request->offset);
	return str_c(name);
}

/* NULL, or what is wrong. */
static const char *parse_request(struct imap_fetch_init_context *ctx,
				 struct convert_request *request_r)
{
	struct arg_token *tokens;
	const struct imap_arg *list;
	const char *rest, *error;
	size_t count;

	if (!imap_arg_get_list(&ctx->args[0], &list))
		return "Missing parameters.";
	if (!imap_arg_get_atom(&ctx->args[1], &rest))
		return "Missing ']'.";
	if (arg_row_read(ctx->pool, list, MAX_TOKENS, MAX_DEPTH, &tokens, &count, &error) !=
	    WEBPUSH_OK)
		return error;
	error = convert_args_parse(ctx->name, tokens, count, rest, request_r);
	if (error == NULL)
		ctx->args += 2;
	return error;
}

static bool xconvert_init(struct imap_fetch_init_context *ctx)
{
	struct xconvert_item *item = p_new(ctx->pool, struct xconvert_item, 1);
	struct convert_request *request = &item->request;
	const char *error = parse_request(ctx, request);

	if (error == NULL && (imap_msgpart_parse(request->section, &item->info) < 0 ||
			      imap_msgpart_parse(request->section, &item->part) < 0))
		error = "Invalid part.";
	if (error != NULL) {
		ctx->error = p_strdup_printf(ctx->pool, "Invalid XCONVERT parameter: %s", error);
		if (item->info != NULL)
			imap_msgpart_free(&item->info);
		return FALSE;
	}
	if (pushimap_user_get(ctx->fetch_ctx->client->user)->device == NULL) {
		imap_msgpart_free(&item->info);
		imap_msgpart_free(&item->part);
		refused = "NO [" IMAP_RESP_CODE_CANNOT "] Not a P-IMAP session: log in as "
			  "user#device@domain.";
		ctx->error = "Not a P-IMAP session";
		return FALSE;
	}
	imap_msgpart_set_decode_to_binary(item->part);
	item->name = response_name(ctx->pool, request);
	item->log_name = p_strdup_printf(ctx->pool, "XCONVERT of part %s", request->section);
	ctx->name = item->name;
	ctx->fetch_ctx->fetch_data |=
		imap_msgpart_get_fetch_data(item->part) | MAIL_FETCH_IMAP_BODYSTRUCTURE;
	if (!request->peek)
		ctx->fetch_ctx->flags_update_seen = TRUE;
	imap_fetch_add_handler(ctx, IMAP_FETCH_HANDLER_FLAG_WANT_DEINIT,
			       request->size ? "0" : "NIL", fetch_xconvert, item);
	return TRUE;
}

static bool is_ours(const struct imap_fetch_init_context *ctx)
{
	const struct pushimap_user *user = pushimap_user_get(ctx->fetch_ctx->client->user);

	return user != NULL && user->pimap && convert_args_match(ctx->name);
}

static bool body_init(struct imap_fetch_init_context *ctx)
{
	return is_ours(ctx) ? xconvert_init(ctx) : next_body(ctx);
}

static bool binary_init(struct imap_fetch_init_context *ctx)
{
	return is_ours(ctx) ? xconvert_init(ctx) : next_binary(ctx);
}

/* --- around commands --------------------------------------------------------- */

static void command_pre(struct client_command_context *cmd)
{
	current = cmd;
	refused = NULL;
}

static void command_post(struct client_command_context *cmd)
{
	struct xconvert_command *xcommand = NULL;

	current = NULL;
	refused = NULL;
	if (array_is_created(&cmd->module_contexts))
		xcommand = XCONVERT_COMMAND(cmd);
	/* FETCH believes that it waits for its output. */
	if (xcommand != NULL && xcommand->waiting && cmd->state == CLIENT_COMMAND_STATE_WAIT_OUTPUT)
		cmd->state = CLIENT_COMMAND_STATE_WAIT_EXTERNAL;
}

static void xconvert_send_tagline(struct client_command_context *cmd, const char *data)
{
	struct xconvert_client *xclient = XCONVERT_CLIENT(cmd->client);
	const struct xconvert_command *xcommand = XCONVERT_COMMAND(cmd);

	if (cmd == current && refused != NULL && strncmp(data, "BAD ", 4) == 0) {
		data = refused;
		/* Core is about to count it among those that are BAD. */
		cmd->client->bad_counter--;
	} else if (xcommand != NULL && xcommand->level > LEVEL_NOTHING &&
		   strncmp(data, "OK ", 3) == 0) {
		data = xcommand->tagline;
	}
	xclient->next_send_tagline(cmd, data);
}

static void xconvert_destroy(struct client *client, const char *reason)
{
	struct xconvert_client *xclient = XCONVERT_CLIENT(client);

	forget(xclient);
	convert_table_free(&xclient->table);
	xclient->next_destroy(client, reason);
}

void fetch_xconvert_client_created(struct client *client)
{
	struct xconvert_client *xclient = p_new(client->pool, struct xconvert_client, 1);

	MODULE_CONTEXT_SET(client, xconvert_module, xclient);
	xclient->next_send_tagline = client->v.send_tagline;
	client->v.send_tagline = xconvert_send_tagline;
	xclient->next_destroy = client->v.destroy;
	client->v.destroy = xconvert_destroy;
}

static void wrap(const char *name, bool (*init)(struct imap_fetch_init_context *ctx),
		 bool (**next_r)(struct imap_fetch_init_context *ctx))
{
	struct imap_fetch_handler handler = {name, init};

	*next_r = imap_fetch_handler_lookup(name)->init;
	imap_fetch_handler_unregister(name);
	imap_fetch_handlers_register(&handler, 1);
}

void fetch_xconvert_init(void)
{
	wrap("BODY", body_init, &next_body);
	wrap("BINARY", binary_init, &next_binary);
	command_hook_register(command_pre, command_post);
}

void fetch_xconvert_deinit(void)
{
	bool (*ours)(struct imap_fetch_init_context * ctx);

	command_hook_unregister(command_pre, command_post);
	wrap("BODY", next_body, &ours);
	wrap("BINARY", next_binary, &ours);
}
