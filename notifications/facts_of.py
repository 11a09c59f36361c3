"""The frozen facts of each mail, taken from what happened."""

from functools import lru_cache
from typing import Any

from notifications import contexts as c
from notifications.surroundings import Surroundings
from notifications.vocabulary import member
from states.case import OpenRemoval, OpenReport
from states.facts import Establishment, Report, Request
from states.happening import Happening
from states.removal import holders
from states.school_year import YearEnd
from states.vocabulary import ReissueReason, RemovalKind, RevokeReason, Role, Step, Trigger, WithdrawReason

Fact = Any


def place(establishment: Establishment) -> c.Place:
    return c.Place(uai=establishment.uai, nom=establishment.nom, commune=establishment.commune)


def person(request: Request) -> c.Person:
    return c.Person(nom=request.nom, prenom=request.prenom, mail=request.mail)


@lru_cache(maxsize=32)
def year(end: YearEnd) -> c.Year:
    return c.Year(label=str(end.school_year), last_day=end.last_day, is_default=end.is_default)


def _step(happening: Happening) -> dict[str, Any]:
    """What every mail about one request says."""
    request = happening.request
    return {
        "reference": request.reference,
        "establishment": place(happening.establishment),
        "rupn": person(request),
        "year": year(happening.year_end),
        "by_operator": happening.actor.role is Role.OPERATOR,
    }


def declared(happening: Happening, _: Surroundings) -> c.Declared:
    request = happening.request
    return c.Declared(**_step(happening), drane_declared_on=request.drane_declared_on, renews=request.renews)


def delegated(happening: Happening, here: Surroundings) -> c.Delegated:
    day = happening.request.delegated_on or here.day_of(happening.at)
    return c.Delegated(**_step(happening), delegated_on=day)


def charter_signed(happening: Happening, here: Surroundings) -> c.CharterSigned:
    request = happening.request
    return c.CharterSigned(
        **_step(happening),
        signed_on=request.charter_signed_on or here.day_of(happening.at),
        version=request.charter_version or here.charter_version,
    )


def submitted(happening: Happening, here: Surroundings) -> c.Submitted:
    declared_on = happening.request.drane_declared_on
    return c.Submitted(**_step(happening), submitted_on=here.day_of(happening.at), drane_declared_on=declared_on)


def sent_back(happening: Happening, _: Surroundings) -> c.SentBack:
    decision = happening.decision
    return c.SentBack(
        **_step(happening), step=member(Step, str(decision.data["step"])), why=decision.notes.get("why", "")
    )


def code_issued(happening: Happening, here: Surroundings) -> c.CodeIssued:
    return c.CodeIssued(
        **_step(happening),
        issued_on=here.day_of(happening.at),
        expires_on=happening.request.expires_on or happening.year_end.last_day,
    )


def code_reissued(happening: Happening, here: Surroundings) -> c.CodeReissued:
    return c.CodeReissued(
        **_step(happening),
        issued_on=here.day_of(happening.at),
        expires_on=happening.request.expires_on or happening.year_end.last_day,
        reason=member(ReissueReason, str(happening.decision.data["reason"])),
    )


def key_extended(happening: Happening, _: Surroundings) -> c.KeyExtended:
    return c.KeyExtended(**_step(happening), expires_on=happening.request.expires_on or happening.year_end.last_day)


def _report(happening: Happening) -> Report:
    return next(effect.report for effect in happening.decision.effects if isinstance(effect, OpenReport))


def change_reported(happening: Happening, here: Surroundings) -> c.ChangeReported:
    report = _report(happening)
    return c.ChangeReported(
        **_step(happening),
        change=report.change,
        effective_on=report.effective_on,
        is_due=report.effective_on <= here.day_of(happening.at),
        delegated=happening.request.delegated_on is not None,
    )


def change_to_handle(happening: Happening, here: Surroundings) -> c.ChangeToHandle:
    report = _report(happening)
    return c.ChangeToHandle(
        **_step(happening),
        number=report.number,
        change=report.change,
        effective_on=report.effective_on,
        is_due=report.effective_on <= here.day_of(happening.at),
        state=happening.request.state,
        note=happening.decision.notes.get("note", ""),
    )


def withdrawn(happening: Happening, _: Surroundings) -> c.Withdrawn:
    decision = happening.decision
    return c.Withdrawn(
        **_step(happening),
        reason=member(WithdrawReason, str(decision.data["reason"])),
        note=decision.notes.get("note", ""),
        delegated=happening.request.delegated_on is not None,
    )


def revoked(happening: Happening, _: Surroundings) -> c.Revoked:
    decision, request = happening.decision, happening.request
    return c.Revoked(
        **_step(happening),
        reason=member(RevokeReason, str(decision.data["reason"])),
        note=decision.notes.get("note", ""),
        had_key=request.has_key,
        delegated=request.delegated_on is not None,
    )


def new_request(happening: Happening, here: Surroundings) -> c.NewRequest:
    others = tuple(sorted(other.reference for other in happening.others if other.is_live))
    return c.NewRequest(**_step(happening), submitted_on=here.day_of(happening.at), others=others)


def removal_task(happening: Happening, here: Surroundings) -> c.RemovalTask:
    decision = happening.decision
    withdrawal = decision.trigger is Trigger.WITHDRAW
    reason = str(decision.data["reason"])
    keeping = holders(happening.others, one_key_a_person=here.one_key_a_person)
    return c.RemovalTask(
        **_step(happening),
        task=_removal_kind(happening),
        why=(member(WithdrawReason, reason) if withdrawal else member(RevokeReason, reason)).label,
        note=decision.notes.get("note", ""),
        kept_for=tuple(sorted(other.reference for other in keeping)),
    )


def _removal_kind(happening: Happening) -> RemovalKind:
    return next(effect.kind for effect in happening.decision.effects if isinstance(effect, OpenRemoval))
