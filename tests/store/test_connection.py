import sqlite3
from pathlib import Path

import pytest

from tornadochat.store.connection import connect


def test_a_database_that_went_away_is_not_made_anew(path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        connect(path)
    assert not path.exists()
