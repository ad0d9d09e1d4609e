"""Which kind of store a `store.url` means."""

import logging
from collections.abc import Callable
from typing import Final

from tornadochat.models import Batch
from tornadochat.store.connection import Durability
from tornadochat.store.memory import MemoryStore
from tornadochat.store.sqlite import SQLiteStore
from tornadochat.store.store import Store

_logger = logging.getLogger("tornadochat.store")

MEMORY: Final = "memory:"


async def open_store(url: str, *, durability: Durability, listener: Callable[[Batch], None]) -> Store:
    """Open the store of a URL, `sqlite:///path` or `memory:`.

    `listener` is called on the loop with every batch, in the order of the log, and settles what is in it.
    Raises StoreError.
    """
    if url == MEMORY:
        _logger.warning("the store is in memory: NOTHING IS KEPT when this process ends")
        return MemoryStore(listener)
    return await SQLiteStore.open(url, durability=durability, listener=listener)
