"""The lines that the processes of a campaign logged, by kind, and those that nobody foresaw."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_DATE: Final = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4} ")
_ONES_OWN: Final = (
    (re.compile(r"https?://\S+|sqlite:\S+|postgresql\S+"), "ADRESSE"),
    (re.compile(r'« [^»]* »|"[^"]*"'), "« … »"),
    (re.compile(r"\d+(?:[.,]\d+)*"), "N"),
)
_BROKEN: Final = re.compile(r"Traceback|\b[A-Z]\w*(?:Error|Exception)\b|erreur imprévue|never retrieved|never awaited")
_FORESEEN: Final = ("OperationalError",)
"""What a database that goes away raises, under the name that the log gives it."""


def kinds_of_lines(logs: Iterable[Path]) -> Counter[str]:
    """How often each line was logged, without what is its own: the date, the numbers, the names."""
    kinds: Counter[str] = Counter()
    for path in logs:
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            kind = _DATE.sub("", line)
            for pattern, stand_in in _ONES_OWN:
                kind = pattern.sub(stand_in, kind)
            kinds[kind[:200]] += 1
    return kinds


def unforeseen(kinds: Counter[str]) -> list[str]:
    """The kinds that tell of a fault of ours: a traceback, an error that no code foresaw."""
    return [
        f"{count} fois : {kind}"
        for kind, count in kinds.items()
        if _BROKEN.search(kind) and not any(name in kind for name in _FORESEEN)
    ]
