"""Version 0011 over a database whose journal names an actor that it does not have (R64)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests.kit.databases import BACKENDS, _admin, postgresql_url
from workflow.database import schema
from workflow.database.connection import Database

EVENT = (
    "INSERT INTO event (stream, seq, kind, actor, role, at, canonical, hash)"
    " VALUES ('x', {seq}, 'declare', {actor}, 'chef', '2026-09-14 08:00:00', '', '')"
)


@pytest.fixture(params=BACKENDS)
def before(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database at version 0010, whose second event is of number 5."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'old.sqlite'}")
    else:
        _admin("CREATE DATABASE oda_before_0011")
        database = Database(postgresql_url("oda_before_0011"))
    with database.write() as connection:
        command.upgrade(schema.alembic_config(connection), "0010")
        connection.execute(text("INSERT INTO actor (key, label) VALUES ('chef:1', 'Anne')"))
        for seq, actor in ((1, 1), (2, 5)):
            connection.execute(text(EVENT.format(seq=seq, actor=actor)))
    yield database
    database.dispose()
    if request.param == "postgresql":
        _admin("DROP DATABASE oda_before_0011 WITH (FORCE)")


@pytest.mark.rule("R64")
def test_upgrade__names_the_unknown_and_admits_no_other(before: Database) -> None:
    schema.upgrade(before)
    with before.read() as connection:
        assert dict(connection.execute(text("SELECT number, label FROM actor")).all()) == {
            1: "Anne", 5: "une personne que la base ne connaît pas (n° 5)",
        }  # fmt: skip
        if not before.is_postgresql:
            assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
            assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
    with before.write() as connection:
        assert (
            connection.execute(
                text("INSERT INTO actor (key, label) VALUES ('b', 'Boris') RETURNING number")
            ).scalar_one()
            == 6
        )
    with pytest.raises(IntegrityError), before.write() as connection:
        connection.execute(text(EVENT.format(seq=3, actor=7)))
    with before.write() as connection:
        connection.execute(text(EVENT.format(seq=3, actor=6)))
