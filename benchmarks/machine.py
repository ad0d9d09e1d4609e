"""The machine that is measured on: its cores, its processes as the kernel counts them, its description."""

import os
import platform
import resource
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


class Cores(NamedTuple):
    """Where the servers run, and where the load does."""

    server: int
    load: int


def take_cores() -> Cores:
    """Pins this process, which is the load. Raises SystemExit where there is only one core."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise SystemExit("benchmarks: two cores are needed, one for the servers and one for the load")
    cores = Cores(allowed[0], allowed[1])
    os.sched_setaffinity(0, {cores.load})
    return cores


def raise_file_limit() -> None:
    """As many open files as the machine allows: each connection is one at either end."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def cpu_seconds(root: int) -> float:
    """User and system time of a process with all its threads, and of its children, dead or alive."""
    return sum(ticks for _pid, ticks in _family(root)) / _TICKS


def busy_seconds() -> float:
    """What all cores together have worked since the machine was started, for whomever."""
    first = (_PROC / "stat").read_text().partition("\n")[0]
    # Fields of proc(5): idle and iowait are the fourth and fifth; guests are in user already.
    ticks = [int(field) for field in first.split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / _TICKS


def memory_bytes(root: int) -> int:
    """What a process and its children hold in memory (resident set)."""
    page = os.sysconf("SC_PAGE_SIZE")
    return sum(int((_PROC / str(pid) / "statm").read_text().split()[1]) * page for pid, _ in _family(root))


def description() -> dict[str, str]:
    """What a reader has to know of the machine."""
    return {
        "cpu": f"{_cpu_name()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def _cpu_name() -> str:
    for line in (_PROC / "cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return " ".join(line.partition(":")[2].split())
    return platform.machine()


def _family(root: int) -> Iterator[tuple[int, int]]:
    """Process ids and clock ticks of a process and its descendants, those included that it has buried."""
    stats = {int(path.name): _stat(path) for path in _PROC.iterdir() if path.name.isdigit()}
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        if stat := stats.get(pid):
            # Fields of proc(5), counted from the state: 11 to 14 are utime, stime, cutime and cstime.
            yield pid, sum(int(ticks) for ticks in stat[11:15])
        waiting += [child for child, other in stats.items() if other and int(other[1]) == pid]


def _stat(folder: Path) -> list[str]:
    try:
        text = (folder / "stat").read_text()
    except OSError:  # it has ended between the listing and here
        return []
    # The second field is the name, which may hold anything.
    return text.rpartition(")")[2].split()
