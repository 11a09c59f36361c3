"""The two tables of the DRANE's report on EduConnect, and numbers of accounts that give them: found, never fudged.

Enrolments are plausible ones of each département. The numbers activated in collèges and in lycées are the rates of the
report; the other pupils (EREA, agricultural schools…) are as few as make the rate of all pupils, and the enrolments of
the largest département are searched so that the académie's own rates come out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

FIRST, LAST = "2022-09-05", "2023-06-20"


class Reported(NamedTuple):
    """A row of the two tables: rates in percent, those of a part in tenths of a percent."""

    first: int
    pupils: int
    colleges: int
    lycees: int
    parents: int


REPORT = {
    "Ariège": Reported(22, 54, 522, 577, 56),
    "Aveyron": Reported(19, 50, 509, 529, 41),
    "Haute-Garonne": Reported(24, 54, 465, 633, 58),
    "Gers": Reported(21, 72, 763, 615, 56),
    "Lot": Reported(32, 64, 600, 667, 56),
    "Hautes-Pyrénées": Reported(24, 55, 501, 590, 52),
    "Tarn": Reported(23, 61, 618, 626, 54),
    "Tarn-et-Garonne": Reported(24, 67, 748, 532, 49),
}
ACADEMIE = Reported(24, 57, 543, 612, 55)

ENROLMENTS = {
    "Ariège": (5500, 4500), "Aveyron": (10000, 9000), "Gers": (6500, 5500), "Lot": (6000, 5000),
    "Hautes-Pyrénées": (8000, 7000), "Tarn": (15500, 12500), "Tarn-et-Garonne": (11000, 8000),
}  # fmt: skip
"""Pupils of collèges and of lycées, in round numbers; those of Haute-Garonne are searched."""


@dataclass(frozen=True)
class Accounts:
    """Accounts and activated ones; ``first``: the pupils activated at the first day."""

    college: tuple[int, int]
    lycee: tuple[int, int]
    pupil: tuple[int, int]
    parent: tuple[int, int]
    first: int


def rounded(part: int, whole: int, scale: int = 1) -> int:
    """The rate in percent, or in a ``scale``-th of it, rounded half up."""
    return int(100 * scale * part / whole + 0.5)


@cache
def accounts() -> dict[str, Accounts]:
    """The numbers of each département. Raises LookupError when there are none."""
    for college in _searched(0, 10, 40_000, ACADEMIE.colleges):
        for lycee in _searched(1, 10, 40_000, ACADEMIE.lycees):
            by_name = {name: _of(name, *(ENROLMENTS | {"Haute-Garonne": (college, lycee)})[name]) for name in REPORT}
            if _is_academie(by_name):
                return by_name
    raise LookupError("no enrolments give the report")


def _searched(level: int, scale: int, start: int, wanted: int) -> Iterator[int]:
    """Enrolments of Haute-Garonne at this level for which the académie's rate is the wanted one."""
    for own in range(start, 80_000, 500):
        sizes = {name: pair[level] for name, pair in ENROLMENTS.items()} | {"Haute-Garonne": own}
        activated = sum(_part(REPORT[name][2 + level], size) for name, size in sizes.items())
        if rounded(activated, sum(sizes.values()), scale) == wanted:
            yield own


def _part(tenths: int, size: int) -> int:
    return (tenths * size + 500) // 1000


def _of(name: str, college: int, lycee: int) -> Accounts:
    report = REPORT[name]
    activated = (_part(report.colleges, college), _part(report.lycees, lycee))
    for others in range(0, 20_000, 10):
        total = college + lycee + others
        for activated_others in range(0, others + 1, 10):
            whole = sum(activated) + activated_others
            if rounded(whole, total) == report.pupils:
                parents = total * 3 // 2
                return Accounts(
                    college=(college, activated[0]), lycee=(lycee, activated[1]), pupil=(total, whole),
                    parent=(parents, report.parents * parents // 100), first=report.first * total // 100,
                )  # fmt: skip
    raise LookupError(name)


def _is_academie(by_name: dict[str, Accounts]) -> bool:
    pupils = sum(numbers.pupil[0] for numbers in by_name.values())
    return (
        rounded(sum(numbers.pupil[1] for numbers in by_name.values()), pupils) == ACADEMIE.pupils
        and rounded(sum(numbers.first for numbers in by_name.values()), pupils) == ACADEMIE.first
        and rounded(
            sum(numbers.parent[1] for numbers in by_name.values()),
            sum(numbers.parent[0] for numbers in by_name.values()),
        )
        == ACADEMIE.parents
    )


TITLES = (
    "Date", "Département", "Comptes : élèves des collèges", "Activés : élèves des collèges",
    "Comptes : élèves des lycées", "Activés : élèves des lycées", "Comptes : élèves", "Activés : élèves",
    "Comptes : responsables", "Activés : responsables",
)  # fmt: skip


def report_csv() -> str:
    """The two tables as somebody types them: one row a département and a day."""
    rows: list[tuple[str, ...]] = [TITLES]
    for name, numbers in accounts().items():
        rows.append((FIRST, name, "", "", "", "", str(numbers.pupil[0]), str(numbers.first), "", ""))
        pairs = (*numbers.college, *numbers.lycee, *numbers.pupil, *numbers.parent)
        rows.append((LAST, name, *map(str, pairs)))
    return "".join(";".join(row) + "\r\n" for row in rows)
