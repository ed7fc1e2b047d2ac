#!/usr/bin/env python3
"""SyncEvolution, a client that is not ours, against fantail-syncml: every mode, every dialect,
two of them, killed and cut off. After each run both sides have the same, and a further run
moves nothing.

    syncml_client_test.py [--long] [WORD...]

--long adds what takes an hour: 1,000 and 10,000 contacts, and first syncs of all kinds that are
killed, or cut off, at each of their messages."""

import os
import pathlib
import re
import signal
import sys

from dovecot import Dovecot
from lossy_proxy import LossyProxy
from scratch import scratch_dir
from syncevolution import Client, available, card, event, normal_all, note, task
from syncml_daemon import SyncmlDaemon, auth_listener
from syncml_phone import Phone
from tap import Skip, Suite, check, equal

suite = Suite("SyncEvolution against fantail-syncml")
LONG = "--long" in sys.argv
ITEMS = 100
MODES = ("slow", "two-way", "one-way-from-local", "one-way-from-remote", "refresh-from-local",
         "refresh-from-remote")
# All of it is one user at one address.
NO_LIMITS = {f"{what}-per-{whom}": 1000 for what in ("logins", "sessions")
             for whom in ("user", "address")}
# Store -> what makes an item of it, and its name and type at the server.
KINDS = {
    "addressbook": (card, "card", "text/vcard"),
    "memo": (note, "note", "text/plain"),
    "calendar": (event, "cal", "text/calendar"),
    "todo": (task, "task", "text/calendar"),
}


class Site:
    """A server with the user alice, a proxy in front of it, and clients of theirs."""

    def __init__(self, name, login=None):
        if not available():
            raise Skip("syncevolution is not installed")
        self.folder = scratch_dir(name)
        if login is None:
            passwords = self.folder / "passwords"
            passwords.write_text("alice:{PLAIN}secret\n")
            passwords.chmod(0o600)
            login = {"password-file": passwords}
        self.daemon = SyncmlDaemon(self.folder / "server", login=login, limits=NO_LIMITS)
        self.looks = 0
        suite.on_failure = lambda: self.daemon.log_text()[-2000:]

    def __enter__(self):
        self.daemon.start()
        self.proxy = LossyProxy(self.daemon.port)
        return self

    def __exit__(self, kind, value, trace):
        self.proxy.close()
        self.daemon.__exit__(kind, value, trace)

    def client(self, name, password="secret", **settings):
        return Client(self.folder / name, f"http://127.0.0.1:{self.proxy.port}/sync", "alice",
                      password, name, **settings)

    def has(self, store):
        """What a phone would be given that has nothing."""
        _, database, content = KINDS[store]
        self.looks += 1
        phone = Phone(self.daemon.port, "/sync", "alice", "secret", f"looker-{self.looks}",
                      database, content)
        phone.sync(205)
        return normal_all(phone.items)

    def same(self, *clients):
        for client in clients:
            for store in client.stores:
                equal(normal_all(client.texts(store)), self.has(store),
                      f"{store} of {client.folder.name}, and the server's")

    def settled(self, *clients):
        """Both sides have the same; a further run moves nothing."""
        self.same(*clients)
        for client in clients:
            report = well(client.sync())
            for store in client.stores:
                equal(report.mode(store), "two-way", f"mode of {store}")
            equal(report.moved(), 0, f"items moved by a further run of {client.folder.name}")
        self.same(*clients)


def well(report):
    equal(report.status, 200, f"status of a sync:\n{report.text}")
    return report


def fill(client, count, first=0):
    for store in client.stores:
        for number in range(first, first + count):
            client.write(store, f"{store}-{number}", KINDS[store][0](number))


def edit(client, tag):
    """One item is new, one is changed, one is gone, in each store."""
    for store in client.stores:
        make = KINDS[store][0]
        names = sorted(client.texts(store))
        client.write(store, f"{store}-{tag}", make(1000 + tag))
        number = int(re.search(r"\d+", client.texts(store)[names[0]])[0])
        client.write(store, names[0], make(number, str(tag)))
        client.delete(store, names[-1])


# --- modes and dialects ---------------------------------------------------------------------


def every_mode(stores):
    with Site("modes") as site:
        client, other = (site.client(name, stores=stores) for name in ("one", "two"))
        fill(client, 6)
        well(client.sync())
        well(other.sync())
        site.settled(client, other)
        for tag, mode in enumerate(MODES, 1):
            # What it does not send this time it never sends; what we do not, we do next time.
            if mode != "one-way-from-remote":
                edit(client, 2 * tag)
            edit(other, 2 * tag + 1)
            well(other.sync())
            report = well(client.sync(mode))
            for store in stores:
                equal(report.mode(store), mode, f"mode of {store}")
            # The client's records: what came one way, it sends once more, unchanged.
            if mode.startswith("one-way"):
                well(client.sync())
            well(other.sync())
            site.settled(client, other)


@suite.test
def every_mode_of_contacts():
    every_mode(("addressbook",))


@suite.test
def every_mode_of_notes_events_and_tasks():
    every_mode(("memo", "calendar", "todo"))


@suite.test
def all_kinds_in_one_session():
    with Site("kinds") as site:
        client, other = (site.client(name, stores=tuple(KINDS)) for name in ("one", "two"))
        fill(client, 4)
        well(client.sync())
        well(other.sync())
        edit(client, 1)
        edit(other, 2)
        for each in (client, other, client):
            well(each.sync())
        site.settled(client, other)


@suite.test
def every_dialect():
    with Site("dialects") as site:
        number = 0
        for version in ("1.0", "1.1", "1.2"):
            for wbxml in (0, 1):
                number += 1
                client = site.client(f"client-{number}", syncMLVersion=version, enableWBXML=wbxml)
                well(client.sync())
                fill(client, 5, 10 * number)
                well(client.sync())
                edit(client, number)
                well(client.sync())
                site.settled(client)
                types = {content for _, content, _ in site.proxy.requests}
                site.proxy.forget()
                equal(types, {f"application/vnd.syncml+{'wbxml' if wbxml else 'xml'}"}, "types")


def many_items(count, size):
    with Site("many") as site:
        client = site.client("one", maxMsgSize=size)
        other = site.client("two", maxMsgSize=size, enableWBXML=0)
        fill(client, count)
        well(client.sync())
        well(other.sync())
        check(max(map(len, site.proxy.answers)) <= size, "no answer is larger than announced")
        for name in sorted(other.texts("addressbook"))[: count // 10]:
            other.delete("addressbook", name)
        well(other.sync())
        well(client.sync())
        site.settled(client, other)
        equal(len(client.texts("addressbook")), count - count // 10, "contacts")


@suite.test
def many_items_in_small_messages():
    many_items(ITEMS, 10240)


# --- two of them ----------------------------------------------------------------------------


@suite.test
def two_at_once():
    with Site("both") as site:
        clients = [site.client(name) for name in ("one", "two")]
        for index, client in enumerate(clients):
            fill(client, 20, 100 * index)
        for tag in range(1, 5):
            running = [(client, client.sessions(), client.start()) for client in clients]
            for client, before, process in running:
                well(client.finish(process, before))
            for client in clients:
                edit(client, 10 * tag + clients.index(client))
        for client in clients + clients:
            well(client.sync())
        site.settled(*clients)


# --- what goes wrong on the way ---------------------------------------------------------------


def at_each_answer(spoil, **settings):
    """Changes on both sides, and a sync in which something happens at the first answer; then
    at the second, until there are no more. spoil(site, client, number) does it, and another
    sync if it takes one."""
    with Site("spoilt") as site:
        client, other = site.client("one", **settings), site.client("two")
        fill(client, 8)
        well(client.sync())
        well(other.sync())
        number = 0
        while True:
            number += 1
            edit(client, 2 * number)
            edit(other, 2 * number + 1)
            well(other.sync())
            site.proxy.forget()
            reached = spoil(site, client, number)
            for each in (other, client):
                well(each.sync())
            site.settled(client, other)
            if not reached:
                break
        check(number > 3, f"there were {number - 1} answers")


@suite.test
def any_answer_lost():
    def lose(site, client, number):
        site.proxy.lose = {number}
        report = client.sync()
        reached = len(site.proxy.answers) >= number
        site.proxy.forget()
        if number == 1:  # it gives up on a server that has not answered yet
            report = client.sync()
        well(report)
        return reached

    at_each_answer(lose, RetryInterval=1, RetryDuration=30)


@suite.test
def any_request_lost():
    def lose(site, client, number):
        site.proxy.lose_requests = {number}
        report = client.sync()
        reached = site.proxy.came >= number
        site.proxy.forget()
        if number == 1:
            report = client.sync()
        well(report)
        return reached

    at_each_answer(lose, RetryInterval=1, RetryDuration=30)


def sync_and_kill(site, client, number):
    """A sync whose client is killed when the server has answered so many messages. Was it?"""
    before = client.sessions()
    process = client.start()

    def watch(count):
        if count < number:
            return True
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return False

    site.proxy.watch = watch
    client.finish(process, before)
    reached = len(site.proxy.answers) >= number
    site.proxy.forget()
    return reached


@suite.test
def killed_at_any_message():
    def kill(site, client, number):
        reached = sync_and_kill(site, client, number)
        well(client.sync())
        return reached

    at_each_answer(kill, maxMsgSize=10240)


# --- the long ones ------------------------------------------------------------------------------


def long_test(function):
    return suite.test(function) if LONG else function


@long_test
def a_thousand_contacts():
    many_items(1000, 20480)


@long_test
def ten_thousand_contacts():
    many_items(10000, 150000)


def first_sync_at_each_message(store, spoil):
    """A client with items and a server with others meet for the first time, and something happens
    at the first message; another pair at the second, until there are no more."""
    number, reached = 0, True
    while reached:
        number += 1
        with Site(f"first-{number}") as site:
            other = site.client("other", stores=(store,))
            fill(other, 60)
            well(other.sync())
            client = site.client("one", stores=(store,), maxMsgSize=4096, RetryInterval=1,
                                 RetryDuration=30)
            fill(client, 60, 30)  # half of them are the same
            site.proxy.forget()
            reached = spoil(site, client, number)
            well(client.sync())
            well(other.sync())
            site.settled(client, other)
            equal(len(client.texts(store)), 90, f"{store} after message {number}")
    check(number > 4, f"there were {number - 1} messages")
    print(f"# {number - 1} messages", flush=True)


def cut_off(what):
    def spoil(site, client, number):
        setattr(site.proxy, what, {number})
        client.sync()
        reached = site.proxy.came >= number
        site.proxy.forget()
        return reached

    return spoil


@long_test
def first_syncs_killed_at_each_message():
    for store in KINDS:
        first_sync_at_each_message(store, sync_and_kill)


@long_test
def first_syncs_without_each_answer():
    for store in KINDS:
        first_sync_at_each_message(store, cut_off("lose"))


@long_test
def first_syncs_without_each_request():
    for store in KINDS:
        first_sync_at_each_message(store, cut_off("lose_requests"))


# --- logins -----------------------------------------------------------------------------------


@suite.test
def logs_in_with_the_mail_password():
    with Dovecot(extra=auth_listener()) as dovecot:
        socket = pathlib.Path(dovecot.socket_dir) / "fantail-auth"
        with Site("mail", {"auth-socket": socket}) as site:
            client = site.client("one")
            fill(client, 3)
            well(client.sync())
            equal(well(client.sync()).moved(), 0, "items moved by a further run")
            wrong = site.client("two", password="wrong").sync()
            equal(wrong.status, 401, f"a wrong password:\n{wrong.text}")


@suite.test
def logs_in_with_a_sync_password():
    passwords = scratch_dir("sync-password") / "passwords"
    passwords.write_text("alice:{PLAIN}secret\n")
    passwords.chmod(0o600)
    with Site("digests", {"password-file": passwords, "basic": "no"}) as site:
        password = site.daemon.ctl("sync-password", "alice", "one").stdout.strip()
        client = site.client("one", password=password)
        fill(client, 3)
        well(client.sync())
        check(any(b"syncml:auth-md5" in body for _, _, body in site.proxy.requests), "md5")
        check(not any(b"syncml:auth-basic" in body for _, _, body in site.proxy.requests),
              "and not basic")
        report = well(client.sync())
        equal(report.moved(), 0, "items moved by a further run")
        wrong = site.client("two", password=password).sync()
        equal(wrong.status, 401, f"another device with that password:\n{wrong.text}")


suite.run([word for word in sys.argv[1:] if word != "--long"])
