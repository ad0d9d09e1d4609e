"""What one turn has for a peer leaves at its end, in one write."""

import pytest

from tests.conftest import ExpectLog
from tests.fakes import turns
from tornadochat.transports.gather import Gather


class Holder:
    """Counts how often it is called, and may find something new to hold then."""

    def __init__(self, gather: Gather) -> None:
        self.gather = gather
        self.released = 0
        self.more = False
        self.fault: Exception | None = None
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True

    def release(self) -> None:
        if self.fault is not None:
            raise self.fault
        self.released += 1
        if self.more:
            self.more = False
            self.gather.add(self)


@pytest.mark.gen_test
async def test_a_holder_is_called_once_at_the_end_of_the_turn() -> None:
    gather = Gather()
    one, two = Holder(gather), Holder(gather)
    gather.add(one)
    gather.add(two)
    assert (one.released, two.released) == (0, 0)
    await turns(1)
    assert (one.released, two.released) == (1, 1)
    await turns(3)
    assert (one.released, two.released) == (1, 1)


@pytest.mark.gen_test
async def test_what_is_held_while_others_let_go_leaves_in_the_next_turn() -> None:
    gather = Gather()
    holder = Holder(gather)
    holder.more = True
    gather.add(holder)
    await turns(1)
    assert holder.released == 1
    await turns(1)
    assert holder.released == 2


@pytest.mark.gen_test
async def test_one_that_fails_is_ended_and_the_others_are_released(expect_log: ExpectLog) -> None:
    gather = Gather()
    bad, good = Holder(gather), Holder(gather)
    bad.fault = MemoryError()
    expect_log("writing failed")
    gather.add(bad)
    gather.add(good)
    await turns(1)
    assert (bad.aborted, good.released, good.aborted) == (True, 1, False)
