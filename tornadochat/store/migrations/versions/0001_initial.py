"""Users, sessions, rooms, messages."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# A room is always as its latest message says: no writer can store the one without the other.
KEEP_ROOM = """
CREATE TRIGGER message_keeps_room AFTER INSERT ON message BEGIN
    INSERT INTO room (id, low, high, seq, number, at)
    VALUES (
        new.room, min(new.sender, new.recipient), max(new.sender, new.recipient),
        new.seq, new.number, new.at
    )
    ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, number = excluded.number, at = excluded.at;
END
"""


def upgrade() -> None:
    """Make everything, and give this log the name by which cursors know it."""
    _make_people()
    _make_log()
    op.execute(KEEP_ROOM)
    meta = op.create_table(
        "meta",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.bulk_insert(
        meta,
        [{"key": "epoch", "value": secrets.token_hex(6)}, {"key": "log_start", "value": "0"}],
    )


def _make_people() -> None:
    op.create_table(
        "user",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("folded", sa.Text, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
    )
    op.create_index("user_folded", "user", ["folded", "id"])
    op.create_table(
        "session",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("user", sa.Integer, sa.ForeignKey("user.id", name="session_user_exists"), nullable=False),
        sa.Column("door", sa.Text, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("seen", sa.Integer, nullable=False),
        sa.UniqueConstraint("secret", name="session_secret"),
    )
    op.create_index("session_user", "session", ["user"])
    op.create_index("session_seen", "session", ["seen"])


def _make_log() -> None:
    op.create_table(
        "room",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("low", sa.Integer, sa.ForeignKey("user.id", name="room_low_exists"), nullable=False),
        sa.Column("high", sa.Integer, sa.ForeignKey("user.id", name="room_high_exists"), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("at", sa.Integer, nullable=False),
        sa.UniqueConstraint("low", "high", name="room_members"),
    )
    op.create_index("room_high", "room", ["high"])
    sender = sa.ForeignKey("user.id", name="message_sender_exists")
    recipient = sa.ForeignKey("user.id", name="message_recipient_exists")
    op.create_table(
        "message",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("room", sa.Integer, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("sender", sa.Integer, sender, nullable=False),
        sa.Column("recipient", sa.Integer, recipient, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("client_id", sa.Text),
        sa.Column("connection", sa.Integer, nullable=False),
        sa.UniqueConstraint("room", "seq", name="message_place"),
    )
    named = sa.text("client_id IS NOT NULL")
    op.create_index("message_client_id", "message", ["sender", "client_id"], unique=True, sqlite_where=named)
    op.create_index("message_sender", "message", ["sender"])
    op.create_index("message_recipient", "message", ["recipient"])
