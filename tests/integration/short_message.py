"""What a phone reads in the short messages that a network was given: user data headers
(TS 23.040), WAP push (WAP-230-WSP), and EMN by a decoder that is not ours.

    [pdu] = put_together(kannel.messages())
    read_push(pdu)       # (content type, application id, content)
    read_emn(content)    # XML
"""

import shutil
import subprocess

from tap import Skip, check, equal

EMN = 0x030a


def elements(udh):
    """TS 23.040 9.2.3.24: {identifier: octets}."""
    equal(udh[0], len(udh) - 1, "the header's length")
    found, at = {}, 1
    while at < len(udh):
        kind, size = udh[at], udh[at + 1]
        found[kind] = udh[at + 2:at + 2 + size]
        at += 2 + size
    equal(at, len(udh), "elements fill the header")
    return found


def put_together(messages):
    """The datagrams of these messages; parts are told by number and reference."""
    whole, parts = [], {}
    for message in messages:
        check(len(message["udh"]) + len(message["data"]) <= 140, "a message of 140 octets")
        header = elements(message["udh"])
        equal(header[5][:2], (2948).to_bytes(2, "big"), "destination port")
        if 0 not in header:
            whole.append(message["data"])
            continue
        reference, total, number = header[0]
        found = parts.setdefault((message["to"], reference, total), {})
        found[number] = message["data"]
        if len(found) == total:
            whole.append(b"".join(found[n] for n in range(1, total + 1)))
            found.clear()
    return whole


def read_push(pdu):
    """WAP-230-WSP 8.2.4.1 and 8.4: (content type, application id, content)."""
    equal(pdu[1], 0x06, "PDU type")
    at, length = 2, 0
    while True:
        length = length << 7 | pdu[at] & 0x7f
        at += 1
        if pdu[at - 1] < 0x80:
            break
    headers, content = pdu[at:at + length], pdu[at + length:]
    if headers[0] >= 0x80:
        kind, rest = headers[0] & 0x7f, headers[1:]
    else:
        value, rest = headers[1:1 + headers[0]], headers[1 + headers[0]:]
        equal(value[0], len(value) - 1, "a Long-integer")
        kind = int.from_bytes(value[1:], "big")
    equal(len(rest), 2, "one header more")
    equal(rest[0] & 0x7f, 0x2f, "X-Wap-Application-Id")
    return kind, rest[1] & 0x7f, content


def read_emn(document):
    """What a decoder that is not ours makes of it."""
    if shutil.which("wbxml2xml") is None:
        raise Skip("no wbxml2xml (Debian: libwbxml2-utils)")
    return subprocess.run(["wbxml2xml", "-o", "-", "-"], input=document, capture_output=True,
                          check=True, timeout=60).stdout.decode()
