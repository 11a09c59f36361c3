"""Confirming many removals at once: those of a page, or all that the filters leave, a result for each (R49)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from notifications.vocabulary import member
from portal.web.forms import Field, Form, Shape, blank, filled
from portal.web.installed import Installed
from portal.web.rectorat.removals import PLACE, Wanted
from portal.web.visitors import Here, Operator, Posted, Visitor
from states.case import Refused
from states.commands import ConfirmRemoval
from states.vocabulary import RemovalOutcome
from workflow.engine import Result
from workflow.reading.removal_lines import RemovalLine, removals_of
from workflow.reading.removals import MOST, count_removals, open_references

router = APIRouter(prefix=PLACE, include_in_schema=False)
SLICE = 100
"""How many are confirmed in one transaction."""
SHOWN = 50
FIELDS = (
    Field(
        name="outcome", label="Ce qui a été fait sur le serveur ODA", shape=Shape.CHOICE,
        options=tuple((one.value, one.label.capitalize()) for one in RemovalOutcome),
        missing="Dire ce qui a été fait sur le serveur ODA.",
    ),
    Field(
        name="note", label="Précision", shape=Shape.AREA, required=False,
        hint="La même pour toutes, sans nommer personne.",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Told:
    """A line and what came of it."""

    line: RemovalLine
    result: Result


@router.get("/confirmer")
def prepare(
    request: Request, here: Here, visitor: Operator, wanted: Annotated[Wanted, Depends()],
    choix: Annotated[list[str] | None, Query(max_length=200)] = None, tout: str = "",
) -> Response:  # fmt: skip
    """What is about to be confirmed, in full: the very references that the form then carries."""
    asked, matching = choix or [], 0
    with here.house.database.read() as connection:
        try:
            filters = wanted.filters()
        except ValueError:
            return RedirectResponse(wanted.address(), status_code=303)
        if tout and not filters.confirmed:
            asked = open_references(connection, filters, MOST)
            left = count_removals(connection, filters)
            matching = sum(left.values()) if filters.kind is None else left[filters.kind]
        lines = removals_of(connection, asked, here.house.policy, here.house.mailer)
    still = [line for line in lines if line.outcome is None]
    return _page(request, here, visitor, still, blank(FIELDS), beyond=max(0, matching - len(still)))


@router.post("/confirmer")
def confirm(request: Request, here: Here, visitor: Operator, data: Posted) -> Response:
    """Confirm them, in slices, each refused or done by itself; sent twice, the same answers (R10)."""
    references, form = _references(str(data.get("references") or "")), filled(FIELDS, data)
    house = here.house
    with house.database.read() as connection:
        lines = removals_of(connection, references, house.policy, house.mailer)
    if not form.is_right or not lines:
        return _page(request, here, visitor, lines, form, status=422)
    told: list[Told] = []
    outcome, note = member(RemovalOutcome, form.values["outcome"]), form.values["note"] or ""
    for number, some in enumerate(_slices(lines)):
        commands = [ConfirmRemoval(reference=one.request.reference, outcome=outcome, note=note) for one in some]
        results = house.engine.execute(commands, visitor.actor, key=f"web:{form.key}:{number}")
        told += [Told(line, result) for line, result in zip(some, results, strict=True)]
    refused = [one for one in told if isinstance(one.result, Refused)]
    accepted = [one for one in told if not isinstance(one.result, Refused)]
    return here.pages.page(
        request, "rectorat/removals_done.html", visitor, outcome=outcome, refused=refused, accepted=accepted,
        warned=[one for one in accepted if not isinstance(one.result, Refused) and one.result.warnings],
    )  # fmt: skip


def _references(text: str) -> list[str]:
    """The references that the form carries, each once, in order."""
    return sorted(set(text[: MOST * 40].split()))[:MOST]


def _slices(lines: Sequence[RemovalLine]) -> Iterator[Sequence[RemovalLine]]:
    return (lines[start : start + SLICE] for start in range(0, len(lines), SLICE))


def _page(
    request: Request, here: Installed, visitor: Visitor, lines: Sequence[RemovalLine], form: Form, *,
    beyond: int = 0, status: int = 200,
) -> Response:  # fmt: skip
    return here.pages.page(
        request, "rectorat/removals_confirm.html", visitor, status=status, form=form, lines=lines[:SHOWN],
        count=len(lines), hidden=len(lines) - SHOWN, beyond=beyond,
        references=" ".join(line.request.reference for line in lines),
    )  # fmt: skip
