"""The database itself refuses what the write path would not do, on both engines (R8, R63)."""

from collections.abc import Iterator

import pytest
from sqlalchemy.exc import DBAPIError

from states import commands as c
from tests.kit.system import System
from tests.workflow.year_end.test_service_sweep import SEPTEMBER

BIRTH = (
    "INSERT INTO delegation_request (reference, uai, school_year, state, version, nom, prenom, mail, folded_mail,"
    " person, chef_name, delegation_why, listing_source, listing_seen, delegation_source, delegation_seen,"
    " key_possible, acted_on_behalf, created_at, changed_at, last_trigger, last_actor, chain_head, chain_length)"
    " SELECT 'ODA-2027-00009', uai, school_year, state, 1, nom, prenom, 'x@y.fr', 'x@y.fr', person, '', '', '', '', '',"
    " '', key_possible, '', created_at, changed_at, last_trigger, last_actor, chain_head, 1 FROM delegation_request"
)
REFUSED = {
    "a state without its event": ("UPDATE delegation_request SET state = 'code_issued'", "R8"),
    "a state and a version without an event": (
        "UPDATE delegation_request SET state = 'revoked', version = version + 1, chain_length = chain_length + 1",
        "R8",
    ),
    "a version alone": ("UPDATE delegation_request SET version = version + 1", "R8"),
    "a chain head": ("UPDATE delegation_request SET chain_head = 'x'", "R8"),
    "another establishment": ("UPDATE delegation_request SET uai = '0310002J'", "R8"),
    "another year": ("UPDATE delegation_request SET school_year = '2027-2028'", "R8"),
    "another reference": ("UPDATE delegation_request SET reference = 'ODA-2027-00008'", "R8"),
    "a request removed": ("DELETE FROM delegation_request", "R8"),
    "a request from nowhere": (BIRTH, "R8"),
    "an event changed": ("UPDATE event SET kind = 'revoke'", "R63"),
    "an event's instant": ("UPDATE event SET at = at", "R63"),
    "an event removed": ("DELETE FROM event", "R63"),
    "a note changed": ("UPDATE event_note SET body = 'x'", "R64"),
    "another person behind a number": ("UPDATE actor SET label = 'innocent', key = key || 'x'", "R64"),
    "another name for somebody forgotten": ("UPDATE actor SET key = 'erased:' || number, label = 'innocent'", "R64"),
    "an erasure in part": ("UPDATE delegation_request SET erased_at = created_at, nom = 'x'", "R110"),
    "an erasure of a live request": (
        "UPDATE delegation_request SET erased_at = created_at, nom = 'Identité effacée', prenom = '', mail = '',"
        " folded_mail = '', person = '', sorted_name = '', chef_name = '', delegation_why = '', listing_source = '',"
        " listing_seen = '', delegation_source = '', delegation_seen = '', drane_seen = '', last_actor = ''",
        "R110",
    ),
    "nobody behind a number": ("DELETE FROM actor", "R64"),
}
ONLY_HERE = {
    "sqlite": {
        "an event replaced": ("INSERT OR REPLACE INTO event SELECT * FROM event", "R63"),
        "a request replaced": ("INSERT OR REPLACE INTO delegation_request SELECT * FROM delegation_request", "R8"),
        "an actor replaced": ("INSERT OR REPLACE INTO actor SELECT number, key, 'x', nonce FROM actor", "R64"),
        "a note replaced": ("INSERT OR REPLACE INTO event_note SELECT * FROM event_note", "R64"),
    },
    "postgresql": {
        "all events": ("TRUNCATE event", "R63"),
        "all actors": ("TRUNCATE actor CASCADE", "R64"),
        "all requests": ("TRUNCATE delegation_request CASCADE", "R8"),
        "all events by cascade": ("TRUNCATE delegation_request, event CASCADE", "R8|R63"),
    },
}


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = System(database_url, SEPTEMBER)
    reference = system.accept(
        c.Declare(uai="0310001H", nom="Durand", prenom="Anne", mail="anne@ac-toulouse.fr"), "chef A"
    ).reference
    today = system.policy.calendar.today(system.clock.now())
    system.accept(c.Delegate(reference=reference, why="accueil", made_on=today), "chef A")
    yield system
    system.close()


def attack(system: System, statement: str) -> None:
    with system.database.write() as connection:
        connection.exec_driver_sql(statement)


@pytest.mark.rule("R8", "R63")
def test_guards__refuse_everything_but_the_write_path(system: System, backend: str) -> None:
    before = system.dump()
    for name, (statement, rule) in {**REFUSED, **ONLY_HERE[backend]}.items():
        with pytest.raises(DBAPIError, match=rule) as refused:
            attack(system, statement)
        assert refused, name
    assert system.dump() == before


@pytest.mark.rule("R64")
def test_guards__let_a_note_be_erased(system: System) -> None:
    """Retention will erase texts; the journal still verifies without them."""
    with system.database.write() as connection:
        assert connection.exec_driver_sql("DELETE FROM event_note").rowcount == 1
    assert system.flaws() == []
