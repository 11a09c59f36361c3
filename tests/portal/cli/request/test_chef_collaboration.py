from collections.abc import Iterator
from pathlib import Path

import pytest

from states.vocabulary import State
from tests.kit.installation import OPERATOR, OTHER_OPERATOR
from tests.portal.cli.desk import AS_CHEF, AS_READER, Desk, open_desk
from tests.portal.cli.english import english
from workflow.requests.collaboration import LONGEST_NOTE

NOTE = "le chef rappelle jeudi"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with open_desk(tmp_path, monkeypatch) as desk:
        yield desk


@pytest.mark.rule("R88")
def test_colleagues__share_a_request_and_nobody_else_reads_their_notes(desk: Desk) -> None:
    reference = desk.office.request(State.REQUESTED)
    assert " à " in desk.did("take", reference).partition("vous vous en occupez jusqu'au ")[2]
    assert "la note n° 1 est écrite" in desk.did("note", reference, "--text", NOTE)
    text = " ".join(desk.did("show", reference).split())
    assert f"{OPERATOR} s'en occupe, jusqu'au " in text
    assert f"Note n° 1, {OPERATOR}, " in text
    assert f" : {NOTE} Ce que vous pouvez faire" in text

    of_reader, of_chef = (desk.did("show", reference, who=who) for who in (AS_READER, AS_CHEF))
    assert f"{OPERATOR} s'en occupe" in of_reader
    assert "Note n° 1" not in of_reader
    assert "Entre opérateurs" not in of_chef

    result = desk.oda("request", "take", reference, who=f"operator:{OTHER_OPERATOR}")
    assert result.exit_code == 0
    assert f"{OPERATOR} s'en occupait" in result.stderr
    assert "plus personne ne s'en occupe" in desk.did("release", reference)
    assert "la note n° 1 est effacée" in desk.did("erase-note", reference, "1", who=f"operator:{OTHER_OPERATOR}")
    assert "Entre opérateurs" not in desk.did("show", reference)
    assert [line for output in desk.outputs for line in english(output)] == []


@pytest.mark.rule("R2", "R88")
def test_colleagues__are_operators_and_refusals_change_nothing(desk: Desk) -> None:
    reference = desk.office.request(State.REQUESTED)
    actions = (("take",), ("release",), ("note", "--text", NOTE), ("erase-note", "1"))
    for name, *args in actions:
        for who in (AS_READER, AS_CHEF):
            assert "(R2). Que faire : " in desk.refused(name, reference, *args, who=who)
        assert "« ODA-2027-99999 »" in desk.refused(name, "ODA-2027-99999", *args)
    assert "(R88). Que faire : " in desk.refused("note", reference, "--text", "x" * (LONGEST_NOTE + 1))
    assert "n'a pas de note n° 1, rien n'a changé" in desk.refused("erase-note", reference, "1")
    assert "Entre opérateurs" not in desk.did("show", reference)
    assert [line for output in desk.outputs for line in english(output)] == []
