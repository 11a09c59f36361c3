"""What a relay answers may quote the message: nothing of the code stays in what is kept of its words (R60)."""

import re

from notifications.rendering import MASK

PIECE = 6
"""How many characters of the code, side by side, already tell too much of it."""
_STATUS = re.compile(r"\s*(\d{3}[ -]?(?:\d\.\d{1,3}\.\d{1,3})?)")
_ENCODED = re.compile(r"[A-Za-z0-9+/_=%&#;:\\-]{20,}")
"""Long enough to be sixteen characters in base64, in hexadecimal or in any escape."""


def masked(reply: str, code: str) -> str:
    """The reply with the code masked; its status alone when it quotes the code broken, changed or encoded.

    A relay may fold its lines, change the case, quote the message as it came on the wire, or a piece of it only.
    """
    told = reply.replace(code, MASK)
    return told if _is_clean(told, code) else f"{_status(reply)} {MASK}".strip()


def _is_clean(told: str, code: str) -> bool:
    rest = told.replace(MASK, " ")
    if any(not _is_plain(word) for word in _ENCODED.findall(rest)):
        return False
    letters, secret = _letters(rest), _letters(code)
    size = min(PIECE, len(secret))
    return not any(secret[at : at + size] in letters for at in range(len(secret) - size + 1))


def _is_plain(word: str) -> bool:
    """A long word of a reply that is no encoding: words of one case, as in an address, or joined by dashes and dots."""
    return word.isalpha() and (word.islower() or word.isupper())


def _letters(text: str) -> str:
    """Letters and digits alone, of one case, the ends of the reply's lines and its status codes left out."""
    joined = re.sub(r"\s*\n\s*(?:\d{3}[ -])?(?:\d\.\d{1,3}\.\d{1,3}\s)?", "", text)
    return "".join(character for character in joined.casefold() if character.isalnum())


def _status(reply: str) -> str:
    found = _STATUS.match(reply)
    return found[1].strip(" -") if found else ""
