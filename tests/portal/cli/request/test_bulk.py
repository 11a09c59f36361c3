import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from states.vocabulary import State
from tests.portal.cli.desk import Desk, open_desk
from tests.workflow.requests.office import LYCEE
from workflow.database.faults import DatabaseBusy
from workflow.engine.engine import Engine

FOUND = ("--outcome", "positive", "--source", "liste du 9 octobre")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with open_desk(tmp_path, monkeypatch) as desk:
        yield desk


def people(desk: Desk, count: int, state: State = State.REQUESTED) -> list[str]:
    return [
        desk.office.request(state, nom=f"Abadie{'abcdefghij'[n]}", mail=f"a{n}@ac-toulouse.fr") for n in range(count)
    ]


@pytest.mark.rule("R34")
def test_bulk__one_line_each_in_the_order_given(desk: Desk) -> None:
    first, second, third = people(desk, 3)
    output = desk.did("check-listing", third, first, second, first, *FOUND)
    done = "la vérification de la liste est enregistrée (état : demandée)."
    assert output.splitlines() == [f"{reference} : {done}" for reference in (third, first, second)]
    assert desk.read("show", first)["version"] == 5


@pytest.mark.rule("R7")
def test_bulk__a_refusal_stops_nobody_else(desk: Desk) -> None:
    first, second = people(desk, 2)
    done = desk.oda("request", "revoke", first, "ODA-2027-99999", second, "--reason", "mission")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert [line.partition(" : ")[0] for line in lines] == [first, "ODA-2027-99999", second]
    assert "refusé. Aucune demande" in lines[1]
    assert done.stderr == "1 demande sur 3 : l'action est refusée, rien n'y a changé. Le reste est fait.\n"
    assert {line["state"] for line in desk.read("list", "--all")} == {"revoked"}


def test_bulk__all_refused(desk: Desk) -> None:
    first, second = people(desk, 2)
    message = desk.refused("confirm-removal", first, second, "--outcome", "removed")
    assert message == "2 demandes sur 2 : l'action est refusée, rien n'y a changé.\n"


def test_bulk__in_json_each_tells_its_reasons(desk: Desk) -> None:
    (reference,) = people(desk, 1)
    done = desk.oda("request", "check-delegation", reference, "ODA-2027-99999", *FOUND, "--json")
    first, second = json.loads(done.stdout)
    assert (done.exit_code, first["state"], first["refused"]) == (1, "requested", [])
    assert [reason["code"] for reason in second["refused"]] == ["unknown_request"]


@pytest.mark.rule("R10")
def test_bulk__replayed_under_its_key(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.cli.request.execute.BATCH_SIZE", 2)
    many = people(desk, 5)
    for _ in range(2):
        output = desk.did("check-listing", *many, *FOUND, "--key", "lot")
    assert output.count("déjà fait sous cette clé") == 5
    assert {desk.read("show", reference)["version"] for reference in many} == {5}


def test_bulk__what_was_done_before_a_failure_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.cli.request.execute.BATCH_SIZE", 2)
    many = people(desk, 3)
    execute, calls = Engine.execute, iter(range(9))

    def then_busy(self: Engine, *args: object, **options: object) -> object:
        if next(calls) == 1:
            raise DatabaseBusy
        return execute(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Engine, "execute", then_busy)
    done = desk.oda("request", "check-listing", *many, *FOUND)
    assert done.exit_code == 75
    assert [line.partition(" : ")[0] for line in done.stdout.splitlines()] == many[:2]
    assert "occupée" in done.stderr


@pytest.mark.rule("R9")
def test_bulk__no_version_for_several(desk: Desk) -> None:
    assert "--version" in desk.refused("revoke", "A", "B", "--reason", "error", "--version", "3", code=2)


@pytest.mark.rule("R19")
def test_bulk__warnings_name_their_request(desk: Desk) -> None:
    context, there = desk.office.request(State.REQUESTED), desk.office.request(State.REQUESTED, LYCEE)
    warned = desk.oda("request", "check-listing", context, there, *FOUND).stderr.splitlines()
    assert warned[0].startswith(f"Attention : {context} : La demande {there} est en cours")
    assert len(warned) == 2
