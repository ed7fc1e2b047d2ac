/* What the files of the storage class (view-storage.h) know of each other. */
#ifndef FANTAIL_VIEW_PRIVATE_H
#define FANTAIL_VIEW_PRIVATE_H

#include "mail-storage-private.h"

#include "view-file.h"

#define VIEW_STORAGE_NAME "fantail-view"

struct view_mailbox {
	struct mailbox box;
	struct view_file file;   /* backing NULL: not read yet */
	bool is_new;             /* `file` is to be written */
	struct mailbox *backing; /* open while the view is */

	/* Where the backing mailbox was when the view was last the same. */
	struct {
		uint32_t log_seq, messages;
		uoff_t log_offset;
		time_t time;
	} same;
	bool leaving; /* its program counts days back */
};

struct view_transaction {
	struct mailbox_transaction_context t;
	struct mailbox_transaction_context *backing; /* NULL: not needed yet */
};

static inline struct view_mailbox *view_of(struct mailbox *box)
{
	return container_of(box, struct view_mailbox, box);
}

/* The backing mailbox's transaction that goes with this one. */
struct mailbox_transaction_context *view_transaction_backing(struct mailbox_transaction_context *t);

/* Since it was looked at here, the view has become that of another mailbox: what would be noted
 * now would be for that one's messages. */
bool view_is_outdated(struct mailbox *box);
/* The view's error becomes that of its backing mailbox. */
void view_copy_error(struct mailbox *box, struct mailbox *backing);

extern const struct mail_vfuncs view_mail_vfuncs;
struct mail *view_mail_alloc(struct mailbox_transaction_context *t,
			     enum mail_fetch_field wanted_fields,
			     struct mailbox_header_lookup_ctx *wanted_headers);
/* The mail that is being saved is this one; borrowed. */
void view_mail_set_saving(struct mail *mail, struct mail *backing);

struct mail_save_context *view_save_alloc(struct mailbox_transaction_context *t);
int view_save_begin(struct mail_save_context *ctx, struct istream *input);
int view_save_continue(struct mail_save_context *ctx);
int view_save_finish(struct mail_save_context *ctx);
void view_save_cancel(struct mail_save_context *ctx);
int view_copy(struct mail_save_context *ctx, struct mail *mail);
void view_save_free(struct mail_save_context **ctx);

struct mailbox_sync_context *view_sync_init(struct mailbox *box, enum mailbox_sync_flags flags);

#endif
