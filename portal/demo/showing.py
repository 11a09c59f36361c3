"""What the demonstration adds to the pages: who can be played, what time it is, what the last jumps did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from jinja2 import BaseLoader, PackageLoader

from portal.cli.service import done_lines
from portal.demo.heart import Heart
from portal.demo.letters import Mailbox
from portal.demo.people import CHEFS, OPERATOR, READER
from portal.demo.places import ACTIVE, DEPARTEMENTS, SCHOOLS, TWO, School
from states import french
from states.vocabulary import Role
from workflow.doors.sessions import Entrant
from workflow.house import House

if TYPE_CHECKING:
    from portal.web.visitors import Visitor

KEPT: Final = 8
EVENING, MORNING = time(18), time(8)


WORTH: Final = (
    ("à renouveler", "Renouveler le RUPN de l'an dernier"),
    ("charte signée", "Envoyer une demande prête au rectorat"),
    ("renvoyée à la charte", "Reprendre une demande renvoyée par le rectorat"),
    ("code transmis", "Remettre un code et le confirmer"),
    ("remis", "Signaler un changement ou la perte d'une clé"),
)
"""The endings whose establishment the first page proposes, and what there is to do there."""


@dataclass(frozen=True)
class Jump:
    """A move of the clock and what came of it, in French."""

    at: datetime
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """A move that the bar proposes."""

    slug: str
    label: str
    at: datetime


@dataclass
class Showing:
    """The demonstration as its bar and its pages see it."""

    house: House
    heart: Heart
    mailbox: Mailbox
    examples: Mapping[str, str]
    """An establishment by what there is to see there, as the story left it."""
    kept: bool = False
    jumps: list[Jump] = field(default_factory=list)

    @property
    def loader(self) -> BaseLoader:
        return PackageLoader("portal.demo")

    @property
    def arrived(self) -> int:
        """How many mails the mailbox holds."""
        return len(self.mailbox.received)

    @property
    def schools(self) -> Sequence[tuple[str, list[tuple[str, str]]]]:
        """The chefs that can be played, by département: what the form sends, and what is read."""
        return [
            (
                nom,
                [(f"chef:{one.uai}", f"{_chef(one.uai)} ({one.commune})") for one in ACTIVE if one.departement == key],
            )
            for key, (nom, _) in DEPARTEMENTS.items()
        ]

    @property
    def suggestions(self) -> list[tuple[str, str, str]]:
        """Chefs worth being: what the form sends, what there is to do there, who it is."""
        told = [(f"chef:{self.examples[ending]}", words, _chef(self.examples[ending])) for ending, words in WORTH]
        names = french.listing([one.nom for one in TWO])
        return [*told, ("deux", "Passer d'un établissement à l'autre", f"{CHEFS[TWO[0].uai]}, {names}")]

    def played_by(self, visitor: "Visitor | None") -> str:
        """Who is being played, in a few words."""
        if visitor is None:
            return "un visiteur non connecté"
        if not visitor.is_chef:
            return "un opérateur du rectorat" if visitor.is_operator else "un lecteur (DRANE)"
        return _chef(visitor.uai)

    def entrant(self, who: str) -> Entrant | None:
        """Whom these words of the form name; None for nobody of the story."""
        if who == "operateur":
            return Entrant(role=Role.OPERATOR, subject=OPERATOR)
        if who == "lecteur":
            return Entrant(role=Role.READER, subject=READER)
        kind, _, uai = who.partition(":")
        if kind == "deux":
            return Entrant(role=Role.CHEF, subject=",".join(sorted(one.uai for one in TWO)), name=CHEFS[TWO[0].uai])
        if kind == "chef" and uai in CHEFS:
            return Entrant(role=Role.CHEF, subject=uai, name=CHEFS[uai])
        return None

    def targets(self) -> list[Target]:
        """Where the clock can go from now: tomorrow, in a week, to the year's last day, and to the morrow."""
        now, calendar, zone = self.house.clock.now(), self.house.policy.calendar, self.house.settings.zoneinfo
        end = calendar.end_of(calendar.open_years(now)[0])
        last = datetime.combine(end.last_day, EVENING, zone)
        after = datetime.combine(end.last_day + timedelta(days=1), MORNING, zone)
        found = [
            Target("jour", "Avancer d'un jour", now + timedelta(days=1)),
            Target("semaine", "Avancer d'une semaine", now + timedelta(days=7)),
            Target("fin", f"Aller au {french.day(last.date())}", last),
            Target("lendemain", f"Aller au {french.day(after.date())}", after),
        ]
        return [one for one in found if one.at > now]

    def jump(self, slug: str) -> bool:
        """Move the clock; whether there is such a move."""
        target = next((one for one in self.targets() if one.slug == slug), None)
        if target is None:
            return False
        ticked, sent = self.heart.jump(target.at)
        lines = [*done_lines(ticked, sent)]
        lines += [f"La fin de l'année {end.school_year} est retenue : {hold.label}." for end, hold in ticked.held]
        self.jumps.insert(0, Jump(self.house.clock.now(), tuple(lines or ["Rien à faire à cette date."])))
        del self.jumps[KEPT:]
        return True


def _chef(uai: str) -> str:
    school = _school(uai)
    return f"{CHEFS[uai]}, {school.nom}" if school else CHEFS[uai]


def _school(uai: str) -> School | None:
    return next((one for one in SCHOOLS if one.uai == uai), None)
