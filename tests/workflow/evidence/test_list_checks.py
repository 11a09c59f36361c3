"""Checks that make themselves, and what the lists say no more, on both databases (R94, R95)."""

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from states import commands as c
from states.vocabulary import CheckOutcome, Role, Settlement, State, Trigger
from tests.kit import factories as make
from tests.kit.portal import STAFF, open_portal
from tests.workflow.evidence.rows import ListedOffice
from tests.workflow.evidence.shelf import TITLES, read
from workflow.database.connection import Database
from workflow.database.file_tables import ListKind
from workflow.database.tables import REQUEST
from workflow.evidence.list_checks import ComparisonResult, ListCheckResult
from workflow.evidence.matching import Certainty, ListComparison, Match

LISTING, DELEGATION = ListKind.LISTING, ListKind.DELEGATION
OTHER: dict[str, Any] = {"nom": "Roy", "prenom": "Paul", "mail": "paul.roy@ac-toulouse.fr"}
NEAR = {"prenom": "Anne-Sofie"}


@pytest.fixture
def office(database: Database) -> ListedOffice:
    return ListedOffice(database)


def match(office: ListedOffice, reference: str, kind: ListKind = LISTING) -> Match:
    with office.database.read() as connection:
        comparison = ListComparison(connection, office.policy, office.clock.now())
        return comparison.matches([office.view(reference).request])[reference][kind]


@pytest.mark.rule("R34", "R94")
def test_run__what_agrees_is_checked_once_from_its_line(office: ListedOffice) -> None:
    reference, other = office.request(), office.request(**OTHER)
    (listed,) = office.list_of(LISTING, {})
    (delegated,) = office.list_of(DELEGATION, {})
    preview = office.checks.preview().checks
    assert (preview.made[LISTING], preview.made[DELEGATION], preview.requests) == (1, 1, 2)
    assert office.view(reference).listing.check is None
    result = office.checks.run().checks
    assert (result.made, result.certainties[LISTING, Certainty.NONE]) == (preview.made, 1)
    view = office.view(reference)
    assert view.listing.check
    assert view.delegation.check
    assert view.listing.is_valid
    assert view.delegation.is_valid
    assert (view.listing.check.entry, view.delegation.check.entry) == (listed, delegated)
    assert view.listing.check.source == "liste de la DRANE du 12 octobre 2026, ligne 2"
    assert view.delegation.check.source == "liste des délégations de DelegCE du 12 octobre 2026, ligne 2"
    event = next(event for event in view.history if event.trigger is Trigger.CHECK_LISTING)
    assert (event.role, event.data["automatic"], event.data["list_line"]) == (Role.SCHEDULE, True, 2)
    again = office.checks.run().checks
    assert (again.all_made, office.view(reference).request.version) == (0, view.request.version)
    assert office.view(other).listing.check is None


@pytest.mark.rule("R94")
def test_tick__checks_what_is_submitted_after_its_list(database_url: str, tmp_path: Path) -> None:
    with open_portal(tmp_path, database_url) as portal:
        app, line = portal.app, "0310001H;Nomb;Prénom;rupn1@ac-toulouse.fr;"
        app.lists.import_read(read(f"{TITLES}\n{line}\n"), app.lists.today, portal.actor(STAFF))
        row = select(REQUEST.c.listing_outcome).where(REQUEST.c.reference == portal.submitted(1))
        with app.database.read() as connection:
            assert connection.execute(row).scalar_one() is None
        app.ticker.tick()
        with app.database.read() as connection:
            assert connection.execute(row).scalar_one() == CheckOutcome.POSITIVE.value


@pytest.mark.rule("R94")
def test_run__what_is_near_waits_for_a_person(office: ListedOffice) -> None:
    reference = office.request()
    office.list_of(LISTING, NEAR)
    office.list_of(DELEGATION, {"author": "Paul Roy"})
    result = office.checks.run().checks
    assert (result.all_made, result.confident[LISTING], result.confident[DELEGATION]) == (0, 1, 1)
    assert match(office, reference).is_confident


@pytest.mark.rule("R94")
def test_match__a_list_proves_nothing_of_what_came_after_it(office: ListedOffice) -> None:
    office.list_of(LISTING, {}, on=date(2026, 10, 11))
    reference = office.request()
    result = match(office, reference)
    assert (result.certainty, result.since, result.candidates) == (Certainty.OLDER, office.today, ())
    assert office.checks.run().checks.all_made == 0
    office.list_of(LISTING, {})
    assert match(office, reference).certainty is Certainty.EXACT


@pytest.mark.rule("R35", "R94")
def test_match__a_corrected_name_wants_a_newer_list(office: ListedOffice) -> None:
    reference = office.request(State.DELEGATED)
    office.list_of(LISTING, NEAR)
    office.clock.advance(days=1)
    office.do(c.Amend(reference=reference, prenom="Anne-Sofie", on_behalf=make.on_behalf()))
    assert match(office, reference).certainty is Certainty.OLDER
    assert match(office, office.request(**OTHER), DELEGATION).certainty is Certainty.NO_LIST


@pytest.mark.rule("R36", "R94")
def test_match__a_list_too_old_proves_nothing_any_more(office: ListedOffice) -> None:
    reference = office.request()
    office.list_of(LISTING, {})
    office.clock.advance(days=31)
    assert match(office, reference).certainty is Certainty.TOO_OLD
    assert office.checks.run().checks.all_made == 0


@pytest.mark.rule("R94")
def test_run__an_answer_of_somebody_stands_until_a_newer_list(office: ListedOffice) -> None:
    reference = office.request()
    office.list_of(LISTING, {})
    office.do(c.CheckListing(reference=reference, outcome=CheckOutcome.NEGATIVE, source="lue deux fois"))
    assert office.checks.run().checks.all_made == 0
    office.clock.advance(days=1)
    office.list_of(LISTING, {})
    assert office.checks.run().checks.made[LISTING] == 1
    assert office.view(reference).listing.is_valid


@pytest.mark.rule("R94")
def test_tick__once_a_day_all_and_then_what_has_just_come(office: ListedOffice) -> None:
    office.list_of(LISTING, {}, OTHER)
    first = office.request()
    assert office.checks.tick().checks.made[LISTING] == 1
    second = office.request(**OTHER)
    assert office.checks.tick().checks.made[LISTING] == 1
    office.clock.advance(hours=1)
    assert office.checks.tick().checks.requests == 0
    assert all(office.view(reference).listing.is_valid for reference in (first, second))


def checked_and_issued(office: ListedOffice) -> str:
    reference = office.request()
    office.list_of(LISTING, {}, OTHER)
    office.list_of(DELEGATION, {"ends": date(2026, 11, 30)}, OTHER)
    assert office.checks.run().checks.all_made == 2
    office.do(c.IssueCode(reference=reference, code=c.Code(clear=make.CODE)))
    return reference


def settle(office: ListedOffice, reference: str, number: int) -> None:
    why = "la DRANE l'a oublié"
    office.do(c.SettleChange(reference=reference, report=number, settlement=Settlement.NO_EFFECT, why=why))


@pytest.mark.rule("R95")
def test_losses__a_row_that_has_gone_opens_one_report(office: ListedOffice) -> None:
    reference = checked_and_issued(office)
    assert office.checks.run().lost == 0
    office.clock.advance(days=1)
    office.list_of(LISTING, OTHER)
    assert office.checks.run().lost == 1
    (report,) = office.reports(reference)
    assert (report.change, report.effective_on, report.settlement) == ("listing_lost", office.today, None)
    settle(office, reference, 1)
    office.clock.advance(days=1)
    office.list_of(LISTING, OTHER)
    assert (office.checks.run().lost, len(office.reports(reference))) == (0, 1)
    assert office.view(reference).request.state is State.CODE_ISSUED


@pytest.mark.rule("R95")
def test_losses__a_delegation_that_ends_opens_one_report(office: ListedOffice) -> None:
    reference = checked_and_issued(office)
    office.clock.set(make.NOW.replace(month=11, day=30))
    assert office.checks.tick().lost == 0
    office.clock.set(make.NOW.replace(month=12, day=1))
    assert office.checks.tick().lost == 1
    (report,) = office.reports(reference)
    assert (report.change, report.effective_on) == ("delegation_ended", date(2026, 12, 1))
    assert office.checks.run().lost == 0


@pytest.mark.parametrize("row", [{"prenom": "Anne Sophie"}, NEAR, {"mail": "b@x.fr", "other_mails": make.MAIL}])
@pytest.mark.rule("R95")
def test_losses__a_row_written_otherwise_is_none(office: ListedOffice, row: dict[str, Any]) -> None:
    reference = checked_and_issued(office)
    office.clock.advance(days=1)
    office.list_of(LISTING, row, OTHER)
    assert (office.checks.run().lost, office.reports(reference)) == (0, [])


@pytest.mark.rule("R95")
def test_losses__one_that_changed_person_is_lost(office: ListedOffice) -> None:
    reference = checked_and_issued(office)
    office.clock.advance(days=1)
    office.list_of(LISTING, {"nom": "Durand", "prenom": "Zoé", "mail": "zoe.durand@ac-toulouse.fr"}, OTHER)
    assert office.checks.run().lost == 1
    assert [report.change for report in office.reports(reference)] == ["listing_lost"]


@pytest.mark.rule("R94")
def test_result__says_each_list_in_french_and_that_of_which_there_is_none() -> None:
    checks = ComparisonResult(
        requests=8,
        made=Counter({ListKind.LISTING: 1}),
        certainties=Counter(
            {
                (ListKind.LISTING, Certainty.NEAR): 5,
                (ListKind.LISTING, Certainty.NONE): 2,
                (ListKind.DELEGATION, Certainty.NO_LIST): 8,
            }
        ),
        confident=Counter({ListKind.LISTING: 4}),
    )
    assert list(ListCheckResult(checks=checks, lost=2).sentences()) == [
        "8 demandes comparées aux listes.",
        "Liste des RUPN : 1 vérification s'est faite d'elle-même ; 5 à confirmer, dont 4 à 90 et"
        " plus ; 2 introuvables.",
        "Liste des délégations : aucune n'est importée.",
        "2 signalements ouverts, à régler : ce que les listes ne disent plus.",
    ]
