"""What a person is told of a browser: its name and its system, in words, of which nothing else is kept (R104, R107)."""

from typing import Final

UNKNOWN: Final = "un navigateur inconnu"

_NAMES: Final = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("Vivaldi/", "Vivaldi"), ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"), ("Firefox/", "Firefox"), ("Chromium/", "Chromium"), ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"), ("Trident/", "Internet Explorer"), ("Safari/", "Safari"),
)  # fmt: skip
"""What a browser calls itself; most add the names of others, so that the order counts."""

_SYSTEMS: Final = (
    ("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"), ("Linux", "Linux"),
)  # fmt: skip


def describe(user_agent: str) -> str:
    """Return a browser in words, by its ``User-Agent`` header: « Firefox sur Windows ».

    Only our own words come out, never a part of the header, which anybody may write as they like.
    """
    name = _first(_NAMES, user_agent)
    system = _first(_SYSTEMS, user_agent)
    if not system:
        return name or UNKNOWN
    return f"{name or UNKNOWN} sur {system}"


def _first(words: tuple[tuple[str, str], ...], text: str) -> str:
    return next((ours for theirs, ours in words if theirs in text), "")
