"""The frames of the raw door, in and out."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadochat.errors import ChatError, Code
from tornadochat.protocol import COMMANDS, Command, Empty
from tornadochat.transports.payloads import parse
from tornadochat.transports.rawframes import ID_LONGEST, BadFrame, event_frame, read, read_command, reply_text


def refusal(text: str) -> BadFrame:
    with pytest.raises(BadFrame) as raised:
        read(text)
    assert raised.value.code is Code.bad_frame
    return raised.value


def test_a_frame_names_its_event_and_carries_its_data_unread() -> None:
    frame = read(' {"event": "private message", "data": {"to": "a", "x": [1]}, "id": 7} ')
    assert (frame.event, frame.id) == ("private message", 7)
    assert msgspec.json.decode(frame.data) == {"to": "a", "x": [1]}


def test_data_may_be_absent_which_is_not_null() -> None:
    frame = read('{"event": "logout"}')
    assert not frame.data
    assert frame.id is None
    assert bytes(read('{"event": "logout", "data": null}').data) == b"null"


@pytest.mark.parametrize("frame_id", ["", "a", "\u00e9" * ID_LONGEST, 0, -1, 1.5, 2**53, 2**80, 1e300])
def test_an_id_is_echoed_as_it_came(frame_id: str | float) -> None:
    frame = read(json.dumps({"event": "a", "id": frame_id}))
    assert frame.id is not None
    assert json.loads(reply_text(frame.id, Empty())) == {"reply": frame_id, "data": {}}


@pytest.mark.parametrize(
    "text", ["", "hello", "5", "null", '"connect"', "[]", '["connect"]', "{", "{}x", "\ufeff{}"]
)
def test_what_is_no_json_object_is_foreign(text: str) -> None:
    error = refusal(text)
    assert error.foreign
    assert (error.id, error.field) == (None, None)
    assert error.expected == 'a JSON object such as {"event": "…"}'


@pytest.mark.parametrize(
    ("text", "field", "expected", "frame_id"),
    [
        ("{}", "event", "required", None),
        ('{"id": 7}', "event", "required", 7),
        ('{"event": 5, "id": "x"}', "event", "str", "x"),
        ('{"event": "a", "id": 7, "to": "b"}', "to", "no such field", 7),
        ('{"event": "a", "id": true}', "id", "int | float | str | null", None),
        ('{"event": "a", "id": [1]}', "id", "int | float | str | null", None),
        ('{"event": "a", "id": "' + "x" * 65 + '"}', "id", "at most 64 characters", None),
        ('{"event": 5, "id": "' + "x" * 65 + '"}', "event", "str", None),
    ],
)
def test_an_object_that_is_no_frame_is_refused_under_its_id(
    text: str, field: str, expected: str, frame_id: object
) -> None:
    error = refusal(text)
    assert not error.foreign
    assert (error.field, error.expected, error.id) == (field, expected, frame_id)


@pytest.mark.parametrize(
    "text",
    [
        '{"event": "a", "data": NaN}',
        '{"event": "a", "data": "\\ud800"}',
        '{"event": "\\udc00"}',
        '{"event": "a", "id": 1e999}',
        '{"event": "a", "id": ' + "1" * 5000 + "}",
        '{"event": "a", "data": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "[" * 100_000,
        '{"event":' * 50_000,
    ],
)
def test_hostile_frames_are_refused_and_nothing_else(text: str) -> None:
    assert refusal(text).expected


def test_an_event_frame_has_name_and_data() -> None:
    text = b'{"event":"user disconnected","data":"x"}'
    assert event_frame("user disconnected", b'"x"') == bytes((0x81, len(text))) + text


def test_a_reply_text_has_data_or_an_error() -> None:
    assert reply_text('a"b', [1]) == b'{"reply":"a\\"b","data":[1]}'
    assert json.loads(reply_text(7, ChatError(Code.unknown_user, field="to"))) == {
        "reply": 7,
        "error": {
            "code": "unknown_user",
            "message": "there is no such user",
            "retryable": False,
            "field": "to",
        },
    }


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(["event", "data", "id"]) | st.text(max_size=5)


@given(json_values | st.dictionaries(keys, json_values, max_size=4), st.booleans())
def test_any_json_is_a_frame_or_refused(value: Any, escaped: bool) -> None:
    text = json.dumps(value, ensure_ascii=escaped)
    try:
        frame = read(text)
    except BadFrame as error:
        assert error.expected
        assert error.foreign == (not isinstance(value, dict))
        assert json.loads(reply_text(0, error))["error"]["code"] == "bad_frame"
        if error.id is not None:
            assert error.id == value["id"]
    else:
        assert frame.event == value["event"]
        assert frame.id == value.get("id")
        assert (msgspec.json.decode(frame.data) if frame.data else None) == value.get("data")


commands = st.sampled_from(COMMANDS)
fields = st.sampled_from(["to", "with", "content", "clientID", "seq", "limit", "query", "others", "odd"])
data = st.dictionaries(fields, st.text(max_size=5) | st.integers() | st.none() | st.booleans(), max_size=4)


@given(commands, data, json_values, st.booleans(), st.booleans())
def test_a_command_read_in_one_go_is_what_it_would_be_in_two(
    command: Command, data: dict[str, Any], frame_id: Any, escaped: bool, last: bool
) -> None:
    frame = {"event": command.name, "data": data, "id": frame_id}
    text = json.dumps(dict(reversed(frame.items())) if last else frame, ensure_ascii=escaped)
    quick = read_command(text)
    try:
        slow = read(text)
        wanted = slow.event, parse(command.data, slow.data), slow.id
    except ChatError:
        assert quick is None
    else:
        assert quick == wanted


@given(st.text())
def test_any_text_is_a_frame_or_refused(text: str) -> None:
    try:
        read(text)
    except BadFrame as error:
        assert error.expected
