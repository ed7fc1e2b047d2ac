#!/usr/bin/env python3
"""What scripts/demo shows; run that."""

import argparse
import datetime
import email
import email.policy
import json
import os
import pathlib
import signal
import sys
import time

from phone import Phone, command
from scratch import BUILD, MAIL_CORPUS, TOP, wait_for
from stack import Stack

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


def deliver(stack, phone, path, arrived):
    """One message; returns milliseconds from LMTP's final answer to arrival."""
    message = path.read_bytes()
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    try:
        subject = str(parsed["subject"] or "(no subject)")
    except Exception:  # a corpus has broken headers
        subject = "(unreadable subject)"
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
    return wait


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo")
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--dialect", choices=["gougeon", "coi"], default="gougeon")
    options = parser.parse_args()
    # Ctrl-C and TERM end it the same way: by cleaning up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    phone = Phone("demo-phone")
    step("Starting a push service, the bridge and a Dovecot with our modules")
    dovecot = {"extra": "imap_metadata = yes\n"}
    stack = Stack("demo", [phone], dovecot=dovecot)
    stack.dovecot.settings["fantail_webpush_dialect"] = options.dialect
    stack.dovecot.write_config()
    with stack:
        print(f"  push service   {stack.service.url} (HTTP/2, decrypts with npm http_ece)")
        print(f"  fantail-bridge pid {stack.bridge.process.pid}, state in {stack.bridge.state}")
        print(f"  Dovecot        IMAP 127.0.0.1:{stack.dovecot.imap_port}, "
              f"LMTP 127.0.0.1:{stack.dovecot.lmtp_port}")
        step("The phone registers over IMAP, as alice")
        register(stack, phone, options.dialect)
        step("Mail is delivered over LMTP; each push, decrypted")
        waits = []
        for path in sorted(MAIL_CORPUS.glob("*.eml")):
            waits.append(deliver(stack, phone, path, len(waits)))
        step(f"{len(waits)} messages, {len(waits)} pushes; median "
             f"{sorted(waits)[len(waits) // 2]:+.1f} ms from the end of the LMTP transaction")
        print("  (less than zero: the push was there before LMTP's answer was read)")
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
