"""The way out of one connection: one ordered path, whatever the transport is just now."""

from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING

from tornadochat.transports.sio.outbox import Outbox

if TYPE_CHECKING:
    from tornadochat.transports.framing import FramedWebSocketHandler


class Stage(Enum):
    """Where packets go, and what the WebSocket is expected to say next."""

    POLLING = auto()
    PROBE = auto()
    UPGRADE = auto()
    OPEN = auto()


class Wire:
    """Packets are queued for a poll until the WebSocket is open, and from that turn on written to it."""

    def __init__(self, queue: deque[str | bytes]) -> None:
        self.stage = Stage.POLLING
        self.outbox = Outbox(queue)
        self.ws: FramedWebSocketHandler | None = None

    def send(self, packets: tuple[str | bytes, ...]) -> None:
        """Send in order: `str` is a packet, `bytes` a binary message."""
        if self.stage is Stage.OPEN:
            self._write(packets)
        else:
            self.outbox.add(packets)

    def _write(self, packets: tuple[str | bytes, ...]) -> None:
        assert self.ws is not None, "an open stage has a WebSocket"
        texts = [packet for packet in packets if isinstance(packet, str)]
        if len(texts) == len(packets):
            if texts:
                self.ws.send_text(*texts)
            return
        for packet in packets:
            if isinstance(packet, bytes):
                self.ws.send_binary(packet)
            else:
                self.ws.send_text(packet)

    def start_upgrade(self, ws: "FramedWebSocketHandler") -> None:
        """A WebSocket is there; it has to prove itself, and packets stay where they are."""
        self.ws, self.stage = ws, Stage.PROBE

    def proven(self) -> None:
        """The probe has come: it is answered, and the pending poll let go."""
        assert self.ws is not None, "a probe comes from a WebSocket"
        self.stage = Stage.UPGRADE
        self.ws.send_text("3probe")
        self.outbox.wake()

    def attach(self, ws: "FramedWebSocketHandler") -> None:
        """From here on everything is written, beginning with what was queued: nothing can overtake it."""
        self.ws, self.stage = ws, Stage.OPEN
        self._write(tuple(self.outbox.take_all()))
        self.outbox.wake()

    def detach(self) -> "FramedWebSocketHandler | None":
        """Back to polling; what was queued meanwhile goes to the poll."""
        ws, self.ws, self.stage = self.ws, None, Stage.POLLING
        if self.outbox:
            self.outbox.wake()
        return ws

    @property
    def buffered(self) -> int:
        """Bytes accepted and not yet given to the kernel or to the answer of a poll."""
        return self.outbox.size + (self.ws.buffered if self.ws is not None else 0)

    @property
    def sent(self) -> int:
        """Bytes that have left so far; only its growth means something."""
        return self.outbox.taken + (self.ws.sent if self.ws is not None else 0)

    async def drained(self) -> None:
        """Return when what has been accepted up to now has left, or there is no way out any more."""
        await self.outbox.emptied()
        if self.ws is not None:
            await self.ws.drained()
