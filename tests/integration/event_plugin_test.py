#!/usr/bin/env python3
"""The event plugin in a real Dovecot, against a stand-in for the bridge.

scratch.py says where the built modules are looked for.
Each test has a user of its own, so that they do not see one another's events.
"""

import glob
import os
import re
import shutil
import socket
import stat
import sys
import tempfile
import time

from dovecot import Dovecot
from fake_bridge import FakeBridge, parse_spool_file
from scratch import MODULES, limit
from tap import Skip, Suite, check, equal, eventually

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(HERE, "..", "corpus", "mail")
PLUGINS = str(MODULES / "plugins")
MESSAGE = b"From: Pat <pat@example.org>\r\nSubject: hello\r\n\r\nhow are you\r\n"
TWELVE = {"FlagsClear", "FlagsSet", "MailboxCreate", "MailboxDelete", "MailboxRename",
          "MailboxSubscribe", "MailboxUnsubscribe", "MessageAppend", "MessageExpunge",
          "MessageNew", "MessageRead", "MessageTrash"}
SPOOL_GID = 12345  # any group but the mail user's: what the bridge's group is in real life

suite = Suite("event plugin")
scratch = tempfile.mkdtemp(prefix="fantail-")
os.chmod(scratch, 0o755)
SOCKET = os.path.join(scratch, "bridge.sock")
SPOOL = os.path.join(scratch, "spool")
# A deadline that a busy machine does not miss; the tests of the deadline have their own.
SETTINGS = {"fantail_socket": SOCKET, "fantail_hub": os.path.join(scratch, "hub.sock"),
            "fantail_spool": SPOOL, "fantail_deadline": "5000"}


def make_spool(path, mode=0o3773):
    """As data/ installs it: anybody may write, only the bridge's group may read."""
    os.makedirs(path)
    if os.geteuid() == 0:
        os.chown(path, 0, SPOOL_GID)
    os.chmod(path, mode)


def spooled(user=None, path=SPOOL):
    batches = [parse_spool_file(os.path.join(path, name)) for name in sorted(os.listdir(path))]
    return [batch for batch in batches if user is None or batch.user == user]


def uids(text):
    """The numbers of a sequence-set."""
    numbers = set()
    for part in text.split(","):
        first, _, last = part.partition(":")
        numbers.update(range(int(first), int(last or first) + 1))
    return numbers


def only(items, what):
    equal(len(items), 1, f"number of {what} in {items}")
    return items[0]


def ready(user, messages=0):
    """A user whose INBOX exists and holds some messages; their events are forgotten."""
    with dovecot.lmtp() as lmtp:
        for _ in range(max(messages, 1)):
            equal(lmtp.send("a@example.org", [user], MESSAGE)[user][0], 250, "delivery")
    if messages == 0:
        dovecot.doveadm("expunge", "-u", user, "mailbox", "INBOX", "all")
    bridge.forget()


def events_of(user):
    return bridge.events_of(user)


def named(user, name):
    return [event for event in events_of(user) if event["name"] == name]


def expect_ok(result):
    equal(result[0], "OK", f"status of {result}")
    return result[1]


def with_settings(**settings):
    """Other settings of the plugin on top of the usual ones, and an empty log."""
    settings = {**SETTINGS, **settings}
    if dovecot.settings != settings:
        dovecot.settings = settings
        dovecot.write_config()
        dovecot.reload()
    logs.append(dovecot.log())
    open(dovecot.log_path, "w", encoding="utf-8").close()
    bridge.forget()


# --- what becomes which event ----------------------------------------------------


@suite.test
def lmtp_delivery_is_message_new():
    before = time.time()
    ready("lmtp1")
    equal(dovecot.deliver("lmtp1", MESSAGE), {}, "refused")
    batch = only(bridge.of("lmtp1"), "batches")
    event = only(batch.events, "events")
    equal(event["name"], "MessageNew", "name")
    equal(event["user"], "lmtp1", "user")
    equal(event["mailbox"], "INBOX", "mailbox")
    equal(event["messages"], "1", "messages")
    equal(event["uids"], "2", "uids")
    equal(event["exists"], "1", "exists")
    equal(event["service"], "lmtp", "service")
    check("owner" not in event, "no owner of one's own mailbox")
    check(re.fullmatch("[0-9a-f]{32}", event["mailboxid"]), "mailboxid")
    check(re.search(r"<lmtp1>|\(lmtp1\)", dovecot.log()) and event["session"] in dovecot.log(),
          "session is Dovecot's session id")
    check(before <= int(event["time"]) / 1e6 <= time.time(), "time is the commit's")
    equal(batch.uid, dovecot.uid, "uid that connected")
    imap = dovecot.imap("lmtp1", "INBOX")
    equal(imap.untagged_responses["UIDVALIDITY"], [event["uidvalidity"].encode()], "uidvalidity")
    imap.logout()


@suite.test
def first_delivery_also_creates_the_inbox():
    equal(dovecot.deliver("lmtp2", MESSAGE), {}, "refused")
    equal([b.names() for b in bridge.of("lmtp2")], [["MailboxCreate"], ["MessageNew"]], "batches")


@suite.test
def every_recipient_has_a_batch():
    everybody = ["many1", "many2", "many3"]
    for user in everybody:
        ready(user)
    bridge.forget()
    equal(dovecot.deliver(everybody, MESSAGE), {}, "refused")
    for user in everybody:
        event = only(events_of(user), "events")
        equal((event["name"], event["messages"]), ("MessageNew", "1"), user)
    equal(len({b.id for u in everybody for b in bridge.of(u)}), 3, "different batch ids")


@suite.test
def lda_delivery_is_message_new():
    ready("lda")
    equal(dovecot.lda("lda", MESSAGE), 0, "exit code")
    event = only(events_of("lda"), "events")
    equal((event["name"], event["service"]), ("MessageNew", "lda"), "event")


@suite.test
def lda_delivery_to_a_folder():
    ready("ldaf")
    dovecot.doveadm("mailbox", "create", "-u", "ldaf", "Lists/Vögel")
    bridge.forget()
    equal(dovecot.lda("ldaf", MESSAGE, "-m", "Lists/Vögel"), 0, "exit code")
    equal(only(events_of("ldaf"), "events")["mailbox"], "Lists/Vögel", "mailbox, UTF-8")


@suite.test
def doveadm_save_is_message_append():
    ready("save")
    dovecot.doveadm("save", "-u", "save", "-m", "INBOX", stdin=MESSAGE)
    event = only(events_of("save"), "events")
    equal((event["name"], event["service"], event["messages"]), ("MessageAppend", "doveadm", "1"),
          "event")


@suite.test
def imap_append_copy_move():
    ready("acm", 3)
    imap = dovecot.imap("acm", "INBOX")
    expect_ok(imap.append("INBOX", r"(\Seen $Work)", None, MESSAGE))
    event = only(events_of("acm"), "events of APPEND")
    equal((event["name"], event["uids"], event["service"]), ("MessageAppend", "4", "imap"), "APPEND")

    expect_ok(imap.create("Other"))
    bridge.forget()
    expect_ok(imap.copy("1,3", "Other"))
    event = only(events_of("acm"), "events of COPY")
    equal((event["name"], event["mailbox"], event["messages"], event["uids"]),
          ("MessageAppend", "Other", "2", "1:2"), "COPY")

    bridge.forget()
    imap.xatom("MOVE", "2", "Other")
    equal([(e["name"], e["mailbox"], e["uids"]) for e in events_of("acm")],
          [("MessageAppend", "Other", "3"), ("MessageExpunge", "INBOX", "2")], "MOVE")
    imap.logout()


@suite.test
def exists_counts_what_others_added_too():
    ready("exists", 2)
    imap = dovecot.imap("exists", "INBOX")
    for count in ("3", "4", "5"):  # the session does not look meanwhile
        dovecot.deliver("exists", MESSAGE)
        equal(named("exists", "MessageNew")[-1]["exists"], count, "of the delivery")
    dovecot.doveadm("expunge", "-u", "exists", "mailbox", "INBOX", "uid", "1")
    bridge.forget()
    expect_ok(imap.append("INBOX", None, None, MESSAGE))
    expect_ok(imap.copy("2", "INBOX"))
    equal([(e["name"], e["exists"]) for e in events_of("exists")],
          [("MessageAppend", "5"), ("MessageAppend", "6")], "of the session")
    imap.store("2", "+FLAGS", r"(\Seen)")
    check("exists" not in named("exists", "MessageRead")[0], "only where messages came")
    imap.logout()


@suite.test
def imap_store_flags():
    ready("flags", 3)
    imap = dovecot.imap("flags", "INBOX")

    def store(items, flags, expected):
        bridge.forget()
        expect_ok(imap.store("1:3", items, flags))
        got = [(e["name"], e.get("flags"), e["uids"], e["messages"]) for e in events_of("flags")]
        equal(sorted(got, key=str), sorted(((n, f, "1:3", "3") for n, f in expected), key=str),
              f"{items} {flags}")
        check(len(bridge.of("flags")) <= 1, "one batch for one transaction")

    store("+FLAGS", r"(\Seen)", [("MessageRead", None)])
    store("+FLAGS", r"(\Deleted)", [("MessageTrash", None)])
    store("+FLAGS", r"(\Flagged \Answered)", [("FlagsSet", r"\Answered \Flagged")])
    store("+FLAGS", r"($Work)", [("FlagsSet", "$Work")])
    store("+FLAGS", r"($Work \Seen)", [])  # nothing changes
    store("-FLAGS", r"(\Seen)", [("FlagsClear", r"\Seen")])
    store("-FLAGS", r"(\Deleted $Work)", [("FlagsClear", r"\Deleted $Work")])
    store("FLAGS", r"(\Seen \Draft $Junk)",
          [("MessageRead", None), ("FlagsSet", r"\Draft $Junk"),
           ("FlagsClear", r"\Answered \Flagged")])
    imap.logout()


@suite.test
def a_thousand_messages_are_one_event():
    ready("thousand")
    imap = dovecot.imap("thousand", "INBOX")
    literal = b"{%d+}\r\n" % len(MESSAGE) + MESSAGE
    imap.send(b"m1 APPEND INBOX " + b" ".join([literal] * 1000) + b"\r\n")
    while not imap.readline().startswith(b"m1 OK"):
        pass
    equal([(e["name"], e["messages"]) for e in events_of("thousand")], [("MessageAppend", "1000")],
          "MULTIAPPEND")
    imap.noop()
    bridge.forget()
    expect_ok(imap.store("1:*", "+FLAGS.SILENT", r"(\Flagged)"))
    event = only(events_of("thousand"), "events")
    equal((event["name"], event["messages"]), ("FlagsSet", "1000"), "event")
    first = min(uids(event["uids"]))
    equal(event["uids"], f"{first}:{first + 999}", "uids")

    bridge.forget()
    holes = ",".join(str(n) for n in range(2, 1000, 2))
    expect_ok(imap.store(holes, "+FLAGS.SILENT", r"(\Seen)"))
    event = only(events_of("thousand"), "events")
    equal(uids(event["uids"]), {first + n - 1 for n in range(2, 1000, 2)}, "uids with holes")
    imap.logout()


@suite.test
def imap_expunge():
    ready("expunge", 5)
    imap = dovecot.imap("expunge", "INBOX")
    imap.store("1:2,4", "+FLAGS", r"(\Deleted)")
    bridge.forget()
    expect_ok(imap.expunge())
    event = only(events_of("expunge"), "events")
    equal((event["name"], event["uids"], event["messages"]), ("MessageExpunge", "1:2,4", "3"),
          "event")
    imap.logout()


@suite.test
def mailboxes():
    ready("boxes")
    imap = dovecot.imap("boxes")

    def does(expected, command, *arguments):
        bridge.forget()
        expect_ok(command(*arguments))
        event = only([e for e in events_of("boxes") if e["name"].startswith("Mailbox")], "events")
        equal((event["name"], event["mailbox"], event.get("oldmailbox")), expected, "event")
        return event

    does(("MailboxCreate", "Entwürfe", None), imap.create, "Entw&APw-rfe")
    status = expect_ok(imap.status("Entw&APw-rfe", "(MAILBOXID)")) if "OBJECTID" in \
        imap.capabilities else None
    does(("MailboxSubscribe", "Entwürfe", None), imap.subscribe, "Entw&APw-rfe")
    does(("MailboxUnsubscribe", "Entwürfe", None), imap.unsubscribe, "Entw&APw-rfe")
    renamed = does(("MailboxRename", "Neu", "Entwürfe"), imap.rename, "Entw&APw-rfe", "Neu")
    expect_ok(imap.append("Neu", None, None, MESSAGE))
    guid = named("boxes", "MessageAppend")[0]["mailboxid"]
    equal(renamed["mailboxid"], guid, "mailboxid of RENAME")
    deleted = does(("MailboxDelete", "Neu", None), imap.delete, "Neu")
    equal(deleted["mailboxid"], guid, "mailboxid of DELETE")
    check(status is None or guid in str(status), "mailboxid is the MAILBOXID")
    bridge.forget()
    equal(imap.create("INBOX")[0], "NO", "CREATE of what is there")
    equal(imap.delete("Nothing")[0], "NO", "DELETE of what is not there")
    equal(imap.rename("Nothing", "Something")[0], "NO", "RENAME of what is not there")
    equal(events_of("boxes"), [], "events of failed commands")
    imap.logout()


@suite.test
def pop3_dele_is_message_expunge():
    ready("pop", 2)
    pop3 = dovecot.pop3("pop")
    pop3.dele(2)
    equal(events_of("pop"), [], "before QUIT")
    pop3.quit()
    event = only([e for e in eventually(lambda: events_of("pop"), "an event")], "events")
    equal((event["name"], event["uids"], event["service"]), ("MessageExpunge", "2", "pop3"),
          "event")


@suite.test
def all_twelve_and_their_order():
    ready("twelve")
    bridge.forget()
    dovecot.deliver("twelve", MESSAGE)
    imap = dovecot.imap("twelve", "INBOX")
    imap.store("1", "+FLAGS", r"(\Seen)")
    imap.store("1", "+FLAGS", r"(\Flagged)")
    imap.store("1", "-FLAGS", r"(\Flagged)")
    imap.append("INBOX", None, None, MESSAGE)
    imap.create("x")
    imap.subscribe("x")
    imap.unsubscribe("x")
    imap.rename("x", "y")
    imap.delete("y")
    imap.store("1", "+FLAGS", r"(\Deleted)")
    imap.expunge()
    imap.logout()
    events = events_of("twelve")
    equal({event["name"] for event in events}, TWELVE, "names")
    equal([int(e["time"]) for e in events], sorted(int(e["time"]) for e in events), "times")
    for service in ("lmtp", "imap"):
        numbers = [int(e["seq"]) for e in events if e["service"] == service]
        equal(numbers, list(range(numbers[0], numbers[0] + len(numbers))), f"seq in {service}")


# --- what becomes none -----------------------------------------------------------


@suite.test
def reading_says_nothing():
    ready("reader", 2)
    connections = bridge.connections
    imap = dovecot.imap("reader", "INBOX")
    imap.fetch("1:*", "(FLAGS ENVELOPE BODY.PEEK[])")
    imap.search(None, "BODY", "how")
    imap.list()
    imap.noop()
    imap.close()
    imap.logout()
    equal(events_of("reader"), [], "events")
    equal(bridge.connections, connections, "connections to the bridge")


@suite.test
def failed_multiappend_says_nothing():
    ready("multi")
    imap = dovecot.imap("multi", "INBOX")
    literal = b"{%d+}\r\n" % len(MESSAGE) + MESSAGE

    def append(tag, rest):
        imap.send(tag + b" APPEND INBOX " + literal + rest + b"\r\n")
        while True:
            line = imap.readline()
            if line.startswith(tag):
                return line.split()[1]

    equal(append(b"a1", b" (\\Seen \\NoSuchFlag) nonsense"), b"BAD", "second message is no literal")
    imap.noop()
    equal(imap.untagged_responses.get("EXISTS", [b"0"])[-1], b"0", "messages")
    equal(events_of("multi"), [], "events")
    # The same without the mistake, to see that the test sees something.
    equal(append(b"a2", b" " + literal), b"OK", "two good messages")
    equal(only(events_of("multi"), "events")["messages"], "2", "messages of the good one")
    imap.logout()


@suite.test
def failed_copy_says_nothing():
    ready("copyfail", 2)
    imap = dovecot.imap("copyfail", "INBOX")
    imap.create("Target")
    bridge.forget()
    files = sorted(glob.glob(dovecot.home("copyfail") + "/Maildir/cur/*"))
    equal(len(files), 2, "files")
    os.unlink(files[1])
    status, data = imap.copy("1:2", "Target")
    equal(status, "NO", f"COPY with a message gone: {data}")
    equal(named("copyfail", "MessageAppend"), [], "events")
    imap.logout()


@suite.test
def refused_delivery_says_nothing():
    ready("refused")
    new = dovecot.home("refused") + "/Maildir/tmp"
    shutil.rmtree(new)
    open(new, "w", encoding="ascii").close()  # a file where the folder should be
    refused = dovecot.deliver("refused", MESSAGE)
    check(refused["refused"][0] >= 400, f"answer {refused}")
    equal(events_of("refused"), [], "events")
    equal([user for user in bridge.wants if user == "refused"], [], "WANT")


@suite.test
def nobody_registered():
    ready("none")
    bridge.want = "none"
    try:
        equal(dovecot.deliver("none", MESSAGE), {}, "refused")
    finally:
        bridge.want = "hint"
    equal(bridge.wants, ["none"], "WANT was asked")
    equal(events_of("none"), [], "events")
    equal(spooled("none"), [], "spool files")


@suite.test
def user_without_the_plugin():
    ready("other")
    with dovecot.lmtp() as lmtp:  # one process, both users, one message
        answers = lmtp.send("a@example.org", ["stock", "other", "stock"], MESSAGE)
        equal({code for code, _ in answers.values()}, {250}, "answers")
        answers = lmtp.send("a@example.org", ["stock"], MESSAGE)
        equal(answers["stock"][0], 250, "answer")
    imap = dovecot.imap("stock", "INBOX")
    expect_ok(imap.store("1", "+FLAGS", r"(\Seen)"))
    expect_ok(imap.create("x"))
    imap.logout()
    equal(named("other", "MessageNew")[0]["messages"], "1", "the other's")
    equal(events_of("stock"), [], "events")
    check("stock" not in bridge.wants, "no WANT")
    equal(spooled("stock"), [], "spool files")


# --- whose mailbox ---------------------------------------------------------------


@suite.test
def shared_and_public_mailboxes():
    ready("bea", 2)
    ready("abe")
    bea = dovecot.imap("bea", "INBOX")
    expect_ok(bea.create("Project"))
    expect_ok(bea.copy("1:2", "Project"))
    expect_ok(bea.setacl("Project", "abe", "lrwstipekxa"))
    os.makedirs(dovecot.path("public", ".News", "new"))
    for folder in ("cur", "tmp"):
        os.makedirs(dovecot.path("public", ".News", folder))
    with open(dovecot.path("public", ".News", "dovecot-acl"), "w", encoding="ascii") as file:
        file.write("authenticated lrwstipekxa\n")
    for folder, _, files in os.walk(dovecot.path("public")):
        for name in [folder] + [os.path.join(folder, file) for file in files]:
            os.chown(name, dovecot.uid, dovecot.gid)
    guid = named("bea", "MessageAppend")[0]["mailboxid"]
    bridge.forget()

    abe = dovecot.imap("abe")
    expect_ok(abe.select("shared/bea/Project"))
    expect_ok(abe.store("1", "+FLAGS", r"(\Flagged)"))
    event = only(events_of("abe"), "events")
    equal((event["name"], event["user"], event["owner"], event["mailbox"], event["mailboxid"]),
          ("FlagsSet", "abe", "bea", "shared/bea/Project", guid), "shared")
    bridge.forget()
    expect_ok(abe.append("Public/News", None, None, MESSAGE))
    event = only([e for e in events_of("abe") if e["name"] == "MessageAppend"], "events")
    equal((event["owner"], event["mailbox"]), ("", "Public/News"), "public")
    equal(events_of("bea"), [], "nothing under the owner's name")
    abe.logout()
    bea.logout()


def share(owner, guest, mailbox="Project"):
    """A mailbox with one message that `guest` may use as its owner can."""
    ready(owner, 1)
    ready(guest)
    imap = dovecot.imap(owner, "INBOX")
    expect_ok(imap.create(mailbox))
    expect_ok(imap.copy("1", mailbox))
    expect_ok(imap.setacl(mailbox, guest, "lrwstipekxa"))
    imap.logout()
    bridge.forget()


@suite.test
def delivery_into_the_mailbox_of_another():
    share("bob", "ann")
    bridge.want = "none"  # of ann; it is bob's devices that are told
    try:
        equal(dovecot.lda("ann", MESSAGE, "-m", "shared/bob/Project"), 0, "exit code")
    finally:
        bridge.want = "hint"
    event = only(named("ann", "MessageNew"), "events")
    equal((event["owner"], event["mailbox"]), ("bob", "shared/bob/Project"), "event")
    equal(bridge.wants, [], "requests for what nobody can answer")


@suite.test
def the_owners_name_of_a_shared_mailbox():
    share("kim", "lea")
    kim = dovecot.imap("kim")
    for name in ("INBOX", "Project"):
        expect_ok(kim.setacl(name, "lea", "lrwstipekxa"))
    kim.logout()
    bridge.forget()
    lea = dovecot.imap("lea")

    def owners(expected, what):
        event = only(events_of("lea"), what)
        keys = ("mailbox", "ownermailbox", "oldmailbox", "oldownermailbox")
        equal(tuple(event.get(key) for key in keys), expected, what)
        bridge.forget()

    expect_ok(lea.append("shared/kim/Project", None, None, MESSAGE))
    owners(("shared/kim/Project", "Project", None, None), "APPEND")
    expect_ok(lea.append("shared/kim", None, None, MESSAGE))
    owners(("shared/kim", "INBOX", None, None), "APPEND to the owner's INBOX")
    expect_ok(lea.create("shared/kim/Project/a"))
    owners(("shared/kim/Project/a", "Project/a", None, None), "CREATE")
    expect_ok(lea.rename("shared/kim/Project/a", "shared/kim/Project/b"))
    owners(("shared/kim/Project/b", "Project/b", "shared/kim/Project/a", "Project/a"), "RENAME")
    expect_ok(lea.append("INBOX", None, None, MESSAGE))
    owners(("INBOX", None, None, None), "one's own")
    lea.logout()


@suite.test
def what_a_guest_has_read_is_private():
    share("eve", "ned")
    ned = dovecot.imap("ned", "shared/eve/Project")
    expect_ok(ned.store("1", "+FLAGS", r"(\Seen)"))
    equal(named("ned", "MessageRead"), [], "events of a private flag")
    expect_ok(ned.store("1", "+FLAGS", r"(\Flagged)"))
    expect_ok(ned.store("1", "FLAGS", r"(\Answered)"))
    equal([(e["name"], e.get("flags")) for e in events_of("ned")],
          [("FlagsSet", r"\Flagged"), ("FlagsSet", r"\Answered"), ("FlagsClear", r"\Flagged")],
          "events of flags that all see")
    ned.logout()
    eve = dovecot.imap("eve", "Project")
    equal(eve.search(None, "SEEN")[1], [b""], "the owner has not read it")
    eve.logout()


@suite.test
def virtual_mailboxes_speak_through_the_real_ones():
    with tempfile.TemporaryDirectory(prefix="virtual-") as folder:
        os.makedirs(folder + "/All")
        with open(folder + "/All/dovecot-virtual", "w", encoding="ascii") as file:
            file.write("INBOX\n  all\n")
        for path in (folder, folder + "/All", folder + "/All/dovecot-virtual"):
            os.chmod(path, 0o755)
            os.chown(path, dovecot.uid, dovecot.gid)
        where = f"location = virtual:{folder}" if dovecot.version < (2, 4) else \
            f"mail_driver = virtual\n  mail_path = {folder}"
        with Dovecot(modules=[PLUGINS], mail_plugins="notify fantail_event virtual",
                     settings=SETTINGS, extra=f"""
namespace virtual {{
  prefix = Virtual/
  separator = /
  {where}
}}
""") as other:
            equal(other.deliver("virtual", MESSAGE), {}, "refused")
            bridge.forget()
            imap = other.imap("virtual", "Virtual/All")
            expect_ok(imap.store("1", "+FLAGS", r"(\Flagged)"))
            event = only(events_of("virtual"), "events")
            equal((event["name"], event["mailbox"], event["uids"]), ("FlagsSet", "INBOX", "1"),
                  "event")
            imap.logout()
            equal(other.problems(), [], "log")


# --- content ---------------------------------------------------------------------

CONTENT = {
    "plain-ascii": {
        "from-name": "Nadia Okafor", "from-address": "nadia.okafor@example.org",
        "subject": "Thursday's rehearsal moved to 19:30", "date": "2026-11-22T08:14:59+01:00",
        "message-id": "<20261122071459.GA4211@example.org>",
        "preview": re.compile("Hello all, the hall is taken until seven, so .*")},
    "utf8-8bit": {
        "from-name": "Zoë Lindqvist", "from-address": "zoe@example.org",
        "subject": "Flygbiljetter till Malmö – är du säker på datumet? ✈️",
        "date": "2026-11-21T22:03:11Z", "message-id": "<e1b8-utf8@example.org>",
        "preview": re.compile("Hej Anna, jag ser två .* kostar 40 € mer, .* äta 🥐. Kram Zoë")},
    "latin1-qp": {
        "from-name": "Jürgen Weiß", "from-address": "juergen.weiss@example.org",
        "subject": "Rückfrage zur Übergabe der Schlüssel", "date": "2026-11-20T17:45:00+01:00",
        "message-id": "<5F0A1B2C.3040908@example.org>",
        "preview": re.compile("Guten Abend, können wir .* Straße ist gesperrt. Schöne Grüße .*")},
    "iso-2022-jp": {
        "from-name": "佐藤 由美", "from-address": "yumi.sato@example.org",
        "subject": "来週の打ち合わせについて", "date": "2026-11-23T09:30:00+09:00",
        "message-id": "<20261123093000.7C1A.YUMI@example.org>",
        "preview": re.compile("お世話になっております。佐藤です。 来週の.*")},
    "koi8-r-base64": {
        "from-name": "Ольга Смирнова", "from-address": "olga@example.org",
        "subject": "Правки к третьей главе", "date": "2026-11-19T12:00:30+03:00",
        "message-id": "<000001c0-koi8@example.org>",
        "preview": re.compile("Добрый день! Высылаю правки к третьей главе.* Ольга")},
    "gb18030": {
        "from-name": "李明", "from-address": "li.ming@example.org",
        "subject": "订单已发货:请查收", "date": "2026-11-18T16:20:10+08:00",
        "message-id": "<tencent_gb18030@example.org>",
        "preview": re.compile("您好, 您的订单已于今天上午发货.* 祝好 李明")},
    "alternative": {
        "from-name": "Ticket Office, Riverside Theatre", "from-address": "tickets@example.org",
        "subject": 'Your seats for "The Tempest"', "date": "2026-11-17T10:01:02-05:00",
        "message-id": "<ticket-88213@example.org>",
        "preview": re.compile("Row F, seats 11 and 12 – doors open at 18:45. Bring .*")},
    "html-only": {
        "from-name": "Corner Bakery", "from-address": "news@example.org",
        "subject": "This week: rye & walnut", "date": "2026-11-16T06:00:00Z",
        "message-id": "<newsletter.47@example.org>",
        "preview": re.compile("(News )?Fresh rye & walnut bread every morning from seven. .*")},
    "no-subject": {
        "from-address": "tomasz@example.org", "date": "2026-11-22T11:11:11Z",
        "message-id": "<no-subject@example.org>", "preview": "call me when you are up"},
    "long-subject": {
        "from-name": "Build Server", "from-address": "build@example.org",
        "subject": re.compile(r"\[build\] component-000: failed after 0 s in .{900,}"),
        "date": "2026-11-22T03:00:00Z", "message-id": "<build-9917@example.org>",
        "preview": "40 components failed. See the log."},
    "broken-headers": {
        "from-name": re.compile("Someone.*"), "subject": re.compile("caf\ufffd bell €\ufffd*"),
        "message-id": "not an id", "preview": re.compile("Broken .* body .* octet.")},
    "chat": {
        "from-name": "Ines", "from-address": "ines@example.org", "subject": "Chat: on my way",
        "date": "2026-11-22T12:40:07+01:00", "message-id": "<chat$Gr.x7Jk2.mmQ@example.org>",
        "preview": "on my way, ten minutes"},
    "attachment": {
        "from-name": "Accounts", "from-address": "accounts@example.org",
        "subject": "Fatura nº 2026/1183", "date": "2026-11-14T09:00:00-03:00",
        "message-id": "<fatura-1183@example.org>",
        "preview": "Olá Maria, segue em anexo a fatura de novembro (€ 118,30)."},
}
CONTENT_KEYS = {"from-name", "from-address", "subject", "date", "message-id", "keywords",
                "preview"}
LIMITS = {"subject": 998, "from-name": 998, "preview": 600}


@suite.test
def content_of_real_looking_mail():
    equal({os.path.basename(f)[:-4] for f in glob.glob(CORPUS + "/*.eml")}, set(CONTENT), "corpus")
    bridge.want = "content"
    try:
        for name, wanted in CONTENT.items():
            with open(os.path.join(CORPUS, name + ".eml"), "rb") as file:
                equal(dovecot.deliver("c-" + name, file.read()), {}, name)
            event = only(named("c-" + name, "MessageNew"), "events")
            got = {key: value for key, value in event.items() if key in CONTENT_KEYS}
            equal(set(got), set(wanted), f"keys of {name}")
            for key, value in wanted.items():
                if isinstance(value, re.Pattern):
                    check(value.fullmatch(got[key]), f"{key} of {name}: {got[key]!r}")
                else:
                    equal(got[key], value, f"{key} of {name}")
                size = len(got[key].encode())
                check(size <= LIMITS.get(key, 998), f"{key} of {name} has {size} bytes")
    finally:
        bridge.want = "hint"


@suite.test
def content_is_cut_at_a_character():
    bridge.want = "content"
    try:
        ready("cut")
        for pad in range(4):  # so that each of the four octets comes to lie on the limit
            text = "x" * pad + "𝄞" * 400
            dovecot.deliver("cut", f"Subject: {text}\r\nContent-Type: text/plain; charset=utf-8\r\n"
                            f"Content-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n".encode())
            event = named("cut", "MessageNew")[-1]
            for key in ("subject", "preview"):
                size = len(event[key].encode())
                check(LIMITS[key] - 4 < size <= LIMITS[key], f"{key} has {size} bytes")
                check(text.startswith(event[key]), f"{key} is a beginning: {event[key][-5:]!r}")
    finally:
        bridge.want = "hint"


@suite.test
def content_only_if_wanted():
    ready("hint")
    dovecot.deliver("hint", MESSAGE)
    equal(CONTENT_KEYS & set(only(events_of("hint"), "events")), set(), "keys after want=hint")
    bridge.want = "content"
    try:
        bridge.forget()
        imap = dovecot.imap("hint", "INBOX")
        imap.append("INBOX", None, None, MESSAGE)
        imap.store("1", "+FLAGS", r"(\Seen)")
        imap.logout()
        for event in events_of("hint"):
            equal(CONTENT_KEYS & set(event), set(), f"keys of {event['name']}")
        # For the filters of the mailbox; a command asks once.
        equal(bridge.wants, ["hint", "hint"], "WANT")
    finally:
        bridge.want = "hint"


@suite.test
def content_of_each_recipient_of_one_message():
    bridge.want = "content"
    try:
        equal(dovecot.deliver(["cr1", "cr2", "cr3"], MESSAGE), {}, "refused")
        for user in ("cr1", "cr2", "cr3"):
            event = only(named(user, "MessageNew"), "events")
            equal((event["subject"], event["preview"]), ("hello", "how are you"), user)
    finally:
        bridge.want = "hint"


# --- a bridge that does not do its part ------------------------------------------


def spool_file_of(user):
    """The one spool file of a user, looked at from all sides."""
    batch = only(spooled(user), "spool files")
    status = os.stat(os.path.join(SPOOL, batch.id))
    equal(stat.S_IMODE(status.st_mode), 0o640, "mode")
    equal(status.st_uid, dovecot.uid, "owner")
    if dovecot.root:
        equal(status.st_gid, SPOOL_GID, "group")
    equal([name for name in os.listdir(SPOOL) if name.startswith(".")], [], "unfinished files")
    return batch


def deliver_spooled(user, mode, **settings):
    """One delivery while the bridge behaves as `mode`: must succeed and be spooled."""
    with_settings()
    ready(user)  # with the usual deadline
    with_settings(**settings)
    bridge.mode = mode
    try:
        started = time.monotonic()
        equal(dovecot.deliver(user, MESSAGE), {}, "refused")
        elapsed = time.monotonic() - started
    finally:
        bridge.mode = "ok"
    check(elapsed < 5, f"the delivery took {elapsed:.1f} s")
    batch = spool_file_of(user)
    equal(batch.names(), ["MessageNew"], "events")
    equal(batch.events[0]["uids"], "2", "uids")
    return batch


@suite.test
def bridge_away():
    global bridge
    ready("away")
    bridge.close()
    try:
        for how in ("refuses", "has no socket"):
            equal(dovecot.deliver("away", MESSAGE), {}, "refused")
            batch = spool_file_of("away")
            equal(batch.names(), ["MessageNew"], f"events when it {how}")
            os.unlink(os.path.join(SPOOL, batch.id))
            if how == "refuses":
                os.unlink(SOCKET)
        imap = dovecot.imap("away", "INBOX")
        expect_ok(imap.store("1:2", "+FLAGS", r"(\Seen $Work)"))
        imap.logout()
        equal(sorted(spool_file_of("away").names()), ["FlagsSet", "MessageRead"], "events")
        equal([line for line in dovecot.problems() if "(away)" in line], [],
              "a bridge that is away is no news in the mail log")
    finally:
        bridge = FakeBridge(SOCKET)
    # Back again: no hold-off, the next one goes to it.
    dovecot.deliver("away", MESSAGE)
    equal(named("away", "MessageNew")[0]["uids"], "4", "uids after it is back")


@suite.test
def bridge_that_hangs():
    batch = deliver_spooled("hang", "stall", fantail_deadline="")
    equal(dovecot.problems("did not answer within 50 ms, 1 batch"), [], "log")
    equal(len(dovecot.problems()), 1, "one line about it")
    equal(bridge.of("hang"), [], "nothing was handed over")
    check("from-name" not in batch.events[0], "no content without WANT's answer")


@suite.test
def bridge_that_hangs_after_it_has_read_the_batch():
    batch = deliver_spooled("hang2", "stall-batch", fantail_deadline="2000")
    equal([b.id for b in bridge.of("hang2")], [batch.id], "the same id on both roads")


@suite.test
def hold_off_after_a_deadline():
    with_settings()
    ready("holdoff")
    with_settings(fantail_deadline="1000 ms")
    bridge.mode = "stall"
    try:
        with dovecot.lmtp() as lmtp:  # one process
            started = time.monotonic()
            for _ in range(5):
                lmtp.send("a@example.org", ["holdoff"], MESSAGE)
            elapsed = time.monotonic() - started
            connections = len(bridge.wants)
            check(elapsed >= 1, f"the first one waited: {elapsed:.3f} s")
            # Beyond the hold-off the bridge is asked again, so slowness here shows as a second.
            check(connections <= 1 + int(elapsed - 1), f"asked {connections} times in {elapsed:.1f} s")
            equal(len(spooled("holdoff")), 5, "spool files")
            bridge.mode = "ok"
            time.sleep(1.1)
            lmtp.send("a@example.org", ["holdoff"], MESSAGE)
    finally:
        bridge.mode = "ok"
    equal(len(bridge.of("holdoff")), 1, "batches after the hold-off")
    equal(len(dovecot.problems()), 1, "lines in the log")


@suite.test
def stopped_bridge_with_a_full_backlog():
    global bridge
    with_settings()
    ready("backlog")
    with_settings(fantail_deadline="")
    bridge.close()
    os.unlink(SOCKET)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(SOCKET)
    os.chmod(SOCKET, 0o666)
    listener.listen(0)
    fillers = []
    try:
        while True:
            filler = socket.socket(socket.AF_UNIX)
            filler.setblocking(False)
            fillers.append(filler)
            try:
                filler.connect(SOCKET)
            except BlockingIOError:
                break
        started = time.monotonic()
        equal(dovecot.deliver("backlog", MESSAGE), {}, "refused")
        elapsed = time.monotonic() - started
        check(elapsed < 5, f"the delivery took {elapsed:.1f} s")
        equal(spool_file_of("backlog").names(), ["MessageNew"], "events")
        equal(dovecot.problems("did not answer within 50 ms"), [], "log")
    finally:
        for filler in fillers + [listener]:
            filler.close()
        bridge = FakeBridge(SOCKET)


@suite.test
def slow_bridge_within_the_deadline():
    with_settings()
    ready("slow")
    bridge.mode, bridge.delay = "slow", 0.1
    try:
        equal(dovecot.deliver("slow", MESSAGE), {}, "refused")
    finally:
        bridge.mode = "ok"
    equal(len(bridge.of("slow")), 1, "batches")
    equal(spooled("slow"), [], "spool files")
    equal(dovecot.problems(), [], "log")


@suite.test
def slow_bridge_and_many_recipients():
    everybody = [f"wait{number}" for number in range(40)]
    equal(dovecot.deliver(everybody, MESSAGE), {}, "refused")  # makes the mailboxes
    before = len(spooled())
    with_settings()
    bridge.mode, bridge.delay = "slow", 0.03
    try:
        started = time.monotonic()
        equal(dovecot.deliver(everybody, MESSAGE), {}, "refused")
        elapsed = time.monotonic() - started
    finally:
        bridge.mode = "ok"
    asked = len(bridge.wants) + len(bridge.batches)
    # What the process may wait in all and gets back a second; and one more each time.
    allowed = (limit("LIMIT_WAIT_BUDGET_MSECS") + limit("LIMIT_WAIT_BUDGET_MSECS_PER_SEC") * elapsed
               ) / 1000 + (1 + elapsed) * bridge.delay
    check(asked * bridge.delay <= allowed, f"{asked} requests in {elapsed:.1f} s")
    equal(len(bridge.batches) + len(spooled()) - before, 40, "nothing is lost")
    equal(len(dovecot.problems("answers slowly: waited for it 500 ms in all")), 0, "log")
    equal(len(dovecot.problems()), 1, "one line about it")


@suite.test
def bridge_that_answers_garbage():
    deliver_spooled("garbage", "garbage")
    equal(dovecot.problems("not a line of our protocol"), [], "log")
    equal(len(dovecot.problems()), 1, "one line about it")


@suite.test
def bridge_that_closes():
    deliver_spooled("closes", "close")
    equal(dovecot.problems("closed without an answer"), [], "log")


@suite.test
def bridge_of_another_version():
    deliver_spooled("version", "version")
    equal(dovecot.problems("version: this is version 2"), [], "log")


@suite.test
def bridge_that_says_no():
    for code, lines in (("busy", 0), ("full", 0), ("unavailable", 1), ("bad", 1)):
        bridge.code = code
        deliver_spooled("no-" + code, "no")
        equal(dovecot.problems(f"{code}: not now; 1 batch.* went to the spool"), [], "log")
        equal(len(dovecot.problems()), lines, f"lines about {code}")


@suite.test
def bridge_that_denies():
    with_settings()
    ready("denied")
    bridge.mode, bridge.code = "no", "denied"
    try:
        with dovecot.lmtp() as lmtp:  # one process says it once
            for _ in range(2):
                answer = lmtp.send("a@example.org", ["denied"], MESSAGE)["denied"]
                equal(answer[0], 250, "delivery")
    finally:
        bridge.mode = "ok"
    equal(spooled("denied"), [], "spool files: they would be denied too")
    line = only(dovecot.problems(), "lines in the log")
    check(f"uid {dovecot.uid}" in line and "mail-uids" in line, f"remedy in {line!r}")


@suite.test
def spool_that_cannot_be_written():
    ready("nospool")
    os.mkdir(scratch + "/readonly", 0o555)
    for number, (what, path) in enumerate((("missing", scratch + "/no/such"),
                                           ("a file", SOCKET), ("read only", scratch + "/readonly"))):
        with_settings(fantail_spool=path, fantail_socket=scratch + "/nobody.sock")
        with dovecot.lmtp() as lmtp:
            for _ in range(3):
                answer = lmtp.send("a@example.org", ["nospool"], MESSAGE)["nospool"]
                equal(answer[0], 250, f"delivery when the spool is {what}")
        line = only(dovecot.problems(), "lines in the log")
        check(path in line and "Lost 1 batch" in line, f"what was lost and where: {line!r}")
        imap = dovecot.imap("nospool", "INBOX")
        equal(len(imap.search(None, "ALL")[1][0].split()), 3 * (number + 1), "messages")
        expect_ok(imap.store("1", "+FLAGS" if number % 2 == 0 else "-FLAGS", r"(\Seen)"))
        imap.logout()
        # Before the log is emptied: its line may come after the answer.
        eventually(lambda: len(dovecot.problems()) == 2, "a line from imap as well")
    with_settings()


@suite.test
def spool_that_may_be_listed():
    path = scratch + "/listed"
    make_spool(path, 0o3777)
    ready("listed")
    with_settings(fantail_spool=path, fantail_socket=scratch + "/nobody.sock")
    dovecot.deliver("listed", MESSAGE)
    equal(only(spooled("listed", path), "spool files").names(), ["MessageNew"], "events")
    equal(dovecot.problems(), [], "log")
    with_settings()


# --- settings and the rest -------------------------------------------------------


@suite.test
def wrong_settings_cost_one_line_each():
    ready("wrong")
    uid = 0
    for setting, value, remedy in (
            ("fantail_deadline", "soon", "using 50"),
            ("fantail_deadline", "0", "using 50"),
            ("fantail_deadline", "5001", "using 50"),
            ("fantail_deadline", "-1", "using 50"),
            ("fantail_deadline", "99999999999999999999", "using 50"),
            ("fantail_deadline", "10 s", "using 50"),
            ("fantail_spool", "spool", "using /var/spool/fantail"),
            ("fantail_socket", "bridge.sock", "using /run/fantail/bridge.sock"),
            ("fantail_hub", "hub.sock", "using /run/fantail/hub.sock"),
            ("fantail_socket", "/" + "x" * 200, "using /run/fantail/bridge.sock")):
        with_settings(**{setting: value})
        uid += 2
        with dovecot.lmtp() as lmtp:
            for _ in range(2):  # each looks at the settings; it is said once
                equal(lmtp.send("a@example.org", ["wrong"], MESSAGE)["wrong"][0], 250, "delivery")
        lines = [line for line in dovecot.problems() if setting in line]
        line = only(lines, f"lines about {setting} = {value}")
        check(value[:60] in line and remedy in line and "Error" in line, f"what it says: {line!r}")
        others = [line for line in dovecot.problems() if "fantail" in line and line not in lines
                  and not re.search("Lost|did not answer", line)]
        equal(others, [], f"other lines with {setting} = {value}")
        if setting == "fantail_deadline":
            told = {e["uids"] for b in bridge.of("wrong") + spooled("wrong") for e in b.events}
            check({str(uid), str(uid + 1)} <= told, f"events with the default: {told}")
    with_settings()


@suite.test
def good_settings_cost_none():
    ready("good")
    for value in ("1", "5000", "50ms", "50 ms", "  250", ""):
        with_settings(fantail_deadline=value)
        equal(dovecot.deliver("good", MESSAGE), {}, "refused")
        equal([line for line in dovecot.problems() if "fantail_" in line], [], f"lines about {value}")
    with_settings()


@suite.test
def settings_of_one_user_in_the_userdb():
    dovecot.users["own"] = {"fantail_socket": scratch + "/own.sock"}
    with_settings()
    dovecot.write_config()
    own = FakeBridge(scratch + "/own.sock")
    try:
        equal(dovecot.deliver(["own", "common"], MESSAGE), {}, "refused")
        equal([b.user for b in own.batches], ["own", "own"], "at the user's own bridge")
        equal(events_of("own"), [], "at the common bridge")
        equal(len(named("common", "MessageNew")), 1, "the other's at the common bridge")
        equal(own.complaints, [], "complaints")
    finally:
        own.close()


@suite.test
def settings_are_known_to_doveconf():
    if dovecot.version < (2, 4):
        raise Skip("2.3 does not declare plugins' settings")
    for setting, default in (("fantail_socket", "/run/fantail/bridge.sock"),
                             ("fantail_hub", "/run/fantail/hub.sock"),
                             ("fantail_spool", "/var/spool/fantail"), ("fantail_deadline", "50")):
        equal(dovecot.doveconf(setting), SETTINGS[setting], setting)
        equal(dovecot.doveconf("-d", setting), default, f"default of {setting}")


@suite.test
def other_mailbox_formats():
    bridge.want = "content"
    try:
        for driver in ("sdbox", "mdbox", "mbox"):
            user = "f-" + driver
            with Dovecot(modules=[PLUGINS], mail_plugins="notify fantail_event",
                         settings=SETTINGS, mail_driver=driver) as other:
                equal(other.deliver(user, MESSAGE), {}, f"refused by {driver}")
                event = only(named(user, "MessageNew"), f"events with {driver}")
                equal((event["uids"], event["exists"], event["subject"], event["preview"]),
                      ("1", "1", "hello", "how are you"), driver)
                bridge.forget()
                imap = other.imap(user, "INBOX")
                expect_ok(imap.append("INBOX", None, None, MESSAGE))
                expect_ok(imap.store("1:*", "+FLAGS", r"(\Deleted $Work)"))
                expect_ok(imap.expunge())
                imap.logout()
                equal([(e["name"], e["uids"]) for e in events_of(user)],
                      [("MessageAppend", "2"), ("MessageTrash", "1:2"), ("FlagsSet", "1:2"),
                       ("MessageExpunge", "1:2")], driver)
                equal(other.problems(), [], f"log with {driver}")
    finally:
        bridge.want = "hint"


@suite.test
def batches_are_counted_in_statistics():
    with_settings()
    dovecot.doveadm("stats", "reset", check=False)
    before = {name: int(dovecot.stats(name).get("duration", {"count": 0})["count"])
              for name in ("handed", "spooled")}
    ready("stats")
    dovecot.deliver("stats", MESSAGE)
    dovecot.deliver("stats", MESSAGE)
    bridge.mode = "close"
    try:
        dovecot.deliver("stats", MESSAGE)
    finally:
        bridge.mode = "ok"

    def counted(name):
        return int(dovecot.stats(name)["duration"]["count"]) - before[name]

    eventually(lambda: counted("spooled") == 1, "one spooled batch counted")
    check(counted("handed") >= 2, f"handed: {counted('handed')}")
    check(int(dovecot.stats("handed")["duration"]["sum"]) > 0, "with a duration")


@suite.test
def many_at_a_time():
    with_settings()
    everybody = [f"crowd{number}" for number in range(20)]
    clients = [dovecot.lmtp() for _ in range(5)]
    for client in clients:
        client.send("a@example.org", everybody, MESSAGE)
    for client in clients:
        client.close()
    batches = bridge.batches + spooled()
    new = [e for b in batches for e in b.events if e["name"] == "MessageNew"
           and e["user"].startswith("crowd")]
    equal(sorted((e["user"], e["uids"]) for e in new),
          sorted((user, str(uid)) for user in everybody for uid in range(1, 6)), "events")


@suite.test
def nothing_unexpected_was_logged_or_sent():
    equal(bridge.complaints, [], "what the bridge did not like")
    for log in logs + [dovecot.log()]:
        lines = [line for line in log.splitlines()
                 if re.search(r"Panic|Fatal|Error|Warning|raw backtrace", line, re.IGNORECASE)]
        equal([line for line in lines if not re.search(" fantail: |SIGHUP received", line)
               and not re.search(r"[(<](refused|copyfail)[)>]", line)], [], "trouble in the log")


logs = []


def diagnostics():
    return ("--- log:\n" + "\n".join(dovecot.log().splitlines()[-40:])
            + f"\n--- complaints of the bridge: {bridge.complaints}")


if __name__ == "__main__":
    if shutil.which("dovecot") is None or not glob.glob(PLUGINS + "/lib20_fantail_event*.so"):
        print("1..0 # SKIP no Dovecot, or the plugin was not built")
        sys.exit(0)
    make_spool(SPOOL)
    suite.on_failure = diagnostics
    bridge = FakeBridge(SOCKET)
    dovecot = Dovecot(
        modules=[PLUGINS], mail_plugins="notify fantail_event",
        protocol_plugins={"imap": "imap_acl"}, shared=True,
        settings=SETTINGS,
        lmtp_service_count=1,  # a session's hold-off and "said already" end with it
        users={"stock": {"mail_plugins": "notify"}},
        metrics={name: f"event=fantail_batch_finished AND result={name}"
                 for name in ("handed", "spooled", "lost")})
    try:
        dovecot.start()
        suite.run()
    finally:
        dovecot.close()
        bridge.close()
        shutil.rmtree(scratch, ignore_errors=True)
