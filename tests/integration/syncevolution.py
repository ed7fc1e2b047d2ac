"""SyncEvolution 2.0.0 of Debian as a SyncML client, and its own HTTP server.

    client = Client(folder, "http://127.0.0.1:1234/sync", "alice", "secret")
    client.write("addressbook", "1", card(1))
    report = client.sync("slow")
    equal(report.status, 200, report.text)

Each has a home of its own and a clean environment; items are files of a folder, one each.
Nothing of a desktop is touched. What Debian's packages need to run at all: a preloaded shim
(tests/support/curl-callbacks.c), stores that are set up before the peer (templates would look
for Evolution's), and an interpreter for the server.
"""

import os
import pathlib
import quopri
import re
import shutil
import signal
import socket
import subprocess
import time

from scratch import MODULES, wait_for

# Of the build without sanitizers: it is loaded into a program that has none.
SHIM = MODULES / "tests" / "libcurl-callbacks.so"
TIMEOUT = 1800

# Datastore -> back end of its context, format, its name at the server.
STORES = {
    "addressbook": ("addressbook", "text/vcard", "card"),
    "calendar": ("calendar", "text/calendar", "cal"),
    "todo": ("todo", "text/calendar", "task"),
    "memo": ("memo", "text/plain", "note"),
}


def available():
    return all(map(shutil.which, ("syncevolution", "syncevo-http-server", "dbus-run-session")))


def environment(home, **more):
    return {
        "HOME": str(home), "LANG": "C.UTF-8", "PATH": os.environ["PATH"],
        "XDG_CONFIG_HOME": str(home / "config"), "XDG_DATA_HOME": str(home / "data"),
        "XDG_CACHE_HOME": str(home / "cache"), **more,
    }


class Report:
    """What one sync did: status 200 = well; mode as "two-way", "slow" of a store; counts."""

    def __init__(self, text, output):
        self.text = output
        self.values = dict(re.findall(r"^([\w-]+) = (.*)$", text, re.MULTILINE))
        self.status = int(self.values.get("status", 0))

    def mode(self, store):
        return self.values.get(f"source-{store}-mode")

    def count(self, side, *kinds):
        """How many items were written at that side, "local" or "remote"; kinds of "added",
        "updated", "removed", all if none is given."""
        wanted = "|".join(kinds or ("added", "updated", "removed"))
        return sum(int(value) for key, value in self.values.items()
                   if re.fullmatch(rf"source-\w+-stat-{side}-({wanted})-total", key))

    def moved(self):
        return self.count("local") + self.count("remote")


class Home:
    """Folders of items below a home, and the syncevolution that knows them."""

    def __init__(self, folder, stores):
        self.folder = pathlib.Path(folder)
        self.stores = stores
        for store in stores:
            self.items(store).mkdir(parents=True)

    def items(self, store):
        return self.folder / "items" / store

    def configure(self, *arguments):
        subprocess.run(["syncevolution", "--daemon=no", "--configure", *arguments],
                       env=environment(self.folder), check=True, capture_output=True, text=True,
                       timeout=TIMEOUT)

    def configure_stores(self, context):
        for store in self.stores:
            backend, content, _ = STORES[store]
            self.configure("keyring=no", "backend=file", f"databaseFormat={content}",
                           f"database=file://{self.items(store)}", f"@{context}", backend)


class Client(Home):
    def __init__(self, folder, url, user, password, device, stores=("addressbook",), uris=None,
                 **settings):
        """settings: of SyncEvolution, as enableWBXML=0; uris: names that the server knows
        the stores by."""
        super().__init__(folder, stores)
        self.configure_stores("default")
        known = {"preventSlowSync": 0, "loglevel": 1, "dumpData": 0, "printChanges": 0, **settings}
        self.configure("--template", "SyncEvolution", f"username={user}", f"password={password}",
                       f"deviceId={device}", f"syncURL={url}",
                       *(f"{key}={value}" for key, value in known.items()), "srv", *stores)
        for store in stores:
            self.configure(f"uri={(uris or {}).get(store, STORES[store][2])}", "srv", store)

    # --- what its user does -----------------------------------------------------------

    def write(self, store, name, text):
        path = self.items(store) / name
        # The back end tells a change by the second.
        before = path.stat().st_mtime if path.exists() else None
        path.write_bytes(text.encode())
        if before is not None:
            later = max(int(before), int(time.time())) + 1
            os.utime(path, (later, later))

    def delete(self, store, name):
        (self.items(store) / name).unlink()

    def texts(self, store):
        return {path.name: path.read_text() for path in self.items(store).iterdir()}

    # --- syncs --------------------------------------------------------------------------

    def start(self, mode=None, stores=()):
        arguments = ["--sync", mode] if mode else []
        self.log = self.folder / "output"
        with open(self.log, "wb") as log:
            return subprocess.Popen(
                ["syncevolution", "--daemon=no", "--run", *arguments, "srv", *stores],
                env=environment(self.folder, LD_PRELOAD=str(SHIM)), stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True)

    def sessions(self):
        return set((self.folder / "cache" / "syncevolution").glob("srv-*/status.ini"))

    def finish(self, process, before):
        process.wait(TIMEOUT)
        after = self.sessions() - before
        text = max(after, key=os.path.getmtime).read_text() if after else ""
        # Logs of many syncs would fill its home, and it looks through them.
        shutil.rmtree(self.folder / "cache" / "syncevolution", ignore_errors=True)
        return Report(text, self.log.read_text(errors="replace"))

    def sync(self, mode=None, stores=()):
        before = self.sessions()
        return self.finish(self.start(mode, stores), before)


class Server(Home):
    """Its HTTP server, with one peer; its processes end with stop()."""

    def __init__(self, folder, user, password, device, port, stores=("addressbook",)):
        super().__init__(folder, stores)
        self.port = port
        self.url = f"http://127.0.0.1:{port}/syncevolution"
        self.process = None
        self.configure_stores("server")
        self.configure("--template", "SyncEvolution Client", f"username={user}",
                       f"password={password}", f"remoteDeviceId={device}", "loglevel=1",
                       "dumpData=0", "printChanges=0", "peer1@server", *stores)

    def start(self):
        with open(self.folder / "output", "wb") as log:
            self.process = subprocess.Popen(
                # The interpreter that Debian's modules belong to.
                ["dbus-run-session", "--", "/usr/bin/python3", shutil.which("syncevo-http-server"),
                 "--quiet", self.url],
                env=environment(self.folder), stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True)

        def listens():
            assert self.process.poll() is None, (self.folder / "output").read_text()
            with socket.socket() as sock:
                return sock.connect_ex(("127.0.0.1", self.port)) == 0

        wait_for("SyncEvolution's server", listens, 60)
        return self

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(60)

    __enter__ = start

    def __exit__(self, *unused):
        self.stop()


# --- contents -------------------------------------------------------------------------------


def card(number, phone="0"):
    """A contact of everyday size."""
    return "\r\n".join((
        "BEGIN:VCARD", "VERSION:3.0", f"N:Family{number};Given{number};;;",
        f"FN:Given{number} Family{number}", f"EMAIL;TYPE=INTERNET:given{number}@example.org",
        f"TEL;TYPE=CELL:+4930{number:06d}{phone}", f"ORG:Company {number % 100}",
        f"ADR;TYPE=HOME:;;{number} High Street;Town;;{number:05d};Germany",
        f"NOTE:Zoë said\\, \"number {number}\"", "END:VCARD", ""))


def note(number, word=""):
    return f"Note {number}\n{word} said on day {number}.\n"


def event(number, place="Home"):
    return "\r\n".join((
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", "BEGIN:VEVENT",
        f"UID:event-{number}@example.org", f"SUMMARY:Event {number}", f"LOCATION:{place}",
        f"DESCRIPTION:What happens on day {number}",
        f"DTSTART:202701{number % 28 + 1:02d}T{number % 24:02d}0000Z",
        f"DTEND:202701{number % 28 + 1:02d}T{number % 24:02d}3000Z",
        "DTSTAMP:20260101T000000Z", "END:VEVENT", "END:VCALENDAR", ""))


def task(number, word="Nothing"):
    return "\r\n".join((
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", "BEGIN:VTODO",
        f"UID:task-{number}@example.org", f"SUMMARY:Task {number}", f"DESCRIPTION:{word} is done",
        f"DUE:202702{number % 28 + 1:02d}T120000Z", "DTSTAMP:20260101T000000Z", "END:VTODO",
        "END:VCALENDAR", ""))


# What a program may choose for itself: who wrote it, when, and by which name.
OWN_LINES = re.compile(r"(VERSION|PRODID|REV|UID|DTSTAMP|LAST-MODIFIED|CREATED|CLASS|X-[\w-]+)\b")
# How it is written, or a type that means nothing.
OWN_WORDS = {"CHARSET=UTF-8", "ENCODING=QUOTED-PRINTABLE", "INTERNET", "VOICE"}


def _normal_line(line):
    """None if it says nothing. Types come in any order, together or apart."""
    name, _, value = line.partition(":")
    name, *parameters = name.upper().split(";")
    if "ENCODING=QUOTED-PRINTABLE" in parameters:
        value = quopri.decodestring(value.encode()).decode()
    value = re.sub(r"\\(.)", r"\1", value).rstrip(";")
    if OWN_LINES.match(name) or not value:
        return None
    words = {word.removeprefix("TYPE=") for parameter in parameters
             for word in parameter.split(",")}
    return ";".join([name, *sorted(words - OWN_WORDS)]) + ":" + value


def normal(text):
    """Lines in an order, without what programs choose. A note has no lines that mean
    something: all but white space at its end."""
    text = text.replace("\r\n", "\n")
    if not text.startswith("BEGIN:"):
        return text.strip()
    text = re.sub(r"=\n|\n[ \t]", "", text)
    return "\n".join(sorted(filter(None, map(_normal_line, text.strip().split("\n")))))


def normal_all(texts):
    return sorted(map(normal, texts.values()))
