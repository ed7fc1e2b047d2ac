"""What a session with NOTIFY takes above one that has but logged in."""

import processes
from notify_world import FANTAIL, PERSONAL, QUICK, create, loop

MAILBOXES, SESSIONS = 1000, 10


def measure(world):
    means = []
    sessions, pids = [], [set(world.imap())]
    for commands in ((), (PERSONAL,)):
        for _ in range(SESSIONS):
            sessions.append(world.session("many", *commands))
        pids.append(set(world.imap()))
    loop.run(0.5)
    for before, after in zip(pids, pids[1:]):
        assert len(after - before) == SESSIONS
        means.append(sum(map(processes.pss_kib, after - before)) / SESSIONS)
    plain, notify = means
    world.say("memory", f"{MAILBOXES} mailboxes: PSS {plain:.0f} KiB logged in, "
              f"{notify - plain:.0f} KiB more with NOTIFY")
    world.goal("memory-per-session", notify - plain, 150, "KiB")
    for session in sessions:
        session.close()


def compare(worlds):
    if QUICK:
        print("stock    memory       left out: making the mailboxes takes as long as the rest")
        worlds = [world for world in worlds if world.mode == FANTAIL]
    create(worlds, ["many"], MAILBOXES)
    for world in worlds:
        measure(world)
