from collections.abc import Iterator
from pathlib import Path

import pytest

from notifications.vocabulary import Stage
from states.vocabulary import State
from tests.portal.cli.desk import AS_CHEF, ON_BEHALF, Desk, open_desk
from tests.workflow.requests.office import LYCEE, UAI

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
    message = desk.did("declare", *WHO, "--name", "Bernard Castaing", "--drane-declared-on", "10/09/2026", **chef)
    assert message == (
        f"{REF} : le RUPN est déclaré (état : déclarée).\n"
        "Ensuite : attester la délégation faite dans DelegCE (chef d'établissement)"
        f" — oda request delegate {REF}\n"
    )
    assert "sign-charter" in desk.did("delegate", REF, "--why", "aide", "--made-on", "2026-09-15", **chef)
    charter = ("--signed-on", "20/09/2026", "--charter", "2026-1", "--copy-kept")
    assert "submit" in desk.did("sign-charter", REF.lower(), *charter, **chef)
    assert "vérifier la liste des RUPN et vérifier la délégation" in desk.did("submit", REF, "--confirmed", **chef)
    outcome = ("--outcome", "positive", "--source", "liste du 9 octobre")
    assert "check-delegation" in desk.did("check-listing", REF, *outcome)
    assert "issue-code" in desk.did("check-delegation", REF, *outcome)
    issued = desk.did("issue-code", REF, typed=f"{CODE}\n")
    assert "code transmis" in issued
    assert "main propre" in issued
    desk.did("report-change", REF, "--change", "departure", "--from", "1/12/2026", **chef)
    desk.did("settle-change", REF, "--settlement", "no-effect", "--why", "annulé")
    assert "confirm-removal" in desk.did("revoke", REF, "--reason", "departure")
    assert "personne n'est attendu" in desk.did("confirm-removal", REF, "--outcome", "removed")
    assert "ODA-2027-00002 : la demande est renouvelée (état : déclarée)." in desk.did("renew", REF, **chef)
    text = desk.did("show", REF)
    assert "11. " in text
    assert "12. " not in text
    assert all(CODE not in output for output in desk.outputs)


@pytest.mark.rule("R5")
def test_life__an_operator_acts_for_who_asked(desk: Desk) -> None:
    assert "(R5)" in desk.refused("declare", "--uai", UAI, *WHO)
    desk.did("declare", "--uai", UAI, *WHO, *ON_BEHALF)
    text = desk.did("show", REF)
    assert "demandé par : Mme la principale" in text
    assert "par téléphone ; demandé le : 9 octobre 2026" in text


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
    output = desk.did("confirm-handover", reference, "--handed-on", "12/10/2026", who=AS_CHEF)
    assert "la remise est confirmée" in output
    assert "personne n'est attendu" in output


@pytest.mark.rule("R40", "R42")
def test_life__a_key_in_use_is_extended(desk: Desk) -> None:
    there, context = desk.office.request(State.CODE_ISSUED, LYCEE), desk.office.request(State.REQUESTED)
    outcome = ("--outcome", "positive", "--source", "liste")
    assert there in desk.oda("request", "check-listing", context, *outcome).stderr
    desk.did("check-delegation", context, *outcome)
    refusal = desk.refused("issue-code", context, typed=f"{CODE}\n")
    assert "(R42)" in refusal
    assert CODE not in refusal
    assert "personne n'est attendu" in desk.did("issue-code", context, "--extends", there.lower())
    assert desk.read("show", context)["code_fate"] == "extended"


@pytest.mark.rule("R42")
def test_life__a_new_key_can_be_wanted(desk: Desk) -> None:
    desk.office.request(State.CODE_ISSUED, LYCEE)
    context = desk.office.request(State.REQUESTED)
    for check in ("check-listing", "check-delegation"):
        desk.did(check, context, "--outcome", "positive", "--source", "liste")
    assert desk.read("issue-code", context, "--new-key", typed=CODE)["state"] == "code_issued"


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
    assert desk.read("list", "--expiry-differs") == [], "an earlier day, given on purpose, is no difference"
