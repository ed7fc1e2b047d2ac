"""Where things are, and scratch folders that clean up after themselves.

FANTAIL_BUILD    build folder with fantail-bridge and fantailctl (default: build)
FANTAIL_MODULES  build folder with the Dovecot modules (default: FANTAIL_BUILD)
FANTAIL_KEEP     if set, scratch folders stay, and their names are printed
"""

import atexit
import os
import pathlib
import re
import shutil
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FANTAIL_BUILD", TOP / "build"))
MODULES = pathlib.Path(os.environ.get("FANTAIL_MODULES", BUILD))
MAIL_CORPUS = TOP / "tests" / "corpus" / "mail"


def scratch_dir(name):
    """A new folder under /tmp that others may pass through (mail users do)."""
    path = pathlib.Path(tempfile.mkdtemp(prefix=f"fantail-{name}-"))
    path.chmod(0o755)
    if os.environ.get("FANTAIL_KEEP"):
        print(f"# scratch: {path}", file=sys.stderr)
    else:
        atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def wait_for(what, condition, seconds=30.0):
    """Calls condition() until it gives something true; that is returned."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.01)


def limit(name):
    """A plain number of lib/limits.h."""
    text = (TOP / "lib" / "limits.h").read_text()
    return int(re.search(rf"^#define {name} (\d+)$", text, re.MULTILINE)[1])
