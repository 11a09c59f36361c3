"""No text of the database is forgotten: each is personal, and goes, or is not (R110)."""

import importlib
import pkgutil

import pytest
from sqlalchemy import Boolean, Column, Date, Float, Integer
from sqlmodel import SQLModel

import workflow.database
from notifications.sql import UtcDateTime
from workflow.retention.erasure import BLANK_MAIL, BLANK_REQUEST, IMPERSONAL, PERSONAL, Fate

NUMBERS = (Boolean, Date, Float, Integer, UtcDateTime)


def texts() -> set[str]:
    """Every column that can hold words."""
    for module in pkgutil.iter_modules(workflow.database.__path__):
        importlib.import_module(f"workflow.database.{module.name}")

    def holds_words(column: Column[object]) -> bool:
        return not isinstance(column.type, NUMBERS)

    return {f"{table.name}.{c.name}" for table in SQLModel.metadata.tables.values() for c in table.c if holds_words(c)}


@pytest.mark.rule("R110")
def test_every_text_of_the_database_is_said_to_be_personal_or_not() -> None:
    """A new column goes to one of the two; a personal one goes with something, and a test shows that it does."""
    personal = {f"{table}.{column}" for table, columns in PERSONAL.items() for column in columns}
    impersonal = {f"{table}.{column}" for table, columns in IMPERSONAL.items() for column in columns}
    assert personal & impersonal == set()
    assert sorted(personal | impersonal) == sorted(texts())


@pytest.mark.rule("R110")
def test_what_goes_with_a_request_or_a_mail_is_what_is_blanked() -> None:
    assert set(BLANK_REQUEST) - {"drane"} == set(PERSONAL["delegation_request"])
    assert set(BLANK_MAIL) | {"dedupe_key"} == set(PERSONAL["outgoing_mail"])
    assert {fate for columns in PERSONAL.values() for fate in columns.values()} == set(Fate)
