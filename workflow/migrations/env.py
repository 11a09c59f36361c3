"""Alembic's entrance: the connection is given by ``workflow.schema``, never read from a file."""

from alembic import context
from sqlmodel import SQLModel

import workflow.tables  # noqa: F401

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
context.run_migrations()
