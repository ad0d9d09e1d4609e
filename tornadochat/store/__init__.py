"""Everything durable: users, sessions, and the log of messages and marks."""

from tornadochat.store.errors import StoreError
from tornadochat.store.folding import folded
from tornadochat.store.opening import open_store
from tornadochat.store.store import Store

__all__ = ["Store", "StoreError", "folded", "open_store"]
