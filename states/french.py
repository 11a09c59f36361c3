"""French formatting and reading: dates, instants, plurals, lists."""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import Final

MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip


def day(value: date) -> str:
    """``1er septembre 2026``, ``31 août 2027``."""
    return f"{'1er' if value.day == 1 else value.day} {MONTHS[value.month - 1]} {value.year}"


def instant(value: datetime, timezone: tzinfo) -> str:
    """``31 août 2027 à 9 h 05``, in the académie's time."""
    return f"{day(value.astimezone(timezone).date())} à {hour(value, timezone)}"


def hour(value: datetime, timezone: tzinfo) -> str:
    """``9 h 05``, in the académie's time."""
    local = value.astimezone(timezone)
    return f"{local.hour} h {local.minute:02d}"


NARROW_SPACE: Final = "\u202f"
"""The space that parts the thousands of a number: narrow, and no line breaks there."""


def number(value: int) -> str:
    """``812``, ``1 204``, ``12 000``."""
    return f"{value:,}".replace(",", NARROW_SPACE)


def plural(count: int, singular: str, several: str | None = None) -> str:
    """``0 demande``, ``1 demande``, ``1 204 demandes``: in French the plural begins at two."""
    return f"{number(count)} {singular if abs(count) < 2 else several or singular + 's'}"


def span(value: timedelta) -> str:
    """``90 secondes``, ``12 minutes``, ``3 jours``: whole units, of the largest of which there are two at least."""
    units = ((timedelta(days=1), "jour"), (timedelta(hours=1), "heure"), (timedelta(minutes=1), "minute"))
    for unit, name in units:
        if value >= 2 * unit:
            return plural(value // unit, name)
    return plural(value // timedelta(seconds=1), "seconde")


def listing(words: list[str], last: str = "et") -> str:
    """``a, b et c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def lines(numbers: Sequence[int], most: int = 5) -> str:
    """``la ligne 3``, ``les lignes 3, 5 et 8``, ``les lignes 3, 4, 5, 6, 7 et 12 autres``."""
    shown = [str(number) for number in numbers[:most]]
    if len(numbers) > most:
        shown.append(plural(len(numbers) - most, "autre"))
    return f"{'la ligne' if len(numbers) == 1 else 'les lignes'} {listing(shown)}"


def de(word: str) -> str:
    """``de déclarée``, ``d'émettre``, ``d'Yves``, ``de Yasmine``: the preposition elided before a vowel's sound."""
    start = word[:2].lower()
    elided = start.startswith(tuple("aeéèêiouyhâîôœ")) and not (start[:1] == "y" and start[1:] in tuple("aeéèiou"))
    return f"d'{word}" if elided else f"de {word}"


def academy(nom: str) -> str:
    """``académie de Toulouse``, from ``Toulouse`` or from the whole."""
    return f"académie{nom[8:]}" if nom.lower().startswith("académie ") else f"académie {de(nom)}"


def capital(text: str) -> str:
    """The first letter as a capital, the others as they are."""
    return text[:1].upper() + text[1:]


def family_name_in_capitals(nom: str) -> str:
    """``MARTIN``, ``DE LA ROCHEFOUCAULD``, ``NOËL``: a family name in a list, told from the given name."""
    return nom.upper()


_FRENCH: Final = re.compile(r"(\d{1,2})[/.\-\s](\d{1,2})[/.\-\s](\d{4})", re.ASCII)


_ISO: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)


def parse_day(text: str) -> date:
    """``14/09/2026`` or ``2026-09-14``. Raises ValueError with what is wrong, in French, without a full stop."""
    typed = text.strip()
    if match := _ISO.fullmatch(typed):
        year, month, day = map(int, match.groups())
    elif match := _FRENCH.fullmatch(typed):
        day, month, year = map(int, match.groups())
    else:
        raise ValueError(f"« {typed[:30]} » n'est pas une date : écrire 14/09/2026")
    try:
        return date(year, month, day)
    except ValueError:
        raise ValueError(f"« {typed[:30]} » n'existe pas dans le calendrier") from None
