"""Test Anything Protocol for the integration tests; standard library only.

    suite = Suite("event plugin")

    @suite.test
    def a_message_is_one_event():
        equal(len(events), 1, "events")

    suite.run()            # prints the plan and the results, exits 0 or 1

The name of the function is the name of the test. Names on the command line (or
parts of them) choose tests.
"""

import sys
import time
import traceback


class Skip(Exception):
    """Raised by a test that cannot run here; the text is the reason."""


def equal(got, want, what):
    if got != want:
        raise AssertionError(f"{what}:\n  got  {got!r}\n  want {want!r}")


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def eventually(function, what, seconds=30.0):
    """Calls function() until it gives something true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        result = function()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}; last was {result!r}")
        time.sleep(0.01)


class Suite:
    def __init__(self, name):
        self.name = name
        self.tests = []
        self.on_failure = None  # called after a failed test; its text becomes diagnostics

    def test(self, function):
        self.tests.append(function)
        return function

    def run(self, arguments=None):
        wanted = sys.argv[1:] if arguments is None else arguments
        tests = [t for t in self.tests
                 if not wanted or any(word in t.__name__ for word in wanted)]
        failed = 0
        print(f"# {self.name}")
        print(f"1..{len(tests)}", flush=True)
        for number, function in enumerate(tests, 1):
            name = function.__name__.replace("_", " ")
            started = time.monotonic()
            try:
                function()
                print(f"ok {number} - {name}")
                print(f"# {time.monotonic() - started:.2f} s", flush=True)
            except Skip as reason:
                print(f"ok {number} - {name} # SKIP {reason}", flush=True)
            except Exception:  # a broken test must not hide the ones after it
                failed += 1
                print(f"not ok {number} - {name}")
                text = traceback.format_exc()
                if self.on_failure is not None:
                    text += str(self.on_failure())
                for line in text.splitlines():
                    print(f"# {line}")
                sys.stdout.flush()
        sys.exit(1 if failed else 0)
