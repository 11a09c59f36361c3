"""Long lists in batches: one result a command, and what a busy database leaves (R7, R10)."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from states import commands as c
from states.commands import Command
from states.decision import Refused
from states.vocabulary import CheckOutcome
from tests.kit.system import System
from workflow.database.faults import DatabaseBusy, DatabaseUnreachable
from workflow.engine.engine import Done, Engine, execute_in_batches


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = System(database_url, datetime(2026, 9, 10, 8, tzinfo=UTC))
    yield system
    system.close()


def checks(system: System, count: int) -> list[Command]:
    references = [system.issued(number, only_ready=True) for number in range(count)]
    return [
        c.CheckListing(reference=reference, outcome=CheckOutcome.POSITIVE, source="liste") for reference in references
    ]


def key(start: int, batch: Sequence[Command]) -> str:
    return f"k{start}"


@pytest.fixture
def fail_from(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, type[Exception]], list[int]]:
    """The engine's executions raise from the nth on; returns the sizes of the batches that it was given."""
    execute = Engine.execute

    def install(number: int, error: type[Exception]) -> list[int]:
        sizes: list[int] = []

        def failing(self: Engine, commands: Sequence[Command], *args: Any, **options: Any) -> Any:
            sizes.append(len(commands))
            if len(sizes) > number:
                raise error
            return execute(self, commands, *args, **options)

        monkeypatch.setattr(Engine, "execute", failing)
        return sizes

    return install


@pytest.mark.rule("R10")
def test_batches__give_a_result_each_and_sent_twice_do_nothing_twice(
    system: System, fail_from: Callable[[int, type[Exception]], list[int]]
) -> None:
    commands = [*checks(system, 3), c.Renew(reference="ODA-2027-99999")]
    sizes = fail_from(9, DatabaseBusy)
    first = list(execute_in_batches(system.engine, commands, system.actors["opérateur"], key=key, size=2))
    assert sizes == [2, 2]
    assert [isinstance(result, Done) for result in first] == [True, True, True, False]
    again = list(execute_in_batches(system.engine, commands, system.actors["opérateur"], key=key, size=2))
    assert [isinstance(result, Done) and result.replayed for result in again] == [True, True, True, False]


@pytest.mark.rule("R7")
@pytest.mark.parametrize("error", [DatabaseBusy, DatabaseUnreachable])
def test_busy__after_a_batch_refuses_the_rest_untried(
    system: System, fail_from: Callable[[int, type[Exception]], list[int]], error: type[Exception]
) -> None:
    commands = checks(system, 5)
    sizes = fail_from(1, error)
    results = list(execute_in_batches(system.engine, commands, system.actors["opérateur"], key=key, size=2))
    assert sizes == [2, 2]
    assert [isinstance(result, Done) for result in results] == [True, True, False, False, False]
    refused = {reason.code for result in results if isinstance(result, Refused) for reason in result.reasons}
    assert refused == {"interrupted"}


def test_busy__is_raised_at_once_and_where_the_rest_is_not_to_be_refused(
    system: System, fail_from: Callable[[int, type[Exception]], list[int]]
) -> None:
    commands = checks(system, 3)
    fail_from(0, DatabaseBusy)
    with pytest.raises(DatabaseBusy):
        list(execute_in_batches(system.engine, commands, system.actors["opérateur"], size=2))
    fail_from(1, DatabaseBusy)
    results: list[object] = []
    with pytest.raises(DatabaseBusy):
        results.extend(
            execute_in_batches(system.engine, commands, system.actors["opérateur"], size=2, refuse_rest=False)
        )
