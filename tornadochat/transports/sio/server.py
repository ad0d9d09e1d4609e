"""The Socket.IO server (Socket.IO protocol v5)."""

import asyncio
import logging
from typing import Any, Final

import socketio
from socketio import packet
from socketio.exceptions import ConnectionRefusedError as Refused

from tornadochat.transports.sio.engine import EngineServer, log_failure, quiet_logger
from tornadochat.transports.sio.manager import NamedRecipients
from tornadochat.transports.sio.packet import StrictPacket, TextPacket, Violation
from tornadochat.transports.sio.socket import EngineSocket

_log: Final = logging.getLogger(__name__)
INVALID_NAMESPACE: Final = "Invalid namespace"


class SocketIOServer(socketio.AsyncServer):
    """python-socketio's server, strict: a client that breaks the protocol loses its transport.

    Meant to be overridden: `_handle_connect`, `_handle_event`, `_trigger_event`; see `connection` for what
    a handler can do with the connection beneath. Connect handlers take `(sid, environ, auth)`, with `auth`
    None or an object; disconnect handlers take `(sid, reason)`.
    """

    eio: EngineServer
    manager: NamedRecipients
    environ: dict[str, dict[str, Any]]

    def __init__(
        self, *, connect_timeout: float = 10, packets: type[StrictPacket] = TextPacket, **options: Any
    ) -> None:
        """`options` are those of `socketio.AsyncServer` and `EngineServer`."""
        super().__init__(
            client_manager=NamedRecipients(),
            serializer=packets,
            logger=quiet_logger("tornadochat.socketio"),
            async_handlers=False,
            binary=packets.uses_binary_events,
            **options,
        )
        self._connect_timeout = connect_timeout
        self._deadlines: dict[str, asyncio.TimerHandle] = {}

    def _engineio_server_class(self) -> type[EngineServer]:
        return EngineServer

    def connection(self, eio_sid: str) -> EngineSocket | None:
        """The Engine.IO connection, unless it has gone."""
        return self.eio.sockets.get(eio_sid)

    def connected(self, eio_sid: str) -> bool:
        """Whether any namespace is connected, or being connected, over this Engine.IO connection."""
        return any(self.manager.sid_from_eio_sid(eio_sid, ns) for ns in self.manager.get_namespaces())

    # Packets

    async def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        pkt = self._decode(eio_sid, data)
        if pkt is None:
            return
        namespace = pkt.namespace or "/"
        if pkt.packet_type == packet.CONNECT:
            await self._handle_connect(eio_sid, namespace, pkt.data)
        elif pkt.packet_type == packet.DISCONNECT:
            await self._handle_disconnect(eio_sid, namespace, self.reason.CLIENT_DISCONNECT)
        elif pkt.packet_type in (packet.EVENT, packet.BINARY_EVENT):
            await self._handle_event(eio_sid, namespace, pkt.id, pkt.data)
        else:
            await self._handle_ack(eio_sid, namespace, pkt.id, pkt.data)
            self._count_idle(eio_sid)

    def _count_idle(self, eio_sid: str) -> None:
        """What is no command costs work all the same, and whoever counts pings bounds it with them."""
        socket = self.connection(eio_sid)
        if socket is not None and socket.pinged is not None:
            socket.pinged()

    def _decode(self, eio_sid: str, data: str | bytes) -> StrictPacket | None:
        """The packet that this message completes, or None while attachments are missing."""
        partial: StrictPacket | None = self._binary_packet.get(eio_sid)
        if isinstance(data, bytes):
            if partial is None:
                raise Violation("an attachment that belongs to nothing")
            if not partial.add_attachment(data):
                return None
            del self._binary_packet[eio_sid]
            return partial
        if partial is not None or not data:
            raise Violation("no packet where one was due")
        pkt: StrictPacket = self.packet_class(encoded_packet=data)
        self._check_namespace(eio_sid, pkt)
        if pkt.attachment_count:
            self._binary_packet[eio_sid] = pkt
            return None
        return pkt

    def _check_namespace(self, eio_sid: str, pkt: StrictPacket) -> None:
        """A namespace is connected first, and once."""
        known = self.manager.sid_from_eio_sid(eio_sid, pkt.namespace) is not None
        if known == (pkt.packet_type == packet.CONNECT):
            raise Violation("a second CONNECT" if known else "a packet for a namespace that is not connected")

    # Connect

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        self._expect_connect(eio_sid)

    async def _handle_connect(self, eio_sid: str, namespace: str, data: dict[str, Any] | None) -> None:
        if self._serves(namespace):
            await super()._handle_connect(eio_sid, namespace, data)
            await self._settle(eio_sid, namespace)
        else:
            refusal = self.packet_class(
                packet.CONNECT_ERROR, data={"message": INVALID_NAMESPACE}, namespace=namespace
            )
            await self._send_packet(eio_sid, refusal)
            self._count_idle(eio_sid)
        if self.connected(eio_sid):
            self._dismiss_deadline(eio_sid)
        elif (socket := self.connection(eio_sid)) is not None:
            # One refusal for each transport: guessing on has its price.
            socket.finish()

    def _serves(self, namespace: str) -> bool:
        served = (self.namespaces, self.handlers, self.namespace_handlers)
        return any(namespace in some for some in served)

    async def _settle(self, eio_sid: str, namespace: str) -> None:
        """One who left while the connect handler ran leaves for good once it has let him in."""
        socket = self.connection(eio_sid)
        if socket is None or socket.closing:
            await super()._handle_disconnect(eio_sid, namespace, self.reason.TRANSPORT_CLOSE)

    def _expect_connect(self, eio_sid: str) -> None:
        self._dismiss_deadline(eio_sid)
        timer = asyncio.get_running_loop().call_later(self._connect_timeout, self._give_up, eio_sid)
        self._deadlines[eio_sid] = timer

    def _dismiss_deadline(self, eio_sid: str) -> None:
        if (timer := self._deadlines.pop(eio_sid, None)) is not None:
            timer.cancel()

    def _give_up(self, eio_sid: str) -> None:
        if (socket := self.connection(eio_sid)) is not None:
            _log.info("%s: closed, no CONNECT in time", socket.sid)
            socket.abort(1008)

    # Disconnect

    async def _handle_disconnect(self, eio_sid: str, namespace: str, reason: str | None = None) -> None:
        await super()._handle_disconnect(eio_sid, namespace, reason)
        self._await_another(eio_sid)

    async def disconnect(self, sid: str, namespace: str | None = None, ignore_queue: bool = False) -> None:
        """Disconnect a client for good: it gets DISCONNECT and does not come back by itself."""
        eio_sid = self.manager.eio_sid_from_sid(sid, namespace or "/")
        await super().disconnect(sid, namespace, ignore_queue)
        if eio_sid is not None:
            self._await_another(eio_sid)

    def _await_another(self, eio_sid: str) -> None:
        socket = self.connection(eio_sid)
        if socket is not None and not socket.closing and not self.connected(eio_sid):
            self._expect_connect(eio_sid)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        self._dismiss_deadline(eio_sid)
        await super()._handle_eio_disconnect(eio_sid, reason)

    # Handlers of the application

    async def _trigger_event(self, event: str, namespace: str, *args: Any) -> Any:
        try:
            return await super()._trigger_event(event, namespace, *args)
        except Exception as failure:
            refused = isinstance(failure, (Refused, ConnectionRefusedError))
            if event == "connect" and refused:
                raise
            log_failure("a handler", failure)
            if event == "connect":
                # python-socketio would let it in after some failures, and run it again after others.
                raise Refused("Internal server error") from None
            return self.not_handled
