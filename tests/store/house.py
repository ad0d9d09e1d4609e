"""A store with a listener that remembers, and connections that fail on demand."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any, Literal

from tornadochat.models import Batch, Draft, Logged, Marked, Marking, MarkKind, Message, Outcome, Stored, User
from tornadochat.store import Store
from tornadochat.store.memory import MemoryStore
from tornadochat.store.sqlite import SQLiteStore

When = Literal["before", "after"]


class House:
    def __init__(self) -> None:
        self.store: Store
        self.batches: list[Batch] = []

    @classmethod
    async def open(cls, path: Path | None, **options: Any) -> "House":
        """A store on a file, or without one in memory."""
        house = cls()
        options = {"listener": house.listen, **options}
        if path is None:
            house.store = MemoryStore(**options)
        else:
            options = {"durability": "normal", **options}
            house.store = await SQLiteStore.open(f"sqlite:///{path}", **options)
        return house

    def listen(self, batch: Batch) -> None:
        self.batches.append(batch)
        for draft, outcome in batch.settled:
            draft.settle(outcome)

    @property
    def heard(self) -> list[Logged]:
        """Everything that the listener was told of, in order."""
        logged: list[Logged] = []
        for batch in self.batches:
            logged += batch.recovered
            for _, outcome in batch.settled:
                if isinstance(outcome, Stored) and not outcome.duplicate:
                    logged.append(outcome.message)
                elif isinstance(outcome, Marked):
                    logged += outcome.marks
        return logged

    @property
    def published(self) -> list[Message]:
        """The messages among it."""
        return [logged for logged in self.heard if isinstance(logged, Message)]

    async def people(self, *names: str) -> list[User]:
        """New users; the secret of each is the name."""
        return [
            (await self.store.create_user(name, secret=name, door="raw", now=1_000)).user for name in names
        ]

    def post(
        self, sender: User, recipient: User, content: str, client_id: str | None = None, connection: int = 1
    ) -> asyncio.Future[Outcome]:
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.store.append(Draft(sender, recipient, content, client_id, connection, outcome.set_result))
        return outcome

    def mark(
        self,
        kind: MarkKind,
        sender: User,
        recipient: User,
        seq: int,
        *,
        private: bool = False,
        connection: int = 1,
    ) -> asyncio.Future[Outcome]:
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        settle = outcome.set_result
        self.store.append(Marking(sender, recipient, kind, seq, private, connection, settle))
        return outcome

    async def send(
        self, sender: User, recipient: User, content: str, client_id: str | None = None
    ) -> Outcome:
        return await self.post(sender, recipient, content, client_id)

    async def said(
        self, sender: User, recipient: User, content: str, client_id: str | None = None
    ) -> Message:
        """Send what must be stored for the first time."""
        outcome = await self.post(sender, recipient, content, client_id)
        assert isinstance(outcome, Stored)
        assert not outcome.duplicate
        return outcome.message


async def together(*outcomes: asyncio.Future[Outcome]) -> list[Outcome]:
    return list(await asyncio.gather(*outcomes))


class Faults:
    """Opens connections that fail where told, once: at a statement that starts so."""

    def __init__(self) -> None:
        self.locked_out = False
        self.redirect: Path | None = None
        self._statement = ""
        self._when: When = "before"
        self._skip = 0

    def fail(self, statement: str, when: When, *, skip: int = 0) -> None:
        self._statement, self._when, self._skip = statement, when, skip

    def connect(self, path: Path) -> sqlite3.Connection:
        if self.locked_out:
            raise sqlite3.OperationalError("unable to open database file")
        connection = sqlite3.connect(
            self.redirect or path, isolation_level=None, check_same_thread=False, factory=FaultyConnection
        )
        connection.faults = self
        return connection

    def due(self, sql: str) -> When | None:
        if not (self._statement and sql.strip().startswith(self._statement)):
            return None
        self._skip -= 1
        if self._skip >= 0:
            return None
        self._statement = ""
        return self._when


class FaultyConnection(sqlite3.Connection):
    faults: Faults

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if not hasattr(self, "faults") or (due := self.faults.due(sql)) is None:
            return super().execute(sql, parameters)
        if due == "after":
            super().execute(sql, parameters)
        raise sqlite3.OperationalError("disk I/O error")
