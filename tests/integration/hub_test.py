#!/usr/bin/env python3
"""The way of wake-ups: the event plugin in a real Dovecot, a real hub, and peers that
watch. Each test has a user of its own."""

import glob
import os
import pwd
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys

from dovecot import Dovecot, version
from fake_bridge import FakeBridge
from hub import ALL_KINDS, Hub, HubClient
from scratch import BUILD, MODULES, limit, scratch_dir
from tap import Skip, Suite, check, equal, eventually

PLUGINS = str(MODULES / "plugins")
MESSAGE = b"From: Pat <pat@example.org>\r\nSubject: hello\r\n\r\nhow are you\r\n"
STRANGER = 40001  # a uid without an account and without rights

METADATA_23 = """
mail_attribute_dict = file:%h/dovecot-attributes
protocol imap {
  imap_metadata = yes
}
"""
METADATA_24 = """
mail_attribute {
  dict file {
    path = %{home}/dovecot-attributes
  }
}
protocol imap {
  imap_metadata = yes
}
"""

suite = Suite("hub")
folder = scratch_dir("hub")


def expect_ok(result):
    equal(result[0], "OK", f"status of {result}")
    return result[1]


def silent(client, what):
    """Nothing has come: the next packet is one that is sent now."""
    with HubClient(hub.socket) as marker:
        marker.say("WAKE", kinds="ACL", user="root", owner="marker", mailbox=client.marker)
    equal(client.wake().get("mailbox"), client.marker, what)


# Rights follow the creation of a mailbox by a wake-up of their own, a moment later.
CHANGES = ALL_KINDS.replace(" ACL", "")


def watcher(user, session=None, rules=None):
    """A client that watches all that is the user's but rights, and what silent() sends."""
    client = HubClient(hub.socket)
    client.marker = str(id(client))
    if rules is None:
        rules = [{"kinds": CHANGES, "owner": user}]
    client.watch(user, session,
                 rules + [{"kinds": "ACL", "owner": "marker", "mailbox": client.marker}])
    return client


def ready(user, messages=1):
    with dovecot.lmtp() as lmtp:
        for _ in range(messages):
            equal(lmtp.send("a@example.org", [user], MESSAGE)[user][0], 250, "delivery")


# --- what becomes which wake-up ---------------------------------------------------


@suite.test
def lmtp_delivery():
    ready("lmtp")
    with watcher("lmtp") as client:
        equal(dovecot.deliver("lmtp", MESSAGE), {}, "refused")
        wake = client.wake()
        equal({key: wake[key] for key in ("kinds", "user", "owner", "mailbox")},
              {"kinds": "MessageNew", "user": "lmtp", "owner": "lmtp", "mailbox": "INBOX"}, "wake")
        check(re.fullmatch("[0-9a-f]{32}", wake["mailboxid"]), "mailboxid")
        check(wake["session"] in dovecot.log(), "session is Dovecot's session id")
        check("only" not in wake and "oldmailbox" not in wake, f"no more than that: {wake}")
        silent(client, "one wake-up for one delivery")


@suite.test
def each_recipient_is_woken():
    for user in ("many1", "many2"):
        ready(user)
    with watcher("many1") as first, watcher("many2") as second, watcher("many3") as third:
        dovecot.deliver(["many1", "many2"], MESSAGE)
        equal([c.wake()["owner"] for c in (first, second)], ["many1", "many2"], "owners")
        for client in (first, second, third):
            silent(client, "nobody hears of the others")


@suite.test
def append_copy_move():
    ready("acm", 3)
    imap = dovecot.imap("acm", "INBOX")
    expect_ok(imap.create("Other"))
    with watcher("acm") as client:
        expect_ok(imap.append("INBOX", None, None, MESSAGE))
        equal(client.wake()["kinds"], "MessageNew", "APPEND")
        expect_ok(imap.copy("1:2", "Other"))
        wake = client.wake()
        equal((wake["kinds"], wake["mailbox"]), ("MessageNew", "Other"), "COPY")
        expect_ok(imap.xatom("MOVE", "2", "Other"))
        wakes = [client.wake(), client.wake()]
        equal([(w["kinds"], w["mailbox"]) for w in wakes],
              [("MessageNew", "Other"), ("MessageExpunge", "INBOX")], "MOVE")
        silent(client, "no more")
    imap.logout()


@suite.test
def flags_and_expunge():
    ready("flags", 3)
    imap = dovecot.imap("flags", "INBOX")
    with watcher("flags") as client:
        for flags in (r"(\Seen)", r"(\Deleted $Work)", "($Only)"):
            expect_ok(imap.store("1:3", "+FLAGS", flags))
            equal(client.wake()["kinds"], "FlagChange", f"STORE {flags}")
        expect_ok(imap.store("1:3", "+FLAGS", r"(\Seen $Work)"))
        silent(client, "nothing has changed")
        expect_ok(imap.expunge())
        equal(client.wake()["kinds"], "MessageExpunge", "EXPUNGE")
        silent(client, "one for all messages")
    imap.logout()


@suite.test
def mailboxes():
    ready("boxes")
    imap = dovecot.imap("boxes")
    with watcher("boxes") as client:
        def does(kinds, mailbox, command, *arguments, **more):
            expect_ok(command(*arguments))
            wake = client.wake()
            equal((wake["kinds"], wake["mailbox"]), (kinds, mailbox), str(arguments))
            equal({key: wake.get(key) for key in ("oldmailbox", "only")},
                  {"oldmailbox": None, "only": None, **more}, str(arguments))
            return wake.get("mailboxid")

        guid = does("MailboxCreate", "Entwürfe", imap.create, "Entw&APw-rfe")
        does("SubscriptionChange", "Entwürfe", imap.subscribe, "Entw&APw-rfe", only="boxes")
        does("SubscriptionChange", "Entwürfe", imap.unsubscribe, "Entw&APw-rfe", only="boxes")
        renamed = does("MailboxRename", "Neu", imap.rename, "Entw&APw-rfe", "Neu",
                       oldmailbox="Entwürfe")
        deleted = does("MailboxDelete", "Neu", imap.delete, "Neu")
        check(guid in (None, deleted) and renamed in (None, deleted) and deleted is not None,
              f"one mailbox: {guid} {renamed} {deleted}")
        equal(imap.create("INBOX")[0], "NO", "CREATE of what is there")
        equal(imap.rename("Nothing", "Something")[0], "NO", "RENAME of what is not there")
        equal(imap.delete("Nothing")[0], "NO", "DELETE of what is not there")
        silent(client, "failed commands")
    imap.logout()


@suite.test
def what_is_rolled_back_wakes_nobody():
    ready("rolled", 1)
    imap = dovecot.imap("rolled", "INBOX")
    with watcher("rolled") as client:
        # The second message of MULTIAPPEND has no end: the first is taken back.
        imap.send(b"x APPEND INBOX {%d+}\r\n" % len(MESSAGE) + MESSAGE + b" {10+}\r\nabc")
        imap.sock.shutdown(socket.SHUT_RDWR)
        session = dovecot.pop3("rolled")
        session.dele(1)
        session.sock.shutdown(socket.SHUT_RDWR)
        eventually(lambda: "rolled" not in dovecot.doveadm("who"), "both sessions end")
        silent(client, "rolled back")


@suite.test
def shared_mailbox_is_its_owners():
    ready("owner1")
    imap = dovecot.imap("owner1", "INBOX")
    expect_ok(imap.create("Team/Work"))
    imap.xatom("SETACL", "Team/Work", "guest1", "lrwstiekxa")
    imap.logout()
    imap = dovecot.imap("guest1")
    with watcher("owner1") as owner, watcher("guest1") as guest:
        expect_ok(imap.append("shared/owner1/Team/Work", None, None, MESSAGE))
        wake = owner.wake()
        equal({key: wake[key] for key in ("kinds", "user", "owner", "mailbox")},
              {"kinds": "MessageNew", "user": "guest1", "owner": "owner1",
               "mailbox": "Team/Work"}, "wake")
        silent(guest, "it is not the guest's mailbox")
        expect_ok(imap.select("shared/owner1/Team/Work"))
        # The read mark is each user's own (INDEXPVT), a flag is everybody's.
        with watcher("guest1", rules=[{"kinds": CHANGES, "mailboxid": wake["mailboxid"]}]) as by_id:
            expect_ok(imap.store("1", "+FLAGS", r"(\Seen)"))
            equal((by_id.wake().get("only"), "guest1"), ("guest1", "guest1"), "read mark")
            expect_ok(imap.store("1", "+FLAGS", r"(\Flagged)"))
            check("only" not in by_id.wake(), "a flag")
        equal(owner.wake()["kinds"], "FlagChange", "the flag")
        silent(owner, "the read mark is none of the owner's business")
    imap.logout()


@suite.test
def public_mailbox_has_no_owner():
    ready("public1")
    news = dovecot.path("public", ".News")
    for name in ("new", "cur", "tmp"):
        os.makedirs(os.path.join(news, name))
    with open(os.path.join(news, "dovecot-acl"), "w", encoding="ascii") as file:
        file.write("authenticated lrwstipekxa\n")
    for path in [dovecot.path("public"), news] + glob.glob(news + "/*"):
        os.chown(path, dovecot.uid, dovecot.gid)
    imap = dovecot.imap("public1")
    rules = [{"kinds": CHANGES, "owner": "", "mailbox": ["Public/News", "Public/News/Sub"]}]
    with watcher("public2", rules=rules) as client:
        expect_ok(imap.create("Public/News/Sub"))
        equal(client.wake()["kinds"], "MailboxCreate", "CREATE")
        expect_ok(imap.subscribe("Public/News"))
        silent(client, "another one's subscription")
        expect_ok(imap.append("Public/News", None, None, MESSAGE))
        wake = client.wake()
        equal((wake["owner"], wake["mailbox"]), ("", "Public/News"), "wake")
    imap.logout()


@suite.test
def metadata():
    ready("meta")
    imap = dovecot.imap("meta", "INBOX")
    expect_ok(imap.create("Box"))

    def set_metadata(mailbox, pairs, expected="OK"):
        equal(imap.xatom("SETMETADATA", f'"{mailbox}"', f"({pairs})")[0], expected, pairs)

    def expect(kinds, mailbox, entries, only=None):
        wake = client.wake()
        equal((wake["kinds"], wake["owner"], wake["mailbox"], wake.get("only"),
               wake.get("entries")), (kinds, "meta", mailbox, only, entries), "wake")
        return wake

    with watcher("meta") as client:
        set_metadata("Box", "/private/comment mine")
        wake = expect("MailboxMetadataChange", "Box", ["/private/comment"], "meta")
        check(re.fullmatch("[0-9a-f]{32}", wake["mailboxid"]), "mailboxid")
        set_metadata("Box", "/shared/comment ours /SHARED/Vendor/x/y z")
        expect("MailboxMetadataChange", "Box", ["/shared/comment", "/shared/vendor/x/y"])
        set_metadata("Box", "/shared/comment NIL")
        expect("MailboxMetadataChange", "Box", ["/shared/comment"])
        set_metadata("Box", "/shared/comment a /private/comment b")
        expect("MailboxMetadataChange", "Box", ["/shared/comment"])
        expect("MailboxMetadataChange", "Box", ["/private/comment"], "meta")
        set_metadata("", "/private/vendor/x/server s")
        check("mailboxid" not in expect("ServerMetadataChange", "", ["/private/vendor/x/server"],
                                        "meta"), "the server is no mailbox")
        many = [f"/shared/vendor/x/{number}" for number in range(17)]
        set_metadata("Box", " ".join(f"{entry} v" for entry in many[:16]))
        expect("MailboxMetadataChange", "Box", many[:16])
        set_metadata("Box", " ".join(f"{entry} v" for entry in many))
        expect("MailboxMetadataChange", "Box", None)
        set_metadata("Box", f"/shared/vendor/{'x' * 1024} v /shared/comment d")
        expect("MailboxMetadataChange", "Box", None)

        # The second one is refused and takes the first one with it.
        set_metadata("Box", "/shared/comment c /private/vendor/vendor.dovecot/pvt/x y", "NO")
        silent(client, "rolled back")
        dovecot.doveadm("mailbox", "metadata", "set", "-u", "meta", "Box",
                        "/shared/vendor/vendor.dovecot/pvt/x", "internal")
        silent(client, "internal keys")
        dovecot.doveadm("mailbox", "metadata", "set", "-u", "meta", "Box", "/shared/comment", "d")
        expect("MailboxMetadataChange", "Box", ["/shared/comment"])
        expect_ok(imap.delete("Box"))
        wake = client.wake()
        equal((wake["kinds"], wake["mailbox"]), ("MailboxDelete", "Box"), "no entries of its end")
        silent(client, "more")
    imap.logout()


@suite.test
def doveadm_and_pop3():
    ready("others", 2)
    with watcher("others") as client:
        dovecot.doveadm("save", "-u", "others", "-m", "INBOX", stdin=MESSAGE)
        equal(client.wake()["kinds"], "MessageNew", "doveadm save")
        pop3 = dovecot.pop3("others")
        pop3.dele(1)
        pop3.quit()
        equal(client.wake()["kinds"], "MessageExpunge", "DELE")


@suite.test
def push_registrations_do_not_matter():
    ready("nobridge")
    bridge = FakeBridge(SETTINGS["fantail_socket"])
    try:
        with watcher("nobridge") as client:
            for want in ("none", "hint"):
                bridge.want = want
                dovecot.deliver("nobridge", MESSAGE)
                equal(client.wake()["kinds"], "MessageNew", f"want={want}")
                silent(client, "more")
        equal(len(bridge.of("nobridge")), 1, "batches")
        # The sessions hear of it before the bridge has answered.
        bridge.mode = "stall-batch"
        with watcher("nobridge") as client:
            imap = dovecot.imap("nobridge", "INBOX")
            imap.send(b"x STORE 1 +FLAGS (\\Flagged)\r\n")
            equal(client.wake()["kinds"], "FlagChange", "wake")
            check(not select.select([imap.sock], [], [], 0)[0], "STORE has not ended yet")
            bridge.close()
            while not imap.readline().startswith(b"x OK"):
                pass
            imap.logout()
    finally:
        bridge.close()
        os.unlink(SETTINGS["fantail_socket"])


# --- who is woken ------------------------------------------------------------------


@suite.test
def rules_choose():
    ready("rules")
    imap = dovecot.imap("rules", "INBOX")
    for name in ("A", "B"):
        expect_ok(imap.create(name))
    rows = {
        "kinds": [{"kinds": "FlagChange MessageExpunge", "owner": "rules"}],
        "name": [{"kinds": CHANGES, "owner": "rules", "mailbox": ["A", "X"]}],
        "kind and name": [{"kinds": "FlagChange", "owner": "rules", "mailbox": "A"},
                          {"kinds": "MessageNew", "owner": "rules", "mailbox": "B"}],
        "twice": [{"kinds": CHANGES, "owner": "rules"},
                  {"kinds": CHANGES, "owner": "rules", "mailbox": ["A", "A"]}],
        "another's": [{"kinds": CHANGES, "owner": "rule"}],
    }
    clients = {name: watcher("rules", rules=rules) for name, rules in rows.items()}
    expect_ok(imap.append("A", None, None, MESSAGE))
    expect_ok(imap.append("B", None, None, MESSAGE))
    expect_ok(imap.select("A"))
    expect_ok(imap.store("1", "+FLAGS", r"(\Flagged)"))
    expect_ok(imap.rename("B", "X"))
    expected = {
        "kinds": [("FlagChange", "A")],
        "name": [("MessageNew", "A"), ("FlagChange", "A"), ("MailboxRename", "X")],
        "kind and name": [("MessageNew", "B"), ("FlagChange", "A")],
        "twice": [("MessageNew", "A"), ("MessageNew", "B"), ("FlagChange", "A"),
                  ("MailboxRename", "X")],
        "another's": [],
    }
    for name, client in clients.items():
        got = [client.wake() for _ in expected[name]]
        equal([(w["kinds"], w["mailbox"]) for w in got], expected[name], name)
        silent(client, name)
        client.close()
    imap.logout()


@suite.test
def subtrees():
    ready("tree")
    imap = dovecot.imap("tree", "INBOX")
    for name in ("Work", "Work/a", "Work/a/b", "Workshop", "inbox/Sub"):
        expect_ok(imap.create(name))
    imap.xatom("SETACL", "Work/a", "treeguest", "lri")
    kinds = "MessageNew MailboxCreate MailboxRename"
    rows = {name: [{"kinds": kinds, "owner": "tree", "subtree": name}]
            for name in ("Work", "Work/a", "Wor", "INBOX")}
    clients = {name: watcher("tree", rules=rules) for name, rules in rows.items()}
    for name in ("Workshop", "Work", "Work/a/b", "InBoX/Sub", "INBOX"):
        expect_ok(imap.append(name, None, None, MESSAGE))
    guest = dovecot.imap("treeguest")
    expect_ok(guest.append("shared/tree/Work/a", None, None, MESSAGE))
    guest.logout()

    def told(expected):
        for name, mailboxes in expected.items():
            equal([clients[name].wake()["mailbox"] for _ in mailboxes], mailboxes, name)

    # What the guest's process has said need not come before what ours says next.
    told({"Work": ["Work", "Work/a/b", "Work/a"], "Work/a": ["Work/a/b", "Work/a"],
          "INBOX": ["INBOX/Sub", "INBOX"]})
    expect_ok(imap.create("Work/new"))
    expect_ok(imap.rename("Workshop", "Work/in"))
    expect_ok(imap.rename("Work/in", "Out"))
    expect_ok(imap.rename("Out", "Further"))
    told({"Work": ["Work/new", "Work/in", "Out"]})
    for name, client in clients.items():
        silent(client, name)
        client.close()
    imap.logout()


@suite.test
def rename_matches_by_the_former_name():
    ready("former")
    imap = dovecot.imap("former")
    expect_ok(imap.create("Old"))
    with watcher("former", rules=[{"kinds": "MailboxRename", "owner": "former",
                                   "mailbox": "Old"}]) as client:
        expect_ok(imap.rename("Old", "New"))
        equal(client.wake()["mailbox"], "New", "wake")
    imap.logout()


@suite.test
def own_session_is_not_echoed():
    with watcher("echo", "s1") as own, watcher("echo", "s2") as other, \
            watcher("echo") as nameless, HubClient(hub.socket) as sender:
        sender.say("WAKE", kinds="FlagChange", user="echo", owner="echo", mailbox="INBOX",
                   session="s1")
        for client in (other, nameless):
            equal(client.wake()["session"], "s1", "the others")
        silent(own, "its own")
        sender.say("WAKE", kinds="FlagChange", user="echo", owner="echo", mailbox="INBOX")
        check("session" not in own.wake(), "of no session")


@suite.test
def watch_forgets_the_rules():
    with watcher("again") as client, HubClient(hub.socket) as sender:
        client.watch("again", rules=[{"kinds": "FlagChange", "owner": "again"},
                                     {"kinds": "ACL", "owner": "marker",
                                      "mailbox": client.marker}])
        for kinds in ("MessageNew", "FlagChange"):
            sender.say("WAKE", kinds=kinds, user="again", owner="again", mailbox="INBOX")
        equal(client.wake()["kinds"], "FlagChange", "by the new rules")
        silent(client, "no more")


# --- who may say what ----------------------------------------------------------------


def client_of(uid, path=None, handshake=True):
    """A peer whose uid is another one; only root can make these."""
    if os.geteuid() != 0:
        raise Skip("needs to become another user")
    os.seteuid(uid)
    try:
        return HubClient(path or hub.socket, handshake)
    finally:
        os.seteuid(0)


@suite.test
def strangers_are_refused():
    with watcher("victim") as victim, client_of(STRANGER) as stranger:
        stranger.watch_all("victim")
        stranger.say("WAKE", kinds="MessageNew", user="victim", owner="victim", mailbox="INBOX")
        stranger.sync()
        silent(victim, "what a stranger says")
        with HubClient(hub.socket) as sender:
            sender.say("WAKE", kinds="MessageNew", user="victim", owner="victim", mailbox="INBOX")
        victim.wake()
        silent(victim, "more")
        check(stranger.nothing(), "the stranger hears of it")
    lines = [text for text in hub.problems() if f"uid {STRANGER}" in text]
    equal(len(lines), 1, f"one line in the log: {lines}")
    check("WATCH for 'victim'" in lines[0] and "mail-uids" in lines[0], f"remedy: {lines}")
    # Who follows it blindly gives everybody's mail away.
    check("only if it is the uid of Dovecot's mail processes" in lines[0], f"caution: {lines}")


@suite.test
def each_stranger_has_a_line_of_its_own():
    """Nobody can hide the line about the mail system behind one of theirs."""
    most = limit("LIMIT_HUB_LOGGED_UIDS")
    other = Hub(folder / "strangers")
    with other:
        for uid in range(STRANGER, STRANGER + most + 3):
            with client_of(uid, other.socket) as stranger:
                for _ in range(3):
                    stranger.watch("victim")
    equal([text.split(" by uid ")[1].split(",")[0] for text in other.problems()],
          [str(uid) for uid in range(STRANGER, STRANGER + most + 1)], "lines")


def is_ready(client):
    """The answer to READY: whether the hub tells of all that was asked for."""
    client.say("READY")
    words, pairs = client.recv()
    equal(words, ["READY"], "answer")
    check(pairs in ({}, {"skipped": "1"}), f"answer: {pairs}")
    return pairs == {}


@suite.test
def ready_says_that_something_was_skipped():
    games = pwd.getpwnam("games").pw_uid
    own = {"kinds": "ACL", "owner": "games"}
    rows = (("own mail", "games", [own], True),
            ("another's mail", "root", [], False),
            ("another's mailboxes", "games", [own, {"kinds": "ACL", "owner": "root"}, own], False),
            ("public mailboxes", "games", [{"kinds": "ACL", "owner": ""}], False),
            ("by GUID", "games", [{"kinds": "ACL", "mailboxid": "ab" * 16}], True),
            ("by no GUID", "games", [{"kinds": "ACL", "mailboxid": "ab"}], False),
            ("nobody's mail", "", [], False),
            ("too many rules", "games", (limit("LIMIT_HUB_RULES") + 1) * [own], False),
            ("no rules", "games", [], True))
    other = Hub(folder / "skipped")
    with other, client_of(games, other.socket) as client:
        for name, user, rules, expected in rows:
            client.watch(user, rules=rules)
            equal(is_ready(client), expected, name)
            equal(is_ready(client), expected, f"{name}, again")
    equal([text for text in other.problems() if "'root'" in text and "WATCH" not in text], [],
          "no line about mailboxes of others")


@suite.test
def owners_are_not_logged_before_they_are_looked_at():
    games = pwd.getpwnam("games").pw_uid
    other = Hub(folder / "debug")
    other.write_config("log-level = debug")
    with other, client_of(games, other.socket) as client:
        client.watch("games", rules=[{"kinds": "ACL", "owner": "root"},
                                     {"kinds": "ACL", "owner": "x" * 4000}])
        check(not is_ready(client), "skipped")
    check("mailboxes of 'root'" in other.log_text(), "a line for who asks")
    check("xxx" not in other.log_text(), "what is too long is not shown")
    check("it is none" in other.log_text(), "but that it was there")


@suite.test
def who_cannot_be_looked_up_is_asked_to_come_again():
    games = pwd.getpwnam("games").pw_uid
    away = folder / "no-accounts"
    other = Hub(folder / "lookup")
    away.touch()
    # A sanitized hub would want its runtime to come before what is preloaded.
    sanitizer = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))
    other.start(LD_PRELOAD=str(BUILD / "tests" / "libno-accounts.so"), NO_ACCOUNTS=str(away),
                ASAN_OPTIONS=sanitizer)
    try:
        if other.is_sanitized():
            raise Skip("nothing can be preloaded before AddressSanitizer")
        with client_of(games, other.socket) as client:
            client.say("WATCH", user="games")
            check(client.closed(), "the connection stays")
        check("cannot be looked up" in other.problems()[-1], "a line about it")
        with client_of(games, other.socket) as client:
            client.say("WAKE", kinds="FlagChange", user="games", owner="games", mailbox="A")
            client.sync()
            check(client.nothing(), "who only tells is left alone")
        away.unlink()

        def accepted():
            with client_of(games, other.socket) as again:
                try:
                    again.say("WATCH", user="games")
                    again.say("READY")
                    return again.recv() == (["READY"], {})
                except ConnectionError:
                    return False

        eventually(accepted, "accounts are there again", 60)
    finally:
        other.stop()


@suite.test
def an_account_watches_its_own_mail():
    games = pwd.getpwnam("games").pw_uid
    with client_of(games) as client, client_of(games) as sender:
        client.watch("games", rules=[{"kinds": ALL_KINDS, "owner": "root"},
                                     {"kinds": ALL_KINDS, "owner": ""},
                                     {"kinds": ALL_KINDS, "owner": "games"},
                                     {"kinds": ALL_KINDS, "mailboxid": "ab" * 16}])
        for owner, guid in (("root", "cd" * 16), ("", "cd" * 16), ("root", "ab" * 16),
                            ("games", "cd" * 16)):
            sender.say("WAKE", kinds="FlagChange", user="games", owner=owner, mailbox="INBOX",
                       mailboxid=guid)
        got = [client.wake() for _ in range(2)]
        equal([(w["owner"], w["mailboxid"]) for w in got],
              [("root", "ab" * 16), ("games", "cd" * 16)], "wake-ups")
        check(client.nothing(), "no more")


@suite.test
def of_others_mailboxes_an_account_tells_of_messages_alone():
    """Names, subscriptions and entries would be shown to the owner's client as they are
    said."""
    games = pwd.getpwnam("games").pw_uid
    rows = (("FlagChange MailboxCreate", "FlagChange"), ("ACL", None), ("MailboxDelete", None),
            ("MailboxRename MessageNew", "MessageNew"), ("SubscriptionChange", None),
            ("MailboxMetadataChange", None), ("ServerMetadataChange", None),
            ("MessageNew MessageExpunge", "MessageNew MessageExpunge"))
    for owner in ("victim2", ""):
        with watcher("victim2", rules=[{"kinds": ALL_KINDS, "owner": owner}]) as victim, \
                watcher("victim2", rules=[{"kinds": ALL_KINDS, "owner": owner,
                                           "mailbox": "Old"}]) as by_old_name, \
                client_of(games) as sender:
            for kinds, passed in rows:
                sender.say("WAKE", kinds=kinds, user="games", owner=owner, mailbox="New",
                           oldmailbox="Old", entry="/shared/comment", mailboxid="cd" * 16)
                if passed is not None:
                    equal(victim.wake(), {"kinds": passed, "user": "games", "owner": owner,
                                          "mailbox": "New", "mailboxid": "cd" * 16}, kinds)
                sender.sync()
                silent(victim, kinds)
            silent(by_old_name, "by a name that it had")
    with watcher("games") as own, client_of(games) as sender:
        sender.say("WAKE", kinds="MailboxRename", user="games", owner="games", mailbox="New",
                   oldmailbox="Old")
        equal(own.wake()["oldmailbox"], "Old", "of its own all")


@suite.test
def of_others_mailboxes_an_account_tells_so_often():
    games = pwd.getpwnam("games").pw_uid
    burst = limit("LIMIT_HUB_GUEST_WAKES_BURST")
    other = Hub(folder / "guests")
    with other, HubClient(other.socket) as own:
        own.watch_all("games")
        other.signal(signal.SIGSTOP)
        try:
            # Two connections are one uid. In no time by the hub's clock.
            guests = [client_of(games, other.socket, handshake=False) for _ in range(40)]
            for guest in guests:
                guest.send("VERSION\tfantail-hub\t1\t0\n")
                for _ in range(burst // 20):
                    guest.say("WAKE", kinds="FlagChange", user="games", owner="victim3",
                              mailbox="INBOX")
            flood(guests[0], "games", 1)
        finally:
            other.signal(signal.SIGCONT)
        own.wake()
        for guest in guests:
            guest.sync()
        check("dropped" in eventually(lambda: "\n".join(other.problems()), "a line about it"),
              "what it says")
        for guest in guests:
            guest.close()
    equal(len(other.problems()), 1, "lines in the log")


# --- slow readers, sleepers, crowds ---------------------------------------------------


def flood(sender, user, count):
    for number in range(count):
        sender.say("WAKE", kinds="FlagChange", user=user, owner=user, mailbox=f"box {number}")


@suite.test
def slow_reader_is_told_that_it_lost_some():
    before = len(hub.problems())
    with HubClient(hub.socket) as client, watcher("slow") as quick, \
            HubClient(hub.socket) as sender:
        client.watch_all("slow")
        sent = 1000
        for number in range(sent):
            sender.say("WAKE", kinds="FlagChange", user="slow", owner="slow",
                       mailbox=f"box {number}")
            equal(quick.wake()["mailbox"], f"box {number}", "the quick one misses none")
        got = []
        while (packet := client.recv())[0] != ["LOST"]:
            got.append(packet[1]["mailbox"])
        equal(got, [f"box {number}" for number in range(len(got))], "before LOST")
        check(50 <= len(got) < sent, f"{len(got)} of {sent} came before LOST")
        flood(sender, "slow", 1)
        equal(client.wake()["mailbox"], "box 0", "after LOST it goes on")
        equal(hub.problems()[before:], [], "lines about it")


@suite.test
def ready_is_answered_when_the_rules_are_in_force():
    with HubClient(hub.socket) as client, HubClient(hub.socket) as sender:
        client.say("WATCH", user="ready")
        client.say("RULE", kinds=ALL_KINDS, owner="ready")
        client.say("READY")
        equal(client.recv(), (["READY"], {}), "the answer")
        flood(sender, "ready", 1)
        equal(client.wake()["mailbox"], "box 0", "what happens after it")


@suite.test
def ready_waits_for_a_slow_reader():
    with HubClient(hub.socket) as client, watcher("unready") as other, \
            HubClient(hub.socket) as sender:
        client.watch_all("unready")
        for _ in range(40):  # until there is no room
            flood(sender, "unready", 50)
            for _ in range(50):
                other.wake()
        for _ in range(3):
            client.say("READY")
        client.sync()
        got = []
        while got.count("READY") < 3:
            got.append(client.recv()[0][0])
        equal(got[-4:], ["LOST"] + 3 * ["READY"], "after what came before")


def hung_up(client):
    """The hub has closed it, which one who does not read learns by speaking."""
    try:
        client.say("SLEEP")
        return False
    except BrokenPipeError:
        return True


@suite.test
def who_cannot_be_told_anything_is_left():
    """Their end is shut for reading: there will never be room, and waiting for it would
    keep the hub busy."""
    def owed_an_answer(client):
        client.say("READY")

    def woken(client):
        client.watch_all("deaf")
        client.sock.shutdown(socket.SHUT_RD)
        with watcher("deaf") as other:
            hub.signal(signal.SIGSTOP)
            try:
                flood(client, "deaf", 2)
            finally:
                hub.signal(signal.SIGCONT)
            equal([other.wake()["mailbox"] for _ in range(2)], ["box 0", "box 1"], "last words")

    for name, tell in (("READY", owed_an_answer), ("WAKE", woken)):
        with HubClient(hub.socket) as client:
            if name == "READY":
                client.sock.shutdown(socket.SHUT_RD)
            tell(client)
            eventually(lambda: hung_up(client), f"the hub hangs up on {name}")


@suite.test
def who_asks_and_never_reads_is_left():
    with HubClient(hub.socket) as client, watcher("asks") as other:
        client.watch_all("asks")
        with HubClient(hub.socket) as sender:
            for _ in range(40):  # until there is no room
                flood(sender, "asks", 50)
                for _ in range(50):
                    other.wake()
        most = limit("LIMIT_HUB_READYS")
        for _ in range(most):
            client.say("READY")
        client.sync()
        check(not hung_up(client), "left too early")
        client.say("READY")
        eventually(lambda: hung_up(client), "the hub hangs up")


@suite.test
def sleeper_gets_one():
    with HubClient(hub.socket) as client, watcher("sleep") as other, \
            HubClient(hub.socket) as sender:
        def happens(count):
            flood(sender, "sleep", count)
            for _ in range(count):
                other.wake()
            silent(other, "all have been told")

        client.watch_all("sleep")
        for _ in range(2):
            client.say("SLEEP")
            client.sync()
            happens(3)
            equal(client.wake()["mailbox"], "box 0", "the first")
            check(client.nothing(), "one more")
        client.watch_all("sleep")
        happens(2)
        equal([client.wake()["mailbox"] for _ in range(2)], ["box 0", "box 1"], "awake")


@suite.test
def what_no_look_finds_is_kept_for_the_sleeper():
    rules = [{"kinds": ALL_KINDS, "owner": "kept"}]

    def change(*names, kinds="MailboxMetadataChange"):
        for name in names:
            sender.say("WAKE", kinds=kinds, user="kept", owner="kept", mailbox=name)
        sender.sync()

    def come_back(user="kept", session="s"):
        """What a new connection of that session is told before its READY."""
        with HubClient(hub.socket) as client:
            client.watch(user, session, rules)
            client.say("READY")
            told = []
            while (packet := client.recv())[0] != ["READY"]:
                told.append(packet[1].get("mailbox", packet[0][0]))
            return told

    with HubClient(hub.socket) as sender, HubClient(hub.socket) as sleeper:
        sleeper.watch("kept", "s", rules)
        sleeper.say("SLEEP")
        sleeper.sync()
        change("a", "b")
        change("c", kinds="MessageNew")
        change("d", kinds="ServerMetadataChange FlagChange")
        equal(sleeper.wake()["mailbox"], "a", "what wakes")
        check(sleeper.nothing(), "one more")
        equal(come_back(session="t"), [], "another session")
        equal(come_back(user="kept2"), [], "another user")
        equal(come_back(session=None), [], "one without a name")
        equal(come_back(), ["a", "b", "d"], "kept")
        equal(come_back(), [], "and said once")
        # What the former connection was still there for is not news after the next sleep.
        change("late")
        sleeper.say("SLEEP")
        sleeper.sync()
        change("e")
        sleeper.sock.close()
        change("f")
        equal(come_back(), ["e", "f"], "kept, though the former connection is closed")
        change("g")
        equal(come_back(), [], "who is back sleeps no longer")

        with HubClient(hub.socket) as other:
            other.watch("kept", "s", rules)
            other.say("SLEEP")
            other.sync()
            change(*(f"{number:0100}" for number in range(100)))
            told = come_back()
            equal(told[:2] + told[-1:], [f"{0:0100}", f"{1:0100}", "LOST"], "too much")
            check(len(told) < 50, f"{len(told)} are kept")
            # Who is back is told directly, though its former connection is still there.
            with HubClient(hub.socket) as again:
                again.watch("kept", "s", rules)
                again.say("READY")
                equal(again.recv()[0], ["READY"], "nothing is kept")
                change("f")
                again.say("READY")
                equal([again.wake()["mailbox"], again.recv()[0]], ["f", ["READY"]], "told once")


@suite.test
def nonsense_closes_the_connection():
    for name, packet in (
            ("no greeting", "WATCH\tuser=root\n"), ("no line", "VERSION"), ("empty line", "\n"),
            ("another major", "VERSION\tfantail-hub\t2\t0\n"),
            ("the bridge's language", "VERSION\tfantail\t1\t0\n"),
            ("two lines", "VERSION\tfantail-hub\t1\t0\nSLEEP\n"),
            ("bad escape", "VERSION\tfantail-hub\t1\t0\t\001x\n"),
            ("too long", "x" * 65536 + "\n")):
        with HubClient(hub.socket, handshake=False) as client:
            client.send(packet)
            check(client.closed(), f"{name} was taken")
    with HubClient(hub.socket, handshake=False) as client:
        client.send("VERSION\tfantail-hub\t1\t9\tand-more=1\n")
        client.send("SLEEP\tsoon\n")
        client.sync()
        client.send("DANCE\n")
        check(client.closed(), "an unknown verb was taken")


@suite.test
def who_makes_work_has_a_share_of_a_turn():
    """What is looked at for a wake-up counts, not only the packets."""
    guid = "ab" * 16
    crowd = [HubClient(hub.socket) for _ in range(200)]
    with watcher("share") as client, HubClient(hub.socket) as flooder, \
            HubClient(hub.socket) as sender:
        for one in crowd:
            one.watch("share", rules=[{"kinds": "MessageNew", "owner": "share"},
                                      {"kinds": "MessageNew", "owner": "share", "mailbox": "M"},
                                      {"kinds": "MessageNew", "mailboxid": guid}])
        most = limit("LIMIT_HUB_VISITS") // (3 * len(crowd)) + 1
        packets = limit("LIMIT_HUB_PACKETS")
        check(most < packets, f"{most} wake-ups are a share")
        hub.signal(signal.SIGSTOP)
        try:
            for number in range(packets):
                flooder.say("WAKE", kinds="FlagChange", user="share", owner="share", mailbox="M",
                            mailboxid=guid, session=str(number))
            flood(sender, "share", 1)
        finally:
            hub.signal(signal.SIGCONT)
        got = [client.wake()["mailbox"] for _ in range(packets + 1)]
        check(got.index("box 0") <= most, f"after {got.index('box 0')} of the other's")
        equal(got.count("M"), packets, "all of the other's in the end")
    for one in crowd:
        one.close()


@suite.test
def rules_have_a_ceiling():
    with HubClient(hub.socket) as client, HubClient(hub.socket) as sender:
        most = limit("LIMIT_HUB_RULES")
        client.watch("ceiling", rules=[{"kinds": "FlagChange", "owner": "ceiling",
                                        "mailbox": f"box {number}"} for number in range(most)])
        client.say("RULE", kinds="FlagChange", owner="ceiling", mailbox=f"box {most}")
        client.sync()
        for number in range(most):
            sender.say("WAKE", kinds="FlagChange", user="ceiling", owner="ceiling",
                       mailbox=f"box {number}")
            equal(client.wake()["mailbox"], f"box {number}", "a rule that was taken")
        with watcher("ceiling") as other:
            sender.say("WAKE", kinds="FlagChange", user="ceiling", owner="ceiling",
                       mailbox=f"box {most}")
            other.wake()
            silent(other, "all have been told")
        check(client.nothing(), "the rule that was one too many")
    check(any("skipped RULE of 'ceiling'" in text for text in hub.problems()), "a line about it")


@suite.test
def rules_of_one_uid_have_a_ceiling():
    games = pwd.getpwnam("games").pw_uid
    names = [f"box {number:04}" for number in range(limit("LIMIT_HUB_NAMES"))]
    other = Hub(folder / "memory")

    def complete(client):
        client.say("WATCH", user="games")
        for start in range(0, len(names), 100):
            client.say("RULE", kinds="ACL", owner="games", mailbox=names[start:start + 100])
        return is_ready(client)

    with other:
        clients = [client_of(games, other.socket) for _ in range(12)]
        done = [complete(client) for client in clients]
        check(all(done[:8]), f"eight sessions are told of all: {done}")
        check(not done[-1], f"but not any number: {done}")
        check(not complete(clients[-1]), "and saying it again does not help")
        check(complete(clients[0]), "what is said anew takes the place of what was said")
        for client in clients[:4]:
            client.close()
        eventually(lambda: complete(clients[-1]), "there is room again")
        for client in clients[4:]:
            client.close()
    check(any("of this uid" in text for text in other.problems()), "a line about it")


@suite.test
def connections_have_a_ceiling():
    other = Hub(folder / "crowd", connections=16, connections_per_uid=3)
    with other:
        clients = [HubClient(other.socket) for _ in range(16)]
        with HubClient(other.socket, handshake=False) as late:
            check(late.closed(), "the seventeenth is let in")
        clients.pop().close()
        eventually(lambda: open_client(other), "room again").close()
        for client in clients[:10]:
            client.close()
    equal(len([text for text in other.problems() if "refused a connection" in text]), 1,
          "lines in the log")


@suite.test
def connections_of_one_uid_have_a_ceiling():
    other = Hub(folder / "crowd-of-one", connections=16, connections_per_uid=3)
    with other:
        crowd = [client_of(STRANGER, other.socket) for _ in range(3)]
        with client_of(STRANGER, other.socket, handshake=False) as late:
            check(late.closed(), "the fourth is let in")
        crowd.pop().close()
        eventually(lambda: open_client(other, STRANGER), "room for one more").close()
        HubClient(other.socket).close()
    equal(len([text for text in other.problems() if "refused a connection" in text]), 1,
          "lines in the log")


def open_client(a_hub, uid=None):
    """None if it is not let in."""
    try:
        return HubClient(a_hub.socket) if uid is None else client_of(uid, a_hub.socket)
    except (AssertionError, ConnectionError):
        return None


@suite.test
def reload_keeps_connections():
    other = Hub(folder / "reload")
    with other, HubClient(other.socket) as client, HubClient(other.socket) as sender:
        client.watch_all("keep")
        other.keys["socket_mode"] = "0660"
        other.write_config()
        check("is in force" in other.reload(), "reload")
        check("needs a restart" in other.problems()[-1], "what needs a restart")
        other.keys["socket_mode"] = "lots"
        other.write_config()
        check("keeping the old" in other.reload(), "a bad one")
        sender.say("WAKE", kinds="FlagChange", user="keep", owner="keep", mailbox="INBOX")
        equal(client.wake()["kinds"], "FlagChange", "still there")


@suite.test
def last_words_of_a_short_life_are_heard():
    """lda says what it has to say and ends, without reading the greeting."""
    with watcher("short") as client:
        hub.signal(signal.SIGSTOP)
        try:
            for _ in range(2):
                with HubClient(hub.socket, handshake=False) as sender:
                    sender.send("VERSION\tfantail-hub\t1\t0\n")
                    flood(sender, "short", 2)
            sender = HubClient(hub.socket, handshake=False)
            sender.send("VERSION\tfantail-hub\t1\t0\n")
            hub.signal(signal.SIGCONT)
            sender.sync()  # the greeting has come, and is not read
            hub.signal(signal.SIGSTOP)
            flood(sender, "short", 2)
            sender.close()
        finally:
            hub.signal(signal.SIGCONT)
        equal([client.wake()["mailbox"] for _ in range(6)], ["box 0", "box 1"] * 3, "wake-ups")


# --- a hub that is away -----------------------------------------------------------------


@suite.test
def restarted_hub_is_found_again():
    ready("restart")
    imap = dovecot.imap("restart", "INBOX")

    def flip(number):
        expect_ok(imap.store("1", "+FLAGS" if number % 2 else "-FLAGS", r"(\Flagged)"))

    with watcher("restart") as client:
        flip(1)
        equal(client.wake()["kinds"], "FlagChange", "before")
        hub.kill()
        flip(2)  # to nobody
        hub.start()
        equal(client.recv(), None, "the end")
    with watcher("restart") as client:
        number = 2

        def woken():
            nonlocal number
            number += 1
            flip(number)
            client.sock.settimeout(0.2)
            try:
                return client.wake()
            except TimeoutError:
                return None

        equal(eventually(woken, "the session finds the hub")["kinds"], "FlagChange", "after")
    imap.logout()


def connect_until_full(path):
    clients = []
    while True:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.setblocking(False)
        try:
            client.connect(str(path))
        except BlockingIOError:
            client.close()
            return clients
        clients.append(client)


@suite.test
def no_hub_costs_deliveries_nothing():
    ready("away")
    hub.stop()
    try:
        equal(dovecot.deliver("away", MESSAGE), {}, "refused without a hub")
        # Somebody listens and does nothing: who connected first leaves no room, ...
        os.unlink(hub.socket)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stuck:
            stuck.bind(str(hub.socket))
            os.chmod(hub.socket, 0o666)
            stuck.listen(0)
            crowd = connect_until_full(hub.socket)
            equal(dovecot.deliver("away", MESSAGE), {}, "refused when nobody can connect")
            # ... or there is some, but nobody reads.
            for client in crowd:
                stuck.accept()[0].close()
                client.close()
            imap = dovecot.imap("away", "INBOX")
            said = 1000
            for number in range(said):
                expect_ok(imap.store("1", "-+"[number % 2] + "FLAGS", r"(\Flagged)"))
            imap.logout()
            peer = stuck.accept()[0]
            peer.settimeout(10)
            heard = 0
            while peer.recv(65536):
                heard += 1
            peer.close()
            check(1 < heard < said, f"the socket was full: {heard} packets of {said}")
    finally:
        hub.start()
    equal([text for text in dovecot.problems() if str(hub.socket) in text], [], "log")


@suite.test
def settings():
    ready("setting")
    dovecot.settings["fantail_hub"] = "hub.sock"
    dovecot.write_config()
    dovecot.reload()
    try:
        equal(dovecot.deliver("setting", MESSAGE), {}, "refused")
        check(any("fantail_hub = hub.sock is not an absolute path; using /run/fantail/hub.sock"
                  in text for text in dovecot.problems()), "a line about it")
    finally:
        dovecot.settings["fantail_hub"] = hub.socket
        dovecot.write_config()
        dovecot.reload()


@suite.test
def wrong_path_is_reported():
    ready("path")
    wrong = f"{hub.socket}/inside"
    dovecot.settings["fantail_hub"] = wrong
    dovecot.write_config()
    dovecot.reload()
    try:
        def told():
            equal(dovecot.deliver("path", MESSAGE), {}, "refused")
            return [text for text in dovecot.problems()
                    if f"connect({wrong}) failed: Not a directory" in text]

        check("check fantail_hub" in eventually(told, "a line about it")[0], "remedy")
    finally:
        dovecot.settings["fantail_hub"] = hub.socket
        dovecot.write_config()
        dovecot.reload()


# --- the program ---------------------------------------------------------------------------


@suite.test
def options_and_errors():
    program = BUILD / "notify-bridge" / "fantail-hub"

    def run(*arguments):
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False,
                              timeout=60)
        return done.returncode, done.stdout, done.stderr

    check(re.fullmatch(r"fantail-hub \d+\.\d+\.\d+\n", run("--version")[1]), "--version")
    check("--config" in run("--help")[1], "--help")
    equal(run("--check", "--config", str(hub.config))[0], 0, "--check")
    bad = folder / "bad.conf"
    bad.write_text("[hub]\nsoket = /x\n")
    status, _, text = run("--check", "--config", str(bad))
    equal((status, text), (78, f"{bad}:2: [hub] soket: no such key; did you mean 'socket'?\n"),
          "a misspelt key")
    status, _, text = run("--config", str(bad))
    equal((status, text.count("\n")), (78, 1), "the same, started")
    status, _, text = run("--config", str(hub.config))
    check(status == 69 and "listens on" in text and text.count("\n") == 1, f"a second one: {text}")
    equal(run("now")[0], 64, "an argument")


@suite.test
def idle_connections_cost_little():
    count = 5000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 200:
        raise Skip(f"only {hard} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count * 2), hard))
    other = Hub(folder / "idle")
    clients = []
    try:
        with other:
            before = other.rss_kib()
            for number in range(count):
                client = HubClient(other.socket)
                user = f"user{number}@example.org"
                client.say("WATCH", user=user, session=f"session-{number}-abcdef")
                client.say("RULE", kinds="MessageNew MessageExpunge", owner=user, mailbox="INBOX")
                client.say("RULE", kinds=ALL_KINDS, owner=user)
                clients.append(client)
            clients[-1].sync()
            each = (other.rss_kib() - before) * 1024 / count
            most = 8192 if other.is_sanitized() else 1536
            check(each < most, f"{each:.0f} bytes each")
            print(f"# {each:.0f} bytes each")
            with HubClient(other.socket) as sender:
                for number in range(0, count, 50):
                    user = f"user{number}@example.org"
                    sender.say("WAKE", kinds="FlagChange", user=user, owner=user, mailbox="A")
                    equal(clients[number].wake()["owner"], user, "wake")
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@suite.test
def nothing_unexpected_was_logged():
    lines = [text for text in dovecot.log().splitlines()
             if re.search(r"Panic|Fatal|Error|Warning|raw backtrace", text)]
    equal([text for text in lines if not re.search("fantail: (fantail_hub|connect|.*nobody.sock)|"
                                                   "SIGHUP received", text)], [], "Dovecot's log")
    equal([text for text in hub.problems()
           if not re.search("skipped|is no line|does not speak|READYs", text)], [], "the hub's log")


def diagnostics():
    return ("--- Dovecot:\n" + "\n".join(dovecot.log().splitlines()[-25:])
            + "\n--- hub:\n" + "\n".join(hub.log_text().splitlines()[-15:]))


if __name__ == "__main__":
    if shutil.which("dovecot") is None or not glob.glob(PLUGINS + "/lib20_fantail_event*.so"):
        print("1..0 # SKIP no Dovecot, or the plugin was not built")
        sys.exit(0)
    suite.on_failure = diagnostics
    spool = folder / "spool"
    spool.mkdir()
    spool.chmod(0o3773)
    SETTINGS = {"fantail_socket": str(folder / "nobody.sock"), "fantail_spool": str(spool),
                "fantail_hub": str(folder / "hub.sock"), "fantail_deadline": "5000"}
    dovecot = Dovecot(modules=[PLUGINS], mail_plugins="notify fantail_event", shared=True,
                      protocol_plugins={"imap": "imap_acl"}, settings=SETTINGS,
                      lmtp_service_count=1,  # none that goes down with a reload is asked again
                      extra=METADATA_24 if version() >= (2, 4) else METADATA_23)
    hub = Hub(folder, mail_uids=[dovecot.uid])
    try:
        hub.start()
        dovecot.start()
        suite.run()
    finally:
        dovecot.close()
        hub.stop()
