"""What a RUPN reads of the requests that bear his address: his own data, where they stand, nobody else's (R113)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from notifications.mailer import Mailer
from states.model import Actor, Establishment, Report, Request
from states.policy import Policy
from states.school_calendar import YearEnd
from states.vocabulary import RUPN_CHANGES, CodeStatus, Role, State, Trigger
from workflow.database.journal_tables import EVENT
from workflow.database.mapping import REQUEST_COLUMNS, establishment_from, report_from, request_from
from workflow.database.tables import ESTABLISHMENT, REPORT, REQUEST

MOST: Final = 50
"""Requests that his page shows, the latest first: one person has a few."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RupnRequest:
    """One of his requests. ``submitted_at``: when it was last sent to the rectorat; ``said``: his own last report."""

    request: Request
    establishment: Establishment
    year_end: YearEnd
    code_fate: CodeStatus
    created_at: datetime
    since: datetime
    submitted_at: datetime | None = None
    said: Report | None = None

    @property
    def may_say(self) -> bool:
        """True while he may say that he is the RUPN no more: it is live, and nothing that he said waits."""
        return self.request.is_live and (self.said is None or not self.said.is_open)

    @property
    def expires_on(self) -> date:
        """The last day of his key, or of the school year while there is none."""
        return self.request.expires_on or self.year_end.last_day


def list_rupn_requests(connection: Connection, actor: Actor, policy: Policy, mailer: Mailer) -> list[RupnRequest]:
    """The requests that bear this RUPN's address, the live ones first; none for anybody else."""
    return _rupn_requests(connection, actor, policy, mailer)


def find_rupn_request(
    connection: Connection, actor: Actor, reference: str, policy: Policy, mailer: Mailer
) -> RupnRequest | None:
    """One of them; None alike for an unknown one and for somebody else's (R3)."""
    return next(iter(_rupn_requests(connection, actor, policy, mailer, REQUEST.c.reference == reference)), None)


def _rupn_requests(
    connection: Connection, actor: Actor, policy: Policy, mailer: Mailer, *where: Any
) -> list[RupnRequest]:
    if actor.role is not Role.RUPN or not actor.address:
        return []
    query = (
        select(*REQUEST_COLUMNS, REQUEST.c.created_at.label("created"), REQUEST.c.since.label("stands_since"))
        .where(REQUEST.c.folded_mail == actor.address, *where)
        .order_by(REQUEST.c.state == State.REVOKED.value, REQUEST.c.reference.desc())
        .limit(MOST)
    )
    rows = connection.execute(query).all()
    requests = [request_from(row) for row in rows]
    places = _places(connection, {request.uai for request in requests})
    references = [request.reference for request in requests]
    statuses = mailer.code_statuses(connection, requests)
    submitted, said = _submitted(connection, references), _said(connection, references)
    return [
        RupnRequest(
            request=request, establishment=places[request.uai], code_fate=statuses[request.reference],
            year_end=policy.calendar.end_of(request.school_year), created_at=row.created, since=row.stands_since,
            submitted_at=submitted.get(request.reference), said=said.get(request.reference),
        )
        for request, row in zip(requests, rows, strict=True)
    ]  # fmt: skip


def _places(connection: Connection, uais: set[str]) -> dict[str, Establishment]:
    places = {uai: Establishment(uai=uai, nom=uai, is_open=False) for uai in uais}
    for row in connection.execute(select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai.in_(sorted(uais)))):
        places[row.uai] = establishment_from(row)
    return places


def _submitted(connection: Connection, references: Sequence[str]) -> dict[str, datetime]:
    sent = (EVENT.c.stream.in_(references), EVENT.c.kind == Trigger.SUBMIT.value)
    query = select(EVENT.c.stream, EVENT.c.at).where(*sent).order_by(EVENT.c.seq)
    return {row.stream: row.at for row in connection.execute(query)}


def _said(connection: Connection, references: Sequence[str]) -> dict[str, Report]:
    own = (REPORT.c.reference.in_(references), REPORT.c.change.in_([change.value for change in RUPN_CHANGES]))
    query = select(REPORT).where(*own).order_by(REPORT.c.number)
    return {row.reference: report_from(row) for row in connection.execute(query)}
