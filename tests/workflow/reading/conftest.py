import pytest

from tests.workflow.reading.office import Office
from workflow.database.connection import Database


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)
