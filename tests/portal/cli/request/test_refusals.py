from collections.abc import Iterator
from pathlib import Path

import pytest

from states.vocabulary import State
from tests.portal.cli.desk import AS_CHEF, AS_READER, Desk, open_desk
from tests.portal.cli.english import english
from tests.workflow.requests.office import OTHER

WHO = ("--nom", "Ader", "--prenom", "Zoé", "--mail", "z.ader@ac-toulouse.fr")
CHARTER = ("--charter", "2026-1", "--copy-kept")
FOUND = ("--outcome", "positive", "--source", "liste")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with open_desk(tmp_path, monkeypatch) as desk:
        yield desk


@pytest.mark.rule("R7")
@pytest.mark.parametrize(
    ("state", "args", "rules"),
    [
        (State.DECLARED, ("delegate", "--why", " ", "--made-on", "2027-01-01"), ("R26", "R26")),
        (State.DECLARED, ("sign-charter", "--signed-on", "2026-09-20", *CHARTER), ("R1",)),
        (State.DELEGATED, ("sign-charter", "--signed-on", "2026-01-20", "--charter", "1999"), ("R27", "R27", "R27")),
        (State.DELEGATED, ("amend",), ("R29",)),
        (State.DELEGATED, ("amend", "--nom", "<b>", "--mail", "ici"), ("R16", "R16")),
        (State.CODE_ISSUED, ("withdraw", "--reason", "not-needed"), ("R1",)),
        (State.CODE_ISSUED, ("confirm-handover", "--handed-on", "2026-01-01"), ("R58", "R31")),
        (State.CODE_ISSUED, ("report-change", "--change", "absence", "--from", "2040-01-01"), ("R32",)),
        (State.REQUESTED, ("renew",), ("R33",)),
    ],
)
def test_refusal__of_a_chef_gives_every_reason(
    desk: Desk, state: State, args: tuple[str, ...], rules: tuple[str, ...]
) -> None:
    reference = desk.office.request(state)
    message = desk.refused(args[0], reference, *args[1:], who=AS_CHEF)
    lines = message.splitlines()
    assert lines[0] == "Refusé, rien n'a changé."
    assert [line.count(f"({rule}). Que faire : ") for line, rule in zip(lines[1:], rules, strict=True)] == [
        1 for _ in rules
    ]
    assert english(message) == []


@pytest.mark.rule("R7")
@pytest.mark.parametrize(
    ("state", "args", "rules"),
    [
        (State.REQUESTED, ("check-listing", "--outcome", "positive", "--source", ""), ("R34",)),
        (State.REQUESTED, ("check-listing", *FOUND, "--checked-on", "13/10/2026"), ("R34",)),
        (State.REQUESTED, ("send-back", "--step", "charter", "--why", "\u200b"), ("R38",)),
        (State.REQUESTED, ("issue-code", "--expires-on", "2030-01-01", "--extends", "ODA-2027-00077"),
         ("R39", "R39", "R43", "R40")),
        (State.CODE_ISSUED, ("issue-code",), ("R1", "R42")),
        (State.CODE_ISSUED, ("reissue-code", "--reason", "lost"), ("R41",)),
        (State.CODE_ISSUED, ("settle-change", "--settlement", "revoked", "--why", "x"), ("R46", "R46")),
        (State.REVOKED, ("reopen-removal", "--why", "x"), ("R49",)),
        (State.CODE_ISSUED, ("take-back-code",), ("R62",)),
        (State.REVOKED, ("revoke", "--reason", "other"), ("R1",)),
        (State.DECLARED, ("delegate", "--why", "x", "--made-on", "2026-09-15"), ("R5",)),
    ],
)  # fmt: skip
def test_refusal__of_an_operator_gives_every_reason(
    desk: Desk, state: State, args: tuple[str, ...], rules: tuple[str, ...]
) -> None:
    reference = desk.office.request(state)
    message = desk.refused(args[0], reference, *args[1:], typed="pas un code !\n")
    assert [line.rpartition("). Que faire")[0].rpartition("(")[2] for line in message.splitlines()[1:]] == list(rules)
    assert "pas un code" not in message
    assert english(message) == []


@pytest.mark.rule("R2")
@pytest.mark.parametrize(
    "args", [("revoke", "--reason", "error"), ("report-change", "--change", "absence", "--from", "2026-10-12")]
)
def test_reader__sees_and_changes_nothing(desk: Desk, args: tuple[str, ...]) -> None:
    reference = desk.office.request(State.REQUESTED)
    assert "(R2)" in desk.refused(args[0], reference, *args[1:], who=AS_READER)
    text = desk.did("show", reference, who=AS_READER)
    assert "Ce que vous pouvez faire" not in text
    assert desk.read("show", reference, who=AS_READER)["version"] == 4


@pytest.mark.rule("R3")
@pytest.mark.parametrize(
    "args",
    [("show",), ("withdraw", "--reason", "error"), ("submit", "--confirmed"), ("renew",), ("submit",),
     ("delegate", "--why", "x", "--made-on", "2026-09-15")],
)  # fmt: skip
def test_chef__of_another_establishment_learns_nothing(desk: Desk, args: tuple[str, ...]) -> None:
    theirs = desk.office.request(State.CHARTER_SIGNED, OTHER)
    messages = [desk.refused(args[0], ref, *args[1:], who=AS_CHEF) for ref in (theirs, "ODA-2027-99999")]
    assert messages[0] == messages[1]
    assert "(R3)" in messages[0]


@pytest.mark.rule("R1")
def test_unknown__reference_is_named(desk: Desk) -> None:
    assert "« ODA-2027-99999 »" in desk.refused("show", "oda-2027-99999")
    assert "« N'IMPORTEQUOI »" in desk.refused("revoke", "n'importe\nquoi", "--reason", "error")


@pytest.mark.rule("R10")
def test_key__replayed_is_done_once(desk: Desk) -> None:
    line = ("declare", *WHO, "--key", "k1")
    first, second = (desk.read(*line, who=AS_CHEF) for _ in range(2))
    assert first == {"reference": "ODA-2027-00001", "state": "declared", "version": 1, "warnings": [],
                     "replayed": False}  # fmt: skip
    assert second == first | {"replayed": True}
    assert "déjà fait sous cette clé" in desk.did(*line, who=AS_CHEF)
    assert "(R10)" in desk.refused("declare", *WHO, "--homonym", "--key", "k1", who=AS_CHEF)
    assert len(desk.read("list")) == 1


@pytest.mark.rule("R18")
def test_submit__twice_is_refused_the_second_time(desk: Desk) -> None:
    reference = desk.office.request(State.CHARTER_SIGNED)
    desk.did("submit", reference, "--confirmed", "--version", "3", who=AS_CHEF)
    message = desk.refused("submit", reference, "--confirmed", who=AS_CHEF)
    assert "« demandée »" in message
    assert "envoyer la demande" in message
    assert "(R18)" in desk.refused("declare", "--nom", "D'Étienne", "--prenom", "Anne-Sophie", "--mail",
                                   "Anne-Sophie.detienne@ac-toulouse.fr", who=AS_CHEF)  # fmt: skip


@pytest.mark.rule("R9")
def test_version__of_before_is_refused(desk: Desk) -> None:
    reference = desk.office.request(State.REQUESTED)
    message = desk.refused("revoke", reference, "--reason", "error", "--version", "2")
    assert "dernière action : envoyer la demande, par" in message
