"""What a worklist may be narrowed to; every filter combines with every other."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, false, func, or_, select

from states.school_year import SchoolCalendar, SchoolYear
from states.vocabulary import State, Trigger
from states.words import fold, fold_mail, normalise_uai
from workflow.foresight import live_years
from workflow.loading import REMOVAL, REPORT
from workflow.reading.undelivered import UNDELIVERABLE
from workflow.rows import ESTABLISHMENT, IS_LIVE, REQUEST
from workflow.writing import EVENT


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """None, empty or False leaves everything in.

    ``name``: the beginning or the middle of each of its words, in any order, case and accents (R17);
    ``departement``: ``31`` and ``031`` are the same; ``submitted_before``: still with the rectorat, and last submitted
    before this instant, aware UTC; ``expiry_differs``: the key bears another day than the school year's end (R43).
    """

    states: tuple[State, ...] = ()
    live: bool = False
    school_year: SchoolYear | None = None
    uai: str = ""
    departement: str = ""
    name: str = ""
    mail: str = ""
    submitted_before: datetime | None = None
    expiry_differs: bool = False
    removal_open: bool = False
    report_open: bool = False
    undeliverable: bool = False


def conditions(connection: Connection, filters: Filters, calendar: SchoolCalendar) -> list[ColumnElement[bool]]:
    """The filters as conditions on requests joined to their establishment."""
    return [*_plain(filters), *_derived(filters), *_expiry(connection, filters, calendar)]


def _plain(filters: Filters) -> Iterator[ColumnElement[bool]]:
    if filters.states:
        yield REQUEST.c.state.in_([state.value for state in filters.states])
    if filters.live:
        yield IS_LIVE
    if filters.school_year:
        yield REQUEST.c.school_year == str(filters.school_year)
    if filters.uai:
        yield REQUEST.c.uai == normalise_uai(filters.uai)
    if filters.departement:
        yield ESTABLISHMENT.c.departement.in_(_spellings(filters.departement))
    if filters.name:
        yield _named(filters.name)
    if filters.mail:
        yield REQUEST.c.folded_mail == fold_mail(filters.mail)


def _spellings(departement: str) -> list[str]:
    """``31``, ``031``, ``2a`` as the directory may write them."""
    bare = departement.strip().upper().lstrip("0")
    return sorted({bare, bare.zfill(2), bare.zfill(3)})


def _named(text: str) -> ColumnElement[bool]:
    """Each word typed stands somewhere in the folded person, whose words are sorted. No word, nobody."""
    words = fold(text).split()
    return and_(*(REQUEST.c.person.contains(word, autoescape=True) for word in words)) if words else false()


def _derived(filters: Filters) -> Iterator[ColumnElement[bool]]:
    """What other tables tell of a request."""
    if filters.submitted_before:
        submits = (EVENT.c.stream == REQUEST.c.reference, EVENT.c.kind == Trigger.SUBMIT.value)
        last = select(func.max(EVENT.c.at)).where(*submits).scalar_subquery()
        yield and_(REQUEST.c.state == State.REQUESTED.value, last < filters.submitted_before)
    if filters.removal_open:
        yield exists().where(REMOVAL.c.reference == REQUEST.c.reference, REMOVAL.c.outcome.is_(None))
    if filters.report_open:
        yield exists().where(REPORT.c.reference == REQUEST.c.reference, REPORT.c.settlement.is_(None))
    if filters.undeliverable:
        yield UNDELIVERABLE


def _expiry(connection: Connection, filters: Filters, calendar: SchoolCalendar) -> Iterator[ColumnElement[bool]]:
    """One comparison a school year, of which few are live, and none a request."""
    if not filters.expiry_differs:
        return
    differs = (
        and_(
            REQUEST.c.school_year == str(year),
            REQUEST.c.expiry_seen_for.is_distinct_from(calendar.end_of(year).last_day),
        )
        for year in live_years(connection)
    )
    yield and_(REQUEST.c.state == State.CODE_ISSUED.value, or_(false(), *differs))
