#include "lib.h"
#include "array.h"
#include "index-storage.h"
#include "ioloop.h"
#include "mail-index-view-private.h"
#include "mail-search-build.h"
#include "mailbox-recent-flags.h"
#include "seq-range-array.h"
#include "time-util.h"

#include "view-criteria.h"
#include "view-private.h"

#define FLAGS_OF_BACKING (MAIL_ANSWERED | MAIL_FLAGGED | MAIL_DELETED | MAIL_SEEN | MAIL_DRAFT)
/* What our own flags in a request mean to the backing mailbox as well. Not that its index is to be
 * made anew, which is a request of its own. */
#define PASSED_ON \
	(MAILBOX_SYNC_FLAG_FULL_READ | MAILBOX_SYNC_FLAG_FAST | MAILBOX_SYNC_FLAG_NO_EXPUNGES)

/* One synchronisation, while the view's index is locked. */
struct view_sync {
	struct view_mailbox *view;
	struct mail_index *index;
	struct mail_index_sync_ctx *ctx;
	struct mail_index_view *members; /* as they are before it */
	struct mail_index_transaction *trans;
	ARRAY_TYPE(keyword_indexes) keywords; /* the view's, by the backing mailbox's */
	uint32_t first, last;                 /* UIDs that were not looked at yet */
};

/* --- the backing mailbox ------------------------------------------------------ */

static int backing_sync(struct view_mailbox *view, enum mailbox_sync_flags flags)
{
	/* Not mailbox_sync(), which mends a view in a way that drops expunged messages. */
	struct mailbox_sync_context *ctx;
	struct mailbox_sync_status status;

	flags &= PASSED_ON;
	/* Nobody has seen anything of it yet. */
	if (view->same.time == 0)
		flags |= MAILBOX_SYNC_FLAG_FIX_INCONSISTENT;
	ctx = mailbox_sync_init(view->backing, flags);
	if (mailbox_sync_deinit(&ctx, &status) == 0)
		return 0;
	if (view->backing->mailbox_deleted)
		mailbox_set_deleted(&view->box);
	else
		view_copy_error(&view->box, view->backing);
	return -1;
}

static bool is_same(struct view_mailbox *view)
{
	const struct mail_index_view *at = view->backing->view;

	return view->same.time != 0 && view->same.log_seq == at->log_file_head_seq &&
	       view->same.log_offset == at->log_file_head_offset &&
	       view->same.messages == mail_index_view_get_messages_count(view->backing->view) &&
	       (!view->leaving || view->same.time == ioloop_time);
}

static void note_same(struct view_mailbox *view)
{
	const struct mail_index_view *at = view->backing->view;

	view->same.log_seq = at->log_file_head_seq;
	view->same.log_offset = at->log_file_head_offset;
	view->same.messages = mail_index_view_get_messages_count(view->backing->view);
	view->same.time = ioloop_time;
}

/* --- from the view to the backing mailbox --------------------------------------- */

/* As Dovecot's own storages look before they expunge. True also if it would cost too much to
 * tell, or if it was not noted. */
static bool is_meant(struct mail *mail, const guid_128_t guid)
{
	enum mail_lookup_abort before = mail->lookup_abort;
	const char *value;
	guid_128_t found;
	bool meant = TRUE;

	if (guid_128_is_empty(guid))
		return TRUE;
	mail->lookup_abort = MAIL_LOOKUP_ABORT_NOT_IN_CACHE;
	if (mail_get_special(mail, MAIL_FETCH_GUID, &value) == 0) {
		mail_generate_guid_128_hash(value, found);
		meant = guid_128_equals(found, guid);
	}
	mail->lookup_abort = before;
	return meant;
}

static void carry_out(struct view_sync *sync, const struct mail_index_sync_rec *rec,
		      struct mail *mail)
{
	const char *names[2] = {NULL, NULL};
	struct mail_keywords *keywords;
	enum mail_flags flags;

	switch (rec->type) {
	case MAIL_INDEX_SYNC_TYPE_EXPUNGE:
		if (is_meant(mail, rec->guid_128))
			mail_expunge(mail);
		break;
	case MAIL_INDEX_SYNC_TYPE_FLAGS:
		flags = rec->add_flags & FLAGS_OF_BACKING;
		if (flags != 0)
			mail_update_flags(mail, MODIFY_ADD, flags);
		flags = rec->remove_flags & FLAGS_OF_BACKING;
		if (flags != 0)
			mail_update_flags(mail, MODIFY_REMOVE, flags);
		break;
	case MAIL_INDEX_SYNC_TYPE_KEYWORD_ADD:
	case MAIL_INDEX_SYNC_TYPE_KEYWORD_REMOVE:
		names[0] = array_idx_elem(mail_index_get_keywords(sync->index), rec->keyword_idx);
		keywords = mailbox_keywords_create_valid(sync->view->backing, names);
		mail_update_keywords(mail,
				     rec->type == MAIL_INDEX_SYNC_TYPE_KEYWORD_ADD ? MODIFY_ADD
										   : MODIFY_REMOVE,
				     keywords);
		mailbox_keywords_unref(&keywords);
		break;
	}
}

/* 1 if there was something to do. */
static int carry_out_all(struct view_sync *sync)
{
	struct mailbox *backing = sync->view->backing;
	struct mailbox_transaction_context *t;
	struct mailbox_status status;
	struct mail_index_sync_rec rec;
	struct mail *mail;
	enum mail_error error;
	int ret = 0;

	if (!mail_index_sync_have_more(sync->ctx))
		return 0;
	/* What was noted before another mailbox took that name is of messages that are gone: the
	 * same UIDs are others by now. */
	mailbox_get_open_status(backing, STATUS_UIDVALIDITY, &status);
	if (mail_index_get_header(sync->members)->uid_validity != status.uidvalidity)
		return 0;
	t = mailbox_transaction_begin(backing, 0, __func__);
	mail = mail_alloc(t, 0, NULL);
	while (mail_index_sync_next(sync->ctx, &rec)) {
		uint32_t seq, last, uid;

		if (!mail_index_lookup_seq_range(sync->members, rec.uid1, rec.uid2, &seq, &last))
			continue;
		for (; seq <= last; seq++) {
			mail_index_lookup_uid(sync->members, seq, &uid);
			if (mail_set_uid(mail, uid))
				carry_out(sync, &rec, mail);
			ret = 1;
		}
	}
	mail_free(&mail);
	if (mailbox_transaction_commit(&t) == 0)
		return ret;
	(void)mailbox_get_last_error(backing, &error);
	/* What is refused stays refused: the view will show what the backing mailbox has. */
	if (error != MAIL_ERROR_TEMP)
		return 1;
	view_copy_error(&sync->view->box, backing);
	return -1;
}

/* --- who is in the view -------------------------------------------------------- */

/* The UIDs of those of `seqs` in the backing mailbox that the program finds. */
static int search(struct view_sync *sync, const ARRAY_TYPE(seq_range) *seqs,
		  ARRAY_TYPE(seq_range) *uids_r)
{
	struct mailbox *backing = sync->view->backing;
	struct mailbox_transaction_context *t;
	struct mail_search_context *ctx;
	struct mail_search_args *args;
	struct mail_search_arg *arg;
	struct mail *mail;
	const char *error;
	int ret;

	/* Anew each time, since it may hold today only. */
	if (view_criteria_parse(sync->view->file.criteria, &args, &sync->view->leaving, &error) <
	    0) {
		mailbox_set_critical(&sync->view->box, "%s: %s (delete the view)", VIEW_FILE_NAME,
				     error);
		return -1;
	}
	arg = mail_search_build_add(args, SEARCH_SEQSET);
	p_array_init(&arg->value.seqset, args->pool, array_count(seqs));
	seq_range_array_merge(&arg->value.seqset, seqs);
	t = mailbox_transaction_begin(backing, 0, __func__);
	ctx = mailbox_search_init(t, args, NULL, 0, NULL);
	mail_search_args_unref(&args);
	while (mailbox_search_next(ctx, &mail))
		seq_range_array_add(uids_r, mail->uid);
	ret = mailbox_search_deinit(&ctx);
	if (ret < 0)
		view_copy_error(&sync->view->box, backing);
	(void)mailbox_transaction_commit(&t);
	return ret;
}

/* All that may be found: what is new, and who is in it if they may leave. */
static int search_members(struct view_sync *sync, ARRAY_TYPE(seq_range) *uids_r)
{
	struct mail_index_view *backing = sync->view->backing->view;
	ARRAY_TYPE(seq_range) seqs;
	uint32_t seq, seq1, seq2, uid, count = mail_index_view_get_messages_count(sync->members);

	t_array_init(&seqs, 64);
	if (sync->view->leaving && sync->first > 1) {
		for (seq = 1; seq <= count; seq++) {
			mail_index_lookup_uid(sync->members, seq, &uid);
			if (mail_index_lookup_seq(backing, uid, &seq1))
				seq_range_array_add(&seqs, seq1);
		}
	}
	if (sync->first <= sync->last &&
	    mail_index_lookup_seq_range(backing, sync->first, sync->last, &seq1, &seq2))
		seq_range_array_add_range(&seqs, seq1, seq2);
	return array_count(&seqs) == 0 ? 0 : search(sync, &seqs, uids_r);
}

/* --- from the backing mailbox to the view ---------------------------------------- */

static void keywords_init(struct view_sync *sync)
{
	const ARRAY_TYPE(keywords) *names = mail_index_get_keywords(sync->view->backing->index);
	const char *name;

	t_array_init(&sync->keywords, array_count(names) + 1);
	array_foreach_elem (names, name) {
		unsigned int idx;

		mail_index_keyword_lookup_or_create(sync->index, name, &idx);
		array_push_back(&sync->keywords, &idx);
	}
}

static bool is_among(const ARRAY_TYPE(keyword_indexes) *keywords, unsigned int wanted)
{
	unsigned int idx;

	array_foreach_elem (keywords, idx) {
		if (idx == wanted)
			return TRUE;
	}
	return FALSE;
}

/* `now`: what the view has; NULL for a new message. */
static void copy_keywords(struct view_sync *sync, uint32_t seq, struct mail *mail,
			  const ARRAY_TYPE(keyword_indexes) *now)
{
	const ARRAY_TYPE(keyword_indexes) *theirs = mail_get_keyword_indexes(mail);
	ARRAY_TYPE(keyword_indexes) ours;
	struct mail_keywords *keywords;
	unsigned int idx;
	bool same = now != NULL && array_count(now) == array_count(theirs);

	if (array_count(theirs) == 0 && (now == NULL || same))
		return;
	t_array_init(&ours, array_count(theirs) + 1);
	array_foreach_elem (theirs, idx) {
		const unsigned int *own = array_idx(&sync->keywords, idx);

		array_push_back(&ours, own);
		same = same && is_among(now, *own);
	}
	if (same)
		return;
	keywords = mail_index_keywords_create_from_indexes(sync->index, &ours);
	mail_index_update_keywords(sync->trans, seq, MODIFY_REPLACE, keywords);
	mail_index_keywords_unref(&keywords);
}

static void update_member(struct view_sync *sync, uint32_t seq, struct mail *mail)
{
	const struct mail_index_record *rec = mail_index_lookup(sync->members, seq);
	enum mail_flags flags = mail_get_flags(mail) & FLAGS_OF_BACKING;
	ARRAY_TYPE(keyword_indexes) keywords;

	if ((rec->flags & FLAGS_OF_BACKING) != flags)
		mail_index_update_flags(sync->trans, seq, MODIFY_REPLACE, flags);
	t_array_init(&keywords, 8);
	mail_index_lookup_keywords(sync->members, seq, &keywords);
	copy_keywords(sync, seq, mail, &keywords);
}

static void append_member(struct view_sync *sync, uint32_t uid, struct mail *mail)
{
	uint32_t seq;

	mail_index_append(sync->trans, uid, &seq);
	mail_index_update_flags(sync->trans, seq, MODIFY_REPLACE,
				mail_get_flags(mail) & FLAGS_OF_BACKING);
	copy_keywords(sync, seq, mail, NULL);
}

static void update_members(struct view_sync *sync, const ARRAY_TYPE(seq_range) *found)
{
	struct mailbox_transaction_context *t =
		mailbox_transaction_begin(sync->view->backing, 0, __func__);
	struct mail *mail = mail_alloc(t, MAIL_FETCH_FLAGS, NULL);
	uint32_t seq, uid, count = 0;
	struct seq_range_iter iter;
	unsigned int n = 0;

	if (sync->first > 1)
		count = mail_index_view_get_messages_count(sync->members);
	for (seq = 1; seq <= count; seq++) {
		T_BEGIN
		{
			mail_index_lookup_uid(sync->members, seq, &uid);
			if (!mail_set_uid(mail, uid) ||
			    (sync->view->leaving && !seq_range_exists(found, uid)))
				mail_index_expunge(sync->trans, seq);
			else
				update_member(sync, seq, mail);
		}
		T_END;
	}
	seq_range_array_iter_init(&iter, found);
	while (seq_range_array_iter_nth(&iter, n++, &uid)) {
		if (uid < sync->first || !mail_set_uid(mail, uid))
			continue;
		T_BEGIN
		{
			append_member(sync, uid, mail);
		}
		T_END;
	}
	mail_free(&mail);
	(void)mailbox_transaction_commit(&t);
}

static void update_header(struct view_sync *sync, size_t offset, uint32_t value, bool before)
{
	mail_index_update_header(sync->trans, offset, &value, sizeof(value), before);
}

/* An index that is made anew has to count on from beyond where the lost one was, which had no
 * more than one change in 16 microseconds. */
static uint64_t first_modseq(void)
{
	struct timeval now;

	i_gettimeofday(&now);
	return ((uint64_t)now.tv_sec << 16) + (uint64_t)now.tv_usec / 16;
}

/* The view becomes what the backing mailbox is. */
static int renew(struct view_sync *sync)
{
	const struct mail_index_header *hdr = mail_index_get_header(sync->members);
	struct mailbox_status status;
	ARRAY_TYPE(seq_range) found;

	mailbox_get_open_status(sync->view->backing, STATUS_UIDVALIDITY | STATUS_UIDNEXT, &status);
	sync->first = hdr->next_uid;
	if (hdr->uid_validity != status.uidvalidity) {
		if (hdr->uid_validity != 0) {
			mail_index_reset(sync->trans);
			mailbox_recent_flags_reset(&sync->view->box);
		}
		update_header(sync, offsetof(struct mail_index_header, uid_validity),
			      status.uidvalidity, TRUE);
		mail_index_update_highest_modseq(sync->trans, first_modseq());
		sync->first = 1;
	}
	sync->last = status.uidnext - 1;

	t_array_init(&found, 64);
	if (search_members(sync, &found) < 0)
		return -1;
	keywords_init(sync);
	update_members(sync, &found);
	/* Also if the last messages are none of ours: they are not looked at again. And none is
	 * recent, since that is the backing mailbox's to say. */
	if (sync->last + 1 > sync->first) {
		update_header(sync, offsetof(struct mail_index_header, next_uid), sync->last + 1,
			      FALSE);
		update_header(sync, offsetof(struct mail_index_header, first_recent_uid),
			      sync->last + 1, FALSE);
	}
	return 0;
}

/* --- both ------------------------------------------------------------------------ */

static int sync_both(struct view_sync *sync, enum mailbox_sync_flags flags)
{
	int ret = carry_out_all(sync);

	if (ret < 0)
		return -1;
	/* Now that nobody else adds members, at least as new as what they have added. */
	if (backing_sync(sync->view,
			 ret == 0 ? flags : flags & ENUM_NEGATE(MAILBOX_SYNC_FLAG_FAST)) < 0)
		return -1;
	return renew(sync);
}

static int view_sync(struct view_mailbox *view, enum mailbox_sync_flags flags)
{
	enum mail_index_sync_flags sync_flags = index_storage_get_sync_flags(&view->box);
	struct view_sync sync = {.view = view, .index = view->box.index};
	int ret;

	/* On its way out: nothing is carried over any more. */
	if (!view->box.deleting) {
		/* Nor is the mailbox that was behind it touched again. */
		if (view->same.time != 0 && view_is_outdated(&view->box)) {
			mailbox_set_deleted(&view->box);
			return -1;
		}
		if (backing_sync(view, flags) < 0)
			return -1;
		if (is_same(view) && !mail_index_sync_have_any(view->box.index, sync_flags))
			return 0;
	}
	ret = mail_index_sync_begin(view->box.index, &sync.ctx, &sync.members, &sync.trans,
				    sync_flags);
	if (ret <= 0) {
		if (ret < 0)
			mailbox_set_index_error(&view->box);
		return ret;
	}
	mail_index_sync_set_reason(sync.ctx, "a view's search");
	if (!view->box.deleting) {
		T_BEGIN
		{
			ret = sync_both(&sync, flags);
		}
		T_END;
	}
	if (ret < 0) {
		mail_index_sync_rollback(&sync.ctx);
		return -1;
	}
	if (mail_index_sync_commit(&sync.ctx) < 0) {
		mailbox_set_index_error(&view->box);
		return -1;
	}
	if (!view->box.deleting)
		note_same(view);
	return 0;
}

struct mailbox_sync_context *view_sync_init(struct mailbox *box, enum mailbox_sync_flags flags)
{
	int ret = 0;

	if (!box->opened)
		ret = mailbox_open(box);
	if (ret == 0)
		ret = view_sync(view_of(box), flags);
	return index_mailbox_sync_init(box, flags, ret < 0);
}
