"""« Saisir les codes »: a field a request, in the order of the list; what is typed is never shown again (R39, R60)."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import FormData, QueryParams

from portal.web.forms import blank, filled
from portal.web.visitors import Here, Operator, Posted
from portal.web.worklist.bulk import page, results
from portal.web.worklist.bulk_actions import BATCH, ISSUE
from portal.web.worklist.criteria import Criteria
from portal.web.worklist.executing import Told, build_all, execute_all
from portal.web.worklist.selection import Batch, carried, shown_again
from states.case import Refused
from states.commands import Code
from states.refusals import Reason
from workflow.engine import Result

router = APIRouter(prefix=BATCH, include_in_schema=False)
FIELD: Final = "code-"
LONGEST: Final = 64
_TWICE: Final = Reason(
    "code_twice", "R42", "Le même code est saisi pour plusieurs de ces demandes",
    "Relire ces codes sur le serveur ODA et les ressaisir : chaque clé a le sien.",
)  # fmt: skip
_NONE: Final = Reason("no_code", "R41", "Aucun code n'est saisi", "Saisir au moins un code.")


@router.post(f"/{ISSUE.slug}")
def issue(request: Request, here: Here, visitor: Operator, data: Posted) -> Response:
    """Issue the codes that were typed; a field left empty leaves its request as it is."""
    versions = carried(str(data.get("lot") or ""))
    criteria = Criteria.read(QueryParams(str(data.get("retour") or "")[:4000]))
    lines = shown_again(here, visitor, versions)
    codes = _typed(data, versions)
    if not codes:
        form = blank(()).refused([_NONE])
        return page(request, here, visitor, ISSUE, Batch(lines=lines), form, criteria, status=422)
    twice = _typed_twice(codes)
    wanted = {reference: versions[reference] for reference in codes if reference not in twice}
    commands = build_all(wanted, lambda one, common: ISSUE.build({"code": Code(clear=codes[one])}, common))
    found: dict[str, Result] = {reference: Refused((_TWICE,)) for reference in twice}
    found |= execute_all(here, visitor, commands, filled((), data).key)
    by_reference = {line.line.reference: line for line in lines}
    told = [Told(reference, by_reference.get(reference), found[reference]) for reference in codes]
    return results(request, here, visitor, ISSUE, told, criteria)


def _typed(data: FormData, versions: Mapping[str, int]) -> dict[str, str]:
    """The codes by reference, in the order of the page; spaces around them are a slip of the hand."""
    read = {reference: str(data.get(f"{FIELD}{reference}") or "").strip()[:LONGEST] for reference in versions}
    return {reference: code for reference, code in read.items() if code}


def _typed_twice(codes: Mapping[str, str]) -> set[str]:
    """The requests that were given the same code: one of them at least is a slip."""
    often = Counter(codes.values())
    return {reference for reference, code in codes.items() if often[code] > 1}
