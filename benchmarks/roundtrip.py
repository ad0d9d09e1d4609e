"""How long one message takes, from sending it to its reply: `python benchmarks/roundtrip.py`.

Starts a throwaway tornadochat with fsync before every reply, and beside it a plain python-socketio
server on Tornado that keeps nothing, and sends private messages to both, one at a time. Needs the `test`
extra; ends by itself.
"""

import argparse
import asyncio
import itertools
import json
import statistics
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import socketio
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import websocket_connect

ADDRESS = "127.0.0.1"
START_SECONDS = 20.0
REPLY_SECONDS = 10.0
LONGEST_SECONDS = 300.0
CONTENT = "a private message of usual length, as people write them by the dozen to one another"

Send = Callable[[], Awaitable[None]]
"""Sends one message and returns when its reply is there."""


class Row(NamedTuple):
    """What is measured: a name, and how to come to a `Send`."""

    name: str
    opened: Callable[[str], Any]
    url: str


# The plain server: what one writes first. Nothing is stored, everyone is in a room of their own.


async def serve_plainly() -> None:
    """Two commands: one is only acknowledged, the other comes back as an event first, as to every tab."""
    sio = socketio.AsyncServer(async_mode="tornado")

    async def acknowledge(sid: str, data: dict[str, Any]) -> dict[str, Any]:
        return {"data": {"id": data["clientID"]}}

    async def tell_and_acknowledge(sid: str, data: dict[str, Any]) -> dict[str, Any]:
        await sio.emit("private message", data, to=sid)
        return {"data": {"id": data["clientID"]}}

    sio.on("acknowledged", acknowledge)
    sio.on("told and acknowledged", tell_and_acknowledge)
    server = HTTPServer(Application([(r"/socket.io/", socketio.get_tornado_handler(sio))]))
    sockets = bind_sockets(0, ADDRESS)
    server.add_sockets(sockets)
    print(f"ready at http://{ADDRESS}:{sockets[0].getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


# Starting and ending both


@asynccontextmanager
async def running(*command: str) -> AsyncIterator[str]:
    """A server in a process of its own; gives its `http://` address, from the line it prints when ready."""
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=PIPE)
    try:
        yield await _address(process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _address(process: Process) -> str:
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
    for word in line.decode().replace(",", " ").split():
        if word.startswith("http://"):
            return word.removesuffix("/socket.io/")
    raise RuntimeError("a server did not start")


# Clients


@asynccontextmanager
async def raw(url: str) -> AsyncIterator[Send]:
    """The raw door; the message goes to oneself, the sending connection gets the reply alone."""
    socket = await websocket_connect(url.replace("http", "ws", 1) + "/ws?username=benchmark")
    user_id = ""
    frame: dict[str, Any] = {}
    while frame.get("event") != "ready":
        frame = await _frame(socket)
        if frame["event"] == "session":
            user_id = frame["data"]["userID"]
    numbers = itertools.count()

    async def send() -> None:
        number = next(numbers)
        data = {"to": user_id, "content": CONTENT, "clientID": f"raw {number}"}
        await socket.write_message(json.dumps({"event": "private message", "id": number, "data": data}))
        reply = await _frame(socket)
        assert reply["reply"] == number, "one command, one reply"
        assert not reply["data"]["duplicate"], "every clientID is new"

    yield send
    socket.close()


async def _frame(socket: Any) -> dict[str, Any]:
    frame: dict[str, Any] = json.loads(await asyncio.wait_for(socket.read_message(), REPLY_SECONDS))
    return frame


def through_socketio(command: str, transport: str, wait_for: str | None) -> Callable[[str], Any]:
    """python-socketio's own client on one transport; `wait_for`: the event after which it is signed in."""

    @asynccontextmanager
    async def opened(url: str) -> AsyncIterator[Send]:
        client = socketio.AsyncClient(reconnection=False)
        signed_in = asyncio.Event()
        told: dict[str, Any] = {"userID": "oneself"}
        client.on("session", told.update)
        client.on(wait_for or "connect", lambda *_: signed_in.set())
        await client.connect(url, auth={"username": "benchmark"}, transports=[transport])
        await asyncio.wait_for(signed_in.wait(), REPLY_SECONDS)
        numbers = itertools.count()

        async def send() -> None:
            data = {"to": told["userID"], "content": CONTENT, "clientID": f"{transport} {next(numbers)}"}
            reply = await client.call(command, data, timeout=REPLY_SECONDS)
            assert "id" in reply["data"], "every message is acknowledged"

        yield send
        await client.disconnect()

    return opened


# Measuring


async def measure(row: Row, messages: int, warm_up: int) -> list[float]:
    """Milliseconds of each round trip, ascending."""
    async with row.opened(row.url) as send:
        for _ in range(warm_up):
            await send()
        times: list[float] = []
        for _ in range(messages):
            started = time.perf_counter()
            await send()
            times.append((time.perf_counter() - started) * 1000)
    return sorted(times)


async def compare(arguments: argparse.Namespace) -> None:
    """Runs everything and prints the table."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=arguments.folder)))
        (folder / "config.yaml").write_text("server: {port: 0}\nstore: {durability: full}\n")
        command = ("-m", "tornadochat", "--config", str(folder / "config.yaml"))
        chat = await stack.enter_async_context(running(*command))
        plain = await stack.enter_async_context(running(__file__, "--plain"))
        websocket, polling = "websocket", "polling"
        message, told = "private message", "told and acknowledged"
        rows = [
            Row("tornadochat, raw", raw, chat),
            Row("tornadochat, Socket.IO, WebSocket", through_socketio(message, websocket, "ready"), chat),
            Row("tornadochat, Socket.IO, polling", through_socketio(message, polling, "ready"), chat),
            Row("plain, WebSocket, reply only", through_socketio("acknowledged", websocket, None), plain),
            Row("plain, WebSocket, event then reply", through_socketio(told, websocket, None), plain),
        ]
        print(f"{arguments.messages} messages each, one at a time; milliseconds from send to reply\n")
        print(f"{'':36} {'p50':>8} {'p99':>8} {'p50, raw = 1':>13}", flush=True)
        first = 0.0
        for row in rows:
            times = await measure(row, arguments.messages, arguments.warm_up)
            middle, late = statistics.median(times), times[int(len(times) * 0.99)]
            first = first or middle
            print(f"{row.name:36} {middle:8.2f} {late:8.2f} {middle / first:13.1f}", flush=True)


async def main(arguments: argparse.Namespace) -> None:
    """The comparison, or the plain server alone."""
    if arguments.plain:
        await serve_plainly()
    else:
        async with asyncio.timeout(LONGEST_SECONDS):
            await compare(arguments)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--messages", type=int, default=300, help="how many to measure (default: 300)")
    parser.add_argument("--warm-up", type=int, default=30, help="how many before that (default: 30)")
    parser.add_argument("--folder", type=Path, help="where the store goes (default: the temporary folder)")
    parser.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
    asyncio.run(main(parser.parse_args()))
