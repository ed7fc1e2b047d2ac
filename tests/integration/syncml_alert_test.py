#!/usr/bin/env python3
"""One device changes something: the user's other devices are asked to synchronise, by way of the
bridge. What they are sent is decoded here by the specification, not by what wrote it."""

import base64
import hashlib
import re
import time
from xml.etree import ElementTree

from fake_bridge import FakeBridge
from scratch import scratch_dir
from syncml_daemon import SyncmlDaemon, secret_of
from syncml_phone import Phone
from tap import Suite, check, equal, eventually

suite = Suite("syncml alerts")
SAN, MESSAGE = "application/vnd.syncml.ds.notification", "application/vnd.syncml+xml"


def card(name):
    return f"BEGIN:VCARD\r\nVERSION:3.0\r\nN:{name};;;;\r\nFN:{name}\r\nEND:VCARD\r\n"


def decode(package, secret=None):
    """OMA DS 1.2's notification as a dictionary; the digest is verified."""
    digest, rest = package[:16], package[16:]
    if secret is None:
        equal(digest, bytes(16), "digest")
    else:
        of_rest = base64.b64encode(hashlib.md5(rest).digest())
        equal(digest, hashlib.md5(secret.encode() + b"::" + of_rest).digest(), "digest")
    head = int.from_bytes(rest[:5], "big")
    length = rest[7]
    body = rest[8 + length:]
    syncs, at = [], 1
    for _ in range(body[0] >> 4):
        size = body[at + 4]
        syncs.append((200 + (body[at] >> 4), body[at + 5:at + 5 + size].decode()))
        at += 5 + size
    equal(at, len(body), "length")
    return {"version": head >> 30, "ui": head >> 28 & 3, "by-server": head >> 27 & 1,
            "zeros": head & (1 << 27) - 1, "session": int.from_bytes(rest[5:7], "big"),
            "server": rest[8:8 + length].decode(), "syncs": syncs}


class Site:
    """fantail-syncml with a stand-in of the bridge, and two phones that have synchronised."""

    def __init__(self, name, repeats="2s;2s;2s", **more):
        self.folder = scratch_dir(name)
        passwords = self.folder / "passwords"
        passwords.write_text("alice:{PLAIN}secret\nbob:{PLAIN}secret\n")
        passwords.chmod(0o600)
        self.path = str(self.folder / "bridge.sock")
        self.bridge = FakeBridge(self.path)
        self.daemon = SyncmlDaemon(
            self.folder, login={"password-file": passwords},
            alerts={"bridge-socket": self.path, "delay": "1s", "repeats": repeats}, **more)
        suite.on_failure = lambda: self.daemon.log_text()[-2000:]

    def __enter__(self):
        self.daemon.start()
        self.a, self.b = self.phone("A"), self.phone("B")
        self.a.sync(201)
        self.b.sync(201)
        return self

    def __exit__(self, kind, value, trace):
        self.daemon.__exit__(kind, value, trace)
        self.bridge.close()
        if kind is None:
            equal(self.bridge.complaints, [], "what the bridge did not like")

    def phone(self, device, user="alice", database="card"):
        return Phone(self.daemon.port, "/sync", user, "secret", device, database)

    def change(self, name):
        self.a.sync(200, {name: card(name)})

    def events(self, count=0):
        if count:
            self.bridge.wait_batches(count)
        return self.bridge.events_of("alice")

    def quiet(self, seconds):
        """How many more events come within that time."""
        before = len(self.events())
        time.sleep(seconds)
        return len(self.events()) - before

    def settled(self):
        """Nothing is noted any more."""
        eventually(lambda: not list((self.folder / "state" / "alerts").iterdir()),
                   "the folder of notes to be empty")

    def pim(self, *arguments):
        return self.daemon.ctl("pim", *arguments, "--store", str(self.folder / "state"))


@suite.test
def the_other_device_is_alerted_until_it_synchronises():
    with Site("alert") as site:
        bob = site.phone("B", "bob")  # the name of a device is not the user's alone
        bob.sync(201)
        site.change("Ann")
        event = site.events(1)[0]
        equal((event["name"], event["device"], event["databases"], event["package-type"]),
              ("DataChange", "B", "contacts", SAN), "event")
        said = decode(base64.b64decode(event["package"]))
        equal({**said, "session": 0},
              {"version": 12, "ui": 1, "by-server": 1, "zeros": 0, "session": 0,
               "server": "fantail", "syncs": [(206, "card")]}, "package")
        check(said["session"] != 0, "session id")
        # Again, with the same session.
        again = site.events(2)[1]
        equal(decode(base64.b64decode(again["package"])), said, "the second one")
        site.b.sync(200)
        equal(list(site.b.items.values())[0].count("Ann") > 0, True, "the change")
        site.settled()
        site.bridge.forget()
        equal(site.quiet(3), 0, "alerts after it has synchronised")
        # The next change is a series of its own.
        site.change("Eve")
        other = decode(base64.b64decode(site.events(1)[0]["package"]))
        check(other["session"] != said["session"], "a session id of its own")
        equal({event["device"] for event in site.events()}, {"B"}, "who is alerted")
        equal(site.bridge.events_of("bob"), [], "of another user's changes")


@suite.test
def after_the_last_repeat_it_is_left_alone():
    with Site("alert-repeats", "1s;1s") as site:
        site.change("Ann")
        site.events(3)
        equal(site.quiet(4), 0, "more alerts")
        site.settled()


@suite.test
def several_changes_are_one_alert():
    with Site("alert-many", "30min") as site:
        for number in range(4):
            site.change(f"Ann{number}")
        site.events(1)
        equal(site.quiet(3), 0, "more alerts")


@suite.test
def a_crash_forgets_nothing():
    with Site("alert-crash") as site:
        site.change("Ann")
        site.daemon.kill()  # before it could be told
        equal(site.events(), [], "events")
        site.daemon.start()
        said = decode(base64.b64decode(site.events(1)[0]["package"]))
        site.daemon.kill()
        site.daemon.start()
        again = site.events(2)
        equal(decode(base64.b64decode(again[1]["package"])), said, "after a second one")


@suite.test
def an_alert_that_was_sent_and_not_noted_is_the_same_again():
    with Site("alert-unnoted", "30min") as site:
        site.bridge.mode = "stall-batch"  # it has it, and never says so
        site.change("Ann")
        said = decode(base64.b64decode(site.events(1)[0]["package"]))
        site.daemon.kill()
        site.bridge.mode = "ok"
        site.daemon.start()
        again = site.events(2)
        equal(decode(base64.b64decode(again[1]["package"])), said, "after a crash")


@suite.test
def a_bridge_that_was_away_is_told_later():
    with Site("alert-away", "30min") as site:
        site.bridge.mode, site.bridge.code = "no", "full"
        site.change("Ann")
        line = eventually(lambda: re.search("cannot alert devices: .*", site.daemon.log_text()),
                          "a line of the log")
        check("not now; trying again" in line[0], line[0])
        site.bridge.mode = "ok"
        site.bridge.forget()
        # Half a minute is what it waits.
        batches = site.bridge.wait_batches(1, seconds=120)
        equal(batches[0].events[0]["device"], "B", "device")
        equal(len(re.findall("cannot alert devices", site.daemon.log_text())), 1, "lines")
        eventually(lambda: "devices are alerted again" in site.daemon.log_text(), "the other line")


@suite.test
def what_fantailctl_changes_is_told_to_all():
    with Site("alert-import", "30min") as site:
        path = site.folder / "new.vcf"
        path.write_text(card("Ann"))
        site.pim("import", "alice", str(path))
        equal({event["device"] for event in site.events(2)}, {"A", "B"}, "devices")
        site.a.sync(200)
        site.b.sync(200)
        # Without a daemon to tell it to.
        site.daemon.stop()
        site.bridge.forget()
        path.write_text(card("Eve"))
        site.pim("import", "alice", str(path))
        site.daemon.start()
        equal({event["device"] for event in site.events(2)}, {"A", "B"}, "devices")


@suite.test
def sync_now_says_who_was_alerted():
    with Site("alert-now") as site:
        rows = site.daemon.ctl_json("sync", "now", "alice")
        equal([(row["device"], row["databases"], row["alerted"], row["registered"])
               for row in rows], [("A", "contacts", True, False), ("B", "contacts", True, False)],
              "rows")
        equal({event["device"] for event in site.events()}, {"A", "B"}, "events")
        site.bridge.forget()
        result = site.daemon.ctl("sync", "now", "alice", "B")
        check("no way to the device" in result.stdout, f"for people: {result.stdout}")
        equal([event["device"] for event in site.events()], ["B"], "events")
        for arguments in (("alice", "C"), ("nobody",)):
            result = site.daemon.ctl("sync", "now", *arguments, check=False)
            equal(result.returncode, 67, f"{arguments}: {result.stderr}")
        equal(site.quiet(3), 0, "repeats of what was asked for")
        site.bridge.mode = "no"
        result = site.daemon.ctl("sync", "now", "alice", "B", check=False)
        check(result.returncode == 75 and "no: not now" in result.stdout, str(result))


@suite.test
def a_device_with_a_secret_can_verify_it():
    with Site("alert-secret", "30min") as site:
        password = site.daemon.ctl("sync-password", "alice", "B").stdout.strip()
        site.change("Ann")
        package = base64.b64decode(site.events(1)[0]["package"])
        said = decode(package, secret_of("fantail", password))
        equal(said["syncs"], [(206, "card")], "databases")


@suite.test
def a_phone_of_1_1_is_sent_a_message():
    with Site("alert-1.1", "30min") as site:
        old = Phone(site.daemon.port, "/sync", "alice", "secret", "OLD", version="1.1")
        old.sync(201)
        site.change("Ann")
        event = [event for event in site.events(2) if event["device"] == "OLD"][0]
        equal(event["package-type"], MESSAGE, "type")
        message = ElementTree.fromstring(base64.b64decode(event["package"]))
        for element in message.iter():
            element.tag = element.tag.rpartition("}")[2]
        header = message.find("SyncHdr")
        session = header.findtext("SessionID")
        equal((header.findtext("VerProto"), header.findtext("MsgID"),
               header.findtext("Target/LocURI"), header.findtext("Source/LocURI")),
              ("SyncML/1.1", "1", "OLD", "/sync"), "header")
        equal([(alert.findtext("Data"), alert.findtext("Item/Source/LocURI"))
               for alert in message.iter("Alert")], [("206", "card")], "alerts")
        # It answers in that session, by what it was asked for.
        old.sync(206, answers=int(session))
        check(any("Ann" in text for text in old.items.values()), f"the change: {old.items}")


@suite.test
def rules_keep_devices_out():
    rules = scratch_dir("alert-rule-file") / "rules"
    rules.write_text("[left alone]\ndevice-id = B\nno-alerts = yes\n")
    with Site("alert-rules", "30min", syncml={"rules": rules}) as site:
        site.change("Ann")
        site.settled()
        equal(site.events(), [], "events")
        result = site.daemon.ctl("sync", "now", "alice", "B", check=False)
        check("a rule says" in result.stdout, f"why: {result.stdout}")


@suite.test
def without_a_bridge_nothing_is_noted():
    with Site("alert-off") as site:
        site.daemon.sections["alerts"]["bridge-socket"] = "none"
        site.daemon.write_config()
        site.daemon.reload()
        site.change("Ann")
        check(not (site.folder / "state" / "alerts").exists(), "a folder of notes")
        result = site.daemon.ctl("sync", "now", "alice", check=False)
        equal(result.returncode, 78, "exit status")
        check("bridge-socket" in result.stderr, f"remedy: {result.stderr}")
        equal(site.events(), [], "events")


suite.run()
