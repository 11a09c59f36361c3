"""The year before and a September, played through the engine day by day: the histories are true."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Final

from portal.demo.data import (
    ACTIVE,
    CHEFS,
    NEWCOMER,
    OPERATOR,
    REFUSED,
    TWO,
    BackgroundLoop,
    DemoClock,
    directory,
    mail_of,
    shuffled_names,
)
from states import commands as c
from states.commands import Command
from states.decision import Refused
from states.model import Actor
from states.vocabulary import (
    Change,
    Channel,
    CheckOutcome,
    ReissueReason,
    RemovalOutcome,
    RevokeReason,
    Settlement,
    State,
    Step,
    WithdrawReason,
)
from workflow.app import App
from workflow.auth.bindings import IdentityToBind, identity_digest

INSTALLED: Final = date(2025, 9, 1)
SEPTEMBERS: Final = (date(2025, 9, 1), date(2026, 9, 1))
TODAY: Final = datetime(2026, 9, 28, 9, 30)  # noqa: DTZ001 - in the académie's time zone, which the settings give
"""The instant at which the demonstration begins."""

_CHARTER: Final = "2026-1"

_REASONS: Final = (
    "Accueil des familles sans adresse électronique, le samedi et pendant les conseils de classe.",
    "Les réunions avec les familles ont lieu à l'annexe, hors du réseau de l'établissement.",
    "Le secrétariat est fermé le mercredi : le RUPN aide les familles à distance.",
    "Beaucoup de comptes à débloquer à la rentrée, y compris en soirée.",
)

_CHARTER_REASON: Final = "La charte datée du jour n'est pas celle de cette année : faire signer la version 2026-1."
_IDENTITY_REASON: Final = "Le nom ne correspond pas à celui que la DRANE connaît : le vérifier auprès de l'intéressé."

_CODE_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

_BOUND: Final = 3
"""Chefs who sign in by an identity, bound to their establishment."""

_MONTH: Final = timedelta(days=30)
"""The service shows signs of life at least this often, or the year's end would be held (R52)."""


@dataclass(kw_only=True)
class DemoRequest:
    """One request of the story; its reference is known once it is declared.

    ``origin`` is the request that it renews, or whose key it extends; ``code`` is the one that it will be given.
    """

    uai: str
    nom: str
    prenom: str
    mail: str
    why: str
    code: str
    reference: str = ""
    origin: "DemoRequest | None" = None


MakeCommand = Callable[[DemoRequest, date], Command]


@dataclass(frozen=True)
class ScenarioStep:
    """A command, who gives it, and how many working days after the step before."""

    make: MakeCommand
    by_rectorat: bool = False
    after: int = 0


@dataclass(frozen=True)
class Scenario:
    """The steps of a request; ``state`` is where they lead, ``count`` how many requests go this way."""

    name: str
    count: int
    state: State
    steps: tuple[ScenarioStep, ...]

    @property
    def duration(self) -> int:
        """The working days between the first step and the last."""
        return sum(step.after for step in self.steps)

    @property
    def leaves_key(self) -> bool:
        """True if a key was given, whose removal nobody has confirmed."""
        commands = {step.make for step in self.steps}
        return bool(commands & {issue, extend}) and remove not in commands

    def days_from(self, start: int) -> Iterator[tuple[int, ScenarioStep]]:
        """Each step with its working day, counted from ``start``."""
        day = start
        for step in self.steps:
            day += step.after
            yield day, step


def declare(request: DemoRequest, today: date) -> Command:
    """R25; declared to the DRANE the day before."""
    return c.Declare(
        uai=request.uai, nom=request.nom, prenom=request.prenom, mail=request.mail,
        drane_declared_on=today - timedelta(days=1),
    )  # fmt: skip


def renew(request: DemoRequest, _: date) -> Command:
    """R33."""
    return c.Renew(reference=request.origin.reference if request.origin else "")


def delegate(request: DemoRequest, today: date) -> Command:
    """R26."""
    return c.Delegate(reference=request.reference, why=request.why, made_on=today)


def sign(request: DemoRequest, today: date) -> Command:
    """R27."""
    return c.SignCharter(reference=request.reference, signed_on=today, version=_CHARTER, copy_kept=True)


def submit(request: DemoRequest, _: date) -> Command:
    """R28."""
    return c.Submit(reference=request.reference, nom=request.nom, prenom=request.prenom, mail=request.mail)


def check_list(request: DemoRequest, _: date, outcome: CheckOutcome = CheckOutcome.POSITIVE) -> Command:
    """R34."""
    return c.CheckListing(reference=request.reference, outcome=outcome, source="liste reçue de la DRANE le matin même")


def not_listed(request: DemoRequest, today: date) -> Command:
    """R34; not found."""
    return check_list(request, today, CheckOutcome.NEGATIVE)


def check_delegation(request: DemoRequest, _: date) -> Command:
    """R34."""
    return c.CheckDelegation(
        reference=request.reference, outcome=CheckOutcome.POSITIVE, source="export de DelegCE du jour"
    )


def issue(request: DemoRequest, _: date) -> Command:
    """R39."""
    return c.IssueCode(reference=request.reference, code=c.Code(clear=request.code))


def extend(request: DemoRequest, _: date) -> Command:
    """R40; the key of the origin."""
    return c.IssueCode(reference=request.reference, extends=request.origin.reference if request.origin else None)


def hand(request: DemoRequest, today: date) -> Command:
    """R31."""
    return c.ConfirmHandover(reference=request.reference, handed_on=today)


def send_back(step: Step, why: str) -> MakeCommand:
    """R38."""
    return lambda request, _: c.SendBack(reference=request.reference, step=step, why=why)


def report(change: Change, days: int) -> MakeCommand:
    """R32; a change that takes effect in so many days."""
    return lambda request, today: c.ReportChange(
        reference=request.reference, change=change, effective_on=today + timedelta(days=days)
    )


def settle(request: DemoRequest, _: date) -> Command:
    """R46."""
    return c.SettleChange(
        reference=request.reference, settlement=Settlement.NO_EFFECT, why="L'intéressé revient avant les vacances."
    )


def reissue(request: DemoRequest, _: date) -> Command:
    """R44."""
    return c.ReissueCode(
        reference=request.reference, reason=ReissueReason.LOST, code=c.Code(clear=request.code[::-1]),
        new_key_confirmed=True,
    )  # fmt: skip


def withdraw(request: DemoRequest, _: date) -> Command:
    """R30."""
    return c.Withdraw(reference=request.reference, reason=WithdrawReason.OTHER_PERSON)


def revoke(request: DemoRequest, _: date) -> Command:
    """R45."""
    return c.Revoke(reference=request.reference, reason=RevokeReason.DEPARTURE)


def remove(request: DemoRequest, _: date) -> Command:
    """R49."""
    return c.ConfirmRemoval(reference=request.reference, outcome=RemovalOutcome.REMOVED)


_S = ScenarioStep

_DECLARED: Final = (_S(declare),)
_DELEGATED: Final = (*_DECLARED, _S(delegate, after=1))
_SIGNED: Final = (*_DELEGATED, _S(sign, after=1))
_SUBMITTED: Final = (*_SIGNED, _S(submit))
_LISTED: Final = (*_SUBMITTED, _S(check_list, True, 1))
_CHECKED: Final = (*_LISTED, _S(check_delegation, True))
_ISSUED: Final = (*_CHECKED, _S(issue, True, 1))
_HANDED: Final = (*_ISSUED, _S(hand, after=1))

RENEWAL: Final = Scenario("renouvelée", 5, State.DECLARED, (_S(renew),))

UNDELIVERED: Final = Scenario("code transmis", 11, State.CODE_ISSUED, _ISSUED)
"""One of these is where the mailbox takes nothing."""

SCENARIOS: Final = (
    Scenario("déclarée", 13, State.DECLARED, _DECLARED),
    RENEWAL,
    Scenario("déléguée", 12, State.DELEGATED, _DELEGATED),
    Scenario("charte signée", 9, State.CHARTER_SIGNED, _SIGNED),
    Scenario("à vérifier", 14, State.REQUESTED, _SUBMITTED),
    Scenario("à moitié vérifiée", 8, State.REQUESTED, _LISTED),
    Scenario("vérifiée", 14, State.REQUESTED, _CHECKED),
    Scenario("introuvable sur la liste", 3, State.REQUESTED, (*_SUBMITTED, _S(not_listed, True, 1))),
    Scenario("renvoyée à la charte", 3, State.DELEGATED,
             (*_SUBMITTED, _S(send_back(Step.CHARTER, _CHARTER_REASON), True, 1))),
    Scenario("renvoyée à la déclaration", 2, State.DECLARED,
             (*_SUBMITTED, _S(send_back(Step.DECLARATION, _IDENTITY_REASON), True, 1))),
    UNDELIVERED,
    Scenario("remis", 13, State.CODE_ISSUED, _HANDED),
    Scenario("réémis", 2, State.CODE_ISSUED, (*_HANDED, _S(reissue, True, 2))),
    Scenario("absence à venir", 2, State.CODE_ISSUED, (*_HANDED, _S(report(Change.ABSENCE, 20), after=1))),
    Scenario("départ à venir", 2, State.CODE_ISSUED, (*_HANDED, _S(report(Change.DEPARTURE, 2), after=2))),
    Scenario("code PIN oublié", 1, State.CODE_ISSUED, (*_HANDED, _S(report(Change.PIN_FORGOTTEN, 0), after=2))),
    Scenario("absence réglée", 1, State.CODE_ISSUED,
             (*_HANDED, _S(report(Change.ABSENCE, 3), after=1), _S(settle, True, 1))),
    Scenario("abandonnée", 3, State.REVOKED, (*_DELEGATED, _S(withdraw, after=2))),
    Scenario("révoquée", 2, State.REVOKED, (*_HANDED, _S(revoke, True, 2))),
    Scenario("retirée", 2, State.REVOKED, (*_HANDED, _S(revoke, True, 1), _S(remove, True, 1))),
)  # fmt: skip
"""This year's scenarios, by where each has come to on the day of the demonstration."""

EXTENDED: Final = Scenario("clé étendue", 1, State.CODE_ISSUED, (*_CHECKED, _S(extend, True, 1)))
"""Somebody's request in a second establishment: his key is extended."""

LAST_YEAR: Final = Scenario("l'an dernier", 8, State.REVOKED, _HANDED)
"""Requests of the year before, revoked at its end."""

ScheduledSteps = Sequence[tuple[int, ScenarioStep]]
"""Steps with the working day of each."""


def _working_days(september: date) -> list[date]:
    """The days of that month on which people work, up to the Friday before the demonstration."""
    days = (september + timedelta(days=number) for number in range(25))
    return [day for day in days if day.weekday() < 5]


SEASON_DAYS: Final = sum(len(_working_days(september)) for september in SEPTEMBERS)
"""The days of which ``Season`` reports each."""


class Season:
    """Plays all that comes before the day of the demonstration; ``progress`` is told of each day played."""

    def __init__(
        self, app: App, clock: DemoClock, loop: BackgroundLoop, progress: Callable[[int], None] = lambda _: None
    ) -> None:
        self._app, self._clock, self._loop, self._progress = app, clock, loop, progress
        self._zone = app.settings.zoneinfo
        self._draw = random.Random(31)  # noqa: S311 - a story, no secret
        self._chefs: dict[str, Actor] = {}
        self._places: dict[str, list[str]] = defaultdict(list)
        """The UAI where each scenario is to be seen."""

    @property
    def examples(self) -> dict[str, str]:
        """A UAI for each scenario, if possible another each time, whose chef has no other establishment."""
        examples: dict[str, str] = {}
        for name, uais in sorted(self._places.items(), key=lambda place: len(place[1])):
            avoided = (*examples.values(), *(school.uai for school in (*TWO, REFUSED)))
            examples[name] = next((uai for uai in uais if uai not in avoided), uais[0])
        return examples

    def play(self) -> None:
        """Play from the installation to the morning of the demonstration."""
        self._go(datetime.combine(INSTALLED, time(7)))
        with directory() as file:
            self._app.directory.import_file(file, self._operator)
        self._loop.tick()
        schools = [school for school in ACTIVE if school not in (REFUSED, NEWCOMER)][::3][: LAST_YEAR.count]
        last_year = [self._request(school.uai, *name) for school, name in zip(schools, shuffled_names(2), strict=False)]
        starts = [(request, list(LAST_YEAR.days_from(2 + i % 9))) for i, request in enumerate(last_year)]
        self._play_month(SEPTEMBERS[0], starts)
        rentree = datetime.combine(SEPTEMBERS[1], time(0, 5), self._zone)
        while self._clock.now() < rentree:
            self._clock.set(min(self._clock.now() + _MONTH, rentree))
            self._loop.tick()
            self._loop.deliver()
        self._play_month(SEPTEMBERS[1], self._this_year(last_year))
        self._go(TODAY)
        for uai in [uai for uai in self._chefs if uai != REFUSED.uai][:_BOUND]:  # who sign in by ProConnect (R103)
            digest = identity_digest(self._app.hasher, "https://proconnect.invalid", uai)
            identity = IdentityToBind(digest=digest, provider="ProConnect", name=CHEFS[uai])
            self._app.bindings.bind(identity, [uai], self._chefs[uai])
        self._loop.tick()
        self._loop.deliver()

    @cached_property
    def _operator(self) -> Actor:
        return self._app.people.operator(OPERATOR, Channel.WEB)

    def _this_year(self, last_year: Sequence[DemoRequest]) -> list[tuple[DemoRequest, ScheduledSteps]]:
        """Plan everybody's September: each scenario begins early enough to be over in time."""
        last_day = len(_working_days(SEPTEMBERS[1])) - 1
        renewable = iter(last_year)
        names = iter([*shuffled_names(3), *shuffled_names(4), *shuffled_names(5)])
        plan: list[tuple[DemoRequest, ScheduledSteps]] = []
        for rank, scenario in enumerate(SCENARIOS):
            for number in range(scenario.count):
                place = rank * 5 + number * 7
                if (school := ACTIVE[place % len(ACTIVE)]) == NEWCOMER:  # who asks for nothing: its neighbour does
                    school = ACTIVE[(place - 1) % len(ACTIVE)]
                if scenario is UNDELIVERED and number == 0:
                    school = REFUSED
                request = self._request(school.uai, *next(names))
                if scenario is RENEWAL:
                    origin = next(renewable)
                    request = self._request(origin.uai, origin.nom, origin.prenom)
                    request.origin = origin
                self._places[scenario.name].append(request.uai)
                slack = last_day - scenario.duration
                start = max(self._draw.randint(0, slack), self._draw.randint(0, slack))  # few wait for long
                plan.append((request, list(scenario.days_from(start))))
        self._places["à renouveler"] = [request.uai for request in renewable]
        return plan + self._extended(plan)

    def _extended(self, plan: Sequence[tuple[DemoRequest, ScheduledSteps]]) -> list[tuple[DemoRequest, ScheduledSteps]]:
        """The RUPN of one establishment of the chef who has two is the other's as well: the key is extended (R40)."""
        first, second = TWO
        origin = next(request for request, steps in plan if request.uai == first.uai and len(steps) >= len(_HANDED))
        request = self._request(second.uai, origin.nom, origin.prenom)
        request.origin = origin
        return [(request, list(EXTENDED.days_from(12)))]

    def _request(self, uai: str, nom: str, prenom: str) -> DemoRequest:
        code = "".join(self._draw.choices(_CODE_LETTERS, k=10))
        why = self._draw.choice(_REASONS)
        return DemoRequest(uai=uai, nom=nom, prenom=prenom, mail=mail_of(nom, prenom), why=why, code=code)

    def _play_month(self, september: date, plan: Sequence[tuple[DemoRequest, ScheduledSteps]]) -> None:
        by_day: dict[int, list[tuple[DemoRequest, ScenarioStep]]] = defaultdict(list)
        for request, steps in plan:
            for number, step in steps:
                by_day[number].append((request, step))
        for number, day in enumerate(_working_days(september)):
            self._play_day(day, by_day[number])
            self._progress(1)

    def _play_day(self, day: date, steps: Sequence[tuple[DemoRequest, ScenarioStep]]) -> None:
        """The schedule at seven, the chefs in the morning, the rectorat in the afternoon, then the mails."""
        self._go(datetime.combine(day, time(7)))
        self._loop.tick()
        mornings: dict[str, list[tuple[DemoRequest, ScenarioStep]]] = defaultdict(list)
        for request, step in steps:
            if not step.by_rectorat:
                mornings[request.uai].append((request, step))
        for rank, (uai, own_steps) in enumerate(mornings.items()):
            self._go(datetime.combine(day, time(8 + rank * 4 // max(len(mornings), 1), rank * 7 % 60)))
            if uai not in self._chefs:
                self._chefs[uai] = self._app.people.chef([uai], Channel.WEB, name=CHEFS[uai])
            self._execute(self._chefs[uai], own_steps, day)
        self._go(datetime.combine(day, time(14, 10)))
        self._execute(self._operator, [(request, step) for request, step in steps if step.by_rectorat], day)
        self._go(datetime.combine(day, time(17)))
        self._loop.deliver()

    def _execute(self, actor: Actor, steps: Sequence[tuple[DemoRequest, ScenarioStep]], day: date) -> None:
        commands = [step.make(request, day) for request, step in steps]
        for (request, _), result in zip(steps, self._app.engine.execute(commands, actor), strict=True):
            if isinstance(result, Refused):
                raise RuntimeError(f"the story does not hold: {result.reasons[0].message}")
            request.reference = result.reference

    def _go(self, at: datetime) -> None:
        """Go to that time of the académie, unless it is past."""
        self._clock.set(max(at.replace(tzinfo=self._zone), self._clock.now()))
