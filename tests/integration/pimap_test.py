#!/usr/bin/env python3
"""P-IMAP logins and sessions against a real Dovecot with the configuration that is shipped.
scratch.py says where the module is looked for."""

import base64
import os
import pathlib
import random
import re
import signal
import time

from dovecot import Dovecot
from pimap import Phone, SHIPPED, compare, learn, plain
from scratch import MODULES, limit
from tap import Suite, check, equal, eventually

suite = Suite("P-IMAP")


def site(extra, **arguments):
    return Dovecot(modules=[MODULES / "pushimap"], protocol_plugins={"imap": "fantail_imap"},
                   settings={"fantail_socket": "/nonexistent/bridge.sock"}, extra=extra,
                   **arguments)


domains = site(SHIPPED)
names = site(plain(), users={"ray": {"fantail_pimap_session_expire": "2"}})
sharing = site(plain(), shared=True)
servers = [domains, names, sharing]

MAIL = b"Subject: hello\r\n\r\nthere\r\n"


def subjects(phone):
    lines = phone.ok("SELECT INBOX")
    return [line for line in lines if line.endswith(" EXISTS")]


@suite.test
def a_device_sees_its_users_mail():
    """Whatever the name is written like: with a domain and without."""
    for server, user, domain in ((domains, "joe", "foo.com"), (names, "joe", None)):
        equal(server.deliver(f"joe@{domain}" if domain else "joe", MAIL), {}, "refused")
        for device in (None, "P42", "6505551234", "a-b_c.d"):
            with Phone(server, user, device, domain) as phone:
                check(phone.result.startswith("OK "), f"{phone.name}: {phone.result}")
                equal(subjects(phone), ["* 1 EXISTS"], phone.name)


@suite.test
def letters_of_a_name_may_be_large_those_of_a_device_are_kept():
    with Phone(domains, "JOE", "p42", "Foo.COM") as phone:
        equal(subjects(phone), ["* 1 EXISTS"], phone.name)


@suite.test
def a_wrong_password_is_one():
    with Phone(domains, "joe", "P42", "foo.com", password="wrong") as phone:
        check(phone.result.startswith("NO "), phone.result)


@suite.test
def authenticate_takes_a_device_too():
    with Phone(domains, "joe", "P42", "foo.com", login=False) as phone:
        text = base64.b64encode(f"\0{phone.name}\0secret".encode()).decode()
        result = phone.command(f"AUTHENTICATE PLAIN {text}")
        check(result[-1].startswith("OK "), result[-1])
        equal(subjects(phone), ["* 1 EXISTS"], phone.name)

# --- sessions ------------------------------------------------------------------


def session_lines(phone):
    """SESSION and SESSIONID, the latter as its id."""
    check(phone.untagged and phone.untagged[-1].startswith("* SESSIONID "), phone.untagged)
    return phone.untagged[:-1], phone.untagged[-1].split(" ", 2)[2]


RESUMED = ["* SESSION AUTHENTICATED"]


def phone(device, user="ann"):
    return Phone(names, user, device)


@suite.test
def a_session_lasts_until_logout():
    with phone("A1") as first:
        state, number = session_lines(first)
        equal(state, [], "a new session")
        check(re.fullmatch("[0-9a-f]{16}", number), number)
    for _ in range(2):
        with phone("A1") as again:
            equal(session_lines(again), (RESUMED, number), "resumed")
    with phone("A2") as other:
        state, another = session_lines(other)
        equal(state, [], "another device's")
        check(another != number, another)
    with phone("A1") as last:
        equal(session_lines(last), (RESUMED, number), "resumed")
        last.ok("LOGOUT")
        with phone("A1") as after:
            state, another = session_lines(after)
            equal(state, [], "after LOGOUT")
            check(another != number, another)
    with phone("A2") as other:
        equal(session_lines(other)[0], RESUMED, "another device's")


@suite.test
def a_regular_session_says_nothing_of_it():
    with Phone(names, "ann") as regular:
        equal(regular.untagged, [], "before the tagged OK")
        equal([line for line in regular.ok("SELECT INBOX") if "RESYNC" in line], [], "RESYNC")


def session_file(device, user="ann", server=names):
    return pathlib.Path(server.home(user), f".fantail-pimap.{device}")


@suite.test
def a_session_expires():
    with phone("E1") as first:
        number = session_lines(first)[1]
        end(first, "E1")
    # A setting, 7 by default.
    for user, days, state in (("ann", 6, RESUMED), ("ann", 8, []), ("ray", 1, RESUMED),
                              ("ray", 3, [])):
        file = session_file("E1", user)
        if not file.exists():
            with phone("E1", user) as first:
                number = session_lines(first)[1]
                end(first, "E1", user)
        text = file.read_text()
        used = int(re.search(r"used=(\d+)", text)[1])
        file.write_text(text.replace(f"used={used}", f"used={int(time.time()) - days * 86400}"))
        with phone("E1", user) as again:
            equal(session_lines(again)[0], state, f"{user} after {days} days")
            equal(session_lines(again)[1] == number, bool(state), "the same id")
            if state:
                end(again, "E1", user)


@suite.test
def a_damaged_file_is_a_new_session():
    for text in (b"", b"\0" * 100, b"fantail-pimap\t1\n", b"x" * 300000):
        with phone("D1") as first:
            session_lines(first)
            # A newer connection has it: this one leaves it alone.
            session_file("D1").write_bytes(text)
        with phone("D1") as again:
            equal(session_lines(again)[0], [], text[:20])
            again.ok("LOGOUT")


# --- what was missed -------------------------------------------------------------

def append(session, mailbox, flags=""):
    text = "Subject: x\r\n\r\nx\r\n"
    tag = session.start(f"APPEND {mailbox} ({flags}) {{{len(text)}+}}\r\n{text}")
    check(session.finish(tag)[-1].startswith("OK "), "APPEND")


def end(session, device, user="ann", server=names):
    """The connection is gone, and its process has written what it knows."""
    file = session_file(device, user, server)
    before = file.stat()
    session.drop()
    eventually(lambda: file.stat().st_ino != before.st_ino, "the end of the session")


@suite.test
def what_was_missed_is_told():
    """Expunges before SELECT's own data, in the device's numbers; flags and new ones after it."""
    with Phone(names, "bea") as desk, phone("M1", "bea") as first:
        for _ in range(6):
            append(desk, "INBOX")
        folder = learn(first, "INBOX")
        first.ok("UNSELECT")
        end(first, "M1", "bea")
        desk.ok("SELECT INBOX")
        desk.ok("STORE 2,5 +FLAGS.SILENT (\\Deleted)")
        desk.ok("EXPUNGE")
        desk.ok("STORE 3 +FLAGS.SILENT (\\Seen $Later)")
        append(desk, "INBOX", "\\Flagged")
        with phone("M1", "bea") as again:
            equal(session_lines(again)[0], RESUMED, "resumed")
            lines = again.ok("SELECT INBOX")
            equal(lines[:2], ["* 5 EXPUNGE", "* 2 EXPUNGE"], "first")
            check(lines.index("* 5 EXISTS") > 1, lines)
            fetches = [line for line in lines if " FETCH " in line]
            equal(fetches, ["* 3 FETCH (UID 4 FLAGS (\\Seen $Later))",
                            "* 5 FETCH (UID 7 FLAGS (\\Flagged))"], "after it")
            equal(lines[-2:], fetches, "last")
            equal(folder.apply(lines), False, "RESYNC")
            equal(folder.messages, compare(again), "the device's copy")
            # Said once, and read: the next command confirms it.
            again.ok("NOOP")
            again.ok("UNSELECT")
            end(again, "M1", "bea")
        with phone("M1", "bea") as last:
            lines = last.ok("EXAMINE INBOX")
            equal([line for line in lines if re.search("EXPUNGE|FETCH|RESYNC", line)], [], "twice")
            last.ok("LOGOUT")


@suite.test
def another_mailbox_is_closed_before_the_expunges():
    with Phone(names, "cat") as desk, phone("C1", "cat") as first:
        desk.ok("CREATE other")
        append(desk, "INBOX")
        append(desk, "INBOX")
        folder = learn(first, "INBOX")
        learn(first, "other")
        desk.ok("SELECT INBOX")
        desk.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
        desk.ok("EXPUNGE")
        lines = first.ok("SELECT INBOX")
        equal(lines[1], "* 1 EXPUNGE", "after CLOSED")
        check(lines[0].startswith("* OK [CLOSED]"), lines[0])
        equal(folder.apply(lines), False, "RESYNC")
        equal(folder.messages, compare(first), "the device's copy")


@suite.test
def random_changes_in_many_folders():
    """Of what a second session does the device is told exactly that, connection by connection."""
    random.seed(7)
    boxes = [f"box{number}" for number in range(12)]
    with Phone(names, "dan") as desk:
        for box in boxes:
            desk.ok(f"CREATE {box}")
            for _ in range(8):
                append(desk, box)
        with phone("R1", "dan") as first:
            folders = {box: learn(first, box) for box in boxes}
            end(first, "R1", "dan")
        for turn in range(4):
            for _ in range(60):
                box = random.choice(boxes)
                desk.ok(f"SELECT {box}")
                count = len(compare(desk)) if random.random() < 0.7 else 0
                if count == 0:
                    append(desk, box, random.choice(["", "\\Seen"]))
                    continue
                number = random.randint(1, count)
                change = random.choice(["+FLAGS (\\Seen)", "-FLAGS (\\Seen)", "+FLAGS ($A)",
                                        "+FLAGS (\\Deleted)"])
                desk.ok(f"STORE {number} {change}")
                if "Deleted" in change:
                    desk.ok("EXPUNGE")
            with phone("R1", "dan") as again:
                lines = session_lines(again)[0]
                equal(lines[0], "* SESSION SELECTED", "resumed")
                box = re.fullmatch(r"\* FOLDER (\w+)", lines[1])[1]
                equal(folders[box].apply(lines), False, f"RESYNC of {box}, turn {turn}")
                equal(folders[box].messages, compare(again), f"{box}, turn {turn}")
                for box in random.sample(boxes, 8):
                    lines = again.ok(f"SELECT {box}")
                    equal(folders[box].apply(lines), False, f"RESYNC of {box}, turn {turn}")
                    equal(folders[box].messages, compare(again), f"{box}, turn {turn}")
                again.ok("NOOP")
                end(again, "R1", "dan")


# --- the mailbox that was selected -----------------------------------------------

SELECTED = "* SESSION SELECTED"
FLAGS = "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Later)"


@suite.test
def a_mailbox_is_selected_again():
    """What was missed comes with LOGIN, and the device goes on with FETCH; whatever its name."""
    for number, box in enumerate(("INBOX", '"a b"', "&AMQ-rger", "{9+}\r\nq\"u\\ote d")):
        shown = box.split("\r\n")[-1].replace("\\", "\\\\").replace('"', '\\"')
        shown = f'"{shown}"' if "\r\n" in box else box
        with Phone(names, "nan") as desk, phone(f"T{number}", "nan") as first:
            if box != "INBOX":
                desk.ok(f"CREATE {box}")
            for _ in range(6):
                append(desk, box)
            desk.ok(f"SELECT {box}")
            desk.ok("STORE 6 +FLAGS.SILENT ($Later)")
            folder = learn(first, box)
            identity = session_lines(first)[1]
            end(first, f"T{number}", "nan")
            desk.ok("STORE 2,5 +FLAGS.SILENT (\\Deleted)")
            desk.ok("EXPUNGE")
            desk.ok("STORE 3 +FLAGS.SILENT (\\Seen)")
            append(desk, box, "\\Flagged")
            with phone(f"T{number}", "nan") as again:
                lines, same = session_lines(again)
                lines = [line for line in lines if "RECENT" not in line]
                equal(same, identity, "the session")
                equal(lines, [SELECTED, f"* FOLDER {shown}", "* 5 EXPUNGE", "* 2 EXPUNGE", FLAGS,
                              "* 5 EXISTS", "* 3 FETCH (UID 4 FLAGS (\\Seen))",
                              "* 5 FETCH (UID 7 FLAGS (\\Flagged))"], "LOGIN")
                equal(folder.apply(lines), False, "RESYNC")
                equal(again.ok("FETCH 3 UID"), ["* 3 FETCH (UID 4)"], "it goes on")
                equal(folder.messages, compare(again), "the device's copy")
                equal(again.command("STORE 1 +FLAGS (\\Answered)")[-1], "OK Store completed.",
                      "writable")
                append(desk, box)
                check("* 6 EXISTS" in again.ok("NOOP"), "new mail")
                again.ok("NOOP")
                lines = again.ok(f"SELECT {box}")
                check(lines[0].startswith("* OK [CLOSED]") and "* RESYNC" not in lines, lines)
                learn(again, box)
                end(again, f"T{number}", "nan")
            desk.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
            desk.ok("EXPUNGE")
            with phone(f"T{number}", "nan") as again:
                check("* 1 EXPUNGE" in session_lines(again)[0], "what was missed")
                lines = again.ok(f"SELECT {box}")
                check(not any(re.search("EXPUNGE|RESYNC", line) for line in lines),
                      f"it is known to the device, whose first command this is: {lines}")


@suite.test
def a_mailbox_with_many_keywords_is_selected_again():
    keywords = " ".join(f"$keyword-number-{number}" for number in range(26))
    with phone("K1", "pia") as first:
        append(first, "INBOX", keywords)
        learn(first, "INBOX")
        end(first, "K1", "pia")
    with phone("K1", "pia") as again:
        lines = session_lines(again)[0]
        equal(lines[0], SELECTED, "resumed")
        check(lines[2].startswith("* FLAGS ") and lines[2].endswith(f" {keywords})"), lines)


@suite.test
def commands_do_not_wait_for_the_end_of_login():
    with phone("P1", "ora") as first:
        append(first, "INBOX")
        learn(first, "INBOX")
        end(first, "P1", "ora")
    with Phone(names, "ora", "P1", login=False) as again:
        again.send('1 LOGIN "ora#P1" secret\r\n2 FETCH 1 UID\r\n3 NOOP\r\n')
        lines = [line for line in again.finish("1")[:-1] if "RECENT" not in line]
        equal(lines[:2] + lines[3:-1], [SELECTED, "* FOLDER INBOX", "* 1 EXISTS"], "LOGIN")
        equal(again.finish("2"), ["* 1 FETCH (UID 1)", "OK Fetch completed."], "FETCH")
        again.finish("3")


@suite.test
def resync_in_a_mailbox_that_is_selected_again():
    with Phone(names, "pam") as desk, phone("G1", "pam") as first:
        for _ in range(3):
            append(desk, "INBOX")
        learn(first, "INBOX")
        first.start("IDLE")
        desk.ok("SELECT INBOX")
        desk.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
        desk.ok("EXPUNGE")
        while first.line() != "* 1 EXPUNGE":
            pass
        end(first, "G1", "pam")
        with phone("G1", "pam") as again:
            lines = [line for line in session_lines(again)[0] if "RECENT" not in line]
            equal(lines[:2] + lines[3:], [SELECTED, "* FOLDER INBOX", "* 2 EXISTS", "* RESYNC"],
                  "LOGIN")
            compare(again)
            again.ok("NOOP")
            end(again, "G1", "pam")
        with phone("G1", "pam") as last:
            lines = session_lines(last)[0]
            check(lines[0] == SELECTED and "* RESYNC" not in lines, lines)


@suite.test
def no_mailbox_is_selected_again():
    """Of one that is not the same any more SELECT tells what there is to tell."""
    with Phone(names, "quin") as desk:
        def unselected(first):
            first.ok("UNSELECT")

        def closed(first):
            first.ok("CLOSE")

        def not_there(first):
            check(first.command("SELECT nowhere")[-1].startswith("NO"), "SELECT")

        def examined(first):
            first.ok("EXAMINE box")
            first.ok("NOOP")

        def with_condstore(first):
            first.ok("ENABLE CONDSTORE")
            first.ok("NOOP")

        def with_modseq(first):
            first.ok("FETCH 1 MODSEQ")
            first.ok("NOOP")

        def killed_without_a_mailbox(first):
            first.ok("UNSELECT")
            text = session_file("X1", "quin").read_text()
            end(first, "X1", "quin")
            session_file("X1", "quin").write_text(text)

        def deleted(_):
            desk.ok("DELETE box")

        def renamed(_):
            desk.ok("RENAME box other")

        def made_anew(_):
            desk.ok("DELETE box")
            desk.ok("CREATE box")

        def damaged_name(_):
            text = session_file("X1", "quin").read_text()
            session_file("X1", "quin").write_text(text.replace("mailbox=box", "mailbox=b\xff/../x"))

        for act, before in ((unselected, True), (closed, True), (not_there, True),
                            (examined, True), (with_condstore, True), (with_modseq, True),
                            (killed_without_a_mailbox, True), (deleted, False),
                            (renamed, False), (made_anew, False), (damaged_name, False)):
            desk.ok("CREATE box")
            append(desk, "box")
            with phone("X1", "quin") as first:
                learn(first, "box")
                if before:
                    act(first)
                if act is not killed_without_a_mailbox:
                    end(first, "X1", "quin")
            if not before:
                act(None)
            with phone("X1", "quin") as again:
                equal(session_lines(again)[0], RESUMED, act.__name__)
                result = again.command("FETCH 1 UID")[-1]
                check("No mailbox selected" in result, f"{act.__name__}: {result}")
                if act is not deleted and act is not renamed:
                    lines = again.ok("SELECT box")
                    equal("* RESYNC" in lines, act is made_anew, act.__name__)
                again.ok("LOGOUT")
            for box in ("box", "other"):
                desk.command(f"DELETE {box}")


@suite.test
def a_mailbox_that_is_forbidden_is_not_selected_again():
    """Nothing of it is told meanwhile, and what was missed is told when it may be read again."""
    def rights(letters):
        sharing.doveadm("acl", "set", "-u", "vera", "box", "user=vera", *letters.split())

    for number, left in enumerate(("lookup", "lookup insert post", "insert")):
        device = f"F{number}"
        with Phone(sharing, "vera") as desk, Phone(sharing, "vera", device) as first:
            desk.ok("CREATE box")
            for _ in range(3):
                append(desk, "box")
            folder = learn(first, "box")
            end(first, device, "vera", sharing)
            desk.ok("SELECT box")
            desk.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
            desk.ok("EXPUNGE")
            rights(left)
            with Phone(sharing, "vera", device) as again:
                equal(session_lines(again)[0], RESUMED, left)
                check("No mailbox selected" in again.command("FETCH 1 UID")[-1], left)
                refused = again.command("SELECT box")
                check(refused[-1].startswith("NO "), refused)
                equal([line for line in refused if re.search("EXPUNGE|FETCH|EXISTS", line)], [],
                      left)
                end(again, device, "vera", sharing)
            rights("lookup read write-seen write write-deleted expunge insert delete admin")
            with Phone(sharing, "vera", device) as last:
                equal(session_lines(last)[0], RESUMED, "it was not selected when it ended")
                lines = last.ok("SELECT box")
                equal([line for line in lines if "EXPUNGE" in line], ["* 2 EXPUNGE"], left)
                equal(folder.apply(lines), False, "RESYNC")
                equal(folder.messages, compare(last), "the device's copy")
                last.ok("LOGOUT")
            desk.ok("UNSELECT")
            desk.ok("DELETE box")


@suite.test
def resync_when_it_cannot_be_proven():
    with Phone(names, "eve") as desk:
        def expunge_first(box):
            desk.ok(f"SELECT {box}")
            desk.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
            desk.ok("EXPUNGE")
            desk.ok("UNSELECT")

        def made_anew(first, box):
            end(first, "S1", "eve")
            desk.ok(f"DELETE {box}")
            desk.ok(f"CREATE {box}")

        def told_and_not_confirmed(first, box):
            """It is told of an expunge in IDLE, and is gone."""
            tag = first.start("IDLE")
            check(first.line().startswith("+ "), tag)
            expunge_first(box)
            while first.line() != "* 1 EXPUNGE":
                pass
            end(first, "S1", "eve")

        def came_and_went(first, box):
            """Its coming was told, in IDLE; that it went was not."""
            first.start("IDLE")
            append(desk, box)
            while first.line() != "* 4 EXISTS":
                pass
            end(first, "S1", "eve")
            desk.ok(f"SELECT {box}")
            desk.ok("STORE 4 +FLAGS.SILENT (\\Deleted)")
            desk.ok("EXPUNGE")
            desk.ok("UNSELECT")

        def told_and_not_waited_for(first, box):
            """What follows the tagged reply was on its way before that."""
            expunge_first(box)
            first.send("a NOOP\r\nb NOOP\r\n")
            while not first.line().startswith("b OK"):
                pass
            end(first, "S1", "eve")

        def killed(first, box):
            """As told_and_not_confirmed(), but nobody can say whether it was told."""
            end(first, "S1", "eve")
            expunge_first(box)
            text = session_file("S1", "eve").read_text()
            session_file("S1", "eve").write_text(text.replace("unsure=0", "unsure=1"))

        def an_old_copy(first, box):
            end(first, "S1", "eve")
            text = session_file("S1", "eve").read_text()
            session_file("S1", "eve").write_text(re.sub(r"modseq=\d+", "modseq=99999", text))

        def log_is_gone(first, box):
            end(first, "S1", "eve")
            expunge_first(box)
            for name in pathlib.Path(names.home("eve"), "Maildir", f".{box}").glob(
                    "dovecot.index*"):
                name.unlink()

        for number, spoil in enumerate([made_anew, told_and_not_confirmed, came_and_went,
                                        told_and_not_waited_for, killed, an_old_copy,
                                        log_is_gone]):
            box = f"spoilt{number}"
            desk.ok(f"CREATE {box}")
            for _ in range(3):
                append(desk, box)
            with phone("S1", "eve") as first:
                learn(first, box)
                spoil(first, box)
            with phone("S1", "eve") as again:
                # Once, with LOGIN or with SELECT.
                lines = session_lines(again)[0] + again.ok(f"SELECT {box}")
                equal([line for line in lines if re.search("EXPUNGE|FETCH|RESYNC", line)],
                      ["* RESYNC"], spoil.__name__)
                compare(again)
                again.ok("NOOP")
                again.ok("UNSELECT")
                with Phone(names, "eve") as other:  # desk may have the index that is gone
                    append(other, box)
                # It has compared, and is told again what comes.
                lines = again.ok(f"SELECT {box}")
                equal(len([line for line in lines if " FETCH " in line]), 1, spoil.__name__)
                again.ok("LOGOUT")


@suite.test
def a_folder_that_the_session_never_had():
    with phone("N1", "fay") as first:
        check("* RESYNC" not in first.ok("SELECT INBOX"), "in a new session")
    with phone("N1", "fay") as again:
        equal(again.ok("SELECT INBOX")[-1], "* RESYNC", "in a resumed one")
        again.ok("LOGOUT")


@suite.test
def close_takes_what_is_deleted():
    """The device knows what it has deleted, perhaps: nothing is said twice."""
    with Phone(names, "gil") as desk, phone("L1", "gil") as first:
        for _ in range(3):
            append(desk, "INBOX")
        learn(first, "INBOX")
        first.ok("CLOSE")
        lines = first.ok("SELECT INBOX")
        check("* RESYNC" not in lines, "nothing was deleted")
        first.ok("STORE 2 +FLAGS (\\Deleted)")
        first.ok("CLOSE")
        lines = first.ok("SELECT INBOX")
        check("* RESYNC" in lines and "* 2 EXPUNGE" not in lines, lines)
        first.ok("STORE 1 +FLAGS (\\Deleted)")
        first.ok("EXPUNGE")
        first.ok("NOOP")
        first.ok("CLOSE")
        lines = first.ok("SELECT INBOX")
        equal([line for line in lines if re.search("EXPUNGE|RESYNC", line)], [], "twice")


@suite.test
def with_condstore_and_qresync():
    """RFC 7162: MODSEQ in each FETCH after the one, no EXPUNGE after the other."""
    with Phone(names, "kim") as desk, phone("Q1", "kim") as first:
        for _ in range(4):
            append(desk, "INBOX")
        learn(first, "INBOX")
        first.ok("UNSELECT")
        desk.ok("SELECT INBOX")
        desk.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
        desk.ok("EXPUNGE")
        desk.ok("STORE 2 +FLAGS.SILENT (\\Seen)")
        end(first, "Q1", "kim")
        kept = session_file("Q1", "kim").read_text()
        with phone("Q1", "kim") as again:
            lines = again.ok("SELECT INBOX (CONDSTORE)")
            check(lines[0] == "* 1 EXPUNGE" and
                  re.fullmatch(r"\* 2 FETCH \(UID 3 FLAGS \(\\Seen\) MODSEQ \(\d+\)\)", lines[-1]),
                  lines)
            end(again, "Q1", "kim")
        session_file("Q1", "kim").write_text(kept)
        with phone("Q1", "kim") as last:
            last.ok("ENABLE QRESYNC")
            lines = last.ok("SELECT INBOX")
            equal([line for line in lines if re.search("EXPUNGE|FETCH|RESYNC", line)],
                  ["* RESYNC"], "with QRESYNC")


@suite.test
def a_process_that_is_killed():
    """What it has added to the file is there; and what it may have said besides, it had noted."""
    boxes = [f"kill{number}" for number in range(4)]
    with Phone(names, "lea") as desk, phone("K1", "lea") as first:
        for box in boxes:
            desk.ok(f"CREATE {box}")
            for _ in range(3):
                append(desk, box)
        folders = {box: learn(first, box) for box in boxes}
        end(first, "K1", "lea")
        with phone("K1", "lea") as again:
            file = session_file("K1", "lea").stat()
            for box in boxes[:3]:
                again.ok(f"SELECT {box}")
                again.ok("NOOP")
            equal(session_file("K1", "lea").stat().st_ino, file.st_ino, "the same file")
            check(session_file("K1", "lea").stat().st_size > file.st_size, "added to")
            pid = int(re.findall(r"user=<lea>.*mpid=(\d+)", names.log())[-1])
            os.kill(pid, signal.SIGKILL)
            eventually(lambda: f"child {pid} killed with signal 9" in names.log(), "it is gone")
        for box in boxes:
            desk.ok(f"SELECT {box}")
            desk.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
            desk.ok("EXPUNGE")
        with phone("K1", "lea") as last:
            lines = session_lines(last)[0]
            # It was selected when the process ended.
            equal([lines[0], lines[1], lines[-1]],
                  [SELECTED, f"* FOLDER {boxes[2]}", "* RESYNC"], "resumed")
            for box in boxes[:2] + boxes[3:]:
                lines = last.ok(f"SELECT {box}")
                equal([line for line in lines if re.search("EXPUNGE|FETCH|RESYNC", line)],
                      ["* 1 EXPUNGE"], box)
                folders[box].apply(lines)
                equal(folders[box].messages, compare(last), box)


@suite.test
def additions_do_not_grow_without_end():
    with Phone(names, "max") as desk, phone("G1", "max") as first:
        for box in ("one", "two"):
            desk.ok(f"CREATE {box}")
            append(desk, box)
            learn(first, box)
        for _ in range(200):
            first.ok("SELECT one")
            first.ok("SELECT two")
        check(session_file("G1", "max").stat().st_size < 10000, "written anew now and then")
        end(first, "G1", "max")
        with phone("G1", "max") as again:
            equal([line for line in again.ok("SELECT one") if "RESYNC" in line], [], "RESYNC")


@suite.test
def the_newer_connection_has_the_session():
    with Phone(names, "hal") as desk, phone("H1", "hal") as old:
        for _ in range(3):
            append(desk, "INBOX")
        learn(old, "INBOX")
        with phone("H1", "hal") as new:
            equal(session_lines(new), (RESUMED, session_lines(old)[1]), "resumed")
            # The old one ends it no more.
            old.ok("SELECT INBOX")
            old.ok("LOGOUT")
            new.ok("NOOP")
        with phone("H1", "hal") as last:
            equal(session_lines(last)[0], RESUMED, "resumed")


@suite.test
def sessions_are_limited():
    for number in range(limit("LIMIT_PIMAP_SESSIONS") + 5):
        with phone(f"many{number}", "ida") as one:
            session_lines(one)
    files = list(pathlib.Path(names.home("ida")).glob(".fantail-pimap.*[0-9]"))
    check(len(files) <= limit("LIMIT_PIMAP_SESSIONS"), len(files))


@suite.test
def a_home_that_cannot_be_written():
    """The session lasts as long as the connection."""
    with phone("W1", "jim") as first:
        number = session_lines(first)[1]
        first.ok("LOGOUT")
    (pathlib.Path(names.home("jim")) / ".fantail-pimap.W1").mkdir()
    for _ in range(2):
        with phone("W1", "jim") as again:
            equal(session_lines(again)[0], [], "new each time")
            check(session_lines(again)[1] != number, number)
            again.ok("SELECT INBOX")


@suite.test
def nothing_else_in_the_log():
    for server in servers:
        equal(server.problems("fantail: P-IMAP sessions: rename",
                              "killed with signal 9"), [], "log")


def fresh():
    for server in servers:
        server.start()


if __name__ == "__main__":
    fresh()
    suite.on_failure = lambda: "\n".join(server.log() for server in servers)
    try:
        suite.run()
    finally:
        for server in servers:
            server.close()
