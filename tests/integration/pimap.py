"""A P-IMAP client for tests: raw IMAP on a socket, logged in as user#device@domain; standard
library only.

    with Phone(dovecot, "joe", "P42") as phone:
        phone.untagged                  # what came before the tagged OK of LOGIN
        phone.command("SELECT INBOX")   # all lines, the last one without its tag
        phone.drop()                    # the network is gone: no LOGOUT

Without a device it is a regular session. SHIPPED is what an operator copies, for Dovecot()'s
`extra`: as shipped for users with a domain, plain() for those without.
"""

import re

import dovecot
from raw_imap import RawImap
from scratch import TOP

DOVECOT_24 = dovecot.version() >= (2, 4)
_file = TOP / "data" / "dovecot" / f"95-fantail-pimap{'-2.4' if DOVECOT_24 else ''}.conf"
SHIPPED = _file.read_text()


def plain():
    """SHIPPED, but for users whose names have no domain."""
    return re.sub(r"(?m)^#(auth_username_format)", r"\1",
                  re.sub(r"(?m)^auth_username_format .*$", "", SHIPPED))


class Phone(RawImap):
    """One session."""

    TAG = "p"
    ERRORS = "surrogateescape"

    def __init__(self, server, user, device=None, domain=None, password="secret", login=True):
        super().__init__(server.imap_port, 60)
        self.name = user + (f"#{device}" if device else "") + (f"@{domain}" if domain else "")
        self.untagged, self.result = [], None
        if login:
            *self.untagged, self.result = self.command(f'LOGIN "{self.name}" {password}')

    def __exit__(self, *exception):
        self.drop()

    def drop(self):
        """The connection is gone, without LOGOUT."""
        self.socket.close()

    def ok(self, text):
        """The untagged lines of a command that has to succeed."""
        *lines, result = self.command(text)
        if not result.startswith("OK "):
            raise AssertionError(f"{text}: {result}")
        return lines


class Folder:
    """A device's copy of a folder: [UID, flags] of each message, by what it is told."""

    def __init__(self):
        self.messages = []
        self.exists = None

    def apply(self, lines):
        """Of a SELECT. Returns whether the device has to compare."""
        resync = False
        for line in lines:
            words = line.split(" ")
            if words[-1] == "EXPUNGE":
                del self.messages[int(words[1]) - 1]
            elif words[-1] == "EXISTS":
                self.exists = int(words[1])
                if self.exists < len(self.messages):
                    raise AssertionError(f"{line}, after {self.messages}")
                self.messages += [None] * (self.exists - len(self.messages))
            elif words[2:3] == ["FETCH"]:
                match = re.search(r"UID (\d+).*FLAGS \(([^)]*)\)", line)
                flags = frozenset(match[2].split()) - {"\\Recent"}
                self.messages[int(words[1]) - 1] = [int(match[1]), flags]
            resync = resync or line == "* RESYNC"
        return resync


def whole(lines):
    """What UID FETCH 1:* FLAGS said."""
    lines = [line for line in lines if " FETCH (" in line]
    folder = Folder()
    folder.messages = [None] * len(lines)
    folder.apply(lines)
    return folder.messages


def compare(session):
    """The whole state of the selected folder."""
    return whole(session.ok("UID FETCH 1:* FLAGS"))


def learn(session, mailbox):
    """Selects it for the first time, and comes to know all of it."""
    folder = Folder()
    session.ok(f"SELECT {mailbox}")
    folder.messages = compare(session)
    session.ok("NOOP")
    return folder
