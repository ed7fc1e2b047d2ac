"""A private fantail-hub on a socket in a scratch folder, and its peers.

    hub = Hub(folder).start()
    client = HubClient(hub.socket)
    client.watch("alice", rules=[{"kinds": "MessageNew", "owner": "alice"}])
    client.wake()["mailbox"]
"""

import array
import fcntl
import select
import signal
import socket
import termios

from bridge import line
from daemon import Daemon
from fake_bridge import fields_of
from scratch import wait_for

ALL_KINDS = ("MessageNew MessageExpunge FlagChange MailboxCreate MailboxDelete MailboxRename "
             "SubscriptionChange MailboxMetadataChange ServerMetadataChange ACL")


class Hub(Daemon):
    program = "fantail-hub"
    start_seconds = stop_seconds = 20

    def __init__(self, folder, mail_uids=(), **keys):
        """keys: of the section [hub]; underscores become dashes."""
        super().__init__(folder, "hub")
        self.mail_uids = list(mail_uids)
        self.keys = {"socket": self.socket, **keys}
        self.write_config()

    def write_config(self, *more):
        """more: lines of the section [bridge]."""
        lines = ["[bridge]", *more]
        if self.mail_uids:
            lines.append(f"mail-uids = {';'.join(map(str, self.mail_uids))}")
        lines.append("[hub]")
        lines += [f"{key.replace('_', '-')} = {value}" for key, value in self.keys.items()]
        self.config.write_text("\n".join(lines) + "\n")

    def problems(self):
        """Lines of the log that tell of trouble."""
        return [text for text in self.log_text().splitlines()
                if "warning: " in text or "error: " in text]

    def reload(self):
        """SIGHUP; returns when it has answered, with what it said."""
        before = len(self.log_text().splitlines())
        self.signal(signal.SIGHUP)
        return wait_for("fantail-hub to reload",
                        lambda: [text for text in self.log_text().splitlines()[before:]
                                 if "is in force" in text or "keeping the old" in text])[-1]


class HubClient:
    """A peer of the hub's socket."""

    def __init__(self, path, handshake=True, timeout=10):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(timeout)
        self.sock.connect(str(path))
        if handshake:
            self.send("VERSION\tfantail-hub\t1\t0\n")
            assert self.recv() == (["VERSION", "fantail-hub", "1", "0"], {})

    def send(self, text):
        self.sock.send(text if isinstance(text, bytes) else text.encode())

    def say(self, verb, **fields):
        self.send(line(verb, **fields))

    def recv(self):
        """One packet as (words, {key: value}); None at the end. A key that comes again
        keeps its last value, but for `entry`: those are listed under "entries"."""
        packet = self.sock.recv(65537)
        if not packet:
            return None
        assert packet.endswith(b"\n"), packet
        text = packet[:-1].decode()
        words, pairs = fields_of(text)
        entries = [fields_of(field)[1]["entry"] for field in text.split("\t")
                   if field.startswith("entry=")]
        if entries:
            pairs["entries"] = entries
        return words, pairs

    def wake(self):
        """The next packet, which has to be a WAKE; its fields."""
        words, pairs = self.recv()
        assert words == ["WAKE"], (words, pairs)
        return pairs

    def watch(self, user, session=None, rules=()):
        """Says what is watched, and returns when the hub has taken it in."""
        fields = {} if session is None else {"session": session}
        self.say("WATCH", user=user, **fields)
        for rule in rules:
            self.say("RULE", **rule)
        self.sync()

    def watch_all(self, user, session=None):
        self.watch(user, session, [{"kinds": ALL_KINDS, "owner": user}])

    def sync(self):
        """Returns when the hub has read what was said before."""
        wait_for("the hub to read", lambda: self.unread() == 0)

    def unread(self):
        """Bytes that we sent and the hub has not read (SIOCOUTQ)."""
        size = array.array("i", [0])
        fcntl.ioctl(self.sock, termios.TIOCOUTQ, size, True)
        return size[0]

    def nothing(self):
        """True if no packet is there now."""
        return not select.select([self.sock], [], [], 0)[0]

    def closed(self):
        """True if the hub closes it, after whatever it has sent."""
        try:
            while self.recv() is not None:
                pass
        except ConnectionResetError:
            pass
        except TimeoutError:
            return False
        return True

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
