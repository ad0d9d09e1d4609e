from collections.abc import Awaitable, Callable, Iterator
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from tornado.ioloop import IOLoop

from tests.conftest import ExpectLog
from tests.store.house import Faults, House


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.db"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What opens a house is tried with every kind of store, unless it is about files."""
    if "kind" in metafunc.fixturenames:
        about_files = {"path", "faults", "tmp_path"} & set(signature(metafunc.function).parameters)
        if metafunc.definition.get_closest_marker("sqlite"):
            about_files.add("sqlite")
        metafunc.parametrize("kind", ["sqlite"] if about_files else ["sqlite", "memory"])


@pytest.fixture
def open_house(io_loop: IOLoop, path: Path, kind: str) -> Iterator[Callable[..., Awaitable[House]]]:
    """Opens a store of this kind, on `path` if it has a file, closed at the end of the test."""
    houses: list[House] = []
    place = path if kind == "sqlite" else None

    async def open_house(**options: Any) -> House:
        houses.append(await House.open(place, **options))
        return houses[-1]

    yield open_house

    async def close() -> None:
        for house in houses:
            await house.store.close()

    io_loop.run_sync(close, timeout=5)


@pytest.fixture
def faults(expect_log: ExpectLog) -> Faults:
    """Failures to come, and the lines in the log that they make."""
    expect_log("^ERROR tornadochat.store: writing failed: disk I/O error$")
    expect_log("^WARNING tornadochat.store: the database is open again", required=False)
    expect_log("^ERROR tornadochat.store: the database cannot be opened", required=False)
    return Faults()
