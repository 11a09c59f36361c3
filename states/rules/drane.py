"""The news that the rectorat sends the DRANE, which keeps the list of RUPN: additions, corrections, removals (R96)."""

import re
from collections.abc import Iterator
from typing import Final

from states import refusals
from states.commands import SendToDrane
from states.decision import Case, Outcome
from states.model import Request
from states.refusals import Reason
from states.rules.fields import day_problems
from states.rules.verification import digest_of_parts
from states.vocabulary import DRANE_MOVEMENTS, DraneStanding

_DIGEST: Final = re.compile(r"[0-9a-f]{16}(\.[0-9a-f]{16}){4}")


def drane_digest(request: Request) -> str:
    """A digest of what the DRANE is sent of a RUPN."""
    return digest_of_parts(_of_drane(request).values())


def _of_drane(request: Request) -> dict[str, object]:
    return {
        "le nom": request.nom, "le prénom": request.prenom, "l'adresse": request.mail,
        "l'établissement": request.uai, "l'année scolaire": request.school_year,
    }  # fmt: skip


def changed_for_drane(request: Request) -> list[str]:
    """The corrections since the DRANE was sent this RUPN, in words; empty when nothing was, or nothing was sent."""
    parts, seen = _of_drane(request), request.drane_seen.split(".")
    if len(seen) != len(parts):
        return []
    return [name for (name, part), digest in zip(parts.items(), seen, strict=True) if digest_of_parts([part]) != digest]


def drane_standing(request: Request) -> DraneStanding:
    """The news that the DRANE has yet to be sent: a later change of what it has is a correction, an end a removal."""
    if not request.is_live:
        return DraneStanding.TO_REMOVE if request.drane_seen else DraneStanding.NOTHING
    if not request.drane_seen:
        return DraneStanding.TO_ADD
    return DraneStanding.UP_TO_DATE if request.drane_seen == drane_digest(request) else DraneStanding.TO_CORRECT


def check_send_to_drane(case: Case[SendToDrane]) -> Iterator[Reason]:
    command, request = case.command, case.request
    what, opening = _what(case), case.policy.calendar.accepts_from(request.school_year)
    if what not in DRANE_MOVEMENTS:
        yield refusals.nothing_for_drane(request)
    elif command.seen and not _DIGEST.fullmatch(command.seen):
        yield refusals.bad_field("seen", "L'empreinte", "n'est pas celle d'une ligne de la liste", "R96")
    elif what is DraneStanding.TO_REMOVE and request.is_live:
        yield refusals.not_to_remove_from_drane()
    elif not _says_something_new(case, what):
        yield refusals.nothing_for_drane(request)
    day = command.sent_on or case.today
    yield from day_problems("sent_on", "La transmission à la DRANE", "R96", day, after=opening, before=case.today)


def _what(case: Case[SendToDrane]) -> DraneStanding:
    return case.command.what or drane_standing(case.request)


def _says_something_new(case: Case[SendToDrane], what: DraneStanding) -> bool:
    if what is DraneStanding.TO_REMOVE:
        return bool(case.request.drane_seen)
    return (case.command.seen or drane_digest(case.request)) != case.request.drane_seen


def apply_send_to_drane(case: Case[SendToDrane]) -> Outcome:
    """Bind what the DRANE now holds; the rectorat's first transmission is the declaration (R25)."""
    command, request, what = case.command, case.request, _what(case)
    day = command.sent_on or case.today
    if what is DraneStanding.TO_REMOVE:
        request = request.with_(drane_sent_on=day, drane_seen="")
    else:
        declared_on = request.drane_declared_on or day
        seen = command.seen or drane_digest(request)
        request = request.with_(drane_sent_on=day, drane_seen=seen, drane_declared_on=declared_on)
    return Outcome(
        request=request, target=request.state, data={"transmitted": what.value, "transmitted_on": day.isoformat()}
    )
