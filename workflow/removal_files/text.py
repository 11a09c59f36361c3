"""From the bytes of a file to its text; what is no text is refused, with what to do (R83)."""

from typing import Final

_BINARY: Final = bytes({*range(32), 127} - {*b"\t\n\r\v\f"})
_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How the files of spreadsheets begin, the new ones and the old."""
_TWO_BYTES: Final = (b"\xff\xfe", b"\xfe\xff")


class FileRefused(Exception):
    """The whole file cannot be taken; the message is French, and says what to do."""


def text_of(content: bytes, *, most: int) -> str:
    """The text of a file in UTF-8, marked or not, or in Latin-1; ``most`` is in bytes. Raises FileRefused."""
    if len(content) > most:
        size = f"{most // 1_000_000} Mo" if most >= 1_000_000 else f"{most // 1000} ko"
        raise FileRefused(f"Ce fichier dépasse {size} : le couper en plusieurs, et les donner l'un après l'autre.")
    if content.startswith(_WORKBOOKS):
        raise FileRefused("C'est un classeur de tableur : l'enregistrer au format CSV (UTF-8), puis donner ce fichier.")
    if content.startswith(_TWO_BYTES):
        raise FileRefused("Ce fichier est en UTF-16 : l'enregistrer au format CSV (UTF-8).")
    if content.translate(None, _BINARY) != content:
        raise FileRefused("Ce n'est pas un fichier de texte : donner un fichier CSV, ou une référence par ligne.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("windows-1252", "replace")
