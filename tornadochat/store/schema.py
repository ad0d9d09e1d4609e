"""The tables. What makes them is the migrations; a test holds the two together.

Users and sessions are known inside by the random integers whose hexadecimal digits are their public
names (see `tornadochat.store.keys`).
"""

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""`epoch`: which log this is; `log_start`: the log holds everything above this number."""

user = Table(
    "user",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("username", Text, nullable=False),
    Column("folded", Text, nullable=False),
    Column("created", Integer, nullable=False),
    Index("user_folded", "folded", "id"),
)

session = Table(
    "session",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    Column("user", Integer, ForeignKey("user.id", name="session_user_exists"), nullable=False),
    Column("door", Text, nullable=False),
    Column("created", Integer, nullable=False),
    Column("seen", Integer, nullable=False),
    UniqueConstraint("secret", name="session_secret"),
    Index("session_user", "user"),
    Index("session_seen", "seen"),
)

room = Table(
    "room",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("low", Integer, ForeignKey("user.id", name="room_low_exists"), nullable=False),
    Column("high", Integer, ForeignKey("user.id", name="room_high_exists"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", Integer, nullable=False),
    Column("lows", Integer, nullable=False, server_default=text("0")),
    UniqueConstraint("low", "high", name="room_members"),
    Index("room_low_latest", "low", "number"),
    Index("room_high_latest", "high", "number"),
)
"""One conversation: its two users, the lesser key as `low`, and where its latest indexed message stands."""

message = Table(
    "message",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("room", Integer, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("sender", Integer, nullable=False),
    Column("recipient", Integer, nullable=False),
    Column("content", Text, nullable=False),
    Column("at", Integer, nullable=False),
    Column("client_id", Text),
    Column("connection", Integer, nullable=False),
    Column("lows", Integer, nullable=False),
)
"""The messages in the order of the log, and nothing else that a commit would have to write.

What finds them is `room`, `place`, `audience` and `client`, all written when `indexing` moves on. That the
users exist is what the writer has made sure of, and the foreign keys of `room`. `lows`: how many messages of
the room, up to this one, are by its `low`; unread messages are counted with it, in two look-ups however
many there are.
"""

indexing = Table(
    "indexing",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", Integer, nullable=False),
)
"""One row: the messages up to this number are in the indexes. A trigger puts them there when it moves."""

place = Table(
    "place",
    metadata,
    Column("room", Integer, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("numbers", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""Runs of a room's messages: the first seq, and the numbers of the log, a JSON array in no order."""

audience = Table(
    "audience",
    metadata,
    Column("user", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("numbers", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""Runs of the messages that a user has sent or received: the first number, and all, as in `place`."""

client = Table(
    "client",
    metadata,
    Column("sender", Integer, primary_key=True),
    Column("client_id", Text, primary_key=True),
    Column("number", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""Which message has which clientID."""

mark = Table(
    "mark",
    metadata,
    # No foreign keys: only who is a member of a room has marks, and members are never deleted.
    Column("viewer", Integer, primary_key=True),
    Column("sender", Integer, primary_key=True),
    Column("recipient", Integer, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("connection", Integer, nullable=False),
    Index("mark_log", "viewer", "number", unique=True),
    Index("mark_number", "number"),
    sqlite_with_rowid=False,
)
"""How far `sender` has come in the conversation with `recipient`, as `viewer`, one of the two, may know.

Each row is an event of the log of its viewer, at its own number: were the two kinds, or the two views,
one row with one number, a cursor between two changes would pass over the first of them.
"""
