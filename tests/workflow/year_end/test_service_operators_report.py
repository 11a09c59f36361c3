"""The operators' report of a year's end: département by département, on both databases (R54)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from notifications.messages.catalogue import CATALOGUE
from notifications.messages.facts import DepartementCount, YearEndReport
from notifications.vocabulary import Kind
from states import commands as c
from states.vocabulary import RemovalOutcome, RevokeReason
from tests.kit.system import System
from tests.workflow.year_end.test_service_sweep import END, SEPTEMBER, live_until


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = System(database_url, SEPTEMBER)
    yield system
    system.close()


def placed(system: System, **departements: str) -> None:
    """Put establishments in other départements than theirs."""
    with system.database.write() as connection:
        for uai, code in departements.items():
            connection.exec_driver_sql(f"UPDATE establishment SET departement = '{code}' WHERE uai = '{uai[1:]}'")


def report(system: System) -> YearEndReport:
    [mail] = system.mails("year_end_report")
    facts: YearEndReport = CATALOGUE[Kind.YEAR_END_REPORT].decode(mail.context)
    return facts


@pytest.mark.rule("R54", "R47")
def test_report__counts_each_departement(system: System) -> None:
    gone, confirmed = system.issued(1), system.issued(2)
    for reference in (gone, confirmed):
        system.accept(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), "opérateur")
    system.accept(c.ConfirmRemoval(reference=confirmed, outcome=RemovalOutcome.REMOVED), "opérateur")
    system.issued(3)
    system.issued(4)
    system.issued(5, uai="0310002J", chef="chef BC")
    system.issued(6, uai="0310002J", chef="chef BC", only_ready=True)
    placed(system, _0310001H="031", _0310002J="02A")
    live_until(system, END)
    system.tick()
    result = report(system)
    assert result.departements == (
        DepartementCount(code="02A", establishments=1, revoked=2, removals=1, questions=1),
        DepartementCount(code="031", establishments=1, revoked=2, removals=3, questions=0),
    )
    assert (result.revoked, result.establishments, result.removals, result.questions) == (4, 2, 4, 1)


@pytest.mark.rule("R54")
def test_report__a_departement_whose_removals_alone_are_left(system: System) -> None:
    gone = system.issued(1)
    system.accept(c.Revoke(reference=gone, reason=RevokeReason.DEPARTURE), "opérateur")
    system.issued(2, uai="0310002J", chef="chef BC")
    placed(system, _0310001H="", _0310002J="031")
    live_until(system, END)
    system.tick()
    assert report(system).departements == (
        DepartementCount(code="", establishments=0, revoked=0, removals=1, questions=0),
        DepartementCount(code="031", establishments=1, revoked=1, removals=1, questions=0),
    )


@pytest.mark.rule("R54")
def test_report__another_year_is_not_in_it(system: System) -> None:
    system.issued(1)
    live_until(system, END - timedelta(days=60))
    system.tick()
    system.accept(c.Declare(uai="0310002J", nom="Neuf", prenom="Luc", mail="luc.neuf@ac-toulouse.fr"), "chef BC")
    live_until(system, END)
    system.tick()
    assert [share.establishments for share in report(system).departements] == [1]


def test_report__is_one_query_however_many_departements(system: System) -> None:
    system.issued(1)
    system.issued(2, uai="0310002J", chef="chef BC")
    placed(system, _0310001H="031", _0310002J="032")
    live_until(system, END)
    grouped: list[str] = []

    def executed(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "GROUP BY" in statement and "departement" in statement:
            grouped.append(statement)

    event.listen(system.database.engine, "before_cursor_execute", executed)
    system.tick()
    assert len(grouped) == 1
    assert len(report(system).departements) == 2
