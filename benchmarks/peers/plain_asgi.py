"""The guide's server on python-socketio and uvicorn, as their documentation shows it."""

import os

import socketio
import uvicorn

from benchmarks.peers.plain_guide import guide


class Server(uvicorn.Server):
    """Says when it listens."""

    async def startup(self, sockets: object = None) -> None:
        await super().startup()
        print("ready", flush=True)


if __name__ == "__main__":
    app = socketio.ASGIApp(guide("asgi"))
    Server(uvicorn.Config(app, "127.0.0.1", int(os.environ["PORT"]), log_level="warning")).run()
