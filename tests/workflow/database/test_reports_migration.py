"""Version 0017 over reports and checks of before: they stay as they were, and new ones are admitted (R32, R35, R46)."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from tests.kit.databases import BACKENDS, _admin, postgresql_url
from workflow.database import schema
from workflow.database.connection import Database

SEEN = hashlib.sha256("\x1f".join(("Durand", "Zoé", "zoe@ac-toulouse.fr", "2026-2027")).encode()).hexdigest()[:32]
AT = "2026-09-14 08:00:00"


def add_request(connection: Connection, reference: str, evidence: str) -> None:
    """A request to check, whose list check is negative and saw ``evidence``."""
    event = {"stream": reference, "hash": f"h{reference}", "at": AT}
    connection.execute(
        text(
            "INSERT INTO event (stream, seq, kind, to_state, actor, role, at, canonical, hash)"
            " VALUES (:stream, 1, 'declare', 'requested', 1, 'chef', :at, '', :hash)"
        ),
        event,
    )
    row = {
        "reference": reference, "uai": "0310001H", "school_year": "2026-2027", "state": "requested", "version": 1,
        "nom": "Durand", "prenom": "Zoé", "mail": "zoe@ac-toulouse.fr", "folded_mail": reference,
        "person": "durand zoe",
        "chef_name": "", "delegation_why": "", "listing_outcome": "negative", "listing_source": "liste",
        "listing_seen": evidence, "delegation_source": "", "delegation_seen": "", "acted_on_behalf": "",
        "created_at": AT, "changed_at": AT, "checks": "negative", "last_trigger": "check_listing", "last_actor": "",
        "chain_length": 1, "chain_head": event["hash"],
    }  # fmt: skip
    names = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    statement = f"INSERT INTO delegation_request ({names}, key_possible) VALUES ({values}, false)"
    connection.execute(text(statement), row)


def report(connection: Connection, number: int, change: str) -> None:
    connection.execute(
        text(
            "INSERT INTO change_report (reference, number, change, effective_on, reported_at)"
            " VALUES ('ODA-2027-00001', :number, :change, '2026-09-14', :at)"
        ),
        {"number": number, "change": change, "at": AT},
    )


@pytest.fixture(params=BACKENDS)
def before(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database at version 0016."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'old.sqlite'}")
    else:
        _admin("CREATE DATABASE oda_before_0017")
        database = Database(postgresql_url("oda_before_0017"))
    with database.write() as connection:
        command.upgrade(schema.alembic_config(connection), "0016")
        connection.execute(text("INSERT INTO actor (key, label) VALUES ('chef:1', 'Anne')"))
        connection.execute(
            text(
                "INSERT INTO establishment (uai, nom, kind, commune, departement, is_open, is_listed)"
                " VALUES ('0310001H', 'Collège', '', '', '31', true, true)"
            )
        )
        add_request(connection, "ODA-2027-00001", "autre chose")
        add_request(connection, "ODA-2027-00002", SEEN)
        report(connection, 1, "key_lost")
    yield database
    database.dispose()
    if request.param == "postgresql":
        _admin("DROP DATABASE oda_before_0017 WITH (FORCE)")


@pytest.mark.rule("R32", "R35", "R46")
def test_upgrade__keeps_what_was_reported_and_asks_for_void_checks_again(before: Database) -> None:
    schema.upgrade(before)
    with before.read() as connection:
        checks = connection.execute(text("SELECT reference, checks FROM delegation_request")).all()
        assert dict(checks) == {"ODA-2027-00001": "to_do", "ODA-2027-00002": "negative"}
        reports = connection.execute(text("SELECT change, settlement, revoke_on FROM change_report")).all()
        assert reports == [("key_lost", None, None)]
        if not before.is_postgresql:
            assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
    with before.write() as connection:
        report(connection, 2, "code_not_received")
    with pytest.raises(IntegrityError), before.write() as connection:
        report(connection, 3, "anything")
