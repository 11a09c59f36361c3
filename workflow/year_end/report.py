"""The progress of a year's end, and the account of one that is over: its mails and removals today (R85)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, exists, func, select

from notifications.outbox.store import MAILS
from notifications.vocabulary import Fault, Kind, Stage
from states.model import Policy
from states.rules.schedule import BrakeDecision, Hold
from states.school_calendar import SchoolYear, YearEnd
from states.vocabulary import Labelled, RemovalKind, RemovalOutcome, Trigger
from workflow.database.journal_tables import ACTOR, EVENT
from workflow.database.mapping import is_readable_year, school_year
from workflow.database.schedule_tables import OCCURRENCE, RECORD
from workflow.database.tables import COUNTER, ESTABLISHMENT, IS_LIVE, REMOVAL, REQUEST
from workflow.year_end.preview import count_live
from workflow.year_end.renewals import renewed
from workflow.year_end.service import YearEndStatus, done_key

_MAX_MISSED: Final = 100
"""Undelivered mails that are named; all are counted."""

WAITING: Final = (Stage.PENDING, Stage.RETRY, Stage.SENDING)

MISSED: Final = (Stage.DEAD, Stage.UNCERTAIN, Stage.CANCELLED)

_LATER: Final = MAILS.alias("later_mail")

_STUCK_AFTER = timedelta(minutes=3)
"""A batch takes a second, and any machine begins one at each of its ticks, a minute apart."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DepartementShare:
    """A département's part. ``open_removals``: its removals of that year that wait today, of either kind."""

    departement: str
    establishments: int = 0
    revoked: int = 0
    open_removals: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class MissedMail:
    """A mail of that end that did not arrive; ``reply`` is in the server's words."""

    id: int
    uai: str
    establishment: str
    recipient: str
    stage: Stage
    fault: Fault | None
    reply: str


@dataclass(frozen=True, kw_only=True, slots=True)
class YearEndAccount:
    """An end that is over.

    Recorded: its figures, and who confirmed it when the brake held it (R52). Of today: ``mails`` by stage and those
    that were ``missed``; of the removals of the whole year, the ``open_removals`` by kind, the others by ``outcomes``,
    and how many each of the ``confirmers`` confirmed.
    """

    school_year: SchoolYear
    last_day: date
    closed_at: datetime
    revoked: int
    shares: tuple[DepartementShare, ...]
    hold: Hold | None
    held_at: datetime | None
    confirmed_by: str
    confirmed_at: datetime | None
    mails: Counter[Stage] = field(default_factory=Counter)
    missed: tuple[MissedMail, ...] = ()
    open_removals: Counter[RemovalKind] = field(default_factory=Counter)
    outcomes: Counter[RemovalOutcome] = field(default_factory=Counter)
    confirmers: Counter[str] = field(default_factory=Counter)

    @property
    def establishments(self) -> int:
        """Establishments that lost a request to it."""
        return sum(share.establishments for share in self.shares)

    @property
    def waiting(self) -> int:
        """Mails that are still to leave."""
        return sum(self.mails[stage] for stage in WAITING)

    @property
    def not_delivered(self) -> int:
        """Mails that did not arrive, and will not by themselves."""
        return sum(self.mails[stage] for stage in MISSED)


def account_of(connection: Connection, year: SchoolYear) -> YearEndAccount | None:
    """Return the account of a year's end; None while it is not over. Seven queries, whatever the number of requests."""
    query = select(RECORD, ACTOR.c.label).outerjoin(ACTOR, ACTOR.c.number == RECORD.c.confirmed_by)
    record = connection.execute(query.where(RECORD.c.school_year == str(year))).one_or_none()
    if record is None:
        return None
    key = f"year-end:{year}:{record.last_day}"
    closed = connection.execute(select(OCCURRENCE).where(OCCURRENCE.c.key == key)).one_or_none()
    if closed is None:
        return None
    outcomes, confirmers = _confirmed_removals(connection, year)
    open_removals, by_departement = _open_removals(connection, year)
    is_of_end = and_(  # less those that another replaced; the year is a text in their facts
        MAILS.c.kind == Kind.YEAR_END.value, MAILS.c.created_at >= record.ends_at,
        MAILS.c.context.contains(f'"{year}"'), ~exists().where(_LATER.c.replaces_id == MAILS.c.id),
    )  # fmt: skip
    by_stage = select(MAILS.c.stage, func.count()).where(is_of_end).group_by(MAILS.c.stage)
    return YearEndAccount(
        school_year=year, last_day=record.last_day, closed_at=closed.at, revoked=closed.requests,
        shares=_shares(connection, key, by_departement),
        hold=Hold(record.held_why) if record.held_why else None, held_at=record.held_at,
        confirmed_by=record.label or "", confirmed_at=record.confirmed_at,
        mails=Counter({Stage(stage): number for stage, number in connection.execute(by_stage)}),
        missed=_missed(connection, is_of_end), open_removals=open_removals,
        outcomes=outcomes, confirmers=confirmers,
    )  # fmt: skip


SOON: Final = timedelta(days=1)
"""Time before its instant from which an end is followed live."""


class EndStage(Labelled):
    """Stage of a year's end."""

    TO_COME = "to_come", "à venir"
    HELD = "held", "retenue"
    RUNNING = "running", "en cours"
    STUCK = "stuck", "rien n'avance"
    OVER = "over", "terminée"


@dataclass(frozen=True, kw_only=True, slots=True)
class YearEndProgress:
    """Progress of a year's end: ``live`` requests are left, ``revoked`` are done.

    ``moved_at``: when a running one last advanced.
    """

    end: YearEnd
    stage: EndStage
    live: int
    revoked: int
    moved_at: datetime | None
    is_soon: bool

    @property
    def total(self) -> int:
        return self.live + self.revoked

    @property
    def is_worth_following(self) -> bool:
        """True if something may change before long."""
        return self.stage is not EndStage.OVER and (self.stage is not EndStage.TO_COME or self.is_soon)


def progress_of(
    connection: Connection,
    policy: Policy,
    statuses: Sequence[YearEndStatus],
    now: datetime,
    year: SchoolYear | None = None,
) -> YearEndProgress | None:
    """Return the progress of ``year``, None when it ended without the software.

    Without a year: of the first that has ended and is not over, else of the last that is over, else of the next to end.
    """
    active_ends = active_year_ends(connection, list(statuses))
    past = {end.school_year: end for end in past_ends(connection)}
    if year is None:
        ends = [active.end for active in active_ends]
        begun = [end.school_year for end in ends if now >= end.ends_at and end.school_year not in past]
        to_come = [end.school_year for end in ends if now < end.ends_at]
        year = (begun or list(past)[:1] or to_come)[0]
    active = next((active for active in active_ends if active.end.school_year == year), None)
    end = active.end if active else policy.calendar.end_of(year)
    if active is None and year not in past and now >= end.ends_at:
        return None
    is_over = year in past and (active is None or not active.live)
    live = active.live if active else count_live(connection, year)[0]
    return YearEndProgress(
        end=end, stage=EndStage.OVER if is_over else _stage(active, now), live=live,
        revoked=past[year].revoked if is_over else revoked_so_far(connection, end),
        moved_at=active.moved_at if active else None, is_soon=now >= end.ends_at - SOON,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class ActiveYearEnd:
    """A year's end that is to come or not over yet.

    ``live`` requests in ``establishments`` are still to revoke, ``revoked`` are already; ``hold`` is set while the
    brake holds it, since ``held_at``; ``renewed``: how many of the live ones have a request for the next year already
    (R81). While it runs, ``moved_at`` is when it last advanced.
    """

    end: YearEnd
    live: int
    establishments: int
    renewed: int
    revoked: int
    hold: Hold | None
    held_at: datetime | None
    is_running: bool
    moved_at: datetime | None = None

    @property
    def total(self) -> int:
        """All that this end revokes."""
        return self.live + self.revoked

    def is_stuck(self, now: datetime) -> bool:
        """True if nothing was revoked for so long that every machine must be stopped.

        All that is left will be done as soon as one works again (R50).
        """
        return self.is_running and self.moved_at is not None and now - self.moved_at > _STUCK_AFTER


@dataclass(frozen=True, kw_only=True, slots=True)
class PastEnd:
    """A year that is over; ``confirmed_by`` is set when the brake held it and somebody let it run (R52)."""

    school_year: SchoolYear
    last_day: date
    revoked: int
    closed_at: datetime
    confirmed_by: str
    confirmed_at: datetime | None


def active_year_ends(connection: Connection, statuses: list[YearEndStatus]) -> tuple[ActiveYearEnd, ...]:
    """Each evaluated year with its figures (see ``YearEnds.statuses``)."""
    rows = (row for row in connection.execute(select(RECORD)) if is_readable_year(row.school_year))
    records = {school_year(row.school_year): row for row in rows}
    return tuple(_active_year_end(connection, status, records.get(status.end.school_year)) for status in statuses)


def revoked_so_far(connection: Connection, end: YearEnd) -> int:
    """Sum the requests that this end has revoked, establishment after establishment (R50)."""
    counts = select(func.sum(OCCURRENCE.c.requests)).where(_is_of(end))
    return int(connection.execute(counts).scalar() or 0)


def past_ends(connection: Connection) -> tuple[PastEnd, ...]:
    """The years that are over, the latest first."""
    records = select(RECORD, ACTOR.c.label).outerjoin(ACTOR, ACTOR.c.number == RECORD.c.confirmed_by)
    keys = {
        f"year-end:{row.school_year}:{row.last_day}": row
        for row in connection.execute(records)
        if is_readable_year(row.school_year)
    }
    closed = connection.execute(select(OCCURRENCE).where(OCCURRENCE.c.key.in_(keys))).all()
    ends = [
        PastEnd(
            school_year=school_year(keys[row.key].school_year), last_day=keys[row.key].last_day, revoked=row.requests,
            closed_at=row.at, confirmed_by=keys[row.key].label or "", confirmed_at=keys[row.key].confirmed_at,
        )
        for row in closed
    ]  # fmt: skip
    return tuple(sorted(ends, key=lambda end: end.school_year, reverse=True))


def _shares(connection: Connection, key: str, open_removals: Counter[str]) -> tuple[DepartementShare, ...]:
    place = ESTABLISHMENT.c.departement
    query = (
        select(place, func.count(), func.sum(OCCURRENCE.c.requests))
        .join(OCCURRENCE, OCCURRENCE.c.key == key + ":" + ESTABLISHMENT.c.uai)
        .group_by(place)
    )
    swept = {code: (number, int(revoked)) for code, number, revoked in connection.execute(query)}
    return tuple(
        DepartementShare(
            departement=code, establishments=swept.get(code, (0, 0))[0], revoked=swept.get(code, (0, 0))[1],
            open_removals=open_removals[code],
        )
        for code in sorted({*swept, *open_removals})
    )  # fmt: skip


def _missed(connection: Connection, is_of_end: ColumnElement[bool]) -> tuple[MissedMail, ...]:
    columns = (MAILS.c.id, MAILS.c.uai, MAILS.c.recipient, MAILS.c.stage, MAILS.c.fault, MAILS.c.last_reply)
    query = (
        select(*columns, ESTABLISHMENT.c.nom)
        .join(ESTABLISHMENT, ESTABLISHMENT.c.uai == MAILS.c.uai)
        .where(is_of_end, MAILS.c.stage.in_([stage.value for stage in MISSED]))
        .order_by(ESTABLISHMENT.c.departement, MAILS.c.uai, MAILS.c.id)
        .limit(_MAX_MISSED)
    )
    return tuple(
        MissedMail(
            id=row.id, uai=row.uai, establishment=row.nom, recipient=row.recipient, stage=Stage(row.stage),
            fault=Fault(row.fault) if row.fault else None, reply=row.last_reply or "",
        )
        for row in connection.execute(query)
    )  # fmt: skip


def _open_removals(connection: Connection, year: SchoolYear) -> tuple[Counter[RemovalKind], Counter[str]]:
    """Count the open removals of a year, by kind and by département."""
    place = ESTABLISHMENT.c.departement
    query = (
        select(REMOVAL.c.kind, place, func.count())
        .join(REQUEST, REQUEST.c.reference == REMOVAL.c.reference)
        .join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)
        .where(REQUEST.c.school_year == str(year), REMOVAL.c.outcome.is_(None))
        .group_by(REMOVAL.c.kind, place)
    )
    kinds, places = Counter[RemovalKind](), Counter[str]()
    for kind, departement, number in connection.execute(query):
        kinds[RemovalKind(kind)] += number
        places[departement] += number
    return kinds, places


def _confirmed_removals(connection: Connection, year: SchoolYear) -> tuple[Counter[RemovalOutcome], Counter[str]]:
    """Count the confirmed removals of a year, by outcome and by actor (R49).

    The event of a confirmation is found by its request.
    """
    confirmation = (EVENT.c.stream == REMOVAL.c.reference, EVENT.c.kind == Trigger.CONFIRM_REMOVAL.value)
    query = (
        select(REMOVAL.c.outcome, ACTOR.c.label, func.count())
        .select_from(REMOVAL)
        .join(REQUEST, REQUEST.c.reference == REMOVAL.c.reference)
        .outerjoin(EVENT, and_(*confirmation))
        .outerjoin(ACTOR, ACTOR.c.number == EVENT.c.actor)
        .where(REQUEST.c.school_year == str(year), REMOVAL.c.outcome.is_not(None))
        .group_by(REMOVAL.c.outcome, ACTOR.c.label)
    )
    outcomes, people = Counter[RemovalOutcome](), Counter[str]()
    for outcome, label, number in connection.execute(query):
        outcomes[RemovalOutcome(outcome)] += number
        people[label or ""] += number
    return outcomes, people


def _stage(active: ActiveYearEnd | None, now: datetime) -> EndStage:
    if active is None or now < active.end.ends_at:
        return EndStage.TO_COME
    if active.hold:
        return EndStage.HELD
    return EndStage.STUCK if active.is_stuck(now) else EndStage.RUNNING


def _active_year_end(connection: Connection, status: YearEndStatus, record: Any) -> ActiveYearEnd:
    end = status.end
    live, establishments = count_live(connection, end.school_year)
    is_held = status.verdict is BrakeDecision.HELD and record is not None
    closed = select(OCCURRENCE.c.key).where(OCCURRENCE.c.key == done_key(end))
    is_over = not live and connection.execute(closed).first() is not None
    is_running = status.verdict is BrakeDecision.RUN and not is_over
    moved_at: datetime | None = None
    if is_running:  # the last batch, else the instant from which it could run
        moved_at = connection.execute(select(func.max(OCCURRENCE.c.at)).where(_is_of(end))).scalar()
        confirmed_at = record.confirmed_at if record is not None else None
        moved_at = moved_at or max(end.ends_at, confirmed_at or end.ends_at)
    return ActiveYearEnd(
        end=end, live=live, establishments=establishments, revoked=revoked_so_far(connection, end),
        hold=Hold(record.held_why) if is_held else status.hold, held_at=record.held_at if is_held else None,
        is_running=is_running, renewed=_renewed(connection, end.school_year) if live else 0,
        moved_at=moved_at,
    )  # fmt: skip


def _renewed(connection: Connection, year: SchoolYear) -> int:
    """Count the live requests of the year that have one for the next; none before its first reference."""
    first = select(COUNTER.c.last).where(COUNTER.c.school_year == str(year.next))
    if connection.execute(first).first() is None:
        return 0
    live = select(func.count()).select_from(REQUEST).where(REQUEST.c.school_year == str(year), IS_LIVE, renewed(year))
    return int(connection.execute(live).scalar_one())


def _is_of(end: YearEnd) -> ColumnElement[bool]:
    """The condition on each establishment's occurrence of this end."""
    return OCCURRENCE.c.key.startswith(f"{done_key(end)}:", autoescape=True)
