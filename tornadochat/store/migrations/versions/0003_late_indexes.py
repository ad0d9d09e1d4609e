"""Indexes that are written many messages at a time, in place of four that each message had to go into."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

NEW_MESSAGES = """
INSERT INTO plain_message (number, room, seq, sender, recipient, content, at, client_id, connection, lows)
SELECT number, room, seq, sender, recipient, content, at, client_id, connection, lows
FROM message ORDER BY number
"""

# Nobody can say that the indexes hold more of the log without putting it there.
KEEP_INDEXES = """
CREATE TRIGGER indexing_indexes AFTER UPDATE OF number ON indexing BEGIN
    INSERT INTO room (id, low, high, seq, number, at, lows)
    SELECT room, min(sender, recipient), max(sender, recipient), seq, max(number), at, lows
    FROM message WHERE number > old.number AND number <= new.number GROUP BY room
    ON CONFLICT (id) DO UPDATE
    SET seq = excluded.seq, number = excluded.number, at = excluded.at, lows = excluded.lows;
    INSERT INTO place (room, seq, numbers)
    SELECT room, min(seq), json_group_array(number)
    FROM message WHERE number > old.number AND number <= new.number GROUP BY room;
    INSERT INTO audience (user, number, numbers)
    SELECT user, min(number), json_group_array(number)
    FROM (
        SELECT sender AS user, number FROM message
        WHERE number > old.number AND number <= new.number
        UNION ALL
        SELECT recipient, number FROM message
        WHERE number > old.number AND number <= new.number AND recipient <> sender
    ) GROUP BY user;
    INSERT INTO client (sender, client_id, number)
    SELECT sender, client_id, number
    FROM message WHERE number > old.number AND number <= new.number AND client_id IS NOT NULL
    ORDER BY sender, client_id;
END
"""


def upgrade() -> None:
    """Make them, empty: whoever opens the log for writing fills them."""
    _make_indexes()
    _free_messages()
    op.add_column("room", sa.Column("lows", sa.Integer, nullable=False, server_default=sa.text("0")))
    op.drop_index("room_high", "room")
    op.create_index("room_low_latest", "room", ["low", "number"])
    op.create_index("room_high_latest", "room", ["high", "number"])
    op.execute(KEEP_INDEXES)


def _make_indexes() -> None:
    op.create_table(
        "place",
        sa.Column("room", sa.Integer, primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("numbers", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audience",
        sa.Column("user", sa.Integer, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("numbers", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "client",
        sa.Column("sender", sa.Integer, primary_key=True),
        sa.Column("client_id", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    indexing = op.create_table(
        "indexing",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
    )
    op.bulk_insert(indexing, [{"id": 0, "number": 0}])


def _free_messages() -> None:
    """The messages as they are, without an index, a foreign key or a trigger."""
    op.create_table(
        "plain_message",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("room", sa.Integer, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("sender", sa.Integer, nullable=False),
        sa.Column("recipient", sa.Integer, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("client_id", sa.Text),
        sa.Column("connection", sa.Integer, nullable=False),
        sa.Column("lows", sa.Integer, nullable=False),
    )
    op.execute(NEW_MESSAGES)
    op.drop_table("message")
    op.rename_table("plain_message", "message")
