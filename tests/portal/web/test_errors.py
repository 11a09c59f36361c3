"""What a page says when the database does not serve: the reason to operators alone (R82)."""

import logging

import pytest

from portal.web.context import Context
from tests.kit.portal import CHEF, STAFF, Portal
from workflow.database.faults import DatabaseFault, DatabaseUnreachable
from workflow.engine.engine import ConcurrentUpdate


@pytest.mark.rule("R82")
def test_trouble__is_told_to_operators_and_in_the_log(portal: Portal, caplog: pytest.LogCaptureFixture) -> None:
    @portal.asgi.get("/plein")
    def full(context: Context) -> None:
        raise DatabaseUnreachable(DatabaseFault.NO_SPACE)

    @portal.asgi.get("/dispute")
    def disputed(context: Context) -> None:
        raise ConcurrentUpdate

    with caplog.at_level(logging.ERROR, "oda"):
        for person, said in ((STAFF, "Plus de place sur le disque"), (CHEF, "Le service est occupé")):
            page = portal.client(person).get("/plein")
            assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
            assert said in page.text
            assert ("Plus de place" in page.text) is (person is STAFF)
    assert caplog.messages == [f"database: {DatabaseFault.NO_SPACE.message}"] * 2
    assert portal.client(CHEF).get("/dispute").status_code == 503
