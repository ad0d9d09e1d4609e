"""Who a device signs in as."""

from dataclasses import dataclass


@dataclass(slots=True)
class Account:
    """A user; all devices of one are in one session, at whichever door."""

    username: str
    user_id: str = ""
    session_id: str = ""
