"""The mails to the operators that follow from no single request: year end, brake, a clock, a mail that died."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from notifications.messages import planning as facts_of
from notifications.messages.catalogue import CATALOGUE
from notifications.messages.facts import (
    BrakeAlert,
    ClockAlert,
    DepartementCount,
    MailUndeliverable,
    Place,
    YearEndReport,
)
from notifications.messages.mail import Draft, Mail
from notifications.vocabulary import CODE_KINDS, LINK_KINDS, Audience, Kind
from states import french
from states.model import Establishment
from states.school_calendar import YearEnd


def year_end_report(
    operators: str,
    year_end: YearEnd,
    *,
    revoked: int,
    establishments: int,
    removals: int,
    questions: int,
    without_mailbox: Sequence[Establishment] = (),
    departements: Sequence[DepartementCount] = (),
) -> Draft:
    """The one mail to the operators at a year's end (R54), once a year.

    ``removals`` counts the rights to remove, ``questions`` the keys perhaps enabled (R47); ``departements`` says the
    same of each, for the report's table.
    """
    year = facts_of.year(year_end)
    return Draft(
        kind=Kind.YEAR_END_REPORT,
        audience=Audience.OPERATORS,
        recipient=operators,
        dedupe_key=f"year-end-report:{year.label}",
        context=YearEndReport(
            year=year,
            revoked=revoked,
            establishments=establishments,
            removals=removals,
            questions=questions,
            without_mailbox=tuple(facts_of.place(one) for one in without_mailbox),
            departements=tuple(departements),
        ),
    )


def brake_alert(operators: str, year_end: YearEnd, *, requests: int, why: str) -> Draft:
    """The alert of a year's end that was held back (R52), once for a year, its date and the reason.

    ``why`` is a French clause without a full stop, as a ``Hold`` bears it.
    """
    year = facts_of.year(year_end)
    return Draft(
        kind=Kind.BRAKE_ALERT,
        audience=Audience.OPERATORS,
        recipient=operators,
        dedupe_key=f"brake:{year.label}:{year.last_day.isoformat()}:{why}",
        context=BrakeAlert(year=year, requests=requests, why=why.rstrip(" .")),
    )


def clock_alert(operators: str, machine: str, skew: timedelta, since: datetime, timezone: tzinfo) -> Draft:
    """The alert of a machine that stopped acting, its clock being off (R82); at most one an hour of each machine.

    ``skew`` is positive when its clock is fast; ``since`` is the instant, aware UTC, by the database's clock.
    """
    return Draft(
        kind=Kind.CLOCK_ALERT,
        audience=Audience.OPERATORS,
        recipient=operators,
        dedupe_key=f"clock:{machine}:{since:%Y-%m-%dT%H}",
        context=ClockAlert(
            machine=machine,
            gap=french.span(abs(skew)),
            ahead=skew > timedelta(0),
            since=french.instant(since, timezone),
        ),
    )


def mail_dead_alert(operators: str, mail: Mail) -> Draft | None:
    """What the operators are told of a dead mail (R58); None for one of their own, so that no alert alerts.

    None for a sign-in link too: anybody may ask for one, and by then it is worth nothing (R72).
    """
    if mail.audience is Audience.OPERATORS or mail.kind in LINK_KINDS:
        return None
    return Draft(
        kind=Kind.MAIL_UNDELIVERABLE,
        audience=Audience.OPERATORS,
        recipient=operators,
        uai=mail.uai,
        reference=mail.reference,
        dedupe_key=f"undeliverable:{mail.id}:{mail.not_after.isoformat()}",
        context=MailUndeliverable(
            mail=mail.id,
            title=mail.title,
            establishment=_place_of(mail),
            reference=mail.reference,
            recipient=mail.recipient,
            fault=mail.fault.label if mail.fault else "",
            reply=mail.last_reply or "",
            code_lost=mail.kind in CODE_KINDS,
        ),
    )


def _place_of(mail: Mail) -> Place:
    """The establishment as the mail knew it; by its number alone when its facts cannot be read."""
    try:
        found: Place = CATALOGUE[mail.kind].decode(mail.context).establishment
    except ValueError:
        return Place(uai=mail.uai or "?", nom="l'établissement")
    return found
