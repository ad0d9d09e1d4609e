"""What delivery needs of a transport: somewhere to put frames, and a way to end."""

from typing import Protocol

from tornadochat.errors import Close
from tornadochat.events import Event
from tornadochat.models import Door


class Transport(Protocol):
    """The outgoing half of one link. Frames leave in the order in which they were sent.

    There is no way to read here: what comes in goes from the transport to dispatch.
    """

    @property
    def door(self) -> Door:
        """Which door the link came through."""
        ...

    @property
    def buffered(self) -> int:
        """Bytes taken by `send` that have not left this process; 0 once the link is gone."""
        ...

    @property
    def sent(self) -> int:
        """Bytes that have left so far: a reader that reads makes this grow."""
        ...

    def send(self, event: Event) -> int:
        """Queues an event; never blocks, never fails: a link that is gone tells by its close.

        Returns what is `buffered` now.
        """
        ...

    async def drained(self) -> None:
        """Returns when nothing is buffered, or the link is gone."""
        ...

    def close(self, reason: Close) -> None:
        """Ends the link in the way that this door's clients understand."""
        ...
