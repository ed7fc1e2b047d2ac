/* A message as octets: what a phone in a test says, and what a reader is given back. */
#ifndef FANTAIL_TEST_SML_WRITTEN_H
#define FANTAIL_TEST_SML_WRITTEN_H

#include "message.h"

/* In its own version. New. */
GBytes *sml_written(const struct sml_message *message, enum sml_encoding encoding);

#endif
