#!/usr/bin/env python3
"""Notification filters, judged by the event plugin in a real Dovecot: the stand-in for the
bridge names them, and looks at what comes in the events.

scratch.py says where the built modules are looked for. With --whole the verdicts on 200
messages by 500 filters are compared with SEARCH, else on 50 by 300."""

import ctypes
import datetime
import email.header
import email.utils
import glob
import imaplib
import os
import random
import shutil
import sys
import tempfile
import time

from dovecot import Dovecot
from fake_bridge import FakeBridge
from scratch import MODULES, limit
from tap import Suite, check, equal

PLUGINS = str(MODULES / "plugins")
MESSAGE = b"From: Pat <pat@example.org>\r\nTo: Zo\xc3\xab <z@example.org>\r\n" \
          b"Subject: hello\r\n\r\nhow are you\r\n"

WHOLE = "--whole" in sys.argv

suite = Suite("event filters")
scratch = tempfile.mkdtemp(prefix="fantail-")
os.chmod(scratch, 0o755)
SOCKET = os.path.join(scratch, "bridge.sock")
SPOOL = os.path.join(scratch, "spool")
# Time enough on a busy machine; the tests of the budget have their own.
SETTINGS = {"fantail_socket": SOCKET, "fantail_hub": os.path.join(scratch, "hub.sock"),
            "fantail_spool": SPOOL, "fantail_deadline": "5000", "fantail_filter_budget": "5000"}


def attach(*filters):
    """Criteria, or (criteria, charset); their names are f0, f1, ..."""
    pairs = [one if isinstance(one, tuple) else (one, None) for one in filters]
    bridge.filters = [(f"f{number}", *pair) for number, pair in enumerate(pairs)]
    bridge.forget()


def only(items, what):
    equal(len(items), 1, f"number of {what} in {items}")
    return items[0]


def delivered(user, message=MESSAGE):
    """The event of a delivery."""
    bridge.forget()
    equal(dovecot.deliver(user, message), {}, "refused")
    return only([event for event in bridge.events_of(user) if event["name"] == "MessageNew"],
                "events")


def with_settings(**settings):
    settings = {**SETTINGS, **settings}
    if dovecot.settings != settings:
        dovecot.settings = settings
        dovecot.write_config()
        dovecot.reload()


@suite.test
def names_of_those_that_match():
    attach("FROM pat", "FROM nobody", 'SUBJECT "hello" UNSEEN', "NOT BODY are")
    equal(delivered("names")["filters"], "f0 f2", "filters")
    attach("FROM nobody")
    equal(delivered("names")["filters"], "", "none matched")
    attach()
    check("filters" not in delivered("names"), "nothing to judge")


@suite.test
def the_bridge_is_asked_for_the_mailbox():
    attach("ALL")
    imap = dovecot.imap("asked", "INBOX")
    imap.create("a/b")
    bridge.forget()
    imap.append("a/b", None, None, MESSAGE)
    imap.logout()
    equal(bridge.wanted_mailboxes, ["a/b"], "mailbox of WANT")
    equal(only(bridge.events_of("asked"), "events")["filters"], "f0", "filters")


class LocksOfMaildir:
    """How often its list of UIDs was locked and unlocked since the last time."""

    CREATED_OR_GONE = 0x100 | 0x200  # IN_CREATE, IN_DELETE; one event is not told twice in a row

    def __init__(self, path):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_NONBLOCK)
        if self.fd < 0 or libc.inotify_add_watch(self.fd, os.fsencode(path),
                                                 self.CREATED_OR_GONE) < 0:
            raise OSError(ctypes.get_errno(), f"inotify, {path}")

    def count(self):
        found = 0
        while True:
            try:
                found += os.read(self.fd, 65536).count(b"dovecot-uidlist.lock\0")
            except BlockingIOError:
                return found


@suite.test
def a_message_just_saved_is_not_looked_for():
    attach()
    delivered("found")
    locks = LocksOfMaildir(os.path.join(dovecot.home("found"), "Maildir"))
    delivered("found")
    wanted = locks.count()
    check(wanted > 0, "saving locks")
    attach("FROM pat", "SUBJECT hello", "BODY are", "LARGER 1")
    equal(delivered("found")["filters"], "f0 f1 f2 f3", "filters")
    equal(locks.count(), wanted, "locks of a delivery that is judged")
    os.close(locks.fd)


@suite.test
def many_with_the_same_criteria():
    attach("ALL", "FROM pat", "FROM pat", ("FROM pat", "UTF-8"), "NOT ALL", "FROM pat")
    equal(delivered("same")["filters"], "f0 f1 f2 f3 f5", "filters")


@suite.test
def charsets():
    attach(('TO "Zoë"', "UTF-8"), ('TO "Zoé"', "UTF-8"), 'TO "Zoë"', ("FROM pat", "x-none"))
    equal(delivered("charset", b"From: pat\r\nTo: =?utf-8?q?Zo=C3=AB?= <z@x.org>\r\n\r\n.\r\n")
          ["filters"], "f0 f2 f3", "filters; what cannot be judged counts as a match")
    check("Unknown charset" in dovecot.log(), "is in the log")


@suite.test
def changes_are_judged_as_they_leave_the_message():
    attach("SEEN", "UNSEEN", "KEYWORD $Work", "DELETED", "UID 2", "2")
    for _ in range(2):
        delivered("flags")
    imap = dovecot.imap("flags", "INBOX")

    def told(*command):
        bridge.forget()
        equal(getattr(imap, command[0])(*command[1:])[0], "OK", f"{command}")
        return {event["name"]: event.get("filters") for event in bridge.events_of("flags")}

    equal(told("store", "2", "+FLAGS", r"(\Seen)"), {"MessageRead": "f0 f4 f5"}, "seen")
    equal(told("store", "1:2", "+FLAGS", r"($Work)"), {"FlagsSet": "f0 f1 f2 f4 f5"}, "either")
    equal(told("store", "2", "-FLAGS", r"(\Seen)"), {"FlagsClear": "f1 f2 f4 f5"}, "not seen")
    equal(told("store", "1", "+FLAGS", r"(\Deleted)"), {"MessageTrash": "f1 f2 f3"}, "deleted")
    equal(told("expunge"), {"MessageExpunge": None}, "nothing is left to judge")
    equal(told("copy", "1", "INBOX"), {"MessageAppend": "f1 f2 f5"}, "a copy")
    # What the client sees does not move by our look.
    equal(imap.search(None, "ALL")[1], [b"1 2"], "the client's view")
    imap.logout()


@suite.test
def keys_of_all_kinds():
    rows = {"NEW": True, "RECENT UNSEEN": True, "OLD": False, 'BODY ""': True, 'TEXT ""': True,
            'HEADER Subject ""': True, 'HEADER X-None ""': False, 'BODY "\\\\"': False,
            "MODSEQ 1": True, "YOUNGER 3600": True, "OLDER 3600": False,
            "MIMEPART EXISTS": True, "NOT ALL": False, "1": True, "2": False, "*": True,
            "NOT (OR NOT ALL NOT ALL)": True}
    attach(*rows)
    event = delivered("kinds")
    got = dict(zip(rows, ["f%d" % number in event["filters"].split()
                          for number in range(len(rows))]))
    equal(got, rows, "what matches")


@suite.test
def lda_judges():
    attach("FROM pat", "NOT FROM pat")
    bridge.forget()
    equal(dovecot.lda("ldauser", MESSAGE), 0, "exit code")
    equal([event.get("filters") for event in bridge.events_of("ldauser")
           if event["name"] == "MessageNew"], ["f0"], "filters")


@suite.test
def a_filter_that_is_none_counts_as_a_match():
    for bad in ("NONSENSE", "FROM", "(", '"', 'FROM "x', "OR ALL", "SINCE yesterday", "",
                "FROM {5}", "INTHREAD REFS ALL", "DAYSBEFORETODAY x", "DAYSBEFORETODAY",
                "ALL\r\nALL", "\x01", "UID x", "LARGER -1"):
        attach("FROM pat", bad, "FROM nobody")
        equal(delivered("bad")["filters"], "f0 f1", f"filters with {bad!r}")


@suite.test
def bombs_cost_a_match():
    most = limit("LIMIT_FILTER_CRITERIA")
    deep = limit("LIMIT_FILTER_LISTS")
    many = limit("LIMIT_FILTER_OPERATORS")
    for criteria in ("(" * 1000 + "ALL" + ")" * 1000, "(" * (deep + 1) + "ALL" + ")" * (deep + 1),
                     "NOT " * (many + 1) + "ALL", "OR ALL " * (many + 1) + "ALL",
                     "NOT " * 2000 + "ALL", ")" * 1000, "{4294967295}"):
        attach("FROM nobody", criteria)
        equal(delivered("bombs")["filters"], "f1", f"{criteria[:40]}...")
    for criteria, matches in (("(" * deep + "FROM nobody" + ")" * deep, False),
                              ("NOT " * many + "FROM pat", many % 2 == 0),
                              ("OR FROM nobody " * many + "FROM pat", True)):
        attach("FROM nobody", criteria)
        equal(delivered("bombs")["filters"], "f1" if matches else "", f"{criteria[:40]}...")
    # More than a filter may have: nothing is judged.
    for filters in (["FROM nobody", "FROM " + "x" * most], ["FROM " + "x" * 100000],
                    ["FROM nobody"] * (limit("LIMIT_FILTERS_PER_USER") + 1)):
        attach(*filters)
        check("filters" not in delivered("bombs"), f"not judged: {len(filters)} filters")
    attach(*["FROM nobody"] * limit("LIMIT_FILTERS_PER_USER"))
    equal(delivered("bombs")["filters"], "", "as many as there may be")


@suite.test
def what_is_not_judged_in_time():
    large = MESSAGE + b"x" * 70 + b"\r\n" * 30000
    attach("BODY nothing", "FROM nobody")
    equal(delivered("slow", large)["filters"], "", "in time")
    try:
        with_settings(fantail_filter_budget="0")
        check("filters" not in delivered("slow"), "no time at all")
        # 1 MB of body, and 1 ms.
        with_settings(fantail_filter_budget="1ms")
        check("filters" not in delivered("slow", MESSAGE + b"x\r\n" * 350000), "a large body")
    finally:
        with_settings()


@suite.test
def a_mailbox_that_cannot_be_read():
    """Delivered, and not judged, where the user may post but not read."""
    attach("FROM pat")
    imap = dovecot.imap("posting", "INBOX")
    imap.create("drop")
    equal(imap.setacl("drop", "posting", "lpiak")[0], "OK", "SETACL")
    bridge.forget()
    imap.append("drop", None, None, MESSAGE)
    imap.logout()
    for event in bridge.events_of("posting"):
        check("filters" not in event, f"not judged: {event}")


# --- DAYSBEFORETODAY ---------------------------------------------------------------------


@suite.test
def days_before_today():
    attach(*[f"DAYSBEFORETODAY {days}" for days in (0, 1, 2, 10, 4294967295)])
    imap = dovecot.imap("days", "INBOX")
    midnight = datetime.datetime.combine(datetime.date.today(), datetime.time())
    moments = {  # days that SEARCH has to name, at the least
        midnight + datetime.timedelta(seconds=1): 0, midnight - datetime.timedelta(seconds=1): 1,
        midnight - datetime.timedelta(days=1): 1,
        midnight - datetime.timedelta(days=1, seconds=1): 2,
        midnight - datetime.timedelta(days=10): 10,
        midnight - datetime.timedelta(days=10, seconds=1): 11,
    }
    for moment, least in moments.items():
        bridge.forget()
        imap.append("INBOX", None, imaplib.Time2Internaldate(moment.timestamp()), MESSAGE)
        event = only(bridge.events_of("days"), "events")
        expected = [f"f{n}" for n, days in enumerate((0, 1, 2, 10, 4294967295)) if least <= days]
        equal(event["filters"].split(), expected, f"filters of {moment}")
    for days in (0, 1, 2, 10, 11, 4294967295):
        found = imap.search(None, "DAYSBEFORETODAY", str(days))[1][0].split()
        equal([int(uid) for uid in found],
              [n for n, least in enumerate(moments.values(), 1) if least <= days], f"days {days}")
    equal(imap.search(None, "NOT", "DAYSBEFORETODAY", "0")[1], [b"2 3 4 5 6"], "NOT")
    for wrong in ("x", "-1", "4294967296", "()"):
        try:
            status = imap.search(None, "DAYSBEFORETODAY", wrong)[0]
        except imaplib.IMAP4.error:
            status = "BAD"
        equal(status, "BAD", wrong)
    imap.logout()


# --- the same as SEARCH --------------------------------------------------------------------

WORDS = ["lunch", "report", "invoice", "urgent", "news", "Zoë", "café", "bridge", "at noon", "x"]
NAMES = ["pat", "zoe", "boss", "list", "Müller", "o'neil"]
HOSTS = ["example.org", "example.com", "mail.example.org"]
HEADERS = ["From", "To", "Subject", "List-Id", "X-Priority", "Message-ID", "Reply-To"]


def word_encoded(text):
    return email.header.Header(text, "utf-8").encode() if not text.isascii() else text


def generated_message(rng, number):
    def address():
        name = rng.choice(NAMES)
        plain = f"{name if name.isascii() else 'mueller'}@{rng.choice(HOSTS)}"
        return rng.choice([plain, f"{word_encoded(name)} <{plain}>", f'"{name}, A" <{plain}>'
                           if name.isascii() else plain])

    date = time.time() - rng.choice([0, 3600, 86400, 3 * 86400, 30 * 86400])
    lines = [f"From: {address()}", f"To: {address()}, {address()}",
             f"Subject: {word_encoded(' '.join(rng.sample(WORDS, 2)))}",
             f"Date: {email.utils.formatdate(date, localtime=rng.random() < 0.5)}",
             f"Message-ID: <{number}@example.org>"]
    if rng.random() < 0.4:
        lines.append(f"Cc: {address()}")
    if rng.random() < 0.3:
        lines.append(f"List-Id: <{rng.choice(WORDS[:5])}.example.org>")
    if rng.random() < 0.3:
        lines.append(f"X-Priority: {rng.randint(1, 5)}")
    if rng.random() < 0.2:
        lines.append(f"Subject: {rng.choice(WORDS[:5])}\r\n  {rng.choice(WORDS[:5])}")
    if rng.random() < 0.1:
        lines.remove(lines[rng.randrange(len(lines))])
    rng.shuffle(lines)
    body = " ".join(rng.choices(WORDS, k=rng.randint(0, 200)))
    if rng.random() < 0.3:
        lines += ["MIME-Version: 1.0", "Content-Type: multipart/alternative; boundary=b"]
        body = (f"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n"
                "--b\r\nContent-Type: text/html; charset=utf-8\r\n"
                "Content-Transfer-Encoding: quoted-printable\r\n\r\n<p>caf=C3=A9 lun=\r\nch</p>\r\n"
                "--b--\r\n")
    elif rng.random() < 0.8:
        lines += ["MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8"]
    return ("\r\n".join(lines) + "\r\n\r\n" + body + "\r\n").encode()


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def generated_key(rng, depth=0):
    if depth < 3 and rng.random() < 0.35:
        kind = rng.choice(["NOT", "OR", "("])
        if kind == "NOT":
            return f"NOT {generated_key(rng, depth + 1)}"
        if kind == "OR":
            return f"OR {generated_key(rng, depth + 1)} {generated_key(rng, depth + 1)}"
        return "(" + " ".join(generated_key(rng, depth + 1)
                              for _ in range(rng.randint(1, 3))) + ")"
    day = datetime.date.today() - datetime.timedelta(days=rng.choice([-1, 0, 1, 2, 3, 30, 31]))
    date = day.strftime("%d-%b-%Y")
    text = rng.choice([rng.choice(WORDS), rng.choice(WORDS)[:3], rng.choice(NAMES),
                       rng.choice(HOSTS), ""])
    return rng.choice([
        lambda: f"{rng.choice(['FROM', 'TO', 'CC', 'BCC'])} {quoted(rng.choice(NAMES + HOSTS))}",
        lambda: f"{rng.choice(['FROM', 'TO'])} {quoted(rng.choice(NAMES) + ', A')}",
        lambda: f"SUBJECT {quoted(text)}",
        lambda: f"SUBJECT {quoted(' '.join(rng.sample(WORDS[:5], 2)))}",
        lambda: f"HEADER {rng.choice(HEADERS)} {quoted(text)}",
        lambda: f"{rng.choice(['BODY', 'TEXT'])} {quoted(text or 'lunch')}",
        lambda: rng.choice(["SEEN", "UNSEEN", "FLAGGED", "UNFLAGGED", "ANSWERED", "DELETED",
                            "UNDELETED", "DRAFT", "ALL", "KEYWORD $Work", "UNKEYWORD $Work",
                            "KEYWORD $Never"]),
        lambda: f"{rng.choice(['LARGER', 'SMALLER'])} {rng.choice([0, 300, 500, 1000, 5000])}",
        lambda: f"{rng.choice(['SINCE', 'BEFORE', 'ON'])} {date}",
        lambda: f"{rng.choice(['SENTSINCE', 'SENTBEFORE', 'SENTON'])} {date}",
        lambda: f"DAYSBEFORETODAY {rng.choice([0, 1, 2, 30])}",
        lambda: f"UID {rng.choice(['1:20', '3', '10:*', '2,4,6,8:30'])}",
    ])()


def verdicts_against_search(count, messages, batch):
    """Each message is delivered once for each `batch` of criteria, to a user of its own."""
    rng = random.Random(5423)
    criteria = [" ".join(generated_key(rng) for _ in range(rng.choice([1, 1, 1, 2, 3])))
                for _ in range(count)]
    rounds = [criteria[at:at + batch] for at in range(0, count, batch)]
    compared = matched = 0
    texts = [generated_message(rng, number) for number in range(messages)]
    for number, part in enumerate(rounds):
        user = f"equal{number}"
        attach(*[(one, "UTF-8") for one in part])
        said = {name: set() for name, _, _ in bridge.filters}
        for uid, text in enumerate(texts, 1):
            # A process each: one that has waited for the bridge for long in all does not ask.
            event = delivered(user, text)
            equal(event["uids"], str(uid), "uids")
            for name in event["filters"].split():
                said[name].add(uid)
        imap = dovecot.imap(user)
        imap.select("INBOX", readonly=True)
        for name, one, _ in bridge.filters:
            # '*' was another message at each delivery.
            if "10:*" in one:
                continue
            expected = {int(uid) for uid in search(imap, one)}
            equal(said[name], expected, f"what {one} matches")
            compared += messages
            matched += len(expected)
        imap.logout()
    print(f"# {compared} verdicts compared, {matched} matches", flush=True)
    check(compared > count * messages * 0.9 and 0.1 < matched / compared < 0.9, "a fair sample")


def search(imap, criteria):
    tag = imap._new_tag()
    imap.send(tag + b" UID SEARCH CHARSET UTF-8 " + criteria.encode() + b"\r\n")
    found = None
    while True:
        line = imap.readline().rstrip(b"\r\n")
        if line.startswith(b"* SEARCH"):
            found = line.split()[2:]
        elif line.startswith(tag):
            check(line.startswith(tag + b" OK"), f"{criteria}: {line}")
            return found


@suite.test
def verdicts_are_what_search_finds():
    if WHOLE:
        verdicts_against_search(500, 200, 50)
    else:
        verdicts_against_search(300, 50, 50)


@suite.test
def nothing_unexpected():
    equal(bridge.complaints, [], "what the bridge did not like")
    equal(dovecot.problems("Cannot judge mail by the filter"), [], "trouble in the log")
    # Once a minute and process, not once for each message.
    check(dovecot.log().count("Cannot judge mail") < 200, "errors in the log")


def diagnostics():
    return ("--- log:\n" + "\n".join(dovecot.log().splitlines()[-40:])
            + f"\n--- complaints of the bridge: {bridge.complaints}")


if __name__ == "__main__":
    if shutil.which("dovecot") is None or not glob.glob(PLUGINS + "/lib20_fantail_event*.so"):
        print("1..0 # SKIP no Dovecot, or the plugin was not built")
        sys.exit(0)
    os.makedirs(SPOOL)
    os.chmod(SPOOL, 0o3773)
    suite.on_failure = diagnostics
    bridge = FakeBridge(SOCKET)
    dovecot = Dovecot(modules=[PLUGINS], mail_plugins="notify fantail_event",
                      protocol_plugins={"imap": "imap_acl"}, shared=True, settings=SETTINGS,
                      lmtp_service_count=1)  # other settings count from the next session on
    try:
        dovecot.start()
        suite.run([word for word in sys.argv[1:] if word != "--whole"])
    finally:
        dovecot.close()
        bridge.close()
        shutil.rmtree(scratch, ignore_errors=True)
