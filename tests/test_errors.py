"""The two tables: refusals and closes."""

import msgspec
import pytest

from tests.fakes import refused
from tornadochat.errors import ERRORS, ChatError, Close, Code, ErrorEvent


def test_every_code_has_a_row_and_people_can_read_it() -> None:
    assert set(ERRORS) == set(Code)
    assert all(kind.message for kind in ERRORS.values())


def test_codes_are_the_names_that_clients_see() -> None:
    assert [code.value for code in Code] == [code.name for code in Code]


@pytest.mark.parametrize("code", [Code.invalid_username, Code.unknown_session])
def test_a_refused_sign_in_reads_as_the_guide_s_client_expects(code: Code) -> None:
    assert ChatError(code).message == "invalid username"


def test_only_what_may_succeed_later_is_retryable() -> None:
    assert {code for code, kind in ERRORS.items() if kind.retryable} == {
        Code.rate_limited,
        Code.too_many_connections,
        Code.unavailable,
        Code.internal,
    }


def test_on_the_wire_what_is_absent_is_left_out() -> None:
    assert refused(ChatError(Code.conflict)) == {
        "code": "conflict",
        "message": "this clientID was used for another message",
        "retryable": False,
    }


def test_on_the_wire_everything_that_is_known_is_there() -> None:
    error = ChatError(Code.rate_limited, "slowly", field="f", expected="e", retry_after=5, incident="i")
    assert str(error) == "slowly"
    assert refused(error) == {
        "code": "rate_limited",
        "message": "slowly",
        "retryable": True,
        "field": "f",
        "expected": "e",
        "retryAfter": 5,
        "incident": "i",
    }


def test_the_error_event_is_the_error_and_the_command() -> None:
    assert issubclass(ErrorEvent, type(ChatError(Code.invalid).wire()))
    assert "command" in ErrorEvent.__struct_encode_fields__
    event = ErrorEvent(code="c", message="m", retryable=False)
    assert msgspec.json.decode(msgspec.json.encode(event)) == {
        "code": "c",
        "message": "m",
        "retryable": False,
    }


def test_close_codes_say_whether_to_come_back() -> None:
    final = {close.name for close in Close if close.final}
    assert final == {"unauthorized", "revoked", "violation", "flooding"}
    for close in Close:
        assert close.final == (4500 <= close <= 4999)
        assert close.final or close in {1012, 1013} or 4000 <= close <= 4499
