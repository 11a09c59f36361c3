"""What was done, as the simulation knows it from the commands that were accepted: the oracle's only source."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from states import commands as c
from states.vocabulary import CheckOutcome, RemovalKind, Step

BEFORE = {
    Step.DECLARATION: "declared", Step.DELEGATION: "declared", Step.CHARTER: "delegated",
    Step.CONFIRMATION: "charter_signed",
}  # fmt: skip
AT_THE_SCHOOL = ("declared", "delegated", "charter_signed")


@dataclass
class Life:
    """One request. ``since``: when it came to its state; ``stand`` counts how often what is awaited has changed."""

    reference: str
    uai: str
    year: int
    person: int
    born: datetime
    since: datetime
    state: str = "declared"
    stand: int = 0
    version: int = 1
    issued_at: datetime | None = None
    extends: str | None = None
    handed: bool = False
    checks: set[str] = field(default_factory=set)
    key_possible: bool = False
    reports: dict[int, tuple[date, bool]] = field(default_factory=dict)
    ended_by: str | None = None
    ended_at: datetime | None = None
    removal: str | None = None
    removed: bool = False

    @property
    def live(self) -> bool:
        return self.state != "revoked"

    @property
    def had_key(self) -> bool:
        return self.issued_at is not None

    @property
    def awaits_handover(self) -> bool:
        return self.state == "code_issued" and not self.extends and not self.handed

    def to_settle(self, today: date) -> bool:
        """Whether a change that has taken effect is not settled."""
        return any(is_open and day <= today for day, is_open in self.reports.values())


class Record:
    """Every request by its reference, with what lives indexed as the oracle asks."""

    def __init__(self) -> None:
        self.lives: dict[str, Life] = {}
        self.live: dict[str, Life] = {}
        self.to_remove: dict[str, Life] = {}
        self.refused: dict[str, int] = {}

    def of_school(self, uai: str, year: int) -> list[Life]:
        """Its live requests of that year."""
        return [life for life in self.live.values() if life.uai == uai and life.year == year]

    def of_year(self, year: int) -> list[Life]:
        return [life for life in self.live.values() if life.year == year]

    def years(self) -> set[int]:
        return {life.year for life in self.live.values()}

    def born(self, reference: str, uai: str, year: int, person: int, now: datetime) -> Life:
        life = Life(reference, uai, year, person, born=now, since=now)
        self.lives[reference] = self.live[reference] = life
        return life

    def apply(self, command: Any, reference: str, now: datetime) -> Life:
        """Take in a command that was accepted, of a request that exists."""
        life = self.lives[reference]
        life.version += 1
        getattr(self, f"_{command.trigger.value}")(life, command, now)
        return life

    def expire(self, life: Life, now: datetime) -> None:
        life.version += 1
        self._end(life, "expire", now)

    def _to(self, life: Life, state: str, now: datetime) -> None:
        life.state, life.since, life.stand = state, now, life.stand + 1

    def _delegate(self, life: Life, _: c.Delegate, now: datetime) -> None:
        self._to(life, "delegated", now)

    def _sign_charter(self, life: Life, _: c.SignCharter, now: datetime) -> None:
        self._to(life, "charter_signed", now)

    def _submit(self, life: Life, _: c.Submit, now: datetime) -> None:
        self._to(life, "requested", now)
        life.checks.clear()

    def _send_back(self, life: Life, command: c.SendBack, now: datetime) -> None:
        self._to(life, BEFORE[command.step], now)

    def _check(self, life: Life, command: Any, _: datetime) -> None:
        name = command.trigger.value
        if command.outcome is CheckOutcome.POSITIVE:
            life.checks.add(name)
        else:
            life.checks.discard(name)
        life.key_possible |= len(life.checks) == 2

    _check_listing = _check_delegation = _check

    def _issue_code(self, life: Life, command: c.IssueCode, now: datetime) -> None:
        self._to(life, "code_issued", now)
        life.issued_at, life.extends = now, command.extends

    def _reissue_code(self, life: Life, _: c.ReissueCode, now: datetime) -> None:
        life.issued_at, life.extends, life.handed, life.stand = now, None, False, life.stand + 1

    def _confirm_handover(self, life: Life, _: c.ConfirmHandover, __: datetime) -> None:
        life.handed, life.stand = True, life.stand + 1

    def _report_change(self, life: Life, command: c.ReportChange, _: datetime) -> None:
        life.reports[len(life.reports) + 1] = (command.effective_on, True)

    def _settle_change(self, life: Life, command: c.SettleChange, _: datetime) -> None:
        number = command.report or next(n for n, (_, is_open) in life.reports.items() if is_open)
        life.reports[number] = (life.reports[number][0], False)

    def _withdraw(self, life: Life, _: c.Withdraw, now: datetime) -> None:
        self._end(life, "withdraw", now)

    def _revoke(self, life: Life, _: c.Revoke, now: datetime) -> None:
        life.reports = {number: (day, False) for number, (day, _) in life.reports.items()}
        self._end(life, "revoke", now)

    def _end(self, life: Life, by: str, now: datetime) -> None:
        self._to(life, "revoked", now)
        life.ended_by, life.ended_at = by, now
        del self.live[life.reference]
        if life.had_key:
            life.removal = RemovalKind.REMOVE_RIGHTS.value
        elif life.key_possible:
            life.removal = RemovalKind.KEY_ENABLED.value
        if life.removal:
            self.to_remove[life.reference] = life

    def _confirm_removal(self, life: Life, _: c.ConfirmRemoval, __: datetime) -> None:
        life.removed = True
        del self.to_remove[life.reference]
