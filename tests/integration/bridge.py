"""A private fantail-bridge on sockets in a scratch folder, and its peers.

    bridge = Bridge(folder, webpush={"contact": "mailto:ops@example.org"})
    bridge.start()
    bridge.ctl("status", "--json")
"""

import json
import socket
import subprocess
import urllib.parse

from daemon import Daemon
from fake_bridge import escape, unescape
from scratch import BUILD


class Bridge(Daemon):
    program = "fantail-bridge"

    def __init__(self, folder, mail_uids=(), **sections):
        """sections: name of a config section -> dict of its keys; underscores in
        keys become dashes. A webhook is sections["webhook NAME"]."""
        super().__init__(folder, "bridge")
        self.state = self.folder / "state"
        self.spool = self.folder / "spool"
        self.control = self.folder / "control.sock"
        self.metrics = self.folder / "metrics.sock"
        self.state.mkdir(parents=True, exist_ok=True)
        self.spool.mkdir(exist_ok=True)
        # As data/tmpfiles.d makes it: anybody may leave a file, nobody else may take it.
        self.spool.chmod(0o3733)
        self.sections = {
            "bridge": {
                "state-dir": self.state,
                "socket": self.socket,
                "control-socket": self.control,
                "spool-dir": self.spool,
                "metrics": f"unix:{self.metrics}",
                "mail-uids": ";".join(map(str, mail_uids)),
                "log-level": "info",
            }
        }
        if not mail_uids:
            del self.sections["bridge"]["mail-uids"]
        for name, keys in sections.items():
            section = self.sections.setdefault(name, {})
            section.update({key.replace("_", "-"): value for key, value in keys.items()})
        self.write_config()

    def write_config(self):
        lines = []
        for name, keys in self.sections.items():
            lines.append(f"[{name}]")
            lines += [f"{key}={value}" for key, value in keys.items()]
            lines.append("")
        self.config.write_text("\n".join(lines))

    def spooled(self):
        """Names of the batches that wait in the spool."""
        return [name.name for name in self.spool.iterdir() if len(name.name) == 32]

    def ctl(self, *args, check=True):
        """Runs fantailctl; returns its CompletedProcess."""
        return subprocess.run(
            [BUILD / "notify-bridge" / "fantailctl", "--socket", self.control, *args],
            capture_output=True, text=True, check=check, timeout=60,
        )

    def ctl_json(self, *args):
        return json.loads(self.ctl(*args, "--json").stdout)

    def scrape(self):
        """The metrics as {name{labels}: value}."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(30)
            sock.connect(str(self.metrics))
            sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            data = b""
            while chunk := sock.recv(65536):
                data += chunk
        text = data.split(b"\r\n\r\n", 1)[1].decode()
        samples = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                samples[name] = float(value)
        return samples


# --- the line protocol, spoken by tests directly ------------------------------

def line(*words, **fields):
    """One line; a list value repeats its key, underscores in keys become dashes."""
    parts = [escape(str(word)) for word in words]
    for key, value in fields.items():
        for item in value if isinstance(value, (list, tuple)) else [value]:
            parts.append(f"{key.replace('_', '-')}={escape(str(item))}")
    return "\t".join(parts) + "\n"


class LineClient:
    """A peer of the mail socket or the control socket."""

    def __init__(self, path, handshake=True, timeout=30):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(str(path))
        self.file = self.sock.makefile("rb")
        self.id = 0
        if handshake:
            self.send("VERSION\tfantail\t1\t0\n")
            greeting = self.recv()
            assert greeting[:2] == ["VERSION", "fantail"], greeting

    def send(self, text):
        self.sock.sendall(text if isinstance(text, bytes) else text.encode())

    def recv(self):
        """One line as list of words, key=value words left as they are; None at the end."""
        raw = self.file.readline()
        if not raw:
            return None
        return raw.rstrip(b"\n").decode(errors="surrogateescape").split("\t")

    @staticmethod
    def fields(words):
        pairs = (word.partition("=") for word in words if "=" in word)
        return {key: unescape(value) for key, _, value in pairs}

    def request(self, verb, *after, **fields):
        """Sends a request and the lines `after`; returns (verdict, fields, items)."""
        self.id += 1
        self.send(line(verb, self.id, **fields) + "".join(after))
        items = []
        while True:
            words = self.recv()
            if words is None:
                return "EOF", {}, items
            assert words[1] == str(self.id), words
            if words[0] == "ITEM":
                items.append(self.fields(words[2:]))
            else:
                return words[0], self.fields(words[2:]), items

    def close(self):
        self.file.close()
        self.sock.close()


def origin(url):
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
