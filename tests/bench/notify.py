#!/usr/bin/env python3
"""scripts/bench notify: sessions with NOTIFY, stock Dovecot's beside Fantail's.

How soon they hear of a mail; what one takes; what two hundred of them cost while nothing
happens, and whether they hear of every mail; what ten thousand cost that sleep. Stock and
Fantail run at the same time on the same binaries, and only one of them has something to
do, but for the idle minute. Stock Dovecot lets nobody sleep who has NOTIFY."""

import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

import notify_asleep  # noqa: E402
import notify_crowd  # noqa: E402
import notify_latency  # noqa: E402
import notify_memory  # noqa: E402
from notify_rows import plugin_is_built  # noqa: E402
from notify_world import FANTAIL, STOCK, World, goals  # noqa: E402


def latency(worlds):
    for world in worlds:
        notify_latency.measure(world)


BESIDE_STOCK = {"latency": latency, "memory": notify_memory.compare, "crowd": notify_crowd.compare}
PARTS = [*BESIDE_STOCK, "asleep"]


def beside_stock(parts):
    worlds = [World(mode, notify_crowd.CROWD) for mode in (STOCK, FANTAIL)]
    try:
        for part in parts:
            BESIDE_STOCK[part](worlds)
    finally:
        for world in worlds:
            world.close()


def main():
    if not plugin_is_built():
        print("skipped: the plugin was not built")
        return 1
    wanted = [word for word in sys.argv[1:] if word != "--quick"] or PARTS
    if not set(wanted) <= set(PARTS):
        print(f"parts are {', '.join(PARTS)}")
        return 64
    if "asleep" in wanted:
        notify_asleep.allow_descriptors()
    started = time.perf_counter()
    if parts := [part for part in wanted if part in BESIDE_STOCK]:
        beside_stock(parts)
    if "asleep" in wanted:
        notify_asleep.measure()
    print(f"took {time.perf_counter() - started:.0f} s")
    return goals.finish()


if __name__ == "__main__":
    sys.exit(main())
