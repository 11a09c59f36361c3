import json
from datetime import timedelta

import pytest

from states.vocabulary import Role
from tests.kit import factories
from tests.workflow.directory.conftest import Bench
from tests.workflow.directory.files import row
from workflow.auth.actors import NotAllowed
from workflow.directory.importer import DirectoryRefused
from workflow.directory.service import MailboxChange

UAI = "0310001H"
OWN = "ce.0310001h@ac-toulouse.fr"
SET = "vie-scolaire@ac-toulouse.fr"


@pytest.mark.rule("R14")
def test_set__is_in_force_and_survives_imports(bench: Bench) -> None:
    bench.bring(row())
    assert bench.set_mailbox(" 031 0001h", f" {SET} ") == MailboxChange(
        uai=UAI,
        nom=f"Collège {UAI}",
        before=OWN,
        after=SET,
        is_done=True,
        codes_from=factories.NOW + timedelta(hours=24),
    )
    bench.bring(row(mail="nouvelle@ac-toulouse.fr"))
    bench.bring(row(mail=""))
    assert (bench.row_of()["mailbox"], bench.row_of()["set_mailbox"]) == (None, SET)
    bench.bring(row(etat="FERME"))
    bench.bring(row("0310002J"))
    bench.bring(row())
    assert (bench.row_of()["set_mailbox"], bench.row_of()["is_open"]) == (SET, True)


@pytest.mark.rule("R14")
def test_clear__gives_back_the_directory_s(bench: Bench) -> None:
    bench.bring(row())
    bench.set_mailbox(UAI, SET)
    change = bench.set_mailbox(UAI, None)
    assert (change.before, change.after, bench.row_of()["set_mailbox"]) == (SET, OWN, None)


@pytest.mark.rule("R14", "R64")
def test_set__event_holds_the_uai_and_no_address(bench: Bench) -> None:
    bench.bring(row())
    bench.set_mailbox(UAI, SET, "l'annuaire est faux")
    event = bench.events()[-1]
    assert (event["kind"], event["role"]) == ("mailbox_set", "operator")
    assert json.loads(event["canonical"])["data"] == {"uai": UAI, "cleared": False}
    assert SET not in event["canonical"]
    assert bench.notes() == {"address": SET, "why": "l'annuaire est faux"}


@pytest.mark.rule("R14", "R10")
def test_set__twice_is_once(bench: Bench) -> None:
    bench.bring(row())
    bench.set_mailbox(UAI, SET)
    before = bench.everything()
    assert bench.set_mailbox(UAI, SET).is_done is False
    assert bench.everything() == before


@pytest.mark.rule("R14", "R7")
def test_set__refused_with_every_reason(bench: Bench) -> None:
    bench.bring(row())
    with pytest.raises(DirectoryRefused) as refused:
        bench.set_mailbox("0310001A", "a@b, c@d", " ")
    assert [r.code for r in refused.value.reasons] == ["unknown_establishment", "bad_mailbox", "why_needed"]
    for address in ("", "x", "a@ac-toulouse.fr;b@ac-toulouse.fr", "é@ac-toulouse.fr", "\udce9@ac-toulouse.fr"):
        with pytest.raises(DirectoryRefused, match="R14"):
            bench.set_mailbox(UAI, address)
    with pytest.raises(DirectoryRefused, match="n'est pas dans l'annuaire"):
        bench.set_mailbox("\udce9\x00", SET)
    assert bench.row_of()["set_mailbox"] is None


@pytest.mark.rule("R14", "R2", "R13")
@pytest.mark.parametrize("role", [Role.CHEF, Role.DEPUTY, Role.READER, Role.SCHEDULE, Role.CONNECTOR])
def test_set__operators_only(any_bench: Bench, role: Role) -> None:
    before = any_bench.everything()
    with pytest.raises(NotAllowed, match="R2"):
        any_bench.directory.set_mailbox(UAI, SET, "parce que", factories.actor(role))
    assert any_bench.everything() == before


@pytest.mark.rule("R14")
@pytest.mark.parametrize(("address", "likely"), [("inconnu@gmail.com", ""), ("ce@ac-touluose.fr", "ac-toulouse.fr")])
def test_set__an_unusual_domain_is_to_be_confirmed(bench: Bench, address: str, likely: str) -> None:
    bench.bring(row())
    with pytest.raises(DirectoryRefused) as refused:
        bench.set_mailbox(UAI, address)
    (reason,) = refused.value.reasons
    assert (reason.code, reason.field) == ("unusual_mailbox", "mail_confirmed")
    assert likely in reason.message
    change = bench.directory.set_mailbox(UAI, address, "accord écrit", factories.operator(), confirmed=True)
    assert change.after == address


@pytest.mark.rule("R14")
def test_confirm__by_another_operator_once(bench: Bench) -> None:
    bench.bring(row())
    assert bench.directory.confirm_mailbox(UAI, factories.operator(number=20)) is False
    bench.set_mailbox(UAI, SET)
    with pytest.raises(DirectoryRefused, match="vous-même"):
        bench.directory.confirm_mailbox(UAI, factories.operator())
    assert bench.directory.confirm_mailbox(UAI, factories.operator(number=20)) is True
    assert bench.directory.set_mailbox_of(UAI)[1] is None
    assert json.loads(bench.events()[-1]["canonical"])["data"] == {"uai": UAI}
    before = bench.everything()
    assert bench.directory.confirm_mailbox(UAI, factories.operator(number=20)) is False
    assert bench.everything() == before
    with pytest.raises(NotAllowed, match="R2"):
        bench.directory.confirm_mailbox(UAI, factories.chef())
