#!/usr/bin/env python3
"""FETCH XZIP against a real Dovecot: what is inflated is what BINARY of the same part says.
scratch.py says where modules are looked for."""

import base64
import os
import random
import re
import zlib

from dovecot import Dovecot
from notify_session import NotifySession
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


suite.on_failure = lambda: dovecot.log()[-1500:]

if __name__ == "__main__":
    try:
        suite.run()
    finally:
        dovecot.close()
