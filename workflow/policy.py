"""The rules' policy, read from the settings."""

import re

from states.policy import Policy
from workflow.settings import Settings


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
    )
