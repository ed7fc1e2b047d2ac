#!/usr/bin/env python3
"""scripts/bench pimap: what a P-IMAP device that comes back is told, beside a comparison of all
folders: 100 folders of 1,000 messages, with 100 changes in each.

The changes are made once. Then in turns a regular session reads UIDs and flags of all folders, and
the device resumes its session and selects all of them; for the next turn its session file is put
back. What it was told has to make its copies equal to the folders each time."""

import copy
import os
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

from dovecot import Dovecot  # noqa: E402
from goals import Goals, percentile  # noqa: E402
from pimap import Phone, learn, plain, whole  # noqa: E402
from scratch import MODULES, wait_for  # noqa: E402

QUICK = "--quick" in sys.argv
FOLDERS, MESSAGES, TURNS = (20, 200, 3) if QUICK else (100, 1000, 3)
FLAGGED, EXPUNGED, NEW = 40, 30, 30
USER, DEVICE = "joe", "P42"
MESSAGE = "From: Zoe <zoe@example.org>\r\nSubject: lunch?\r\n\r\nAt noon.\r\n"
goals = Goals()


class Counted(Phone):
    """Counts what it reads."""

    def __init__(self, *arguments):
        self.octets = 0
        super().__init__(*arguments)

    def fill(self):
        before = len(self.buffer)
        super().fill()
        self.octets += len(self.buffer) - before


def fill(server, folder):
    """Past Dovecot, as another program would."""
    top = pathlib.Path(server.home(USER), "Maildir", f".{folder}")
    for path in (top.parent.parent, top.parent, top, top / "cur", top / "new", top / "tmp"):
        path.mkdir(exist_ok=True)
        os.chown(path, server.uid, server.gid)
    for number in range(MESSAGES):
        path = top / "cur" / f"{1700000000 + number}.M{number}.host:2,"
        path.write_text(MESSAGE)
        os.chown(path, server.uid, server.gid)


def change(desk, folder):
    desk.ok(f"SELECT {folder}")
    desk.ok(f"STORE 1:{FLAGGED} +FLAGS.SILENT (\\Seen)")
    first = MESSAGES // 2
    desk.ok(f"STORE {first}:{first + EXPUNGED - 1} +FLAGS.SILENT (\\Deleted)")
    desk.ok("EXPUNGE")
    desk.ok(f"APPEND {folder}" + f" {{{len(MESSAGE)}+}}\r\n{MESSAGE}" * NEW)
    desk.ok("UNSELECT")


def read_all(server, folders):
    """Returns octets, seconds and all states; what a client does with these is not in it."""
    start = time.monotonic()
    with Counted(server, USER) as session:
        lines = []
        for folder in folders:
            session.ok(f"EXAMINE {folder}")
            lines.append(session.ok("UID FETCH 1:* FLAGS"))
        seconds = time.monotonic() - start
    return session.octets, seconds, [whole(answer) for answer in lines]


def resume(server, folders):
    """Likewise, with the answers to SELECT."""
    start = time.monotonic()
    with Counted(server, USER, DEVICE) as phone:
        assert phone.untagged[0] == "* SESSION AUTHENTICATED", phone.untagged
        lines = [phone.ok(f"EXAMINE {folder}") for folder in folders]
        seconds = time.monotonic() - start
    return phone.octets, seconds, lines


def main():
    folders = [f"box{number}" for number in range(FOLDERS)]
    with Dovecot(modules=[MODULES / "pushimap"], protocol_plugins={"imap": "fantail_imap"},
                 settings={"fantail_socket": "/nonexistent/bridge.sock"}, extra=plain()) as server:
        for folder in folders:
            fill(server, folder)
        with Phone(server, USER, DEVICE) as phone:
            copies = [learn(phone, folder) for folder in folders]
            phone.ok("UNSELECT")
        file = pathlib.Path(server.home(USER), f".fantail-pimap.{DEVICE}")
        wait_for("the end of the session", lambda: file.read_text().count("unsure=0") == FOLDERS)
        kept = file.read_text()
        with Phone(server, USER) as desk:
            for folder in folders:
                change(desk, folder)
        changes = FOLDERS * (FLAGGED + EXPUNGED + NEW)

        times = {"all": [], "resumed": []}
        for _ in range(TURNS):
            all_octets, seconds, states = read_all(server, folders)
            times["all"].append(seconds)
            file.write_text(kept)
            octets, seconds, answers = resume(server, folders)
            times["resumed"].append(seconds)
            told = copy.deepcopy(copies)
            for folder, lines, state in zip(told, answers, states):
                assert not folder.apply(lines), "RESYNC"
                assert folder.messages == state, "the device's copy"
        compared, resumed = (percentile(times[name], 50) for name in ("all", "resumed"))
        print(f"{FOLDERS} folders of {MESSAGES} messages, {changes} changes, {TURNS} turns; medians")
        print(f"all compared  {compared * 1000:7.0f} ms  {all_octets / 1024:7.0f} KiB")
        print(f"resumed       {resumed * 1000:7.0f} ms  {octets / 1024:7.0f} KiB")
        goals.at_least("pimap-resume-time", compared / resumed, 1, "times as fast")
        goals.at_least("pimap-resume-octets", all_octets / octets, 1, "times as few")
    return goals.finish()


if __name__ == "__main__":
    sys.exit(main())
