#!/usr/bin/env python3
"""What scripts/demo shows; run that."""

import argparse
import contextlib
import datetime
import email
import email.policy
import json
import os
import pathlib
import signal
import socket
import sys
import threading
import time

import demo_sync
from phone import Phone, command
from scratch import BUILD, MAIL_CORPUS, TOP, wait_for
from stack import Stack
from syncml_daemon import auth_listener

BOLD, DIM, GREEN, OFF = ("\033[1m", "\033[2m", "\033[32m", "\033[0m")
if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
    BOLD = DIM = GREEN = OFF = ""


def step(text):
    print(f"\n{BOLD}{text}{OFF}", flush=True)


def subscribe_coi(imap, phone, endpoint):
    prefix = f"/private/vendor/vendor.dovecot/webpush/subscriptions/{phone.id}"
    value = json.dumps({"client": "demo", "device": phone.name, "msgtype": "all", "resource": {
        "endpoint": endpoint,
        "keys": dict(zip(("p256dh", "auth"), phone.keys()))}})
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    print(f"  C: SETMETADATA \"\" ({prefix} {DIM}{{…}}{OFF})")
    return prefix, command(imap, "SETMETADATA", '""', f'({prefix} "{quoted}")')


def register(stack, phone, dialect):
    imap = stack.dovecot.imap("alice")
    endpoint = stack.service.url + phone.path()
    if dialect == "coi":
        prefix, (status, text) = subscribe_coi(imap, phone, endpoint)
        print(f"  S: {status} {text}")

        def validation():
            for row in stack.service.requests(phone.path()):
                if "webpush-validation" in row["headers"]:
                    return json.loads(row["plaintext"])["validation"]
            return None

        token = wait_for("the validation push", validation)
        print(f"  {DIM}pushed to the phone, decrypted: the validation token{OFF}")
        print(f"  C: SETMETADATA \"\" ({prefix}/validate \"{token}\")")
        status, text = command(imap, "SETMETADATA", '""', f'({prefix}/validate "{token}")')
    else:
        print(f"  C: WEBPUSH {phone.id} \"{endpoint}\" \"{phone.keys()[0][:12]}…\" "
              f"\"{phone.keys()[1][:6]}…\" (CONTENT)")
        status, text, webpush, vapid = phone.subscribe(imap, endpoint, "(CONTENT)")
        for row in webpush:
            print(f"  S: * WEBPUSH {row}")
        for row in vapid:
            print(f"  S: * VAPID {row[:40]}…")
        print(f"  S: {status} {text}")
        token = phone.wait_token(stack.service)
        print(f"  {DIM}pushed to the phone, decrypted: ^ ACKWEBPUSH … {token}{OFF}")
        print(f"  C: ACKWEBPUSH {phone.id} \"{token}\"")
        status, text = phone.confirm(imap, token)
    print(f"  S: {status} {text}")
    if status != "OK":
        raise RuntimeError(f"registration failed: {text}")


class MailApp:
    """A connected IMAP session that has said NOTIFY, and notes when each line comes."""

    NOTIFY = "NOTIFY SET (personal (MessageNew MessageExpunge))"

    def __init__(self, port):
        self.told = []
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.reader = self.sock.makefile("rb")
        self.reader.readline()
        self.command("a", 'LOGIN alice "secret"')
        self.answer = self.command("b", self.NOTIFY)
        threading.Thread(target=self.listen, daemon=True).start()

    def command(self, tag, text):
        self.sock.sendall(f"{tag} {text}\r\n".encode())
        while True:
            line = self.reader.readline().decode()
            if not line:
                raise RuntimeError("Dovecot closed the IMAP connection")
            if line.startswith(tag + " "):
                return line.strip()

    def listen(self):
        for line in self.reader:
            self.told.append((time.time(), line.decode(errors="replace").strip()))


def deliver(stack, app, phone, path, arrived):
    """One message; returns milliseconds from LMTP's final answer to each arrival."""
    message = path.read_bytes()
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    try:
        subject = str(parsed["subject"] or "(no subject)")
    except Exception:  # a corpus has broken headers
        subject = "(unreadable subject)"
    before = len(app.told)
    with stack.dovecot.lmtp() as lmtp:
        answers = lmtp.send("sender@example.org", ["alice"], message)
        ended = time.time()
    code, text = answers["alice"]
    if code != 250:
        raise RuntimeError(f"LMTP refused {path.name}: {code} {text}")

    def push():
        rows = [row for row in stack.service.requests(phone.path())
                if "ACKWEBPUSH" not in (row.get("plaintext") or "")
                and "webpush-validation" not in row["headers"]]
        return rows[arrived] if len(rows) > arrived else None

    row = wait_for("the push", push)
    wait = row["at_us"] / 1000 - ended * 1000
    print(f"\n  {path.name}: {subject[:60]}")
    for text in row["plaintext"].replace("\r\n", "\n").strip().split("\n"):
        print(f"    {GREEN}{text[:110]}{OFF}")
    print(f"    {DIM}{len(message):,} bytes of mail, {len(row.get('body') or '') * 3 // 4} bytes "
          f"of push over HTTP/{row['http']}; {wait:+.1f} ms from the end of LMTP{OFF}")
    told, line = wait_for("the NOTIFY line", lambda: app.told[before:])[0]
    told = (told - ended) * 1000
    print(f"    {GREEN}{line[:110]}{OFF}")
    print(f"    {DIM}to the open mail app, over NOTIFY; {told:+.1f} ms from the end of LMTP{OFF}")
    return wait, told


def show_sync(stack, parts):
    """None: there is no client."""
    if not demo_sync.available():
        step("No contacts and calendars: syncevolution, the client, is not installed")
        return None
    sync = demo_sync.Sync(stack.folder / "syncml", stack.dovecot)
    parts.enter_context(sync.daemon)
    sync.show(step, lambda line: print(f"    {GREEN}{line}{OFF}", flush=True))
    return sync


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo")
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--dialect", choices=["gougeon", "coi"], default="gougeon")
    options = parser.parse_args()
    # Ctrl-C and TERM end it the same way: by cleaning up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    phone = Phone("demo-phone")
    step("Starting a push service, the bridge, the hub and a Dovecot with our modules")
    dovecot = {"extra": "imap_metadata = yes\n" + auth_listener(),
               "protocol_plugins": {"imap": "fantail_notify fantail_imap"}}
    stack = Stack("demo", [phone], hub=True, dovecot=dovecot)
    stack.dovecot.settings["fantail_webpush_dialect"] = options.dialect
    stack.dovecot.write_config()
    with contextlib.ExitStack() as parts:
        parts.enter_context(stack)
        print(f"  push service   {stack.service.url} (HTTP/2, decrypts with npm http_ece)")
        print(f"  fantail-bridge pid {stack.bridge.process.pid}, state in {stack.bridge.state}")
        print(f"  fantail-hub    pid {stack.hub.process.pid}")
        print(f"  Dovecot        IMAP 127.0.0.1:{stack.dovecot.imap_port}, "
              f"LMTP 127.0.0.1:{stack.dovecot.lmtp_port}")
        step("The phone registers over IMAP, as alice")
        register(stack, phone, options.dialect)
        step("A mail app is connected, as alice, too")
        app = MailApp(stack.dovecot.imap_port)
        print(f"  C: {app.NOTIFY}\n  S: {app.answer}")
        step("Mail is delivered over LMTP; each push, decrypted, and what the mail app is told")
        waits = []
        for path in sorted(MAIL_CORPUS.glob("*.eml")):
            waits.append(deliver(stack, app, phone, path, len(waits)))
        push, told = (sorted(column)[len(waits) // 2] for column in zip(*waits))
        step(f"{len(waits)} messages; median from the end of the LMTP transaction to the push "
             f"{push:+.1f} ms, to the NOTIFY line {told:+.1f} ms")
        print("  (less than zero: it was there before LMTP's answer was read)")
        sync = show_sync(stack, parts)
        if options.once:
            return 0
        ctl = BUILD / "notify-bridge" / "fantailctl"
        ctl = ctl.relative_to(TOP) if ctl.is_relative_to(TOP) else ctl
        step("It stays up. Try, in another terminal:")
        print(f"""  any mail client        IMAP 127.0.0.1 port {stack.dovecot.imap_port}, no TLS, any user, password "secret"
  another mail           curl -s --mail-from you@example.org --mail-rcpt alice -T FILE.eml \\
                           lmtp://127.0.0.1:{stack.dovecot.lmtp_port}/x
  what the bridge does   {ctl} --socket {stack.bridge.control} status
  a test push            {ctl} --socket {stack.bridge.control} test alice
  what the phone got     tail -f {stack.service.log}
  metrics                curl --unix-socket {stack.bridge.metrics} http://x/metrics
{sync.hints(ctl) if sync else ""}

Ctrl-C stops everything and removes {stack.folder}.""", flush=True)
        seen = len(stack.service.requests())
        while True:
            time.sleep(0.2)
            rows = stack.service.requests()
            for row in rows[seen:]:
                at = datetime.datetime.fromtimestamp(row["at_us"] / 1e6)
                first = (row.get("plaintext") or "").strip().split("\n")[0]
                print(f"  {at:%H:%M:%S} push: {GREEN}{first[:100]}{OFF}", flush=True)
            seen = len(rows)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nstopped, everything removed")
    except (RuntimeError, TimeoutError, OSError) as error:
        sys.exit(f"demo: {error}")
