"""A stand-in for the bridge's mail socket; standard library only.

    bridge = FakeBridge("/tmp/x/bridge.sock")
    bridge.want = "content"
    ...
    batch = bridge.wait_batches(1)[0]
    batch.events[0]["name"]

It reads the protocol strictly (docs/wire-protocols.md) and keeps what it did not
like in `complaints`, which a test expects to be empty. `mode` says how it behaves
from the next request on:

    ok        answers as the bridge does
    stall     reads and never answers
    stall-batch   answers WANT, never BATCH
    slow      answers after `delay` seconds
    no        answers NO with `code`
    garbage   answers with bytes that are no protocol
    close     closes the connection instead of an answer
    version   does not speak our version
"""

import os
import re
import socket
import struct
import threading
import time

ESCAPES = {"0": "\0", "1": "\001", "t": "\t", "r": "\r", "n": "\n"}


def unescape(text):
    return re.sub("\001(.)", lambda match: ESCAPES[match.group(1)], text, flags=re.DOTALL)


def escape(text):
    for letter, char in (("1", "\001"), ("0", "\0"), ("t", "\t"), ("r", "\r"), ("n", "\n")):
        text = text.replace(char, "\001" + letter)
    return text


def fields_of(line):
    """(["VERB", "1"], {"key": "value"}) of one line without its LF."""
    words, pairs = [], {}
    for field in line.split("\t"):
        key, equals, value = field.partition("=")
        if equals:
            pairs[unescape(key)] = unescape(value)
        else:
            words.append(unescape(field))
    return words, pairs


class Batch:
    def __init__(self, ident, user, events, uid=None):
        self.id, self.user, self.events, self.uid = ident, user, events, uid

    def names(self):
        return [event["name"] for event in self.events]

    def __repr__(self):
        return f"Batch({self.id}, {self.user}, {self.events})"


def parse_spool_file(path):
    """The Batch in a spool file; ValueError if it is not as documented."""
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    if lines[-2:] != ["END", ""]:
        raise ValueError(f"{path}: no END at the end: {lines[-2:]}")
    words, pairs = fields_of(lines[0])
    if words[0] != "BATCH" or os.path.basename(path) != pairs["batch"]:
        raise ValueError(f"{path}: starts with {lines[0]!r}")
    events = []
    for line in lines[1:-2]:
        words, event = fields_of(line)
        if words != ["EVENT"]:
            raise ValueError(f"{path}: {line!r} is not an event")
        events.append(event)
    if len(events) != int(pairs["count"]):
        raise ValueError(f"{path}: {len(events)} events, count={pairs['count']}")
    return Batch(pairs["batch"], pairs["user"], events, os.stat(path).st_uid)


class FakeSocket:
    """Listens at `path` and gives each connection a thread of its own, which runs
    _converse(connection), a subclass's. What that finds wrong is kept in `complaints`."""

    def __init__(self, path, backlog=128):
        self.path = path
        self.mode, self.delay, self.code = "ok", 0.0, "busy"
        self.complaints = []
        self.connections = 0
        self.closed_early = 0  # connections the other side gave up
        self._changed = threading.Condition()
        self._open = set()
        self._listener = socket.socket(socket.AF_UNIX)
        if os.path.exists(path):
            os.unlink(path)
        self._listener.bind(path)
        os.chmod(path, 0o666)
        self._listener.listen(backlog)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self):
        """Goes away as a stopped bridge does: the socket refuses connections."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._thread.join()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            self._converse(connection)
        except (ValueError, KeyError, IndexError) as error:
            self.complaints.append(repr(error))
        except OSError:
            self.closed_early += 1
        finally:
            self._open.discard(connection)
            connection.close()


class FakeBridge(FakeSocket):
    def __init__(self, path, backlog=128):
        self.want = "hint"
        self.filters = []
        self.batches, self.wants, self.wanted_mailboxes = [], [], []
        super().__init__(path, backlog)

    @property
    def filters(self):
        """(name, criteria, charset or None) of each, attached to all mailboxes."""
        return self._filters

    @filters.setter
    def filters(self, filters):
        self._filters = tuple(filters)
        self._items = "".join(  # ready, since a benchmark counts the time
            f"ITEM\t\0\tfilter={escape(name)}\tcriteria={escape(criteria)}"
            + (f"\tcharset={charset}" if charset else "") + "\n"
            for name, criteria, charset in filters)

    # --- what came -----------------------------------------------------------

    def wait_batches(self, count, user=None, seconds=30.0):
        """At least `count` batches (of one user) have come; returns all of them."""
        def matching():
            return [b for b in self.batches if user is None or b.user == user]

        with self._changed:
            if not self._changed.wait_for(lambda: len(matching()) >= count, seconds):
                raise AssertionError(f"{len(matching())} batches of {count} for {user}: "
                                     f"{matching()}")
            return matching()

    def of(self, user):
        """Batches of a user that are there now."""
        with self._changed:
            return [batch for batch in self.batches if batch.user == user]

    def events_of(self, user):
        return [event for batch in self.of(user) for event in batch.events]

    def forget(self):
        with self._changed:
            self.batches.clear()
            self.wants.clear()
            self.wanted_mailboxes.clear()

    # --- talking -------------------------------------------------------------

    def _converse(self, connection):
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        uid = struct.unpack("3i", credentials)[1]
        reader = connection.makefile("rb")

        def line():
            data = reader.readline()
            if data and not data.endswith(b"\n"):
                raise ValueError(f"unfinished line {data!r}")
            if len(data) > 65536:
                raise ValueError(f"a line of {len(data)} bytes")
            return data[:-1].decode("utf-8")

        def answer(text):
            connection.sendall((text + "\n").encode())

        greeting = line()
        if greeting == "":
            return
        if not greeting.startswith("VERSION\tfantail\t1\t"):
            raise ValueError(f"greeting {greeting!r}")
        if self.mode == "version":
            answer("NO\t0\tcode=version\ttext=this is version 2")
            return
        greeted = False
        while True:
            text = line()
            if text == "":
                return
            words, pairs = fields_of(text)
            verb, ident = words
            reply, items = f"OK\t{ident}", ""
            if verb == "WANT":
                with self._changed:
                    self.wants.append(pairs["user"])
                    self.wanted_mailboxes.append(pairs["mailbox"])
                    self._changed.notify_all()
                reply += f"\twant={self.want}"
                items = self._items.replace("\0", ident)
            elif verb == "BATCH":
                if not re.fullmatch("[0-9a-f]{32}", pairs["batch"]):
                    raise ValueError(f"batch id {pairs['batch']}")
                events = []
                size = len(text) + 1
                for _ in range(int(pairs["count"])):
                    raw = line()
                    size += len(raw.encode()) + 1
                    kind, event = fields_of(raw)
                    if kind != ["EVENT"] or event["user"] != pairs["user"]:
                        raise ValueError(f"in a batch of {pairs['user']}: {raw!r}")
                    events.append(event)
                if not 1 <= len(events) <= 1024 or size > 1024 * 1024:
                    raise ValueError(f"a batch of {len(events)} events, {size} bytes")
                with self._changed:
                    self.batches.append(Batch(pairs["batch"], pairs["user"], events, uid))
                    self._changed.notify_all()
                reply += "\tqueued=0"
            else:
                raise ValueError(f"verb {verb}")

            mode = self.mode
            if mode == "stall" or (mode == "stall-batch" and verb == "BATCH"):
                reader.read()  # until the other side gives up
                return
            if mode == "close":
                return
            if mode == "garbage":
                connection.sendall(b"\x16\x03\x01 HTTP/1.1 400 \xff\n\n\n")
                continue
            if mode == "slow":
                time.sleep(self.delay)
            if mode == "no":
                reply = f"NO\t{ident}\tcode={self.code}\ttext=not now"
            if not greeted:
                answer("VERSION\tfantail\t1\t0")
                greeted = True
            answer(items + reply)
