from collections.abc import Iterator
from pathlib import Path

import pytest

from notifications.vocabulary import Stage
from states.vocabulary import State
from tests.kit import factories as make
from tests.portal.cli.desk import AS_CHEF, ON_BEHALF, Desk, open_desk
from tests.workflow.reading.office import LYCEE, UAI

CODE = "Zq7Secret42"
WHO = ("--nom", "D'Étienne", "--prenom", "Anne-Sophie", "--mail", "anne@ac-toulouse.fr")
REF = "ODA-2027-00001"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with open_desk(tmp_path, monkeypatch) as desk:
        yield desk


@pytest.mark.rule("R25", "R26", "R27", "R28", "R34", "R39", "R43", "R45", "R49", "R33", "R60")
def test_life__from_the_declaration_to_the_renewal(desk: Desk) -> None:
    chef = {"who": AS_CHEF}
    told = desk.did("declare", *WHO, "--name", "Bernard Castaing", "--drane-declared-on", "10/09/2026", **chef)
    assert told == (
        f"{REF} : le RUPN est déclaré (état : déclarée).\n"
        "Ensuite : attester la délégation faite dans DelegCE (chef d'établissement)"
        f" — oda request delegate {REF}\n"
    )
    assert "sign-charter" in desk.did("delegate", REF, "--why", "aide", "--made-on", "2026-09-15", **chef)
    charter = ("--signed-on", "20/09/2026", "--charter", "2026-1", "--copy-kept")
    assert "submit" in desk.did("sign-charter", REF.lower(), *charter, **chef)
    assert "vérifier la liste des RUPN et vérifier la délégation" in desk.did("submit", REF, "--confirmed", **chef)
    found = ("--outcome", "positive", "--source", "liste du 9 octobre")
    assert "check-delegation" in desk.did("check-listing", REF, *found)
    assert "issue-code" in desk.did("check-delegation", REF, *found)
    issued = desk.did("issue-code", REF, typed=f"{CODE}\n")
    assert "code transmis" in issued
    assert "main propre" in issued
    desk.did("report-change", REF, "--change", "departure", "--from", "1/12/2026", **chef)
    desk.did("settle-change", REF, "--settlement", "no-effect", "--why", "annulé")
    assert "confirm-removal" in desk.did("revoke", REF, "--reason", "departure")
    assert "personne n'est attendu" in desk.did("confirm-removal", REF, "--outcome", "removed")
    assert "ODA-2027-00002 : la demande est renouvelée (état : déclarée)." in desk.did("renew", REF, **chef)
    shown = desk.did("show", REF)
    assert "11. " in shown
    assert "12. " not in shown
    assert all(CODE not in output for output in desk.outputs)


@pytest.mark.rule("R5")
def test_life__an_operator_acts_for_who_asked(desk: Desk) -> None:
    assert "(R5)" in desk.refused("declare", "--uai", UAI, *WHO)
    desk.did("declare", "--uai", UAI, *WHO, *ON_BEHALF)
    shown = desk.did("show", REF)
    assert "demandé par : Mme la principale" in shown
    assert "par téléphone ; demandé le : 9 octobre 2026" in shown


@pytest.mark.rule("R29", "R30", "R38")
def test_life__corrected_sent_back_given_up(desk: Desk) -> None:
    reference = desk.office.request(State.REQUESTED)
    assert "sign-charter" in desk.did("send-back", reference, "--step", "charter", "--why", "illisible")
    assert "corr" in desk.did("amend", reference, "--mail", "autre@ac-toulouse.fr", who=AS_CHEF)
    desk.did("withdraw", reference, "--reason", "other-person", "--note", "un collègue", who=AS_CHEF)
    assert "révoquée" in desk.did("show", reference, who=AS_CHEF)


@pytest.mark.rule("R31")
def test_life__the_handover(desk: Desk) -> None:
    reference = desk.office.request(State.CODE_ISSUED)
    assert "(R58)" in desk.refused("confirm-handover", reference, "--handed-on", "12/10/2026", who=AS_CHEF)
    desk.office.mail_becomes(Stage.SENT, reference)
    told = desk.did("confirm-handover", reference, "--handed-on", "12/10/2026", who=AS_CHEF)
    assert "la remise est confirmée" in told
    assert "personne n'est attendu" in told


@pytest.mark.rule("R40", "R42")
def test_life__a_key_in_use_is_extended(desk: Desk) -> None:
    there, here = desk.office.request(State.CODE_ISSUED, LYCEE), desk.office.request(State.REQUESTED)
    found = ("--outcome", "positive", "--source", "liste")
    assert there in desk.oda("request", "check-listing", here, *found).stderr
    desk.did("check-delegation", here, *found)
    refusal = desk.refused("issue-code", here, typed=f"{CODE}\n")
    assert "(R42)" in refusal
    assert CODE not in refusal
    assert "personne n'est attendu" in desk.did("issue-code", here, "--extends", there.lower())
    assert desk.read("show", here)["code_fate"] == "extended"


@pytest.mark.rule("R42")
def test_life__a_new_key_can_be_wanted(desk: Desk) -> None:
    desk.office.request(State.CODE_ISSUED, LYCEE)
    here = desk.office.request(State.REQUESTED)
    for check in ("check-listing", "check-delegation"):
        desk.did(check, here, "--outcome", "positive", "--source", "liste")
    assert desk.read("issue-code", here, "--new-key", typed=CODE)["state"] == "code_issued"


@pytest.mark.rule("R44")
def test_life__reissued(desk: Desk) -> None:
    reference = desk.office.request(State.CODE_ISSUED)
    assert "(R44)" in desk.refused("reissue-code", reference, "--reason", "compromised", typed=CODE)
    assert desk.read("reissue-code", reference, "--reason", "lost", typed=CODE)["version"] == 8


@pytest.mark.rule("R43")
def test_life__the_expiry_is_ticked(desk: Desk) -> None:
    reference = desk.office.request(State.CODE_ISSUED)
    assert "(R43)" in desk.refused("confirm-expiry", reference)
    assert "cochée" in desk.did("confirm-expiry", reference, "--expires-on", "2027-07-10")
    assert [line["reference"] for line in desk.read("list", "--expiry-differs")] == [reference]


@pytest.mark.rule("R39", "R60")
def test_code__is_no_argument(desk: Desk) -> None:
    reference = desk.office.request(State.REQUESTED)
    assert "attendu" in desk.refused("issue-code", reference, CODE, code=2)
    assert "rien n'a été donné" in desk.refused("issue-code", reference, code=2)


@pytest.mark.rule("R19", "R43")
def test_code__on_a_terminal_what_to_set_is_shown_first(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    there, here = desk.office.request(State.CODE_ISSUED, LYCEE), desk.office.request(State.REQUESTED)
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return CODE

    monkeypatch.setattr("portal.cli.request.codes.sys", Terminal())
    monkeypatch.setattr("portal.cli.request.codes.read_secret", ask)
    told = desk.refused("issue-code", here)
    assert "Date d'expiration à porter sur le serveur ODA : 31 août 2027" in told
    assert f"Autre demande de la personne : {there} ({LYCEE}, 2026-2027, code transmis, a une clé)" in told
    assert asked == ["Le code d'initialisation"]


@pytest.mark.parametrize("state", [State.DECLARED, State.REVOKED])
def test_code__is_not_typed_in_vain(desk: Desk, monkeypatch: pytest.MonkeyPatch, state: State) -> None:
    reference = desk.office.request(state)
    monkeypatch.setattr("portal.cli.request.codes.sys", Terminal())
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

    monkeypatch.setattr("portal.cli.request.establishment.confirmed", answer)
    done = desk.oda("request", "submit", reference, who=AS_CHEF)
    assert (done.exit_code, questions) == (code, ["Cette identité est-elle exacte ?"])
    assert f"Nom : {make.NOM}\nPrénom : {make.PRENOM}\nAdresse : {make.MAIL}\n" in done.stderr
    assert desk.read("show", reference)["state"] == ("requested" if sure else "charter_signed")


def test_submit__nobody_to_answer(desk: Desk) -> None:
    reference = desk.office.request(State.CHARTER_SIGNED)
    assert "--confirmed" in desk.refused("submit", reference, who=AS_CHEF, code=2)
