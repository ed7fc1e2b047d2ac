#include "lib.h"
#include "array.h"
#include "index-mail.h"
#include "index-storage.h"
#include "mail-search-build.h"
#include "mail-storage-private.h"
#include "str.h"
#include "str-sanitize.h"
#include "dovecot-compat.h"

#include "event-filter.h"
#include "event-maildir.h"
#include "limits.h"
#include "monotonic.h"
#include "search-criteria.h"
#include "trouble.h"
#include "uid-set.h"

/* A body is searched in a piece that cannot be interrupted, once for each key: what that may
 * take at the most, microseconds for each kB. */
#define BODY_USECS_PER_KB 20

/* Programs in one search, which reads the header once. Each of their keys takes some 8 kB while
 * it lasts: more at once would have the process grow and shrink with each delivery, and take
 * half as long again for a hundred. */
#define PROGRAMS_AT_ONCE 16

enum verdict {
	VERDICT_NO,
	VERDICT_YES,
	VERDICT_UNKNOWN,
};

/* Different criteria; filters may share them. */
struct program {
	const char *criteria, *charset;
	struct mail_search_args *args; /* NULL: not built, or not valid */
	bool failed;                   /* is not valid, or cannot be judged here */
	bool alone;                    /* not together with others, see below */
	unsigned int body_keys;
	enum verdict verdict; /* of the messages so far */
};

struct filter {
	const char *name;
	unsigned int program;
};

struct event_filters {
	pool_t pool;
	struct event *parent;
	ARRAY(struct program) programs;
	ARRAY(struct filter) filters;
	bool overflow;
	bool built;

	/* A view of the mailbox of our own: the client's must not move. */
	struct mailbox *box;
	bool box_failed;
	struct mailbox_transaction_context *trans;
	struct mail *mail;
};

static struct trouble trouble_criteria, trouble_box;

struct event_filters *event_filters_new(struct event *parent)
{
	pool_t pool = pool_alloconly_create("fantail filters", 4096);
	struct event_filters *filters = p_new(pool, struct event_filters, 1);

	filters->pool = pool;
	filters->parent = parent;
	p_array_init(&filters->programs, pool, 8);
	p_array_init(&filters->filters, pool, 8);
	return filters;
}

void event_filters_free(struct event_filters **_filters)
{
	struct event_filters *filters = *_filters;
	struct program *program;

	*_filters = NULL;
	if (filters == NULL)
		return;
	if (filters->mail != NULL)
		mail_free(&filters->mail);
	array_foreach_modifiable (&filters->programs, program) {
		/* Before the mailbox, whose keywords they hold. */
		if (program->args != NULL)
			mail_search_args_unref(&program->args);
	}
	/* It has changed nothing but what it found out for the cache. */
	if (filters->trans != NULL)
		mailbox_transaction_rollback(&filters->trans);
	if (filters->box != NULL)
		mailbox_free(&filters->box);
	pool_unref(&filters->pool);
}

void event_filters_add(struct event_filters *filters, const char *name, const char *criteria,
		       const char *charset)
{
	struct filter filter = {.program = 0};
	const struct program *program;
	struct program fresh = {.criteria = NULL};

	if (array_count(&filters->filters) == LIMIT_FILTERS_PER_USER || name == NULL ||
	    *name == '\0' || strlen(name) > LIMIT_FILTER_NAME || criteria == NULL ||
	    strlen(criteria) > LIMIT_FILTER_CRITERIA ||
	    (charset != NULL && strlen(charset) > LIMIT_FILTER_CHARSET)) {
		filters->overflow = TRUE;
		return;
	}
	filter.name = p_strdup(filters->pool, name);
	array_foreach (&filters->programs, program) {
		/* cppcheck-suppress uninitvar ; array_foreach sets it */
		if (strcmp(program->criteria, criteria) == 0 &&
		    null_strcmp(program->charset, charset) == 0)
			break;
		filter.program++;
	}
	if (filter.program == array_count(&filters->programs)) {
		fresh.criteria = p_strdup(filters->pool, criteria);
		fresh.charset = p_strdup(filters->pool, charset);
		array_push_back(&filters->programs, &fresh);
	}
	array_push_back(&filters->filters, &filter);
}

bool event_filters_exist(const struct event_filters *filters)
{
	return filters->overflow || array_count(&filters->filters) > 0;
}

/* --- building ---------------------------------------------------------------- */

static void report_criteria(struct event_filters *filters, const struct program *program,
			    const char *error)
{
	unsigned int count;

	if (trouble_note(&trouble_criteria, monotonic_us(), &count))
		e_error(filters->parent,
			"Cannot judge mail by the filter '%s': %s. It matches everything; remove "
			"or replace it (%u time(s))",
			str_sanitize(program->criteria, 128), str_sanitize(error, 128), count);
}

/* Goes through all keys. False: one is none of ours to judge. */
static bool look_at(struct program *program, struct mail_search_arg *arg)
{
	static const char *const special[] = {"BCC", "CC", "FROM", "SUBJECT", "TO"};

	for (; arg != NULL; arg = arg->next) {
		/* A full-text index knows of the message later, and finds other words. */
		arg->no_fts = TRUE;
		switch (arg->type) {
		case SEARCH_OR:
		case SEARCH_SUB:
			if (!look_at(program, arg->value.subargs))
				return FALSE;
			break;
		case SEARCH_INTHREAD:
			return FALSE;
		case SEARCH_HEADER:
			/* Dovecot decodes a header field once for all keys of a search, and
			 * for HEADER otherwise than for FROM or SUBJECT. */
			for (unsigned int i = 0; i < N_ELEMENTS(special); i++) {
				if (strcasecmp(arg->hdr_field_name, special[i]) == 0)
					program->alone = TRUE;
			}
			break;
		case SEARCH_BODY:
		case SEARCH_TEXT:
		case SEARCH_MIMEPART:
			program->body_keys++;
			program->alone = TRUE;
			break;
		default:
			break;
		}
	}
	return TRUE;
}

static void build(struct event_filters *filters, struct program *program)
{
	const char *error;

	if (search_criteria_parse(program->criteria, program->charset, &program->args, &error) <
	    0) {
		program->failed = TRUE;
		report_criteria(filters, program, error);
		return;
	}
	mail_search_args_init(program->args, filters->box, TRUE, NULL);
	if (!look_at(program, program->args->args)) {
		program->failed = TRUE;
		report_criteria(filters, program, "threads are not judged");
	}
}

/* --- the mailbox --------------------------------------------------------------- */

static void report_box(struct event_filters *filters)
{
	enum mail_error code;
	const char *error = mailbox_get_last_internal_error(filters->box, &code);
	unsigned int count;

	/* Who may post but not read, or was deleted meanwhile. */
	if (code == MAIL_ERROR_PERM || code == MAIL_ERROR_NOTFOUND || code == MAIL_ERROR_EXPUNGED)
		return;
	if (trouble_note(&trouble_box, monotonic_us(), &count))
		e_error(filters->parent, "Cannot judge mail in %s by filters: %s (%u time(s))",
			mailbox_get_vname(filters->box), str_sanitize(error, 256), count);
}

/* What the index has now: no look at the folders of a maildir. */
static int sync_index(struct mailbox *box)
{
	struct mailbox_sync_context *ctx;
	struct mailbox_sync_status status;

	if (mail_index_refresh(box->index) < 0) {
		mailbox_set_index_error(box);
		return -1;
	}
	ctx = index_mailbox_sync_init(box, 0, FALSE);
	return mailbox_sync_deinit(&ctx, &status);
}

static bool box_open(struct event_filters *filters, struct mailbox *box, uint32_t last_uid)
{
	uint32_t seq1, seq2;

	/* An mbox is locked as a whole, and POP3 may keep a mailbox locked for the session:
	 * to open it once more would be to wait for oneself. */
	if ((box->flags & MAILBOX_FLAG_KEEP_LOCKED) != 0 || box->deleting ||
	    (box->storage->class_flags & MAIL_STORAGE_CLASS_FLAG_MAILBOX_IS_FILE) != 0)
		return FALSE;
	filters->box = mailbox_alloc(box->list, box->vname, MAILBOX_FLAG_READONLY);
	if (mailbox_open(filters->box) < 0 || sync_index(filters->box) < 0) {
		report_box(filters);
		return FALSE;
	}
	mailbox_get_seq_range(filters->box, last_uid, last_uid, &seq1, &seq2);
	/* An index in memory is its owner's alone. */
	if (seq1 == 0 && mailbox_sync(filters->box, 0) < 0) {
		report_box(filters);
		return FALSE;
	}
	filters->trans = mailbox_transaction_begin(filters->box,
						   MAILBOX_TRANSACTION_FLAG_NO_NOTIFY |
							   MAILBOX_TRANSACTION_FLAG_NO_CACHE_DEC,
						   "fantail filters");
	filters->mail = mail_alloc(filters->trans, 0, NULL);
	return TRUE;
}

/* --- searching ------------------------------------------------------------------ */

/* A program's place in the search for all. */
struct part {
	struct program *program;
	struct mail_search_arg either, keys, never;
};

/* The search for several `programs` at once: one AND of (program OR never), where `never` is a
 * key that is not known until the end. So nothing is known to fail or to match before the
 * end, all are gone through, and the message's header is read once. */
static struct mail_search_args *join(struct program *const *programs, unsigned int count,
				     struct part *parts)
{
	struct mail_search_args *args = mail_search_build_init();
	struct mail_search_arg **next = &args->args;

	for (unsigned int i = 0; i < count; i++) {
		struct part *part = &parts[i];

		part->program = programs[i];
		part->keys.type = SEARCH_SUB;
		part->keys.value.subargs = programs[i]->args->args;
		part->keys.next = &part->never;
		/* Of no weight while the search is made, see search_one(). */
		part->never.type = SEARCH_SMALLER;
		part->either.type = SEARCH_OR;
		part->either.value.subargs = &part->keys;
		*next = &part->either;
		next = &part->either.next;
	}
	args->simplified = TRUE;
	return args;
}

/* What became of the search is kept with the mail, in case that it was looked at before
 * its time. */
static void take_results(struct event_filters *filters, struct mail_search_args *args,
			 struct part *parts, unsigned int count, int match)
{
	struct index_mail *imail = INDEX_MAIL(filters->mail);
	buffer_t *results = imail->data.search_results;

	imail->data.search_results = NULL;
	if (results != NULL)
		mail_search_args_result_deserialize(args, results->data, results->used);
	for (unsigned int i = 0; i < count; i++) {
		int result = results == NULL ? (match > 0 ? 1 : -1) : parts[i].keys.result;

		if (result > 0)
			parts[i].program->verdict = VERDICT_YES;
		else if (result < 0 && parts[i].program->verdict == VERDICT_NO)
			parts[i].program->verdict = VERDICT_UNKNOWN;
	}
	mail_search_args_reset(args->args, FALSE);
	if (results != NULL)
		buffer_free(&results);
}

/* One message, and `programs` that have not matched one yet. */
static void search_one(struct event_filters *filters, uint32_t seq, struct program *const *programs,
		       unsigned int count)
{
	struct mailbox *box = filters->box;
	struct part *parts = t_new(struct part, count);
	struct mail_search_args *args = join(programs, count, parts);
	struct mail_search_arg *only = t_new(struct mail_search_arg, 1);
	struct mail_search_context *ctx;
	int match = -1;

	only->type = SEARCH_SEQSET;
	t_array_init(&only->value.seqset, 1);
	seq_range_array_add(&only->value.seqset, seq);
	only->next = args->args;
	args->args = only;

	ctx = mailbox_search_init(filters->trans, args, NULL, 0, NULL);
	/* Else it would stop before it has to read the message. */
	ctx->max_mails = 1;
	/* Whether the mailbox is the right one is found out at the beginning of a search,
	 * which is over: nobody will say what comes of this. */
	for (unsigned int i = 0; i < count; i++)
		parts[i].never.type = SEARCH_MAILBOX_GUID;
	if (box->v.search_next_update_seq(ctx) && ctx->seq == seq) {
		mail_set_seq(filters->mail, seq);
		match = box->v.search_next_match_mail(ctx, filters->mail);
		take_results(filters, args, parts, count, match);
	} else {
		for (unsigned int i = 0; i < count; i++)
			programs[i]->verdict = VERDICT_UNKNOWN;
	}
	if (mailbox_search_deinit(&ctx) < 0)
		report_box(filters);
	mail_search_args_unref(&args);
}

/* How long a search for `keys` of the body would take. */
static uint64_t body_usecs(struct mail *mail, unsigned int keys)
{
	uoff_t size;

	if (mail_get_physical_size(mail, &size) < 0)
		return UINT64_MAX;
	return (size / 1024 + 1) * keys * BODY_USECS_PER_KB;
}

/* False: not in time. */
static bool judge_message(struct event_filters *filters, uint32_t seq, uint64_t deadline)
{
	struct program *program, **group;
	unsigned int count = 0;

	group = t_new(struct program *, array_count(&filters->programs));
	array_foreach_modifiable (&filters->programs, program) {
		/* cppcheck-suppress uninitvar ; array_foreach sets it */
		if (!program->failed && !program->alone && program->verdict != VERDICT_YES)
			group[count++] = program;
	}
	for (unsigned int at = 0; at < count; at += PROGRAMS_AT_ONCE) {
		if (monotonic_us() >= deadline)
			return FALSE;
		search_one(filters, seq, group + at, I_MIN(count - at, PROGRAMS_AT_ONCE));
	}
	array_foreach_modifiable (&filters->programs, program) {
		uint64_t now = monotonic_us();

		if (now >= deadline)
			return FALSE;
		if (program->failed || !program->alone || program->verdict == VERDICT_YES)
			continue;
		if (program->body_keys > 0) {
			mail_set_seq(filters->mail, seq);
			if (body_usecs(filters->mail, program->body_keys) > deadline - now)
				return FALSE;
		}
		search_one(filters, seq, &program, 1);
	}
	return TRUE;
}

static bool judge_uids(struct event_filters *filters, struct mailbox *box,
		       const struct uid_set *uids, uint64_t deadline)
{
	for (size_t i = 0; i < uids->count; i++) {
		uint32_t seq1, seq2;
		bool ok = TRUE;

		mailbox_get_seq_range(filters->box, uids->ranges[i].first, uids->ranges[i].last,
				      &seq1, &seq2);
		/* Gone again, or moved: there is nothing to look at. */
		if (seq1 == 0)
			return FALSE;
		for (uint32_t seq = seq1; seq <= seq2 && ok; seq++) {
			T_BEGIN
			{
				uint32_t uid;

				mail_index_lookup_uid(filters->box->view, seq, &uid);
				event_maildir_tell(box, filters->box, uid);
				ok = judge_message(filters, seq, deadline);
			}
			T_END;
			if (monotonic_us() >= deadline)
				ok = FALSE;
		}
		if (!ok)
			return FALSE;
	}
	return TRUE;
}

/* Opens and builds what has to be there. False: not in time, or not at all. */
static bool prepare(struct event_filters *filters, struct mailbox *box, uint32_t last_uid,
		    uint64_t deadline)
{
	struct program *program;

	if (filters->box_failed)
		return FALSE;
	if (filters->mail == NULL && !box_open(filters, box, last_uid)) {
		filters->box_failed = TRUE;
		return FALSE;
	}
	array_foreach_modifiable (&filters->programs, program) {
		program->verdict = VERDICT_NO;
		if (filters->built)
			continue;
		if (monotonic_us() >= deadline) {
			filters->box_failed = TRUE;
			return FALSE;
		}
		T_BEGIN
		{
			build(filters, program);
		}
		T_END;
	}
	filters->built = TRUE;
	return TRUE;
}

static const char *names_matched(struct event_filters *filters)
{
	string_t *names = t_str_new(128);
	const struct filter *filter;

	array_foreach (&filters->filters, filter) {
		const struct program *program = array_idx(&filters->programs, filter->program);

		if (program->failed || program->verdict != VERDICT_NO) {
			if (str_len(names) > 0)
				str_append_c(names, ' ');
			str_append(names, filter->name);
		}
	}
	return str_c(names);
}

const char *event_filters_judge(struct event_filters *filters, struct mailbox *box,
				const char *uids, uint64_t *usecs)
{
	uint64_t start = monotonic_us(), deadline = start + *usecs, spent;
	struct mail_storage *storage = box->storage;
	struct uid_set set = {.ranges = NULL};
	bool judged = FALSE;

	if (filters->overflow || uids == NULL || *usecs == 0)
		return NULL;
	mail_storage_last_error_push(storage);
	if (uid_set_add_text(&set, uids)) {
		judged = prepare(filters, box, uid_set_highest(&set), deadline) &&
			 judge_uids(filters, box, &set, deadline);
	}
	uid_set_free(&set);
	mail_storage_last_error_pop(storage);
	spent = monotonic_us() - start;
	*usecs -= spent < *usecs ? spent : *usecs;
	return judged ? names_matched(filters) : NULL;
}
