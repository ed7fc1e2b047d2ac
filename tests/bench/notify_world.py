"""Where scripts/bench notify measures: a Dovecot, and with Fantail its daemons."""

import os
import sys

import processes
from bridge import Bridge
from dovecot import NOBODY, Dovecot, version
from goals import Goals
from hub import Hub
from notify_clients import Lmtp, Loop, Session
from scratch import MODULES, scratch_dir

QUICK = "--quick" in sys.argv
STOCK, FANTAIL = "stock", "fantail"
MESSAGE = b"From: Pat <pat@example.org>\r\nSubject: lunch?\r\n\r\n" + b"At noon.\r\n" * 40
NEW = "(MessageNew MessageExpunge)"
PERSONAL = ("NOTIFY SET (personal (MessageNew MessageExpunge FlagChange MailboxName "
            "SubscriptionChange))")

EXTRA = """
recipient_delimiter = +
lmtp_save_to_detail_mailbox = yes
mail_max_userip_connections = 0
# Keep-alives are no wake-ups of NOTIFY's.
imap_idle_notify_interval = 24h
service imap {
  process_limit = 1000
}
service imap-login {
  # A login costs no process of its own.
  %s
  process_min_avail = 2
}
service anvil {
  client_limit = 4000
}
service auth {
  client_limit = 4000
}
""" % ("restart_request_count = unlimited" if version() >= (2, 4) else "service_count = 0")

loop = Loop()
goals = Goals()


class World:
    """With Fantail, nobody is registered with the bridge. accounts: {user: uid} of users
    with one of their own; options: of Dovecot."""

    def __init__(self, mode, accounts=None, **options):
        self.mode = mode
        self.daemons = []
        folder = scratch_dir(f"bench-notify-{mode}")
        if mode == FANTAIL:
            uids = [NOBODY, *(accounts or {}).values()]
            self.hub = Hub(folder / "hub", mail_uids=uids)
            bridge = Bridge(folder / "bridge", mail_uids=uids)
            self.daemons = [self.hub.start(), bridge.start()]
            options.update(modules=[MODULES / "plugins"], mail_plugins="notify fantail_event",
                           protocol_plugins={"imap": "fantail_notify"},
                           settings={"fantail_hub": self.hub.socket,
                                     "fantail_socket": bridge.socket,
                                     "fantail_spool": bridge.spool})
        self.dovecot = Dovecot(scratch=str(folder / "dovecot"), list_index=True, extra=EXTRA,
                               **options)
        if accounts and self.dovecot.root:
            self._own_accounts(accounts)
        self.dovecot.start()
        self.lmtp = Lmtp(loop, self.dovecot.lmtp_port)

    def lmtp_again(self):
        """Dovecot closes one that says nothing for five minutes."""
        self.lmtp.close()
        self.lmtp = Lmtp(loop, self.dovecot.lmtp_port)

    def _own_accounts(self, accounts):
        os.chmod(self.dovecot.path("home"), 0o1777)
        with open(self.dovecot.path("users"), "w", encoding="utf-8") as out:
            for user, uid in accounts.items():
                out.write(f"{user}::{uid}:{uid}::{self.dovecot.home(user)}::\n")

    def close(self):
        self.lmtp.close()
        self.dovecot.close()
        for daemon in self.daemons:
            daemon.stop()

    def connect(self, user):
        return Session(loop, self.dovecot.imap_port, user)

    def session(self, user, *commands):
        session = self.connect(user)
        session.finish(session.login)
        for command in commands:
            session.ok(command)
        return session

    def imap(self):
        return processes.children(self.dovecot.process.pid, "imap")

    def hibernates(self):
        return processes.children(self.dovecot.process.pid, "imap-hibernate")

    def everybody(self):
        dovecot = self.dovecot.process.pid
        return [dovecot, *processes.children(dovecot),
                *(daemon.process.pid for daemon in self.daemons)]

    def notifiers(self):
        """What NOTIFY keeps busy."""
        return self.imap() + ([self.hub.process.pid] if self.mode == FANTAIL else [])

    def say(self, what, text):
        print(f"{self.mode:8} {what:12} {text}", flush=True)

    def goal(self, name, measured, wanted, unit=""):
        if self.mode == FANTAIL:
            goals.at_most(f"notify-{name}", measured, wanted, unit)


def creates(count):
    return [f"CREATE m{i}" for i in range(count)]


def create(worlds, users, count):
    """Mailboxes m0, m1, ... for each user in each world, all at the same time."""
    makers = [world.session(user) for world in worlds for user in users]
    tags = [maker.start(*creates(count), "LOGOUT") for maker in makers]
    for maker, tag in zip(makers, tags):
        maker.finish(tag)
        maker.close()
