from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete

from notifications.vocabulary import Stage
from states import commands as c
from states.vocabulary import (
    Action,
    Change,
    CheckOutcome,
    CodeStatus,
    RemovalOutcome,
    Role,
    State,
    Trigger,
    WithdrawReason,
)
from tests.kit import factories as make
from tests.workflow.requests.office import LYCEE, OTHER, Office
from workflow.database.journal_tables import NOTE
from workflow.requests.filters import not_visible


@pytest.mark.rule("R3")
def test_show__another_establishment_is_as_if_it_were_unknown(office: Office) -> None:
    theirs = office.declare(OTHER)
    assert office.find_view(theirs, office.chef) is None
    assert office.find_view("ODA-2027-99999", office.chef) is None
    refused = office.engine.execute([c.Withdraw(reference=theirs, reason=WithdrawReason.ERROR)], office.chef)
    assert str(refused[0]) == str(not_visible(office.chef, theirs))
    assert not_visible(office.chef, theirs) == not_visible(office.chef, "ODA-2027-99999")


def test_show__an_unknown_reference_is_named_to_the_rectorat(office: Office) -> None:
    assert office.find_view("n'importe quoi") is None
    assert "n'importe quoi" in not_visible(office.reader, "n'importe quoi").message


@pytest.mark.rule("R8")
def test_show__history_is_whole_and_in_order(office: Office) -> None:
    view = office.view(office.request(State.REVOKED))
    assert [entry.seq for entry in view.history] == list(range(1, 9))
    first, last = view.history[0], view.history[-1]
    assert (first.trigger, first.source, first.target) == (Trigger.DECLARE, None, State.DECLARED)
    assert (first.actor, first.role, first.at) == ("op@ac-toulouse.fr", Role.OPERATOR, make.NOW)
    assert ("demandé par l'établissement", "par téléphone") in first.details
    assert [(note.label, note.body) for note in first.notes] == [("demandé par", "Mme la principale")]
    assert last.details == (("raison", "départ"), ("retrait", "droits à retirer"))
    assert [note.body for note in last.notes] == ["fin\nde mission"]


@pytest.mark.rule("R64")
def test_show__an_erased_text_is_said_to_be(office: Office) -> None:
    reference = office.request(State.DELEGATED)
    with office.database.write() as connection:
        connection.execute(delete(NOTE).where(NOTE.c.stream == reference))
    assert [note.body for entry in office.view(reference).history for note in entry.notes] == [None] * 3


@pytest.mark.rule("R60")
def test_show__the_code_is_nowhere(office: Office) -> None:
    assert make.CODE not in repr(office.view(office.request(State.CODE_ISSUED)))


@pytest.mark.rule("R34", "R35", "R36", "R37")
def test_show__why_a_check_does_not_count(office: Office) -> None:
    reference = office.request(State.REQUESTED)
    view = office.view(reference)
    assert view.listing.check is None
    assert view.listing.problem is not None
    office.do(make.command(Trigger.CHECK_LISTING, reference=reference))
    office.do(make.command(Trigger.CHECK_DELEGATION, reference=reference, outcome=CheckOutcome.NEGATIVE))
    view = office.view(reference)
    assert view.listing.is_valid
    assert view.delegation.problem is not None
    assert view.delegation.problem.code == "check_negative"
    office.clock.advance(days=31)
    problem = office.view(reference).listing.problem
    assert problem is not None
    assert problem.rule == "R36"


@pytest.mark.rule("R19")
def test_show__the_person_elsewhere_is_told_to_the_rectorat_alone(office: Office) -> None:
    reference, elsewhere = office.request(State.CODE_ISSUED), office.request(State.CODE_ISSUED, LYCEE)
    assert [other.reference for other in office.view(reference).others] == [elsewhere]
    view = office.view(reference, office.chef)
    assert view.others == ()
    assert elsewhere not in repr(view)
    assert LYCEE not in repr(view)


@pytest.mark.rule("R3", "R40")
def test_show__a_chef_is_not_told_where_an_extended_key_comes_from(office: Office) -> None:
    source, reference = office.request(State.CODE_ISSUED, LYCEE), office.request(State.REQUESTED)
    check = {"reference": reference, "outcome": CheckOutcome.POSITIVE, "source": "liste"}
    office.do(c.CheckListing(**check), c.CheckDelegation(**check), c.IssueCode(reference=reference, extends=source))  # type: ignore[arg-type]
    assert office.view(reference).request.extends == source
    view = office.view(reference, office.chef)
    assert view.code_fate is CodeStatus.EXTENDED
    assert source not in repr(view)


@pytest.mark.rule("R48", "R49")
def test_show__what_is_to_be_removed_today(office: Office) -> None:
    gone = office.request(State.REVOKED)
    removal = office.view(gone).removal
    assert removal is not None
    assert removal.todo is not None
    assert removal.todo.action is Action.REMOVE_RIGHTS
    other = office.request(State.CODE_ISSUED, LYCEE)
    removal = office.view(gone).removal
    assert removal is not None
    assert removal.todo is not None
    assert (removal.todo.action, removal.todo.kept_for) == (Action.KEEP_KEY, (other,))
    office.do(c.ConfirmRemoval(reference=gone, outcome=RemovalOutcome.KEPT, note="gardée pour le lycée"))
    of_rectorat, of_chef = office.view(gone), office.view(gone, office.chef)
    assert of_rectorat.removal is not None
    removal = of_rectorat.removal
    assert (removal.outcome, removal.todo, removal.is_open) == (RemovalOutcome.KEPT, None, False)
    assert of_chef.removal is not None
    assert of_chef.removal.outcome is None
    assert "lycée" not in repr(of_chef)


@pytest.mark.rule("R33")
def test_show__the_years_of_a_renewal_are_those_that_the_engine_accepts(office: Office) -> None:
    live, revoked = office.request(State.CODE_ISSUED), office.request(State.REVOKED, OTHER)
    assert office.view(live).renewal_years == ()
    assert office.view(revoked).renewal_years == (make.YEAR,)
    office.clock.advance(days=275)  # July: the next campaign is open, and this year not over
    assert office.view(live).renewal_years == (make.YEAR.next,)
    years = office.view(revoked).renewal_years
    assert years == (make.YEAR, make.YEAR.next)
    for year in years:
        office.do(c.Renew(reference=revoked, school_year=year, on_behalf=make.on_behalf()))


@pytest.mark.rule("R22")
def test_show__the_default_date_is_said(office: Office) -> None:
    reference = office.declare()
    assert not office.view(reference).year_end.is_default
    office.policy = replace(office.policy, calendar=make.calendar(rentrees={}))
    assert office.view(reference).year_end.is_default


@pytest.mark.rule("R32")
def test_show__reports_and_fate(office: Office) -> None:
    reference = office.request(State.CODE_ISSUED)
    assert office.view(reference).code_fate is CodeStatus.WAITING
    office.mail_becomes(Stage.DEAD, reference)
    later = make.TODAY + timedelta(days=30)
    office.do(c.ReportChange(reference=reference, change=Change.DEPARTURE, effective_on=later, note="mutation"))
    view = office.view(reference)
    assert view.code_fate is CodeStatus.UNDELIVERABLE
    assert [(report.number, report.effective_on) for report in view.reports] == [(1, later)]
    assert view.next_step is not None
    assert view.next_step.trigger is Trigger.REISSUE_CODE
    office.clock.advance(days=30)
    step = office.view(reference).next_step
    assert step is not None
    assert step.trigger is Trigger.SETTLE_CHANGE
