"""A request from its birth to the hand-over of its code: the steps of the establishment (R12 to R19, R25 to R31, R33).

It is declared, or renewed from another; identity and duplicates are checked; then the delegation, the charter, the
sending to the rectorat, and giving up.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from states import french, refusals
from states.commands import Amend, ConfirmHandover, Declare, Delegate, Renew, SignCharter, Submit, TakeBack, Withdraw
from states.decision import (
    EARLIEST,
    Case,
    EraseCode,
    Outcome,
    day_problems,
    establishment_problems,
    note_problems,
    text_problems,
)
from states.model import Facts, Request
from states.refusals import Reason
from states.rules.revocation import end_request
from states.rules.verification import current_checks
from states.school_calendar import LATE_DECLARATION_DAYS, SchoolCalendar, SchoolYear
from states.validation import (
    MailDomains,
    clean,
    clean_mail,
    clean_text,
    fold_mail,
    mail_problem,
    name_problem,
    person_key,
)
from states.vocabulary import ON_ITS_WAY, CodeStatus, RevokeReason, State, WithdrawReason

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
    """Doubts on the address, for the operator who checks a request, whether it was confirmed or not (R16)."""
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


def drane_problems(case: Case[Any]) -> Iterator[Reason]:
    """The day on which the RUPN was declared to the DRANE, when it is given (R25)."""
    if day := case.command.drane_declared_on:
        yield from day_problems(
            "drane_declared_on", "La déclaration à la DRANE", "R25", day, after=EARLIEST, before=case.today
        )


def number_problems(case: Case[Any]) -> Iterator[Reason]:
    """Refuse one live request more than an establishment may have (R18)."""
    if case.facts.live_requests >= case.policy.most_live_requests:
        yield refusals.too_many_requests(case.facts.live_requests)


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
    uai = case.facts.establishment.uai if case.facts.establishment else ""
    yield from duplicate_problems(case, identity, uai, year, command.homonym_confirmed)
    yield from drane_problems(case)


def _declared_year(case: Case[Declare]) -> SchoolYear:
    """The year asked for, else the latest that is open (R20)."""
    return case.command.school_year or case.policy.calendar.open_years(case.now)[-1]


def apply_declare(case: Case[Declare]) -> Outcome:
    command, day = case.command, case.command.drane_declared_on
    nom, prenom, mail = clean_identity(command.nom, command.prenom, command.mail)
    uai = case.facts.establishment.uai if case.facts.establishment else ""
    request = Request(
        reference="", uai=uai, school_year=_declared_year(case), state=State.DECLARED, version=0,
        nom=nom, prenom=prenom, mail=mail, drane_declared_on=day, chef_name=case.actor.chef_name,
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
        chef_name=case.actor.chef_name or old.chef_name, delegation_why=old.delegation_why, renews=old.reference,
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


def check_delegate(case: Case[Delegate]) -> Iterator[Reason]:
    command = case.command
    yield from text_problems("why", "La raison de la délégation", "R26", command.why)
    earliest = case.policy.calendar.accepts_from(case.request.school_year) if case.request.renews else EARLIEST
    yield from day_problems("made_on", "La délégation", "R26", command.made_on, after=earliest, before=case.today)


def apply_delegate(case: Case[Delegate]) -> Outcome:
    command = case.command
    return Outcome(
        request=case.request.with_(delegation_why=clean_text(command.why), delegated_on=command.made_on),
        target=State.DELEGATED,
        data={"made_on": command.made_on.isoformat()},
        notes={"why": clean_text(command.why)},
    )


def check_sign_charter(case: Case[SignCharter]) -> Iterator[Reason]:
    command = case.command
    opening = case.policy.calendar.accepts_from(case.request.school_year)
    yield from day_problems(
        "signed_on", "La signature de la charte", "R27", command.signed_on, after=opening, before=case.today
    )
    if command.version.strip() != case.policy.charter_version:
        yield refusals.charter_version(case.policy.charter_version, command.version)
    if not command.copy_kept:
        yield refusals.copy_not_kept()


def apply_sign_charter(case: Case[SignCharter]) -> Outcome:
    command = case.command
    version = command.version.strip()
    return Outcome(
        request=case.request.with_(charter_signed_on=command.signed_on, charter_version=version),
        target=State.CHARTER_SIGNED,
        data={"signed_on": command.signed_on.isoformat(), "version": version, "copy_kept": True},
    )


def check_submit(case: Case[Submit]) -> Iterator[Reason]:
    command = case.command
    confirmed = clean_identity(command.nom, command.prenom, command.mail)
    labels = (("nom", "Le nom"), ("prenom", "Le prénom"), ("mail", "L'adresse"))
    registered = clean_identity(*identity_of(case.request))
    for (field, label), stored, typed in zip(labels, registered, confirmed, strict=True):
        if stored != typed:
            yield refusals.identity_not_confirmed(field, label)
    yield from identity_problems(case, registered)  # an older version may have taken what nobody can read or write to


def apply_submit(case: Case[Any]) -> Outcome:
    return Outcome(request=case.request, target=State.REQUESTED)


def _amended_identity(case: Case[Amend]) -> Identity:
    command = case.command
    changes = (command.nom, command.prenom, command.mail)
    nom, prenom, mail = (
        stored if change is None else change
        for change, stored in zip(changes, identity_of(case.request), strict=True)
    )  # fmt: skip
    return clean_identity(nom, prenom, mail)


def check_amend(case: Case[Amend]) -> Iterator[Reason]:
    command, request = case.command, case.request
    identity = _amended_identity(case)
    yield from identity_problems(case, identity)
    if identity[2] != request.mail:
        yield from unusual_mail_problems(case, identity[2], confirmed=command.mail_confirmed)
    confirmed = command.homonym_confirmed or person_key(*identity[:2]) == request.person
    yield from duplicate_problems(case, identity, request.uai, request.school_year, confirmed)
    yield from drane_problems(case)
    same_day = command.drane_declared_on in (None, request.drane_declared_on)
    if same_day and identity == identity_of(request):
        yield refusals.nothing_to_amend()


def apply_amend(case: Case[Amend]) -> Outcome:
    command, request = case.command, case.request
    nom, prenom, mail = _amended_identity(case)
    renamed = (nom, prenom) != clean_identity(*identity_of(request))[:2]
    day = command.drane_declared_on or request.drane_declared_on
    to_sign_again = renamed and request.state is State.CHARTER_SIGNED
    return Outcome(
        request=request.with_(nom=nom, prenom=prenom, mail=mail, drane_declared_on=day),
        target=State.DELEGATED if to_sign_again else request.state,
        data={
            "name_changed": renamed,
            "mail_changed": mail != request.mail,
            "mail_confirmed": command.mail_confirmed,
            "drane_declared_on": day.isoformat() if day else None,
        },
    )


def check_take_back(case: Case[TakeBack]) -> Iterator[Reason]:
    if any(not check.automatic for check in current_checks(case.request)):
        yield refusals.check_recorded()


def apply_take_back(case: Case[TakeBack]) -> Outcome:
    """Go back to the signed charter, whence it is corrected and sent again (R29)."""
    return Outcome(request=case.request, target=State.CHARTER_SIGNED)


def check_withdraw(case: Case[Withdraw]) -> Iterator[Reason]:
    command = case.command
    yield from note_problems("R30", command.note, required=command.reason is WithdrawReason.OTHER)


def apply_withdraw(case: Case[Withdraw]) -> Outcome:
    return end_request(case, {"reason": case.command.reason.value}, case.command.note)


def check_handover(case: Case[ConfirmHandover]) -> Iterator[Reason]:
    request, status = case.request, case.facts.code_fate
    if request.is_extension:
        yield refusals.nothing_to_hand_over()
        return
    if request.handed_on:
        yield refusals.already_handed_over(french.day(request.handed_on))
        return
    if status is CodeStatus.TO_READ:
        yield refusals.code_not_read()
    elif status in (*ON_ITS_WAY, CodeStatus.HELD, CodeStatus.UNDELIVERABLE):
        yield refusals.code_not_delivered(status)
    issued_on = case.policy.calendar.today(request.code_issued_at or case.now)
    yield from day_problems(
        "handed_on", "La remise du code", "R31", case.command.handed_on, after=issued_on, before=case.today
    )


def apply_handover(case: Case[ConfirmHandover]) -> Outcome:
    handed_on = case.command.handed_on
    return Outcome(
        request=case.request.with_(handed_on=handed_on),
        target=State.CODE_ISSUED,
        data={"handed_on": handed_on.isoformat()},
        effects=(EraseCode(),),
    )
