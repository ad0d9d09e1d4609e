"""Asks every 10 ms whether the server still answers."""

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, Process
from types import TracebackType

EVERY = 0.01
_REQUEST = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class Probe:
    """A process of its own beside the load, whose pauses must not count as the server's.

    `/healthz` does nothing but answer: how long that takes is how long the event loop was busy with
    something else. One request at a time, so that no pause is counted twice.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._answers: list[float] = []
        self._process: Process
        self._reading: asyncio.Task[None]

    async def __aenter__(self) -> "Probe":
        command = (sys.executable, "-m", "benchmarks.load.probe", str(self._port))
        self._process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._process.kill()
        await self._process.wait()
        await self._reading

    def take(self) -> list[float]:
        """Seconds of every answer since the last call."""
        answers, self._answers = self._answers, []
        return answers

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._answers.append(float(line))


async def ask(port: int) -> None:
    """Asks for ever; prints the seconds of every answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while True:
        started = time.perf_counter()
        writer.write(_REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].split()[0]
        await reader.readexactly(int(length))
        took = time.perf_counter() - started
        print(f"{took:.6f}", flush=True)
        await asyncio.sleep(max(0.0, EVERY - took))


if __name__ == "__main__":
    asyncio.run(ask(int(sys.argv[1])))
