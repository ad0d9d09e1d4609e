"""The machine-readable contract: complete, closed under its references, and true of what is encoded."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from tornadochat import __version__
from tornadochat.config_rates import RateLimits
from tornadochat.contract import CLOSE_MEANINGS, contract
from tornadochat.errors import ERRORS, Close, Code
from tornadochat.protocol import COMMANDS, EVENTS, MessageEvent

LIMITS = {"message_characters": 10_000, "in_flight": 64}
CONTRACT = contract(LIMITS, RateLimits())


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(reference := value.get("$ref"), str):
            yield reference
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def schema(place: Any) -> dict[str, Any]:
    """A schema, its reference followed."""
    reference = place.get("$ref")
    found: dict[str, Any] = CONTRACT["schemas"][reference.rpartition("/")[2]] if reference else place
    return found


def test_it_is_plain_json() -> None:
    assert json.loads(msgspec.json.encode(CONTRACT)) == CONTRACT
    assert CONTRACT["version"] == __version__


def test_every_reference_is_there() -> None:
    found = set(references(CONTRACT))
    assert found
    assert {reference.removeprefix("#/schemas/") for reference in found} == set(CONTRACT["schemas"])


def test_it_has_every_command_with_data_and_reply() -> None:
    assert list(CONTRACT["commands"]) == [command.name for command in COMMANDS]
    for command in COMMANDS:
        published = CONTRACT["commands"][command.name]
        data = schema(published["data"])
        assert set(data["properties"]) == set(command.data.__struct_encode_fields__)
        assert data["additionalProperties"] is False
        assert published["reply"]
        assert published["reply_optional"] == command.silent
        assert published["description"]


def test_it_has_the_sign_in() -> None:
    assert set(schema(CONTRACT["connect"])["properties"]) == {"username", "sessionID", "since"}


def test_it_has_every_event_with_its_data() -> None:
    assert list(CONTRACT["events"]) == [event.name for event in EVENTS]
    assert CONTRACT["events"]["private message"]["durable"] is True
    message = schema(CONTRACT["events"]["private message"]["data"])
    assert set(message["properties"]) == set(MessageEvent.__struct_encode_fields__)
    assert schema(CONTRACT["events"]["user disconnected"]["data"])["type"] == "string"
    assert [name for name, event in CONTRACT["events"].items() if event["durable"]] == [
        "private message",
        "received",
        "read",
    ]


def test_it_has_every_error_and_what_an_error_looks_like() -> None:
    assert list(CONTRACT["errors"]) == [code.value for code in Code]
    assert {code for code, row in CONTRACT["errors"].items() if row["retryable"]} == {
        code.value for code, kind in ERRORS.items() if kind.retryable
    }
    assert set(schema(CONTRACT["error"])["required"]) == {"code", "message", "retryable"}
    assert CONTRACT["reset_reasons"] == ["malformed", "epoch", "future", "expired"]


def test_it_has_every_close_code_and_whether_to_come_back() -> None:
    assert set(CLOSE_MEANINGS) == set(Close)
    for close in Close:
        row = CONTRACT["closes"][str(close.value)]
        assert (row["name"], row["come_back"]) == (close.name, not close.final)
        assert row["meaning"]


def test_it_has_the_limits_of_this_house_and_those_of_every_house() -> None:
    assert CONTRACT["limits"] == LIMITS | {"event_bytes": 524_288, "users_event_bytes": 262_144}


def test_it_has_the_rates_of_this_house() -> None:
    assert CONTRACT["rates"]["messages"] == {"count": 10_000, "seconds": 100.0}
    assert CONTRACT["rates"]["per_user"] == 3
    assert list(CONTRACT["rates"]) == list(RateLimits.model_fields)
