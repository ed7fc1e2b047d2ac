/*
 * How fast a WBXML message of a megabyte is read: into a list of commands by ours, into a tree
 * by libwbxml, in turns, on this machine.
 *
 *   bench-wbxml [--quick]
 */
#include "message.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Of libwbxml2 0.11; Debian's headers have the conversions alone. */
typedef struct WBXMLTree_s WBXMLTree;
int wbxml_tree_from_wbxml(unsigned char *wbxml, unsigned int len, int language, int charset,
			  WBXMLTree **tree);
void wbxml_tree_destroy(WBXMLTree *tree);

#define SIZE (1024 * 1024)
#define GOAL 5.0

static const char card[] =
	"BEGIN:VCARD\r\nVERSION:3.0\r\nN:Family;Given;;;\r\nFN:Given Family\r\n"
	"EMAIL;TYPE=INTERNET:given@example.org\r\nTEL;TYPE=CELL:+4930123456\r\n"
	"ADR;TYPE=HOME:;;1 High Street;Town;;12345;Germany\r\nORG:Company\r\nEND:VCARD\r\n";

/* A first sync's message: one Add after another. */
static GBytes *make_message(void)
{
	const struct markup_style style = {SML_WBXML, SML_1_2, SML_LANGUAGE_SYNCML, FALSE};
	g_autoptr(markup_writer_t) writer = markup_writer_new(&style);
	g_autoptr(sml_message_t) message = sml_message_new();
	struct sml_command *sync = sml_command_new(message, SML_CMD_SYNC);
	struct sml_command *add = sml_command_new(message, SML_CMD_ADD);
	struct sml_item *item = sml_item_new(message, add);

	message->version = SML_1_2;
	message->session_id = "1";
	message->msg_id = 2;
	message->target = "http://localhost/sync";
	message->source = "IMEI:1";
	sync->cmd_id = 1;
	sync->target = "card";
	sync->source = "contacts";
	add->meta.type = "text/vcard";
	item->source = "1234";
	item->data = g_bytes_new_static(card, strlen(card));
	sml_write_begin(writer, message);
	sml_write_open_command(writer, sync);
	for (add->cmd_id = 2; markup_writer_size(writer) < SIZE; add->cmd_id++)
		sml_write_command(writer, add);
	markup_close(writer);
	return sml_write_end(writer, TRUE);
}

static void read_ours(const void *document, gsize len)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(sml_message_t) message = sml_message_read(SML_WBXML, document, len, &error);

	if (message == NULL) {
		g_printerr("bench-wbxml: %s\n", error->message);
		exit(1);
	}
}

static void read_theirs(const void *document, gsize len)
{
	WBXMLTree *tree = NULL;
	int result =
		wbxml_tree_from_wbxml((unsigned char *)document, (unsigned int)len, 0, 0, &tree);

	if (result != 0) {
		g_printerr("bench-wbxml: libwbxml says %d\n", result);
		exit(1);
	}
	wbxml_tree_destroy(tree);
}

/* Processor time of one reading, in milliseconds. */
static double cost(void (*read)(const void *document, gsize len), GBytes *document)
{
	struct timespec before, after;
	gsize len;
	const void *data = g_bytes_get_data(document, &len);

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
	read(data, len);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
	return (double)(after.tv_sec - before.tv_sec) * 1e3 +
	       (double)(after.tv_nsec - before.tv_nsec) / 1e6;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, guint count)
{
	qsort(values, count, sizeof(values[0]), compare);
	return values[count / 2];
}

int main(int argc, char **argv)
{
	guint rounds = argc > 1 && strcmp(argv[1], "--quick") == 0 ? 11 : 101;
	g_autoptr(GBytes) document = make_message();
	g_autofree double *ours = g_new(double, rounds), *theirs = g_new(double, rounds);
	double factor;

	for (guint i = 0; i < rounds; i++) {
		ours[i] = cost(read_ours, document);
		theirs[i] = cost(read_theirs, document);
	}
	factor = median(theirs, rounds) / median(ours, rounds);
	g_print("WBXML of %zu octets: ours %.2f ms, libwbxml %.2f ms\n", g_bytes_get_size(document),
		median(ours, rounds), median(theirs, rounds));
	g_print("goal\twbxml-decode-libwbxml-ratio\t%.3g times\t>= %g times\t%s\n", factor, GOAL,
		factor >= GOAL ? "met" : "missed");
	return factor >= GOAL ? 0 : 1;
}
