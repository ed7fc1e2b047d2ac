#!/usr/bin/env python3
"""XAPPLEPUSHSERVICE against a real Dovecot: raw IMAP on a socket on one side, a stand-in for
the bridge on the other; and, at the end, the bridge itself. scratch.py says where modules are
looked for."""

import os
import socket
import tempfile

from dovecot import Dovecot
from fake_registrar import FakeRegistrar
from notify_session import NotifySession
from phone import Phone
from scratch import MODULES, limit
from stack import Stack
from tap import Suite, check, equal, eventually

TOPIC = "com.apple.mail.XServer.1b2f0d41-7b6a-4a52-9d0f-0c4f0e6a9d11"
ACCOUNT = "0715A26B-CA09-4730-A419-793000CA982E"
TOKEN = "2918390218931890821908309283098109381029309829018310983092892829"
SUBTOPIC = "com.apple.mobilemail"
WHO = f"aps-account-id {ACCOUNT} aps-device-token {TOKEN} aps-subtopic {SUBTOPIC}"
MESSAGE = b"From: Zoe <zoe@example.org>\r\nSubject: lunch?\r\n\r\nAt noon, by the bridge.\r\n"

suite = Suite("Apple's registration over IMAP")
scratch = tempfile.TemporaryDirectory(prefix="apple-push-")
os.chmod(scratch.name, 0o755)
bridge = FakeRegistrar(os.path.join(scratch.name, "bridge.sock"))


def server(apple, **arguments):
    settings = {"fantail_socket": bridge.path}
    if apple is not None:
        settings["fantail_apple"] = apple
    return Dovecot(modules=[MODULES / "pushimap"],
                   protocol_plugins={"imap": "imap_acl fantail_imap"},
                   users={"carol": {"mail_plugins": "acl"}}, shared=True, settings=settings,
                   extra="mail_max_userip_connections = 0\n", **arguments)


dovecot = server("yes")
EXPECTED = [r"fantail: XAPPLEPUSHSERVICE: the bridge"]
told = 0


def session(user="alice"):
    if dovecot.process is None:
        dovecot.start()
    return NotifySession(dovecot.imap_port, user)


def test(function):
    def wrapped():
        global told
        bridge.mode, bridge.topic = "ok", TOPIC
        bridge.requests.clear()
        function()
        equal(bridge.complaints, [], "what the bridge disliked")
        if dovecot.process is not None:
            problems = dovecot.problems(*EXPECTED)
            told, problems = len(problems), problems[told:]
            equal(problems, [], "Dovecot's log")
    wrapped.__name__ = function.__name__
    return suite.test(wrapped)


def said(answer):
    return answer.lines + [f"{answer.status} {answer.text}".split(" (0")[0].rstrip(".")]


def register(imap, mailboxes):
    return imap.command(f"XAPPLEPUSHSERVICE aps-version 2 {WHO} mailboxes ({mailboxes})")


def accepted(*mailboxes, version=2, topic=TOPIC):
    return ([f'* XAPPLEPUSHSERVICE "mailbox" {name}' for name in mailboxes]
            + [f'* XAPPLEPUSHSERVICE "aps-version" "{version}" "aps-topic" "{topic}"',
               "OK XAPPLEPUSHSERVICE completed"])


NONE = ["NO [CANNOT] None of these mailboxes is there"]


def capabilities(imap):
    return imap.ok("CAPABILITY").lines[0].split()


# --- who has it --------------------------------------------------------------


@test
def capability_only_where_it_is_turned_on():
    with session() as imap:
        check("XAPPLEPUSHSERVICE" in capabilities(imap), "with")
    with session("carol") as imap:
        check("XAPPLEPUSHSERVICE" not in capabilities(imap), "without the plugin")
        answer = register(imap, "INBOX")
        equal(said(answer), ["BAD Error in IMAP command XAPPLEPUSHSERVICE: Unknown command"], "BAD")
    for value, errors in ((None, 0), ("no", 0), (TOPIC, 1)):
        other = server(value)
        with other.start():
            for _ in range(2):
                with NotifySession(other.imap_port, "alice") as imap:
                    check("XAPPLEPUSHSERVICE" not in capabilities(imap), f"{value}")
                    check("WEBPUSH" in capabilities(imap), "the other registration is there")
                    equal(register(imap, "INBOX").status, "BAD", f"{value}")
            # One a process.
            eventually(lambda: other.log().count("neither yes nor no") == errors * 2,
                       f"lines in the log, {value}")
    equal(bridge.requests, [], "requests")


# --- registration ------------------------------------------------------------


@test
def a_registration():
    with session() as imap:
        imap.ok("CREATE Notes")
        equal(said(register(imap, "INBOX Notes")), accepted("INBOX", "Notes"), "answer")
        equal(bridge.requests[-1].verb, "REGISTER", "verb")
        equal(bridge.requests[-1].pairs, [
            ("user", "alice"), ("dialect", "apple"), ("account", ACCOUNT), ("token", TOKEN),
            ("subtopic", SUBTOPIC), ("mailbox", "INBOX"), ("mailbox", "Notes")], "request")
        imap.select("INBOX")
        equal(said(register(imap, "inbox")), accepted("INBOX"), "selected")
        requests = len(bridge.requests)
        equal(said(register(imap, "")), NONE, "no mailbox")
        equal(len(bridge.requests), requests, "which the bridge would take for all")


@test
def version_1_is_about_inbox():
    with session() as imap:
        equal(said(imap.command(f"XAPPLEPUSHSERVICE aps-version 1 {WHO}")), accepted(version=1),
              "answer")
        equal(bridge.requests[-1].all("mailbox"), ["INBOX"], "mailbox")


@test
def keys_in_any_order_and_values_in_any_form():
    rows = {
        "atoms": f"MAILBOXES (INBOX) {WHO} Aps-Version 2",
        "quoted": f'"aps-version" "2" "aps-account-id" "{ACCOUNT}" "aps-device-token" "{TOKEN}" '
                  f'"aps-subtopic" "{SUBTOPIC}" "mailboxes" ("INBOX")',
        "literals": f"{{11+}}\r\naps-version {{1+}}\r\n2 {{14+}}\r\naps-account-id {{36+}}\r\n"
                    f"{ACCOUNT} aps-device-token {{64+}}\r\n{TOKEN} aps-subtopic {{20+}}\r\n"
                    f"{SUBTOPIC} {{9+}}\r\nmailboxes ({{5+}}\r\nINBOX)",
    }
    with session() as imap:
        for name, line in rows.items():
            equal(said(imap.command("XAPPLEPUSHSERVICE " + line)), accepted("INBOX"), name)
            equal(bridge.requests[-1].one("account"), ACCOUNT, name)
        # A literal that the client holds back until it is asked for.
        imap.tag += 1
        before = imap.continuations
        imap.send(f"t{imap.tag} XAPPLEPUSHSERVICE aps-version 2 {WHO} mailboxes ({{5}}\r\n")
        imap._until(lambda: True if imap.continuations > before else None, "+", None)
        imap.send("INBOX)\r\n")
        equal(said(imap.finish(f"t{imap.tag}")), accepted("INBOX"), "synchronising literal")


@test
def names_as_the_client_and_as_events_spell_them():
    names = ["Entw&APw-rfe", '"a b"', '"a \\"b\\""']
    with session() as imap:
        for name in names:
            imap.ok(f"CREATE {name}")
        answer = said(register(imap, " ".join(names) + " Entw&APw-rfe"))
        equal(answer[:2], [f'* XAPPLEPUSHSERVICE "mailbox" {name}' for name in names[:2]], "answer")
        equal(len(answer), 5, f"lines of {answer}")
        equal(bridge.requests[-1].all("mailbox"), ["Entw\u00fcrfe", "a b", 'a "b"'],
              "each once, in UTF-8")


@test
def pipelined_commands():
    with session() as imap:
        line = f"XAPPLEPUSHSERVICE aps-version 2 {WHO} mailboxes (INBOX)"
        tags = [imap.start(line), imap.start("NOOP"), imap.start(line)]
        for tag in tags:
            equal(imap.finish(tag).status, "OK", tag)


@test
def malformed_arguments():
    rows = {
        "": "BAD",
        "aps-version": "BAD",
        f"aps-version 3 {WHO} mailboxes (INBOX)": "BAD",
        f"aps-version NIL {WHO} mailboxes (INBOX)": "BAD",
        f"aps-version 2 {WHO}": "BAD",
        f"aps-version 2 {WHO} mailboxes INBOX": "BAD",
        f"aps-version 2 {WHO} mailboxes ((INBOX))": "BAD",
        f"aps-version 2 {WHO} mailboxes (INBOX) aps-sound loud": "BAD",
        f"aps-version 2 aps-version 2 {WHO} mailboxes (INBOX)": "BAD",
        f"aps-version 2 {WHO} mailboxes ({{7+}}\r\nINBOX\0x)": "BAD",
        f"aps-version 2 {WHO.replace(TOKEN, 'xyz')} mailboxes (INBOX)": "NO",
        f"aps-version 2 {WHO.replace(ACCOUNT, 'a:b')} mailboxes (INBOX)": "NO",
        f"aps-version 2 {WHO.replace('mobile', '')} mailboxes (INBOX)": "NO",
        f"aps-version 2 {WHO} mailboxes ({'x ' * 1000})": "NO",
        f"aps-version 2 {WHO} mailboxes ({'x' * 60000})": "NO",
        f"aps-version 2 {WHO.replace(ACCOUNT, 'x' * 60000)} mailboxes ()": "NO",
    }
    with session() as imap:
        for line, status in rows.items():
            answer = imap.command(f"XAPPLEPUSHSERVICE {line}")
            equal((answer.status, answer.lines), (status, []), f"{line[:200]!r}: {answer.text}")
        imap.ok("NOOP")
        # Announced and never let in: Dovecot leaves such clients, whatever the command.
        imap.send(f"x XAPPLEPUSHSERVICE aps-version {{4294967296}}\r\n")
        imap.expect(r"^\* BYE Literal size too large")
    equal(bridge.requests, [], "requests")


@test
def as_many_mailboxes_as_one_may():
    most = min(limit("LIMIT_FILTER_MAILBOXES"), limit("LIMIT_LINE_FIELDS") - 16)
    with session() as imap:
        for number in range(most):
            imap.ok(f"CREATE many/m{number}")
        names = " ".join(f"many/m{number}" for number in range(most))
        equal(len(register(imap, names).lines), most + 1, "lines")
        equal(len(bridge.requests[-1].all("mailbox")), most, "said to the bridge")
        answer = register(imap, names + " nothing")
        equal((answer.status, answer.text[:7]), ("NO", "[LIMIT]"), "one more, though it is none")


@test
def before_login_there_is_no_such_command():
    session().close()
    with socket.create_connection(("127.0.0.1", dovecot.imap_port), 30) as raw:
        lines = raw.makefile("rb")
        check(b"XAPPLEPUSHSERVICE" not in lines.readline(), "greeting")
        raw.sendall(f"a XAPPLEPUSHSERVICE aps-version 1 {WHO}\r\n".encode())
        equal(lines.readline()[:5], b"a BAD", "answer")
    equal(bridge.requests, [], "requests")


# --- the bridge --------------------------------------------------------------


@test
def a_topic_that_is_none():
    with session() as imap:
        for topic in (None, "", 'x"\r\n* BYE', "x" * (limit("LIMIT_APPLE_TOPIC") + 1)):
            bridge.topic = topic
            answer = register(imap, "INBOX")
            equal((answer.status, answer.text[:13], answer.lines), ("NO", "[UNAVAILABLE]", []),
                  f"topic {topic!r}")
        bridge.topic = "x" * limit("LIMIT_APPLE_TOPIC")
        equal(said(register(imap, "INBOX")), accepted("INBOX", topic=bridge.topic), "the longest")


@test
def refusals():
    with session() as imap:
        for mode, code, answer in (("no", "unavailable", "[UNAVAILABLE] no certificate"),
                                   ("no", "limit", "[LIMIT] no certificate"),
                                   ("close", "", "[UNAVAILABLE] Push notifications are not ")):
            bridge.mode, bridge.code, bridge.text = mode, code, "no certificate"
            got = register(imap, "INBOX")
            equal((got.status, got.lines), ("NO", []), code)
            check(got.text.startswith(answer), got.text)
        bridge.mode = "ok"
        equal(said(register(imap, "INBOX")), accepted("INBOX"), "afterwards")


# --- rights ------------------------------------------------------------------


def share(owner, guest, rights):
    """Mailboxes of `owner`, each with these rights of `guest`."""
    with session(owner) as imap:
        for name, letters in rights.items():
            imap.ok(f"CREATE {name}")
            imap.ok(f'SETACL {name} {guest} "{letters}"')


@test
def missing_and_forbidden_are_the_same():
    """And others' mailboxes, which only their owners are told of."""
    share("olga", "gus", {"Team": "lr", "Seen": "l", "Read": "r", "Post": "ip", "Closed": ""})
    names = ["shared/olga/Seen", "shared/olga/Read", "shared/olga/Post", "shared/olga/Closed",
             "shared/olga/None", "shared/olga", "shared/nobody/Team", "shared", "Public/None",
             "Nothing", "&bad", '"*"', '"Not*"', '""', '"../../olga"', "shared/olga/Team/x",
             "shared/olga/Team"]
    with session("gus") as imap:
        imap.ok("CREATE Team")
        equal(said(register(imap, "Team")), accepted("Team"), "one's own")
        for name in names:
            equal(said(register(imap, name)), NONE, name)
        equal(len(bridge.requests), 1, "requests")
        equal(said(register(imap, " ".join(names + ["INBOX", "Team"]))),
              accepted("INBOX", "Team"), "all of them, and two others")
        equal(bridge.requests[-1].all("mailbox"), ["INBOX", "Team"], "bridge")


@test
def what_was_taken_away_is_gone():
    def rights(*letters):
        dovecot.doveadm("acl", "set", "-u", "ines", "Team", "user=ines", *letters)

    with session("ines") as ines:
        ines.ok("CREATE Team")
        equal(said(register(ines, "Team")), accepted("Team"), "before")
        rights("lookup", "insert")
        equal(said(register(ines, "Team")), NONE, "after")
        rights("lookup", "read", "delete")
        equal(said(register(ines, "Team")), accepted("Team"), "again")
        dovecot.doveadm("mailbox", "delete", "-u", "ines", "Team")
        equal(said(register(ines, "Team")), NONE, "deleted")


@test
def what_cannot_be_selected_is_not_accepted():
    with session() as imap:
        imap.ok("CREATE parent/child")
        equal(said(register(imap, "parent parent/child")), accepted("parent/child"), "no mail in it")


# --- whose events ------------------------------------------------------------


@suite.test
def a_registration_for_anothers_mailbox_hears_nothing_of_it():
    """Routing is the same for whatever made the registration; this one can be seen to arrive."""
    phone = Phone()
    arguments = {"shared": True, "protocol_plugins": {"imap": "imap_acl fantail_imap"}}
    with Stack("apple", [phone], dovecot=arguments, queue={"state_delay": "0ms"}) as stack:
        def pushes():
            return [row["plaintext"] for row in stack.service.requests(phone.path())
                    if "ACKWEBPUSH" not in (row.get("plaintext") or "")]

        owner, guest = stack.dovecot.imap("olga"), stack.dovecot.imap("gus")
        equal(owner.create("Team")[0], "OK", "CREATE")
        equal(owner.setacl("Team", "gus", "lrwstipekxa")[0], "OK", "SETACL")
        phone.register(guest, stack.service, '(MAILBOXES ("shared/olga/Team" "Team" "INBOX") '
                                             'EVENTS (MessageAppend MessageNew FlagsSet))')
        equal(owner.append("Team", None, None, MESSAGE)[0], "OK", "by its owner")
        equal(stack.dovecot.lda("olga", MESSAGE, "-m", "Team"), 0, "delivered")
        equal(guest.append("shared/olga/Team", None, None, MESSAGE)[0], "OK", "by the guest")
        # Events of one user are routed in the order in which they came.
        equal(stack.dovecot.deliver("gus", MESSAGE), {}, "refused")
        rows = eventually(pushes, "the guest's own mail")
        equal(len(rows), 1, f"pushes: {rows}")
        check("INBOX" in rows[0] and "Team" not in rows[0], rows[0])


# --- what a registration causes -------------------------------------------------

OTHER_TOKEN = "f" * 64


class Site(Stack):
    """With a topic, and changes of state that wait as long as `delay` says."""

    def __init__(self, name, delay, **sections):
        arguments = {"shared": True, "protocol_plugins": {"imap": "imap_acl fantail_imap"},
                     "settings": {"fantail_apple": "yes"}}
        super().__init__(name, [], dovecot=arguments, apple={"topic": TOPIC, "delay": delay},
                         **sections)

    def session(self, user="alice"):
        return NotifySession(self.dovecot.imap_port, user)

    def held(self, user="alice"):
        """Newest first."""
        return self.bridge.ctl_json("notifications", user)

    def lda(self, mailbox="INBOX", user="alice"):
        equal(self.dovecot.lda(user, MESSAGE, "-m", mailbox), 0, f"delivered to {mailbox}")

    def wait(self, count, what, user="alice"):
        rows = eventually(lambda: self.held(user)[:1] if len(self.held(user)) >= count else None,
                          what)
        equal(len(self.held(user)), count, what)
        return rows[0]

    def nothing_waits(self):
        return not self.bridge.ctl_json("queue")


@suite.test
def new_mail_in_each_registered_mailbox_is_told_at_once():
    with Site("apple-new", "1h", queue={"state_ttl": "2h"}) as site:
        with site.session() as imap:
            for name in ("Notes", "Work"):
                imap.ok(f"CREATE {name}")
            equal(said(register(imap, "INBOX Notes")), accepted("INBOX", "Notes"), "answer")
        eventually(site.nothing_waits, "nothing is left of these")
        site.lda("Work")
        site.lda("Notes")
        row = site.wait(1, "one push, and it is not Work's")
        equal((row["mailbox"], row["events"], row["messages"]), ("Notes", ["MessageNew"], 1), "why")
        equal(row["payload"], '{"aps":{"account-id":"%s"}}' % ACCOUNT, "payload")
        equal(row["headers"]["apns-topic"], TOPIC, "topic")
        equal(row["headers"]["apns-push-type"], "background", "push type")
        check(abs(int(row["headers"]["apns-expiration"]) - row["time"] - 86400) <= 2, "expiration")
        equal(row["url"], "https://api.push.apple.com:443/3/device/" + TOKEN[:8] + "\u2026", "url")
        full = site.bridge.ctl_json("notifications", "--full", "alice")[0]["url"]
        equal(full, "https://api.push.apple.com:443/3/device/" + TOKEN, "in full")
        site.lda()
        equal(site.wait(2, "one more")["mailbox"], "INBOX", "INBOX")
        text = site.bridge.ctl("notifications", "alice").stdout
        check("account-id" in text and "Notes" in text, text)
        # Kept nowhere else, and told nobody as done.
        eventually(site.nothing_waits, "the queue")
        device = site.bridge.ctl_json("devices", "alice")[0]
        equal((device["kind"], device["state"], device["last_ok"]), ("apple", "active", None), "row")
        check(device["last_outcome"].startswith("held back: there is no sender"), f"{device}")
        equal(device["mailboxes"], ["INBOX", "Notes"], "mailboxes")
        equal(device["expires"] - device["seen"], 30 * 86400, "a month")
        equal(site.bridge.scrape()['fantail_dropped_total{reason="held-back"}'], 2, "counted")
        equal(site.bridge.ctl("test", "alice", check=False).returncode != 0, True, "no sender")
        site.bridge.ctl("devices", "revoke", "alice", device["device"])
        equal(site.held(), [], "of who is forgotten")


@suite.test
def other_events_wait_and_new_mail_takes_them_along():
    with Site("apple-state", "1h", queue={"state_ttl": "2h"}) as site:
        with site.session() as imap:
            imap.ok("CREATE Notes")
            site.lda()
            site.lda("Notes")
            register(imap, "INBOX Notes")
            for name in ("INBOX", "Notes"):
                imap.select(name)
                imap.ok("STORE 1 +FLAGS (\\Flagged)")

            def waits(messages):
                rows = site.bridge.ctl_json("queue")
                return rows if sum(row["messages"] for row in rows) == messages else None

            waiting = eventually(lambda: waits(2), "both changes")
            equal(len(waiting), 1, f"one for both mailboxes: {waiting}")
            check(waiting[0]["due"] > waiting[0]["first"] + 3000, "after the delay")
            equal(site.held(), [], "so far")
            site.lda()
            row = site.wait(1, "one push")
            equal(row["events"], ["FlagsSet", "MessageNew"], "of all of them")
            eventually(site.nothing_waits, "the other one is cancelled")
            # And what comes afterwards waits anew.
            imap.ok("STORE 1 +FLAGS (\\Answered)")
            eventually(lambda: waits(1), "one waits")
            equal(len(site.held()), 1, "no push")


@suite.test
def after_the_delay_other_events_are_told():
    with Site("apple-delay", "2s") as site:
        with site.session() as imap:
            imap.ok("CREATE Notes")
            site.lda("Notes")
            register(imap, "Notes")
            imap.select("Notes")
            imap.ok("STORE 1 +FLAGS (\\Seen)")
            row = site.wait(1, "told")
            equal((row["mailbox"], row["events"]), ("Notes", ["MessageRead"]), "why")
            check(row["time"] >= row["first"] + 1, "after a while")


@suite.test
def devices_that_share_an_account_id():
    with Site("apple-two", "1h", queue={"state_ttl": "2h"}) as site:
        with site.session() as imap:
            register(imap, "INBOX")
            other = WHO.replace(TOKEN, OTHER_TOKEN)
            imap.ok(f"XAPPLEPUSHSERVICE aps-version 2 {other} mailboxes (INBOX)")
            imap.ok("CREATE Notes")
            # Anew, with another list: the former one does not count any more.
            imap.ok(f"XAPPLEPUSHSERVICE aps-version 2 {other} mailboxes (Notes)")
        site.lda()
        site.lda("Notes")
        site.wait(2, "one each")
        equal({(row["url"][-9:-1], row["mailbox"]) for row in site.held()},
              {(TOKEN[:8], "INBOX"), (OTHER_TOKEN[:8], "Notes")}, "which")


@suite.test
def what_the_user_may_not_read_is_not_told():
    """Rights are those at the time of the event."""
    with Site("apple-acl", "0s") as site:
        def rights(mailbox, who, letters):
            site.dovecot.doveadm("acl", "set", "-u", "alice", mailbox, who, *letters)

        with site.session() as imap:
            for name in ("Notes", "Last"):
                imap.ok(f"CREATE {name}")
            equal(said(register(imap, "Notes Last")), accepted("Notes", "Last"), "both are there")
        rights("Notes", "user=alice", ["lookup", "insert", "post"])
        site.lda("Notes")
        site.lda("Last")
        # Events of one user are routed in the order in which they came.
        row = site.wait(1, "the other one only")
        equal(row["mailbox"], "Last", "which")
        with site.session() as imap:
            equal(said(register(imap, "Notes")), NONE, "nor is it accepted any more")
            equal(said(register(imap, "Notes Last")), accepted("Last"), "nor is it accepted any more")
            rights("Notes", "user=alice", ["lookup", "read", "insert", "post"])
            register(imap, "Notes Last")
        site.lda("Notes")
        equal(site.wait(2, "readable again")["mailbox"], "Notes", "which")


@suite.test
def what_others_share_is_not_told():
    """Neither before its owner takes the rights away nor after it."""
    with Site("apple-shared", "0s") as site:
        site.lda("INBOX", "gus")  # 2.4 tells of the INBOX that the first mail makes
        with site.session("olga") as olga, site.session("gus") as gus:
            olga.ok("CREATE Team")
            olga.ok('SETACL Team gus "lrwstipekxa"')
            equal(said(register(gus, "shared/olga/Team INBOX")), accepted("INBOX"), "accepted")
            site.lda("Team", "olga")
            gus.append("shared/olga/Team", MESSAGE)
            olga.ok("DELETEACL Team gus")
            site.lda("Team", "olga")
        site.lda("INBOX", "gus")
        row = site.wait(1, "one's own", "gus")
        equal(row["mailbox"], "INBOX", "which")


def finish():
    dovecot.close()
    bridge.close()
    scratch.cleanup()


suite.on_failure = lambda: dovecot.log()[-1500:]

if __name__ == "__main__":
    try:
        suite.run()
    finally:
        finish()
