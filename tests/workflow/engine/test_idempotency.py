"""Idempotency keys: what counts as the same action, and the digests that older versions stored (R10)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime

import pytest
from sqlalchemy import insert

from states import commands as c
from states.commands import Command
from states.decision import Refused
from states.model import OnBehalf
from states.school_calendar import SchoolYear
from states.vocabulary import CheckOutcome, RequestedBy, Trigger
from tests.kit.system import KEY, PARIS, System
from workflow.engine import idempotency
from workflow.engine.engine import Done, Result

REFERENCE = "ODA-2027-00001"
DECLARE = c.Declare(
    uai="0310001H", nom="Durand", prenom="Zoé", mail="zoe.durand@ac-toulouse.fr", school_year=SchoolYear(2026),
    drane_declared_on=date(2026, 9, 1),
)  # fmt: skip
ISSUE = c.IssueCode(reference=REFERENCE, code=c.Code(clear="Ab12Cd34"))
CHECK = c.CheckListing(
    reference=REFERENCE, outcome=CheckOutcome.POSITIVE, source="liste reçue", expected_version=4
)  # fmt: skip
DELEGATE = c.Delegate(
    reference=REFERENCE, why="accueil des familles", made_on=date(2026, 9, 14),
    on_behalf=OnBehalf(who="Claire Martin", how=RequestedBy.MAIL, when="2026-09-14"),
)  # fmt: skip

OLD = {
    DECLARE: "59aa5f323c2f65b13cda661c53f104a6c874c4b5af99bb1a7f9535afd624a14b",
    ISSUE: "022629b9ecc83fbad6766589a4521a2f5e408331abd402f7f67dfe18b863d3cc",
    CHECK: "30b58588b0f57e1fad7359835c7b42d15d649f62cc3f368adec0bfabe2c0a036",
    DELEGATE: "d37336ca91f81a0600d2a6be9fc4a6d788d581f39c5a94eeef499ef1f95ba86b",
}
"""Made by the code of version 0.1.0, under the key of ``System``."""

NEW = {
    DECLARE: "9712e3863e88e4c00646283b0b0cd869fe77cd4c6ab557df14d4977869fa89dd",
    ISSUE: "a3563b21455ddd2b032006d8e2d2a4ac0e276e6223f26429de80e6f89bcdf127",
    CHECK: "aeb60d1f7159207c503c0c3f8084554afbbdfd5337b52c6800840ec8d53df50e",
    DELEGATE: "b6066524c40739bc9b82daea88643bf526357664e9e0146f5d7cb3b42cb9b3a3",
}
"""Stored for 7 days by every installation: a change here needs the old form accepted beside the new one."""


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = System(database_url, datetime(2026, 11, 12, 9, tzinfo=PARIS))
    yield system
    system.close()


def code(clear: str) -> c.IssueCode:
    return replace(ISSUE, code=c.Code(clear=clear))


def execute(system: System, command: Command, key: str = "k") -> Result:
    return system.engine.execute([command], system.actors["opérateur"], key=key)[0]


def is_other_content(result: Result) -> bool:
    return isinstance(result, Refused) and [reason.code for reason in result.reasons] == ["other_content"]


@pytest.mark.rule("R10")
def test_key__with_another_code_is_refused(system: System) -> None:
    system.issued(only_ready=True)
    first = execute(system, code("Ab12Cd34"))
    assert isinstance(first, Done)
    assert execute(system, code("Ab12Cd34")) == replace(first, warnings=(), replayed=True)
    assert is_other_content(execute(system, code("Zz98Yy76")))
    assert len(system.mails("code_issued")) == 1


@pytest.mark.rule("R10")
@pytest.mark.parametrize("command", OLD, ids=lambda command: command.trigger.value)
def test_digest__is_the_one_that_is_stored(command: Command) -> None:
    assert idempotency.digest(KEY, command) == NEW[command]


@pytest.mark.rule("R10")
@pytest.mark.parametrize("command", OLD, ids=lambda command: command.trigger.value)
def test_digest__of_version_0_1_0_is_still_accepted(command: Command) -> None:
    assert idempotency.is_same(KEY, OLD[command], command)
    assert not idempotency.is_same(KEY, OLD[command], replace(command, expected_version=99))


@pytest.mark.rule("R10")
def test_key__of_version_0_1_0_is_done_already_for_its_7_days(system: System) -> None:
    reference = system.issued()
    assert reference == REFERENCE
    row = {"actor": system.actors["opérateur"].number, "trigger": "issue_code", "key": "k", "digest": OLD[ISSUE],
           "reference": reference, "version": 7, "at": system.clock.now()}  # fmt: skip
    with system.database.write() as connection:
        connection.execute(insert(idempotency.KEY), [row])
    replayed = execute(system, ISSUE)
    assert isinstance(replayed, Done)
    assert (replayed.replayed, replayed.version) == (True, 7)
    assert is_other_content(execute(system, replace(ISSUE, new_key_confirmed=True)))
    system.clock.advance(days=7)
    assert not is_other_content(execute(system, replace(ISSUE, new_key_confirmed=True)))


@dataclass(frozen=True, kw_only=True)
class GiveCode(c.OnRequest):
    """The command of issuing a code under another name, with its fields in another order and one more."""

    trigger = Trigger.ISSUE_CODE
    new_key_confirmed: bool = False
    channel: str = ""
    extends: str | None = None
    expires_on: date | None = None
    code: c.Code | None = None


def test_digest__depends_on_no_name_of_a_class_nor_on_a_field_at_its_default() -> None:
    renamed = GiveCode(reference=REFERENCE, code=c.Code(clear="Ab12Cd34"))
    assert idempotency.digest(KEY, renamed) == idempotency.digest(KEY, ISSUE)
    assert idempotency.digest(KEY, replace(renamed, channel="web")) != idempotency.digest(KEY, ISSUE)


def test_digest__is_the_same_for_both_writings_of_an_accent() -> None:
    assert idempotency.digest(KEY, replace(DECLARE, prenom="Zoe\u0301")) == idempotency.digest(KEY, DECLARE)
