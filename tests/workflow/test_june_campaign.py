"""In June, next year's campaign beside the running one: the key is kept, and the year's end never has it deleted."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from states import commands as c
from states.rules.revocation import Action, RemovalTodo
from states.school_calendar import SchoolYear
from states.vocabulary import CheckOutcome, RevokeReason
from tests.kit.world import World
from tests.workflow.test_year_end import END, SEPTEMBER, live_until
from workflow.removals.tasks import RemovalFilters, list_removals

pytestmark = [pytest.mark.rule("R33"), pytest.mark.rule("R40"), pytest.mark.rule("R43"), pytest.mark.rule("R48")]
JUNE, JULY = datetime(2027, 6, 3, 8, tzinfo=UTC), datetime(2027, 7, 5, 8, tzinfo=UTC)
NEXT_END = date(2028, 8, 31)


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    world = World(database_url, SEPTEMBER)
    yield world
    world.close()


def renewed_in_june(world: World, old: str, *, only_ready: bool = False) -> str:
    """The next year's request of the same person, its key extended in July; returns its reference."""
    live_until(world, JUNE)
    new = world.accept(c.Renew(reference=old), "chef A").reference
    assert world.requests()[new].school_year == str(SchoolYear(2027))
    day = JUNE.date()
    world.accept(c.Delegate(reference=new, why="accueil des familles", made_on=day), "chef A")
    world.accept(c.SignCharter(reference=new, signed_on=day, version="2026-1", copy_kept=True), "chef A")
    person = {name: getattr(world.requests()[old], name) for name in ("nom", "prenom", "mail")}
    world.accept(c.Submit(reference=new, **person), "chef A")
    live_until(world, JULY)
    for check in (c.CheckListing, c.CheckDelegation):
        world.accept(check(reference=new, outcome=CheckOutcome.POSITIVE, source="liste reçue"), "opérateur")
    if not only_ready:
        world.accept(c.IssueCode(reference=new, extends=old), "opérateur")
    return new


def todo_of(world: World, reference: str) -> RemovalTodo:
    with world.database.read() as connection:
        page = list_removals(connection, RemovalFilters(school_year=SchoolYear(2026)), world.policy, world.mailer)
    [line] = page.lines
    assert line.request.reference == reference
    assert line.todo is not None
    return line.todo


@pytest.mark.rule("R50")
def test_end__of_the_old_request_keeps_the_key_under_the_new_ones_expiry(world: World) -> None:
    old = world.issued()
    new = renewed_in_june(world, old)
    rows = world.requests()
    assert (rows[new].extends, rows[new].state, rows[new].expires_on) == (old, "code_issued", NEXT_END)
    assert rows[old].state == "code_issued"  # both live all summer
    live_until(world, END)
    assert world.tick().revoked == {SchoolYear(2026): 1}
    assert (world.state(old), world.state(new)) == ("revoked", "code_issued")
    todo = todo_of(world, old)
    assert todo.action is Action.CHANGE_EXPIRY
    assert (todo.kept_for, todo.expires_on) == ((new,), NEXT_END)
    assert "supprimer" not in todo.sentence.lower()
    assert "31 août 2028" in todo.sentence


def test_end__a_renewal_without_its_key_yet_is_named(world: World) -> None:
    """The key goes, and the operator reads at once that another is asked for."""
    old = world.issued()
    new = renewed_in_june(world, old, only_ready=True)
    live_until(world, END)
    world.tick()
    todo = todo_of(world, old)
    assert (todo.action, todo.following) == (Action.REMOVE_KEY, (new,))
    assert f"la demande {new} suit, sans clé pour l'instant" in todo.sentence


def test_end__the_new_request_given_up_meanwhile_leaves_the_key_to_remove(world: World) -> None:
    """What is to be done follows the person's requests, day after day (R48)."""
    old = world.issued()
    new = renewed_in_june(world, old)
    live_until(world, END)
    world.tick()
    assert todo_of(world, old).action is Action.CHANGE_EXPIRY
    world.accept(c.Revoke(reference=new, reason=RevokeReason.DEPARTURE), "opérateur")
    assert todo_of(world, old).action is Action.REMOVE_KEY
