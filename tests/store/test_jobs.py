import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import ExpectLog
from tests.store.house import Faults, House
from tornadochat.errors import ChatError, Code
from tornadochat.store import people
from tornadochat.store.connection import connect
from tornadochat.store.jobs import Job, run_jobs
from tornadochat.store.ledger import Ledger
from tornadochat.store.log import open_log
from tornadochat.store.migrate import migrate
from tornadochat.store.store import clock
from tornadochat.store.writer import Writer

Open = Callable[..., Awaitable[House]]

pytestmark = pytest.mark.sqlite


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t (x INTEGER PRIMARY KEY)")
    yield connection
    connection.close()


def insert(*numbers: int) -> Callable[[sqlite3.Connection], int]:
    def work(connection: sqlite3.Connection) -> int:
        for number in numbers:
            connection.execute("INSERT INTO t VALUES (?)", (number,))
        return len(numbers)

    return work


@pytest.mark.gen_test
async def test_a_job_that_fails_leaves_no_trace_and_harms_no_other(connection: sqlite3.Connection) -> None:
    loop = asyncio.get_running_loop()
    committed: list[int] = []
    waiting: list[asyncio.Future[int]] = [loop.create_future() for _ in range(4)]
    works = [insert(1, 2), insert(3, 1), insert(4), lambda _: int("no number")]
    jobs = [Job(work, future, committed.append) for work, future in zip(works, waiting, strict=True)]
    waiting[2].cancel()
    run_jobs(connection, jobs)
    for job in jobs:
        job.land()
    assert waiting[0].result() == 2
    refused = waiting[1].exception()
    assert isinstance(refused, ChatError)
    assert refused.code is Code.unavailable
    assert isinstance(waiting[3].exception(), ValueError)
    assert committed == [2, 1], "a result counts though nobody waits for it any more"
    assert connection.execute("SELECT x FROM t").fetchall() == [(1,), (2,), (4,)]


@pytest.mark.gen_test
async def test_jobs_of_one_hop_share_one_commit(open_house: Open, faults: Faults) -> None:
    house = await open_house(connect=faults.connect)
    faults.fail("COMMIT", "before")
    outcomes = await asyncio.gather(house.people("ann"), house.people("bob"), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ChatError, ChatError]
    assert await house.store.search_users("", None, 10) == []


@pytest.mark.gen_test
async def test_a_job_that_loses_the_transaction_fails_all(path: Path, expect_log: ExpectLog) -> None:
    expect_log("writing failed: no such savepoint")
    expect_log("open again")
    migrate(path)
    opened = partial(open_log, path, connect, "normal", clock)
    log = opened()
    writer = Writer(Ledger(log, opened), log.last, log.users, lambda _: None)

    def sabotage(connection: sqlite3.Connection) -> None:
        connection.execute("ROLLBACK")
        raise sqlite3.OperationalError("database or disk is full")

    outcomes = await asyncio.gather(
        writer.run(people.probe), writer.run(sabotage), writer.run(people.probe), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [ChatError] * 3
    await writer.run(people.probe)
    await writer.close()


@pytest.mark.gen_test
async def test_a_sign_up_whose_caller_is_gone_is_counted(open_house: Open) -> None:
    house = await open_house()
    signing_up = asyncio.ensure_future(house.people("ann"))
    await asyncio.sleep(0)
    signing_up.cancel()
    assert await house.store.writable()
    assert len(await house.store.search_users("", None, 10)) == house.store.user_count == 1
