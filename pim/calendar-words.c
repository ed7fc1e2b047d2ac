/* Values that vCalendar 1.0 and iCalendar have different words for. */
#include "calendar-private.h"

#include <string.h>

#define EVENT 1
#define TASK 2
#define BOTH 3

/* First row first, in both directions. */
static const struct {
	const char *old, *new;
	guint components;
} statuses[] = {
	{"NEEDS ACTION", "NEEDS-ACTION", BOTH},
	{"ACCEPTED", "IN-PROCESS", TASK},
	{"ACCEPTED", "CONFIRMED", EVENT},
	{"DECLINED", "CANCELLED", BOTH},
};

static const struct {
	const char *old, *new;
} transparencies[] =
	{
		{"0", "OPAQUE"},
		{"1", "TRANSPARENT"},
},
  roles[] =
	  {
		  {"ATTENDEE", "REQ-PARTICIPANT"},
		  {"OWNER", "CHAIR"},
		  {"DELEGATE", "NON-PARTICIPANT"},
},
  answers[] = {
	  {"NEEDS ACTION", "NEEDS-ACTION"},
	  {"CONFIRMED", "ACCEPTED"},
	  {"SENT", "NEEDS-ACTION"},
};

static guint component_bit(const struct vobject *component)
{
	return strcmp(component->name, "VTODO") == 0 ? TASK : EVENT;
}

static void set_value(struct vproperty *property, const char *value)
{
	g_autofree char *copy = g_strdup(value);

	g_ptr_array_set_size(property->components, 0);
	vproperty_add_value(property, 0, copy);
}

static char *upper_value(const struct vproperty *property)
{
	return g_strstrip(g_ascii_strup(vproperty_value(property, 0), -1));
}

/* --- reading ------------------------------------------------------------------------------ */

static void read_status(const struct vobject *component, struct vproperty *property)
{
	g_autofree char *value = upper_value(property);

	for (guint i = 0; i < G_N_ELEMENTS(statuses); i++) {
		if (strcmp(statuses[i].old, value) == 0 &&
		    (statuses[i].components & component_bit(component)) != 0) {
			set_value(property, statuses[i].new);
			return;
		}
	}
	set_value(property, value);
}

static void read_transparency(struct vproperty *property)
{
	g_autofree char *value = upper_value(property);

	/* Any number above 0 is some degree of it. */
	if (g_ascii_isdigit(*value))
		set_value(property, transparencies[strcmp(value, "0") != 0].new);
	else
		set_value(property, value);
}

/* Their 1 to 3 in our 1 to 9; some use all nine. */
static void read_priority(struct vproperty *property)
{
	const char *value = vproperty_value(property, 0);

	if (strcmp(value, "2") == 0)
		set_value(property, "5");
	else if (strcmp(value, "3") == 0)
		set_value(property, "9");
}

static void move_param(struct vproperty *property, const char *from, const char *to,
		       const char *value)
{
	g_autofree char *copy = g_strdup(value);

	vproperty_remove_params(property, from);
	vproperty_add_param(property, to, copy);
}

/* "Pat Example <pat@example.org>", either part alone, or an address with its scheme. */
static void read_person(struct vproperty *property)
{
	g_autofree char *value = g_strstrip(g_strdup(vproperty_value(property, 0)));
	char *less = strrchr(value, '<'), *more = less == NULL ? NULL : strchr(less, '>');
	g_autofree char *uri = NULL;

	if (less != NULL && more != NULL) {
		*less = *more = '\0';
		uri = g_strconcat("mailto:", less + 1, NULL);
		g_strstrip(value);
		if (*value != '\0' && vproperty_param(property, "CN") == NULL)
			vproperty_add_param(property, "CN", value);
	} else if (strchr(value, ':') != NULL) {
		uri = g_strdup(value);
	} else if (strchr(value, '@') != NULL) {
		uri = g_strconcat("mailto:", value, NULL);
	} else {
		/* RFC 6638 has this for people without an address. */
		uri = g_strdup("invalid:nomail");
		if (vproperty_param(property, "CN") == NULL)
			vproperty_add_param(property, "CN", value);
	}
	set_value(property, uri);
}

static void read_attendee(struct vproperty *property)
{
	const char *role = vproperty_param(property, "ROLE");
	const char *status = vproperty_param(property, "STATUS");
	const char *rsvp = vproperty_param(property, "RSVP");
	g_autofree char *answer = status == NULL ? NULL : g_ascii_strup(status, -1);

	if (role != NULL && g_ascii_strcasecmp(role, "ORGANIZER") == 0) {
		g_free(property->name);
		property->name = g_strdup("ORGANIZER");
		vproperty_remove_params(property, "ROLE");
	} else if (role != NULL) {
		for (guint i = 0; i < G_N_ELEMENTS(roles); i++) {
			if (g_ascii_strcasecmp(roles[i].old, role) == 0) {
				move_param(property, "ROLE", "ROLE", roles[i].new);
				break;
			}
		}
	}
	for (guint i = 0; answer != NULL && i < G_N_ELEMENTS(answers); i++) {
		if (strcmp(answers[i].old, answer) == 0) {
			g_free(answer);
			answer = g_strdup(answers[i].new);
			break;
		}
	}
	if (answer != NULL)
		move_param(property, "STATUS", "PARTSTAT", answer);
	if (rsvp != NULL)
		move_param(property, "RSVP", "RSVP",
			   g_ascii_strcasecmp(rsvp, "YES") == 0 ||
					   g_ascii_strcasecmp(rsvp, "TRUE") == 0
				   ? "TRUE"
				   : "FALSE");
	read_person(property);
}

void words_read(struct vobject *component)
{
	for (guint i = 0; i < component->properties->len; i++) {
		struct vproperty *property = component->properties->pdata[i];

		if (strcmp(property->name, "STATUS") == 0)
			read_status(component, property);
		else if (strcmp(property->name, "TRANSP") == 0)
			read_transparency(property);
		else if (strcmp(property->name, "PRIORITY") == 0)
			read_priority(property);
		else if (strcmp(property->name, "ATTENDEE") == 0)
			read_attendee(property);
		else if (strcmp(property->name, "CLASS") == 0) {
			g_autofree char *value = upper_value(property);

			set_value(property, value);
		}
	}
}

/* --- writing ------------------------------------------------------------------------------ */

static void write_status(const struct vobject *component, struct vproperty *property)
{
	g_autofree char *value = upper_value(property);

	/* An event that is confirmed is CONFIRMED in both. */
	for (guint i = 0; strcmp(value, "CONFIRMED") != 0 && i < G_N_ELEMENTS(statuses); i++) {
		if (strcmp(statuses[i].new, value) == 0 &&
		    (statuses[i].components & component_bit(component)) != 0) {
			set_value(property, statuses[i].old);
			return;
		}
	}
}

static void write_transparency(struct vproperty *property)
{
	g_autofree char *value = upper_value(property);

	for (guint i = 0; i < G_N_ELEMENTS(transparencies); i++) {
		if (strcmp(transparencies[i].new, value) == 0)
			set_value(property, transparencies[i].old);
	}
}

static void write_priority(struct vproperty *property)
{
	const char *value = vproperty_value(property, 0);

	if (*value >= '1' && *value <= '9' && value[1] == '\0')
		set_value(property, *value <= '3' ? "1" : *value <= '6' ? "2" : "3");
}

static void write_person(struct vproperty *property)
{
	const char *uri = vproperty_value(property, 0), *name = vproperty_param(property, "CN");
	g_autofree char *value = NULL;

	if (g_ascii_strncasecmp(uri, "mailto:", 7) == 0)
		value = name == NULL ? g_strdup(uri + 7)
				     : g_strdup_printf("%s <%s>", name, uri + 7);
	else if (strcmp(uri, "invalid:nomail") == 0 && name != NULL)
		value = g_strdup(name);
	else
		return;
	vproperty_remove_params(property, "CN");
	set_value(property, value);
}

static void write_attendee(struct vproperty *property)
{
	const char *role = vproperty_param(property, "ROLE");
	const char *answer = vproperty_param(property, "PARTSTAT");
	const char *rsvp = vproperty_param(property, "RSVP");

	if (strcmp(property->name, "ORGANIZER") == 0) {
		g_free(property->name);
		property->name = g_strdup("ATTENDEE");
		move_param(property, "ROLE", "ROLE", "ORGANIZER");
	} else if (role != NULL) {
		const char *old = "ATTENDEE";

		for (guint i = 0; i < G_N_ELEMENTS(roles); i++) {
			if (g_ascii_strcasecmp(roles[i].new, role) == 0)
				old = roles[i].old;
		}
		move_param(property, "ROLE", "ROLE", old);
	}
	if (answer != NULL)
		move_param(property, "PARTSTAT", "STATUS",
			   g_ascii_strcasecmp(answer, "NEEDS-ACTION") == 0 ? "NEEDS ACTION"
									   : answer);
	if (rsvp != NULL)
		move_param(property, "RSVP", "RSVP",
			   g_ascii_strcasecmp(rsvp, "TRUE") == 0 ? "YES" : "NO");
	write_person(property);
}

void words_write(struct vobject *component)
{
	for (guint i = 0; i < component->properties->len; i++) {
		struct vproperty *property = component->properties->pdata[i];

		if (strcmp(property->name, "STATUS") == 0)
			write_status(component, property);
		else if (strcmp(property->name, "TRANSP") == 0)
			write_transparency(property);
		else if (strcmp(property->name, "PRIORITY") == 0)
			write_priority(property);
		else if (strcmp(property->name, "ATTENDEE") == 0 ||
			 strcmp(property->name, "ORGANIZER") == 0)
			write_attendee(property);
	}
}

void words_check_status(struct vobject *component)
{
	static const struct {
		const char *status;
		guint components;
	} known[] = {
		{"TENTATIVE", EVENT},   {"CONFIRMED", EVENT}, {"CANCELLED", BOTH},
		{"NEEDS-ACTION", TASK}, {"IN-PROCESS", TASK}, {"COMPLETED", TASK},
	};
	const struct vproperty *property = vobject_find(component, "STATUS");

	if (property == NULL)
		return;
	for (guint i = 0; i < G_N_ELEMENTS(known); i++) {
		if (g_ascii_strcasecmp(known[i].status, vproperty_value(property, 0)) == 0 &&
		    (known[i].components & component_bit(component)) != 0)
			return;
	}
	vobject_remove(component, "STATUS");
}
