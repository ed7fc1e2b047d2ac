#include "bridge-config.h"
#include "config-keys.h"
#include "config-webhook.h"
#include "http-client.h"
#include "limits.h"

#include <string.h>
#include <sys/stat.h>

#include <glib/gstdio.h>

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

static const struct bad_row {
	const char *name;
	const char *text; /* @DIR@ is the scratch folder */
	enum config_error code;
	const char *message;
} bad_rows[] = {
	{"syntax", "[bridge]\nsocket\n", CONFIG_ERROR_SYNTAX,
	 "t.conf:2: neither [section], nor key = value, nor a comment; comments begin with '#'"},
	{"key twice", "[http]\ntimeout = 5s\n#\ntimeout = 6s\n", CONFIG_ERROR_SYNTAX,
	 "t.conf:4: [http] timeout: is here a second time, first in line 2; remove one"},
	{"unknown section, near", "\n[web-push]\n", CONFIG_ERROR_KEY,
	 "t.conf:2: [web-push]: no such section; did you mean [webpush]?"},
	{"unknown section, far", "[pear]\nx = 1\n", CONFIG_ERROR_KEY,
	 "t.conf:1: [pear]: no such section; remove it, or see fantail-bridge.conf(5)"},
	{"unknown key, near", "[bridge]\nmail_uid = 5\n", CONFIG_ERROR_KEY,
	 "t.conf:2: [bridge] mail_uid: no such key; did you mean 'mail-uids'?"},
	{"unknown key, far", "[bridge]\nfrobnicate = 5\n", CONFIG_ERROR_KEY,
	 "t.conf:2: [bridge] frobnicate: no such key; remove it, or see fantail-bridge.conf(5)"},
	{"key of another section", "[queue]\ntimeout = 5s\n", CONFIG_ERROR_KEY,
	 "t.conf:2: [queue] timeout: no such key; remove it, or see fantail-bridge.conf(5)"},
	{"no value", "[http]\ntimeout =\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [http] timeout: has no value; write one, or remove the line for the default"},

	{"relative path", "[bridge]\nstate-dir = fantail\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [bridge] state-dir: 'fantail' is not absolute; write the whole path from '/'"},
	{"mode", "[bridge]\nsocket-mode = 0999\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [bridge] socket-mode: '0999' is not a file mode; write octal as 0660"},
	{"user", "[bridge]\nmail-uids = no-such-user-here\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [bridge] mail-uids: no such user 'no-such-user-here' here; create it, or "
	 "correct the name"},
	{"metrics for the world", "[bridge]\nmetrics = 0.0.0.0:9110\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [bridge] metrics: '0.0.0.0:9110' is not a loopback address, and this page has "
	 "no "
	 "password; write 127.0.0.1:PORT, [::1]:PORT or unix:/PATH, and a proxy in front for "
	 "others"},
	{"log level", "[bridge]\nlog-level = verbose\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [bridge] log-level: no level 'verbose'; write error, warning, info or debug"},
	{"one path for two sockets", "[bridge]\nsocket = /a\ncontrol-socket = /a\n",
	 CONFIG_ERROR_VALUE,
	 "t.conf:3: [bridge] control-socket: is the same as socket; give each its own path"},
	{"metrics on the hub's socket", "[bridge]\nmetrics = unix:/run/fantail/hub.sock\n",
	 CONFIG_ERROR_VALUE,
	 "t.conf:2: [bridge] metrics: is another socket's path; give it its own"},
	{"hub on the mail socket", "[hub]\nsocket = /run/fantail/bridge.sock\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [hub] socket: is another socket's path; give it its own"},
	{"hub on the control socket", "[hub]\nsocket = /run/fantail/control.sock\n",
	 CONFIG_ERROR_VALUE, "t.conf:2: [hub] socket: is another socket's path; give it its own"},
	{"metrics on the mail socket", "[bridge]\nmetrics = unix:/run/fantail/bridge.sock\n",
	 CONFIG_ERROR_VALUE,
	 "t.conf:2: [bridge] metrics: is another socket's path; give it its own"},

	{"too few rows", "[queue]\nmax-pending = 99\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [queue] max-pending: 99 is out of range; write 100 to 1000000000"},
	{"size", "[queue]\nmax-bytes = lots\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [queue] max-bytes: 'lots' is not a size; write as 64M or 2G"},
	{"database without room", "[queue]\nmax-bytes = 1K\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [queue] max-bytes: 1K is too small for a database; write 0 for no bound, or "
	 "at least 1M"},
	{"delay without unit", "[queue]\nstate-delay = 30\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [queue] state-delay: '30' has no unit; write as 500ms, 30s, 5min, 1h or 1d"},
	{"delay and life", "[queue]\nstate-ttl = 20s\n", CONFIG_ERROR_VALUE,
	 "t.conf:1: [queue] state-delay: is not below state-ttl, so nothing would be sent; lower "
	 "it"},
	{"arrival delay and life", "[queue]\narrival-ttl = 20s\narrival-delay = 20s\n",
	 CONFIG_ERROR_VALUE,
	 "t.conf:3: [queue] arrival-delay: is not below arrival-ttl, so nothing would be sent; "
	 "lower it"},

	{"devices, past the ceiling", "[devices]\nper-user = 1001\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [devices] per-user: 1001 is out of range; write 1 to 1000"},
	{"half seconds", "[devices]\nconfirm-time = 10500ms\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [devices] confirm-time: 10500ms is no whole number of seconds; write one"},

	{"time-out, past the ceiling", "[http]\ntimeout = 31s\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [http] timeout: 31s is out of range; write 1s to 30s"},
	{"parallel, past the ceiling", "[http]\nparallel = 513\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [http] parallel: 513 is out of range; write 1 to 512"},
	{"origin above all", "[http]\nparallel = 10\n", CONFIG_ERROR_VALUE,
	 "t.conf:1: [http] parallel-per-origin: is above parallel (10); lower it"},
	{"no certificates there", "[http]\nca-file = @DIR@/none.pem\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [http] ca-file: cannot read '@DIR@/none.pem' (No such file or directory); "
	 "correct the path or its permissions"},
	{"no certificates in it", "[http]\nca-file = @DIR@/open.secret\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [http] ca-file: no certificate in '@DIR@/open.secret'; give a file of PEM "
	 "certificates"},

	{"contact is a bare address", "[webpush]\ncontact = admin@example.org\n",
	 CONFIG_ERROR_VALUE,
	 "t.conf:2: [webpush] contact: 'admin@example.org' is no contact; write mailto:ADDRESS or "
	 "https://PAGE"},
	{"contact with a blank", "[webpush]\ncontact = mailto:a@b.c # me\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [webpush] contact: 'mailto:a@b.c # me' is no contact; write mailto:ADDRESS or "
	 "https://PAGE"},
	{"not a boolean", "[webpush]\nenabled = on\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [webpush] enabled: 'on' is neither yes nor no; write one of these"},

	{"SMS gateway alone", "[sms]\nurl = https://sms.example/sendsms\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [sms] url: needs username and password-file beside it; write these, too"},
	{"SMS gateway inside",
	 "[sms]\nurl = http://127.0.0.1:13013/cgi-bin/sendsms\nusername = u\n"
	 "password-file = @DIR@/password\n",
	 CONFIG_ERROR_VALUE,
	 "t.conf:2: [sms] url: the URL is not https; if it is meant, name its origin in [http] "
	 "allowed-endpoints"},
	{"SMS gateway, password in the URL", "[sms]\nurl = https://u:p@sms.example/\n",
	 CONFIG_ERROR_VALUE,
	 "t.conf:2: [sms] url: holds a user name; write username and password-file instead"},
	{"SMS gateway, user of two words", "[sms]\nusername = a b\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [sms] username: is not up to 128 ASCII characters without blanks; give the "
	 "user of Kannel's group sendsms-user"},
	{"SMS gateway, open password file", "[sms]\npassword-file = @DIR@/open.secret\n",
	 CONFIG_ERROR_VALUE,
	 "t.conf:2: [sms] password-file: '@DIR@/open.secret' is secret, and everybody can read it; "
	 "chmod o-r it"},
	{"SMS gateway, no password in the file", "[sms]\npassword-file = @DIR@/two.password\n",
	 CONFIG_ERROR_VALUE,
	 "t.conf:2: [sms] password-file: '@DIR@/two.password' holds no password of ASCII "
	 "characters without blanks; put it on one line"},
	{"a channel there is not", "[pimap]\nchannels = SMS; EXEC\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [pimap] channels: 'EXEC' is no channel; write some of WAP_PUSH, SMS, "
	 "GSMSMS, WAPWDP, WEBPUSH and HTTP, or none"},
	{"a channel for subscriptions, without them",
	 "[webpush]\nenabled = no\n[pimap]\nchannels = HTTP; WEBPUSH\n", CONFIG_ERROR_VALUE,
	 "t.conf:4: [pimap] channels: WEBPUSH needs Web Push; switch it on in section [webpush]"},
	{"a cipher there is not", "[pimap]\nextended = yes\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [pimap] extended: 'yes' is no cipher; write aes-128-gcm or none"},
	{"an address of two words", "[pimap]\nnotification-address = a b\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [pimap] notification-address: is not up to 255 ASCII characters without "
	 "blanks; "
	 "write the address that notifications come from"},
	{"SMSC of two words", "[sms]\ncdma-smsc = a b\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [sms] cdma-smsc: is not up to 64 ASCII characters without blanks; give the "
	 "smsc-id of one of Kannel's groups smsc"},
	{"channels without a gateway", "[pimap]\nchannels = SMS\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [pimap] channels: needs an SMS gateway; write section [sms], too"},
	{"topic", "[apple]\ntopic = com.example.app\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [apple] topic: 'com.example.app' is no topic of Apple's certificates for mail; "
	 "it begins with com.apple.mail.XServer."},
	{"delay of Apple's", "[apple]\ndelay = 1h\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [apple] delay: is not below state-ttl, so nothing would be sent; lower it"},
	{"Delta Chat's service inside", "[deltapush]\nurl = http://127.0.0.1/notify\n",
	 CONFIG_ERROR_VALUE,
	 "t.conf:2: [deltapush] url: the URL is not https; if it is meant, name its origin in "
	 "[http] allowed-endpoints"},
	{"SMS sender", "[sms]\nsender = Mail & more\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [sms] sender: 'Mail & more' is no sender; write a number of up to 15 digits, "
	 "or "
	 "a name of up to 11 letters and digits"},
	{"webhook without a name", "[webhook]\nurl = https://a.example/\n", CONFIG_ERROR_KEY,
	 "t.conf:1: [webhook]: a webhook needs a name; write [webhook NAME]"},
	{"webhook of two words", "[webhook a b]\nurl = https://a.example/\n", CONFIG_ERROR_KEY,
	 "t.conf:1: [webhook a b]: bad name; use up to 64 letters, digits, '-', '_' and '.'"},
	{"webhook twice", "[webhook a]\nurl = https://a.example/\n[webhook  a]\n", CONFIG_ERROR_KEY,
	 "t.conf:3: [webhook  a]: two webhooks of that name; rename one"},
	{"webhook without URL", "\n[webhook a]\ncontent = yes\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [webhook a] url: is missing; every webhook needs it"},
	{"webhook, unknown key", "[webhook a]\nuser = x\n", CONFIG_ERROR_KEY,
	 "t.conf:2: [webhook a] user: no such key; did you mean 'users'?"},
	{"webhook, no value", "[webhook a]\nurl =\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [webhook a] url: has no value; write one, or remove the line for the default"},
	{"webhook, other scheme", "[webhook a]\nurl = ftp://a.example/\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [webhook a] url: is not an http or https URL; write as https://host/path"},
	{"webhook, password in the URL", "[webhook a]\nurl = https://u:p@a.example/\n",
	 CONFIG_ERROR_VALUE,
	 "t.conf:2: [webhook a] url: holds a user name; write header.Authorization = Basic ... "
	 "instead"},
	{"webhook, fragment", "[webhook a]\nurl = https://a.example/#x\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [webhook a] url: has a '#', which is never sent; remove that part"},
	{"webhook, bad secret", "[webhook a]\nsecret = hunter2\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [webhook a] secret: does not begin with whsec_; make one with: echo "
	 "whsec_$(openssl rand -base64 32)"},
	{"webhook, open secret file", "[webhook a]\nsecret-file = @DIR@/open.secret\n",
	 CONFIG_ERROR_VALUE,
	 "t.conf:2: [webhook a] secret-file: '@DIR@/open.secret' is secret, and everybody can "
	 "read it; chmod o-r it"},
	{"webhook, no secret file", "[webhook a]\nsecret-file = @DIR@/none\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [webhook a] secret-file: cannot read '@DIR@/none' (No such file or "
	 "directory); correct the path or its permissions"},
	{"webhook, folder for a secret", "[webhook a]\nsecret-file = @DIR@\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [webhook a] secret-file: cannot read '@DIR@' (not a regular file); correct "
	 "the path or its permissions"},
	{"webhook, two secrets", "[webhook a]\nsecret = " SECRET "\nsecret-file = @DIR@/x\n",
	 CONFIG_ERROR_VALUE,
	 "t.conf:3: [webhook a] secret-file: is given twice, in a file and here; remove one"},
	{"webhook, only an old secret",
	 "[webhook a]\nurl = https://a.example/\nold-secret = " SECRET "\n", CONFIG_ERROR_VALUE,
	 "t.conf:1: [webhook a] secret: is missing; every webhook needs it"},
	{"webhook, event", "[webhook a]\nevents = NewMessage\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [webhook a] events: no event 'NewMessage'; the names are in "
	 "fantail-bridge.conf(5)"},
	{"webhook, star within", "[webhook a]\nmailboxes = a*b\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [webhook a] mailboxes: 'a*b' has a '*' within; it can only end a name"},
	{"webhook, template",
	 "[webhook a]\nurl = https://a.example/\ntemplate = %{subjct}\n"
	 "content-type = text/plain\n",
	 CONFIG_ERROR_VALUE,
	 "t.conf:3: [webhook a] template: there is no variable 'subjct'; there are user, mailbox, "
	 "event, events, count, uids, uidvalidity, modseq, time, webhook, from, from-name, "
	 "from-address, subject, date, message-id, preview, device, databases, package-type, "
	 "package; see fantail-bridge.conf(5), TEMPLATES"},
	{"webhook, template file in JSON",
	 "[webhook a]\ntemplate-file = @DIR@/template\nurl = https://a.example/\n",
	 CONFIG_ERROR_VALUE,
	 "t.conf:2: [webhook a] template-file: %{subject} would let a sender write into the JSON; "
	 "use \"%{json:subject}\"; see fantail-bridge.conf(5), TEMPLATES"},
	{"webhook, template of lines",
	 "[webhook a]\ntemplate-file = @DIR@/lines.template\nurl = "
	 "https://a.example/\n",
	 CONFIG_ERROR_VALUE,
	 "t.conf:2: [webhook a] template-file: '%{one two' lacks its '}'; to write the two "
	 "characters %{, write %%{; see fantail-bridge.conf(5), TEMPLATES"},
	{"webhook, in the inner network",
	 "[webhook b]\nurl = https://a.example/\n"
	 "[webhook  a]\ncontent = no\n"
	 "url = http://10.0.0.1/\n",
	 CONFIG_ERROR_VALUE,
	 "t.conf:5: [webhook  a] url: the URL is not https; if it is meant, name its origin in "
	 "[http] allowed-endpoints"},
	{"allowed endpoint", "[http]\nallowed-endpoints = a.example; https://b.example/path\n",
	 CONFIG_ERROR_VALUE,
	 "t.conf:2: [http] allowed-endpoints: 'https://b.example/path': an origin has no path; "
	 "write an origin, a host name or an address range"},
	{"webhook, media type", "[webhook a]\ncontent-type = json\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [webhook a] content-type: 'json' is not a media type; write as text/plain"},
	{"webhook, own header", "[webhook a]\nheader.Host = x\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [webhook a] header.Host: is written by the bridge; remove the line"},
	{"webhook, content-type header", "[webhook a]\nheader.Content-Type = x\n",
	 CONFIG_ERROR_VALUE,
	 "t.conf:2: [webhook a] header.Content-Type: is written by the bridge, see the key "
	 "content-type; remove the line"},
	{"webhook, header twice", "[webhook a]\nheader.X-A = 1\nheader.x-a = 2\n",
	 CONFIG_ERROR_VALUE,
	 "t.conf:3: [webhook a] header.x-a: is here twice; case does not count, remove one"},
	{"webhook, header without a name", "[webhook a]\nheader. = 1\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [webhook a] header.: has no name; write header.NAME = value"},
	{"webhook, header not ASCII", "[webhook a]\nheader.x = \xc3\xa9\n", CONFIG_ERROR_VALUE,
	 "t.conf:2: [webhook a] header.x: is empty or not ASCII; write printable ASCII"},
};

static char *scratch;

static char *in_scratch(const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, "@DIR@", -1);

	return g_strjoinv(scratch, parts);
}

static void write_scratch(const char *name, const char *text, int mode)
{
	g_autofree char *path = g_build_filename(scratch, name, NULL);

	g_assert_true(g_file_set_contents(path, text, -1, NULL));
	g_assert_cmpint(g_chmod(path, mode), ==, 0);
}

static struct config *parse(const char *text)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *whole = in_scratch(text);
	struct config *config = config_parse(whole, strlen(whole), "t.conf", &error);

	g_assert_no_error(error);
	return config;
}

static void test_bad(gconstpointer data)
{
	const struct bad_row *row = data;
	g_autofree char *text = in_scratch(row->text);
	g_autofree char *message = in_scratch(row->message);
	g_autoptr(GError) error = NULL;
	struct config *config = config_parse(text, strlen(text), "t.conf", &error);

	g_assert_null(config);
	g_assert_nonnull(error);
	g_assert_cmpstr(error->message, ==, message);
	g_assert_error(error, CONFIG_ERROR, (gint)row->code);
}

static void assert_equal(const struct config *a, const struct config *b)
{
	g_assert_cmpstr(a->state_dir, ==, b->state_dir);
	g_assert_cmpstr(a->socket, ==, b->socket);
	g_assert_cmpuint(a->socket_mode, ==, b->socket_mode);
	g_assert_cmpstr(a->control_socket, ==, b->control_socket);
	g_assert_cmpuint(a->control_mode, ==, b->control_mode);
	g_assert_cmpstr(a->spool_dir, ==, b->spool_dir);
	g_assert_cmpuint(a->mail_uids->len, ==, b->mail_uids->len);
	g_assert_cmpstr(a->metrics, ==, b->metrics);
	g_assert_cmpstr(a->log_level, ==, b->log_level);
	g_assert_cmpstr(a->hub_socket, ==, b->hub_socket);
	g_assert_cmpuint(a->hub_socket_mode, ==, b->hub_socket_mode);
	g_assert_cmpuint(a->hub_connections, ==, b->hub_connections);
	g_assert_cmpuint(a->hub_connections_per_uid, ==, b->hub_connections_per_uid);
	g_assert_cmpuint(a->max_pending, ==, b->max_pending);
	g_assert_cmpuint(a->max_bytes, ==, b->max_bytes);
	g_assert_cmpint(a->arrival_delay_us, ==, b->arrival_delay_us);
	g_assert_cmpint(a->state_delay_us, ==, b->state_delay_us);
	g_assert_cmpint(a->arrival_ttl_us, ==, b->arrival_ttl_us);
	g_assert_cmpint(a->state_ttl_us, ==, b->state_ttl_us);
	g_assert_cmpuint(a->devices_per_user, ==, b->devices_per_user);
	g_assert_cmpuint(a->confirm_secs, ==, b->confirm_secs);
	g_assert_cmpuint(a->rate_per_minute, ==, b->rate_per_minute);
	g_assert_cmpuint(a->rate_burst, ==, b->rate_burst);
	g_assert_cmpint(a->dead_keep_secs, ==, b->dead_keep_secs);
	g_assert_cmpstr(a->ca_file, ==, b->ca_file);
	g_assert_cmpuint(a->timeout_secs, ==, b->timeout_secs);
	g_assert_cmpuint(a->parallel_per_origin, ==, b->parallel_per_origin);
	g_assert_cmpuint(a->parallel, ==, b->parallel);
	g_assert_true((a->allowed_endpoints == NULL) == (b->allowed_endpoints == NULL));
	g_assert_cmpint(a->webpush_enabled, ==, b->webpush_enabled);
	g_assert_cmpstr(a->vapid_key_file, ==, b->vapid_key_file);
	g_assert_cmpstr(a->contact, ==, b->contact);
	g_assert_cmpuint(a->pad_to, ==, b->pad_to);
	g_assert_cmpstr(a->sms_url, ==, b->sms_url);
	g_assert_cmpstr(a->sms_username, ==, b->sms_username);
	g_assert_cmpstr(a->sms_password, ==, b->sms_password);
	g_assert_cmpstr(a->sms_sender, ==, b->sms_sender);
	g_assert_true(a->pimap_channels == NULL && b->pimap_channels == NULL);
	g_assert_cmpstr(a->apple_topic, ==, b->apple_topic);
	g_assert_cmpint(a->apple_delay_us, ==, b->apple_delay_us);
	g_assert_cmpstr(a->deltapush_url, ==, b->deltapush_url);
}

static void test_empty(void)
{
	g_autoptr(config_t) empty = parse("");
	g_autoptr(config_t) defaults = config_defaults();

	assert_equal(empty, defaults);
	g_assert_cmpuint(empty->webhooks->len, ==, 0);
	g_assert_cmpstr(empty->path, ==, "t.conf");
	g_assert_null(defaults->path);
}

static void test_sms(void)
{
	g_autofree char *text = in_scratch("[http]\nallowed-endpoints = http://127.0.0.1:13013\n"
					   "[sms]\n"
					   "url = http://127.0.0.1:13013/cgi-bin/sendsms\n"
					   "username = fantail\n"
					   "password-file = @DIR@/password\n"
					   "sender = +4915112345\n");
	g_autoptr(config_t) config = parse(text);

	g_assert_cmpstr(config->sms_url, ==, "http://127.0.0.1:13013/cgi-bin/sendsms");
	g_assert_cmpstr(config->sms_username, ==, "fantail");
	g_assert_cmpstr(config->sms_password, ==, "s3cret");
	g_assert_cmpstr(config->sms_sender, ==, "+4915112345");
}

static void test_values(void)
{
	g_autoptr(config_t) config =
		parse("[bridge]\n"
		      "state-dir = @DIR@\n"
		      "socket = /run/a.sock\n"
		      "socket-mode = 0660\n"
		      "control-socket = /run/b.sock\n"
		      "control-mode = 600\n"
		      "spool-dir = /var/spool/x\n"
		      "mail-uids = root; 5000\n"
		      "metrics = [::1]:9110\n"
		      "log-level = debug\n"
		      "[hub]\n"
		      "socket = /run/c.sock\n"
		      "socket-mode = 0600\n"
		      "connections = 1000\n"
		      "connections-per-uid = 7\n"
		      "[queue]\n"
		      "max-pending = 100\n"
		      "max-bytes = 64M\n"
		      "arrival-delay = 500ms\n"
		      "state-delay = 1min\n"
		      "arrival-ttl = 2d\n"
		      "state-ttl = 2h\n"
		      "[devices]\n"
		      "per-user = 1000\n"
		      "confirm-time = 10min\n"
		      "rate-per-minute = 6\n"
		      "rate-burst = 7\n"
		      "keep-dead = 0\n"
		      "[http]\n"
		      "ca-file = none\n"
		      "timeout = 9s\n"
		      "parallel-per-origin = 3\n"
		      "parallel = 4\n"
		      "allowed-endpoints = 10.1.2.0/24; http://127.0.0.1:8080\n"
		      "[webpush]\n"
		      "enabled = no\n"
		      "contact = mailto:postmaster@example.org\n"
		      "padding = no\n");

	g_assert_cmpstr(config->state_dir, ==, scratch);
	g_assert_cmpstr(config->socket, ==, "/run/a.sock");
	g_assert_cmpuint(config->socket_mode, ==, 0660);
	g_assert_cmpstr(config->control_socket, ==, "/run/b.sock");
	g_assert_cmpuint(config->control_mode, ==, 0600);
	g_assert_cmpstr(config->spool_dir, ==, "/var/spool/x");
	g_assert_cmpstr(config->hub_socket, ==, "/run/c.sock");
	g_assert_cmpuint(config->hub_socket_mode, ==, 0600);
	g_assert_cmpuint(config->hub_connections, ==, 1000);
	g_assert_cmpuint(config->hub_connections_per_uid, ==, 7);
	g_assert_cmpuint(config->mail_uids->len, ==, 2);
	g_assert_cmpuint(g_array_index(config->mail_uids, uid_t, 1), ==, 5000);
	g_assert_cmpstr(config->metrics, ==, "[::1]:9110");
	g_assert_cmpstr(config->log_level, ==, "debug");
	g_assert_cmpuint(config->max_pending, ==, 100);
	g_assert_cmpuint(config->max_bytes, ==, 64 << 20);
	g_assert_cmpint(config->arrival_delay_us, ==, 500000);
	g_assert_cmpint(config->state_delay_us, ==, 60 * G_USEC_PER_SEC);
	g_assert_cmpint(config->arrival_ttl_us, ==, 2 * 86400 * (gint64)G_USEC_PER_SEC);
	g_assert_cmpint(config->state_ttl_us, ==, 2 * 3600 * (gint64)G_USEC_PER_SEC);
	g_assert_cmpuint(config->devices_per_user, ==, 1000);
	g_assert_cmpuint(config->confirm_secs, ==, 600);
	g_assert_cmpuint(config->rate_per_minute, ==, 6);
	g_assert_cmpuint(config->rate_burst, ==, 7);
	g_assert_cmpint(config->dead_keep_secs, ==, 0);
	g_assert_null(config->ca_file);
	g_assert_cmpuint(config->timeout_secs, ==, 9);
	g_assert_cmpuint(config->parallel_per_origin, ==, 3);
	g_assert_cmpuint(config->parallel, ==, 4);
	g_assert_cmpstr(config->allowed_endpoints[0], ==, "10.1.2.0/24");
	g_assert_cmpstr(config->allowed_endpoints[1], ==, "http://127.0.0.1:8080");
	g_assert_null(config->allowed_endpoints[2]);
	g_assert_false(config->webpush_enabled);
	g_assert_cmpstr(config->contact, ==, "mailto:postmaster@example.org");
	g_assert_cmpuint(config->pad_to, ==, 0);
	/* It was not named, so it goes where the state goes. */
	g_autofree char *vapid = g_build_filename(scratch, "vapid.pem", NULL);
	g_assert_cmpstr(config->vapid_key_file, ==, vapid);
}

static void test_webhook(void)
{
	g_autoptr(config_t) config = parse("[webhook plain]\n"
					   "url = https://a.example/\n"
					   "[webhook ntfy.1]\n"
					   "url = https://ntfy.example:8443/mail?x=1\n"
					   "secret-file = @DIR@/closed.secret\n"
					   "old-secret = " SECRET "\n"
					   "users = *@a.example; b\\;c\n"
					   "mailboxes = INBOX; Lists/*\n"
					   "events = MessageNew; MessageRead\n"
					   "content = yes\n"
					   "content-type = text/plain; charset=utf-8\n"
					   "template-file = @DIR@/template\n"
					   "header.Authorization = Bearer x=y\n"
					   "header.X-Title = Mail\n"
					   "[http]\n"
					   "allowed-endpoints = https://ntfy.example:8443\n");
	const struct config_webhook *hook = config_find_webhook(config, "ntfy.1");
	const struct http_header *header;

	g_assert_cmpuint(config->webhooks->len, ==, 2);
	g_assert_cmpstr(hook->url, ==, "https://ntfy.example:8443/mail?x=1");
	g_assert_cmpuint(g_bytes_get_size(hook->secret), ==, 32);
	g_assert_cmpuint(g_bytes_get_size(hook->old_secret), ==, 24);
	g_assert_cmpstr(hook->users[0], ==, "*@a.example");
	g_assert_cmpstr(hook->users[1], ==, "b;c");
	g_assert_null(hook->users[2]);
	g_assert_cmpstr(hook->mailboxes[1], ==, "Lists/*");
	g_assert_cmphex(hook->events, ==,
			PUSH_EVENT_KIND_BIT(PUSH_EVENT_MESSAGE_NEW) |
				PUSH_EVENT_KIND_BIT(PUSH_EVENT_MESSAGE_READ));
	g_assert_true(hook->content);
	g_assert_cmpstr(hook->content_type, ==, "text/plain; charset=utf-8");
	g_assert_cmpstr(hook->template, ==, "%{subject}\n");
	g_assert_cmpuint(hook->headers->len, ==, 2);
	header = g_ptr_array_index(hook->headers, 0);
	g_assert_cmpstr(header->name, ==, "authorization");
	g_assert_cmpstr(header->value, ==, "Bearer x=y");

	hook = config_find_webhook(config, "plain");
	g_assert_null(hook->secret);
	g_assert_null(hook->users);
	g_assert_null(hook->mailboxes);
	g_assert_null(hook->template);
	g_assert_false(hook->content);
	g_assert_cmphex(hook->events, ==, PUSH_EVENT_KINDS_ARRIVAL);
	g_assert_cmpstr(hook->content_type, ==, "application/json");
	g_assert_null(config_find_webhook(config, "other"));
}

static void test_ceilings(void)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GError) error = NULL;

	for (int i = 0; i < LIMIT_WEBHOOKS; i++)
		g_string_append_printf(text, "[webhook w%d]\nurl = https://a.example/\n", i);
	g_autoptr(config_t) config = parse(text->str);
	g_assert_cmpuint(config->webhooks->len, ==, LIMIT_WEBHOOKS);
	g_string_append(text, "[webhook over]\nurl = https://a.example/\n");
	g_assert_null(config_parse(text->str, text->len, "t.conf", &error));
	g_assert_cmpstr(error->message, ==,
			"t.conf:129: [webhook over]: more than 64 webhooks; put a relay of your "
			"own behind one of them");
	g_clear_error(&error);

	g_string_assign(text, "[http]\n");
	while (text->len < LIMIT_CONFIG_BYTES)
		g_string_append_c(text, '\n');
	g_autoptr(config_t) full = parse(text->str);
	g_assert_nonnull(full);
	g_string_append_c(text, '\n');
	g_assert_null(config_parse(text->str, text->len, "t.conf", &error));
	g_assert_error(error, CONFIG_ERROR, CONFIG_ERROR_READ);
	g_assert_cmpstr(error->message, ==,
			"t.conf: larger than 262144 bytes; move templates to files of their own");
	g_clear_error(&error);

	/* A file stops at the same size, and is not read to its end. */
	g_autofree char *path = g_build_filename(scratch, "large.conf", NULL);
	g_assert_true(g_file_set_contents(path, text->str, (gssize)text->len, NULL));
	g_assert_null(config_load(path, &error));
	g_assert_error(error, CONFIG_ERROR, CONFIG_ERROR_READ);
	g_clear_error(&error);

	g_autofree char *template = g_strnfill(LIMIT_TEMPLATE + 1, 'x');
	write_scratch("long.template", template, 0644);
	g_autofree char *long_file =
		in_scratch("[webhook a]\ntemplate-file = @DIR@/long.template\n");
	g_assert_null(config_parse(long_file, strlen(long_file), "t.conf", &error));
	g_autofree char *message = in_scratch("t.conf:2: [webhook a] template-file: "
					      "'@DIR@/long.template' is larger than 8192 bytes; "
					      "shorten it");
	g_assert_cmpstr(error->message, ==, message);
	g_clear_error(&error);

	g_autofree char *url = g_strnfill(LIMIT_ENDPOINT, 'x');
	g_autofree char *long_url = g_strdup_printf("[webhook a]\nurl = h%s\n", url);
	g_assert_null(config_parse(long_url, strlen(long_url), "t.conf", &error));
	g_assert_cmpstr(error->message, ==,
			"t.conf:2: [webhook a] url: is longer than 1000 bytes; shorten it");
}

static void test_load(void)
{
	static const struct {
		const char *text;
		int mode;
		const char *message; /* after the path; NULL = fine */
	} rows[] = {
		{"[webhook a]\nurl = https://a.example/\nsecret = " SECRET "\n", 0640, NULL},
		{"[webhook a]\nurl = https://a.example/\nsecret = " SECRET "\n", 0644,
		 ":3: [webhook a] secret: is secret, and everybody can read this file; chmod o-r "
		 "@DIR@/load.conf, or use its -file key"},
		{"[webhook a]\nurl = https://a.example/\nheader.X-Gotify-Key = x\n", 0644,
		 ":3: [webhook a] header.X-Gotify-Key: is secret, and everybody can read this "
		 "file; chmod o-r @DIR@/load.conf"},
		{"[webhook a]\nurl = https://a.example/\nheader.X-Title = x\n", 0644, NULL},
		{"[http]\ntimeuot = 1s\n", 0644,
		 ":2: [http] timeuot: no such key; did you mean 'timeout'?"},
	};
	g_autofree char *path = g_build_filename(scratch, "load.conf", NULL);

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;

		write_scratch("load.conf", rows[i].text, rows[i].mode);
		g_autoptr(config_t) config = config_load(path, &error);
		if (rows[i].message == NULL) {
			g_assert_no_error(error);
			g_assert_cmpstr(config->path, ==, path);
			continue;
		}
		g_autofree char *rest = in_scratch(rows[i].message);
		g_autofree char *message = g_strconcat(path, rest, NULL);
		g_assert_null(config);
		g_assert_cmpstr(error->message, ==, message);
	}

	g_autoptr(GError) error = NULL;
	g_assert_null(config_load("/nonexistent/bridge.conf", &error));
	g_assert_error(error, CONFIG_ERROR, CONFIG_ERROR_READ);
	g_assert_cmpstr(error->message, ==,
			"/nonexistent/bridge.conf: cannot be read (No such file or directory); "
			"correct the path or its permissions");
	g_clear_error(&error);
	g_assert_null(config_load(scratch, &error));
	g_assert_error(error, CONFIG_ERROR, CONFIG_ERROR_READ);
	g_assert_true(g_str_has_suffix(error->message, ": not a regular file; correct the path"));
}

/* A self-signed one; only its dates matter here. */
static const char certificate[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBbjCCARWgAwIBAgIUZ2ySnARoq1gdPdRMTp4p7DH8VEIwCgYIKoZIzj0EAwIw\n"
	"DDEKMAgGA1UEAwwBdDAgFw0yNjExMjIxMjQ3MThaGA8yMTI2MTAyOTEyNDcxOFow\n"
	"DDEKMAgGA1UEAwwBdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABOY9Ez9Q/g0x\n"
	"T+SRFgvX7C67s3NC6PKUI2ZrNBe9KDgqVQw6SI+9paBc04LMRc5zjEL/uIGqvjge\n"
	"0KBJs2HhWTijUzBRMB0GA1UdDgQWBBS/s5YTdBshpQHUFqvor0CtSsnqhTAfBgNV\n"
	"HSMEGDAWgBS/s5YTdBshpQHUFqvor0CtSsnqhTAPBgNVHRMBAf8EBTADAQH/MAoG\n"
	"CCqGSM49BAMCA0cAMEQCIFSkQvCIBlNGh98PwVSxs32VqpTETZqtdFqLT56SuXQj\n"
	"AiBhfdBIH+YzTLz6/IKtSYLMRXTXk+MPoWKnmF5YIQ6HxQ==\n"
	"-----END CERTIFICATE-----\n";

static void test_ca_file(void)
{
	g_autofree char *path = g_build_filename(scratch, "ca.pem", NULL);

	write_scratch("ca.pem", certificate, 0644);
	g_autoptr(config_t) config = parse("[http]\nca-file = @DIR@/ca.pem\n");
	g_assert_cmpstr(config->ca_file, ==, path);
	g_assert_cmpint(config->ca_expiry, ==, G_GINT64_CONSTANT(4948951638));
}

static void test_refs(void)
{
	struct config *config = config_defaults();
	struct config *second = config_ref(config);

	g_assert_true(second == config);
	config_unref(config);
	g_assert_cmpstr(second->state_dir, ==, "/var/lib/fantail");
	config_unref(second);
	config_unref(NULL);
}

/* And no key is left out of the manual. */
static void test_manual(void)
{
	static const char *const sections[] = {"bridge",  "hub",  "queue",
					       "devices", "http", "webpush"};
	g_autofree char *path = g_test_build_filename(G_TEST_DIST, "docs", "man",
						      "fantail-bridge.conf.5.scd", NULL);
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;

	g_file_get_contents(path, &text, NULL, &error);
	g_assert_no_error(error);
	for (gsize i = 0; i < G_N_ELEMENTS(sections); i++) {
		g_auto(GStrv) keys = config_table_names(&config_keys, sections[i]);

		for (char **key = keys; *key != NULL; key++) {
			g_autofree char *bold = g_strdup_printf("*%s* = ", *key);
			if (strstr(text, bold) == NULL)
				g_error("%s is not in fantail-bridge.conf(5)", *key);
		}
	}
	for (const char *const *key = config_webhook_key_names; *key != NULL; key++) {
		g_autofree char *bold = g_strdup_printf("*%s* = ", *key);
		if (strstr(text, bold) == NULL)
			g_error("webhook's %s is not in fantail-bridge.conf(5)", *key);
	}
}

/* The file that is installed: it is fine as it is, and what it shows as defaults
 * are the defaults, and no key is left out. */
static void test_example(void)
{
	g_autofree char *path = g_test_build_filename(G_TEST_DIST, "data", "bridge.conf", NULL);
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(config_t) defaults = config_defaults();
	static const char *const sections[] = {"bridge", "hub",       "queue", "devices",
					       "http",   "webpush",   "sms",   "pimap",
					       "apple",  "deltapush", NULL};

	g_autoptr(config_t) config = config_load(path, &error);
	g_assert_no_error(error);
	assert_equal(config, defaults);
	g_assert_cmpuint(config->webhooks->len, ==, 0);

	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_autoptr(GRegex) mark = g_regex_new("^#(?=[a-z\\[])", G_REGEX_MULTILINE, 0, NULL);
	g_autofree char *bare = g_regex_replace(mark, text, -1, 0, "", 0, NULL);
	g_autoptr(config_t) uncommented = config_parse(bare, strlen(bare), "bare.conf", &error);
	g_assert_no_error(error);
	assert_equal(uncommented, defaults);
	g_assert_cmpuint(uncommented->webhooks->len, ==, 1);
	const struct config_webhook *hook = config_find_webhook(uncommented, "example");
	g_assert_cmphex(hook->events, ==, PUSH_EVENT_KINDS_ARRIVAL);
	g_assert_false(hook->content);

	for (gsize i = 0; sections[i] != NULL; i++) {
		g_auto(GStrv) keys = config_table_names(&config_keys, sections[i]);

		g_assert_nonnull(keys[0]);
		for (char **key = keys; *key != NULL; key++) {
			g_autofree char *line = g_strdup_printf("\n#%s =", *key);
			if (strstr(text, line) == NULL)
				g_error("%s is not in data/bridge.conf", *key);
		}
	}
	for (const char *const *key = config_webhook_key_names; *key != NULL; key++) {
		g_autofree char *line = g_strdup_printf("\n#%s =", *key);
		g_autofree char *prose = g_strdup_printf("\n#\t%s =", *key);
		if (strstr(text, line) == NULL && strstr(text, prose) == NULL)
			g_error("webhook's %s is not in data/bridge.conf", *key);
	}
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;

	g_test_init(&argc, &argv, NULL);
	scratch = g_dir_make_tmp("fantail-config-XXXXXX", &error);
	g_assert_no_error(error);
	write_scratch("password", "s3cret\n", 0600);
	write_scratch("two.password", "s3cret\nother\n", 0600);
	write_scratch("open.secret", SECRET "\n", 0644);
	write_scratch("closed.secret", "  whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
		      0640);
	write_scratch("lines.template", "a\n%{one\ntwo", 0644);
	write_scratch("template", "%{subject}\n", 0644);

	for (gsize i = 0; i < G_N_ELEMENTS(bad_rows); i++) {
		g_autofree char *path = g_strdup_printf("/config/bad/%s", bad_rows[i].name);
		g_test_add_data_func(path, &bad_rows[i], test_bad);
	}
	g_test_add_func("/config/empty", test_empty);
	g_test_add_func("/config/sms", test_sms);
	g_test_add_func("/config/values", test_values);
	g_test_add_func("/config/webhook", test_webhook);
	g_test_add_func("/config/ceilings", test_ceilings);
	g_test_add_func("/config/load", test_load);
	g_test_add_func("/config/ca-file", test_ca_file);
	g_test_add_func("/config/refs", test_refs);
	g_test_add_func("/config/example", test_example);
	g_test_add_func("/config/manual", test_manual);
	int result = g_test_run();

	g_autoptr(GDir) dir = g_dir_open(scratch, 0, NULL);
	for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
		g_autofree char *path = g_build_filename(scratch, name, NULL);
		g_unlink(path);
	}
	g_rmdir(scratch);
	g_free(scratch);
	return result;
}
