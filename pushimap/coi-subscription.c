#include "coi-subscription.h"
#include "args-fail.h"
#include "clean-text.h"
#include "json-reader.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* --- names ---------------------------------------------------------------- */

static size_t id_span(const char *text)
{
	return strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_-abcdefghijklmnopqrstuvwxyz");
}

bool coi_id_has_valid_chars(const char *id)
{
	return *id != '\0' && id[id_span(id)] == '\0';
}

enum webpush_error coi_id_check(const char *id, const char **error_r)
{
	size_t len = strlen(id);

	if (!coi_id_has_valid_chars(id) || len < LIMIT_COI_ID_MIN || len > LIMIT_COI_ID_MAX)
		FAIL(WEBPUSH_CANNOT, "Subscription id must be 10 to 36 letters, digits, \"-\" "
				     "and \"_\".");
	return WEBPUSH_OK;
}

enum coi_entry coi_entry_parse(const char *path, char id_r[LIMIT_DEVICE_ID + 1])
{
	static const char subscriptions[] = "subscriptions";
	size_t len;
	enum coi_entry entry;

	if (strcmp(path, "vapid") == 0)
		return COI_ENTRY_VAPID;
	if (strncmp(path, subscriptions, sizeof(subscriptions) - 1) != 0)
		return COI_ENTRY_NONE;
	path += sizeof(subscriptions) - 1;
	if (*path == '\0')
		return COI_ENTRY_SUBSCRIPTIONS;
	if (*path++ != '/')
		return COI_ENTRY_NONE;
	len = id_span(path);
	if (len == 0 || len > LIMIT_DEVICE_ID)
		return COI_ENTRY_NONE;
	if (path[len] == '\0')
		entry = COI_ENTRY_SUBSCRIPTION;
	else if (strcmp(path + len, "/validate") == 0)
		entry = COI_ENTRY_VALIDATE;
	else
		return COI_ENTRY_NONE;
	memcpy(id_r, path, len);
	id_r[len] = '\0';
	return entry;
}

/* --- reading -------------------------------------------------------------- */

struct coi_fields {
	const char *client, *device, *msgtype, *endpoint, *p256dh, *auth;
};

/* Takes a string member. False on a fault, and if the member came before. */
static bool read_once(struct json_reader *reader, const char **text)
{
	return *text == NULL && json_reader_string(reader, text);
}

static bool read_keys(struct json_reader *reader, struct coi_fields *fields)
{
	const char *name;
	bool ok = json_reader_object(reader);

	while (ok && json_reader_member(reader, &name)) {
		if (strcmp(name, "p256dh") == 0)
			ok = read_once(reader, &fields->p256dh);
		else if (strcmp(name, "auth") == 0)
			ok = read_once(reader, &fields->auth);
		else
			ok = json_reader_skip(reader);
	}
	return ok && !reader->failed;
}

static bool read_resource(struct json_reader *reader, struct coi_fields *fields)
{
	const char *name;
	bool ok = json_reader_object(reader);

	while (ok && json_reader_member(reader, &name)) {
		if (strcmp(name, "endpoint") == 0)
			ok = read_once(reader, &fields->endpoint);
		else if (strcmp(name, "keys") == 0)
			ok = read_keys(reader, fields);
		else
			ok = json_reader_skip(reader);
	}
	return ok && !reader->failed;
}

static bool read_subscription(struct json_reader *reader, struct coi_fields *fields)
{
	const char *name;
	bool ok = json_reader_object(reader);

	while (ok && json_reader_member(reader, &name)) {
		if (strcmp(name, "client") == 0)
			ok = read_once(reader, &fields->client);
		else if (strcmp(name, "device") == 0)
			ok = read_once(reader, &fields->device);
		else if (strcmp(name, "msgtype") == 0)
			ok = read_once(reader, &fields->msgtype);
		else if (strcmp(name, "resource") == 0)
			ok = read_resource(reader, fields);
		else
			ok = json_reader_skip(reader);
	}
	return ok && json_reader_end(reader);
}

static enum webpush_error check_fields(const struct coi_fields *fields,
				       struct webpush_subscription *sub, const char **error_r)
{
	enum webpush_error error;

	if (fields->client != NULL &&
	    (error = webpush_check_label(fields->client, error_r)) != WEBPUSH_OK)
		return error;
	if (fields->device != NULL &&
	    (error = webpush_check_label(fields->device, error_r)) != WEBPUSH_OK)
		return error;
	if (fields->msgtype != NULL && strcmp(fields->msgtype, "chat") != 0 &&
	    strcmp(fields->msgtype, "mail") != 0 && strcmp(fields->msgtype, "all") != 0)
		FAIL(WEBPUSH_CANNOT, "msgtype must be \"chat\", \"mail\" or \"all\".");
	if (fields->endpoint == NULL || fields->p256dh == NULL || fields->auth == NULL)
		FAIL(WEBPUSH_CANNOT, "resource needs endpoint, keys.p256dh and keys.auth.");
	if (strlen(fields->endpoint) > LIMIT_COI_ENDPOINT)
		FAIL(WEBPUSH_LIMIT, "resource.endpoint is too long.");
	if (strlen(fields->p256dh) > LIMIT_COI_KEY || strlen(fields->auth) > LIMIT_COI_KEY)
		FAIL(WEBPUSH_LIMIT, "resource.keys are too long.");
	if ((error = webpush_check_endpoint(fields->endpoint, error_r)) != WEBPUSH_OK)
		return error;
	if (!webpush_p256dh_parse(fields->p256dh, sub->p256dh))
		FAIL(WEBPUSH_CANNOT, "resource.keys.p256dh is not the base64 of an uncompressed "
				     "P-256 point.");
	if (!webpush_auth_parse(fields->auth, sub->auth))
		FAIL(WEBPUSH_CANNOT, "resource.keys.auth is not the base64 of 16 octets.");
	return WEBPUSH_OK;
}

enum webpush_error coi_subscription_parse(const char *json, size_t len, char *arena,
					  struct webpush_subscription *sub_r, const char **error_r)
{
	struct webpush_subscription sub = {0};
	struct coi_fields fields = {0};
	struct json_reader reader;
	enum webpush_error error;

	if (len > LIMIT_COI_SUBSCRIPTION)
		FAIL(WEBPUSH_LIMIT, "Subscription is too long.");
	json_reader_init(&reader, json, len, arena);
	if (!read_subscription(&reader, &fields))
		FAIL(WEBPUSH_CANNOT, "Subscription is not a JSON object as COI describes it.");
	error = check_fields(&fields, &sub, error_r);
	if (error != WEBPUSH_OK)
		return error;
	sub.endpoint = fields.endpoint;
	sub.msgtype = fields.msgtype;
	sub.client = fields.client;
	sub.label = fields.device;
	/* A COI push is the message's envelope; who subscribes asks for it. */
	sub.content = true;
	*sub_r = sub;
	return WEBPUSH_OK;
}

/* --- writing -------------------------------------------------------------- */

struct writer {
	char *out;
	size_t size, len; /* len counts on past size */
};

static void put(struct writer *writer, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++, writer->len++) {
		if (writer->len + 1 < writer->size)
			writer->out[writer->len] = text[i];
	}
}

static void put_text(struct writer *writer, const char *text)
{
	put(writer, text, strlen(text));
}

static void put_string(struct writer *writer, const char *text)
{
	size_t left = strlen(text), len;

	put(writer, "\"", 1);
	for (; left > 0; text += len, left -= len) {
		len = utf8_sequence(text, left);
		if (len == 0) {
			/* Nothing the registry should hold; keep the JSON valid. */
			len = 1;
			put_text(writer, "\xef\xbf\xbd");
		} else if (*text == '"' || *text == '\\') {
			put(writer, "\\", 1);
			put(writer, text, 1);
		} else if (len == 1 && (unsigned char)*text < 0x20) {
			char escape[8];

			snprintf(escape, sizeof(escape), "\\u%04x", (unsigned char)*text);
			put_text(writer, escape);
		} else {
			put(writer, text, len);
		}
	}
	put(writer, "\"", 1);
}

/* `name` comes with its quotes and colon, and a comma before all but the first. */
static void put_member(struct writer *writer, const char *name, const char *value)
{
	if (value == NULL)
		return;
	put_text(writer, name);
	put_string(writer, value);
}

size_t coi_listing_format(const struct coi_listing *listing, char *out, size_t size)
{
	struct writer writer = {.out = out, .size = size};
	char created[32];
	struct tm tm;
	time_t when = (time_t)listing->created;

	if (gmtime_r(&when, &tm) == NULL ||
	    strftime(created, sizeof(created), "%Y-%m-%dT%H:%M:%S+00:00", &tm) == 0)
		memcpy(created, "1970-01-01T00:00:00+00:00", 26);

	put_member(&writer, "{\"created\":", created);
	put_text(&writer, listing->validated ? ",\"validated\":true" : ",\"validated\":false");
	put_member(&writer, ",\"client\":", listing->client);
	put_member(&writer, ",\"device\":", listing->label);
	put_member(&writer, ",\"msgtype\":", listing->msgtype);
	put_text(&writer, ",\"resource\":{");
	put_member(&writer, "\"endpoint\":", listing->endpoint != NULL ? listing->endpoint : "");
	put_text(&writer, ",\"keys\":{");
	put_member(&writer, "\"p256dh\":", listing->p256dh != NULL ? listing->p256dh : "");
	put_member(&writer, ",\"auth\":", listing->auth != NULL ? listing->auth : "");
	put_text(&writer, "}}}");
	if (size > 0)
		out[writer.len < size ? writer.len : size - 1] = '\0';
	return writer.len;
}
