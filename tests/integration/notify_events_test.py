#!/usr/bin/env python3
"""NOTIFY: what is told of other mailboxes than the selected one (RFC 5465 sections 5 and
6): STATUS, LIST and METADATA. How rows are run and what their labels mean:
notify_rows.py."""

import glob
import os
import re
import shutil
import time

from notify_rows import MESSAGE, STOCK, Rows, status_of
from notify_session import lists
from tap import check, equal, eventually

NEW = "(MessageNew MessageExpunge)"
ALL = "(MessageNew MessageExpunge FlagChange)"
NAMES = "(personal (MailboxName))"

rows = Rows("NOTIFY: other mailboxes")


def has(line, flags="", without=""):
    """A LIST response with these attributes and without those."""
    for flag in flags.split():
        check(flag in line.flags, f"{flag} in {line}")
    for flag in without.split():
        check(flag not in line.flags, f"no {flag} in {line}")


def names(lines):
    return [line.name for line in lists(lines)]


# --- messages --------------------------------------------------------------------


@rows.row("N37 D20", "mail elsewhere is told though nothing else happens", "maildir", "sdbox")
def _(case):
    session = case.watcher(f"(personal {NEW})", create=("A",))
    case.deliver("A")
    line = session.expect_status("A", MESSAGES=1)
    equal(line.items["UIDNEXT"], 2, "UIDNEXT")
    case.deliver()
    session.expect_status("INBOX", MESSAGES=2, UIDNEXT=3)


@rows.row("N37", "appended, copied and moved mail is told like delivered mail")
def _(case):
    session = case.watcher(f"(mailboxes (A B) {NEW})", create=("A", "B"))
    case.other.append("A", MESSAGE)
    session.expect_status("A", MESSAGES=1, UIDNEXT=2)
    case.other.select("A")
    case.other.ok("COPY 1 B")
    session.expect_status("B", MESSAGES=1, UIDNEXT=2)
    case.other.ok("MOVE 1 B")
    session.expect_status("A", MESSAGES=0)
    session.expect_status("B", MESSAGES=2, UIDNEXT=3)


@rows.row("N37", "with CONDSTORE or QRESYNC new mail comes with HIGHESTMODSEQ")
def _(case):
    sessions = [case.watcher(f"(mailboxes A {NEW})", enable=feature)
                for feature in ("CONDSTORE", "QRESYNC")]
    case.create("A")
    case.deliver("A")
    for session in sessions:
        line = session.expect_status("A", MESSAGES=1, UIDNEXT=2)
        check(line.items.get("HIGHESTMODSEQ", 0) > 0, f"HIGHESTMODSEQ in {line}")


@rows.row("N37", "of fifty deliveries in a row the last state is told", "maildir", "sdbox")
def _(case):
    session = case.watcher(f"(mailboxes A {NEW})", create=("A",))
    with case.dovecot.lmtp() as lmtp:
        for _ in range(50):
            lmtp.send("a@example.org", [f"{case.user}+A"], MESSAGE)
    session.expect_status("A", MESSAGES=50, UIDNEXT=51)


@rows.row("N40", "an expunge elsewhere: MESSAGES and UIDNEXT", "maildir", "sdbox")
def _(case):
    case.create("A")
    case.deliver("A")
    case.deliver("A")
    session = case.watcher(f"(mailboxes A {NEW})")
    case.other.select("A")
    case.other.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    case.other.ok("EXPUNGE")
    session.expect_status("A", MESSAGES=1, UIDNEXT=3)


@rows.row("N40", "with QRESYNC an expunge comes with HIGHESTMODSEQ")
def _(case):
    case.create("A")
    case.deliver("A")
    session = case.watcher(f"(mailboxes A {NEW})", enable="QRESYNC")
    case.other.select("A")
    case.other.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    case.other.ok("EXPUNGE")
    line = session.expect_status("A", MESSAGES=0, UIDNEXT=2)
    check(line.items.get("HIGHESTMODSEQ", 0) > 0, f"HIGHESTMODSEQ in {line}")


@rows.row("N29 D41", "with CONDSTORE a flag elsewhere: HIGHESTMODSEQ and UIDVALIDITY",
          "maildir", "sdbox")
def _(case):
    case.create("A")
    case.deliver("A")
    session = case.watcher(f"(mailboxes A {ALL})", enable="CONDSTORE")
    case.other.select("A")
    case.other.ok(r"STORE 1 +FLAGS (\Flagged)")
    line = session.expect_status("A")
    wanted = status_of(case.session(), "A")
    for key in ("HIGHESTMODSEQ", "UIDVALIDITY"):
        equal(line.items.get(key), wanted[key], f"{key} in {line}")


@rows.row("N29", "without CONDSTORE a flag elsewhere is not told")
def _(case):
    case.create("A")
    case.deliver("A")
    session = case.watcher(f"(mailboxes A {ALL})")
    case.other.select("A")
    case.other.ok(r"STORE 1 +FLAGS (\Flagged)")
    case.nothing(session, r"after \Flagged")


@rows.row("N30", r"a change of \Seen elsewhere: UNSEEN, if it is told, is right")
def _(case):
    case.create("A")
    case.deliver("A")
    session = case.watcher(f"(mailboxes A {ALL})", enable="CONDSTORE")
    case.other.select("A")
    case.other.ok(r"STORE 1 +FLAGS (\Seen)")
    line = session.expect_status("A")
    equal(line.items.get("UNSEEN", 0), 0, f"UNSEEN in {line}")


@rows.row("N31", "another UIDVALIDITY is told", "maildir", "sdbox")
def _(case):
    session = case.watcher(f"(mailboxes A {NEW})", create=("A",))
    case.deliver("A")
    session.expect_status("A", MESSAGES=1)
    case.dovecot.doveadm("mailbox", "update", "-u", case.user, "--uid-validity", "2000000000", "A")
    session.expect_status("A", UIDVALIDITY=2000000000)


@rows.row("N03 N23", "only the events that were asked for")
def _(case):
    case.create("A", "B", "B/C")
    case.deliver("A")
    session = case.watcher(f"(mailboxes A {NEW}) (mailboxes B (MailboxName))", enable="CONDSTORE")
    other = case.other
    other.select("A")
    other.ok(r"STORE 1 +FLAGS (\Seen)")
    other.ok("SUBSCRIBE A")
    other.ok("CREATE A/D")
    case.deliver("B")
    case.deliver("B/C")
    other.ok("SUBSCRIBE B")
    case.nothing(session, "of what was not asked for")


@rows.row("N22 D42", "what the session itself did is not told")
def _(case):
    groups = "(personal (MessageNew MessageExpunge MailboxName SubscriptionChange))"
    session = case.watcher(groups, create=("A", "C", "D"))
    lines = []
    for command in ("CREATE B", "SUBSCRIBE B", "UNSUBSCRIBE A", "RENAME C E", "DELETE D"):
        lines += session.ok(command).lines
    lines += session.append("A", MESSAGE).lines
    equal(lines, [], "within the commands")
    case.nothing(session, "after the commands")


@rows.row("N22", "what another session of the same user did is told")
def _(case):
    session = case.watcher("(personal (MailboxName SubscriptionChange MessageNew MessageExpunge))")
    case.other.ok("CREATE B")
    session.expect_list("B")
    case.other.append("B", MESSAGE)
    session.expect_status("B", MESSAGES=1)


@rows.row("N46", "a new mailbox that matches is watched from its first message on", "maildir",
          "sdbox")
def _(case):
    session = case.watcher(f"(subtree A {NEW})")
    case.create("A/B")
    case.deliver("A/B")
    session.expect_status("A/B", MESSAGES=1, UIDNEXT=2)
    case.deliver("A/B")
    session.expect_status("A/B", MESSAGES=2, UIDNEXT=3)


@rows.row("D43", "a new mailbox tells only what was asked for")
def _(case):
    session = case.watcher(f"(personal {NEW})")
    case.create("A")
    case.deliver("A")
    session.expect_status("A", MESSAGES=1)
    case.fence(session)
    case.other.select("A")
    case.other.ok(r"STORE 1 +FLAGS (\Seen)")
    case.nothing(session, r"after \Seen")


@rows.row("N59 D48", "subscribed follows the subscriptions", "maildir", "sdbox")
def _(case):
    session = case.watcher(f"(subscribed {NEW})", create=("A", "B"))
    case.other.ok("SUBSCRIBE A")
    case.fence(session)
    case.deliver("A")
    session.expect_status("A", MESSAGES=1)
    case.other.ok("UNSUBSCRIBE A")
    case.fence(session)
    case.deliver("A")
    case.nothing(session, "of what is not subscribed any more")


# --- arrival ---------------------------------------------------------------------


@rows.row("D23", "each of five SETs of one connection works")
def _(case):
    session = case.session()
    for count in range(2, 7):
        session.notify(f"(personal {NEW})")
        case.deliver()
        session.expect_status("INBOX", MESSAGES=count)


@rows.row("D24", "after SELECT and UNSELECT of INBOX its mail is still told", "maildir", "sdbox")
def _(case):
    session = case.session()
    session.notify(f"(personal {NEW}) (selected {NEW})")
    session.select("INBOX")
    case.settle()
    session.done(session.idle())
    session.ok("UNSELECT")
    case.deliver()
    session.expect_status("INBOX", MESSAGES=2)


def list_log(case):
    return glob.glob(case.dovecot.home(case.user) + "/*/dovecot.list.index.log")


@rows.row("D25", "a rotation of the list index log does not make it deaf")
def _(case):
    session = case.watcher(f"(personal {NEW})", create=("A", "B"))
    path = list_log(case)[0]
    inode = os.stat(path).st_ino
    with case.dovecot.lmtp() as lmtp:
        for _ in range(1000):  # it rotates at 64 KiB
            lmtp.send("a@example.org", [case.user + "+A"], MESSAGE)
            if os.stat(path).st_ino != inode:
                break
        else:
            check(False, "the log has not rotated: the row tests nothing")
    session.take()
    case.deliver("B")
    session.expect_status("B", MESSAGES=1)
    case.deliver("B")
    session.expect_status("B", MESSAGES=2)


def inotify_instances():
    with open("/proc/sys/fs/inotify/max_user_instances", encoding="ascii") as file:
        return int(file.read())


@rows.row("D26", "a session more than there are inotify instances hears as the others do",
          only=lambda: inotify_instances() > 200 and "the kernel gives plenty of inotify instances")
def _(case):
    sessions = [case.session() for _ in range(inotify_instances() + 6)]
    for session in sessions:
        session.notify(f"(mailboxes INBOX {NEW})")
    case.deliver()
    for session in sessions:
        session.expect_status("INBOX", MESSAGES=2)


@rows.row("D27", "a mailbox that comes and goes at once hides nothing else")
def _(case):
    session = case.watcher("(personal (MessageNew MessageExpunge MailboxName))", create=("A",))
    literal = b"{%d+}\r\n%s" % (len(MESSAGE), MESSAGE)
    case.other.send(b"t901 CREATE brief\r\nt902 APPEND A " + literal
                    + b"\r\nt903 DELETE brief\r\nt904 CREATE stays\r\n")
    equal([case.other.finish(f"t90{n}").status for n in range(1, 5)], ["OK"] * 4,
          "commands")
    session.expect_list("stays")
    session.expect_status("A", MESSAGES=1)


@rows.row("D30", "a file dropped into a maildir is found, if later", "polling", background=True)
def _(case):
    session = case.watcher(f"(mailboxes A {NEW})", create=("A",))
    case.deliver("A")
    session.expect_status("A", MESSAGES=1)
    case.fence(session)
    folder = case.dovecot.home(case.user) + "/Maildir/.A"
    message = glob.glob(folder + "/new/*")[0]
    copy = folder + "/tmp/1.dropped.example"
    shutil.copy(message, copy)
    shutil.chown(copy, case.dovecot.uid, case.dovecot.gid)
    os.rename(copy, folder + "/new/1.dropped.example")
    session.expect_status("A", seconds=35 if case.mode == STOCK else 100, MESSAGES=2)


@rows.row("D31", "a client that only listens is kept alive", "keep-alive", background=True)
def _(case):
    session = case.session()
    session.notify(f"(personal {NEW})")
    for _ in range(2):
        session.expect_keep_alive(10 if case.mode == STOCK else 60)


def switches(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return sum(int(count) for count in re.findall(r"ctxt_switches:\s+(\d+)", file.read()))


def imap_process(user):
    """Process ids of imap for the user, by the title that verbose_proctitle gives."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                title = file.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # gone meanwhile
        if re.search(rf"\bimap: \[{user} ", title) or re.search(rf"/imap \[?{user} ", title):
            found.append(int(path.split("/")[2]))
    return found


@rows.row("D22", "a session to which nothing happens sleeps", background=True)
def _(case):
    session = case.session("INBOX")
    session.notify(f"(selected {NEW}) (personal {NEW})")
    pid = eventually(lambda: imap_process(case.user), "process of the session")[0]
    time.sleep(2)
    before = switches(pid)
    time.sleep(20)
    # One look at everything may fall into this time, and a page that the machine took
    # away; a wake-up a second is twenty.
    check(switches(pid) - before < 15, f"woke {switches(pid) - before} times in 20 seconds")


# --- names -----------------------------------------------------------------------


@rows.row("N42 N43", "create and delete: LIST, with \\NonExistent afterwards", "maildir", "sdbox")
def _(case):
    session = case.watcher(NAMES)
    case.create("A")
    has(session.expect_list("A"), without=r"\nonexistent \noselect")
    case.other.ok("DELETE A")
    has(session.expect_list("A"), r"\nonexistent")
    case.nothing(session, "else")


@rows.row("N42 D44", "create and delete: LIST of the direct parent, too", "maildir", "sdbox")
def _(case):
    session = case.watcher(NAMES, create=("A", "A/B"))
    case.create("A/B/C")
    session.expect_list("A/B/C")
    has(session.expect_list("A/B"), r"\haschildren", r"\hasnochildren \nonexistent")
    case.other.ok("DELETE A/B/C")
    has(session.expect_list("A/B/C"), r"\nonexistent")
    has(session.expect_list("A/B"), r"\hasnochildren", r"\haschildren \nonexistent")
    case.no_more(session, "LIST", "of other parents")


@rows.row("N42 D44", "create and delete: LIST of a parent that is no mailbox")
def _(case):
    session = case.watcher(NAMES)
    case.create("A/B")
    session.expect_list("A/B")
    has(session.expect_list("A"), r"\haschildren")
    case.other.ok("DELETE A/B")
    has(session.expect_list("A/B"), r"\nonexistent")
    has(session.expect_list("A"), r"\nonexistent")


@rows.row("N43", "a deleted mailbox with children left: as LIST would say it", "maildir", "sdbox",
          "no-list-index")
def _(case):
    session = case.watcher(NAMES, create=("A", "A/B"))
    case.other.ok("DELETE A")
    line = session.expect_list("A")
    has(line, without=r"\hasnochildren")
    check(line.flags & {r"\nonexistent", r"\noselect"}, f"{line}")
    case.no_more(session, "A/B", "of the child")


@rows.row("N44 N01", "rename: one LIST with OLDNAME", "maildir", "sdbox")
def _(case):
    session = case.watcher(NAMES, create=("A",))
    case.other.ok("RENAME A B")
    has(session.expect_list("B", oldname="A"), without=r"\nonexistent")
    case.nothing(session, "of the old name")


@rows.row("N44 D45", "rename: nothing for children", "maildir", "sdbox")
def _(case):
    session = case.watcher(NAMES, create=("A", "A/B", "A/B/C"))
    case.other.ok("RENAME A N")
    session.expect_list("N", oldname="A")
    case.no_more(session, "LIST", "of the children")


@rows.row("N44 D45", "rename of a name that is no mailbox itself: one LIST with OLDNAME", "sdbox")
def _(case):
    session = case.watcher(NAMES, create=("A/B",))
    case.other.ok("RENAME A N")
    session.expect_list("N", oldname="A")
    case.no_more(session, "LIST", "of the children")


@rows.row("N44 D46", "RENAME INBOX: one LIST with OLDNAME, nothing for INBOX", "sdbox")
def _(case):
    session = case.watcher(NAMES)
    case.other.ok("RENAME INBOX Old")
    session.expect_list("Old", oldname="INBOX")
    case.no_more(session, "LIST", "of INBOX")


@rows.row("N46 N44", "a renamed mailbox is watched under its new name")
def _(case):
    session = case.watcher("(personal (MailboxName MessageNew MessageExpunge))", create=("A",))
    case.other.ok("RENAME A B")
    session.expect_list("B", oldname="A")
    case.deliver("B")
    session.expect_status("B", MESSAGES=1)


@rows.row("N47 D47", "child attributes in LIST are right", "maildir", "sdbox")
def _(case):
    session = case.watcher("(personal (MailboxName SubscriptionChange))")
    case.create("A")
    has(session.expect_list("A"), r"\hasnochildren", r"\haschildren")
    case.create("A/B")
    session.expect_list("A/B")
    session.take()
    case.other.ok("SUBSCRIBE A")
    has(session.expect_list("A"), r"\subscribed \haschildren", r"\hasnochildren")
    case.other.ok("UNSUBSCRIBE A")
    has(session.expect_list("A"), r"\haschildren", r"\hasnochildren \subscribed")


@rows.row("N47", r"subscribe and unsubscribe: LIST with and without \Subscribed", "maildir",
          "sdbox")
def _(case):
    session = case.watcher("(personal (SubscriptionChange))", create=("A",))
    case.other.ok("SUBSCRIBE A")
    has(session.expect_list("A"), r"\subscribed")
    case.other.ok("UNSUBSCRIBE A")
    has(session.expect_list("A"), without=r"\subscribed")


@rows.row("N45 D47", r"created where a subscription already is: \Subscribed", "maildir", "sdbox")
def _(case):
    case.create("A")
    case.other.ok("SUBSCRIBE A")
    case.other.ok("DELETE A")
    session = case.watcher(NAMES)
    case.create("A")
    has(session.expect_list("A"), r"\subscribed")


@rows.row("N45", r"created and subscribed automatically: \Subscribed", "auto-subscribe")
def _(case):
    session = case.watcher("(personal (MailboxName SubscriptionChange))")
    case.other.select("Auto")
    # Dovecot creates and subscribes in two steps: the last word counts.
    def subscribed():
        session.pump(0.1)
        last = [line for line in lists(session.pending) if line.name == "Auto"][-1:]
        return last and r"\subscribed" in last[0].flags
    eventually(subscribed, r"\Subscribed for Auto", case.wait)


@rows.row("D8 D9", "names with other letters: modified UTF-7 in LIST, OLDNAME and STATUS")
def _(case):
    session = case.watcher("(personal (MailboxName MessageNew MessageExpunge))")
    case.create("Entw&APw-rfe")
    session.expect_list("Entw&APw-rfe")
    case.other.append("Entw&APw-rfe", MESSAGE)
    session.expect_status("Entw&APw-rfe", MESSAGES=1)
    case.other.ok("RENAME Entw&APw-rfe &ZeVnLIqe-")
    session.expect_list("&ZeVnLIqe-", oldname="Entw&APw-rfe")


@rows.row("D9", "names with blanks, quotes, backslashes and ampersands")
def _(case):
    session = case.watcher("(personal (MailboxName MessageNew MessageExpunge))")
    for name in ("a b", 'say "hi"', "back\\slash", "this &- that", "NIL"):
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        case.other.ok(f'CREATE "{quoted}"')
        session.expect_list(name)
        case.other.append(quoted, MESSAGE)
        session.expect_status(name, MESSAGES=1)


@rows.row("N42", "of names outside the group nothing is told")
def _(case):
    session = case.watcher("(subtree A (MailboxName SubscriptionChange))", create=("A", "AB"))
    case.create("B", "AB/C")
    case.nothing(session, "of new ones")
    case.other.ok("SUBSCRIBE B")
    case.other.ok("RENAME B D")
    case.nothing(session, "of other changes")
    case.other.ok("DELETE D")
    case.nothing(session, "of a deleted one")
    case.create("A/B")
    session.expect_list("A/B")


# --- metadata --------------------------------------------------------------------


def entries(line, mailbox):
    """What a METADATA response of RFC 5464 section 4.4.2 names."""
    match = re.fullmatch(r'\* METADATA ("(?:[^"])*"|[^ "]+)((?: [^ ()"]+)+)', line)
    check(match and match[1].strip('"') == mailbox,
          f"METADATA without values of {mailbox!r}: {line}")
    return match[2].split()


@rows.row("N49 N50 D3", "metadata of a mailbox: the names of the entries that changed")
def _(case):
    session = case.watcher("(personal (MailboxMetadataChange))", create=("A",))
    case.other.ok('SETMETADATA A (/private/comment "mine")')
    equal(entries(session.expect("METADATA"), "A"), ["/private/comment"], "entries")
    case.other.ok('SETMETADATA A (/shared/comment "all" /private/vendor/x/y "z")')
    got = []
    while len(got) < 2:
        got += entries(session.expect("METADATA"), "A")
    equal(sorted(got), ["/private/vendor/x/y", "/shared/comment"], "entries")
    case.nothing(session, "else")


@rows.row("N51 D3", "metadata of a mailbox: an entry set to NIL is told")
def _(case):
    case.create("A")
    case.other.ok('SETMETADATA A (/private/comment "mine")')
    session = case.watcher("(mailboxes A (MailboxMetadataChange))")
    case.other.ok("SETMETADATA A (/private/comment NIL)")
    equal(entries(session.expect("METADATA"), "A"), ["/private/comment"], "entries")


@rows.row("N49 D3", "metadata of the selected mailbox comes by the other groups")
def _(case):
    session = case.watcher(f"(selected {NEW}) (personal (MailboxMetadataChange))", select="INBOX")
    case.other.ok('SETMETADATA INBOX (/private/comment "mine")')
    equal(entries(session.expect("METADATA"), "INBOX"), ["/private/comment"], "entries")


@rows.row("N52 D3", "metadata of the server: METADATA of the empty name")
def _(case):
    session = case.watcher("(personal (ServerMetadataChange))")
    case.other.ok('SETMETADATA "" (/private/vendor/x/y "z")')
    equal(entries(session.expect("METADATA"), ""), ["/private/vendor/x/y"], "entries")
    case.other.ok('SETMETADATA INBOX (/private/comment "mine")')
    case.nothing(session, "of mailboxes")


@rows.row("N22 D3", "metadata that the session itself set is not told")
def _(case):
    session = case.watcher("(personal (MailboxMetadataChange ServerMetadataChange))", create=("A",))
    equal(session.ok('SETMETADATA A (/private/comment "mine")').lines, [], "within SETMETADATA")
    case.nothing(session, "after SETMETADATA")


@rows.row("N49 D3", "a deleted mailbox does not tell of its metadata")
def _(case):
    case.create("A")
    case.other.ok('SETMETADATA A (/private/comment "mine")')
    session = case.watcher("(personal (MailboxMetadataChange))")
    case.other.ok("DELETE A")
    case.no_more(session, "METADATA", "of the deleted mailbox")


if __name__ == "__main__":
    rows.main()
