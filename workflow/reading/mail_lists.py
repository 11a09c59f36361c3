"""The mails as the rectorat looks at them: what did not arrive first, page after page (R58)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, exists, func, not_, or_, select

from notifications import outbox
from notifications.mail import Mail
from notifications.tables import MAILS
from notifications.vocabulary import CODE_KINDS, Kind, Stage
from workflow.reading.undelivered import UNDELIVERABLE
from workflow.rows import ESTABLISHMENT, REQUEST

MISSED: Final = (Stage.DEAD, Stage.UNCERTAIN)
WAITING: Final = (Stage.PENDING, Stage.RETRY, Stage.SENDING)
ASIDE: Final = (Stage.CANCELLED, Stage.DISCARDED)

_CODES: Final = [kind.value for kind in CODE_KINDS]
_LATER = MAILS.alias("later_code_mail")
_LOST_CODE: Final = and_(
    MAILS.c.stage == Stage.CANCELLED.value,
    MAILS.c.kind.in_(_CODES),
    MAILS.c.reference.in_(select(REQUEST.c.reference).where(UNDELIVERABLE)),
    ~exists().where(_LATER.c.reference == MAILS.c.reference, _LATER.c.kind.in_(_CODES), _LATER.c.id > MAILS.c.id),
)
"""Given up while somebody still waits for the code."""


def _at(stages: Sequence[Stage]) -> ColumnElement[bool]:
    return MAILS.c.stage.in_([stage.value for stage in stages])


_PARTS: Final = (
    or_(_at((Stage.DEAD,)), _LOST_CODE), _at((Stage.UNCERTAIN,)), _at(WAITING), _at((Stage.SENT,)),
    and_(_at(ASIDE), not_(_LOST_CODE)),
)  # fmt: skip
"""The parts of the list, the worst first; each shows the newest first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MailFilters:
    """None or empty leaves everything in."""

    stages: tuple[Stage, ...] = ()
    kind: Kind | None = None
    uai: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class MailPage:
    """Some mails; ``places`` names their establishments by UAI; ``after`` is what to give for the next page."""

    mails: tuple[Mail, ...]
    places: dict[str, str]
    after: str | None


def list_mails(
    connection: Connection, filters: MailFilters, *, after: str | None = None, limit: int = 50
) -> MailPage:  # fmt: skip
    """A page of mails: those that did not arrive, those that wait, those that left, those laid aside.

    ``after`` is what the page before gave. Raises ValueError when it is nothing of the kind.
    """
    part, last = _place(after)
    found: list[tuple[int, Mail]] = []
    while part < len(_PARTS) and len(found) <= limit:
        page = outbox.listing(
            connection, stages=filters.stages, kind=filters.kind, uai=filters.uai or None,
            reference=filters.reference or None, after=last, limit=limit + 1 - len(found), narrowed=(_PARTS[part],),
        )  # fmt: skip
        found += [(part, mail) for mail in page.mails]
        part, last = part + 1, None
    shown = found[:limit]
    more = f"{shown[-1][0]}-{shown[-1][1].id}" if len(found) > limit else None
    mails = tuple(mail for _, mail in shown)
    return MailPage(mails, names_of(connection, (mail.uai for mail in mails if mail.uai)), more)


def _place(after: str | None) -> tuple[int, int | None]:
    """The part of the list and the last number seen."""
    if not after:
        return 0, None
    part, number = after.split("-")
    if not (part.isdecimal() and number.isdecimal() and int(number) < 2**31):
        raise ValueError(after)
    return int(part), int(number)


def names_of(connection: Connection, uais: Iterable[str]) -> dict[str, str]:
    """The names of these establishments, by UAI."""
    query = select(ESTABLISHMENT.c.uai, ESTABLISHMENT.c.nom).where(ESTABLISHMENT.c.uai.in_(sorted(set(uais))))
    return {row.uai: row.nom for row in connection.execute(query)}


def unsent_counts(connection: Connection) -> dict[Stage, int]:
    """How many mails did not arrive or wait, by stage: few, so that counting them stays quick."""
    stages = {stage.value: stage for stage in (*MISSED, *WAITING)}
    query = select(MAILS.c.stage, func.count()).where(MAILS.c.stage.in_(stages)).group_by(MAILS.c.stage)
    return {stages[stage]: count for stage, count in connection.execute(query)}
