#!/usr/bin/env python3
"""scripts/bench notify: sessions with NOTIFY, stock Dovecot's beside Fantail's.

How soon they hear of a mail; whether two hundred of them hear of every mail, and what
that costs; what they cost while nothing happens. Both run at the same time on the same
binaries, and only one of them has something to do, but for the idle minute."""

import itertools
import os
import pathlib
import random
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

import processes  # noqa: E402
from bridge import Bridge  # noqa: E402
from dovecot import NOBODY, Dovecot  # noqa: E402
from goals import Goals, percentile  # noqa: E402
from hub import Hub  # noqa: E402
from notify_clients import Lmtp, Loop, Session  # noqa: E402
from notify_rows import plugin_is_built  # noqa: E402
from scratch import MODULES, scratch_dir  # noqa: E402

QUICK = "--quick" in sys.argv
STOCK, FANTAIL = "stock", "fantail"
MESSAGE = b"From: Pat <pat@example.org>\r\nSubject: lunch?\r\n\r\n" + b"At noon.\r\n" * 40
NEW = "(MessageNew MessageExpunge)"
PERSONAL = ("NOTIFY SET (personal (MessageNew MessageExpunge FlagChange MailboxName "
            "SubscriptionChange))")

# One delivery at a time; not sooner after the last than the window in which a burst is
# coalesced (20 ms), or than stock Dovecot, for whom it is half a second, gets round to it.
LATENCIES = 50 if QUICK else 200
LISTENERS = 10 if QUICK else 30
PAUSE = {STOCK: 0.1 if QUICK else 0.06, FANTAIL: 0.03}

USERS, MAILBOXES, SESSIONS = 20, 50, 10  # mailboxes of each user, sessions of each
RATE, RATE_SECONDS = 20, 4 if QUICK else 20
IDLE_SECONDS = 15 if QUICK else 60
MANY_MAILBOXES, MANY_SESSIONS = 1000, 10
# Accounts of their own: an account may have 128 inotify instances, and stock Dovecot takes
# one for each session, without which it tells nothing.
CROWD = {f"crowd{i}": 50000 + i for i in range(USERS)}

EXTRA = """
recipient_delimiter = +
lmtp_save_to_detail_mailbox = yes
mail_max_userip_connections = 0
# Keep-alives are no wake-ups of NOTIFY's.
imap_idle_notify_interval = 24h
service imap {
  process_limit = 1000
}
service imap-login {
  process_limit = 1000
  process_min_avail = 2
}
service anvil {
  client_limit = 4000
}
service auth {
  client_limit = 4000
}
"""

loop = Loop()
goals = Goals()


class World:
    """One Dovecot, and with Fantail a hub and a bridge in which nobody is registered."""

    def __init__(self, mode):
        self.mode = mode
        self.daemons = []
        folder = scratch_dir(f"bench-notify-{mode}")
        options = {}
        if mode == FANTAIL:
            uids = [NOBODY, *CROWD.values()]
            self.hub = Hub(folder / "hub", mail_uids=uids)
            bridge = Bridge(folder / "bridge", mail_uids=uids)
            self.daemons = [self.hub.start(), bridge.start()]
            options = {"modules": [MODULES / "plugins"], "mail_plugins": "notify fantail_event",
                       "protocol_plugins": {"imap": "fantail_notify"},
                       "settings": {"fantail_hub": self.hub.socket,
                                    "fantail_socket": bridge.socket,
                                    "fantail_spool": bridge.spool}}
        self.dovecot = Dovecot(scratch=str(folder / "dovecot"), list_index=True, extra=EXTRA,
                               **options)
        self.own_accounts()
        self.dovecot.start()
        self.lmtp = Lmtp(loop, self.dovecot.lmtp_port)

    def own_accounts(self):
        if not self.dovecot.root:
            return
        os.chmod(self.dovecot.path("home"), 0o1777)
        with open(self.dovecot.path("users"), "w", encoding="utf-8") as out:
            for user, uid in CROWD.items():
                out.write(f"{user}::{uid}:{uid}::{self.dovecot.home(user)}::\n")

    def close(self):
        self.lmtp.close()
        self.dovecot.close()
        for daemon in self.daemons:
            daemon.stop()

    def session(self, user, *commands):
        session = Session(loop, self.dovecot.imap_port, user)
        for command in commands:
            session.ok(command)
        return session

    def create(self, user, count):
        """Mailboxes m0, m1, ..."""
        self.session(user, "NOOP").ok(*(f"CREATE m{i}" for i in range(count)), "LOGOUT")

    def imap(self):
        return processes.children(self.dovecot.process.pid, "imap")

    def notifiers(self):
        """What NOTIFY keeps busy."""
        return self.imap() + ([self.hub.process.pid] if self.mode == FANTAIL else [])

    def say(self, what, text):
        print(f"{self.mode:8} {what:12} {text}", flush=True)

    def goal(self, name, measured, wanted, unit=""):
        if self.mode == FANTAIL:
            goals.at_most(f"notify-{name}", measured, wanted, unit)


# --- latency --------------------------------------------------------------------


def selected(world, user):
    return world.session(user, "SELECT INBOX", f"NOTIFY SET (selected {NEW})"), None


def other(world, user):
    world.create(user, 1)
    return world.session(user, f"NOTIFY SET (personal {NEW})"), "m0"


def idle(world, user):
    session, mailbox = selected(world, user)
    session.idle()
    return session, mailbox


def latency(world, way):
    """From LMTP's 250 to the line. One that comes before the 250 is below 0."""
    listeners = []
    for i in range(LISTENERS):
        user = f"{way.__name__}{i}"
        world.lmtp.deliver(user, MESSAGE)  # makes the INBOX
        listeners.append(way(world, user))
    if world.mode == STOCK:
        loop.run(1.5)  # it does not look sooner after a command
    answered = []
    for number in range(LATENCIES):
        round_, who = divmod(number, LISTENERS)
        session, mailbox = listeners[who]
        recipient = session.user if mailbox is None else f"{session.user}+{mailbox}"
        answered.append((session, mailbox, round_ + (2 if mailbox is None else 1),
                         world.lmtp.deliver(recipient, MESSAGE)))
        if world.mode == FANTAIL:
            loop.until(lambda: session.when(*answered[-1][1:3]) is not None, 5)
        loop.run(PAUSE[world.mode])
    loop.until(lambda: all(session.when(*which) for session, *which, _ in answered), 5)
    times = [(session.when(*which) - moment) * 1000
             for session, *which, moment in answered if session.when(*which)]
    p50, p99 = percentile(times, 50), percentile(times, 99)
    world.say(way.__name__, f"{len(answered)} mails, {len(times)} told of; p50 {p50:.2f} ms, "
              f"p99 {p99:.2f} ms, largest {max(times):.2f} ms")
    name = f"latency-{way.__name__}"
    world.goal(f"{name}-not-told", len(answered) - len(times), 0)
    world.goal(f"{name}-p50", p50, 1, "ms")
    world.goal(f"{name}-p99", p99, 10, "ms")
    for session, _ in listeners:
        session.close()


# --- many sessions --------------------------------------------------------------


class Crowd:
    """USERS with MAILBOXES and SESSIONS each, all with NOTIFY."""

    def __init__(self, world):
        self.world = world
        self.sessions = {}
        for user in CROWD:
            world.create(user, MAILBOXES)
            self.sessions[user] = [world.session(user, PERSONAL) for _ in range(SESSIONS)]
        self.everyone = list(itertools.chain(*self.sessions.values()))

    def deliver_all(self):
        """At a pace. Returns [(user, mailbox, messages there then, when answered)]."""
        world, chance = self.world, random.Random(1)
        counts, deliveries = {}, []
        start = time.perf_counter() + 0.1
        for number in range(RATE * RATE_SECONDS):
            loop.run(start + number / RATE - time.perf_counter())
            user, mailbox = f"crowd{number % USERS}", f"m{chance.randrange(MAILBOXES)}"
            counts[user, mailbox] = counts.get((user, mailbox), 0) + 1
            moment = world.lmtp.deliver(f"{user}+{mailbox}", MESSAGE)
            deliveries.append((user, mailbox, counts[user, mailbox], moment))
        return deliveries

    def load(self):
        world = self.world
        before = processes.cpu_seconds(world.notifiers())
        deliveries = self.deliver_all()
        events = [(session, *what) for user, *what in deliveries
                  for session in self.sessions[user]]
        loop.until(lambda: not self.wrong(deliveries), 5)
        cpu = processes.cpu_seconds(world.notifiers()) - before
        times = [(session.when(mailbox, messages) - moment) * 1000
                 for session, mailbox, messages, moment in events
                 if session.when(mailbox, messages)]
        # Of those that were told: who tells nobody has done no work.
        cpu *= 1e6 / len(times)
        late = sum(value > 1000 for value in times)
        wrong = self.wrong(deliveries)
        world.say("load", f"{len(deliveries)} mails, {RATE}/s, into {USERS * MAILBOXES} mailboxes "
                  f"of {len(self.everyone)} sessions: {len(events)} events, "
                  f"{len(events) - len(times)} not told; p50 {percentile(times, 50):.2f} ms, "
                  f"p99 {percentile(times, 99):.2f} ms, largest {max(times):.2f} ms")
        world.say("load", f"{wrong} mailboxes of sessions with a wrong last STATUS; "
                  f"{cpu:.0f} us of CPU for each event told to a session")
        world.goal("load-lost", len(events) - len(times) + wrong, 0)
        world.goal("load-later-than-1s", late, 0)
        return cpu

    def wrong(self, deliveries):
        """Mailboxes of sessions whose last STATUS is not how the mailbox is. Each message
        has the next UID."""
        last = {(user, mailbox): count for user, mailbox, count, _ in deliveries}
        return sum(session.told.get(mailbox, [(0, 0)])[-1][:2] != (count, count + 1)
                   for (user, mailbox), count in last.items()
                   for session in self.sessions[user])


class Idle:
    """What a crowd costs while nothing happens."""

    def __init__(self, world):
        self.world = world
        self.imap = world.imap()
        self.inotify = processes.inotify_instances(self.imap)
        self.wake_ups = processes.wake_ups(self.imap)
        self.cpu = processes.cpu_seconds(world.notifiers())
        self.since = time.perf_counter()

    def end(self):
        """CPU seconds of it all; wake-ups of a session in half a minute (a shorter time
        is taken as one); inotify."""
        cpu = processes.cpu_seconds(self.world.notifiers()) - self.cpu
        seconds = time.perf_counter() - self.since
        counts = [count - self.wake_ups[pid]
                  for pid, count in processes.wake_ups(self.imap).items()]
        often = sum(counts) / len(counts) / max(seconds, 30) * 30
        self.world.say("idle", f"{len(counts)} sessions, {seconds:.0f} s: {cpu * 1000:.1f} ms of "
                       f"CPU; {often:.2f} wake-ups of each in 30 s, most {max(counts)} in all; "
                       f"{self.inotify} inotify instances")
        return cpu, often, self.inotify


def compare_crowds(worlds):
    crowds = [Crowd(world) for world in worlds]
    # Before the load: Dovecot looks after an index for a while that it has opened.
    loop.run(1)
    idles = [Idle(world) for world in worlds]
    loop.run(IDLE_SECONDS)
    (stock_cpu, _, _), (cpu, often, inotify) = (idle.end() for idle in idles)
    if QUICK:
        print("both     idle         CPU is no goal here: both look by themselves every 30 s, "
              "which may fall into these or not")
    else:
        goals.at_most("notify-idle-cpu", cpu * 1000, stock_cpu * 1000, "ms")
    goals.at_most("notify-idle-wake-ups-in-30s", often, 1)
    goals.at_most("notify-idle-inotify-instances", inotify, 0)
    stock_cpu, cpu = (crowd.load() for crowd in crowds)
    goals.at_most("notify-load-cpu-per-event", cpu, stock_cpu, "us")
    for crowd in crowds:
        for session in crowd.everyone:
            session.close()


# --- memory ---------------------------------------------------------------------


def memory(world):
    """Of sessions with NOTIFY above sessions that have but logged in."""
    world.create("many", MANY_MAILBOXES)
    means = []
    sessions, pids = [], [set(world.imap())]
    for commands in ((), (PERSONAL,)):
        for _ in range(MANY_SESSIONS):
            sessions.append(world.session("many", *commands))
        pids.append(set(world.imap()))
    loop.run(0.5)
    for before, after in zip(pids, pids[1:]):
        assert len(after - before) == MANY_SESSIONS
        means.append(sum(map(processes.pss_kib, after - before)) / MANY_SESSIONS)
    plain, notify = means
    world.say("memory", f"{MANY_MAILBOXES} mailboxes: PSS {plain:.0f} KiB logged in, "
              f"{notify - plain:.0f} KiB more with NOTIFY")
    world.goal("memory-per-session", notify - plain, 150, "KiB")
    for session in sessions:
        session.close()


def hibernated():
    print("fantail  hibernated   skipped, not built: 10,000 idle sessions with NOTIFY, "
          "16 KiB each; one delivery wakes one; no inotify instance")


def main():
    if not plugin_is_built():
        print("skipped: the plugin was not built")
        return 1
    started = time.perf_counter()
    worlds = [World(STOCK), World(FANTAIL)]
    try:
        for world in worlds:
            for way in (selected, other, idle):
                latency(world, way)
            memory(world)
        compare_crowds(worlds)
        hibernated()
    finally:
        for world in worlds:
            world.close()
    print(f"took {time.perf_counter() - started:.0f} s")
    return goals.finish()


if __name__ == "__main__":
    sys.exit(main())
