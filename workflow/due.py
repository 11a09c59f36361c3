"""Reports announced for a later day: the operators are told when that day comes (R32)."""

from datetime import datetime

from sqlalchemy import Connection, Row, select, tuple_, update

from notifications import facts_of
from notifications.contexts import ChangeDue
from notifications.mail import Draft
from notifications.mailer import Mailer
from notifications.vocabulary import Audience, Kind
from states.policy import Policy
from workflow.rows import ESTABLISHMENT, REPORT, REQUEST, REQUEST_COLUMNS, establishment_from, report_from, request_from

PAGE = 500


def tell_due_reports(connection: Connection, mailer: Mailer, policy: Policy, now: datetime) -> int:
    """Tell, once each, the open reports whose day has come; returns how many.

    One that took effect on the day it was made was told then; one of a revoked request asks for nothing any more.
    """
    today = policy.calendar.today(now)
    due = (
        select(REPORT)
        .where(REPORT.c.settlement.is_(None), REPORT.c.due_told_at.is_(None), REPORT.c.effective_on <= today)
        .order_by(REPORT.c.effective_on)
        .limit(PAGE)
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(due).all()
    if not rows:
        return 0
    keys = [(row.reference, row.number) for row in rows]
    mine = tuple_(REPORT.c.reference, REPORT.c.number).in_(keys)
    connection.execute(update(REPORT).where(mine).values(due_told_at=now))
    announced = [row for row in rows if policy.calendar.today(row.reported_at) < row.effective_on]
    drafts = _drafts(connection, mailer, policy, announced)
    mailer.enqueue(connection, drafts, now)
    return len(drafts)


def _drafts(connection: Connection, mailer: Mailer, policy: Policy, rows: list[Row]) -> list[Draft]:  # type: ignore[type-arg]
    references = {row.reference for row in rows}
    found = connection.execute(select(*REQUEST_COLUMNS).where(REQUEST.c.reference.in_(references))).all()
    requests = {row.reference: request_from(row) for row in found}
    uais = {request.uai for request in requests.values()}
    schools = connection.execute(select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai.in_(uais))).all()
    places = {row.uai: establishment_from(row) for row in schools}
    drafts = []
    for row in rows:
        request, report = requests[row.reference], report_from(row)
        if not request.is_live:
            continue
        context = ChangeDue(
            reference=request.reference, establishment=facts_of.place(places[request.uai]),
            rupn=facts_of.person(request), year=facts_of.year(policy.calendar.end_of(request.school_year)),
            number=report.number, change=report.change, effective_on=report.effective_on,
        )  # fmt: skip
        drafts.append(
            Draft(
                kind=Kind.CHANGE_DUE, audience=Audience.OPERATORS, recipient=mailer.settings.operators_mailbox,
                context=context, uai=request.uai, reference=request.reference,
            )
        )  # fmt: skip
    return drafts
