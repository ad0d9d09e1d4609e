"""The throwaway server: a process of its own, in a directory of its own, that can be killed."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Final

import tornadochat

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 10.0
GRACE_SECONDS: Final = 2.0

# Short times, so that a run of seconds meets what takes a server minutes. And rates of a crowd, since all
# come from one address: no client may be refused for what the strangers do.
CONFIG: Final = """\
store: {{url: 'sqlite:///{folder}/chat.db'}}
server: {{address: 127.0.0.1}}
presence: {{grace: {grace}s}}
heartbeat: {{interval: 2s, timeout: 4s}}
limits:
  identify: 3s
  stalled: 8s
  rates: {{per_address: 1000, connects: 100000 per 10s, guesses: 100000 per 10s}}
"""
READY: Final = re.compile(rb" http://127\.0\.0\.1:(\d+)/")
# As the server logs them, and as Python does where the server no longer can.
ERROR: Final = re.compile(r"^(?:\S+ (?:error|critical) |Traceback ).*", re.MULTILINE)


class CannotStart(Exception):
    """The server did not come up; the text says why."""


class Server:
    """`python -m tornadochat` on one store and one port, started as often as needed."""

    def __init__(self, folder: Path) -> None:
        self.port = 0
        self.starts = 0
        self.faults: list[str] = []
        """What it did that it may not: die by itself, stop late or badly, log an error."""
        self._config = folder / "config.yaml"
        self._config.write_text(CONFIG.format(folder=folder, grace=GRACE_SECONDS))
        self._log = folder / "server.log"
        self._process: Process | None = None

    async def start(self) -> None:
        """Returns when it has printed its ready line. Raises CannotStart."""
        command = [sys.executable, "-m", "tornadochat", "--config", str(self._config)]
        command += ["--set", f"server.port={self.port}"]
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=subprocess.DEVNULL, stdout=PIPE, stderr=log, env=_environment()
            )
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), START_SECONDS)
        except TimeoutError:
            line = b""
        ready = READY.search(line)
        if ready is None:
            await self.stop()
            said = self._log.read_text(errors="replace").strip()[-2000:]
            raise CannotStart(f"the server did not start\n{said}")
        self.port = int(ready[1])
        self.starts += 1

    async def kill(self) -> None:
        """kill -9."""
        await self._signal(signal.SIGKILL)

    async def terminate(self) -> None:
        """SIGTERM: it has to end in good order, and in time."""
        began = time.monotonic()
        code = await self._signal(signal.SIGTERM)
        seconds = time.monotonic() - began
        if code not in (0, None):
            self.faults.append(f"ended with {code} after SIGTERM")
        if seconds > STOP_SECONDS:
            self.faults.append(f"took {seconds:.1f} s to end after SIGTERM")

    async def stop(self) -> None:
        """Ends it if it still runs."""
        if self._process is not None and self._process.returncode is None:
            _kill(self._process, signal.SIGKILL)
            await self._process.wait()

    def memory(self) -> int:
        """What it holds in memory (RSS), in bytes; 0 where that cannot be told."""
        if self._process is None or self._process.returncode is not None:
            return 0
        try:
            pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            return self._memory_by_ps()

    def complaints(self) -> list[str]:
        """Its faults, and the errors in its log."""
        logged = ERROR.findall(self._log.read_text(errors="replace"))
        return [*self.faults, *([f"logged {len(logged)} errors: {logged[0]} …"] if logged else [])]

    async def _signal(self, number: signal.Signals) -> int | None:
        """Ends it by a signal; its exit code, or None if there was nothing left to end."""
        process = self._process
        assert process is not None
        if process.returncode is not None:
            self.faults.append(f"had ended by itself with {process.returncode}")
            return None
        _kill(process, number)
        try:
            return await asyncio.wait_for(process.wait(), 2 * STOP_SECONDS)
        except TimeoutError:
            await self.stop()
            return process.returncode

    def _memory_by_ps(self) -> int:
        assert self._process is not None
        command = ["ps", "-o", "rss=", "-p", str(self._process.pid)]
        try:
            said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5).stdout
            return int(said) * 1024
        except (OSError, ValueError):
            return 0


def _kill(process: Process, number: signal.Signals) -> None:
    # Not by its own method: that would reap a process which has just ended, and asyncio miss it.
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, number)


def _environment() -> dict[str, str]:
    """Ours, without the settings of another server, and with the package that this is."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TORNADOCHAT_")}
    root = str(Path(tornadochat.__file__).resolve().parent.parent)
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, (root, kept.get("PYTHONPATH"))))}
