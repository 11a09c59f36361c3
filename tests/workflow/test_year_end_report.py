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
from tests.kit.world import World
from tests.workflow.test_year_end import END, SEPTEMBER, live_until


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    world = World(database_url, SEPTEMBER)
    yield world
    world.close()


def placed(world: World, **departements: str) -> None:
    """Put establishments in other départements than theirs."""
    with world.database.write() as connection:
        for uai, code in departements.items():
            connection.exec_driver_sql(f"UPDATE establishment SET departement = '{code}' WHERE uai = '{uai[1:]}'")


def report(world: World) -> YearEndReport:
    [mail] = world.mails("year_end_report")
    facts: YearEndReport = CATALOGUE[Kind.YEAR_END_REPORT].decode(mail.context)
    return facts


@pytest.mark.rule("R54", "R47")
def test_report__counts_each_departement(world: World) -> None:
    gone, confirmed = world.issued(1), world.issued(2)
    for reference in (gone, confirmed):
        world.accept(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), "opérateur")
    world.accept(c.ConfirmRemoval(reference=confirmed, outcome=RemovalOutcome.REMOVED), "opérateur")
    world.issued(3)
    world.issued(4)
    world.issued(5, uai="0310002J", chef="chef BC")
    world.issued(6, uai="0310002J", chef="chef BC", only_ready=True)
    placed(world, _0310001H="031", _0310002J="02A")
    live_until(world, END)
    world.tick()
    found = report(world)
    assert found.departements == (
        DepartementCount(code="02A", establishments=1, revoked=2, removals=1, questions=1),
        DepartementCount(code="031", establishments=1, revoked=2, removals=3, questions=0),
    )
    assert (found.revoked, found.establishments, found.removals, found.questions) == (4, 2, 4, 1)


@pytest.mark.rule("R54")
def test_report__a_departement_whose_removals_alone_are_left(world: World) -> None:
    gone = world.issued(1)
    world.accept(c.Revoke(reference=gone, reason=RevokeReason.DEPARTURE), "opérateur")
    world.issued(2, uai="0310002J", chef="chef BC")
    placed(world, _0310001H="", _0310002J="031")
    live_until(world, END)
    world.tick()
    assert report(world).departements == (
        DepartementCount(code="", establishments=0, revoked=0, removals=1, questions=0),
        DepartementCount(code="031", establishments=1, revoked=1, removals=1, questions=0),
    )


@pytest.mark.rule("R54")
def test_report__another_year_is_not_in_it(world: World) -> None:
    world.issued(1)
    live_until(world, END - timedelta(days=60))
    world.tick()
    world.accept(c.Declare(uai="0310002J", nom="Neuf", prenom="Luc", mail="luc.neuf@ac-toulouse.fr"), "chef BC")
    live_until(world, END)
    world.tick()
    assert [one.establishments for one in report(world).departements] == [1]


def test_report__is_one_query_however_many_departements(world: World) -> None:
    world.issued(1)
    world.issued(2, uai="0310002J", chef="chef BC")
    placed(world, _0310001H="031", _0310002J="032")
    live_until(world, END)
    grouped: list[str] = []

    def executed(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "GROUP BY" in statement and "departement" in statement:
            grouped.append(statement)

    event.listen(world.database.engine, "before_cursor_execute", executed)
    world.tick()
    assert len(grouped) == 1
    assert len(report(world).departements) == 2
