#!/usr/bin/env python3
"""What a P-IMAP device is told over its connection, against a real Dovecot: PIMAP_INBAND_PUSH,
PIMAP_INBAND_NEW_FORMAT, and what the bridge hears of who listens. scratch.py says where the
modules are looked for."""

import contextlib
import re
import time

from bridge import Bridge
from dovecot import Dovecot
from fake_registrar import FakeRegistrar
from hub import Hub
from notify_hibernate_test import holders
from pimap import Phone, plain
from scratch import MODULES, limit, scratch_dir
from tap import Suite, check, equal, eventually

suite = Suite("P-IMAP: in-band push")
MAIL_UID = 65534
MAIL = b"From: boss@example.org\r\nSubject: hello\r\n\r\nthere\r\n"
PUSH, FORMAT = "XSETPIMAPPREF PIMAP_INBAND_PUSH", "XSETPIMAPPREF PIMAP_INBAND_NEW_FORMAT"

# What the operator is told.
EXPECTED = [r"the bridge is away", r"/nonexistent/bridge.sock"]

folder = scratch_dir("inband")
hub = Hub(folder / "hub", mail_uids=[MAIL_UID])
registrar = FakeRegistrar(str(folder / "bridge.sock"))


def site(name, bridge=registrar.path, notify=True, **arguments):
    spool = folder / f"{name}-spool"
    spool.mkdir()
    spool.chmod(0o1777)
    return Dovecot(
        scratch=str(folder / name), modules=[MODULES / "plugins", MODULES / "pushimap"],
        mail_plugins="notify fantail_event", mail_uid=MAIL_UID,
        protocol_plugins={"imap": "fantail_notify fantail_imap" if notify else "fantail_imap"},
        settings={"fantail_socket": bridge, "fantail_hub": hub.socket, "fantail_spool": spool,
                  "fantail_deadline": "5000"},  # the stand-in is slow
        extra=plain(), **arguments)


main = site("main")
dozing = site("dozing", hibernate=1)
without = site("without", notify=False)
away = site("away", bridge="/nonexistent/bridge.sock")
servers = [main, dozing, without, away]


def started(server):
    if server.process is None:
        server.start()
    return server


class Case:
    """A user of its own, with a mail in the INBOX."""

    count = 0

    def __init__(self, server=main):
        Case.count += 1
        self.dovecot, self.user = started(server), f"u{Case.count}"
        self.deliver()

    def deliver(self):
        equal(self.dovecot.deliver(self.user, MAIL), {}, "refused")

    def phone(self, device="P1"):
        return Phone(self.dovecot, self.user, device)

    def listening(self, session=None):
        """What the bridge was told, in order; of one session."""
        return [request.one("listening") for request in list(registrar.presences)
                if request.one("user") == self.user and
                session in (None, request.one("session"))]

    def told(self, *words):
        """Returns when the bridge was told just that."""
        eventually(lambda: self.listening() == list(words), f"{words} in {self.listening()}")


def test(function):
    def wrapped():
        function()
        equal(registrar.complaints, [], "what the bridge disliked")
        for server in servers:
            if server.process is not None:
                equal(server.problems(*EXPECTED), [], "Dovecot's log")
    wrapped.__name__ = function.__name__
    return suite.test(wrapped)


def until(phone, pattern):
    """All lines up to one that matches, in whole."""
    lines = []
    while not lines or not re.fullmatch(pattern, lines[-1], re.DOTALL):
        lines.append(phone.line())
    return lines


def quiet(phone):
    """Nothing comes outside of commands: half a second is many times what a push takes."""
    phone.socket.settimeout(0.5)
    found = []
    with contextlib.suppress(TimeoutError):
        while True:
            found.append(phone.line())
    phone.socket.settimeout(60)
    equal([line for line in found if "Still here" not in line], [], "out of the blue")


def idle(phone):
    tag = phone.start("IDLE")
    equal(phone.line(), "+ idling", "IDLE")
    return tag


def done(phone, tag):
    phone.send("DONE\r\n")
    return phone.finish(tag)


def expunge(case, number):
    with Phone(case.dovecot, case.user) as desk:
        desk.ok("SELECT INBOX")
        desk.ok(f"STORE {number} +FLAGS.SILENT (\\Deleted)")
        desk.ok("EXPUNGE")


def flag(case, number, flags):
    with Phone(case.dovecot, case.user) as desk:
        desk.ok("SELECT INBOX")
        desk.ok(f"STORE {number} {flags}")


# --- PIMAP_INBAND_PUSH ---------------------------------------------------------

@test
def new_mail_and_flags_at_once_expunges_with_a_command():
    case = Case()
    case.deliver()
    with case.phone() as phone:
        equal(phone.command(f"{PUSH} ON"), ["OK XSETPIMAPPREF completed."], "ON")
        phone.ok("SELECT INBOX")
        case.deliver()
        until(phone, r"\* 3 EXISTS")
        flag(case, 2, "+FLAGS (\\Flagged)")
        until(phone, r"\* 2 FETCH \(UID 2 FLAGS \(\\Flagged( \\Recent)?\)\)")
        expunge(case, 1)
        case.deliver()
        lines = until(phone, r"\* 4 EXISTS")
        equal([line for line in lines if "EXPUNGE" in line], [], "numbers may not shift here")
        # RFC 3501 section 7.4.1: not with FETCH, STORE and SEARCH either.
        equal([line for line in phone.ok("FETCH 2 UID") if "EXPUNGE" in line], [], "FETCH")
        check("* 1 EXPUNGE" in phone.ok("NOOP"), "with NOOP")
        check("* 1 FETCH (UID 2)" in phone.ok("FETCH 1 UID"), "numbers after it")


@test
def no_mailbox_no_push():
    case = Case()
    with case.phone() as phone:
        phone.ok(f"{PUSH} ON")
        case.deliver()
        quiet(phone)
        phone.ok("SELECT INBOX")
        phone.ok("UNSELECT")
        case.deliver()
        quiet(phone)
        check("* 3 EXISTS" in phone.ok("SELECT INBOX"), "SELECT")
        case.deliver()
        until(phone, r"\* 4 EXISTS")


@test
def on_and_off_with_a_mailbox_selected():
    case = Case()
    with case.phone() as phone:
        phone.ok("SELECT INBOX")
        case.deliver()
        quiet(phone)
        phone.ok(f"{PUSH} ON")
        until(phone, r"\* 2 EXISTS")  # what had come before
        case.deliver()
        until(phone, r"\* 3 EXISTS")
        phone.ok(f"{PUSH} OFF")
        quiet(phone)
        case.deliver()
        flag(case, 1, "+FLAGS (\\Flagged)")
        quiet(phone)
        # All is as if it had never been on.
        lines = phone.ok("NOOP")
        check("* 4 EXISTS" in lines and
              any(re.match(r"\* 1 FETCH \(.*\\Flagged", line) for line in lines), lines)
        tag = idle(phone)
        case.deliver()
        until(phone, r"\* 5 EXISTS")
        expunge(case, 1)
        until(phone, r"\* 1 EXPUNGE")
        done(phone, tag)
        case.deliver()
        quiet(phone)


@test
def it_is_there_at_each_later_login():
    """For that device, from the first SELECT on; whoever has set it."""
    case = Case()
    with case.phone() as phone, case.phone("P2") as other:
        phone.ok(f"{PUSH} ON")
        other.ok("SELECT INBOX")
        case.deliver()
        quiet(other)
    for end in ("LOGOUT", None):
        with case.phone() as phone:
            count = len(phone.ok("SELECT INBOX")) and phone.ok("SEARCH ALL")[-1].split()[-1]
            eventually(lambda: len(case.listening()) > 0 and case.listening()[-1] == "yes",
                       "it listens")
            case.deliver()
            until(phone, rf"\* {int(count) + 1} EXISTS")
            if end:
                phone.ok(end)
    registrar.profiles[case.user, "P1"]["PIMAP_INBAND_PUSH"] = "OFF"
    with case.phone() as phone:
        phone.ok("SELECT INBOX")
        eventually(lambda: case.listening()[-1] == "no", "what the bridge says is in force")
        case.deliver()
        quiet(phone)


@test
def in_a_mailbox_that_is_selected_again():
    """Without a command: LOGIN's answer is all that it needs."""
    case = Case()
    with case.phone() as phone:
        phone.ok(f"{PUSH} ON")
        phone.ok(f"{FORMAT} (UID)")
        phone.ok("SELECT INBOX")
        phone.ok("NOOP")
        phone.ok("NOOP")
        case.told("no", "yes")
    case.told("no", "yes", "no")
    case.deliver()
    with case.phone() as phone:
        equal(phone.untagged[:2], ["* SESSION SELECTED", "* FOLDER INBOX"], "resumed")
        check("* 2 FETCH (UID 2 FLAGS (\\Recent))" in phone.untagged, phone.untagged)
        case.told("no", "yes", "no", "no", "yes")
        case.deliver()
        equal(until(phone, r"\* 3 FETCH .*"), ["* 3 EXISTS", "* 2 RECENT", "* 3 FETCH (UID 3)"],
              "in-band")
        expunge(case, 1)
        check("* 1 EXPUNGE" in phone.ok("NOOP"), "with NOOP")


@test
def the_last_known_while_the_bridge_is_away():
    case = Case()
    with case.phone() as phone:
        phone.ok(f"{PUSH} ON")
        phone.ok(f"{FORMAT} FAST")
    registrar.mode = "close"
    try:
        with case.phone() as phone:
            phone.ok("SELECT INBOX")
            case.deliver()
            lines = until(phone, r"\* 2 FETCH \(FLAGS .*RFC822.SIZE \d+\)")
            check("* 2 EXISTS" in lines, lines)
            check(phone.command(f"{PUSH} OFF")[-1].startswith("NO [UNAVAILABLE]"), "setting it")
            case.deliver()
            until(phone, r"\* 3 EXISTS")
    finally:
        registrar.mode = "ok"
    case = Case(away)
    with case.phone() as phone:
        phone.ok("SELECT INBOX")
        case.deliver()
        quiet(phone)


@test
def an_old_answer_changes_nothing():
    """What the bridge says of the device may be from before it has set something."""
    case = Case()
    registrar.mode, registrar.delay = "slow", 1.0
    with case.phone() as phone:
        case.told("no")
        registrar.mode = "ok"
        phone.ok(f"{PUSH} ON")
        phone.ok("SELECT INBOX")
        case.told("no", "yes")  # which waits for that answer
        case.deliver()
        until(phone, r"\* 2 EXISTS")


@test
def the_clients_own_notify_wins():
    case = Case()
    with case.phone() as phone:
        phone.ok(f"{PUSH} ON")
        phone.ok("NOTIFY NONE")
        phone.ok("SELECT INBOX")
        case.deliver()
        quiet(phone)
        phone.ok(f"{PUSH} OFF")
        phone.ok(f"{PUSH} ON")
        phone.ok(f"{FORMAT} FAST")
        case.deliver()
        quiet(phone)
        lines = phone.ok("NOTIFY SET (selected (MessageNew (UID) MessageExpunge))")
        check("* 3 EXISTS" in lines, lines)
        phone.ok(f"{PUSH} OFF")
        case.deliver()
        equal(until(phone, r"\* 4 FETCH \(UID 4\)")[-1], "* 4 FETCH (UID 4)", "NOTIFY's items")
        expunge(case, 1)
        until(phone, r"\* 1 EXPUNGE")
    # One that is refused changes nothing.
    with case.phone("P2") as phone:
        phone.ok(f"{PUSH} ON")
        check(phone.command("NOTIFY SET (selected (Colour))")[-1].startswith("NO"), "NOTIFY")
        phone.ok("SELECT INBOX")
        case.deliver()
        until(phone, r"\* 4 EXISTS")


# --- PIMAP_INBAND_NEW_FORMAT ---------------------------------------------------

@test
def exists_and_then_fetch():
    """In IDLE and with commands; with in-band push at once."""
    case = Case()
    with case.phone() as phone:
        equal(phone.command(f"{FORMAT} (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])"),
              ["OK XSETPIMAPPREF completed."], "setting")
        item = (r" FETCH \(UID (\d+) FLAGS \((\\Recent)?\) BODY\[HEADER.FIELDS \(SUBJECT\)\] "
                r"\{18\}" "\r\nSubject: hello\r\n\r\n\\)")
        phone.ok("SELECT INBOX")
        case.deliver()
        quiet(phone)
        lines = phone.ok("NOOP")
        check("* 2 EXISTS" in lines and re.fullmatch(r"\* 2" + item, lines[-1]), lines)
        case.deliver()
        lines = phone.ok("CHECK")
        check("* 3 EXISTS" in lines and re.fullmatch(r"\* 3" + item, lines[-1]), lines)
        tag = idle(phone)
        case.deliver()
        lines = until(phone, r"\* 4" + item)
        check("* 4 EXISTS" in lines, lines)
        expunge(case, 1)
        until(phone, r"\* 1 EXPUNGE")
        done(phone, tag)
        phone.ok(f"{PUSH} ON")
        case.deliver()
        lines = until(phone, r"\* 4" + item)
        check("* 4 EXISTS" in lines, lines)
        # Several at a time.
        phone.ok(f"{PUSH} OFF")
        case.deliver()
        case.deliver()
        lines = [line for line in phone.ok("NOOP") if "FETCH" in line]
        check(len(lines) == 2 and all(re.fullmatch(rf"\* {number}{item}", line)
                                      for number, line in zip((5, 6), lines)), lines)
        phone.ok(f"{FORMAT} NONE")
        case.deliver()
        lines = phone.ok("NOOP")
        check("* 7 EXISTS" in lines and not [line for line in lines if "FETCH" in line], lines)


@test
def macros_and_single_attributes():
    case = Case()
    rows = [("FAST", "FAST", r"FLAGS \(.*\) INTERNALDATE \".*\" RFC822.SIZE \d+"),
            ("all", "ALL", r"FLAGS \(.*\) INTERNALDATE .* RFC822.SIZE \d+ ENVELOPE \(.*\)"),
            ("FULL", "FULL", r"FLAGS .* RFC822.SIZE \d+ ENVELOPE \(.*\) BODY \(.*\)"),
            ("UID", "(UID)", r"UID \d+"),
            ("(RFC822.SIZE)", "(RFC822.SIZE)", r"RFC822.SIZE \d+"),
            ("(XZIP.SIZE[1])", "(XZIP.SIZE[1])", r"XZIP.SIZE\[1\] \d+")]
    with case.phone() as phone:
        phone.ok(f"{PUSH} ON")
        phone.ok("SELECT INBOX")
        for number, (value, kept, items) in enumerate(rows, 2):
            phone.ok(f"{FORMAT} {value}")
            equal(phone.ok("XGETPIMAPPREFS (PIMAP_INBAND_NEW_FORMAT)"),
                  [f"* XGETPIMAPPREFS (PIMAP_INBAND_NEW_FORMAT {kept})"], value)
            case.deliver()
            lines = until(phone, rf"\* {number} FETCH \({items}\)")
            check(f"* {number} EXISTS" in lines, lines)


@test
def what_is_announced_and_what_is_refused():
    def values(phone):
        return [line.split(" ", 4)[3:] for line in phone.ok("XPROVISION")
                if "PIMAP_INBAND_" in line]

    with Case().phone() as phone:
        equal(values(phone), [["PIMAP_INBAND_NEW_FORMAT", "(NONE ALL FAST FULL)"],
                              ["PIMAP_INBAND_PUSH", "(ON OFF)"]], "announced")
        for value, start in (("MAYBE", "NO [CANNOT]"), ("", "BAD"), ("ON OFF", "BAD"),
                             ("(ON)", "BAD")):
            check(phone.command(f"{PUSH} {value}")[-1].startswith(start), f"{PUSH} {value}")
        for value, start in (("(COLOUR)", "NO [CANNOT]"), ("COLOUR", "NO [CANNOT]"),
                             ("(UID RFC822.COLOUR)", "NO [CANNOT]"), ("(UID (FLAGS))", "BAD"),
                             ("()", "BAD"), ("(BODY[1.)", "BAD"), ('"UID"', "BAD"),
                             ("(FAST)", "NO [CANNOT]"), ("(BODY[x])", "BAD"), ("", "BAD"),
                             ("(" + "UID " * limit("LIMIT_PIMAP_NEW_FORMAT") + "UID)",
                              "NO [LIMIT]")):
            result = phone.command(f"{FORMAT} {value}")[-1]
            check(result.startswith(start), f"{FORMAT} {value[:80]}: {result}")
        equal(phone.ok("XGETPIMAPPREFS (PIMAP_INBAND_PUSH PIMAP_INBAND_NEW_FORMAT)"),
              ["* XGETPIMAPPREFS (PIMAP_INBAND_PUSH OFF PIMAP_INBAND_NEW_FORMAT NONE)"], "kept")
    with Phone(main, "regular") as regular:
        check(regular.command(f"{PUSH} ON")[-1].startswith("NO [CANNOT]"), "a regular session")
    case = Case(without)
    with case.phone() as phone:
        equal(values(phone), [["PIMAP_INBAND_NEW_FORMAT", "(NONE)"],
                              ["PIMAP_INBAND_PUSH", "(OFF)"]], "without fantail_notify")
        for command in (f"{PUSH} ON", f"{FORMAT} FAST", f"{FORMAT} (UID)"):
            equal(phone.command(command), ["NO [CANNOT] Value is not supported."], command)
        phone.ok(f"{PUSH} OFF")
        phone.ok(f"{FORMAT} NONE")


# --- who listens -----------------------------------------------------------------

@test
def in_idle_with_a_mailbox():
    for server in (main, without):
        case = Case(server)
        with case.phone() as phone:
            case.told("no")
            done(phone, idle(phone))  # hears of nothing
            phone.ok("SELECT INBOX")
            phone.ok("NOOP")
            tag = idle(phone)
            case.told("no", "yes")
            done(phone, tag)
            case.told("no", "yes", "no")
            phone.ok("NOOP")
            idle(phone)
            case.told("no", "yes", "no", "yes")
        case.told("no", "yes", "no", "yes", "no")
        with case.phone() as phone:
            phone.ok("SELECT INBOX")
        with Phone(started(server), case.user) as regular:
            regular.ok("SELECT INBOX")
            idle(regular)
        with case.phone() as phone:  # of those before nothing more is to come
            case.told("no", "yes", "no", "yes", "no", "no", "no")


@test
def with_in_band_push_and_a_mailbox():
    case = Case()
    with case.phone() as phone:
        phone.ok(f"{PUSH} ON")
        phone.ok("SELECT INBOX")
        case.told("no", "yes")
        done(phone, idle(phone))
        phone.ok("SELECT INBOX")
        phone.ok("NOOP")
        phone.ok(f"{FORMAT} FAST")
        case.told("no", "yes")
        phone.ok("UNSELECT")
        case.told("no", "yes", "no")
        phone.ok("EXAMINE INBOX")
        case.told("no", "yes", "no", "yes")
        phone.ok(f"{PUSH} OFF")
        case.told("no", "yes", "no", "yes", "no")
        phone.ok(f"{PUSH} ON")
        case.told("no", "yes", "no", "yes", "no", "yes")
        phone.ok("NOTIFY NONE")  # and now it hears of nothing
        case.told("no", "yes", "no", "yes", "no", "yes", "no")
        phone.ok("NOTIFY SET (selected (MessageNew MessageExpunge))")
        case.told("no", "yes", "no", "yes", "no", "yes", "no", "yes")
        phone.ok("LOGOUT")
        case.told("no", "yes", "no", "yes", "no", "yes", "no", "yes", "no")


@test
def a_listening_session_stays_awake():
    """imap-hibernate could not say each minute that the device listens."""
    case = Case(dozing)
    with case.phone() as phone, case.phone("P2") as pushed:
        phone.ok("SELECT INBOX")
        idle(phone)
        pushed.ok(f"{PUSH} ON")
        pushed.ok("SELECT INBOX")
        eventually(lambda: case.listening().count("yes") == 2, "both listen")
        with Phone(dozing, case.user) as regular:
            regular.ok("SELECT INBOX")
            idle(regular)
            eventually(lambda: holders(case, regular) == ["imap-hibernate"], "who may sleep does")
            case.deliver()
            until(regular, r"\* 2 EXISTS")
            eventually(lambda: holders(case, regular) == ["imap-hibernate"], "and again")
        for session in (phone, pushed):
            equal(holders(case, session), ["imap"], "who has it")
            until(session, r"\* 2 EXISTS")
        equal(case.listening().count("no"), 2, "of login, and no other")


@test
def it_is_said_each_minute():
    case = Case()
    with case.phone() as phone:
        phone.ok("SELECT INBOX")
        idle(phone)
        case.told("no", "yes")
        begun = time.monotonic()
        eventually(lambda: case.listening() == ["no", "yes", "yes"], "again",
                   limit("LIMIT_PRESENCE_SECS"))
        check(time.monotonic() - begun > limit("LIMIT_PRESENCE_SAY_SECS") / 2, "too early")


@test
def the_bridge_wakes_nobody_who_listens():
    """The real one. What it would send waits, since there is nobody to take it."""
    home = folder / "real"
    (home / "password").parent.mkdir()
    (home / "password").write_text("x\n")
    (home / "password").chmod(0o600)
    with Bridge(home / "bridge", mail_uids=[MAIL_UID], webpush={"enabled": "no"},
                http={"allowed_endpoints": "http://127.0.0.1:9"},
                queue={"arrival_delay": "30min"}, pimap={"channels": "SMS"},
                sms={"url": "http://127.0.0.1:9/x", "username": "x",
                     "password_file": home / "password"}) as bridge:
        case = Case(site("real-dovecot", bridge=bridge.socket))
        servers.append(case.dovecot)

        def waiting():
            return len(bridge.ctl_json("queue"))

        with case.phone() as phone:
            for command in ("PIMAP_OUTBAND_ADDRESS 13335559999", "PIMAP_OUTBAND_CHANNEL SMS",
                            "PIMAP_XFILTER (ALL N ALL)", "PIMAP_INBAND_PUSH OFF"):
                phone.ok(f"XSETPIMAPPREF {command}")
        case.deliver()
        equal(waiting(), 1, "nobody is there")
        with case.phone() as phone:
            eventually(lambda: waiting() == 0, "it has come by itself")
            phone.ok("SELECT INBOX")
            case.deliver()
            equal(waiting(), 1, "it is there and does not listen")
            tag = idle(phone)
            eventually(lambda: waiting() == 0, "now it listens")
            case.deliver()
            until(phone, r"\* 4 EXISTS")
            equal(waiting(), 0, "while it listens")
            done(phone, tag)

            def woken():
                case.deliver()
                return waiting() == 1

            eventually(woken, "after DONE")
            phone.ok(f"{PUSH} ON")
            eventually(lambda: waiting() == 0, "now it listens")
            case.deliver()
            equal(waiting(), 0, "while it listens")
        eventually(woken, "after it has gone")


if __name__ == "__main__":
    hub.start()
    try:
        suite.run()
    finally:
        for started_server in servers:
            started_server.close()
        hub.stop()
        registrar.close()
