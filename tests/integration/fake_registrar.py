"""A stand-in for the registration half of the bridge's mail socket; standard library only.

    bridge = FakeRegistrar("/tmp/x/bridge.sock")
    ...
    bridge.requests[-1].verb, bridge.requests[-1].one("device")
    bridge.token("alice", "phone")       # what would have been pushed

It keeps devices as the bridge does, reads the protocol strictly (docs/wire-protocols.md)
and keeps what it did not like in `complaints`, which a test expects to be empty. `mode`
says how it behaves from the next request on:

    ok         answers as the bridge does
    stall      reads and never answers
    slow       answers after `delay` seconds
    no         answers NO with `code` and `text`
    garbage    answers with bytes that are no protocol
    close      closes the connection instead of an answer
    half       closes in the middle of the answer
    version    does not speak our version
    mute       answers without a greeting
    flood      lists without end
    bare       answers OK without any field
    nul        answers with a NUL in a field
"""

import re
import time

from fake_bridge import FakeSocket, escape, unescape
from scratch import limit

VAPID = ("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS"
         "6TlzAC8wEqKK6PBru3jl7A8")


class Request:
    def __init__(self, line):
        self.words, self.pairs = [], []
        for field in line.split("\t"):
            key, equals, value = field.partition("=")
            if equals:
                self.pairs.append((unescape(key), unescape(value)))
            else:
                self.words.append(unescape(field))
        self.verb, self.id = self.words

    def all(self, key):
        return [value for name, value in self.pairs if name == key]

    def one(self, key):
        values = self.all(key)
        if len(values) > 1:
            raise ValueError(f"{len(values)} times {key}")
        return values[0] if values else None

    def __repr__(self):
        return f"Request({self.verb}, {self.pairs})"


def line_of(*words, **pairs):
    """One line; a list is a key given several times."""
    fields = [escape(str(word)) for word in words]
    for key, values in pairs.items():
        for value in values if isinstance(values, list) else [values]:
            fields.append(f"{key}={escape(str(value))}")
    return "\t".join(fields) + "\n"


class FakeRegistrar(FakeSocket):
    CREATED = 1571242457  # 2019-10-16T16:14:17Z

    def __init__(self, path):
        self.text = "not now"
        self.requests = []
        self.presences = []
        self.devices = {}  # (user, device) -> {"fields": [...], "state": ..., "token": ...}
        self.topic = None  # of the push service's certificate
        self.tokens = {}  # user -> tokens of the dialect deltapush
        self.profiles = {}  # (user, device) -> {"PIMAP_...": value}
        self.attachments = {}  # (user, device) -> {mailbox or None: filter}
        self.filters = {}  # user -> {name: (criteria, charset, description)}
        self.extra = {}  # what else PROFILE says
        super().__init__(path)

    def forget(self):
        """What other tests did, and how it was to behave."""
        self.mode = "ok"
        for kept in (self.requests, self.profiles, self.attachments, self.filters, self.tokens,
                     self.devices, self.extra):
            kept.clear()

    def token(self, user, device):
        with self._changed:
            return self.devices[user, device]["token"]

    def wait_requests(self, count, seconds=30.0):
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= count, seconds):
                raise AssertionError(f"{len(self.requests)} requests of {count}")
            return list(self.requests)

    # --- talking -------------------------------------------------------------

    def _converse(self, connection):
        reader = connection.makefile("rb")

        def line():
            data = reader.readline()
            if data and not data.endswith(b"\n"):
                raise ValueError(f"unfinished line {data!r}")
            if len(data) > limit("LIMIT_LINE") or data.count(b"\t") >= limit("LIMIT_LINE_FIELDS"):
                raise ValueError(f"a line of {len(data)} bytes, {data.count(9)} tabs")
            return data[:-1].decode("utf-8")

        greeting = line()
        if greeting == "":
            return
        if greeting != "VERSION\tfantail\t1\t0":
            raise ValueError(f"greeting {greeting!r}")
        if self.mode == "version":
            connection.sendall(line_of("NO", 0, code="version", text="this is version 2").encode())
            return
        request = Request(line())
        if request.verb in ("WANT", "BATCH"):  # of which it tells nobody
            for _ in range(int(request.one("count") or 0)):
                line()
            connection.sendall(b"VERSION\tfantail\t1\t0\n" +
                               line_of("OK", request.id, want="none").encode())
            return
        with self._changed:
            # Each session says it, sooner or later.
            (self.presences if request.verb == "PRESENT" else self.requests).append(request)
            self._changed.notify_all()
        mode = self.mode
        answer = self._answer(request).encode()
        greeting = b"VERSION\tfantail\t1\t0\n"
        if mode == "stall":
            if reader.read() == b"":
                self.closed_early += 1
            return
        if mode == "close":
            return
        if mode == "slow":
            time.sleep(self.delay)
        if mode == "no":
            answer = line_of("NO", request.id, code=self.code, text=self.text).encode()
        if mode == "garbage":
            greeting, answer = b"\x16\x03\x01 HTTP/1.1 400 \xff\n\n\n", b""
        if mode == "mute":
            greeting = b""
        if mode == "half":
            answer = answer[:len(answer) // 2]
        if mode == "bare":
            answer = line_of("OK", request.id).encode()
        if mode == "nul":
            answer = answer.replace(b"\n", b"\tx=a\0b\n")
        if mode == "flood":
            connection.sendall(greeting)
            item = line_of("ITEM", request.id, device="x", state="active",
                           endpoint="https://e.example/", label="y" * 60000).encode()
            while True:
                connection.sendall(item)
        connection.sendall(greeting + answer)
        if mode not in ("half", "garbage") and reader.read() != b"":
            raise ValueError("more than one request")

    # --- the registry --------------------------------------------------------

    def _answer(self, request):
        user = request.one("user")
        key = (user, request.one("device"))
        if request.verb == "VAPID":
            return line_of("OK", request.id, key=VAPID)
        if request.verb == "SUBSCRIBE":
            fields = [pair for pair in request.pairs if pair[0] != "user"]
            for name in ("gateway", "dialect", "endpoint", "p256dh", "auth"):
                if request.one(name) is None:
                    raise ValueError(f"SUBSCRIBE without {name}")
            with self._changed:
                known = self.devices.get(key)
                if known is None or known["fields"] != fields:
                    known = {"fields": fields, "state": "inactive",
                             "token": f"token-{len(self.requests)}"}
                    self.devices[key] = known
            return line_of("OK", request.id, state=known["state"], key=VAPID)
        if request.verb == "CONFIRM":
            known = self.devices.get(key)
            if known is None:
                return line_of("NO", request.id, code="notfound", text="no such device")
            if known["token"] != request.one("token"):
                return line_of("NO", request.id, code="token", text="wrong token")
            known["state"] = "active"
            return line_of("OK", request.id, state="active")
        if request.verb == "UNSUBSCRIBE":
            self.devices.pop(key, None)
            return line_of("OK", request.id)
        if request.verb == "LIST" and request.one("dialect") == "deltapush":
            return "".join(line_of("ITEM", request.id, token=token)
                           for token in self.tokens.get(user, [])) + line_of("OK", request.id)
        if request.verb == "LIST":
            answer = ""
            for (owner, _), known in self.devices.items():
                if owner == user:
                    fields = "".join(f"\t{name}={escape(value)}"
                                     for name, value in known["fields"])
                    answer += (line_of("ITEM", request.id)[:-1] + fields +
                               f"\tstate={known['state']}\tcreated={self.CREATED}\n")
            return answer + line_of("OK", request.id)
        if request.verb == "PRESENT":
            known = self.profiles.get(key, {})
            return line_of("OK", request.id, **{
                self.PREFERENCES[name][0].replace("_", "-"): known.get(name, default)
                for name, default in (("PIMAP_INBAND_PUSH", "OFF"),
                                      ("PIMAP_INBAND_NEW_FORMAT", "NONE"))})
        if request.verb == "REGISTER":
            return self._register(request, user)
        if request.verb in ("PROFILE", "PREFER", "ATTACH"):
            return self._answer_device(request, key)
        if request.verb.startswith("FILTER"):
            return self._answer_filter(request, self.filters.setdefault(user, {}))
        raise ValueError(f"verb {request.verb}")

    def _register(self, request, user):
        wanted = {"apple": ("account", "token", "subtopic"), "deltapush": ("token",)}
        for name in wanted[request.one("dialect")]:
            if not request.one(name):
                raise ValueError(f"REGISTER without {name}")
        if request.one("dialect") == "apple":
            if self.topic is None:
                return line_of("OK", request.id)
            return line_of("OK", request.id, topic=self.topic)
        with self._changed:
            tokens = self.tokens.setdefault(user, [])
            if request.one("token") not in tokens:
                tokens.append(request.one("token"))
        return line_of("OK", request.id)

    # --- P-IMAP --------------------------------------------------------------

    PREFERENCES = {"PIMAP_OUTBAND_ADDRESS": ("address", ""),
                   "PIMAP_OUTBAND_CHANNEL": ("channel", "NONE"),
                   "PIMAP_OUTBAND_FORMAT": ("format", "EMN"),
                   "PIMAP_EVENT_FILTER": ("event_filter", "ALL"),
                   "PIMAP_INBAND_PUSH": ("inband_push", "OFF"),
                   "PIMAP_INBAND_NEW_FORMAT": ("inband_new_format", "NONE")}
    CHANNELS = "SMS WAP_PUSH NONE"

    def _answer_device(self, request, key):
        if key[1] is None:
            raise ValueError(f"{request.verb} without a device")
        attached = self.attachments.setdefault(key, {})
        if request.verb == "PREFER":
            name, value = request.one("name"), request.one("value")
            if name not in self.PREFERENCES:
                raise ValueError(f"preference {name}")
            if name == "PIMAP_OUTBAND_CHANNEL" and value not in self.CHANNELS.split():
                return line_of("NO", request.id, code="refused", text="no such channel")
            self.profiles.setdefault(key, {})[name] = value
            return line_of("OK", request.id)
        if request.verb == "ATTACH":
            mailbox, name = request.one("mailbox"), request.one("filter")
            if name not in ("ALL", "NONE") and name not in self.filters.get(key[0], {}):
                return line_of("NO", request.id, code="notfound", text="no such filter")
            attached.pop(mailbox, None)
            if name != "NONE":
                attached[mailbox] = name
            return line_of("OK", request.id)
        answer = "".join(
            line_of("ITEM", request.id, attach="yes", filter=name,
                    **({"mailbox": mailbox} if mailbox is not None else {}))
            for mailbox, name in attached.items())
        known = self.profiles.get(key)
        pairs = {field: (known or {}).get(name, default)
                 for name, (field, default) in self.PREFERENCES.items()}
        pairs |= {"channels": self.CHANNELS, "formats": "EMN"} | self.extra
        return answer + line_of("OK", request.id, known="no" if known is None else "yes",
                                **{name.replace("_", "-"): value
                                   for name, value in pairs.items()})

    @staticmethod
    def _answer_filter(request, filters):
        name = request.one("name")
        if request.verb == "FILTERSET":
            if re.fullmatch(r"[!#$&'+,\-.0-9:;<=>?@A-Z[^_`|}~]{1,64}", name) is None:
                raise ValueError(f"filter {name}")
            if re.search(r"[\r\n]", request.one("criteria")):
                raise ValueError("criteria of several lines")
            filters[name] = (request.one("criteria"), request.one("charset"),
                             request.one("description"))
            return line_of("OK", request.id)
        if request.verb == "FILTERDROP":
            if filters.pop(name, None) is None:
                return line_of("NO", request.id, code="notfound", text="no such filter")
            return line_of("OK", request.id)
        answer = ""
        for key, (criteria, charset, description) in filters.items():
            if name in (None, key):
                pairs = {"name": key, "criteria": criteria, "charset": charset,
                         "description": description}
                answer += line_of("ITEM", request.id, **{
                    field: value for field, value in pairs.items() if value is not None})
        return answer + line_of("OK", request.id)
