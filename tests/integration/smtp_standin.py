"""An SMTP server that does what a row wants; standard library only.

    server = SmtpStandIn()
    server.replies["RCPT"] = b"450 4.2.0 later\\r\\n"      # a reply in place of the usual one
    server.replies["TEXT"] = CLOSE                        # to the message itself
    server.sessions[-1].lines, server.sessions[-1].messages

A reply is bytes, CLOSE, STALL, or a function of the session that returns one of these.
"""

import base64
import socket
import threading

CLOSE = object()
STALL = object()  # nothing is said, and nothing read, until reset()

TAKEN, SAID = object(), object()

CAPABILITIES = ("PIPELINING", "SIZE 1000000000", "8BITMIME", "ENHANCEDSTATUSCODES", "AUTH PLAIN",
                "STARTTLS", "XCLIENT LOGIN ADDR", "CHUNKING", "BINARYMIME", "DSN", "HELP")
GOOD = {
    "MAIL": b"250 2.1.0 sender is fine\r\n",
    "RCPT": b"250 2.1.5 recipient is fine\r\n",
    "DATA": b"354 go on\r\n",
    "TEXT": b"250 2.0.0 taken\r\n",
    "RSET": b"250 2.0.0 forgotten\r\n",
    "NOOP": b"250 2.0.0 nothing done\r\n",
    "HELP": b"214-2.0.0 help\r\n214 2.0.0 yourself\r\n",
    "AUTH": b"235 2.7.0 welcome\r\n",
    "XCLIENT": b"220 standin ESMTP\r\n",
    "STARTTLS": b"454 4.7.0 no\r\n",
    "GREETING": b"220 standin ESMTP\r\n",
}


class Session:
    def __init__(self, connection):
        self.connection = connection
        self.lines = []     # commands, as str
        self.messages = []  # bytes, with dots as they were on the wire; complete ones only
        self.received = 0   # octets of a message that may not be complete
        self.ended = threading.Event()

    @property
    def verbs(self):
        return [line.split(" ")[0].upper() for line in self.lines]

    def login(self):
        """(authorisation id, user, password) of AUTH PLAIN."""
        line = next(line for line in self.lines if line.startswith("AUTH PLAIN "))
        return tuple(base64.b64decode(line[11:]).decode().split("\0"))


class SmtpStandIn:
    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.go_on = threading.Event()
        self.reset()
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self):
        self.go_on.set()  # those that stall
        self.go_on = threading.Event()
        self.replies = {}
        self.capabilities = CAPABILITIES
        self.read_limit = None  # octets of a message after which the connection is closed
        self.early = None       # (octets of a message after which it is said, the reply)
        self.sessions = []

    def _accept(self):
        while True:
            connection, _ = self.listener.accept()
            session = Session(connection)
            self.sessions.append(session)
            threading.Thread(target=self._serve, args=(session, self.go_on), daemon=True).start()

    def _reply(self, session, verb, go_on):
        reply = self.replies.get(verb)
        if callable(reply):
            reply = reply(session)
        if reply is None and verb in ("EHLO", "HELO"):
            lines = ("standin",) + tuple(self.capabilities)
            reply = b"".join(b"250%c%s\r\n" % (b" -"[line is not lines[-1]], line.encode())
                             for line in lines)
        if reply is None:
            reply = GOOD.get(verb, b"502 5.5.1 what?\r\n")
        if reply is STALL:
            go_on.wait(120)
            return False
        if reply is CLOSE:
            return False
        session.connection.sendall(reply)
        return reply[:3] < b"400"

    def _message(self, session, reader):
        """TAKEN, SAID if it was answered before it was complete, or None: it was not."""
        message = b""
        early = TAKEN
        while True:
            line = reader.readline(65536)
            if line == b"":
                return None
            if line == b".\r\n":
                session.messages.append(message)
                return early
            session.received += len(line)
            if len(message) < 1 << 22:
                message += line
            if self.early is not None and len(message) > self.early[0] and early is TAKEN:
                session.connection.sendall(self.early[1])
                early = SAID
            if self.read_limit is not None and session.received > self.read_limit:
                return None

    def _serve(self, session, go_on):
        try:
            with session.connection, session.connection.makefile("rb") as reader:
                if self._closes("GREETING", session, go_on):
                    return
                for line in iter(reader.readline, b""):
                    session.lines.append(line.decode(errors="replace").rstrip("\r\n"))
                    verb = session.verbs[-1]
                    if self._closes(verb, session, go_on):
                        return
                    if verb == "QUIT":
                        return
                    if verb == "DATA" and self.accepted:
                        how = self._message(session, reader)
                        if how is None:
                            return
                        if how is TAKEN and self._closes("TEXT", session, go_on):
                            return
        except OSError:
            pass  # the other side is gone
        finally:
            session.ended.set()

    def _closes(self, verb, session, go_on):
        reply = self.replies.get(verb)
        self.accepted = self._reply(session, verb, go_on)
        return not self.accepted and (reply is CLOSE or reply is STALL)
