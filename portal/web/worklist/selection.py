"""Which requests an action is asked of: those ticked, those of the page, or all that the filter leaves."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from starlette.datastructures import QueryParams

from portal.web.installed import Installed
from portal.web.visitors import Visitor
from portal.web.worklist.bulk_actions import BulkAction
from portal.web.worklist.criteria import Criteria
from workflow.reading.worklist import Count, WorkLine, Worklist

MOST: Final = 300
"""How many requests one action takes at most: what is left stays in the filter for the next time."""
_REFERENCE: Final = re.compile(r"ODA-[0-9]{4}-[0-9]{5,9}")
_NAMED: Final = re.compile(r"(ODA-[0-9]{4}-[0-9]{5,9}):([0-9]{1,9})")


class Reach(StrEnum):
    """How far a choice reaches; the value stands in the address."""

    TICKED = "cochees"
    PAGE = "page"
    FILTER = "filtre"


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Requests of which one action is asked, as they were shown: each with its version, so that one that somebody
    changed in between is left alone and said (R9). ``left_out`` are not where the action starts from; ``beyond`` is
    how many more the filter leaves."""

    lines: tuple[WorkLine, ...]
    left_out: tuple[WorkLine, ...] = ()
    beyond: Count | None = None

    @classmethod
    def of(cls, action: BulkAction, lines: Iterable[WorkLine], beyond: Count | None = None) -> Self:
        told = tuple(lines)
        able = tuple(line for line in told if action.can_have(line))
        return cls(lines=able, left_out=tuple(line for line in told if line not in able), beyond=beyond)

    @property
    def named(self) -> str:
        """What the form carries: the very requests that are shown, and how they were."""
        return " ".join(f"{one.line.reference}:{one.line.version}" for one in self.lines)


def chosen(here: Installed, visitor: Visitor, action: BulkAction, criteria: Criteria, query: QueryParams) -> Batch:
    """The requests of the address, looked up now."""
    house, reach = here.house, query.get("portee", Reach.TICKED.value)
    with house.database.read() as connection:
        worklist = Worklist(connection, visitor.actor, house.policy, house.clock.now())
        if reach != Reach.FILTER.value:
            texts = query.get("page", "").split() if reach == Reach.PAGE.value else query.getlist("ref")
            return Batch.of(action, worklist.named(_references(texts)))
        filters = criteria.filters(house)
        references = worklist.references(filters, criteria.order, MOST)
        total = worklist.counts({"": filters})[""]
        beyond = Count(total.number - len(references)) if total.number > len(references) else None
        return Batch.of(action, worklist.named(references), beyond)


def shown_again(here: Installed, visitor: Visitor, versions: dict[str, int]) -> tuple[WorkLine, ...]:
    """The requests that a form carries, as they are now."""
    house = here.house
    with house.database.read() as connection:
        return Worklist(connection, visitor.actor, house.policy, house.clock.now()).named(list(versions))


def carried(text: str) -> dict[str, int]:
    """The references and versions that a form carries; what is not of that form is left out."""
    found = (_NAMED.fullmatch(part) for part in text[: MOST * 40].split())
    return dict([(one[1], int(one[2])) for one in found if one][:MOST])


def _references(texts: Sequence[str]) -> list[str]:
    """Each once, in the order given."""
    return list(dict.fromkeys(text for text in texts if _REFERENCE.fullmatch(text)))[:MOST]
