"""``oda demo --check``: the season and a year's end without a browser, counted against what the scenarios foresee."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from notifications.outbox.tables import MAILS
from notifications.vocabulary import Audience, Stage
from portal.demo.data import REFUSED
from portal.demo.runtime import PlayedSeason, play_season
from portal.demo.scenario import EXTENDED, LAST_YEAR, SCENARIOS, SEPTEMBERS
from states import french
from states.school_calendar import SchoolYear
from states.vocabulary import RemovalKind, State
from workflow.database.tables import REQUEST
from workflow.journal.verification import Verifier
from workflow.removals.tasks import RemovalFilters, count_removals

_THIS_YEAR: Final = (*SCENARIOS, EXTENDED)


@dataclass(frozen=True)
class Figure:
    """A count, and what it must be."""

    label: str
    count: int
    expected: int

    def __str__(self) -> str:
        is_right = self.count == self.expected
        return f"{self.label} : {self.count}{'' if is_right else f', au lieu de {self.expected}'}"


def check_demo(folder: Path, say: Callable[[str], None], progress: Callable[[int], None]) -> list[Figure]:
    """Play all in this folder, tell each figure, and return those that are wrong."""
    wrong = []
    with play_season(folder, "http://127.0.0.1:8000", progress=progress) as season:
        for figure in (*_season_figures(season), *_year_end_figures(season)):
            say(f"{figure}.")
            wrong += [figure] if figure.count != figure.expected else []
    return wrong


def _season_figures(season: PlayedSeason) -> Iterator[Figure]:
    """The requests by state on the day of the demonstration."""
    expected = Counter[str]()
    for scenario in _THIS_YEAR:
        expected[scenario.state] += scenario.count
    last_year, this_year = (SchoolYear(september.year) for september in SEPTEMBERS)
    counts = _states(season, this_year)
    for state in State:
        yield Figure(f"Demandes {this_year}, {state.label}", counts[state], expected[state])
    yield Figure(f"Demandes {last_year}, {State.REVOKED.label}", _states(season, last_year)[State.REVOKED],
                 LAST_YEAR.count)  # fmt: skip


def _year_end_figures(season: PlayedSeason) -> Iterator[Figure]:
    """The day before and the day after: who is revoked, what is left to remove, which mails left (R50, R54)."""
    app, this_year = season.app, SchoolYear(SEPTEMBERS[1].year)
    total = sum(scenario.count for scenario in _THIS_YEAR)
    live = sum(scenario.count for scenario in _THIS_YEAR if scenario.state is not State.REVOKED)
    keys = sum(scenario.count for scenario in (*_THIS_YEAR, LAST_YEAR) if scenario.leaves_key)
    end = app.policy.calendar.end_of(this_year)
    before, _ = season.loop.jump(end.ends_at - timedelta(hours=6))
    yield Figure(f"Révoquées avant la fin de l'année {this_year}", sum(before.revoked.values()), 0)
    after, _ = season.loop.jump(end.ends_at + timedelta(hours=8))
    yield Figure(f"Révoquées à la fin de l'année {this_year}", after.revoked.get(this_year, 0), live)
    yield Figure(f"Demandes {this_year}, {State.REVOKED.label}", _states(season, this_year)[State.REVOKED], total)
    with app.database.read() as connection:
        removals = count_removals(connection, RemovalFilters())
        verifier = Verifier(connection, app.hasher)
        errors = len(list(verifier.flaws()))
        mails = connection.execute(select(MAILS.c.uai, MAILS.c.audience, MAILS.c.stage)).all()
    yield Figure("Retraits à faire", removals[RemovalKind.REMOVE_RIGHTS], keys)
    to_refusing = (REFUSED.uai, Audience.ESTABLISHMENT.value)  # its address is erased by then (R110)
    refused = [mail.stage for mail in mails if (mail.uai, mail.audience) == to_refusing]
    yield Figure("Courriels partis", len(season.mailbox.received), len(mails) - len(refused))
    yield Figure("Courriels refusés par une boîte", refused.count(Stage.DEAD), len(refused))
    yield Figure(f"Défauts du journal, sur {french.plural(verifier.events, 'événement')}", errors, 0)


def _states(season: PlayedSeason, year: SchoolYear) -> Counter[str]:
    query = select(REQUEST.c.state, func.count()).where(REQUEST.c.school_year == str(year)).group_by(REQUEST.c.state)
    with season.app.database.read() as connection:
        return Counter({row.state: row[1] for row in connection.execute(query)})
