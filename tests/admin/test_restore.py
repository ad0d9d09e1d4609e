"""A backup in the place of the database, as a new log; the one of before kept; all or nothing."""

import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from tests.admin.house import (
    ALICE,
    BOB,
    ROOM,
    Terminal,
    damage,
    epoch,
    files,
    indexed,
    make,
    messages,
    unseen,
    watched,
)
from tornadochat.admin import AdminError
from tornadochat.admin.restore import Restored, restore
from tornadochat.store.upgrade import alembic_config
from tornadochat.store.upkeep import Claim, revisions

NOW = datetime(2026, 11, 22, 20, 15, 30, tzinfo=UTC)
ASIDE = "chat.db.before-2026-11-22T20-15-30Z"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    folder = tmp_path / "live"
    folder.mkdir()
    make(folder / "chat.db", "later")
    return folder / "chat.db"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    make(tmp_path / "chat.backup", "one", "two")
    return tmp_path / "chat.backup"


def put(database: Path, source: Path) -> Restored:
    return restore(database, source, now=NOW, progress=unseen())


def refusal(database: Path, source: Path) -> str:
    with pytest.raises(AdminError) as caught:
        put(database, source)
    return str(caught.value)


def test_the_backup_is_the_database_and_what_was_there_is_kept(database: Path, source: Path) -> None:
    before = epoch(database)
    restored = put(database, source)
    assert str(restored.contents).startswith("2 users, 2 messages, ")
    assert restored.aside == database.with_name(ASIDE)
    assert messages(database) == ["one", "two"]
    assert (messages(restored.aside), epoch(restored.aside)) == (["later"], before)
    assert files(database.parent) == ["chat.db", "chat.db-lock", ASIDE]
    assert stat.S_IMODE(database.stat().st_mode) == 0o600


def test_a_folder_is_told_to_be_one(database: Path, source: Path) -> None:
    assert refusal(database, source.parent) == f"{source.parent}: Is a directory"


def test_the_restored_database_is_another_log_each_time(database: Path, source: Path) -> None:
    put(database, source)
    first = epoch(database)
    restore(database, source, now=datetime.now(UTC), progress=unseen())
    assert len({epoch(source), first, epoch(database)}) == 3
    assert len(first) == 12


def test_what_was_in_no_index_yet_is_in_all_of_them(database: Path, source: Path) -> None:
    put(database, source)
    assert indexed(database) == (["one", "two"], ["one", "two"], ["one", "two"], 2)
    with contextlib.closing(sqlite3.connect(source)) as untouched:
        assert untouched.execute("SELECT number FROM indexing").fetchone() == (0,)


def test_there_need_be_nothing_in_the_place(database: Path, source: Path) -> None:
    database.unlink()
    # Of a database that somebody has removed by hand.
    database.with_name("chat.db-wal").write_bytes(b"stale")
    assert put(database, source).aside is None
    assert messages(database) == ["one", "two"]
    assert files(database.parent) == ["chat.db", "chat.db-lock"]


def test_what_a_killed_server_left_in_the_log_beside_is_kept_too(database: Path, source: Path) -> None:
    script = (
        "import os, sqlite3, sys; from tests.admin.house import add; "
        "add(sqlite3.connect(sys.argv[1]), 'last'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, str(database)], cwd=ROOT, check=True, timeout=30)
    assert database.with_name("chat.db-wal").stat().st_size
    aside = put(database, source).aside
    assert aside is not None
    assert (messages(database), messages(aside)) == (["one", "two"], ["later", "last"])


def test_a_damaged_database_is_kept_with_what_is_beside_it(database: Path, source: Path) -> None:
    damaged = b"no database at all" * 1000
    database.write_bytes(damaged)
    # SQLite leaves it where it finds no database.
    database.with_name("chat.db-shm").write_bytes(b"beside")
    aside = put(database, source).aside
    assert aside is not None
    assert messages(database) == ["one", "two"]
    assert aside.read_bytes() == damaged
    assert aside.with_name(f"{ASIDE}-shm").read_bytes() == b"beside"
    assert not database.with_name("chat.db-shm").exists()


def test_a_running_server_keeps_its_database(database: Path, source: Path) -> None:
    claim = Claim(database)
    assert refusal(database, source) == f"{database}: in use by a server; stop it first"
    claim.release()
    assert messages(database) == ["later"]
    put(database, source)


def test_another_program_that_has_it_open_keeps_it(database: Path, source: Path) -> None:
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert refusal(database, source) == f"{database}: in use by another program"
    assert messages(database) == ["later"]
    assert files(database.parent) == ["chat.db", "chat.db-lock"]


def test_what_is_no_backup_changes_nothing(database: Path, source: Path) -> None:
    assert refusal(database, database) == f"{database}: is the database itself"
    assert refusal(database, source.with_name("none")) == f"{source.parent}/none: No such file or directory"
    damage(source)
    told = refusal(database, source)
    assert told.startswith(f"{source}: ") and ("damaged" in told or "malformed" in told)
    source.write_text("something else, and longer than a hundred bytes" * 10)
    assert refusal(database, source) == f"{source}: file is not a database"
    source.write_bytes(b"")
    assert refusal(database, source) == f"{source}: no database of tornadochat"
    assert messages(database) == ["later"]
    assert files(database.parent) == ["chat.db", "chat.db-lock"]


def test_a_backup_of_a_newer_version_is_refused(database: Path, source: Path) -> None:
    with contextlib.closing(sqlite3.connect(source)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    told = f"{source}: schema 9999 is of a newer version of tornadochat than this one"
    assert refusal(database, source) == told
    assert messages(database) == ["later"]


def test_a_backup_of_an_older_version_is_brought_up_to_date(database: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.backup"
    engine = sa.create_engine(f"sqlite:///{old}")
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), "0001")
    engine.dispose()
    with contextlib.closing(sqlite3.connect(old)) as earlier, earlier:
        for user, name in ((ALICE, "alice"), (BOB, "bob")):
            earlier.execute("INSERT INTO user VALUES (?, ?, ?, 1)", (user, name, name))
        for number, content in enumerate(("one", "two"), 1):
            values = (number, ROOM, number, ALICE, BOB, content, f"c{number}")
            earlier.execute("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, 1, ?, 0)", values)
    put(database, old)
    assert messages(database) == ["one", "two"]
    assert indexed(database) == (["one", "two"], ["one", "two"], ["one", "two"], 2)
    with contextlib.closing(sqlite3.connect(database)) as restored:
        assert restored.execute("SELECT version_num FROM alembic_version").fetchone() == (revisions()[0],)
    with contextlib.closing(sqlite3.connect(old)) as untouched:
        assert untouched.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)


def test_what_a_killed_restore_left_goes_with_the_next(database: Path, source: Path) -> None:
    database.with_name("chat.db-restoring").write_bytes(b"half")
    database.with_name("chat.db-restoring-wal").write_bytes(b"half")
    os.link(database, database.with_name("chat.db.before-2026-01-01T00-00-00Z"))
    put(database, source)
    assert files(database.parent) == ["chat.db", "chat.db-lock", ASIDE]
    assert database.with_name(ASIDE).stat().st_nlink == 1


def test_a_link_to_the_database_stays_a_link(database: Path, source: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(database)
    put(link, source)
    assert link.is_symlink()
    assert messages(database) == ["one", "two"]
    assert messages(database.with_name(ASIDE)) == ["later"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_restores_belongs_to_whom_it_belonged(database: Path, source: Path) -> None:
    os.chown(database, 12345, 12346)
    put(database, source)
    for file in (database, database.with_name("chat.db-lock")):
        assert (file.stat().st_uid, file.stat().st_gid) == (12345, 12346)


def test_killed_at_any_moment_it_leaves_the_one_or_the_other(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "tests.admin.killed_restores", str(tmp_path)],
        cwd=ROOT,
        check=True,
        timeout=120,
        capture_output=True,
        text=True,
    ).stdout
    lines = [line.split("\t") for line in told.splitlines()]
    assert {"open", "sqlite3.connect", "os.link", "os.rename"} <= {line[0] for line in lines}
    outcomes = [line[1:] for line in lines]
    # First nothing has happened, then the present one has a second name too, then the backup is in its place.
    stages = [["present"], ["present", "present"], ["backup", "present"]]
    assert [stages.index(outcome) for outcome in outcomes] == sorted(map(stages.index, outcomes))
    assert outcomes[0] == stages[0]
    assert stages[1] in outcomes
    assert lines[-1] == ["end", *stages[2]]


def test_indexing_what_an_old_backup_has_is_told(database: Path, source: Path) -> None:
    with contextlib.closing(sqlite3.connect(source)) as connection, connection:
        for table in ("place", "audience", "client"):
            connection.execute(f"DELETE FROM {table}")
        connection.execute("DROP TRIGGER indexing_indexes")
        connection.execute("UPDATE indexing SET number = 0")
    screen = Terminal()
    restore(database, source, now=NOW, progress=watched(screen))
    assert "indexing: 100 %" in screen.getvalue()
