"""PostgreSQL restarts under load, as by a power cut and as by an administrator: ours is not restarted (R82)."""

import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select

from notifications.outbox.store import MAILS, enqueue
from notifications.vocabulary import Audience, Draft
from tests.kit.forked_process import forked, writing_to
from tests.kit.killed_process import run_oda
from tests.kit.ports import free_port
from tests.kit.postgresql_server import PrivateServer, private_server
from tests.kit.smtp import ScriptedRelay
from tests.kit.worker_processes import Installation, stopped

MAILS_WAITING = 400
MODES = ("immediate", "fast")


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateServer]:
    with private_server() as server:
        yield server


def waiting(installation: Installation) -> int:
    """How many mails are not yet with the relay."""
    with installation.database.read() as connection:
        query = select(func.count()).select_from(MAILS).where(MAILS.c.stage != "sent")
        return int(connection.execute(query).scalar_one())


@pytest.mark.rule("R56", "R82")
@pytest.mark.parametrize("mode", MODES)
def test_mails__two_machines_share_them_and_none_leaves_twice(server: PrivateServer, tmp_path: Path, mode: str) -> None:
    url = server.make_database(f"oda_mails_{mode}")
    with (
        ScriptedRelay(latency=0.005) as relay,
        closing(Installation(tmp_path / "post", url, 2, port=relay.port)) as post,
    ):
        write(post)
        with post.node("un") as first, post.node("deux") as second:
            post.waits(lambda _: len(relay.received) > MAILS_WAITING // 4)
            server.restart(mode)
            post.waits(lambda installation: waiting(installation) == 0, 120)
            assert (first.exitcode, second.exitcode) == (None, None)
            assert (stopped(first), stopped(second)) == (0, 0)
        received = Counter(to for got in relay.received for to in got.recipients)
    assert {to: received[to] for to in map(mailbox, range(MAILS_WAITING))} == dict.fromkeys(
        map(mailbox, range(MAILS_WAITING)), 1
    )


def mailbox(number: int) -> str:
    return f"ce.{number}@ac-toulouse.fr"


def write(post: Installation) -> None:
    """Mails that wait, each to an address of its own."""
    from notifications.authoring.examples import EXAMPLES
    from workflow.app import bootstrap
    from workflow.settings.loader import load_settings

    app = bootstrap(load_settings(post.config), {})
    kind, facts = EXAMPLES["withdrawn"]
    at = post.begins_at()
    drafts = [
        Draft(kind=kind, audience=Audience.ESTABLISHMENT, recipient=mailbox(number), context=facts)
        for number in range(MAILS_WAITING)
    ]
    with app.database.write() as connection:
        enqueue(connection, drafts, at, context=app.mailer.mail_context)
    app.close()


def answer(address: str) -> int:
    try:
        with urllib.request.urlopen(address, timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (urllib.error.URLError, ConnectionError):
        return 0


@pytest.mark.rule("R82")
@pytest.mark.parametrize("mode", MODES)
def test_portal__answers_again_by_itself_and_never_breaks(server: PrivateServer, tmp_path: Path, mode: str) -> None:
    """While the database is away a page says so (503); nothing else is ever answered, and no visit is lost after."""
    installation = Installation(tmp_path / "portal", server.make_database(f"oda_portal_{mode}"), 2)
    port = free_port()
    words = ["--config", str(installation.config), "serve", "--port", str(port)]
    log = tmp_path / "serve.log"
    page = f"http://127.0.0.1:{port}/connexion/lien/{'a' * 43}"
    with closing(installation):
        process = forked(writing_to, log, run_oda, words)
        try:
            installation.waits(lambda _: answer(f"http://127.0.0.1:{port}/pret") == 200)
            usual = answer(page)
            statuses, done = Counter[int](), threading.Event()
            visitors = [threading.Thread(target=visit, args=(page, statuses, done)) for _ in range(4)]
            for visitor in visitors:
                visitor.start()
            time.sleep(0.5)
            server.stop(mode)
            installation.waits(lambda _: statuses[503] > 4)
            server.start()
            before = statuses[usual]
            installation.waits(lambda _: statuses[usual] > before + 20)
            done.set()
            for visitor in visitors:
                visitor.join()
            assert process.exitcode is None
            assert set(statuses) == {usual, 503}, log.read_text()
            assert answer(f"http://127.0.0.1:{port}/pret") == 200
            assert stopped(process) == 0
        finally:
            process.kill()
            process.join()


def visit(page: str, statuses: "Counter[int]", done: threading.Event) -> None:
    while not done.is_set():
        statuses[answer(page)] += 1
