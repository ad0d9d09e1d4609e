"""From what a client sent to a command's data, or to an error with field and expectation."""

from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tornadochat.errors import ChatError, Code
from tornadochat.protocol import (
    COMMANDS,
    ConnectData,
    History,
    Logout,
    Payload,
    PrivateMessage,
    Revoke,
    Users,
)
from tornadochat.transports.payloads import ECHO_LONGEST, parse

TYPES: tuple[type[Payload], ...] = (ConnectData, *(command.data for command in COMMANDS))


def as_sent(data: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(data))


def refusal(type_: type[Payload], data: Any) -> ChatError:
    with pytest.raises(ChatError) as raised:
        parse(type_, data)
    return raised.value


@pytest.mark.parametrize("form", [as_sent, lambda data: data], ids=["raw", "decoded"])
def test_good_data_is_the_command_s_type(form: Any) -> None:
    data = {"to": "a", "content": "\U0001f600\u202e", "clientID": "c"}
    assert parse(PrivateMessage, form(data)) == PrivateMessage("a", "\U0001f600\u202e", "c")
    assert parse(History, form({"with": "a", "before": 3})) == History("a", before=3)
    assert parse(Logout, form({})) == Logout()


REFUSALS: tuple[tuple[type[Payload], Any, Code, str | None, str], ...] = (
    (PrivateMessage, {"to": "a"}, Code.invalid, "content", "required"),
    (PrivateMessage, {"to": "a", "content": 5}, Code.invalid, "content", "str"),
    (PrivateMessage, {"to": "a", "content": ""}, Code.invalid, "content", "str of length >= 1"),
    (PrivateMessage, {"to": "a" * 65, "content": "x"}, Code.too_large, "to", "str of length <= 64"),
    (PrivateMessage, {"to": ["a"], "content": "x"}, Code.invalid, "to", "str"),
    (PrivateMessage, {"to": "a", "content": "x", "from": "b"}, Code.invalid, "from", "no such field"),
    (History, {"with_": "a"}, Code.invalid, "with_", "no such field"),
    (History, {"with": "a", "limit": 0}, Code.invalid, "limit", "int >= 1"),
    (History, {"with": "a", "limit": 201}, Code.invalid, "limit", "int <= 200"),
    (History, {"with": "a", "limit": "5"}, Code.invalid, "limit", "int"),
    (History, {"with": "a", "limit": 5.5}, Code.invalid, "limit", "int"),
    (History, {"with": "a", "limit": True}, Code.invalid, "limit", "int"),
    (History, {"with": "a", "after": -1}, Code.invalid, "after", "int >= 0"),
    (History, {"with": "a", "after": 2**53}, Code.invalid, "after", "int <= 9007199254740991"),
    (History, {"with": "a", "after": 2**80}, Code.invalid, "after", "int <= 9007199254740991"),
    (Revoke, {"all": False}, Code.invalid, "all", "a value that the contract names"),
    (Revoke, {"all": 1}, Code.invalid, "all", "bool | null"),
    (Users, [], Code.invalid, None, "object"),
    (Users, None, Code.invalid, None, "object"),
    (Users, "users", Code.invalid, None, "object"),
)


@pytest.mark.parametrize("form", [as_sent, lambda data: data], ids=["raw", "decoded"])
@pytest.mark.parametrize(("type_", "data", "code", "field", "expected"), REFUSALS)
def test_bad_data_is_refused_with_what_was_expected_where(
    form: Any, type_: type[Payload], data: Any, code: Code, field: str | None, expected: str
) -> None:
    error = refusal(type_, form(data))
    assert (error.code, error.field, error.expected) == (code, field, expected)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b'{"with":"\xff"}',
        b'{"with":"\\ud800"}',
        b'{"with":"a",}',
        b'{"with":"a\nb"}',
        b'{"limit":NaN}',
    ],
)
def test_what_is_not_json_is_a_bad_frame(text: bytes) -> None:
    assert refusal(History, msgspec.Raw(text)).code is Code.bad_frame


@pytest.mark.parametrize("depth", [100, 100_000])
def test_deep_nesting_is_refused_without_harm(depth: int) -> None:
    text = b'{"with":' + b"[" * depth + b"]" * depth + b"}"
    assert refusal(History, msgspec.Raw(text)).code in {Code.invalid, Code.bad_frame}
    nested: Any = []
    for _ in range(depth):
        nested = [nested]
    assert refusal(History, {"with": nested}).field == "with"
    while nested:
        nested = nested[0]


@pytest.mark.parametrize(
    ("type_", "data", "field"),
    [
        (PrivateMessage, {"to": "a", "content": "half \ud83d"}, "content"),
        (PrivateMessage, {"to": "\udc00", "content": "a"}, "to"),
        (History, {"with": "\ud800"}, "with"),
        (ConnectData, {"sessionID": "\ud800"}, "sessionID"),
    ],
)
def test_half_a_character_that_another_decoder_let_through_is_refused(
    type_: type[Payload], data: Any, field: str
) -> None:
    error = refusal(type_, data)
    assert (error.code, error.field) == (Code.invalid, field)
    assert error.expected is not None
    assert "surrogates" in error.expected


def test_a_field_that_is_named_by_half_a_character_is_refused() -> None:
    error = refusal(History, {"\ud800": 1})
    assert error.code is Code.invalid
    assert error.expected is not None
    msgspec.json.encode(error.wire())


def test_an_error_repeats_little_of_what_the_client_wrote() -> None:
    error = refusal(History, as_sent({"with": "a", "x" * 100_000: 1}))
    assert error.field == "x" * ECHO_LONGEST
    error = refusal(Revoke, as_sent({"all": "y" * 100_000}))
    assert len(msgspec.json.encode(error.wire())) < 1000


fields = sorted({name for type_ in TYPES for name in type_.__struct_encode_fields__})
json_keys = st.sampled_from(fields) | st.text(max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=100)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
lax_text = st.text(st.characters(), max_size=20)  # with half characters, as json.loads lets them through


def check(type_: type[Payload], data: Any) -> None:
    try:
        value = parse(type_, data)
    except ChatError as error:
        assert error.code in {Code.invalid, Code.too_large}
        assert error.expected
        assert error.field is not None or "object" in error.expected or "surrogates" in error.expected
        msgspec.json.encode(error.wire())
    else:
        assert isinstance(value, type_)
        assert msgspec.json.decode(msgspec.json.encode(value), type=type_) == value


@given(st.sampled_from(TYPES), values | st.dictionaries(json_keys, values, max_size=4))
@example(History, {"with": "`", "x` - at `$.y`": 1})
@example(History, {"\n": 1})
@example(History, {"": 1})
def test_any_json_gives_the_data_or_an_error_that_says_what_and_where(
    type_: type[Payload], data: Any
) -> None:
    check(type_, as_sent(data))
    check(type_, data)


@given(st.sampled_from(TYPES), st.dictionaries(json_keys | lax_text, values | lax_text, max_size=4))
def test_what_a_lax_decoder_gives_is_checked_as_well(type_: type[Payload], data: Any) -> None:
    check(type_, data)


@given(st.sampled_from(TYPES), st.binary(max_size=60))
def test_any_bytes_give_the_data_or_an_error(type_: type[Payload], text: bytes) -> None:
    try:
        parse(type_, msgspec.Raw(text))
    except ChatError as error:
        assert error.expected
