#!/usr/bin/env python3
"""A P-IMAP device's whole road: a real Dovecot with our modules and the configuration that is
shipped, a real bridge, and a real Kannel for what wakes the device; what that says is read by a
decoder that is not ours. scratch.py says where the programs are looked for."""

import re
import time

from bridge import Bridge
from dovecot import Dovecot
from kannel import Kannel, missing
from pimap import SHIPPED, Phone, compare, learn
from scratch import MODULES, scratch_dir
from short_message import EMN, put_together, read_emn, read_push
from tap import Skip, Suite, check, equal, eventually

suite = Suite("P-IMAP, end to end")
USER, DEVICE, DOMAIN, NUMBER = "joe", "P42", "foo.com", "13335559999"
ADDRESS = f"{USER}@{DOMAIN}"
MAIL_UID = 65534


def mail(sender, subject):
    return f"From: {sender}\r\nTo: {ADDRESS}\r\nSubject: {subject}\r\n\r\nhello\r\n".encode()


class Site:
    def __init__(self):
        reason = missing()
        if reason is not None:
            raise Skip(reason)
        folder = scratch_dir("pimap-end-to-end")
        self.kannel = Kannel(folder / "kannel", "s3cret")
        password = folder / "password"
        password.write_text("s3cret\n")
        password.chmod(0o600)
        self.bridge = Bridge(folder / "bridge", mail_uids=[MAIL_UID],
                             http={"allowed_endpoints": self.kannel.origin},
                             webpush={"enabled": "no"},
                             queue={"arrival_delay": "0", "state_delay": "0"},
                             sms={"url": self.kannel.url, "username": "fantail",
                                  "password_file": password},
                             pimap={"channels": "WAP_PUSH"})
        # Time enough on a busy machine: what is not judged in time is a match.
        self.dovecot = Dovecot(scratch=str(folder / "dovecot"), mail_uid=MAIL_UID,
                               modules=[MODULES / "plugins", MODULES / "pushimap"],
                               mail_plugins="notify fantail_event",
                               protocol_plugins={"imap": "fantail_imap"}, extra=SHIPPED,
                               settings={"fantail_socket": self.bridge.socket,
                                         "fantail_spool": self.bridge.spool,
                                         "fantail_deadline": "5000",
                                         "fantail_filter_budget": "5000"})

    def __enter__(self):
        self.kannel.start()
        try:
            self.bridge.start()
            self.dovecot.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *unused):
        self.dovecot.stop()
        if self.bridge.process is not None and self.bridge.process.poll() is None:
            self.bridge.stop()
        self.kannel.stop()

    def phone(self):
        phone = Phone(self.dovecot, USER, DEVICE, DOMAIN)
        check(phone.result.startswith("OK "), phone.result)
        return phone

    def phone_again(self):
        """Once the bridge knows of it, which LOGIN does not wait for."""
        before = self.device()["seen"]  # in seconds
        eventually(lambda: int(time.time()) > before, "the next second")
        phone = self.phone()
        eventually(lambda: self.device()["seen"] > before, "the bridge knows of it")
        return phone

    def desk(self):
        return Phone(self.dovecot, USER, None, DOMAIN)

    def lmtp(self, sender, subject):
        equal(self.dovecot.deliver(ADDRESS, mail(sender, subject)), {}, "refused")

    def lda(self, sender, subject):
        equal(self.dovecot.lda(ADDRESS, mail(sender, subject)), 0, "dovecot-lda")

    def device(self):
        return self.bridge.ctl_json("devices", "show", ADDRESS, DEVICE)

    def sent(self):
        """Wake-ups that were handed over, and those that wait. A delivery ends when the bridge
        has made up its mind, so that what it does not count then will not come."""
        waiting = len(self.bridge.ctl_json("queue"))
        samples = self.bridge.scrape()
        done = samples.get('fantail_sends_total{gateway="sms",outcome="accepted"}', 0)
        return int(done) + waiting

    def wait_wakes(self, count):
        """The last of so many EMNs, once the bridge has it from Kannel that it went."""
        pushes = eventually(lambda: (lambda found: found if len(found) >= count else None)(
            put_together(self.kannel.messages())), f"{count} wake-ups", 120)
        equal(len(pushes), count, "wake-ups")
        eventually(lambda: self.bridge.ctl_json("queue") == [], "an empty queue")
        eventually(lambda: self.device()["last_ok"], "a success that is written down")
        kind, application, document = read_push(pushes[-1])
        equal((kind, application), (EMN, 9), "a notification for emn.ua")
        return read_emn(document)


def session_id(phone):
    return phone.untagged[-1].split(" ", 2)[2]


def missed(lines):
    """What SELECT says beside its usual data."""
    return [line for line in lines if re.search(r" (EXPUNGE|FETCH .*|RESYNC)$", line)]


def selected_again(phone, number):
    """What LOGIN says of the INBOX, which the device had selected."""
    equal(phone.untagged[:2], ["* SESSION SELECTED", "* FOLDER INBOX"], "resumed")
    equal(phone.untagged[-1], f"* SESSIONID {number}", "the same session")
    return phone.untagged[2:-1]


@suite.test
def provision_filter_leave_and_come_back():
    with Site() as site:
        # 1: for the first time
        with site.phone() as phone:
            equal(len(phone.untagged), 1, f"before the tagged OK: {phone.untagged}")
            check(re.fullmatch(r"\* SESSIONID [0-9a-f]{16}", phone.untagged[0]), phone.untagged)
            number = session_id(phone)
            check({"XPROVISION", "XPIMAPPREF", "XFILTER", "IDLE", "LITERAL+"} <=
                  set(re.split(r"[ \]]", phone.result)), phone.result)
            offers = phone.ok("XPROVISION")
            for offer in ("XFILTER_GET (DESC CRITERIA)",
                          "XPIMAPPREF PIMAP_OUTBAND_CHANNEL (WAP_PUSH NONE)",
                          "XPIMAPPREF PIMAP_EVENT_FILTER (ALL NEW NONE)"):
                check(f"* XPROVISION {offer}" in offers, f"{offer} in {offers}")
            for command in ("XSETPIMAPPREF PIMAP_OUTBAND_CHANNEL WAP_PUSH",
                            f"XSETPIMAPPREF PIMAP_OUTBAND_ADDRESS {NUMBER}",
                            "XSETPIMAPPREF PIMAP_EVENT_FILTER NEW",
                            'XFILTER SET BOSS "from the boss" (FROM "boss@foo.com")',
                            "XSETPIMAPPREF PIMAP_XFILTER (INBOX N BOSS)"):
                equal(phone.ok(command), [], command)
            for subject in ("one", "two", "three"):
                site.lmtp("mate@foo.com", subject)
            folder = learn(phone, "INBOX")
            equal([uid for uid, _ in folder.messages], [1, 2, 3], "what it knows")
        equal(site.sent(), 0, "wake-ups for what does not match")

        # 2: away
        site.lmtp("mate@foo.com", "lunch?")
        site.lda("mate@foo.com", "boss@foo.com is here")
        equal(site.sent(), 0, "wake-ups for what does not match")
        site.lda("The Boss <boss@foo.com>", "now")
        document = site.wait_wakes(1)
        stamp = re.search(r'timestamp="(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"', document)
        check(f'mailbox="mailat:{ADDRESS}"' in document and stamp is not None, document)
        when = time.mktime(time.strptime(stamp[1], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
        check(abs(when - time.time()) < 600, f"{stamp[1]} is about now")
        equal([row["to"] for row in site.kannel.messages()], [f"+{NUMBER}"],
              "receivers")
        check("boss" not in document, "no content")
        # One is outstanding, and another one would say nothing new.
        site.lmtp("boss@foo.com", "now!")
        site.lda("boss@foo.com", "now!!")
        equal(site.sent(), 1, "wake-ups while one is outstanding")
        with site.desk() as desk:
            desk.ok("SELECT INBOX")
            desk.ok("STORE 1 +FLAGS.SILENT (\\Flagged $Later)")
            desk.ok("STORE 2,5 +FLAGS.SILENT (\\Deleted)")
            desk.ok("EXPUNGE")
        equal(site.sent(), 1, "wake-ups for flags and expunges")

        # 3: back
        with site.phone_again() as phone:
            lines = selected_again(phone, number)
            equal(missed(lines), ["* 2 EXPUNGE",
                                  "* 1 FETCH (UID 1 FLAGS (\\Flagged $Later))",
                                  "* 3 FETCH (UID 4 FLAGS ())",
                                  "* 4 FETCH (UID 6 FLAGS ())",
                                  "* 5 FETCH (UID 7 FLAGS ())",
                                  "* 6 FETCH (UID 8 FLAGS ())"], "what it missed")
            check(not folder.apply(lines), "RESYNC")
            equal(folder.messages, compare(phone), "the device's copy")
            # Said once, and read: not again.
            phone.ok("NOOP")
            equal(missed(phone.ok("SELECT INBOX")), [], "twice")

        # 4: away again
        site.lmtp("mate@foo.com", "dinner?")
        equal(site.sent(), 1, "wake-ups for what does not match")
        site.lmtp("boss@foo.com", "where are you?")
        site.wait_wakes(2)

        # 5: back again, and it ends the session
        with site.phone_again() as phone:
            lines = selected_again(phone, number)
            equal(len(missed(lines)), 2, f"what it missed: {lines}")
            check(not folder.apply(lines), "RESYNC")
            equal(folder.messages, compare(phone), "the device's copy")
            phone.ok("LOGOUT")
        with site.phone() as phone:
            equal(len(phone.untagged), 1, f"after LOGOUT: {phone.untagged}")
            check(session_id(phone) != number, "another session")
            # What it has chosen outlives the session.
            equal(phone.ok("XGETPIMAPPREFS (PIMAP_OUTBAND_CHANNEL PIMAP_XFILTER)"),
                  ["* XGETPIMAPPREFS (PIMAP_OUTBAND_CHANNEL WAP_PUSH PIMAP_XFILTER (ALL V ALL) "
                   "PIMAP_XFILTER (INBOX N BOSS) PIMAP_XFILTER (ALL N NONE))"], "preferences")
        equal(site.dovecot.problems(), [], "Dovecot's log")


if __name__ == "__main__":
    suite.run()
