"""A server as its users run it: a process of its own that can be killed."""

import asyncio
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

from tests.support.canaries import CANARIES

START_SECONDS = 20.0


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class ServerProcess:
    """`python -m tornadochat` on one store and one port, started as often as needed."""

    def __init__(self, folder: Path, **settings: object) -> None:
        """`settings` as for `--set`, with `__` in the place of the dot."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._config = folder / "config.yaml"
        self._config.write_text(f"store: {{url: 'sqlite:///{folder / 'chat.db'}'}}\n")
        self._log = folder / "server.log"
        CANARIES.watch(self._log)
        self._settings = {"server__port": self.port} | settings
        self._process: Process | None = None

    async def start(self, *program: str, **settings: object) -> None:
        """Returns when it has printed its ready line; `program`: another module and its first words.

        From now on `settings` are in place of some of the first ones.
        """
        self._settings |= settings
        given = [f"{key.replace('__', '.')}={value}" for key, value in self._settings.items()]
        sets = [word for setting in given for word in ("--set", setting)]
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *(program or ("tornadochat",)),
                "--config",
                str(self._config),
                *sets,
                stdout=PIPE,
                stderr=log,
            )
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), START_SECONDS)
        if not line:
            await self._process.wait()
        assert b"ready" in line, self.log()

    @property
    def pid(self) -> int:
        """Of the last start."""
        assert self._process is not None
        return self._process.pid

    async def ended(self) -> int:
        """Waits for it to end by itself; gives the exit code."""
        assert self._process is not None
        return await asyncio.wait_for(self._process.wait(), START_SECONDS)

    async def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def terminate(self) -> int:
        """SIGTERM; gives the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self._process.wait(), START_SECONDS)

    async def stop(self) -> None:
        """Ends it if it still runs."""
        if self._process is not None and self._process.returncode is None:
            await self.kill()

    def log(self) -> str:
        """What it wrote to standard error, over all starts."""
        return self._log.read_text()
