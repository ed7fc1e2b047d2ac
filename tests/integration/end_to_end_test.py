#!/usr/bin/env python3
"""The whole road: registration over IMAP, delivery over LMTP, a decrypted push."""

import base64
import json
import os
import signal
import threading
import time

from bridge import Bridge, LineClient, line
from phone import Phone, command, untagged
from scratch import MAIL_CORPUS, scratch_dir, wait_for
from stack import Stack
from tap import Suite, check, equal, eventually
from webhook_receiver import WebhookReceiver

suite = Suite("end to end")
MESSAGE = b"From: Zoe <zoe@example.org>\r\nSubject: lunch?\r\n\r\nAt noon, by the bridge.\r\n"


def mail_pushes(stack, phone, path=None):
    """What arrived for the phone but confirmations."""
    return [row for row in stack.service.requests(path or phone.path())
            if "ACKWEBPUSH" not in (row.get("plaintext") or "")]


def wait_pushes(stack, phone, count):
    return eventually(lambda: (lambda rows: rows if len(rows) >= count else None)(
        mail_pushes(stack, phone)), f"{count} pushes to {phone.name}")


@suite.test
def a_delivery_reaches_the_phone_and_nothing_before_it_has_confirmed():
    phone = Phone()
    with Stack("e2e", [phone]) as stack:
        imap = stack.dovecot.imap("alice")
        check(b"WEBPUSH" in imap.capability()[1][0], "WEBPUSH among the capabilities")
        status, data, webpush, vapid = phone.subscribe(imap, stack.service.url + phone.path())
        equal(status, "OK", f"WEBPUSH ({data})")
        equal(len(webpush), 1, "untagged WEBPUSH")
        equal(len(vapid), 1, "untagged VAPID")
        token = phone.wait_token(stack.service)
        equal(stack.dovecot.deliver("alice", MESSAGE), {}, "refused")
        time.sleep(0.5)
        equal(mail_pushes(stack, phone), [], "pushes before the confirmation")
        equal(phone.confirm(imap, "wrong-token")[0], "NO", "a wrong token")
        equal(phone.confirm(imap, token)[0], "OK", "the right token")
        equal(stack.dovecot.deliver("alice", MESSAGE), {}, "refused")
        push = wait_pushes(stack, phone, 1)[0]
        check("INBOX" in push.get("plaintext", ""), f"INBOX in {push['plaintext']!r}")
        check("lunch" not in push.get("plaintext", ""), "no content unless asked for")
        headers = push["headers"]
        equal(headers["content-encoding"], "aes128gcm", "content-encoding")
        check(int(headers["ttl"]) > 0, "ttl")
        check(headers["authorization"].startswith("vapid t="), "authorization")
        check(len(headers["topic"]) <= 32, "topic")
        equal(stack.dovecot.problems(), [], "problems in Dovecot's log")


@suite.test
def content_travels_when_asked_for():
    phone = Phone()
    with Stack("content", [phone]) as stack:
        phone.register(stack.dovecot.imap("alice"), stack.service, "(CONTENT)")
        stack.dovecot.deliver("alice", MESSAGE)
        text = wait_pushes(stack, phone, 1)[0]["plaintext"]
        for part in ("lunch?", "zoe", "INBOX 1 EXISTS", "INBOX 1 FETCH (UID 1 ENVELOPE ("):
            check(part in text, f"{part} in {text!r}")
        stack.dovecot.deliver("alice", MESSAGE)
        text = wait_pushes(stack, phone, 2)[1].get("plaintext", "")
        check("INBOX 2 EXISTS\r\nINBOX 2 FETCH (UID 2 " in text, f"the second in {text!r}")


@suite.test
def every_message_of_the_corpus_arrives():
    phone = Phone()
    with Stack("corpus", [phone]) as stack:
        phone.register(stack.dovecot.imap("alice"), stack.service, "(CONTENT)")
        messages = sorted(MAIL_CORPUS.glob("*.eml"))
        check(len(messages) >= 8, "a corpus")
        for number, message in enumerate(messages, 1):
            equal(stack.dovecot.deliver("alice", message.read_bytes()), {}, message.name)
            wait_pushes(stack, phone, number)
        for push in mail_pushes(stack, phone):
            check(push.get("plaintext", ""), f"decrypted: {push}")


@suite.test
def events_and_mailboxes_are_filtered():
    phone, other = Phone("lists"), Phone("flags")
    with Stack("filter", [phone, other], queue={"state_delay": "0ms"}) as stack:
        imap = stack.dovecot.imap("alice")
        imap.create("Lists/a")
        phone.register(imap, stack.service, '(MAILBOXES ("Lists/*") EVENTS (MessageAppend))')
        other.register(imap, stack.service, "(EVENTS (MessageRead FlagsSet MessageExpunge))")
        stack.dovecot.deliver("alice", MESSAGE)
        imap.append("Lists/a", None, None, MESSAGE)
        wait_pushes(stack, phone, 1)
        imap.select("INBOX")
        imap.store("1", "+FLAGS", "\\Seen")
        text = wait_pushes(stack, other, 1)[-1]["plaintext"]
        check("INBOX" in text, f"INBOX in {text!r}")
        equal(len(mail_pushes(stack, phone)), 1, "pushes to the phone that hears of Lists only")


@suite.test
def a_change_of_data_reaches_the_app_that_it_is_for_and_its_webhook():
    package = bytes(range(1, 60))
    app, other, mail = Phone("app"), Phone("other"), Phone("mail")
    receiver = WebhookReceiver()
    webhooks = {f"webhook {name}": {"url": f"{receiver.url}/{name}", "events": events}
                for name, events in (("data", "DataChange"), ("mail", "all"))}

    def change(stack, package, database, device):
        client = LineClient(stack.bridge.socket)
        event = line("EVENT", name="DataChange", time=int(time.time() * 1e6), user="alice",
                     device=device, databases=database,
                     package=base64.b64encode(package).decode(),
                     package_type="application/vnd.syncml.ds.notification")
        verdict, answer, _ = client.request("BATCH", event, batch=os.urandom(16).hex(),
                                            user="alice", count=1)
        client.close()
        equal(verdict, "OK", f"the batch: {answer}")
        return int(answer["queued"])

    stack = Stack("data", [app, other, mail], queue={"state_delay": "0"}, **webhooks)
    stack.bridge.sections["http"]["allowed-endpoints"] = f"{stack.service.url};{receiver.url}"
    stack.bridge.write_config()
    with stack:
        imap = stack.dovecot.imap("alice")
        app.register(imap, stack.service, '(EVENTS (DataChange) MAILBOXES ("Nowhere"))')
        other.register(imap, stack.service, "(EVENTS (MessageNew DataChange))")
        mail.register(imap, stack.service)
        equal(change(stack, package, "contacts calendar", app.id), 2, "notifications")
        [push] = wait_pushes(stack, app, 1)
        equal(push["plaintext"], "^ DATACHANGE (contacts calendar) "
              f"application/vnd.syncml.ds.notification {base64.b64encode(package).decode()}\r\n",
              "what the push says")
        equal(push["headers"]["urgency"], "normal", "urgency")
        check(int(push["headers"]["ttl"]) <= 3600, "a short life")
        # One for which a push has no room.
        equal(change(stack, bytes(4000), "notes", app.id), 2, "notifications")
        equal(wait_pushes(stack, app, 2)[1]["plaintext"], "^ DATACHANGE (notes)\r\n",
              "what the second says")
        eventually(lambda: len(receiver.snapshot()) >= 2, "both at the webhook")
        first, second = receiver.snapshot()
        equal(first["path"], "/data", "the webhook")
        time_said = first["json"].pop("time")
        check(time_said.endswith("Z"), f"a time: {time_said}")
        equal(first["json"], {
            "type": "data.changed", "webhook": "data", "user": "alice",
            "data": {"events": ["DataChange"], "device": app.id,
                     "databases": "contacts calendar",
                     "package-type": "application/vnd.syncml.ds.notification",
                     "package": base64.b64encode(package).decode()}}, "the webhook's body")
        equal(base64.b64decode(second["json"]["data"]["package"]), bytes(4000), "the second")
        # Mail goes on as before, to those who asked for it.
        stack.dovecot.deliver("alice", MESSAGE)
        wait_pushes(stack, other, 1)
        wait_pushes(stack, mail, 1)
        told = eventually(lambda: [row["json"] for row in receiver.snapshot()
                                   if row["path"] == "/mail"], "mail at the webhook of mail")
        check(all("DataChange" not in body["data"]["events"] for body in told),
              f"\"all\" is all of mail: {told}")
        equal([row["path"] for row in receiver.snapshot()].count("/data"), 2, "of data")
        equal([len(mail_pushes(stack, phone)) for phone in (app, other, mail)], [2, 1, 1],
              "pushes")
    receiver.close()


@suite.test
def another_user_hears_nothing():
    phone = Phone()
    with Stack("others", [phone]) as stack:
        phone.register(stack.dovecot.imap("alice"), stack.service)
        stack.dovecot.deliver("bob", MESSAGE)
        stack.dovecot.deliver("alice", MESSAGE)
        wait_pushes(stack, phone, 1)
        time.sleep(0.3)
        equal(len(mail_pushes(stack, phone)), 1, "pushes")


@suite.test
def a_dead_endpoint_loses_its_registration():
    phone = Phone()
    with Stack("gone", [phone]) as stack:
        imap = stack.dovecot.imap("alice")
        phone.register(imap, stack.service)
        # The same phone moves to an endpoint that is gone: it cannot confirm there,
        # so its registration is tried with a confirmation push only.
        status, data, _, _ = phone.subscribe(imap, stack.service.url + phone.path("status/410"))
        equal(status, "OK", data)
        eventually(lambda: stack.service.requests(phone.path("status/410")), "the try")
        eventually(lambda: [row for row in stack.bridge.ctl_json("devices", "list", "alice")
                             if row["state"] == "dead"], "the device to be dead")


@suite.test
def the_bridge_away_loses_nothing_and_delays_nobody():
    phone = Phone()
    with Stack("away", [phone]) as stack:
        phone.register(stack.dovecot.imap("alice"), stack.service)
        stack.bridge.kill()
        for _ in range(5):
            equal(stack.dovecot.deliver("alice", MESSAGE), {}, "refused")
        check(len(stack.bridge.spooled()) >= 5, "spool files")
        stack.bridge.start()
        wait_pushes(stack, phone, 1)
        eventually(lambda: not stack.bridge.spooled(), "the spool to empty")


@suite.test
def the_bridge_stopped_loses_nothing():
    phone = Phone()
    with Stack("stopped", [phone]) as stack:
        phone.register(stack.dovecot.imap("alice"), stack.service)
        stack.bridge.signal(signal.SIGSTOP)
        for _ in range(3):
            equal(stack.dovecot.deliver("alice", MESSAGE), {}, "refused")
        stack.bridge.signal(signal.SIGCONT)
        wait_pushes(stack, phone, 1)
        eventually(lambda: not stack.bridge.spooled(), "the spool to empty")
        batches = stack.bridge.scrape()
        check(batches, "metrics")


@suite.test
def who_keeps_talking_does_not_keep_the_bridge():
    with Bridge(scratch_dir("e2e-talk")) as bridge:
        requests = (line("WANT", 1, user="alice") * 5000).encode()

        def talk(client, act):
            try:
                while act(client):
                    pass
            except OSError:
                pass  # it has stopped

        clients = [LineClient(bridge.socket) for _ in range(32)]
        for client in clients:
            for act in (lambda one: one.sock.sendall(requests) is None,
                        lambda one: one.sock.recv(65536)):
                threading.Thread(target=talk, args=(client, act), daemon=True).start()
        time.sleep(0.5)
        start = time.monotonic()
        bridge.stop()
        took = time.monotonic() - start
        # It gives them five seconds, and then ends with the turn it is at, in which each
        # has its requests answered: seconds, on a machine that is busy elsewhere.
        check(took < 30, f"it stops all the same: {took:.1f} s")


@suite.test
def coi_dialect_registers_over_metadata():
    phone = Phone("coi")
    settings = {"fantail_webpush_dialect": "coi"}
    stack = Stack("coi", [phone], dovecot={"extra": "imap_metadata = yes\n"})
    stack.dovecot.settings.update(settings)
    stack.dovecot.write_config()
    with stack:
        imap = stack.dovecot.imap("alice")
        prefix = "/private/vendor/vendor.dovecot/webpush"
        body = json.dumps({
            "client": "test", "device": "phone", "msgtype": "all",
            "resource": {"endpoint": stack.service.url + phone.path(),
                         "keys": dict(zip(("p256dh", "auth"), phone.keys()))},
        })
        literal = body.replace("\\", "\\\\").replace('"', '\\"')
        status, data = command(imap, "SETMETADATA", '""',
                               f'({prefix}/subscriptions/{phone.id} "{literal}")')
        equal(status, "OK", data)

        def validation():
            for request in stack.service.requests(phone.path()):
                if "webpush-validation" in request["headers"]:
                    return json.loads(request.get("plaintext", "{}"))["validation"]
            return None

        token = wait_for("the validation push", validation)
        status, data = command(imap, "SETMETADATA", '""',
                               f'({prefix}/subscriptions/{phone.id}/validate "{token}")')
        equal(status, "OK", data)
        stack.dovecot.deliver("alice", MESSAGE)
        rows = eventually(lambda: [row for row in stack.service.requests(phone.path())
                                   if "webpush-validation" not in row["headers"]], "a push")
        equal(json.loads(rows[0]["plaintext"])["folder"], "INBOX", "folder")


@suite.test
def reload_with_a_broken_config_keeps_the_old_one():
    phone = Phone()
    with Stack("reload", [phone]) as stack:
        phone.register(stack.dovecot.imap("alice"), stack.service)
        good = stack.bridge.config.read_text()
        stack.bridge.config.write_text(good + "\n[queue]\nmax-pendign=1\n")
        stack.bridge.signal(signal.SIGHUP)
        eventually(lambda: "max-pendign" in stack.bridge.log_text(), "the error")
        stack.dovecot.deliver("alice", MESSAGE)
        wait_pushes(stack, phone, 1)
        stack.bridge.config.write_text(good)
        equal(stack.bridge.ctl("reload").returncode, 0, "reload")


@suite.test
def listing_and_removing_over_imap():
    phone = Phone()
    with Stack("list", [phone]) as stack:
        imap = stack.dovecot.imap("alice")
        phone.register(imap, stack.service)
        status, data = command(imap, "LWEBPUSH")
        equal(status, "OK", data)
        check(any(phone.id in row for row in untagged(imap, "LWEBPUSH") + untagged(imap, "WEBPUSH")),
              "the subscription is listed")
        equal(command(imap, "WEBPUSH", phone.id, "NIL")[0], "OK", "removal")
        equal(command(imap, "WEBPUSH", "unknown-subscription", "NIL")[0], "OK",
              "removal of an unknown one")
        stack.dovecot.deliver("alice", MESSAGE)
        time.sleep(0.5)
        equal(mail_pushes(stack, phone), [], "pushes after removal")


@suite.test
def an_inner_address_is_refused_at_registration():
    phone = Phone()
    with Stack("ssrf", [phone], http={"allowed_endpoints": "192.0.2.1"}) as stack:
        imap = stack.dovecot.imap("alice")
        for endpoint in (stack.service.url + phone.path(), "https://localhost/x",
                         "https://169.254.169.254/latest", "http://push.example.org/x",
                         "https://[::1]/x", "https://2130706433/"):
            status, data, _, _ = phone.subscribe(imap, endpoint)
            equal(status, "NO", f"{endpoint}: {data}")
        equal(stack.service.requests(), [], "requests")


if __name__ == "__main__":
    os.umask(0o022)
    suite.run()
