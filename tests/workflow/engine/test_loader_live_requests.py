"""The number of live requests that an establishment may have (R18)."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from states import commands as c
from states.commands import Command
from states.decision import Refused
from states.vocabulary import WithdrawReason
from tests.kit.system import System
from tests.workflow.year_end.test_service_sweep import SEPTEMBER
from workflow.engine.engine import Result


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = System(database_url, SEPTEMBER)
    system.engine.policy = replace(system.policy, most_live_requests=2)
    yield system
    system.close()


def declaring(*names: str) -> list[Command]:
    return [c.Declare(uai="0310001H", nom=name, prenom="Anne", mail=f"{name}@ac-toulouse.fr") for name in names]


def codes(results: list[Result]) -> list[str]:
    return [result.reasons[0].code if isinstance(result, Refused) else "done" for result in results]


@pytest.mark.rule("R18")
def test_live_requests__counted_within_a_batch_and_across_and_given_back(system: System) -> None:
    assert codes(system.engine.execute(declaring("Un", "Deux", "Trois"), system.actors["chef A"])) == [
        "done", "done", "too_many_requests"
    ]  # fmt: skip
    assert codes(system.engine.execute(declaring("Quatre"), system.actors["chef A"])) == ["too_many_requests"]
    given_up = c.Withdraw(reference="ODA-2027-00001", reason=WithdrawReason.ERROR)
    again = [given_up, *declaring("Cinq"), *declaring("Six")]
    assert codes(system.engine.execute(again, system.actors["chef A"])) == ["done", "done", "too_many_requests"]
    renewing = c.Renew(reference="ODA-2027-00001")
    assert codes(system.engine.execute([renewing], system.actors["chef A"])) == ["too_many_requests"]
