"""Who handles a request: told to colleagues, ends by itself, stops nobody (R88)."""

from datetime import timedelta

import pytest

from states import commands as c
from states.model import Actor
from states.vocabulary import RevokeReason, Role, State
from tests.workflow.requests.office import Office
from workflow.journal.chain import actor_number
from workflow.requests.collaboration import Assignment, Assignments, assignments_of
from workflow.requests.filters import Filters
from workflow.requests.worklist import Order, Worklist

COLLEAGUE = "colleague@ac-toulouse.fr (opérateur du rectorat)"


@pytest.fixture
def colleague(office: Office) -> Actor:
    key = "operator:colleague@ac-toulouse.fr"
    number = actor_number(office.database, office.engine.hasher, office.clock, key, COLLEAGUE)
    return Actor(role=Role.OPERATOR, number=number, label=COLLEAGUE)


def service_of(office: Office, lasting: timedelta = timedelta(hours=4)) -> Assignments:
    return Assignments(office.engine, lasting)


def assignment(office: Office, reference: str) -> Assignment | None:
    with office.database.read() as connection:
        return assignments_of(connection, [reference], office.clock.now()).get(reference)


def listed(office: Office, filters: Filters, actor: Actor) -> list[str]:
    with office.database.read() as connection:
        worklist = Worklist(connection, actor, office.policy, office.clock.now())
        return [line.line.reference for line in worklist.page(filters, Order.REFERENCE, None).lines]


@pytest.mark.rule("R88")
def test_assignment__is_told_until_it_ends(office: Office, colleague: Actor) -> None:
    reference = office.request()
    service_of(office).take(reference, colleague)
    current = assignment(office, reference)
    assert current is not None
    assert (current.address, current.until) == ("colleague@ac-toulouse.fr", office.clock.now() + timedelta(hours=4))
    office.clock.advance(hours=4)
    assert assignment(office, reference) is None


@pytest.mark.rule("R88")
def test_assignment__a_colleague_takes_over_or_ends_it(office: Office, colleague: Actor) -> None:
    reference, assignments = office.request(), service_of(office)
    assignments.take(reference, colleague)
    assignments.take(reference, office.operator)
    current = assignment(office, reference)
    assert current is not None
    assert current.is_of(office.operator)
    assignments.release(reference)
    assert assignment(office, reference) is None


@pytest.mark.rule("R88")
def test_assignment__stops_no_colleague_and_ends_with_the_state(office: Office, colleague: Actor) -> None:
    reference = office.request()
    service_of(office).take(reference, colleague)
    office.clock.advance(minutes=1)
    done = office.do(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), by=office.operator)
    assert done.state is State.REVOKED
    assert assignment(office, reference) is None


@pytest.mark.rule("R88")
def test_assignment__lists_those_of_mine_and_of_nobody(office: Office, colleague: Actor) -> None:
    mine, theirs, nobodys = (
        office.request(mail=f"{name}@ac-toulouse.fr", nom=name) for name in ("un", "deux", "trois")
    )
    service_of(office).take(mine, office.operator)
    service_of(office).take(theirs, colleague)
    now = office.clock.now()
    own = Filters(assigned_to=office.operator.number, assigned_at=now)
    assert listed(office, own, office.operator) == [mine]
    assert listed(office, Filters(unassigned=True, assigned_at=now), office.operator) == [nobodys]


@pytest.mark.rule("R88")
def test_assignment__is_no_event(office: Office, colleague: Actor) -> None:
    reference = office.request()
    before = len(office.view(reference).history)
    service_of(office).take(reference, colleague)
    assert len(office.view(reference).history) == before
