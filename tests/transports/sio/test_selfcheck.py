"""The names that are relied on are there, and one that is not is named."""

import pytest
import socketio
from tornado.iostream import BaseIOStream

from tornadochat.transports.sio import selfcheck
from tornadochat.transports.sio.engine import EngineServer


def test_the_installed_packages_have_every_name() -> None:
    assert list(selfcheck.missing_names()) == []
    selfcheck.check()


def test_a_missing_name_stops_the_start_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socketio.AsyncServer, "_handle_event")
    monkeypatch.setattr(BaseIOStream, "__init__", lambda self: None)
    with pytest.raises(
        RuntimeError, match=r"AsyncServer\._handle_event.*BaseIOStream\(\)\._total_write_index"
    ):
        selfcheck.check()
    # Still missing for the constructor of a server.
    with pytest.raises(RuntimeError, match="lacks"):
        EngineServer()
