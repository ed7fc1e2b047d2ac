/* The transcripts of test-syncml-session.c, in the order of the specification's sections. */

static void with_secret(struct sync_world *world)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *secret = auth_secret(WORLD_USER, WORLD_PASSWORD);
	struct pim_txn *txn = pim_txn_begin(world->store, WORLD_USER, TRUE, &error);
	struct pim_peer peer;

	g_assert_true(pim_txn_peer(txn, "dev", 1, &peer, &error));
	g_assert_true(pim_txn_set_secret(txn, peer.id, WORLD_USER, secret, &error));
	g_assert_true(pim_txn_commit(txn, &error));
}

static void allow_legacy_nonce(struct device_rules *rules)
{
	rules->legacy_nonce = TRUE;
}

static void allow_reuse(struct device_rules *rules)
{
	rules->reuse_msg_id = TRUE;
}

static void replace_nothing(struct device_rules *rules)
{
	rules->no_replace_in_slow_sync = TRUE;
}

static void name_as_alerted(struct device_rules *rules)
{
	rules->database_as_alerted = TRUE;
}

static void all_in_one(struct device_rules *rules)
{
	rules->msg_size_percent = 100;
}

static void half(struct device_rules *rules)
{
	rules->msg_size_percent = 50;
}

static void no_item(struct device_rules *rules)
{
	rules->no_item_in_status = TRUE;
}

static void ignore_capabilities(struct device_rules *rules)
{
	rules->ignore_capabilities = TRUE;
}

static void no_pieces(struct device_rules *rules)
{
	rules->no_size = TRUE;
}

static void be_lenient(struct device_rules *rules)
{
	rules->lenient_delete = rules->lenient_anchor = TRUE;
}

static void one_status(struct device_rules *rules)
{
	rules->one_status_per_command = rules->no_item_in_status = TRUE;
}

static void soft_delete(struct device_rules *rules)
{
	rules->soft_delete = TRUE;
}

static void hold_commands(struct device_rules *rules)
{
	rules->hold_commands = TRUE;
}

static void reject(struct device_rules *rules)
{
	rules->reject = 403;
}

static void small_objects(struct sync_world *world)
{
	world->settings.max_obj_size = 500;
}

static void guarded(struct sync_world *world)
{
	world->settings.guard_percent = 30;
	world->settings.guard_items = 1;
}

static void one_generation(struct sync_world *world)
{
	world->settings.one_generation = TRUE;
}

static void client_wins(struct sync_world *world)
{
	world->settings.conflict = SML_CONFLICT_CLIENT;
}

static void duplicates(struct sync_world *world)
{
	world->settings.conflict = SML_CONFLICT_DUPLICATE;
}

static void with_ann(struct sync_world *world)
{
	edit_server(world, "+Ann=111", 1);
}

static void with_two(struct sync_world *world)
{
	edit_server(world, "+Ann=111 +Bob=222", 1);
}

static void add_item(struct sync_world *world, const struct pim_item *item)
{
	g_autoptr(GError) error = NULL;
	struct pim_txn *txn = pim_txn_begin(world->store, WORLD_USER, TRUE, &error);
	guint64 revision;
	gint64 id;

	g_assert_no_error(error);
	g_assert_nonnull(item);
	g_assert_true(pim_txn_add(txn, item, "test", 1, &id, &revision, &error));
	g_assert_true(pim_txn_commit(txn, &error));
}

/* Eleven days after the transcripts begin, on 2001-09-09. */
static void with_event(struct sync_world *world)
{
	static const char text[] = "BEGIN:VCALENDAR\r\nVERSION:1.0\r\nBEGIN:VEVENT\r\nSUMMARY:x\r\n"
				   "DTSTART:20010920T100000Z\r\nDTEND:20010920T110000Z\r\n"
				   "END:VEVENT\r\nEND:VCALENDAR\r\n";
	g_autoptr(pim_item_t) event =
		pim_item_parse(PIM_VCALENDAR_1_0, text, strlen(text), NULL, NULL);

	add_item(world, event);
}

static void with_long(struct sync_world *world)
{
	g_autofree char *number = g_strnfill(4000, '7');
	g_autofree char *edits = g_strdup_printf("+Ann=%s", number);

	edit_server(world, edits, 1);
}

static void with_1200(struct sync_world *world)
{
	g_autofree char *note = g_strnfill(1200, 'x');
	g_autofree char *text = g_strdup_printf("BEGIN:VCARD\r\nVERSION:2.1\r\nN:Ann;G\r\n"
						"TEL;CELL:111\r\nNOTE:%s\r\nEND:VCARD\r\n",
						note);
	g_autoptr(pim_item_t) contact =
		pim_item_parse(PIM_VCARD_2_1, text, strlen(text), NULL, NULL);

	add_item(world, contact);
}

/* What not each phone has room for. */
static void with_note(struct sync_world *world)
{
	static const char text[] = "BEGIN:VCARD\r\nVERSION:2.1\r\nN:Ann;G\r\nTEL;CELL:111\r\n"
				   "NOTE:x\r\nEND:VCARD\r\n";
	g_autoptr(pim_item_t) contact =
		pim_item_parse(PIM_VCARD_2_1, text, strlen(text), NULL, NULL);

	add_item(world, contact);
}

static void with_numbers(struct sync_world *world)
{
	static const char text[] = "BEGIN:VCARD\r\nVERSION:2.1\r\nN:Ann;G\r\nTEL;HOME:999\r\n"
				   "TEL;CELL:111\r\nEND:VCARD\r\n";
	g_autoptr(pim_item_t) contact =
		pim_item_parse(PIM_VCARD_2_1, text, strlen(text), NULL, NULL);

	add_item(world, contact);
}

static void one_mobile(struct device_rules *rules)
{
	static char *slots[] = {(char *)"CELL", NULL};

	rules->style.phone_slots = slots;
}

static void with_mac(struct sync_world *world)
{
	world->settings.auth_md5 = FALSE;
	with_secret(world);
}

static void without_basic(struct sync_world *world)
{
	world->settings.auth_basic = FALSE;
}

#define INIT(code, last, next)                                                    \
	{                                                                         \
		.anew = TRUE, .says = ALERT("1", code, ANCHORS(last, next)) FINAL \
	}
#define INIT_HEARS(code, last, next, words)                                                       \
	{                                                                                         \
		.anew = TRUE, .says = ALERT("1", code, ANCHORS(last, next)) FINAL, .hears = words \
	}

/* Both sides have what they have said. */
#define NOTHING_MORE(last, next)                                                                 \
	INIT_HEARS("200", last, next, "SyncHdr=212 Alert#1=200{" next "} Alert:200+last Final"), \
	{                                                                                        \
		.says = SYNC("1", "") FINAL, .hears = "SyncHdr=200 Sync#1=200 Sync[0]{} Final"   \
	}
/* A first sync of with_two(), after which the phone has Ann under 11 and Bob under 12. */
#define ADDED_BY_THE_SERVER                                                                     \
	{.says = LARGE_DEVINF("8") ALERT("1", "201", NEXT("a")) FINAL},                         \
		{.says = SYNC("1", "") FINAL,                                                   \
		 .hears = "SyncHdr=200 Sync#1=200 Sync[2]{Add 1:Ann=111 Add 2:Bob=222} Final"}, \
	{                                                                                       \
		.says = STATUS("1", "2", "3", "Add", "201") STATUS("2", "2", "4", "Add", "201") \
			MAP("5", PAIR("1", "11") PAIR("2", "12")) FINAL,                        \
		.hears = "SyncHdr=200 Map#5=200 Final"                                          \
	}

static const struct script scripts[] = {
	/* --- credentials (SCTS 0101, 0201, 0202) --- */
	{.name = "0101-wrong-credentials",
	 .steps = {{.header = WRONG,
		    .says = ALERT("1", "200", NEXT("a")) FINAL,
		    .hears = "SyncHdr=401{basic} Alert#1=401 Final"},
		   {.header = RIGHT,
		    .says = ALERT("1", "200", NEXT("a")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=508{a} Get(./devinf12) Alert:201 Final"}}},
	{.name = "0201-no-credentials",
	 .steps = {{.header = "",
		    .says = ALERT("1", "200", NEXT("a")) FINAL,
		    .hears = "SyncHdr=407{basic} Alert#1=407 Final"}}},
	{.name = "0202-right-credentials",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{a} Get(./devinf12) Alert:201 Final"},
		   {.says = SYNC("1", "") FINAL, .hears = "SyncHdr=200 Sync#1=200 Sync{} Final"}}},
	{.name = "credentials-of-a-command",
	 .steps = {{.header = "",
		    .says = "<Alert><CmdID>1</CmdID>" RIGHT
			    "<Data>201</Data><Item><Target><LocURI>contacts"
			    "</LocURI></Target><Source><LocURI>./phone</LocURI></Source></Item></"
			    "Alert>" FINAL,
		    .hears = "SyncHdr=212 Alert#1=200 Get(./devinf12) Alert:201 Final"}}},
	{.name = "unknown-kind-of-credentials",
	 .steps = {{.header = CRED("syncml:auth-x509", "AAAA"),
		    .says = ALERT("1", "200", NEXT("a")) FINAL,
		    .hears = "SyncHdr=406{basic} Alert#1=406 Final"}}},
	{.name = "503-while-nobody-can-tell-whether-the-password-is-right",
	 .steps = {{.http = 503, .header = LATER, .says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.msg = 1,
		    .says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{a} Get(./devinf12) Alert:201 Final"},
		   /* Who has shown one needs none. */
		   {.header = LATER,
		    .says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync{} Final"}}},
	{.name = "a-device-that-a-rule-rejects",
	 .rules = reject,
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=403 Alert#1=403 Final"}}},
	/* --- commands that come before a password, and do not come again (section 3) --- */
	{.name = "commands-are-held-until-there-is-a-password",
	 .rules = hold_commands,
	 .steps = {{.header = "",
		    .says = LARGE_DEVINF("8") ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=407{basic} Put#8=407 Alert#1=407 Final"},
		   /* What is wrong does not make them forgotten. */
		   {.header = WRONG, .says = FINAL, .hears = "SyncHdr=401{basic} Final"},
		   {.header = RIGHT,
		    .says = FINAL,
		    .hears = "SyncHdr=212 1/Put#8=200 1/Alert#1=200{a} Alert:201 Final"},
		   {.says = SYNC("1", ADD("2", "1", CARD("Ann", "111"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Sync[0]{} Final"}},
	 .contacts = "Ann=111"},
	{.name = "commands-are-held-until-the-digest-is-right",
	 .prepare = with_secret,
	 .rules = hold_commands,
	 .steps = {{.name = "pat",
		    .header = MD5("$empty"),
		    .says = ALERT("1", "201", NEXT("a"))
			    SYNC("2", ADD("3", "1", CARD("Ann", "111"))) FINAL,
		    .hears = "SyncHdr=401{md5} Alert#1=401 Sync#2=401 Final"},
		   {.name = "pat",
		    .header = MD5("$nonce"),
		    .says = FINAL,
		    .hears = "SyncHdr=212{md5} 1/Alert#1=200{a} 1/Sync#2=200 1/Add#3=201 "
			     "Get(./devinf12) Alert:201 Sync{} Final"}},
	 .contacts = "Ann=111"},
	{.name = "held-commands-that-come-again-are-done-once",
	 .rules = hold_commands,
	 .steps = {{.header = "", .says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.header = RIGHT,
		    .says = ALERT("1", "201", NEXT("b")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{b} Get(./devinf12) Alert:201 Final"}}},
	{.name = "commands-are-not-held-for-others",
	 .steps = {{.header = "", .says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.header = RIGHT, .says = FINAL, .hears = "SyncHdr=212 Get(./devinf12) Final"}}},
	/* What a stranger says under a phone's name is not done with that phone's password. */
	{.name = "commands-are-held-for-who-was-told-the-address",
	 .rules = hold_commands,
	 .steps = {{.header = "",
		    .says = ALERT("1", "201", NEXT("a"))
			    SYNC("2", ADD("3", "1", CARD("Ann", "111"))) FINAL},
		   {.no_url = TRUE,
		    .header = RIGHT,
		    .says = FINAL,
		    .hears = "SyncHdr=212 Get(./devinf12) Final"}},
	 .contacts = ""},
	/* --- device information (0203) --- */
	{.name = "0203-get-devinf",
	 .steps = {{.says = "<Get><CmdID>1</CmdID><Meta><Type>application/vnd.syncml-devinf+xml</"
			    "Type></Meta>"
			    "<Item><Target><LocURI>./devinf12</LocURI></Target></Item></Get>" ALERT(
				    "2", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=212 Get#1=200 Alert#2=200{a} "
			     "Results(./devinf12:contacts,calendar,notes) "
			     "Get(./devinf12) Alert:201 Final"}}},
	{.name = "get-and-put-of-something-else",
	 .steps = {{.says = "<Get><CmdID>1</CmdID><Item><Target><LocURI>./x</LocURI></Target></"
			    "Item></Get>"
			    "<Put><CmdID>2</CmdID><Item><Source><LocURI>./x</LocURI></"
			    "Source><Data>x</Data></Item></Put>" ALERT("3", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=212 Get#1=404 Put#2=404 Alert#3=200{a} Get(./devinf12) "
			     "Alert:201 Final"}}},
	{.name = "devinf-is-asked-for-once",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{a} Get(./devinf12) Alert:201 Final"},
		   {.says = "<Results><CmdID>7</CmdID><MsgRef>1</MsgRef><CmdRef>3</CmdRef>"
			    "<Item><Source><LocURI>./devinf12</LocURI></"
			    "Source><Data><DevInf><VerDTD>1.2</VerDTD>"
			    "<DevID>dev</DevID><DevTyp>phone</DevTyp></DevInf></Data></Item></"
			    "Results>" SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Results#7=200 Sync#1=200 Sync{} Final"},
		   {.anew = TRUE,
		    .says = ALERT("1", "201", NEXT("b")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{b} Alert:201+last Final"}}},
	{.name = "devinf-of-its-own-encoding",
	 .steps = {{.says = "<Put><CmdID>1</CmdID><Meta><Format>b64</Format><Type>"
			    "application/vnd.syncml-devinf+wbxml</Type></Meta><Item><Source>"
			    "<LocURI>./devinf12</LocURI></"
			    "Source><Data>AqQDagBKZQMxLjIAAUkDZGV2AAFLA3Bob25lAAEpAQ==</Data></"
			    "Item></Put>" ALERT("2", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=212 Put#1=200 Alert#2=200{a} Alert:201 Final"},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[0]{} Final"}}},
	{.name = "public-id-in-the-string-table",
	 .string_table = TRUE,
	 .prepare = with_ann,
	 .steps = {{.says = LARGE_DEVINF("8") ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=212 Put#8=200 Alert#1=200{a} Alert:201 Final"},
		   {.says = SYNC("1", ADD("2", "2", CARD("Bob", "222"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Sync[1]{Add 1:Ann=111} Final"}}},
	/* --- alerts and anchors (0204, 0301, 0601) --- */
	{.name = "0204-one-database",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{a} Get(./devinf12) Alert:201 Final"}}},
	{.name = "0204-several-databases",
	 .steps = {{.says = ALERT("1", "201", NEXT("a"))
			    ALERT_AT("2", "201", "notes", "", NEXT("a"))
				    ALERT_AT("3", "201", "nothing", "", NEXT("a")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{a} Alert#2=200{a} Alert#3=404 "
			     "Get(./devinf12) Alert:201 Alert:201 Final"}}},
	{.name = "0205-sync-names-both-databases-as-the-phone-does",
	 .prepare = with_ann,
	 .steps = {{.says = ALERT("1", "201", NEXT("a"))
			    ALERT_FROM("2", "201", WORLD_URL "/notes", "C:\\memo", NEXT("a")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{a} Alert#2=200{a} Get(./devinf12) "
			     "Alert:201 Alert:201 Final"},
		   {.says = SYNC("1", "") SYNC_OF("2", WORLD_URL "/notes", "C:\\memo", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync#2=200 Sync{Add 1:Ann=111} "
			     "Sync(C:\\memo<" WORLD_URL "/notes){} Final"}}},
	{.name = "0301-anchors-match",
	 .steps = {FIRST_SYNC,
		   INIT_HEARS("200", "a", "b", "SyncHdr=212 Alert#1=200{b} Alert:200+last Final"),
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[0]{} Final"}},
	 .contacts = "Ann=111 Bob=222"},
	{.name = "anchors-differ",
	 .steps = {FIRST_SYNC,
		   INIT_HEARS("200", "x", "b", "SyncHdr=212 Alert#1=508{b} Alert:201+last Final")}},
	{.name = "the-former-anchor-matches",
	 .steps = {FIRST_SYNC,
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", "") FINAL},
		   INIT_HEARS("200", "a", "c", "SyncHdr=212 Alert#1=200{c} Alert:200+last Final")}},
	{.name = "the-former-anchor-does-not-match-where-it-is-not-wanted",
	 .prepare = one_generation,
	 .steps = {FIRST_SYNC,
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", "") FINAL},
		   INIT_HEARS("200", "a", "c", "SyncHdr=212 Alert#1=508{c} Alert:201+last Final")}},
	{.name = "anchors-differ-and-do-not-matter",
	 .rules = be_lenient,
	 .steps = {FIRST_SYNC,
		   INIT_HEARS("200", "x", "b", "SyncHdr=212 Alert#1=200{b} Alert:200+last Final")}},
	{.name = "0-is-no-anchor",
	 .steps = {FIRST_SYNC,
		   INIT_HEARS("200", "0", "b", "SyncHdr=212 Alert#1=508{b} Alert:201+last Final")}},
	{.name = "0601-slow-sync-moves-nothing",
	 .steps = {FIRST_SYNC,
		   INIT_HEARS("201", "a", "b", "SyncHdr=212 Alert#1=200{b} Alert:201+last Final"),
		   {.says = SYNC("1", REPLACE("2", "1", CARD("Ann", "111"))
					      REPLACE("3", "2", CARD("Bob", "222"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Replace#2=200 Replace#3=200 Sync[0]{} Final"}},
	 .contacts = "Ann=111 Bob=222"},
	{.name = "a-slow-sync-knows-what-an-item-was",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "Ann=999",
		    .says = ALERT("1", "201", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", REPLACE("2", "1", CARD("Ann", "111"))
					      REPLACE("3", "2", CARD("Bob", "777"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Replace#2=200 Replace#3=200 "
			     "Sync[1]{Replace 1:Ann=999} Final"},
		   {.says = STATUS("1", "2", "6", "Replace", "200") FINAL},
		   INIT("200", "b", "c"),
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[0]{} Final"}},
	 .contacts = "Ann=999 Bob=777"},
	{.name = "a-slow-sync-that-begins-anew-knows-it-still",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "Ann=999",
		    .says = ALERT("1", "201", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", REPLACE("2", "2", CARD("Bob", "777"))),
		    .hears = "SyncHdr=200 Sync#1=200 Replace#2=200 Alert:222"},
		   INIT("201", "a", "b"),
		   {.says = SYNC("1", REPLACE("2", "1", CARD("Ann", "111"))
					      REPLACE("3", "2", CARD("Bob", "888"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Replace#2=200 Replace#3=200 "
			     "Sync[1]{Replace 1:Ann=999} Final"}},
	 .contacts = "Ann=999 Bob=888"},
	{.name = "a-slow-sync-of-a-phone-that-gives-its-ids-anew",
	 .steps = {FIRST_SYNC,
		   INIT("201", "a", "b"),
		   {.says = SYNC("1", ADD("2", "1", CARD("Zoe", "555"))
					      ADD("3", "2", CARD("Ann", "111"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Add#3=200 Sync[1]{Add 1:Bob=222} "
			     "Final"}},
	 .contacts = "Ann=111 Bob=222 Zoe=555"},
	{.name = "508-by-the-phone",
	 .steps = {FIRST_SYNC,
		   INIT_HEARS("200", "a", "b", "SyncHdr=212 Alert#1=200{b} Alert:200+last Final"),
		   {.says = STATUS("1", "1", "2", "Alert", "508")
			    SYNC("2", REPLACE("3", "1", CARD("Ann", "111"))) FINAL,
		    .hears = "SyncHdr=200 Sync#2=200 Replace#3=200 Sync[1]{Add 1:Bob=222} Final"}}},
	{.name = "509-by-the-phone-is-508",
	 .steps = {FIRST_SYNC,
		   INIT_HEARS("200", "a", "b", "SyncHdr=212 Alert#1=200{b} Alert:200+last Final"),
		   {.says = STATUS("1", "1", "2", "Alert", "509")
			    SYNC("2", REPLACE("3", "1", CARD("Ann", "111"))) FINAL,
		    .hears = "SyncHdr=200 Sync#2=200 Replace#3=200 Sync[1]{Add 1:Bob=222} Final"}}},
	{.name = "207-to-210-are-202-to-205",
	 .steps = {FIRST_SYNC,
		   INIT_HEARS("207", "a", "b", "SyncHdr=212 Alert#1=200{b} Alert:202+last Final"),
		   INIT_HEARS("208", "a", "b", "SyncHdr=212 Alert#1=200{b} Alert:203+last Final"),
		   INIT_HEARS("210", "a", "b", "SyncHdr=212 Alert#1=200{b} Alert:205+last Final"),
		   INIT_HEARS("209", "a", "b", "SyncHdr=212 Alert#1=508{b} Alert:201+last Final")}},
	{.name = "206-is-200",
	 .steps = {FIRST_SYNC,
		   INIT_HEARS("206", "a", "b", "SyncHdr=212 Alert#1=200{b} Alert:200+last Final")}},
	{.name = "207-is-202",
	 .steps = {FIRST_SYNC,
		   INIT_HEARS("207", "a", "b", "SyncHdr=212 Alert#1=200{b} Alert:202+last Final")}},
	{.name = "208-is-203",
	 .steps = {FIRST_SYNC,
		   INIT_HEARS("208", "a", "b", "SyncHdr=212 Alert#1=200{b} Alert:203+last Final")}},
	{.name = "209-is-204",
	 .steps = {FIRST_SYNC,
		   INIT_HEARS("209", "a", "b", "SyncHdr=212 Alert#1=200{b} Alert:204+last Final")}},
	{.name = "210-is-205",
	 .steps = {FIRST_SYNC,
		   INIT_HEARS("210", "a", "b", "SyncHdr=212 Alert#1=200{b} Alert:205+last Final")}},
	/* Of package #0, which was message 1 of the session: whatever it says, the Alert counts. */
	{.name = "statuses-of-package-0",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .says = STATUS("1", "1", "0", "SyncHdr", "200")
			    STATUS("2", "1", "1", "Alert", "200")
				    ALERT("3", "206", ANCHORS("a", "b")) FINAL,
		    .hears = "SyncHdr=212 Alert#3=200{b} Alert:200+last Final"},
		   {.anew = TRUE,
		    .says = STATUS("1", "1", "0", "SyncHdr", "200") STATUS(
			    "2", "1", "1", "Alert", "508") ALERT("3", "201", NEXT("c")) FINAL,
		    .hears = "SyncHdr=212 Alert#3=200{c} Alert:201+last Final"}}},
	{.name = "unknown-alert",
	 .steps = {{.says = SAY("1", "299") FINAL,
		    .hears = "SyncHdr=212 Alert#1=406 Get(./devinf12) Final"}}},
	{.name = "display",
	 .steps = {{.says = SAY("1", "100") FINAL,
		    .hears = "SyncHdr=212 Alert#1=200 Get(./devinf12) Final"}}},
	/* --- changes of the phone (0302, 0402 to 0505) --- */
	{.name = "0302-the-phone-adds",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", ADD("2", "1", CARD("Ann", "111"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Sync{} Final"},
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", ADD("2", "2", CARD("Bob", "222"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Sync{} Final"}},
	 .contacts = "Ann=111 Bob=222"},
	{.name = "0402-the-phone-replaces-what-it-added",
	 .steps = {FIRST_SYNC,
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", REPLACE("2", "1", CARD("Ann", "999"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Replace#2=200 Sync[0]{} Final"}},
	 .contacts = "Ann=999 Bob=222"},
	{.name = "0404-the-phone-deletes-what-it-added",
	 .steps = {FIRST_SYNC,
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", DELETE("2", "1")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Delete#2=200 Sync[0]{} Final"}},
	 .contacts = "Bob=222"},
	/* --- and of the server --- */
	{.name = "0401-the-server-adds",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "+Eve=555",
		    .says = ALERT("1", "200", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Add 1:Eve=555} Final"},
		   {.says = STATUS("1", "2", "4", "Add", "201") MAP("5", PAIR("1", "3")) FINAL,
		    .hears = "SyncHdr=200 Map#5=200 Final"},
		   NOTHING_MORE("b", "c")}},
	{.name = "0403-the-server-replaces-what-the-phone-added",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "Ann=999",
		    .says = ALERT("1", "200", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Replace 1:Ann=999} Final"},
		   {.says = STATUS("1", "2", "4", "Replace", "200") FINAL,
		    .hears = "SyncHdr=200 Final"},
		   NOTHING_MORE("b", "c")}},
	{.name = "0405-the-server-deletes-what-the-phone-added",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "-Bob",
		    .says = ALERT("1", "200", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Delete 2} Final"},
		   {.says = STATUS("1", "2", "4", "Delete", "200") FINAL,
		    .hears = "SyncHdr=200 Final"},
		   NOTHING_MORE("b", "c")}},
	{.name = "the-server-adds-replaces-and-deletes-at-once",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "+Eve=555 Ann=999 -Bob",
		    .says = ALERT("1", "200", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[3]{Add 1:Eve=555 Replace 1:Ann=999 "
			     "Delete 2} Final"},
		   {.says = STATUS("1", "2", "0", "SyncHdr", "200") STATUS(
			    "2", "2", "4", "Add", "201") STATUS("3", "2", "5", "Replace", "200")
			    STATUS("4", "2", "6", "Delete", "200") MAP("5", PAIR("1", "3")) FINAL,
		    .hears = "SyncHdr=200 Map#5=200 Final"},
		   NOTHING_MORE("b", "c")}},
	{.name = "0501-the-phone-replaces-what-the-server-added",
	 .prepare = with_two,
	 .steps = {ADDED_BY_THE_SERVER,
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", REPLACE("2", "11", CARD("Ann", "999"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Replace#2=200 Sync[0]{} Final"}},
	 .contacts = "Ann=999 Bob=222"},
	{.name = "0502-the-server-replaces-what-it-added",
	 .prepare = with_two,
	 .steps = {ADDED_BY_THE_SERVER,
		   {.anew = TRUE,
		    .edits = "Ann=999",
		    .says = ALERT("1", "200", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Replace 11:Ann=999} Final"},
		   {.says = STATUS("1", "2", "4", "Replace", "200") FINAL,
		    .hears = "SyncHdr=200 Final"},
		   NOTHING_MORE("b", "c")}},
	{.name = "0503-the-phone-deletes-what-the-server-added",
	 .prepare = with_two,
	 .steps = {ADDED_BY_THE_SERVER,
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", DELETE("2", "12")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Delete#2=200 Sync[0]{} Final"}},
	 .contacts = "Ann=111"},
	{.name = "0504-the-server-deletes-what-it-added",
	 .prepare = with_two,
	 .steps = {ADDED_BY_THE_SERVER,
		   {.anew = TRUE,
		    .edits = "-Bob",
		    .says = ALERT("1", "200", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Delete 12} Final"},
		   {.says = STATUS("1", "2", "4", "Delete", "200") FINAL,
		    .hears = "SyncHdr=200 Final"},
		   NOTHING_MORE("b", "c")}},
	{.name = "0505-replace-of-what-is-not-there",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", REPLACE("2", "77", CARD("Ann", "111"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Replace#2=201 Sync{} Final"}},
	 .contacts = "Ann=111"},
	{.name = "add-of-what-is-there",
	 .steps = {FIRST_SYNC,
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", ADD("2", "1", CARD("Ann", "999"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=200 Sync[0]{} Final"}},
	 .contacts = "Ann=999 Bob=222"},
	{.name = "delete-of-what-is-not-there",
	 .steps = {FIRST_SYNC,
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", DELETE("2", "9")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Delete#2=211 Sync[0]{} Final"}}},
	{.name = "delete-of-what-is-not-there-lenient",
	 .rules = be_lenient,
	 .steps = {FIRST_SYNC,
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", DELETE("2", "9")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Delete#2=200 Sync[0]{} Final"}}},
	{.name = "delete-with-archive",
	 .steps = {FIRST_SYNC,
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", DELETE_AS("2", "1", "<Archive/>")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Delete#2=200 Sync[0]{} Final"}},
	 .contacts = "Bob=222"},
	{.name = "soft-delete",
	 .steps = {FIRST_SYNC,
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", DELETE_AS("2", "1", "<SftDel/>")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Delete#2=200 Sync[0]{} Final"},
		   INIT("200", "b", "c"),
		   {.says = SYNC("1", "") FINAL, .hears = "SyncHdr=200 Sync#1=200 Sync[0]{} Final"},
		   {.anew = TRUE,
		    .edits = "Ann=999",
		    .says = ALERT("1", "200", ANCHORS("c", "d")) FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Add 1:Ann=999} Final"}},
	 .contacts = "Ann=999 Bob=222"},
	{.name = "soft-delete-of-what-is-gone",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "-Ann",
		    .says = ALERT("1", "200", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", DELETE_AS("2", "1", "<SftDel/>")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Delete#2=423 Sync[0]{} Final"}}},
	{.name = "what-cannot-be-taken",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", "<Add><CmdID>2</CmdID><Meta><Type>image/png</Type></"
				      "Meta><Item><Source><LocURI>1"
				      "</LocURI></Source><Data>x</Data></Item></Add>"
				      "<Add><CmdID>3</CmdID><Item><Source><LocURI>2</LocURI></"
				      "Source></Item></Add>"
				      "<Add><CmdID>4</CmdID><Item><Data>x</Data></Item></Add>"
				      "<Add><CmdID>5</CmdID></Add>"
				      "<Add><CmdID>6</CmdID><Item><Source><LocURI>3</LocURI></"
				      "Source><Data>x</Data></Item></Add>" ADD(
					      "7", "4", CARD("Ann", "111"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=415 Add#3=412 Add#4=400 Add#5=400 "
			     "Add#6=415 Add#7=201 Sync{} Final"}},
	 .contacts = "Ann=111"},
	{.name = "several-items-of-a-command",
	 .steps = {FIRST_SYNC,
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", "<Delete><CmdID>2</CmdID><Item><Source><LocURI>1</LocURI></"
				      "Source></Item>"
				      "<Item><Source><LocURI>9</LocURI></Source></Item></Delete>")
			    FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Delete#2=200 Delete#2=211 Sync[0]{} Final"}}},
	{.name = "several-items-one-status",
	 .rules = one_status,
	 .steps = {FIRST_SYNC,
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", "<Delete><CmdID>2</CmdID><Item><Source><LocURI>1</LocURI></"
				      "Source></Item>"
				      "<Item><Source><LocURI>2</LocURI></Source></Item></Delete>")
			    FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Delete#2=200 Sync[0]{} Final"}}},
	/* --- md5, MAC (section 8) --- */
	{.name = "md5-with-the-nonce-of-the-challenge",
	 .prepare = with_secret,
	 .steps = {{.name = "pat",
		    .header = MD5("$empty"),
		    .says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=401{md5} Alert#1=401 Final"},
		   {.name = "pat",
		    .header = MD5("$nonce"),
		    .says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=212{md5} Alert#1=200{a} Get(./devinf12) Alert:201 Final"},
		   {.says = SYNC("1", "") FINAL, .hears = "SyncHdr=200 Sync#1=200 Sync{} Final"},
		   /* The nonce that came with 212 is for the next session, once. */
		   {.anew = TRUE,
		    .name = "pat",
		    .header = MD5("$nonce"),
		    .says = ALERT("1", "200", ANCHORS("a", "b")) FINAL,
		    .hears = "SyncHdr=212{md5} Alert#1=200{b} Get(./devinf12) Alert:200+last "
			     "Final"}}},
	{.name = "md5-empty-nonce-is-allowed",
	 .prepare = with_secret,
	 .rules = allow_legacy_nonce,
	 .steps = {{.name = "pat",
		    .header = MD5("$empty"),
		    .says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=212{md5} Alert#1=200{a} Get(./devinf12) Alert:201 Final"}}},
	{.name = "md5-without-a-secret",
	 .steps = {{.name = "pat",
		    .header = MD5("$empty"),
		    .says = ALERT("1", "200", NEXT("a")) FINAL,
		    .hears = "SyncHdr=401{basic} Alert#1=401 Final"}}},
	{.name = "md5-that-is-none",
	 .prepare = with_secret,
	 .steps = {{.name = "pat",
		    .header = MD5("eA=="),
		    .says = ALERT("1", "200", NEXT("a")) FINAL,
		    .hears = "SyncHdr=401{basic} Alert#1=401 Final"}}},
	{.name = "md5-of-nobody",
	 .steps = {{.header = MD5("$empty"),
		    .says = ALERT("1", "200", NEXT("a")) FINAL,
		    .hears = "SyncHdr=401{basic} Alert#1=401 Final"}}},
	{.name = "the-fourth-failure-is-the-last",
	 .prepare = with_secret,
	 .steps = {{.name = "pat",
		    .header = MD5("$empty"),
		    .says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.name = "pat",
		    .header = MD5("$empty"),
		    .says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.name = "pat",
		    .header = MD5("$empty"),
		    .says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=401{md5} Alert#1=401 Final"},
		   {.name = "pat",
		    .header = MD5("$empty"),
		    .says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=401 Alert#1=401 Final"}}},
	/* --- who knows what a user and a device are called, and no password --- */
	{.name = "a-wrong-digest-takes-no-nonce-away",
	 .prepare = with_secret,
	 .steps = {{.name = "pat",
		    .header = MD5("$empty"),
		    .says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=401{md5} Alert#1=401 Final"},
		   {.stranger = TRUE,
		    .msg = 1,
		    .name = "pat",
		    .header = MD5("$empty"),
		    .says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=401{md5} Alert#1=401 Final"},
		   {.stranger = TRUE,
		    .msg = 7,
		    .name = "pat",
		    .header = MD5("$empty"),
		    .says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=401 Alert#1=401 Final"},
		   {.name = "pat",
		    .header = MD5("$nonce"),
		    .says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=212{md5} Alert#1=200{a} Get(./devinf12) Alert:201 Final"}}},
	{.name = "a-wrong-digest-disturbs-no-session",
	 .prepare = with_secret,
	 .rules = allow_legacy_nonce,
	 .contacts = "Bob=222 Eve=333",
	 .steps = {{.name = "pat",
		    .header = MD5("$empty"),
		    .says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=212{md5} Alert#1=200{a} Get(./devinf12) Alert:201 Final"},
		   /* A session begins, and one under that number goes on. */
		   {.stranger = TRUE,
		    .msg = 1,
		    .name = "pat",
		    .header = MD5("MraccrRHny5AADBfmPIGpQ=="),
		    .says = ALERT("1", "201", NEXT("x")) FINAL,
		    .hears = "SyncHdr=401{md5} Alert#1=401 Final"},
		   {.stranger = TRUE,
		    .msg = 2,
		    .name = "pat",
		    .header = MD5("MraccrRHny5AADBfmPIGpQ=="),
		    .says = SYNC("1", ADD("2", "1", CARD("Mal", "666"))) FINAL,
		    .hears = "SyncHdr=401{md5} Sync#1=401 Final"},
		   {.says = SYNC("1", ADD("2", "1", CARD("Bob", "222"))),
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Alert:222"},
		   {.stranger = TRUE,
		    .msg = 2,
		    .name = "pat",
		    .header = MD5("MraccrRHny5AADBfmPIGpQ=="),
		    .says = SYNC("1", ADD("2", "1", CARD("Mal", "666"))) FINAL},
		   {.stranger = TRUE,
		    .msg = 3,
		    .name = "pat",
		    .header = MD5("MraccrRHny5AADBfmPIGpQ=="),
		    .says = SYNC("1", ADD("2", "1", CARD("Mal", "666"))) FINAL},
		   {.says = SYNC("1", ADD("2", "2", CARD("Eve", "333"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Sync{} Final"}}},
	{.name = "without-basic-everybody-is-asked-for-a-digest",
	 .prepare = without_basic,
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=401{md5} Alert#1=401 Final"},
		   {.header = "",
		    .says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=407{md5} Alert#1=407 Final"},
		   {.name = "pat",
		    .header = MD5("$nonce"),
		    .says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=401{md5} Alert#1=401 Final"}}},
	{.name = "mac-in-the-transport",
	 .prepare = with_mac,
	 .steps = {{.name = "pat",
		    .header = "",
		    .mac = "$empty",
		    .says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=401{MAC} Alert#1=401 Final"},
		   {.name = "pat",
		    .header = "",
		    .mac = "$nonce",
		    .says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=212{MAC} Alert#1=200{a} Get(./devinf12) Alert:201 Final"}}},
	/* --- versions (section 1.1) --- */
	{.name = "1.0",
	 .version = "1.0",
	 .prepare = with_ann,
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{a} Get(./devinf10) Alert:201 Final"},
		   {.says = SYNC("1", ADD("2", "2", CARD("Bob", "222"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Sync{Add 1:Ann=111} Final"}}},
	{.name = "1.1",
	 .version = "1.1",
	 .prepare = with_ann,
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{a} Get(./devinf11) Alert:201 Final"},
		   {.says = SYNC("1", ADD("2", "2", CARD("Bob", "222"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Sync{Add 1:Ann=111} Final"}}},
	{.name = "1.1-has-no-resume",
	 .version = "1.1",
	 .steps = {{.says = ALERT("1", "225", NEXT("a")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=406 Get(./devinf11) Final"}}},
	{.name = "505-unknown-dtd",
	 .xml_only = TRUE,
	 .version = "2.7",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=505{1.0,1.1,1.2} Alert#1=505 Final"}}},
	{.name = "513-unknown-protocol",
	 .xml_only = TRUE,
	 .protocol = "SyncML/2.0",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=513{SyncML/1.0,SyncML/1.1,SyncML/1.2} Alert#1=513 Final"}}},
	/* --- packages (section 3) --- */
	{.name = "without-initialisation",
	 .prepare = with_ann,
	 .steps = {{.says = ALERT("1", "201", NEXT("a"))
			    SYNC("2", ADD("3", "2", CARD("Bob", "222"))) FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{a} Sync#2=200 Add#3=201 Get(./devinf12) "
			     "Alert:201 Sync{Add 1:Ann=111} Final"},
		   {.says = STATUS("1", "1", "6", "Add", "201") MAP("2", PAIR("1", "9")) FINAL,
		    .hears = "SyncHdr=200 Map#2=200 Final"},
		   {.anew = TRUE,
		    .says = ALERT("1", "200", ANCHORS("a", "b")) SYNC("2", DELETE("3", "9")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{b} Sync#2=200 Delete#3=200 Get(./devinf12) "
			     "Alert:200+last Sync{} Final"}},
	 .contacts = "Bob=222"},
	{.name = "without-initialisation-and-with-wrong-anchors",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .says = ALERT("1", "200", ANCHORS("x", "b")) SYNC("2", DELETE("3", "1")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=508{b} Sync#2=508 Delete#3=508 Alert:201+last "
			     "Final"},
		   {.says = SYNC("1", ADD("2", "1", CARD("Ann", "111"))
					      ADD("3", "2", CARD("Bob", "222"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=200 Add#3=200 Sync[0]{} Final"}},
	 .contacts = "Ann=111 Bob=222"},
	{.name = "a-package-of-three-messages",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", ADD("2", "1", CARD("Ann", "111"))),
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Alert:222"},
		   {.says = SYNC("1", ADD("2", "2", CARD("Bob", "222"))),
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Alert:222"},
		   {.says = SYNC("1", ADD("2", "3", CARD("Eve", "333"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Sync{} Final"}},
	 .contacts = "Ann=111 Bob=222 Eve=333"},
	{.name = "sync-of-what-was-not-alerted",
	 .steps = {{.says = SYNC("1", ADD("2", "1", CARD("Ann", "111"))) FINAL,
		    .hears = "SyncHdr=212 Sync#1=403 Add#2=403 Get(./devinf12) Final"}},
	 .contacts = ""},
	{.name = "sync-of-what-there-is-not",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC_OF("1", "films", "./films", ADD("2", "1", CARD("Ann", "111")))
			    SYNC("3", ADD("4", "2", CARD("Bob", "222"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=404 Add#2=404 Sync#3=200 Add#4=201 Sync{} Final"}},
	 .contacts = "Bob=222"},
	{.name = "what-is-wrong-with-one-database-does-not-stop-the-other",
	 .xml_only = TRUE,
	 .prepare = with_ann,
	 .steps = {{.says = ALERT("1", "201", NEXT("a"))
			    ALERT_WITH("2", "201", "notes",
				       "<Filter><Meta><Type>text/plain</Type></Meta><Record><Item>"
				       "<Meta><Type>syncml:filtertype-cgi</Type></Meta><Data>("
				       "</Data></Item></Record></Filter>",
				       "./notes", NEXT("a")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{a} Alert#2=422{a} Get(./devinf12) Alert:201 "
			     "Final"},
		   {.says = SYNC_OF("1", "notes", "./notes", "") SYNC("2", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=422 Sync#2=200 Sync{Add 1:Ann=111} Final"}}},
	{.name = "222-three-times-is-the-end-of-the-package",
	 .prepare = with_ann,
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SAY("1", "222"), .hears = "SyncHdr=200 Alert#1=200 Alert:222"},
		   {.says = SAY("1", "222"), .hears = "SyncHdr=200 Alert#1=200 Alert:222"},
		   {.says = SAY("1", "222"),
		    .hears = "SyncHdr=200 Alert#1=200 Sync{Add 1:Ann=111} Final"}}},
	{.name = "another-sync-in-the-same-session",
	 .steps = {FIRST_SYNC,
		   {.says = ALERT("1", "200", ANCHORS("a", "b")) FINAL,
		    .hears = "SyncHdr=200 Alert#1=200{b} Alert:200+last Final"},
		   {.says = SYNC("1", DELETE("2", "1")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Delete#2=200 Sync[0]{} Final"}},
	 .contacts = "Bob=222"},
	{.name = "changes-outside-of-a-sync",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) ADD("2", "1", CARD("Ann", "111")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{a} Add#2=405 Get(./devinf12) Alert:201 "
			     "Final"}},
	 .contacts = ""},
	{.name = "no-resp",
	 .steps = {{.header = RIGHT "<NoResp/>",
		    .says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "Get(./devinf12) Alert:201 Final"},
		   {.says = SYNC("1",
				 "<Add><CmdID>2</CmdID><NoResp/><Item><Source><LocURI>1</LocURI></"
				 "Source><Data>" CARD("Ann", "111") "</Data></Item></Add>" ADD(
					 "3", "2", CARD("Bob", "222"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#3=201 Sync{} Final"}},
	 .contacts = "Ann=111 Bob=222"},
	{.name = "next-message-of-a-package-that-is-over",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SAY("1", "222"), .hears = "SyncHdr=200 Alert#1=200 Alert:222"}}},
	{.name = "221-the-result-please",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SAY("1", "221"), .hears = "SyncHdr=200 Alert#1=200 Alert:222"}}},
	/* --- busy (section 17) --- */
	{.name = "busy-and-221",
	 .prepare = with_ann,
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.busy = TRUE,
		    .says = SYNC("1", ADD("2", "2", CARD("Bob", "222"))) FINAL,
		    .hears = "SyncHdr=101"},
		   {.busy = TRUE, .says = SAY("7", "221"), .hears = "SyncHdr=101 Alert#7=101"},
		   {.says = SAY("7", "221"),
		    .hears = "SyncHdr=200 2/Sync#1=200 2/Add#2=201 Alert#7=200 "
			     "Sync{Add 1:Ann=111} Final"},
		   {.says = STATUS("1", "4", "5", "Add", "201") MAP("2", PAIR("1", "7")) FINAL,
		    .hears = "SyncHdr=200 Map#2=200 Final"}},
	 .contacts = "Ann=111 Bob=222"},
	{.name = "busy-and-the-same-again",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.busy = TRUE,
		    .says = SYNC("1", ADD("2", "2", CARD("Bob", "222"))) FINAL,
		    .hears = "SyncHdr=101"},
		   {.hears = "SyncHdr=200 Sync#1=200 Add#2=201 Sync{} Final"},
		   {.says = SAY("7", "221"), .hears = "SyncHdr=200 Alert#7=200 Final"}},
	 .contacts = "Bob=222"},
	{.name = "busy-and-another-beginning",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.busy = TRUE,
		    .says = SYNC("1", ADD("2", "2", CARD("Bob", "222"))) FINAL,
		    .hears = "SyncHdr=101"},
		   {.anew = TRUE,
		    .says = ALERT("1", "201", NEXT("b")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{b} Get(./devinf12) Alert:201 Final"},
		   {.says = SYNC("1", "") FINAL, .hears = "SyncHdr=200 Sync#1=200 Sync{} Final"}},
	 .contacts = ""},
	{.name = "busy-and-no-session-yet",
	 .steps = {{.busy = TRUE, .http = 503, .says = ALERT("1", "201", NEXT("a")) FINAL}}},
	/* --- maps (section 6) --- */
	{.name = "early-map",
	 .prepare = with_ann,
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync{Add 1:Ann=111} Final"},
		   {.says = STATUS("1", "2", "4", "Add", "201") FINAL,
		    .hears = "SyncHdr=200 Final"},
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", DELETE("2", "7")) MAP("3", PAIR("1", "7")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Delete#2=200 Map#3=200 Sync{} Final"}},
	 .contacts = ""},
	{.name = "early-map-without-initialisation",
	 .prepare = with_ann,
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync{Add 1:Ann=111} Final"},
		   {.says = STATUS("1", "2", "4", "Add", "201") FINAL,
		    .hears = "SyncHdr=200 Final"},
		   {.anew = TRUE,
		    .says = ALERT("1", "200", ANCHORS("a", "b")) SYNC("2", DELETE("3", "7"))
			    MAP("4", PAIR("1", "7")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{b} Sync#2=200 Delete#3=200 Map#4=200 "
			     "Get(./devinf12) Alert:200+last Sync{} Final"}},
	 .contacts = ""},
	{.name = "an-add-that-was-not-mapped-goes-again",
	 .prepare = with_ann,
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync{Add 1:Ann=111} Final"},
		   {.says = STATUS("1", "2", "4", "Add", "201") FINAL,
		    .hears = "SyncHdr=200 Final"},
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync{Add 1:Ann=111} Final"},
		   {.says = STATUS("1", "2", "4", "Add", "418") MAP("2", PAIR("1", "7")) FINAL,
		    .hears = "SyncHdr=200 Map#2=200 Final"},
		   INIT("200", "b", "c"),
		   {.says = SYNC("1", "") FINAL, .hears = "SyncHdr=200 Sync#1=200 Sync{} Final"}}},
	{.name = "map-of-nothing",
	 .steps = {FIRST_SYNC,
		   INIT("200", "a", "b"),
		   {.says = MAP("1", PAIR("zz", "7")) SYNC("2", "") FINAL,
		    .hears = "SyncHdr=200 Map#1=404 Sync#2=200 Sync[0]{} Final"}}},
	/* --- what the phone says of ours (section 7) --- */
	{.name = "the-phone-is-full",
	 .prepare = with_two,
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync{Add 1:Ann=111 Add 2:Bob=222} Final"},
		   {.says = STATUS("1", "2", "4", "Add", "420") STATUS("2", "2", "5", "Add", "420")
			    FINAL,
		    .hears = "SyncHdr=200 Final"},
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync{Add 1:Ann=111 Add 2:Bob=222} Final"}}},
	{.name = "room-for-one",
	 .prepare = with_two,
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1",
				 "<Meta><Mem><FreeMem>999</FreeMem><FreeID>1</FreeID></Mem></Meta>")
			    FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync{Add 1:Ann=111} Final"},
		   {.says = MAP("1", PAIR("1", "5")) FINAL},
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync{Add 2:Bob=222} Final"}}},
	{.name = "room-for-one-and-for-what-is-deleted",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "+Eve=333 +Max=444 +Zoe=555 Ann=999 -Bob",
		    .says = ALERT("1", "200", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1",
				 "<Meta><Mem><FreeMem>999</FreeMem><FreeID>1</FreeID></Mem></Meta>")
			    FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[4]{Replace 1:Ann=999 Delete 2 "
			     "Add 1:Eve=333 Add 2:Max=444} Final"},
		   {.says = STATUS("1", "2", "4", "Replace", "200")
			    STATUS("2", "2", "5", "Delete", "200")
				    MAP("3", PAIR("1", "3") PAIR("2", "4")) FINAL},
		   INIT("200", "b", "c"),
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Add 3:Zoe=555} Final"}}},
	{.name = "refused-three-times-is-left-out-until-it-changes",
	 .prepare = with_ann,
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", "") FINAL},
		   {.says = STATUS("1", "2", "4", "Add", "500") FINAL},
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync{Add 1:Ann=111} Final"},
		   {.says = STATUS("1", "2", "4", "Add", "500") FINAL},
		   INIT("200", "b", "c"),
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync{Add 1:Ann=111} Final"},
		   {.says = STATUS("1", "2", "4", "Add", "500") FINAL},
		   INIT("200", "c", "d"),
		   {.says = SYNC("1", "") FINAL, .hears = "SyncHdr=200 Sync#1=200 Sync{} Final"},
		   {.anew = TRUE,
		    .edits = "Ann=999",
		    .says = ALERT("1", "200", ANCHORS("d", "e")) FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync{Add 1:Ann=999} Final"}}},
	{.name = "404-of-a-replace-is-an-add",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "Ann=999",
		    .says = ALERT("1", "200", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Replace 1:Ann=999} Final"},
		   {.says = STATUS("1", "2", "4", "Replace", "404") FINAL,
		    .hears = "SyncHdr=200 Final"},
		   INIT("200", "b", "c"),
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Add 1:Ann=999} Final"}}},
	{.name = "211-of-a-delete-is-done",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "-Ann",
		    .says = ALERT("1", "200", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Delete 1} Final"},
		   {.says = STATUS("1", "2", "4", "Delete", "211") FINAL},
		   INIT("200", "b", "c"),
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[0]{} Final"}}},
	{.name = "a-sync-that-the-phone-refuses-moves-no-anchor",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "-Ann",
		    .says = ALERT("1", "200", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Delete 1} Final"},
		   {.says = STATUS("1", "2", "3", "Sync", "510") FINAL},
		   INIT_HEARS("200", "a", "c", "SyncHdr=212 Alert#1=200{c} Alert:200+last Final"),
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Delete 1} Final"}}},
	/* --- objects in pieces (section 11) --- */
	{.name = "pieces",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", PIECE("2", "1", "<Size>56</Size>",
					    "BEGIN:VCARD\nVERSION:2.1\n", MORE)),
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=213 Alert:222"},
		   {.says = SYNC("1", PIECE("2", "1", "", "N:Ann;G\nTEL:111\n", MORE)),
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=213 Alert:222"},
		   {.says = SYNC("1", PIECE("2", "1", "", "NOTE:x\nEND:VCARD", "")
					      ADD("3", "2", CARD("Bob", "222"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Add#3=201 Sync{} Final"}},
	 .contacts = "Ann=111 Bob=222"},
	{.name = "411-pieces-without-a-size",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", PIECE("2", "1", "", "BEGIN:VCARD\n", MORE)),
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=411 Alert:222"}}},
	{.name = "416-too-large",
	 .prepare = small_objects,
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", PIECE("2", "1", "<Size>501</Size>", "BEGIN:VCARD\n", MORE)),
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=416 Alert:222"}}},
	{.name = "424-another-size",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", PIECE("2", "1", "<Size>99</Size>",
					    "BEGIN:VCARD\nVERSION:2.1\n", MORE)),
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=213 Alert:222"},
		   {.says = SYNC("1", PIECE("2", "1", "", "N:Ann;G\nTEL:111\nEND:VCARD", "")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=424 Sync{} Final"}},
	 .contacts = ""},
	{.name = "424-more-than-was-said",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", PIECE("2", "1", "<Size>20</Size>", "BEGIN:VCARD\n", MORE)),
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=213 Alert:222"},
		   {.says = SYNC("1", PIECE("2", "1", "", "VERSION:2.1\n", MORE)),
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=424 Alert:222"}}},
	{.name = "223-another-item-before-the-end",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", PIECE("2", "1", "<Size>99</Size>", "BEGIN:VCARD\n", MORE)),
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=213 Alert:222"},
		   {.says = SYNC("1", ADD("2", "2", CARD("Bob", "222"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Alert:223(1) Sync{} Final"}},
	 .contacts = "Bob=222"},
	{.name = "223-the-package-ends-before-the-end",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", PIECE("2", "1", "<Size>99</Size>", "BEGIN:VCARD\n", MORE))
			    FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=213 Alert:223(1) Sync{} Final"}},
	 .contacts = ""},
	{.name = "pieces-of-a-former-session-do-not-count",
	 .steps = {FIRST_SYNC,
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", PIECE("2", "3", "<Size>99</Size>", "BEGIN:VCARD\n", MORE)),
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=213 Alert:222"},
		   INIT_HEARS("200", "a", "c", "SyncHdr=212 Alert#1=200{c} Alert:200+last Final"),
		   {.says = SYNC("1", ADD("2", "3", CARD("Eve", "333"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Sync[0]{} Final"}},
	 .contacts = "Ann=111 Bob=222 Eve=333"},
	{.name = "pieces-go-on-after-a-resume",
	 .steps = {FIRST_SYNC,
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", PIECE("2", "3", "<Size>49</Size>",
					    "BEGIN:VCARD\nVERSION:2.1\n", MORE)),
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=213 Alert:222"},
		   INIT_HEARS("225", "a", "c", "SyncHdr=212 Alert#1=200{c} Alert:200+last Final"),
		   {.says = SYNC("1", PIECE("2", "3", "", "N:Eve;G\nTEL:333\nEND:VCARD", "")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Sync[0]{} Final"}},
	 .contacts = "Ann=111 Bob=222 Eve=333"},
	{.name = "426-a-piece-that-comes-twice-after-a-resume",
	 .steps = {FIRST_SYNC,
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", PIECE("2", "3", "<Size>49</Size>",
					    "BEGIN:VCARD\nVERSION:2.1\n", MORE)),
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=213 Alert:222"},
		   INIT_HEARS("225", "a", "c", "SyncHdr=212 Alert#1=200{c} Alert:200+last Final"),
		   {.says = SYNC("1", PIECE("2", "3", "", "BEGIN:VCARD\nVERSION:2.1\n", MORE)),
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=213 Alert:222"},
		   {.says = SYNC("1", PIECE("2", "3", "", "N:Eve;G\nTEL:333\nEND:VCARD", "")),
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=426 Alert:222"},
		   {.says = SYNC("1", ADD("2", "3", CARD("Eve", "333"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Sync[0]{} Final"}},
	 .contacts = "Ann=111 Bob=222 Eve=333"},
	{.name = "ours-in-pieces",
	 .xml_only = TRUE,
	 .prepare = with_long,
	 .steps = {{.header = RIGHT "<Meta><MaxMsgSize>3000</MaxMsgSize></Meta>",
		    .says = LARGE_DEVINF("8") ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Add 1:size..}"},
		   {.says = STATUS("1", "2", "4", "Add", "213") SAY("2", "222"),
		    .hears = "SyncHdr=200 Alert#2=200 Sync{Add 1..}"},
		   {.says = STATUS("1", "3", "4", "Add", "213") SAY("2", "222"),
		    .hears = "SyncHdr=200 Alert#2=200 Sync{Add 1:..end} Final"},
		   {.says = STATUS("1", "4", "4", "Add", "201") MAP("2", PAIR("1", "7")) FINAL,
		    .hears = "SyncHdr=200 Map#2=200 Final"}}},
	{.name = "a-piece-that-the-phone-refuses-is-the-last",
	 .prepare = with_long,
	 .steps = {{.header = RIGHT "<Meta><MaxMsgSize>3000</MaxMsgSize></Meta>",
		    .says = LARGE_DEVINF("8") ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Add 1:size..}"},
		   {.says = STATUS("1", "2", "4", "Add", "416") SAY("2", "222"),
		    .hears = "SyncHdr=200 Alert#2=200 Sync{} Final"}}},
	{.name = "nothing-in-pieces-for-1.0",
	 .version = "1.0",
	 .prepare = with_long,
	 .steps = {{.header = RIGHT "<Meta><MaxMsgSize>3000</MaxMsgSize></Meta>",
		    .says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", "") FINAL, .hears = "SyncHdr=200 Sync#1=200 Sync{} Final"}}},
	/* --- messages that come again (section 12) --- */
	{.name = "the-same-again",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", ADD("2", "1", CARD("Ann", "111"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Sync{} Final"},
		   {.hears = "SyncHdr=200 Sync#1=200 Add#2=201 Sync{} Final"},
		   {.says = FINAL, .hears = "SyncHdr=200 Final"}},
	 .contacts = "Ann=111"},
	{.name = "the-same-number-with-something-else",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", ADD("2", "1", CARD("Ann", "111"))),
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Alert:222"},
		   {.msg = 2,
		    .says = SYNC("1", ADD("2", "2", CARD("Bob", "222"))),
		    .hears = "SyncHdr=400 Sync#1=400 Final"},
		   {.says = SYNC("1", ADD("2", "3", CARD("Eve", "333"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Sync{} Final"}}},
	{.name = "the-same-number-with-something-else-allowed",
	 .rules = allow_reuse,
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", ADD("2", "1", CARD("Ann", "111"))),
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Alert:222"},
		   {.msg = 2,
		    .says = SYNC("1", ADD("2", "2", CARD("Bob", "222"))),
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Alert:222"}},
	 .contacts = "Ann=111 Bob=222"},
	{.name = "a-lower-number",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", ""), .hears = "SyncHdr=200 Sync#1=200 Alert:222"},
		   {.says = SAY("1", "222"), .hears = "SyncHdr=200 Alert#1=200 Alert:222"},
		   {.msg = 2,
		    .says = SYNC("1", ADD("2", "2", CARD("Bob", "222"))) FINAL,
		    .hears = "SyncHdr=400 Sync#1=400 Final"}},
	 .contacts = ""},
	{.name = "a-higher-number",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.msg = 9,
		    .says = SYNC("1", ADD("2", "2", CARD("Bob", "222"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Sync{} Final"}},
	 .contacts = "Bob=222"},
	{.name = "to-the-first-address-with-credentials",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.no_url = TRUE,
		    .header = RIGHT,
		    .says = SYNC("1", ADD("2", "2", CARD("Bob", "222"))) FINAL,
		    .hears = "SyncHdr=212 Sync#1=200 Add#2=201 Sync{} Final"}},
	 .contacts = "Bob=222"},
	/* Whose data it is, the password says, and not the address. */
	{.name = "to-another-user-s-address-with-credentials",
	 .steps = {{.to = "0123456789abcdef0123456789abcdef.eve",
		    .says = ALERT("1", "201", NEXT("a"))
			    SYNC("2", ADD("3", "1", CARD("Ann", "111"))) FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{a} Sync#2=200 Add#3=201 Get(./devinf12) "
			     "Alert:201 Sync{} Final"}},
	 .contacts = "Ann=111"},
	{.name = "to-an-address-that-nobody-was-given",
	 .steps = {{.to = "0123456789abcdef0123456789abcdef.pat",
		    .header = "",
		    .says = ALERT("1", "201", NEXT("a")) FINAL,
		    .hears = "SyncHdr=407{basic} Alert#1=407 Final"}}},
	{.name = "to-the-first-address-without-credentials",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.no_url = TRUE,
		    .says = SYNC("1", ADD("2", "2", CARD("Bob", "222"))) FINAL,
		    .hears = "SyncHdr=407{basic} Sync#1=407 Final"}},
	 .contacts = ""},
	/* --- suspend and resume (section 13) --- */
	{.name = "224-and-225",
	 .steps = {FIRST_SYNC,
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", DELETE("2", "1")) SAY("3", "224") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Delete#2=200 Alert#3=200 Final"},
		   INIT_HEARS("225", "a", "c", "SyncHdr=212 Alert#1=200{c} Alert:200+last Final"),
		   {.says = SYNC("1", DELETE("2", "2")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Delete#2=200 Sync[0]{} Final"}},
	 .contacts = ""},
	{.name = "225-of-nothing",
	 .steps = {INIT_HEARS("225", "a", "c",
			      "SyncHdr=212 Alert#1=508{c} Get(./devinf12) Alert:201 Final")}},
	{.name = "225-after-a-first-sync-without-last",
	 .prepare = with_ann,
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", ADD("2", "2", CARD("Bob", "222"))),
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Alert:222"},
		   {.anew = TRUE,
		    .says = ALERT("1", "225", NEXT("b")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{b} Get(./devinf12) Alert:201 Final"},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync{Add 1:Ann=111} Final"}},
	 .contacts = "Ann=111 Bob=222"},
	{.name = "225-after-what-was-the-end-for-us",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "Ann=999",
		    .says = ALERT("1", "200", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Replace 1:Ann=999} Final"},
		   {.says = STATUS("1", "2", "4", "Replace", "200") FINAL},
		   INIT_HEARS("225", "a", "c", "SyncHdr=212 Alert#1=200{c} Alert:200+last Final"),
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[0]{} Final"}}},
	{.name = "225-in-the-middle-of-ours",
	 .prepare = with_two,
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync{Add 1:Ann=111 Add 2:Bob=222} Final"},
		   {.anew = TRUE,
		    .says = ALERT("1", "225", NEXT("b")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{b} Get(./devinf12) Alert:201 Final"},
		   /* One was mapped, and the other goes again under the same id. */
		   {.says = MAP("1", PAIR("2", "12")) SYNC("2", "") FINAL,
		    .hears = "SyncHdr=200 Map#1=200 Sync#2=200 Sync{Add 1:Ann=111} Final"},
		   {.says = STATUS("1", "2", "4", "Add", "418") MAP("2", PAIR("1", "11")) FINAL,
		    .hears = "SyncHdr=200 Map#2=200 Final"},
		   INIT("200", "b", "c"),
		   {.says = SYNC("1", "") FINAL, .hears = "SyncHdr=200 Sync#1=200 Sync{} Final"}}},
	{.name = "225-too-late",
	 .steps = {FIRST_SYNC,
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", DELETE("2", "1")),
		    .hears = "SyncHdr=200 Sync#1=200 Delete#2=200 Alert:222"},
		   {.anew = TRUE,
		    .days = 15,
		    .says = ALERT("1", "225", ANCHORS("a", "c")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=508{c} Alert:200+last Final"}}},
	/* --- conflicts (section 14); of 0701 it is known that the server is to find the
	 * appropriate status, to a conflict or to a type that it does not have --- */
	{.name = "0701-an-appropriate-status-to-a-conflict",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "Ann=999 -Bob",
		    .says = ALERT("1", "200", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", REPLACE("2", "1", CARD("Ann", "777")) DELETE("3", "2")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Replace#2=419 Delete#3=200 "
			     "Sync[1]{Replace 1:Ann=999} Final"}},
	 .contacts = "Ann=999"},
	{.name = "0701-an-appropriate-status-to-an-unknown-type",
	 .steps = {FIRST_SYNC,
		   INIT("200", "a", "b"),
		   {.says = SYNC("1",
				 "<Add><CmdID>2</CmdID><Meta><Type>text/x-unknown</Type></Meta>"
				 "<Item><Source><LocURI>3</LocURI></Source><Data>x</Data></Item>"
				 "</Add>" ADD("3", "4", CARD("Eve", "555"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=415 Add#3=201 Sync[0]{} Final"}},
	 .contacts = "Ann=111 Bob=222 Eve=555"},
	{.name = "both-change-the-same",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "Ann=999",
		    .says = ALERT("1", "200", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", REPLACE("2", "1", CARD("Ann", "777"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Replace#2=419 Sync[1]{Replace 1:Ann=999} "
			     "Final"}},
	 .contacts = "Ann=999 Bob=222"},
	{.name = "both-change-the-same-and-the-phone-wins",
	 .prepare = client_wins,
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "Ann=999",
		    .says = ALERT("1", "200", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", REPLACE("2", "1", CARD("Ann", "777"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Replace#2=208 Sync[0]{} Final"}},
	 .contacts = "Ann=777 Bob=222"},
	{.name = "both-change-the-same-and-both-are-kept",
	 .prepare = duplicates,
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "Ann=999",
		    .says = ALERT("1", "200", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", REPLACE("2", "1", CARD("Ann", "777"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Replace#2=209 Sync[1]{Add 1:Ann=999} Final"}},
	 .contacts = "Ann=777 Ann=999 Bob=222"},
	{.name = "both-change-different-things",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "Ann=999",
		    .says = ALERT("1", "200", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", REPLACE("2", "1",
					      "BEGIN:VCARD\nVERSION:2.1\nN:Ann;G\nTEL;CELL:"
					      "111\nNOTE:x\nEND:VCARD")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Replace#2=207 Sync[1]{Replace 1:Ann=999} "
			     "Final"}},
	 .contacts = "Ann=999 Bob=222"},
	{.name = "changed-there-deleted-here",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "-Ann",
		    .says = ALERT("1", "200", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", REPLACE("2", "1", CARD("Ann", "777"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Replace#2=208 Sync[0]{} Final"}},
	 .contacts = "Ann=777 Bob=222"},
	{.name = "deleted-there-changed-here",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "Ann=999",
		    .says = ALERT("1", "200", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", DELETE("2", "1")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Delete#2=419 Sync[1]{Add 1:Ann=999} Final"}},
	 .contacts = "Ann=999 Bob=222"},
	{.name = "deleted-there-changed-here-and-the-phone-wins",
	 .prepare = client_wins,
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "Ann=999",
		    .says = ALERT("1", "200", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", DELETE("2", "1")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Delete#2=208 Sync[0]{} Final"}},
	 .contacts = "Bob=222"},
	{.name = "deleted-on-both-sides",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "-Ann",
		    .says = ALERT("1", "200", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", DELETE("2", "1")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Delete#2=200 Sync[0]{} Final"}},
	 .contacts = "Bob=222"},
	{.name = "the-guard-of-mass-deletion",
	 .prepare = guarded,
	 .steps = {FIRST_SYNC,
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", DELETE("2", "1") DELETE("3", "2")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Delete#2=200 Delete#3=403 Final"},
		   INIT_HEARS("200", "b", "c", "SyncHdr=212 Alert#1=508{c} Alert:201+last Final")},
	 .contacts = "Bob=222"},
	{.name = "the-guard-of-a-refresh",
	 .prepare = guarded,
	 .steps = {FIRST_SYNC,
		   INIT("203", "a", "b"),
		   {.says = SYNC("1", "") FINAL, .hears = "SyncHdr=200 Sync#1=512 Final"}},
	 .contacts = "Ann=111 Bob=222"},
	/* --- one way, refresh (section 4) --- */
	{.name = "202-from-the-phone",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "+Eve=333",
		    .says = ALERT("1", "202", ANCHORS("a", "b")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{b} Alert:202+last Final"},
		   {.says = SYNC("1", DELETE("2", "1")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Delete#2=200 Final"},
		   INIT("200", "b", "c"),
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Add 1:Eve=333} Final"}},
	 .contacts = "Bob=222 Eve=333"},
	/* What was merged is more than what it has: it hears of that when it asks. */
	{.name = "202-and-what-it-has-not-heard",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "Ann=999 Bob=888",
		    .says = ALERT("1", "202", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", REPLACE("2", "1", CARD("Anna", "111"))
					      REPLACE("3", "2", CARD("Bob", "222"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Replace#2=207 Replace#3=200 Final"},
		   INIT("200", "b", "c"),
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[2]{Replace 1:Anna=999 Replace 2:Bob=888} "
			     "Final"},
		   {.says = STATUS("1", "2", "4", "Replace", "200")
			    STATUS("2", "2", "5", "Replace", "200") FINAL},
		   NOTHING_MORE("c", "d")},
	 .contacts = "Anna=999 Bob=888"},
	/* Somebody has worked on what the phone deletes without having heard of it. */
	{.name = "202-and-what-it-deletes-unheard",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "Ann=999",
		    .says = ALERT("1", "202", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", REPLACE("2", "1", CARD("Anna", "111"))) FINAL},
		   INIT("200", "b", "c"),
		   {.says = SYNC("1", DELETE("2", "1")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Delete#2=419 Sync[1]{Add 1:Anna=999} Final"}},
	 .contacts = "Anna=999 Bob=222"},
	/* It is to say all that it has, and hears nothing that it did not ask for. */
	{.name = "202-with-wrong-anchors-writes-nothing-to-the-phone-and-deletes-nothing",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "+Max=444",
		    .says = ALERT("1", "202", ANCHORS("x", "b")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=508{b} Alert:203+last Final"},
		   {.says = SYNC("1", REPLACE("2", "1", CARD("Ann", "111"))
					      REPLACE("3", "3", CARD("Eve", "333"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Replace#2=200 Replace#3=201 Final"}},
	 .contacts = "Ann=111 Bob=222 Eve=333 Max=444"},
	{.name = "203-refresh-from-the-phone",
	 .steps = {FIRST_SYNC,
		   INIT_HEARS("203", "a", "b", "SyncHdr=212 Alert#1=200{b} Alert:203+last Final"),
		   {.says = SYNC("1", ADD("2", "5", CARD("Bob", "222"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=200 Final"}},
	 .contacts = "Bob=222"},
	{.name = "203-after-a-change-with-us",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "Ann=999",
		    .says = ALERT("1", "203", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1", ADD("2", "1", CARD("Ann", "111"))
					      ADD("3", "2", CARD("Bob", "222"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=207 Add#3=200 Final"},
		   NOTHING_MORE("b", "c")},
	 .contacts = "Ann=111 Bob=222"},
	{.name = "203-and-what-is-kept",
	 .prepare = with_note,
	 .steps = {{.says = LARGE_DEVINF("8") ALERT("1", "203", NEXT("a")) FINAL},
		   {.says = SYNC("1", ADD("2", "1", CARD("Ann", "111"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=200 Final"},
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Replace 1:Ann=111} Final"},
		   {.says = STATUS("1", "2", "4", "Replace", "200") FINAL},
		   NOTHING_MORE("b", "c")}},
	/* What a phone deletes after a refresh from it was changed by nobody since. */
	{.name = "203-and-what-is-deleted",
	 .prepare = with_note,
	 .steps = {{.says = LARGE_DEVINF("8") ALERT("1", "203", NEXT("a")) FINAL},
		   {.says = SYNC("1", ADD("2", "1", CARD("Ann", "111"))) FINAL},
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", DELETE("2", "1")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Delete#2=200 Sync[0]{} Final"}},
	 .contacts = ""},
	{.name = "204-from-the-server",
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "+Eve=333",
		    .says = ALERT("1", "204", ANCHORS("a", "b")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{b} Alert:204+last Final"},
		   {.says = SYNC("1", DELETE("2", "1")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Delete#2=405 Sync[1]{Add 1:Eve=333} Final"}},
	 .contacts = "Ann=111 Bob=222 Eve=333"},
	{.name = "205-refresh-from-the-server",
	 .steps = {FIRST_SYNC,
		   INIT_HEARS("205", "a", "b", "SyncHdr=212 Alert#1=200{b} Alert:205+last Final"),
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[2]{Add 1:Ann=111 Add 2:Bob=222} Final"}}},
	/* --- filters (section 15) --- */
	{.name = "exclusive-filter",
	 .xml_only = TRUE,
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "+Eve=222",
		    .says = FILTERED("", "TEL&amp;EQ;222") FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{b} Alert:200+last Final"},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[2]{Delete 1 Add 1:Eve=222} Final"}}},
	{.name = "inclusive-filter",
	 .xml_only = TRUE,
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE,
		    .edits = "+Eve=333 Ann=999",
		    .says = FILTERED("<FilterType>INCLUSIVE</FilterType>", "TEL&amp;EQ;222") FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{b} Alert:200+last Final"},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Replace 1:Ann=999} Final"}}},
	{.name = "a-filter-of-fields",
	 .xml_only = TRUE,
	 .prepare = with_ann,
	 .steps = {{.says = ALERT_AT("1", "201", "contacts",
				     "<Filter><Meta><Type>text/x-vcard</Type></Meta><Field><Item>"
				     "<Meta><Type>application/vnd.syncml-devinf+xml</Type></Meta>"
				     "<Data><![CDATA[<Property><PropName>N</PropName></Property>]]>"
				     "</Data></Item></Field></Filter>",
				     NEXT("a")) FINAL},
		   {.says = SYNC("1", ""), .hears = "SyncHdr=200 Sync#1=200 Alert:222"},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync{Add 1:Ann=} Final"},
		   {.says = MAP("1", PAIR("1", "5")) FINAL},
		   /* What it did not want is not what it has deleted. */
		   {.anew = TRUE, .says = ALERT("1", "200", ANCHORS("a", "b")) FINAL},
		   {.says = SYNC("1",
				 REPLACE("2", "5", "BEGIN:VCARD\nVERSION:2.1\nN:Eve;G\nEND:VCARD"))
			    FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Replace#2=200 Sync{Replace 5:Eve=111} Final"}},
	 .contacts = "Eve=111"},
	{.name = "what-leaves-the-filter-is-deleted-softly",
	 .xml_only = TRUE,
	 .rules = soft_delete,
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE, .edits = "-Bob", .says = FILTERED("", "TEL&amp;EQ;222") FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[2]{SftDel 1 Delete 2} Final"}}},
	/* The phone may not have heard of it, or have failed to do it. */
	{.name = "what-leaves-the-filter-is-deleted-until-it-is-done",
	 .xml_only = TRUE,
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE, .says = FILTERED("", "TEL&amp;EQ;222") FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Delete 1} Final"},
		   {.anew = TRUE, .says = FILTERED("", "TEL&amp;EQ;222") FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Delete 1} Final"},
		   {.says = STATUS("1", "2", "4", "Delete", "500") FINAL},
		   {.anew = TRUE, .says = FILTERED_AGAIN("b", "c", "TEL&amp;EQ;222") FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Delete 1} Final"},
		   {.says = STATUS("1", "2", "4", "Delete", "200") FINAL},
		   {.anew = TRUE, .says = FILTERED_AGAIN("c", "d", "TEL&amp;EQ;222") FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[0]{} Final"}}},
	/* Perhaps it has it yet: it is not given another one. */
	{.name = "what-comes-back-into-the-filter-before-it-was-deleted",
	 .xml_only = TRUE,
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE, .says = FILTERED("", "TEL&amp;EQ;222") FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Delete 1} Final"},
		   {.anew = TRUE, .edits = "Ann=222", .says = FILTERED("", "TEL&amp;EQ;222") FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Replace 1:Ann=222} Final"}}},
	{.name = "what-changes-goes-out-of-the-filter-and-comes-back",
	 .xml_only = TRUE,
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE, .says = FILTERED("", "TEL&amp;EQ;222") FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Delete 1} Final"},
		   {.says = STATUS("1", "2", "4", "Delete", "200") FINAL},
		   {.anew = TRUE,
		    .edits = "Ann=222 Bob=333",
		    .says = FILTERED_AGAIN("b", "c", "TEL&amp;EQ;222") FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[2]{Add 1:Ann=222 Delete 2} Final"},
		   {.says = STATUS("1", "2", "4", "Add", "201")
			    STATUS("2", "2", "5", "Delete", "200") MAP("3", PAIR("1", "5")) FINAL},
		   {.anew = TRUE, .says = FILTERED_AGAIN("c", "d", "TEL&amp;EQ;222") FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[0]{} Final"}}},
	{.name = "an-interrupted-filter-is-not-in-force",
	 .xml_only = TRUE,
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE, .says = FILTERED("", "TEL&amp;EQ;222") FINAL},
		   {.anew = TRUE, .says = FILTERED("", "TEL&amp;EQ;222") FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Delete 1} Final"}}},
	{.name = "days-go-by-and-an-event-comes-and-goes",
	 .version = "1.1",
	 .prepare = with_event,
	 .steps = {{.says = ALERT_AT("1", "201", "calendar?/dr(-2,5)", "", NEXT("a")) FINAL},
		   {.says = SYNC_OF("1", "calendar?/dr(-2,5)", "./phone", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync(./phone<calendar?/dr(-2,5)){} Final"},
		   {.anew = TRUE,
		    .days = 8,
		    .says = ALERT_AT("1", "200", "calendar?/dr(-2,5)", "", ANCHORS("a", "b"))
			    FINAL},
		   {.says = SYNC_OF("1", "calendar?/dr(-2,5)", "./phone", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync(./phone<calendar?/dr(-2,5))"
			     "{Add 1:=} Final"},
		   {.says = STATUS("1", "2", "4", "Add",
				   "201") "<Map><CmdID>2</CmdID><Target><LocURI>"
					  "calendar?/dr(-2,5)</LocURI></Target><Source><LocURI>./"
					  "phone</LocURI>"
					  "</Source>" PAIR("1", "e") "</Map>" FINAL,
		    .hears = "SyncHdr=200 Map#2=200 Final"},
		   {.anew = TRUE,
		    .days = 8,
		    .says = ALERT_AT("1", "200", "calendar?/dr(-2,5)", "", ANCHORS("b", "c"))
			    FINAL},
		   {.says = SYNC_OF("1", "calendar?/dr(-2,5)", "./phone", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync(./phone<calendar?/dr(-2,5)){Delete e} "
			     "Final"}}},
	{.name = "tasks-among-events-whatever-that-is-called",
	 .xml_only = TRUE,
	 .steps = {{.says = ALERT_AT("1", "201", "event", "", NEXT("a")) NOKIA_DEVINF("2") FINAL},
		   {.says = SYNC_OF("1", "event", "./phone", ADD_TASK("2", "1")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Sync(./phone<event)[0]{} Final"},
		   {.says = STATUS("1", "2", "0", "SyncHdr", "200") FINAL},
		   {.anew = TRUE,
		    .says = ALERT_AT("1", "200", "event", "", ANCHORS("a", "b")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{b} Alert:200+last Final"}}},
	{.name = "events-alone",
	 .xml_only = TRUE,
	 .steps = {{.says = ALERT_AT("1", "201", "event", "", NEXT("a")) FINAL},
		   {.says = SYNC_OF("1", "event", "./phone", ADD_TASK("2", "1")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=415 Sync(./phone<event){} Final"}}},
	{.name = "tasks-among-events-that-were-alone-before",
	 .xml_only = TRUE,
	 .steps = {{.says = ALERT_AT("1", "201", "event", "", NEXT("a")) FINAL},
		   {.says = SYNC_OF("1", "event", "./phone", "") FINAL},
		   {.says = STATUS("1", "2", "0", "SyncHdr", "200") FINAL},
		   {.anew = TRUE,
		    .says = ALERT_AT("1", "200", "event", "", ANCHORS("a", "b")) NOKIA_DEVINF("2")
			    FINAL,
		    .hears = "SyncHdr=212 Alert#1=508 Put#2=200 Alert:201 Final"}}},
	{.name = "a-number-that-has-no-place-stays-ours",
	 .prepare = with_numbers,
	 .rules = one_mobile,
	 .steps = {{.says = LARGE_DEVINF("8") ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Add 1:Ann=111} Final"},
		   {.says = STATUS("1", "2", "4", "Add", "201") MAP("2", PAIR("1", "7")) FINAL},
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", REPLACE("2", "7", CARD("Ann", "333"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Replace#2=200 Sync[0]{} Final"},
		   {.says = STATUS("1", "2", "0", "SyncHdr", "200") FINAL},
		   {.anew = TRUE, .says = ALERT("1", "201", NEXT("c")) FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Add 2:Ann=333} Final"}},
	 .contacts = "Ann=999"},
	{.name = "an-item-comes-back-into-the-filter",
	 .xml_only = TRUE,
	 .steps = {FIRST_SYNC,
		   {.anew = TRUE, .says = FILTERED("", "TEL&amp;EQ;222") FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Delete 1} Final"},
		   {.says = STATUS("1", "2", "4", "Delete", "200") FINAL},
		   INIT("200", "b", "c"),
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Add 1:Ann=111} Final"}},
	 .contacts = "Ann=111 Bob=222"},
	{.name = "422-a-filter-that-is-none",
	 .xml_only = TRUE,
	 .steps = {{.says = FILTERED("", "TEL&amp;") FINAL,
		    .hears = "SyncHdr=212 Alert#1=422{b} Get(./devinf12) Final"}}},
	{.name = "421-a-grammar-of-filters-that-is-not-known",
	 .xml_only = TRUE,
	 .steps = {{.says = ALERT_AT("1", "200", "contacts",
				     "<Filter><Meta><Type>text/x-vcard</Type></Meta><Record><Item>"
				     "<Meta><Type>syncml:filtertype-xpath</Type></Meta><Data>x"
				     "</Data></Item></Record></Filter>",
				     ANCHORS("a", "b")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=421{b} Get(./devinf12) Final"}}},
	{.name = "a-filter-that-says-nothing",
	 .xml_only = TRUE,
	 .prepare = with_ann,
	 .steps = {{.says = ALERT_AT("1", "201", "contacts",
				     "<Filter><Meta><Type>text/x-vcard</Type></Meta></Filter>",
				     NEXT("b")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{b} Get(./devinf12) Alert:201 Final"},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync{Add 1:Ann=111} Final"}}},
	{.name = "406-a-type-of-filter",
	 .xml_only = TRUE,
	 .steps = {{.says = FILTERED("<FilterType>X</FilterType>", "TEL&amp;EQ;1") FINAL,
		    .hears = "SyncHdr=212 Alert#1=406{b} Get(./devinf12) Final"}}},
	{.name = "filter-in-the-address",
	 .version = "1.1",
	 .prepare = with_two,
	 .steps = {{.says = ALERT_AT("1", "201", "contacts?/fi(TEL&amp;EQ;222)", "", NEXT("a"))
			    FINAL,
		    .hears = "SyncHdr=212 Alert#1=200{a} Get(./devinf11) Alert:201 Final"},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync(./phone<contacts?/fi(TEL&EQ;222))"
			     "{Add 1:Bob=222} Final"}}},
	/* --- rules of devices (section 25) --- */
	{.name = "a-poor-merge-is-sent-back",
	 .prepare = with_note,
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", ADD("2", "1", CARD("Ann", "111"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=200 Sync{Replace 1:Ann=111} Final"}}},
	{.name = "a-poor-merge-is-not-sent-back-in-a-slow-sync",
	 .rules = replace_nothing,
	 .prepare = with_note,
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", ADD("2", "1", CARD("Ann", "111"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=200 Sync{} Final"}}},
	{.name = "a-poor-merge-is-sent-back-after-a-slow-sync",
	 .rules = replace_nothing,
	 .prepare = with_note,
	 .steps = {{.says = LARGE_DEVINF("8") ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", ADD("2", "1", CARD("Ann", "111"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=200 Sync[0]{} Final"},
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Replace 1:Ann=111} Final"},
		   {.says = STATUS("1", "2", "4", "Replace", "200") FINAL},
		   NOTHING_MORE("b", "c")}},
	{.name = "all-databases-in-our-devinf",
	 .steps = {{.says = GET_DEVINF("1") ALERT_FROM("2", "201", "card", "./phone", NEXT("a"))
			    FINAL,
		    .hears = "SyncHdr=212 Get#1=200 Alert#2=200{a} "
			     "Results(./devinf12:card,calendar,notes) Get(./devinf12) Alert:201 "
			     "Final"}}},
	{.name = "only-what-it-has-alerted-in-our-devinf",
	 .rules = name_as_alerted,
	 .steps = {{.says = GET_DEVINF("1") ALERT_FROM("2", "201", "card", "./phone", NEXT("a"))
			    FINAL,
		    .hears = "SyncHdr=212 Get#1=200 Alert#2=200{a} Results(./devinf12:card) "
			     "Get(./devinf12) Alert:201 Final"}}},
	{.name = "the-whole-of-its-messages",
	 .rules = all_in_one,
	 .prepare = with_1200,
	 .steps = {{.header = RIGHT "<Meta><MaxMsgSize>3000</MaxMsgSize></Meta>",
		    .says = LARGE_DEVINF("8") ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Add 1:Ann=111} Final"}}},
	{.name = "half-of-its-messages",
	 .rules = half,
	 .prepare = with_1200,
	 .steps = {{.header = RIGHT "<Meta><MaxMsgSize>3000</MaxMsgSize></Meta>",
		    .says = LARGE_DEVINF("8") ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{Add 1:size..}"}}},
	{.name = "no-pieces-for-who-does-not-know-size",
	 .rules = no_pieces,
	 .prepare = with_long,
	 .steps = {{.header = RIGHT "<Meta><MaxMsgSize>3000</MaxMsgSize></Meta>",
		    .says = LARGE_DEVINF("8") ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", "") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sync[1]{} Final"}}},
	{.name = "no-item-in-the-status-of-an-error",
	 .rules = no_item,
	 .steps = {{.says = ALERT("1", "200", ANCHORS("a", "b")) FINAL,
		    .hears = "SyncHdr=212 Alert#1=508 Get(./devinf12) Alert:201 Final"}}},
	{.name = "what-its-devinf-does-not-name-is-not-sent",
	 .prepare = with_note,
	 .steps = {{.says = POOR_DEVINF("8") ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", ADD("2", "1", CARD("Ann", "111"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=200 Sync{} Final"}}},
	{.name = "its-devinf-is-not-believed",
	 .rules = ignore_capabilities,
	 .prepare = with_note,
	 .steps = {{.says = POOR_DEVINF("8") ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", ADD("2", "1", CARD("Ann", "111"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=200 Sync{Replace 1:Ann=111} Final"}}},
	/* --- containers and the rest (section 16) --- */
	{.name = "atomic",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", IN("Atomic", "2",
					 ADD("3", "1", CARD("Ann", "111"))
						 ADD("4", "2", CARD("Bob", "222")))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Atomic#2=200 Add#3=201 Add#4=201 Sync{} "
			     "Final"}},
	 .contacts = "Ann=111 Bob=222"},
	{.name = "atomic-that-fails",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", IN("Atomic", "2",
					 ADD("3", "1", CARD("Ann", "111")) ADD("4", "2", "x"))
					      ADD("5", "3", CARD("Eve", "333"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Atomic#2=507 Add#3=216 Add#4=415 Add#5=201 "
			     "Sync{} Final"}},
	 .contacts = "Eve=333"},
	{.name = "atomic-that-fails-without-a-word",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC(
			    "1",
			    IN("Atomic", "2",
			       ADD("3", "1",
				   CARD("Ann",
					"111")) "<Add><CmdID>4</CmdID><NoResp/"
						"><Item><Source><LocURI>2"
						"</LocURI></Source><Data>x</Data></Item></Add>"))
			    FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Atomic#2=507 Add#3=216 Sync{} Final"}},
	 .contacts = ""},
	{.name = "atomic-in-atomic",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", IN("Atomic", "2",
					 IN("Atomic", "3", ADD("4", "1", CARD("Ann", "111")))))
			    FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Atomic#2=507 Atomic#3=500 Sync{} Final"}},
	 .contacts = ""},
	{.name = "sequence",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", IN("Sequence", "2",
					 ADD("3", "1", CARD("Ann", "111")) DELETE("4", "1"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Sequence#2=200 Add#3=201 Delete#4=200 Sync{} "
			     "Final"}},
	 .contacts = ""},
	{.name = "copy-move-search-exec",
	 .xml_only = TRUE,
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC(
			    "1",
			    PUT_OF("Copy", "2", "1", "",
				   "<Data>" CARD("Ann",
						 "111") "</Data>") "<Move><CmdID>3</"
								   "CmdID><Item><TargetParent><"
								   "LocURI>x</LocURI>"
								   "</"
								   "TargetParent><Source><LocURI>1<"
								   "/LocURI></Source></Item></"
								   "Move>") "<Search><CmdID>4</"
									    "CmdID><Source><LocURI>"
									    "contacts</"
									    "LocURI></Source><Meta/"
									    "><Data>x</Data></"
									    "Search>"
									    "<Exec><CmdID>5</"
									    "CmdID><Item><Target><"
									    "LocURI>x</"
									    "LocURI></Target></"
									    "Item></Exec>"
									    "<Exec><CmdID>6</"
									    "CmdID><Correlator>x</"
									    "Correlator><Item><"
									    "Target><LocURI>x</"
									    "LocURI></"
									    "Target></Item></"
									    "Exec>" FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Copy#2=201 Move#3=428 Search#4=501 Exec#5=501 "
			     "Exec#6=406 Sync{} Final"}},
	 .contacts = "Ann=111"},
	{.name = "copy-of-what-is-there",
	 .steps = {FIRST_SYNC,
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", COPY("2", "1", "5") COPY("3", "1", "5") COPY(
					      "4", "9",
					      "6") "<Copy><CmdID>5</CmdID><Item><Source><LocURI>1"
						   "</LocURI></Source></Item></Copy>" REPLACE(
							   "6", "5", CARD("Eve", "333"))) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Copy#2=201 Copy#3=200 Copy#4=404 Copy#5=400 "
			     "Replace#6=200 Sync[0]{} Final"}},
	 .contacts = "Ann=111 Bob=222 Eve=333"},
	{.name = "move-within-the-only-folder",
	 .xml_only = TRUE,
	 .steps = {FIRST_SYNC,
		   INIT("200", "a", "b"),
		   {.says = SYNC("1", "<Move><CmdID>2</CmdID><Item><TargetParent><LocURI>/</LocURI>"
				      "</TargetParent><Source><LocURI>1</LocURI></Source></Item>"
				      "</Move>") FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Move#2=200 Sync[0]{} Final"}}},
	{.name = "a-size-of-0-is-none",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", PUT_OF("Add", "2", "1", "<Size>0</Size>",
					     "<Data>" CARD("Ann", "111") "</Data>")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Add#2=201 Sync{} Final"}},
	 .contacts = "Ann=111"},
	{.name = "copy-with-data-is-an-add",
	 .steps = {{.says = ALERT("1", "201", NEXT("a")) FINAL},
		   {.says = SYNC("1", PUT_OF("Copy", "2", "1", "",
					     "<Data>" CARD("Ann", "111") "</Data>")) FINAL,
		    .hears = "SyncHdr=200 Sync#1=200 Copy#2=201 Sync{} Final"}},
	 .contacts = "Ann=111"},
};
