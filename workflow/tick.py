"""One tick: what time asks for, done once however often and wherever it is called (R50 to R52, R57, R61)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from notifications.mailer import Mailer
from states.actors import Actor
from states.brake import Hold, Verdict
from states.school_year import SchoolYear, YearEnd
from workflow import idempotency
from workflow.doors import keeping
from workflow.due import tell_due_reports
from workflow.engine import Engine
from workflow.storage import this_host
from workflow.year_end import YearEnds


@dataclass
class Ticked:
    """What a tick did, for a log line or a terminal."""

    revoked: dict[SchoolYear, int] = field(default_factory=dict)
    held: list[tuple[YearEnd, Hold]] = field(default_factory=list)
    waiting: list[YearEnd] = field(default_factory=list)
    erased: int = 0
    due: int = 0


class Ticker:
    """Called every minute by the alarm clock, or by ``oda tick``."""

    def __init__(self, engine: Engine, year_ends: YearEnds, mailer: Mailer, actor: Actor) -> None:
        self._engine = engine
        self._year_ends = year_ends
        self._mailer = mailer
        self._actor = actor

    def tick(self, progress: Callable[[int], None] = lambda _: None) -> Ticked:
        """Judge the years, sweep those that may run, erase what is too old, remind of what falls due."""
        done = Ticked()
        for one in self._year_ends.observe(self._actor, this_host()):
            if one.verdict is Verdict.RUN:
                done.revoked[one.end.school_year] = self._year_ends.run(one.end, self._actor, progress)
            elif one.verdict is Verdict.HOLD and one.hold:
                done.held.append((one.end, one.hold))
            elif one.verdict is Verdict.HELD:
                done.waiting.append(one.end)
        self._keep_house(done)
        return done

    def _keep_house(self, done: Ticked) -> None:
        now = self._engine.clock.now()
        with self._engine.database.write() as connection:
            kept = timedelta(days=self._mailer.surroundings.code_keep_days)
            done.erased = self._mailer.erase_overdue(connection, now - kept, now)
            idempotency.forget_old(connection, now)
            keeping.keep_house(connection, self._mailer, now)
            done.due = tell_due_reports(connection, self._mailer, self._engine.policy, now)
