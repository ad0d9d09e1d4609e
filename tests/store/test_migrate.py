import sqlite3
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import tornadochat
from tests.store.house import House
from tornadochat.models import Marked, Stored, User
from tornadochat.store import StoreError
from tornadochat.store.migrate import HEAD, migrate, path_of
from tornadochat.store.schema import metadata
from tornadochat.store.sqlite import SQLiteStore
from tornadochat.store.upgrade import alembic_config, upgrade

Open = Callable[..., Awaitable[House]]
MIGRATIONS = Path(tornadochat.__file__).parent / "store" / "migrations"

pytestmark = pytest.mark.sqlite


def execute(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()


@pytest.fixture
def diary(path: Path) -> Path:
    path.write_text("Dear diary, " * 100)
    return path


def files(directory: Path) -> list[Path]:
    return sorted(directory.iterdir())


def dump(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    lines = list(connection.iterdump())
    connection.close()
    return lines


def test_the_migrations_make_exactly_the_tables_of_the_schema(path: Path) -> None:
    migrate(path)
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


@pytest.mark.parametrize("again", [migrate, upgrade])
def test_migrating_again_changes_nothing(path: Path, again: Callable[[Path], None]) -> None:
    migrate(path)
    before = dump(path)
    again(path)
    assert dump(path) == before


def test_the_newest_schema_is_known_without_loading_what_makes_it(path: Path) -> None:
    migrate(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
    seen = "import sys; from tornadochat.store.migrate import migrate; from pathlib import Path"
    done = f"migrate(Path({str(path)!r})); print('alembic' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", f"{seen}; {done}"], capture_output=True, check=True, text=True
    )
    assert found.stdout == "False\n"


def migrate_to(path: Path, revision: str) -> None:
    """Make the database as an earlier version did."""
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), revision)
    engine.dispose()


@pytest.mark.gen_test
async def test_a_database_of_the_first_version_keeps_what_it_holds_and_counts_what_is_unread(
    path: Path, open_house: Open
) -> None:
    migrate_to(path, "0001")
    ann, bob, eve = (User(digit * 16, name) for digit, name in zip("123", ("ann", "bob", "eve"), strict=True))
    with closing(sqlite3.connect(path)) as connection, connection:
        for someone in (ann, bob, eve):
            values = (int(someone.id, 16), someone.username, someone.username)
            connection.execute("INSERT INTO user VALUES (?, ?, ?, 0)", values)
        said = [(ann, bob), (eve, ann), (ann, bob), (bob, ann), (ann, ann), (bob, ann), (bob, ann)]
        rooms: dict[frozenset[User], list[int]] = {}
        for number, pair in enumerate(said, 1):
            room = rooms.setdefault(frozenset(pair), [len(rooms) + 1, 0])
            room[1] += 1
            connection.execute(
                "INSERT INTO message VALUES (?, ?, ?, ?, ?, 'x', 5, NULL, 9)",
                (number, *room, *(int(someone.id, 16) for someone in pair)),
            )
    house = await open_house()
    assert [m.number for m in await house.store.log_after(ann.id, 0, 99)] == [1, 2, 3, 4, 5, 6, 7]
    unread: dict[tuple[str, str], int] = {}
    for reader in (ann, bob, eve):
        view = await house.store.snapshot(
            reader.id, everyone_up_to=9, partners=9, conversations=9, messages=9, characters=999
        )
        unread |= {(reader.username, c.other.username): c.unread for c in view.conversations}
    assert unread == {
        ("ann", "ann"): 0, ("ann", "bob"): 3, ("ann", "eve"): 1, ("bob", "ann"): 2, ("eve", "ann"): 0
    }  # fmt: skip
    outcome = await house.mark("read", ann, bob, 4)
    assert isinstance(outcome, Marked)
    assert outcome.marks[0].unread == 1
    assert (await house.said(ann, bob, "on we go")).number == 9


@pytest.mark.gen_test
async def test_a_database_of_0_1_0_keeps_messages_marks_and_client_ids(path: Path, open_house: Open) -> None:
    migrate_to(path, "0002")
    ann, bob = (User(digit * 16, name) for digit, name in zip("12", ("ann", "bob"), strict=True))
    with closing(sqlite3.connect(path)) as connection, connection:
        for someone in (ann, bob):
            values = (int(someone.id, 16), someone.username, someone.username)
            connection.execute("INSERT INTO user VALUES (?, ?, ?, 0)", values)
        for seq, (sender, recipient) in enumerate([(ann, bob), (bob, ann), (ann, bob)], 1):
            # Of the lesser key, which is Ann's, there are one, one and two.
            row = (seq, 1, seq, int(sender.id, 16), int(recipient.id, 16), f"x{seq}", 5, f"c{seq}", 9)
            connection.execute(
                "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, seq // 3 + 1)
            )
        # Bob has read Ann's first: both know.
        for viewer in (ann, bob):
            marked = (
                int(viewer.id, 16),
                int(bob.id, 16),
                int(ann.id, 16),
                "read",
                1,
                3 + int(viewer is bob),
                9,
            )
            connection.execute("INSERT INTO mark VALUES (?, ?, ?, ?, ?, ?, ?)", marked)
    house = await open_house()
    again = await house.send(bob, ann, "x2", "c2")
    assert isinstance(again, Stored)
    assert (again.duplicate, again.message.seq) == (True, 2)
    assert (await house.said(ann, bob, "x4", "c4")).seq == 4
    view = await house.store.snapshot(
        bob.id, everyone_up_to=9, partners=9, conversations=9, messages=9, characters=999
    )
    (conversation,) = view.conversations
    assert [message.content for message in conversation.messages] == ["x1", "x2", "x3", "x4"]
    assert conversation.unread == 2


EARLIER = [
    script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions() if script.revision != HEAD
]
"""Every schema there has been: what no release had, somebody may have run from the repository."""


@pytest.mark.parametrize("revision", EARLIER)
def test_an_upgraded_database_is_like_a_new_one(path: Path, tmp_path: Path, revision: str) -> None:
    migrate_to(path, revision)
    migrate(path)
    migrate(tmp_path / "new.db")

    def schema(file: Path) -> list[str]:
        return [line for line in dump(file) if not line.startswith('INSERT INTO "meta"')]

    assert schema(path) == schema(tmp_path / "new.db")


def test_servers_that_start_at_once_make_one_database(path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(migrate, [path] * 4)) == [None] * 4


def test_nobody_else_may_read_the_file(path: Path) -> None:
    migrate(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.gen_test
async def test_the_epoch_stays_when_the_store_is_opened_again(open_house: Open) -> None:
    first = await open_house()
    await first.store.close()
    second = await open_house()
    assert second.store.epoch == first.store.epoch
    assert len(second.store.epoch) == 12
    assert second.store.log_start == 0


@pytest.mark.gen_test
async def test_a_path_means_itself(tmp_path: Path) -> None:
    house = await House.open(tmp_path / "a b#c%41;d.db")
    assert await house.people("ann")
    await house.store.close()
    assert [file.name for file in files(tmp_path)] == ["a b#c%41;d.db", "a b#c%41;d.db-lock"]


@pytest.mark.gen_test
async def test_another_database_has_another_epoch(open_house: Open, tmp_path: Path) -> None:
    one = await open_house()
    other = await House.open(tmp_path / "other.db")
    await other.store.close()
    assert one.store.epoch != other.store.epoch


async def refusal(url: str) -> str:
    with pytest.raises(StoreError) as refused:
        await SQLiteStore.open(url, durability="full", listener=lambda _: None)
    text = str(refused.value)
    assert "\n" not in text
    return text


@pytest.mark.gen_test
async def test_the_schema_of_a_newer_version_is_refused(path: Path) -> None:
    migrate(path)
    execute(path, "UPDATE alembic_version SET version_num = '9999'")
    assert "schema 9999 is of a newer version" in await refusal(f"sqlite:///{path}")


@pytest.mark.gen_test
async def test_the_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    execute(path, "CREATE TABLE recipes (id INTEGER)")
    before = dump(path)
    assert "some other program" in await refusal(f"sqlite:///{path}")
    assert dump(path) == before


@pytest.mark.gen_test
async def test_a_file_that_is_no_database_is_refused(diary: Path) -> None:
    assert "not a database" in await refusal(f"sqlite:///{diary}")


@pytest.mark.gen_test
async def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "No such file or directory" in await refusal(f"sqlite:///{tmp_path}/none/chat.db")
    assert "unable to open database file" in await refusal(f"sqlite:///{tmp_path}")


@pytest.mark.gen_test
async def test_a_locked_out_writer_is_refused_at_the_start(path: Path) -> None:
    def connect(_: Path) -> sqlite3.Connection:
        raise sqlite3.OperationalError("unable to open database file")

    with pytest.raises(StoreError, match="unable to open"):
        await SQLiteStore.open(
            f"sqlite:///{path}", durability="full", listener=lambda _: None, connect=connect
        )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "chat.db",
        "sqlite:///",
        "sqlite:///chat.db?mode=ro",
        "postgresql://host/chat",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
def test_only_urls_of_sqlite_files_are_understood(url: str) -> None:
    with pytest.raises(StoreError):
        path_of(url)


def test_a_password_in_a_wrong_url_is_not_repeated() -> None:
    with pytest.raises(StoreError) as refused:
        path_of("postgresql://me:canary@host/chat")
    assert "canary" not in str(refused.value)
