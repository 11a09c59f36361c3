"""who acted: an event names an actor that the database has"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.widening import constrain

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _name_the_unknown(op.get_bind())
    constrain("event", "fk_event_actor_actor", "FOREIGN KEY(actor) REFERENCES actor (number)")


def _name_the_unknown(connection: sa.Connection) -> None:
    """Give a row to the numbers that a database restored under a running service had given to nobody."""
    missing = "SELECT DISTINCT actor FROM event WHERE NOT EXISTS (SELECT 1 FROM actor WHERE number = event.actor)"
    numbers = connection.execute(sa.text(missing)).scalars().all()
    rows = [
        {"number": n, "key": f"unknown:{n}", "label": f"une personne que la base ne connaît pas (n° {n})"}
        for n in numbers
    ]
    if not rows:
        return
    connection.execute(sa.text("INSERT INTO actor (number, key, label) VALUES (:number, :key, :label)"), rows)
    if connection.dialect.name == "postgresql":
        last = "SELECT setval(pg_get_serial_sequence('actor', 'number'), (SELECT max(number) FROM actor))"
        connection.execute(sa.text(last))
