#!/usr/bin/env python3
"""NOTIFY (RFC 5465) row by row: all of notify_*_test.py in one run.

    notify_test.py [--load=SECONDS] [words]     with our plugins, TAP
    notify_test.py --awake [words]              without notify_hibernate_test.py
    notify_test.py --stock [words]              stock Dovecot; red is expected
    notify_test.py --table=FILE [words]         both, and a table of both as Markdown

What the rows are and what their labels mean: notify_rows.py.
"""

import sys

import notify_command_test
import notify_events_test
import notify_hibernate_test
import notify_module_test
import notify_push_test
import notify_safety_test
import notify_selected_test
from notify_rows import Rows
from notify_rules import FACTS, REQUIREMENTS
from tap import equal

AWAKE = (notify_command_test.rows, notify_events_test.rows, notify_selected_test.rows,
         notify_push_test.rows, notify_safety_test.rows, notify_module_test.rows)
rows = Rows("NOTIFY", *AWAKE, notify_hibernate_test.rows)

if __name__ == "__main__":
    tested = {label for row in rows.rows for label in row.labels.split()}
    equal([rule for rule in (*FACTS, *REQUIREMENTS) if rule not in tested], [], "rules without a row")
    if "--awake" in sys.argv[1:]:
        rows = Rows("NOTIFY: awake", *AWAKE)
    rows.main()
