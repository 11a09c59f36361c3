"""A sender and an operator who work on the same mails at the same moment, on PostgreSQL: neither awaits the other."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update

from notifications.delivery.transactions import Begin, Finish, MailStore
from notifications.outbox.retry import SendOutcome, SendResult
from notifications.outbox.store import MAILS
from notifications.vocabulary import Fault, Stage
from tests.kit.mail_processes import MailProcesses
from tests.kit.smtp import ScriptedRelay
from workflow.journal import chain

pytestmark = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)

REFUSED = SendResult(SendOutcome.DEAD, Fault.RECIPIENT_REFUSED, "550 5.1.1 User unknown")


@pytest.fixture
def post(database_url: str, tmp_path: Path) -> Iterator[MailProcesses]:
    with ScriptedRelay() as relay:
        room = MailProcesses(tmp_path, database_url, relay)
        yield room
        room.close()


def until_it_waits(post: MailProcesses, work: Future[Any]) -> None:
    """Until somebody awaits a lock, or the work is done."""
    with post.app.database.engine.connect() as connection:
        for _ in range(1000):
            if work.done() or connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar():
                return
            time.sleep(0.005)
    raise AssertionError("nobody waits, and nothing is done")


@pytest.mark.rule("R58")
def test_write__a_death_and_a_beginning_beside_an_operator(post: MailProcesses) -> None:
    """The operator has the mail and wants the installation's journal; the sender, the journal last of all."""
    post.write("declared", "declared")
    with post.app.database.write() as connection:  # the second was doubted: an operator may send it again
        some = {"stage": "uncertain", "fault": "lost_reply", "doubted_at": post.clock.now(), "attempts": 1}
        connection.execute(update(MAILS).where(MAILS.c.id == 2).values(some))
    desk = MailStore(post.app.database, post.app.mailer, post.app.settings.mail, post.clock, post.app.mail_journal.dead)
    dying, doubted = desk.claim(2)
    desk.write([Begin(dying)])
    with ThreadPoolExecutor(1) as thread:
        with post.app.database.write() as connection:
            connection.execute(select(MAILS.c.id).where(MAILS.c.id == doubted.mail.id).with_for_update())
            work = thread.submit(desk.write, [Finish(dying, REFUSED), Begin(doubted)])
            until_it_waits(post, work)
            chain.lock(connection)
        assert work.result(20) == [Stage.DEAD, True]
    assert post.deaths() == [dying.mail.id]
    assert post.flaws() == []
