"""How soon a session is told of a mail: from LMTP's 250 to the line."""

import itertools

from goals import percentile
from notify_world import FANTAIL, MESSAGE, NEW, QUICK, STOCK, loop

# One delivery at a time; not sooner after the last than the window in which a burst is
# coalesced (20 ms), or than stock Dovecot, for whom it is half a second, gets round to it.
# Of two mails in one second to a mailbox stock Dovecot may not see the second.
LATENCIES = {STOCK: 10, FANTAIL: 40} if QUICK else {STOCK: 200, FANTAIL: 200}
LISTENERS = 10 if QUICK else 30
PAUSE = {STOCK: 0.06, FANTAIL: 0.03}


def selected(world, user):
    return world.session(user, "SELECT INBOX", f"NOTIFY SET (selected {NEW})"), None


def other(world, user):
    return world.session(user, "CREATE m0", f"NOTIFY SET (personal {NEW})"), "m0"


def idle(world, user):
    session, mailbox = selected(world, user)
    session.idle()
    return session, mailbox


def listen(world, way):
    listeners = []
    for i in range(LISTENERS):
        user = f"{way.__name__}{i}"
        world.lmtp.deliver(user, MESSAGE)  # makes the INBOX
        listeners.append(way(world, user))
    return listeners


def deliver(world, way, listeners):
    """A line that comes before the 250 is below 0."""
    answered = []
    for number in range(LATENCIES[world.mode]):
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


def measure(world):
    listeners = {way: listen(world, way) for way in (selected, other, idle)}
    if world.mode == STOCK:
        loop.run(1.5)  # it does not look sooner after a command
    for way, those in listeners.items():
        deliver(world, way, those)
    for session, _ in itertools.chain(*listeners.values()):
        session.close()
