"""Steps of the establishment from the declaration to the hand-over, and giving up (R26 to R31)."""

from collections.abc import Iterator
from typing import Any

from states import french, refusals
from states.commands import Amend, ConfirmHandover, Delegate, SignCharter, Submit, TakeBack, Withdraw
from states.decision import Case, EraseCode, Outcome
from states.refusals import Reason
from states.rules.declaration import (
    Identity,
    clean_identity,
    drane_problems,
    duplicate_problems,
    identity_of,
    identity_problems,
    unusual_mail_problems,
)
from states.rules.fields import EARLIEST, day_problems, note_problems, text_problems
from states.rules.revocation import end_request
from states.rules.verification import current_checks
from states.validation import clean_text, person_key
from states.vocabulary import ON_ITS_WAY, CodeStatus, State, WithdrawReason


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
