#!/usr/bin/env python3
"""scripts/bench bridge: what the bridge can carry, beside peers in the same run."""

import json
import os
import pathlib
import re
import ssl
import subprocess
import sys
import threading
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

import lmtp_load  # noqa: E402
from bridge import LineClient, line  # noqa: E402
from dovecot import Dovecot  # noqa: E402
from goals import Goals, percentile  # noqa: E402
from pushes import Nginx, first_start, make_bridge, seed  # noqa: E402
from push_service import Authority  # noqa: E402
from scratch import BUILD, MODULES, scratch_dir, wait_for  # noqa: E402
from stack import MAIL_UID  # noqa: E402

QUICK = "--quick" in sys.argv
goals = Goals()


def say(text):
    print(f"==> {text}", flush=True)


def run_program(name, *args):
    """A benchmark program that prints goal lines of its own."""
    say(name)
    result = subprocess.run([BUILD / "tests" / name, *args], text=True,
                            stdout=subprocess.PIPE)
    if result.returncode not in (0, 1):
        goals.at_least(f"{name}-exit-status", -abs(result.returncode), 0)
    goals.take(result.stdout)


class Receiver:
    def __init__(self, folder):
        folder.mkdir(parents=True)
        authority = Authority(str(folder))
        self.ca = authority.ca
        key, cert = authority.issue("server", "DNS:localhost,IP:127.0.0.1")
        self.process = subprocess.Popen(["node", HERE / "receiver.mjs", key, cert],
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])
        self.url = f"https://127.0.0.1:{self.port}"
        self.tls = ssl.create_default_context(cafile=self.ca)

    def get(self, path):
        with urllib.request.urlopen(self.url + path, context=self.tls) as reply:
            return reply.read().decode()

    def count(self):
        return int(self.get("/count"))

    def times(self):
        return json.loads(self.get("/times"))

    def close(self):
        self.process.kill()
        self.process.wait()


def bench_encryption():
    say("openssl speed ecdhp256")
    text = subprocess.run(["openssl", "speed", "-seconds", "1" if QUICK else "3", "ecdhp256"],
                          capture_output=True, text=True).stdout
    match = re.search(r"ecdh \(nistp256\)\s+\S+\s+([\d.]+)", text)
    print(f"openssl speed: {match[1]} ECDH/s")
    run_program("bench-webpush", *(["--quick"] if QUICK else []), match[1])


def bench_pushes(folder):
    """Events through the mail socket, pushes to the receiver, over everything between."""
    count = 5000 if QUICK else 20000
    receiver = Nginx(folder / "tls")
    bridge = make_bridge(folder / "pushes", receiver)
    first_start(bridge)
    seed(bridge, receiver, count, "u")

    # The npm sender first, alone with the same receiver.
    npm_count = 400 if QUICK else 2000
    npm = float(subprocess.run(
        ["node", HERE / "npm-sender.mjs", receiver.url + "/npm", str(npm_count), "32"],
        env=dict(os.environ, NODE_EXTRA_CA_CERTS=str(receiver.ca)), check=True,
        capture_output=True, text=True).stdout)
    print(f"npm web-push: {npm:.0f} pushes/s")

    with bridge:
        requests = []
        for i in range(1, count + 1):
            user = f"u{i}"
            requests.append(
                line("BATCH", i, batch=f"{i:032x}", user=user, count=1) +
                line("EVENT", name="MessageNew", time=time.time_ns() // 1000, seq=i, user=user,
                     mailbox="INBOX", uidvalidity=1, uids=i, messages=1))
        client = LineClient(bridge.socket, timeout=120)
        answered = threading.Event()

        def read_answers():
            for _ in range(count):
                words = client.recv()
                assert words[0] == "OK", words
            answered.set()

        threading.Thread(target=read_answers, daemon=True).start()
        started = time.time()
        # In slices, as many connections would bring them: what is over the bridge's own
        # ceiling would be refused, and a mail process would spool it.
        for at in range(0, count, 500):
            client.send("".join(requests[at:at + 500]))
        wait_for("answers to all batches", answered.is_set, 120)
        accepted = time.time()
        # Looked at rarely, and read when it has stood still: it is large.
        sizes = [-1]

        def quiet():
            sizes.append(receiver.size())
            time.sleep(0.5)
            return sizes[-1] == sizes[-2] and len(receiver.arrivals("/push/")) >= count

        wait_for("all pushes", quiet, 120)
        rss = bridge.rss_kib() / 1024
    arrived = receiver.arrivals("/push/")
    receiver.close()
    rate = len(arrived) / (arrived[-1] - started)
    print(f"{count} batches accepted in {accepted - started:.2f} s, "
          f"{count / (accepted - started):.0f}/s; {len(arrived)} pushes, {rate:.0f}/s")
    goals.at_least("pushes-of-npm-web-push", rate / npm, 10, "x")
    goals.at_most("bridge-rss-while-pushing", rss, 40, "MB")


def bench_latency(folder):
    """The final answer of LMTP to the first byte at the push service."""
    users = [f"user{i}" for i in range(1, (200 if QUICK else 500) + 1)]
    rate, seconds = 500, 5 if QUICK else 20
    receiver = Receiver(folder / "tls2")
    bridge = make_bridge(folder / "latency", receiver, mail_uids=[MAIL_UID])
    first_start(bridge)
    seed(bridge, receiver, len(users), "user")
    with Dovecot(scratch=str(folder / "dovecot"), modules=[MODULES / "plugins"],
                 mail_plugins="notify fantail_event", mail_uid=MAIL_UID,
                 # Dovecot's own syncs would take the disk, and the bridge's rate with it.
                 extra="mail_fsync = never\n",
                 settings={"fantail_socket": bridge.socket,
                           "fantail_spool": bridge.spool}) as dovecot:
        with bridge:
            message = (HERE.parent / "corpus" / "mail").glob("*.eml").__next__().read_bytes()
            # Mailboxes and processes exist before anything is measured.
            lmtp_load.run(dovecot.lmtp_port, users, len(users), message, connections=8)
            wait_for("the first pushes", lambda: receiver.count() >= len(users), 60)
            receiver.times()
            # Two recipients a message: with one, two cores do not carry 500 deliveries a
            # second together with this client.
            deliveries = lmtp_load.run(dovecot.lmtp_port, users, rate * seconds, message,
                                       rate=rate, connections=8, recipients=2)
            time.sleep(2)
            times = receiver.times()
    receiver.close()
    failed = sum(not delivery.ok for delivery in deliveries)
    by_user = {}
    for delivery in sorted(deliveries, key=lambda delivery: delivery.answered):
        by_user.setdefault(delivery.user, []).append(delivery)
    waits, missing = [], 0
    for number, user in enumerate(users, 1):
        arrived = times.get(f"/push/{number}", [])
        sent = by_user.get(user, [])
        missing += max(0, len(sent) - len(arrived))
        waits += [at / 1e6 - delivery.answered for delivery, at in zip(sent, arrived)]
    span = deliveries[-1].answered - deliveries[0].started
    print(f"{len(deliveries)} deliveries at {len(deliveries) / span:.0f}/s, {failed} failed; "
          f"{len(waits)} pushes, {missing} folded into a later one")
    goals.at_least("latency-run-rate", len(deliveries) / span, rate * 0.95, "deliveries/s")
    goals.at_most("latency-run-failed-deliveries", failed, 0)
    goals.at_most("lmtp-end-to-first-byte-p50", percentile(waits, 50) * 1000, 5, "ms")
    goals.at_most("lmtp-end-to-first-byte-p99", percentile(waits, 99) * 1000, 50, "ms")


folder = scratch_dir("bench")
quick = ["--quick"] if QUICK else []
run_program("bench-queue", *quick)
bench_encryption()
run_program("bench-registry", *quick)
say("pushes/s end to end")
bench_pushes(folder)
say("LMTP to first byte")
bench_latency(folder)
sys.exit(goals.finish())
