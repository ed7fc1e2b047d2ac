#!/usr/bin/env python3
"""XDELIVER: mail goes by way of a real Dovecot to a real Postfix, and comes back by LMTP; and what
can go wrong on the way, with a server that does as a row says. scratch.py says where modules are
looked for."""

import re

import postfix
from dovecot import Dovecot
from notify_session import NotifySession
from raw_imap import RawImap
from scratch import MODULES, limit, wait_for
from smtp_standin import CLOSE, STALL, SmtpStandIn
from tap import Skip, Suite, check, equal, eventually

suite = Suite("XDELIVER")
standin = SmtpStandIn()


def user(port, ssl="no", host="127.0.0.1", **settings):
    """Fields of one who sends by that server."""
    fields = {"host": f"{host}:{port}", "ssl": ssl, "timeout": "3", **settings}
    return {f"fantail_submission_{key}": value for key, value in fields.items()}


MASTER = {"master_user": "relay", "password": "master"}
USERS = {
    "alice": user(standin.port),
    "fixed": user(standin.port, user="company", password="s3cret"),
    "master": user(standin.port, **MASTER),
    "trusted": user(standin.port, trusted="yes"),
    "own@example.org": user(standin.port, sender="own@example.org"),
    "tls": user(standin.port, ssl="starttls"),
    "nowhere": user(1),
    "wrong": user("port"),
    "none": {},
}
MASTER_PASSDB = {
    (2, 3): "passdb {\n driver = static\n master = yes\n args = password=master\n}\n",
    (2, 4): ("passdb masters {\n driver = static\n master = yes\n"
             " passdb_static_password = master\n}\n"),
}
dovecot = None
mta = None
HEAD = "MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n"
MAIL = HEAD + "Subject: x\r\n\r\nhello\r\n.\r\n"


def start():
    """Postfix asks Dovecot when it starts, and Dovecot's users know Postfix's ports."""
    global dovecot, mta
    dovecot = Dovecot(modules=[MODULES / "pushimap"], mail_plugins="notify",
                      protocol_plugins={"imap": "fantail_imap"}, users=USERS, shared=True)
    dovecot.extra = ("service auth {\n unix_listener auth-postfix {\n mode = 0666\n }\n}\n"
                     + MASTER_PASSDB[dovecot.version[:2]])
    if postfix.missing() is None:
        mta = postfix.Postfix(dovecot.lmtp_port, dovecot.path("run", "auth-postfix"))
        dovecot.extra += f"ssl_client_ca_file = {mta.certificate}\n"
        for name, fields in {
                "bob@example.org": user(mta.port, **MASTER),
                "carl@example.org": user(mta.port, ssl="starttls", host="localhost", **MASTER),
                "cora@example.org": user(mta.smtps_port, ssl="smtps", host="localhost", **MASTER),
                "dora@example.org": user(mta.port, ssl="starttls", **MASTER),  # not the name
                "dirk@example.org": user(mta.port, ssl="starttls", ssl_verify="no", **MASTER),
                "emil@example.org": user(mta.port, trusted="yes"),
                "fred@example.org": user(mta.port),
                "gina@example.org": user(mta.port, user="gina@example.org", password="wrong"),
        }.items():
            dovecot.users[name] = fields
    dovecot.write_config()
    dovecot.start()
    if mta is not None:
        mta.start()


def session(name="alice"):
    return NotifySession(dovecot.imap_port, name)


def literal(script, form="{%d+}"):
    data = script if isinstance(script, bytes) else script.encode()
    return (form % len(data)).encode() + b"\r\n" + data


def send(imap, script):
    """The tagged answer and the dialogue's lines."""
    answer = imap.finish(imap.start(b"XDELIVER TEXT " + literal(script)), 120)
    answer.text = re.sub(r" \(\d[^()]*secs\)\.$", ".", answer.text)
    lines = [line for line in answer.lines if line.startswith("* XDELIVER ")]
    if not lines:
        return answer, None
    equal(len(lines), 1, "XDELIVER responses")
    match = re.fullmatch(r"\* XDELIVER \{(\d+)\}\r\n(.*)", lines[0], re.DOTALL)
    check(match is not None and match[2].endswith("\r\n"), f"a dialogue: {lines[0]!r}")
    return answer, match[2].split("\r\n")[:-1]


def capabilities(imap):
    line, = imap.ok("XDELIVER CAPABILITY").lines
    match = re.fullmatch(r'\* XDELIVER CAPABILITY \(((?:"[^"]*" ?)*)\)', line)
    check(match is not None, line)
    found = re.findall('"([^"]*)"', match[1])
    equal(len(set(found)), len(found), f"each once: {line}")
    return set(found)


def codes(dialogue):
    return [line[:3] for line in dialogue if line[3:4] != "-"]


def waits(session):
    """A reply that comes later."""
    standin.go_on.wait(60)
    return None


def reads_no_more(session):
    session.connection.sendall(b"354 go on\r\n")
    return STALL


def test(function=None, problems=()):
    """`problems`: what the log may have."""
    if function is None:
        return lambda function: test(function, problems)

    def wrapped():
        if dovecot is None:
            start()
        standin.reset()
        before = len(dovecot.problems())
        function()
        found = [line for line in dovecot.problems()[before:]
                 if not any(re.search(pattern, line) for pattern in problems)]
        equal(found, [], "Dovecot's log")
    wrapped.__name__ = function.__name__
    return suite.test(wrapped)


def needs_postfix():
    if mta is None:
        raise Skip(postfix.missing())


def one(imap, command, start):
    """The line that begins like that; others come when they like."""
    line, = (line for line in imap.ok(command).lines if line.startswith(start))
    return line


def arrived(name, subject):
    """The message with that subject, when it is here."""
    with session(name) as imap:
        def look():
            imap.select("INBOX")
            found = one(imap, f"SEARCH SUBJECT {subject}", "* SEARCH").split()[2:]
            return found and one(imap, f"FETCH {found[-1]} BODY.PEEK[]", f"* {found[-1]} FETCH")
        line = eventually(look, f"mail {subject} for {name}")
    size = int(re.search(r"\{(\d+)\}\r\n", line)[1])
    return line[line.index("}\r\n") + 3:][:size]


def store(name, message, mailbox="INBOX"):
    """Appends it. Returns its URL."""
    with session(name) as imap:
        data = message if isinstance(message, bytes) else message.encode("utf-8", "surrogateescape")
        answer = imap.finish(imap.start(b"APPEND %s " % mailbox.encode() + literal(data)))
        equal(answer.status, "OK", answer.text)
        validity, uid = re.search(r"APPENDUID (\d+) (\d+)", answer.text).groups()
    return f"/{mailbox};UIDVALIDITY={validity}/;UID={uid}"


# --- what there is -----------------------------------------------------------


@test(problems=["fantail_submission_host = 127.0.0.1:port is no host and port"])
def announced_only_when_configured():
    for name, there in (("alice", True), ("none", False), ("wrong", False)):
        with session(name) as imap:
            equal("XDELIVER" in imap.ok("CAPABILITY").lines[0].split(), there, name)
            if there:
                continue
            answer = imap.command("XDELIVER CAPABILITY")
            equal((answer.status, "Unknown command" in answer.text), ("BAD", True), name)
            answer = imap.finish(imap.start(b"XDELIVER TEXT " + literal(b"x NOOP\r\n")))
            equal((answer.status, "Unknown command" in answer.text), ("BAD", True), name)
            equal(imap.ok("NOOP").lines, [], f"{name}: what the script's lines did")


@test
def capability_has_what_a_script_can_use():
    with session() as imap:
        answer = imap.ok("XDELIVER CAPABILITY")
        equal(answer.lines, ['* XDELIVER CAPABILITY ("8BITMIME" "DSN" "ENHANCEDSTATUSCODES" '
                             '"SIZE 1000000000" "HELP")'], "capabilities")
        standin.capabilities = ()
        equal(imap.ok("xdeliver capability").lines, ["* XDELIVER CAPABILITY ()"], "none")
        standin.capabilities = ('SIZE', 'MT-PRIORITY "x"', "EXPN", "VRFY", "SMTPUTF8")
        equal(capabilities(imap), {"VRFY", "SIZE", "EXPN", "SMTPUTF8"}, "odd ones")


@test
def a_server_that_knows_helo_only():
    standin.replies["EHLO"] = b"502 5.5.1 old\r\n"
    standin.replies["HELO"] = b"250 standin\r\n"
    with session() as imap:
        equal(imap.ok("XDELIVER CAPABILITY").lines, ["* XDELIVER CAPABILITY ()"], "none")
        answer, dialogue = send(imap, MAIL)
        equal((answer.status, codes(dialogue)), ("OK", ["250", "250", "354", "250"]), "sent")
        equal(standin.sessions[-1].lines[2:4], ["MAIL FROM:<alice@example.org>",
                                                "RCPT TO:<bob@example.org>"], "no SIZE")


@test
def in_both_states():
    with session() as imap:
        equal(send(imap, MAIL)[0].status, "OK", "authenticated")
        imap.select("INBOX")
        equal(send(imap, MAIL)[0].status, "OK", "selected")
    with RawImap(dovecot.imap_port, 60) as imap:
        equal(imap.command("XDELIVER CAPABILITY")[-1].split()[0], "BAD", "before login")


@test
def malformed_arguments():
    rows = ((b"", "Missing"), (b" TEXT", "literal"), (b' TEXT "NOOP"', "literal"),
            (b" TEXT NOOP", "literal"), (b" TEXT (NOOP)", "literal"), (b" TEXT NIL", "literal"),
            (b" CAPABILITY now", "Too many"), (b" CAPABILITY (", "Missing ')'"),
            (b" HELP", "CAPABILITY or TEXT"),
            (b' "CAPABILITY"', "CAPABILITY or TEXT"), (b" ()", "CAPABILITY or TEXT"),
            (b" TEXT " + literal("NOOP\r\n") + b" more", "Too many"),
            (b" TEXT " + literal("NOOP\r\n") + b" " + literal("x LOGOUT\r\n"), "Too many"),
            (b" " + literal("TEXT") + b" " + literal("NOOP\r\n"), "CAPABILITY or TEXT"),
            (b" HELP " + literal("x LOGOUT\r\n"), "CAPABILITY or TEXT"),
            (b" HELP (a " + literal("x LOGOUT\r\n") + b")", "CAPABILITY or TEXT"),
            # draft -07
            (b" N INBOX 1 2 Y ENVELOPE (a@x) " + literal("x LOGOUT\r\n"), "given up"),
            (b" R INBOX 385759045 20 N SAVETO=Sent ENVELOPE (a@x b@x) " + literal("hi", "{%d+}"),
             "given up"),
            (b" f", "given up"))
    with session() as imap:
        for arguments, why in rows:
            answer = imap.finish(imap.start(b"XDELIVER" + arguments))
            equal((answer.status, why in answer.text), ("BAD", True), f"{arguments}: {answer.text}")
            imap.ok("NOOP")
    equal(standin.sessions, [], "nobody was asked")


@test
def literals_in_every_form():
    with session() as imap:
        for form in ("{%d}", "{%d+}", "~{%d}", "~{%d+}"):
            data = MAIL.encode()
            head, _, rest = literal(data, form).partition(b"\r\n")
            before = imap.continuations
            tag = imap.start(b"XDELIVER TEXT " + head)
            while b"+" not in head and imap.continuations == before:
                check(imap.pump(30), "a continuation")
            for at in range(0, len(rest), 7):
                imap.socket.sendall(rest[at:at + 7])
            imap.socket.sendall(b"\r\n")
            equal(imap.finish(tag).status, "OK", form)
        answer, dialogue = send(imap, "")
        equal((answer.status, dialogue, "empty" in answer.text), ("BAD", None, True), answer.text)
        # No "+" for what would be refused anyway.
        for arguments, status in ((f"TEXT {{{limit('LIMIT_DELIVER_SCRIPT') + 1}}}", "NO"),
                                  ("TEXT {4294967296}", "NO"), ("TEXT {x}", "BAD"),
                                  ("N {10}", "BAD"), ("{10}", "BAD")):
            answer = imap.command(f"XDELIVER {arguments}")
            equal((answer.status, answer.text.startswith("[TOOBIG]")), (status, status == "NO"),
                  f"{arguments}: {answer.text}")
            imap.ok("NOOP")


@test
def a_script_that_is_too_large_is_read_past():
    with session() as imap:
        size = limit("LIMIT_DELIVER_SCRIPT") + 1
        tag = imap.start("XDELIVER TEXT {%d+}" % size)
        imap.send((b"x LOGOUT\r\n" * (size // 10 + 1))[:size] + b"\r\n")
        answer = imap.finish(tag)
        equal((answer.status, answer.text[:8]), ("NO", "[TOOBIG]"), answer.text)
        imap.ok("NOOP")


@test
def scripts_with_a_mistake_do_nothing():
    rows = ((MAIL + "BOGUS\r\n", "NO", "[CANNOT] Line 8"),
            (MAIL + "AUTH PLAIN AGEAYg==\r\n", "NO", "[CANNOT]"),
            (MAIL + "STARTTLS\r\n", "NO", "[CANNOT]"), (HEAD + "no end\r\n", "BAD", "no end"),
            (MAIL + "NOOP", "BAD", "CRLF"), ("RCPT TO:<a@x>\r\n", "BAD", "Line 1"),
            (HEAD + "a\n.\nMAIL FROM:<evil@x>\r\n.\r\n", "BAD", "LF without"),
            (HEAD + "a\r.\r\n.\r\n", "BAD", "CR without"), (HEAD + "a\0\r\n.\r\n", "BAD", "NUL"),
            ("MAIL FROM:<a@x> AUTH=root@x\r\n", "NO", "[CANNOT]"),
            ("NOOP\r\n" * (limit("LIMIT_DELIVER_COMMANDS") + 1), "NO", "[LIMIT]"),
            (MAIL * (limit("LIMIT_DELIVER_MESSAGES") + 1), "NO", "[LIMIT]"),
            (HEAD + "x" * (limit("LIMIT_DELIVER_LINE") + 1) + "\r\n.\r\n", "NO", "[LIMIT]"))
    with session() as imap:
        for script, status, why in rows:
            answer, dialogue = send(imap, script)
            equal((answer.status, why in answer.text, dialogue), (status, True, None),
                  f"{script[-60:]!r}: {answer.text}")
            imap.ok("NOOP")
    equal(standin.sessions, [], "nobody was asked")


# --- the dialogue ------------------------------------------------------------


@test
def a_whole_dialogue():
    script = ("EHLO phone\r\nNOOP\r\n" + MAIL + "VRFY joe\r\nEXPN all\r\nHELP\r\n"
              "RSET\r\nHELO phone\r\n" + MAIL + "QUIT\r\n")
    with session() as imap:
        answer, dialogue = send(imap, script)
    equal(answer.status, "OK", answer.text)
    own = dialogue[0][4:]
    equal(dialogue,
          [f"250-{own}", "250-8BITMIME", "250-DSN", "250-ENHANCEDSTATUSCODES",
           "250-SIZE 1000000000",
                     "250 HELP", "250 2.0.0 nothing done", "250 2.1.0 sender is fine",
                     "250 2.1.5 recipient is fine", "354 go on", "250 2.0.0 taken",
                     "502 5.5.1 The submission server does not have this command.",
                     "502 5.5.1 The submission server does not have this command.",
                     "214-2.0.0 help", "214 2.0.0 yourself", "250 2.0.0 forgotten", f"250 {own}",
                     "250 2.1.0 sender is fine", "250 2.1.5 recipient is fine", "354 go on",
                     "250 2.0.0 taken", "221 2.0.0 Bye."], "the dialogue")
    there = standin.sessions[-1]
    check(there.ended.wait(30), "the connection is closed")
    equal(there.verbs,
          ["EHLO", "NOOP", "MAIL", "RCPT", "DATA", "HELP", "RSET", "MAIL", "RCPT", "DATA",
                        "QUIT"], "what the server heard")
    equal(there.lines[2], "MAIL FROM:<alice@example.org> SIZE=21", "the size")
    equal(there.messages, [b"Subject: x\r\n\r\nhello\r\n"] * 2, "messages")


@test
def refusals_are_in_the_dialogue():
    rows = (({"MAIL": b"450 4.1.8 later\r\n"}, MAIL, ["450", "503", "554"]),
            ({"MAIL": b"550-5.7.1 no\r\n550 5.7.1 never\r\n"}, MAIL, ["550", "503", "554"]),
            ({"RCPT": b"550 5.1.1 who?\r\n"}, MAIL, ["250", "550", "554"]),
            ({"DATA": b"452 4.3.1 full\r\n"}, MAIL, ["250", "250", "452"]),
            ({"TEXT": b"554 5.7.1 spam\r\n"}, MAIL, ["250", "250", "354", "554"]),
            ({"TEXT": b"451 4.7.1 greylisted\r\n"}, MAIL, ["250", "250", "354", "451"]))
    with session() as imap:
        for replies, script, expected in rows:
            standin.reset()
            standin.replies = replies
            answer, dialogue = send(imap, script + "NOOP\r\n")
            equal((answer.status, answer.text),
                  ("NO", "0 of 1 messages were accepted; the dialogue says why."),
                  f"{replies}")
            equal(codes(dialogue), expected + ["250"], f"{replies}")
            equal(standin.sessions[-1].messages, [] if expected[-2] != "354" else
                  [b"Subject: x\r\n\r\nhello\r\n"], "messages")


@test
def one_recipient_is_enough_and_each_message_counts():
    def picky(session):
        return b"250 2.1.5 fine\r\n" if "<bob@" in session.lines[-1] else b"550 5.1.1 no\r\n"
    standin.replies["RCPT"] = picky
    two = HEAD.replace("DATA", "RCPT TO:<nobody@example.org>\r\nDATA") + "1\r\n.\r\n"
    none = two.replace("<bob@", "<rob@")
    with session() as imap:
        answer, dialogue = send(imap, two + two)
        equal((answer.status, codes(dialogue)), ("OK", ["250", "250", "550", "354", "250"] * 2),
              answer.text)
        answer, dialogue = send(imap, none + two)
        equal((answer.status, answer.text[:6]), ("NO", "1 of 2"), answer.text)
        equal(codes(dialogue), ["250", "550", "550", "554", "250", "250", "550", "354", "250"],
              "dialogue")
    there = standin.sessions[-1]
    equal(there.verbs[1:6], ["MAIL", "RCPT", "RCPT", "RSET", "MAIL"], "what was given up is reset")
    equal(len(there.messages), 1, "messages")


@test
def dots_both_ways():
    with session() as imap:
        answer, _ = send(imap,
                         HEAD + "..\r\n...\r\n.x\r\n.URL \"/INBOX/;UID=1\"\r\nurl \"x\"\r\n.\r\n")
        equal(answer.status, "OK", answer.text)
    equal(standin.sessions[-1].messages,
          [b"..\r\n...\r\nx\r\nURL \"/INBOX/;UID=1\"\r\nurl \"x\"\r\n"], "on the wire")


@test
def whose_address_it_is():
    with session("own@example.org") as imap:
        for sender, fine in (("own@example.org", True), ("OWN@Example.org", True),
                             ("alice@example.org", False),
                             ("", False)):
            standin.reset()
            answer, dialogue = send(imap, MAIL.replace("alice@example.org", sender))
            equal((answer.status, codes(dialogue)),
                  ("OK", ["250", "250", "354", "250"]) if fine else ("NO", ["553", "503", "554"]),
                  sender)
            equal(len(standin.sessions[-1].messages), int(fine), sender)
    line = "XDELIVER: from=<alice@example.org> recipients=1 size=21: 250"
    before = dovecot.log().count(line)
    with session() as imap:
        send(imap, MAIL)
    eventually(lambda: dovecot.log().count(line) == before + 1, "one line in the log")


@test
def pipelined_commands():
    with session() as imap:
        imap.send(b"t91 XDELIVER TEXT " + literal(MAIL) + b"\r\n"
                  b"t92 XDELIVER CAPABILITY\r\nt93 NOOP\r\n"
                  b"t94 XDELIVER TEXT " + literal(MAIL) + b"\r\n"
                  b"t95 XDELIVER TEXT " + literal("BOGUS\r\n") + b"\r\n")
        equal([imap.finish(f"t9{n}").status for n in range(1, 6)], ["OK", "OK", "OK", "OK", "NO"],
              "answers")


# --- logging in --------------------------------------------------------------


@test
def as_whom():
    with session("fixed") as imap:
        imap.ok("XDELIVER CAPABILITY")
        equal(standin.sessions[-1].login(), ("", "company", "s3cret"), "a fixed account")
    with session("master") as imap:
        imap.ok("XDELIVER CAPABILITY")
        equal(standin.sessions[-1].login(), ("master", "relay", "master"), "a master user")
    with session("trusted") as imap:
        imap.ok("XDELIVER CAPABILITY")
        equal([line for line in standin.sessions[-1].lines if line.startswith("XCLIENT")],
              ["XCLIENT LOGIN=trusted ADDR=127.0.0.1"], "XCLIENT")
    with session() as imap:
        imap.ok("XDELIVER CAPABILITY")
        equal(standin.sessions[-1].verbs[0], "EHLO", "nobody")
        check("AUTH" not in standin.sessions[-1].verbs, "nobody")


@test(problems=["cannot use the submission server", "Authentication failed", "STARTTLS", "Connect",
                "connect",
                "Unexpected reply", "Timed out", "timed out", "Connection lost", "greeting"])
def no_server_no_dialogue():
    rows = (("fixed", {"AUTH": b"535 5.7.8 s3cret is wrong\r\n"}),
            ("fixed", {"AUTH": b"334 czNjcmV0\r\n"}), ("alice", {"GREETING": CLOSE}),
            ("alice", {"GREETING": b"554 go away\r\n"}), ("alice", {"GREETING": STALL}),
            ("alice", {"EHLO": b"550 no\r\n"}), ("alice", {"EHLO": CLOSE}),
            ("alice", {"EHLO": STALL}),
            ("tls", {}), ("tls", {"STARTTLS": CLOSE}),
            ("tls", {"STARTTLS": b"220 go\r\nplain\r\n"}),
            # what was injected before the handshake is not taken for what comes after it
            ("tls", {"STARTTLS": b"220 go\r\n250-injected\r\n250 AUTH PLAIN\r\n"}),
            ("nowhere", {}))
    for name, replies in rows:
        standin.reset()
        standin.replies = replies
        with session(name) as imap:
            answer, dialogue = send(imap, MAIL)
            equal((answer.status, answer.text, dialogue),
                  ("NO", "[UNAVAILABLE] The submission server cannot be used now.", None),
                  f"{name} {replies}")
            imap.ok("NOOP")
        check(all("MAIL" not in there.verbs for there in standin.sessions),
              f"{name} {replies}: mail")


@test(problems=["STARTTLS"])
def without_tls_no_password_and_no_mail():
    standin.capabilities = ("AUTH PLAIN",)
    with session("tls") as imap:
        equal(send(imap, MAIL)[0].status, "NO", "no STARTTLS")
    equal(standin.sessions[-1].verbs[:1], ["EHLO"], "what was said")
    check("MAIL" not in standin.sessions[-1].verbs, "no mail")


# --- servers that fail -------------------------------------------------------


@test(problems=["timed out", "Timed out", "Unexpected reply", "Invalid command reply",
                "Connection lost", "too long",
                "early success"])
def servers_that_fail():
    huge = b"".join(b"250-%s\r\n" % (b"x" * 500) for _ in range(100)) + b"250 x\r\n"
    rows = [({verb: reply}, verb) for verb in ("MAIL", "RCPT", "DATA", "TEXT")
            for reply in (CLOSE, STALL, b"nonsense\r\n", b"421 4.3.2 shutting down\r\n", huge,
                          b"2" * 20000,
                          b"250 \0\r\n", b"250-a\r\n251 b\r\n")]
    with session() as imap:
        for replies, verb in rows:
            standin.reset()
            standin.replies = replies
            answer, dialogue = send(imap, MAIL + MAIL)
            row = f"{verb}: {str(replies[verb])[:40]}"
            equal((answer.status, answer.text[:13]), ("NO", "[UNAVAILABLE]"),
                  f"{row}: {answer.text}")
            equal(codes(dialogue)[-1], "421", row)
            check(len("".join(dialogue)) < 2 * limit("LIMIT_DELIVER_REPLY"), row)
            imap.ok("NOOP")
            check(len(standin.sessions[-1].messages) == (1 if verb == "TEXT" else 0), row)
            # Nobody knows what it did with a message that it had, but for a refusal.
            equal("may have" in dialogue[-1],
                  verb == "TEXT" and replies[verb] != b"421 4.3.2 shutting down\r\n",
                  f"{row}: {dialogue[-1]}")


@test
def a_server_that_has_had_enough():
    """It says so in the middle, and reads on."""
    standin.early = (100000, b"552 5.3.4 too much\r\n")
    with session() as imap:
        big = HEAD + ("x" * 998 + "\r\n") * 5000 + ".\r\n"
        answer, dialogue = send(imap, big + "NOOP\r\n" + MAIL)
        equal((answer.status, answer.text[:6]), ("NO", "1 of 2"), answer.text)
        equal(codes(dialogue), ["250", "250", "354", "552", "250", "250", "250", "354", "250"],
              "dialogue")
    equal(len(standin.sessions[-1].messages[-1]), 21, "the other one")


@test
def the_session_goes_on():
    """While the server thinks."""
    url = store("alice", STORED)
    for verb in ("GREETING", "MAIL", "DATA", "TEXT"):
        standin.reset()
        standin.replies[verb] = waits
        with session() as imap:
            tag = imap.start(b"XDELIVER TEXT " + literal(f'{HEAD}URL "{url}"\r\n.\r\n'))
            wait_for("the server's turn", lambda: standin.sessions and
                     (verb == "GREETING" or {"TEXT": "DATA"}.get(verb, verb)
                      in standin.sessions[-1].verbs))
            imap.select("INBOX")
            imap.ok("NOOP")
            check("FETCH" in imap.ok("FETCH 1 BODY.PEEK[]").lines[-1], "FETCH")
            imap.ok("CLOSE")
            idle = imap.start("IDLE")
            imap.send("DONE\r\n")
            equal(imap.finish(idle).status, "OK", "IDLE")
            check(tag not in imap.answers, f"no answer yet: {imap.answers}")
            standin.go_on.set()
            answer = imap.finish(tag)
            equal(answer.status, "OK", f"{verb}: {answer}")
            imap.ok("NOOP")


@test
def logging_out_ends_it():
    for verb in ("GREETING", "MAIL", "DATA"):
        standin.reset()
        standin.replies[verb] = waits
        with session() as imap:
            tag = imap.start(b"XDELIVER TEXT " + literal(MAIL))
            wait_for("the server's turn", lambda: standin.sessions and
                     (verb == "GREETING" or verb in standin.sessions[-1].verbs))
            before = dovecot.log().count("Disconnected: Logged out")
            equal(imap.command("LOGOUT").status, "OK", "LOGOUT")
            check(tag not in imap.answers, "no answer")
        wait_for("the end", lambda: dovecot.log().count("Disconnected: Logged out") > before)
        standin.go_on.set()
        check(standin.sessions[-1].ended.wait(30), "the connection is closed")
        equal(standin.sessions[-1].messages, [], f"messages, {verb}")


@test(problems=["Connection lost", "Remote disconnected", "timed out"])
def a_server_that_goes_within_a_message():
    big = HEAD + ("x" * 998 + "\r\n") * 20000 + ".\r\n"
    standin.read_limit = 100000
    with session() as imap:
        answer, dialogue = send(imap, big)
        equal((answer.status, codes(dialogue)), ("NO", ["250", "250", "354", "421"]), answer.text)
        check("may have" not in dialogue[-1], "it was not complete")
        imap.ok("NOOP")
        standin.reset()
        standin.replies["DATA"] = reads_no_more
        answer, dialogue = send(imap, big)
        equal((answer.status, codes(dialogue)), ("NO", ["250", "250", "354", "421"]), answer.text)
        check("may have" not in dialogue[-1], "it was not complete")
        imap.ok("NOOP")


@test(problems=["Invalid command reply"])
def what_the_server_says_cannot_break_out():
    with session() as imap:
        standin.replies["NOOP"] = b"250 2.0.0 * {99999}\r\n"
        equal(send(imap, "NOOP\r\n")[1], ["250 2.0.0 * {99999}"], "text of the server's")
        standin.replies["NOOP"] = b"250 2.0.0 \x1b[2J\x07\r\n"
        answer, dialogue = send(imap, "NOOP\r\n")
        equal((answer.status, codes(dialogue)), ("NO", ["421"]), "control characters")
        check(re.search("[\x00-\x1f]", "".join(dialogue)) is None, f"{dialogue}")


@test
def a_client_that_goes():
    """Nothing is complete that it has not waited for."""
    for verb in ("GREETING", "MAIL", "DATA"):
        standin.reset()
        standin.replies[verb] = STALL
        with session() as imap:
            imap.socket.sendall(b"t90 XDELIVER TEXT " + literal(MAIL) + b"\r\n")
            wait_for("the server's turn", lambda: standin.sessions and
                     (verb == "GREETING" or verb in standin.sessions[-1].verbs))
        there = standin.sessions[-1]
        standin.go_on.set()
        check(there.ended.wait(30), "the connection is closed")
        equal(there.messages, [], f"messages, {verb}")
    for cut in (10, 60):
        with session() as imap:
            imap.socket.sendall((b"t90 XDELIVER TEXT " + literal(MAIL))[:cut])
        with session() as imap:
            imap.ok("NOOP")
    standin.reset()
    # Within the message: the server does not read, the client goes.
    standin.replies["DATA"] = reads_no_more
    with session() as imap:
        script = HEAD + ("x" * 998 + "\r\n") * 20000 + ".\r\n"
        imap.send(b"t90 XDELIVER TEXT " + literal(script) + b"\r\n")
        wait_for("DATA", lambda: standin.sessions and "DATA" in standin.sessions[-1].verbs)
        before = dovecot.log().count("Disconnected: Connection closed")
    # While nobody reads there.
    wait_for("the end", lambda: dovecot.log().count("Disconnected: Connection closed") > before)
    there = standin.sessions[-1]
    rest = b""
    there.connection.settimeout(30)
    while data := there.connection.recv(1 << 20):
        rest = (rest + data)[-100:]
    check(b"\r\n.\r\n" not in rest and b"QUIT" not in rest, f"no end of the message: {rest}")


# --- stored content ----------------------------------------------------------

STORED = ("From: zoe@example.org\r\nSubject: stored\r\nMIME-Version: 1.0\r\n"
          "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nfirst\r\n.dot\r\n--b\r\n"
          "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
          "\r\nAAEC\r\n--b--\r\n")


def included(imap, url):
    """What the server was given for a line with that URL."""
    answer, _ = send(imap, HEAD + f'<\r\nURL "{url}"\r\n>\r\n.\r\n')
    if answer.status != "OK":
        return answer
    text = standin.sessions[-1].messages[-1].decode(errors="surrogateescape")
    check(text.startswith("<\r\n") and text.endswith("\r\n>\r\n"), f"around it: {text!r}")
    return text[3:-5]


@test
def urls():
    url = store("alice", STORED)
    stuffed = STORED.replace("\r\n.dot", "\r\n..dot")
    rows = (("", stuffed), ("/;SECTION=1", "first\r\n..dot"), ("/;SECTION=2", "AAEC"),
            ("/;section=1", "first\r\n..dot"),
            ("/;SECTION=HEADER.FIELDS%20(SUBJECT)", "Subject: stored\r\n\r\n"),
            ("/;SECTION=2.MIME",
             "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"),
            ("/;SECTION=1/;PARTIAL=1.3", "irs"), ("/;SECTION=1/;PARTIAL=7", "..dot"),
            ("/;SECTION=1/;PARTIAL=99.5", ""),
            ("/;PARTIAL=0.5", "From:"),
            # as the draft writes them
            (";Section=BODY", stuffed), (";Section=1", "first\r\n..dot"),
            (";Section=BODY;Partial=0.5", "From:"))
    with session() as imap:
        for more, expected in rows:
            equal(included(imap, url + more), expected, more)
        plain = url.partition(";")[0] + "/" + url.rpartition("/")[2]
        equal(included(imap, plain), stuffed, "without UIDVALIDITY")
        equal(included(imap, plain.replace("INBOX", "Inbox")), stuffed, "Inbox")
        imap.select("INBOX")
        equal(included(imap, ";UID=" + url.rpartition("=")[2] + "/;SECTION=2"), "AAEC",
              "of the selected mailbox")
        check(r"\Seen" not in imap.ok("FETCH 1 FLAGS").lines[-1], "nothing is seen by it")


@test
def urls_that_are_refused():
    url = store("alice", STORED)
    mailbox, validity, uid = re.fullmatch(r"/(\w+);UIDVALIDITY=(\d+)/;UID=(\d+)", url).groups()
    with session("zoe") as imap:
        imap.ok("CREATE private")
        imap.ok("CREATE read")
    for box in ("private", "read"):
        store("zoe", STORED, box)
    dovecot.doveadm("acl", "set", "-u", "zoe", "read", "user=alice", "lookup", "read")
    with session() as imap:
        equal(included(imap, "/shared/zoe/read/;UID=1/;SECTION=2"), "AAEC", "what somebody shares")
        for bad in (f"imap://example.org{url}", f"imap://alice@127.0.0.1{url}", f"//127.0.0.1{url}",
                    f"imap://alice@127.0.0.1:{dovecot.imap_port}{url}", "http://example.org/",
                    "file:///etc/passwd",
                    "/etc/passwd", "/INBOX", "/INBOX/",
                    f"/{mailbox};UIDVALIDITY={int(validity) + 1}/;UID={uid}",
                    f"/{mailbox}/;UID=4000000", f"/{mailbox}/;UID=0", f"/{mailbox}/;UID=x",
                    "/Nothing/;UID=1",
                    f"{url}/;SECTION=bogus", f"{url}/;SECTION=9",
                    f"{url};URLAUTH=anonymous:INTERNAL:0123",
                    f"{url}/;PARTIAL=x", "/INBOX?SUBJECT%20x", ";UID=1", "/../etc/;UID=1",
                    "/%00/;UID=1",
                    "/shared/zoe/private/;UID=1", "/shared/zoe/nothing/;UID=1", "/INBOX/;UID=1]"):
            answer = included(imap, bad)
            if bad.endswith(";SECTION=9"):
                # Dovecot has nothing there, as with FETCH.
                equal(answer, "", bad)
                continue
            check(not isinstance(answer, str), f"{bad}: {answer!r}")
            equal((answer.status, answer.text.startswith("[BADURL")), ("NO", True),
                  f"{bad}: {answer.text}")
        # What is not to be seen is not there.
        answers = [included(imap, f"/shared/zoe/{box}/;UID=1").text.replace(box, "")
                   for box in ("private", "nothing")]
        equal(re.sub(r"\d", "", answers[0]), re.sub(r"\d", "", answers[1]), "two of zoe's")
        standin.reset()
        # One that is wrong, and nothing is sent.
        answer, _ = send(imap, MAIL + HEAD + 'URL "/Nothing/;UID=1"\r\n.\r\n')
        equal((answer.status, "Line 11" in answer.text), ("NO", True), answer.text)
        equal(standin.sessions, [], "nobody was asked")


@test
def content_cannot_end_a_message():
    evil = (b"Subject: x\n\nfirst\n.\nMAIL FROM:<evil@x>\r.\r"
            b"RCPT TO:<x@x>\r\n.\r\n.\n\r.\r\r\n\0\xff\n")
    url = store("alice", evil)
    with session() as imap:
        answer, _ = send(imap, HEAD + f'URL "{url}"\r\nafter\r\n.\r\n')
        equal(answer.status, "OK", answer.text)
    message, = standin.sessions[-1].messages
    check(re.search(rb"\r(?!\n)|(?<!\r)\n", message) is None, f"line ends: {message}")
    check(re.search(rb"(?:^|\n)\.\r\n", message) is None, f"lone dots: {message}")
    check(message.endswith(b"after\r\n") and b"MAIL FROM:<evil@x>" in message,
          f"all of it: {message}")
    check(b"\0" in message or b"\x80" in message, "what is binary stays")


# --- the real server ---------------------------------------------------------


@test
def mail_arrives():
    needs_postfix()
    url = store("bob@example.org", STORED)
    script = ("EHLO phone\r\nMAIL FROM:<bob@example.org> BODY=8BITMIME\r\n"
              "RCPT TO:<ann@example.org>\r\n"
              "RCPT TO:<refused@example.org>\r\nRCPT TO:<axel@example.org> NOTIFY=NEVER\r\nDATA\r\n"
              "Subject: arrives\r\n\r\n..\r\n..x\r\n.URL \"no\"\r\n"
              f"URL \"{url}/;SECTION=1\"\r\n\xfc\r\n.\r\n").encode("latin-1")
    with session("bob@example.org") as imap:
        equal(capabilities(imap),
              {"8BITMIME", "DSN", "ENHANCEDSTATUSCODES", "VRFY", "SIZE 300000000",
                                   "SMTPUTF8"}, "capabilities")
        answer, dialogue = send(imap, script)
        equal((answer.status, codes(dialogue)),
              ("OK", ["250", "250", "250", "550", "250", "354", "250"]),
              f"{answer} {dialogue}")
        answer, dialogue = send(imap, MAIL.replace("bob@", "later@").replace("alice@", "bob@"))
        equal((answer.status, codes(dialogue)), ("NO", ["250", "450", "554"]), f"{dialogue}")
    for name in ("ann@example.org", "axel@example.org"):
        text = arrived(name, "arrives")
        check("Authenticated sender: bob@example.org" in text, f"who sent it: {text}")
        check(text.endswith('\r\n\r\n.\r\n.x\r\nURL "no"\r\nfirst\r\n.dot\r\n\udcfc\r\n'),
              f"what arrived: {text!r}")


# ::1 is tried before 127.0.0.1.
@test(problems=["certificate", "cannot use the submission server", "Authentication failed",
                r"\(\[::1\].*Connection refused"])
def tls_and_passwords():
    needs_postfix()
    for name, fine in (("carl", True), ("cora", True), ("dora", False), ("dirk", True),
                       ("emil", True),
                       ("gina", False)):
        name += "@example.org"
        with session(name) as imap:
            subject = "tls" + name[:4]
            answer, dialogue = send(imap, MAIL.replace("Subject: x", f"Subject: {subject}"))
            equal(answer.status, "OK" if fine else "NO",
                  f"{name}: {answer} {dialogue} {mta.log()[-600:]}")
            if not fine:
                equal(dialogue, None, name)
        if fine:
            text = arrived("bob@example.org", subject)
            check(f"Authenticated sender: {name}" in text, f"{name}: {text}")
            equal("with ESMTPSA" in text, name[:4] != "emil", f"{name}: {text}")
    with session("fred@example.org") as imap:
        answer, dialogue = send(imap, MAIL)
        equal((answer.status, codes(dialogue)), ("NO", ["250", "554", "554"]),
              f"nobody is not enough: {dialogue}")


@test
def a_hundred_megabytes():
    needs_postfix()
    size = 100 << 20
    line = b"0123456789" * 7 + b"\r\n"
    with session("bob@example.org") as imap:
        message = b"Subject: big\r\n\r\n" + line * (size // len(line))
        tag = imap.start(b"APPEND INBOX {%d+}" % len(message))
        imap.send(message + b"\r\n")
        answer = imap.finish(tag)
        equal(answer.status, "OK", answer.text)
        validity, uid = re.search(r"APPENDUID (\d+) (\d+)", answer.text).groups()
    with session("bob@example.org") as imap:
        equal(send(imap, MAIL)[0].status, "OK", "a small one")  # what is loaded for it is loaded
        pid = re.findall(r"imap\(bob@example.org\)<(\d+)>.*XDELIVER: from", dovecot.log())[-1]
        before = memory(pid)
        script = (HEAD.replace("bob@", "huge@") + "Subject: huge\r\n\r\n"
                  f'URL "/INBOX;UIDVALIDITY={validity}/;UID={uid}/;SECTION=TEXT"\r\n.\r\n')
        answer, dialogue = send(imap, script)
        equal(answer.status, "OK", f"{answer} {dialogue}")
        grown = memory(pid) - before
        check(grown < 16 << 20, f"the process grew by {grown >> 20} MiB")
    with session("huge@example.org") as imap:
        def look():
            imap.select("INBOX")
            if not one(imap, "STATUS INBOX (MESSAGES)", "* STATUS").endswith("1)"):
                return None
            return one(imap, "FETCH 1 RFC822.SIZE", "* 1 FETCH")
        got = eventually(look, "the large message", 120)
        check(int(re.search(r"RFC822.SIZE (\d+)", got)[1]) > size - 100, f"{got}")


def memory(pid):
    """The most that it ever had."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s*(\d+) kB", status.read())[1]) << 10


suite.on_failure = lambda: dovecot.log()[-2500:]

if __name__ == "__main__":
    try:
        suite.run()
    finally:
        if dovecot is not None:
            dovecot.close()
