#!/usr/bin/env python3
"""scripts/bench crash: kill -9 of the bridge under load; tests/crash/bridge_crash.py counts."""

import pathlib
import re
import subprocess
import sys

from goals import Goals

kills = 50 if "--quick" in sys.argv else 1000
driver = pathlib.Path(__file__).resolve().parents[1] / "crash" / "bridge_crash.py"
process = subprocess.Popen([sys.executable, driver, "--kills", str(kills)],
                           stdout=subprocess.PIPE, text=True)
text = ""
for row in process.stdout:
    print(row, end="", flush=True)
    text += row
process.wait()


def number(pattern, missing=sys.maxsize):
    match = re.search(pattern, text)
    return int(match[1]) if match else missing


goals = Goals()
goals.at_least("crash-kills", kills if process.returncode == 0 else 0, kills)
goals.at_most("crash-acknowledged-lost", number(r"acknowledged, (\d+) lost"), 0)
goals.at_most("crash-databases-unsound", number(r"kills, (\d+) unsound"), 0)
goals.at_most("crash-repeats-without-a-kill", number(r"(\d+) arrived twice"), 0)
goals.at_most("crash-repeats", number(r"(\d+) repeats"), number(r"at most (\d+) could", -1))
sys.exit(goals.finish())
