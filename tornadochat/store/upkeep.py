"""The store's second door: for who keeps its file, by a command, rather than serves from it."""

from pathlib import Path

from alembic.script import ScriptDirectory

from tornadochat.store.claim import Claim, is_claimed, lock_of
from tornadochat.store.errors import StoreError
from tornadochat.store.migrate import migrate, path_of

__all__ = ["Claim", "StoreError", "is_claimed", "lock_of", "migrate", "path_of", "revisions"]


def revisions() -> list[str]:
    """The versions of the schema that this version of tornadochat knows, the newest first."""
    scripts = ScriptDirectory(str(Path(__file__).parent / "migrations"))
    return [script.revision for script in scripts.walk_revisions()]
