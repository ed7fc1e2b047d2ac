#!/usr/bin/env python3
"""Commands of Push-IMAP line by line, against a real Dovecot: the examples of the drafts as they
are printed there, and of every command what the tables say of all: which states it is for, each
string in every form, many at once, and what is too much. The bridge is a stand-in. scratch.py says
where modules are looked for.

A command is written with its strings in guillemets; a row of `commands` has it, what the session
needs to be, and the answer. To add one is to have it tried in all these ways."""

import os
import re
import tempfile

from dovecot import Dovecot
from fake_registrar import VAPID, FakeRegistrar
from pimap import Phone, plain
from scratch import MODULES, limit
from tap import Suite, check, equal

suite = Suite("Push-IMAP, line by line")
scratch = tempfile.TemporaryDirectory(prefix="pushimap-transcripts-")
os.chmod(scratch.name, 0o755)
bridge = FakeRegistrar(os.path.join(scratch.name, "bridge.sock"))
TOPIC = "com.apple.mail.XServer.1b2f0d41-7b6a-4a52-9d0f-0c4f0e6a9d11"

USER, DEVICE = "joe", "P6505551234"
MESSAGE = (b"From: John <john@foo.com>\r\nSubject: hello\r\nMIME-Version: 1.0\r\n"
           b"Content-Type: text/plain\r\n\r\nhello\r\n")


def site(dialect):
    return Dovecot(modules=[MODULES / "pushimap"], protocol_plugins={"imap": "fantail_imap"},
                   settings={"fantail_socket": bridge.path, "fantail_apple": "yes",
                             "fantail_deltapush": "yes", "fantail_webpush_dialect": dialect},
                   extra=plain() + "\nmail_max_userip_connections = 0\n")


main, coi = site("gougeon"), site("coi")
servers = [main, coi]


def phone(device=DEVICE, server=main, login=True):
    if server.process is None:
        server.start()
        equal(server.deliver(USER, MESSAGE), {}, "refused")
    return Phone(server, USER, device, login=login)


def fresh():
    bridge.forget()
    bridge.topic = TOPIC


def test(function):
    def wrapped():
        fresh()
        function()
        equal(bridge.complaints, [], "what the bridge disliked")
        for server in servers:
            if server.process is not None:
                equal(server.problems(), [], "Dovecot's log")
    wrapped.__name__ = function.__name__
    return suite.test(wrapped)


def words(lines):
    """Without what Dovecot puts before our words."""
    return [re.sub(r"^BAD Error in IMAP command [^:]*: ", "BAD ", line) for line in lines]


def same(got, wanted, what):
    """A wanted line may be a pattern."""
    equal(len(got), len(wanted), f"{what}: lines of {got}")
    for line, want in zip(got, wanted):
        if isinstance(want, re.Pattern):
            check(want.match(line), f"{what}: {line!r}")
        else:
            equal(line, want, what)


# --- every command -----------------------------------------------------------


URL = "https://push.example/abc"
KEYS = ("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "BTBZMqHH6r4Tts7J_aSIgg")
APPLE = ("«aps-account-id» «0715A26B-CA09-4730-A419-793000CA982E» «aps-device-token» "
         "«2918390218931890821908309283098109381029309829018310983092892829» «aps-subtopic» "
         "«com.apple.mobilemail»")
VALUES = "/private/filters/values"
COI = "/private/vendor/vendor.dovecot/webpush"
COI_ID = "31754ee7-d3ee-4226-b112-6895ed26fcf8"
COI_JSON = ('{"client":"App","device":"Phone","msgtype":"chat","resource":{"endpoint":"%s",'
            '"keys":{"p256dh":"%s","auth":"%s"}}}' % (URL, *KEYS))
SET, GET = "OK Setmetadata completed.", "OK Getmetadata completed."


def ok(name):
    return f"OK {name} completed."


class Row:
    """needs: "device", a P-IMAP session; "box", a selected mailbox; None, neither. `before` is
    done first. `server` has the command."""

    def __init__(self, text, *answer, needs=None, before=(), server=main):
        self.text, self.answer, self.needs = text, answer, needs
        self.before, self.server = before, server

    def spelt(self, form, at=None):
        """Pieces to be sent; before each but the first one the server has to ask for it. All
        strings are in this form, or the one that is `at`, and the others as they are."""
        count, pieces = -1, [""]
        for number, part in enumerate(re.split("[«»]", self.text)):
            count += number % 2
            if number % 2 == 0:
                pieces[-1] += part
            elif at not in (None, count) or form == "plain":
                pieces[-1] += part if re.fullmatch(r"[A-Za-z0-9_.:#/+-]+", part) else quoted(part)
            elif form == "quoted":
                pieces[-1] += quoted(part)
            elif form == "literal+":
                pieces[-1] += f"{{{len(part)}+}}\r\n{part}"
            else:
                pieces[-1] += f"{{{len(part)}}}\r\n"
                pieces.append(part)
        return pieces

    def strings(self):
        return self.text.count("«")

    def name(self):
        return self.text.split(" ", 1)[0]

    def prepare(self, imap, select=False):
        if select or self.needs == "box":
            imap.ok("EXAMINE INBOX")
        for command in self.before:
            imap.ok(command)


def quoted(text):
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


FILTER = ('XFILTER SET X "" (FROM boss)',)
SEARCHED = f'SETMETADATA "" ({VALUES}/x "FROM john")'
commands = [
    Row("XPROVISION «P6505551234» «id»", re.compile(r"\* XPROVISION XFILTER_GET"),
        re.compile(r"\* XPROVISION XFILTER_SET"),
        *[re.compile(rf"\* XPROVISION XPIMAPPREF {name} \(") for name in
          ("PIMAP_OUTBAND_CHANNEL", "PIMAP_OUTBAND_FORMAT", "PIMAP_INBAND_NEW_FORMAT",
           "PIMAP_INBAND_PUSH", "PIMAP_EVENT_FILTER", "XFILTER_TYPE", "XFILTER_NAME")],
        ok("XPROVISION")),
    Row("XSETPIMAPPREF «PIMAP_OUTBAND_ADDRESS» «+1 333 5559999»", ok("XSETPIMAPPREF"),
        needs="device"),
    Row("XSETPIMAPPREF «PIMAP_OUTBAND_CHANNEL» «SMS»", ok("XSETPIMAPPREF"), needs="device"),
    Row("XSETPIMAPPREF «PIMAP_XFILTER» («INBOX» «N» «X»)", ok("XSETPIMAPPREF"), needs="device",
        before=FILTER),
    Row("XGETPIMAPPREFS («PIMAP_EVENT_FILTER» «PIMAP_INBAND_PUSH»)",
        "* XGETPIMAPPREFS (PIMAP_EVENT_FILTER ALL PIMAP_INBAND_PUSH OFF)", ok("XGETPIMAPPREFS"),
        needs="device"),
    Row("XGETPIMAPPREF («PIMAP_EVENT_FILTER»)", "* XGETPIMAPPREF (PIMAP_EVENT_FILTER ALL)",
        ok("XGETPIMAPPREF"), needs="device"),
    Row("XFILTER SET CHARSET «UTF-8» «X» «from the boss» (FROM «boss» SUBJECT «to day»)",
        ok("XFILTER"), needs="device"),
    Row("XFILTER GET CHARSET «UTF-8» «X» (DESC CRITERIA)",
        '* XFILTER X (DESC "" CRITERIA (FROM boss))', ok("XFILTER"), needs="device",
        before=FILTER),
    Row("XFILTER DELETE «X»", ok("XFILTER"), needs="device", before=FILTER),
    Row("XFILTER «INBOX» N FROM «boss»", ok("XFILTER"), needs="device"),
    Row("XFILTER «INBOX» N GET", "* XFILTER INBOX N FROM boss", ok("XFILTER"), needs="device",
        before=("XFILTER INBOX N FROM boss",)),
    Row("LPROVISION", *[re.compile(r"\* LPROVISION ")] * 9, ok("LPROVISION"), needs="device"),
    Row("LSETPREF «L_EVENT_FILTER» «NEW»", ok("LSETPREF"), needs="device"),
    Row("LGETPREFS («L_EVENT_FILTER»)", "* LGETPREFS (L_EVENT_FILTER ALL)", ok("LGETPREFS"),
        needs="device"),
    Row("LFILTER DELETE «X»", ok("LFILTER"), needs="device", before=FILTER),
    Row("LEMONADEPROVISION", *[re.compile(r"\* LEMONADEPROVISION ")] * 9,
        ok("LEMONADEPROVISION"), needs="device"),
    Row("LEMONADESETPREF «PIMAP_EVENT_FILTER» «NEW»", ok("LEMONADESETPREF"), needs="device"),
    Row("LEMONADEGETPREFS («PIMAP_EVENT_FILTER»)",
        "* LEMONADEGETPREFS (PIMAP_EVENT_FILTER ALL)", ok("LEMONADEGETPREFS"), needs="device"),
    Row("LEMONADEFILTER «INBOX» N FROM «boss»", ok("LEMONADEFILTER"), needs="device"),
    Row("GETVAPID", f'* VAPID "{VAPID}"', ok("GETVAPID")),
    Row(f"WEBPUSH «phone» «{URL}» «{KEYS[0]}» «{KEYS[1]}» (EVENTS («MessageNew») MAILBOXES "
        "(«INBOX» «a b») CONTENT CLIENT «My App» DEVICE «a phone»)", "* WEBPUSH phone INACTIVE",
        f'* VAPID "{VAPID}"', ok("WEBPUSH")),
    Row("WEBPUSH «phone» NIL", ok("WEBPUSH")),
    Row("LWEBPUSH", ok("LWEBPUSH")),
    Row("ACKWEBPUSH «phone» «wrong»", "NO [CANNOT] wrong token.",
        before=(f"WEBPUSH phone {URL} {KEYS[0]} {KEYS[1]}",)),
    Row(f"XAPPLEPUSHSERVICE «aps-version» «2» {APPLE} «mailboxes» («INBOX»)",
        '* XAPPLEPUSHSERVICE "mailbox" INBOX',
        f'* XAPPLEPUSHSERVICE "aps-version" "2" "aps-topic" "{TOPIC}"',
        ok("XAPPLEPUSHSERVICE")),
    Row(f"XAPPLEPUSHSERVICE {APPLE} «aps-version» «1»",
        f'* XAPPLEPUSHSERVICE "aps-version" "1" "aps-topic" "{TOPIC}"',
        ok("XAPPLEPUSHSERVICE")),
    Row("SETMETADATA «INBOX» («/private/devicetoken» «fcm-chat.delta:one»)", SET),
    Row("GETMETADATA «INBOX» («/private/devicetoken»)",
        "* METADATA INBOX (/private/devicetoken {7}\r\na:b c:d)", GET,
        before=('SETMETADATA INBOX (/private/devicetoken "a:b")',
                'SETMETADATA INBOX (/private/devicetoken "c:d")')),
    Row(f"SETMETADATA «» («{VALUES}/x» «FROM \"my boss\"»)", SET),
    Row(f"GETMETADATA «» («{VALUES}/x»)", f'* METADATA "" ({VALUES}/x {{9}}\r\nFROM john)', GET,
        before=(SEARCHED,)),
    Row("SEARCH FILTER «x» FROM «john»", "* SEARCH 1", "OK Search completed.", needs="box",
        before=(SEARCHED,)),
    Row("FETCH 1 (UID XZIP.SIZE[1] XZIP.PEEK[1])",
        re.compile(r"\* 1 FETCH \(UID 1 XZIP.SIZE\[1\] \d+ XZIP\[1\] ~\{\d+\}\r\n"),
        "OK Fetch completed.", needs="box"),
    Row("UID FETCH 1 XZIP[1]", re.compile(r"\* 1 FETCH \(UID 1 XZIP\[1\] ~\{\d+\}\r\n"),
        "OK Fetch completed.", needs="box"),
    Row(f"SETMETADATA «» («{COI}/subscriptions/{COI_ID}» «{COI_JSON}»)", SET, server=coi),
    Row(f"SETMETADATA «» («{COI}/subscriptions/{COI_ID}» NIL)", SET, server=coi),
    Row(f"SETMETADATA «» («{COI}/subscriptions/{COI_ID}/validate» «wrong»)",
        "NO [CANNOT] wrong token.", server=coi,
        before=(f'SETMETADATA "" ({COI}/subscriptions/{COI_ID} {quoted(COI_JSON)})',)),
    Row(f"GETMETADATA «» («{COI}/vapid»)",
        re.compile(r"\* METADATA \"\" \(\S+/vapid \{177\}\r\n-----BEGIN PUBLIC KEY-----"), GET,
        server=coi),
]


# --- states ------------------------------------------------------------------


@test
def not_authenticated():
    for row in commands:  # three at most, and it closes
        with phone(login=False, server=row.server) as imap:
            lines = imap.command("".join(row.spelt("literal+")))
            check(len(lines) == 1 and lines[0].startswith("BAD "), f"{row.text}: {lines}")
    equal(bridge.requests, [], "requests")


@test
def logged_out():
    """There is no answer to what comes after LOGOUT, and nothing is done."""
    for row in commands:
        with phone(server=row.server) as imap:
            imap.send("x LOGOUT\r\ny " + "".join(row.spelt("literal+")) + "\r\n")
            lines = []
            try:
                while True:
                    lines.append(imap.line())
            except (EOFError, ConnectionResetError):
                pass
            check(not any(line.startswith("y ") for line in lines), f"{row.text}: {lines}")
    equal(bridge.requests, [], "requests")


@test
def regular_sessions():
    for row in commands:
        fresh()
        with phone(None, row.server) as imap:
            if row.needs == "device":
                equal(imap.command("".join(row.spelt("plain"))),
                      ["NO [CANNOT] This needs a P-IMAP session: log in as user#device."],
                      row.text)
                equal(bridge.requests, [], "requests")
            else:
                row.prepare(imap)
                same(words(imap.command("".join(row.spelt("plain")))), row.answer, row.text)


@test
def no_mailbox_is_selected():
    for row in commands:
        if row.needs == "box":
            with phone(server=row.server) as imap:
                equal(words(imap.command("".join(row.spelt("plain")))),
                      ["BAD No mailbox selected."], row.text)


@test
def a_mailbox_is_selected():
    for row in commands:
        fresh()
        with phone(server=row.server) as imap:
            row.prepare(imap, True)
            same(words(imap.command("".join(row.spelt("plain")))), row.answer, row.text)
            imap.ok("CHECK")


# --- strings -----------------------------------------------------------------


def say(imap, row, form, at):
    pieces = row.spelt(form, at)
    what = f"{row.text}: {form} {at}"
    imap.send("f " + pieces[0])
    for piece in pieces[1:]:
        check(imap.line().startswith("+ "), f"{what}: a continuation")
        imap.send(piece)
    imap.send("\r\n")
    same(words(imap.finish("f")), row.answer, what)


@test
def strings_in_every_form_and_place():
    for row in commands:
        with phone(server=row.server) as imap:
            for form in ("quoted", "literal+", "literal"):
                for at in [None] + list(range(row.strings())):
                    fresh()
                    row.prepare(imap)
                    say(imap, row, form, at)


@test
def any_case_of_a_name():
    for row in commands:
        fresh()
        with phone(server=row.server) as imap:
            row.prepare(imap)
            head, *rest = row.spelt("plain")[0].split(" ", 1)
            same(words(imap.command(" ".join([head.lower()] + rest))), row.answer, row.text)


# --- many at once ------------------------------------------------------------


@test
def all_at_once():
    """Each has its one tagged reply, whatever runs beside it, and answers come whole."""
    for server in servers:
        for delay in (0, 0.05):
            fresh()
            rows = [row for row in commands if row.server == server]
            with phone(server=server) as imap:
                imap.ok("EXAMINE INBOX")
                for row in rows:
                    row.prepare(imap)
                bridge.mode, bridge.delay = ("slow", delay) if delay else ("ok", 0)
                imap.send("".join(f"a{number} {''.join(row.spelt('literal+'))}\r\n"
                                  f"n{number} NOOP\r\n" for number, row in enumerate(rows)))
                tagged = {}
                while len(tagged) < 2 * len(rows):
                    line = imap.line()
                    tag, _, text = line.partition(" ")
                    if tag not in ("*", "+"):
                        check(tag not in tagged, f"{tag} twice: {line}")
                        tagged[tag] = text
                for number, row in enumerate(rows):
                    check(tagged[f"n{number}"].startswith("OK "), tagged[f"n{number}"])
                    # One may have taken what another one needs.
                    check(tagged[f"a{number}"].startswith(("OK ", "NO ")),
                          f"{row.text}: {tagged[f'a{number}']}")


# --- examples ----------------------------------------------------------------


@test
def the_examples_of_p_imap():
    with phone() as imap:
        imap.ok("LOGOUT")
    with phone(login=False) as imap:
        def say(command, *answer):
            tag, _, text = command.partition(" ")
            imap.send(command + "\r\n")
            same(words(imap.finish(tag)), answer, text)

        say(f"A01 LOGIN joe#{DEVICE} secret", re.compile(r"\* SESSIONID \S+$"),
            re.compile(r"OK \[CAPABILITY .*\] Logged in"))
        say("A002 XPROVISION",
            "* XPROVISION XFILTER_GET (DESC CRITERIA)",
            re.compile(r"\* XPROVISION XFILTER_SET \([^()]*\bDAYSBEFORETODAY\b[^()]*\)$"),
            "* XPROVISION XPIMAPPREF PIMAP_OUTBAND_CHANNEL (SMS WAP_PUSH NONE)",
            re.compile(r"\* XPROVISION XPIMAPPREF PIMAP_OUTBAND_FORMAT \(EMN"),
            re.compile(r"\* XPROVISION XPIMAPPREF PIMAP_INBAND_NEW_FORMAT \(NONE.*\)$"),
            re.compile(r"\* XPROVISION XPIMAPPREF PIMAP_INBAND_PUSH \(.*OFF\)$"),
            "* XPROVISION XPIMAPPREF PIMAP_EVENT_FILTER (ALL NEW NONE)",
            re.compile(r"\* XPROVISION XPIMAPPREF XFILTER_TYPE \(.*\bN\b.*\)$"),
            "* XPROVISION XPIMAPPREF XFILTER_NAME (ALL NONE)",
            "OK XPROVISION completed.")
        say("A002 XSETPIMAPPREF PIMAP_OUTBAND_ADDRESS 13335559999", "OK XSETPIMAPPREF completed.")
        say("A003 XSETPIMAPPREF PIMAP_OUTBAND_CHANNEL SMS", "OK XSETPIMAPPREF completed.")
        say("A005 XGETPIMAPPREFS (PIMAP_OUTBAND_CHANNEL)",
            "* XGETPIMAPPREFS (PIMAP_OUTBAND_CHANNEL SMS)", "OK XGETPIMAPPREFS completed.")
        say('A001 XFILTER SET FROM_JOHN "EMAILS FROM JOHN SINCE JUN-1-2003" '
            '(SINCE 1-Jun-2003 FROM "John")', "OK XFILTER completed.")
        say('A001 XFILTER SET PROFILE1 "Today\'s messages only" (DAYSBEFORETODAY 0)',
            "OK XFILTER completed.")
        say("A002 XFILTER GET PROFILE1 (DESC CRITERIA)",
            '* XFILTER PROFILE1 (DESC "Today\'s messages only" CRITERIA (DAYSBEFORETODAY 0))',
            "OK XFILTER completed.")
        say("A003 XSETPIMAPPREF PIMAP_XFILTER (INBOX N FROM_JOHN)", "OK XSETPIMAPPREF completed.")
        say("A003 XSETPIMAPPREF PIMAP_XFILTER (INBOX N PROFILE1)", "OK XSETPIMAPPREF completed.")
        say("A006 XGETPIMAPPREFS (PIMAP_XFILTER)",
            "* XGETPIMAPPREFS (PIMAP_XFILTER (ALL V ALL) PIMAP_XFILTER (INBOX N PROFILE1) "
            "PIMAP_XFILTER (ALL N NONE))", "OK XGETPIMAPPREFS completed.")
        say('A001 XFILTER INBOX P SINCE 1-Jun-2003 FROM "John"', "OK XFILTER completed.")
        say("A002 XFILTER ALL V GET", "* XFILTER ALL V ALL", "OK XFILTER completed.")
        say("A003 XFILTER ALL P NOT ALL", "OK XFILTER completed.")
        say("A004 XFILTER INBOX N ALL", "OK XFILTER completed.")
        say("A005 XFILTER INBOX N GET", "* XFILTER INBOX N ALL", "OK XFILTER completed.")
        say("A006 XFILTER ALL N GET", "* XFILTER ALL N NOT ALL", "OK XFILTER completed.")
        # A misprint of the draft.
        say("A7 XSETPIMAPPREF PIMAP_IN-BAND_NEW_FORMAT NONE", "OK XSETPIMAPPREF completed.")
        say("A8 XGETPIMAPPREFS (PIMAP_IN-BAND_NEW_FORMAT)",
            "* XGETPIMAPPREFS (PIMAP_INBAND_NEW_FORMAT NONE)", "OK XGETPIMAPPREFS completed.")


@test
def authenticate_says_the_same_as_login():
    with phone() as imap:
        imap.ok("LOGOUT")
    for resumed in (False, True):
        with phone(login=False) as imap:
            imap.send("a AUTHENTICATE PLAIN\r\n")
            check(imap.line().startswith("+"), "a continuation")
            imap.send(b"AGpvZSNQNjUwNTU1MTIzNABzZWNyZXQ=\r\n")  # \0joe#P6505551234\0secret
            same(imap.finish("a"), (["* SESSION AUTHENTICATED"] if resumed else []) +
                 [re.compile(r"\* SESSIONID "), re.compile(r"OK \[CAPABILITY .*\] Logged in")],
                 f"resumed: {resumed}")


@test
def names_of_devices():
    """Any other one is none, and the session a regular one."""
    for device, known in (("P1", True), ("6505551234", True), ("a-b_c.d", True), ("x" * 64, True),
                          ("x" * 65, False), ("", False), (".x", False), ("a#b", False)):
        with phone(login=False) as imap:
            *lines, result = imap.command(f'LOGIN "{USER}#{device}" secret')
            check(result.startswith("OK "), f"{device}: {result}")
            equal(len([line for line in lines if line.startswith("* SESSIONID ")]), int(known),
                  f"{device}: {lines}")
            equal(len(lines), int(known), f"{device}: {lines}")
            imap.ok("SELECT INBOX")
            answer = words(imap.command("XGETPIMAPPREFS (PIMAP_EVENT_FILTER)"))[-1]
            check(answer.startswith("OK " if known else "NO [CANNOT]"), f"{device}: {answer}")
    with phone(login=False) as imap:  # auth_username_chars
        result = imap.command(f'LOGIN "{USER}#a+b" secret')[-1]
        check(result.startswith("NO "), f"a letter of no name: {result}")


@test
def the_selected_mailbox_in_band():
    """Filters tell what is pushed; what a client has selected, it sees whole."""
    with phone() as imap, phone(None) as desk:
        imap.ok("XFILTER ALL N NOT ALL")
        desk.ok("CREATE band")
        imap.ok("SELECT band")
        for idle in (True, False):
            def told(*wanted):
                """In IDLE at once, else with the next reply."""
                lines = imap.ok("NOOP") if not idle else []
                while len(lines) < len(wanted):
                    lines.append(imap.line())
                lines = [line for line in lines if not line.endswith(" RECENT")]
                equal(lines[:len(wanted)], list(wanted), "told")

            if idle:
                imap.send("i IDLE\r\n")
                equal(imap.line(), "+ idling", "IDLE")
            desk.ok("APPEND band {9+}\r\nFrom: x\r\n")
            told("* 1 EXISTS")
            desk.ok("SELECT band")
            desk.ok(r"STORE 1 +FLAGS.SILENT (\Seen)")
            if idle:
                while "EXISTS" in (line := imap.line()) or "RECENT" in line:
                    pass
            else:
                line = imap.ok("NOOP")[-1]
            check(re.fullmatch(r"\* 1 FETCH \(.*FLAGS \(\\Seen( \\Recent)?\)\)", line), line)
            desk.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
            desk.ok("EXPUNGE")
            desk.ok("UNSELECT")
            if idle:
                while "EXPUNGE" not in (line := imap.line()):
                    pass
                imap.send("DONE\r\n")
                check(imap.finish("i")[-1].startswith("OK "), "DONE")
            else:
                line = [line for line in imap.ok("NOOP") if "EXPUNGE" in line][0]
            equal(line, "* 1 EXPUNGE", "expunged")


@test
def apples_keys():
    """Each has to be there, once, with a value that is a string."""
    keys = re.findall(r"«([^»]*)» «([^»]*)»", "«aps-version» «2» " + APPLE)
    with phone() as imap:
        def say(pairs, *answer):
            line = " ".join(f"{key} {value}" for key, value in pairs)
            same(words(imap.command(f"XAPPLEPUSHSERVICE {line}")), answer, line)
            imap.ok("CHECK" if answer[0] is not bad else "NOOP")

        bad = re.compile("BAD ")
        imap.ok("EXAMINE INBOX")
        whole = keys + [("mailboxes", "(INBOX)")]
        for number, (key, value) in enumerate(whole):
            rest = whole[:number] + whole[number + 1:]
            say(rest, bad)
            say(whole + [(key, value)], bad)
            say(rest + [(key, "NIL")], bad)
            say(rest + [(key, f"({value})")], bad)
            say(rest + [(key, "")], bad)
        for number in range(len(whole)):
            say(whole[number:] + whole[:number], *next(
                row for row in commands if row.name() == "XAPPLEPUSHSERVICE").answer)


@test
def cois_limits():
    path = f"{COI}/subscriptions"

    def value(**more):
        text = COI_JSON
        for key, new in more.items():
            text = re.sub(rf'("{key}"):"[^"]*"', lambda match: f'{match[1]}:"{new}"', text)
        return text

    good, cannot = re.compile(SET), re.compile(r"NO \[CANNOT\] ")
    long = re.compile(r"NO \[(LIMIT|CANNOT)\] ")
    url = "https://push.example/"
    rows = [
        # ID: 10 to 36 of [0-9A-Za-z_-]
        (f"{path}/{'x' * 9}", COI_JSON, cannot),
        (f"{path}/{'x' * 10}", COI_JSON, good),
        (f"{path}/{'x' * 36}", COI_JSON, good),
        (f"{path}/{'x' * 37}", COI_JSON, cannot),
        (f"{path}/_-09azAZ__", COI_JSON, good),
        (f"{path}/with.a.dot", COI_JSON, cannot),
        (f"{path}/{COI_ID}", value(client="x" * 128), good),
        (f"{path}/{COI_ID}", value(client="x" * 129), long),
        (f"{path}/{COI_ID}", value(device="x" * 128), good),
        (f"{path}/{COI_ID}", value(device="x" * 129), long),
        (f"{path}/{COI_ID}", value(endpoint=url + "x" * (512 - len(url))), good),
        (f"{path}/{COI_ID}", value(endpoint=url + "x" * (513 - len(url))), long),
        (f"{path}/{COI_ID}", value(p256dh="x" * 257), long),
        (f"{path}/{COI_ID}", value(auth="AAAA"), cannot),
        (f"{path}/{COI_ID}", value(msgtype="chat"), good),
        (f"{path}/{COI_ID}", value(msgtype="mail"), good),
        (f"{path}/{COI_ID}", value(msgtype="all"), good),
        (f"{path}/{COI_ID}", value(msgtype="Chat"), cannot),
        # Unknown keys are dropped.
        (f"{path}/{COI_ID}", COI_JSON[:-1] + ',"colour":{"a":[1,null]}}', good),
        (f"{path}/{COI_ID}", COI_JSON[:-1], cannot),
    ]
    with phone(server=coi) as imap:
        for name, text, answer in rows:
            same(imap.command(f'SETMETADATA "" ({name} {{{len(text)}+}}\r\n{text})'), [answer],
                 f"{name} {text}")
        lines = imap.ok(f'GETMETADATA (DEPTH 1) "" ({path})')
        check("colour" not in lines[0], lines)
        for depth in ("1", "infinity"):
            equal(len(re.findall(r'"created":"2019-10-16T16:14:17\+00:00","validated":false',
                                 imap.ok(f'GETMETADATA (DEPTH {depth}) "" ({path})')[0])), 4,
                  f"DEPTH {depth}")
        bridge.mode, bridge.code, bridge.text = "no", "limit", "too many"
        check(imap.command(f'SETMETADATA "" ({path}/{COI_ID} {quoted(COI_JSON)})')[-1]
              .startswith("NO [LIMIT] "), "too many subscriptions")


# --- bombs -------------------------------------------------------------------


# Of one imap process, in KiB: some 20 MiB are libraries.
MOST_MEMORY = 160 * 1024


def peak(server):
    pid = re.findall(r"mpid=(\d+)", server.log())[-1]
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s*(\d+)", status.read())[1])


def explode(imap, row, text, what):
    """Answered by NO or BAD, and nothing else happens to the session."""
    imap.send("b " + text + "\r\n")
    try:
        result = imap.finish("b")[-1]
        check(result.startswith(("BAD ", "NO ")), f"{what}: {result}")
        equal(imap.command("NOOP")[-1], "OK NOOP completed.", what)
    except (EOFError, ConnectionResetError):
        raise AssertionError(f"{what}: the session is gone") from None
    check(peak(row.server) < MOST_MEMORY, f"{what}: {peak(row.server)} KiB")


def places(row):
    """The command before and after each string."""
    parts = [quoted(part) if number % 2 else part
             for number, part in enumerate(re.split("[«»]", row.text))]
    for at in range(1, len(parts), 2):
        yield "".join(parts[:at]), "".join(parts[at + 1:])


@test
def names_of_100_kilobytes():
    for row in commands:
        for number, (before, after) in enumerate(places(row)):
            with phone(server=row.server) as imap:
                if row.needs == "box":
                    imap.ok("EXAMINE INBOX")
                for form, name in (("atom", "x" * 100_000), ("quoted", quoted("x" * 100_000)),
                                   ("literal+", "{60000+}\r\n" + "x" * 60_000)):
                    if row.name() == "SETMETADATA" and form != "literal+":
                        # Dovecot 2.3 panics when a session ends that had such a command, with
                        # our modules and without.
                        continue
                    explode(imap, row, before + name + after,
                            f"{row.text}, place {number}, {form}")


@test
def ten_thousand():
    """Of what there are lists of; as many as a line takes, which has 64 KiB."""
    names = " ".join(f"m{number}" for number in range(10_000))
    rows = [
        (main, f"XAPPLEPUSHSERVICE aps-version 2 {re.sub('[«»]', '', APPLE)} mailboxes ({names})"),
        (main, f"WEBPUSH phone {URL} {KEYS[0]} {KEYS[1]} (MAILBOXES ({names}))"),
        (main, f"WEBPUSH phone {URL} {KEYS[0]} {KEYS[1]} (EVENTS ({names}))"),
        (main, f"XPROVISION {names}"),
        (main, f"XGETPIMAPPREFS ({names})"),
        (main, f"XSETPIMAPPREF PIMAP_XFILTER ({names})"),
        (main, f"XSETPIMAPPREF PIMAP_INBAND_NEW_FORMAT ({names})"),
        (main, f"XFILTER GET X ({names})"),
        (main, f"XFILTER SET X \"\" ({'ALL ' * 10_000})"),
        (main, f"XFILTER INBOX N {'ALL ' * 10_000}"),
        (main, f"GETVAPID {names}"), (main, f"LWEBPUSH {names}"), (main, f"ACKWEBPUSH {names}"),
        (main, f'SETMETADATA "" ({VALUES}/x {{40000+}}\r\n{"ALL " * 10_000})'),
        (coi, f'SETMETADATA "" ({COI}/subscriptions/{COI_ID} {{40000+}}\r\n{"[[{ " * 10_000})'),
    ]
    for server, text in rows:
        with phone(server=server) as imap:
            explode(imap, Row(text, server=server), text, text[:60])


@test
def deep_and_many():
    deep = "(" * 1000 + "ALL" + ")" * 1000
    many = "ALL " * 100_000 + "ALL"
    programs = {"lists": deep, "NOT": "NOT " * 1000 + "ALL", "OR": "OR ALL " * 1000 + "ALL",
                "lists and NOT": "NOT (" * 1000 + "ALL" + ")" * 1000, "keys": many,
                "OR of lists": "OR (ALL) (" * 1000 + "ALL" + ")" * 1000}
    for name, program in programs.items():
        with phone() as imap:
            for text in (f'XFILTER SET X "" ({program})', f"XFILTER INBOX N {program}",
                         f"LFILTER INBOX N {program}", f"LEMONADEFILTER ALL N {program}",
                         f"XSETPIMAPPREF PIMAP_INBAND_NEW_FORMAT ({program})",
                         f"XGETPIMAPPREFS ({program})", f"XFILTER GET X ({program})"):
                explode(imap, commands[0], text, f"{name}: {text[:50]}")
            if len(program) < 60_000:
                explode(imap, commands[0],
                        f'SETMETADATA "" ({VALUES}/x {{{len(program)}+}}\r\n{program})', name)


@test
def filters_in_a_search():
    """Each name stands for as much as a filter may have."""
    size = limit("LIMIT_FILTER_CRITERIA")
    with phone() as imap:
        imap.ok("EXAMINE INBOX")
        program = ("ALL " * (size // 4)).strip()
        imap.ok(f'SETMETADATA "" ({VALUES}/x {{{len(program)}+}}\r\n{program})')
        imap.ok("SEARCH FILTER x FILTER x FILTER x")
        before = len(bridge.requests)
        explode(imap, commands[0], "SEARCH " + "FILTER x " * 7000, "7,000 times a long one")
        check(len(bridge.requests) - before < 10, "asked for it each time")
        explode(imap, commands[0], "SEARCH " + "NOT FILTER nobody " * 1000, "one that is not")
        imap.ok("SEARCH FILTER x")


@test
def parts_of_a_message():
    """Which parts there are is for FETCH to say, however often it is asked."""
    with phone() as imap:
        imap.ok("EXAMINE INBOX")
        for item in ("XZIP.PEEK[" + "1." * 20_000 + "1]", "XZIP.PEEK[99999999999]",
                     "XZIP.PEEK[" + "9" * 50_000 + "]", "(" * 1000 + "XZIP[1]" + ")" * 1000,
                     "(" + "XZIP[TEXT] " * 5000 + ")"):
            # One that there is not is empty, as with BINARY.
            check(len(imap.command(f"FETCH 1 {item}")) <= 2, item[:40])
            imap.ok("NOOP")
        lines = imap.ok("FETCH 1 (" + "XZIP.PEEK[1] XZIP.SIZE[1] " * 2000 + ")")
        equal(lines[0].count("XZIP[1] ~{"), 2000, "each")
        check(peak(main) < MOST_MEMORY, f"{peak(main)} KiB")


@test
def four_gigabytes():
    """Dovecot reads arguments for us, and ends the session as for a command of its own."""
    for row in commands:
        *before, last = [before for before, _ in places(row)] or [""]
        if row.name() != "SETMETADATA" and last:
            before.append(last)
        for text in before:
            for size in ("4294967296", "4294967295+"):
                with phone(server=row.server) as imap:
                    if row.needs == "box":
                        imap.ok("EXAMINE INBOX")
                    imap.send(f"x {text}{{{size}}}\r\n")
                    equal(imap.line(), "* BYE Literal size too large", f"{text}{{{size}}}")


@test
def a_value_of_four_gigabytes():
    """Dovecot takes it into a file. Here a part of it comes, and it goes on reading."""
    for row in commands:
        if row.name() == "SETMETADATA" and "NIL" not in row.text:
            before = list(places(row))[-1][0]
            with phone(server=row.server) as imap:
                imap.send(f"x {before}{{4294967295+}}\r\n")
                for _ in range(64):
                    imap.send(b"x" * (1 << 20))
                check(peak(row.server) < MOST_MEMORY, f"{before}: {peak(row.server)} KiB")


suite.on_failure = lambda: "\n".join(server.log()[-2000:] for server in servers
                                     if server.process is not None)

if __name__ == "__main__":
    try:
        suite.run()
    finally:
        for server in servers:
            server.close()
        bridge.close()
        scratch.cleanup()
