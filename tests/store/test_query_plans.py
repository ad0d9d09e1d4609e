"""What a read costs must depend on what it returns, not on how much is stored."""

import sqlite3
from collections.abc import Callable, Sized
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tornadochat.models import Mark, Snapshot
from tornadochat.store import history, log, marks, rooms, roster, runs
from tornadochat.store.keys import public_id
from tornadochat.store.migrate import migrate
from tornadochat.store.values import Values


@pytest.fixture
def database(path: Path) -> Path:
    migrate(path)
    return path


def plan(path: Path, query: str, *parameters: Any) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        named = parameters[0] if parameters and isinstance(parameters[0], dict) else parameters
        return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", named)]


def scans(lines: list[str]) -> list[str]:
    """Steps that read a whole table."""
    tables = {"message", "mark", "room", "user", "session"}
    tables |= {"place", "audience", "client", "earlier"}
    return [line for line in lines if line.startswith("SCAN") and line.split()[1] in tables]


def sorts(lines: list[str]) -> list[str]:
    return [line for line in lines if "TEMP B-TREE" in line]


def fill(connection: sqlite3.Connection, count: int) -> None:
    """Users 1 and 2 have written to each other, 3 and 4 to themselves, `count` messages in all."""
    with connection:
        for key in range(1, 5):
            connection.execute("INSERT INTO user VALUES (?, 'x', 'x', 0)", (key,))
        connection.execute(
            """
            WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ? - 1)
            INSERT INTO message SELECT i + 1, max(i % 4, 1), iif(i % 4 < 2, i / 4 * 2 + i % 4 + 1, i / 4 + 1),
            i % 4 + 1, iif(i % 4 < 2, 2 - i % 4, i % 4 + 1), 'x', 0, NULL, 0,
            iif(i % 4 < 2, i / 4 + i % 4, i / 4 + 1) FROM n
            """,
            (count,),
        )
        for number in range(0, count, log.INDEXED_AT_ONCE):
            end = min(count, number + log.INDEXED_AT_ONCE)
            connection.execute("UPDATE indexing SET number = ?", (end,))
        # User 1 knows of marks of many others, and has itself read half of what user 2 wrote.
        connection.execute(
            """
            WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ? / 20 - 1)
            INSERT INTO mark SELECT 1, 1000 + i, 1, 'read', 1, ? + i, 0 FROM n
            """,
            (count, count + 2),
        )
        connection.execute("INSERT INTO mark VALUES (1, 1, 2, 'read', ?, ?, 0)", (count // 4, count + 1))
        connection.execute("UPDATE indexing SET number = ?", (count + 2 + count // 20,))


def look_at_marks(connection: sqlite3.Connection) -> list[object]:
    """A page after which there is more, if the log is long enough."""
    return connection.execute(history.MARKS_AFTER, (1, 0, 10)).fetchall()


def steps(connection: sqlite3.Connection, query: Callable[[sqlite3.Connection], object]) -> int:
    """How many instructions SQLite's machine takes for a query."""
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    connection.set_progress_handler(step, 1)
    query(connection)
    connection.set_progress_handler(None, 0)
    return taken


def look(connection: sqlite3.Connection, user_id: str) -> Snapshot:
    return roster.snapshot(
        connection,
        user_id,
        everyone_up_to=200,
        partners=200,
        conversations=50,
        messages=20,
        characters=10_000,
    )


QUERIES: dict[str, Callable[[sqlite3.Connection], Sized]] = {
    "replay": lambda c: history.log_after(c, public_id(1), 30, 20, 0),
    "replay of messages to oneself": lambda c: history.log_after(c, public_id(3), 30, 20, 0),
    "the latest page": lambda c: history.history(
        c, public_id(1), public_id(2), before=None, after=None, limit=20
    )[0],
    "an early page": lambda c: history.history(
        c, public_id(1), public_id(2), before=None, after=20, limit=20
    )[0],
    "replay of marks": lambda c: [*look_at_marks(c), *look_at_marks(c)],
    "the snapshot": lambda c: look(c, public_id(1)).conversations[0].messages,
}


@pytest.mark.parametrize("name", QUERIES)
def test_a_read_takes_as_long_in_a_long_log_as_in_a_short_one(tmp_path: Path, name: str) -> None:
    taken = []
    for count in (400, 40_000):
        migrate(tmp_path / f"{count}.db")
        with closing(sqlite3.connect(tmp_path / f"{count}.db")) as connection:
            fill(connection, count)
            assert len(QUERIES[name](connection)) == 20
            taken.append(steps(connection, QUERIES[name]))
    assert taken[1] <= taken[0] * 1.02, taken


@pytest.mark.parametrize(
    ("query", "parameters", "searches"),
    [
        (runs.LOG_FROM, (1, 9), ["audience", "audience"]),
        (runs.RUNS_FROM, (1, 9), ["place", "place"]),
        (runs.RUNS_BELOW, (1, 9), ["place"]),
        (runs.ROOM, (1, 2), ["room"]),
        (runs.LOWS, ("[1]",), ["message"]),
        (history.MESSAGES, ("[1]",), ["message"]),
        (history.MARKS_AFTER, (1, 0, 200), ["mark"]),
        (roster.SIZES, ("[1]",), ["message"]),
        (roster.SESSION, (b"x",), ["session", "user"]),
        (roster.USERS_BY_ID, ("[1]",), ["user"]),
        (roster.USERS_FROM, ("a", -1, "b", 50), ["user"]),
    ],
)
def test_a_read_goes_through_an_index_in_its_order(
    database: Path, query: str, parameters: tuple[object, ...], searches: list[str]
) -> None:
    lines = plan(database, query, *parameters)
    assert scans(lines) == []
    assert sorts(lines) == []
    assert [line.split()[1] for line in lines if line.startswith("SEARCH")] == searches


def test_what_is_unread_takes_as_long_in_a_long_conversation_as_in_a_short_one(tmp_path: Path) -> None:
    taken = []
    for count in (400, 40_000):
        migrate(tmp_path / f"{count}.db")
        with closing(sqlite3.connect(tmp_path / f"{count}.db")) as connection:
            fill(connection, count)
            view = look(connection, public_id(1)).conversations[0]
            assert (view.other.id, view.unread) == (public_id(2), count // 8)
            mark = history.log_after(connection, public_id(1), count, 5, 0)[0]
            assert isinstance(mark, Mark)
            assert mark.unread == count // 8

            replay = partial(history.log_after, user_id=public_id(1), number=count, limit=5, snapshot=0)
            taken.append(steps(connection, replay))
    assert taken[1] <= taken[0] * 1.02, taken


def test_the_end_of_the_log_is_found_at_once(database: Path) -> None:
    lines = plan(database, log.LAST)
    assert [line for line in lines if "SEARCH" in line] == [
        "SEARCH message", "SEARCH mark USING COVERING INDEX mark_number"
    ]  # fmt: skip


def test_a_snapshot_reads_only_the_latest_of_the_users_own_rooms(database: Path) -> None:
    lines = plan(database, roster.ROOMS, {"me": 1, "limit": 200})
    assert scans(lines) == []
    for side in ("low", "high"):
        assert any(f"SEARCH room USING INDEX room_{side}_latest ({side}=?)" in line for line in lines)
    # The two halves, their union and the result: none is longer than the limit.
    assert len(sorts(lines)) == 3


def test_a_snapshot_takes_as_long_with_many_conversations_as_with_a_few(tmp_path: Path) -> None:
    taken = []
    for count in (400, 8_000):
        migrate(tmp_path / f"{count}.db")
        with closing(sqlite3.connect(tmp_path / f"{count}.db")) as connection:
            for statement in (
                "INSERT INTO user SELECT i, i, i, 0 FROM n",
                "INSERT INTO message SELECT i, i, 1, i, ? / 2, 'x', 0, NULL, 0, 1 FROM n",
            ):
                numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
                parameters = (count,) * statement.count("?") + (count,)
                connection.execute(f"{numbers} {statement}", parameters)
            connection.execute("UPDATE indexing SET number = ?", (count,))
            view = look(connection, public_id(count // 2))
            assert len(view.conversations) == 200
            assert view.conversations[0].other.id == public_id(count)
            taken.append(steps(connection, partial(look, user_id=public_id(count // 2))))
    assert taken[1] <= taken[0] * 1.02, taken


@pytest.mark.parametrize(
    ("statement", "width", "searches"),
    [
        (log.EARLIER, 2, ["client", "message"]),
        (rooms.ROOMS, 2, ["room"]),
        (rooms.USERS, 1, ["user"]),
        (runs.PLACES, 2, ["place", "earlier"]),
    ],
)
def test_the_writer_looks_things_up_by_index(
    database: Path, statement: str, width: int, searches: list[str]
) -> None:
    lines = plan(database, Values(statement, width).of(1), *[1] * width)
    assert scans(lines) == []
    assert [line.split()[1] for line in lines if line.startswith("SEARCH")] == searches


def test_the_writer_looks_up_marks_by_index(database: Path) -> None:
    lines = plan(database, marks.MARKS, "[]")
    assert scans(lines) == []
    assert len([line for line in lines if line.startswith("SEARCH")]) == 1
