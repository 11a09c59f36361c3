"""The file of the removals to do: its name and how it is written; its form is a template's (R83)."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from notifications.settings import Section, refusal

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_MEDIA = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*/[A-Za-z0-9][A-Za-z0-9.+-]*")


def _filename(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise refusal(
            f"« {text} » n'est pas un nom de fichier simple",
            "des lettres sans accent, des chiffres, des points, des tirets : retraits.csv",
        )
    return text


def _media_type(text: str) -> str:
    if not _MEDIA.fullmatch(text):
        raise refusal(f"« {text} » n'est pas un type de fichier", "text/csv, application/json ou application/xml")
    return text.lower()


class ExportSettings(Section):
    """How the export of the removals to do is named and written."""

    filename: Annotated[str, AfterValidator(_filename)] = Field(
        "retraits.csv", description="Nom du fichier que l'on télécharge (R83)."
    )
    media_type: Annotated[str, AfterValidator(_media_type)] = Field(
        "text/csv", description="Type du fichier, dit au navigateur (R83)."
    )
    encoding: Literal["utf-8-sig", "utf-8", "windows-1252"] = Field(
        "utf-8-sig",
        description="Codage du fichier : utf-8-sig commence par la marque que les tableurs attendent ; en windows-1252,"
        " un caractère qui n'y est pas devient « ? » (R83).",
    )
    line_ends: Literal["crlf", "lf"] = Field(
        "crlf", description="Fins de ligne du fichier : celles de Windows (crlf) ou d'Unix (lf) (R83)."
    )
