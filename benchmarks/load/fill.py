"""Stores that are full before a server starts, made once and kept for the next run."""

import asyncio
import hashlib
import os
import tempfile
import time
from pathlib import Path

from benchmarks.load.check import Stream
from benchmarks.servers import HOUSE
from tornadochat.models import Batch, Draft, Outcome, User
from tornadochat.store import open_store

READER, WRITER = "secret-of-the-reader", "secret-of-the-writer"
"""With these sessionIDs the two sign in whose conversation is half of the store."""

OTHERS = 500
_AT_ONCE = 5_000


def filled(size: int) -> Path:
    """A database of so many messages, the schema that of this tree."""
    folder = Path(tempfile.gettempdir()) / "tornadochat-bench-stores"
    folder.mkdir(exist_ok=True)
    wanted = folder / f"{_schema()}-{size}.db"
    if not wanted.exists():
        making = folder / f"{wanted.stem}.{os.getpid()}.db"
        asyncio.run(_fill(making, size))
        making.rename(wanted)
        Path(f"{making}-lock").unlink(missing_ok=True)
    return wanted


def _schema() -> str:
    """Names the schema, and how it is filled."""
    versions = sorted((HOUSE / "tornadochat" / "store" / "migrations" / "versions").glob("*.py"))
    texts = [path.read_bytes() for path in (*versions, Path(__file__))]
    return hashlib.sha256(b"".join(texts)).hexdigest()[:12]


async def _fill(path: Path, size: int) -> None:
    store = await open_store(f"sqlite:///{path}", durability="normal", listener=_published)
    now = time.time_ns() // 1_000_000
    reader, writer, *others = [
        (await store.create_user(name, secret=secret, door="raw", now=now)).user
        for name, secret in (
            ("reader", READER),
            ("writer", WRITER),
            *((f"other {number}", f"secret of {number}") for number in range(OTHERS)),
        )
    ]
    stream = Stream("stored")
    for number in range(size):
        # Every second one is between the two, who take turns.
        pair = (
            (reader, writer) if number % 2 == 0 else (others[number % OTHERS], others[number // 2 % OTHERS])
        )
        one, other = pair if number % 4 < 2 else pair[::-1]
        store.append(_draft(one, other, stream.next(0.0).decode()))
        if number % _AT_ONCE == 0:
            await store.flushed()
    await store.flushed()
    await store.close()


def _draft(sender: User, recipient: User, content: str) -> Draft:
    return Draft(sender, recipient, content, client_id=None, connection=0, settle=_settled)


def _published(_batch: Batch) -> None:
    """Nobody is connected."""


def _settled(_outcome: Outcome) -> None:
    """Nobody waits."""
