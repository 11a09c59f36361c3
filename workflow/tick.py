"""One tick: what time asks for, done once however often and wherever it is called (R50 to R52, R57, R61, R78)."""

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
from workflow.duties import Duties, DutiesDone
from workflow.engine import Engine
from workflow.machines import Machines, forget_silent
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
    duties: DutiesDone = field(default_factory=DutiesDone)
    refused: timedelta | None = None
    """How far this machine's clock is ahead of the database's, or behind it, when that forbids it to act (R82)."""


class Ticker:
    """Called every minute by the alarm clock, or by ``oda tick``."""

    def __init__(
        self, engine: Engine, year_ends: YearEnds, mailer: Mailer, actor: Actor, machines: Machines | None = None,
        host: str | None = None,
    ) -> None:  # fmt: skip
        """``machines`` watches this machine's clock where the database's judges; None where its own does (R82).

        ``host``: this machine's name, the system's when None.
        """
        self._engine = engine
        self._year_ends = year_ends
        self._mailer = mailer
        self._actor = actor
        self._machines = machines
        self._duties = Duties(engine, mailer)
        self._host = host or this_host()

    def tick(self, progress: Callable[[int], None] = lambda _: None) -> Ticked:
        """Judge the years, sweep those that may run, erase what is too old, write what the day asks for.

        Nothing of that on a machine whose clock is off (R82).
        """
        done = Ticked(refused=self._machines.refused(self._actor, self._host) if self._machines else None)
        if done.refused is not None:
            return done
        for one in self._year_ends.observe(self._actor, self._host):
            if one.verdict is Verdict.RUN:
                done.revoked[one.end.school_year] = self._year_ends.run(one.end, self._actor, progress)
            elif one.verdict is Verdict.HOLD and one.hold:
                done.held.append((one.end, one.hold))
            elif one.verdict is Verdict.HELD:
                done.waiting.append(one.end)
        self._keep_house(done)
        done.duties = self._duties.run()
        return done

    def _keep_house(self, done: Ticked) -> None:
        now = self._engine.clock.now()
        with self._engine.database.write() as connection:
            kept = timedelta(days=self._mailer.surroundings.code_keep_days)
            done.erased = self._mailer.erase_overdue(connection, now - kept, now)
            idempotency.forget_old(connection, now)
            forget_silent(connection, now)
            keeping.keep_house(connection, self._mailer, now)
            done.due = tell_due_reports(connection, self._mailer, self._engine.policy, now)
