"""Mails that follow from no single request: year end, brake, a clock, a mail that died, another mailbox (R14)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Final

from notifications.messages.catalogue import CATALOGUE
from notifications.messages.facts import (
    UNKNOWN_UAI,
    BrakeAlert,
    ClockAlert,
    DepartementCount,
    JournalSealed,
    LostMail,
    MailboxChanged,
    MailboxToConfirm,
    MailUndeliverable,
    Place,
    WebhookFailing,
    Year,
    YearEndReport,
)
from notifications.vocabulary import CODE_KINDS, LINK_KINDS, Audience, Draft, Fault, Kind, Mail
from states import french
from states.model import Establishment
from states.school_calendar import YearEnd
from states.validation import fold_mail
from states.vocabulary import Labelled

_NAMED: Final = 100
"""The most other mails that an alert names: the list on the portal has them all."""


@dataclass(frozen=True, slots=True)
class OperatorReports:
    """Draws up these drafts, to the operators' ``mailbox``; ``timezone`` is the académie's."""

    mailbox: str
    timezone: tzinfo

    def year_end_report(
        self,
        year_end: YearEnd,
        *,
        revoked: int,
        establishments: int,
        removals: int,
        questions: int,
        without_mailbox: Sequence[Establishment] = (),
        departements: Sequence[DepartementCount] = (),
    ) -> Draft:
        """The report of a year's end (R54), once a year.

        ``removals`` counts the rights to remove, ``questions`` the keys perhaps enabled (R47); ``departements`` counts
        the same of each, for the report's table.
        """
        year = Year.of(year_end)
        facts = YearEndReport(
            year=year,
            revoked=revoked,
            establishments=establishments,
            removals=removals,
            questions=questions,
            without_mailbox=tuple(Place.of(establishment) for establishment in without_mailbox),
            departements=tuple(departements),
        )
        return self._draft(Kind.YEAR_END_REPORT, f"year-end-report:{year.label}", facts)

    def brake_alert(self, year_end: YearEnd, *, requests: int, why: str) -> Draft:
        """The alert of a year's end that was held back (R52), once for a year, its date and the reason.

        ``why`` is a French clause without a full stop, as a ``Hold`` bears it.
        """
        year = Year.of(year_end)
        facts = BrakeAlert(year=year, requests=requests, why=why.rstrip(" ."))
        return self._draft(Kind.BRAKE_ALERT, f"brake:{year.label}:{year.last_day.isoformat()}:{why}", facts)

    def clock_alert(self, machine: str, skew: timedelta, since: datetime) -> Draft:
        """The alert of a machine that stopped acting, its clock being off (R82); at most one an hour of each machine.

        ``skew`` is positive when its clock is fast; ``since`` is the instant, aware UTC, by the database's clock.
        """
        facts = ClockAlert(
            machine=machine,
            gap=french.span(abs(skew)),
            ahead=skew > timedelta(0),
            since=french.instant(since, self.timezone),
        )
        return self._draft(Kind.CLOCK_ALERT, f"clock:{machine}:{since:%Y-%m-%dT%H}", facts)

    def clock_doubt(self, machine: str, why: Labelled, now: datetime, known: datetime) -> Draft:
        """The alert of a clock that is not believed (R52), once for its reason and the last sign of life, ``known``.

        ``now`` is that clock's instant. The mail may leave whichever of the two is right.
        """
        facts = ClockAlert(
            machine=machine,
            gap=french.span(abs(now - known)),
            ahead=now > known,
            since=french.instant(now, self.timezone),
            why=why.label,
        )
        draft = self._draft(Kind.CLOCK_ALERT, f"clock:{why.value}:{known:%Y-%m-%dT%H}", facts)
        return replace(draft, not_after=max(now, known) + CATALOGUE[Kind.CLOCK_ALERT].lifetime)

    def webhook_alert(self, endpoint: str, *, is_gone: bool, why: str, since: datetime | None, now: datetime) -> Draft:
        """The alert of another system that is told no more (R118): one a cause and a day for each."""
        facts = WebhookFailing(
            endpoint=endpoint, gone=is_gone, why=why.rstrip(" .") or "il n'a pas répondu à temps",
            since=french.instant(since, self.timezone) if since else "",
        )  # fmt: skip
        cause = "gone" if is_gone else "given-up"
        key = f"webhook:{endpoint}:{cause}:{now.astimezone(self.timezone):%Y-%m-%d}"
        return self._draft(Kind.WEBHOOK_FAILING, key, facts)

    def journal_seal(
        self, mailbox: str, *, number: int, day: date, chains: int, changed: int, lines: Sequence[str], new_key: bool
    ) -> Draft:
        """The seal of a day, to the mailbox that keeps seals, which is no operator's (R109)."""
        facts = JournalSealed(
            number=number, sealed_on=day, chains=chains, changed=changed, lines=tuple(lines), new_key=new_key
        )
        return replace(self._draft(Kind.JOURNAL_SEAL, seal_key(number), facts), recipient=mailbox)

    def dead_mails_key(self, fault: Fault, now: datetime) -> str:
        """The dedupe key of a day's alert: one a cause (R58)."""
        return f"undeliverable:{fault.value}:{now.astimezone(self.timezone):%Y-%m-%d}"

    def dead_mails_alert(self, fault: Fault, mails: Sequence[Mail], now: datetime) -> Draft:
        """The alert of the mails that one cause has stopped, those that carried a code first (R15, R58)."""
        ordered = sorted(mails, key=lambda mail: (mail.kind not in CODE_KINDS, mail.id))
        first, codes = ordered[0], sum(mail.kind in CODE_KINDS for mail in mails)
        facts = MailUndeliverable(
            mail=first.id,
            title=first.title,
            establishment=_place_of(first),
            reference=first.reference,
            recipient=first.recipient,
            fault=fault.label,
            reply=first.last_reply or "",
            code_lost=first.kind in CODE_KINDS,
            cause=fault.value,
            count=len(mails),
            others=tuple(
                LostMail(
                    mail=mail.id, title=mail.title, establishment=_place_of(mail).full, reference=mail.reference,
                    code_lost=mail.kind in CODE_KINDS,
                )
                for mail in ordered[1 : _NAMED + 1]
            ),
            codes_lost=codes,
            same_mailbox=bool(first.recipient) and {mail.recipient for mail in mails} == {first.recipient},
        )  # fmt: skip
        return self._draft(
            Kind.MAIL_UNDELIVERABLE, self.dead_mails_key(fault, now), facts, first if len(mails) == 1 else None
        )

    def _draft(self, kind: Kind, dedupe_key: str | None, facts: Any, mail: Mail | None = None) -> Draft:
        return Draft(
            kind=kind, audience=Audience.OPERATORS, recipient=self.mailbox, dedupe_key=dedupe_key, context=facts,
            uai=mail.uai if mail else None, reference=mail.reference if mail else None,
        )  # fmt: skip


def seal_key(number: int) -> str:
    """The dedupe key of a seal's mail, by which its stage is found."""
    return f"journal-seal:{number}"


def is_to_report(mail: Mail) -> bool:
    """Return True for a dead mail of which the operators are told by an alert of its own cause (R58).

    Not one to themselves, so that no alert follows an alert; not a sign-in link, which anybody may ask for and which by
    then is worth nothing (R72); not a year's end without a mailbox, which its report names (R54); not the news of its
    end to a former mailbox, which had often stopped working (R14).
    """
    is_in_year_end_report = mail.kind is Kind.YEAR_END and mail.fault is Fault.NO_MAILBOX
    is_untold = mail.kind in (*LINK_KINDS, Kind.MAILBOX_CHANGED)
    return mail.audience is Audience.ESTABLISHMENT and not is_untold and not is_in_year_end_report


@dataclass(frozen=True, kw_only=True, slots=True)
class MailboxNews:
    """The change of an establishment's mailbox by an operator.

    ``codes_from``: the instant from which a code may leave for it without a second operator; None when it may at once.
    ``tells_operators``: False of what comes after many others, which only its former mailbox is told.
    """

    place: Place
    before: str | None
    after: str | None
    operator: str
    why: str
    at: datetime
    codes_from: datetime | None
    tells_operators: bool = True

    def drafts(self, operators: Iterable[str], timezone: tzinfo) -> list[Draft]:
        """The mails, one to each of the operators' addresses."""
        told = {fold_mail(address): address for address in operators if self.tells_operators}
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


def _place_of(mail: Mail) -> Place:
    try:
        place: Place = CATALOGUE[mail.kind].decode(mail.context).establishment
    except ValueError:  # its facts cannot be read: the establishment by its number alone
        return Place(uai=mail.uai or UNKNOWN_UAI, nom="l'établissement")
    return place
