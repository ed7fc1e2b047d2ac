#!/usr/bin/env python3
"""FETCH BODY[part.XCONVERT ...] against a real Dovecot: text is converted inside, all else by
commands of a table, good and bad ones. scratch.py says where the module is looked for."""

import base64
import pathlib
import re
import shutil
import struct
import tempfile
import time
import zlib

from dovecot import Dovecot
from pimap import DOVECOT_24, Phone, plain
from scratch import MODULES, TOP, limit
from tap import Suite, check, equal, eventually

suite = Suite("XCONVERT")
scratch = pathlib.Path(tempfile.mkdtemp(prefix="fantail-convert."))
scratch.chmod(0o755)
IMAGE = TOP / "data" / "convert" / "convert-image"
HTML = ("<html><head><title>no</title></head><body><p>At <b>noon</b>, by the "
        "<a href='https://example.org/bridge'>bridge</a>: F&ouml;n, 5 &euro;.</p>"
        "<ul><li>one<li>two</ul></body></html>")
TEXT = ("At noon, by the bridge <https://example.org/bridge>: Fön, 5 €.\r\n\r\n"
        "* one\r\n* two\r\n")


def png(width, height):
    """A picture of noise that a pattern makes."""
    rows = b"".join(b"\0" + bytes((x * y * c) % 251 for x in range(width) for c in (1, 2, 3))
                    for y in range(height))

    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data
                + struct.pack(">I", zlib.crc32(kind + data)))
    return (b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


PICTURE = png(60, 40)


def mime(kind, encoding, body):
    return f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body


def multipart(*parts, boundary="xx"):
    return (f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n".encode()
            + b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in parts)
            + f"--{boundary}--\r\n".encode())


def base64_part(kind, data):
    return mime(kind, "base64", base64.encodebytes(data).replace(b"\n", b"\r\n"))


MESSAGE = b"From: Zoe <zoe@example.org>\r\nSubject: parts\r\nMIME-Version: 1.0\r\n" + multipart(
    mime("text/html; charset=utf-8", "8bit", HTML.encode()),
    mime("text/plain; charset=iso-8859-1", "quoted-printable", b"F=F6n =3D wind\r\n"),
    base64_part("image/png", PICTURE),
    multipart(base64_part("text/html; charset=iso-8859-15", "<p>5 \xa4</p>".encode("latin-1")),
              multipart(mime("text/calendar", "7bit", b"BEGIN:VCALENDAR\r\n"),
                        boundary="zz"), boundary="yy"),
    base64_part("application/x-test", b"a\0b\r\n" * 9),
    mime("message/rfc822", "7bit", b"Subject: inner\r\nContent-Type: text/html\r\n\r\n<p>in</p>\r\n"),
    base64_part("application/x-hang", b"x"),
    base64_part("application/x-crash", b"x"),
    base64_part("application/x-flood", b"x"),
    base64_part("application/x-silent", b"x"),
    base64_part("application/x-missing", b"x"),
    base64_part("application/x-deaf", b"x" * 500000),
    base64_part("application/x-look", b"x"),
    base64_part("application/x-count", b"x"))
BROKEN = b"Subject: broken\r\nMIME-Version: 1.0\r\n" + multipart(
    mime("text/html; charset=x-nobody-knows", "8bit", b"<p>F\xf6n</p>"),
    mime("text/html", "x-unknown", b"<p>x</p>"),
    mime("text/plain; charset=utf-8", "base64", b"!!!! this is none"),
    mime("text/plain; charset=\"utf-8", "8bit", b"no quote \xff\xfe"),
    mime("; charset", "7bit", b"no type"),
    base64_part("application/x-count", b"x"),
    mime('text/x"]\\y', "7bit", b"x\r\n"), mime("text/x\xf6]y", "7bit", b"x\r\n"),
    mime("text/x]y", "7bit", b"x\r\n"), mime("text/\"x'\r\n\ty\"", "7bit", b"x\r\n"))
BOMBS = (b"<b>" * 100000, b"<div>" * 100000 + b"</i>" * 100000, b"<p a='" + b"x" * 9000000,
         b"<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>"
         b"<!ENTITY c SYSTEM 'file:///etc/passwd'>]>&b;&c;" + b"&a;" * 100000,
         b"<ul><li>" * 100000, b"<table><tr><td>" * 100000, b"\0" * 10000,
         b"<a href='" + b"y" * 100000 + b"'>z</a>",
         # More comes out of it than may.
         b"<blockquote>" * 20 + b"x<br>" * 800000)
BOMB_MEMORY = 160 * 1024  # kB that the worst of them may cost a session; it is some 90

SCRIPTS = {
    "hang": "cat >/dev/null; sleep 1000",
    "crash": "echo half; kill -SEGV $$",
    "flood": "exec cat /dev/zero",
    "silent": "exec cat >/dev/null",
    "deaf": "exec echo heard nothing",
    "fail": "echo half; exit 3",
    # Each run says something else.
    "count": "cat >/dev/null; exec cat /proc/sys/kernel/random/uuid",
    "size": "exec wc -c",
    # Reads only when it is let.
    "slow": 'until [ -e "$0.go" ]; do sleep 0.05; done; exec wc -c',
    "wide": f"cat >/dev/null; head -c {limit('LIMIT_CONVERT_OUTPUT')} /dev/zero | tr '\\0' '\\377'",
    # What it has: descriptors, words, its folder, and whether it can write.
    "look": 'cat >/dev/null; ls /proc/self/fd | tr "\\n" " "; env | sort | tr "\\n" " "; '
            'echo "$* $(pwd)"; (echo x >"$0.written") 2>/dev/null; '
            'test -s "$0.written" && echo written; exit 0',
}
server = Dovecot(modules=[MODULES / "pushimap"], protocol_plugins={"imap": "fantail_imap"},
                 settings={"fantail_socket": "/nonexistent/bridge.sock",
                           "fantail_converters": str(scratch / "converters.conf")},
                 extra=plain())


def start():
    for name, text in SCRIPTS.items():
        path = scratch / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    rows = [f"image/png image/{kind} width,height {IMAGE}" for kind in ("jpeg", "gif")]
    rows += [f"application/x-{name} application/x-out width {scratch}/{name} word"
             for name in SCRIPTS]
    rows += [f"application/x-missing application/x-out - {scratch}/missing",
             f"application/x-test application/x-same - /bin/cat",
             f"application/x-count text/x-wide - {scratch}/wide",
             f"application/x-test application/x-fail - {scratch}/fail"]
    (scratch / "converters.conf").write_text("# a table\n" + "\n".join(rows) + "\n")
    server.start()
    for message in (MESSAGE, BROKEN):
        equal(server.deliver("joe", message), {}, "refused")


def start_once():
    if server.process is None:
        start()


def phone(user="joe", device="P1"):
    start_once()
    session = Phone(server, user, device)
    session.ok("SELECT INBOX")
    return session


def parse(line):
    """{item: value} of one FETCH response; a structure is text in brackets."""
    data = line.encode("utf-8", "surrogateescape").partition(b"FETCH (")[2]
    found = {}
    while data != b")":
        match = re.match(rb' ?([A-Z.]+(?:\[[^\]]*\](?:<\d+>)?)?) (?:(~?)\{(\d+)\}\r\n|(\d+)|(NIL)'
                         rb'|(\((?:[^()"]|"[^"]*"|\([^()]*\))*\)))', data, re.DOTALL)
        check(match is not None, f"a response: {data[:200]}")
        name, data = match[1].decode(), data[match.end():]
        if match[3] is not None:
            found[name], data = data[:int(match[3])], data[int(match[3]):]
        elif match[4] is not None:
            found[name] = int(match[4])
        else:
            found[name] = match[6].decode() if match[6] else None
    return found


def fetch(session, item, status="OK", message=1):
    """(value, structure, tagged answer) of one item of a message."""
    *lines, result = session.command(f"FETCH {message} {item}")
    check(result.startswith(status), f"{item}: {result}")
    fetched = [line for line in lines if " FETCH (" in line]
    if not fetched:
        return None, None, result
    equal(len(fetched), 1, "FETCH responses")
    found = parse(fetched[0])
    structure = next((found.pop(name) for name in list(found) if name.startswith("BODYPART")),
                     None)
    found.pop("FLAGS", None)
    found.pop("UID", None)
    equal(len(found), 1, f"items of {found}")
    return next(iter(found.values())), structure, result


told = set()  # lines of the log that were expected


def problems():
    return [line for line in server.problems() if line not in told]


def test(function):
    def wrapped():
        function()
        equal(problems(), [], "Dovecot's log")
    wrapped.__name__ = function.__name__
    return suite.test(wrapped)


def test_with_log(*expected):
    """Of what the log has to say."""
    def decorate(function):
        def wrapped():
            function()
            lines = problems()
            for line in lines:
                check(any(text in line for text in expected), f"the log: {line}")
            told.update(lines)
        wrapped.__name__ = function.__name__
        return suite.test(wrapped)
    return decorate


@test
def it_is_announced():
    with phone() as session:
        check("XCONVERT" in session.ok("CAPABILITY")[0].split(), "CAPABILITY")


@test
def all_of_the_draft_is_claimed_when_all_of_it_is_there():
    missing = [word for word in ("XDELIVER", "XVFOLDER")]
    words = phone().ok("CAPABILITY")[0].split()
    whole = {"XPIMAPv1r2", "XPIMAPcomplyrev12"}
    equal(whole <= set(words), set(missing) <= set(words), f"claimed: {words}")
    extra = ("\nimap_capability {\n" + "".join(f"  {word} = yes\n" for word in missing) + "}\n"
             if DOVECOT_24 else f"\nimap_capability = +{' '.join(missing)}\n")
    with Dovecot(modules=[MODULES / "pushimap"], protocol_plugins={"imap": "fantail_imap"},
                 settings={"fantail_socket": "/nonexistent/bridge.sock"},
                 extra=plain() + extra) as other, Phone(other, "joe", "P1") as session:
        words = session.ok("CAPABILITY")[0].split()
        equal([words.count(word) for word in sorted(whole)], [1, 1], f"claimed once: {words}")


@test
def html_becomes_text():
    with phone() as session:
        text, structure, result = fetch(session, 'BODY.PEEK[1.XCONVERT ("text/plain")]')
        equal(text.decode(), TEXT, "the text")
        size = len(text)
        equal(structure, f'("text" "plain" ("charset" "utf-8") NIL NIL "8bit" {size} 4 NIL NIL NIL NIL)',
              "its structure")
        check(result.startswith("OK Fetch completed"), result)
        for item, wanted in (('BINARY.PEEK[1.XCONVERT ("text/plain" ())]', TEXT.encode()),
                             ('BINARY.SIZE[1.XCONVERT ("text/plain")]', size),
                             ('BODY.PEEK[1.XCONVERT.STRICT ("TEXT/Plain")]', TEXT.encode()),
                             ('BODY.PEEK[4.1.XCONVERT (text/plain)]', "5 €\r\n".encode()),
                             ('BODY.PEEK[4.2.1.XCONVERT (text/plain)]', b"BEGIN:VCALENDAR\r\n"),
                             ('BODY.PEEK[6.1.XCONVERT (text/plain)]', b"in\r\n")):
            equal(fetch(session, item)[0], wanted, item)


@test
def charsets_and_encodings():
    rows = (
        ('2', '("text/plain" ("charset" "utf-8"))', "Fön = wind\r\n".encode(), "8bit", "OK Fetch"),
        ('2', '("text/plain" ("charset" "iso-8859-1"))', b"F\xf6n = wind\r\n", "8bit", "OK Fetch"),
        ('2', '("text/plain" ("charset" "us-ascii"))', b"F?n = wind\r\n", "7bit",
         "OK [INFORMATIONLOSS]"),
        ('1', '("text/plain" ("charset" "iso-8859-1"))',
         TEXT.replace("€", "?").encode("latin-1"), "8bit", "OK [INFORMATIONLOSS]"),
        ('2', '("text/plain" ("charset" "utf-16le"))',
         base64.encodebytes("Fön = wind\r\n".encode("utf-16le")).replace(b"\n", b"\r\n"), "base64",
         "OK Fetch"),
        ('2', '("text/plain" ("encoding" "BASE64"))',
         base64.encodebytes("Fön = wind\r\n".encode()).replace(b"\n", b"\r\n"), "base64",
         "OK Fetch"),
        ('2', '("text/plain" ("encoding" "quoted-printable" "charset" "utf-8"))',
         b"F=C3=B6n =3D wind\r\n", "quoted-printable", "OK Fetch"),
        ('2', '("text/plain" ("encoding" "7bit"))', "Fön = wind\r\n".encode(), "8bit",
         "OK [SERVEROVERRIDE]"),
        ('1', '("text/html" ("charset" "utf-8"))', HTML.encode(), "7bit", "OK Fetch"),
        ('2', '("text/plain" ("charset" "x-nobody-knows"))', "Fön = wind\r\n".encode(), "8bit",
         "OK [SERVEROVERRIDE]"),
        ('2', '("text/plain" ("colour" "blue"))', "Fön = wind\r\n".encode(), "8bit",
         "OK [SERVEROVERRIDE]"),
        ('1', '("application/pdf")', TEXT.encode(), "8bit", "OK [SERVEROVERRIDE]"),
        ('2', '("text/html")', "Fön = wind\r\n".encode(), "8bit", "OK [SERVEROVERRIDE]"),
    )
    with phone() as session:
        for part, wish, wanted, encoding, answer in rows:
            got, structure, result = fetch(session, f"BODY.PEEK[{part}.XCONVERT {wish}]")
            check(result.startswith(answer), f"{wish}: {result}")
            check(f'"{encoding}" {len(got)} ' in structure, f"{wish}: {structure}")
            if encoding == "base64":
                got, wanted = base64.b64decode(got), base64.b64decode(wanted)
            equal(got, wanted, wish)


@test
def strict_is_strict():
    with phone() as session:
        for part, wish, answer in (
                ("1", '("application/pdf")', "NO [CANNOT]"),
                ("2", '("text/html")', "NO [CANNOT]"),
                ("2", '("text/plain" ("charset" "x-nobody-knows"))',
                 'NO [BADPARAMETERS "text/plain" "text/plain" ("charset")]'),
                ("2", '("text/plain" ("colour" "blue"))',
                 'NO [BADPARAMETERS "text/plain" "text/plain" ("colour")]'),
                ("2", '("text/plain" ("encoding" "7bit"))', "NO [BADPARAMETERS"),
                ("2", '("text/plain" ("encoding" "binary"))', "NO [BADPARAMETERS"),
                ("3", '("image/tiff")', "NO [CANNOT]"),
                ("5", '("application/x-other")', "NO [CANNOT]"),
                ("3", '("image/jpeg" ("width" "0"))',
                 'NO [BADPARAMETERS "image/png" "image/jpeg" ("width")]'),
                ("3", '("image/jpeg" ("width" "123456"))', "NO [BADPARAMETERS"),
                ("3", '("image/jpeg" ("width" "1;id"))', "NO [BADPARAMETERS"),
                ("3", '("image/jpeg" ("depth" "1"))', "NO [BADPARAMETERS")):
            value, _, result = fetch(session, f"BODY.PEEK[{part}.XCONVERT.STRICT {wish}]", "NO")
            check(result.startswith(answer), f"{wish}: {result}")
            equal(value, None, "NIL")
        for part in ("4", "4.2", "4.9", "99", "5"):
            value, _, result = fetch(session, f'BODY[{part}.XCONVERT ("text/plain")]',
                                     "NO [CANNOT]")
            equal(value, None, "NIL")
        for part in ("99", "5"):
            equal(fetch(session, f'BINARY.SIZE[{part}.XCONVERT ("text/plain")]', "NO")[0], 0,
                  "no size")


@test
def a_regular_session_has_none():
    with phone(device=None) as session:
        for item in ('BODY[1.XCONVERT ("text/plain")]', 'BINARY.SIZE[1.XCONVERT ("text/plain")]'):
            for _ in range(30):  # core ends sessions after 20 BADs
                *lines, result = session.command(f"FETCH 1:2 {item}")
                equal(lines, [], item)
                check(result.startswith("NO [CANNOT]"), result)
        check(session.command("FETCH 1 BODY[1.XCONVERT]")[-1].startswith("BAD "), "malformed")


@test
def what_is_malformed():
    with phone() as session:
        for number, item in enumerate((
                "BODY[1.XCONVERT]", "BODY[1.XCONVERT ()]", "BODY[1.XCONVERT (NIL)]",
                'BODY[1.XCONVERT (("text/plain"))]', 'BODY[1.XCONVERT ("text")]',
                'BODY[1.XCONVERT ("text/")]', 'BODY[1.XCONVERT ("text/pl ain")]',
                'BODY[1.XCONVERT ("text/plain" "charset")]',
                'BODY[1.XCONVERT ("text/plain" ("charset"))]',
                'BODY[1.XCONVERT ("text/plain" ("charset" NIL))]',
                'BODY[1.XCONVERT ("text/plain" ("charset" ("x")))]',
                'BODY[1.XCONVERT ("text/plain" ("a" "b" "A" "c"))]',
                'BODY[1.XCONVERT ("text/plain")',
                'BODY[1.XCONVERT ("text/plain")]x', 'BODY[1.XCONVERT ("text/plain")]<1',
                'BODY[1.XCONVERT ("text/plain")]<1.0>', 'BODY[XCONVERT ("text/plain")]',
                'BODY[0.XCONVERT ("text/plain")]', 'BODY[1.MIME.XCONVERT ("text/plain")]',
                'BODY[1.XCONVERT.LAX ("text/plain")]', 'BODY.SIZE[1.XCONVERT ("text/plain")]',
                'BINARY.SIZE[1.XCONVERT ("text/plain")]<0.1>',
                'BODY[1.XCONVERT ("text/plain" ("a" "' + "x" * 200 + '"))]',
                "BODY[" + "1." * 4000 + 'XCONVERT ("text/plain")]',
                'BODY[1.XCONVERT ' + "(" * 60 + ")" * 60 + "]")):
            *lines, result = session.command(f"FETCH 1 {item}")
            check(result.startswith("BAD "), f"{item}: {result}")
            equal(lines, [], item)
            if number % 10 == 9:
                session.ok("NOOP")
                session.drop()
                session = phone()
        session.ok("NOOP")
    with phone() as session:
        session.ok("CLOSE")
        check(session.command('FETCH 1 BODY[1.XCONVERT ("text/plain")]')[-1].startswith("BAD "),
              "nothing selected")


@test
def other_items_are_as_they_were():
    items = ("BODY.PEEK[]", "BODY.PEEK[1]", "BODY.PEEK[HEADER.FIELDS (SUBJECT)]", "BODY",
             "BODYSTRUCTURE", "BODY.PEEK[1.MIME]", "BODY.PEEK[TEXT]<1.5>", "BINARY.PEEK[3]",
             "BINARY.SIZE[3]", "BINARY.PEEK[5]<1.3>", "BODY.PEEK[HEADER.FIELDS.NOT (XCONVERT)]")
    other = Dovecot()
    other.start()
    try:
        other.deliver("joe", MESSAGE)
        with phone() as session, Phone(other, "joe") as plainly:
            plainly.ok("SELECT INBOX")
            for item in items:
                header = re.compile(r"(?is)(Return-Path|Delivered-To|Received|\tby|\tid|\tfor).*?\r\n")
                got = [header.sub("", line) for line in session.ok(f"FETCH 1 {item}")]
                wanted = [header.sub("", line) for line in plainly.ok(f"FETCH 1 {item}")]
                if item not in ("BODY.PEEK[]", "BODY.PEEK[HEADER.FIELDS.NOT (XCONVERT)]"):
                    equal(got, wanted, item)
            for bad in ("BODY[1.XCONVERTED]", "BODY[", "BODY[HEADER.FIELDS (A]"):
                equal(session.command(f"FETCH 1 {bad}"), plainly.command(f"FETCH 1 {bad}"), bad)
    finally:
        other.close()


@test
def seen_is_set_by_those_that_do_not_peek():
    with phone() as session:
        for item, seen in (("BODY.PEEK", False), ("BINARY.PEEK", False), ("BINARY.SIZE", False),
                           ("BODY", True), ("BINARY", True)):
            session.ok(r"STORE 1 -FLAGS.SILENT (\Seen)")
            session.ok(f'FETCH 1 {item}[1.XCONVERT ("text/plain")]')
            equal(r"\Seen" in session.ok("FETCH 1 FLAGS")[0], seen, item)


@test
def partials_and_literals():
    with phone() as session:
        whole = TEXT.encode()
        for offset, length in ((0, 10), (10, 10), (len(whole) - 3, 10), (len(whole), 1),
                               (10 ** 9, 5), (0, 10 ** 9)):
            for name in ("BODY", "BINARY"):
                item = f'{name}.PEEK[1.XCONVERT ("text/plain")]<{offset}.{length}>'
                line = session.ok(f"FETCH 1 {item}")[0]
                check(f'{name}[1.XCONVERT ("text/plain")]<{offset}> ' in line, line)
                equal(fetch(session, item)[0], whole[offset:offset + length], item)
        line = session.ok('FETCH 1 BODY.PEEK[1.XCONVERT ({10+}\r\ntext/plain ({7+}\r\ncharset '
                          '{5+}\r\nutf-8))]<0.5>')[0]
        equal(next(value for name, value in parse(line).items() if name.startswith("BODY[")),
              whole[:5], "with literals")
        answer = session.command('FETCH 1 BODY.PEEK[1.XCONVERT ({11+}\r\ntext/plain\0)]')[-1]
        check(answer.startswith("BAD "), answer)
        lines = session.ok('UID FETCH 1 (FLAGS BODY.PEEK[1.XCONVERT ("text/plain")] '
                           'BODY.PEEK[HEADER.FIELDS (SUBJECT)] '
                           'BINARY.SIZE[3.XCONVERT ("image/jpeg")] BODY.PEEK[2])')
        equal(len(lines), 1, "responses")
        for part in ("UID 1", "FLAGS (", 'BODYPARTSTRUCTURE[1] ("text"', "Subject: parts",
                     'BODYPARTSTRUCTURE[3] ("image" "jpeg"', "BODY[2] {"):
            check(part in lines[0], f"{part} in {lines[0]}")


@test
def pictures():
    with phone() as session:
        for kind, magic in (("jpeg", b"\xff\xd8"), ("gif", b"GIF8")):
            data, structure, _ = fetch(
                session, f'BINARY.PEEK[3.XCONVERT.STRICT ("image/{kind}" ("width" "30"))]')
            equal(data[:len(magic)], magic, kind)
            equal(structure, f'("image" "{kind}" NIL NIL NIL "binary" {len(data)} NIL NIL NIL NIL)',
                  "its structure")
            if kind == "gif":
                equal(struct.unpack("<HH", data[6:10]), (30, 20), "its size")
                text, structure, _ = fetch(
                    session, f'BODY.PEEK[3.XCONVERT ("image/{kind}" ("width" "30"))]')
                equal(base64.b64decode(text), data, "the same in Base64")
                check(f'"base64" {len(text)} ' in structure, structure)
        data, _, result = fetch(session, 'BINARY.PEEK[3.XCONVERT ("image/tiff" ("depth" "1"))]')
        equal(data[:2], b"\xff\xd8", "another kind")
        check(result.startswith("OK [SERVEROVERRIDE]"), result)
        pieces = [fetch(session, f'BINARY.PEEK[3.XCONVERT ("image/jpeg")]<{n}.100>')[0]
                  for n in range(0, 700, 100)]
        equal(b"".join(pieces), fetch(session, 'BINARY.PEEK[3.XCONVERT ("image/jpeg")]<0.700>')[0],
              "in pieces")


@test
def the_last_result_is_kept():
    """What the converter says differs from run to run."""
    def ask(session, part, rest, message=1):
        return fetch(session, f'{part}.XCONVERT{rest}', message=message)[0]
    wish = ' ("application/x-out")'
    with phone() as session, phone() as other:
        one = ask(session, "BINARY.PEEK[14", wish + "]")
        equal(len(one), 37, "what it says")
        for part, rest, wanted in (
                ("BINARY.PEEK[14", wish + "]", one), ("BINARY.PEEK[14", wish + "]<0.10>", one[:10]),
                ("BINARY.PEEK[14", wish + "]<10.100>", one[10:]), ("BINARY.SIZE[14", wish + "]", 37),
                ("BODY.PEEK[14", wish + "]", base64.encodebytes(one).replace(b"\n", b"\r\n"))):
            equal(ask(session, part, rest), wanted, part + rest)
        tags = {session.start(f"FETCH 1 BINARY.PEEK[14.XCONVERT{wish}]<{n}.1>") for n in range(5)}
        lines = []
        while tags - {line.partition(" ")[0] for line in lines}:
            lines.append(session.line())
        equal(b"".join(next(iter(value for value in parse(line).values() if isinstance(value, bytes)))
                       for line in lines if " FETCH (" in line), one[:5], "at once")
        # Each of these is something else than what was last, and so is what is asked for then.
        seen = {one, ask(other, "BINARY.PEEK[14", wish + "]")}
        equal(len(seen), 2, "another session")
        for part, rest, message in (
                ("BINARY.PEEK[14", ' ("application/x-out" ("width" "5"))]', 1),
                ("BINARY.PEEK[14", ' ("application/x-out" ("width" "6"))]', 1),
                ("BINARY.PEEK[14", ".STRICT" + wish + "]", 1), ("BINARY.PEEK[6", wish + "]", 2)):
            for _ in range(2):  # the second is kept
                got = ask(session, part, rest, message)
                check(_ == (got in seen), f"{message} {part}{rest}: {got} of {seen}")
                seen.add(got)
        got = ask(session, "BINARY.PEEK[14", wish + "]")
        check(got not in seen, "only the last")
        session.ok("CREATE Other")
        session.ok("COPY 1 Other")
        session.ok("SELECT Other")
        check(ask(session, "BINARY.PEEK[14", wish + "]") not in seen | {got}, "another mailbox")


@test
def a_converter_gets_nothing_of_ours():
    with phone() as session:
        data = fetch(session, 'BINARY.PEEK[13.XCONVERT ("application/x-out" '
                              '("width" "5" "height" "$(id)"))]')[0].decode()
        words = data.split()
        equal([word for word in words if word.isdigit()], ["0", "1", "2", "3"],
              "descriptors, and ls's own")
        equal(sorted(word.split("=")[0] for word in words if "=" in word),
              ["CONVERT_FROM", "CONVERT_TO", "CONVERT_WIDTH", "LC_ALL", "PATH", "PWD"], "environment")
        check("CONVERT_WIDTH=5" in words, data)
        check(data.endswith("word /\n"), f"arguments and folder: {data}")
        check("written" not in data and "id" not in words, data)


@test
def results_are_what_the_command_said():
    with phone() as session:
        equal(fetch(session, 'BINARY.PEEK[5.XCONVERT ("application/x-same")]')[0],
              b"a\0b\r\n" * 9, "as it was")
        line = session.ok('FETCH 1 BINARY.PEEK[5.XCONVERT ("application/x-same")]')[0]
        check('))] ~{45}' in line or ')] ~{45}' in line, line)
        equal(fetch(session, 'BINARY.PEEK[12.XCONVERT ("application/x-out")]')[0],
              b"heard nothing\n", "a command that does not read")


@test_with_log("ended by signal 11", "ended with status 3", "wrote nothing", "wrote too much", "missing")
def bad_converters():
    with phone() as session:
        for part, kind in (("8", "out"), ("9", "out"), ("10", "out"), ("11", "out"), ("5", "fail")):
            value, _, result = fetch(
                session, f'BINARY.PEEK[{part}.XCONVERT ("application/x-{kind}")]', "BAD ")
            equal(value, None, part)
        lines = session.command('FETCH 1 (BODY.PEEK[8.XCONVERT ("application/x-out")] '
                                'BODY.PEEK[2] BODY.PEEK[1.XCONVERT ("text/plain")])')
        check(lines[-1].startswith("BAD "), lines[-1])
        check("BODY[2] {" in lines[0] and "At noon" in lines[0], "the others are there")
        session.ok("NOOP")


def running(name):
    """Processes of that script."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if str(scratch / name).encode() in (entry / "cmdline").read_bytes():
                    found.append(entry.name)
            except OSError:
                pass  # gone
    return found


@test
def a_client_that_goes_takes_the_converter_with_it():
    for way in ("drop", "logout"):
        session = phone()
        session.start('FETCH 1 BINARY.PEEK[7.XCONVERT ("application/x-out")]')
        eventually(lambda: running("hang") != [], "the converter runs")
        if way == "logout":
            # Which waits, unread.
            session.start("LOGOUT")
            check(running("hang") != [], "it waits")
        start = time.monotonic()
        session.drop()
        eventually(lambda: running("hang") == [], f"it is gone: {way}")
        check(time.monotonic() - start < limit("LIMIT_CONVERT_SECS") - 2, "not by its limit")


@test_with_log("took longer than")
def a_converter_that_hangs():
    with phone() as session:
        start = time.monotonic()
        one = session.start('FETCH 1 BINARY.PEEK[7.XCONVERT ("application/x-out")]')
        two = session.start("NOOP")
        three = session.start('FETCH 1 BINARY.PEEK[1.XCONVERT ("text/plain")]')
        answers = session.finish(one)
        check(answers[-1].startswith("BAD "), answers[-1])
        check(time.monotonic() - start >= limit("LIMIT_CONVERT_SECS") - 1, "after the limit")
        # NOOP may be answered after what came behind it.
        lines = []
        while len([line for line in lines if line.startswith((two, three))]) < 2:
            lines.append(session.line())
        check(any("At noon" in line for line in lines), "the next")
        equal(running("hang"), [], "it is gone")


def slow_phone(name):
    """With one message that a converter does not read yet. Returns (session, FETCH's tag)."""
    start_once()
    (scratch / "slow.go").unlink(missing_ok=True)
    equal(server.deliver(name, b"Subject: slow\r\nMIME-Version: 1.0\r\n" + multipart(
        base64_part("application/x-slow", b"x" * 500000))), {}, "refused")
    session = phone(name)
    tag = session.start('FETCH 1 BINARY.PEEK[1.XCONVERT ("application/x-out")]')
    eventually(lambda: running("slow") != [], "the converter runs")
    return session, tag


def answers_until(session, *tags):
    """Lines up to the last of the tagged answers, all of which are OK."""
    lines, left = [], set(tags)
    while left:
        lines.append(session.line())
        tag, _, result = lines[-1].partition(" ")
        if tag in left:
            check(result.startswith("OK"), lines[-1])
            left.remove(tag)
    return lines


def check_whole(lines):
    """The item is there, and nothing stands in the middle of it."""
    line = next(line for line in lines if " FETCH (" in line)
    check(line.endswith('BINARY[1.XCONVERT ("application/x-out")] {7}\r\n500000\n)'), repr(line))


@test
def what_is_expunged_meanwhile():
    session, tag = slow_phone("kim")
    with session, server.imap("kim") as other:
        other.select("INBOX")
        other.store("1", "+FLAGS", r"(\Deleted)")
        other.expunge()
        other.logout()
        (scratch / "slow.go").touch()
        check_whole(answers_until(session, tag))
        lines = session.ok("NOOP")
        check("* 1 EXPUNGE" in lines, f"told then: {lines}")
        session.ok("NOOP")


@test
def what_is_said_meanwhile_waits():
    for name, words in (("lea", ("CLOSE", "SELECT INBOX")), ("lou", ("UNSELECT", "NOOP")),
                        ("leo", ("LOGOUT",)), ("lin", ("DELETE Folder", "NOOP"))):
        start_once()
        with phone(name) as before:
            before.ok("CREATE Folder")
        session, tag = slow_phone(name)
        with session:
            tags = [session.start(word) for word in words]
            time.sleep(0.1)  # so that they are there; nothing depends on it
            (scratch / "slow.go").touch()
            lines = answers_until(session, tag, *tags)
            check_whole(lines)
            first = next(line for line in lines if line.startswith((tag, *tags)))
            check(first.startswith(tag), f"{words}: {lines}")
            if "LOGOUT" not in words:
                session.ok("NOOP")


@test
def what_happens_meanwhile_is_told_later():
    session, tag = slow_phone("mia")
    with session:
        idle = session.start("IDLE")
        equal(server.deliver("mia", b"Subject: new\r\n\r\nx\r\n"), {}, "refused")
        (scratch / "slow.go").touch()
        lines = answers_until(session, tag)
        check_whole(lines)
        while not any(line.endswith("2 EXISTS") for line in lines):
            lines.append(session.line())
        session.send("DONE\r\n")
        answers_until(session, idle)


@test
def a_table_with_a_mistake():
    """Costs the commands; what is built in stays."""
    start_once()
    broken = scratch / "broken.conf"
    broken.write_text("# fine\nimage/png image/jpeg - convert-image\n")
    with Dovecot(modules=[MODULES / "pushimap"], protocol_plugins={"imap": "fantail_imap"},
                 settings=server.settings | {"fantail_converters": str(broken)},
                 extra=plain()) as other:
        equal(other.deliver("joe", MESSAGE), {}, "refused")
        with Phone(other, "joe", "P1") as session:
            check("XCONVERT" in session.ok("CAPABILITY")[0].split(), "CAPABILITY")
            session.ok("SELECT INBOX")
            for _ in range(2):
                equal(fetch(session, 'BODY.PEEK[1.XCONVERT ("text/plain")]')[0], TEXT.encode(), "text")
                fetch(session, 'BODY.PEEK[3.XCONVERT ("image/jpeg")]', "NO [CANNOT]")
        problem, = other.problems()
        check(f"{broken} line 2: " in problem and "not using that file" in problem, problem)


@test
def broken_messages():
    with phone() as session:
        text, _, result = fetch(session, 'BODY.PEEK[1.XCONVERT ("text/plain")]', message=2)
        equal(text.decode(), "F\ufffdn\r\n", "an unknown charset")
        check(result.startswith("OK [INFORMATIONLOSS]"), result)
        fetch(session, 'BODY.PEEK[2.XCONVERT ("text/plain")]', "NO [UNKNOWN-CTE]", 2)
        _, _, result = fetch(session, 'BODY.PEEK[3.XCONVERT ("text/plain")]', "", 2)
        check(result[:2] in ("OK", "NO"), result)
        text, _, result = fetch(session, 'BODY.PEEK[4.XCONVERT ("text/plain")]', message=2)
        check(result.startswith("OK [INFORMATIONLOSS]"), result)
        fetch(session, 'BODY.PEEK[5.XCONVERT ("text/plain")]', "", 2)
        # A type is the sender's, and is in the answer.
        for part in range(7, 11):
            result = fetch(session, f'BODY.PEEK[{part}.XCONVERT.STRICT ("text/plain" '
                                    '("colour" "blue"))]', "NO ", 2)[2]
            check(re.match(r'NO \[(BADPARAMETERS "[^"\\\]]*" "text/plain" \("colour"\)|CANNOT)\] ',
                           result), f"{part}: {result!r}")
        lines = session.command('FETCH 1:2 BODY.PEEK[2.XCONVERT ("text/plain")]')
        check(lines[-1].startswith("NO [UNKNOWN-CTE]"), lines[-1])
        check("wind" in lines[0] and lines[1].endswith("NIL)"), "each for itself")
        session.ok("NOOP")


def lines_of(size):
    """That many octets, each line full."""
    return (b"x" * 76 + b"\r\n") * (size // 78) + b"y" * (size % 78)


@test
def text_up_to_the_limit():
    start_once()
    most = limit("LIMIT_CONVERT_TEXT")
    for size in (most, most + 1):
        body = lines_of(size)
        equal(server.deliver("eve", b"Subject: long\r\nMIME-Version: 1.0\r\n" + multipart(
            mime("text/plain; charset=us-ascii", "7bit", body))), {}, "refused")
    with phone("eve") as session:
        for message, answer in ((1, "OK Fetch"), (2, "OK [INFORMATIONLOSS]")):
            text, _, result = fetch(session, 'BINARY.PEEK[1.XCONVERT ("text/plain")]',
                                    message=message)
            check(text == lines_of(most), f"{message}: {len(text)} octets")
            check(result.startswith(answer), f"{message}: {result}")


@test_with_log("the part is too large")
def input_up_to_the_limit():
    start_once()
    most = limit("LIMIT_CONVERT_INPUT")
    for size in (most, most + 1):
        equal(server.deliver("max", b"Subject: large\r\nMIME-Version: 1.0\r\n" + multipart(
            mime("application/x-size", "7bit", lines_of(size)))), {}, "refused")
    item = 'BINARY.PEEK[1.XCONVERT ("application/x-out")]'
    with phone("max") as session:
        equal(fetch(session, item)[0], f"{most}\n".encode(), "what it had")
        equal(fetch(session, item, "BAD ", 2)[0], None, "one more")
        session.ok("NOOP")


@test
def output_up_to_the_limit():
    """In the encoding that makes the most of it."""
    most = limit("LIMIT_CONVERT_OUTPUT")
    with phone() as session:
        before = memory()
        got, structure, _ = fetch(session, 'BODY.PEEK[14.XCONVERT ("text/x-wide")]<0.9>')
        equal(got, b"=FF=FF=FF", "its beginning")
        size = int(re.search(r'"quoted-printable" (\d+) ', structure)[1])
        check(size > 3 * most, f"{size} octets in all")
        check(memory() - before < BOMB_MEMORY, f"{memory() - before} kB more")
        session.ok("NOOP")


def memory():
    """The most, in kB, that any of Dovecot's imap processes has had."""
    most = 0
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(re.findall(r"(?m)^(\w+):\s*(\S+)", status.read_text()))
        except OSError:
            continue  # gone
        if fields.get("Name") == "imap" and fields.get("PPid") == str(server.process.pid):
            most = max(most, int(fields["VmHWM"]))
    check(most > 0, "no imap process")
    return most


@test
def bombs():
    start_once()
    for bomb in BOMBS:
        message = b"Subject: bomb\r\nMIME-Version: 1.0\r\n" + base64_part(
            "text/html; charset=utf-8", b"<p>start</p>" + bomb)
        equal(server.deliver("ann", message), {}, "refused")
    with phone("ann") as session:
        before = memory()
        for number in range(1, len(BOMBS) + 1):
            partial = "<0.1000>" if number == len(BOMBS) else ""
            text, _, result = fetch(session, f'BODY.PEEK[1.XCONVERT ("text/plain")]{partial}',
                                    message=number)
            check(text.startswith(b"start"), f"{number}: {text[:50]}")
            check(b"root:" not in text and b"aaaaaaaaaa" not in text, f"{number}: {text[:200]}")
            check(memory() - before < BOMB_MEMORY, f"{number}: {memory() - before} kB more")
        # The last, in more octets, and these in more.
        for wish in ('"charset" "utf-32"', '"charset" "utf-32" "encoding" "base64"',
                     '"encoding" "quoted-printable"'):
            fetch(session, f'BODY.PEEK[1.XCONVERT ("text/plain" ({wish}))]<0.1000>',
                  message=len(BOMBS))
            check(memory() - before < BOMB_MEMORY, f"{wish}: {memory() - before} kB more")
        session.ok("NOOP")


@test
def what_nobody_waits_for():
    """NOTIFY fetches by itself: text is converted, and no command is started, since none of the
    client's would wait for it."""
    start_once()
    spool = scratch / "spool"
    spool.mkdir()
    spool.chmod(0o777)
    with Dovecot(modules=[MODULES / "pushimap", MODULES / "plugins"], mail_plugins="notify fantail_event",
                 protocol_plugins={"imap": "fantail_notify fantail_imap"},
                 settings=server.settings | {"fantail_hub": "/nonexistent/hub.sock",
                                             "fantail_spool": str(spool)},
                 extra=plain()) as other, Phone(other, "joe", "P1") as session:
        session.ok("SELECT INBOX")
        session.ok('NOTIFY SET (SELECTED (MessageNew (BODY.PEEK[1.XCONVERT ("text/plain")] '
                   'BINARY.PEEK[3.XCONVERT ("image/jpeg")]) MessageExpunge))')
        equal(other.deliver("joe", MESSAGE), {}, "refused")
        lines = []

        def told():
            lines.extend(session.ok("NOOP"))
            return any(" FETCH (" in line for line in lines)
        eventually(told, "the message")
        line = next(line for line in lines if " FETCH (" in line)
        check("At noon" in line and 'BINARY[3.XCONVERT ("image/jpeg")] NIL' in line, line)
        # Within one that has converted itself.
        equal(other.deliver("joe", MESSAGE), {}, "refused")
        lines.clear()

        def told_within():
            lines.extend(session.ok('FETCH 1 BINARY.PEEK[3.XCONVERT ("image/gif")]'))
            return any("* 2 FETCH (" in line for line in lines)
        eventually(told_within, "the next message")
        line = next(line for line in lines if "* 2 FETCH (" in line)
        check("At noon" in line and 'BINARY[3.XCONVERT ("image/jpeg")] NIL' in line, line)
        check("GIF8" in lines[0], "the command's own")
        session.ok("NOOP")
        equal(other.problems("hub"), [], "its log")


@test
def many_commands_at_once():
    with phone() as session:
        kinds = ["jpeg", "gif"] * 10
        tags = {session.start(f'FETCH 1 BINARY.PEEK[3.XCONVERT ("image/{kind}")]') for kind in kinds}
        lines = []
        while tags:
            lines.append(session.line())
            tag, _, result = lines[-1].partition(" ")
            if tag in tags:
                check(result.startswith("OK Fetch"), result)
                tags.remove(tag)
        equal(["gif" if "GIF8" in line else "jpeg" for line in lines if " FETCH (" in line], kinds,
              "the pictures")


suite.on_failure = lambda: server.log()[-1500:]

if __name__ == "__main__":
    try:
        suite.run()
    finally:
        server.close()
        shutil.rmtree(scratch, ignore_errors=True)
