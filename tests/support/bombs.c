#include "bombs.h"

#include "limits.h"

/* SyncHdr of a message of its own, without a session. */
#define HEADER                                                                                 \
	"<SyncHdr><VerDTD>1.2</VerDTD><VerProto>SyncML/1.2</VerProto><SessionID>9</SessionID>" \
	"<MsgID>1</MsgID><Target><LocURI>http://server/sync</LocURI></Target>"                 \
	"<Source><LocURI>dev</LocURI></Source></SyncHdr>"
#define OPEN "<SyncML>" HEADER "<SyncBody>"
#define CLOSE "<Final/></SyncBody></SyncML>"
#define DATA_OF(text) "<Alert><CmdID>1</CmdID><Data>" text "</Data></Alert>"
#define CARD_BEGIN "BEGIN:VCARD\nVERSION:2.1\nN:Bomb;B\nTEL;CELL:666\n"
#define CARD_END "END:VCARD\n"
#define ICAL_BEGIN "BEGIN:VCALENDAR\nVERSION:2.0\n"
#define ICAL_END "END:VCALENDAR\n"
#define EVENT_BEGIN "BEGIN:VEVENT\nUID:bomb\nDTSTART:20270101T100000Z\nSUMMARY:Bomb\n"
#define EVENT_END "END:VEVENT\n"
#define OVERRIDE(day, zone)                                                           \
	"BEGIN:VEVENT\nUID:bomb\nRECURRENCE-ID:" day "T100000Z\nDTSTART" zone ":" day \
	"T110000\nSUMMARY:^\nEND:VEVENT\n"
#define OFFSET_OF(kind, start, from, to, rule)                                     \
	"BEGIN:" kind "\nDTSTART:" start "\nTZOFFSETFROM:" from "\nTZOFFSETTO:" to \
	"\nRRULE:FREQ=YEARLY;" rule "\nEND:" kind "\n"
#define OFFSETS                                                                             \
	OFFSET_OF("STANDARD", "19700101T020000", "+0200", "+0100", "BYMONTH=10;BYDAY=-1SU") \
	OFFSET_OF("DAYLIGHT", "19700101T020000", "+0100", "+0200", "BYMONTH=3;BYDAY=-1SU")
#define VCAL_BEGIN "BEGIN:VCALENDAR\nVERSION:1.0\n"
#define ADD(id, luid, meta, data)                                        \
	"<Add><CmdID>" id "</CmdID><Meta><Type>text/x-vcard</Type>" meta \
	"</Meta><Item><Source><LocURI>" luid "</LocURI></Source><Data>" data "</Data>"
#define END_ADD "</Item></Add>"
#define ITEM(luid) "<Item><Source><LocURI>" luid "</LocURI></Source></Item>"
#define MORE "<MoreData/>"
#define ALERT_OF(id, database, meta)                                                  \
	"<Alert><CmdID>" id "</CmdID><Data>200</Data><Item><Target><LocURI>" database \
	"</LocURI></Target><Source><LocURI>./x</LocURI></Source><Meta>" meta          \
	"</Meta></Item></Alert>"
#define RIGHT_ANCHORS "<Meta><Anchor><Last>a</Last><Next>c</Next></Anchor></Meta>"
#define PUT                                                                                      \
	"<Put><CmdID>1</CmdID><Meta><Type>application/vnd.syncml-devinf+xml</Type></Meta><Item>" \
	"<Source><LocURI>./devinf12</LocURI></Source><Data>"
#define END_PUT "</Data></Item></Put>"
#define MAP                                                                               \
	"<Map><CmdID>1</CmdID><Target><LocURI>contacts</LocURI></Target><Source><LocURI>" \
	"./contacts</LocURI></Source>"

#define A_64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A_256 A_64 A_64 A_64 A_64
#define A_1024 A_256 A_256 A_256 A_256
/* With a table of a kilobyte. */
#define TABLE "02a4016a 8800 '" A_1024 "' "
#define HEADER_OF(msg, more)                                                                   \
	"<SyncML><SyncHdr><VerDTD>1.2</VerDTD><VerProto>SyncML/1.2</VerProto><SessionID>2</"   \
	"SessionID><MsgID>" msg "</MsgID><Target><LocURI>http://server/sync</LocURI></Target>" \
	"<Source><LocURI>dev</LocURI></Source>" more "</SyncHdr><SyncBody>"

const struct bomb bombs[] = {
	/* --- XML --------------------------------------------------------------------------- */
	{"xml-depth", BOMB_XML, OPEN, "<X>", NULL, 500000, "400", FALSE},
	{"xml-depth-of-commands", BOMB_XML, OPEN, "<Sequence>", NULL, 100000, "400", FALSE},
	{"xml-depth-one-too-much", BOMB_XML, OPEN, "<Item>", NULL, 63, "400", FALSE},
	{"xml-elements", BOMB_BODY, NULL, "<X/>", NULL, 500000, "400", FALSE},
	{"xml-commands", BOMB_BODY, NULL, "<Add/>", NULL, 199000, "400", FALSE},
	{"xml-items", BOMB_BODY, "<Add>", "<Item/>", "</Add>", 199000, "400", FALSE},
	{"xml-entities-of-xml", BOMB_CONTACT, CARD_BEGIN "NOTE:", "&amp;", "\n" CARD_END, 300000,
	 "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"xml-characters-by-number", BOMB_CONTACT, CARD_BEGIN "NOTE:", "&#x1D11E;", "\n" CARD_END,
	 200000, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"xml-an-entity", BOMB_XML, "<!DOCTYPE SyncML [<!ENTITY a 'x'>]>" OPEN, DATA_OF("&a;"),
	 CLOSE, 1, "400", FALSE},
	{"xml-billion-laughs", BOMB_XML,
	 "<!DOCTYPE SyncML [<!ENTITY a0 'ha'>"
	 "<!ENTITY a1 '&a0;&a0;&a0;&a0;&a0;&a0;&a0;&a0;&a0;&a0;'>"
	 "<!ENTITY a2 '&a1;&a1;&a1;&a1;&a1;&a1;&a1;&a1;&a1;&a1;'>"
	 "<!ENTITY a3 '&a2;&a2;&a2;&a2;&a2;&a2;&a2;&a2;&a2;&a2;'>"
	 "<!ENTITY a4 '&a3;&a3;&a3;&a3;&a3;&a3;&a3;&a3;&a3;&a3;'>"
	 "<!ENTITY a5 '&a4;&a4;&a4;&a4;&a4;&a4;&a4;&a4;&a4;&a4;'>"
	 "<!ENTITY a6 '&a5;&a5;&a5;&a5;&a5;&a5;&a5;&a5;&a5;&a5;'>"
	 "<!ENTITY a7 '&a6;&a6;&a6;&a6;&a6;&a6;&a6;&a6;&a6;&a6;'>"
	 "<!ENTITY a8 '&a7;&a7;&a7;&a7;&a7;&a7;&a7;&a7;&a7;&a7;'>]>" OPEN,
	 DATA_OF("&a8;"), CLOSE, 1, "400", FALSE},
	{"xml-quadratic-entity", BOMB_XML,
	 "<!DOCTYPE SyncML [<!ENTITY a '0123456789012345678901234567890123456789012345678901234567"
	 "89012345678901234567890123456789012345678901234567890123456789'>]>" OPEN "<Alert><Data>",
	 "&a;", "</Data></Alert>" CLOSE, 300000, "400", FALSE},
	{"xml-entity-in-an-attribute", BOMB_XML, "<!DOCTYPE SyncML [<!ENTITY a 'x'>]><SyncML a='",
	 "&a;", "'>" HEADER "</SyncML>", 1000, "400", FALSE},
	{"xml-entity-of-a-file", BOMB_XML,
	 "<!DOCTYPE SyncML [<!ENTITY a SYSTEM 'file://$FILE'>]>" OPEN, DATA_OF("&a;"), CLOSE, 1,
	 "400", FALSE},
	{"xml-entity-of-another-host", BOMB_XML,
	 "<!DOCTYPE SyncML [<!ENTITY a SYSTEM 'http://127.0.0.1:$PORT/'>]>" OPEN, DATA_OF("&a;"),
	 CLOSE, 1, "400", FALSE},
	{"xml-parameter-entity-of-a-file", BOMB_XML,
	 "<!DOCTYPE SyncML [<!ENTITY % a SYSTEM 'file://$FILE'> %a;]>" OPEN, DATA_OF("&b;"), CLOSE,
	 1, "400", FALSE},
	{"xml-parameter-entity-of-another-host", BOMB_XML,
	 "<!DOCTYPE SyncML [<!ENTITY % a SYSTEM 'http://127.0.0.1:$PORT/'> %a;]>" OPEN,
	 DATA_OF("&b;"), CLOSE, 1, "400", FALSE},
	{"xml-dtd-of-a-file", BOMB_XML, "<!DOCTYPE SyncML SYSTEM 'file://$FILE'>" OPEN,
	 DATA_OF("100"), CLOSE, 1, "SyncHdr=407 Alert=407", FALSE},
	{"xml-dtd-of-another-host", BOMB_XML,
	 "<!DOCTYPE SyncML PUBLIC 'x' 'http://127.0.0.1:$PORT/x.dtd'>" OPEN, DATA_OF("100"), CLOSE,
	 1, "SyncHdr=407 Alert=407", FALSE},
	{"xml-dtd-without-end", BOMB_XML, "<!DOCTYPE SyncML [", "<!ELEMENT a (b,c)>", NULL, 100000,
	 "400", FALSE},
	{"xml-attributes-by-dtd", BOMB_XML, "<!DOCTYPE SyncML [", "<!ATTLIST SyncML a^ CDATA 'x'>",
	 "]>" OPEN CLOSE, 50000, "400", FALSE},
	{"xml-include", BOMB_BODY,
	 "<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='file://$FILE'/>",
	 "<?xml-stylesheet href='http://127.0.0.1:$PORT/'?>", NULL, 1, "SyncHdr=200", FALSE},
	{"xml-schema-location", BOMB_XML,
	 "<SyncML xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' "
	 "xsi:schemaLocation='x http://127.0.0.1:$PORT/'>" HEADER,
	 NULL, "</SyncML>", 0, "SyncHdr=407", FALSE},
	{"xml-huge-attribute", BOMB_XML, "<SyncML a='", "0123456789", "'>" HEADER "</SyncML>",
	 190000, "400", FALSE},
	{"xml-many-attributes", BOMB_XML, "<SyncML", " a^=''", ">" HEADER "</SyncML>", 150000,
	 "400", FALSE},
	{"xml-many-namespaces", BOMB_XML, "<SyncML", " xmlns:a^='b'", ">" HEADER "</SyncML>", 90000,
	 "400", FALSE},
	{"xml-long-name", BOMB_XML, "<", "SyncML0123", "/>", 190000, "400", FALSE},
	{"xml-long-text", BOMB_XML, "<SyncML>" HEADER "<SyncBody><Alert><CmdID>1</CmdID><Data>",
	 "0123456789", "</Data></Alert>" CLOSE, 190000, "SyncHdr=407 Alert=407", FALSE},
	{"xml-blanks", BOMB_BODY, NULL, "          ", NULL, 190000, "400", FALSE},
	{"xml-comment", BOMB_BODY, "<!--", "0123456789", "-->", 190000, "SyncHdr=200", FALSE},
	{"xml-processing-instruction", BOMB_BODY, "<?x ", "0123456789", "?>", 190000, "SyncHdr=200",
	 FALSE},
	{"xml-many-processing-instructions", BOMB_BODY, NULL, "<?x y?>", NULL, 270000,
	 "SyncHdr=200", FALSE},
	{"xml-cdata-in-bits", BOMB_CONTACT, CARD_BEGIN "NOTE:", "<![CDATA[x]]>", "\n" CARD_END,
	 140000, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"xml-utf-16-that-is-none", BOMB_XML, "<?xml version='1.0' encoding='UTF-16'?>" OPEN, NULL,
	 CLOSE, 0, "400", FALSE},
	{"xml-unknown-charset", BOMB_XML, "<?xml version='1.0' encoding='x-none'?>" OPEN, NULL,
	 CLOSE, 0, "400", FALSE},
	{"xml-utf-7", BOMB_XML, "<?xml version='1.0' encoding='UTF-7'?>" OPEN, "+ADw-", CLOSE, 1000,
	 "400", FALSE},
	{"xml-without-end", BOMB_XML, OPEN "<Alert><Data>", "0123456789", NULL, 190000, "400",
	 FALSE},
	{"xml-bad-utf-8", BOMB_XML, OPEN "<Alert><Data>", "\xff\xfe", "</Data></Alert>" CLOSE,
	 100000, "400", FALSE},

	/* --- WBXML ------------------------------------------------------------------------- */
	{"wbxml-depth", BOMB_WBXML, "02a4016a00 6d", "6b", NULL, 1000000, "400", FALSE},
	{"wbxml-elements", BOMB_WBXML, "02a4016a00 6d", "05", "01", 2000000, "400", FALSE},
	{"wbxml-commands", BOMB_WBXML_BODY, NULL, "05", NULL, 199000, "400", FALSE},
	{"wbxml-items", BOMB_WBXML_BODY, "45", "14", "01", 199000, "400", FALSE},
	{"wbxml-credentials", BOMB_WBXML_BODY, NULL, "0e", NULL, 199000, "400", FALSE},
	{"wbxml-string-table-of-4-GB", BOMB_WBXML, "02a4016a 8fffffff7f 6d", NULL, NULL, 0, "400",
	 FALSE},
	{"wbxml-offset-outside-the-table", BOMB_WBXML, "02a4016a 03 616200 6d 83 8fffffff7f 01",
	 NULL, NULL, 0, "400", FALSE},
	{"wbxml-offset-without-a-table", BOMB_WBXML, "02a4016a00 6d 8300 01", NULL, NULL, 0, "400",
	 FALSE},
	{"wbxml-public-id-outside-the-table", BOMB_WBXML, "0200 7f 6a 00 6d 01", NULL, NULL, 0,
	 "400", FALSE},
	{"wbxml-opaque-of-4-GB", BOMB_WBXML, "02a4016a00 6d c38fffffff7f 61", NULL, NULL, 0, "400",
	 FALSE},
	{"wbxml-opaque-one-too-long", BOMB_WBXML, "02a4016a00 6d c302 61", NULL, NULL, 0, "400",
	 FALSE},
	{"wbxml-number-of-33-bits", BOMB_WBXML, "02a4016a00 6d c3 9fffffff7f 61", NULL, NULL, 0,
	 "400", FALSE},
	{"wbxml-number-without-end", BOMB_WBXML, "02a4016a00 6d c3", "80", NULL, 1000000, "400",
	 FALSE},
	{"wbxml-switch-pages", BOMB_WBXML_BODY, NULL, "0001", "0000", 900000, "SyncHdr=200", FALSE},
	{"wbxml-unknown-page", BOMB_WBXML_BODY, "0007", "05", "0000", 190000, "SyncHdr=200", FALSE},
	{"wbxml-unknown-tokens", BOMB_WBXML_BODY, NULL, "3f", NULL, 190000, "SyncHdr=200", FALSE},
	{"wbxml-unknown-tokens-too-many", BOMB_WBXML_BODY, NULL, "3f", NULL, 1900000, "400", FALSE},
	{"wbxml-literals", BOMB_WBXML, "02a4016a 03 616200 6d", "0400", "01", 190000, "400", FALSE},
	{"wbxml-literal-outside-the-table", BOMB_WBXML, "02a4016a00 6d 4400 01", NULL, NULL, 0,
	 "400", FALSE},
	{"wbxml-attributes", BOMB_WBXML, "02a4016a00 ed", "0578", "01 01", 900000, "400", FALSE},
	{"wbxml-processing-instructions", BOMB_WBXML_BODY, NULL, "43 05 01", NULL, 600000,
	 "SyncHdr=200", FALSE},
	{"wbxml-extension", BOMB_WBXML_BODY, "c0", NULL, NULL, 0, "400", FALSE},
	{"wbxml-entities", BOMB_WBXML_BODY, "46 4f", "02877a1e", "0101", 450000, "400", FALSE},
	{"wbxml-empty-strings", BOMB_WBXML_BODY, "46 4f", "0300", "0101", 900000,
	 "SyncHdr=200 Alert=400", FALSE},
	{"wbxml-a-string-again-and-again", BOMB_WBXML, TABLE "6d 6b 46 4f", "8300", "01010101",
	 900000, "400", FALSE},
	{"wbxml-a-name-again-and-again", BOMB_WBXML, TABLE "6d", "0400", "01", 190000, "400",
	 FALSE},
	{"wbxml-an-attribute-again-and-again", BOMB_WBXML, TABLE "ed", "8300", "01 01", 900000,
	 "400", FALSE},
	{"wbxml-devinf-in-devinf", BOMB_WBXML_BODY,
	 "5f 4b0331000101 54 4f c320 02a4036a00 4a c319 02a4036a00 4a c312 02a4036a00 4a c30b "
	 "02a4036a00 4a c304 02a4036a 01 01 01 01 01 01 01",
	 NULL, NULL, 0, "SyncHdr=200 Put=400", FALSE},

	/* --- contacts ----------------------------------------------------------------------- */
	{"vcard-properties", BOMB_CONTACT, CARD_BEGIN, "X-A:1\n", CARD_END, 100000,
	 "SyncHdr=200 Sync=200 Add=413", FALSE},
	{"vcard-a-line-of-1-MB", BOMB_CONTACT, CARD_BEGIN "NOTE:", "0123456789", "\n" CARD_END,
	 100000, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"vcard-a-name-of-1-MB", BOMB_CONTACT, CARD_BEGIN, "A123456789", ":x\n" CARD_END, 100000,
	 "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"vcard-folded-lines", BOMB_CONTACT, CARD_BEGIN "NOTE:", "x\n ", "\n" CARD_END, 400000,
	 "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"vcard-parameters", BOMB_CONTACT, CARD_BEGIN "NOTE", ";X-A=1", ":x\n" CARD_END, 100000,
	 "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"vcard-values-of-a-parameter", BOMB_CONTACT, CARD_BEGIN "NOTE;X-A=1", ",1",
	 ":x\n" CARD_END, 500000, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"vcard-parts-of-a-value", BOMB_CONTACT, CARD_BEGIN "ORG:", "x;", "\n" CARD_END, 500000,
	 "SyncHdr=200 Sync=200 Add=413", FALSE},
	{"vcard-numbers", BOMB_CONTACT, CARD_BEGIN, "TEL;CELL:+49301234^\n", CARD_END, 4900,
	 "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"vcard-groups", BOMB_CONTACT, CARD_BEGIN, "item^.EMAIL:a^@example.org\n", CARD_END, 4900,
	 "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"vcard-other-numbers", BOMB_OTHER_CONTACT, CARD_BEGIN, "TEL;CELL:+49301234^\n", CARD_END,
	 4900, "SyncHdr=200 Sync=200 Add=201 Replace=200", TRUE},
	{"vcard-other-names", BOMB_OTHER_CONTACT, CARD_BEGIN, "X-A^:1\n", CARD_END, 4900,
	 "SyncHdr=200 Sync=200 Add=201 Replace=200", TRUE},
	{"vcard-base64", BOMB_CONTACT, CARD_BEGIN "PHOTO;ENCODING=BASE64:", "AAAAAAAAAA",
	 "\n\n" CARD_END, 150000, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"vcard-base64-that-is-none", BOMB_CONTACT, CARD_BEGIN "PHOTO;ENCODING=BASE64:", "=*=*=*=",
	 "\n\n" CARD_END, 200000, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"vcard-quoted-printable", BOMB_CONTACT, CARD_BEGIN "NOTE;ENCODING=QUOTED-PRINTABLE:",
	 "=0D=0A", "\n" CARD_END, 300000, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"vcard-soft-breaks", BOMB_CONTACT, CARD_BEGIN "NOTE;ENCODING=QUOTED-PRINTABLE:", "=\n",
	 "\n" CARD_END, 600000, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"vcard-nested", BOMB_CONTACT, NULL, "BEGIN:VCARD\n", NULL, 100000,
	 "SyncHdr=200 Sync=200 Add=413", FALSE},
	{"vcard-agents", BOMB_CONTACT, CARD_BEGIN, "AGENT:\nBEGIN:VCARD\n", CARD_END, 50000,
	 "SyncHdr=200 Sync=200 Add=413", FALSE},
	{"vcard-another-host", BOMB_CONTACT,
	 CARD_BEGIN "PHOTO;VALUE=URL:http://127.0.0.1:$PORT/\nKEY;VALUE=URL:file://$FILE\n"
		    "SOUND;VALUE=URI:file://$FILE\n",
	 NULL, CARD_END, 0, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"vcard-charset-that-is-none", BOMB_CONTACT,
	 CARD_BEGIN "NOTE;CHARSET=../../etc/passwd;ENCODING=QUOTED-PRINTABLE:=FF\n", NULL, CARD_END,
	 0, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"vcard-bad-utf-8", BOMB_CONTACT, CARD_BEGIN "NOTE;ENCODING=QUOTED-PRINTABLE:", "=FF=FE",
	 "\n" CARD_END, 200000, "SyncHdr=200 Sync=200 Add=201", TRUE},

	/* --- calendars --------------------------------------------------------------------- */
	{"ical-properties", BOMB_CALENDAR, ICAL_BEGIN EVENT_BEGIN, "X-A:1\n", EVENT_END ICAL_END,
	 100000, "SyncHdr=200 Sync=200 Add=413", FALSE},
	{"ical-a-line-of-1-MB", BOMB_CALENDAR, ICAL_BEGIN EVENT_BEGIN "DESCRIPTION:", "0123456789",
	 "\n" EVENT_END ICAL_END, 100000, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"ical-nested", BOMB_CALENDAR, NULL, "BEGIN:VEVENT\n", NULL, 100000,
	 "SyncHdr=200 Sync=200 Add=415", FALSE},
	{"ical-events", BOMB_CALENDAR, ICAL_BEGIN, EVENT_BEGIN EVENT_END, ICAL_END, 20000,
	 "SyncHdr=200 Sync=200 Add=413", FALSE},
	{"ical-alarms", BOMB_CALENDAR, ICAL_BEGIN EVENT_BEGIN,
	 "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT^M\nEND:VALARM\n", EVENT_END ICAL_END, 10000,
	 "SyncHdr=200 Sync=200 Add=413", FALSE},
	{"ical-other-guests", BOMB_OTHER_CALENDAR, ICAL_BEGIN EVENT_BEGIN,
	 "ATTENDEE:mailto:a^@example.org\n", EVENT_END ICAL_END, 4900,
	 "SyncHdr=200 Sync=200 Add=201 Replace=200", TRUE},
	{"ical-an-alarm-of-others", BOMB_OTHER_CALENDAR,
	 ICAL_BEGIN EVENT_BEGIN "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT5M\n", "X-A;X-B=^:1\n",
	 "END:VALARM\n" EVENT_END ICAL_END, 4900, "SyncHdr=200 Sync=200 Add=201 Replace=207", TRUE},
	{"ical-a-rule-of-each-second", BOMB_CALENDAR,
	 ICAL_BEGIN EVENT_BEGIN "RRULE:FREQ=SECONDLY;COUNT=999999999\n", NULL, EVENT_END ICAL_END,
	 0, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"ical-a-rule-that-is-never", BOMB_CALENDAR,
	 ICAL_BEGIN EVENT_BEGIN "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=10000\n", NULL,
	 EVENT_END ICAL_END, 0, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"ical-a-rule-of-10,000", BOMB_CALENDAR,
	 ICAL_BEGIN EVENT_BEGIN "RRULE:FREQ=DAILY;COUNT=10000\n", NULL, EVENT_END ICAL_END, 0,
	 "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"ical-a-rule-of-all", BOMB_CALENDAR,
	 ICAL_BEGIN EVENT_BEGIN
	 "RRULE:FREQ=YEARLY;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23;"
	 "BYMINUTE=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,"
	 "29,30;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYSETPOS=-366;UNTIL=99991231T000000Z\n",
	 NULL, EVENT_END ICAL_END, 0, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"ical-a-long-rule", BOMB_CALENDAR, ICAL_BEGIN EVENT_BEGIN "RRULE:FREQ=DAILY;BYMONTHDAY=1",
	 ",1", "\n" EVENT_END ICAL_END, 500000, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"ical-rules", BOMB_CALENDAR, ICAL_BEGIN EVENT_BEGIN, "RRULE:FREQ=DAILY;COUNT=^\n",
	 EVENT_END ICAL_END, 4900, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"ical-dates", BOMB_CALENDAR, ICAL_BEGIN EVENT_BEGIN "RDATE:20270101T100000Z",
	 ",20270101T100000Z", "\n" EVENT_END ICAL_END, 100000, "SyncHdr=200 Sync=200 Add=413",
	 FALSE},
	{"ical-lists-of-dates", BOMB_CALENDAR, ICAL_BEGIN EVENT_BEGIN, "RDATE:20270101T100000Z\n",
	 EVENT_END ICAL_END, 4900, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"ical-exceptions", BOMB_CALENDAR,
	 ICAL_BEGIN EVENT_BEGIN "RRULE:FREQ=DAILY\nEXDATE:20270101T100000Z", ",20270102T100000Z",
	 "\n" EVENT_END ICAL_END, 100000, "SyncHdr=200 Sync=200 Add=413", FALSE},
	{"ical-overrides", BOMB_CALENDAR, ICAL_BEGIN EVENT_BEGIN "RRULE:FREQ=DAILY\n" EVENT_END,
	 OVERRIDE("$DAY", ""), ICAL_END, 900, "SyncHdr=200 Sync=200 Add=413", FALSE},
	{"ical-overrides-that-are-taken", BOMB_CALENDAR,
	 ICAL_BEGIN EVENT_BEGIN "RRULE:FREQ=DAILY\n" EVENT_END, OVERRIDE("$DAY", ""), ICAL_END,
	 LIMIT_EVENT_EXCEPTIONS, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"ical-overrides-of-a-day", BOMB_CALENDAR,
	 ICAL_BEGIN EVENT_BEGIN "RRULE:FREQ=DAILY\n" EVENT_END, OVERRIDE("20270102", ""), ICAL_END,
	 LIMIT_EVENT_EXCEPTIONS, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"ical-overrides-with-a-zone", BOMB_CALENDAR,
	 ICAL_BEGIN
	 "BEGIN:VTIMEZONE\nTZID:Z\n" OFFSETS OFFSETS OFFSETS OFFSETS OFFSETS OFFSETS OFFSETS OFFSETS
	 "END:VTIMEZONE\n" EVENT_BEGIN "RRULE:FREQ=DAILY\n" EVENT_END,
	 OVERRIDE("$DAY", ";TZID=Z"), ICAL_END, LIMIT_EVENT_EXCEPTIONS,
	 "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"ical-overrides-with-alarms", BOMB_CALENDAR,
	 ICAL_BEGIN EVENT_BEGIN "RRULE:FREQ=DAILY\n" EVENT_END,
	 "BEGIN:VEVENT\nUID:bomb\nRECURRENCE-ID:$DAYT100000Z\nDTSTART:$DAYT110000Z\n"
	 "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT5M\nEND:VALARM\nEND:VEVENT\n",
	 ICAL_END, LIMIT_EVENT_EXCEPTIONS, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"ical-zones", BOMB_CALENDAR, ICAL_BEGIN,
	 "BEGIN:VTIMEZONE\nTZID:Z^\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0100\n"
	 "TZOFFSETTO:+0200\nRRULE:FREQ=YEARLY\nEND:STANDARD\nEND:VTIMEZONE\n",
	 EVENT_BEGIN EVENT_END ICAL_END, 900, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"ical-offsets-of-a-zone", BOMB_CALENDAR, ICAL_BEGIN "BEGIN:VTIMEZONE\nTZID:Z\n",
	 "BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\n"
	 "RRULE:FREQ=DAILY\nEND:STANDARD\n",
	 "END:VTIMEZONE\nBEGIN:VEVENT\nUID:bomb\nDTSTART;TZID=Z:20270101T100000\nRRULE:FREQ=DAILY\n"
	 "SUMMARY:Bomb\n" EVENT_END ICAL_END,
	 900, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"ical-a-zone-of-a-file", BOMB_CALENDAR,
	 ICAL_BEGIN "BEGIN:VEVENT\nUID:bomb\nSUMMARY:Bomb\nDTSTART;TZID=../../../../../..$FILE:"
		    "20270101T100000\n",
	 NULL, EVENT_END ICAL_END, 0, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"ical-another-host", BOMB_CALENDAR,
	 ICAL_BEGIN EVENT_BEGIN "ATTACH:http://127.0.0.1:$PORT/\nATTACH:file://$FILE\n", NULL,
	 EVENT_END ICAL_END, 0, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"ical-the-year-9999", BOMB_CALENDAR,
	 ICAL_BEGIN "BEGIN:VEVENT\nUID:bomb\nSUMMARY:Bomb\nDTSTART:99991231T235959Z\n"
		    "DURATION:P99999999999W\nRRULE:FREQ=YEARLY;INTERVAL=999999999\n",
	 NULL, EVENT_END ICAL_END, 0, "SyncHdr=200 Sync=200 Add=415", FALSE},
	{"ical-the-year-0", BOMB_CALENDAR,
	 ICAL_BEGIN "BEGIN:VEVENT\nUID:bomb\nSUMMARY:Bomb\nDTSTART:00000000T000000Z\n", NULL,
	 EVENT_END ICAL_END, 0, "SyncHdr=200 Sync=200 Add=415", FALSE},
	{"vcal-rules", BOMB_VCALENDAR, VCAL_BEGIN EVENT_BEGIN "RRULE:", "MP1 1+ 2- MO TU ",
	 "#0\n" EVENT_END ICAL_END, 50000, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"vcal-a-rule-of-each-minute", BOMB_VCALENDAR,
	 VCAL_BEGIN EVENT_BEGIN "RRULE:M1 #999999999\n", NULL, EVENT_END ICAL_END, 0,
	 "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"vcal-nested-rules", BOMB_VCALENDAR,
	 VCAL_BEGIN EVENT_BEGIN "RRULE:YM1 1 MP1 1+ MO "
				"W1 TU D1 1200 M15 #0\n",
	 NULL, EVENT_END ICAL_END, 0, "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"vcal-alarms", BOMB_VCALENDAR, VCAL_BEGIN EVENT_BEGIN,
	 "DALARM:20270101T090000Z;PT5M;999999999;x\n", EVENT_END ICAL_END, 4900,
	 "SyncHdr=200 Sync=200 Add=201", TRUE},
	{"vcal-daylight", BOMB_VCALENDAR, VCAL_BEGIN,
	 "DAYLIGHT:TRUE;+02;20270401T020000Z;20271001T020000Z;A;B\n",
	 EVENT_BEGIN EVENT_END ICAL_END, 4900, "SyncHdr=200 Sync=200 Add=201", TRUE},

	/* --- SyncML ------------------------------------------------------------------------- */
	{"alerts", BOMB_BODY, NULL, "<Alert><CmdID>^</CmdID><Data>100</Data></Alert>", NULL, 10000,
	 "SyncHdr=200 Alert=200", FALSE},
	{"adds", BOMB_SYNC, NULL, ADD("^", "7", "", "x") END_ADD, NULL, 10000,
	 "SyncHdr=200 Sync=200 Add=415", FALSE},
	{"items-of-an-add", BOMB_SYNC, "<Delete><CmdID>2</CmdID>", ITEM("x^"), "</Delete>", 10000,
	 "SyncHdr=200 Sync=200 Delete=211", FALSE},
	{"gets", BOMB_BODY, NULL,
	 "<Get><CmdID>^</CmdID><Item><Target><LocURI>./devinf12</LocURI></Target></Item></Get>",
	 NULL, 10000, "SyncHdr=200 Get=200", FALSE},
	{"statuses", BOMB_BODY, NULL,
	 "<Status><CmdID>^</CmdID><MsgRef>1</MsgRef><CmdRef>^</CmdRef><Cmd>Add</Cmd><Data>201</"
	 "Data></Status>",
	 NULL, 10000, "SyncHdr=200", FALSE},
	{"nested-atomic", BOMB_SYNC, NULL, "<Atomic><CmdID>^</CmdID>", NULL, 70, "400", FALSE},
	{"nested-sequence", BOMB_SYNC,
	 "<Sequence><CmdID>2</CmdID><Sequence><CmdID>3</CmdID><Sequence><CmdID>4</CmdID>"
	 "<Sequence><CmdID>5</CmdID><Sequence><CmdID>6</CmdID><Sequence><CmdID>7</CmdID>",
	 ADD("8", "x^", "", "x") END_ADD,
	 "</Sequence></Sequence></Sequence></Sequence></Sequence></Sequence>", 1000,
	 "SyncHdr=200 Sync=200 Sequence=200 Add=415", FALSE},
	{"sequences-of-atomics", BOMB_SYNC, NULL,
	 "<Atomic><CmdID>2</CmdID><Sequence><CmdID>3</CmdID><Atomic><CmdID>4</CmdID>" ITEM(
		 "x^") "</Atomic></Sequence></Atomic>",
	 NULL, 1000, "SyncHdr=200 Sync=200 Atomic=200 Sequence=200", FALSE},
	{"number-of-changes", BOMB_BODY,
	 "<Sync><CmdID>1</CmdID><Target><LocURI>contacts</LocURI></Target><Source><LocURI>"
	 "./contacts</LocURI></Source><NumberOfChanges>18446744073709551615</NumberOfChanges>"
	 "</Sync>",
	 NULL, NULL, 0, "SyncHdr=200 Sync=200", FALSE},
	{"number-of-changes-that-is-none", BOMB_BODY,
	 "<Sync><CmdID>1</CmdID><Target><LocURI>contacts</LocURI></Target><Source><LocURI>"
	 "./contacts</LocURI></Source><NumberOfChanges>-1</NumberOfChanges></Sync>",
	 NULL, NULL, 0, "SyncHdr=200 Sync=200", FALSE},
	{"size-of-4-GB", BOMB_SYNC, ADD("2", "x", "<Size>4294967296</Size>", "x") MORE END_ADD,
	 NULL, NULL, 0, "SyncHdr=200 Sync=200 Add=416", FALSE},
	{"size-missing", BOMB_SYNC, ADD("2", "x", "", "x") MORE END_ADD, NULL, NULL, 0,
	 "SyncHdr=200 Sync=200 Add=411", FALSE},
	{"size-too-small", BOMB_SYNC,
	 ADD("2", "x", "<Size>2</Size>", CARD_BEGIN) MORE END_ADD ADD("3", "x", "", CARD_END)
		 END_ADD,
	 NULL, NULL, 0, "SyncHdr=200 Sync=200 Add=213 Add=424", FALSE},
	{"size-too-large", BOMB_SYNC,
	 ADD("2", "x", "<Size>4000000</Size>", CARD_BEGIN) MORE END_ADD ADD("3", "x", "", CARD_END)
		 END_ADD,
	 NULL, NULL, 0, "SyncHdr=200 Sync=200 Add=213 Add=424", FALSE},
	{"chunk-without-end", BOMB_SYNC, ADD("2", "x", "<Size>3900000</Size>", "x") MORE END_ADD,
	 ADD("3", "x", "", "0123456789") MORE END_ADD, NULL, 5000,
	 "SyncHdr=200 Sync=200 Add=213 Add=413", FALSE},
	{"chunks-of-many-objects", BOMB_SYNC, NULL,
	 ADD("3", "x^", "<Size>4000000</Size>", "0123456789") MORE END_ADD, NULL, 5000,
	 "SyncHdr=200 Sync=200 Add=213 Add=413", FALSE},
	{"long-session-id", BOMB_XML, "<SyncML><SyncHdr><SessionID>", "0123456789",
	 "</SessionID></SyncHdr></SyncML>", 100000, "400", FALSE},
	{"long-address", BOMB_XML, "<SyncML><SyncHdr><Target><LocURI>", "0123456789",
	 "</LocURI></Target></SyncHdr></SyncML>", 100000, "400", FALSE},
	{"long-anchor", BOMB_FIRST,
	 "<Alert><CmdID>1</CmdID><Data>200</Data><Item><Target><LocURI>"
	 "contacts</LocURI></Target><Meta><Anchor><Last>a</Last><Next>",
	 "0123456789", "</Next></Anchor></Meta></Item></Alert>", 100, "SyncHdr=212 Alert=200",
	 FALSE},
	{"msgid-0", BOMB_XML,
	 "<SyncML><SyncHdr><SessionID>2</SessionID><MsgID>0</MsgID><Source><LocURI>dev</LocURI></"
	 "Source></SyncHdr></SyncML>",
	 NULL, NULL, 0, "400", FALSE},
	{"msgid-of-33-bits", BOMB_XML,
	 "<SyncML><SyncHdr><SessionID>2</SessionID><MsgID>4294967297</MsgID><Source><LocURI>dev</"
	 "LocURI></Source></SyncHdr></SyncML>",
	 NULL, NULL, 0, "400", FALSE},
	{"msgid-of-32-bits", BOMB_XML, HEADER_OF("4294967295", "") CLOSE, NULL, NULL, 0,
	 "SyncHdr=200", FALSE},
	{"resp-uri-of-another-host", BOMB_XML,
	 HEADER_OF("2", "<RespURI>http://127.0.0.1:$PORT/</RespURI>") CLOSE, NULL, NULL, 0,
	 "SyncHdr=200", FALSE},
	{"another-device-at-this-address", BOMB_XML,
	 "<SyncML><SyncHdr><VerDTD>1.2</VerDTD><VerProto>SyncML/1.2</VerProto><SessionID>2</"
	 "SessionID><MsgID>2</MsgID><Target><LocURI>x</LocURI></Target>"
	 "<Source><LocURI>../../dev</LocURI></Source></SyncHdr>"
	 "<SyncBody><Sync><CmdID>1</CmdID><Target><LocURI>contacts</LocURI></Target></Sync>"
	 "<Final/></SyncBody></SyncML>",
	 NULL, NULL, 0, "SyncHdr=407 Sync=407", FALSE},
	{"databases-by-path", BOMB_FIRST, NULL, ALERT_OF("^", "../../../..$FILE", ""), NULL, 10,
	 "SyncHdr=212 Alert=404", FALSE},
	{"map-flood", BOMB_BODY, MAP,
	 "<MapItem><Target><LocURI>^</LocURI></Target><Source><LocURI>x^</LocURI></Source></"
	 "MapItem>",
	 "</Map>", 20000, "SyncHdr=200 Map=404", FALSE},
	{"maps", BOMB_BODY, NULL,
	 MAP "<MapItem><Target><LocURI>^</LocURI></Target><Source><LocURI>1</LocURI></Source></"
	     "MapItem></Map>",
	 NULL, 8000, "SyncHdr=200 Map=404", FALSE},
	{"devinf-stores", BOMB_BODY, PUT "<DevInf><VerDTD>1.2</VerDTD><DevID>dev</DevID>",
	 "<DataStore><SourceRef>./x^</SourceRef></DataStore>", "</DevInf>" END_PUT, 20000, "400",
	 FALSE},
	{"devinf-properties", BOMB_BODY,
	 PUT "<DevInf><VerDTD>1.1</VerDTD><DevID>dev</DevID><CTCap><CTType>text/x-vcard</CTType>",
	 "<PropName>X^</PropName>", "</CTCap></DevInf>" END_PUT, 50000, "400", FALSE},
	{"devinf-extensions", BOMB_BODY, PUT "<DevInf><VerDTD>1.2</VerDTD><DevID>dev</DevID>",
	 "<Ext><XNam>x^</XNam><XVal>1</XVal></Ext>", "</DevInf>" END_PUT, 30000, "400", FALSE},
	{"puts", BOMB_BODY, NULL,
	 PUT "<DevInf><VerDTD>1.2</VerDTD><DevID>dev</DevID></DevInf>" END_PUT, NULL, 8000,
	 "SyncHdr=200 Put=200 Put=413", FALSE},
	{"filter-terms", BOMB_FIRST,
	 "<Alert><CmdID>1</CmdID><Data>200</Data><Item><Target><LocURI>contacts</LocURI><Filter>"
	 "<Record><Item><Data>",
	 "N&amp;EQ;x&amp;AND;",
	 "N&amp;EQ;x</Data></Item></Record></Filter></Target>" RIGHT_ANCHORS "</Item></Alert>",
	 50000, "SyncHdr=212 Alert=422", FALSE},
	{"filter-depth", BOMB_FIRST,
	 "<Alert><CmdID>1</CmdID><Data>200</Data><Item><Target><LocURI>contacts</LocURI><Filter>"
	 "<Record><Item><Data>",
	 "(", "</Data></Item></Record></Filter></Target>" RIGHT_ANCHORS "</Item></Alert>", 4000,
	 "SyncHdr=212 Alert=422", FALSE},
	{"credentials-of-1-MB", BOMB_XML,
	 "<SyncML><SyncHdr><VerDTD>1.2</VerDTD><VerProto>SyncML/1.2</VerProto><SessionID>2</"
	 "SessionID><MsgID>1</MsgID><Target><LocURI>x</LocURI></Target><Source><LocURI>dev</LocURI>"
	 "</Source><Cred><Meta><Type>syncml:auth-basic</Type></Meta><Data>",
	 "cGF0OnBhdDpw", "</Data></Cred></SyncHdr></SyncML>", 90000, "SyncHdr=400", FALSE},
};
const guint bombs_count = G_N_ELEMENTS(bombs);
