"""Postfix on loopback, with folders of its own: it takes mail for example.org from whom a Dovecot
has authenticated, and hands it to that Dovecot's LMTP.

    postfix = Postfix(lmtp_port, auth_socket)
    postfix.port, postfix.smtps_port, postfix.certificate
    postfix.start()       # once Dovecot answers at that socket

Nothing of the machine's own mail system is touched. Needs root, as Postfix does; an unpacked
package in tests/suites/postfix (scripts/test has it there) does as well as an installed one.
"""

import atexit
import grp
import os
import pathlib
import pwd
import socket
import subprocess

from dovecot import free_ports
from scratch import TOP, scratch_dir, wait_for

UNPACKED = TOP / "tests" / "suites" / "postfix"


def _root():
    for root in (pathlib.Path("/"), UNPACKED):
        if (root / "usr/lib/postfix/sbin/master").exists():
            return root
    return None


def missing():
    """Why it cannot run here, or None."""
    if os.geteuid() != 0:
        return "Postfix needs root"
    root = _root()
    if root is None:
        return f"no Postfix, neither installed nor in {UNPACKED}"
    libraries = subprocess.run(["ldd", root / "usr/lib/postfix/sbin/smtpd"], check=True,
                               capture_output=True, text=True, env=_environment(root)).stdout
    absent = [line.split()[0] for line in libraries.splitlines() if line.endswith("not found")]
    return f"{root} lacks {' '.join(absent)}" if absent else None


def _environment(root):
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    if root != pathlib.Path("/"):
        environment["LD_LIBRARY_PATH"] = str(root / "usr/lib/postfix")
    return environment


def _account(names, lookup):
    """The first that there is: an unpacked package has made none of its own."""
    for name in names:
        try:
            lookup(name)
            return name
        except KeyError:
            pass
    raise RuntimeError(f"none of {names}")


MAIN = """
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
command_directory = {root}/usr/sbin
daemon_directory = {root}/usr/lib/postfix/sbin
shlib_directory = {root}/usr/lib/postfix
meta_directory = {dir}
mail_owner = {owner}
setgid_group = {group}
import_environment = MAIL_CONFIG LD_LIBRARY_PATH TZ LANG=C
maillog_file = {dir}/log
maillog_file_prefixes = {dir}
myhostname = localhost
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks =
alias_maps =
alias_database =
local_recipient_maps =
default_transport = error:nothing leaves this machine
virtual_mailbox_domains = example.org
virtual_transport = lmtp:inet:127.0.0.1:{lmtp}
message_size_limit = 300000000
virtual_mailbox_limit = 0
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {auth}
smtpd_sasl_authenticated_header = yes
smtpd_tls_cert_file = {dir}/cert.pem
smtpd_tls_key_file = {dir}/key.pem
smtpd_tls_security_level = may
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = check_recipient_access texthash:{dir}/recipients, permit_sasl_authenticated, reject
smtpd_client_connection_rate_limit = 0
smtp_host_lookup = native
lmtp_host_lookup = native
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
127.0.0.1:{smtps} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
showq unix n - n - - showq
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming",
          "private", "saved", "trace")


class Postfix:
    def __init__(self, lmtp_port, auth_socket):
        self.dir = scratch_dir("postfix")
        root = _root()
        self.port, self.smtps_port = free_ports(2)
        owner = _account(("postfix", "news", "games"), pwd.getpwnam)
        group = _account(("postdrop", "uucp", "games"), grp.getgrnam)
        uid = pwd.getpwnam(owner).pw_uid
        self.certificate = self.dir / "cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                        "-keyout", self.dir / "key.pem", "-out", self.certificate],
                       check=True, capture_output=True)
        names = {"dir": self.dir, "root": str(root).rstrip("/"), "owner": owner, "group": group,
                 "lmtp": lmtp_port, "auth": auth_socket, "port": self.port,
                 "smtps": self.smtps_port}
        (self.dir / "main.cf").write_text(MAIN.format(**names))
        (self.dir / "master.cf").write_text(MASTER.format(**names))
        (self.dir / "recipients").write_text("refused@example.org 550 5.1.1 never heard of\n"
                                             "later@example.org 450 4.2.1 not now\n")
        (self.dir / "data").mkdir()
        os.chown(self.dir / "data", uid, -1)
        (self.dir / "queue").mkdir()
        (self.dir / "queue" / "pid").mkdir()
        for queue in QUEUES:
            (self.dir / "queue" / queue).mkdir(mode=0o700)
            os.chown(self.dir / "queue" / queue, uid, -1)
        for queue, mode in (("maildrop", 0o730), ("public", 0o710)):
            (self.dir / "queue" / queue).mkdir()
            os.chown(self.dir / "queue" / queue, uid, grp.getgrnam(group).gr_gid)
            (self.dir / "queue" / queue).chmod(mode)
        self.root = root
        self.process = None

    def start(self):
        environment = {**_environment(self.root), "MAIL_CONFIG": str(self.dir)}
        self.process = subprocess.Popen(
            [self.root / "usr/lib/postfix/sbin/master", "-c", self.dir, "-s"], env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            start_new_session=True)
        atexit.register(self.close)
        wait_for("Postfix", self._answers)

    def _answers(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"Postfix does not start: {self.process.stderr.read()} {self.log()}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as client:
                return client.recv(100).startswith(b"220")
        except OSError:
            return False

    def log(self):
        try:
            return (self.dir / "log").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def close(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
        self.process.stderr.close()
