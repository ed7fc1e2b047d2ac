"""Thousands of sessions with NOTIFY that sleep: their processes have ended, imap-hibernate
has their connections, and the hub knows what is to wake them.

Each has a user of its own. Those with an even number watch all of their mailboxes, the
others the selected INBOX and all mailboxes but the last one."""

import random
import resource
import sys
import time

import processes
from goals import percentile
from notify_rows import WOKEN
from notify_world import FANTAIL, MESSAGE, NEW, PERSONAL, QUICK, World, creates, loop

SESSIONS = 200 if QUICK else 10000
MAILBOXES = 4  # besides INBOX
LAST = f"m{MAILBOXES - 1}"
LOGINS = 24  # at a time
IDLE_SECONDS = 1 if QUICK else 30
WAKES, UNWANTED = (10, 5) if QUICK else (100, 50)
# For wake-ups that should not be: a process would long have started by then.
A_WHILE = 0.5


def watch(number):
    if number % 2 == 0:
        return [PERSONAL]
    names = " ".join(f"m{i}" for i in range(MAILBOXES - 1))
    return ["SELECT INBOX", f"NOTIFY SET (selected {NEW}) (mailboxes ({names}) {NEW})"]


def allow_descriptors():
    """For this process and those that it starts: the clients' here; in the hub, which has as
    many, those of whoever changes mail besides. An imap-hibernate has two for each of its
    1,000 sessions. ValueError: the system does not allow as many."""
    count = SESSIONS + 4000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY not in (soft, hard):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), max(hard, count)))


def eventually(condition, seconds):
    """As loop.until, for what no line tells of."""
    end = time.perf_counter() + seconds
    while not condition():
        if time.perf_counter() > end:
            return False
        loop.run(0.1)
    return True


def progress(text):
    if sys.stderr.isatty():
        print(f"\r{text:50}\r", end="", file=sys.stderr, flush=True)


class Holding:
    """What all processes hold: memory as {name: PSS in KiB}; inotify instances."""

    def __init__(self, world):
        everybody = world.everybody()
        self.kib = processes.pss_by_name(everybody)
        self.inotify = processes.inotify_instances(everybody)

    def grown(self, before):
        """{name: KiB} of each session; what shrank has nothing to do with them."""
        return {name: (kib - before.kib.get(name, 0)) / SESSIONS
                for name, kib in self.kib.items() if kib > before.kib.get(name, 0)}


class Sleepers:
    def __init__(self, world):
        self.world = world
        self.sessions = []
        self.mails = {}  # (number of a session, mailbox) -> how many were delivered

    def log_in(self):
        pending = []

        def few():
            pending[:] = [(session, tag) for session, tag in pending if not session.done(tag)]
            return len(pending) < LOGINS

        for number in range(SESSIONS):
            session = self.world.connect(f"sleeper{number}")
            pending.append((session, session.start(*creates(MAILBOXES), *watch(number))))
            self.sessions.append(session)
            loop.until(few)
            progress(f"{number + 1} of {SESSIONS} sessions")
        for session, tag in pending:
            session.finish(tag)
        progress("")

    def awake(self, seconds=120):
        """How many have a process, or no connection, once nobody has or after that time."""
        eventually(lambda: not self.world.imap(), seconds)
        return len(self.world.imap()) + sum(session.closed for session in self.sessions)

    def woken(self):
        """How often, in all."""
        rows = self.world.dovecot.stats("woken")
        return int(rows["duration"]["count"]) if rows else 0

    def told(self):
        """Lines that each of them got."""
        return [sum(map(len, session.told.values())) for session in self.sessions]

    def deliver(self, number, mailbox):
        """mailbox: None is INBOX. Returns how many mails are there now, and when that was
        answered."""
        count = self.mails[number, mailbox] = self.mails.get((number, mailbox), 0) + 1
        user = self.sessions[number].user
        return count, self.world.lmtp.deliver(user if mailbox is None else f"{user}+{mailbox}",
                                              MESSAGE)

    def wake(self, number, mailbox):
        """One mail. Returns how long until it was told, in ms; None: it was not."""
        session = self.sessions[number]
        count, answered = self.deliver(number, mailbox)
        loop.until(lambda: session.when(mailbox, count), 3)
        when = session.when(mailbox, count)
        return when and (when - answered) * 1000


class Wakes:
    """What deliveries wake, from here on."""

    def __init__(self, sleepers):
        self.sleepers = sleepers
        self.woken, self.told = sleepers.woken(), sleepers.told()

    def end(self, expected):
        """Returns how many were woken, and how many were told; as many as `expected` are
        waited for."""
        eventually(lambda: self.sleepers.woken() - self.woken >= expected, 3)
        loop.run(A_WHILE)
        told = sum(after > before for after, before in zip(self.sleepers.told(), self.told))
        return self.sleepers.woken() - self.woken, told


def wanted_mailbox(number, chance):
    """One that this session watches."""
    if number % 4 == 1:
        return None
    return f"m{chance.randrange(MAILBOXES - number % 2)}"


def fall_asleep(world, sleepers):
    before = Holding(world)
    start = time.perf_counter()
    sleepers.log_in()
    awake = sleepers.awake()
    seconds = time.perf_counter() - start
    after = Holding(world)
    each = after.grown(before)
    world.say("asleep", f"{SESSIONS} sessions, each of a user of its own with {MAILBOXES + 1} "
              f"mailboxes, half of them with a selected one; after {seconds:.0f} s logged in and "
              f"asleep in {len(world.hibernates())} imap-hibernate, {awake} not")
    parts = ", ".join(f"{name} {kib:.2f}" for name, kib in
                      sorted(each.items(), key=lambda item: -item[1])[:4])
    world.say("asleep", f"PSS of each session {sum(each.values()):.2f} KiB: {parts}")
    world.goal("asleep-awake", awake, 0)
    if QUICK:
        world.say("asleep", "memory is no goal here: it is what processes take anyway, divided "
                  "by few sessions")
    else:
        world.goal("asleep-memory-per-session", sum(each.values()), 16, "KiB")
    world.goal("asleep-inotify-instances", after.inotify - before.inotify, 0)


def stay_asleep(world):
    everybody = world.everybody()
    before = processes.cpu_seconds(everybody)
    loop.run(IDLE_SECONDS)
    cpu = processes.cpu_seconds(everybody) - before
    world.say("asleep", f"{IDLE_SECONDS} s without mail: {cpu * 1000:.1f} ms of CPU of all "
              "processes; no keep-alives in that time")


def wake_up(world, sleepers):
    """One; then some; then the same again, who have gone back to sleep."""
    chance = random.Random(1)
    numbers = chance.sample(range(SESSIONS), WAKES + 1)
    times, unwanted, back = [], 0, 0
    for some in numbers[:1], numbers[1:], numbers[1:]:
        wakes = Wakes(sleepers)
        times += [sleepers.wake(number, wanted_mailbox(number, chance)) for number in some]
        woken, told = wakes.end(len(some))
        world.say("asleep", f"{len(some)} mails to as many users: {woken} woken, {told} told")
        if len(some) == 1:
            world.goal("asleep-woken-by-one-mail", woken, 1)
        unwanted += max(woken - len(some), told - len(some), 0)
        back += sleepers.awake()
    told = [value for value in times if value is not None]
    if told:
        world.say("asleep", f"from LMTP's 250 to the line p50 {percentile(told, 50):.0f} ms, "
                  f"p99 {percentile(told, 99):.0f} ms, largest {max(told):.0f} ms")
    world.goal("asleep-not-told", len(times) - len(told), 0)
    world.goal("asleep-told-later-than-1s", sum(value > 1000 for value in told), 0)
    world.goal("asleep-woken-besides", unwanted, 0)
    world.goal("asleep-not-back-asleep", back, 0)


def sleep_on(world, sleepers):
    """Mails that nobody asked for: to a mailbox that its user does not watch, and to users
    without a session."""
    wakes = Wakes(sleepers)
    for number in range(UNWANTED):
        sleepers.deliver(2 * number + 1, LAST)
        world.lmtp.deliver(f"nobody{number}", MESSAGE)
    woken, told = wakes.end(0)
    world.say("asleep", f"{2 * UNWANTED} mails that nobody asked for: {woken} woken, {told} told")
    world.goal("asleep-woken-by-unwatched", max(woken, told), 0)


def measure():
    # sdbox has the fewest files, and most of the time goes into making these.
    world = World(FANTAIL, hibernate=1, metrics=WOKEN, mail_driver="sdbox")
    try:
        sleepers = Sleepers(world)
        fall_asleep(world, sleepers)
        stay_asleep(world)
        wake_up(world, sleepers)
        sleep_on(world, sleepers)
        for session in sleepers.sessions:
            session.close()
    finally:
        world.close()
