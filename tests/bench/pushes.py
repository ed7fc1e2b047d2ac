"""Phones registered without IMAP, and a push service that costs next to nothing: for
benchmarks that measure something else than these."""

import pathlib
import socket
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

from bridge import Bridge, LineClient  # noqa: E402
from push_service import Authority  # noqa: E402
from scratch import BUILD, wait_for  # noqa: E402


class Nginx:
    """A push service that costs as little as one can: what is measured is who sends. The same
    for every sender: HTTP/2 and HTTP/1.1, 201 for every POST, a line in the log for each."""

    CONFIG = """
daemon off;
worker_processes 1;
error_log {folder}/nginx-error.log;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
    log_format arrival "$msec $request_uri $status";
    access_log {folder}/arrivals.log arrival buffer=64k flush=50ms;
    client_body_temp_path {folder}/body;
    keepalive_requests 1000000;
    server {{
        listen 127.0.0.1:{port} ssl http2;
        ssl_certificate {cert};
        ssl_certificate_key {key};
        location / {{ return 201; }}
    }}
}}
"""

    def __init__(self, folder):
        folder.mkdir(parents=True)
        authority = Authority(str(folder))
        self.ca = authority.ca
        key, cert = authority.issue("server", "DNS:localhost,IP:127.0.0.1")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"https://127.0.0.1:{port}"
        self.log = folder / "arrivals.log"
        config = folder / "nginx.conf"
        config.write_text(self.CONFIG.format(folder=folder, port=port, key=key, cert=cert))
        self.process = subprocess.Popen(["nginx", "-e", folder / "nginx-error.log",
                                         "-c", config])
        wait_for("nginx", lambda: self.accepts(port), 10)

    @staticmethod
    def accepts(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def arrivals(self, prefix):
        """When each request under that path was answered with 201, in seconds."""
        lines = (text.split() for text in self.log.read_text().splitlines())
        return sorted(float(at) for at, path, status in lines
                      if path.startswith(prefix) and status == "201")

    def size(self):
        return self.log.stat().st_size if self.log.exists() else 0

    def close(self):
        self.process.terminate()
        self.process.wait()


def subscriber_keys():
    script = ("const c=require('crypto');const e=c.createECDH('prime256v1');e.generateKeys();"
              "console.log(e.getPublicKey('base64url'), c.randomBytes(16).toString('base64url'))")
    return subprocess.run(["node", "-e", script], check=True, capture_output=True,
                          text=True).stdout.split()


def make_bridge(folder, receiver, mail_uids=()):
    return Bridge(
        folder, mail_uids=mail_uids,
        http={"allowed_endpoints": receiver.url, "ca_file": receiver.ca},
        devices={"rate_per_minute": 1000000, "rate_burst": 1000000},
        webpush={"contact": "mailto:bench@example.org"},
    )


def seed(bridge, receiver, count, prefix):
    """The bridge has run once (its VAPID key exists) and is stopped."""
    p256dh, auth = subscriber_keys()
    subprocess.run([BUILD / "tests" / "seed-registry", bridge.state / "bridge.db",
                    str(count), prefix, receiver.url + "/push", p256dh, auth, bridge.vapid],
                   check=True)


def first_start(bridge):
    """Lets the bridge make its key and database; remembers the public key."""
    with bridge:
        client = LineClient(bridge.socket)
        _, fields, _ = client.request("VAPID", user="root")
        client.close()
    bridge.vapid = fields["key"]
