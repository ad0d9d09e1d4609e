"""The way out of one connection: the transport writes to the socket at once, and keeps what does not go."""

import asyncio

from tornadochat.transports.frames import PONG, encode_frame


class Outbound:
    """Writes frames in the order of the calls, and knows how much is waiting."""

    server_terminated: bool  # nothing more may be sent
    _transport: asyncio.Transport | None

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = None
        self._out: asyncio.Transport | None = None  # the transport as long as anything may be sent
        self._accepted = 0
        self.waiting = False  # the transport has something that the kernel would not take
        self._pong: bytes | None = None
        self._leaving: asyncio.Future[None] | None = None

    def _open_out(self, transport: asyncio.Transport) -> None:
        self._transport = self._out = transport
        # With 0, it tells when it begins to keep something and when everything has left.
        transport.set_write_buffer_limits(0)

    def _send_no_more(self) -> None:
        self.server_terminated = True
        self._out = None

    def _close_out(self) -> None:
        self._send_no_more()
        self._transport = self._pong = None
        self.waiting = False
        self._release()

    def send(self, opcode: int, *payloads: bytes) -> None:
        """Frames in one write; nothing after a close frame, nothing to a closed stream."""
        self.write(*[encode_frame(opcode, payload) for payload in payloads])

    def write(self, *frames: bytes) -> None:
        """As `send`, of frames that are complete."""
        out = self._out
        # It may be closing already without having told, and would complain in the log.
        if out is not None and not out.is_closing():
            data = frames[0] if len(frames) == 1 else b"".join(frames)
            self._accepted += len(data)
            out.write(data)

    @property
    def buffered(self) -> int:
        """Bytes not yet given to the kernel."""
        return self._transport.get_write_buffer_size() if self.waiting and self._transport is not None else 0

    @property
    def sent(self) -> int:
        """Bytes given to the kernel so far; only its growth means something."""
        return self._accepted - self.buffered

    def blocked(self) -> None:
        """Something is waiting."""
        self.waiting = True

    def unblocked(self) -> None:
        """Everything has left."""
        self.waiting = False
        self._release()
        if self._pong is not None:
            pong, self._pong = self._pong, None
            self.send(PONG, pong)

    def _answer_ping(self, payload: bytes) -> None:
        if self.waiting:
            self._pong = payload
        else:
            self.send(PONG, payload)

    def _release(self) -> None:
        leaving, self._leaving = self._leaving, None
        if leaving is not None:
            leaving.set_result(None)

    async def drained(self) -> None:
        """Return when what has been accepted up to now has left, or the stream is closed."""
        if self.waiting:
            if self._leaving is None:
                self._leaving = self._loop.create_future()
            # Who waits may give up; the others wait on.
            await asyncio.shield(self._leaving)
