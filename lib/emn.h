/*
 * E-Mail Notification (OMA EMN 1.0): "there is mail for this account", in WBXML or XML.
 * All that a wake-up of Push-IMAP says. Pure; encodes only.
 */
#ifndef FANTAIL_EMN_H
#define FANTAIL_EMN_H

#include <stddef.h>
#include <stdint.h>

/* `account`: what follows "mailat:", a URI's characters. `timestamp`: of the newest mail,
 * unix seconds; 0 = not said. To be freed; NULL: no memory. */
uint8_t *emn_encode(const char *account, int64_t timestamp, size_t *len_r);

/* The same as text (draft-maes-lemonade-p-imap-12, B.2): one element, without the reference to
 * a DTD that nobody should fetch. To be freed; NULL: no memory. */
char *emn_text(const char *account, int64_t timestamp);

#endif
