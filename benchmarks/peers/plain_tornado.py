"""The guide's server on python-socketio and Tornado, as their documentation shows it."""

import asyncio
import os

import socketio
from tornado.web import Application

from benchmarks.peers.plain_guide import guide


async def main() -> None:
    sio = guide("tornado")
    Application([("/socket.io/", socketio.get_tornado_handler(sio))]).listen(
        int(os.environ["PORT"]), "127.0.0.1"
    )
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
