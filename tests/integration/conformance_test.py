#!/usr/bin/env python3
"""All of IMAP but NOTIFY answers as it does without us: public suites, run against stock
Dovecot and against one with all our modules, and compared result by result. A test that
fails with both is none of our concern; one that fails with one of them is.

The suites are those that Debian's source packages python-imapclient and
libmail-imapclient-perl carry. scripts/test puts them into tests/suites, where
FANTAIL_SUITES may say otherwise.

    IMAPTEST=.../src/imaptest conformance_test.py

runs Dovecot's own suite besides, which no package has: its scripts, and random load of 20
clients for IMAPTEST_SECONDS (60).
"""

import concurrent.futures
import contextlib
import functools
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from bridge import Bridge
from dovecot import NOBODY, Dovecot
from hub import Hub
from notify_rows import FANTAIL, MODES, STOCK, plugin_is_built
from scratch import MODULES, TOP, scratch_dir
from tap import Skip, Suite, check, equal

SUITES = pathlib.Path(os.environ.get("FANTAIL_SUITES", TOP / "tests" / "suites"))
IMAPTEST = os.environ.get("IMAPTEST")
IMAPTEST_SECONDS = int(os.environ.get("IMAPTEST_SECONDS", "60"))

DRIVERS = ("maildir", "sdbox")
TEMPORARY = re.escape(tempfile.gettempdir())
# What CAPABILITY has besides; where depends on the order of modules.
OURS = ["WEBPUSH", "XPROVISION", "XPIMAPPREF", "XFILTER", "FILTERS", "XCONVERT", "XVFOLDER",
        "XPSEARCH", "XZIP"]

suite = Suite("public IMAP suites, stock and Fantail")
stopping = contextlib.ExitStack()


class Server:
    """A Dovecot; with FANTAIL one with all our modules, and the daemons they talk to. They
    differ in nothing else."""

    def __init__(self, mode, driver):
        folder = scratch_dir(f"conformance-{mode}-{driver}")
        options = {"mail_plugins": "", "protocol_plugins": {"imap": "imap_acl"}}
        self.daemons = []
        if mode == FANTAIL:
            bridge, hub = self.daemons = [Bridge(folder / "bridge", mail_uids=[NOBODY]),
                                          Hub(folder / "hub", mail_uids=[NOBODY])]
            options = {
                "mail_plugins": "notify fantail_event",
                "protocol_plugins": {"imap": "imap_acl fantail_notify fantail_imap"},
                "modules": [MODULES / "plugins", MODULES / "pushimap"],
                "settings": {"fantail_socket": bridge.socket, "fantail_spool": bridge.spool,
                             "fantail_hub": hub.socket,
                             "fantail_deadline": "5000"},  # the machine may be busy
            }
        for daemon in self.daemons:
            daemon.start()
        self.dovecot = Dovecot(
            scratch=str(folder / "dovecot"), mail_driver=driver, list_index=True, metadata=True,
            shared=True, extra="mail_max_userip_connections = 0\n", **options).start()

    def close(self):
        self.dovecot.close()
        for daemon in self.daemons:
            daemon.stop()


@functools.cache
def server(mode, driver):
    running = Server(mode, driver)
    stopping.callback(running.close)
    return running.dovecot


def run(arguments, folder, **environment):
    """A program's exit status does not count here: suites may find fault with stock."""
    process = subprocess.Popen(arguments, cwd=folder, stdin=subprocess.DEVNULL, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, errors="replace",
                               env={**os.environ, **environment})
    output, complaints = process.communicate(timeout=500)
    # What differs from run to run.
    return tuple(re.sub(rf"\b{process.pid}\b|_{process.pid}\b", "PID",
                        re.sub(rf"{TEMPORARY}/[\w./-]+", "FILE", text)) for text in (output, complaints))


def differences(stock, fantail):
    return [f"{name}: stock {stock.get(name)}, fantail {fantail.get(name)}"
            for name in {**stock, **fantail} if stock.get(name) != fantail.get(name)]


def compare(name, results):
    """results(dovecot, folder) gives {test: result}."""
    def one(mode, driver):
        return results(server(mode, driver), scratch_dir(f"conformance-{name}"))

    for driver in DRIVERS:
        for mode in MODES:
            server(mode, driver)
        with concurrent.futures.ThreadPoolExecutor() as both:
            stock, fantail = both.map(one, MODES, (driver, driver))
        check(stock, "no test ran")
        print(f"# {name}, {driver}: {len(stock)} results, "
              f"{sum(result == 'ok' for result in stock.values())} of them ok with stock")
        equal(differences(stock, fantail), [], f"{driver}: results that differ")


def source_of(package):
    path = SUITES / package
    check(path.is_dir(), f"{path} is missing; scripts/test gets it, or says why it cannot")
    return path


# --- Debian's --------------------------------------------------------------------


def imapclient(dovecot, folder):
    source = source_of("python-imapclient")
    (folder / "account.ini").write_text(
        f"[DEFAULT]\nhost = 127.0.0.1\nport = {dovecot.imap_port}\nssl = false\n"
        f"username = livetest\npassword = {dovecot.password}\n")
    results = {}
    # Not TestSocketTimeout: that is about the client, and about who is quicker.
    for group in ("TestGeneral", "TestWithUIDs", "TestWithoutUIDs"):
        _, report = run([sys.executable, "-B", "-W", "ignore", source / "livetest.py",
                         "account.ini", "-v", group], folder, PYTHONPATH=str(source))
        tests = re.findall(r"^(test_\w+) \([^)]*\)(?:\n.*)?? \.\.\. (.*)$", report, re.MULTILINE)
        results.update({f"{group}.{test}": result for test, result in tests})
        counted = re.search(r"^Ran (\d+) tests", report, re.MULTILINE)
        check(counted and int(counted[1]) == len(tests) > 0, f"{group}: {report[-2000:]}")
    return results


def mail_imapclient(dovecot, folder):
    source = source_of("libmail-imapclient-perl")
    (folder / "test.txt").write_text(
        f"server = 127.0.0.1\nport = {dovecot.imap_port}\nuser = perl\n"
        f"passed = {dovecot.password}\nauthmechanism = PLAIN\n")
    output, complaints = run(["perl", f"-I{source}/lib", f"-I{source}/t/lib",
                              source / "t" / "basic.t"], folder)
    results = {f"{number} {test}": result for result, number, test in re.findall(
        r"^(ok|not ok) (\d+)(?: - )?(.*)$", output, re.MULTILINE)}
    planned = re.search(r"^1\.\.(\d+)", output)
    check(planned and int(planned[1]) == len(results) > 0, output[-1000:] + complaints[-1000:])
    return results


@suite.test
def the_live_test_of_imapclient():
    compare("imapclient", imapclient)


@suite.test
def the_live_test_of_mail_imapclient():
    compare("mail-imapclient", mail_imapclient)


# --- Dovecot's own ---------------------------------------------------------------


def imaptest(dovecot, folder, user, *arguments):
    """Its output. It needs Dovecot's libraries where they are."""
    if IMAPTEST is None:
        raise Skip("IMAPTEST does not say where imaptest is")
    (folder / "mbox").write_text("".join(
        f"From pat@example.org Mon Jan 12 10:00:00 2026\nFrom: pat@example.org\n"
        f"Message-ID: <{number}@example.org>\nSubject: number {number}\n\n{'text ' * number}\n\n"
        for number in range(1, 200)))
    return run([IMAPTEST, "host=127.0.0.1", f"port={dovecot.imap_port}", f"user={user}",
                f"pass={dovecot.password}", "mbox=mbox", *arguments], folder,
               LD_LIBRARY_PATH="/usr/lib/dovecot")


def imaptest_scripts(dovecot, folder):
    """Each script by itself, for it names only those that fail."""
    results = {}
    scripts = pathlib.Path(IMAPTEST or "").parent / "tests"
    for script in sorted(path for path in scripts.glob("*")
                         if path.is_file() and path.suffix != ".mbox"):
        output, complaints = imaptest(dovecot, folder, "scripted", f"test={script}")
        ran = re.search(r"^1 test groups: (\d) failed, (\d) skipped", output)
        check(ran, f"{script}: {output}{complaints}")
        results[script.name] = {("0", "0"): "ok", ("0", "1"): "skipped"}.get(
            ran.groups(), complaints)
    return results


def imaptest_load(dovecot, folder):
    """The kinds of complaints, without numbers: which come how often is a matter of chance.
    Without checkpoint=, which does not wait for who appends before it selects."""
    output, complaints = imaptest(dovecot, folder, "loaded", "clients=20", "random", "msgs=50",
                                  "seed=1", f"secs={IMAPTEST_SECONDS}")
    kinds = {re.sub(r"\d+", "N", line) for line in (output + complaints).splitlines()
             if line.startswith("Error") or " Error:" in line}
    totals = re.search(r"^Totals:\n(.*)\n(.*)", output, re.MULTILINE)
    return {"ran": "ok" if totals else output[-500:] + complaints[-500:],
            **{kind: "complaint" for kind in kinds}}


@suite.test
def the_scripts_of_imaptest():
    compare("imaptest-scripts", imaptest_scripts)


@suite.test
def random_load_of_imaptest():
    compare("imaptest-load", imaptest_load)


# --- what they do not look at ----------------------------------------------------


@suite.test
def the_capabilities_are_those_of_stock_and_ours():
    def capabilities(mode, driver):
        client = server(mode, driver).imap("alice")
        before = client.capabilities
        after = client.capability()[1][0].decode().split()
        client.logout()
        return before, after

    for driver in DRIVERS:
        stock, fantail = (capabilities(mode, driver) for mode in MODES)
        equal(fantail[0], stock[0], "before login")
        equal([word for word in fantail[1] if word in OURS], OURS, "ours, after login")
        equal([word for word in fantail[1] if word not in OURS], stock[1], "others, after login")


@suite.test
def nothing_is_logged_that_stock_does_not_log():
    for driver in DRIVERS:
        equal(server(FANTAIL, driver).problems(), server(STOCK, driver).problems(), driver)


if __name__ == "__main__":
    if not plugin_is_built():
        print("1..0 # SKIP no Dovecot, or the modules were not built")
    else:
        with stopping:
            suite.run()
