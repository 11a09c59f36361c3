"""What people do in the story, as the commands that they really give."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from states import commands as c
from states.commands import Command
from states.vocabulary import (
    Change,
    CheckOutcome,
    ReissueReason,
    RemovalOutcome,
    RevokeReason,
    Settlement,
    Step,
    WithdrawReason,
)

CHARTER: Final = "2026-1"
WHY: Final = (
    "Accueil des familles sans adresse électronique, le samedi et pendant les conseils de classe.",
    "Les réunions de parents ont lieu à l'annexe, hors du réseau de l'établissement.",
    "Le secrétariat est fermé le mercredi : le RUPN aide les parents à distance.",
    "Beaucoup de comptes à débloquer à la rentrée, y compris en soirée.",
)
LISTING: Final = "liste reçue de la DRANE le matin même"
DELEGATION: Final = "export de DelegCE du jour"


@dataclass(kw_only=True)
class Life:
    """One request: whose, where, and its reference once it is born. ``code``: drawn for the occasion."""

    uai: str
    nom: str
    prenom: str
    mail: str
    why: str
    code: str
    reference: str = ""
    other: "Life | None" = None


Make = Callable[[Life, date], Command]


@dataclass(frozen=True)
class Deed:
    """What is done, by whom, and how many working days after what came before."""

    make: Make
    by_rectorat: bool = False
    after: int = 0


def declare(life: Life, today: date) -> Command:
    """R25; declared to the DRANE the day before."""
    return c.Declare(
        uai=life.uai, nom=life.nom, prenom=life.prenom, mail=life.mail, drane_declared_on=today - timedelta(days=1)
    )


def renew(life: Life, _: date) -> Command:
    """R33; what it renews is the life's other one."""
    return c.Renew(reference=life.other.reference if life.other else "")


def delegate(life: Life, today: date) -> Command:
    """R26."""
    return c.Delegate(reference=life.reference, why=life.why, made_on=today)


def sign(life: Life, today: date) -> Command:
    """R27."""
    return c.SignCharter(reference=life.reference, signed_on=today, version=CHARTER, copy_kept=True)


def submit(life: Life, _: date) -> Command:
    """R28."""
    return c.Submit(reference=life.reference, nom=life.nom, prenom=life.prenom, mail=life.mail)


def check_list(life: Life, _: date, outcome: CheckOutcome = CheckOutcome.POSITIVE) -> Command:
    """R34; found, unless told."""
    return c.CheckListing(reference=life.reference, outcome=outcome, source=LISTING)


def not_listed(life: Life, today: date) -> Command:
    """R34; not found."""
    return check_list(life, today, CheckOutcome.NEGATIVE)


def check_delegation(life: Life, _: date) -> Command:
    """R34."""
    return c.CheckDelegation(reference=life.reference, outcome=CheckOutcome.POSITIVE, source=DELEGATION)


def issue(life: Life, _: date) -> Command:
    """R39."""
    return c.IssueCode(reference=life.reference, code=c.Code(clear=life.code))


def extend(life: Life, _: date) -> Command:
    """R40; the key of the life's other one."""
    return c.IssueCode(reference=life.reference, extends=life.other.reference if life.other else None)


def hand(life: Life, today: date) -> Command:
    """R31."""
    return c.ConfirmHandover(reference=life.reference, handed_on=today)


def send_back(step: Step, why: str) -> Make:
    """R38."""
    return lambda life, _: c.SendBack(reference=life.reference, step=step, why=why)


def report(change: Change, days: int) -> Make:
    """R32; what takes effect in so many days."""
    return lambda life, today: c.ReportChange(
        reference=life.reference, change=change, effective_on=today + timedelta(days=days)
    )


def settle(life: Life, _: date) -> Command:
    """R46."""
    return c.SettleChange(
        reference=life.reference, settlement=Settlement.NO_EFFECT, why="L'intéressé revient avant les vacances."
    )


def reissue(life: Life, _: date) -> Command:
    """R44."""
    return c.ReissueCode(
        reference=life.reference, reason=ReissueReason.LOST, code=c.Code(clear=life.code[::-1]), new_key_confirmed=True
    )


def withdraw(life: Life, _: date) -> Command:
    """R30."""
    return c.Withdraw(reference=life.reference, reason=WithdrawReason.OTHER_PERSON)


def revoke(life: Life, _: date) -> Command:
    """R45."""
    return c.Revoke(reference=life.reference, reason=RevokeReason.DEPARTURE)


def remove(life: Life, _: date) -> Command:
    """R49."""
    return c.ConfirmRemoval(reference=life.reference, outcome=RemovalOutcome.REMOVED)
