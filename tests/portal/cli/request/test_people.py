from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.portal.cli.desk import AS_CHEF, ON_BEHALF, Desk, open_desk
from tests.workflow.requests.office import LYCEE, OTHER, UAI

WHO = ("--nom", "Ader", "--prenom", "Zoé", "--mail", "z.ader@ac-toulouse.fr")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with open_desk(tmp_path, monkeypatch) as desk:
        yield desk


@pytest.mark.rule("R5")
def test_on_behalf__all_three_or_none(desk: Desk) -> None:
    for number in range(0, 6, 2):
        some = ON_BEHALF[:number] + ON_BEHALF[number + 2 :]
        assert "vont ensemble" in desk.refused("declare", "--uai", UAI, *WHO, *some, code=2)
    late = (*ON_BEHALF[:-1], "2026-10-13")
    assert "(R5)" in desk.refused("declare", "--uai", UAI, *WHO, *late)


@pytest.mark.rule("R37")
def test_name__is_for_a_chef(desk: Desk) -> None:
    assert "--as chef" in desk.refused("declare", "--uai", UAI, *WHO, *ON_BEHALF, "--name", "Ader", code=2)
    assert "nom de qui agit" in desk.refused("declare", *WHO, "--name", "12", who=AS_CHEF)


@pytest.mark.rule("R4")
def test_deputy__acts_as_the_chef(desk: Desk) -> None:
    desk.did("declare", *WHO, "--name", "Claire Ader", who=f"adjoint:{UAI}")
    assert "Claire Ader, adjoint (0310001H)" in desk.did("show", "ODA-2027-00001")


def test_declare__says_which_establishment(desk: Desk) -> None:
    assert "--uai" in desk.refused("declare", *WHO, who=f"chef:{UAI},{LYCEE}", code=2)
    assert "(R3)" in desk.refused("declare", "--uai", OTHER, *WHO, who=AS_CHEF)
    assert "--uai" in desk.refused("declare", *WHO, *ON_BEHALF, code=2)
    assert "« 0310001A »" in desk.refused("declare", "--uai", "0310001a", *WHO, *ON_BEHALF)


@pytest.mark.rule("R16")
@pytest.mark.parametrize(
    "name", ["a\nb", "a\x1b[31mb", "x" * 200, "12", "<script>", "a\u202eb", " "],
)  # fmt: skip
def test_declare__unreadable_names_are_refused_and_harmless(desk: Desk, name: str) -> None:
    message = desk.refused("declare", "--nom", name, "--prenom", "Zoé", "--mail", "z@ac-toulouse.fr", who=AS_CHEF)
    assert "(R16)" in message
    assert "\x1b" not in message


@pytest.mark.rule("R16")
@pytest.mark.parametrize("name", ["D’Étienne", "N'Guyễn", "Ōe", "x" * 100, "Иванова", "Mª Pilar", "Gal·la"])
def test_declare__unusual_names_are_shown_as_they_are(desk: Desk, name: str) -> None:
    desk.did("declare", "--nom", name, "--prenom", "Zoé", "--mail", "z@ac-toulouse.fr", who=AS_CHEF)
    assert desk.read("list")[0]["nom"] == name
    assert name[:40] in desk.did("show", "ODA-2027-00001")
