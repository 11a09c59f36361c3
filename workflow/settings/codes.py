"""The settings of codes: who makes them (R97), their form (R41), and the codes drawn in this form.

An expression that is too slow to match is refused. A code is written along the tree of the expression, whose
repetitions, branches and characters are drawn, then tested against the expression itself: what a tree alone does not
say (a lookahead) is so respected too.
"""

import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from itertools import islice
from math import log2
from string import ascii_letters, digits, printable
from typing import Any, Final, Literal, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from notifications.settings import OneLine, Section, refusal
from states.model import LONGEST_CODE
from workflow.settings.services import ExportSettings, Filename

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
"""The signs of a keyboard, less the spaces."""

_CATEGORIES: Final[dict[str, Callable[[str], bool]]] = {
    "CATEGORY_DIGIT": str.isdigit, "CATEGORY_NOT_DIGIT": lambda sign: not sign.isdigit(),
    "CATEGORY_WORD": lambda sign: sign.isalnum() or sign == "_",
    "CATEGORY_NOT_WORD": lambda sign: not (sign.isalnum() or sign == "_"),
    "CATEGORY_SPACE": str.isspace, "CATEGORY_NOT_SPACE": lambda sign: not sign.isspace(),
}  # fmt: skip

_parser: Final = import_module("re._parser")  # the tree of an expression, which re itself compiles

Part = str | list[str] | tuple[str, Any]
"""A text as it is, the signs among which one is drawn, or a ``branch`` or ``repeat`` with its own parts."""

MOST_WAYS: Final = 10_000
"""Ways to read one text that an expression may leave: each is tried before a text is refused."""


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
                written = (attempt for _ in range(_TRIED) if (attempt := self._attempt()))
                if len(list(islice(written, _ENOUGH))) == _ENOUGH:
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

    def _attempt(self) -> tuple[str, float] | None:
        """A text written along the form, with the bits of its drawing; None when it has not the form."""
        dice = _Dice()
        text = "".join(_written(self._parts, dice))
        return (text, dice.bits) if len(text) == self.length and self._pattern.fullmatch(text) else None


class _Dice:
    """Draws, and counts the bits of what it drew."""

    def __init__(self) -> None:
        self.bits = 0.0

    def pick(self, choices: Sequence[Any]) -> Any:
        self.bits += log2(len(choices))
        return choices[secrets.randbelow(len(choices))]


def is_quick(pattern: str, longest: int) -> bool:
    """Return True when no text of up to ``longest`` characters can be read in more than ``MOST_WAYS`` ways."""
    return _ways(_parser.parse(pattern), longest) <= MOST_WAYS


def expression_problem(text: str, longest: int) -> str | None:
    """Say in French what is wrong with an expression for codes of up to ``longest`` signs; None when nothing is."""
    try:
        pattern = re.compile(text)
    except re.error as error:
        where = f" (caractère {error.pos + 1})" if error.pos is not None else ""
        return f"« {text} » n'est pas une expression régulière{where}"
    if not is_quick(text, longest):
        return "cette expression se lit de trop de façons : un code pourrait occuper le service sans fin"
    return "cette expression accepte un code vide" if pattern.fullmatch("") else None


class CodeFileSettings(ExportSettings):
    """The name and the form of the file of drawn codes, for the ODA server's console (R97)."""

    filename: Filename = Field("codes.csv", description="Nom du fichier que l'on télécharge (R97).")


class CodeSettings(Section):
    """The initialisation code: who makes it (R97), how the establishment has it (R112), its form (R41), its keeping in
    days (R61), its mail's wait in seconds (R62)."""

    source: Literal["typed", "drawn"] = Field(
        "typed",
        description="typed : l'opérateur saisit le code que porte le serveur ODA ; drawn : le logiciel le tire, et un"
        " fichier le donne au serveur (R97).",
    )
    delivery: Literal["mail", "link"] = Field(
        "mail",
        description="mail : le code part par courriel ; link : le courriel ne donne que l'adresse d'une page, où le"
        " chef connecté par une identité nationale le lit une seule fois (R112).",
    )
    length: int = Field(
        10,
        ge=4,
        le=LONGEST_CODE,
        description="Signes d'un code tiré ; moins si code.format n'en permet pas tant (R97).",
    )
    file: CodeFileSettings = Field(
        default_factory=CodeFileSettings,
        description="Le fichier des codes tirés ; sa forme est le modèle exports/codes.j2 (R97).",
    )
    format: str = Field(
        "^[A-Za-z0-9]{4,16}$", description="Forme du code d'initialisation : une expression régulière (R41)."
    )
    example: OneLine = Field(
        "4 à 16 lettres et chiffres, par exemple K7m4Rt9x",
        max_length=120,
        description="Cette forme dite aux opérateurs, avec un exemple (R41).",
    )
    hold_seconds: int = Field(
        60,
        ge=0,
        le=600,
        description="Secondes pendant lesquelles l'envoi d'un code saisi peut être annulé ; 0 : aucune (R62).",
    )
    keep_days: int = Field(30, ge=1, le=366, description="Jours après lesquels un code est effacé (R61).")

    _drawer: CodeDrawer | None = PrivateAttr(default=None)

    @field_validator("format")
    @classmethod
    def _is_an_expression(cls, text: str) -> str:
        if problem := expression_problem(text, LONGEST_CODE):
            raise refusal(problem, "^[A-Za-z0-9]{4,16}$")
        return text

    @model_validator(mode="after")
    def _can_be_drawn(self) -> Self:
        if self.source == "drawn":
            try:
                self._drawer = CodeDrawer(self.format, self.length)
            except NothingToDraw as error:
                raise refusal(
                    f"avec source: drawn, {error}", "^[A-Za-z0-9]{4,16}$ pour code.format, ou source: typed"
                ) from None
        return self

    @property
    def drawer(self) -> CodeDrawer | None:
        """The drawer of codes; None where they are typed."""
        return self._drawer

    @property
    def pattern(self) -> re.Pattern[str]:
        """The code's form, to be matched against the whole code."""
        return re.compile(self.format)


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


def _ways(tree: Any, longest: int) -> int:
    """Count the ways in which the parts of an expression can share a text; never less, and no more than refuses it."""
    ways = 1
    for operation, value in tree:
        match str(operation):
            case "LITERAL" | "NOT_LITERAL" | "ANY" | "IN" | "AT" | "GROUPREF":
                of_part = 1
            case "BRANCH":
                of_part = sum(_ways(branch, longest) for branch in value[1])
            case "MAX_REPEAT" | "MIN_REPEAT":
                least, most, repeated = value
                once = _ways(repeated, longest)
                times = range(min(int(least), longest), min(int(most), longest) + 1)
                of_part = sum(min(once**count, MOST_WAYS + 1) for count in times)
            case "SUBPATTERN" | "ASSERT" | "ASSERT_NOT":
                of_part = _ways(value[-1], longest)
            case _:  # what few know is easily mistaken
                of_part = MOST_WAYS + 1
        ways = min(ways * of_part, MOST_WAYS + 1)
    return ways
