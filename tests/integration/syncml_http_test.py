#!/usr/bin/env python3
"""fantail-syncml on the wire: HTTP, logins with a real Dovecot and with a file, proxies, and
peers that mean no good. What messages mean has tests of its own."""

import base64
import gzip
import http.client
import os
import pathlib
import re
import resource
import socket
import subprocess
import threading
import time

from dovecot import Dovecot, version
from scratch import BUILD, limit, scratch_dir
from syncevolution import card
from syncml_daemon import (SyncmlDaemon, XML, auth_listener, challenge, digest, header_status,
                           hello, resp_uri, with_digest)
from syncml_phone import Phone
from tap import Suite, check, equal, eventually

BODY_MAX = 2 * 1024 * 1024

suite = Suite("syncml http")
folder = scratch_dir("syncml-http")


def password_file():
    path = folder / "passwords"
    path.write_text("# by hand\n"
                    "alice:{PLAIN}secret\n"
                    "bob:{SHA512-CRYPT}$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/"
                    "jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/\n")  # password
    path.chmod(0o600)
    return path


daemon = SyncmlDaemon(folder / "file", login={"password-file": password_file()},
                      syncml={"trusted-proxies": "127.0.0.2"},
                      limits={"logins-per-user": 1000, "logins-per-address": 10000,
                              "sessions-per-user": 1000, "sessions-per-address": 10000})
suite.on_failure = lambda: daemon.log_text()[-2000:]


# --- HTTP --------------------------------------------------------------------------------

@suite.test
def a_login_is_answered():
    answer = daemon.post(hello("alice", "secret"))
    equal(header_status(answer), "212", "status")
    check("<DevInf" in answer, "device information in it")
    check(resp_uri(answer).startswith(f"http://127.0.0.1:{daemon.port}/sync?s="), "RespURI")


@suite.test
def who_is_wrong_is_told_the_same_whatever_is_wrong():
    rows = [(None, None, "407"), ("alice", "wrong", "401"), ("mallory", "secret", "401"),
            ("alice", "", "401"), ("", "secret", "401"), ("bob", "password", "212"),
            ("bob", "Password", "401")]
    for user, password, status in rows:
        equal(header_status(daemon.post(hello(user, password))), status, f"{user}, {password}")


@suite.test
def http_rows():
    message = hello("alice", "secret")
    rows = [
        ("GET", {"method": "GET", "content_type": None}, 200),
        ("HEAD", {"method": "HEAD", "content_type": None}, 200),
        ("PUT", {"method": "PUT"}, 405),
        ("DELETE", {"method": "DELETE"}, 405),
        ("another path", {"path": "/"}, 404),
        ("a path below", {"path": "/sync/x"}, 404),
        ("no type", {"content_type": None}, 415),
        ("another type", {"content_type": "text/xml"}, 415),
        ("device management", {"content_type": "application/vnd.syncml.dm+xml"}, 415),
        ("type with parameters", {"content_type": XML + "; charset=utf-8"}, 200),
        ("type in capitals", {"content_type": XML.upper()}, 200),
        ("Latin 1 only", {"Accept_Charset": "iso-8859-1"}, 406),
        ("UTF-8 refused", {"Accept_Charset": "utf-8;q=0, *"}, 406),
        ("UTF-8 among others", {"Accept_Charset": "iso-8859-1, UTF-8;q=0.5"}, 200),
        ("any charset", {"Accept_Charset": "*"}, 200),
        ("an unknown coding", {"Content_Encoding": "br"}, 415),
        ("no gzip", {"Content_Encoding": "gzip"}, 400),
        ("no XML", {"body": b"<SyncML"}, 400),
        ("nothing", {"body": b""}, 400),
        ("WBXML that is XML", {"content_type": "application/vnd.syncml+wbxml"}, 400),
    ]
    for name, arguments, status in rows:
        got, headers, _ = daemon.request(**{"body": message, **arguments})
        equal(got, status, name)
        check("no-store" in headers["Cache-Control"], f"{name}: Cache-Control")
        if status == 405:
            check("POST" in headers["Allow"], f"{name}: Allow")


@suite.test
def gzip_both_ways():
    message = hello("alice", "secret")
    status, headers, body = daemon.request(body=gzip.compress(message), Content_Encoding="gzip",
                                           Accept_Encoding="gzip, deflate")
    equal((status, headers["Content-Encoding"]), (200, "gzip"), "answer")
    equal(headers["Content-Length"], str(len(body)), "length")
    check(b"<DevInf" in gzip.decompress(body), "what is in it")
    _, headers, _ = daemon.request(body=message, Accept_Encoding="gzip;q=0")
    equal(headers["Content-Encoding"], None, "refused")


@suite.test
def a_chunked_request_is_read_and_the_answer_has_a_length():
    message = hello("alice", "secret")
    status, headers, body = daemon.request(body=iter([message[:100], message[100:]]))
    equal((status, headers["Content-Length"]), (200, str(len(body))), "answer")


@suite.test
def the_same_message_twice_at_once_is_answered_twice():
    message = hello("bob", "password", device="IMEI:twice")
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(daemon.post(message)))
               for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal([header_status(answer) for answer in answers], ["212"] * 4, "statuses")


# --- connections ---------------------------------------------------------------------------

@suite.test
def a_connection_is_for_one_request():
    """Descriptors of phones that go are given back, whatever they have asked for."""
    message = hello("alice", "secret")
    for name, body, status, more in [("a message", message, 200, {}),
                                     ("another path", message, 404, {"path": "/"}),
                                     ("a page", None, 200, {"method": "GET"})]:
        connection = daemon.connect()
        connection.connect()
        sock = connection.sock.dup()  # the client closes its own
        connection.request(more.get("method", "POST"), more.get("path", "/sync"), body,
                           {"Content-Type": XML, "Connection": "keep-alive"})
        answer = connection.getresponse()
        answer.read()
        equal((answer.status, answer.headers["Connection"]), (status, "close"), name)
        equal(sock.recv(1), b"", f"{name}: and so it is")
        sock.close()

    def descriptors():
        return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))

    before = descriptors()
    for _ in range(50):
        daemon.post(message)
    eventually(lambda: descriptors() <= before + 5, "their descriptors to be closed")


@suite.test
def slow_requests_end():
    begun = (b"POST /sync HTTP/1.1\r\nHost: x\r\nContent-Type: " + XML.encode()
             + b"\r\nContent-Length: 100000\r\n")
    with SyncmlDaemon(folder / "slow", login={"password-file": folder / "passwords"},
                      syncml={"metrics": f"unix:{folder}/slow.sock"},
                      limits={"request-time": "1s"}) as other:
        for name, first, piece in [("headers", begun, b"X: y\r\n"),
                                   ("body", begun + b"\r\n", b"<")]:
            sock = socket.create_connection(("127.0.0.1", other.port), 60)
            sock.settimeout(0.1)
            sock.sendall(first)

            def ended():
                try:
                    sock.sendall(piece)
                    return sock.recv(4096) == b""
                except TimeoutError:
                    return False
                except OSError:
                    return True

            eventually(ended, f"the end of slow {name}")
            sock.close()
            equal(header_status(other.post(hello("alice", "secret", device=name))),
                  "212", "others are served")
        equal(scrape(folder / "slow.sock")["fantail_syncml_requests_too_slow_total"], 2, "counted")


# --- proxies -------------------------------------------------------------------------------

@suite.test
def a_proxy_is_believed_if_it_is_trusted_and_nobody_else():
    def try_from(source, **headers):
        before = len(daemon.log_text().splitlines())
        connection = daemon.connect()
        connection.source_address = (source, 0)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", "/sync", hello("alice", "secret", device=f"IMEI:{before}"),
                           {"Content-Type": XML, "Host": "inner", **sent})
        answer = connection.getresponse().read().decode()
        connection.close()
        line = eventually(lambda: [text for text in daemon.log_text().splitlines()[before:]
                                   if " bytes, " in text], "a line of the log")[-1]
        return header_status(answer), resp_uri(answer), line.split(" from ")[1].split(": ")[0]

    https = {"X_Forwarded_Proto": "https", "X_Forwarded_For": "192.0.2.7"}
    rows = [
        ("no proxy", "127.0.0.1", {}, "212", "http://inner/sync", "127.0.0.1"),
        ("the proxy, with TLS", "127.0.0.2", https, "212", "https://inner/sync", "192.0.2.7"),
        ("the proxy, without", "127.0.0.2", {"X_Forwarded_For": "192.0.2.7"}, "403", None,
         "192.0.2.7"),
        ("a stranger says so", "127.0.0.1", https, "403", None, "127.0.0.1"),
        ("what a phone wrote before the proxy", "127.0.0.2",
         {**https, "X_Forwarded_For": "198.51.100.1, 192.0.2.9"}, "212", "https://inner/sync",
         "192.0.2.9"),
        ("two proxies", "127.0.0.2", {**https, "X_Forwarded_For": "192.0.2.9, 127.0.0.2"}, "212",
         "https://inner/sync", "192.0.2.9"),
        ("RFC 7239", "127.0.0.2",
         {"Forwarded": 'for="[2001:db8::1]:4711";proto=https;host=sync.example.org'}, "212",
         "https://sync.example.org/sync", "2001:db8::1"),
        ("a host of its own", "127.0.0.2", {**https, "X_Forwarded_Host": "sync.example.org"},
         "212", "https://sync.example.org/sync", "192.0.2.7"),
    ]
    for name, source, headers, status, url, address in rows:
        got = try_from(source, **headers)
        equal((got[0], got[1] and got[1].split("?")[0], got[2]), (status, url, address), name)


@suite.test
def a_unix_socket_is_trusted():
    path = folder / "unix" / "http.sock"
    with SyncmlDaemon(folder / "unix", login={"password-file": folder / "passwords"},
                      syncml={"listen": f"unix:{path}",
                              "public-url": "https://sync.example.org"}) as other:
        equal(oct(os.stat(path).st_mode & 0o777), "0o660", "its mode")
        answer = other.post(hello("alice", "secret"), X_Forwarded_For="192.0.2.7",
                            X_Forwarded_Proto="https")
        equal(header_status(answer), "212", "with TLS")
        check(resp_uri(answer).startswith("https://sync.example.org/sync?s="), "public-url")
        equal(header_status(other.post(hello("alice", "secret"))), "403", "without")
        check("192.0.2.7" in other.log_text(), "the phone's address in the log")
    check(not path.exists(), "the socket is gone")


# --- peers that mean no good ----------------------------------------------------------------------

@suite.test
def large_bodies_are_refused_while_they_come():
    status, _, _ = daemon.request(body=b" " * BODY_MAX)
    equal(status, 400, "as large as can be")

    before = daemon.rss_kib()
    for name, headers, chunk in [
            ("by its length", b"Content-Length: 1000000000\r\n", b" " * 65536),
            ("chunked", b"Transfer-Encoding: chunked\r\n", b"10000\r\n" + b" " * 65536 + b"\r\n")]:
        with socket.create_connection(("127.0.0.1", daemon.port), 60) as connection:
            connection.sendall(b"POST /sync HTTP/1.1\r\nHost: x\r\nContent-Type: "
                               + XML.encode() + b"\r\n" + headers + b"\r\n")
            sent = 0
            try:
                while sent < 8 * BODY_MAX:
                    connection.sendall(chunk)
                    sent += len(chunk)
            except OSError:
                pass  # it has heard enough
            check(sent < 8 * BODY_MAX, f"{name}: cut off")
            connection.settimeout(20)
            try:
                if "chunked" in name:
                    connection.sendall(b"0\r\n\r\n")
                answer = connection.recv(4096)
                check(answer == b"" or b" 413 " in answer, f"{name}: {answer!r}")
            except ConnectionError:
                pass
    check(daemon.is_sanitized() or daemon.rss_kib() - before < 16 * 1024, "memory")


@suite.test
def a_bomb_in_gzip_is_not_unpacked():
    before = daemon.rss_kib()
    bomb = gzip.compress(b" " * (64 * 1024 * 1024))
    started = time.monotonic()
    status, _, _ = daemon.request(body=bomb, Content_Encoding="gzip")
    equal(status, 413, "64 MiB of blanks")
    check(time.monotonic() - started < 5, "at once")
    status, _, _ = daemon.request(body=gzip.compress(b" " * 200000), Content_Encoding="gzip")
    equal(status, 413, "a thousand times what it was")
    status, _, _ = daemon.request(body=gzip.compress(b" " * 20000), Content_Encoding="gzip")
    equal(status, 400, "small enough to be looked at")
    check(daemon.is_sanitized() or daemon.rss_kib() - before < 16 * 1024, "memory")


@suite.test
def entities_are_no_bomb():
    bomb = (b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
            + b"".join(b'<!ENTITY a%d "%s">' % (i, b"&a%s;" % (str(i - 1).encode() if i else b"") * 10)
                       for i in range(9)) + b"]><SyncML>&a8;</SyncML>")
    equal(daemon.request(body=bomb)[0], 400, "status")


def limit_files():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))


@suite.test
def a_thousand_connections_do_not_keep_others_out():
    limit_files()
    connections = []
    try:
        for _ in range(1000):
            connection = socket.create_connection(("127.0.0.1", daemon.port), 60)
            connection.sendall(b"POST /sync HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
                               b"Content-Type: " + XML.encode() + b"\r\n\r\n<")
            connections.append(connection)
        equal(header_status(daemon.post(hello("alice", "secret"))), "212", "a phone among them")
    finally:
        for connection in connections:
            connection.close()
    equal(header_status(daemon.post(hello("alice", "secret"))), "212", "a phone after them")


@suite.test
def too_many_logins_are_asked_to_come_again():
    with SyncmlDaemon(folder / "pace", login={"password-file": folder / "passwords"},
                      limits={"logins-per-user": 3, "logins-per-address": 5}) as other:
        def tries(user, count):
            return [other.request(body=hello(user, f"wrong{number}"))[:2]
                    for number in range(count)]
        right = [other.request(body=hello("alice", "secret"))[0] for _ in range(7)]
        equal(right, [200] * 7, "right ones are not counted")
        statuses = tries("alice", 4)
        equal([status for status, _ in statuses], [200] * 3 + [503], "of one user")
        check(int(statuses[-1][1]["Retry-After"]) > 0, "Retry-After")
        equal([status for status, _ in tries("bob", 3)], [200] + [503] * 2, "from one address")


@suite.test
def too_many_sessions_are_asked_to_come_again():
    with SyncmlDaemon(folder / "sessions", login={"password-file": folder / "passwords"},
                      limits={"sessions-per-user": 2, "sessions-per-address": 3}) as other:
        def begin(user, password, device):
            return other.request(body=hello(user, password, device=device))[0]
        equal([begin("alice", "secret", f"IMEI:{number}") for number in range(3)],
              [200, 200, 503], "of one user")
        equal(begin("alice", "secret", "IMEI:1"), 200, "one that has a session")
        equal([begin("bob", "password", f"IMEI:{number}") for number in range(2)], [200, 503],
              "from one address")


# --- metrics -------------------------------------------------------------------------------

def scrape(path):
    """Name with its labels -> number."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(str(path))
        connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        text = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    head, _, body = text.partition("\r\n\r\n")
    check("application/openmetrics-text; version=1.0.0" in head, f"type: {head}")
    check(body.endswith("# EOF\n"), "the end")
    return {name: float(value) for name, value in
            (line.rsplit(" ", 1) for line in body.splitlines() if not line.startswith("#"))}


@suite.test
def metrics_count_what_happens():
    path, moved = folder / "metrics.sock", folder / "moved.sock"
    with SyncmlDaemon(folder / "metrics", login={"password-file": folder / "passwords"},
                      syncml={"metrics": f"unix:{path}"},
                      limits={"logins-per-user": 3}) as other:
        before = scrape(path)
        equal(before["fantail_syncml_sessions_begun_total"], 0, "nothing yet")
        equal(header_status(other.post(hello("bob", "wrong"))), "401", "a wrong password")
        phone = Phone(other.port, "/sync", "alice", "secret", "IMEI:m")
        phone.sync(200, {"1": card(1), "2": card(2)})
        other.request("POST", b" " * (BODY_MAX + 1))
        for number in range(3):
            status = other.request(body=hello("bob", f"wrong{number}"))[0]
        equal(status, 503, "too many")
        got = scrape(path)
        session = phone.message
        for name, value in [
                ('messages_total{status="200"}', session + 3),
                ('messages_total{status="503"}', 1),
                ('message_seconds_count{encoding="xml"}', session + 3),
                ("sessions_begun_total", 1),
                ('sessions_ended_total{result="ok"}', 1),
                ('sessions_ended_total{result="failed"}', 0),
                ('changes_received_total{collection="contacts",kind="added"}', 2),
                ('changes_sent_total{collection="contacts",kind="added"}', 0),
                ('logins_total{scheme="basic",result="ok"}', 1),
                ('logins_total{scheme="basic",result="wrong"}', 3),
                ('refused_total{limit="logins"}', 1),
                ('refused_total{limit="sessions"}', 0),
                ("requests_too_large_total", 1),
                ("messages_pending", 0),
        ]:
            equal(got["fantail_syncml_" + name], value, name)
        check(got["fantail_syncml_received_bytes_total"] > 1000, "bytes in")
        check(got["fantail_syncml_sent_bytes_total"] > 1000, "bytes out")
        check(not any("alice" in name or "IMEI" in name for name in got), "nobody is named")

        other.sections["syncml"]["metrics"] = f"unix:{moved}"
        other.write_config()
        check("is in force" in other.reload(), "reload")
        equal(scrape(moved)["fantail_syncml_sessions_begun_total"], 1, "goes on at another place")
        check(not path.exists(), "and no more where it was")


# --- transcripts -----------------------------------------------------------------------------

@suite.test
def one_message_too_many_is_counted_and_logged():
    path, auth = folder / "crowd.sock", folder / "silent-auth"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(auth))
    listener.listen()  # and says nothing, so that logins wait
    statuses, message = [], hello("alice", "secret")

    def post():
        try:
            statuses.append(other.request(body=message)[0])
        except http.client.RemoteDisconnected:
            pass  # it has ended

    with SyncmlDaemon(folder / "crowd", login={"auth-socket": auth},
                      syncml={"metrics": f"unix:{path}"}) as other:
        threads = [threading.Thread(target=post) for _ in range(limit("LIMIT_SYNCML_TWINS") + 3)]
        for thread in threads:
            thread.start()
        eventually(lambda: len(statuses) == 2, "those that are too many")
        equal(statuses, [503, 503], "their answer")
        got = scrape(path)
        for name, value in [('refused_total{limit="messages"}', 2),
                            ('messages_total{status="503"}', 2),
                            ("received_bytes_total", 2 * len(message)),
                            ("messages_pending", 1)]:
            equal(got["fantail_syncml_" + name], value, name)
        equal(other.log_text().count("ms: too many messages at once"), 2, "lines of the log")
        other.stop()
        for thread in threads:
            thread.join()
    listener.close()


def ctl(other, *words, expected=0):
    """fantailctl as an operator types it."""
    result = subprocess.run([BUILD / "notify-bridge" / "fantailctl", words[0], "--store",
                             other.folder / "state", *words[1:]], capture_output=True, text=True,
                            timeout=60)
    equal(result.returncode, expected, f"{words}: {result.stderr}")
    return result.stdout + result.stderr


def secrets_of(user, password):
    return [password, base64.b64encode(f"{user}:{password}".encode()).decode()]


@suite.test
def a_transcript_of_one_phone():
    other = SyncmlDaemon(folder / "transcript", login={"password-file": folder / "passwords"})
    with other:
        said = ctl(other, "sync-transcript", "alice", "IMEI:t", "show", expected=67)
        check("there is no transcript" in said, said)
        said = ctl(other, "sync-transcript", "alice", "IMEI:t", "on", "--hours", "2")
        check("On for 2 hours or 16 MiB" in said, said)
        path = pathlib.Path(said.splitlines()[0].rpartition(" ")[2])
        equal(oct(path.stat().st_mode & 0o777), "0o600", "its mode")
        head = path.read_text()

        other.post(hello("bob", "password", device="IMEI:t"))  # another user's of that name
        other.post(hello("alice", "secret", device="IMEI:u"))
        equal(path.read_text(), head, "of others nothing")

        equal(header_status(other.post(hello("alice", "wr0ng", device="IMEI:t"))), "401", "wrong")
        answer = other.post(hello("alice", "secret", device="IMEI:t"))
        text = ctl(other, "sync-transcript", "alice", "IMEI:t", "show")
        equal(text.count("bytes from the phone at 127.0.0.1: "), 2, "messages")
        equal(text.count("bytes for it, status 200"), 2, "answers")
        equal(text.count("<Data>(blanked)</Data>"), 2, "credentials are not there")
        check("<Data>401</Data>" in text and "<Data>212</Data>" in text, "what was answered")
        check("    <LocURI>IMEI:t</LocURI>" in text, "indented")
        check("000000  3c 3f 78 6d 6c 20" in text, "octets")
        key = re.search(r"s=([0-9a-f]{32})", answer)[1]
        for secret in secrets_of("alice", "secret") + secrets_of("alice", "wr0ng") + [key]:
            check(secret not in text, f"{secret} is in it")

    with other:  # a restart changes nothing
        before = len(path.read_text())
        other.post(hello("alice", "secret", device="IMEI:t", session="2"))
        check(len(path.read_text()) > before, "still on")
        check("Off;" in ctl(other, "sync-transcript", "alice", "IMEI:t", "off"), "off")
        before = path.read_text()
        other.post(hello("alice", "secret", device="IMEI:t", session="3"))
        equal(path.read_text(), before, "no more")
        ctl(other, "sync-transcript", "alice", "IMEI:t", "maybe", expected=64)
        ctl(other, "sync-transcript", "alice", "IMEI:t", "on", "--hours", "1000", expected=64)


@suite.test
def a_transcript_ends_when_it_is_full():
    with SyncmlDaemon(folder / "full", login={"password-file": folder / "passwords"}) as other:
        said = ctl(other, "sync-transcript", "alice", "IMEI:t", "on", "--mib", "1")
        path = pathlib.Path(said.splitlines()[0].rpartition(" ")[2])
        for number in range(20):
            other.post(hello("alice", "secret", device="IMEI:t", session=str(number))
                       + b" " * 100000)
        text = path.read_text()
        check(text.endswith("=== the end: it has as many bytes as it may have\n"), text[-200:])
        check(1024 * 1024 <= len(text) < 1024 * 1024 + 200, f"{len(text)} bytes")
        check("transcript" not in other.log_text(), "nothing to complain of")


# --- Dovecot ------------------------------------------------------------------------------

@suite.test
def dovecot_says_who_may_log_in():
    with Dovecot(extra=auth_listener()) as dovecot:
        socket_path = os.path.join(dovecot.socket_dir, "fantail-auth")
        with SyncmlDaemon(folder / "dovecot", login={"auth-socket": socket_path}) as other:
            equal(header_status(other.post(hello("carol", "secret"))), "212", "right")
            equal(header_status(other.post(hello("carol", "wrong"))), "401", "wrong")
            answer = other.post(hello("CAROL", "secret", device="IMEI:2"))
            equal(header_status(answer), "212", "in capitals")
            check(resp_uri(answer).endswith(".carol"), "the name is Dovecot's")
            log = eventually(lambda: [text for text in dovecot.log().splitlines()
                                      if "carol" in text and "mismatch" in text],
                             "Dovecot's line about it")
            check("127.0.0.1" in log[0], "the phone's address in it")

            # A reload closes the connection; nobody notices.
            dovecot.reload()
            equal(header_status(other.post(hello("carol", "secret", session="2"))), "212",
                  "after a reload")

            answers = []
            threads = [threading.Thread(target=lambda user=user: answers.append(
                header_status(other.post(hello(user, "secret", device="IMEI:3")))))
                for user in (f"user{number}" for number in range(20))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            equal(answers, ["212"] * 20, "many at once")


@suite.test
def dovecot_is_told_what_is_known():
    debug = "log_debug = category=auth\n" if version() >= (2, 4) else "auth_debug = yes\n"
    with Dovecot(extra=auth_listener() + debug) as dovecot:
        socket_path = os.path.join(dovecot.socket_dir, "fantail-auth")

        def asked(other, **headers):
            before = dovecot.log()
            other.post(hello("carol", "secret", device="IMEI:35&lt;2> x"), **headers)
            return eventually(lambda: [line for line in dovecot.log()[len(before):].splitlines()
                                       if "service=syncml" in line], "the request in its log")[0]

        with SyncmlDaemon(folder / "told", login={"auth-socket": socket_path},
                          syncml={"trusted-proxies": "127.0.0.1"}) as other:
            line = asked(other)
            for word in ("secured", "session=IMEI:35_2__x#1", "rip=127.0.0.1", "lip=127.0.0.1"):
                check(word in line, f"{word} in {line}")
            check("secret" not in line, "no password")
            line = asked(other, X_Forwarded_For="192.0.2.7", X_Forwarded_Proto="https")
            check("rip=192.0.2.7" in line, line)
            check("lip=" not in line, f"which only the proxy knows: {line}")


@suite.test
def what_dovecot_cannot_tell_is_not_wrong():
    with Dovecot(extra=auth_listener(broken=True)) as dovecot:
        socket_path = os.path.join(dovecot.socket_dir, "fantail-auth")
        with SyncmlDaemon(folder / "broken", login={"auth-socket": socket_path}) as other:
            equal(header_status(other.post(hello("carol", "secret"))), "212", "right")
            status, headers = other.request(body=hello("carol", "wrong"))[:2]
            equal(status, 503, "temp_fail")
            check(int(headers["Retry-After"]) > 0, "Retry-After")


@suite.test
def a_reload_brings_another_file():
    path = folder / "other-passwords"
    path.write_text("dave:{PLAIN}secret\n")
    path.chmod(0o600)
    with SyncmlDaemon(folder / "reload", login={"password-file": folder / "passwords"}) as other:
        equal(header_status(other.post(hello("dave", "secret"))), "401", "before")
        other.sections["login"]["password-file"] = path
        other.sections["syncml"]["control-mode"] = "0660"
        other.write_config()
        check("is in force" in other.reload(), "reload")
        check("[syncml] control-mode has changed, which needs a restart" in other.log_text(),
              "and what is not")
        equal(header_status(other.post(hello("dave", "secret"))), "212", "after")
        other.sections["login"]["password-fil"] = path
        other.write_config()
        check("did you mean 'password-file'?; keeping the old" in other.reload(), "a bad one")
        equal(header_status(other.post(hello("dave", "secret", device="x"))), "212", "still")


@suite.test
def fantailctl_asks_how_it_is():
    with SyncmlDaemon(folder / "asked", login={"password-file": folder / "passwords"}) as other:
        other.post(hello("alice", "secret", device="IMEI:1"))
        other.post(hello("alice", "secret", device="IMEI:2"))
        other.post(hello("bob", "password", device="IMEI:1"))
        status = other.ctl_json("sync", "status")
        equal((status["sessions"], status["users"], status["messages"]), (3, 2, 0), "counts")
        equal(status["config"], str(other.config), "its configuration")
        check("3 of 2 users" in other.ctl("sync", "status").stdout, "for people")
        equal(oct(os.stat(other.socket).st_mode & 0o777), "0o600", "mode of the socket")
        # The bridge's requests are not ours.
        result = other.ctl("reload", check=False)
        check("no such verb" in result.stderr, f"another daemon's request: {result}")
    result = other.ctl("sync", "status", check=False)
    equal(result.returncode, 69, "when it is gone")
    check("systemctl start fantail-syncml" in result.stderr, f"the remedy: {result.stderr}")


# --- sync passwords --------------------------------------------------------------------------

def sync_password(server, user, device, *more):
    return server.ctl("sync-password", user, device, *more).stdout.strip()


@suite.test
def a_sync_password_is_for_digests():
    with SyncmlDaemon(folder / "md5", login={"password-file": folder / "passwords"}) as other:
        result = other.ctl("sync-password", "alice", "IMEI:1")
        password = result.stdout.strip()
        check(len(password) == 18 and password.isalpha() and password.islower(), password)
        check("never synchronised" in result.stderr, "a hint to look at the names again")

        def attempt(nonce, session, value=password):
            message = hello(device="IMEI:1", session=session)
            return other.post(with_digest(message, "alice", digest("alice", value, nonce)))

        first = attempt(b"", "1")
        scheme, nonce = challenge(first)
        equal((header_status(first), scheme), ("401", "md5"), "without the nonce")
        equal(header_status(attempt(nonce, "1", "wrong")), "401", "a wrong password")
        second = attempt(nonce, "1")
        equal(header_status(second), "212", "with the nonce")
        equal(header_status(attempt(nonce, "2")), "401", "the same nonce again")
        equal(header_status(attempt(challenge(second)[1], "3")), "212", "the next one")

        # Durable, and of that device alone.
        nonce = challenge(attempt(b"", "4"))[1]
        other.kill()
        other.start()
        equal(header_status(attempt(nonce, "4")), "212", "after a crash")
        message = with_digest(hello(device="IMEI:2"), "alice", digest("alice", password))
        equal(challenge(other.post(message))[0], "basic", "another device")
        equal(header_status(other.post(hello("alice", "secret", device="IMEI:1", session="5"))),
              "212", "the mail password is good as well")

        # Another replaces it; without one it is the mail password again.
        equal(other.ctl_json("sync-password", "alice", "IMEI:1")["known"], True, "known")
        nonce = challenge(attempt(b"", "6"))[1]
        equal(header_status(attempt(nonce, "6")), "401", "the former one")
        equal(other.ctl("sync-password", "--remove", "alice", "IMEI:1").returncode, 0, "remove")
        equal(challenge(attempt(b"", "7"))[0], "basic", "what it is asked for then")
        equal(other.ctl("sync-password", "--remove", "alice", "IMEI:1", check=False).returncode,
              67, "there is none")
        equal(other.ctl("sync-password", "--remove", "nobody", "x", check=False).returncode, 67,
              "no such user")
        check(password not in other.log_text(), "no password in the log")


@suite.test
def mac_is_a_digest_of_the_message():
    with SyncmlDaemon(folder / "mac", login={"password-file": folder / "passwords",
                                             "md5": "no"}) as other:
        password = sync_password(other, "bob", "IMEI:1")

        def attempt(nonce, spoil=b""):
            message = with_digest(hello(device="IMEI:1"), "bob", None)
            mac = digest("bob", password, nonce, message + spoil)
            return other.post(message, x_syncml_hmac=f'algorithm=MD5, username="bob", mac={mac}')

        scheme, nonce = challenge(attempt(b""))
        equal(scheme, "MAC", "what is asked for")
        equal(header_status(attempt(nonce, b" ")), "401", "of another message")
        answer = attempt(nonce)
        equal(header_status(answer), "212", "of this one")


@suite.test
def poor_devices_have_no_nonce():
    rules = folder / "rules"
    rules.write_text("[no nonces]\ndevice-id = POOR:*\nlegacy-nonce = yes\n")
    with SyncmlDaemon(folder / "poor", login={"password-file": folder / "passwords",
                                              "basic": "no"},
                      syncml={"rules": rules}) as other:
        for device, status in (("POOR:1", "212"), ("GOOD:1", "401")):
            value = digest("alice", sync_password(other, "alice", device))
            answer = other.post(with_digest(hello(device=device), "alice", value))
            equal(header_status(answer), status, device)
        answer = other.post(hello("alice", "secret"))
        equal((header_status(answer), challenge(answer)[0]), ("401", "md5"), "basic is off")


@suite.test
def too_many_wrong_digests_are_asked_to_come_again():
    with SyncmlDaemon(folder / "digests", login={"password-file": folder / "passwords"},
                      limits={"logins-per-user": 5}) as other:
        password = sync_password(other, "alice", "IMEI:1")

        def attempt(device="IMEI:1", value="wrong", nonce=b""):
            message = hello(device=device)
            body = with_digest(message, "alice", digest("alice", value, nonce))
            status, _, answer = other.request(body=body)
            return status, answer.decode()

        nonce = challenge(attempt()[1])[1]
        # Right ones do not count.
        for _ in range(10):
            status, answer = attempt(value=password, nonce=nonce)
            equal(status, 200, "a right one")
            nonce = challenge(answer)[1]
        equal([attempt()[0] for _ in range(6)][-1], 503, "wrong ones")
        equal(attempt("IMEI:2")[0], 200, "another device of the user")
        equal(header_status(other.post(hello("alice", "secret", device="IMEI:3"))), "212",
              "and the mail password")


@suite.test
def it_ends_well_while_phones_log_in():
    other = SyncmlDaemon(folder / "end", login={"password-file": folder / "passwords"},
                         limits={"logins-per-user": 100000, "logins-per-address": 100000})
    for round_ in range(5):
        ended = threading.Event()

        def log_in(number):
            while not ended.is_set():
                try:
                    other.request(body=hello("alice", "secret", device=f"IMEI:{number}")
                                  + b" " * 200000)
                except (OSError, http.client.HTTPException):
                    ended.wait(0.01)

        threads = [threading.Thread(target=log_in, args=(number,)) for number in range(8)]
        other.start()
        before = len(other.log_text())
        for thread in threads:
            thread.start()
        try:
            eventually(lambda: other.log_text()[before:].count(" bytes, ") > 5, "logins")
            other.stop()  # asserts its exit status
        finally:
            ended.set()
            for thread in threads:
                thread.join()


@suite.test
def no_secret_is_in_the_log():
    check("secret" not in daemon.log_text(), "passwords")
    check("?s=" not in daemon.log_text(), "keys of sessions")


with daemon:
    suite.run()
