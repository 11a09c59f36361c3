"""What narrows a list, read from the address and written back to it, so that it can be kept and sent."""

from typing import TypeVar
from urllib.parse import urlencode

from states.school_year import SchoolYear
from states.vocabulary import Labelled
from workflow.settings.academie import normalise_departement

L = TypeVar("L", bound=Labelled)
LONGEST = 200


def address(path: str, **wanted: str | list[str] | None) -> str:
    """The address of a list; what is empty is left out."""
    pairs = {name: value for name, value in wanted.items() if value}
    return f"{path}?{urlencode(pairs, doseq=True)}" if pairs else path


def member_of(values: type[L], text: str) -> L | None:
    """A member by its stored value, None for nothing. Raises ValueError in French."""
    if not text:
        return None
    found = next((one for one in values if one.value == text), None)
    if found is None:
        raise ValueError(f"« {text[:30]} » n'est pas un choix de cette liste : choisir dans la liste.")
    return found


def options_of(values: type[L]) -> list[tuple[str, str]]:
    """The choices of a closed list, each with its label."""
    return [(one.value, one.label) for one in values]


def departement_of(text: str) -> str:
    """``31``, ``2A``, or nothing. Raises ValueError in French."""
    if not text.strip():
        return ""
    try:
        return normalise_departement(text[:LONGEST])
    except ValueError as error:
        raise ValueError(f"{error} : écrire par exemple 09, 31, 2A ou 974.") from None


def year_of(text: str) -> SchoolYear | None:
    """``2026-2027``, or nothing. Raises ValueError in French."""
    try:
        return SchoolYear.parse(text) if text.strip() else None
    except ValueError as error:
        raise ValueError(f"{error}.") from None
