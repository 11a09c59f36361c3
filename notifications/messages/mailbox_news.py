"""The mails of a mailbox that has become another: to those who read the former one, and to every operator (R14)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from notifications.messages.facts import MailboxChanged, MailboxToConfirm, Place
from notifications.messages.mail import Draft
from notifications.vocabulary import Audience, Kind
from states import french
from states.validation import fold_mail


@dataclass(frozen=True, kw_only=True, slots=True)
class MailboxNews:
    """The change of an establishment's mailbox by an operator.

    ``codes_from``: the instant from which a code may leave for it without a second operator; None when it may at once.
    """

    place: Place
    before: str | None
    after: str | None
    operator: str
    why: str
    at: datetime
    codes_from: datetime | None

    def drafts(self, operators: Iterable[str], timezone: tzinfo) -> list[Draft]:
        """The mails, one to each of the operators' addresses."""
        told = {fold_mail(address): address for address in operators}
        at = french.instant(self.at, timezone)
        codes_from = french.instant(self.codes_from, timezone) if self.codes_from else ""
        to_confirm = MailboxToConfirm(
            establishment=self.place, before=self.before or "", after=self.after or "", operator=self.operator,
            why=self.why, at=at, codes_from=codes_from,
        )  # fmt: skip
        drafts = [
            Draft(
                kind=Kind.MAILBOX_TO_CONFIRM, audience=Audience.OPERATORS, recipient=address, context=to_confirm,
                dedupe_key=f"mailbox:{self.place.uai}:{self.at.isoformat()}:{folded}",
            )
            for folded, address in told.items()
        ]  # fmt: skip
        if self.before:
            changed = MailboxChanged(establishment=self.place, before=self.before, after=self.after or "", at=at)
            drafts.append(
                Draft(
                    kind=Kind.MAILBOX_CHANGED, audience=Audience.ESTABLISHMENT, recipient=self.before, context=changed,
                    uai=self.place.uai,
                )
            )  # fmt: skip
        return drafts
