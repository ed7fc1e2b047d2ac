#!/usr/bin/env python3
"""Kills the bridge with SIGKILL at random moments under load, and keeps its own ledger.

usage: bridge_crash.py [--kills N] [--seed N] [--writers N]

Writers hand batches to the mail socket, each in a mailbox of its own so that
nothing folds, and note which the bridge acknowledged. What was not acknowledged
goes into the spool with the same batch id, as the plugin does it. A webhook
receiver notes what arrives. After each kill the database is copied as the crash
left it and checked. At the end:

  1. every batch arrived (so no acknowledged event was lost, and no spooled one);
  2. the database was sound after every kill;
  3. nothing arrived twice within one life of the bridge: only a kill repeats;
  4. each kill repeated at most what can have been in flight.

TAP on standard output."""

import argparse
import bisect
import collections
import os
import pathlib
import random
import secrets
import shutil
import sqlite3
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from bridge import Bridge, LineClient, line  # noqa: E402
from scratch import scratch_dir, wait_for  # noqa: E402
from webhook_receiver import WebhookReceiver  # noqa: E402

PARALLEL = 16


def event_lines(batch, serial):
    """BATCH's EVENT line; the mailbox names the batch at the receiver."""
    return line("EVENT", name="MessageNew", time=time.time_ns() // 1000, seq=serial,
                user="crash", mailbox=f"M/{batch}", uidvalidity=1, uids=1, messages=1)


class Ledger:
    def __init__(self):
        self.lock = threading.Lock()
        self.acknowledged = set()
        self.spooled = set()
        self.refused = []

    def note(self, where, batch):
        with self.lock:
            where.add(batch)


class Writer(threading.Thread):
    """One mail process: batch after batch, a connection each, until told to stop."""

    def __init__(self, bridge, ledger):
        super().__init__(daemon=True)
        self.bridge, self.ledger = bridge, ledger
        self.stopping = threading.Event()

    def spool(self, batch, text):
        temporary = self.bridge.spool / f".{batch}.{os.getpid()}"
        with open(temporary, "w") as file:
            file.write(text + "END\n")
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o640)
        os.rename(temporary, self.bridge.spool / batch)
        self.ledger.note(self.ledger.spooled, batch)

    def run(self):
        serial = 0
        while not self.stopping.is_set():
            serial += 1
            batch = secrets.token_hex(16)
            event = event_lines(batch, serial)
            verdict = "away"
            try:
                client = LineClient(self.bridge.socket, timeout=5)
                verdict, fields, _ = client.request("BATCH", event, batch=batch, user="crash",
                                                    count=1)
                client.close()
            except (OSError, AssertionError, TypeError, ValueError):
                pass  # killed under our hands: no answer is no acknowledgement
            if verdict == "OK":
                self.ledger.note(self.ledger.acknowledged, batch)
            else:
                if verdict == "NO" and fields.get("code") not in ("busy", "full"):
                    self.ledger.refused.append(fields)
                text = line("BATCH", 1, batch=batch, user="crash", count=1) + event
                self.spool(batch, text)
                time.sleep(0.02)  # most of the load is to meet a living bridge


def check_database(bridge, folder):
    """The files as the crash left them, opened somewhere else."""
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for file in bridge.state.glob("*.db*"):
        shutil.copy(file, copy)
    verdicts = []
    for file in copy.glob("*.db"):
        database = sqlite3.connect(file)
        verdicts.append(database.execute("PRAGMA integrity_check").fetchone()[0])
        database.close()
    return verdicts


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--writers", type=int, default=6)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(1 << 32)
    chance = random.Random(seed)
    print("1..5")
    print(f"# seed {seed}, {options.kills} kills")

    folder = scratch_dir("crash")
    receiver = WebhookReceiver()
    bridge = Bridge(
        folder,
        http={"allowed_endpoints": receiver.url, "parallel_per_origin": PARALLEL},
        devices={"rate_per_minute": 1000000, "rate_burst": 1000000},
        **{"webhook ledger": {"url": receiver.url + "/hook"}},
    )
    bridge.start()
    ledger = Ledger()
    writers = [Writer(bridge, ledger) for _ in range(options.writers)]
    for writer in writers:
        writer.start()

    unsound, births = [], [0.0]
    for kill in range(options.kills):
        time.sleep(chance.uniform(0.01, 0.35))
        bridge.kill()
        verdicts = check_database(bridge, folder)
        if verdicts != ["ok"]:
            unsound.append((kill, verdicts))
        births.append(time.time())
        bridge.start()
        if (kill + 1) % 100 == 0:
            print(f"# {kill + 1} kills, {len(ledger.acknowledged)} acknowledged", flush=True)
    for writer in writers:
        writer.stopping.set()
    for writer in writers:
        writer.join()

    everything = ledger.acknowledged | ledger.spooled

    def whole():
        """(batch, time) of the requests that a kill did not cut short."""
        return [(request["json"]["data"]["mailbox"][2:], request["time"])
                for request in receiver.snapshot() if request["json"]]

    def arrivals():
        return collections.Counter(batch for batch, _ in whole())

    try:
        wait_for("the outbox to drain", lambda: len(arrivals()) >= len(everything), 120)
    except TimeoutError as error:
        print(f"# {error}")
    time.sleep(0.5)  # a repeat that is still on its way
    bridge.stop()
    counts = arrivals()

    failed = 0

    def verdict(number, name, passed, *lines):
        nonlocal failed
        failed += not passed
        print(f"{'ok' if passed else 'not ok'} {number} - {name}")
        for text in lines:
            print(f"# {text}")

    lost = ledger.acknowledged - counts.keys()
    lost_spooled = ledger.spooled - counts.keys()
    repeats = {batch: count - 1 for batch, count in counts.items() if count > 1}
    verdict(1, "no acknowledged event is lost", not lost and len(ledger.acknowledged) > 0,
            f"{len(ledger.acknowledged)} acknowledged, {len(lost)} lost", *sorted(lost)[:5])
    verdict(2, "no spooled event is lost", not lost_spooled and not ledger.refused,
            f"{len(ledger.spooled)} spooled, {len(lost_spooled)} lost, "
            f"{len(ledger.refused)} refused", *map(str, ledger.refused[:5]))
    verdict(3, "the database is sound after every kill", not unsound,
            f"{options.kills} kills, {len(unsound)} unsound", *map(str, unsound[:5]))
    lives = collections.Counter(
        (batch, bisect.bisect(births, at)) for batch, at in whole())
    twice = [key for key, count in lives.items() if count > 1]
    bound = PARALLEL * options.kills
    verdict(4, "nothing arrives twice within one life of the bridge", not twice,
            f"{len(twice)} arrived twice", *map(str, twice[:5]))
    verdict(5, "at most one repeat per notification in flight at a kill",
            sum(repeats.values()) <= bound,
            f"{sum(repeats.values())} repeats, at most {bound} could be in flight")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
