"""The code: drawn, issued, extended from a key in use, issued again, taken back; its last day (R39 to R44, R97).

A code that the software draws waits, sealed, until it is said to be on the ODA server.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from states import french, refusals
from states.commands import Code, ConfirmExpiry, DrawCode, IssueCode, OpenCode, ReissueCode, TakeBackCode
from states.decision import (
    Case,
    DrawAndSeal,
    Effect,
    EraseCode,
    Outcome,
    Scalar,
    SealCode,
    SendDrawn,
    day_problems,
    establishment_problems,
)
from states.model import LONGEST_CODE, Policy, Removal, Request
from states.refusals import Reason
from states.rules.authorization import code_problems, stand_in_problems
from states.rules.changes import answered, answers, awaits_new_code
from states.rules.revocation import ended_with_its_year
from states.rules.verification import check_problems
from states.validation import is_storable
from states.vocabulary import (
    NEW_CODE_CHANGES,
    Change,
    CodeStatus,
    ReissueReason,
    RemovalOutcome,
    Settlement,
    SignInMethod,
    State,
    Trigger,
)


def typed_code(text: str) -> str:
    """A code as it was typed or pasted, less the spaces that came with it, for the rules to judge (R41).

    One that is too long stays too long; what no database stores becomes a sign that no code's form allows.
    """
    code = "".join(text.split())[: LONGEST_CODE + 1]
    return code if is_storable(code) else "\N{REPLACEMENT CHARACTER}"


def check_issue(case: Case[IssueCode]) -> Iterator[Reason]:
    command = case.command
    yield from _separation_problems(case, sends_code=command.code is not None or command.drawn)
    yield from establishment_problems(case)
    yield from check_problems(case.request, case.today, case.policy.checks_max_age_days).values()
    yield from _expiry_problems(case, command.expires_on)
    if (command.code is not None) + command.drawn + (command.extends is not None) + command.key_elsewhere != 1:
        yield refusals.code_or_extension()
    elif command.drawn or case.request.drawn_in is not None:
        yield from _drawn_problems(case)
    elif command.code:
        yield from _code_problems(case, command.code)
        yield from _in_use_problems(case, confirmed=command.new_key_confirmed, again=False)
    elif not case.policy.one_key_a_person:
        yield refusals.key_scope_is_request()
    elif command.key_elsewhere:
        if not case.policy.key_has_other_uses:
            yield refusals.no_other_uses()
    elif obstacles := list(_extension_obstacles(case)):
        yield refusals.not_extendable(command.extends or "", " ; ".join(obstacles))


def apply_issue(case: Case[IssueCode]) -> Outcome:
    command, request = case.command, case.request
    last_day = _last_day_of_year(case)
    expires_on = command.expires_on or (request.expires_on if command.drawn else None) or last_day
    source = case.facts.extended if command.extends else None
    extends = source.reference if source else None
    data: dict[str, Scalar] = {
        "extends": extends,
        "key_elsewhere": command.key_elsewhere,
        "expires_on": expires_on.isoformat(),
        "new_key_confirmed": command.new_key_confirmed,
    }
    return Outcome(
        request=request.with_(
            code_issued_at=case.now,
            previous_code_at=None,
            extends=extends,
            key_elsewhere=source.key_elsewhere if source else command.key_elsewhere,
            expires_on=expires_on,
            expiry_seen_for=last_day,
            handed_on=None,
            issued_by=case.actor.number,
            drawn_at=None,
            drawn_in=None,
            code_unread_since=case.now if case.policy.code_by_link and _sending(case) else None,
            code_read_at=None,
        ),
        target=State.CODE_ISSUED,
        data=data | _batch_of(case),
        effects=_sending(case),
    )


def check_reissue(case: Case[ReissueCode]) -> Iterator[Reason]:
    command = case.command
    yield from _separation_problems(case, sends_code=True)
    yield from establishment_problems(case)
    if command.drawn or case.request.drawn_in is not None:
        yield from _drawn_problems(case)
    elif command.code is None:
        yield refusals.code_format(case.policy.code_example)
    else:
        yield from _code_problems(case, command.code)
        yield from _in_use_problems(case, confirmed=command.new_key_confirmed, again=True)
    yield from _compromise_problems(case, command.reason)


def apply_reissue(case: Case[ReissueCode]) -> Outcome:
    """Replace the code, and settle the reports to which a new one is the answer (R44)."""
    command = case.command
    closed = answers(case, Settlement.REISSUED, (*NEW_CODE_CHANGES, Change.KEY_COMPROMISED))
    data: dict[str, Scalar] = {"reason": command.reason.value, "new_key_confirmed": command.new_key_confirmed}
    return Outcome(
        request=case.request.with_(
            code_issued_at=case.now,
            previous_code_at=case.request.code_issued_at,
            extends=None,
            key_elsewhere=False,
            handed_on=None,
            issued_by=case.actor.number,
            drawn_at=None,
            drawn_in=None,
            code_unread_since=case.now if case.policy.code_by_link else None,
            code_read_at=None,
        ),
        target=State.CODE_ISSUED,
        data=data | answered(closed) | _batch_of(case),
        effects=(*(() if command.drawn else (EraseCode(),)), *_sending(case), *closed),
    )


def second_code_problems(case: Case[Any]) -> Iterator[Reason]:
    """Tell who comes second with a code of his own that, made on the server, it may have voided the first (R9, R42)."""
    request, command, last = case.facts.request, case.command, case.facts.last
    again = isinstance(command, ReissueCode) and last and last.trigger in (Trigger.ISSUE_CODE, Trigger.REISSUE_CODE)
    first = isinstance(command, IssueCode) and command.code is not None
    if (first or again) and request and request.state is State.CODE_ISSUED and not request.is_extension:
        yield refusals.second_code()


def code_held_until(request: Request, status: CodeStatus, policy: Policy, now: datetime) -> datetime | None:
    """The instant until which the code may be taken back, its mail not having left; None when it may not (R62)."""
    if request.code_issued_at is None or request.is_extension or status is not CodeStatus.WAITING:
        return None
    until = request.code_issued_at + policy.code_hold
    return until if now < until else None


def check_take_back_code(case: Case[TakeBackCode]) -> Iterator[Reason]:
    request, status, zone = case.request, case.facts.code_fate, case.policy.calendar.timezone
    if request.drawn_in is not None:
        return
    if status is CodeStatus.WAITING and request.code_issued_at:
        if not code_held_until(request, status, case.policy, case.now):
            yield refusals.hold_over(french.instant(request.code_issued_at + case.policy.code_hold, zone))
    elif status in (CodeStatus.UNDELIVERABLE, CodeStatus.EXTENDED, CodeStatus.NONE):
        yield refusals.no_code_waits()
    else:
        yield refusals.code_has_left()


def apply_take_back_code(case: Case[TakeBackCode]) -> Outcome:
    """The request comes back to where it was: to be issued, or with a code before this one, which is erased too."""
    request = case.request
    if request.drawn_in is not None:
        return Outcome(
            request=_without_drawn_code(request),
            target=request.state,
            data={"batch": request.drawn_in},
            effects=(EraseCode(),),
        )
    previous = request.previous_code_at
    back = request.with_(code_issued_at=previous, previous_code_at=None, handed_on=None)
    if previous is None:
        back = back.with_(expires_on=None, expiry_seen_for=None, code_unread_since=None)
    return Outcome(
        request=back,
        target=State.CODE_ISSUED if previous else State.REQUESTED,
        data={"replaced_code": previous is not None},
        effects=(EraseCode(),),
    )


def is_readable(request: Request, status: CodeStatus, policy: Policy, now: datetime) -> bool:
    """Return True when the establishment may read the code on its page: it is there, its hold is over (R112)."""
    return _waits_to_be_read(request, status) and code_held_until(request, status, policy, now) is None


def check_open_code(case: Case[OpenCode]) -> Iterator[Reason]:
    """Only who is known by a national identity reads it, once; a mailbox has several readers (R112)."""
    request, status, zone = case.request, case.facts.code_fate, case.policy.calendar.timezone
    if case.command.method is SignInMethod.MAIL_LINK:
        yield refusals.national_identity_needed()
    if request.code_read_at is not None:
        last = case.facts.last
        who = case.actor.name_of(last.role, last.actor) if last and last.trigger is Trigger.OPEN_CODE else ""
        yield refusals.code_already_read(french.instant(request.code_read_at, zone), who)
    elif not _waits_to_be_read(request, status):
        yield refusals.no_code_to_read()
    elif until := code_held_until(request, status, case.policy, case.now):
        yield refusals.code_readable_from(french.instant(until, zone))


def apply_open_code(case: Case[OpenCode]) -> Outcome:
    """The code is erased: who asked for it is given it from the transaction that says so, or nobody is (R112)."""
    return Outcome(
        request=case.request.with_(code_unread_since=None, code_read_at=case.now),
        target=State.CODE_ISSUED,
        data={"method": case.command.method.value},
        effects=(EraseCode(),),
    )


def check_expiry(case: Case[ConfirmExpiry]) -> Iterator[Reason]:
    command, request, last_day = case.command, case.request, _last_day_of_year(case)
    yield from _expiry_problems(case, command.expires_on)
    if (command.expires_on or last_day, last_day) == (request.expires_on, request.expiry_seen_for):
        yield refusals.nothing_to_tick()


def apply_expiry(case: Case[ConfirmExpiry]) -> Outcome:
    last_day = _last_day_of_year(case)
    expires_on = case.command.expires_on or last_day
    return Outcome(
        request=case.request.with_(expires_on=expires_on, expiry_seen_for=last_day),
        target=State.CODE_ISSUED,
        data={"expires_on": expires_on.isoformat()},
    )


def check_draw(case: Case[DrawCode]) -> Iterator[Reason]:
    """All that an issue asks (R39 to R44), so that no code goes to the server that could not be sent."""
    command, request = case.command, case.request
    if not case.policy.draws_codes:
        yield refusals.codes_are_typed()
    if request.drawn_in is not None and case.facts.code_fate is CodeStatus.HELD and not command.anew:
        yield refusals.code_already_drawn(request.drawn_in, case.facts.batch, case.policy.calendar.timezone)
        return
    yield from _separation_problems(case, sends_code=True)
    yield from establishment_problems(case)
    yield from _expiry_problems(case, command.expires_on)
    is_again = request.state is State.CODE_ISSUED
    yield from _in_use_problems(
        case, confirmed=command.new_key_confirmed or request.drawn_in is not None, again=is_again
    )
    if not is_again:
        yield from check_problems(request, case.today, case.policy.checks_max_age_days).values()
    elif command.reason is None:
        yield refusals.reissue_reason_missing()
    else:
        yield from _compromise_problems(case, command.reason)


def apply_draw(case: Case[DrawCode]) -> Outcome:
    """Draw and seal; what was sealed before is erased, and its mail that has not left is cancelled (R62)."""
    command, request = case.command, case.request
    last_day = _last_day_of_year(case)
    expires_on = command.expires_on or request.expires_on or last_day
    data: dict[str, Scalar] = {"batch": command.batch, "expires_on": expires_on.isoformat()}
    data |= {"new_key_confirmed": command.new_key_confirmed, "anew": command.anew}
    if command.reason and request.has_key:
        data["reason"] = command.reason.value
    replaces = request.has_key or request.drawn_in is not None
    return Outcome(
        request=request.with_(
            drawn_at=case.now, drawn_in=command.batch, expires_on=expires_on, expiry_seen_for=last_day
        ),
        target=request.state,
        data=data,
        effects=((EraseCode(),) if replaces else ()) + (DrawAndSeal(),),
    )


def reading_problems(case: Case[Any]) -> Iterator[Reason]:
    """The reasons why this operator may not read a drawn code: it would be his alone (R6)."""
    if case.policy.four_eyes and not case.actor.numbers.isdisjoint(case.request.acted_on_behalf):
        yield refusals.four_eyes(issued=False)
    yield from stand_in_problems(case.facts.establishment, case.actor, case.now, case.policy)


def after_drawn_code(
    request: Request, target: State, effects: tuple[Effect, ...]
) -> tuple[Request, tuple[Effect, ...]]:
    """The request and the effects of what ends the wait of a drawn code: sent back or ended, it is erased (R61)."""
    if target in (State.REQUESTED, State.CODE_ISSUED):
        return request, effects
    erased = effects if EraseCode() in effects else (EraseCode(), *effects)
    return _without_drawn_code(request), erased


def _extension_obstacles(case: Case[IssueCode]) -> Iterator[str]:
    """The reasons why another request's key cannot serve here: not the person's, or it works no more (R40)."""
    source, request, removal = case.facts.extended, case.request, case.facts.extended_removal
    if source is None:
        yield "cette demande n'existe pas"
    elif source.reference == request.reference:
        yield "c'est la demande elle-même"
    elif source.folded_mail != request.folded_mail and source.person != request.person:
        yield "c'est une autre personne"
    elif not source.has_key:
        yield "aucun code n'y a été émis"
    else:
        if removal and removal.outcome and removal.outcome is not RemovalOutcome.KEPT:
            yield f"sa clé n'existe plus ({removal.outcome.label})"
        if source.expires_on and source.expires_on < case.today and not _is_kept_for_renewal(source, removal, case):
            yield f"sa clé a expiré le {french.day(source.expires_on)}"
        if any(report.is_open and report.change is Change.KEY_COMPROMISED for report in case.facts.extended_reports):
            yield "sa clé est signalée compromise, et ce n'est pas réglé"


def _is_kept_for_renewal(source: Request, removal: Removal | None, case: Case[IssueCode]) -> bool:
    """True of a key that ended with its school year, in the same establishment: its date is changed on the server."""
    last_day = source.expiry_seen_for or _last_day_of(source, case)
    if source.uai != case.request.uai or not source.expires_on or source.expires_on < last_day:
        return False
    return source.is_live or ended_with_its_year(source, removal, case.policy.calendar)  # live: the brake holds the end


def _sending(case: Case[IssueCode] | Case[ReissueCode]) -> tuple[Effect, ...]:
    """The code leaves at the end of its hold (R62): the one typed, or the one drawn, which is sealed already (R97)."""
    leaves_at = case.now + case.policy.code_hold
    if case.command.drawn:
        return (SendDrawn(leaves_at),)
    return (SealCode(case.command.code, leaves_at),) if case.command.code else ()


def _batch_of(case: Case[IssueCode] | Case[ReissueCode]) -> dict[str, Scalar]:
    """The datum of a code that was drawn: its batch."""
    return {"batch": case.request.drawn_in} if case.command.drawn else {}


def _drawn_problems(case: Case[IssueCode] | Case[ReissueCode]) -> Iterator[Reason]:
    """A drawn code leaves once its file was taken to the server, and no other one goes before it (R97)."""
    request, batch = case.request, case.facts.batch
    if request.drawn_in is None:
        yield refusals.no_drawn_code()
    elif not case.command.drawn:
        yield refusals.code_already_drawn(request.drawn_in, batch, case.policy.calendar.timezone)
    elif case.facts.code_fate is not CodeStatus.HELD:
        yield refusals.drawn_code_erased()
    elif batch is None or batch.downloaded_at is None:
        yield refusals.file_not_taken(request.drawn_in)


def _waits_to_be_read(request: Request, status: CodeStatus) -> bool:
    return request.code_unread_since is not None and status in (
        CodeStatus.WAITING,
        CodeStatus.SENDING,
        CodeStatus.TO_READ,
    )


def _without_drawn_code(request: Request) -> Request:
    """The request without the code that was drawn for it, nor the day that this code would have expired (R97)."""
    if request.drawn_in is None:
        return request
    request = request.with_(drawn_at=None, drawn_in=None)
    return request if request.has_key else request.with_(expires_on=None, expiry_seen_for=None)


def _compromise_problems(case: Case[Any], reason: ReissueReason | None) -> Iterator[Reason]:
    """While a compromise is open, a new code says that it answers it; without one, no code says so (R44)."""
    reports = [report for report in case.facts.reports if report.change is Change.KEY_COMPROMISED]
    is_open = any(report.is_open for report in reports)
    if reason is not ReissueReason.COMPROMISED:
        if is_open:
            yield refusals.report_still_open()
    elif not is_open and not any(awaits_new_code(case.request, report) for report in reports):
        yield refusals.report_first()


def _last_day_of_year(case: Case[Any]) -> date:
    return _last_day_of(case.request, case)


def _last_day_of(request: Request, case: Case[Any]) -> date:
    return case.policy.calendar.end_of(request.school_year).last_day


def _separation_problems(case: Case[Any], *, sends_code: bool) -> Iterator[Reason]:
    """Refuse who acted for the establishment, and a code that would leave for whom one operator alone chose (R6)."""
    if case.policy.four_eyes and not case.actor.numbers.isdisjoint(case.request.acted_on_behalf):
        yield refusals.four_eyes(issued=False)
    if sends_code:
        yield from code_problems(case.facts.establishment, case.actor, case.now, case.policy)


def _code_problems(case: Case[Any], code: Code) -> Iterator[Reason]:
    if len(code.clear) > LONGEST_CODE or not case.policy.code_format.fullmatch(code.clear):
        yield refusals.code_format(case.policy.code_example)


def _in_use_problems(case: Case[Any], *, confirmed: bool, again: bool) -> Iterator[Reason]:
    """A new code would reset a key in use elsewhere (R42), or one that was drawn for the person elsewhere (R97).

    ``again``: it replaces one of the same request.
    """
    drawn = [other for other in case.facts.others if other.drawn_in is not None and not other.has_key]
    holders = case.key_holders + (drawn if case.policy.one_key_a_person else [])
    if holders and not confirmed:
        yield refusals.key_in_use(holders, case.request, again=again)


def _expiry_problems(case: Case[Any], day: date | None) -> Iterator[Reason]:
    """From today to the year's end, or to the latest day of another live request that relies on the key (R43)."""
    if day:
        last = max([_last_day_of_year(case), *(holder.expires_on for holder in case.key_holders if holder.expires_on)])
        yield from day_problems("expires_on", "L'expiration de la clé", "R43", day, after=case.today, before=last)
