"""A TCP connection that has a place until its descriptor is closed, by whoever closes it.

An upgraded WebSocket passes from Tornado to another owner, and is a descriptor still: who counts by what
Tornado says of its requests counts too few.
"""

import socket

from tornadochat.places import Places


class Seated(socket.socket):
    """A connection that has a place as long as its descriptor is open; a duplicate has one of its own."""

    __slots__ = ("_address", "_places", "_whose")

    def __init__(self, places: Places, address: str, accepted: socket.socket) -> None:
        """What was accepted gives its descriptor to this, and is not to be used any more."""
        timeout = accepted.gettimeout()
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        self.settimeout(timeout)
        self._places = places
        self._address = address
        self._whose = places.take(address)

    def dup(self) -> "Seated":
        """Another descriptor of the same connection."""
        with socket.socket(self.family, self.type, self.proto, socket.dup(self.fileno())) as other:
            other.settimeout(self.gettimeout())
            return Seated(self._places, self._address, other)

    def close(self) -> None:
        """Closes it. Idempotent."""
        was_open = self.fileno() >= 0
        super().close()
        self._freed(was_open)

    def detach(self) -> int:
        """Gives the descriptor away; nobody counts it from now on."""
        was_open = self.fileno() >= 0
        descriptor = super().detach()
        self._freed(was_open)
        return descriptor

    def _freed(self, was_open: bool) -> None:
        if was_open and self.fileno() < 0:
            self._places.free(self._whose)
