"""The rules' policy, read from the settings."""

import re

from states.policy import Policy
from states.timetable import Timetable
from workflow.settings import Settings
from workflow.settings.dates import month_day


def policy_of(settings: Settings) -> Policy:
    """What this académie has decided, as the rules read it."""
    return Policy(
        calendar=settings.calendar(),
        deputy_may_act=settings.people.deputy_may_act,
        four_eyes=settings.four_eyes,
        checks_max_age_days=settings.checks.max_age_days,
        one_key_a_person=settings.key.scope == "person",
        code_format=re.compile(settings.code.format),
        charter_version=settings.charter.version,
        drane_sent_by_us=settings.drane.declaration == "sent_by_us",
        days=settings.school_days(),
        timetable=timetable_of(settings),
    )


def timetable_of(settings: Settings) -> Timetable:
    """When this académie has us write of our own accord (R78 to R81)."""
    return Timetable(
        hour=settings.reminders.hour,
        notices=settings.school_year.notices,
        stalled=settings.reminders.stalled_after_days,
        handover=settings.reminders.handover_after_days,
        invite_on=month_day(settings.campaign.invite_on),
        removals_late=settings.removals.late_after_days,
    )
