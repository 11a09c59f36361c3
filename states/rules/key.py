"""The key that a person has already: in use elsewhere, extended, and the last day that it bears (R40, R42, R43)."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from states import french
from states import refusals_rectorat as more
from states.case import Case
from states.commands import IssueCode
from states.facts import Request
from states.refusals import Reason
from states.removal import holders
from states.rules import dates
from states.vocabulary import Change, RemovalOutcome


def _keeping(case: Case[Any]) -> list[Request]:
    """The person's other live requests that rely on the same key."""
    return holders(case.facts.others, one_key_a_person=case.policy.one_key_a_person)


def in_use_problems(case: Case[Any], *, confirmed: bool, again: bool) -> Iterator[Reason]:
    """A new code would reset a key in use (R42); ``again``: it replaces one of the same request."""
    keeping = _keeping(case)
    if keeping and not confirmed:
        yield more.key_in_use(keeping, case.request, again=again)


def extension_problems(case: Case[IssueCode]) -> Iterator[Reason]:
    """The key of ``extends`` is the person's and still works (R40)."""
    if not case.policy.one_key_a_person:
        yield more.key_scope_is_request()
    elif whys := list(_obstacles(case)):
        yield more.not_extendable(case.command.extends or "", " ; ".join(whys))


def _obstacles(case: Case[IssueCode]) -> Iterator[str]:
    source, request = case.facts.extended, case.request
    if source is None:
        yield "cette demande n'existe pas"
    elif source.reference == request.reference:
        yield "c'est la demande elle-même"
    elif source.folded_mail != request.folded_mail and source.person != request.person:
        yield "c'est une autre personne"
    elif not source.has_key:
        yield "aucun code n'y a été émis"
    else:
        yield from _faults(case, source)


def _faults(case: Case[IssueCode], source: Request) -> Iterator[str]:
    """Why a key that was given does not work any more, or must not."""
    removal = case.facts.extended_removal
    if removal and removal.outcome and removal.outcome is not RemovalOutcome.KEPT:
        yield f"sa clé n'existe plus ({removal.outcome.label})"
    if source.expires_on and source.expires_on < case.today:
        yield f"sa clé a expiré le {french.day(source.expires_on)}"
    if any(r.is_open and r.change is Change.KEY_COMPROMISED for r in case.facts.extended_reports):
        yield "sa clé est signalée compromise, et ce n'est pas réglé"


def expiry_problems(case: Case[Any], day: date | None) -> Iterator[Reason]:
    """From today to the year's end, or to the latest day of another live request that relies on the key (R43)."""
    if day:
        end = case.policy.calendar.end_of(case.request.school_year).last_day
        last = max([end, *(r.expires_on for r in _keeping(case) if r.expires_on)])
        yield from dates.day_problems("expires_on", "L'expiration de la clé", "R43", day, after=case.today, before=last)
