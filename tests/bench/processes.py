"""What processes have cost so far, from /proc. One that has ended counts as nothing."""

import os
import pathlib
import time

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


def total_cpu(pids):
    """User and system of all threads, and of children that have ended; their own as fine
    as the kernel counts, the children's in hundredths."""
    total = 0
    for pid in pids:
        try:
            fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
            total += time.clock_gettime((~pid << 3) | 2)  # its CPU clock, clock_getcpuclockid()
            total += (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            pass
    return total


def of_home(home):
    """Whose environment has that HOME."""
    wanted = b"HOME=" + os.fsencode(home)
    found = []
    for entry in PROC.iterdir():
        try:
            if entry.name.isdigit() and wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            pass
    return found


def peak_rss_kib(pid):
    return int(_status(pid)["VmHWM"].split()[0])


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


def pss_or_0(pid):
    """As pss_kib(), of one that may have ended."""
    try:
        return pss_kib(pid)
    except (OSError, RuntimeError):
        return 0


def inotify_instances(pids):
    count = 0
    for pid in pids:
        try:
            links = [os.readlink(entry) for entry in (PROC / str(pid) / "fd").iterdir()]
        except OSError:
            continue
        count += links.count("anon_inode:inotify")
    return count
