#include "sml-written.h"

GBytes *sml_written(const struct sml_message *message, enum sml_encoding encoding)
{
	struct markup_style style = {.encoding = encoding, .version = message->version};
	g_autoptr(markup_writer_t) writer = markup_writer_new(&style);

	sml_write_begin(writer, message);
	for (guint i = 0; i < message->commands->len; i++)
		sml_write_command(writer, message->commands->pdata[i]);
	return sml_write_end(writer, message->final);
}
