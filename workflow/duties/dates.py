"""A date on which the software will act, and what it will then do (R86)."""

from dataclasses import dataclass
from datetime import date

from notifications.vocabulary import Kind
from states import french
from states.school_year import SchoolYear
from states.vocabulary import Labelled


class Deed(Labelled):
    """What the software does by itself on a day."""

    YEAR_END = "year_end", "fin de l'année scolaire"
    NOTICE = "notice", "annonce de la fin d'année"
    CAMPAIGN = "campaign", "ouverture des déclarations"
    INVITATION = "invitation", "invitation à renouveler"
    REMINDERS = "reminders", "rappels"
    REPORTS = "reports", "signalements arrivés à leur jour"
    ERASURE = "erasure", "effacement de codes"
    DIGEST = "digest", "récapitulatif des retards"
    UNKNOWN = "unknown", "calendrier inconnu"


@dataclass(frozen=True, kw_only=True, slots=True)
class Coming:
    """One date, or a period when ``until`` is set. ``what`` is a French clause without a capital or a full stop.

    ``requests`` and ``establishments`` are how many it is about if nothing changes; None where it cannot be told.
    ``school_year``: that of an end, a notice, a campaign, an invitation; ``mail``: which of the reminders it is.
    """

    day: date
    deed: Deed
    what: str
    until: date | None = None
    requests: int | None = None
    establishments: int | None = None
    school_year: SchoolYear | None = None
    mail: Kind | None = None

    @property
    def on_how_many(self) -> str:
        """``812 demandes dans 455 établissements``; empty where it cannot be told."""
        if self.requests is None:
            return ""
        told = french.plural(self.requests, "demande")
        if self.establishments is None:
            return told
        return f"{told} dans {french.plural(self.establishments, 'établissement')}"
