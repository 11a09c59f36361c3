import io
import json
import re
import sys
from contextlib import redirect_stdout
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import click
import pytest
from click.testing import CliRunner

from portal.cli import output
from portal.cli import output as cells
from portal.cli.directory import establishment
from portal.cli.mail import mail
from portal.cli.output import emit, progress
from states.school_calendar import SchoolYear
from states.vocabulary import State

COLUMNS = {"reference": "référence", "nom": "RUPN", "state": "état", "on": "le"}
ROWS: list[dict[str, object]] = [
    {"reference": "ODA-2027-00001", "nom": "Élodie d'Aÿ", "state": State.DECLARED, "on": date(2026, 9, 14), "more": 1},
    {"reference": "ODA-2027-00002", "nom": "B", "state": State.CODE_ISSUED, "on": None, "more": [SchoolYear(2026)]},
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _colourless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "100")


def text_on(rows: list[dict[str, object]], columns: dict[str, str], screen: io.StringIO) -> str:
    with redirect_stdout(screen):
        emit(rows, columns, as_json=False)
    return screen.getvalue()


def test_emit__json_is_one_array_of_whole_rows(capfd: pytest.CaptureFixture[str]) -> None:
    emit(ROWS, COLUMNS, as_json=True)
    text = capfd.readouterr().out
    assert "Élodie" in text
    assert json.loads(text)[0] == {
        "reference": "ODA-2027-00001",
        "nom": "Élodie d'Aÿ",
        "state": "declared",
        "on": "2026-09-14",
        "more": 1,
    }
    assert json.loads(text)[1]["more"] == ["2026-2027"]


def test_emit__json_of_nothing_is_an_empty_array(capfd: pytest.CaptureFixture[str]) -> None:
    emit([], COLUMNS, as_json=True)
    assert capfd.readouterr().out == "[]\n"


def test_emit__nothing_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    emit([], COLUMNS, as_json=False)
    assert capfd.readouterr().out == "Aucune demande ne correspond.\n"


def test_emit__away_from_a_terminal_columns_are_plain_and_whole(capfd: pytest.CaptureFixture[str]) -> None:
    emit([*ROWS, {"nom": "x" * 300}], COLUMNS, as_json=False)
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].split() == ["référence", "RUPN", "état", "le"]
    assert lines[1].split("  ", 1)[0] == "ODA-2027-00001"
    assert lines[1].endswith("déclarée       14/09/2026")
    assert lines[2].endswith("code transmis")
    assert "x" * 300 in lines[3]


def test_emit__on_a_terminal_is_a_table() -> None:
    text = text_on(ROWS, COLUMNS, Terminal())
    assert "───" in text
    assert "code transmis" in text


def test_emit__on_a_narrow_terminal_is_one_line_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")  # rich takes any dumb terminal for 80 columns wide
    monkeypatch.setenv("COLUMNS", "30")
    text = text_on(ROWS, COLUMNS, Terminal())
    assert text.startswith("référence : ODA-2027-00001\nRUPN : Élodie d'Aÿ\n")
    assert "\n\nréférence : ODA-2027-00002\n" in text


@pytest.mark.parametrize("width", [60, 70, 80, 100, 120])
def test_emit__no_word_is_broken_whatever_the_width(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    words = ["ODA-2027-00001", "ce.0329017c@ac-toulouse.fr", "Établissement", "Trois-Coteaux", "14/09/2026"]
    row: dict[str, object] = {str(number): f"{word} et la suite" for number, word in enumerate(words)}
    text = re.sub(r"\x1b\[[0-9;]*m", "", text_on([row], dict.fromkeys(row, "Titre"), Terminal()))
    for word in words:
        assert word in text
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("screen", [io.StringIO, Terminal])
def test_emit__data_cannot_drive_the_terminal(screen: type[io.StringIO]) -> None:
    text = text_on([{"nom": "A\x1b[2J\u009b31m\nB\u202e[bold]C"}], {"nom": "nom"}, screen())
    assert not {"\x1b", "\u009b", "\u202e"} & set(text)
    assert "B\N{REPLACEMENT CHARACTER}[bold]C" in text


def test_json__control_characters_are_escaped_and_come_back() -> None:
    name = "A\x1b\u009b\u202e\x7f\nB"
    text = cells.rows_as_json([{"nom": name}])
    assert not {"\x1b", "\u009b", "\u202e", "\x7f"} & set(text)
    assert json.loads(text) == [{"nom": name}]


def test_json__what_has_no_form_is_refused() -> None:
    with pytest.raises(TypeError, match="object has no JSON form"):
        cells.rows_as_json([{"x": object()}])


def test_cell__instants_are_the_academies() -> None:
    at = datetime(2026, 9, 14, 8, 5, tzinfo=UTC)
    assert cells.cell(at, ZoneInfo("Europe/Paris")) == "14/09/2026 10:05"
    assert cells.cell(at) == "14/09/2026 08:05 UTC"
    assert cells.cell([True, False]) == "oui, non"


def test_progress__is_silent_away_from_a_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with progress(3, "Envoi") as advance:
        advance(3)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("elapsed", "is_visible"), [(0.5, False), (1.5, True)])
def test_progress__shows_after_a_second(monkeypatch: pytest.MonkeyPatch, elapsed: float, is_visible: bool) -> None:
    instants = iter([10.0, 10.0 + elapsed])
    terminal = Terminal()
    monkeypatch.setattr(output, "monotonic", lambda: next(instants))
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress(3, "Envoi") as advance:
        advance(2)
    assert ("Envoi" in terminal.getvalue()) is is_visible


@pytest.mark.parametrize("group", [mail, establishment], ids=["mail", "establishment"])
def test_json__its_help_calls_a_listing_what_is_one(group: click.Group) -> None:
    assert "Écrit la liste en JSON." in CliRunner().invoke(group, ["list", "--help"]).stdout
    assert "Écrit tout en JSON." in CliRunner().invoke(group, ["show", "--help"]).stdout
