"""What a database's error means, for whoever is told (R82)."""

import sqlite3
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from tests.kit.databases import fresh_database
from workflow.database.connection import LARGEST_WAL, Database
from workflow.database.faults import DatabaseBusy, DatabaseFault, DatabaseUnreachable, LostRace, trouble_of

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


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('FATAL:  password authentication failed for user "oda"', DatabaseFault.PASSWORD),
        ("FATAL:  authentification par mot de passe échouée pour l'utilisateur « oda »", DatabaseFault.PASSWORD),
        ("fe_sendauth: no password supplied", DatabaseFault.PASSWORD),
        ('FATAL:  role "oda" does not exist', DatabaseFault.PASSWORD),
        ('FATAL:  no pg_hba.conf entry for host "10.1.2.3", user "oda", database "oda"', DatabaseFault.PASSWORD),
        (
            'FATAL:  password authentication failed for user "oda"\n'
            'FATAL:  no pg_hba.conf entry for host "10.1.2.3", user "oda", database "oda", no encryption',
            DatabaseFault.PASSWORD,
        ),
        ('FATAL:  no pg_hba.conf entry for host "10.1.2.3", user "oda", no encryption', DatabaseFault.TLS),
        ('FATAL:  database "oda" does not exist', DatabaseFault.NO_DATABASE),
        ("FATAL:  la base de données « oda » n'existe pas", DatabaseFault.NO_DATABASE),
        ("failed to resolve host 'bdd': [Errno -2] Name or service not known", DatabaseFault.NO_HOST),
        ('connection to server at "10.1.2.3", port 5432 failed: Connection refused', DatabaseFault.REFUSED),
        (
            'connection to server on socket "/run/.s.PGSQL.5432" failed: No such file or directory',
            DatabaseFault.REFUSED,
        ),
        ("server does not support SSL, but SSL was required", DatabaseFault.TLS),
        ("SSL error: certificate verify failed", DatabaseFault.TLS),
        ('root certificate file "/root/.postgresql/root.crt" does not exist', DatabaseFault.TLS),
        ("FATAL:  sorry, too many clients already", DatabaseFault.TOO_MANY),
        ("connection timeout expired", DatabaseFault.UNREACHABLE),
    ],
)
def test_fault__of_a_connection_that_has_no_code_is_told_apart(text: str, fault: DatabaseFault) -> None:
    trouble = trouble_of(OperationalError(None, None, psycopg.OperationalError(f"connection failed: {text}")))
    assert trouble is not None
    assert str(trouble) == fault.message


def test_fault__of_connections_that_postgresql_really_refuses(tmp_path: Path) -> None:
    with fresh_database("postgresql", tmp_path) as database:
        url = database.url
    for changed, fault in (
        (url.set(database="nosuch"), DatabaseFault.NO_DATABASE),
        (url.set(username="nosuch"), DatabaseFault.PASSWORD),
        (url.set(query={}, host="nosuch.invalid"), DatabaseFault.NO_HOST),
        (url.set(query={}, host="127.0.0.1", port=1), DatabaseFault.REFUSED),
    ):
        refused = Database(changed)
        with pytest.raises(DatabaseUnreachable) as raised, refused.read():
            pass
        refused.dispose()
        assert raised.value.fault is fault
