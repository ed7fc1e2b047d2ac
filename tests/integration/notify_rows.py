"""The checklist of NOTIFY (RFC 5465) as rows, each a wire test of its own.

    rows = Rows("NOTIFY: command")

    @rows.row("N37 D20", "mail elsewhere is told though nothing else happens")
    def _(case): ...

    if __name__ == "__main__":
        rows.main()

Labels: N is a requirement of RFC 5465, in the order of its sections; D is a behaviour of
stock Dovecot that the plugin changes, or has to keep: notify_rules.py. One label may have
several rows; a row without one is about the plugin and not about NOTIFY.

Run as a program, a file of rows tests Dovecot with our plugins and answers in TAP: each row
has to pass. --stock runs them against plain Dovecot with mailbox_list_index, to see
which rules that breaks: red is expected there, and the exit status is 0. Other words
choose rows, by label or parts of the sentence. --table=FILE runs them both ways and
writes a table. notify_test.py has the rows of all files.

Each row gets a `Case`: users of its own in a Dovecot that it shares with the others.
"""

import glob
import os
import re
import shutil
import sys
import threading
import time
import traceback

import notify_table
from dovecot import BUSY_MACHINE, NOBODY, Dovecot
from fake_bridge import FakeBridge
from notify_rules import FACTS, REQUIREMENTS
from notify_session import NotifySession, statuses
from scratch import MODULES, scratch_dir
from tap import Skip, Suite, check, equal

PLUGINS = MODULES / "plugins"
MESSAGE = b"From: Pat <pat@example.org>\r\nSubject: hello\r\n\r\nhow are you\r\n"
FENCE = "zz-fence"
STOCK, FANTAIL = MODES = "stock", "fantail"
# Stock needs half a second for anything, and what it has lost comes after thirty.
WAIT = {STOCK: 4.0, FANTAIL: NotifySession.wait}

EXTRA = """
recipient_delimiter = +
lmtp_save_to_detail_mailbox = yes
imap_max_line_length = 1M
mail_max_userip_connections = 0
imap_idle_notify_interval = {keepalive}s
verbose_proctitle = yes
service imap {{
  process_limit = 400
}}
service imap-login {{
  process_limit = 400
  process_min_avail = 2
}}
service anvil {{
  client_limit = 2000
}}
service auth {{
  client_limit = 2000
}}
"""

WOKEN = {"woken": "event=imap_client_unhibernated"}

# Users whose mail_plugins do not have ours.
WITHOUT_US = {"plain": {"mail_plugins": "notify"}}

# What the rows run on: arguments of Dovecot, and besides
#   keepalive  seconds from one "* OK Still here" to the next
#   ours       settings of our plugins
#   hub        "own": one that the row may stop; "none": there is none
#   pilot      the one user who has our plugins
PLACES = {
    "maildir": {"metadata": True},
    "sdbox": {"mail_driver": "sdbox"},
    "shared": {"shared": True, "protocol_plugins": "imap_acl", "metadata": True},
    "patient-acl": {"shared": True, "acl_cache": 3600, "protocol_plugins": "imap_acl"},
    "shared-polling": {"shared": True, "protocol_plugins": "imap_acl",
                       "ours": {"fantail_notify_poll": "1"}},
    "guest-index": {"shared": True, "shared_index": True, "protocol_plugins": "imap_acl"},
    "no-list-index": {"list_index": False},
    "hibernating": {"hibernate": 1},
    "dozing": {"hibernate": 1, "metadata": True, "metrics": WOKEN},
    "dozing-shared": {"hibernate": 1, "shared": True, "protocol_plugins": "imap_acl",
                      "metadata": True, "metrics": WOKEN},
    "dozing-keep-alive": {"hibernate": 1, "keepalive": 2, "metrics": WOKEN},
    "dozing-own-hub": {"hibernate": 1, "hub": "own", "metrics": WOKEN,
                       "ours": {"fantail_notify_poll": "3600"}},
    "keep-alive": {"keepalive": 2},
    # With a hub all is looked at ten times as rarely.
    "polling": {"ours": {"fantail_notify_poll": "1"}},
    "patient": {"ours": {"fantail_notify_poll": "12"}},
    "slow-window": {"mail_driver": "sdbox", "ours": {"fantail_notify_window": "300"}},
    "slow-window-maildir": {"ours": {"fantail_notify_window": "300"}},
    "few-mailboxes": {"ours": {"fantail_notify_mailboxes": "20"}},
    "own-hub": {"hub": "own", "ours": {"fantail_notify_poll": "3600"}},
    "parting-hub": {"hub": "own", "ours": {"fantail_notify_poll": "12"}},
    "no-hub": {"hub": "none", "ours": {"fantail_notify_poll": "2"}},
    "one-process": {"one_imap": True, "hub": "own", "users": WITHOUT_US},
    "pilot": {"one_imap": True, "pilot": "pilot"},
    "auto-subscribe": {"inbox": "mailbox Auto {\n auto = subscribe\n }"},
}


class Server:
    """One of PLACES, started when the first row wants it."""

    def __init__(self, kind, mode, hub, bridge):
        options = dict(PLACES[kind])
        extra = EXTRA.format(keepalive=options.pop("keepalive", 120)) + options.pop("extra", "")
        imap_plugins = options.pop("protocol_plugins", "")
        ours, which = options.pop("ours", {}), options.pop("hub", None)
        pilot = options.pop("pilot", None)
        self.kind, self.mode, self.hub = kind, mode, hub
        self.users = 0
        folder = scratch_dir(f"notify-{kind}")
        if mode == FANTAIL:
            if which is not None:
                self.hub = new_hub(folder / "hub")
            if which == "own":
                self.hub.start()
            options["mail_plugins"] = "notify"
            if pilot is not None:
                options["users"] = {
                    pilot: {"mail_plugins": "notify,fantail_event,fantail_notify"}}
            else:
                options["mail_plugins"] += " fantail_event"
                imap_plugins += " fantail_notify"
            options.update(modules=[PLUGINS],
                           settings={"fantail_hub": self.hub.socket, "fantail_socket": bridge,
                                     "fantail_deadline": "5000",  # the stand-in is slow
                                     "fantail_spool": spool(folder), **ours})
        options.setdefault("list_index", True)
        self.dovecot = Dovecot(scratch=str(folder / "dovecot"), extra=extra,
                               protocol_plugins={"imap": imap_plugins} if imap_plugins else {},
                               **options).start()


def spool(folder):
    """Where the event plugin leaves what the stand-in for the bridge is too slow for."""
    path = folder / "spool"
    path.mkdir()
    path.chmod(0o1777)
    return path


def new_hub(folder):
    from hub import Hub  # only where there is one

    return Hub(folder, mail_uids=[NOBODY])


class Servers:
    """All that run in one mode. Thread-safe."""

    def __init__(self, mode):
        self.mode = mode
        self.lock = threading.Lock()
        self.running = {}
        self.hub = self.bridge = None

    def __enter__(self):
        if self.mode == FANTAIL:
            folder = scratch_dir("notify-hub")
            self.bridge = FakeBridge(str(folder / "bridge.sock"))
            self.bridge.want = "none"  # phones are not what is tested here
            self.hub = new_hub(folder / "hub").__enter__()
        return self

    def __exit__(self, *exception):
        for server in self.running.values():
            server.dovecot.close()
            if server.hub is not self.hub and server.hub.process is not None:
                server.hub.stop()
        if self.hub is not None:
            self.hub.__exit__(*exception)
            self.bridge.close()

    def get(self, kind):
        with self.lock:
            if kind not in self.running:
                self.running[kind] = Server(kind, self.mode, self.hub,
                                            self.bridge and self.bridge.path)
            return self.running[kind]

    def logs(self):
        return {kind: server.dovecot.log() for kind, server in self.running.items()}

    def user(self, server):
        with self.lock:
            server.users += 1
            return f"{server.kind[0]}{server.users}"


class Case:
    """What a row works with. `user` is fresh and has an INBOX; `other` is a second session
    of that user, made when it is first needed."""

    def __init__(self, servers, kind):
        self.servers, self.mode = servers, servers.mode
        self.server = servers.get(kind)
        self.kind = kind
        self.dovecot = self.server.dovecot
        self.wait = WAIT[self.mode]
        self.sessions = []
        self._other = None
        self.fences = {}  # {user: deliveries into its fence, or 0}
        self.user = self.new_user()

    def new_user(self):
        user = self.servers.user(self.server)
        self.deliver(user=user)
        return user

    def close(self):
        for session in self.sessions:
            session.close()

    def deliver(self, mailbox="INBOX", user=None, message=MESSAGE):
        """One message over LMTP."""
        user = user or self.user
        recipient = user if mailbox == "INBOX" else f"{user}+{mailbox}"
        equal(self.dovecot.deliver(recipient, message), {}, "refused")

    def session(self, select=None, user=None, receive_buffer=None):
        session = NotifySession(self.dovecot.imap_port, user or self.user,
                                receive_buffer=receive_buffer)
        session.wait = self.wait
        self.sessions.append(session)
        if select is not None:
            session.select(select)
        return session

    @property
    def other(self):
        if self._other is None:
            self._other = self.session()
        return self._other

    def create(self, *names):
        for name in names:
            self.other.ok(f'CREATE "{name}"')

    def watcher(self, groups, select=None, status=False, enable=None, create=(), user=None,
                receive_buffer=None):
        """A session of the user with these groups, and the fence's beside them."""
        user = user or self.user
        if user not in self.fences:
            self.fences[user] = 0
            (self.other if user == self.user else self.session(user=user)).ok(f"CREATE {FENCE}")
        self.create(*create)
        session = self.session(user=user, receive_buffer=receive_buffer)
        if enable is not None:
            session.ok(f"ENABLE {enable}")
        if select is not None:
            session.select(select)
        session.notify(f"{groups} (mailboxes {FENCE} (MessageNew MessageExpunge))", status)
        return session

    def fence(self, session):
        """All untagged lines that come before an event which is caused now: whatever was
        caused before has come by then. Twice, because what comes together may come in
        any order."""
        lines = []
        for _ in range(2):
            self.fences[session.user] += 1
            self.deliver(FENCE, session.user)
            lines += session.until(
                rf"^\* STATUS {FENCE} \(.*MESSAGES {self.fences[session.user]}\b")
        return [line for line in lines if FENCE not in line]

    def settle(self):
        """Stock looks at the selected mailbox only from a second after a command, and what
        happens before is lost. D21 is about that; other rows wait for it."""
        if self.mode == STOCK:
            time.sleep(1.2)

    def nothing(self, session, what):
        equal(self.fence(session), [], what)

    def no_more(self, session, pattern, what):
        lines = [line for line in self.fence(session) if re.search(pattern, line, re.IGNORECASE)]
        equal(lines, [], what)


class Row:
    def __init__(self, labels, sentence, function, places, background, only, stock):
        self.labels, self.sentence, self.function = labels, sentence, function
        self.places, self.background, self.only = places, background, only
        self.stock = stock

    @property
    def title(self):
        return f"{self.labels}: {self.sentence}" if self.labels else self.sentence

    def run(self, servers):
        """Raises what is wrong."""
        if servers.mode == STOCK and not self.stock:
            raise Skip("there is nothing of the kind in stock Dovecot")
        if self.only is not None:
            reason = self.only()
            if reason:
                raise Skip(reason)
        for place in self.places:
            case = Case(servers, place)
            try:
                self.function(case)
            except AssertionError as error:
                raise AssertionError(f"[{place}] {error}") from error
            finally:
                case.close()


class Result:
    def __init__(self, colour, text=""):
        self.colour, self.text = colour, text  # green, red or "-" (does not apply)


class Rows:
    def __init__(self, name, *parts):
        """parts: other Rows; this one has theirs."""
        self.name, self.parts = name, parts or (self,)
        self.rows = [row for part in parts for row in part.rows]

    def row(self, labels, sentence, *places, background=False, only=None, stock=True):
        """places: keys of PLACES, "maildir" if none. background: it takes long and mostly
        waits, so it runs beside the others. only(): a reason why the row does not apply here,
        or None. stock: it makes sense without our plugins, too."""
        def take(function):
            for label in labels.split():
                check(label in FACTS or label in REQUIREMENTS, f"there is no rule {label}")
            self.rows.append(Row(labels, sentence, function, places or ("maildir",), background,
                                 only, stock))
            return function
        return take

    def chosen(self, words):
        return [row for row in self.rows
                if not words or any(word in row.labels.split() or word in row.sentence
                                    for word in words)]

    def start_background(self, rows, servers):
        """Starts the rows that only wait; returns {row: function that gives its outcome}."""
        outcomes = {}
        for row in rows:
            if row.background:
                outcome = []

                def work(row=row, outcome=outcome):
                    try:
                        row.run(servers)
                        outcome.append(None)
                    except BaseException as error:  # told by the thread that asks
                        outcome.append(error)

                thread = threading.Thread(target=work, daemon=True)
                thread.start()
                outcomes[row] = (thread, outcome)
        return outcomes

    def results(self, servers, words=()):
        """Runs the rows and yields (row, Result)."""
        rows = self.chosen(words)
        waiting = self.start_background(rows, servers)
        for row in sorted(rows, key=lambda row: row.background):
            try:
                self.outcome(row, servers, waiting)
                yield row, Result("green")
            except Skip as reason:
                yield row, Result("-", str(reason))
            except Exception as error:
                last = traceback.extract_tb(error.__traceback__)[-1]
                where = f" [{os.path.basename(last.filename)}:{last.lineno}]"
                yield row, Result("red", str(error) + (
                    "" if isinstance(error, AssertionError) else where))

    @staticmethod
    def outcome(row, servers, waiting):
        if row not in waiting:
            row.run(servers)
            return
        thread, outcome = waiting[row]
        thread.join(200)
        check(outcome, "does not end")
        if outcome[0] is not None:
            raise outcome[0]

    def main(self):
        words = [word for word in sys.argv[1:] if not word.startswith("-")]
        table = next((word[8:] for word in sys.argv[1:] if word.startswith("--table=")), None)
        if table is not None:
            results = {mode: self.run_plain(mode, words) for mode in MODES}
            notify_table.write(table, self.chosen(words), results)
        elif "--stock" in sys.argv[1:]:
            self.run_plain(STOCK, words)
        else:
            self.run_tap(words)

    def run_plain(self, mode, words):
        """Runs and prints; returns {row: Result}, empty if our plugins are not built."""
        results = {}
        if mode == FANTAIL and not plugin_is_built():
            return results
        started = began = time.monotonic()
        print(f"{mode}:")
        with Servers(mode) as servers:
            for row, result in self.results(servers, words):
                results[row] = result
                print(f"{result.colour:6} {row.title}  ({time.monotonic() - began:.1f} s)",
                      flush=True)
                began = time.monotonic()
                if result.text:
                    text = result.text if len(result.text) < 2000 else result.text[:2000] + " ..."
                    print("       " + text.replace("\n", "\n       "), flush=True)
        colours = [result.colour for result in results.values()]
        print(f"{mode}: {colours.count('green')} green, {colours.count('red')} red, "
              f"{time.monotonic() - started:.0f} s")
        return results

    def run_tap(self, words):
        if not plugin_is_built():
            print("1..0 # SKIP no Dovecot, or the plugin was not built")
            return
        rows = self.chosen(words)
        suite = Suite(self.name)
        with Servers(FANTAIL) as servers:
            waiting = self.start_background(rows, servers)
            for row in sorted(rows, key=lambda row: row.background):
                def test(row=row):
                    self.outcome(row, servers, waiting)
                test.__name__ = row.title
                suite.test(test)

            def log_is_clean():
                for kind, log in servers.logs().items():
                    equal(trouble(log), [], f"log of {kind}")
                equal(servers.bridge.complaints, [], "complaints of the bridge")
            suite.test(log_is_clean)
            suite.on_failure = lambda: "--- trouble in the logs so far:\n" + "\n".join(
                line for log in servers.logs().values() for line in trouble(log)[-10:])
            suite.run([])


def plugin_is_built():
    return shutil.which("dovecot") and glob.glob(str(PLUGINS / "lib*_fantail_notify_plugin.so"))


def trouble(log):
    """Lines that tell of trouble. A maildir that is deleted while somebody looks at it
    says something of its dovecot-uidlist, NOTIFY or not; and how quickly the stand-in for
    the bridge answers is of no concern here."""
    return [line for line in log.splitlines()
            if re.search(r"\b(Panic|Fatal|Error|Warning):|Corrupted|raw backtrace", line)
            and not re.search(BUSY_MACHINE + r"|SIGHUP received|/dovecot-uidlist\.(tmp|lock)|answers slowly|"
                             # notify_hibernate_test.py gives it some that nobody would.
                             r"did not answer within|Failed to import client state: The ", line)]


def status_of(session, name):
    """What STATUS says, asked by the session."""
    answer = session.ok(f'STATUS "{name}" (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ)')
    return next(line for line in statuses(answer.lines) if line.name == name).items
