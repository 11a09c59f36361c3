"""Names as a French administration writes them, to be proposed and never imposed (R16)."""

import re
from collections.abc import Iterator
from typing import Final

_PARTICLES: Final = frozenset({"de", "du", "des", "d", "dit", "dite", "y", "von", "der", "den"})
"""Words that begin with a small letter inside a name, and before one."""

_WORDS: Final = re.compile(r"[^\W\d_]+(?:[\u0300-\u036f][^\W\d_]*)*")

_MC: Final = re.compile(r"mc[^\W\d_]{3,}")


def proposed_name(typed: str) -> str:
    """``Martin`` for ``MARTIN``, ``de La Rochefoucauld`` for ``DE LA ROCHEFOUCAULD``, ``McDonald`` for ``mcdonald``.

    Only the words typed all in capitals or all in small letters are rewritten: ``LeBlanc`` was written with care. The
    letters stay the same, so that it is the same person (R17).
    """
    words = list(_WORDS.finditer(typed))
    return "".join(_pieces(typed, words))


def _pieces(typed: str, words: list[re.Match[str]]) -> Iterator[str]:
    end = 0
    for match in words:
        yield typed[end : match.start()]
        yield _proposed_word(match[0], is_last=match is words[-1])
        end = match.end()
    yield typed[end:]


def _proposed_word(word: str, *, is_last: bool) -> str:
    lowered = word.lower()
    if not (word.isupper() or word.islower()) or lowered.upper() != word.upper() or len(lowered) != len(word):
        return word
    if lowered in _PARTICLES and not is_last:
        return lowered
    if _MC.fullmatch(lowered):
        return f"Mc{lowered[2:].capitalize()}"
    return lowered.capitalize()
