"""Codes drawn in the form of ``code.format``, of letters and digits that nobody takes for others (R97).

A code is written along the tree of the regular expression, whose repetitions, branches and characters are drawn, then
tested against the expression itself: what a tree alone does not say (a lookahead) is so respected too.
"""

import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from math import log2
from string import ascii_letters, digits, printable
from typing import Any, Final

MOST_TRIES: Final = 10_000
"""Texts that are written before a code is given up: a form that the settings accepted needs a few hundred at most."""

SHORTEST: Final = 4

_TRIED: Final = 2_000
_ENOUGH: Final = 3
"""Texts tried for one length and one alphabet when the settings are read, and how many must have the form."""

_SAMPLE: Final = 200

CAPITALS: Final = "ACDEFHJKLMNPRTUVWXY"
SMALL: Final = "acdefhjkmnprtuvwxy"
DIGITS: Final = "34679"
"""Without 0 (O), 1 (l, I), 2 (Z), 5 (S), 8 (B), nor the letters for which they are taken; b and G look like 6, g and q
like 9, Q like O."""

_CLEAR: Final = CAPITALS + SMALL + DIGITS

_ALPHABETS: Final = (CAPITALS + DIGITS, SMALL + DIGITS, _CLEAR, ascii_letters + digits)
"""From the best: one case alone first, for c and C are told apart by their size only."""

_SIGNS: Final = printable[:94]
"""What a keyboard writes, less the spaces."""

_CATEGORIES: Final[dict[str, Callable[[str], bool]]] = {
    "CATEGORY_DIGIT": str.isdigit, "CATEGORY_NOT_DIGIT": lambda sign: not sign.isdigit(),
    "CATEGORY_WORD": lambda sign: sign.isalnum() or sign == "_",
    "CATEGORY_NOT_WORD": lambda sign: not (sign.isalnum() or sign == "_"),
    "CATEGORY_SPACE": str.isspace, "CATEGORY_NOT_SPACE": lambda sign: not sign.isspace(),
}  # fmt: skip

_parser: Final = import_module("re._parser")  # the tree of an expression, which re itself compiles


class NothingToDraw(ValueError):
    """No code of this form can be drawn; the message says why, in French."""


class CodeDrawer:
    """Draws codes of one form, at most ``length`` characters long: as long as the form allows.

    Raises NothingToDraw when too few of the texts written along the form have it.
    """

    def __init__(self, pattern: str, length: int) -> None:
        self._pattern = re.compile(pattern)
        tree = _parser.parse(pattern)
        shortest, longest = (int(width) for width in tree.getwidth())
        places = list(_places(tree))
        has_letters = any(sign.isalpha() for place in places for sign in place)
        for self.length in range(min(length, longest), max(SHORTEST, shortest) - 1, -1):
            for alphabet in _ALPHABETS if has_letters else (digits,):
                self._parts = _compiled(tree, alphabet, self.length)
                if self._is_drawable():
                    return
        raise NothingToDraw(f"aucun code de {SHORTEST} à {length} signes, tirés au hasard, n'a cette forme")

    def draw(self) -> str:
        """A code. Raises NothingToDraw after ``MOST_TRIES``."""
        for _ in range(MOST_TRIES):
            if attempt := self._attempt():
                return attempt[0]
        raise NothingToDraw("aucun code de cette forme n'a pu être tiré")

    def bits(self) -> int:
        """About how many bits a drawn code holds: who would guess one has as many coins to toss."""
        tries, sample = 0, list[float]()
        while len(sample) < _SAMPLE and tries < MOST_TRIES:
            tries += 1
            if attempt := self._attempt():
                sample.append(attempt[1])
        return int(sum(sample) / len(sample) + log2(len(sample) / tries)) if sample else 0

    def _is_drawable(self) -> bool:
        count = 0
        for _ in range(_TRIED):
            count += self._attempt() is not None
            if count == _ENOUGH:
                return True
        return False

    def _attempt(self) -> tuple[str, float] | None:
        """A text written along the form, with the bits of its drawing; None when it has not the form."""
        dice = _Dice()
        text = "".join(_written(self._parts, dice))
        return (text, dice.bits) if len(text) == self.length and self._pattern.fullmatch(text) else None


Part = str | list[str] | tuple[str, Any]
"""A text as it is, the signs among which one is drawn, or a ``branch`` or ``repeat`` with its own parts."""


def _compiled(tree: Any, alphabet: str, length: int) -> list[Part]:
    """The parts to write one after the other, with signs of this alphabet where the form leaves the choice."""
    parts: list[Part] = []
    for operation, value in tree:
        match str(operation):
            case "LITERAL":
                parts.append(chr(value))
            case "ANY" | "IN" | "NOT_LITERAL":
                admitted = _admitted(str(operation), value)
                clear = ([sign for sign in signs if sign in admitted] for signs in (alphabet, _CLEAR, sorted(admitted)))
                parts.append(next(filter(None, clear), [""]))
            case "BRANCH":
                parts.append(("branch", [_compiled(branch, alphabet, length) for branch in value[1]]))
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                least, most, repeated = value
                times = range(int(least), max(int(least), min(int(most), length)) + 1)
                parts.append(("repeat", (times, _compiled(repeated, alphabet, length))))
            case "SUBPATTERN":
                parts += _compiled(value[-1], alphabet, length)
            case "ATOMIC_GROUP":
                parts += _compiled(value, alphabet, length)
    return parts


def _written(parts: list[Part], dice: "_Dice") -> Iterator[str]:
    for part in parts:
        match part:
            case str():
                yield part
            case list():
                yield dice.pick(part)
            case ("branch", branches):
                yield from _written(dice.pick(branches), dice)
            case (_, (times, repeated)):
                for _ in range(dice.pick(times)):
                    yield from _written(repeated, dice)


class _Dice:
    """Draws, and counts the bits of what it drew."""

    def __init__(self) -> None:
        self.bits = 0.0

    def pick(self, choices: Sequence[Any]) -> Any:
        self.bits += log2(len(choices))
        return choices[secrets.randbelow(len(choices))]


def _places(tree: Any) -> Iterator[set[str]]:
    """The signs that each place of the form admits, where it leaves a choice."""
    for operation, value in tree:
        match str(operation):
            case "ANY" | "IN" | "NOT_LITERAL":
                yield _admitted(str(operation), value)
            case "BRANCH":
                for branch in value[1]:
                    yield from _places(branch)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT" | "SUBPATTERN":
                yield from _places(value[-1])
            case "ATOMIC_GROUP":
                yield from _places(value)


def _admitted(operation: str, value: Any) -> set[str]:
    """The signs of a keyboard that one place of an expression admits."""
    if operation == "ANY":
        return set(_SIGNS)
    if operation == "NOT_LITERAL":
        return set(_SIGNS) - {chr(value)}
    items = [(str(item), content) for item, content in value]
    admitted = {sign for sign in _SIGNS if any(_is_in(sign, item, content) for item, content in items)}
    return set(_SIGNS) - admitted if items and items[0][0] == "NEGATE" else admitted


def _is_in(sign: str, item: str, content: Any) -> bool:
    match item:
        case "LITERAL":
            return bool(ord(sign) == content)
        case "RANGE":
            first, last = content
            return bool(first <= ord(sign) <= last)
        case "CATEGORY":
            return str(content) in _CATEGORIES and _CATEGORIES[str(content)](sign)
    return False
