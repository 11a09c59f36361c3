"""Commands of the engine, one class per trigger: the whole vocabulary on one screen.

Dates are the académie's calendar days. Free texts (``why``, ``note``) never reach the journal in clear (R64).
"""

from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar

from states.model import Evidence, OnBehalf
from states.school_calendar import SchoolYear
from states.vocabulary import (
    Change,
    CheckOutcome,
    DraneStanding,
    ReissueReason,
    RemovalOutcome,
    RevokeReason,
    Settlement,
    SignInMethod,
    Step,
    Trigger,
    WithdrawReason,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Code:
    """An initialisation code in clear: it shows itself to nobody who prints or compares it by accident (R60)."""

    clear: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Command:
    """Base of all commands. ``expected_version`` makes it fail when somebody acted in between (R9)."""

    trigger: ClassVar[Trigger]
    expected_version: int | None = None
    on_behalf: OnBehalf | None = None


@dataclass(frozen=True, kw_only=True)
class OnRequest(Command):
    """A command on an existing request, by its reference (``ODA-2027-00042``)."""

    reference: str


@dataclass(frozen=True, kw_only=True)
class Declare(Command):
    """R25. ``school_year`` None takes the proposed one; ``drane_declared_on`` None says « not yet ».

    ``mail_confirmed``: the address is right although it is not of a usual domain (R16).
    """

    trigger = Trigger.DECLARE
    uai: str
    nom: str
    prenom: str
    mail: str
    school_year: SchoolYear | None = None
    drane_declared_on: date | None = None
    homonym_confirmed: bool = False
    mail_confirmed: bool = False


@dataclass(frozen=True, kw_only=True)
class Delegate(OnRequest):
    """R26. The chef attests that the delegation is indispensable (``why``) and was made in DelegCE."""

    trigger = Trigger.DELEGATE
    why: str
    made_on: date


@dataclass(frozen=True, kw_only=True)
class SignCharter(OnRequest):
    """R27."""

    trigger = Trigger.SIGN_CHARTER
    signed_on: date
    version: str
    copy_kept: bool


@dataclass(frozen=True, kw_only=True)
class Submit(OnRequest):
    """R28. The identity as the person who confirms it saw it."""

    trigger = Trigger.SUBMIT
    nom: str
    prenom: str
    mail: str


@dataclass(frozen=True, kw_only=True)
class CheckListing(OnRequest):
    """R34. ``source``: the list that was read, in a few words without a name; ``evidence``: its row (R94)."""

    trigger = Trigger.CHECK_LISTING
    outcome: CheckOutcome
    source: str
    checked_on: date | None = None
    evidence: Evidence | None = None


@dataclass(frozen=True, kw_only=True)
class CheckDelegation(OnRequest):
    """R34, with the same fields."""

    trigger = Trigger.CHECK_DELEGATION
    outcome: CheckOutcome
    source: str
    checked_on: date | None = None
    evidence: Evidence | None = None


@dataclass(frozen=True, kw_only=True)
class SendBack(OnRequest):
    """R38."""

    trigger = Trigger.SEND_BACK
    step: Step
    why: str


@dataclass(frozen=True, kw_only=True)
class DrawCode(OnRequest):
    """R97. A code is drawn, and waits sealed until it is said to be on the ODA server.

    ``batch`` is the number of the batch that bears it there; ``reason``: why a code is drawn again, of a request that
    had one (R44); ``anew``: another one instead of the code that waits. The others are as an issue's.
    """

    trigger = Trigger.DRAW_CODE
    batch: int
    reason: ReissueReason | None = None
    expires_on: date | None = None
    new_key_confirmed: bool = False
    anew: bool = False


@dataclass(frozen=True, kw_only=True)
class IssueCode(OnRequest):
    """R39 to R43. One of ``code``, ``drawn`` (the code that was drawn for it, now on the server: R97), ``extends`` (the
    reference whose key now serves here too) and ``key_elsewhere``: the person has a key for other uses than this
    software's.

    ``expires_on``: the last day that the key bears on the ODA server; None records the school year's end.
    """

    trigger = Trigger.ISSUE_CODE
    code: Code | None = None
    extends: str | None = None
    key_elsewhere: bool = False
    expires_on: date | None = None
    new_key_confirmed: bool = False
    drawn: bool = False


@dataclass(frozen=True, kw_only=True)
class ReissueCode(OnRequest):
    """R42, R44. It settles the open reports to which a new code is the answer.

    Either ``code``, or ``drawn``: the one that was drawn for it, now on the server (R97).
    """

    trigger = Trigger.REISSUE_CODE
    reason: ReissueReason
    code: Code | None = None
    new_key_confirmed: bool = False
    drawn: bool = False


@dataclass(frozen=True, kw_only=True)
class TakeBackCode(OnRequest):
    """R62, R97. The code is not to leave: its mail still waits, or it was drawn and is not said to be on the server."""

    trigger = Trigger.TAKE_BACK_CODE


@dataclass(frozen=True, kw_only=True)
class OpenCode(OnRequest):
    """R112. The establishment reads the code on its page, once. ``method``: how who reads it has signed in."""

    trigger = Trigger.OPEN_CODE
    method: SignInMethod


@dataclass(frozen=True, kw_only=True)
class ConfirmHandover(OnRequest):
    """R31."""

    trigger = Trigger.CONFIRM_HANDOVER
    handed_on: date


@dataclass(frozen=True, kw_only=True)
class ConfirmExpiry(OnRequest):
    """R43. The key now bears ``expires_on`` on the ODA server; None means the school year's end."""

    trigger = Trigger.CONFIRM_EXPIRY
    expires_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class ReportChange(OnRequest):
    """R32."""

    trigger = Trigger.REPORT_CHANGE
    change: Change
    effective_on: date
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class SettleChange(OnRequest):
    """R46. ``report``: the report's number within the request; None when a single one can be settled.

    ``revoke_on``: the day of a dated revocation, and of no other settlement.
    """

    trigger = Trigger.SETTLE_CHANGE
    settlement: Settlement
    why: str
    report: int | None = None
    revoke_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class Amend(OnRequest):
    """R29. None leaves a value as it is."""

    trigger = Trigger.AMEND
    nom: str | None = None
    prenom: str | None = None
    mail: str | None = None
    drane_declared_on: date | None = None
    homonym_confirmed: bool = False
    mail_confirmed: bool = False


@dataclass(frozen=True, kw_only=True)
class TakeBack(OnRequest):
    """R29. A request that was sent goes back to be corrected, while nothing of it is checked."""

    trigger = Trigger.TAKE_BACK


@dataclass(frozen=True, kw_only=True)
class Withdraw(OnRequest):
    """R30."""

    trigger = Trigger.WITHDRAW
    reason: WithdrawReason
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Revoke(OnRequest):
    """R45. It settles the reports that are still open."""

    trigger = Trigger.REVOKE
    reason: RevokeReason
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Expire(OnRequest):
    """R50. Only the schedule says it."""

    trigger = Trigger.EXPIRE


@dataclass(frozen=True, kw_only=True)
class ConfirmRemoval(OnRequest):
    """R49."""

    trigger = Trigger.CONFIRM_REMOVAL
    outcome: RemovalOutcome
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class ReopenRemoval(OnRequest):
    """R49. What was confirmed is not so: the removal waits again."""

    trigger = Trigger.REOPEN_REMOVAL
    why: str


@dataclass(frozen=True, kw_only=True)
class Renew(OnRequest):
    """R33. ``school_year`` None takes the latest one that is open to a renewal."""

    trigger = Trigger.RENEW
    school_year: SchoolYear | None = None
    homonym_confirmed: bool = False
    mail_confirmed: bool = False


@dataclass(frozen=True, kw_only=True)
class AskQuestion(OnRequest):
    """R90. ``question``: the operator's words, which the establishment reads."""

    trigger = Trigger.ASK_QUESTION
    question: str


@dataclass(frozen=True, kw_only=True)
class AnswerQuestion(OnRequest):
    """R90."""

    trigger = Trigger.ANSWER_QUESTION
    answer: str


@dataclass(frozen=True, kw_only=True)
class SendToDrane(OnRequest):
    """R96. The rectorat has sent the RUPN to the DRANE, by default today and as the request is now.

    ``what`` and ``seen`` (``drane_digest``) are those of the file that was sent, when the request may have changed
    since it was made.
    """

    trigger = Trigger.SEND_TO_DRANE
    sent_on: date | None = None
    what: DraneStanding | None = None
    seen: str = ""


COMMANDS: dict[Trigger, type[Command]] = {
    command.trigger: command
    for command in (
        Declare, Delegate, SignCharter, Submit, CheckListing, CheckDelegation, SendBack, DrawCode, IssueCode,
        ReissueCode, TakeBackCode, OpenCode, ConfirmHandover, ConfirmExpiry, ReportChange, SettleChange, Amend,
        TakeBack, Withdraw, Revoke, Expire, ConfirmRemoval, ReopenRemoval, Renew, AskQuestion, AnswerQuestion,
        SendToDrane,
    )
}  # fmt: skip
