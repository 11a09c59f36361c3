"""What waits for its confirmation, and the columns that were chosen by hand (R91)."""

from io import BytesIO

import pytest
from sqlalchemy import select

from tests.kit.clock import FakeClock
from tests.kit.factories import NOW, operator
from workflow.database.connection import Database
from workflow.database.file_tables import STAGED_IMPORTS
from workflow.database.journal_tables import ACTOR
from workflow.schedule.tick import delete_old_rows
from workflow.spreadsheets import staged_imports
from workflow.spreadsheets.columns import ColumnChoices, ColumnSpec
from workflow.spreadsheets.reader import Table, read_table
from workflow.spreadsheets.staged_imports import StagedFile, StagedImports
from workflow.spreadsheets.workbook import UnusableFile

SPECS = (ColumnSpec("uai", "UAI"), ColumnSpec("until", "Fin", required=False))
TEXT = "Établissement;Fin\n0310001H;31/12/9999"


def table(text: str = TEXT) -> Table:
    return read_table(BytesIO(text.encode()))


@pytest.fixture
def staged(database: Database) -> tuple[StagedImports, FakeClock]:
    clock = FakeClock(NOW)
    with database.write() as connection:
        numbers = connection.execute(select(ACTOR.c.number)).scalars().all()
        for number in {operator().number, operator().number + 1} - set(numbers):
            connection.execute(ACTOR.insert().values(number=number, key=f"key {number}", label=""))
    return StagedImports(database, clock), clock


@pytest.mark.rule("R91")
def test_staged__only_for_its_actor_and_kind_an_hour_at_most(
    staged: tuple[StagedImports, FakeClock], database: Database
) -> None:
    imports, clock = staged
    actor, other = operator(), operator(number=operator().number + 1)
    file = StagedFile(table=table(), typed={"day": "2026-11-12"})
    secret = imports.keep("directory", actor, file)
    assert imports.find("directory", actor, secret) == file
    assert imports.find("directory", other, secret) is None
    assert imports.find("listing", actor, secret) is None
    assert imports.find("directory", actor, secret[:-1]) is None
    imports.replace("directory", actor, secret, file.with_choice({"uai": 0, "until": None}))
    stored_file = imports.find("directory", actor, secret)
    assert stored_file is not None
    assert stored_file.choice == {"uai": 0, "until": None}
    with database.read() as connection:
        content = connection.execute(select(STAGED_IMPORTS.c.content)).scalar_one()
    assert b"0310001H" not in content
    clock.advance(hours=1)
    assert imports.find("directory", actor, secret) is None
    with database.write() as connection:
        delete_old_rows(connection, clock.now())
        assert connection.execute(select(STAGED_IMPORTS)).all() == []


@pytest.mark.rule("R91")
def test_staged__the_newer_replaces_the_older_and_both_can_be_given_up(
    staged: tuple[StagedImports, FakeClock], monkeypatch: pytest.MonkeyPatch
) -> None:
    imports, _ = staged
    first = imports.keep("directory", operator(), StagedFile(table=table()))
    second = imports.keep("directory", operator(), StagedFile(table=table()))
    assert imports.find("directory", operator(), first) is None
    assert imports.find("directory", operator(), second)
    imports.erase("directory", operator(), second)
    assert imports.find("directory", operator(), second) is None
    monkeypatch.setattr(staged_imports, "LARGEST", 10)
    with pytest.raises(UnusableFile, match="trop de choses à garder"):
        imports.keep("directory", operator(), StagedFile(table=table()))


@pytest.mark.rule("R91")
def test_choice__is_kept_for_the_same_titles(database: Database) -> None:
    choices = ColumnChoices(database, FakeClock(NOW))
    assert not choices.recognise("directory", table(), SPECS).is_complete
    chosen = choices.recognise("directory", table(), SPECS, {"uai": 0, "until": None})
    choices.keep("directory", chosen)
    choices.keep("directory", chosen)
    again = choices.recognise("directory", table("ÉTABLISSEMENT;FIN\n0310002J;\n"), SPECS)
    assert again.places == {"uai": 0}
    assert not choices.recognise("listing", table(), SPECS).is_complete
    assert not choices.recognise("directory", table("Établissement;Terme\n1;2\n"), SPECS).is_complete
    narrower = (ColumnSpec("name", "Établissement"),)
    assert choices.recognise("directory", table(), narrower).is_complete  # a kept choice of other columns is left aside
