"""A real socket.io-client in Node, driven from a test."""

import asyncio
import itertools
import json
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

from tests.support.clients import PATIENCE

PROGRAMS = Path(__file__).parent.parent / "node"
PEER = PROGRAMS / "peer.mjs"
CROWD = PROGRAMS / "crowd.mjs"
LIBRARIES = ("socket.io-client", "socket.io-client-3")
"""The 4.x client, and the 3.x one under its alias in tests/node/package.json."""


class JavaScriptPeer:
    """One page of the guide's client."""

    def __init__(self, node: Path, url: str, library: str, transports: str = "polling,websocket") -> None:
        self._command: tuple[str, ...] = (str(node), str(PEER), url, library)
        self._transports = transports
        self._acks = itertools.count()
        self._told: list[tuple[str, Any]] = []
        self._process: Process

    async def start(self, **auth: str) -> None:
        """Loads the page."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command, json.dumps(auth), self._transports, stdin=PIPE, stdout=PIPE, cwd=PROGRAMS
        )

    async def hear(self, what: str, patience: float = PATIENCE) -> Any:
        """The data of the next happening of that kind; earlier ones of other kinds are kept."""
        for index, (kind, data) in enumerate(self._told):
            if kind == what:
                del self._told[index]
                return data
        async with asyncio.timeout(patience):
            while True:
                kind, data = await self._next()
                if kind == what:
                    return data
                self._told.append((kind, data))

    def heard(self, what: str) -> list[Any]:
        """What was kept of that kind."""
        return [data for kind, data in self._told if kind == what]

    async def command(self, name: str, data: Any) -> Any:
        """Emits with an acknowledgement, and gives it."""
        number = next(self._acks)
        self._write({"emit": name, "data": data, "ack": number})
        return await self.hear(f"ack {number}")

    def emit(self, name: str, data: Any) -> None:
        """Emits as the guide does."""
        self._write({"emit": name, "data": data})

    async def stop(self) -> None:
        """Closes the page."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await asyncio.wait_for(self._process.wait(), PATIENCE)

    async def _next(self) -> tuple[str, Any]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        assert line, "the page has gone"
        kind, data = json.loads(line)
        return kind, data

    def _write(self, line: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line).encode() + b"\n")


class JavaScriptCrowd(JavaScriptPeer):
    """Many pages, with the library's own options: it tells when all are `in`, and when all are `back`."""

    def __init__(self, node: Path, url: str, count: int) -> None:
        super().__init__(node, url, LIBRARIES[0])
        self._command = (str(node), str(CROWD), url, str(count))
