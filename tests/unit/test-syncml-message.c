#include "limits.h"
#include "sml-written.h"

#include <string.h>

#define HEADER                                                                        \
	"<SyncHdr><VerDTD>1.2</VerDTD><VerProto>SyncML/1.2</VerProto>"                \
	"<SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI>a</LocURI></Target>" \
	"<Source><LocURI>b</LocURI></Source></SyncHdr>"
#define MESSAGE(body) \
	"<SyncML xmlns='SYNCML:SYNCML1.2'>" HEADER "<SyncBody>" body "</SyncBody></SyncML>"

static GBytes *from_hex(const char *hex)
{
	GByteArray *octets = g_byte_array_new();

	for (; *hex != '\0'; hex += 2) {
		guint8 octet =
			(guint8)(g_ascii_xdigit_value(hex[0]) << 4 | g_ascii_xdigit_value(hex[1]));

		g_byte_array_append(octets, &octet, 1);
	}
	return g_byte_array_free_to_bytes(octets);
}

static struct sml_message *read_xml(const char *xml)
{
	g_autoptr(GError) error = NULL;
	struct sml_message *message = sml_message_read(SML_XML, xml, strlen(xml), &error);

	g_assert_no_error(error);
	return message;
}

static const struct sml_command *command_at(const struct sml_message *message, guint i)
{
	g_assert_cmpuint(i, <, message->commands->len);
	return message->commands->pdata[i];
}

static const struct sml_item *item_at(const struct sml_command *command, guint i)
{
	g_assert_cmpuint(i, <, command->items->len);
	return command->items->pdata[i];
}

/* --- known documents ---------------------------------------------------------- */

/* A Status 407 with an md5 challenge, as libwbxml decodes and encodes it, too. */
static const char challenge_hex[] =
	"02a4016a006d6c7103312e320001720353796e634d4c2f312e32000165033100015b033100016e57036100"
	"010167570362000101016b694b033100015c033100014c033000014a0353796e634864720001495a000147"
	"036236340001530373796e636d6c3a617574682d6d643500015003546d39755932553d0001010100004f03"
	"343037000101120101";

static void test_known(void)
{
	g_autoptr(GBytes) document = from_hex(challenge_hex);
	g_autoptr(sml_message_t) message = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) again = NULL;
	const struct sml_command *status;
	gsize len;
	const void *data = g_bytes_get_data(document, &len);

	g_assert_cmpint(markup_guess(data, len), ==, SML_WBXML);
	message = sml_message_read(SML_WBXML, data, len, &error);
	g_assert_no_error(error);
	g_assert_cmpint(message->version, ==, SML_1_2);
	g_assert_cmpstr(message->session_id, ==, "1");
	g_assert_cmpstr(message->target, ==, "a");
	g_assert_cmpstr(message->source, ==, "b");
	g_assert_true(message->final);
	status = command_at(message, 0);
	g_assert_cmpint(status->kind, ==, SML_CMD_STATUS);
	g_assert_cmpuint(status->code, ==, 407);
	g_assert_cmpstr(status->cmd, ==, "SyncHdr");
	g_assert_cmpstr(status->chal->type, ==, "syncml:auth-md5");
	g_assert_cmpstr(status->chal->next_nonce, ==, "Tm9uY2U=");
	again = sml_written(message, SML_WBXML);
	g_assert_true(g_bytes_equal(document, again));
}

/* All that a message may have, in XML; written as WBXML, read, written as XML: the same. */
static const char full[] =
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr>"
	"<VerDTD>1.2</VerDTD><VerProto>SyncML/1.2</VerProto><SessionID>4711</SessionID>"
	"<MsgID>2</MsgID><Target><LocURI>http://x/sync</LocURI></Target><Source>"
	"<LocURI>IMEI:1</LocURI><LocName>pat</LocName></Source><Cred><Meta>"
	"<Format xmlns=\"syncml:metinf\">b64</Format>"
	"<Type xmlns=\"syncml:metinf\">syncml:auth-basic</Type></Meta><Data>cGF0OngK</Data></Cred>"
	"<Meta><MaxMsgSize xmlns=\"syncml:metinf\">3000</MaxMsgSize>"
	"<MaxObjSize xmlns=\"syncml:metinf\">4000000</MaxObjSize></Meta></SyncHdr><SyncBody>"
	"<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>2</CmdRef><Cmd>Alert</Cmd>"
	"<TargetRef>card</TargetRef><SourceRef>./c</SourceRef><Data>200</Data><Item><Data>"
	"<Anchor xmlns=\"syncml:metinf\"><Next>20260101T000000Z</Next></Anchor></Data></Item>"
	"</Status><Alert><CmdID>2</CmdID><Data>200</Data><Item><Target><LocURI>card</LocURI>"
	"</Target><Source><LocURI>./c</LocURI></Source><Meta>"
	"<Anchor xmlns=\"syncml:metinf\"><Last>1</Last><Next>2</Next></Anchor></Meta></Item>"
	"</Alert><Sync><CmdID>3</CmdID><Target><LocURI>card</LocURI></Target><Source>"
	"<LocURI>./c</LocURI></Source><NumberOfChanges>0</NumberOfChanges><Add><CmdID>4</CmdID>"
	"<Meta><Type xmlns=\"syncml:metinf\">text/x-vcard</Type></Meta><Item><Source>"
	"<LocURI>17</LocURI></Source><Data>BEGIN:VCARD&#13;\nN:&lt;&amp;&gt;&#13;\n</Data>"
	"</Item></Add><Delete><CmdID>5</CmdID><Archive/><Item><Source><LocURI>18</LocURI>"
	"</Source></Item></Delete><Replace><CmdID>6</CmdID><Item><Source><LocURI>19</LocURI>"
	"</Source><Meta><Size xmlns=\"syncml:metinf\">9</Size></Meta><Data>half</Data><MoreData/>"
	"</Item></Replace></Sync><Map><CmdID>7</CmdID><Target><LocURI>card</LocURI></Target>"
	"<Source><LocURI>./c</LocURI></Source><MapItem><Target><LocURI>A1</LocURI></Target><Source>"
	"<LocURI>20</LocURI></Source></MapItem></Map><Final/></SyncBody></SyncML>";

static void test_both_ways(void)
{
	g_autoptr(sml_message_t) first = read_xml(full);
	g_autoptr(GBytes) wbxml = sml_written(first, SML_WBXML);
	g_autoptr(sml_message_t) second = NULL;
	g_autoptr(GBytes) xml = NULL;
	g_autoptr(GError) error = NULL;
	gsize len;
	const void *data = g_bytes_get_data(wbxml, &len);

	second = sml_message_read(SML_WBXML, data, len, &error);
	g_assert_no_error(error);
	xml = sml_written(second, SML_XML);
	data = g_bytes_get_data(xml, &len);
	g_assert_cmpmem(data, len, full, strlen(full));
}

static void test_values(void)
{
	g_autoptr(sml_message_t) message = read_xml(full);
	const struct sml_command *sync = command_at(message, 2), *map = command_at(message, 3);
	const struct sml_command *add = sync->children->pdata[0];
	const struct sml_map_item *pair = map->map_items->pdata[0];
	const void *data;
	gsize len;

	g_assert_cmpuint(message->meta.max_msg_size, ==, 3000);
	g_assert_cmpstr(message->source_name, ==, "pat");
	g_assert_cmpstr(message->cred->type, ==, "syncml:auth-basic");
	g_assert_cmpstr(item_at(command_at(message, 0), 0)->data_anchor_next, ==,
			"20260101T000000Z");
	g_assert_cmpuint(command_at(message, 1)->code, ==, 200);
	g_assert_cmpstr(item_at(command_at(message, 1), 0)->meta.anchor_last, ==, "1");
	g_assert_cmpint(sync->number_of_changes, ==, 0);
	g_assert_cmpuint(sync->children->len, ==, 3);
	g_assert_cmpstr(add->meta.type, ==, "text/x-vcard");
	data = g_bytes_get_data(item_at(add, 0)->data, &len);
	g_assert_cmpmem(data, len, "BEGIN:VCARD\r\nN:<&>\r\n", 20);
	g_assert_true(((struct sml_command *)sync->children->pdata[1])->archive);
	g_assert_true(item_at(sync->children->pdata[2], 0)->more_data);
	g_assert_cmpuint(item_at(sync->children->pdata[2], 0)->meta.size, ==, 9);
	g_assert_cmpstr(pair->target, ==, "A1");
	g_assert_cmpstr(pair->source, ==, "20");
}

/* --- what phones do -------------------------------------------------------------- */

static void test_lenient(void)
{
	static const struct {
		const char *name, *xml;
		guint commands;
		guint code; /* of the first; 0 = not looked at */
	} rows[] = {
		{"no namespace", "<SyncML>" HEADER "<SyncBody><Final/></SyncBody></SyncML>", 0, 0},
		{"a prefix",
		 "<s:SyncML xmlns:s='SYNCML:SYNCML1.1'><s:SyncHdr><s:SessionID>1</s:SessionID>"
		 "<s:MsgID>1</s:MsgID><s:Source><s:LocURI>b</s:LocURI></s:Source></s:SyncHdr>"
		 "</s:SyncML>",
		 0, 0},
		{"DOCTYPE", "<!DOCTYPE SyncML SYSTEM 'http://127.0.0.1:1/x.dtd'>" MESSAGE(""), 0,
		 0},
		{"comments and CDATA",
		 MESSAGE("<!-- x --><Alert><CmdID>1</CmdID><Data><![CDATA[201]]></Data></Alert>"),
		 1, 201},
		{"unknown elements are left out with what is in them",
		 MESSAGE("<X><Alert><Data>1</Data></Alert></X><Alert><X>9</X><Data>200</Data></"
			 "Alert>"),
		 1, 200},
		{"MetInf without its namespace",
		 MESSAGE("<Alert><Data>200</Data><Item><Meta><Anchor><Next>5</Next></Anchor></Meta>"
			 "</Item></Alert>"),
		 1, 200},
		{"a number with blanks", MESSAGE("<Alert><Data> 200\n</Data></Alert>"), 1, 200},
		{"a number that is none", MESSAGE("<Alert><Data>2x</Data></Alert>"), 1, 0},
		{"what looks like a tag is in a comment, and in an attribute",
		 "<!-- <!DOCTYPE [ <a --><?x <!DOCTYPE [?><SyncML a='>'>" HEADER "</SyncML>", 0, 0},
		{"blanks after the end", MESSAGE("") "  \n\n", 0, 0},
		{"ISO-8859-1", "<?xml version='1.0' encoding='ISO-8859-1'?>" MESSAGE(""), 0, 0},
		{"a filter's record where there is no filter",
		 MESSAGE("<Alert><CmdID>1</CmdID><Data>200</Data><Item><Target><Record><Item>"
			 "<Data>a</Data></Item></Record></Target></Item></Alert>"),
		 1, 200},
		{"a filter's field in an item, in a header's source",
		 MESSAGE("<Alert><CmdID>1</CmdID><Data>200</Data><Item><Field><Item><Data>a</Data>"
			 "</Item></Field></Item><Cred><Record><Item><Data>a</Data></Item></Record>"
			 "</Cred></Alert>"),
		 1, 200},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(sml_message_t) message = NULL;

		g_test_message("%s", rows[i].name);
		message = read_xml(rows[i].xml);
		g_assert_cmpuint(message->commands->len, ==, rows[i].commands);
		if (rows[i].commands > 0)
			g_assert_cmpuint(command_at(message, 0)->code, ==, rows[i].code);
	}
}

/* --- lies ------------------------------------------------------------------------- */

static void test_refused(void)
{
	g_autofree char *name = g_strnfill(LIMIT_LOC_URI + 1, 'n');
	g_autofree char *long_name = g_strdup_printf(
		"<SyncML><SyncHdr><SessionID>%s</SessionID></SyncHdr></SyncML>", name);
	g_autofree char *session = g_strnfill(LIMIT_SYNCML_SESSION_ID + 1, '1');
	g_autofree char *long_session =
		g_strdup_printf("<SyncML><SyncHdr><SessionID>%s</SessionID><MsgID>1</MsgID><Source>"
				"<LocURI>b</LocURI></Source></SyncHdr></SyncML>",
				session);
	g_autofree char *tag = g_strnfill(LIMIT_MARKUP_TAG, 'a');
	g_autofree char *long_tag = g_strdup_printf("<SyncML a='%s'>" HEADER "</SyncML>", tag);
	const struct {
		const char *name, *xml;
		GQuark domain;
		int code;
	} rows[] = {
		{"nothing", "", MARKUP_ERROR, MARKUP_ERROR_SYNTAX},
		{"no XML", "hello", MARKUP_ERROR, MARKUP_ERROR_SYNTAX},
		{"cut off", "<SyncML>" HEADER, MARKUP_ERROR, MARKUP_ERROR_SYNTAX},
		{"another language", "<html/>", MARKUP_ERROR, MARKUP_ERROR_LANGUAGE},
		{"DevInf", "<DevInf/>", MARKUP_ERROR, MARKUP_ERROR_LANGUAGE},
		{"an entity of its own",
		 "<!DOCTYPE SyncML [<!ENTITY a 'x'>]>" MESSAGE("<Alert><Data>&a;</Data></Alert>"),
		 MARKUP_ERROR, MARKUP_ERROR_SYNTAX},
		{"an entity of a file",
		 "<!DOCTYPE SyncML [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>" MESSAGE(
			 "<Alert><Data>&a;</Data></Alert>"),
		 MARKUP_ERROR, MARKUP_ERROR_SYNTAX},
		{"a billion laughs",
		 "<!DOCTYPE SyncML [<!ENTITY a '0123456789'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>"
		 "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;'><!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;'>"
		 "<!ENTITY e '&d;&d;&d;&d;&d;&d;&d;&d;'>]>" MESSAGE(
			 "<Alert><Data>&e;</Data></Alert>"),
		 MARKUP_ERROR, MARKUP_ERROR_SYNTAX},
		{"a parameter entity",
		 "<!DOCTYPE SyncML [<!ENTITY % a SYSTEM 'http://127.0.0.1:1/'> %a; "
		 "<!ENTITY b 'x'>]>" MESSAGE("<Alert><Data>&b;</Data></Alert>"),
		 MARKUP_ERROR, MARKUP_ERROR_SYNTAX},
		{"declarations that nobody uses", "<!DOCTYPE SyncML [<!ENTITY a 'x'>]>" MESSAGE(""),
		 MARKUP_ERROR, MARKUP_ERROR_SYNTAX},
		{"an encoding in which a tag does not look like one",
		 "<?xml version='1.0' encoding='UTF-7'?>" MESSAGE(""), MARKUP_ERROR,
		 MARKUP_ERROR_SYNTAX},
		{"a tag of more than half a kB", long_tag, MARKUP_ERROR, MARKUP_ERROR_LIMIT},
		{"nine attributes",
		 "<SyncML a='' b='' c='' d='' e='' f='' g='' h='' xmlns='i'>" HEADER "</SyncML>",
		 MARKUP_ERROR, MARKUP_ERROR_LIMIT},
		{"no header", "<SyncML><SyncBody/></SyncML>", MESSAGE_ERROR, MESSAGE_ERROR_HEADER},
		{"no Source",
		 "<SyncML><SyncHdr><SessionID>1</SessionID><MsgID>1</MsgID></SyncHdr></SyncML>",
		 MESSAGE_ERROR, MESSAGE_ERROR_HEADER},
		{"MsgID 0",
		 "<SyncML><SyncHdr><SessionID>1</SessionID><MsgID>0</MsgID><Source><LocURI>b</"
		 "LocURI>"
		 "</Source></SyncHdr></SyncML>",
		 MESSAGE_ERROR, MESSAGE_ERROR_HEADER},
		{"a value of more than a kB", long_name, MESSAGE_ERROR, MESSAGE_ERROR_LIMIT},
		{"a long SessionID", long_session, MESSAGE_ERROR, MESSAGE_ERROR_LIMIT},
	};
	g_autoptr(GString) nested = g_string_new(NULL);
	g_autoptr(GError) error = NULL;

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) refused = NULL;
		struct sml_message *message;

		g_test_message("%s", rows[i].name);
		message = sml_message_read(SML_XML, rows[i].xml, strlen(rows[i].xml), &refused);
		g_assert_null(message);
		g_assert_error(refused, rows[i].domain, rows[i].code);
	}
	for (guint i = 0; i <= LIMIT_MARKUP_DEPTH; i++)
		g_string_append(nested, i == 0 ? "<SyncML>" : "<X>");
	g_assert_null(sml_message_read(SML_XML, nested->str, nested->len, &error));
	g_assert_error(error, MARKUP_ERROR, MARKUP_ERROR_LIMIT);
}

/* --- sizes ------------------------------------------------------------------------- */

/* The size that is foretold at any time is that of the finished document. */
static void test_size(void)
{
	g_autoptr(sml_message_t) message = read_xml(full);

	for (enum sml_encoding encoding = SML_XML; encoding <= SML_WBXML; encoding++) {
		struct markup_style style = {.encoding = encoding, .version = SML_1_2};

		for (guint upto = 0; upto <= message->commands->len; upto++) {
			g_autoptr(markup_writer_t) writer = markup_writer_new(&style);
			g_autoptr(GBytes) document = NULL;
			struct markup_mark mark;
			gsize size;

			sml_write_begin(writer, message);
			for (guint i = 0; i < upto; i++)
				sml_write_command(writer, command_at(message, i));
			mark = markup_writer_mark(writer);
			size = markup_writer_size(writer);
			sml_write_command(writer, command_at(message, 2));
			g_assert_cmpuint(markup_writer_size(writer), >, size);
			markup_writer_rewind(writer, mark);
			g_assert_cmpuint(markup_writer_size(writer), ==, size);
			document = markup_writer_finish(writer);
			g_assert_cmpuint(g_bytes_get_size(document), ==, size);
		}
	}
}

static void test_data(void)
{
	static const struct {
		const char *data;
		gsize len;
		gboolean cdata;
		const char *xml;
	} rows[] = {
		{"a\r\nb", 4, FALSE, "a&#13;\nb"},
		{"<&>", 3, FALSE, "&lt;&amp;&gt;"},
		{"<&>", 3, TRUE, "<![CDATA[<&>]]>"},
		{"a]]>b", 5, TRUE, "a]]&gt;b"},
		{"a\0b", 3, FALSE,
		 "a\xEF\xBF\xBD"
		 "b"},
		{"a\x01", 2, FALSE, "a\xEF\xBF\xBD"},
		{"\xff!", 2, FALSE, "\xEF\xBF\xBD!"},
		{"\xC3\xA9", 2, FALSE, "\xC3\xA9"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct markup_style style = {.encoding = SML_XML, .cdata = rows[i].cdata};
		g_autoptr(markup_writer_t) writer = markup_writer_new(&style);
		g_autoptr(GBytes) document = NULL;
		g_autofree char *expected = g_strdup_printf(
			"<Final xmlns=\"SYNCML:SYNCML1.0\">%s</Final>", rows[i].xml);
		g_autofree char *text = NULL;

		markup_open(writer, SML_FINAL);
		g_assert_cmpuint(markup_data_size(writer, rows[i].data, rows[i].len), ==,
				 strlen(rows[i].xml));
		markup_data(writer, rows[i].data, rows[i].len);
		document = markup_writer_finish(writer);
		text = g_strndup(g_bytes_get_data(document, NULL), g_bytes_get_size(document));
		g_assert_true(g_str_has_suffix(text, expected));
	}
}

/* What is kept of a device is read and written at each change of it, and must not grow. */
static void test_devinf_twice(void)
{
	static const char text[] =
		"<DevInf><VerDTD>1.2</VerDTD><DataStore><SourceRef>c</SourceRef>"
		"<Filter-Rx><CTType>a</CTType><VerCT>1</VerCT></Filter-Rx>"
		"<Filter-Rx><CTType>b</CTType><VerCT>1</VerCT></Filter-Rx>"
		"<FilterCap><CTType>a</CTType><VerCT>1</VerCT><FilterKeyword>k</FilterKeyword>"
		"<PropName>p</PropName></FilterCap></DataStore></DevInf>";

	for (enum sml_encoding encoding = SML_XML; encoding <= SML_WBXML; encoding++) {
		g_autoptr(devinf_t) first = devinf_parse(text, strlen(text), NULL), second = NULL;
		g_autoptr(GBytes) once = devinf_document(first, encoding), twice = NULL;
		const struct devinf_store *store;
		gsize len;
		const void *document = g_bytes_get_data(once, &len);

		second = devinf_parse(document, len, NULL);
		g_assert_nonnull(second);
		store = second->stores->pdata[0];
		g_assert_cmpuint(store->filter_rx->len, ==, 2);
		g_assert_cmpuint(store->filter_keywords->len, ==, 1);
		g_assert_cmpuint(store->filter_properties->len, ==, 1);
		twice = devinf_document(second, encoding);
		g_assert_true(g_bytes_equal(once, twice));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/syncml-message/known", test_known);
	g_test_add_func("/syncml-message/both-ways", test_both_ways);
	g_test_add_func("/syncml-message/values", test_values);
	g_test_add_func("/syncml-message/lenient", test_lenient);
	g_test_add_func("/syncml-message/refused", test_refused);
	g_test_add_func("/syncml-message/size", test_size);
	g_test_add_func("/syncml-message/data", test_data);
	g_test_add_func("/syncml-message/devinf-twice", test_devinf_twice);
	return g_test_run();
}
