#include "emn.h"
#include "wbxml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VERSION_1_3 0x03
#define PUBLIC_ID 0x0d /* -//WAPFORUM//DTD EMN 1.0//EN */
#define TAG_EMN 0x05
#define ATTRIBUTE_TIMESTAMP 0x05
#define ATTRIBUTE_MAILAT 0x07 /* mailbox="mailat: */

/* The names that have tokens of their own as parts of an attribute's value. */
static const struct {
	const char *suffix;
	unsigned int token;
} suffixes[] = {
	{".com", 0x85},
	{".edu", 0x86},
	{".net", 0x87},
	{".org", 0x88},
};

static void write_account(struct wbxml_writer *writer, const char *account)
{
	size_t len = strlen(account);

	wbxml_write_attribute(writer, ATTRIBUTE_MAILAT);
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t suffix = strlen(suffixes[i].suffix);
		char *head;

		if (len <= suffix || strcmp(account + len - suffix, suffixes[i].suffix) != 0)
			continue;
		head = strndup(account, len - suffix);
		if (head == NULL) {
			writer->failed = true;
			return;
		}
		wbxml_write_string(writer, head);
		wbxml_write_attribute(writer, suffixes[i].token);
		free(head);
		return;
	}
	wbxml_write_string(writer, account);
}

static unsigned char bcd(int number)
{
	return (unsigned char)(number / 10 % 10 << 4 | number % 10);
}

/* YYYYMMDDhhmmss, two digits an octet, without the octets of 0 at its end. */
static void write_timestamp(struct wbxml_writer *writer, int64_t timestamp)
{
	time_t seconds = (time_t)timestamp;
	unsigned char octets[7];
	size_t len = sizeof(octets);
	struct tm tm;

	if (timestamp <= 0 || gmtime_r(&seconds, &tm) == NULL || tm.tm_year > 9999 - 1900)
		return;
	octets[0] = bcd((tm.tm_year + 1900) / 100);
	octets[1] = bcd((tm.tm_year + 1900) % 100);
	octets[2] = bcd(tm.tm_mon + 1);
	octets[3] = bcd(tm.tm_mday);
	octets[4] = bcd(tm.tm_hour);
	octets[5] = bcd(tm.tm_min);
	octets[6] = bcd(tm.tm_sec);
	while (octets[len - 1] == 0)
		len--;
	wbxml_write_attribute(writer, ATTRIBUTE_TIMESTAMP);
	wbxml_write_opaque(writer, octets, len);
}

uint8_t *emn_encode(const char *account, int64_t timestamp, size_t *len_r)
{
	struct wbxml_writer writer;

	wbxml_writer_init_version(&writer, VERSION_1_3, PUBLIC_ID);
	wbxml_write_open_attributes(&writer, 0, TAG_EMN, false);
	write_account(&writer, account);
	write_timestamp(&writer, timestamp);
	wbxml_write_end_attributes(&writer);
	if (writer.failed) {
		wbxml_writer_free(&writer);
		return NULL;
	}
	*len_r = writer.len;
	return writer.data;
}

/* A URI has none of these but "&"; an account that is none must not end the attribute. */
static const char *escape(char octet)
{
	switch (octet) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	default:
		return NULL;
	}
}

char *emn_text(const char *account, int64_t timestamp)
{
	time_t seconds = (time_t)timestamp;
	FILE *out;
	char *text = NULL;
	size_t len = 0;
	struct tm tm;

	out = open_memstream(&text, &len);
	if (out == NULL)
		return NULL;
	fputs("<emn mailbox=\"mailat:", out);
	for (; *account != '\0'; account++) {
		const char *escaped = escape(*account);

		if (escaped != NULL)
			fputs(escaped, out);
		else
			fputc(*account, out);
	}
	fputc('"', out);
	if (timestamp > 0 && gmtime_r(&seconds, &tm) != NULL && tm.tm_year <= 9999 - 1900)
		fprintf(out, " timestamp=\"%04d-%02d-%02dT%02d:%02d:%02dZ\"", tm.tm_year + 1900,
			tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	fputs("></emn>", out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
