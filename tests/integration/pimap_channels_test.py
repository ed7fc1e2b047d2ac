#!/usr/bin/env python3
"""Out-of-band channels of Push-IMAP, from a device's session with a real Dovecot, through the
bridge, to what a push service and an HTTP receiver get. (By short message: sms_test.py.)"""

import base64
import hashlib
import hmac
import re
import sqlite3
import ssl

import pimap
from extended import Extended
from phone import Phone
from push_service import Authority
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

    def told(self):
        """How many deliveries the bridge has heard of, by either way."""
        return sum(value for name, value in self.bridge.scrape().items()
                   if name.startswith('fantail_events_total{kind="MessageNew"'))

    def deliver(self):
        """Returns when the bridge has made up its mind."""
        before = self.told()
        equal(self.dovecot.deliver(USER, MESSAGE), {}, "refused")
        eventually(lambda: self.told() > before, "the event")

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
        eventually(lambda: site.bridge.ctl_json("queue") == [], "an empty queue: one is outstanding")
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
        eventually(lambda: site.bridge.ctl_json("queue") == [], "an empty queue: one is outstanding")
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


# --- EXTENDED ---------------------------------------------------------------------------


class SafePhone(pimap.Phone):
    """A session over TLS."""

    def __init__(self, site, device=DEVICE):
        super().__init__(site.dovecot, USER, device, login=False)
        *unused, result = self.command("STARTTLS")
        check(result.startswith("OK"), result)
        context = ssl.create_default_context(cafile=site.authority.ca)
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        *self.untagged, self.result = self.command(f'LOGIN "{self.name}" secret')

    def key(self):
        """What XPROVISION hands out, decoded."""
        for line in self.ok("XPROVISION"):
            match = re.fullmatch(r'\* XPROVISION PIMAP_ENC_KEY \("?([^")]*)"?\)', line)
            if match:
                return base64.b64decode(match[1])
        return None


class SafeSite(Site):
    def __init__(self, name, phones=(), receiver=None, **arguments):
        super().__init__(name, phones, receiver, **arguments)
        self.bridge.sections["pimap"] |= {"extended": "aes-128-gcm", "notification-port": "143",
                                          "notification-address": "+15550100"}
        self.bridge.write_config()
        self.authority = Authority(str(self.stack.folder), "dovecot-ca")
        key, certificate = self.authority.issue("dovecot", "DNS:localhost")
        names = ("ssl_server_cert_file = ", "ssl_server_key_file = ") if pimap.DOVECOT_24 else \
            ("ssl_cert = <", "ssl_key = <")
        self.dovecot.extra += f"\nssl = yes\n{names[0]}{certificate}\n{names[1]}{key}\n"
        self.dovecot.write_config()

    def set_extended(self, channel, address):
        """Returns the key. INBOX is there before, since its making is an event, too."""
        self.dovecot.imap(USER).select("INBOX")
        self.set(("CHANNEL", channel), ("ADDRESS", address))
        with SafePhone(self) as phone:
            key = phone.key()
            phone.ok("XSETPIMAPPREF PIMAP_OUTBAND_FORMAT EXTENDED")
            phone.command("LOGOUT")
        return key


def opened(key, payloads):
    return [Extended(key, payload) for payload in payloads]


@suite.test
def a_key_goes_over_tls_alone():
    with SafeSite("extended-key") as site:
        with site.session() as phone:
            lines = phone.ok("XPROVISION")
            check("* XPROVISION XPIMAPPREF PIMAP_OUTBAND_FORMAT (EMN EXTENDED)" in lines, lines)
            check("* XPROVISION PIMAP_NOTIFICATION ADDRESS (+15550100)" in lines, lines)
            check("* XPROVISION PIMAP_NOTIFICATION PORT (143)" in lines, lines)
            check("ENC_KEY" not in "".join(lines), lines)
            result = phone.command("XSETPIMAPPREF PIMAP_OUTBAND_FORMAT EXTENDED")[-1]
            check(result.startswith("NO [CANNOT]"), result)
        with SafePhone(site) as phone:
            key = phone.key()
            equal(len(key), 16, "octets")
            equal(phone.key(), key, "the same again")
            phone.ok("XPROVISION P42 my-id")
            phone.ok("XSETPIMAPPREF PIMAP_OUTBAND_FORMAT EXTENDED")
        with SafePhone(site, "P43") as phone:
            check(phone.key() != key, "another device's is another")
        with site.session() as phone:
            check("ENC_KEY" not in "".join(phone.ok("XPROVISION")), "without TLS, still not")
        check(base64.b64encode(key).decode() not in site.bridge.log_text(), "no key in the log")
        equal((site.bridge.state / "bridge.db").stat().st_mode & 0o077, 0, "nobody else reads it")


@suite.test
def a_message_in_a_web_push():
    phone = Phone()
    with SafeSite("extended-webpush", [phone]) as site:
        phone.register(site.dovecot.imap(USER), site.stack.service, "(EVENTS (MailboxDelete))")
        key = site.set_extended("WEBPUSH", phone.id)
        for number in (1, 2):  # though the first is outstanding
            site.deliver()
            eventually(lambda: len(pushes(site, phone)) == number, f"push {number}")
        first, second = opened(key, pushes(site, phone))
        equal((first.sequence, first.account, first.event), (1, USER, "NEW_MESSAGE"), "the first")
        equal((second.sequence, second.event), (2, "NEW_MESSAGE"), "the second")
        equal((first.fields[:2], first.fields[4]), (["1", "zoe@example.org"], "lunch?"), "fields")
        equal(second.fields[0], "2", "its UID")
        check(first.iv != second.iv, "an IV of its own")
        equal([row["headers"].get("topic") for row in site.stack.service.requests(phone.path())
               if "ACKWEBPUSH" not in row["plaintext"]], [None, None], "none replaces another")
        # Numbers go on where they were, whatever happened to the bridge.
        site.bridge.kill()
        site.bridge.start()
        imap = site.dovecot.imap(USER)
        imap.select("INBOX")
        imap.store("1", "+FLAGS", "\\Seen")
        eventually(lambda: len(pushes(site, phone)) == 3, "push 3")
        third = opened(key, pushes(site, phone))[-1]
        equal((third.event, third.fields), ("CHANGED_MESSAGE", ["1", "", "", "", ""]), "the third")
        check(third.sequence > second.sequence, f"number {third.sequence}")
        imap.create("Other")
        eventually(lambda: len(pushes(site, phone)) >= 3, "whatever folders do")
        equal(site.bridge.ctl("test", USER, DEVICE).returncode, 0, "a test push")
        numbers = [push.sequence for push in opened(key, pushes(site, phone))]
        equal(numbers, sorted(set(numbers)), "no number twice")
        # The operator takes the format away: what the device wants is not sent as something else.
        count = len(numbers)
        site.bridge.sections["pimap"]["extended"] = "none"
        site.bridge.write_config()
        site.bridge.ctl("reload")
        site.deliver()
        equal(site.bridge.ctl_json("queue"), [], "the queue")
        equal(len(pushes(site, phone)), count, "pushes")


@suite.test
def a_message_in_a_request():
    receiver = WebhookReceiver()
    with SafeSite("extended-http", [], receiver, hooks={"relay": {"pimap": "yes"}}) as site:
        key = site.set_extended("HTTP", "relay")
        site.deliver()
        [request] = eventually(receiver.snapshot, "a request")
        equal(request["headers"]["content-type"], "text/plain; charset=us-ascii", "content-type")
        [push] = opened(key, [request["body"].decode()])
        equal((push.event, push.fields[4]), ("NEW_MESSAGE", "lunch?"), "what it says")
    receiver.close()


@suite.test
def another_key_and_a_lock():
    receiver = WebhookReceiver()
    with SafeSite("extended-lock", [], receiver, hooks={"relay": {"pimap": "yes"}}) as site:
        old = site.set_extended("HTTP", "relay")
        ctl = site.bridge.ctl
        last = lambda key: Extended(key, receiver.snapshot()[-1]["body"].decode())
        came = lambda count: eventually(lambda: len(receiver.snapshot()) == count, f"{count} requests")
        equal(ctl("devices", "new-key", USER, "nobody", check=False).returncode, 67, "no such device")
        equal(ctl("devices", "new-key", USER, DEVICE).stdout,
              "There is a new key for it to fetch.\n", "what it says")
        came(1)
        equal(last(old).event, "NEW_ENC_KEY", "under the old key")
        check("waits" in site.shown()["key"], site.shown()["key"])
        site.deliver()
        came(2)
        equal(last(old).event, "NEW_MESSAGE", "until the new one is fetched")
        with site.session() as phone:
            phone.ok("XPROVISION")
        site.deliver()
        came(3)
        equal(last(old).event, "NEW_MESSAGE", "which goes over TLS alone")
        with SafePhone(site) as phone:
            new = phone.key()
            check(new != old, "another key")
            phone.command("LOGOUT")
        equal(site.shown()["key"], "fetched", "as shown")
        # A device that listens is locked all the same.
        listening = site.session()
        listening.ok("SELECT INBOX")
        listening.start("IDLE")
        listening.line()
        equal(ctl("devices", "lock", USER, DEVICE).stdout, "Locked.\n", "what it says")
        came(4)
        equal((last(new).event, last(new).fields), ("LOCK_DOWN", []), "under the new key")
        listening.drop()
        equal(site.shown()["state"], "locked", "as shown")
        check(f"LOCK_DOWN, device {DEVICE} of {USER}" in site.bridge.log_text(), "in the log")
        site.dovecot.deliver(USER, MESSAGE)  # nobody wants to hear of it
        with site.session() as phone:
            for command in ("XPROVISION", "XGETPIMAPPREFS (PIMAP_OUTBAND_CHANNEL)",
                            "XSETPIMAPPREF PIMAP_OUTBAND_CHANNEL NONE",
                            "XSETPIMAPPREF PIMAP_XFILTER (INBOX N NONE)"):
                result = phone.command(command)[-1]
                check(result.startswith("NO ") and "locked" in result, f"{command}: {result}")
            phone.ok("SELECT INBOX")
        with SafePhone(site) as phone:
            check(phone.command("XPROVISION")[-1].startswith("NO "), "no key either")
        site.bridge.kill()
        site.bridge.start()
        equal(site.shown()["state"], "locked", "after a restart")
        site.dovecot.deliver(USER, MESSAGE)
        equal(len(receiver.snapshot()), 4, "it hears nothing more")
        equal(ctl("devices", "unlock", USER, DEVICE).stdout, "Unlocked.\n", "what it says")
        site.deliver()
        came(5)
        numbers = [Extended(key, request["body"].decode()).sequence
                   for key, request in zip((old, old, old, new, new), receiver.snapshot())]
        equal(numbers, [1, 2, 3, 4, 5], "numbers")
        # What EMN cannot say.
        with site.session() as phone:
            phone.ok("XSETPIMAPPREF PIMAP_OUTBAND_FORMAT EMN")
        check("not told: its format is EMN" in ctl("devices", "lock", USER, DEVICE).stdout, "why")
        equal(site.shown()["state"], "locked", "and locked")
    receiver.close()


if __name__ == "__main__":
    suite.run()
