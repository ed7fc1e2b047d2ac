"""What a run of the rows of notify_*_test.py found, with stock Dovecot and with Fantail, as
Markdown: rule by rule, and then row by row."""

import re

from dovecot import version as dovecot_version
from notify_rules import FACTS, REQUIREMENTS

WORDS = {"green": "pass", "red": "**fail**", "-": "–"}
LONGEST = 110  # of what a failed row says

HEAD = """# NOTIFY: stock Dovecot and Fantail

Written by `tests/integration/notify_test.py --table=docs/notify-rules.md`, which runs each
row below against both, here Dovecot {version}; not to be edited. What the answers mean to a
client: [imap-notify.md](imap-notify.md).

Each row is a test on the wire, with two or three sessions and real deliveries. "3 of 4" is
how many of a rule's rows pass; a rule holds if all do. "–": there is nothing of the kind to
test. Times are no subject here: [benchmarks.md](benchmarks.md).
"""


def cell(text):
    return re.sub(r"([\\|*_<>\[\]])", r"\\\1", text)


def order(label):
    """D before N: what differs comes first."""
    return label[0], int(label[1:])


def place(row):
    """By the first label; those without one are last."""
    return sorted(map(order, row.labels.split())) or [("~", 0)]


def rows_of(label, rows):
    return [row for row in rows if label in row.labels.split()]


def score(label, rows, results):
    """"3 of 4" of the rows that apply."""
    colours = [results[row].colour for row in rows_of(label, rows) if row in results]
    ran = len(colours) - colours.count("-")
    return f"{colours.count('green')} of {ran}" if ran else "–"


def in_few_words(result):
    """What a row that failed said, without what is other in each run."""
    if result.colour != "red":
        return ""
    text = re.sub(r"\A\[[\w-]+\] ", "", result.text)  # the place
    text = re.sub(r"\A[a-z]\d+: ", "", text)  # the user
    text = re.sub(r" \([\d.]+ \+ [\d.+ ]+secs\)\.?| after \[\]", "", text)
    text = re.sub(r" \(mailboxes zz-f.*?: ", ": ", text)  # the fence
    text = re.sub(r"; but \[\]", "; nothing came", text)
    text = re.sub(r"; last was False| \[\w+\.py:\d+\]$|(?<=: )seed \d+: ", "", text)
    text = re.sub(r":?\n *got  (.*)\n *want (.*)", r": \1, not \2", text, flags=re.DOTALL)
    text = " ".join(text.replace("`", "'").replace("|", r"\|").split())
    if len(text) > LONGEST:
        text = text[:LONGEST].rpartition(" ")[0] + " …"
    return f"`{text}`"


def write(path, rows, results):
    """results: {mode: {row: Result}}, stock's first."""
    def table(out, head, lines):
        out.write(f"\n| {' | '.join(head)} |\n|{'---|' * len(head)}\n")
        out.writelines(f"| {' | '.join(line)} |\n" for line in lines)

    def scores(label):
        return [score(label, rows, found) for found in results.values()]

    def outcomes(row):
        return [WORDS[found[row].colour] if row in found else "?" for found in results.values()]

    stock = next(iter(results.values()))
    columns = ["Stock", "Fantail"]
    with open(path, "w", encoding="utf-8") as out:
        out.write(HEAD.format(version=".".join(map(str, dovecot_version()))))
        out.write("\n## What stock Dovecot does\n")
        table(out, ["", "Stock Dovecot's way", *columns],
              [[label, cell(fact), *scores(label)] for label, fact in FACTS.items()])
        out.write("\n## What RFC 5465 wants\n")
        table(out, ["", "Section", "", "Requirement", *columns],
              [[label, section, level, cell(text), *scores(label)]
               for label, (section, level, text) in REQUIREMENTS.items()])
        out.write("\n## Row by row\n")
        table(out, ["Rules", "Row", *columns, "What came of it with stock"],
              [[" ".join(sorted(row.labels.split(), key=order)), cell(row.sentence),
                *outcomes(row), in_few_words(stock[row]) if row in stock else ""]
               for row in sorted(rows, key=place)])
