import io
import sys

import pytest

from portal.cli.errors import CliFailure, ExitCode
from portal.cli.output import ask_confirmation


def keyboard(monkeypatch: pytest.MonkeyPatch, answer: str, *, is_terminal: bool = True) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: is_terminal)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("o\n", True), (" OUI \n", True), ("n\n", False), ("\n", False), ("yes\n", False), ("ok", False)],
)
def test_confirmed__yes_is_said_in_french(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str, expected: bool
) -> None:
    keyboard(monkeypatch, answer)
    assert ask_confirmation("Confirmer\x1b[31m ?") is expected
    assert capsys.readouterr() == ("", "Confirmer\ufffd[31m ? [o/N] ")


def test_confirmed__nobody_can_answer_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    keyboard(monkeypatch, "o\n", is_terminal=False)
    with pytest.raises(CliFailure) as failure:
        ask_confirmation(otherwise="--sure")
    assert failure.value.exit_code is ExitCode.USAGE
    assert "--sure" in failure.value.details[0]


def test_confirmed__leaving_interrupts(monkeypatch: pytest.MonkeyPatch) -> None:
    keyboard(monkeypatch, "")
    with pytest.raises(EOFError):
        ask_confirmation()
