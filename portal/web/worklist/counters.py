"""What first? The counters above the worklist: each is a link to the filter that it counts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from portal.web.worklist.choices import Age, CheckChoice, StateChoice, Task
from portal.web.worklist.criteria import Criteria
from workflow.house import House
from workflow.reading.worklist import Count, Worklist

URGENT: Final = "urgent"


@dataclass(frozen=True, kw_only=True)
class Counter:
    """A number to read first. ``kind``: what its look says; ``what`` and ``several`` follow the number."""

    criteria: Criteria
    what: str
    several: str
    kind: str = ""


@dataclass(frozen=True)
class Tile:
    """A counter with its number."""

    counter: Counter
    count: Count

    @property
    def address(self) -> str:
        return self.counter.criteria.address()

    @property
    def label(self) -> str:
        return self.counter.what if self.count.number < 2 else self.counter.several

    @property
    def is_urgent(self) -> bool:
        return self.counter.kind == URGENT and self.count.number > 0


def _waiting(**more: Age | CheckChoice | None) -> Criteria:
    return Criteria(states=(StateChoice.REQUESTED,), **more)  # type: ignore[arg-type]


TASKS: Final = (
    Counter(criteria=Criteria(tasks=(Task.UNDELIVERED,)), what="code non remis", several="codes non remis",
            kind=URGENT),
    Counter(criteria=Criteria(tasks=(Task.REPORT_DUE,)), what="signalement à régler",
            several="signalements à régler", kind=URGENT),
    Counter(criteria=Criteria(tasks=(Task.LATE,)), what="demande en retard", several="demandes en retard",
            kind=URGENT),
    Counter(criteria=Criteria(checks=CheckChoice.READY), what="prête à émettre", several="prêtes à émettre"),
    Counter(criteria=Criteria(checks=CheckChoice.TO_DO), what="à vérifier", several="à vérifier"),
    Counter(criteria=Criteria(checks=CheckChoice.TOO_OLD), what="vérification trop ancienne",
            several="vérifications trop anciennes"),
    Counter(criteria=Criteria(checks=CheckChoice.NEGATIVE), what="vérification négative",
            several="vérifications négatives"),
    Counter(criteria=Criteria(tasks=(Task.HANDOVER,)), what="remise à confirmer", several="remises à confirmer"),
    Counter(criteria=Criteria(tasks=(Task.REMOVAL,)), what="retrait à confirmer", several="retraits à confirmer"),
    Counter(criteria=Criteria(tasks=(Task.EXPIRY,)), what="expiration à cocher", several="expirations à cocher"),
)  # fmt: skip
STATES: Final = tuple(
    Counter(criteria=Criteria(states=(one,)), what=one.label, several=one.label) for one in StateChoice if one.state
)
AGES: Final = tuple(Counter(criteria=_waiting(age=age), what=age.label, several=age.label) for age in Age)


@dataclass(frozen=True)
class Counters:
    """What calls for somebody, the requests by state, and those that wait for the rectorat by age."""

    tasks: tuple[Tile, ...]
    states: tuple[Tile, ...]
    ages: tuple[Tile, ...]


def count_all(worklist: Worklist, house: House) -> Counters:
    """Every counter, by one query."""
    groups = (TASKS, STATES, AGES)
    wanted = {f"{g}.{n}": counter.criteria.filters(house) for g, n, counter in _numbered(groups)}
    counts = worklist.counts(wanted)
    tasks, states, ages = (
        tuple(Tile(counter, counts[f"{g}.{n}"]) for n, counter in enumerate(group)) for g, group in enumerate(groups)
    )
    return Counters(tasks, states, ages)


def _numbered(groups: tuple[tuple[Counter, ...], ...]) -> Iterator[tuple[int, int, Counter]]:
    for number, group in enumerate(groups):
        for rank, counter in enumerate(group):
            yield number, rank, counter
