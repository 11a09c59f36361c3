"""The closed words of the open directory: which kinds of establishment can have a RUPN, and which are open."""

from functools import lru_cache

from states.words import fold

KEPT_KINDS = ("Collège", "Lycée", "EREA", "Autre")
"""``type_etablissement`` of who can have a RUPN: the second degree, its special schools, and « Autre »: better one
establishment too many than one that cannot declare."""

OUTSIDE_KINDS = ("Ecole", "Médico-social", "Service Administratif", "Information et orientation")
"""``type_etablissement`` of who cannot: no chef d'établissement delegates there. Counted, never an error."""

OPEN_STATES = ("OUVERT", "A FERMER")
"""``etat`` of an establishment that works today, were it to close at the end of the year (R12)."""

CLOSED_STATES = ("A OUVRIR", "FERME", "FERMEE")
"""``etat`` of an establishment that works no more, or not yet (R12)."""

_KEPT = frozenset(map(fold, KEPT_KINDS))
_OUTSIDE = frozenset(map(fold, OUTSIDE_KINDS))
_OPEN = frozenset(map(fold, OPEN_STATES))
_CLOSED = frozenset(map(fold, CLOSED_STATES))


@lru_cache(maxsize=256)
def is_outside(kind: str) -> bool:
    """Whether this kind has no RUPN; a kind that nobody foresaw is not outside, so that none is lost unseen."""
    return fold(kind) in _OUTSIDE


@lru_cache(maxsize=256)
def is_known(kind: str) -> bool:
    """Whether this kind is on one of the two lists, whatever its accents and case."""
    return fold(kind) in _KEPT or fold(kind) in _OUTSIDE


@lru_cache(maxsize=256)
def is_open(state: str) -> bool | None:
    """Whether an ``etat`` means open, whatever its accents and case; None when it says neither."""
    folded = fold(state)
    return True if folded in _OPEN else False if folded in _CLOSED else None
