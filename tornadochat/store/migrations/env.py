"""What Alembic runs for every command; the connection and its transaction are the caller's."""

from alembic import context

from tornadochat.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
