#!/usr/bin/env python3
"""Views (XVFOLDER, XPSEARCH) against a real Dovecot, with mail in maildir and in sdbox.
scratch.py says where the modules are looked for."""

import os
import re
import signal
import time

from dovecot import NOBODY, Dovecot
from fake_bridge import FakeBridge
from hub import Hub
from pimap import DOVECOT_24, Phone, compare, learn, plain
from scratch import MODULES, limit, scratch_dir
from tap import Skip, Suite, check, equal, eventually

suite = Suite("views")


def site(driver, socket="/nonexistent/bridge.sock", more=(), imap="fantail_imap", extra="",
         list_index=None):
    settings = {"fantail_socket": socket, "fantail_hub": "/nonexistent/hub.sock", **dict(more)}
    return Dovecot(modules=[MODULES / "plugins", MODULES / "pushimap"], mail_driver=driver,
                   mail_plugins="notify fantail_event", settings=settings, extra=plain() + extra,
                   list_index=list_index,
                   protocol_plugins={"imap": f"imap_acl {imap}" if driver == "maildir" else imap},
                   shared=driver == "maildir")


SITES = {driver: site(driver) for driver in ("maildir", "sdbox")}
# There is no bridge and no hub.
QUIET = ("fantail: ", "Time moved ", "killed with signal 9", "fantail-view is not a view's file")
users = 0


def mail(sender, subject="hello", size=0, date="Mon, 7 Feb 1994 21:52:25 -0800"):
    return (f"From: {sender}@example.com\r\nTo: ann@example.com\r\nSubject: {subject}\r\n"
            f"Date: {date}\r\n\r\nthere\r\n" + "x" * size + "\r\n")


class Client(Phone):
    """Of a new user, or of another session's."""

    def __init__(self, server, user=None, device="P42"):
        global users
        if user is None:
            users += 1
            user = f"user{users}"
        super().__init__(server, user, device)
        check(self.result.startswith("OK "), self.result)
        self.user = user

    def append(self, text, mailbox="INBOX", flags=""):
        """The UID, from APPENDUID."""
        text = text.encode()
        tag = self.start(f"APPEND {mailbox} ({flags}) {{{len(text)}+}}\r\n" + text.decode())
        result = self.finish(tag)[-1]
        match = re.match(r"OK \[APPENDUID (\d+) (\d+)\]", result)
        check(match is not None, f"APPEND to {mailbox}: {result}")
        return int(match[2])

    def answer(self, text):
        """A tagged answer up to its code; without the one that only 2.4 gives for a mailbox
        that is not there."""
        lines = self.command(text)
        answer = re.match(r"(OK|NO|BAD)( \[[A-Z]+)?", lines[-1])[0].replace("[", "").strip()
        return "NO" if answer == "NO NONEXISTENT" else answer

    def uids(self, mailbox=None):
        """All UIDs, in order."""
        if mailbox is not None:
            self.ok(f"SELECT {mailbox}")
        lines = self.ok("UID SEARCH ALL")
        found = [line for line in lines if line.startswith("* SEARCH")]
        return [int(word) for word in found[0].split()[2:]]

    def flags(self):
        """{uid: flags without Recent} of the selected mailbox."""
        result = {}
        for line in self.ok("FETCH 1:* (UID FLAGS)"):
            match = re.search(r"UID (\d+) FLAGS \(([^)]*)\)", line)
            if match is not None:
                result[int(match[1])] = set(match[2].split()) - {r"\Recent"}
        return result

    def status(self, mailbox, items="MESSAGES UIDNEXT UIDVALIDITY UNSEEN"):
        line = self.ok(f"STATUS {mailbox} ({items})")[0]
        words = line[line.rindex("(") + 1:-1].split()
        return dict(zip(words[::2], map(int, words[1::2])))


def test(function):
    """With both kinds of mailboxes."""
    for driver, server in SITES.items():
        def wrapped(server=server):
            if server.process is None:
                server.start()
            function(server)
            equal(server.problems(*QUIET), [], "Dovecot's log")
        wrapped.__name__ = f"{function.__name__}_{driver}"
        suite.test(wrapped)
    return function


def four(server, name="boss"):
    """A user with two messages from the boss (2 and 4) among four, and a view of them."""
    client = Client(server)
    for sender in ("amy", "boss", "bob", "boss"):
        client.append(mail(sender))
    equal(client.answer(f'CREATE {name} (XPSEARCH (INBOX FROM "boss@example.com"))'), "OK", "CREATE")
    return client


# --- making one ------------------------------------------------------------------


@test
def a_view_has_the_uids_of_its_backing_mailbox(server):
    with four(server) as client:
        lines = client.ok("SELECT boss")
        check("* 2 EXISTS" in lines, lines)
        check("* 0 RECENT" in lines, lines)
        equal(client.uids(), [2, 4], "UIDs")
        inbox, view = client.status("INBOX"), client.status("boss")
        equal(view["MESSAGES"], 2, "MESSAGES")
        for item in ("UIDVALIDITY", "UIDNEXT"):
            equal(view[item], inbox[item], item)
        equal(client.ok("FETCH 2 (UID RFC822.SIZE)"), client.ok("UID FETCH 4 (UID RFC822.SIZE)"),
              "by number and by UID")
        client.ok("NOOP")
        envelope = client.ok("FETCH 1 ENVELOPE")[0]
        check('"boss" "example.com"' in envelope, envelope)
        body = client.ok("FETCH 1:2 BODY.PEEK[]")
        equal(len([line for line in body if "From: boss@" in line]), 2, "bodies")
        equal(client.ok("UID SEARCH SUBJECT hello"), ["* SEARCH 2 4"], "SEARCH")
        equal(client.ok("SEARCH NOT SUBJECT hello"), ["* SEARCH"], "SEARCH")


@test
def all_spellings(server):
    with four(server) as client:
        rows = (('(XPSEARCH (INBOX FROM "boss"))', [2, 4]), ("(LPSEARCH (INBOX UID 1:3))", [1, 2, 3]),
                ("(vfolder (INBOX OR UID 1 FROM boss))", [1, 2, 4]),
                ("(VFOLDER(INBOX UID 2:3))", [2, 3]), ("(xpsearch(INBOX UID 2))", [2]),
                ("(XPSEARCH ({5+}\r\nINBOX FROM {3+}\r\nbob))", [3]),
                ("(XPSEARCH (INBOX CHARSET UTF-8 FROM {3+}\r\nbob))", [3]),
                ("(XPSEARCH (INBOX (NOT (OR FROM boss FROM amy))))", [3]),
                ("(XPSEARCH (inbox ALL))", [1, 2, 3, 4]),
                ("(XPSEARCH (INBOX YOUNGER 1000))", [1, 2, 3, 4]),
                ("(XPSEARCH (INBOX DAYSBEFORETODAY 0 LARGER 10 SENTBEFORE 1-Jan-2000))", [1, 2, 3, 4]))
        for number, (program, uids) in enumerate(rows):
            equal(client.command(f"CREATE v{number} {program}")[-1][:2], "OK", program)
            equal(client.uids(f"v{number}"), uids, program)
        equal(client.answer("CREATE inbox/below (XPSEARCH (inbox FROM bob))"), "OK", "below INBOX")
        equal(client.answer("CREATE {3+}\r\nlit (XPSEARCH (INBOX FROM bob))"), "OK", "a literal")
        equal(client.uids("lit"), [3], "a literal")
        equal(client.answer('CREATE "q(VFOLDER(x" (VFOLDER(INBOX FROM bob))'), "OK", "a quoted name")
        equal(client.uids('"q(VFOLDER(x"'), [3], "a quoted name")


@test
def xpsearch_makes_one_of_the_selected_mailbox(server):
    with four(server) as client:
        equal(client.answer("XPSEARCH x FROM bob"), "BAD", "no mailbox is selected")
        client.ok("SELECT INBOX")
        equal(client.answer('XPSEARCH bobs CHARSET US-ASCII FROM "bob"'), "OK", "XPSEARCH")
        equal(client.uids("bobs"), [3], "UIDs")
        equal(client.answer("XPSEARCH more ALL"), "OK", "of a view")
        equal(client.uids("more"), [3], "UIDs")
        for text in ("XPSEARCH", "XPSEARCH x", "XPSEARCH (x) ALL", "XPSEARCH x CHARSET",
                     "XPSEARCH x CHARSET UTF-8"):
            equal(client.answer(text), "BAD", text)


@test
def what_may_not_be_in_a_program(server):
    with four(server) as client:
        deep = "(" * 1000 + "ALL" + ")" * 1000
        rows = [(program, "NO BADSEARCH") for program in (
            "NEW", "OLD", "RECENT", "1:3", "*", "NOT 2", "SEEN", "UNSEEN", "NOT FLAGGED", "ANSWERED",
            "DELETED", "DRAFT", "KEYWORD $Important", "UNKEYWORD x", "MODSEQ 5", "OLDER 10",
            "NOT YOUNGER 10", "OR FROM boss NOT (TO x YOUNGER 10)", "NOT DAYSBEFORETODAY 2", "UID 3:*",
            "$", "FILTER boss", "INTHREAD REFS FROM boss", "XYZZY", "FROM", "YOUNGER x", "SINCE y",
            "NOT NOT NOT YOUNGER 9")]
        rows += [("NOT " * 600 + "ALL", "NO BADSEARCH"), (deep, "BAD"),
                 ("CHARSET KLINGON FROM x", "NO BADCHARSET"),
                 ("FROM {9000+}\r\n" + "x" * 9000, "NO LIMIT"), (" ".join(["ALL"] * 5000), "NO LIMIT")]
        for program, want in rows:
            equal(client.answer(f"CREATE v (XPSEARCH (INBOX {program}))"), want, program[:60])
        equal(client.answer("CREATE v (XPSEARCH (INBOX NOT NOT YOUNGER 9))"), "OK", "twice not")
        client.ok("SELECT INBOX")
        equal(client.answer("XPSEARCH w UNSEEN"), "NO BADSEARCH", "XPSEARCH")


@test
def malformed_arguments(server):
    with four(server) as client:
        for text in ("(XPSEARCH)", "(XPSEARCH INBOX ALL)", "(XPSEARCH ())", "(XPSEARCH (INBOX))",
                     "(XPSEARCH (INBOX CHARSET UTF-8))", "(XPSEARCH ((INBOX) ALL))",
                     "(XPSEARCH (INBOX ALL) USE)", "(XPSEARCH (INBOX ALL) (ALL))",
                     "(XPSEARCH (INBOX ALL)", "(XPSEARCH (INBOX ALL)) (", "(XPSEARCH (NIL ALL))"):
            equal(client.answer(f"CREATE v {text}"), "BAD", text)
        equal(client.answer("SELECT v"), "NO", "nothing was made")
    # After ten BADs a session is slowed down, and closed in the end.
    with Client(server, client.user) as client:
        equal(client.answer("CREATE (v) (XPSEARCH (INBOX ALL))"), "BAD", "a list as the name")
        equal(client.answer("CREATE v (XPSEARCH (INBOX FROM boss))"), "OK", "after all that")
        for name in ("v", "INBOX", "boss"):
            equal(client.answer(f"CREATE {name} (XPSEARCH (INBOX ALL))"), "NO ALREADYEXISTS", name)
        client.ok("CREATE plain")
        client.append(mail("amy"), "plain")
        equal(client.answer("CREATE plain (XPSEARCH (INBOX ALL))"), "NO ALREADYEXISTS", "plain")
        equal(client.uids("plain"), [1], "an ordinary mailbox")


@test
def pipelined(server):
    with four(server) as client:
        client.ok("SELECT INBOX")
        tags = [client.start(text) for text in (
            "CREATE a (VFOLDER(INBOX FROM bob))", "SELECT a", "UID SEARCH ALL", "XPSEARCH b UID 3",
            "DELETE b", "NOOP")]
        lines = []
        while sum(line.split()[0] in tags for line in lines) < len(tags):
            lines.append(client.line())
        equal([line for line in lines if line.split()[0] in tags and " OK " not in line], [], "answers")
        check("* SEARCH 3" in lines, lines)


@test
def a_line_in_pieces(server):
    with four(server) as client:
        for number, text in enumerate(("CREATE p{} (VFOLDER(INBOX FROM bob))",
                                       "CREATE {{2+}}\r\nl{} (XPSEARCH (INBOX FROM bob))")):
            client.tag += 1
            for octet in f"t{client.tag} {text.format(number)}\r\n":
                client.send(octet)
                time.sleep(0.002)
            equal(client.finish(f"t{client.tag}")[-1][:2], "OK", text)
        equal(client.uids("p0"), [3], "UIDs")


@test
def ordinary_create_is_as_it_was(server):
    with Client(server) as client:
        equal(client.command("CREATE one")[-1], "OK Create completed.", "CREATE")
        equal(client.command("CREATE {3+}\r\ntwo")[-1], "OK Create completed.", "a literal")
        equal(client.answer("CREATE one"), "NO ALREADYEXISTS", "again")
        equal(client.answer("CREATE"), "BAD", "no name")
        equal(client.append(mail("amy"), "one"), 1, "APPEND")


@test
def a_regular_session_makes_none(server):
    with four(server) as client:
        with Client(server, client.user, None) as regular:
            capabilities = regular.ok("CAPABILITY")[0].split()
            check("XVFOLDER" in capabilities and "XPSEARCH" in capabilities, capabilities)
            equal(regular.answer("CREATE x (XPSEARCH (INBOX ALL))"), "NO CANNOT", "CREATE")
            equal(regular.uids("boss"), [2, 4], "but sees those that are there")
            equal(regular.answer("XPSEARCH x ALL"), "NO CANNOT", "XPSEARCH")
            equal(regular.answer("SELECT x"), "NO", "nothing was made")


@suite.test
def with_other_layouts():
    """Folders that are named by GUID, and maildir's as they are in the file system."""
    if DOVECOT_24:
        raise Skip("its configuration has no mail_location")
    for location in ("sdbox:~/sdbox:LAYOUT=index", "maildir:~/Maildir:LAYOUT=index",
                     "maildir:~/Maildir:LAYOUT=fs"):
        server = site("sdbox", extra=f"\nmail_location = {location}\n", list_index=True)
        try:
            server.start()
            with four(server) as client:
                equal(client.uids("boss"), [2, 4], location)
                client.ok("CREATE boss/below")
                client.append(mail("amy"), "boss/below")
                equal(client.answer("CREATE other (XPSEARCH (boss ALL))"), "OK", location)
                for name in ("other", "boss"):
                    equal(client.uids(name), [2, 4], f"{location}, {name}")
                equal(client.answer("RENAME boss yours"), "NO CANNOT", location)
                client.ok("UNSELECT")
                client.ok("DELETE boss")
                equal(client.uids("boss/below"), [1], f"{location}, below one that is deleted")
                equal(client.uids("INBOX"), [1, 2, 3, 4], location)
        finally:
            server.close()


@test
def below_one_that_is_deleted(server):
    with four(server) as client:
        client.ok("CREATE boss/below")
        client.append(mail("amy"), "boss/below")
        client.ok("DELETE boss")
        equal(client.uids("boss/below"), [1], "mail")
        equal(client.answer("SELECT boss"), "NO", "the view is gone")
        equal(client.answer("CREATE boss (XPSEARCH (INBOX FROM bob))"), "OK", "made again")
        equal(client.uids("boss"), [3], "UIDs")


@test
def of_a_mailbox_that_was_never_opened(server):
    with Client(server) as client:
        client.ok("CREATE boss (XPSEARCH (INBOX FROM boss))")
        equal(client.uids("boss"), [], "UIDs")
        equal(client.append(mail("boss")), 1, "APPEND")
        equal(client.uids("boss"), [1], "UIDs")


# --- what is changed in it ----------------------------------------------------------


@test
def flags_are_the_backing_mailboxs(server):
    with four(server) as client, Client(server, client.user, "OTHER") as other:
        other.uids("INBOX")
        client.ok("SELECT boss")
        lines = client.ok(r"STORE 1 +FLAGS (\Flagged $Work)")
        check(any("FLAGS (" in line and "Flagged" in line for line in lines), lines)
        equal(client.ok(r"STORE 2 +FLAGS.SILENT (\Seen)"), [], "silent")
        other.ok("NOOP")
        equal(other.flags(), {1: set(), 2: {r"\Flagged", "$Work"}, 3: set(), 4: {r"\Seen"}}, "INBOX")
        other.ok(r"UID STORE 2 FLAGS (\Answered $Play)")
        other.ok(r"UID STORE 3 +FLAGS (\Flagged)")
        lines = client.ok("NOOP")
        equal(len([line for line in lines if " FETCH " in line]), 1, f"what another did: {lines}")
        equal(client.flags(), {2: {r"\Answered", "$Play"}, 4: {r"\Seen"}}, "the view")
        client.ok(r"UID STORE 4 -FLAGS (\Seen)")
        client.ok(r"UID STORE 2 -FLAGS ($Play)")
        other.ok("NOOP")
        equal(other.flags(), {1: set(), 2: {r"\Answered"}, 3: {r"\Flagged"}, 4: set()}, "INBOX")
        client.ok("FETCH 2 BODY[]")
        equal(client.status("INBOX", "UNSEEN")["UNSEEN"], 3, "a message that is read is")
        equal(client.status("boss", "UNSEEN")["UNSEEN"], 1, "in the view, too")


@test
def expunge_takes_what_is_seen(server):
    with four(server) as client, Client(server, client.user, "OTHER") as other:
        other.ok("SELECT INBOX")
        other.ok(r"STORE 1:3 +FLAGS (\Deleted)")
        client.ok("SELECT boss")
        equal([line for line in client.ok("EXPUNGE") if "EXPUNGE" in line], ["* 1 EXPUNGE"], "the view")
        equal(client.uids(), [4], "the view")
        equal([line for line in other.ok("NOOP") if "EXPUNGE" in line], ["* 2 EXPUNGE"], "INBOX")
        equal(other.uids(), [1, 3, 4], "INBOX")
        client.ok(r"STORE 1 +FLAGS (\Deleted)")
        client.ok("CLOSE")
        equal(client.uids("INBOX"), [1, 3], "after CLOSE")
        equal(client.uids("boss"), [], "after CLOSE")


@test
def append_goes_to_the_backing_mailbox(server):
    with four(server) as client, Client(server, client.user, "OTHER") as other:
        other.ok("SELECT boss")
        equal(client.append(mail("amy"), "boss"), 5, "one that is not shown")
        equal(client.append(mail("boss"), "boss", r"\Flagged $Work"), 6, "one that is")
        equal(client.uids("INBOX"), [1, 2, 3, 4, 5, 6], "INBOX")
        equal(client.flags()[6], {r"\Flagged", "$Work"}, "flags")
        check("* 3 EXISTS" in other.ok("NOOP"), "told to who looks at the view")
        equal(other.uids(), [2, 4, 6], "the view")
        equal(other.append(mail("boss"), "boss"), 7, "to the selected view")
        equal(other.uids(), [2, 4, 6, 7], "the view")
        equal(other.status("boss")["UIDNEXT"], 8, "UIDNEXT")
        equal(server.deliver(client.user, mail("boss").encode()), {}, "refused")
        check("* 5 EXISTS" in other.ok("NOOP"), "a delivery")


@test
def copy_and_move(server):
    with four(server) as client:
        client.ok("CREATE else")
        client.uids("boss")
        text = client.command("UID COPY 4 else")[-1]
        check(re.match(r"OK \[COPYUID \d+ 4 1\]", text), text)
        text = client.command("UID MOVE 2 else")
        check(any(re.match(r"\* OK \[COPYUID \d+ 2 2\]", line) for line in text), text)
        equal(client.uids(), [4], "the view")
        equal(client.uids("INBOX"), [1, 3, 4], "INBOX")
        text = client.command("UID COPY 1,3 boss")[-1]
        check(re.match(r"OK \[COPYUID \d+ 1,3 5:6\]", text), text)
        equal(client.uids("INBOX"), [1, 3, 4, 5, 6], "copied into the view's backing mailbox")
        equal(client.uids("boss"), [4], "and not shown, since they do not match")
        client.ok("SELECT else")
        client.ok(r"STORE 1 FLAGS (\Answered $Kept)")
        text = client.command("UID MOVE 1:2 boss")
        check(any(re.match(r"\* OK \[COPYUID \d+ 1:2 7:8\]", line) for line in text), text)
        equal(client.uids("boss"), [4, 7, 8], "moved back")
        equal(client.flags()[7], {r"\Answered", "$Kept"}, "flags")
        equal(client.uids("else"), [], "else")
        text = client.ok("SELECT boss")
        client.ok("UID COPY 8 boss")
        equal(client.uids(), [4, 7, 8, 9], "within the view")


@test
def two_sessions_at_once(server):
    with four(server) as client, Client(server, client.user, "OTHER") as other:
        client.ok("SELECT boss")
        other.ok("SELECT INBOX")
        other.ok(r"UID STORE 2 +FLAGS (\Deleted)")
        other.ok("EXPUNGE")
        # FETCH may not tell of an expunge; the message is there or is said to be gone.
        lines = client.command("FETCH 1:2 (UID FLAGS)")
        check(not any("EXPUNGE" in line for line in lines[:-1]), lines)
        equal([line for line in lines if "UID 4" in line][0].split()[1], "2", "numbers stay")
        client.command("FETCH 1 BODY.PEEK[]")
        client.ok(r"STORE 2 +FLAGS (\Flagged)")
        equal([line for line in client.ok("NOOP") if "EXPUNGE" in line], ["* 1 EXPUNGE"], "NOOP")
        equal(client.flags(), {4: {r"\Flagged"}}, "the view")
        other.ok("NOOP")
        equal(other.flags()[4], {r"\Flagged"}, "INBOX")


@test
def idle_tells_of_new_mail(server):
    with four(server) as client, Client(server, client.user, "OTHER") as other:
        client.ok("SELECT boss")
        tag = client.start("IDLE")
        equal(client.line()[:1], "+", "IDLE")
        other.append(mail("amy"))
        other.append(mail("boss"))
        lines = []
        client.socket.settimeout(60)
        while "* 3 EXISTS" not in lines:
            lines.append(client.line())
        client.send("DONE\r\n")
        client.finish(tag)


@test
def a_lost_index_is_made_anew(server):
    with four(server) as client:
        client.ok("ENABLE CONDSTORE")
        client.ok("SELECT boss")
        client.ok(r"STORE 1 FLAGS (\Flagged)")
        before = client.status("boss", "UIDVALIDITY UIDNEXT MESSAGES HIGHESTMODSEQ")
    with Client(server, client.user) as client:
        remove_index(server, client.user)
        client.ok("ENABLE CONDSTORE")
        equal(client.uids("boss"), [2, 4], "UIDs")
        equal(client.flags(), {2: {r"\Flagged"}, 4: set()}, "flags")
        after = client.status("boss", "UIDVALIDITY UIDNEXT MESSAGES HIGHESTMODSEQ")
        check(after.pop("HIGHESTMODSEQ") >= before.pop("HIGHESTMODSEQ"), "modification sequences go on")
        equal(after, before, "STATUS")


def remove_index(server, user):
    """Of the user's views."""
    lost = 0
    for folder, _, files in os.walk(server.home(user)):
        for name in files:
            if "fantail-view" in files and name.startswith("dovecot.index"):
                os.unlink(os.path.join(folder, name))
                lost += 1
    check(lost > 0, "files of an index")


def process_of(server, user):
    """Of the last session, as the log of 2.3 or 2.4 has it."""
    return int(re.findall(rf"(?:Login|Logged in): user=<{user}>.* mpid=(\d+)", server.log())[-1])


def is_over(server, user):
    """The last session's process has written what it knows, and is gone."""
    pid = process_of(server, user)
    eventually(lambda: not os.path.exists(f"/proc/{pid}"), "the end of the session")


@test
def a_device_that_comes_back(server):
    """It is told what it missed in a view, or that it has to compare: nothing that is wrong."""
    with four(server) as client:
        for _ in range(4):
            client.append(mail("boss"))
        user = client.user
        folder = learn(client, "boss")
        client.ok("NOOP")
    is_over(server, user)
    for lost in (False, True):
        with Client(server, user, "DESK") as desk:
            uids = desk.uids("INBOX")
            desk.ok(f"UID STORE {[uid for uid in uids if uid not in (1, 3)][0]} +FLAGS (\\Deleted)")
            desk.ok("EXPUNGE")
            desk.ok(f"UID STORE {uids[-1]} +FLAGS (\\Flagged $Later)")
            desk.append(mail("boss"))
        if lost:
            remove_index(server, user)
        with Client(server, user) as client:
            # What it was told when it logged in, too.
            lines = client.untagged + client.ok("SELECT boss")
            resync = folder.apply(lines)
            check(not resync or lost, f"RESYNC: {lines}")
            if not resync:
                equal(folder.messages, compare(client), f"the device's copy, {lines}")
            client.ok("NOOP")
        is_over(server, user)


@test
def a_session_that_is_killed(server):
    """Whatever it has done by then, view and backing mailbox agree afterwards."""
    client = four(server)
    for number in range(4):
        client.append(mail("boss"))
    for number in range(5):
        pid = process_of(server, client.user)
        client.ok("SELECT boss")
        for flag in (r"\Seen", r"\Flagged", "$Work", r"\Answered") * 3:
            client.start(f"STORE 1:* {'-' if number % 2 else '+'}FLAGS.SILENT ({flag})")
        client.start(r"STORE 1 +FLAGS (\Deleted)")
        client.start("EXPUNGE")
        while not re.match(f"p{client.tag - 4 - number} ", client.line()):
            pass
        os.kill(pid, signal.SIGKILL)
        client.drop()
        client = Client(server, client.user)
        inbox, flags = client.uids("INBOX"), client.flags()
        view = client.uids("boss")
        equal(view, [uid for uid in inbox if uid not in (1, 3)], "UIDs")
        equal(client.flags(), {uid: flags[uid] for uid in view}, "flags")
    client.drop()


@test
def other_programs_know_a_view(server):
    with four(server) as client:
        equal(server.lda(client.user, mail("boss").encode(), "-m", "boss"), 0, "dovecot-lda")
        equal(client.uids("INBOX"), [1, 2, 3, 4, 5], "INBOX")
        equal(client.uids("boss"), [2, 4, 5], "the view")
        text = server.doveadm("mailbox", "status", "-u", client.user, "messages uidnext", "boss")
        equal(text.strip(), "boss messages=3 uidnext=6", "doveadm")
        text = server.doveadm("fetch", "-u", client.user, "uid hdr.from", "mailbox", "boss")
        equal(re.findall(r"uid: (\d+)", text), ["2", "4", "5"], "doveadm fetch")
        server.doveadm("index", "-u", client.user, "boss")
        server.doveadm("force-resync", "-u", client.user, "boss")
        equal(client.uids("boss"), [2, 4, 5], "after force-resync")


@test
def condstore_and_qresync(server):
    with four(server) as client, Client(server, client.user, "OTHER") as other:
        client.ok("ENABLE QRESYNC")
        client.ok("SELECT boss")
        state = client.status("boss", "UIDVALIDITY HIGHESTMODSEQ")
        other.uids("INBOX")
        other.ok(r"UID STORE 4 +FLAGS (\Flagged)")
        other.ok(r"UID STORE 2 +FLAGS (\Deleted)")
        other.ok("EXPUNGE")
        other.append(mail("boss"))
        client.ok("UNSELECT")
        lines = client.ok("SELECT boss (QRESYNC ({UIDVALIDITY} {HIGHESTMODSEQ}))".format(**state))
        check("* VANISHED (EARLIER) 2" in lines, lines)
        told = sorted(int(re.search(r"UID (\d+)", line)[1]) for line in lines if " FETCH " in line)
        equal(told, [4, 5], "FETCH")
        modseq = client.status("boss", "HIGHESTMODSEQ")["HIGHESTMODSEQ"]
        check(modseq > state["HIGHESTMODSEQ"], "HIGHESTMODSEQ")
        lines = client.ok(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {modseq})")
        equal([line for line in lines if "FETCH" in line], [], "nothing since")
        lines = client.command(f"UID STORE 4 (UNCHANGEDSINCE {state['HIGHESTMODSEQ']}) FLAGS ()")
        check("[MODIFIED 4]" in lines[-1], lines)


# --- whose it is ---------------------------------------------------------------------


@test
def views_over_views(server):
    with four(server) as client:
        last = "INBOX"
        for depth in range(limit("LIMIT_VIEW_DEPTH")):
            client.ok(f"CREATE d{depth} (XPSEARCH ({last} FROM boss))")
            last = f"d{depth}"
        equal(client.answer(f"CREATE toodeep (XPSEARCH ({last} ALL))"), "NO LIMIT", "one more")
        equal(client.uids(last), [2, 4], "UIDs")
        client.ok(r"UID STORE 4 +FLAGS (\Flagged $Deep)")
        equal(client.append(mail("boss"), last), 5, "APPEND")
        client.ok(r"UID STORE 2 +FLAGS (\Deleted)")
        client.ok("EXPUNGE")
        equal(client.uids("INBOX"), [1, 3, 4, 5], "INBOX")
        equal(client.flags()[4], {r"\Flagged", "$Deep"}, "flags")
        equal(client.uids(last), [4, 5], "the view")
        client.ok("DELETE d0")
        equal(client.answer(f"SELECT {last}"), "NO BADBACKING", "one of those below is gone")


@test
def deleting(server):
    with four(server) as client:
        client.ok("SELECT boss")
        client.ok("CLOSE")
        client.ok("DELETE boss")
        equal(client.uids("INBOX"), [1, 2, 3, 4], "the backing mailbox keeps its mail")
        equal(client.answer("SELECT boss"), "NO", "the view is gone")
        client.ok("CREATE boss (XPSEARCH (INBOX FROM amy))")
        equal(client.uids("boss"), [1], "made again")
        client.ok("CREATE work")
        client.append(mail("boss"), "work")
        client.ok("CREATE mine (XPSEARCH (work ALL))")
        with Client(server, client.user, "OTHER") as other:
            other.uids("mine")
            client.ok("DELETE work")
            try:
                other.command("NOOP")
                equal(other.answer("UID SEARCH ALL"), "NO", "the backing mailbox is gone")
            except EOFError:
                pass
        for command in ("SELECT mine", "STATUS mine (MESSAGES)", "EXAMINE mine"):
            equal(client.answer(command), "NO BADBACKING", command)
        equal(client.answer("APPEND mine {1+}\r\nx"), "NO BADBACKING", "APPEND")
        client.ok("CREATE work")
        equal(client.uids("mine"), [], "a mailbox of that name is there again")
        client.append(mail("boss"), "work")
        equal(client.uids("mine"), [1], "of which it is a view")
        client.ok("RENAME work trade")
        equal(client.answer("SELECT mine"), "NO BADBACKING", "it goes by the name")
        equal(client.answer("RENAME mine yours"), "NO CANNOT", "a view's name stays")
        client.ok("DELETE mine")
        equal(client.answer("SELECT mine"), "NO", "a view without a mailbox goes, too")
        equal(client.uids("trade"), [1], "mail")


@test
def what_was_not_carried_out_is_not_for_another_mailbox(server):
    """The backing mailbox goes while one in the view marks and expunges; then there is another
    of that name, with the same UIDs."""
    with four(server) as client:
        for number, commands in enumerate(((r"STORE 1:2 +FLAGS.SILENT (\Flagged $Old)",),
                                           (r"STORE 1:2 +FLAGS.SILENT (\Deleted)", "EXPUNGE"))):
            name = f"work{number}"
            client.ok(f"CREATE {name}")
            for _ in range(2):
                client.append(mail("boss"), name)
            client.ok(f"CREATE mine{number} (XPSEARCH ({name} ALL))")
            with Client(server, client.user, "OTHER") as other:
                equal(other.uids(f"mine{number}"), [1, 2], "the view")
                for command in commands[:-1]:
                    other.ok(command)
                client.ok(f"DELETE {name}")
                try:
                    other.command(commands[-1])
                except EOFError:
                    pass
            client.ok(f"CREATE {name}")
            for _ in range(2):
                client.append(mail("amy"), name)
            equal(client.uids(f"mine{number}"), [1, 2], "another mailbox's")
            equal(client.flags(), {1: set(), 2: set()}, "flags in the view")
            equal(client.uids(name), [1, 2], "mail")
            equal(client.flags(), {1: set(), 2: set()}, "flags")


@test
def one_who_looks_at_what_was_there_changes_nothing(server):
    """The view is that of another mailbox by now, which another session has seen."""
    with four(server) as client:
        for number, command in enumerate((r"STORE 1 +FLAGS (\Flagged $Old)", "UID EXPUNGE 1")):
            for how in ("DELETE {}", "RENAME {0} old{0}"):
                name = f"work{number}{how[0]}"
                client.ok(f"CREATE {name}")
                client.append(mail("boss"), name)
                client.ok(f"CREATE of{name} (XPSEARCH ({name} ALL))")
                with Client(server, client.user, "OTHER") as other:
                    equal(other.uids(f"of{name}"), [1], "the view")
                    other.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
                    client.ok(how.format(name))
                    client.ok(f"CREATE {name}")
                    client.append(mail("amy"), name)
                    equal(client.uids(f"of{name}"), [1], "of another mailbox")
                    try:
                        other.command(command)
                        other.command("NOOP")
                    except (EOFError, OSError):
                        pass
                for mailbox in (f"of{name}", name):
                    equal(client.uids(mailbox), [1], f"{how}, {command}: {mailbox}")
                    equal(client.flags(), {1: set()}, f"{how}, {command}: {mailbox}")


@suite.test
def what_was_not_expunged_is_that_mail_alone():
    """As above, but the other mailbox has the same UIDVALIDITY, as one that was restored may
    have. A maildir's messages tell at once which they are."""
    server = SITES["maildir"]
    if server.process is None:
        server.start()
    with four(server) as client:
        client.ok("CREATE work")
        client.append(mail("boss"), "work")
        validity = client.status("work")["UIDVALIDITY"]
        client.ok("CREATE mine (XPSEARCH (work ALL))")
        with Client(server, client.user, "OTHER") as other:
            equal(other.uids("mine"), [1], "the view")
            other.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
            client.ok("DELETE work")
            try:
                other.command("EXPUNGE")
            except EOFError:
                pass
        client.ok("CREATE work")
        server.doveadm("mailbox", "update", "-u", client.user, "--uid-validity", str(validity), "work")
        client.append(mail("amy"), "work")
        equal(client.status("work")["UIDVALIDITY"], validity, "UIDVALIDITY")
        client.ok("SELECT mine")
        equal(client.uids("work"), [1], "mail")


@test
def a_file_that_says_nothing(server):
    """Dovecot's log says that the mailbox is to be deleted; that it can be."""
    with four(server) as client:
        for folder, _, files in os.walk(server.home(client.user)):
            if "fantail-view" in files:
                with open(os.path.join(folder, "fantail-view"), "w", encoding="ascii") as out:
                    out.write("fantail-view 2\n")
        equal(client.answer("SELECT boss"), "NO SERVERBUG", "SELECT")
        client.ok("DELETE boss")
        equal(client.answer("CREATE boss (XPSEARCH (INBOX FROM bob))"), "OK", "made again")
        equal(client.uids("boss"), [3], "UIDs")


@test
def it_is_listed_and_can_be_subscribed(server):
    with four(server) as client:
        lines = client.ok('LIST "" *')
        boss = [line for line in lines if line.endswith(" boss")]
        equal(len(boss), 1, lines)
        check("NoSelect" not in boss[0] and "NonExistent" not in boss[0], boss)
        client.ok("SUBSCRIBE boss")
        check(any(line.endswith(" boss") for line in client.ok('LSUB "" *')), "LSUB")
        client.ok("EXAMINE boss")
        client.ok(r"STORE 1 FLAGS (\Seen)")
        client.ok("FETCH 1 BODY[]")
        equal(client.flags(), {2: set(), 4: set()}, "after EXAMINE")


@test
def bad_backing_mailboxes(server):
    with four(server) as client:
        answers = {client.command(f"CREATE v (XPSEARCH ({name} ALL))")[-1].split(" (")[0]
                   for name in ("missing", '""', "&bad", "missing/child", '"a\\\\b"', "v",
                                "shared/nobody/INBOX", "Public/missing")}
        equal(len(answers), 1, "answers")
        check(answers.pop().startswith("NO [BADBACKING] "), "BADBACKING")


@test
def messages_leave_as_time_goes_by(server):
    with four(server) as client:
        client.ok("CREATE young (XPSEARCH (INBOX YOUNGER 2 FROM boss))")
        client.append(mail("boss"))
        check(5 in client.uids("young"), "a new one")
        eventually(lambda: client.ok("NOOP") is not None and client.uids() == [], "none is young")
        equal(client.uids("INBOX"), [1, 2, 3, 4, 5], "INBOX")
        client.append(mail("boss"))
        eventually(lambda: client.uids("young") in ([6], []), "another")


@test
def many_messages(server):
    with Client(server) as client:
        batch = 500
        for start in range(0, 10000, batch):
            texts = [mail("boss" if number % 4 == 0 else "amy", f"m{number}")
                     for number in range(start, start + batch)]
            client.send(f"m{start} APPEND INBOX" + "".join(
                f" {{{len(text)}+}}\r\n{text}" for text in texts) + "\r\n")
            check(client.finish(f"m{start}")[-1].startswith("OK"), "MULTIAPPEND")
        client.ok("CREATE boss (XPSEARCH (INBOX FROM boss))")
        equal(client.uids("boss"), list(range(1, 10001, 4)), "UIDs")
        equal(len(client.ok("FETCH 1:* ENVELOPE")), 2500, "FETCH")
        client.ok(r"STORE 1:* +FLAGS.SILENT (\Seen)")
        equal(client.status("INBOX")["UNSEEN"], 7500, "UNSEEN")
        client.ok(r"STORE 1:1000 +FLAGS.SILENT (\Deleted)")
        client.ok("EXPUNGE")
        equal(client.uids(), list(range(4001, 10001, 4)), "UIDs")
        equal(client.status("INBOX")["MESSAGES"], 9000, "MESSAGES")


def with_rights(function):
    """Others' mailboxes are in maildir alone."""
    def wrapped():
        server = SITES["maildir"]
        if server.process is None:
            server.start()
        function(server)
        equal(server.problems(*QUIET), [], "Dovecot's log")
    wrapped.__name__ = function.__name__
    suite.test(wrapped)
    return function


@with_rights
def a_view_shows_nothing_that_its_user_may_not_read(server):
    with Client(server) as owner, Client(server) as guest:
        owner.ok("CREATE Team")
        owner.append(mail("boss"), "Team")
        name = f"shared/{owner.user}/Team"
        answers = []
        for rights in (None, "l", "r", "lr"):
            if rights is not None:
                owner.ok(f"SETACL Team {guest.user} {rights}")
            # What was read of rights is believed for a second; CREATE asks anew.
            answers.append(guest.command(f"CREATE v{rights} (XPSEARCH ({name} ALL))")[-1])
        equal({answer.split(" (")[0] for answer in answers[:3]},
              {"NO [BADBACKING] There is no such mailbox to be shown."}, "without r and l")
        equal(answers[3][:2], "OK", "with both")
        equal(guest.uids("vlr"), [1], "UIDs")
        guest.ok(r"STORE 1 +FLAGS (\Deleted $Mine)")
        equal(guest.flags(), {1: set()}, "without rights to change flags")
        equal([line for line in guest.ok("EXPUNGE") if "EXPUNGE" in line], [], "EXPUNGE")
        check(guest.command("APPEND vlr {1+}\r\nx")[-1].startswith("NO "), "APPEND without i")
        guest.ok("UNSELECT")
        owner.ok(f"SETACL Team {guest.user} l")
        eventually(lambda: guest.answer("SELECT vlr") == "NO BADBACKING", "r was taken away")
        owner.ok(f"DELETEACL Team {guest.user}")
        for command in ("SELECT vlr", "STATUS vlr (MESSAGES)"):
            equal(guest.answer(command), "NO BADBACKING", command)
        equal(owner.uids("Team"), [1], "mail")


@with_rights
def read_marks_of_ones_own(server):
    """In another's mailbox they are in an index of their own."""
    with Client(server) as owner, Client(server) as guest:
        owner.ok("CREATE Team")
        owner.append(mail("boss"), "Team")
        owner.ok(f"SETACL Team {guest.user} lrs")
        name = f"shared/{owner.user}/Team"
        equal(guest.answer(f"CREATE team (XPSEARCH ({name} ALL))"), "OK", "CREATE")
        equal(guest.uids("team"), [1], "UIDs")
        with Client(server, guest.user, "OTHER") as other:
            other.ok(f"SELECT {name}")
            for word, flags in (("+", {r"\Seen"}), ("-", set()), ("+", {r"\Seen"})):
                other.ok(rf"STORE 1 {word}FLAGS (\Seen)")
                guest.ok("NOOP")
                equal(guest.flags(), {1: flags}, "another session's")
            guest.ok(r"STORE 1 -FLAGS (\Seen)")
            other.ok("NOOP")
            equal(other.flags(), {1: set()}, "and not, by this one")
        owner.ok("SELECT Team")
        equal(owner.flags(), {1: set()}, "the owner's")


@with_rights
def views_are_their_owners(server):
    with four(server) as owner, Client(server) as guest:
        owner.ok(f"SETACL boss {guest.user} lrswipkxtea")
        name = f"shared/{owner.user}/boss"
        equal(guest.answer(f"SELECT {name}"), "NO BADBACKING", "another's view")
        equal(guest.answer(f"CREATE mine (XPSEARCH ({name} ALL))"), "NO BADBACKING", "over one")
        owner.ok("CREATE Team")
        owner.ok(f"SETACL Team {guest.user} lrswipkxtea")
        equal(guest.answer(f"CREATE shared/{owner.user}/Team/v (XPSEARCH (INBOX ALL))"), "NO CANNOT",
              "a view in another's namespace")


@test
def there_are_not_too_many(server):
    with four(server) as client:
        most = limit("LIMIT_VIEWS")
        for number in range(1, most):
            client.ok(f"CREATE many{number} (XPSEARCH (INBOX UID {number}))")
        equal(client.answer("CREATE more (XPSEARCH (INBOX ALL))"), "NO LIMIT", "one more")
        client.ok("DELETE many7")
        equal(client.answer("CREATE more (XPSEARCH (INBOX ALL))"), "OK", "after another was deleted")


@suite.test
def the_setting():
    server = site("sdbox")
    try:
        server.start()
        with four(server) as client:
            user = client.user
        server.settings["fantail_views"] = "no"
        server.write_config()
        server.reload()
        with Client(server, user) as client:
            capabilities = client.ok("CAPABILITY")[0].split()
            check("XFILTER" in capabilities and "XVFOLDER" not in capabilities, capabilities)
            equal(client.uids("boss"), [2, 4], "a view that is there")
            equal(client.answer("XPSEARCH x ALL"), "BAD", "XPSEARCH")
            for program in ("(XPSEARCH (INBOX ALL))", "(VFOLDER(INBOX ALL))"):
                equal(client.answer(f"CREATE x {program}"), "BAD", program)
                equal(client.answer("SELECT x"), "NO", "nothing was made")
            equal(client.answer("CREATE x"), "OK", "an ordinary mailbox")
        equal(server.problems(*QUIET), [], "Dovecot's log")
    finally:
        server.close()


# --- who is told ---------------------------------------------------------------------


@suite.test
def events_are_the_backing_mailboxs():
    """One for each change, and none that names the view but for its being made and deleted."""
    folder = scratch_dir("views")
    bridge = FakeBridge(str(folder / "bridge.sock"))
    bridge.want = "yes"
    server = site("maildir", socket=str(folder / "bridge.sock"))
    try:
        server.start()
        client = four(server)
        client.ok("SELECT boss")
        client.ok(r"STORE 1 +FLAGS (\Seen)")
        client.append(mail("amy"), "boss")
        client.ok("CREATE else")
        client.ok("UID COPY 4 else")
        client.ok(r"UID STORE 4 +FLAGS (\Deleted)")
        client.ok("EXPUNGE")
        equal(server.deliver(client.user, mail("boss").encode()), {}, "refused")
        client.ok("NOOP")
        client.ok("UNSELECT")
        client.ok("DELETE boss")
        events = [(event["name"], event["mailbox"], event.get("uids"))
                  for event in bridge.events_of(client.user)]
        equal([event for event in events if event[1] == "boss"],
              [("MailboxCreate", "boss", None), ("MailboxDelete", "boss", None)], "of the view")
        for event in (("MessageRead", "INBOX", "2"), ("MessageAppend", "INBOX", "5"),
                      ("MessageTrash", "INBOX", "4"), ("MessageExpunge", "INBOX", "4"),
                      ("MessageNew", "INBOX", "6")):
            equal(events.count(event), 1, f"{event} among {events}")
        # That the device is there is none of an event plugin's requests.
        equal([text for text in bridge.complaints if "PRESENT" not in text], [], "complaints")
    finally:
        server.close()
        bridge.close()


@suite.test
def a_session_in_a_view_is_woken():
    """With fantail_notify, which looks by itself once in a day."""
    folder = scratch_dir("views-hub")
    hub = Hub(folder, mail_uids=[NOBODY])
    server = site("sdbox", more={"fantail_hub": hub.socket, "fantail_notify_poll": "86400"},
                  imap="fantail_imap fantail_notify")
    try:
        hub.start()
        server.start()
        with four(server) as client, Client(server, client.user, "OTHER") as other:
            other.ok("SELECT INBOX")
            client.ok("SELECT boss")
            tag = client.start("IDLE")
            equal(client.line()[:1], "+", "IDLE")
            other.append(mail("boss"))
            client.socket.settimeout(60)
            while not client.line().endswith("3 EXISTS"):
                pass
            other.ok(r"UID STORE 2 +FLAGS (\Flagged)")
            while "Flagged" not in client.line():
                pass
            client.send("DONE\r\n")
            client.finish(tag)
            client.ok("NOTIFY SET (selected (MessageNew MessageExpunge)) "
                      "(personal (MessageNew MessageExpunge))")
            other.append(mail("boss"))
            lines = []
            while not (any("STATUS INBOX" in line for line in lines) and
                       any(line.endswith("4 EXISTS") for line in lines)):
                lines.append(client.line())
        equal(server.problems(*QUIET), [], "Dovecot's log")
    finally:
        server.close()
        hub.stop()


suite.on_failure = lambda: "".join(server.log()[-2500:] for server in SITES.values())

if __name__ == "__main__":
    try:
        suite.run()
    finally:
        for site_ in SITES.values():
            site_.close()
