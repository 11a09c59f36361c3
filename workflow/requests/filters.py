"""Filters and search of requests as SQL conditions, and who may see which request (R2, R3).

Every filter combines with every other. The rectorat searches the requests of every state and year by whatever it has at
hand (R89): a reference, whole or its number alone; names in any order, case and accents; a mail.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
    union_all,
)

from notifications.outbox.store import MAILS, SEALS
from notifications.vocabulary import CODE_KINDS, CODE_MAILS, Stage
from states import refusals
from states.model import Actor
from states.refusals import Reason
from states.rules.verification import Standing
from states.school_calendar import SchoolCalendar, SchoolYear
from states.validation import clean_mail, fold, fold_mail, normalise_uai
from states.vocabulary import Role, State
from workflow.database.mapping import is_readable_year, reference_of, school_year
from workflow.database.tables import ASSIGNMENT, COUNTER, ESTABLISHMENT, IS_LIVE, REMOVAL, REPORT, REQUEST, WORD
from workflow.requests.collaboration import assigned
from workflow.settings.sections import spellings

COUNTED: Final = 1000
"""A count stops here: beyond, « plus de 1 000 » says enough, and costs the same however many there are."""

_LATER = MAILS.alias("later_mail")

_CODE_KINDS: Final = [kind.value for kind in CODE_KINDS]

_CODE_MAILS: Final = [kind.value for kind in CODE_MAILS]

_LOST = select(MAILS.c.reference).where(
    MAILS.c.stage.in_([stage.value for stage in (Stage.CANCELLED, Stage.DEAD, Stage.DISCARDED)]),
    MAILS.c.kind.in_(_CODE_KINDS),
    MAILS.c.reference.is_not(None),  # else NOT IN would be true of nothing
    ~exists().where(_LATER.c.reference == MAILS.c.reference, _LATER.c.kind.in_(_CODE_MAILS), _LATER.c.id > MAILS.c.id),
)
"""The requests whose last code mail has not arrived and will not by itself."""

_WAITING_CODE = select(MAILS.c.reference).where(
    MAILS.c.stage.in_([stage.value for stage in (Stage.PENDING, Stage.RETRY, Stage.SENDING)]),
    MAILS.c.kind.in_(_CODE_MAILS),
)
"""The requests whose code mail the relay has not taken yet."""

CODE_LATE: Final = timedelta(days=1)
"""A code whose mail waits for longer may not leave before its last hour, however the relay is: people are told."""

HAS_OWN_CODE: Final = and_(REQUEST.c.extends.is_(None), REQUEST.c.key_elsewhere.is_(False))
"""Not the extension of a key that the person had (R40)."""

NOT_DRAWN: Final = REQUEST.c.drawn_at.is_(None)
"""No drawn code waits to be said on the ODA server (R97)."""

_TO_REMOVE = select(REMOVAL.c.reference).where(REMOVAL.c.closed_at.is_(None))
"""The requests whose removal nobody confirmed yet."""

_REPORTED = select(REPORT.c.reference).where(REPORT.c.settlement.is_(None))
"""The requests of which a report is open (R32)."""

_OF_CLOSED = REQUEST.c.uai.in_(select(ESTABLISHMENT.c.uai).where(ESTABLISHMENT.c.is_open.is_(False)))
"""The establishment is not open any more (R95)."""

_UNREAD = REQUEST.alias("unread_request")

_WITH_CODE = exists().where(SEALS.c.reference == _UNREAD.c.reference, SEALS.c.ciphertext.is_not(None))

_TO_READ = select(_UNREAD.c.reference).where(_UNREAD.c.code_unread_since.is_not(None), _WITH_CODE)
"""The requests whose code waits to be read on the portal (R112)."""

_NEVER_READ = select(_UNREAD.c.reference).where(_UNREAD.c.code_unread_since.is_not(None), ~_WITH_CODE)
"""Those whose code was erased before anybody read it."""

_OF_THOSE_ISSUED: Final = func.coalesce(REQUEST.c.state, "") == State.CODE_ISSUED.value
"""The state, hidden from its index: beside a few references, SQLite would begin with the keys of all years."""

UNDELIVERABLE: Final = and_(
    _OF_THOSE_ISSUED,
    REQUEST.c.handed_on.is_(None),
    HAS_OWN_CODE,
    NOT_DRAWN,
    REQUEST.c.reference.in_(union_all(_LOST, _NEVER_READ)),
)
"""The code did not arrive (R58), as ``notifications.outbox.store`` decides it: its last mail is lost, or it was erased
before anybody read it (R112)."""

MOST: Final = 50
"""Requests shown: who finds more types another word."""

SHORTEST: Final = 2
"""Letters of a word that is looked for among the names: one alone begins a name in five."""

_NUMBER: Final = re.compile(r"(?:oda )?(?:([0-9]{4}) )?0*([0-9]{1,9})")
"""A folded reference: « oda 2027 00079 », « 2027 79 », « oda 79 », « 79 »."""

_LAST: Final = "\U0010ffff"
"""What follows every word that begins alike."""


@dataclass(frozen=True, slots=True)
class Count:
    """A number, exact up to ``COUNTED``."""

    number: int

    @property
    def is_exact(self) -> bool:
        return self.number <= COUNTED


class Checks(StrEnum):
    """Results of the two checks, today, of a request that waits for the rectorat (R34 to R36)."""

    TO_DO = "to_do"
    READY = "ready"
    NEGATIVE = "negative"
    TOO_OLD = "too_old"


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """None, empty or False leaves everything in.

    ``name``: the beginning or the middle of each of its words, in any order, case and accents (R17);
    ``establishment``: the same of its name, its town and its UAI; ``kind``: as in the directory (``Collège``);
    ``departement``: ``31`` and ``031`` are the same; ``since_before``, ``since_after``: came to its state before, or
    not before, this instant, aware UTC; ``submitted_before``: still with the rectorat, and last submitted before this
    instant; ``report_due_on``: a report is open that is to be handled on this day (R32); ``oldest_check``: the earliest
    day of a check that counts today, needed by ``checks`` (R36); ``not_handed_over``: the code's hand-over is not
    confirmed (R31); ``code_held``: a drawn code waits to be said on the ODA server, and ``code_drawn_before``: since
    before this instant (R97); ``code_unread``: nobody has read it on the portal, and ``code_unread_before``:
    since before this instant (R112); ``expiry_differs``: the key bears another day than the school year's end (R43);
    ``without_drane_date``: nobody said when the RUPN was declared to the DRANE (R25);
    ``establishment_closed``: live, and its establishment is not open any more (R95); ``question_answered``: no
    operator has acted upon an answer (R90); ``assigned_at``: the instant of ``assigned_to``, the number of who handles
    the request, and of ``unassigned``, by nobody (R88).
    """

    states: tuple[State, ...] = ()
    live: bool = False
    school_year: SchoolYear | None = None
    school_years: tuple[SchoolYear, ...] = ()
    uai: str = ""
    establishment: str = ""
    kind: str = ""
    departement: str = ""
    name: str = ""
    mail: str = ""
    since_before: datetime | None = None
    since_after: datetime | None = None
    submitted_before: datetime | None = None
    checks: Checks | None = None
    oldest_check: date | None = None
    not_handed_over: bool = False
    expiry_differs: bool = False
    removal_open: bool = False
    report_open: bool = False
    report_due_on: date | None = None
    undeliverable: bool = False
    code_waits_since: datetime | None = None
    code_held: bool = False
    code_drawn_before: datetime | None = None
    code_unread: bool = False
    code_unread_before: datetime | None = None
    without_drane_date: bool = False
    establishment_closed: bool = False
    question_answered: bool = False
    assigned_to: int | None = None
    unassigned: bool = False
    assigned_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchResult:
    """``references`` of the requests found, the latest first, ``MOST`` at most; ``count`` and ``states`` of them all.

    ``exact``: the reference that was typed whole, when it exists.
    """

    references: tuple[str, ...]
    count: Count
    states: tuple[tuple[State, int], ...]
    exact: str | None


def count_query(wanted: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """The query that counts the requests that meet these conditions, exactly up to ``COUNTED``."""
    matches: Select[Any] = select(literal_column("1")).select_from(REQUEST).where(*wanted)
    return select(func.count()).select_from(matches.limit(COUNTED + 1).subquery())


def years_with_requests(connection: Connection) -> list[SchoolYear]:
    """The school years that ever had a request, the earliest first; few, whatever the number of requests."""
    texts = connection.execute(select(COUNTER.c.school_year)).scalars()
    return sorted(school_year(text) for text in texts if is_readable_year(text))


def conditions(
    connection: Connection, filters: Filters, calendar: SchoolCalendar, *, walked: bool = False
) -> list[ColumnElement[bool]]:  # fmt: skip
    """The filters as conditions on requests joined to their establishment.

    ``walked``: the requests are read in their order until there are enough, and not sorted from those of a hundred
    schools, as SQLite would from an index of the schools' requests.
    """
    return [
        *_of_request(filters),
        *_of_other_tables(filters),
        *_of_establishment(connection, filters, REQUEST.c.uai + "" if walked else REQUEST.c.uai),
        *_of_expiry(connection, filters, calendar),
    ]


def _of_request(filters: Filters) -> Iterator[ColumnElement[bool]]:
    if filters.states:
        yield or_(*(_is(state) for state in filters.states))
    if filters.live:
        yield IS_LIVE
    if filters.school_year:
        yield REQUEST.c.school_year == str(filters.school_year)
    if filters.school_years:
        yield REQUEST.c.school_year.in_([str(year) for year in filters.school_years])
    if filters.uai:
        yield REQUEST.c.uai == normalise_uai(filters.uai)
    if filters.name:
        words = fold(filters.name).split()  # each stands somewhere in the folded person; no word, nobody
        yield and_(*(REQUEST.c.person.contains(word, autoescape=True) for word in words)) if words else false()
    if filters.mail:
        yield REQUEST.c.folded_mail == fold_mail(clean_mail(filters.mail))
    if filters.since_before:
        yield REQUEST.c.since < filters.since_before
    if filters.since_after:
        yield REQUEST.c.since >= filters.since_after
    if filters.submitted_before:
        yield and_(_is(State.REQUESTED), REQUEST.c.since < filters.submitted_before)
    if filters.not_handed_over:
        yield and_(_is(State.CODE_ISSUED), REQUEST.c.handed_on.is_(None), HAS_OWN_CODE, NOT_DRAWN)
    if filters.code_unread:
        yield and_(_OF_THOSE_ISSUED, NOT_DRAWN, REQUEST.c.reference.in_(_TO_READ))
    if filters.code_unread_before:
        yield REQUEST.c.code_unread_since < filters.code_unread_before
    if filters.code_held:
        yield ~NOT_DRAWN
    if filters.code_drawn_before:
        yield and_(~NOT_DRAWN, REQUEST.c.drawn_at < filters.code_drawn_before)
    if filters.without_drane_date:
        yield REQUEST.c.drane_declared_on.is_(None)
    if filters.question_answered:
        yield REQUEST.c.question_answered_at.is_not(None)
    if filters.checks:
        yield and_(_is(State.REQUESTED), _checked(filters.checks, filters.oldest_check))


@cache
def _is(state: State) -> ColumnElement[bool]:
    """Written out, never bound: a partial index serves only a condition that it can recognise."""
    return REQUEST.c.state == literal_column(f"'{state.value}'")


def _checked(checks: Checks, oldest: date | None) -> ColumnElement[bool]:
    if oldest is None:
        raise ValueError("a filter on the checks needs the earliest day of a check that counts")
    match checks:
        case Checks.READY:
            return and_(REQUEST.c.checks == Standing.POSITIVE.value, REQUEST.c.checked_on >= oldest, NOT_DRAWN)
        case Checks.TOO_OLD:
            return and_(REQUEST.c.checks == Standing.POSITIVE.value, REQUEST.c.checked_on < oldest)
        case Checks.NEGATIVE:
            return REQUEST.c.checks == Standing.NEGATIVE.value
    return REQUEST.c.checks == Standing.TO_DO.value


def _of_other_tables(filters: Filters) -> Iterator[ColumnElement[bool]]:
    """Conditions on other tables, found from their few open rows."""
    if filters.removal_open:
        yield REQUEST.c.reference.in_(_TO_REMOVE)
    if filters.report_open:
        yield REQUEST.c.reference.in_(_REPORTED)
    if filters.report_due_on:
        yield REQUEST.c.reference.in_(_REPORTED.where(REPORT.c.effective_on <= filters.report_due_on))
    if filters.establishment_closed:
        yield and_(IS_LIVE, _OF_CLOSED)
    if filters.undeliverable:
        yield UNDELIVERABLE
    if filters.code_waits_since:
        waits = _WAITING_CODE.where(MAILS.c.created_at < filters.code_waits_since)
        yield and_(_OF_THOSE_ISSUED, REQUEST.c.reference.in_(waits))

    if filters.assigned_at and filters.assigned_to is not None:
        mine = assigned(filters.assigned_at).where(ASSIGNMENT.c.actor == filters.assigned_to)
        yield REQUEST.c.reference.in_(mine)
    if filters.assigned_at and filters.unassigned:
        yield REQUEST.c.reference.not_in(assigned(filters.assigned_at))


def _of_establishment(
    connection: Connection, filters: Filters, uai: ColumnElement[str]
) -> Iterator[ColumnElement[bool]]:  # fmt: skip
    """Look once through an académie's thousand establishments, rather than join them to each request."""
    if not (filters.departement or filters.kind or filters.establishment):
        return
    query = select(ESTABLISHMENT.c.uai, ESTABLISHMENT.c.nom, ESTABLISHMENT.c.commune)
    if filters.departement:
        query = query.where(ESTABLISHMENT.c.departement.in_(spellings(filters.departement)))
    if filters.kind:
        query = query.where(ESTABLISHMENT.c.kind == filters.kind)
    if not filters.establishment:
        yield uai.in_(query.with_only_columns(ESTABLISHMENT.c.uai))
    elif words := fold(filters.establishment).split():
        rows = ((row.uai, fold(" ".join(row))) for row in connection.execute(query))
        matches = [uai for uai, place in rows if all(word in place for word in words)]
        # Written out: there may be more of them than a statement takes parameters, and they are values of our own.
        yield REQUEST.c.uai.in_(bindparam(None, matches, expanding=True, literal_execute=True))
    else:
        yield false()


def _of_expiry(
    connection: Connection, filters: Filters, calendar: SchoolCalendar
) -> Iterator[ColumnElement[bool]]:  # fmt: skip
    """Compare once per school year, of which there are few, and not per request."""
    if not filters.expiry_differs:
        return
    inner, selects = REQUEST.alias("seen"), []
    for year in years_with_requests(connection):
        last_day = calendar.end_of(year).last_day
        issued = (inner.c.state == literal_column("'code_issued'"), inner.c.school_year == str(year))
        another = (inner.c.expiry_seen_for < last_day, inner.c.expiry_seen_for > last_day)
        differing = (*another, inner.c.expiry_seen_for.is_(None))  # each served by an index, unlike « distinct »
        selects += [select(inner.c.reference).where(*issued, differs) for differs in differing]
    yield REQUEST.c.reference.in_(union_all(*selects)) if selects else false()


def visible_to(scope: Actor) -> ColumnElement[bool]:
    """The requests that this actor may see, as a condition: a chef its establishments', the rectorat all (R2, R3)."""
    if scope.role is Role.RUPN:
        return false()  # he sees what of his own is his, and no request whole (R113)
    if not scope.is_establishment:
        return true()
    return REQUEST.c.uai.in_(sorted(scope.establishments))


def not_visible(scope: Actor, reference: str) -> Reason:
    """The reason why there is nothing to show, in the words with which the engine refuses both.

    A chef reads the same whether the request exists elsewhere or nowhere (R3).
    """
    if scope.is_establishment:
        return refusals.not_your_establishment()
    return refusals.unknown_request(reference)


def search(connection: Connection, scope: Actor, text: str, limit: int | None = MOST) -> SearchResult:
    """The requests that this text names, of what ``scope`` may see (R3); None for ``limit``: all their references."""
    found, exact = _found(connection, scope, text)
    counts: dict[str, int] = {}
    if found is not None:
        matches = select(REQUEST.c.state).where(*found).limit(COUNTED + 1).subquery()
        query = select(matches.c.state, func.count().label("number")).group_by(matches.c.state)
        counts = {row.state: row.number for row in connection.execute(query)}
    references: Sequence[str] = ()
    if counts:
        latest = select(REQUEST.c.reference).where(*found or ()).order_by(REQUEST.c.reference.desc()).limit(limit)
        references = connection.execute(latest).scalars().all()
    return SearchResult(
        references=tuple(references), count=Count(sum(counts.values())),
        states=tuple((state, counts[state.value]) for state in State if state.value in counts),
        exact=exact,
    )  # fmt: skip


def count_named(connection: Connection, scope: Actor, text: str) -> Count:
    """Count the requests of every state and year that this text names, exactly up to ``COUNTED``."""
    found, _ = _found(connection, scope, text)
    if found is None:
        return Count(0)
    return Count(connection.execute(count_query(found)).scalar_one())


def _found(connection: Connection, scope: Actor, text: str) -> tuple[list[ColumnElement[bool]] | None, str | None]:
    """The conditions on the requests that the text names, None when it names none; the reference typed whole."""
    numbers, exact = _numbered(connection, scope, text)
    if numbers:
        return [REQUEST.c.reference.in_(numbers), visible_to(scope)], exact
    words = [fold_mail(clean_mail(text))] if "@" in text else fold(text).split()
    if not words or max(map(len, words)) < SHORTEST:
        return None, None
    longest, *others = sorted(words, key=len, reverse=True)
    also = WORD.alias("also")
    first = select(WORD.c.reference).where(_begins(WORD.c.word, longest))
    for word in others:
        first = first.where(exists().where(also.c.reference == WORD.c.reference, _begins(also.c.word, word)))
    return [REQUEST.c.reference.in_(first), visible_to(scope)], None


def _begins(column: ColumnElement[str], word: str) -> ColumnElement[bool]:
    """As a range, which an index serves on both databases."""
    return (column >= word) & (column < word + _LAST)


def _numbered(connection: Connection, scope: Actor, text: str) -> tuple[list[str], str | None]:
    """The requests of this number, and the one of this number and year."""
    match = _NUMBER.fullmatch(fold(text))
    if match is None:
        return [], None
    year, number = match[1], int(match[2])
    years = [SchoolYear(int(year) - 1)] if year else years_with_requests(connection)
    candidates = [reference_of(each, number) for each in years]
    query = select(REQUEST.c.reference).where(REQUEST.c.reference.in_(candidates), visible_to(scope))
    references = list(connection.execute(query).scalars())
    return references, references[0] if year and references else None
