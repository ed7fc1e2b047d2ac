/*
 * The rules of the protocol, as transcripts: what a phone says, and what it is answered, in words:
 *
 *	SyncHdr=212 Alert#1=508{n1}	statuses; # is CmdID, and {...} what is in their Data
 *	Alert:201+last			an Alert of ours that has a Last anchor
 *	Sync{Add 1:Ann=111 Delete 7}	with temporary ids, or LUIDs, and contacts; Sync(a<b) where
 *					the databases are others than ./phone and contacts
 *	Results(./devinf12:contacts)	with the databases in it
 *	Final				the package ends
 *
 * Each is run in XML and, but for a few, in WBXML; and once with each write to the store
 * failing, which nobody may notice but by the 503, nor by what is said in a sync after it. Where
 * the last sync of a transcript has ended for both sides, one more moves nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "session.h"
#include "sml-written.h"
#include "store-faults.h"
#include "sync-world.h"

/* --- what phones say -------------------------------------------------------------------- */

#define FINAL "<Final/>"
#define ANCHORS(last, next) "<Anchor><Last>" last "</Last><Next>" next "</Next></Anchor>"
#define NEXT(next) "<Anchor><Next>" next "</Next></Anchor>"
#define ALERT_WITH(id, code, target, options, source, meta)                                    \
	"<Alert><CmdID>" id "</CmdID><Data>" code "</Data><Item><Target><LocURI>" target       \
	"</LocURI>" options "</Target><Source><LocURI>" source "</LocURI></Source><Meta>" meta \
	"</Meta></Item></Alert>"
#define ALERT_AT(id, code, target, options, meta) \
	ALERT_WITH(id, code, target, options, "./phone", meta)
#define ALERT_FROM(id, code, target, source, meta) ALERT_WITH(id, code, target, "", source, meta)
#define ALERT(id, code, anchors) ALERT_AT(id, code, "contacts", "", anchors)
/* Of the session: 222, 223, 224. */
#define SAY(id, code)                                                                       \
	"<Alert><CmdID>" id "</CmdID><Data>" code "</Data><Item><Target><LocURI>" WORLD_URL \
	"</LocURI></Target><Source><LocURI>dev</LocURI></Source></Item></Alert>"
#define SYNC_OF(id, target, source, children)                                             \
	"<Sync><CmdID>" id "</CmdID><Target><LocURI>" target "</LocURI></Target><Source>" \
	"<LocURI>" source "</LocURI></Source>" children "</Sync>"
#define SYNC(id, children) SYNC_OF(id, "contacts", "./phone", children)
#define CARD(name, number) \
	"BEGIN:VCARD\r\nVERSION:2.1\r\nN:" name ";G\r\nTEL;CELL:" number "\r\nEND:VCARD\r\n"
#define PUT_OF(verb, id, luid, meta, data)                                    \
	"<" verb "><CmdID>" id "</CmdID><Meta><Type>text/x-vcard</Type>" meta \
	"</Meta><Item><Source><LocURI>" luid "</LocURI></Source>" data "</Item></" verb ">"
#define ADD(id, luid, card) PUT_OF("Add", id, luid, "", "<Data>" card "</Data>")
#define REPLACE(id, luid, card) PUT_OF("Replace", id, luid, "", "<Data>" card "</Data>")
#define COPY(id, from, to)                                                          \
	"<Copy><CmdID>" id "</CmdID><Item><Target><LocURI>" to "</LocURI></Target>" \
	"<Source><LocURI>" from "</LocURI></Source></Item></Copy>"
#define DELETE_AS(id, luid, how)                                          \
	"<Delete><CmdID>" id "</CmdID>" how "<Item><Source><LocURI>" luid \
	"</LocURI></Source></Item></Delete>"
#define DELETE(id, luid) DELETE_AS(id, luid, "")
#define PAIR(tmpid, luid)                                                           \
	"<MapItem><Target><LocURI>" tmpid "</LocURI></Target><Source><LocURI>" luid \
	"</LocURI></Source></MapItem>"
#define MAP(id, pairs)                                                                 \
	"<Map><CmdID>" id "</CmdID><Target><LocURI>contacts</LocURI></Target><Source>" \
	"<LocURI>./phone</LocURI></Source>" pairs "</Map>"
#define STATUS(id, msg, ref, cmd, code)                                                          \
	"<Status><CmdID>" id "</CmdID><MsgRef>" msg "</MsgRef><CmdRef>" ref "</CmdRef><Cmd>" cmd \
	"</Cmd><Data>" code "</Data></Status>"
#define CRED(type, data) \
	"<Cred><Meta><Format>b64</Format><Type>" type "</Type></Meta><Data>" data "</Data></Cred>"
#define RIGHT CRED("syncml:auth-basic", "cGF0OnNlY3JldA==") /* pat:secret */
#define LATER CRED("syncml:auth-basic", "cGF0OmxhdGVy")     /* pat:later */
#define WRONG CRED("syncml:auth-basic", "cGF0OnNlY3JlVA==")
/* "$empty" and "$nonce" stand for the digest with none, or with the last one that was heard. */
#define MD5(digest) CRED("syncml:auth-md5", digest)
#define MORE "<MoreData/>"
#define PIECE(id, luid, size, text, more) \
	PUT_OF("Add", id, luid, size, "<Data>" text "</Data>" more)
#define IN(container, id, children) \
	"<" container "><CmdID>" id "</CmdID>" children "</" container ">"
#define FILTERED_AGAIN(last, next, query) FILTERED_AS("", query, ANCHORS(last, next))
#define FILTERED(type, query) FILTERED_AS(type, query, ANCHORS("a", "b"))
#define FILTERED_AS(type, query, anchors)                                             \
	ALERT_AT("1", "200", "contacts",                                              \
		 "<Filter><Meta><Type>text/x-vcard</Type></Meta><Record><Item><Meta>" \
		 "<Type>syncml:filtertype-cgi</Type></Meta><Data>" query              \
		 "</Data></Item></Record>" type "</Filter>",                          \
		 anchors)
#define GET_DEVINF(id)                                                                          \
	"<Get><CmdID>" id "</CmdID><Meta><Type>application/vnd.syncml-devinf+xml</Type></Meta>" \
	"<Item><Target><LocURI>./devinf12</LocURI></Target></Item></Get>"
#define POOR_DEVINF(id)                                                                          \
	"<Put><CmdID>" id "</CmdID><Meta><Type>application/vnd.syncml-devinf+xml</Type></Meta>"  \
	"<Item><Source><LocURI>./devinf12</LocURI></Source><Data><DevInf><VerDTD>1.2</VerDTD>"   \
	"<DevID>dev</DevID><DevTyp>phone</DevTyp><DataStore><SourceRef>./phone</SourceRef>"      \
	"<Rx-Pref><CTType>text/x-vcard</CTType><VerCT>2.1</VerCT></Rx-Pref>"                     \
	"<Tx-Pref><CTType>text/x-vcard</CTType><VerCT>2.1</VerCT></Tx-Pref>"                     \
	"<CTCap><CTType>text/x-vcard</CTType><VerCT>2.1</VerCT><Property><PropName>N</PropName>" \
	"</Property><Property><PropName>TEL</PropName></Property></CTCap>"                       \
	"<SyncCap><SyncType>1</SyncType></SyncCap></DataStore></DevInf></Data></Item></Put>"
#define LARGE_DEVINF(id)                                                                        \
	"<Put><CmdID>" id "</CmdID><Meta><Type>application/vnd.syncml-devinf+xml</Type></Meta>" \
	"<Item><Source><LocURI>./devinf12</LocURI></Source><Data><DevInf><VerDTD>1.2</VerDTD>"  \
	"<Man>M</Man><Mod>P</Mod><DevID>dev</DevID><DevTyp>phone</DevTyp><UTC/>"                \
	"<SupportLargeObjs/><SupportNumberOfChanges/><DataStore><SourceRef>./phone</SourceRef>" \
	"<MaxGUIDSize>4</MaxGUIDSize>"                                                          \
	"<Rx-Pref><CTType>text/x-vcard</CTType><VerCT>2.1</VerCT></Rx-Pref>"                    \
	"<Tx-Pref><CTType>text/x-vcard</CTType><VerCT>2.1</VerCT></Tx-Pref>"                    \
	"<SyncCap><SyncType>1</SyncType></SyncCap></DataStore></DevInf></Data></Item></Put>"

/* It comes after the Alert that its rules are about. */
#define NOKIA_DEVINF(id)                                                                        \
	"<Put><CmdID>" id "</CmdID><Meta><Type>application/vnd.syncml-devinf+xml</Type></Meta>" \
	"<Item><Source><LocURI>./devinf12</LocURI></Source><Data><DevInf><VerDTD>1.2</VerDTD>"  \
	"<Man>Nokia</Man><Mod>6230i</Mod><DevID>dev</DevID><DevTyp>phone</DevTyp><UTC/>"        \
	"<SupportNumberOfChanges/><DataStore><SourceRef>./phone</SourceRef>"                    \
	"<Rx-Pref><CTType>text/x-vcalendar</CTType><VerCT>1.0</VerCT></Rx-Pref>"                \
	"<Tx-Pref><CTType>text/x-vcalendar</CTType><VerCT>1.0</VerCT></Tx-Pref>"                \
	"<SyncCap><SyncType>1</SyncType></SyncCap></DataStore></DevInf></Data></Item></Put>"
#define ADD_TASK(id, luid)                                                                   \
	"<Add><CmdID>" id "</CmdID><Meta><Type>text/x-vcalendar</Type></Meta><Item><Source>" \
	"<LocURI>" luid                                                                      \
	"</LocURI></Source><Data>BEGIN:VCALENDAR\r\nVERSION:1.0\r\nBEGIN:VTODO\r\n"          \
	"SUMMARY:x\r\nEND:VTODO\r\nEND:VCALENDAR\r\n</Data></Item></Add>"

/* A first sync, after which both sides have Ann under 1 and Bob under 2. */
#define FIRST_SYNC                                                                    \
	{.says = LARGE_DEVINF("8") ALERT("1", "201", NEXT("a")) FINAL},               \
		{.says = SYNC("1", ADD("2", "1", CARD("Ann", "111"))                  \
					   ADD("3", "2", CARD("Bob", "222"))) FINAL}, \
	{                                                                             \
		.says = STATUS("1", "2", "0", "SyncHdr", "200") FINAL                 \
	}

struct step {
	const char *says;   /* SyncBody's children; NULL: the last message again, octet by octet */
	const char *hears;  /* NULL: whatever */
	const char *header; /* of SyncHdr's, after Source; NULL: a right Cred in message 1 */
	const char *name;   /* Source's LocName */
	const char *mac;
	gboolean anew;   /* a session begins */
	gboolean no_url; /* to the first address, not that of RespURI */
	const char *to;  /* a session's key that it was not told */
	/* Somebody else says it, who knows what the device and its session are called; the phone
	 * hears nothing of the answer. */
	gboolean stranger;
	guint msg;         /* MsgID; 0 = the next */
	guint http;        /* 0 = 200 */
	gboolean busy;     /* we are */
	guint days;        /* pass before it */
	const char *edits; /* on the server before it: "+Eve=5 Ann=9 -Bob" */
};

struct script {
	const char *name;
	struct step steps[16];
	const char *contacts; /* in the end; NULL: whatever */
	const char *version;  /* NULL = 1.2 */
	const char *protocol; /* NULL = of that version */
	/* It has what our writer of messages leaves out, or counts octets. */
	gboolean xml_only;
	/* Its WBXML has the public id as a string, as the phones of the first years have. */
	gboolean string_table;
	void (*prepare)(struct sync_world *world);
	void (*rules)(struct device_rules *rules);
};

/* --- rules ------------------------------------------------------------------------------------ */

static void (*set_rules)(struct device_rules *rules);

void __real_rules_find(const struct rules *rules, const struct devinf *devinf,
		       const char *device_id, const char *user_agent, struct device_rules *rules_r);
void __wrap_rules_find(const struct rules *rules, const struct devinf *devinf,
		       const char *device_id, const char *user_agent, struct device_rules *rules_r);

void __wrap_rules_find(const struct rules *rules, const struct devinf *devinf,
		       const char *device_id, const char *user_agent, struct device_rules *rules_r)
{
	__real_rules_find(rules, devinf, device_id, user_agent, rules_r);
	if (set_rules != NULL)
		set_rules(rules_r);
}

/* --- what the server says, in words --------------------------------------- */

static void add_contact(GString *words, const struct sml_item *item)
{
	g_autoptr(pim_item_t) contact = NULL;
	g_autofree char *word = NULL;
	gsize len;
	const char *text;

	if (item->data == NULL)
		return;
	text = g_bytes_get_data(item->data, &len);
	contact = pim_item_parse(PIM_VCARD_2_1, text, len, NULL, NULL);
	word = contact == NULL ? g_strdup("..end") : sync_contact_word(contact);
	g_string_append_printf(words, ":%s", word);
}

static void add_change(GString *words, const struct sml_command *command)
{
	const struct sml_item *item = command->items->pdata[0];

	g_string_append_printf(words, "%s%s %s", words->str[words->len - 1] == '{' ? "" : " ",
			       command->soft_delete ? "SftDel" : sml_command_name(command->kind),
			       item->target != NULL ? item->target : item->source);
	if (item->meta.has_size || item->more_data)
		g_string_append_printf(words, "%s..%s", item->meta.has_size ? ":size" : "",
				       item->more_data ? "" : "end");
	else
		add_contact(words, item);
}

static void add_status(GString *words, const struct sml_message *asked,
		       const struct sml_command *command)
{
	const struct sml_item *item = command->items->len == 0 ? NULL : command->items->pdata[0];

	if (command->msg_ref != asked->msg_id)
		g_string_append_printf(words, "%u/", command->msg_ref);
	g_string_append(words, command->cmd);
	if (command->cmd_ref != 0)
		g_string_append_printf(words, "#%u", command->cmd_ref);
	g_string_append_printf(words, "=%u", command->code);
	if (item != NULL && item->data_anchor_next != NULL)
		g_string_append_printf(words, "{%s}", item->data_anchor_next);
	else if (item != NULL && item->data != NULL)
		g_string_append_printf(words, "{%.*s}", (int)g_bytes_get_size(item->data),
				       (const char *)g_bytes_get_data(item->data, NULL));
	if (command->chal != NULL)
		g_string_append_printf(words, "{%s}", command->chal->type + strlen("syncml:auth-"));
}

static void add_command(GString *words, const struct sml_message *asked,
			const struct sml_command *command)
{
	const struct sml_item *item = command->items->len == 0 ? NULL : command->items->pdata[0];

	switch (command->kind) {
	case SML_CMD_STATUS:
		add_status(words, asked, command);
		break;
	case SML_CMD_ALERT:
		g_string_append_printf(words, "Alert:%u%s", command->code,
				       item->meta.anchor_last != NULL ? "+last" : "");
		if (command->code == 223)
			g_string_append_printf(words, "(%s)", item->source);
		break;
	case SML_CMD_SYNC:
		g_string_append(words, "Sync");
		if (strcmp(command->target, "./phone") != 0 ||
		    strcmp(command->source, "contacts") != 0)
			g_string_append_printf(words, "(%s<%s)", command->target, command->source);
		if (command->number_of_changes >= 0)
			g_string_append_printf(words, "[%d]", (int)command->number_of_changes);
		g_string_append_c(words, '{');
		for (guint i = 0; i < command->children->len; i++)
			add_change(words, command->children->pdata[i]);
		g_string_append_c(words, '}');
		break;
	case SML_CMD_RESULTS:
		g_string_append_printf(words, "Results(%s", item->source);
		for (guint i = 0; i < item->devinf->stores->len; i++) {
			const struct devinf_store *store = item->devinf->stores->pdata[i];

			g_string_append_printf(words, "%c%s", i == 0 ? ':' : ',',
					       store->source_ref);
		}
		g_string_append_c(words, ')');
		break;
	default:
		g_string_append_printf(words, "%s(%s)", sml_command_name(command->kind),
				       item->source != NULL ? item->source : item->target);
	}
}

static char *in_words(const struct sml_message *asked, const struct sml_message *answer)
{
	GString *words = g_string_new(NULL);

	for (guint i = 0; i < answer->commands->len; i++) {
		if (words->len > 0)
			g_string_append_c(words, ' ');
		add_command(words, asked, answer->commands->pdata[i]);
	}
	if (answer->final)
		g_string_append(words, words->len > 0 ? " Final" : "Final");
	return g_string_free(words, FALSE);
}

/* --- edits on the server ------------------------------------------------------------------- */

struct named {
	const char *name;
	gint64 id;
};

static gboolean find_named(const struct pim_row *row, gpointer data)
{
	struct named *named = data;
	g_autoptr(pim_item_t) item = NULL;
	g_autofree char *word = NULL;

	if (row->deleted)
		return TRUE;
	item = pim_item_load(row->component, row->content, row->content_len, NULL);
	word = sync_contact_word(item);
	if (g_str_has_prefix(word, named->name) && word[strlen(named->name)] == '=')
		named->id = row->id;
	return TRUE;
}

static struct pim_item *contact_of(const char *name, const char *number)
{
	g_autofree char *text = g_strdup_printf(CARD("%s", "%s"), name, number);
	struct pim_item *item = pim_item_parse(PIM_VCARD_2_1, text, strlen(text), NULL, NULL);

	g_assert_nonnull(item);
	return item;
}

static void edit(struct pim_txn *txn, const char *word, gint64 now)
{
	g_auto(GStrv) parts = g_strsplit(word + (*word == '+' || *word == '-'), "=", 2);
	struct named named = {.name = parts[0]};
	g_autoptr(pim_item_t) item = NULL;
	g_autoptr(GError) error = NULL;
	guint64 revision;

	pim_txn_changes(txn, PIM_CONTACTS, ~0u, 0, G_MAXINT64, G_MAXINT, find_named, &named,
			&error);
	if (*word != '-')
		item = contact_of(parts[0], parts[1]);
	if (*word == '+')
		pim_txn_add(txn, item, "test", now, &named.id, &revision, &error);
	else if (*word == '-')
		pim_txn_delete(txn, named.id, "test", now, &revision, &error);
	else
		pim_txn_replace(txn, named.id, item, "test", now, &revision, &error);
	g_assert_no_error(error);
}

static void edit_server(const struct sync_world *world, const char *edits, gint64 now)
{
	g_auto(GStrv) words = g_strsplit(edits, " ", -1);
	g_autoptr(GError) error = NULL;
	struct pim_txn *txn = pim_txn_begin(world->store, WORLD_USER, TRUE, &error);

	g_assert_no_error(error);
	for (guint i = 0; words[i] != NULL; i++)
		edit(txn, words[i], now);
	g_assert_true(pim_txn_commit(txn, &error));
}

/* --- running -------------------------------------------------------------- */

struct play {
	const struct script *script;
	struct sync_world world;
	enum sml_encoding encoding;
	gboolean faults;
	guint session, msg;
	char *url;
	char *nonce;  /* of the last challenge; NULL = none */
	GBytes *last; /* message */
	char *heard;  /* the answer to it, in words */
	gint64 now;
};

static GBytes *in_wbxml(const char *text)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(sml_message_t) message = sml_message_read(SML_XML, text, strlen(text), &error);

	g_assert_no_error(error);
	return sml_written(message, SML_WBXML);
}

/* Takes what in_wbxml() made. The string has no NUL, only the table an end. */
static GBytes *with_string_table(GBytes *document)
{
	static const char before[] = "\x02\xA4\x01\x6A\x00";
	static const char head[] = "\x02\x00\x00\x6A\x1D-//SYNCML//DTD SyncML 1.2//EN";
	GByteArray *octets = g_byte_array_new();
	gsize len, skip = sizeof(before) - 1;
	const guint8 *data = g_bytes_get_data(document, &len);

	g_assert_cmpmem(data, skip, before, skip);
	g_byte_array_append(octets, (const guint8 *)head, sizeof(head) - 1);
	g_byte_array_append(octets, data + skip, (guint)(len - skip));
	g_bytes_unref(document);
	return g_byte_array_free_to_bytes(octets);
}

static char *digest_of(const void *data, gsize len)
{
	GChecksum *checksum = g_checksum_new(G_CHECKSUM_MD5);
	guint8 digest[16];
	gsize digest_len = sizeof(digest);

	g_checksum_update(checksum, data, (gssize)len);
	g_checksum_get_digest(checksum, digest, &digest_len);
	g_checksum_free(checksum);
	return g_base64_encode(digest, sizeof(digest));
}

/* `more`: what is digested after the nonce; "" = nothing. */
static char *answer_to_nonce(const struct play *play, const char *which, const char *more)
{
	g_autofree char *secret =
		digest_of(WORLD_USER ":" WORLD_PASSWORD, strlen(WORLD_USER ":" WORLD_PASSWORD));
	gboolean empty = strcmp(which, "$empty") == 0 || play->nonce == NULL;
	g_autofree char *text = g_strdup_printf("%s:%s%s", secret, empty ? "" : play->nonce, more);

	return digest_of(text, strlen(text));
}

static char *with_digests(const struct play *play, const char *header)
{
	g_autofree char *empty = answer_to_nonce(play, "$empty", "");
	g_autofree char *nonce = answer_to_nonce(play, "$nonce", "");
	GString *text = g_string_new(header);

	g_string_replace(text, "$empty", empty, 0);
	g_string_replace(text, "$nonce", nonce, 0);
	return g_string_free(text, FALSE);
}

static char *mac_header(const struct play *play, const char *which)
{
	gsize len;
	const void *body = g_bytes_get_data(play->last, &len);
	g_autofree char *of_body = digest_of(body, len);
	g_autofree char *more = g_strdup_printf(":%s", of_body);
	g_autofree char *mac = answer_to_nonce(play, which, more);

	return g_strdup_printf("algorithm=MD5, username=\"" WORLD_USER "\", mac=%s", mac);
}

static GBytes *message_of(struct play *play, const struct step *step)
{
	const char *version = play->script->version == NULL ? "1.2" : play->script->version;
	g_autofree char *protocol = play->script->protocol != NULL
					    ? g_strdup(play->script->protocol)
					    : g_strconcat("SyncML/", version, NULL);
	g_autofree char *header = NULL, *name = NULL, *text = NULL;

	if (step->header == NULL)
		header = g_strdup(play->msg == 1 ? RIGHT : "");
	else
		header = with_digests(play, step->header);
	name = step->name == NULL ? g_strdup("")
				  : g_strdup_printf("<LocName>%s</LocName>", step->name);
	text = g_strdup_printf(
		"<SyncML><SyncHdr><VerDTD>%s</VerDTD><VerProto>%s</VerProto>"
		"<SessionID>%u</SessionID><MsgID>%u</MsgID><Target><LocURI>%s</LocURI></Target>"
		"<Source><LocURI>dev</LocURI>%s</Source>%s</SyncHdr><SyncBody>%s</SyncBody></"
		"SyncML>",
		version, protocol, play->session, play->msg,
		play->url == NULL ? WORLD_URL : play->url, name, header, step->says);
	g_strdelimit(text, "\r", '\n');
	if (play->encoding == SML_WBXML && play->script->string_table)
		return with_string_table(in_wbxml(text));
	if (play->encoding == SML_WBXML)
		return in_wbxml(text);
	return g_bytes_new(text, strlen(text));
}

static void take_nonce(struct play *play, const struct sml_command *command)
{
	gsize len;

	if (command->chal == NULL || command->chal->next_nonce == NULL)
		return;
	g_free(play->nonce);
	play->nonce = (char *)g_base64_decode(command->chal->next_nonce, &len);
}

static void hear(struct play *play, const struct step *step, guint number, GBytes *answer)
{
	gsize asked_len, len;
	const void *asked_data = g_bytes_get_data(play->last, &asked_len);
	const void *data = g_bytes_get_data(answer, &len);
	g_autoptr(sml_message_t) asked =
		sml_message_read(play->encoding, asked_data, asked_len, NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(sml_message_t) message = sml_message_read(play->encoding, data, len, &error);
	g_autofree char *words = NULL;

	g_assert_no_error(error);
	words = in_words(asked, message);
	g_test_message("%u: %s", number, words);
	if (step->hears != NULL && strcmp(words, step->hears) != 0) {
		g_test_message("%u: %s is expected", number, step->hears);
		g_test_fail();
	}
	/* Who has shown nothing gets no key of a session; one of what is held, if anything is. */
	if (strstr(words, "SyncHdr=4") == words && play->url == NULL && play->script->rules == NULL)
		g_assert_null(message->resp_uri);
	if (step->stranger)
		return;
	g_free(play->heard);
	play->heard = g_strdup(words);
	for (guint i = 0; i < message->commands->len; i++)
		take_nonce(play, message->commands->pdata[i]);
	if (message->resp_uri != NULL) {
		g_free(play->url);
		play->url = g_strdup(message->resp_uri);
	}
}

static void step_of_stranger(struct play *play, const struct step *step, guint number)
{
	struct play other = *play;
	g_autofree char *mac = NULL;
	g_autoptr(GBytes) answer = NULL;
	guint http;

	other.url = other.nonce = NULL;
	other.msg = step->msg;
	other.last = message_of(&other, step);
	if (step->mac != NULL)
		mac = mac_header(&other, step->mac);
	answer = sync_post(&play->world.service, other.last, play->encoding, NULL, mac, play->now,
			   &http);
	g_assert_cmpuint(http, ==, 200);
	hear(&other, step, number, answer);
	g_bytes_unref(other.last);
}

static void take_step(struct play *play, const struct step *step, guint number)
{
	g_autoptr(GBytes) answer = NULL;
	g_autofree char *mac = NULL, *url = NULL;
	guint http;

	if (step->stranger) {
		step_of_stranger(play, step, number);
		return;
	}
	if (step->anew || number == 0) {
		play->session++;
		play->msg = 0;
		g_clear_pointer(&play->url, g_free);
	}
	play->now += 10 + 86400 * (gint64)step->days;
	if (step->edits != NULL)
		edit_server(&play->world, step->edits, play->now);
	if (step->says != NULL) {
		play->msg = step->msg == 0 ? play->msg + 1 : step->msg;
		g_clear_pointer(&play->last, g_bytes_unref);
		play->last = message_of(play, step);
	}
	if (step->mac != NULL)
		mac = mac_header(play, step->mac);
	url = step->to != NULL ? g_strconcat(WORLD_URL "?s=", step->to, NULL)
			       : g_strdup(step->no_url ? NULL : play->url);
	store_faults_arm(play->faults);
	do
		answer = step->busy ? sync_post_busy(&play->world.service, play->last,
						     play->encoding, url, play->now, &http)
				    : sync_post(&play->world.service, play->last, play->encoding,
						url, mac, play->now, &http);
	while (http == 503 && step->http != 503);
	store_faults_arm(FALSE);
	if (play->faults)
		g_test_message("%u: %u writes failed", number, store_faults_count());
	g_assert_cmpuint(http, ==, step->http == 0 ? 200 : step->http);
	if (answer != NULL)
		hear(play, step, number, answer);
}

/* --- one sync more ------------------------------------------------------------------------- */

/* What is remembered of the phone's contacts. */
struct standing {
	gint64 target;
	char *last; /* its anchor */
	struct sync_mark mark;
};

static gboolean read_standing(const struct pim_target *target, gpointer data)
{
	struct standing *standing = data;

	if (strcmp(target->name, "contacts") != 0)
		return TRUE;
	standing->target = target->id;
	standing->last = g_strdup(target->client_anchor);
	sync_mark_read(target, &standing->mark);
	return FALSE;
}

static gboolean note_pending(const struct pim_map *map, gpointer pending)
{
	*(gboolean *)pending = TRUE;
	return FALSE;
}

/* Is nothing left to say: its last sync has ended, was of all for both sides, and nothing was
 * refused in it? `last_r` is the phone's anchor; new. */
static gboolean has_all(const struct sync_world *world, char **last_r)
{
	g_autoptr(GError) error = NULL;
	struct pim_txn *txn = pim_txn_begin(world->store, WORLD_USER, TRUE, &error);
	struct standing standing = {.mark = {.phase = SYNC_NEVER}};
	const struct sync_mark *mark = &standing.mark;
	gboolean pending = FALSE;
	struct pim_peer peer;

	g_assert_true(pim_txn_peer(txn, "dev", 1, &peer, &error));
	g_assert_true(pim_txn_targets(txn, peer.id, read_standing, &standing, &error));
	g_assert_true(
		pim_txn_maps(txn, standing.target, 0, TRUE, 1, note_pending, &pending, &error));
	pim_txn_abort(txn);
	*last_r = standing.last;
	return mark->phase == SYNC_ENDED && mark->mode != SYNC_FROM_CLIENT &&
	       mark->mode != SYNC_REFRESH_FROM_CLIENT && strcmp(mark->filter, "-") == 0 && !pending;
}

/* What the phone hears of a further sync in which it has nothing to say. */
static char *sync_again(struct play *play, const char *last, guint number)
{
	g_autofree char *alert =
		g_strdup_printf(ALERT("1", "200", ANCHORS("%s", "again")) FINAL, last);
	const struct step init = {.anew = TRUE, .says = alert};
	const struct step sync = {.says = SYNC("1", "") FINAL};
	g_autofree char *first = NULL;

	take_step(play, &init, number);
	first = g_strdup(play->heard);
	take_step(play, &sync, number + 1);
	return g_strdup_printf("%s; %s", first, play->heard);
}

static gboolean moves_nothing(const char *words)
{
	return strstr(words, "Alert:200+last") != NULL &&
	       (strstr(words, "Sync{} Final") != NULL || strstr(words, "Sync[0]{} Final") != NULL);
}

static char *play_script(const struct script *script, enum sml_encoding encoding, gboolean faults)
{
	struct play play = {
		.script = script, .encoding = encoding, .faults = faults, .now = 1000000000};
	g_autofree char *contacts = NULL, *last = NULL;
	char *again = NULL;
	gboolean all;
	guint i;

	sync_world_init(&play.world);
	set_rules = script->rules;
	if (script->prepare != NULL)
		script->prepare(&play.world);
	for (i = 0; i < G_N_ELEMENTS(script->steps); i++) {
		const struct step *step = &script->steps[i];

		if (step->says == NULL && (i == 0 || step->hears == NULL))
			break;
		take_step(&play, step, i);
	}
	contacts = sync_world_contacts(&play.world);
	if (script->contacts != NULL)
		g_assert_cmpstr(contacts, ==, script->contacts);
	play.faults = FALSE;
	all = has_all(&play.world, &last);
	again = sync_again(&play, last, i);
	if (all && !moves_nothing(again)) {
		g_test_message("a further sync is not expected to say: %s", again);
		g_test_fail();
	}
	sync_world_assert_sound(&play.world);
	set_rules = NULL;
	g_free(play.url);
	g_free(play.nonce);
	g_free(play.heard);
	g_clear_pointer(&play.last, g_bytes_unref);
	sync_world_clear(&play.world);
	return again;
}

static void run_script(const struct script *script, enum sml_encoding encoding)
{
	g_free(play_script(script, encoding, FALSE));
}

static void run_xml(gconstpointer script)
{
	run_script(script, SML_XML);
}

static void run_wbxml(gconstpointer script)
{
	run_script(script, SML_WBXML);
}

static void run_faults(gconstpointer script)
{
	g_autofree char *without = play_script(script, SML_XML, FALSE);
	g_autofree char *with = play_script(script, SML_XML, TRUE);

	g_assert_cmpstr(with, ==, without);
}

/* --- the transcripts ------------------------------------------------------------------------- */

#include "syncml-scripts.h"

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_set_nonfatal_assertions();
	for (guint i = 0; i < G_N_ELEMENTS(scripts); i++) {
		g_autofree char *xml = g_strdup_printf("/syncml-session/%s/xml", scripts[i].name);
		g_autofree char *wbxml =
			g_strdup_printf("/syncml-session/%s/wbxml", scripts[i].name);

		g_autofree char *faults =
			g_strdup_printf("/syncml-session/%s/faults", scripts[i].name);

		g_test_add_data_func(xml, &scripts[i], run_xml);
		g_test_add_data_func(faults, &scripts[i], run_faults);
		if (!scripts[i].xml_only)
			g_test_add_data_func(wbxml, &scripts[i], run_wbxml);
	}
	return g_test_run();
}
