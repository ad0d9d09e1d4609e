"""Open files, and the connections that they leave room for."""

import resource

import pytest

from tornadochat import capacity


@pytest.mark.parametrize(
    ("files", "room"), [(64, 32), (256, 128), (1024, 896), (65_536, 65_408), (1_048_576, 65_536)]
)
def test_some_files_are_for_the_server_itself(files: int, room: int) -> None:
    assert capacity.room(files) == room


def test_the_limit_is_raised_as_far_as_it_may_be() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, soft), hard))
        assert capacity.raise_file_limit() == hard
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_system_that_refuses_leaves_the_limit_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda which: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert capacity.raise_file_limit() == 256


def test_without_a_limit_memory_is_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (resource.RLIM_INFINITY,) * 2)
    assert capacity.room(capacity.open_files()) == capacity.MOST
