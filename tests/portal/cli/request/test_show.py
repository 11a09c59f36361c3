import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from states import commands as c
from states.vocabulary import Change, State
from tests.kit import factories as make
from tests.portal.cli.desk import AS_CHEF, AS_OPERATOR, Desk, open_desk
from tests.workflow.requests.office import LYCEE


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with open_desk(tmp_path, monkeypatch) as desk:
        yield desk


SECTIONS = (
    "Établissement et année", "Côté établissement", "Vérifications du rectorat", "Code et clé", "Signalements",
    "Retrait des droits", "Autres demandes en cours de la personne (R19)", "Ce que vous pouvez faire", "Histoire",
)  # fmt: skip


def full(desk: Desk) -> str:
    """A revoked request with a report, and the same person elsewhere."""
    gone = desk.office.request(State.REVOKED)
    desk.office.request(State.CODE_ISSUED, LYCEE)
    return gone


def test_show__has_every_section_in_order(desk: Desk) -> None:
    reference = desk.office.request(State.CODE_ISSUED)
    desk.office.do(c.ReportChange(reference=reference, change=Change.KEY_LOST, effective_on=make.TODAY))
    desk.did("revoke", reference, "--reason", "compromise", "--note", "clé\nperdue")
    keeper = desk.office.request(State.CODE_ISSUED, LYCEE)
    text = desk.did("show", reference)
    assert [line for line in text.splitlines() if line in SECTIONS] == list(SECTIONS)
    assert f"Retirer les droits de cet établissement, garder la clé (elle sert à {keeper})" in " ".join(text.split())
    assert "précision : clé perdue" in text


@pytest.mark.parametrize("columns", [30, 80, 100])
def test_show__fits_the_terminal(desk: Desk, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert max(map(len, desk.did("show", full(desk)).splitlines())) <= columns


@pytest.mark.rule("R117")
def test_show__json_says_which_version_wrote_it(desk: Desk) -> None:
    assert desk.read("show", desk.office.request(State.DECLARED))["written_by"] == version("oda-delegations")


@pytest.mark.rule("R48", "R60")
def test_show__json_is_whole(desk: Desk) -> None:
    gone = full(desk)
    answer: dict[str, Any] = desk.read("show", gone)
    assert answer["establishment"]["mailbox"] == "ce.0310001h@ac-toulouse.fr"
    assert answer["removal"]["todo"]["action"] == "keep_key"
    assert [other["reference"] for other in answer["others"]] == ["ODA-2027-00002"]
    assert [event["trigger"] for event in answer["history"]][-1] == "revoke"
    assert answer["history"][-1]["notes"] == {"note": "fin\nde mission"}
    assert answer["history"][0]["source"] is None
    assert (answer["year_ends_on"], answer["year_end_is_default"]) == ("2027-08-31", False)
    assert {action["trigger"] for action in answer["actions"]} == {"confirm_removal", "renew"}
    assert answer["checks"]["listing"]["is_valid"]
    assert answer["next_step"]["trigger"] == "confirm_removal"
    assert make.CODE not in str(answer)


@pytest.mark.rule("R3", "R19", "R48")
def test_show__a_chef_is_told_nothing_of_elsewhere(desk: Desk) -> None:
    gone = full(desk)
    output = desk.did("show", gone, who=AS_CHEF) + str(desk.read("show", gone, who=AS_CHEF))
    assert LYCEE not in output
    assert "ODA-2027-00002" not in output


@pytest.mark.rule("R43")
def test_show__the_date_to_bear_when_the_year_moved(desk: Desk) -> None:
    reference = desk.office.request(State.CODE_ISSUED)
    config = desk.config.read_text(encoding="utf-8")
    moved = config.replace("school_year:\n", "school_year:\n  end_dates:\n    2026-2027: 2027-07-10\n")
    desk.config.write_text(moved, encoding="utf-8")
    text = desk.did("show", reference)
    assert "À porter sur le serveur ODA : 10 juillet 2027, puis cocher (R43)." in text
    assert [line["reference"] for line in desk.read("list", "--expiry-differs")] == [reference]
    desk.did("confirm-expiry", reference)
    assert desk.read("list", "--expiry-differs") == []


@pytest.mark.rule("R22")
def test_show__the_default_date_is_said(desk: Desk) -> None:
    reference = desk.office.declare()
    config = desk.config.read_text(encoding="utf-8")
    desk.config.write_text(config.replace("    2027-2028: 2027-09-01\n", ""), encoding="utf-8")
    assert "jusqu'au 31 août 2027 (date par défaut)" in desk.did("show", reference)


def test_json__has_the_fields_of_the_interface_for_programs(desk: Desk) -> None:
    from portal.api.schemas import EventOut, Line, RequestOut

    answer, (line,) = desk.read("show", full(desk)), desk.read("list", "--state", "revoked")
    assert answer.keys() == RequestOut.model_fields.keys() | {"actions", "history", "written_by"}
    assert {frozenset(event) for event in answer["history"]} == {frozenset(EventOut.model_fields)}
    assert line.keys() == Line.model_fields.keys()


def test_list__a_table_needs_nothing_of_the_interface(desk: Desk) -> None:
    imports = "import sys; from portal.cli.main import oda; oda(sys.argv[1:], standalone_mode=False);"
    command = f"{imports} assert not {{'fastapi', 'portal.api.schemas'}} & sys.modules.keys()"
    arguments = ("--config", str(desk.config), "--as", AS_OPERATOR, "request", "list")
    subprocess.run([sys.executable, "-c", command, *arguments], check=True)
