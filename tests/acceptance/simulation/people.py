"""The schools and the people of the simulation: who does what, on which day, by draws."""

import random
from datetime import date, datetime
from typing import Any

from sqlalchemy import insert

from states import commands as c
from states.model import Actor
from states.vocabulary import Role
from tests.acceptance.simulation.actions import OF_SCHOOLS, Deeds, ScheduledAction
from tests.acceptance.simulation.calendars import DAY
from tests.acceptance.simulation.machines import NodeMonitor
from tests.acceptance.simulation.record import AT_THE_SCHOOL, Life, Record
from workflow.app import App
from workflow.database.tables import ESTABLISHMENT
from workflow.engine.engine import Done
from workflow.journal import chain

PEOPLE = 4
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"


def uai_of(number: int) -> str:
    digits = f"{310000 + number:07d}"
    return digits + _LETTERS[int(digits) % 23]


class Cast:
    """Draws deeds, makes commands of them, and takes in what was accepted."""

    def __init__(self, draw: random.Random, record: Record, schools: int, years: range, first: date) -> None:
        self.draw, self.record, self._first = draw, record, first
        self.uais = [uai_of(number) for number in range(1, schools + 1)]
        self.agenda: dict[date, list[ScheduledAction]] = {}
        self.deeds = Deeds(draw, record)
        for year in years:
            for number in range(schools):
                self._season(number, year, first=year == years[0])

    def create_schools(self, machines: NodeMonitor) -> None:
        """The schools in the directory, and the two actors in whose name all is done."""
        rows = [
            {"uai": uai, "nom": f"Collège n° {n}", "kind": "Collège", "commune": "Muret", "departement": "31",
             "mailbox": f"ce.{uai.lower()}@ac-toulouse.fr", "is_open": True, "is_listed": True}
            for n, uai in enumerate(self.uais, start=1)
        ]  # fmt: skip
        with machines.database.write() as connection:
            connection.execute(insert(ESTABLISHMENT), rows)
        database, hasher, clock = machines.database, machines.all[0].app.hasher, machines.truth
        chef, operator = (chain.actor_number(database, hasher, clock, who, who) for who in ("chefs", "opérateur"))
        self.chef = Actor(role=Role.CHEF, number=chef, establishments=frozenset(self.uais))
        self.operator = Actor(role=Role.OPERATOR, number=operator, label="opérateur")

    # -- who means to do what, and when ---------------------------------------------------------------------------

    def _season(self, number: int, year: int, *, first: bool) -> None:
        """The declarations of a school for a year: from June on, most of them in September."""
        people = self.draw.sample(range(PEOPLE), self.draw.choice((0, 1, 1, 1, 1, 2, 2, 3)))
        for index in people:
            person = number * PEOPLE + index
            if number and self.draw.random() < 0.03:
                person -= PEOPLE  # RUPN of two schools
            luck = self.draw.random()
            if luck < 0.3 and not first:
                day = date(year, 6, 1) + self.draw.randrange(45) * DAY
            elif luck < 0.85:
                day = date(year, 9, 1) + self.draw.randrange(40) * DAY
            else:
                day = date(year, 10, 1) + self.draw.randrange(280) * DAY
            if day < self._first:
                day = self._first + self.draw.randrange(20) * DAY
            self._mean(day, ScheduledAction("birth", uai=self.uais[number], year=year, person=person))

    def _mean(self, day: date, deed: ScheduledAction) -> None:
        self.agenda.setdefault(day, []).append(deed)

    def _soon(self, *, never: float = 0.0) -> int | None:
        luck = self.draw.random()
        if luck < never:
            return None
        span = (4, 13, 46)[self.draw.choices((0, 1, 2), (60, 25, 15))[0]]
        return self.draw.randrange(span)

    def _next(self, life: Life, today: date) -> None:
        """What follows for this request, some day, or never."""
        kind, never = self._following(life)
        wait = self._soon(never=never) if kind else None
        if kind and wait is not None:
            self._mean(today + wait * DAY, ScheduledAction(kind, life.reference))

    def _following(self, life: Life) -> tuple[str | None, float]:
        luck = self.draw.random()
        if life.state in AT_THE_SCHOOL:
            return ("withdraw" if luck < 0.03 else "step"), 0.1
        if life.state == "requested":
            return ("issue" if len(life.checks) == 2 else "withdraw" if luck < 0.02 else "treat"), 0.03
        if life.state == "code_issued":
            if any(is_open for _, is_open in life.reports.values()):
                return "settle", 0.05
            if life.awaits_handover:
                return ("reissue" if luck < 0.05 else "hand"), 0.1
            return ("report" if luck < 0.05 else "revoke" if luck < 0.08 else None), 0.0
        return ("remove" if life.removal and not life.removed else None), 0.04

    # -- what is done -------------------------------------------------------------------------------------------------

    def act(self, app: App, today: date, now: datetime, *, at_school: bool) -> None:
        """All that the chefs, or the operators, mean to do today, as one batch of the engine."""
        mine = [deed for deed in self.agenda.get(today, []) if (deed.kind in OF_SCHOOLS) is at_school]
        if not mine:
            return
        self.agenda[today] = [deed for deed in self.agenda[today] if (deed.kind in OF_SCHOOLS) is not at_school]
        pairs = [(deed, command) for deed in mine for command in self.deeds.commands(deed, today)]
        actor = self.chef if at_school else self.operator
        results = app.engine.execute([command for _, command in pairs], actor)
        touched: dict[str, Life] = {}
        for (deed, command), result in zip(pairs, results, strict=True):
            if isinstance(result, Done):
                life = self._take(deed, command, result, now)
                touched[life.reference] = life
            else:
                name = command.trigger.value
                self.record.refused[name] = self.record.refused.get(name, 0) + 1
                self._refused(command, today)
        for life in touched.values():
            self._next(life, today)

    def _refused(self, command: Any, today: date) -> None:
        """Checks that are too old by now are made again (R36)."""
        if isinstance(command, c.IssueCode):
            self.record.lives[command.reference].checks.clear()
            self._mean(today + 2 * DAY, ScheduledAction("treat", command.reference))

    def _take(self, deed: ScheduledAction, command: Any, result: Done, now: datetime) -> Life:
        if deed.kind != "birth":
            return self.record.apply(command, result.reference, now)
        self.deeds.born[deed.uai, deed.year, deed.person] = result.reference
        return self.record.born(result.reference, deed.uai, deed.year, deed.person, now)

    def postpone(self, today: date) -> None:
        """The service is away: what was meant for today waits."""
        late = self.agenda.pop(today, [])
        for deed in late:
            self._mean(today + (1 + self.draw.randrange(4)) * DAY, deed)

    def ended(self, life: Life, today: date) -> None:
        """A request that the schedule revoked: its removal will be confirmed, or not."""
        self._next(life, today)
