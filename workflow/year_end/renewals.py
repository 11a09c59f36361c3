"""Renewals from a school year to the next: who was renewed, who was not, who can be (R33, R81).

Somebody is renewed who has a request for the next year, in the same establishment.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, exists, func, or_, select, tuple_

from notifications.mailer import Mailer
from notifications.sql import batches
from states import french
from states.model import Actor, Policy, Request
from states.rules.schedule import INVITED_WITHIN
from states.rules.verification import Standing, oldest_valid_day
from states.school_calendar import SchoolCalendar, SchoolYear
from states.vocabulary import State, Trigger
from workflow.database.journal_tables import EVENT
from workflow.database.mapping import REQUEST_COLUMNS, request_from
from workflow.database.tables import ESTABLISHMENT, IS_LIVE, REQUEST
from workflow.requests.detail import former_key_of
from workflow.requests.filters import visible_to
from workflow.requests.lists import ChefRequest, list_chef_requests
from workflow.settings.sections import spellings

_NEXT = REQUEST.alias("next_request")

_EXPIRED: Final = exists().where(EVENT.c.stream == REQUEST.c.reference, EVENT.c.kind == Trigger.EXPIRE.value)


def renewed(year: SchoolYear) -> ColumnElement[bool]:
    """The condition on requests of ``year`` that one of the next year follows.

    It renews the former, or is of the same person or the same address in the same establishment; whatever became of
    it since: the establishment has said what it wanted.
    """
    is_next = or_(
        _NEXT.c.renews == REQUEST.c.reference,
        _NEXT.c.person == REQUEST.c.person,
        _NEXT.c.folded_mail == REQUEST.c.folded_mail,
    )
    return exists().where(_NEXT.c.uai == REQUEST.c.uai, _NEXT.c.school_year == str(year.next), is_next)


def renewed_among(connection: Connection, year: SchoolYear, references: Sequence[str]) -> set[str]:
    """Those of these requests of ``year`` that are renewed."""
    renewed_references: set[str] = set()
    for batch in batches(references):
        query = select(REQUEST.c.reference).where(REQUEST.c.reference.in_(batch), renewed(year))
        renewed_references.update(connection.execute(query).scalars())
    return renewed_references


_BATCH: Final = 1000


_NAMES: Final = ("reference", "nom", "prenom", "mail", "uai", "expires_on")


_COLUMNS: Final = (
    *(REQUEST.c[name] for name in _NAMES), ESTABLISHMENT.c.nom.label("establishment"), ESTABLISHMENT.c.commune,
    ESTABLISHMENT.c.departement, ESTABLISHMENT.c.is_open,
    func.coalesce(ESTABLISHMENT.c.set_mailbox, ESTABLISHMENT.c.mailbox, "").label("mailbox"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class NotRenewed:
    """Somebody who had a key until the end of a year, and has no request for the next one in that establishment.

    ``mailbox`` is empty when the establishment has none.
    """

    reference: str
    nom: str
    prenom: str
    mail: str
    uai: str
    establishment: str
    commune: str
    departement: str
    is_open: bool
    mailbox: str
    expires_on: date | None


@dataclass(frozen=True, slots=True)
class NotRenewedPage:
    """A page of those not renewed; ``after`` is what to give for the next page, None at the end."""

    lines: tuple[NotRenewed, ...]
    after: str | None


def list_not_renewed(
    connection: Connection, year: SchoolYear, *, departement: str = "", after: str | None = None, limit: int = 50
) -> NotRenewedPage:
    """Return a page of those of ``year``, by UAI. Raises ValueError when ``after`` is none of what a page gave."""
    query = (
        select(*_COLUMNS)
        .join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)
        .where(*had_key(year), ~renewed(year))
    )
    if departement:
        query = query.where(ESTABLISHMENT.c.departement.in_(spellings(departement)))
    if after:
        uai, reference = after.split("~")
        query = query.where(tuple_(REQUEST.c.uai, REQUEST.c.reference) > tuple_(uai, reference))
    rows = connection.execute(query.order_by(REQUEST.c.uai, REQUEST.c.reference).limit(limit + 1)).all()
    lines = tuple(NotRenewed(**row._mapping) for row in rows[:limit])
    has_more = len(rows) > limit
    return NotRenewedPage(lines, f"{lines[-1].uai}~{lines[-1].reference}" if has_more else None)


def all_not_renewed(connection: Connection, year: SchoolYear, *, departement: str = "") -> Iterator[NotRenewed]:
    """Yield all those of ``year``, in bounded memory."""
    after: str | None = ""
    while after is not None:
        page = list_not_renewed(connection, year, departement=departement, after=after, limit=_BATCH)
        yield from page.lines
        after = page.after


def count_not_renewed(connection: Connection, year: SchoolYear) -> dict[str, int]:
    """Count those of ``year`` in each département that has one, by its code."""
    place = ESTABLISHMENT.c.departement
    query = (
        select(place, func.count())
        .join(REQUEST, REQUEST.c.uai == ESTABLISHMENT.c.uai)
        .where(*had_key(year), ~renewed(year))
    )
    return {code: number for code, number in connection.execute(query.group_by(place).order_by(place))}  # noqa: C416


def count_had_key(connection: Connection, year: SchoolYear) -> int:
    """Count the requests that had a key until the end of that year, renewed or not."""
    query = select(func.count()).select_from(REQUEST).where(*had_key(year))
    return int(connection.execute(query).scalar_one())


def had_key(year: SchoolYear) -> tuple[ColumnElement[bool], ...]:
    """The conditions on requests of a year that had a key until its end: revoked by it, and not before (R50)."""
    return (
        REQUEST.c.school_year == str(year), REQUEST.c.state == State.REVOKED.value,
        REQUEST.c.code_issued_at.is_not(None), _EXPIRED,
    )  # fmt: skip


def with_key(year: SchoolYear) -> tuple[ColumnElement[bool], ...]:
    """The conditions on requests of a year whose key serves, or served until its end: those that can be renewed."""
    return (REQUEST.c.school_year == str(year), REQUEST.c.code_issued_at.is_not(None), or_(IS_LIVE, _EXPIRED))


def campaign_year(calendar: SchoolCalendar, now: datetime) -> SchoolYear | None:
    """The year whose keys are being renewed at ``now``: from a campaign's opening until invitations end (R81)."""
    today = calendar.today(now)
    upcoming = SchoolYear(today.year)
    if calendar.opening_day(upcoming) <= today <= calendar.pupils_return(upcoming) + INVITED_WITHIN:
        return SchoolYear(upcoming.start - 1)
    return None


@dataclass(frozen=True, slots=True)
class RenewalProgress:
    """Count how many of the RUPN who have a key in ``year``, or had one at its end, are renewed for the next one (R81).

    ``to_extend``: how many of these renewals are verified, their key still to be extended (R40).
    """

    year: SchoolYear
    renewed: int
    total: int
    to_extend: int

    @property
    def sentence(self) -> str:
        """``212 RUPN sur 300 renouvelés pour 2027-2028``."""
        done = "renouvelé" if self.renewed < 2 else "renouvelés"
        return f"{french.number(self.renewed)} RUPN sur {french.number(self.total)} {done} pour {self.year.next}"


def renewal_progress(connection: Connection, policy: Policy, now: datetime) -> RenewalProgress | None:
    """Count the renewals of the campaign under way, by three queries; None out of season, or when there is no key."""
    year = campaign_year(policy.calendar, now)
    if year is None:
        return None
    count = select(func.count()).select_from(REQUEST).where(*with_key(year))
    total = int(connection.execute(count).scalar_one())
    if not total:
        return None
    to_extend = select(func.count()).select_from(_keys_to_extend(year, policy, now).subquery())
    return RenewalProgress(
        year, int(connection.execute(count.where(renewed(year))).scalar_one()), total,
        int(connection.execute(to_extend).scalar_one()) if policy.one_key_a_person else 0,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class KeyToExtend:
    """A renewal whose two checks are valid, and the request of the year before whose key it would keep (R40)."""

    request: Request
    source: str
    establishment: str
    commune: str


def _keys_to_extend(year: SchoolYear, policy: Policy, now: datetime) -> Select[Any]:
    source = former_key_of(year)
    oldest = oldest_valid_day(policy.calendar.today(now), policy.checks_max_age_days)
    return (
        select(*REQUEST_COLUMNS, source.label("source"), ESTABLISHMENT.c.nom.label("place"), ESTABLISHMENT.c.commune)
        .join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)
        .where(REQUEST.c.school_year == str(year.next), REQUEST.c.state == State.REQUESTED.value)
        .where(REQUEST.c.checks == Standing.POSITIVE.value, REQUEST.c.checked_on >= oldest, source.is_not(None))
    )


def list_keys_to_extend(
    connection: Connection, year: SchoolYear, policy: Policy, now: datetime, limit: int | None = None
) -> tuple[KeyToExtend, ...]:
    """The renewals of that year that are verified, and whose key can be extended to them, by UAI (R40)."""
    if not policy.one_key_a_person:
        return ()
    query = _keys_to_extend(year, policy, now).order_by(REQUEST.c.uai, REQUEST.c.reference).limit(limit)
    rows = connection.execute(query)
    return tuple(KeyToExtend(request_from(row), row.source, row.place, row.commune) for row in rows)


MAX_TAKEN_OVER: Final = 200
"""Renewals that one page offers: more RUPN than any establishment has."""


def open_year(policy: Policy, now: datetime) -> SchoolYear:
    """The year for which they are taken over: the latest that is open."""
    return policy.calendar.open_years(now)[-1]


def to_take_over(
    connection: Connection, uai: str, scope: Actor, policy: Policy, mailer: Mailer, now: datetime
) -> tuple[ChefRequest, ...]:
    """Last year's RUPN of an establishment that can be renewed for the year that is open, by name (R33, R81)."""
    items: list[ChefRequest] = []
    after: str | None = None
    while True:
        page = list_chef_requests(connection, uai, scope, policy, mailer, now, after=after)
        items += [item for item in page.items if item.renewable]
        after = page.after
        if after is None or len(items) >= MAX_TAKEN_OVER:
            break
    items = items[:MAX_TAKEN_OVER]
    return tuple(sorted(items, key=lambda item: (item.request.nom, item.request.prenom, item.request.reference)))


def names_of(connection: Connection, references: Sequence[str], scope: Actor) -> dict[str, str]:
    """The names of the RUPN of these requests, by reference; of those that the actor may see (R3)."""
    query = select(REQUEST.c.reference, REQUEST.c.prenom, REQUEST.c.nom)
    rows = connection.execute(query.where(REQUEST.c.reference.in_(references), visible_to(scope)))
    return {row.reference: f"{row.prenom} {row.nom}" for row in rows}
