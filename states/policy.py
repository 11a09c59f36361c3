"""The settings on which the rules depend, as plain values."""

import re
from dataclasses import dataclass, field

from states.days import SchoolDays
from states.school_year import SchoolCalendar
from states.timetable import Timetable


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What an académie decides for itself; the defaults are those of ``config.yaml``.

    ``checks_max_age_days`` is in days (R36); ``code_format`` is matched against the whole code (R41).
    """

    calendar: SchoolCalendar
    deputy_may_act: bool = True
    four_eyes: bool = False
    checks_max_age_days: int = 30
    one_key_a_person: bool = True
    code_format: re.Pattern[str] = re.compile(r"[A-Za-z0-9]{4,16}")
    charter_version: str = "2026-1"
    drane_sent_by_us: bool = False
    days: SchoolDays = field(default_factory=SchoolDays)
    timetable: Timetable = field(default_factory=Timetable)
