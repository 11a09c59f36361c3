"""The search that other tests trust: it finds the secret in every form, and nothing where there is none."""

import base64
import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.kit.leak_planted import AROUND, FORMS, in_lines, mail, mail_with_paper, pdf, sentence
from tests.kit.leaks import search

SECRET = "Zq7Xk2Wv9Bn4Tm6R"
SENTENCE = sentence(SECRET)
BYTES = SECRET.encode()


@pytest.mark.parametrize("form", FORMS)
def test_search__finds_each_form(form: str) -> None:
    assert search(SECRET, FORMS[form](SECRET)), form


@pytest.mark.parametrize("before", range(40, 60))
def test_search__finds_base64_wherever_its_lines_break(before: int) -> None:
    assert search(SECRET, in_lines(base64.b64encode(bytes(before) + BYTES + AROUND)))


@pytest.mark.parametrize("after", range(1, 16))
def test_search__finds_quoted_printable_wherever_its_line_breaks(after: int) -> None:
    assert search(SECRET, BYTES[:after] + b"=\r\n" + BYTES[after:])


@pytest.mark.parametrize("form", ["raw", "mail in base64", "PDF in a mail", "gzip"])
def test_search__finds_it_in_a_file_of_a_folder(form: str, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "rien.txt").write_text("rien")
    path = tmp_path / "a" / "b" / "x.bin"
    path.write_bytes(FORMS[form](SECRET))
    hits = search(BYTES, tmp_path)
    assert hits
    assert all(hit.where.startswith(str(path)) for hit in hits)


def test_search__finds_it_in_the_name_of_a_file(tmp_path: Path) -> None:
    (tmp_path / f"{SECRET}.txt").touch()
    assert search(SECRET, tmp_path)


def database(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE IF NOT EXISTS t (a TEXT, b BLOB)")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return connection


@pytest.mark.parametrize("form", ["raw", "PDF", "mail in quoted-printable", "zlib"])
def test_search__finds_it_in_a_row_of_sqlite(form: str, tmp_path: Path) -> None:
    with closing(database(tmp_path / "x.sqlite")) as connection:
        filler = os.urandom(4070)
        connection.execute("INSERT INTO t VALUES ('rien', ?)", (filler + FORMS[form](SECRET) + filler,))
    assert search(SECRET, tmp_path / "x.sqlite")


@pytest.mark.parametrize("before", range(3980, 4100, 7))
def test_search__finds_it_across_pages_of_the_file_and_of_its_log(before: int, tmp_path: Path) -> None:
    with closing(database(tmp_path / "x.sqlite")) as connection:
        connection.execute("INSERT INTO t VALUES ('rien', ?)", (os.urandom(before) + BYTES + os.urandom(5000),))
        log = (tmp_path / "x.sqlite-wal").read_bytes()
        assert search(SECRET, log)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert search(SECRET, (tmp_path / "x.sqlite").read_bytes())


@pytest.mark.parametrize("secure", ["ON", "OFF"])
def test_search__finds_what_sqlite_deleted_and_did_not_wipe(secure: str, tmp_path: Path) -> None:
    with closing(database(tmp_path / "x.sqlite")) as connection:
        connection.execute(f"PRAGMA secure_delete={secure}")
        connection.execute("INSERT INTO t VALUES (?, 'x')", (SENTENCE,))
        connection.execute("DELETE FROM t")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert bool(search(SECRET, tmp_path)) is (secure == "OFF")


def test_search__finds_nothing_where_there_is_nothing(tmp_path: Path) -> None:
    noise = random.Random(60).randbytes(1_000_000)
    assert search(SECRET, noise) == []
    for innocent in (mail("base64", "rien"), mail("quoted-printable", "rien"), mail_with_paper(pdf("rien"))):
        assert search(SECRET, innocent) == []
    with closing(database(tmp_path / "x.sqlite")) as connection:
        connection.execute("INSERT INTO t VALUES ('rien', ?)", (noise[:9000],))
    assert search(SECRET, tmp_path) == []
    assert search(SECRET, SECRET[:-1]) == search(SECRET, SECRET[1:]) == []
