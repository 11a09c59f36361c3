"""The list that an operator came from: carried by the address of a request, so that « suivante » is of that list."""

from typing import Final
from urllib.parse import urlencode

from fastapi import Request
from starlette.datastructures import QueryParams

from portal.web.actions.model import ORIGIN
from portal.web.visitors import Visitor
from portal.web.worklist.choices import StateChoice
from portal.web.worklist.criteria import Criteria

USUAL: Final = Criteria(states=(StateChoice.REQUESTED,))
"""What the worklist shows at first: nothing is carried for it."""
LONGEST: Final = 1000


def origin_of(request: Request, visitor: Visitor) -> str:
    """What the address says of it, as the list's own address would; empty for the usual list, and for a chef."""
    said = request.query_params.get(ORIGIN, "")[:LONGEST]
    return kept(Criteria.read(QueryParams(said))) if said and visitor.is_rectorat else ""


def kept(criteria: Criteria) -> str:
    """These criteria as an address says them; empty for the usual ones."""
    return "" if criteria == USUAL else urlencode(criteria.pairs())


def onward(criteria: Criteria) -> str:
    """What follows the address of a request that this list shows."""
    return f"?{urlencode({ORIGIN: said})}" if (said := kept(criteria)) else ""
