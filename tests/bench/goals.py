"""Goal lines: goal<TAB>name<TAB>measured<TAB>wanted<TAB>met|missed."""

import sys


class Goals:
    def __init__(self):
        self.rows = []

    def at_least(self, name, measured, wanted, unit=""):
        self._row(name, measured, wanted, measured >= wanted, ">=", unit)

    def at_most(self, name, measured, wanted, unit=""):
        self._row(name, measured, wanted, measured <= wanted, "<=", unit)

    def _row(self, name, measured, wanted, met, sign, unit):
        unit = f" {unit}" if unit else ""
        self.rows.append((name, f"{measured:.6g}{unit}", f"{sign} {wanted:g}{unit}",
                          "met" if met else "missed"))

    def take(self, text):
        """Goal lines that another program printed; the rest is passed on."""
        for line in text.splitlines():
            words = line.split("\t")
            if words[0] == "goal" and len(words) == 5:
                self.rows.append(tuple(words[1:]))
            else:
                print(line)

    def finish(self):
        """Prints the lines; the exit status says whether all were met."""
        sys.stdout.flush()
        for row in self.rows:
            print("goal", *row, sep="\t")
        return 0 if self.rows and all(row[3] == "met" for row in self.rows) else 1


def percentile(values, percent):
    """Nearest rank."""
    ordered = sorted(values)
    rank = max(0, -(-len(ordered) * percent // 100) - 1)
    return ordered[int(rank)]
