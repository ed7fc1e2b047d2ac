#!/usr/bin/env python3
"""NOTIFY: rights, clients that do not read, what must not break, and what happens when
parts are away (RFC 5465 sections 5.8, 5.9, 9). How rows are run and what their labels mean:
notify_rows.py.

    notify_safety_test.py --load=60      seconds of random load instead of 20
"""

import os
import random
import re
import signal
import socket
import sys
import threading
import time

from notify_rows import MESSAGE, Rows, trouble
from notify_session import SMALL_BUFFER, Closed, NotifySession, lists, statuses
from tap import check, equal, eventually

NEW = "(MessageNew MessageExpunge)"
ALL = "(MessageNew MessageExpunge FlagChange)"
LOAD = next((int(word[7:]) for word in sys.argv if word.startswith("--load=")), 20)

rows = Rows("NOTIFY: safety")


# --- rights ----------------------------------------------------------------------


class Shared:
    """`case.user` shares the mailbox Box with `guest`, who has these rights there."""

    def __init__(self, case, rights):
        self.case, self.guest = case, case.new_user()
        self.owner = case.other
        self.root = f"shared/{case.user}"
        self.box = f"{self.root}/Box"
        case.create("Box")
        if rights:
            self.grant(rights)

    def grant(self, rights, mailbox="Box"):
        self.owner.ok(f"SETACL {mailbox} {self.guest} {rights}")

    def revoke(self, mailbox="Box"):
        self.owner.ok(f"DELETEACL {mailbox} {self.guest}")

    def watcher(self, groups, listed=True, **options):
        """A session of the guest; `listed`: one that has seen the namespace before."""
        case = self.case
        session = case.watcher("(personal NONE)", user=self.guest, **options)
        session.close()
        session = case.session(user=self.guest)
        if listed:
            session.ok(f'LIST "" "{self.root}/*"')
        session.notify(f"{groups} (mailboxes zz-fence {NEW})")
        return session


@rows.row("N37 N23 D34", "another user's mailbox is told to a guest", "shared")
def _(case):
    shared = Shared(case, "lr")
    session = shared.watcher(f"(subtree {shared.root} {NEW})")
    case.deliver("Box")
    session.expect_status(shared.box, MESSAGES=1)


@rows.row("D34", "another user's mailbox that this session has not looked at before, too", "shared",
          "guest-index")
def _(case):
    shared = Shared(case, "lr")
    session = shared.watcher(f"(mailboxes {shared.box} {NEW})", listed=False)
    case.deliver("Box")
    session.expect_status(shared.box, MESSAGES=1)


@rows.row("D34", "a guest with indexes of its own hears of it, too", "guest-index")
def _(case):
    shared = Shared(case, "lr")
    session = shared.watcher(f"(subtree {shared.root} {NEW})")
    case.deliver("Box")
    session.expect_status(shared.box, MESSAGES=1)
    case.deliver("Box")
    session.expect_status(shared.box, MESSAGES=2)


@rows.row("N23 D42", "what a guest adds is told to the owner, and not to the guest", "shared")
def _(case):
    shared = Shared(case, "lrswi")
    session = shared.watcher(f"(subtree {shared.root} {NEW})")
    owner = case.watcher(f"(personal {NEW})")
    session.append(shared.box, MESSAGE)
    owner.expect_status("Box", MESSAGES=1)
    case.nothing(session, "echo")


@rows.row("N32 N23", "a guest has another user's mailbox selected", "shared")
def _(case):
    shared = Shared(case, "lrs")
    session = case.session(user=shared.guest)
    session.select(shared.box)
    session.notify(f"(selected {ALL})")
    case.settle()
    case.deliver("Box")
    session.expect(r"^\* 1 EXISTS")


@rows.row("N12 N13", "names without right l are ignored, as if they did not exist", "shared")
def _(case):
    shared = Shared(case, "")
    session = case.session(user=shared.guest)
    lines = session.notify(f"(mailboxes ({shared.box} {shared.root}/None INBOX) {NEW})",
                           status=True).lines
    equal([line.name for line in statuses(lines)], ["INBOX"], "STATUS")
    equal(len(lines), 1, f"lines: {lines}")


@rows.row("N14 D13", r"listable but not readable: LIST with \NoAccess before OK, with STATUS",
          "shared")
def _(case):
    shared = Shared(case, "l")
    session = case.session(user=shared.guest)
    session.ok(f'LIST "" "{shared.root}/*"')
    lines = session.notify(f"(mailboxes {shared.box} {NEW})", status=True).lines
    equal([(line.name, r"\noaccess" in line.flags) for line in lists(lines)], [(shared.box, True)],
          f"LIST in {lines}")
    equal(statuses(lines), [], "STATUS")


@rows.row("N14", r"listable but not readable: LIST with \NoAccess before OK, without STATUS",
          "shared")
def _(case):
    shared = Shared(case, "l")
    session = case.session(user=shared.guest)
    session.ok(f'LIST "" "{shared.root}/*"')
    lines = session.notify(f"(mailboxes {shared.box} {NEW})").lines
    equal([(line.name, r"\noaccess" in line.flags) for line in lists(lines)], [(shared.box, True)],
          f"LIST in {lines}")


@rows.row("N23", "with l alone no messages are told", "shared")
def _(case):
    shared = Shared(case, "l")
    session = shared.watcher(f"(subtree {shared.root} {NEW})")
    session.take()
    case.deliver("Box")
    case.nothing(session, "of Box")


@rows.row("N23 D61", "names that the user may not see are not told", "shared")
def _(case):
    shared = Shared(case, "lr")
    session = shared.watcher(f"(subtree {shared.root} (MailboxName SubscriptionChange))")
    case.create("Secret")
    equal([line for line in case.fence(session) if "Secret" in line], [], "after CREATE")
    case.other.ok("RENAME Secret Secret-plan")
    equal([line for line in case.fence(session) if "Secret" in line], [], "after RENAME")
    case.other.ok("DELETE Secret-plan")
    equal([line for line in case.fence(session) if "Secret" in line], [], "after DELETE")


@rows.row("N41 N54 D62", "a right that is granted: LIST, and messages from then on",
          "shared", "patient-acl")
def _(case):
    shared = Shared(case, "")
    session = shared.watcher(f"(subtree {shared.root} (MailboxName MessageNew MessageExpunge))")
    shared.grant("lr")
    line = session.expect_list(shared.box)
    check(not line.flags & {r"\noaccess", r"\nonexistent"}, f"{line}")
    case.fence(session)
    case.deliver("Box")
    session.expect_status(shared.box, MESSAGES=1)


@rows.row("N41 N54 N55 D62", r"a right that is taken away: LIST with \NoAccess, and no messages",
          "shared", "patient-acl")
def _(case):
    shared = Shared(case, "lr")
    session = shared.watcher(f"(subtree {shared.root} (MailboxName MessageNew MessageExpunge))")
    case.deliver("Box")
    session.expect_status(shared.box, MESSAGES=1)
    shared.revoke()
    case.deliver("Box")
    line = session.expect_list(shared.box)
    check(line.flags & {r"\noaccess", r"\nonexistent"}, f"{line}")
    case.fence(session)
    case.deliver("Box")
    case.no_more(session, "Box", "of Box")


@rows.row("N54 N55 D62", r"a right that is given back: LIST without \NoAccess, and messages again",
          "shared", "patient-acl")
def _(case):
    shared = Shared(case, "lr")
    session = shared.watcher(f"(subtree {shared.root} (MailboxName MessageNew MessageExpunge))")
    shared.revoke()
    session.expect_list(shared.box)
    shared.grant("lr")
    line = session.expect_list(shared.box)
    check(not line.flags & {r"\noaccess", r"\nonexistent"}, f"{line}")
    case.fence(session)
    case.deliver("Box")
    session.expect_status(shared.box, MESSAGES=1)


@rows.row("N54 N23 D62", "without r any more, with l still: no messages",
          "shared", "patient-acl")
def _(case):
    shared = Shared(case, "lr")
    session = shared.watcher(f"(subtree {shared.root} {NEW})")
    case.deliver("Box")
    session.expect_status(shared.box, MESSAGES=1)
    shared.grant("l")
    case.deliver("Box")
    case.no_more(session, "STATUS.*Box", "STATUS of Box")


@rows.row("N41 N54", "a right that is granted to who has not looked there before", "shared",
          "patient-acl")
def _(case):
    shared = Shared(case, "")
    session = shared.watcher(f"(mailboxes {shared.box} (MailboxName MessageNew MessageExpunge))",
                             listed=False)
    shared.grant("lr")
    session.expect_list(shared.box)
    session.select(shared.box)  # what was said is true for the session, too
    session.ok("CLOSE")
    case.deliver("Box")
    session.expect_status(shared.box, MESSAGES=1)


@rows.row("N41 N42", "what is granted and taken away in one second", "shared", "patient-acl")
def _(case):
    shared = Shared(case, "")
    session = shared.watcher(f"(subtree {shared.root} (MailboxName MessageNew MessageExpunge))")
    for _ in range(3):
        shared.grant("lr")
        line = session.expect_list(shared.box)
        check(not line.flags & {r"\noaccess", r"\nonexistent"}, f"granted: {line}")
        shared.revoke()
        line = session.expect_list(shared.box)
        check({r"\noaccess", r"\nonexistent"} <= line.flags, f"taken away: {line}")
    case.nothing(session, "more than that")


@rows.row("N23 N54", "who may not read the selected mailbox any more hears nothing of it", "shared")
def _(case):
    shared = Shared(case, "lrs")
    session = shared.watcher(f"(selected {NEW})")
    session.select(f"{shared.root}/Box")
    case.deliver("Box")
    session.expect(r"^\* 1 EXISTS")
    shared.revoke()
    case.deliver("Box")
    case.no_more(session, "EXISTS", "after the right is gone")


@rows.row("N54 N55", r"without MailboxName: \NoAccess when l is lost, LIST when it is back, and "
          "messages", "shared", "patient-acl")
def _(case):
    shared = Shared(case, "lr")
    session = shared.watcher(f"(subtree {shared.root} {NEW})")
    shared.revoke()
    line = session.expect_list(shared.box)
    check(r"\noaccess" in line.flags, f"{line}")
    case.deliver("Box")
    case.nothing(session, "without rights")
    shared.grant("lr")
    line = session.expect_list(shared.box)
    check(not line.flags & {r"\noaccess", r"\nonexistent"}, f"{line}")
    session.expect_status(shared.box, MESSAGES=1)  # what has happened meanwhile
    case.deliver("Box")
    session.expect_status(shared.box, MESSAGES=2)


@rows.row("N54", "without MailboxName what is granted is watched, and not listed", "shared",
          "patient-acl")
def _(case):
    shared = Shared(case, "")
    session = shared.watcher(f"(subtree {shared.root} {NEW})")
    shared.grant("lr")
    case.nothing(session, "of a right that was never lost")
    case.deliver("Box")
    session.expect_status(shared.box, MESSAGES=1)


@rows.row("N14 N54 N55", r"r is granted after \NoAccess: LIST without it, and messages", "shared",
          "patient-acl")
def _(case):
    shared = Shared(case, "l")
    session = shared.watcher(f"(subtree {shared.root} {NEW})")
    session.take()
    shared.grant("lr")
    line = session.expect_list(shared.box)
    check(r"\noaccess" not in line.flags, f"{line}")
    case.fence(session)
    case.deliver("Box")
    session.expect_status(shared.box, MESSAGES=1)


@rows.row("N41", "rights of others are no news, nor is the name they concern", "shared")
def _(case):
    shared, stranger = Shared(case, "lr"), case.new_user()
    case.create("Secret")
    events = "(MailboxName MessageNew MessageExpunge)"
    owner = case.watcher(f"(personal {events})")
    session = shared.watcher(f"(subtree {shared.root} {events})")
    shared.owner.ok(f"SETACL Box {stranger} lr")
    shared.owner.ok(f"SETACL Secret {stranger} lr")
    shared.grant("lrs")
    case.nothing(session, "to the guest")
    case.nothing(owner, "to another session of the owner")


@rows.row("N22 N54", "rights that a guest changes itself are followed, and not echoed", "shared",
          "patient-acl")
def _(case):
    shared = Shared(case, "lra")
    session = shared.watcher(f"(subtree {shared.root} (MailboxName MessageNew MessageExpunge))")
    session.ok(f"SETACL {shared.box} {shared.guest} la")
    case.deliver("Box")
    case.nothing(session, "echo, or messages without r")
    session.ok(f"SETACL {shared.box} {shared.guest} lra")
    case.deliver("Box")
    session.expect_status(shared.box, MESSAGES=2)


@rows.row("N41 N54", "rights changed by doveadm acl", "shared", "patient-acl")
def _(case):
    shared = Shared(case, "")
    session = shared.watcher(f"(subtree {shared.root} (MailboxName MessageNew MessageExpunge))")
    case.dovecot.doveadm("acl", "set", "-u", case.user, "Box", f"user={shared.guest}", "lookup",
                         "read")
    session.expect_list(shared.box)
    case.dovecot.doveadm("acl", "delete", "-u", case.user, "Box", f"user={shared.guest}")
    line = session.expect_list(shared.box)
    check(r"\noaccess" in line.flags, f"{line}")


@rows.row("N54 N55", "rights that are edited by hand, if later", "shared-polling", stock=False)
def _(case):
    shared = Shared(case, "lr")
    session = shared.watcher(f"(subtree {shared.root} {NEW})")
    file = f"{case.dovecot.home(case.user)}/Maildir/.Box/dovecot-acl"
    os.truncate(file, 0)
    line = session.expect_list(shared.box)
    check(r"\noaccess" in line.flags, f"{line}")


@rows.row("N47 N23", "a parent's attributes do not tell of children that may not be seen", "shared",
          "patient-acl")
def _(case):
    shared = Shared(case, "lr")
    session = shared.watcher(f"(subtree {shared.root} (MailboxName))")
    case.create("Box/kid")  # has its parent's rights
    session.expect_list(f"{shared.box}/kid")
    line = session.expect_list(shared.box)
    check(r"\haschildren" in line.flags, f"{line}")
    shared.revoke("Box/kid")
    session.expect_list(f"{shared.box}/kid")
    line = session.expect_list(shared.box)
    check(r"\hasnochildren" in line.flags, f"{line}")


@rows.row("N49 N23", "metadata of a mailbox that may not be seen, or not read, is not told",
          "shared")
def _(case):
    shared = Shared(case, "l")
    case.create("Secret")
    session = shared.watcher(f"(subtree {shared.root} (MailboxName MailboxMetadataChange))")
    session.take()
    for mailbox in ("Box", "Secret"):
        shared.owner.ok(f'SETMETADATA {mailbox} (/shared/comment "all")')
    case.nothing(session, "of what may not be read")
    shared.grant("lr")
    session.expect_list(shared.box)
    shared.owner.ok('SETMETADATA Box (/shared/comment "more")')
    session.expect(rf'^\* METADATA "?{shared.box}')


@rows.row("N49 N23 D3", "shared metadata is told to a guest, the owner's private metadata is not",
          "shared")
def _(case):
    shared = Shared(case, "lr")
    session = shared.watcher(f"(subtree {shared.root} (MailboxMetadataChange))")
    shared.owner.ok('SETMETADATA Box (/private/comment "mine")')
    case.nothing(session, "of private entries")
    shared.owner.ok('SETMETADATA Box (/shared/comment "all")')
    check("/shared/comment" in session.expect(rf'^\* METADATA "?{shared.box}'), "entry")


@rows.row("N23", "a user hears nothing of other users")
def _(case):
    session = case.watcher("(personal (MessageNew MessageExpunge MailboxName SubscriptionChange)) "
                           f"(mailboxes (A B) {NEW})", create=("A",))
    stranger = case.new_user()
    with case.session(user=stranger) as other:
        for command in ("CREATE A", "CREATE B", "SUBSCRIBE A", "RENAME B C"):
            other.ok(command)
    case.deliver("A", stranger)
    case.deliver(user=stranger)
    case.nothing(session, "of another user")


# --- clients that do not read ----------------------------------------------------


def long_names(count):
    return [f"box-{number:05d}-" + "x" * 140 for number in range(count)]


def widen(session):
    """It reads quickly from now on."""
    session.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)


def doveadm_create(case, names):
    for start in range(0, len(names), 500):
        case.dovecot.doveadm("mailbox", "create", "-u", case.user, *names[start:start + 500])


@rows.row("N63 D28", "a client that reads late gets all that has changed", "sdbox")
def _(case):
    names = long_names(300)
    doveadm_create(case, names)
    session = case.session(receive_buffer=SMALL_BUFFER)
    session.notify(f"(personal {NEW})")
    for name in names:
        case.other.append(name, MESSAGE)
    time.sleep(1)  # whatever fits into the socket is there
    widen(session)
    told = {}

    def complete():
        session.pump(0.1)
        told.update((line.name, line.items["MESSAGES"]) for line in statuses(session.take()))
        return sum(told.get(name) == 1 for name in names) == len(names)

    eventually(complete, "STATUS of all mailboxes", case.wait)


@rows.row("D28", "a client that reads late can go on afterwards", "sdbox")
def _(case):
    names = long_names(200)
    doveadm_create(case, names)
    session = case.session(receive_buffer=SMALL_BUFFER)
    session.notify(f"(personal {NEW})")
    for name in names:
        case.other.append(name, MESSAGE)
    widen(session)
    session.ok("NOOP")
    case.deliver()
    session.expect_status("INBOX", MESSAGES=2)


@rows.row("N63 D29", "events do not get into a message that is being fetched", "maildir", "sdbox")
def _(case):
    case.create("A")
    body = b"Subject: long\r\n\r\n" + b"".join(b"line %07d of many\r\n" % n for n in range(400_000))
    case.other.append("INBOX", body)
    session = case.session("INBOX", receive_buffer=SMALL_BUFFER)
    session.notify(f"(selected {ALL}) (personal (MessageNew MessageExpunge MailboxName))")
    tag = session.start("FETCH 2 (BODY.PEEK[])")
    for number in range(3):
        case.deliver("A")
        case.create(f"New{number}")
        time.sleep(0.7)  # stock's half second has passed while the FETCH goes on
    widen(session)
    answer = session.finish(tag)
    line = next(line for line in answer.lines if line.startswith("* 2 FETCH"))
    text = line.encode("utf-8", "surrogateescape")
    equal(len(text), len(b"* 2 FETCH (BODY[] {%d}\r\n" % len(body)) + len(body) + 1, "size")
    check(text[text.index(b"\r\n") + 2:-1] == body, "the message is as it was stored")
    session.pending = answer.lines + session.pending
    session.expect_status("A", MESSAGES=3)
    session.expect_list("New2")


@rows.row("N63", "a client that does not read holds up nobody else", "sdbox")
def _(case):
    names = long_names(200)
    doveadm_create(case, names)
    slow = case.session(receive_buffer=SMALL_BUFFER)
    quick = case.session()
    for session in (slow, quick):
        session.notify("(personal (MessageNew MessageExpunge MailboxName))")
    for name in names:
        case.other.append(name, MESSAGE)
    case.create("last")
    case.deliver("last")
    quick.expect_status("last", MESSAGES=1)


def overflowed(case, session, line):
    """It says so in the form of the RFC, is silent then, and the client may ask again."""
    check(line.startswith("* OK [NOTIFICATIONOVERFLOW] "), f"{line}")
    session.take()
    case.create("after")
    session.quiet(1.5)
    session.notify("(personal (MailboxName))")
    case.create("again")
    session.expect_list("again")


@rows.row("N53 D28 D50", "a client that reads late: new names are told, or said to be lost",
          "sdbox")
def _(case):
    names = long_names(400)
    session = case.session(receive_buffer=SMALL_BUFFER)
    session.notify("(personal (MailboxName))")
    doveadm_create(case, names)
    time.sleep(1)
    widen(session)
    told, lost = set(), []

    def complete():
        session.pump(0.1)
        lines = session.take()
        told.update(line.name for line in lists(lines))
        lost.extend(line for line in lines if "[NOTIFICATIONOVERFLOW]" in line)
        return lost or told.issuperset(names)

    eventually(complete, "all names, or NOTIFICATIONOVERFLOW", case.wait)
    if lost:
        overflowed(case, session, lost[0])


@rows.row("N53 N44 D50", "a client that reads late: a chain of renames is told, or said to be lost",
          "sdbox", background=True)
def _(case):
    names = long_names(4500)  # more than LIMIT_NOTIFY_CHANGES
    case.create(names[0])
    session = case.session(receive_buffer=SMALL_BUFFER)
    session.notify("(personal (MailboxName))")
    for start in range(0, len(names) - 1, 50):
        last = [case.other.start(f"RENAME {old} {new}")
                for old, new in zip(names[start:start + 50], names[start + 1:start + 51])][-1]
        equal(case.other.finish(last).status, "OK", "RENAME")
    widen(session)
    lost = []

    def complete():
        session.pump(0.1)
        lines = session.take()
        lost.extend(line for line in lines if "[NOTIFICATIONOVERFLOW]" in line)
        return lost or any(line.name == names[-1] and r"\nonexistent" not in line.flags
                           for line in lists(lines))

    eventually(complete, "the last name, or NOTIFICATIONOVERFLOW", case.wait)
    if lost:
        overflowed(case, session, lost[0])


@rows.row("N53 D50", "more mailboxes than it may watch: NOTIFICATIONOVERFLOW, then as after NONE",
          "few-mailboxes", stock=False)
def _(case):
    session = case.session("INBOX")
    session.notify(f"(selected {NEW}) (personal {NEW})")
    case.create(*(f"box{number}" for number in range(30)))
    session.expect(r"^\* OK \[NOTIFICATIONOVERFLOW\] .")
    session.take()
    case.deliver()
    case.deliver("box1")
    session.quiet(1.5)
    answer = session.command(f"NOTIFY SET (personal {NEW})")
    check(answer.text.startswith("[NOTIFICATIONOVERFLOW]"), f"too many from the start: {answer}")
    session.notify(f"(mailboxes box1 {NEW})")
    case.deliver("box1")
    session.expect_status("box1", MESSAGES=2)


# --- what must not break ---------------------------------------------------------


def own_trouble(case):
    return [line for line in trouble(case.dovecot.log())
            if re.search(rf"[(<]{case.user}[)>]", line)]


@rows.row("D60", "RENAME INBOX after other changes does not break the list index", "sdbox")
def _(case):
    session = case.session()
    session.notify("(personal (MailboxName))")
    case.create("p/kid")
    session.expect_list("p/kid")
    case.other.ok("DELETE p/kid")
    session.expect_list("p/kid")
    case.other.ok("RENAME INBOX Old")
    session.expect_list("Old", oldname="INBOX")
    case.create("later")
    session.expect_list("later")
    equal(own_trouble(case), [], "log")


@rows.row("D63", "a connection that is cut in the middle leaves no trouble", "maildir", "sdbox")
def _(case):
    for number in range(10):
        session = case.session("INBOX")
        session.notify(f"(selected {ALL}) (personal {ALL})")
        if number % 2:
            session.idle()
        case.deliver()
        session.close()
    equal(own_trouble(case), [], "log")


@rows.row("D63", "a mailbox that is deleted is told of once, and by its name", "maildir", "sdbox",
          stock=False)
def _(case):
    session = case.watcher("(personal (MessageNew MessageExpunge MailboxName))", create=("A",))
    case.deliver("A")
    session.expect_status("A", MESSAGES=1)
    case.other.ok("DELETE A")
    equal([line.split(") ")[0] for line in case.fence(session)], [r"* LIST (\NonExistent"],
          "lines of the deletion")


@rows.row("D63", "who has a deleted mailbox selected is told at once", "maildir", "sdbox")
def _(case):
    case.create("A", "B")
    for name, groups in (("A", None), ("B", f"(selected {NEW})")):
        session = case.session(name)
        if groups is None:
            session.idle()
        else:
            session.notify(groups)
        case.deliver(name)
        session.expect(r"^\* 1 EXISTS")
        case.other.ok(f"DELETE {name}")
        session.expect(r"^\* BYE")


# --- when parts are away ---------------------------------------------------------


@rows.row("N37", "without a hub events come, if later", "no-hub", stock=False)
def _(case):
    session = case.session()
    session.notify("(personal (MessageNew MessageExpunge MailboxName))")
    case.create("A")
    session.expect_list("A")
    case.deliver("A")
    session.expect_status("A", MESSAGES=1)


@rows.row("N37", "when the hub goes, a session soon looks by itself", "parting-hub",
          background=True, stock=False)
def _(case):
    session = case.watcher(f"(personal {NEW})", create=("A",))
    case.deliver("A")
    session.expect_status("A", MESSAGES=1)
    case.server.hub.stop()
    case.deliver("A")
    session.expect_status("A", seconds=60, MESSAGES=2)


@rows.row("N37", "what happens while the hub restarts is told when it is back", "own-hub",
          stock=False)
def _(case):
    session = case.watcher(f"(personal {NEW}) (selected {NEW})", select="INBOX", create=("A",))
    case.deliver("A")
    session.expect_status("A", MESSAGES=1)
    case.server.hub.stop()
    case.deliver("A")
    case.deliver()
    case.server.hub.start()
    session.expect_status("A", seconds=60, MESSAGES=2)
    session.expect(r"^\* 2 EXISTS", 60)
    case.deliver("A")
    session.expect_status("A", MESSAGES=3)


# --- random load -----------------------------------------------------------------


def counts_of(session):
    """(messages, UIDNEXT) of each mailbox that is there. LIST alone does not tell: Dovecot's
    list index keeps a deleted one with children, as if it were selectable."""
    counts = {}
    for line in lists(session.ok('LIST "" *').lines):
        if not line.flags & {r"\noselect", r"\nonexistent"}:
            for status in statuses(session.command(
                    f"STATUS {line.name} (MESSAGES UIDNEXT)").lines):
                if status.name == line.name:
                    counts[line.name] = (status.items["MESSAGES"], status.items["UIDNEXT"])
    return counts


class Model:
    """What a session that only listens believes about mailboxes, from the lines alone."""

    GROUPS = "(personal (MessageNew MessageExpunge MailboxName))"

    def __init__(self, session):
        self.session = session
        self.names, self.counts = set(), {}
        self.resync()

    def resync(self):
        """As RFC 5465 section 5.8 wants it: ask first, look then."""
        self.session.ok(f"NOTIFY SET {self.GROUPS}")
        self.counts = counts_of(self.session)
        self.names = set(self.counts)

    def take_status(self, line):
        self.counts[line.name] = (line.items.get("MESSAGES"), line.items.get("UIDNEXT"))

    def read(self):
        for text in self.session.take():
            if text.startswith("* LIST "):
                self.take_list(lists([text])[0])
            elif text.startswith("* STATUS "):
                self.take_status(statuses([text])[0])
            elif "[NOTIFICATIONOVERFLOW]" in text:
                self.resync()

    def take_list(self, line):
        if line.oldname is not None:
            old, new = line.oldname, line.name
            for name in [name for name in self.names
                         if name == old or (name.startswith(old + "/") and old != "INBOX")]:
                if name != "INBOX":
                    self.names.discard(name)
                self.names.add(new + name[len(old):])
                if name in self.counts:
                    self.counts[new + name[len(old):]] = self.counts.pop(name)
        if line.flags & {r"\nonexistent", r"\noselect"}:
            self.names.discard(line.name)
            self.counts.pop(line.name, None)
        else:
            self.names.add(line.name)


class Worker(threading.Thread):
    """A client that does whatever comes to its mind, with mailboxes of its own: when two
    sessions rename and delete the same ones, Dovecot itself logs errors. Its view of the
    selected mailbox has to be right in the end."""

    opening = threading.Lock()  # many mailboxes at once

    def __init__(self, case, number, seed, end):
        super().__init__(daemon=True)
        self.case, self.end = case, end
        self.random = random.Random(f"{seed}-{number}")
        self.root = f"w{number}"
        self.unused = [self.root + rest for rest in ("", "/x", "/y", "/x/z")]
        self.names = list(self.unused)
        self.fresh = 0
        self.failure = None
        self.commands = 0

    def run(self):
        try:
            while time.monotonic() < self.end:
                self.one_session()
        except Exception as error:  # told by the thread that joins
            self.failure = error

    def name(self):
        return self.random.choice(self.names)

    def new_name(self):
        """One that there has not been: who opens a mailbox while another gets the name of
        one before it has the index of one and the log of the other, and Dovecot, NOTIFY or
        not, calls that corrupted; and its maildir trips over children left behind."""
        if self.unused:
            return self.unused.pop(0)
        self.fresh += 1
        name = self.random.choice((f"{self.root}-{self.fresh}", f"{self.root}/{self.fresh}"))
        self.names = self.names[-7:] + [name]
        return name

    def one_session(self):
        pick = self.random
        slow = pick.random() < 0.25
        with NotifySession(self.case.dovecot.imap_port, self.case.user,
                           receive_buffer=SMALL_BUFFER if slow else None) as session:
            try:
                self.talk(session, slow)
            except (Closed, BrokenPipeError, ConnectionResetError):
                # Dovecot ends a session whose selected mailbox is deleted, and says so.
                check(any(line.startswith("* BYE ") for line in session.pending),
                      f"the connection was closed without BYE, after {session.pending[-5:]}")

    def talk(self, session, slow):
        pick = self.random
        selected = None
        for _ in range(pick.randrange(5, 60)):
            if time.monotonic() > self.end:
                break
            selected = self.step(session, selected)
            self.commands += 1
        if slow and pick.random() < 0.5:
            # Not of a mailbox that the next session deletes while this FETCH still runs.
            session.command("SELECT INBOX")
            session.start("FETCH 1:* (BODY.PEEK[])")
            time.sleep(pick.random())  # cut off in the middle
        elif selected:
            self.count(session)

    def groups(self):
        pick = self.random
        events = pick.choice((NEW, ALL, "(MessageNew (UID FLAGS) MessageExpunge)"))
        parts = [f"(selected{pick.choice(('', '-delayed'))} {pick.choice((events, 'NONE'))})"
                 ] if pick.random() < 0.7 else []
        if pick.random() < 0.8 or not parts:
            parts.append(pick.choice((
                "(personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))",
                f"(subscribed {ALL})", f"(subtree w1 {NEW})", f"(mailboxes (w0 w2/x INBOX) {NEW})",
                "(inboxes (MailboxName))")))
        return pick.choice(("", "STATUS ")) + " ".join(parts)

    def step(self, session, selected):
        pick = self.random
        what = pick.randrange(14)
        if what == 0:
            with self.opening:
                session.ok("NOTIFY SET " + self.groups())
        elif what == 1:
            session.ok("NOTIFY NONE")
        elif what in (2, 3):
            name = pick.choice(("INBOX", self.name()))
            selected = session.command(f"SELECT {name}").status == "OK"
        elif what == 4:
            tag = session.idle()
            session.pump(pick.random() * 0.2)
            session.done(tag)
        elif what == 5:
            self.rename(session)
        elif what == 6:
            self.create(session, self.new_name())
        elif what == 7:
            session.command(f"DELETE {self.name()}")
        elif what == 8 and selected:
            session.command(rf"STORE 1:{pick.randrange(1, 4)} +FLAGS "
                            rf"({pick.choice((chr(92) + 'Seen', chr(92) + 'Deleted', '$Work'))})")
        elif what == 9 and selected:
            session.command("EXPUNGE")
        elif what == 10:
            session.command(b"APPEND %s {%d+}\r\n%s" % (
                pick.choice((b"INBOX", self.name().encode())), len(MESSAGE), MESSAGE))
        elif what == 11:
            self.case.deliver()
        elif what == 12:
            session.command(f"{pick.choice(('', 'UN'))}SUBSCRIBE {self.name()}")
        else:
            session.pump(pick.random() * 0.05)
        return selected

    def rename(self, session):
        """A rename takes a maildir's lock away from one who opens it just then, a plain STATUS
        will do, and whoever comes next waits for two minutes, with the list of mailboxes
        locked. So there others have had their look before, and do not take one now."""
        old, new = self.name(), self.new_name()
        end = time.monotonic() + (0.3 if self.case.kind == "maildir" else 0)
        while time.monotonic() < end:
            session.pump(end - time.monotonic())
        with self.opening:
            if session.command(f"RENAME {old} {new}").status != "OK":
                return
        # Not the old name any more: to who has it selected APPEND would not say NO, but fail.
        self.names = [new + name[len(old):] if (name + "/").startswith(old + "/") else name
                      for name in self.names]

    @staticmethod
    def create(session, name):
        """Somebody who opens a maildir that is being made, for a STATUS say, makes the rest of
        it; then Dovecot refuses to create what exists from now on and no plugin heard of."""
        if "[ALREADYEXISTS]" in session.command(f"CREATE {name}").text:
            session.command(f"DELETE {name}")

    def count(self, session):
        """EXISTS and EXPUNGE, as they came since SELECT, agree with the server."""
        tag = session.start("SELECT INBOX")
        session.finish(tag)
        answer = session.ok("NOTIFY SET (selected (MessageNew MessageExpunge))")
        exists = [int(line.split()[1]) for line in answer.lines if line.endswith(" EXISTS")]
        session.pump(self.random.random() * 0.3)
        lines = answer.lines + session.ok("NOOP").lines
        uids = session.ok("UID SEARCH RETURN (COUNT) ALL").lines
        lines += uids
        count = None
        for line in lines:
            if "ESEARCH" in line:
                break  # what comes after it is news to it
            if re.fullmatch(r"\* \d+ EXISTS", line):
                count = int(line.split()[1])
            elif re.fullmatch(r"\* \d+ EXPUNGE", line) and count is not None:
                count -= 1
        said = next((re.search(r"COUNT (\d+)", line) for line in uids if "ESEARCH" in line), None)
        if exists and said:
            equal(count, int(said[1]), f"messages in INBOX after {lines}")


def check_model(case, model, what):
    """A mailbox that nothing happens to any more is as the listener believes."""
    fresh = case.session()
    fresh.command("CREATE zz-end")
    case.deliver("zz-end")

    def agrees():
        model.session.pump(0.1)
        model.read()
        counts = counts_of(fresh)
        names = set(counts)
        wrong = [(name, counts[name], model.counts.get(name)) for name in sorted(names)
                 if model.counts.get(name, (0, 1)) != counts[name]]
        agrees.difference = f"names {sorted(names ^ model.names)}, counts {wrong}"
        return names == model.names and not wrong

    try:
        eventually(agrees, f"{what}: the listener's view is right", case.wait)
    except AssertionError as error:
        raise AssertionError(f"{error}: differs in {agrees.difference}") from None


# --- names that change faster than they are told ------------------------------------

QUICK = {  # what there is, what is done to it before the listener is told of any of that
    "created, its parent renamed twice":
        (["p/old"], ["CREATE p/kid", "RENAME p q", "RENAME q r"]),
    "created, renamed and deleted":
        ([], ["CREATE a", "RENAME a b", "DELETE b"]),
    "deleted and created":
        (["a"], ["DELETE a", "CREATE a"]),
    "two that swap names":
        (["a", "b"], ["RENAME a t", "RENAME b a", "RENAME t b"]),
    "deleted, its parent renamed, another one there":
        (["p", "p/a"], ["DELETE p/a", "RENAME p q", "CREATE p", "CREATE p/a"]),
    "a name for the sake of one child, both renamed":
        (["p/kid"], ["RENAME p q", "RENAME q/kid r"]),
    "renamed, and its parent":
        (["a/x", "b/y"], ["RENAME a b/c", "RENAME b d"]),
}


def quick_changes(case, change):
    """`change(session, commands)` gives the commands."""
    wrong = []
    for what, (before, commands) in QUICK.items():
        user = case.user = case.new_user()
        others = case.session(user=user)
        model = Model(case.session(user=user))
        for name in before:
            others.ok(f"CREATE {name}")
            case.deliver(name, user)
        check_model(case, model, f"before {what}")
        change(others, commands)
        try:
            check_model(case, model, what)
        except AssertionError as error:
            wrong.append(str(error))
    equal(wrong, [], "views")


def give(session, commands):
    for command in commands:
        session.ok(command)


@rows.row("N35 N36", "names that change several times before they are told end up right",
          "slow-window", "slow-window-maildir", stock=False)
def _(case):
    quick_changes(case, give)  # the window of what was told before has only just begun


@rows.row("N35 N36", "names that changed again when the first change becomes known end up right",
          "own-hub", stock=False)
def _(case):
    hub = case.server.hub

    def change(session, commands):
        hub.signal(signal.SIGSTOP)
        try:
            give(session, commands)
        finally:
            hub.signal(signal.SIGCONT)

    quick_changes(case, change)


@rows.row("D63 D60 N63", "under random load nothing breaks and views stay right", "maildir",
          "sdbox")
def _(case):
    seed = random.randrange(1 << 32)
    model = Model(case.session())
    before = len(trouble(case.dovecot.log()))
    end = time.monotonic() + LOAD / 2  # in each of two places
    workers = [Worker(case, number, seed, end) for number in range(5)]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        model.session.pump(0.1)
        model.read()
    print(f"# seed {seed}: {sum(worker.commands for worker in workers)} commands", flush=True)
    for worker in workers:
        worker.join()
        if worker.failure is not None:
            raise AssertionError(f"seed {seed}: {worker.failure}") from worker.failure
    equal(trouble(case.dovecot.log())[before:], [], f"log, seed {seed}")
    check_model(case, model, f"seed {seed}")


if __name__ == "__main__":
    rows.main()
