"""Version 0003 over a database that has lived: its mails and seals stay, with the keys between them (R62)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from tests.kit.databases import BACKENDS, _admin, postgresql_url
from workflow.database import schema
from workflow.database.connection import Database

SEAL = (
    "INSERT INTO seal (id, reference, ciphertext, sealed_at) VALUES ('s', 'ODA-2027-00001', 'x', '2026-09-14 08:00:00')"
)
MAIL = (
    "INSERT INTO outgoing_mail (id, kind, audience, recipient, context, priority, created_at, not_after, stage,"
    " attempts, seal_id, replaces_id) VALUES ({id}, '{kind}', 'establishment', 'a@b.fr', '{{}}', 1,"
    " '2026-09-14 08:00:00', '2026-10-14 08:00:00', 'sent', 1, {seal}, {replaces})"
)


@pytest.fixture(params=BACKENDS)
def before(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database at version 0002, with a mail that replaces another."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'old.sqlite'}")
    else:
        _admin("CREATE DATABASE oda_before_0003")
        database = Database(postgresql_url("oda_before_0003"))
    with database.write() as connection:
        command.upgrade(schema.alembic_config(connection), "0002")
        connection.execute(text(SEAL))
        connection.execute(text(MAIL.format(id=1, kind="code_issued", seal="'s'", replaces="NULL")))
        connection.execute(text(MAIL.format(id=2, kind="code_issued", seal="'s'", replaces="1")))
    yield database
    database.dispose()
    if request.param == "postgresql":
        _admin("DROP DATABASE oda_before_0003 WITH (FORCE)")


def refused(database: Database, statement: str) -> bool:
    try:
        with database.write() as connection:
            connection.execute(text(statement))
    except IntegrityError:
        return True
    return False


def checks(connection: Connection) -> list[tuple[int, str | None, int | None]]:
    return [tuple(row) for row in connection.execute(text("SELECT id, seal_id, replaces_id FROM outgoing_mail"))]


@pytest.mark.rule("R62", "R72")
def test_upgrade__keeps_all_and_admits_the_new_kinds_alone(before: Database) -> None:
    new = MAIL.format(id=3, kind="sign_in", seal="NULL", replaces="NULL")
    assert refused(before, new)
    schema.upgrade(before)
    with before.read() as connection:
        assert checks(connection) == [(1, "s", None), (2, "s", 1)]
    assert not refused(before, new)
    assert not refused(before, "UPDATE seal SET ciphertext = NULL, erased_why = 'used'")
    assert refused(before, MAIL.format(id=4, kind="other", seal="NULL", replaces="NULL"))
    assert refused(before, MAIL.format(id=4, kind="sign_in", seal="'unknown'", replaces="NULL"))
    assert refused(before, "UPDATE seal SET erased_why = 'other'")
    assert refused(before, "UPDATE outgoing_mail SET stage = 'other'")
    if not before.is_postgresql:
        with before.read() as connection:
            assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
            assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
