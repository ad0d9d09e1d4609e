"""Marks: how far somebody has received and read a conversation, for them and for the other side."""

from functools import partial

from tornadochat.delivery.connection import Connection
from tornadochat.errors import ChatError, Code
from tornadochat.models import Marking, MarkKind, Outcome, Refused, User
from tornadochat.protocol import Empty, Read, Received
from tornadochat.service.directory import EXISTING, Directory
from tornadochat.service.replies import Reply
from tornadochat.store import Store


class Marks:
    """Gives marks to the log. What they move there, and who hears of it, is settled by the commit."""

    def __init__(self, store: Store, directory: Directory) -> None:
        self._store = store
        self._directory = directory

    def received_now(self, connection: Connection, command: Received, reply: Reply) -> bool:
        """Marks, if the other is at hand; False, and nothing done, if the store must be asked.

        The reply comes after the commit, whether or not the mark moved anything.
        """
        other = self._directory.known(command.with_)
        if other is not None:
            self._mark(connection, other, "received", command.seq, False, reply)
        return other is not None

    async def received(self, connection: Connection, command: Received, reply: Reply) -> None:
        """Marks towards anyone who exists. Raises ChatError `unknown_user` if nobody bears that id."""
        other = await self._directory.get(command.with_, "with")
        self._mark(connection, other, "received", command.seq, False, reply)

    def read_now(self, connection: Connection, command: Read, reply: Reply) -> bool:
        """As `received_now`; with `private` the other side hears no more than that it was received."""
        other = self._directory.known(command.with_)
        if other is not None:
            self._mark(connection, other, "read", command.seq, bool(command.private), reply)
        return other is not None

    async def read(self, connection: Connection, command: Read, reply: Reply) -> None:
        """As `received`."""
        other = await self._directory.get(command.with_, "with")
        self._mark(connection, other, "read", command.seq, bool(command.private), reply)

    def _mark(
        self, connection: Connection, other: User, kind: MarkKind, seq: int, private: bool, reply: Reply
    ) -> None:
        self._store.append(
            Marking(
                sender=connection.user,
                recipient=other,
                kind=kind,
                seq=seq,
                private=private,
                connection=connection.id,
                settle=partial(_answer, reply),
            )
        )


def _answer(reply: Reply, outcome: Outcome) -> None:
    if isinstance(outcome, Refused):
        unknown = outcome.code == "unknown_user"
        field, expected = ("with", EXISTING) if unknown else (None, None)
        reply(ChatError(Code(outcome.code), field=field, expected=expected))
    else:
        reply(Empty())
