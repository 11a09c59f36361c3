"""Three school years, day by day, under every trouble that time can make, judged by an oracle of the rules' text.

The short form runs with the others, on both databases. The long one is the same test with more schools and more ticks:

    ODA_SIM_SCHOOLS=1000 ODA_SIM_BUSY=0.5 .venv/bin/pytest tests/acceptance/test_three_years.py -k agrees -s

Lives, stops and clocks are drawn from a seed, printed first and in every failure; ``ODA_SEED=new`` draws the seed too.
The oracle (``tests/acceptance/simulation``) knows docs/processus.md and what was done, and reads no code of the rules:
days off, brake, notices and reminders are told again there. That it bites is shown below, by breaking the software.
"""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from notifications.mailer import Mailer
from notifications.vocabulary import Kind
from states.commands import Expire
from states.rules.schedule import BrakeDecision, Hold, check_brake
from states.school_calendar import SchoolDays
from tests.acceptance.simulation.academie import Place
from tests.acceptance.simulation.days import Story
from tests.acceptance.simulation.end_checks import all_wrong
from tests.acceptance.simulation.machines import machines
from tests.acceptance.simulation.mails import WATCHED
from tests.kit.databases import fresh_url
from workflow.engine.engine import Engine

SCHOOLS = int(os.environ.get("ODA_SIM_SCHOOLS", "40"))
BUSY = float(os.environ.get("ODA_SIM_BUSY", "0"))
SEED_TEXT = os.environ.get("ODA_SEED", "77")
SEED = random.SystemRandom().randrange(10**6) if SEED_TEXT == "new" else int(SEED_TEXT)
EIGHT = time(8)


@contextmanager
def simulation(
    folder: Path, backend: str, place: Place, first: date, years: list[int], **other: Any
) -> Iterator[Story]:
    """A simulation ready to live from this day on."""
    print(f"ODA_SEED={SEED} {backend}")
    values = {"schools": 8, "seed": SEED} | other
    with fresh_url(backend, folder) as url, machines(folder, url, place, place.at(first, EIGHT)) as nodes:
        yield Story(nodes, place, years=years, **values)


def place_of(draw: random.Random) -> Place:
    """Toulouse, its year's end by one rule or another, its delays as they come or not."""
    rule = draw.choice(("eve_of_rentree", "eve_of_rentree", "06-30", "10-15"))
    notices = draw.choice(((30, 7), (30, 7), (60, 30, 7, 1)))
    return Place(rule=rule, notices=notices)


@pytest.mark.rule("R47", "R50", "R51", "R52", "R54", "R77", "R78", "R79", "R80", "R81", "R82")
def test_three_years__the_oracle_agrees(backend: str, tmp_path: Path) -> None:
    """Two nodes on PostgreSQL, one on SQLite, from 1 September 2026 on: 2028 and the end of its calendar inside."""
    place, years = place_of(random.Random(SEED)), [2026, 2027, 2028]
    with simulation(tmp_path, backend, place, date(2026, 9, 1), years, schools=SCHOOLS, busy=BUSY) as story:
        print(place.rule, place.notices, story.fate.events)
        story.live(max(date(2029, 11, 20), place.last_day(2028) + timedelta(days=75)))
        wrong = all_wrong(story)
        assert wrong == [], f"ODA_SEED={SEED} {story.fate.events}"
        print(f"{len(story.record.lives)} requests", story.tally)
        met = {kind for kind in WATCHED if story.tally.letters.get(kind)}
        assert {year for _, year in story.oracle.holds} >= story.held_years, f"ODA_SEED={SEED}: the brake was not tried"
        assert set(WATCHED) - met <= (set() if backend == "postgresql" else {"clock_alert"}), f"ODA_SEED={SEED}"


PLACES = {
    "A": Place(zone="A", calendar=None, departements=("25", "39")),
    "B": Place(zone="B", calendar=None, departements=("13",)),
    "Réunion": Place(
        zone=None, calendar="Réunion", given_years=(2026, 2027), departements=("974",), timezone="Indian/Reunion",
        public=((12, 20),), rentrees={2026: date(2026, 8, 17), 2027: date(2027, 8, 16)},
    ),
    "Corse": Place(
        zone=None, calendar="Corse", given_years=(2026, 2027), departements=("2A", "2B"),
        days_off=frozenset({date(2026, 12, 8), date(2027, 3, 18)}),
    ),
}  # fmt: skip


@pytest.mark.rule("R22", "R23", "R77", "R78", "R79", "R81")
@pytest.mark.parametrize("name", PLACES)
def test_one_year__in_each_calendar(name: str, tmp_path: Path) -> None:
    """The zones, and the places whose dates the settings give, each until its invitations of the year after."""
    with simulation(tmp_path, "sqlite", PLACES[name], date(2026, 9, 14), [2026], endings=("plain",)) as story:
        story.live(date(2027, 9, 24))
        assert all_wrong(story) == [], f"ODA_SEED={SEED}"


# -- the oracle bites ---------------------------------------------------------------------------------------------


def _saturdays_at_school(monkeypatch: pytest.MonkeyPatch) -> None:
    opens = SchoolDays.is_school_day
    monkeypatch.setattr(SchoolDays, "is_school_day", lambda self, day: day.weekday() == 5 or opens(self, day))


def _sundays_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    works = SchoolDays.is_working_day
    monkeypatch.setattr(SchoolDays, "is_working_day", lambda self, day: day.weekday() == 6 or works(self, day))


def _notices_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    enqueue = Mailer.enqueue

    def twice(self: Mailer, connection: Any, drafts: Any, now: Any, **options: Any) -> int:
        drafts = list(drafts)
        again = [replace(draft, dedupe_key=None) for draft in drafts if draft.kind is Kind.YEAR_END_NOTICE]
        return enqueue(self, connection, [*drafts, *again], now, **options)

    monkeypatch.setattr(Mailer, "enqueue", twice)


def _a_request_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Engine.plan

    def most(self: Engine, known: Any, commands: Any, actor: Any, now: Any) -> Any:
        return plan(self, known, commands[:-1] if isinstance(commands[0], Expire) else commands, actor, now)

    monkeypatch.setattr(Engine, "plan", most)


def _no_brake(monkeypatch: pytest.MonkeyPatch) -> None:
    def heedless(*facts: Any) -> tuple[BrakeDecision, Hold | None]:
        verdict, hold = check_brake(*facts)
        return (BrakeDecision.RUN, None) if verdict is BrakeDecision.HOLD else (verdict, hold)

    monkeypatch.setattr("workflow.year_end.service.check_brake", heedless)


def _reminders_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflow.schedule.reminders.is_reminder_due", lambda *facts: True)


BREAKS = {
    "a reminder on a Saturday": (_saturdays_at_school, date(2026, 9, 1), "plain", "stalled_reminder of"),
    "a digest on a Sunday": (_sundays_at_work, date(2026, 9, 1), "plain", "1 digests at"),
    "a reminder too many": (_reminders_without_end, date(2026, 9, 1), "plain", "stalled_reminder of"),
    "a notice twice": (_notices_twice, date(2027, 5, 10), "plain", "notice of 2026"),
    "a request skipped": (_a_request_skipped, date(2027, 5, 10), "plain", "mails of the year's end"),
    "no brake": (_no_brake, date(2027, 5, 10), "absence", "by nobody"),
}


@pytest.mark.parametrize("fault", BREAKS)
def test_oracle__sees_the_software_broken(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    breaks, first, year_end_scene, words = BREAKS[fault]
    with simulation(tmp_path, "sqlite", Place(), first, [2026], endings=(year_end_scene,)) as story:
        breaks(monkeypatch)
        with pytest.raises(AssertionError, match=words):
            story.live(date(2027, 11, 1))
