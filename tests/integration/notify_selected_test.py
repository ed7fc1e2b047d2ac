#!/usr/bin/env python3
"""NOTIFY: the selected mailbox, IDLE, QRESYNC and live searches (RFC 5465 sections 4 to 7).
How rows are run and what their labels mean: notify_rows.py."""

import os
import re
import shutil
import time

from notify_events_test import imap_process
from notify_rows import FENCE, MESSAGE, STOCK, Rows
from tap import check, equal, eventually

NEW = "(MessageNew MessageExpunge)"
ALL = "(MessageNew MessageExpunge FlagChange)"

rows = Rows("NOTIFY: the selected mailbox")


def expunge(case, *messages, mailbox="INBOX"):
    """By another session."""
    case.other.select(mailbox)
    case.other.ok(rf"STORE {','.join(map(str, messages))} +FLAGS.SILENT (\Deleted)")
    case.other.ok("EXPUNGE")


def drop(case, mailbox, number):
    """A file that comes into a maildir by another program."""
    home = case.dovecot.home(case.user) + "/Maildir"
    name = f"{number}.dropped.example"
    copy = f"{home}/.{mailbox}/tmp/{name}"
    with open(copy, "wb") as out:
        out.write(MESSAGE)
    shutil.chown(copy, case.dovecot.uid, case.dovecot.gid)
    os.rename(copy, f"{home}/.{mailbox}/new/{name}")


def ready(case, groups, messages=1, **options):
    """A watcher that has selected the INBOX, which holds so many messages, and that stock
    Dovecot watches by now."""
    for _ in range(messages - 1):
        case.deliver()
    session = case.watcher(groups, select="INBOX", **options)
    case.settle()
    return session


def order(lines, *patterns):
    """Each pattern matches a line, and they come in this order."""
    where = [next((i for i, line in enumerate(lines) if re.search(pattern, line)), None)
             for pattern in patterns]
    check(None not in where, f"{patterns} in {lines}")
    equal(where, sorted(where), f"order of {patterns} in {lines}")


# --- new messages ----------------------------------------------------------------


@rows.row("N32 D20", "new mail: EXISTS though nothing else happens", "maildir", "sdbox")
def _(case):
    session = ready(case, f"(selected {NEW})")
    case.deliver()
    session.expect(r"^\* 2 EXISTS")


@rows.row("N32", "new mail: EXISTS, then FETCH of what was asked for", "maildir", "sdbox")
def _(case):
    session = ready(case, "(selected (MessageNew (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)]) "
                    "MessageExpunge))")
    case.deliver()
    lines = session.until(r"^\* 2 FETCH")
    order(lines, r"^\* 2 EXISTS", r"^\* 2 FETCH \(UID 2 BODY\[HEADER.FIELDS \(SUBJECT\)\] \{\d+\}"
          "\r\nSubject: hello")


@rows.row("N32", "three deliveries in a row: EXISTS and FETCH of each, once")
def _(case):
    session = ready(case, "(selected (MessageNew (UID) MessageExpunge))")
    with case.dovecot.lmtp() as lmtp:
        for _ in range(3):
            lmtp.send("a@example.org", [case.user], MESSAGE)
    lines = session.until(r"^\* 4 FETCH") + case.fence(session)
    equal([line for line in lines if "FETCH" in line],
          [f"* {n} FETCH (UID {n})" for n in (2, 3, 4)], "FETCH")


@rows.row("N38", r"a fetch-att that sets \Seen or names parts that are not there is survived")
def _(case):
    session = ready(case, "(selected (MessageNew (UID BODY[] BODY.PEEK[9.9.MIME]) MessageExpunge))")
    case.deliver()
    check("how are you" in session.expect(r"^\* 2 FETCH"), "body in FETCH")
    case.settle()
    case.deliver()
    session.expect(r"^\* 3 FETCH")


@rows.row("N33 D42", "no FETCH for messages that the session itself appended or copied")
def _(case):
    session = ready(case, "(selected (MessageNew (UID BODY.PEEK[HEADER]) MessageExpunge))")
    lines = session.append("INBOX", MESSAGE).lines + session.ok("COPY 1 INBOX").lines
    lines += case.fence(session) + session.ok("NOOP").lines
    equal([line for line in lines if "EXISTS" in line][-1:], ["* 3 EXISTS"], "EXISTS")
    equal([line for line in lines if "FETCH" in line and "HEADER" in line], [], "FETCH")
    case.deliver()
    session.expect(r"^\* 4 FETCH .*HEADER")


@rows.row("N05 D13", "SET tells what has happened in the selected mailbox, as NOOP would")
def _(case):
    case.deliver()
    case.deliver()
    session = case.session("INBOX")
    expunge(case, 2)
    case.deliver()
    lines = session.notify(f"(selected {ALL})").lines
    order(lines, r"^\* 2 EXPUNGE", r"^\* 3 EXISTS")


@rows.row("N06", "no selected group: nothing of the selected mailbox while no command runs")
def _(case):
    session = ready(case, f"(personal {ALL})", 2)
    case.deliver()
    expunge(case, 1)
    case.nothing(session, "of the selected mailbox")


@rows.row("N06", "the selected mailbox is not told as another one, by whatever name it is watched")
def _(case):
    session = ready(case, f"(selected NONE) (mailboxes INBOX {NEW}) (subtree INBOX {NEW})")
    case.deliver()
    case.nothing(session, "STATUS of INBOX")
    session.ok("UNSELECT")
    case.deliver()
    session.expect_status("INBOX", MESSAGES=3)


@rows.row("N06", "names of the selected mailbox are told by the other groups")
def _(case):
    session = case.watcher(f"(selected {NEW}) (personal (SubscriptionChange))", select="INBOX")
    case.other.ok("SUBSCRIBE INBOX")
    check(r"\subscribed" in session.expect_list("INBOX").flags, r"\Subscribed")


@rows.row("D21", "mail a quarter of a second after a command is told", "maildir", "sdbox")
def _(case):
    session = case.session("INBOX")
    session.notify(f"(selected {NEW})")
    for count in (2, 3, 4):
        session.ok("NOOP")
        time.sleep(0.25)
        case.deliver()
        session.expect(rf"^\* {count} EXISTS")


@rows.row("D21", "mail at once after SELECT is told")
def _(case):
    session = case.session()
    session.notify(f"(selected {NEW})")
    session.select("INBOX")
    case.deliver()
    session.expect(r"^\* 2 EXISTS")


@rows.row("N32 D21", "after SELECT with QRESYNC new mail is told")
def _(case):
    validity = re.search(r"\[UIDVALIDITY (\d+)\]", str(case.other.select("INBOX").lines))[1]
    session = case.session()
    session.ok("ENABLE QRESYNC")
    session.notify(f"(selected {NEW})")
    session.ok(f"SELECT INBOX (QRESYNC ({validity} 1))")
    case.settle()
    case.deliver()
    session.expect(r"^\* 2 EXISTS")


# --- flags -----------------------------------------------------------------------


@rows.row("N27 D40", "flags: FETCH with UID and FLAGS", "maildir", "sdbox")
def _(case):
    session = ready(case, f"(selected {ALL})", 2)
    case.other.select("INBOX")
    case.other.ok(r"STORE 2 +FLAGS (\Flagged)")
    line = session.expect(r"^\* 2 FETCH")
    for wanted in (r"\bUID 2\b", r"FLAGS \([^)]*\\Flagged"):
        check(re.search(wanted, line), f"{wanted} in {line}")


@rows.row("N27", "flags with CONDSTORE: FETCH with MODSEQ, too")
def _(case):
    session = ready(case, f"(selected {ALL})", enable="CONDSTORE")
    case.other.select("INBOX")
    case.other.ok(r"STORE 1 +FLAGS (\Flagged)")
    check(re.search(r"MODSEQ \(\d+\)", session.expect(r"^\* 1 FETCH .*Flagged")), "MODSEQ")


@rows.row("N27 D40", "flags that come within a command of the session: UID, too")
def _(case):
    session = ready(case, f"(selected-delayed {ALL})")
    case.other.select("INBOX")
    case.other.ok(r"STORE 1 +FLAGS (\Flagged)")
    # Told by itself before the command or by the command.
    lines = [line for line in session.ok("NOOP").lines if "FETCH" in line]
    check(lines, "FETCH with NOOP at the latest")
    for line in lines:
        check(re.search(r"\bUID 1\b", line), f"UID in {line}")


@rows.row("N27", "FlagChange that was not asked for is not told")
def _(case):
    session = ready(case, f"(selected {NEW})")
    case.other.select("INBOX")
    case.other.ok(r"STORE 1 +FLAGS (\Flagged)")
    case.nothing(session, r"of \Flagged")


# --- expunges --------------------------------------------------------------------


@rows.row("N39 N57", "selected: EXPUNGE at once", "maildir", "sdbox")
def _(case):
    session = ready(case, f"(selected {NEW})", 3)
    expunge(case, 1, 3)
    lines = [session.expect("EXPUNGE"), session.expect("EXPUNGE")]
    check(sorted(lines) in (["* 1 EXPUNGE", "* 2 EXPUNGE"], ["* 1 EXPUNGE", "* 3 EXPUNGE"]),
          f"{lines}")


@rows.row("N57", "selected-delayed: EXPUNGE with NOOP and not before", "maildir", "sdbox")
def _(case):
    session = ready(case, f"(selected-delayed {NEW})", 3)
    expunge(case, 2)
    case.deliver()
    session.expect(r"^\* \d EXISTS")
    case.no_more(session, "EXPUNGE", "before NOOP")
    equal([line for line in session.ok("FETCH 1:* UID").lines if "EXPUNGE" in line], [],
          "within FETCH")
    order(session.ok("NOOP").lines, r"^\* 2 EXPUNGE")


@rows.row("N57", "selected-delayed: EXPUNGE with IDLE")
def _(case):
    session = ready(case, f"(selected-delayed {NEW})", 2)
    tag = session.idle()
    expunge(case, 1)
    session.expect(r"^\* 1 EXPUNGE")
    session.done(tag)


@rows.row("N39", "with QRESYNC: VANISHED instead of EXPUNGE")
def _(case):
    session = ready(case, f"(selected {NEW})", 3, enable="QRESYNC")
    expunge(case, 1, 3)
    got = []
    while len(got) < 2:
        line = session.expect(r"^\* (VANISHED|\d+ EXPUNGE)")
        check(line.startswith("* VANISHED "), f"{line}")
        got += line.split()[2].split(",")
    equal(sorted(got), ["1", "3"], "uids")


def numbers_stay(case, session, leave):
    """Two of three messages go. What the session says then by number means what it
    meant before."""
    expunge(case, 1, 2)
    lines = case.fence(session)
    equal([line for line in lines if "EXPUNGE" in line or "FETCH" in line], [], "told")
    lines = session.ok("FETCH 3 (UID)").lines
    check("* 3 FETCH (UID 3)" in lines, f"message 3 is UID 3: {lines}")
    if leave:
        session.ok("UNSELECT")


@rows.row("N06 D49", "selected NONE: numbers do not shift unseen")
def _(case):
    numbers_stay(case, ready(case, "(selected NONE)", 3), True)


@rows.row("N06 D63", "selected NONE: CLOSE and COPY, also after others have expunged")
def _(case):
    session = ready(case, "(selected NONE)", 3)
    case.other.select("INBOX")
    case.other.ok("STORE 1 +FLAGS (\\Deleted)")
    case.other.ok("EXPUNGE")
    session.command(f"COPY 1:3 {FENCE}")
    session.ok("CLOSE")
    session.ok("NOOP")


@rows.row("N04 D49", "after NOTIFY NONE: numbers do not shift unseen")
def _(case):
    for _ in range(2):
        case.deliver()
    session = case.session("INBOX")
    session.notify(f"(selected {ALL})")
    session.ok("NOTIFY NONE")
    expunge(case, 1, 2)
    told = [line for line in session.ok("NOOP").lines if "EXPUNGE" in line]
    if told:  # told is right, too
        equal(len(told), 2, f"EXPUNGE: {told}")
        return
    lines = session.ok("FETCH 3 (UID)").lines
    check("* 3 FETCH (UID 3)" in lines, f"message 3 is UID 3: {lines}")


@rows.row("N04", "after NOTIFY NONE its own changes are still told to the session")
def _(case):
    for _ in range(2):
        case.deliver()
    session = case.session("INBOX")
    session.ok("NOTIFY NONE")
    check(r"\Deleted" in " ".join(session.ok(r"STORE 2 +FLAGS (\Deleted)").lines), "of STORE")
    equal([line for line in session.ok("EXPUNGE").lines if "EXPUNGE" in line], ["* 2 EXPUNGE"],
          "of EXPUNGE")


@rows.row("N06", "nothing asked for of the selected mailbox: it can be closed", "maildir", "sdbox")
def _(case):
    for groups in ("(selected NONE)", f"(personal {NEW})"):
        for search in (None, "SEARCH RETURN (UPDATE ALL) ALL"):
            session = ready(case, groups)
            if search is not None:
                session.ok(search)
            case.deliver()
            session.ok(r"STORE 1 +FLAGS (\Deleted)")
            session.ok("CLOSE")
            lines = session.select("INBOX").lines
            check("* 1 EXISTS" in lines, f"one is left: {lines}")


def highest(lines):
    return [int(value) for value in re.findall(r"\[HIGHESTMODSEQ (\d+)\]", "\n".join(lines))]


@rows.row("N27 N39", "with QRESYNC: HIGHESTMODSEQ does not hide flags that were not told")
def _(case):
    for groups in (f"(selected {NEW})", "(selected NONE)"):
        session = case.session()
        session.ok("ENABLE QRESYNC")
        lines = session.select("INBOX").lines
        validity = re.search(r"\[UIDVALIDITY (\d+)\]", str(lines))[1]
        known = highest(lines)
        session.notify(groups)
        case.settle()
        case.other.select("INBOX")
        case.other.ok(r"STORE 1 FLAGS ()")
        case.other.ok(r"STORE 1 FLAGS (\Flagged)")
        changed = int(re.search(r"MODSEQ \((\d+)\)",
                                str(case.other.ok("FETCH 1 (MODSEQ)").lines))[1])
        told = []
        for spec in (groups, f"(selected {ALL})"):
            session.notify(spec)
            for _ in range(2):
                case.deliver()
                answer = session.ok("NOOP")
                told += answer.lines + [answer.text]
        check(any("EXISTS" in line for line in told), f"EXISTS: {told}")
        known += highest(told)
        check(known[-1] < changed, f"{known} against {changed}, {groups}")
        lines = session.ok(f"SELECT INBOX (QRESYNC ({validity} {known[-1]}))").lines
        check(any(r"* 1 FETCH" in line and r"\Flagged" in line for line in lines), f"FETCH: {lines}")
        session.close()


# --- IDLE ------------------------------------------------------------------------


@rows.row("N21 D13", "IDLE tells the events that were asked for")
def _(case):
    session = ready(case, "(selected (MessageNew (UID) MessageExpunge FlagChange)) "
                    f"(personal {NEW})", create=("A",))
    tag = session.idle()
    case.deliver()
    order(session.until(r"^\* 2 FETCH"), r"^\* 2 EXISTS", r"^\* 2 FETCH \(UID 2\)")
    case.deliver("A")
    session.expect_status("A", MESSAGES=1)
    case.other.select("INBOX")
    case.other.ok(r"STORE 1 +FLAGS (\Flagged)")
    session.expect(r"^\* 1 FETCH .*Flagged")
    session.done(tag)


@rows.row("N21 N27 D40", "flags during IDLE: UID, too")
def _(case):
    session = ready(case, f"(selected {ALL})", 2)
    tag = session.idle()
    case.other.select("INBOX")
    case.other.ok(r"STORE 2 +FLAGS (\Flagged)")
    line = session.expect(r"^\* 2 FETCH .*Flagged")
    check(re.search(r"\bUID 2\b", line), f"UID in {line}")
    session.done(tag)


@rows.row("N21 D13", "IDLE tells no other events than those asked for")
def _(case):
    session = ready(case, f"(selected NONE) (mailboxes A {NEW})", create=("A", "B"))
    tag = session.idle()
    case.deliver()
    case.deliver("B")
    case.other.select("INBOX")
    case.other.ok(r"STORE 1 +FLAGS (\Flagged)")
    case.nothing(session, "of the selected mailbox or of B")
    session.done(tag)


@rows.row("N21", "IDLE with new mail only: no flags")
def _(case):
    session = ready(case, f"(selected {NEW})")
    tag = session.idle()
    case.other.select("INBOX")
    case.other.ok(r"STORE 1 +FLAGS (\Flagged)")
    case.nothing(session, r"of \Flagged")
    session.done(tag)


@rows.row("N21 D20", "IDLE without NOTIFY tells as it always did")
def _(case):
    session = case.session("INBOX")
    tag = session.idle()
    case.deliver()
    session.expect(r"^\* 2 EXISTS")
    expunge(case, 1)
    session.expect(r"^\* 1 EXPUNGE")
    session.done(tag)


@rows.row("N21", "after DONE it goes on")
def _(case):
    session = ready(case, f"(selected {NEW}) (personal {NEW})", create=("A",))
    session.done(session.idle())
    case.settle()
    case.deliver()
    session.expect(r"^\* 2 EXISTS")
    case.deliver("A")
    session.expect_status("A", MESSAGES=1)


@rows.row("D32", "a session that idles leaves its process, and comes back with an event",
          "hibernating", background=True)
def _(case):
    session = case.watcher(f"(selected {NEW}) (mailboxes A {NEW})", select="INBOX", create=("A",))
    case.other.ok("LOGOUT")
    tag = session.idle()
    eventually(lambda: not imap_process(case.user), "end of the session's process",
               5 if case.mode == STOCK else 30)
    case.deliver("A")
    session.expect_status("A", MESSAGES=1)
    case.deliver()
    session.expect(r"^\* 2 EXISTS")
    session.done(tag)
    case.deliver("A")
    session.expect_status("A", MESSAGES=2)


# --- live searches, RFC 5267 -----------------------------------------------------


@rows.row("N34 N36 D51", "new mail and a live search: EXISTS, FETCH, ESEARCH ADDTO")
def _(case):
    session = ready(case, "(selected (MessageNew (UID) MessageExpunge))")
    session.ok("SEARCH RETURN (UPDATE ALL) ALL")
    case.settle()
    case.deliver()
    order(session.until("ESEARCH"), r"^\* 2 EXISTS", r"^\* 2 FETCH \(UID 2\)",
          r"^\* ESEARCH \(TAG .*ADDTO \(")


@rows.row("N61 N35 D51", "UPDATE takes a fetch-att list")
def _(case):
    session = ready(case, f"(selected {NEW})")
    session.ok("SEARCH RETURN (UPDATE (UID RFC822.SIZE)) ALL")
    case.settle()
    case.deliver()
    lines = session.until("ESEARCH")
    order(lines, r"^\* 2 EXISTS", r"^\* 2 FETCH \(.*RFC822.SIZE", r"^\* ESEARCH")
    lines += case.fence(session)
    equal(len([line for line in lines if "FETCH" in line]), 1, f"number of FETCH in {lines}")


@rows.row("N35", "fetch-att lists of MessageNew and of UPDATE: no item comes twice")
def _(case):
    session = ready(case, "(selected (MessageNew (UID) MessageExpunge))")
    session.ok("SEARCH RETURN (UPDATE (UID RFC822.SIZE)) ALL")
    case.settle()
    case.deliver()
    lines = session.until("ESEARCH") + case.fence(session)
    fetches = [line for line in lines if "FETCH" in line]
    equal(len([line for line in fetches if "RFC822.SIZE" in line]), 1, f"sizes in {lines}")
    check(len(fetches) <= 2, f"number of FETCH in {lines}")


@rows.row("N28", "flags and a live search: FETCH before ESEARCH")
def _(case):
    session = ready(case, f"(selected {ALL})", 2)
    session.ok("SEARCH RETURN (UPDATE ALL) UNFLAGGED")
    case.settle()
    case.other.select("INBOX")
    case.other.ok(r"STORE 1 +FLAGS (\Flagged)")
    order(session.until("ESEARCH"), r"^\* 1 FETCH .*Flagged", r"^\* ESEARCH .*REMOVEFROM")


@rows.row("N62", "a search result that changes by flags alone: no FETCH of UPDATE's list")
def _(case):
    session = ready(case, f"(selected {ALL})", 2)
    session.ok("SEARCH RETURN (UPDATE (UID RFC822.SIZE)) FLAGGED")
    case.settle()
    case.other.select("INBOX")
    case.other.ok(r"STORE 1 +FLAGS (\Flagged)")
    lines = session.until("ESEARCH") + case.fence(session)
    equal([line for line in lines if "RFC822.SIZE" in line], [], "FETCH")


@rows.row("N39", "an expunge and a live search: ESEARCH REMOVEFROM")
def _(case):
    session = ready(case, f"(selected {NEW})", 2)
    session.ok("SEARCH RETURN (UPDATE ALL) ALL")
    case.settle()
    expunge(case, 1)
    lines = [session.expect("EXPUNGE"), session.expect("ESEARCH")]
    check("REMOVEFROM" in lines[1], f"{lines}")


# --- the session's own commands --------------------------------------------------


@rows.row("N22", "without FlagChange STORE still answers with FETCH")
def _(case):
    session = ready(case, f"(selected {NEW})")
    lines = session.ok(r"STORE 1 +FLAGS (\Flagged)").lines
    equal(len([line for line in lines if "FETCH" in line]), 1, f"FETCH in {lines}")


@rows.row("N22", "the session's own flags and expunges are told once, within the command")
def _(case):
    session = ready(case, f"(selected {ALL})", 3)
    lines = session.ok(r"STORE 2 +FLAGS (\Deleted)").lines
    equal(len([line for line in lines if "FETCH" in line]), 1, f"{lines}")
    lines = session.ok("EXPUNGE").lines
    equal([line for line in lines if "EXPUNGE" in line], ["* 2 EXPUNGE"], f"{lines}")
    case.nothing(session, "after the commands")


@rows.row("N32", "an EXAMINEd mailbox counts as selected")
def _(case):
    session = case.session()
    session.ok("EXAMINE INBOX")
    session.notify(f"(selected {NEW})")
    case.settle()
    case.deliver()
    session.expect(r"^\* 2 EXISTS")


@rows.row("N37 D24", "the mailbox that was left is another one again, and the new one the selected",
          "maildir", "sdbox")
def _(case):
    session = ready(case, f"(selected {NEW}) (personal {NEW})", create=("A",))
    session.select("A")
    case.settle()
    case.deliver()
    session.expect_status("INBOX", MESSAGES=2)
    case.deliver("A")
    session.expect(r"^\* 1 EXISTS")


@rows.row("D30", "a file dropped into the selected mailbox is found sooner than others", "patient",
          background=True)
def _(case):
    session = case.watcher(f"(selected {NEW}) (personal {NEW})", create=("A",))
    session.select("A")
    case.deliver("A")
    session.expect(r"^\* 1 EXISTS")
    case.fence(session)
    drop(case, "A", 1)
    session.expect(r"^\* 2 EXISTS", 60)


@rows.row("N23 D42", "what the session itself did in a mailbox that it has left is not told", "polling",
          "no-hub", stock=False)
def _(case):
    left = (("A", "CLOSE"), ("B", "UNSELECT"), ("C", "SELECT INBOX"))
    session = case.watcher(f"(personal {ALL})", create=("dropped", *(name for name, _ in left)))
    for name, _ in left:
        case.deliver(name)
        session.expect_status(name, MESSAGES=1)
    lines = []
    for name, leave in left:
        session.select(name)
        lines += session.ok(r"STORE 1 +FLAGS (\Seen \Deleted)").lines + session.ok(leave).lines
    for number in (1, 2):  # the poll that finds them would have found the others as well
        drop(case, "dropped", number)
        lines += session.until(rf"^\* STATUS dropped \(.*MESSAGES {number}\b", 100)
    equal([line for line in lines if re.match(r"\* STATUS [ABC] ", line)], [], "echo")
    case.deliver("A")
    session.expect_status("A", seconds=100, MESSAGES=1)


if __name__ == "__main__":
    rows.main()
