"""The mails to the operators that follow from no single request: year end, brake, a clock, a mail that died."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any

from notifications.messages.catalogue import CATALOGUE
from notifications.messages.facts import (
    BrakeAlert,
    ClockAlert,
    DepartementCount,
    MailUndeliverable,
    Place,
    Year,
    YearEndReport,
)
from notifications.messages.mail import Draft, Mail
from notifications.vocabulary import CODE_KINDS, LINK_KINDS, Audience, Fault, Kind
from states import french
from states.model import Establishment
from states.school_calendar import YearEnd
from states.vocabulary import Labelled


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

    def no_mailbox_alert(self, lost: Draft) -> Draft:
        """The operators' task when an establishment has no mailbox: the mail ``lost`` has no recipient (R15)."""
        facts = MailUndeliverable(
            mail=None,
            title=lost.kind.label,
            establishment=lost.context.establishment,
            reference=lost.reference,
            recipient="",
            fault=Fault.NO_MAILBOX.label,
            code_lost=lost.kind in CODE_KINDS,
        )
        dedupe_key = f"{lost.dedupe_key}:no-mailbox" if lost.dedupe_key else None
        return self._draft(Kind.MAIL_UNDELIVERABLE, dedupe_key, facts, lost, about=lost)

    def dead_mail_alert(self, mail: Mail) -> Draft | None:
        """The alert of a dead mail (R58); None for one to the operators, so that no alert follows an alert.

        None for a sign-in link too: anybody may ask for one, and by then it is worth nothing (R72).
        """
        if mail.audience is Audience.OPERATORS or mail.kind in LINK_KINDS:
            return None
        try:
            establishment: Place = CATALOGUE[mail.kind].decode(mail.context).establishment
        except ValueError:  # its facts cannot be read: the establishment by its number alone
            establishment = Place(uai=mail.uai or "?", nom="l'établissement")
        facts = MailUndeliverable(
            mail=mail.id,
            title=mail.title,
            establishment=establishment,
            reference=mail.reference,
            recipient=mail.recipient,
            fault=mail.fault.label if mail.fault else "",
            reply=mail.last_reply or "",
            code_lost=mail.kind in CODE_KINDS,
        )
        dedupe_key = f"undeliverable:{mail.id}:{mail.not_after.isoformat()}"
        return self._draft(Kind.MAIL_UNDELIVERABLE, dedupe_key, facts, mail)

    def _draft(
        self, kind: Kind, dedupe_key: str | None, facts: Any, mail: Mail | Draft | None = None,
        *, about: Draft | None = None,
    ) -> Draft:  # fmt: skip
        return Draft(
            kind=kind, audience=Audience.OPERATORS, recipient=self.mailbox, dedupe_key=dedupe_key, context=facts,
            uai=mail.uai if mail else None, reference=mail.reference if mail else None, about=about,
        )  # fmt: skip
