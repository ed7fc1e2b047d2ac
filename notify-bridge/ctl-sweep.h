/* fantailctl pim sweep: what is old goes now, and not at the daemon's next round. */
#ifndef FANTAIL_CTL_SWEEP_H
#define FANTAIL_CTL_SWEEP_H

#include "ctl-pim.h"

/* `config`: fantail-syncml's, for how long things are kept; NULL = `usual` if there is such a
 * file, else what is built in. `user` NULL: everybody. Exit codes as in ctl-pim.h. */
int ctl_pim_sweep(const struct ctl_pim *pim, const char *config, const char *usual,
		  const char *user, GString *out);

#endif
