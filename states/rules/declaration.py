"""Birth of a request: declared (R25), or renewed from another (R33); identity and duplicates (R12 to R19)."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from states import refusals
from states.commands import Declare, Renew
from states.decision import Case, Outcome
from states.model import Facts, Request
from states.refusals import Reason
from states.rules.fields import EARLIEST, day_problems
from states.school_calendar import LATE_DECLARATION_DAYS, SchoolCalendar, SchoolYear
from states.validation import MailDomains, clean, clean_mail, fold_mail, mail_problem, name_problem, person_key
from states.vocabulary import RevokeReason, State

Identity = tuple[str, str, str]
"""Nom, prénom and mail address of a RUPN."""


def clean_identity(nom: str, prenom: str, mail: str) -> Identity:
    """An identity as it is stored."""
    return clean(nom), clean(prenom), clean_mail(mail)


def identity_of(request: Request) -> Identity:
    return request.nom, request.prenom, request.mail


def identity_problems(case: Case[Any], identity: Identity) -> Iterator[Reason]:
    """Refuse a wrong nom, prénom or mail address, and the mailbox of an establishment (R16)."""
    nom, prenom, mail = identity
    domains = case.policy.mail_domains
    for field, label, problem in (
        ("nom", "Le nom", name_problem(nom)),
        ("prenom", "Le prénom", name_problem(prenom)),
    ):
        if problem:
            yield refusals.bad_field(field, label, problem, "R16")
    if problem := mail_problem(mail):
        yield refusals.bad_mail("mail", "L'adresse électronique", problem, domains.example)
    elif fold_mail(mail) in case.facts.shared_mailboxes:
        yield refusals.shared_mailbox(domains.example)


def mail_doubts(facts: Facts, request: Request, domains: MailDomains) -> Iterator[Reason]:
    """What the operator who checks a request has to know of its address, confirmed or not (R16)."""
    if request.folded_mail in facts.shared_mailboxes:
        yield refusals.shared_mailbox(domains.example)
    elif not domains.is_usual(request.mail):
        yield refusals.unusual_mail(domains.likely_domain(request.mail))


def unusual_mail_problems(case: Case[Any], mail: str, *, confirmed: bool) -> Iterator[Reason]:
    """Ask to confirm an address outside the usual domains, or a slip of the keyboard away from one (R16)."""
    domains = case.policy.mail_domains
    if not confirmed and not mail_problem(mail) and not domains.is_usual(mail):
        yield refusals.unusual_mail(domains.likely_domain(mail))


def duplicate_problems(case: Case[Any], identity: Identity, uai: str, year: SchoolYear,
                       homonym_confirmed: bool) -> Iterator[Reason]:  # fmt: skip
    """Refuse another live request of the same person, in the same establishment and year (R17, R18)."""
    nom, prenom, mail = identity
    others = [other for other in case.facts.others if other.uai == uai and other.school_year == year and other.is_live]
    same_mail = [other for other in others if other.folded_mail == fold_mail(mail)]
    homonyms = [other for other in others if other not in same_mail and other.person == person_key(nom, prenom)]
    if same_mail:
        yield refusals.same_person(same_mail[0])
    if homonyms and not homonym_confirmed:
        yield refusals.homonym(homonyms[0])


def establishment_problems(case: Case[Any]) -> Iterator[Reason]:
    """Refuse an establishment that is unknown, closed or without a mailbox (R12, R13, R15)."""
    establishment = case.facts.establishment
    if establishment is None:
        yield refusals.unknown_establishment(case.facts.request.uai if case.facts.request else "", None)
        return
    if not establishment.is_open:
        yield refusals.closed_establishment(establishment.nom)
    if not establishment.mailbox:
        yield refusals.no_mailbox(establishment.nom)


def number_problems(case: Case[Any]) -> Iterator[Reason]:
    """Refuse one live request more than an establishment may have (R18)."""
    if case.facts.live_requests >= case.policy.most_live_requests:
        yield refusals.too_many_requests(case.facts.live_requests)


def other_request_warnings(case: Case[Any], request: Request) -> Iterator[Reason]:
    """Warn of the person's other live requests (R19).

    A chef is told nothing of another school, of nobody whom the name alone presumes to be the same, and nothing of the
    year before or after of the very request: it runs to its end while the next one is made ready (R33).
    """
    is_chef = case.actor.is_establishment
    for other in case.facts.others:
        by_mail = other.folded_mail == request.folded_mail
        is_renewal = request.uai == other.uai and (
            request.renews == other.reference or other.renews == request.reference
        )
        if not other.is_live or other.reference == request.reference or (is_chef and is_renewal):
            continue
        if by_mail or (not is_chef and other.person == request.person):
            hidden = is_chef and other.uai not in case.actor.establishments
            yield refusals.other_request_elsewhere() if hidden else refusals.other_request(other, by_mail=by_mail)


def late_declaration_warning(case: Case[Any], request: Request) -> Iterator[Reason]:
    """Warn when less than 30 days are left (R21)."""
    end = case.policy.calendar.end_of(request.school_year)
    if (end.last_day - case.today).days < LATE_DECLARATION_DAYS:
        yield refusals.late_declaration(end)


def check_declare(case: Case[Declare]) -> Iterator[Reason]:
    command = case.command
    open_years = case.policy.calendar.open_years(case.now)
    year = _declared_year(case)
    if year not in open_years:
        yield refusals.year_closed(year, open_years)
    yield from establishment_problems(case)
    yield from number_problems(case)
    identity = clean_identity(command.nom, command.prenom, command.mail)
    yield from identity_problems(case, identity)
    yield from unusual_mail_problems(case, identity[2], confirmed=command.mail_confirmed)
    yield from duplicate_problems(case, identity, _uai(case), year, command.homonym_confirmed)
    yield from drane_problems(case)


def apply_declare(case: Case[Declare]) -> Outcome:
    command, day = case.command, case.command.drane_declared_on
    nom, prenom, mail = clean_identity(command.nom, command.prenom, command.mail)
    request = Request(
        reference="", uai=_uai(case), school_year=_declared_year(case), state=State.DECLARED, version=0,
        nom=nom, prenom=prenom, mail=mail, drane_declared_on=day, chef_name=_chef(case),
    )  # fmt: skip
    return Outcome(
        request=request,
        target=State.DECLARED,
        data={
            "uai": request.uai,
            "school_year": str(request.school_year),
            "drane_declared_on": day.isoformat() if day else None,
            "drane_sent_by_us": case.policy.drane_sent_by_us,
            "homonym_confirmed": command.homonym_confirmed,
            "mail_confirmed": command.mail_confirmed,
        },
    )


def _declared_year(case: Case[Declare]) -> SchoolYear:
    """The year asked for, else the latest that is open (R20)."""
    return case.command.school_year or case.policy.calendar.open_years(case.now)[-1]


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
    command, request, calendar = case.command, case.request, case.policy.calendar
    possible = renewal_years(request, calendar, case.now)
    year = _renewal_year(command, possible)
    if year is None and command.school_year and possible:
        yield refusals.wrong_renewal_year(command.school_year, possible)
        return
    if year is None:
        upcoming = max(request.school_year.next, calendar.open_years(case.now)[-1].next)
        yield refusals.not_renewable(request.school_year, calendar.opening_day(upcoming))
        return
    yield from establishment_problems(case)
    yield from number_problems(case)
    identity = clean_identity(*identity_of(request))
    yield from identity_problems(case, identity)
    yield from unusual_mail_problems(case, identity[2], confirmed=command.mail_confirmed)
    yield from duplicate_problems(case, identity, request.uai, year, command.homonym_confirmed)


def renewal_warning(case: Case[Renew]) -> Iterator[Reason]:
    """Warn when the rectorat revoked the former request, unless that was an error (R33)."""
    reason = case.facts.revoked_for
    if reason and reason is not RevokeReason.ERROR:
        yield refusals.renewed_after_revocation(reason)


def apply_renew(case: Case[Renew]) -> Outcome:
    command, old = case.command, case.request
    year = _renewal_year(command, renewal_years(old, case.policy.calendar, case.now)) or old.school_year.next
    nom, prenom, mail = clean_identity(*identity_of(old))
    declared_on = None if case.policy.drane_sent_by_us else old.drane_declared_on  # to be transmitted anew (R96)
    request = Request(
        reference="", uai=old.uai, school_year=year, state=State.DECLARED, version=0,
        nom=nom, prenom=prenom, mail=mail, drane_declared_on=declared_on,
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
            "mail_confirmed": command.mail_confirmed,
        },
    )


def _uai(case: Case[Any]) -> str:
    return case.facts.establishment.uai if case.facts.establishment else ""


def _chef(case: Case[Any]) -> str:
    return case.actor.chef_name


def drane_problems(case: Case[Any]) -> Iterator[Reason]:
    """The day on which the RUPN was declared to the DRANE, when it is given (R25)."""
    if day := case.command.drane_declared_on:
        yield from day_problems(
            "drane_declared_on", "La déclaration à la DRANE", "R25", day, after=EARLIEST, before=case.today
        )
