"""Each beginning of a sending, noted by the database itself: what a row at its end no longer tells."""

from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, column, select, table

from notifications.sql import UtcDateTime

_BEGUN: Final = table("begun", column("mail"), column("until", UtcDateTime()), column("not_after", UtcDateTime()))
_TABLE: Final = "CREATE TABLE begun (mail integer, until {instant}, not_after {instant})"
_NOTE: Final = "INSERT INTO begun VALUES (NEW.id, NEW.lease_until, NEW.not_after);"
_SQLITE: Final = (
    _TABLE.format(instant="datetime"),
    f"CREATE TRIGGER note_begun AFTER UPDATE OF lease_until ON outgoing_mail WHEN NEW.lease_until IS NOT NULL"
    f" BEGIN {_NOTE} END",
)
_POSTGRESQL: Final = (
    _TABLE.format(instant="timestamptz"),
    f"CREATE FUNCTION note_begun() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {_NOTE} RETURN NEW; END $$",
    "CREATE TRIGGER note_begun AFTER UPDATE OF lease_until ON outgoing_mail FOR EACH ROW"
    " WHEN (NEW.lease_until IS NOT NULL) EXECUTE FUNCTION note_begun()",
)


def note_send_attempts(connection: Connection) -> None:
    """From now on each is noted, with the mail's last hour as it then was."""
    for statement in _POSTGRESQL if connection.dialect.name == "postgresql" else _SQLITE:
        connection.exec_driver_sql(statement)


def late_send_attempts(connection: Connection, lease: timedelta) -> list[int]:
    """The mails that were begun at their last hour or after it (R57), as often as they were."""
    rows = connection.execute(select(_BEGUN)).all()
    return [mail for mail, until, not_after in rows if until - lease >= not_after]


def send_attempts_of(connection: Connection) -> list[int]:
    """The number of the mail begun, for each beginning."""
    return list(connection.execute(select(_BEGUN.c.mail)).scalars())
