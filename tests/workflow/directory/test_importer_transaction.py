"""One transaction, few statements, one import at a time."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event as sql_event

from notifications.ports import set_crash_hook
from tests.workflow.directory.conftest import Bench
from tests.workflow.directory.files import file_of, row, rows, uai_of
from workflow.journal.verification import Verifier


@pytest.mark.rule("R67")
def test_import__failing_at_its_end_changes_nothing(bench: Bench) -> None:
    bench.bring(*rows(3))
    before = bench.everything()

    def fail(point: str) -> None:
        if point == "directory.after_write":
            raise RuntimeError(point)

    set_crash_hook(fail)
    try:
        with pytest.raises(RuntimeError):
            bench.bring(row(nom="Autre"), *rows(5, 10))
    finally:
        set_crash_hook(None)
    assert bench.everything() == before


@pytest.mark.rule("R66")
def test_import__two_at_once_are_one(bench: Bench) -> None:
    content = file_of(*rows(50))
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(bench.bring_bytes, [content, content]))
    assert sorted(len(imported.new) for imported in both) == [0, 50]
    assert len(bench.events()) == 1


def statements(bench: Bench, number: int) -> int:
    """How many statements an import takes that changes, closes and adds ``number`` establishments."""
    bench.bring(*rows(2 * number), accept_loss=True)
    calls: list[object] = []

    def see(*_: object) -> None:
        calls.append(1)

    sql_event.listen(bench.database.engine, "before_cursor_execute", see)
    bench.bring(*rows(number, nom="autre"), *rows(number, 10_000 + number), accept_loss=True)
    sql_event.remove(bench.database.engine, "before_cursor_execute", see)
    return len(calls)


def test_import__statements_do_not_grow_with_the_rows(bench: Bench) -> None:
    assert statements(bench, 10) == statements(bench, 500) <= 15


@pytest.mark.rule("R63", "R65")
def test_journal__holds_after_imports_and_mailboxes(bench: Bench) -> None:
    bench.bring(*rows(3))
    bench.set_mailbox(uai_of(1), "fixe@ac-toulouse.fr")
    bench.set_mailbox(uai_of(1), None)
    bench.bring(*rows(2))
    with bench.database.read() as connection:
        assert list(Verifier(connection, bench.hasher).flaws()) == []
    assert [e["kind"] for e in bench.events()] == [
        "directory_imported",
        "mailbox_set",
        "mailbox_set",
        "directory_imported",
    ]
