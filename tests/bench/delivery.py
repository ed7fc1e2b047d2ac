#!/usr/bin/env python3
"""scripts/bench delivery: what the event plugin costs a delivery, beside stock Dovecot.

The same deliveries in turns to a stock Dovecot and to ours with the bridge up; stopped
(SIGSTOP); away; its database on a full disk, the spool elsewhere (skipped without the
right to mount). After the last, room is made again, and the spool has to empty."""

import os
import pathlib
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

import lmtp_load  # noqa: E402
from bridge import LineClient  # noqa: E402
from dovecot import Dovecot  # noqa: E402
from goals import Goals, percentile  # noqa: E402
from pushes import Nginx, first_start, make_bridge, seed  # noqa: E402
from scratch import MODULES, scratch_dir, wait_for  # noqa: E402
from stack import MAIL_UID  # noqa: E402

QUICK = "--quick" in sys.argv
COUNT, SLICE = (200, 50) if QUICK else (2000, 100)
# A pace that leaves the machine room: a delivery's own time, not its time in a queue.
RATE, CONNECTIONS = 100, 2
USERS = [f"user{i}" for i in range(1, 21)]
MESSAGE = (b"From: Zoe <zoe@example.org>\r\nSubject: lunch?\r\n\r\n" +
           b"At noon, by the bridge.\r\n" * 40)
goals = Goals()


def compare(stock, dovecot, label, above):
    """The same deliveries to both, in turns, so that what else the machine does
    meets both."""
    times = {"stock": [], label: []}
    failed = 0
    for server in (stock, dovecot):  # mailboxes and processes exist before it counts
        lmtp_load.run(server.lmtp_port, USERS, 3 * len(USERS), MESSAGE)
    for _ in range(0, COUNT, SLICE):
        for name, server in (("stock", stock), (label, dovecot)):
            deliveries = lmtp_load.run(server.lmtp_port, USERS, SLICE, MESSAGE, rate=RATE,
                                       connections=CONNECTIONS)
            times[name] += [delivery.seconds * 1000 for delivery in deliveries]
            if name == label:
                failed += sum(not delivery.ok for delivery in deliveries)
    for name, values in times.items():
        print(f"{name:8} {len(values)} deliveries; p50 {percentile(values, 50):.2f} ms, "
              f"p99 {percentile(values, 99):.2f} ms", flush=True)
    goals.at_most(f"bridge-{label}-failed-deliveries", failed, 0)
    goals.at_most(f"bridge-{label}-p99-above-stock",
                  percentile(times[label], 99) - percentile(times["stock"], 99), above, "ms")


class Site:
    """A Dovecot with our modules, each user with a phone, and a push service that takes
    next to nothing of the machine: in life it is elsewhere."""

    def __init__(self, label, state=None):
        folder = scratch_dir(label)
        self.receiver = Nginx(folder / "service")
        self.bridge = make_bridge(folder / "bridge", self.receiver, mail_uids=[MAIL_UID])
        if state is not None:
            self.bridge.state = state
            self.bridge.sections["bridge"]["state-dir"] = state
            self.bridge.write_config()
        first_start(self.bridge)
        seed(self.bridge, self.receiver, len(USERS), "user")
        self.dovecot = Dovecot(
            scratch=str(folder / "dovecot"), modules=[MODULES / "plugins"],
            mail_plugins="notify fantail_event", mail_uid=MAIL_UID,
            settings={"fantail_socket": self.bridge.socket, "fantail_spool": self.bridge.spool})

    def __enter__(self):
        self.bridge.start()
        self.dovecot.start()
        return self

    def __exit__(self, *exception):
        self.dovecot.stop()
        if self.bridge.process.poll() is None:
            self.bridge.stop()
        self.receiver.close()


def with_bridge(stock, label, above, before, after=lambda site: None):
    with Site(label) as site:
        before(site)
        compare(stock, site.dovecot, label, above)
        after(site)


def stop(site):
    site.bridge.signal(signal.SIGSTOP)


def go_on(site):
    site.bridge.signal(signal.SIGCONT)
    client = LineClient(site.bridge.socket)
    assert client.request("WANT", user="root")[0] == "OK"
    client.close()


def away(site):
    site.bridge.stop()


def disk_full(stock):
    """The bridge's state on a file system of 128 MB, filled up."""
    folder = scratch_dir("small")
    small = folder / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128m", "none", small],
                      capture_output=True).returncode != 0:
        print("full     skipped: no right to mount a small file system")
        return
    try:
        with Site("full", state=small) as site:
            filler = os.open(small / "filler", os.O_WRONLY | os.O_CREAT)
            try:
                while True:
                    os.write(filler, bytes(4096))
            except OSError:
                os.close(filler)
            compare(stock, site.dovecot, "full", 60)
            spooled = len(site.bridge.spooled())
            (small / "filler").unlink()
            wait_for("the spool to empty", lambda: not site.bridge.spooled(), 60)
        print(f"         {spooled} batches were spooled, all were taken when there was room")
    finally:
        subprocess.run(["umount", "-l", small], check=False)


started = time.time()
with Dovecot(scratch=str(scratch_dir("stock")), mail_uid=MAIL_UID) as stock:
    with_bridge(stock, "up", 2, lambda site: None)
    with_bridge(stock, "stopped", 60, stop, go_on)
    with_bridge(stock, "away", 60, away)
    disk_full(stock)
print(f"took {time.time() - started:.0f} s")
sys.exit(goals.finish())
