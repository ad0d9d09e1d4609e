"""What the figures have in common: a row of the table, a server that may be killed, and how it is looked at.

A figure is a module with `def run(options: Options) -> list[Row]`, and `if __name__ == "__main__":
main(run)` at its end.
"""

import argparse
import math
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from benchmarks import machine

HOUSE = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 30.0
STOP_SECONDS = 20.0
MIB = 1024 * 1024
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Row:
    """One line of the table: a figure, what was found, and whether it is met."""

    number: int
    what: str
    bound: str
    value: str
    met: bool


@dataclass(frozen=True)
class Options:
    """How much of a figure is wanted. `scale` shortens long ones; only 1 is the figure itself."""

    scale: float = 1.0
    tree: Path = HOUSE

    def times(self, count: int) -> int:
        """So many at this scale, but one at least."""
        return max(1, round(count * self.scale))


Run = Callable[[Options], list[Row]]


def text(rows: Sequence[Row]) -> str:
    """The rows as a table."""
    lines = [("#", "what", "bound", "value", "")]
    lines += [(str(r.number), r.what, r.bound, r.value, "met" if r.met else "NOT MET") for r in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def main(run: Run) -> None:
    """The command line of one figure. Exits with 1 if a bound was not met."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of the load; only 1 is the figure itself")
    parser.add_argument("--tree", type=Path, default=HOUSE, help="another working tree of tornadochat")
    given = parser.parse_args()
    machine.raise_file_limit()
    rows = run(Options(given.scale, given.tree.resolve()))
    print(text(rows), flush=True)
    sys.exit(0 if all(row.met for row in rows) else 1)


@dataclass
class ServerProcess:
    """`python -m tornadochat` on one store and one port, started as often as needed.

    `settings` as for `--set`; `files`: the limit of open files, soft and hard alike; `module`: what is run.
    """

    folder: Path
    settings: Mapping[str, object] = field(default_factory=dict)
    files: int | None = None
    environment: Mapping[str, str] | None = None
    tree: Path = HOUSE
    module: str = "tornadochat"
    port: int = field(default_factory=machine.free_port)
    process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """Of the last start."""
        assert self.process is not None
        return self.process.pid

    @property
    def log(self) -> Path:
        """What it wrote to standard error, over all starts."""
        return self.folder / "server.log"

    def start(self) -> None:
        """Returns when it has printed its ready line. Raises RuntimeError with what it said instead."""
        config = self.folder / "config.yaml"
        tree: dict[str, dict[str, object]] = {}
        for key, value in (
            {"server.port": self.port, "store.url": "sqlite:///chat.db"} | dict(self.settings)
        ).items():
            section, _, name = key.partition(".")
            tree.setdefault(section, {})[name] = value
        config.write_text(yaml.safe_dump(tree))
        # A shell sets the limit before it becomes the server: nothing runs between fork and exec here.
        limit = [] if self.files is None else ["sh", "-c", f'ulimit -n {self.files}; exec "$@"', "sh"]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*limit, sys.executable, "-m", self.module, "--config", str(config)],
                cwd=self.tree,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        if "ready" not in self._line():
            self.stop()
            raise RuntimeError(f"the server did not start: {self.log.read_text()[-500:]}")

    def _line(self) -> str:
        assert self.process is not None
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], START_SECONDS)
        return self.process.stdout.readline() if ready else ""

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def terminate(self) -> tuple[int, float]:
        """SIGTERM; gives the exit code, and the seconds that it took."""
        began = time.monotonic()
        code = self._end(signal.SIGTERM)
        return code, time.monotonic() - began

    def _end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(STOP_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def stop(self) -> None:
        """Ends it if it still runs."""
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def memory(self) -> int:
        """Bytes that it holds in memory (resident set)."""
        # Not by `machine.memory_bytes`, which goes through all processes: this is asked often.
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * PAGE

    def cpu(self) -> float:
        """Seconds of CPU that it has used, threads included."""
        return machine.cpu_seconds(self.pid)


@contextmanager
def serving(
    settings: Mapping[str, object] | None = None, *, files: int | None = None, tree: Path = HOUSE
) -> Iterator[ServerProcess]:
    """A server on a store of its own, started; gone at the end."""
    with tempfile.TemporaryDirectory(prefix="tornadochat-reliability-") as folder:
        server = ServerProcess(Path(folder), settings or {}, files, tree=tree)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which so many percent of them lie; of none, infinity."""
    if not values:
        return math.inf
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


class Watch:
    """The most memory that a server holds while this is entered; a thread looks every few milliseconds."""

    def __init__(self, server: ServerProcess, every: float = 0.02) -> None:
        self._server = server
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.base = self.most = server.memory()

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(self._every):
            self.most = max(self.most, self._server.memory())

    @property
    def grown(self) -> int:
        """By how many bytes."""
        return self.most - self.base
