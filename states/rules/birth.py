"""How a request is born: declared (R25), or renewed from another (R33)."""

from collections.abc import Iterator
from typing import Any

from states import refusals_year
from states.case import Case, Outcome
from states.commands import Declare, Renew
from states.facts import Request
from states.refusals import Reason
from states.rules import dates, person
from states.school_year import LATE_DECLARATION_DAYS, SchoolYear
from states.vocabulary import Role, State


def declared_year(case: Case[Any], command: Declare) -> SchoolYear:
    """The year asked for, else the latest that is open (R20)."""
    return command.school_year or case.policy.calendar.open_years(case.now)[-1]


def check_declare(case: Case[Declare]) -> Iterator[Reason]:
    command = case.command
    open_years = case.policy.calendar.open_years(case.now)
    year = declared_year(case, command)
    if year not in open_years:
        yield refusals_year.year_closed(year, open_years)
    yield from person.establishment_problems(case)
    identity = person.cleaned(command.nom, command.prenom, command.mail)
    yield from person.identity_problems(*identity)
    yield from person.duplicate_problems(case, identity, _uai(case), year, command.homonym_confirmed)
    if command.drane_declared_on:
        yield from dates.day_problems(
            "drane_declared_on", "La déclaration à la DRANE", "R25", command.drane_declared_on,
            after=dates.EARLIEST, before=case.today,
        )  # fmt: skip


def apply_declare(case: Case[Declare]) -> Outcome:
    command = case.command
    nom, prenom, mail = person.cleaned(command.nom, command.prenom, command.mail)
    request = Request(
        reference="", uai=_uai(case), school_year=declared_year(case, command), state=State.DECLARED, version=0,
        nom=nom, prenom=prenom, mail=mail, drane_declared_on=command.drane_declared_on, chef_name=_chef(case),
    )  # fmt: skip
    day = command.drane_declared_on
    return Outcome(
        request=request,
        target=State.DECLARED,
        data={
            "uai": request.uai,
            "school_year": str(request.school_year),
            "drane_declared_on": day.isoformat() if day else None,
            "drane_sent_by_us": case.policy.drane_sent_by_us,
            "homonym_confirmed": command.homonym_confirmed,
        },
    )


def renewal_years(case: Case[Any]) -> list[SchoolYear]:
    """The years that a renewal may be for: open, later than the request's own, or the same once revoked (R33)."""
    request = case.request
    return [
        year for year in case.policy.calendar.open_years(case.now)
        if year > request.school_year or (year == request.school_year and not request.is_live)
    ]  # fmt: skip


def renewal_year(case: Case[Any], command: Renew) -> SchoolYear | None:
    """The year asked for when it is possible, else the latest one; None when there is none (R33)."""
    years = renewal_years(case)
    if command.school_year:
        return command.school_year if command.school_year in years else None
    return years[-1] if years else None


def check_renew(case: Case[Renew]) -> Iterator[Reason]:
    command, request = case.command, case.request
    year, possible = renewal_year(case, command), renewal_years(case)
    if year is None and command.school_year and possible:
        yield refusals_year.wrong_renewal_year(command.school_year, possible)
        return
    if year is None:
        calendar = case.policy.calendar
        upcoming = max(request.school_year.next, calendar.open_years(case.now)[-1].next)
        yield refusals_year.not_renewable(request.school_year, calendar.opening_day(upcoming))
        return
    yield from person.establishment_problems(case)
    identity = (request.nom, request.prenom, request.mail)
    yield from person.identity_problems(*identity)
    yield from person.duplicate_problems(case, identity, request.uai, year, command.homonym_confirmed)


def apply_renew(case: Case[Renew]) -> Outcome:
    command, old = case.command, case.request
    year = renewal_year(case, command) or old.school_year.next
    request = Request(
        reference="", uai=old.uai, school_year=year, state=State.DECLARED, version=0,
        nom=old.nom, prenom=old.prenom, mail=old.mail, drane_declared_on=old.drane_declared_on,
        chef_name=_chef(case) or old.chef_name, delegation_why=old.delegation_why, renews=old.reference,
    )  # fmt: skip
    return Outcome(
        request=request,
        target=State.DECLARED,
        data={
            "uai": request.uai,
            "school_year": str(year),
            "renews": old.reference,
            "drane_sent_by_us": case.policy.drane_sent_by_us,
            "homonym_confirmed": command.homonym_confirmed,
        },
    )


def late_warning(case: Case[Any], request: Request) -> Iterator[Reason]:
    """Less than 30 days are left (R21)."""
    end = case.policy.calendar.end_of(request.school_year)
    if (end.last_day - case.today).days < LATE_DECLARATION_DAYS:
        yield refusals_year.late_declaration(end)


def _uai(case: Case[Any]) -> str:
    return case.facts.establishment.uai if case.facts.establishment else ""


def _chef(case: Case[Any]) -> str:
    return case.actor.name if case.actor.role is Role.CHEF else ""
