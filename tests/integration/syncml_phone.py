"""A phone of the plainest kind, for looks at what a server has and for load: SyncML 1.2 or
1.1 in XML, one database, standard library only.

    phone = Phone(port, "/sync", "alice", "secret", "looker")
    phone.sync(205)          # refresh from the server
    phone.items              # its name at the server -> text
"""

import base64
import http.client
import re
import time
from xml.etree import ElementTree
from xml.sax.saxutils import escape

XML = "application/vnd.syncml+xml"


def _meta(**fields):
    return "<Meta>" + "".join(f'<{name} xmlns="syncml:metinf">{value}</{name}>'
                              for name, value in fields.items()) + "</Meta>"


def _parse(text):
    root = ElementTree.fromstring(text)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


class Phone:
    def __init__(self, port, path, user, password, device, database="card",
                 content="text/vcard", version="1.2"):
        self.version = version
        self.port, self.path, self.user, self.device = port, path, user, device
        self.database, self.content = database, content
        self.cred = base64.b64encode(f"{user}:{password}".encode()).decode()
        self.items = {}
        self.last = ""
        self.session = 0
        self.seconds = []  # that each message took

    def sync(self, code, adds=(), answers=None):
        """A whole session; adds: LUID -> text, sent as new. answers: the session that it was asked
        for by a message of the server's. The number of messages."""
        self.session = self.session + 1 if answers is None else answers
        taken = "" if answers is None else "".join(
            f"<Status><CmdID>{50 + ref}</CmdID><MsgRef>1</MsgRef><CmdRef>{ref}</CmdRef><Cmd>{name}"
            "</Cmd><Data>200</Data></Status>" for ref, name in enumerate(("SyncHdr", "Alert")))
        self.message, self.address = 0, self.path
        anchor = str(time.time_ns())
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        last = f"<Last>{self.last}</Last>" if self.last else ""
        answer = self._send(
            taken + self._devinf() + f"<Alert><CmdID>1</CmdID><Data>{code}</Data><Item><Target><LocURI>{self.database}"
            "</LocURI></Target><Source><LocURI>local</LocURI></Source><Meta><Anchor "
            f'xmlns="syncml:metinf">{last}<Next>{anchor}</Next></Anchor></Meta></Item></Alert>')
        alerts = [int(alert.findtext("Data")) for alert in answer.iter("Alert")]
        assert alerts and alerts[0] in range(200, 206), ElementTree.tostring(answer)
        items = "".join(
            f"<Add><CmdID>{number}</CmdID>{_meta(Type=self.content)}<Item><Source><LocURI>{luid}"
            f"</LocURI></Source><Data>{escape(text)}</Data></Item></Add>"
            for number, (luid, text) in enumerate(dict(adds).items(), 100))
        if alerts[0] in (201, 205):
            self.items.clear()
        commands = (f"<Sync><CmdID>2</CmdID><Target><LocURI>{self.database}</LocURI></Target>"
                    f"<Source><LocURI>local</LocURI></Source>{items}</Sync>")
        answer = self._send(self._statuses(answer) + commands)
        while True:
            maps = self._apply(answer)
            final = answer.find("SyncBody/Final") is not None
            if final and not maps and answer.find("SyncBody/Sync") is None:
                break
            more = "" if final else ("<Alert><CmdID>9</CmdID><Data>222</Data></Alert>")
            answer = self._send(self._statuses(answer) + maps + more, final=final)
            if final:
                break
        self.last = anchor
        self.connection.close()
        return self.message

    def _devinf(self):
        version = {"text/vcard": "3.0", "text/calendar": "2.0", "text/plain": "1.0"}[self.content]
        formats = "".join(f"<{kind}-Pref><CTType>{self.content}</CTType><VerCT>{version}</VerCT>"
                          f"</{kind}-Pref>" for kind in ("Rx", "Tx"))
        return (f"<Put><CmdID>3</CmdID>{_meta(Type='application/vnd.syncml-devinf+xml')}<Item>"
                f'<Source><LocURI>./devinf{self.version.replace(".", "")}</LocURI></Source><Data>'
                f'<DevInf xmlns="syncml:devinf"><VerDTD>{self.version}</VerDTD>'
                f"<DevID>{self.device}</DevID><DevTyp>phone</DevTyp><UTC/>"
                f"<DataStore><SourceRef>local</SourceRef>{formats}<SyncCap><SyncType>1</SyncType>"
                "</SyncCap></DataStore></DevInf></Data></Item></Put>")

    def _send(self, commands, final=True):
        self.message += 1
        cred = (f"<Cred>{_meta(Format='b64', Type='syncml:auth-basic')}<Data>{self.cred}</Data>"
                "</Cred>") if self.message == 1 else ""
        body = (f'<SyncML xmlns="SYNCML:SYNCML{self.version}"><SyncHdr><VerDTD>{self.version}'
                f"</VerDTD><VerProto>SyncML/{self.version}</VerProto><SessionID>{self.session}</SessionID><MsgID>{self.message}"
                f"</MsgID><Target><LocURI>{escape(self.address)}</LocURI></Target><Source><LocURI>"
                f"{self.device}</LocURI></Source>{cred}{_meta(MaxMsgSize=150000)}</SyncHdr>"
                f"<SyncBody>{commands}{'<Final/>' if final else ''}</SyncBody></SyncML>")
        started = time.monotonic()
        self.connection.request("POST", self.address, body.encode(), {"Content-Type": XML})
        response = self.connection.getresponse()
        text = response.read()
        self.seconds.append(time.monotonic() - started)
        assert response.status == 200, (response.status, text)
        answer = _parse(text)
        for status in answer.iter("Status"):
            code = status.findtext("Data")
            assert code[0] == "2" or code == "508", text
        respond = answer.findtext("SyncHdr/RespURI")
        if respond:
            self.address = re.sub(r"^https?://[^/]*", "", respond)
        return answer

    def _statuses(self, answer):
        """Of everything that wants one."""
        ref = answer.findtext("SyncHdr/MsgID")
        commands = [("0", "SyncHdr", [])]
        for command in answer.find("SyncBody").iter():
            if command.tag in ("Add", "Replace", "Delete", "Alert", "Sync", "Put"):
                commands.append((command.findtext("CmdID"), command.tag, command.findall("Item")))
        return "".join(
            f"<Status><CmdID>{number}</CmdID><MsgRef>{ref}</MsgRef><CmdRef>{of}</CmdRef><Cmd>{tag}"
            f"</Cmd><Data>{201 if tag == 'Add' else 200}</Data></Status>"
            for number, (of, tag, _) in enumerate(commands, 10000))

    def _apply(self, answer):
        maps = ""
        for sync in answer.iter("Sync"):
            for command in sync:
                for item in command.findall("Item"):
                    name = item.findtext("Source/LocURI") or item.findtext("Target/LocURI")
                    if command.tag == "Delete":
                        self.items.pop(name, None)
                        continue
                    self.items[name] = item.findtext("Data")
                    if command.tag == "Add":
                        maps += (f"<MapItem><Target><LocURI>{name}</LocURI></Target><Source>"
                                 f"<LocURI>{name}</LocURI></Source></MapItem>")
        return maps and (f"<Map><CmdID>8</CmdID><Target><LocURI>{self.database}</LocURI></Target>"
                         f"<Source><LocURI>local</LocURI></Source>{maps}</Map>")
