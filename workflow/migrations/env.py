"""Alembic's entrance: the connection is given by ``workflow.schema``, never read from a file."""

from alembic import context

from notifications.tables import MAILS
from workflow.doors.tables import SESSIONS
from workflow.rows import REQUEST

connection = context.config.attributes["connection"]
ROOMS = (MAILS, REQUEST, SESSIONS)  # importing all the tables is what fills their common metadata
context.configure(
    connection=connection,
    target_metadata=ROOMS[0].metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
context.run_migrations()
