"""How a request is born: declared (R25), or renewed from another (R33)."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from states import refusals
from states import refusals as more
from states import refusals as refusals_year
from states.commands import Declare, Renew
from states.decision import Case, Outcome
from states.model import Request
from states.refusals import Reason
from states.rules import fields as dates
from states.school_calendar import LATE_DECLARATION_DAYS, SchoolCalendar, SchoolYear
from states.validation import clean, fold_mail, mail_problem, name_problem, person_key
from states.vocabulary import Role, State

# The RUPN: identity, same person, one live request (R16 to R19), and the establishment that declares (R12, R13).


def identity_problems(nom: str, prenom: str, mail: str) -> Iterator[Reason]:
    """What is wrong with an identity (R16)."""
    for field, label, problem in (
        ("nom", "Le nom", name_problem(nom)),
        ("prenom", "Le prénom", name_problem(prenom)),
        ("mail", "L'adresse électronique", mail_problem(mail)),
    ):
        if problem:
            yield refusals.bad_field(field, label, problem, "R16")


def duplicate_problems(case: Case[Any], identity: tuple[str, str, str], uai: str, year: SchoolYear,
                       homonym_confirmed: bool) -> Iterator[Reason]:  # fmt: skip
    """Another live request of the same person, in the same establishment and year (R17, R18)."""
    nom, prenom, mail = identity
    same = [r for r in case.facts.others if r.uai == uai and r.school_year == year and r.is_live]
    mine = [r for r in same if r.folded_mail == fold_mail(mail)]
    homonyms = [r for r in same if r not in mine and r.person == person_key(nom, prenom)]
    yield from (more.same_person(other) for other in mine[:1])
    if not homonym_confirmed:
        yield from (more.homonym(other) for other in homonyms[:1])


def establishment_problems(case: Case[Any]) -> Iterator[Reason]:
    """An open establishment with a mailbox (R12, R13, R15)."""
    establishment = case.facts.establishment
    if establishment is None:
        yield refusals.unknown_establishment(case.facts.request.uai if case.facts.request else "", None)
        return
    if not establishment.is_open:
        yield more.closed_establishment(establishment.nom)
    if not establishment.mailbox:
        yield more.no_mailbox(establishment.nom)


def cleaned(nom: str, prenom: str, mail: str) -> tuple[str, str, str]:
    """An identity as it is stored."""
    return clean(nom), clean(prenom), mail.strip()


def others_warning(case: Case[Any], request: Request) -> Iterator[Reason]:
    """The person's other live requests, told to whoever acts (R19).

    A chef is told nothing of another school, of nobody whom the name alone presumes to be the same, and nothing of the
    year before or after of the very request: it runs to its end while the next one is made ready (R33).
    """
    school = case.actor.is_establishment
    for other in case.facts.others:
        by_mail = other.folded_mail == request.folded_mail
        if not other.is_live or other.reference == request.reference or (school and _renews(request, other)):
            continue
        if by_mail or (not school and other.person == request.person):
            hidden = school and other.uai not in case.actor.establishments
            yield more.other_request_elsewhere() if hidden else more.other_request(other, by_mail=by_mail)


def _renews(request: Request, other: Request) -> bool:
    """Whether one is the renewal of the other (R33)."""
    return request.uai == other.uai and (request.renews == other.reference or other.renews == request.reference)


def declared_year(case: Case[Any], command: Declare) -> SchoolYear:
    """The year asked for, else the latest that is open (R20)."""
    return command.school_year or case.policy.calendar.open_years(case.now)[-1]


def check_declare(case: Case[Declare]) -> Iterator[Reason]:
    command = case.command
    open_years = case.policy.calendar.open_years(case.now)
    year = declared_year(case, command)
    if year not in open_years:
        yield refusals_year.year_closed(year, open_years)
    yield from establishment_problems(case)
    identity = cleaned(command.nom, command.prenom, command.mail)
    yield from identity_problems(*identity)
    yield from duplicate_problems(case, identity, _uai(case), year, command.homonym_confirmed)
    if command.drane_declared_on:
        yield from dates.day_problems(
            "drane_declared_on", "La déclaration à la DRANE", "R25", command.drane_declared_on,
            after=dates.EARLIEST, before=case.today,
        )  # fmt: skip


def apply_declare(case: Case[Declare]) -> Outcome:
    command = case.command
    nom, prenom, mail = cleaned(command.nom, command.prenom, command.mail)
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


def renewal_years(request: Request, calendar: SchoolCalendar, now: datetime) -> tuple[SchoolYear, ...]:
    """The years that a renewal may be for: open, later than the request's own, or the same once revoked (R33)."""
    return tuple(
        year for year in calendar.open_years(now)
        if year > request.school_year or (year == request.school_year and not request.is_live)
    )  # fmt: skip


def _renewal_year(command: Renew, years: Sequence[SchoolYear]) -> SchoolYear | None:
    """The year asked for when it is possible, else the latest one; None when there is none (R33)."""
    if command.school_year:
        return command.school_year if command.school_year in years else None
    return years[-1] if years else None


def check_renew(case: Case[Renew]) -> Iterator[Reason]:
    command, request = case.command, case.request
    possible = renewal_years(request, case.policy.calendar, case.now)
    year = _renewal_year(command, possible)
    if year is None and command.school_year and possible:
        yield refusals_year.wrong_renewal_year(command.school_year, possible)
        return
    if year is None:
        calendar = case.policy.calendar
        upcoming = max(request.school_year.next, calendar.open_years(case.now)[-1].next)
        yield refusals_year.not_renewable(request.school_year, calendar.opening_day(upcoming))
        return
    yield from establishment_problems(case)
    identity = (request.nom, request.prenom, request.mail)
    yield from identity_problems(*identity)
    yield from duplicate_problems(case, identity, request.uai, year, command.homonym_confirmed)


def apply_renew(case: Case[Renew]) -> Outcome:
    command, old = case.command, case.request
    year = _renewal_year(command, renewal_years(old, case.policy.calendar, case.now)) or old.school_year.next
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
