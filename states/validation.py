"""Names, mail addresses and UAI as people type them: cleaned, checked and compared (R11, R16, R17)."""

import re
import unicodedata
from functools import lru_cache

MAX_NAME = 100


MAX_TEXT = 1000


UAI_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"


_UAI = re.compile(r"[0-9]{7}[A-Z]")


_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff"
    "\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Line ends, invisible or direction marks, and the halves of characters that a wrongly decoded terminal gives."""


_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


_SPACES = re.compile("[ \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")


_UNDECOMPOSED = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ʼ": " "})


def is_storable(text: str) -> bool:
    """Return True when a database can store this text (R7).

    PostgreSQL takes no NUL, and half a surrogate pair is not Unicode.
    """
    return _UNSTORABLE.search(text) is None


def storable(text: str) -> str:
    """The text without the characters that no database stores, to show again what was typed."""
    return _UNSTORABLE.sub("", text)


def clean(text: str) -> str:
    """One form for what was typed: NFC, outer and doubled spaces gone."""
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip()


@lru_cache(maxsize=65536)
def fold(text: str) -> str:
    """A name without case, accents, hyphens, apostrophes: ``"D'Étienne-Noël"`` is ``"d etienne noel"`` (R17).

    The letters of every script count: two people must not be one because theirs were dropped.
    """
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).translate(_UNDECOMPOSED)
    bare = "".join(c for c in folded if not unicodedata.combining(c))
    return " ".join("".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in bare).split())


def person_key(nom: str, prenom: str) -> str:
    """Nom and prénom folded, whatever their order: equal for who is presumed the same person (R17)."""
    return " ".join(sorted(f"{fold(nom)} {fold(prenom)}".split()))


def fold_mail(mail: str) -> str:
    """A mail address as compared: equal for the same person (R17)."""
    return unicodedata.normalize("NFC", mail).strip().casefold()


def name_problem(text: str) -> str | None:
    """The problem of a nom or a prénom, in French; None when it is fine (R16)."""
    if not text:
        return "est vide"
    if len(text) > MAX_NAME:
        return f"compte {len(text)} caractères, {MAX_NAME} au plus"
    if _CONTROL.search(text):
        return "contient un retour à la ligne ou un caractère invisible"
    if not any(c.isalpha() for c in text):
        return "ne contient aucune lettre"
    if re.search(r"[<>{}@\\|\"]", text):
        return "contient un caractère qui n'est pas d'un nom"
    return None


def mail_problem(text: str) -> str | None:
    """The problem of a mail address, in French; None when it is fine (R16)."""
    from email_validator import EmailNotValidError, validate_email  # slow to load, and few commands need it

    if not text:
        return "est vide"
    try:
        validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        return "n'est pas une adresse électronique (exemple : prenom.nom@ac-toulouse.fr)"
    return None


def text_problem(text: str, *, required: bool = True) -> str | None:
    """The problem of a free text (a reason, a note), in French; None when it is fine."""
    if not text.strip():
        return "est vide" if required else None
    if len(text) > MAX_TEXT:
        return f"compte {len(text)} caractères, {MAX_TEXT} au plus"
    if _CONTROL.search(text.replace("\n", " ").replace("\r", " ").replace("\t", " ")):
        return "contient un caractère invisible"
    return None


def normalise_uai(text: str) -> str:
    """An UAI as stored: capitals, no space (R11)."""
    return re.sub(r"\s+", "", text).upper()


def uai_problem(uai: str) -> str | None:
    """The problem of a normalised UAI, in French; None when form and check letter agree (R11)."""
    if not _UAI.fullmatch(uai):
        return "un UAI compte 7 chiffres et une lettre, par exemple 0310001H"
    expected = UAI_LETTERS[int(uai[:7]) % 23]
    if uai[7] != expected:
        return f"la lettre de contrôle ne va pas avec {uai[:7]} : ce serait {expected}, ou un chiffre est mal tapé"
    return None


def has_uai_form(uai: str) -> bool:
    """Return True for seven digits and any letter, as the directory may hold (R11)."""
    return bool(_UAI.fullmatch(uai))
