"""Nothing that is decided hangs on a French wording: every sentence and label may be put otherwise."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from states import commands as c
from states.refusals import Reason
from states.vocabulary import CheckOutcome, Labelled, Step
from tests.kit import factories as make
from tests.workflow.requests.office import Office
from workflow.requests.filters import Filters
from workflow.requests.worklist import Mark, Order, Worklist


def reword_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every refusal and every label another text, none of which begins like another."""
    numbers, create = count(), Reason.__init__

    def reworded(self: Reason, code: str, rule: str, message: str, remedy: str, *rest: Any, **options: Any) -> None:
        create(self, code, rule, f"{next(numbers)}, autrement", f"{next(numbers)}, autrement", *rest, **options)

    monkeypatch.setattr(Reason, "__init__", reworded)
    for kind in enumerations(Labelled):
        for member in kind:
            monkeypatch.setattr(member, "label", f"{next(numbers)}, autrement")


def enumerations(base: type[Labelled]) -> Iterator[type[Labelled]]:
    for kind in base.__subclasses__():
        yield kind
        yield from enumerations(kind)


def requests_at_every_check(office: Office) -> dict[str, str]:
    """One request for each thing that its checks may say, by a word for it."""
    names = ("too_old", "void", "fresh", "listed", "negative", "ready")
    requests = {
        name: office.request(nom=f"Nom {name}".replace("_", " "), mail=f"{name}@ac-toulouse.fr") for name in names
    }

    def check(name: str, *outcomes: CheckOutcome) -> None:
        for command, outcome in zip((c.CheckListing, c.CheckDelegation), outcomes, strict=False):
            office.do(command(reference=requests[name], outcome=outcome, source="liste"))

    for name in ("too_old", "void"):
        check(name, CheckOutcome.POSITIVE, CheckOutcome.POSITIVE)
    office.clock.advance(days=office.policy.checks_max_age_days + 1)
    for name in ("ready", "void"):
        check(name, CheckOutcome.POSITIVE, CheckOutcome.POSITIVE)
    check("listed", CheckOutcome.POSITIVE)
    check("negative", CheckOutcome.NEGATIVE, CheckOutcome.POSITIVE)
    changed = {"reference": requests["void"], "mail": "autre@ac-toulouse.fr", "on_behalf": make.on_behalf()}
    office.do(
        c.SendBack(reference=requests["void"], step=Step.CONFIRMATION, why="l'adresse"),
        c.Amend(**changed),  # type: ignore[arg-type]
        c.Submit(**changed, nom="Nom void", prenom=make.PRENOM),  # type: ignore[arg-type]
    )
    return requests


def decided(office: Office, reference: str) -> tuple[object, ...]:
    """All that a page or a program goes by, but for the words."""
    view = office.view(reference)
    with office.database.read() as connection:
        worklist = Worklist(connection, office.operator, office.policy, office.clock.now())
        (line,) = (
            item for item in worklist.page(Filters(), Order.REFERENCE, None).lines if item.line.reference == reference
        )
    step = view.next_step
    codes = [problem.code if problem else None for problem in (view.listing.problem, view.delegation.problem)]
    actions = [(action.trigger, action.on_behalf) for action in view.actions]
    return line.listing, line.delegation, line.is_ready, codes, step and (step.who, step.trigger), actions


@pytest.mark.rule("R34", "R35", "R36", "R39")
def test_checks__no_decision_hangs_on_a_wording(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = requests_at_every_check(office)
    before = {name: decided(office, reference) for name, reference in requests.items()}
    assert {name: decision[:3] for name, decision in before.items()} == {
        "fresh": (Mark.TO_DO, Mark.TO_DO, False), "listed": (Mark.POSITIVE, Mark.TO_DO, False),
        "negative": (Mark.NEGATIVE, Mark.POSITIVE, False), "ready": (Mark.POSITIVE, Mark.POSITIVE, True),
        "void": (Mark.VOID, Mark.VOID, False), "too_old": (Mark.TOO_OLD, Mark.TOO_OLD, False),
    }  # fmt: skip
    reword_everything(monkeypatch)
    assert {name: decided(office, reference) for name, reference in requests.items()} == before


@pytest.mark.rule("R39")
def test_marks__an_unheard_of_problem_is_never_positive(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = requests_at_every_check(office)["negative"]
    monkeypatch.setattr("workflow.requests.worklist._MARKS", {})
    listing, _, is_ready, *_ = decided(office, reference)
    assert (listing, is_ready) == (Mark.TO_DO, False)
