"""A phone: a Web Push subscriber with keys of its own, and a mail app's part of
registration over IMAP. And the push service it is subscribed at."""

import base64
import json
import pathlib
import re
import subprocess
import uuid

from push_service import Authority, PushService
from scratch import wait_for

def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class PhonesPushService(PushService):
    """A push service that decrypts what comes to the paths of the phones it knows."""

    def __init__(self, folder, phones=(), options=()):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        authority = Authority(str(folder))
        keys = folder / "keys.json"
        keys.write_text(json.dumps([row for phone in phones for row in phone.secrets()]))
        super().__init__(str(folder), authority.issue("server", "DNS:localhost,IP:127.0.0.1"),
                         ["--decrypt", str(keys), *options], authority.ca)
        self.url = f"https://127.0.0.1:{self.port}"

    def requests(self, path=None):
        return [row for row in super().requests() if path is None or row["path"] == path]

    def close(self):
        self.__exit__()


class Phone:
    def __init__(self, name="phone"):
        """Keys made by openssl: RFC 8291 section 2.1 and 3.2."""
        self.name = name
        self.id = f"{name}-{uuid.uuid4().hex[:16]}"
        der = subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout",
                              "-outform", "DER"], check=True, capture_output=True).stdout
        # RFC 5915: SEQUENCE, version, OCTET STRING of 32, curve, BIT STRING of 65.
        self.private, self.public = der[7:39], der[-65:]
        self.auth = uuid.uuid4().bytes

    def keys(self):
        """What a subscription carries: (p256dh, auth)."""
        return b64url(self.public), b64url(self.auth)

    def secrets(self):
        """What the push service needs to decrypt what comes to this phone's paths."""
        return [{"path": self.path(behaviour), "private": b64url(self.private),
                 "auth": b64url(self.auth)} for behaviour in ("ok", "status/410")]

    def path(self, behaviour="ok"):
        return f"/{behaviour}/{self.id}"

    def subscribe(self, imap, endpoint, options=""):
        """WEBPUSH; returns (status, text, untagged WEBPUSH, untagged VAPID)."""
        status, data = command(imap, "WEBPUSH", self.id, quote(endpoint),
                               *map(quote, self.keys()),
                               *([options] if options else []))
        return status, data, untagged(imap, "WEBPUSH"), untagged(imap, "VAPID")

    def wait_token(self, service, path=None):
        """The token of the newest confirmation push at this phone's path."""
        def token():
            for request in reversed(service.requests(path or self.path())):
                match = re.match(r"\^ ACKWEBPUSH (\S+) (\S+)", request.get("plaintext") or "")
                if match:
                    return match[2].strip('"')
            return None

        return wait_for("the confirmation push", token)

    def confirm(self, imap, token):
        return command(imap, "ACKWEBPUSH", self.id, quote(token))

    def register(self, imap, service, options="", behaviour="ok"):
        """The whole of it; raises if any step fails."""
        status, data, _, _ = self.subscribe(imap, service.url + self.path(behaviour), options)
        assert status == "OK", data
        status, data = self.confirm(imap, self.wait_token(service, self.path(behaviour)))
        assert status == "OK", data
        return self


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def command(imap, name, *arguments):
    """A command that imaplib does not know; (status, text)."""
    import imaplib

    imaplib.Commands.setdefault(name, ("AUTH", "SELECTED"))
    imap.untagged_responses.clear()
    try:
        status, data = imap._simple_command(name, *arguments)
    except imap.error as error:  # BAD is an exception there
        return "BAD", str(error)
    return status, data[0].decode() if data and data[0] else ""


def untagged(imap, name):
    return [row.decode() for row in imap.untagged_responses.get(name, []) if row]
