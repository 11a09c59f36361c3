"""Alembic's entrance: the connection is given by ``workflow.database.schema``, never read from a file."""

from alembic import context

from notifications.outbox.tables import MAILS
from workflow.database.tables import REQUEST, SESSIONS

connection = context.config.attributes["connection"]


ROOMS = (MAILS, REQUEST, SESSIONS)  # importing all the tables is what fills their common metadata


context.configure(
    connection=connection,
    target_metadata=ROOMS[0].metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)


context.run_migrations()
