"""Loads one request whole, for who may see it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from notifications.mailer import Mailer
from states import checks
from states.actors import Actor
from states.commands import Renew
from states.facts import Establishment, Facts, Request
from states.policy import Policy
from states.refusals import Reason
from states.removal import todo
from states.vocabulary import RemovalOutcome, Trigger
from workflow.loading import Loader
from workflow.reading import removal_words
from workflow.reading.actions import possible_actions
from workflow.reading.history import EventView, history
from workflow.reading.next_step import CHECKS, next_step
from workflow.reading.scope import sees
from workflow.reading.view import CheckView, RemovalView, RequestView
from workflow.rows import REMOVAL, REQUEST, removal_from


def facts_of(connection: Connection, reference: str, mailer: Mailer) -> Facts:
    """What the rules would look at, without a lock; ``facts.request`` is None for an unknown reference."""
    asked = Renew(reference=reference)  # any command on a request asks for the same facts
    return Loader(connection, mailer.code_fates, lock=False).load([asked]).facts(asked)


def show_request(
    connection: Connection, reference: str, scope: Actor, policy: Policy, mailer: Mailer, now: datetime
) -> RequestView | None:
    """One request; None alike for an unknown reference and for one that ``scope`` may not see (R3)."""
    facts = facts_of(connection, reference, mailer)
    request = facts.request
    if request is None or not sees(scope, request.uai):
        return None
    listing, delegation = _checks(request, policy, now)
    told = history(connection, reference, scope)
    row = connection.execute(
        select(REQUEST.c.created_at, REQUEST.c.changed_at).where(REQUEST.c.reference == reference)
    ).one()
    return RequestView(
        request=_told(connection, request, scope),
        establishment=facts.establishment or Establishment(uai=request.uai, nom=request.uai, is_open=False),
        created_at=row.created_at,
        changed_at=row.changed_at,
        year_end=policy.calendar.end_of(request.school_year),
        listing=listing,
        delegation=delegation,
        code_fate=facts.code_fate,
        reports=facts.reports,
        removal=_removal(connection, facts, request, scope, policy, told),
        others=tuple(other for other in facts.others if sees(scope, other.uai)),
        history=told,
        actions=possible_actions(facts, scope, policy, now),
        next_step=next_step(facts, policy, now),
    )


def _checks(request: Request, policy: Policy, now: datetime) -> tuple[CheckView, CheckView]:
    reasons = list(checks.problems(request, policy.calendar.today(now), policy.checks_max_age_days))
    listing, delegation = (label for label, _ in CHECKS)
    return (
        CheckView(request.listing, _about(listing, reasons)),
        CheckView(request.delegation, _about(delegation, reasons)),
    )


def _about(label: str, reasons: list[Reason]) -> Reason | None:
    return next((reason for reason in reasons if reason.message.startswith(label)), None)


def _told(connection: Connection, request: Request, scope: Actor) -> Request:
    """The request without the reference of a key that a chef may not know of (R3)."""
    if not request.extends or not scope.is_establishment:
        return request
    uai = connection.execute(select(REQUEST.c.uai).where(REQUEST.c.reference == request.extends)).scalar()
    return request if uai and sees(scope, uai) else request.with_(extends=None)


def _removal(
    connection: Connection, facts: Facts, request: Request, scope: Actor, policy: Policy, told: Sequence[EventView]
) -> RemovalView | None:
    row: Any = connection.execute(select(REMOVAL).where(REMOVAL.c.reference == request.reference)).one_or_none()
    if row is None:
        return None
    removal = removal_from(row)
    rectorat = not scope.is_establishment
    asked = rectorat and removal.outcome is None
    return RemovalView(
        kind=removal.kind, outcome=removal.outcome if rectorat else None, opened_at=row.opened_at,
        closed_at=row.closed_at,
        todo=todo(request, facts.others, one_key_a_person=policy.one_key_a_person) if asked else None,
        done=_done(removal.outcome, row.closed_at, facts, scope, policy, told) if removal.outcome else "",
    )  # fmt: skip


def _done(
    outcome: RemovalOutcome, at: datetime, facts: Facts, scope: Actor, policy: Policy, told: Sequence[EventView]
) -> str:
    zone = policy.calendar.timezone
    if scope.is_establishment:
        seen = (other for other in facts.others if sees(scope, other.uai))
        return removal_words.done_for_chef(outcome, at, seen, zone)
    by = next((event.actor for event in reversed(told) if event.trigger is Trigger.CONFIRM_REMOVAL), "")
    return removal_words.done(outcome, at, by, zone)
