"""The tasks of removing rights as lines of a list: whose, what is to be done today, who confirmed (R47 to R49)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, select

from notifications.mailer import Mailer
from states.commands import ConfirmRemoval
from states.facts import Request
from states.policy import Policy
from states.removal import RemovalTodo, todo
from states.vocabulary import RemovalKind, RemovalOutcome, Trigger
from workflow.installation import ACTOR
from workflow.loading import Loader
from workflow.reading import removal_words
from workflow.rows import ESTABLISHMENT, REMOVAL, REQUEST, REQUEST_COLUMNS, request_from
from workflow.writing import EVENT

KINDS: Final = {kind.value: kind for kind in RemovalKind}
_OUTCOMES: Final = {outcome.value: outcome for outcome in RemovalOutcome}
WHOLE: Final = (
    *REQUEST_COLUMNS, ESTABLISHMENT.c.nom.label("place"), ESTABLISHMENT.c.commune, ESTABLISHMENT.c.departement,
    REMOVAL.c.kind.label("task"), REMOVAL.c.opened_at, REMOVAL.c.outcome, REMOVAL.c.closed_at,
)  # fmt: skip
"""What to select, in this order, for ``lines_of``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RemovalLine:
    """One task. ``todo`` is what is to be done today (R48), None once confirmed; then ``by`` is who confirmed, and
    ``done`` says all of it."""

    request: Request
    kind: RemovalKind
    establishment: str
    commune: str
    departement: str
    opened_at: datetime
    todo: RemovalTodo | None
    outcome: RemovalOutcome | None
    closed_at: datetime | None
    by: str
    done: str

    @property
    def is_question(self) -> bool:
        """Whether nobody knows if there is a key to remove (R47)."""
        return self.kind is RemovalKind.KEY_ENABLED

    @property
    def to_do(self) -> str:
        """The whole of what is to be done today, in French; empty once confirmed."""
        sentence = self.todo.sentence if self.todo else ""
        if not (sentence and self.is_question):
            return sentence
        return f"Regarder si une clé a été activée ; si oui : {sentence[:1].lower()}{sentence[1:]}"


def removals_of(
    connection: Connection, references: Sequence[str], policy: Policy, mailer: Mailer
) -> tuple[RemovalLine, ...]:
    """The tasks of these requests, open or not, by reference; a reference without one is left out."""
    query = joined(select(*WHOLE)).order_by(REMOVAL.c.reference)
    rows = [row for some in _slices(references)
            for row in connection.execute(query.where(REMOVAL.c.reference.in_(some)))]  # fmt: skip
    return lines_of(connection, rows, policy, mailer)


def joined(query: Select[Any]) -> Select[Any]:
    """Tasks with their request and its establishment."""
    of_request = query.select_from(REMOVAL).join(REQUEST, REQUEST.c.reference == REMOVAL.c.reference)
    return of_request.join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)


def lines_of(connection: Connection, rows: Sequence[Any], policy: Policy, mailer: Mailer) -> tuple[RemovalLine, ...]:
    """The lines of rows of ``WHOLE``, with what two more queries tell of them all."""
    requests = [request_from(row) for row in rows]
    still = [request for request, row in zip(requests, rows, strict=True) if row.outcome is None]
    todos = _todos(connection, still, policy, mailer)
    by = _confirmed_by(connection, [row.reference for row in rows if row.outcome])
    return tuple(
        RemovalLine(
            request=request, kind=KINDS[row.task], establishment=row.place, commune=row.commune,
            departement=row.departement, opened_at=row.opened_at, todo=todos.get(request.reference),
            outcome=_OUTCOMES.get(row.outcome), closed_at=row.closed_at, by=by.get(request.reference, ""),
            done=_done(row, by.get(request.reference, ""), policy),
        )
        for request, row in zip(requests, rows, strict=True)
    )  # fmt: skip


def _done(row: Any, by: str, policy: Policy) -> str:
    outcome = _OUTCOMES.get(row.outcome)
    return removal_words.done(outcome, row.closed_at, by, policy.calendar.timezone) if outcome else ""


def _todos(
    connection: Connection, requests: Sequence[Request], policy: Policy, mailer: Mailer
) -> dict[str, RemovalTodo]:
    """What each asks today, by the person's other live requests: loaded for all at once, without a lock (R48)."""
    asked = [ConfirmRemoval(reference=one.reference, outcome=RemovalOutcome.REMOVED) for one in requests]
    known = Loader(connection, mailer.code_fates, lock=False).load(asked)
    return {
        request.reference: todo(request, known.facts(one).others, one_key_a_person=policy.one_key_a_person)
        for request, one in zip(requests, asked, strict=True)
    }


def _confirmed_by(connection: Connection, references: Sequence[str]) -> dict[str, str]:
    confirmed = select(EVENT.c.stream, ACTOR.c.label).join(ACTOR, ACTOR.c.number == EVENT.c.actor)
    return {
        row.stream: row.label
        for some in _slices(references)
        for row in connection.execute(
            confirmed.where(EVENT.c.stream.in_(some), EVENT.c.kind == Trigger.CONFIRM_REMOVAL.value)
        )
    }


def _slices(references: Sequence[str]) -> Iterator[Sequence[str]]:
    return (references[start : start + 500] for start in range(0, len(references), 500))
