"""How the garbage collector is kept from holding everybody up."""

import gc
from collections.abc import Iterator

import pytest

from tornadochat.interpreter import LONG_SECONDS, Collector


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    gc.unfreeze()


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def collection(collector: Collector, clock: Clock, seconds: float, generation: int = 2) -> None:
    collector.heard("start", {"generation": generation})
    clock.now += seconds
    collector.heard("stop", {"generation": generation, "collected": 0, "uncollectable": 0})


def test_what_a_long_full_collection_leaves_is_not_gone_through_again() -> None:
    gc.unfreeze()
    clock = Clock()
    collection(Collector(clock), clock, LONG_SECONDS * 1.1)
    assert gc.get_freeze_count() > 0


@pytest.mark.parametrize(("generation", "seconds"), [(2, LONG_SECONDS * 0.9), (1, 1.0), (0, 1.0)])
def test_what_others_leave_stays_to_be_looked_at(generation: int, seconds: float) -> None:
    gc.unfreeze()
    clock = Clock()
    collection(Collector(clock), clock, seconds, generation)
    assert gc.get_freeze_count() == 0


class Cycle:
    """Something that only the collector can free; it says when."""

    def __init__(self, freed: list[bool]) -> None:
        self.myself = self
        self.freed = freed

    def __del__(self) -> None:
        self.freed.append(True)


def test_a_thaw_frees_what_died_while_it_was_frozen() -> None:
    freed: list[bool] = []
    cycle = Cycle(freed)
    gc.freeze()
    del cycle
    gc.collect()
    assert not freed
    Collector().thaw()
    assert freed
    assert gc.get_freeze_count() > 0
