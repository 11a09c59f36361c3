"""Which trace of life the brake goes by, when a clock once stood in the future (R52)."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from states.rules.schedule import Hold, Verdict
from tests.kit.world import World
from tests.workflow.test_year_end import END, SEPTEMBER, YEAR


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    world = World(database_url, SEPTEMBER)
    yield world
    world.close()


def look(world: World, host: str) -> tuple[Verdict, Hold | None]:
    """What a tick of this machine says of the running year."""
    (one,) = (one for one in world.ends.observe(world.schedule, host) if one.end.school_year == YEAR)
    return one.verdict, one.hold


@pytest.mark.rule("R52")
def test_brake__a_trace_of_the_future_left_by_a_machine_that_is_gone_holds_nothing(world: World) -> None:
    world.issued()
    look(world, "un")
    world.clock.advance(days=4 * 365)
    assert look(world, "un") == (Verdict.HOLD, Hold.ABSENCE)
    world.clock.set(SEPTEMBER + timedelta(days=1))
    while world.clock.now() < END:  # the first machine is never seen again, the second lives
        look(world, "deux")
        world.clock.set(min(END, world.clock.now() + timedelta(days=30)))
    assert look(world, "deux") == (Verdict.RUN, None)
