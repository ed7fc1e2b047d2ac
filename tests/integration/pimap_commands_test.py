#!/usr/bin/env python3
"""P-IMAP's commands against a real Dovecot: raw IMAP on a socket on one side, a stand-in for
the bridge on the other. scratch.py says where the module is looked for."""

import os
import re
import tempfile
import time

from dovecot import Dovecot
from fake_registrar import FakeRegistrar
from pimap import Phone, plain
from scratch import MODULES, limit
from tap import Suite, check, equal

suite = Suite("P-IMAP's commands")
scratch = tempfile.TemporaryDirectory(prefix="pimap-commands-")
os.chmod(scratch.name, 0o755)
bridge = FakeRegistrar(os.path.join(scratch.name, "bridge.sock"))
FAMILIES = {"": ("XPROVISION", "XPIMAPPREF", "XSETPIMAPPREF", "XGETPIMAPPREFS", "XFILTER"),
            "L": ("LPROVISION", "LPREF", "LSETPREF", "LGETPREFS", "LFILTER"),
            "LEMONADE": ("LEMONADEPROVISION", "LEMONADEPREF", "LEMONADESETPREF",
                         "LEMONADEGETPREFS", "LEMONADEFILTER")}
COMMANDS = [name for family in FAMILIES.values() for name in family[:1] + family[2:]]
CAPABILITIES = {"XPROVISION", "XPIMAPPREF", "XFILTER", "FILTERS", "XCONVERT"}


def site(expected=(), settings=None, **arguments):
    server = Dovecot(modules=[MODULES / "pushimap"], protocol_plugins={"imap": "fantail_imap"},
                     settings={"fantail_socket": bridge.path} | (settings or {}), extra=plain(),
                     **arguments)
    server.expected = expected
    server.told = 0
    return server


# What the operator is told, and only that.
main = site(expected=[r"fantail: [A-Z]+( filters| FILTER)?( NIL)?: (the bridge|/)"],
            users={"carol": {"mail_plugins": "notify"}})
off = site(settings={"fantail_pimap": "no"})
wrong = site(expected=["fantail_pimap = maybe is neither yes nor no"],
             settings={"fantail_pimap": "maybe"})
servers = [main, off, wrong]


def started(server):
    if server.process is None:
        server.start()
    return server


def phone(server=main, user="joe", device="P42"):
    return Phone(started(server), user, device)


def test(function):
    def wrapped():
        bridge.forget()
        function()
        equal(bridge.complaints, [], "what the bridge disliked")
        for server in servers:
            if server.process is not None:
                problems = server.problems(*server.expected)
                told, server.told = server.told, len(problems)
                equal(problems[told:], [], "Dovecot's log")
    wrapped.__name__ = function.__name__
    return suite.test(wrapped)


def answer(imap, command):
    """Its lines, without what Dovecot puts before our words."""
    return [re.sub(r"^BAD Error in IMAP command [^:]*: ", "BAD ", line)
            for line in imap.command(command)]


def transcript(imap, rows):
    """(command, lines of the answer) each; a line that is a pattern object has to match."""
    for command, *wanted in rows:
        got = answer(imap, command)
        name = command[:200]
        equal(len(got), len(wanted), f"{name}: lines of {got}")
        for line, want in zip(got, wanted):
            if isinstance(want, re.Pattern):
                check(want.match(line), f"{name}: {line!r}")
            else:
                equal(line, want, name)


def ok(command):
    return f"OK {command.split()[0]} completed."


def said():
    """What the bridge was asked for since the last time: verb and what it is about."""
    lines = [f"{request.verb} " + " ".join(f"{name}={value}" for name, value in request.pairs
                                           if name != "user") for request in bridge.requests]
    bridge.requests.clear()
    return [line.strip() for line in lines]


# --- who has it --------------------------------------------------------------


@test
def capabilities_and_a_setting():
    def capabilities(imap):
        return set(imap.command("CAPABILITY")[0].split()[2:])

    with phone() as imap:
        check(CAPABILITIES <= capabilities(imap), "with the plugin")
        check("XPIMAPV1R2" not in {word.upper() for word in capabilities(imap)}, "too much")
    with phone(user="carol") as imap:
        equal(CAPABILITIES & capabilities(imap), set(), "without the plugin")
        for command in COMMANDS:
            check(imap.command(command)[-1].startswith("BAD "), command)
    with phone(off) as imap:
        equal(CAPABILITIES & capabilities(imap), set(), "off")
        check("WEBPUSH" in capabilities(imap), "off: WEBPUSH is not")
        for command in COMMANDS:
            equal(answer(imap, command), ["BAD Unknown command."], command)
    with phone(wrong) as imap:
        check(CAPABILITIES <= capabilities(imap), "neither yes nor no")
    check("fantail_pimap = maybe" in wrong.log(), "the log says it")


@test
def before_login_there_is_none():
    for command in COMMANDS:  # it takes three and closes
        with Phone(started(main), "joe", "P42", login=False) as imap:
            check(imap.command(command)[-1].startswith("BAD "), command)
    equal(said(), [], "requests")


@test
def a_regular_session_may_provision_a_device_and_no_more():
    no = re.compile(r"NO \[CANNOT\] This needs a P-IMAP session")
    with phone(device=None) as imap:
        transcript(imap, [
            ("XPROVISION", no),
            ("XSETPIMAPPREF PIMAP_OUTBAND_CHANNEL SMS", no),
            ("XSETPIMAPPREF PIMAP_XFILTER (INBOX N ALL)", no),
            ("XGETPIMAPPREFS (PIMAP_OUTBAND_CHANNEL)", no),
            ("XFILTER GET ALL (DESC)", no),
            ("XFILTER SET X \"\" (ALL)", no),
            ("XFILTER DELETE X", no),
            ("XFILTER INBOX N ALL", no),
            ("XFILTER INBOX N GET", no),
        ])
        equal(said(), [], "requests")
        equal(imap.command("XPROVISION P42")[-1], ok("XPROVISION"), "of a device")
        equal(said(), ["PROFILE device=P42", "FILTERLIST"], "requests")


@test
def the_bridge_hears_that_a_device_is_back():
    bridge.presences.clear()
    with phone() as imap:
        imap.ok("NOOP")
        deadline = time.monotonic() + 30
        while not bridge.presences and time.monotonic() < deadline:
            time.sleep(0.02)
    equal([(request.one("user"), request.one("device"), request.one("listening"))
           for request in bridge.presences], [("joe", "P42", "no")], "PRESENT")
    with phone() as imap:
        bridge.mode = "stall"
        imap.ok("LOGOUT")


# --- XPROVISION --------------------------------------------------------------


PROVISION = [
    "* XPROVISION XFILTER_GET (DESC CRITERIA)",
    re.compile(r"\* XPROVISION XFILTER_SET \((?=.*\bALL\b)(?=.*\bDAYSBEFORETODAY\b)"
               r"(?=.*\bFROM\b)(?=.*\bNOT\b)[A-Z -]+\)$"),
    "* XPROVISION XPIMAPPREF PIMAP_OUTBAND_CHANNEL (SMS WAP_PUSH NONE)",
    "* XPROVISION XPIMAPPREF PIMAP_OUTBAND_FORMAT (EMN)",
    "* XPROVISION XPIMAPPREF PIMAP_INBAND_NEW_FORMAT (NONE)",
    "* XPROVISION XPIMAPPREF PIMAP_INBAND_PUSH (OFF)",
    "* XPROVISION XPIMAPPREF PIMAP_EVENT_FILTER (ALL NEW NONE)",
    "* XPROVISION XPIMAPPREF XFILTER_TYPE (N)",
    "* XPROVISION XPIMAPPREF XFILTER_NAME (ALL NONE)",
    ok("XPROVISION"),
]


@test
def provision():
    with phone() as imap:
        transcript(imap, [
            ("XPROVISION", *PROVISION),
            ("XPROVISION P43", *PROVISION),
            ('XPROVISION "P43" {2+}\r\nid', *PROVISION),
            ("XFILTER SET boss \"\" (FROM boss)", ok("XFILTER")),
            ("xprovision", *PROVISION[:-2],
             "* XPROVISION XPIMAPPREF XFILTER_NAME (ALL NONE BOSS)", ok("XPROVISION")),
            ("XPROVISION P/43", re.compile(r"NO \[CANNOT\] Device id is not valid")),
            ("XPROVISION P43 x y", "BAD Too many arguments."),
            ("XPROVISION (P43)", "BAD Invalid arguments."),
        ])
        equal(said()[:4], ["PROFILE device=P42", "FILTERLIST", "PROFILE device=P43",
                           "FILTERLIST"], "requests")


@test
def provision_shows_the_key_to_nobody_who_listens():
    bridge.extra = {"notify_address": "+15550100", "notify_port": "143", "enc_key": "c2VjcmV0"}
    with phone() as imap:
        lines = imap.command("XPROVISION")
        check("* XPROVISION PIMAP_NOTIFICATION ADDRESS (+15550100)" in lines, lines)
        check("* XPROVISION PIMAP_NOTIFICATION PORT (143)" in lines, lines)
        check(not any("c2VjcmV0" in line for line in lines), "a key without TLS")


# --- preferences -------------------------------------------------------------


DEFAULTS = {"OUTBAND_ADDRESS": '""', "OUTBAND_CHANNEL": "NONE", "INBAND_NEW_FORMAT": "NONE",
            "INBAND_PUSH": "OFF", "OUTBAND_FORMAT": "EMN", "EVENT_FILTER": "ALL"}


@test
def defaults_of_every_preference():
    with phone() as imap:
        for name, value in DEFAULTS.items():
            transcript(imap, [(f"XGETPIMAPPREFS (PIMAP_{name})",
                               f"* XGETPIMAPPREFS (PIMAP_{name} {value})", ok("XGETPIMAPPREFS"))])
        transcript(imap, [
            ("XGETPIMAPPREFS (PIMAP_XFILTER)",
             "* XGETPIMAPPREFS (PIMAP_XFILTER (ALL V ALL) PIMAP_XFILTER (ALL N NONE))",
             ok("XGETPIMAPPREFS")),
            ("XGETPIMAPPREFS (" + " ".join(f"PIMAP_{name}" for name in DEFAULTS) + ")",
             "* XGETPIMAPPREFS (" + " ".join(f"PIMAP_{name} {value}"
                                             for name, value in DEFAULTS.items()) + ")",
             ok("XGETPIMAPPREFS")),
        ])


@test
def every_preference_is_set_and_comes_back():
    rows = [
        ("PIMAP_OUTBAND_ADDRESS", "13335559999", None),
        ("PIMAP_OUTBAND_ADDRESS", '"+1 333 555"', None),
        ("PIMAP_OUTBAND_ADDRESS", "{3+}\r\na b", '"a b"'),
        ("PIMAP_OUTBAND_ADDRESS", "NIL", '""'),
        ("PIMAP_OUTBAND_CHANNEL", "SMS", None),
        ("PIMAP_OUTBAND_CHANNEL", '"wap_push"', "WAP_PUSH"),
        ("PIMAP_OUTBAND_CHANNEL", "NONE", None),
        ("PIMAP_OUTBAND_FORMAT", "EXTENDED", None),
        ("PIMAP_OUTBAND_FORMAT", "EMN", None),
        ("PIMAP_INBAND_PUSH", "off", "OFF"),
        ("PIMAP_EVENT_FILTER", "NEW", None),
        ("PIMAP_EVENT_FILTER", "NONE", None),
        ("PIMAP_EVENT_FILTER", "ALL", None),
        ("PIMAP_INBAND_NEW_FORMAT", "none", "NONE"),
    ]
    with phone() as imap:
        for name, value, back in rows:
            transcript(imap, [
                (f"XSETPIMAPPREF {name} {value}", ok("XSETPIMAPPREF")),
                (f"XGETPIMAPPREFS ({name})", f"* XGETPIMAPPREFS ({name} {back or value})",
                 ok("XGETPIMAPPREFS"))])
        imap.command("XSETPIMAPPREF PIMAP_OUTBAND_CHANNEL SMS")
    with phone(device="P43") as imap:
        transcript(imap, [("XGETPIMAPPREFS (PIMAP_OUTBAND_CHANNEL)",
                           "* XGETPIMAPPREFS (PIMAP_OUTBAND_CHANNEL NONE)", ok("XGETPIMAPPREFS"))])
    with phone() as imap:
        transcript(imap, [("XGETPIMAPPREFS (PIMAP_OUTBAND_CHANNEL)",
                           "* XGETPIMAPPREFS (PIMAP_OUTBAND_CHANNEL SMS)", ok("XGETPIMAPPREFS"))])


@test
def values_that_there_are_not():
    with phone() as imap:
        transcript(imap, [
            ("XSETPIMAPPREF PIMAP_OUTBAND_CHANNEL PIGEON", "NO [CANNOT] no such channel."),
            ("XSETPIMAPPREF PIMAP_OUTBAND_FORMAT MORSE", "NO [CANNOT] Value is not supported."),
            ("XSETPIMAPPREF PIMAP_INBAND_PUSH MAYBE", "NO [CANNOT] Value is not supported."),
            ("XSETPIMAPPREF PIMAP_INBAND_PUSH ON", "NO [CANNOT] Value is not supported."),
            ("XSETPIMAPPREF PIMAP_INBAND_NEW_FORMAT FAST", "NO [CANNOT] Value is not supported."),
            ("XSETPIMAPPREF PIMAP_INBAND_NEW_FORMAT (UID FLAGS)",
             "NO [CANNOT] Value is not supported."),
            ("XSETPIMAPPREF PIMAP_EVENT_FILTER OLD", "NO [CANNOT] Value is not supported."),
            ("XSETPIMAPPREF PIMAP_OUTBAND_ADDRESS {4+}\r\na\r\nb",
             "NO [CANNOT] Value is not plain UTF-8 text."),
            ("XSETPIMAPPREF PIMAP_OUTBAND_ADDRESS " + "x" * (limit("LIMIT_PIMAP_NEW_FORMAT") + 1),
             "NO [LIMIT] Value is too long."),
            ("XSETPIMAPPREF PIMAP_INBAND_NEW_FORMAT (COLOUR)",
             re.compile(r"NO \[CANNOT\] Invalid fetch-att list: Unknown parameter")),
            ("XSETPIMAPPREF PIMAP_INBAND_NEW_FORMAT (UID (FLAGS))", re.compile("BAD ")),
            ("XSETPIMAPPREF PIMAP_INBAND_NEW_FORMAT ()", re.compile("BAD ")),
            ("XSETPIMAPPREF PIMAP_INBAND_NEW_FORMAT (BODY.PEEK[HEADER.FIELDS (\"a\"])",
             re.compile("BAD ")),
            ("XSETPIMAPPREF PIMAP_COLOUR RED", "BAD Unknown preference."),
            ("XSETPIMAPPREF PIMAP_OUTBAND_CHANNEL", "BAD Value missing."),
            ("XSETPIMAPPREF", "BAD Preference's name missing."),
            ("XSETPIMAPPREF PIMAP_OUTBAND_CHANNEL SMS MMS", "BAD Too many arguments."),
            ("XSETPIMAPPREF (PIMAP_OUTBAND_CHANNEL) SMS", re.compile("BAD ")),
            ("XGETPIMAPPREFS", re.compile("BAD ")),
            ("XGETPIMAPPREFS ()", re.compile("BAD ")),
            ("XGETPIMAPPREFS (PIMAP_COLOUR)", "BAD Unknown preference."),
            ("XGETPIMAPPREFS ((PIMAP_OUTBAND_CHANNEL))", re.compile("BAD ")),
        ])
        equal([line for line in said() if "PIGEON" not in line], [], "requests")


@test
def filters_are_attached_and_listed():
    with phone() as imap:
        transcript(imap, [
            ("XFILTER SET from_john \"mail from John\" (SINCE 1-Jun-2003 FROM \"John\")",
             ok("XFILTER")),
            ("XSETPIMAPPREF PIMAP_XFILTER (inbox N FROM_JOHN)", ok("XSETPIMAPPREF")),
            ("XSETPIMAPPREF XFILTER (ALL P from_john)", ok("XSETPIMAPPREF")),
            ("XSETPIMAPPREF PIMAP_XFILTER (\"Gel&APY-scht\" N ALL)", ok("XSETPIMAPPREF")),
            ("XSETPIMAPPREF PIMAP_XFILTER ({3+}\r\nALL {1+}\r\nN {9+}\r\nfrom_john)",
             ok("XSETPIMAPPREF")),
            ("XGETPIMAPPREFS (PIMAP_XFILTER)",
             "* XGETPIMAPPREFS (PIMAP_XFILTER (ALL V ALL) PIMAP_XFILTER (INBOX N FROM_JOHN) "
             "PIMAP_XFILTER (ALL N FROM_JOHN) PIMAP_XFILTER (Gel&APY-scht N ALL) "
             'PIMAP_XFILTER ("ALL" N FROM_JOHN))', ok("XGETPIMAPPREFS")),
            ("XSETPIMAPPREF PIMAP_XFILTER (INBOX N NONE)", ok("XSETPIMAPPREF")),
            ("XSETPIMAPPREF PIMAP_XFILTER (ALL V ALL)", ok("XSETPIMAPPREF")),
            ("XSETPIMAPPREF PIMAP_XFILTER (INBOX N NOBODY)", "NO [NONEXISTENT] no such filter."),
            ("XSETPIMAPPREF PIMAP_XFILTER (\"x&y\" N ALL)",
             "NO [CANNOT] Mailbox name is not valid."),
            ("XSETPIMAPPREF PIMAP_XFILTER INBOX N ALL", re.compile("BAD ")),
            ("XSETPIMAPPREF PIMAP_XFILTER (INBOX X ALL)", re.compile("BAD ")),
        ])
        for kind in "VB":
            for command in (f"XSETPIMAPPREF PIMAP_XFILTER (INBOX {kind} FROM_JOHN)",
                            f"XFILTER INBOX {kind} FROM x"):
                transcript(imap, [(command, re.compile(
                    r"NO \[CANNOT\] Filters tell here what is pushed"))])
        equal(said()[1:5], ["ATTACH device=P42 filter=FROM_JOHN mailbox=INBOX",
                            "ATTACH device=P42 filter=FROM_JOHN",
                            "ATTACH device=P42 filter=ALL mailbox=Gelöscht",
                            "ATTACH device=P42 filter=FROM_JOHN mailbox=ALL"], "requests")


# --- XFILTER -----------------------------------------------------------------


@test
def a_named_filter_from_birth_to_death():
    with phone() as imap:
        transcript(imap, [
            ("XFILTER GET BOSS (DESC CRITERIA)", "NO [NONEXISTENT] No such filter."),
            ("XFILTER SET boss \"from the boss\" (FROM \"boss@foo.com\" DAYSBEFORETODAY 0)",
             ok("XFILTER")),
            ("XFILTER GET BOSS (DESC CRITERIA)",
             '* XFILTER BOSS (DESC "from the boss" CRITERIA (FROM "boss@foo.com" '
             "DAYSBEFORETODAY 0))", ok("XFILTER")),
            ("XFILTER GET boss (DESC)", '* XFILTER BOSS (DESC "from the boss")', ok("XFILTER")),
            ("XFILTER GET boss (CRITERIA)",
             '* XFILTER BOSS (CRITERIA (FROM "boss@foo.com" DAYSBEFORETODAY 0))', ok("XFILTER")),
            ("XFILTER GET CHARSET utf-8 boss ()", "* XFILTER BOSS ()", ok("XFILTER")),
            ("XFILTER GET CHARSET koi8-r boss (DESC)",
             re.compile(r"NO \[BADCHARSET \(UTF-8\)\] ")),
            ("XFILTER GET ALL (DESC CRITERIA)", '* XFILTER ALL (DESC "" CRITERIA (ALL))',
             ok("XFILTER")),
            ("XFILTER GET none (CRITERIA)", "* XFILTER NONE (CRITERIA (NOT ALL))", ok("XFILTER")),
            ("XFILTER SET none \"\" (ALL)", "NO [CANNOT] This filter cannot be changed."),
            ("XFILTER DELETE all", "NO [CANNOT] This filter cannot be changed."),
            ("XFILTER DELETE boss", ok("XFILTER")),
            ("XFILTER DELETE boss", "NO [NONEXISTENT] no such filter."),
        ])
        equal(said()[1:3], ["FILTERSET name=BOSS criteria=FROM \"boss@foo.com\" "
                            "DAYSBEFORETODAY 0 description=from the boss",
                            "FILTERLIST name=BOSS"], "requests")


@test
def the_direct_form():
    with phone() as imap:
        transcript(imap, [
            ("XFILTER INBOX N GET", "* XFILTER INBOX N NOT ALL", ok("XFILTER")),
            ("XFILTER INBOX V GET", "* XFILTER INBOX V ALL", ok("XFILTER")),
            ("XFILTER INBOX P SINCE 1-Jun-2003 FROM \"John\"", ok("XFILTER")),
            ("XFILTER INBOX N GET", '* XFILTER INBOX N SINCE 1-Jun-2003 FROM "John"',
             ok("XFILTER")),
            ("XFILTER Drafts N GET", "* XFILTER Drafts N NOT ALL", ok("XFILTER")),
            ("XFILTER ALL N OR FROM a TO b", ok("XFILTER")),
            ("XFILTER Drafts N GET", "* XFILTER Drafts N OR FROM a TO b", ok("XFILTER")),
            ("XFILTER inbox N GET", '* XFILTER INBOX N SINCE 1-Jun-2003 FROM "John"',
             ok("XFILTER")),
            ("XFILTER ALL P NOT ALL", ok("XFILTER")),
            ("XFILTER ALL N GET", "* XFILTER ALL N NOT ALL", ok("XFILTER")),
            ("XFILTER inbox n all", ok("XFILTER")),
            ("XFILTER INBOX P GET", "* XFILTER INBOX N ALL", ok("XFILTER")),
            ("XFILTER INBOX N CHARSET UTF-8 SUBJECT {2+}\r\nä", ok("XFILTER")),
            ("XFILTER INBOX N GET", "* XFILTER INBOX N SUBJECT {2}\r\nä", ok("XFILTER")),
            ("XFILTER INBOX N", "BAD Criteria missing."),
            ("XFILTER INBOX", re.compile("BAD ")),
            ("XFILTER INBOX B GET", re.compile("BAD ")),
            ("XFILTER", re.compile("BAD ")),
        ])
        name = next(iter(bridge.attachments["joe", "P42"].values()))
        equal(list(bridge.attachments["joe", "P42"]), ["INBOX"], "attached")
        check(name in bridge.filters["joe"], "the filter has a name")
        imap.command("XFILTER INBOX N FROM other")
        equal(bridge.attachments["joe", "P42"], {"INBOX": name}, "the next takes its place")
        count = len(bridge.filters["joe"])
    with phone(device="P43") as imap:
        imap.command("XFILTER INBOX N FROM mine")
        equal(len(bridge.filters["joe"]), count + 1, "each device has its own")


# As typed, and as kept: NULL = the same.
CRITERIA = [
    ("ALL", None),
    ("all", None),
    ("ANSWERED DELETED DRAFT FLAGGED SEEN RECENT NEW OLD", None),
    ("UNANSWERED UNDELETED UNDRAFT UNFLAGGED UNSEEN", None),
    ("KEYWORD $Junk UNKEYWORD \\x", None),
    ("BEFORE 1-Jan-2020 ON 1-Jan-2020 SINCE 1-Jan-2020", None),
    ("SENTBEFORE 1-Jan-2020 SENTON 1-Jan-2020 SENTSINCE \" 1-Jan-2020\"", None),
    ("LARGER 1000 SMALLER 2000", None),
    ("OLDER 3600 YOUNGER 3600", None),
    ("FROM a TO b CC c BCC d SUBJECT e", None),
    ("BODY x TEXT y", None),
    ('HEADER "X-Spam" ""', None),
    ("UID 1:* 2,4:7", None),
    ("MODSEQ 1", None),
    ("FUZZY SUBJECT x", None),
    ("OR FROM a NOT (TO b OR CC c BCC d)", None),
    ("OR OR FROM a FROM b FROM c", None),
    ("NOT NOT NOT ALL", None),
    ("((((ALL))))", None),
    ("DAYSBEFORETODAY 0", None),
    ("NOT (DAYSBEFORETODAY \"14\")", None),
    ("INTHREAD REFS FROM a", None),
    ("FROM NIL", None),
    ('SUBJECT "a \\"b\\" \\\\c"', None),
    ("SUBJECT {3+}\r\na b", 'SUBJECT "a b"'),
    ('SUBJECT {3+}\r\na"\\', 'SUBJECT "a\\"\\\\"'),
    ("SUBJECT {0+}\r\n FROM {1+}\r\nx", 'SUBJECT "" FROM "x"'),
    ("(SUBJECT {2+}\r\nä)", '(SUBJECT "ä")'),
    ('SUBJECT "ä"', None),
    ("FROM  a   TO b", "FROM a TO b"),
]


@test
def the_whole_grammar_of_search():
    with phone() as imap:
        for typed, kept in CRITERIA:
            equal(imap.command(f'XFILTER SET X "" ({typed})'), [ok("XFILTER")], typed)
            equal(bridge.filters["joe"]["X"][0], kept or typed, "as it is kept")
            charset = None if (kept or typed).isascii() else "UTF-8"
            equal(bridge.filters["joe"]["X"][1], charset, "its charset")
            # What it answers with can be given again.
            line, result = imap.command("XFILTER GET X (CRITERIA)")
            equal(result, ok("XFILTER"), typed)
            again = re.fullmatch(r"\* XFILTER X \(CRITERIA \((.*)\)\)", line, re.DOTALL)[1]
            again = re.sub(r"\{(\d+)\}", r"{\1+}", again)
            equal(imap.command(f'XFILTER SET Y "" ({again})'), [ok("XFILTER")], again)
            equal(bridge.filters["joe"]["Y"], bridge.filters["joe"]["X"], "once more")


@test
def charsets():
    def filter_of(command):
        imap.send(b"c " + command + b"\r\n")
        return imap.finish("c")[-1]

    with phone() as imap:
        equal(filter_of(b'XFILTER SET CHARSET iso-8859-1 X "" (SUBJECT "\xe4")'), ok("XFILTER"),
              "Latin-1")
        equal(bridge.filters["joe"]["X"], ('SUBJECT "ä"', "UTF-8", None), "in UTF-8")
        equal(filter_of(b'XFILTER SET CHARSET utf-7 X "" (SUBJECT +AOQ-)'), ok("XFILTER"), "UTF-7")
        equal(bridge.filters["joe"]["X"], ('SUBJECT "ä"', "UTF-8", None), "in UTF-8")
        equal(filter_of(b'XFILTER SET CHARSET us-ascii X "" (SUBJECT a)'), ok("XFILTER"), "ASCII")
        equal(filter_of(b'XFILTER SET CHARSET x-none X "" (SUBJECT a)'),
              "NO [BADCHARSET] Unknown charset.", "unknown")
        equal(filter_of(b"XFILTER INBOX N CHARSET x-none ALL"),
              "NO [BADCHARSET] Unknown charset.", "unknown, direct")
        check(filter_of(b'XFILTER SET X "" (SUBJECT "\xe4")').endswith("Invalid search key."),
              "not UTF-8")
        equal(filter_of(b'XFILTER SET X "\xe4" (ALL)'),
              "NO [CANNOT] Description is not plain UTF-8 text.", "description")
        equal(filter_of('XFILTER SET X "ä" (ALL)'.encode()), ok("XFILTER"), "description")
        equal(imap.command("XFILTER GET X (DESC)")[0], "* XFILTER X (DESC {2}\r\nä)", "comes back")


@test
def criteria_that_are_none():
    # A session is closed after twenty.
    for criteria in ("COLOUR red", "FROM", "NOT", "OR ALL", "SINCE tomorrow", "LARGER big",
                     "FROM (a)", "()", "ALL ()", '"FROM" a', "KEYWORD", "0:a",
                     "DAYSBEFORETODAY", "DAYSBEFORETODAY -1", "DAYSBEFORETODAY x",
                     "DAYSBEFORETODAY 99999999999",
                     "$", "UID $", "NOT (OR ALL UID $)"):
        with phone() as imap:
            for command in (f'XFILTER SET X "" ({criteria})', f"XFILTER INBOX N {criteria}"):
                transcript(imap, [(command, re.compile("BAD "))])
    with phone() as imap:
        transcript(imap, [
            ('XFILTER SET X "" (SUBJECT {4+}\r\na\r\nb)',
             "NO [CANNOT] Strings cannot have more than one line here."),
            ('XFILTER SET X "" (SUBJECT {3+}\r\na\0b)', re.compile("BAD ")),
            ('XFILTER SET X ""', re.compile("BAD ")),
            ('XFILTER SET X "" ALL', re.compile("BAD ")),
            ("XFILTER SET X (ALL)", re.compile("BAD ")),
            ('XFILTER SET X "" (ALL) (ALL)', "BAD Too many arguments."),
            ('XFILTER SET a/b "" (ALL)', re.compile(r"NO \[CANNOT\] Filter name")),
            ('XFILTER SET "a b" "" (ALL)', re.compile(r"NO \[CANNOT\] Filter name")),
            ('XFILTER SET "" "" (ALL)', "BAD Filter name is empty."),
            ("XFILTER GET X", re.compile("BAD ")),
            ("XFILTER GET X (COLOUR)", "BAD Unknown item."),
            ("XFILTER DELETE", re.compile("BAD ")),
            ("NOOP", "OK NOOP completed."),
        ])
        equal(said(), [], "requests")


# --- bombs -------------------------------------------------------------------


@test
def bombs():
    name = "x" * 100_000
    rows = [
        f"XPROVISION {name}", f"XSETPIMAPPREF {name} x", f"XSETPIMAPPREF PIMAP_XFILTER ({name} N X)",
        f"XGETPIMAPPREFS ({name})", f"XFILTER GET {name} (DESC)", f"XFILTER SET X {name} (ALL)",
        f"XFILTER {name} N ALL", f'XFILTER SET X "" (FROM {name})',
        'XFILTER SET X "" (' + "ALL " * 30_000 + "ALL)",
    ]
    with phone() as imap:
        for command in rows:
            try:
                result = imap.command(command)[-1]
                check(result.startswith(("BAD ", "NO ")), f"{command[:40]}: {result}")
                equal(imap.command("NOOP"), ["OK NOOP completed."], command[:40])
            except EOFError:
                raise AssertionError(f"{command[:40]}: the session is gone") from None
    equal(said(), [], "requests")


@test
def bombs_that_fit_a_line():
    deep = limit("LIMIT_FILTER_LISTS")
    keys = limit("LIMIT_FILTER_OPERATORS")
    size = limit("LIMIT_FILTER_CRITERIA")
    with phone() as imap:
        rows = [
            ('XFILTER SET X "" ' + "(" * 1000 + "ALL" + ")" * 1000, re.compile("BAD ")),
            ("XFILTER INBOX N " + "(" * 1000 + "ALL" + ")" * 1000, re.compile("BAD ")),
            ("XGETPIMAPPREFS " + "(" * 1000, re.compile("BAD ")),
            ("XSETPIMAPPREF PIMAP_INBAND_NEW_FORMAT " + "(" * 1000 + ")" * 1000,
             re.compile("BAD ")),
            # Keys that take keys, as many as there may be.
            ("XFILTER INBOX N " + "NOT " * keys + "ALL", ok("XFILTER")),
            ("XFILTER INBOX N " + "OR " * keys + "ALL " * keys + "ALL", ok("XFILTER")),
            ("XFILTER INBOX N " + "NOT " * (keys + 1) + "ALL", "BAD Too many NOT and OR."),
            ("XFILTER INBOX N FROM " + "a" * (size - 5), ok("XFILTER")),
            ("XFILTER INBOX N FROM " + "a" * (size - 4), "NO [LIMIT] Arguments are too long."),
            ('XFILTER SET X "" ' + "(" * (deep - 1) + "ALL" + ")" * (deep - 1), ok("XFILTER")),
        ]
        for row in rows:
            transcript(imap, [row, ("NOOP", "OK NOOP completed.")])


@test
def a_literal_of_four_gigabytes():
    """Dovecot reads arguments for us, and ends the session as for a command of its own."""
    commands = ["SEARCH FROM ", "XPROVISION ", "XPROVISION P42 ", "XSETPIMAPPREF ",
                "XSETPIMAPPREF PIMAP_OUTBAND_ADDRESS ", "XSETPIMAPPREF PIMAP_XFILTER (INBOX N ",
                "XGETPIMAPPREFS (", "XFILTER ", "XFILTER INBOX N FROM ", "XFILTER GET ",
                'XFILTER SET X "" (FROM ', "XFILTER SET X ", "XFILTER DELETE "]
    for command in commands:
        for size in ("4294967296", "4294967295+", 2 ** 63, 2 ** 65):
            with phone() as imap:
                imap.send(f"x {command}{{{size}}}\r\n")
                equal(imap.line(), "* BYE Literal size too large", f"{command}{{{size}}}")
    equal(said(), [], "requests")


@test
def literals_that_wait_for_the_server():
    """In each place that can have one."""
    commands = [("XPROVISION", ["P42", "x"], ""),
                ("XSETPIMAPPREF", ["PIMAP_OUTBAND_ADDRESS", "13335559999"], ""),
                ("XGETPIMAPPREFS (", ["PIMAP_OUTBAND_ADDRESS", "PIMAP_XFILTER"], ")"),
                ("XFILTER SET", ["X", "what it is", ], " (ALL)"),
                ("XFILTER SET X \"\" (FROM", ["boss"], ")"),
                ("XFILTER GET", ["X"], " (DESC CRITERIA)"),
                ("XSETPIMAPPREF PIMAP_XFILTER (", ["INBOX", "N", "X"], ")"),
                ("XFILTER DELETE", ["X"], "")]
    with phone() as imap:
        for command, values, end in commands:
            tag, text = "l", f"l {command}"
            for value in values:
                imap.send(f"{text} {{{len(value)}}}\r\n")
                equal(imap.line()[:2], "+ ", f"{command} {value}")
                text = value
            imap.send(f"{text}{end}\r\n")
            equal(imap.finish(tag)[-1], ok(command), command)


# --- the other drafts' names -------------------------------------------------


@test
def lemonades_names():
    def renamed(line, family, prefix, attach):
        for old, new in zip(FAMILIES[""], FAMILIES[family]):
            line = re.sub(rf"\b{old}\b", new, line)
            line = re.sub(rf"\b{old}_(?=GET|SET|TYPE|NAME)", new + "_", line)
        return line.replace("PIMAP_XFILTER", attach).replace("PIMAP_", prefix)

    script = [
        "XPROVISION",
        'XFILTER SET BOSS "the boss" (FROM "boss@foo.com")',
        "XFILTER GET BOSS (DESC CRITERIA)",
        "XSETPIMAPPREF PIMAP_XFILTER (INBOX N BOSS)",
        "XSETPIMAPPREF PIMAP_OUTBAND_CHANNEL SMS",
        "XSETPIMAPPREF PIMAP_EVENT_FILTER NEW",
        "XGETPIMAPPREFS (PIMAP_OUTBAND_CHANNEL PIMAP_EVENT_FILTER PIMAP_XFILTER)",
        "XFILTER INBOX N GET",
    ]
    with phone() as imap:
        wanted = [imap.command(command) for command in script]
    for family, prefix, attach in (("L", "L_", "L_FILTER"),
                                   ("LEMONADE", "PIMAP_", "PIMAP_XFILTER")):
        bridge.forget()
        with phone() as imap:
            for command, lines in zip(script, wanted):
                equal(imap.command(renamed(command, family, prefix, attach)),
                      [renamed(line, family, prefix, attach) for line in lines], family + command)
    with phone() as imap:
        transcript(imap, [("XGETPIMAPPREF (PIMAP_EVENT_FILTER)",
                           "* XGETPIMAPPREF (PIMAP_EVENT_FILTER NEW)", ok("XGETPIMAPPREF"))])


# --- the same filters as metadata (RFC 5466) ----------------------------------


SET = "OK Setmetadata completed."
GET = "OK Getmetadata completed."
VALUES, DESCRIPTIONS = "/private/filters/values", "/private/filters/descriptions"


@test
def filters_are_metadata_too():
    """Also of a session without a device."""
    with phone(device=None) as imap:
        transcript(imap, [
            (f'GETMETADATA "" {VALUES}/boss', f'* METADATA "" ({VALUES}/boss NIL)', GET),
            (f'SETMETADATA "" ({VALUES}/boss "OR FROM \\"my boss\\" DAYSBEFORETODAY 3")', SET),
            (f'GETMETADATA "" {VALUES}/boss',
             f'* METADATA "" ({VALUES}/boss {{35}}\r\nOR FROM "my boss" DAYSBEFORETODAY 3)', GET),
            (f'SETMETADATA "" ({DESCRIPTIONS}/boss "from the boss")', SET),
            (f'GETMETADATA "" {DESCRIPTIONS}/Boss',
             f'* METADATA "" ({DESCRIPTIONS}/boss {{13}}\r\nfrom the boss)', GET),
        ])
        equal(bridge.filters["joe"], {"BOSS": ('OR FROM "my boss" DAYSBEFORETODAY 3', None,
                                               "from the boss")}, "at the bridge")
    with phone() as imap:
        transcript(imap, [
            ("XFILTER GET boss (DESC CRITERIA)", '* XFILTER BOSS (DESC "from the boss" CRITERIA '
             '(OR FROM "my boss" DAYSBEFORETODAY 3))', ok("XFILTER")),
            ('XFILTER SET other "" (ALL)', ok("XFILTER")),
            (f'SETMETADATA "" ({VALUES}/boss "ALL")', SET),
            ("XFILTER GET boss (DESC)", '* XFILTER BOSS (DESC "from the boss")', ok("XFILTER")),
        ])
        listing = "\n".join(imap.command(f'GETMETADATA (DEPTH 1) "" {VALUES}'))
        equal(sorted(re.findall(r"values/(\S+)", listing)), ["boss", "other"], "listed")
        listing = "\n".join(imap.command(f'GETMETADATA (DEPTH 1) "" {DESCRIPTIONS}'))
        equal(re.findall(r"descriptions/(\S+)", listing), ["boss"], "listed")
        transcript(imap, [
            (f'SETMETADATA "" ({DESCRIPTIONS}/boss NIL)', SET),
            (f'SETMETADATA "" ({DESCRIPTIONS}/nobody NIL)', SET),
            (f'SETMETADATA "" ({VALUES}/nobody NIL)', SET),
            (f'SETMETADATA "" ({VALUES}/other NIL)', SET),
        ])
        equal(bridge.filters["joe"], {"BOSS": ("ALL", None, None)}, "at the bridge")


@test
def values_of_metadata_that_are_no_filters():
    def set_value(imap, name, value):
        data = value if isinstance(value, bytes) else value.encode()
        imap.send(f'm SETMETADATA "" ({name} {{{len(data)}+}}\r\n'.encode() + data + b")\r\n")
        return imap.finish("m")[-1]

    with phone() as imap:
        for value in ("", "COLOUR red", "FROM", "UID $", "(ALL", "ALL)", "SUBJECT {9}\r\nab",
                      "CHARSET", "CHARSET x-none ALL", b"SUBJECT \"\xff\"", "ALL\r\nALL",
                      "(" * 1000 + "ALL" + ")" * 1000):
            check(set_value(imap, f"{VALUES}/x", value).startswith("NO [CANNOT] "), value[:40])
        long = "x" * limit("LIMIT_FILTER_CRITERIA")
        check(set_value(imap, f"{VALUES}/x", f"FROM {long}").startswith("NO [LIMIT] "), "long")
        for name in ("all", "none", "x/y", "x" * 65):
            check(set_value(imap, f"{VALUES}/{name}", "ALL").startswith(("NO ", "BAD ")), name)
        check(set_value(imap, "/private/filters/colours/x", "ALL").startswith("NO [CANNOT] "),
              "neither value nor description")
        check(set_value(imap, f"{DESCRIPTIONS}/x", "words").startswith("NO [CANNOT] "),
              "a description of nothing")
        equal([line for line in said() if line.startswith("FILTERSET")], [], "requests")
        equal(set_value(imap, f"{VALUES}/x", b"CHARSET iso-8859-1 SUBJECT \"\xe4\""), SET,
              "Latin-1")
        equal(set_value(imap, f"{VALUES}/y", "SUBJECT {3}\r\na b"), SET, "a literal in it")
        equal(bridge.filters["joe"], {"X": ('SUBJECT "ä"', "UTF-8", None),
                                      "Y": ('SUBJECT "a b"', None, None)}, "at the bridge")
        value = 'CHARSET UTF-8 SUBJECT "ä"'
        equal(imap.command(f'GETMETADATA "" {VALUES}/x')[0],
              f'* METADATA "" ({VALUES}/x {{{len(value.encode())}}}\r\n{value})', "comes back")
        bridge.mode, bridge.code = "no", "limit"
        check(set_value(imap, f"{VALUES}/z", "ALL").startswith("NO "), "the bridge's NO")
        bridge.mode = "close"
        check(imap.command(f'GETMETADATA "" {VALUES}/x')[-1].startswith("NO "), "away")


@test
def search_by_the_name_of_a_filter():
    started(main)
    for sender, day in (("boss", "1"), ("mate", "2"), ("boss", "3")):
        main.deliver("sue", f"From: {sender}@foo.com\r\nSubject: {day} ä\r\n\r\nx\r\n".encode())
    with phone(user="sue", device=None) as imap:
        imap.ok("SELECT INBOX")
        transcript(imap, [
            (f'SETMETADATA "" ({VALUES}/boss "FROM boss")', SET),
            (f'SETMETADATA "" ({VALUES}/either "OR SUBJECT 1 SUBJECT 2")', SET),
            ("SEARCH FILTER boss", "* SEARCH 1 3", re.compile("OK ")),
            ("UID SEARCH NOT FILTER Boss", "* SEARCH 2", re.compile("OK ")),
            ("SEARCH FILTER boss FILTER either", "* SEARCH 1", re.compile("OK ")),
            ("SEARCH OR FILTER {4+}\r\nboss (FILTER either)", "* SEARCH 1 2 3",
             re.compile("OK ")),
            ("SEARCH CHARSET UTF-8 FILTER all", "* SEARCH 1 2 3", re.compile("OK ")),
            ("SEARCH FILTER none", "* SEARCH", re.compile("OK ")),
            ("SORT (REVERSE ARRIVAL) UTF-8 FILTER either FROM mate", "* SORT 2",
             re.compile("OK ")),
            ("SEARCH FILTER nobody", "NO [UNDEFINED-FILTER NOBODY] No such filter."),
            ("SEARCH OR ALL FILTER nobody", "NO [UNDEFINED-FILTER NOBODY] No such filter."),
            ("SEARCH FILTER", re.compile("BAD ")),
            ("SEARCH FILTER (boss)", re.compile("BAD ")),
            ("SEARCH FILTER a/b", re.compile("BAD ")),
            ("SEARCH COLOUR red", re.compile("BAD ")),
            (f'SETMETADATA "" ({VALUES}/loop "FILTER boss")', re.compile(r"NO \[CANNOT\] ")),
            ("SEARCH FROM boss", "* SEARCH 1 3", re.compile("OK ")),
        ])
        # Delivered today, or just before midnight; and long ago.
        imap.ok('APPEND INBOX "01-Jan-2020 12:00:00 +0000" {14+}\r\nSubject: old\r\n')
        transcript(imap, [
            (f'SETMETADATA "" ({VALUES}/days "DAYSBEFORETODAY 1")', SET),
            ("SEARCH FILTER days", "* SEARCH 1 2 3", re.compile("OK ")),
            (f'SETMETADATA "" ({VALUES}/days "DAYSBEFORETODAY 36500")', SET),
            ("SEARCH FILTER days", "* SEARCH 1 2 3 4", re.compile("OK ")),
        ])
        for _ in range(25):  # BAD as often would end the session
            equal(imap.command("SEARCH FILTER nobody")[-1][:21], "NO [UNDEFINED-FILTER ", "again")
        bridge.mode = "close"
        transcript(imap, [("SEARCH FILTER boss", re.compile(r"NO \[UNAVAILABLE\] ")),
                          ("SEARCH FROM boss", "* SEARCH 1 3", re.compile("OK "))])
    with phone(off, user="sue") as imap:
        imap.ok("SELECT INBOX")
        transcript(imap, [("SEARCH FILTER boss", re.compile("BAD .*FILTER"))])


@test
def without_pimap_no_filters():
    with phone(off) as imap:
        check(imap.command(f'SETMETADATA "" ({VALUES}/x "ALL")')[-1].startswith(("NO ", "BAD ")),
              "SETMETADATA")
    equal(said(), [], "requests")


# --- the bridge --------------------------------------------------------------


@test
def the_bridge_refuses_or_is_away():
    commands = ["XPROVISION", "XSETPIMAPPREF PIMAP_EVENT_FILTER NEW",
                "XSETPIMAPPREF PIMAP_XFILTER (INBOX N ALL)", "XGETPIMAPPREFS (PIMAP_XFILTER)",
                "XFILTER GET X (DESC)", 'XFILTER SET X "" (ALL)', "XFILTER DELETE X",
                "XFILTER INBOX N FROM x", "XFILTER INBOX N GET"]
    codes = {"limit": "LIMIT", "refused": "CANNOT", "notfound": "NONEXISTENT",
             "unavailable": "UNAVAILABLE", "busy": "UNAVAILABLE", "denied": "NOPERM"}
    with phone() as imap:
        for command in commands:
            for code, shown in codes.items():
                bridge.mode, bridge.code, bridge.text = "no", code, "some words"
                got = imap.command(command)
                check(len(got) == 1 and got[0].startswith(f"NO [{shown}] "), f"{command}: {got}")
            for mode in ("garbage", "close", "half", "mute", "nul", "version"):
                bridge.mode = mode
                got = imap.command(command)
                check(len(got) == 1 and got[0].startswith("NO [UNAVAILABLE] "),
                      f"{command}, {mode}: {got}")


@test
def pipelining():
    bridge.mode, bridge.delay = "slow", 0.5
    with phone() as imap:
        imap.send("a XPROVISION\r\nb NOOP\r\nc SELECT INBOX\r\nd XFILTER INBOX N FROM x\r\n"
                  "e XGETPIMAPPREFS (PIMAP_EVENT_FILTER)\r\nf NOOP\r\n"
                  'g XFILTER SET X "" (ALL)\r\nh XSETPIMAPPREF PIMAP_EVENT_FILTER NEW\r\n')
        tagged = []
        while len(tagged) < 8:
            line = imap.line()
            if re.match("[a-h] ", line):
                tagged.append(line)
        equal(sorted(line[:4] for line in tagged), [f"{tag} OK" for tag in "abcdefgh"],
              "each is answered once")
        equal(len(bridge.attachments["joe", "P42"]), 1, "attached")


@test
def the_client_goes_away_between_two_requests():
    bridge.mode, bridge.delay = "slow", 0.5
    for _ in range(3):
        with phone() as imap:
            imap.start("XPROVISION")
            imap.start("XFILTER INBOX N FROM x")
            time.sleep(0.6)
    bridge.mode = "ok"
    with phone() as imap:
        equal(imap.command("NOOP"), ["OK NOOP completed."], "others are served")


@test
def selected_and_idle():
    with phone() as imap:
        imap.ok("SELECT INBOX")
        transcript(imap, [("XPROVISION", *PROVISION),
                          ("XFILTER INBOX N FROM x", ok("XFILTER"))])
        bridge.mode, bridge.delay = "slow", 0.5
        tag = imap.start("XGETPIMAPPREFS (PIMAP_EVENT_FILTER)")
        imap.send("i IDLE\r\n")
        equal(imap.line()[:2], "+ ", "idling")
        equal(imap.finish(tag), ["* XGETPIMAPPREFS (PIMAP_EVENT_FILTER ALL)",
                                 ok("XGETPIMAPPREFS")], "the answer")
        imap.send("DONE\r\n")
        check(imap.finish("i")[-1].startswith("OK"), "DONE")


if __name__ == "__main__":
    suite.on_failure = lambda: "\n".join(server.log() for server in servers
                                         if server.process is not None)[-3000:]
    try:
        suite.run()
    finally:
        for server in servers:
            server.close()
        bridge.close()
        scratch.cleanup()
