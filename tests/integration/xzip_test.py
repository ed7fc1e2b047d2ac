#!/usr/bin/env python3
"""FETCH XZIP against a real Dovecot: what is inflated is what BINARY of the same part says. The command
XZIP: what is inflated is what the command in it says alone.
scratch.py says where modules are looked for."""

import base64
import os
import random
import re
import time
import zlib

from dovecot import Dovecot, version
from notify_session import Closed, NotifySession
from scratch import MODULES, limit
from tap import Suite, check, equal

suite = Suite("XZIP")
dovecot = Dovecot(modules=[MODULES / "pushimap"], protocol_plugins={"imap": "fantail_imap"},
                  users={"carol": {"mail_plugins": "notify"}})
NOISE = random.Random(1).randbytes(1 << 20)  # which nothing makes smaller
EMPTY = zlib.compressobj(wbits=-15).flush()


def mime(kind, encoding, body):
    return (f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n").encode() + body


def multipart(*parts):
    return (b"Content-Type: multipart/mixed; boundary=xx\r\n\r\n"
            + b"".join(b"--xx\r\n" + part + b"\r\n" for part in parts) + b"--xx--\r\n")


MESSAGE = b"From: Zoe <zoe@example.org>\r\nSubject: parts\r\nMIME-Version: 1.0\r\n" + multipart(
    mime("text/plain", "7bit", b"At noon, by the bridge.\r\n"),
    mime("text/plain; charset=utf-8", "quoted-printable", b"F=C3=B6n =3D wind=\r\n.\r\n"),
    mime("application/octet-stream", "base64", base64.encodebytes(b"a\0b\r\n" * 99)),
    multipart(mime("application/x-noise", "base64", base64.encodebytes(NOISE)),
              mime("text/plain", "7bit", b"again and again\r\n" * 200000)),
    mime("message/rfc822", "7bit", b"Subject: inner\r\n\r\ninner text\r\n"),
    mime("text/plain", "7bit", b""))
ODD = b"Subject: odd\r\nMIME-Version: 1.0\r\n" + multipart(
    mime("text/plain", "7bit", b"At noon, by the bridge."), mime("text/plain", "x-unknown", b"what"))
PARTS = ("1", "2", "3", "4.1", "4.2", "5", "5.1", "6", "9", "")


def session(user="alice"):
    if dovecot.process is None:
        dovecot.start()
        for message in (MESSAGE, ODD):
            equal(dovecot.deliver("alice", message), {}, "refused")
    imap = NotifySession(dovecot.imap_port, user)
    imap.select("INBOX")
    return imap


def values(lines):
    """{item: bytes, number or None} of the only FETCH response."""
    fetches = [line for line in lines if " FETCH (" in line]
    equal(len(fetches), 1, f"FETCH responses of {str(lines)[:200]}")
    data = fetches[0].encode("utf-8", "surrogateescape").partition(b"FETCH (")[2]
    found = {}
    while data != b")":
        match = re.match(rb" ?([A-Z.]+(?:\[[0-9.]*\])?) (?:(~?)\{(\d+)\}\r\n|(\d+)|(NIL)|\((.*?)\)"
                         rb'|"([^"]*)")', data, re.DOTALL)
        check(match is not None, f"a response: {data[:100]}")
        name, data = match[1].decode(), data[match.end():]
        if match[3] is not None:
            size = int(match[3])
            found[name], data = data[:size], data[size:]
            equal(match[2] == b"~" or not name.startswith("XZIP"), True, f"literal8 of {name}")
        elif match[4] is not None:
            found[name] = int(match[4])
        elif match[6] is not None:
            found[name] = match[6].decode()
        else:
            found[name] = match[7]
    return found


def inflate(data):
    """Raw DEFLATE, and nothing after it."""
    stream = zlib.decompressobj(wbits=-15)
    text = stream.decompress(data)
    equal((stream.eof, stream.unused_data), (True, b""), "the end of the data")
    return text


def test(function):
    def wrapped():
        function()
        equal(dovecot.problems(), [], "Dovecot's log")
    wrapped.__name__ = function.__name__
    return suite.test(wrapped)


@test
def each_part_is_what_binary_says():
    with session() as imap:
        check("XZIP" in imap.ok("CAPABILITY").lines[0].split(), "XZIP in CAPABILITY")
        for part in PARTS:
            got = values(imap.ok(f"FETCH 1 (XZIP.PEEK[{part}] XZIP.SIZE[{part}] "
                                 f"BINARY.PEEK[{part}])").lines)
            zipped = got[f"XZIP[{part}]"]
            equal(inflate(zipped), got[f"BINARY[{part}]"] or b"", f"part {part}")
            equal(got[f"XZIP.SIZE[{part}]"], len(zipped), f"size of part {part}")
        got = values(imap.ok("FETCH 1 (XZIP.PEEK[4.1] BODY.PEEK[4.1] XZIP.PEEK[1] UID "
                             "XZIP.PEEK[4.2] XZIP.PEEK[6])").lines)
        equal(inflate(got["XZIP[4.1]"]), base64.b64decode(got["BODY[4.1]"]), "decoded")
        equal(inflate(got["XZIP[4.1]"]), NOISE, "what was sent")
        equal(got["UID"], 1, "other items")
        check(len(got["XZIP[4.2]"]) < 16000, "smaller by far")
        equal(got["XZIP[6]"], EMPTY, "nothing")


@test
def seen_is_set_by_xzip_alone():
    with session() as imap:
        for item, seen in (("XZIP.PEEK[1]", False), ("XZIP.SIZE[1]", False), ("XZIP[1]", True)):
            imap.ok(r"STORE 1 -FLAGS.SILENT (\Seen)")
            imap.ok(f"FETCH 1 {item}")
            equal(r"\Seen" in values(imap.ok("FETCH 1 FLAGS").lines)["FLAGS"], seen, item)


@test
def what_is_no_part():
    with session() as imap:
        for item in ("XZIP", "XZIP[", "XZIP[TEXT]", "XZIP[1.MIME]", "XZIP[1", "XZIP.SIZE", "XZIPX[1]",
                     "XZIP.PEEK", "XZIP.PEEK.SIZE[1]", "XZIP[1]<0.5>", "XZIP[0]", "XZIP[1..2]", "XZIP[1.]", "XZIP[.1]",
                     "XZIP[HEADER.FIELDS (SUBJECT)]"):
            answer = imap.command(f"FETCH 1 {item}")
            equal((answer.status, answer.lines), ("BAD", []), f"{item}: {answer.text}")
        imap.ok("NOOP")
        answer = imap.command("FETCH 2 (XZIP.PEEK[2] XZIP.PEEK[1])")
        equal((answer.status, answer.text[:13]), ("NO", "[UNKNOWN-CTE]"), "an unknown encoding")
        equal(imap.command("FETCH 2 BINARY.PEEK[2]").text[:13], "[UNKNOWN-CTE]", "as BINARY has it")
        equal(inflate(values(imap.ok("FETCH 2 XZIP[1]").lines)["XZIP[1]"]),
              b"At noon, by the bridge.", "the other part")


@test
def users_without_the_module_have_no_such_item():
    with session() as alice, session("carol") as carol:
        check("XZIP" not in carol.ok("CAPABILITY").lines[0].split(), "CAPABILITY")
        answer = carol.command("FETCH 1:* XZIP[1]")
        equal(answer.status, "BAD", answer.text)
        alice.ok("FETCH 1 XZIP[1]")


@test
def a_client_that_does_not_read():
    with session() as imap:
        slow = NotifySession(dovecot.imap_port, "alice", receive_buffer=2048)
        with slow:
            slow.select("INBOX")
            tag = slow.start("FETCH 1 (XZIP.PEEK[4.1] XZIP.PEEK[1])")
            imap.ok("NOOP")
            got = values(slow.finish(tag).lines)
        equal(inflate(got["XZIP[4.1]"]), NOISE, "all of it in the end")


@test
def what_is_very_large_is_stored():
    most = limit("LIMIT_XZIP_OCTETS")
    text = b"0123456\r\n" * (most // 9 + (1 << 18))
    with session("bert") as imap:
        path = os.path.join(dovecot.home("bert"), "Maildir", "new", "1.M1P1.test")
        with open(path, "wb") as out:
            out.write(b"Subject: large\r\n\r\n" + text)
        os.chown(path, dovecot.uid, dovecot.gid)
        imap.ok("NOOP")
        zipped = values(imap.ok("FETCH 1 XZIP.PEEK[1]").lines)["XZIP[1]"]
        check(inflate(zipped) == text, "all of it")
        more = len(text) - most
        check(more // 2 < len(zipped) < more + most // 100, f"{len(zipped)} of {len(text)} octets")


# --- the command -------------------------------------------------------------


class Zipped:
    """What XZIP commands of one connection say."""

    def __init__(self, imap):
        self.imap = imap
        self.inflater = zlib.decompressobj(wbits=-15)

    def inflate(self, lines):
        """(inflated text, lines that were not compressed)"""
        text, plain = b"", []
        for line in lines:
            match = re.fullmatch(rb"\* XZIP ~\{(\d+)\}\r\n(.*)",
                                 line.encode("utf-8", "surrogateescape"), re.DOTALL)
            if match is None:
                plain.append(line)
                continue
            equal(len(match[2]), int(match[1]), "octets of a block")
            check(0 < len(match[2]) <= limit("LIMIT_XZIP_BLOCK"), "a block's size")
            text += self.inflater.decompress(match[2])
        equal((self.inflater.eof, self.inflater.unconsumed_tail), (False, b""), "DEFLATE that goes on")
        return text, plain

    def command(self, text, own_tag="in.1"):
        """(untagged text, the inner tagged reply without its times, octets on the wire)"""
        answer = self.imap.command(f"XZIP {own_tag} {text}")
        equal((answer.status, answer.text), ("OK", "XZIP completed."), text)
        inflated, plain = self.inflate(answer.lines)
        equal(plain, [], "what is not compressed")
        untagged, found, reply = inflated.rpartition(own_tag.encode() + b" ")
        equal(found, own_tag.encode() + b" ", "the inner tag")
        reply = re.sub(r" \(\d[0-9.]* \+ [0-9. +]*secs\)\.\r\n$", ".\r\n", reply.decode())
        check(reply.endswith("\r\n") and "\r\n" not in reply[:-2], f"the last line {reply!r}")
        return untagged, reply[:-2], sum(map(len, answer.lines))


def joined(lines):
    return b"".join(line.encode("utf-8", "surrogateescape") + b"\r\n" for line in lines)


SAYINGS = ("FETCH 1 (UID BODY.PEEK[])", "FETCH 1:2 (ENVELOPE BODYSTRUCTURE FLAGS)", "UID FETCH 1:* FLAGS",
           "fetch 1 XZIP.SIZE[4.2]", "SEARCH ALL", "UID SEARCH RETURN (COUNT) ALL", "SEARCH SUBJECT {5+}\r\nparts",
           "SORT (DATE) UTF-8 ALL", "THREAD REFERENCES UTF-8 ALL", "CAPABILITY", "NAMESPACE",
           'LIST "" *', 'STATUS INBOX (MESSAGES)', "NOOP", "STORE 1 +FLAGS.SILENT (\\Flagged)")


@test
def a_command_says_what_it_says():
    with session() as imap:
        zipped = Zipped(imap)
        for command in SAYINGS:
            plain = imap.ok(command)
            untagged, reply, _ = zipped.command(command)
            text = joined(plain.lines)
            if "ESEARCH" in str(plain.lines):
                text = re.sub(rb'\(TAG "t\d+"\)', b'(TAG "in.1")', text)
            equal(untagged[:300], text[:300], command)
            check(untagged == text, f"all of {command}")
            equal(reply, "OK " + re.sub(r" \(\d[0-9.]* \+ [0-9. +]*secs\)\.$", ".", plain.text), command)


@test
def what_a_sync_says_is_not_compressed():
    with session() as imap:
        zipped = Zipped(imap)
        imap.ok("CREATE copies")
        check(zipped.command("COPY 1:2 copies")[1].startswith("OK [COPYUID "), "COPY")
        imap.select("copies")
        for command, want in ((r"STORE 2 +FLAGS (\Deleted)", r"* 2 FETCH"), ("EXPUNGE", "* 2 EXPUNGE"),
                              ("MOVE 1 copies", "* 1 EXPUNGE")):
            answer = imap.command(f"XZIP x {command}")
            text, plain = zipped.inflate(answer.lines)
            check(re.search(rb"(^|\n)x OK ", text) is not None, f"{command}: {text}")
            check(any(line.startswith(want) for line in plain), f"{command}: {plain}")
        imap.select("INBOX")
        imap.ok("DELETE copies")


@test
def what_was_said_before_helps():
    with session() as imap:
        zipped = Zipped(imap)
        _, _, first = zipped.command("FETCH 1 BODY.PEEK[4.2]<0.20000>")
        check(first < 2000, f"{first} octets for 20000")
        _, _, first = zipped.command("FETCH 1 (ENVELOPE BODYSTRUCTURE)")
        _, _, again = zipped.command("FETCH 1 (ENVELOPE BODYSTRUCTURE)")
        check(again < first // 2, f"{again} octets after {first}")


@test
def errors_of_the_inner_command_are_its_own():
    with session() as imap:
        zipped = Zipped(imap)
        for command, start in (("FETCH 1 NOTHING", "BAD "), ("FETCH", "BAD "), ("SEARCH (", "BAD "),
                               ("STATUS nowhere (MESSAGES)", "NO "), ("UID FETCH x FLAGS", "BAD "),
                               ("FETCH 99 FLAGS", "BAD ")):
            untagged, reply, _ = zipped.command(command)
            check(reply.startswith(start) and untagged == b"", f"{command}: {untagged} {reply}")
            imap.ok("NOOP")
        equal(zipped.command("NOOP")[1], "OK NOOP completed.", "and it goes on")


REFUSED = ("XZIP", "XZIP ", "XZIP x", "XZIP x ", "XZIP  x NOOP", "XZIP x UID", "XZIP (x) NOOP", "XZIP x+ NOOP",
           'XZIP "x" NOOP', "XZIP x (NOOP)", "XZIP x NOTHING", "XZIP x UID NOOP", "XZIP x UID UID FETCH 1 UID",
           "XZIP x XZIP y NOOP", "XZIP x IDLE", "XZIP x LOGOUT", "XZIP x COMPRESS DEFLATE", "XZIP x STARTTLS",
           "XZIP x AUTHENTICATE PLAIN", "XZIP x LOGIN a b", "XZIP x SELECT INBOX", "XZIP x EXAMINE INBOX",
           "XZIP x APPEND INBOX {5}", "XZIP x APPEND INBOX (\\Seen) {5}", "XZIP x NOTIFY NONE",
           "XZIP x XDELIVER TEXT {5}", "XZIP x URLFETCH x", 'XZIP x SETMETADATA "" (/private/comment "x")',
           "XZIP INLINE {5} x NOOP", "XZIP inline {5}", "XZIP INLINE x NOOP", "UID XZIP x NOOP")


@test
def what_is_refused():
    for command in REFUSED:
        with session() as imap:
            answer = imap.command(command)
            equal((answer.status, answer.lines), ("BAD", []), f"{command}: {answer.text}")
            imap.ok("NOOP")
            Zipped(imap).command("FETCH 1 UID")
    with session() as imap:
        check("INLINE" in imap.command("XZIP INLINE {5}").text, "says what it is")
        check("SELECT" in imap.command("XZIP x SELECT INBOX").text, "says which")
    with session("carol") as carol:
        equal(carol.command("XZIP x NOOP").status, "BAD", "without the module")
        carol.ok("NOOP")


@test
def literals_of_what_is_refused_are_no_commands():
    for command in ("XZIP x APPEND INBOX {17+}\r\nt99 CREATE evil\r\n", "XZIP INLINE {17+}\r\nt99 CREATE evil\r\n",
                    "XZIP x APPEND INBOX (a (b {17+}\r\nt99 CREATE evil\r\n"):
        with session() as imap:
            try:
                answer = imap.command(command)
            except Closed:
                answer = None
            equal(answer, None, "the connection ends")
    with session() as imap:
        check("evil" not in str(imap.ok('LIST "" *').lines), "not run")


@test
def a_literal_that_is_asked_for():
    with session() as imap:
        zipped = Zipped(imap)
        tag = imap.start("XZIP x SEARCH SUBJECT {5}")
        while imap.continuations == 0:
            check(imap.pump(60), "+ to the literal")
        imap.send("parts\r\n")
        text, plain = zipped.inflate(imap.finish(tag).lines)
        equal((plain, text.partition(b"x OK")[0]), ([], b"* SEARCH 1\r\n"), "found")


@test
def in_pieces():
    with session() as imap:
        zipped = Zipped(imap)
        for octet in b"t77 XZIP x UID FETCH 1 FLAGS\r\n":
            imap.send(bytes([octet]))
            session().close()  # some round trips: it has been read
        text, plain = zipped.inflate(imap.finish("t77").lines)
        check(plain == [] and text.startswith(b"* 1 FETCH (UID 1 FLAGS"), f"{plain} {text}")


@test
def commands_behind_it_are_not_compressed():
    with session() as imap:
        zipped = Zipped(imap)
        commands = ["XZIP a FETCH 1 (BODY.PEEK[4.1] UID)", "FETCH 2 UID", "XZIP b SEARCH ALL", "CAPABILITY",
                    "XZIP c UID FETCH 1:2 FLAGS", "NOOP", "XZIP d NOTHING", "STORE 2 +FLAGS (\\Draft)",
                    "XZIP e FETCH 1 BODY.PEEK[4.1]", "SEARCH ALL"]
        first, kept = imap.tag + 1, []
        imap.send("".join(f"t{first + i} {command}\r\n" for i, command in enumerate(commands)))
        imap.tag += len(commands)
        lines = {}  # each once: answers that come together have the lines of those before
        for i in range(len(commands)):
            answer = imap.finish(f"t{first + i}")
            lines.update((id(line), line) for line in answer.lines)
            kept.append(answer)
            equal(answer.status, "BAD" if "NOTHING" in commands[i] else "OK", commands[i])
        text, plain = zipped.inflate(lines.values())
        for number, letter in enumerate((b"a", b"b", b"c", b"e")):
            equal(len(re.findall(rb"^" + letter + rb" OK .*\r$", text, re.M)), 1, f"reply {number}")
        check(re.search(r"\* 2 FETCH \(UID 2\)", "\n".join(plain)) is not None, f"plain {plain}")
        equal(sum(line.startswith("* CAPABILITY") for line in plain), 1, "plain CAPABILITY")
        equal(sum(line.startswith("* SEARCH") for line in plain), 1, "plain SEARCH")
        equal((text.count(b"* SEARCH"), text.count(b"* CAPABILITY")), (1, 0), "compressed")


def peak(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s*(\d+)", status.read())[1]) << 10


LARGE = base64.encodebytes(random.Random(2).randbytes(36 << 20)).replace(b"\n", b"\r\n")


def large_session(**options):
    """Of a user who has one message of some 50 MB. Also the process."""
    path = dovecot.home("dora") + "/Maildir/new/1.M1P1.test"
    session("alice").close()
    login = r"(?:Login|Logged in): user=<dora>.* mpid=(\d+),"
    before = len(re.findall(login, dovecot.log()))
    imap = NotifySession(dovecot.imap_port, "dora", **options)
    if "* 0 EXISTS" in imap.select("INBOX").lines:
        with open(path, "wb") as out:
            out.write(b"Subject: large\r\n\r\n" + LARGE)
        os.chown(path, dovecot.uid, dovecot.gid)
        imap.ok("NOOP")
    pids = re.findall(login, dovecot.log())
    equal(len(pids), before + 1, "logins")
    return imap, pids[-1]


def wait_for_sleep(pid):
    """Until the process has nothing to do for a while: it waits for its client."""
    asleep, deadline = 0, time.monotonic() + 120
    while asleep < 20:
        check(time.monotonic() < deadline, "a process that waits")
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            asleep = asleep + 1 if "\nState:\tS" in status.read() else 0
        time.sleep(0.02)


@test
def a_client_that_reads_slowly():
    imap, pid = large_session(receive_buffer=65536)
    with imap:
        imap.ok("FETCH 1 BODY.PEEK[TEXT]<0.100000>")
        imap.ok("FETCH 1 RFC822.SIZE")
        before = peak(pid)
        tag = imap.start("XZIP x FETCH 1 BODY.PEEK[TEXT]")
        check(imap.socket.recv(1) == b"*", "it has begun")
        wait_for_sleep(pid)
        inflater, size, wire = zlib.decompressobj(wbits=-15), 0, b"*"
        blocks, checksum, start, rest = 0, 0, None, b""
        head = re.compile(rb"\* XZIP ~\{(\d+)\}\r\n")
        end = tag.encode() + b" OK XZIP completed.\r\n"
        while True:
            match = head.match(wire)
            if match is not None and len(wire) >= match.end() + int(match[1]) + 2:
                data = wire[match.end():match.end() + int(match[1])]
                equal(wire[match.end() + len(data):][:2], b"\r\n", "the end of a block")
                wire = wire[match.end() + len(data) + 2:]
                text = inflater.decompress(data)
                if start is None:
                    start = text[:len(f"* 1 FETCH (BODY[TEXT] {{{len(LARGE)}}}\r\n")]
                    text = text[len(start):]
                keep = text[:max(0, len(LARGE) - size)]
                checksum = zlib.crc32(keep, checksum)
                size += len(keep)
                blocks += 1
                rest += text[len(keep):]
                continue
            if wire.startswith(end):
                break
            check(match is not None or len(wire) < 32, f"what is no block: {wire[:60]!r}")
            data = imap.socket.recv(4096)  # in small bits, each of which lets the server write
            check(data != b"", "the connection ended")
            wire += data
        equal(start, f"* 1 FETCH (BODY[TEXT] {{{len(LARGE)}}}\r\n".encode(), "the literal")
        equal((size, checksum), (len(LARGE), zlib.crc32(LARGE)), "what was in it")
        check(rest.startswith(b")\r\nx OK "), f"the end {rest}")
        grown = peak(pid) - before
        check(grown < 4 << 20, f"{grown} octets more for an answer of {len(LARGE)}, {blocks} blocks")
        print(f"# {grown >> 10} KiB more, {blocks} blocks")


@test
def a_client_that_goes_away():
    for wait in (False, True):
        imap, pid = large_session(receive_buffer=4096)
        with imap:
            imap.start("XZIP x FETCH 1 BODY.PEEK[]")
            imap.start("XZIP y SEARCH ALL")
            if wait:
                imap.expect(r"^\* XZIP ")
        deadline = time.monotonic() + 60
        while os.path.exists(f"/proc/{pid}"):
            check(time.monotonic() < deadline, "the process ends")
            time.sleep(0.05)


@test
def with_compress():
    # 2.4 needs no plugin for it.
    zlib_plugins = {} if version() >= (2, 4) else {"mail_plugins": "zlib"}
    imap_plugins = "imap_zlib fantail_imap" if zlib_plugins else "fantail_imap"
    with Dovecot(modules=[MODULES / "pushimap"], protocol_plugins={"imap": imap_plugins},
                 **zlib_plugins) as compress:
        for message in (MESSAGE, ODD):
            equal(compress.deliver("alice", message), {}, "refused")
        with NotifySession(compress.imap_port, "alice") as imap:
            imap.select("INBOX")
            plain = imap.ok("FETCH 1 BODY.PEEK[4.1]")
            imap.ok("COMPRESS DEFLATE")
            imap.socket = Deflated(imap.socket)
            zipped = Zipped(imap)
            untagged, _, _ = zipped.command("FETCH 1 BODY.PEEK[4.1]")
            check(untagged == joined(plain.lines), "all of it")
            equal(zipped.command("SEARCH ALL")[0], b"* SEARCH 1 2\r\n", "the next")
            equal(imap.ok("SEARCH ALL").lines, ["* SEARCH 1 2"], "and without")
        equal(compress.problems(), [], "Dovecot's log")


class Deflated:
    """A socket after COMPRESS."""

    def __init__(self, inner):
        self.inner = inner
        self.inflater = zlib.decompressobj(wbits=-15)
        self.deflater = zlib.compressobj(wbits=-15)

    def fileno(self):
        return self.inner.fileno()

    def recv(self, size):
        while True:
            data = self.inner.recv(size)
            text = self.inflater.decompress(data)
            if text or not data:
                return text

    def sendall(self, data):
        self.inner.sendall(self.deflater.compress(data) + self.deflater.flush(zlib.Z_SYNC_FLUSH))

    def close(self):
        self.inner.close()


suite.on_failure = lambda: dovecot.log()[-1500:]

if __name__ == "__main__":
    try:
        suite.run()
    finally:
        dovecot.close()
