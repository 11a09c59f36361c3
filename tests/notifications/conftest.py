"""What every test of this room stands on: a database, a clock, a mailer, and a relay whose answers it writes."""

from collections.abc import Iterator

import pytest

from tests.kit.clock import FakeClock
from tests.kit.factories import NOW
from tests.kit.smtp import ScriptedRelay
from tests.notifications.office import Office
from workflow.database import Database


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def relay() -> Iterator[ScriptedRelay]:
    with ScriptedRelay() as relay:
        yield relay


@pytest.fixture
def office(database: Database, clock: FakeClock, relay: ScriptedRelay) -> Office:
    """The mail room at work, on SQLite and on PostgreSQL."""
    return Office(database, clock, relay)
