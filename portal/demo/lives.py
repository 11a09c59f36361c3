"""What becomes of each invented request: the steps of its life, and how many live it."""

from collections.abc import Iterator
from typing import Final

from portal.demo import deeds
from portal.demo.deeds import Deed
from states.vocabulary import Change, Step

UNDELIVERED: Final = "code transmis"
"""The ending of which one life is where the mailbox takes nothing."""
_BORN: Final = (Deed(deeds.declare),)
RENEWED: Final = (Deed(deeds.renew),)
_DELEGATED: Final = (*_BORN, Deed(deeds.delegate, after=1))
_SIGNED: Final = (*_DELEGATED, Deed(deeds.sign, after=1))
_ASKED: Final = (*_SIGNED, Deed(deeds.submit))
_LISTED: Final = (*_ASKED, Deed(deeds.check_list, True, 1))
_CHECKED: Final = (*_LISTED, Deed(deeds.check_delegation, True))
_ISSUED: Final = (*_CHECKED, Deed(deeds.issue, True, 1))
_HANDED: Final = (*_ISSUED, Deed(deeds.hand, after=1))

_CHARTER_WHY: Final = "La charte datée du jour n'est pas celle de cette année : faire signer la version 2026-1."
_IDENTITY_WHY: Final = "Le nom ne correspond pas à celui que la DRANE connaît : le vérifier auprès de l'intéressé."

ENDINGS: Final[tuple[tuple[str, int, tuple[Deed, ...]], ...]] = (
    ("déclarée", 13, _BORN),
    ("renouvelée", 5, RENEWED),
    ("déléguée", 12, _DELEGATED),
    ("charte signée", 9, _SIGNED),
    ("à vérifier", 14, _ASKED),
    ("à moitié vérifiée", 8, _LISTED),
    ("vérifiée", 14, _CHECKED),
    ("introuvable sur la liste", 3, (*_ASKED, Deed(deeds.not_listed, True, 1))),
    ("renvoyée à la charte", 3, (*_ASKED, Deed(deeds.send_back(Step.CHARTER, _CHARTER_WHY), True, 1))),
    ("renvoyée à la déclaration", 2, (*_ASKED, Deed(deeds.send_back(Step.DECLARATION, _IDENTITY_WHY), True, 1))),
    (UNDELIVERED, 11, _ISSUED),
    ("remis", 13, _HANDED),
    ("réémis", 2, (*_HANDED, Deed(deeds.reissue, True, 2))),
    ("absence à venir", 2, (*_HANDED, Deed(deeds.report(Change.ABSENCE, 20), after=1))),
    ("départ à venir", 2, (*_HANDED, Deed(deeds.report(Change.DEPARTURE, 2), after=2))),
    ("clé perdue", 1, (*_HANDED, Deed(deeds.report(Change.KEY_LOST, 0), after=2))),
    ("absence réglée", 1, (*_HANDED, Deed(deeds.report(Change.ABSENCE, 3), after=1), Deed(deeds.settle, True, 1))),
    ("abandonnée", 3, (*_DELEGATED, Deed(deeds.withdraw, after=2))),
    ("révoquée", 2, (*_HANDED, Deed(deeds.revoke, True, 2))),
    ("retirée", 2, (*_HANDED, Deed(deeds.revoke, True, 1), Deed(deeds.remove, True, 1))),
)
"""Each life by where it has come to on the day of the demonstration, and how many live it."""
EXTENDED: Final = (*_CHECKED, Deed(deeds.extend, True, 1))
"""Somebody's request in a second establishment: the key that he has is extended."""
LAST_YEAR: Final = _HANDED


def length(life: tuple[Deed, ...]) -> int:
    """How many working days pass between the first deed and the last."""
    return sum(deed.after for deed in life)


def days_of(life: tuple[Deed, ...], start: int) -> Iterator[tuple[int, Deed]]:
    """Each deed and the working day on which it is done, counted from ``start``."""
    at = start
    for deed in life:
        at += deed.after
        yield at, deed
