"""The year before and a September, lived through the engine day by day: the histories are true."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Final, Protocol

from portal.demo import data as places
from portal.demo.clock import DemoClock
from portal.demo.data import CHEFS, OPERATOR, couples, mail_of
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
    Step,
    WithdrawReason,
)
from workflow.app import App

# What people do in the story, as the commands that they really give.


CHARTER: Final = "2026-1"


WHY: Final = (
    "Accueil des familles sans adresse électronique, le samedi et pendant les conseils de classe.",
    "Les réunions de parents ont lieu à l'annexe, hors du réseau de l'établissement.",
    "Le secrétariat est fermé le mercredi : le RUPN aide les parents à distance.",
    "Beaucoup de comptes à débloquer à la rentrée, y compris en soirée.",
)


LISTING: Final = "liste reçue de la DRANE le matin même"


DELEGATION: Final = "export de DelegCE du jour"


@dataclass(kw_only=True)
class Life:
    """One request: whose, where, and its reference once it is born. ``code``: drawn for the occasion."""

    uai: str
    nom: str
    prenom: str
    mail: str
    why: str
    code: str
    reference: str = ""
    other: "Life | None" = None


Make = Callable[[Life, date], Command]


@dataclass(frozen=True)
class ScheduledAction:
    """What is done, by whom, and how many working days after what came before."""

    make: Make
    by_rectorat: bool = False
    after: int = 0


def declare(life: Life, today: date) -> Command:
    """R25; declared to the DRANE the day before."""
    return c.Declare(
        uai=life.uai, nom=life.nom, prenom=life.prenom, mail=life.mail, drane_declared_on=today - timedelta(days=1)
    )


def renew(life: Life, _: date) -> Command:
    """R33; what it renews is the life's other one."""
    return c.Renew(reference=life.other.reference if life.other else "")


def delegate(life: Life, today: date) -> Command:
    """R26."""
    return c.Delegate(reference=life.reference, why=life.why, made_on=today)


def sign(life: Life, today: date) -> Command:
    """R27."""
    return c.SignCharter(reference=life.reference, signed_on=today, version=CHARTER, copy_kept=True)


def submit(life: Life, _: date) -> Command:
    """R28."""
    return c.Submit(reference=life.reference, nom=life.nom, prenom=life.prenom, mail=life.mail)


def check_list(life: Life, _: date, outcome: CheckOutcome = CheckOutcome.POSITIVE) -> Command:
    """R34; found, unless told."""
    return c.CheckListing(reference=life.reference, outcome=outcome, source=LISTING)


def not_listed(life: Life, today: date) -> Command:
    """R34; not found."""
    return check_list(life, today, CheckOutcome.NEGATIVE)


def check_delegation(life: Life, _: date) -> Command:
    """R34."""
    return c.CheckDelegation(reference=life.reference, outcome=CheckOutcome.POSITIVE, source=DELEGATION)


def issue(life: Life, _: date) -> Command:
    """R39."""
    return c.IssueCode(reference=life.reference, code=c.Code(clear=life.code))


def extend(life: Life, _: date) -> Command:
    """R40; the key of the life's other one."""
    return c.IssueCode(reference=life.reference, extends=life.other.reference if life.other else None)


def hand(life: Life, today: date) -> Command:
    """R31."""
    return c.ConfirmHandover(reference=life.reference, handed_on=today)


def send_back(step: Step, why: str) -> Make:
    """R38."""
    return lambda life, _: c.SendBack(reference=life.reference, step=step, why=why)


def report(change: Change, days: int) -> Make:
    """R32; what takes effect in so many days."""
    return lambda life, today: c.ReportChange(
        reference=life.reference, change=change, effective_on=today + timedelta(days=days)
    )


def settle(life: Life, _: date) -> Command:
    """R46."""
    return c.SettleChange(
        reference=life.reference, settlement=Settlement.NO_EFFECT, why="L'intéressé revient avant les vacances."
    )


def reissue(life: Life, _: date) -> Command:
    """R44."""
    return c.ReissueCode(
        reference=life.reference, reason=ReissueReason.LOST, code=c.Code(clear=life.code[::-1]), new_key_confirmed=True
    )


def withdraw(life: Life, _: date) -> Command:
    """R30."""
    return c.Withdraw(reference=life.reference, reason=WithdrawReason.OTHER_PERSON)


def revoke(life: Life, _: date) -> Command:
    """R45."""
    return c.Revoke(reference=life.reference, reason=RevokeReason.DEPARTURE)


def remove(life: Life, _: date) -> Command:
    """R49."""
    return c.ConfirmRemoval(reference=life.reference, outcome=RemovalOutcome.REMOVED)


# What becomes of each invented request: the steps of its life, and how many live it.


UNDELIVERED: Final = "code transmis"
"""The ending of which one life is where the mailbox takes nothing."""


_BORN: Final = (ScheduledAction(declare),)


RENEWED: Final = (ScheduledAction(renew),)


_DELEGATED: Final = (*_BORN, ScheduledAction(delegate, after=1))


_SIGNED: Final = (*_DELEGATED, ScheduledAction(sign, after=1))


_ASKED: Final = (*_SIGNED, ScheduledAction(submit))


_LISTED: Final = (*_ASKED, ScheduledAction(check_list, True, 1))


_CHECKED: Final = (*_LISTED, ScheduledAction(check_delegation, True))


_ISSUED: Final = (*_CHECKED, ScheduledAction(issue, True, 1))


_HANDED: Final = (*_ISSUED, ScheduledAction(hand, after=1))


_CHARTER_WHY: Final = "La charte datée du jour n'est pas celle de cette année : faire signer la version 2026-1."


_IDENTITY_WHY: Final = "Le nom ne correspond pas à celui que la DRANE connaît : le vérifier auprès de l'intéressé."


ENDINGS: Final[tuple[tuple[str, int, tuple[ScheduledAction, ...]], ...]] = (
    ("déclarée", 13, _BORN),
    ("renouvelée", 5, RENEWED),
    ("déléguée", 12, _DELEGATED),
    ("charte signée", 9, _SIGNED),
    ("à vérifier", 14, _ASKED),
    ("à moitié vérifiée", 8, _LISTED),
    ("vérifiée", 14, _CHECKED),
    ("introuvable sur la liste", 3, (*_ASKED, ScheduledAction(not_listed, True, 1))),
    ("renvoyée à la charte", 3, (*_ASKED, ScheduledAction(send_back(Step.CHARTER, _CHARTER_WHY), True, 1))),
    ("renvoyée à la déclaration", 2, (*_ASKED, ScheduledAction(send_back(Step.DECLARATION, _IDENTITY_WHY), True, 1))),
    (UNDELIVERED, 11, _ISSUED),
    ("remis", 13, _HANDED),
    ("réémis", 2, (*_HANDED, ScheduledAction(reissue, True, 2))),
    ("absence à venir", 2, (*_HANDED, ScheduledAction(report(Change.ABSENCE, 20), after=1))),
    ("départ à venir", 2, (*_HANDED, ScheduledAction(report(Change.DEPARTURE, 2), after=2))),
    ("clé perdue", 1, (*_HANDED, ScheduledAction(report(Change.KEY_LOST, 0), after=2))),
    (
        "absence réglée",
        1,
        (*_HANDED, ScheduledAction(report(Change.ABSENCE, 3), after=1), ScheduledAction(settle, True, 1)),
    ),
    ("abandonnée", 3, (*_DELEGATED, ScheduledAction(withdraw, after=2))),
    ("révoquée", 2, (*_HANDED, ScheduledAction(revoke, True, 2))),
    ("retirée", 2, (*_HANDED, ScheduledAction(revoke, True, 1), ScheduledAction(remove, True, 1))),
)
"""Each life by where it has come to on the day of the demonstration, and how many live it."""


EXTENDED: Final = (*_CHECKED, ScheduledAction(extend, True, 1))
"""Somebody's request in a second establishment: the key that he has is extended."""


LAST_YEAR_LIVES: Final = _HANDED


def length(life: tuple[ScheduledAction, ...]) -> int:
    """How many working days pass between the first deed and the last."""
    return sum(deed.after for deed in life)


def days_of(life: tuple[ScheduledAction, ...], start: int) -> Iterator[tuple[int, ScheduledAction]]:
    """Each deed and the working day on which it is done, counted from ``start``."""
    at = start
    for deed in life:
        at += deed.after
        yield at, deed


INSTALLED: Final = date(2025, 9, 1)


SEPTEMBERS: Final = (date(2025, 9, 1), date(2026, 9, 1))


TODAY: Final = date(2026, 9, 28)


MORNING: Final = time(9, 30)


LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


LAST_YEAR: Final = 8


STEP: Final = timedelta(days=30)
"""The service shows signs of life at least this often, or the year's end would be held (R52)."""


Days = Sequence[tuple[int, ScheduledAction]]
"""Each deed of a life with the working day on which it is done."""


class BackgroundLoop(Protocol):
    """What makes time pass: the schedule, and the mails that leave."""

    def beat(self) -> object: ...

    def deliver(self) -> int: ...


class Season:
    """Lives all that comes before the day of the demonstration."""

    def __init__(self, app: App, clock: DemoClock, heart: BackgroundLoop) -> None:
        self._app, self._clock, self._heart = app, clock, heart
        self._zone = app.settings.zoneinfo
        self._draw = random.Random(31)  # noqa: S311 - a story, no secret
        self._chefs: dict[str, Actor] = {}
        self._places: dict[str, list[str]] = defaultdict(list)
        """The establishments where each ending is to be seen."""

    @property
    def examples(self) -> dict[str, str]:
        """An establishment for each ending, if possible another each time, whose chef has no other."""
        found: dict[str, str] = {}
        for ending, uais in sorted(self._places.items(), key=lambda one: len(one[1])):
            taken = (*found.values(), *(school.uai for school in (*places.TWO, places.REFUSED)))
            found[ending] = next((uai for uai in uais if uai not in taken), uais[0])
        return found

    def live(self) -> None:
        """From the installation to this morning."""
        self._go(INSTALLED, time(7))
        with places.directory() as file:
            self._app.directory.import_file(file, self._operator)
        self._heart.beat()
        last = self._last_year()
        self._live(SEPTEMBERS[0], [(life, list(days_of(LAST_YEAR_LIVES, 2 + i % 9))) for i, life in enumerate(last)])
        self._pass_time(datetime.combine(SEPTEMBERS[1], time(0, 5), self._zone))
        self._live(SEPTEMBERS[1], self._this_year(last))
        self._go(TODAY, MORNING)
        self._heart.beat()
        self._heart.deliver()

    @cached_property
    def _operator(self) -> Actor:
        return self._app.people.operator(OPERATOR, Channel.WEB)

    def _last_year(self) -> list[Life]:
        schools = [school for school in places.ACTIVE if school != places.REFUSED][::3][:LAST_YEAR]
        named = couples(2)
        return [self._life(school.uai, *named[index]) for index, school in enumerate(schools)]

    def _this_year(self, last: Sequence[Life]) -> list[tuple[Life, Days]]:
        """Everybody's days of September, the earliest possible last so that the longest lives have the time."""
        working = len(_working_days(SEPTEMBERS[1]))
        old = iter(last)
        names = iter([*couples(3), *couples(4), *couples(5)])
        told: list[tuple[Life, Days]] = []
        for rank, (ending, count, deeds) in enumerate(ENDINGS):
            for number in range(count):
                school = places.ACTIVE[(rank * 5 + number * 7) % len(places.ACTIVE)]
                if ending == UNDELIVERED and number == 0:
                    school = places.REFUSED
                life = self._life(school.uai, *next(names))
                if deeds is RENEWED:
                    before = next(old)
                    life = self._life(before.uai, before.nom, before.prenom)
                    life.other = before
                self._places[ending].append(life.uai)
                slack = working - 1 - length(deeds)
                start = max(self._draw.randint(0, slack), self._draw.randint(0, slack))  # few wait for long
                told.append((life, list(days_of(deeds, start))))
        self._places["à renouveler"] = [life.uai for life in old]
        return told + self._two_schools(told)

    def _two_schools(self, told: list[tuple[Life, Days]]) -> list[tuple[Life, Days]]:
        """The RUPN of one establishment of the chef who has two is the other's as well: the key is extended (R40)."""
        first, second = places.TWO
        found = [life for life, days in told if life.uai == first.uai and len(days) >= 8][:1]
        more: list[tuple[Life, Days]] = []
        for one in found:
            life = self._life(second.uai, one.nom, one.prenom)
            life.other = one
            more.append((life, list(days_of(EXTENDED, 12))))
        return more

    def _life(self, uai: str, nom: str, prenom: str) -> Life:
        code = "".join(self._draw.choices(LETTERS, k=10))
        return Life(uai=uai, nom=nom, prenom=prenom, mail=mail_of(nom, prenom), why=self._draw.choice(WHY), code=code)

    def _live(self, september: date, told: Sequence[tuple[Life, Days]]) -> None:
        by_day: dict[int, list[tuple[Life, ScheduledAction]]] = defaultdict(list)
        for life, days in told:
            for number, deed in days:
                by_day[number].append((life, deed))
        for number, day in enumerate(_working_days(september)):
            self._live_day(day, by_day[number])

    def _live_day(self, day: date, deeds: Sequence[tuple[Life, ScheduledAction]]) -> None:
        """The schedule at seven, the chefs in the morning, the rectorat in the afternoon, then the mails."""
        self._go(day, time(7))
        self._heart.beat()
        mornings: dict[str, list[tuple[Life, ScheduledAction]]] = defaultdict(list)
        for life, deed in deeds:
            if not deed.by_rectorat:
                mornings[life.uai].append((life, deed))
        for rank, (uai, mine) in enumerate(mornings.items()):
            self._go(day, time(8 + rank * 4 // max(len(mornings), 1), rank * 7 % 60))
            self._do(self._chef(uai), mine, day)
        self._go(day, time(14, 10))
        self._do(self._operator, [(life, deed) for life, deed in deeds if deed.by_rectorat], day)
        self._go(day, time(17))
        self._heart.deliver()

    def _do(self, actor: Actor, deeds: Sequence[tuple[Life, ScheduledAction]], day: date) -> None:
        commands = [deed.make(life, day) for life, deed in deeds]
        for (life, _), result in zip(deeds, self._app.engine.execute(commands, actor), strict=True):
            if isinstance(result, Refused):
                raise RuntimeError(f"the story does not hold: {result.reasons[0].message}")
            life.reference = result.reference

    def _chef(self, uai: str) -> Actor:
        if uai not in self._chefs:
            self._chefs[uai] = self._app.people.chef([uai], Channel.WEB, name=CHEFS[uai])
        return self._chefs[uai]

    def _go(self, day: date, at: time) -> None:
        wanted = datetime.combine(day, at, self._zone)
        self._clock.set(max(wanted, self._clock.now()))

    def _pass_time(self, until: datetime) -> None:
        while self._clock.now() < until:
            self._clock.set(min(self._clock.now() + STEP, until))
            self._heart.beat()
            self._heart.deliver()


def _working_days(september: date) -> list[date]:
    """The days of that month on which people work, up to the Friday before the demonstration."""
    return list(_days(september))


def _days(september: date) -> Iterator[date]:
    for number in range(25):
        day = september + timedelta(days=number)
        if day.weekday() < 5:
            yield day
