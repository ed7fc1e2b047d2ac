/*
 * CREATE with a parameter that makes a view (view-args.h). All else is Dovecot's own CREATE.
 */
#ifndef CMD_CREATE_H
#define CMD_CREATE_H

void cmd_create_replace(void);
void cmd_create_restore(void);

#endif
