#!/usr/bin/env python3
"""NOTIFY: what the command takes and answers (RFC 5465 sections 3, 6 and 8). How rows are
run and what their labels mean: notify_rows.py."""

import re

from notify_rows import FENCE, MESSAGE, Rows, status_of
from notify_session import lists, statuses
from tap import check, equal

NEW = "(MessageNew MessageExpunge)"
ALL = "(MessageNew MessageExpunge FlagChange)"
# What has to be supported where METADATA is (RFC 5465 sections 5.6 and 5.7); ANNOTATE is not.
SUPPORTED = {"MessageNew", "MessageExpunge", "FlagChange", "MailboxName", "SubscriptionChange",
             "MailboxMetadataChange", "ServerMetadataChange"}

rows = Rows("NOTIFY: the command")


def answers(session, status, *arguments):
    for argument in arguments:
        answer = session.command(f"NOTIFY {argument}")
        equal(answer.status, status, f"answer to NOTIFY {argument[:100]}: {answer}")


def bad_event(session, arguments):
    answer = session.command(f"NOTIFY {arguments}")
    equal(answer.status, "NO", f"answer to NOTIFY {arguments}: {answer}")
    match = re.match(r"\[BADEVENT \(([^()]*)\)\] .", answer.text)
    check(match, f"code of {answer}")
    equal(set(match[1].split()), SUPPORTED, "events that are said to be supported")


@rows.row("N01", "NOTIFY is among the capabilities after login")
def _(case):
    check(" NOTIFY" in case.session().ok("CAPABILITY").lines[0], "capability")


@rows.row("D33", "NOTIFY works without mailbox_list_index", "no-list-index")
def _(case):
    session = case.session()
    check(" NOTIFY" in session.ok("CAPABILITY").lines[0], "capability")
    session.notify(f"(personal {NEW})")
    case.deliver()
    session.expect_status("INBOX", MESSAGES=2)


@rows.row("N18 N19", "an event that is not supported: NO with BADEVENT, not BAD")
def _(case):
    answer = case.session().command(
        "NOTIFY SET (personal (MessageNew MessageExpunge AnnotationChange))")
    equal(answer.status, "NO", f"{answer}")
    check(answer.text.startswith("[BADEVENT"), f"{answer}")


@rows.row("N20 D1 D4", "BADEVENT lists the supported events, in parentheses")
def _(case):
    session = case.session()
    bad_event(session, "SET (personal (MessageNew MessageExpunge AnnotationChange))")
    bad_event(session, "SET (selected (MessageNew MessageExpunge AnnotationChange))")


@rows.row("D2", "an event nobody has heard of: NO with BADEVENT, too")
def _(case):
    session = case.session()
    bad_event(session, "SET (personal (Bogus))")
    bad_event(session, f"SET (selected {NEW}) (subtree Lists (MailboxName Bogus))")


@rows.row("N48 N52 D3", "MailboxMetadataChange and ServerMetadataChange are supported")
def _(case):
    session = case.session()
    check(" METADATA" in session.ok("CAPABILITY").lines[0], "capability METADATA")
    answers(session, "OK", "SET (personal (MailboxMetadataChange))",
            "SET (personal (ServerMetadataChange))",
            "SET (mailboxes INBOX (MailboxMetadataChange ServerMetadataChange MailboxName))")


@rows.row("N56 D5", "an event that is not about messages in a selected group: BAD")
def _(case):
    answers(case.session(), "BAD", "SET (selected (MailboxName))",
            "SET (selected-delayed (MessageNew MessageExpunge SubscriptionChange))",
            "SET (selected (ServerMetadataChange))")


@rows.row("N56", "two selected groups: BAD")
def _(case):
    answers(case.session(), "BAD", f"SET (selected {NEW}) (selected-delayed {NEW})",
            f"SET (selected {NEW}) (selected {NEW})", "SET (selected NONE) (selected-delayed NONE)")


@rows.row("N24 N25", "selected: MessageNew, MessageExpunge, FlagChange do not stand alone")
def _(case):
    answers(case.session(), "BAD", *(f"SET ({group} ({event}))"
                                     for group in ("selected", "selected-delayed")
                                     for event in ("MessageNew", "MessageExpunge", "FlagChange")))


@rows.row("N24 N25 D6", "others: MessageNew, MessageExpunge, FlagChange do not stand alone")
def _(case):
    answers(case.session(), "BAD", *(f"SET ({group} ({event}))"
                                     for group in ("personal", "subscribed", "mailboxes INBOX")
                                     for event in ("MessageNew", "MessageExpunge", "FlagChange",
                                                   "MessageNew FlagChange")))


@rows.row("D7", "no group, words after NONE, lists after the events: BAD")
def _(case):
    answers(case.session(), "BAD", "SET", "SET STATUS", "NONE x",
            "SET (personal (MailboxName) (SubscriptionChange))", "SET (personal NONE x)")


@rows.row("N01", "other things that are no NOTIFY: BAD")
def _(case):
    session = case.session()
    for argument in ("SOME", "SET ()", "SET personal", "SET (personal ())", "SET (personal)",
                     f"SET (mailboxes {NEW})", f"SET (mailboxes () {NEW})", f"SET (subtree {NEW})",
                     "SET (everything (MailboxName))",
                     "SET (selected (MessageNew () MessageExpunge))",
                     "SET (selected (MessageNew (BOGUS) MessageExpunge))"):
        equal(session.command(f"NOTIFY {argument}").status, "BAD", f"NOTIFY {argument}")
    equal(session.command("NOTIFY").status, "BAD", "NOTIFY alone")


@rows.row("N01", "a fetch-att list where no mailbox is selected: BAD")
def _(case):
    answers(case.session(), "BAD", "SET (personal (MessageNew (UID) MessageExpunge))")


@rows.row("N01", "keywords in any case, INBOX in any case, names as literals")
def _(case):
    first, second = case.session(), case.session()
    answers(first, "OK", "set (PERSONAL (messagenew MESSAGEEXPUNGE)) (Selected-Delayed none)")
    answers(second, "OK", "SET (mailboxes {5+}\r\nInBoX (MessageNew MessageExpunge))")
    case.deliver()
    first.expect_status("INBOX", MESSAGES=2)
    second.expect_status("INBOX", MESSAGES=2)


@rows.row("N26", "events NONE is accepted, and tells nothing")
def _(case):
    session = case.watcher("(selected NONE) (subtree A NONE)", create=("A",))
    case.deliver("A")
    case.nothing(session, "of A")


@rows.row("N16", "only mailboxes that do not exist: OK or NO, and not BAD")
def _(case):
    check(case.session().command("NOTIFY SET (mailboxes Nothing (MailboxName))").status
          in ("OK", "NO"), "status")


@rows.row("N12 N15", "names of mailboxes that do not exist are ignored")
def _(case):
    case.create("There")
    lines = case.session().notify(f"(mailboxes (Nothing There) {NEW})", status=True).lines
    equal([line.name for line in statuses(lines)], ["There"], "STATUS")
    equal(len(lines), 1, "other lines")


@rows.row("N60", "mailboxes does not expand wildcards")
def _(case):
    session = case.watcher(f'(mailboxes ("*" "A/%") {NEW})', create=("A", "A/B"))
    case.deliver("A")
    case.deliver("A/B")
    case.nothing(session, "of any mailbox")


@rows.row("D8", "names in arguments are in modified UTF-7")
def _(case):
    case.create("Entw&APw-rfe")
    session = case.session()
    lines = session.notify(f"(mailboxes Entw&APw-rfe {NEW})", status=True).lines
    equal([line.split()[2].strip('"') for line in lines], ["Entw&APw-rfe"], "STATUS")
    session.notify(f"(subtree \"Entw&APw-rfe\" {NEW})")
    case.other.append("Entw&APw-rfe", MESSAGE)
    session.expect(r"^\* STATUS .*MESSAGES 1")


@rows.row("N17 D10", "a thousand names in one group are accepted")
def _(case):
    case.create("a999")
    session = case.session()
    answers(session, "OK", f"SET (mailboxes ({' '.join(f'a{n}' for n in range(1000))}) {NEW})")
    case.deliver("a999")
    session.expect_status("a999", MESSAGES=1)


@rows.row("N17", "too many names: NO with NOTIFICATIONOVERFLOW, and the session goes on")
def _(case):
    session = case.session()
    names = " ".join(f"a{n}" for n in range(100_000))
    answer = session.command(f"NOTIFY SET (mailboxes ({names}) {NEW})")
    check(answer.status == "OK" or answer.text.startswith("[NOTIFICATIONOVERFLOW]"), f"{answer}")
    session.notify(f"(mailboxes INBOX {NEW})")
    case.deliver()
    session.expect_status("INBOX", MESSAGES=2)


@rows.row("N07 N08 D13", "STATUS: each mailbox with message events but the selected, before OK")
def _(case):
    case.create("A", "B", "B/C")
    session = case.session("INBOX")
    lines = session.notify(f"(personal {NEW})", status=True).lines
    equal(sorted(line.name for line in statuses(lines)), ["A", "B", "B/C"], "STATUS")
    session.ok("UNSELECT")
    lines = session.notify(f"(subtree B {NEW}) (mailboxes INBOX {NEW})", status=True).lines
    equal(sorted(line.name for line in statuses(lines)), ["B", "B/C", "INBOX"], "STATUS")
    equal(session.notify(f"(personal {NEW})").lines, [], "without the indicator")


@rows.row("N09 N10 N11 D13", "STATUS: MESSAGES UIDNEXT UIDVALIDITY, HIGHESTMODSEQ with FlagChange")
def _(case):
    case.create("A")
    case.deliver("A")
    wanted = status_of(case.other, "A")
    session = case.session()
    line = statuses(session.notify(f"(mailboxes A {NEW})", status=True).lines)[0]
    for key in ("MESSAGES", "UIDNEXT", "UIDVALIDITY"):
        equal(line.items.get(key), wanted[key], f"{key} in {line}")
    line = statuses(session.notify(f"(mailboxes A {ALL})", status=True).lines)[0]
    for key in ("UIDVALIDITY", "HIGHESTMODSEQ"):
        equal(line.items.get(key), wanted[key], f"{key} in {line}")


@rows.row("N07 D11", "STATUS: not of a mailbox that is watched for its name only")
def _(case):
    case.create("A", "B")
    lines = case.session().notify(f"(mailboxes A (MailboxName)) (mailboxes B {NEW})",
                                  status=True).lines
    equal([line.name for line in statuses(lines)], ["B"], "STATUS")


@rows.row("N11 D12", "STATUS with FlagChange does not enable CONDSTORE")
def _(case):
    session = case.session("INBOX")
    case.create("A")
    answer = session.notify(f"(selected {ALL}) (mailboxes A {ALL})", status=True)
    equal([line for line in answer.lines if line.startswith("* OK")], [], "with NOTIFY")
    answer = session.ok(r"STORE 1 +FLAGS (\Flagged)")
    equal([line for line in answer.lines if "MODSEQ" in line], [], "MODSEQ in FETCH")


@rows.row("N58", "inboxes holds what mail may be delivered into")
def _(case):
    case.create("A")
    session = case.session()
    session.notify(f"(inboxes {NEW})")
    for mailbox, messages in (("INBOX", 2), ("A", 1)):
        case.deliver(mailbox)
        session.expect_status(mailbox, MESSAGES=messages)


@rows.row("N03", "a SET replaces all of the former")
def _(case):
    session = case.watcher(f"(mailboxes A {NEW}) (personal (MailboxName))", create=("A", "B"))
    session.notify("(personal (MailboxName))")
    session.notify(f"(mailboxes B {NEW}) (mailboxes {FENCE} {NEW})")
    case.deliver("A")
    case.create("C")
    case.deliver("B")
    lines = case.fence(session)
    equal({line.name for line in statuses(lines)}, {"B"}, "STATUS")
    equal(lists(lines), [], "LIST")


@rows.row("N03", "a SET that is refused leaves the former in force")
def _(case):
    session = case.watcher(f"(mailboxes A {NEW})", create=("A",))
    answers(session, "BAD", "SET (selected NONE) (selected NONE)")
    case.deliver("A")
    session.expect_status("A", MESSAGES=1)


@rows.row("N03", "a SET lasts over SELECT, CLOSE and other commands")
def _(case):
    session = case.watcher(f"(personal {NEW}) (selected {NEW})", create=("A",))
    session.select("A")
    session.ok("CLOSE")
    session.select("INBOX")
    session.ok("NOOP")
    case.deliver("A")
    session.expect_status("A", MESSAGES=1)
    session.select("A")
    case.settle()
    case.deliver("A")
    session.expect(r"^\* 2 EXISTS")


@rows.row("N04", "NONE ends it all")
def _(case):
    case.create("A")
    watching, session = case.session(), case.session("INBOX")
    for each in (watching, session):
        each.notify(f"(personal (MessageNew MessageExpunge MailboxName)) (selected {NEW})")
    session.ok("NOTIFY NONE")
    case.deliver("A")
    case.deliver()
    case.create("B")
    watching.expect_list("B")  # who still asks has all of it
    watching.expect_status("A", MESSAGES=1)
    watching.expect_status("INBOX", MESSAGES=2)
    session.quiet(1.5)


@rows.row("N02", "before the first NOTIFY nothing comes while no command runs")
def _(case):
    case.create("A")
    session = case.session("INBOX")
    case.deliver()
    case.deliver("A")
    session.quiet(1.5)
    equal([line for line in session.ok("NOOP").lines if "EXISTS" in line], ["* 2 EXISTS"],
          "within NOOP")


if __name__ == "__main__":
    rows.main()
