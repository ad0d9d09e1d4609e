"""Who is in which room, for one Socket.IO server."""

from collections.abc import Callable
from typing import Any

from socketio import AsyncManager


class NamedRecipients(AsyncManager):
    """A client manager that never takes nobody for everybody, and forgets a client in O(its own rooms)."""

    def __init__(self) -> None:
        super().__init__()
        self._own: dict[tuple[str, str], set[str | None]] = {}

    async def emit(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: Any = None,
        skip_sid: Any = None,
        callback: Callable[..., Any] | None = None,
        to: Any = None,
        **kwargs: Any,
    ) -> None:
        """Emit to the rooms named; `ValueError` if there are none or one has no name."""
        recipients = to or room
        names = recipients if isinstance(recipients, list) else [recipients]
        if not names or not all(isinstance(name, str) and name for name in names):
            raise ValueError("name the recipients: a room, or a list of rooms")
        await super().emit(
            event, data, namespace, room=recipients, skip_sid=skip_sid, callback=callback, **kwargs
        )

    def basic_enter_room(
        self, sid: str, namespace: str, room: str | None, eio_sid: str | None = None
    ) -> None:
        """Remember the room for the client, too."""
        super().basic_enter_room(sid, namespace, room, eio_sid=eio_sid)
        self._own.setdefault((namespace, sid), set()).add(room)

    def basic_leave_room(self, sid: str, namespace: str, room: str | None) -> None:
        """Forget the room for the client, too."""
        super().basic_leave_room(sid, namespace, room)
        if (own := self._own.get((namespace, sid))) is not None:
            own.discard(room)
            if not own:
                del self._own[namespace, sid]

    def basic_disconnect(self, sid: str, namespace: str, **_: Any) -> None:
        """Forget the client: the base class would look through every room there is."""
        for room in list(self._own.get((namespace, sid), ())):
            self.basic_leave_room(sid, namespace, room)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            waiting = pending.get(namespace, [])
            if sid in waiting:
                waiting.remove(sid)
                if not waiting:
                    del pending[namespace]

    def get_rooms(self, sid: str, namespace: str) -> list[str]:
        """The rooms that a client is in."""
        return [room for room in self._own.get((namespace, sid), ()) if room is not None]

    async def trigger_callback(self, sid: str, id: int, data: list[Any]) -> None:
        """Run the callback of an ACK, if one is waiting for it."""
        # Under 0 the base class keeps its counter of ids, which no client may take.
        if id and id in self.callbacks.get(sid, ()):
            await super().trigger_callback(sid, id, data)
