import getpass
import io
import sys
import warnings
from collections.abc import Callable

import pytest

from portal.cli.errors import CliFailure
from portal.cli.output import read_secret


def pipe(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))


def keyboard(monkeypatch: pytest.MonkeyPatch, ask: Callable[..., str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(getpass, "getpass", ask)


@pytest.mark.parametrize("content", [b"Ab12 \n", b"Ab12 ", b"Ab12 \r\nautre ligne\n"])
def test_secret__piped_is_the_first_line(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    pipe(monkeypatch, content)
    assert read_secret("Le code") == "Ab12 "


@pytest.mark.parametrize("content", [b"", b"\n"])
def test_secret__empty_is_refused(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    pipe(monkeypatch, content)
    with pytest.raises(CliFailure, match="Le code : rien n'a été donné"):
        read_secret("Le code")


def test_secret__unreadable_bytes_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, b"\xff\xfeAb12\n")
    with pytest.raises(CliFailure, match="UTF-8") as failure:
        read_secret("Le code")
    assert failure.value.__suppress_context__
    assert failure.value.details == ["Que faire : enregistrer le fichier en UTF-8, ou saisir au clavier."]


def test_secret__is_typed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    prompts: list[str] = []
    keyboard(monkeypatch, lambda prompt, stream: prompts.append(prompt) or "Ab12")  # type: ignore[func-returns-value]
    assert read_secret("Le code") == "Ab12"
    assert prompts == ["Le code : ", "Le code, une seconde fois : "]


def test_secret__typed_differently_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["Ab12", "Ab13"])
    keyboard(monkeypatch, lambda prompt, stream: next(answers))
    with pytest.raises(CliFailure, match="diffèrent"):
        read_secret("Le code")


def test_secret__is_not_read_where_it_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    def visible(prompt: str, stream: object) -> str:
        warnings.warn("Can not control echo", getpass.GetPassWarning, stacklevel=1)
        return "Ab12"

    keyboard(monkeypatch, visible)
    with pytest.raises(CliFailure, match="masquer"):
        read_secret("Le code")
