"""Names, mail addresses and UAI as people type them: cleaned, checked, compared (R11, R16, R17).

A name's usual writing and the domain that an address probably means are proposed, and never imposed.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

from states.characters import fold, has_invisible, is_invisible, name_flaw, plain_hyphens, without_pasted

MAX_NAME = 100

_MAX_TEXT = 1000

UAI_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"

_UAI = re.compile(r"[0-9]{7}[A-Z]")

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

_SPACES = re.compile("[ \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")

_LINE_ENDS = str.maketrans("\n\r\t", "   ")

_PARTICLES: Final = frozenset({"de", "du", "des", "d", "dit", "dite", "y", "von", "der", "den"})
"""Words that begin with a small letter inside a name, and before one."""

_WORDS: Final = re.compile(r"[^\W\d_]+(?:[\u0300-\u036f][^\W\d_]*)*")

_MC: Final = re.compile(r"mc[^\W\d_]{3,}")

_SLIPS: Final = 2
"""Letters added, lost, changed or swapped between two domains that are told apart by a slip of the keyboard."""

_ANY: Final = "*"


def is_storable(text: str) -> bool:
    """Return True when a database can store this text (R7).

    PostgreSQL takes no NUL, and half a surrogate pair is not Unicode.
    """
    return _UNSTORABLE.search(text) is None


def storable(text: str) -> str:
    """The text without the characters that no database stores, to show again what was typed."""
    return _UNSTORABLE.sub("", text)


def clean(text: str) -> str:
    """One form for what was typed: NFC, outer and doubled spaces gone, and the marks that nobody sees (R16)."""
    return _SPACES.sub(" ", unicodedata.normalize("NFC", without_pasted(text))).strip()


def person_key(nom: str, prenom: str) -> str:
    """Nom and prénom folded, whatever their order: equal for who is presumed the same person (R17)."""
    return " ".join(sorted(f"{fold(nom)} {fold(prenom)}".split()))


_CIVILITIES: Final = frozenset({"m", "mr", "mme", "mlle", "monsieur", "madame", "mademoiselle"})


def chef_key(name: str) -> str:
    """The name of a chef as compared: folded, without civility nor order; empty when he gave none (R37)."""
    words = fold(name).split()
    return " ".join(sorted([word for word in words if word not in _CIVILITIES] or words))


def fold_mail(mail: str) -> str:
    """A mail address as compared: equal for the same person (R17)."""
    return unicodedata.normalize("NFC", mail).strip().casefold()


def name_problem(text: str) -> str | None:
    """The problem of a nom or a prénom, in French; None when it is fine (R16)."""
    if not text:
        return "est vide"
    if len(text) > MAX_NAME:
        return f"compte {len(text)} caractères, {MAX_NAME} au plus"
    return name_flaw(text)


def clean_mail(text: str) -> str:
    """An address as it is stored: without outer spaces, nor the marks that come with what one pastes."""
    return without_pasted(text).strip()


@lru_cache(maxsize=65536)
def mail_problem(text: str) -> str | None:
    """The problem of a mail address, in French; None when a mail can be sent to it as it is written (R13, R16).

    The only judge, of what is typed, imported or set, and of what is given to the relay: an accented domain is
    refused rather than sent in a form that nobody typed.
    """
    from email_validator import EmailNotValidError, validate_email  # slow to load, and few commands need it

    if not text:
        return "est vide"
    if text.count("@") > 1:
        return "a plusieurs « @ » : donner une seule adresse"
    if re.search(r"\s", text):
        return "contient une espace : l'ôter"
    if foreign := next((c for c in text if not c.isascii() and not is_invisible(c)), None):
        return f"contient « {foreign} » : une adresse électronique s'écrit sans accent ni autre signe"
    if slip := _mail_slip(text):
        return slip
    try:
        if text.isascii() and text.isprintable():
            validate_email(text, check_deliverability=False, allow_smtputf8=False)
            return None
    except EmailNotValidError:
        pass
    return "n'a pas la forme d'une adresse électronique"


def clean_text(text: str) -> str:
    """A free text as it is stored: without outer spaces, nor the marks that come with what one pastes."""
    return without_pasted(text).strip()


def text_problem(text: str, *, required: bool = True) -> str | None:
    """The problem of a free text (a reason, a note), in French; None when it is fine."""
    text = clean_text(text)
    if not text:
        return "est vide" if required else None
    if len(text) > _MAX_TEXT:
        return f"compte {len(text)} caractères, {_MAX_TEXT} au plus"
    if has_invisible(text.translate(_LINE_ENDS)):
        return "contient un caractère invisible"
    return None


def normalise_reference(text: str) -> str:
    """A request's reference as stored: capitals, no space, a plain hyphen for each typographic one."""
    return re.sub(r"\s+", "", plain_hyphens(without_pasted(text))).upper()


def normalise_uai(text: str) -> str:
    """An UAI as stored: capitals, no space, no hyphen (R11)."""
    return re.sub(r"[\s-]+", "", plain_hyphens(without_pasted(text))).upper()


def uai_problem(uai: str) -> str | None:
    """The problem of a normalised UAI, in French; None when form and check letter agree (R11)."""
    if not _UAI.fullmatch(uai):
        return "un UAI compte 7 chiffres et une lettre, par exemple 0310001H"
    expected = usual_uai(uai)[7]
    if uai[7] != expected:
        return f"la lettre de contrôle ne va pas avec {uai[:7]} : ce serait {expected}, ou un chiffre est mal tapé"
    return None


def usual_uai(uai: str) -> str:
    """The digits of a normalised UAI with the letter that they call for; a few real ones bear another (R11)."""
    return uai[:7] + UAI_LETTERS[int(uai[:7]) % 23]


def has_uai_form(uai: str) -> bool:
    """Return True for seven digits and any letter, as the directory may hold (R11)."""
    return bool(_UAI.fullmatch(uai))


def proposed_name(typed: str) -> str:
    """``Martin`` for ``MARTIN``, ``de La Rochefoucauld`` for ``DE LA ROCHEFOUCAULD``, ``McDonald`` for ``mcdonald``.

    Only the words typed all in capitals or all in small letters are rewritten: ``LeBlanc`` was written with care. The
    letters stay the same, so that it is the same person (R17).
    """
    words = list(_WORDS.finditer(typed))
    return "".join(_pieces(typed, words))


@dataclass(frozen=True, slots=True)
class MailDomains:
    """The domains in which the académie's people have their addresses; ``*`` stands for any letters.

    ``own`` is the académie's, that of every example.
    """

    patterns: tuple[str, ...] = ("ac-*.fr",)
    own: str = "ac-toulouse.fr"

    @property
    def example(self) -> str:
        """An address as a person's is written here."""
        return f"prenom.nom@{self.own}"

    def is_usual(self, mail: str) -> bool:
        """Return True for an address in one of these domains, which no slip of the keyboard made of a known one."""
        domain = _domain_of(mail)
        if domain in self._known:
            return True
        return any(fnmatchcase(domain, pattern) for pattern in self.patterns) and not self.likely_domain(mail)

    def likely_domain(self, mail: str) -> str:
        """The known domain of which this address has nearly the letters; empty when there is none."""
        domain = _domain_of(mail)
        near = [known for known in self._known if domain != known and 0 < slips(domain, known) <= _SLIPS]
        return near[0] if near else ""

    @property
    def _known(self) -> tuple[str, ...]:
        """The domains written out, the académie's own first."""
        return tuple(dict.fromkeys((self.own, *(pattern for pattern in self.patterns if _ANY not in pattern))))


def slips(typed: str, known: str) -> int:
    """Count the letters to add, take away, change or swap with the next to go from one word to the other."""
    if abs(len(typed) - len(known)) > _SLIPS:
        return _SLIPS + 1
    before: list[int] = []
    row = list(range(len(known) + 1))
    for i, letter in enumerate(typed, 1):
        before, last, row = row, before, [i]
        for j, other in enumerate(known, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == known[j - 2] and typed[i - 2] == other:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _mail_slip(text: str) -> str | None:
    """The slip of the keyboard in an address, in French, with what to write instead."""
    if "," in text:
        return "contient une virgule : écrire un point à la place"
    if "@" not in text:
        return "n'a pas de « @ »"
    if "." not in text.rpartition("@")[2]:
        return "n'a pas de point après « @ »"
    return None


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


def _domain_of(mail: str) -> str:
    return mail.rpartition("@")[2].strip().casefold()
