"""A paper before it is a PDF: which one, its template as it was, and the plain values that fill it (R69)."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from notifications.vocabulary import member
from states.vocabulary import Labelled


class PaperName(Labelled):
    """The papers that the software makes; the value is the name of the template, ``papers/charter.typ``."""

    CHARTER = "charter", "charte"
    HANDOVER_SLIP = "handover_slip", "bordereau de remise"
    YEAR_END_REPORT = "year_end_report", "bilan de fin d'année"

    @property
    def template(self) -> str:
        return f"papers/{self.value}.typ"


@dataclass(frozen=True, kw_only=True, slots=True)
class Paper:
    """All that a paper is made of: the same one gives the same PDF whatever has become of the templates since.

    ``filename`` is the attachment's, ``title`` is in French, ``source`` the whole text for typst, ``data`` what the
    template reads as JSON.
    """

    name: PaperName
    filename: str
    title: str
    source: str
    data: dict[str, Any]


class PaperUnmakeable(Exception):
    """A paper cannot be made. ``file`` is the template at fault, ``line`` its line from 1, None when it has none."""

    def __init__(self, file: str, line: int | None, why: str) -> None:
        self.file, self.line, self.why = file, line, why
        where = f"{file}, ligne {line}" if line else file
        super().__init__(f"{where} : {why}")


def to_json(papers: Iterable[Paper]) -> str:
    """Papers as they are stored with their mail (R56)."""
    return json.dumps([asdict(paper) for paper in papers], ensure_ascii=False)


def from_json(text: str) -> tuple[Paper, ...]:
    """The papers from what ``to_json`` gave, equal to them. Raises ValueError on anything else."""
    try:
        rows = json.loads(text)
        if isinstance(rows, list):
            return tuple(Paper(**{**row, "name": member(PaperName, row["name"])}) for row in rows)
    except (TypeError, KeyError, ValueError):
        pass
    raise ValueError("these are not stored papers")
