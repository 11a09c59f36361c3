"""Where to return after signing in: a page of ours, and no other."""

import re
from typing import Final
from urllib.parse import quote

LONGEST: Final = 500
_OURS = re.compile(r"/(?![/\\])[!-~]*")
"""One slash, then plain characters: what a browser cannot take for another host."""
_NOT_AGAIN: Final = ("/connexion", "/deconnexion")


def safe_back(path: object) -> str:
    """The path if it leads to one of our pages; empty for anything else, and for the pages of signing in themselves."""
    if not isinstance(path, str) or len(path) > LONGEST or "\\" in path or not _OURS.fullmatch(path):
        return ""
    return "" if path.startswith(_NOT_AGAIN) else path


def with_back(place: str, back: str) -> str:
    """The address of a page of signing in, which remembers where to return."""
    return f"{place}?suite={quote(back, safe='/')}" if back else place
