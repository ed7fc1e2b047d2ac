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
from phone import Phone  # noqa: E402
from scratch import scratch_dir, wait_for  # noqa: E402
from stack import MAIL_UID, Stack  # noqa: E402

QUICK = "--quick" in sys.argv
COUNT, SLICE = (200, 50) if QUICK else (2000, 100)
# A pace that leaves the machine room: a delivery's own time, not its time in a queue.
RATE, CONNECTIONS = 100, 2
USERS = [f"user{i}" for i in range(20)]
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


def register(stack, phones):
    for user, phone in zip(USERS, phones):
        phone.register(stack.dovecot.imap(user), stack.service)


def with_bridge(stock, label, above, before, after=lambda stack: None):
    phones = [Phone(f"phone{i}") for i in range(len(USERS))]
    with Stack(label, phones,
               devices={"rate_per_minute": 1000000, "rate_burst": 1000000}) as stack:
        register(stack, phones)
        before(stack)
        compare(stock, stack.dovecot, label, above)
        after(stack)


def stop(stack):
    stack.bridge.signal(signal.SIGSTOP)


def go_on(stack):
    stack.bridge.signal(signal.SIGCONT)
    client = LineClient(stack.bridge.socket)
    assert client.request("WANT", user="root")[0] == "OK"
    client.close()


def away(stack):
    stack.bridge.stop()


def disk_full(stock):
    """The bridge's state on a file system of 128 MB, filled up."""
    phones = [Phone(f"phone{i}") for i in range(len(USERS))]
    folder = scratch_dir("full")
    small = folder / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128m", "none", small],
                      capture_output=True).returncode != 0:
        print("full     skipped: no right to mount a small file system")
        return
    try:
        stack = Stack("full", phones)
        stack.bridge.state = small
        stack.bridge.sections["bridge"]["state-dir"] = small
        stack.bridge.write_config()
        with stack:
            register(stack, phones)
            filler = os.open(small / "filler", os.O_WRONLY | os.O_CREAT)
            try:
                while True:
                    os.write(filler, bytes(4096))
            except OSError:
                os.close(filler)
            compare(stock, stack.dovecot, "full", 60)
            spooled = len(stack.bridge.spooled())
            (small / "filler").unlink()
            wait_for("the spool to empty", lambda: not stack.bridge.spooled(), 60)
        print(f"         {spooled} batches were spooled, all were taken when there was room")
    finally:
        subprocess.run(["umount", "-l", small], check=False)


started = time.time()
with Dovecot(scratch=str(scratch_dir("stock")), mail_uid=MAIL_UID) as stock:
    with_bridge(stock, "up", 2, lambda stack: None)
    with_bridge(stock, "stopped", 60, stop, go_on)
    with_bridge(stock, "away", 60, away)
    disk_full(stock)
print(f"took {time.time() - started:.0f} s")
sys.exit(goals.finish())
