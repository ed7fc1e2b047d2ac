#include "sml-documents.h"

#include <string.h>

/* --- what is made --------------------------------------------------------------------------- */

struct maker {
	GRand *rand;
	enum sml_version version;
	enum sml_encoding encoding; /* of a nested DevInf: its Type says it */
};

static const enum sml_element all_elements[] = {
#define X(id, language, page, tag, name) id,
#include "element-table.h"
#undef X
};

/* Not in all versions; the tables of libwbxml have 1.1's for 1.0. */
static const struct {
	enum sml_element element;
	enum sml_version since;
} younger[] = {
	{SML_NUMBER_OF_CHANGES, SML_1_1},
	{SML_MORE_DATA, SML_1_1},
	{MET_MAX_OBJ_SIZE, SML_1_1},
	{DEV_UTC, SML_1_1},
	{DEV_SUPPORT_NUMBER_OF_CHANGES, SML_1_1},
	{DEV_SUPPORT_LARGE_OBJS, SML_1_1},
	{SML_FIELD, SML_1_2},
	{SML_FILTER, SML_1_2},
	{SML_RECORD, SML_1_2},
	{SML_FILTER_TYPE, SML_1_2},
	{SML_SOURCE_PARENT, SML_1_2},
	{SML_TARGET_PARENT, SML_1_2},
	{SML_MOVE, SML_1_2},
	{SML_CORRELATOR, SML_1_2},
	{MET_FIELD_LEVEL, SML_1_2},
	{DEV_PROPERTY, SML_1_2},
	{DEV_PROP_PARAM, SML_1_2},
	{DEV_MAX_OCCUR, SML_1_2},
	{DEV_NO_TRUNCATE, SML_1_2},
	{DEV_FILTER_RX, SML_1_2},
	{DEV_FILTER_CAP, SML_1_2},
	{DEV_FILTER_KEYWORD, SML_1_2},
	{DEV_FIELD_LEVEL, SML_1_2},
	{DEV_SUPPORT_HIERARCHICAL_SYNC, SML_1_2},
};

gboolean sml_element_exists(enum sml_element element, enum sml_version version)
{
	for (guint i = 0; i < G_N_ELEMENTS(younger); i++) {
		if (younger[i].element == element)
			return version >= younger[i].since;
	}
	return TRUE;
}

void node_free(struct node *node)
{
	if (node == NULL)
		return;
	g_free(node->text);
	g_ptr_array_unref(node->children);
	g_free(node);
}

static struct node *node_new(enum sml_element element)
{
	struct node *node = g_new0(struct node, 1);

	node->element = element;
	node->children = g_ptr_array_new_with_free_func((GDestroyNotify)node_free);
	return node;
}

static guint upto(struct maker *maker, guint most)
{
	return (guint)g_rand_int_range(maker->rand, 0, (gint32)most + 1);
}

static gboolean one_in(struct maker *maker, guint n)
{
	return upto(maker, n - 1) == 0;
}

static char *some_text(struct maker *maker, guint most)
{
	static const char *const pieces[] = {
		"a",
		"Bob",
		"3",
		"./card",
		"syncml:auth-md5",
		" ",
		"&",
		"<",
		">",
		"\"",
		"'",
		"\n",
		"\t",
		"\xC3\xA9",
		"~;",
		"&amp;",
		"=0D=0A",
		"IMEI:4",
		"?",
		"/",
		"%",
		"]]",
		"\xE2\x82\xAC",
		"ab",
		"\xC2\xA0",
		"\xF0\x9D\x84\x9E",
	};
	GString *text = g_string_new(NULL);
	guint count = 1 + upto(maker, most);

	for (guint i = 0; i < count; i++)
		g_string_append(text, pieces[upto(maker, G_N_ELEMENTS(pieces) - 1)]);
	/* White space alone is layout to both. */
	if (strspn(text->str, " \n\t") == text->len)
		g_string_append_c(text, '.');
	return g_string_free(text, FALSE);
}

/* NULL, and nothing is added, if the version has no such element. */
static struct node *add(struct maker *maker, struct node *parent, enum sml_element element)
{
	struct node *node;

	if (!sml_element_exists(element, maker->version))
		return NULL;
	node = node_new(element);
	g_ptr_array_add(parent->children, node);
	return node;
}

static void add_leaf(struct maker *maker, struct node *parent, enum sml_element element,
		     const char *text)
{
	struct node *node = add(maker, parent, element);

	if (node != NULL)
		node->text = g_strdup(text);
}

static void add_some(struct maker *maker, struct node *parent, enum sml_element element)
{
	struct node *node = add(maker, parent, element);

	if (node != NULL && !one_in(maker, 20))
		node->text = some_text(maker, 6);
}

static void add_number(struct maker *maker, struct node *parent, enum sml_element element)
{
	g_autofree char *text = g_strdup_printf("%u", upto(maker, 5000));

	add_leaf(maker, parent, element, text);
}

/* Each of some with a half chance, in their order. */
static void add_any(struct maker *maker, struct node *parent, const enum sml_element *elements,
		    guint count)
{
	for (guint i = 0; i < count; i++) {
		if (one_in(maker, 2))
			add_some(maker, parent, elements[i]);
	}
}
#define ADD_ANY(maker, parent, ...)                                     \
	add_any(maker, parent, (const enum sml_element[]){__VA_ARGS__}, \
		G_N_ELEMENTS(((const enum sml_element[]){__VA_ARGS__})))

/* Where the DTD has no such child: a reader of tokens does not know. Data, Type and Meta are not
 * among them (libwbxml looks for these), nor roots. */
static void add_stray(struct maker *maker, struct node *parent)
{
	guint language = SML_ELEMENT_LANGUAGE(parent->element);
	enum sml_element element;

	if (!one_in(maker, 4))
		return;
	do
		element = all_elements[upto(maker, G_N_ELEMENTS(all_elements) - 1)];
	while (SML_ELEMENT_LANGUAGE(element) != language || element == SML_DATA ||
	       element == MET_TYPE || element == SML_META || element == SML_SYNCML ||
	       element == DEV_DEVINF);
	add_some(maker, parent, element);
}

/* --- messages --------------------------------------------------------------------------------- */

static void add_location(struct maker *maker, struct node *parent, enum sml_element element)
{
	struct node *node = add(maker, parent, element);

	add_some(maker, node, SML_LOC_URI);
	if (one_in(maker, 4))
		add_some(maker, node, SML_LOC_NAME);
}

static void add_meta(struct maker *maker, struct node *parent, const char *type)
{
	struct node *meta = add(maker, parent, SML_META), *inner = meta;

	/* Some wrap it. */
	if (type == NULL && one_in(maker, 8))
		inner = add(maker, meta, MET_METINF);
	if (type != NULL)
		add_leaf(maker, inner, MET_TYPE, type);
	ADD_ANY(maker, inner, MET_FORMAT, MET_MARK, MET_SIZE, MET_VERSION, MET_EMI,
		MET_MAX_MSG_SIZE, MET_MAX_OBJ_SIZE, MET_FIELD_LEVEL, MET_NEXT_NONCE);
	if (one_in(maker, 3)) {
		struct node *anchor = add(maker, inner, MET_ANCHOR);

		ADD_ANY(maker, anchor, MET_LAST, MET_NEXT);
	}
	if (one_in(maker, 5)) {
		struct node *mem = add(maker, inner, MET_MEM);

		ADD_ANY(maker, mem, MET_SHARED_MEM, MET_FREE_MEM, MET_FREE_ID);
	}
	add_stray(maker, meta);
}

static void add_cred(struct maker *maker, struct node *parent)
{
	struct node *cred = add(maker, parent, SML_CRED);

	add_meta(maker, cred, "syncml:auth-basic");
	add_leaf(maker, cred, SML_DATA, "cGF0OnNlY3JldA==");
}

static char *some_object(struct maker *maker)
{
	GString *text = g_string_new("BEGIN:VCARD\r\nVERSION:2.1\r\n");
	guint lines = upto(maker, 4);

	for (guint i = 0; i < lines; i++) {
		g_autofree char *value = some_text(maker, 10);

		g_strdelimit(value, "\n", ' ');
		g_string_append_printf(text, "NOTE:%s\r\n", value);
	}
	g_string_replace(text, "]]", "] ]", 0); /* ends a CDATA section */
	g_string_append(text, "END:VCARD\r\n");
	return g_string_free(text, FALSE);
}

static void fill_devinf(struct maker *maker, struct node *devinf);

static void add_filter(struct maker *maker, struct node *parent)
{
	struct node *filter = add(maker, parent, SML_FILTER);

	if (filter == NULL)
		return;
	add_meta(maker, filter, "text/vcard");
	add(maker, add(maker, filter, SML_FIELD), SML_ITEM);
	add(maker, add(maker, filter, SML_RECORD), SML_ITEM);
	ADD_ANY(maker, filter, SML_FILTER_TYPE);
}

static void add_item(struct maker *maker, struct node *command, const char *type)
{
	struct node *item = add(maker, command, SML_ITEM);
	gboolean devinf = type != NULL && strstr(type, "devinf") != NULL;

	add_location(maker, item, SML_TARGET);
	if (one_in(maker, 2))
		add_location(maker, item, SML_SOURCE);
	ADD_ANY(maker, item, SML_SOURCE_PARENT, SML_TARGET_PARENT);
	if (devinf) {
		struct node *data = add(maker, item, SML_DATA);

		fill_devinf(maker, add(maker, data, DEV_DEVINF));
	} else if (!one_in(maker, 4)) {
		g_autofree char *text = some_object(maker);

		add_leaf(maker, item, SML_DATA, text);
	}
	if (one_in(maker, 4))
		add(maker, item, SML_MORE_DATA);
	add_stray(maker, item);
}

static void add_status_parts(struct maker *maker, struct node *command)
{
	add_number(maker, command, SML_MSG_REF);
	add_number(maker, command, SML_CMD_REF);
	add_leaf(maker, command, SML_CMD, "Replace");
	ADD_ANY(maker, command, SML_TARGET_REF, SML_SOURCE_REF);
	if (one_in(maker, 3))
		add_meta(maker, add(maker, command, SML_CHAL), "syncml:auth-md5");
	if (one_in(maker, 3))
		add_cred(maker, command);
	add_number(maker, command, SML_DATA);
}

static const char *some_type(struct maker *maker)
{
	static const char *const types[] = {"text/x-vcard", "text/x-vcalendar", "text/plain",
					    "text/calendar", NULL};

	return types[upto(maker, G_N_ELEMENTS(types) - 1)];
}

static const char *devinf_type(const struct maker *maker)
{
	return maker->encoding == SML_WBXML ? "application/vnd.syncml-devinf+wbxml"
					    : "application/vnd.syncml-devinf+xml";
}

static void add_map_items(struct maker *maker, struct node *command)
{
	for (guint i = upto(maker, 3); i > 0; i--) {
		struct node *item = add(maker, command, SML_MAP_ITEM);

		add_location(maker, item, SML_TARGET);
		add_location(maker, item, SML_SOURCE);
	}
}

static void add_command(struct maker *maker, struct node *parent, guint depth);

static void add_children(struct maker *maker, struct node *command, guint depth)
{
	for (guint i = upto(maker, 4); i > 0 && depth < 2; i--)
		add_command(maker, command, depth + 1);
}

static void add_items(struct maker *maker, struct node *command)
{
	gboolean devinf = command->element == SML_PUT || command->element == SML_RESULTS;
	const char *type = devinf ? devinf_type(maker) : some_type(maker);

	if (type != NULL || one_in(maker, 3))
		add_meta(maker, command, type);
	for (guint i = upto(maker, 3); i > 0; i--)
		add_item(maker, command, type);
}

static void add_command(struct maker *maker, struct node *parent, guint depth)
{
	static const enum sml_element kinds[] = {
		SML_ADD,    SML_ALERT,    SML_ATOMIC, SML_COPY, SML_DELETE,  SML_EXEC,
		SML_GET,    SML_MAP,      SML_MOVE,   SML_PUT,  SML_REPLACE, SML_RESULTS,
		SML_SEARCH, SML_SEQUENCE, SML_STATUS, SML_SYNC,
	};
	enum sml_element kind = kinds[upto(maker, G_N_ELEMENTS(kinds) - 1)];
	struct node *command = add(maker, parent, kind);

	if (command == NULL)
		return;
	add_number(maker, command, SML_CMD_ID);
	ADD_ANY(maker, command, SML_CORRELATOR, SML_NO_RESP);
	if (kind == SML_STATUS) {
		add_status_parts(maker, command);
	} else if (kind == SML_SYNC || kind == SML_MAP) {
		add_location(maker, command, SML_TARGET);
		add_filter(maker, command->children->pdata[command->children->len - 1]);
		add_location(maker, command, SML_SOURCE);
		if (kind == SML_SYNC)
			add_number(maker, command, SML_NUMBER_OF_CHANGES);
	}
	if (kind == SML_DELETE)
		ADD_ANY(maker, command, SML_ARCHIVE, SML_SFT_DEL);
	if (kind == SML_SEARCH)
		ADD_ANY(maker, command, SML_NO_RESULTS, SML_LANG);
	if (kind == SML_MAP)
		add_map_items(maker, command);
	else if (kind == SML_SYNC || kind == SML_ATOMIC || kind == SML_SEQUENCE)
		add_children(maker, command, depth);
	else if (kind != SML_STATUS)
		add_items(maker, command);
	add_stray(maker, command);
}

const char *sml_version_name(enum sml_version version)
{
	static const char *const names[] = {"1.0", "1.1", "1.2"};

	return names[version];
}

static struct node *make_message(struct maker *maker)
{
	struct node *root = node_new(SML_SYNCML);
	struct node *header = add(maker, root, SML_SYNC_HDR), *body;

	add_leaf(maker, header, SML_VER_DTD, sml_version_name(maker->version));
	add_some(maker, header, SML_VER_PROTO);
	add_some(maker, header, SML_SESSION_ID);
	add_number(maker, header, SML_MSG_ID);
	add_location(maker, header, SML_TARGET);
	add_location(maker, header, SML_SOURCE);
	ADD_ANY(maker, header, SML_RESP_URI, SML_NO_RESP);
	if (one_in(maker, 3))
		add_cred(maker, header);
	if (one_in(maker, 2))
		add_meta(maker, header, NULL);
	add_stray(maker, header);
	body = add(maker, root, SML_SYNC_BODY);
	for (guint i = 1 + upto(maker, 3); i > 0; i--)
		add_command(maker, body, 0);
	if (one_in(maker, 2))
		add(maker, body, SML_FINAL);
	return root;
}

/* --- device information --------------------------------------------------- */

static void add_content_type(struct maker *maker, struct node *parent, enum sml_element element)
{
	struct node *node = add(maker, parent, element);

	if (node == NULL)
		return;
	add_some(maker, node, DEV_CT_TYPE);
	add_some(maker, node, DEV_VER_CT);
}

static void add_capabilities(struct maker *maker, struct node *parent)
{
	struct node *cap = add(maker, parent, DEV_CT_CAP), *property, *param;

	add_some(maker, cap, DEV_CT_TYPE);
	ADD_ANY(maker, cap, DEV_VER_CT, DEV_FIELD_LEVEL, DEV_PROP_NAME, DEV_DATA_TYPE, DEV_SIZE,
		DEV_VAL_ENUM, DEV_DISPLAY_NAME, DEV_PARAM_NAME);
	property = add(maker, cap, DEV_PROPERTY);
	if (property == NULL)
		return;
	ADD_ANY(maker, property, DEV_PROP_NAME, DEV_DATA_TYPE, DEV_MAX_OCCUR, DEV_SIZE,
		DEV_NO_TRUNCATE, DEV_VAL_ENUM, DEV_DISPLAY_NAME);
	param = add(maker, property, DEV_PROP_PARAM);
	ADD_ANY(maker, param, DEV_PARAM_NAME, DEV_DATA_TYPE, DEV_VAL_ENUM);
}

static void add_store(struct maker *maker, struct node *devinf)
{
	struct node *store = add(maker, devinf, DEV_DATA_STORE), *part;

	add_some(maker, store, DEV_SOURCE_REF);
	ADD_ANY(maker, store, DEV_DISPLAY_NAME, DEV_MAX_GUID_SIZE);
	add_content_type(maker, store, DEV_RX_PREF);
	add_content_type(maker, store, DEV_RX);
	add_content_type(maker, store, DEV_TX_PREF);
	add_content_type(maker, store, DEV_TX);
	add_content_type(maker, store, DEV_FILTER_RX);
	part = add(maker, store, DEV_DS_MEM);
	ADD_ANY(maker, part, DEV_SHARED_MEM, DEV_MAX_MEM, DEV_MAX_ID);
	part = add(maker, store, DEV_FILTER_CAP);
	if (part != NULL)
		ADD_ANY(maker, part, DEV_FILTER_KEYWORD, DEV_PROP_NAME);
	ADD_ANY(maker, store, DEV_SUPPORT_HIERARCHICAL_SYNC);
	part = add(maker, store, DEV_SYNC_CAP);
	add_number(maker, part, DEV_SYNC_TYPE);
	if (maker->version == SML_1_2)
		add_capabilities(maker, store);
}

static void fill_devinf(struct maker *maker, struct node *devinf)
{
	struct node *ext;

	add_leaf(maker, devinf, DEV_VER_DTD, sml_version_name(maker->version));
	ADD_ANY(maker, devinf, DEV_MAN, DEV_MOD, DEV_OEM, DEV_FW_V, DEV_SW_V, DEV_HW_V);
	add_some(maker, devinf, DEV_DEV_ID);
	add_some(maker, devinf, DEV_DEV_TYP);
	if (one_in(maker, 2)) {
		add(maker, devinf, DEV_UTC);
		add(maker, devinf, DEV_SUPPORT_LARGE_OBJS);
		add(maker, devinf, DEV_SUPPORT_NUMBER_OF_CHANGES);
	}
	for (guint i = upto(maker, 2); i > 0; i--)
		add_store(maker, devinf);
	if (maker->version < SML_1_2)
		add_capabilities(maker, devinf);
	ext = add(maker, devinf, DEV_EXT);
	ADD_ANY(maker, ext, DEV_X_NAM, DEV_X_VAL);
	add_stray(maker, devinf);
}

static struct node *make_devinf(struct maker *maker)
{
	struct node *devinf = node_new(DEV_DEVINF);

	fill_devinf(maker, devinf);
	return devinf;
}

struct node *sml_document_make(guint32 number, enum sml_encoding encoding,
			       enum sml_version *version_r)
{
	GRand *rand = g_rand_new_with_seed(number);
	struct maker maker = {.rand = rand, .encoding = encoding};
	struct node *document;

	maker.version = (enum sml_version)upto(&maker, SML_1_2);
	document = one_in(&maker, 4) ? make_devinf(&maker) : make_message(&maker);
	g_rand_free(rand);
	*version_r = maker.version;
	return document;
}
