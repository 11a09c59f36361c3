"""A browser in words (R104, R107)."""

import pytest

from workflow.auth.browsers import UNKNOWN, describe

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.rule("R104")
@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox sur Windows"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64) {WEBKIT} Chrome/130.0 Safari/537.36 Edg/130.0", "Edge sur Windows"),
        (f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/130.0 Mobile Safari/537.36", "Chrome sur Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
         " Version/17.5 Mobile/15E148 Safari/604.1", "Safari sur iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox sur macOS"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox sur Linux"),
        ("Lynx/2.9 (Linux)", f"{UNKNOWN} sur Linux"),
        ("", UNKNOWN),
    ],
)  # fmt: skip
def test_a_browser_is_named_in_words(header: str, words: str) -> None:
    assert describe(header) == words


@pytest.mark.rule("R104")
def test_nothing_of_the_header_itself_comes_out() -> None:
    header = "<a href='https://piège.example'>Cliquez</a> Firefox/9 (Windows) \r\nBcc: x@y.z"
    assert describe(header) == "Firefox sur Windows"
    assert describe("jean.dupont@example.org") == UNKNOWN
