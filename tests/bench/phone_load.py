"""phone_load.py PORT PHONES CARDS: that many phones of user0, user1 ... begin their first
sync at once, and when all are through a sync without changes. One line for each: the seconds
from the first's begin to the last's end, then those of each message. Waits for a line
before each."""

import pathlib
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

from syncevolution import card  # noqa: E402
from syncml_phone import Phone  # noqa: E402

port, count, cards = map(int, sys.argv[1:])
phones = [Phone(port, "/sync", f"user{number}", "secret", f"phone{number}")
          for number in range(count)]


def at_once(code, adds):
    failures = []
    begin = threading.Barrier(count + 1)

    def run(phone):
        begin.wait()
        try:
            phone.sync(code, adds)
        except Exception as error:  # is told below
            failures.append(repr(error)[:500])

    threads = [threading.Thread(target=run, args=(phone,)) for phone in phones]
    for thread in threads:
        thread.start()
    begin.wait()
    started = time.monotonic()
    for thread in threads:
        thread.join()
    if failures:
        sys.exit(f"{len(failures)} failed: {failures[0]}")
    print(time.monotonic() - started, *(value for phone in phones for value in phone.seconds),
          flush=True)
    for phone in phones:
        phone.seconds.clear()


sys.stdin.readline()
at_once(201, {str(number): card(number) for number in range(cards)})
sys.stdin.readline()
at_once(200, {})
