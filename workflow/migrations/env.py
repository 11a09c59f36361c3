"""Alembic's entry point: connection and tables are given by ``workflow.database.schema``, never read from a file."""

from alembic import context

connection = context.config.attributes["connection"]

context.configure(
    connection=connection,
    target_metadata=context.config.attributes["metadata"],
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)

context.run_migrations()
