#!/usr/bin/env python3
"""NOTIFY and hibernation: sessions that only wait leave their process to imap-hibernate, and
come back for what they asked for and for nothing else. How rows are run and what their
labels mean: notify_rows.py.

Where a session is shows in who has its connection open; how often one was woken, in
Dovecot's statistics.
"""

import array
import base64
import glob
import os
import re
import socket
import time

from notify_rows import MESSAGE, Rows
from notify_session import lists, statuses
from tap import check, equal, eventually

NEW = "(MessageNew MessageExpunge)"
ALL = "(MessageNew MessageExpunge FlagChange)"
SLEEPING, SHARED = "dozing", "dozing-shared"
KEEP_ALIVE, OWN_HUB = "dozing-keep-alive", "dozing-own-hub"
# Where nothing is to happen: some times imap_hibernate_timeout, or a start of imap.
A_WHILE = 2.5

rows = Rows("NOTIFY: hibernation")


def connection(session):
    """The inode of the server's end of the session's connection."""
    here = f"0100007F:{session.socket.getsockname()[1]:04X}"
    with open("/proc/net/tcp", encoding="ascii") as table:
        return next((words[9] for words in map(str.split, table) if words[2] == here), None)


def holders(case, session):
    """Names of the processes of this Dovecot that have the session's connection."""
    found = []
    for path in glob.glob("/proc/[0-9]*"):
        try:
            with open(f"{path}/stat", encoding="utf-8", errors="replace") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
            if parent != case.dovecot.process.pid:
                continue
            with open(f"{path}/comm", encoding="utf-8", errors="replace") as file:
                name = file.read().strip()
            links = [os.readlink(link) for link in glob.glob(f"{path}/fd/*")]
        except OSError:
            continue  # it has ended
        if f"socket:[{connection(session)}]" in links:
            found.append(name)
    return found


def asleep(case, session):
    """Returns when imap-hibernate has the session, and nobody else."""
    eventually(lambda: holders(case, session) == ["imap-hibernate"], f"{session.user} sleeps", 60)


def stays_awake(case, session):
    time.sleep(A_WHILE)
    equal(holders(case, session), ["imap"], "processes that have the session")


def woken(case):
    """How often, in all of this Dovecot."""
    return int(case.dovecot.stats("woken")["duration"]["count"])


class Wakes:
    """Counts from here on."""

    def __init__(self, case):
        self.case, self.before = case, woken(case)

    def expect(self, count):
        eventually(lambda: woken(self.case) - self.before == count, f"{count} wake-ups", 30)

    def none(self, what):
        time.sleep(A_WHILE)
        equal(woken(self.case) - self.before, 0, what)


def told(case, session, pattern):
    """Lines up to the one that matches, and what the fence brings after them."""
    return session.until(pattern) + case.fence(session)


@rows.row("D32", "a client that never says IDLE sleeps, and is told what it asked for", SLEEPING,
          stock=False)
def _(case):
    session = case.watcher(f"(personal {NEW})", create=["Box"])
    for count in range(1, 4):
        asleep(case, session)
        wakes = Wakes(case)
        case.deliver("Box")
        equal([line.items for line in statuses(session.until(r"^\* STATUS"))][0]["MESSAGES"], count,
              "messages")
        wakes.expect(1)
    case.nothing(session, "told twice")


@rows.row("D32", "with nothing but the fence it is not told of anything when it wakes", SLEEPING,
          stock=False)
def _(case):
    session = case.watcher(f"(mailboxes Box {NEW})", create=["Box", "Other"])
    case.deliver("Box")
    session.expect_status("Box", MESSAGES=1)
    asleep(case, session)
    case.nothing(session, "told at the first wake-up")
    asleep(case, session)
    case.nothing(session, "told at the second one")


@rows.row("D32", "the selected mailbox: new messages with what MessageNew lists, once", SLEEPING,
          stock=False)
def _(case):
    session = case.watcher("(selected (MessageNew (UID BODY.PEEK[HEADER.FIELDS (Subject)]) "
                           "MessageExpunge FlagChange))", select="INBOX")
    for count in (2, 3):
        asleep(case, session)
        case.deliver()
        lines = told(case, session, rf"^\* {count} FETCH")
        lines = [line for line in lines if "RECENT" not in line]
        equal(len(lines), 2, f"lines of {lines}")
        equal(lines[0], f"* {count} EXISTS", "first line")
        check(f"UID {count}" in lines[1] and "Subject: hello" in lines[1], lines[1])


@rows.row("D32", "the selected mailbox: the first message of all", SLEEPING, stock=False)
def _(case):
    session = case.watcher("(selected (MessageNew (UID) MessageExpunge))", select="Box",
                           create=["Box"])
    asleep(case, session)
    session.ok("NOOP")
    asleep(case, session)
    case.deliver("Box")
    lines = told(case, session, r"^\* 1 FETCH")
    equal([line for line in lines if "RECENT" not in line], ["* 1 EXISTS", "* 1 FETCH (UID 1)"],
          "told")


@rows.row("D32 N37", "the selected mailbox: flags with their UID, and expunges, once", SLEEPING,
          stock=False)
def _(case):
    case.deliver()
    case.deliver()
    session = case.watcher(f"(selected {ALL})", select="INBOX")
    case.other.select("INBOX")
    asleep(case, session)
    case.other.ok("STORE 2 +FLAGS (\\Flagged)")
    lines = told(case, session, r"^\* 2 FETCH")
    check(re.search(r"UID 2\b", lines[0]) and "\\Flagged" in lines[0], lines[0])
    equal(len(lines), 1, f"lines of {lines}")
    asleep(case, session)
    case.other.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    case.other.ok("EXPUNGE")
    lines = told(case, session, r"^\* 1 EXPUNGE")
    equal([line for line in lines if "EXPUNGE" in line], ["* 1 EXPUNGE"], "expunges")
    equal(session.ok("UID SEARCH ALL").lines[-1], "* SEARCH 2 3", "UIDs")


@rows.row("D32", "the selected mailbox: flags that were not asked for are not told", SLEEPING,
          stock=False)
def _(case):
    session = case.watcher(f"(selected {NEW})", select="INBOX")
    case.other.select("INBOX")
    asleep(case, session)
    wakes = Wakes(case)
    case.other.ok("STORE 1 +FLAGS (\\Flagged)")
    wakes.none("wake-ups by flags")
    case.deliver()
    lines = told(case, session, r"^\* 2 EXISTS")
    equal([line for line in lines if "FETCH" in line], [], "FETCH")


@rows.row("D32", "what was not asked for wakes nobody: other kinds, other mailboxes", SLEEPING,
          stock=False)
def _(case):
    session = case.watcher(f"(mailboxes Box {NEW})", create=["Box", "Other"])
    case.deliver("Box")
    session.expect_status("Box", MESSAGES=1)
    case.other.select("Box")
    asleep(case, session)
    wakes = Wakes(case)
    case.deliver("Other")
    case.deliver()
    case.other.ok("STORE 1 +FLAGS (\\Flagged)")
    case.other.ok("CREATE New")
    case.other.ok("SUBSCRIBE New")
    case.other.ok("RENAME New Newer")
    case.other.ok("DELETE Newer")
    wakes.none("wake-ups by what was not asked for")
    case.deliver("Box")
    session.expect_status("Box", MESSAGES=2)
    wakes.expect(1)


@rows.row("D32", "kinds that were not asked for of all mailboxes wake nobody either", SLEEPING,
          stock=False)
def _(case):
    session = case.watcher(f"(personal {NEW})", create=["Box"])
    case.deliver("Box")
    session.expect_status("Box", MESSAGES=1)
    case.other.select("Box")
    asleep(case, session)
    wakes = Wakes(case)
    case.other.ok("STORE 1 +FLAGS (\\Flagged)")
    case.other.ok("CREATE New")
    case.other.ok("SUBSCRIBE New")
    case.other.ok("DELETE New")
    wakes.none("wake-ups by what was not asked for")


@rows.row("D32", "subscribed mailboxes wake it, others do not", SLEEPING, stock=False)
def _(case):
    case.create("Box", "Other")
    case.other.ok("SUBSCRIBE Box")
    session = case.watcher(f"(subscribed {NEW})")
    asleep(case, session)
    wakes = Wakes(case)
    case.deliver("Other")
    wakes.none("wake-ups by a mailbox that is not subscribed")
    case.deliver("Box")
    session.expect_status("Box", MESSAGES=1)


@rows.row("D32", "a subtree wakes it: the mailbox, what is below it, and nothing else", SLEEPING,
          stock=False)
def _(case):
    names = ["Work", "Work/a", "Work/a/b", "Workshop", "Other/Work/a"]
    session = case.watcher("(subtree (Work/a inbox) (MessageNew MessageExpunge MailboxName))",
                           create=names + ["INBOX/sub"])
    asleep(case, session)
    wakes = Wakes(case)
    for name in ("Work", "Workshop", "Other/Work/a"):
        case.deliver(name)
    case.other.ok("CREATE Work/ab")
    case.other.ok("RENAME Work/ab Work/ac")
    wakes.none("wake-ups by mailboxes that are not below it")
    for name in ("Work/a", "Work/a/b", "INBOX/sub", "INBOX"):
        case.deliver(name)
        session.expect_status(name)
        asleep(case, session)
    case.other.ok("CREATE Work/a/new")
    session.expect_list("Work/a/new")
    asleep(case, session)
    case.other.ok("DELETE Work/a/new")
    check("\\nonexistent" in session.expect_list("Work/a/new").flags, "flags of what is gone")


@rows.row("D32", "it is woken by the rename of a mailbox above, which brings what it asked for",
          SLEEPING, stock=False)
def _(case):
    for session, name in [(case.watcher("(mailboxes New/a (MailboxName))", create=["Old/a"]), "New"),
                          (case.watcher("(subtree Newer/a (MailboxName))"), "Newer")]:
        asleep(case, session)
        case.other.ok(f"RENAME {'Old' if name == 'New' else 'New'} {name}")
        session.expect_list(f"{name}/a")


@rows.row("D32", "a subtree of others' mailboxes wakes a guest", SHARED, stock=False)
def _(case):
    guest = case.new_user()
    case.create("Box", "Box/a", "Other")
    for name in ("Box", "Box/a", "Other"):
        case.other.ok(f"SETACL {name} {guest} lr")
    session = case.watcher(f"(subtree shared/{case.user}/Box {NEW[:-1]} MailboxName))", user=guest)
    asleep(case, session)
    wakes = Wakes(case)
    case.deliver("Other")
    case.other.ok("CREATE More")
    wakes.none("wake-ups by another mailbox of the owner")
    case.deliver("Box/a")
    session.expect_status(f"shared/{case.user}/Box/a", MESSAGES=1)
    asleep(case, session)
    case.other.ok("CREATE Box/new")
    case.other.ok(f"SETACL Box/new {guest} lr")
    session.expect_list(f"shared/{case.user}/Box/new")


@rows.row("D32", "a command wakes it, and notifications go on", SLEEPING, stock=False)
def _(case):
    session = case.watcher(f"(selected {ALL}) (mailboxes Box {NEW})", select="INBOX",
                           create=["Box"])
    for count in (1, 2):
        asleep(case, session)
        wakes = Wakes(case)
        session.take()
        answer = session.command("NOOP")
        equal((answer.status, answer.lines), ("OK", []), "NOOP")
        wakes.expect(1)
        case.deliver("Box")
        session.expect_status("Box", MESSAGES=count)
        case.deliver()
        session.expect(rf"^\* {count + 1} EXISTS")


@rows.row("D32", "so does a command longer than what imap-hibernate reads", SLEEPING, stock=False)
def _(case):
    session = case.watcher(f"(selected {ALL})", select="INBOX")
    asleep(case, session)
    answer = session.command(f'SEARCH SUBJECT "{"x" * 2000}"')
    equal((answer.status, answer.lines), ("OK", ["* SEARCH"]), "SEARCH")
    asleep(case, session)
    session.append("INBOX", MESSAGE)
    equal(session.ok("UID SEARCH ALL").lines[-1], "* SEARCH 1 2", "UIDs")


@rows.row("D32", "IDLE after NOTIFY: it goes on after sleep, and DONE ends it", SLEEPING,
          stock=False)
def _(case):
    case.deliver()
    session = case.watcher(f"(selected-delayed {ALL}) (mailboxes Box {NEW})", select="INBOX",
                           create=["Box"])
    case.other.select("INBOX")
    tag = session.idle()
    asleep(case, session)
    case.deliver("Box")
    session.expect_status("Box", MESSAGES=1)
    asleep(case, session)
    case.other.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    case.other.ok("EXPUNGE")
    session.expect(r"^\* 1 EXPUNGE")
    asleep(case, session)
    session.take()
    equal(session.done(tag).lines, [], "lines of IDLE")
    case.deliver()
    session.expect(r"^\* 2 EXISTS")
    # Outside IDLE an expunge waits for a command, and the mode has not been forgotten.
    case.other.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    case.other.ok("EXPUNGE")
    case.no_more(session, "EXPUNGE", "expunges before a command")
    check("* 1 EXPUNGE" in session.ok("NOOP").lines, "NOOP tells of the expunge")


@rows.row("D32", "who could not be told of an expunge stays awake: selected-delayed, or none",
          SLEEPING, stock=False)
def _(case):
    delayed = case.watcher(f"(selected-delayed {ALL})", select="INBOX")
    user = case.new_user()
    none = case.watcher(f"(personal {NEW})", select="INBOX", user=user)
    stays_awake(case, delayed)
    stays_awake(case, none)


@rows.row("D32", "metadata: entries that change wake it, and it says which", SLEEPING, stock=False)
def _(case):
    session = case.watcher("(subtree Box (MailboxMetadataChange))", create=["Box", "Box/a", "Other"])
    for entry in ("x", "y"):
        asleep(case, session)
        wakes = Wakes(case)
        case.other.ok('SETMETADATA Other (/private/comment "mine")')
        case.other.ok('SETMETADATA "" (/private/vendor/x/y "z")')
        wakes.none("wake-ups by entries that were not asked for")
        case.other.ok(f'SETMETADATA Box/a (/private/vendor/x/{entry} "one")')
        case.other.ok(f'SETMETADATA Box (/shared/vendor/x/{entry} "two")')
        session.expect(rf"^\* METADATA Box/a /private/vendor/x/{entry}$")
        session.expect(rf"^\* METADATA Box /shared/vendor/x/{entry}$")
    asleep(case, session)
    case.nothing(session, "told again")


@rows.row("D32", "metadata of the server, too, whatever group asked for it", SLEEPING, stock=False)
def _(case):
    session = case.watcher("(mailboxes Box (ServerMetadataChange))", create=["Box"])
    asleep(case, session)
    wakes = Wakes(case)
    case.other.ok('SETMETADATA Box (/private/comment "mine")')
    wakes.none("wake-ups by a mailbox's entries")
    case.other.ok('SETMETADATA "" (/private/vendor/x/y "z")')
    session.expect(r'^\* METADATA "" /private/vendor/x/y$')


@rows.row("D32", "metadata of a shared mailbox: entries of all, not the owner's own", SHARED,
          stock=False)
def _(case):
    guest = case.new_user()
    case.create("Box")
    case.other.ok(f"SETACL Box {guest} lr")
    session = case.watcher(f"(mailboxes shared/{case.user}/Box (MailboxMetadataChange))",
                           user=guest)
    asleep(case, session)
    wakes = Wakes(case)
    case.other.ok('SETMETADATA Box (/private/comment "mine")')
    wakes.none("wake-ups by a private entry")
    case.other.ok('SETMETADATA Box (/shared/comment "all")')
    session.expect(rf"^\* METADATA shared/{case.user}/Box /shared/comment$")


@rows.row("D32", "CONDSTORE and QRESYNC are as they were", SLEEPING, stock=False)
def _(case):
    case.deliver()
    case.create("Box")
    for feature in ("CONDSTORE", "QRESYNC"):
        session = case.watcher(f"(selected {ALL}) (mailboxes Box {ALL})", select="INBOX",
                               enable=feature)
        case.other.select("INBOX")
        asleep(case, session)
        case.deliver("Box")
        check("HIGHESTMODSEQ" in session.expect(r"^\* STATUS Box"), "STATUS with a modseq")
        asleep(case, session)
        case.other.ok("STORE 1 FLAGS (\\Flagged)" if feature == "CONDSTORE" else
                      "STORE 1 FLAGS (\\Answered)")
        line = session.expect(r"^\* 1 FETCH")
        check("MODSEQ" in line and "UID 1 " in line, line)
        session.take()
        if feature == "QRESYNC":
            asleep(case, session)
            case.other.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
            case.other.ok("EXPUNGE")
            session.expect(r"^\* VANISHED 2$")
        session.close()


@rows.row("D32", "several mailboxes changed, before and during sleep: each is told once", SLEEPING,
          stock=False)
def _(case):
    session = case.watcher(f"(personal {NEW})", create=["A", "B", "C"])
    case.deliver("A")
    case.deliver("C")
    session.expect_status("A", MESSAGES=1)
    session.expect_status("C", MESSAGES=1)
    asleep(case, session)
    case.dovecot.deliver([f"{case.user}+{name}" for name in ("A", "B")], MESSAGE)
    lines = case.fence(session)
    equal(sorted((line.name, line.items["MESSAGES"]) for line in statuses(lines)),
          [("A", 2), ("B", 1)], "told")
    # What A said last is still known, so that this need not be said again.
    equal(["UIDVALIDITY" in line.items for line in statuses(lines) if line.name == "A"], [False],
          "UIDVALIDITY of A")


@rows.row("D32", "mailboxes that came, went, were subscribed", SLEEPING, stock=False)
def _(case):
    session = case.watcher("(personal (MessageNew MessageExpunge MailboxName SubscriptionChange))",
                           create=["Old", "Box"])
    asleep(case, session)
    case.other.ok("CREATE New")
    session.expect_list("New")
    asleep(case, session)
    case.other.ok("DELETE Old")
    check("\\nonexistent" in session.expect_list("Old").flags, "flags of Old")
    asleep(case, session)
    case.other.ok("SUBSCRIBE Box")
    check("\\subscribed" in session.expect_list("Box").flags, "flags of Box")
    asleep(case, session)
    case.other.ok("UNSUBSCRIBE Box")
    check("\\subscribed" not in session.expect_list("Box").flags, "flags of Box")
    asleep(case, session)
    equal(lists(case.fence(session)), [], "told again")


@rows.row("D32", "what was created during sleep is watched", SLEEPING, stock=False)
def _(case):
    session = case.watcher(f"(personal {NEW})")
    asleep(case, session)
    case.other.ok("CREATE New")
    case.deliver("New")
    session.expect_status("New", MESSAGES=1)


@rows.row("D32", "shared mailboxes wake a guest", SHARED, stock=False)
def _(case):
    guest = case.new_user()
    case.create("Box", "Other")
    for name in ("Box", "Other"):
        case.other.ok(f"SETACL {name} {guest} lr")
    session = case.watcher(f"(mailboxes shared/{case.user}/Box {NEW})", user=guest)
    case.deliver("Box")
    session.expect_status(f"shared/{case.user}/Box", MESSAGES=1)
    asleep(case, session)
    wakes = Wakes(case)
    case.deliver("Other")
    wakes.none("wake-ups by another mailbox of the owner")
    case.deliver("Box")
    session.expect_status(f"shared/{case.user}/Box", MESSAGES=2)


@rows.row("D32", "the connection is kept open during sleep", KEEP_ALIVE, stock=False)
def _(case):
    session = case.watcher(f"(personal {NEW})")
    asleep(case, session)
    session.take()
    wakes = Wakes(case)
    for _ in range(2):
        session.expect_keep_alive(60)
    wakes.none("wake-ups by that")


@rows.row("D32", "the hub ends and comes back: everybody wakes, and sleeps again", OWN_HUB,
          stock=False)
def _(case):
    session = case.watcher(f"(personal {NEW})", create=["Box"])
    asleep(case, session)
    wakes = Wakes(case)
    case.server.hub.stop()
    try:
        wakes.expect(1)
        stays_awake(case, session)
        case.deliver("Box")
    finally:
        case.server.hub.start()
    session.expect_status("Box", MESSAGES=1, seconds=60)
    asleep(case, session)
    case.deliver("Box")
    session.expect_status("Box", MESSAGES=2)


# --- states of others -------------------------------------------------------------


def packed(number):
    """Dovecot's numpack."""
    octets = b""
    while number >= 0x80:
        octets += bytes([number & 0x7F | 0x80])
        number >>= 7
    return octets + bytes([number])


def block(data, version=1):
    return b"fantail-notify\n" + bytes([version]) + packed(len(data)) + data


def state(command, boxes=packed(0)):
    return b"\0" + packed(0) + packed(len(command)) + command + boxes


def wake(case, data):
    """Gives a client in this state to imap, as imap-hibernate does; returns its end."""
    client, passed = socket.socketpair()
    client.settimeout(30)
    fields = "\t".join([f"uid={case.dovecot.uid}", f"gid={case.dovecot.gid}",
                        f"home={case.dovecot.home(case.user)}"])
    escaped = fields.replace("\001", "\0011").replace("\t", "\001t")
    line = "\t".join([case.user, f"session=woken{time.monotonic_ns()}", "tag=*",
                      f"userdb_fields={escaped}", f"state={base64.b64encode(data).decode()}"]) + "\n"
    with passed, socket.socket(socket.AF_UNIX) as master:
        master.settimeout(30)
        master.connect(os.path.join(case.dovecot.socket_dir, "imap-master"))
        master.sendall(b"VERSION\timap-master\t1\t0\n")
        master.sendmsg([line[:1].encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                              array.array("i", [passed.fileno()]))])
        master.sendall(line[1:].encode())
        answer = b""
        while b"+" not in answer:
            part = master.recv(4096)
            check(part, f"imap-master says {answer!r}")
            answer += part
    return client


def read_all(client):
    data = b""
    while part := client.recv(4096):
        data += part
    return data


@rows.row("D32", "a state of another version, or one that is damaged: BYE", SLEEPING, stock=False)
def _(case):
    good = state(b"SET (personal (MessageNew MessageExpunge))")
    with wake(case, block(good) + b"base\n") as client:
        client.sendall(b"a NOOP\r\n")
        data = b""
        while b"\r\na OK" not in b"\r\n" + data:
            data += client.recv(4096)
    box = b"\3INBOX\0" + bytes(8) + packed(1) * 5
    bad = [block(good, version=2), block(good, version=0), b"fantail-notify\n", block(b""),
           block(good) + block(good), block(good[:-1]), block(good[:-5]),
           block(state(b"NONSENSE")), block(state(b"SET (personal (")), block(state(b"")),
           block(state(b"SET (selected (MessageNew (NONSENSE) MessageExpunge))")),
           block(state(b"SET (personal (MessageNew MessageExpunge))", packed(2) + box)),
           b"fantail-notify\n\1" + packed(1 << 40)]
    bad += [block(state(b"SET (personal (MessageNew MessageExpunge))", packed(1) + box[:cut]))
            for cut in range(len(box))]
    for data in bad:
        with wake(case, data + b"base\n") as client:
            said = read_all(client)
            check(re.fullmatch(rb"\* BYE [^\r\n]*\r\n", said), f"{data!r}: {said!r}")


if __name__ == "__main__":
    rows.main()
