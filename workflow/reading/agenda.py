"""An establishment's requests as its chef meets them: each with what it waits for and what can be done of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, select

from notifications.mailer import Mailer
from states.actors import Actor
from states.case import Case
from states.commands import Renew
from states.facts import Establishment, Facts, Request
from states.policy import Policy
from states.rules.birth import renewal_years
from states.vocabulary import CodeFate, Trigger
from workflow.loading import Loader
from workflow.reading.actions import PossibleAction, possible_actions
from workflow.reading.next_step import NextStep, next_step
from workflow.reading.scope import within
from workflow.rows import ESTABLISHMENT, IS_LIVE, REQUEST, establishment_from
from workflow.writing import EVENT

LIMIT: Final = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One request. ``sent_back``: the rectorat sent it back and it has not been submitted again (R38);
    ``renewable``: it is the last one of somebody who has none for the year that is open (R33)."""

    request: Request
    code_fate: CodeFate
    next_step: NextStep | None
    actions: tuple[PossibleAction, ...]
    sent_back: bool
    renewable: bool

    def may(self, trigger: Trigger) -> bool:
        """Whether the reader may do this now."""
        return any(action.trigger is trigger for action in self.actions)


@dataclass(frozen=True, slots=True)
class Items:
    """Some requests, the live ones first, each part from the newest; ``after``: what to give for the next page."""

    items: tuple[Item, ...]
    after: str | None


def establishment_of(connection: Connection, uai: str) -> Establishment | None:
    """The establishment as the directory tells it; None for an unknown one."""
    row = connection.execute(select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == uai)).one_or_none()
    return establishment_from(row) if row else None


def agenda(
    connection: Connection, uai: str, scope: Actor, policy: Policy, mailer: Mailer, now: datetime, *,
    after: str | None = None, limit: int = LIMIT,
) -> Items:  # fmt: skip
    """A page of an establishment's requests, none of another's (R3). ``after``: the last reference seen."""
    references = _references(connection, uai, scope, after, limit + 1)
    shown = references[:limit]
    asked = [Renew(reference=reference) for reference in shown]  # any command on a request asks for the same facts
    known = Loader(connection, mailer.code_fates, lock=False).load(asked)
    events = _events(connection, shown)
    items = tuple(_item(known.facts(one), scope, policy, now, events.get(one.reference, {})) for one in asked)
    return Items(items, shown[-1] if len(references) > limit else None)


def _references(connection: Connection, uai: str, scope: Actor, after: str | None, count: int) -> list[str]:
    """First the live ones, then the rest; the last one seen tells in which of the two we are."""
    mine = (REQUEST.c.uai == uai, within(scope))
    query = select(REQUEST.c.reference).where(*mine).order_by(REQUEST.c.reference.desc()).limit(count)
    beyond = () if after is None else (REQUEST.c.reference < after,)
    seen = select(REQUEST.c.reference).where(REQUEST.c.reference == after, ~IS_LIVE)
    if after is not None and connection.execute(seen).first():
        return list(connection.execute(query.where(~IS_LIVE, *beyond)).scalars())
    found = list(connection.execute(query.where(IS_LIVE, *beyond)).scalars())
    if len(found) < count:
        found += list(connection.execute(query.where(~IS_LIVE).limit(count - len(found))).scalars())
    return found


def _item(facts: Facts, scope: Actor, policy: Policy, now: datetime, events: Mapping[str, int]) -> Item:
    request = facts.request
    if request is None:
        raise LookupError("a request that was just read")
    back, submitted = events.get(Trigger.SEND_BACK.value, 0), events.get(Trigger.SUBMIT.value, 0)
    actions = possible_actions(facts, scope, policy, now)
    stands = request.is_live or Trigger.EXPIRE.value in events
    may_renew = any(one.trigger is Trigger.RENEW for one in actions)
    return Item(
        request=request.with_(extends=None),  # which may be another establishment's (R3)
        code_fate=facts.code_fate,
        next_step=next_step(facts, policy, now),
        actions=actions,
        sent_back=request.is_live and back > submitted,
        renewable=stands and may_renew and _awaits_renewal(facts, request, scope, policy, now),
    )


def _awaits_renewal(facts: Facts, request: Request, scope: Actor, policy: Policy, now: datetime) -> bool:
    """A key of this year or of the last, whose holder has no request yet for a year to which it can be renewed."""
    if not request.has_key or request.school_year.start < policy.calendar.open_years(now)[0].start - 1:
        return False
    years = renewal_years(Case(facts, Renew(reference=request.reference), scope, now, policy))
    return not any(other.uai == request.uai and other.school_year in years for other in facts.others)


def _events(connection: Connection, references: Sequence[str]) -> dict[str, dict[str, int]]:
    """The last event of each kind that tells how a request came where it stands, by reference."""
    kinds = (Trigger.SEND_BACK.value, Trigger.SUBMIT.value, Trigger.EXPIRE.value)
    mine = (EVENT.c.stream.in_(references), EVENT.c.kind.in_(kinds))
    query = select(EVENT.c.stream, EVENT.c.kind, func.max(EVENT.c.seq)).where(*mine)
    last: dict[str, dict[str, int]] = {}
    for stream, kind, seq in connection.execute(query.group_by(EVENT.c.stream, EVENT.c.kind)):
        last.setdefault(stream, {})[kind] = seq
    return last
