"""Which mails follow from what was accepted (R55): pure, the catalogue of who is told what as one table."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from notifications import facts_of
from notifications.contexts import Ended, MailUndeliverable, YearEnded
from notifications.facts_of import Fact
from notifications.mail import Draft
from notifications.surroundings import Surroundings
from notifications.vocabulary import CODE_KINDS, Audience, Fault, Kind
from states.case import OpenRemoval
from states.facts import Request
from states.happening import Happening
from states.school_year import SchoolYear
from states.vocabulary import Trigger

Facts = Callable[[Happening, Surroundings], Any]

TO_ESTABLISHMENT: Final[dict[Trigger, tuple[Kind, Facts]]] = {
    Trigger.DECLARE: (Kind.DECLARED, facts_of.declared),
    Trigger.RENEW: (Kind.DECLARED, facts_of.declared),
    Trigger.DELEGATE: (Kind.DELEGATED, facts_of.delegated),
    Trigger.SIGN_CHARTER: (Kind.CHARTER_SIGNED, facts_of.charter_signed),
    Trigger.SUBMIT: (Kind.SUBMITTED, facts_of.submitted),
    Trigger.SEND_BACK: (Kind.SENT_BACK, facts_of.sent_back),
    Trigger.REISSUE_CODE: (Kind.CODE_REISSUED, facts_of.code_reissued),
    Trigger.REPORT_CHANGE: (Kind.CHANGE_REPORTED, facts_of.change_reported),
    Trigger.WITHDRAW: (Kind.WITHDRAWN, facts_of.withdrawn),
    Trigger.REVOKE: (Kind.REVOKED, facts_of.revoked),
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
            facts: Facts = facts_of.key_extended if request.extends else facts_of.code_issued
        else:
            kind, facts = TO_ESTABLISHMENT.get(trigger, (None, facts_of.declared))
        if kind:
            yield from self._to_establishment(happening, kind, facts(happening, self.here))
        if trigger is Trigger.SUBMIT:
            yield self._to_operators(happening, Kind.NEW_REQUEST, facts_of.new_request)
        elif trigger is Trigger.REPORT_CHANGE:
            yield self._to_operators(happening, Kind.CHANGE_TO_HANDLE, facts_of.change_to_handle)
        elif any(isinstance(effect, OpenRemoval) for effect in happening.decision.effects):
            yield self._to_operators(happening, Kind.REMOVAL_TASK, facts_of.removal_task)

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
                establishment=facts_of.place(first.establishment),
                year=facts_of.year(first.year_end),
                rupns=tuple(ended(happening.decision.request) for happening in together),
            ),
        )


def ended(request: Request) -> Ended:
    """One RUPN among those of a year that ends."""
    return Ended(
        rupn=facts_of.person(request),
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
