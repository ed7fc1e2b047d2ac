"""One raw IMAP session that reads what comes when no command runs; standard library only.

    session = NotifySession(dovecot.imap_port, "alice")
    session.select("INBOX")
    session.notify("(selected (MessageNew MessageExpunge))")
    session.expect(r"^\\* 1 EXISTS")       # waits; what else came stays in `pending`
    lines = session.until(r"^\\* STATUS B ")  # all lines up to this one, for "and not ..."

A line is str without CRLF, a literal is part of its line. Untagged lines that nobody has
asked for yet wait in `pending`, whether they came within a command or not.

`receive_buffer`: bytes of the socket's buffer; a small one makes a reader that is slow
as soon as it does not read.
"""

import re
import select
import socket
import time

SMALL_BUFFER = 2048
# Comes with the clock and says nothing: it is counted, and no row finds it among its lines.
KEEP_ALIVE = "* OK Still here"


class Closed(AssertionError):
    """The server has closed the connection."""


class Answer:
    """of a command: `status` is OK, NO or BAD, `text` what follows it, `lines` the
    untagged lines that came before it."""

    def __init__(self, status, text, lines):
        self.status, self.text, self.lines = status, text, lines

    def __repr__(self):
        return f"{self.status} {self.text} after {self.lines}"


class ListLine:
    def __init__(self, line):
        match = re.fullmatch(r'\* LIST \(([^)]*)\) (?:"(?:[^"\\]|\\.)*"|NIL) (.*)', line, re.DOTALL)
        if match is None:
            raise AssertionError(f"not a LIST response: {line!r}")
        self.line = line
        self.flags = {flag.lower() for flag in match[1].split()}
        self.name, rest = astring(match[2])
        self.oldname = None
        if rest:
            # RFC 5465 section 5.4; the tag may be quoted
            extended = re.fullmatch(r' \("?OLDNAME"? \((.*)\)\)', rest, re.DOTALL | re.IGNORECASE)
            if extended is None:
                raise AssertionError(f"not an extended LIST response: {line!r}")
            self.oldname = astring(extended[1])[0]

    def __repr__(self):
        return self.line


class StatusLine:
    def __init__(self, line):
        match = re.fullmatch(r"\* STATUS (.*) \(([^()]*)\)", line, re.DOTALL)
        if match is None:
            raise AssertionError(f"not a STATUS response: {line!r}")
        self.line = line
        self.name = astring(match[1])[0]
        words = match[2].split()
        self.items = {key.upper(): int(value) for key, value in zip(words[::2], words[1::2])}

    def __repr__(self):
        return self.line


def astring(text):
    """The first astring of `text`, and what follows it."""
    if text.startswith('"'):
        match = re.match(r'"((?:[^"\\]|\\.)*)"', text, re.DOTALL)
        return re.sub(r"\\(.)", r"\1", match[1]), text[match.end():]
    literal = re.match(r"\{(\d+)\}\r\n", text)
    if literal is not None:
        end = literal.end() + int(literal[1])
        return text[literal.end():end], text[end:]
    match = re.match(r'[^ ()"{]+', text)
    if match is None:
        raise AssertionError(f"not an astring: {text!r}")
    return match[0], text[match.end():]


def lists(lines):
    return [ListLine(line) for line in lines if line.startswith("* LIST ")]


def statuses(lines):
    return [StatusLine(line) for line in lines if line.startswith("* STATUS ")]


class NotifySession:
    wait = 15.0  # seconds; below the 30 after which a session looks by itself

    def __init__(self, port, user, password="secret", receive_buffer=None):
        self.user = user
        self.socket = socket.socket()
        if receive_buffer is not None:
            # Before connect(), or it does not limit the window.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(60)
        self.socket.connect(("127.0.0.1", port))
        self.buffer = b""
        self.line = b""
        self.literal = 0
        self.tag = 0
        self.pending = []
        self.answers = {}
        self.continuations = 0
        self.kept_alive = 0
        self.expect(r"^\* (OK|PREAUTH) ")
        self.ok(f"LOGIN {user} {password}")
        self.pending.clear()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        self.socket.close()

    # --- reading -------------------------------------------------------------

    def _take_lines(self):
        while True:
            if self.literal:
                part = self.buffer[:self.literal]
                self.buffer = self.buffer[len(part):]
                self.line += part
                self.literal -= len(part)
                if self.literal:
                    return
            end = self.buffer.find(b"\r\n")
            if end < 0:
                return
            part, self.buffer = self.buffer[:end], self.buffer[end + 2:]
            self.line += part
            literal = re.search(rb"~?\{(\d+)\}$", part)
            if literal is not None:
                self.literal = int(literal[1])
                self.line += b"\r\n"
                if self.literal:
                    continue
                continue
            line, self.line = self.line.decode("utf-8", "surrogateescape"), b""
            self._take_line(line)

    def _take_line(self, line):
        first, _, rest = line.partition(" ")
        if line == KEEP_ALIVE:
            self.kept_alive += 1
        elif first == "*":
            self.pending.append(line)
        elif first == "+":
            self.continuations += 1
        else:
            if not re.fullmatch(r"t\d+", first):
                raise AssertionError(f"a line that is none: {line[:200]!r}")
            status, _, text = rest.partition(" ")
            self.answers[first] = Answer(status, text, list(self.pending))

    def pump(self, seconds):
        """Reads what there is, or comes within the time. False: nothing came."""
        if not select.select([self.socket], [], [], max(seconds, 0))[0]:
            return False
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        if data == b"":
            raise Closed(f"{self.user}: the connection was closed; before that {self.pending[-3:]}")
        self.buffer += data
        self._take_lines()
        return True

    def _until(self, condition, what, seconds):
        end = time.monotonic() + (self.wait if seconds is None else seconds)
        while True:
            result = condition()
            if result is not None:
                return result
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError(f"{self.user}: no {what}; but {self.pending[-12:]}")
            self.pump(left)

    def _index(self, pattern):
        return next((i for i, line in enumerate(self.pending)
                     if re.search(pattern, line, re.IGNORECASE)), None)

    def expect(self, pattern, seconds=None):
        """The first untagged line that matches; those around it stay."""
        return self.pending.pop(self._until(lambda: self._index(pattern), pattern, seconds))

    def until(self, pattern, seconds=None):
        """All untagged lines up to the first that matches, that included."""
        index = self._until(lambda: self._index(pattern), pattern, seconds)
        lines, self.pending = self.pending[:index + 1], self.pending[index + 1:]
        return lines

    def expect_list(self, name, oldname=None, seconds=None):
        """The first LIST response about `name` (as it is on the wire)."""
        def found():
            for index, line in enumerate(self.pending):
                if line.startswith("* LIST "):
                    parsed = ListLine(line)
                    if parsed.name == name and parsed.oldname == oldname:
                        del self.pending[index]
                        return parsed
            return None
        return self._until(found, f"LIST of {name}", seconds)

    def expect_status(self, name, seconds=None, **items):
        """A STATUS response about `name` that says these items; those before it that
        say less or something else about the name are dropped."""
        def found():
            for index, line in enumerate(self.pending):
                if line.startswith("* STATUS "):
                    parsed = StatusLine(line)
                    if parsed.name == name and items.items() <= parsed.items.items():
                        self.pending = [other for other in self.pending[:index] if not
                                        (other.startswith("* STATUS ")
                                         and StatusLine(other).name == name)
                                        ] + self.pending[index + 1:]
                        return parsed
            return None
        return self._until(found, f"STATUS of {name} with {items}", seconds)

    def expect_keep_alive(self, seconds=None):
        """The next one."""
        before = self.kept_alive
        self._until(lambda: True if self.kept_alive > before else None, KEEP_ALIVE, seconds)

    def quiet(self, seconds):
        """Nothing comes. Only where no fence is possible."""
        end = time.monotonic() + seconds
        while end > time.monotonic():
            self.pump(end - time.monotonic())
        if self.pending:
            raise AssertionError(f"{self.user}: not quiet: {self.pending}")

    def take(self):
        """What waits in `pending`, which is empty then."""
        while self.pump(0):
            pass
        lines, self.pending = self.pending, []
        return lines

    # --- commands ------------------------------------------------------------

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def start(self, text):
        """Sends a command and returns its tag. Literals in it are non-synchronising."""
        self.tag += 1
        tag = f"t{self.tag}"
        self.send(tag.encode() + b" " + (text if isinstance(text, bytes) else text.encode())
                  + b"\r\n")
        return tag

    def finish(self, tag, seconds=60):
        answer = self._until(lambda: self.answers.pop(tag, None), f"answer to {tag}", seconds)
        # What is in it has been asked for; what came after stays. Several answers may have
        # come at once, each with the lines before it.
        asked = {id(line) for line in answer.lines}
        self.pending = [line for line in self.pending if id(line) not in asked]
        return answer

    def command(self, text, seconds=60):
        """What came before the command is part of its answer's lines, too."""
        return self.finish(self.start(text), seconds)

    def ok(self, text, seconds=60):
        answer = self.command(text, seconds)
        if answer.status != "OK":
            raise AssertionError(f"{self.user}: {str(text)[:100]}: {answer}")
        return answer

    def select(self, mailbox):
        return self.ok(f'SELECT "{mailbox}"')

    def notify(self, groups, status=False):
        return self.ok(f"NOTIFY SET {'STATUS ' if status else ''}{groups}")

    def append(self, mailbox, message, flags=""):
        return self.ok(b'APPEND "%s" %s{%d+}\r\n%s'
                       % (mailbox.encode(), (flags + " ").encode() if flags else b"",
                          len(message), message))

    def idle(self):
        before = self.continuations
        tag = self.start("IDLE")
        self._until(lambda: True if self.continuations > before else None, "+ to IDLE", None)
        return tag

    def done(self, tag):
        self.send("DONE\r\n")
        answer = self.finish(tag)
        if answer.status != "OK":
            raise AssertionError(f"{self.user}: IDLE: {answer}")
        return answer
