#!/usr/bin/env python3
"""DataChange by short message: from the mail socket through the bridge and a real Kannel to
what a network is given, and back to the package by a decoder that shares nothing with us."""

import base64
import os
import time

from bridge import Bridge, LineClient, line
from extended import Extended
from kannel import Kannel, missing
from scratch import limit, scratch_dir
from short_message import EMN, elements, put_together, read_emn, read_push
from tap import Skip, Suite, check, equal, eventually

suite = Suite("sms")
USER, DEVICE, NUMBER = "alice", "IMEI:350000123456789", "+491701234567"
PASSWORD = "s3cret"
SAN = "application/vnd.syncml.ds.notification"
WBXML = "application/vnd.syncml+wbxml"
XML = "application/vnd.syncml+xml"
# sysexits.h
OK, NOUSER, TEMPFAIL, PROTOCOL, NOPERM = 0, 67, 75, 76, 77
# As OMA DS 1.2 has it: no digest, version 12, session 1, a server's name, one database.
PACKAGE = (bytes(16) + bytes.fromhex("03180000000001") + b"\x07fantail" + b"\x10" +
           bytes.fromhex("6000000708") + b"contacts")


# --- the set-up ----------------------------------------------------------------------

class Site:
    def __init__(self, name, kannel=True, password=PASSWORD, register=True, **sections):
        reason = missing()
        if reason is not None:
            raise Skip(reason)
        self.folder = scratch_dir(f"sms-{name}")
        self.kannel = Kannel(self.folder / "kannel", PASSWORD)
        self.password = self.folder / "password"
        self.write_password(password)
        queue = {"state_delay": "0", **sections.pop("queue", {})}
        self.bridge = Bridge(self.folder / "bridge", http={"allowed_endpoints": self.kannel.origin},
                             webpush={"enabled": "no"}, queue=queue,
                             sms={"url": self.kannel.url, "username": "fantail",
                                  "password_file": self.password}, **sections)
        self.with_kannel, self.with_device = kannel, register
        self.batches = 0

    def write_password(self, text):
        self.password.write_text(text + "\n")
        self.password.chmod(0o600)

    def __enter__(self):
        if self.with_kannel:
            self.kannel.start()
        try:
            self.bridge.start()
            if self.with_device:
                self.subscribe()
        except BaseException:
            self.kannel.stop()
            raise
        return self

    def __exit__(self, kind, *unused):
        self.kannel.stop()
        self.bridge.__exit__(kind, *unused)

    def subscribe(self, device=DEVICE, number=NUMBER, check=True):
        return self.bridge.ctl("subscribe", USER, device, f"sms:{number}", check=check)

    def change(self, package=PACKAGE, kind=SAN, device=DEVICE, **fields):
        """One DataChange; how many notifications it led to."""
        self.batches += 1
        client = LineClient(self.bridge.socket)
        event = line("EVENT", name="DataChange", time=int(time.time() * 1e6), seq=self.batches,
                     **{"user": USER, "device": device, "databases": "contacts",
                        "package": base64.b64encode(package).decode(), "package_type": kind,
                        **fields})
        verdict, answer, _ = client.request("BATCH", event, batch=os.urandom(16).hex(),
                                            user=USER, count=1)
        client.close()
        equal(verdict, "OK", f"the batch: {answer}")
        return int(answer["queued"])

    def wait_pushes(self, count, seconds=60.0):
        return eventually(lambda: (lambda found: found if len(found) >= count else None)(
            put_together(self.kannel.messages())), f"{count} pushes", seconds)

    def device(self, name=DEVICE):
        return self.bridge.ctl_json("devices", "show", USER, name)


def wait_outcome(site, text):
    eventually(lambda: text in (site.device()["last_outcome"] or ""),
               f"{text!r} as the device's last outcome, {site.device()['last_outcome']!r}", 60)


# --- rows ----------------------------------------------------------------------------

@suite.test
def a_package_reaches_the_network_in_one_message():
    with Site("one") as site:
        shown = site.device()
        equal((shown["state"], shown["gateway"], shown["events"]), ("active", "sms", ["DataChange"]),
              "the device")
        equal(site.change(), 1, "notifications")
        [pdu] = site.wait_pushes(1)
        equal(read_push(pdu), (0x4e, 5, PACKAGE), "what the phone reads")
        [message] = site.kannel.messages()
        equal(message["to"], NUMBER, "receiver")
        equal(message["from"], "1000", "Kannel's own sender")
        eventually(lambda: site.bridge.ctl_json("queue") == [], "an empty queue")
        eventually(lambda: site.device()["last_ok"], "a success that is written down")
        check(PASSWORD not in site.bridge.log_text(), "no password in the log")
        check(NUMBER[1:] not in site.bridge.log_text(), "no number either")
        samples = site.bridge.scrape()
        equal(samples['fantail_sends_total{gateway="sms",outcome="accepted"}'], 1, "metrics")


@suite.test
def any_octet_arrives_as_it_is():
    with Site("octets") as site:
        for kind, code in ((WBXML, 0x0303), (XML, 0x0302), (SAN, 0x4e)):
            package = bytes(range(256))
            before = len(put_together(site.kannel.messages()))
            site.change(package, kind)
            pdu = site.wait_pushes(before + 1)[-1]
            equal(read_push(pdu), (code, 5, package), kind)


@suite.test
def as_many_messages_as_are_allowed():
    with Site("parts") as site:
        most = limit("LIMIT_SMS_PARTS") * 128 - 6
        package = os.urandom(most)
        site.change(package)
        [pdu] = site.wait_pushes(1)
        equal(read_push(pdu), (0x4e, 5, package), "what the phone reads")
        equal(len(site.kannel.messages()), limit("LIMIT_SMS_PARTS"), "messages")
        # One octet more is not sent at all, and the next one is.
        site.change(os.urandom(most + 1))
        wait_outcome(site, "short messages")
        site.change()
        equal(read_push(site.wait_pushes(2)[-1])[2], PACKAGE, "the next")
        equal(len(site.kannel.messages()), limit("LIMIT_SMS_PARTS") + 1, "messages")


@suite.test
def the_newest_package_takes_the_place_of_what_waits():
    with Site("newest", queue={"state_delay": "30min"}) as site:
        site.change(b"first")
        site.change(b"second", databases="contacts calendar")
        [row] = site.bridge.ctl_json("queue")
        equal((row["events"], row["class"], row["mailbox"]), (["DataChange"], "state", None),
              "the queue")
        check(row["expires"] - row["first"] == limit("LIMIT_SYNC_ALERT_SECS"), f"expiry: {row}")
        site.bridge.ctl("flush")
        equal(read_push(site.wait_pushes(1)[0])[2], b"second", "the push")
        eventually(lambda: site.bridge.ctl_json("queue") == [], "an empty queue")
        equal(len(site.kannel.messages()), 1, "messages")


@suite.test
def others_hear_nothing():
    with Site("others") as site:
        site.subscribe("IMEI:other", "+491709999999")
        equal(site.change(device="IMEI:350000123456780"), 0, "another DevID")
        equal(site.change(device=DEVICE.lower()), 0, "another case")
        client = LineClient(site.bridge.socket)
        equal(client.request("WANT", user=USER)[1]["want"], "none", "mail is not wanted")
        client.close()
        equal(site.change(device="IMEI:other"), 1, "its own")
        site.wait_pushes(1)
        equal([row["to"] for row in site.kannel.messages()], ["+491709999999"], "receivers")


@suite.test
def operators_register_and_revoke():
    with Site("operators", register=False) as site:
        for number in ("491701234567", "+49170x", "+0491701234567", "0170 1234567", ""):
            result = site.subscribe(number=number, check=False)
            equal(result.returncode, NOPERM, f"{number!r}: {result.stderr}")
            check("write sms:+49" in result.stderr, f"a remedy in {result.stderr!r}")
        equal(site.subscribe("with blank", check=False).returncode, NOPERM, "a DevID with a blank")
        equal(site.bridge.ctl_json("devices", USER), [], "devices")
        equal(site.subscribe().stdout, "Registered.\n", "what it says")
        equal(site.subscribe().returncode, OK, "again")
        equal(len(site.bridge.ctl_json("devices", USER)), 1, "devices")
        # As it was after a restart.
        site.bridge.stop()
        site.bridge.start()
        equal(site.change(), 1, "notifications")
        site.wait_pushes(1)
        site.bridge.ctl("devices", "revoke", USER, DEVICE)
        equal(site.change(), 0, "after it was revoked")
        equal(site.bridge.ctl("devices", "revoke", USER, DEVICE, check=False).returncode, NOUSER,
              "again")


@suite.test
def a_test_push_says_what_goes_by_sms():
    with Site("test") as site:
        result = site.bridge.ctl("test", USER, DEVICE, check=False)
        equal(result.returncode, PROTOCOL, "status")
        check("nothing but DataChange" in result.stdout, f"the reason in {result.stdout!r}")
        equal(site.kannel.messages(), [], "messages")


@suite.test
def a_wrong_password_is_kept_until_it_is_mended():
    with Site("password", password="wrong") as site:
        site.change()
        wait_outcome(site, "403")
        check("Authorization failed" in site.device()["last_outcome"], "what Kannel says")
        equal(len(site.bridge.ctl_json("queue")), 1, "it waits")
        equal(site.device()["state"], "active", "the device")
        check("refuses us" in site.bridge.log_text(), "a line in the log")
        site.write_password(PASSWORD)
        site.bridge.ctl("reload")
        site.bridge.ctl("flush")
        equal(read_push(site.wait_pushes(1)[0])[2], PACKAGE, "the push")
        eventually(lambda: site.bridge.ctl_json("queue") == [], "an empty queue")


@suite.test
def kannel_away_loses_nothing():
    with Site("away", kannel=False) as site:
        site.change()
        eventually(lambda: site.device()["last_outcome"], "an outcome")
        equal(len(site.bridge.ctl_json("queue")), 1, "it waits")
        site.kannel.start()
        # By itself: it is tried again while it is worth sending.
        equal(read_push(site.wait_pushes(1, 180)[0])[2], PACKAGE, "the push")
        eventually(lambda: site.bridge.ctl_json("queue") == [], "an empty queue")
        # And again, after Kannel was there.
        site.kannel.stop()
        site.change(b"second")
        eventually(lambda: "202" not in site.device()["last_outcome"], "a try that failed")
        equal(len(site.bridge.ctl_json("queue")), 1, "it waits")
        site.kannel.start()
        equal(read_push(site.wait_pushes(2, 180)[1])[2], b"second", "the second push")


@suite.test
def a_number_that_is_refused_is_dropped_and_stays_registered():
    with Site("refused", register=False) as site:
        site.subscribe(number="+490012345678")
        site.change()
        wait_outcome(site, "denied")
        eventually(lambda: site.bridge.ctl_json("queue") == [], "an empty queue")
        equal(site.device()["state"], "active", "the device")
        equal(site.kannel.messages(), [], "messages")
        equal(site.bridge.scrape()['fantail_dropped_total{reason="rejected"}'], 1, "metrics")


# --- Push-IMAP --------------------------------------------------------------------------

def pimap(site, verb, **fields):
    client = LineClient(site.bridge.socket)
    verdict, answer, items = client.request(verb, user=USER, device="P42", **fields)
    client.close()
    equal(verdict, "OK", f"{verb} {fields}: {answer}")
    return answer, items


def arrive(site, mailbox, **fields):
    """New mail; how many notifications it led to."""
    client = LineClient(site.bridge.socket)
    event = line("EVENT", name="MessageNew", time=int(time.time() * 1e6), user=USER,
                 mailbox=mailbox, messages=1, **fields)
    site.batches += 1
    verdict, answer, _ = client.request("BATCH", event, batch=os.urandom(16).hex(), user=USER,
                                        count=1)
    client.close()
    equal(verdict, "OK", f"the batch: {answer}")
    return int(answer["queued"])


@suite.test
def a_device_of_push_imap_is_woken_once_until_it_connects():
    with Site("emn", register=False, pimap={"channels": "WAP_PUSH;GSMSMS"},
              queue={"arrival_delay": "0"}) as site:
        equal(pimap(site, "PROFILE")[0]["channels"], "WAP_PUSH GSMSMS NONE", "channels")
        pimap(site, "FILTERSET", name="JOHN", criteria='FROM "John"')
        pimap(site, "PREFER", name="PIMAP_OUTBAND_ADDRESS", value=NUMBER)
        pimap(site, "PREFER", name="PIMAP_OUTBAND_CHANNEL", value="WAP_PUSH")
        pimap(site, "ATTACH", filter="JOHN", mailbox="INBOX")
        _, items = pimap(site, "WANT", mailbox="INBOX")
        equal(items, [{"filter": "JOHN", "criteria": 'FROM "John"'}], "filters to judge by")
        equal(arrive(site, "INBOX", filters=""), 0, "no match")
        equal(arrive(site, "INBOX", filters="JOHN"), 1, "a match")
        [pdu] = site.wait_pushes(1)
        kind, application, document = read_push(pdu)
        equal((kind, application), (EMN, 9), "a notification for emn.ua")
        year = time.strftime("%Y-", time.gmtime())
        check(f'mailbox="mailat:{USER}"' in read_emn(document), read_emn(document))
        check(f'timestamp="{year}' in read_emn(document), read_emn(document))
        shown = lambda: site.bridge.ctl_json("devices", "show", USER, "P42")
        eventually(lambda: shown()["last_ok"], "a success that is written down")
        equal((shown()["kind"], shown()["filters"]), ("pimap", ["JOHN in INBOX"]), "the device")
        equal(arrive(site, "INBOX", filters="JOHN"), 0, "one is outstanding")
        pimap(site, "PRESENT", session="s1", listening="yes")
        equal(arrive(site, "INBOX", filters="JOHN"), 0, "it listens")
        pimap(site, "PRESENT", session="s1", listening="no")
        pimap(site, "PREFER", name="PIMAP_OUTBAND_CHANNEL", value="GSMSMS")
        equal(arrive(site, "INBOX", filters="JOHN"), 1, "it has left")
        eventually(lambda: len(site.kannel.messages()) == 2, "the second message", 60)
        bare = site.kannel.messages()[1]
        equal(elements(bare["udh"])[5], (143).to_bytes(2, "big") * 2, "ports")
        check(f'mailbox="mailat:{USER}"' in read_emn(bare["data"]), "the bare notification")


@suite.test
def a_message_in_short_messages():
    with Site("extended", register=False, queue={"arrival_delay": "0"},
              pimap={"channels": "WAP_PUSH;GSMSMS", "extended": "aes-128-gcm"}) as site:
        key = base64.b64decode(pimap(site, "PROFILE", key="yes")[0]["enc-key"])
        pimap(site, "PREFER", name="PIMAP_OUTBAND_ADDRESS", value=NUMBER)
        pimap(site, "PREFER", name="PIMAP_OUTBAND_FORMAT", value="EXTENDED")
        pimap(site, "ATTACH", filter="ALL")
        said = {"uidvalidity": 1, "uids": "157", "from_address": "boss@foo.com",
                "subject": "lunch, " + 80 * "x"}
        for number, channel in enumerate(("WAP_PUSH", "GSMSMS"), 1):
            pimap(site, "PREFER", name="PIMAP_OUTBAND_CHANNEL", value=channel)
            before = len(site.kannel.messages())
            equal(arrive(site, "INBOX", **said), 1, channel)
            # A part goes when the one before it was taken.
            eventually(lambda: site.bridge.ctl_json("queue") == [], "an empty queue", 60)
            messages = site.kannel.messages()[before:]
            ports = [elements(message["udh"])[5] for message in messages]
            if channel == "WAP_PUSH":
                kind, application, payload = read_push(put_together(messages)[0])
                equal((kind, application), (3, 9), "text for emn.ua")
            else:
                equal(set(ports), {(143).to_bytes(2, "big") * 2}, "ports")
                payload = b"".join(message["data"] for message in messages)
            push = Extended(key, payload.decode())
            equal((push.sequence, push.event, push.fields[1], push.fields[4]),
                  (number, "NEW_MESSAGE", said["from_address"], said["subject"]), channel)
            check(len(messages) <= 3, f"{len(messages)} messages")


if __name__ == "__main__":
    suite.run()
