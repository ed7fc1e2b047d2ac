#!/usr/bin/env python3
"""Out-of-band channels of Push-IMAP, from a device's session with a real Dovecot, through the
bridge, to what a push service and an HTTP receiver get. (By short message: sms_test.py.)"""

import base64
import hashlib
import hmac
import re
import sqlite3

import pimap
from phone import Phone
from stack import Stack
from tap import Suite, check, equal, eventually
from webhook_receiver import WebhookReceiver

suite = Suite("P-IMAP's channels")
USER, DEVICE = "alice", "P42"
MESSAGE = b"From: Zoe <zoe@example.org>\r\nSubject: lunch?\r\n\r\nAt noon, by the bridge.\r\n"
SECRET = base64.b64encode(b"k" * 32).decode()


class Site:
    """A device that hears of all mail in INBOX, but for the channel."""

    def __init__(self, name, phones=(), receiver=None, channels="WEBPUSH; HTTP", hooks=None):
        sections = {f"webhook {hook}": {"url": f"{receiver.url}/{hook}", **keys}
                    for hook, keys in (hooks or {}).items()}
        self.stack = Stack(name, phones, queue={"arrival_delay": "0", "state_delay": "0"},
                           pimap={"channels": channels}, dovecot={"extra": pimap.plain()},
                           **sections)
        self.bridge, self.dovecot = self.stack.bridge, self.stack.dovecot
        self.bridge.config.chmod(0o600)
        if receiver is not None:
            keys = self.bridge.sections["http"]
            keys["allowed-endpoints"] = f"{keys['allowed-endpoints']};{receiver.url}"
            self.bridge.write_config()

    def __enter__(self):
        self.stack.__enter__()
        return self

    def __exit__(self, *exception):
        self.stack.__exit__(*exception)

    def session(self, device=DEVICE):
        return pimap.Phone(self.dovecot, USER, device)

    def set(self, *pairs, device=DEVICE):
        with self.session(device) as phone:
            phone.ok("XSETPIMAPPREF PIMAP_XFILTER (INBOX N ALL)")
            for name, value in pairs:
                phone.ok(f'XSETPIMAPPREF PIMAP_OUTBAND_{name} "{value}"')
            phone.command("LOGOUT")

    def deliver(self):
        equal(self.dovecot.deliver(USER, MESSAGE), {}, "refused")

    def shown(self, device=DEVICE):
        return self.bridge.ctl_json("devices", "show", USER, device)

    def come_by(self):
        """The device connects and leaves again: no wake-up is outstanding."""
        with self.session() as phone:
            phone.ok("SELECT INBOX")
            phone.command("LOGOUT")


def pushes(site, phone, path=None):
    """What arrived but confirmations."""
    return [row.get("plaintext") for row in site.stack.service.requests(path or phone.path())
            if "ACKWEBPUSH" not in (row.get("plaintext") or "")]


EMN = re.compile(r'<emn mailbox="mailat:alice" timestamp="20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"></emn>')


@suite.test
def what_is_announced_and_what_fits():
    phone, receiver = Phone(), WebhookReceiver()
    with Site("channels-fit", [phone], receiver, hooks={"relay": {"pimap": "yes"},
                                                         "events": {}}) as site:
        phone.register(site.dovecot.imap(USER), site.stack.service, "(EVENTS (FlagsSet))")
        with site.session() as imap:
            check("* XPROVISION XPIMAPPREF PIMAP_OUTBAND_CHANNEL (WEBPUSH HTTP NONE)"
                  in imap.ok("XPROVISION"), "announced")
            for name, value, verdict in (
                    ("CHANNEL", "SMS", "NO [CANNOT]"),
                    ("CHANNEL", "WEBPUSH", "OK"),
                    ("ADDRESS", "13335559999", "NO [CANNOT]"),
                    ("ADDRESS", "nobody", "NO [CANNOT]"),
                    ("ADDRESS", phone.id, "OK"),
                    ("CHANNEL", "HTTP", "NO [CANNOT]"),
                    ("CHANNEL", "NONE", "OK"),
                    ("ADDRESS", "https://127.0.0.1/x", "OK"),
                    ("CHANNEL", "HTTP", "NO [CANNOT]"),
                    ("ADDRESS", "events", "OK"),
                    ("CHANNEL", "HTTP", "NO [CANNOT]"),
                    ("ADDRESS", "relay", "OK"),
                    ("CHANNEL", "HTTP", "OK"),
                    ("ADDRESS", "http://push.example/", "NO [CANNOT]"),
                    ("ADDRESS", "https://10.0.0.1/", "NO [CANNOT]"),
                    ("ADDRESS", "https://push.example/x", "OK")):
                result = imap.command(f'XSETPIMAPPREF PIMAP_OUTBAND_{name} "{value}"')[-1]
                check(result.startswith(verdict), f"{name} {value}: {result}, not {verdict}")
    receiver.close()


@suite.test
def by_web_push_to_a_subscription_of_the_same_user():
    phone = Phone()
    with Site("channels-webpush", [phone]) as site:
        # The subscription's own wishes are none of the device's.
        phone.register(site.dovecot.imap(USER), site.stack.service, "(EVENTS (MailboxDelete))")
        site.set(("CHANNEL", "WEBPUSH"), ("ADDRESS", phone.id))
        site.deliver()
        [text] = eventually(lambda: pushes(site, phone), "a push")
        check(EMN.fullmatch(text), text)
        eventually(lambda: site.shown()["last_ok"], "a success that is written down")
        equal((site.shown()["kind"], site.shown()["gateway"]), ("pimap", "webpush"), "the device")
        site.deliver()
        equal(site.bridge.ctl_json("queue"), [], "one is outstanding")
        site.come_by()
        result = site.bridge.ctl("test", USER, DEVICE, check=False)
        equal(result.returncode, 0, result.stdout + result.stderr)
        site.deliver()
        eventually(lambda: len(pushes(site, phone)) == 3, "test push and the next one")
        # The subscription goes, and the device stays.
        site.come_by()
        site.dovecot.imap(USER).xatom("WEBPUSH", phone.id, "NIL")
        eventually(lambda: [row["device"] for row in site.bridge.ctl_json("devices", USER)]
                   == [DEVICE], "the device alone")
        site.deliver()
        eventually(lambda: "no such Web Push subscription" in
                   (site.shown()["last_outcome"] or ""), "the reason")
        equal(site.shown()["state"], "active", "the device")
        equal(len(pushes(site, phone)), 3, "pushes")


@suite.test
def a_subscription_that_is_gone_dies_and_the_device_does_not():
    phone = Phone()
    with Site("channels-gone", [phone]) as site:
        imap = site.dovecot.imap(USER)
        phone.register(imap, site.stack.service, "(EVENTS (MailboxDelete))")
        site.set(("ADDRESS", phone.id), ("CHANNEL", "WEBPUSH"))
        # The push service forgets it from now on.
        site.bridge.stop()
        with sqlite3.connect(site.bridge.state / "bridge.db") as base:
            base.execute("UPDATE device SET endpoint = ? WHERE device = ?",
                         (site.stack.service.url + phone.path("status/410"), phone.id))
        base.close()
        site.bridge.start()
        site.deliver()
        eventually(lambda: [row["state"] for row in site.bridge.ctl_json("devices", USER)
                            if row["device"] == phone.id] == ["dead"], "a dead subscription")
        equal(site.shown()["state"], "active", "the device")
        eventually(lambda: site.bridge.ctl_json("queue") == [], "an empty queue")
        site.deliver()
        eventually(lambda: "not active" in site.shown()["last_outcome"], "the reason")


@suite.test
def by_http_to_the_operators_webhook():
    receiver = WebhookReceiver()
    with Site("channels-hook", [], receiver, hooks={
            "relay": {"pimap": "yes", "secret": f"whsec_{SECRET}", "header.X-Key": "7"}}) as site:
        site.set(("CHANNEL", "HTTP"), ("ADDRESS", "relay"))
        site.deliver()
        [request] = eventually(receiver.snapshot, "a request")
        check(EMN.fullmatch(request["body"].decode()), request["body"])
        headers = request["headers"]
        equal((request["path"], headers["content-type"], headers["x-key"]),
              ("/relay", "text/vnd.wap.emn+xml", "7"), "the request")
        equal((headers["fantail-user"], headers["fantail-device"]), (USER, DEVICE), "whose")
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode()
        mac = hmac.new(b"k" * 32, signed + request["body"], hashlib.sha256).digest()
        equal(headers["webhook-signature"], "v1," + base64.b64encode(mac).decode(), "signature")
        # A webhook of that kind hears of nothing else, also if the device is woken no more.
        site.deliver()
        equal(site.bridge.ctl_json("queue"), [], "one is outstanding")
        equal(len(receiver.snapshot()), 1, "requests")
    receiver.close()


@suite.test
def by_http_to_a_url_of_the_users():
    phone = Phone()
    with Site("channels-url", [phone]) as site:
        url = site.stack.service.url
        site.set(("CHANNEL", "HTTP"), ("ADDRESS", f"{url}/ok/plain"))
        site.deliver()
        requests = lambda: site.stack.service.requests("/ok/plain")
        eventually(requests, "a request")
        [request] = requests()
        headers = request["headers"]
        equal(headers["content-type"], "text/vnd.wap.emn+xml", "content-type")
        check("webhook-signature" not in headers and "fantail-user" not in headers,
              f"what is the operator's: {headers}")
        eventually(lambda: site.shown()["last_outcome"], "an outcome")


if __name__ == "__main__":
    suite.run()
