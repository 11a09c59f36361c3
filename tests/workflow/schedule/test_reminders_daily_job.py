"""Two nodes make the same pass at the same time, on PostgreSQL: each mail is made once (R79, R82)."""

import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.kit.databases import fresh_url
from tests.kit.system import System
from tests.workflow.schedule.scene import at, declared_elsewhere, duties, settle
from workflow.schedule import reminders

BORN, DUE = date(2026, 9, 7), date(2026, 9, 14)


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[System]]:
    with fresh_url("postgresql", tmp_path) as url:
        first = settle(System(url, at(BORN)))
        for number in range(30):
            declared_elsewhere(first, number)
        worlds = [first, *(settle(System.reopened(url, at(DUE))) for _ in range(2))]
        yield worlds
        for system in worlds:
            system.close()


@pytest.mark.rule("R79", "R82")
def test_together__each_reminder_once(nodes: list[System], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reminders, "PAGE", 4)
    start, counts, failures = threading.Barrier(len(nodes)), list[int](), list[BaseException]()

    def work(system: System) -> None:
        system.clock.set(at(DUE))
        start.wait()
        try:
            counts.append(duties(system).run().reminders)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(system,)) for system in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sum(counts) == 30
    assert len({mail.reference for mail in nodes[0].mails("stalled_reminder")}) == 30
    assert len(nodes[0].mails("stalled_reminder")) == 30
    assert duties(nodes[1]).run().reminders == 0
