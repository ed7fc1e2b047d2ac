#!/usr/bin/env python3
"""Push services that misbehave: each answer ends in done, in a retry at a stated time or
in the registration dropped; and a healthy service beside them all is not held up.

Every behaviour has a push service of its own, since what is in flight is bounded per
origin."""

import time

from phone import PhonesPushService, Phone
from scratch import wait_for
from stack import Stack
from tap import Skip, Suite, check, equal, eventually

suite = Suite("hostile push services")
MESSAGE = b"From: Zoe <zoe@example.org>\r\nSubject: lunch?\r\n\r\nAt noon.\r\n"

# behaviour (path of push-service.mjs), service options, what becomes of a delivery's push
ROWS = [
    ("ok", [], "done"),
    ("status/200", [], "done"),
    ("status/204", [], "done"),
    ("status/400", [], "dropped"),
    ("status/404", [], "device gone"),
    ("status/410", [], "device gone"),
    ("status/413", [], "dropped"),
    ("429?retry-after=600", [], "retry"),
    ("status/500", [], "retry"),
    ("status/503", [], "retry"),
    ("redirect", [], "retry"),
    ("reset", [], "retry"),
    ("rst", [], "retry"),
    ("stall", [], "retry"),
    ("garbage", ["--http1-only"], "retry"),
    ("stall", ["--http1-only"], "retry"),
    ("big", [], "done"),
    ("big", ["--http1-only"], "done"),
    ("headers?bytes=100000", [], "retry"),
    ("headers?bytes=100000", ["--http1-only"], "retry"),
]


class HostilePhone(Phone):
    """Its endpoint is one path of a service that behaves in one way only."""

    def __init__(self, number, behaviour, options):
        super().__init__(f"phone{number}")
        self.user = f"user{number}"
        self.behaviour = behaviour
        self.options = options
        self.label = behaviour + (" over HTTP/1.1" if options else "")

    def secrets(self):
        return [{**super().secrets()[0], "path": "*"}]

    def path(self, behaviour=None):
        name, question, query = self.behaviour.partition("?")
        return f"/{name}/{self.id}{question}{query}"


class Field:
    """One stack, a healthy phone and a phone for each row; made once for all tests."""

    def __init__(self):
        self.healthy = Phone("healthy")
        self.stack = Stack("hostile", [self.healthy], http={"timeout": "2s"})
        self.phones = [HostilePhone(number, behaviour, options)
                       for number, (behaviour, options, _) in enumerate(ROWS)]
        self.services = {
            phone: PhonesPushService(self.stack.folder / phone.name, [phone], phone.options)
            for phone in self.phones}
        # Each has a CA of its own; the bridge trusts them all.
        bundle = self.stack.folder / "all.pem"
        services = [self.stack.service, *self.services.values()]
        bundle.write_text("".join(open(service.ca).read() for service in services))
        self.stack.bridge.sections["http"]["ca-file"] = bundle
        self.stack.bridge.sections["http"]["allowed-endpoints"] = ";".join(
            service.url for service in services)
        self.stack.bridge.write_config()
        self.stack.__enter__()
        self.healthy.register(self.stack.dovecot.imap("alice"), self.stack.service)
        for phone in self.phones:
            self.register(phone)
        self.latest = {phone: len(self.services[phone].requests()) for phone in self.phones}
        self.started = time.time()
        for phone in self.phones:
            refused = self.stack.dovecot.deliver(phone.user, MESSAGE)
            equal(refused, {}, f"{phone.label}: refused")

    def register(self, phone):
        """The token is read at the service, whatever that answered; only where the
        answer said that the device is gone can it not be confirmed."""
        service = self.services[phone]
        imap = self.stack.dovecot.imap(phone.user)
        status, text, _, _ = phone.subscribe(imap, service.url + phone.path())
        equal(status, "OK", f"{phone.label}: {text}")
        try:
            token = phone.wait_token(service, phone.path())
        except TimeoutError as error:
            raise TimeoutError(f"{phone.label}: {error}: {service.requests()}") from None
        phone.confirm(imap, token)
        imap.logout()

    def device(self, phone):
        rows = self.stack.bridge.ctl_json("devices", "list", phone.user)
        return rows[0] if rows else None

    def waiting(self, phone):
        return self.stack.bridge.ctl_json("queue", phone.user)

    def close(self):
        self.stack.close()
        for service in self.services.values():
            service.close()


field = None


def expect(phone, ending):
    if ending == "device gone":
        eventually(lambda: (field.device(phone) or {"state": "dead"})["state"] == "dead",
                   f"{phone.label}: registration dropped")
    elif ending == "done":
        eventually(lambda: len(field.services[phone].requests()) > field.latest[phone],
                   f"{phone.label}: a push")
        eventually(lambda: not field.waiting(phone), f"{phone.label}: nothing waits")
        equal(field.device(phone)["state"], "active", f"{phone.label}: device")
    elif ending == "dropped":
        eventually(lambda: not field.waiting(phone), f"{phone.label}: nothing waits")
        equal(field.device(phone)["state"], "active", f"{phone.label}: device")
        check(field.device(phone)["last_outcome"], f"{phone.label}: the reason is kept")
    else:
        rows = eventually(lambda: field.waiting(phone), f"{phone.label}: it waits")
        check(all(row["due"] for row in rows), f"{phone.label}: at a stated time: {rows}")
        equal(field.device(phone)["state"], "active", f"{phone.label}: device")


def make_test(phone, ending):
    def test():
        expect(phone, ending)

    test.__name__ = f"{phone.label} ends in: {ending}"
    return test


@suite.test
def a_healthy_service_is_not_held_up():
    """Twenty deliveries, each pushed before the next, while the others stall."""
    for number in range(1, 21):
        equal(field.stack.dovecot.deliver("alice", MESSAGE), {}, "refused")
        wait_for("the healthy push",
                 lambda: len(field.stack.service.requests(field.healthy.path())) > number, 5)


@suite.test
def redirects_are_not_followed():
    for service in field.services.values():
        equal(service.requests("/ok/redirected"), [], "redirected requests")


@suite.test
def retry_after_is_obeyed():
    phone = next(phone for phone in field.phones if phone.behaviour.startswith("429"))
    rows = field.waiting(phone)
    count = len(field.services[phone].requests())
    time.sleep(3)
    equal(len(field.services[phone].requests()), count, "requests while it waits")
    check(rows, "it still waits")


@suite.test
def memory_stays_bounded():
    if field.stack.bridge.is_sanitized():
        raise Skip("AddressSanitizer keeps what is freed")
    check(field.stack.bridge.rss_kib() < 64 * 1024, f"{field.stack.bridge.rss_kib()} KiB")


if __name__ == "__main__":
    field = Field()
    try:
        for one, (_, _, end) in zip(field.phones, ROWS):
            suite.test(make_test(one, end))
        suite.on_failure = lambda: field.stack.bridge.log_text()[-3000:]
        suite.run()
    finally:
        field.close()
