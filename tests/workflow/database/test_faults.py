"""What a database's error means, for whoever is told (R82)."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.kit.databases import fresh_database
from workflow.database.connection import LARGEST_WAL, Database
from workflow.database.faults import DatabaseBusy, DatabaseFault, DatabaseUnreachable, LostRace

RAISED = "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{}'; END $$"


def write(database: Database, statement: str) -> None:
    with database.write() as connection:
        connection.exec_driver_sql(statement)


@pytest.mark.parametrize(
    ("code", "kind", "fault"),
    [
        ("53100", DatabaseUnreachable, DatabaseFault.NO_SPACE),
        ("53300", DatabaseBusy, DatabaseFault.TOO_MANY),
        ("57014", DatabaseBusy, DatabaseFault.CANCELLED),
        ("25006", DatabaseUnreachable, DatabaseFault.READ_ONLY),
        ("55P03", DatabaseBusy, DatabaseFault.BUSY),
        ("40P01", LostRace, DatabaseFault.BUSY),
        ("57P03", DatabaseUnreachable, DatabaseFault.UNREACHABLE),
    ],
)
def test_fault__of_postgresql_is_told_by_its_code(
    tmp_path: Path, code: str, kind: type[DatabaseBusy | DatabaseUnreachable], fault: DatabaseFault
) -> None:
    with fresh_database("postgresql", tmp_path) as database, pytest.raises(kind) as raised:
        write(database, RAISED.format(code))
    assert raised.value.fault is fault
    assert str(raised.value) == fault.message


def test_fault__a_full_disk_and_one_that_refuses_to_be_written(tmp_path: Path) -> None:
    with fresh_database("sqlite", tmp_path) as database:
        with database.aside() as connection:
            pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        with database.read() as connection:  # the pool's one connection, which keeps this
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(DatabaseUnreachable) as raised:
            write(database, "CREATE TABLE big AS SELECT randomblob(1000000)")
        assert (raised.value.fault, raised.value.can_read) == (DatabaseFault.NO_SPACE, True)
        with database.read() as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_fault__a_missing_file_is_not_made_anew_by_who_only_looks(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'oda.sqlite'}")
    with pytest.raises(DatabaseUnreachable), database.aside():
        pass
    assert not (tmp_path / "oda.sqlite").exists()


def test_sqlite__cuts_back_the_file_that_a_long_reader_made_grow(tmp_path: Path) -> None:
    path = tmp_path / "oda.sqlite"
    database = Database(f"sqlite:///{path}")
    write(database, "CREATE TABLE big (bytes blob)")
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM big").fetchall()
    write(database, f"INSERT INTO big VALUES (randomblob({2 * LARGEST_WAL}))")
    reader.close()
    for _ in range(3):
        write(database, "INSERT INTO big VALUES (NULL)")
    wal = path.with_name("oda.sqlite-wal").stat().st_size
    database.dispose()
    assert wal <= LARGEST_WAL
