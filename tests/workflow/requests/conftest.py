import pytest

from tests.workflow.requests.office import Office
from workflow.database.connection import Database


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)
