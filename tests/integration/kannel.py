"""Kannel on loopback: bearerbox, smsbox and the SMSC of its own test suite, which prints
what a network would be given.

    with Kannel(folder, password="s3cret") as kannel:
        kannel.url            # of sendsms
        kannel.messages()     # [{"to": ..., "udh": bytes, "data": bytes}, ...]
"""

import atexit
import os
import pathlib
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from scratch import wait_for

FAKESMSC = pathlib.Path("/usr/lib/kannel/test/fakesmsc")
# Debian has them where a user's PATH need not reach.
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"


def missing():
    """Why it cannot run here, or None."""
    for program in ("bearerbox", "smsbox"):
        if shutil.which(program, path=PATH) is None:
            return f"no {program} (Debian: kannel)"
    return None if FAKESMSC.exists() else "no fakesmsc (Debian: kannel-extras)"


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for sock in sockets:
        sock.bind(("127.0.0.1", 0))
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


CONFIG = """
group = core
admin-port = {admin}
admin-password = admin
smsbox-port = {box}
box-deny-ip = "*.*.*.*"
box-allow-ip = "127.0.0.1"

group = smsc
smsc = fake
smsc-id = fake
host = 127.0.0.1
port = {smsc}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
global-sender = 1000

group = sendsms-user
username = fantail
password = {password}
black-list-regex = "^\\+4900"
"""


class Kannel:
    def __init__(self, folder, password):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.admin, self.box, self.smsc, self.sendsms = free_ports(4)
        self.origin = f"http://127.0.0.1:{self.sendsms}"
        self.url = f"{self.origin}/cgi-bin/sendsms"
        self.config = self.folder / "kannel.conf"
        self.config.write_text(CONFIG.format(admin=self.admin, box=self.box, smsc=self.smsc,
                                             sendsms=self.sendsms, password=password))
        self.processes = []

    def log(self, name):
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def run(self, name, *command):
        with open(self.folder / f"{name}.log", "ab") as log:
            process = subprocess.Popen([*command], stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=log, cwd=self.folder, env={**os.environ, "PATH": PATH})
        atexit.register(process.kill)  # whatever ends the test
        self.processes.append(process)
        return process

    def status(self):
        """bearerbox's page of what is connected; empty while it does not answer."""
        try:
            with urllib.request.urlopen(
                    f"http://127.0.0.1:{self.admin}/status.txt?password=admin", timeout=10) as page:
                return page.read().decode(errors="replace")
        except (urllib.error.URLError, OSError):
            return ""

    def wait_status(self, what, pattern):
        def ready():
            for process in self.processes:
                if process.poll() is not None:
                    raise RuntimeError(f"{process.args[0]} ended: "
                                       f"{''.join(map(self.log, ('bearerbox', 'smsbox')))}")
            return re.search(pattern, self.status())

        wait_for(f"{what}; {self.status()}", ready, 120)

    def start(self):
        self.run("bearerbox", "bearerbox", str(self.config))
        self.wait_status("bearerbox", "Kannel bearerbox")
        self.run("fakesmsc", str(FAKESMSC), "-H", "127.0.0.1", "-r", str(self.smsc), "-m", "0",
                 "1 2 text none")
        self.wait_status("the network", r"FAKE:\d+ \(online")
        self.run("smsbox", "smsbox", str(self.config))
        self.wait_status("smsbox", r"smsbox[^\n]*\(on-line")
        wait_for("sendsms", self.listens, 60)
        return self

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.sendsms), 5).close()
        except OSError:
            return False
        return True

    def stop(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()
        self.processes = []

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.stop()

    def messages(self):
        """What the network was given, in order. fakesmsc's line: sender, receiver, "udh", the
        user data header, "data", the data; percent-encoded, with + for a blank."""
        def octets(word):
            return urllib.parse.unquote_to_bytes(word.replace("+", " "))

        found = []
        for text in re.findall(r"Got message \d+: <(.*)>", self.log("fakesmsc")):
            sender, receiver, _, udh, kind, data = text.split(" ")
            assert kind == "data", text
            found.append({"from": sender, "to": receiver, "udh": octets(udh),
                          "data": octets(data)})
        return found
