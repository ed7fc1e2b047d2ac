"""Raw IMAP on a socket, for tests that look at each line; standard library only.

Lines are str without CRLF; a literal is part of its line.
"""

import re
import socket


class RawImap:
    TAG = "t"
    ERRORS = "strict"  # of decoding lines

    def __init__(self, port, timeout):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.buffer = b""
        self.tag = 0
        self.greeting = self.line()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()

    def send(self, text):
        self.socket.sendall(text if isinstance(text, bytes) else text.encode())

    def receive(self):
        data = self.socket.recv(65536)
        if data == b"":
            raise EOFError("the connection was closed")
        return data

    def fill(self):
        self.buffer += self.receive()

    def read(self, size):
        while len(self.buffer) < size:
            self.fill()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def line(self):
        text = b""
        while True:
            while b"\r\n" not in self.buffer:
                self.fill()
            part, self.buffer = self.buffer.split(b"\r\n", 1)
            text += part
            literal = re.search(rb"\{(\d+)\}$", part)
            if literal is None:
                return text.decode(errors=self.ERRORS)
            text += b"\r\n" + self.read(int(literal[1]))

    def start(self, text):
        """Sends a command and returns its tag."""
        self.tag += 1
        tag = f"{self.TAG}{self.tag}"
        self.send(f"{tag} {text}\r\n")
        return tag

    def finish(self, tag):
        """All lines up to the tagged one, which comes without its tag and times."""
        lines = []
        while True:
            line = self.line()
            if line.startswith(tag + " "):
                line = re.sub(r" \(\d[0-9.]* \+ [0-9. +]*secs\)\.$", ".", line[len(tag) + 1:])
                return lines + [line]
            lines.append(line)

    def command(self, text):
        return self.finish(self.start(text))
