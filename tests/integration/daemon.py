"""One of our daemons as a process of the test: started, asked about, stopped."""

import atexit
import os
import pathlib
import re
import signal
import socket
import subprocess

from scratch import BUILD, wait_for


# What GLib says of a program that has done wrong, and goes on.
MISTAKES = re.compile("assertion '.*' failed|invalid .* pointer|has no handler with id|invalid object")


class Daemon:
    """A subclass sets program, and gives a short name, by which its files are called."""

    program = None
    source = "notify-bridge"  # its folder
    start_seconds, stop_seconds = 30, 60

    def __init__(self, folder, name):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.socket = self.folder / f"{name}.sock"
        self.config = self.folder / f"{name}.conf"
        self.log = self.folder / f"{name}.log"
        self.ready = self.folder / f"{name}-notify.sock"
        self.process = None

    def start(self, preexec_fn=None, **environment):
        """Returns when it listens."""
        # Readiness is what systemd would be told.
        self.ready.unlink(missing_ok=True)
        ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        ready.bind(str(self.ready))
        ready.settimeout(0.05)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [BUILD / self.source / self.program, "--config", self.config],
                stdout=subprocess.DEVNULL, stderr=log, preexec_fn=preexec_fn,
                env={**os.environ, "NOTIFY_SOCKET": str(self.ready), **environment},
            )
        atexit.register(self.process.kill)  # whatever ends the test

        def is_ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.program} exited: {self.log_text()}")
            try:
                return b"READY=1" in ready.recv(4096)
            except TimeoutError:
                return False

        try:
            wait_for(f"{self.program} to be ready", is_ready, self.start_seconds)
        finally:
            ready.close()
            self.ready.unlink(missing_ok=True)
        return self

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def signal(self, number):
        self.process.send_signal(number)
        if number == signal.SIGSTOP:
            # What is said to it from now on, it finds when it goes on.
            wait_for(f"{self.program} to stop", self._is_stopped)

    def _is_stopped(self):
        states = []
        for path in pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/stat"):
            states.append(path.read_text(encoding="utf-8").rpartition(")")[2].split()[0])
        return set(states) == {"T"}

    def kill(self):
        """As a crash does it; returns when it is gone."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGTERM; asserts that it ended by itself and cleanly."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        status = self.process.wait(self.stop_seconds)
        assert status == 0, f"{self.program} ended with {status}: {self.log_text()[-2000:]}"
        mistake = MISTAKES.search(self.log_text())
        assert mistake is None, f"{self.program} said: {mistake[0]}"

    def is_sanitized(self):
        """Built with AddressSanitizer, which takes memory of its own and keeps what is freed."""
        with open(f"/proc/{self.process.pid}/maps", encoding="ascii") as maps:
            return "libasan" in maps.read()

    def rss_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(text.split()[1]) for text in status if text.startswith("VmRSS:"))

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        # A suite ends with its exit status.
        if kind is None or (kind is SystemExit and not value.code):
            self.stop()
        elif self.process and self.process.poll() is None:
            self.kill()
