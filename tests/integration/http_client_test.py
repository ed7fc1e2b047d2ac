#!/usr/bin/env python3
"""The bridge's HTTP client against push services that behave and others.

    http_client_test.py DRIVER [NAME...]

DRIVER is http-client-driver; NAMEs choose tests. Loopback only; needs node and
the openssl command.
"""

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from push_service import HERE, Authority, PushService
from tap import Skip, Suite, check, equal, eventually

DRIVER = sys.argv[1]
TIMEOUT = 2
PATIENCE = 20  # for what is to be answered, also on a busy machine

suite = Suite("http client")
texts = []  # of errors, newest last
suite.on_failure = lambda: "last errors: " + "\n".join(texts[-5:])
folder = tempfile.mkdtemp(prefix="fantail-http-")
authority = Authority(folder)
pair = authority.issue("localhost", "DNS:localhost,IP:127.0.0.1")


def service(version=2, **keywords):
    options = ["--http1-only"] if version == 1 else []
    return PushService(folder, keywords.get("pair", pair), options, authority.ca)


def drive(*urls, allow=(), ca=authority.ca, env=None, timeout=PATIENCE, **options):
    """Returns the outcomes in the order of the URLs, and the summary."""
    arguments = [DRIVER, "--timeout", str(timeout)]
    for entry in allow:
        arguments += ["--allow", entry]
    if ca:
        arguments += ["--ca", ca]
    for name, value in options.items():
        arguments += [f"--{name.replace('_', '-')}", str(value)]
    result = subprocess.run(arguments + list(urls), capture_output=True, text=True, timeout=120,
                            check=False, env={**os.environ, **(env or {})})
    if result.returncode != 0:
        raise AssertionError(f"driver: {result.returncode}\n{result.stderr}")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    outcomes = sorted((row for row in rows if "n" in row), key=lambda row: row["n"])
    for outcome in outcomes:
        if outcome["text"]:
            texts.append(outcome["text"])
    return outcomes, rows[-1]


def both_versions(function):
    """One test for each HTTP version."""
    for version in (2, 1):
        def run(version=version):
            with service(version) as fake:
                function(fake, version)
        run.__name__ = f"{function.__name__}_over_http_{version}"
        suite.test(run)
    return function


# --- answers -------------------------------------------------------------------

@both_versions
def statuses(fake, version):
    rows = {"ok/a?b=c": 201, "status/404": 404, "404": 404, "410": 410, "413": 413,
            "429?retry-after=7": 429, "500": 500, "200": 200, "204": 204, "507": 507}
    outcomes, _ = drive(*(f"{fake.origin}/{path}" for path in rows), allow=[fake.origin])
    for outcome, (path, status) in zip(outcomes, rows.items()):
        equal((outcome["status"], outcome["error"]), (status, ""), path)
        equal(outcome["http2"], version == 2, "http2")
        check(outcome["sent"], "first byte's time is known")
    equal(outcomes[5]["retry_after"], "7", "Retry-After")
    check(outcomes[0]["location"].startswith("https://localhost/message/"), "Location")


@both_versions
def what_the_peer_sees(fake, version):
    drive(f"{fake.origin}/ok/a?b=c", allow=[fake.origin], body_size=4096)
    request = fake.requests()[0]
    headers = request["headers"]
    equal(request["path"], "/ok/a?b=c", "path")
    equal(request["method"], "POST", "method")
    equal(request["http"], "2.0" if version == 2 else "1.1", "version")
    equal(base64.b64decode(request["body"]), b"x" * 4096, "body")
    equal(headers["content-length"], "4096", "content-length")
    equal(headers["ttl"], "60", "ttl")
    equal(headers[":authority" if version == 2 else "host"], f"localhost:{fake.port}", "host")
    check(headers["user-agent"].startswith("fantail/"), "user-agent")
    check(" " not in headers["user-agent"], "user-agent says nothing of libraries")
    for name in ("accept-encoding", "accept-language", "cookie", "referer"):
        check(name not in headers, f"no {name}")


@both_versions
def redirects_are_not_followed(fake, version):
    outcomes, _ = drive(f"{fake.origin}/redirect/x", allow=[fake.origin])
    equal(outcomes[0]["status"], 307, "status")
    equal([r["path"] for r in fake.requests()], ["/redirect/x"], "requests")


@both_versions
def cookies_are_not_kept(fake, version):
    drive(f"{fake.origin}/cookie", f"{fake.origin}/ok", allow=[fake.origin], in_flight=1)
    requests = fake.requests()
    equal(len(requests), 2, "requests")
    check("cookie" not in requests[1]["headers"], "no cookie")


@both_versions
def proxies_are_not_asked(fake, version):
    env = {name: "http://127.0.0.1:9" for name in
           ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
    outcomes, _ = drive(f"{fake.origin}/ok", allow=[fake.origin], env=env)
    equal(outcomes[0]["status"], 201, "status")


# --- hostile answers -------------------------------------------------------------

@both_versions
def reset_is_lost_and_the_next_goes_through(fake, version):
    outcomes, _ = drive(f"{fake.origin}/ok/1", f"{fake.origin}/reset", f"{fake.origin}/ok/2",
                        allow=[fake.origin], in_flight=1)
    equal([(o["status"], o["error"]) for o in outcomes], [(201, ""), (0, "lost"), (201, "")],
          "outcomes")
    check(outcomes[1]["sent"], "it was sent")


@both_versions
def stall_times_out(fake, version):
    outcomes, _ = drive(f"{fake.origin}/stall", allow=[fake.origin], timeout=TIMEOUT)
    equal(outcomes[0]["error"], "timeout", "error")
    check(TIMEOUT * 1000 <= outcomes[0]["ms"] < 2 * TIMEOUT * 1000, f"{outcomes[0]['ms']} ms")
    check(outcomes[0]["sent"], "it was sent")


@both_versions
def garbage_is_a_protocol_error(fake, version):
    outcomes, _ = drive(f"{fake.origin}/garbage", allow=[fake.origin])
    equal(outcomes[0]["error"], "protocol", "error")


@both_versions
def ten_megabytes_are_not_read(fake, version):
    outcomes, _ = drive(f"{fake.origin}/big", f"{fake.origin}/ok", allow=[fake.origin],
                        in_flight=1, linger=300)
    equal((outcomes[0]["status"], outcomes[0]["body"]), (200, 8192), "what is kept")
    equal(outcomes[1]["status"], 201, "the next one")
    # What the kernel holds between the two is not ours.
    check(fake.stats()["big_bytes"] < 8 << 20, f"{fake.stats()['big_bytes']} bytes were taken")


@both_versions
def long_headers_are_a_protocol_error(fake, version):
    outcomes, _ = drive(f"{fake.origin}/headers?bytes=12000", f"{fake.origin}/headers?bytes=20000",
                        f"{fake.origin}/ok", allow=[fake.origin], in_flight=1)
    equal([(o["status"], o["error"]) for o in outcomes], [(201, ""), (0, "protocol"), (201, "")],
          "outcomes")


@both_versions
def cuts_amid_load_are_all_accounted_for(fake, version):
    urls = [url for i in range(20) for url in (f"30*{fake.origin}/ok/{i}", f"{fake.origin}/reset")]
    outcomes, summary = drive(*urls, allow=[fake.origin])
    equal(len(outcomes), 620, "outcomes")
    check({(o["status"], o["error"]) for o in outcomes} <= {(201, ""), (0, "lost")},
          "answered or lost")
    # A cut takes with it what was under way: 8 or 32 at most.
    lost = sum(o["error"] == "lost" for o in outcomes)
    check(20 <= lost <= 20 * (32 if version == 2 else 8), f"{lost} were lost")
    # Whatever was answered had arrived.
    check(fake.stats()["count"] >= summary["answered"], "requests")


@suite.test
def goaway_loses_nothing():
    with service() as fake:
        urls = [f"{fake.origin}/slow?ms=200", f"20*{fake.origin}/ok/1", f"{fake.origin}/goaway",
                f"200*{fake.origin}/ok/2"]
        outcomes, _ = drive(*urls, allow=[fake.origin])
        equal({(o["status"], o["error"]) for o in outcomes}, {(201, "")}, "outcomes")
        paths = [r["path"] for r in fake.requests()]
        equal(len(paths), 222, "each request arrived once")
        equal(fake.stats()["connections"], 2, "connections")


@suite.test
def refused_stream_is_tried_again():
    with service() as fake:
        outcomes, _ = drive(f"{fake.origin}/refuse/a", allow=[fake.origin])
        equal(outcomes[0]["status"], 201, "status")
        equal(fake.stats()["count"], 2, "requests")


@suite.test
def reset_stream_is_lost():
    with service() as fake:
        outcomes, _ = drive(f"{fake.origin}/rst", f"{fake.origin}/ok", allow=[fake.origin],
                            in_flight=1)
        equal([o["error"] for o in outcomes], ["lost", ""], "errors")
        equal(fake.stats()["connections"], 1, "connections")


# --- connections -----------------------------------------------------------------

@both_versions
def a_hundred_requests_share_a_connection(fake, version):
    outcomes, summary = drive(f"100*{fake.origin}/ok", allow=[fake.origin], in_flight=1)
    equal({o["status"] for o in outcomes}, {201}, "statuses")
    equal({r["connection"] for r in fake.requests()}, {1}, "connections with requests")
    equal(summary["connections"], 1, "open connections")
    # HTTP/1.1 is found out once, by a connection that asks for HTTP/2.
    equal(fake.stats()["sockets"] - 1, 1 if version == 2 else 2, "sockets")


@suite.test
def http_1_opens_eight_connections():
    with service(1) as fake:
        outcomes, _ = drive(f"100*{fake.origin}/slow?ms=10", allow=[fake.origin])
        equal({o["status"] for o in outcomes}, {201}, "statuses")
        equal(fake.stats()["connections"], 8, "connections")


@suite.test
def http_2_opens_one():
    with service() as fake:
        outcomes, _ = drive(f"300*{fake.origin}/ok", allow=[fake.origin])
        equal({o["status"] for o in outcomes}, {201}, "statuses")
        equal(fake.stats()["connections"], 1, "connections")


@suite.test
def plain_http_where_allowed():
    with PushService(folder, options=["--plain"]) as fake:
        outcomes, _ = drive(f"{fake.origin}/ok", allow=[fake.origin])
        equal((outcomes[0]["status"], outcomes[0]["http2"]), (201, False), "outcome")
        outcomes, _ = drive(f"{fake.origin}/ok")
        equal((outcomes[0]["error"], outcomes[0]["sent"]), ("refused", False), "not allowed")
        equal(fake.stats()["count"], 1, "requests")


@suite.test
def a_stalled_origin_holds_up_nobody():
    with service() as stalled, service() as healthy:
        outcomes, _ = drive(f"40*{stalled.origin}/stall", f"200*{healthy.origin}/ok",
                            allow=[stalled.origin, healthy.origin], timeout=6)
        equal({o["error"] for o in outcomes[:40]}, {"timeout"}, "the stalled ones")
        equal({o["status"] for o in outcomes[40:]}, {201}, "the healthy ones")
        slowest = max(o["ms"] for o in outcomes[40:])
        check(slowest < 5000, f"slowest healthy one took {slowest} ms")
        # 32 are under way at a time; the last 8 had no turn before they gave up.
        equal(stalled.stats()["count"], 32, "requests at the stalled one")


@suite.test
def a_stalled_http_1_origin_holds_up_nobody():
    with service(1) as stalled, service(1) as healthy:
        outcomes, _ = drive(f"32*{stalled.origin}/stall", f"200*{healthy.origin}/ok",
                            allow=[stalled.origin, healthy.origin], timeout=6)
        equal({o["error"] for o in outcomes[:32]}, {"timeout"}, "the stalled ones")
        equal({o["status"] for o in outcomes[32:]}, {201}, "the healthy ones")
        slowest = max(o["ms"] for o in outcomes[32:])
        check(slowest < 5000, f"slowest healthy one took {slowest} ms")


@suite.test
def a_full_client_shares_its_turns():
    with service() as first, service() as second:
        outcomes, _ = drive(f"40*{first.origin}/slow?ms=50", f"10*{second.origin}/slow?ms=50",
                            allow=[first.origin, second.origin], parallel=2, timeout=20)
        equal({o["status"] for o in outcomes}, {201}, "statuses")
        # In turns, the ten of the second are through when ten of the first are.
        last_of_second = max(o["ms"] for o in outcomes[40:])
        through = sum(o["ms"] < last_of_second for o in outcomes[:40])
        check(through <= 15, f"{through} of the first went before")


@suite.test
def a_silent_port_times_out():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        origin = f"https://localhost:{listener.getsockname()[1]}"
        outcomes, _ = drive(f"3*{origin}/x", allow=[origin], timeout=TIMEOUT)
        equal({(o["error"], o["sent"]) for o in outcomes}, {("timeout", False)}, "outcomes")


@suite.test
def a_closed_port_is_a_connect_error():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        origin = f"https://localhost:{unused.getsockname()[1]}"
        outcomes, _ = drive(f"{origin}/x", allow=[origin])
        equal((outcomes[0]["error"], outcomes[0]["sent"]), ("connect", False), "outcome")


@suite.test
def a_peer_that_hangs_up_at_once_is_not_asked_for_ever():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        listener.settimeout(PATIENCE)
        origin = f"https://localhost:{listener.getsockname()[1]}"
        process = subprocess.Popen(
            [DRIVER, "--timeout", str(PATIENCE), "--allow", origin, f"{origin}/x"],
            stdout=subprocess.PIPE, text=True)
        connection, _ = listener.accept()
        connection.close()
        output, _ = process.communicate(timeout=2 * PATIENCE)
        equal(json.loads(output.splitlines()[0])["error"], "connect", "error")
        listener.settimeout(0.2)
        try:
            listener.accept()
            raise AssertionError("it connected again")
        except TimeoutError:
            pass


# --- certificates ------------------------------------------------------------------

@suite.test
def the_name_in_the_certificate_counts():
    with service(pair=authority.issue("other", "DNS:other.example,DNS:*.localhost")) as fake:
        outcomes, _ = drive(f"{fake.origin}/ok", allow=[fake.origin])
        equal((outcomes[0]["error"], outcomes[0]["sent"]), ("tls", False), "outcome")
        equal(len(fake.requests()), 0, "requests")


@suite.test
def addresses_are_verified_too():
    with service() as good, service(pair=authority.issue("only-name", "DNS:localhost")) as bad:
        urls = [f"https://127.0.0.1:{fake.port}/ok" for fake in (good, bad)]
        outcomes, _ = drive(*urls, allow=["127.0.0.1"])
        equal([(o["status"], o["error"]) for o in outcomes], [(201, ""), (0, "tls")], "outcomes")


@suite.test
def an_unknown_authority_is_refused():
    with service() as fake:
        outcomes, _ = drive(f"{fake.origin}/ok", allow=[fake.origin], ca=None)
        equal((outcomes[0]["error"], outcomes[0]["sent"]), ("tls", False), "without ca_file")
        stranger = Authority(folder, "stranger")
        outcomes, _ = drive(f"{fake.origin}/ok", allow=[fake.origin], ca=stranger.ca)
        equal((outcomes[0]["error"], outcomes[0]["sent"]), ("tls", False), "with another one")
        equal(len(fake.requests()), 0, "requests")


@suite.test
def a_peer_without_tls_is_a_tls_error():
    with PushService(folder, options=["--plain"]) as fake:
        origin = fake.origin.replace("http:", "https:")
        outcomes, _ = drive(f"{origin}/ok", allow=[origin])
        equal((outcomes[0]["error"], outcomes[0]["sent"]), ("tls", False), "outcome")


# --- addresses -----------------------------------------------------------------------

@suite.test
def private_addresses_are_refused():
    for script in ("127.0.0.1", "10.0.0.1 ::1", "::ffff:127.0.0.1", "169.254.169.254"):
        outcomes, _ = drive("https://push.example.com/", resolve=script)
        equal((outcomes[0]["error"], outcomes[0]["sent"]), ("refused", False), script)


@suite.test
def names_that_do_not_resolve():
    outcomes, _ = drive("https://push.example.com/", resolve="")
    equal(outcomes[0]["error"], "resolve", "error")


@suite.test
def urls_that_are_not_allowed():
    for url in ("https://127.0.0.1/", "http://push.example.com/", "https://localhost/",
                "https://push.example.com:8443/", "gopher://x"):
        outcomes, _ = drive(url, resolve="8.8.8.8")
        equal((outcomes[0]["error"], outcomes[0]["sent"]), ("refused", False), url)


# --- the fake itself ------------------------------------------------------------------

@suite.test
def the_fake_decrypts_with_code_that_is_not_ours():
    modules = os.path.join(HERE, "..", "node_modules")
    if not os.path.isdir(os.path.join(modules, "web-push")):
        raise Skip("npm packages of tests/package.json are not installed")
    script = """
        import crypto from 'node:crypto';
        import webpush from 'web-push';
        const ua = crypto.createECDH('prime256v1');
        const auth = crypto.randomBytes(16).toString('base64url');
        const publicKey = ua.generateKeys('base64url');
        const sent = webpush.encrypt(publicKey, auth, 'hello, phone', 'aes128gcm');
        console.log(JSON.stringify({ auth, private: ua.getPrivateKey('base64url'),
                                     body: sent.cipherText.toString('base64') }));
    """
    made = json.loads(subprocess.run(
        ["node", "--input-type=module", "-e", script], cwd=os.path.join(HERE, ".."),
        capture_output=True, text=True, check=True).stdout)
    keys = os.path.join(folder, "keys.json")
    with open(keys, "w", encoding="ascii") as file:
        json.dump([{"path": "/ok/phone", "private": made["private"], "auth": made["auth"]}], file)
    with PushService(folder, options=["--plain", "--decrypt", keys]) as fake:
        for path, body in (("/ok/phone", base64.b64decode(made["body"])),
                           ("/ok/phone", b"nonsense"), ("/ok/other", b"")):
            subprocess.run(["curl", "-s", "-o", os.devnull, "--data-binary", "@-",
                            f"{fake.origin}{path}"], input=body, check=True)
        requests = eventually(lambda: len(fake.requests()) == 3 and fake.requests(), "3 requests")
        equal(requests[0].get("plaintext"), "hello, phone", "plaintext")
        check("decrypt_error" in requests[1] and "decrypt_error" in requests[2], "errors")


if __name__ == "__main__":
    started = time.monotonic()
    try:
        status = suite.run(sys.argv[2:])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(status)
