"""The steps that lead to « demande envoyée », done in one sitting: their fields, their commands (R25 to R28)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from portal.web.forms import Form
from portal.web.installed import Installed
from portal.web.visitors import Visitor
from states import commands as c
from states.case import Refused
from states.vocabulary import State, Trigger
from workflow.engine import Done
from workflow.sitting import Step, sit

REMAINING: Final[Mapping[State, tuple[Trigger, ...]]] = {
    State.DECLARED: (Trigger.DELEGATE, Trigger.SIGN_CHARTER, Trigger.SUBMIT),
    State.DELEGATED: (Trigger.SIGN_CHARTER, Trigger.SUBMIT),
    State.CHARTER_SIGNED: (Trigger.SUBMIT,),
}
"""What is left to do before the rectorat has the request, by where it stands."""

Identity = tuple[str, str, str]
"""Nom, prénom, mail: as the page showed them, or as they were just typed (R28)."""


def steps_of(
    here: Installed, triggers: Sequence[Trigger], values: Mapping[str, Any], identity: Identity, why: str = "",
    version: int | None = None,
) -> list[Step]:  # fmt: skip
    """The steps in their order; ``version`` is the request's as the page showed it, judged by the first one (R9)."""
    nom, prenom, mail = identity
    charter = here.house.settings.charter.version

    def step(trigger: Trigger, expected: int | None) -> Step:
        match trigger:
            case Trigger.DELEGATE:
                reason = values.get("why") or why
                return lambda reference: c.Delegate(
                    reference=reference, why=reason, made_on=values["made_on"], expected_version=expected
                )
            case Trigger.SIGN_CHARTER:
                return lambda reference: c.SignCharter(
                    reference=reference, signed_on=values["signed_on"], version=charter, copy_kept=True,
                    expected_version=expected,
                )  # fmt: skip
            case _:
                return lambda reference: c.Submit(
                    reference=reference, nom=nom, prenom=prenom, mail=mail, expected_version=expected
                )

    return [step(trigger, None if number else version) for number, trigger in enumerate(triggers)]


def sat(here: Installed, visitor: Visitor, steps: Sequence[Step], form: Form, reference: str = "") -> Done | Refused:
    """Do them, all or none; a form sent twice is done once (R7, R10)."""
    return sit(here.house.engine, steps, visitor.actor, reference=reference, key=f"web:{form.key}")


def arrived(request: Request, here: Installed, visitor: Visitor, result: Done) -> Response:
    """Where one goes from there: what must be known first (R19, R21), then the request."""
    place = f"{visitor.home}/demandes/{result.reference}"
    if result.warnings:
        return here.pages.page(
            request, "actions/done.html", visitor, result=result, place=place, warnings=result.warnings
        )
    return RedirectResponse(f"{place}?fait={result.trigger.value}", status_code=303)


def version_of(data: Mapping[str, Any]) -> int | None:
    """The request's version as the page showed it."""
    text = str(data.get("version") or "")
    return int(text) if text.isdecimal() and text.isascii() else None
