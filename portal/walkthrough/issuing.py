"""The rectorat's part: refused once, then checked, issued, handed over and erased (R34 to R41, R60, R61)."""

from notifications.vocabulary import Kind
from portal.walkthrough import secrecy, story
from portal.walkthrough.cast import Cast
from portal.walkthrough.stage import Stage
from states import commands as c
from states.french import day
from states.vocabulary import CheckOutcome, State

_ASKED = "Le code d'initialisation : (saisi deux fois, sans s'afficher)"


def issue(stage: Stage, cast: Cast, reference: str) -> None:
    """From a code issued too early to the hand-over."""
    stage.screen.chapter(3, "Le rectorat vérifie, puis transmet le code")
    code = c.IssueCode(reference=reference, code=c.Code(clear=story.CODE))
    stage.scene(story.TOO_EARLY, cast.operator, "Il voudrait émettre le code sans attendre.")
    stage.be_refused(cast.operator, code, _ASKED)
    _check(stage, cast, reference)
    expiry = stage.app.policy.calendar.end_of(story.YEAR).last_day
    stage.scene(
        story.ISSUED, cast.operator,
        f"Sur le serveur ODA il prépare la clé, qui doit expirer le {day(expiry)} (R43) ; puis il émet le code.",
    )  # fmt: skip
    stage.do(cast.operator, code, State.CODE_ISSUED, Kind.CODE_ISSUED, typed=_ASKED)
    secrecy.show_waiting(stage, reference)
    stage.scene(story.HANDED_OVER, cast.chef, "Il a remis le code en main propre au RUPN, et le confirme.")
    handover = c.ConfirmHandover(reference=reference, handed_on=story.HANDED_OVER.date())
    stage.do(cast.chef, handover, State.CODE_ISSUED)
    secrecy.show_erased(stage, reference)


def _check(stage: Stage, cast: Cast, reference: str) -> None:
    stage.scene(story.LISTING_CHECKED, cast.operator, "Il trouve le RUPN dans la liste de la DRANE.")
    listing = c.CheckListing(reference=reference, outcome=CheckOutcome.POSITIVE, source="liste DRANE du 11 septembre")
    stage.do(cast.operator, listing, State.REQUESTED)
    stage.scene(story.DELEGATION_CHECKED, cast.operator, "Il trouve la délégation dans l'export de DelegCE.")
    delegation = c.CheckDelegation(
        reference=reference, outcome=CheckOutcome.POSITIVE, source="export DelegCE du 14 septembre"
    )
    stage.do(cast.operator, delegation, State.REQUESTED)
