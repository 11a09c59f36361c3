"""Characters by their Unicode properties: those that nobody sees, those of a name, the plain letter of each (R16, R17).

Every room asks here: a name, a mail, a terminal and a paper must not each have a list of their own.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

_NOT_SHOWN: Final = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})
"""General categories without a picture: control, format, private, unassigned, surrogate, line and paragraph ends."""

_IGNORABLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
"""``Other_Default_Ignorable_Code_Point`` and ``Variation_Selector``, which Python does not know (PropList.txt)."""

_LETTERS_OF_A_STYLE: Final = ("<font>", "<wide>", "<narrow>", "<circle>", "<square>")
"""Compatibility decompositions of letters that only look otherwise: 𝐌, Ｍ."""

_HARMLESS: Final = frozenset({"BN", "L", "R", "AL"})
"""Bidirectional classes of the format characters that turn nothing round."""

_APOSTROPHES: Final = "'’‘ʼʻʽʾʿ"

_HYPHENS: Final = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")

_MOST_MARKS: Final = 4
"""Marks upon one letter: Hebrew and Vietnamese need three."""

_EAST_ASIAN: Final = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO"})
"""Scripts that stand together in one name, by the first word of their letters' names."""

_OF_NO_SCRIPT: Final = frozenset({"COMBINING", "MODIFIER", "FEMININE", "MASCULINE"})

_WITH_SOMETHING: Final = re.compile(r"LATIN SMALL LETTER ([A-Z]) WITH .+")

_PLAIN: Final = {
    "ı": "i", "ȷ": "j", "œ": "oe", "æ": "ae", "ð": "d", "þ": "th", "ŋ": "n", "ĸ": "k", "ə": "e", "ǝ": "e", "ɛ": "e",
    "ɔ": "o",
}  # fmt: skip
"""Letters whose name does not tell the plain one."""


def is_invisible(character: str) -> bool:
    """Return True for a character that shows nothing of its own; a space does show."""
    return unicodedata.category(character) in _NOT_SHOWN or _IGNORABLE.match(character) is not None


def has_invisible(text: str) -> bool:
    """Return True when one of the characters is invisible, a line's end included."""
    if text.isprintable() and not _IGNORABLE.search(text):  # the same question for the whole string at once
        return False
    return any(map(is_invisible, text))


def without_invisible(text: str) -> str:
    """The text without its invisible characters, line ends included."""
    return "".join(c for c in text if not is_invisible(c)) if has_invisible(text) else text


def without_pasted(text: str) -> str:
    """The text without the marks that come with what one pastes: soft hyphens, directions, joiners, selectors (R16).

    Nobody typed them. What stays is to be refused: line ends, controls, characters of no alphabet, and those that turn
    the letters round, which hide what is written.
    """
    return "".join(c for c in text if not _is_pasted(c)) if has_invisible(text) else text


def _is_pasted(character: str) -> bool:
    if _IGNORABLE.match(character):
        return True
    return unicodedata.category(character) == "Cf" and unicodedata.bidirectional(character) in _HARMLESS


def plain_hyphens(text: str) -> str:
    """The text with a plain hyphen for each typographic one, which looks the same."""
    return _HYPHENS.sub("-", text)


def name_flaw(name: str) -> str | None:
    """The part that does not belong in a person's name, in French; None when all does (R16).

    Letters and their marks, of one script; between them spaces, hyphens, apostrophes, and full stops after an
    abbreviation. No address, no sign, no digit: a name stands in the subjects of mails that the rectorat signs.
    """
    if has_invisible(name):
        return "contient un retour à la ligne ou un caractère invisible"
    for character in _without_catalan_points(name):
        if not _is_of_a_name(character):
            return f"contient « {character} », qui n'est pas d'un nom"
    if not any(map(str.isalpha, name)):
        return "ne contient aucune lettre"
    if _has_stray_marks(name):
        return "contient un accent qui n'est sur aucune lettre"
    if re.search(r"\.[^\s.'’-]", name):
        return "a un point collé au mot qui suit : mettre une espace après le point"
    if len(_scripts(name)) > 1:
        return "mêle des lettres de plusieurs alphabets : tout taper dans le même"
    return None


def _without_catalan_points(name: str) -> str:
    return re.sub("(?<=[lL])·(?=[lL])", "", name)


def _is_of_a_name(character: str) -> bool:
    category = unicodedata.category(character)
    if category[0] == "L":
        return not unicodedata.decomposition(character).startswith(_LETTERS_OF_A_STYLE)
    return category in ("Mn", "Mc", "Pd", "Zs") or character in _APOSTROPHES or character == "."


def _has_stray_marks(name: str) -> bool:
    marks, after_letter = 0, False
    for character in name:
        is_mark = unicodedata.category(character)[0] == "M"
        marks = marks + 1 if is_mark else 0
        if marks > _MOST_MARKS or (is_mark and not after_letter):
            return True
        after_letter = is_mark or character.isalpha()
    return False


def _scripts(name: str) -> set[str]:
    words = {unicodedata.name(c, "").partition(" ")[0] for c in name if unicodedata.category(c)[0] in "LM"}
    return {"EAST ASIAN" if word in _EAST_ASIAN else word for word in words - _OF_NO_SCRIPT}


@lru_cache(maxsize=65536)
def fold(text: str) -> str:
    """A name without case, accents, hyphens, apostrophes: ``"D'Étienne-Noël"`` is ``"d etienne noel"`` (R17).

    The letters of every script count: two people must not be one because theirs were dropped. A letter, its capital
    and its small one fold alike, and what nobody sees counts for nothing.
    """
    seen = without_pasted(text)
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", seen).casefold())
    if folded.isascii():
        return " ".join("".join(c if c.isalnum() else " " for c in folded).split())
    return " ".join("".join(map(_folded, folded)).split())


@lru_cache(maxsize=4096)
def _folded(character: str) -> str:
    """One character of a decomposed text without case: its plain letter, nothing for an accent, else a space."""
    if unicodedata.combining(character):
        return ""
    if plain := _PLAIN.get(character):
        return plain
    if with_something := _WITH_SOMETHING.fullmatch(unicodedata.name(character, "")):
        return with_something[1].lower()
    return character if unicodedata.category(character)[0] in "LMN" and character not in _APOSTROPHES else " "


def plainest(character: str, encoding: str) -> str:
    """The nearest that an encoding holds: the letter without its accent, the plain letter, else ``?``."""
    for near in (unicodedata.normalize("NFKC", character), _bare(character), plain_hyphens(character)):
        try:
            near.encode(encoding)
        except UnicodeEncodeError:
            continue
        if near:
            return near
    return "?"


def _bare(character: str) -> str:
    """A letter without its marks, of the same case."""
    decomposed = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
    plain = "".join(_folded(c) if _folded(c).strip() else c for c in decomposed.lower())
    return plain.capitalize() if decomposed != decomposed.lower() else plain


def is_wrongly_decoded(text: str) -> bool:
    """Return True for UTF-8 that was read as windows-1252 or Latin-1: « Ã© » for « é »."""
    if text.isascii():
        return False
    for encoding in ("windows-1252", "latin-1"):
        try:
            text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
        return True
    return False
