"""Names, mail addresses and UAI as people type them: cleaned, checked and compared (R11, R16, R17)."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from states.characters import fold, has_invisible, is_invisible, name_flaw, plain_hyphens, without_pasted

MAX_NAME = 100


MAX_TEXT = 1000


UAI_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"


_UAI = re.compile(r"[0-9]{7}[A-Z]")


_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


_SPACES = re.compile("[ \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")


_LINE_ENDS = str.maketrans("\n\r\t", "   ")


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


def _mail_slip(text: str) -> str | None:
    """The slip of the keyboard in an address, in French, with what to write instead."""
    if "," in text:
        return "contient une virgule : écrire un point à la place"
    if "@" not in text:
        return "n'a pas de « @ »"
    if "." not in text.rpartition("@")[2]:
        return "n'a pas de point après « @ »"
    return None


def clean_text(text: str) -> str:
    """A free text as it is stored: without outer spaces, nor the marks that come with what one pastes."""
    return without_pasted(text).strip()


def text_problem(text: str, *, required: bool = True) -> str | None:
    """The problem of a free text (a reason, a note), in French; None when it is fine."""
    text = clean_text(text)
    if not text:
        return "est vide" if required else None
    if len(text) > MAX_TEXT:
        return f"compte {len(text)} caractères, {MAX_TEXT} au plus"
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
