"""Which mails follow from what was accepted (R55): pure, the catalogue of who is told what as one table."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from notifications.messages import facts as c
from notifications.messages.catalogue import Surroundings
from notifications.messages.facts import Ended, MailUndeliverable, YearEnded
from notifications.messages.mail import Draft
from notifications.vocabulary import CODE_KINDS, Audience, Fault, Kind, member
from states.decision import Happening, OpenRemoval, OpenReport
from states.model import Establishment, Report, Request
from states.rules.revocation import holders
from states.school_calendar import SchoolYear, YearEnd
from states.vocabulary import ReissueReason, RemovalKind, RevokeReason, Role, Step, Trigger, WithdrawReason

# The frozen facts of each mail, taken from what happened.


Fact = Any


def place(establishment: Establishment) -> c.Place:
    return c.Place(uai=establishment.uai, nom=establishment.nom, commune=establishment.commune)


def person(request: Request) -> c.Person:
    return c.Person(nom=request.nom, prenom=request.prenom, mail=request.mail)


@lru_cache(maxsize=32)
def year(end: YearEnd) -> c.Year:
    return c.Year(label=str(end.school_year), last_day=end.last_day, is_default=end.is_default)


def _step(happening: Happening) -> dict[str, Any]:
    """What every mail about one request says."""
    request = happening.request
    return {
        "reference": request.reference,
        "establishment": place(happening.establishment),
        "rupn": person(request),
        "year": year(happening.year_end),
        "by_operator": happening.actor.role is Role.OPERATOR,
    }


def declared(happening: Happening, _: Surroundings) -> c.Declared:
    request = happening.request
    return c.Declared(**_step(happening), drane_declared_on=request.drane_declared_on, renews=request.renews)


def delegated(happening: Happening, here: Surroundings) -> c.Delegated:
    day = happening.request.delegated_on or here.day_of(happening.at)
    return c.Delegated(**_step(happening), delegated_on=day)


def charter_signed(happening: Happening, here: Surroundings) -> c.CharterSigned:
    request = happening.request
    return c.CharterSigned(
        **_step(happening),
        signed_on=request.charter_signed_on or here.day_of(happening.at),
        version=request.charter_version or here.charter_version,
    )


def submitted(happening: Happening, here: Surroundings) -> c.Submitted:
    declared_on = happening.request.drane_declared_on
    return c.Submitted(**_step(happening), submitted_on=here.day_of(happening.at), drane_declared_on=declared_on)


def sent_back(happening: Happening, _: Surroundings) -> c.SentBack:
    decision = happening.decision
    return c.SentBack(
        **_step(happening), step=member(Step, str(decision.data["step"])), why=decision.notes.get("why", "")
    )


def code_issued(happening: Happening, here: Surroundings) -> c.CodeIssued:
    return c.CodeIssued(
        **_step(happening),
        issued_on=here.day_of(happening.at),
        expires_on=happening.request.expires_on or happening.year_end.last_day,
    )


def code_reissued(happening: Happening, here: Surroundings) -> c.CodeReissued:
    return c.CodeReissued(
        **_step(happening),
        issued_on=here.day_of(happening.at),
        expires_on=happening.request.expires_on or happening.year_end.last_day,
        reason=member(ReissueReason, str(happening.decision.data["reason"])),
    )


def key_extended(happening: Happening, _: Surroundings) -> c.KeyExtended:
    return c.KeyExtended(**_step(happening), expires_on=happening.request.expires_on or happening.year_end.last_day)


def _report(happening: Happening) -> Report:
    return next(effect.report for effect in happening.decision.effects if isinstance(effect, OpenReport))


def change_reported(happening: Happening, here: Surroundings) -> c.ChangeReported:
    report = _report(happening)
    return c.ChangeReported(
        **_step(happening),
        change=report.change,
        effective_on=report.effective_on,
        is_due=report.effective_on <= here.day_of(happening.at),
        delegated=happening.request.delegated_on is not None,
    )


def change_to_handle(happening: Happening, here: Surroundings) -> c.ChangeToHandle:
    report = _report(happening)
    return c.ChangeToHandle(
        **_step(happening),
        number=report.number,
        change=report.change,
        effective_on=report.effective_on,
        is_due=report.effective_on <= here.day_of(happening.at),
        state=happening.request.state,
        note=happening.decision.notes.get("note", ""),
    )


def withdrawn(happening: Happening, _: Surroundings) -> c.Withdrawn:
    decision = happening.decision
    return c.Withdrawn(
        **_step(happening),
        reason=member(WithdrawReason, str(decision.data["reason"])),
        note=decision.notes.get("note", ""),
        delegated=happening.request.delegated_on is not None,
    )


def revoked(happening: Happening, _: Surroundings) -> c.Revoked:
    decision, request = happening.decision, happening.request
    return c.Revoked(
        **_step(happening),
        reason=member(RevokeReason, str(decision.data["reason"])),
        note=decision.notes.get("note", ""),
        had_key=request.has_key,
        delegated=request.delegated_on is not None,
    )


def new_request(happening: Happening, here: Surroundings) -> c.NewRequest:
    others = tuple(sorted(other.reference for other in happening.others if other.is_live))
    return c.NewRequest(**_step(happening), submitted_on=here.day_of(happening.at), others=others)


def removal_task(happening: Happening, here: Surroundings) -> c.RemovalTask:
    decision = happening.decision
    withdrawal = decision.trigger is Trigger.WITHDRAW
    reason = str(decision.data["reason"])
    keeping = holders(happening.others, one_key_a_person=here.one_key_a_person)
    return c.RemovalTask(
        **_step(happening),
        task=_removal_kind(happening),
        why=(member(WithdrawReason, reason) if withdrawal else member(RevokeReason, reason)).label,
        note=decision.notes.get("note", ""),
        kept_for=tuple(sorted(other.reference for other in keeping)),
    )


def _removal_kind(happening: Happening) -> RemovalKind:
    return next(effect.kind for effect in happening.decision.effects if isinstance(effect, OpenRemoval))


Facts = Callable[[Happening, Surroundings], Any]


TO_ESTABLISHMENT: Final[dict[Trigger, tuple[Kind, Facts]]] = {
    Trigger.DECLARE: (Kind.DECLARED, declared),
    Trigger.RENEW: (Kind.DECLARED, declared),
    Trigger.DELEGATE: (Kind.DELEGATED, delegated),
    Trigger.SIGN_CHARTER: (Kind.CHARTER_SIGNED, charter_signed),
    Trigger.SUBMIT: (Kind.SUBMITTED, submitted),
    Trigger.SEND_BACK: (Kind.SENT_BACK, sent_back),
    Trigger.REISSUE_CODE: (Kind.CODE_REISSUED, code_reissued),
    Trigger.REPORT_CHANGE: (Kind.CHANGE_REPORTED, change_reported),
    Trigger.WITHDRAW: (Kind.WITHDRAWN, withdrawn),
    Trigger.REVOKE: (Kind.REVOKED, revoked),
}
"""What the establishment is told of each trigger; of an issue and of a year's end, see below."""


@dataclass(frozen=True, slots=True)
class Planner:
    """Draws up drafts. ``operators`` is the operators' mailbox."""

    operators: str
    here: Surroundings

    def drafts(self, happenings: Iterable[Happening]) -> list[Draft]:
        """The mails of these happenings, in their order; expirations come last, one mail an establishment (R54)."""
        drafts: list[Draft] = []
        ending: dict[tuple[str, SchoolYear], list[Happening]] = {}
        for happening in happenings:
            if happening.decision.trigger is Trigger.EXPIRE:
                request = happening.decision.request
                ending.setdefault((request.uai, request.school_year), []).append(happening)
            else:
                drafts.extend(self._of(happening))
        drafts.extend(self._year_ended(together) for together in ending.values())
        return drafts

    def _of(self, happening: Happening) -> Iterator[Draft]:
        trigger, request = happening.decision.trigger, happening.request
        if trigger is Trigger.ISSUE_CODE:
            kind: Kind | None = Kind.KEY_EXTENDED if request.extends else Kind.CODE_ISSUED
            facts: Facts = key_extended if request.extends else code_issued
        else:
            kind, facts = TO_ESTABLISHMENT.get(trigger, (None, declared))
        if kind:
            yield from self._to_establishment(happening, kind, facts(happening, self.here))
        if trigger is Trigger.SUBMIT:
            yield self._to_operators(happening, Kind.NEW_REQUEST, new_request)
        elif trigger is Trigger.REPORT_CHANGE:
            yield self._to_operators(happening, Kind.CHANGE_TO_HANDLE, change_to_handle)
        elif any(isinstance(effect, OpenRemoval) for effect in happening.decision.effects):
            yield self._to_operators(happening, Kind.REMOVAL_TASK, removal_task)

    def _to_establishment(self, happening: Happening, kind: Kind, facts: Fact) -> Iterator[Draft]:
        mailbox = happening.establishment.mailbox or ""
        uai, reference = happening.request.uai, happening.request.reference
        draft = Draft(kind=kind, audience=Audience.ESTABLISHMENT, recipient=mailbox, context=facts, uai=uai,
                      reference=reference)  # fmt: skip
        yield draft
        if not mailbox:
            yield not_written(self.operators, draft)

    def _to_operators(self, happening: Happening, kind: Kind, facts: Facts) -> Draft:
        request = happening.request
        return Draft(kind=kind, audience=Audience.OPERATORS, recipient=self.operators,
                     context=facts(happening, self.here), uai=request.uai, reference=request.reference)  # fmt: skip

    def _year_ended(self, together: list[Happening]) -> Draft:
        first = together[0]
        return Draft(
            kind=Kind.YEAR_END,
            audience=Audience.ESTABLISHMENT,
            recipient=first.establishment.mailbox or "",
            uai=first.request.uai,
            context=YearEnded(
                establishment=place(first.establishment),
                year=year(first.year_end),
                rupns=tuple(ended(happening.decision.request) for happening in together),
            ),
        )


def ended(request: Request) -> Ended:
    """One RUPN among those of a year that ends."""
    return Ended(
        rupn=person(request),
        reference=request.reference,
        had_key=request.has_key,
        delegated=request.delegated_on is not None,
    )


def not_written(operators: str, lost: Draft) -> Draft:
    """The operators' task when an establishment cannot be written to: the mail ``lost`` has no recipient (R15)."""
    return Draft(
        kind=Kind.MAIL_UNDELIVERABLE,
        audience=Audience.OPERATORS,
        recipient=operators,
        uai=lost.uai,
        reference=lost.reference,
        dedupe_key=f"{lost.dedupe_key}:no-mailbox" if lost.dedupe_key else None,
        about=lost,
        context=MailUndeliverable(
            mail=None,
            title=lost.kind.label,
            establishment=lost.context.establishment,
            reference=lost.reference,
            recipient="",
            fault=Fault.NO_MAILBOX.label,
            code_lost=lost.kind in CODE_KINDS,
        ),
    )
