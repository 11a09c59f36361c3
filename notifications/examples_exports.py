"""Examples of what is exported: each thing that there can be to do, with the most awkward of names."""

from datetime import date
from typing import Final

from notifications.contexts import Person
from notifications.examples import CLAIRE, OMAR, OTHER_PLACE, PLACE
from notifications.exports import Removal
from states.removal import Action

DAY: Final = date(2027, 9, 1)
_SINCE: Final = date(2027, 8, 31)
_ODD: Final = Person(nom='Le "Grand" ; Roux', prenom="-Anaïs", mail="anais.roux@ac-toulouse.fr")

REMOVALS: Final = (
    Removal(
        reference="ODA-2027-00042", establishment=PLACE, departement="31", rupn=CLAIRE, school_year="2026-2027",
        action=Action.KEEP_KEY, asks=False, since=_SINCE, expires_on=date(2027, 8, 31), new_expiry=date(2028, 8, 31),
        kept_for=("ODA-2028-00003",), following=("ODA-2028-00009",), to_verify=True,
    ),
    Removal(
        reference="ODA-2027-00043", establishment=PLACE, departement="31", rupn=OMAR, school_year="2026-2027",
        action=Action.REMOVE_KEY, asks=False, since=_SINCE, expires_on=date(2027, 8, 31),
    ),
    Removal(
        reference="ODA-2027-00044", establishment=OTHER_PLACE, departement="81", rupn=_ODD, school_year="2026-2027",
        action=Action.REMOVE_KEY, asks=True, since=_SINCE, following=("ODA-2028-00001", "ODA-2028-00002"),
    ),
    Removal(
        reference="ODA-2027-00045", establishment=OTHER_PLACE, departement="", rupn=CLAIRE, school_year="2026-2027",
        action=Action.CHANGE_EXPIRY, asks=False, since=_SINCE, new_expiry=date(2028, 8, 31),
        kept_for=("ODA-2028-00003", "ODA-2028-00004"),
    ),
)  # fmt: skip
"""By reference, as an export has them."""
