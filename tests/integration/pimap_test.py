#!/usr/bin/env python3
"""P-IMAP logins and sessions against a real Dovecot with the configuration that is shipped.
scratch.py says where the module is looked for."""

import base64

from dovecot import Dovecot
from pimap import Phone, SHIPPED, plain
from scratch import MODULES
from tap import Suite, check, equal

suite = Suite("P-IMAP")


def site(extra, **arguments):
    return Dovecot(modules=[MODULES / "pushimap"], protocol_plugins={"imap": "fantail_imap"},
                   settings={"fantail_socket": "/nonexistent/bridge.sock"}, extra=extra,
                   **arguments)


domains = site(SHIPPED)
names = site(plain())
servers = [domains, names]

MAIL = b"Subject: hello\r\n\r\nthere\r\n"


def subjects(phone):
    lines = phone.ok("SELECT INBOX")
    return [line for line in lines if line.endswith(" EXISTS")]


@suite.test
def a_device_sees_its_users_mail():
    """Whatever the name is written like: with a domain and without."""
    for server, user, domain in ((domains, "joe", "foo.com"), (names, "joe", None)):
        equal(server.deliver(f"joe@{domain}" if domain else "joe", MAIL), {}, "refused")
        for device in (None, "P42", "6505551234", "a-b_c.d"):
            with Phone(server, user, device, domain) as phone:
                check(phone.result.startswith("OK "), f"{phone.name}: {phone.result}")
                equal(subjects(phone), ["* 1 EXISTS"], phone.name)


@suite.test
def letters_of_a_name_may_be_large_those_of_a_device_are_kept():
    with Phone(domains, "JOE", "p42", "Foo.COM") as phone:
        equal(subjects(phone), ["* 1 EXISTS"], phone.name)


@suite.test
def a_wrong_password_is_one():
    with Phone(domains, "joe", "P42", "foo.com", password="wrong") as phone:
        check(phone.result.startswith("NO "), phone.result)


@suite.test
def authenticate_takes_a_device_too():
    with Phone(domains, "joe", "P42", "foo.com", login=False) as phone:
        text = base64.b64encode(f"\0{phone.name}\0secret".encode()).decode()
        result = phone.command(f"AUTHENTICATE PLAIN {text}")
        check(result[-1].startswith("OK "), result[-1])
        equal(subjects(phone), ["* 1 EXISTS"], phone.name)


def fresh():
    for server in servers:
        server.start()


if __name__ == "__main__":
    fresh()
    suite.on_failure = lambda: "\n".join(server.log() for server in servers)
    try:
        suite.run()
    finally:
        for server in servers:
            server.close()
