"""Killed while a code is read on the portal: read by nobody and issued again, or still there to be read (R112)."""

import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import select

from states import commands as c
from states.model import Actor
from states.vocabulary import ReissueReason, SignInMethod
from tests.kit import drawn_codes as kit
from tests.kit.forked_process import exit_code_of
from tests.kit.killed_process import play
from tests.kit.system import System
from tests.workflow.year_end.test_service_sweep import SEPTEMBER
from workflow.codes.reading import open_code
from workflow.database.journal_tables import EVENT

pytestmark = pytest.mark.rule("R112", "R44")


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = reading(kit.drawing_system(database_url, SEPTEMBER))
    system.issued(only_ready=True)
    reference = next(iter(system.requests()))
    system.accept(c.IssueCode(reference=reference, code=c.Code(clear="Ab12Cd34")), "opérateur")
    system.send_mails()
    yield system
    system.close()


def reading(system: System) -> System:
    """The same system, whose codes are read on their page; the sealing key is that of every process."""
    system.policy = replace(system.policy, draws_codes=False, code_by_link=True)
    system.restart()
    return system


def chef(system: System) -> Actor:
    return system.actors["chef A"]


def read(system: System) -> object:
    command = c.OpenCode(reference=next(iter(system.requests())), method=SignInMethod.PROVIDER)
    return open_code(system.engine, system.mailer, command, chef(system))


def read_in_another_process(system: System) -> None:
    read(reading(kit.drawing(system)))


@pytest.mark.parametrize("point", ["engine.before_commit", "codes.opened"])
def test_kill__while_it_is_read(system: System, point: str) -> None:
    assert exit_code_of(play, read_in_another_process, system.url, SEPTEMBER, point) == -signal.SIGKILL
    if point == "engine.before_commit":
        assert read(system) == c.Code(clear="Ab12Cd34"), "nothing was done: it is there to be read"
    else:
        assert not isinstance(read(system), c.Code), "the journal says that it was read, and it is not there twice"
        (reference,) = system.requests()
        again = c.ReissueCode(reference=reference, reason=ReissueReason.LOST, code=c.Code(clear="Neuf1234"))
        system.accept(again, "opérateur")
        system.send_mails()
        assert read(system) == c.Code(clear="Neuf1234")
    with system.database.read() as connection:
        openings = connection.execute(select(EVENT.c.seq).where(EVENT.c.kind == "open_code")).all()
    assert len(openings) == (1 if point == "engine.before_commit" else 2)
    assert system.flaws() == []
