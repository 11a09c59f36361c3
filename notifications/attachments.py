"""A file that leaves with a mail: what the composer of the message needs of it, and nothing of where it was found."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Attachment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A PDF file joined to a mail (R59): the name it bears there, its bytes, and the title that readers know it by."""

    filename: str
    content: bytes
    title: str = ""
