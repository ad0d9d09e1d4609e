"""The process as a whole: ready, restarted, stopped."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.ioloop import IOLoop

from tests.support.clients import DOORS, RawClient
from tests.support.house import House
from tests.support.process import ServerProcess
from tornadochat.store import Store


async def get(url: str) -> tuple[int, str]:
    """Status and body."""
    response = await AsyncHTTPClient().fetch(url, raise_error=False)
    return response.code, response.body.decode()


class Asked:
    """A store that counts how often it is asked whether it can be written to, and says what it is told to."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.times = 0
        self.well = True

    async def writable(self) -> bool:
        self.times += 1
        await asyncio.sleep(0.05)
        return self.well

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.fixture
def house(io_loop: IOLoop, tmp_path: Path) -> House:
    """A server of this test's own loop, not yet closed."""
    house = House(tmp_path)
    io_loop.run_sync(house.start, timeout=10)
    return house


@pytest.mark.gen_test
async def test_the_probes_answer_and_the_contract_is_served(house: House) -> None:
    assert await get(f"{house.url}/healthz") == (200, "alive\n")
    assert await get(f"{house.url}/readyz") == (200, "ready\n")
    status, body = await get(f"{house.url}/protocol.json")
    assert status == 200
    assert set(msgspec.json.decode(body)["commands"]) >= {"private message", "history", "users"}
    status, body = await get(f"{house.url}/")
    assert f"ws://127.0.0.1:{house.app.port}/ws?username=bob" in body
    assert (await get(f"{house.url}/nowhere"))[0] == 404
    await house.close()


@pytest.mark.gen_test(timeout=20)
async def test_however_many_ask_whether_it_is_ready_the_disk_is_asked_once_a_second(house: House) -> None:
    asked = Asked(house.app.store)
    house.app.store = cast(Store, asked)
    url = f"{house.url}/readyz"
    answers = await asyncio.gather(*(get(url) for _ in range(10)))
    answers += [await get(url) for _ in range(10)]
    assert set(answers) == {(200, "ready\n")}
    # One more, should a busy machine need more than a second for all of that.
    assert asked.times in (1, 2)
    # What is not well is looked at again by everybody, so that it is told at once when it is.
    house.app._writable_until = 0.0
    asked.well = False
    assert [(await get(url))[0] for _ in range(2)] == [503, 503]
    asked.well = True
    assert (await get(url))[0] == 200
    await house.close()


@pytest.mark.gen_test
async def test_a_draining_server_is_not_ready_and_lets_nobody_in(house: House) -> None:
    house.app.doorway.drain()
    assert await get(f"{house.url}/readyz") == (503, "draining\n")
    assert (await get(f"{house.url}/ws"))[0] == 503
    assert (await get(f"{house.url}/socket.io/?EIO=4&transport=polling"))[0] == 503
    await house.close()


@pytest.mark.gen_test(timeout=30)
async def test_sigterm_under_traffic_tells_clients_to_come_back_and_loses_nothing(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    await server.start()
    alice, bob = RawClient(server.url), RawClient(server.url)
    await alice.connect(username="alice")
    await bob.connect(username="bob")
    acknowledged: list[int] = []

    async def talk() -> None:
        for number in range(100_000):
            data = {"to": bob.session["userID"], "content": str(number)}
            acknowledged.append((await alice.command("private message", data))["data"]["seq"])

    talking = asyncio.ensure_future(talk())
    while len(acknowledged) < 50:
        await asyncio.sleep(0.01)
    assert await server.terminate() == 0
    assert await alice.closed() == 1012
    assert await bob.closed() == 1012
    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)
    await alice.close()
    await bob.close()
    await server.start()
    back = RawClient(server.url)
    await back.connect(sessionID=bob.session["sessionID"], since=bob.cursor)
    received = [message["seq"] for message in back.events.named("private message")]
    assert received[: len(acknowledged)] == acknowledged
    await back.close()
    await server.stop()
    assert "Traceback" not in server.log()


@pytest.mark.gen_test(timeout=30)
async def test_a_port_in_use_is_said_in_one_line(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    await server.start()
    second = ServerProcess(tmp_path / "..", server__port=server.port)
    with pytest.raises(AssertionError, match=f"cannot listen on 127.0.0.1 port {server.port}"):
        await second.start()
    assert "Traceback" not in second.log()
    await second.stop()
    await server.stop()


CANARY = "c4nary-c0ntent"


@pytest.mark.gen_test(timeout=30)
async def test_no_content_and_no_secret_is_in_the_log_at_any_level(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, log__level="debug")
    await server.start()
    secrets = []
    for door in ("raw", "websocket", "polling"):
        client = DOORS[door](server.url)
        await client.connect(username=f"by {door}")
        secrets.append(client.session["sessionID"])
        me = client.session["userID"]
        for data in (
            {"to": me, "content": CANARY, "clientID": "c"},
            {"to": me, "content": CANARY + "!", "clientID": "c"},
            {"to": CANARY, "content": CANARY},
            {"to": me, "content": CANARY * 1000},
            {"to": me, "content": [CANARY], CANARY: CANARY},
        ):
            await client.command("private message", data)
        await client.command(CANARY, {CANARY: CANARY})
        await client.close()
    raw = RawClient(server.url)
    await raw.open(f"?username=x&since={CANARY}", headers={"Authorization": f"Bearer {CANARY}"})
    await raw.write(CANARY)
    await raw.write('{"event": "' + CANARY)
    await raw.close()
    await get(f"{server.url}/ws?sessionID={CANARY}")
    await get(f"{server.url}/socket.io/?EIO=4&transport=polling&sid={CANARY}")
    await get(f"{server.url}/nowhere?{CANARY}")
    assert await server.terminate() == 0
    log = server.log()
    assert log, "the log is empty: this test would pass on silence"
    assert not [line for line in log.splitlines() if CANARY in line or any(s in line for s in secrets)]


@pytest.mark.parametrize("door", ["raw", "websocket", "polling"])
@pytest.mark.gen_test(timeout=30)
async def test_stopping_answers_everything_that_it_has_stored(tmp_path: Path, door: str) -> None:
    house = House(tmp_path)
    await house.start()
    client = await house.enter("alice", door)
    data = {"to": client.session["userID"], "content": "x"}
    sends = [asyncio.ensure_future(client.command("private message", data)) for _ in range(200)]
    # In the midst of it: some are answered, others on their way.
    await asyncio.wait(sends, return_when="FIRST_COMPLETED")
    await house.app.stop()
    await asyncio.sleep(0.1)
    answered = [send for send in sends if send.done() and not send.exception()]
    for send in sends:
        send.cancel()
    await asyncio.gather(*sends, return_exceptions=True)
    await house.start()
    again = await house.again(client)
    page = await again.command("history", {"with": client.session["userID"], "limit": 200})
    assert len(page["data"]["messages"]) == len(answered)
    assert answered
    await house.close()


@pytest.mark.gen_test(timeout=30)
async def test_a_database_that_takes_no_writes_keeps_the_server_from_starting(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    await server.start()
    await server.terminate()
    second = ServerProcess(tmp_path)
    with sqlite3.connect(tmp_path / "chat.db") as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(AssertionError, match="database is locked"):
            await second.start()
    holder.close()
    assert "Traceback" not in second.log()


@pytest.mark.gen_test(timeout=40)
async def test_a_server_for_others_says_so_at_the_start(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, server__address="0.0.0.0", server__public="true")
    await server.start()
    ready = await get(f"{server.url}/readyz")
    await server.stop()
    assert ready == (200, "ready\n")
    assert "server.public: whoever can reach 0.0.0.0 may become a user" in server.log()
