"""In June, next year's campaign beside the running one: the key is kept, and the year's end never has it deleted."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from states import commands as c
from states.rules.revocation import RemovalTodo
from states.school_calendar import SchoolYear
from states.vocabulary import Action, CheckOutcome, RevokeReason
from tests.kit.system import System
from tests.workflow.year_end.test_service_sweep import END, SEPTEMBER, live_until
from workflow.removals.tasks import RemovalFilters, list_removals

pytestmark = [pytest.mark.rule("R33"), pytest.mark.rule("R40"), pytest.mark.rule("R43"), pytest.mark.rule("R48")]
JUNE, JULY = datetime(2027, 6, 3, 8, tzinfo=UTC), datetime(2027, 7, 5, 8, tzinfo=UTC)
NEXT_END = date(2028, 8, 31)


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = System(database_url, SEPTEMBER)
    yield system
    system.close()


def renewed_in_june(system: System, old: str, *, only_ready: bool = False) -> str:
    """The next year's request of the same person, its key extended in July; returns its reference."""
    live_until(system, max(JUNE, system.clock.now()))
    new = system.accept(c.Renew(reference=old), "chef A").reference
    assert system.requests()[new].school_year == str(SchoolYear(2027))
    day = JUNE.date()
    system.accept(c.Delegate(reference=new, why="accueil des familles", made_on=day), "chef A")
    system.accept(c.SignCharter(reference=new, signed_on=day, version="2026-1", copy_kept=True), "chef A")
    person = {name: getattr(system.requests()[old], name) for name in ("nom", "prenom", "mail")}
    system.accept(c.Submit(reference=new, **person), "chef A")
    live_until(system, max(JULY, system.clock.now()))
    for check in (c.CheckListing, c.CheckDelegation):
        system.accept(check(reference=new, outcome=CheckOutcome.POSITIVE, source="liste reçue"), "opérateur")
    if not only_ready:
        system.accept(c.IssueCode(reference=new, extends=old), "opérateur")
    return new


def todo_of(system: System, reference: str) -> RemovalTodo:
    with system.database.read() as connection:
        page = list_removals(connection, RemovalFilters(school_year=SchoolYear(2026)), system.policy, system.mailer)
    [line] = page.lines
    assert line.request.reference == reference
    assert line.todo is not None
    return line.todo


@pytest.mark.rule("R50")
def test_end__of_the_old_request_keeps_the_key_under_the_new_ones_expiry(system: System) -> None:
    old = system.issued()
    new = renewed_in_june(system, old)
    rows = system.requests()
    assert (rows[new].extends, rows[new].state, rows[new].expires_on) == (old, "code_issued", NEXT_END)
    assert rows[old].state == "code_issued"  # both live all summer
    live_until(system, END)
    assert system.tick().revoked == {SchoolYear(2026): 1}
    assert (system.state(old), system.state(new)) == ("revoked", "code_issued")
    todo = todo_of(system, old)
    assert todo.action is Action.CHANGE_EXPIRY
    assert (todo.kept_for, todo.expires_on) == ((new,), NEXT_END)
    assert "supprimer" not in todo.sentence.lower()
    assert "31 août 2028" in todo.sentence


def test_end__a_renewal_that_is_not_verified_yet_is_named(system: System) -> None:
    """The key goes, and the operator reads at once that another is asked for."""
    old = system.issued()
    live_until(system, JUNE)
    new = system.accept(c.Renew(reference=old), "chef A").reference
    live_until(system, END)
    system.tick()
    todo = todo_of(system, old)
    assert (todo.action, todo.following) == (Action.REMOVE_RIGHTS, (new,))
    assert f"la demande {new} suit, sans clé pour l'instant" in todo.sentence


def test_end__a_verified_renewal_keeps_the_key_and_is_extended_after_it(system: System) -> None:
    """Nobody had time to extend it in July: the key is kept, then extended from the request that ended (R40)."""
    old = system.issued()
    new = renewed_in_june(system, old, only_ready=True)
    live_until(system, END)
    system.tick()
    todo = todo_of(system, old)
    assert (todo.action, todo.renewed_by, todo.expires_on) == (Action.CHANGE_EXPIRY, (new,), NEXT_END)
    for check in (c.CheckListing, c.CheckDelegation):  # those of July have aged (R36)
        system.accept(check(reference=new, outcome=CheckOutcome.POSITIVE, source="liste reçue"), "opérateur")
    system.accept(c.IssueCode(reference=new, extends=old), "opérateur")
    assert (system.requests()[new].extends, system.state(new)) == (old, "code_issued")
    todo = todo_of(system, old)
    assert (todo.action, todo.kept_for, todo.renewed_by) == (Action.CHANGE_EXPIRY, (new,), ())
    assert system.sealed() == set()


def test_end__the_new_request_given_up_meanwhile_leaves_the_key_to_remove(system: System) -> None:
    """What is to be done follows the person's requests, day after day (R48)."""
    old = system.issued()
    new = renewed_in_june(system, old)
    live_until(system, END)
    system.tick()
    assert todo_of(system, old).action is Action.CHANGE_EXPIRY
    system.accept(c.Revoke(reference=new, reason=RevokeReason.DEPARTURE), "opérateur")
    assert todo_of(system, old).action is Action.REMOVE_RIGHTS


@pytest.mark.rule("R81")
def test_summer__no_september_without_a_key(system: System) -> None:
    """Each school is invited once in June; what is renewed and checked keeps its key, the rest is removed."""
    extended, verified, abandoned = system.issued(1), system.issued(2), system.issued(3, uai="0310002J", chef="chef BC")
    for day in range(8, 12):
        live_until(system, datetime(2027, 6, day, 9, tzinfo=UTC))
        system.tick()
    assert sorted(mail.uai for mail in system.mails("renewal_invitation")) == ["0310001H", "0310002J"]
    follows = [renewed_in_june(system, extended), renewed_in_june(system, verified, only_ready=True)]
    live_until(system, END)
    system.tick()
    with system.database.read() as connection:
        page = list_removals(connection, RemovalFilters(school_year=SchoolYear(2026)), system.policy, system.mailer)
    todos = {line.request.reference: line.todo for line in page.lines if line.todo}
    assert {todos[reference].action for reference in (extended, verified)} == {Action.CHANGE_EXPIRY}
    assert todos[abandoned].action is Action.REMOVE_RIGHTS
    assert (todos[extended].kept_for, todos[verified].renewed_by) == ((follows[0],), (follows[1],))
    assert {todos[reference].expires_on for reference in (extended, verified)} == {NEXT_END}
