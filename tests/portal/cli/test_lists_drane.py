"""``oda drane``: what is to be sent, its file, what was sent, every RUPN declared (R25, R96)."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from states.vocabulary import State
from tests.portal.cli.desk import AS_CHEF, AS_READER, Desk, open_desk


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with open_desk(tmp_path, monkeypatch) as desk:
        yield desk


def transmitting(desk: Desk) -> None:
    """Let the rectorat transmit the RUPN."""
    with desk.config.open("a", encoding="utf-8") as config:
        config.write("drane:\n  declaration: sent_by_us\n")


@pytest.mark.rule("R96")
def test_file__prepared_written_then_noted_for_some_and_for_the_rest(desk: Desk) -> None:
    transmitting(desk)
    first = desk.office.request(State.DECLARED, nom="Abadie", mail="a@ac-toulouse.fr")
    second = desk.office.request(State.REQUESTED, nom="Bonnet", mail="b@ac-toulouse.fr")
    assert desk.oda("drane", "list", who=AS_READER).stdout.count("ajout") == 2
    file = desk.config.parent / "transmission.csv"
    preparation = desk.oda("drane", "file", "-o", str(file))
    assert (preparation.exit_code, "oda drane sent 1" in preparation.stderr) == (0, True)
    assert file.read_text(encoding="utf-8-sig").splitlines()[0].startswith("Mouvement;UAI;")
    again = desk.oda("drane", "file", "-o", str(file))
    assert (again.exit_code, "rien n'est préparé" in again.stderr) == (1, True)
    assert "1 ligne est notée transmise" in desk.oda("drane", "sent", "1", first).stderr
    assert desk.oda("drane", "file", "--number", "1", "-o", str(file), "--force").exit_code == 0
    assert [line for line in file.read_text(encoding="utf-8-sig").splitlines() if first in line] == []
    (waiting,) = json.loads(desk.oda("drane", "transmissions", "--json").stdout)
    assert (waiting["lines"], waiting["waiting"]) == (2, 1)
    (result,) = json.loads(desk.oda("drane", "sent", "1", "--json").stdout)
    assert result == {"reference": second, "refused": []}
    assert desk.oda("drane", "sent", "1").exit_code == 1
    assert "Rien à transmettre" in desk.oda("drane", "list").stdout


@pytest.mark.rule("R96", "R2")
def test_declared__whatever_the_setting_and_the_rest_leads_to_it(desk: Desk) -> None:
    reference = desk.office.request(State.DECLARED, nom="Abadie", mail="a@ac-toulouse.fr")
    result = desk.oda("drane", "declared", who=AS_READER)
    assert (result.exit_code, reference in result.stdout, "déclarée" in result.stdout) == (0, True, True)
    file = desk.config.parent / "rupn.ods"
    assert desk.oda("drane", "declared", "-o", str(file)).exit_code == 0
    assert file.read_bytes().startswith(b"PK")
    refused = desk.oda("drane", "list")
    assert (refused.exit_code, "drane.declaration: sent_by_us" in refused.stderr) == (1, True)
    assert desk.oda("drane", "declared", who=AS_CHEF).exit_code != 0


@pytest.mark.rule("R96")
def test_sent__without_a_file_given_up_and_an_unknown_number(desk: Desk) -> None:
    transmitting(desk)
    reference = desk.office.request(State.DECLARED, nom="Abadie", mail="a@ac-toulouse.fr")
    assert desk.oda("drane", "sent", "7").exit_code == 1
    assert desk.oda("drane", "file", reference, "-o", str(desk.config.parent / "un.xlsx")).exit_code == 0
    assert desk.oda("drane", "give-up", "1", who=AS_READER).exit_code != 0
    assert "1 ligne est de nouveau à transmettre" in desk.oda("drane", "give-up", "1").stderr
    desk.did("send-to-drane", reference)
    assert "déjà notée" in desk.refused("send-to-drane", reference)
