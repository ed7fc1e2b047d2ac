#include "bombs.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <sys/inotify.h>
#include <sys/socket.h>

#include "message.h"

#define NOW 1000000000
#define DEVINF                                                                                 \
	"<Put><CmdID>9</CmdID><Meta><Type>application/vnd.syncml-devinf+xml</Type></Meta>"     \
	"<Item><Source><LocURI>./devinf12</LocURI></Source><Data><DevInf><VerDTD>1.2</VerDTD>" \
	"<DevID>dev</DevID><DevTyp>phone</DevTyp><UTC/><SupportLargeObjs/>"                    \
	"<SupportNumberOfChanges/></DevInf></Data></Item></Put>"

/* --- messages --------------------------------------------------------------------------------- */

static char *head(guint session, guint msg, const char *url, const char *more)
{
	return g_strdup_printf("<SyncML><SyncHdr><VerDTD>1.2</VerDTD><VerProto>SyncML/1.2</"
			       "VerProto><SessionID>%u</SessionID><MsgID>%u</MsgID><Target><LocURI>"
			       "%s</LocURI></Target><Source><LocURI>dev</LocURI></Source>%s</"
			       "SyncHdr><SyncBody>",
			       session, msg, url == NULL ? WORLD_URL : url, more);
}

static void append_unit(GString *text, const char *unit, guint number)
{
	g_autofree char *digits = g_strdup_printf("%u", number);
	g_autofree char *date = NULL;
	GString *one = g_string_new(unit);
	GDate day;

	g_string_replace(one, "^", digits, 1);
	if (strstr(unit, "$DAY") != NULL) {
		g_date_set_dmy(&day, 1, G_DATE_JANUARY, 2027);
		g_date_add_days(&day, number);
		date = g_strdup_printf("%04u%02u%02u", g_date_get_year(&day),
				       (guint)g_date_get_month(&day), g_date_get_day(&day));
		g_string_replace(one, "$DAY", date, 0);
	}
	g_string_append_len(text, one->str, (gssize)one->len);
	g_string_free(one, TRUE);
}

static GString *unit_text(const struct bomb *bomb, guint first)
{
	GString *text = g_string_new(bomb->before);

	for (guint i = 0; i < bomb->count; i++)
		append_unit(text, bomb->unit, first + i);
	g_string_append(text, bomb->after == NULL ? "" : bomb->after);
	return text;
}

static void append_word(GByteArray *octets, const char *word)
{
	for (; word[0] != '\0' && word[1] != '\0'; word += 2) {
		guint8 octet = (guint8)(g_ascii_xdigit_value(word[0]) << 4 |
					g_ascii_xdigit_value(word[1]));

		g_byte_array_append(octets, &octet, 1);
	}
}

/* "6d 03'1.2'00 01" */
static void append_octets(GByteArray *octets, const char *text)
{
	while (*text != '\0') {
		gsize len = strcspn(text, " '");
		g_autofree char *word = g_strndup(text, len);

		append_word(octets, word);
		text += len;
		if (*text == '\'') {
			len = strcspn(text + 1, "'");
			g_byte_array_append(octets, (const guint8 *)text + 1, (guint)len);
			text += len + 2;
		} else if (*text == ' ') {
			text++;
		}
	}
}

static GBytes *wbxml_of(const struct bomb_site *site, const struct bomb *bomb)
{
	GByteArray *octets = g_byte_array_new();
	g_autofree char *header = g_strdup_printf(
		"02a4016a00 6d6c 7103'1.2'0001 7203'SyncML/1.2'0001 6503'2'0001 5b03'2'0001"
		" 6e5703'%s'000101 675703'dev'000101 01 6b",
		site->url);

	if (bomb->place == BOMB_WBXML_BODY)
		append_octets(octets, header);
	append_octets(octets, bomb->before == NULL ? "" : bomb->before);
	for (guint i = 0; i < bomb->count; i++)
		append_octets(octets, bomb->unit);
	append_octets(octets, bomb->after == NULL ? "" : bomb->after);
	if (bomb->place == BOMB_WBXML_BODY)
		append_octets(octets, "0101");
	return g_byte_array_free_to_bytes(octets);
}

#define COMMAND_OF(name, id, type)                                                \
	"<" name "><CmdID>" id "</CmdID><Meta><Type>" type "</Type></Meta><Item>" \
	"<Source><LocURI>bomb</LocURI></Source><Data>"
#define SYNC_OF(database, type)                           \
	"<Sync><CmdID>1</CmdID><Target><LocURI>" database \
	"</LocURI></Target><Source><LocURI>./" database   \
	"</LocURI></Source>" COMMAND_OF("Add", "2", type)
#define END_OF_ADD "</Data></Item></Add>"
#define REPLACE_OF(type) END_OF_ADD COMMAND_OF("Replace", "3", type)
#define END_OF_REPLACE "</Data></Item></Replace></Sync>"

static const struct {
	const char *begin, *end;
} around[] = {
	[BOMB_BODY] = {"", "<Final/>"},
	[BOMB_FIRST] = {"", "<Final/>"},
	[BOMB_SYNC] = {"<Sync><CmdID>1</CmdID><Target><LocURI>contacts</LocURI></Target><Source>"
		       "<LocURI>./contacts</LocURI></Source>",
		       "</Sync><Final/>"},
	[BOMB_CONTACT] = {SYNC_OF("contacts", "text/x-vcard"), END_OF_ADD "</Sync>"},
	[BOMB_CALENDAR] = {SYNC_OF("calendar", "text/calendar"), END_OF_ADD "</Sync>"},
	[BOMB_VCALENDAR] = {SYNC_OF("calendar", "text/x-vcalendar"), END_OF_ADD "</Sync>"},
	[BOMB_OTHER_CONTACT] = {SYNC_OF("contacts", "text/x-vcard"), END_OF_REPLACE},
	[BOMB_OTHER_CALENDAR] = {SYNC_OF("calendar", "text/calendar"), END_OF_REPLACE},
};

static void append_replace(GString *text, const struct bomb *bomb)
{
	GString *other = unit_text(bomb, bomb->count + 1);

	g_string_append(text, bomb->place == BOMB_OTHER_CONTACT ? REPLACE_OF("text/x-vcard")
								: REPLACE_OF("text/calendar"));
	g_string_append_len(text, other->str, (gssize)other->len);
	g_string_free(other, TRUE);
}

static GBytes *body_of(const struct bomb_site *site, const struct bomb *bomb)
{
	g_autofree char *port = g_strdup_printf("%u", site->port);
	g_autofree char *begin = NULL;
	GString *text;

	if (bomb->place >= BOMB_WBXML)
		return wbxml_of(site, bomb);
	text = unit_text(bomb, 1);
	if (bomb->place == BOMB_OTHER_CONTACT || bomb->place == BOMB_OTHER_CALENDAR)
		append_replace(text, bomb);
	g_string_replace(text, "$FILE", site->file, 16);
	g_string_replace(text, "$PORT", port, 16);
	if (bomb->place == BOMB_XML)
		return g_string_free_to_bytes(text);
	begin = bomb->place == BOMB_FIRST ? head(3, 1, NULL, BOMB_CRED) : head(2, 2, site->url, "");
	g_string_prepend(text, around[bomb->place].begin);
	g_string_prepend(text, begin);
	g_string_append(text, around[bomb->place].end);
	g_string_append(text, "</SyncBody></SyncML>");
	return g_string_free_to_bytes(text);
}

/* --- the site ------------------------------------------------------------- */

static void take_url(struct bomb_site *site, GBytes *answer)
{
	gsize len;
	const void *data = g_bytes_get_data(answer, &len);
	g_autoptr(sml_message_t) message = sml_message_read(SML_XML, data, len, NULL);

	g_assert_nonnull(message);
	if (message->resp_uri == NULL)
		return;
	g_free(site->url);
	site->url = g_strdup(message->resp_uri);
}

guint bomb_site_say(struct bomb_site *site, guint session, guint msg, const char *more,
		    const char *commands)
{
	g_autofree char *begin = NULL;
	g_autoptr(GBytes) body = NULL, answer = NULL;
	char *text;
	guint http;

	if (msg == 1)
		g_clear_pointer(&site->url, g_free);
	begin = head(session, msg, site->url, more);
	text = g_strconcat(begin, commands, "<Final/></SyncBody></SyncML>", NULL);
	body = g_bytes_new_take(text, strlen(text));
	answer = sync_post(&site->world.service, body, SML_XML, site->url, NULL, NOW + msg, &http);
	if (answer != NULL)
		take_url(site, answer);
	return http;
}

static void say(struct bomb_site *site, guint session, guint msg, const char *more,
		const char *commands)
{
	g_assert_cmpuint(bomb_site_say(site, session, msg, more, commands), ==, 200);
}

#define ALERT(id, code, database, last, next)                                                   \
	"<Alert><CmdID>" id "</CmdID><Data>" code "</Data><Item><Target><LocURI>" database      \
	"</LocURI></Target><Source><LocURI>./" database "</LocURI></Source><Meta><Anchor>" last \
	"<Next>" next "</Next></Anchor></Meta></Item></Alert>"
#define ADD(id, luid, type, text)                                                                 \
	"<Add><CmdID>" id "</CmdID><Meta><Type>" type "</Type></Meta><Item><Source><LocURI>" luid \
	"</LocURI></Source><Data>" text "</Data></Item></Add>"
#define SYNC(id, database, children)                                                        \
	"<Sync><CmdID>" id "</CmdID><Target><LocURI>" database "</LocURI></Target><Source>" \
	"<LocURI>./" database "</LocURI></Source>" children "</Sync>"
#define CARD(name) "BEGIN:VCARD\nVERSION:2.1\nN:" name ";G\nTEL;CELL:111\nEND:VCARD\n"
#define EVENT                                                                            \
	"BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:e1\nDTSTART:20270101T100000Z\n" \
	"SUMMARY:Event\nEND:VEVENT\nEND:VCALENDAR\n"

/* Both sides have Ann, Bob and an event; then another session begins. */
static void begin_sync(struct bomb_site *site)
{
	say(site, 1, 1, BOMB_CRED,
	    DEVINF ALERT("1", "201", "contacts", "", "a") ALERT("2", "201", "calendar", "", "a"));
	say(site, 1, 2, "",
	    SYNC("1", "contacts",
		 ADD("2", "1", "text/x-vcard", CARD("Ann"))
			 ADD("3", "2", "text/x-vcard", CARD("Bob")))
		    SYNC("4", "calendar", ADD("5", "1", "text/calendar", EVENT)));
	say(site, 1, 3, "",
	    "<Status><CmdID>1</CmdID><MsgRef>2</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd>"
	    "<Data>200</Data></Status>");
	say(site, 2, 1, BOMB_CRED,
	    ALERT("1", "200", "contacts", "<Last>a</Last>", "b")
		    ALERT("2", "200", "calendar", "<Last>a</Last>", "b"));
}

static void begin_watching(struct bomb_site *site)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);

	site->file = g_build_filename(site->world.dir, "secret", NULL);
	g_assert_true(g_file_set_contents(site->file, "secret", -1, NULL));
	site->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	g_assert_cmpint(inotify_add_watch(site->watch, site->file, IN_OPEN | IN_ACCESS), >=, 0);
	site->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	g_assert_cmpint(bind(site->listener, (struct sockaddr *)&address, len), ==, 0);
	g_assert_cmpint(listen(site->listener, 1), ==, 0);
	g_assert_cmpint(getsockname(site->listener, (struct sockaddr *)&address, &len), ==, 0);
	site->port = ntohs(address.sin_port);
}

void bomb_site_init(struct bomb_site *site)
{
	memset(site, 0, sizeof(*site));
	sync_world_init(&site->world);
	begin_watching(site);
	begin_sync(site);
}

void bomb_site_clear(struct bomb_site *site)
{
	close(site->watch);
	close(site->listener);
	sync_world_clear(&site->world);
	g_free(site->url);
	g_free(site->file);
}

gboolean bomb_site_touched(const struct bomb_site *site)
{
	char events[4096];
	int connection = accept4(site->listener, NULL, NULL, SOCK_CLOEXEC);

	if (connection >= 0)
		close(connection);
	return connection >= 0 || read(site->watch, events, sizeof(events)) > 0;
}

/* --- what is there -------------------------------------------------------- */

static gboolean dump_row(const struct pim_row *row, gpointer data)
{
	g_autofree char *text = row->content == NULL ? g_strdup("deleted")
						     : g_strndup(row->content, row->content_len);

	g_string_append_printf(data,
			       "item %" G_GINT64_FORMAT " of revision %" G_GUINT64_FORMAT ": %s\n",
			       row->id, row->revision, text);
	return TRUE;
}

static gboolean dump_version(const struct pim_version *version, gpointer data)
{
	g_string_append_printf(data, "version %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " %s\n",
			       version->version, version->item, version->why);
	return TRUE;
}

static gboolean dump_map(const struct pim_map *map, gpointer data)
{
	g_string_append_printf(data,
			       "map %" G_GINT64_FORMAT ": %" G_GINT64_FORMAT
			       " is %s, seen %" G_GUINT64_FORMAT ", pending %u\n",
			       map->id, map->item, map->luid, map->seen, (guint)map->pending);
	return TRUE;
}

static gboolean note_target(const struct pim_target *target, gpointer data)
{
	gint64 id = target->id;

	g_array_append_val(data, id);
	return TRUE;
}

static gboolean note_peer(const struct pim_peer *peer, gpointer data)
{
	gint64 id = peer->id;

	g_array_append_val(data, id);
	return TRUE;
}

static void dump_maps(struct pim_txn *txn, GString *out, GError **error)
{
	g_autoptr(GArray) peers = g_array_new(FALSE, FALSE, sizeof(gint64));
	g_autoptr(GArray) targets = g_array_new(FALSE, FALSE, sizeof(gint64));

	pim_txn_peers(txn, note_peer, peers, error);
	for (guint i = 0; i < peers->len && *error == NULL; i++)
		pim_txn_targets(txn, g_array_index(peers, gint64, i), note_target, targets, error);
	for (guint i = 0; i < targets->len && *error == NULL; i++)
		pim_txn_maps(txn, g_array_index(targets, gint64, i), 0, FALSE, G_MAXINT, dump_map,
			     out, error);
}

char *bomb_site_dump(const struct bomb_site *site)
{
	g_autoptr(GError) error = NULL;
	GString *out = g_string_new(NULL);
	struct pim_txn *txn = pim_txn_begin(site->world.store, WORLD_USER, FALSE, &error);

	g_assert_no_error(error);
	for (enum pim_collection i = 0; i < PIM_COLLECTIONS && error == NULL; i++)
		pim_txn_changes(txn, i, ~0u, 0, G_MAXINT64, G_MAXINT, dump_row, out, &error);
	pim_txn_history(txn, 0, G_MAXINT, dump_version, out, &error);
	dump_maps(txn, out, &error);
	g_assert_no_error(error);
	pim_txn_abort(txn);
	return g_string_free(out, FALSE);
}

/* --- throwing ------------------------------------------------------------- */

static void add_once(GString *words, const char *cmd, guint code)
{
	g_autofree char *word = g_strdup_printf("%s=%u", cmd, code);
	g_auto(GStrv) known = g_strsplit(words->str, " ", -1);

	if (!g_strv_contains((const char *const *)known, word))
		g_string_append_printf(words, "%s%s", words->len > 0 ? " " : "", word);
}

static char *heard(guint http, enum sml_encoding encoding, GBytes *answer)
{
	GString *words = g_string_new(NULL);
	g_autoptr(sml_message_t) message = NULL;

	if (answer == NULL) {
		g_string_printf(words, "%u", http);
		return g_string_free(words, FALSE);
	}
	message = sml_message_read(encoding, g_bytes_get_data(answer, NULL),
				   g_bytes_get_size(answer), NULL);
	g_assert_nonnull(message);
	for (guint i = 0; i < message->commands->len; i++) {
		const struct sml_command *command = message->commands->pdata[i];

		if (command->kind == SML_CMD_STATUS)
			add_once(words, command->cmd, command->code);
	}
	return g_string_free(words, FALSE);
}

/* Of /proc/self/status, in kB. */
static gsize memory(const char *name)
{
	g_autofree char *text = NULL;
	const char *line;

	if (!g_file_get_contents("/proc/self/status", &text, NULL, NULL))
		return 0;
	line = strstr(text, name);
	return line == NULL ? 0 : strtoul(line + strlen(name), NULL, 10);
}

/* From now on the high-water mark is that of what comes. */
static void forget_memory(void)
{
	int file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

	malloc_trim(0);
	if (file < 0)
		return;
	g_assert_cmpint(write(file, "5", 1), ==, 1);
	close(file);
}

static double cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

void bomb_throw(struct bomb_site *site, const struct bomb *bomb, struct bomb_result *result_r)
{
	enum sml_encoding encoding = bomb->place >= BOMB_WBXML ? SML_WBXML : SML_XML;
	g_autoptr(GBytes) body = body_of(site, bomb);
	g_autoptr(GBytes) answer = NULL;
	gsize before, most;
	guint http;

	forget_memory();
	before = memory("VmRSS:");
	result_r->cpu_ms = cpu_ms();
	answer = sync_post(&site->world.service, body, encoding,
			   bomb->place == BOMB_FIRST ? NULL : site->url, NULL, NOW + 10, &http);
	result_r->cpu_ms = cpu_ms() - result_r->cpu_ms;
	most = memory("VmHWM:");
	result_r->extra_kb = most > before ? most - before : 0;
	result_r->hears = heard(http, encoding, answer);
}

void bomb_result_clear(struct bomb_result *result)
{
	g_clear_pointer(&result->hears, g_free);
}
