#!/usr/bin/env python3
"""scripts/bench syncml: fantail-syncml beside SyncEvolution's own HTTP server, with the same
client in the same run: the first slow sync, a sync without changes, one with 100 changes.
Then 200 phones at once, WBXML beside libwbxml, and what hostile messages cost.

    syncml.py [--quick] [PART...]    parts: beside, phones, wbxml, bombs; all if none is named

Processor time is the server's, of all its processes, those that have ended too. Memory is
the largest sum of what they had at once: ours as the kernel's high-water mark of RSS, theirs
as samples of PSS, which are lower."""

import pathlib
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

import processes  # noqa: E402
from dovecot import free_ports  # noqa: E402
from goals import Goals, percentile  # noqa: E402
from scratch import BUILD, scratch_dir  # noqa: E402
from syncevolution import Client, Server, card  # noqa: E402
from syncml_daemon import SyncmlDaemon  # noqa: E402
from syncml_phone import Phone  # noqa: E402

QUICK = "--quick" in sys.argv
COUNTS = (200,) if QUICK else (1000, 10000)
REPEATS = 1 if QUICK else 3  # of the sync without changes; medians count
PHONE_REPEATS = 5 if QUICK else 51
PHONES = 200
CARDS = 20  # that each phone brings
LOAD = HERE / "phone_load.py"
LIMITS = {f"{what}-per-{whom}": 1000 for what in ("logins", "sessions")
          for whom in ("user", "address")}
goals = Goals()


class Ours:
    name = "fantail"

    def __init__(self, folder, users=("alice",)):
        folder.mkdir(parents=True)
        passwords = folder / "passwords"
        passwords.write_text("".join(f"{user}:{{PLAIN}}secret\n" for user in users))
        passwords.chmod(0o600)
        self.daemon = SyncmlDaemon(folder, login={"password-file": passwords}, limits=LIMITS)
        self.port, self.url = self.daemon.port, f"http://127.0.0.1:{self.daemon.port}/sync"

    def start(self):
        self.daemon.start()

    def stop(self):
        self.daemon.stop()

    def cpu(self):
        return processes.total_cpu([self.daemon.process.pid])

    def peak_mib(self):
        return processes.peak_rss_kib(self.daemon.process.pid) / 1024


class Theirs:
    name = "syncevolution"

    def __init__(self, folder):
        port = free_ports(1)[0]
        self.folder = folder
        self.server = Server(folder, "alice", "secret", "bench", port)
        self.url = self.server.url
        self.peak, self.stopped = 0, threading.Event()

    def start(self):
        self.server.start()
        self.sampler = threading.Thread(target=self.sample, daemon=True)
        self.sampler.start()

    def sample(self):
        while not self.stopped.wait(0.1):
            self.peak = max(self.peak, sum(processes.pss_or_0(pid) for pid in self.pids()))

    def pids(self):
        return processes.of_home(self.folder)

    def stop(self):
        self.stopped.set()
        self.sampler.join()
        self.server.stop()

    def cpu(self):
        return processes.total_cpu(self.pids())

    def peak_mib(self):
        return self.peak / 1024


def measure(server, client, what, before=lambda: None):
    before()
    cpu, started = server.cpu(), time.monotonic()
    report = client.sync()
    seconds, cost = time.monotonic() - started, server.cpu() - cpu
    assert report.status == 200, report.text
    print(f"  {server.name:14} {what:12} {cost * 1000:9.1f} ms of processor, {seconds:6.1f} s, "
          f"{report.moved()} moved", flush=True)
    return cost


def change_100(client):
    for number, name in enumerate(sorted(client.texts("addressbook"))[:100]):
        client.write("addressbook", name, card(number, "99"))


def no_change_of_a_phone(server):
    """What a sync without changes costs when no time passes between its messages: SyncEvolution
    looks through its items there, the longer the more it has; and for a message after seconds of
    sleep, with its caches cold and its threads gone, a server takes half as much again, whatever
    it has to look through."""
    phone = Phone(server.port, "/sync", "alice", "secret", "phone")
    phone.sync(201)
    costs = []
    for _ in range(PHONE_REPEATS):
        cpu = server.cpu()
        phone.sync(200)
        costs.append(server.cpu() - cpu)
    print(f"  {server.name:14} {'of a phone':12} {percentile(costs, 50) * 1000:9.1f} ms of "
          f"processor without changes, {len(phone.items)} items", flush=True)
    return percentile(costs, 50)


def run(server, folder, count):
    client = Client(folder / "client", server.url, "alice", "secret", "bench",
                    uris={"addressbook": "addressbook"})
    for number in range(count):
        client.write("addressbook", f"card-{number}", card(number))
    server.start()
    try:
        costs = {"first": measure(server, client, "first slow")}
        measure(server, client, "second")  # theirs sends back what it has made of them
        costs["none"] = percentile([measure(server, client, "no change")
                                    for _ in range(REPEATS)], 50)
        costs["100"] = measure(server, client, "100 changes", lambda: change_100(client))
        costs["peak"] = server.peak_mib()
        print(f"  {server.name:14} memory at most {costs['peak']:.1f} MiB", flush=True)
        if isinstance(server, Ours):
            costs["phone"] = no_change_of_a_phone(server)
    finally:
        server.stop()
    return costs


def beside():
    ours = {}
    for count in COUNTS:
        print(f"{count} contacts", flush=True)
        folder = scratch_dir(f"bench-{count}")
        ours[count] = run(Ours(folder / "ours"), folder / "a", count)
        theirs = run(Theirs(folder / "theirs"), folder / "b", count)
        for key in ("first", "none", "100"):
            goals.at_least(f"syncml-{count}-{key}-cpu-ratio", theirs[key] / ours[count][key], 10,
                           "times")
        goals.at_least(f"syncml-{count}-memory-ratio", theirs["peak"] / ours[count]["peak"], 5,
                       "times")
    if len(COUNTS) > 1:
        few, many = (ours[count] for count in COUNTS)
        goals.at_most("syncml-memory-growth", many["peak"] - few["peak"], 10, "MiB")
        # Within what two runs of the same differ by.
        goals.at_most("syncml-no-change-growth", many["none"] / few["none"], 1.5, "times")
        goals.at_most("syncml-no-change-growth-without-pauses", many["phone"] / few["phone"], 1.5,
                      "times")


def phones():
    """200 phones, each of a user of its own, begin at once. They are one process of Python
    and take most of the machine: what a message takes is for the greater part theirs."""
    server = Ours(scratch_dir("bench-phones") / "server", [f"user{n}" for n in range(PHONES)])
    server.start()
    load = subprocess.Popen([sys.executable, LOAD, str(server.port), str(PHONES), str(CARDS)],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    try:
        for what in (f"first, {CARDS} contacts each", "no change"):
            cpu = server.cpu()
            load.stdin.write("go\n")
            wall, *messages = map(float, load.stdout.readline().split())
            cost = (server.cpu() - cpu) / PHONES
            print(f"{PHONES} phones at once, {what}: {PHONES / wall:.0f} sessions/s; message p50 "
                  f"{percentile(messages, 50) * 1000:.0f} ms, p99 "
                  f"{percentile(messages, 99) * 1000:.0f} ms; server {cost * 1000:.1f} ms of "
                  f"processor a session, memory at most {server.peak_mib():.1f} MiB", flush=True)
        assert load.wait(60) == 0
    finally:
        load.kill()
        server.stop()


def program(name):
    """One that prints goal lines of its own."""
    done = subprocess.run([BUILD / "tests" / name, *(["--quick"] if QUICK else [])],
                          capture_output=True, text=True)
    assert "goal\t" in done.stdout, f"{name} ended with {done.returncode}: {done.stderr}"
    goals.take(done.stdout)


def wbxml():
    program("bench-wbxml")


def bombs():
    program("bench-bombs")


PARTS = {part.__name__: part for part in (beside, phones, wbxml, bombs)}
chosen = [word for word in sys.argv[1:] if not word.startswith("--")]
unknown = set(chosen) - set(PARTS)
if unknown:
    sys.exit(f"syncml: no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
started = time.time()
for name in chosen or PARTS:
    PARTS[name]()
print(f"took {time.time() - started:.0f} s")
sys.exit(goals.finish())
