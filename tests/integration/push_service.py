"""Starts tests/fakes/push-service.mjs and makes certificates for it."""

import atexit
import json
import os
import ssl
import subprocess
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPT = os.path.join(HERE, "..", "fakes", "push-service.mjs")


class Authority:
    """A CA of our own in a folder."""

    def __init__(self, folder, name="ca"):
        self.folder = folder
        self.name = name
        self.ca = os.path.join(folder, f"{name}.pem")
        self.ca_key = os.path.join(folder, f"{name}.key")
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-keyout", self.ca_key, "-out", self.ca, "-days", "2",
                      "-subj", f"/CN=test {name}",
                      "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # for Python 3.13

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    def issue(self, name, alternatives):
        """alternatives: "DNS:localhost,IP:127.0.0.1"; returns (key, certificate)."""
        base = os.path.join(self.folder, f"{self.name}-{name}")
        with open(f"{base}.ext", "w", encoding="ascii") as file:
            file.write(f"subjectAltName={alternatives}\n")
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-keyout", f"{base}.key", "-out", f"{base}.csr", "-subj", f"/CN={name}")
        self._openssl("x509", "-req", "-in", f"{base}.csr", "-CA", self.ca, "-CAkey", self.ca_key,
                      "-CAcreateserial", "-days", "2", "-extfile", f"{base}.ext",
                      "-out", f"{base}.pem")
        return f"{base}.key", f"{base}.pem"


class PushService:
    """One running fake; a context manager."""

    def __init__(self, folder, pair=None, options=(), ca=None):
        self.log = os.path.join(folder, f"requests-{os.urandom(4).hex()}.jsonl")
        open(self.log, "w", encoding="utf-8").close()
        self.plain = "--plain" in options
        arguments = ["node", SCRIPT, "--log", self.log, *options]
        if pair is not None:
            arguments += ["--key", pair[0], "--cert", pair[1]]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)  # whatever ends the test
        words = self.process.stdout.readline().split()
        if len(words) != 2 or words[0] != "listening":
            raise RuntimeError("the push service did not start")
        self.port = int(words[1])
        self.origin = f"{'http' if self.plain else 'https'}://localhost:{self.port}"
        self.ca = ca

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()

    def stats(self):
        """Counts up to now; asking counts as a socket."""
        context = None if self.plain else ssl.create_default_context(cafile=self.ca)
        with urllib.request.urlopen(f"{self.origin}/__requests", context=context,
                                    timeout=30) as reply:
            return json.load(reply)

    def requests(self):
        with open(self.log, encoding="utf-8") as file:
            # One that is being written has no end yet.
            return [json.loads(line) for line in file if line.endswith("\n")]
