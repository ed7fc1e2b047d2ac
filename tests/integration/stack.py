"""The whole road in one object: push service, bridge, Dovecot with our modules."""

from bridge import Bridge
from dovecot import Dovecot
from hub import Hub
from phone import PhonesPushService
from scratch import MODULES, scratch_dir

MAIL_UID = 65534


class Stack:
    """phones: those whose pushes the service can decrypt. Keyword arguments are
    sections of the bridge's config, as Bridge takes them. `hub`: one is started, too.
    `dovecot`: arguments of Dovecot; `settings` of it are added to ours."""

    def __init__(self, name, phones=(), service_options=(), dovecot=None, hub=False, **sections):
        self.folder = scratch_dir(name)
        self.hub = Hub(self.folder / "hub", mail_uids=[MAIL_UID]) if hub else None
        self.service = PhonesPushService(self.folder / "service", phones, service_options)
        http = {"allowed_endpoints": self.service.url, "ca_file": self.service.ca}
        http.update(sections.pop("http", {}))
        webpush = {"contact": "mailto:postmaster@example.org"}
        webpush.update(sections.pop("webpush", {}))
        self.bridge = Bridge(self.folder / "bridge", mail_uids=[MAIL_UID], http=http,
                             webpush=webpush, **sections)
        arguments = {
            "modules": [MODULES / "plugins", MODULES / "pushimap"],
            "mail_plugins": "notify fantail_event",
            "protocol_plugins": {"imap": "fantail_imap"},
            "settings": {"fantail_socket": self.bridge.socket, "fantail_spool": self.bridge.spool},
            "mail_uid": MAIL_UID,
        }
        if hub:
            arguments["settings"]["fantail_hub"] = self.hub.socket
        own = dict(dovecot or {})
        arguments["settings"].update(own.pop("settings", {}))
        arguments.update(own)
        self.dovecot = Dovecot(scratch=str(self.folder / "dovecot"), **arguments)

    def __enter__(self):
        try:
            self.bridge.start()
            if self.hub is not None:
                self.hub.start()
            self.dovecot.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        self.dovecot.stop()
        if self.bridge.process is not None and self.bridge.process.poll() is None:
            self.bridge.stop()
        if self.hub is not None and self.hub.process is not None:
            self.hub.stop()
        self.service.close()
