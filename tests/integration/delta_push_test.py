#!/usr/bin/env python3
"""XDELTAPUSH against a real Dovecot: raw IMAP on a socket on one side, a stand-in for the
bridge on the other; and, at the end, the bridge itself and a stand-in for chatmail's
notification service. scratch.py says where modules are looked for."""

import os
import sqlite3
import tempfile
import time

from dovecot import Dovecot
from fake_registrar import FakeRegistrar
from notify_session import NotifySession
from scratch import MODULES, limit
from stack import Stack
from tap import Suite, check, equal, eventually
from webhook_receiver import WebhookReceiver

ENTRY = "/private/devicetoken"
MOST = limit("LIMIT_DELTA_TOKEN")
DEADLINE = limit("LIMIT_REGISTRAR_MSECS") / 1000

suite = Suite("Delta Chat's registration over METADATA")
scratch = tempfile.TemporaryDirectory(prefix="delta-push-")
os.chmod(scratch.name, 0o755)
bridge = FakeRegistrar(os.path.join(scratch.name, "bridge.sock"))
EXPECTED = [r"fantail: [GS]ETMETADATA devicetoken: (the bridge|/)", "neither yes nor no"]


class Server:
    """Started when the first test needs it."""

    def __init__(self, deltapush, **arguments):
        settings = {"fantail_socket": bridge.path}
        if deltapush is not None:
            settings["fantail_deltapush"] = deltapush
        self.dovecot = Dovecot(
            modules=[MODULES / "pushimap"], protocol_plugins={"imap": "imap_acl fantail_imap"},
            users={"carol": {"mail_plugins": "acl"}}, shared=True, settings=settings, **arguments)
        self.told = 0

    def session(self, user="alice"):
        if self.dovecot.process is None:
            self.dovecot.start()
        return NotifySession(self.dovecot.imap_port, user)

    def problems(self):
        if self.dovecot.process is None:
            return []
        problems = self.dovecot.problems(*EXPECTED)
        told, self.told = self.told, len(problems)
        return problems[told:]


on = Server("yes", metadata=True)
bare = Server("yes")  # neither METADATA nor a place for it
off = Server(None, metadata=True)
wrong = Server("often", metadata=True)
one = Server("yes", one_imap=True)
servers = [on, bare, off, wrong, one]


def test(function):
    def wrapped():
        bridge.mode = "ok"
        bridge.requests.clear()
        bridge.tokens.clear()
        function()
        equal(bridge.complaints, [], "what the bridge disliked")
        for server in servers:
            equal(server.problems(), [], "Dovecot's log")
    wrapped.__name__ = function.__name__
    return suite.test(wrapped)


def capabilities(imap):
    return imap.ok("CAPABILITY").lines[0].split()


def put(imap, token, mailbox="INBOX"):
    value = "NIL" if token is None else f"{{{len(token.encode())}+}}\r\n{token}"
    answer = imap.command(f"SETMETADATA {mailbox} ({ENTRY} {value})")
    return f"{answer.status} {answer.text}".split(" (0.")[0].rstrip(".")


def get(imap, mailbox="INBOX"):
    """The value, or None if there is none."""
    answer = imap.ok(f"GETMETADATA {mailbox} {ENTRY}")
    equal(len(answer.lines), 1, f"lines of {answer}")
    start = f"* METADATA {mailbox} ({ENTRY} "
    check(answer.lines[0].startswith(start) and answer.lines[0].endswith(")"), answer.lines[0])
    value = answer.lines[0][len(start):-1]
    return None if value == "NIL" else value.partition("}\r\n")[2]


@test
def who_has_it():
    for server, user, has in ((on, "alice", True), (bare, "alice", True), (on, "carol", False),
                              (off, "alice", False), (wrong, "alice", False)):
        with server.session(user) as imap:
            equal("XDELTAPUSH" in capabilities(imap), has, f"{user} of {servers.index(server)}")
    equal(len([line for line in wrong.dovecot.log().splitlines()
               if "fantail_deltapush = often is neither yes nor no" in line]), 1, "said")
    with off.session() as imap:
        equal(put(imap, "a:b"), "OK Setmetadata completed", "an entry like any other")
        equal(get(imap), "a:b", "kept by Dovecot")
    equal(bridge.requests, [], "requests")


@test
def each_token_is_one_more():
    for server in (on, bare):
        bridge.tokens.clear()
        with server.session() as imap:
            equal(get(imap), None, "none yet")
            equal(put(imap, "fcm-chat.delta:one"), "OK Setmetadata completed", "set")
            request = bridge.requests[-1]
            equal((request.verb, request.pairs), ("REGISTER", [
                ("user", "alice"), ("dialect", "deltapush"), ("token", "fcm-chat.delta:one")]),
                "request")
            equal(put(imap, "openpgp:two=="), "OK Setmetadata completed", "set")
            equal(put(imap, "fcm-chat.delta:one"), "OK Setmetadata completed", "again")
            equal(get(imap), "fcm-chat.delta:one openpgp:two==", "all, each once")
            equal(imap.ok('SETMETADATA INBOX (/PRIVATE/DeviceToken "three")').lines, [], "quoted")
            imap.select("INBOX")
            equal(get(imap), "fcm-chat.delta:one openpgp:two== three", "selected")
        with server.session("bob") as imap:
            equal(get(imap), None, "another user's")


@test
def what_is_no_token():
    rows = (("", "NO [CANNOT]"), ("a b", "NO [CANNOT]"), ("a\r\nb", "NO [CANNOT]"),
            ("a\tb", "NO [CANNOT]"), ("a\0b", "NO [CANNOT]"), ("t\u00f6ken", "NO [CANNOT]"),
            ("x" * (MOST + 1), "NO [LIMIT]"), ("x" * 200000, "NO [LIMIT]"), (None, "NO [CANNOT]"))
    with bare.session() as imap:
        for token, answer in rows:
            equal(put(imap, token)[:len(answer)], answer, repr(token)[:40])
        quoted = "x" * (MOST + 1)
        equal(imap.command(f'SETMETADATA INBOX ({ENTRY} "{quoted}")').text[:7], "[LIMIT]", "quoted")
        equal(bridge.requests, [], "requests")
        equal(put(imap, "x" * MOST), "OK Setmetadata completed", "the longest")
        equal(get(imap), "x" * MOST, "which comes back")


@test
def of_inbox_only():
    with on.session("dora") as imap:
        imap.ok("CREATE Work")
        imap.ok('SETACL INBOX alice "lrwstipekxa"')
        equal(put(imap, "a", "Work")[:11], "NO [CANNOT]", "another mailbox")
        equal(get(imap, "Work"), None, "another mailbox")
        equal(put(imap, "a", '""')[:2], "OK", "the server's entry of that name is another one")
    with on.session() as imap:
        equal(put(imap, "a", "shared/dora")[:2], "NO", "somebody else's")
    equal(bridge.requests, [], "requests")


def about_tokens():
    return len([request for request in bridge.requests if request.verb in ("LIST", "REGISTER")])


@test
def beside_other_entries():
    with on.session() as imap:
        equal(imap.ok(f'SETMETADATA INBOX (/private/comment "c" {ENTRY} "a")').lines, [], "both")
        lines = imap.ok(f"GETMETADATA INBOX (/private/comment {ENTRY})").lines
        check("/private/comment" in lines[0] and ENTRY in lines[0], f"{lines}")
        before = about_tokens()
        lines = imap.ok("GETMETADATA (DEPTH infinity) INBOX (/private)").lines
        check("/private/comment" in lines[0] and "device" not in lines[0], f"listed: {lines}")
        bridge.mode = "stall"
        imap.ok("CREATE Old")
        imap.ok("DELETE Old")
        equal(about_tokens(), before, "requests of a listing and a deletion")


@test
def a_bridge_that_is_not_there():
    with bare.session() as imap:
        for mode, answer in (("no", "NO"), ("close", "NO"), ("garbage", "NO")):
            bridge.mode, bridge.code = mode, "unavailable"
            equal(put(imap, "a")[:2], answer, f"SETMETADATA, {mode}")
            equal(imap.command(f"GETMETADATA INBOX {ENTRY}").status, "NO", f"GETMETADATA, {mode}")
        bridge.mode = "stall"
        start = time.monotonic()
        equal(put(imap, "a")[:2], "NO", "SETMETADATA, stalled")
        check(time.monotonic() - start < 2 * DEADLINE, "not longer than it has to")
        bridge.mode = "ok"
        imap.ok("NOOP")
        # It is not asked again for a while.
        end = time.monotonic() + 60
        while put(imap, "a")[:2] != "OK":
            check(time.monotonic() < end, "in the end it is")
            time.sleep(0.2)


@test
def users_with_and_without_it_in_one_process():
    with one.session("alice") as alice, one.session("carol") as carol:
        equal(put(alice, "a"), "OK Setmetadata completed", "alice")
        equal(put(carol, "a")[:2], "NO", "carol")
        equal(get(alice), "a", "alice")
    equal([request.one("user") for request in bridge.requests], ["alice"] * 2, "requests")


# --- what a registration causes -------------------------------------------------

ALICE = "alice@chat.example.org"


def mail(sender="bob@example.net"):
    return f"From: Zoe <{sender}>\r\nSubject: lunch?\r\n\r\nAt noon.\r\n".encode()


class Site(Stack):
    """With a stand-in for the notification service: `answer(token)` is the status."""

    def __init__(self, name, answer=lambda token: 200, on=True, **sections):
        self.notifier = WebhookReceiver(lambda request: answer(request["body"].decode()))
        if on:
            sections["deltapush"] = {"url": self.notifier.url + "/notify"}
        super().__init__(name, [], http={"allowed_endpoints": self.notifier.url},
                         dovecot={"metadata": True, "settings": {"fantail_deltapush": "yes"}},
                         **sections)

    def close(self):
        super().close()
        self.notifier.close()

    def session(self, user=ALICE):
        return NotifySession(self.dovecot.imap_port, user)

    def deliver(self, user=ALICE, message=mail()):
        equal(self.dovecot.deliver(user, message), {}, "refused")

    def told(self, count, what):
        """The tokens, in the order in which they came."""
        def enough():
            requests = self.notifier.snapshot()
            return requests if len(requests) >= count else None
        requests = eventually(enough, what)
        equal(len(requests), count, what)
        return [request["body"].decode() for request in requests]

    def row(self):
        return self.bridge.ctl_json("devices", ALICE)[0]


@suite.test
def new_mail_is_told_with_the_token_alone():
    with Site("delta-new") as site:
        with site.session() as imap:
            put(imap, "openpgp:one==")
            imap.ok("CREATE Work")
            site.deliver()
            equal(site.told(1, "new mail"), ["openpgp:one=="], "token")
            request = site.notifier.snapshot()[0]
            equal(request["path"], "/notify", "path")
            equal(sorted(set(request["headers"]) - {"accept-encoding", "connection"}),
                  ["content-length", "host", "user-agent"], "headers")
            # Nobody's: other events, mail of one's own, users without a token.
            imap.append("INBOX", mail())
            imap.select("INBOX")
            imap.ok("STORE 1 +FLAGS (\\Seen)")
            site.deliver(message=mail(ALICE))
            site.deliver("bob@chat.example.org")
            put(imap, "openpgp:two")
        equal(site.dovecot.lda(ALICE, mail(), "-m", "Work"), 0, "another mailbox")
        equal(sorted(site.told(3, "mail in another mailbox")[1:]), ["openpgp:one==", "openpgp:two"],
              "each token, and nothing for what is nobody's")
        eventually(lambda: not site.bridge.ctl_json("queue"), "the queue is empty")
        row = site.row()
        equal((row["kind"], row["state"], row["last_outcome"]), ("deltapush", "active", "200 OK"),
              "row")
        check(row["last_ok"] is not None, f"{row}")
        equal(row["events"], ["MessageNew"], "events")
        equal(row["expires"] - row["seen"], 90 * 86400, "a quarter of a year")
        text = site.bridge.ctl("test", ALICE).stdout
        check(text.count("accepted: delta:") == 2, text)


@suite.test
def a_token_that_is_invalid_is_removed():
    gone = {"openpgp:two"}
    with Site("delta-gone", lambda token: 410 if token in gone else 200) as site:
        with site.session() as imap:
            put(imap, "openpgp:one")
            put(imap, "openpgp:two")
            site.deliver()
            site.told(2, "both")
            eventually(lambda: get(imap) == "openpgp:one", "one is left")
            states = {row["state"]: row["last_outcome"]
                      for row in site.bridge.ctl_json("devices", ALICE)}
            check(states["dead"].startswith("410 Gone"), f"{states}")
            site.deliver()
            equal(site.told(3, "the other one")[2], "openpgp:one", "token")
            # The client knows better.
            gone.clear()
            put(imap, "openpgp:two")
            equal(get(imap), "openpgp:one openpgp:two", "set again")
            site.deliver()
            equal(sorted(site.told(5, "both again")[3:]), ["openpgp:one", "openpgp:two"], "tokens")


@suite.test
def what_fails_is_tried_again():
    answers = [500, 400, 200]
    with Site("delta-again", lambda token: answers.pop(0) if answers else 200) as site:
        with site.session() as imap:
            put(imap, "openpgp:one")
        site.deliver()
        equal(site.told(3, "until it is taken"), ["openpgp:one"] * 3, "tokens")
        eventually(lambda: not site.bridge.ctl_json("queue"), "nothing waits")
        equal(site.row()["last_outcome"], "200 OK", "last answer")


@suite.test
def without_a_service_tokens_are_kept():
    with Site("delta-off", on=False) as site:
        with site.session() as imap:
            put(imap, "openpgp:one")
            site.deliver()
            equal(get(imap), "openpgp:one", "kept")
        equal(site.bridge.ctl_json("queue"), [], "nothing waits")
        # Turned on, what comes from now on is told.
        site.bridge.sections["deltapush"] = {"url": site.notifier.url + "/notify"}
        site.bridge.write_config()
        site.bridge.ctl("reload")
        site.deliver()
        equal(site.told(1, "after that"), ["openpgp:one"], "token")


@suite.test
def tokens_expire():
    with Site("delta-expiry") as site:
        with site.session() as imap:
            put(imap, "openpgp:old")
            put(imap, "openpgp:new")
        site.bridge.stop()
        with sqlite3.connect(site.bridge.state / "bridge.db") as db:
            for token, days in (("openpgp:old", 91), ("openpgp:new", 89)):
                db.execute("UPDATE device SET seen = seen - ? WHERE endpoint = ?",
                           (days * 86400, token))
        db.close()
        site.bridge.start()
        with site.session() as imap:
            eventually(lambda: get(imap) == "openpgp:new", "the older one is forgotten", 150)
            put(imap, "openpgp:new")
        row = site.row()
        check(row["expires"] > time.time() + 89 * 86400, f"set again: {row}")


def finish():
    for server in servers:
        server.dovecot.close()
    bridge.close()
    scratch.cleanup()


suite.on_failure = lambda: "\n".join(
    server.dovecot.log()[-1000:] for server in servers if server.dovecot.process is not None)

if __name__ == "__main__":
    try:
        suite.run()
    finally:
        finish()
