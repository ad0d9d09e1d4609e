"""`/metrics`: what is counted over real traffic, as scrapers read it, and nowhere but on its own port."""

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open_metrics
from prometheus_client.parser import text_string_to_metric_families as parse
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.ioloop import IOLoop

from tests.conftest import ExpectLog
from tests.support.clients import RawClient, Refusal
from tests.support.house import House
from tests.support.process import free_port
from tests.support.wire import FrameLink
from tests.transports.peer import Peer
from tornadochat.app import App
from tornadochat.buckets import Rate
from tornadochat.config import Config, Metrics, Server, Store
from tornadochat.config_rates import RateLimits
from tornadochat.errors import Close
from tornadochat.http.metrics import CONNECTIONS
from tornadochat.http.server import Patience
from tornadochat.metrics import Histogram

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTED = re.findall(
    r"^\| `((?:tornadochat|process)_\w+)` \|", (ROOT / "docs" / "OPERATIONS.md").read_text(), re.MULTILINE
)
LABELS = {"door", "code", "reason", "change", "rate", "limit", "kind", "version", "le"}
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"
ON = {"enabled": True, "port": 0}

Samples = dict[tuple[str, str], float]


async def fetch(house: House, accept: str = "") -> HTTPResponse:
    assert house.app.metrics_url is not None
    return await AsyncHTTPClient().fetch(house.app.metrics_url, headers={"Accept": accept})


async def samples(house: House) -> Samples:
    """Every number by its name and the value of its label."""
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in parse((await fetch(house)).body.decode())
        for sample in family.samples
    }


async def until(house: House, name: str, label: str, value: float) -> Samples:
    async with asyncio.timeout(5):
        while (found := await samples(house))[name, label] != value:
            await asyncio.sleep(0.02)
    return found


@pytest.fixture
def house(io_loop: IOLoop, tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, metrics=ON)
    io_loop.run_sync(house.start, timeout=10)
    yield house
    io_loop.run_sync(house.close, timeout=10)


# What is told


@pytest.mark.gen_test
async def test_what_the_documents_list_is_what_there_is(house: House) -> None:
    told = re.findall(r"^# TYPE (\w+) \w+$", (await fetch(house)).body.decode(), re.MULTILINE)
    assert sorted(told) == sorted(DOCUMENTED)
    assert len(DOCUMENTED) == len(set(DOCUMENTED))


@pytest.mark.gen_test
async def test_both_formats_are_read_by_the_parsers_of_scrapers(house: House) -> None:
    await house.enter("ann")
    plain, open_metrics = await fetch(house), await fetch(house, OPEN_METRICS)
    assert plain.headers["Content-Type"].startswith("text/plain; version=")
    assert open_metrics.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    old = {sample.name for family in parse(plain.body.decode()) for sample in family.samples}
    families = parse_open_metrics(open_metrics.body.decode())  # type: ignore[no-untyped-call]
    new = {sample.name for family in families for sample in family.samples}
    assert old == new


@pytest.mark.gen_test
async def test_labels_are_few_and_have_nobody_in_them(house: House) -> None:
    ann = await house.enter("a canary in the mine")
    await ann.command("private message", {"to": ann.session["userID"], "content": "a canary in the mine"})
    text = (await fetch(house)).body.decode()
    assert {label for family in parse(text) for s in family.samples for label in s.labels} == LABELS
    assert not [word for word in ("canary", *ann.session.values()) if word in text]
    assert len(text.splitlines()) < 250


@pytest.mark.gen_test
async def test_counters_are_there_before_the_first_of_a_kind(house: House) -> None:
    found = await samples(house)
    assert found["tornadochat_replies_total", "internal"] == 0
    assert found["tornadochat_closes_total", "slow"] == 0
    assert found["tornadochat_store_failures_total", "writing"] == 0


# Over real traffic


@pytest.mark.gen_test
async def test_links_are_counted_by_door_signed_in_or_not(house: House) -> None:
    ann, *_ = [await house.enter(door, door) for door in ("raw", "websocket", "polling")]
    nobody = house.raw()
    await nobody.open()
    found = await samples(house)
    assert [found["tornadochat_connections", door] for door in ("raw", "socketio")] == [1, 2]
    assert [found["tornadochat_links", door] for door in ("raw", "socketio")] == [2, 2]
    assert found["tornadochat_users_connected", ""] == 3
    assert found["tornadochat_sign_ins_total", "ok"] == 3
    assert found["tornadochat_presence_changes_total", "arrived"] == 3
    await ann.close()
    found = await until(house, "tornadochat_presence_changes_total", "left", 1)
    assert found["tornadochat_connections", "raw"] == 0
    assert found["tornadochat_links", "raw"] == 1
    assert found["tornadochat_closes_total", "gone"] == 1


@pytest.mark.gen_test
@pytest.mark.parametrize("door", ["raw", "websocket", "polling"])
async def test_commands_are_counted_with_what_became_of_them(house: House, door: str) -> None:
    ann = await house.enter("ann", door)
    me = ann.session["userID"]
    for _ in range(2):
        await ann.command("private message", {"to": me, "content": "hello", "clientID": "1"})
    await ann.command("read", {"with": me, "seq": 1})
    await ann.command("private message", {"to": "0" * 16, "content": "hello"})
    await ann.command("nonsense")
    await ann.command("users", {"limit": "many"})
    if isinstance(ann, RawClient):
        await ann.answer({"event": "users", "extra": 1, "id": 99}, 99)
    found = await samples(house)
    assert found["tornadochat_messages_total", ""] == found["tornadochat_repeats_total", ""] == 1
    assert found["tornadochat_marks_total", ""] == 1
    assert found["tornadochat_replies_total", "ok"] == 3
    assert found["tornadochat_replies_total", "unknown_user"] == 1
    assert found["tornadochat_replies_total", "unknown_command"] == 1
    assert found["tornadochat_replies_total", "invalid"] == 1
    assert found["tornadochat_replies_total", "bad_frame"] == (door == "raw")
    assert found["tornadochat_batch_entries_count", ""] == found["tornadochat_commit_seconds_count", ""]
    assert found["tornadochat_batch_entries_sum", ""] == 3
    assert found["tornadochat_commit_seconds_sum", ""] > 0
    assert found["tornadochat_store_waiting", ""] == found["tornadochat_outbox_bytes", ""] == 0


@pytest.mark.gen_test
@pytest.mark.parametrize("door", ["raw", "websocket", "polling"])
async def test_refused_sign_ins_are_counted_by_code(house: House, door: str) -> None:
    with pytest.raises(Refusal):
        await house.connect(door, sessionID="0" * 43)
    found = await samples(house)
    assert found["tornadochat_sign_ins_total", "unknown_session"] == 1
    assert found["tornadochat_sign_ins_total", "ok"] == found["tornadochat_replies_total", "ok"] == 0


@pytest.mark.gen_test
async def test_a_frame_before_the_sign_in_is_counted_too(house: House) -> None:
    nobody = house.raw()
    await nobody.open()
    await nobody.answer({"event": "users", "id": 1}, 1)
    await nobody.write("{")
    assert await nobody.closed() == 4502
    found = await samples(house)
    assert found["tornadochat_replies_total", "not_connected"] == 1
    assert found["tornadochat_replies_total", "bad_frame"] == 1
    assert found["tornadochat_replies_total", "ok"] == 0
    assert found["tornadochat_closes_total", "violation"] == 1


@pytest.mark.gen_test
@pytest.mark.parametrize("door", ["raw", "websocket", "polling"])
async def test_links_that_the_server_ends_are_counted_by_reason_once(house: House, door: str) -> None:
    ann = await house.enter("ann", door)
    await ann.command("logout")
    await ann.closed()
    found = await until(house, "tornadochat_links", "raw" if door == "raw" else "socketio", 0)
    assert found["tornadochat_closes_total", "revoked"] == 1
    assert found["tornadochat_closes_total", "gone"] == 0


@pytest.mark.gen_test
@pytest.mark.parametrize("door", ["raw", "websocket", "polling"])
async def test_a_refused_sign_in_ends_its_link_for_the_same_reason_at_both_doors(
    house: House, door: str
) -> None:
    for _ in range(2):
        with pytest.raises(Refusal):
            await house.connect(door, sessionID="of nobody")
    found = await until(house, "tornadochat_links", "raw" if door == "raw" else "socketio", 0)
    assert found["tornadochat_closes_total", "unauthorized"] == 2
    assert found["tornadochat_closes_total", "gone"] == 0


@pytest.mark.gen_test
@pytest.mark.parametrize("path", ["/ws", "/socket.io/?EIO=4&transport=websocket"])
async def test_who_does_not_sign_in_in_time_is_not_said_to_have_gone(tmp_path: Path, path: str) -> None:
    house = House(tmp_path, limits={"identify": 0.2})
    await house.start()
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    await loop.create_connection(
        lambda: FrameLink(path, lambda _: None, over.set), "127.0.0.1", house.app.port
    )
    await asyncio.wait_for(over.wait(), 5)
    assert house.app.doorway.closes == {Close.not_identified: 1}
    await house.close()


@pytest.mark.gen_test
async def test_packets_that_are_no_socket_io_are_a_violation(house: House) -> None:
    client = house.client("websocket")
    await client.connect(username="ann")
    await client.sio.eio.ws.send_str("4" + "[" * 100)  # type: ignore[attr-defined]
    await client.closed()
    assert (await samples(house))["tornadochat_closes_total", "violation"] == 1


@pytest.mark.gen_test
async def test_what_a_rate_refuses_is_counted_by_its_name(io_loop: IOLoop, tmp_path: Path) -> None:
    limits = {"rates": RateLimits(searches=Rate(2, 1000.0))}
    house = House(tmp_path, metrics=ON, limits=limits)
    await house.start()
    ann = await house.enter("ann")
    for _ in range(5):
        await ann.command("users")
    found = await samples(house)
    assert found["tornadochat_rate_limit_hits_total", "searches"] == 3
    assert found["tornadochat_rate_limit_hits_total", "guesses"] == 0
    assert found["tornadochat_replies_total", "rate_limited"] == 3
    await house.close()


@pytest.mark.gen_test
async def test_connections_that_were_one_too_many_are_counted_by_their_bound(
    io_loop: IOLoop, tmp_path: Path
) -> None:
    house = House(tmp_path, metrics=ON, limits={"connections_per_user": 1})
    await house.start()
    ann = await house.enter("ann")
    with pytest.raises(Refusal):
        await house.again(ann)
    found = await samples(house)
    assert found["tornadochat_connections_refused_total", "connections_per_user"] == 1
    assert found["tornadochat_connections_refused_total", "connections"] == 0
    await house.close()


@pytest.mark.gen_test(timeout=20)
async def test_a_reader_that_stops_shows_as_one(io_loop: IOLoop, house: House) -> None:
    bob = await house.enter("bob")
    assert isinstance(bob, RawClient)
    ann = await house.enter("ann")
    bob.stop_reading()
    letter = {"to": bob.session["userID"], "content": "x" * 10_000}
    for _ in range(1000):
        if (await samples(house))["tornadochat_slow_readers", ""]:
            break
        await asyncio.gather(*(ann.command("private message", letter) for _ in range(50)))
    found = await samples(house)
    assert found["tornadochat_slow_readers", ""] == found["tornadochat_fallen_behind_total", ""] == 1
    assert found["tornadochat_catching_up", ""] == 1
    assert found["tornadochat_outbox_bytes", ""] > 0
    bob.resume_reading()
    found = await until(house, "tornadochat_slow_readers", "", 0)
    assert found["tornadochat_catching_up", ""] == 0
    assert found["tornadochat_fallen_behind_total", ""] >= 1


@pytest.mark.gen_test
async def test_a_loop_that_is_held_up_shows_as_lag(house: House) -> None:
    late = ("tornadochat_loop_lag_seconds_bucket", "0.25")
    every = ("tornadochat_loop_lag_seconds_count", "")

    time.sleep(0.6)  # noqa: ASYNC251  # that is the point
    async with asyncio.timeout(5):
        while not (found := await samples(house))[every] > found[late]:
            await asyncio.sleep(0.02)


# Where


@pytest.mark.gen_test
async def test_it_is_not_on_the_port_of_the_chat_nor_the_chat_on_its(house: House) -> None:
    client = AsyncHTTPClient()
    assert (await client.fetch(f"{house.url}/metrics", raise_error=False)).code == 404
    assert house.app.metrics_url is not None
    base = house.app.metrics_url.removesuffix("/metrics")
    for path in ("/", "/ws", "/socket.io/?EIO=4&transport=polling", "/protocol.json", "/readyz"):
        assert (await client.fetch(base + path, raise_error=False)).code == 404
    assert (await client.fetch(base + "/healthz")).code == 200


@pytest.mark.gen_test
async def test_it_is_off_unless_it_is_asked_for(io_loop: IOLoop, tmp_path: Path) -> None:
    port = free_port()
    house = House(tmp_path, metrics={"port": port})
    await house.start()
    assert house.app.metrics_url is None
    with pytest.raises(OSError, match="Connect"):
        await asyncio.open_connection("127.0.0.1", port)
    await house.close()


# Tornado's bind_sockets leaves the socket that it could not bind to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.gen_test
async def test_a_port_that_is_taken_keeps_the_server_from_starting(io_loop: IOLoop, tmp_path: Path) -> None:
    with_same = Config(
        server=Server(port=free_port()),
        store=Store(url=f"sqlite:///{tmp_path / 'chat.db'}"),
        metrics=Metrics(enabled=True, port=0),
    )
    with_same = with_same.model_copy(update={"metrics": Metrics(enabled=True, port=with_same.server.port)})
    with pytest.raises(OSError, match=r"cannot listen on .* for metrics: Address already in use"):
        await App(with_same).start()
    # Nothing was left open.
    app = App(with_same.model_copy(update={"metrics": Metrics()}))
    await app.start()
    await app.stop()


@pytest.mark.gen_test
async def test_its_port_is_free_again_after_a_stop(io_loop: IOLoop, tmp_path: Path) -> None:
    house = House(tmp_path, metrics={"enabled": True, "port": free_port()})
    await house.start()
    await house.restart()
    assert (await samples(house))["tornadochat_messages_total", ""] == 0
    await house.close()


# What it is made of


def test_a_histogram_counts_a_value_at_or_below_its_bound() -> None:
    histogram = Histogram(1, 10)
    for value in (0, 1, 1.5, 10, 11):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 1]
    assert histogram.sum == 23.5


@pytest.mark.gen_test
async def test_every_family_is_named_as_prometheus_wants_it(house: House) -> None:
    for family in house.app._families():
        assert re.fullmatch(r"tornadochat_[a-z_]+", family.name)
        assert family.meaning.endswith(".")
        assert not family.name.endswith("_total"), "the library adds it"


@pytest.mark.gen_test
async def test_who_asks_nothing_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tornadochat.http.metrics.PATIENCE", Patience(first=0.1))
    house = House(tmp_path, metrics=ON)
    await house.start()
    assert house.app.metrics_url is not None
    port = urlsplit(house.app.metrics_url).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    await house.close()


@pytest.mark.gen_test
async def test_a_crowd_at_the_port_of_the_metrics_takes_no_more_than_its_places(
    house: House, expect_log: ExpectLog
) -> None:
    """Without that bound it takes the descriptors that the store needs; seen by hand with `ulimit -n 64`."""
    expect_log("the port of the metrics takes 8 at a time")
    assert house.app.metrics_url is not None
    port = int(house.app.metrics_url.split(":")[2].partition("/")[0])
    crowd = [await Peer.connect(port) for _ in range(CONNECTIONS + 1)]
    # The last one is refused; those before it wait for an answer that they have not asked for.
    await asyncio.wait_for(crowd[-1].response(), 5)
    assert crowd[-1].status == 503
    crowd[0].request("GET", "/healthz")
    assert await asyncio.wait_for(crowd[0].response(), 5) == "alive\n"
    for peer in crowd:
        await peer.close()
    await house.enter("ann")
