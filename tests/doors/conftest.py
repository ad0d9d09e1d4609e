"""A server per test, with both doors open."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.ioloop import IOLoop

from tests.support.house import House

Build = Callable[..., Awaitable[House]]


@pytest.fixture
def build(io_loop: IOLoop, tmp_path: Path) -> Iterator[Build]:
    """Builds houses with settings of the test's choice; see `tests.support.house`."""
    houses: list[House] = []

    async def start(**settings: Any) -> House:
        folder = tmp_path / f"house {len(houses)}"
        folder.mkdir()
        house = House(folder, **settings)
        await house.start()
        houses.append(house)
        return house

    yield start
    for house in houses:
        io_loop.run_sync(house.close, timeout=10)


@pytest.fixture
def house(io_loop: IOLoop, build: Build) -> House:
    """A server with the defaults, but for a short grace."""
    house: House = io_loop.run_sync(build, timeout=10)
    return house
