"""The passes that were made whole, by their keys: what makes each of them happen once (R50, R78 to R81)."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from workflow.foresight import OCCURRENCE


def among(connection: Connection, keys: Iterable[str]) -> set[str]:
    """Those of these keys that are marked."""
    return set(connection.execute(select(OCCURRENCE.c.key).where(OCCURRENCE.c.key.in_(list(keys)))).scalars())


def mark(connection: Connection, keys: Iterable[str], now: datetime, mails: int) -> None:
    """Mark passes as whole; ``mails``: how many they wrote. One that another node has marked stays as it is."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    rows = [{"key": key, "at": now, "requests": mails} for key in keys]
    if rows:
        connection.execute(dialect.insert(OCCURRENCE).on_conflict_do_nothing(index_elements=["key"]), rows)
