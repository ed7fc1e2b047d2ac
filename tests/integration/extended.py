"""Opens P-IMAP's EXTENDED notifications: AES-128-GCM as NIST SP 800-38D has it, GHASH in here and
AES by the openssl command, so that nothing of it is the sender's.

    Extended(key, payload).text      # raises if the MAC is wrong
"""

import base64
import subprocess
import urllib.parse

TAG = "_%$P-IMAP$%_"


def aes(key, blocks):
    """Each block of 16 octets by itself."""
    return subprocess.run(["openssl", "enc", "-aes-128-ecb", "-nopad", "-K", key.hex()],
                          input=blocks, capture_output=True, check=True, timeout=60).stdout


def multiply(x, y):
    """In GF(2^128), bits the wrong way round as GCM has them."""
    product = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            product ^= y
        y = y >> 1 ^ (0xe1 << 120 if y & 1 else 0)
    return product


def pad(data):
    return data + bytes(-len(data) % 16)


def gcm(key, iv, additional, data, encrypt=True):
    """(the other form of data, MAC); `iv` has 12 octets."""
    count = (len(data) + 15) // 16
    counters = b"".join(iv + (1 + i).to_bytes(4, "big") for i in range(count + 1))
    h, first, *_ = (aes(key, bytes(16) + counters)[i:i + 16] for i in (0, 16))
    stream = aes(key, bytes(16) + counters)[32:]
    other = bytes(a ^ b for a, b in zip(data, stream))
    cipher = other if encrypt else data
    digest = 0
    text = pad(additional) + pad(cipher)
    text += (8 * len(additional)).to_bytes(8, "big") + (8 * len(cipher)).to_bytes(8, "big")
    for at in range(0, len(text), 16):
        digest = multiply(digest ^ int.from_bytes(text[at:at + 16], "big"),
                          int.from_bytes(h, "big"))
    return other, (digest ^ int.from_bytes(first, "big")).to_bytes(16, "big")


class Extended:
    def __init__(self, key, payload):
        tag, _, sealed = payload.partition(" ")
        if tag != TAG:
            raise ValueError(f"another tag: {payload!r}")
        octets = base64.b64decode(sealed, validate=True)
        self.iv = octets[:12]
        text, mac = gcm(key, self.iv, TAG.encode(), octets[12:-16], encrypt=False)
        if mac != octets[-16:]:
            raise ValueError("the MAC is wrong")
        self.text = text.decode()
        words = self.text.split(" ")
        self.sequence, self.account, self.event = int(words[0]), words[1], words[2]
        self.fields = [urllib.parse.unquote(field) for field in words[3].split(",")] \
            if len(words) > 3 else []


def seal(key, iv, text):
    cipher, mac = gcm(key, iv, TAG.encode(), text.encode())
    return f"{TAG} " + base64.b64encode(iv + cipher + mac).decode()
