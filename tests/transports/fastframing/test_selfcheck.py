"""What the fast framing relies on is there, and where it is not, Tornado's own framing serves."""

import sys
from collections.abc import Iterator

import pytest
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.iostream import BaseIOStream
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from tests.conftest import ExpectLog
from tests.transports.conftest import Dial
from tornadochat.transports import framing
from tornadochat.transports.fastframing import parser, selfcheck
from tornadochat.transports.fastframing.protocol import PicowsProtocol
from tornadochat.transports.strictframing import StrictProtocol


@pytest.fixture(autouse=True)
def undecided() -> Iterator[None]:
    """Each test decides anew which engine there is."""
    framing.fast_engine.cache_clear()
    yield
    framing.fast_engine.cache_clear()


@pytest.mark.gen_test
async def test_the_installed_packages_are_the_ones_known() -> None:
    assert list(selfcheck.missing_names()) == []
    assert selfcheck.parses()
    assert framing.fast_engine() is PicowsProtocol


@pytest.mark.gen_test
async def test_a_missing_name_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(RequestHandler, "detach")
    monkeypatch.setattr(BaseIOStream, "__init__", lambda self: None)
    with pytest.raises(RuntimeError, match=r"RequestHandler\.detach, BaseIOStream\(\)\._read_buffer"):
        selfcheck.check()


@pytest.mark.gen_test
async def test_a_picows_that_parses_otherwise_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser._Sink, "write", lambda self, data: None)
    with pytest.raises(RuntimeError, match="in another way"):
        selfcheck.check()


@pytest.mark.gen_test
async def test_a_picows_that_is_made_otherwise_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise TypeError("takes exactly 16 positional arguments")

    monkeypatch.setattr(selfcheck, "Parser", refuse)
    with pytest.raises(RuntimeError, match="not the one known: takes exactly 16"):
        selfcheck.check()


class Silent(framing.FramedWebSocketHandler):
    """Shows its engine."""

    made: list["Silent"]

    def initialize(self, made: list["Silent"]) -> None:
        made.append(self)


@pytest.mark.parametrize("picows", [True, False])
@pytest.mark.gen_test
async def test_the_engine_is_chosen_once_and_said_once(
    io_loop: IOLoop, dial: Dial, monkeypatch: pytest.MonkeyPatch, expect_log: ExpectLog, picows: bool
) -> None:
    if not picows:
        monkeypatch.delitem(sys.modules, "tornadochat.transports.fastframing.protocol")
        monkeypatch.setitem(sys.modules, "tornadochat.transports.fastframing.parser", None)
        expect_log("WARNING tornadochat.transports.framing: WebSocket framing falls back to Tornado's own")
    made: list[Silent] = []
    listener, port = bind_unused_port()
    server = HTTPServer(Application([("/", Silent, {"made": made})]))
    server.add_sockets([listener])
    for _ in range(2):
        peer = await (await dial(port)).upgrade("/")
        assert peer.status == 101
    assert {type(handler.ws_connection) for handler in made} == {PicowsProtocol if picows else StrictProtocol}
    server.stop()
    for handler in made:
        handler.abort()
