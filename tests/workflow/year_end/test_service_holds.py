"""Which trace of life the brake goes by, when a clock once stood in the future (R52)."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from states.rules.schedule import BrakeDecision, Hold
from tests.kit.system import System
from tests.workflow.year_end.test_service_sweep import END, SEPTEMBER, YEAR


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = System(database_url, SEPTEMBER)
    yield system
    system.close()


def look(system: System, host: str) -> tuple[BrakeDecision, Hold | None]:
    """What a tick of this machine says of the running year."""
    (status,) = (status for status in system.ends.observe(system.schedule, host) if status.end.school_year == YEAR)
    return status.verdict, status.hold


@pytest.mark.rule("R52")
def test_brake__a_trace_of_the_future_left_by_a_machine_that_is_gone_holds_nothing(system: System) -> None:
    system.issued()
    look(system, "un")
    system.clock.advance(days=4 * 365)
    assert look(system, "un") == (BrakeDecision.HOLD, Hold.ABSENCE)
    system.clock.set(SEPTEMBER + timedelta(days=1))
    while system.clock.now() < END:  # the first machine is never seen again, the second lives
        look(system, "deux")
        system.clock.set(min(END, system.clock.now() + timedelta(days=30)))
    assert look(system, "deux") == (BrakeDecision.RUN, None)
