#!/usr/bin/env python3
"""scripts/bench filters: what 100 notification filters cost a delivery.

Deliveries to the same users of one Dovecot, in turns with none and with all of them, which a
stand-in for the bridge names. So the time also has its answers, which Python writes; beside it
stands what the process that delivers took of a CPU, which has not."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

import lmtp_load  # noqa: E402
from dovecot import Dovecot  # noqa: E402
from fake_bridge import FakeBridge  # noqa: E402
from goals import Goals, percentile  # noqa: E402
from processes import children, cpu_seconds  # noqa: E402
from scratch import MODULES, scratch_dir  # noqa: E402

QUICK = "--quick" in sys.argv
COUNT, SLICE = (300, 50) if QUICK else (2000, 100)
RATE, CONNECTIONS = 50, 1
USERS = [f"user{i}" for i in range(1, 21)]
MESSAGE = (b"".join(b"Received: from mx%d.example.org by mail.example.org; "
                    b"Mon, 23 Nov 2026 02:00:00 +0000\r\n" % i for i in range(6)) +
           b"From: Zoe <zoe@example.org>\r\nTo: You <you@example.org>\r\n"
           b"Subject: lunch at noon?\r\nDate: Mon, 23 Nov 2026 02:00:00 +0000\r\n"
           b"Message-ID: <1@example.org>\r\nList-Id: <lunch.example.org>\r\n\r\n" +
           b"At noon, by the bridge.\r\n" * 80)
# As people write them: senders, words, lists; a tenth of them match.
FILTERS = ([f'FROM "person{i}@example.org"' for i in range(40)] +
           [f'OR FROM "friend{i}" TO "friend{i}"' for i in range(20)] +
           [f'SUBJECT "word{i}" UNSEEN' for i in range(15)] +
           [f'HEADER List-Id "list{i}"' for i in range(10)] +
           [f'NOT FROM "boss{i}" DAYSBEFORETODAY {i}' for i in range(5)] +
           [f'FROM "zoe" LARGER {i}' for i in range(5)] +
           [f'SENTSINCE {i + 1}-Jan-2030' for i in range(5)])
BODY = [f'BODY "word{i}"' for i in range(10)]


def compare(bridge, dovecot, kinds):
    times = {label: [] for label in kinds}
    cpu = dict.fromkeys(kinds, 0)
    lmtp_load.run(dovecot.lmtp_port, USERS, 3 * len(USERS), MESSAGE)
    for _ in range(0, COUNT, SLICE):
        for label, filters in kinds.items():
            bridge.filters = [(f"filter{n}", criteria, None) for n, criteria in enumerate(filters)]
            bridge.forget()
            processes = children(dovecot.process.pid, "lmtp")
            cpu[label] -= cpu_seconds(processes)
            deliveries = lmtp_load.run(dovecot.lmtp_port, USERS, SLICE, MESSAGE, rate=RATE,
                                       connections=CONNECTIONS)
            cpu[label] += cpu_seconds(processes)
            assert all(delivery.ok for delivery in deliveries)
            times[label] += [delivery.seconds * 1000 for delivery in deliveries]
            judged = [event.get("filters") for batch in bridge.batches for event in batch.events]
            unjudged = judged.count(None)
            if filters and unjudged:
                print(f"{label}: {unjudged} of {len(judged)} not judged in time")
    for label, values in times.items():
        print(f"{label:14} {len(values)} deliveries; mean {sum(values) / len(values):.2f} ms, "
              f"p50 {percentile(values, 50):.2f} ms, p99 {percentile(values, 99):.2f} ms; "
              f"CPU {cpu[label] / len(values) * 1000:.2f} ms", flush=True)
    return times


assert len(FILTERS) == 100
folder = scratch_dir("filters")
bridge = FakeBridge(str(folder / "bridge.sock"))
spool = folder / "spool"
spool.mkdir(mode=0o777)
spool.chmod(0o777)
goals = Goals()
with Dovecot(modules=[MODULES / "plugins"], mail_plugins="notify fantail_event",
             settings={"fantail_socket": bridge.path, "fantail_spool": str(spool)},
             lmtp_service_count=0) as dovecot:
    times = compare(bridge, dovecot, {"none": [], "100 filters": FILTERS,
                                      "90, 10 of body": FILTERS[:90] + BODY})
assert not bridge.complaints, bridge.complaints
goals.at_most("filters-100-above-none",
              percentile(times["100 filters"], 50) - percentile(times["none"], 50), 2, "ms")
sys.exit(goals.finish())
