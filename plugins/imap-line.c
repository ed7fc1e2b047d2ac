#include "lib.h"
#include "imap-parser.h"
#include "istream.h"
#include "dovecot-compat.h"

#include "imap-line.h"

struct imap_line {
	struct imap_parser *parser;
	struct istream *input;
	char *text;
};

struct imap_line *imap_line_parse(const char *text, const struct imap_arg **args_r)
{
	struct imap_line *line = i_new(struct imap_line, 1);
	const struct imap_arg *args;
	size_t len;

	line->text = i_strconcat(text, "\r\n", NULL);
	len = strlen(line->text);
	line->input = i_stream_create_from_data(line->text, len);
	line->parser = fantail_imap_parser_create(line->input, NULL, len);
	(void)i_stream_read(line->input);
	/* It stops before the line's end. */
	if (imap_parser_finish_line(line->parser, 0, 0, &args) < 0 ||
	    i_stream_get_data_size(line->input) > strlen("\r\n")) {
		imap_line_free(&line);
		return NULL;
	}
	*args_r = args;
	return line;
}

void imap_line_free(struct imap_line **_line)
{
	struct imap_line *line = *_line;

	*_line = NULL;
	if (line == NULL)
		return;
	imap_parser_unref(&line->parser);
	i_stream_unref(&line->input);
	i_free(line->text);
	i_free(line);
}
