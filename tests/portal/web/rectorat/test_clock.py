"""/rectorat/horloge: what the server believes, and an operator's word that the date is right (R52, R82)."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from tests.kit.html_forms import form_to, send
from tests.kit.portal import CHEF, DRANE, STAFF, Portal
from workflow.database.clock import held_clock
from workflow.database.schedule_tables import CLOCK_HOLD

PLACE = "/rectorat/horloge"


def hold(portal: Portal) -> None:
    now = portal.clock.now()
    row = {"id": 1, "fault": "ahead", "held_at": now, "seen_at": now, "known_at": now - timedelta(days=2)}
    with portal.app.database.write() as connection:
        connection.execute(insert(CLOCK_HOLD), [row])


@pytest.mark.rule("R52")
def test_clock__a_right_date_is_confirmed_by_an_operator(portal: Portal) -> None:
    staff = portal.client(STAFF)
    assert "Rien ne fait douter de cette date" in staff.get(PLACE).text
    hold(portal)
    page = staff.get(PLACE)
    assert "Le logiciel ne croit pas cette date" in page.text
    assert "Confirmer que nous sommes le 14 septembre 2026 à 10 h 00" in page.text
    done = send(staff, form_to(page, PLACE))
    assert "la date est confirmée" in done.text
    with portal.app.database.read() as connection:
        assert held_clock(connection) is None


@pytest.mark.rule("R2", "R52")
def test_clock__a_reader_reads_it_and_a_chef_does_not(portal: Portal) -> None:
    hold(portal)
    reader = portal.client(DRANE)
    page = reader.get(PLACE)
    assert "Le logiciel ne croit pas cette date" in page.text
    assert "Confirmer que nous sommes" not in page.text
    assert reader.post(PLACE).status_code == 403
    assert portal.client(CHEF).get(PLACE).status_code == 403
    with portal.app.database.read() as connection:
        assert held_clock(connection) is not None


@pytest.mark.rule("R52")
def test_clock__a_date_that_cannot_be_right_is_not_confirmed(portal: Portal) -> None:
    hold(portal)
    staff = portal.client(STAFF)
    page = staff.get(PLACE)
    portal.clock.set(datetime(2020, 1, 1, tzinfo=UTC))  # a session of the future is still good
    refused = send(staff, form_to(page, PLACE))
    assert (refused.status_code, "Le serveur n'est pas à l'heure" in refused.text) == (422, True)
    with portal.app.database.read() as connection:
        assert held_clock(connection) is not None
