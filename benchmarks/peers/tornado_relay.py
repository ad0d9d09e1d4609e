"""The least that a relay on Tornado's WebSocketHandler can do: each message to whom it names."""

import asyncio
import os

import msgspec
import uvloop
from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Peer(WebSocketHandler):
    """One connection, and so one user."""

    def initialize(self, users: dict[str, "Peer"]) -> None:
        self._users = users
        self._name = ""

    def check_origin(self, origin: str) -> bool:
        return True

    def open(self, *args: str, **kwargs: str) -> None:
        self.set_nodelay(True)
        self._name = f"user{len(self._users)}"
        self._users[self._name] = self
        self.tell("session", {"userID": self._name})

    def on_message(self, message: str | bytes) -> None:
        data = msgspec.json.decode(message)["data"]
        if recipient := self._users.get(data["to"]):
            sent = {"content": data["content"], "from": self._name, "to": data["to"]}
            recipient.tell("private message", sent)

    def tell(self, name: str, data: dict[str, str]) -> None:
        self.write_message(msgspec.json.encode({"event": name, "data": data}).decode())


async def main() -> None:
    users: dict[str, Peer] = {}
    Application([("/ws", Peer, {"users": users})]).listen(int(os.environ["PORT"]), "127.0.0.1")
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
