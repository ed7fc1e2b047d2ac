"""A crowd of sessions with NOTIFY: what they cost while nothing happens, whether they hear
of every mail, and what that costs."""

import itertools
import random
import time

import processes
from goals import percentile
from notify_world import MESSAGE, PERSONAL, QUICK, create, goals, loop

# As many users in a quick run, too: mails that follow each other closely cost less.
USERS = 20
MAILBOXES, SESSIONS = (10, 4) if QUICK else (50, 10)  # of each
RATE, RATE_SECONDS = 20, 3 if QUICK else 20
# One look of ours, which comes each five minutes while the hub is there, has to fall into it.
IDLE_SECONDS = 4 if QUICK else 310
# Accounts of their own: an account may have 128 inotify instances, and stock Dovecot takes
# one for each session, without which it tells nothing.
CROWD = {f"crowd{i}": 50000 + i for i in range(USERS)}


class Crowd:
    """USERS with MAILBOXES and SESSIONS each, all with NOTIFY."""

    def __init__(self, world):
        self.world = world
        self.everyone = [world.connect(user) for user in CROWD for _ in range(SESSIONS)]
        for session in self.everyone:
            session.finish(session.start(PERSONAL))
        self.sessions = {user: list(sessions) for user, sessions in
                         itertools.groupby(self.everyone, lambda session: session.user)}

    def close(self):
        for session in self.everyone:
            session.close()

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
        world.lmtp_again()
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


def compare(worlds):
    create(worlds, CROWD, MAILBOXES)
    crowds = [Crowd(world) for world in worlds]
    # Before the load: Dovecot looks after an index for a while that it has opened.
    loop.run(1)
    idles = [Idle(world) for world in worlds]
    print(f"both     idle         nothing happens for {IDLE_SECONDS} s", flush=True)
    loop.run(IDLE_SECONDS)
    (stock_cpu, _, _), (cpu, often, inotify) = (idle.end() for idle in idles)
    if QUICK:
        print("both     idle         CPU is no goal here: neither looks by itself in so short a "
              "time")
    else:
        goals.at_most("notify-idle-cpu", cpu * 1000, stock_cpu * 1000, "ms")
    goals.at_most("notify-idle-wake-ups-in-30s", often, 1)
    goals.at_most("notify-idle-inotify-instances", inotify, 0)
    # Others for the load: after five minutes stock Dovecot tells late, or not at all.
    for crowd in crowds:
        crowd.close()
    crowds = [Crowd(world) for world in worlds]
    loop.run(1)
    stock_cpu, cpu = (crowd.load() for crowd in crowds)
    goals.at_most("notify-load-cpu-per-event", cpu, stock_cpu, "us")
    for crowd in crowds:
        crowd.close()
