"""What became of the codes, seen from their mails (R58)."""

from collections.abc import Iterable, Iterator
from typing import Final

from sqlalchemy import Connection, func, select

from notifications.batches import in_batches
from notifications.tables import MAILS
from notifications.vocabulary import CODE_KINDS, Stage, member
from states.facts import Request
from states.vocabulary import CodeFate, State

_BY_STAGE: Final = {
    Stage.PENDING: CodeFate.WAITING,
    Stage.SENDING: CodeFate.WAITING,
    Stage.RETRY: CodeFate.WAITING,
    Stage.SENT: CodeFate.ACCEPTED,
    Stage.UNCERTAIN: CodeFate.UNCERTAIN,
    Stage.CANCELLED: CodeFate.UNDELIVERABLE,
    Stage.DEAD: CodeFate.UNDELIVERABLE,
    Stage.DISCARDED: CodeFate.UNDELIVERABLE,
}


def code_fates(connection: Connection, requests: Iterable[Request]) -> dict[str, CodeFate]:
    """The fate of each request's code, by reference: its latest code mail decides, unless the request itself tells.

    A code that no mail carries any more is undeliverable.
    """
    fates, sent = {}, []
    for request in requests:
        known = _told_by(request)
        if known is None:
            sent.append(request.reference)
        else:
            fates[request.reference] = known
    stages = dict(_latest_stages(connection, sent))
    return fates | {reference: _BY_STAGE[stages.get(reference, Stage.DEAD)] for reference in sent}


def _told_by(request: Request) -> CodeFate | None:
    if request.handed_on:
        return CodeFate.HANDED_OVER
    if request.code_issued_at is None or request.state is not State.CODE_ISSUED:
        return CodeFate.NONE
    return CodeFate.EXTENDED if request.extends else None


def _latest_stages(connection: Connection, references: list[str]) -> Iterator[tuple[str, Stage]]:
    kinds = [kind.value for kind in CODE_KINDS]
    for some in in_batches(references):
        theirs = (MAILS.c.reference.in_(some), MAILS.c.kind.in_(kinds))
        latest = select(func.max(MAILS.c.id)).where(*theirs).group_by(MAILS.c.reference)
        rows = connection.execute(select(MAILS.c.reference, MAILS.c.stage).where(MAILS.c.id.in_(latest)))
        yield from ((reference, member(Stage, stage)) for reference, stage in rows)
