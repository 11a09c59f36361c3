from collections.abc import Iterator
from pathlib import Path

import pytest

from states.vocabulary import State
from tests.kit import factories as make
from tests.portal.cli.desk import AS_CHEF, Desk, open_desk
from tests.workflow.requests.office import LYCEE

CODE = "Zq7Secret42"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with open_desk(tmp_path, monkeypatch) as desk:
        yield desk


@pytest.mark.rule("R39", "R60")
def test_code__is_no_argument(desk: Desk) -> None:
    reference = desk.office.request(State.REQUESTED)
    assert "attendu" in desk.refused("issue-code", reference, CODE, code=2)
    assert "rien n'a été donné" in desk.refused("issue-code", reference, code=2)


@pytest.mark.rule("R19", "R43")
def test_code__on_a_terminal_what_to_set_is_shown_first(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    there, context = desk.office.request(State.CODE_ISSUED, LYCEE), desk.office.request(State.REQUESTED)
    prompts: list[str] = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return CODE

    monkeypatch.setattr("portal.cli.request.operator.sys", Terminal())
    monkeypatch.setattr("portal.cli.request.operator.read_secret", ask)
    message = desk.refused("issue-code", context)
    assert "Date d'expiration à porter sur le serveur ODA : 31 août 2027" in message
    assert f"Autre demande de la personne : {there} ({LYCEE}, 2026-2027, code transmis, a une clé)" in message
    assert prompts == ["Le code d'initialisation"]


@pytest.mark.parametrize("state", [State.DECLARED, State.REVOKED])
def test_code__is_not_typed_in_vain(desk: Desk, monkeypatch: pytest.MonkeyPatch, state: State) -> None:
    reference = desk.office.request(state)
    monkeypatch.setattr("portal.cli.request.operator.sys", Terminal())
    assert "(R1)" in desk.refused("issue-code", reference)
    assert "(R1)" in desk.refused("issue-code", "ODA-2027-09999")
    assert "(R1)" in desk.refused("reissue-code", reference, "--reason", "lost")


class Terminal:
    """A ``sys`` whose standard input is a keyboard."""

    class stdin:  # noqa: N801
        @staticmethod
        def isatty() -> bool:
            return True


@pytest.mark.rule("R28")
@pytest.mark.parametrize(("sure", "code"), [(True, 0), (False, 1)])
def test_submit__shows_the_identity_and_asks(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, sure: bool, code: int
) -> None:
    reference = desk.office.request(State.CHARTER_SIGNED)
    questions: list[str] = []

    def answer(question: str) -> bool:
        questions.append(question)
        return sure

    monkeypatch.setattr("portal.cli.request.chef.ask_confirmation", answer)
    done = desk.oda("request", "submit", reference, who=AS_CHEF)
    assert (done.exit_code, questions) == (code, ["Cette identité est-elle exacte ?"])
    assert f"Nom : {make.NOM}\nPrénom : {make.PRENOM}\nAdresse : {make.MAIL}\n" in done.stderr
    assert desk.read("show", reference)["state"] == ("requested" if sure else "charter_signed")


def test_submit__nobody_to_answer(desk: Desk) -> None:
    reference = desk.office.request(State.CHARTER_SIGNED)
    assert "--confirmed" in desk.refused("submit", reference, who=AS_CHEF, code=2)
