"""What the establishment does between the declaration and the request (R26 to R31), and giving up."""

from collections.abc import Iterator
from typing import Any

from states import french
from states import refusals as more
from states import refusals as refusals_follow_up
from states.commands import Amend, ConfirmHandover, Delegate, SignCharter, Submit, Withdraw
from states.decision import Case, EraseCode, Outcome
from states.refusals import Reason
from states.rules import declaration as person
from states.rules import fields as dates
from states.rules import revocation as closing
from states.validation import person_key
from states.vocabulary import CodeStatus, State, WithdrawReason


def check_delegate(case: Case[Delegate]) -> Iterator[Reason]:
    command = case.command
    yield from dates.text_problems("why", "La raison de la délégation", "R26", command.why)
    earliest = case.policy.calendar.accepts_from(case.request.school_year) if case.request.renews else dates.EARLIEST
    yield from dates.day_problems("made_on", "La délégation", "R26", command.made_on, after=earliest, before=case.today)


def apply_delegate(case: Case[Delegate]) -> Outcome:
    command = case.command
    return Outcome(
        request=case.request.with_(delegation_why=command.why.strip(), delegated_on=command.made_on),
        target=State.DELEGATED,
        data={"made_on": command.made_on.isoformat()},
        notes={"why": command.why.strip()},
    )


def check_sign_charter(case: Case[SignCharter]) -> Iterator[Reason]:
    command = case.command
    opening = case.policy.calendar.accepts_from(case.request.school_year)
    yield from dates.day_problems(
        "signed_on", "La signature de la charte", "R27", command.signed_on, after=opening, before=case.today
    )
    if command.version.strip() != case.policy.charter_version:
        yield more.charter_version(case.policy.charter_version, command.version)
    if not command.copy_kept:
        yield more.copy_not_kept()


def apply_sign_charter(case: Case[SignCharter]) -> Outcome:
    command = case.command
    version = command.version.strip()
    return Outcome(
        request=case.request.with_(charter_signed_on=command.signed_on, charter_version=version),
        target=State.CHARTER_SIGNED,
        data={"signed_on": command.signed_on.isoformat(), "version": version, "copy_kept": True},
    )


def check_submit(case: Case[Submit]) -> Iterator[Reason]:
    command, request = case.command, case.request
    given = person.cleaned(command.nom, command.prenom, command.mail)
    stored = (request.nom, request.prenom, request.mail)
    labels = (("nom", "Le nom"), ("prenom", "Le prénom"), ("mail", "L'adresse"))
    for (field, label), mine, theirs in zip(labels, stored, given, strict=True):
        if mine != theirs:
            yield more.identity_not_confirmed(field, label)


def apply_submit(case: Case[Any]) -> Outcome:
    return Outcome(request=case.request, target=State.REQUESTED)


def amended(case: Case[Amend]) -> tuple[str, str, str]:
    """The identity as it would become."""
    command, request = case.command, case.request
    given = (command.nom, command.prenom, command.mail)
    stored = (request.nom, request.prenom, request.mail)
    nom, prenom, mail = (old if new is None else new for new, old in zip(given, stored, strict=True))
    return person.cleaned(nom, prenom, mail)


def check_amend(case: Case[Amend]) -> Iterator[Reason]:
    command, request = case.command, case.request
    identity = amended(case)
    yield from person.identity_problems(*identity)
    known = command.homonym_confirmed or person_key(*identity[:2]) == request.person
    yield from person.duplicate_problems(case, identity, request.uai, request.school_year, known)
    if command.drane_declared_on:
        yield from dates.day_problems(
            "drane_declared_on", "La déclaration à la DRANE", "R25", command.drane_declared_on,
            after=dates.EARLIEST, before=case.today,
        )  # fmt: skip
    same_day = command.drane_declared_on in (None, request.drane_declared_on)
    if same_day and identity == (request.nom, request.prenom, request.mail):
        yield more.nothing_to_amend()


def apply_amend(case: Case[Amend]) -> Outcome:
    command, request = case.command, case.request
    nom, prenom, mail = amended(case)
    renamed = (nom, prenom) != (request.nom, request.prenom)
    day = command.drane_declared_on or request.drane_declared_on
    again = renamed and request.state is State.CHARTER_SIGNED
    return Outcome(
        request=request.with_(nom=nom, prenom=prenom, mail=mail, drane_declared_on=day),
        target=State.DELEGATED if again else request.state,
        data={
            "name_changed": renamed,
            "mail_changed": mail != request.mail,
            "drane_declared_on": day.isoformat() if day else None,
        },
    )


def check_withdraw(case: Case[Withdraw]) -> Iterator[Reason]:
    command = case.command
    yield from dates.note_problems("R30", command.note, required=command.reason is WithdrawReason.OTHER)


def apply_withdraw(case: Case[Withdraw]) -> Outcome:
    command = case.command
    return closing.revoked(case, {"reason": command.reason.value}, command.note)


def check_handover(case: Case[ConfirmHandover]) -> Iterator[Reason]:
    command, request = case.command, case.request
    if request.extends:
        yield refusals_follow_up.nothing_to_hand_over()
        return
    if request.handed_on:
        yield refusals_follow_up.already_handed_over(french.day(request.handed_on))
        return
    if case.facts.code_fate in (CodeStatus.WAITING, CodeStatus.UNDELIVERABLE):
        yield refusals_follow_up.code_not_delivered(case.facts.code_fate)
    issued = case.policy.calendar.today(request.code_issued_at or case.now)
    yield from dates.day_problems(
        "handed_on", "La remise du code", "R31", command.handed_on, after=issued, before=case.today
    )


def apply_handover(case: Case[ConfirmHandover]) -> Outcome:
    command = case.command
    return Outcome(
        request=case.request.with_(handed_on=command.handed_on),
        target=State.CODE_ISSUED,
        data={"handed_on": command.handed_on.isoformat()},
        effects=(EraseCode(),),
    )
