#!/usr/bin/env python3
"""fantailctl as an operator types it: what it shows, and its exit status."""

import json
import os
import re
import subprocess
import time

from bridge import Bridge, LineClient, line
from phone import Phone
from scratch import BUILD, scratch_dir
from stack import MAIL_UID, Stack
from tap import Skip, Suite, check, equal, eventually
from webhook_receiver import WebhookReceiver

suite = Suite("fantailctl")
MESSAGE = b"From: Zoe <zoe@example.org>\r\nSubject: lunch?\r\n\r\nAt noon.\r\n"
# sysexits.h
OK, USAGE, NOUSER, UNAVAILABLE, IOERR, TEMPFAIL, NOPERM = 0, 64, 67, 69, 74, 75, 77


@suite.test
def shows_and_revokes_devices():
    phone = Phone()
    with Stack("ctl", [phone]) as stack:
        phone.register(stack.dovecot.imap("alice"), stack.service)
        ctl, rows = stack.bridge.ctl, stack.bridge.ctl_json("devices", "list", "alice")
        equal([row["device"] for row in rows], [phone.id], "devices")
        equal(rows[0]["state"], "active", "state")
        check(phone.path() not in json.dumps(rows), "endpoints are shortened")
        shown = stack.bridge.ctl_json("devices", "show", "alice", phone.id)
        check("token" not in json.dumps(shown), "tokens are never shown")
        check(phone.keys()[1] not in json.dumps(shown), "nor is the auth secret")
        check(phone.id in ctl("devices", "show", "alice", phone.id).stdout, "for people, too")
        equal(ctl("devices", "show", "alice", "no-such-device", check=False).returncode, NOUSER,
              "status for an unknown device")
        equal(ctl("devices", "revoke", "alice", phone.id).returncode, OK, "revoke")
        equal(stack.bridge.ctl_json("devices", "list", "alice"), [], "devices")
        equal(ctl("devices", "revoke", "alice", phone.id, check=False).returncode, NOUSER,
              "revoking it again")


@suite.test
def every_kind_is_in_one_list():
    receiver = WebhookReceiver(lambda request: 202 if request["path"] == "/sms" else 200)
    folder = scratch_dir("ctl-kinds")
    password = folder / "password"
    password.write_text("secret\n")
    password.chmod(0o600)
    topic = "com.apple.mail.XServer.1b2f"
    bridge = Bridge(folder, mail_uids=[os.getuid()], http={"allowed_endpoints": receiver.url},
                    sms={"url": receiver.url + "/sms", "username": "u", "password_file": password},
                    pimap={"channels": "SMS"}, apple={"topic": topic},
                    deltapush={"url": receiver.url + "/notify"},
                    **{"webhook hook": {"url": receiver.url + "/hook", "users": "alice"}})
    p256dh, auth = Phone().keys()
    who = {"user": "alice", "gateway": "webpush", "p256dh": p256dh, "auth": auth,
           "endpoint": receiver.url + "/push"}
    requests = (
        ("SUBSCRIBE", {"device": "gougeon-phone", "dialect": "gougeon", "mailbox": "INBOX", **who}),
        ("SUBSCRIBE", {"device": "coi-phone-12", "dialect": "coi", "msgtype": "chat", **who}),
        ("PREFER", {"user": "alice", "device": "P1", "name": "PIMAP_OUTBAND_ADDRESS",
                    "value": "13335559999"}),
        ("PREFER", {"user": "alice", "device": "P1", "name": "PIMAP_OUTBAND_CHANNEL",
                    "value": "SMS"}),
        ("ATTACH", {"user": "alice", "device": "P1", "filter": "ALL", "mailbox": "INBOX"}),
        ("REGISTER", {"user": "alice", "dialect": "apple", "account": "0715", "token": "ab" * 32,
                      "subtopic": "com.apple.mobilemail", "mailbox": ["INBOX", "Notes"]}),
        ("REGISTER", {"user": "alice", "dialect": "deltapush", "token": "openpgp:t"}),
    )
    bridge.start()
    try:
        client = LineClient(bridge.socket)
        for verb, fields in requests:
            verdict, answer, _ = client.request(verb, **fields)
            equal(verdict, "OK", f"{verb}: {answer}")
        bridge.ctl("subscribe", "alice", "IMEI:1", "sms:+491701234567")
        event = line("EVENT", name="MessageNew", time=int(time.time() * 1e6), seq=1, user="alice",
                     mailbox="INBOX", messages=1)
        equal(client.request("BATCH", event, batch="0" * 32, user="alice", count=1)[0], "OK", "mail")
        event = line("EVENT", name="DataChange", time=int(time.time() * 1e6), seq=2, user="alice",
                     device="IMEI:1", databases="contacts", package="YWJj",
                     package_type="application/vnd.syncml.ds.notification")
        equal(client.request("BATCH", event, batch="1" * 32, user="alice", count=1)[0], "OK", "sync")
        bridge.ctl("flush")
        client.close()

        def rows():
            found = {row["device"].split(":")[0]: row for row in bridge.ctl_json("devices")}
            answered = [row for row in found.values()
                        if row["last_outcome"] is not None]
            return found if len(answered) == 7 else None

        found, now = eventually(rows, "an answer for each"), time.time()
        days = {"P1": 92, "apple": 30, "delta": 90}
        for device, kind, dialect, state, told in (
                ("gougeon-phone", "webpush", "gougeon", "inactive", True),
                ("coi-phone-12", "webpush", "coi", "inactive", True),
                ("P1", "pimap", "emn", "active", True),
                ("apple", "apple", "apple", "active", False),
                ("delta", "deltapush", "deltapush", "active", True),
                ("IMEI", "sms", None, "active", True),
                ("hook", "webhook", None, "active", True)):
            row = found.pop(device)
            equal((row["user"], row["kind"], row["dialect"], row["state"]),
                  ("" if device == "hook" else "alice", kind, dialect, state), device)
            equal(row["last_ok"] is not None, told, f"a push was taken, {device}")
            if state == "inactive":
                check(0 < row["expires"] - now < 86400, f"until it is confirmed, {device}")
            elif device in days:
                check(abs(row["expires"] - now - days[device] * 86400) < 3600, f"days, {device}")
            else:
                equal(row["expires"], None, f"for ever, {device}")
        equal(found, {}, "no others")
        # The same for people, as far as columns are not cut.
        lines = bridge.ctl("devices").stdout.splitlines()
        equal(re.split("  +", lines[0]), ["USER", "DEVICE", "STATE", "KIND", "FILTERS", "LAST PUSH",
                                          "LAST ANSWER", "EXPIRES"], "columns")
        table = {re.split("  +", row)[1].split(":")[0]: re.split("  +", row) for row in lines[1:]}
        equal({device: row[4] for device, row in table.items()},
              {"gougeon-phone": "MessageNew in INBOX", "coi-phone-12": "MessageNew, chat only",
               "P1": "ALL in INBOX", "apple": "all in INBOX, Notes", "delta": "MessageNew",
               "IMEI": "DataChange", "hook": "MessageNew"}, "filters")
        check(table["apple"][6].startswith("held back: "), f"{table['apple']}")
        equal(table["delta"][6], "200 OK", "last answer")
    finally:
        bridge.stop()
        receiver.close()


@suite.test
def sends_a_test_push_and_tells_the_answer():
    good, gone = Phone("good"), Phone("gone")
    with Stack("ctl-test", [good, gone]) as stack:
        good.register(stack.dovecot.imap("alice"), stack.service)
        equal(stack.bridge.ctl("test", "alice").returncode, OK, "a good endpoint")
        eventually(lambda: len(stack.service.requests(good.path())) >= 2, "the push")
        gone.subscribe(stack.dovecot.imap("bob"), stack.service.url + gone.path("status/410"))
        eventually(lambda: stack.service.requests(gone.path("status/410")), "the confirmation")
        result = stack.bridge.ctl("test", "bob", gone.id, check=False)
        check(result.returncode != OK, "a dead endpoint")
        check("410" in result.stdout + result.stderr, f"the answer: {result}")
        equal(stack.bridge.ctl("test", "nobody-here", check=False).returncode, NOUSER,
              "an unknown user")


@suite.test
def shows_status_and_queue():
    phone = Phone()
    with Stack("ctl-queue", [phone], queue={"state_delay": "30min"}) as stack:
        imap = stack.dovecot.imap("alice")
        phone.register(imap, stack.service, "(EVENTS (MessageRead))")
        stack.dovecot.deliver("alice", MESSAGE)
        imap.select("INBOX")
        imap.store("1", "+FLAGS", "\\Seen")
        rows = eventually(lambda: stack.bridge.ctl_json("queue"), "a waiting notification")
        equal([row["user"] for row in rows], ["alice"], "users")
        check("alice" in stack.bridge.ctl("queue").stdout, "for people, too")
        before = len(stack.service.requests(phone.path()))
        equal(stack.bridge.ctl("flush", "alice").returncode, OK, "flush")
        eventually(lambda: len(stack.service.requests(phone.path())) > before, "the push")
        eventually(lambda: stack.bridge.ctl_json("queue") == [], "the queue to empty")
        status = stack.bridge.ctl_json("status")
        check(status["version"], f"version in {status}")
        check("alice" not in stack.bridge.ctl("status").stdout, "status names nobody")


@suite.test
def reload_tells_what_is_wrong():
    with Stack("ctl-reload") as stack:
        equal(stack.bridge.ctl("reload").returncode, OK, "a good config")
        good = stack.bridge.config.read_text()
        stack.bridge.config.write_text(good + "\n[queue]\nmax-pendign=1\n")
        result = stack.bridge.ctl("reload", check=False)
        check(result.returncode != OK, "a bad config")
        line = good.count("\n") + 3
        for part in (f"{stack.bridge.config}:{line}:", "max-pendign", "max-pending"):
            check(part in result.stderr, f"{part} in {result.stderr!r}")


@suite.test
def reload_names_what_needs_a_restart():
    with Stack("ctl-restart") as stack:
        bridge = stack.bridge
        changed = {"bridge": {"socket-mode": "0606", "control-mode": "0600", "spool-dir": "/other"},
                   "queue": {"max-pending": "12345", "max-bytes": "12M"}}
        good = bridge.config.read_text()
        for section, keys in changed.items():
            bridge.sections.setdefault(section, {}).update(keys)
        bridge.write_config()
        for time in (1, 2):  # it is so until the restart
            equal(bridge.ctl("reload", check=False).stderr, "", "reload")
            for section, keys in changed.items():
                for key in keys:
                    said = f"[{section}] {key} has changed, which needs a restart"
                    equal(bridge.log_text().count(said), time, said)
        bridge.config.write_text(good)
        before = bridge.log_text().count("needs a restart")
        equal(bridge.ctl("reload").returncode, OK, "as it was")
        equal(bridge.log_text().count("needs a restart"), before, "and nothing is said")


@suite.test
def reload_makes_no_key_for_a_lost_one():
    with Stack("ctl-lost-key") as stack:
        key = stack.bridge.state / "vapid.pem"
        check(f"made a new VAPID key, '{key}'" in stack.bridge.log_text(), "said at the start")
        key.rename(key.with_suffix(".away"))
        result = stack.bridge.ctl("reload", check=False)
        check(result.returncode != OK, "the key is gone")
        check(str(key) in result.stderr, result.stderr)
        check(not key.exists(), "no other key")
        key.with_suffix(".away").rename(key)
        equal(stack.bridge.ctl("reload").returncode, OK, "the key is back")
        equal(stack.bridge.log_text().count("made a new VAPID key"), 1, "keys made")


@suite.test
def exit_status_says_what_is_wrong():
    folder = scratch_dir("ctl-exit")
    program = BUILD / "notify-bridge" / "fantailctl"

    def run(*words, **keywords):
        return subprocess.run([program, *words], capture_output=True, text=True, **keywords)

    for words in (["frobnicate"], [], ["devices", "revoke", "alice"], ["test"],
                  ["status", "--no-such-option"]):
        result = run("--socket", folder / "none", *words)
        equal(result.returncode, USAGE, f"{words}: {result.stderr}")
        check(result.stderr.strip(), f"{words}: says why")
    result = run("--socket", folder / "none", "status")
    equal(result.returncode, UNAVAILABLE, "no bridge")
    equal(len(result.stderr.strip().splitlines()), 1, "lines that say so")
    equal(run("--help").returncode, OK, "--help")
    equal(run("--version").returncode, OK, "--version")
    for command in ("status", "queue", "devices", "test", "flush", "reload"):
        result = run(command, "--help")
        equal(result.returncode, OK, f"{command} --help")
        check(command in result.stdout, f"{command} in its help")


@suite.test
def help_has_two_columns():
    text = subprocess.run([BUILD / "notify-bridge" / "fantailctl", "--help"], check=True,
                          capture_output=True, text=True).stdout
    commands, options = text.split("Commands:\n")[1].split("\n\nOptions:\n")
    column, waiting = 30, False
    for line in commands.splitlines() + options.splitlines():
        check(len(line) <= 80, f"fits a terminal: {line!r}")
        left, right = line[:column], line[column:]
        # Words that are longer than the column have the next line's.
        check(not waiting or left.isspace(), f"what is said of the line before {line!r}")
        waiting = len(line) <= column or left[-1] != " "
        check(waiting or right[0] != " ", f"column of {line!r}")
    check(not waiting, "what is said of the last one")


@suite.test
def who_may_not_open_the_socket_is_told_so():
    if os.geteuid() != 0:
        raise Skip("needs root to become somebody else")
    with Stack("ctl-perm") as stack:
        program = scratch_dir("ctl-perm-bin") / "fantailctl"
        program.write_bytes((BUILD / "notify-bridge" / "fantailctl").read_bytes())
        program.chmod(0o755)
        result = subprocess.run([program, "--socket", stack.bridge.control, "status"],
                                capture_output=True, text=True, user=MAIL_UID,
                                group=MAIL_UID, extra_groups=[])
        equal(result.returncode, NOPERM, result.stderr)


VCARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Pat;;;;\r\nFN:Pat\r\nEND:VCARD\r\n"


@suite.test
def what_root_does_belongs_to_the_owner_of_the_store():
    if os.geteuid() != 0:
        raise Skip("needs root to become somebody else")
    folder = scratch_dir("ctl-owner")
    folder.chmod(0o755)
    program = folder / "fantailctl"
    program.write_bytes((BUILD / "notify-bridge" / "fantailctl").read_bytes())
    program.chmod(0o755)
    cards, written, store = folder / "cards.vcf", folder / "out.vcf", folder / "store"
    cards.write_text(VCARD)
    cards.chmod(0o600)  # root's alone

    def run(*words, **keywords):
        return subprocess.run([program, words[0], words[1], "--store", store, *words[2:]],
                              capture_output=True, text=True, **keywords)

    as_owner = {"user": MAIL_UID, "group": MAIL_UID, "extra_groups": []}
    result = run("pim", "import", "pat", cards)
    equal((result.returncode, store.exists()), (IOERR, False), "root does not make the store")
    check("fantail-syncml makes it" in result.stderr, result.stderr)

    store.mkdir(0o700)
    os.chown(store, MAIL_UID, MAIL_UID)
    (store / "alerts").mkdir(0o700)
    os.chown(store / "alerts", MAIL_UID, MAIL_UID)
    for words in (("import", "pat", cards), ("import", "." + 80 * "\u00fc", cards),
                  ("check", "pat"), ("history", "pat"), ("sweep",), ("devices", "pat"),
                  ("export", "pat", "contacts", written)):
        result = run("pim", *words)
        equal((result.returncode, result.stderr), (OK, ""), f"pim {words}")
    check("FN:Pat" in written.read_text(), "what was exported")
    equal(written.stat().st_uid, 0, "which is root's")
    found = sorted(store.rglob("*"))
    equal(len([path for path in found if path.suffix == ".db"]), 2, "users' files")
    for path in found:
        st = path.stat()
        equal((st.st_uid, st.st_gid, oct(st.st_mode & 0o777)),
              (MAIL_UID, MAIL_UID, "0o700" if path.is_dir() else "0o600"), str(path))
    equal(run("pim", "check", "pat", **as_owner).stdout, "No problems.\n", "the owner's turn")

    for path in (next(store.rglob("pat.db")), next(store.rglob("pat.db")).parent):
        os.chown(path, 0, 0)  # as somebody has copied it there
        for words in (("check", "pat"), ("import", "pat", written)):
            result = run("pim", *words, **as_owner)
            equal((result.returncode, len(result.stderr.splitlines())), (IOERR, 1), result.stderr)
            check("Permission denied" in result.stderr and "chown" in result.stderr,
                  f"what is to be done: {result.stderr}")
        os.chown(path, MAIL_UID, MAIL_UID)
    equal(run("pim", "check", "pat", **as_owner).stdout, "No problems.\n", "as it was")


if __name__ == "__main__":
    suite.run()
