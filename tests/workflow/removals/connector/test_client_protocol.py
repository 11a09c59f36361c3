"""Each answer of the contract, and what no server of the contract says (R84)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic_core import to_json

from states.vocabulary import RemovalOutcome
from workflow.http_post import LATEST, Reply
from workflow.removals.connector.client import MAX_WORDS, USUAL, Answer, CallOutcome, cleaned, meaning

NOW = datetime(2027, 9, 1, 8, 0, tzinfo=UTC)
V = CallOutcome


def answer(status: int, content: Any = None, after: str | None = None, *, is_whole: bool = True) -> Answer:
    body = content if isinstance(content, bytes) else to_json(content)
    headers = {} if after is None else {"retry-after": after}
    return meaning(Reply(status=status, headers=headers, body=body, is_whole=is_whole), NOW)


@pytest.mark.rule("R84")
@pytest.mark.parametrize("outcome", RemovalOutcome)
def test_done__says_what_was_done(outcome: RemovalOutcome) -> None:
    result = answer(200, {"outcome": outcome.value, "message": "  clé\nretirée\u202e "})
    assert (result.verdict, result.outcome, result.words, result.of_all) == (V.ANSWERED, outcome, "clé retirée", False)


@pytest.mark.rule("R84")
@pytest.mark.parametrize(
    ("status", "content"),
    [
        (200, b"<html>ok</html>"), (200, b""), (200, [1]), (200, {"outcome": "done"}), (200, {"outcome": ["removed"]}),
        (200, {}), (200, b'{"outcome": NaN}'), (200, b"[" * 5000), (200, b"\xff\xfe"), (201, {"outcome": "removed"}),
        (204, b""), (301, b""), (307, b""), (100, b""),
        (200, b'{"outcome": "absent", "outcome": "removed"}'),
    ],
)  # fmt: skip
def test_odd__is_for_an_operator(status: int, content: Any) -> None:
    result = answer(status, content)
    assert (result.verdict, result.of_all) == (V.REFUSED, True)
    assert result.outcome is None
    assert result.words


@pytest.mark.rule("R84")
def test_odd__too_long() -> None:
    assert answer(200, {"outcome": "removed"}, is_whole=False).verdict is V.REFUSED


@pytest.mark.rule("R84")
def test_refused__with_the_server_s_words() -> None:
    result = answer(409, {"message": "compte verrouillé"})
    assert (result.verdict, result.words, result.status, result.of_all) == (V.REFUSED, "compte verrouillé", 409, False)
    assert answer(422, b"<html>").words == "réponse 422"
    assert answer(401, {"detail": "signature"}).of_all


@pytest.mark.rule("R84")
@pytest.mark.parametrize(
    ("status", "header", "after"),
    [
        (202, None, USUAL),
        (202, "600", timedelta(minutes=10)),
        (503, "1", timedelta(minutes=1)),
        (429, "Wed, 01 Sep 2027 09:00:00 GMT", timedelta(hours=1)),
        (503, "9" * 400, LATEST),
    ],
)
def test_later__as_the_server_asks_within_bounds(status: int, header: str | None, after: timedelta) -> None:
    result = answer(status, {}, header)
    assert (result.verdict, result.after) == (V.LATER, after)


@pytest.mark.rule("R84")
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 599])
def test_retry__when_the_server_is_in_trouble(status: int) -> None:
    for header in (None, "bientôt"):
        result = answer(status, b"<html>", header)
        assert (result.verdict, result.of_all) == (V.RETRY, True)


@pytest.mark.rule("R84")
def test_words__are_short_printable_and_on_one_line() -> None:
    words = cleaned("a\x00\x1b[31m\r\nb\u200b\u3164 " + "é" * 1000)
    assert len(words) <= MAX_WORDS
    assert words.isprintable()
    assert words.endswith("…")
    assert cleaned(None) == cleaned(["x"]) == ""
    assert cleaned("deux mots") == "deux mots"
