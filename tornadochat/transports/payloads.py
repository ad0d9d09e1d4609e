"""From what a client sent to a command's data, or to an error that says what is wrong and where."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar, Union, cast

import msgspec
from msgspec.structs import astuple

from tornadochat.errors import ChatError, Code
from tornadochat.protocol import COMMANDS, ConnectData, Payload

P = TypeVar("P", bound=Payload)

# msgspec words a refusal "Expected <this>, got <that> - at `$.field`" or "Object … field `field`";
# its exceptions carry nothing but that text.
_AT: Final = re.compile(r" - at `\$\.?([^`]*)`$")
_NAMED: Final = re.compile(r"Object (missing required|contains unknown) field `(.*)`", re.DOTALL)
_TOO_LONG: Final = re.compile(r"of length <= \d+$")
ECHO_LONGEST: Final = 64
"""How much of a client's own text an error repeats, in characters."""
_TYPES: Final[tuple[type[Payload], ...]] = (ConnectData, *(command.data for command in COMMANDS))
DECODE: Final[Mapping[type[Payload], Callable[[str | bytes | msgspec.Raw], Payload]]] = MappingProxyType(
    {type_: msgspec.json.Decoder(type_).decode for type_ in _TYPES}
)
"""From JSON to the data of a command; these raise what msgspec raises."""
NAMES: Final[Mapping[type[Payload], str]] = MappingProxyType(
    {command.data: command.name for command in COMMANDS}
)
"""From the data of a command to its name."""


def command_frames(*fields: tuple[str, Any, Any], array_like: bool = False) -> Any:
    """The type of valid frames: an object `{event, data}` with these `fields` beside, or an array of the two.

    It is one type for each command, told apart by the command's name, so that msgspec decodes a frame
    with its data in one go. It refuses a frame without data.
    """
    types = [
        msgspec.defstruct(
            "CommandFrame",
            [("data", command.data), *fields],
            tag_field="event",
            tag=command.name,
            array_like=array_like,
            frozen=True,
            forbid_unknown_fields=True,
            gc=False,
        )
        for command in COMMANDS
    ]
    return Union[tuple(types)]  # noqa: UP007  # made from a list


def parse(type_: type[P], data: Any) -> P:
    """The command's data. Raises ChatError `invalid` or `too_large` with field and expectation.

    `data` is JSON as it came (`msgspec.Raw`) or already decoded.
    """
    try:
        if isinstance(data, msgspec.Raw):
            return cast("P", DECODE[type_](data))
        return _encodable(msgspec.convert(data, type_))
    except UnicodeEncodeError:
        raise _unpaired(None) from None
    except msgspec.ValidationError as refusal:
        raise explain(str(refusal)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ChatError(Code.bad_frame, expected="JSON as RFC 8259 has it, in UTF-8") from None
    except RecursionError:
        raise ChatError(Code.invalid, expected="data that is not nested") from None


def _encodable(value: P) -> P:
    # JSON may escape half of a character; msgspec's decoder refuses that, others let it through.
    for field, text in zip(value.__struct_encode_fields__, astuple(value), strict=True):
        if isinstance(text, str) and not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                raise _unpaired(field) from None
    return value


def _unpaired(field: str | None) -> ChatError:
    return ChatError(Code.invalid, field=field, expected="text without unpaired surrogates")


def parse_connect(data: Any) -> ConnectData:
    """What a client signs in with. Raises ChatError; `invalid_username` where a name or secret is no text."""
    try:
        return parse(ConnectData, data)
    except ChatError as refusal:
        if refusal.field in {"username", "sessionID"}:
            raise ChatError(Code.invalid_username, field=refusal.field, expected=refusal.expected) from None
        raise


def explain(refusal: str) -> ChatError:
    """The error for what msgspec refused."""
    at = _AT.search(refusal)
    path = at.group(1)[:ECHO_LONGEST] if at and at.group(1) else None
    text = refusal[: at.start()] if at else refusal
    named = _NAMED.fullmatch(text)
    if named:
        field = named.group(2)[:ECHO_LONGEST]
        expected = "required" if named.group(1) == "missing required" else "no such field"
        return ChatError(Code.invalid, field=f"{path}.{field}" if path else field, expected=expected)
    if not text.startswith("Expected "):
        # "Invalid enum value …", "Number out of range": what was wrong, not what would be right.
        expected = "a number in range" if text.endswith("out of range") else "a value that the contract names"
        return ChatError(Code.invalid, field=path, expected=expected)
    expected = text.removeprefix("Expected ").replace("`", "").partition(", got ")[0][: 2 * ECHO_LONGEST]
    code = Code.too_large if _TOO_LONG.search(expected) else Code.invalid
    return ChatError(code, field=path, expected=expected)
