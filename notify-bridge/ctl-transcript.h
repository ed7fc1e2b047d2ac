/* fantailctl sync-transcript: what one phone and fantail-syncml say to each other. */
#ifndef FANTAIL_CTL_TRANSCRIPT_H
#define FANTAIL_CTL_TRANSCRIPT_H

#include "ctl-pim.h"

/* `what`: "on", "off" or "show"; hours and mib: until when, for "on"; 0 = as usual. Exit codes as
 * in ctl-pim.h. */
int ctl_transcript(const struct ctl_pim *pim, const char *user, const char *device,
		   const char *what, int hours, int mib, GString *out);

#endif
