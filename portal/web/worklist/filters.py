"""The worklist in its address: its filters, and the place of an operator in it: page, requests ticked (R2, R89)."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlencode

from fastapi import Request
from starlette.datastructures import QueryParams

from portal.web.actions.base import ORIGIN
from portal.web.forms import REFERENCE
from states.model import Actor
from states.school_calendar import SchoolYear
from states.validation import departement_name, has_uai_form, normalise_uai
from states.vocabulary import Labelled, State
from workflow.app import App
from workflow.requests.filters import CODE_LATE, Checks, Filters
from workflow.requests.worklist import Order

PLACE: Final = "/rectorat"

LONGEST: Final = 100
"""Characters of a typed filter."""

_KEYS: Final = ("nom", "etat", "departement", "etablissement", "type", "verifications", "age", "a", "annee")

M = TypeVar("M", bound=Enum)

Bounds = tuple[date | None, date | None]
"""Days before which a request came to its state, and not before which it did."""

MOST: Final = 300
"""Requests that are ticked at most, and that one action takes: the rest stays in the filter for the next time."""

CURSOR: Final = 200
"""Characters of a page's end mark that are read."""

LONGEST_ORIGIN: Final = 1000

_PREFIX: Final = "ODA-"


class StateChoice(Labelled):
    """One state, all the live ones, or all of them."""

    DECLARED = "declaree", "déclarée"
    DELEGATED = "deleguee", "déléguée"
    CHARTER_SIGNED = "charte-signee", "charte signée"
    REQUESTED = "demandee", "demandée"
    CODE_ISSUED = "code-transmis", "code transmis"
    REVOKED = "revoquee", "révoquée"
    LIVE = "en-cours", "toutes celles en cours"
    ALL = "toutes", "toutes, même révoquées"

    @property
    def state(self) -> State | None:
        """The state that it names; None when it names several."""
        return State[self.name] if self.name in State.__members__ else None


class CheckChoice(Labelled):
    """The two checks of a request that waits for the rectorat, as they are today."""

    TO_DO = "a-faire", "à faire"
    READY = "positives", "positives, prête à émettre"
    NEGATIVE = "negatives", "négatives"
    TOO_OLD = "trop-anciennes", "trop anciennes"

    @property
    def checks(self) -> Checks:
        return Checks[self.name]


class Task(Labelled):
    """A reason why somebody is called for, whatever the state."""

    UNDELIVERED = "non-remis", "code non remis"
    CODE_WAITS = "code-en-attente", "code qui n'est pas encore parti, un jour après"
    CODE_HELD = "code-tire", "code tiré, pas encore transmis"
    CODE_UNREAD = "code-a-lire", "code pas encore lu"
    REPORT_DUE = "signalement-a-regler", "signalement à régler"
    REPORT = "signalement", "signalement ouvert, même à venir"
    LATE = "retard", "en retard"
    HANDOVER = "remise", "remise à confirmer"
    REMOVAL = "retrait", "retrait à confirmer"
    EXPIRY = "expiration", "expiration à cocher"
    ANSWERED = "reponse-recue", "réponse reçue"
    SCHOOL_CLOSED = "etablissement-ferme", "établissement fermé ou fusionné"
    WITHOUT_DRANE_DATE = "sans-date-drane", "sans date de déclaration à la DRANE"
    OWN = "suivies-par-moi", "suivies par moi"
    NOBODYS = "suivies-par-personne", "suivies par personne"

    @property
    def sentence(self) -> str:
        """The label with a capital, for a tag."""
        return self.label[:1].upper() + self.label[1:]


class Age(Labelled):
    """The time spent in its state, in days of the calendar."""

    FEW_DAYS = "0-2", "moins de 3 jours"
    A_WEEK = "3-7", "3 à 7 jours"
    A_MONTH = "8-30", "8 à 30 jours"
    LONGER = "31", "plus de 30 jours"


def _between(youngest: int, oldest: int | None) -> Callable[[date], Bounds]:
    """From ``youngest`` to ``oldest`` days ago, both included."""

    def bounds(today: date) -> Bounds:
        before = today - timedelta(days=youngest - 1) if youngest else None
        return before, today - timedelta(days=oldest) if oldest is not None else None

    return bounds


AGES: Final = {
    Age.FEW_DAYS: _between(0, 2),
    Age.A_WEEK: _between(3, 7),
    Age.A_MONTH: _between(8, 30),
    Age.LONGER: _between(31, None),
}


@dataclass(frozen=True, kw_only=True)
class WorklistCriteria:
    """Every filter of the page; without ``states`` the live requests. ``every_year``: the years that are over too."""

    name: str = ""
    states: tuple[StateChoice, ...] = ()
    departement: str = ""
    establishment: str = ""
    kind: str = ""
    checks: CheckChoice | None = None
    age: Age | None = None
    tasks: tuple[Task, ...] = ()
    year: SchoolYear | None = None
    every_year: bool = False
    order: Order = Order.WAITING

    @classmethod
    def read(cls, query: QueryParams) -> Self:
        """The criteria of an address, unknown values ignored; without any, the requests that wait for the rectorat."""
        order = _one(Order, query.get("tri", "")) or Order.WAITING
        if not any(key in query for key in _KEYS):
            return cls(states=(StateChoice.REQUESTED,), order=order)
        year = query.get("annee", "")
        return cls(
            name=_text(query, "nom"), departement=_text(query, "departement"), kind=_text(query, "type"),
            establishment=_text(query, "etablissement"), states=_several(StateChoice, query.getlist("etat")),
            checks=_one(CheckChoice, query.get("verifications", "")), age=_one(Age, query.get("age", "")),
            tasks=_several(Task, query.getlist("a")), year=_year(year), every_year=year == "toutes", order=order,
        )  # fmt: skip

    def pairs(self) -> list[tuple[str, str]]:
        """The address's parameters, without the empty ones."""
        year = "toutes" if self.every_year else str(self.year or "")
        values = [
            ("nom", self.name), *(("etat", choice.value) for choice in self.states), ("departement", self.departement),
            ("etablissement", self.establishment), ("type", self.kind),
            ("verifications", self.checks.value if self.checks else ""), ("age", self.age.value if self.age else ""),
            *(("a", task.value) for task in self.tasks), ("annee", year),
        ]  # fmt: skip
        pairs = [(key, value) for key, value in values if value] or [("etat", StateChoice.LIVE.value)]
        return pairs if self.order is Order.WAITING else [*pairs, ("tri", self.order.value)]

    def address(self, *extra: tuple[str, str], **changes: Any) -> str:
        """The page with these criteria; ``changes`` replaces some of them."""
        return f"{PLACE}?{urlencode([*replace(self, **changes).pairs(), *extra])}"

    def sorted_by(self, order: Order) -> Self:
        """The same filters in another order."""
        return replace(self, order=order)

    def filters(self, app: App, actor: Actor) -> Filters:
        """The same as conditions of the read model, for this reader of the list."""
        now = app.clock.now()
        today = app.policy.calendar.today(now)
        before, after = AGES[self.age](today) if self.age else (None, None)
        midnight = app.policy.calendar.midnight
        late = midnight(today - timedelta(days=app.settings.handling.expected_days))
        uai = normalise_uai(self.establishment)
        return Filters(
            name=self.name, departement=self.departement, kind=self.kind, live=self._only_live(app, now),
            uai=uai if has_uai_form(uai) else "", establishment="" if has_uai_form(uai) else self.establishment,
            states=tuple(choice.state for choice in self.states if choice.state), school_year=self.year,
            school_years=self._years(app, now), checks=self.checks.checks if self.checks else None,
            since_before=midnight(before) if before else None, since_after=midnight(after) if after else None,
            submitted_before=late if Task.LATE in self.tasks else None,
            not_handed_over=Task.HANDOVER in self.tasks, expiry_differs=Task.EXPIRY in self.tasks,
            removal_open=Task.REMOVAL in self.tasks, report_open=Task.REPORT in self.tasks,
            report_due_on=today if Task.REPORT_DUE in self.tasks else None,
            undeliverable=Task.UNDELIVERED in self.tasks,
            code_waits_since=now - CODE_LATE if Task.CODE_WAITS in self.tasks else None,
            code_held=Task.CODE_HELD in self.tasks, code_unread=Task.CODE_UNREAD in self.tasks,
            without_drane_date=Task.WITHOUT_DRANE_DATE in self.tasks,
            establishment_closed=Task.SCHOOL_CLOSED in self.tasks,
            question_answered=Task.ANSWERED in self.tasks,
            assigned_to=actor.number if Task.OWN in self.tasks else None, unassigned=Task.NOBODYS in self.tasks,
            assigned_at=now,
        )  # fmt: skip

    def _only_live(self, app: App, now: datetime) -> bool:
        """Return True when the revoked requests are left out: by default, unless the filters can only match them."""
        if self.states:
            return StateChoice.LIVE in self.states and not any(choice.state for choice in self.states)
        over = self.year is not None and app.policy.calendar.has_ended(self.year, now)
        return not (over or self._outlives_request)

    def _years(self, app: App, now: datetime) -> tuple[SchoolYear, ...]:
        """The running years when revoked requests are shown; live ones belong to them anyway."""
        shows_revoked = bool({StateChoice.REVOKED, StateChoice.ALL} & set(self.states))
        if self.year or self.every_year or self._outlives_request or not shows_revoked:
            return ()
        return app.policy.calendar.open_years(now)

    @property
    def _outlives_request(self) -> bool:
        """True if a task outlives the request and its year."""
        return bool({Task.REMOVAL, Task.REPORT, Task.REPORT_DUE} & set(self.tasks))

    def tags(self) -> Iterator[tuple[str, str]]:
        """Each active filter in words, with the address without it."""
        if self.name:
            yield f"Nom : {self.name}", self.address(name="")
        for choice in self.states:
            yield f"État : {choice.label}", self.address(states=tuple(s for s in self.states if s is not choice))
        if self.departement:
            yield f"Département : {departement_name(self.departement)}", self.address(departement="")
        if self.establishment:
            yield f"Établissement : {self.establishment}", self.address(establishment="")
        if self.kind:
            yield f"Type : {self.kind}", self.address(kind="")
        if self.checks:
            yield f"Vérifications : {self.checks.label}", self.address(checks=None)
        if self.age:
            yield f"Dans cet état depuis {self.age.label}", self.address(age=None)
        for task in self.tasks:
            yield task.sentence, self.address(tasks=tuple(t for t in self.tasks if t is not task))
        if self.year or self.every_year:
            yield f"Année : {self.year or 'toutes'}", self.address(year=None, every_year=False)


USUAL: Final = WorklistCriteria(states=(StateChoice.REQUESTED,))
"""The worklist without any filter in its address: nothing is carried for it."""


def _text(query: QueryParams, key: str) -> str:
    return query.get(key, "").replace("\x00", "").strip()[:LONGEST]


def _one(values: type[M], text: str) -> M | None:
    return next((member for member in values if member.value == text), None)


def _several(values: type[M], texts: list[str]) -> tuple[M, ...]:
    return tuple(member for member in values if member.value in texts)


def _year(text: str) -> SchoolYear | None:
    try:
        return SchoolYear.parse(text)
    except ValueError:
        return None


@dataclass(frozen=True, kw_only=True)
class ListPosition:
    """``after`` and ``before`` are the cursors of the page, one of them at most; ``ticked`` bears references.

    A form of the list sends ``ref`` for each box that is ticked, ``cochees`` for those of other pages, and ``aller``
    for the page to show.
    """

    criteria: WorklistCriteria
    after: str = ""
    before: str = ""
    ticked: tuple[str, ...] = ()

    @classmethod
    def read(cls, query: QueryParams) -> Self:
        """The position of an address; what cannot be read is left out."""
        cursors = {"apres": query.get("apres", ""), "avant": query.get("avant", "")}
        if "aller" in query:
            way, _, cursor = query["aller"].partition("=")
            cursors = {"apres": "", "avant": ""} | {way: cursor}
        after = cursors["apres"][:CURSOR]
        elsewhere = (f"{_PREFIX}{text}" for text in query.get("cochees", "")[: MOST * 20].split())
        return cls(
            criteria=WorklistCriteria.read(query), after=after, before="" if after else cursors["avant"][:CURSOR],
            ticked=references_among([*query.getlist("ref"), *elsewhere]),
        )  # fmt: skip

    def pairs(self) -> list[tuple[str, str]]:
        """The address's parameters, without the empty ones."""
        page = [("apres", self.after), ("avant", self.before), ("cochees", packed(self.ticked))]
        return [*self.criteria.pairs(), *((name, value) for name, value in page if value)]

    def address(self, path: str = PLACE, **changes: Any) -> str:
        """The list at this position; ``changes`` replaces parts of it."""
        return f"{path}?{urlencode(replace(self, **changes).pairs())}"

    def elsewhere(self, shown: Iterable[str]) -> tuple[str, ...]:
        """Those that are ticked and not shown."""
        here = set(shown)
        return tuple(reference for reference in self.ticked if reference not in here)

    @property
    def origin(self) -> str:
        """The parameter by which the page of a request leads back here; without the ticks when they are too many."""
        if self == ListPosition(criteria=USUAL):
            return ""
        whole = urlencode(self.pairs())
        return whole if len(whole) <= LONGEST_ORIGIN else urlencode(replace(self, ticked=()).pairs())

    @property
    def origin_query(self) -> str:
        """The end of the address of a request that this list shows."""
        return f"?{urlencode({ORIGIN: self.origin})}" if self.origin else ""


def references_among(texts: Iterable[str]) -> tuple[str, ...]:
    """The texts that are references, each once, ``MOST`` at most."""
    return tuple(dict.fromkeys(text for text in texts if REFERENCE.fullmatch(text)))[:MOST]


def origin_of(request: Request) -> str:
    """The place in the list that an operator came from, so that « suivante » is of that list; empty for the usual."""
    text = request.query_params.get(ORIGIN, "")[:LONGEST_ORIGIN]
    return ListPosition.read(QueryParams(text)).origin if text else ""


def packed(references: Iterable[str]) -> str:
    """References as an address carries many: without what they all begin with."""
    return " ".join(reference.removeprefix(_PREFIX) for reference in references)
