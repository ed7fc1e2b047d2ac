#include "lib.h"
#include "array.h"
#include "index-storage.h"

#include "view-private.h"

/* Saving to a view is saving to its backing mailbox. */
struct view_save {
	struct mail_save_context ctx;
	struct mail_save_context *backing; /* NULL: none under way */
};

static struct view_save *save_of(struct mail_save_context *ctx)
{
	return container_of(ctx, struct view_save, ctx);
}

struct mail_save_context *view_save_alloc(struct mailbox_transaction_context *t)
{
	struct view_save *save;

	if (t->save_ctx == NULL) {
		save = i_new(struct view_save, 1);
		save->ctx.transaction = t;
		t->save_ctx = &save->ctx;
	}
	save = save_of(t->save_ctx);
	save->backing = mailbox_save_alloc(view_transaction_backing(t));
	return t->save_ctx;
}

/* Each index numbers keywords in its own way. */
static struct mail_keywords *convert_keywords(struct mailbox *from,
					      const struct mail_keywords *keywords,
					      struct mailbox *to)
{
	const ARRAY_TYPE(keywords) *names = mail_index_get_keywords(from->index);
	ARRAY_TYPE(const_string) chosen;

	if (keywords == NULL || keywords->count == 0)
		return NULL;
	t_array_init(&chosen, keywords->count + 1);
	for (unsigned int i = 0; i < keywords->count; i++) {
		const char *name = array_idx_elem(names, keywords->idx[i]);

		array_push_back(&chosen, &name);
	}
	array_append_zero(&chosen);
	return mailbox_keywords_create_valid(to, array_front(&chosen));
}

/* What the message is saved with. */
static void pass_on(struct mail_save_context *ctx)
{
	struct view_save *save = save_of(ctx);
	struct mail_save_data *data = &ctx->data;
	struct mailbox *box = ctx->transaction->box, *backing = view_of(box)->backing;
	struct mail_keywords *keywords = convert_keywords(box, data->keywords, backing);

	mailbox_save_set_flags(save->backing, data->flags | data->pvt_flags, keywords);
	if (keywords != NULL)
		mailbox_keywords_unref(&keywords);
	mailbox_save_set_received_date(save->backing, data->received_date,
				       data->received_tz_offset);
	mailbox_save_set_save_date(save->backing, data->save_date);
	mailbox_save_set_from_envelope(save->backing, data->from_envelope);
	mailbox_save_set_guid(save->backing, data->guid);
	view_mail_set_saving(ctx->dest_mail, save->backing->dest_mail);
}

int view_save_begin(struct mail_save_context *ctx, struct istream *input)
{
	struct view_save *save = save_of(ctx);
	struct mailbox *box = ctx->transaction->box, *backing = view_of(box)->backing;

	pass_on(ctx);
	if (mailbox_save_begin(&save->backing, input) < 0) {
		view_copy_error(box, backing);
		return -1;
	}
	return 0;
}

int view_save_continue(struct mail_save_context *ctx)
{
	struct mailbox *box = ctx->transaction->box;

	if (mailbox_save_continue(save_of(ctx)->backing) == 0)
		return 0;
	view_copy_error(box, view_of(box)->backing);
	return -1;
}

int view_save_finish(struct mail_save_context *ctx)
{
	struct mailbox *box = ctx->transaction->box;
	int ret = mailbox_save_finish(&save_of(ctx)->backing);

	if (ret < 0)
		view_copy_error(box, view_of(box)->backing);
	index_save_context_free(ctx);
	return ret;
}

void view_save_cancel(struct mail_save_context *ctx)
{
	struct view_save *save = save_of(ctx);

	if (save->backing != NULL)
		mailbox_save_cancel(&save->backing);
	index_save_context_free(ctx);
}

int view_copy(struct mail_save_context *ctx, struct mail *mail)
{
	struct mailbox *box = ctx->transaction->box;
	int ret;

	pass_on(ctx);
	ret = mailbox_copy(&save_of(ctx)->backing, mail);
	if (ret < 0)
		view_copy_error(box, view_of(box)->backing);
	index_save_context_free(ctx);
	return ret;
}

void view_save_free(struct mail_save_context **_ctx)
{
	struct mail_save_context *ctx = *_ctx;
	struct view_save *save;

	*_ctx = NULL;
	if (ctx == NULL)
		return;
	save = save_of(ctx);
	if (save->backing != NULL)
		mailbox_save_cancel(&save->backing);
	mailbox_save_context_deinit(ctx);
	i_free(save);
}
