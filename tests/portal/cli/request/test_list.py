import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifications.vocabulary import Stage
from states.vocabulary import State
from tests.portal.cli.desk import AS_CHEF, AS_READER, Desk, open_desk
from tests.workflow.requests.office import LYCEE, OTHER


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with open_desk(tmp_path, monkeypatch) as desk:
        yield desk


def references(desk: Desk, *args: str) -> list[str]:
    return [line["reference"] for line in desk.read("list", *args)]


def test_list__columns(desk: Desk) -> None:
    desk.office.request(State.CODE_ISSUED)
    heading, line = desk.did("list").splitlines()
    assert heading.split() == ["Référence", "État", "Établissement", "RUPN", "Année", "Depuis"]
    assert "0310001H Collège Jean-Moulin" in line
    assert line.endswith("D'Étienne Anne-Sophie  2026-2027  12/10/2026 11:00")


def test_list__empty_says_what_to_do(desk: Desk) -> None:
    desk.office.request(State.REVOKED)
    assert "ajouter --all" in desk.did("list")
    assert desk.read("list") == []
    assert len(desk.read("list", "--all")) == 1


def test_list__json_has_every_field(desk: Desk) -> None:
    desk.office.request(State.CODE_ISSUED)
    (line,) = desk.read("list")
    assert line == {
        "reference": "ODA-2027-00001", "state": "code_issued", "uai": "0310001H",
        "establishment": "Collège Jean-Moulin", "commune": "Toulouse", "departement": "31", "nom": "D'Étienne",
        "prenom": "Anne-Sophie", "mail": "anne-sophie.detienne@ac-toulouse.fr", "school_year": "2026-2027",
        "since": "2026-10-12T09:00:00+00:00", "changed_at": "2026-10-12T09:00:00+00:00", "version": 7,
        "code_fate": "waiting", "expires_on": "2027-08-31", "handed_on": None, "removal_open": False,
        "report_open": False,
    }  # fmt: skip


def test_list__pages(desk: Desk) -> None:
    for n in range(3):
        desk.office.declare(nom=f"Abadie{'abc'[n]}", mail=f"a{n}@ac-toulouse.fr")
    first = desk.oda("request", "list", "--limit", "2")
    assert first.stderr == "La suite : ajouter --after ODA-2027-00002\n"
    rest = desk.oda("request", "list", "--limit", "2", "--after", "ODA-2027-00002")
    assert rest.stdout.splitlines()[1].startswith("ODA-2027-00003")
    assert rest.stderr == ""


@pytest.mark.rule("R43", "R46", "R49", "R58")
def test_list__filters(desk: Desk) -> None:
    requested = desk.office.request(State.REQUESTED)
    issued = desk.office.request(State.CODE_ISSUED, LYCEE, nom="Zola", mail="zola@ac-toulouse.fr")
    revoked = desk.office.request(State.REVOKED, OTHER, nom="Verne", mail="verne@ac-toulouse.fr")
    desk.office.mail_becomes(Stage.DEAD, issued)
    desk.did("report-change", requested, "--change", "absence", "--from", "12/10/2026")
    assert references(desk) == [issued, requested]
    assert references(desk, "--undeliverable") == references(desk, "--name", "ZOLA") == [issued]
    assert references(desk, "--removal-open") == references(desk, "--uai", "0751234j", "--all") == [revoked]
    assert references(desk, "--report-open") == [requested]
    assert references(desk, "--state", "code-issued", "--state", "revoked") == [issued, revoked]
    assert references(desk, "--departement", "012", "--year", "2026-2027") == [issued]
    assert references(desk, "--mail", "ZOLA@ac-toulouse.fr") == [issued]
    assert references(desk, "--expiry-differs") == references(desk, "--late") == []
    desk.clock.advance(days=11)
    assert references(desk, "--late") == [requested]
    status = dict(re.split(" {2,}", row)[:2] for row in desk.did("list", "--all").splitlines()[1:])
    assert status == {
        issued: "code transmis, non remis", requested: "demandée, signalement", revoked: "révoquée, à retirer",
    }  # fmt: skip


@pytest.mark.rule("R2", "R3")
def test_list__who_sees_what(desk: Desk) -> None:
    mine, theirs = desk.office.declare(), desk.office.declare(OTHER)
    assert [line["reference"] for line in desk.read("list", who=AS_CHEF)] == [mine]
    assert [line["reference"] for line in desk.read("list", who=AS_READER)] == [mine, theirs]


def test_list__hostile_values_are_harmless(desk: Desk) -> None:
    for name in ("' OR 1=1 --", "%", "\x1b[31m", "a\nb", "é" * 200):
        assert "Aucune demande" in desk.did("list", "--name", name)
    assert "n'est pas accepté" in desk.refused("list", "--state", "x\x1b[31m", code=2)
    assert "Aucune demande" in desk.did("list", "--after", "zzz")
