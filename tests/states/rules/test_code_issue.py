"""Issuing a code (R39 to R43)."""

import re
from datetime import date
from typing import Any

import pytest

from states.commands import Code
from states.decision import SealCode
from states.model import Request
from states.vocabulary import CheckOutcome, State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted, refused, unusual, usual

ISSUE = Trigger.ISSUE_CODE
READY = f.checked(f.request(State.REQUESTED))


@pytest.mark.rule("R39", "R43", "R60")
def test_issue__code_sealed_and_date_recorded() -> None:
    decision = usual(ISSUE)
    request = decision.request
    assert decision.effects == (SealCode(Code(clear=f.CODE), f.NOW),)
    assert (request.code_issued_at, request.expires_on, request.extends) == (f.NOW, f.LAST_DAY, None)
    assert decision.data == {
        "extends": None,
        "key_elsewhere": False,
        "expires_on": "2027-08-31",
        "new_key_confirmed": False,
    }


@pytest.mark.parametrize(
    ("day", "right"),
    [
        (date(2026, 10, 11), False),
        (date(2026, 10, 12), True),
        (date(2027, 8, 31), True),
        (date(2027, 9, 1), False),
    ],
)
@pytest.mark.rule("R43")
def test_issue__expiry_between_today_and_the_years_end(day: date, right: bool) -> None:
    if right:
        assert usual(ISSUE, expires_on=day).request.expires_on == day
        return
    reason = unusual(ISSUE, expires_on=day)["date_out_of_bounds"]
    assert reason.remedy == "Donner une date comprise entre le 12 octobre 2026 et le 31 août 2027."


@pytest.mark.parametrize("code", ["", "abc", "x" * 17, "AB 12", "AB12\n", "AB-12", "é" * 8, "١٢٣٤٥"])
@pytest.mark.rule("R41", "R60")
def test_code__wrong_form_is_never_repeated(code: str) -> None:
    reasons = unusual(ISSUE, code=Code(clear=code))
    assert set(reasons) == {"code_format"}
    assert not code.strip() or code not in str(reasons["code_format"])
    message = "Le code n'a pas la forme attendue : 4 à 16 lettres et chiffres, par exemple K7m4Rt9x"
    assert reasons["code_format"].message == message


@pytest.mark.rule("R41")
def test_code__form_is_a_setting() -> None:
    digits = re.compile("[0-9]{6}")
    accepted(f.facts(READY), f.command(ISSUE, code=Code(clear="123456")), code_format=digits)
    assert set(refused(f.facts(READY), f.command(ISSUE), code_format=digits)) == {"code_format"}


@pytest.mark.parametrize("changes", [{"code": None}, {"extends": "ODA-2027-00077"}, {"key_elsewhere": True}])
@pytest.mark.rule("R40")
def test_issue__a_code_or_an_extension(changes: dict[str, Any]) -> None:
    assert set(unusual(ISSUE, **changes)) == {"code_or_extension"}


@pytest.mark.rule("R39", "R7")
def test_issue__everything_wrong_at_once() -> None:
    request = f.checked(f.request(State.REQUESTED), listing=CheckOutcome.NEGATIVE, on=date(2026, 1, 1))
    facts = f.facts(
        request.with_(acted_on_behalf=frozenset({10})), others=(f.other(),),
        establishment=f.establishment(is_open=False, mailbox=None),
    )  # fmt: skip
    command = f.command(ISSUE, code=Code(clear="?"), expires_on=date(2030, 1, 1))
    assert set(refused(facts, command, four_eyes=True)) == {
        "four_eyes", "closed_establishment", "no_mailbox", "check_negative", "check_too_old", "date_out_of_bounds",
        "code_format", "key_in_use",
    }  # fmt: skip


@pytest.mark.rule("R15", "R39")
def test_issue__not_without_the_school_in_the_directory() -> None:
    assert set(refused(f.facts(READY, establishment=None), f.command(ISSUE))) == {"unknown_establishment"}


@pytest.mark.parametrize(
    "other",
    [f.other(), f.other(school_year=f.YEAR.next), f.other(uai=f.UAI, school_year=f.YEAR.next), f.other(extends="X")],
    ids=["elsewhere", "elsewhere next year", "here next year", "extended"],
)
@pytest.mark.rule("R42")
def test_key__in_use_elsewhere(other: Request) -> None:
    facts = f.facts(READY, others=(other,))
    reason = refused(facts, f.command(ISSUE))["key_in_use"]
    assert f"ODA-2027-00077 ({other.uai})" in reason.message
    assert reason.field == "new_key_confirmed"
    assert accepted(facts, f.command(ISSUE, new_key_confirmed=True)).data["new_key_confirmed"] is True
    accepted(facts, f.command(ISSUE), one_key_a_person=False)


@pytest.mark.rule("R17", "R42")
def test_key__of_who_has_the_same_name_only_is_to_be_verified() -> None:
    others = (f.other(), f.other(mail="autre@ac-toulouse.fr", reference="ODA-2027-00078"))
    assert refused(f.facts(READY, others=others), f.command(ISSUE))["key_in_use"].message == (
        "Cette personne a déjà une clé : ODA-2027-00077 (0751234J) et ODA-2027-00078 (0751234J ; à vérifier : même nom,"
        " autre adresse) ; un nouveau code la réinitialiserait"
    )
    married = (f.other(mail=f.MAIL.upper(), nom="Épouse"),)
    assert "vérifier" not in refused(f.facts(READY, others=married), f.command(ISSUE))["key_in_use"].message


@pytest.mark.parametrize("state", [s for s in State if s is not State.CODE_ISSUED])
@pytest.mark.rule("R42")
def test_key__not_in_use_without_a_live_code(state: State) -> None:
    accepted(f.facts(READY, others=(f.other(state),)), f.command(ISSUE))
