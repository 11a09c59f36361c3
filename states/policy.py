"""The settings on which the rules depend, as plain values."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from states.school_calendar import SchoolCalendar, SchoolDays
from states.validation import MailDomains

MonthDay = tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Timetable:
    """Times at which the software writes of its own accord (R78 to R81); delays are in days.

    ``hour``: the académie's hour from which a day's mails leave. ``notices`` count back from a year's last day (R78).
    ``stalled`` and ``handover`` count from the day on which a request came to its state, or its code left: one reminder
    for each, no more (R79). ``invite_on`` is the day of the invitation to renew, None for a
    week after the campaign opens (R81). ``removals_late``: the delay
    after which an open removal is late (R80).
    """

    hour: int = 8
    notices: tuple[int, ...] = (30, 7)
    stalled: tuple[int, ...] = (7, 14, 30)
    handover: tuple[int, ...] = (5, 12, 25)
    invite_on: MonthDay | None = None
    removals_late: int = 15


LONGEST_CODE: Final = 64
"""Characters; a longer text is matched against no form (R41)."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Settings that an académie chooses; the defaults are those of ``config.yaml``.

    ``stand_in_days``: how long an operator who could act in an establishment's stead counts as acting for it (R6);
    ``mailbox_hold``: how long no code leaves for a mailbox that he set (R14); ``most_live_requests`` is of one
    establishment (R18); ``checks_max_age_days`` is in days (R36); ``key_has_other_uses``: a key may serve other
    applications, so that its rights are removed and not itself (R48); ``code_format`` is matched against the whole code
    (R41), and ``code_example`` says it to people; ``draws_codes``: the software draws them (R97);
    ``code_by_link``: a code is read on its page, and goes by no mail (R112); ``code_hold``: how long a code that was
    just typed may be taken back (R62); ``mail_domains`` are those of a professional address (R16);
    ``delegation_applications`` are the folded names of the application delegated, as a list of delegations may write it
    (R94).
    """

    calendar: SchoolCalendar
    deputy_may_act: bool = True
    four_eyes: bool = False
    stand_in_days: int = 30
    mailbox_hold: timedelta = timedelta(hours=24)
    most_live_requests: int = 200
    checks_max_age_days: int = 30
    one_key_a_person: bool = True
    key_has_other_uses: bool = True
    code_format: re.Pattern[str] = re.compile(r"[A-Za-z0-9]{4,16}")
    code_example: str = "4 à 16 lettres et chiffres, par exemple K7m4Rt9x"
    draws_codes: bool = False
    code_by_link: bool = False
    code_hold: timedelta = timedelta(seconds=60)
    charter_version: str = "2026-1"
    drane_sent_by_us: bool = False
    delegation_applications: frozenset[str] = frozenset()
    mail_domains: MailDomains = field(default_factory=MailDomains)
    days: SchoolDays = field(default_factory=SchoolDays)
    timetable: Timetable = field(default_factory=Timetable)
