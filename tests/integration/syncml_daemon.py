"""A private fantail-syncml on a loopback port and what it takes to talk to it by hand; standard
library only.

    with SyncmlDaemon(folder, login={"password-file": path}) as daemon:
        answer = daemon.post(hello("alice", "secret"))
        header_status(answer)
"""

import base64
import hashlib
import http.client
import json
import re
import signal
import socket
import subprocess

from daemon import Daemon
from dovecot import free_ports, version
from scratch import BUILD, wait_for

XML = "application/vnd.syncml+xml"


class SyncmlDaemon(Daemon):
    program = "fantail-syncml"
    source = "syncml"

    def __init__(self, folder, **sections):
        """sections: {"key": value} each."""
        super().__init__(folder, "syncml")
        self.port = free_ports(1)[0]
        self.sections = {
            **sections,
            "syncml": {"listen": f"127.0.0.1:{self.port}", "state-dir": self.folder / "state",
                       "control-socket": self.socket, **sections.get("syncml", {})},
        }
        self.write_config()

    def write_config(self):
        lines = []
        for section, keys in self.sections.items():
            lines.append(f"[{section}]")
            lines += [f"{key} = {value}" for key, value in keys.items()]
        self.config.write_text("\n".join(lines) + "\n")

    def reload(self):
        """SIGHUP; returns when it has answered, with what it said."""
        before = len(self.log_text().splitlines())
        self.signal(signal.SIGHUP)
        return wait_for("fantail-syncml to reload",
                        lambda: [text for text in self.log_text().splitlines()[before:]
                                 if "is in force" in text or "keeping the old" in text])[-1]

    def ctl(self, *args, check=True):
        """Runs fantailctl; returns its CompletedProcess."""
        return subprocess.run(
            [BUILD / "notify-bridge" / "fantailctl", "--socket", self.socket, *args],
            capture_output=True, text=True, check=check, timeout=60,
        )

    def ctl_json(self, *args):
        return json.loads(self.ctl(*args, "--json").stdout)

    def connect(self, timeout=60):
        listen = str(self.sections["syncml"]["listen"])
        if not listen.startswith("unix:"):
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        connection = http.client.HTTPConnection("localhost", timeout=timeout)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(listen.removeprefix("unix:"))
        return connection

    def request(self, method="POST", body=None, path="/sync", content_type=XML, **headers):
        """(status, headers, body); underscores of header names become dashes."""
        connection = self.connect()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if content_type is not None:
            sent["Content-Type"] = content_type
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def post(self, body, **more):
        """The message of the answer."""
        status, headers, answer = self.request(body=body, **more)
        assert status == 200, (status, answer)
        assert headers["Content-Length"] == str(len(answer)), headers
        return answer.decode()


def auth_listener(broken=False):
    """Dovecot's socket for us; broken: whoever is not known is a temporary failure."""
    text = ""
    if broken:
        text = ("passdb imap {\n  imapc_host = 127.0.0.1\n  imapc_port = 1\n}\n"
                if version() >= (2, 4) else
                "passdb {\n  driver = imap\n  args = host=127.0.0.1 port=1\n}\n")
    return text + "auth_verbose = yes\nservice auth {\n  unix_listener fantail-auth {\n    mode = 0666\n  }\n}\n"


def hello(user=None, password=None, device="IMEI:1", session="1", msg=1):
    """A first message: who it is, and what may we know of the server?"""
    cred = ""
    if user is not None:
        data = base64.b64encode(f"{user}:{password}".encode()).decode()
        cred = ("<Cred><Meta><Format xmlns='syncml:metinf'>b64</Format><Type "
                "xmlns='syncml:metinf'>syncml:auth-basic</Type></Meta>"
                f"<Data>{data}</Data></Cred>")
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<SyncML xmlns="SYNCML:SYNCML1.1"><SyncHdr><VerDTD>1.1</VerDTD><VerProto>SyncML/1.1</VerProto>
<SessionID>{session}</SessionID><MsgID>{msg}</MsgID>
<Target><LocURI>http://localhost/sync</LocURI></Target>
<Source><LocURI>{device}</LocURI></Source>{cred}</SyncHdr><SyncBody><Get><CmdID>1</CmdID>
<Meta><Type xmlns="syncml:metinf">application/vnd.syncml-devinf+xml</Type></Meta>
<Item><Target><LocURI>./devinf11</LocURI></Target></Item></Get><Final/></SyncBody></SyncML>
""".encode()


def secret_of(user, password):
    """What a digest is made of, beside the nonce."""
    return base64.b64encode(hashlib.md5(f"{user}:{password}".encode()).digest()).decode()


def digest(user, password, nonce=b"", body=None):
    """auth-md5's, or auth-MAC's of a body; base64."""
    text = secret_of(user, password).encode() + b":" + nonce
    if body is not None:
        text += b":" + base64.b64encode(hashlib.md5(body).digest())
    return base64.b64encode(hashlib.md5(text).digest()).decode()


def with_digest(message, user, value):
    """A message of hello() with auth-md5, or for MAC, value None, with the name alone."""
    cred = "" if value is None else (
        "<Cred><Meta><Format xmlns='syncml:metinf'>b64</Format><Type xmlns='syncml:metinf'>"
        f"syncml:auth-md5</Type></Meta><Data>{value}</Data></Cred>")
    return re.sub(r"(<Source><LocURI>[^<]*</LocURI>)</Source>(<Cred>.*?</Cred>)?",
                  lambda m: f"{m[1]}<LocName>{user}</LocName></Source>{cred}",
                  message.decode(), count=1).encode()


def challenge(answer):
    """(scheme, nonce) that an answer asks for; None: nothing."""
    found = re.search(r"<Chal>(.*?)</Chal>", answer, re.DOTALL)
    if not found:
        return None
    nonce = re.search(r"<NextNonce[^>]*>(.*?)</NextNonce>", found[1])
    return (re.search(r"<Type[^>]*>syncml:auth-(.*?)</Type>", found[1])[1],
            base64.b64decode(nonce[1]) if nonce else None)


def header_status(answer):
    return re.search(r"<CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd>.*?<Data>(\d+)</Data></Status>",
                     answer).group(1)


def resp_uri(answer):
    found = re.search(r"<RespURI>(.*?)</RespURI>", answer)
    return found and found.group(1).replace("&amp;", "&")
