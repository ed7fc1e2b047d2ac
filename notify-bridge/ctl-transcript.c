#include "ctl-transcript.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "limits.h"
#include "transcript.h"

static int fail(const struct ctl_pim *pim, const GError *error)
{
	pim->complain(error->message);
	return g_error_matches(error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED) ? EX_NOPERM
										: EX_IOERR;
}

static int none(const struct ctl_pim *pim, const char *user, const char *device)
{
	g_autofree char *text = g_strdup_printf(
		"there is no transcript of the device '%s' of '%s'; fantailctl pim devices lists "
		"those that have synchronised",
		device, user);

	pim->complain(text);
	return EX_NOUSER;
}

/* 0 is what is usual; -1 and a complaint is what cannot be. */
static int bounded(const struct ctl_pim *pim, const char *option, int value, int usual, int most)
{
	g_autofree char *text = g_strdup_printf("%s: write 1 to %d", option, most);

	if (value == 0)
		return usual;
	if (value > 0 && value <= most)
		return value;
	pim->complain(text);
	return -1;
}

static int switch_on(const struct ctl_pim *pim, const char *user, const char *device, int hours,
		     int mib, GString *out)
{
	gint64 now = g_get_real_time() / G_USEC_PER_SEC;
	g_autofree char *path = transcript_path(pim->dir, user, device);
	g_autoptr(GError) error = NULL;

	hours = bounded(pim, "--hours", hours, LIMIT_TRANSCRIPT_HOURS, LIMIT_TRANSCRIPT_HOURS_MAX);
	mib = bounded(pim, "--mib", mib, LIMIT_TRANSCRIPT_MIB, LIMIT_TRANSCRIPT_MIB_MAX);
	if (hours < 0 || mib < 0)
		return EX_USAGE;
	if (!transcript_switch_on(pim->dir, user, device, now + (gint64)hours * 3600,
				  (guint64)mib * 1024 * 1024, &error))
		return fail(pim, error);
	g_string_append_printf(out,
			       "On for %d hours or %d MiB, whichever comes first: %s\n"
			       "It will have what is in the phone's items, but no passwords.\n",
			       hours, mib, path);
	return EX_OK;
}

static int switch_off(const struct ctl_pim *pim, const char *user, const char *device, GString *out)
{
	gint64 now = g_get_real_time() / G_USEC_PER_SEC;
	g_autofree char *path = transcript_path(pim->dir, user, device);
	g_autoptr(GError) error = NULL;
	gboolean found;

	if (!transcript_switch_off(pim->dir, user, device, now, &found, &error))
		return fail(pim, error);
	if (!found)
		return none(pim, user, device);
	g_string_append_printf(out, "Off; %s stays for %d days.\n", path,
			       LIMIT_TRANSCRIPT_KEEP_SECS / 86400);
	return EX_OK;
}

/* As it is: the daemon wrote nothing that a terminal would obey. */
static int show(const struct ctl_pim *pim, const char *user, const char *device, GString *out)
{
	g_autofree char *path = transcript_path(pim->dir, user, device);
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	gsize len;

	if (!g_file_get_contents(path, &text, &len, &error)) {
		if (g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
			return none(pim, user, device);
		pim->complain(error->message);
		return g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_ACCES) ? EX_NOPERM
										: EX_IOERR;
	}
	g_string_append_len(out, text, (gssize)len);
	return EX_OK;
}

int ctl_transcript(const struct ctl_pim *pim, const char *user, const char *device,
		   const char *what, int hours, int mib, GString *out)
{
	if (strcmp(what, "on") == 0)
		return switch_on(pim, user, device, hours, mib, out);
	if (strcmp(what, "off") == 0)
		return switch_off(pim, user, device, out);
	if (strcmp(what, "show") == 0)
		return show(pim, user, device, out);
	pim->complain("write on, off or show after the device");
	return EX_USAGE;
}
