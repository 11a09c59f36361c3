"""The establishment's part: declared, delegated, the charter signed, the request sent (R25 to R28)."""

from notifications.vocabulary import Kind
from portal.walkthrough import story
from portal.walkthrough.cast import Cast
from portal.walkthrough.stage import Stage
from states import commands as c
from states.vocabulary import State


def ask(stage: Stage, cast: Cast) -> str:
    """From the declaration to the request; returns its reference."""
    stage.screen.chapter(2, "L'établissement demande une clé")
    stage.scene(
        story.DECLARED, cast.chef,
        "Il déclare Camille Roquelaure comme RUPN de son collège ; une demande naît et reçoit sa référence.",
    )  # fmt: skip
    declare = c.Declare(
        uai=story.UAI, nom=story.NOM, prenom=story.PRENOM, mail=story.MAIL, drane_declared_on=story.DRANE_DAY
    )
    reference = stage.do(cast.chef, declare, State.DECLARED, Kind.DECLARED)
    _delegate(stage, cast, reference)
    _submit(stage, cast, reference)
    return reference


def _delegate(stage: Stage, cast: Cast, reference: str) -> None:
    stage.scene(story.DELEGATED, cast.chef, "Il a fait la délégation dans DelegCE ; il atteste qu'elle est nécessaire.")
    why = "aide aux parents, chaque semaine"
    delegate = c.Delegate(reference=reference, why=why, made_on=story.DELEGATED.date())
    stage.do(cast.chef, delegate, State.DELEGATED, Kind.DELEGATED)
    stage.scene(story.SIGNED, cast.chef, "Le RUPN a signé la charte ; l'exemplaire reste au collège.")
    version = stage.app.policy.charter_version
    sign = c.SignCharter(reference=reference, signed_on=story.SIGNED.date(), version=version, copy_kept=True)
    stage.do(cast.chef, sign, State.CHARTER_SIGNED, Kind.CHARTER_SIGNED)


def _submit(stage: Stage, cast: Cast, reference: str) -> None:
    stage.scene(story.SUBMITTED, cast.chef, "Il relit l'identité du RUPN, la confirme, et envoie la demande.")
    submit = c.Submit(reference=reference, nom=story.NOM, prenom=story.PRENOM, mail=story.MAIL)
    stage.do(cast.chef, submit, State.REQUESTED, Kind.SUBMITTED, Kind.NEW_REQUEST)
