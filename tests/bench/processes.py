"""What processes have cost so far, from /proc. One that has ended counts as nothing."""

import os
import pathlib

PROC = pathlib.Path("/proc")


def _status(pid):
    text = (PROC / str(pid) / "status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def _name(pid):
    return (PROC / str(pid) / "comm").read_text().strip()


def children(parent, called=None):
    """Of that process, those of that name; or all."""
    found = []
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if called in (None, _name(entry.name)) and \
                    int(_status(entry.name)["PPid"]) == parent:
                found.append(int(entry.name))
        except (OSError, KeyError):
            pass
    return found


def cpu_seconds(pids):
    """User and system, in nanoseconds' steps: /proc/PID/stat has but hundredths."""
    total = 0
    for pid in pids:
        try:
            total += int((PROC / str(pid) / "schedstat").read_text().split()[0])
        except OSError:
            pass
    return total / 1e9


def wake_ups(pids):
    """{pid: how often it has waited for something}."""
    found = {}
    for pid in pids:
        try:
            found[pid] = int(_status(pid)["voluntary_ctxt_switches"])
        except OSError:
            pass
    return found


def pss_kib(pid):
    """Its own memory, and its share of what it shares."""
    for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise RuntimeError(f"no Pss of {pid}")


def pss_by_name(pids):
    """{name: KiB of all processes of that name}."""
    found = {}
    for pid in pids:
        try:
            name, kib = _name(pid), pss_kib(pid)
        except OSError:
            continue
        found[name] = found.get(name, 0) + kib
    return found


def inotify_instances(pids):
    count = 0
    for pid in pids:
        try:
            links = [os.readlink(entry) for entry in (PROC / str(pid) / "fd").iterdir()]
        except OSError:
            continue
        count += links.count("anon_inode:inotify")
    return count
