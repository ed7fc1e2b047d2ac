#!/usr/bin/env python3
"""NOTIFY: our module as a guest in Dovecot's process. Who has not got it there hears of
nothing, and sessions, the module and the configuration go without a trace. How rows are run:
notify_rows.py."""

import os
import re

from notify_rows import MESSAGE, Rows, trouble
from notify_safety_test import own_trouble
from notify_session import SMALL_BUFFER
from tap import check, equal, eventually

NEW = "(MessageNew MessageExpunge)"
ALL = f"(selected {NEW}) (personal {NEW})"
STOCK_WAIT = 40  # seconds; what stock loses comes after thirty

rows = Rows("NOTIFY: the module")


def shares_process(case, *users):
    """The one in which the users' last sessions are."""
    def logins(user):
        return re.findall(rf"imap-login: .*: user=<{user}>.*mpid=(\d+)", case.dovecot.log())

    # What a session has answered is in the log a moment later.
    eventually(lambda: all(logins(user) for user in users), f"logins of {users} in the log")
    pids = {user: logins(user)[-1] for user in users}
    equal(len(set(pids.values())), 1, f"processes: {pids}")
    return int(pids[users[0]])


def processes(case, name):
    master = case.dovecot.process.pid
    with open(f"/proc/{master}/task/{master}/children", encoding="ascii") as children:
        pids = children.read().split()
    return {pid for pid in pids if name_of(pid) == name}


def name_of(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return None  # gone meanwhile


def reload(case):
    """Returns when new sessions come to new processes."""
    old = processes(case, "imap-login")
    case.dovecot.reload()
    eventually(lambda: not old & processes(case, "imap-login"), "end of the old login processes")


def has_us(pid):
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps:
        return "fantail_notify" in maps.read()


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def deliver(case, user):
    """After a reload: lmtp may still be about to end."""
    def accepted():
        try:
            case.deliver(user=user)
            return True
        except RuntimeError:
            return False

    eventually(accepted, "delivery")


def is_stock(session):
    """What an unknown event is answered with tells who answers."""
    return session.command("NOTIFY SET (personal (Bogus))").status == "BAD"


# --- users without it ------------------------------------------------------------


@rows.row("", "who has not got the module has stock's NOTIFY and IDLE, in the same process",
          "one-process", stock=False)
def _(case):
    ours = case.session("INBOX")
    ours.notify(ALL)
    case.deliver(user="plain")
    plain = case.session("INBOX", user="plain")
    shares_process(case, case.user, "plain")
    check(not is_stock(ours), "ours")
    check(is_stock(plain), "BADEVENT of stock")
    plain.notify(f"(personal {NEW})")
    plain.ok("UNSELECT")
    case.deliver(user="plain")
    plain.expect_status("INBOX", seconds=STOCK_WAIT, MESSAGES=2)
    idling = case.session("INBOX", user="plain")
    tag = idling.idle()
    case.deliver(user="plain")
    idling.expect(r"^\* 3 EXISTS", STOCK_WAIT)
    idling.done(tag)
    ours.notify(ALL)
    case.deliver()
    ours.expect(r"^\* 2 EXISTS")
    equal(own_trouble(case), [], "log")


@rows.row("", "who was there before the module was loaded goes on in IDLE, and with stock's NOTIFY",
          "pilot", stock=False)
def _(case):
    idling = case.session("INBOX")
    tag = idling.idle()
    listening = case.session()
    listening.notify(f"(personal {NEW})")
    check(not has_us(shares_process(case, case.user)), "not loaded yet")
    pilot, other = (case.session("INBOX", user="pilot") for _ in range(2))
    check(has_us(shares_process(case, case.user, "pilot")), "loaded")
    check(not is_stock(pilot), "BADEVENT of ours")
    case.deliver()
    idling.expect(r"^\* 2 EXISTS", STOCK_WAIT)
    listening.expect_status("INBOX", seconds=STOCK_WAIT, MESSAGES=2)
    idling.done(tag)
    listening.ok("NOTIFY NONE")
    check(is_stock(listening), "BADEVENT of stock")
    idling.ok("NOOP")
    pilot.notify(ALL)
    # Not by LMTP: what a user has for IMAP alone, lmtp cannot load.
    other.append("INBOX", MESSAGE)
    pilot.expect(r"^\* 1 EXISTS")


# --- leaving ---------------------------------------------------------------------


@rows.row("", "however a session ends, nothing of it stays in the process and in the hub",
          "one-process", stock=False)
def _(case):
    case.session().notify(ALL)  # the process stays for it
    pid = shares_process(case, case.user)
    hub = case.server.hub.process.pid
    before = descriptors(pid), descriptors(hub)

    def in_notify():
        session = case.session("INBOX")
        session.notify(ALL)
        return session

    def in_idle():
        session = in_notify()
        session.idle()
        return session

    def in_a_push():
        session = case.session("INBOX", receive_buffer=SMALL_BUFFER)
        session.notify("(selected (MessageNew (BODY.PEEK[]) MessageExpunge))")
        case.deliver(message=b"Subject: long\r\n\r\n" + b"a line of it\r\n" * 200_000)
        eventually(lambda: session.pump(0.1), "the beginning")
        return session

    for begin in (in_notify, in_idle, in_a_push):
        begin().close()
    in_notify().ok("LOGOUT")
    # Others that were there before may have gone meanwhile; and each process that delivers has
    # a connection to the hub, once it has done so.
    eventually(lambda: descriptors(pid) <= before[0] and
               descriptors(hub) <= before[1] + len(processes(case, "lmtp")),
               f"descriptors as before, {before}")
    equal(own_trouble(case), [], "log")


@rows.row("", "after a reload sessions go on in the old process, which then unloads us and ends",
          "one-process", stock=False)
def _(case):
    old = case.session("INBOX")
    old.notify(ALL)
    case.deliver(user="plain")
    plain = case.session("INBOX", user="plain")
    before = shares_process(case, case.user, "plain")
    reload(case)
    new = case.session("INBOX")
    new.notify(ALL)
    check(shares_process(case, case.user) != before, "another process")
    deliver(case, case.user)
    for session in (old, new):
        session.expect(r"^\* 2 EXISTS")
    plain.ok("NOOP")
    for session in (old, plain):
        session.close()
    eventually(lambda: not os.path.exists(f"/proc/{before}"), "end of the old process")
    equal([line for line in trouble(case.dovecot.log()) if re.search(rf"\b{before}\b", line)],
          [], "log")
    case.deliver()
    new.expect(r"^\* 3 EXISTS")


if __name__ == "__main__":
    rows.main()
