"""What was done on the ODA server, in the words that people write in a column (R49)."""

from typing import Final

from states.vocabulary import RemovalOutcome
from states.words import fold

_WORDS: Final = {
    RemovalOutcome.REMOVED: (
        "supprimé", "supprimée", "supprimés", "supprimées", "clé supprimée", "retiré", "retirée", "retirés",
        "retirées", "droits retirés", "deleted",
    ),
    RemovalOutcome.ABSENT: (
        "absente", "déjà absent", "déjà absente", "absente du serveur", "introuvable", "aucune clé", "not found",
        "missing",
    ),
    RemovalOutcome.EXPIRED: (
        "expiré", "expirée", "déjà expiré", "déjà expirée", "expirée sur le serveur", "déjà expirée",
    ),
    RemovalOutcome.KEPT: ("gardé", "gardée", "clé gardée", "conservé", "conservée", "clé conservée", "maintenue"),
}  # fmt: skip
KNOWN: Final = {
    fold(word): outcome for outcome in RemovalOutcome for word in (outcome.value, outcome.label, *_WORDS[outcome])
}
"""Each outcome by what may be written of it, folded: without case, accents or hyphens."""
EXAMPLES: Final = {
    RemovalOutcome.REMOVED: "supprimée", RemovalOutcome.ABSENT: "absente", RemovalOutcome.EXPIRED: "expirée",
    RemovalOutcome.KEPT: "gardée",
}  # fmt: skip
"""The shortest word for each, to show."""


def outcome_of(text: str) -> RemovalOutcome | None:
    """What a cell says; None when it is not understood."""
    return KNOWN.get(fold(text))
