"""Requests, and what stands beside them, between their rows and the plain values of the rules."""

from collections.abc import Callable
from dataclasses import fields
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, select

from states.model import Check, Establishment, LastEvent, Removal, Report, Request, StandIn
from states.rules.verification import drane_standing, earlier_check_day, standing
from states.school_calendar import SchoolYear
from states.validation import fold
from states.vocabulary import (
    Change,
    CheckOutcome,
    RemovalKind,
    RemovalOutcome,
    Role,
    Settlement,
    StandInKind,
    State,
    Trigger,
)
from workflow.database.tables import IS_LIVE, REQUEST

_CHECK_PARTS = ("outcome", "source", "checked_on", "seen", "entry", "automatic")

_CHECK_COLUMNS = tuple(f"{check}_{part}" for check in ("listing", "delegation") for part in _CHECK_PARTS)

_TRANSLATED = frozenset({"school_year", "state", "listing", "delegation", "acted_on_behalf"})

school_year = lru_cache(maxsize=64)(SchoolYear.stored)

_PLAIN = tuple(f.name for f in fields(Request) if f.name not in _TRANSLATED)

_OTHERS = ("school_year", "state", "acted_on_behalf", *_CHECK_COLUMNS)

_SPECIAL = slice(len(_PLAIN), len(_PLAIN) + len(_OTHERS))

REQUEST_COLUMNS = tuple(REQUEST.c[name] for name in (*_PLAIN, *_OTHERS, "chain_head", "chain_length"))
"""Columns to select, first and in this order, for ``request_from``."""

_LIVE_YEARS = select(REQUEST.c.school_year).where(IS_LIVE).distinct()

_SEEN_BY_CHECKS = frozenset(
    {"listing", "delegation", "nom", "prenom", "mail", "school_year", "delegated_on", "delegation_why", "chef_name"}
)
"""Fields on which the two checks depend (R35, R37)."""

_SEEN_BY_DRANE = frozenset({"nom", "prenom", "mail", "uai", "school_year", "drane_seen"})
"""Fields on which what is to be sent to the DRANE depends, besides the end of the request (R96)."""


def reference_of(year: SchoolYear, number: int) -> str:
    return f"ODA-{year.end_year}-{number:05d}"


def is_readable_year(text: str) -> bool:
    """True for a stored school year that the calendar has; others come from a clock that was wrong."""
    try:
        return school_year(text).is_of_calendar
    except ValueError:
        return False


def live_years(connection: Connection) -> list[SchoolYear]:
    """The school years that have a live request; one that cannot be read is left to ``unreadable_requests``."""
    years = connection.execute(_LIVE_YEARS).scalars()
    return sorted(school_year(text) for text in years if is_readable_year(text))


def unreadable_requests(connection: Connection, limit: int = 10) -> list[str]:
    """The references of live requests of a year that no calendar has: nothing is done of them by itself."""
    strange = [year for year in connection.execute(_LIVE_YEARS).scalars() if not is_readable_year(year)]
    if not strange:
        return []
    query = select(REQUEST.c.reference).where(IS_LIVE, REQUEST.c.school_year.in_(strange))
    return list(connection.execute(query.order_by(REQUEST.c.reference).limit(limit)).scalars())


def mailbox_of(row: Any) -> str | None:
    """The mailbox in force: the operator's choice, else the directory's (R14)."""
    mailbox: str | None = row.set_mailbox or row.mailbox
    return mailbox


def establishment_from(row: Any) -> Establishment:
    return Establishment(
        uai=row.uai, nom=row.nom, commune=row.commune, departement=row.departement, is_open=row.is_open,
        mailbox=mailbox_of(row), chef_name=row.chef_name,
    )  # fmt: skip


def stand_in_from(row: Any) -> StandIn:
    return StandIn(
        kind=StandInKind(row.kind), operator=row.operator, label=row.label or f"l'opérateur n° {row.operator}",
        since=row.since, until=row.until, confirmed_at=row.confirmed_at,
    )  # fmt: skip


def request_from(row: Any) -> Request:
    """A request from a row of ``select(*REQUEST_COLUMNS, …)``, read by position: a sweep reads many."""
    values = dict(zip(_PLAIN, row, strict=False))
    year, state, behalf, *checks = row[_SPECIAL]
    values["school_year"] = school_year(year)
    values["state"] = State(state)
    values["acted_on_behalf"] = frozenset(map(int, behalf.split()))
    values["listing"] = Check(CheckOutcome(checks[0]), *checks[1:6]) if checks[0] else None
    values["delegation"] = Check(CheckOutcome(checks[6]), *checks[7:12]) if checks[6] else None
    request = object.__new__(Request)
    object.__setattr__(request, "__dict__", values)
    return request


def last_event_from(row: Any) -> LastEvent:
    return LastEvent(Trigger(row.last_trigger), row.last_actor, Role(row.last_role), row.changed_at)


def report_from(row: Any) -> Report:
    return Report(
        number=row.number, change=Change(row.change), effective_on=row.effective_on,
        reported_at=row.reported_at, settled_at=row.settled_at,
        settlement=Settlement(row.settlement) if row.settlement else None, revoke_on=row.revoke_on,
    )  # fmt: skip


def removal_from(row: Any) -> Removal:
    outcome = RemovalOutcome(row.outcome) if row.outcome else None
    return Removal(RemovalKind(row.kind), outcome, row.opened_at)


@lru_cache(maxsize=1024)
def _check_columns(name: str) -> Callable[[Any], dict[str, Any]]:
    def columns(check: Check | None) -> dict[str, Any]:
        return {
            f"{name}_outcome": check.outcome.value if check else None,
            f"{name}_source": check.source if check else "",
            f"{name}_checked_on": check.checked_on if check else None,
            f"{name}_seen": check.digest if check else "",
            f"{name}_entry": check.entry if check else None,
            f"{name}_automatic": check.automatic if check else False,
        }

    return columns


_COLUMNS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "school_year": lambda value: {"school_year": str(value)},
    "state": lambda value: {"state": value.value},
    "listing": _check_columns("listing"),
    "delegation": _check_columns("delegation"),
    "acted_on_behalf": lambda value: {"acted_on_behalf": " ".join(map(str, sorted(value)))},
}


def changed_columns(before: Request | None, after: Request) -> dict[str, Any]:
    """The columns that differ from ``before``, all of them at a birth; ``with_`` keeps an unchanged value itself."""
    old = before.__dict__ if before else {}
    names = [name for name, value in after.__dict__.items() if name not in old or old[name] is not value]
    columns: dict[str, Any] = {}
    for name in names:
        value = getattr(after, name)
        special = _COLUMNS.get(name)
        columns |= special(value) if special else {name: value}
    if {"nom", "prenom", "mail"} & set(names):
        columns |= {"folded_mail": after.folded_mail, "person": after.person, "sorted_name": sorted_name(after)}
    if not _SEEN_BY_CHECKS.isdisjoint(names):
        columns |= {"checks": standing(after).value, "checked_on": earlier_check_day(after)}
    if not _SEEN_BY_DRANE.isdisjoint(names) or (before is not None and before.is_live is not after.is_live):
        columns["drane"] = drane_standing(after).value
    return columns


def sorted_name(request: Request) -> str:
    """The person's name as a list is sorted by it: folded, nom first."""
    return f"{fold(request.nom)} {fold(request.prenom)}"


def search_words(request: Request) -> list[str]:
    """The words by which the request is found: its person's folded names, and the folded mail."""
    return sorted({*request.person.split(), request.folded_mail})
