"""Situations of every kind for Hypothesis: the usual one of a trigger with anything in it replaced, even absurdly."""

from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from states import vocabulary as v
from states.commands import Code, Command
from states.model import (
    Actor,
    Check,
    Establishment,
    Facts,
    LastEvent,
    OnBehalf,
    Policy,
    Removal,
    Report,
    Request,
    StandIn,
)
from states.school_calendar import EndRule, SchoolYear
from tests.kit import factories as f

quick = settings(deadline=None, max_examples=150, database=None, suppress_health_check=[HealthCheck.too_slow])
thorough = settings(quick, max_examples=400)

PERSONAL = ("Zyzzyva", "Quetzalcóatl", "zyzzyva@ac-toulouse.fr", "Motif-Xylophone", "Wôlof Kwakiutl")
WEIRD = ("", " ", "x" * 1200, "Zyz\nzyva", "\u202eZyzzyva", "<Zyzzyva>", "李")
BROKEN = "Zyz\udce9"
"""What a wrongly decoded terminal gives; no database can hold it, so no fact bears it."""
CODES = (f.CODE, "Secret4Ever", "???secret???", "")

Anything = st.SearchStrategy[Any]


@dataclass(frozen=True, kw_only=True)
class Situation:
    facts: Facts
    command: Command
    actor: Actor
    now: datetime
    policy: Policy


def optional(values: Anything) -> Anything:
    return st.none() | values


days = st.dates(date(2019, 1, 1), date(2032, 12, 31))
instants = st.datetimes(datetime(2019, 1, 1), datetime(2032, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
known = st.sampled_from(PERSONAL + WEIRD)
typed = known | st.just(BROKEN) | st.text(max_size=12)
years = st.integers(2018, 2033).map(SchoolYear)
uais = st.sampled_from((f.UAI, f.OTHER_UAI, "0310001A", ""))
references = st.sampled_from((f.REFERENCE, "ODA-2027-00077", "ODA-2026-00001"))
asked_references = references | st.just("Zyzzyva")
checks = st.builds(Check, st.sampled_from(v.CheckOutcome), known, days, st.sampled_from(("", "seen")))
removals = st.builds(Removal, st.sampled_from(v.RemovalKind), optional(st.sampled_from(v.RemovalOutcome)))
behalfs = st.builds(OnBehalf, who=typed, how=st.sampled_from(v.RequestedBy), when=typed | days.map(str))
reports = st.builds(
    Report, number=st.integers(1, 4), change=st.sampled_from(v.Change), effective_on=days, reported_at=instants,
    settlement=optional(st.sampled_from(v.Settlement)), settled_at=optional(instants),
)  # fmt: skip
requests = st.builds(
    Request, reference=references, uai=uais, school_year=years, state=st.sampled_from(v.State),
    version=st.integers(0, 9), nom=known, prenom=known, mail=known, chef_name=known, delegation_why=known,
    drane_declared_on=optional(days), delegated_on=optional(days), charter_signed_on=optional(days),
    charter_version=optional(known), listing=optional(checks), delegation=optional(checks),
    code_issued_at=optional(instants), extends=optional(references), expires_on=optional(days),
    handed_on=optional(days), renews=optional(references), acted_on_behalf=st.frozensets(st.integers(0, 12)),
    issued_by=optional(st.integers(0, 12)), key_possible=st.booleans(),
)  # fmt: skip
stand_ins = st.builds(
    StandIn, kind=st.sampled_from(v.StandInKind), operator=st.integers(0, 12), label=st.just("op@ac-toulouse.fr"),
    since=instants, until=optional(instants), confirmed_at=optional(instants),
)  # fmt: skip
establishments = st.builds(
    Establishment, uai=uais, nom=known, is_open=st.booleans(), mailbox=optional(known),
    stand_ins=st.lists(stand_ins, max_size=2).map(tuple),
)  # fmt: skip

FACTS: dict[str, Anything] = {
    "establishment": optional(establishments),
    "request": optional(requests),
    "others": st.lists(requests, max_size=3).map(tuple),
    "shared_mailboxes": st.frozensets(known, max_size=2),
    "reports": st.lists(reports, max_size=3).map(tuple),
    "removal": optional(removals),
    "last": optional(st.builds(LastEvent, st.sampled_from(v.Trigger), known, st.sampled_from(v.Role), instants)),
    "live_requests": st.integers(0, 300),
    "code_fate": st.sampled_from(v.CodeStatus),
    "extended": optional(requests),
    "extended_removal": optional(removals),
    "extended_reports": st.lists(reports, max_size=2).map(tuple),
}
COMMAND: dict[str, Anything] = {
    "expected_version": optional(st.integers(0, 9)), "on_behalf": optional(behalfs), "reference": asked_references,
    "uai": uais | typed, "nom": typed, "prenom": typed, "mail": typed, "school_year": optional(years),
    "drane_declared_on": optional(days), "homonym_confirmed": st.booleans(),
    "mail_confirmed": st.booleans(), "why": typed, "made_on": days,
    "signed_on": days, "version": typed, "copy_kept": st.booleans(), "outcome": st.nothing(), "source": typed,
    "checked_on": optional(days), "step": st.sampled_from(v.Step), "extends": optional(asked_references),
    "code": st.sampled_from(CODES).map(lambda clear: Code(clear=clear)), "expires_on": optional(days),
    "new_key_confirmed": st.booleans(), "reason": st.nothing(), "handed_on": days, "note": typed,
    "change": st.sampled_from(v.Change), "effective_on": days, "settlement": st.sampled_from(v.Settlement),
    "report": optional(st.integers(0, 4)),
}  # fmt: skip
ACTOR: dict[str, Anything] = {
    "role": st.sampled_from(v.Role),
    "number": st.integers(0, 12),
    "label": known,
    "name": known,
    "establishments": st.frozensets(uais),
    "channel": st.sampled_from(v.Channel),
}
CALENDARS = st.sampled_from(
    (
        f.calendar(),
        f.calendar(timezone=ZoneInfo("Indian/Reunion")),
        f.calendar(rule=EndRule.FIXED_DAY, fixed_day=(9, 30)),
        f.calendar(rule=EndRule.SUMMER_START, summer_starts={f.YEAR: date(2027, 7, 3)}, campaign_opens=(9, 1)),
    )
)
POLICY: dict[str, Anything] = {
    "calendar": CALENDARS,
    "deputy_may_act": st.booleans(),
    "four_eyes": st.booleans(),
    "checks_max_age_days": st.integers(0, 400),
    "one_key_a_person": st.booleans(),
    "charter_version": known,
    "drane_sent_by_us": st.booleans(),
}


def replaced(draw: st.DrawFn, base: Any, values: dict[str, Anything], at_most: int) -> Any:
    """``base`` with some of its fields drawn anew; enumerated fields without a strategy take another member."""
    names = [field.name for field in fields(base) if field.name in values]
    chosen = draw(st.lists(st.sampled_from(names), max_size=at_most, unique=True))
    drawn = {}
    for name in chosen:
        choices = values[name]
        drawn[name] = draw(st.sampled_from(type(getattr(base, name))) if choices.is_empty else choices)
    return replace(base, **drawn)


@st.composite
def situations(draw: st.DrawFn, trigger: v.Trigger | None = None) -> Situation:
    """The usual situation of a trigger, with none, a few or all of its parts replaced."""
    name = trigger or draw(st.sampled_from(v.Trigger))
    much = draw(st.sampled_from((0, 1, 2, 99)))
    facts = replaced(draw, f.facts_for(name), FACTS, much)
    if draw(st.booleans()) and facts.request:
        facts = replace(facts, request=facts.request.with_(state=draw(st.sampled_from(v.State))))
    return Situation(
        facts=facts,
        command=replaced(draw, f.command(name), COMMAND, much),
        actor=replaced(draw, f.actor_for(name), ACTOR, much),
        now=draw(st.just(f.now_for(name)) | instants),
        policy=replaced(draw, f.policy(), POLICY, much),
    )
