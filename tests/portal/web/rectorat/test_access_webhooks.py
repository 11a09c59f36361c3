"""/rectorat/webhooks: the other systems that are told, their messages, one sent again (R118)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from tests.kit.databases import fresh_url
from tests.kit.html_forms import form_to, send
from tests.kit.portal import CHEF, DRANE, STAFF, Portal, open_portal
from tests.workflow.webhooks.scene import SECRET
from workflow.database.schedule_tables import DELIVERY, ENDPOINT_STATE

pytestmark = pytest.mark.rule("R118")
PLACE = "/rectorat/webhooks"
SETTINGS = (
    "webhooks:\n  endpoints:\n    - name: tickets\n      url: https://tickets.ac-toulouse.fr/oda?cle=secret\n"
    "    - name: annuaire\n      url: https://annuaire.ac-toulouse.fr/oda\n      include_people: true\n"
)


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in ("webhook-tickets", "webhook-annuaire"):
        (folder / name).write_text(SECRET)
        (folder / name).chmod(0o600)
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url, settings=SETTINGS) as portal:
        yield portal


def test_webhooks__are_seen_and_sent_again_by_an_operator(portal: Portal) -> None:
    portal.issued(1)
    lost = {
        "stage": "given_up",
        "answer": "réponse 500",
        "attempts": 10,
        "next_at": None,
        "ended_at": portal.clock.now(),
    }
    with portal.app.database.write() as connection:
        connection.execute(update(DELIVERY).where(DELIVERY.c.number == 1).values(lost))
    staff = portal.client(STAFF)
    page = staff.get(f"{PLACE}?etape=given_up")
    assert "Déclarer le RUPN" in page.text
    assert "Réponse 500" in page.text
    assert "tickets.ac-toulouse.fr" in page.text
    assert "cle=secret" not in page.text
    assert "Nomme le RUPN" in page.text
    done = send(staff, form_to(page, f"{PLACE}/1/renvoyer?etape=given_up"))
    assert str(done.url).endswith(f"{PLACE}?etape=given_up"), "what is left to send again is still shown"
    assert "le message repart dans la minute" in done.text.lower()
    with portal.app.database.read() as connection:
        row = connection.execute(select(DELIVERY).where(DELIVERY.c.number == 1)).one()
    assert (row.stage, row.attempts) == ("waiting", 0)
    assert "Les autres logiciels prévenus" in staff.get("/rectorat/courriels").text
    assert staff.get(f"{PLACE}?etape=autre").status_code == 422


def test_webhooks__a_reader_reads_them_and_a_chef_does_not(portal: Portal) -> None:
    portal.issued(1)
    reader = portal.client(DRANE)
    page = reader.get(PLACE)
    assert page.status_code == 200
    assert "/renvoyer" not in page.text
    assert reader.post(f"{PLACE}/1/renvoyer").status_code == 403
    assert portal.client(CHEF).get(PLACE).status_code == 403


@pytest.mark.rule("R115")
def test_health__tells_of_a_system_that_is_told_no_more_after_an_hour(portal: Portal) -> None:
    now = portal.clock.now()
    state = {"name": "tickets", "failures": 3, "failing_since": now, "gone_setting": "", "answer": ""}
    with portal.app.database.write() as connection:
        connection.execute(insert(ENDPOINT_STATE), [state])
    portal.clock.advance(minutes=50)
    assert [finding.needs_somebody for finding in portal.app.health.report().findings if "webhook" in finding.code] == [
        False
    ]
    portal.clock.advance(minutes=20)
    portal.app.health.keep(portal.app.health._read())
    [finding] = [finding for finding in portal.app.health.report().findings if "webhook" in finding.code]
    assert finding.needs_somebody
    assert finding.text == "« tickets » n'est plus prévenu depuis 70 minutes"
    assert b'oda_needs_somebody{check="webhook_tickets"} 1.0' in portal.app.metrics.exposition()
