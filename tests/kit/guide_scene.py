"""The scene of the guides' pictures: a few invented people whose requests stand at each step, always the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from states import commands as c
from states.validation import fold
from states.vocabulary import CheckOutcome, RevokeReason, State
from tests.kit.portal import CHEF, OTHER_CHEF, STAFF, Portal
from workflow.auth.sessions import SessionUser

_REACHED: Final = (
    State.DECLARED, State.DELEGATED, State.CHARTER_SIGNED, State.REQUESTED, State.CODE_ISSUED, State.REVOKED
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Rupn:
    """An invented RUPN: ``state`` is how far the request went, ``is_checked`` whether both lists were looked at."""

    prenom: str
    nom: str
    state: State
    chef: SessionUser = CHEF
    is_checked: bool = False

    @property
    def mail(self) -> str:
        return f"{fold(self.prenom)}.{fold(self.nom)}@ac-toulouse.fr"


ZOE: Final = Rupn(prenom="Zoé", nom="Sénac", state=State.CODE_ISSUED, is_checked=True)
"""Her code waits to be handed over."""

LOUIS: Final = Rupn(prenom="Louis", nom="Garrigou", state=State.DELEGATED)

NADEGE: Final = Rupn(prenom="Nadège", nom="Lasserre", state=State.REQUESTED, chef=OTHER_CHEF)

EMILE: Final = Rupn(prenom="Émile", nom="Fourcassié", state=State.REQUESTED, chef=OTHER_CHEF, is_checked=True)

OTHERS: Final = (
    Rupn(prenom="Anaïs", nom="Calmels", state=State.REQUESTED),
    Rupn(prenom="Rémi", nom="Poujade", state=State.REQUESTED, chef=OTHER_CHEF),
    Rupn(prenom="Inès", nom="Viguerie", state=State.REQUESTED, chef=OTHER_CHEF),
    Rupn(prenom="Hugo", nom="Tapiau", state=State.REVOKED, chef=OTHER_CHEF, is_checked=True),
    Rupn(prenom="Élodie", nom="Marcenac", state=State.REVOKED, chef=OTHER_CHEF, is_checked=True),
)


def play(portal: Portal) -> dict[Rupn, str]:
    """Make the requests; return their references by person."""
    people: Sequence[Rupn] = (ZOE, LOUIS, NADEGE, EMILE, *OTHERS)
    return {rupn: _live(portal, rupn) for rupn in people}


def _live(portal: Portal, rupn: Rupn) -> str:
    today = portal.app.policy.calendar.today(portal.clock.now())
    reach = _REACHED.index(rupn.state)
    declare = c.Declare(
        uai=rupn.chef.uais[0], nom=rupn.nom, prenom=rupn.prenom, mail=rupn.mail, drane_declared_on=today
    )
    reference = portal.do(declare, rupn.chef).reference
    version = portal.app.settings.charter.version
    steps = (
        c.Delegate(reference=reference, why="Accueil des familles hors du réseau administratif.", made_on=today),
        c.SignCharter(reference=reference, signed_on=today, version=version, copy_kept=True),
        c.Submit(reference=reference, nom=rupn.nom, prenom=rupn.prenom, mail=rupn.mail),
    )
    for step in steps[:reach]:
        portal.do(step, rupn.chef)
    if rupn.is_checked:
        for check in (c.CheckListing, c.CheckDelegation):
            portal.do(check(reference=reference, outcome=CheckOutcome.POSITIVE, source="liste du 14 septembre"), STAFF)
    if reach >= _REACHED.index(State.CODE_ISSUED):
        portal.do(c.IssueCode(reference=reference, code=c.Code(clear="Ab12Cd34")), STAFF)
    if rupn.state is State.REVOKED:
        portal.do(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), STAFF)
    return reference
