"""A confirmed removal in one sentence: what was done on the ODA server, when, by whom, and nothing more (R49)."""

from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import Final

from states import french
from states.facts import Request
from states.vocabulary import RemovalOutcome

_DONE: Final = {
    RemovalOutcome.REMOVED: "Droits supprimés le {at} par {by}",
    RemovalOutcome.ABSENT: "Clé déjà absente du serveur ODA, constaté le {at} par {by}",
    RemovalOutcome.EXPIRED: "Clé déjà expirée sur le serveur ODA, constaté le {at} par {by}",
    RemovalOutcome.KEPT: "Clé gardée pour une autre demande, confirmé le {at} par {by}",
}
_TO_CHEF: Final = {
    RemovalOutcome.REMOVED: "Droits supprimés le {at} par le rectorat",
    RemovalOutcome.ABSENT: "Plus aucun droit sur le serveur ODA, constaté le {at} par le rectorat",
    RemovalOutcome.EXPIRED: "Plus aucun droit sur le serveur ODA, constaté le {at} par le rectorat",
    RemovalOutcome.KEPT: "Clé gardée pour une autre demande, confirmé le {at} par le rectorat",
}


def done(outcome: RemovalOutcome, at: datetime, by: str, timezone: tzinfo) -> str:
    """What the rectorat reads of a confirmed removal; ``by`` is who confirmed."""
    return _DONE[outcome].format(at=french.instant(at, timezone), by=by or "le rectorat")


def done_for_chef(outcome: RemovalOutcome, at: datetime, others: Iterable[Request], timezone: tzinfo) -> str:
    """The same for the establishment, without anybody's address.

    A key that is kept for a request of somebody else's, unlike one among ``others``, which the chef may see, must not
    show: in his establishment the rights are gone (R3, R19).
    """
    if outcome is RemovalOutcome.KEPT and not any(other.has_key for other in others):
        outcome = RemovalOutcome.REMOVED
    return _TO_CHEF[outcome].format(at=french.instant(at, timezone))
