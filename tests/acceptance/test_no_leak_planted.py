"""The search for a leaked code finds one that was put there on purpose, wherever it looks and however it is written.

Without these tests, finding nothing would prove nothing.
"""

import itertools
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from states.vocabulary import State
from tests.acceptance.captured_output import LOUD
from tests.acceptance.database_dump import dump
from tests.acceptance.leak_search import CODES, UAIS, LeakSearch, leak_search
from tests.kit.leak_planted import FORMS, marked
from tests.kit.leaks import Hit, search

__all__ = ["leak_search"]

PLANTED_FORMS = (
    "raw", "raw in groups", "UTF-16, little end first", "UTF-16, big end first", "base64, at the beginning",
    "base64, one byte later", "base64, two bytes later", "quoted-printable, all of it escaped", "percent, all of it",
    "hexadecimal", "JSON, all escaped", "zlib", "PDF", "mail in HTML, in base64", "mail in HTML, in quoted-printable",
    "PDF in a mail",
)  # fmt: skip
"""The forms that are tried in each place; ``test_leaks`` tries them all."""
MARKED = {form: marked(form) for form in PLANTED_FORMS}
"""A code of its own for each form, so that it is known which are found."""
BYTES = {form: FORMS[form](code) for form, code in MARKED.items()}
TEXTS = {form: content.decode() if content.isascii() else repr(content) for form, content in BYTES.items()}
"""The same as a log or a column of text would hold them."""
RAW = marked("planted as it is")


def missed(hits: list[Hit], forms: dict[str, str] | None = None) -> list[str]:
    secrets = {hit.secret for hit in hits}
    return [form for form, code in (forms or MARKED).items() if code not in secrets]


def in_a_table(leak_search: LeakSearch) -> None:
    with leak_search.database.write() as connection:
        connection.execute(text("CREATE TABLE planted (value TEXT)"))
        connection.execute(text("INSERT INTO planted VALUES (:value)"), [{"value": value} for value in TEXTS.values()])


@pytest.mark.rule("R60")
def test_planted__in_a_table(leak_search: LeakSearch) -> None:
    assert leak_search.hits_in_storage(*MARKED.values()) == [], "what is found below is what is planted"
    in_a_table(leak_search)
    leak_search.ear.logs.clear()
    assert missed(leak_search.hits_in_storage(*MARKED.values())) == []
    if leak_search.database.is_postgresql:
        assert missed(search([*MARKED.values()], dump(leak_search.database))) == []


@pytest.mark.rule("R60")
def test_planted__and_erased_again(leak_search: LeakSearch) -> None:
    with leak_search.database.write() as connection:
        connection.execute(text("CREATE TABLE planted (value TEXT)"))
        connection.execute(text("INSERT INTO planted VALUES (:value)"), {"value": RAW})
    with leak_search.database.write() as connection:
        connection.execute(text("DROP TABLE planted"))
    if leak_search.database.is_postgresql:
        assert any("pg_wal" in hit.where for hit in leak_search.on_disk(RAW))
    else:
        assert any("-wal" in hit.where for hit in search(RAW, leak_search.folder))
        assert leak_search.hits_in_storage(RAW) == [], "its log is emptied, its pages are wiped"


@pytest.mark.rule("R60")
def test_planted__in_what_the_database_is_given(leak_search: LeakSearch) -> None:
    with leak_search.database.read() as connection:
        for value in BYTES.values():
            connection.execute(text("SELECT :value"), {"value": value})
    hits = [hit for hit in leak_search.hits(*MARKED.values()) if hit.where.startswith("parameters")]
    assert missed(hits) == []


@pytest.mark.rule("R60")
def test_planted__in_a_log(leak_search: LeakSearch) -> None:
    loggers = itertools.cycle(
        ["notifications.delivery.dispatcher", "sqlalchemy.engine.Engine", "aiosmtplib", "", "any.other"]
    )
    for (form, value), logger in zip(TEXTS.items(), loggers, strict=False):
        logging.getLogger(logger).debug("%s : %s", form, value)
    levels = {f"{logger} {level}": marked(f"{logger} {level}") for logger in LOUD for level in range(10, 60, 10)}
    for place, code in levels.items():
        logging.getLogger(place.split(" ")[0]).log(int(place.split(" ")[1]), "%s", code)
    assert missed(leak_search.hits(*MARKED.values(), *levels.values()), MARKED | levels) == []


@pytest.mark.rule("R60")
def test_planted__in_a_traceback(leak_search: LeakSearch) -> None:
    for value in TEXTS.values():
        try:
            raise ValueError(value)
        except ValueError:
            logging.getLogger("oda").debug("failed", exc_info=True)
    lines = leak_search.ear.logs.get("oda", [])
    assert [value in line for value, line in zip(TEXTS.values(), lines, strict=True)] == [True] * len(TEXTS)
    assert missed(leak_search.hits(*MARKED.values())) == []


@pytest.mark.rule("R60")
def test_planted__in_a_file_or_its_name(leak_search: LeakSearch) -> None:
    for number, value in enumerate(BYTES.values()):
        (leak_search.folder / "secrets" / f"{number}.bin").write_bytes(value)
    (leak_search.folder / RAW).touch()
    assert missed(leak_search.hits_in_storage(RAW, *MARKED.values()), MARKED | {"name": RAW}) == []


@pytest.mark.rule("R60")
def test_planted__in_an_output(leak_search: LeakSearch) -> None:
    leak_search.written += [*BYTES.values()]
    assert missed(leak_search.hits(*MARKED.values())) == []


def in_the_journal(leak_search: LeakSearch) -> None:
    reference = leak_search.desk.office.request(State.REQUESTED, UAIS[0])
    source = ("--outcome", "positive", "--source", f"liste {CODES[0]}")
    leak_search.desk.oda("request", "check-listing", reference, *source)


def in_the_asyncio_log(leak_search: LeakSearch) -> None:
    """As a code would be that a thread gives back as a bare text."""
    import asyncio

    asyncio.run(asyncio.to_thread(str, CODES[0]))


def in_a_column(name: str) -> Callable[[LeakSearch], None]:
    def plant(leak_search: LeakSearch) -> None:
        leak_search.desk.office.request(State.DECLARED, UAIS[0])
        with leak_search.database.write() as connection:
            connection.execute(text(f"UPDATE outgoing_mail SET {name} = :value"), {"value": f"« {CODES[0]} »"})
        leak_search.ear.logs.clear()

    return plant


def in_a_piece(leak_search: LeakSearch) -> None:
    logging.getLogger("oda").warning("%.12s…", CODES[0][2:])


PLACES: dict[str, Callable[[LeakSearch], None]] = {
    "journal": in_the_journal,
    "asyncio": in_the_asyncio_log,
    "body": in_a_column("body"),
    "html": in_a_column("html"),
    "papers": in_a_column("papers"),
    "reply": in_a_column("last_reply"),
    "piece": in_a_piece,
}


@pytest.mark.rule("R60")
@pytest.mark.parametrize("place", PLACES)
def test_planted__makes_the_look_fail(leak_search: LeakSearch, place: str) -> None:
    leak_search.look()
    PLACES[place](leak_search)
    with pytest.raises((AssertionError, ValueError), match=r"raw|JSON"):
        leak_search.look()


@pytest.mark.rule("R60")
def test_planted__in_the_server_s_own_log(leak_search: LeakSearch, tmp_path: Path) -> None:
    if not leak_search.database.is_postgresql:
        pytest.skip("SQLite has no server")
    with leak_search.database.write() as connection:
        connection.exec_driver_sql(f"DO $$ BEGIN RAISE LOG 'planted {RAW}'; END $$")
    hits = leak_search.on_disk(RAW)
    assert any("pg_wal" not in hit.where and "base" not in hit.where for hit in hits), hits
