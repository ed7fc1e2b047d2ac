#!/usr/bin/env python3
"""Registration over IMAP against a real Dovecot: raw IMAP on a socket on one side, a
stand-in for the bridge on the other. scratch.py says where the module is looked for."""

import json
import os
import re
import signal
import socket
import tempfile
import time
import zlib

import dovecot
from dovecot import Dovecot
from fake_registrar import FakeRegistrar, VAPID
from raw_imap import RawImap
from scratch import MODULES, limit
from tap import Suite, Skip, check, equal, eventually


# RFC 8291 section 5
P256DH = ("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAi"
          "w4")
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
URL = "https://push.example/abc"
KEYS = f"{P256DH} {AUTH}"

COI = "/private/vendor/vendor.dovecot/webpush"
COI_ID = "31754ee7-d3ee-4226-b112-6895ed26fcf8"

EVENTS = ("FlagsClear FlagsSet MailboxCreate MailboxDelete MailboxRename MailboxSubscribe "
          "MailboxUnsubscribe MessageAppend MessageExpunge MessageNew MessageRead MessageTrash "
          "DataChange")

DEADLINE = limit("LIMIT_REGISTRAR_MSECS") / 1000
# Each name is a field of one line, beside sixteen others.
MAX_MAILBOXES = min(limit("LIMIT_FILTER_MAILBOXES"), limit("LIMIT_LINE_FIELDS") - 16)

DOVECOT_24 = dovecot.version() >= (2, 4)

suite = Suite("registration over IMAP")
scratch = tempfile.TemporaryDirectory(prefix="pushimap-")
os.chmod(scratch.name, 0o755)
bridge = FakeRegistrar(os.path.join(scratch.name, "bridge.sock"))


class Imap(RawImap):
    """One session, which may come to be compressed."""

    def __init__(self, dovecot, user="alice"):
        self.inflate = None
        super().__init__(dovecot.imap_port, 30)
        self.login = self.command(f"LOGIN {user} secret")[-1]

    def receive(self):
        data = super().receive()
        return data if self.inflate is None else self.inflate.decompress(data)

    def compressed(self):
        """What comes from now on is; some of it may be here."""
        self.inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self.buffer = self.inflate.decompress(self.buffer)


class Server:
    """A Dovecot that is started when the first test needs it."""

    def __init__(self, dialect=None, expected=(), **arguments):
        self.expected = expected
        self.dovecot = None
        self.told = 0  # problems that an earlier test was blamed for
        self.arguments = dict(
            modules=[MODULES / "pushimap"], protocol_plugins={"imap": "fantail_imap"},
            settings={"fantail_socket": bridge.path}, **arguments)
        if dialect is not None:
            self.arguments["settings"]["fantail_webpush_dialect"] = dialect

    def imap(self, user="alice"):
        if self.dovecot is None:
            self.dovecot = Dovecot(**self.arguments).start()
        return Imap(self.dovecot, user)

    def problems(self):
        """What the log has to complain of since the last time."""
        if self.dovecot is None:
            return []
        problems = self.dovecot.problems(*self.expected)
        told, self.told = self.told, len(problems)
        return problems[told:]


# What the operator is told, and only that.
REFUSED = r"fantail: [A-Z]+( [a-z]+)?( NIL)?: (the bridge|/)"
gougeon = Server(expected=[REFUSED], users={"carol": {"mail_plugins": "notify"}})
coi = Server("coi", expected=[REFUSED], users={"carol": {"mail_plugins": "notify"}})
# One process for all sessions: users with and without the plugin meet in it.
shared = Server(expected=["Killed with signal 15"], users={"carol": {"mail_plugins": "notify"}},
                one_imap=True)
metadata = Server("coi", extra=("""
mail_attribute {
  dict file {
    path = %{home}/dovecot-attributes
  }
}
""" if DOVECOT_24 else """
mail_attribute_dict = file:%h/dovecot-attributes
""") + """
protocol imap {
  imap_metadata = yes
}
""")
wrong = Server("apple", expected=[r"fantail_webpush_dialect = apple is neither gougeon nor coi"])
compress = Server()
if not DOVECOT_24:  # which needs no plugin for it
    compress.arguments["protocol_plugins"] = {"imap": "imap_zlib fantail_imap"}
    compress.arguments["mail_plugins"] = "zlib"
servers = [gougeon, coi, shared, metadata, wrong, compress]


def test(function):
    def wrapped():
        bridge.forget()
        function()
        equal(bridge.complaints, [], "what the bridge disliked")
        for server in servers:
            equal(server.problems(), [], "Dovecot's log")
    wrapped.__name__ = function.__name__
    return suite.test(wrapped)


def subscribe(imap, device="phone", more=""):
    return imap.command(f'WEBPUSH {device} "{URL}" {KEYS}{more}')


WEBPUSH_OK = ["* WEBPUSH phone INACTIVE", f'* VAPID "{VAPID}"', "OK WEBPUSH completed."]


# --- who has it --------------------------------------------------------------


@test
def capability_after_login_only():
    with gougeon.imap() as imap:
        check("WEBPUSH" not in imap.greeting, imap.greeting)
        check(re.search(r"\bWEBPUSH\b", imap.login), imap.login)
        check(" WEBPUSH" in imap.command("CAPABILITY")[0], "CAPABILITY")


@test
def no_capability_and_no_commands_without_the_plugin():
    with gougeon.imap("carol") as imap:
        check("WEBPUSH" not in imap.login, imap.login)
        for line in ("GETVAPID", "LWEBPUSH", "ACKWEBPUSH a b", "WEBPUSH a NIL"):
            name = line.split()[0]
            equal(imap.command(line), [f"BAD Error in IMAP command {name}: Unknown command."],
                  line)
        equal(imap.command("XYZ a NIL"), ["BAD Error in IMAP command XYZ: Unknown command."],
              "a command that nobody has")
    equal(bridge.requests, [], "requests")


@test
def users_with_and_without_the_plugin_in_one_process():
    with shared.imap("carol") as carol, shared.imap("alice") as alice:
        check("WEBPUSH" not in carol.login and " WEBPUSH" in alice.login, "capabilities")
        equal(alice.command("GETVAPID")[-1], "OK GETVAPID completed.", "alice")
        with shared.imap("carol") as again:
            equal(again.command("GETVAPID"),
                  ["BAD Error in IMAP command GETVAPID: Unknown command."], "carol, later")
        equal(alice.command("GETVAPID")[-1], "OK GETVAPID completed.", "alice again")


@test
def wrong_dialect_is_said_once_and_turns_it_off():
    for _ in range(2):
        with wrong.imap() as imap:
            check("WEBPUSH" not in imap.login, imap.login)
            check(imap.command("GETVAPID")[-1].startswith("BAD"), "GETVAPID")
            equal(imap.command("NOOP"), ["OK NOOP completed."], "mail goes on")
    lines = [line for line in wrong.dovecot.log().splitlines() if "fantail" in line]
    equal(len(lines), 2, "error lines, one a process")
    check("set one of them or remove the setting" in lines[0], lines[0])


# --- the draft's commands ----------------------------------------------------


@test
def getvapid():
    with gougeon.imap() as imap:
        equal(imap.command("GETVAPID"), [f'* VAPID "{VAPID}"', "OK GETVAPID completed."],
              "transcript")
        equal(imap.command("GETVAPID now"),
              ["BAD Error in IMAP command GETVAPID: Too many arguments."], "arguments")
        equal(imap.command("SELECT INBOX")[-1][:2], "OK", "SELECT")
        equal(imap.command("getvapid")[-1], "OK GETVAPID completed.", "selected, lower case")


@test
def a_subscription_from_birth_to_death():
    with gougeon.imap() as imap:
        equal(subscribe(imap), WEBPUSH_OK, "WEBPUSH")
        request = bridge.requests[-1]
        equal(request.pairs, [
            ("user", "alice"), ("device", "phone"), ("gateway", "webpush"),
            ("dialect", "gougeon"), ("endpoint", URL), ("p256dh", P256DH), ("auth", AUTH)],
            "SUBSCRIBE")
        equal(imap.command("LWEBPUSH"),
              [f'* LWEBPUSH phone INACTIVE "{URL}" ()', "OK LWEBPUSH completed."], "listed")
        equal(imap.command("ACKWEBPUSH phone wrong"), ["NO [CANNOT] wrong token."], "wrong")
        token = bridge.token("alice", "phone")
        equal(imap.command(f"ACKWEBPUSH phone {token}"),
              ["* WEBPUSH phone ACTIVE", "OK ACKWEBPUSH completed."], "right")
        equal(subscribe(imap), ["* WEBPUSH phone ACTIVE"] + WEBPUSH_OK[1:],
              "the same again stays active")
        equal(imap.command(f'WEBPUSH phone "{URL}/2" {KEYS}'), WEBPUSH_OK,
              "another endpoint does not")
        equal(imap.command("WEBPUSH phone NIL"), ["OK WEBPUSH completed."], "removed")
        equal(imap.command("WEBPUSH phone NIL"), ["OK WEBPUSH completed."], "unknown: OK")
        equal(imap.command("LWEBPUSH"), ["OK LWEBPUSH completed."], "nothing listed")
        equal(imap.command(f"ACKWEBPUSH phone {token}"), ["NO [NONEXISTENT] no such device."],
              "ACKWEBPUSH of nothing")


@test
def options_reach_the_bridge_and_come_back():
    options = (f'(EVENTS (MessageNew FlagsSet) MAILBOXES (inbox "Lists/*" "Entw&APw-rfe" '
               f'"a \\"b\\"") CONTENT CLIENT "My App" DEVICE {{5+}}\r\nF\u00f6n!)')
    with gougeon.imap() as imap:
        equal(subscribe(imap, more=" " + options), WEBPUSH_OK, "WEBPUSH")
        request = bridge.requests[-1]
        equal(request.all("mailbox"), ["INBOX", "Lists/*", "Entw\u00fcrfe", 'a "b"'],
              "mailboxes")
        equal([request.one(key) for key in ("events", "content", "client", "label")],
              ["FlagsSet MessageNew", "yes", "My App", "F\u00f6n!"], "the others")
        equal(imap.command("LWEBPUSH")[0],
              f'* LWEBPUSH phone INACTIVE "{URL}" (EVENTS (FlagsSet MessageNew) MAILBOXES '
              '("INBOX" "Lists/*" "Entw&APw-rfe" "a \\"b\\"") CONTENT CLIENT "My App" '
              'DEVICE {5}\r\nF\u00f6n!)', "listed")


@test
def odd_ids_are_quoted():
    with gougeon.imap() as imap:
        equal(subscribe(imap, '"a(b"')[0], '* WEBPUSH "a(b" INACTIVE', "WEBPUSH")
        equal(imap.command("LWEBPUSH")[0], f'* LWEBPUSH "a(b" INACTIVE "{URL}" ()', "LWEBPUSH")


@test
def literals():
    with gougeon.imap() as imap:
        equal(imap.command(f"WEBPUSH {{5+}}\r\nphone {{{len(URL)}+}}\r\n{URL} {{87+}}\r\n{P256DH}"
                           f" {{22+}}\r\n{AUTH}"), WEBPUSH_OK, "LITERAL+")
        imap.send(f"x WEBPUSH phone {{{len(URL)}}}\r\n")
        equal(imap.line()[:2], "+ ", "continuation")
        imap.send(f"{URL} {KEYS} (CLIENT {{3}}\r\n")
        equal(imap.line()[:2], "+ ", "continuation")
        imap.send("App)\r\n")
        equal(imap.finish("x"), WEBPUSH_OK, "synchronising")
        equal(bridge.requests[-1].one("client"), "App", "the literal")
        equal(imap.command(f"ACKWEBPUSH {{5+}}\r\nphone {{5+}}\r\nwrong"),
              ["NO [CANNOT] wrong token."], "ACKWEBPUSH")


@test
def malformed_arguments():
    missing = "Push endpoint, public key and authentication secret needed."
    rows = {
        "WEBPUSH": "Subscription id missing.",
        "WEBPUSH phone": missing,
        "WEBPUSH (phone) NIL": "Subscription id missing.",
        "WEBPUSH NIL NIL": "Subscription id missing.",
        "WEBPUSH phone NIL x": "Too many arguments.",
        f"WEBPUSH phone {URL} {P256DH}": missing,
        f"WEBPUSH phone {URL} NIL NIL": missing,
        f"WEBPUSH phone {URL} {KEYS} CONTENT": "Too many arguments.",
        f"WEBPUSH phone {URL} {KEYS} (CONTENT CONTENT)": "Option given twice.",
        f"WEBPUSH phone {URL} {KEYS} (SOUND)": "Unknown option.",
        f"WEBPUSH phone {URL} {KEYS} (EVENTS ((MessageNew)))": "Invalid arguments.",
        f"WEBPUSH phone {URL} {KEYS} (MAILBOXES ())":
            "MAILBOXES needs a list of mailbox names.",
        "ACKWEBPUSH phone": "Missing arguments.",
        "ACKWEBPUSH phone (token)": "Invalid arguments.",
        "ACKWEBPUSH phone token more": "Too many arguments.",
        "LWEBPUSH *": "Too many arguments.",
    }
    with gougeon.imap() as imap:
        for number, (line, text) in enumerate(rows.items()):
            equal(imap.command(line),
                  [f"BAD Error in IMAP command {line.split()[0]}: {text}"], line)
            if number % 10 == 9:
                imap.command("NOOP")  # twenty BADs in a row end a session
    equal(bridge.requests, [], "requests")


@test
def impossible_arguments():
    names = " ".join(["m"] * (MAX_MAILBOXES + 1))
    rows = {
        f'WEBPUSH "pho ne" {URL} {KEYS}': "CANNOT",
        f"WEBPUSH {'x' * 65} {URL} {KEYS}": "LIMIT",
        f"WEBPUSH phone http://push.example/ {KEYS}": "CANNOT",
        f'WEBPUSH phone "NIL" {KEYS}': "CANNOT",
        f"WEBPUSH phone {URL}{'x' * 1000} {KEYS}": "LIMIT",
        f"WEBPUSH phone {{30000+}}\r\n{'x' * 30000} {KEYS}": "LIMIT",
        f"WEBPUSH phone {{5+}}\r\nht\x01ps {KEYS}": "CANNOT",
        f"WEBPUSH phone {URL} {AUTH} {P256DH}": "CANNOT",
        f"WEBPUSH phone {URL} {P256DH} x": "CANNOT",
        f"WEBPUSH phone {URL} {KEYS} (EVENTS (Sunrise))": f"BADEVENT ({EVENTS})",
        f"WEBPUSH phone {URL} {KEYS} (MAILBOXES ({names}))": "LIMIT",
        f"WEBPUSH phone {URL} {KEYS} (MAILBOXES ({names} {names} {names}))": "LIMIT",
        f"WEBPUSH phone {URL} {KEYS} (MAILBOXES (\"a*b\"))": "CANNOT",
        f"WEBPUSH phone {URL} {KEYS} (MAILBOXES (\"a%\"))": "CANNOT",
        f"WEBPUSH phone {URL} {KEYS} (MAILBOXES (\"&AAAA-\"))": "CANNOT",
        f"WEBPUSH phone {URL} {KEYS} (MAILBOXES (\"a&b\"))": "CANNOT",
        f"WEBPUSH phone {URL} {KEYS} (MAILBOXES ({{5000+}}\r\n{'m' * 5000}))": "LIMIT",
        f"WEBPUSH phone {URL} {KEYS} (CLIENT \"{'x' * 129}\")": "LIMIT",
        f"WEBPUSH phone {URL} {KEYS} (DEVICE {{3+}}\r\na\r\n)": "CANNOT",
        f"ACKWEBPUSH {'x' * 65} token": "LIMIT",
        f"ACKWEBPUSH phone {'x' * 1025}": "LIMIT",
        'ACKWEBPUSH phone ""': "CANNOT",
    }
    with gougeon.imap() as imap:
        for line, code in rows.items():
            answer = imap.command(line)
            equal(len(answer), 1, line)
            check(answer[0].startswith(f"NO [{code}] "), f"{line[:60]}: {answer}")
    equal(bridge.requests, [], "requests")


@test
def as_many_mailboxes_as_allowed_fit_one_line():
    length = limit("LIMIT_FILTER_BYTES") // MAX_MAILBOXES
    names = [f"{number:03}{'m' * (length - 3)}" for number in range(MAX_MAILBOXES)]
    with gougeon.imap() as imap:
        equal(subscribe(imap, more=f" (MAILBOXES ({' '.join(names)}) CONTENT CLIENT c DEVICE d "
                                   "EVENTS (FlagsSet))"), WEBPUSH_OK, "WEBPUSH")
    equal(bridge.requests[-1].all("mailbox"), names, "mailboxes")


@test
def too_long_a_line():
    with gougeon.imap() as imap:
        check(imap.command(f"WEBPUSH phone {'x' * 200000}")[-1].startswith("BAD "), "BAD")
        equal(imap.command("NOOP"), ["OK NOOP completed."], "the session lives on")
        # Dovecot's own answer, before it has read a byte of it.
        imap.send("y WEBPUSH phone {200000}\r\n")
        equal(imap.line(), "* BYE Literal size too large", "a literal")
    equal(bridge.requests, [], "requests")


# --- a bridge that says no ----------------------------------------------------


@test
def every_refusal_has_its_code():
    rows = {
        "limit": "LIMIT", "refused": "CANNOT", "notfound": "NONEXISTENT", "token": "CANNOT",
        "unavailable": "UNAVAILABLE", "busy": "UNAVAILABLE", "full": "UNAVAILABLE",
        "denied": "NOPERM", "bad": "SERVERBUG", "version": "UNAVAILABLE",
        "tomorrow": "UNAVAILABLE",
    }
    bridge.mode = "no"
    with gougeon.imap() as imap:
        for bridge.code, code in rows.items():
            answer = subscribe(imap)
            equal(len(answer), 1, bridge.code)
            check(answer[0].startswith(f"NO [{code}] "), f"{bridge.code}: {answer}")
    log = gougeon.dovecot.log()
    for code in ("denied", "bad", "version", "full"):
        check(f"WEBPUSH: the bridge refused: {code}: not now" in log, f"{code} in the log")
    for code in ("limit", "refused", "busy"):
        check(f"the bridge refused: {code}" not in log, f"{code} not in the log")


@test
def the_bridges_text_cannot_break_out():
    bridge.mode, bridge.code = "no", "refused"
    with gougeon.imap() as imap:
        for bridge.text, shown in (
                ("host is private", "host is private."),
                ("a\r\n* BYE you\r\nb", "a??* BYE you??b."),
                ("\u00fc\x00\x1b", "????."),
                ("[ALERT] look", "This push endpoint is not allowed."),
                ("", "This push endpoint is not allowed."),
                ("x" * 5000, "x" * 200 + ".")):
            if "\x00" in bridge.text:
                continue  # the framing refuses it; see below
            equal(subscribe(imap), [f"NO [CANNOT] {shown}"], repr(bridge.text[:20]))
    bridge.text = "not now"


@test
def a_bridge_that_is_away_is_told_at_once():
    away = Server(expected=[r"the bridge is away"])
    away.arguments["settings"] = {"fantail_socket": os.path.join(scratch.name, "nobody.sock")}
    servers.append(away)
    with away.imap() as imap:
        start = time.monotonic()
        equal(subscribe(imap), ["NO [UNAVAILABLE] Push notifications are not available."],
              "no socket")
        check(time.monotonic() - start < DEADLINE / 2, "at once")
        with socket.socket(socket.AF_UNIX) as nobody:
            nobody.bind(os.path.join(scratch.name, "nobody.sock"))
            os.chmod(os.path.join(scratch.name, "nobody.sock"), 0o666)
            equal(subscribe(imap)[-1][:16], "NO [UNAVAILABLE]", "nobody listens")
        equal(imap.command("NOOP"), ["OK NOOP completed."], "NOOP")
    check("nobody.sock: cannot connect" in away.dovecot.log(), "the log names the socket")
    away.dovecot.close()


@test
def a_bridge_that_talks_nonsense():
    with gougeon.imap() as imap:
        for mode in ("garbage", "close", "half", "mute", "version", "bare", "nul", "flood"):
            bridge.mode = mode
            command = "LWEBPUSH" if mode == "flood" else "GETVAPID"
            answer = imap.command(command)
            equal(answer, ["NO [UNAVAILABLE] Push notifications are not available."], mode)
        bridge.mode = "ok"
        equal(imap.command("GETVAPID")[-1], "OK GETVAPID completed.", "afterwards")


@test
def the_same_trouble_is_logged_once():
    with gougeon.imap("ted") as imap:
        for mode, code in (("no", "full"), ("no", "denied"), ("close", ""), ("garbage", "")):
            bridge.mode, bridge.code = mode, code
            for _ in range(5):
                equal(imap.command("GETVAPID")[-1][:4], "NO [", "answer")
    lines = [line for line in gougeon.dovecot.log().splitlines()
             if "(ted)" in line and "fantail: GETVAPID: " in line]
    equal(len(lines), 4, f"{lines}")


@test
def a_bridge_that_stalls():
    bridge.mode = "stall"
    with gougeon.imap() as imap:
        tag = imap.start(f'WEBPUSH phone "{URL}" {KEYS}')
        start = time.monotonic()
        equal(imap.command("NOOP"), ["OK NOOP completed."], "other commands run meanwhile")
        check(time.monotonic() - start < DEADLINE / 2, "and do not wait")
        equal(imap.finish(tag), ["NO [UNAVAILABLE] Push notifications are not available."],
              "the answer")
        took = time.monotonic() - start
        check(DEADLINE - 0.5 < took < 2 * DEADLINE - 0.5, f"deadline: {took:.1f} s")
    eventually(lambda: bridge.closed_early > 0, "the request is given up")


# --- while it waits -----------------------------------------------------------


@test
def pipelining():
    bridge.mode, bridge.delay = "slow", 1
    with gougeon.imap() as imap:
        imap.send(f'a WEBPUSH one {URL} {KEYS}\r\nb NOOP\r\nc SELECT INBOX\r\n'
                  f'd WEBPUSH two {URL} {KEYS}\r\ne GETVAPID\r\nf LWEBPUSH\r\ng NOOP\r\n')
        tagged, untagged = [], []
        while len(tagged) < 7:
            line = imap.line()
            (tagged if re.match("[a-g] OK", line) else untagged).append(line)
        order = "".join(line[0] for line in tagged)
        check(order.startswith("bc"), f"those that need not wait come first: {order}")
        equal(sorted(order), list("abcdefg"), "each is answered once")
        equal(sorted(line for line in untagged if " WEBPUSH " in line),
              ["* WEBPUSH one INACTIVE", "* WEBPUSH two INACTIVE"], "WEBPUSH")
        equal(sum("* VAPID" in line for line in untagged), 3, "VAPID")


@test
def the_answer_comes_during_idle():
    bridge.mode, bridge.delay = "slow", 1
    with gougeon.imap() as imap:
        imap.command("SELECT INBOX")
        tag = imap.start(f'WEBPUSH phone "{URL}" {KEYS}')
        imap.send("i IDLE\r\n")
        equal(imap.line()[:2], "+ ", "idling")
        equal(imap.finish(tag), WEBPUSH_OK, "the answer")
        imap.send("DONE\r\n")
        check(imap.finish("i")[-1].startswith("OK"), "DONE")
        equal(imap.command("NOOP"), ["OK NOOP completed."], "NOOP")


@test
def the_answer_never_lands_in_a_literal():
    body = b"".join(b"%07d abcdefghijklmnopqrstuvwxyz\r\n" % n for n in range(400000))
    message = b"Subject: big\r\n\r\n" + body
    bridge.mode, bridge.delay = "slow", 0.5
    with gougeon.imap("dora") as imap:
        imap.send(f"a APPEND INBOX {{{len(message)}+}}\r\n".encode() + message + b"\r\n")
        check(imap.finish("a")[-1].startswith("OK"), "APPEND")
        imap.command("SELECT INBOX")
        # The answer comes while the socket's buffers are full of the literal.
        imap.send(f'w WEBPUSH phone "{URL}" {KEYS}\r\nf FETCH 1 BODY.PEEK[TEXT]\r\n')
        time.sleep(1.5)
        lines, done = [], set()
        while done != {"w", "f"}:
            line = imap.line()
            done |= {line[0]} & {"w", "f"}
            lines.append(line)
        fetched = [line for line in lines if line.startswith("* 1 FETCH")]
        equal(len(fetched), 1, "FETCH responses")
        equal(fetched[0], f"* 1 FETCH (BODY[TEXT] {{{len(body)}}}\r\n{body.decode()})",
              "the message")
        equal([line for line in lines if "WEBPUSH" in line or "VAPID" in line][:2],
              WEBPUSH_OK[:2], "the answer")


@test
def the_client_goes_away_meanwhile():
    bridge.mode = "stall"
    before = bridge.closed_early
    for _ in range(3):
        with gougeon.imap() as imap:
            imap.start(f'WEBPUSH phone "{URL}" {KEYS}')
            imap.start("LWEBPUSH")
            bridge.wait_requests(2)
            bridge.requests.clear()
    eventually(lambda: bridge.closed_early == before + 6, "the requests are given up")


@test
def logout_meanwhile():
    bridge.mode = "stall"
    with gougeon.imap() as imap:
        imap.start(f'WEBPUSH phone "{URL}" {KEYS}')
        equal(imap.command("LOGOUT"), ["* BYE Logging out", "OK Logout completed."], "LOGOUT")


@test
def cancelled_meanwhile():
    bridge.mode = "stall"
    with gougeon.imap() as imap:
        if DOVECOT_24:
            raise Skip("2.4 has no X-CANCEL")
        tag = imap.start(f'WEBPUSH phone "{URL}" {KEYS}')
        cancel = imap.start(f"X-CANCEL {tag}")
        lines = [imap.line(), imap.line()]
        check(any(line.startswith(f"{tag} NO Command cancelled") for line in lines), lines)
        check(any(line.startswith(f"{cancel} OK") for line in lines), lines)
        bridge.mode = "ok"
        equal(subscribe(imap), WEBPUSH_OK, "again")


@test
def compression_begins_meanwhile():
    bridge.mode, bridge.delay = "slow", 0.5
    with compress.imap() as imap:
        tag = imap.start(f'WEBPUSH phone "{URL}" {KEYS}')
        check(imap.command("COMPRESS DEFLATE")[-1].startswith("OK"), "COMPRESS")
        imap.compressed()
        equal(imap.finish(tag), WEBPUSH_OK, "the answer, compressed")


# --- the COI dialect ----------------------------------------------------------


def coi_json(**more):
    return json.dumps({"client": "My App", "device": "Phone", "msgtype": "chat",
                       "resource": {"endpoint": URL, "keys": {"p256dh": P256DH + "=",
                                                              "auth": AUTH + "=="}}} | more)


def coi_set(imap, path, value):
    if value is None:
        return imap.command(f'SETMETADATA "" ({COI}/{path} NIL)')
    data = value.encode()
    return imap.command(f'SETMETADATA "" ({COI}/{path} {{{len(data)}+}}\r\n{value})')


SET_OK = ["OK Setmetadata completed."]
GET_OK = "OK Getmetadata completed."


def listed(validated):
    text = ('{"created":"2019-10-16T16:14:17+00:00","validated":%s,"client":"My App",'
            '"device":"Phone","msgtype":"chat","resource":{"endpoint":"%s","keys":{"p256dh":"%s",'
            '"auth":"%s"}}}' % (validated, URL, P256DH, AUTH))
    return (f'* METADATA "" ({COI}/subscriptions/{COI_ID} {{{len(text)}}}\r\n{text})')


@test
def coi_has_the_capability_and_not_the_commands():
    with coi.imap() as imap:
        check(" WEBPUSH" in imap.login and "METADATA" not in imap.login, imap.login)
        equal(imap.command("GETVAPID"),
              ["BAD Error in IMAP command GETVAPID: Unknown command."], "GETVAPID")


@test
def coi_vapid():
    with coi.imap() as imap:
        lines = imap.command(f'GETMETADATA "" {COI}/vapid')
        equal(lines, [
            f'* METADATA "" ({COI}/vapid {{177}}\r\n-----BEGIN PUBLIC KEY-----\n'
            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE/jP0qw3qcZFNtVgj9ztUlI9BMG2S\n"
            "BzLbuaWaUyhkgiAOWXp7e8JguhwieZhYCZLpOXMALzASooro8Gu7eOXsDw==\n"
            "-----END PUBLIC KEY-----)", GET_OK], "GETMETADATA")
        equal(imap.command(f'SETMETADATA "" ({COI}/vapid "x")'),
              ["NO [CANNOT] This entry cannot be changed."], "SETMETADATA")


@test
def coi_subscription_from_birth_to_death():
    path = f"subscriptions/{COI_ID}"
    with coi.imap() as imap:
        equal(coi_set(imap, path, coi_json()), SET_OK, "subscribe")
        equal(bridge.requests[-1].pairs, [
            ("user", "alice"), ("device", COI_ID), ("gateway", "webpush"), ("dialect", "coi"),
            ("endpoint", URL), ("p256dh", P256DH), ("auth", AUTH), ("content", "yes"),
            ("msgtype", "chat"), ("client", "My App"), ("label", "Phone")], "SUBSCRIBE")
        equal(imap.command(f'GETMETADATA (DEPTH 1) "" ({COI}/subscriptions)'),
              [listed("false"), GET_OK], "listed")
        equal(len(bridge.requests), 2, "one request lists all")
        equal(coi_set(imap, path + "/validate", "wrong"), ["NO [CANNOT] wrong token."],
              "wrong token")
        equal(coi_set(imap, path + "/validate", bridge.token("alice", COI_ID)), SET_OK,
              "right token")
        equal(imap.command(f'GETMETADATA "" {COI}/{path}'), [listed("true"), GET_OK],
              "one of them")
        equal(imap.command(f'GETMETADATA "" {COI}/{path}/validate'),
              [f'* METADATA "" ({COI}/{path}/validate NIL)', GET_OK], "no token is shown")
        equal(coi_set(imap, path, None), SET_OK, "removed")
        equal(coi_set(imap, path, None), SET_OK, "removed again")
        equal(imap.command(f'GETMETADATA (DEPTH 1) "" ({COI}/subscriptions)'), [GET_OK],
              "nothing listed")
        answer = coi_set(imap, path + "/validate", "x")
        equal(answer, [f"NO {'[NONEXISTENT] ' if DOVECOT_24 else ''}no such device."],
              "validate nothing")


@test
def coi_values_in_every_form():
    path = f"{COI}/subscriptions/{COI_ID}"
    quoted = coi_json().replace("\\", "\\\\").replace('"', '\\"')
    with coi.imap() as imap:
        equal(imap.command(f'SETMETADATA "" ({path} "{quoted}")'), SET_OK, "quoted")
        data = coi_json()
        imap.send(f'x SETMETADATA "" ({path} {{{len(data)}}}\r\n')
        equal(imap.line()[:2], "+ ", "continuation")
        imap.send(f"{data})\r\n")
        equal(imap.finish("x"), SET_OK, "synchronising literal")
        equal(imap.command(f'SETMETADATA "" ({path.upper()} ~{{{len(data)}+}}\r\n{data})'), SET_OK,
              "literal8, another case of the name")
        equal(len(bridge.devices), 1, "devices")


@test
def coi_refuses():
    path = f"subscriptions/{COI_ID}"
    rows = [
        (path, "", "CANNOT"),
        (path, "{}", "CANNOT"),
        (path, coi_json() + "x", "CANNOT"),
        (path, coi_json(msgtype="news"), "CANNOT"),
        (path, coi_json(client="x" * 129), "LIMIT"),
        (path, coi_json(device="x" * 129), "LIMIT"),
        (path, coi_json(junk="x" * 9000), "LIMIT"),
        (path, coi_json(junk="x" * 300000), "LIMIT"),
        (path, coi_json(resource={"endpoint": "http://x/", "keys": {}}), "CANNOT"),
        (path, coi_json(resource={"endpoint": "https://" + "x" * 510,
                                  "keys": {"p256dh": P256DH, "auth": AUTH}}), "LIMIT"),
        (path, coi_json().replace("{", "{\0", 1), "CANNOT"),
        ("subscriptions/short", coi_json(), "CANNOT"),
        ("subscriptions/" + "x" * 37, coi_json(), "CANNOT"),
        ("subscriptions", coi_json(), "CANNOT"),
        ("subscriptions/a.b.c.d.e.f", coi_json(), "CANNOT"),
        ("other", "x", "CANNOT"),
        (path + "/validate", "x" * 1025, "LIMIT"),
        (path + "/validate", None, "CANNOT"),
    ]
    with coi.imap() as imap:
        for where, value, code in rows:
            answer = coi_set(imap, where, value)
            check(len(answer) == 1 and answer[0].startswith(f"NO [{code}] "),
                  f"{where} {value and value[:60]!r}: {answer}")
        equal(imap.command(f'SETMETADATA "" (/private/comment "x")')[-1][:11], "NO [CANNOT]",
              "other entries, without METADATA")
        equal(imap.command(f'SETMETADATA INBOX ({COI}/{path} "x")')[-1][:11], "NO [CANNOT]",
              "a mailbox's entries are not the server's")
    equal(bridge.requests, [], "requests")


@test
def coi_bridge_says_no_or_nothing():
    path = f"subscriptions/{COI_ID}"
    with coi.imap() as imap:
        bridge.mode = "no"
        for bridge.code, code in (("limit", "[LIMIT] "), ("refused", "[CANNOT] "),
                                  ("notfound", "[NONEXISTENT] " if DOVECOT_24 else ""),
                                  ("denied", "[NOPERM] "),
                                  ("busy", "[UNAVAILABLE] "), ("unavailable", "[UNAVAILABLE] ")):
            answer = coi_set(imap, path, coi_json())
            check(len(answer) == 1 and answer[0].startswith(f"NO {code}"),
                  f"{bridge.code}: {answer}")
        for bridge.code in ("unavailable", "refused"):
            for line in (f'GETMETADATA "" {COI}/vapid',
                         f'GETMETADATA (DEPTH 1) "" ({COI}/subscriptions)',
                         f'GETMETADATA (DEPTH 1) "" ({COI}/subscriptions/{COI_ID})'):
                answer = imap.command(line)
                equal(answer, ["NO [UNAVAILABLE] not now."], f"{bridge.code} {line}")
        for bridge.mode in ("garbage", "close", "half", "mute", "version", "nul", "flood"):
            answer = imap.command(f'GETMETADATA (DEPTH 1) "" ({COI}/subscriptions)')
            equal(answer, ["NO [UNAVAILABLE] Push notifications are not available."],
                  bridge.mode)
        bridge.mode = "stall"
        start = time.monotonic()
        answer = coi_set(imap, path, None)
        equal(answer, ["NO [UNAVAILABLE] Push notifications are not available."], "stall")
        check(time.monotonic() - start < 2 * DEADLINE - 0.5, "deadline")
        bridge.mode = "ok"
    with coi.imap() as imap:
        equal(coi_set(imap, path, coi_json()), SET_OK, "afterwards")


@test
def coi_waits_once_for_all_entries_of_a_command():
    bridge.mode = "stall"
    with coi.imap() as imap:
        start = time.monotonic()
        answer = imap.command(f'SETMETADATA "" ({COI}/subscriptions/{COI_ID} NIL '
                              f'{COI}/subscriptions/{COI_ID[:-1]}2 NIL '
                              f'{COI}/subscriptions/{COI_ID[:-1]}3 NIL)')
        check(answer[-1].startswith("NO"), answer)
        imap.command(f'GETMETADATA "" ({COI}/vapid {COI}/subscriptions/{COI_ID})')
        took = time.monotonic() - start
        equal(len(bridge.requests), 1, "requests")
        check(DEADLINE - 0.5 < took < 2 * DEADLINE - 0.5, f"took {took:.1f} s")
        bridge.mode = "ok"
        time.sleep(DEADLINE + 0.2)
        equal(coi_set(imap, f"subscriptions/{COI_ID}", coi_json()), SET_OK, "some time later")


@test
def an_answer_that_waits_is_read_before_the_deadline_ends_it():
    with gougeon.imap("uma") as imap:
        pid = int(re.findall(r"user=<uma>.* mpid=(\d+)", gougeon.dovecot.log())[-1])
        bridge.mode, bridge.delay = "slow", 1
        tag = imap.start("GETVAPID")
        bridge.wait_requests(1)
        os.kill(pid, signal.SIGSTOP)  # as a machine that is short of everything
        try:
            time.sleep(DEADLINE + 0.5)
        finally:
            os.kill(pid, signal.SIGCONT)
        equal(imap.finish(tag), [f'* VAPID "{VAPID}"', "OK GETVAPID completed."], "answer")


@test
def coi_without_the_plugin():
    with coi.imap("carol") as imap:
        check("WEBPUSH" not in imap.login, imap.login)
        equal(coi_set(imap, f"subscriptions/{COI_ID}", coi_json())[-1][:11], "NO [CANNOT]",
              "SETMETADATA")
    with gougeon.imap() as imap:
        equal(coi_set(imap, f"subscriptions/{COI_ID}", coi_json())[-1][:11], "NO [CANNOT]",
              "SETMETADATA in the other dialect")
    equal(bridge.requests, [], "requests")


@test
def coi_beside_real_metadata():
    with metadata.imap() as imap:
        check(" METADATA" in imap.login, imap.login)
        data = coi_json()
        equal(imap.command(f'SETMETADATA "" (/private/comment "mine" {COI}/subscriptions/{COI_ID} '
                           f'{{{len(data)}+}}\r\n{data} /private/vendor/x/y "z")'), SET_OK,
              "three entries, one of ours")
        equal(imap.command('GETMETADATA "" (/private/comment /private/vendor/x/y)')[-1], GET_OK,
              "theirs")
        lines = imap.command('GETMETADATA (DEPTH infinity) "" (/private/vendor)')
        equal(lines[-1], GET_OK, "list everything")
        for name in ("vapid", f"subscriptions/{COI_ID}"):
            check(f"{COI}/{name} " in lines[0], f"{name} in {lines}")
        check("/private/vendor/x/y " in lines[0], f"theirs in {lines}")
        bridge.mode = "no"
        lines = imap.command('GETMETADATA (DEPTH infinity) "" (/private/vendor)')
        equal(lines[-1], GET_OK, "a bridge that refuses spoils no listing of other things")
        check("/private/vendor/x/y " in lines[0], f"theirs in {lines}")


@test
def deleting_a_mailbox_asks_nobody():
    # Core lists the attributes of what it deletes, with the list of mailboxes locked.
    with metadata.imap() as imap:
        for name in ("Old", "Old/Older"):
            check(imap.command(f"CREATE {name}")[-1].startswith("OK"), "CREATE")
        bridge.mode = "stall"
        start = time.monotonic()
        for name in ("Old/Older", "Old"):
            check(imap.command(f"DELETE {name}")[-1].startswith("OK"), "DELETE")
        took = time.monotonic() - start
    equal(bridge.requests, [], "requests")
    check(took < DEADLINE, f"took {took:.1f} s")


# --- the end ------------------------------------------------------------------


@test
def a_stopped_server_leaves_nothing_behind():
    with shared.imap() as imap:
        equal(subscribe(imap), WEBPUSH_OK, "WEBPUSH")
        bridge.mode = "stall"
        imap.start("GETVAPID")
        bridge.wait_requests(2)
        shared.dovecot.stop()
        log = shared.dovecot.log()
        check("killed with signal" not in log and "leak" not in log.lower(), log)


def finish():
    for server in servers:
        if server.dovecot is not None:
            server.dovecot.close()
    bridge.close()
    scratch.cleanup()


suite.on_failure = lambda: "\n".join(
    server.dovecot.log()[-1000:] for server in servers if server.dovecot is not None)

if __name__ == "__main__":
    try:
        suite.run()
    finally:
        finish()
