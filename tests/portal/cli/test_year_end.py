"""``oda year-end``: what would happen is told whole, and a held end waits for an operator (R52, R53)."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from portal.cli.main import oda
from tests.kit import year_end_scene as year_end_scene
from tests.kit.clock import FakeClock, replace_system_clock
from tests.kit.installation import OPERATOR, READER
from tests.kit.year_end_scene import BARE, CLOSED, FULL, OVER, REFERENCES

Run = Callable[..., Result]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock(year_end_scene.SPRING)
    replace_system_clock(monkeypatch, clock)
    return clock


@pytest.fixture
def run(tmp_path: Path, clock: FakeClock) -> Run:
    year_end_scene.filled_folder(tmp_path, clock).close()

    def invoke(*args: str) -> Result:
        return CliRunner().invoke(oda, ["--config", str(tmp_path / "config.yaml"), *args])

    return invoke


AS = ("--as", f"operator:{OPERATOR}")


@pytest.mark.rule("R53", "R54")
def test_preview__tells_everything_to_a_person(run: Run) -> None:
    done = run(*AS, "year-end", "preview")
    assert (done.exit_code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "Au 31 août 2027 à 24 h. Prévision : rien n'est écrit."
    for references in REFERENCES.values():
        assert all(any(line.startswith(f"  {reference}  ") for line in lines) for reference in references)
    assert "  ODA-2027-00003  Luc Perdue, code transmis ! code qui n'a pas été remis à l'établissement" in lines
    assert "  courriel : fin d'année scolaire → (aucune boîte)" in lines
    assert "  à révoquer : 4 demandes dans 3 établissements" in lines
    assert "    département 031 : 3" in lines
    assert "  courriels, « fin d'année scolaire » : 2" in lines
    assert "  courriel, « bilan de fin d'année » : 1 → oda@ac-toulouse.fr" in lines
    assert "  ! 1 × établissement fermé" in lines
    assert "! Année 2025-2026 : 1 retrait de droits encore à confirmer." in lines
    assert not any("frein" in line for line in lines), "it would hold nothing, if the schedule runs"


@pytest.mark.rule("R53")
def test_preview__json_has_it_all(run: Run) -> None:
    preview = json.loads(run(*AS, "year-end", "preview", "--json").stdout)
    assert [establishment["uai"] for establishment in preview["establishments"]] == [FULL, BARE, CLOSED]
    references = [
        request["reference"] for establishment in preview["establishments"] for request in establishment["requests"]
    ]
    assert references == [reference for some in REFERENCES.values() for reference in some]
    assert (preview["on"], preview["at"], preview["requests"]) == ("2027-08-31", "2027-08-31T22:00:00+00:00", 4)
    [year] = preview["years"]
    assert (year["mails"], year["without_mailbox"]) == ({"year_end": 2}, [BARE])
    assert (year["held"]["why"], year["held"]["avoidable"]) == ("unforeseen", True)


@pytest.mark.rule("R23", "R53")
@pytest.mark.parametrize(("day", "requests"), [("30/08/2027", 0), ("2027-08-31", 4), ("01/09/2027", 4)])
def test_preview__looks_at_the_end_of_the_day_asked(run: Run, day: str, requests: int) -> None:
    preview = json.loads(run(*AS, "year-end", "preview", "--on", day, "--json").stdout)
    assert (preview["requests"], len(preview["establishments"])) == (requests, 3 if requests else 0)


@pytest.mark.rule("R53")
def test_preview__of_a_day_before_the_end_is_empty(run: Run) -> None:
    assert "Aucune demande en cours" in run(*AS, "year-end", "preview", "--on", "30/08/2027").stdout


@pytest.mark.rule("R2", "R3")
def test_preview__names_nobody_to_who_may_not_enter(run: Run) -> None:
    for who in ((), ("--as", f"chef:{FULL}")):
        done = run(*who, "year-end", "preview")
        assert (done.exit_code, done.stdout) == (1, "")
    assert run("--as", f"lecteur:{READER}", "year-end", "preview").exit_code == 0


@pytest.mark.rule("R52")
def test_confirm__shows_why_then_revokes_once(run: Run, clock: FakeClock) -> None:
    clock.set(OVER + timedelta(hours=1))
    assert "est retenue" in run("tick").stderr
    assert "oda year-end confirm 2026-2027" in run(*AS, "year-end", "preview").stdout
    done = run(*AS, "year-end", "confirm", "2026-2027", "--yes")
    assert done.exit_code == 0
    assert "est retenue depuis le 1er septembre 2027 à 1 h 00" in done.stderr
    assert "sa date n'avait pas été enregistrée avant qu'elle passe" in done.stderr
    assert "Confirmer révoque 4 demandes dans 3 établissements" in done.stderr
    assert "Année 2026-2027 : 4 demandes révoquées." in done.stdout
    again = run(*AS, "year-end", "confirm", "2026-2027", "--yes")
    assert again.exit_code == 1
    assert "n'est pas retenue" in again.stderr
    assert run("journal", "verify").exit_code == 0


@pytest.mark.rule("R52")
def test_confirm__asks_on_a_terminal_and_takes_no_for_an_answer(
    run: Run, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.set(OVER)
    run("tick")
    result = run(*AS, "year-end", "confirm", "2026-2027")
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    monkeypatch.setattr("portal.cli.year_end.ask_confirmation", lambda *_: False)
    refused = run(*AS, "year-end", "confirm", "2026-2027")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert json.loads(run(*AS, "year-end", "preview", "--json").stdout)["requests"] == 4


@pytest.mark.rule("R2", "R52")
@pytest.mark.parametrize("who", [f"lecteur:{READER}", f"chef:{FULL}"])
def test_confirm__is_for_operators_only(run: Run, clock: FakeClock, who: str) -> None:
    clock.set(OVER)
    run("tick")
    done = run("--as", who, "year-end", "confirm", "2026-2027", "--yes")
    assert done.exit_code == 1
    assert "opérateur" in done.stderr
    assert json.loads(run(*AS, "year-end", "preview", "--json").stdout)["requests"] == 4


@pytest.mark.rule("R52")
def test_confirm__nothing_held(run: Run) -> None:
    done = run(*AS, "year-end", "confirm", "2026-2027", "--yes")
    assert done.exit_code == 1
    assert "n'est pas retenue : rien à confirmer" in done.stderr


@pytest.mark.parametrize("day", ["01/01/0001", "31/12/1999", "2100-01-01", "31/12/9999"])
def test_preview__of_a_day_without_a_school_year_is_a_usage_error(run: Run, day: str) -> None:
    done = run(*AS, "year-end", "preview", "--on", day)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "hors limites : il faut un jour du 01/01/2000 au 31/12/2099." in done.stderr
