"""Every refusal in one table, every close in another; both are part of the contract.

A client reads `code` and `retryable`; people read `message`. `Close` says how a connection ends:
codes 4000-4499, and 1012 and 1013, mean *come back*; 4500-4999 mean *do not*.
"""

from collections.abc import Mapping
from enum import IntEnum, StrEnum, auto
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec


class Code(StrEnum):
    """The error codes, by the names that clients see."""

    bad_frame = auto()
    unknown_command = auto()
    invalid = auto()
    too_large = auto()
    id_required = auto()
    not_connected = auto()
    already_connected = auto()
    invalid_username = auto()
    unknown_session = auto()
    unknown_user = auto()
    conflict = auto()
    rate_limited = auto()
    too_many_connections = auto()
    unavailable = auto()
    internal = auto()


class Kind(NamedTuple):
    """One row of the error table: what people read, and whether the same command may succeed later."""

    message: str
    retryable: bool = False


# Both refusals of a sign-in read "invalid username": any other text leaves the client of the
# Socket.IO private-messaging guide on a blank page.
ERRORS: Final[Mapping[Code, Kind]] = MappingProxyType(
    {
        Code.bad_frame: Kind("not a frame of this protocol"),
        Code.unknown_command: Kind("there is no such command"),
        Code.invalid: Kind("the data is not as it must be"),
        Code.too_large: Kind("too large"),
        Code.id_required: Kind("this command exists for its reply: send it with an id"),
        Code.not_connected: Kind("sign in first"),
        Code.already_connected: Kind("this connection has signed in already"),
        Code.invalid_username: Kind("invalid username"),
        Code.unknown_session: Kind("invalid username"),
        Code.unknown_user: Kind("there is no such user"),
        Code.conflict: Kind("this clientID was used for another message"),
        Code.rate_limited: Kind("too many; wait", retryable=True),
        Code.too_many_connections: Kind("too many connections of yours are open; close one", retryable=True),
        Code.unavailable: Kind("the store cannot take this now; try again", retryable=True),
        Code.internal: Kind("something went wrong here; it has been logged", retryable=True),
    }
)


class ChatError(Exception):
    """A refusal with a code from the table.

    `field` names what was wrong, `expected` what it should have been, `retry_after` (ms) when to
    come again, `incident` ties an `internal` error to its one traceback in the log.
    """

    def __init__(
        self,
        code: Code,
        message: str | None = None,
        *,
        field: str | None = None,
        expected: str | None = None,
        retry_after: int | None = None,
        incident: str | None = None,
    ) -> None:
        super().__init__(message or ERRORS[code].message)
        self.code = code
        self.message = message or ERRORS[code].message
        self.field = field
        self.expected = expected
        self.retry_after = retry_after
        self.incident = incident

    def wire(self) -> "ErrorData":
        """The error as clients see it."""
        return ErrorData(
            code=self.code.value,
            message=self.message,
            retryable=ERRORS[self.code].retryable,
            field=self.field,
            expected=self.expected,
            retryAfter=self.retry_after,
            incident=self.incident,
        )


class ErrorData(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an error looks like on the wire, on both doors. Absent fields are left out."""

    code: str
    message: str
    retryable: bool
    field: str | None = None
    expected: str | None = None
    retryAfter: int | None = None
    incident: str | None = None


class ErrorEvent(ErrorData, frozen=True, omit_defaults=True):
    """The event `error`: what a reply would have said, had one been asked for."""

    command: str | None = None


class Close(IntEnum):
    """Why the server ends a connection; the number is the WebSocket close code of the raw door."""

    restart = 1012
    try_later = 1013
    slow = 4000
    stale = 4001
    not_identified = 4002
    unauthorized = 4500
    revoked = 4501
    violation = 4502
    flooding = 4503

    @property
    def final(self) -> bool:
        """Whether the client is asked not to come back."""
        return self >= 4500
