"""IMAP sessions that only listen, and LMTP deliveries, on one loop without threads: the
clients must cost little beside what they measure, and a line is stamped when it comes."""

import re
import selectors
import socket
import time

STATUS = re.compile(rb"\* STATUS (\S+) \(([^()]*)\)")
EXISTS = re.compile(rb"\* (\d+) EXISTS")


class Loop:
    def __init__(self):
        self.selector = selectors.DefaultSelector()

    def add(self, sock, reader):
        self.selector.register(sock, selectors.EVENT_READ, reader)

    def remove(self, sock):
        self.selector.unregister(sock)

    def turn(self, seconds):
        for key, _ in self.selector.select(max(seconds, 0)):
            key.data(time.perf_counter())

    def run(self, seconds):
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.turn(left)

    def until(self, condition, seconds=60):
        """Whether it came true in time."""
        end = time.perf_counter() + seconds
        while not condition():
            left = end - time.perf_counter()
            if left <= 0:
                return False
            self.turn(left)
        return True


class Lines:
    """A connection that is read line by line, each with the time of its arrival."""

    def __init__(self, loop, port):
        self.loop = loop
        self.sock = socket.create_connection(("127.0.0.1", port), 30)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.closed = False
        loop.add(self.sock, self._readable)

    def _readable(self, now):
        data = self.sock.recv(1 << 16)
        if data == b"":
            self.close()
            return
        *lines, self.buffer = (self.buffer + data).split(b"\r\n")
        for line in lines:
            self.line(line, now)

    def line(self, line, now):
        raise NotImplementedError

    def close(self):
        if not self.closed:
            self.loop.remove(self.sock)
            self.sock.close()
        self.closed = True


class Session(Lines):
    """`login` is that command's tag. `told`: {mailbox: [(messages, uidnext, when)]}, in the
    order of arrival; EXISTS is of the mailbox None and has no UIDNEXT."""

    def __init__(self, loop, port, user, password="secret"):
        self.user = user
        self.told = {}
        self.answers = {}
        self.tags = 0
        self.continued = False
        super().__init__(loop, port)
        self.login = self.start(f"LOGIN {user} {password}")

    def line(self, line, now):
        if line.startswith(b"* STATUS "):
            name, items = STATUS.match(line).groups()
            words = items.split()
            items = dict(zip(words[::2], map(int, words[1::2])))
            if b"MESSAGES" in items:
                self.told.setdefault(name.decode(), []).append(
                    (items[b"MESSAGES"], items.get(b"UIDNEXT"), now))
        elif match := EXISTS.match(line):
            self.told.setdefault(None, []).append((int(match[1]), None, now))
        elif line.startswith(b"+"):
            self.continued = True
        elif not line.startswith(b"*"):
            tag, status, _ = line.split(b" ", 2)
            self.answers[tag] = (status, line)

    def start(self, *commands):
        """Sends them at once; returns the tag of the last."""
        lines = b""
        for command in commands:
            self.tags += 1
            lines += b"%d %s\r\n" % (self.tags, command.encode())
        self.sock.sendall(lines)
        return b"%d" % self.tags

    def done(self, tag):
        """Whether that command is answered. RuntimeError: not with OK, or never."""
        if not (self.closed or tag in self.answers):
            return False
        if self.answers.get(tag, (None,))[0] != b"OK":
            raise RuntimeError(f"{self.user}: {self.answers.get(tag, 'closed')}")
        return True

    def finish(self, tag):
        self.loop.until(lambda: self.done(tag))
        if not self.done(tag):
            raise RuntimeError(f"{self.user}: no answer")
        self.answers.clear()

    def ok(self, *commands):
        self.finish(self.start(*commands))

    def idle(self):
        self.start("IDLE")
        self.loop.until(lambda: self.continued)

    def when(self, mailbox, messages):
        """When it was first told of as many; None: never."""
        return next((when for count, _, when in self.told.get(mailbox, ()) if count >= messages),
                    None)


class Lmtp(Lines):
    def __init__(self, loop, port):
        self.codes = []
        self.answered = 0.0
        super().__init__(loop, port)
        self._expect(220)
        self.sock.sendall(b"LHLO bench.example.org\r\n")
        self._expect(250)

    def line(self, line, now):
        if line[3:4] != b"-":
            self.codes.append((int(line[:3]), line))
            self.answered = now

    def _expect(self, *codes):
        self.loop.until(lambda: len(self.codes) >= len(codes) or self.closed)
        got, self.codes = self.codes, []
        if [code for code, _ in got] != list(codes):
            raise RuntimeError(f"LMTP: {got}")

    def deliver(self, recipient, message):
        """Returns when the last answer came. `message` ends with CRLF."""
        self.sock.sendall(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<%s>\r\nDATA\r\n"
                          % recipient.encode())
        self._expect(250, 250, 354)
        self.sock.sendall(message + b".\r\n")
        self._expect(250)
        return self.answered
