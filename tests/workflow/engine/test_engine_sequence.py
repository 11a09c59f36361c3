"""Several steps in one sitting: all of them or none, once, and one mail (R7, R9, R10, R55)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from states import commands as c
from states.decision import Refused
from states.vocabulary import State
from tests.kit.system import System
from workflow.engine.engine import Done, Step, execute_sequence

SEPTEMBER = datetime(2026, 9, 10, 8, tzinfo=UTC)
TODAY = date(2026, 9, 10)
WHO: dict[str, Any] = {"nom": "Durand", "prenom": "Paul", "mail": "paul.durand@ac-toulouse.fr"}


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = System(database_url, SEPTEMBER)
    yield system
    system.close()


def steps(*, made_on: date = TODAY, signed_on: date = TODAY, version: str = "2026-1", **who: Any) -> list[Step]:
    """From the declaration to the request, of Paul Durand unless told."""
    whole = WHO | who
    return [
        lambda _: c.Declare(uai="0310001H", **whole),
        lambda reference: c.Delegate(reference=reference, why="accueil des familles", made_on=made_on),
        lambda reference: c.SignCharter(reference=reference, signed_on=signed_on, version=version, copy_kept=True),
        lambda reference: c.Submit(reference=reference, **whole),
    ]  # fmt: skip


@pytest.mark.rule("R7")
def test_sitting__does_every_step_each_with_its_event(system: System) -> None:
    woken: list[bool] = []
    system.engine.on_commit = lambda: woken.append(True)
    done = execute_sequence(system.engine, steps(), system.actors["chef A"])
    assert isinstance(done, Done)
    assert (done.state, done.version) == (State.REQUESTED, 4)
    assert system.event_counts()[done.reference] == 4
    assert system.flaws() == []
    assert woken == [True]


@pytest.mark.rule("R7")
def test_sitting__one_step_refused_leaves_nothing_behind(system: System) -> None:
    before = system.dump()
    refused = execute_sequence(system.engine, steps(signed_on=date(2027, 1, 1)), system.actors["chef A"])
    assert isinstance(refused, Refused)
    assert [reason.field for reason in refused.reasons] == ["signed_on"]
    assert system.dump() == before


@pytest.mark.rule("R7")
def test_sitting__tells_what_is_wrong_with_every_step_at_once(system: System) -> None:
    wrong = steps(nom="", made_on=date(2027, 1, 1), signed_on=date(2020, 1, 1), version="2019-1")
    refused = execute_sequence(system.engine, wrong, system.actors["chef A"])
    assert isinstance(refused, Refused)
    assert [reason.field for reason in refused.reasons] == ["nom", "made_on", "signed_on", "version"]


@pytest.mark.rule("R3")
def test_sitting__tells_nothing_more_to_who_may_not_act(system: System) -> None:
    refused = execute_sequence(system.engine, steps(made_on=date(2027, 1, 1)), system.actors["chef BC"])
    assert isinstance(refused, Refused)
    assert [reason.code for reason in refused.reasons] == ["not_your_establishment"]


@pytest.mark.rule("R55")
def test_sitting__the_mailbox_gets_the_mail_of_the_last_step_alone(system: System) -> None:
    execute_sequence(system.engine, steps(), system.actors["chef A"])
    kinds = ("declared", "delegated", "charter_signed", "submitted", "new_request")
    assert [len(system.mails(kind)) for kind in kinds] == [0, 0, 0, 1, 1]


@pytest.mark.rule("R10")
def test_sitting__sent_twice_is_done_once(system: System) -> None:
    first = execute_sequence(system.engine, steps(), system.actors["chef A"], key="web:1")
    again = execute_sequence(system.engine, steps(), system.actors["chef A"], key="web:1")
    assert isinstance(first, Done)
    assert again == replace(first, replayed=True)
    other = execute_sequence(system.engine, steps(made_on=date(2026, 9, 1)), system.actors["chef A"], key="web:1")
    assert isinstance(other, Refused)
    assert {reason.code for reason in other.reasons} == {"other_content"}
    assert len(system.requests()) == 1


@pytest.mark.rule("R9")
def test_sitting__of_a_request_that_changed_meanwhile_is_refused(system: System) -> None:
    reference = system.accept(c.Declare(uai="0310001H", **WHO), "chef A").reference
    system.accept(c.Amend(reference=reference, prenom="Jean"), "adjoint A")
    _, delegate, *rest = steps()
    late: list[Step] = [lambda known: replace(delegate(known), expected_version=1), *rest]
    refused = execute_sequence(system.engine, late, system.actors["chef A"], reference=reference)
    assert isinstance(refused, Refused)
    assert [reason.code for reason in refused.reasons] == ["changed_meanwhile"]
    assert system.state(reference) == "declared"


@pytest.mark.rule("R19")
def test_sitting__gives_the_warnings_of_all_its_steps_once(system: System) -> None:
    system.accept(c.Declare(uai="0310002J", **WHO), "chef BC")
    done = execute_sequence(system.engine, steps(), system.actors["chef A"])
    assert isinstance(done, Done)
    assert [warning.code for warning in done.warnings] == ["other_request"]


def test_sitting__has_at_least_one_step(system: System) -> None:
    with pytest.raises(ValueError, match="step"):
        execute_sequence(system.engine, [], system.actors["chef A"])
