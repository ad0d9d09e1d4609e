"""Marks, and what unread messages are counted with."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

COUNT_LOWS = """
UPDATE message SET lows = counted.lows
FROM (
    SELECT message.number, sum(message.sender = room.low) OVER (
        PARTITION BY message.room ORDER BY message.seq
    ) AS lows
    FROM message JOIN room ON room.id = message.room
) AS counted
WHERE counted.number = message.number
"""


def upgrade() -> None:
    """Count what is there, and make room for marks; nobody has any yet."""
    op.add_column("message", sa.Column("lows", sa.Integer, nullable=False, server_default=sa.text("0")))
    op.execute(COUNT_LOWS)
    op.create_table(
        "mark",
        sa.Column("viewer", sa.Integer, primary_key=True),
        sa.Column("sender", sa.Integer, primary_key=True),
        sa.Column("recipient", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("connection", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("mark_log", "mark", ["viewer", "number"], unique=True)
    op.create_index("mark_number", "mark", ["number"])
