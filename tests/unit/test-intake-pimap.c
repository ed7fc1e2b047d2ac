/* The verbs of Push-IMAP on the mail socket, with the registry that the bridge has. */
#include "bridge-config.h"
#include "fake-queue.h"
#include "gateway-context.h"
#include "intake.h"
#include "limits.h"
#include "line-client.h"
#include "registry.h"
#include "store-fixture.h"
#include "vapid.h"

/* The dispatcher is somebody else's test. */
void dispatcher_wake(struct dispatcher *dispatcher, const char *lane, gint64 due_us)
{
}

struct bench {
	struct fixture fixture;
	struct fake_queue queue;
	struct registry *registry;
	struct metrics *metrics;
	struct gateway_context *context;
	struct intake *intake;
	int fd;
};

#define SMS_CHANNELS "[pimap]\nchannels = WAP_PUSH; GSMSMS\n"

static char *in_folder(const struct bench *bench, const char *name)
{
	return g_build_filename(bench->fixture.folder, name, NULL);
}

static void set_up(struct bench *bench, const char *more)
{
	const struct registry_limits limits = {.devices_per_user = 3, .confirm_secs = 600};
	g_autoptr(GError) error = NULL;
	g_autoptr(config_t) config = NULL;
	g_autofree char *text = NULL, *socket = NULL, *password = NULL;

	memset(bench, 0, sizeof(*bench));
	fixture_open(&bench->fixture, 0);
	socket = in_folder(bench, "bridge.sock");
	password = in_folder(bench, "password");
	g_assert_true(g_file_set_contents(password, "secret\n", -1, NULL));
	g_assert_cmpint(g_chmod(password, 0600), ==, 0);
	text = g_strdup_printf("[bridge]\nstate-dir = %s\nsocket = %s\nmail-uids = %u\n"
			       "[http]\nallowed-endpoints = http://127.0.0.1:8080\n"
			       "[webpush]\nvapid-key-file = %s/vapid.pem\n"
			       "[sms]\nurl = http://127.0.0.1:8080/\nusername = u\n"
			       "password-file = %s\n%s",
			       bench->fixture.folder, socket, (guint)getuid(),
			       bench->fixture.folder, password, more);
	config = config_parse(text, strlen(text), "test", &error);
	g_assert_no_error(error);
	bench->registry = registry_sqlite_open(bench->fixture.store, &limits, &error);
	g_assert_no_error(error);
	fake_queue_init(&bench->queue);
	bench->metrics = metrics_new();
	bench->context = gateway_context_new(config, NULL, &error);
	g_assert_no_error(error);
	bench->intake = intake_new(&bench->queue.base, bench->registry, NULL, bench->context,
				   bench->metrics);
	g_assert_true(intake_listen(bench->intake, -1, &error));
	g_assert_no_error(error);
	bench->fd = dial(socket);
	say(bench->fd, HELLO);
	expect(bench->fd, HELLO);
}

static void tear_down(struct bench *bench)
{
	static const char *const files[] = {"bridge.sock", "password", "vapid.pem"};

	close(bench->fd);
	intake_free(&bench->intake);
	spin(5);
	metrics_free(&bench->metrics);
	gateway_context_unref(bench->context);
	gateway_context_flush();
	fake_queue_clear(&bench->queue);
	bench->registry->backend->close(&bench->registry);
	for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *path = in_folder(bench, files[i]);

		g_unlink(path);
	}
	fixture_clear(&bench->fixture);
}

/* Web Push subscription "sub" of alice's. */
static void add_subscription(struct bench *bench)
{
	struct device subscription = {.user = (char *)"alice",
				      .device = (char *)"sub",
				      .gateway = (char *)"webpush",
				      .dialect = DIALECT_GOUGEON,
				      .endpoint = (char *)"https://push.example/1",
				      .token = (char *)"t"};

	bench->registry->backend->subscribe(bench->registry, &subscription,
					    g_get_real_time() / G_USEC_PER_SEC, NULL, NULL);
}

struct step {
	const char *request, *answer;
};

static void play(struct bench *bench, const struct step *steps, gsize count)
{
	for (gsize i = 0; i < count; i++) {
		gboolean closed;

		say(bench->fd, steps[i].request);
		g_autofree char *answer = hear(bench->fd, steps[i].answer, &closed);
		g_assert_cmpstr(answer, ==, steps[i].answer);
		g_assert_false(closed);
	}
}

#define PLAY(bench, steps) play(bench, steps, G_N_ELEMENTS(steps))
#define FOR "\tuser=alice\tdevice=P1"
#define INBAND "\tinband-push=OFF\tinband-new-format=NONE"
#define DEFAULTS                                                                               \
	"\taddress=\tchannel=NONE\tformat=EMN\tevent-filter=ALL\tinband-push=OFF\tinband-new-" \
	"format=NONE"
#define ONE "WAP_PUSH GSMSMS NONE"
#define ADDED "\tformats=EMN EXTENDED\tnotify-address=+15550100\tnotify-port=143"

static void test_profile(void)
{
	static const struct step steps[] = {
		{"PROFILE\t1" FOR "\n",
		 "OK\t1\tknown=no" DEFAULTS "\tchannels=" ONE "\tformats=EMN\n"},
		{"PREFER\t2" FOR "\tname=PIMAP_INBAND_PUSH\tvalue=on\n", "OK\t2\n"},
		{"PREFER\t3" FOR "\tname=PIMAP_OUTBAND_ADDRESS\tvalue=13335559999\n", "OK\t3\n"},
		{"PREFER\t4" FOR "\tname=pimap_outband_channel\tvalue=wap_push\n", "OK\t4\n"},
		{"PREFER\t5" FOR "\tname=PIMAP_EVENT_FILTER\tvalue=NEW\n", "OK\t5\n"},
		{"PREFER\t6" FOR "\tname=PIMAP_INBAND_NEW_FORMAT\tvalue=(FLAGS ENVELOPE)\n",
		 "OK\t6\n"},
		{"PROFILE\t7" FOR "\n",
		 "OK\t7\tknown=yes\taddress=13335559999\tchannel=WAP_PUSH\tformat=EMN\tevent-"
		 "filter=NEW\tinband-push=ON\tinband-new-format=(FLAGS ENVELOPE)\tchannels=" ONE
		 "\tformats=EMN\n"},
		/* Another of the user, and another user. */
		{"PROFILE\t8\tuser=alice\tdevice=P2\n",
		 "OK\t8\tknown=no" DEFAULTS "\tchannels=" ONE "\tformats=EMN\n"},
		{"PROFILE\t9\tuser=bob\tdevice=P1\n",
		 "OK\t9\tknown=no" DEFAULTS "\tchannels=" ONE "\tformats=EMN\n"},
	};
	struct bench bench;

	set_up(&bench, SMS_CHANNELS);
	PLAY(&bench, steps);
	g_autoptr(device_t) device = bench.registry->backend->find(bench.registry, "alice", "P1");
	g_assert_cmpstr(device->gateway, ==, "sms");
	g_assert_cmpstr(device->endpoint, ==, "sms:+13335559999");
	g_assert_cmpuint(device->events, ==, PUSH_EVENT_KIND_BIT(PUSH_EVENT_MESSAGE_NEW));
	g_assert_cmpint(device->dialect, ==, DIALECT_EMN);
	tear_down(&bench);
}

/* Channels whose address has to be somebody. */
static void test_channels(void)
{
	static const struct step steps[] = {
		{"PREFER\t1" FOR "\tname=PIMAP_OUTBAND_CHANNEL\tvalue=WEBPUSH\n", "OK\t1\n"},
		{"PREFER\t2" FOR "\tname=PIMAP_OUTBAND_ADDRESS\tvalue=sub\n",
		 "NO\t2\tcode=refused\ttext=the Web Push subscription is not active; confirm it, "
		 "or register it anew\n"},
		{"PREFER\t3" FOR "\tname=PIMAP_OUTBAND_ADDRESS\tvalue=P1\n",
		 "NO\t3\tcode=refused\ttext=there is no such Web Push subscription; register it "
		 "with WEBPUSH first\n"},
		{"CONFIRM\t4\tuser=alice\tdevice=sub\ttoken=t\n", "OK\t4\tstate=active\n"},
		{"PREFER\t5" FOR "\tname=PIMAP_OUTBAND_ADDRESS\tvalue=sub\n", "OK\t5\n"},
		/* Somebody else's. */
		{"PREFER\t6\tuser=bob\tdevice=P1\tname=PIMAP_OUTBAND_ADDRESS\tvalue=sub\n",
		 "OK\t6\n"},
		{"PREFER\t7\tuser=bob\tdevice=P1\tname=PIMAP_OUTBAND_CHANNEL\tvalue=WEBPUSH\n",
		 "NO\t7\tcode=refused\ttext=there is no such Web Push subscription; register it "
		 "with WEBPUSH first\n"},
		{"PREFER\t8\tuser=bob\tdevice=P2\tname=PIMAP_OUTBAND_CHANNEL\tvalue=HTTP\n",
		 "OK\t8\n"},
		{"PREFER\t9\tuser=bob\tdevice=P2\tname=PIMAP_OUTBAND_ADDRESS\tvalue="
		 "https://127.0.0.1/x\n",
		 "NO\t9\tcode=refused\ttext=the host is an address, not a name\n"},
		{"PREFER\t10\tuser=bob\tdevice=P2\tname=PIMAP_OUTBAND_ADDRESS\tvalue="
		 "https://push.example/x\n",
		 "OK\t10\n"},
	};
	struct bench bench;

	set_up(&bench, "[pimap]\nchannels = WEBPUSH; HTTP\n");
	add_subscription(&bench);
	PLAY(&bench, steps);
	tear_down(&bench);
}

/* A key is handed to who can keep it, and is the same each time. */
static void test_keys(void)
{
	static const struct step before[] = {
		{"PREFER\t1" FOR "\tname=PIMAP_OUTBAND_FORMAT\tvalue=EXTENDED\n",
		 "NO\t1\tcode=refused\ttext=the device has no key yet; XPROVISION, over TLS, hands "
		 "it one\n"},
		{"PROFILE\t2" FOR "\n", "OK\t2\tknown=no" DEFAULTS "\tchannels=" ONE ADDED "\n"},
		{"PROFILE\t3" FOR "\tnotification-id=n1\n",
		 "OK\t3\tknown=yes" DEFAULTS "\tchannels=" ONE ADDED "\n"},
		{"PREFER\t4" FOR "\tname=PIMAP_OUTBAND_FORMAT\tvalue=EXTENDED\n",
		 "NO\t4\tcode=refused\ttext=the device has no key yet; XPROVISION, over TLS, hands "
		 "it one\n"},
		{"PROFILE\t5\tuser=alice\tdevice=sub\tkey=yes\n",
		 "OK\t5\tknown=no" DEFAULTS "\tchannels=" ONE ADDED "\n"},
		{"PROFILE\t6" FOR "\tkey=yes\n",
		 "OK\t6\tknown=yes" DEFAULTS "\tchannels=" ONE ADDED "\tenc-key="},
	};
	static const struct step after[] = {
		{"PREFER\t8" FOR "\tname=PIMAP_OUTBAND_FORMAT\tvalue=extended\n", "OK\t8\n"},
	};
	struct registry_key key;
	struct bench bench;
	gboolean closed;

	set_up(&bench, "[pimap]\nchannels = WAP_PUSH; GSMSMS\nextended = aes-128-gcm\n"
		       "notification-address = +15550100\nnotification-port = 143\n");
	add_subscription(&bench);
	play(&bench, before, G_N_ELEMENTS(before) - 1);
	say(bench.fd, before[G_N_ELEMENTS(before) - 1].request);
	g_autofree char *first = hear(bench.fd, "\n", &closed);
	g_assert_true(g_str_has_prefix(first, before[G_N_ELEMENTS(before) - 1].answer));
	g_assert_cmpuint(strlen(strstr(first, "enc-key=")), ==, strlen("enc-key=") + 24 + 1);
	say(bench.fd, "PROFILE\t7" FOR "\tkey=yes\n");
	g_autofree char *second = hear(bench.fd, "\n", &closed);
	g_assert_cmpstr(strstr(first, "enc-key="), ==, strstr(second, "enc-key="));
	PLAY(&bench, after);
	g_autoptr(device_t) device = bench.registry->backend->find(bench.registry, "alice", "P1");
	g_assert_cmpint(device->dialect, ==, DIALECT_EXTENDED);
	g_assert_true(device->content);
	bench.registry->backend->key(bench.registry, device->id, &key);
	g_assert_true(key.fetched && !key.waits && key.sequence == 0);
	tear_down(&bench);
}

/* FALSE: it was one change too many. */
static gboolean drop_nothing(struct bench *bench)
{
	gboolean closed;

	say(bench->fd, "FILTERDROP\t1\tuser=alice\tname=none\n");
	g_autofree char *answer = hear(bench->fd, "\n", &closed);
	return strstr(answer, "code=limit") == NULL;
}

/* One user's; and what is refused for other reasons does not count. */
static void test_pace(void)
{
	static const struct step refused[] = {
		{"PREFER\t1" FOR "\tname=PIMAP_INBAND_PUSH\tvalue=MAYBE\n",
		 "NO\t1\tcode=refused\ttext=in-band push is ON or OFF\n"},
	};
	static const struct step rows[] = {
		{"PREFER\t2" FOR "\tname=PIMAP_INBAND_PUSH\tvalue=ON\n",
		 "NO\t2\tcode=limit\ttext="},
		{"ATTACH\t3" FOR "\tfilter=ALL\n", "NO\t3\tcode=limit\ttext="},
		{"FILTERSET\t4\tuser=alice\tname=x\tcriteria=ALL\n", "NO\t4\tcode=limit\ttext="},
		{"FILTERDROP\t5\tuser=alice\tname=x\n", "NO\t5\tcode=limit\ttext="},
		{"PROFILE\t6" FOR "\tnotification-id=x\n", "NO\t6\tcode=limit\ttext="},
		{"PROFILE\t7" FOR "\n", "OK\t7\t"},
		{"PREFER\t8\tuser=bob\tdevice=P1\tname=PIMAP_INBAND_PUSH\tvalue=ON\n", "OK\t8\n"},
	};
	struct bench bench;
	gboolean closed;

	set_up(&bench, SMS_CHANNELS);
	PLAY(&bench, refused);
	for (guint i = 0; i < LIMIT_PIMAP_CHANGES_PER_HOUR; i++)
		g_assert_true(drop_nothing(&bench));
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		gboolean as_it_should = FALSE;

		/* On a slow machine there may be one more by now. */
		for (guint tries = 0; !as_it_should && tries < 100; tries++) {
			g_autofree char *answer = NULL;

			while (drop_nothing(&bench))
				;
			say(bench.fd, rows[i].request);
			answer = hear(bench.fd, "\n", &closed);
			as_it_should = g_str_has_prefix(answer, rows[i].answer);
		}
		g_assert_true(as_it_should);
	}
	tear_down(&bench);
}

static void test_refused(void)
{
	static const struct {
		const char *name, *request, *answer;
	} rows[] = {
		{"no device", "PREFER\t1\tuser=alice\tname=PIMAP_INBAND_PUSH\tvalue=ON\n",
		 "code=refused\ttext=a device has 1 to 64 letters, digits, hyphens, underscores "
		 "and dots\n"},
		{"device", "ATTACH\t1\tuser=alice\tdevice=a/b\tfilter=ALL\n",
		 "code=refused\ttext=a device has 1 to 64 letters, digits, hyphens, underscores "
		 "and dots\n"},
		{"preference", "PREFER\t1" FOR "\tname=PIMAP_X\tvalue=ON\n",
		 "code=refused\ttext=there is no such preference, or it has no value\n"},
		{"no value", "PREFER\t1" FOR "\tname=PIMAP_INBAND_PUSH\n",
		 "code=refused\ttext=there is no such preference, or it has no value\n"},
		{"value", "PREFER\t1" FOR "\tname=PIMAP_INBAND_PUSH\tvalue=MAYBE\n",
		 "code=refused\ttext=in-band push is ON or OFF\n"},
		{"event filter", "PREFER\t1" FOR "\tname=PIMAP_EVENT_FILTER\tvalue=NEWS\n",
		 "code=refused\ttext=the event filter is one of ALL, NEW and NONE\n"},
		{"a channel that is off",
		 "PREFER\t1" FOR "\tname=PIMAP_OUTBAND_CHANNEL\tvalue=SMS\n",
		 "code=refused\ttext=this server has no such channel; XPROVISION tells which it "
		 "has\n"},
		{"a format that is off",
		 "PREFER\t1" FOR "\tname=PIMAP_OUTBAND_FORMAT\tvalue=EXTENDED\n",
		 "code=refused\ttext=this server has no such format; XPROVISION tells which it "
		 "has\n"},
		{"no address of the channel",
		 "PREFER\t1\tuser=alice\tdevice=W"
		 "\tname=PIMAP_OUTBAND_ADDRESS\tvalue=joe@foo.com\n",
		 "code=refused\ttext=the channel takes telephone numbers, with the code of the "
		 "country\n"},
		{"control characters",
		 "PREFER\t1" FOR "\tname=PIMAP_OUTBAND_ADDRESS\tvalue=a\001nb\n",
		 "code=refused\ttext=the address is too long or has control characters\n"},
		{"no filter", "ATTACH\t1" FOR "\n", "code=notfound\ttext=no such filter\n"},
		{"unknown filter", "ATTACH\t1" FOR "\tfilter=F9\tmailbox=INBOX\n",
		 "code=notfound\ttext=no such filter\n"},
		{"empty mailbox", "ATTACH\t1" FOR "\tfilter=ALL\tmailbox=\n",
		 "code=refused\ttext=the mailbox name is empty, too long or not UTF-8\n"},
		{"a slash in a name", "FILTERSET\t1\tuser=alice\tname=a/b\tcriteria=ALL\n",
		 "code=refused\ttext=a filter's name is an atom of 1 to 64 characters without a "
		 "slash\n"},
		{"predefined", "FILTERSET\t1\tuser=alice\tname=None\tcriteria=ALL\n",
		 "code=refused\ttext=the filters ALL and NONE cannot be changed\n"},
		{"no criteria", "FILTERSET\t1\tuser=alice\tname=F\tcriteria=\n",
		 "code=refused\ttext=the criteria are missing, longer than 8,192 octets or not on "
		 "one line\n"},
		{"two lines", "FILTERSET\t1\tuser=alice\tname=F\tcriteria=A\001nB\n",
		 "code=refused\ttext=the criteria are missing, longer than 8,192 octets or not on "
		 "one line\n"},
		{"nothing to drop", "FILTERDROP\t1\tuser=alice\tname=F9\n",
		 "code=notfound\ttext=no such filter\n"},
		{"no name to drop", "FILTERDROP\t1\tuser=alice\n",
		 "code=notfound\ttext=no such filter\n"},
		{"the name of a subscription",
		 "PREFER\t1\tuser=alice\tdevice=sub"
		 "\tname=PIMAP_INBAND_PUSH\tvalue=ON\n",
		 "code=refused\ttext=a device of another kind has the name 'sub'; choose "
		 "another\n"},
		{"attached to a subscription", "ATTACH\t1\tuser=alice\tdevice=sub\tfilter=ALL\n",
		 "code=refused\ttext=a device of another kind has the name 'sub'; choose "
		 "another\n"},
		{"one too many", "ATTACH\t1\tuser=alice\tdevice=P3\tfilter=ALL\n",
		 "code=limit\ttext=at most 3 devices a user; remove one that is no longer "
		 "used\n"},
		{"other tokens", "REGISTER\t1\tuser=alice\tdialect=coi\ttoken=x\n",
		 "code=refused\ttext=dialect is neither apple nor deltapush\n"},
		{"no token", "REGISTER\t1\tuser=alice\tdialect=deltapush\ttoken=\n",
		 "code=refused\ttext=the device token is empty, too long or has blanks\n"},
		{"Apple without a topic", "REGISTER\t1\tuser=alice\tdialect=apple\ttoken=x\n",
		 "code=unavailable\ttext=this server has no certificate of Apple's\n"},
		{"SUBSCRIBE in our dialect",
		 "SUBSCRIBE\t1\tuser=alice\tdevice=d\tgateway=webpush\tdialect=emn\n",
		 "code=refused\ttext=dialect is neither gougeon nor coi\n"},
	};
	static const struct step before[] = {
		{"PREFER\t1\tuser=alice\tdevice=W\tname=PIMAP_OUTBAND_CHANNEL\tvalue=GSMSMS\n",
		 "OK\t1\n"},
		{"ATTACH\t2\tuser=alice\tdevice=P1\tfilter=ALL\n", "OK\t2\n"},
	};
	struct device like = {.user = (char *)"alice",
			      .device = (char *)"sub",
			      .gateway = (char *)"webpush",
			      .endpoint = (char *)"https://push.example/"};
	struct bench bench;

	set_up(&bench, SMS_CHANNELS);
	PLAY(&bench, before);
	bench.registry->backend->enrol(bench.registry, &like, 1, NULL, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *expected = g_strconcat("NO\t1\t", rows[i].answer, NULL);
		gboolean closed;

		g_test_message("%s", rows[i].name);
		say(bench.fd, rows[i].request);
		g_autofree char *answer = hear(bench.fd, "\n", &closed);
		g_assert_cmpstr(answer, ==, expected);
	}
	/* And none of it left a trace. */
	say(bench.fd, "FILTERLIST\t2\tuser=alice\n");
	expect(bench.fd, "OK\t2\n");
	tear_down(&bench);
}

/* The other way round: a subscription cannot take a device's name. */
static void test_names_of_two_faces(void)
{
	struct device like = {.user = (char *)"alice",
			      .device = (char *)"P1",
			      .gateway = (char *)"webpush",
			      .endpoint = (char *)"https://push.example/"};
	static const struct step steps[] = {
		{"ATTACH\t2" FOR "\tfilter=ALL\n", "OK\t2\n"},
	};
	struct bench bench;

	set_up(&bench, SMS_CHANNELS);
	PLAY(&bench, steps);
	bench.registry->backend->subscribe(bench.registry, &like, 1, NULL, NULL);
	while (store_pending(bench.fixture.store) > 0)
		g_main_context_iteration(NULL, TRUE);
	g_autoptr(device_t) device = bench.registry->backend->find(bench.registry, "alice", "P1");
	g_assert_cmpint(device->dialect, ==, DIALECT_EMN);
	tear_down(&bench);
}

static void test_filters(void)
{
	static const struct step steps[] = {
		{"FILTERSET\t1\tuser=alice\tname=JOHN\tcriteria=FROM \"John\"\tcharset=UTF-8"
		 "\tdescription=From John\n",
		 "OK\t1\n"},
		{"FILTERSET\t2\tuser=alice\tname=today\tcriteria=DAYSBEFORETODAY 0\n", "OK\t2\n"},
		{"FILTERLIST\t3\tuser=alice\n",
		 "ITEM\t3\tname=JOHN\tcriteria=FROM \"John\"\tcharset=UTF-8\tdescription=From "
		 "John\nITEM\t3\tname=today\tcriteria=DAYSBEFORETODAY 0\nOK\t3\n"},
		{"FILTERLIST\t4\tuser=alice\tname=TODAY\n",
		 "ITEM\t4\tname=today\tcriteria=DAYSBEFORETODAY 0\nOK\t4\n"},
		{"FILTERLIST\t5\tuser=bob\n", "OK\t5\n"},
		/* Set again, in other letters: one and the same. */
		{"FILTERSET\t6\tuser=alice\tname=Today\tcriteria=UNSEEN\n", "OK\t6\n"},
		{"FILTERLIST\t7\tuser=alice\tname=today\n",
		 "ITEM\t7\tname=Today\tcriteria=UNSEEN\nOK\t7\n"},
		{"ATTACH\t8" FOR "\tfilter=today\n", "OK\t8\n"},
		{"ATTACH\t9" FOR "\tfilter=JOHN\tmailbox=inbox\n", "OK\t9\n"},
		{"ATTACH\t10" FOR "\tfilter=ALL\tmailbox=Work\n", "OK\t10\n"},
		{"PROFILE\t11" FOR "\n",
		 "ITEM\t11\tattach=yes\tfilter=today\nITEM\t11\tattach=yes\tfilter=JOHN\tmailbox="
		 "INBOX\nITEM\t11\tattach=yes\tfilter=ALL\tmailbox=Work\nOK\t11\tknown=yes" DEFAULTS
		 "\tchannels=" ONE "\tformats=EMN\n"},
		/* Nobody can be reached yet. */
		{"WANT\t12\tuser=alice\tmailbox=INBOX\n", "OK\t12\twant=none\n"},
		{"PREFER\t13" FOR "\tname=PIMAP_OUTBAND_ADDRESS\tvalue=+1 (333) 555-9999\n",
		 "OK\t13\n"},
		{"PREFER\t14" FOR "\tname=PIMAP_OUTBAND_CHANNEL\tvalue=GSMSMS\n", "OK\t14\n"},
		{"WANT\t15\tuser=alice\tmailbox=Inbox\n",
		 "ITEM\t15\tfilter=JOHN\tcriteria=FROM \"John\"\tcharset=UTF-8\nOK\t15\twant="
		 "hint\n"},
		{"WANT\t16\tuser=alice\tmailbox=Other\n",
		 "ITEM\t16\tfilter=Today\tcriteria=UNSEEN\nOK\t16\twant=hint\n"},
		{"WANT\t17\tuser=alice\tmailbox=Work\n", "OK\t17\twant=hint\n"},
		{"WANT\t18\tuser=alice\n", "OK\t18\twant=hint\n"},
		/* Of one folder nothing, whatever is said of all. */
		{"ATTACH\t19" FOR "\tfilter=none\tmailbox=INBOX\n", "OK\t19\n"},
		{"WANT\t20\tuser=alice\tmailbox=INBOX\n", "OK\t20\twant=hint\n"},
		/* Dropped: attachments go with it. */
		{"FILTERDROP\t21\tuser=alice\tname=TODAY\n", "OK\t21\n"},
		{"WANT\t22\tuser=alice\tmailbox=INBOX\n", "OK\t22\twant=hint\n"},
		{"UNSUBSCRIBE\t23" FOR "\n", "OK\t23\n"},
		{"PROFILE\t24" FOR "\n",
		 "OK\t24\tknown=no" DEFAULTS "\tchannels=" ONE "\tformats=EMN\n"},
		/* Made anew, it has nothing of the former one. */
		{"PREFER\t25" FOR "\tname=PIMAP_INBAND_PUSH\tvalue=OFF\n", "OK\t25\n"},
		{"PROFILE\t26" FOR "\n",
		 "OK\t26\tknown=yes" DEFAULTS "\tchannels=" ONE "\tformats=EMN\n"},
	};
	struct bench bench;

	set_up(&bench, SMS_CHANNELS);
	PLAY(&bench, steps);
	tear_down(&bench);
}

static void test_limit_of_filters(void)
{
	struct bench bench;

	set_up(&bench, "");
	for (guint i = 0; i <= LIMIT_FILTERS_PER_USER; i++) {
		g_autofree char *request =
			g_strdup_printf("FILTERSET\t1\tuser=alice\tname=F%u\tcriteria=ALL\n", i);

		say(bench.fd, request);
		expect(bench.fd, i < LIMIT_FILTERS_PER_USER
					 ? "OK\t1\n"
					 : "NO\t1\tcode=limit\ttext=at most 100 filters a user; "
					   "remove one that is no longer used\n");
	}
	say(bench.fd, "FILTERSET\t1\tuser=alice\tname=F7\tcriteria=SEEN\n");
	expect(bench.fd, "OK\t1\n");
	tear_down(&bench);
}

/* --- from an event to a wake-up ------------------------------------------------------- */

/* One event; how many notifications it led to. */
static guint deliver(struct bench *bench, const char *mailbox, const char *more)
{
	static guint number;
	g_autofree char *lines = g_strdup_printf(
		"BATCH\t9\tbatch=%032x\tuser=alice\tcount=1\nEVENT\tname=MessageNew\t"
		"time=1700000000000000\tuser=alice\tmailbox=%s\tmessages=1%s\n",
		++number, mailbox, more);
	gboolean closed;

	say(bench->fd, lines);
	g_autofree char *answer = hear(bench->fd, "\n", &closed);
	g_assert_true(g_str_has_prefix(answer, "OK\t9\tqueued="));
	return (guint)strtoul(answer + strlen("OK\t9\tqueued="), NULL, 10);
}

static void test_wake_up(void)
{
	static const struct step steps[] = {
		{"FILTERSET\t1\tuser=alice\tname=JOHN\tcriteria=FROM John\n", "OK\t1\n"},
		{"PREFER\t2" FOR "\tname=PIMAP_OUTBAND_ADDRESS\tvalue=13335559999\n", "OK\t2\n"},
		{"PREFER\t3" FOR "\tname=PIMAP_OUTBAND_CHANNEL\tvalue=WAP_PUSH\n", "OK\t3\n"},
	};
	static const struct step attach[] = {
		{"ATTACH\t4" FOR "\tfilter=JOHN\tmailbox=INBOX\n", "OK\t4\n"},
	};
	static const struct step there[] = {
		{"PRESENT\t5" FOR "\tsession=s1\tlistening=yes\n", "OK\t5" INBAND "\n"},
	};
	static const struct step not_there[] = {
		{"PRESENT\t6" FOR "\tsession=other\tlistening=no\n", "OK\t6" INBAND "\n"},
	};
	static const struct step left[] = {
		{"PRESENT\t7" FOR "\tsession=s1\tlistening=no\n", "OK\t7" INBAND "\n"},
	};
	static const struct step none[] = {
		{"PREFER\t8" FOR "\tname=PIMAP_EVENT_FILTER\tvalue=NONE\n", "OK\t8\n"},
	};
	struct bench bench;
	const struct registry_backend *backend;

	set_up(&bench, SMS_CHANNELS);
	backend = bench.registry->backend;
	PLAY(&bench, steps);
	/* The default: no folder has a filter. */
	g_assert_cmpuint(deliver(&bench, "INBOX", ""), ==, 0);
	PLAY(&bench, attach);
	g_assert_cmpuint(deliver(&bench, "INBOX", "\tfilters=JOHN"), ==, 1);
	g_assert_cmpuint(deliver(&bench, "inbox", ""), ==, 1);
	g_assert_cmpuint(deliver(&bench, "INBOX", "\tfilters="), ==, 0);
	g_assert_cmpuint(deliver(&bench, "Other", "\tfilters=JOHN"), ==, 0);
	/* Connected, and another session of it that does not listen. */
	PLAY(&bench, there);
	g_assert_cmpuint(deliver(&bench, "INBOX", "\tfilters=JOHN"), ==, 0);
	PLAY(&bench, not_there);
	g_assert_cmpuint(deliver(&bench, "INBOX", "\tfilters=JOHN"), ==, 0);
	PLAY(&bench, left);
	g_assert_cmpuint(deliver(&bench, "INBOX", "\tfilters=JOHN"), ==, 1);
	/* A wake-up went out. Nothing more until it has connected. */
	g_autoptr(device_t) device = backend->find(bench.registry, "alice", "P1");
	backend->mark_ok(bench.registry, device->id, g_get_real_time() / G_USEC_PER_SEC,
			 "accepted");
	g_assert_cmpuint(deliver(&bench, "INBOX", "\tfilters=JOHN"), ==, 0);
	PLAY(&bench, not_there);
	g_assert_cmpuint(deliver(&bench, "INBOX", "\tfilters=JOHN"), ==, 1);
	PLAY(&bench, none);
	g_assert_cmpuint(deliver(&bench, "INBOX", "\tfilters=JOHN"), ==, 0);
	tear_down(&bench);
}

#define APPLE_TOKEN "ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789"

static void test_tokens(void)
{
	static const struct step steps[] = {
		{"REGISTER\t1\tuser=alice\tdialect=apple\taccount=0715A26B-CA09-4730-A419-793000"
		 "CA982E\ttoken=" APPLE_TOKEN
		 "\tsubtopic=com.apple.mobilemail\tmailbox=INBOX\tmailbox=Notes\n",
		 "OK\t1\ttopic=com.apple.mail.XServer.1\n"},
		{"REGISTER\t2\tuser=alice\tdialect=apple\taccount=A\ttoken=12\tmailbox=INBOX\n",
		 "NO\t2\tcode=refused\ttext=the device token is not hexadecimal digits, or too "
		 "short or too long\n"},
		{"REGISTER\t3\tuser=alice\tdialect=apple\taccount=a:b\ttoken=" APPLE_TOKEN
		 "\tmailbox=INBOX\n",
		 "NO\t3\tcode=refused\ttext=the account id is missing, too long or has blanks\n"},
		{"REGISTER\t4\tuser=alice\tdialect=apple\taccount=A\ttoken=" APPLE_TOKEN "\n",
		 "NO\t4\tcode=refused\ttext=there is no mailbox\n"},
		{"REGISTER\t5\tuser=bob\tdialect=deltapush\ttoken=openpgp:x1\n", "OK\t5\n"},
	};
	struct bench bench;
	gboolean closed;

	set_up(&bench, "[apple]\ntopic = com.apple.mail.XServer.1\n");
	PLAY(&bench, steps);
	g_autoptr(device_t) device = bench.registry->backend->find(
		bench.registry, "alice",
		"apple:0715A26B-CA09-4730-A419-793000CA982E:abcdef0123456789");
	g_assert_cmpint(device->dialect, ==, DIALECT_APPLE);
	g_assert_cmpstr(device->mailboxes[1], ==, "Notes");
	g_assert_cmpint(device->state, ==, DEVICE_ACTIVE);
	say(bench.fd, "LIST\t6\tuser=bob\tdialect=deltapush\n");
	g_autofree char *list = hear(bench.fd, "OK\t6\n", &closed);
	g_assert_true(g_str_has_prefix(list, "ITEM\t6\tdevice=delta:"));
	g_assert_nonnull(strstr(list, "\ttoken=openpgp:x1\t"));
	/* Not among the subscriptions. */
	say(bench.fd, "LIST\t7\tuser=bob\tgateway=webpush\n");
	expect(bench.fd, "OK\t7\n");
	tear_down(&bench);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/intake-pimap/profile", test_profile);
	g_test_add_func("/intake-pimap/refused", test_refused);
	g_test_add_func("/intake-pimap/channels", test_channels);
	g_test_add_func("/intake-pimap/keys", test_keys);
	g_test_add_func("/intake-pimap/pace", test_pace);
	g_test_add_func("/intake-pimap/names-of-two-faces", test_names_of_two_faces);
	g_test_add_func("/intake-pimap/filters", test_filters);
	g_test_add_func("/intake-pimap/limit-of-filters", test_limit_of_filters);
	g_test_add_func("/intake-pimap/wake-up", test_wake_up);
	g_test_add_func("/intake-pimap/tokens", test_tokens);
	return g_test_run();
}
