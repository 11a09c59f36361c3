"""What people mean to do, and the commands that they give for it."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from states import commands as c
from states.school_calendar import SchoolYear
from states.vocabulary import (
    Change,
    CheckOutcome,
    ReissueReason,
    RemovalOutcome,
    RevokeReason,
    Settlement,
    Step,
    WithdrawReason,
)
from tests.acceptance.simulation.record import Life, Record
from tests.kit.system import nom_of

CODE = c.Code(clear="Ab12Cd34")
OF_SCHOOLS = frozenset({"birth", "step", "withdraw", "hand", "report"})
"""The deeds of the chefs; the others are the operators'."""


@dataclass(frozen=True)
class ScheduledAction:
    """What somebody means to do on a day: on a request, or the birth of one in a school, for a year."""

    kind: str
    reference: str = ""
    uai: str = ""
    year: int = 0
    person: int = 0


def _person(number: int) -> dict[str, Any]:
    return {"nom": nom_of(number), "prenom": "Prénom", "mail": f"rupn{number}@ac-toulouse.fr"}


class Deeds:
    """Makes commands of deeds, as the requests stand by then. ``born``: who was declared, by school, year, person."""

    def __init__(self, draw: random.Random, record: Record) -> None:
        self.draw, self.record = draw, record
        self.born: dict[tuple[str, int, int], str] = {}

    def commands(self, deed: ScheduledAction, today: date) -> Iterator[Any]:
        """None when the request has moved since and nothing is left to do."""
        if deed.kind == "birth":
            yield self._birth(deed)
            return
        life = self.record.lives[deed.reference]
        if life.live or deed.kind == "remove":
            yield from getattr(self, f"_do_{deed.kind}")(life, today)

    def _birth(self, deed: ScheduledAction) -> c.Command:
        year = SchoolYear(deed.year)
        if before := self.born.get((deed.uai, deed.year - 1, deed.person)):
            return c.Renew(reference=before, school_year=year)
        return c.Declare(uai=deed.uai, **_person(deed.person), school_year=year)

    def _do_step(self, life: Life, today: date) -> Iterator[c.Command]:
        reference = life.reference
        if life.state == "declared":
            yield c.Delegate(reference=reference, why="accueil des familles", made_on=today)
        elif life.state == "delegated":
            yield c.SignCharter(reference=reference, signed_on=today, version="2026-1", copy_kept=True)
        elif life.state == "charter_signed":
            yield c.Submit(reference=reference, **_person(life.person))

    def _do_withdraw(self, life: Life, _: date) -> Iterator[c.Command]:
        yield c.Withdraw(reference=life.reference, reason=WithdrawReason.NOT_NEEDED)

    def _do_treat(self, life: Life, today: date) -> Iterator[c.Command]:
        if life.state != "requested":
            return
        if self.draw.random() < 0.08:
            yield c.SendBack(reference=life.reference, step=self.draw.choice(list(Step)), why="à reprendre")
            return
        for check in (c.CheckListing, c.CheckDelegation):
            yield check(reference=life.reference, outcome=CheckOutcome.POSITIVE, source="liste reçue", checked_on=today)

    def _do_issue(self, life: Life, _: date) -> Iterator[c.Command]:
        """The key that the person has, extended, or a new code."""
        others = [
            other for other in self.record.live.values()
            if other.person == life.person and other.had_key and other is not life and not other.reports
        ]  # fmt: skip
        if others and self.draw.random() < 0.8:
            yield c.IssueCode(reference=life.reference, extends=others[0].reference)
        else:
            yield c.IssueCode(reference=life.reference, code=CODE, new_key_confirmed=True)

    def _do_hand(self, life: Life, today: date) -> Iterator[c.Command]:
        yield c.ConfirmHandover(reference=life.reference, handed_on=today)

    def _do_reissue(self, life: Life, _: date) -> Iterator[c.Command]:
        yield c.ReissueCode(
            reference=life.reference, reason=ReissueReason.NOT_RECEIVED, code=CODE, new_key_confirmed=True
        )

    def _do_report(self, life: Life, today: date) -> Iterator[c.Command]:
        day = today + timedelta(days=self.draw.randrange(20))
        yield c.ReportChange(reference=life.reference, change=Change.DEPARTURE, effective_on=day)

    def _do_settle(self, life: Life, _: date) -> Iterator[c.Command]:
        if self.draw.random() < 0.5:
            yield c.Revoke(reference=life.reference, reason=RevokeReason.DEPARTURE)
        else:
            yield c.SettleChange(reference=life.reference, settlement=Settlement.NO_EFFECT, why="il reste")

    def _do_revoke(self, life: Life, _: date) -> Iterator[c.Command]:
        yield c.Revoke(reference=life.reference, reason=RevokeReason.MISSION)

    def _do_remove(self, life: Life, _: date) -> Iterator[c.Command]:
        if not life.removed:
            yield c.ConfirmRemoval(reference=life.reference, outcome=RemovalOutcome.REMOVED)
