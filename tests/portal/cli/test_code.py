"""``oda code``: drawn in a batch, given by a file, sent, taken back (R62, R97, R98)."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from states import commands as c
from states.vocabulary import CheckOutcome, State
from tests.kit.installation import OTHER_OPERATOR
from tests.portal.cli.desk import AS_READER, Desk, open_desk

AS_OTHER = f"operator:{OTHER_OPERATOR}"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with open_desk(tmp_path, monkeypatch) as desk:
        yield desk


def draws(desk: Desk) -> None:
    """From now on codes are drawn, and their mails held for a minute."""
    settings = desk.config.read_text()
    desk.config.write_text(settings.replace("hold_seconds: 0", "hold_seconds: 60\n  source: drawn"))


def ready(desk: Desk, count: int) -> list[str]:
    """So many requests that wait for their code alone."""
    references = [
        desk.office.request(State.REQUESTED, nom=f"Abadie{'abcdef'[n]}", mail=f"a{n}@ac-toulouse.fr")
        for n in range(count)
    ]
    for check in (c.CheckListing, c.CheckDelegation):
        desk.office.do(*(check(reference=r, outcome=CheckOutcome.POSITIVE, source="liste") for r in references))
    return references


def states(desk: Desk, references: list[str]) -> list[str]:
    return [desk.office.view(reference).request.state.value for reference in references]


@pytest.mark.rule("R97", "R60")
def test_batch__its_file_once_then_a_selection_is_done(desk: Desk) -> None:
    draws(desk)
    references = ready(desk, 3)
    assert "Lot n° 1" in desk.oda("code", "draw", "--ready").stderr
    assert desk.oda("code", "draw", "--ready", who=AS_OTHER).exit_code == 1
    early = desk.oda("code", "done", "1")
    assert (early.exit_code, "téléchargé le fichier" in early.output) == (1, True)
    assert desk.oda("code", "file", "1", who=AS_READER).exit_code != 0
    file = desk.oda("code", "file", "1")
    assert all(file.stdout.count(reference) == 1 for reference in references)
    twice = desk.oda("code", "file", "1")
    assert (twice.exit_code, twice.stdout, "--why" in twice.stderr or "pourquoi" in twice.stderr) == (1, "", True)
    assert desk.oda("code", "file", "1", "--why", "console en panne").stdout == file.stdout

    assert desk.oda("code", "done", "1", "--except", references[2]).exit_code == 0
    again = desk.oda("code", "done", "1", references[0], who=AS_OTHER)
    assert (again.exit_code, "refusé" in again.output) == (1, True)
    assert states(desk, references) == ["code_issued", "code_issued", "requested"]
    assert json.loads(desk.oda("code", "list", "--json").stdout)[0]["references"] == [references[2]]


@pytest.mark.rule("R62", "R97")
def test_take_back__a_whole_batch_at_once_while_it_is_held(desk: Desk) -> None:
    draws(desk)
    references = ready(desk, 2)
    desk.oda("code", "draw", "--ready")
    desk.oda("code", "file", "1")
    nothing = desk.oda("code", "take-back", "1")
    assert (nothing.exit_code, "n'attend de partir" in nothing.output) == (1, True)
    desk.oda("code", "done", "1")
    assert desk.oda("code", "take-back", "1", who=AS_READER).exit_code != 0
    done = desk.oda("code", "take-back", "1")
    assert (done.exit_code, done.stdout.count("envoi annulé")) == (0, 2)
    assert states(desk, references) == ["requested"] * 2
    desk.oda("code", "draw", "--ready")
    desk.oda("code", "file", "2")
    desk.oda("code", "done", "2")
    desk.clock.advance(seconds=61)
    late = desk.oda("code", "take-back", "2", *references)
    assert (late.exit_code, late.stdout.count("refusé")) == (1, 2)
    assert states(desk, references) == ["code_issued"] * 2


@pytest.mark.rule("R98", "R60")
def test_file__each_refusal_is_told_and_stops_no_other_line(desk: Desk, tmp_path: Path) -> None:
    right, twice, same, other = references = ready(desk, 4)
    early = desk.office.request(State.DECLARED, nom="Roux", mail="roux@ac-toulouse.fr")
    lines = [
        f"{right};BON12345", f"{twice};AAA11111", f"{twice};AAA22222", f"{same};SEM33333", f"{other};SEM33333",
        f"{early};TOT44444", "ODA-2026-09999;INC55555", "zut;ZUT66666",
    ]  # fmt: skip
    file = tmp_path / "codes.csv"
    file.write_text("référence;code\n" + "\n".join(lines) + "\n")
    dry = desk.oda("code", "issue", str(file), "--dry-run")
    assert (dry.exit_code, "1 code à émettre, 7 lignes refusées" in dry.output) == (1, True), dry.output
    assert all(f"Ligne {line} (" in dry.output for line in range(3, 10))
    assert states(desk, references) == ["requested"] * 4
    done = desk.oda("code", "issue", str(file), "--yes", "--json")
    assert done.exit_code == 1
    assert [not row["refused"] for row in json.loads(done.stdout)] == [True] + [False] * 7
    assert states(desk, references) == ["code_issued"] + ["requested"] * 3
    again = desk.oda("code", "issue", str(file), "--yes", who=AS_OTHER)
    assert (again.exit_code, "0 code à émettre" in again.output) == (1, True)
    secrets = [line.split(";")[1] for line in lines]
    assert not [secret for secret in secrets if any(secret in output for output in desk.outputs)]
