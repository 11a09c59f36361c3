"""Declaring a RUPN: the first step alone."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from portal.web.actions import chef_fields as fields
from portal.web.chef.home import may_act
from portal.web.chef.steps import arrived, sat
from portal.web.forms import Field, Form, blank, filled
from portal.web.installed import Installed
from portal.web.visitors import Chef, Here, Posted, Visitor
from states import commands as c
from states.case import Refused
from states.facts import Establishment
from states.school_year import SchoolYear
from workflow.reading.agenda import establishment_of

router = APIRouter()


@router.get("/declarer")
def declare_page(request: Request, here: Here, visitor: Chef) -> Response:
    """Who the RUPN is; nothing that is known is asked."""
    if not may_act(here, visitor):
        return RedirectResponse("/etablissement", status_code=303)
    return _shown(request, here, visitor, visitor.uai, blank(declaration_fields(here)))


@router.post("/declarer")
def declare(request: Request, here: Here, visitor: Chef, data: Posted) -> Response:
    """Declare, then lead to the request that is born."""
    uai = uai_of(visitor, data)
    form = filled(with_homonym(declaration_fields(here), data), data)
    if not form.is_right:
        return _shown(request, here, visitor, uai, form, status=422)
    command = declaration(uai, form.values)
    result = sat(here, visitor, [lambda _: command], form)
    if isinstance(result, Refused):
        form = form.asking([fields.HOMONYM], result.reasons).refused(result.reasons)
        return _shown(request, here, visitor, uai, form, status=422)
    return arrived(request, here, visitor, result)


def declaration_fields(here: Installed) -> list[Field]:
    """The fields of a declaration (R25)."""
    return [*fields.identity(), *fields.school_year(here), *fields.drane(here, here.pages.today())]


def with_homonym(asked: list[Field], data: FormData) -> list[Field]:
    """The fields, with the confirmation of a homonym when somebody gave it (R17)."""
    return [*asked, fields.HOMONYM] if fields.HOMONYM.name in data else asked


def declaration(uai: str, values: Mapping[str, Any]) -> c.Declare:
    """The command of a declaration (R25)."""
    year = values.get("school_year")
    return c.Declare(
        uai=uai, nom=values["nom"], prenom=values["prenom"], mail=values["mail"],
        school_year=SchoolYear.parse(year) if year else None, drane_declared_on=values.get("drane_declared_on"),
        homonym_confirmed=bool(values.get(fields.HOMONYM.name)),
    )  # fmt: skip


def uai_of(visitor: Visitor, data: FormData) -> str:
    """The establishment that the page was about, whichever is in view since. Raises 404 for one of somebody else."""
    uai = str(data.get("uai") or "")
    if uai not in visitor.entrant.uais:
        raise HTTPException(404)
    return uai


def school_of(here: Installed, uai: str) -> Establishment:
    """The establishment that is declared for."""
    with here.house.database.read() as connection:
        found = establishment_of(connection, uai)
    if found is None:
        raise HTTPException(404)
    return found


def ending_soon(here: Installed) -> SchoolYear | None:
    """The only year that is open, when it ends in less than 30 days (R21)."""
    house = here.house
    years = house.policy.calendar.open_years(house.clock.now())
    return years[0] if len(years) == 1 and fields.ends_soon(here, years[0]) else None


def _shown(request: Request, here: Installed, visitor: Visitor, uai: str, form: Form, status: int = 200) -> Response:
    house = here.house
    return here.pages.page(
        request, "chef/declare.html", visitor, status=status, form=form, school=school_of(here, uai),
        years=house.policy.calendar.open_years(house.clock.now()), ends_soon=ending_soon(here),
    )  # fmt: skip
