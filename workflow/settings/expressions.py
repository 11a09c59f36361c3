"""Regular expressions of the settings: refused when some text could keep the matching busy for ever (R41)."""

import re
from importlib import import_module
from typing import Any, Final

MOST_WAYS: Final = 10_000
"""Ways to read one text that an expression may leave: each is tried before a text is refused."""

_parser: Final = import_module("re._parser")  # the tree of an expression, which re itself compiles


def is_quick(pattern: str, longest: int) -> bool:
    """Return True when no text of up to ``longest`` characters can be read in more than ``MOST_WAYS`` ways."""
    return _ways(_parser.parse(pattern), longest) <= MOST_WAYS


def _ways(tree: Any, longest: int) -> int:
    """In how many ways the parts of an expression can share a text; never less, and no more than it takes to refuse."""
    ways = 1
    for operation, value in tree:
        ways = min(ways * _ways_of(str(operation), value, longest), MOST_WAYS + 1)
    return ways


def _ways_of(operation: str, value: Any, longest: int) -> int:
    match operation:
        case "LITERAL" | "NOT_LITERAL" | "ANY" | "IN" | "AT" | "GROUPREF":
            return 1
        case "BRANCH":
            return sum(_ways(branch, longest) for branch in value[1])
        case "MAX_REPEAT" | "MIN_REPEAT":
            least, most, repeated = value
            ways, total = _ways(repeated, longest), 0
            for times in range(min(int(least), longest), min(int(most), longest) + 1):
                total += min(ways**times, MOST_WAYS + 1)
            return total
        case "SUBPATTERN" | "ASSERT" | "ASSERT_NOT":
            return _ways(value[-1], longest)
        case _:  # what few know is easily mistaken
            return MOST_WAYS + 1


def problem(text: str, longest: int) -> str | None:
    """What is wrong with an expression for codes of up to ``longest`` characters, in French; None when nothing is."""
    try:
        pattern = re.compile(text)
    except re.error as error:
        where = f" (caractère {error.pos + 1})" if error.pos is not None else ""
        return f"« {text} » n'est pas une expression régulière{where}"
    if not is_quick(text, longest):
        return "cette expression se lit de trop de façons : un code pourrait occuper le service sans fin"
    return "cette expression accepte un code vide" if pattern.fullmatch("") else None
