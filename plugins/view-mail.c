#include "lib.h"
#include "index-mail.h"
#include "mail-storage-private.h"
#include "dovecot-compat.h"

#include "view-private.h"

/* Flags, keywords and modification sequences are the index's; for all else there is the
 * backing mail. */
struct view_mail {
	struct index_mail imail;
	struct mail *backing; /* NULL: not needed yet */
	struct mail *saving;
	enum mail_fetch_field wanted_fields;
	struct mailbox_header_lookup_ctx *wanted_headers;
	bool attached; /* `backing` is the one of this UID */
};

static struct view_mail *view_mail_of(struct mail *mail)
{
	return container_of(container_of(container_of(mail, struct mail_private, mail),
					 struct index_mail, mail),
			    struct view_mail, imail);
}

static struct mail_private *private_of(struct mail *mail)
{
	return container_of(mail, struct mail_private, mail);
}

struct mail *view_mail_alloc(struct mailbox_transaction_context *t,
			     enum mail_fetch_field wanted_fields,
			     struct mailbox_header_lookup_ctx *wanted_headers)
{
	pool_t pool = pool_alloconly_create("view mail", 2048);
	struct view_mail *vmail = p_new(pool, struct view_mail, 1);

	vmail->wanted_fields = wanted_fields;
	vmail->wanted_headers = wanted_headers;
	if (wanted_headers != NULL)
		mailbox_header_lookup_ref(wanted_headers);
	/* What is wanted is wanted of the backing mail; this one caches nothing. */
	index_mail_init(&vmail->imail, t, 0, NULL, pool, NULL);
	return &vmail->imail.mail.mail;
}

/* Each mailbox numbers headers in its own way. */
static struct mailbox_header_lookup_ctx *backing_headers(struct mail *backing,
							 struct mailbox_header_lookup_ctx *headers)
{
	return headers == NULL ? NULL : mailbox_header_lookup_init(backing->box, headers->name);
}

static void backing_alloc(struct view_mail *vmail)
{
	struct mail *mail = &vmail->imail.mail.mail;
	struct mailbox_transaction_context *t = view_transaction_backing(mail->transaction);
	struct mailbox_header_lookup_ctx *headers = NULL;

	if (vmail->wanted_headers != NULL)
		headers = mailbox_header_lookup_init(t->box, vmail->wanted_headers->name);
	vmail->backing = mail_alloc(t, vmail->wanted_fields, headers);
	mailbox_header_lookup_unref(&headers);
}

static int backing_get(struct mail *mail, struct mail **backing_r)
{
	struct view_mail *vmail = view_mail_of(mail);

	if (vmail->saving != NULL) {
		*backing_r = vmail->saving;
		return 0;
	}
	if (vmail->backing == NULL)
		backing_alloc(vmail);
	if (!vmail->attached && (mail->uid == 0 || !mail_set_uid(vmail->backing, mail->uid))) {
		mail_set_expunged(mail);
		return -1;
	}
	vmail->attached = TRUE;
	vmail->backing->lookup_abort = mail->lookup_abort;
	*backing_r = vmail->backing;
	return 0;
}

/* What a call on the backing mail came to. */
static int outcome(struct mail *mail, struct mail *backing, int ret)
{
	if (ret < 0)
		view_copy_error(mail->box, backing->box);
	if (backing->expunged)
		mail->expunged = TRUE;
	return ret;
}

static void view_mail_close(struct mail *mail)
{
	struct view_mail *vmail = view_mail_of(mail);

	if (vmail->backing != NULL && vmail->attached)
		private_of(vmail->backing)->v.close(vmail->backing);
	vmail->attached = FALSE;
	index_mail_close(mail);
}

static void view_mail_free(struct mail *mail)
{
	struct view_mail *vmail = view_mail_of(mail);

	if (vmail->backing != NULL)
		mail_free(&vmail->backing);
	vmail->attached = FALSE;
	mailbox_header_lookup_unref(&vmail->wanted_headers);
	index_mail_free(mail);
}

static void view_mail_set_seq(struct mail *mail, uint32_t seq, bool saving)
{
	struct view_mail *vmail = view_mail_of(mail);

	index_mail_set_seq(mail, seq, saving);
	vmail->attached = FALSE;
	vmail->saving = NULL;
}

static bool view_mail_set_uid(struct mail *mail, uint32_t uid)
{
	struct view_mail *vmail = view_mail_of(mail);

	vmail->attached = FALSE;
	vmail->saving = NULL;
	return index_mail_set_uid(mail, uid);
}

void view_mail_set_saving(struct mail *mail, struct mail *backing)
{
	view_mail_of(mail)->saving = backing;
}

static void view_mail_set_uid_cache_updates(struct mail *mail, bool set)
{
	struct mail *backing;

	if (backing_get(mail, &backing) == 0)
		private_of(backing)->v.set_uid_cache_updates(backing, set);
}

static bool view_mail_prefetch(struct mail *mail)
{
	struct mail *backing;

	return backing_get(mail, &backing) < 0 || mail_prefetch(backing);
}

static int view_mail_precache(struct mail *mail)
{
	struct mail *backing;

	if (backing_get(mail, &backing) < 0)
		return -1;
	return outcome(mail, backing, mail_precache(backing));
}

static void view_mail_add_temp_wanted_fields(struct mail *mail, enum mail_fetch_field fields,
					     struct mailbox_header_lookup_ctx *headers)
{
	struct mailbox_header_lookup_ctx *converted;
	struct mail *backing;

	/* Before it has a number it is only wished for a saved mail, which needs it not. */
	if (mail->seq == 0 || backing_get(mail, &backing) < 0)
		return;
	converted = backing_headers(backing, headers);
	mail_add_temp_wanted_fields(backing, fields, converted);
	mailbox_header_lookup_unref(&converted);
}

static int view_mail_get_parts(struct mail *mail, struct message_part **parts_r)
{
	struct mail *backing;

	if (backing_get(mail, &backing) < 0)
		return -1;
	return outcome(mail, backing, mail_get_parts(backing, parts_r));
}

static int view_mail_get_date(struct mail *mail, time_t *date_r, int *timezone_r)
{
	struct mail *backing;
	int timezone;

	if (backing_get(mail, &backing) < 0)
		return -1;
	return outcome(mail, backing,
		       mail_get_date(backing, date_r, timezone_r != NULL ? timezone_r : &timezone));
}

static int view_mail_get_received_date(struct mail *mail, time_t *date_r)
{
	struct mail *backing;

	if (backing_get(mail, &backing) < 0)
		return -1;
	return outcome(mail, backing, mail_get_received_date(backing, date_r));
}

static int view_mail_get_save_date(struct mail *mail, time_t *date_r)
{
	struct mail *backing;

	if (backing_get(mail, &backing) < 0)
		return -1;
	return outcome(mail, backing, mail_get_save_date(backing, date_r));
}

static int view_mail_get_virtual_size(struct mail *mail, uoff_t *size_r)
{
	struct mail *backing;

	if (backing_get(mail, &backing) < 0)
		return -1;
	return outcome(mail, backing, mail_get_virtual_size(backing, size_r));
}

static int view_mail_get_physical_size(struct mail *mail, uoff_t *size_r)
{
	struct mail *backing;

	if (backing_get(mail, &backing) < 0)
		return -1;
	return outcome(mail, backing, mail_get_physical_size(backing, size_r));
}

static int view_mail_get_first_header(struct mail *mail, const char *field, bool decode_to_utf8,
				      const char **value_r)
{
	struct mail *backing;

	if (backing_get(mail, &backing) < 0)
		return -1;
	return outcome(
		mail, backing,
		private_of(backing)->v.get_first_header(backing, field, decode_to_utf8, value_r));
}

static int view_mail_get_headers(struct mail *mail, const char *field, bool decode_to_utf8,
				 const char *const **value_r)
{
	struct mail *backing;

	if (backing_get(mail, &backing) < 0)
		return -1;
	return outcome(mail, backing,
		       private_of(backing)->v.get_headers(backing, field, decode_to_utf8, value_r));
}

static int view_mail_get_header_stream(struct mail *mail, struct mailbox_header_lookup_ctx *headers,
				       struct istream **stream_r)
{
	struct mailbox_header_lookup_ctx *converted;
	struct mail *backing;
	int ret;

	if (backing_get(mail, &backing) < 0)
		return -1;
	converted = backing_headers(backing, headers);
	ret = mail_get_header_stream(backing, converted, stream_r);
	mailbox_header_lookup_unref(&converted);
	return outcome(mail, backing, ret);
}

static int view_mail_get_stream(struct mail *mail, bool get_body, struct message_size *hdr_size,
				struct message_size *body_size, struct istream **stream_r)
{
	const char *reason = private_of(mail)->get_stream_reason;
	struct mail *backing;

	if (backing_get(mail, &backing) < 0)
		return -1;
	reason = t_strdup_printf("view %s: %s", mailbox_get_vname(mail->box),
				 reason == NULL ? "" : reason);
	return outcome(
		mail, backing,
		get_body ? mail_get_stream_because(backing, hdr_size, body_size, reason, stream_r)
			 : mail_get_hdr_stream_because(backing, hdr_size, reason, stream_r));
}

static int view_mail_get_binary_stream(struct mail *mail, const struct message_part *part,
				       bool include_hdr, FANTAIL_BINARY_RESULTS,
				       struct istream **stream_r)
{
	struct mail *backing;

	if (backing_get(mail, &backing) < 0)
		return -1;
	return outcome(mail, backing,
		       private_of(backing)->v.get_binary_stream(backing, part, include_hdr,
								FANTAIL_BINARY_PASS, stream_r));
}

static int view_mail_get_special(struct mail *mail, enum mail_fetch_field field,
				 const char **value_r)
{
	struct mail *backing;

	if (field == MAIL_FETCH_MAILBOX_NAME)
		return index_mail_get_special(mail, field, value_r);
	if (backing_get(mail, &backing) < 0)
		return -1;
	return outcome(mail, backing, mail_get_special(backing, field, value_r));
}

static int view_mail_get_backend_mail(struct mail *mail, struct mail **real_mail_r)
{
	struct mail *backing;

	if (backing_get(mail, &backing) < 0)
		return -1;
	return outcome(mail, backing, mail_get_backend_mail(backing, real_mail_r));
}

static void view_mail_set_cache_corrupted(struct mail *mail, enum mail_fetch_field field,
					  const char *reason)
{
	struct mail *backing;

	if (backing_get(mail, &backing) == 0)
		mail_set_cache_corrupted(backing, field, reason);
}

const struct mail_vfuncs view_mail_vfuncs = {
	.close = view_mail_close,
	.free = view_mail_free,
	.set_seq = view_mail_set_seq,
	.set_uid = view_mail_set_uid,
	.set_uid_cache_updates = view_mail_set_uid_cache_updates,
	.prefetch = view_mail_prefetch,
	.precache = view_mail_precache,
	.add_temp_wanted_fields = view_mail_add_temp_wanted_fields,
	.get_flags = index_mail_get_flags,
	.get_keywords = index_mail_get_keywords,
	.get_keyword_indexes = index_mail_get_keyword_indexes,
	.get_modseq = index_mail_get_modseq,
	.get_pvt_modseq = index_mail_get_pvt_modseq,
	.get_parts = view_mail_get_parts,
	.get_date = view_mail_get_date,
	.get_received_date = view_mail_get_received_date,
	.get_save_date = view_mail_get_save_date,
	.get_virtual_size = view_mail_get_virtual_size,
	.get_physical_size = view_mail_get_physical_size,
	.get_first_header = view_mail_get_first_header,
	.get_headers = view_mail_get_headers,
	.get_header_stream = view_mail_get_header_stream,
	.get_stream = view_mail_get_stream,
	.get_binary_stream = view_mail_get_binary_stream,
	.get_special = view_mail_get_special,
	.get_backend_mail = view_mail_get_backend_mail,
	.update_flags = index_mail_update_flags,
	.update_keywords = index_mail_update_keywords,
	.update_modseq = index_mail_update_modseq,
	.update_pvt_modseq = index_mail_update_pvt_modseq,
	.expunge = index_mail_expunge,
	.set_cache_corrupted = view_mail_set_cache_corrupted,
	.istream_opened = index_mail_opened,
};
