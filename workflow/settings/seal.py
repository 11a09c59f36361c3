"""The settings of the journal's seal: where each day's goes (R109)."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from notifications.settings import MailAddress, Section


class SealSettings(Section):
    """Where the seal of each day is sent, out of reach of whoever could rewrite the database."""

    mail: MailAddress | None = Field(
        None, description="Adresse qui reçoit chaque jour le sceau du journal, hors du service (R109), ou null."
    )
    folder: Annotated[Path, Field(json_schema_extra={"format": "path"})] | None = Field(
        None,
        description="Dossier où s'écrit chaque jour le fichier du sceau, de préférence sur une autre machine ; relatif"
        " au dossier de ce fichier ; il doit exister (R109). null : aucun.",
    )
