"""The académie: its code, its holiday zone and its départements."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from notifications.settings import OneLine, Section, refusal

_CORSICA_AND_OVERSEAS = re.compile(r"2[AB]|620|720|9[78]\d")


def normalise_departement(text: str) -> str:
    """``031`` and ``31`` become ``31``, ``9`` and ``009`` become ``09``, ``02a`` becomes ``2A``.

    Raises ValueError, in French, when no département bears this code.
    """
    code = text.strip().upper().lstrip("0").zfill(2)
    if _CORSICA_AND_OVERSEAS.fullmatch(code) or (re.fullmatch("[0-9]{2}", code) and 1 <= int(code) <= 95):
        return code
    raise ValueError(f"« {text} » n'est pas un code de département")


def _departement(value: object) -> object:
    if not isinstance(value, str | int) or isinstance(value, bool):
        return value
    try:
        return normalise_departement(str(value))
    except ValueError as error:
        raise refusal(str(error), "par exemple 09, 31, 2A ou 974") from None


def _academie_code(value: object) -> object:
    if not isinstance(value, str | int) or isinstance(value, bool):
        return value
    code = str(value).strip().zfill(2)
    if not re.fullmatch("[0-9]{2}", code):
        raise refusal(f"« {value} » n'est pas un code d'académie", "un nombre à deux chiffres, 16 pour Toulouse")
    return code


def _text_or_number(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [{"type": "string", "pattern": pattern}, {"type": "integer", "minimum": 1}]})


AcademieCode = Annotated[str, BeforeValidator(_academie_code), _text_or_number("^[0-9]{1,2}$")]
Departement = Annotated[str, BeforeValidator(_departement), _text_or_number("^0{0,2}([0-9]{1,3}|2[ABab])$")]


class AcademieSettings(Section):
    """Which académie this installation serves."""

    nom: OneLine = Field(description="Nom de l'académie, tel qu'il est affiché.")
    code: AcademieCode = Field(description="Code de l'académie dans l'annuaire, par exemple 16 pour Toulouse.")
    zone: Literal["A", "B", "C"] | None = Field(
        None, description="Zone de vacances : A, B ou C ; null hors des zones (Corse, outre-mer)."
    )
    departements: tuple[Departement, ...] = Field(
        min_length=1, description="Codes des départements de l'académie, comme 09, 31, 2A ou 974."
    )
