"""The part of scripts/demo with phones that synchronise: two SyncEvolutions with folders of
vCard and iCalendar files, and a fantail-syncml that asks the demo's Dovecot for the password."""

import os
import re
import shutil

from syncevolution import Client
from syncml_daemon import SyncmlDaemon

USER, PASSWORD = "alice", "secret"
WHAT = {"addressbook": "contacts", "calendar": "events"}


def available():
    return shutil.which("syncevolution") is not None


def contact(name, number):
    given, family = name.split()
    return "\r\n".join(("BEGIN:VCARD", "VERSION:3.0", f"N:{family};{given};;;", f"FN:{name}",
                        f"TEL;TYPE=CELL:{number}", "END:VCARD", ""))


def event(title, day):
    return "\r\n".join((
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//demo//EN", "BEGIN:VEVENT",
        f"UID:{day}@demo.example.org", f"SUMMARY:{title}", f"DTSTART:{day}T120000Z",
        f"DTEND:{day}T130000Z", "DTSTAMP:20260101T000000Z", "END:VEVENT", "END:VCALENDAR", ""))


def in_words(text):
    """One line for a card or an event."""
    def value(name):
        found = re.search(rf"^{name}\b[^:\r\n]*:(.*?)\r?$", text, re.MULTILINE)
        return found[1].strip() if found else ""

    if "BEGIN:VCARD" in text:
        return f"{value('FN')}, {value('TEL')}"
    day = re.search(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)", value("DTSTART"))
    return "{}, {}-{}-{} {}:{}".format(value("SUMMARY"), *day.groups())


class Device:
    """A phone as its owner sees it."""

    def __init__(self, folder, url, name):
        self.name = name
        self.client = Client(folder, url, USER, PASSWORD, f"demo-{name}", stores=tuple(WHAT))

    def items(self):
        return {f"{store}/{name}": text for store in self.client.stores
                for name, text in self.client.texts(store).items()}

    def sync(self):
        """The lines that say what it did."""
        before = self.items()
        report = self.client.sync()
        if report.status != 200:
            raise RuntimeError(f"{self.name} could not synchronise: {report.text[-1000:]}")
        after = self.items()
        for name in sorted(before.keys() | after.keys()):
            old, new = before.get(name), after.get(name)
            if old is None:
                yield f"got      {in_words(new)}"
            elif new is None:
                yield f"dropped  {in_words(old)}"
            elif in_words(old) != in_words(new):
                yield f"changed  {in_words(new)}"
        for store, what in WHAT.items():
            sent = [f"{report.values[f'source-{store}-stat-remote-{kind}-total']} {kind}"
                    for kind in ("added", "updated", "removed")
                    if int(report.values.get(f"source-{store}-stat-remote-{kind}-total", 0))]
            if sent:
                yield f"sent     {what}: {', '.join(sent)}"


class Sync:
    def __init__(self, folder, dovecot):
        self.daemon = SyncmlDaemon(
            folder, login={"auth-socket": os.path.join(dovecot.socket_dir, "fantail-auth")})
        self.url = f"http://127.0.0.1:{self.daemon.port}/sync"
        self.store = self.daemon.folder / "state"

    def show(self, step, tell):
        """step(headline), tell(line that somebody waits for)."""
        mobile, tablet = (Device(self.daemon.folder / name, self.url, name)
                          for name in ("mobile", "tablet"))

        def sync(device):
            print(f"  {device.name} synchronises", flush=True)
            for line in device.sync():
                tell(line)

        step("Two devices synchronise contacts and calendar with the same account, over SyncML")
        print(f"  fantail-syncml pid {self.daemon.process.pid}, asks Dovecot for the password; "
              "the devices are SyncEvolution")
        mobile.client.write("addressbook", "1", contact("Pat Example", "+49 30 1234567"))
        mobile.client.write("addressbook", "2", contact("Zoë Sample", "+49 89 7654321"))
        mobile.client.write("calendar", "1", event("Lunch with Zoë", "20270104"))
        sync(mobile)
        sync(tablet)
        step("On the tablet Zoë's number changes, and there is a dinner; the mobile gets both")
        store = "addressbook"
        name = next(name for name, text in tablet.client.texts(store).items() if "Zoë" in text)
        text = tablet.client.texts(store)[name]
        tablet.client.write(store, name, re.sub(r"(?m)^(TEL[^:]*):.*?(\r?)$",
                                                r"\1:+49 89 1111111\2", text))
        tablet.client.write("calendar", "dinner", event("Dinner", "20270105"))
        sync(tablet)
        sync(mobile)
        both = [sorted(map(in_words, device.items().values())) for device in (mobile, tablet)]
        if both[0] != both[1] or len(both[0]) != 4:
            raise RuntimeError(f"the devices differ: {both}")
        print("  Now both have the same:")
        for line in both[0]:
            print(f"    {line}")

    def hints(self, ctl):
        return f"""  another device         any SyncML client: {self.url}, databases contacts and
                           calendar, any user, password "{PASSWORD}"
  who synchronises       {ctl} pim devices --store {self.store} {USER}
  what was overwritten   {ctl} pim history --store {self.store} {USER}"""
