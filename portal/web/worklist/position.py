"""The place of an operator in the worklist, all of it in the address: filters, page, requests ticked so far (R89)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, Self
from urllib.parse import urlencode

from fastapi import Request
from starlette.datastructures import QueryParams

from portal.web.actions.base import ORIGIN
from portal.web.forms import REFERENCE
from portal.web.worklist.filters import PLACE, USUAL, WorklistCriteria

MOST: Final = 300
"""Requests that are ticked at most, and that one action takes: the rest stays in the filter for the next time."""

CURSOR: Final = 200
"""Characters of a page's end mark that are read."""

LONGEST_ORIGIN: Final = 1000

_PREFIX: Final = "ODA-"


@dataclass(frozen=True, kw_only=True)
class ListPosition:
    """``after`` and ``before`` are the cursors of the page, one of them at most; ``ticked`` bears references.

    A form of the list sends ``ref`` for each box that is ticked, ``cochees`` for those of other pages, and ``aller``
    for the page to show.
    """

    criteria: WorklistCriteria
    after: str = ""
    before: str = ""
    ticked: tuple[str, ...] = ()

    @classmethod
    def read(cls, query: QueryParams) -> Self:
        """The position of an address; what cannot be read is left out."""
        cursors = {"apres": query.get("apres", ""), "avant": query.get("avant", "")}
        if "aller" in query:
            way, _, cursor = query["aller"].partition("=")
            cursors = {"apres": "", "avant": ""} | {way: cursor}
        after = cursors["apres"][:CURSOR]
        elsewhere = (f"{_PREFIX}{text}" for text in query.get("cochees", "")[: MOST * 20].split())
        return cls(
            criteria=WorklistCriteria.read(query), after=after, before="" if after else cursors["avant"][:CURSOR],
            ticked=references_among([*query.getlist("ref"), *elsewhere]),
        )  # fmt: skip

    def pairs(self) -> list[tuple[str, str]]:
        """The address's parameters, without the empty ones."""
        page = [("apres", self.after), ("avant", self.before), ("cochees", packed(self.ticked))]
        return [*self.criteria.pairs(), *((name, value) for name, value in page if value)]

    def address(self, path: str = PLACE, **changes: Any) -> str:
        """The list at this position; ``changes`` replaces parts of it."""
        return f"{path}?{urlencode(replace(self, **changes).pairs())}"

    def elsewhere(self, shown: Iterable[str]) -> tuple[str, ...]:
        """Those that are ticked and not shown."""
        here = set(shown)
        return tuple(reference for reference in self.ticked if reference not in here)

    @property
    def origin(self) -> str:
        """What the address of a request carries to come back here; without the ticks when they are too many."""
        if self == ListPosition(criteria=USUAL):
            return ""
        whole = urlencode(self.pairs())
        return whole if len(whole) <= LONGEST_ORIGIN else urlencode(replace(self, ticked=()).pairs())

    @property
    def origin_query(self) -> str:
        """The end of the address of a request that this list shows."""
        return f"?{urlencode({ORIGIN: self.origin})}" if self.origin else ""


def references_among(texts: Iterable[str]) -> tuple[str, ...]:
    """The texts that are references, each once, ``MOST`` at most."""
    return tuple(dict.fromkeys(text for text in texts if REFERENCE.fullmatch(text)))[:MOST]


def packed(references: Iterable[str]) -> str:
    """References as an address carries many: without what they all begin with."""
    return " ".join(reference.removeprefix(_PREFIX) for reference in references)


def origin_of(request: Request) -> str:
    """The place in the list that an operator came from, so that « suivante » is of that list; empty for the usual."""
    text = request.query_params.get(ORIGIN, "")[:LONGEST_ORIGIN]
    return ListPosition.read(QueryParams(text)).origin if text else ""
