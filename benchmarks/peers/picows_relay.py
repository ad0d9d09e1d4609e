"""The least that a relay in Python can do: each message to whom it names, on picows' C framing."""

import os

import msgspec
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server


class Peer(WSListener):
    """One connection, and so one user."""

    def __init__(self, users: dict[str, WSTransport]) -> None:
        self._users = users
        self._name = ""

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._name = f"user{len(self._users)}"
        self._users[self._name] = transport
        transport.send(WSMsgType.TEXT, event("session", {"userID": self._name}))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            return
        data = msgspec.json.decode(frame.get_payload_as_bytes())["data"]
        if recipient := self._users.get(data["to"]):
            message = {"content": data["content"], "from": self._name, "to": data["to"]}
            recipient.send(WSMsgType.TEXT, event("private message", message))


def event(name: str, data: dict[str, str]) -> bytes:
    return msgspec.json.encode({"event": name, "data": data})


async def main() -> None:
    users: dict[str, WSTransport] = {}
    server = await ws_create_server(lambda _request: Peer(users), "127.0.0.1", int(os.environ["PORT"]))
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
