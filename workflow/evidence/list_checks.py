"""When requests are compared with the two lists: after an import, as they come, and once a day (R94, R95)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select

from notifications.sql import insert_new
from states import french
from states.model import Actor
from workflow.database.file_tables import ListKind
from workflow.database.schedule_tables import OCCURRENCE
from workflow.engine.engine import Engine
from workflow.evidence.automatic_checks import AutomaticChecks, ComparisonResult
from workflow.evidence.lists import lists_in_force
from workflow.evidence.losses import report_losses
from workflow.evidence.matching import CONFIDENT, Certainty

_DAILY: Final = "list-checks"

_WORDS: Final = {
    Certainty.EXACT: ("concorde", "concordent"),
    Certainty.NEAR: ("à confirmer", "à confirmer"),
    Certainty.NONE: ("introuvable", "introuvables"),
    Certainty.OLDER: ("plus récente que cette liste", "plus récentes que cette liste"),
    Certainty.TOO_OLD: ("à comparer avec une liste moins ancienne", "à comparer avec une liste moins ancienne"),
}
"""What is left of the requests compared with a list that is there, for one request and for several."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ListCheckResult:
    """The checks that made themselves, what is left, and ``lost``: the reports opened of what the lists say no more."""

    checks: ComparisonResult = field(default_factory=ComparisonResult)
    lost: int = 0

    def sentences(self, *, is_foreseen: bool = False) -> Iterator[str]:
        """The result in French, a sentence a list; ``is_foreseen``: nothing of it is recorded."""
        yield f"{french.plural(self.checks.requests, 'demande comparée', 'demandes comparées')} aux listes."
        for kind in self.checks.kinds:
            name = f"{kind.label[:1].upper()}{kind.label[1:]}"
            if self.checks.certainties[kind, Certainty.NO_LIST]:
                yield f"{name} : aucune n'est importée."
            else:
                yield f"{name} : {' ; '.join(self._parts(kind, is_foreseen=is_foreseen))}."
        if self.lost:
            yield (
                f"{french.plural(self.lost, 'signalement ouvert', 'signalements ouverts')}, à régler : ce que les"
                " listes ne disent plus."
            )  # fmt: skip

    def _parts(self, kind: ListKind, *, is_foreseen: bool) -> Iterator[str]:
        made, certainties = self.checks.made[kind], self.checks.certainties
        verb = ("se ferait", "se feraient") if is_foreseen else ("s'est faite", "se sont faites")
        itself = ("d'elle-même", "d'elles-mêmes")
        yield f"{french.plural(made, 'vérification')} {verb[made > 1]} {itself[made > 1]}"
        for certainty in Certainty:
            if count := certainties[kind, certainty]:
                near = f", dont {self.checks.confident[kind]} à {CONFIDENT} et plus"
                yield f"{french.plural(count, *_WORDS[certainty])}{near if certainty is Certainty.NEAR else ''}"


class ListChecks:
    """Compares the requests with the lists in force. ``actor`` is the schedule's: nobody has read anything."""

    def __init__(self, engine: Engine, actor: Actor) -> None:
        self._engine = engine
        self._checks, self._actor = AutomaticChecks(engine, actor), actor

    def after_import(self, kind: ListKind, actor: Actor) -> ListCheckResult:  # noqa: ARG002
        """Compare every request with the lists, one of which is new. Raises DatabaseBusy, DatabaseUnreachable."""
        return self.run()

    def run(self) -> ListCheckResult:
        """Make the checks that make themselves, and report what the lists say no more; again, it changes nothing."""
        return ListCheckResult(checks=self._checks.run(), lost=report_losses(self._engine, self._actor))

    def preview(self) -> ListCheckResult:
        """What ``run`` would check, written nowhere."""
        return ListCheckResult(checks=self._checks.run(dry_run=True))

    def tick(self) -> ListCheckResult:
        """Compare the requests that have just come; all of them once a day, for delegations begin and end.

        All of them too after an import that was interrupted before it compared them.
        """
        key = self._key()
        if not key or self._is_done(key):
            return ListCheckResult(checks=self._checks.run(recent=True)) if key else ListCheckResult()
        result = self.run()
        with self._engine.database.write() as connection:
            row = {"key": key, "at": self._engine.clock.now(), "requests": result.checks.requests}
            connection.execute(insert_new(connection, OCCURRENCE), [row])
        return result

    def _key(self) -> str:
        """The occurrence of comparing all requests with the lists in force today; empty without a list."""
        with self._engine.database.read() as connection:
            numbers = sorted(source.number for source in lists_in_force(connection).values())
        today = self._engine.policy.calendar.today(self._engine.clock.now())
        return ":".join(map(str, (_DAILY, today, *numbers))) if numbers else ""

    def _is_done(self, key: str) -> bool:
        with self._engine.database.read() as connection:
            return connection.execute(select(OCCURRENCE.c.key).where(OCCURRENCE.c.key == key)).first() is not None
