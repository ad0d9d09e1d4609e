"""Everything durable: users, sessions, and the log of messages and marks."""

from tornadochat.store.folding import folded
from tornadochat.store.migrate import StoreError
from tornadochat.store.store import Store

__all__ = ["Store", "StoreError", "folded"]
