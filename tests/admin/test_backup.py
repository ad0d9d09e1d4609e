"""A backup is whole, verified and private, or it is not there."""

import contextlib
import os
import resource
import sqlite3
import stat
from pathlib import Path

import pytest

from tests.admin.house import Terminal, add, damage, files, indexed, make, messages, unseen, watched
from tornadochat.admin import AdminError
from tornadochat.admin.backup import backup
from tornadochat.admin.progress import Progress


@pytest.fixture
def database(tmp_path: Path) -> Path:
    folder = tmp_path / "live"
    folder.mkdir()
    make(folder / "chat.db", "one", "two")
    return folder / "chat.db"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "kept"
    folder.mkdir()
    return folder / "chat.backup"


def take(database: Path, target: Path, *, force: bool = False) -> str:
    return str(backup(database, target, force=force, progress=unseen()))


def refusal(database: Path, target: Path, *, force: bool = False) -> str:
    with pytest.raises(AdminError) as caught:
        take(database, target, force=force)
    return str(caught.value)


def test_a_backup_is_one_private_file_with_everything(database: Path, target: Path) -> None:
    told = take(database, target)
    assert told.startswith("2 users, 2 messages, ")
    assert files(target.parent) == ["chat.backup"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert messages(target) == ["one", "two"]
    assert target.read_bytes()[18:20] == b"\1\1", "it is of the kind that needs no file beside it"


def test_what_is_only_in_the_write_ahead_log_is_in_the_backup(database: Path, target: Path) -> None:
    with contextlib.closing(sqlite3.connect(database)) as server:
        add(server, "three")
        assert database.with_name("chat.db-wal").stat().st_size
        take(database, target)
    assert messages(target) == ["one", "two", "three"]


def test_what_is_in_the_indexes_and_what_is_not_yet_stay_so(database: Path, target: Path) -> None:
    with contextlib.closing(sqlite3.connect(database)) as server:
        with server:
            server.execute("UPDATE indexing SET number = 1")
        take(database, target)
        with contextlib.closing(sqlite3.connect(target)) as copied:
            assert list(copied.iterdump()) == list(server.iterdump())
    assert indexed(target) == (["one"], ["one"], ["one"], 1)


def test_writes_during_the_copy_neither_begin_it_anew_nor_get_in(database: Path, target: Path) -> None:
    class Busy(Progress):
        """Writes as often as it is told how far the copy is."""

        looks = 0

        def advance(self, done: int, total: int) -> None:
            self.looks += 1
            add(server, f"during {self.looks}")

    with contextlib.closing(sqlite3.connect(database)) as server:
        add(server, *("x" * 9000 for _ in range(1000)))
        before = len(messages(database))
        busy = Busy(Terminal())
        backup(database, target, force=False, progress=busy)
        assert 2 <= busy.looks < 20
        assert len(messages(target)) == before
        assert len(messages(database)) == before + busy.looks


def test_a_file_that_is_there_stays(database: Path, target: Path) -> None:
    target.write_text("precious")
    assert refusal(database, target) == f"{target}: is there already; --force replaces it"
    assert target.read_text() == "precious"
    take(database, target, force=True)
    assert messages(target) == ["one", "two"]
    assert files(target.parent) == ["chat.backup"]


def test_a_file_that_comes_meanwhile_stays(database: Path, target: Path) -> None:
    class Rival(Progress):
        def end(self) -> None:
            target.write_text("precious")

    with pytest.raises(AdminError, match="is there already"):
        backup(database, target, force=False, progress=Rival(Terminal()))
    assert target.read_text() == "precious"
    assert files(target.parent) == ["chat.backup"]


@pytest.mark.parametrize("end", ["", "-wal", "-shm", "-journal", "-lock"])
def test_no_force_replaces_the_database_itself(database: Path, end: str) -> None:
    target = database.with_name(database.name + end)
    assert refusal(database, target, force=True) == f"{target}: belongs to the database itself"
    assert messages(database) == ["one", "two"]


def test_the_database_is_recognised_by_another_name(database: Path, target: Path) -> None:
    os.link(database, target)
    assert "belongs to the database itself" in refusal(database, target, force=True)
    target.unlink()
    target.symlink_to(database)
    assert "belongs to the database itself" in refusal(database, target, force=True)


def test_a_damaged_database_gives_no_backup(database: Path, target: Path) -> None:
    take(database, target)
    damage(database)
    told = refusal(database, target, force=True)
    assert "malformed" in told or "damaged" in told
    assert messages(target) == ["one", "two"]
    assert files(target.parent) == ["chat.backup"]


def test_what_is_no_database_of_tornadochat_gives_no_backup(database: Path, target: Path) -> None:
    other = database.with_name("other.db")
    with contextlib.closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE t (x)")
    assert refusal(other, target) == f"{other}: no database of tornadochat"
    other.write_text("something else, and longer than a hundred bytes" * 10)
    assert refusal(other, target) == f"{other}: file is not a database"
    assert refusal(other.with_name("none.db"), target) == f"{other.parent}/none.db: No such file or directory"
    assert files(target.parent) == []


def test_a_place_where_it_cannot_be_is_named(database: Path, target: Path) -> None:
    assert refusal(database, target.parent) == f"{target.parent}: Is a directory"
    told = refusal(database, target.parent / "none" / "x")
    assert told == f"{target.parent}/none: No such file or directory"


def test_what_is_no_file_is_never_replaced(database: Path, target: Path) -> None:
    os.mkfifo(target)
    assert refusal(database, target, force=True) == f"{target}: is no file"
    assert stat.S_ISFIFO(target.stat().st_mode)


def test_a_full_disk_leaves_nothing_behind(database: Path, target: Path) -> None:
    with contextlib.closing(sqlite3.connect(database)) as server:
        add(server, *("x" * 9000 for _ in range(100)))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        assert refusal(database, target).startswith(f"{target.parent}: ")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert files(target.parent) == []


def test_a_long_copy_is_told_on_a_terminal(database: Path, target: Path) -> None:
    screen = Terminal()
    backup(database, target, force=False, progress=watched(screen))
    assert "copying: " in screen.getvalue() and "100 %" in screen.getvalue()
    assert screen.getvalue().endswith("\r\x1b[K")


def test_an_interrupt_leaves_nothing_behind(database: Path, target: Path) -> None:
    class WhileCopying(Progress):
        def advance(self, done: int, total: int) -> None:
            raise KeyboardInterrupt

    class WhileChecking(Progress):
        def tick(self) -> None:
            raise KeyboardInterrupt

    with contextlib.closing(sqlite3.connect(database)) as server:
        add(server, *("x" for _ in range(5000)))
    for impatient in (WhileCopying, WhileChecking):
        with pytest.raises(KeyboardInterrupt):
            backup(database, target, force=False, progress=impatient(Terminal()))
        assert files(target.parent) == []
