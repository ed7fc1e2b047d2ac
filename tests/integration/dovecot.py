"""A private Dovecot for tests and for the demo; standard library only.

    with Dovecot(modules=["build/plugins"], mail_plugins="notify fantail_event",
                 settings={"fantail_socket": "/tmp/x/bridge.sock"}) as dovecot:
        dovecot.deliver("alice", b"Subject: hello\\r\\n\\r\\nthere\\r\\n")
        imap = dovecot.imap("alice")

Everything lives in one scratch folder: configuration, sockets, log, mail. It
listens on loopback ports chosen by the kernel, so any number of them run beside
one another and beside a system Dovecot. Any user name may log in with the
password, and mail to any user is accepted; `users` is for those that need
settings of their own.

Works with Dovecot 2.3 and 2.4 (the two write their configuration in different
languages: _config_23, _config_24). As root mail is stored under `mail_uid`; as
anybody else all of it runs under the caller's uid.
"""

import fcntl
import grp
import imaplib
import os
import pathlib
import poplib
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import termios
import time

NOBODY = 65534


# Below those that connections are given (net.ipv4.ip_local_port_range): nobody's takes one
# before it is listened on.
PORTS = range(10000, 32768)


def free_ports(count):
    """Different ones: all are held until the last is found. At random, since several tests may
    look at the same time."""
    sockets = []
    try:
        while len(sockets) < count:
            listener = socket.socket()
            try:
                listener.bind(("127.0.0.1", random.choice(PORTS)))
                sockets.append(listener)
            except OSError:
                listener.close()
        return [listener.getsockname()[1] for listener in sockets]
    finally:
        for listener in sockets:
            listener.close()


def version():
    """(2, 3, 19) and the like."""
    text = subprocess.run(["dovecot", "--version"], check=True, capture_output=True,
                          text=True).stdout
    return tuple(int(part) for part in re.match(r"(\d+)\.(\d+)\.(\d+)", text).groups())


# What Dovecot warns of when its processes are kept waiting for the processor.
BUSY_MACHINE = r"Warning: Time (jumped|moved) forwards"


class Lmtp:
    """An LMTP session. Python's smtplib reads one answer to a message, LMTP gives one
    for each recipient."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.reader = self.socket.makefile("rb")
        self._expect(self.answer(), 220)
        self._expect(self.command("LHLO test.example.org"), 250)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    @staticmethod
    def _expect(answer, code):
        if answer[0] != code:
            raise RuntimeError(f"LMTP: {answer}")

    def answer(self):
        while True:
            line = self.reader.readline().decode(errors="replace").rstrip()
            if line == "":
                raise RuntimeError("LMTP: the connection was closed")
            if line[3:4] != "-":
                return int(line[:3]), line[4:]

    def command(self, line):
        self.socket.sendall(line.encode() + b"\r\n")
        return self.answer()

    def send(self, sender, recipients, message):
        """Delivers one message. Returns {recipient: (code, text)}."""
        answers = {}
        accepted = []
        self._expect(self.command(f"MAIL FROM:<{sender}>"), 250)
        for recipient in recipients:
            answers[recipient] = self.command(f"RCPT TO:<{recipient}>")
            if answers[recipient][0] == 250:
                accepted.append(recipient)
        if not accepted:
            self._expect(self.command("RSET"), 250)
            return answers
        self._expect(self.command("DATA"), 354)
        message = re.sub(rb"\r?\n", b"\r\n", message)
        message = re.sub(rb"(?m)^\.", b"..", message)
        if not message.endswith(b"\r\n"):
            message += b"\r\n"
        self.socket.sendall(message + b".\r\n")
        for recipient in accepted:
            answers[recipient] = self.answer()
        return answers

    def close(self):
        try:
            self.command("QUIT")
        except (OSError, RuntimeError):
            pass  # it is being left anyway
        self.reader.close()
        self.socket.close()


class Dovecot:
    """Arguments, all by name:

    scratch        folder to use (kept on close); else a temporary one
    modules        files or folders with our modules (lib*.so), linked beside the stock ones
    module_dir     where the stock modules are
    mail_plugins   blank-separated plugins for every process
    protocol_plugins  {"imap": "pushimap"}: plugins in one protocol only, in addition
    settings       plugin settings: plugin { } in 2.3, top level in 2.4
    users          {"carol": {"mail_plugins": "notify"}}: userdb fields of single users
    password       everybody's
    mail_uid, mail_gid  owner of the mail when run as root; numbers, need no account
    mail_driver    maildir, sdbox, mdbox or mbox
    shared         namespaces shared/<user>/ (read marks are each user's own) and Public/, with ACLs
    shared_index   a guest has indexes of its own there, not only its read marks
    acl_cache      seconds for which what was read of ACLs is believed
    list_index     mailbox_list_index; None = as Dovecot has it
    metadata       METADATA over IMAP, in a file of each user's home
    hibernate      seconds after which an idling session leaves its process; 0 = never
    inbox          configuration text within the user's own namespace
    metrics        {"name": "filter"}: statistics of events, see stats()
    lmtp_service_count  1: a new process for each LMTP session
    one_imap       one process for all IMAP sessions
    extra          more configuration text, at the end
    """

    def __init__(self, *, scratch=None, modules=(), module_dir="/usr/lib/dovecot/modules",
                 mail_plugins="", protocol_plugins=None, settings=None, users=None,
                 password="secret", mail_uid=NOBODY, mail_gid=NOBODY, mail_driver="maildir",
                 shared=False, shared_index=False, acl_cache=1, list_index=None, metadata=False,
                 hibernate=0, inbox="", metrics=None, lmtp_service_count=0, one_imap=False,
                 extra=""):
        self.version = version()
        self.root = os.geteuid() == 0
        self.uid = mail_uid if self.root else os.geteuid()
        self.gid = mail_gid if self.root else os.getegid()
        self.password = password
        self.mail_plugins = mail_plugins
        self.protocol_plugins = protocol_plugins or {}
        self.settings = dict(settings or {})
        self.users = dict(users or {})
        self.mail_driver = mail_driver
        self.shared = shared
        self.shared_index = shared_index
        self.acl_cache = acl_cache
        self.list_index = list_index
        self.metadata = metadata
        self.hibernate = hibernate
        self.inbox = inbox
        self.metrics = metrics or {}
        self.lmtp_service_count = lmtp_service_count
        self.one_imap = one_imap
        self.extra = extra
        self.imap_port, self.lmtp_port, self.pop3_port = free_ports(3)
        self.process = None

        self._temporary = scratch is None
        self.scratch = scratch or tempfile.mkdtemp(prefix="dovecot-")
        os.makedirs(self.scratch, exist_ok=True)
        os.chmod(self.scratch, 0o755)  # the mail user has to get through
        self.config_path = self.path("dovecot.conf")
        self.log_path = self.path("dovecot.log")
        self.socket_dir = self.path("run")
        for folder in ("run", "state", "home", "public", "acl"):
            os.makedirs(self.path(folder), exist_ok=True)
            if folder not in ("run", "state"):
                os.chown(self.path(folder), self.uid, self.gid)
        self._link_modules(module_dir, modules)
        self.write_config()

    def path(self, *names):
        return os.path.join(self.scratch, *names)

    def home(self, user):
        return self.path("home", user)

    # --- configuration -------------------------------------------------------

    def _link_modules(self, stock, ours):
        """mail_plugin_dir: one folder that holds links to the stock modules and ours."""
        self.module_dir = self.path("modules")
        shutil.rmtree(self.module_dir, ignore_errors=True)
        shutil.copytree(stock, self.module_dir, symlinks=False,
                        copy_function=lambda source, target: os.symlink(source, target))
        for path in ours:
            path = os.path.abspath(path)
            files = [path]
            if os.path.isdir(path):
                files = [os.path.join(path, name) for name in sorted(os.listdir(path))
                         if re.fullmatch(r"lib\d\d_.*\.so", name)]
            for file in files:
                target = os.path.join(self.module_dir, os.path.basename(file))
                if os.path.lexists(target):
                    os.unlink(target)  # an installed copy gives way to the one under test
                os.symlink(file, target)

    def write_config(self):
        """Writes the files anew; reload() makes a running Dovecot read them."""
        with open(self.path("users"), "w", encoding="utf-8") as out:
            for name, fields in self.users.items():
                extra = " ".join(f"userdb_{key}={value}" for key, value in fields.items())
                out.write(f"{name}::{self.uid}:{self.gid}::{self.home(name)}::{extra}\n")
        os.chmod(self.path("users"), 0o644)
        text = self._config_24() if self.version >= (2, 4) else self._config_23()
        with open(self.config_path, "w", encoding="utf-8") as out:
            out.write(text + self.extra + "\n")

    def _mail_folder(self):
        return "Maildir" if self.mail_driver == "maildir" else self.mail_driver

    def _service_count(self, count):
        """A setting: how many connections a process serves, 0 for any number."""
        if self.version >= (2, 4):
            return f"restart_request_count = {count or 'unlimited'}"
        return f"service_count = {count}"

    def _config_common(self):
        text = f"""
base_dir = {self.path("run")}
state_dir = {self.path("state")}
log_path = {self.log_path}
protocols = imap lmtp pop3
listen = 127.0.0.1
ssl = no
first_valid_uid = 1
mail_uid = {self.uid}
mail_gid = {self.gid}
mail_plugin_dir = {self.module_dir}
protocol lmtp {{
  postmaster_address = postmaster@example.org
}}
service imap-login {{
  inet_listener imap {{
    port = {self.imap_port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {self.pop3_port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service lmtp {{
  {self._service_count(self.lmtp_service_count)}
  inet_listener lmtp {{
    port = {self.lmtp_port}
  }}
}}
"""
        if self.list_index is not None:
            text += f"mailbox_list_index = {'yes' if self.list_index else 'no'}\n"
        if self.one_imap:
            text += (f"service imap {{\n  {self._service_count(0)}\n  client_limit = 100\n"
                     "  process_limit = 1\n}\n")
            # Which no longer is root when the second session comes.
            text += "service auth {\n  unix_listener auth-master {\n    mode = 0666\n  }\n}\n"
        if self.metadata:
            text += "protocol imap {\n  imap_metadata = yes\n}\n"
        if self.hibernate:
            # The mail user's imap hands its session over and back.
            text += f"imap_hibernate_timeout = {self.hibernate}s\n"
            for service, listener in (("imap", "imap-master"), ("imap-hibernate",) * 2):
                text += (f"service {service} {{\n  unix_listener {listener} {{\n"
                         "    mode = 0666\n  }\n}\n")
        if not self.root:
            me = pwd.getpwuid(os.geteuid()).pw_name
            group = grp.getgrgid(os.getegid()).gr_name
            text += f"default_internal_user = {me}\ndefault_internal_group = {group}\n"
            text += f"default_login_user = {me}\n"
            for service in ("imap-login", "pop3-login", "anvil", "stats"):
                text += f"service {service} {{\n  chroot =\n}}\n"
        return text

    def _config_23(self):
        text = f"""disable_plaintext_auth = no
mail_home = {self.path("home")}/%u
mail_location = {self.mail_driver}:~/{self._mail_folder()}
mail_plugins = $mail_plugins {self.mail_plugins}
passdb {{
  driver = static
  args = password={self.password}
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {self.path("users")}
}}
userdb {{
  driver = static
  args = uid={self.uid} gid={self.gid} home={self.path("home")}/%u allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
  separator = /
  {self.inbox}
}}
"""
        text += self._config_common()
        if self.shared:
            text += f"""
mail_plugins = $mail_plugins acl
namespace {{
  type = shared
  separator = /
  prefix = shared/%%u/
  location = maildir:{self.path("home")}/%%u/Maildir:INDEXPVT=~/pvt/%%u{
      ":INDEX=~/index/%%u" if self.shared_index else ""}
  subscriptions = no
  list = children
}}
namespace {{
  type = public
  separator = /
  prefix = Public/
  location = maildir:{self.path("public")}
  subscriptions = no
}}
plugin {{
  acl = vfile:{self.path("acl")}:cache_secs={self.acl_cache}
  acl_shared_dict = file:{self.path("acl")}/shared-mailboxes
}}
"""
        if self.metadata:
            text += "mail_attribute_dict = file:%h/dovecot-attributes\n"
        for protocol, plugins in self.protocol_plugins.items():
            text += f"protocol {protocol} {{\n  mail_plugins = $mail_plugins {plugins}\n}}\n"
        for name, condition in self.metrics.items():
            text += f"metric {name} {{\n  filter = {condition}\n}}\n"
        text += "plugin {\n"
        text += "".join(f"  {key} = {value}\n" for key, value in self.settings.items())
        return text + "}\n"

    def _config_24(self):
        def listed(names):
            return "mail_plugins {\n" + "".join(f"  {n} = yes\n" for n in names.split()) + "}\n"

        # The first line of all; the version whose defaults are meant.
        text = "dovecot_config_version = {}.{}.{}\n".format(*self.version)
        text += f"""dovecot_storage_version = 2.4.0
auth_allow_cleartext = yes
mail_home = {self.path("home")}/%{{user}}
mail_driver = {self.mail_driver}
mail_path = ~/{self._mail_folder()}
passdb static {{
  password = {self.password}
}}
userdb passwd-file {{
  passwd_file_path = {self.path("users")}
}}
userdb static {{
  userdb_static_allow_all_users = yes
  fields {{
    uid = {self.uid}
    gid = {self.gid}
    home = {self.path("home")}/%{{user}}
  }}
}}
namespace inbox {{
  inbox = yes
  separator = /
  {self.inbox}
}}
"""
        text += self._config_common()
        text += listed(self.mail_plugins + (" acl" if self.shared else ""))
        if self.shared:
            text += f"""
acl_driver = vfile
acl_cache_ttl = {self.acl_cache}s
acl_sharing_map {{
  dict file {{
    path = {self.path("acl")}/shared-mailboxes
  }}
}}
namespace shared {{
  type = shared
  separator = /
  prefix = shared/$user/
  mail_path = {self.path("home")}/%{{owner_user}}/Maildir
  mail_index_private_path = ~/pvt/%{{owner_user}}
  {"mail_index_path = ~/index/%{owner_user}" if self.shared_index else ""}
  subscriptions = no
  list = children
}}
namespace public {{
  type = public
  separator = /
  prefix = Public/
  mail_path = {self.path("public")}
  subscriptions = no
}}
"""
        if self.metadata:
            text += """mail_attribute {
  dict file {
    path = %{home}/dovecot-attributes
  }
}
"""
        for protocol, plugins in self.protocol_plugins.items():
            text += f"protocol {protocol} {{\n{listed(plugins)}}}\n"
        for name, condition in self.metrics.items():
            text += f"metric {name} {{\n  filter = {condition}\n}}\n"
        text += "".join(f"{key} = {value}\n" for key, value in self.settings.items())
        return text

    # --- life ----------------------------------------------------------------

    def __enter__(self):
        return self.start()

    def __exit__(self, *exception):
        self.close()

    def start(self):
        self.process = subprocess.Popen(["dovecot", "-F", "-c", self.config_path],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        end = time.monotonic() + 30
        for port in (self.imap_port, self.lmtp_port, self.pop3_port):
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    if self.process.poll() is not None or time.monotonic() > end:
                        output = ""
                        if self.process.poll() is not None:
                            output = self.process.stdout.read().decode(errors="replace")
                        self.stop()
                        raise RuntimeError(f"Dovecot does not start: {output}\n{self.log()}"
                                           ) from None
                    time.sleep(0.01)
        return self

    def reload(self):
        """Reads the configuration again. Sessions go on as they were; new ones get
        new processes (and so fresh state in our modules)."""
        wanted = self.log().count("SIGHUP received") + 1
        end = time.monotonic() + 30
        self.process.send_signal(signal.SIGHUP)
        while self.log().count("SIGHUP received") < wanted and time.monotonic() < end:
            time.sleep(0.01)

    def stop(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        self.process = None

    def close(self):
        """Stops it and removes the scratch folder, unless that was given."""
        self.stop()
        if self._temporary:
            shutil.rmtree(self.scratch, ignore_errors=True)

    # --- looking at it -------------------------------------------------------

    def _log_is_written(self):
        """Has the log process nothing left of what others handed to it? They do so in
        pipes, and do not wait for it."""
        master = self.process.pid
        for pid in pathlib.Path(f"/proc/{master}/task/{master}/children").read_text().split():
            proc = pathlib.Path("/proc") / pid
            if (proc / "comm").read_text() != "log\n":
                continue
            for fd in (proc / "fd").iterdir():
                info = (proc / "fdinfo" / fd.name).read_text()
                access = int(re.search(r"flags:\s*(\d+)", info)[1], 8) & os.O_ACCMODE
                if not os.readlink(fd).startswith("pipe:") or access != os.O_RDONLY:
                    continue
                pipe = os.open(fd, os.O_RDONLY | os.O_NONBLOCK)
                try:
                    waiting = fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4)
                finally:
                    os.close(pipe)
                if waiting != b"\0" * 4:
                    return False
            # Asleep: what it took from there is in the file.
            return (proc / "stat").read_text().rpartition(") ")[2][0] == "S"
        return True

    def log(self):
        end = time.monotonic() + 30
        failures = 0
        while self.process is not None and failures < 5 and time.monotonic() < end:
            try:
                if self._log_is_written():
                    break
            except OSError:  # a process or a pipe that went meanwhile, or no /proc to ask
                failures += 1
            time.sleep(0.005)
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def problems(self, *expected):
        """Lines of the log that tell of trouble, without those that match one of the
        regular expressions."""
        expected += ("SIGHUP received", BUSY_MACHINE)
        return [line for line in self.log().splitlines()
                if re.search(r"\b(Panic|Fatal|Error|Warning):", line)
                and not any(re.search(pattern, line) for pattern in expected)]

    def doveadm(self, *arguments, stdin=b"", check=True):
        """Runs doveadm, returns its output."""
        done = subprocess.run(["doveadm", "-c", self.config_path, *arguments], input=stdin,
                              capture_output=True, check=False)
        if check and done.returncode != 0:
            raise RuntimeError(f"doveadm {' '.join(arguments)}: "
                               f"{done.stderr.decode(errors='replace')}")
        return done.stdout.decode(errors="replace")

    def doveconf(self, *arguments):
        """The value of one setting as the config process sees it."""
        done = subprocess.run(["doveconf", "-c", self.config_path, "-h", *arguments], check=True,
                              capture_output=True, text=True)
        return done.stdout.strip()

    def stats(self, metric):
        """What a metric counted, as {field: {"count": …, "sum": …, …}}; the field
        "duration" is in microseconds."""
        table = [line.split("\t") for line in self.doveadm("stats", "dump").splitlines()]
        header = table[0]
        rows = [dict(zip(header, row)) for row in table[1:]]
        return {row["field"]: row for row in rows if row["metric_name"] == metric}

    # --- talking to it -------------------------------------------------------

    def imap(self, user, mailbox=None):
        client = imaplib.IMAP4("127.0.0.1", self.imap_port, timeout=60)
        client.login(user, self.password)
        if mailbox is not None:
            status, data = client.select(mailbox)
            if status != "OK":
                raise RuntimeError(f"SELECT {mailbox}: {data}")
        return client

    def pop3(self, user):
        client = poplib.POP3("127.0.0.1", self.pop3_port, timeout=60)
        client.user(user)
        client.pass_(self.password)
        return client

    def lmtp(self):
        return Lmtp(self.lmtp_port)

    def deliver(self, recipients, message, sender="sender@example.org"):
        """One message over LMTP, in a session of its own. Returns {recipient: (code, text)}
        of those that were refused."""
        if isinstance(recipients, str):
            recipients = [recipients]
        with self.lmtp() as client:
            answers = client.send(sender, recipients, message)
        return {user: answer for user, answer in answers.items() if answer[0] != 250}

    def lda(self, user, message, *arguments):
        """One message through dovecot-lda, as an MTA's pipe does. Returns its exit code."""
        return subprocess.run(["/usr/lib/dovecot/dovecot-lda", "-c", self.config_path, "-d", user,
                               *arguments], input=message, check=False).returncode
