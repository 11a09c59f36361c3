"""/rectorat/drane: prepared, sent, corrected, sent again, removed, on each database (R25, R96)."""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from python_calamine import CalamineWorkbook
from sqlalchemy import func, select

from states import commands as c
from states.vocabulary import DraneStanding, RevokeReason
from tests.kit.databases import fresh_url
from tests.kit.html_forms import form_to, forms_of
from tests.kit.portal import CHEF, DRANE, OTHER_CHEF, STAFF, Portal, open_portal
from workflow import drane
from workflow.database.file_tables import TRANSMISSION_LINE
from workflow.database.journal_tables import EVENT
from workflow.database.tables import REQUEST
from workflow.requests.filters import years_with_requests

PLACE = "/rectorat/drane"
SENT_BY_US = "drane:\n  declaration: sent_by_us\n"


@pytest.fixture
def portal(database_url: str, tmp_path: Path) -> Iterator[Portal]:
    with open_portal(tmp_path, database_url, settings=SENT_BY_US) as portal:
        yield portal


def prepared(client: TestClient, *references: str) -> Response:
    """The page of a transmission of these requests, or of all."""
    form = form_to(client.get(PLACE), "/preparer")
    fields: dict[str, object] = {name: value for name, value in form.fields.items() if name not in ("choix", "tout")}
    chosen: dict[str, object] = {"choix": list(references)} if references else {"tout": "oui"}
    return client.post(form.action, data=fields | chosen)


def noted(client: TestClient, page: Response, *references: str, sent_on: str = "2026-09-14") -> Response:
    """The page after saying that these lines of it were sent."""
    form = form_to(page, "/transmis")
    return client.post(form.action, data=form.fields | {"choix": list(references), "sent_on": sent_on})


def standings(portal: Portal) -> dict[str, str]:
    with portal.app.database.read() as connection:
        rows = connection.execute(select(REQUEST.c.reference, REQUEST.c.drane))
        return {row.reference: row.drane for row in rows}


def listed(page: Response) -> list[str]:
    return sorted(set(re.findall(r"ODA-2027-\d{5}", page.text)))


@pytest.mark.rule("R96", "R25")
def test_sent__a_request_is_prepared_taken_away_and_noted_once(portal: Portal) -> None:
    first, second = portal.declared(1), portal.declared(2, OTHER_CHEF)
    staff, reader = portal.client(STAFF), portal.client(DRANE)
    assert "2 RUPN à transmettre, 0 correction, 0 retrait." in reader.get(PLACE).text
    page = prepared(staff)
    address = page.url.path
    book = CalamineWorkbook.from_filelike(BytesIO(reader.get(f"{address}/fichier?format=xlsx").content))
    rows = book.get_sheet_by_index(0).to_python()
    assert rows[0][:3] == ["Mouvement", "UAI", "Établissement"]
    assert sorted(row[-1] for row in rows[1:]) == [first, second]
    assert {row[0] for row in rows[1:]} == {"ajout"}
    assert f"transmission n° {address.rsplit('/', 1)[1]}" in staff.get(PLACE).text
    assert [form for form in forms_of(staff.get(PLACE)) if form.action.endswith("/preparer")] == []
    done = noted(staff, page, first)
    assert "1 ligne est notée transmise à la DRANE le 14 septembre 2026" in done.text
    assert standings(portal) == {first: "up_to_date", second: "to_add"}
    twice = noted(staff, page, first, second)
    assert "1 ligne est notée" in twice.text
    assert noted(staff, page, first, second).status_code == 422
    with portal.app.database.read() as connection:
        kind = EVENT.c.kind == "send_to_drane"
        assert connection.execute(select(func.count()).where(kind)).scalar_one() == 2
    assert "Rien à transmettre" in reader.get(PLACE).text
    request = portal.client(STAFF).get(f"/rectorat/demandes/{first}").text
    assert "transmis par le rectorat le 14 septembre 2026" in request
    chef = portal.client(CHEF).get(f"/etablissement/demandes/{first}").text
    assert "par le rectorat, le 14 septembre 2026" in chef


@pytest.mark.rule("R96")
def test_sent__a_correction_between_the_file_and_its_note_stays_to_be_sent(portal: Portal) -> None:
    reference = portal.declared(1)
    staff = portal.client(STAFF)
    page = prepared(staff)
    portal.do(c.Amend(reference=reference, mail="autre.nom@ac-toulouse.fr"), CHEF)
    changed = staff.get(page.url.path)
    assert "1 ligne a changé depuis" in changed.text
    assert reference not in staff.get(f"{page.url.path}/fichier").text
    assert "1 ligne est notée" in noted(staff, page, reference).text
    assert standings(portal) == {reference: "to_correct"}
    assert "Correction : l&#39;adresse" in staff.get(PLACE).text
    assert "1 ligne est notée" in noted(staff, prepared(staff), reference).text
    portal.do(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), STAFF)
    assert standings(portal) == {reference: "to_remove"}
    assert "1 retrait" in staff.get(f"{PLACE}?vue=retraits").text
    assert "retrait;0310001H" in staff.get(f"{PLACE}/export?format=csv").text
    assert "1 ligne est notée" in noted(staff, prepared(staff), reference).text
    assert standings(portal) == {reference: "nothing"}


@pytest.mark.rule("R96")
def test_list__a_person_declared_anew_is_not_to_be_removed(portal: Portal) -> None:
    first = portal.declared(1)
    portal.do(c.SendToDrane(reference=first), STAFF)
    portal.do(c.Revoke(reference=first, reason=RevokeReason.ERROR, note="erreur de saisie"), STAFF)
    second = portal.declared(1)
    assert listed(portal.client(STAFF).get(PLACE)) == [second]
    portal.do(c.SendToDrane(reference=second), STAFF)
    portal.do(c.Revoke(reference=second, reason=RevokeReason.DEPARTURE), STAFF)
    assert listed(portal.client(STAFF).get(PLACE)) == [second]


@pytest.mark.rule("R96")
def test_prepared__given_up_is_to_be_sent_again_and_a_day_to_come_is_refused(portal: Portal) -> None:
    reference = portal.declared(1)
    staff = portal.client(STAFF)
    page = prepared(staff, reference)
    refused = noted(staff, page, reference, sent_on="2027-01-01")
    assert (refused.status_code, "14 septembre 2026" in refused.text) == (422, True)
    assert "Aucune ligne n'était choisie" in noted(staff, page).text
    form = form_to(page, "/abandonner")
    assert "1 ligne est de nouveau à transmettre" in staff.post(form.action, data=form.fields).text
    assert "abandonnée" in staff.get(page.url.path).text
    with portal.app.database.read() as connection:
        assert connection.execute(select(TRANSMISSION_LINE)).all() == []
    assert prepared(staff).url.path != page.url.path


@pytest.mark.rule("R96", "R9")
def test_sent__two_operators_at_once_note_it_once(portal: Portal) -> None:
    reference = portal.declared(1)
    number = drane.prepare(portal.app.engine, portal.actor(STAFF))
    assert number
    portal.do(c.SendToDrane(reference=reference), STAFF)  # by the other one, from the request's page
    today = portal.app.policy.calendar.today(portal.clock.now())
    (result,) = drane.note_sent(portal.app.engine, number, None, today, portal.actor(STAFF))
    assert "déjà notée, au 14 septembre 2026" in str(result[1])
    assert drane.note_sent(portal.app.engine, number, None, today, portal.actor(STAFF)) == []


@pytest.mark.rule("R96", "R2")
def test_declared__all_of_a_year_with_their_state_for_the_drane(portal: Portal) -> None:
    first, second = portal.declared(1), portal.submitted(2, OTHER_CHEF)
    reader = portal.client(DRANE)
    assert "2026-2027" in reader.get(PLACE).text
    lines = reader.get(f"{PLACE}/declares?annee=2026-2027&format=csv").text.splitlines()
    assert [(line.split(";")[8], line.split(";")[9]) for line in lines[1:]] == [
        (second, "demandée"),
        (first, "déclarée"),
    ]
    assert reader.get(f"{PLACE}/declares?annee=1999-2000").url.path == PLACE
    assert reader.post(f"{PLACE}/preparer").status_code == 403
    assert reader.get(f"{PLACE}/999").status_code == 404


@pytest.mark.rule("R96")
def test_list__nothing_of_a_year_that_has_ended(portal: Portal) -> None:
    reference = portal.issued_last_year()
    with portal.app.database.read() as connection:
        assert len(years_with_requests(connection)) == 1
        assert drane.open_drane_years(connection, portal.app.policy, portal.clock.now()) == []
    page = portal.client(STAFF).get(PLACE).text
    assert "Rien à transmettre" in page
    assert "#debut-liste" not in page
    (result,) = portal.app.engine.execute([c.SendToDrane(reference=reference)], portal.actor(STAFF))
    assert "a fini le 31 août 2026" in str(result)


@pytest.mark.rule("R25", "R96")
def test_page__where_each_chef_declares_it_leads_to_the_setting(tmp_path: Path) -> None:
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url) as portal:
        reference = portal.declared(1)
        page = portal.client(STAFF).get(PLACE).text
        assert "drane.declaration" in page
        assert "#debut-liste" not in page, "a way to a list that is not there"
        assert "drane.declaration" not in portal.client(DRANE).get(PLACE).text
        assert "transmis-drane" not in portal.client(STAFF).get(f"/rectorat/demandes/{reference}").text
        assert portal.client(STAFF).get(f"{PLACE}/1").status_code == 404
        assert reference in portal.client(DRANE).get(f"{PLACE}/declares?annee=2026-2027").text
        assert standings(portal) == {reference: DraneStanding.TO_ADD.value}


@pytest.mark.rule("R96", "R33")
def test_renewal__is_to_be_sent_anew(portal: Portal) -> None:
    (old,) = portal.ended_last_year(9)
    portal.do(c.Renew(reference=old), CHEF)
    assert "1 RUPN à transmettre" in portal.client(STAFF).get(PLACE).text
