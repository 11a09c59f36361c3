"""Calendar days as people write them, at every entrance."""

import re
from datetime import date
from typing import Final

_FRENCH: Final = re.compile(r"(\d{1,2})[/.\-\s](\d{1,2})[/.\-\s](\d{4})", re.ASCII)
_ISO: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)


def parse_day(text: str) -> date:
    """``14/09/2026`` or ``2026-09-14``. Raises ValueError with what is wrong, in French, without a full stop."""
    shown = text.strip()
    if found := _ISO.fullmatch(shown):
        year, month, day = map(int, found.groups())
    elif found := _FRENCH.fullmatch(shown):
        day, month, year = map(int, found.groups())
    else:
        raise ValueError(f"« {shown[:30]} » n'est pas une date : écrire 14/09/2026")
    try:
        return date(year, month, day)
    except ValueError:
        raise ValueError(f"« {shown[:30]} » n'existe pas dans le calendrier") from None
