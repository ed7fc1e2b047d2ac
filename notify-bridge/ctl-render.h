/*
 * The bridge's answers as people read them (fantailctl). JSON in, text out; pure.
 * A member that is missing, or of another type, is shown as "-" or 0: an older
 * fantailctl reads a newer bridge.
 */
#ifndef FANTAIL_CTL_RENDER_H
#define FANTAIL_CTL_RENDER_H

#include <json-glib/json-glib.h>

struct ctl_style {
	gboolean color;
	guint width; /* columns of the screen; 0 = no bound */
	gint64 now;  /* unix seconds */
};

/* "3 min ago", "in 5 min", "now"; "-" for 0. New string. */
char *ctl_relative_time(gint64 now, gint64 then);
/* "3 min", "2 d". New string. */
char *ctl_duration(gint64 seconds);
/* "1.2 MB". New string. */
char *ctl_bytes(gint64 bytes);

void ctl_render_status(GString *out, JsonObject *status, const struct ctl_style *style);
/* Of fantail-syncml. */
void ctl_render_sync_status(GString *out, JsonObject *status);
/* Rows are JsonObject *. */
void ctl_render_alerted(GString *out, GPtrArray *rows, const struct ctl_style *style);
void ctl_render_queue(GString *out, GPtrArray *rows, const struct ctl_style *style);
void ctl_render_held(GString *out, GPtrArray *rows, const struct ctl_style *style);
void ctl_render_devices(GString *out, GPtrArray *rows, const struct ctl_style *style);
void ctl_render_device(GString *out, JsonObject *device, const struct ctl_style *style);
void ctl_render_test(GString *out, GPtrArray *rows, const struct ctl_style *style);

#endif
