"""Figure 7: 20,000 hostile frames and requests, made from a seed: no traceback, no leak, a quiet log."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import struct
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks.reliability import watched
from benchmarks.reliability.common import Options, Row, ServerProcess, main
from benchmarks.reliability.malice import KINDS, Attack, attacks, frame

SEED: Final = 5
THINGS: Final = 20_000
WARM_UP: Final = 3000
"""What is made once and kept, such as the names of opcodes, is made by these."""
LEAST: Final = 1000
LOG_BYTES: Final = 200
AT_ONCE: Final = 16
ANSWER_SECONDS: Final = 2.0
SETTLE_SECONDS: Final = 8.0
SETTINGS: Final = {
    # What is cut off without a word is noticed soon, so that the end of it is the base again.
    "heartbeat.interval": 1,
    "heartbeat.timeout": 1,
    "limits.identify": 2,
    "presence.grace": 0,
    # One address sends all of it: what is held here is what lies behind the rates.
    "limits.rates": dict.fromkeys(
        [
            "messages",
            "searches",
            "typing",
            "commands",
            "connects",
            "sign_ins",
            "guesses",
            "refusals",
            "pings",
        ],
        "1000000000 per 1s",
    ),
}
TRACE: Final = re.compile(r"^Traceback|^    \s*File |incident [0-9a-f]{8}", re.MULTILINE)


class Enemy:
    """Opens a connection for each attack, as far as its kind wants it, sends, and goes."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._secret = ""

    async def sign_up(self) -> None:
        """One user, whose session all attacks from inside use."""
        reader, writer = await self._upgrade("/ws?username=mallory")
        text = await _until(reader, b'"sessionID":"')
        text += await reader.readuntil(b'"')
        self._secret = text.rpartition(b'"sessionID":"')[2][:-1].decode()
        writer.close()

    async def play(self, attack: Attack) -> None:
        """One attack, to its end."""
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            async with asyncio.timeout(ANSWER_SECONDS):
                if attack.kind == "polling":
                    await self._poll(attack)
                else:
                    await self._stream(attack)

    async def _stream(self, attack: Attack) -> None:
        reader, writer = await self._open(attack.kind)
        try:
            for part in attack.sends:
                writer.write(part)
                await writer.drain()
            if attack.reset:
                _reset_at_close(writer)
            else:
                writer.write_eof()
                while await reader.read(65536):
                    pass
        finally:
            writer.transport.abort() if attack.reset else writer.close()

    async def _open(self, kind: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if kind == "HTTP":
            return await asyncio.open_connection("127.0.0.1", self._port)
        if kind == "raw":
            return await self._upgrade("/ws")
        if kind == "raw, signed in":
            streams = await self._upgrade("/ws", f"Authorization: Bearer {self._secret}\r\n")
            await _until(streams[0], b'"ready"')
            return streams
        streams = await self._upgrade("/socket.io/?EIO=4&transport=websocket")
        if kind == "Socket.IO, signed in":
            streams[1].write(frame(b'40{"sessionID":"%b"}' % self._secret.encode()))
            await _until(streams[0], b'"ready"')
        return streams

    async def _upgrade(
        self, path: str, headers: str = ""
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            f"{headers}\r\n".encode()
        )
        await reader.readuntil(b"\r\n\r\n")
        return reader, writer

    async def _poll(self, attack: Attack) -> None:
        path = "/socket.io/?EIO=4&transport=polling"
        opening = await self._request(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        sid = opening.partition(b'"sid":"')[2].partition(b'"')[0].decode()
        for body in attack.sends:
            await self._request(
                f"POST {path}&sid={sid} HTTP/1.1\r\nHost: localhost\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body,
                cut=attack.reset,
            )

    async def _request(self, request: bytes, *, cut: bool = False) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(request[: len(request) - 1] if cut else request)
            await writer.drain()
            if cut:
                return b""
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"Content-Length: (\d+)", head)
            return await reader.readexactly(int(length[1])) if length else b""
        finally:
            writer.transport.abort() if cut else writer.close()


async def _until(reader: asyncio.StreamReader, mark: bytes) -> bytes:
    return await reader.readuntil(mark)


def _reset_at_close(writer: asyncio.StreamWriter) -> None:
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def storm(enemy: Enemy, kind: str, count: int, seed: int) -> int:
    """So many hostile things of one kind, a few connections at a time; how many were sent."""
    waiting, sent = attacks(seed, kind, count), 0

    async def one_after_another() -> None:
        nonlocal sent
        for attack in waiting:
            await enemy.play(attack)
            sent += len(attack.sends)

    await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
    return sent


class Scales:
    """What the server's process holds: living objects by type, open files, bytes of its log."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._file = server.folder / "living.json"

    def objects(self) -> Counter[str]:
        """By type; open files are one."""
        self._file.unlink(missing_ok=True)
        os.kill(self._server.pid, signal.SIGUSR1)
        end = time.monotonic() + SETTLE_SECONDS
        while not self._file.exists():
            if time.monotonic() > end:
                raise RuntimeError(f"the server does not answer: {self._server.log.read_text()[-500:]}")
            time.sleep(0.05)
        counted: dict[str, int] = msgspec.json.decode(self._file.read_bytes())
        return Counter(counted) + Counter({"open files": len(os.listdir(f"/proc/{self._server.pid}/fd"))})

    def log_bytes(self) -> int:
        """So far."""
        return self._server.log.stat().st_size

    def settled(self, base: Counter[str]) -> Counter[str]:
        """What there is more of than at the base, once nothing of it goes away by itself any more."""
        end = time.monotonic() + SETTLE_SECONDS
        while (more := self.objects() - base) and time.monotonic() < end:
            time.sleep(0.5)
        return more


def run(options: Options) -> list[Row]:
    """The figure."""
    with _watched_server(options) as server:
        scales = Scales(server)
        enemy = Enemy(server.port)
        sent, log = asyncio.run(_everything(enemy, max(LEAST, options.times(WARM_UP)), SEED + 1, scales))
        time.sleep(SETTLE_SECONDS / 2)
        base = scales.objects()
        sent, log = asyncio.run(_everything(enemy, options.times(THINGS), SEED, scales))
        leaked = scales.settled(base)
        text = server.log.read_text()
    traces = len(TRACE.findall(text))
    worst = max(log, key=lambda kind: log[kind] / sent[kind])
    most = log[worst] / sent[worst]
    what = f"{sent.total()} hostile frames and requests"
    return [
        Row(7, f"{what}: tracebacks", "0", str(traces), traces == 0),
        Row(7, f"{what}: leaked objects", "0", _told(leaked), not leaked),
        Row(
            7,
            f"{what}: log for each, worst kind ({worst})",
            f"≤ {LOG_BYTES} B",
            f"{most:.0f} B",
            most <= LOG_BYTES,
        ),
    ]


async def _everything(
    enemy: Enemy, count: int, seed: int, scales: Scales
) -> tuple[Counter[str], Counter[str]]:
    """All kinds after each other: how much was sent of each, and how much it put into the log."""
    await enemy.sign_up()
    sent: Counter[str] = Counter()
    log: Counter[str] = Counter()
    for number, kind in enumerate(KINDS):
        share = (count + number) // len(KINDS)
        before = scales.log_bytes()
        sent[kind] = await storm(enemy, kind, share, seed)
        log[kind] = scales.log_bytes() - before
    return sent, log


def _told(leaked: Counter[str]) -> str:
    most = ", ".join(f"{number} {name}" for name, number in leaked.most_common(5))
    return f"{leaked.total()}: {most}" if leaked else "0"


@contextlib.contextmanager
def _watched_server(options: Options) -> Iterator[ServerProcess]:
    with tempfile.TemporaryDirectory(prefix="tornadochat-hostile-") as folder:
        environment: dict[str, Any] = os.environ | {watched.FILE: str(Path(folder) / "living.json")}
        server = ServerProcess(
            Path(folder), SETTINGS, environment=environment, tree=options.tree, module=watched.__name__
        )
        try:
            server.start()
            yield server
        finally:
            server.stop()


if __name__ == "__main__":
    main(run)
