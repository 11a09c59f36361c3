"""Behind a pooler by transactions, each one may be another session of the server (R82)."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.kit.databases import fresh_url
from tests.kit.pgbouncer import pooled
from tests.kit.portal import CHEF, OTHER_CHEF, Portal, open_portal
from workflow.journal.verification import Verifier

CLIENTS, TIMES = 4, 5


@pytest.mark.rule("R82")
def test_pooler__requests_are_made_side_by_side_and_swept(tmp_path: Path) -> None:
    with fresh_url("postgresql", tmp_path) as direct, pooled(make_url(direct)) as url:
        address = url.render_as_string(hide_password=False)
        with open_portal(tmp_path, address) as portal:
            portal.app.ticker.tick()

            def declare(client: int) -> None:
                for number in range(TIMES):
                    who = CHEF if client % 2 else OTHER_CHEF
                    portal.declared(100 + client * TIMES + number, who)

            with ThreadPoolExecutor(CLIENTS) as clients:
                list(clients.map(declare, range(CLIENTS)))
            count = _requests(portal)
            assert count == CLIENTS * TIMES
            with portal.app.database.read() as connection:
                assert not list(Verifier(connection, portal.app.hasher).flaws())


def _requests(portal: Portal) -> int:
    with portal.app.database.read() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM delegation_request").scalar_one())
