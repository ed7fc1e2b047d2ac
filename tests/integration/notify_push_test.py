#!/usr/bin/env python3
"""NOTIFY: how the selected mailbox is pushed, where the client makes it hard: it does not
read, gives commands into the middle of it, leaves, or has asked for nothing and asks later.
How rows are run and what their labels mean: notify_rows.py."""

import re
import socket
import time

from notify_events_test import imap_process
from notify_rows import Rows
from notify_safety_test import widen
from notify_selected_test import ALL, NEW, expunge, order, ready
from notify_session import SMALL_BUFFER
from tap import check, equal, eventually

LONG = b"Subject: long\r\n\r\n" + b"".join(b"line %07d of many\r\n" % n for n in range(100_000))
MAX_LINE = 1 << 20  # imap_max_line_length of notify_rows
FETCH_ALL = "(selected (MessageNew (UID BODY.PEEK[]) MessageExpunge FlagChange))"

rows = Rows("NOTIFY: pushes of the selected mailbox")


def slow_session(case, groups=FETCH_ALL):
    session = case.session("INBOX", receive_buffer=SMALL_BUFFER)
    session.notify(groups)
    return session


def begun(session):
    """Waits until the server has begun to send; as little as possible is read."""
    check(session.socket.recv(1, socket.MSG_PEEK) != b"", "the beginning")


def unread(case, session):
    """How many bytes the server has yet to take from its socket."""
    port = session.socket.getsockname()[1]
    with open("/proc/net/tcp", encoding="ascii") as table:
        for row in table:
            words = row.split()
            if (words[1].endswith(f":{case.dovecot.imap_port:04X}")
                    and words[2].endswith(f":{port:04X}")):
                return int(words[4].split(":")[1], 16)
    raise AssertionError("no connection")


def whole(lines, number):
    """The message in FETCH is as it was stored: nothing came between its parts."""
    line = next((line for line in lines if line.startswith(f"* {number} FETCH")), "")
    text = line.encode("utf-8", "surrogateescape")
    check(LONG.rstrip() in text, "the message is whole")
    check(len(text) < len(LONG) + 500, f"size of FETCH: {len(text)}")


# --- nothing asked for, for a while ----------------------------------------------


@rows.row("N05 D49", "what came while nothing was asked for is told with the next SET", stock=False)
def _(case):
    session = ready(case, "(selected NONE)", 3)
    case.deliver()
    expunge(case, 1, 2)
    equal(session.ok("NOOP").lines, [], "of NOOP")
    case.deliver()
    equal(session.ok("NOOP").lines, [], "of NOOP, again")
    lines = session.notify("(selected (MessageNew (UID) MessageExpunge))").lines
    equal(len([line for line in lines if line.endswith(" EXPUNGE")]), 2, f"EXPUNGE in {lines}")
    order(lines, r"^\* 3 EXISTS", r"^\* 2 FETCH \(UID 4\)", r"^\* 3 FETCH \(UID 5\)")


@rows.row("N04 D49", "nothing asked for: what the session itself does is told, with what came before it",
          stock=False)
def _(case):
    session = ready(case, "(selected NONE)", 3)
    case.deliver()
    expunge(case, 1)
    lines = session.append("INBOX", b"Subject: own\r\n\r\n").lines
    equal([line for line in lines if "EXPUNGE" in line], [], "EXPUNGE with APPEND")
    equal([line for line in lines if "EXISTS" in line], ["* 5 EXISTS"], "EXISTS")
    check(r"\Deleted" in " ".join(session.ok(r"UID STORE 3 +FLAGS (\Deleted)").lines), "of STORE")
    lines = session.ok("EXPUNGE").lines
    equal(sorted(line for line in lines if "EXPUNGE" in line), ["* 1 EXPUNGE", "* 3 EXPUNGE"],
          "both, with the session's own")
    session.ok("UID FETCH 4 (UID)")
    equal(session.ok("FETCH 2 (UID)").lines, ["* 2 FETCH (UID 4)"], "numbers")


@rows.row("N33 D42", "own and others' messages: FETCH of the others' alone", stock=False)
def _(case):
    session = ready(case, "(selected (MessageNew (UID) MessageExpunge))")
    equal([line for line in session.append("INBOX", b"Subject: own\r\n\r\n").lines
           if "FETCH" in line], [], "FETCH of its own")
    case.deliver()
    lines = session.until(r"^\* 3 FETCH")
    equal([line for line in lines if "FETCH" in line], ["* 3 FETCH (UID 3)"], "FETCH")


@rows.row("N32", "SET with a fetch-att: no FETCH of what the client knows already", stock=False)
def _(case):
    session = ready(case, f"(selected {NEW})")
    case.deliver()
    session.expect(r"^\* 2 EXISTS")
    session.notify("(selected (MessageNew (UID) MessageExpunge))")
    case.deliver()
    lines = session.until(r"^\* 3 FETCH")
    equal([line for line in lines if "FETCH" in line], ["* 3 FETCH (UID 3)"], "FETCH")


@rows.row("N05", "RECENT that came while nothing was asked for is told with the next SET", stock=False)
def _(case):
    session = ready(case, "(selected NONE)")
    case.deliver()
    equal(session.ok("NOOP").lines, [], "of NOOP")
    order(session.notify(f"(selected {NEW})").lines, r"^\* 2 EXISTS", r"^\* 2 RECENT")


# --- a client that does not read -------------------------------------------------


@rows.row("N63 D29", "commands given into a message that is being pushed are answered after it",
          "maildir", "sdbox", stock=False)
def _(case):
    session = slow_session(case)
    case.deliver(message=LONG)
    begun(session)
    tags = [session.start(command) for command in ("CAPABILITY", 'LIST "" *', "NOOP")]
    case.deliver()
    case.other.ok("CREATE A")
    time.sleep(0.5)  # whatever might get in between
    widen(session)
    lines = []
    for tag in tags:
        lines += session.finish(tag).lines
    whole(lines, 2)
    session.pending = lines + session.pending
    session.expect(r"^\* 3 FETCH")


@rows.row("N63 D29", "DONE given into a message that is being pushed ends IDLE after it", stock=False)
def _(case):
    session = slow_session(case, f"{FETCH_ALL} (personal {NEW})")
    case.create("A")
    tag = session.idle()
    case.deliver(message=LONG)
    begun(session)
    case.deliver("A")
    case.other.select("INBOX")
    case.other.ok(r"STORE 1 +FLAGS (\Flagged)")
    session.send("DONE\r\n")
    time.sleep(0.5)
    widen(session)
    whole(session.finish(tag).lines, 2)
    session.pending.clear()
    session.ok("NOOP")


@rows.row("D28", "changes that come while IDLE is sending are told after it", stock=False)
def _(case):
    session = slow_session(case)
    tag = session.idle()
    case.deliver(message=LONG)
    begun(session)
    case.other.select("INBOX")
    case.other.ok(r"STORE 1 +FLAGS (\Flagged)")
    time.sleep(0.5)
    widen(session)
    lines = session.until(r"^\* 1 FETCH .*Flagged")
    whole(lines, 2)
    session.done(tag)


@rows.row("N21 D28", "a line without end, given into a message that is being pushed, ends IDLE after it",
          stock=False)
def _(case):
    session = slow_session(case)
    tag = session.idle()
    session.send(b"x" * MAX_LINE)
    eventually(lambda: unread(case, session) == 0, "the server's reading")
    case.deliver(message=LONG)
    begun(session)
    session.send(b"x" * 1000)
    time.sleep(0.5)
    widen(session)
    answer = session.finish(tag)
    equal(answer.status, "BAD", "IDLE")
    whole(answer.lines, 2)
    session.send("\r\n")
    case.deliver()
    session.expect(r"^\* 3 FETCH")
    session.ok("NOOP")


@rows.row("N63 D29", "an overflow while the client reads a message keeps that message whole",
          "few-mailboxes", stock=False)
def _(case):
    case.deliver(message=LONG)
    session = case.session(receive_buffer=SMALL_BUFFER)
    session.notify(f"{FETCH_ALL} (personal (MailboxName))")
    session.select("INBOX")
    tags = [session.start("FETCH 2 BODY.PEEK[]")]
    begun(session)
    for number in range(25):
        case.other.command(f"CREATE box{number}")
    time.sleep(0.5)
    tags.append(session.start("CAPABILITY"))
    time.sleep(0.5)
    widen(session)
    session.expect("NOTIFICATIONOVERFLOW")
    whole(session.finish(tags[0]).lines, 2)
    session.finish(tags[1])


@rows.row("N63 D28 D29", "commands given into a message that another command's sync sends are answered after it",
          "no-hub", stock=False)
def _(case):
    session = slow_session(case)
    for number, command in enumerate(("NOOP", f"NOTIFY SET {FETCH_ALL}"), 2):
        case.deliver(message=LONG)
        tags = [session.start(command)]
        begun(session)
        time.sleep(0.5)
        tags.append(session.start("CAPABILITY"))
        time.sleep(0.5)
        widen(session)
        whole(sum((session.finish(tag).lines for tag in tags), []), number)
        session.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)


@rows.row("N32", "a change that comes within a command which then comes to nothing is told after it",
          stock=False)
def _(case):
    session = ready(case, f"(selected {NEW})")
    session.send("t99 XYZ")
    eventually(lambda: unread(case, session) == 0, "the server's reading")
    case.deliver()
    lines = case.fence(session)
    session.send("ZY\r\n")
    equal(session.finish("t99").status, "BAD", "the command")
    session.pending = lines + session.pending
    session.expect(r"^\* 2 EXISTS")


# --- IDLE ------------------------------------------------------------------------


@rows.row("N21", "IDLE and DONE in one go")
def _(case):
    for groups in ("(selected NONE)", f"(selected {ALL})"):
        session = case.session("INBOX")
        session.notify(groups)
        session.tag += 1
        session.send(f"t{session.tag} IDLE\r\nDONE\r\n")
        equal(session.finish(f"t{session.tag}").status, "OK", "IDLE")
        session.ok("NOOP")


@rows.row("N21", "IDLE that begins with more than the client reads, and DONE right after it", "no-hub",
          stock=False)
def _(case):
    session = slow_session(case)
    case.deliver(message=LONG)
    session.tag += 1
    session.send(f"t{session.tag} IDLE\r\nDONE\r\n")
    time.sleep(0.5)
    widen(session)
    session.pending = session.finish(f"t{session.tag}").lines + session.pending
    whole(session.until(r"^\* 2 FETCH"), 2)
    session.ok("NOOP")


@rows.row("N57", "selected-delayed: IDLE tells the expunges that were held back before it")
def _(case):
    session = ready(case, f"(selected-delayed {NEW})", 2)
    expunge(case, 1)
    case.deliver()
    session.expect(r"^\* 3 EXISTS")
    tag = session.idle()
    session.expect(r"^\* 1 EXPUNGE")
    session.done(tag)


@rows.row("N21", "IDLE is ended by anything, and only DONE is right")
def _(case):
    session = case.session()
    session.notify(f"(personal {NEW})")
    tag = session.idle()
    session.send("t99 NOOP\r\n")
    equal(session.finish(tag).status, "BAD", "IDLE")
    session.ok("NOOP")


@rows.row("D31", "IDLE with NOTIFY is kept alive", "keep-alive")
def _(case):
    session = case.session("INBOX")
    session.notify(f"(selected {ALL})")
    tag = session.idle()
    for _ in range(2):
        session.expect_keep_alive()
    session.done(tag)


@rows.row("N21", "a client that leaves in IDLE, or in the middle of a push")
def _(case):
    for groups in ("(selected NONE)", FETCH_ALL):
        session = slow_session(case, groups)
        session.idle()
        session.close()
    session = slow_session(case)
    case.deliver(message=LONG)
    begun(session)
    session.close()
    session = slow_session(case)
    session.idle()
    case.deliver(message=LONG)
    begun(session)
    session.close()
    case.other.ok("NOOP")


@rows.row("N21 D20", "IDLE after IDLE, without NOTIFY")
def _(case):
    session = case.session("INBOX")
    for count in (2, 3, 4):
        tag = session.idle()
        case.deliver()
        session.expect(rf"^\* {count} EXISTS")
        session.done(tag)
        session.ok("NOOP")
    session.ok("SELECT INBOX")
    session.take()
    tag = session.idle()
    case.deliver()
    session.expect(r"^\* 5 EXISTS")
    session.done(tag)


@rows.row("D32", "without NOTIFY IDLE leaves its process as it always did, and comes back with an event",
          "hibernating")
def _(case):
    session = case.session("INBOX")
    tag = session.idle()
    eventually(lambda: not imap_process(case.user), "end of the session's process", 30)
    case.deliver()
    session.expect(r"^\* 2 EXISTS")
    session.done(tag)
    session.ok("NOOP")


@rows.row("N39", "an expunge is told however late the expunging session syncs", "maildir", "sdbox")
def _(case):
    session = ready(case, f"(selected {NEW})", 6)
    case.other.select("INBOX")
    for left in range(6, 1, -1):
        case.other.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
        case.other.ok("EXPUNGE")
        check(re.fullmatch(r"\* 1 EXPUNGE", session.expect("EXPUNGE")), f"with {left} messages")


if __name__ == "__main__":
    rows.main()
