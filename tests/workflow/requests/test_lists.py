from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event

from notifications.vocabulary import Stage
from states import commands as c
from states.school_calendar import SchoolYear
from states.vocabulary import Change, CodeStatus, RemovalOutcome, State, Step, Trigger
from tests.kit import factories as make
from tests.workflow.requests.office import LYCEE, OTHER, UAI, Office
from workflow.requests.filters import Filters
from workflow.requests.lists import list_requests


def people(office: Office, count: int, state: State = State.DECLARED) -> list[str]:
    return [
        office.request(state, nom=f"Abadie{'abcdefghij'[n]}", prenom="Zoé", mail=f"z{n}@ac-toulouse.fr")
        for n in range(count)
    ]


@pytest.mark.rule("R2", "R3")
def test_list__a_chef_sees_its_own_the_rectorat_all(office: Office) -> None:
    mine, theirs = office.declare(), office.declare(OTHER)
    assert office.listed(office.chef) == [mine]
    assert office.listed(office.chef, uai=OTHER) == []
    assert office.listed() == office.listed(office.reader) == [mine, theirs]


def test_list__filters_combine(office: Office) -> None:
    requested = office.request(State.REQUESTED, nom="Dupont-Aïgnan", prenom="Éloïse", mail="e.dupont@ac-toulouse.fr")
    declared = office.declare(LYCEE, nom="Dupont", prenom="Zoé", mail="z.dupont@ac-toulouse.fr")
    revoked = office.request(State.REVOKED)
    assert office.listed() == [requested, declared, revoked]
    assert office.listed(live=True) == [requested, declared]
    assert office.listed(states=(State.DECLARED, State.REVOKED)) == [declared, revoked]
    assert office.listed(departement="012") == office.listed(departement="12") == [declared]
    assert office.listed(uai=" 0310001h ", live=True) == [requested]
    assert office.listed(school_year=SchoolYear(2026), name="dupont", states=(State.REQUESTED,)) == [requested]
    assert office.listed(school_year=SchoolYear(2027)) == []
    assert office.listed(mail="E.Dupont@AC-toulouse.fr") == [requested]


@pytest.mark.rule("R17")
def test_list__a_name_without_accents_nor_order(office: Office) -> None:
    reference = office.declare(nom="Dupont-Aïgnan", prenom="Éloïse")
    for typed in ("ELOISE dupont", "dupont éloïse", "upon", "aignan", "Dupont-Aignan"):
        assert office.listed(name=typed) == [reference], typed
    for typed in ("%", "_", "'", "--", "Dupond", "x" * 200):
        assert office.listed(name=typed) == [], typed


@pytest.mark.rule("R58")
def test_list__the_codes_that_did_not_arrive_come_first(office: Office) -> None:
    first, second, dead, discarded = people(office, 4, State.CODE_ISSUED)
    office.mail_becomes(Stage.DEAD, dead)
    office.mail_becomes(Stage.DISCARDED, discarded)
    assert office.listed() == [dead, discarded, first, second]
    assert office.listed(office.chef) == [first, second, dead, discarded]
    assert office.listed(undeliverable=True) == [dead, discarded]
    pages = [office.listed(limit=1), *(office.listed(limit=1, after=r) for r in (dead, discarded, first))]
    assert pages == [[dead], [discarded], [first], [second]]
    assert office.listed(limit=2, after=dead) == [discarded, first]
    assert office.listed(after=second) == []


@pytest.mark.rule("R58")
def test_list__agrees_with_the_mails_on_every_stage(office: Office) -> None:
    reference = office.request(State.CODE_ISSUED)
    for stage in Stage:
        office.mail_becomes(stage, reference)
        lost = office.view(reference).code_fate is CodeStatus.UNDELIVERABLE
        assert office.listed(undeliverable=True) == ([reference] if lost else []), stage


@pytest.mark.rule("R58")
def test_list__the_latest_code_mail_decides(office: Office) -> None:
    reference = office.request(State.CODE_ISSUED)
    office.mail_becomes(Stage.DEAD, reference)
    office.do(make.command(Trigger.REISSUE_CODE, reference=reference))
    assert office.listed(undeliverable=True) == []


def test_list__pages_by_reference(office: Office) -> None:
    all_of_them = people(office, 5)
    assert office.listed(limit=2) == all_of_them[:2]
    assert office.listed(limit=2, after=all_of_them[1]) == all_of_them[2:4]
    assert office.listed(limit=2, after=all_of_them[3]) == all_of_them[4:]
    with office.database.read() as connection:
        page = list_requests(connection, Filters(), office.chef, office.policy.calendar, limit=5)
    assert page.after is None


@pytest.mark.rule("R43")
def test_list__expiry_differs_when_the_year_moved(office: Office) -> None:
    issued = office.request(State.CODE_ISSUED)
    office.request(State.REQUESTED, nom="Autre", mail="autre@ac-toulouse.fr")
    assert office.listed(expiry_differs=True) == []
    moved = {make.YEAR: make.LAST_DAY - timedelta(days=30)}
    office.policy = replace(office.policy, calendar=make.calendar(given_ends=moved))
    assert office.listed(expiry_differs=True) == [issued]
    assert office.view(issued).expiry_differs


@pytest.mark.rule("R46", "R49")
def test_list__what_is_open(office: Office) -> None:
    reported, revoked = office.request(State.CODE_ISSUED), office.request(State.REVOKED, LYCEE)
    for change in (Change.DEPARTURE, Change.ABSENCE):
        office.do(c.ReportChange(reference=reported, change=change, effective_on=make.TODAY))
    assert office.listed(report_open=True) == [reported]
    assert office.listed(removal_open=True) == [revoked]
    office.do(c.ConfirmRemoval(reference=revoked, outcome=RemovalOutcome.KEPT))
    assert office.listed(removal_open=True) == []


def test_list__late_counts_from_the_last_submission(office: Office) -> None:
    reference = office.request(State.REQUESTED)
    assert office.listed(submitted_before=make.NOW) == []
    assert office.listed(submitted_before=make.NOW + timedelta(seconds=1)) == [reference]
    office.clock.advance(days=20)
    office.do(c.SendBack(reference=reference, step=Step.CONFIRMATION, why="l'adresse"))
    assert office.listed(submitted_before=office.clock.now()) == []
    office.do(make.command(Trigger.SUBMIT, reference=reference, on_behalf=make.on_behalf()))
    assert office.listed(submitted_before=office.clock.now()) == []


def test_list__since_is_when_the_state_came_not_the_last_event(office: Office) -> None:
    reference = office.request(State.REQUESTED)
    office.clock.advance(days=2)
    office.do(make.command(Trigger.CHECK_LISTING, reference=reference))
    with office.database.read() as connection:
        (line,) = list_requests(connection, Filters(), office.operator, office.policy.calendar).lines
    assert line.since == make.NOW
    assert line.changed_at == make.NOW + timedelta(days=2)
    assert (line.uai, line.establishment, line.departement) == (UAI, "Collège Jean-Moulin", "31")


def test_list__takes_as_many_queries_for_ten_as_for_one(office: Office) -> None:
    queries: list[str] = []
    event.listen(office.database.engine, "before_cursor_execute", lambda *event_args: queries.append(event_args[2]))
    office.declare()
    queries.clear()
    office.listed()
    for_one = len(queries)
    people(office, 9)
    queries.clear()
    assert len(office.listed()) == 10
    assert len(queries) == for_one
