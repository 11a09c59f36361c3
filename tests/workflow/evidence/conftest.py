import pytest

from tests.workflow.evidence.shelf import Shelf
from workflow.database.connection import Database


@pytest.fixture
def shelf(database: Database) -> Shelf:
    return Shelf(database)
